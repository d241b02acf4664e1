//! The enterprises of a world: random, but such as people write them. Builds documents and leaves what they mean to
//! `hotline`.

mod bars;
mod flows;
mod tones;

pub use bars::{CHALLENGE, PASSWORD};
pub use flows::{ASKED, CALL_ME_BACK};

use hotline::agent::{State, WrapUp};
use hotline::calendar::{Schedule, Week};
use hotline::cdr::ChargingFrom;
use hotline::consent::Consent;
use hotline::enterprise::{
    AccountKind, Agent, Announce, BalanceEnd, BlockEntry, CallbackOffer, CallerMemory, Condition, Confirm,
    Destination, DestinationKind, DialBack, Enterprise, Extension, Forwards, Group, Limits, MemoryScope,
    NamedCallers, NamedRegions, NamedSchedule, Needs, Number, Queue, Recording, Ringback, Rule, Satisfaction,
    Secret, Share, ShareMode, SpillWhen, Strategy, Then, phone_user,
};
use hotline::queue::Absence;
use hotline::results::{ResultCode, Results};
use hotline::{HotlineNumber, Money, PlanId, TenantId};

use crate::dice::Dice;

/// The phones with a fixed SIP address listen here.
pub const PHONES: [u8; 4] = [10, 0, 2, 1];

/// Who was asked what a talk was worth is not asked again for so long.
pub const PAUSE_HOURS: u16 = 1;

/// The sale plans that come with the product.
const PLANS: [&str; 6] = ["T1", "T2", "T2a", "T2b", "T3", "T6"];

/// The old ones more often: most groups are written so.
const STRATEGIES: [Strategy; 10] = [
    Strategy::Sequential,
    Strategy::Sequential,
    Strategy::RoundRobin,
    Strategy::RoundRobin,
    Strategy::Random,
    Strategy::LongestIdle,
    Strategy::FewestCalls,
    Strategy::LeastTalk,
    Strategy::RingAll,
    Strategy::Weighted,
];

/// The enterprises of a seed; numbers are 4006010100 and on.
pub fn enterprises(dice: &mut Dice) -> Vec<Enterprise> {
    let count = dice.within(3, 5) as u32;
    (0..count).map(|place| enterprise(place, dice)).collect()
}

fn enterprise(place: u32, dice: &mut Dice) -> Enterprise {
    let prepaid = dice.chance(600);
    let strict = dice.chance(750);
    let mut schedule = Schedule::always();
    schedule.weekly = Week::of_every_day(&["08:00-20:00".parse().expect("an interval")]);
    let numbers = dice.within(1, 3) as u32;
    let (id, name) = (TenantId::new(&format!("tenant-{place}")), format!("Tenant {place}"));
    let plan = PlanId::new(PLANS[dice.within(0, 5) as usize]);
    let mut enterprise = Enterprise {
        account: if prepaid { AccountKind::Prepaid } else { AccountKind::Postpaid },
        balance_end: if strict { BalanceEnd::Strict } else { BalanceEnd::FinishCall },
        charging_from: if dice.chance(700) { ChargingFrom::Answer } else { ChargingFrom::TwoParty },
        limits: limits(dice, 4),
        schedules: vec![NamedSchedule { name: "day".into(), schedule }],
        region_sets: vec![NamedRegions {
            name: "south".into(), includes: vec!["广东".into(), "021".into()]
        }],
        caller_lists: vec![NamedCallers { name: "known".into(), callers: vec!["138*".into()], priority: 3 }],
        numbers: (0..numbers).map(|n| number(place * 10 + n, dice)).collect(),
        ..Enterprise::new(id, &name, plan)
    };
    // By dice of their own: worlds without a flow live as they always did. Where there are several numbers, the others
    // go by rules.
    let mut own = dice.clone();
    if own.chance(300) {
        enterprise.flows = flows::flows(&mut own);
        enterprise.numbers[0].flow = Some(flows::MAIN.to_owned());
    }
    let mut barred = Dice::new(own.draw());
    if barred.chance(400) {
        bars::stand(&mut enterprise, &mut barred);
    }
    if Dice::new(own.draw()).chance(500) {
        flows::keep_shares(&mut enterprise);
    }
    let mut ringing = Dice::new(own.draw());
    if ringing.chance(400) {
        tones::give(&mut enterprise, &mut ringing);
    }
    let mut unsure = Dice::new(own.draw());
    if unsure.chance(400) {
        confirm_answers(&mut enterprise, &mut unsure);
    }
    let mut capped = Dice::new(own.draw());
    if capped.chance(200) {
        enterprise.limits.outgoing_per_day_max = Some(capped.within(5, 120) as u32);
    }
    for number in &mut enterprise.numbers {
        if capped.chance(100) {
            number.limits.outgoing_per_day_max = Some(capped.within(5, 60) as u32);
        }
    }
    let mut asking = Dice::new(own.draw());
    for number in enterprise.numbers.iter_mut().filter(|number| number.recording.enabled) {
        if asking.chance(400) {
            let consent = *asking.pick(&[Consent::OptOut, Consent::OptIn]);
            number.recording = Recording::asking(true, consent);
        }
    }
    if dice.chance(500) { with_queue(enterprise, dice) } else { enterprise }
}

