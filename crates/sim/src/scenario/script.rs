//! The text of a scenario as values: what there is, the lines of time, the claims about records at the end.

mod flow;

use hotline::agent::{Device, Rest, State, WrapUp};
use hotline::calendar::{Interval, Schedule, Week};
use hotline::cdr::ChargingFrom;
use hotline::consent::Consent;
use hotline::enterprise::{
    AccountKind, Agent, Announce, BARRED, BalanceEnd, BlockAnswer, BlockEntry, CallbackOffer, CallerMemory,
    Condition, Confirm, Crisis, CrisisThen, Destination, DestinationKind, DialBack, Enterprise, Extension,
    Group, MemoryScope, NamedCallers, NamedCode, NamedRegions, NamedSchedule, Needs, Nuisance, Number,
    Password, Queue, Recording, RegionBarring, RegionMode, Ringback, Rule, Satisfaction, SayAgent, Secret,
    Share, ShareMode, SpillWhen, Strategy, Then, UnknownRegion, phone_user,
};
use hotline::message::Address;
use hotline::queue::{Absence, Order};
use hotline::trunk::{AccessNumber, CauseRow, EarlyMedia, Means, NumberForm, Profile, Shown};
use hotline::{Beijing, Money, PlanId, TenantId, Wall};

use super::Broken;
use super::results::results;

/// Every phone's.
pub const PASSWORD: &str = "correct horse";

/// A scenario.
#[derive(Debug)]
pub struct Script {
    /// The one enterprise of a scenario, with its one number.
    pub enterprise: Enterprise,
    /// The same after all edits so far.
    edited: Option<Enterprise>,
    /// What it paid in.
    pub balance: Money,
    /// The carriers, in order of preference.
    pub trunks: Vec<Carrier>,
    /// Whether callers come by two-stage relay (row R20).
    pub relayed: bool,
    /// When it begins, in Beijing.
    pub begins_at: Beijing,
    /// What happens.
    pub lines: Vec<Line>,
    /// What must be true at the end.
    pub claims: Vec<Claim>,
}

/// A carrier's trunk.
#[derive(Clone, Debug, PartialEq)]
pub struct Carrier {
    /// Its name.
    pub name: String,
    /// The lowest is tried first.
    pub priority: u32,
    /// What its paper says.
    pub profile: Profile,
}

impl Carrier {
    fn named(name: &str, priority: u32) -> Self {
        // Scenarios tell of calls; a trunk is asked by OPTIONS only once it failed, and
        // a caller is answered before the target only where the scenario says so.
        Self {
            name: name.to_owned(),
            priority,
            profile: Profile { options_s: 0, early_s_max: 0, ..Profile::default() },
        }
    }

    /// `NAME [calls=2] [rate=1] [weight=3] [priority=0] [form=e164] [own=DIGITS] [show=own|caller|hotline] [trusted]
    /// [shows_hotline] [answers_first] [early_dtmf] [tones] [emergency] [access=DIGITS[:NUMBER]] [busy_on=STATUS]`.
    fn read(text: &str, place: u32) -> Option<Self> {
        let mut words = text.split_whitespace();
        let mut carrier = Self::named(words.next()?, place);
        let profile = &mut carrier.profile;
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("calls", most) => profile.calls_max = Some(most.parse().ok()?),
                ("rate", most) => profile.calls_per_s_max = Some(most.parse().ok()?),
                ("early", most) => profile.early_s_max = (milliseconds(most)? / 1_000) as u32,
                ("weight", weight) => profile.weight = weight.parse().ok()?,
                ("priority", priority) => carrier.priority = priority.parse().ok()?,
                ("form", form) => {
                    profile.called = NumberForm::ALL.into_iter().find(|known| known.as_str() == form)?;
                }
                ("own", number) => profile.numbers.push(number.to_owned()),
                ("show", "own") => profile.show = Shown::Own,
                ("show", "caller") => profile.show = Shown::Caller,
                ("show", "hotline") => profile.show = Shown::Hotline,
                ("answers_first", "") => profile.early_media = EarlyMedia::AnswerFirst,
                ("early_dtmf", "") => profile.early_dtmf = true,
                ("tones", "") => profile.tones = true,
                ("emergency", "") => profile.emergency = true,
                ("shows_hotline", "") => profile.shows_hotline = true,
                ("trusted", "") => profile.trusted = true,
                ("access", access) => {
                    let (number, hotline) = access.split_once(':').unwrap_or((access, ""));
                    let hotline = (!hotline.is_empty()).then(|| hotline.parse().ok()).flatten();
                    profile.access_numbers.push(AccessNumber { number: number.to_owned(), hotline });
                }
                ("busy_on", status) => {
                    let status = Some(status.parse().ok()?);
                    profile.causes.push(CauseRow { status, q850: None, means: Means::Busy });
                }
                _ => return None,
            }
        }
        Some(carrier)
    }
}

