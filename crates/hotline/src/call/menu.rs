//! The questions of a flow: menus, digits, extension numbers, passwords. Keys of a menu are no secret and are noted with
//! their step (row I14); those of a password, and digits unless the flow says so, are compared or kept in a variable of
//! the call and told nowhere.

use std::sync::Arc;

use super::asking::{Asking, Key, Question};
use super::consenting::Chosen;
use super::satisfaction::Talked;
use super::{Call, Desk, Fact};
use crate::cdr::Cause;
use crate::enterprise::{AskKind, NoticeOf};
use crate::flow::{Ask, Slots, StepKind, StepNo, StepWhy, Walked};
use crate::{Mono, Span, message};

/// Questions of one call and waits in queues: whoever walks in circles for longer is cut off.
const QUESTIONS_MAX: u16 = 200;
/// Menus that `*` leads back through.
const BACK_MAX: usize = 32;

/// What a call remembers of the flow it walks.
#[derive(Debug, Default)]
pub(super) struct Flowing {
    /// What its variables hold.
    pub(super) slots: Slots,
    /// The menus it came through, the last one behind.
    menus: Vec<StepNo>,
    /// Questions asked and queues joined so far.
    asked: u16,
    /// Where to go on when nobody is found: after busy, after no answer.
    pub(super) unless_found: (Option<StepNo>, Option<StepNo>),
    /// Where to go on once who answered hung up.
    pub(super) after: Option<StepNo>,
    /// The step that dials, whose own tone is heard while it rings (row I04).
    pub(super) dials: Option<StepNo>,
    /// Whom the caller talked with last.
    pub(super) talked: Option<Talked>,
    /// The recording notice that is being played, and by which playback.
    notice: Option<(u32, Arc<str>)>,
    /// Whether the recording notice was heard to its end; it is told once a call (row I07).
    pub(super) is_noticed: bool,
    /// Whether the caller lets the talk be recorded, where that is asked (row V10).
    pub(super) chosen: Chosen,
}

impl Flowing {
    /// A notice of the flow begins; that of a crisis tells nothing of a recording.
    pub(super) fn begin_notice(&mut self, what: NoticeOf, play: u32, prompt: Arc<str>) {
        self.notice = match what {
            NoticeOf::Recording => Some((play, prompt)),
            NoticeOf::Crisis => None,
        };
    }

    /// One more question, or wait in a queue; whether there were too many.
    pub(super) fn is_endless(&mut self) -> bool {
        self.asked += 1;
        self.asked > QUESTIONS_MAX
    }
}

/// What became of the keys pressed.
enum Verdict {
    /// They are right: the walk goes on here.
    Goes(StepNo),
    /// Back to the menu before.
    Back,
    /// The same again.
    Again,
    /// They are wrong.
    Wrong,
    /// None came.
    None,
}

impl Call {
    /// Asks what a step asks.
    pub(super) fn ask_step(&mut self, step: StepNo, desk: &mut Desk<'_>, now: Mono) {
        let (endless, hotline) = (self.flowing.is_endless(), self.hotline.clone());
        let Some(ask) = question(&hotline.flow.steps, step).filter(|_| !endless) else {
            return self.refuse(Cause::FlowLoop, None, desk, now);
        };
        let prompt = Arc::from(hotline.words.text(ask.prompt));
        // Where a question leads nothing is known: walking on is what it says.
        self.ask(Question::Step(step), prompt, step, desk, now);
    }

    /// A key while a step asks. `None` where it changes nothing yet.
    pub(super) fn step_pressed(&mut self, asking: &mut Asking, step: StepNo, key: Key) -> bool {
        let hotline = self.hotline.clone();
        let Some(ask) = question(&hotline.flow.steps, step) else { return true };
        if ask.kind == AskKind::Menu {
            asking.keys.push(key);
            return true;
        }
        match key.0 {
            b'#' => return true,
            b'*' => asking.keys.clear(),
            b'0'..=b'9' => asking.keys.push(key),
            // Nobody's telephone has the others.
            _ => {}
        }
        if asking.keys.len() >= ask.most(&hotline.words) {
            return true;
        }
        let pressed = text(&asking.keys);
        let found = ask.kind == AskKind::Extension && ask.choice(&hotline.words, &pressed).is_some();
        found && !ask.goes_on(&hotline.words, &pressed)
    }

