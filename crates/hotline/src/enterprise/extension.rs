//! SIP phones of an enterprise: their numbers, the names they log in by, and what is kept of their passwords.
//! It refuses to keep a password itself, and shows its hashes in nothing but an export.

use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{Enterprise, Ringback};
use crate::TenantId;
use crate::trunk::Srtp;

/// The realm that phones log in to (RFC 7616). What is kept of passwords fits no other.
pub const REALM: &str = "sibai";

/// A SIP phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Its name in this document.
    pub name: String,
    /// 2 to 10 digits; destinations of kind `extension` name it.
    pub number: String,
    /// What is kept of its password.
    pub secret: Secret,
    /// Whether its calls are encrypted, as a trunk's `srtp`.
    #[serde(default)]
    pub srtp: Srtp,
    /// Whether it may send its caller elsewhere by itself.
    #[serde(default)]
    pub refer: Refer,
    /// What the caller hears while it rings as a bound number, if that is its own (row I04).
    #[serde(default)]
    pub ringback: Option<Ringback>,
}

impl Extension {
    /// A phone whose other settings are the usual ones.
    pub fn new(name: &str, number: &str, secret: Secret) -> Extension {
        let (name, number) = (name.to_owned(), number.to_owned());
        Extension { name, number, secret, srtp: Srtp::default(), refer: Refer::default(), ringback: None }
    }
}

/// What becomes of a phone's REFER (RFC 3515), which asks that its caller goes to somebody else. One that is allowed leads
/// nowhere but where an agent's order leads: an agent, a phone, a bound number (FAULTS N7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refer {
    /// It is declined.
    #[default]
    Refused,
    /// It is obeyed as an order of the phone's.
    Allowed,
}

/// The hashes of `user:realm:password` by MD5 and SHA-256 (RFC 8760), in hexadecimal digits. Whoever reads them can log
/// in as this phone and as nothing else.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    md5: String,
    sha256: String,
}

impl Secret {
    /// The hashes of a phone's password.
    pub fn of(user: &str, password: &str) -> Secret {
        let whole = format!("{user}:{REALM}:{password}");
        Secret { md5: hex(&Md5::digest(whole.as_bytes())), sha256: hex(&Sha256::digest(whole.as_bytes())) }
    }

    /// As an export writes them: 32 digits, a colon, 64 digits.
    pub fn read(text: &str) -> Option<Secret> {
        let (md5, sha256) = text.split_once(':')?;
        let is_hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        (is_hex(md5, 32) && is_hex(sha256, 64))
            .then(|| Secret { md5: md5.to_owned(), sha256: sha256.to_owned() })
    }

    /// For an export and nothing else.
    pub(super) fn written(&self) -> String {
        format!("{}:{}", self.md5, self.sha256)
    }

    /// MD5, then SHA-256, in hexadecimal digits.
    pub fn hashes(&self) -> (&str, &str) {
        (&self.md5, &self.sha256)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A phone as the registrar knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// Whose it is.
    pub tenant: TenantId,
    /// The name it logs in by: `acme-8001`.
    pub user: String,
    /// What is kept of its password.
    pub secret: Secret,
    /// Whether it is rung with keys.
    pub srtp: Srtp,
    /// Whether it may send its caller elsewhere by itself.
    pub refer: Refer,
}

/// The name a phone logs in by.
pub fn phone_user(tenant: &TenantId, number: &str) -> String {
    format!("{tenant}-{number}")
}

/// All phones of an enterprise.
pub fn phones(enterprise: &Enterprise) -> Vec<Phone> {
    let tenant = &enterprise.id;
    let phone = |extension: &Extension| Phone {
        tenant: tenant.clone(),
        user: phone_user(tenant, &extension.number),
        secret: extension.secret.clone(),
        srtp: extension.srtp,
        refer: extension.refer,
    };
    enterprise.extensions.iter().map(phone).collect()
}
