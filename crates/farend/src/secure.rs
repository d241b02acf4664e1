//! SRTP of one leg with keys by SDES (RFC 4568): what is offered and answered, and packets both ways.
//! It refuses to know where packets go and what is in them.

use std::io;

use media::srtp::{Master, OVERHEAD_BYTES, Opener, Sealer, Secret, Suite};
use sip::sdp::{self, Crypto, Sdp};

/// Our key, and theirs once they have told it.
pub(crate) struct Secure {
    ours: Crypto,
    sealer: Sealer,
    theirs: Option<(Crypto, Opener)>,
}

/// The name of a line that we offer; an answer repeats it.
const TAG: u32 = 1;

impl Secure {
    /// A fresh key to offer.
    pub(crate) fn draw(suite: Suite) -> io::Result<Secure> {
        let suite = match suite {
            Suite::Gcm256 => sdp::Suite::AeadAes256Gcm,
            Suite::Gcm128 => sdp::Suite::AeadAes128Gcm,
            Suite::Cm80 => sdp::Suite::AesCm128HmacSha1Tag80,
            Suite::Cm32 => sdp::Suite::AesCm128HmacSha1Tag32,
        };
        Secure::named(TAG, suite)
    }

    /// A fresh key to answer an offer with, by its first suite; `None` where it names none that we have.
    pub(crate) fn answering(offer: &Sdp) -> Option<Secure> {
        let first = offer.crypto.first()?;
        Secure::named(first.tag, first.suite).ok()
    }

    fn named(tag: u32, suite: sdp::Suite) -> io::Result<Secure> {
        let secret = Secret::draw()?;
        let ours = Crypto { tag, suite, key: secret.0[..suite.key_bytes()].to_vec() };
        let sealer = Sealer::new(&master(&ours)).ok_or_else(|| io::Error::other("a key too short"))?;
        Ok(Secure { ours, sealer, theirs: None })
    }

    /// The line of our description.
    pub(crate) fn ours(&self) -> &Crypto {
        &self.ours
    }

    /// Takes the far end's key out of its description; one that has none for us changes nothing.
    pub(crate) fn agree(&mut self, description: &Sdp) {
        let fits = |crypto: &&Crypto| crypto.tag == self.ours.tag && crypto.suite == self.ours.suite;
        let Some(theirs) = description.crypto.iter().find(fits) else { return };
        if self.theirs.as_ref().is_some_and(|(known, _)| known == theirs) {
            return;
        }
        if let Some(opener) = Opener::new(&master(theirs)) {
            self.theirs = Some((theirs.clone(), opener));
        }
    }

    /// A packet of ours as it goes out; `None` before the far end has told its key.
    pub(crate) fn seal(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        self.theirs.as_ref()?;
        let mut sealed = [packet, &[0; OVERHEAD_BYTES]].concat();
        let length = self.sealer.seal(&mut sealed, packet.len())?;
        sealed.truncate(length);
        Some(sealed)
    }

    /// Opens a packet in place and gives its length; `None` for one that the far end's key did not seal.
    pub(crate) fn open(&mut self, datagram: &mut [u8]) -> Option<usize> {
        self.theirs.as_mut()?.1.open(datagram)
    }
}

fn master(crypto: &Crypto) -> Master {
    let suite = match crypto.suite {
        sdp::Suite::AeadAes256Gcm => Suite::Gcm256,
        sdp::Suite::AeadAes128Gcm => Suite::Gcm128,
        sdp::Suite::AesCm128HmacSha1Tag80 => Suite::Cm80,
        sdp::Suite::AesCm128HmacSha1Tag32 => Suite::Cm32,
    };
    Master { suite, key: crypto.key.clone().into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::sdp::{Format, Profile};

    const PACKET: &[u8] = &[0x80, 8, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4, 9, 9, 9, 9];

    fn describing(secure: &Secure) -> Sdp {
        let mut sdp = Sdp::offer(([127, 0, 0, 1], 4_000).into(), &[Format::pcma()], 1, 1);
        (sdp.profile, sdp.crypto) = (Profile::Savp, vec![secure.ours().clone()]);
        Sdp::parse(&sdp.to_bytes()).expect("our own")
    }

    #[test]
    fn two_agree_and_only_the_key_that_was_told_opens() {
        for suite in [Suite::Gcm256, Suite::Gcm128, Suite::Cm80, Suite::Cm32] {
            let mut caller = Secure::draw(suite).expect("chance");
            assert_eq!(caller.seal(PACKET), None, "no key is known yet");
            let mut callee = Secure::answering(&describing(&caller)).expect("a suite");
            callee.agree(&describing(&caller));
            caller.agree(&describing(&callee));
            let mut sealed = caller.seal(PACKET).expect("sealed");
            assert!(!sealed.ends_with(&PACKET[12..]), "{suite:?}");
            let length = callee.open(&mut sealed).expect("opened");
            assert_eq!(&sealed[..length], PACKET, "{suite:?}");
            let stranger = Secure::draw(suite).expect("chance");
            callee.agree(&describing(&stranger));
            let mut next = PACKET.to_vec();
            next[3] = 2;
            let mut sealed = caller.seal(&next).expect("sealed");
            assert_eq!(callee.open(&mut sealed), None, "{suite:?}");
        }
    }
}
