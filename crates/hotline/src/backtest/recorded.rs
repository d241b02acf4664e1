//! A call's log as its far ends' part: what the caller pressed at which step, how which phone took it, what which server
//! answered, how long which wait was, and what the enterprise's state had decided.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::barring::{Standing, Suspicion};
use crate::call::{Arrived, ConfirmedBy, Dated, Dialled, Fact, LegNo, Tone};
use crate::cdr::{Cause, LegOutcome, Party};
use crate::consent::Choice;
use crate::enterprise::{ShareMode, Strategy};
use crate::flow::{StepWhy, Walked};
use crate::routing::{RouteWhy, Skip};
use crate::satisfaction::{AskedBy, Unrated};
use crate::trunk::Pass;
use crate::{CallId, Hotline, Mono, Wall};

/// What answers is listened to for longer than this only where it may be a tone.
const LISTENED_MS: u64 = 2_500;

/// Why a call is not told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// Its log is not whole: it is not over, or was not written to its end.
    NotWhole,
    /// A bar or a limit refused it before it walked anything: no flow changes that.
    Refused,
    /// The platform called back: no flow is walked for that.
    CalledBack,
    /// It came in a crisis, which stands before every flow.
    Crisis,
}

impl Left {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Left::NotWhole => "not_whole",
            Left::Refused => "refused_before",
            Left::CalledBack => "called_back",
            Left::Crisis => "crisis",
        }
    }
}

/// A call that can be told again.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The call.
    pub id: CallId,
    /// How it came in.
    pub arrived: Arrived,
    /// When, by its node's clock.
    pub at: Mono,
    /// Whether the caller was withheld.
    pub withheld: bool,
    /// The flow it walked, by name and version; none where it went by rules.
    pub flow: Option<(Arc<str>, u32)>,
    pub(super) standing: Standing,
    /// Its log.
    pub log: Vec<Dated>,
    pub(super) parts: Vec<Part>,
    /// What became of each phone that was to be rung, by its digits, in the order of the attempts.
    pub(super) phones: BTreeMap<Arc<str>, VecDeque<Turn>>,
    pub(super) deals: BTreeMap<String, VecDeque<Dealt>>,
    pub(super) routes: BTreeMap<String, VecDeque<Routed>>,
    /// What was known of the caller's last answerer, each time that a group was dialled.
    pub(super) answerers: VecDeque<Option<(Arc<str>, Wall)>>,
    /// Whether the caller was asked lately what a talk was worth.
    pub(super) asked_lately: bool,
    /// What the caller said when asked whether it may be recorded.
    pub(super) consent: Option<Choice>,
    /// In which part, and how long after its beginning, something from outside ended it.
    pub(super) ended: Option<(usize, u64, Ends)>,
}

/// What ends a call from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// The caller leaves.
    Caller,
    /// Who answered leaves, and the call goes on if the flow does.
    Target,
    /// Who answered sends the caller to the question what the talk was worth.
    Rated,
    /// Money, media, a session, a node: what is no flow's doing.
    Cut(Cause),
    /// People send it elsewhere.
    Moved,
}

/// A stretch of a call from one step that waits for something to the next.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub key: Key,
    pub at: Mono,
    /// Its facts in the log.
    pub from: usize,
    pub to: usize,
    pub until: Mono,
    pub talk: Option<Talk>,
    pub used: bool,
}

/// What a part is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub name: String,
    pub kind: PartKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartKind {
    Play,
    Ask,
    Gate,
    Fetch,
    Dial,
    /// Named by the queue.
    Queue,
    Message,
    Rate,
    Callback,
    End,
}

/// A talk, from the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Talk {
    /// From the answer until the two were joined; `None` where they never were.
    pub before_ms: Option<u64>,
    /// From then, or from the answer, to the end.
    pub ms: u64,
    pub ends: Ends,
}