/// Some answers are confirmed before callers have them, of bound numbers and of whole groups (row R29).
fn confirm_answers(enterprise: &mut Enterprise, dice: &mut Dice) {
    let how = |dice: &mut Dice| match dice.within(0, 3) {
        0 => Confirm::Off,
        1 => Confirm::Tone,
        _ => Confirm::Key { s: dice.within(5, 12) as u8 },
    };
    for number in &mut enterprise.numbers {
        number.destinations.iter_mut().for_each(|bound| bound.confirm = how(dice));
        for group in &mut number.groups {
            group.confirm = dice.chance(200).then(|| how(dice));
        }
    }
}

/// Some agents carry less than a call of the queue costs, so that they are never rung (row Q20).
fn mix_capacities(enterprise: &mut Enterprise, dice: &mut Dice) {
    let (dice, Some(queue)) = (&mut dice.clone(), enterprise.queues.last_mut()) else { return };
    if !dice.chance(300) {
        return;
    }
    queue.call_weight = dice.chance(500).then(|| dice.within(20, 120) as u16);
    if dice.chance(500) {
        queue.join_empty.push(Absence::NoCapacity);
        queue.leave_empty.push(Absence::NoCapacity);
    }
    for agent in &mut enterprise.agents {
        agent.capacity = dice.chance(500).then(|| dice.within(10, 150) as u16);
    }
}

/// The same with agents and a queue, to which some of its numbers lead.
fn with_queue(mut enterprise: Enterprise, dice: &mut Dice) -> Enterprise {
    let count = dice.within(1, 6);
    for at in 0..count {
        let (number, skills) =
            (format!("{}", 801 + at), [("mandarin".to_owned(), 1 + (at % 4) as u8)].into());
        let secret = Secret::of(&phone_user(&enterprise.id, &number), "correct horse");
        let agent = Agent {
            number: format!("{}", 8_001 + at),
            name: number.clone(),
            extension: number.clone(),
            mobile: None,
            confirm: None,
            skills,
            capacity: None,
            shifts: Vec::new(),
        };
        enterprise.extensions.push(Extension::new(&number, &number, secret));
        enterprise.agents.push(agent);
    }
    let members: Vec<String> = enterprise.agents.iter().map(|agent| agent.number.clone()).collect();
    let need = |level| Needs { skills: [("mandarin".to_owned(), level)].into(), s: Some(7) };
    let states = |dice: &mut Dice| {
        let lists: [&[State]; 4] =
            [&[], &[State::Off], &[State::Off, State::Rest], &[State::Off, State::AfterWork]];
        dice.pick(&lists).iter().map(|state| Absence::from(*state)).collect::<Vec<_>>()
    };
    enterprise.queues.push(Queue {
        strategy: *dice.pick(&STRATEGIES),
        weights: members.iter().cloned().zip(1..).collect(),
        members,
        patience_s: dice.within(5, 90) as u16,
        size_max: dice.within(1, 6) as u16,
        ring_s: dice.within(5, 15) as u16,
        wrap_up: match dice.within(0, 3) {
            0 => WrapUp::Forced { ms: 8_000 },
            1 => WrapUp::Optional { ms_max: Some(20_000) },
            _ => WrapUp::None,
        },
        misses_max: dice.within(0, 3) as u8,
        join_empty: states(dice),
        leave_empty: states(dice),
        needs: if dice.chance(300) { vec![need(3), need(2)] } else { Vec::new() },
        announce: dice.chance(300).then_some(Announce { every_s: 10, position_max: 9, minutes_max: 9 }),
        answer: dice.chance(600),
        ..Queue::new("wait", &[])
    });
    // By dice of their own, so that worlds in which nobody is asked live as they always did.
    let mut own = dice.clone();
    mix_capacities(&mut enterprise, &mut own.clone());
    let asks = Satisfaction { talk_s_min: 5, pause_hours: PAUSE_HOURS, ..Satisfaction::default() };
    if let Some(queue) = enterprise.queues.last_mut().filter(|_| own.chance(500)) {
        let sms = own.chance(500).then(|| "please rate ${number}".to_owned());
        queue.satisfaction = Some(Satisfaction { sms, ..asks });
    }
    if let Some(queue) = enterprise.queues.last_mut().filter(|_| own.chance(300)) {
        let level = own.chance(500).then(|| (own.within(1, 100) as u8, own.within(1, 30) as u16));
        let waiting = own.chance(500).then(|| own.within(1, 5) as u16);
        queue.spill = Some(SpillWhen { wait_s: Some(own.within(10, 600) as u16), waiting, level });
    }
    if let Some(queue) = enterprise.queues.last_mut().filter(|_| own.chance(600)) {
        let (hours, tries) = ("day".to_owned(), own.within(1, 3) as u8);
        let (retry_s, ring_s) = (own.within(10, 120) as u16, own.within(5, 25) as u16);
        let dial = own.chance(800).then_some(DialBack { hours, tries, retry_s, ring_s });
        let (after_s, prompt) = (own.within(1, 8) as u16, "callback_offer".to_owned());
        queue.callback = Some(CallbackOffer { after_s, prompt, dial });
    }
    if let Some(queue) = enterprise.queues.last_mut().filter(|_| own.chance(600)) {
        queue.results = Some(results(&mut own));
    }
    if own.chance(400) {
        for (at, agent) in enterprise.agents.iter_mut().enumerate() {
            agent.mobile = own.chance(500).then(|| format!("13{:09}", 600_000_000 + at));
            if agent.mobile.is_some() && own.chance(300) {
                agent.extension.clear();
            }
        }
    }
    if let Some(like) = enterprise.queues.last().cloned() {
        flows::wait_in(&mut enterprise, &like);
    }
    for number in &mut enterprise.numbers {
        let exit = |dice: &mut Dice| match dice.within(0, 3) {
            0 => Some(Box::new(Then::Dial("all".into()))),
            1 => Some(Box::new(Then::HangUp { prompt: Some("closed".into()) })),
            2 => Some(Box::new(Then::Voicemail { prompt: "voicemail_greeting".into(), seconds_max: 30 })),
            _ => None,
        };
        if dice.chance(700) {
            let (full, empty, timeout) = (exit(dice), exit(dice), exit(dice));
            number.otherwise = Then::Queue { queue: "wait".into(), full, empty, timeout };
        }
    }
    enterprise
}

