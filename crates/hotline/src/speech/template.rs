//! Texts with placeholders, `您前面还有 ${ahead} 位`: which values they need, and what is said with them. It refuses to
//! know where the values come from.

use super::{Said, read_text};
use crate::enterprise::Language;
use crate::{Beijing, Money};

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variable {
    /// The caller's place in a queue.
    Position,
    /// How many callers stand before this one.
    Ahead,
    /// The expected wait in minutes.
    WaitMinutes,
    /// The number of the agent who serves the caller.
    AgentNumber,
    /// The caller's number.
    Caller,
    /// The 400 number that was called.
    Number,
    /// Today.
    Date,
    /// The time of day.
    Time,
    /// The balance of an account.
    Balance,
}

/// Every variable with its name in texts.
pub const VARIABLES: [(&str, Variable); 9] = [
    ("position", Variable::Position),
    ("ahead", Variable::Ahead),
    ("wait_minutes", Variable::WaitMinutes),
    ("agent_number", Variable::AgentNumber),
    ("caller", Variable::Caller),
    ("number", Variable::Number),
    ("date", Variable::Date),
    ("time", Variable::Time),
    ("balance", Variable::Balance),
];

impl Variable {
    /// Its name in texts.
    pub fn name(self) -> &'static str {
        VARIABLES.iter().find(|(_, variable)| *variable == self).map_or("", |(name, _)| name)
    }
}

/// A placeholder that stands for nothing, or is not closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no value is named {name:?}")]
pub struct UnknownVariable {
    /// As written.
    pub name: String,
}

/// A text cannot be said since one of its values is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no value for {}", .0.name())]
pub struct MissingValue(pub Variable);

/// The values at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Values<'a> {
    pub position: Option<u32>,
    pub ahead: Option<u32>,
    pub wait_minutes: Option<u32>,
    pub agent_number: Option<&'a str>,
    pub caller: Option<&'a str>,
    pub number: Option<&'a str>,
    pub now: Option<Beijing>,
    pub balance: Option<Money>,
}

impl<'a> Values<'a> {
    fn of(&self, variable: Variable) -> Option<Said<'a>> {
        let count = |value: Option<u32>| value.map(|value| Said::Count(value.into()));
        match variable {
            Variable::Position => count(self.position),
            Variable::Ahead => count(self.ahead),
            Variable::WaitMinutes => count(self.wait_minutes),
            Variable::AgentNumber => self.agent_number.map(Said::Phone),
            Variable::Caller => self.caller.map(Said::Phone),
            Variable::Number => self.number.map(Said::Phone),
            Variable::Date => self.now.map(Said::Date),
            Variable::Time => self.now.map(Said::Time),
            Variable::Balance => self.balance.map(Said::Money),
        }
    }
}

/// A text taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Variable),
}

impl Template {
    /// Takes a text apart.
    ///
    /// # Errors
    /// The first placeholder that stands for nothing.
    pub fn parse(text: &str) -> Result<Template, UnknownVariable> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once("${") {
            let unknown = |name: &str| UnknownVariable { name: name.chars().take(32).collect() };
            let (name, after) = behind.split_once('}').ok_or_else(|| unknown(behind))?;
            let known = VARIABLES.iter().find(|(known, _)| *known == name.trim());
            let (_, variable) = known.ok_or_else(|| unknown(name))?;
            parts.extend((!before.is_empty()).then(|| Part::Text(before.to_owned())));
            parts.push(Part::Value(*variable));
            rest = after;
        }
        parts.extend((!rest.is_empty()).then(|| Part::Text(rest.to_owned())));
        Ok(Template(parts))
    }

    /// The values it needs, each once, in the order of [`VARIABLES`].
    pub fn variables(&self) -> Vec<Variable> {
        let uses = |variable: &Variable| self.0.contains(&Part::Value(*variable));
        VARIABLES.iter().map(|(_, variable)| *variable).filter(uses).collect()
    }

    /// What is said: values as words, and the numbers of the text itself as [`read_text`] reads them.
    ///
    /// # Errors
    /// The first value that is not at hand.
    pub fn spoken(&self, language: Language, values: &Values<'_>) -> Result<String, MissingValue> {
        let mut spoken = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => spoken += &read_text(text, language),
                Part::Value(variable) => {
                    let said = values.of(*variable).ok_or(MissingValue(*variable))?;
                    let runs_on = spoken.ends_with(|c: char| c.is_ascii_alphanumeric());
                    spoken += if runs_on { " " } else { "" };
                    spoken += &in_its_place(said, &spoken).words(language);
                }
            }
        }
        Ok(spoken)
    }
}

/// Behind 第 two is 二.
fn in_its_place<'a>(said: Said<'a>, before: &str) -> Said<'a> {
    match said {
        Said::Count(count) if before.trim_end().ends_with('第') => {
            Said::Cardinal(i64::try_from(count).unwrap_or(i64::MAX))
        }
        other => other,
    }
}
