//! Supervisors in a talk (row Q13): who listens, whispers or barges in, and takes over. Who hears whom is worked out anew after
//! each event, from the talk as it is and what each supervisor is there for: a whisper is in the agent's list and in no other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ordering::phone;
use super::{
    Action, CALLER, Call, Desk, Event, Fact, LegNo, LegState, NotObeyed, Rings, State, TalkOrder, Timer,
};
use crate::Mono;
use crate::cdr::{AttemptKind, LegOutcome};
use crate::enterprise::phone_user;
use crate::tenant::Tenant;

/// Supervisors in one talk.
const WATCHERS_MAX: usize = 3;
/// A supervisor's phone that gave no 18x is given up this long after its ring time.
const RING_GRACE_MS: u64 = 4_000;

/// What a supervisor is in a talk for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchMode {
    /// Hears both and is heard by nobody.
    Listen,
    /// Hears both and is heard by who answered alone.
    Whisper,
    /// Is heard by both.
    Barge,
}

impl WatchMode {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            WatchMode::Listen => "listen",
            WatchMode::Whisper => "whisper",
            WatchMode::Barge => "barge",
        }
    }
}

/// A supervisor.
#[derive(Debug)]
pub(super) struct Watcher {
    leg: LegNo,
    mode: WatchMode,
    /// The number of the phone.
    phone: Arc<str>,
}

/// Supervisors of a call, and whose list is not what their bridge gives them.
#[derive(Debug, Default)]
pub(super) struct Watching {
    watchers: Vec<Watcher>,
    /// Lists in force.
    lists: Vec<(LegNo, Vec<LegNo>)>,
}

impl Call {
    fn watcher(&self, leg: LegNo) -> Option<&Watcher> {
        self.watching.as_ref()?.watchers.iter().find(|watcher| watcher.leg == leg)
    }

    fn watcher_with(&self, number: &str) -> Option<&Watcher> {
        self.watching.as_ref()?.watchers.iter().find(|watcher| *watcher.phone == *number)
    }

    /// Whether a supervisor could come in, or change what it is there for, by the phone with this number.
    pub(super) fn may_watch(&self, number: &str, tenant: &Tenant) -> Result<(), NotObeyed> {
        if !matches!(self.state, State::Talking { .. }) {
            return Err(NotObeyed::NotNow);
        }
        if self.watcher_with(number).is_some() {
            return Ok(());
        }
        let full = self.watching.as_ref().is_some_and(|watching| watching.watchers.len() >= WATCHERS_MAX);
        let user = phone_user(&self.hotline.tenant, number);
        let talks = (1..=self.legs.len() as LegNo).any(|leg| {
            self.leg(leg).state == LegState::Answered && *self.destination_of(leg).number == *user
        });
        match (full || talks, tenant.lines_in_use(&user)) {
            (true, _) => Err(NotObeyed::NotNow),
            (false, 0) => Ok(()),
            (false, _) => Err(NotObeyed::Busy),
        }
    }

    /// Whether the supervisor with this phone could take the talk over, or leave it.
    pub(super) fn is_watched_by(&self, number: &str) -> bool {
        let watcher = self.watcher_with(number);
        watcher.is_some_and(|watcher| self.leg(watcher.leg).state == LegState::Answered)
    }

    /// A supervisor comes in by its own phone, or changes what it is there for.
    pub(super) fn watch(
        &mut self,
        number: Arc<str>,
        mode: WatchMode,
        by: Arc<str>,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        if let Some(leg) = self.watcher_with(&number).map(|watcher| watcher.leg) {
            let watching = self.watching.get_or_insert_default();
            watching.watchers.iter_mut().filter(|one| one.leg == leg).for_each(|one| one.mode = mode);
            return self.note(Fact::WatchChanged { leg, mode, by }, now);
        }
        let user: Arc<str> = phone_user(&self.hotline.tenant, &number).into();
        let rings = Rings::phone(phone(number.clone(), user));
        let leg = self.begin_leg(rings, None, AttemptKind::Watch, RING_GRACE_MS, desk, now);
        self.note(Fact::WatchBegan { leg, mode, by }, now);
        self.watching.get_or_insert_default().watchers.push(Watcher { leg, mode, phone: number });
    }

    /// A supervisor has the talk in place of who answered, who is free of it.
    pub(super) fn take_over(
        &mut self,
        leg: LegNo,
        number: &str,
        by: Arc<str>,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        let Some(mine) = self.watcher_with(number).map(|watcher| watcher.leg) else { return };
        self.note(Fact::TakenOver { leg: mine, by }, now);
        self.forget_watcher(mine);
        self.unpark(now);
        self.release(leg, desk, now);
        self.join(mine, desk, now);
    }

    /// A supervisor is let go.
    fn stop_watching(&mut self, number: &str, desk: &mut Desk<'_>, now: Mono) {
        let Some(leg) = self.watcher_with(number).map(|watcher| watcher.leg) else { return };
        self.watcher_leaves(leg, desk, now);
    }

    fn forget_watcher(&mut self, leg: LegNo) {
        if let Some(watching) = &mut self.watching {
            watching.watchers.retain(|watcher| watcher.leg != leg);
        }
    }

    fn watcher_leaves(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        self.forget_watcher(leg);
        self.disarm(Timer::Ring(leg));
        self.note(Fact::WatchOver { leg }, now);
        match self.leg(leg).state {
            LegState::Answered => {
                self.actions.push_back(Action::Bye { leg });
                self.leg_over(leg, desk, now);
                self.actions.push_back(Action::CloseLeg { leg });
            }
            LegState::Trying | LegState::Ringing | LegState::Confirming => {
                self.give_up(leg, LegOutcome::Cancelled, now)
            }
            LegState::GivenUp | LegState::Over => {}
        }
    }

