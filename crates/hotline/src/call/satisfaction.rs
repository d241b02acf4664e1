//! The caller says what the talk was worth, by a key from 1 to 5, once who answered is gone (row Q07). The call goes on
//! while it is asked. One rating a call, and a caller is not asked again for a while, whoever asks.

use std::sync::Arc;

use super::asking::Stage;
use super::{Action, CALLER, Call, Desk, Event, Fact, Key, LegNo, NotObeyed, State, Timer};
use crate::cdr::{Cause, Party};
use crate::flow::{StepKind, StepNo};
use crate::message::{self, Address};
use crate::satisfaction::{AskedBy, Survey, Unrated, score};
use crate::tenant::{Memo, Tenant};
use crate::{Mono, Wall};

/// Whom the caller talked with last.
#[derive(Clone, Debug)]
pub(super) struct Talked {
    leg: LegNo,
    /// The agent's number; none for other phones.
    agent: Option<Arc<str>>,
}

/// Where a caller who is asked is.
#[derive(Debug)]
pub(super) struct Rating {
    survey: Survey,
    /// Where the flow goes on; without it the call ends.
    next: Option<StepNo>,
    tries: u8,
    stage: Stage,
}

impl Rating {
    /// Whether a key counts.
    pub(super) fn is_asked(&self) -> bool {
        self.stage.is_asked()
    }
}

impl Call {
    /// Who talked leaves the call: whoever is asked afterwards is asked of this talk.
    pub(super) fn talked_with(&mut self, leg: LegNo) {
        self.flowing.talked = Some(Talked { leg, agent: self.agent_on(leg) });
    }

    /// Who answered hung up: the flow goes on behind the talk, or the caller is asked what it was worth; else the call
    /// is over for both.
    pub(super) fn talk_over(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        if let Some(step) = self.flowing.after.take() {
            self.part_from(leg, desk, now);
            return self.walk(step, desk, now);
        }
        let Some(survey) = self.survey_of_queue(desk.tenant) else {
            return self.end_by_target(leg, desk, now);
        };
        match self.may_be_asked(&survey, desk.tenant, now) {
            Ok(()) => {
                self.part_from(leg, desk, now);
                self.ask_rating(survey, None, desk, now);
            }
            Err(why) => {
                self.note(Fact::NotRated { why }, now);
                self.end_by_target(leg, desk, now);
            }
        }
    }

    /// Who answered sends the caller to the question; where the flow goes on behind the talk, it goes on behind that.
    pub(super) fn send_to_rating(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        if let Ok(survey) = self.survey_now(desk.tenant, now) {
            let next = self.flowing.after.take();
            self.let_go(leg, desk, now);
            self.ask_rating(survey, next, desk, now);
        }
    }

    /// What the call's queue would ask the caller now.
    pub(super) fn survey_now(&self, tenant: &Tenant, now: Mono) -> Result<Survey, NotObeyed> {
        let survey = self.survey_of_queue(tenant).ok_or(NotObeyed::NoSurvey)?;
        self.may_be_asked(&survey, tenant, now).map_err(NotObeyed::Unrated)?;
        Ok(survey)
    }

    /// Who answered is gone, and the caller stays; whoever watched them talk is let go.
    fn part_from(&mut self, leg: LegNo, desk: &mut Desk<'_>, now: Mono) {
        self.let_watchers_go(desk, now);
        self.unpark(now);
        self.actions.push_back(Action::Unbridge);
        self.left_by(leg, desk, now);
    }

    /// What the queue that the call came by asks.
    fn survey_of_queue(&self, tenant: &Tenant) -> Option<Survey> {
        let (queue, ..) = self.last_queue()?;
        tenant.floor()?.queue_rules(&queue)?.survey.as_deref().cloned()
    }

    /// Whether the call goes on once who answered hung up, by the rules it began with: what a dry run looks at.
    pub(crate) fn goes_on_behind_the_talk(&self) -> bool {
        let queue = self.last_queue().map(|(queue, ..)| queue);
        let staff = self.hotline.staff.as_ref();
        let rules =
            staff.and_then(|staff| staff.queues.iter().find(|rules| Some(&rules.name) == queue.as_ref()));
        self.flowing.after.is_some() || rules.is_some_and(|rules| rules.survey.is_some())
    }

