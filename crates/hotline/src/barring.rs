//! May this caller reach this number now? `Cleared` can be built here only, and dialling asks for one: a call that
//! nobody cleared cannot be dialled.

mod bars;
mod patterns;

pub use bars::{Bars, Standing, Suspicion};
pub use patterns::CallerPatterns;

use crate::cdr::Cause;
use crate::region::Region;
use crate::tenant::{Admission, Ask, Tenant};
use crate::{Hotline, Wall};

/// Who calls, as bars see it.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The caller in national form, empty when withheld.
    pub caller: &'a str,
    /// Where the caller is.
    pub region: &'a Region,
    /// The call's wall time.
    pub at: Wall,
}

/// Proof that a call passed the bars and holds its reservation. Only [`clear`] makes one.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::manual_non_exhaustive, reason = "no other module of this crate may build one either")]
pub struct Cleared {
    /// What the tenant's owner reserved.
    pub admission: Admission,
    /// How the caller passed the bars.
    pub standing: Standing,
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

/// Decides in this order: the number is in service; the enterprise is not frozen; the white list, which passes all that follows but the limits; the
/// block list; the region; the nuisance score; the lock-out after wrong passwords; the limits and the money. The
/// password itself is asked for by the flow, of callers that are not on the white list. What is reserved on success is
/// returned by the tenant when the call settles.
pub fn clear(
    hotline: &Hotline,
    asker: &Asker<'_>,
    tenant: &mut Tenant,
    ask: &Ask,
) -> Result<Cleared, Barred> {
    if !hotline.enabled {
        return Err(out_of_service());
    }
    if hotline.frozen {
        return Err(Barred { cause: Cause::Frozen, detail: "the enterprise is frozen".into() });
    }
    let mut standing = match &hotline.bars {
        Some(bars) => bars.judge(hotline.number, asker, tenant)?,
        None => Standing::default(),
    };
    standing.priority = hotline.priorities.of(asker.caller).map_or(0, |raised| raised.priority);
    let admission = tenant.admit(hotline, asker.caller, ask)?;
    Ok(Cleared { admission, standing, _only_here: () })
}

/// The refusal of a number that is switched off or that nobody holds.
pub fn out_of_service() -> Barred {
    Barred { cause: Cause::NumberNotInService, detail: "the number is not in service".into() }
}
