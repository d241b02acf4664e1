//! The town behind the carrier at work: one loop on one thread, every 20 ms a packet of every phone in a call.
//! It refuses to know threads and who listens to its events.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{Behaviour, CallerPlan, WorldConfig, WorldEvent, WorldTotals};
use crate::agent::{Agent, AgentConfig, Event, Invited, LegId};
use crate::clock::Clock;
use crate::ear::Heard;
use crate::phone::Phone;
use crate::random::Random;
use crate::udp::Udp;
use crate::voice::{Says, Voices};

/// The packets and the clock of everybody here.
const FRAME: Duration = Duration::from_millis(20);
/// How long far ends may take to answer our last BYEs.
const LEAVE_MS_MAX: u64 = 2_000;
/// How long somebody who rejects looks at the number first.
const REJECT_AFTER_MS: u64 = 2_000;

pub(super) struct Town {
    config: WorldConfig,
    socket: Udp,
    clock: Clock,
    agent: Agent,
    random: Random,
    voices: Voices,
    /// By the index of the leg.
    lines: Vec<Option<Line>>,
    busy: usize,
    next_call_at_ms: Option<u64>,
    totals: Arc<Mutex<WorldTotals>>,
    on_event: Box<dyn FnMut(WorldEvent) + Send>,
}

/// One call of one phone.
struct Line {
    leg: LegId,
    phone: Phone,
    person: Person,
    began_ms: u64,
    answered_ms: Option<u64>,
    /// A caller speaks as soon as somebody told where to; a phone when it has answered or announces something.
    speaking: bool,
    next: Option<(u64, Next)>,
}

enum Person {
    Caller {
        caller: String,
        number: String,
        talk_ms: u64,
    },
    /// `presses` is the key that it presses, and how long after its answer.
    Callee {
        number: String,
        answer: Vec<u8>,
        talk_ms: Option<u64>,
        presses: Option<(u64, u8)>,
    },
}

/// What a phone does next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Answer,
    Refuse {
        status: u16,
        q850: u16,
    },
    HangUp,
    /// Presses a key, so long after the answer.
    Press {
        key: u8,
    },
}

impl Town {
    pub(super) fn new(
        config: WorldConfig,
        socket: Udp,
        totals: Arc<Mutex<WorldTotals>>,
        on_event: Box<dyn FnMut(WorldEvent) + Send>,
    ) -> Town {
        let agent = Agent::new(AgentConfig::new(socket.local(), crate::clock::fresh_seed()));
        let mut town = Town {
            random: Random::new(config.seed),
            config,
            socket,
            clock: Clock::start(),
            agent,
            voices: Voices::default(),
            lines: Vec::new(),
            busy: 0,
            next_call_at_ms: None,
            totals,
            on_event,
        };
        town.plan_next_call(0);
        town
    }

    pub(super) async fn live(
        mut self,
        mut keys: mpsc::Receiver<(String, u8)>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        let mut frames = tokio::time::interval(FRAME);
        let mut leave_by_ms = None;
        while leave_by_ms.is_none_or(|at_ms| self.agent.live() > 0 && self.clock.now_ms() < at_ms) {
            tokio::select! {
                () = self.socket.arrival() => self.receive(),
                _ = frames.tick() => self.tick(),
                Some((caller, key)) = keys.recv() => self.press(&caller, key),
                _ = &mut stopped, if leave_by_ms.is_none() => {
                    self.leave();
                    leave_by_ms = Some(self.clock.now_ms() + LEAVE_MS_MAX);
                }
            }
            self.pass();
        }
    }

    fn receive(&mut self) {
        let mut datagram = [0; 65_536];
        while let Some((bytes, from)) = self.socket.receive(&mut datagram) {
            self.agent.receive(&datagram[..bytes], from, self.clock.now_ms());
        }
    }

    fn pass(&mut self) {
        while let Some((leg, event)) = self.agent.poll_event() {
            self.take(leg, event);
        }
        while let Some(transmit) = self.agent.poll_transmit() {
            self.socket.send(&transmit.bytes, transmit.to);
        }
    }

