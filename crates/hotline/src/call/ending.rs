//! How a call ends: refusals with what the caller hears, one hang-up for one cause, and the last words of its legs.

use std::sync::Arc;

use super::{Action, CALLER, Call, Desk, ENDING_MS_MAX, Event, Fact, LegNo, LegState, State, Timer};
use crate::Mono;
use crate::cdr::{Cause, LegOutcome, Party};

impl Call {
    pub(super) fn refusing(&mut self, play: u32, cause: Cause, event: Event, desk: &mut Desk<'_>, now: Mono) {
        match event {
            Event::Played { play: ended } if ended == play => {
                self.disarm(Timer::Prompt);
                self.close_refused(cause, desk, now);
            }
            Event::CallerCancelled | Event::CallerHungUp => {
                // The reason stands: the refusal was decided before the caller left.
                self.hang_up(cause, Party::Platform, now, desk, now);
            }
            other => {
                self.state = State::Refusing { play, cause };
                self.take_ending(other, desk, now);
            }
        }
    }

    /// Events that mean the same in every state with the call still up: somebody or something ends it, or a leg that
    /// was given up says its last word.
    pub(super) fn take_ending(&mut self, event: Event, desk: &mut Desk<'_>, now: Mono) {
        match event {
            Event::CallerCancelled => self.hang_up(Cause::CallerCancelled, Party::Caller, now, desk, now),
            Event::CallerHungUp => self.hang_up(Cause::HangUp, Party::Caller, now, desk, now),
            Event::AckMissing => self.hang_up(Cause::AckMissing, Party::Platform, now, desk, now),
            Event::SessionExpired { last, .. } => {
                self.hang_up(Cause::SessionExpired, Party::Platform, last, desk, now);
            }
            Event::Silent { last } => self.hang_up(Cause::MediaSilent, Party::Platform, last, desk, now),
            Event::NoCommonCodec { leg: CALLER } => self.end_or_refuse(Cause::NoCommonCodec, desk, now),
            Event::NoCommonCodec { leg } => self.late_answer(leg, desk, now),
            Event::LegFailed { leg, outcome, status, q850 } => {
                self.leg_lost(leg, outcome, status, q850, desk, now);
            }
            Event::LateAnswer { leg } => self.late_answer(leg, desk, now),
            // A 200 that crossed our giving up: the leg is ended, its cost noted.
            Event::LegAnswered { leg } => self.late_answer(leg, desk, now),
            Event::LegHungUp { leg } => self.leg_over(leg, desk, now),
            // Somebody answered to play it: the call is theirs by now, and its log says what was heard.
            Event::ToneHeard { leg, tone } if self.leg(leg).answered.is_some() => {
                self.note(Fact::ToneHeard { leg, tone }, now);
            }
            // Words about legs that no longer matter, or handled before: nothing to do.
            Event::Rang { .. }
            | Event::ToneHeard { .. }
            | Event::VoiceHeard { .. }
            | Event::ToneBegan { .. }
            | Event::Digit { .. }
            | Event::Played { .. }
            | Event::RecordingCut
            | Event::Quality { .. }
            | Event::MediaClosed
            | Event::NoCapacity
            | Event::AnswerLost
            | Event::Stopped
            | Event::Timeout
            | Event::Queue(_)
            | Event::Held { .. }
            | Event::Ordered(_)
            | Event::Quiet { .. }
            | Event::Fetched { .. }
            | Event::ResultGiven { .. } => {}
        }
    }

    pub(super) fn ending(&mut self, event: Event, desk: &mut Desk<'_>, now: Mono) {
        self.state = State::Ending;
        match event {
            Event::LegFailed { leg, outcome, status, q850 } => {
                self.leg_lost(leg, outcome, status, q850, desk, now);
            }
            Event::LateAnswer { leg } | Event::LegAnswered { leg } => self.late_answer(leg, desk, now),
            Event::LegHungUp { leg } => self.leg_over(leg, desk, now),
            _ => {}
        }
    }

    /// Ends a call that did not reach anybody: a prompt in a 183, then the final status, uncharged.
    pub(super) fn refuse(&mut self, cause: Cause, prompt: Option<Arc<str>>, desk: &mut Desk<'_>, now: Mono) {
        let (heard, own) = self.heard(cause);
        let prompt = prompt.or(own).or_else(|| treatment(heard).prompt.map(Arc::from));
        // Who was not answered hears nothing by such a trunk; to answer only to refuse would be charged.
        let audible = self.early.media || self.answered.is_some();
        match prompt.filter(|_| audible) {
            Some(prompt) => {
                let play = self.prompt(prompt, now);
                self.state = State::Refusing { play, cause };
            }
            None => self.close_refused(cause, desk, now),
        }
    }

