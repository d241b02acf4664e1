//! An enterprise's document turned into what calls walk: one [`Hotline`] a number, its rules laid out as flow steps.
//! It trusts [`read`](super::read) to have judged the document and refuses to judge again.

mod flow;
mod http;

use std::sync::Arc;

pub(super) use flow::FLOWS_DEEP_MAX;

use super::{
    Condition, Confirm, Crisis, CrisisThen, DestinationKind, Enterprise, Number, Ringback, Rule, Sticky,
    Then, phone_user, staff,
};
use crate::barring::{Bars, CallerPatterns};
use crate::calendar::Schedule;
use crate::flow::{Flow, QueueExits, Step, StepKind, StepNo, Voicemail};
use crate::hotline::{CrisisGate, Destination, Group, Split};
use crate::priority::Priorities;
use crate::region::RegionSet;
use crate::ringback::Ringbacks;
use crate::{Hotline, Span, TenantId, WordList};

/// The name of the rule that [`Number::otherwise`] becomes, for the Why.
pub const OTHERWISE: &str = "otherwise";
/// The names of the steps that stand before all rules.
const CHALLENGE: &str = "challenge";
const PASSWORD: &str = "password";

/// The name of the rule that a crisis becomes, and of its phone, for the Why.
pub const CRISIS: &str = "crisis";

/// The name of the rule that a final treatment becomes, for the Why.
pub const FINALLY: &str = "finally";

/// Every number of a document, in the document's order, at one version.
///
/// A document that [`read`](super::read) passed compiles to exactly what it says. In one that was put together by hand
/// a name that nothing carries stands for nothing: a schedule never open, a set or list that holds nobody, a group
/// without members (the call ends with `no_target`).
pub fn compile(enterprise: &Enterprise, version: u32) -> Vec<Hotline> {
    enterprise.numbers.iter().map(|number| compile_number(enterprise, number, version)).collect()
}

/// One number of a document; see [`compile`].
pub fn compile_number(enterprise: &Enterprise, number: &Number, version: u32) -> Hotline {
    let mut layout = Layout::new(enterprise, number);
    layout.lay_gates();
    let flow_of = number.flow.as_deref().map(|name| layout.lay_flow(name));
    if flow_of.is_none() {
        for rule in &number.rules {
            layout.lay_rule(rule);
        }
        let otherwise = layout.words.place(OTHERWISE);
        layout.lay_then(otherwise, &number.otherwise);
    }
    let finally_busy = layout.lay_finally(number.finally.busy.as_ref());
    let finally_no_answer = layout.lay_finally(number.finally.no_answer.as_ref());
    let mut destinations_after: Vec<Destination> = Vec::new();
    let crisis = enterprise.crisis.as_ref().map(|crisis| CrisisGate {
        until: crisis.until,
        step: layout.lay_crisis(crisis, &mut destinations_after),
    });
    let (duties, schedules) = duties(enterprise, number);
    let bound = number.destinations.iter().map(|written| destination(&enterprise.id, written, &duties));
    let forward = |names: &[String]| names.iter().filter_map(|name| place_of(number, name)).collect();
    let queues = layout.steps.iter().any(|step| matches!(step.kind, StepKind::Queue { .. }));
    Hotline {
        tenant: enterprise.id.clone(),
        number: number.number,
        version,
        enabled: number.enabled,
        flow: Flow { steps: layout.steps.into() },
        words: layout.words.finish(),
        destinations: bound.chain(destinations_after).collect(),
        crisis,
        groups: layout.groups.into(),
        forward_on_busy: forward(&number.forwards.on_busy),
        forward_on_no_answer: forward(&number.forwards.on_no_answer),
        memory: number.memory,
        duties: schedules,
        finally_busy,
        finally_no_answer,
        bars: Bars::compile(&number.block, &number.bars),
        limits: number.limits.clone(),
        tenant_limits: enterprise.limits.clone(),
        ringbacks: Ringbacks { steps: layout.tones.into(), ..ringbacks(enterprise, number) },
        recording_notice: number.recording.enabled.then(|| number.recording.notice.clone()),
        consent: number.recording.consent,
        pause_ms_max: u64::from(number.recording.pause_s_max) * 1000,
        talk_ms_max: u64::from(number.talk_s_max) * 1000,
        charging_from: enterprise.charging_from,
        plan: enterprise.plan.clone(),
        account: enterprise.account,
        balance_end: enterprise.balance_end,
        counts_phones: counts_phones(enterprise),
        priorities: Priorities::compile(&enterprise.caller_lists),
        frozen: enterprise.frozen.is_some(),
        flow_of,
        staff: queues.then(|| Arc::new(staff(enterprise, version))),
        tells: super::tell::tells(enterprise, number),
        splits: layout.splits.into(),
    }
}

