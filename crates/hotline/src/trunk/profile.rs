//! What a carrier's paper says of one trunk: limits, ways of writing numbers, whose number may be shown, early media, keys.
//! A profile is data; what is missing has the default named here, and what is wrong is told with a stable code.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::NumberForm;
use crate::HotlineNumber;
use crate::region::{CallerForm, CallerRules, normalise};

/// Prefixes of each sort in one trunk's rules of callers.
const PREFIXES_MAX: usize = 32;

/// A trunk's profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// The carrier it belongs to; trunks of one carrier are listed together.
    pub carrier: String,
    /// How SIP travels.
    pub transport: Transport,
    /// Which of our listeners it is called by: the address that one is bound to. Without it the first for trunks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// Over TLS, the name its certificate must be for (RFC 5922); empty is the host name of its address, else its IP.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tls_name: String,
    /// Further addresses that the carrier calls from, `ip` or `ip:port`.
    pub sources: Vec<String>,
    /// Its share among healthy trunks of equal priority, 1 to 1000.
    pub weight: u32,
    /// Calls at once, in and out together; without it as many as come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_max: Option<u32>,
    /// Outgoing calls begun within any second, 1 to 1000; without it as many as come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_s_max: Option<u32>,
    /// How long its first response may take, 200 to 30,000 ms (FAULTS F8).
    pub first_response_ms: u64,
    /// How often it is asked by OPTIONS while nothing is wrong, seconds; 0 asks only while it is down.
    pub options_s: u32,
    /// How it wants called numbers written.
    pub called: NumberForm,
    /// How it wants the caller's number written.
    pub caller: NumberForm,
    /// How it writes the numbers of its own callers.
    pub callers: CallerRules,
    /// Whose number its calls show (row K06).
    pub show: Shown,
    /// Our own numbers on it, in national form; the first is shown where [`Shown::Own`] is asked for.
    pub numbers: Vec<String>,
    /// Whether its carrier permits that the original caller's number is shown.
    pub shows_caller: bool,
    /// Whether its carrier permits that the 400 number is shown.
    pub shows_hotline: bool,
    /// Whether P-Asserted-Identity is believed from it and told to it (RFC 3325).
    pub trusted: bool,
    /// Whether callers may hear anything before the answer.
    pub early_media: EarlyMedia,
    /// After so long without an answer we answer a caller of this trunk, since carriers cut what stays unanswered for a
    /// minute; 0 never does.
    pub early_s_max: u32,
    /// Whether keys count before the answer.
    pub early_dtmf: bool,
    /// How keys travel.
    pub dtmf: Dtmf,
    /// Whether media is encrypted.
    pub srtp: Srtp,
    /// Whether a busy or ringback tone of the far end is listened for (row R12).
    pub tones: bool,
    /// Whether emergency calls leave by it.
    pub emergency: bool,
    /// Numbers of two-stage relay (row R20).
    pub access_numbers: Vec<AccessNumber>,
    /// Whether the 400 number is taken from To where the Request-URI holds none.
    pub number_from_to: bool,
    /// Rows in front of the shipped cause table (FAULTS F8).
    pub causes: Vec<crate::trunk::CauseRow>,
    /// Whether its INVITEs must prove the user and password of `registration`, beside their address.
    pub challenge: bool,
    /// How we register with it; an IP peer has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            carrier: String::new(),
            transport: Transport::Udp,
            listen: None,
            tls_name: String::new(),
            sources: Vec::new(),
            weight: 1,
            calls_max: None,
            calls_per_s_max: None,
            first_response_ms: 1_800,
            options_s: 30,
            called: NumberForm::National,
            caller: NumberForm::National,
            callers: CallerRules::default(),
            show: Shown::Caller,
            numbers: Vec::new(),
            shows_caller: true,
            shows_hotline: false,
            trusted: false,
            early_media: EarlyMedia::Yes,
            early_s_max: 55,
            early_dtmf: false,
            dtmf: Dtmf::Rfc4733,
            srtp: Srtp::Off,
            tones: false,
            emergency: false,
            access_numbers: Vec::new(),
            number_from_to: false,
            causes: Vec::new(),
            challenge: false,
            registration: None,
        }
    }
}

