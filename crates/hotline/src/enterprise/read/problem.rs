//! What can be wrong with a document: one value a place, with its line, a stable code and a sentence in Chinese and
//! English. It finds nothing wrong itself.

use std::fmt;

use crate::HotlineNumber;
use crate::calendar::{Date, HoursError, Interval};
use crate::enterprise::{DESK_LINES_MAX, DestinationKind};
use crate::number::RefusalCode;

use words::{chinese_hours, kind_chinese, kind_english, refusal_chinese, refusal_english};

mod words;

/// One thing wrong, or worth a warning, at one place of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line of the value, or of the key where the key is wrong; counted from 1.
    pub line: u32,
    /// Where it stands, such as `numbers[0].rules[2].then.dial`; empty for the document itself.
    pub path: String,
    /// What is wrong.
    pub fault: Fault,
}

/// In which language a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Named {
    Schedule,
    Regions,
    Callers,
    Destination,
    Group,
    /// A group or a destination, as `dial` takes both.
    Target,
    Rule,
    Prompt,
    Plan,
    Extension,
    Number,
    Password,
    Flow,
    /// A step of a flow, by its id.
    Step,
    /// A saved case of a flow.
    Test,
    Agent,
    Shift,
    Queue,
    Skill,
    /// A result of handling, by its path or its code.
    Result,
}

/// What is counted where there are too many or too few of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Counted {
    Destinations,
    Groups,
    Members,
    Rules,
    Conditions,
    Steps,
    Entries,
    Numbers,
    FlowSteps,
    /// Saved cases of a flow.
    Tests,
    /// Keys or extension numbers of a step.
    Keys,
    /// Levels of a tree.
    Levels,
}

/// What a value should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Wanted {
    Map,
    List,
    Text,
    WholeNumber,
    Flag,
    TextOrList,
    MapOrList,
    MapOrText,
    FlagOrMap,
    TextListOrMap,
}

