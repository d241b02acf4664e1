//! Log lines: one at the end of each call, numbers masked by a setting, never a whole message.

use std::fmt;

use hotline::Money;
use hotline::cdr::CallRecord;
use hotline::rating::{Charge, ChargeKind};
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For eyes.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Whether the middle of callers' and targets' numbers is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// `138****8000`.
    On,
    /// As they are.
    Off,
}

impl Mask {
    /// A number as it may be logged.
    pub fn show(self, number: &str) -> Shown<'_> {
        Shown { number, mask: self }
    }
}

/// A number on its way into a line.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    number: &'a str,
    mask: Mask,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.number.chars().count();
        if self.mask == Mask::Off || count <= 4 {
            return f.write_str(self.number);
        }
        // The beginning tells the region, the end helps to find the call; what lies between names the person.
        let hidden = count / 3..count - count / 3;
        for (at, character) in self.number.chars().enumerate() {
            write!(f, "{}", if hidden.contains(&at) { '*' } else { character })?;
        }
        Ok(())
    }
}

/// Lets lines go to standard error. `level` is a filter such as `info` or `info,server=debug`; one that cannot be
/// read is `info`.
pub fn start(format: Format, level: &str) {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process, as tests do, keeps the first.
    let _ = match format {
        Format::Human => lines.with_ansi(false).try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    };
}

/// The line at the end of a call.
pub fn call_ended(record: &CallRecord, charges: &[Charge], mask: Mask) {
    let of = |kind: ChargeKind| -> Money {
        charges.iter().filter(|charge| charge.kind == kind).map(|charge| charge.amount_e4).sum()
    };
    tracing::info!(
        call = %record.call,
        tenant = %record.tenant,
        number = %record.number,
        caller = %mask.show(&record.caller),
        status = ?record.status,
        cause = record.cause.code(),
        talk_ms = record.talk_ms,
        fee = %of(ChargeKind::Sale),
        cost = %of(ChargeKind::Cost),
        "call ended"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_number_is_masked() {
        assert_eq!(Mask::On.show("13800138000").to_string(), "138*****000");
        assert_eq!(Mask::On.show("01062345601").to_string(), "010*****601");
        assert_eq!(Mask::On.show("110").to_string(), "110");
        assert_eq!(Mask::On.show("").to_string(), "");
        assert_eq!(Mask::Off.show("13800138000").to_string(), "13800138000");
    }
}
