//! What the failure of an outgoing leg means: the target's own outcome, or a trunk to be passed over (FAULTS F8). The
//! shipped table is `data/causes.csv`; a trunk's profile can put rows in front of it.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::cdr::LegOutcome;

/// What a failed leg means for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// The trunk failed: the next one is tried.
    NextTrunk,
    /// The target is busy.
    Busy,
    /// The target did not answer.
    NoAnswer,
    /// The target, or its network, will not.
    Rejected,
    /// There is no such target.
    NotFound,
    /// It was given up.
    Cancelled,
}

impl Means {
    /// The outcome of the leg.
    pub fn outcome(self) -> LegOutcome {
        match self {
            Means::NextTrunk => LegOutcome::TrunkFailed,
            Means::Busy => LegOutcome::Busy,
            Means::NoAnswer => LegOutcome::NoAnswer,
            Means::Rejected => LegOutcome::Rejected,
            Means::NotFound => LegOutcome::NotFound,
            Means::Cancelled => LegOutcome::Cancelled,
        }
    }

    /// The word of the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Means::NextTrunk => "next_trunk",
            Means::Busy => "busy",
            Means::NoAnswer => "no_answer",
            Means::Rejected => "rejected",
            Means::NotFound => "not_found",
            Means::Cancelled => "cancelled",
        }
    }

    fn of(word: &str) -> Option<Self> {
        let all = [
            Means::NextTrunk,
            Means::Busy,
            Means::NoAnswer,
            Means::Rejected,
            Means::NotFound,
            Means::Cancelled,
        ];
        all.into_iter().find(|means| means.as_str() == word)
    }
}

/// What the wire told where no far end did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkFault {
    /// Not a word within the trunk's first-response time.
    NoResponse,
    /// ICMP refused, TCP reset, a TLS handshake that failed.
    Unreachable,
    /// Provisional responses, then nothing more.
    NoFinalResponse,
}

impl NetworkFault {
    fn as_str(self) -> &'static str {
        match self {
            NetworkFault::NoResponse => "no_response",
            NetworkFault::Unreachable => "unreachable",
            NetworkFault::NoFinalResponse => "no_final_response",
        }
    }
}

/// A row of a trunk's own: one status or one Q.850 cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CauseRow {
    /// A SIP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// A Q.850 cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q850: Option<u16>,
    /// What it means.
    pub means: Means,
}

impl CauseRow {
    /// Whether it names one thing that there is.
    pub fn is_sound(&self) -> bool {
        match (self.status, self.q850) {
            (Some(status), None) => (300..=699).contains(&status),
            (None, Some(q850)) => (1..=127).contains(&q850),
            (Some(_), Some(_)) | (None, None) => false,
        }
    }
}

/// A failed leg, as far as the table looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Failed {
    /// The far end said so.
    Answered { status: u16, q850: Option<u16> },
    /// The wire said so.
    Network(NetworkFault),
}

/// A row of the shipped table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Shipped {
    /// A range of statuses.
    Status { first: u16, last: u16, means: Means },
    /// A range of Q.850 causes.
    Q850 { first: u16, last: u16, means: Means },
    /// What the wire told.
    Network { fault: NetworkFault, means: Means },
}

/// The file, for documents and tests.
pub const SHIPPED: &str = include_str!("../../../../data/causes.csv");

/// The rows of the shipped table.
pub fn shipped() -> &'static [Shipped] {
    static ROWS: OnceLock<Vec<Shipped>> = OnceLock::new();
    ROWS.get_or_init(|| read(SHIPPED).expect("data/causes.csv is read by a test"))
}

/// Reads the text of a table; `Err` is the first line that is none.
fn read(text: &str) -> Result<Vec<Shipped>, String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| read_row(line).ok_or_else(|| line.to_owned())).collect()
}

fn read_row(line: &str) -> Option<Shipped> {
    let mut words = line.split(',');
    let (word, first, last) = (words.next()?, words.next()?, words.next()?);
    let means = Means::of(words.next()?)?;
    let range = || Some((first.parse().ok()?, last.parse().ok()?));
    match (word, words.next()) {
        ("status", None) => range().map(|(first, last)| Shipped::Status { first, last, means }),
        ("q850", None) => range().map(|(first, last)| Shipped::Q850 { first, last, means }),
        ("network", None) => {
            let all = [NetworkFault::NoResponse, NetworkFault::Unreachable, NetworkFault::NoFinalResponse];
            let fault = all.into_iter().find(|fault| fault.as_str() == first)?;
            Some(Shipped::Network { fault, means })
        }
        _ => None,
    }
}