/// Whether some group of the enterprise looks at what phones did before: two numbers may share one.
fn counts_phones(enterprise: &Enterprise) -> bool {
    let groups = enterprise.numbers.iter().flat_map(|number| &number.groups);
    groups.into_iter().any(|group| group.strategy.counts_phones())
}

/// The weights of a group's members in their order; none unless it goes by weights.
fn weights(number: &Number, written: &super::Group) -> Box<[u8]> {
    if written.strategy != super::Strategy::Weighted {
        return Box::default();
    }
    let known = written.members.iter().filter(|name| place_of(number, name).is_some());
    known.map(|name| written.weights.get(name).copied().unwrap_or(1)).collect()
}

/// The schedules that the number's bound numbers are on duty by, each once, and their names in the same order. A name
/// that no schedule carries stands for one that is never open.
fn duties<'a>(enterprise: &Enterprise, number: &'a Number) -> (Vec<&'a str>, Box<[Schedule]>) {
    let mut names: Vec<&str> = Vec::new();
    for name in number.destinations.iter().filter_map(|written| written.duty.as_deref()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let named = |name: &&str| enterprise.schedules.iter().find(|schedule| schedule.name == **name);
    let schedule = |name| named(name).map(|named| named.schedule.clone()).unwrap_or_default();
    let schedules = names.iter().map(schedule).collect();
    (names, schedules)
}

/// The tones of a number, its groups and bound numbers; those of steps are laid with them.
fn ringbacks(enterprise: &Enterprise, number: &Number) -> Ringbacks {
    let phone = |digits: &str| enterprise.extensions.iter().find(|phone| phone.number == digits);
    let bound = |written: &super::Destination| match written.kind {
        DestinationKind::Extension => {
            written.ringback.clone().or_else(|| phone(&written.number)?.ringback.clone())
        }
        _ => written.ringback.clone(),
    };
    Ringbacks {
        number: number.ringback.clone(),
        groups: placed(number.groups.iter().map(|group| group.ringback.clone())),
        destinations: placed(number.destinations.iter().map(bound)),
        steps: Box::default(),
    }
}

/// Those that are there, each with its place.
fn placed(tones: impl Iterator<Item = Option<Ringback>>) -> Box<[(u8, Ringback)]> {
    (0..=u8::MAX).zip(tones).filter_map(|(place, tone)| Some((place, tone?))).collect()
}

/// The phone of a crisis: it takes as many calls as come.
fn crisis_phone(tenant: &TenantId, number: &str) -> Destination {
    let written = super::Destination {
        name: CRISIS.to_owned(),
        kind: super::read::infer_kind(number),
        number: number.to_owned(),
        enabled: true,
        lines: u16::MAX,
        ring_s: super::read::RING_S,
        duty: None,
        ringback: None,
        confirm: Confirm::Off,
    };
    destination(tenant, &written, &[])
}

fn destination(tenant: &TenantId, written: &super::Destination, duties: &[&str]) -> Destination {
    let number = match written.kind {
        DestinationKind::Extension => phone_user(tenant, &written.number),
        _ => written.number.clone(),
    };
    let duty = written.duty.as_deref().and_then(|name| duties.iter().position(|known| *known == name));
    Destination {
        name: Arc::from(written.name.as_str()),
        kind: written.kind,
        number: Arc::from(number),
        area_code: Arc::from(area_code(written.kind, &written.number)),
        enabled: written.enabled,
        lines: written.lines,
        ring_ms: u64::from(written.ring_s) * 1000,
        duty: duty.and_then(|place| u8::try_from(place).ok()),
        confirm: written.confirm,
    }
}

/// The area code of a number in national form: three digits for 010 and 02x, four for the others (the numbering plan
/// of the fixed network). Mobiles and SIP addresses have none.
fn area_code(kind: DestinationKind, number: &str) -> &str {
    let length = match (kind, number.as_bytes()) {
        (DestinationKind::Mobile | DestinationKind::SipUri | DestinationKind::Extension, _) => 0,
        (_, [b'0', b'1' | b'2', ..]) => 3,
        (_, [b'0', ..]) => 4,
        _ => 0,
    };
    number.get(..length).unwrap_or("")
}

fn patterns(written: &[String]) -> CallerPatterns {
    CallerPatterns::new(written.iter().map(String::as_str)).0
}

fn place_of(number: &Number, name: &str) -> Option<u8> {
    let place = number.destinations.iter().position(|destination| destination.name == name)?;
    u8::try_from(place).ok()
}

/// The steps and groups of a number while they are laid out. Step 0 is the entry; each rule's conditions lead to the
/// rule's action, and to the next rule where one does not hold.
struct Layout<'a> {
    enterprise: &'a Enterprise,
    number: &'a Number,
    steps: Vec<Step>,
    groups: Vec<Group>,
    words: WordList,
    /// What is heard while a step dials, where that is its own.
    tones: Vec<(StepNo, Ringback)>,
    /// The percentage steps of flows.
    splits: Vec<Split>,
    /// Variables of flows by their places.
    variables: Vec<String>,
}

