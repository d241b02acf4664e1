//! A set of regions as a rule names it: 大区, province, city, area code, number prefix, `unknown`, `international`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Region;
use super::names::BigRegion;

/// Regions by name, compiled; says which of its names matched.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RegionSet {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Term {
    /// As people wrote it.
    name: Arc<str>,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    Big(BigRegion),
    Province(Arc<str>),
    City { province: Arc<str>, city: Arc<str> },
    AreaCode(Arc<str>),
    Prefix(Arc<str>),
    Unknown,
    International,
}

/// The name of a set that a caller matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matched {
    /// As people wrote it in the rule.
    pub name: Arc<str>,
}

/// A name that is no region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no region: a 大区, province, city, area code such as 0755, number prefix such as 1380013, unknown or international")]
pub struct UnknownRegionName {
    /// As written.
    pub name: String,
}

impl RegionSet {
    /// Reads the names of a set; every unknown one is reported.
    pub fn parse(names: &[String]) -> Result<RegionSet, Vec<UnknownRegionName>> {
        let (mut terms, mut unknown) = (Vec::new(), Vec::new());
        for name in names {
            match BigRegion::named(name) {
                Some(big) => terms.push(Term { name: Arc::from(name.as_str()), place: Place::Big(big) }),
                None => unknown.push(UnknownRegionName { name: name.clone() }),
            }
        }
        if unknown.is_empty() { Ok(RegionSet { terms }) } else { Err(unknown) }
    }

    /// The first name that holds this caller, if any does.
    pub fn contains(&self, region: &Region, caller: &str) -> Option<Matched> {
        let term = self.terms.iter().find(|term| term.place.holds(region, caller))?;
        Some(Matched { name: term.name.clone() })
    }
}

impl Place {
    fn holds(&self, region: &Region, caller: &str) -> bool {
        use super::RegionKind;
        match self {
            Place::Big(big) => big.provinces().contains(&&*region.province),
            Place::Province(province) => *province == region.province,
            Place::City { province, city } => *city == region.city && *province == region.province,
            Place::AreaCode(code) => *code == region.area_code,
            Place::Prefix(prefix) => caller.starts_with(&**prefix),
            Place::Unknown => region.kind == RegionKind::Unknown,
            Place::International => region.kind == RegionKind::International,
        }
    }
}