/// What a failed leg means: the trunk's own rows first, and the cause, which is nearer to the target, before the status.
pub fn means(own: &[CauseRow], failed: Failed) -> Means {
    let (status, q850) = match failed {
        Failed::Network(fault) => return of_network(fault),
        Failed::Answered { status, q850 } => (status, q850),
    };
    let own_row = |fits: &dyn Fn(&CauseRow) -> bool| own.iter().find(|row| fits(row)).map(|row| row.means);
    let by_cause = q850.and_then(|cause| {
        let shipped_row = shipped().iter().find_map(|row| match row {
            Shipped::Q850 { first, last, means } if (*first..=*last).contains(&cause) => Some(*means),
            Shipped::Q850 { .. } | Shipped::Status { .. } | Shipped::Network { .. } => None,
        });
        own_row(&|row| row.q850 == Some(cause)).or(shipped_row)
    });
    let by_status = || {
        let shipped_row = shipped().iter().find_map(|row| match row {
            Shipped::Status { first, last, means } if (*first..=*last).contains(&status) => Some(*means),
            Shipped::Q850 { .. } | Shipped::Status { .. } | Shipped::Network { .. } => None,
        });
        own_row(&|row| row.status == Some(status)).or(shipped_row)
    };
    by_cause.or_else(by_status).unwrap_or(Means::Rejected)
}

fn of_network(fault: NetworkFault) -> Means {
    let row = shipped().iter().find_map(|row| match row {
        Shipped::Network { fault: told, means } if *told == fault => Some(*means),
        Shipped::Q850 { .. } | Shipped::Status { .. } | Shipped::Network { .. } => None,
    });
    row.unwrap_or(Means::NextTrunk)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, q850: Option<u16>) -> Means {
        means(&[], Failed::Answered { status, q850 })
    }

    #[test]
    fn fault_f8_every_line_of_the_map() {
        assert_eq!(means(&[], Failed::Network(NetworkFault::NoResponse)), Means::NextTrunk);
        assert_eq!(means(&[], Failed::Network(NetworkFault::Unreachable)), Means::NextTrunk);
        assert_eq!(means(&[], Failed::Network(NetworkFault::NoFinalResponse)), Means::NoAnswer);
        for status in [408, 500, 502, 503, 504] {
            assert_eq!(answered(status, None), Means::NextTrunk, "{status}");
        }
        for cause in [27, 34, 38, 41, 42] {
            assert_eq!(answered(480, Some(cause)), Means::NextTrunk, "Q.850 {cause}");
        }
        let golden = [
            (486, None, Means::Busy),
            (600, None, Means::Busy),
            (603, None, Means::Rejected),
            (404, None, Means::NotFound),
            (484, None, Means::NotFound),
            (480, None, Means::NoAnswer),
            (500, Some(1), Means::NotFound),
            (503, Some(17), Means::Busy),
            (500, Some(18), Means::NoAnswer),
            (500, Some(19), Means::NoAnswer),
            (500, Some(21), Means::Rejected),
            (487, None, Means::Cancelled),
            (403, None, Means::Rejected),
            (302, None, Means::Rejected),
            // A cause that the table does not know leaves the word to the status.
            (503, Some(16), Means::NextTrunk),
            (486, Some(127), Means::Busy),
        ];
        for (status, cause, expected) in golden {
            assert_eq!(answered(status, cause), expected, "{status} {cause:?}");
        }
    }

    #[test]
    fn fault_f8_the_trunk_guide_tells_the_table_to_the_letter() {
        const GUIDE: &str = include_str!("../../../../docs/trunks.md");
        let span = |first: u16, last: u16| match first == last {
            true => first.to_string(),
            false => format!("{first}–{last}"),
        };
        let row = |row: &Shipped| match row {
            Shipped::Status { first, last, means } => {
                format!("| SIP {} | {} |", span(*first, *last), means.as_str())
            }
            Shipped::Q850 { first, last, means } => {
                format!("| Q.850 {} | {} |", span(*first, *last), means.as_str())
            }
            Shipped::Network { fault, means } => {
                format!("| network {} | {} |", fault.as_str(), means.as_str())
            }
        };
        let table: Vec<String> = shipped().iter().map(row).collect();
        assert!(GUIDE.contains(&table.join("\n")), "{}", table.join("\n"));
    }

    #[test]
    fn fault_f8_a_trunks_own_rows_come_first() {
        let row = |status, q850, means| CauseRow { status, q850, means };
        let own = [row(Some(503), None, Means::Busy), row(None, Some(17), Means::NextTrunk)];
        let of = |status, q850| means(&own, Failed::Answered { status, q850 });
        assert_eq!(of(503, None), Means::Busy);
        assert_eq!(of(486, Some(17)), Means::NextTrunk);
        assert_eq!(of(503, Some(1)), Means::NotFound, "the cause is nearer to the target than the status");
        assert_eq!(of(500, None), Means::NextTrunk);
    }

    #[test]
    fn fault_f8_the_file_is_read_whole_and_a_slip_is_told() {
        assert_eq!(read(SHIPPED).map(|rows| rows.len()), Ok(22));
        for slip in ["status,4o4,404,busy", "status,404,404,buzy", "cause,1,1,busy", "q850,1,1,busy,1"] {
            assert_eq!(read(slip), Err(slip.to_owned()));
        }
        assert!(SHIPPED.contains("# source:") && SHIPPED.contains("# valid_from:"));
    }
}