/// What an INVITE says beside the caller's number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct More {
    /// Dialled instead of the number.
    pub dials: Option<String>,
    /// Further headers, whole lines.
    pub headers: String,
}

impl More {
    /// `[to=DIGITS] [asserted=DIGITS] [diverted=DIGITS] [history=DIGITS] [private]`.
    fn read(text: &str) -> Option<Self> {
        let mut more = Self::default();
        for word in text.split_whitespace() {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let header = |name: &str| format!("{name}: <sip:{value}@10.0.1.1>\r\n");
            match key {
                "to" => more.dials = Some(value.to_owned()),
                "asserted" => more.headers += &header("P-Asserted-Identity"),
                "diverted" => more.headers += &header("Diversion"),
                "history" => more.headers += &header("History-Info"),
                "private" => more.headers += "Privacy: id\r\n",
                _ => return None,
            }
        }
        Some(more)
    }
}

/// One instant of a scenario.
#[derive(Clone, Debug)]
pub struct Line {
    /// The line of the text, from 1.
    pub number: usize,
    /// When, since the beginning.
    pub at_ms: u64,
    /// What happens.
    pub what: What,
    /// What is seen from here to the next line, in this order.
    pub expected: Vec<String>,
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum What {
    /// Somebody calls the number.
    Call { name: String, from: String, more: Box<More> },
    /// A phone of the enterprise calls out, and shows another number than its own if it says so.
    Dial { name: String, dialled: String, shown: Option<String> },
    /// Somebody does something: `alice`, `answers`.
    Does { name: String, deed: String },
    /// A line of the setting again: the enterprise's document at its next version.
    Edit(Box<Enterprise>),
    /// The enterprise pays in.
    TopUp(Money),
    /// An agent, by number, logs in or out, rests or is ready again.
    Agent { number: String, order: Order },
    /// The enterprise has a caller forgotten.
    Forget(String),
    /// The provider gives a plan a version with another price of a minute, which holds from an instant on.
    Tariff { plan: PlanId, price: Money, from: Wall },
    /// Time passes.
    Nothing,
}

/// Something about the end, such as `cdr talk=61s`.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The line of the text, from 1.
    pub number: usize,
    /// Its words.
    pub words: Vec<String>,
}

impl Script {
    /// Reads the text.
    ///
    /// # Errors
    /// The first line that is none.
    pub fn read(text: &str) -> Result<Self, Broken> {
        let mut script = Self {
            enterprise: blank(),
            edited: None,
            balance: Money::ZERO,
            trunks: Vec::new(),
            relayed: false,
            begins_at: Beijing::parse("2026-10-12T10:00:00").unwrap_or(Beijing::date(2026, 10, 12)),
            lines: Vec::new(),
            claims: Vec::new(),
        };
        for (place, line) in text.lines().enumerate() {
            let number = place + 1;
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                let read = script.take(line, number);
                read.ok_or_else(|| Broken {
                    line: number,
                    what: format!("`{line}` is no line of a scenario"),
                })?;
            }
        }
        if script.trunks.is_empty() {
            script.trunks.push(Carrier::named("north", 0));
        }
        Ok(script)
    }

    fn take(&mut self, line: &str, number: usize) -> Option<()> {
        let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        if let Some(at) = first.strip_prefix('+') {
            return self.take_time(milliseconds(at)?, rest, number);
        }
        match first {
            "cdr" | "records" | "requests" | "balance" | "outbound_refused" | "desk" => {
                let words = line.split_whitespace().map(str::to_owned).collect();
                self.claims.push(Claim { number, words });
            }
            "at" => self.begins_at = Beijing::parse(rest)?,
            "trunk" => self.trunks.push(Carrier::read(rest, self.trunks.len() as u32)?),
            _ => self.balance += set(&mut self.enterprise, first, rest)?,
        }
        Some(())
    }

    fn take_time(&mut self, at_ms: u64, rest: &str, number: usize) -> Option<()> {
        // The last arrow is the expectation's; an edited rule has one of its own before it.
        let (event, expected) = rest.rsplit_once("->").unwrap_or((rest, ""));
        let expected = expected.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty());
        let what = self.event(event.trim())?;
        self.lines.push(Line { number, at_ms, what, expected: expected.collect() });
        Some(())
    }

    fn event(&mut self, event: &str) -> Option<What> {
        if event == "nothing" {
            return Some(What::Nothing);
        }
        if let Some(edit) = event.strip_prefix("edit ") {
            let edited = self.edited.get_or_insert_with(|| self.enterprise.clone());
            for line in edit.split(" ; ") {
                let (first, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
                set(edited, first, rest.trim())?;
            }
            return Some(What::Edit(Box::new(edited.clone())));
        }
        if let Some(amount) = event.strip_prefix("top up ") {
            return Some(What::TopUp(amount.parse().ok()?));
        }
        if let Some(caller) = event.strip_prefix("forget ") {
            return Some(What::Forget(caller.trim().to_owned()));
        }
        if let Some(version) = event.strip_prefix("tariff ") {
            let mut words = version.split_whitespace();
            let (plan, price, from) = (words.next()?, words.next()?, words.next()?.strip_prefix("from=")?);
            let (plan, price) = (PlanId::new(plan), price.parse().ok()?);
            return Some(What::Tariff { plan, price, from: Beijing::parse(from)?.wall() });
        }
        let (name, deed) = event.split_once(' ')?;
        let name = name.to_owned();
        if let Some(order) = order(deed.trim()) {
            return Some(What::Agent { number: name, order });
        }
        if let Some(dialled) = deed.trim().strip_prefix("dials ") {
            let (dialled, shown) = match dialled.split_once(" as=") {
                Some((dialled, shown)) => (dialled, Some(shown.to_owned())),
                None => (dialled, None),
            };
            return Some(What::Dial { name, dialled: dialled.trim().to_owned(), shown });
        }
        Some(match deed.trim().strip_prefix("calls from=") {
            Some(words) => {
                let (from, more) = words.split_once(' ').unwrap_or((words, ""));
                What::Call { name, from: from.to_owned(), more: Box::new(More::read(more)?) }
            }
            None => What::Does { name, deed: deed.trim().to_owned() },
        })
    }
}

