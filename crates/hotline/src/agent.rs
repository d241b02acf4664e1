//! One agent: whether on duty, what a call keeps them at, and how long each state has lasted (rows Q10, Q11, Q17, Q25).
//! An agent here refuses to know queues, strategies and phones.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{CallId, Mono, Now, Wall};

pub use history::StateChange;
pub use worked::{Sums, Worked};

use history::{History, read_history};

mod history;
mod worked;

/// After an offer that came to nothing an agent gets none for this long: the same phone does not ring at once again.
pub const PAUSE_MS: u64 = 10_000;

/// What an agent asked for last. A call goes on whatever it says; it holds from the end of the call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Duty {
    /// Logged out.
    #[default]
    Off,
    /// Takes calls.
    Ready,
    /// Logged in and not to be rung, with the reason.
    Rest(Rest),
    /// Logged out by the platform: the page that is the agent's phone was gone for too long (row Q10).
    Lost,
}

/// The reason of [`Duty::Lost`] as stored and shown.
pub const CONNECTION_LOST: &str = "connection_lost";
/// Behind a duty that is kept: the agent's mobile rings.
const BY_MOBILE: &str = "+mobile";
const NO_ANSWER: &str = "no_answer";
const UNREACHABLE: &str = "unreachable";
/// Reasons that only the platform gives: nobody rests for them in words of their own.
pub const RESERVED_REASONS: [&str; 3] = [NO_ANSWER, UNREACHABLE, CONNECTION_LOST];

impl Duty {
    /// Whether it is to be logged out, however it came to that.
    pub fn is_off(&self) -> bool {
        matches!(self, Duty::Off | Duty::Lost)
    }

    /// The reason as stored and shown; empty where there is none.
    pub fn reason(&self) -> &str {
        match self {
            Duty::Off | Duty::Ready => "",
            Duty::Rest(rest) => rest.reason(),
            Duty::Lost => CONNECTION_LOST,
        }
    }
}

/// Why an agent rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rest {
    /// Too many offers in a row were not answered (row Q17).
    NoAnswer,
    /// The phone is registered nowhere.
    Unreachable,
    /// In the agent's own words.
    Own(Box<str>),
}

impl Rest {
    /// The reason as stored and shown.
    pub fn reason(&self) -> &str {
        match self {
            Rest::NoAnswer => NO_ANSWER,
            Rest::Unreachable => UNREACHABLE,
            Rest::Own(reason) => reason,
        }
    }

    fn read(reason: &str) -> Rest {
        match reason {
            NO_ANSWER => Rest::NoAnswer,
            UNREACHABLE => Rest::Unreachable,
            own => Rest::Own(own.into()),
        }
    }
}

/// What an agent is seen to be doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Logged out.
    Off,
    /// Waits for a call.
    Free,
    /// The phone is offered a call.
    Ringing,
    /// In a call.
    Talking,
    /// Writes up the last call (row Q11).
    AfterWork,
    /// Rests.
    Rest,
}

impl State {
    /// Every state.
    pub const ALL: [State; 6] =
        [State::Off, State::Free, State::Ringing, State::Talking, State::AfterWork, State::Rest];

    /// The state as stored and shown.
    pub fn code(self) -> &'static str {
        match self {
            State::Off => "off",
            State::Free => "free",
            State::Ringing => "ringing",
            State::Talking => "talking",
            State::AfterWork => "after_work",
            State::Rest => "rest",
        }
    }
}

/// What follows a talk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WrapUp {
    /// The agent is free at once.
    #[default]
    None,
    /// The agent ends it, or the limit does where there is one.
    Optional {
        /// Its longest, milliseconds.
        ms_max: Option<u64>,
    },
    /// It lasts as long as it says; the agent cannot end it.
    Forced {
        /// Its length, milliseconds.
        ms: u64,
    },
}

