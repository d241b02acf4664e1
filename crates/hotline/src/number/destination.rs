//! Which numbers may be bound behind a 400 number, and their national form. A refusal is a value with a stable code;
//! whether the phone is the enterprise's own is proven elsewhere.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::special::{SpecialKind, special};
use crate::enterprise::DestinationKind;
use crate::region::{CallerForm, RegionTable, normalise};

/// What the provider permits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationPolicy {
    /// Whether numbers of resellers (162, 165, 167, 170, 171) may be bound; K03 says no.
    pub virtual_numbers: bool,
}

/// A number that may be bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// In national form; a trunk number in digits; a SIP URI as written.
    pub number: String,
    /// What people should know about it.
    pub warnings: Vec<Warning>,
}

/// Something to know that stops nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// 小灵通 was switched off; the number is kept and will hardly answer.
    PhsRetired,
    /// A reseller's number, bound by the provider's leave.
    VirtualNumber,
}

/// A number that may not be bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{number}: {code}{}", name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default())]
pub struct Refusal {
    /// Why, for programs.
    pub code: RefusalCode,
    /// As written.
    pub number: String,
    /// Whose number it is, where a row of special numbers says.
    pub name: Option<String>,
}

/// Why a number may not be bound. [`RefusalCode::as_str`] is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// Police, fire, ambulance and the like (row K24).
    EmergencyNumber,
    /// A short number of an operator, an authority or a company (row K24).
    ServiceNumber,
    /// Charged above the ordinary price.
    PremiumNumber,
    /// A 400 number cannot stand behind a 400 number.
    HotlineNumber,
    /// Nor can an 800 number.
    FreephoneNumber,
    /// A reseller's number (row K03).
    VirtualNumber,
    /// Abroad.
    AbroadNumber,
    /// A landline whose area code nobody has.
    UnknownAreaCode,
    /// Not 0, area code and 7 or 8 digits.
    NotALandline,
    /// Not eleven digits from 13 to 19.
    NotAMobile,
    /// Not 3 to 20 digits.
    NotATrunkNumber,
    /// Not `sip:user@address:port`.
    NotASipUri,
    /// Not 2 to 10 digits.
    NotAnExtension,
    /// The host of a SIP URI is a name: a static address is asked for.
    SipHostNotAddress,
    /// Not a number in any form.
    NotANumber,
}

impl RefusalCode {
    /// The code, such as `virtual_number`.
    pub fn as_str(self) -> &'static str {
        match self {
            RefusalCode::EmergencyNumber => "emergency_number",
            RefusalCode::ServiceNumber => "service_number",
            RefusalCode::PremiumNumber => "premium_number",
            RefusalCode::HotlineNumber => "hotline_number",
            RefusalCode::FreephoneNumber => "freephone_number",
            RefusalCode::VirtualNumber => "virtual_number",
            RefusalCode::AbroadNumber => "abroad_number",
            RefusalCode::UnknownAreaCode => "unknown_area_code",
            RefusalCode::NotALandline => "not_a_landline",
            RefusalCode::NotAMobile => "not_a_mobile",
            RefusalCode::NotATrunkNumber => "not_a_trunk_number",
            RefusalCode::NotASipUri => "not_a_sip_uri",
            RefusalCode::NotAnExtension => "not_an_extension",
            RefusalCode::SipHostNotAddress => "sip_host_not_address",
            RefusalCode::NotANumber => "not_a_number",
        }
    }

    fn of(kind: SpecialKind) -> Self {
        match kind {
            SpecialKind::Emergency => RefusalCode::EmergencyNumber,
            SpecialKind::Service => RefusalCode::ServiceNumber,
            SpecialKind::Premium => RefusalCode::PremiumNumber,
            SpecialKind::Hotline => RefusalCode::HotlineNumber,
            SpecialKind::Freephone => RefusalCode::FreephoneNumber,
            SpecialKind::Virtual => RefusalCode::VirtualNumber,
        }
    }
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Refusal {
    fn new(code: RefusalCode, number: &str) -> Self {
        Self { code, number: number.trim().to_owned(), name: None }
    }
}

