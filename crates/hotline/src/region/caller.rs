//! A caller's number in one national form, whatever the trunk sent: local, with a long-distance code, with 86, as a
//! URI. Knows ways of writing, not places.

use std::sync::LazyLock;

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

/// How a trunk writes its callers' numbers. What is missing has the default named here; national numbers, a plus and `86`
/// are read on every trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallerRules {
    /// Dialling prefixes that it leaves in front of a number, 1 to 8 digits; the longest that fits is taken off, once, and
    /// only where the digits are no number as they are. The access codes of long-distance and IP telephony.
    pub strip: Vec<String>,
    /// What it writes before a country code instead of a plus, 2 to 8 digits: `00`.
    pub international: Vec<String>,
    /// Which bare local numbers get the trunk's area code.
    pub local_digits: LocalDigits,
    /// Whether a 0 before a mobile is the zero of long distance and taken off.
    pub mobile_zero: bool,
}

/// Which bare local numbers get the trunk's area code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocalDigits {
    /// Those of 7 and of 8 digits.
    #[default]
    Either,
    /// Those of 7 digits.
    Seven,
    /// Those of 8 digits.
    Eight,
    /// None: the trunk brings callers of many cities.
    Refused,
}

/// Access codes of long-distance and IP telephony that some trunks leave in front of the caller's number.
const ACCESS_CODES: [&str; 16] = [
    "17951", "17950", "17911", "17910", "17909", "17908", "17901", "17900", "17931", "17961", "17968",
    "17969", "17991", "12593", "10193", "11808",
];

/// What a trunk or a phone writes instead of a number that is withheld (RFC 3323 and usage).
const WITHHELD: [&str; 7] = ["", "anonymous", "unknown", "restricted", "unavailable", "private", "withheld"];

static USUAL: LazyLock<CallerRules> = LazyLock::new(CallerRules::default);

impl Default for CallerRules {
    fn default() -> Self {
        Self {
            strip: ACCESS_CODES.map(String::from).into(),
            international: vec!["00".into()],
            local_digits: LocalDigits::Either,
            mobile_zero: true,
        }
    }
}

impl CallerRules {
    /// The national form of what a trunk of these rules sent. `area_code` (with its zero) completes a bare local number.
    pub fn normalise(&self, raw: &str, area_code: Option<&str>) -> Caller {
        let reading = Reading { rules: self, area_code };
        // Most numbers are digits and nothing else.
        if !raw.is_empty() && raw.bytes().all(|byte| byte.is_ascii_digit()) {
            return reading.domestic(raw);
        }
        let (user, context) = user_part(raw);
        if WITHHELD.iter().any(|word| user.eq_ignore_ascii_case(word)) {
            return Caller::new(CallerForm::Anonymous, "");
        }
        match digits_of(&user) {
            // Some write +0086.
            Some((true, digits)) => reading.abroad(digits.strip_prefix("00").unwrap_or(&digits)),
            Some((false, digits)) => match context.as_deref().and_then(digits_of) {
                Some((true, context)) => reading.in_context(&digits, &context),
                Some((false, _)) | None => reading.domestic(&digits),
            },
            None => Caller::malformed(),
        }
    }
}

/// The national form of what a trunk of the usual rules sent. `trunk_area_code` (with its zero) completes a bare local
/// number.
pub fn normalise(raw: &str, trunk_area_code: Option<&str>) -> Caller {
    USUAL.normalise(raw, trunk_area_code)
}

/// The user part of a `tel:`, `sip:` or `sips:` URI and its `phone-context` (RFC 3966 5.1.5), which in a sip URI stands
/// before the host (RFC 3261 19.1.6); other text as it is.
fn user_part(raw: &str) -> (String, Option<String>) {
    let text = raw.trim();
    let text = match (text.find('<'), text.rfind('>')) {
        (Some(open), Some(close)) if open < close => &text[open + 1..close],
        _ => text,
    };
    let scheme = text
        .split_once(':')
        .filter(|(scheme, _)| ["tel", "sip", "sips"].iter().any(|known| scheme.eq_ignore_ascii_case(known)));
    let rest = scheme.map_or(text, |(_, rest)| rest);
    let mut pieces = rest.split(['@', '?']).next().unwrap_or(rest).split(';');
    let number = unescaped(pieces.next().unwrap_or_default());
    let context = pieces.find_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        name.trim().eq_ignore_ascii_case("phone-context").then(|| unescaped(value))
    });
    (number, context)
}

fn unescaped(text: &str) -> String {
    text.trim().replace("%2B", "+").replace("%2b", "+")
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

/// Digits being read by the rules of a trunk.
#[derive(Clone, Copy)]
struct Reading<'a> {
    rules: &'a CallerRules,
    area_code: Option<&'a str>,
}