/// `+1.5s`, `40ms`, `2m`, `4h` without their plus.
pub fn milliseconds(text: &str) -> Option<u64> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let factor = match unit {
        "ms" => 1.0,
        "s" => 1_000.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        _ => return None,
    };
    let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
    Some((number * factor).round() as u64)
}

fn blank() -> Enterprise {
    let number = Number::new(
        hotline::HotlineNumber::from_suffix(6_010_114).expect("seven digits"),
        Then::HangUp { prompt: None },
    );
    Enterprise {
        account: AccountKind::Postpaid,
        numbers: vec![number],
        ..Enterprise::new(TenantId::new("acme"), "Acme", PlanId::new("T1"))
    }
}

/// One line of the setting. Returns what was paid in.
fn set(enterprise: &mut Enterprise, first: &str, rest: &str) -> Option<Money> {
    match first {
        "number" => return set_number(enterprise, rest),
        "phone" => set_phone(enterprise, rest)?,
        "extension" => {
            let mut words = rest.split_whitespace();
            let (name, number) = (words.next()?, words.next()?);
            let secret = Secret::of(&phone_user(&enterprise.id, number), PASSWORD);
            let ringback = words.next().and_then(|word| word.strip_prefix("tone=")).map(tone);
            enterprise.extensions.push(Extension { ringback, ..Extension::new(name, number, secret) });
        }
        "agent" => {
            let agent = agent(enterprise, rest)?;
            match enterprise.agents.iter_mut().find(|known| known.number == agent.number) {
                Some(known) => *known = agent,
                None => enterprise.agents.push(agent),
            }
        }
        "queue" => {
            let queue = queue(rest)?;
            match enterprise.queues.iter_mut().find(|known| known.name == queue.name) {
                Some(known) => *known = queue,
                None => enterprise.queues.push(queue),
            }
        }
        "hours" => {
            let (name, hours) = rest.split_once(' ')?;
            let mut schedule = Schedule::always();
            let interval: Interval = hours.trim().parse().ok()?;
            schedule.weekly = Week::of_every_day(&[interval]);
            enterprise.schedules.push(NamedSchedule { name: name.into(), schedule });
        }
        "group" => {
            let group = group(rest)?;
            let groups = &mut enterprise.numbers[0].groups;
            match groups.iter_mut().find(|known| known.name == group.name) {
                Some(known) => *known = group,
                None => groups.push(group),
            }
        }
        "rule" => set_rule(enterprise, rest)?,
        "tell" => set_tell(enterprise, rest)?,
        "flow" => flow::set_flow(enterprise, rest)?,
        "step" => flow::set_step(enterprise, rest)?,
        "publish" => flow::publish(enterprise)?,
        "crisis" => enterprise.crisis = crisis(rest)?,
        "otherwise" => enterprise.numbers[0].otherwise = action(rest)?,
        "finally" => match rest.split_once(char::is_whitespace)? {
            ("busy", then) => enterprise.numbers[0].finally.busy = Some(action(then.trim())?),
            ("no_answer", then) => enterprise.numbers[0].finally.no_answer = Some(action(then.trim())?),
            _ => return None,
        },
        "forward" => {
            let mut words = rest.split_whitespace();
            let forwards = &mut enterprise.numbers[0].forwards;
            let list = match words.next()? {
                "busy" => &mut forwards.on_busy,
                "no_answer" => &mut forwards.on_no_answer,
                _ => return None,
            };
            *list = words.map(str::to_owned).collect();
        }
        "allow" => enterprise.numbers[0].bars.allow = rest.split_whitespace().map(str::to_owned).collect(),
        "vip" => {
            let (priority, callers) = rest.split_once(' ')?;
            let callers = callers.split_whitespace().map(str::to_owned).collect();
            let (name, priority) = (format!("vip {priority}"), priority.parse().ok()?);
            enterprise.caller_lists.push(NamedCallers { name, callers, priority });
        }
        "regions" => enterprise.numbers[0].bars.regions = Some(regions(rest)?),
        "password" => enterprise.numbers[0].bars.password = Some(password(rest)?),
        "nuisance" => enterprise.numbers[0].bars.nuisance = Some(nuisance(rest)?),
        "block" => {
            enterprise.numbers[0].block = rest.split_whitespace().map(block_entry).collect::<Option<_>>()?
        }
        _ => return None,
    }
    Some(Money::ZERO)
}

