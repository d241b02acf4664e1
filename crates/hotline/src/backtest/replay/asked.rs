//! The caller's part: what it presses and says where it is asked, as it did at the same step.

use std::collections::VecDeque;

use super::{At, Due, Run};
use crate::backtest::Unknown;
use crate::backtest::recorded::{Ends, Part, Recorded};
use crate::call::{CALLER, Dated, Event, Fact, Key, MessageEnd, Stands};
use crate::callback::{NotWanted, callable};
use crate::enterprise::AskKind;
use crate::satisfaction::{AskedBy, Unrated};

/// How long a caller takes for a key where the log does not say.
const KEY_MS: u64 = 3_000;

/// What the caller does at a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// After so many milliseconds at the step.
    ms: u64,
    /// Its place in the log.
    place: usize,
    keys: Keys,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Keys {
    /// It presses these.
    Pressed(String),
    /// Nothing.
    None,
    /// Keys that are told nowhere, and were wrong.
    Wrong,
    /// Keys that are told nowhere, and were right.
    Right,
    /// The password of this name.
    Password(String),
    /// The key that it is told.
    Told,
}

/// What the caller did at a question, one attempt after the other.
pub(super) fn attempts(recorded: &Recorded, part: usize) -> VecDeque<Attempt> {
    let part = &recorded.parts[part];
    let mut attempts: VecDeque<Attempt> = VecDeque::new();
    let mut led_on = None;
    for (place, Dated { at, fact }) in recorded.facts(part).skip(1) {
        let ms = at.since_ms(part.at);
        // Where keys are told, what came of them is noted in the same instant.
        let told = attempts.back().is_some_and(|last| last.ms == ms && matches!(last.keys, Keys::Pressed(_)));
        let keys = match fact {
            Fact::KeyPressed { keys, .. } => Keys::Pressed(keys.to_string()),
            Fact::KeyAwaited { .. } => Keys::None,
            Fact::KeysWrong { .. } if !told => Keys::Wrong,
            Fact::PasswordGiven { name, .. } if !told => Keys::Password(name.clone()),
            Fact::ChallengePassed { .. } => Keys::Told,
            Fact::Walked(_) => {
                led_on = led_on.or(Some((ms, place)));
                continue;
            }
            _ => continue,
        };
        attempts.push_back(Attempt { ms, place, keys });
    }
    let behind = recorded.log.get(part.to).filter(|next| matches!(next.fact, Fact::Walked(_)));
    let led_on = led_on.or_else(|| behind.map(|next| (next.at.since_ms(part.at), part.to)));
    if let Some((ms, place)) = led_on.filter(|(ms, _)| attempts.back().is_none_or(|last| last.ms < *ms)) {
        attempts.push_back(Attempt { ms, place, keys: Keys::Right });
    }
    attempts
}

