//! What a finished call leaves behind for the books: one value, written in one transaction, harmless to write twice.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::agent::{Agent, StateChange};
use crate::call::{Dated, Fact, LegNo};
use crate::callback::{CallbackEnd, request_state};
use crate::cdr::{self, CallRecord, QueueStay};
use crate::ledger::{self, AccountKind, Entry};
use crate::message::{self, Message};
use crate::queue::AgentChange;
use crate::rating::{self, Charge, ChargeKind, Tariffs};
use crate::tenant::{self, Admission};
use crate::{CallId, Money, Mono, Now, PlanId, TenantId, Wall};

/// A finished call with its charges and entries, and where it stands in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// Journal position just behind the call's last fact; the store's mark moves to it.
    pub position: u64,
    /// The record.
    pub record: CallRecord,
    /// Whether it counts against the month's calls (row B06), by the rules it began with.
    pub counts: bool,
    /// Its charges: at most one sale, one cost for each outgoing leg that answered.
    pub charges: Vec<Charge>,
    /// The balanced entries of these charges.
    pub entries: Vec<Entry>,
    /// The call's whole log, encoded; kept compressed beside the record.
    pub log: Vec<u8>,
    /// What it has told to people.
    #[serde(default)]
    pub messages: Vec<Message>,
    /// What the call left changed in its tenant, as absolute values: the last one written wins.
    pub states: Vec<TenantState>,
    /// What people did in it, for the audit.
    #[serde(default)]
    pub deeds: Vec<Deed>,
    /// What became of requests for callbacks by it (row Q15).
    #[serde(default)]
    pub callbacks: Vec<CallbackChange>,
    /// Its stays in queues, in the order they began (row Q12).
    #[serde(default)]
    pub stays: Vec<QueueStay>,
}

/// What became of a request for a callback by a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackChange {
    /// The call that asked.
    pub request: CallId,
    /// How it ended; none while it is open.
    pub how: Option<CallbackEnd>,
    /// Tries so far.
    pub tries: u8,
    /// When the next may be; none once it is over.
    pub next_at: Option<Wall>,
}

/// What somebody did in a call, once it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// What.
    pub kind: DeedKind,
    /// Who.
    pub by: String,
    /// When it was over.
    pub at: Wall,
    /// More of it, in stable words.
    pub detail: String,
}

/// What people do in calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeedKind {
    /// A supervisor was in the talk (row Q13): what for, and for how many seconds.
    WatchOver,
}

impl DeedKind {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            DeedKind::WatchOver => "watch_over",
        }
    }
}

/// One remembered value of a tenant that must survive a restart: a pointer, the state of a deal, what a phone did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TenantState {
    /// What it is, unique in the tenant: `pointer/<number>/<group>`, `deal/<number>/<step>`, `weight/<number>/<group>`,
    /// `phone/<digits>`, `memory/<place>`, `lock/<number>/<caller>`, `suspect/<place>`, `agent/<number>`, `asked/<place>`,
    /// `callback/<place>`, `outgoing/<number or all>`; told but never kept so: `stop/<number>`, `ended/<call>`.
    pub key: String,
    /// Its value as text.
    pub value: String,
    /// The tenant's turn that set it; a lower one never overwrites a higher one.
    pub position: u64,
}

/// A change of an agent's state, with what is kept of the agent from then on (row Q10): written in one transaction, harmless
/// to write twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStep {
    /// The agent's enterprise.
    pub tenant: TenantId,
    /// The agent's number.
    pub agent: Arc<str>,
    /// The change.
    pub change: StateChange,
    /// What is kept of the agent.
    pub state: TenantState,
}

impl AgentStep {
    /// A change that a tenant's floor told, noted at the tenant's turn.
    pub fn new(tenant: TenantId, told: AgentChange, turn: u64) -> Self {
        let AgentChange { agent, change, kept } = told;
        let state = tenant::agent_state(&agent, &kept, turn);
        Self { tenant, agent, change, state }
    }

    /// What follows it where its node died: the call that kept the agent died too, at the last sign of life (row Q24).
    pub fn closed(&self, died: Now) -> Option<Self> {
        let (kept, change) = Agent::close(&self.state.value, died)?;
        let told = AgentChange { agent: self.agent.clone(), change, kept };
        Some(Self::new(self.tenant.clone(), told, self.state.position + 1))
    }
}

/// A settlement with what the tenant's owner needs to give back what it held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What goes to the store.
    pub settlement: Settlement,
    /// What was held for the call, with all slices; `None` if it was never admitted.
    pub admission: Option<Admission>,
    /// The sale fee.
    pub fee: Money,
    /// The billing month the call began in.
    pub month: u32,
    /// How the enterprise paid when the call began.
    pub account: AccountKind,
}

