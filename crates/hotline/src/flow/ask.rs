//! The steps that ask, remember and compare: what a menu offers and how long it waits, what variables hold. Compiled
//! values; taking the keys is the business of [`crate::call`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::StepNo;
use crate::enterprise::{AskKind, CallerFact, NamedCode};
use crate::region::Region;
use crate::{Span, Words};

/// A question to the caller, ready to be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// What for.
    pub kind: AskKind,
    /// The prompt that asks.
    pub prompt: Span,
    /// Played before it is asked again after wrong keys.
    pub wrong_prompt: Option<Span>,
    /// Played before it is asked again after no key.
    pub timeout_prompt: Option<Span>,
    /// How often it is asked at most.
    pub tries: u8,
    /// How long the first key may take after the prompt.
    pub first_key_ms: u64,
    /// How long each further key may take.
    pub key_ms: u64,
    /// Whether a key cuts the prompt.
    pub barge_in: bool,
    /// Whether `*` goes back to the menu before.
    pub back: bool,
    /// Whether `#` says the prompt again.
    pub repeat: bool,
    /// Keys or extension numbers and where they lead.
    pub choices: Box<[(Span, StepNo)]>,
    /// What may be given as a password.
    pub passwords: Box<[NamedCode]>,
    /// The least and the most digits.
    pub digits: (u8, u8),
    /// The variable that keeps what was pressed.
    pub slot: Option<u8>,
    /// Whether what was pressed is told nowhere.
    pub secret: bool,
    /// Where right digits or the right password lead.
    pub next: StepNo,
    /// Where the last try leads if no key came.
    pub timeout: StepNo,
    /// Where the last try leads if its keys were wrong.
    pub wrong: StepNo,
}

impl Ask {
    /// Where exactly these keys lead.
    pub(crate) fn choice(&self, words: &Words, keys: &str) -> Option<StepNo> {
        let found = self.choices.iter().find(|(choice, _)| words.text(*choice) == keys);
        found.map(|(_, step)| *step)
    }

    /// Whether some choice begins with these keys and goes on.
    pub(crate) fn goes_on(&self, words: &Words, keys: &str) -> bool {
        let longer = |choice: &str| choice.len() > keys.len() && choice.starts_with(keys);
        self.choices.iter().any(|(choice, _)| longer(words.text(*choice)))
    }

    /// After how many keys nothing more is waited for.
    pub(crate) fn most(&self, words: &Words) -> usize {
        match self.kind {
            AskKind::Menu => 1,
            AskKind::Digits => usize::from(self.digits.1),
            AskKind::Extension => {
                self.choices.iter().map(|(choice, _)| words.text(*choice).len()).max().unwrap_or(1)
            }
            AskKind::Password => self.passwords.iter().map(|known| known.code.len()).max().unwrap_or(1),
        }
    }
}

/// A message that a caller may leave (row V06).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voicemail {
    /// The prompt that asks for it.
    pub greeting: Span,
    /// The longest message, milliseconds.
    pub ms_max: u64,
    /// A silence so long ends it, milliseconds.
    pub quiet_ms: u64,
    /// Where the flow goes on; without it the call ends.
    pub next: Option<StepNo>,
}

/// A request for a callback, ready to be taken (row Q15).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestStep {
    /// Whether the caller's own number is taken where it may be called.
    pub own: bool,
    /// Whether the caller's own number is said and wants a key, as one that was keyed in always does.
    pub confirm: bool,
    /// The prompt that asks for a number.
    pub prompt: Arc<str>,
    /// Played before it is asked again after a number that may not be called.
    pub wrong_prompt: Arc<str>,
    /// Played once the request is taken.
    pub accepted: Arc<str>,
    /// How often a number is asked for at most.
    pub tries: u8,
    /// How long the first key may take after the prompt.
    pub first_key_ms: u64,
    /// Where the flow goes on behind a request; without it the call ends.
    pub next: Option<StepNo>,
    /// Where it goes on without one.
    pub failed: StepNo,
}

/// A value of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// This text.
    Text(Span),
    /// What a variable holds.
    Slot(u8),
    /// What is known of the caller.
    Fact(CallerFact),
}

impl Source {
    /// The value in a call.
    pub(super) fn read<'a>(
        self,
        words: &'a Words,
        slots: &'a Slots,
        caller: &'a str,
        region: &'a Region,
    ) -> &'a str {
        match self {
            Source::Text(span) => words.text(span),
            Source::Slot(slot) => slots.text(slot),
            Source::Fact(CallerFact::Caller) => caller,
            Source::Fact(CallerFact::Province) => &region.province,
            Source::Fact(CallerFact::City) => &region.city,
            Source::Fact(CallerFact::AreaCode) => &region.area_code,
        }
    }
}

/// What a condition looks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// In what.
    pub of: Source,
    /// Whole values that match.
    pub is: Box<[Span]>,
    /// Beginnings that match.
    pub begins: Box<[Span]>,
}

impl Match {
    pub(super) fn holds(&self, words: &Words, value: &str) -> bool {
        self.is.iter().any(|known| words.text(*known) == value)
            || self.begins.iter().any(|known| value.starts_with(words.text(*known)))
    }
}

/// What the variables of a call hold. They are nowhere but in the call: one may be a card's number.
#[derive(Clone, Default)]
pub struct Slots(Vec<String>);

impl Slots {
    /// What a variable holds, nothing until it was set.
    pub fn text(&self, slot: u8) -> &str {
        self.0.get(usize::from(slot)).map_or("", String::as_str)
    }

    /// Has a variable hold this.
    pub fn put(&mut self, slot: u8, text: String) {
        let place = usize::from(slot);
        if self.0.len() <= place {
            self.0.resize(place + 1, String::new());
        }
        self.0[place] = text;
    }
}

impl std::fmt::Debug for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} variables", self.0.len())
    }
}