/// Whether a telephone number may be bound at all, in whatever form it is written (row K24).
pub fn may_be_bound(number: &str) -> Result<(), Refusal> {
    refuse_special(number)?;
    match normalise(number, None).form {
        CallerForm::Mobile | CallerForm::Landline => Ok(()),
        CallerForm::International => Err(Refusal::new(RefusalCode::AbroadNumber, number)),
        CallerForm::Short => Err(Refusal::new(RefusalCode::ServiceNumber, number)),
        CallerForm::Anonymous | CallerForm::Malformed => Err(Refusal::new(RefusalCode::NotANumber, number)),
    }
}

/// Whether a bound number may be dialled now: what was bound before the lists knew better, or came in by another way than
/// a document, is still not reached when it is an emergency, service, premium, 400, 800 or foreign number (FAULTS N7).
///
/// # Errors
/// Why it may not.
pub fn may_be_dialled(kind: DestinationKind, number: &str) -> Result<(), Refusal> {
    let judged = match kind {
        DestinationKind::Landline | DestinationKind::Mobile | DestinationKind::Phs => may_be_bound(number),
        // It leaves by a trunk just as it stands.
        DestinationKind::TrunkNumber => refuse_special(number).and_then(|()| trunk_number(number)).map(drop),
        // Of the enterprise's own exchange, or its own phone.
        DestinationKind::SipUri | DestinationKind::Extension => Ok(()),
    };
    match judged {
        // Whether a reseller's number is proven was decided where it was bound.
        Err(Refusal { code: RefusalCode::VirtualNumber, .. }) => Ok(()),
        other => other,
    }
}

/// A bound number of a kind, checked under the default policy.
pub fn check_destination(kind: DestinationKind, text: &str) -> Result<Checked, Refusal> {
    check_destination_with(kind, text, DestinationPolicy::default())
}

/// A bound number of a kind, checked under a policy.
pub fn check_destination_with(
    kind: DestinationKind,
    text: &str,
    policy: DestinationPolicy,
) -> Result<Checked, Refusal> {
    let warning = match kind {
        DestinationKind::SipUri => None,
        _ => virtual_or_refused(text, policy)?,
    };
    let number = match kind {
        DestinationKind::Landline | DestinationKind::Phs => landline(text)?,
        DestinationKind::Mobile => mobile(text)?,
        DestinationKind::TrunkNumber => trunk_number(text)?,
        DestinationKind::SipUri => sip_uri(text)?,
        DestinationKind::Extension => extension(text)?,
    };
    let retired = (kind == DestinationKind::Phs).then_some(Warning::PhsRetired);
    Ok(Checked { number, warnings: warning.into_iter().chain(retired).collect() })
}

/// Special numbers are refused, but for a reseller's where the policy lets it pass.
fn virtual_or_refused(text: &str, policy: DestinationPolicy) -> Result<Option<Warning>, Refusal> {
    match refuse_special(text) {
        Err(refusal) if refusal.code == RefusalCode::VirtualNumber && policy.virtual_numbers => {
            Ok(Some(Warning::VirtualNumber))
        }
        Err(refusal) => Err(refusal),
        Ok(()) => Ok(None),
    }
}

/// Looks at the number as written, in national form, and without its area code: 0755-110 is 110.
fn refuse_special(text: &str) -> Result<(), Refusal> {
    let caller = normalise(text, None);
    let digits = digits_of(text).unwrap_or_default();
    let local = match caller.form {
        CallerForm::Landline => "",
        _ => RegionTable::shipped().area_code(&digits).map_or("", |code| &digits[code.len()..]),
    };
    match [&digits, &caller.number, local].into_iter().find_map(special) {
        Some(row) => {
            Err(Refusal { name: Some(row.name.into()), ..Refusal::new(RefusalCode::of(row.kind), text) })
        }
        None => Ok(()),
    }
}

/// The digits of a number written with spaces, dashes and brackets; `None` if anything else stands in it.
fn digits_of(text: &str) -> Option<String> {
    let letters = text.chars().filter(|letter| !matches!(letter, ' ' | '-' | '(' | ')'));
    letters.map(|letter| letter.is_ascii_digit().then_some(letter)).collect()
}

