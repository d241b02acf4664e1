//! Everything that happens to a node from outside, by chance: the network's weather, callers, callees, and what people
//! do while calls go on.

use std::net::SocketAddr;
use std::sync::Arc;

use hotline::agent::{Device, Rest};
use hotline::call::{TalkOrder, Target, WatchMode};
use hotline::enterprise::{Enterprise, compile};
use hotline::queue::Order;
use hotline::trunk::{Profile, Shown};
use hotline::{Beijing, CallId, Money, PlanId, TenantId, Wall};
use node::directory::{Entry, Place};
use node::{Change, Input, Node, TrunkConfig};

use super::callbacks::LOOK_EVERY_MS;
use super::life::Crash;
use super::stage::obedient;
use super::{Due, Reply, STRANGER, World};
use crate::dice::Dice;
use crate::far::{CalleePlan, CallerPlan, Doings, Note, Outcome, Phase, TalkPlan, Timer};
use crate::wire::Message;

/// How hostile a seed is.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Per mille of datagrams lost, and of datagrams doubled.
    loss: u64,
    doubled: u64,
    delay_ms: (u64, u64),
    /// How long a prompt plays, and how late media tells.
    pub(super) prompt_ms: (u64, u64),
    pub(super) lag_ms: (u64, u64),
    /// How long a dead node stays away.
    pub(super) down_ms: (u64, u64),
    crashes: u64,
    disk_failures: u64,
    store_absences: u64,
    clock_jumps: u64,
    edits: u64,
    trunk_troubles: u64,
    drains: u64,
    /// How often the machine does not let the node run.
    sleeps: u64,
    /// The node's thread looks this often only: what came meanwhile it takes in one turn.
    pub(super) looks_every_ms: u64,
    /// Per mille of commits whose answer is lost.
    pub(super) answers_lost: u64,
    /// When the world begins.
    pub(super) begins_at: Wall,
    /// Nothing passes at all.
    pub(super) cut: bool,
    /// A trunk whose port is closed: ICMP tells.
    pub(super) refused: Option<usize>,
}

impl Weather {
    /// The weather of a seed: every fourth is clean, every fourth has only a bad network, every fourth only crashes.
    pub fn of(seed: u64, dice: &mut Dice) -> Self {
        let (network, crashes) = match seed % 4 {
            0 => (false, false),
            1 => (true, false),
            2 => (false, true),
            _ => (true, true),
        };
        let some = |on: bool, dice: &mut Dice, low, high| if on { dice.within(low, high) } else { 0 };
        let begins = if dice.chance(300) { "2026-10-31T23:40:00" } else { "2026-10-12T09:55:00" };
        Self {
            loss: some(network, dice, 5, 120),
            doubled: some(network, dice, 0, 80),
            delay_ms: if network { (2, dice.within(5, 400)) } else { (8, 8) },
            prompt_ms: (1_500, 7_000),
            lag_ms: (0, 30),
            down_ms: (100, 9_000),
            crashes: some(crashes, dice, 1, 6),
            disk_failures: some(crashes, dice, 0, 3),
            store_absences: dice.within(0, 2),
            clock_jumps: some(crashes || network, dice, 0, 2),
            edits: dice.within(0, 6),
            trunk_troubles: dice.within(0, 3),
            drains: dice.within(0, 1),
            sleeps: some(crashes || network, dice, 0, 40),
            // Not drawn, so that the others live as they always did.
            looks_every_ms: match seed / 4 % 5 {
                0 => 40,
                3 if network => 300,
                _ => 1,
            },
            answers_lost: dice.within(0, 100),
            begins_at: Beijing::parse(begins).expect("a date").wall(),
            cut: false,
            refused: None,
        }
    }