impl Run<'_> {
    fn here(&self) -> Option<Part> {
        self.part.map(|part| self.recorded.parts[part].clone())
    }

    fn step_name(&self) -> String {
        let log = self.call.log().iter().rev();
        let mut walked = log.filter_map(|dated| match &dated.fact {
            Fact::Walked(walked) => Some(walked.rule.to_string()),
            _ => None,
        });
        walked.next().unwrap_or_default()
    }

    fn never_asked(&mut self) {
        let step = self.step_name();
        self.unknown(Unknown::NeverAsked { step });
    }

    /// A question begins to be asked: the caller does there what it did next.
    pub(super) fn ask(&mut self) {
        if self.asking || self.due.iter().any(|(_, due)| matches!(due, Due::Attempt | Due::Heard)) {
            return;
        }
        let Some(next) = self.attempts.front() else {
            // It may have left there.
            if !self.due.iter().any(|(_, due)| matches!(due, Due::Ends(_))) {
                self.never_asked();
            }
            return;
        };
        let (ms, place) = (next.ms, next.place);
        if next.keys == Keys::None {
            self.attempts.pop_front();
            let ms = ms.saturating_sub(self.call.first_key_ms());
            return self.later(self.part_at + ms, place, Due::Heard);
        }
        self.later(self.part_at + ms, place, Due::Attempt);
    }

    /// The prompts that ask are over: from now on keys are waited for.
    pub(super) fn hear_out(&mut self, at: &mut At<'_>) {
        self.asking = true;
        while self.call.stands() == Stands::Asking {
            let Some(play) = self.plays.take() else { break };
            self.handle(Event::Played { play }, at);
        }
        self.asking = false;
    }

    /// The caller presses what it pressed.
    pub(super) fn attempt(&mut self, at: &mut At<'_>) {
        let Some(attempt) = self.attempts.pop_front() else { return };
        if self.call.stands() != Stands::Asking {
            return;
        }
        self.hear_out(at);
        let Some(keys) = self.keys(attempt.keys) else {
            let step = self.step_name();
            return self.unknown(Unknown::Secret { step });
        };
        self.asking = true;
        let before = self.call.log().len();
        for digit in keys.bytes().chain([b'#']) {
            if self.stop.is_some() || self.is_judged(before) {
                break;
            }
            self.handle(Event::Digit { leg: CALLER, digit: Key(digit) }, at);
        }
        self.asking = false;
        if self.call.stands() == Stands::Asking && self.stop.is_none() {
            self.ask();
        }
    }

    /// Whether keys led to something.
    fn is_judged(&self, before: usize) -> bool {
        self.call.log()[before..].iter().any(|dated| {
            matches!(
                dated.fact,
                Fact::KeyPressed { .. }
                    | Fact::KeyAwaited { .. }
                    | Fact::KeysWrong { .. }
                    | Fact::PasswordGiven { .. }
                    | Fact::ChallengePassed { .. }
                    | Fact::Walked(_)
                    | Fact::HungUp { .. }
            )
        })
    }

    /// The keys of an attempt; none where nobody knows them.
    fn keys(&mut self, keys: Keys) -> Option<String> {
        let question = self.call.question_asked();
        match keys {
            Keys::Pressed(keys) => Some(keys),
            Keys::None => Some(String::new()),
            Keys::Told => self.call.key_asked().map(|key| char::from(key).to_string()),
            Keys::Password(name) => match question {
                Some(ask) => {
                    ask.passwords.iter().find(|known| known.name == name).map(|known| known.code.clone())
                }
                None => {
                    let bars = self.call.hotline().bars.as_ref();
                    let passwords = &bars?.password()?.passwords;
                    passwords.iter().find(|known| known.name == name).map(|known| known.code.clone())
                }
            },
            Keys::Wrong => match question {
                // A gate takes an end without keys for wrong ones.
                None => Some(String::new()),
                Some(ask) if ask.kind == AskKind::Password => {
                    let length = ask.passwords.iter().map(|known| known.code.len()).max()?;
                    let tried = (b'0'..=b'9').map(|digit| char::from(digit).to_string().repeat(length));
                    tried.into_iter().find(|code| ask.passwords.iter().all(|known| known.code != *code))
                }
                Some(ask) => (ask.kind == AskKind::Digits && ask.digits.0 > 1).then(|| "0".to_owned()),
            },
            Keys::Right => {
                let ask = question.filter(|ask| ask.kind == AskKind::Digits && ask.secret)?;
                let (count, slot) = (usize::from(ask.digits.0), ask.slot);
                self.tainted.extend(slot);
                Some("0".repeat(count))
            }
        }
    }

    /// What is heard around a message takes as long as it did.
    pub(super) fn leaving(&mut self, play: u32) {
        let Some(part) = self.here() else { return self.never_asked() };
        let own = self.call.log().iter().rev().take_while(|dated| !matches!(dated.fact, Fact::Walked(_)));
        let ended = own.into_iter().any(|dated| matches!(dated.fact, Fact::MessageEnded { .. }));
        let began = self.recorded.facts(&part).find_map(|(place, dated)| {
            matches!(dated.fact, Fact::MessageBegan { .. }).then(|| (dated.at.since_ms(part.at), place))
        });
        match (ended, began) {
            (true, _) => {
                let ms = part.until.since_ms(part.at);
                self.later(self.part_at + ms, part.to, Due::Event(Event::Played { play }));
            }
            (false, Some((ms, place))) => {
                self.later(self.part_at + ms, place, Due::Event(Event::Played { play }));
            }
            // It left before it was to speak.
            (false, None) => {}
        }
    }

    /// The caller speaks as long as it did.
    pub(super) fn message_taken(&mut self) {
        let Some(part) = self.here() else { return };
        let ended = self.recorded.facts(&part).find_map(|(place, dated)| match dated.fact {
            Fact::MessageEnded { how } => Some((dated.at.since_ms(part.at), place, how)),
            _ => None,
        });
        let Some((ms, place, how)) = ended else { return };
        let event = match how {
            MessageEnd::Key => Event::Digit { leg: CALLER, digit: Key(b'#') },
            MessageEnd::Quiet => Event::Quiet { leg: CALLER, spoke: true },
            MessageEnd::Empty => Event::Quiet { leg: CALLER, spoke: false },
            MessageEnd::Limit | MessageEnd::CallOver => return,
        };
        self.later(self.part_at + ms, place, Due::Event(event));
    }

    /// The caller rates as it did, whichever step asks.
    pub(super) fn rating(&mut self, play: u32) {
        if !self.call.is_asking() {
            return self.soon(KEY_MS, Event::Played { play });
        }
        let asked = |dated: &Dated| matches!(dated.fact, Fact::RatingAsked { by: AskedBy::Keys, .. });
        let Some(from) = self.recorded.log.iter().position(asked) else { return self.never_asked() };
        let answer = self.recorded.log[from..].iter().find_map(|dated| match dated.fact {
            Fact::Rated { score } => Some(Ok(score)),
            Fact::NotRated { why } => Some(Err(why)),
            _ => None,
        });
        match answer {
            Some(Ok(score)) => {
                self.soon(KEY_MS, Event::Digit { leg: CALLER, digit: Key(b'0' + score.min(9)) });
            }
            Some(Err(Unrated::NoKey)) => self.soon(KEY_MS, Event::Played { play }),
            Some(Err(Unrated::WrongKey)) => self.soon(KEY_MS, Event::Digit { leg: CALLER, digit: Key(b'*') }),
            Some(Err(Unrated::CallOver)) | None => {
                let ends = self.recorded.ended.map_or(Ends::Caller, |(_, _, ends)| ends);
                self.later(self.now + KEY_MS, usize::MAX, Due::Ends(ends));
            }
            Some(Err(Unrated::ShortTalk | Unrated::Lately | Unrated::Before)) => self.never_asked(),
        }
    }

    /// What the caller did at a question for a number that came to nothing, when it did it: no key, or a number that may not be
    /// called. Whether there was such a question.
    fn asked_in_vain(&mut self, part: &Part, play: u32) -> bool {
        let mut prompts: Vec<(u64, usize, Option<&str>)> = Vec::new();
        for (place, dated) in self.recorded.facts(part) {
            let ms = dated.at.since_ms(part.at);
            match &dated.fact {
                Fact::Prompted { prompt, .. } => prompts.push((ms, place, Some(prompt))),
                Fact::CallbackNotWanted { .. } => prompts.push((ms, place, None)),
                // What is heard from here on is no question.
                Fact::CallbackWanted { .. } | Fact::CallbackKnown { .. } => break,
                _ => {}
            }
        }
        let question = prompts.first().and_then(|(.., prompt)| *prompt);
        let here = self.call.log().iter().rev().take_while(|dated| !matches!(dated.fact, Fact::Walked(_)));
        let asks = |dated: &&Dated| matches!(&dated.fact, Fact::Prompted { prompt, .. } if Some(&**prompt) == question);
        let asked = here.filter(asks).count().saturating_sub(1);
        let mut questions = (0..prompts.len()).filter(|place| prompts[*place].2 == question);
        let Some((ms, place, next)) = questions.nth(asked).and_then(|place| prompts.get(place + 1)).copied()
        else {
            return false;
        };
        let at = self.part_at + ms;
        match next {
            // A prompt of its own says that the number was wrong; the last number has none.
            Some(prompt) if Some(prompt) != question => {
                self.later(at, place, Due::Event(Event::Digit { leg: CALLER, digit: Key(b'1') }));
                self.later(at, place, Due::Event(Event::Digit { leg: CALLER, digit: Key(b'#') }));
                true
            }
            _ if question.is_some() && !self.gave_wrong_number(part) => {
                let patience_ms = self.call.first_key_ms();
                let ms = ms.saturating_sub(patience_ms);
                self.later(self.part_at + ms, place, Due::Event(Event::Played { play }));
                true
            }
            _ => false,
        }
    }

    fn gave_wrong_number(&self, part: &Part) -> bool {
        let wrong = |(_, dated): (usize, &Dated)| {
            matches!(dated.fact, Fact::CallbackNotWanted { why: NotWanted::WrongNumber })
        };
        self.recorded.facts(part).any(wrong)
    }

    /// The caller asks to be called back as it did.
    pub(super) fn requesting(&mut self, play: u32, said: Option<&str>) {
        if !self.call.is_asking() {
            return self.soon(KEY_MS, Event::Played { play });
        }
        let Some(part) = self.here() else { return self.never_asked() };
        if said.is_none() && self.asked_in_vain(&part, play) {
            return;
        }
        let own = callable(&self.recorded.arrived.caller);
        let wanted = self.recorded.facts(&part).find_map(|(_, dated)| match &dated.fact {
            Fact::CallbackWanted { number, .. } => Some(Ok(Some(number.to_string()))),
            // Which number that was is told nowhere; most likely the caller's own.
            Fact::CallbackKnown { .. } => Some(Ok(own.clone())),
            Fact::CallbackNotWanted { why } => Some(Err(*why)),
            _ => None,
        });
        let keys = match (wanted, said) {
            (Some(Ok(Some(number))), Some(said)) if number == said => "1".to_owned(),
            (Some(Ok(Some(_))), Some(_)) => "2".to_owned(),
            (Some(Ok(Some(number))), None) => format!("{number}#"),
            (Some(Err(NotWanted::WrongNumber)), Some(_)) => "2".to_owned(),
            (Some(Err(NotWanted::WrongNumber)), None) => "1#".to_owned(),
            (Some(Err(NotWanted::NoKey)), _) => return self.soon(KEY_MS, Event::Played { play }),
            (Some(Err(NotWanted::Before | NotWanted::TooMany) | Ok(None)), _) => return self.never_asked(),
            // It left there, or something else ended the call.
            (None, _) => return,
        };
        for digit in keys.bytes() {
            self.soon(KEY_MS, Event::Digit { leg: CALLER, digit: Key(digit) });
        }
    }
}