/// What became of a phone when its turn came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Rung(Ring),
    /// All its lines were in use; at this place in the log.
    Full(usize),
    /// No trunk carried a call there.
    NoWay,
    /// No further trunk did, after some that failed.
    NoFurther,
}

/// How a phone took a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ring {
    /// What was heard of it, after so many milliseconds; the place in the log orders what came at once.
    pub heard: Vec<(u64, usize, Heard)>,
    /// Nothing is known of it from here on.
    pub known_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Rang,
    Tone(Tone),
    /// It answered, and whether somebody did was asked, or listened for (row R29).
    TookUp,
    /// What answered may be a tone; which one was not known yet.
    ToneBegan,
    /// Who answered pressed this.
    Pressed(u8),
    /// Who answered was heard.
    Voice,
    /// Who answered hung up before that was known.
    HungUp,
    Answered,
    Failed {
        outcome: LegOutcome,
        status: u16,
        q850: Option<u16>,
    },
    NoCodec,
}

impl Heard {
    /// Whether nothing more is heard of the phone.
    pub fn is_last(&self) -> bool {
        matches!(self, Heard::Answered | Heard::Failed { .. } | Heard::NoCodec | Heard::HungUp)
    }
}

/// One deal of a percentage step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dealt {
    pub mode: ShareMode,
    pub dealt: u8,
    pub percents: Vec<u8>,
    pub closed: Vec<u8>,
    /// The standing after it, where the deal is exact.
    pub after: Option<String>,
}

/// One choice of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Routed {
    /// Its place in the log.
    pub place: usize,
    pub strategy: Strategy,
    pub order: Vec<Arc<str>>,
    /// The standing after it, where members have weights.
    pub after: Option<String>,
}

impl Recorded {
    /// How many legs still left by trunks until the day's were gone, if they were in this call (FAULTS N7).
    pub(super) fn legs_left(&self) -> Option<u32> {
        let is_full = |dated: &Dated| match &dated.fact {
            Fact::TrunksPassed { passed, .. } => passed.iter().any(|(_, pass)| *pass == Pass::DayFull),
            _ => false,
        };
        let end = self.log.iter().position(is_full)?;
        let by_trunk = |dated: &&Dated| matches!(&dated.fact, Fact::Dialled(leg) if !leg.trunk.is_empty());
        Some(self.log[..end].iter().filter(by_trunk).count() as u32)
    }

    /// Whether the call went on somewhere in an instant: it walked, dialled or joined a queue.
    pub(super) fn went_on_at(&self, at: Mono) -> bool {
        let goes_on = |fact: &Fact| matches!(fact, Fact::Walked(_) | Fact::Dialled(_) | Fact::Queued { .. });
        self.log.iter().any(|dated| dated.at == at && goes_on(&dated.fact))
    }

    /// Reads a log. The names of phones are those of `hotline`, which is to take the call this time.
    ///
    /// # Errors
    /// Why it cannot be told again.
    pub fn read(id: CallId, log: Vec<Dated>, hotline: &Hotline) -> Result<Self, Left> {
        let over = log.iter().any(|dated| matches!(dated.fact, Fact::HungUp { .. }));
        let Some((Fact::Arrived(arrived), at)) = log.first().map(|dated| (&dated.fact, dated.at)) else {
            return Err(Left::NotWhole);
        };
        let has = |of: fn(&Fact) -> bool| log.iter().any(|dated| of(&dated.fact));
        if !over || has(|fact| matches!(fact, Fact::NotAnswered)) {
            return Err(Left::NotWhole);
        }
        if has(|fact| matches!(fact, Fact::CallsBack { .. })) {
            return Err(Left::CalledBack);
        }
        if !has(|fact| matches!(fact, Fact::Admitted { .. })) {
            return Err(Left::Refused);
        }
        if has(|fact| matches!(fact, Fact::Walked(walked) if *walked.rule == *crate::enterprise::CRISIS)) {
            return Err(Left::Crisis);
        }
        let mut recorded = Self {
            id,
            arrived: (**arrived).clone(),
            at,
            withheld: has(|fact| matches!(fact, Fact::Withheld)),
            flow: None,
            standing: Standing::default(),
            log: Vec::new(),
            parts: Vec::new(),
            phones: BTreeMap::new(),
            deals: BTreeMap::new(),
            routes: BTreeMap::new(),
            answerers: VecDeque::new(),
            asked_lately: false,
            consent: None,
            ended: None,
        };
        recorded.log = log;
        Reading {
            recorded: &mut recorded,
            hotline,
            legs: BTreeMap::new(),
            talks: false,
            no_way: None,
            asks: true,
            last: String::new(),
        }
        .read();
        Ok(recorded)
    }