    /// No weather at all, for scenarios: 5 ms to anywhere, prompts of 3 s, and nothing happens by itself.
    pub(super) fn calm(begins_at: Wall) -> Self {
        Self {
            loss: 0,
            doubled: 0,
            delay_ms: (5, 5),
            prompt_ms: (3_000, 3_000),
            lag_ms: (10, 10),
            down_ms: (1_000, 1_000),
            crashes: 0,
            disk_failures: 0,
            store_absences: 0,
            clock_jumps: 0,
            edits: 0,
            trunk_troubles: 0,
            drains: 0,
            sleeps: 0,
            looks_every_ms: 1,
            answers_lost: 0,
            begins_at,
            cut: false,
            refused: None,
        }
    }

    /// No node dies: then waits and states of agents are told to their ends.
    pub fn kills_no_node(&self) -> bool {
        self.crashes == 0
    }

    /// Nothing is lost and no node dies: then more must hold.
    pub fn is_clean(&self) -> bool {
        self.loss == 0 && self.doubled == 0 && self.crashes == 0 && self.disk_failures == 0
    }

    /// When the copies of a datagram arrive; none if it is lost.
    pub(super) fn passages(&self, dice: &mut Dice) -> Vec<u64> {
        if self.cut || self.loss > 0 && dice.chance(self.loss) {
            return Vec::new();
        }
        let (low, high) = self.delay_ms;
        let mut passages = vec![dice.within(low, high)];
        if self.doubled > 0 && dice.chance(self.doubled) {
            passages.push(dice.within(low, high + 300));
        }
        passages
    }
}

/// How a trunk is today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Good,
    /// It says nothing.
    Dead,
    /// It refuses with 503.
    Full,
}

/// What somebody does.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    Call,
    TopUp,
    Edit,
    ClockJump,
    StoreLeaves,
    TrunkTurns(usize, Mood),
    TrunkRefuses(Option<usize>),
    Drain(bool),
    EndAll,
    DiskFails,
    Sleep,
    Die,
    /// An agent logs in, or does something else.
    Agent(usize, usize, bool),
    /// Somebody orders something about a talk.
    Order,
    /// Somebody sees to a request for a callback.
    Callback,
    /// Nobody is to be called back any more.
    EndRequests,
    /// What is at this place of a rush's plan.
    Rush(usize),
}

/// The provider's trunks: two that are sound, one that is flaky, one for calls in only. Each shows another number
/// (row K06), and one is a trusted network that asserts withheld numbers.
pub fn trunks() -> Vec<TrunkConfig> {
    let trunk = |name: &str, host: u8, outgoing: bool, priority: u32| TrunkConfig {
        name: name.into(),
        address: SocketAddr::from(([10, 0, 1, host], 5060)),
        area_code: Some("010".into()),
        incoming: true,
        outgoing,
        priority,
        profile: Profile { options_s: 0, tones: name != "flaky", ..Profile::default() },
        cost_plan: Some(PlanId::new("C1")),
    };
    let mut trunks = vec![
        trunk("flaky", 3, true, 1),
        trunk("north", 1, true, 2),
        trunk("south", 2, true, 3),
        trunk("inward", 4, false, 4),
    ];
    trunks[0].profile.trusted = true;
    trunks[1].profile.numbers = vec!["01062000001".into()];
    trunks[1].profile.show = Shown::Own;
    trunks[2].profile.shows_hotline = true;
    trunks[2].profile.show = Shown::Hotline;
    trunks
}

/// How long the node's thread sleeps, on average, and at most: [`Dice::around`](crate::dice::Dice::around).
const SLEEP_MS: u64 = 700;
pub(crate) const SLEEP_MS_MAX: u64 = 8 * SLEEP_MS;

/// How often somebody orders something about a talk, on average.
const ORDER_EVERY_MS: u64 = 4_000;

impl World {
    /// Documents become rules, prepaid tenants pay in.
    pub(super) fn furnish(&mut self) {
        for place in 0..self.enterprises.len() {
            self.remember_rules(place);
            let enterprise = &self.enterprises[place].0;
            let amount = Money::from_fen(self.dice.within(50, 8_000) as i64);
            self.store.top_up(&enterprise.id, amount, "first", Wall(self.wall_ms));
        }
    }

