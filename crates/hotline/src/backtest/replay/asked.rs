//! The caller's part: what it presses and says where it is asked, as it did at the same step.

use std::collections::VecDeque;

use super::{At, Due, Run};
use crate::backtest::Unknown;
use crate::backtest::recorded::{Ends, Part, Recorded, ends};
use crate::call::{CALLER, Dated, Event, Fact, Key, MessageEnd, Stands};
use crate::callback::{NotWanted, callable};
use crate::enterprise::AskKind;
use crate::satisfaction::{AskedBy, Unrated};

/// How long a caller takes for a key where the log does not say.
const KEY_MS: u64 = 3_000;

/// A number that may be called, of which a caller says that it is not the right one.
const SOME_NUMBER: &str = "13900000000";

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

/// What came of a question for the number to call back.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Came {
    /// The next question: nothing was pressed, or a number that was told was not the right one.
    Asked,
    /// The prompt that says that a number was wrong.
    Wrong,
    /// A request for this number, if it is known.
    Wanted(Option<String>),
    NotWanted(NotWanted),
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
        if self.asking
            || self.leaving
            || self.due.iter().any(|(_, due)| matches!(due, Due::Attempt | Due::Heard))
        {
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
        // Nobody waits in vain for less than a key may take: it pressed the key that ends, and nothing before it.
        let waits = self.part_at + ms >= self.now + self.call.first_key_ms();
        if next.keys == Keys::None && waits {
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

    /// The caller rates as it did and when it did, whichever step asks.
    pub(super) fn rating(&mut self, play: u32) {
        let asked = |dated: &Dated| matches!(dated.fact, Fact::RatingAsked { by: AskedBy::Keys, .. });
        let Some(from) = self.recorded.log.iter().position(asked) else { return self.never_asked() };
        let own = self.call.log().iter().rev();
        let own_at = own.clone().find(|dated| asked(dated)).map_or(self.now, |dated| dated.at);
        let behind = |place: usize, of: fn(&Fact) -> bool| {
            (place..self.recorded.log.len()).find(|place| of(&self.recorded.log[*place].fact))
        };
        let answer = behind(from, |fact| matches!(fact, Fact::Rated { .. } | Fact::NotRated { .. }));
        let over =
            behind(answer.unwrap_or(from), |fact| matches!(fact, Fact::Walked(_) | Fact::HungUp { .. }));
        let asked_at = self.recorded.log[from].at;
        let at = |place: usize| own_at + self.recorded.log[place].at.since_ms(asked_at);
        let ends_it = over.and_then(|place| Some((at(place), place, ends(&self.recorded.log[place].fact)?)));
        let ends_it = ends_it.filter(|(.., ends)| *ends != Ends::Target);
        if !self.call.is_asking() {
            let is_rated =
                own.take_while(|dated| !asked(dated)).any(|dated| matches!(dated.fact, Fact::Rated { .. }));
            return match (is_rated, ends_it, over) {
                // It is asked once more, and does then what it did last.
                (false, ..) => self.soon(0, Event::Played { play }),
                (true, Some((at, place, ends)), _) => self.later(at, place, Due::Ends(ends)),
                (true, None, Some(place)) => self.later(at(place), place, Due::Event(Event::Played { play })),
                (true, None, None) => self.soon(KEY_MS, Event::Played { play }),
            };
        }
        let answered = answer.map(|place| (at(place), place, self.recorded.log[place].fact.clone()));
        let key = match &answered {
            Some((.., Fact::Rated { score })) => b'0' + (*score).min(9),
            Some((.., Fact::NotRated { why: Unrated::WrongKey })) => b'*',
            Some((.., Fact::NotRated { why: Unrated::NoKey })) => {
                return self.soon(0, Event::Played { play });
            }
            Some((.., Fact::NotRated { why: Unrated::ShortTalk | Unrated::Lately | Unrated::Before })) => {
                return self.never_asked();
            }
            _ => {
                let (at, place, ends) = ends_it.unwrap_or((self.now + KEY_MS, usize::MAX, Ends::Caller));
                return self.later(at, place, Due::Ends(ends));
            }
        };
        if let Some((at, place, _)) = answered {
            self.later(at, place, Due::Event(Event::Digit { leg: CALLER, digit: Key(key) }));
        }
    }

    /// What came of the questions of a step for the number to call back, in the order of the log.
    fn came(&self, part: &Part) -> Vec<(u64, usize, Came)> {
        let (mut question, mut all) = (None, Vec::new());
        for (place, dated) in self.recorded.facts(part) {
            let came = match &dated.fact {
                Fact::Prompted { prompt, .. } => match *question.get_or_insert(prompt) == prompt {
                    true => Came::Asked,
                    false => Came::Wrong,
                },
                Fact::CallbackWanted { number, .. } => Came::Wanted(Some(number.to_string())),
                // Which number that was is told nowhere; most likely the caller's own.
                Fact::CallbackKnown { .. } => Came::Wanted(callable(&self.recorded.arrived.caller)),
                Fact::CallbackNotWanted { why } => Came::NotWanted(*why),
                _ => continue,
            };
            let is_last = matches!(came, Came::Wanted(_) | Came::NotWanted(_));
            all.push((dated.at.since_ms(part.at), place, came));
            // What is heard from here on is no question.
            if is_last {
                break;
            }
        }
        all
    }

    /// What came next in the log, where this call stands now.
    fn comes_next(&self, all: &[(u64, usize, Came)]) -> Option<(u64, usize, Came)> {
        let own = self.call.log().iter().rev().take_while(|dated| !matches!(dated.fact, Fact::Walked(_)));
        let mut prompts = own.filter_map(|dated| match &dated.fact {
            Fact::Prompted { prompt, .. } => Some(prompt),
            _ => None,
        });
        let asked = match prompts.clone().last() {
            Some(question) => prompts.by_ref().filter(|prompt| *prompt == question).count(),
            None => 0,
        };
        let mut questions = (0..all.len()).filter(|place| all[*place].2 == Came::Asked);
        match asked.checked_sub(1).map(|before| questions.nth(before)) {
            None => all.first().cloned(),
            Some(Some(place)) => all.get(place + 1).cloned(),
            // It is asked more often than it was: it does what it did last.
            Some(None) => {
                let last = all.last().cloned();
                last.filter(|(.., came)| matches!(came, Came::Wanted(_) | Came::NotWanted(_)))
            }
        }
    }

    /// The caller asks to be called back as it did and when it did.
    pub(super) fn requesting(&mut self, play: u32, said: Option<&str>) {
        let Some(part) = self.here() else { return self.never_asked() };
        let all = self.came(&part);
        let wanted = all.iter().find_map(|(.., came)| match came {
            Came::Wanted(number) => number.as_deref(),
            _ => None,
        });
        if !self.call.is_asking() {
            let own = self.call.log().iter().rev().take_while(|dated| !matches!(dated.fact, Fact::Walked(_)));
            let taken = |dated: &Dated| {
                matches!(dated.fact, Fact::CallbackWanted { .. } | Fact::CallbackKnown { .. })
            };
            // What it hears once its request is taken lasts as long as it did.
            let ms = match (own.into_iter().any(taken), wanted) {
                (true, Some(_)) => part.until.since_ms(part.at),
                (true, None) => self.now.since_ms(self.part_at) + KEY_MS,
                (false, _) => 0,
            };
            return self.later(self.part_at + ms, part.to, Due::Event(Event::Played { play }));
        }
        let (ms, place, keys) = match (self.comes_next(&all), said) {
            (Some((ms, place, Came::Wanted(Some(number)))), Some(said)) => {
                (ms, place, if number == said { "1" } else { "2" }.to_owned())
            }
            (Some((ms, place, Came::Wanted(Some(number)))), None) => (ms, place, format!("{number}#")),
            // The number was not told then, or it was not the one it wanted.
            (Some((ms, place, Came::Asked)), Some(said)) => {
                (ms, place, if wanted == Some(said) { "1" } else { "2" }.to_owned())
            }
            // A number that is told and is not the right one costs no try, however many there were.
            (Some((ms, place, Came::Asked)), None) => (ms, place, format!("{SOME_NUMBER}#")),
            (Some((ms, place, Came::Wrong | Came::NotWanted(NotWanted::WrongNumber))), said) => {
                (ms, place, if said.is_some() { "2" } else { "1#" }.to_owned())
            }
            // Any key but 1 and 2 is one try, and so is an end without a key.
            (Some((ms, place, Came::NotWanted(NotWanted::NoKey))), said) => {
                (ms, place, if said.is_some() { "0" } else { "#" }.to_owned())
            }
            (Some((.., Came::NotWanted(NotWanted::Before | NotWanted::TooMany) | Came::Wanted(None))), _) => {
                return self.never_asked();
            }
            // It left there, or something else ended the call.
            (None, _) => return,
        };
        for digit in keys.bytes() {
            let digit = Event::Digit { leg: CALLER, digit: Key(digit) };
            self.later(self.part_at + ms, place, Due::Event(digit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_that_is_not_the_right_one_may_be_called() {
        assert_eq!(callable(SOME_NUMBER).as_deref(), Some(SOME_NUMBER));
    }
}