fn landline(text: &str) -> Result<String, Refusal> {
    let caller = normalise(text, None);
    match caller.form {
        CallerForm::Landline if RegionTable::shipped().area_code(&caller.number).is_some() => {
            Ok(caller.number)
        }
        CallerForm::Landline => Err(Refusal::new(RefusalCode::UnknownAreaCode, text)),
        CallerForm::International => Err(Refusal::new(RefusalCode::AbroadNumber, text)),
        CallerForm::Mobile | CallerForm::Short | CallerForm::Anonymous | CallerForm::Malformed => {
            Err(Refusal::new(RefusalCode::NotALandline, text))
        }
    }
}

fn mobile(text: &str) -> Result<String, Refusal> {
    let caller = normalise(text, None);
    match caller.form {
        CallerForm::Mobile => Ok(caller.number),
        CallerForm::International => Err(Refusal::new(RefusalCode::AbroadNumber, text)),
        CallerForm::Landline | CallerForm::Short | CallerForm::Anonymous | CallerForm::Malformed => {
            Err(Refusal::new(RefusalCode::NotAMobile, text))
        }
    }
}

/// A number as the trunk takes it, which may be an extension of the enterprise's own exchange.
fn trunk_number(text: &str) -> Result<String, Refusal> {
    match digits_of(text) {
        Some(digits) if digits.starts_with("00") => Err(Refusal::new(RefusalCode::AbroadNumber, text)),
        Some(digits) if (3..=20).contains(&digits.len()) => Ok(digits),
        Some(_) | None => Err(Refusal::new(RefusalCode::NotATrunkNumber, text)),
    }
}

/// A phone of the enterprise's own.
fn extension(text: &str) -> Result<String, Refusal> {
    let fits = (2..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { Ok(text.to_owned()) } else { Err(Refusal::new(RefusalCode::NotAnExtension, text)) }
}

/// `sip:user@address[:port][;transport=udp|tcp|tls]`, the address an IPv4 or bracketed IPv6 that one host can have.
/// The user part is a number to someone, so special numbers are refused there too.
fn sip_uri(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let wrong = || Refusal::new(RefusalCode::NotASipUri, text);
    let rest = text.strip_prefix("sip:").or_else(|| text.strip_prefix("sips:")).ok_or_else(wrong)?;
    let (address, parameters) = rest.split_once(';').map_or((rest, None), |(a, p)| (a, Some(p)));
    let known = ["transport=udp", "transport=tcp", "transport=tls"];
    if parameters.is_some_and(|written| !known.contains(&written)) {
        return Err(wrong());
    }
    let (user, host) = address.split_once('@').ok_or_else(wrong)?;
    if !(1..=64).contains(&user.len()) || !user.bytes().all(is_user_byte) {
        return Err(wrong());
    }
    refuse_special_user(user, text)?;
    match host_address(host) {
        Host::Address => Ok(text.to_owned()),
        Host::Name => Err(Refusal::new(RefusalCode::SipHostNotAddress, text)),
        Host::Wrong => Err(wrong()),
    }
}

/// Unreserved and user-unreserved bytes of RFC 3261 section 25.1, without escapes and passwords.
fn is_user_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,/".contains(&byte)
}

/// Short numbers of an own exchange pass; emergency and premium numbers do not go out by way of a SIP address.
fn refuse_special_user(user: &str, text: &str) -> Result<(), Refusal> {
    match special(user.trim_start_matches('+')) {
        Some(row) if matches!(row.kind, SpecialKind::Emergency | SpecialKind::Premium) => {
            Err(Refusal { name: Some(row.name.into()), ..Refusal::new(RefusalCode::of(row.kind), text) })
        }
        Some(_) | None => Ok(()),
    }
}

enum Host {
    Address,
    Name,
    Wrong,
}

fn host_address(host: &str) -> Host {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let bracketed = bare.len() != host.len();
    let (ip, port) = match (host.parse::<SocketAddr>(), bare.parse::<IpAddr>()) {
        (Ok(address), _) => (address.ip(), address.port()),
        (Err(_), Ok(ip)) if ip.is_ipv6() == bracketed => (ip, 5060),
        (Err(_), _) => return if is_host_name(host) { Host::Name } else { Host::Wrong },
    };
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    let one_host = !ip.is_unspecified() && !ip.is_multicast() && !broadcast && port != 0;
    if one_host { Host::Address } else { Host::Wrong }
}