/// How an offer came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// It rang for its time: missed (row Q25).
    Missed,
    /// The agent said no: rejected (row Q25).
    Rejected,
    /// The phone is busy with something else.
    Busy,
    /// The phone is registered nowhere.
    Unreachable,
    /// Something between us and the phone failed.
    Failed,
    /// It was taken back: the caller left, or another agent answered first.
    Withdrawn,
}

/// What an agent did on one day in Beijing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Days since 1970-01-01.
    pub day: u32,
    /// Calls answered.
    pub answered: u32,
    /// Offers not answered in time.
    pub missed: u32,
    /// Offers refused by hand.
    pub rejected: u32,
    /// Talk of calls that ended on that day.
    pub talk_ms: u64,
}

impl Tally {
    /// The day of an instant in Beijing, counted from 1970-01-01.
    pub fn day_of(at: Wall) -> u32 {
        at.beijing().day_number().max(0) as u32
    }

    /// The same as seen on a day: what was done on another is forgotten.
    fn on(self, day: u32) -> Self {
        if day > self.day { Self { day, ..Self::default() } } else { self }
    }
}

/// How long an agent was in each state since logging in, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the states' names")]
pub struct Times {
    pub free: u64,
    pub ringing: u64,
    pub talking: u64,
    pub after_work: u64,
    pub rest: u64,
}

impl Times {
    fn of(&mut self, state: State) -> Option<&mut u64> {
        match state {
            State::Off => None,
            State::Free => Some(&mut self.free),
            State::Ringing => Some(&mut self.ringing),
            State::Talking => Some(&mut self.talking),
            State::AfterWork => Some(&mut self.after_work),
            State::Rest => Some(&mut self.rest),
        }
    }

    /// All of them together: the time logged in.
    pub fn sum(&self) -> u64 {
        self.free + self.ringing + self.talking + self.after_work + self.rest
    }
}

/// What a call keeps an agent at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    Ringing { call: CallId },
    Talking { call: CallId, since: Mono },
    AfterWork { call: Option<CallId>, until: Option<Mono>, may_end: bool, owed: Option<Owed> },
}

/// A result that must be chosen before after-work is what its queue says (row Q09).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owed {
    /// What the queue says.
    wrap_up: WrapUp,
    /// When the talk was over.
    since: Mono,
}

/// What follows a talk, while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AfterWork {
    /// The call it is about.
    pub call: Option<CallId>,
    /// When it ends by itself.
    pub until: Option<Mono>,
    /// Whether the agent may end it before.
    pub may_end: bool,
    /// Whether it goes on until a result is chosen, or its time is over (row Q09).
    pub owes_result: bool,
}

/// Why an agent's order cannot be obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// Ready or rest of somebody who is not logged in.
    #[error("the agent is not logged in")]
    LoggedOut,
    /// The queue's after-work time cannot be cut short.
    #[error("the after-work time lasts as long as the queue says")]
    AfterWork,
    /// The queue wants the result of the call first (row Q09).
    #[error("the result of the call is to be chosen first")]
    ResultOwed,
    /// An agent in a call is not given up.
    #[error("a call keeps the agent")]
    InCall,
}

/// What rings for an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// The SIP phone; the mobile where that is registered nowhere.
    #[default]
    Phone,
    /// The mobile alone.
    Mobile,
}

impl Device {
    /// The device as stored and shown.
    pub fn code(self) -> &'static str {
        match self {
            Device::Phone => "phone",
            Device::Mobile => "mobile",
        }
    }
}

/// One agent's living state. It is in at most one call and has at most one offer: there is one place for either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    duty: Duty,
    busy: Option<Busy>,
    /// When the state that is seen began.
    since: Mono,
    logged_in: Option<Mono>,
    times: Times,
    /// No offer before this.
    paused_until: Mono,
    /// When the agent last became free of work.
    free_since: Mono,
    misses_in_a_row: u8,
    tally: Tally,
    device: Device,
    history: History,
}

impl Agent {
    /// What the agent wants rung.
    pub fn device(&self) -> Device {
        self.device
    }

    /// From the next offer on this rings.
    pub fn use_device(&mut self, device: Device, now: Mono) {
        self.change(now, |agent| agent.device = device);
    }

