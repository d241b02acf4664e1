//! The figures of BENCHMARKS.md: starts the measured programs and the references side by side and compares.
//! It only starts programs; a program or reference that is not there is reported as absent, never left out.

mod call;
mod cost;
mod ng;
mod peer;
mod phones;
mod process;
mod relay;
mod streams;
mod table;
mod talk;

use crate::shell::{Failure, Outcome};
use table::{Row, Verdict};

/// How long and how often a figure is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Interleaved rounds; the figure is the median.
    pub rounds: usize,
    /// Calls a second offered in the signalling figures.
    pub rate: u32,
    /// Seconds measured in each round.
    pub seconds: u32,
    /// Seconds of the same load before them.
    pub warm_up_seconds: u32,
}

/// What the published figures are measured with.
const SHIPPED: Effort = Effort { rounds: 3, rate: 1_000, seconds: 120, warm_up_seconds: 40 };

/// A look in a minute; never published.
const QUICK: Effort = Effort { rounds: 1, rate: 200, seconds: 10, warm_up_seconds: 3 };

/// One figure: its name on the command line, what it is, and the function that measures it.
struct Figure {
    name: &'static str,
    what: &'static str,
    measure: fn(&Effort) -> Outcome<Vec<Row>>,
}

const FIGURES: &[Figure] = &[
    Figure {
        name: "decision",
        what: "decisions alone: lookup, rules, route, with Why",
        measure: cost::decision,
    },
    Figure { name: "rating", what: "rate and post a call in memory", measure: cost::rating },
    Figure { name: "queue", what: "an offer decision of a queue", measure: cost::queue },
    Figure { name: "flow", what: "one step of a flow, and a flow of 200 steps checked", measure: cost::flow },
    Figure { name: "locate", what: "caller region lookup", measure: cost::locate },
    Figure { name: "call", what: "full call without media beside Kamailio", measure: call::full_call },
    Figure {
        name: "kamailio",
        what: "the signalling reference alone, loaded by SIPp",
        measure: call::reference_alone,
    },
    Figure {
        name: "delay",
        what: "post-dial delay added at 200/s and at half of the highest rate",
        measure: call::delay,
    },
    Figure { name: "memory", what: "memory per live recorded call", measure: call::memory },
    Figure {
        name: "streams",
        what: "full call with the caller by TLS and by WSS, against UDP",
        measure: streams::full_call,
    },
    Figure {
        name: "register",
        what: "20,000 phones: a refresh, and their memory",
        measure: phones::register,
    },
    Figure { name: "flood", what: "a stranger's flood while carriers call", measure: phones::flood },
    Figure { name: "soak", what: "growth per call over 200,000 calls", measure: call::soak },
    Figure {
        name: "start",
        what: "start with 2,000,000 numbers to the first answered call",
        measure: talk::start,
    },
    Figure {
        name: "relay",
        what: "relay over the kernel floor; recording and SRTP over relay",
        measure: relay::over_floor,
    },
    Figure { name: "transcode", what: "each pair of codecs transcoded", measure: relay::transcoding },
    Figure {
        name: "playback",
        what: "hold music for 1,000 callers, and how late its frames are",
        measure: relay::playback,
    },
    Figure {
        name: "browsers",
        what: "a browser's leg over a plain one, and lateness while 200 connect",
        measure: relay::browsers,
    },
    Figure {
        name: "rtpengine",
        what: "relay beside rtpengine in user space",
        measure: relay::beside_rtpengine,
    },
];

/// `cargo xtask bench [NAME…] [--rounds N] [--rate R] [--seconds S] [--warm-up S] [--quick] [--list]`
pub fn run(arguments: &[String]) -> Outcome {
    if arguments.iter().any(|word| word == "--list") {
        for figure in FIGURES {
            println!("{:<10} {}", figure.name, figure.what);
        }
        return Ok(());
    }
    let (names, effort) = parse(arguments)?;
    let chosen =
        FIGURES.iter().filter(|figure| names.is_empty() || names.iter().any(|name| name == figure.name));
    let mut rows = Vec::new();
    for figure in chosen {
        eprintln!("══ {}: {}", figure.name, figure.what);
        match (figure.measure)(&effort) {
            Ok(measured) => rows.extend(measured),
            Err(failure) => {
                eprintln!("══ {}: {failure}", figure.name);
                rows.push(Row::broken(figure.what, &failure.to_string()));
            }
        }
    }
    print!("{}", table::section(&rows, &effort, arguments));
    let broken: Vec<&str> =
        rows.iter().filter(|row| row.verdict == Verdict::Broken).map(|row| row.figure.as_str()).collect();
    if broken.is_empty() {
        Ok(())
    } else {
        Err(Failure::Failed(format!("not measured: {}", broken.join(", "))))
    }
}

fn parse(arguments: &[String]) -> Outcome<(Vec<String>, Effort)> {
    let quick = arguments.iter().any(|word| word == "--quick");
    let mut effort = if quick { QUICK } else { SHIPPED };
    let mut names = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => {}
            "--rounds" => effort.rounds = value(word, words.next())?.max(1) as usize,
            "--rate" => effort.rate = value(word, words.next())?.max(1),
            "--seconds" => effort.seconds = value(word, words.next())?.max(1),
            "--warm-up" => effort.warm_up_seconds = value(word, words.next())?,
            name if FIGURES.iter().any(|figure| figure.name == name) => names.push(name.to_string()),
            other => {
                return Err(Failure::Usage(format!("there is no figure or option `{other}`; see --list")));
            }
        }
    }
    Ok((names, effort))
}

fn value(option: &str, text: Option<&String>) -> Outcome<u32> {
    let number = text.and_then(|text| text.parse().ok());
    number.ok_or_else(|| Failure::Usage(format!("{option} wants a whole number")))
}

/// The middle value; of an even count the mean of the two in the middle. Not a number for none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn the_shipped_effort_holds_unless_said_otherwise() {
        assert_eq!(parse(&[]).unwrap(), (vec![], SHIPPED));
        let (names, effort) = parse(&words("call --rounds 5 --rate 400 relay")).unwrap();
        assert_eq!(names, ["call", "relay"]);
        assert_eq!(effort, Effort { rounds: 5, rate: 400, ..SHIPPED });
        assert_eq!(parse(&words("--rounds 2 --quick")).unwrap().1, Effort { rounds: 2, ..QUICK });
        assert_eq!(parse(&words("calls")).unwrap_err().exit_code(), 2);
        assert_eq!(parse(&words("--rate fast")).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 2.5);
        assert!(median(&[]).is_nan());
    }
}
