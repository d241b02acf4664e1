//! May this caller reach this number now? `Cleared` can be built here only, and dialling asks for one: a call that
//! nobody cleared cannot be dialled.

use serde::{Deserialize, Serialize};

use crate::Hotline;
use crate::cdr::Cause;
use crate::tenant::{Admission, Tenant};

/// Callers by number or by beginning (`021*`); sorted, so that the first match is the same everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerPatterns {
    exact: Vec<String>,
    beginnings: Vec<String>,
}

impl CallerPatterns {
    /// From patterns as people write them: digits, or digits and a closing star. Returns those that are neither.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> (Self, Vec<&'a str>) {
        let (mut made, mut wrong) = (Self::default(), Vec::new());
        for pattern in patterns {
            let digits = pattern.strip_suffix('*').unwrap_or(pattern);
            let well_formed = (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            match (well_formed, digits.len() < pattern.len()) {
                (false, _) => wrong.push(pattern),
                (true, false) => made.exact.push(digits.to_owned()),
                (true, true) => made.beginnings.push(pattern.to_owned()),
            }
        }
        made.exact.sort();
        made.exact.dedup();
        made.beginnings.sort();
        made.beginnings.dedup();
        (made, wrong)
    }

    /// The pattern that names this caller, if one does; a withheld caller is on no list.
    pub fn matching(&self, caller: &str) -> Option<&str> {
        if let Ok(place) = self.exact.binary_search_by(|pattern| pattern.as_str().cmp(caller)) {
            return Some(&self.exact[place]);
        }
        let begins = |pattern: &&String| caller.starts_with(&pattern[..pattern.len() - 1]);
        self.beginnings.iter().find(begins).map(String::as_str)
    }

    /// Whether nobody is on the list.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.beginnings.is_empty()
    }
}

/// Proof that a call passed the bars and holds its reservation. Only [`clear`] makes one.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::manual_non_exhaustive, reason = "no other module of this crate may build one either")]
pub struct Cleared {
    /// What the tenant's owner reserved.
    pub admission: Admission,
    _only_here: (),
}

/// A refusal with its reason, an ordinary value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barred {
    /// The cause, with its stable code.
    pub cause: Cause,
    /// What matched or which limit was reached, for the Why.
    pub detail: String,
}

/// Decides in this order: the number is in service, the caller is not blocked, the limits and the money allow it. What
/// is reserved on success is returned by the tenant when the call settles.
pub fn clear(
    hotline: &Hotline,
    caller: &str,
    tenant: &mut Tenant,
    ask: &crate::tenant::Ask,
) -> Result<Cleared, Barred> {
    if !hotline.enabled {
        return Err(out_of_service());
    }
    if let Some(pattern) = hotline.block.matching(caller) {
        return Err(Barred { cause: Cause::Blocked, detail: pattern.to_owned() });
    }
    let admission = tenant.admit(hotline, caller, ask)?;
    Ok(Cleared { admission, _only_here: () })
}

/// The refusal of a number that is switched off or that nobody holds.
pub fn out_of_service() -> Barred {
    Barred { cause: Cause::NumberNotInService, detail: "the number is not in service".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b01_a_number_and_a_beginning_are_matched_and_nothing_else() {
        let (patterns, wrong) = CallerPatterns::new(["13800138000", "021*", "abc", "*", ""]);
        assert_eq!(wrong, ["abc", "*", ""]);
        assert_eq!(patterns.matching("02161234567"), Some("021*"));
        assert_eq!(patterns.matching("13800138000"), Some("13800138000"));
        assert_eq!(patterns.matching("1380013800"), None);
        assert_eq!(patterns.matching(""), None);
    }
}