    /// When it came.
    pub fn wall(&self) -> Wall {
        Wall::of(self.at, self.arrived.wall_offset_ms)
    }

    /// The first part with this key that was not taken before.
    pub(super) fn take_part(&mut self, key: &Key) -> Option<usize> {
        let place = self.parts.iter().position(|part| !part.used && part.key == *key)?;
        self.parts[place].used = true;
        Some(place)
    }

    /// The facts of a part, each with its place.
    pub(super) fn facts(&self, part: &Part) -> impl Iterator<Item = (usize, &Dated)> {
        let range = part.from..part.to;
        range.clone().zip(&self.log[range])
    }
}

/// What a step that was walked begins, if it waits for something.
pub(super) fn key_of(walked: &Walked) -> Option<Key> {
    let kind = match &walked.why {
        StepWhy::Play { .. } | StepWhy::Notice { played: true, .. } => PartKind::Play,
        StepWhy::Ask { .. } => PartKind::Ask,
        StepWhy::Password { asked: true } | StepWhy::Challenge { asked: true } => PartKind::Gate,
        StepWhy::Http => PartKind::Fetch,
        StepWhy::Dial { .. } => PartKind::Dial,
        StepWhy::Queue { queue } => {
            return Some(Key { name: queue.to_string(), kind: PartKind::Queue });
        }
        StepWhy::Voicemail => PartKind::Message,
        StepWhy::Rate => PartKind::Rate,
        StepWhy::Callback => PartKind::Callback,
        StepWhy::HangUp { .. } | StepWhy::Busy => PartKind::End,
        StepWhy::Hours { .. }
        | StepWhy::Region { .. }
        | StepWhy::Caller { .. }
        | StepWhy::Percentage { .. }
        | StepWhy::Kept { .. }
        | StepWhy::Password { asked: false }
        | StepWhy::Challenge { asked: false }
        | StepWhy::Set { .. }
        | StepWhy::Compare { .. }
        | StepWhy::SubFlow { .. }
        | StepWhy::Notice { played: false, .. }
        | StepWhy::Sms { .. } => return None,
    };
    // The gates before a flow have the same names in every version; a final treatment is one of many steps of its name.
    Some(Key { name: walked.rule.to_string(), kind })
}

/// Whose phone a leg rings, and which of its turns that is.
struct LegOf {
    destination: Arc<str>,
    digits: Arc<str>,
    turn: usize,
    began: Mono,
}

/// Reads a log from its first fact to the end of the call.
struct Reading<'r> {
    recorded: &'r mut Recorded,
    hotline: &'r Hotline,
    legs: BTreeMap<LegNo, LegOf>,
    /// Whether two talk: what is dialled then is people's order.
    talks: bool,
    /// A bound number to which no trunk has led so far, and its turn if none does.
    no_way: Option<(Arc<str>, Turn)>,
    /// The step walked or the group chosen last.
    last: String,
    /// Whether nobody has asked yet behind that step whom the caller talked with.
    asks: bool,
}

