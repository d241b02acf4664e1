//! A saved case of a flow (row R26): the dry run of a typed-in call, and what of it is not as it has to be.

use std::fmt;

use super::{Answers, Dated, Fact};
use crate::cdr::Cause;
use crate::enterprise::{Expectation, FINALLY, FlowTest, Language};
use crate::flow::StepWhy;

/// One thing that is not as a saved case has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What was looked at.
    pub what: Looked,
    /// What has to be.
    pub expected: String,
    /// What came out; empty for nothing.
    pub found: String,
}

/// What is looked at in a saved case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// The steps walked.
    Path,
    /// Who answered.
    AnsweredBy,
    /// Why the call ended.
    Cause,
}

impl Mismatch {
    /// The sentence for a person.
    pub fn message(&self, language: Language) -> String {
        let Self { what, expected, found } = self;
        let found = if found.is_empty() { "–" } else { found };
        match (language, what) {
            (Language::Zh, Looked::Path) => format!("路径应为 {expected}，实为 {found}"),
            (Language::En, Looked::Path) => format!("the path has to be {expected}, it is {found}"),
            (Language::Zh, Looked::AnsweredBy) => format!("应由 {expected} 接听，实为 {found}"),
            (Language::En, Looked::AnsweredBy) => format!("{expected} has to answer, it is {found}"),
            (Language::Zh, Looked::Cause) => format!("结束原因应为 {expected}，实为 {found}"),
            (Language::En, Looked::Cause) => format!("the cause has to be {expected}, it is {found}"),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Language::En))
    }
}

impl FlowTest {
    /// What the far ends of its call do.
    pub fn answers(&self) -> Answers {
        Answers {
            busy: self.busy.clone(),
            no_answer: self.no_answer.clone(),
            rejects: self.rejects.clone(),
            keys: self.keys.clone(),
            http: self.http.iter().filter_map(|text| super::HttpAnswer::parse(text)).collect(),
            scene: self.scene.clone(),
        }
    }
}

impl Expectation {
    /// What of a call's log is not as it has to be.
    pub fn mismatches(&self, log: &[Dated]) -> Vec<Mismatch> {
        let path = flow_path(log);
        let (answered, names) = answered_by(log).unwrap_or_default();
        let cause = cause(log).map(|cause| cause.code().to_owned()).unwrap_or_default();
        let differs = |what, expected: &str, found: &str| {
            let (expected, found) = (expected.to_owned(), found.to_owned());
            (expected != found).then_some(Mismatch { what, expected, found })
        };
        let arrows = |path: &[String]| path.join(" → ");
        let path =
            (!self.path.is_empty()).then(|| differs(Looked::Path, &arrows(&self.path), &arrows(&path)));
        let other = self.answered_by.as_ref().filter(|name| !names.contains(*name));
        let answered = other.map(|name| differs(Looked::AnsweredBy, name, &answered));
        let cause = self.cause.as_ref().map(|code| differs(Looked::Cause, code, &cause));
        [path, answered, cause].into_iter().flatten().flatten().collect()
    }
}

/// The steps of flows that a call walked, by id; neither the gates before them nor a final treatment.
pub fn flow_path(log: &[Dated]) -> Vec<String> {
    let walked = log.iter().filter_map(|dated| match &dated.fact {
        Fact::Walked(walked) => Some(walked),
        _ => None,
    });
    let of_flow = walked.filter(|walked| match &walked.why {
        StepWhy::SubFlow { flow } => *flow != walked.rule,
        StepWhy::Challenge { .. } | StepWhy::Password { .. } => false,
        _ => *walked.rule != *FINALLY,
    });
    of_flow.map(|walked| walked.rule.to_string()).collect()
}

/// Who answered, as it is shown, and all that a case may call it: the name of the bound number; of an agent the number too.
fn answered_by(log: &[Dated]) -> Option<(String, Vec<String>)> {
    let joined = log.iter().find_map(|dated| match &dated.fact {
        Fact::Joined { leg } => Some(*leg),
        _ => None,
    })?;
    let agent = log.iter().find_map(|dated| match &dated.fact {
        Fact::Offered { leg, agent } if *leg == joined => Some(agent.to_string()),
        _ => None,
    });
    let name = log.iter().find_map(|dated| match &dated.fact {
        Fact::Dialled(dialled) if dialled.leg == joined => Some(dialled.destination.to_string()),
        _ => None,
    })?;
    Some((agent.clone().unwrap_or_else(|| name.clone()), agent.into_iter().chain([name]).collect()))
}

fn cause(log: &[Dated]) -> Option<Cause> {
    log.iter().find_map(|dated| match &dated.fact {
        Fact::HungUp { cause, .. } => Some(*cause),
        _ => None,
    })
}
