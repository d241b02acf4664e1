//! A flow's document laid out as steps: each of its steps is one, a flow that it calls follows behind it, once for
//! each place it returns to.

use super::Layout;
use crate::enterprise::{Exit, FlowAsk, FlowDocument, FlowQueue, FlowShare, FlowStepKind, Operand, RETURN};
use crate::flow::{Ask, Match, QueueExits, RequestStep, Source, StepKind, StepNo};
use crate::hotline::{FlowOf, Split};
use crate::{Short, Span};

/// Flows within each other; a document with more of them is refused.
pub(in crate::enterprise) const FLOWS_DEEP_MAX: usize = 8;

/// What a flow's steps need to know while they are laid.
pub(super) struct Place<'a> {
    document: &'a FlowDocument,
    /// Where its first step lies.
    base: StepNo,
    /// Where it returns to.
    back: StepNo,
}

impl Place<'_> {
    /// Where an exit leads; one that leads nowhere returns.
    pub(super) fn step(&self, exit: &Exit) -> StepNo {
        let place = self.document.steps.iter().position(|step| step.id == *exit);
        match place.filter(|_| exit != RETURN).and_then(|place| StepNo::try_from(place).ok()) {
            Some(place) => self.base + place,
            None => self.back,
        }
    }

    fn step_of(&self, exit: Option<&Exit>) -> StepNo {
        exit.map_or(self.back, |exit| self.step(exit))
    }
}

/// A flow that was laid: which, where it returns to, where it begins.
struct Laid<'a> {
    document: &'a FlowDocument,
    back: StepNo,
    first: StepNo,
}

impl<'a> Layout<'a> {
    /// Lays the number's flow: its entry, the end for those who return from it, then its steps and those of the flows
    /// it calls. A flow that nothing carries ends the call.
    pub(super) fn lay_flow(&mut self, name: &str) -> FlowOf {
        let span = self.words.place(name);
        let entry = self.here();
        self.lay(span, StepKind::SubFlow { name: span, next: entry + 1 });
        self.lay(span, StepKind::HangUp { prompt: None });
        let Some(document) = self.flow(name) else { return FlowOf { name: span, version: 0 } };
        let first = self.lay_steps(document, entry + 1, false, 0, &mut Vec::new());
        self.lead(entry, first);
        FlowOf { name: span, version: document.version }
    }