    /// As which cause the caller hears a refusal, and which prompt, by the number's own bars.
    pub(super) fn heard(&self, cause: Cause) -> (Cause, Option<Arc<str>>) {
        let bars = self.hotline.bars.as_ref();
        let (heard, prompt) = bars.map_or((cause, None), |bars| bars.heard(cause));
        (heard, prompt.map(Arc::from))
    }

    /// Why the call ends where its flow has no more steps: nobody was found, or a queue sent the caller on; not if somebody
    /// talked with the caller since then.
    pub(super) fn end_of_flow(&self, otherwise: Cause) -> Cause {
        let since_talk = self.log.iter().rev().take_while(|dated| !matches!(dated.fact, Fact::Joined { .. }));
        let mut sent_on = None;
        for dated in since_talk {
            let by_queue = match &dated.fact {
                Fact::Finally { cause } => return *cause,
                Fact::NotQueued { why, .. } => Some(why.cause()),
                Fact::Unqueued { why, .. } => why.cause(),
                _ => None,
            };
            sent_on = sent_on.or(by_queue);
        }
        sent_on.unwrap_or(otherwise)
    }

    pub(super) fn close_refused(&mut self, cause: Cause, desk: &mut Desk<'_>, now: Mono) {
        if self.answered.is_none() {
            let Treatment { status, q850, .. } = treatment(self.heard(cause).0);
            self.actions.push_back(Action::RejectCaller { status, q850 });
        }
        self.hang_up(cause, Party::Platform, now, desk, now);
    }

    pub(super) fn end_or_refuse(&mut self, cause: Cause, desk: &mut Desk<'_>, now: Mono) {
        match self.state {
            State::Ending | State::Over => {}
            // The reason stands: the refusal was decided before.
            State::Refusing { cause, .. } => self.close_refused(cause, desk, now),
            _ => self.close_refused(cause, desk, now),
        }
    }

    /// Ends the call for one cause, once. Every leg is told at once; charged time ends at `until`, and never behind
    /// what is paid when no more could be held.
    pub(super) fn hang_up(&mut self, cause: Cause, by: Party, until: Mono, desk: &mut Desk<'_>, now: Mono) {
        let until = self.meter.as_ref().map_or(until, |meter| meter.bound(until)).min(now);
        self.rating_ends(by, desk, now);
        self.end_calling_back(cause, desk, now);
        self.leave_floor(desk, now);
        self.end_watching(now);
        self.leave_message_as_it_is(now);
        self.note(Fact::HungUp { cause, by, until }, now);
        if self.admission().is_some() {
            desk.tenant.hang_up(self.hotline.number, &self.caller);
            self.count_caller(desk, now);
        }
        if self.answered.is_some() && by != Party::Caller {
            self.actions.push_back(Action::Bye { leg: CALLER });
        }
        for number in 1..=self.legs.len() as LegNo {
            match self.leg(number).state {
                LegState::Trying | LegState::Ringing => {
                    self.leg_mut(number).state = LegState::GivenUp;
                    self.actions.push_back(Action::Cancel { leg: number });
                }
                LegState::Confirming => self.give_up(number, LegOutcome::Cancelled, now),
                LegState::Answered => {
                    self.actions.push_back(Action::Bye { leg: number });
                    self.leg_over(number, desk, now);
                }
                LegState::GivenUp | LegState::Over => {}
            }
        }
        self.timers.clear();
        self.arm(Timer::Ending, now + ENDING_MS_MAX);
        self.media_open = true;
        self.actions.push_back(Action::CloseMedia);
        self.state = State::Ending;
    }

    /// Our 200 did not leave: the call was never answered, whatever was noted in that turn.
    pub(super) fn answer_lost(&mut self, desk: &mut Desk<'_>, now: Mono) {
        if self.answered.take().is_none() || matches!(self.state, State::Over) {
            return;
        }
        self.note(Fact::NotAnswered, now);
        self.reopen_request(desk, now);
        if let Some(meter) = &mut self.meter {
            meter.stop();
        }
        match self.state {
            State::Ending => self.actions.push_back(Action::RejectCaller { status: 503, q850: 41 }),
            _ => self.close_refused(Cause::NoCapacity, desk, now),
        }
    }

