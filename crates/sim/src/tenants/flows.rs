//! A flow with menus, digits, an extension number and a sub-flow, such as people draw them; and what they change of it.

use hotline::enterprise::{
    AskKind, Enterprise, Exit, FlowAsk, FlowCallback, FlowDocument, FlowHttp, FlowQueue, FlowShare, FlowStep,
    FlowStepKind, Json, NoticeOf, Operand, Queue, RETURN, ShareMode, Sticky,
};
use hotline::flow::Method;

use crate::dice::Dice;

/// The name of the flow that a number walks.
pub const MAIN: &str = "main";

/// The prompts behind which callers press keys.
pub const ASKED: [&str; 7] =
    ["main_menu", "second_menu", "enter_extension", "enter_card", MUSIC, "satisfaction", "callback_number"];

/// The music of the queue that a flow leads to: keys lead out of it.
const MUSIC: &str = "queue_music";

/// The key of that queue that leads to a callback.
pub const CALL_ME_BACK: u8 = b'7';

/// The flows of an enterprise.
pub fn flows(dice: &mut Dice) -> Vec<FlowDocument> {
    let inner = vec![
        step(
            "when",
            FlowStepKind::Hours { schedule: "day".into(), open: RETURN.into(), closed: "second".into() },
        ),
        step("second", ask(AskKind::Menu, "second_menu", &[("1", RETURN), ("9", "bye")], "bye", dice)),
        step("bye", FlowStepKind::HangUp { prompt: Some("closed".into()) }),
    ];
    let mut steps = main(dice);
    // By dice of their own: worlds in which nobody outside is asked live as they always did.
    let mut own = dice.clone();
    if own.chance(500) {
        ask_outside(&mut steps, &mut own);
    }
    vec![flow(MAIN, "hello", steps), flow("by day", "when", inner)]
}

/// Behind a card's number its customer's level is asked for.
fn ask_outside(steps: &mut Vec<FlowStep>, dice: &mut Dice) {
    let card = steps.iter_mut().find(|step| step.id == "card");
    if let Some(FlowStepKind::Ask(card)) = card.map(|step| &mut step.kind) {
        card.next = Some("crm".into());
    }
    let crm = FlowHttp {
        method: Method::Post,
        body: Some(Json::Map(vec![("card".into(), Json::Text("${card}".into()))])),
        limit_ms: dice.within(100, 10_000) as u32,
        take: vec![("card".into(), "level".into())],
        music: dice.chance(500),
        statuses: vec![("404".into(), "menu2".into()), ("3xx".into(), "last".into())],
        ..FlowHttp::new("https://crm.example.cn/${caller}", "gold", "deal")
    };
    steps.push(step("crm", FlowStepKind::Http(Box::new(crm))));
}

fn main(dice: &mut Dice) -> Vec<FlowStep> {
    let keys = [("1", "first"), ("2", "day"), ("3", "card"), ("7", "extension"), ("9", "deal")];
    let mut card = ask(AskKind::Digits, "enter_card", &[], "all", dice);
    if let FlowStepKind::Ask(card) = &mut card {
        (card.next, card.digits, card.variable) = (Some("gold".into()), (1, 3), Some("card".into()));
        card.secret = dice.chance(500);
    }
    let (of, begins) = (Operand::Variable("card".into()), vec!["1".into()]);
    let first = *dice.pick(&[50u8, 60, 99]);
    let share = |name: &str, percent| FlowShare { name: name.into(), percent, exit: name.into() };
    let shares = vec![share("all", first), share("last", 100 - first)];
    vec![
        step(
            "hello",
            FlowStepKind::Play { prompt: "welcome".into(), answer: dice.chance(500), next: "menu".into() },
        ),
        step("menu", ask(AskKind::Menu, "main_menu", &keys, "all", dice)),
        step("day", FlowStepKind::Flow { flow: "by day".into(), next: Some("all".into()) }),
        step("card", card),
        step(
            "gold",
            FlowStepKind::Condition { of, is: Vec::new(), begins, yes: "first".into(), no: "deal".into() },
        ),
        step(
            "extension",
            ask(
                AskKind::Extension,
                "enter_extension",
                &[("11", "first"), ("1", "last"), ("232", "day")],
                "menu2",
                dice,
            ),
        ),
        step("deal", FlowStepKind::Percentage { mode: ShareMode::Exact, sticky: Sticky::Nobody, shares }),
        step(
            "menu2",
            ask(AskKind::Menu, "second_menu", &[("1", "all"), ("2", "menu"), ("3", "last")], "last", dice),
        ),
        step("first", dial("first", Some("menu2"))),
        step("all", dial("all", None)),
        step("last", dial("last", None)),
    ]
}