    /// What concerns a supervisor's leg alone. Other events are given back.
    pub(super) fn take_watching(&mut self, event: Event, desk: &mut Desk<'_>, now: Mono) -> Option<Event> {
        if let Event::Ordered(ordered) = &event
            && let TalkOrder::Unwatch(phone) = &ordered.order
        {
            self.stop_watching(phone, desk, now);
            return None;
        }
        let leg = match &event {
            Event::Rang { leg }
            | Event::LegAnswered { leg }
            | Event::LegFailed { leg, .. }
            | Event::LegHungUp { leg }
            | Event::NoCommonCodec { leg }
            | Event::SessionExpired { leg, .. }
            | Event::Held { leg, .. }
            | Event::ToneHeard { leg, .. } => *leg,
            _ => return Some(event),
        };
        if self.watcher(leg).is_none() {
            return Some(event);
        }
        match event {
            Event::Rang { .. } => _ = self.leg_rang(leg, now),
            Event::LegAnswered { .. } => {
                self.disarm(Timer::Ring(leg));
                self.leg_mut(leg).state = LegState::Answered;
                self.leg_mut(leg).answered = Some(now);
                self.note(Fact::LegAnswered { leg }, now);
            }
            Event::LegFailed { outcome, status, q850, .. } => {
                self.leg_lost(leg, outcome, status, q850, desk, now);
                self.watcher_leaves(leg, desk, now);
            }
            Event::NoCommonCodec { .. } => {
                self.actions.push_back(Action::Bye { leg });
                self.late_answer(leg, desk, now);
                self.watcher_leaves(leg, desk, now);
            }
            Event::LegHungUp { .. } => {
                self.leg_over(leg, desk, now);
                self.actions.push_back(Action::CloseLeg { leg });
                self.watcher_leaves(leg, desk, now);
            }
            Event::SessionExpired { .. } => self.watcher_leaves(leg, desk, now),
            _ => {}
        }
        None
    }

    /// A supervisor's phone rang for its time; whether it was one's.
    pub(super) fn watcher_rang_out(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) -> bool {
        let is = self.watcher(leg).is_some();
        if is {
            self.give_up(leg, LegOutcome::NoAnswer, now);
            self.watcher_leaves(leg, desk, now);
        }
        is
    }

    /// Nobody talks with the caller any more, who stays: there is nothing to watch.
    pub(super) fn let_watchers_go(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let watchers = self.watching.iter().flat_map(|watching| &watching.watchers);
        let legs: Vec<LegNo> = watchers.map(|watcher| watcher.leg).collect();
        legs.into_iter().for_each(|leg| self.watcher_leaves(leg, desk, now));
    }

    /// The end of the call is the end of its supervision.
    pub(super) fn end_watching(&mut self, now: Mono) {
        let Some(watching) = self.watching.take() else { return };
        for watcher in watching.watchers {
            self.note(Fact::WatchOver { leg: watcher.leg }, now);
        }
    }

    /// Has each leg hear whom it is to hear by now.
    pub(super) fn arrange(&mut self) {
        if self.watching.is_none() && !self.is_together() {
            return;
        }
        let wanted = self.lists();
        let watching = self.watching.get_or_insert_default();
        let before = std::mem::replace(&mut watching.lists, wanted.clone());
        // Who hears less is told first: nobody hears more than the talk as it was or as it is.
        let emptied = before.iter().filter(|(leg, _)| wanted.iter().all(|(other, _)| other != leg));
        for (leg, _) in emptied {
            self.actions.push_back(Action::Hear { leg: *leg, others: Vec::new() });
        }
        for (leg, others) in wanted {
            if !before.contains(&(leg, others.clone())) {
                self.actions.push_back(Action::Hear { leg, others });
            }
        }
    }

    fn is_together(&self) -> bool {
        matches!(&self.state, State::Transferring(transfer) if transfer.is_together())
    }

    /// Whom each leg hears that does not just hear who it is joined with.
    fn lists(&self) -> Vec<(LegNo, Vec<LegNo>)> {
        if let State::Transferring(transfer) = &self.state {
            return transfer.together();
        }
        let State::Talking { leg: partner } = self.state else { return Vec::new() };
        let Some(watching) = &self.watching else { return Vec::new() };
        if self.parked.is_some() {
            return Vec::new();
        }
        let present = watching.watchers.iter().filter(|one| self.leg(one.leg).state == LegState::Answered);
        let present: Vec<&Watcher> = present.collect();
        let heard_by = |modes: &[WatchMode]| -> Vec<LegNo> {
            present.iter().filter(|one| modes.contains(&one.mode)).map(|one| one.leg).collect()
        };
        let barging = heard_by(&[WatchMode::Barge]);
        let coaching = heard_by(&[WatchMode::Whisper, WatchMode::Barge]);
        let mut lists: Vec<(LegNo, Vec<LegNo>)> = Vec::new();
        if !barging.is_empty() {
            lists.push((CALLER, [&[partner], barging.as_slice()].concat()));
        }
        if !coaching.is_empty() {
            lists.push((partner, [&[CALLER], coaching.as_slice()].concat()));
        }
        for one in &present {
            let others = barging.iter().copied().filter(|other| *other != one.leg);
            lists.push((one.leg, [CALLER, partner].into_iter().chain(others).collect()));
        }
        lists
    }
}
