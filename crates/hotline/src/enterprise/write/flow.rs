//! A flow, written.

use super::{Fields, flag, list, number, text, texts, word};
use crate::enterprise::http::LIMIT_MS;
use crate::enterprise::read::{
    FORM, GREETING, MESSAGE_S, MESSAGE_SILENCE_S, METHODS, MODES, NOTICES, STICKY, WAITS,
};
use crate::enterprise::{
    AskKind, Exit, Expectation, FlowAsk, FlowCallback, FlowDocument, FlowHttp, FlowQueue, FlowStep,
    FlowStepKind, FlowTest, Json, Key, NamedCode, NoticeOf, Operand, ShareMode, Sticky, Tree, Value,
};
use crate::queue::Scene;

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
        FlowStepKind::Percentage { mode, sticky, shares } => {
            let percents =
                shares.iter().fold(Fields::new(), |map, share| map.with(&share.name, number(share.percent)));
            let exits: Vec<_> = shares.iter().map(|share| (share.name.as_str(), Some(&share.exit))).collect();
            fields
                .with("shares", percents.map())
                .unless(*mode == ShareMode::Exact, "mode", || word(&MODES, *mode))
                .unless(*sticky == Sticky::Nobody, "sticky", || word(&STICKY, *sticky))
                .exits(&exits)
        }
        FlowStepKind::Dial { target, busy, no_answer, after, ringback } => fields
            .with("target", text(target))
            .maybe("ringback", ringback.as_ref().map(super::ringback))
            .exits(&[("busy", busy.as_ref()), ("no_answer", no_answer.as_ref()), ("after", after.as_ref())]),
        FlowStepKind::Flow { flow, next } => {
            fields.with("flow", text(flow)).exits(&[("next", next.as_ref())])
        }
        FlowStepKind::HangUp { prompt } => fields.maybe("prompt", prompt.as_deref().map(text)).map(),
        FlowStepKind::Busy => fields.map(),
        FlowStepKind::Queue(queue) => queue_fields(fields, queue),
        FlowStepKind::Http(http) => http_fields(fields, http),
        FlowStepKind::Callback(callback) => callback_fields(fields, callback),
        FlowStepKind::Sms { to, text: words, next } => fields
            .maybe("to", to.as_deref().map(text))
            .with("text", text(words))
            .exits(&[("next", Some(next))]),
        FlowStepKind::Voicemail { prompt, seconds_max, silence_s, next } => fields
            .unless(prompt == GREETING, "prompt", || text(prompt))
            .unless(*seconds_max == MESSAGE_S, "seconds_max", || number(*seconds_max))
            .unless(*silence_s == MESSAGE_SILENCE_S, "silence_seconds", || number(*silence_s))
            .exits(&[("next", next.as_ref())]),
        FlowStepKind::Satisfaction { asks, next } => {
            super::queues::survey(fields, asks).exits(&[("next", next.as_ref())])
        }
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
        ("after", queue.after.as_ref()),
        ("spill", queue.spill.as_ref()),
    ]);
    fields
        .with("queue", text(&queue.queue))
        .unless(!queue.around_the_clock, "around_the_clock", || flag(true))
        .exits(&exits)
}

fn callback_fields(fields: Fields, callback: &FlowCallback) -> Tree {
    let usual = FlowCallback::new("");
    let prompt = |written: &String, usual: &String| (written != usual).then(|| text(written));
    fields
        .unless(callback.own == usual.own, "own", || flag(callback.own))
        .unless(callback.confirm == usual.confirm, "confirm", || flag(callback.confirm))
        .maybe("prompt", prompt(&callback.prompt, &usual.prompt))
        .maybe("wrong_prompt", prompt(&callback.wrong_prompt, &usual.wrong_prompt))
        .maybe("accepted", prompt(&callback.accepted, &usual.accepted))
        .unless(callback.tries == usual.tries, "tries", || number(callback.tries))
        .unless(callback.timeout_s == usual.timeout_s, "timeout_seconds", || number(callback.timeout_s))
        .exits(&[("next", callback.next.as_ref()), ("failed", Some(&callback.failed))])
}

fn http_fields(fields: Fields, http: &FlowHttp) -> Tree {
    let map = |pairs: &[(String, String)]| {
        pairs.iter().fold(Fields::new(), |map, (name, value)| map.with(name, text(value))).map()
    };
    let mut exits: Vec<(&str, Option<&Exit>)> =
        http.statuses.iter().map(|(status, exit)| (status.as_str(), Some(exit))).collect();
    exits.extend([("next", Some(&http.next)), ("error", Some(&http.error))]);
    fields
        .unless(http.method == crate::flow::Method::Get, "method", || word(&METHODS, http.method))
        .with("url", text(&http.url))
        .unless(http.headers.is_empty(), "headers", || map(&http.headers))
        .maybe("body", http.body.as_ref().map(json))
        .unless(http.limit_ms == LIMIT_MS, "limit_ms", || number(http.limit_ms))
        .unless(http.take.is_empty(), "take", || map(&http.take))
        .unless(!http.music, "wait", || word(&WAITS, http.music))
        .exits(&exits)
}

fn json(written: &Json) -> Tree {
    let value = match written {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Number(number.clone()),
        Json::Text(text) => Value::Text(text.clone()),
        Json::List(items) => Value::List(items.iter().map(json).collect()),
        Json::Map(fields) => {
            let field = |(name, value): &(String, Json)| (Key { line: 0, text: name.clone() }, json(value));
            Value::Map(fields.iter().map(field).collect())
        }
    };
    Tree::new(0, value)
}

fn test(written: &FlowTest) -> Tree {
    let Expectation { path, answered_by, cause } = &written.expect;
    let Scene { agents, waiting } = &written.scene;
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
        .unless(written.http.is_empty(), "http", || texts(&written.http))
        .unless(agents.is_empty(), "agents", || {
            agents.iter().fold(Fields::new(), |map, (agent, state)| map.with(agent, text(state.code()))).map()
        })
        .unless(waiting.is_empty(), "waiting", || {
            waiting.iter().fold(Fields::new(), |map, (queue, count)| map.with(queue, number(count))).map()
        })
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
