//! The enterprise's state as one call met it. What the log shows of it is put in place: the state before a deal, a route or a
//! wait is the one from which it follows. What the draft has anew goes on from call to call.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::Unknown;
use super::recorded::{Dealt, PartKind, Recorded, Routed, Turn};
use crate::agent;
use crate::call::{Fact, Unqueued};
use crate::enterprise::{ShareMode, Strategy};
use crate::flow::{StepKind, StepNo, StepWhy};
use crate::queue::{Floor, NoPlace, Spill, Staff, States};
use crate::routing::Skip;
use crate::tenant::{Memo, PhoneUse, Tenant, deal_state, phone_state};
use crate::{Hotline, Now, Wall};

/// Newer than any version of a document: the floor of a replay follows what the log says of its queues.
const VERSION: u32 = 1 << 31;

/// How a queue takes a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Takes {
    #[default]
    Everybody,
    /// As many wait as may.
    Full,
    /// Nobody who counts is there.
    Empty,
    /// It sends on who waits.
    Spills,
}

/// The state of one enterprise, as far as replays need it.
#[derive(Debug)]
pub(super) struct State {
    pub tenant: Tenant,
    /// Agents and queues that let everybody wait and offer nothing of their own accord; none where no rule leads to a queue.
    staff: Option<Staff>,
    takes: Vec<Takes>,
    /// Queues that send on who waits, from now on.
    spills: BTreeSet<Arc<str>>,
    version: u32,
    /// Percentage steps by their names, with their place and percents.
    shares: BTreeMap<String, (StepNo, Vec<u8>)>,
    deals: BTreeMap<String, VecDeque<Dealt>>,
    routes: BTreeMap<String, VecDeque<Routed>>,
    /// What is known of the caller's last answerer the next times that a group is dialled.
    answerers: VecDeque<Option<(Arc<str>, Wall)>>,
    /// Whether it was asked for behind the last step, and what is known the next time has yet to be put in place.
    asks: bool,
    asked: bool,
    filled: Vec<(Arc<str>, u16)>,
    /// What phones did, while something else is put in its place.
    used: Vec<(Arc<str>, PhoneUse)>,
}

impl State {
    pub fn new(hotline: &Hotline) -> Self {
        let shares = hotline.flow.steps.iter().enumerate().filter_map(|(place, step)| match &step.kind {
            StepKind::Percentage { shares, .. } => {
                let percents = shares.iter().map(|(percent, _)| *percent).collect();
                Some((hotline.words.text(step.rule).to_owned(), (place as StepNo, percents)))
            }
            _ => None,
        });
        let staff = hotline.staff.as_deref().map(quiet);
        let takes = vec![Takes::default(); staff.as_ref().map_or(0, |staff| staff.queues.len())];
        Self {
            tenant: Tenant::default(),
            staff,
            takes,
            spills: BTreeSet::new(),
            version: VERSION,
            shares: shares.collect(),
            deals: BTreeMap::new(),
            routes: BTreeMap::new(),
            answerers: VecDeque::new(),
            asks: true,
            asked: false,
            filled: Vec::new(),
            used: Vec::new(),
        }
    }

    /// A call begins: what is remembered of its caller is what the log shows.
    pub fn begin(&mut self, recorded: &Recorded, hotline: &Hotline) {
        self.deals = recorded.deals.clone();
        self.routes = recorded.routes.clone();
        self.answerers = recorded.answerers.clone();
        (self.asks, self.asked) = (true, false);
        self.spills.clear();
        self.takes.fill(Takes::default());
        if let Some(staff) = &mut self.staff {
            self.version += 1;
            staff.version = self.version;
            rules_of(staff, &self.takes);
            let floor = self.tenant.floor_mut();
            *floor = Floor::default();
            floor.take_staff(staff, Now { mono: recorded.at, wall: recorded.wall() });
        }
        self.tenant.tell_outgoing_left(hotline, recorded.wall(), recorded.legs_left());
        self.remember_caller(recorded, hotline);
    }

