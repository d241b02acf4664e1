//! What the carrier of an enterprise's numbers lets it bind, and by whose hand (row R03). The provider knows it; no document
//! says it of itself.

use serde::{Deserialize, Serialize};

use super::{DestinationKind, Fault};
use crate::region::RegionTable;

/// Bound numbers of one 400 number at an operator's desk.
pub const DESK_LINES_MAX: usize = 3;

/// The terms of a carrier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "profile", rename_all = "snake_case", deny_unknown_fields)]
pub enum CarrierProfile {
    /// Numbers of any kind up to the limits, changed by the enterprise as it likes.
    #[default]
    Platform,
    /// At most three landlines of the local area, changed at the desk.
    OperatorDesk {
        /// The local area, such as `010`.
        area_code: String,
    },
}

/// On whose behalf something is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The provider's staff.
    #[default]
    Provider,
    /// The enterprise itself.
    Enterprise,
}

impl CarrierProfile {
    /// Whether this author may change what is bound and how calls go.
    pub fn permits(&self, author: Author) -> bool {
        match (self, author) {
            (CarrierProfile::Platform, Author::Provider | Author::Enterprise)
            | (CarrierProfile::OperatorDesk { .. }, Author::Provider) => true,
            (CarrierProfile::OperatorDesk { .. }, Author::Enterprise) => false,
        }
    }

    /// Whether a number of national form may be bound.
    ///
    /// # Errors
    /// At the desk: no landline, or one of another area.
    pub(super) fn check(&self, kind: DestinationKind, number: &str) -> Result<(), Fault> {
        let CarrierProfile::OperatorDesk { area_code } = self else { return Ok(()) };
        let is_local = kind == DestinationKind::Landline
            && RegionTable::shipped().area_code(number) == Some(area_code.as_str());
        if is_local { Ok(()) } else { Err(Fault::DeskLandline { area_code: area_code.clone() }) }
    }

    /// Whether a 400 number may have so many bound numbers, those that only forwards name included.
    ///
    /// # Errors
    /// A fourth at the desk.
    pub(super) fn check_count(&self, found: usize) -> Result<(), Fault> {
        match self {
            CarrierProfile::OperatorDesk { .. } if found > DESK_LINES_MAX => Err(Fault::DeskLimit { found }),
            CarrierProfile::OperatorDesk { .. } | CarrierProfile::Platform => Ok(()),
        }
    }
}