/// How SIP travels to a trunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Transport {
    #[default]
    Udp,
    Tcp,
    Tls,
}

/// Whose number an outgoing call shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// The original caller's, with Diversion and History-Info.
    #[default]
    Caller,
    /// A number of ours on the trunk.
    Own,
    /// The 400 number.
    Hotline,
}

/// Whether a caller may hear anything before the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyMedia {
    /// Prompts and ringing are early media.
    #[default]
    Yes,
    /// The trunk carries none: we answer first.
    AnswerFirst,
}

/// How keys travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtmf {
    /// telephone-event packets.
    #[default]
    Rfc4733,
    /// SIP INFO.
    Info,
    /// Tones in the audio.
    Inband,
}

/// Whether media is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Srtp {
    #[default]
    Off,
    Offered,
    Required,
}

/// A number of two-stage relay: calls to it are calls to a 400 number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessNumber {
    /// Its digits, in national form.
    pub number: String,
    /// The 400 number behind it, where the INVITE names none; without it Diversion or History-Info must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hotline: Option<HotlineNumber>,
}

/// How we register with a trunk, and who we are where it asks (401, 407).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The user of our address of record, and of our Contact: what the carrier's INVITEs may name.
    pub user: String,
    /// Its domain; the registrar's address where empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Where REGISTER goes, `ip:port`; the trunk's address where empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub registrar: String,
    /// The user of its digest where that is another, as an IMS core's private identity.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub auth_user: String,
    /// The one realm whose challenges are answered; any where empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub realm: String,
    /// The password of its digest, or one of the two below.
    #[serde(default)]
    pub password: Secret,
    /// A file whose first line is the password.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub password_file: String,
    /// A variable of the process's environment that holds the password.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub password_env: String,
    /// How long a registration is asked for, 60 to 86,400 s; 0 registers not at all and only answers what is asked.
    #[serde(default = "expires_s")]
    pub expires_s: u32,
}

impl Registration {
    /// Who we are in its digest.
    pub fn digest_user(&self) -> &str {
        if self.auth_user.is_empty() { &self.user } else { &self.auth_user }
    }
}

fn expires_s() -> u32 {
    3_600
}