/// `off`, or `until=TIME [play=PROMPT] go_on|hang_up|dial=DIGITS`.
fn crisis(rest: &str) -> Option<Option<Crisis>> {
    let (mut until, mut notice, mut then) = (None, None, None);
    for word in rest.split_whitespace() {
        match word.split_once('=') {
            None if word == "off" => return Some(None),
            None if word == "go_on" => then = Some(CrisisThen::GoOn),
            None if word == "hang_up" => then = Some(CrisisThen::HangUp),
            Some(("dial", digits)) => then = Some(CrisisThen::Dial(digits.to_owned())),
            Some(("play", prompt)) => notice = Some(prompt.to_owned()),
            Some(("until", at)) => until = Some(Beijing::parse(at)?.wall()),
            _ => return None,
        }
    }
    Some(Some(Crisis { until: until?, notice, then: then? }))
}

fn set_number(enterprise: &mut Enterprise, rest: &str) -> Option<Money> {
    let mut balance = Money::ZERO;
    let mut words = rest.split_whitespace();
    enterprise.numbers[0].number = words.next()?.parse().ok()?;
    for word in words {
        let (key, value) = word.split_once('=')?;
        let number = &mut enterprise.numbers[0];
        match (key, value) {
            ("plan", plan) => enterprise.plan = PlanId::new(plan),
            ("balance", paid) => {
                enterprise.account = AccountKind::Prepaid;
                balance = paid.parse().ok()?;
            }
            ("end", "strict") => enterprise.balance_end = BalanceEnd::Strict,
            ("end", "finish_call") => enterprise.balance_end = BalanceEnd::FinishCall,
            ("charging", "two_party") => enterprise.charging_from = ChargingFrom::TwoParty,
            ("charging", "answer") => enterprise.charging_from = ChargingFrom::Answer,
            ("month_cost_cap", cap) => number.limits.month_cost_cap_e4 = Some(cap.parse().ok()?),
            ("month_calls_cap", cap) => number.limits.month_calls_cap = Some(cap.parse().ok()?),
            ("lifted", month) => number.limits.lifted_month = Some(month.parse().ok()?),
            ("count_unanswered", "yes") => number.limits.count_unanswered = true,
            ("outgoing_per_day", most) => number.limits.outgoing_per_day_max = Some(most.parse().ok()?),
            ("tenant_outgoing_per_day", most) => {
                enterprise.limits.outgoing_per_day_max = Some(most.parse().ok()?);
            }
            ("concurrent", most) => number.limits.concurrent_calls_max = Some(most.parse().ok()?),
            ("concurrent_per_caller", most) => {
                number.limits.concurrent_calls_per_caller_max = Some(most.parse().ok()?);
            }
            ("per_minute", most) => number.limits.calls_per_minute_max = Some(most.parse().ok()?),
            ("per_minute_per_caller", most) => {
                number.limits.calls_per_minute_per_caller_max = Some(most.parse().ok()?);
            }
            ("tenant_concurrent", most) => {
                enterprise.limits.concurrent_calls_max = Some(most.parse().ok()?);
            }
            ("tenant_per_minute", most) => {
                enterprise.limits.calls_per_minute_max = Some(most.parse().ok()?);
            }
            ("record", "yes") => number.recording.enabled = true,
            ("record", "opt_out") => number.recording = Recording::asking(true, Consent::OptOut),
            ("record", "opt_in") => number.recording = Recording::asking(true, Consent::OptIn),
            ("pause_max", most) => number.recording.pause_s_max = (milliseconds(most)? / 1_000) as u16,
            ("ring", prompt) => number.ringback = Ringback::Prompt(prompt.into()),
            ("talk_max", most) => number.talk_s_max = (milliseconds(most)? / 1_000) as u32,
            ("memory", hours) => {
                let (hours, scope) = match hours.strip_suffix("/enterprise") {
                    Some(hours) => (hours, MemoryScope::Enterprise),
                    None => (hours, MemoryScope::Number),
                };
                let hours = (milliseconds(hours)? / 3_600_000) as u16;
                number.memory = Some(CallerMemory { hours, scope });
            }
            ("blocked", "busy") => number.bars.block_answer = BlockAnswer::Busy,
            ("blocked", "not_in_service") => number.bars.block_answer = BlockAnswer::NotInService,
            ("enabled", "no") => number.enabled = false,
            ("frozen", "yes") => enterprise.frozen = Some(Wall(0)),
            ("frozen", "no") => enterprise.frozen = None,
            _ => return None,
        }
    }
    Some(balance)
}

