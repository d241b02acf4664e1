//! A flow in a scenario: `flow NAME STEP` and a line for each step. Ids are single words.

use hotline::enterprise::{
    AskKind, CallerFact, Enterprise, FlowAsk, FlowCallback, FlowDocument, FlowHttp, FlowQueue, FlowShare,
    FlowStep, FlowStepKind, Json, NamedCode, NoticeOf, Operand, ShareMode, Sticky,
};
use hotline::flow::Method;

use super::milliseconds;

/// `flow NAME START`: the number walks the first one; steps that follow are of the last one. One that is there already
/// begins anew, at its next version.
pub(super) fn set_flow(enterprise: &mut Enterprise, rest: &str) -> Option<()> {
    let (name, start) = rest.split_once(' ')?;
    let (name, start) = (name.to_owned(), start.trim().to_owned());
    let version = enterprise.flows.iter().find(|flow| flow.name == name).map_or(0, |flow| flow.version);
    enterprise.flows.retain(|flow| flow.name != name);
    enterprise.numbers[0].flow.get_or_insert(name.clone());
    let flow = FlowDocument { name, version: version + 1, start, steps: Vec::new(), tests: Vec::new() };
    enterprise.flows.push(flow);
    Some(())
}

/// `step ID KIND WORD… [EXIT=STEP]… [TERM=VALUE]…`; one that is there already is replaced.
pub(super) fn set_step(enterprise: &mut Enterprise, rest: &str) -> Option<()> {
    let mut words = rest.split_whitespace();
    let (id, kind) = (words.next()?.to_owned(), words.next()?);
    let words: Vec<&str> = words.collect();
    let step = FlowStep { id, kind: step(kind, &words)? };
    let flow = enterprise.flows.last_mut()?;
    match flow.steps.iter_mut().find(|known| known.id == step.id) {
        Some(known) => *known = step,
        None => flow.steps.push(step),
    }
    Some(())
}

/// `publish`: what was edited of the last flow is its next version.
pub(super) fn publish(enterprise: &mut Enterprise) -> Option<()> {
    enterprise.flows.last_mut()?.version += 1;
    Some(())
}

fn step(kind: &str, words: &[&str]) -> Option<FlowStepKind> {
    let pair = |word: &str| word.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let pairs: Vec<(String, String)> = words.iter().filter_map(|word| pair(word)).collect();
    let exit = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, exit)| exit.clone());
    let first = || words.first().map(|word| (*word).to_owned());
    Some(match kind {
        "play" => FlowStepKind::Play { prompt: first()?, answer: false, next: exit("next")? },
        "menu" => FlowStepKind::Ask(Box::new(ask(AskKind::Menu, words)?)),
        "collect" => FlowStepKind::Ask(Box::new(ask(AskKind::Digits, words)?)),
        "extension" => FlowStepKind::Ask(Box::new(ask(AskKind::Extension, words)?)),
        "password" => FlowStepKind::Ask(Box::new(ask(AskKind::Password, words)?)),
        "set" => {
            FlowStepKind::Set { variable: first()?, to: Operand::Text(exit("value")?), next: exit("next")? }
        }
        "condition" => FlowStepKind::Condition {
            of: match words.first()? {
                &"city" => Operand::Fact(CallerFact::City),
                &"caller" => Operand::Fact(CallerFact::Caller),
                name => Operand::Variable((*name).to_owned()),
            },
            is: exit("is").into_iter().collect(),
            begins: exit("begins").into_iter().collect(),
            yes: exit("yes")?,
            no: exit("no")?,
        },
        "hours" => FlowStepKind::Hours { schedule: first()?, open: exit("open")?, closed: exit("closed")? },
        "share" => {
            let share = |(percent, exit): &(String, String)| {
                Some(FlowShare { name: exit.clone(), percent: percent.parse().ok()?, exit: exit.clone() })
            };
            let shares = pairs.iter().map(share).collect::<Option<_>>()?;
            let sticky = if words.contains(&"sticky") { Sticky::Caller } else { Sticky::Nobody };
            FlowStepKind::Percentage { mode: ShareMode::Exact, sticky, shares }
        }
        "dial" => FlowStepKind::Dial {
            target: first()?,
            busy: exit("busy"),
            no_answer: exit("no_answer"),
            after: exit("after"),
            ringback: exit("tone").as_deref().map(super::tone),
        },
        "flow" => FlowStepKind::Flow { flow: first()?, next: exit("next") },
        "hang_up" => FlowStepKind::HangUp { prompt: first() },
        "busy" => FlowStepKind::Busy,
        "queue" => {
            let is_key = |key: &str| key.len() == 1;
            FlowStepKind::Queue(Box::new(FlowQueue {
                queue: first()?,
                around_the_clock: true,
                full: exit("full").or(exit("default"))?,
                empty: exit("empty").or(exit("default"))?,
                left_empty: exit("left_empty"),
                timeout: exit("timeout").or(exit("default"))?,
                keys: pairs.iter().filter(|(key, _)| is_key(key)).cloned().collect(),
                after: exit("after"),
                spill: exit("spill"),
            }))
        }
        "callback" => FlowStepKind::Callback(Box::new(FlowCallback {
            own: !words.contains(&"other"),
            confirm: words.contains(&"confirm"),
            next: exit("next"),
            ..FlowCallback::new(&exit("failed")?)
        })),
        "http" => FlowStepKind::Http(Box::new(http(words, &pairs)?)),
        "sms" => FlowStepKind::Sms { to: exit("to"), text: exit("text")?, next: exit("next")? },
        "satisfaction" => FlowStepKind::Satisfaction {
            asks: Box::new(super::satisfaction(&words.join("+").replace("next=", "next:"))?),
            next: exit("next"),
        },
        "voicemail" => FlowStepKind::Voicemail {
            prompt: first().filter(|first| !first.contains('=')).unwrap_or("voicemail_greeting".into()),
            seconds_max: exit("max")
                .and_then(|max| Some((milliseconds(&max)? / 1_000) as u16))
                .unwrap_or(120),
            silence_s: 6,
            next: exit("next"),
        },
        "notice" => FlowStepKind::Notice {
            prompt: first()?,
            what: if words.contains(&"crisis") { NoticeOf::Crisis } else { NoticeOf::Recording },
            answer: words.contains(&"answer"),
            next: exit("next")?,
        },
        _ => return None,
    })
}

