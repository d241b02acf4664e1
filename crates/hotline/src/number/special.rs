//! Numbers that are no subscriber's: emergency, service, premium, 400 and 800, and mobile prefixes of resellers.
//! Rows of `data/special.csv` with their sources, in force without end on either side; what follows from a row is
//! decided elsewhere.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// What kind of number a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpecialKind {
    /// Police, fire, ambulance, traffic and sea rescue.
    Emergency,
    /// Short numbers of operators, authorities and companies.
    Service,
    /// Charged above the ordinary price (声讯).
    Premium,
    /// A 400 number.
    Hotline,
    /// An 800 number.
    Freephone,
    /// A mobile prefix of a reseller (虚拟运营商).
    Virtual,
}

impl SpecialKind {
    /// The word of the table.
    pub fn as_str(self) -> &'static str {
        match self {
            SpecialKind::Emergency => "emergency",
            SpecialKind::Service => "service",
            SpecialKind::Premium => "premium",
            SpecialKind::Hotline => "hotline",
            SpecialKind::Freephone => "freephone",
            SpecialKind::Virtual => "virtual",
        }
    }

    fn of(word: &str) -> Option<Self> {
        use SpecialKind::*;
        [Emergency, Service, Premium, Hotline, Freephone, Virtual]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// Numbers that begin alike and have so many digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SpecialRow {
    /// How they begin; the whole number if `digits_max` is its length.
    pub prefix: &'static str,
    /// Fewest digits.
    pub digits_min: u8,
    /// Most digits.
    pub digits_max: u8,
    /// What they are.
    pub kind: SpecialKind,
    /// Whose or what for.
    pub name: &'static str,
    /// Where it is written.
    pub source: &'static str,
}

/// The file, for documents and tests.
pub const SHIPPED: &str = include_str!("../../../../data/special.csv");

/// Reads the text of a table; `Err` is the first line that is none.
fn read(text: &'static str) -> Result<Vec<SpecialRow>, &'static str> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| read_row(line).ok_or(line)).collect()
}

fn read_row(line: &'static str) -> Option<SpecialRow> {
    let mut words = line.splitn(6, ',');
    let prefix = words.next()?;
    let digits_min: u8 = words.next()?.parse().ok()?;
    let digits_max = words.next()?.parse().ok()?;
    let kind = SpecialKind::of(words.next()?)?;
    let (name, source) = (words.next()?, words.next()?);
    let is_sound = !prefix.is_empty()
        && prefix.bytes().all(|byte| byte.is_ascii_digit())
        && prefix.len() <= usize::from(digits_min)
        && digits_min <= digits_max
        && !name.is_empty()
        && !source.is_empty();
    is_sound.then_some(SpecialRow { prefix, digits_min, digits_max, kind, name, source })
}

/// Every row, in the order in which they are asked.
pub fn special_rows() -> &'static [SpecialRow] {
    static ROWS: OnceLock<Vec<SpecialRow>> = OnceLock::new();
    ROWS.get_or_init(|| read(SHIPPED).expect("data/special.csv is read by a test"))
}

/// Whether a number, as dialled, is one that calls for help (row K24).
pub fn is_emergency(dialled: &str) -> bool {
    special(dialled).is_some_and(|row| row.kind == SpecialKind::Emergency)
}

/// The row that a number, as dialled and in digits only, falls under.
pub fn special(digits: &str) -> Option<&'static SpecialRow> {
    let fits = |row: &&SpecialRow| {
        (usize::from(row.digits_min)..=usize::from(row.digits_max)).contains(&digits.len())
            && digits.starts_with(row.prefix)
    };
    special_rows().iter().find(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k24_no_row_is_hidden_by_one_before_it() {
        for (place, row) in special_rows().iter().enumerate() {
            let example = format!("{:0<width$}", row.prefix, width = usize::from(row.digits_min));
            let longest = format!("{:9<width$}", row.prefix, width = usize::from(row.digits_max));
            let found = [special(&example), special(&longest)].map(|found| found.map(|found| found.kind));
            assert!(found.contains(&Some(row.kind)), "row {place}: {row:?}");
            assert!(!row.source.is_empty() && !row.name.is_empty() && row.digits_min <= row.digits_max);
        }
    }

    #[test]
    fn k24_every_line_of_the_table_reads_and_a_wrong_one_is_named() {
        assert_eq!(special_rows().len(), 31);
        for wrong in [
            "110,3,3,emergency,公安报警",
            "1x0,3,3,emergency,a,b",
            "110,3,2,emergency,a,b",
            "110,3,3,police,a,b",
        ] {
            assert_eq!(read(wrong), Err(wrong));
        }
    }

    #[test]
    fn k24_who_calls_for_help_is_known_by_the_number_alone() {
        for number in ["110", "119", "120", "122", "12110", "121100755", "12122", "12395", "112"] {
            assert!(is_emergency(number), "{number}");
        }
        for number in ["", "11", "1100", "0110", "114", "12345", "12396", "4006010114", "13800138000", "110a"]
        {
            assert!(!is_emergency(number), "{number}");
        }
    }

    #[test]
    fn subscribers_fall_under_no_row() {
        for number in
            ["13800138000", "16800138000", "01088886666", "88886666", "8001", "1001", "0085221234567"]
        {
            assert_eq!(special(number), None, "{number}");
        }
    }
}
