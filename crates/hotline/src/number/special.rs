//! Numbers that are no subscriber's: emergency, service, premium, 400 and 800, and mobile prefixes of resellers.
//! Rows with their sources, in force without end on either side; what follows from a row is decided elsewhere.

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

const PLAN: &str = "numbering plan of telecom networks (电信网编号计划)";
const K24: &str = "FEATURES.md K24";
const K03: &str = "FEATURES.md K03: no 170/171, no virtual numbers";

const fn row(
    prefix: &'static str,
    digits: (u8, u8),
    kind: SpecialKind,
    name: &'static str,
    source: &'static str,
) -> SpecialRow {
    SpecialRow { prefix, digits_min: digits.0, digits_max: digits.1, kind, name, source }
}

/// The first row that fits decides, so the particular stand before the general.
const ROWS: [SpecialRow; 31] = {
    use SpecialKind::*;
    [
        row("110", (3, 3), Emergency, "公安报警", K24),
        row("119", (3, 3), Emergency, "火警", K24),
        row("120", (3, 3), Emergency, "急救", K24),
        row("122", (3, 3), Emergency, "交通事故", K24),
        row("112", (3, 3), Emergency, "移动终端紧急呼叫", "3GPP TS 22.101"),
        row("12110", (5, 20), Emergency, "短信报警", PLAN),
        row("12122", (5, 5), Emergency, "高速公路报警救援", PLAN),
        row("12395", (5, 5), Emergency, "水上搜救", PLAN),
        row("160", (5, 8), Premium, "声讯台", PLAN),
        row("168", (5, 8), Premium, "声讯台", PLAN),
        row("1259", (5, 20), Premium, "移动声讯", PLAN),
        row("11600", (5, 8), Premium, "声讯", PLAN),
        row("106", (7, 10), Service, "短信通道", PLAN),
        row("106", (12, 20), Service, "短信通道", PLAN),
        row("1010", (8, 8), Service, "全国统一接入", PLAN),
        row("179", (5, 5), Service, "IP 接入", PLAN),
        row("114", (3, 3), Service, "查号", PLAN),
        row("117", (3, 3), Service, "报时", PLAN),
        row("121", (3, 3), Service, "天气", PLAN),
        row("10", (5, 6), Service, "运营商客服", PLAN),
        row("11", (5, 6), Service, "社会服务", PLAN),
        row("12", (5, 6), Service, "政务服务", PLAN),
        row("95", (5, 8), Service, "全国客服", PLAN),
        row("96", (5, 8), Service, "省内客服", PLAN),
        row("400", (10, 10), Hotline, "400 号码", "seed 004:4"),
        row("800", (10, 10), Freephone, "800 号码", PLAN),
        row("170", (11, 11), Virtual, "虚拟运营商", K03),
        row("171", (11, 11), Virtual, "虚拟运营商", K03),
        row("162", (11, 11), Virtual, "虚拟运营商", K03),
        row("165", (11, 11), Virtual, "虚拟运营商", K03),
        row("167", (11, 11), Virtual, "虚拟运营商", K03),
    ]
};

/// Every row, in the order in which they are asked.
pub fn special_rows() -> &'static [SpecialRow] {
    &ROWS
}

/// Whether a number, as dialled, is one that calls for help (row K24).
pub fn is_emergency(dialled: &str) -> bool {
    special(dialled).is_some_and(|row| row.kind == SpecialKind::Emergency)
}

/// The row that a number, as dialled and in digits only, falls under.
pub(super) fn special(digits: &str) -> Option<&'static SpecialRow> {
    let fits = |row: &&SpecialRow| {
        digits.starts_with(row.prefix)
            && (usize::from(row.digits_min)..=usize::from(row.digits_max)).contains(&digits.len())
    };
    ROWS.iter().find(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k24_no_row_is_hidden_by_one_before_it() {
        for (place, row) in ROWS.iter().enumerate() {
            let example = format!("{:0<width$}", row.prefix, width = usize::from(row.digits_min));
            let longest = format!("{:9<width$}", row.prefix, width = usize::from(row.digits_max));
            let found = [special(&example), special(&longest)].map(|found| found.map(|found| found.kind));
            assert!(found.contains(&Some(row.kind)), "row {place}: {row:?}");
            assert!(!row.source.is_empty() && !row.name.is_empty() && row.digits_min <= row.digits_max);
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