impl<'a> Layout<'a> {
    fn new(enterprise: &'a Enterprise, number: &'a Number) -> Self {
        let mut words = WordList::default();
        let group = |written: &super::Group| Group {
            name: words.place(&written.name),
            strategy: written.strategy,
            members: written.members.iter().filter_map(|name| place_of(number, name)).collect(),
            weights: weights(number, written),
            confirm: written.confirm,
        };
        let groups = number.groups.iter().map(group).collect();
        let (steps, tones, splits) = (Vec::new(), Vec::new(), Vec::new());
        Self { enterprise, number, steps, groups, words, tones, splits, variables: Vec::new() }
    }

    fn here(&self) -> StepNo {
        StepNo::try_from(self.steps.len()).unwrap_or(StepNo::MAX)
    }

    fn lay(&mut self, rule: Span, kind: StepKind) {
        self.steps.push(Step { rule, kind });
    }

    /// What stands before every rule: the key that a suspect has to press, then the password.
    fn lay_gates(&mut self) {
        if self.number.bars.nuisance.is_some() {
            let (name, next) = (self.words.place(CHALLENGE), self.here() + 1);
            self.lay(name, StepKind::Challenge { next });
        }
        if self.number.bars.password.is_some() {
            let (name, next) = (self.words.place(PASSWORD), self.here() + 1);
            self.lay(name, StepKind::Password { next });
        }
    }

    fn lay_rule(&mut self, rule: &Rule) {
        let name = self.words.place(&rule.name);
        let first = self.here();
        let after = first + rule.when.len() as StepNo + self.length(&rule.then);
        for condition in &rule.when {
            let kind = self.condition(condition, self.here() + 1, after);
            self.lay(name, kind);
        }
        self.lay_then(name, &rule.then);
    }

    /// How many steps an action takes.
    fn length(&self, then: &Then) -> StepNo {
        match then {
            Then::Play { then, .. } => 1 + self.length(then),
            Then::Percentage { shares, .. } => 1 + shares.len() as StepNo,
            Then::Dial(_)
            | Then::DialWith { .. }
            | Then::HangUp { .. }
            | Then::Busy
            | Then::Voicemail { .. } => 1,
            Then::Queue { full, empty, timeout, .. } => {
                let exits = [full, empty, timeout].into_iter().flatten();
                1 + exits.map(|then| self.length(then)).sum::<StepNo>()
            }
        }
    }

    fn condition(&mut self, condition: &Condition, held: StepNo, failed: StepNo) -> StepKind {
        let span = match condition {
            Condition::Open(name)
            | Condition::Closed(name)
            | Condition::From(name)
            | Condition::Caller(name) => self.words.place(name),
            Condition::AreaCode(digits) | Condition::Prefix(digits) => self.words.place(&digits.join(", ")),
        };
        match condition {
            Condition::Open(name) => {
                StepKind::Hours { name: span, schedule: self.schedule(name), open: held, closed: failed }
            }
            Condition::Closed(name) => {
                StepKind::Hours { name: span, schedule: self.schedule(name), open: failed, closed: held }
            }
            Condition::From(name) => {
                StepKind::Region { name: span, set: self.regions(name), inside: held, outside: failed }
            }
            Condition::Caller(name) => {
                StepKind::Caller { name: span, list: self.callers(name), listed: held, other: failed }
            }
            Condition::AreaCode(codes) => {
                let set = RegionSet::of_area_codes(codes).unwrap_or_default();
                StepKind::Region { name: span, set, inside: held, outside: failed }
            }
            Condition::Prefix(digits) => {
                let beginnings: Vec<String> = digits.iter().map(|digits| format!("{digits}*")).collect();
                StepKind::Caller { name: span, list: patterns(&beginnings), listed: held, other: failed }
            }
        }
    }

