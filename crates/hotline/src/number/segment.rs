//! Which operator issued a segment of 400 numbers, and when: dated rows with their sources. A segment is a million
//! numbers that need no row each.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::calendar::Date;
use crate::id::HotlineNumber;

/// The operators that issue 400 numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// 中国电信
    Telecom,
    /// 中国联通
    Unicom,
    /// 中国网通, merged into 联通.
    Netcom,
    /// 中国移动
    Mobile,
    /// 中国铁通, merged into 移动.
    Tietong,
}

impl Operator {
    /// The short Chinese name, such as `联通`.
    pub fn name(self) -> &'static str {
        match self {
            Operator::Telecom => "电信",
            Operator::Unicom => "联通",
            Operator::Netcom => "网通",
            Operator::Mobile => "移动",
            Operator::Tietong => "铁通",
        }
    }
}

/// How sure a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentStatus {
    /// Sources agree.
    Confirmed,
    /// One source, or sources that differ: shown, never relied upon.
    Unconfirmed,
}

/// One operator's time with a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRow {
    /// How its numbers begin, such as `4006`.
    pub prefix: String,
    /// Who issues them.
    pub operator: Operator,
    /// How sure that is.
    pub status: SegmentStatus,
    /// The first day, Beijing; `None` is from the beginning.
    pub valid_from: Option<Date>,
    /// The day after the last; `None` is until further notice.
    pub valid_to: Option<Date>,
    /// Where it is written.
    pub source: String,
}

/// Segments, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segments {
    rows: Vec<SegmentRow>,
}

/// Two rows claim one segment on the same day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("segment {prefix} has two operators on one day: {first} and {second}", first = .operators.0.name(), second = .operators.1.name())]
pub struct SegmentOverlap {
    /// The segment.
    pub prefix: String,
    /// The two that claim it.
    pub operators: (Operator, Operator),
}

/// Prefix, operator, status, first day and day after the last (`""` is open), source.
type Shipped = (&'static str, Operator, SegmentStatus, &'static str, &'static str, &'static str);

/// FEATURES.md 2.1. The seeds date nothing: the days of the two mergers are 联通's with 网通 (15 October 2008) and, for
/// 铁通's numbers at 移动, the year 2009. 4002 to 4005 appear in no source and are unknown.
const SHIPPED: [Shipped; 8] = {
    use Operator::*;
    use SegmentStatus::*;
    [
        ("4008", Telecom, Confirmed, "", "", "seed 002:33, 85, 90; first block 400-820"),
        ("4006", Netcom, Confirmed, "", "2008-10-15", "seed 002:85, 88: 原中国网通"),
        ("4006", Unicom, Confirmed, "2008-10-15", "", "seed 002:34, 85, 88"),
        ("4000", Unicom, Confirmed, "", "", "seed 002:34, 89: 原老联通"),
        ("4007", Tietong, Confirmed, "", "2009-01-01", "seed 002:33, 91: 原中国铁通"),
        ("4007", Mobile, Confirmed, "2009-01-01", "", "seed 002:85, 91; 001:3: 现归中国移动"),
        ("4001", Mobile, Confirmed, "", "", "seed 002:33, 85, 92; 001:3"),
        (
            "4009",
            Telecom,
            Unconfirmed,
            "",
            "",
            "seed 001:3 names 电信联通 for 4008/4009; sellers' pages name 电信",
        ),
    ]
};

static SEGMENTS: LazyLock<Segments> = LazyLock::new(|| {
    let row = |(prefix, operator, status, from, to, source): Shipped| SegmentRow {
        prefix: prefix.to_owned(),
        operator,
        status,
        valid_from: from.parse().ok(),
        valid_to: to.parse().ok(),
        source: source.to_owned(),
    };
    Segments::new(SHIPPED.into_iter().map(row).collect()).expect("the shipped rows are checked by a test")
});

impl SegmentRow {
    /// Whether it holds on a day.
    pub fn holds_on(&self, date: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= date) && self.valid_to.is_none_or(|to| date < to)
    }

    /// How many numbers begin so: a million for a prefix of four digits.
    pub fn capacity(&self) -> u64 {
        u32::try_from(10usize.saturating_sub(self.prefix.len())).map_or(0, |digits| 10u64.pow(digits))
    }

    fn meets(&self, other: &SegmentRow) -> bool {
        let begins_before_end = |a: &SegmentRow, b: &SegmentRow| match (a.valid_from, b.valid_to) {
            (Some(from), Some(to)) => from < to,
            _ => true,
        };
        self.prefix == other.prefix && begins_before_end(self, other) && begins_before_end(other, self)
    }
}