    fn flow(&self, name: &str) -> Option<&'a FlowDocument> {
        let enterprise = self.enterprise;
        enterprise.flows.iter().find(|flow| flow.name == name)
    }

    /// Lets the entry of a flow lead to a step that was laid behind it.
    fn lead(&mut self, entry: StepNo, first: StepNo) {
        if let Some(StepKind::SubFlow { next, .. }) =
            self.steps.get_mut(usize::from(entry)).map(|step| &mut step.kind)
        {
            *next = first;
        }
    }

    /// Lays the steps of a flow and of those it calls; returns where it begins.
    fn lay_steps(
        &mut self,
        document: &'a FlowDocument,
        back: StepNo,
        is_called: bool,
        depth: usize,
        laid: &mut Vec<Laid<'a>>,
    ) -> StepNo {
        let place = Place { document, base: self.here(), back };
        let mut called: Vec<(StepNo, &'a str, StepNo)> = Vec::new();
        for step in &document.steps {
            let id = match is_called {
                true => self.words.place(&format!("{}/{}", document.name, step.id)),
                false => self.words.place(&step.id),
            };
            if let FlowStepKind::Flow { flow, next } = &step.kind {
                called.push((self.here(), flow, place.step_of(next.as_ref())));
            }
            if let FlowStepKind::Percentage { shares, .. } = &step.kind {
                self.split(document, &step.id, shares);
            }
            let kind = self.flow_kind(&step.kind, &place);
            self.lay(id, kind);
        }
        for (entry, name, back) in called {
            let Some(document) = self.flow(name).filter(|_| depth < FLOWS_DEEP_MAX) else { continue };
            let same = |one: &&Laid<'_>| std::ptr::eq(one.document, document) && one.back == back;
            let first = match laid.iter().find(same) {
                Some(one) => one.first,
                None => {
                    let first = self.lay_steps(document, back, true, depth + 1, laid);
                    laid.push(Laid { document, back, first });
                    first
                }
            };
            self.lead(entry, first);
        }
        place.step(&document.start)
    }

    /// Keeps what the percentage step and its shares are called that is laid next.
    fn split(&mut self, document: &FlowDocument, id: &str, shares: &[FlowShare]) {
        let split = Split {
            place: self.here(),
            flow: self.words.place(&document.name),
            version: document.version,
            step: self.words.place(id),
            arms: shares.iter().map(|share| self.words.place(&share.name)).collect(),
        };
        self.splits.push(split);
    }

    fn flow_kind(&mut self, kind: &FlowStepKind, place: &Place<'_>) -> StepKind {
        match kind {
            FlowStepKind::Play { prompt, answer, next } => {
                StepKind::Play { prompt: self.words.place(prompt), answer: *answer, next: place.step(next) }
            }
            FlowStepKind::Ask(ask) => StepKind::Ask { ask: Box::new(self.ask(ask, place)) },
            FlowStepKind::Set { variable, to, next } => StepKind::Set {
                name: self.words.place(variable),
                slot: self.slot(variable),
                to: self.source(to),
                next: place.step(next),
            },
            FlowStepKind::Condition { of, is, begins, yes, no } => StepKind::Compare {
                name: self.operand_name(of),
                matching: Box::new(Match {
                    of: self.source(of),
                    is: is.iter().map(|value| self.words.place(value)).collect(),
                    begins: begins.iter().map(|value| self.words.place(value)).collect(),
                }),
                yes: place.step(yes),
                no: place.step(no),
            },
            FlowStepKind::Hours { schedule, open, closed } => StepKind::Hours {
                name: self.words.place(schedule),
                schedule: self.schedule(schedule),
                open: place.step(open),
                closed: place.step(closed),
            },
            FlowStepKind::Region { regions, inside, outside } => StepKind::Region {
                name: self.words.place(regions),
                set: self.regions(regions),
                inside: place.step(inside),
                outside: place.step(outside),
            },
            FlowStepKind::Callers { callers, listed, other } => StepKind::Caller {
                name: self.words.place(callers),
                list: self.callers(callers),
                listed: place.step(listed),
                other: place.step(other),
            },
            FlowStepKind::Percentage { mode, sticky, shares } => {
                let shares: Short<_, 8> =
                    shares.iter().map(|share| (share.percent, place.step(&share.exit))).collect();
                StepKind::Percentage { mode: *mode, sticky: *sticky, shares }
            }
            FlowStepKind::Dial { target, busy, no_answer, after, ringback } => {
                self.tone(ringback.as_ref());
                let exit = |exit: &Option<Exit>| exit.as_ref().map(|exit| place.step(exit));
                let (busy, no_answer, after) = (exit(busy), exit(no_answer), exit(after));
                StepKind::Reach { group: self.group(target), busy, no_answer, after }
            }
            FlowStepKind::Flow { flow, next } => {
                StepKind::SubFlow { name: self.words.place(flow), next: place.step_of(next.as_ref()) }
            }
            FlowStepKind::HangUp { prompt } => {
                StepKind::HangUp { prompt: prompt.as_deref().map(|prompt| self.words.place(prompt)) }
            }
            FlowStepKind::Busy => StepKind::Busy,
            FlowStepKind::Queue(queue) => self.queue(queue, place),
            FlowStepKind::Callback(callback) => StepKind::Callback {
                request: Box::new(RequestStep {
                    own: callback.own,
                    confirm: callback.confirm,
                    prompt: callback.prompt.as_str().into(),
                    wrong_prompt: callback.wrong_prompt.as_str().into(),
                    accepted: callback.accepted.as_str().into(),
                    tries: callback.tries,
                    first_key_ms: u64::from(callback.timeout_s) * 1_000,
                    next: callback.next.as_ref().map(|next| place.step(next)),
                    failed: place.step(&callback.failed),
                }),
            },
            FlowStepKind::Http(http) => StepKind::Http { http: Box::new(self.http(http, place)) },
            FlowStepKind::Sms { to, text, next } => StepKind::Sms {
                to: to.as_deref().map(|to| self.words.place(to)),
                text: self.words.place(text),
                next: place.step(next),
            },
            FlowStepKind::Voicemail { prompt, seconds_max, silence_s, next } => {
                let next = next.as_ref().map(|next| place.step(next));
                self.voicemail(prompt, *seconds_max, *silence_s, next)
            }
            FlowStepKind::Satisfaction { asks, next } => StepKind::Rate {
                survey: Box::new(asks.compile()),
                next: next.as_ref().map(|next| place.step(next)),
            },
            FlowStepKind::Notice { prompt, what, answer, next } => StepKind::Notice {
                prompt: self.words.place(prompt),
                what: *what,
                answer: *answer,
                next: place.step(next),
            },
        }
    }

    fn ask(&mut self, ask: &FlowAsk, place: &Place<'_>) -> Ask {
        let mut prompt = |prompt: &Option<String>| prompt.as_deref().map(|prompt| self.words.place(prompt));
        let (wrong_prompt, timeout_prompt) = (prompt(&ask.wrong_prompt), prompt(&ask.timeout_prompt));
        Ask {
            kind: ask.kind,
            prompt: self.words.place(&ask.prompt),
            wrong_prompt,
            timeout_prompt,
            tries: ask.tries,
            first_key_ms: u64::from(ask.timeout_s) * 1_000,
            key_ms: u64::from(ask.key_s) * 1_000,
            barge_in: ask.barge_in,
            back: ask.back,
            repeat: ask.repeat,
            choices: ask.keys.iter().map(|(keys, exit)| (self.words.place(keys), place.step(exit))).collect(),
            passwords: ask.passwords.as_slice().into(),
            digits: ask.digits,
            slot: ask.variable.as_deref().map(|variable| self.slot(variable)),
            secret: ask.secret,
            next: place.step_of(ask.next.as_ref()),
            timeout: place.step(&ask.timeout),
            wrong: place.step(&ask.wrong),
        }
    }

    fn queue(&mut self, written: &FlowQueue, place: &Place<'_>) -> StepKind {
        let key = |(key, exit): &(String, Exit)| Some((*key.as_bytes().first()?, place.step(exit)));
        let exits = QueueExits {
            full: Some(place.step(&written.full)),
            empty: Some(place.step(&written.empty)),
            timeout: Some(place.step(&written.timeout)),
            left_empty: Some(place.step(written.left_empty.as_ref().unwrap_or(&written.empty))),
            keys: written.keys.iter().filter_map(key).collect(),
            after: written.after.as_ref().map(|after| place.step(after)),
            spill: Some(place.step(written.spill.as_ref().unwrap_or(&written.full))),
        };
        StepKind::Queue { queue: self.words.place(&written.queue), exits }
    }

    fn source(&mut self, operand: &Operand) -> Source {
        match operand {
            Operand::Text(text) => Source::Text(self.words.place(text)),
            Operand::Variable(name) => Source::Slot(self.slot(name)),
            Operand::Fact(fact) => Source::Fact(*fact),
        }
    }

    fn operand_name(&mut self, operand: &Operand) -> Span {
        match operand {
            Operand::Text(text) | Operand::Variable(text) => self.words.place(text),
            Operand::Fact(fact) => self.words.place(fact.word()),
        }
    }

    /// The place of a variable: those of one number's flows are one set.
    pub(super) fn slot(&mut self, name: &str) -> u8 {
        let known = self.variables.iter().position(|known| known == name);
        let place = known.unwrap_or_else(|| {
            self.variables.push(name.to_owned());
            self.variables.len() - 1
        });
        u8::try_from(place).unwrap_or(u8::MAX)
    }
}