/// What is wrong. [`Fault::code`] is stable; the sentences are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A field that has to be there is not.
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// No field has this name here.
    UnknownField {
        /// As written.
        field: String,
        /// A field of this place that is written nearly so.
        near: Option<&'static str>,
    },
    /// A field stands twice.
    DuplicateField {
        /// Its name.
        field: String,
    },
    /// A value of another type was wanted.
    WrongType {
        /// What was wanted.
        wanted: Wanted,
    },
    /// None of the words that may stand here.
    UnknownValue {
        /// As written.
        found: String,
        /// The words that may.
        one_of: Vec<&'static str>,
    },
    /// A field, word or kind that a later version brings.
    NotAvailable {
        /// As written.
        what: String,
    },
    /// Two fields that do not go together, or one without the field it belongs to.
    Conflict {
        /// The field that does not belong.
        field: &'static str,
        /// The field it collides with or is missing.
        with: &'static str,
    },
    /// Not 400 and seven digits.
    NotANumber400 {
        /// As written.
        found: String,
    },
    /// Not a short name of an enterprise: `[a-z0-9-]{2,32}`, and not `provider`.
    BadId {
        /// As written.
        found: String,
    },
    /// Empty, longer than 64 characters, or with characters that do not show.
    BadName,
    /// A name that nothing carries.
    UnknownName {
        /// What it should name.
        named: Named,
        /// As written.
        name: String,
    },
    /// A name that something before carries.
    DuplicateName {
        /// What it names.
        named: Named,
        /// The name.
        name: String,
        /// The line of the first.
        first_line: u32,
    },
    /// A prompt that nobody has let be heard (row K09).
    PromptNotReviewed {
        /// Its name.
        name: String,
    },
    /// Percents that do not sum to 100.
    PercentSum {
        /// Their sum.
        sum: u32,
    },
    /// More bound numbers than the number may have (row R01).
    BindingLimit {
        /// How many it may have.
        limit: u16,
        /// How many it has.
        found: usize,
    },
    /// More bound numbers than the carrier takes at its desk (row R03).
    DeskLimit {
        /// How many it has.
        found: usize,
    },
    /// A number that the carrier does not bind at its desk (row R03).
    DeskLandline {
        /// The area whose landlines it binds.
        area_code: String,
    },
    /// A third forward for one reason (row R13).
    ForwardLimit,
    /// Too many of something.
    TooMany {
        /// Of what.
        counted: Counted,
        /// How many may be there.
        max: usize,
    },
    /// A list that may not be empty.
    Empty {
        /// Of what.
        counted: Counted,
    },
    /// A number outside its bounds.
    OutOfRange {
        /// As written.
        found: String,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// Not an amount above zero in yuan with at most four decimals.
    BadMoney {
        /// As written.
        found: String,
    },
    /// Not opening hours.
    BadHours(HoursError),
    /// Neither a weekday, nor a span of weekdays.
    BadDays {
        /// As written.
        found: String,
    },
    /// A break of a shift that no hours of it are around.
    BreakOutsideShift {
        /// As written.
        found: Interval,
    },
    /// Two shifts of an agent are at one time.
    ShiftsOverlap {
        /// The earlier of the agent's list.
        one: String,
        /// The other.
        other: String,
    },
    /// The last day is before the first.
    UntilBeforeFrom {
        /// The first.
        from: Date,
        /// The last.
        until: Date,
    },
    /// Not a date.
    BadDate {
        /// As written.
        found: String,
    },
    /// No 大区, province, city, area code, prefix, `unknown` or `international`.
    BadRegion {
        /// As written.
        found: String,
    },
    /// Neither a number nor the beginning of one.
    BadCallerPattern {
        /// As written.
        found: String,
    },
    /// A bound number that is no number of its kind.
    BadDestination {
        /// As written.
        found: String,
        /// The kind it was said or taken to be.
        kind: DestinationKind,
        /// Why it is none.
        code: RefusalCode,
    },
    /// A number that may not be bound: emergency, service, premium, 400 or 800 (row K24).
    SpecialNumber {
        /// As written.
        found: String,
        /// Which of these it is.
        code: RefusalCode,
    },
    /// A phone's password that is too short or too long, or hashes that are none. It is not shown.
    BadPhonePassword,
    /// Neither a mobile number nor an e-mail address.
    BadAddress {
        /// As written.
        found: String,
    },
    /// Not http or https with a host that is written out (row I12).
    BadUrl {
        /// As written.
        found: String,
    },
    /// A place that is not closed or names nothing, a secret where none may be, or a header or path that is none (row I12).
    BadTemplate {
        /// As written.
        found: String,
    },
    /// A number of a virtual operator, such as 170 and 171 (row K03).
    VirtualNumber {
        /// As written.
        found: String,
    },
    /// Not three to sixteen digits. What was written is not told.
    BadPassword,
    /// A step's id with a slash or an at sign in front.
    BadStepId {
        /// The step.
        step: String,
    },
    /// No code of a result: 1 to 32 of a to z, digits, `-` and `_`.
    BadResultCode {
        /// As written.
        found: String,
    },
    /// An exit that has to be there is not (row I09).
    ExitMissing {
        /// The step.
        step: String,
        /// The exit.
        exit: &'static str,
    },
    /// An exit leads to a step that is not there (row I09).
    ExitToNowhere {
        /// The step.
        step: String,
        /// The exit.
        exit: String,
        /// Where it should lead.
        to: String,
    },
    /// No step of this kind has this exit.
    UnknownExit {
        /// The step.
        step: String,
        /// The exit.
        exit: String,
    },
    /// Nothing follows where no key came, keys were wrong or no password was right (row I09).
    Unrouted {
        /// The step.
        step: String,
        /// `timeout`, `wrong_key` or `failed`.
        exit: &'static str,
    },
    /// A share that no exit belongs to.
    ShareWithoutExit {
        /// The step.
        step: String,
        /// The share's name.
        exit: String,
    },
    /// A step names a prompt that is not there (row I09).
    PromptMissing {
        /// The step.
        step: String,
        /// The prompt.
        prompt: String,
    },
    /// No way from the start leads to a step (row I09).
    StepUnreachable {
        /// The step.
        step: String,
    },
    /// A call that presses nothing comes back to this step for ever (row I09).
    LoopWithoutInput {
        /// The step.
        step: String,
    },
    /// A step names a schedule, list or flow that nothing carries.
    UnknownStepName {
        /// The step.
        step: String,
        /// What it should name.
        named: Named,
        /// As written.
        name: String,
    },
    /// A number that walks the flow has no such group or bound number.
    UnknownTarget {
        /// The step.
        step: String,
        /// The target.
        target: String,
        /// The number.
        number: HotlineNumber,
    },
    /// Every phone of a target is switched off (row I09).
    TargetClosed {
        /// The step.
        step: String,
        /// The target.
        target: String,
        /// The number.
        number: HotlineNumber,
    },
    /// Flows call each other in a circle, or too deep.
    FlowRecursion {
        /// The step.
        step: String,
        /// The flow it calls.
        flow: String,
    },
    /// A queue's step does not say what follows where nobody serves it (row I09).
    QueueUnstaffed {
        /// The step.
        step: String,
    },
    /// Some way leads into a queue without a step that asks for the hours (row I09).
    QueueWithoutHours {
        /// The step.
        step: String,
    },
    /// Some way of a flow that gives the recording notice leads to a talk without it (row I07).
    RecordingBeforeNotice {
        /// The step.
        step: String,
        /// The number that records.
        number: HotlineNumber,
    },
    /// Warning: a retired cordless number (小灵通).
    PhsRetired,
    /// Warning: a number of a virtual operator, bound by the provider's leave.
    VirtualNumberBound,
    /// Warning: a rule without conditions stands before it, so it is never reached.
    NeverReached {
        /// The rule that always holds.
        behind: String,
    },
    /// Warning: no agent of a queue has room for its calls (rows Q20, I09).
    QueueWithoutRoom {
        /// The queue.
        name: String,
        /// What each of its calls costs.
        weight: u16,
    },
    /// Warning: a group or destination that nothing dials.
    NeverDialled {
        /// Its name.
        name: String,
    },
}

