//! Which 400 number a carrier's INVITE is for (row R20): named in the Request-URI, or by two-stage relay, where an access
//! number was dialled and the 400 number stands in Diversion, in History-Info or in the trunk's own table.

use super::Profile;
use crate::HotlineNumber;
use crate::region::normalise;

/// What an INVITE names, as far as finding the 400 number needs it: users of URIs, unescaped.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named<'a> {
    /// User of the Request-URI.
    pub request_uri: &'a str,
    /// User of To.
    pub to: &'a str,
    /// User of the first Diversion (RFC 5806).
    pub diversion: Option<&'a str>,
    /// Users of History-Info (RFC 7044), oldest first.
    pub history: &'a [String],
}

/// The 400 number that a trunk's INVITE is for; `None` if it names none that this trunk brings.
pub fn called(profile: &Profile, area_code: Option<&str>, named: &Named<'_>) -> Option<HotlineNumber> {
    if let Some(number) = read(named.request_uri) {
        return Some(number);
    }
    let dialled = normalise(named.request_uri, area_code).number;
    if let Some(access) = profile.access_numbers.iter().find(|access| access.number == dialled) {
        let history = || named.history.iter().find_map(|user| read(user));
        return named.diversion.and_then(read).or_else(history).or(access.hotline);
    }
    profile.number_from_to.then(|| read(named.to)).flatten()
}

/// A 400 number in any form that carriers write: `400…`, `0400…`, `+86400…`, `86400…`, `0086400…`, with separators.
pub fn read(user: &str) -> Option<HotlineNumber> {
    let user = user.split([';', '@']).next().unwrap_or(user);
    let digits: String =
        user.chars().filter(|letter| !matches!(letter, ' ' | '-' | '.' | '(' | ')')).collect();
    let forms = ["", "0", "+86", "86", "0086", "+860", "086"];
    forms.into_iter().find_map(|form| digits.strip_prefix(form)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::super::AccessNumber;
    use super::*;

    const NUMBER: &str = "4006010114";

    #[test]
    fn r20_every_form_of_a_400_number_is_read() {
        for form in [
            NUMBER,
            "04006010114",
            "+864006010114",
            "864006010114",
            "00864006010114",
            "400-601-0114",
            "4006010114;phone-context=+86",
        ] {
            assert_eq!(read(form).map(|number| number.to_string()).as_deref(), Some(NUMBER), "{form}");
        }
        for other in ["", "400601011", "40060101145", "8006010114", "+854006010114", "01062000001", "abc"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn r20_an_access_number_leads_to_a_400_number_by_each_way() {
        let other = "4008123888";
        let access = |hotline: Option<&str>| AccessNumber {
            number: "01062000001".into(),
            hotline: hotline.map(|text| text.parse().expect("a 400 number")),
        };
        let of = |profile: &Profile, named: &Named<'_>| {
            called(profile, Some("010"), named).map(|number| number.to_string())
        };
        let plain = Profile { access_numbers: vec![access(None)], ..Profile::default() };
        let mapped = Profile { access_numbers: vec![access(Some(other))], ..Profile::default() };
        let history = ["01062000001".to_owned(), NUMBER.to_owned()];
        for dialled in ["01062000001", "62000001", "+861062000001"] {
            let bare = Named { request_uri: dialled, ..Named::default() };
            assert_eq!(of(&plain, &bare), None, "{dialled} names none");
            assert_eq!(of(&mapped, &bare).as_deref(), Some(other), "the trunk's own table");
            let diverted = Named { diversion: Some(NUMBER), ..bare };
            assert_eq!(of(&mapped, &diverted).as_deref(), Some(NUMBER), "the INVITE's word is nearer");
            let told = Named { history: &history, ..bare };
            assert_eq!(of(&plain, &told).as_deref(), Some(NUMBER));
        }
        let stray = Named { request_uri: "01062000002", diversion: Some(NUMBER), ..Named::default() };
        assert_eq!(of(&plain, &stray), None, "not our access number");
        let to = Named { request_uri: "01062000002", to: NUMBER, ..Named::default() };
        assert_eq!(of(&plain, &to), None);
        let from_to = Profile { number_from_to: true, ..Profile::default() };
        assert_eq!(of(&from_to, &to).as_deref(), Some(NUMBER));
    }
}