/// A password: written where it must be, never shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What is wrong with a profile. [`ProfileFault::code`] is stable.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum ProfileFault {
    /// Outside of its range.
    Range { field: &'static str, value: u64, least: u64, most: u64 },
    /// Not an address, or an address and a port.
    Source { text: String },
    /// A number of ours that is no mainland number.
    Number { text: String },
    /// A prefix of the rules of callers that is no digits, or too many or too few.
    Prefix { field: &'static str, text: String },
    /// A row of causes with neither a status nor a Q.850 cause, or with one that there is not.
    Cause { place: usize },
    /// A registration without a user that can be written into a SIP URI.
    RegistrationUser { text: String },
    /// A registration's domain, realm or digest user that cannot be written into a message.
    RegistrationText { field: &'static str },
    /// A registration that names its password in more than one place.
    Passwords,
    /// Its calls are to prove a password, and there is none.
    NoPassword,
    /// None of our listeners of its transport is bound to the address it names; whoever knows the listeners tells it.
    UnknownListener { address: SocketAddr },
    /// The name of its certificate is no host name.
    TlsName { text: String },
    /// Our own number is to be shown and none is given.
    NoOwnNumber,
    /// The caller or the 400 number is to be shown, and the carrier does not permit it.
    NotPermitted { shown: &'static str },
}

impl ProfileFault {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ProfileFault::Range { .. } => "out_of_range",
            ProfileFault::Source { .. } => "not_an_address",
            ProfileFault::Number { .. } => "not_a_number",
            ProfileFault::Prefix { .. } => "not_a_prefix",
            ProfileFault::Cause { .. } => "not_a_cause",
            ProfileFault::RegistrationUser { .. } => "not_a_user",
            ProfileFault::RegistrationText { .. } => "not_writable",
            ProfileFault::Passwords => "more_than_one_password",
            ProfileFault::NoPassword => "no_password",
            ProfileFault::UnknownListener { .. } => "unknown_listener",
            ProfileFault::TlsName { .. } => "not_a_host_name",
            ProfileFault::NoOwnNumber => "no_own_number",
            ProfileFault::NotPermitted { .. } => "not_permitted",
        }
    }

    /// What people read, in Chinese and in English.
    pub fn text(&self) -> (String, String) {
        match self {
            ProfileFault::Range { field, value, least, most } => (
                format!("{field} 为 {value}，应在 {least} 到 {most} 之间"),
                format!("{field} is {value}, not between {least} and {most}"),
            ),
            ProfileFault::Source { text } => (
                format!("sources 中的 {text} 不是地址，也不是地址和端口"),
                format!("sources: {text} is neither an address nor an address and port"),
            ),
            ProfileFault::Number { text } => (
                format!("{text} 不是境内固定电话或手机号码"),
                format!("{text} is no mainland landline or mobile number"),
            ),
            ProfileFault::Prefix { field, text } => (
                format!("{field} 中的 {text:?} 不是拨号前缀（至多 8 位数字，国际前缀至少 2 位）"),
                format!("{field}: {text:?} is no dialling prefix (at most 8 digits, an international one at least 2)"),
            ),
            ProfileFault::Cause { place } => (
                format!("causes 第 {place} 行：要有 status（300–699）或 q850（1–127）"),
                format!("causes, row {place}: give a status (300 to 699) or a q850 (1 to 127)"),
            ),
            ProfileFault::RegistrationUser { text } => (
                format!("registration.user 为 {text:?}，只能由字母、数字和 -_.+ 组成"),
                format!("registration.user is {text:?}; letters, digits and -_.+ only"),
            ),
            ProfileFault::RegistrationText { field } => (
                format!("registration.{field} 含有不能写入消息的字符"),
                format!("registration.{field} holds a character that no message can carry"),
            ),
            ProfileFault::Passwords => (
                "registration 的 password、password_file、password_env 只能写一个".into(),
                "registration: give one of password, password_file and password_env".into(),
            ),
            ProfileFault::NoPassword => (
                "challenge = true 要在 registration 中写明用户和密码（只鉴权不注册写 expires_s = 0）".into(),
                "challenge = true needs user and password in registration (expires_s = 0 registers not at all)".into(),
            ),
            ProfileFault::UnknownListener { address } => (
                format!("listen 为 {address}，sibai.toml 中没有按本中继的 transport 绑定在这个地址上的监听"),
                format!("listen is {address}, and no listener of sibai.toml with its transport is bound there"),
            ),
            ProfileFault::TlsName { text } => (
                format!("tls_name 为 {text:?}，不是主机名"),
                format!("tls_name is {text:?}, which is no host name"),
            ),
            ProfileFault::NoOwnNumber => (
                "show = own 要在 numbers 中写明本中继自有的号码".into(),
                "show = own needs a number of ours on this trunk in numbers".into(),
            ),
            ProfileFault::NotPermitted { shown } => (
                format!("show = {shown}，但没有写明运营商允许（shows_{shown}）"),
                format!("show = {shown}, but the carrier's permission is not given (shows_{shown})"),
            ),
        }
    }
}

impl Profile {
    /// Everything that is wrong with it.
    pub fn faults(&self) -> Vec<ProfileFault> {
        let mut faults = Vec::new();
        let mut range = |field, value: u64, least, most| {
            if !(least..=most).contains(&value) {
                faults.push(ProfileFault::Range { field, value, least, most });
            }
        };
        range("weight", self.weight.into(), 1, 1_000);
        range("first_response_ms", self.first_response_ms, 200, 30_000);
        range("options_s", self.options_s.into(), 0, 3_600);
        range("early_s_max", self.early_s_max.into(), 0, 600);
        if let Some(calls_max) = self.calls_max {
            range("calls_max", calls_max.into(), 1, 100_000);
        }
        if let Some(rate) = self.calls_per_s_max {
            range("calls_per_s_max", rate.into(), 1, 1_000);
        }
        if let Some(registration) = self.registration.as_ref().filter(|known| known.expires_s > 0) {
            range("registration.expires_s", registration.expires_s.into(), 60, 86_400);
        }
        range("callers.strip", self.callers.strip.len() as u64, 0, PREFIXES_MAX as u64);
        range("callers.international", self.callers.international.len() as u64, 0, PREFIXES_MAX as u64);
        self.check_callers(&mut faults);
        self.check_registration(&mut faults);
        self.check_numbers(&mut faults);
        self.check_display(&mut faults);
        faults
    }

    fn check_callers(&self, faults: &mut Vec<ProfileFault>) {
        let sorts = [
            ("callers.strip", &self.callers.strip, 1),
            ("callers.international", &self.callers.international, 2),
        ];
        for (field, prefixes, least) in sorts {
            let is_prefix = |text: &&String| {
                (least..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
            };
            let wrong = prefixes.iter().filter(|text| !is_prefix(text));
            faults.extend(wrong.map(|text| ProfileFault::Prefix { field, text: text.clone() }));
        }
    }

    fn check_registration(&self, faults: &mut Vec<ProfileFault>) {
        let passwords = |known: &Registration| {
            let places = [&known.password.0, &known.password_file, &known.password_env];
            places.into_iter().filter(|given| !given.is_empty()).count()
        };
        if self.challenge && self.registration.as_ref().is_none_or(|known| passwords(known) == 0) {
            faults.push(ProfileFault::NoPassword);
        }
        let Some(asked) = &self.registration else { return };
        let Registration { user, domain, registrar, auth_user, realm, .. } = asked;
        let is_user = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        if user.is_empty() || !user.chars().all(is_user) {
            faults.push(ProfileFault::RegistrationUser { text: user.clone() });
        }
        if !registrar.is_empty() && registrar.parse::<SocketAddr>().is_err() {
            faults.push(ProfileFault::Source { text: registrar.clone() });
        }
        let is_domain = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
        let is_quotable = |c: char| !c.is_control() && !"\"\\".contains(c);
        let texts = [
            (domain.chars().all(is_domain), "domain"),
            (auth_user.chars().all(is_quotable), "auth_user"),
            (realm.chars().all(is_quotable), "realm"),
        ];
        let unwritable = texts.into_iter().filter(|(fits, _)| !fits);
        faults.extend(unwritable.map(|(_, field)| ProfileFault::RegistrationText { field }));
        if passwords(asked) > 1 {
            faults.push(ProfileFault::Passwords);
        }
    }

    fn check_numbers(&self, faults: &mut Vec<ProfileFault>) {
        let is_label = |label: &str| {
            let fits = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            fits && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
        };
        let name = &self.tls_name;
        if !name.is_empty() && (name.len() > 253 || !name.split('.').all(is_label)) {
            faults.push(ProfileFault::TlsName { text: name.clone() });
        }
        for source in &self.sources {
            if source.parse::<std::net::IpAddr>().is_err() && source.parse::<SocketAddr>().is_err() {
                faults.push(ProfileFault::Source { text: source.clone() });
            }
        }
        let access = self.access_numbers.iter().map(|access| &access.number);
        for number in self.numbers.iter().chain(access) {
            let read = normalise(number, None);
            let subscriber = matches!(read.form, CallerForm::Mobile | CallerForm::Landline);
            if !subscriber || read.number != *number {
                faults.push(ProfileFault::Number { text: number.clone() });
            }
        }
        for (place, row) in self.causes.iter().enumerate() {
            if !row.is_sound() {
                faults.push(ProfileFault::Cause { place: place + 1 });
            }
        }
    }

    fn check_display(&self, faults: &mut Vec<ProfileFault>) {
        match self.show {
            Shown::Own if self.numbers.is_empty() => faults.push(ProfileFault::NoOwnNumber),
            Shown::Caller if !self.shows_caller => {
                faults.push(ProfileFault::NotPermitted { shown: "caller" });
            }
            Shown::Hotline if !self.shows_hotline => {
                faults.push(ProfileFault::NotPermitted { shown: "hotline" });
            }
            Shown::Own | Shown::Caller | Shown::Hotline => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x04_what_a_certificate_must_be_for_is_a_host_name() {
        let faults = |name: &str| Profile { tls_name: name.into(), ..Profile::default() }.faults();
        for right in ["", "sbc", "sbc-1.carrier.example", "192.0.2.1"] {
            assert_eq!(faults(right), [], "{right}");
        }
        for wrong in ["sbc.", "-sbc", "sbc:5061", "*.carrier.example", "sip:sbc"] {
            assert_eq!(faults(wrong), [ProfileFault::TlsName { text: wrong.into() }]);
        }
    }

    #[test]
    fn x04_what_is_missing_has_its_default() {
        let profile: Profile = serde_json::from_str("{}").expect("empty");
        assert_eq!(profile, Profile::default());
        assert_eq!(profile.faults(), []);
        assert_eq!((profile.first_response_ms, profile.early_s_max, profile.early_dtmf), (1_800, 55, false));
    }

    #[test]
    fn x04_a_word_that_is_none_is_refused() {
        for wrong in [r#"{"wieght":2}"#, r#"{"called":"e146"}"#, r#"{"show":"400"}"#, r#"{"weight":"2"}"#] {
            assert!(serde_json::from_str::<Profile>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn x04_everything_wrong_is_told_with_its_code() {
        let text = r#"{"weight":0,"first_response_ms":50,"calls_max":0,"sources":["carrier"],"numbers":["110"],
                       "access_numbers":[{"number":"62000001"}],"causes":[{"means":"busy"}],"show":"hotline"}"#;
        let profile: Profile = serde_json::from_str(text).expect("well formed");
        let codes: Vec<&str> = profile.faults().iter().map(ProfileFault::code).collect();
        assert_eq!(
            codes,
            [
                "out_of_range",
                "out_of_range",
                "out_of_range",
                "not_an_address",
                "not_a_number",
                "not_a_number",
                "not_a_cause",
                "not_permitted",
            ]
        );
        for fault in profile.faults() {
            let (zh, en) = fault.text();
            assert!(!zh.is_ascii() && en.is_ascii(), "{zh} / {en}");
        }
    }

    #[test]
    fn r36_rules_of_callers_are_checked() {
        let text =
            r#"{"callers": {"strip": ["17951", "", "179x", "123456789"], "international": ["00", "9"]}}"#;
        let profile: Profile = serde_json::from_str(text).expect("well formed");
        let faults = profile.faults();
        let codes: Vec<&str> = faults.iter().map(ProfileFault::code).collect();
        assert_eq!(codes, ["not_a_prefix"; 4]);
        for fault in &faults {
            let (zh, en) = fault.text();
            assert!(!zh.is_ascii() && en.is_ascii(), "{zh} / {en}");
        }
        let strip = (100..133).map(|code| code.to_string()).collect();
        let callers = CallerRules { strip, ..CallerRules::default() };
        let codes: Vec<_> =
            Profile { callers, ..Profile::default() }.faults().iter().map(ProfileFault::code).collect();
        assert_eq!(codes, ["out_of_range"]);
    }

    #[test]
    fn x04_a_registration_is_checked() {
        let text = r#"{"registration":{"user":"a b","domain":"x y","registrar":"carrier","realm":"a\"b",
                       "password":"one","password_env":"TWO","expires_s":59}}"#;
        let profile: Profile = serde_json::from_str(text).expect("well formed");
        let codes: Vec<&str> = profile.faults().iter().map(ProfileFault::code).collect();
        let expected = [
            "out_of_range",
            "not_a_user",
            "not_an_address",
            "not_writable",
            "not_writable",
            "more_than_one_password",
        ];
        assert_eq!(codes, expected);
        let profile: Profile = serde_json::from_str(r#"{"challenge":true}"#).expect("well formed");
        assert_eq!(profile.faults(), [ProfileFault::NoPassword]);
        let text = r#"{"registration":{"user":"+861062000001","expires_s":0}}"#;
        let profile: Profile = serde_json::from_str(text).expect("well formed");
        assert_eq!(profile.faults(), [], "who does not register may still have to say who it is");
    }

    #[test]
    fn x04_a_password_is_not_shown() {
        let registration =
            Registration { password: Secret("correct horse".into()), ..Registration::default() };
        assert!(!format!("{registration:?}").contains("horse"));
    }
}