/// `missed|voicemail|agents ADDRESS…`.
fn set_tell(enterprise: &mut Enterprise, rest: &str) -> Option<()> {
    let mut words = rest.split_whitespace();
    let of_calls = &mut enterprise.numbers[0].tell;
    let list = match words.next()? {
        "missed" => &mut of_calls.missed,
        "voicemail" => &mut of_calls.voicemail,
        "agents" => &mut enterprise.tell.agents,
        _ => return None,
    };
    *list = words.map(Address::parse).collect::<Option<_>>()?;
    Some(())
}

fn set_phone(enterprise: &mut Enterprise, rest: &str) -> Option<()> {
    let mut words = rest.split_whitespace();
    let (name, digits) = (words.next()?.to_owned(), words.next()?.to_owned());
    let registers = enterprise.extensions.iter().any(|extension| extension.number == digits);
    let kind = match digits.as_bytes() {
        _ if registers => DestinationKind::Extension,
        [b's', ..] => DestinationKind::SipUri,
        [b'0', ..] => DestinationKind::Landline,
        _ => DestinationKind::Mobile,
    };
    let mut phone = Destination {
        name,
        kind,
        number: digits,
        enabled: true,
        lines: 1,
        ring_s: 20,
        duty: None,
        ringback: None,
        confirm: Confirm::Off,
    };
    for word in words {
        match word.split_once('=') {
            Some(("lines", lines)) => phone.lines = lines.parse().ok()?,
            Some(("duty", name)) => phone.duty = Some(name.to_owned()),
            Some(("tone", name)) => phone.ringback = Some(tone(name)),
            Some(("ring", ring)) => phone.ring_s = (milliseconds(ring)? / 1_000) as u16,
            Some(("confirm", how)) => phone.confirm = confirm(how)?,
            None if word == "off" => phone.enabled = false,
            _ => return None,
        }
    }
    let phones = &mut enterprise.numbers[0].destinations;
    match phones.iter_mut().find(|known| known.name == phone.name) {
        Some(known) => *known = phone,
        None => phones.push(phone),
    }
    Some(())
}

/// `tone`, or a prompt.
pub(super) fn tone(name: &str) -> Ringback {
    match name {
        "tone" => Ringback::Tone,
        prompt => Ringback::Prompt(prompt.to_owned()),
    }
}

/// `off`, `key`, `key:8s` or `tone`.
fn confirm(how: &str) -> Option<Confirm> {
    match how.split_once(':').unwrap_or((how, "12s")) {
        ("off", _) => Some(Confirm::Off),
        ("key", after) => Some(Confirm::Key { s: (milliseconds(after)? / 1_000) as u8 }),
        ("tone", _) => Some(Confirm::Tone),
        _ => None,
    }
}

/// `NAME PHONE[=WEIGHT]… [tone=PROMPT] [confirm=key] [STRATEGY]`.
fn group(rest: &str) -> Option<Group> {
    let mut words: Vec<&str> = rest.split_whitespace().collect();
    let own = words.iter().find_map(|word| word.strip_prefix("tone=")).map(tone);
    let confirm = match words.iter().find_map(|word| word.strip_prefix("confirm=")) {
        Some(how) => Some(confirm(how)?),
        None => None,
    };
    words.retain(|word| !word.starts_with("tone=") && !word.starts_with("confirm="));
    let strategy = words.last().and_then(|last| strategy(last));
    words.truncate(words.len() - usize::from(strategy.is_some()));
    let (name, members) = words.split_first()?;
    let weight = |word: &&str| {
        let (name, weight) = word.split_once('=')?;
        Some((name.to_owned(), weight.parse().ok()?))
    };
    Some(Group {
        name: (*name).to_owned(),
        strategy: strategy.unwrap_or(Strategy::Sequential),
        ringback: own,
        weights: members.iter().filter_map(weight).collect(),
        members: members.iter().map(|word| word.split('=').next().unwrap_or(word).to_owned()).collect(),
        confirm,
    })
}

