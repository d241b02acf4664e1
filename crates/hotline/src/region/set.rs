//! A set of regions as a rule names it: 大区, province, city, area code, number prefix, `unknown`, `international`.
//! Knows names and whether a caller is among them, not what a rule does with the answer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::names::{BigRegion, city_stem, is_municipality, province_stem};
use super::table::City;
use super::{Region, RegionKind, RegionTable};

/// Regions by name, compiled; says which of its names matched.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RegionSet {
    terms: Box<[Term]>,
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
    City {
        province: Arc<str>,
        city: Arc<str>,
    },
    /// Of a landline, of a mobile's home, or `00` and a country code.
    AreaCode(Arc<str>),
    /// The start of the caller's number, or all of it.
    Prefix(Arc<str>),
    Unknown,
    International,
}

/// A name that is no region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} is no region: a 大区, province, city, area code such as 0755, number prefix such as 1380013, \
     unknown or international"
)]
pub struct UnknownRegionName {
    /// As written.
    pub name: String,
}

impl RegionSet {
    /// Reads the names of a set, by the places of the shipped table; every unknown name is reported.
    pub fn parse(names: &[String]) -> Result<RegionSet, Vec<UnknownRegionName>> {
        Self::parse_with(names, RegionTable::shipped())
    }

    /// Reads the names of a set, by the places of another table.
    pub fn parse_with(names: &[String], table: &RegionTable) -> Result<RegionSet, Vec<UnknownRegionName>> {
        let (mut terms, mut unknown) = (Vec::new(), Vec::new());
        for name in names {
            match Place::named(name.trim(), table) {
                Some(place) => terms.push(Term { name: Arc::from(name.trim()), place }),
                None => unknown.push(UnknownRegionName { name: name.clone() }),
            }
        }
        if unknown.is_empty() { Ok(RegionSet { terms: terms.into() }) } else { Err(unknown) }
    }

    /// The set of these area codes; `None` if one is none.
    pub fn of_area_codes(codes: &[String]) -> Option<RegionSet> {
        let term = |code: &String| match Place::of_digits(code, RegionTable::shipped())? {
            place @ Place::AreaCode(_) => Some(Term { name: Arc::from(code.as_str()), place }),
            _ => None,
        };
        codes.iter().map(term).collect::<Option<_>>().map(|terms| RegionSet { terms })
    }

    /// The first name that holds this caller, if any does. `caller` is the normalised number.
    pub fn contains(&self, region: &Region, caller: &str) -> Option<&str> {
        self.terms.iter().find(|term| term.place.holds(region, caller)).map(|term| &*term.name)
    }

    /// See [`crate::Hotline`]'s.
    pub(crate) fn glance(&self) -> usize {
        self.terms.first().map_or(0, |term| term.name.len())
    }

    /// The names as people wrote them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().map(|term| &*term.name)
    }
}