    fn schedule(&self, name: &str) -> Box<Schedule> {
        let named = self.enterprise.schedules.iter().find(|named| named.name == name);
        Box::new(named.map(|named| named.schedule.clone()).unwrap_or_default())
    }

    fn regions(&self, name: &str) -> RegionSet {
        let named = self.enterprise.region_sets.iter().find(|named| named.name == name);
        let set = named.and_then(|named| RegionSet::parse(&named.includes).ok());
        set.unwrap_or_default()
    }

    fn callers(&self, name: &str) -> CallerPatterns {
        let named = self.enterprise.caller_lists.iter().find(|named| named.name == name);
        named.map(|named| patterns(&named.callers)).unwrap_or_default()
    }

    fn lay_then(&mut self, rule: Span, then: &Then) {
        match then {
            Then::Play { prompt, answer, then } => {
                let next = self.here() + 1;
                let prompt = self.words.place(prompt);
                self.lay(rule, StepKind::Play { prompt, answer: *answer, next });
                self.lay_then(rule, then);
            }
            Then::Dial(name) => self.lay_dial(rule, name),
            Then::DialWith { dial, ringback } => {
                self.tone(Some(ringback));
                self.lay_dial(rule, dial);
            }
            Then::Percentage { mode, shares } => {
                let first = self.here() + 1;
                let places = shares.iter().zip(first..).map(|(share, step)| (share.percent, step)).collect();
                self.lay(rule, StepKind::Percentage { mode: *mode, sticky: Sticky::Nobody, shares: places });
                for share in shares {
                    self.lay_dial(rule, &share.dial);
                }
            }
            Then::HangUp { prompt } => {
                let prompt = prompt.as_deref().map(|prompt| self.words.place(prompt));
                self.lay(rule, StepKind::HangUp { prompt });
            }
            Then::Busy => self.lay(rule, StepKind::Busy),
            Then::Voicemail { prompt, seconds_max } => {
                let voicemail = self.voicemail(prompt, *seconds_max, super::read::MESSAGE_SILENCE_S, None);
                self.lay(rule, voicemail);
            }
            Then::Queue { queue, full, empty, timeout } => {
                self.lay_queue(rule, queue, [full, empty, timeout].map(Option::as_deref));
            }
        }
    }

    fn voicemail(&mut self, prompt: &str, seconds_max: u16, silence_s: u8, next: Option<StepNo>) -> StepKind {
        StepKind::Voicemail {
            voicemail: Box::new(Voicemail {
                greeting: self.words.place(prompt),
                ms_max: u64::from(seconds_max) * 1_000,
                quiet_ms: u64::from(silence_s) * 1_000,
                next,
            }),
        }
    }

    /// A queue, then its exits one after the other.
    fn lay_queue(&mut self, rule: Span, queue: &str, exits: [Option<&Then>; 3]) {
        let queue = self.words.place(queue);
        let mut next = self.here() + 1;
        let places = exits.map(|exit| {
            let place = exit.map(|_| next);
            next += exit.map_or(0, |exit| self.length(exit));
            place
        });
        self.lay(rule, StepKind::Queue { queue, exits: QueueExits::new(places) });
        exits.into_iter().flatten().for_each(|exit| self.lay_then(rule, exit));
    }

    /// The steps of a final treatment, which no rule leads to.
    fn lay_finally(&mut self, then: Option<&Then>) -> Option<StepNo> {
        let (first, then) = (self.here(), then?);
        let name = self.words.place(FINALLY);
        self.lay_then(name, then);
        Some(first)
    }

    /// The steps of a crisis, which calls enter by before its hour. Its phone stands behind the number's own.
    fn lay_crisis(&mut self, crisis: &Crisis, phones: &mut Vec<Destination>) -> StepNo {
        let (first, name) = (self.here(), self.words.place(CRISIS));
        let then = match &crisis.then {
            // The number's own rules begin at the first step.
            CrisisThen::GoOn => 0,
            CrisisThen::HangUp | CrisisThen::Dial(_) => first + StepNo::from(crisis.notice.is_some()),
        };
        if let Some(notice) = &crisis.notice {
            let prompt = self.words.place(notice);
            self.lay(name, StepKind::Play { prompt, answer: false, next: then });
        }
        match &crisis.then {
            CrisisThen::GoOn => {}
            CrisisThen::HangUp => self.lay(name, StepKind::HangUp { prompt: None }),
            CrisisThen::Dial(number) => {
                let place = self.number.destinations.len();
                self.groups.push(Group {
                    name,
                    strategy: super::Strategy::Sequential,
                    members: u8::try_from(place).into_iter().collect(),
                    weights: Box::default(),
                    confirm: None,
                });
                let group = u8::try_from(self.groups.len() - 1).unwrap_or(u8::MAX);
                self.lay(name, StepKind::DialGroup { group });
                phones.push(crisis_phone(&self.enterprise.id, number));
            }
        }
        if crisis.notice.is_none() && crisis.then == CrisisThen::GoOn { 0 } else { first }
    }

