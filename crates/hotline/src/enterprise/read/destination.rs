//! Bound numbers as documents write them: the kind where it is not said, and the national form.

use super::hours::without_separators;
use super::problem::Fault;
use crate::enterprise::DestinationKind;

/// A bound number in the form it is dialled in.
pub(super) struct Bound {
    pub(super) number: String,
    /// Whether it is of a kind that was switched off.
    pub(super) retired: bool,
}

/// The kind that the writing of a number shows: a SIP address, a mobile of eleven digits, or else a landline.
pub(in crate::enterprise) fn infer_kind(written: &str) -> DestinationKind {
    let digits = without_separators(written);
    if written.starts_with("sip:") || written.starts_with("sips:") {
        DestinationKind::SipUri
    } else if digits.len() == 11 && digits.starts_with('1') && digits.bytes().all(|b| b.is_ascii_digit()) {
        DestinationKind::Mobile
    } else {
        DestinationKind::Landline
    }
}

/// The national form of a bound number, if it may be bound.
pub(super) fn check(kind: DestinationKind, written: &str) -> Result<Bound, Fault> {
    let number = match kind {
        DestinationKind::SipUri => written.to_owned(),
        _ => without_separators(written),
    };
    Ok(Bound { number, retired: kind == DestinationKind::Phs })
}
