//! From the target's answer to the hang-up: the recording notice, the join, the talk.

use std::sync::Arc;

use super::consenting::Behind;
use super::{Action, CALLER, Call, Desk, Event, Fact, HeldBy, LegNo, PROMPT_MS_MAX, Sound, State, Timer};
use crate::cdr::ChargingFrom;
use crate::enterprise::{Language, SayAgent};
use crate::speech::Announcement;
use crate::{Mono, RecordingId};

impl Call {
    /// Who answered and the caller are brought together: by the agent's number, then the notice, each where it is wanted and
    /// was not heard before.
    pub(super) fn meet(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        self.unpark(now);
        let say = self.says_agent(desk);
        let Some(agent) = self.agent_on(leg).filter(|_| say != SayAgent::Nobody) else {
            return self.notice_or_join(leg, desk, now);
        };
        let pieces: Arc<[&'static str]> = Announcement::Agent(&agent).prompts(Language::Zh).into();
        if say == SayAgent::Both {
            self.play(leg, Sound::Pieces(pieces.clone()), false);
        }
        let play = self.play(CALLER, Sound::Pieces(pieces), false);
        self.note(Fact::AgentTold { agent }, now);
        self.arm(Timer::Prompt, now + PROMPT_MS_MAX);
        self.state = State::Greeting { leg, play };
    }

    /// Who is to hear the agent's number, by the queue that the call came by (row Q06).
    fn says_agent(&self, desk: &Desk<'_>) -> SayAgent {
        let queue = self.last_queue();
        let rules = queue
            .and_then(|(queue, ..)| desk.tenant.floor()?.queue_rules(&queue).map(|rules| rules.say_agent));
        rules.unwrap_or_default()
    }

    pub(super) fn greeting(&mut self, leg: LegNo, play: u32, event: Event, desk: &mut Desk<'_>, now: Mono) {
        match event {
            Event::Played { play: ended } if ended == play => {
                self.disarm(Timer::Prompt);
                self.notice_or_join(leg, desk, now);
            }
            other => {
                self.state = State::Greeting { leg, play };
                self.up(leg, other, desk, now);
            }
        }
    }

    /// The notice, once in a call (row I07), then the talk.
    fn notice_or_join(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        match self.hotline.recording_notice.clone().filter(|_| !self.has_talked()) {
            Some(_) if self.flowing.is_noticed => self.noticed(Behind::Meeting(leg), desk, now),
            Some(notice) => self.give_notice(leg, notice.as_str().into(), now),
            None => self.join(leg, desk, now),
        }
    }

    /// Plays the notice to both sides before recording begins and before they are joined (row I07).
    fn give_notice(&mut self, leg: LegNo, prompt: Arc<str>, now: Mono) {
        self.note(Fact::Prompted { prompt: prompt.clone(), early: false }, now);
        self.play(leg, Sound::Prompt(prompt.clone()), false);
        let play = self.play(CALLER, Sound::Prompt(prompt), false);
        self.arm(Timer::Prompt, now + PROMPT_MS_MAX);
        self.state = State::Noticing { leg, play };
    }

    pub(super) fn noticing(&mut self, leg: LegNo, play: u32, event: Event, desk: &mut Desk<'_>, now: Mono) {
        match event {
            Event::Played { play: ended } if ended == play => {
                self.disarm(Timer::Prompt);
                if !self.flowing.is_noticed {
                    let prompt = self.hotline.recording_notice.as_deref().unwrap_or_default().into();
                    self.note(Fact::Noticed { prompt }, now);
                    self.flowing.is_noticed = true;
                }
                self.noticed(Behind::Meeting(leg), desk, now);
            }
            other => {
                self.presses_consent(&other);
                self.state = State::Noticing { leg, play };
                self.up(leg, other, desk, now);
            }
        }
    }

    /// Caller and target hear each other, for the first time or again. What is charged runs from the first.
    pub(super) fn join(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        let first = !self.has_talked();
        self.unpark(now);
        self.note(Fact::Joined { leg }, now);
        self.actions.push_back(Action::Bridge { leg });
        self.state = State::Talking { leg };
        match self.hotline.charging_from {
            ChargingFrom::TwoParty if first => self.start_meter(desk, now),
            ChargingFrom::TwoParty | ChargingFrom::Answer => {}
        }
        if !first {
            self.record_with(Some(leg));
        }
        if self.leg(leg).holds {
            self.park(leg, HeldBy::Phone, now);
        }
    }

    /// Whether caller and a target were joined before.
    pub(super) fn has_talked(&self) -> bool {
        self.log.iter().any(|dated| matches!(dated.fact, Fact::Joined { .. }))
    }

    /// Who is heard on the right channel, where the call is recorded.
    pub(super) fn record_with(&mut self, leg: Option<LegNo>) {
        if self.is_recorded() {
            self.actions.push_back(Action::RecordWith { leg });
        }
    }

    pub(super) fn record(&mut self, leg: LegNo, now: Mono) {
        let recording = RecordingId(self.id.0);
        self.note(Fact::RecordingBegan { recording }, now);
        self.actions.push_back(Action::Record { recording, leg });
    }

    pub(super) fn talking(&mut self, leg: LegNo, event: Event, desk: &mut Desk<'_>, now: Mono) {
        self.state = State::Talking { leg };
        match event {
            Event::Held { leg: holder, on } if holder == leg => self.phone_holds(leg, on, now),
            Event::Ordered(ordered) => self.obey(leg, *ordered, desk, now),
            Event::LegHungUp { leg: gone } if gone == leg => self.talk_over(leg, desk, now),
            other => self.up(leg, other, desk, now),
        }
    }

    /// Events of a call whose two sides have answered.
    pub(super) fn up(&mut self, leg: LegNo, event: Event, desk: &mut Desk<'_>, now: Mono) {
        match event {
            Event::LegHungUp { leg: gone } if gone == leg => self.end_by_target(leg, desk, now),
            other => self.take_ending(other, desk, now),
        }
    }
}