    /// The rules of a document as it stands, for whoever loads or checks them.
    pub(super) fn remember_rules(&mut self, place: usize) {
        let (enterprise, version) = &self.enterprises[place];
        for hotline in compile(enterprise, *version) {
            self.watch.hotlines.insert((hotline.number, *version), Arc::new(hotline));
        }
    }

    /// Lays out what will happen up to the last call.
    pub(super) fn plan_deeds(&mut self, until: u64) {
        let weather = self.weather.clone();
        let mut deeds = vec![
            (weather.crashes, Deed::Die),
            (weather.disk_failures, Deed::DiskFails),
            (weather.store_absences, Deed::StoreLeaves),
            (weather.clock_jumps, Deed::ClockJump),
            (weather.edits, Deed::Edit),
            (3, Deed::TopUp),
            (weather.drains, Deed::Drain(true)),
            (weather.sleeps, Deed::Sleep),
        ];
        for _ in 0..weather.trunk_troubles {
            let trunk = self.dice.within(0, 2) as usize;
            let deed = match self.dice.within(0, 2) {
                0 => Deed::TrunkTurns(trunk, Mood::Dead),
                1 => Deed::TrunkTurns(trunk, Mood::Full),
                _ => Deed::TrunkRefuses(Some(trunk)),
            };
            deeds.push((1, deed));
        }
        for (count, deed) in deeds {
            for _ in 0..count {
                let ms = self.dice.within(30_000, until.max(30_001));
                self.later(ms, Due::Deed(deed));
            }
        }
        self.later(1_000, Due::Deed(Deed::Call));
        for _ in 0..until / ORDER_EVERY_MS {
            let ms = self.mover.within(10_000, until.max(10_001));
            self.later(ms, Due::Deed(Deed::Order));
        }
        for _ in 0..until / LOOK_EVERY_MS {
            let ms = self.mover.within(10_000, until.max(10_001));
            self.later(ms, Due::Deed(Deed::Callback));
        }
        for (place, (enterprise, _)) in self.enterprises.clone().iter().enumerate() {
            for at in 0..enterprise.agents.len() {
                self.later(500, Due::Deed(Deed::Agent(place, at, true)));
                for _ in 0..self.dice.within(0, 20) {
                    let ms = self.dice.within(30_000, until.max(30_001));
                    let in_again = self.dice.chance(700);
                    self.later(ms, Due::Deed(Deed::Agent(place, at, in_again)));
                }
            }
        }
    }

    /// No new calls from here on; what was broken is mended.
    pub(super) fn close_up(&mut self) {
        self.closing = true;
        self.weather.refused = None;
        self.trunk_moods.fill(Mood::Good);
        self.later(0, Due::Deed(Deed::EndRequests));
    }