    fn remember_caller(&mut self, recorded: &Recorded, hotline: &Hotline) {
        let caller = &recorded.arrived.caller;
        if caller.is_empty() {
            return;
        }
        let number = hotline.memory.and_then(|memory| memory.scope.number(hotline.number));
        let own = self.tenant.memory().of(number, caller).cloned();
        self.tenant.forget_caller(caller);
        let memo = |at, phone: &str| Memo { number, caller: caller.clone(), at, phone: phone.to_owned() };
        let known = match self.answerers.front() {
            Some(Some((name, since))) => {
                let phone = hotline.destinations.iter().find(|known| *known.name == **name);
                phone.map(|phone| memo(*since, &phone.number))
            }
            Some(None) => None,
            // Nobody asked: what replays before this one have left.
            None => own,
        };
        if let Some(known) = known.filter(|_| hotline.memory.is_some()) {
            self.tenant.keep_answerer(known);
        }
        if recorded.asked_lately {
            let lately = Memo { number: None, ..memo(recorded.wall(), "") };
            self.tenant.keep_asked(lately);
        }
    }

    /// Puts in place what the next choices of a call follow from; [`State::take_back`] ends that.
    /// `waits` is the queue in which the call waits and goes on waiting.
    pub fn feed(&mut self, recorded: &Recorded, hotline: &Hotline, waits: Option<&str>) {
        if std::mem::take(&mut self.asked) && !self.answerers.is_empty() {
            self.remember_caller(recorded, hotline);
        }
        for (digits, turns) in &recorded.phones {
            let Some(Turn::Full(place)) = turns.front() else { continue };
            let Some(known) = hotline.destinations.iter().find(|known| known.number == *digits) else {
                continue;
            };
            // Somebody who had a place in an order when it was chosen was full later.
            let had_place = |routed: &Routed| routed.place < *place && routed.order.contains(&known.name);
            if !self.routes.values().flatten().any(had_place) {
                (0..known.lines).for_each(|_| self.tenant.take_line(digits));
                self.filled.push((digits.clone(), known.lines));
            }
        }
        for (rule, deals) in &self.deals {
            let (Some(deal), Some((step, percents))) = (deals.front(), self.shares.get(rule)) else {
                continue;
            };
            if let Some(before) = deal.before().filter(|_| deal.percents == *percents) {
                self.tenant.remember(&deal_state(hotline.number, *step, before, 0));
            }
        }
        // Groups share phones: what the next choice follows from is put in place last.
        let next = |place: &usize| {
            let routed = self.routes.get(hotline.words.text(hotline.groups[*place].name))?.front()?;
            Some(std::cmp::Reverse(routed.place))
        };
        let mut groups: Vec<usize> = (0..hotline.groups.len()).collect();
        groups.sort_by_key(next);
        groups.into_iter().for_each(|place| self.feed_group(place, hotline));
        self.feed_queues(recorded, waits);
    }