    /// What the agent is seen to be doing.
    pub fn state(&self) -> State {
        match (&self.busy, &self.duty) {
            (Some(Busy::Ringing { .. }), _) => State::Ringing,
            (Some(Busy::Talking { .. }), _) => State::Talking,
            (Some(Busy::AfterWork { .. }), _) => State::AfterWork,
            (None, Duty::Off | Duty::Lost) => State::Off,
            (None, Duty::Ready) => State::Free,
            (None, Duty::Rest(_)) => State::Rest,
        }
    }

    /// What was asked for last.
    pub fn duty(&self) -> &Duty {
        &self.duty
    }

    /// When the state began.
    pub fn since(&self) -> Mono {
        self.since
    }

    /// When the agent last became free of work.
    pub fn free_since(&self) -> Mono {
        self.free_since
    }

    /// The call that rings at or is talked in by the agent.
    pub fn call(&self) -> Option<CallId> {
        match self.busy? {
            Busy::Ringing { call } | Busy::Talking { call, .. } => Some(call),
            Busy::AfterWork { .. } => None,
        }
    }

    /// Whether an offer may be made.
    pub fn is_ready(&self, now: Mono) -> bool {
        self.busy.is_none() && self.duty == Duty::Ready && self.paused_until <= now
    }

    /// The after-work time that is going on.
    pub fn after_work(&self) -> Option<AfterWork> {
        match self.busy? {
            Busy::AfterWork { call, until, may_end, owed } => {
                Some(AfterWork { call, until, may_end, owes_result: owed.is_some() })
            }
            Busy::Ringing { .. } | Busy::Talking { .. } => None,
        }
    }

    /// The next instant at which something changes by itself: the end of after-work, or of a pause.
    pub fn next_timeout(&self, now: Mono) -> Option<Mono> {
        match self.busy {
            Some(Busy::AfterWork { until, .. }) => until,
            Some(Busy::Ringing { .. } | Busy::Talking { .. }) => None,
            None => (self.duty == Duty::Ready && self.paused_until > now).then_some(self.paused_until),
        }
    }

    /// How long each state lasted since the login, the present one up to now.
    pub fn times(&self, now: Mono) -> Times {
        let mut times = self.times;
        if let Some(of) = times.of(self.state()) {
            *of += now.since_ms(self.since);
        }
        times
    }

    /// How long the agent has been logged in; `None` while logged out.
    pub fn logged_in_ms(&self, now: Mono) -> Option<u64> {
        self.logged_in.map(|at| now.since_ms(at))
    }

    /// What the agent did on the day of an instant.
    pub fn tally(&self, at: Wall) -> Tally {
        self.tally_on(Tally::day_of(at))
    }

    /// What the agent did on a day, by [`Tally::day_of`].
    pub fn tally_on(&self, day: u32) -> Tally {
        self.tally.on(day)
    }

    /// Runs a change and books the time of the state that it ends. Whoever goes off has no more times.
    fn change(&mut self, now: Mono, change: impl FnOnce(&mut Self)) {
        self.change_for(None, now, change);
    }

    /// The same of a change that ends an offer that came to nothing.
    fn change_for(&mut self, refusal: Option<Refusal>, now: Mono, change: impl FnOnce(&mut Self)) {
        let (before, seen) = (self.state(), self.seen());
        change(self);
        self.note(&seen, refusal, now);
        let after = self.state();
        if before == after {
            return;
        }
        let lasted_ms = now.since_ms(self.since);
        if let Some(of) = self.times.of(before) {
            *of += lasted_ms;
        }
        self.since = now;
        match (before, after) {
            (State::Off, _) => (self.logged_in, self.times) = (Some(now), Times::default()),
            (_, State::Off) => self.logged_in = None,
            _ => {}
        }
    }

    /// Logs in, ready; who is logged in already is ready from now on.
    pub fn log_in(&mut self, now: Mono) {
        self.misses_in_a_row = 0;
        self.paused_until = Mono(0);
        self.set_duty(Duty::Ready, now);
    }

