//! A caller's number in one national form, whatever the trunk sent: local, with a long-distance code, with 86, as a
//! URI. Knows ways of writing, not places.

use serde::{Deserialize, Serialize};

use super::table::area_code_digits;

/// A caller, normalised.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Caller {
    /// Mobile: 11 digits; landline: 0, area code, local number; abroad: `00`, country code, number; short: as dialled;
    /// empty when anonymous or malformed.
    pub number: String,
    /// What kind of number it is.
    pub form: CallerForm,
}

/// The forms a caller's number can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerForm {
    /// 11 digits from 13 to 19.
    Mobile,
    /// 0, area code and 7 or 8 digits.
    Landline,
    /// `00`, country code and number.
    International,
    /// A service number such as 10086 or 95588, or a 400/800 number.
    Short,
    /// The caller withheld the number.
    Anonymous,
    /// Nothing that a numbering plan knows.
    Malformed,
}

impl Caller {
    fn new(form: CallerForm, number: impl Into<String>) -> Self {
        Self { form, number: number.into() }
    }

    fn malformed() -> Self {
        Self::new(CallerForm::Malformed, "")
    }
}

/// Access codes of long-distance and IP telephony that some trunks leave in front of the caller's number.
const ACCESS_CODES: [&str; 16] = [
    "17951", "17950", "17911", "17910", "17909", "17908", "17901", "17900", "17931", "17961", "17968",
    "17969", "17991", "12593", "10193", "11808",
];

/// What a trunk or a phone writes instead of a number that is withheld (RFC 3323 and usage).
const WITHHELD: [&str; 7] = ["", "anonymous", "unknown", "restricted", "unavailable", "private", "withheld"];

/// The national form of what a trunk sent. `trunk_area_code` (with its zero) completes a bare local number.
pub fn normalise(raw: &str, trunk_area_code: Option<&str>) -> Caller {
    let user = user_part(raw);
    if WITHHELD.iter().any(|word| user.eq_ignore_ascii_case(word)) {
        return Caller::new(CallerForm::Anonymous, "");
    }
    match digits_of(&user) {
        Some((true, digits)) if !digits.starts_with("00") => abroad(&digits, trunk_area_code),
        Some((_, digits)) => domestic(&digits, trunk_area_code),
        None => Caller::malformed(),
    }
}

/// The user part of a `tel:`, `sip:` or `sips:` URI without parameters; other text as it is.
fn user_part(raw: &str) -> String {
    let text = raw.trim();
    let text = match (text.find('<'), text.rfind('>')) {
        (Some(open), Some(close)) if open < close => &text[open + 1..close],
        _ => text,
    };
    let scheme = text
        .split_once(':')
        .filter(|(scheme, _)| ["tel", "sip", "sips"].iter().any(|known| scheme.eq_ignore_ascii_case(known)));
    let rest = scheme.map_or(text, |(_, rest)| rest);
    let user = rest.split(['@', ';', '?']).next().unwrap_or(rest);
    user.trim().replace("%2B", "+").replace("%2b", "+")
}

/// Whether it began with a plus, and the digits; separators and full-width digits are taken, anything else is not.
fn digits_of(user: &str) -> Option<(bool, String)> {
    let (plus, rest) = match user.strip_prefix(['+', '＋']) {
        Some(rest) => (true, rest),
        None => (false, user),
    };
    let mut digits = String::with_capacity(rest.len());
    for letter in rest.chars() {
        match letter {
            '0'..='9' => digits.push(letter),
            '０'..='９' => digits.push(char::from(b'0' + (letter as u32 - '０' as u32) as u8)),
            ' ' | '\u{a0}' | '-' | '－' | '–' | '.' | '(' | ')' | '（' | '）' | '/' => {}
            _ => return None,
        }
    }
    (!digits.is_empty()).then_some((plus, digits))
}

/// Digits after a plus or 00.
fn abroad(digits: &str, trunk_area_code: Option<&str>) -> Caller {
    match digits.strip_prefix("86") {
        Some(national) => after_country_code(national, trunk_area_code),
        // E.164: a country code and number have at most 15 digits; fewer than 7 are no caller's.
        None if (7..=15).contains(&digits.len()) && !digits.starts_with('0') => {
            Caller::new(CallerForm::International, format!("00{digits}"))
        }
        None => Caller::malformed(),
    }
}