    /// How long the next key of a step may take.
    pub(super) fn step_patience_ms(&self, step: StepNo, is_first: bool) -> u64 {
        let ask = question(&self.hotline.flow.steps, step);
        ask.map_or(0, |ask| if is_first { ask.first_key_ms } else { ask.key_ms })
    }

    /// Whether a key cuts the prompts of a question.
    pub(super) fn may_barge_in(&self, question_: Question) -> bool {
        match question_ {
            Question::Password | Question::Digit(_) => true,
            Question::Step(step) => question(&self.hotline.flow.steps, step).is_none_or(|ask| ask.barge_in),
        }
    }

    pub(super) fn judge_step(&mut self, mut asking: Asking, step: StepNo, desk: &mut Desk<'_>, now: Mono) {
        let hotline = self.hotline.clone();
        let Some(ask) = question(&hotline.flow.steps, step) else {
            return self.refuse(Cause::FlowLoop, None, desk, now);
        };
        let pressed = text(&asking.keys);
        asking.keys.clear();
        let name = hotline.words.word(hotline.flow.steps[usize::from(step)].rule);
        if !ask.secret && !pressed.is_empty() {
            self.note(Fact::KeyPressed { step: name.clone(), keys: pressed.as_str().into() }, now);
        }
        match self.verdict(ask, &pressed, asking.tries + 1, now) {
            Verdict::Goes(next) => self.leave_question(ask, step, pressed, next, desk, now),
            Verdict::Back => match self.flowing.menus.pop() {
                Some(before) => self.walk(before, desk, now),
                None => self.ask_step(step, desk, now),
            },
            Verdict::Again => self.ask_step(step, desk, now),
            Verdict::Wrong => {
                asking.tries += 1;
                self.note(Fact::KeysWrong { tries: asking.tries }, now);
                self.once_more(asking, ask, ask.wrong_prompt, ask.wrong, desk, now);
            }
            Verdict::None => {
                asking.tries += 1;
                self.note(Fact::KeyAwaited { step: name, tries: asking.tries }, now);
                self.once_more(asking, ask, ask.timeout_prompt, ask.timeout, desk, now);
            }
        }
    }

    fn verdict(&mut self, ask: &Ask, pressed: &str, tries: u8, now: Mono) -> Verdict {
        if pressed.is_empty() {
            return Verdict::None;
        }
        match ask.kind {
            AskKind::Menu | AskKind::Extension => match ask.choice(&self.hotline.words, pressed) {
                Some(next) => Verdict::Goes(next),
                None if ask.kind == AskKind::Menu && pressed == "*" && ask.back => Verdict::Back,
                None if ask.kind == AskKind::Menu && pressed == "#" && ask.repeat => Verdict::Again,
                None => Verdict::Wrong,
            },
            AskKind::Digits if pressed.len() >= usize::from(ask.digits.0) => Verdict::Goes(ask.next),
            AskKind::Digits => Verdict::Wrong,
            AskKind::Password => match ask.passwords.iter().find(|known| known.code == pressed) {
                Some(known) => {
                    self.note(Fact::PasswordGiven { name: known.name.clone(), tries, turn: None }, now);
                    Verdict::Goes(ask.next)
                }
                None => Verdict::Wrong,
            },
        }
    }

    fn leave_question(
        &mut self,
        ask: &Ask,
        step: StepNo,
        pressed: String,
        next: StepNo,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        if ask.kind == AskKind::Menu {
            if self.flowing.menus.len() == BACK_MAX {
                self.flowing.menus.remove(0);
            }
            self.flowing.menus.push(step);
        }
        if let Some(slot) = ask.slot {
            self.flowing.slots.put(slot, pressed);
        }
        self.walk(next, desk, now);
    }