    pub(super) fn do_deed(&mut self, deed: Deed) -> Result<(), String> {
        self.note(|| format!("deed {deed:?}"));
        match deed {
            Deed::Call => self.somebody_calls(),
            Deed::TopUp => {
                let place = self.dice.within(0, self.enterprises.len() as u64 - 1) as usize;
                let (tenant, amount) = (
                    self.enterprises[place].0.id.clone(),
                    Money::from_fen(self.dice.within(10, 3_000) as i64),
                );
                let reference = format!("at {} {}", self.clock, self.serial);
                self.store.top_up(&tenant, amount, &reference, self.now().wall);
                self.watch.credit_leaves(&tenant, amount);
                let ms = self.dice.within(1, 40);
                self.reply(ms, Reply::Credit(tenant, amount));
                Ok(())
            }
            Deed::Edit => self.edit(),
            Deed::ClockJump => {
                self.wall_ms += *self.dice.pick(&[3_600_000, -3_600_000, 5_000, -400]);
                Ok(())
            }
            Deed::StoreLeaves => {
                let longest = *self.dice.pick(&[10_000, 60_000, 400_000]);
                self.store.away_until = self.clock + self.dice.within(2_000, longest);
                Ok(())
            }
            Deed::TrunkTurns(trunk, mood) => {
                self.trunk_moods[trunk] = mood;
                if mood != Mood::Good {
                    let ms = self.dice.within(20_000, 300_000);
                    self.later(ms, Due::Deed(Deed::TrunkTurns(trunk, Mood::Good)));
                }
                Ok(())
            }
            Deed::TrunkRefuses(trunk) => self.trunk_refuses(trunk),
            Deed::Drain(on) => {
                if on {
                    let ms = self.dice.within(5_000, 40_000);
                    self.later(ms, Due::Deed(Deed::Drain(false)));
                    if self.dice.chance(500) {
                        let ms = self.dice.within(0, ms);
                        self.later(ms, Due::Deed(Deed::EndAll));
                    }
                }
                self.tell(Input::Drain(on))
            }
            Deed::EndAll => self.end_all(),
            Deed::DiskFails => {
                self.disk_fails = true;
                Ok(())
            }
            Deed::Agent(place, at, logs_in) => self.agent_does(place, at, logs_in),
            Deed::Order => self.somebody_orders(),
            Deed::Callback => self.somebody_sees_to_callbacks(),
            Deed::EndRequests => self.end_requests(),
            Deed::Rush(place) => self.rushes(place),
            Deed::Sleep => {
                self.asleep_until = self.clock + self.dice.around(SLEEP_MS);
                Ok(())
            }
            Deed::Die => {
                self.crash = Some(match self.dice.within(0, 3) {
                    0 => Crash::BeforeFacts,
                    1 => Crash::InFacts(self.dice.within(0, 999)),
                    2 => Crash::AfterFacts,
                    _ => Crash::AfterOutputs(self.dice.within(0, 6)),
                });
                Ok(())
            }
        }
    }

    /// Whoever is up is told at once: nothing goes on but the ends of calls.
    fn end_all(&mut self) -> Result<(), String> {
        self.tell(Input::EndAll)?;
        let up = self.node.iter().flat_map(Node::calls).find(|call| !call.is_ending());
        up.map_or(Ok(()), |call| Err(format!("call {} is up though all were to end (F2)", call.id())))
    }

    /// The program behind a trunk's port is gone, with all its calls; for a while nobody listens there.
    fn trunk_refuses(&mut self, trunk: Option<usize>) -> Result<(), String> {
        self.weather.refused = trunk.filter(|_| !self.closing);
        let Some(trunk) = self.weather.refused else { return Ok(()) };
        let ms = self.dice.within(20_000, 200_000);
        self.later(ms, Due::Deed(Deed::TrunkRefuses(None)));
        let address = self.trunks[trunk].address;
        let mut out = Doings::default();
        self.far.vanish(address, &mut out);
        self.far_did(out)
    }

    /// An agent does something; a command that the database would refuse is not given.
    fn agent_does(&mut self, place: usize, at: usize, logs_in: bool) -> Result<(), String> {
        if self.clock < self.store.away_until {
            return Ok(());
        }
        // As the server's lock on accounts has it: one that is on its way to the node is told first, or it would come without
        // the order after the node was told of that in vain.
        let told_at = self.lanes[1];
        let tenant = &self.enterprises[place].0.id;
        if told_at >= self.clock && self.node.as_ref().is_some_and(|node| node.tenant(tenant).is_none()) {
            self.later(told_at - self.clock + 1, Due::Deed(Deed::Agent(place, at, logs_in)));
            return Ok(());
        }
        let order = match self.dice.within(0, 3) {
            _ if logs_in => Order::LogIn,
            0 => Order::LogOut,
            1 => Order::Ready,
            _ => Order::Rest(Rest::Own("tea".into())),
        };
        let agent = &self.enterprises[place].0.agents[at];
        let (number, has_both) =
            (agent.number.clone(), agent.mobile.is_some() && !agent.extension.is_empty());
        self.agent_orders(place, &number, &order)?;
        if has_both {
            // By dice of their own, so that all else lives as it did.
            let device = *self.dice.clone().pick(&[Device::Phone, Device::Mobile]);
            self.agent_orders(place, &number, &Order::Device(device))?;
        }
        self.agents_file(place)?;
        self.turn()
    }

