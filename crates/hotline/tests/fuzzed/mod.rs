//! What the fuzzer and the corpus test do with foreign bytes.

use hotline::calendar::PublishedYear;
use hotline::enterprise::{Allowed, BindingLimits, CarrierProfile, Key, Tree, Value, compile, read, write};
use hotline::number::DestinationPolicy;
use hotline::region::{Override, RegionData, RegionTable, normalise};
use hotline::settlement;

/// A prefix file somebody imports: refused or a table that answers.
pub fn region_import(bytes: &[u8]) {
    if let Ok(table) = RegionTable::import(bytes) {
        let _ = table.locate("13800138000");
    }
    let _ = RegionData::from_bytes(bytes);
}

/// A table of overrides somebody imports.
pub fn region_overrides(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Override::parse_csv(text);
    }
}

/// A caller's number as a stranger wrote it: what comes out are digits, and normalising them again changes nothing.
pub fn caller(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let caller = normalise(text, Some("010"));
        assert!(
            caller.number.bytes().all(|byte| byte.is_ascii_digit()),
            "{text:?} became {:?}",
            caller.number
        );
    }
}

/// A stored log: refused or facts that fold.
pub fn call_log(bytes: &[u8]) {
    if let Some(log) = settlement::read_log(bytes) {
        let _ = hotline::cdr::fold(hotline::CallId(1), &log);
    }
}

/// A year of holidays somebody imports: refused with every wrong line, or days of that year.
pub fn calendar(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match PublishedYear::read(text) {
        Ok(read) => assert!(read.days.days().iter().all(|day| day.date.year() == read.year)),
        Err(wrong) => assert!(!wrong.is_empty()),
    }
}

/// An enterprise's document that somebody wrote: refused with its problems, or an enterprise that is written as a document
/// that reads the same, and whose numbers compile.
pub fn enterprise(bytes: &[u8]) {
    is_good(bytes);
}

/// The same, and whether it was an enterprise.
pub fn is_good(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let lines: Vec<(u32, usize, &str)> = text
        .lines()
        .zip(1..)
        .map(|(line, number)| {
            let said = line.trim_start_matches('\t');
            (number, line.len() - said.len(), said)
        })
        .collect();
    let tree = block(&lines, 0, 0);
    let bindings = BindingLimits { usual_max: 20, raised: Default::default(), forwards_count: false };
    let allowed = Allowed {
        bindings,
        policy: DestinationPolicy::default(),
        carrier: CarrierProfile::default(),
        prompts: &["welcome", "after_hours", "recording_notice", "enter_password", "wrong_password"],
        unreviewed: &[],
        plans: &["T1", "T2"],
        flows: &[],
    };
    match read(&tree, &allowed) {
        Ok((enterprise, _)) => {
            let again = read(&write(&enterprise), &allowed);
            assert_eq!(again.map(|(enterprise, _)| enterprise), Ok(enterprise.clone()));
            assert_eq!(compile(&enterprise, 1).len(), enterprise.numbers.len());
            true
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            false
        }
    }
}

/// Lines of one depth as a list (`- value`), a map (`name: value`) or a value; what is deeper belongs to the line before.
fn block(lines: &[(u32, usize, &str)], depth: usize, nested: usize) -> Tree {
    let first = lines.first().map_or(0, |(number, ..)| *number);
    let starts: Vec<usize> = (0..lines.len()).filter(|at| *at == 0 || lines[*at].1 <= depth).collect();
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let parts: Vec<_> = starts.iter().copied().zip(ends).map(|(from, to)| &lines[from..to]).collect();
    let value = |text: &str, part: &[(u32, usize, &str)]| match part.len() > 1 && nested < 24 {
        true => block(&part[1..], part[1].1, nested + 1),
        false => Tree::new(part[0].0, scalar(text)),
    };
    if lines.first().is_some_and(|(_, _, said)| said.starts_with("- ")) {
        let item = |part: &&[_]| value(part_text(part).strip_prefix("- ").unwrap_or_default(), part);
        return Tree::new(first, Value::List(parts.iter().map(item).collect()));
    }
    let entry = |part: &&[(u32, usize, &str)]| {
        let (name, rest) = part_text(part).split_once(": ").unwrap_or((part_text(part), ""));
        (Key { line: part[0].0, text: name.to_owned() }, value(rest, part))
    };
    match lines.is_empty() {
        true => Tree::new(0, Value::Null),
        false => Tree::new(first, Value::Map(parts.iter().map(entry).collect())),
    }
}

fn part_text<'t>(part: &[(u32, usize, &'t str)]) -> &'t str {
    part[0].2
}

fn scalar(text: &str) -> Value {
    match text {
        "" | "~" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => Value::Number(number.to_owned()),
        text => Value::Text(text.trim_matches('"').to_owned()),
    }
}
