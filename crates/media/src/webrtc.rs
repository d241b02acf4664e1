//! What a leg of a browser needs before its first packet: a way proven by ICE, whose lite side we are, and keys agreed by
//! DTLS-SRTP (RFC 5764). Behind that it is a leg like any other; this module refuses to know legs, calls and descriptions.

use std::fmt;

use crate::srtp::Keyring;

pub(crate) mod dtls;
pub mod far_end;
pub(crate) mod stun;

/// SHA-256 of a certificate, as `a=fingerprint` writes it (RFC 8122).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

impl Fingerprint {
    /// That of a certificate in DER.
    pub fn of(certificate: &[u8]) -> Fingerprint {
        let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
        let mut octets = [0; 32];
        octets.copy_from_slice(digest.as_ref());
        Fingerprint(octets)
    }
}

/// What a description tells a browser, so that it reaches a port that it shares with all others of its shard; drawn anew
/// each time the port becomes free.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Access {
    /// By this name the browser's checks are known (RFC 8445).
    pub ufrag: [u8; 8],
    /// By this they are proven; never shown but in a description.
    pub password: [u8; 24],
    /// Our certificate.
    pub fingerprint: Fingerprint,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// The characters of names and passwords (RFC 8839 section 5.4), 64 of them.
const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl Access {
    /// A new one, from the system: 48 bits of name, 144 of password.
    ///
    /// # Errors
    /// The system gives no chance.
    pub fn draw(fingerprint: Fingerprint) -> std::io::Result<Access> {
        let mut chance = [0; 32];
        let filled = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut chance);
        filled.map_err(|_| std::io::Error::other("no random octets"))?;
        let character = |octet: u8| CHARACTERS[usize::from(octet & 63)];
        let ufrag = std::array::from_fn(|n| character(chance[n]));
        let password = std::array::from_fn(|n| character(chance[8 + n]));
        Ok(Access { ufrag, password, fingerprint })
    }
}

/// What a handshake came to: the keys of both directions and the certificate of whoever has the other ends.
#[derive(Clone, Debug)]
pub(crate) struct Shaken {
    pub keys: Keyring,
    pub theirs: Fingerprint,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_is_of_permitted_characters_another_each_time_and_not_shown() {
        let fingerprint = Fingerprint::of(b"a certificate");
        let (one, other) =
            (Access::draw(fingerprint).expect("chance"), Access::draw(fingerprint).expect("chance"));
        assert!(one.ufrag != other.ufrag && one.password != other.password);
        let is_permitted = |octet: &u8| octet.is_ascii_alphanumeric() || b"+/".contains(octet);
        assert!(one.ufrag.iter().chain(&one.password).all(is_permitted));
        let password = String::from_utf8(one.password.to_vec()).expect("text");
        assert!(!format!("{one:?}").contains(&password));
    }
}