impl Place {
    fn named(name: &str, table: &RegionTable) -> Option<Self> {
        match name {
            "unknown" | "未知" => return Some(Place::Unknown),
            "international" | "国际" | "境外" => return Some(Place::International),
            _ => {}
        }
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::of_digits(name, table);
        }
        BigRegion::named(name)
            .map(Place::Big)
            .or_else(|| Self::city_by_suffix(name, table))
            .or_else(|| Self::province(name))
            .or_else(|| Self::city(name, table.cities().iter()))
            .or_else(|| Self::province_and_city(name, table))
    }

    fn of_digits(digits: &str, table: &RegionTable) -> Option<Self> {
        let text = Arc::from(digits);
        let prefix = match digits.as_bytes() {
            [b'0', b'0', b'1'..=b'9', ..] if digits.len() <= 5 => return Some(Place::AreaCode(text)),
            [b'0', b'0', b'1'..=b'9', ..] => digits.len() <= 17,
            [b'0', ..] => match table.area_code(digits) {
                Some(code) if code == digits => return Some(Place::AreaCode(text)),
                Some(_) => digits.len() <= 12,
                None => false,
            },
            [b'1', ..] => (3..=11).contains(&digits.len()),
            // Service numbers call too: 95588, 96110, 4008001234.
            [b'9', b'5' | b'6', ..] => (3..=10).contains(&digits.len()),
            [b'4' | b'8', b'0', b'0', ..] => (4..=10).contains(&digits.len()),
            _ => false,
        };
        prefix.then_some(Place::Prefix(text))
    }

    /// 吉林市 is the city, 吉林 the province; 北京市 is the province-level 北京.
    fn city_by_suffix(name: &str, table: &RegionTable) -> Option<Self> {
        let stem = name.strip_suffix('市').filter(|stem| !is_municipality(stem))?;
        Self::city(stem, table.cities().iter())
    }

    fn province(name: &str) -> Option<Self> {
        province_stem(name).map(|province| Place::Province(Arc::from(province)))
    }

    fn city<'a>(name: &str, cities: impl Iterator<Item = &'a City> + Clone) -> Option<Self> {
        let named = cities.clone().find(|city| city_stem(name, &city.city))?;
        // An old name has no prefixes of its own: it stands for the largest city with its area code.
        let same_code = cities.filter(|city| city.area_code == named.area_code);
        let main = if named.prefixes == 0 { same_code.max_by_key(|city| city.prefixes)? } else { named };
        Some(Place::City { province: main.province.clone(), city: main.city.clone() })
    }

    /// `广东深圳`, `广东省深圳市`.
    fn province_and_city(name: &str, table: &RegionTable) -> Option<Self> {
        let ends = name.char_indices().map(|(end, _)| end).skip(2);
        ends.into_iter().find_map(|end| {
            let province = province_stem(&name[..end])?;
            Self::city(&name[end..], table.cities().iter().filter(|city| &*city.province == province))
        })
    }

    fn holds(&self, region: &Region, caller: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::super::Override;
    use super::*;

    fn set(names: &[&str]) -> RegionSet {
        RegionSet::parse(&names.iter().map(|name| name.to_string()).collect::<Vec<_>>()).unwrap()
    }

    fn matched(names: &[&str], caller: &str) -> Option<String> {
        let region = RegionTable::shipped().locate(caller);
        set(names).contains(&region, caller).map(|matched| matched.to_string())
    }

    #[test]
    fn r08_sets_nest_from_big_region_to_city() {
        let shenzhen = "13510000000";
        for name in [
            "华南",
            "广东",
            "广东省",
            "深圳",
            "深圳市",
            "广东深圳",
            "广东省深圳市",
            "0755",
            "1351000",
            shenzhen,
        ] {
            assert_eq!(matched(&["华北", name], shenzhen).as_deref(), Some(name));
            assert_eq!(matched(&[name], "13800138000"), None, "{name} does not hold Beijing");
        }
        assert_eq!(matched(&["010"], "13800138000").as_deref(), Some("010"), "a mobile of Beijing");
        assert_eq!(matched(&["010"], "01088886666").as_deref(), Some("010"));
        assert_eq!(matched(&["北京市"], "01088886666").as_deref(), Some("北京市"));
    }

    #[test]
    fn r08_one_caller_unknown_and_international() {
        assert_eq!(matched(&["13800138000"], "13800138000").as_deref(), Some("13800138000"));
        assert_eq!(matched(&["13800138000"], "13800138001"), None);
        assert_eq!(matched(&["unknown"], "").as_deref(), Some("unknown"));
        assert_eq!(matched(&["unknown"], "0085212345678"), None);
        assert_eq!(matched(&["international"], "0085212345678").as_deref(), Some("international"));
        assert_eq!(matched(&["港澳台"], "0085212345678").as_deref(), Some("港澳台"));
        assert_eq!(matched(&["0044"], "00442079460000").as_deref(), Some("0044"));
        assert_eq!(matched(&["95588"], "95588").as_deref(), Some("95588"));
    }

    #[test]
    fn r08_names_that_are_both_and_names_of_old() {
        let jilin_city = "043266668888";
        let changchun = "043188886666";
        assert_eq!(matched(&["吉林"], changchun).as_deref(), Some("吉林"));
        assert_eq!(matched(&["吉林市"], changchun), None);
        assert_eq!(matched(&["吉林市"], jilin_city).as_deref(), Some("吉林市"));
        assert_eq!(matched(&["海南"], "08986666888").as_deref(), Some("海南"), "the province");
        assert_eq!(matched(&["克孜勒苏"], "09086666888").as_deref(), Some("克孜勒苏"), "克州 in the data");
        assert_eq!(matched(&["思茅"], "08796666888").as_deref(), Some("思茅"), "普洱 today");
        assert_eq!(
            matched(&["恩施土家族苗族自治州"], "07186666888").as_deref(),
            Some("恩施土家族苗族自治州")
        );
        assert_eq!(matched(&["内蒙古自治区", "锡林郭勒盟"], "04796666888").as_deref(), Some("内蒙古自治区"));
        assert_eq!(matched(&["锡林郭勒盟"], "04796666888").as_deref(), Some("锡林郭勒盟"));
    }

    #[test]
    fn r08_every_unknown_name_is_reported() {
        let names = ["华南", "亚特兰蒂斯", "0300", "755", "", "深", "广东纽约"].map(String::from);
        let unknown = RegionSet::parse(&names).unwrap_err();
        let reported: Vec<&str> = unknown.iter().map(|unknown| unknown.name.as_str()).collect();
        assert_eq!(reported, ["亚特兰蒂斯", "0300", "755", "", "深", "广东纽约"]);
    }

    #[test]
    fn r08_every_place_of_the_table_is_a_name_and_holds_its_callers() {
        for city in RegionTable::shipped().cities().iter().filter(|city| city.prefixes > 0) {
            let name = format!("{}{}", city.province, city.city);
            let place = super::Place::named(&name, RegionTable::shipped()).unwrap();
            assert_eq!(
                place,
                Place::City { province: city.province.clone(), city: city.city.clone() },
                "{name}"
            );
        }
    }

    #[test]
    fn r08_overridden_callers_match_by_their_new_place() {
        let own = Override {
            prefix: "13800138000".into(),
            province: "海南".into(),
            city: "三亚".into(),
            area_code: "0898".into(),
        };
        let region = RegionTable::shipped().with_overrides(vec![own]).locate("13800138000");
        assert!(set(&["三亚"]).contains(&region, "13800138000").is_some());
        assert!(set(&["北京"]).contains(&region, "13800138000").is_none());
    }

    #[test]
    fn sets_survive_a_snapshot() {
        let set = set(&["华南", "北京", "深圳市", "0755", "1380013", "unknown", "international"]);
        let bytes = postcard::to_allocvec(&set).unwrap();
        assert_eq!(postcard::from_bytes::<RegionSet>(&bytes).unwrap(), set);
        assert_eq!(set.names().count(), 7);
    }
}