    /// What is heard while the step dials that is laid next.
    fn tone(&mut self, ringback: Option<&Ringback>) {
        let step = self.here();
        self.tones.extend(ringback.map(|ringback| (step, ringback.clone())));
    }

    fn lay_dial(&mut self, rule: Span, name: &str) {
        let group = self.group(name);
        self.lay(rule, StepKind::DialGroup { group });
    }

    /// The place of a group. A destination that is dialled by its own name gets a group of its own, once; groups go
    /// first where both carry the name.
    fn group(&mut self, name: &str) -> u8 {
        let span = self.words.place(name);
        let known = self.groups.iter().position(|group| group.name == span);
        let place = known.unwrap_or_else(|| {
            self.groups.push(Group {
                name: span,
                strategy: super::Strategy::Sequential,
                members: place_of(self.number, name).into_iter().collect(),
                weights: Box::default(),
                confirm: None,
            });
            self.groups.len() - 1
        });
        u8::try_from(place).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Beijing;
    use crate::calendar::HolidayYears;
    use crate::enterprise::read;
    use crate::enterprise::read::tests::{HUAXIN, LANTIAN, allowed, yaml};
    use crate::flow::{Chance, Inputs, Stop, walk};
    use crate::region::RegionTable;
    use crate::tenant::Deals;

    fn compiled(text: &str) -> Hotline {
        let (enterprise, _) = read(&yaml(text), &allowed()).expect("the example is right");
        compile(&enterprise, 7).remove(0)
    }

    /// The group that a caller reaches, the prompts on the way, and the rules that were asked.
    fn reached(hotline: &Hotline, caller: &str, at: &str) -> (String, Vec<String>) {
        let region = RegionTable::shipped().locate(caller);
        let at = Beijing::parse(at).expect("a time").wall();
        let mut inputs = Inputs {
            hotline,
            caller,
            region: &region,
            at,
            years: HolidayYears::shipped(),
            chance: &mut Chance::new(1),
            standing: &Default::default(),
            slots: &mut Default::default(),
        };
        let (mut deals, mut walked, mut from, mut prompts) = (Deals::default(), Vec::new(), 0, String::new());
        let end = loop {
            match walk(&mut inputs, &mut deals, from, &mut walked) {
                Stop::Play { prompt, next, .. } | Stop::Notice { prompt, next, .. } => {
                    prompts += &format!("{prompt}, ");
                    from = next;
                }
                Stop::Password { next } | Stop::Challenge { next } => from = next,
                Stop::Ask { .. } => break "asks".to_owned(),
                Stop::Dial { group } | Stop::Reach { group, .. } => {
                    break hotline.group_name(group).to_string();
                }
                Stop::HangUp { prompt } => break format!("hang up {}", prompt.as_deref().unwrap_or("")),
                Stop::Busy => break "busy".to_owned(),
                Stop::Queue { queue, .. } => break format!("queue {queue}"),
                Stop::Voicemail { .. } => break "voicemail".to_owned(),
                Stop::Rate { .. } => break "satisfaction".to_owned(),
                Stop::Http { .. } => break "http".to_owned(),
                Stop::Callback { .. } => break "callback".to_owned(),
                Stop::Loop => break "loop".to_owned(),
            }
        };
        let mut rules: Vec<String> = walked.iter().map(|step| step.rule.to_string()).collect();
        rules.dedup();
        (prompts + &end, rules)
    }

    #[test]
    fn r08_r09_r10_calls_walk_the_rules_in_order() {
        let hotline = compiled(HUAXIN);
        let to = |caller: &str, at: &str| reached(&hotline, caller, at).0;
        let (open, shut) = ("2026-10-12T10:00", "2026-10-12T12:30");
        assert_eq!(to("01012345678", open), "北方坐席");
        assert_eq!(to("13800138000", open), "北方坐席", "a mobile of Beijing");
        assert_eq!(to("02012345678", open), "南方坐席");
        assert_eq!(to("02812345678", open), "北京前台", "the first share of all others");
        assert_eq!(to("02012345678", shut), "after_hours, 值班手机");
        assert_eq!(to("01088880002", shut), "北京二线", "the trial callers come first");
        assert_eq!(to("01088880005", open), "after_hours, hang up ");
        assert_eq!(to("02012345678", "2026-10-01T10:00"), "after_hours, 值班手机", "a holiday");
        assert_eq!(to("02012345678", "2026-11-11T23:00"), "南方坐席", "a date of its own");
    }

    #[test]
    fn r25_each_step_carries_its_rule() {
        let (end, rules) = reached(&compiled(LANTIAN), "02812345678", "2026-10-12T10:00");
        assert_eq!(end, "welcome, 客服");
        assert_eq!(rules, ["try busy", "try no answer", "try rejected", OTHERWISE]);
    }

    #[test]
    fn a_destination_dialled_by_name_has_one_group_of_its_own() {
        let hotline = compiled(HUAXIN);
        let has = |group: &Group, name: &str| hotline.words.text(group.name) == name;
        let named = |name: &str| hotline.groups.iter().filter(|group| has(group, name)).collect::<Vec<_>>();
        assert_eq!(named("值班手机").len(), 1);
        assert_eq!(*named("上海")[0].members, [4]);
        assert_eq!(*named("北方坐席")[0].members, [8, 1, 0]);
        assert_eq!((&*hotline.forward_on_busy, &*hotline.forward_on_no_answer), (&[6, 4][..], &[7, 6][..]));
    }

    #[test]
    fn r17_r18_duties_and_final_treatments_are_compiled() {
        let (mut enterprise, _) = read(&yaml(HUAXIN), &allowed()).expect("the example is right");
        let number = &mut enterprise.numbers[0];
        for place in [0, 1, 5] {
            number.destinations[place].duty = Some("office".into());
        }
        number.finally.busy = Some(Then::Dial("值班手机".into()));
        number.finally.no_answer = Some(Then::Busy);
        let hotline = compile(&enterprise, 1).remove(0);
        assert_eq!(hotline.duties.len(), 1);
        let at = |text: &str| Beijing::parse(text).expect("a time").wall();
        let (open, shut) = (at("2026-10-12T11:59:59"), at("2026-10-12T12:00:00"));
        let on_duty = |place, at| hotline.is_on_duty(place, at, HolidayYears::shipped());
        assert_eq!([0, 2].map(|place| on_duty(place, open)), [true, true]);
        assert_eq!([0, 2].map(|place| on_duty(place, shut)), [false, true]);
        assert!(!on_duty(8, open), "it is switched off");
        let step = |step: Option<StepNo>| &hotline.flow.steps[usize::from(step.expect("laid"))];
        assert_eq!(step(hotline.finally_no_answer).kind, StepKind::Busy);
        assert_eq!(hotline.words.text(step(hotline.finally_busy).rule), FINALLY);
        assert!(matches!(step(hotline.finally_busy).kind, StepKind::DialGroup { .. }));
    }

    #[test]
    fn units_and_area_codes_are_those_of_a_call() {
        let hotline = compiled(HUAXIN);
        assert_eq!((hotline.version, hotline.talk_ms_max), (7, 14_400_000));
        assert_eq!(hotline.recording_notice.as_deref(), Some("recording_notice"));
        let codes: Vec<&str> =
            hotline.destinations.iter().map(|destination| &*destination.area_code).collect();
        assert_eq!(codes, ["010", "010", "010", "010", "021", "0755", "", "", ""]);
        assert_eq!(
            (hotline.destination(2).ring_ms, &*hotline.destination(2).number),
            (10_000, "01062345603")
        );
    }

    #[test]
    fn a_name_that_nothing_carries_stands_for_nothing() {
        let (mut enterprise, _) = read(&yaml(HUAXIN), &allowed()).expect("the example is right");
        enterprise.schedules.clear();
        enterprise.region_sets.clear();
        enterprise.numbers[0].otherwise = Then::Dial("nobody".into());
        enterprise.numbers[0].rules.retain(|rule| rule.name == "北方来电");
        let hotline = compile(&enterprise, 1).remove(0);
        assert_eq!(reached(&hotline, "01012345678", "2026-10-12T10:00").0, "nobody");
        assert_eq!(hotline.groups.last().map(|group| group.members.len()), Some(0));
    }
}