impl Problem {
    /// The stable code of what is wrong.
    pub fn code(&self) -> &'static str {
        self.fault.code()
    }

    /// The sentence for a person, without line and path.
    pub fn message(&self, language: Language) -> String {
        match language {
            Language::Zh => self.fault.chinese(),
            Language::En => self.fault.english(),
        }
    }
}

impl fmt::Display for Problem {
    /// `line 12: numbers[0].otherwise.dial: unknown_name: …`, in English.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "document" } else { &self.path };
        write!(f, "line {}: {path}: {}: {}", self.line, self.code(), self.message(Language::En))
    }
}

impl Fault {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Missing { .. } => "missing",
            Fault::UnknownField { .. } => "unknown_field",
            Fault::DuplicateField { .. } => "duplicate_field",
            Fault::WrongType { .. } => "wrong_type",
            Fault::UnknownValue { .. } => "unknown_value",
            Fault::NotAvailable { .. } => "not_available",
            Fault::Conflict { .. } => "conflict",
            Fault::NotANumber400 { .. } => "not_a_number_400",
            Fault::BadId { .. } => "bad_id",
            Fault::BadPhonePassword => "bad_phone_password",
            Fault::BadName => "bad_name",
            Fault::UnknownName { .. } => "unknown_name",
            Fault::DuplicateName { .. } => "duplicate_name",
            Fault::PromptNotReviewed { .. } => "prompt_not_reviewed",
            Fault::PercentSum { .. } => "percent_sum",
            Fault::BindingLimit { .. } => "binding_limit",
            Fault::DeskLimit { .. } => "operator_desk_limit",
            Fault::DeskLandline { .. } => "operator_desk_landline",
            Fault::ForwardLimit => "forward_limit",
            Fault::TooMany { .. } => "too_many",
            Fault::Empty { .. } => "empty",
            Fault::OutOfRange { .. } => "out_of_range",
            Fault::BadMoney { .. } => "bad_money",
            Fault::BadHours(_) => "bad_hours",
            Fault::BadDays { .. } => "bad_days",
            Fault::BreakOutsideShift { .. } => "break_outside_shift",
            Fault::ShiftsOverlap { .. } => "shifts_overlap",
            Fault::UntilBeforeFrom { .. } => "until_before_from",
            Fault::BadDate { .. } => "bad_date",
            Fault::BadRegion { .. } => "bad_region",
            Fault::BadCallerPattern { .. } => "bad_caller_pattern",
            Fault::BadDestination { .. } => "bad_destination",
            Fault::SpecialNumber { .. } => "special_number",
            Fault::BadAddress { .. } => "bad_address",
            Fault::VirtualNumber { .. } => "virtual_number",
            Fault::BadPassword => "bad_password",
            Fault::BadStepId { .. } => "bad_step_id",
            Fault::BadResultCode { .. } => "bad_result_code",
            Fault::ExitMissing { .. } => "exit_missing",
            Fault::BadUrl { .. } => "bad_url",
            Fault::BadTemplate { .. } => "bad_template",
            Fault::ExitToNowhere { .. } => "exit_to_nowhere",
            Fault::UnknownExit { .. } => "unknown_exit",
            Fault::Unrouted { exit: "timeout", .. } => "timeout_unrouted",
            Fault::Unrouted { exit: "wrong_key", .. } => "wrong_key_unrouted",
            Fault::Unrouted { .. } => "error_unrouted",
            Fault::ShareWithoutExit { .. } => "share_without_exit",
            Fault::PromptMissing { .. } => "prompt_missing",
            Fault::StepUnreachable { .. } => "step_unreachable",
            Fault::LoopWithoutInput { .. } => "loop_without_input",
            Fault::UnknownStepName { .. } => "unknown_name",
            Fault::UnknownTarget { .. } => "unknown_target",
            Fault::TargetClosed { .. } => "target_closed",
            Fault::FlowRecursion { .. } => "flow_recursion",
            Fault::QueueUnstaffed { .. } => "queue_without_staffing",
            Fault::QueueWithoutHours { .. } => "queue_without_hours",
            Fault::RecordingBeforeNotice { .. } => "recording_before_notice",
            Fault::PhsRetired => "phs_retired",
            Fault::VirtualNumberBound => "virtual_number_bound",
            Fault::NeverReached { .. } => "never_reached",
            Fault::QueueWithoutRoom { .. } => "queue_without_room",
            Fault::NeverDialled { .. } => "never_dialled",
        }
    }

    fn english(&self) -> String {
        match self {
            Fault::Missing { field } => format!("{field} is missing"),
            Fault::UnknownField { field, near: None } => format!("there is no field {field} here"),
            Fault::UnknownField { field, near: Some(near) } => {
                format!("there is no field {field} here; {near} is meant?")
            }
            Fault::DuplicateField { field } => format!("{field} stands twice"),
            Fault::WrongType { wanted } => format!("{} is wanted here", wanted.english()),
            Fault::UnknownValue { found, one_of } => format!("{found:?} is none of {}", one_of.join(", ")),
            Fault::NotAvailable { what } => format!("{what} is not available yet"),
            Fault::Conflict { field, with } => format!("{field} does not go with {with} here"),
            Fault::NotANumber400 { found } => {
                format!("{found:?} is no 400 number: 400 and seven digits, ten in all")
            }
            Fault::BadId { found } => {
                format!("{found:?} is no id: 2 to 32 of a-z, 0-9 and -, and not the word provider")
            }
            Fault::BadPhonePassword => {
                "a phone's password has 8 to 64 characters; its hashes are as an export wrote them".into()
            }
            Fault::BadName => "a name has 1 to 64 characters that show, and no space at its ends".into(),
            Fault::UnknownName { named, name } => format!("there is no {} named {name:?}", named.english()),
            Fault::PromptNotReviewed { name } => format!("the prompt {name:?} was not approved yet"),
            Fault::DuplicateName { named, name, first_line } => {
                format!("the {} {name:?} stands already on line {first_line}", named.english())
            }
            Fault::PercentSum { sum } => format!("the percents sum to {sum}, not to 100"),
            Fault::BindingLimit { limit, found } => {
                format!(
                    "{found} bound numbers, the limit of this number is {limit}; the provider can raise it"
                )
            }
            Fault::DeskLimit { found } => {
                format!(
                    "{found} bound numbers; the carrier of this enterprise takes {DESK_LINES_MAX} at its desk"
                )
            }
            Fault::DeskLandline { area_code } => {
                format!("the carrier of this enterprise binds landlines of the area {area_code} only")
            }
            Fault::ForwardLimit => "at most 2 forwards for each reason".into(),
            Fault::TooMany { counted, max } => format!("at most {max} {}", counted.english()),
            Fault::Empty { counted } => format!("no {}: at least one is wanted", counted.english()),
            Fault::OutOfRange { found, min, max } => format!("{found} is not within {min} to {max}"),
            Fault::BadMoney { found } => {
                format!("{found:?} is no amount: yuan above 0 with at most four decimals, such as 5000.00")
            }
            Fault::BadHours(error) => error.to_string(),
            Fault::BadDays { found } => format!("{found:?} is no weekday: write mon, mon-fri or sat,sun"),
            Fault::BreakOutsideShift { found } => {
                format!("the break {found} lies within no hours of this shift")
            }
            Fault::ShiftsOverlap { one, other } => {
                format!("the shifts {one:?} and {other:?} of this agent are at one time")
            }
            Fault::UntilBeforeFrom { from, until } => {
                format!("the last day, {until}, is before the first, {from}")
            }
            Fault::BadDate { found } => format!("{found:?} is no date: write it as 2026-10-10"),
            Fault::BadRegion { found } => format!(
                "{found:?} is no region: a 大区, province, city, area code such as 0755, number prefix such as 1380013, \
                 unknown or international"
            ),
            Fault::BadCallerPattern { found } => {
                format!("{found:?} is no caller: digits, or the first digits and a star, such as 021*")
            }
            Fault::BadDestination { found, kind, code } => {
                format!(
                    "{found:?} is no {} that can be bound: {}",
                    kind_english(*kind),
                    refusal_english(*code)
                )
            }
            Fault::SpecialNumber { found, code } => {
                format!("{found} may not be bound: {}", refusal_english(*code))
            }
            Fault::BadAddress { found } => {
                format!("{found:?} is neither a mobile number of eleven digits nor an e-mail address")
            }
            Fault::VirtualNumber { found } => {
                format!("{found} may not be bound: a number of a virtual operator")
            }
            Fault::BadPassword => "a password has 3 to 16 digits".into(),
            Fault::BadStepId { step } => format!("{step:?} is no id of a step: no / in it, no @ in front"),
            Fault::BadResultCode { found } => {
                format!("{found:?} is no code of a result: 1 to 32 of a to z, digits, - and _")
            }
            Fault::ExitMissing { step, exit } => format!("the step {step:?} has no exit {exit}"),
            Fault::ExitToNowhere { step, exit, to } => {
                format!("the exit {exit} of the step {step:?} leads to {to:?}, and there is no such step")
            }
            Fault::BadUrl { found } => {
                format!("{found:?} is no http or https address whose host is written out")
            }
            Fault::BadTemplate { found } => format!(
                "{found:?} cannot be used: a place is ${{name}}, and ${{secret:name}} stands in headers alone"
            ),
            Fault::UnknownExit { step, exit } => format!("the step {step:?} knows no exit {exit:?}"),
            Fault::Unrouted { step, exit } => {
                format!("nothing follows the step {step:?} after {exit}: it wants that exit, or default")
            }
            Fault::ShareWithoutExit { step, exit } => {
                format!("the share {exit:?} of the step {step:?} has no exit of its name")
            }
            Fault::PromptMissing { step, prompt } => {
                format!("the step {step:?} plays {prompt:?}, and there is no such prompt")
            }
            Fault::StepUnreachable { step } => format!("nothing leads from the start to the step {step:?}"),
            Fault::LoopWithoutInput { step } => {
                format!("a caller who presses nothing comes back to the step {step:?} for ever")
            }
            Fault::UnknownStepName { step, named, name } => {
                format!("the step {step:?} names the {} {name:?}, and there is none", named.english())
            }
            Fault::UnknownTarget { step, target, number } => {
                format!("the step {step:?} dials {target:?}, which {number} has not")
            }
            Fault::TargetClosed { step, target, number } => {
                format!("the step {step:?} dials {target:?}, and all its phones at {number} are switched off")
            }
            Fault::FlowRecursion { step, flow } => {
                format!(
                    "the step {step:?} calls the flow {flow:?}, which comes back to itself or goes too deep"
                )
            }
            Fault::QueueUnstaffed { step } => {
                format!(
                    "the step {step:?} does not say what follows where nobody serves its queue: empty, or default"
                )
            }
            Fault::QueueWithoutHours { step } => format!(
                "some way leads to the queue of {step:?} without a step of the kind hours; a queue that is served \
                 day and night says around_the_clock"
            ),
            Fault::RecordingBeforeNotice { step, number } => format!(
                "{number} records, and some way leads to {step:?} without the notice that other ways have"
            ),
            Fault::PhsRetired => "小灵通 was switched off; the number is kept, but nobody will answer".into(),
            Fault::VirtualNumberBound => {
                "a number of a virtual operator, bound by the provider's leave".into()
            }
            Fault::NeverReached { behind } => {
                format!("never reached: the rule {behind:?} before it always holds")
            }
            Fault::QueueWithoutRoom { name, weight } => {
                format!(
                    "no agent of the queue {name:?} has room for its calls, which cost {weight} units each"
                )
            }
            Fault::NeverDialled { name } => format!("nothing dials {name:?}"),
        }
    }

    fn chinese(&self) -> String {
        match self {
            Fault::Missing { field } => format!("缺少 {field}"),
            Fault::UnknownField { field, near: None } => format!("此处没有字段 {field}"),
            Fault::UnknownField { field, near: Some(near) } => format!("此处没有字段 {field}，是否指 {near}"),
            Fault::DuplicateField { field } => format!("{field} 重复出现"),
            Fault::WrongType { wanted } => format!("此处应为{}", wanted.chinese()),
            Fault::UnknownValue { found, one_of } => format!("“{found}”不是可用的值：{}", one_of.join("、")),
            Fault::NotAvailable { what } => format!("{what} 尚未提供"),
            Fault::Conflict { field, with } => format!("{field} 与 {with} 在此不能这样搭配"),
            Fault::NotANumber400 { found } => format!("“{found}”不是 400 号码：应为 400 加七位数字，共十位"),
            Fault::BadId { found } => {
                format!("“{found}”不能作为企业标识：应为 2 至 32 位小写字母、数字或短横线，且不能是 provider")
            }
            Fault::BadPhonePassword => "话机密码应为 8 至 64 个字符；密码散列应与导出文件中的一致".into(),
            Fault::BadName => "名称应为 1 至 64 个可见字符，首尾不能有空格".into(),
            Fault::UnknownName { named, name } => format!("没有名为“{name}”的{}", named.chinese()),
            Fault::PromptNotReviewed { name } => format!("提示音“{name}”还没有通过审核"),
            Fault::DuplicateName { named, name, first_line } => {
                format!("{}“{name}”已在第 {first_line} 行出现", named.chinese())
            }
            Fault::PercentSum { sum } => format!("百分比之和为 {sum}，应为 100"),
            Fault::BindingLimit { limit, found } => {
                format!("已绑定 {found} 个号码，超过该号码的上限 {limit} 个；如需更多请联系服务商提高上限")
            }
            Fault::DeskLimit { found } => {
                format!(
                    "已绑定 {found} 个号码；该企业的号码在运营商柜台办理，最多绑定 {DESK_LINES_MAX} 部固话"
                )
            }
            Fault::DeskLandline { area_code } => {
                format!("该企业的号码在运营商柜台办理，只能绑定本地（区号 {area_code}）固定电话")
            }
            Fault::ForwardLimit => "遇忙和无应答前转各最多 2 个号码".into(),
            Fault::TooMany { counted, max } => format!("{}最多 {max} 个", counted.chinese()),
            Fault::Empty { counted } => format!("至少需要一个{}", counted.chinese()),
            Fault::OutOfRange { found, min, max } => format!("{found} 超出范围 {min} 至 {max}"),
            Fault::BadMoney { found } => {
                format!("“{found}”不是金额：应为大于 0 的元，最多四位小数，如 5000.00")
            }
            Fault::BadHours(error) => chinese_hours(error),
            Fault::BadDays { found } => format!("“{found}”不是星期：可写 mon、mon-fri 或 sat,sun"),
            Fault::BreakOutsideShift { found } => format!("休息时段 {found} 不在该班次的任何工作时段之内"),
            Fault::ShiftsOverlap { one, other } => format!("该坐席的班次“{one}”与“{other}”时间重叠"),
            Fault::UntilBeforeFrom { from, until } => format!("截止日期 {until} 早于开始日期 {from}"),
            Fault::BadDate { found } => format!("“{found}”不是日期：应写作 2026-10-10"),
            Fault::BadRegion { found } => format!(
                "“{found}”不是地区：可写大区、省、市、区号（如 0755）、号段（如 1380013）、unknown 或 international"
            ),
            Fault::BadCallerPattern { found } => {
                format!("“{found}”不是主叫号码：可写数字，或开头数字加星号，如 021*")
            }
            Fault::BadDestination { found, kind, code } => {
                format!("“{found}”不能作为{}绑定：{}", kind_chinese(*kind), refusal_chinese(*code))
            }
            Fault::SpecialNumber { found, code } => format!("{found} 不能绑定：{}", refusal_chinese(*code)),
            Fault::BadAddress { found } => format!("“{found}”既不是十一位手机号，也不是邮箱"),
            Fault::VirtualNumber { found } => format!("{found} 不能绑定：虚拟运营商号码"),
            Fault::BadPassword => "密码应为 3 至 16 位数字".into(),
            Fault::BadStepId { step } => format!("“{step}”不能作为步骤名：不能含 /，不能以 @ 开头"),
            Fault::BadResultCode { found } => {
                format!("“{found}”不能作为处理结果代码：应为 1 至 32 个小写字母、数字、- 或 _")
            }
            Fault::ExitMissing { step, exit } => format!("步骤“{step}”缺少出口 {exit}"),
            Fault::ExitToNowhere { step, exit, to } => {
                format!("步骤“{step}”的出口 {exit} 指向“{to}”，没有这个步骤")
            }
            Fault::BadUrl { found } => format!("“{found}”不是主机名写明的 http 或 https 地址"),
            Fault::BadTemplate { found } => {
                format!("“{found}”不能使用：变量写作 ${{名称}}，${{secret:名称}} 只能用在 headers 中")
            }
            Fault::UnknownExit { step, exit } => format!("步骤“{step}”没有出口“{exit}”"),
            Fault::Unrouted { step, exit } => {
                format!("步骤“{step}”在 {exit} 之后没有去向：需要该出口或 default")
            }
            Fault::ShareWithoutExit { step, exit } => format!("步骤“{step}”的比例“{exit}”没有同名出口"),
            Fault::PromptMissing { step, prompt } => format!("步骤“{step}”播放的提示音“{prompt}”不存在"),
            Fault::StepUnreachable { step } => format!("从起点无法到达步骤“{step}”"),
            Fault::LoopWithoutInput { step } => format!("主叫不按键时会无限回到步骤“{step}”"),
            Fault::UnknownStepName { step, named, name } => {
                format!("步骤“{step}”引用的{}“{name}”不存在", named.chinese())
            }
            Fault::UnknownTarget { step, target, number } => {
                format!("步骤“{step}”呼叫的“{target}”在 {number} 下不存在")
            }
            Fault::TargetClosed { step, target, number } => {
                format!("步骤“{step}”呼叫的“{target}”在 {number} 下全部停用")
            }
            Fault::FlowRecursion { step, flow } => {
                format!("步骤“{step}”调用的流程“{flow}”形成循环或嵌套过深")
            }
            Fault::QueueUnstaffed { step } => {
                format!("步骤“{step}”没有说明无人在岗时的去向：需要出口 empty 或 default")
            }
            Fault::QueueWithoutHours { step } => {
                format!("有的路径没有经过 hours 步骤就进入“{step}”的队列；全天有人的队列写 around_the_clock")
            }
            Fault::RecordingBeforeNotice { step, number } => {
                format!("{number} 开启了录音，有的路径没有播放录音提示就到达步骤“{step}”")
            }
            Fault::PhsRetired => "小灵通已退网：号码保留，但无人能接听".into(),
            Fault::VirtualNumberBound => "虚拟运营商号码，经服务商同意绑定".into(),
            Fault::NeverReached { behind } => format!("永远不会执行：前面的规则“{behind}”总是成立"),
            Fault::QueueWithoutRoom { name, weight } => {
                format!("队列“{name}”没有一个坐席的容量够接它的来电：每个来电占 {weight}")
            }
            Fault::NeverDialled { name } => format!("“{name}”没有被任何规则使用"),
        }
    }
}
