//! Quality scoring (row Q19): forms of questions, what answers to them are worth, which calls of an agent's week are looked at and by
//! whom, and how far two reviewers agree. All of it is exact arithmetic on whole numbers. It refuses to know accounts, rows and clocks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use agree::{Agreement, Kappa, agreement};
pub use draw::{Drawn, Week, deal, draw};
pub use read::{Fault, FormProblem, Limit, SampleRule, read_form, read_rule};
pub use score::{AnswerFault, Scored, SectionScore, check_sheet, lost, score};

mod agree;
mod draw;
mod read;
mod score;

/// Questions of a form.
pub const QUESTIONS_MAX: usize = 100;
/// Sections of a form.
pub const SECTIONS_MAX: usize = 20;
/// Choices of a question.
pub const CHOICES_MAX: usize = 20;
/// What a question may weigh.
pub const WEIGHT_MAX: u16 = 1_000;
/// Steps of a scale, and points of a choice: shares of up to so many parts add up exactly.
pub const STEPS_MAX: u16 = 50;
/// Characters of a title.
pub const TITLE_MAX: usize = 200;
/// Marks of a sheet.
pub const MARKS_MAX: usize = 100;
/// Characters of an answer in words, of a note and of a reason.
pub const NOTE_MAX: usize = 2_000;

/// What calls are scored by. A version of it never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Its name, one of its kind in the enterprise: letters, digits, `-` and `_`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// From how many percent on an evaluation is passed.
    pub pass_percent: u8,
    /// Its questions, in sections.
    pub sections: Vec<Section>,
}

/// Questions that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Its code, one of its kind in the form.
    pub code: String,
    /// What people call it.
    pub title: String,
    /// Its questions.
    pub questions: Vec<Question>,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Its code, one of its kind in the form.
    pub code: String,
    /// What is asked.
    pub title: String,
    /// How it is answered, and for how many points.
    #[serde(flatten)]
    pub kind: Kind,
    /// What it weighs beside the others; 0 for words.
    pub weight: u16,
    /// Whether it may be said not to apply.
    pub not_applicable: bool,
    /// Answers that fail a section or the whole, whatever the others are.
    pub fails: Vec<Fail>,
}

/// How a question is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// Yes or no; one of them is worth everything, the other nothing.
    YesNo {
        /// Whether "yes" is the good one.
        yes_is_good: bool,
    },
    /// A whole number from the least, worth nothing, to the most, worth everything.
    Scale {
        /// The least.
        min: i16,
        /// The most.
        max: i16,
    },
    /// One of a list.
    Choice {
        /// The list; the most points of one are worth everything.
        choices: Vec<Choice>,
    },
    /// Words, worth nothing.
    Text,
}

/// What may be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Its code, one of its kind in the question.
    pub code: String,
    /// What people call it.
    pub title: String,
    /// What it is worth.
    pub points: u16,
}

/// An answer that fails more than its own question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fail {
    /// The answer.
    pub answer: Answer,
    /// What it fails.
    pub of: FailOf,
}

/// What an answer fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailOf {
    /// The section is worth nothing.
    Section,
    /// The whole is worth nothing and is not passed.
    Form,
}

/// What is answered to a question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Yes.
    Yes,
    /// No.
    No,
    /// It does not apply to this call.
    NotApplicable,
    /// A number of the scale.
    Scale(i16),
    /// The code of a choice.
    Choice(String),
    /// Words.
    Text(String),
}

/// What a reviewer writes about a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// Answers, by the codes of their questions.
    #[serde(default)]
    pub answers: BTreeMap<String, Answer>,
    /// What else is said to a question.
    #[serde(default)]
    pub notes: BTreeMap<String, String>,
    /// Places of the recording.
    #[serde(default)]
    pub marks: Vec<Mark>,
    /// What is said of the whole.
    #[serde(default)]
    pub remark: String,
}

/// A place of the recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Seconds from its beginning.
    pub second: u32,
    /// What is to be heard there.
    pub note: String,
}

impl Form {
    /// Every question, with its section.
    pub fn questions(&self) -> impl Iterator<Item = (&Section, &Question)> {
        self.sections.iter().flat_map(|section| section.questions.iter().map(move |one| (section, one)))
    }

    /// The question of a code.
    pub fn question(&self, code: &str) -> Option<&Question> {
        self.questions().map(|(_, question)| question).find(|question| question.code == code)
    }
}

impl Question {
    /// Whether it is worth points at all.
    pub fn is_scored(&self) -> bool {
        self.kind != Kind::Text
    }

    /// What an answer is worth, as points of at most so many; `None` where it is worth no points, or is no answer to this.
    pub fn worth(&self, answer: &Answer) -> Option<(u16, u16)> {
        match (&self.kind, answer) {
            (Kind::YesNo { yes_is_good }, Answer::Yes) => Some((u16::from(*yes_is_good), 1)),
            (Kind::YesNo { yes_is_good }, Answer::No) => Some((u16::from(!*yes_is_good), 1)),
            (Kind::Scale { min, max }, Answer::Scale(said)) if (min..=max).contains(&said) => {
                Some((said.abs_diff(*min), max.abs_diff(*min)))
            }
            (Kind::Choice { choices }, Answer::Choice(code)) => {
                let most = choices.iter().map(|choice| choice.points).max()?;
                choices.iter().find(|choice| choice.code == *code).map(|choice| (choice.points, most))
            }
            (Kind::YesNo { .. } | Kind::Scale { .. } | Kind::Choice { .. } | Kind::Text, _) => None,
        }
    }

    /// Whether it can be answered so.
    pub fn takes(&self, answer: &Answer) -> bool {
        match answer {
            Answer::NotApplicable => self.not_applicable,
            Answer::Text(words) => self.kind == Kind::Text && words.chars().count() <= NOTE_MAX,
            Answer::Yes | Answer::No | Answer::Scale(_) | Answer::Choice(_) => self.worth(answer).is_some(),
        }
    }
}