    fn may_be_asked(&self, survey: &Survey, tenant: &Tenant, now: Mono) -> Result<(), Unrated> {
        let first =
            |of: fn(&Fact) -> bool| self.log.iter().find(|dated| of(&dated.fact)).map(|dated| dated.at);
        if first(|fact| matches!(fact, Fact::RatingAsked { .. })).is_some() {
            return Err(Unrated::Before);
        }
        let joined = first(|fact| matches!(fact, Fact::Joined { .. }));
        if joined.is_none_or(|joined| now.since_ms(joined) < survey.talk_ms_min) {
            return Err(Unrated::ShortTalk);
        }
        let before = tenant.asked().of(None, &self.caller).map(|memo| memo.at);
        let lately = |before: Wall| self.wall(now).0 - before.0 < survey.pause_ms as i64;
        if before.is_some_and(lately) { Err(Unrated::Lately) } else { Ok(()) }
    }

    /// Asks what a step of the flow asks, or goes on where nothing may be asked.
    pub(super) fn rate_at(&mut self, step: StepNo, desk: &mut Desk<'_>, now: Mono) {
        let (endless, hotline) = (self.flowing.is_endless(), self.hotline.clone());
        let steps = &hotline.flow.steps;
        let Some(StepKind::Rate { survey, next }) =
            steps.get(usize::from(step)).map(|step| &step.kind).filter(|_| !endless)
        else {
            return self.refuse(Cause::FlowLoop, None, desk, now);
        };
        match self.may_be_asked(survey, desk.tenant, now) {
            Ok(()) => self.ask_rating((**survey).clone(), *next, desk, now),
            Err(why) => {
                self.note(Fact::NotRated { why }, now);
                self.go_on_from_rating(*next, desk, now);
            }
        }
    }

    fn ask_rating(&mut self, survey: Survey, next: Option<StepNo>, desk: &mut Desk<'_>, now: Mono) {
        self.note_asked(AskedBy::Keys, desk, now);
        let play = self.prompt(survey.prompt.clone(), now);
        let rating = Rating { survey, next, tries: 0, stage: Stage::Question { play } };
        self.state = State::Rating(Box::new(rating));
    }

    /// That the caller was asked is kept, over a restart too; a withheld caller is nobody.
    fn note_asked(&mut self, by: AskedBy, desk: &mut Desk<'_>, now: Mono) {
        let at = self.wall(now);
        let known = !self.caller.is_empty();
        let memo = || Memo { number: None, caller: self.caller.clone(), at, phone: String::new() };
        let place = known.then(|| desk.tenant.keep_asked(memo()));
        let turn = desk.tenant.next_turn();
        let queue = self.last_queue().map_or_else(|| Arc::from(""), |(queue, ..)| queue);
        let (leg, agent) = match &self.flowing.talked {
            Some(talked) => (talked.leg, talked.agent.clone()),
            None => (CALLER, None),
        };
        let agent = agent.unwrap_or_else(|| Arc::from(""));
        self.note(Fact::RatingAsked { leg, agent, queue, by, place, at, turn }, now);
    }

    pub(super) fn rating(&mut self, mut rating: Rating, event: Event, desk: &mut Desk<'_>, now: Mono) {
        match (rating.stage, event) {
            (Stage::Wrong { play }, Event::Played { play: ended }) if play == ended => {
                self.ask_rating_again(rating, now);
            }
            (Stage::Question { play }, Event::Played { play: ended }) if play == ended => {
                self.disarm(Timer::Prompt);
                self.arm(Timer::Key, now + rating.survey.key_ms);
                rating.stage = Stage::Keys;
                self.state = State::Rating(Box::new(rating));
            }
            (Stage::Thanks { play }, Event::Played { play: ended }) if play == ended => {
                self.disarm(Timer::Prompt);
                self.go_on_from_rating(rating.next, desk, now);
            }
            (Stage::Question { .. } | Stage::Keys, Event::Digit { leg: CALLER, digit }) => {
                self.rated(rating, digit, desk, now);
            }
            (_, other) => {
                self.state = State::Rating(Box::new(rating));
                self.take_ending(other, desk, now);
            }
        }
    }