    /// Asks again, or goes on by the exit of who never got it right: never silence (row I11).
    fn once_more(
        &mut self,
        asking: Asking,
        ask: &Ask,
        first: Option<Span>,
        exit: StepNo,
        desk: &mut Desk<'_>,
        now: Mono,
    ) {
        if asking.tries >= ask.tries {
            return self.walk(exit, desk, now);
        }
        let words = self.hotline.words.clone();
        let prompt: Arc<str> = words.text(ask.prompt).into();
        match first {
            Some(first) => self.ask_again(asking, words.text(first).into(), Some(prompt), now),
            None => self.ask_again(asking, prompt, None, now),
        }
    }

    /// The message that a step wants sent, with what is known of the call in its words.
    pub(super) fn message_wanted(&self, walked: &Walked) -> Option<Fact> {
        let (StepWhy::Sms { to, wanted: true }, StepKind::Sms { text, .. }) =
            (&walked.why, &self.hotline.flow.steps.get(usize::from(walked.step))?.kind)
        else {
            return None;
        };
        let words = self.hotline.words.text(*text);
        let at = self.wall(self.started);
        let text = message::fill(words, &self.caller, self.hotline.number, at);
        Some(Fact::MessageWanted { to: Arc::from(to), text: text.into() })
    }

    /// A prompt of the flow was heard to its end: if it was the recording notice, it is not told again. Whether it was.
    pub(super) fn notice_heard(&mut self, play: u32, now: Mono) -> bool {
        let Some((_, prompt)) = self.flowing.notice.take_if(|(playing, _)| *playing == play) else {
            return false;
        };
        self.flowing.is_noticed = true;
        self.note(Fact::Noticed { prompt }, now);
        true
    }

    /// Whether this playback tells the recording notice.
    pub(super) fn tells_notice(&self, play: u32) -> bool {
        self.flowing.notice.as_ref().is_some_and(|(playing, _)| *playing == play)
    }

    /// Where the flow goes on though nobody was found, if its step says; once for each time it dials.
    pub(super) fn unless_found(&mut self, busy: bool) -> Option<StepNo> {
        let (after_busy, after_no_answer) = std::mem::take(&mut self.flowing.unless_found);
        if busy { after_busy } else { after_no_answer }
    }
}

/// The question of a step; places come from the flow itself, so there is one.
fn question(steps: &[crate::flow::Step], step: StepNo) -> Option<&Ask> {
    match &steps.get(usize::from(step))?.kind {
        StepKind::Ask { ask } => Some(ask),
        _ => None,
    }
}