/// Folds a whole log and rates and posts it: the same for a call that just ended, for one told again by the journal
/// and for a back-test. `None` if the log does not begin with an arrival.
pub fn settle(call: CallId, log: &[Dated], tariffs: &Tariffs, position: u64) -> Option<Settled> {
    let folded = cdr::fold(call, log)?;
    let (record, arrived) = (folded.record, folded.arrived);
    let cost_version = |leg: &cdr::LegRecord| tariffs.version_at(cost_plan(log, leg.leg)?, record.started_at);
    let charges = match tariffs.version_at(&arrived.plan, record.started_at) {
        Some(sale) => rating::rate_call(&record, sale, cost_version, folded.zone),
        None => Vec::new(),
    };
    let ended = log.last().map_or(record.ended_at, |last| Wall::of(last.at, arrived.wall_offset_ms));
    let posting =
        ledger::Posting { tenant: &record.tenant, account: arrived.account, call, posted_at: ended };
    let entries = ledger::post(&posting, &charges, &record.legs);
    let fee =
        charges.iter().filter(|charge| charge.kind == ChargeKind::Sale).map(|charge| charge.amount_e4).sum();
    // A callback is no call that rang in.
    let rang_in = folded.admission.is_some() && record.calls_back.is_none();
    let counts = rang_in && (record.answered_at.is_some() || arrived.count_unanswered);
    let month = record.started_at.beijing().billing_month();
    let states = states(log, &arrived);
    let messages = message::of_call(&record, log);
    let deeds = watches(log, arrived.wall_offset_ms);
    let callbacks = callbacks(log, &record);
    let stays = cdr::stays(log, arrived.wall_offset_ms);
    let log = write_log(log);
    let settlement = Settlement {
        position,
        record,
        counts,
        charges,
        entries,
        log,
        messages,
        states,
        deeds,
        callbacks,
        stays,
    };
    Some(Settled { settlement, admission: folded.admission, fee, month, account: arrived.account })
}

/// The head of a stored log: a zero, which no log without a head began with, and the form of its facts. A change of
/// [`Fact`]'s shape is a new form.
const LOG_HEAD: [u8; 2] = [0, 4];

/// A log as a settlement stores it.
fn write_log(log: &[Dated]) -> Vec<u8> {
    postcard::to_extend(log, LOG_HEAD.to_vec()).unwrap_or_default()
}

/// Reads back a log as a settlement stores it; `None` if it is not one, or one of another form.
pub fn read_log(bytes: &[u8]) -> Option<Vec<Dated>> {
    postcard::from_bytes(bytes.strip_prefix(&LOG_HEAD)?).ok()
}

/// The plan a leg's cost is rated by, as noted when it was dialled.
fn cost_plan(log: &[Dated], leg: LegNo) -> Option<&PlanId> {
    log.iter().find_map(|dated| match &dated.fact {
        Fact::Dialled(dialled) if dialled.leg == leg => dialled.cost_plan.as_ref(),
        _ => None,
    })
}

/// Supervisors who were in a talk, each with what for, in the order they left. Who was in it when its node died left with it.
fn watches(log: &[Dated], wall_offset_ms: i64) -> Vec<Deed> {
    struct Watch<'l> {
        leg: LegNo,
        by: &'l str,
        modes: Vec<&'static str>,
        /// When the phone was answered: whose phone only rang was in no talk.
        began: Option<Mono>,
    }
    let over = |watch: Watch<'_>, at: Mono| {
        let ms = at.since_ms(watch.began?);
        Some(Deed {
            kind: DeedKind::WatchOver,
            by: watch.by.to_owned(),
            at: Wall::of(at, wall_offset_ms),
            detail: format!("{} {} s", watch.modes.join(" "), ms.div_ceil(1_000)),
        })
    };
    let (mut open, mut deeds): (Vec<Watch<'_>>, Vec<Deed>) = (Vec::new(), Vec::new());
    for dated in log {
        match &dated.fact {
            Fact::WatchBegan { leg, mode, by } => {
                open.push(Watch { leg: *leg, by, modes: vec![mode.code()], began: None });
            }
            Fact::LegAnswered { leg } => {
                open.iter_mut().filter(|one| one.leg == *leg).for_each(|one| one.began = Some(dated.at));
            }
            Fact::WatchChanged { leg, mode, .. } => {
                open.iter_mut().filter(|one| one.leg == *leg).for_each(|one| one.modes.push(mode.code()));
            }
            Fact::TakenOver { leg, .. } => {
                open.iter_mut().filter(|one| one.leg == *leg).for_each(|one| one.modes.push("take_over"));
            }
            // Who took a talk over is one of it, and leaves as its leg does.
            Fact::WatchOver { leg } | Fact::LegOver { leg } => {
                if let Some(place) = open.iter().position(|one| one.leg == *leg) {
                    deeds.extend(over(open.remove(place), dated.at));
                }
            }
            _ => {}
        }
    }
    let last = log.last().map_or(Mono(0), |dated| dated.at);
    deeds.extend(open.into_iter().filter_map(|watch| over(watch, last)));
    deeds
}

