//! Calls written as text: what there is, what happens when, and what must be seen. A scenario is lived on the very node
//! that seeds are lived on, so all that must always hold is watched here too. The form is told in
//! `scenarios/README.md`. It refuses to know how a world works.

mod results;
mod script;

use std::fmt;

pub use script::{Carrier, Claim, Line, More, PASSWORD, Script, What, milliseconds};

use crate::world::Stage;

/// Why a scenario does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The line of the text, from 1.
    pub line: usize,
    /// What is wrong with it, or what was seen instead.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// Reads a scenario and lives it through.
///
/// # Errors
/// The first line that cannot be read, or whose expectation is not what was seen.
pub fn play(text: &str) -> Result<(), Broken> {
    live(&Script::read(text)?)
}

/// The same with callers who come by two-stage relay: the carrier dials an access number and names the 400 number in
/// Diversion (row R20).
///
/// # Errors
/// As for [`play`].
pub fn play_relayed(text: &str) -> Result<(), Broken> {
    let mut script = Script::read(text)?;
    script.relayed = true;
    live(&script)
}

fn live(script: &Script) -> Result<(), Broken> {
    let broken = |line: &Line, what: String| Broken { line: line.number, what };
    let first = script.lines.first().ok_or(Broken { line: 1, what: "nothing happens".into() })?;
    let mut stage = Stage::new(script).map_err(|what| broken(first, what))?;
    for (place, line) in script.lines.iter().enumerate() {
        let until = script.lines.get(place + 1).map(|next| next.at_ms);
        stage.wait(line.at_ms).map_err(|what| broken(line, what))?;
        stage.forget_words();
        stage.act(&line.what).map_err(|what| broken(line, what))?;
        stage.wait(until.unwrap_or(line.at_ms + Stage::AFTERMATH_MS)).map_err(|what| broken(line, what))?;
        if !is_expected(stage.words(), &line.expected) {
            let seen: Vec<_> = stage.words().iter().map(|(_, word)| word.as_str()).collect();
            let what = format!("expected `{}`, saw `{}`", line.expected.join(", "), seen.join(", "));
            return Err(broken(line, what));
        }
    }
    let end = script.lines.last().map_or(0, |line| line.at_ms) + Stage::QUIET_MS;
    stage.wait(end).map_err(|what| broken(first, what))?;
    stage.check_quiet().map_err(|what| broken(first, what))?;
    for claim in &script.claims {
        stage.check(&claim.words).map_err(|what| Broken { line: claim.number, what })?;
    }
    Ok(())
}

/// Whether what was seen is what was expected, in its order; what happens in one instant has none.
fn is_expected(seen: &[(u64, String)], expected: &[String]) -> bool {
    let mut left = expected;
    for instant in seen.chunk_by(|a, b| a.0 == b.0) {
        let Some((now, later)) = left.split_at_checked(instant.len()) else { return false };
        let mut now: Vec<&str> = now.iter().map(String::as_str).collect();
        let mut words: Vec<&str> = instant.iter().map(|(_, word)| word.as_str()).collect();
        now.sort_unstable();
        words.sort_unstable();
        if now != words {
            return false;
        }
        left = later;
    }
    left.is_empty()
}