    fn ask_rating_again(&mut self, mut rating: Rating, now: Mono) {
        let play = self.prompt(rating.survey.prompt.clone(), now);
        rating.stage = Stage::Question { play };
        self.state = State::Rating(Box::new(rating));
    }

    fn rated(&mut self, mut rating: Rating, key: Key, desk: &mut Desk<'_>, now: Mono) {
        self.disarm(Timer::Key);
        if matches!(rating.stage, Stage::Question { .. }) {
            self.actions.push_back(Action::StopPlay { leg: CALLER });
        }
        if let Some(score) = score(key.0) {
            self.note(Fact::Rated { score }, now);
            let play = self.prompt(rating.survey.thanks.clone(), now);
            rating.stage = Stage::Thanks { play };
            self.state = State::Rating(Box::new(rating));
            return;
        }
        rating.tries += 1;
        if rating.tries >= rating.survey.tries {
            return self.give_up_asking(rating, Unrated::WrongKey, desk, now);
        }
        let play = self.prompt(rating.survey.wrong_prompt.clone(), now);
        rating.stage = Stage::Wrong { play };
        self.state = State::Rating(Box::new(rating));
    }

    /// No key came in time.
    pub(super) fn rating_unheard(&mut self, mut rating: Rating, desk: &mut Desk<'_>, now: Mono) {
        rating.tries += 1;
        if rating.tries >= rating.survey.tries {
            return self.give_up_asking(rating, Unrated::NoKey, desk, now);
        }
        self.ask_rating_again(rating, now);
    }

    fn give_up_asking(&mut self, rating: Rating, why: Unrated, desk: &mut Desk<'_>, now: Mono) {
        self.disarm(Timer::Prompt);
        self.note(Fact::NotRated { why }, now);
        self.message_in_place(&rating.survey, now);
        self.go_on_from_rating(rating.next, desk, now);
    }

    /// Behind the question: the flow, or the end, which is that of who talked.
    fn go_on_from_rating(&mut self, next: Option<StepNo>, desk: &mut Desk<'_>, now: Mono) {
        match next {
            Some(next) => self.walk(next, desk, now),
            None if self.has_talked() => self.hang_up(Cause::HangUp, Party::Target, now, desk, now),
            None => {
                let cause = self.end_of_flow(Cause::FlowHangUp);
                self.close_refused(cause, desk, now);
            }
        }
    }

    /// The call ends: whoever was being asked gave no rating, and a caller who hung up before it could be asked is sent
    /// a message, where the queue has one.
    pub(super) fn rating_ends(&mut self, by: Party, desk: &mut Desk<'_>, now: Mono) {
        match &self.state {
            State::Rating(rating) if !matches!(rating.stage, Stage::Thanks { .. }) => {
                let survey = rating.survey.clone();
                self.note(Fact::NotRated { why: Unrated::CallOver }, now);
                self.message_in_place(&survey, now);
            }
            State::Talking { leg } if by == Party::Caller => {
                let leg = *leg;
                let survey = self.survey_of_queue(desk.tenant).filter(|survey| survey.sms.is_some());
                let due = survey.filter(|survey| self.may_be_asked(survey, desk.tenant, now).is_ok());
                if let Some(survey) = due.filter(|_| self.is_mobile()) {
                    self.talked_with(leg);
                    self.note_asked(AskedBy::Message, desk, now);
                    self.message_in_place(&survey, now);
                }
            }
            _ => {}
        }
    }

    fn is_mobile(&self) -> bool {
        matches!(Address::parse(&self.caller), Some(Address::Mobile(_)))
    }

    fn message_in_place(&mut self, survey: &Survey, now: Mono) {
        if let Some(words) = survey.sms.as_deref().filter(|_| self.is_mobile()) {
            let text = message::fill(words, &self.caller, self.hotline.number, self.wall(self.started));
            self.note(Fact::MessageWanted { to: self.caller.as_str().into(), text: text.into() }, now);
        }
    }
}