fn text(keys: &[Key]) -> String {
    keys.iter().map(|key| char::from(key.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::HolidayYears;
    use crate::call::{Answers, Arrival, Dated, explain, flow_path};
    use crate::enterprise::{
        AccountKind, Enterprise, FlowAsk, FlowDocument, FlowStep, FlowStepKind, Number, Then, compile,
    };
    use crate::rating::Tariffs;
    use crate::region::RegionTable;
    use crate::routing::Trunks;
    use crate::tenant::Tenant;
    use crate::{Beijing, CallId, HotlineNumber, Now, PlanId, TenantId};

    fn step(id: &str, kind: FlowStepKind) -> FlowStep {
        FlowStep { id: id.into(), kind }
    }

    fn menu(keys: &[(&str, &str)], default: &str) -> FlowStepKind {
        let keys = keys.iter().map(|(keys, exit)| ((*keys).into(), (*exit).into())).collect();
        FlowStepKind::Ask(Box::new(FlowAsk { keys, ..FlowAsk::new(AskKind::Menu, "m", default) }))
    }

    /// The log of a call that walks a flow of these steps and presses these keys, at one question after the other.
    fn log(steps: Vec<FlowStep>, keys: &[&str]) -> Vec<Dated> {
        let number = HotlineNumber::from_suffix(6_010_114).expect("seven digits");
        let walks = Number { flow: Some("main".into()), ..Number::new(number, Then::Busy) };
        let start = steps[0].id.clone();
        let enterprise = Enterprise {
            account: AccountKind::Postpaid,
            flows: vec![FlowDocument { name: "main".into(), version: 4, start, steps, tests: Vec::new() }],
            numbers: vec![walks],
            ..Enterprise::new(TenantId::new("acme"), "Acme", PlanId::new("T1"))
        };
        let at = Beijing::parse("2026-10-12T10:00").expect("a time").wall();
        let arrival = Arrival {
            id: CallId::at(at.0, 0),
            hotline: Arc::new(compile(&enterprise, 1).remove(0)),
            caller: "13800138000".into(),
            withheld: false,
            region: RegionTable::shipped().locate("13800138000"),
            trunk: "north".into(),
            early: Default::default(),
            seed: 1,
            refused: None,
        };
        let answers =
            Answers { keys: keys.iter().map(|keys| (*keys).into()).collect(), ..Answers::default() };
        let (mut tenant, mut trunks, tariffs) = (Tenant::default(), Trunks::default(), Tariffs::shipped());
        let years = HolidayYears::shipped();
        let mut desk = Desk { tenant: &mut tenant, trunks: &mut trunks, tariffs: &tariffs, years };
        explain(arrival, &answers, &mut desk, Now { mono: Mono(86_400_000), wall: at })
            .expect("no floor is set up")
    }

    fn cause(log: &[Dated]) -> Cause {
        let ended = log.iter().find_map(|dated| match &dated.fact {
            Fact::HungUp { cause, .. } => Some(*cause),
            _ => None,
        });
        ended.expect("it ended")
    }

    #[test]
    fn fault_n6_whoever_has_a_menu_said_again_for_ever_is_cut_off() {
        let steps = || {
            vec![
                step("menu", menu(&[("1", "menu")], "end")),
                step("end", FlowStepKind::HangUp { prompt: None }),
            ]
        };
        for key in ["#", "*", "1"] {
            let log = log(steps(), &[key; 300]);
            assert_eq!(cause(&log), Cause::FlowLoop, "{key}");
            let pressed = log.iter().filter(|dated| matches!(dated.fact, Fact::KeyPressed { .. })).count();
            assert_eq!(pressed, usize::from(QUESTIONS_MAX));
        }
        let short = log(steps(), &["#", "*", "1"]);
        assert_eq!(
            (cause(&short), flow_path(&short)),
            (Cause::FlowHangUp, vec!["menu".into(), "menu".into(), "end".into()])
        );
    }

    #[test]
    fn i14_a_secret_is_in_no_fact() {
        let collect = |secret| {
            let ask = FlowAsk {
                digits: (4, 4),
                variable: Some("card".into()),
                secret,
                next: Some("set".into()),
                ..FlowAsk::new(AskKind::Digits, "m", "end")
            };
            let set = FlowStepKind::Set {
                variable: "copy".into(),
                to: crate::enterprise::Operand::Variable("card".into()),
                next: "look".into(),
            };
            let look = FlowStepKind::Condition {
                of: crate::enterprise::Operand::Variable("copy".into()),
                is: vec!["8675".into()],
                begins: Vec::new(),
                yes: "end".into(),
                no: "busy".into(),
            };
            vec![
                step("card", FlowStepKind::Ask(Box::new(ask))),
                step("set", set),
                step("look", look),
                step("end", FlowStepKind::HangUp { prompt: None }),
                step("busy", FlowStepKind::Busy),
            ]
        };
        let told = |secret| {
            let log = log(collect(secret), &["8675"]);
            assert_eq!(cause(&log), Cause::FlowHangUp, "the copy matches");
            log.iter().filter(|dated| format!("{dated:?}").contains("8675")).count()
        };
        assert_eq!((told(true), told(false)), (0, 1));
    }
}