/// `METHOD URL [body.NAME=TEMPLATE]… [take.VARIABLE=PATH]… [header.NAME=TEMPLATE]… [limit=2s] [music] [STATUS=STEP]… next=STEP
/// error=STEP`. A URL with `=` in it is none here.
fn http(words: &[&str], pairs: &[(String, String)]) -> Option<FlowHttp> {
    let (method, url) = (words.first()?, words.get(1)?);
    let find = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let under = |of: &str| -> Vec<(String, String)> {
        let mine = pairs.iter().filter_map(|(key, value)| Some((key.strip_prefix(of)?, value)));
        mine.map(|(name, value)| (name.to_owned(), value.clone())).collect()
    };
    let body: Vec<_> = under("body.").into_iter().map(|(name, value)| (name, Json::Text(value))).collect();
    let is_status = |key: &str| key.len() == 3 && key.starts_with(|c: char| c.is_ascii_digit());
    Some(FlowHttp {
        method: match *method {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            _ => return None,
        },
        headers: under("header."),
        body: (!body.is_empty()).then_some(Json::Map(body)),
        limit_ms: find("limit").map_or(Some(2_000), |limit| Some(milliseconds(&limit)? as u32))?,
        take: under("take."),
        music: words.contains(&"music"),
        statuses: pairs.iter().filter(|(key, _)| is_status(key)).cloned().collect(),
        ..FlowHttp::new(url, &find("next")?, &find("error")?)
    })
}

/// `PROMPT [KEYS=STEP]… [next=STEP] default=STEP [timeout=STEP] [wrong=STEP] [failed=STEP] [tries=3] [first=8s] [key=5s]
/// [no_barge_in] [said_wrong=PROMPT] [said_timeout=PROMPT] [digits=4] [keep=VARIABLE] [told] [NAME:CODE]…`.
fn ask(kind: AskKind, words: &[&str]) -> Option<FlowAsk> {
    let (prompt, words) = words.split_first()?;
    let mut ask = FlowAsk::new(kind, prompt, "");
    for word in words {
        let Some((key, value)) = word.split_once('=') else {
            match word.split_once(':') {
                Some((name, code)) => {
                    ask.passwords.push(NamedCode { name: name.to_owned(), code: code.to_owned() });
                }
                None if *word == "no_barge_in" => ask.barge_in = false,
                None if *word == "told" => ask.secret = false,
                None => return None,
            }
            continue;
        };
        let seconds = || Some((milliseconds(value)? / 1_000) as u8);
        match key {
            "default" | "failed" => (ask.timeout, ask.wrong) = (value.to_owned(), value.to_owned()),
            "timeout" => ask.timeout = value.to_owned(),
            "wrong" => ask.wrong = value.to_owned(),
            "next" => ask.next = Some(value.to_owned()),
            "tries" => ask.tries = value.parse().ok()?,
            "first" => ask.timeout_s = seconds()?,
            "key" => ask.key_s = seconds()?,
            "said_wrong" => ask.wrong_prompt = Some(value.to_owned()),
            "said_timeout" => ask.timeout_prompt = Some(value.to_owned()),
            "digits" => ask.digits = (value.parse().ok()?, value.parse().ok()?),
            "keep" => ask.variable = Some(value.to_owned()),
            keys => ask.keys.push((keys.replace('p', "#"), value.to_owned())),
        }
    }
    Some(ask)
}