    /// Logs out; a call goes on, and the time of it counts as logged in.
    pub fn log_out(&mut self, now: Mono) {
        self.set_duty(Duty::Off, now);
    }

    /// Is logged out because the page that is its phone was gone for too long; what it wrote up ends with it. Who was logged
    /// out so before stays so.
    ///
    /// # Errors
    /// A call keeps the agent, or it logged out by itself.
    pub fn lose(&mut self, now: Mono) -> Result<(), NotNow> {
        match (&self.busy, &self.duty) {
            (Some(Busy::Ringing { .. } | Busy::Talking { .. }), _) => Err(NotNow::InCall),
            (None, Duty::Off) => Err(NotNow::LoggedOut),
            (Some(Busy::AfterWork { .. }) | None, _) => {
                self.change(now, |agent| (agent.busy, agent.duty) = (None, Duty::Lost));
                Ok(())
            }
        }
    }

    /// Rests from now on, or from the end of the call.
    pub fn rest(&mut self, rest: Rest, now: Mono) -> Result<(), NotNow> {
        if self.duty.is_off() {
            return Err(NotNow::LoggedOut);
        }
        self.set_duty(Duty::Rest(rest), now);
        Ok(())
    }

    /// Takes calls again; ends after-work that may be ended.
    pub fn ready(&mut self, now: Mono) -> Result<(), NotNow> {
        if self.duty.is_off() {
            return Err(NotNow::LoggedOut);
        }
        match self.busy {
            Some(Busy::AfterWork { owed: Some(_), .. }) => return Err(NotNow::ResultOwed),
            Some(Busy::AfterWork { may_end: false, .. }) => return Err(NotNow::AfterWork),
            Some(Busy::AfterWork { .. }) => self.end_after_work(now),
            Some(Busy::Ringing { .. } | Busy::Talking { .. }) | None => {}
        }
        self.log_in(now);
        Ok(())
    }

    fn set_duty(&mut self, duty: Duty, now: Mono) {
        let was = self.state();
        self.change(now, |agent| agent.duty = duty);
        if self.state() == State::Free && was != State::Free {
            self.free_since = now;
        }
    }

    /// A call is offered; only to whoever [`Agent::is_ready`].
    pub fn offer(&mut self, call: CallId, now: Mono) {
        self.change(now, |agent| agent.busy = Some(Busy::Ringing { call }));
    }

    /// The offer came to nothing. After `misses_max` misses in a row the agent rests; whether that is now.
    pub fn refuse(&mut self, how: Refusal, misses_max: Option<u8>, now: Now) -> Option<Rest> {
        let tally = self.tally(now.wall);
        let rest = match how {
            Refusal::Withdrawn => {
                self.change_for(Some(how), now.mono, |agent| agent.busy = None);
                return None;
            }
            Refusal::Missed => {
                self.tally = Tally { missed: tally.missed + 1, ..tally };
                self.misses_in_a_row = self.misses_in_a_row.saturating_add(1);
                misses_max.is_some_and(|most| self.misses_in_a_row >= most).then_some(Rest::NoAnswer)
            }
            Refusal::Rejected => {
                self.tally = Tally { rejected: tally.rejected + 1, ..tally };
                self.misses_in_a_row = 0;
                None
            }
            Refusal::Unreachable => Some(Rest::Unreachable),
            Refusal::Busy | Refusal::Failed => None,
        };
        (self.free_since, self.paused_until) = (now.mono, now.mono + PAUSE_MS);
        let rest = rest.filter(|_| self.duty == Duty::Ready);
        self.change_for(Some(how), now.mono, |agent| {
            agent.busy = None;
            if let Some(rest) = &rest {
                agent.duty = Duty::Rest(rest.clone());
            }
        });
        rest
    }