impl Reading<'_> {
    /// Digits after a plus or an international prefix.
    fn abroad(self, digits: &str) -> Caller {
        match digits.strip_prefix("86") {
            Some(national) => self.after_country_code(national),
            // E.164: a country code and number have at most 15 digits; fewer than 7 are no caller's.
            None if (7..=15).contains(&digits.len()) && !digits.starts_with('0') => {
                Caller::new(CallerForm::International, format!("00{digits}"))
            }
            None => Caller::malformed(),
        }
    }

    /// Digits of a number that is told to be local to a country code, or to that and an area code.
    fn in_context(self, digits: &str, context: &str) -> Caller {
        match context.strip_prefix("86") {
            Some("") => self.domestic(digits),
            Some(area) if is_local(digits) => {
                let area = area.trim_start_matches('0');
                landline(&format!("0{area}{digits}")).unwrap_or_else(Caller::malformed)
            }
            Some(_) => self.domestic(digits),
            None => self.abroad(&format!("{context}{digits}")),
        }
    }

    /// What follows 86: the area code has lost its zero, or wrongly kept it.
    fn after_country_code(self, national: &str) -> Caller {
        // +86 10 6…: a landline of Beijing looks like a message port, and those do not call.
        if national.len() == 10
            && national.starts_with("10")
            && let Some(beijing) = landline(&format!("0{national}"))
        {
            return beijing;
        }
        let known = self.plain(national);
        if known.form != CallerForm::Malformed {
            return known;
        }
        landline(&format!("0{national}")).unwrap_or_else(Caller::malformed)
    }

    /// A number as it is comes before any prefix, so that no rule can take a national number apart.
    fn domestic(self, digits: &str) -> Caller {
        let known = self.plain(digits);
        if known.form != CallerForm::Malformed {
            return known;
        }
        if let Some(rest) = without(&self.rules.international, digits) {
            return self.abroad(rest);
        }
        if let Some(rest) = without(&self.rules.strip, digits) {
            return self.after_access(rest);
        }
        match digits.strip_prefix("086").or_else(|| digits.strip_prefix("86")) {
            Some(national) if national.len() >= 9 => self.after_country_code(national),
            _ => Caller::malformed(),
        }
    }

    /// One access code is taken off, not two.
    fn after_access(self, rest: &str) -> Caller {
        match without(&self.rules.international, rest) {
            Some(rest) => self.abroad(rest),
            None if rest.len() < 7 => Caller::malformed(),
            None => self.plain(rest),
        }
    }

    /// A national number as dialled inside the country, without country or access codes.
    fn plain(self, digits: &str) -> Caller {
        mobile(digits)
            .or_else(|| digits.strip_prefix('0').filter(|_| self.rules.mobile_zero).and_then(mobile))
            .or_else(|| landline(digits))
            .or_else(|| short(digits))
            .or_else(|| self.local(digits))
            .unwrap_or_else(Caller::malformed)
    }

    fn local(self, digits: &str) -> Option<Caller> {
        let completed = match self.rules.local_digits {
            LocalDigits::Either => true,
            LocalDigits::Seven => digits.len() == 7,
            LocalDigits::Eight => digits.len() == 8,
            LocalDigits::Refused => false,
        };
        let area_code = self.area_code.filter(|_| completed && is_local(digits))?;
        landline(&format!("{area_code}{digits}"))
    }
}

