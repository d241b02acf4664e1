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
        BIG_REGIONS.iter().find(|(_, _, provinces)| provinces.contains(&province)).map(|(region, _, _)| *region)
    }
}