/// A tree of results of two levels; where one must be there is one that stands unless an agent says otherwise.
fn results(dice: &mut Dice) -> Results {
    let code = |code: &str, codes| ResultCode { code: code.into(), name: code.to_uppercase(), codes };
    let sale = vec![code("new", Vec::new()), code("old", Vec::new())];
    let mandatory = dice.chance(700);
    Results {
        mandatory,
        limit_s: dice.chance(500).then(|| dice.within(1, 40) as u16),
        default: (mandatory || dice.chance(300)).then(|| "other".into()),
        codes: vec![code("sale", sale), code("other", Vec::new())],
    }
}

fn limits(dice: &mut Dice, scale: u64) -> Limits {
    Limits {
        concurrent_calls_max: dice.chance(300).then(|| dice.within(1, 3 * scale) as u32),
        concurrent_calls_per_caller_max: dice.chance(150).then(|| dice.within(1, 2) as u32),
        calls_per_minute_max: dice.chance(100).then(|| dice.within(2, 6 * scale) as u32),
        calls_per_minute_per_caller_max: dice.chance(100).then(|| dice.within(1, 3) as u32),
        outgoing_per_day_max: None,
        month_cost_cap_e4: dice
            .chance(250)
            .then(|| Money::from_fen(dice.within(100, 1_500) as i64 * scale as i64)),
        month_calls_cap: dice.chance(150).then(|| dice.within(10, 60 * scale) as u32),
        count_unanswered: dice.chance(300),
        lifted_month: None,
    }
}

fn number(place: u32, dice: &mut Dice) -> Number {
    let count = dice.within(2, 8) as u32;
    let destinations: Vec<_> = (0..count).map(|at| destination(place, at, dice)).collect();
    let name = |at: u64| format!("d{at}");
    let (half, all) = (u64::from(count / 2).max(1), u64::from(count));
    let groups = vec![
        group("first", dice, (0..half).map(name).collect()),
        group("all", dice, (0..all).map(name).collect()),
        group("last", dice, (half..all).map(name).collect()),
    ];
    Number {
        number: HotlineNumber::from_suffix(6_010_100 + place).expect("seven digits"),
        enabled: !dice.chance(20),
        destinations,
        groups,
        rules: rules(dice),
        otherwise: otherwise(dice),
        forwards: forwards(all, dice),
        memory: memory(dice),
        block: if dice.chance(200) { vec![BlockEntry::of("139*")] } else { Vec::new() },
        limits: limits(dice, 1),
        ringback: if dice.chance(400) { Ringback::Prompt("colour_ring".into()) } else { Ringback::Tone },
        recording: Recording::new(dice.chance(400)),
        talk_s_max: if dice.chance(200) { 90 } else { 14_400 },
        ..Number::new(HotlineNumber::from_suffix(6_010_100 + place).expect("seven digits"), Then::Busy)
    }
}