    /// The agent answered the call that rings.
    pub fn answer(&mut self, call: CallId, now: Now) {
        let tally = self.tally(now.wall);
        self.tally = Tally { answered: tally.answered + 1, ..tally };
        self.misses_in_a_row = 0;
        self.change(now.mono, |agent| agent.busy = Some(Busy::Talking { call, since: now.mono }));
    }

    /// The talk is over; after-work follows as the queue says, unless the agent logged out meanwhile. Where a result must
    /// still be chosen it lasts until then, at most for as long as `owed_ms` says.
    pub fn hang_up(&mut self, wrap_up: WrapUp, owed_ms: Option<u64>, now: Now) {
        let call = self.call();
        if let Some(Busy::Talking { since, .. }) = self.busy {
            let tally = self.tally(now.wall);
            self.tally = Tally { talk_ms: tally.talk_ms + now.mono.since_ms(since), ..tally };
        }
        let after = match owed_ms {
            Some(ms) => {
                let owed = Some(Owed { wrap_up, since: now.mono });
                Some(Busy::AfterWork { call, until: Some(now.mono + ms), may_end: false, owed })
            }
            None => after_work(call, wrap_up, now.mono),
        };
        let after = after.filter(|_| !self.duty.is_off());
        self.change(now.mono, |agent| agent.busy = after);
        self.free_since = now.mono;
    }

    /// The result of a call was chosen: what is left of its after-work is as the queue says, from the end of the talk.
    pub fn result_chosen(&mut self, now: Mono) {
        let Some(Busy::AfterWork { call, owed: Some(Owed { wrap_up, since }), .. }) = self.busy else {
            return;
        };
        let after = after_work(call, wrap_up, since);
        let is_over =
            |after: &Busy| matches!(after, Busy::AfterWork { until: Some(until), .. } if *until <= now);
        match after.filter(|after| !is_over(after)) {
            Some(after) => self.busy = Some(after),
            None => self.end_after_work(now),
        }
    }

    /// Whether the after-work time is over by now, and ends it.
    pub fn after_work_over(&mut self, now: Mono) -> bool {
        let Some(Busy::AfterWork { until: Some(until), .. }) = self.busy else { return false };
        let over = until <= now;
        if over {
            self.end_after_work(until);
        }
        over
    }

    fn end_after_work(&mut self, at: Mono) {
        self.change(at, |agent| agent.busy = None);
        self.free_since = at;
    }

    /// What is kept over a restart: duty, times and the day's figures. What a call keeps the agent at is not kept: no
    /// call outlives its node, so nobody is found in a dead one (row Q24).
    pub fn write(&self, now: Now) -> String {
        let Tally { day, answered, missed, rejected, talk_ms } = self.tally(now.wall);
        let Times { free, ringing, talking, after_work, rest } = self.times(now.mono);
        let duty = match &self.duty {
            Duty::Off => "off",
            Duty::Ready => "ready",
            Duty::Rest(_) => "rest",
            Duty::Lost => "lost",
        };
        let by = match self.device {
            Device::Phone => "",
            Device::Mobile => BY_MOBILE,
        };
        let (history, reason) = (self.write_history(now), self.duty.reason());
        format!(
            "{history}:{},{day},{answered},{missed},{rejected},{talk_ms},{free},{ringing},{talking},{after_work},{rest},{duty}{by},{reason}",
            now.wall.0
        )
    }

