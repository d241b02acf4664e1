//! A flow, written.

use super::{Fields, flag, list, number, text, texts, word};
use crate::enterprise::read::{FORM, GREETING, MESSAGE_S, MESSAGE_SILENCE_S, MODES, NOTICES};
use crate::enterprise::{
    AskKind, Exit, Expectation, FlowAsk, FlowDocument, FlowQueue, FlowStep, FlowStepKind, FlowTest,
    NamedCode, NoticeOf, Operand, ShareMode, Tree,
};

/// A flow's document as a tree, all on line 0. Its version is not in it.
pub fn write_flow(written: &FlowDocument) -> Tree {
    Fields::new()
        .with("sibai_flow", number(FORM))
        .with("name", text(&written.name))
        .with("start", text(&written.start))
        .with("steps", list(written.steps.iter().map(step)))
        .items("tests", &written.tests, test)
        .map()
}

fn step(written: &FlowStep) -> Tree {
    let fields = Fields::new().with("id", text(&written.id)).with("kind", text(written.kind.word()));
    match &written.kind {
        FlowStepKind::Play { prompt, answer, next } => fields
            .with("prompt", text(prompt))
            .unless(!*answer, "answer", || flag(true))
            .exits(&[("next", Some(next))]),
        FlowStepKind::Ask(ask) => ask_fields(fields, ask),
        FlowStepKind::Set { variable, to, next } => {
            fields.with("variable", text(variable)).operand(to, "from").exits(&[("next", Some(next))])
        }
        FlowStepKind::Condition { of, is, begins, yes, no } => fields
            .operand(of, "variable")
            .unless(is.is_empty(), "is", || texts(is))
            .unless(begins.is_empty(), "begins", || texts(begins))
            .exits(&[("yes", Some(yes)), ("no", Some(no))]),
        FlowStepKind::Hours { schedule, open, closed } => {
            fields.with("schedule", text(schedule)).exits(&[("open", Some(open)), ("closed", Some(closed))])
        }
        FlowStepKind::Region { regions, inside, outside } => fields
            .with("regions", text(regions))
            .exits(&[("inside", Some(inside)), ("outside", Some(outside))]),
        FlowStepKind::Callers { callers, listed, other } => {
            fields.with("callers", text(callers)).exits(&[("listed", Some(listed)), ("other", Some(other))])
        }
        FlowStepKind::Percentage { mode, shares } => {
            let percents =
                shares.iter().fold(Fields::new(), |map, share| map.with(&share.name, number(share.percent)));
            let exits: Vec<_> = shares.iter().map(|share| (share.name.as_str(), Some(&share.exit))).collect();
            fields
                .with("shares", percents.map())
                .unless(*mode == ShareMode::Exact, "mode", || word(&MODES, *mode))
                .exits(&exits)
        }
        FlowStepKind::Dial { target, busy, no_answer } => fields
            .with("target", text(target))
            .exits(&[("busy", busy.as_ref()), ("no_answer", no_answer.as_ref())]),
        FlowStepKind::Flow { flow, next } => {
            fields.with("flow", text(flow)).exits(&[("next", next.as_ref())])
        }
        FlowStepKind::HangUp { prompt } => fields.maybe("prompt", prompt.as_deref().map(text)).map(),
        FlowStepKind::Busy => fields.map(),
        FlowStepKind::Queue(queue) => queue_fields(fields, queue),
        FlowStepKind::Sms { to, text: words, next } => fields
            .maybe("to", to.as_deref().map(text))
            .with("text", text(words))
            .exits(&[("next", Some(next))]),
        FlowStepKind::Voicemail { prompt, seconds_max, silence_s, next } => fields
            .unless(prompt == GREETING, "prompt", || text(prompt))
            .unless(*seconds_max == MESSAGE_S, "seconds_max", || number(*seconds_max))
            .unless(*silence_s == MESSAGE_SILENCE_S, "silence_seconds", || number(*silence_s))
            .exits(&[("next", next.as_ref())]),
        FlowStepKind::Notice { prompt, what, answer, next } => fields
            .with("prompt", text(prompt))
            .unless(*what == NoticeOf::Recording, "of", || word(&NOTICES, *what))
            .unless(!*answer, "answer", || flag(true))
            .exits(&[("next", Some(next))]),
    }
}