fn is_host_name(host: &str) -> bool {
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let last = name.rsplit('.').next().unwrap_or(name);
    !last.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
        && last.bytes().any(|byte| byte.is_ascii_alphabetic())
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use DestinationKind::*;

    use super::*;

    fn code(kind: DestinationKind, text: &str) -> &'static str {
        check_destination(kind, text).map_or_else(|refusal| refusal.code.as_str(), |_| "ok")
    }

    #[test]
    fn k24_emergency_and_short_numbers_are_never_bound() {
        for (number, expected) in [
            ("110", "emergency_number"),
            ("119", "emergency_number"),
            ("120", "emergency_number"),
            ("122", "emergency_number"),
            ("12110", "emergency_number"),
            ("121100755", "emergency_number"),
            ("12395", "emergency_number"),
            ("0755-110", "emergency_number"),
            ("010119", "emergency_number"),
            ("10086", "service_number"),
            ("12345", "service_number"),
            ("95588", "service_number"),
            ("96110", "service_number"),
            ("010-95588", "service_number"),
            ("16812345", "premium_number"),
            ("0755 16812345", "premium_number"),
            ("4006123456", "hotline_number"),
            ("400-612-3456", "hotline_number"),
            ("8008201234", "freephone_number"),
            ("17012345678", "virtual_number"),
            ("+8617112345678", "virtual_number"),
            ("0085221234567", "abroad_number"),
            ("+12025550123", "abroad_number"),
            ("alice", "not_a_number"),
            ("", "not_a_number"),
        ] {
            let refused = may_be_bound(number).map_err(|refusal| refusal.code.as_str());
            assert_eq!(refused, Err(expected), "{number}");
            for kind in [Landline, Mobile, TrunkNumber, Phs] {
                assert_ne!(code(kind, number), "ok", "{number} as {kind:?}");
            }
        }
        for number in ["13800138000", "010-88886666", "+8675566668888", "16600138000"] {
            assert_eq!(may_be_bound(number), Ok(()), "{number}");
        }
    }

    #[test]
    fn r02_each_kind_takes_its_own_form() {
        for (kind, text, number) in [
            (Landline, "010-8888 6666", "01088886666"),
            (Landline, "(0755)66668888", "075566668888"),
            (Landline, "+862166668888", "02166668888"),
            (Mobile, "138 0013 8000", "13800138000"),
            (Mobile, "+8613800138000", "13800138000"),
            (TrunkNumber, "8001", "8001"),
            (TrunkNumber, "0755-66668888", "075566668888"),
            (SipUri, "sip:8001@192.0.2.10:5060", "sip:8001@192.0.2.10:5060"),
            (
                SipUri,
                "sip:desk@[2001:db8::1]:5080;transport=tcp",
                "sip:desk@[2001:db8::1]:5080;transport=tcp",
            ),
            (SipUri, "sip:8001@192.0.2.10", "sip:8001@192.0.2.10"),
        ] {
            let checked = check_destination(kind, text);
            assert_eq!(checked, Ok(Checked { number: number.into(), warnings: vec![] }), "{text}");
        }
    }

    #[test]
    fn r02_what_does_not_fit_its_kind_is_refused_with_a_code() {
        for (kind, text, expected) in [
            (Landline, "13800138000", "not_a_landline"),
            (Landline, "88886666", "not_a_landline"),
            (Landline, "03008886666", "unknown_area_code"),
            (Landline, "010888866661", "not_a_landline"),
            (Mobile, "01088886666", "not_a_mobile"),
            (Mobile, "1380013800", "not_a_mobile"),
            (Mobile, "12800138000", "not_a_mobile"),
            (TrunkNumber, "80", "not_a_trunk_number"),
            (TrunkNumber, "80a1", "not_a_trunk_number"),
            (TrunkNumber, "110", "emergency_number"),
            (SipUri, "8001@192.0.2.10", "not_a_sip_uri"),
            (SipUri, "sip:192.0.2.10", "not_a_sip_uri"),
            (SipUri, "sip:8001@pbx.example:5060", "sip_host_not_address"),
            (SipUri, "sip:8001@192.0.2.10:70000", "not_a_sip_uri"),
            (SipUri, "sip:8001@192.0.2.10:0", "not_a_sip_uri"),
            (SipUri, "sip:8001@0.0.0.0", "not_a_sip_uri"),
            (SipUri, "sip:8001@224.0.0.1", "not_a_sip_uri"),
            (SipUri, "sip:8001@192.0.2.10;maddr=192.0.2.1", "not_a_sip_uri"),
            (SipUri, "sip:a b@192.0.2.10", "not_a_sip_uri"),
            (SipUri, "sip:8001@192.0.2.10\r\nX: y", "not_a_sip_uri"),
            (SipUri, "sip:110@192.0.2.10", "emergency_number"),
        ] {
            assert_eq!(code(kind, text), expected, "{kind:?} {text}");
        }
    }

    #[test]
    fn fault_n7_abroad_premium_and_unlisted_destinations_are_refused_whatever_they_are_called() {
        for number in [
            "0085221234567",
            "0085366123456",
            "00886212345678",
            "+85221234567",
            "+12025550123",
            "0012025550123",
            "008816123456789",
            "16812345",
            "1600123",
            "0755 16812345",
            "12590123",
            "11600123",
            "4006123456",
            "110",
            "95588",
        ] {
            for kind in [Landline, Mobile, Phs, TrunkNumber] {
                assert_ne!(code(kind, number), "ok", "{number} bound as {kind:?}");
                assert!(may_be_dialled(kind, number).is_err(), "{number} dialled as {kind:?}");
            }
        }
        for (number, refused) in [("03008886666", "unknown_area_code"), ("088012345678", "not_a_landline")] {
            assert_eq!(code(Landline, number), refused, "in no table");
        }
        for uri in ["sip:16812345@192.0.2.10", "sip:110@192.0.2.10"] {
            assert_ne!(code(SipUri, uri), "ok", "{uri}");
        }
        for (kind, number) in [
            (Landline, "01088886666"),
            (Mobile, "13800138000"),
            (Mobile, "17012345678"),
            (TrunkNumber, "8001"),
            (TrunkNumber, "02151000001"),
            (SipUri, "sip:8001@192.0.2.10"),
            (Extension, "8001"),
        ] {
            assert_eq!(may_be_dialled(kind, number), Ok(()), "{number} as {kind:?}");
        }
    }

    #[test]
    fn k03_resellers_numbers_pass_only_by_the_providers_leave() {
        let leave = DestinationPolicy { virtual_numbers: true };
        for number in ["17012345678", "17112345678", "16212345678", "16512345678", "16712345678"] {
            assert_eq!(code(Mobile, number), "virtual_number", "{number}");
            assert_eq!(code(TrunkNumber, number), "virtual_number", "{number}");
            let checked = check_destination_with(Mobile, number, leave).unwrap();
            assert_eq!(checked.warnings, [Warning::VirtualNumber]);
        }
        assert_eq!(
            check_destination_with(Mobile, "110", leave).unwrap_err().code,
            RefusalCode::EmergencyNumber
        );
    }

    #[test]
    fn r02_phs_is_kept_and_warned_about() {
        let checked = check_destination(Phs, "010-62345678").unwrap();
        assert_eq!((checked.number.as_str(), checked.warnings), ("01062345678", vec![Warning::PhsRetired]));
        assert_eq!(code(Phs, "13800138000"), "not_a_landline");
    }

    #[test]
    fn a_refusal_says_number_code_and_name() {
        assert_eq!(may_be_bound(" 110 ").unwrap_err().to_string(), "110: emergency_number (公安报警)");
        let codes = [RefusalCode::VirtualNumber, RefusalCode::SipHostNotAddress, RefusalCode::NotALandline];
        assert!(codes.iter().all(|code| serde_json::to_value(code).unwrap() == code.as_str()));
    }
}