/// Lets callers keep the shares that flows deal (row I10).
pub fn keep_shares(enterprise: &mut Enterprise) {
    for step in enterprise.flows.iter_mut().flat_map(|flow| &mut flow.steps) {
        if let FlowStepKind::Percentage { sticky, .. } = &mut step.kind {
            *sticky = Sticky::Caller;
        }
    }
}

/// Lets the flow of an enterprise lead into a queue of its own, out of which keys lead, and tell the recording notice on one
/// of its ways.
pub fn wait_in(enterprise: &mut Enterprise, like: &Queue) {
    let Some(main) = enterprise.flows.first_mut() else { return };
    let queue = Queue { name: "line".into(), music: Some(MUSIC.into()), ..like.clone() };
    let keys = [("1", "menu2"), ("3", "wait"), ("9", "last"), ("0", "menu"), ("#", "told"), ("7", "back")];
    let wait = FlowQueue {
        queue: queue.name.clone(),
        around_the_clock: true,
        full: "last".into(),
        empty: "told".into(),
        left_empty: Some("menu2".into()),
        timeout: "message".into(),
        keys: keys.iter().map(|(key, exit)| ((*key).into(), (*exit).into())).collect(),
        after: like.satisfaction.as_ref().map(|_| "rate".into()),
        spill: like.spill.map(|_| "message".into()),
    };
    if let Some(asks) = like.satisfaction.clone() {
        let asks = FlowStepKind::Satisfaction { asks: Box::new(asks), next: None };
        main.steps.push(step("rate", asks));
    }
    let told = FlowStepKind::Notice {
        prompt: "recording_notice".into(),
        what: NoticeOf::Recording,
        answer: false,
        next: "all".into(),
    };
    let message = FlowStepKind::Voicemail {
        prompt: "voicemail_greeting".into(),
        seconds_max: 25,
        silence_s: 6,
        next: Some("menu2".into()),
    };
    // Half of them take the caller's own number, where they call back by themselves.
    let own = queue.callback.as_ref().is_some_and(|told| told.after_s % 2 == 0);
    let back = FlowCallback { own, confirm: own, next: Some("wait".into()), ..FlowCallback::new("menu2") };
    main.steps.push(step("back", FlowStepKind::Callback(Box::new(back))));
    main.steps.push(step("message", message));
    main.steps.extend([step("wait", FlowStepKind::Queue(Box::new(wait))), step("told", told)]);
    for step in &mut main.steps {
        if let FlowStepKind::Ask(ask) = &mut step.kind
            && step.id == "menu"
        {
            ask.keys
                .iter_mut()
                .filter(|(key, _)| key == "9" || key == "2")
                .for_each(|(_, to)| *to = "wait".into());
            (ask.wrong, ask.timeout) = ("wait".into(), "told".into());
        }
    }
    if like.callback.as_ref().is_some_and(|told| told.dial.is_some()) {
        // Whoever is to be called back was told of it: these callers wait first.
        main.start = "wait".into();
    }
    enterprise.queues.push(queue);
}

fn ask(kind: AskKind, prompt: &str, keys: &[(&str, &str)], default: &str, dice: &mut Dice) -> FlowStepKind {
    FlowStepKind::Ask(Box::new(FlowAsk {
        tries: dice.within(1, 3) as u8,
        timeout_s: dice.within(2, 8) as u8,
        barge_in: dice.chance(800),
        keys: keys.iter().map(|(keys, exit)| ((*keys).into(), (*exit).into())).collect(),
        ..FlowAsk::new(kind, prompt, default)
    }))
}

fn dial(target: &str, busy: Option<&str>) -> FlowStepKind {
    let busy: Option<Exit> = busy.map(Into::into);
    FlowStepKind::Dial {
        target: target.into(),
        busy: busy.clone(),
        no_answer: busy,
        after: None,
        ringback: None,
    }
}

fn step(id: &str, kind: FlowStepKind) -> FlowStep {
    FlowStep { id: id.into(), kind }
}

fn flow(name: &str, start: &str, steps: Vec<FlowStep>) -> FlowDocument {
    FlowDocument { name: name.into(), version: 1, start: start.into(), steps, tests: Vec::new() }
}

/// Somebody publishes the next version of a flow: key 1 leads elsewhere.
pub fn edit(enterprise: &mut Enterprise, dice: &mut Dice) {
    let Some(flow) = enterprise.flows.first_mut() else { return };
    flow.version += 1;
    let to = *dice.pick(&["first", "all", "last"]);
    for step in &mut flow.steps {
        if let FlowStepKind::Ask(ask) = &mut step.kind
            && step.id == "menu"
        {
            ask.keys[0].1 = to.into();
        }
    }
}