/// `NUMBER EXTENSION|- [mobile=DIGITS] [capacity=UNITS] [SKILL=LEVEL]…`.
fn agent(enterprise: &Enterprise, rest: &str) -> Option<Agent> {
    let mut words = rest.split_whitespace();
    let (number, name) = (words.next()?, words.next()?);
    let extension = match name {
        "-" => String::new(),
        name => enterprise.extensions.iter().find(|extension| extension.name == name)?.number.clone(),
    };
    let skill = |word: &str| {
        let (skill, level) = word.split_once('=')?;
        Some((skill.to_owned(), level.parse().ok()?))
    };
    let said = |key: &str| rest.split_whitespace().find_map(|word| word.strip_prefix(key));
    let is_own = |word: &&str| ["mobile=", "capacity="].iter().any(|key| word.starts_with(key));
    Some(Agent {
        number: number.to_owned(),
        name: name.to_owned(),
        extension,
        mobile: said("mobile=").map(str::to_owned),
        confirm: None,
        skills: words.filter(|word| !is_own(word)).map(skill).collect::<Option<_>>()?,
        capacity: match said("capacity=") {
            Some(units) => Some(units.parse().ok()?),
            None => None,
        },
        shifts: Vec::new(),
    })
}

/// `NAME AGENT[:WEIGHT]… [STRATEGY] [patience=60s] [size=2] [ring=20s] [wrap_up=none|optional[:30s]|forced:30s] [misses=3]
/// [join_empty=off+rest] [leave_empty=off+no_capacity] [call_weight=60] [needs=SKILL:LEVEL:30s+…] [talk=60s] [announce=30s] [music=PROMPT] [early]`.
fn queue(rest: &str) -> Option<Queue> {
    let mut words = rest.split_whitespace();
    let mut queue = Queue::new(words.next()?, &[]);
    for word in words {
        let Some((key, value)) = word.split_once('=') else {
            match (word, strategy(word)) {
                ("early", _) => queue.answer = false,
                ("satisfaction", _) => queue.satisfaction = Some(Default::default()),
                (_, Some(strategy)) => queue.strategy = strategy,
                (member, None) => {
                    let (number, weight) = member.split_once(':').unwrap_or((member, "1"));
                    queue.members.push(number.to_owned());
                    queue.weights.insert(number.to_owned(), weight.parse().ok()?);
                }
            }
            continue;
        };
        match key {
            "patience" => queue.patience_s = seconds_of(value)?,
            "size" => queue.size_max = value.parse().ok()?,
            "ring" => queue.ring_s = seconds_of(value)?,
            "talk" => queue.talk_s = seconds_of(value)?,
            "misses" => queue.misses_max = value.parse().ok()?,
            "wrap_up" => queue.wrap_up = wrap_up(value)?,
            "join_empty" => queue.join_empty = value.split('+').map(absence).collect::<Option<_>>()?,
            "leave_empty" => queue.leave_empty = value.split('+').map(absence).collect::<Option<_>>()?,
            "call_weight" => queue.call_weight = Some(value.parse().ok()?),
            "needs" => queue.needs = value.split('+').map(needs).collect::<Option<_>>()?,
            "music" => queue.music = Some(value.to_owned()),
            "callback" => {
                let prompt = "callback_offer".to_owned();
                queue.callback = Some(CallbackOffer { after_s: seconds_of(value)?, prompt, dial: None });
            }
            "dial" => queue.callback.as_mut()?.dial = Some(dial_back(value)?),
            "spill" => queue.spill = Some(spill(value)?),
            "results" => queue.results = Some(results(value)?),
            "satisfaction" => queue.satisfaction = Some(satisfaction(value)?),
            "say_agent" => {
                queue.say_agent = match value {
                    "caller" => SayAgent::Caller,
                    "both" => SayAgent::Both,
                    _ => return None,
                }
            }
            "announce" => {
                let every_s = seconds_of(value)?;
                queue.announce = Some(Announce { every_s, position_max: 50, minutes_max: 30 });
            }
            _ => return None,
        }
    }
    Some(queue)
}

/// `HOURS[+tries:3][+retry:60s][+ring:20s]`.
fn dial_back(text: &str) -> Option<DialBack> {
    let mut terms = text.split('+');
    let mut dial = DialBack::within(terms.next()?);
    for term in terms {
        match term.split_once(':')? {
            ("tries", tries) => dial.tries = tries.parse().ok()?,
            ("retry", long) => dial.retry_s = seconds_of(long)?,
            ("ring", long) => dial.ring_s = seconds_of(long)?,
            _ => return None,
        }
    }
    Some(dial)
}

/// `[wait:60s][+waiting:2][+level:80:20s]`.
fn spill(text: &str) -> Option<SpillWhen> {
    let mut spill = SpillWhen::default();
    for term in text.split('+') {
        let (key, value) = term.split_once(':')?;
        match key {
            "wait" => spill.wait_s = Some(seconds_of(value)?),
            "waiting" => spill.waiting = Some(value.parse().ok()?),
            "level" => {
                let (percent, within) = value.split_once(':')?;
                spill.level = Some((percent.parse().ok()?, seconds_of(within)?));
            }
            _ => return None,
        }
    }
    Some(spill)
}