impl Reading<'_> {
    fn read(mut self) {
        let log = std::mem::take(&mut self.recorded.log);
        for (place, dated) in log.iter().enumerate() {
            self.fact(place, dated);
            let hung_up = matches!(dated.fact, Fact::HungUp { .. });
            if hung_up || matches!(dated.fact, Fact::TransferBegan { .. }) {
                self.over(place, dated);
                break;
            }
        }
        self.recorded.log = log;
        self.read_talks();
    }

    fn fact(&mut self, place: usize, dated: &Dated) {
        let at = dated.at;
        self.way(&dated.fact);
        match &dated.fact {
            Fact::FlowBegan { flow, version } => self.recorded.flow = Some((flow.clone(), *version)),
            Fact::Stood { allowed, score, reason } => {
                let (score, reason) = (*score, reason.clone());
                let suspicion = (score > 0).then_some(Suspicion { score, reason, challenge: false });
                (self.recorded.standing.allowed, self.recorded.standing.suspicion) =
                    (allowed.clone(), suspicion);
            }
            Fact::Prioritised { priority, .. } => self.recorded.standing.priority = *priority,
            Fact::Walked(walked) => self.walked(place, walked, at),
            Fact::Dealt { state, .. } => {
                // A deal is noted right behind its step, a standing right behind its route.
                if let Some(deal) = self.recorded.deals.get_mut(&self.last).and_then(VecDeque::back_mut) {
                    deal.after = Some(state.clone());
                }
            }
            Fact::Routed { why, order } => {
                self.full_members(why, order, place);
                self.last = why.group.to_string();
                let (strategy, order) = (why.strategy, order.clone());
                let routed = Routed { place, strategy, order, after: None };
                self.recorded.routes.entry(why.group.to_string()).or_default().push_back(routed);
                self.knows(None);
            }
            Fact::Weighed { state, .. } => {
                if let Some(routed) = self.recorded.routes.get_mut(&self.last).and_then(VecDeque::back_mut) {
                    routed.after = Some(state.clone());
                }
            }
            Fact::AnswererKnown { destination, since } => {
                self.knows(Some((destination.clone(), *since)));
            }
            Fact::PassedOver { destination, why: Skip::LinesFull }
            | Fact::ForwardSkipped { destination, why: Skip::LinesFull } => {
                self.turn_of(destination, Turn::Full(place));
            }
            Fact::Dialled(dialled) if !self.talks => self.dialled(dialled, at),
            Fact::Rang { leg } => self.hear(*leg, place, at, Heard::Rang),
            Fact::ToneHeard { leg, tone } => {
                self.tone_began(*leg, None);
                self.hear(*leg, place, at, Heard::Tone(*tone));
            }
            Fact::Confirmed { leg, by: ConfirmedBy::Time } => self.tone_began(*leg, Some(at)),
            Fact::LegAnswered { leg } => self.answered(*leg, place, at),
            Fact::Confirming { leg, .. } => self.hear(*leg, place, at, Heard::TookUp),
            Fact::Confirmed { leg, by: ConfirmedBy::Key } => {
                self.hear(*leg, place, at, Heard::Pressed(b'1'));
            }
            Fact::Confirmed { leg, by: ConfirmedBy::Voice } => self.hear(*leg, place, at, Heard::Voice),
            Fact::LegFailed { leg, outcome, status, q850 } => {
                self.failed(*leg, place, at, *outcome, *status, *q850);
            }
            Fact::Joined { .. } => self.talks = true,
            Fact::RecordingChosen { choice, .. } => self.recorded.consent = Some(*choice),
            Fact::NotRated { why: Unrated::Lately } => self.recorded.asked_lately = true,
            _ => {}
        }
    }

    /// Whom the caller is known to have talked with, the first time that it matters behind a step.
    fn knows(&mut self, answerer: Option<(Arc<str>, Wall)>) {
        if std::mem::take(&mut self.asks) {
            self.recorded.answerers.push_back(answerer);
        }
    }

    fn walked(&mut self, place: usize, walked: &Walked, at: Mono) {
        self.talks = false;
        self.asks = true;
        self.last = walked.rule.to_string();
        match &walked.why {
            StepWhy::Percentage { mode, dealt, percents, closed } => {
                let (percents, closed) = (percents.clone(), closed.clone());
                let deal = Dealt { mode: *mode, dealt: *dealt, percents, closed, after: None };
                self.recorded.deals.entry(walked.rule.to_string()).or_default().push_back(deal);
            }
            StepWhy::Challenge { asked: true } => {
                if let Some(suspicion) = &mut self.recorded.standing.suspicion {
                    suspicion.challenge = true;
                }
            }
            _ => {}
        }
        let Some(key) = key_of(walked) else { return };
        self.close_part(place, at);
        let (from, to) = (place, place + 1);
        self.recorded.parts.push(Part { key, at, from, to, until: at, talk: None, used: false });
    }

    fn close_part(&mut self, place: usize, at: Mono) {
        if let Some(part) = self.recorded.parts.last_mut() {
            (part.to, part.until) = (place, at);
        }
    }

    /// Members of the group that had no place in the order since their lines were full. Where the document lists others at
    /// their places now, nothing is known of those.
    fn full_members(&mut self, why: &RouteWhy, order: &[Arc<str>], at: usize) {
        let hotline = self.hotline;
        let named = hotline.groups.iter().find(|known| *hotline.words.text(known.name) == *why.group);
        let Some(group) = named else { return };
        for (place, _) in why.skipped.iter().filter(|(_, why)| *why == Skip::LinesFull) {
            let member = group.members.iter().find(|member| *member == place);
            let Some(destination) = member.map(|member| hotline.destination(*member)) else { continue };
            if !order.iter().any(|name| **name == *destination.name) {
                self.turn_of(&destination.name.clone(), Turn::Full(at));
            }
        }
    }

    fn turn_of(&mut self, destination: &str, turn: Turn) {
        let known = self.hotline.destinations.iter().find(|known| *known.name == *destination);
        let staff = self.hotline.staff.as_deref();
        let mobile = || {
            let agent = staff?.agents.iter().find(|agent| *agent.name == *destination)?;
            Some(agent.mobile.as_ref()?.number.clone())
        };
        if let Some(digits) = known.map(|known| known.number.clone()).or_else(mobile) {
            self.recorded.phones.entry(digits).or_default().push_back(turn);
        }
    }

    /// A bound number whose trunks were all passed over is not dialled: what follows is about something else.
    fn way(&mut self, fact: &Fact) {
        let is_of = |own: &Self, name: &str| own.no_way.as_ref().is_some_and(|(before, _)| **before == *name);
        match fact {
            Fact::TrunksPassed { destination, .. } if is_of(self, destination) => {}
            // The day's legs were gone: that comes about again.
            Fact::TrunksPassed { passed, .. } if passed.iter().any(|(_, pass)| *pass == Pass::DayFull) => {
                self.lost_way();
            }
            Fact::TrunksPassed { destination, .. } => {
                self.lost_way();
                self.no_way = Some((destination.clone(), Turn::NoWay));
            }
            Fact::Dialled(dialled) if is_of(self, &dialled.destination) => self.no_way = None,
            _ => self.lost_way(),
        }
        // Where one trunk failed the next one is tried in the same instant, if there is one.
        if let Fact::LegFailed { leg, outcome: LegOutcome::TrunkFailed, .. } = fact {
            self.no_way = self.legs.get(leg).map(|of| (of.destination.clone(), Turn::NoFurther));
        }
    }

    fn lost_way(&mut self) {
        if let Some((destination, turn)) = self.no_way.take() {
            self.turn_of(&destination, turn);
        }
    }

    fn dialled(&mut self, dialled: &Dialled, at: Mono) {
        let turns = self.recorded.phones.entry(dialled.number.clone()).or_default();
        let (destination, digits) = (dialled.destination.clone(), dialled.number.clone());
        self.legs.insert(dialled.leg, LegOf { destination, digits, turn: turns.len(), began: at });
        turns.push_back(Turn::Rung(Ring { heard: Vec::new(), known_ms: u64::MAX }));
    }

    fn ring_of(&mut self, leg: LegNo) -> Option<(&mut Ring, Mono)> {
        let of = self.legs.get(&leg)?;
        match self.recorded.phones.get_mut(&of.digits)?.get_mut(of.turn)? {
            Turn::Rung(ring) => Some((ring, of.began)),
            Turn::Full(_) | Turn::NoWay | Turn::NoFurther => None,
        }
    }

    fn hear(&mut self, leg: LegNo, place: usize, at: Mono, heard: Heard) {
        if let Some((ring, began)) = self.ring_of(leg).filter(|(ring, _)| ring.known_ms == u64::MAX) {
            let is_last = heard.is_last();
            let ms = at.since_ms(began);
            ring.heard.push((ms, place, heard));
            if is_last {
                ring.known_ms = ms;
            }
        }
    }

    /// A tone that answered had begun before it was known; so had what was listened to for longer than a tone takes to begin.
    fn tone_began(&mut self, leg: LegNo, known: Option<Mono>) {
        let Some((ring, began)) = self.ring_of(leg) else { return };
        let took_up = ring.heard.iter().find(|(.., heard)| *heard == Heard::TookUp);
        let Some((ms, place)) = took_up.map(|(ms, place, _)| (*ms, *place)) else { return };
        if known.is_none_or(|at| at.since_ms(began) - ms > LISTENED_MS) {
            ring.heard.push((ms, place, Heard::ToneBegan));
        }
    }

    /// Somebody answered. Where that was asked, or listened for, the phone has done its part before.
    fn answered(&mut self, leg: LegNo, place: usize, at: Mono) {
        let took_up = |ring: &Ring| ring.heard.iter().any(|(.., heard)| *heard == Heard::TookUp);
        match self.ring_of(leg).filter(|(ring, _)| took_up(ring)) {
            Some((ring, began)) => ring.known_ms = ring.known_ms.min(at.since_ms(began)),
            None => self.hear(leg, place, at, Heard::Answered),
        }
    }

    /// A leg that came to nothing: by its own word, or because we gave it up and know no more of it.
    fn failed(
        &mut self,
        leg: LegNo,
        place: usize,
        at: Mono,
        outcome: LegOutcome,
        status: u16,
        q850: Option<u16>,
    ) {
        let toned = |ring: &Ring| matches!(ring.heard.last(), Some((_, _, Heard::Tone(Tone::Busy))));
        let given_up = match (outcome, status) {
            (LegOutcome::NoAnswer, 0) | (LegOutcome::Cancelled | LegOutcome::NodeLost, _) => true,
            // The time of the question was over, or a tone was heard, which has a fact of its own.
            (LegOutcome::NoKey | LegOutcome::BusyTone | LegOutcome::RingbackTone, _) => true,
            (LegOutcome::Busy, 0) => self.ring_of(leg).is_some_and(|(ring, _)| toned(ring)),
            _ => false,
        };
        match (given_up, outcome) {
            (true, _) => {
                self.tone_began(leg, Some(at));
                if let Some((ring, began)) = self.ring_of(leg) {
                    ring.known_ms = ring.known_ms.min(at.since_ms(began));
                }
            }
            (false, LegOutcome::OtherKey) => {
                // One other key may have been a slip.
                self.hear(leg, place, at, Heard::Pressed(b'2'));
                self.hear(leg, place, at, Heard::Pressed(b'2'));
                self.answered(leg, place, at);
            }
            (false, LegOutcome::HungUp) => {
                self.tone_began(leg, Some(at));
                self.hear(leg, place, at, Heard::HungUp);
            }
            (false, LegOutcome::LateAnswer) => self.hear(leg, place, at, Heard::NoCodec),
            (false, _) => self.hear(leg, place, at, Heard::Failed { outcome, status, q850 }),
        }
    }

    /// The call is over, or people send it elsewhere.
    fn over(&mut self, place: usize, dated: &Dated) {
        self.lost_way();
        self.close_part(place + 1, dated.at);
        for leg in self.legs.keys().copied().collect::<Vec<_>>() {
            let is_open = self.ring_of(leg).is_some_and(|(ring, _)| ring.known_ms == u64::MAX);
            if is_open {
                self.tone_began(leg, Some(dated.at));
            }
            if let Some((ring, began)) = self.ring_of(leg).filter(|(ring, _)| ring.known_ms == u64::MAX) {
                ring.known_ms = dated.at.since_ms(began);
            }
        }
        let Some(last) = self.recorded.parts.len().checked_sub(1) else { return };
        if let Some(ends) = ends(&dated.fact) {
            let ms = dated.at.since_ms(self.recorded.parts[last].at);
            self.recorded.ended = Some((last, ms, ends));
        }
    }

    fn read_talks(&mut self) {
        let log = &self.recorded.log;
        for part in &mut self.recorded.parts {
            part.talk = talk_in(&log[part.from..part.to.min(log.len())], log.get(part.to));
        }
    }
}