/// What follows 86: the area code has lost its zero, or wrongly kept it.
fn after_country_code(national: &str, trunk_area_code: Option<&str>) -> Caller {
    // +86 10 6…: a landline of Beijing looks like a message port, and those do not call.
    if national.len() == 10
        && national.starts_with("10")
        && let Some(beijing) = landline(&format!("0{national}"))
    {
        return beijing;
    }
    let known = plain(national, trunk_area_code);
    if known.form != CallerForm::Malformed {
        return known;
    }
    landline(&format!("0{national}")).unwrap_or_else(Caller::malformed)
}

fn domestic(digits: &str, trunk_area_code: Option<&str>) -> Caller {
    if let Some(rest) = digits.strip_prefix("00") {
        return abroad(rest, trunk_area_code);
    }
    let known = plain(digits, trunk_area_code);
    if known.form != CallerForm::Malformed {
        return known;
    }
    if let Some(rest) = ACCESS_CODES.iter().find_map(|code| digits.strip_prefix(code)) {
        return domestic_after_access(rest, trunk_area_code);
    }
    match digits.strip_prefix("086").or_else(|| digits.strip_prefix("86")) {
        Some(national) if national.len() >= 9 => after_country_code(national, trunk_area_code),
        _ => Caller::malformed(),
    }
}

/// One access code is taken off, not two.
fn domestic_after_access(rest: &str, trunk_area_code: Option<&str>) -> Caller {
    match rest.strip_prefix("00") {
        Some(rest) => abroad(rest, trunk_area_code),
        None if rest.len() < 7 => Caller::malformed(),
        None => plain(rest, trunk_area_code),
    }
}

/// A national number as dialled inside the country, without country or access codes.
fn plain(digits: &str, trunk_area_code: Option<&str>) -> Caller {
    mobile(digits)
        .or_else(|| digits.strip_prefix('0').and_then(mobile))
        .or_else(|| landline(digits))
        .or_else(|| short(digits))
        .or_else(|| local(digits, trunk_area_code))
        .unwrap_or_else(Caller::malformed)
}

fn mobile(digits: &str) -> Option<Caller> {
    let shaped = matches!(digits.as_bytes(), [b'1', b'3'..=b'9', ..]) && digits.len() == 11;
    shaped.then(|| Caller::new(CallerForm::Mobile, digits))
}

/// A local number has 7 or 8 digits and begins with 2 to 9; an area code may also stand before a service number.
fn landline(digits: &str) -> Option<Caller> {
    let (_, local) = digits.split_at_checked(area_code_digits(digits.as_bytes())?)?;
    if is_local(local) {
        return Some(Caller::new(CallerForm::Landline, digits));
    }
    short(local).filter(|_| local.len() <= 6)
}

fn is_local(digits: &str) -> bool {
    (7..=8).contains(&digits.len()) && matches!(digits.as_bytes()[0], b'2'..=b'9')
}

fn local(digits: &str, trunk_area_code: Option<&str>) -> Option<Caller> {
    is_local(digits).then(|| trunk_area_code.and_then(|code| landline(&format!("{code}{digits}"))))?
}

/// 1XX to 1XXXXX, 95XXX and 96XXX with up to three more digits, 1010XXXX, 106… message ports, 400 and 800 numbers.
fn short(digits: &str) -> Option<Caller> {
    let length = digits.len();
    let shaped = match digits.as_bytes() {
        [b'1', b'0', b'6', ..] if length > 6 => length <= 20 && length != 11,
        [b'1', b'0', b'1', b'0', ..] if length == 8 => true,
        [b'1', ..] => (3..=6).contains(&length),
        [b'9', b'5' | b'6', ..] => (5..=8).contains(&length),
        [b'4' | b'8', b'0', b'0', ..] => length == 10,
        _ => false,
    };
    shaped.then(|| Caller::new(CallerForm::Short, digits))
}

#[cfg(test)]
mod tests {
    use super::CallerForm::*;
    use super::*;