    /// The order in which a group's members were tried follows from where its pointer stood, what its members had done or how
    /// they stood.
    fn feed_group(&mut self, place: usize, hotline: &Hotline) {
        let group = &hotline.groups[place];
        let name = hotline.words.text(group.name);
        let Some(routed) = self.routes.get(name).and_then(VecDeque::front) else { return };
        if routed.strategy != group.strategy {
            return;
        }
        let member = |name: &Arc<str>| {
            group.members.iter().position(|member| hotline.destination(*member).name == *name)
        };
        let members: Vec<usize> = routed.order.iter().filter_map(member).collect();
        let (Some(first), place) = (members.first(), place as u8) else { return };
        match group.strategy {
            Strategy::RoundRobin => {
                let before = (first + group.members.len() - 1) % group.members.len();
                self.tenant.point(hotline.number, place, before as u8);
            }
            Strategy::Weighted => {
                let weight = |member: usize| i32::from(group.weights.get(member).copied().unwrap_or(1));
                let open: Vec<i32> = (0..group.members.len())
                    .map(|member| if members.contains(&member) { weight(member) } else { 0 })
                    .collect();
                if let Some(before) = routed.after.as_deref().and_then(|after| before(after, &open, *first)) {
                    self.tenant.stand(hotline.number, place, before.into_iter().collect());
                }
            }
            Strategy::LongestIdle | Strategy::FewestCalls | Strategy::LeastTalk => {
                for (turn, member) in members.iter().enumerate() {
                    let digits = &hotline.destination(group.members[*member]).number;
                    self.used.push((digits.clone(), self.tenant.phone_use(digits, Wall(0))));
                    let ended_at = Wall(turn as i64 + 1);
                    let used = PhoneUse { day: u32::MAX, calls: turn as u32, talk_ms: turn as u64, ended_at };
                    self.tenant.remember(&phone_state(digits, &used, 0));
                }
            }
            Strategy::Sequential | Strategy::Random | Strategy::RingAll => {}
        }
    }

    fn feed_queues(&mut self, recorded: &Recorded, waits: Option<&str>) {
        let Some(staff) = &mut self.staff else { return };
        let takes: Vec<Takes> = staff
            .queues
            .iter()
            .map(|queue| match self.spills.contains(&queue.name) {
                true => Takes::Spills,
                // What it does the next time concerns nobody who waits.
                false if waits == Some(&*queue.name) => Takes::Everybody,
                false => takes(recorded, &queue.name),
            })
            .collect();
        if takes == self.takes {
            return;
        }
        self.takes = takes;
        self.version += 1;
        staff.version = self.version;
        rules_of(staff, &self.takes);
        self.tenant.floor_mut().take_staff(staff, Now { mono: recorded.at, wall: recorded.wall() });
    }

    /// A queue sends on who waits, from now on.
    pub fn spill(&mut self, queue: &Arc<str>) {
        self.spills.insert(queue.clone());
    }

    /// Takes back what was put in place for one turn.
    pub fn take_back(&mut self) {
        for (digits, lines) in self.filled.drain(..) {
            (0..lines).for_each(|_| self.tenant.free_line(&digits));
        }
        for (digits, used) in self.used.drain(..).rev() {
            self.tenant.remember(&phone_state(&digits, &used, 0));
        }
    }

    /// Nothing more of a call is put in place.
    pub fn no_more(&mut self) {
        self.deals.clear();
        self.routes.clear();
        self.answerers.clear();
        self.spills.clear();
    }