/// What ended a call, unless the flow did.
pub(super) fn ends(fact: &Fact) -> Option<Ends> {
    match fact {
        Fact::TransferBegan { .. } => Some(Ends::Moved),
        Fact::HungUp { by: Party::Caller, .. } => Some(Ends::Caller),
        Fact::HungUp { by: Party::Target, .. } => Some(Ends::Target),
        Fact::HungUp { cause, .. } => match cause {
            Cause::BalanceEnded
            | Cause::TalkLimit
            | Cause::MediaSilent
            | Cause::SessionExpired
            | Cause::AckMissing
            | Cause::NoCapacity
            | Cause::NoCommonCodec
            | Cause::CallbackWithdrawn
            | Cause::NodeLost
            | Cause::NodeStopped => Some(Ends::Cut(*cause)),
            _ => None,
        },
        _ => None,
    }
}

/// The talk of a part, with what ended it: the last of its facts, or the step that follows.
fn talk_in(facts: &[Dated], next: Option<&Dated>) -> Option<Talk> {
    let joined = facts.iter().position(|dated| matches!(dated.fact, Fact::Joined { .. }));
    let met = |dated: &&Dated| {
        matches!(dated.fact, Fact::AgentTold { .. } | Fact::Joined { .. })
            || matches!(&dated.fact, Fact::Unqueued { why: crate::call::Unqueued::Answered, .. })
    };
    let leg = joined.and_then(|place| match facts[place].fact {
        Fact::Joined { leg } => Some(leg),
        _ => None,
    });
    let answered = match leg {
        Some(leg) => {
            facts.iter().find(|dated| matches!(dated.fact, Fact::LegAnswered { leg: of } if of == leg))
        }
        None => facts.iter().rev().find(|dated| matches!(dated.fact, Fact::LegAnswered { .. })),
    };
    let answered_at = answered.or_else(|| facts.iter().find(met))?.at;
    let from = joined.map_or(answered_at, |place| facts[place].at);
    let behind = facts.iter().skip(joined.unwrap_or(0));
    let ended = behind.clone().find_map(|dated| match &dated.fact {
        Fact::RatingAsked { by: AskedBy::Keys, .. } => Some((dated.at, Ends::Rated)),
        Fact::NotRated { .. } => Some((dated.at, Ends::Target)),
        fact => ends(fact).map(|ends| (dated.at, ends)),
    });
    let (until, ends) = ended.or_else(|| next.map(|next| (next.at, Ends::Target)))?;
    let before_ms = joined.map(|_| from.since_ms(answered_at));
    Some(Talk { before_ms, ms: until.since_ms(from), ends })
}