fn ask_fields(fields: Fields, ask: &FlowAsk) -> Tree {
    let usual = FlowAsk::new(ask.kind, "", "");
    let is_menu = ask.kind == AskKind::Menu;
    let password =
        |one: &NamedCode| Fields::new().with("name", text(&one.name)).with("code", text(&one.code)).map();
    let fields = fields
        .with("prompt", text(&ask.prompt))
        .maybe("wrong_prompt", ask.wrong_prompt.as_deref().map(text))
        .maybe("timeout_prompt", ask.timeout_prompt.as_deref().map(text))
        .unless(ask.tries == usual.tries, "tries", || number(ask.tries))
        .unless(ask.timeout_s == usual.timeout_s, "timeout_seconds", || number(ask.timeout_s))
        .unless(ask.key_s == usual.key_s, "key_seconds", || number(ask.key_s))
        .unless(ask.barge_in == usual.barge_in, "barge_in", || flag(ask.barge_in))
        .unless(!is_menu || ask.back, "back", || flag(false))
        .unless(!is_menu || ask.repeat, "repeat", || flag(false))
        .unless(ask.digits.0 == usual.digits.0, "digits_min", || number(ask.digits.0))
        .unless(ask.digits.1 == usual.digits.1, "digits_max", || number(ask.digits.1))
        .maybe("variable", ask.variable.as_deref().map(text))
        .unless(ask.secret == usual.secret, "secret", || flag(ask.secret))
        .items("passwords", &ask.passwords, password);
    let mut exits: Vec<(&str, Option<&Exit>)> =
        ask.keys.iter().map(|(keys, exit)| (keys.as_str(), Some(exit))).collect();
    exits.push(("next", ask.next.as_ref()));
    match ask.kind {
        AskKind::Password => exits.push(("failed", Some(&ask.wrong))),
        AskKind::Menu | AskKind::Digits | AskKind::Extension if ask.timeout == ask.wrong => {
            exits.push(("default", Some(&ask.wrong)));
        }
        AskKind::Menu | AskKind::Digits | AskKind::Extension => {
            exits.extend([("timeout", Some(&ask.timeout)), ("wrong_key", Some(&ask.wrong))]);
        }
    }
    fields.exits(&exits)
}

fn queue_fields(fields: Fields, queue: &FlowQueue) -> Tree {
    let mut exits: Vec<(&str, Option<&Exit>)> =
        queue.keys.iter().map(|(key, exit)| (key.as_str(), Some(exit))).collect();
    exits.extend([
        ("full", Some(&queue.full)),
        ("empty", Some(&queue.empty)),
        ("left_empty", queue.left_empty.as_ref()),
        ("timeout", Some(&queue.timeout)),
    ]);
    fields
        .with("queue", text(&queue.queue))
        .unless(!queue.around_the_clock, "around_the_clock", || flag(true))
        .exits(&exits)
}

fn test(written: &FlowTest) -> Tree {
    let Expectation { path, answered_by, cause } = &written.expect;
    let expect = Fields::new()
        .unless(path.is_empty(), "path", || texts(path))
        .maybe("answered_by", answered_by.as_deref().map(text))
        .maybe("cause", cause.as_deref().map(text));
    Fields::new()
        .with("name", text(&written.name))
        .with("from", text(&written.from))
        .with("at", text(&written.at))
        .unless(written.keys.is_empty(), "keys", || texts(&written.keys))
        .unless(written.busy.is_empty(), "busy", || texts(&written.busy))
        .unless(written.no_answer.is_empty(), "no_answer", || texts(&written.no_answer))
        .unless(written.rejects.is_empty(), "rejects", || texts(&written.rejects))
        .with("expect", expect.map())
        .map()
}

impl Fields {
    /// The exits that are there; none of them is no field.
    fn exits(self, exits: &[(&str, Option<&Exit>)]) -> Tree {
        let there = exits.iter().filter_map(|(name, exit)| Some((*name, (*exit)?)));
        let map = there.fold(Self::new(), |map, (name, exit)| map.with(name, text(exit)));
        self.unless(map.0.is_empty(), "exits", || map.map()).map()
    }

    fn operand(self, operand: &Operand, variable: &str) -> Self {
        match operand {
            Operand::Text(value) => self.with("value", text(value)),
            Operand::Variable(name) => self.with(variable, text(name)),
            Operand::Fact(fact) => self.with("fact", text(fact.word())),
        }
    }
}