/// What became of requests, the last word of each.
fn callbacks(log: &[Dated], record: &CallRecord) -> Vec<CallbackChange> {
    let mut changes: Vec<CallbackChange> = Vec::new();
    let tried = |id: CallId| record.calls_back.as_ref().filter(|back| back.request == id);
    for dated in log {
        let change = match &dated.fact {
            Fact::CallbackKept { request, tries, next_at, .. } => {
                CallbackChange { request: *request, how: None, tries: *tries, next_at: Some(*next_at) }
            }
            Fact::CallbackClosed { request, how, .. } => {
                let tries = tried(*request).map_or(0, |back| back.tries);
                CallbackChange { request: *request, how: Some(*how), tries, next_at: None }
            }
            _ => continue,
        };
        match changes.iter_mut().find(|known| known.request == change.request) {
            Some(known) => *known = change,
            None => changes.push(change),
        }
    }
    changes
}

/// What a call left changed in its tenant: pointers, deals, standings, lock-outs, suspects and what its phones did, as last set.
fn states(log: &[Dated], arrived: &crate::call::Arrived) -> Vec<TenantState> {
    let lock = |calls, dated: &Dated, turn| {
        let at = Wall::of(dated.at, arrived.wall_offset_ms);
        Some(tenant::lock_state(arrived.number, &arrived.caller, calls, at, turn))
    };
    let of = |dated: &Dated| match &dated.fact {
        Fact::Pointed { group, member, turn } => {
            Some(tenant::pointer_state(arrived.number, *group, *member, *turn))
        }
        Fact::Dealt { step, state, turn } => {
            Some(tenant::deal_state(arrived.number, *step, state.clone(), *turn))
        }
        Fact::Weighed { group, state, turn } => {
            Some(tenant::weight_state(arrived.number, *group, state.clone(), *turn))
        }
        Fact::AnswererKept { place, scope, phone, at, turn } => {
            let number = scope.number(arrived.number);
            let memo =
                tenant::Memo { number, caller: arrived.caller.clone(), at: *at, phone: phone.to_string() };
            Some(tenant::memory_state(*place, Some(&memo), *turn))
        }
        Fact::PhoneUsed { phone, used, turn } => Some(tenant::phone_state(phone, used, *turn)),
        Fact::PasswordGiven { turn: Some(turn), .. } => lock(0, dated, *turn),
        Fact::PasswordMissed { calls, turn } => lock(*calls, dated, *turn),
        Fact::SuspectKept { place, value, turn } => Some(tenant::suspect_state(*place, value, *turn)),
        Fact::CallbackKept { place, value, turn, .. } => Some(request_state(*place, value, *turn)),
        Fact::CallbackClosed { place, turn, .. } => Some(request_state(*place, "", *turn)),
        Fact::AgentKept { agent, value, turn } => Some(tenant::agent_state(agent, value, *turn)),
        Fact::RatingAsked { place: Some(place), at, turn, .. } => {
            let caller = arrived.caller.clone();
            let memo = tenant::Memo { number: None, caller, at: *at, phone: String::new() };
            Some(tenant::asked_state(*place, &memo, *turn))
        }
        _ => None,
    };
    let outgoing = |dated: &Dated| match &dated.fact {
        Fact::OutgoingCounted { used, turn } => Some(tenant::outgoing_states(arrived.number, used, *turn)),
        _ => None,
    };
    let counted = log.iter().filter_map(outgoing).flatten();
    log.iter().filter_map(of).chain(counted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::WatchMode;

    #[test]
    fn q13_each_use_of_supervision_is_told_when_it_is_over_once_and_who_never_answered_used_none() {
        let by = || std::sync::Arc::from("ma");
        let at = |s: u64, fact| Dated { at: Mono(s * 1_000), fact };
        let log = [
            at(8, Fact::WatchBegan { leg: 2, mode: WatchMode::Listen, by: by() }),
            at(10, Fact::LegAnswered { leg: 2 }),
            at(10, Fact::WatchBegan { leg: 3, mode: WatchMode::Barge, by: by() }),
            at(11, Fact::WatchBegan { leg: 4, mode: WatchMode::Listen, by: by() }),
            at(12, Fact::LegAnswered { leg: 3 }),
            at(15, Fact::WatchChanged { leg: 2, mode: WatchMode::Whisper, by: by() }),
            at(20, Fact::LegOver { leg: 2 }),
            at(20, Fact::WatchOver { leg: 2 }),
            at(21, Fact::WatchOver { leg: 4 }),
            at(25, Fact::TakenOver { leg: 3, by: by() }),
            at(40, Fact::Answered),
        ];
        let told = watches(&log, 1_000_000);
        let deed = |s: i64, detail: &str| Deed {
            kind: DeedKind::WatchOver,
            by: "ma".into(),
            at: Wall(1_000_000 + s * 1_000),
            detail: detail.into(),
        };
        assert_eq!(told, [deed(20, "listen whisper 10 s"), deed(40, "barge take_over 28 s")]);
    }
}