    /// Takes back what was kept. The time since then counts as what the duty says; who is off has no times.
    pub fn read(text: &str, now: Now) -> Option<Agent> {
        let (history, seen, text) = read_history(text).unwrap_or((History::default(), State::Off, text));
        let mut parts = text.splitn(13, ',');
        let mut whole = || parts.next()?.parse::<u64>().ok();
        let at = Wall(whole()? as i64);
        let tally = Tally {
            day: whole()? as u32,
            answered: whole()? as u32,
            missed: whole()? as u32,
            rejected: whole()? as u32,
            talk_ms: whole()?,
        };
        let times = Times {
            free: whole()?,
            ringing: whole()?,
            talking: whole()?,
            after_work: whole()?,
            rest: whole()?,
        };
        let duty = parts.next()?;
        let (duty, device) = match duty.strip_suffix(BY_MOBILE) {
            Some(duty) => (duty, Device::Mobile),
            None => (duty, Device::Phone),
        };
        let duty = match (duty, parts.next()?) {
            ("off", _) => Duty::Off,
            ("ready", _) => Duty::Ready,
            ("rest", reason) => Duty::Rest(Rest::read(reason)),
            ("lost", _) => Duty::Lost,
            _ => return None,
        };
        let away_ms = (now.wall.0 - at.0).max(0) as u64;
        let since = now.mono - away_ms;
        let logged_in = (!duty.is_off()).then(|| since - times.sum());
        // On a clock that began later than that only what fits before its zero can be told.
        let times = if since.0 < times.sum() { Times::default() } else { times };
        let logged_in = logged_in.map(|at| if times.sum() == 0 { since } else { at });
        let free_since = since;
        let kept =
            Agent { duty, since, logged_in, times, tally, free_since, device, history, ..Agent::default() };
        Some(kept.found_after(seen, now.mono))
    }

    /// Whether the times of the states are the time logged in; the simulator asks after each step.
    pub fn check(&self, now: Mono) -> Result<(), String> {
        match self.logged_in_ms(now) {
            Some(logged_in_ms) if logged_in_ms != self.times(now).sum() => {
                Err(format!("logged in for {logged_in_ms} ms, its states {:?}", self.times(now)))
            }
            Some(_) => Ok(()),
            None if self.state() == State::Off => Ok(()),
            None => Err(format!("{:?} without a login", self.state())),
        }
    }
}