fn destination(place: u32, at: u32, dice: &mut Dice) -> Destination {
    let (kind, number) = match dice.within(0, 5) {
        0 | 1 => (DestinationKind::Landline, format!("010{}", 62_000_000 + place * 100 + at)),
        2 => (DestinationKind::Landline, format!("0755{}", 82_000_000 + place * 100 + at)),
        3 => (DestinationKind::Mobile, format!("13700{:06}", place * 100 + at)),
        4 => (DestinationKind::TrunkNumber, format!("021{}", 51_000_000 + place * 100 + at)),
        _ => {
            let [a, b, c, d] = PHONES;
            (DestinationKind::SipUri, format!("sip:{}@{a}.{b}.{c}.{d}:5060", 8_000 + place * 100 + at))
        }
    };
    Destination {
        name: format!("d{at}"),
        kind,
        number,
        enabled: !dice.chance(70),
        lines: *dice.pick(&[1, 1, 2, 5, 30]),
        ring_s: dice.within(8, 30) as u16,
        duty: None,
        ringback: None,
        confirm: Confirm::Off,
    }
}

fn group(name: &str, dice: &mut Dice, members: Vec<String>) -> Group {
    let strategy = *dice.pick(&STRATEGIES);
    let weights = members.iter().zip(1..).map(|(name, weight)| (name.clone(), weight)).collect();
    Group { name: name.into(), strategy, members, weights, ringback: None, confirm: None }
}

fn rules(dice: &mut Dice) -> Vec<Rule> {
    let mut rules = Vec::new();
    if dice.chance(150) {
        let then = Then::HangUp { prompt: Some("closed".into()) };
        rules.push(Rule { name: "closed".into(), when: vec![Condition::Closed("day".into())], then });
    }
    if dice.chance(300) {
        let then = Then::Dial("first".into());
        rules.push(Rule { name: "south".into(), when: vec![Condition::From("south".into())], then });
    }
    if dice.chance(200) {
        let when = vec![Condition::Caller("known".into()), Condition::Open("day".into())];
        rules.push(Rule { name: "known by day".into(), when, then: Then::Dial("last".into()) });
    }
    rules
}

fn otherwise(dice: &mut Dice) -> Then {
    let dial = Then::Dial("all".into());
    match dice.within(0, 9) {
        0..=3 => dial,
        4..=6 => {
            let first = *dice.pick(&[50u8, 60, 25, 33, 99]);
            let mode = if dice.chance(800) { ShareMode::Exact } else { ShareMode::Random };
            let share = |percent, dial: &str| Share { percent, dial: dial.into() };
            Then::Percentage { mode, shares: vec![share(first, "first"), share(100 - first, "last")] }
        }
        7..=8 => Then::Play { prompt: "welcome".into(), answer: dice.chance(500), then: Box::new(dial) },
        _ => Then::HangUp { prompt: dice.chance(500).then(|| "closed".into()) },
    }
}

fn forwards(count: u64, dice: &mut Dice) -> Forwards {
    if count >= 6 && dice.chance(500) {
        // Four that the first group has not: enough to run into the limit of three.
        let name = |back: u64| format!("d{}", count - back);
        return Forwards { on_busy: vec![name(1), name(2)], on_no_answer: vec![name(3), name(4)] };
    }
    let mut pair = |chance| -> Vec<String> {
        if !dice.chance(chance) {
            return Vec::new();
        }
        (0..dice.within(1, 2)).map(|_| format!("d{}", dice.within(0, count - 1))).collect()
    };
    Forwards { on_busy: pair(500), on_no_answer: pair(500) }
}

fn memory(dice: &mut Dice) -> Option<CallerMemory> {
    let scope = *dice.pick(&[MemoryScope::Number, MemoryScope::Enterprise]);
    dice.chance(300).then_some(CallerMemory { hours: 1, scope })
}

/// The same document after a person worked on it: something else is off, caps are higher.
pub fn edited(before: &Enterprise, dice: &mut Dice) -> Enterprise {
    let mut after = before.clone();
    let place = dice.within(0, after.numbers.len() as u64 - 1) as usize;
    let number = &mut after.numbers[place];
    let at = dice.within(0, number.destinations.len() as u64 - 1) as usize;
    number.destinations[at].enabled = !number.destinations[at].enabled;
    number.destinations[at].ring_s = dice.within(8, 30) as u16;
    for cap in
        [&mut number.limits.month_cost_cap_e4, &mut after.limits.month_cost_cap_e4].into_iter().flatten()
    {
        *cap += Money::from_fen(500);
    }
    if dice.chance(200) {
        after.numbers[place].rules.clear();
    }
    flows::edit(&mut after, dice);
    after
}