    fn tick(&mut self) {
        let now_ms = self.clock.now_ms();
        self.agent.handle_timeout(now_ms);
        if self.next_call_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.place_call(now_ms);
            self.plan_next_call(now_ms);
        }
        for index in 0..self.lines.len() {
            self.tick_line(index, now_ms);
        }
    }

    fn press(&mut self, by: &str, key: u8) {
        let is_by = |line: &&mut Line| matches!(&line.person, Person::Caller { caller, .. } if caller == by);
        if let Some(line) = self.lines.iter_mut().flatten().find(is_by) {
            line.phone.press(key);
        }
    }

    fn tick_line(&mut self, index: usize, now_ms: u64) {
        let Some(line) = &mut self.lines[index] else { return };
        if line.speaking {
            line.phone.tick();
        }
        let (on_event, person, received) = (&mut self.on_event, &line.person, line.phone.ear.received());
        line.phone.listen(self.clock.now_us(), |heard| {
            if let (Heard::Digit(digit), Person::Callee { number, .. }) = (heard, person) {
                on_event(WorldEvent::Digit { number: number.clone(), digit });
            }
        });
        let packets = line.phone.ear.received() - received;
        let due = line.next.take_if(|(at_ms, _)| *at_ms <= now_ms);
        if packets > 0 {
            self.count(|totals| totals.packets += packets);
        }
        if let Some((_, next)) = due {
            self.act(index, next, now_ms);
        }
    }

    fn act(&mut self, index: usize, next: Next, now_ms: u64) {
        let Some(line) = &mut self.lines[index] else { return };
        let leg = line.leg;
        match (next, &mut line.person) {
            (Next::Answer, Person::Callee { number, answer, talk_ms, presses }) => {
                let event = WorldEvent::Answered { number: number.clone(), after_ms: now_ms - line.began_ms };
                self.agent.answer(leg, std::mem::take(answer), now_ms);
                line.answered_ms = Some(now_ms);
                line.speaking = true;
                let press = presses.take().map(|(after_ms, key)| (now_ms + after_ms, Next::Press { key }));
                line.next = press.or(talk_ms.map(|talk_ms| (now_ms + talk_ms, Next::HangUp)));
                self.count(|totals| totals.answered += 1);
                (self.on_event)(event);
            }
            (Next::Refuse { status, q850 }, Person::Callee { .. }) => {
                self.refuse(index, status, q850, now_ms)
            }
            (Next::Press { key }, _) => line.phone.press(key),
            (Next::HangUp | Next::Answer | Next::Refuse { .. }, _) => self.agent.hang_up(leg, now_ms),
        }
    }

    fn refuse(&mut self, index: usize, status: u16, q850: u16, now_ms: u64) {
        let Some(line) = &self.lines[index] else { return };
        self.agent.reject(line.leg, status, Some(q850), now_ms);
        self.close(index, status, now_ms);
    }

    fn leave(&mut self) {
        let now_ms = self.clock.now_ms();
        self.next_call_at_ms = None;
        self.config.callers = None;
        self.config.calls_max = 0;
        for line in self.lines.iter_mut().flatten() {
            line.next = None;
            self.agent.hang_up(line.leg, now_ms);
        }
    }

    fn take(&mut self, leg: LegId, event: Event) {
        let now_ms = self.clock.now_ms();
        let index = leg.index();
        if let Event::Invited(invited) = event {
            self.called(leg, *invited, now_ms);
            return;
        }
        let Some(line) = self.lines.get_mut(index).and_then(Option::as_mut).filter(|line| line.leg == leg)
        else {
            return;
        };
        match event {
            Event::Progress { sdp: Some(sdp), .. } | Event::Reoffered { sdp } => line.phone.speak_to(&sdp),
            Event::Answered { sdp } => self.connected(index, &sdp, now_ms),
            Event::Failed { status, .. } => self.close(index, status, now_ms),
            Event::Cancelled => self.close(index, 487, now_ms),
            Event::Bye { .. } | Event::ByeDone { .. } => self.close(index, 200, now_ms),
            Event::Progress { sdp: None, .. } | Event::Acked | Event::Invited(_) => (),
        }
    }

    fn connected(&mut self, index: usize, sdp: &[u8], now_ms: u64) {
        let Some(line) = &mut self.lines[index] else { return };
        let Person::Caller { caller, number, talk_ms } = &line.person else { return };
        let after_ms = now_ms - line.began_ms;
        let event = WorldEvent::Connected { caller: caller.clone(), number: number.clone(), after_ms };
        line.next = Some((now_ms + talk_ms, Next::HangUp));
        line.answered_ms = Some(now_ms);
        line.phone.speak_to(sdp);
        self.count(|totals| totals.connected += 1);
        (self.on_event)(event);
    }

    fn called(&mut self, leg: LegId, invited: Invited, now_ms: u64) {
        let Invited { number, from, asserted, sdp } = invited;
        let asserted = asserted.filter(|asserted| *asserted != from);
        self.count(|totals| totals.called += 1);
        (self.on_event)(WorldEvent::Called { number: number.clone(), from, asserted });
        let behaviour = self.behaviour(&number);
        if behaviour == Behaviour::Dead {
            self.agent.ignore(leg, now_ms);
            return;
        }
        let phone = if self.busy < self.config.calls_max { self.open_phone() } else { None };
        let answered = phone.and_then(|mut phone| phone.answer(&sdp).map(|answer| (phone, answer)));
        let Some((phone, answer)) = answered else {
            self.agent.reject(leg, 503, Some(34), now_ms);
            self.released(number, 503, 0, None);
            return;
        };
        let person = Person::Callee { number, answer, talk_ms: None, presses: None };
        self.seat(Line {
            leg,
            phone,
            person,
            began_ms: now_ms,
            answered_ms: None,
            speaking: false,
            next: None,
        });
        self.behave(leg.index(), behaviour, now_ms);
    }

    fn behave(&mut self, index: usize, behaviour: Behaviour, now_ms: u64) {
        let Some(line) = &mut self.lines[index] else { return };
        match behaviour {
            Behaviour::Answers { ring_ms, talk_ms, says } => {
                self.agent.ring(line.leg, 180, None);
                line.next = Some((now_ms + self.random.within(ring_ms.0, ring_ms.1), Next::Answer));
                if let Person::Callee { talk_ms: own, .. } = &mut line.person {
                    *own = talk_ms.map(|(low, high)| self.random.within(low, high));
                }
                let repeat = matches!(says, Says::Speech { .. });
                line.phone.say(self.voices.voice(&says), repeat);
            }
            Behaviour::Presses { key, after_ms, says } => {
                line.next = Some((now_ms, Next::Answer));
                if let Person::Callee { presses, .. } = &mut line.person {
                    *presses = u8::try_from(key).ok().map(|key| (after_ms, key));
                }
                line.phone.say(self.voices.voice(&says), matches!(says, Says::Speech { .. }));
            }
            Behaviour::NoAnswer => self.agent.ring(line.leg, 180, None),
            Behaviour::Rejects => {
                self.agent.ring(line.leg, 180, None);
                line.next = Some((now_ms + REJECT_AFTER_MS, Next::Refuse { status: 603, q850: 21 }));
            }
            Behaviour::Announces { says, for_ms, status, q850 } => {
                if let Person::Callee { answer, .. } = &line.person {
                    self.agent.ring(line.leg, 183, Some(answer));
                }
                line.phone.say(self.voices.voice(&says), matches!(says, Says::Speech { .. }));
                line.speaking = true;
                line.next = Some((now_ms + for_ms, Next::Refuse { status, q850 }));
            }
            Behaviour::Busy => self.refuse(index, 486, 17, now_ms),
            Behaviour::Unallocated => self.refuse(index, 404, 1, now_ms),
            Behaviour::SwitchedOff => self.refuse(index, 480, 20, now_ms),
            Behaviour::NoCircuit => self.refuse(index, 503, 34, now_ms),
            Behaviour::Dead => (),
        }
    }

    /// That of the number, else of the longest number that ends it, else the common one.
    fn behaviour(&self, number: &str) -> Behaviour {
        let behaviours = &self.config.behaviours;
        let by_end = || {
            let ends = behaviours.iter().filter(|(end, _)| !end.is_empty() && number.ends_with(end.as_str()));
            ends.max_by_key(|(end, _)| end.len()).map(|(_, behaviour)| behaviour)
        };
        behaviours.get(number).or_else(by_end).unwrap_or(&self.config.otherwise).clone()
    }

    fn plan_next_call(&mut self, now_ms: u64) {
        let Some(plan) = &self.config.callers else { return };
        let mean_ms = 60_000.0 / plan.calls_per_minute;
        if mean_ms.is_finite() && mean_ms > 0.0 {
            self.next_call_at_ms = Some(now_ms + self.random.exponential(mean_ms) as u64);
        }
    }

    fn place_call(&mut self, now_ms: u64) {
        let Some(plan) = &self.config.callers else { return };
        let Some(wish) = Wish::draw(plan, &mut self.random) else { return };
        if self.busy >= self.config.calls_max {
            return;
        }
        let Some(mut phone) = self.open_phone() else { return };
        phone.say(self.voices.voice(&Says::Speech { pitch_hz: wish.pitch_hz }), true);
        let leg = self.agent.invite(self.config.target, &wish.number, &wish.caller, phone.offer(), now_ms);
        let Wish { caller, province, number, talk_ms, patience_ms, .. } = wish;
        let event = WorldEvent::Dialled { caller: caller.clone(), province, number: number.clone() };
        let next = Some((now_ms + patience_ms, Next::HangUp));
        let person = Person::Caller { caller, number, talk_ms };
        self.seat(Line { leg, phone, person, began_ms: now_ms, answered_ms: None, speaking: true, next });
        self.count(|totals| totals.dialled += 1);
        (self.on_event)(event);
    }

    fn open_phone(&mut self) -> Option<Phone> {
        Phone::open(self.socket.local().ip(), self.random.next() as u32, false).ok()
    }

    fn seat(&mut self, line: Line) {
        let index = line.leg.index();
        if self.lines.len() <= index {
            self.lines.resize_with(index + 1, || None);
        }
        self.lines[index] = Some(line);
        self.busy += 1;
    }

    fn close(&mut self, index: usize, status: u16, now_ms: u64) {
        let Some(mut line) = self.lines[index].take() else { return };
        self.busy -= 1;
        let packets = line.phone.ear.received();
        line.phone.listen(self.clock.now_us(), |_| ());
        let (talk_ms, heard) = (line.talk_ms(now_ms), line.phone.ear.last_sound());
        let packets = line.phone.ear.received() - packets;
        self.count(|totals| totals.packets += packets);
        match line.person {
            Person::Caller { caller, number, .. } => {
                self.count(|totals| totals.finished += 1);
                (self.on_event)(WorldEvent::Finished { caller, number, status, talk_ms, heard });
            }
            Person::Callee { number, .. } => self.released(number, status, talk_ms, heard),
        }
    }

    fn released(&mut self, number: String, status: u16, talk_ms: u64, heard: Option<crate::Sound>) {
        self.count(|totals| totals.released += 1);
        (self.on_event)(WorldEvent::Released { number, status, talk_ms, heard });
    }

    fn count(&self, add: impl FnOnce(&mut WorldTotals)) {
        add(&mut self.totals.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Line {
    fn talk_ms(&self, now_ms: u64) -> u64 {
        self.answered_ms.map_or(0, |since_ms| now_ms - since_ms)
    }
}

/// What somebody who dials has in mind.
struct Wish {
    caller: String,
    province: String,
    number: String,
    talk_ms: u64,
    patience_ms: u64,
    pitch_hz: u16,
}

impl Wish {
    fn draw(plan: &CallerPlan, random: &mut Random) -> Option<Wish> {
        let at = random.weighted(plan.numbers.iter().map(|(_, weight)| *weight))?;
        let number = plan.numbers[at].0.clone();
        let at = random.below(plan.prefixes.len() as u64) as usize;
        let (province, prefix) = plan.prefixes.get(at)?.clone();
        let mut caller = prefix;
        while caller.len() < 11 {
            caller.push(char::from(b'0' + random.below(10) as u8));
        }
        let mean_ms = plan.talk_mean.as_millis() as f64;
        let talk_ms = random.exponential(mean_ms).clamp(3_000.0, 6.0 * mean_ms.max(3_000.0)) as u64;
        let patience_ms = random.within(plan.patience_ms.0, plan.patience_ms.1);
        let pitch_hz = [105, 120, 135, 190, 210, 230][random.below(6) as usize];
        Some(Wish { caller, province, number, talk_ms, patience_ms, pitch_hz })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_people() {
        let plan = CallerPlan::new(10.0, ["4006010114".to_owned(), "4008123888".to_owned()]);
        let draw = |seed| {
            let mut random = Random::new(seed);
            let mut wish =
                || Wish::draw(&plan, &mut random).map(|wish| (wish.caller, wish.number, wish.talk_ms));
            (0..50).map(|_| wish().expect("numbers and prefixes")).collect::<Vec<_>>()
        };
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
        assert!(draw(5).iter().all(|(caller, _, talk_ms)| caller.len() == 11 && *talk_ms >= 3000));
    }

    #[test]
    fn nobody_dials_without_numbers() {
        assert!(Wish::draw(&CallerPlan::new(10.0, []), &mut Random::new(1)).is_none());
    }
}