    /// Agents say what came of their calls, some of them what is no result. By dice of their own, so that all else lives as it did.
    fn agents_file(&mut self, place: usize) -> Result<(), String> {
        let mut dice = self.dice.clone();
        let enterprise = &self.enterprises[place].0;
        let Some(results) = enterprise.queues.iter().find_map(|queue| queue.results.as_ref()) else {
            return Ok(());
        };
        let (mut codes, agents) = (results.paths(), enterprise.agents.clone());
        codes.extend(["sale".to_owned(), "nothing".to_owned()]);
        for agent in agents.iter().filter(|_| dice.chance(500)).collect::<Vec<_>>() {
            let code = dice.pick(&codes).as_str().into();
            let order = Order::Result { call: None, code, by: agent.number.as_str().into() };
            self.agent_orders(place, &agent.number, &order)?;
        }
        Ok(())
    }

    /// Somebody holds, transfers or asks, whether or not that can be now.
    fn somebody_orders(&mut self) -> Result<(), String> {
        let Some(node) = &self.node else { return Ok(()) };
        let talks: Vec<(CallId, TenantId)> = node
            .calls()
            .filter(|call| call.is_answered() && !call.is_ending())
            .map(|call| (call.id(), call.hotline().tenant.clone()))
            .collect();
        if talks.is_empty() {
            return Ok(());
        }
        let (call, tenant) = self.mover.pick(&talks).clone();
        let place = self.enterprises.iter().position(|(enterprise, _)| enterprise.id == tenant);
        let Some(place) = place else { return Ok(()) };
        let order = order(&self.enterprises[place].0, &mut self.mover);
        self.note(|| format!("orders {order:?} of {call}"));
        self.order_talk(place, call, order)?;
        self.turn()
    }

    /// A person changes an enterprise's document: the next version, for the next call.
    fn edit(&mut self) -> Result<(), String> {
        let place = self.dice.within(0, self.enterprises.len() as u64 - 1) as usize;
        let (before, version) = &self.enterprises[place];
        let (after, version) = (crate::tenants::edited(before, &mut self.dice), version + 1);
        let mut numbers = Vec::new();
        let mut bodies = Vec::new();
        for hotline in compile(&after, version) {
            let hotline = Arc::new(hotline);
            let entry = Entry { tenant: after.id.clone(), version, place: Place::default() };
            numbers.push((hotline.number, Some(entry)));
            self.watch.edited.insert(hotline.number);
            self.watch.hotlines.insert((hotline.number, version), hotline.clone());
            if self.dice.chance(500) {
                bodies.push(hotline);
            }
        }
        self.enterprises[place] = (after, version);
        self.tell(Input::Change(Change::Enterprise { numbers, bodies }))
    }

    fn somebody_calls(&mut self) -> Result<(), String> {
        if self.closing {
            return Ok(());
        }
        let ms = self.dice.around(12_000).max(1);
        self.later(ms, Due::Deed(Deed::Call));
        let burst = if self.dice.chance(30) { self.dice.within(2, 8) } else { 1 };
        let mut out = Doings::default();
        for _ in 0..burst {
            self.call(&mut out);
        }
        self.far_did(out)
    }