/// `[tries:2][+talk:20s][+pause:4h][+key:8s][+sms:WORD]`.
fn satisfaction(text: &str) -> Option<Satisfaction> {
    let mut asks = Satisfaction::default();
    for term in text.split('+').filter(|term| !term.is_empty()) {
        let (key, value) = term.split_once(':')?;
        match key {
            "tries" => asks.tries = value.parse().ok()?,
            "talk" => asks.talk_s_min = seconds_of(value)?,
            "pause" => asks.pause_hours = (milliseconds(value)? / 3_600_000) as u16,
            "key" => asks.timeout_s = seconds_of(value)? as u8,
            "sms" => asks.sms = Some(value.to_owned()),
            "next" => {}
            _ => return None,
        }
    }
    Some(asks)
}

pub(super) fn seconds_of(text: &str) -> Option<u16> {
    u16::try_from(milliseconds(text)? / 1_000).ok()
}

fn wrap_up(text: &str) -> Option<WrapUp> {
    let (mode, length) = text.split_once(':').map_or((text, None), |(mode, length)| (mode, Some(length)));
    let ms = match length {
        Some(length) => Some(milliseconds(length)?),
        None => None,
    };
    match (mode, ms) {
        ("none", None) => Some(WrapUp::None),
        ("optional", ms_max) => Some(WrapUp::Optional { ms_max }),
        ("forced", Some(ms)) => Some(WrapUp::Forced { ms }),
        _ => None,
    }
}

fn absence(word: &str) -> Option<Absence> {
    match word {
        "no_capacity" => Some(Absence::NoCapacity),
        word => state(word).map(Absence::from),
    }
}

fn state(word: &str) -> Option<State> {
    State::ALL.into_iter().find(|state| state.code() == word)
}

/// `SKILL:LEVEL[:30s]`.
fn needs(text: &str) -> Option<Needs> {
    let mut parts = text.split(':');
    let (skill, level) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?);
    let s = match parts.next() {
        Some(length) => Some(seconds_of(length)?),
        None => None,
    };
    Some(Needs { skills: [(skill, level)].into(), s })
}

/// `logs in`, `logs out`, `is ready`, `rests [REASON]`, `files PATH` (what came of the call).
fn order(deed: &str) -> Option<Order> {
    if let Some(code) = deed.strip_prefix("files ") {
        return Some(Order::Result { call: None, code: code.trim().into(), by: "desk".into() });
    }
    Some(match deed {
        "logs in" => Order::LogIn,
        "logs out" => Order::LogOut,
        "is ready" => Order::Ready,
        "takes calls by mobile" => Order::Device(Device::Mobile),
        "takes calls by phone" => Order::Device(Device::Phone),
        rest => Order::Rest(Rest::Own(rest.strip_prefix("rests")?.trim().into())),
    })
}

fn strategy(word: &str) -> Option<Strategy> {
    Some(match word {
        "sequential" => Strategy::Sequential,
        "round_robin" => Strategy::RoundRobin,
        "random" => Strategy::Random,
        "longest_idle" => Strategy::LongestIdle,
        "fewest_calls" => Strategy::FewestCalls,
        "least_talk" => Strategy::LeastTalk,
        "ring_all" => Strategy::RingAll,
        "weighted" => Strategy::Weighted,
        _ => return None,
    })
}

/// `NAME when CONDITION [and CONDITION] -> ACTION`.
fn set_rule(enterprise: &mut Enterprise, rest: &str) -> Option<()> {
    let (head, then) = rest.split_once("->")?;
    let (name, when) = head.split_once(" when ")?;
    let mut conditions = Vec::new();
    for condition in when.split(" and ") {
        let (kind, what) = condition.trim().split_once(' ')?;
        let what = what.trim().to_owned();
        conditions.push(match kind {
            "open" => Condition::Open(what),
            "closed" => Condition::Closed(what),
            "from" => {
                let includes = what.split_whitespace().map(str::to_owned).collect();
                enterprise.region_sets.push(NamedRegions { name: what.clone(), includes });
                Condition::From(what)
            }
            "caller" => {
                let callers = what.split_whitespace().map(str::to_owned).collect();
                enterprise.caller_lists.push(NamedCallers { name: what.clone(), callers, priority: 0 });
                Condition::Caller(what)
            }
            "area_code" => Condition::AreaCode(what.split_whitespace().map(str::to_owned).collect()),
            "prefix" => Condition::Prefix(what.split_whitespace().map(str::to_owned).collect()),
            _ => return None,
        });
    }
    let then = action(then.trim())?;
    enterprise.numbers[0].rules.push(Rule { name: name.trim().to_owned(), when: conditions, then });
    Some(())
}