/// What follows the longest of the prefixes that the digits begin with.
fn without<'d>(prefixes: &[String], digits: &'d str) -> Option<&'d str> {
    prefixes.iter().filter_map(|prefix| digits.strip_prefix(prefix.as_str())).min_by_key(|rest| rest.len())
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
    const FORMS: [(&str, &str, CallerForm); 91] = [
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
        ("913800138000", "", Malformed),
        ("988886666", "", Malformed),
        ("19300123456", "19300123456", Mobile),
        ("1930085221234567", "", Malformed),
        ("193008613800138000", "", Malformed),
        ("1795117951013800138000", "", Malformed),
        ("179514006010114", "4006010114", Short),
        ("12593", "12593", Short),
        ("1259301088886666", "01088886666", Landline),
        ("tel:66668888;phone-context=+86755", "075566668888", Landline),
        ("tel:66668888;phone-context=+86-0755", "075566668888", Landline),
        ("sip:66668888;phone-context=+86755@ims.example;user=phone", "075566668888", Landline),
        ("tel:13800138000;phone-context=+86755", "13800138000", Mobile),
        ("tel:21234567;phone-context=+852", "0085221234567", International),
        ("tel:+8613800138000;phone-context=+1", "13800138000", Mobile),
        ("tel:88886666;phone-context=ims.example", "01088886666", Landline),
        ("\"Restricted\" <sip:restricted@10.0.0.1>", "", Anonymous),
        ("sip:@10.0.0.1", "", Anonymous),
        ("Unknown", "", Anonymous),
    ];

    /// What another trunk reads, where that is not what the usual one of 010 does.
    type Own = Option<(&'static str, CallerForm)>;

    const NOBODY: Own = Some(("", Malformed));

    /// What differs on a gateway of 0755 that leaves a 9 or 17909 in front, writes 19300 before country codes, has local
    /// numbers of 8 digits; and on a trunk without an area code that strips nothing and brings mobiles without a zero.
    const ELSEWHERE: [(&str, Own, Own); 22] = [
        ("013800138000", None, NOBODY),
        ("008613800138000", NOBODY, None),
        ("+86013800138000", None, NOBODY),
        ("1795113800138000", NOBODY, NOBODY),
        ("17909013800138000", None, NOBODY),
        ("1259313800138000", NOBODY, NOBODY),
        ("00861088886666", NOBODY, None),
        ("88886666", Some(("075588886666", Landline)), NOBODY),
        ("8888666", NOBODY, NOBODY),
        ("86886666", Some(("075586886666", Landline)), NOBODY),
        ("1795107556666888", NOBODY, NOBODY),
        ("17911075566668888", NOBODY, NOBODY),
        ("1795188886666", NOBODY, NOBODY),
        ("0085221234567", NOBODY, None),
        ("1795100442079460000", NOBODY, NOBODY),
        ("913800138000", Some(("13800138000", Mobile)), None),
        ("988886666", Some(("075588886666", Landline)), None),
        ("1930085221234567", Some(("0085221234567", International)), None),
        ("193008613800138000", Some(("13800138000", Mobile)), None),
        ("179514006010114", NOBODY, NOBODY),
        ("1259301088886666", NOBODY, NOBODY),
        ("tel:88886666;phone-context=ims.example", Some(("075588886666", Landline)), NOBODY),
    ];

    fn gateway() -> CallerRules {
        let text = r#"{"strip": ["9", "17909"], "international": ["19300"], "local_digits": "eight"}"#;
        serde_json::from_str(text).expect("rules")
    }

    fn bare() -> CallerRules {
        let text = r#"{"strip": [], "local_digits": "refused", "mobile_zero": false}"#;
        serde_json::from_str(text).expect("rules")
    }

    #[test]
    fn r36_every_form_of_a_caller_becomes_one() {
        for (raw, number, form) in FORMS {
            assert_eq!(normalise(raw, Some("010")), Caller::new(form, number), "{raw}");
        }
    }

    #[test]
    fn r36_each_trunk_reads_the_forms_by_its_own_rules() {
        let (gateway, bare) = (gateway(), bare());
        for (raw, number, form) in FORMS {
            let differs = ELSEWHERE.iter().find(|(other, ..)| *other == raw);
            let expected = |own: Own| {
                let (number, form) = own.unwrap_or((number, form));
                Caller::new(form, number)
            };
            let by_gateway = gateway.normalise(raw, Some("0755"));
            assert_eq!(by_gateway, expected(differs.and_then(|row| row.1)), "gateway: {raw}");
            assert_eq!(bare.normalise(raw, None), expected(differs.and_then(|row| row.2)), "bare: {raw}");
        }
        for (raw, ..) in ELSEWHERE {
            assert!(FORMS.iter().any(|(other, ..)| *other == raw), "{raw} is no row of the table");
        }
    }

    #[test]
    fn r36_the_longest_prefix_is_taken_and_lengths_of_local_numbers_are_a_rule() {
        let of = |text: &str| serde_json::from_str::<CallerRules>(text).expect("rules");
        let rules = of(r#"{"strip": ["9", "95", "950"], "local_digits": "seven"}"#);
        assert_eq!(rules.normalise("95013800138000", None).number, "13800138000");
        assert_eq!(rules.normalise("95013800138000", None), rules.normalise("913800138000", None));
        assert_eq!(
            rules.normalise("95588", None),
            Caller::new(Short, "95588"),
            "a number as it is comes first"
        );
        assert_eq!(rules.normalise("6666888", Some("0898")).number, "08986666888");
        assert_eq!(rules.normalise("66668888", Some("0898")), Caller::malformed());
        assert_eq!(rules.normalise("93666888", Some("0898")).number, "08983666888", "9 and a local number");
        assert!(serde_json::from_str::<CallerRules>(r#"{"stripp": []}"#).is_err());
        assert_eq!(of("{}"), CallerRules::default());
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
        let pieces = [
            "+",
            "86",
            "0",
            "00",
            "17951",
            "sip:",
            "@",
            "<",
            ">",
            "１",
            "é",
            "138",
            "9",
            ";phone-context=",
            "%2B",
            " ",
        ];
        let rules = [CallerRules::default(), gateway(), bare()];
        let mut state = 7u32;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..state % 9 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push_str(pieces[(state >> 16) as usize % pieces.len()]);
            }
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let caller = rules[state as usize % 3].normalise(&text, Some("010"));
            let named = !matches!(caller.form, Anonymous | Malformed);
            assert_eq!(named, !caller.number.is_empty(), "{text}");
            assert!(caller.number.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
        }
    }
}
