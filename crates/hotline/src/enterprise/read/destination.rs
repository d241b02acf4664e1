//! Bound numbers as documents write them: the kind where it is not said, and what `number` says of them in the terms
//! of a document.

use super::problem::Fault;
use crate::enterprise::DestinationKind;
use crate::number::{Checked, DestinationPolicy, RefusalCode, Warning, check_destination_with};

/// The kind that the writing of a number shows: a SIP address, a mobile of eleven digits from 1, or else a landline.
pub(in crate::enterprise) fn infer_kind(written: &str) -> DestinationKind {
    let is_digit_or_separator = |c: char| c.is_ascii_digit() || matches!(c, '-' | ' ');
    let is_mobile = written.starts_with('1')
        && written.chars().all(is_digit_or_separator)
        && written.bytes().filter(u8::is_ascii_digit).count() == 11;
    if written.starts_with("sip:") || written.starts_with("sips:") {
        DestinationKind::SipUri
    } else if is_mobile {
        DestinationKind::Mobile
    } else {
        DestinationKind::Landline
    }
}

/// The national form of a bound number, with warnings, or why it may not be bound.
pub(super) fn check(
    kind: DestinationKind,
    written: &str,
    policy: DestinationPolicy,
) -> Result<(String, Vec<Fault>), Fault> {
    let found = || written.to_owned();
    match check_destination_with(kind, written, policy) {
        Ok(Checked { number, warnings }) => {
            let warning = |warning: &Warning| match warning {
                Warning::PhsRetired => Fault::PhsRetired,
                Warning::VirtualNumber => Fault::VirtualNumberBound,
            };
            let warnings = warnings.iter().map(warning).collect();
            Ok((number, warnings))
        }
        Err(refusal) => Err(match refusal.code {
            RefusalCode::EmergencyNumber
            | RefusalCode::ServiceNumber
            | RefusalCode::PremiumNumber
            | RefusalCode::HotlineNumber
            | RefusalCode::FreephoneNumber => Fault::SpecialNumber { found: found(), code: refusal.code },
            RefusalCode::VirtualNumber => Fault::VirtualNumber { found: found() },
            RefusalCode::AbroadNumber
            | RefusalCode::UnknownAreaCode
            | RefusalCode::NotALandline
            | RefusalCode::NotAMobile
            | RefusalCode::NotATrunkNumber
            | RefusalCode::NotASipUri
            | RefusalCode::NotAnExtension
            | RefusalCode::SipHostNotAddress
            | RefusalCode::NotANumber => Fault::BadDestination { found: found(), kind, code: refusal.code },
        }),
    }
}