/// `PATTERN` or `PATTERN@LAST-DAY`.
fn block_entry(text: &str) -> Option<BlockEntry> {
    let (pattern, until) =
        text.split_once('@').map_or((text, None), |(pattern, until)| (pattern, Some(until)));
    let until = until.map(str::parse).transpose().ok()?;
    Some(BlockEntry { until, ..BlockEntry::of(pattern) })
}

/// `allow|deny REGION… [unknown_refused]`.
fn regions(rest: &str) -> Option<RegionBarring> {
    let mut words: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
    let refused = words.last().is_some_and(|last| last == "unknown_refused");
    words.truncate(words.len() - usize::from(refused));
    let mode = match words.first()?.as_str() {
        "allow" => RegionMode::Allow,
        "deny" => RegionMode::Deny,
        _ => return None,
    };
    let unknown = if refused { UnknownRegion::Refuse } else { UnknownRegion::Connect };
    Some(RegionBarring { mode, regions: words.split_off(1), unknown, prompt: BARRED.to_owned() })
}

/// `NAME=CODE… [tries=3] [lock_after=3] [lock=30m]`.
fn password(rest: &str) -> Option<Password> {
    let mut password = Password {
        prompt: "enter_password".into(),
        wrong: "wrong_password".into(),
        passwords: Vec::new(),
        tries: 3,
        first_key_s: 10,
        key_s: 5,
        lock_after: 3,
        lock_minutes: 30,
    };
    for word in rest.split_whitespace() {
        match word.split_once('=')? {
            ("tries", tries) => password.tries = tries.parse().ok()?,
            ("lock_after", calls) => password.lock_after = calls.parse().ok()?,
            ("lock", long) => password.lock_minutes = (milliseconds(long)? / 60_000) as u16,
            (name, code) => password.passwords.push(NamedCode { name: name.into(), code: code.into() }),
        }
    }
    Some(password)
}

/// `[challenge=60] [block=100] [window=10m] [short=10s] [suspect PATTERN…]`.
fn nuisance(rest: &str) -> Option<Nuisance> {
    let mut nuisance = Nuisance::default();
    let (terms, suspects) = rest.split_once("suspect ").unwrap_or((rest, ""));
    nuisance.suspects = suspects.split_whitespace().map(str::to_owned).collect();
    for word in terms.split_whitespace() {
        match word.split_once('=')? {
            ("challenge", score) => nuisance.challenge = score.parse().ok()?,
            ("block", score) => nuisance.block = score.parse().ok()?,
            ("window", long) => nuisance.window_minutes = (milliseconds(long)? / 60_000) as u16,
            ("short", long) => nuisance.short_s = (milliseconds(long)? / 1_000) as u16,
            _ => return None,
        }
    }
    Some(nuisance)
}

/// `dial X`, `play P then …`, `answer P then …`, `share 60 A 40 B`, `hang up [P]`.
/// `NAME [| full ACTION] [| empty ACTION] [| timeout ACTION]`.
fn queue_then(text: &str) -> Option<Then> {
    let mut parts = text.split('|').map(str::trim);
    let queue = parts.next()?.to_owned();
    let (mut full, mut empty, mut timeout) = (None, None, None);
    for part in parts {
        let (exit, then) = part.split_once(' ')?;
        let then = Some(Box::new(action(then.trim())?));
        match exit {
            "full" => full = then,
            "empty" => empty = then,
            "timeout" => timeout = then,
            _ => return None,
        }
    }
    Some(Then::Queue { queue, full, empty, timeout })
}

fn action(text: &str) -> Option<Then> {
    if let Some(queue) = text.strip_prefix("queue ") {
        return queue_then(queue);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    Some(match words.as_slice() {
        ["dial", name] => Then::Dial((*name).to_owned()),
        ["dial", name, own] => {
            Then::DialWith { dial: (*name).to_owned(), ringback: tone(own.strip_prefix("tone=")?) }
        }
        [kind @ ("play" | "answer"), prompt, "then", ..] => {
            let rest = text.split_once(" then ")?.1;
            let then = Box::new(action(rest)?);
            Then::Play { prompt: (*prompt).to_owned(), answer: *kind == "answer", then }
        }
        ["share", shares @ ..] => {
            let share = |pair: &[&str]| {
                Some(Share { percent: pair[0].parse().ok()?, dial: (*pair.get(1)?).to_owned() })
            };
            let shares = shares.chunks(2).map(share).collect::<Option<Vec<_>>>()?;
            Then::Percentage { mode: ShareMode::Exact, shares }
        }
        ["busy"] => Then::Busy,
        ["voicemail"] => Then::Voicemail { prompt: "voicemail_greeting".into(), seconds_max: 120 },
        ["hang", "up"] => Then::HangUp { prompt: None },
        ["hang", "up", prompt] => Then::HangUp { prompt: Some((*prompt).to_owned()) },
        _ => return None,
    })
}
