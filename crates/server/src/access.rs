//! Who may do what (row P04): roles of an enterprise and of the provider's staff, and what each is permitted. What is not
//! said here is denied. Refuses to know sessions and routes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a person is. No account has two.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Role {
    /// 企业：所有者
    Owner,
    /// 企业：管理员
    Admin,
    /// 企业：班长
    Supervisor,
    /// 企业：坐席
    Agent,
    /// 企业：财务
    Finance,
    /// 企业：审计员
    Auditor,
    /// 企业：质检员
    QualityReviewer,
    /// 企业：机器账号，只作机器预评分
    Machine,
    /// 服务商：受理
    Intake,
    /// 服务商：审核
    Reviewer,
    /// 服务商：账务
    Billing,
    /// 服务商：系统
    System,
}

/// What a route asks for. Its code stands in the API's description as the scope of the route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// One's own account and session.
    Own,
    /// The list of calls and what is kept of one.
    ReadCalls,
    /// An agent's states and calls: an agent its own, who leads agents those of all.
    TakeCalls,
    /// What was said in calls.
    HearRecordings,
    /// Recordings taken out of the house: archives of many, and the evidence of one.
    ExportRecordings,
    /// To listen, whisper, barge in and take over while people talk.
    Supervise,
    /// Messages that callers left, and those that went to people.
    SeeToMessages,
    /// Recordings that must outlive their time.
    HoldRecordings,
    /// Calls and people as they are now, and what people did: when they came, worked and rested, and why.
    WatchLive,
    /// The document of the enterprise.
    ReadSetup,
    /// Changes of the document.
    ChangeSetup,
    /// Recordings that enterprises order: taken up and delivered.
    RecordPrompts,
    /// What may be heard of an enterprise's prompts.
    ReviewContent,
    /// People who sign in.
    ManageAccounts,
    /// Who changed what.
    ReadAudit,
    /// Balance, fees and caps.
    ReadMoney,
    /// Enterprises of the provider.
    ListEnterprises,
    /// Forms of quality scoring, to be read.
    ReadForms,
    /// Evaluations of agents' calls, read and written.
    Quality,
    /// Forms, rules, calibrations and appeals of quality scoring.
    LeadQuality,
    /// What a machine says of a call.
    Prescore,
}