    /// What a trunk of area code 010 sent, the national form, and its kind.
    const FORMS: [(&str, &str, CallerForm); 72] = [
        ("13800138000", "13800138000", Mobile),
        ("013800138000", "13800138000", Mobile),
        ("+8613800138000", "13800138000", Mobile),
        ("8613800138000", "13800138000", Mobile),
        ("008613800138000", "13800138000", Mobile),
        ("08613800138000", "13800138000", Mobile),
        ("+86013800138000", "13800138000", Mobile),
        ("+86 138-0013-8000", "13800138000", Mobile),
        ("138 0013 8000", "13800138000", Mobile),
        ("（138）00138000", "13800138000", Mobile),
        ("１３８００１３８０００", "13800138000", Mobile),
        ("1795113800138000", "13800138000", Mobile),
        ("17909013800138000", "13800138000", Mobile),
        ("1259313800138000", "13800138000", Mobile),
        ("tel:+86-138-0013-8000", "13800138000", Mobile),
        ("sip:13800138000@10.0.0.1:5060;user=phone", "13800138000", Mobile),
        ("sip:+8613800138000@ims.example", "13800138000", Mobile),
        ("sip:%2B8613800138000@ims.example", "13800138000", Mobile),
        ("\"Wang\" <sip:13800138000@10.0.0.1>;tag=x", "13800138000", Mobile),
        ("SIPS:13800138000@10.0.0.1", "13800138000", Mobile),
        ("+008613800138000", "13800138000", Mobile),
        ("19912345678", "19912345678", Mobile),
        ("01088886666", "01088886666", Landline),
        ("010-8888 6666", "01088886666", Landline),
        ("(010)88886666", "01088886666", Landline),
        ("+861088886666", "01088886666", Landline),
        ("+8601088886666", "01088886666", Landline),
        ("00861088886666", "01088886666", Landline),
        ("861088886666", "01088886666", Landline),
        ("08601088886666", "01088886666", Landline),
        ("0861088886666", "01088886666", Landline),
        ("88886666", "01088886666", Landline),
        ("8888666", "0108888666", Landline),
        ("86886666", "01086886666", Landline),
        ("1795107556666888", "07556666888", Landline),
        ("17911075566668888", "075566668888", Landline),
        ("1795188886666", "01088886666", Landline),
        ("075566668888", "075566668888", Landline),
        ("+8675566668888", "075566668888", Landline),
        ("8675566668888", "075566668888", Landline),
        ("08986666888", "08986666888", Landline),
        ("+862166668888", "02166668888", Landline),
        ("tel:010-88886666;phone-context=+86", "01088886666", Landline),
        ("+85221234567", "0085221234567", International),
        ("0085221234567", "0085221234567", International),
        ("+1 (202) 555-0123", "0012025550123", International),
        ("tel:+44-20-7946-0000", "00442079460000", International),
        ("1795100442079460000", "00442079460000", International),
        ("10086", "10086", Short),
        ("95588", "95588", Short),
        ("01095588", "95588", Short),
        ("075512345", "12345", Short),
        ("96110", "96110", Short),
        ("110", "110", Short),
        ("4008001234", "4008001234", Short),
        ("400-800-1234", "4008001234", Short),
        ("+864008001234", "4008001234", Short),
        ("10690000123456", "10690000123456", Short),
        ("10108888", "10108888", Short),
        ("", "", Anonymous),
        ("Anonymous", "", Anonymous),
        ("sip:anonymous@anonymous.invalid", "", Anonymous),
        ("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1", "", Anonymous),
        ("unavailable", "", Anonymous),
        ("alice", "", Malformed),
        ("sip:alice@10.0.0.1", "", Malformed),
        ("1380013800a", "", Malformed),
        ("01012345678", "", Malformed),
        ("00", "", Malformed),
        ("+86", "", Malformed),
        ("12345678901234567890123", "", Malformed),
        ("*#06#", "", Malformed),
    ];

    #[test]
    fn r36_every_form_of_a_caller_becomes_one() {
        for (raw, number, form) in FORMS {
            assert_eq!(normalise(raw, Some("010")), Caller::new(form, number), "{raw}");
        }
    }

    #[test]
    fn r36_a_local_number_without_the_trunks_area_code_is_nobody() {
        assert_eq!(normalise("88886666", None), Caller::malformed());
        assert_eq!(normalise("66668888", Some("0755")), Caller::new(Landline, "075566668888"));
        assert_eq!(normalise("66668888", Some("")), Caller::malformed());
    }

    #[test]
    fn r36_the_national_form_is_stable() {
        for (raw, _, _) in FORMS {
            let once = normalise(raw, Some("010"));
            if !once.number.is_empty() {
                assert_eq!(normalise(&once.number, Some("0755")), once, "{raw}");
            }
        }
    }

    #[test]
    fn no_text_of_any_shape_panics() {
        let pieces =
            ["+", "86", "0", "00", "17951", "sip:", "@", "<", ">", "１", "é", "138", "9", ";", "%2B", " "];
        let mut state = 7u32;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..state % 9 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push_str(pieces[(state >> 16) as usize % pieces.len()]);
            }
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let caller = normalise(&text, Some("010"));
            let named = !matches!(caller.form, Anonymous | Malformed);
            assert_eq!(named, !caller.number.is_empty(), "{text}");
            assert!(caller.number.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
        }
    }
}