    fn call(&mut self, out: &mut Doings) {
        self.invites += 1;
        let dice = &mut self.dice;
        let host = *dice.pick(&[1u8, 2, 4]);
        let home = match dice.chance(8) {
            true => SocketAddr::from(STRANGER),
            // Nobody comes from a trunk whose program is gone.
            false if self.weather.refused.is_some() => SocketAddr::from(([10, 0, 1, 4], 5060)),
            false => SocketAddr::from(([10, 0, 1, host], 5060)),
        };
        let number = match dice.within(0, 99) {
            0 => "4009999999".to_owned(),
            1 => "12345".to_owned(),
            _ => {
                let (enterprise, _) = dice.pick(&self.enterprises);
                dice.pick(&enterprise.numbers).number.to_string()
            }
        };
        let caller = match dice.within(0, 3) {
            0 => format!("1380013{:04}", dice.within(0, 20)),
            1 => format!("1390075{:04}", dice.within(0, 9)),
            2 => format!("0755{}", 22_000_000 + dice.within(0, 9)),
            _ => format!("{}", 62_000_000 + dice.within(0, 20)),
        };
        let mut plan = CallerPlan {
            give_up_ms: Some(if dice.chance(200) { dice.around(6_000).max(5) } else { 150_000 }),
            late_offer: dice.chance(60),
            acks_lost: match dice.within(0, 49) {
                0 => 1_000,
                1..=3 => dice.within(1, 4) as u32,
                _ => 0,
            },
            withheld: dice.chance(40),
            strange: dice.chance(6),
            talk: talk(dice, 600),
            ..CallerPlan::default()
        };
        if plan.withheld {
            plan.headers = format!("P-Asserted-Identity: <sip:{caller}@10.0.1.1>\r\nPrivacy: id\r\n");
        }
        self.far.call(home, &caller, &number, plan, out);
    }

    /// What the far end that got an INVITE will do with it.
    pub(super) fn plan_callee(&mut self, to: SocketAddr, datagram: &[u8]) -> CalleePlan {
        let trunk = self.trunks.iter().position(|trunk| trunk.address == to);
        let mood = trunk.map_or(Mood::Good, |trunk| self.trunk_moods[trunk]);
        if self.words.is_some() {
            return obedient(mood);
        }
        if let Some(rush) = &mut self.rush {
            return rush.callee(to);
        }
        let flaky = trunk == Some(0);
        let dice = &mut self.dice;
        let ring = dice.chance(880).then(|| (dice.within(20, 2_500), *dice.pick(&[180, 180, 180, 183])));
        let outcome = match (mood, dice.within(0, 99)) {
            (Mood::Dead, _) => Outcome::Dead,
            (Mood::Full, _) => Outcome::Refuse(10, 503, 0),
            (Mood::Good, roll) => outcome(roll, flaky, dice),
        };
        // A description that our parser cannot use happens on sound trunks too, but seldom.
        let strange = dice.chance(8);
        let called_by = Message::read(datagram).map_or(0, |message| message.cseq);
        CalleePlan {
            ring: ring.filter(|_| outcome != Outcome::Dead),
            outcome,
            trying: called_by > 0 && dice.chance(900),
            fork_ms: dice.chance(25).then(|| dice.within(0, 4_000)),
            deaf_to_cancel: dice.chance(30),
            strange,
            talk: talk(dice, 500),
        }
    }

    /// What one side does tempts another to do something at the same moment (FAULTS F9).
    pub(super) fn nudge(&mut self, note: Note) -> Result<(), String> {
        if self.words.is_some() || self.rush.is_some() {
            return Ok(());
        }
        let (of, per_mille) = match note {
            Note::Answered(leg) => (leg, 40),
            Note::SaidBye(leg) => (leg, 60),
            Note::Reinvited(leg) => (leg, 120),
            Note::Failed(leg) => return self.maybe_redial(leg),
            Note::Early(leg) => {
                // Some say nothing more than a tone.
                if self.dice.chance(300) {
                    let ms = self.dice.within(1_800, 9_000);
                    self.later(ms, Due::BusyTone { leg });
                }
                return Ok(());
            }
            Note::Quiet(_) => return Ok(()),
        };
        if !self.dice.chance(per_mille) {
            return Ok(());
        }
        let Some(call) = self.far.legs[of].call else { return Ok(()) };
        let others: Vec<usize> = self.far.of_call(call).filter(|leg| *leg != of).collect();
        for other in others {
            let ms = self.dice.within(0, 40);
            let timer = match (note, self.far.legs[other].phase) {
                (Note::Answered(_), Phase::Inviting) => Timer::GiveUp,
                (Note::Reinvited(_), Phase::Up) if self.dice.chance(500) => Timer::Resume,
                (_, Phase::Up) => Timer::HangUp,
                _ => continue,
            };
            self.later(ms, Due::Far { leg: other, timer });
        }
        Ok(())
    }