/// What follows a talk that was over at an instant.
fn after_work(call: Option<CallId>, wrap_up: WrapUp, since: Mono) -> Option<Busy> {
    let (until, may_end) = match wrap_up {
        WrapUp::None => return None,
        WrapUp::Optional { ms_max } => (ms_max.map(|ms| since + ms), true),
        WrapUp::Forced { ms } => (Some(since + ms), false),
    };
    Some(Busy::AfterWork { call, until, may_end, owed: None })
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MORNING: i64 = 1_792_000_000_000;

    fn at(ms: u64) -> Now {
        Now { mono: Mono(1_000_000 + ms), wall: Wall(MORNING + ms as i64) }
    }

    fn call() -> CallId {
        CallId::at(MORNING, 1)
    }

    #[test]
    fn r29_which_device_rings_is_kept_and_what_was_kept_before_there_was_a_choice_is_the_phone() {
        for device in [Device::Phone, Device::Mobile] {
            let mut agent = Agent::default();
            agent.log_in(at(0).mono);
            agent.rest(Rest::Own("tea, and cake".into()), at(1).mono).expect("logged in");
            agent.use_device(device, at(1).mono);
            let kept = Agent::read(&agent.write(at(2)), at(2)).expect("it reads back");
            assert_eq!((kept.device(), kept.duty()), (device, agent.duty()));
        }
        let before = "1792000000000,20740,0,0,0,0,0,0,0,0,0,ready,";
        assert_eq!(Agent::read(before, at(2)).map(|agent| agent.device()), Some(Device::Phone));
    }

    /// Logged in for 1 s, in a call that rang for 2 s and lasted 60 s.
    fn after_a_call(wrap_up: WrapUp) -> Agent {
        let mut agent = Agent::default();
        agent.log_in(at(0).mono);
        agent.offer(call(), at(1_000).mono);
        agent.answer(call(), at(3_000));
        agent.hang_up(wrap_up, None, at(63_000));
        agent
    }

    #[test]
    fn q10_states_have_reasons_and_their_times_are_the_time_logged_in() {
        let mut agent = after_a_call(WrapUp::Optional { ms_max: Some(20_000) });
        assert_eq!(agent.state(), State::AfterWork);
        agent.rest(Rest::Own("lunch".into()), at(70_000).mono).expect("logged in");
        assert_eq!(agent.state(), State::AfterWork, "the work goes on");
        assert!(agent.after_work_over(at(83_000).mono));
        assert_eq!((agent.state(), agent.duty()), (State::Rest, &Duty::Rest(Rest::Own("lunch".into()))));
        agent.ready(at(90_000).mono).expect("logged in");
        let times = agent.times(at(95_000).mono);
        let wanted = Times { free: 6_000, ringing: 2_000, talking: 60_000, after_work: 20_000, rest: 7_000 };
        assert_eq!((times, times.sum()), (wanted, 95_000));
        agent.check(at(95_000).mono).expect("they add up");
        agent.log_out(at(96_000).mono);
        assert_eq!((agent.state(), agent.logged_in_ms(at(99_000).mono)), (State::Off, None));
        assert_eq!(agent.rest(Rest::NoAnswer, at(99_000).mono), Err(NotNow::LoggedOut));
    }

    #[test]
    fn q11_after_work_is_none_optional_or_forced() {
        let agent = after_a_call(WrapUp::None);
        assert!(agent.is_ready(at(63_000).mono));
        let mut agent = after_a_call(WrapUp::Optional { ms_max: None });
        assert_eq!((agent.state(), agent.next_timeout(at(63_000).mono)), (State::AfterWork, None));
        let work = AfterWork { call: Some(call()), until: None, may_end: true, owes_result: false };
        assert_eq!((agent.call(), agent.after_work()), (None, Some(work)));
        agent.ready(at(64_000).mono).expect("it may be ended");
        assert!(agent.is_ready(at(64_000).mono));
        let mut agent = after_a_call(WrapUp::Forced { ms: 15_000 });
        assert_eq!(agent.ready(at(64_000).mono), Err(NotNow::AfterWork));
        assert_eq!(agent.next_timeout(at(64_000).mono), Some(at(78_000).mono));
        assert!(!agent.after_work_over(at(77_999).mono) && agent.after_work_over(at(90_000).mono));
        assert_eq!(agent.times(at(90_000).mono).after_work, 15_000, "however late it was seen");
    }

    #[test]
    fn q09_after_work_waits_for_a_result_that_must_be_and_is_the_queues_own_then() {
        let owing = |wrap_up| {
            let mut agent = Agent::default();
            agent.log_in(at(0).mono);
            agent.offer(call(), at(1_000).mono);
            agent.answer(call(), at(3_000));
            agent.hang_up(wrap_up, Some(30_000), at(63_000));
            let work = agent.after_work().expect("it writes up");
            assert_eq!((work.until, work.may_end, work.owes_result), (Some(at(93_000).mono), false, true));
            assert_eq!(agent.ready(at(64_000).mono), Err(NotNow::ResultOwed));
            agent
        };
        let mut none = owing(WrapUp::None);
        none.result_chosen(at(70_000).mono);
        assert!(none.is_ready(at(70_000).mono));
        let mut optional = owing(WrapUp::Optional { ms_max: None });
        optional.result_chosen(at(70_000).mono);
        optional.ready(at(71_000).mono).expect("it may be ended now");
        let mut forced = owing(WrapUp::Forced { ms: 20_000 });
        forced.result_chosen(at(70_000).mono);
        assert_eq!(forced.next_timeout(at(70_000).mono), Some(at(83_000).mono), "from the end of the talk");
        assert_eq!(forced.ready(at(71_000).mono), Err(NotNow::AfterWork));
        let mut late = owing(WrapUp::Forced { ms: 5_000 });
        late.result_chosen(at(70_000).mono);
        assert!(late.is_ready(at(70_000).mono), "that was over already");
        let mut never = owing(WrapUp::Optional { ms_max: None });
        assert!(!never.after_work_over(at(92_999).mono) && never.after_work_over(at(93_000).mono));
        assert!(never.is_ready(at(93_000).mono));
        for mut agent in [none, optional, forced, late, never] {
            agent.result_chosen(at(99_000).mono);
            agent.check(at(99_000).mono).expect("they add up");
        }
    }

    #[test]
    fn q17_q25_missed_and_rejected_are_told_apart_and_only_misses_lead_to_rest() {
        let mut agent = Agent::default();
        agent.log_in(at(0).mono);
        let refuse = |agent: &mut Agent, how, ms| {
            agent.offer(call(), at(ms).mono);
            agent.refuse(how, Some(2), at(ms + 20_000))
        };
        assert_eq!(refuse(&mut agent, Refusal::Missed, 0), None);
        assert!(!agent.is_ready(at(29_999).mono) && agent.is_ready(at(30_000).mono));
        assert_eq!(refuse(&mut agent, Refusal::Rejected, 40_000), None);
        assert_eq!(refuse(&mut agent, Refusal::Missed, 80_000), None, "not in a row");
        assert_eq!(refuse(&mut agent, Refusal::Withdrawn, 120_000), None);
        assert_eq!(refuse(&mut agent, Refusal::Missed, 160_000), Some(Rest::NoAnswer));
        assert_eq!(agent.state(), State::Rest);
        let tally = agent.tally(at(180_000).wall);
        assert_eq!((tally.missed, tally.rejected, tally.answered), (3, 1, 0));
        let tomorrow = agent.tally(Wall(MORNING + 86_400_000));
        assert_eq!((tomorrow.missed, tomorrow.rejected), (0, 0));
    }

    #[test]
    fn q10_who_is_lost_is_off_with_a_reason_of_its_own_but_never_out_of_a_call() {
        let mut agent = after_a_call(WrapUp::Forced { ms: 60_000 });
        agent.lose(at(65_000).mono).expect("what it writes up does not keep it");
        assert_eq!((agent.state(), agent.duty()), (State::Off, &Duty::Lost));
        assert_eq!((agent.since(), agent.logged_in_ms(at(70_000).mono)), (at(65_000).mono, None));
        agent.lose(at(70_000).mono).expect("it is so already");
        assert_eq!(agent.since(), at(65_000).mono);
        assert_eq!(agent.ready(at(70_000).mono), Err(NotNow::LoggedOut));
        let again = Agent::read(&agent.write(at(70_000)), at(71_000)).expect("it reads");
        assert_eq!((again.duty().reason(), again.logged_in_ms(at(71_000).mono)), (CONNECTION_LOST, None));
        agent.log_in(at(72_000).mono);
        agent.offer(call(), at(73_000).mono);
        assert_eq!(agent.lose(at(74_000).mono), Err(NotNow::InCall));
        agent.answer(call(), at(75_000));
        assert_eq!(agent.lose(at(76_000).mono), Err(NotNow::InCall));
        agent.check(at(77_000).mono).expect("they add up");
        let mut off = Agent::default();
        assert_eq!(off.lose(at(0).mono), Err(NotNow::LoggedOut));
        assert_eq!(off.duty(), &Duty::Off, "it went by itself");
    }

    #[test]
    fn q24_who_was_in_a_call_is_found_free_of_it_and_times_still_add_up() {
        let mut agent = Agent::default();
        agent.log_in(at(0).mono);
        agent.offer(call(), at(5_000).mono);
        agent.answer(call(), at(9_000));
        let kept = agent.write(at(60_000));
        // The monotonic clock goes on from the journal's last fact, the wall clock from where it is.
        let later = Now { mono: at(61_000).mono, wall: at(90_000).wall };
        let mut reborn = Agent::read(&kept, later).expect("it reads");
        assert_eq!((reborn.state(), reborn.call()), (State::Free, None));
        assert_eq!(reborn.times(later.mono).talking, 51_000);
        assert_eq!(reborn.tally(later.wall).answered, 1);
        reborn.check(later.mono).expect("they add up");
        reborn.rest(Rest::NoAnswer, later.mono).expect("logged in");
        let again = Agent::read(&reborn.write(later), later).expect("it reads");
        assert_eq!(again.duty(), &Duty::Rest(Rest::NoAnswer));
        assert_eq!(Agent::read("ready", later), None);
    }
}