    /// Takes note of a choice; the next one follows from something else.
    ///
    /// # Errors
    /// Chance chose otherwise, and no draft has to do with that.
    pub fn note(&mut self, fact: &Fact) -> Result<(), Unknown> {
        match fact {
            Fact::Walked(_) => self.asks = true,
            Fact::Routed { .. } | Fact::AnswererKnown { .. } if std::mem::take(&mut self.asks) => {
                self.answerers.pop_front();
                self.asked = true;
            }
            _ => {}
        }
        match fact {
            Fact::Walked(walked) => {
                let StepWhy::Percentage { dealt, percents, closed, .. } = &walked.why else { return Ok(()) };
                let known = self.deals.get_mut(&*walked.rule).and_then(VecDeque::pop_front);
                let by_chance = |known: &Dealt| {
                    let same = known.percents == *percents && known.closed == *closed;
                    known.mode == ShareMode::Random && same && known.dealt != *dealt
                };
                match known.filter(by_chance) {
                    Some(_) => Err(Unknown::Chance { by: walked.rule.to_string() }),
                    None => Ok(()),
                }
            }
            Fact::Routed { why, order } => {
                let known = self.routes.get_mut(&*why.group).and_then(VecDeque::pop_front);
                let by_chance = |known: &Routed| {
                    let (mut one, mut other) = (known.order.clone(), order.clone());
                    one.sort();
                    other.sort();
                    known.strategy == Strategy::Random && one == other && known.order != *order
                };
                match known.filter(by_chance) {
                    Some(_) => Err(Unknown::Chance { by: why.group.to_string() }),
                    None => Ok(()),
                }
            }
            Fact::Spilled { queue, .. } => {
                self.spills.remove(queue);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Whether lines were full where a fact says that somebody was passed over, and who that was.
pub(super) fn passed_over(fact: &Fact) -> Option<&Arc<str>> {
    match fact {
        Fact::PassedOver { destination, why: Skip::LinesFull }
        | Fact::ForwardSkipped { destination, why: Skip::LinesFull } => Some(destination),
        _ => None,
    }
}

impl Dealt {
    /// The standing from which this deal came.
    fn before(&self) -> Option<String> {
        let all_closed = self.closed.len() == self.percents.len();
        let open = |place: usize| all_closed || !self.closed.contains(&(place as u8));
        let weights: Vec<i32> = self
            .percents
            .iter()
            .enumerate()
            .map(|(place, percent)| if open(place) { i32::from(*percent) } else { 0 })
            .collect();
        let before = before(self.after.as_deref()?, &weights, usize::from(self.dealt))?;
        Some(before.iter().map(i32::to_string).collect::<Vec<_>>().join(","))
    }
}

/// Undoes one turn of [`deal_one`](crate::tenant::deal_one).
fn before(after: &str, weights: &[i32], chosen: usize) -> Option<Vec<i32>> {
    let mut standing: Vec<i32> = after.split(',').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    if standing.len() != weights.len() {
        return None;
    }
    *standing.get_mut(chosen)? += weights.iter().sum::<i32>();
    standing.iter_mut().zip(weights).for_each(|(stands, weight)| *stands -= weight);
    Some(standing)
}

/// Staff of whom nobody is there, in queues that everybody may wait in: offers come from the log alone.
fn quiet(staff: &Staff) -> Staff {
    let mut staff = staff.clone();
    for queue in &mut staff.queues {
        queue.leave_empty = States::default();
        (queue.steps, queue.misses_max) = (Box::default(), None);
        (queue.wait_told, queue.callback, queue.results) = (None, None, None);
        // A queue that may spill is looked at as often as it was, and passes no limit until the log says so.
        let never = Spill { waiting: Some(u16::MAX), ..Spill::default() };
        queue.spill = queue.spill.map(|_| never);
    }
    staff
}

fn rules_of(staff: &mut Staff, takes: &[Takes]) {
    for (queue, takes) in staff.queues.iter_mut().zip(takes) {
        queue.size_max = if *takes == Takes::Full { 0 } else { u16::MAX };
        let nobody = States::of(&[agent::State::Off]);
        queue.join_empty = if *takes == Takes::Empty { nobody } else { States::default() };
        let waiting = Some(if *takes == Takes::Spills { 0 } else { u16::MAX });
        queue.spill = queue.spill.map(|spill| Spill { waiting, ..spill });
    }
}

/// How a queue takes a call, by what it did the next time the call came to it.
fn takes(recorded: &Recorded, queue: &str) -> Takes {
    let next = recorded
        .parts
        .iter()
        .find(|part| !part.used && part.key.kind == PartKind::Queue && *part.key.name == *queue);
    let Some(part) = next else { return Takes::Everybody };
    let told = recorded.facts(part).find_map(|(_, dated)| match &dated.fact {
        Fact::NotQueued { why: NoPlace::Full, .. } => Some(Takes::Full),
        Fact::NotQueued { why: NoPlace::Empty, .. } => Some(Takes::Empty),
        Fact::Unqueued { why: Unqueued::Spilled, waited_ms: 0, .. } => Some(Takes::Spills),
        Fact::Unqueued { .. } => Some(Takes::Everybody),
        _ => None,
    });
    told.unwrap_or_default()
}
