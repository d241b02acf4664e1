//! The section that is pasted into BENCHMARKS.md: the machine, the command, one row per figure.

use super::Effort;
use crate::shell;

/// Whether a figure passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At or better than the bar.
    Met,
    /// Worse than the bar.
    Missed,
    /// Told without a bar of its own.
    Told,
    /// A program or a reference is not there.
    Absent,
    /// It was tried and did not give a figure.
    Broken,
}

/// One row of the table, ready to print.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub figure: String,
    /// The product's value with its unit.
    pub ours: String,
    /// The reference's value in the same run.
    pub reference: String,
    /// Ours over the reference.
    pub ratio: String,
    /// What is asked for.
    pub bar: String,
    /// Whether it is reached.
    pub verdict: Verdict,
}

impl Row {
    /// A row whose program or reference is not there; `what` names it.
    pub fn absent(figure: &str, what: &str) -> Row {
        Row { figure: figure.into(), ours: what.into(), ..Row::empty(Verdict::Absent) }
    }

    /// A row whose measurement failed.
    pub fn broken(figure: &str, why: &str) -> Row {
        let first = why.lines().next().unwrap_or_default();
        Row { figure: figure.into(), ours: first.into(), ..Row::empty(Verdict::Broken) }
    }

    /// A value with nothing beside it.
    pub fn told(figure: &str, ours: impl Into<String>) -> Row {
        Row { figure: figure.into(), ours: ours.into(), ..Row::empty(Verdict::Told) }
    }

    /// A value against a bar of its own unit; smaller is better unless `more`.
    pub fn against(figure: &str, value: f64, unit: &str, bar: f64, more: bool) -> Row {
        let sign = if more { "≥" } else { "≤" };
        Row {
            figure: figure.into(),
            ours: format!("{} {unit}", number(value)),
            bar: format!("{sign} {} {unit}", number(bar)),
            ..Row::empty(verdict(value, bar, more))
        }
    }

    /// A value beside its reference; the bar is the ratio that may not be passed.
    pub fn beside(figure: &str, ours: f64, reference: f64, unit: &str, of: &str, ratio_max: f64) -> Row {
        let ratio = ours / reference;
        Row {
            figure: figure.into(),
            ours: format!("{} {unit}", number(ours)),
            reference: format!("{of} {} {unit}", number(reference)),
            ratio: format!("{ratio:.2}"),
            bar: format!("≤ {ratio_max}"),
            verdict: verdict(ratio, ratio_max, false),
        }
    }

    /// The same row with a word about its reference.
    pub fn with_reference(self, reference: &str) -> Row {
        Row { reference: reference.into(), ..self }
    }

    fn empty(verdict: Verdict) -> Row {
        let dash = || "–".to_string();
        Row { figure: dash(), ours: dash(), reference: dash(), ratio: dash(), bar: dash(), verdict }
    }
}

fn verdict(value: f64, bar: f64, more: bool) -> Verdict {
    // A value that is not a number compares false both ways and never passes.
    let passes = if more { value >= bar } else { value <= bar };
    if passes { Verdict::Met } else { Verdict::Missed }
}

/// Three digits that matter, thousands grouped.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "no figure".into();
    }
    if value.abs() >= 100.0 {
        return grouped(value.round() as i64);
    }
    let decimals = if value.abs() >= 10.0 { 1 } else { 2 };
    format!("{value:.decimals$}")
}

fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0 { format!("-{text}") } else { text }
}

/// The whole section.
pub fn section(rows: &[Row], effort: &Effort, arguments: &[String]) -> String {
    let mut text = format!("\n## {}\n\n", said(&["date", "-u", "+%Y-%m-%d %H:%M UTC"]));
    text += &format!("- Machine: {}\n", machine());
    text += &format!("- Commit: {}\n", said(&["git", "rev-parse", "--short=12", "HEAD"]));
    text += &format!("- Command: `cargo xtask bench {}`\n", arguments.join(" ").trim());
    text += &format!(
        "- Effort: {} interleaved round(s), medians; signalling {} calls/s for {} s after {} s of warm-up\n\n",
        effort.rounds, effort.rate, effort.seconds, effort.warm_up_seconds
    );
    text += "| figure | ours | reference | ratio | bar | verdict |\n|---|---|---|---|---|---|\n";
    for row in rows {
        let verdict = format!("{:?}", row.verdict).to_lowercase();
        let cells = [&row.figure, &row.ours, &row.reference, &row.ratio, &row.bar, &verdict];
        text += &format!("| {} |\n", cells.map(|cell| cell.replace('|', "/")).join(" | "));
    }
    text
}

fn machine() -> String {
    let model = file_line("/proc/cpuinfo", "model name");
    let memory = file_line("/proc/meminfo", "MemTotal");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let system = file_line("/etc/os-release", "PRETTY_NAME");
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    let kernel = said(&["uname", "-r"]);
    format!(
        "{cores} cores of {model}, {memory}, {system}, kernel {kernel}, load average at the end {}",
        load.join(" ")
    )
}

fn file_line(path: &str, key: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    line.split_once([':', '=']).map_or("unknown", |(_, value)| value).trim().trim_matches('"').into()
}

fn said(words: &[&str]) -> String {
    let mut command = shell::command(words[0], &words[1..]);
    command.current_dir(crate::workspace::root());
    shell::output(command).map_or_else(|_| "unknown".into(), |text| text.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_never_good_without_a_figure() {
        assert_eq!(Row::beside("x", f64::NAN, 1.0, "µs", "floor", 1.9).verdict, Verdict::Missed);
        assert_eq!(Row::beside("x", 1.9, 1.0, "µs", "floor", 1.9).verdict, Verdict::Met);
        assert_eq!(Row::beside("x", 2.0, 1.0, "µs", "floor", 1.9).verdict, Verdict::Missed);
        assert_eq!(Row::against("x", 199_999.0, "/s", 200_000.0, true).verdict, Verdict::Missed);
        assert_eq!(Row::against("x", f64::NAN, "/s", 1.0, true).verdict, Verdict::Missed);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(number(1_234_567.4), "1,234,567");
        assert_eq!(number(221.0), "221");
        assert_eq!(number(17.25), "17.2");
        assert_eq!(number(3.456), "3.46");
        assert_eq!(number(f64::NAN), "no figure");
        assert_eq!(grouped(-1000), "-1,000");
    }

    #[test]
    fn a_missing_reference_is_told_in_the_table() {
        let rows = [Row::absent("relay", "rtpengine is not installed (rtpengine-daemon)")];
        let text = section(&rows, &super::super::QUICK, &["rtpengine".into()]);
        assert!(
            text.contains("| relay | rtpengine is not installed (rtpengine-daemon) | – | – | – | absent |"),
            "{text}"
        );
    }
}
