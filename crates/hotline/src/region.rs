//! Where a caller is from: province, city, area code and carrier of a number, and named sets of regions.
//! Knows numbering plans, not calls or rules.

mod caller;
mod data;
mod names;
mod overrides;
mod set;
mod table;

pub use caller::{Caller, CallerForm, CallerRules, LocalDigits, normalise};
pub use data::{ImportError, PlaceRow, RegionData};
pub use names::BigRegion;
pub use overrides::{Override, OverrideError};
pub use set::{RegionSet, UnknownRegionName};
pub use table::RegionTable;

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

/// Where a number belongs. Cheap to clone: the names are shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Region {
    /// Mainland, abroad, or not known.
    pub kind: RegionKind,
    /// Without its suffix, such as `广东`; 香港, 澳门 and 台湾 too; empty when not known.
    pub province: Arc<str>,
    /// Without its suffix, such as `深圳`; empty when not known.
    pub city: Arc<str>,
    /// With its leading zero, such as `0755`; abroad `00` and the country code; empty when not known.
    pub area_code: Arc<str>,
    /// Whose prefix it is, **as issued**: a number that was ported (携号转网) has another operator today.
    #[serde(rename = "carrier_as_issued")]
    pub carrier: Option<Carrier>,
    /// What the answer rests on.
    pub source: RegionSource,
}

/// The three kinds of place a call can come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionKind {
    /// Mainland China.
    Mainland,
    /// Any other country calling code, Hong Kong, Macao and Taiwan included.
    International,
    /// The number says nothing, or a prefix newer than the table.
    Unknown,
}

/// What a region rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionSource {
    /// The operator's own override.
    Override,
    /// The first seven digits of a mobile number.
    MobilePrefix,
    /// A landline area code.
    AreaCode,
    /// A country calling code.
    CountryCode,
    /// Nothing.
    None,
}

/// To whom a mobile prefix was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// 中国移动
    Mobile,
    /// 中国联通
    Unicom,
    /// 中国电信
    Telecom,
    /// A reseller on 电信.
    TelecomVirtual,
    /// A reseller on 联通.
    UnicomVirtual,
    /// A reseller on 移动.
    MobileVirtual,
    /// 中国广电
    Broadnet,
    /// A reseller on 广电.
    BroadnetVirtual,
}

static UNKNOWN: LazyLock<Region> = LazyLock::new(|| Region {
    kind: RegionKind::Unknown,
    province: Arc::from(""),
    city: Arc::from(""),
    area_code: Arc::from(""),
    carrier: None,
    source: RegionSource::None,
});

impl Region {
    /// Nothing is known.
    pub fn unknown() -> Self {
        UNKNOWN.clone()
    }
}

impl Default for Region {
    fn default() -> Self {
        Self::unknown()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_survive_a_snapshot() {
        for caller in ["13510000000", "075566668888", "0085221234567", "anonymous"] {
            let region = RegionTable::shipped().locate(caller);
            let bytes = postcard::to_allocvec(&region).unwrap();
            assert_eq!(postcard::from_bytes::<Region>(&bytes), Ok(region.clone()), "{caller}");
            let json = serde_json::to_string(&region).unwrap();
            assert_eq!(serde_json::from_str::<Region>(&json).unwrap(), region, "{caller}");
        }
        assert_eq!(Region::default(), Region::unknown());
    }
}