impl Permission {
    /// All of them.
    pub const ALL: [Permission; 21] = [
        Permission::Own,
        Permission::ReadCalls,
        Permission::TakeCalls,
        Permission::HearRecordings,
        Permission::ExportRecordings,
        Permission::Supervise,
        Permission::SeeToMessages,
        Permission::HoldRecordings,
        Permission::WatchLive,
        Permission::ReadSetup,
        Permission::ChangeSetup,
        Permission::RecordPrompts,
        Permission::ReviewContent,
        Permission::ManageAccounts,
        Permission::ReadAudit,
        Permission::ReadMoney,
        Permission::ListEnterprises,
        Permission::ReadForms,
        Permission::Quality,
        Permission::LeadQuality,
        Permission::Prescore,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Permission::Own => "own",
            Permission::ReadCalls => "read_calls",
            Permission::TakeCalls => "take_calls",
            Permission::HearRecordings => "hear_recordings",
            Permission::ExportRecordings => "export_recordings",
            Permission::Supervise => "supervise",
            Permission::SeeToMessages => "see_to_messages",
            Permission::HoldRecordings => "hold_recordings",
            Permission::WatchLive => "watch_live",
            Permission::ReadSetup => "read_setup",
            Permission::ChangeSetup => "change_setup",
            Permission::RecordPrompts => "record_prompts",
            Permission::ReviewContent => "review_content",
            Permission::ManageAccounts => "manage_accounts",
            Permission::ReadAudit => "read_audit",
            Permission::ReadMoney => "read_money",
            Permission::ListEnterprises => "list_enterprises",
            Permission::ReadForms => "read_forms",
            Permission::Quality => "quality",
            Permission::LeadQuality => "lead_quality",
            Permission::Prescore => "prescore",
        }
    }

    /// The permission of a code.
    pub fn of(code: &str) -> Option<Permission> {
        Permission::ALL.into_iter().find(|one| one.code() == code)
    }
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 12] = [
        Role::Owner,
        Role::Admin,
        Role::Supervisor,
        Role::Agent,
        Role::Finance,
        Role::Auditor,
        Role::QualityReviewer,
        Role::Machine,
        Role::Intake,
        Role::Reviewer,
        Role::Billing,
        Role::System,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::Supervisor => "supervisor",
            Role::Agent => "agent",
            Role::Finance => "finance",
            Role::Auditor => "auditor",
            Role::QualityReviewer => "quality_reviewer",
            Role::Machine => "machine",
            Role::Intake => "intake",
            Role::Reviewer => "reviewer",
            Role::Billing => "billing",
            Role::System => "system",
        }
    }

    /// The role of a code.
    pub fn of(code: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|one| one.code() == code)
    }

    /// Whether it is one of the provider's staff, who reach every enterprise; the others reach their own alone.
    pub fn is_staff(self) -> bool {
        match self {
            Role::Intake | Role::Reviewer | Role::Billing | Role::System => true,
            Role::Owner
            | Role::Admin
            | Role::Supervisor
            | Role::Agent
            | Role::Finance
            | Role::Auditor
            | Role::QualityReviewer
            | Role::Machine => false,
        }
    }

    /// Whether the role has a permission.
    pub fn may(self, permission: Permission) -> bool {
        use Permission::{
            ChangeSetup, ExportRecordings, HearRecordings, HoldRecordings, LeadQuality, ListEnterprises,
            ManageAccounts, Own, Prescore, Quality, ReadAudit, ReadCalls, ReadForms, ReadMoney, ReadSetup,
            RecordPrompts, ReviewContent, SeeToMessages, Supervise, TakeCalls, WatchLive,
        };
        let has: &[Permission] = match self {
            Role::Owner => &[
                ReadCalls,
                TakeCalls,
                HearRecordings,
                ExportRecordings,
                Supervise,
                SeeToMessages,
                HoldRecordings,
                WatchLive,
                ReadSetup,
                ChangeSetup,
                ManageAccounts,
                ReadAudit,
                ReadMoney,
                ReadForms,
                Quality,
                LeadQuality,
            ],
            Role::Admin => &[
                ReadCalls,
                TakeCalls,
                HearRecordings,
                ExportRecordings,
                Supervise,
                SeeToMessages,
                HoldRecordings,
                WatchLive,
                ReadSetup,
                ChangeSetup,
                ManageAccounts,
                ReadForms,
                Quality,
                LeadQuality,
            ],
            Role::Supervisor => &[
                ReadCalls,
                TakeCalls,
                HearRecordings,
                ExportRecordings,
                Supervise,
                SeeToMessages,
                WatchLive,
                ReadSetup,
                ReadForms,
                Quality,
                LeadQuality,
            ],
            Role::Agent => &[TakeCalls],
            Role::Finance => &[ReadCalls, ReadMoney],
            Role::Auditor => {
                &[ReadCalls, HearRecordings, ExportRecordings, HoldRecordings, ReadSetup, ReadAudit]
            }
            Role::QualityReviewer => &[ReadCalls, HearRecordings, ExportRecordings, ReadForms, Quality],
            // What it reads is what it has to hear, and by which questions.
            Role::Machine => &[HearRecordings, ReadForms, Prescore],
            Role::Intake => &[ListEnterprises, ReadSetup, ChangeSetup, RecordPrompts, ManageAccounts],
            Role::Reviewer => &[ListEnterprises, ReadSetup, ReviewContent],
            Role::Billing => &[ListEnterprises, ReadCalls, ReadMoney],
            Role::System => &[ListEnterprises, WatchLive, ReadSetup, ReadAudit],
        };
        permission == Own || has.contains(&permission)
    }

    /// Whether it leads agents: their states and calls are its business as well as theirs.
    pub fn leads(self) -> bool {
        match self {
            Role::Owner | Role::Admin | Role::Supervisor => true,
            Role::Agent
            | Role::Finance
            | Role::Auditor
            | Role::QualityReviewer
            | Role::Machine
            | Role::Intake
            | Role::Reviewer
            | Role::Billing
            | Role::System => false,
        }
    }

    /// Whether it may give an account this role: nobody makes somebody above them, and only staff make staff.
    pub fn may_appoint(self, other: Role) -> bool {
        match self {
            Role::Owner | Role::Intake => !other.is_staff(),
            Role::Admin => matches!(
                other,
                Role::Supervisor | Role::Agent | Role::Finance | Role::QualityReviewer | Role::Machine
            ),
            Role::Supervisor
            | Role::Agent
            | Role::Finance
            | Role::Auditor
            | Role::QualityReviewer
            | Role::Machine
            | Role::Reviewer
            | Role::Billing
            | Role::System => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p04_every_code_is_read_back_and_an_unknown_one_is_nobodys() {
        for role in Role::ALL {
            assert_eq!(Role::of(role.code()), Some(role));
            assert_eq!(serde_json::to_value(role).expect("a code"), role.code());
        }
        for permission in Permission::ALL {
            assert_eq!(Permission::of(permission.code()), Some(permission));
            assert_eq!(serde_json::to_value(permission).expect("a code"), permission.code());
        }
        assert_eq!((Role::of("root"), Permission::of("all")), (None, None));
    }

    #[test]
    fn p04_nobody_appoints_somebody_above_them() {
        for appoints in Role::ALL {
            for appointed in Role::ALL.into_iter().filter(|other| appoints.may_appoint(*other)) {
                assert!(appoints.may(Permission::ManageAccounts), "{appoints:?}");
                assert!(!appointed.is_staff(), "{appoints:?} {appointed:?}");
                let more = Permission::ALL.into_iter().filter(|one| {
                    appointed.may(*one) && !appoints.may(*one) && *one != Permission::ReadAudit
                });
                // An owner's deputy in the provider's house fills in a form; what it opens is the owner's.
                assert!(appoints == Role::Intake || more.count() <= 1, "{appoints:?} {appointed:?}");
            }
        }
        assert!(!Role::Admin.may_appoint(Role::Admin) && !Role::Admin.may_appoint(Role::Owner));
    }
}
