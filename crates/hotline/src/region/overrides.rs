//! The operator's own rows over the region data: a prefix or a whole number and where it belongs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::data::area_code;
use super::{Region, RegionKind, RegionSource};

/// One row of the operator's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// The start of a number in national form, or a whole number: `1380013`, `01088886666`, `00852`.
    pub prefix: String,
    /// Without suffix; empty if not known.
    pub province: String,
    /// Without suffix; empty if not known.
    pub city: String,
    /// With its zero; empty if not known.
    pub area_code: String,
}

/// What is wrong with a line of an override file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// Not four columns.
    #[error("line {line}: expected prefix,province,city,area_code")]
    Columns {
        /// Counted from 1.
        line: usize,
    },
    /// The prefix is not 3 to 17 digits.
    #[error("line {line}: prefix {prefix:?} is not 3 to 17 digits")]
    Prefix {
        /// Counted from 1.
        line: usize,
        /// As written.
        prefix: String,
    },
    /// The area code is not one.
    #[error("line {line}: {area_code:?} is no area code: write it as 010 or 0755, or leave it empty")]
    AreaCode {
        /// Counted from 1.
        line: usize,
        /// As written.
        area_code: String,
    },
    /// The prefix stands twice.
    #[error("line {line}: prefix {prefix} stands twice")]
    Twice {
        /// Counted from 1.
        line: usize,
        /// As written.
        prefix: String,
    },
}

impl Override {
    /// Reads `prefix,province,city,area_code` lines; a header line, blank lines and `#` remarks are passed over.
    /// Every wrong line is reported.
    pub fn parse_csv(text: &str) -> Result<Vec<Override>, Vec<OverrideError>> {
        let (mut rows, mut errors, mut seen) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (line, row) in text.trim_start_matches('\u{feff}').lines().map(str::trim).enumerate() {
            if row.is_empty() || row.starts_with('#') || row.starts_with("prefix,") {
                continue;
            }
            let line = line + 1;
            match read_row(row, line) {
                Err(error) => errors.push(error),
                Ok(own) if seen.insert(own.prefix.clone(), line).is_some() => {
                    errors.push(OverrideError::Twice { line, prefix: own.prefix });
                }
                Ok(own) => rows.push(own),
            }
        }
        if errors.is_empty() { Ok(rows) } else { Err(errors) }
    }
}

fn read_row(row: &str, line: usize) -> Result<Override, OverrideError> {
    let mut columns = row.split(',').map(|column| column.trim().trim_matches('"').to_owned());
    let mut next = || columns.next().ok_or(OverrideError::Columns { line });
    let own = Override { prefix: next()?, province: next()?, city: next()?, area_code: next()? };
    if columns.next().is_some() {
        return Err(OverrideError::Columns { line });
    }
    let digits = own.prefix.bytes().all(|b| b.is_ascii_digit());
    if !digits || !(3..=17).contains(&own.prefix.len()) {
        return Err(OverrideError::Prefix { line, prefix: own.prefix });
    }
    if !own.area_code.is_empty() && area_code(&own.area_code).as_ref() != Some(&own.area_code) {
        return Err(OverrideError::AreaCode { line, area_code: own.area_code });
    }
    Ok(own)
}

/// Overrides by prefix, with the lengths that occur, longest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Overrides {
    regions: Arc<BTreeMap<String, Region>>,
    lengths: Vec<usize>,
}

impl Overrides {
    pub(super) fn compile(rows: Vec<Override>) -> Self {
        let regions: BTreeMap<String, Region> =
            rows.into_iter().map(|row| (row.prefix.clone(), region(row))).collect();
        let mut lengths: Vec<usize> = regions.keys().map(String::len).collect();
        lengths.sort_by(|a, b| b.cmp(a));
        lengths.dedup();
        Self { regions: Arc::new(regions), lengths }
    }

    /// The row with the longest prefix of a caller.
    pub(super) fn find(&self, caller: &str) -> Option<&Region> {
        self.lengths.iter().find_map(|length| self.regions.get(caller.get(..*length)?))
    }
}

fn region(row: Override) -> Region {
    let abroad = row.prefix.starts_with("00");
    Region {
        kind: if abroad { RegionKind::International } else { RegionKind::Mainland },
        province: Arc::from(row.province),
        city: Arc::from(row.city),
        area_code: Arc::from(row.area_code),
        carrier: None,
        source: RegionSource::Override,
    }
}

#[cfg(test)]
mod tests {
    use super::super::RegionTable;
    use super::*;

    #[test]
    fn r36_the_longest_override_wins_and_the_carrier_stays_as_issued() {
        let csv = "prefix,province,city,area_code\n1380013,广东,深圳,0755\n\n13800138000,海南,三亚,0898\n00852,香港,,\n";
        let table = RegionTable::shipped().with_overrides(Override::parse_csv(csv).unwrap());
        let city = |caller: &str| table.locate(caller).city.to_string();
        assert_eq!([city("13800138000"), city("13800138001"), city("13800148000")], ["三亚", "深圳", "北京"]);
        let own = table.locate("13800138000");
        assert_eq!(own.carrier, RegionTable::shipped().locate("13800138000").carrier);
        assert_eq!(own.source, RegionSource::Override);
        assert_eq!(table.locate("0085212345678").kind, RegionKind::International);
        assert_eq!(table.with_overrides(Vec::new()).locate("13800138000").city.as_ref(), "北京");
    }

    #[test]
    fn r36_every_wrong_line_of_an_override_file_is_named() {
        let csv =
            "# ours\n1380013,广东,深圳\nabc,广东,深圳,0755\n1380013,广东,深圳,755\n13900,a,b,\n13900,c,d,\n";
        assert_eq!(
            Override::parse_csv(csv).unwrap_err(),
            [
                OverrideError::Columns { line: 2 },
                OverrideError::Prefix { line: 3, prefix: "abc".into() },
                OverrideError::AreaCode { line: 4, area_code: "755".into() },
                OverrideError::Twice { line: 6, prefix: "13900".into() },
            ]
        );
    }
}
