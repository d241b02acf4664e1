//! Names of places as rules write them: the big regions (大区) and their provinces, and names without their suffixes.

use serde::{Deserialize, Serialize};

/// A big region (大区), in the common division of the provinces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BigRegion {
    /// 华北
    North,
    /// 东北
    Northeast,
    /// 华东
    East,
    /// 华中
    Central,
    /// 华南
    South,
    /// 西南
    Southwest,
    /// 西北
    Northwest,
    /// 港澳台
    HongKongMacaoTaiwan,
}

/// Every big region with its name and its provinces, without suffixes.
const BIG_REGIONS: [(BigRegion, &str, &[&str]); 8] = [
    (BigRegion::North, "华北", &["北京", "天津", "河北", "山西", "内蒙古"]),
    (BigRegion::Northeast, "东北", &["辽宁", "吉林", "黑龙江"]),
    (BigRegion::East, "华东", &["上海", "江苏", "浙江", "安徽", "福建", "江西", "山东"]),
    (BigRegion::Central, "华中", &["河南", "湖北", "湖南"]),
    (BigRegion::South, "华南", &["广东", "广西", "海南"]),
    (BigRegion::Southwest, "西南", &["重庆", "四川", "贵州", "云南", "西藏"]),
    (BigRegion::Northwest, "西北", &["陕西", "甘肃", "青海", "宁夏", "新疆"]),
    (BigRegion::HongKongMacaoTaiwan, "港澳台", &["香港", "澳门", "台湾"]),
];

impl BigRegion {
    /// By its Chinese name, such as `华南`.
    pub fn named(name: &str) -> Option<Self> {
        BIG_REGIONS.iter().find(|(_, own, _)| *own == name).map(|(region, _, _)| *region)
    }

    /// The Chinese name.
    pub fn name(self) -> &'static str {
        BIG_REGIONS[self as usize].1
    }

    /// Its provinces, without suffixes.
    pub fn provinces(self) -> &'static [&'static str] {
        BIG_REGIONS[self as usize].2
    }

    /// The big region of a province.
    pub fn of_province(province: &str) -> Option<Self> {
        BIG_REGIONS
            .iter()
            .find(|(_, _, provinces)| provinces.contains(&province))
            .map(|(region, _, _)| *region)
    }
}

/// The province that a name means, with or without 省, 市, 自治区 or 特别行政区.
pub(super) fn province_stem(name: &str) -> Option<&'static str> {
    const SUFFIXES: [&str; 8] =
        ["", "省", "市", "自治区", "壮族自治区", "回族自治区", "维吾尔自治区", "特别行政区"];
    let provinces = BIG_REGIONS.iter().flat_map(|(_, _, provinces)| provinces.iter());
    provinces.copied().find(|own| name.strip_prefix(own).is_some_and(|suffix| SUFFIXES.contains(&suffix)))
}

/// Whether a province is a city of its own (直辖市).
pub(super) fn is_municipality(province: &str) -> bool {
    ["北京", "上海", "天津", "重庆"].contains(&province)
}

/// Whether a name means this city, with or without 市, 地区, 盟, 州, 林区 or the long name of an autonomous prefecture.
pub(super) fn city_stem(name: &str, city: &str) -> bool {
    name.strip_prefix(city).is_some_and(|suffix| {
        ["", "市", "地区", "盟", "州", "林区", "新区"].contains(&suffix) || suffix.ends_with("自治州")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_province_lies_in_one_big_region() {
        let all: Vec<&str> =
            BIG_REGIONS.iter().flat_map(|(_, _, provinces)| provinces.iter().copied()).collect();
        let mut distinct = all.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!((all.len(), distinct.len()), (34, 34));
        for (region, name, provinces) in BIG_REGIONS {
            assert_eq!((region.name(), BigRegion::named(name)), (name, Some(region)));
            assert!(provinces.iter().all(|province| BigRegion::of_province(province) == Some(region)));
        }
    }

    #[test]
    fn provinces_with_and_without_their_suffix() {
        let cases = [
            ("广西壮族自治区", Some("广西")),
            ("香港特别行政区", Some("香港")),
            ("黑龙江省", Some("黑龙江")),
        ];
        for (name, province) in cases.into_iter().chain([("海", None), ("广东人", None), ("", None)]) {
            assert_eq!(province_stem(name), province, "{name}");
        }
    }
}