    /// A caller who failed may try again at once.
    fn maybe_redial(&mut self, _leg: usize) -> Result<(), String> {
        if self.closing || !self.dice.chance(100) {
            return Ok(());
        }
        let mut out = Doings::default();
        self.call(&mut out);
        self.far_did(out)
    }
}

/// Something that people want of a talk.
fn order(of: &Enterprise, dice: &mut Dice) -> TalkOrder {
    match dice.within(0, 21) {
        12 | 13 if !of.extensions.is_empty() => {
            let modes = [WatchMode::Listen, WatchMode::Whisper, WatchMode::Barge];
            TalkOrder::Watch(phone(of, dice), *dice.pick(&modes))
        }
        14 if !of.extensions.is_empty() => TalkOrder::TakeOver(phone(of, dice)),
        15 if !of.extensions.is_empty() => TalkOrder::Unwatch(phone(of, dice)),
        16 => TalkOrder::Merge,
        17 | 18 => TalkOrder::PauseRecording,
        19 => TalkOrder::ResumeRecording,
        20 | 21 => TalkOrder::Rate,
        0 | 1 => TalkOrder::Hold,
        2 | 3 => TalkOrder::Resume,
        4 | 5 => TalkOrder::Transfer(target(of, dice)),
        6..=8 => TalkOrder::Consult(target(of, dice)),
        9 => TalkOrder::Complete,
        10 => TalkOrder::Return,
        _ => TalkOrder::Swap,
    }
}

fn phone(of: &Enterprise, dice: &mut Dice) -> Arc<str> {
    dice.pick(&of.extensions).number.as_str().into()
}

fn target(of: &Enterprise, dice: &mut Dice) -> Target {
    match dice.within(0, 5) {
        0 | 1 if !of.agents.is_empty() => Target::Agent(dice.pick(&of.agents).number.as_str().into()),
        2 if !of.extensions.is_empty() => Target::Extension(dice.pick(&of.extensions).number.as_str().into()),
        3 if !of.queues.is_empty() => Target::Queue(dice.pick(&of.queues).name.as_str().into()),
        4 => Target::Step((*dice.pick(&["otherwise", "south", "closed"])).into()),
        _ => Target::Bound(format!("d{}", dice.within(0, 4)).into()),
    }
}

fn outcome(roll: u64, flaky: bool, dice: &mut Dice) -> Outcome {
    let soon = dice.within(20, 2_000);
    match roll {
        0..=14 if flaky => Outcome::Refuse(soon, *dice.pick(&[500, 503, 504, 408]), 0),
        15..=22 if flaky => Outcome::Dead,
        23..=25 if flaky => Outcome::Refuse(soon, 480, *dice.pick(&[34, 38, 41])),
        0..=55 => Outcome::Answer(dice.around(5_000).max(30)),
        56..=69 => Outcome::Refuse(soon, *dice.pick(&[486, 486, 486, 600]), *dice.pick(&[0, 17])),
        70..=75 => Outcome::Refuse(dice.within(1_000, 20_000), 480, *dice.pick(&[0, 18, 19])),
        76..=80 => Outcome::Refuse(soon, 603, 21),
        81..=84 => Outcome::Refuse(soon, 404, 0),
        85..=95 => Outcome::Silence,
        // Around the end of the ring time.
        96..=98 => Outcome::Answer(dice.within(7_000, 40_000)),
        _ => Outcome::Answer(0),
    }
}

fn talk(dice: &mut Dice, hangs_up: u64) -> TalkPlan {
    let hang_up = dice.chance(hangs_up);
    TalkPlan {
        hang_up_ms: Some(if hang_up { dice.around(70_000).max(20) } else { dice.within(300_000, 420_000) }),
        hold_ms: dice.chance(80).then(|| (dice.within(10, 20_000), dice.within(500, 20_000))),
        second_bye: dice.chance(60),
        vanish_ms: dice.chance(25).then(|| dice.within(100, 60_000)),
    }
}