impl Segments {
    /// The rows that come with the product.
    pub fn shipped() -> &'static Self {
        &SEGMENTS
    }

    /// Rows of any source, unless two claim the same segment on one day.
    pub fn new(rows: Vec<SegmentRow>) -> Result<Self, SegmentOverlap> {
        for (place, row) in rows.iter().enumerate() {
            if let Some(other) = rows[..place].iter().find(|other| other.meets(row)) {
                let operators = (other.operator, row.operator);
                return Err(SegmentOverlap { prefix: row.prefix.clone(), operators });
            }
        }
        Ok(Self { rows })
    }

    /// All rows.
    pub fn rows(&self) -> &[SegmentRow] {
        &self.rows
    }

    /// Who issued a number as of a day, by the longest prefix; `None` is unknown.
    pub fn operator_on(&self, number: HotlineNumber, date: Date) -> Option<&SegmentRow> {
        let text = number.to_string();
        let holding = self.rows.iter().filter(|row| text.starts_with(&row.prefix) && row.holds_on(date));
        holding.max_by_key(|row| row.prefix.len())
    }

    /// How many numbers the confirmed segments of a day hold.
    pub fn capacity_on(&self, date: Date) -> u64 {
        let sure = |row: &&SegmentRow| row.status == SegmentStatus::Confirmed && row.holds_on(date);
        self.rows.iter().filter(sure).map(SegmentRow::capacity).sum()
    }
}

/// Who issued a number as of a day, by the shipped rows; `None` is unknown.
pub fn operator_on(number: HotlineNumber, date: Date) -> Option<&'static SegmentRow> {
    Segments::shipped().operator_on(number, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(number: &str, date: &str) -> Option<(Operator, SegmentStatus)> {
        let row = operator_on(number.parse().unwrap(), date.parse().unwrap())?;
        assert!(!row.source.is_empty() && row.holds_on(date.parse().unwrap()));
        Some((row.operator, row.status))
    }

    #[test]
    fn n02_the_operator_of_a_number_depends_on_the_day() {
        use Operator::*;
        use SegmentStatus::*;
        assert_eq!(seen("4007123456", "2008-12-31"), Some((Tietong, Confirmed)));
        assert_eq!(seen("4007123456", "2009-01-01"), Some((Mobile, Confirmed)));
        assert_eq!(seen("4006123456", "2008-10-14"), Some((Netcom, Confirmed)));
        assert_eq!(seen("4006123456", "2026-11-22"), Some((Unicom, Confirmed)));
        assert_eq!(seen("4000123456", "2026-11-22"), Some((Unicom, Confirmed)));
        assert_eq!(seen("4008123888", "2026-11-22"), Some((Telecom, Confirmed)));
        assert_eq!(seen("4001123456", "2026-11-22"), Some((Mobile, Confirmed)));
        assert_eq!(seen("4009123456", "2026-11-22"), Some((Telecom, Unconfirmed)));
        for unknown in ["4002000000", "4003000000", "4004000000", "4005999999"] {
            assert_eq!(seen(unknown, "2026-11-22"), None, "{unknown}");
        }
    }

    #[test]
    fn n01_five_segments_hold_five_million_numbers_without_a_row_each() {
        for day in ["2005-01-01", "2008-10-14", "2008-10-15", "2009-01-01", "2026-11-22"] {
            assert_eq!(Segments::shipped().capacity_on(day.parse().unwrap()), 5_000_000, "{day}");
        }
        assert_eq!(Segments::shipped().rows().len(), 8);
        let dated = Segments::shipped()
            .rows()
            .iter()
            .filter(|row| row.valid_from.is_some() || row.valid_to.is_some());
        assert_eq!(dated.count(), 4);
    }

    #[test]
    fn n02_two_operators_on_one_day_are_refused_and_a_longer_prefix_wins() {
        let mut rows = Segments::shipped().rows().to_vec();
        let own = SegmentRow { prefix: "400820".into(), operator: Operator::Mobile, ..rows[0].clone() };
        rows.push(own.clone());
        let segments = Segments::new(rows.clone()).unwrap();
        let day = Date::new(2026, 1, 1);
        assert_eq!(
            segments.operator_on("4008201234".parse().unwrap(), day).unwrap().operator,
            Operator::Mobile
        );
        assert_eq!(
            segments.operator_on("4008211234".parse().unwrap(), day).unwrap().operator,
            Operator::Telecom
        );
        rows.push(SegmentRow { valid_from: Some(day), ..own });
        assert_eq!(
            Segments::new(rows).unwrap_err().to_string(),
            "segment 400820 has two operators on one day: 移动 and 移动"
        );
    }
}