    /// How the caller called counts against it, where the number asks for that (row B12).
    fn count_caller(&mut self, desk: &mut Desk<'_>, now: Mono) {
        let hotline = self.hotline.clone();
        let incoming = self.calling_back.is_none();
        let policy = hotline.bars.as_ref().filter(|_| incoming).and_then(|bars| bars.nuisance());
        let Some(policy) = policy else { return };
        let (began, lasted_ms) = (self.wall(self.started), now.since_ms(self.started));
        let kept = desk.tenant.seen.called(&self.caller, hotline.number, began, lasted_ms, policy);
        if let Some((place, value)) = kept {
            let turn = desk.tenant.next_turn();
            self.note(Fact::SuspectKept { place, value, turn }, now);
        }
    }

    pub(super) fn finish_if_over(&mut self, now: Mono) {
        let legs_over = self.legs.iter().all(|leg| leg.state == LegState::Over);
        if matches!(self.state, State::Ending) && legs_over && !self.media_open {
            self.note(Fact::Over, now);
            self.timers.clear();
            self.state = State::Over;
            self.actions.push_back(Action::Finish);
        }
    }
}

/// How a refusal sounds and what it says in SIP. Prompts and codes are the defaults of the platform.
struct Treatment {
    prompt: Option<&'static str>,
    status: u16,
    q850: u16,
}

fn treatment(cause: Cause) -> Treatment {
    let of = |prompt, status, q850| Treatment { prompt, status, q850 };
    match cause {
        Cause::NumberNotInService => of(Some("not_in_service"), 404, 1),
        Cause::Blocked
        | Cause::RegionBarred
        | Cause::PasswordFailed
        | Cause::PasswordLocked
        | Cause::Nuisance
        | Cause::ChallengeFailed => of(Some("barred"), 603, 21),
        Cause::MonthCostCap | Cause::MonthCallCap | Cause::BalanceTooLow | Cause::Frozen => {
            of(Some("cap_reached"), 480, 21)
        }
        Cause::ConcurrencyLimit | Cause::RateLimit | Cause::AllBusy | Cause::QueueFull => {
            of(Some("all_busy"), 486, 17)
        }
        Cause::NoAnswer | Cause::NoTarget | Cause::ForwardLimit | Cause::QueueEmpty | Cause::QueueTimeout => {
            of(Some("no_answer"), 480, 19)
        }
        Cause::TrunkFailed | Cause::NoTariff | Cause::NoCapacity | Cause::NodeStopped => of(None, 503, 41),
        Cause::NoCommonCodec => of(None, 488, 88),
        Cause::FlowHangUp => of(None, 480, 31),
        Cause::FlowBusy => of(None, 486, 17),
        Cause::FlowLoop => of(None, 500, 41),
        Cause::HangUp
        | Cause::CallerCancelled
        | Cause::BalanceEnded
        | Cause::TalkLimit
        | Cause::MediaSilent
        | Cause::SessionExpired
        | Cause::AckMissing
        | Cause::CallbackWithdrawn
        | Cause::NodeLost => of(None, 480, 31),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every cause has its row on the page, and where the caller may be refused the row says how.
    #[test]
    fn the_page_on_causes_tells_every_treatment() {
        const PAGE: &str = include_str!("../../../../docs/causes.md");
        let rows: Vec<Vec<&str>> = PAGE
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        // serde names all variants when it is given none of them.
        let all = serde_json::from_str::<Cause>("\"none\"").expect_err("no cause").to_string();
        let codes: Vec<&str> = all.split('`').skip(3).step_by(2).collect();
        assert_eq!(codes.len(), rows.len(), "{codes:?}");
        for code in codes {
            let cause: Cause = serde_json::from_str(&format!("\"{code}\"")).expect("a cause");
            assert_eq!(cause.code(), code);
            let row = rows.iter().find(|row| row[0] == format!("`{code}`"));
            let row = row.unwrap_or_else(|| panic!("{code} is not on the page"));
            let Treatment { prompt, status, q850 } = treatment(cause);
            let [told_prompt, told_status, told_q850] = [row[2], row[3], row[4]];
            if told_status == "BYE" || cause == Cause::CallerCancelled {
                // Nobody is refused for it.
                assert_eq!((prompt, status, q850), (None, 480, 31), "{code}");
                continue;
            }
            assert_eq!((told_status, told_q850), (&*status.to_string(), &*q850.to_string()), "{code}");
            let told_prompt = told_prompt.trim_end_matches(['\u{b9}', '\u{b2}', '\u{b3}', ' ']);
            let prompt = prompt.map(|prompt| format!("`{prompt}`")).unwrap_or_default();
            assert_eq!(told_prompt.trim_matches('–'), prompt, "{code}");
        }
    }
}
