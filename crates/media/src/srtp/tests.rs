//! The vectors of RFC 3711 and RFC 7714, and what must not be opened.

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

const ALL: [Suite; 4] = [Suite::Gcm256, Suite::Gcm128, Suite::Cm80, Suite::Cm32];

fn master(suite: Suite, first: u8) -> Master {
    let (key, salt) = suite.key_bytes();
    Master { suite, key: (0..(key + salt) as u8).map(|n| n.wrapping_mul(7).wrapping_add(first)).collect() }
}

fn pair(suite: Suite) -> (Sealer, Opener) {
    let master = master(suite, 1);
    (Sealer::new(&master).expect("a key"), Opener::new(&master).expect("a key"))
}

fn packet(sequence: u16, ssrc: u32) -> Vec<u8> {
    let mut datagram = vec![0xAB; 172];
    crate::rtp::write_header(&mut datagram, false, 8, sequence, u32::from(sequence) * 160, ssrc);
    datagram
}

fn sealed(sealer: &mut Sealer, plain: &[u8]) -> Option<Vec<u8>> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + OVERHEAD_BYTES, 0);
    let len = sealer.seal(&mut buffer, plain.len())?;
    buffer.truncate(len);
    Some(buffer)
}

fn opened(opener: &mut Opener, sealed: &[u8]) -> Option<Vec<u8>> {
    let mut buffer = sealed.to_vec();
    let len = opener.open(&mut buffer)?;
    buffer.truncate(len);
    Some(buffer)
}

#[test]
fn rfc_3711_b3_session_keys() {
    let (key, salt) = (hex("E1F97A0D3E018BE0D64FA32C06DE4139"), hex("0EC675AD498AFEEBB6960B3AABE6"));
    let derived = |label, bytes| {
        let mut out = vec![0; bytes];
        derive(&key, &salt, label, &mut out);
        out
    };
    assert_eq!(derived(0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derived(2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(derived(1, 20), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

#[test]
fn rfc_3711_b2_key_stream() {
    let key: [u8; 16] = hex("2B7E151628AED2A6ABF7158809CF4F3C").try_into().expect("16 octets");
    let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().expect("14 octets");
    let cipher = Cipher::cm(&key, &[0; 20], 10).expect("a key");
    let session = Session { cipher, salt };
    let mut octets = [0; 32];
    keystream(&Aes128Enc::new((&key).into()), session.iv([0; 4], 0), &mut octets);
    assert_eq!(octets[..], hex("E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB"));
}

#[test]
fn a_whole_packet_of_counter_mode_as_libsrtp_has_it() {
    let key = hex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6").into();
    let mut sealer = Sealer::new(&Master { suite: Suite::Cm80, key }).expect("a key");
    let plain = hex("800f1234decafbadcafebabeabababababababababababababababab");
    let want = hex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb");
    assert_eq!(sealed(&mut sealer, &plain), Some(want));
}

/// "Gallia est omnis divisa in partes tres".
const GALLIA: &str = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976\
    69736120696e207061727465732074726573";

#[test]
fn rfc_7714_16_packets() {
    let key: Vec<u8> = (0..32).collect();
    for (bytes, want) in [
        (
            16,
            "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf\
             8833899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            32,
            "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799\
             b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ] {
        let session = || {
            let mut salt = [0; 14];
            salt[..12].copy_from_slice(&hex("517569642070726f2071756f"));
            Session { cipher: Cipher::gcm(&key[..bytes]).expect("a key"), salt }
        };
        let mut sealer = Sealer { rtp: session(), rtcp: session(), window: Window::default(), rtcp_index: 0 };
        let mut opener = Opener::with(session(), session());
        assert_eq!(sealed(&mut sealer, &hex(GALLIA)), Some(hex(want)));
        assert_eq!(opened(&mut opener, &hex(want)), Some(hex(GALLIA)));
    }
}

#[test]
fn every_suite_opens_what_it_seals_and_nothing_that_was_touched() {
    for suite in ALL {
        let (mut sealer, mut opener) = pair(suite);
        let plain = packet(9, 7);
        let sent = sealed(&mut sealer, &plain).expect("sealed");
        for at in [0, 1, 3, 5, 9, 12, 100, sent.len() - 1] {
            let mut touched = sent.clone();
            touched[at] ^= 0x20;
            assert_eq!(opened(&mut opener, &touched), None, "{suite:?} {at}");
        }
        assert_eq!(opened(&mut opener, &sent[..20]), None);
        assert_eq!(opened(&mut opener, &sent), Some(plain), "{suite:?}");
        let mut other = Opener::new(&master(suite, 2)).expect("a key");
        assert_eq!(opened(&mut other, &sent), None, "another key");
    }
}

#[test]
fn what_was_there_and_what_is_too_old_is_not_opened_again() {
    for suite in ALL {
        let (mut sealer, mut opener) = pair(suite);
        let sent: Vec<Vec<u8>> =
            (0..200).map(|n| sealed(&mut sealer, &packet(n, 7)).expect("sealed")).collect();
        assert!(opened(&mut opener, &sent[100]).is_some());
        assert!(opened(&mut opener, &sent[100]).is_none(), "a replay");
        assert!(opened(&mut opener, &sent[37]).is_some(), "63 behind");
        assert!(opened(&mut opener, &sent[37]).is_none());
        assert!(opened(&mut opener, &sent[36]).is_none(), "64 behind");
        assert!(opened(&mut opener, &sent[199]).is_some());
    }
}

#[test]
fn an_index_is_never_sealed_twice() {
    for suite in ALL {
        let (mut sealer, _) = pair(suite);
        assert!(sealed(&mut sealer, &packet(5, 7)).is_some());
        assert!(sealed(&mut sealer, &packet(5, 7)).is_none());
    }
}

#[test]
fn the_sequence_rolls_over_and_a_late_packet_of_before_is_known() {
    for suite in ALL {
        let (mut sealer, mut opener) = pair(suite);
        let mut late = None;
        for n in 65_500..65_600u32 {
            let sent = sealed(&mut sealer, &packet(n as u16, 7)).expect("sealed");
            if n == 65_535 {
                late = Some(sent);
            } else {
                assert!(opened(&mut opener, &sent).is_some(), "{suite:?} {n}");
            }
            if n == 65_540 {
                assert!(opened(&mut opener, late.as_ref().expect("kept")).is_some(), "{suite:?}");
            }
        }
    }
}

#[test]
fn a_new_stream_of_the_peer_counts_anew_and_the_old_is_not_replayed() {
    let (mut sealer, mut opener) = pair(Suite::Gcm128);
    let old = sealed(&mut sealer, &packet(60_000, 7)).expect("sealed");
    assert!(opened(&mut opener, &old).is_some());
    let (mut again, _) = pair(Suite::Gcm128);
    let new = sealed(&mut again, &packet(3, 8)).expect("sealed");
    assert!(opened(&mut opener, &new).is_some());
    assert!(opened(&mut opener, &old).is_none());
}

#[test]
fn rtcp_is_sealed_opened_once_and_never_taken_in_the_clear() {
    for suite in ALL {
        let (mut sealer, mut opener) = pair(suite);
        let plain = hex("80c90001000000078000000011223344");
        let mut buffer = plain.clone();
        buffer.resize(plain.len() + OVERHEAD_BYTES, 0);
        let len = sealer.seal_rtcp(&mut buffer, plain.len()).expect("sealed");
        buffer.truncate(len);
        assert_ne!(buffer[8..16], plain[8..16]);
        let mut touched = buffer.clone();
        touched[9] ^= 1;
        assert!(opener.open_rtcp(&mut touched).is_none());
        let mut copy = buffer.clone();
        let opened = opener.open_rtcp(&mut copy).expect("authentic");
        assert_eq!(copy[..opened], plain, "{suite:?}");
        assert!(opener.open_rtcp(&mut buffer).is_none(), "a replay");
        assert!(opener.open_rtcp(&mut plain.clone()).is_none(), "in the clear");
    }
}

#[test]
fn keys_are_not_shown_and_of_another_length_not_taken() {
    let mut key = master(Suite::Gcm128, 1);
    assert_eq!(format!("{key:?}"), "Master(Gcm128, ..)");
    key.suite = Suite::Cm80;
    assert!(Sealer::new(&key).is_none());
}

#[test]
fn a_direction_whose_key_stays_goes_on_counting_when_the_other_gets_a_new_one() {
    for suite in ALL {
        let (ours, theirs, next) = (master(suite, 1), master(suite, 2), master(suite, 3));
        let keyring = |ours: &Master, theirs: &Master| Keyring { ours: ours.clone(), theirs: theirs.clone() };
        let after = |before, ours, theirs| Secure::after(before, keyring(ours, theirs)).expect("whole keys");
        let mut here = after(None, &ours, &theirs);
        let mut there = after(None, &theirs, &ours);
        // Our sequence numbers go round once.
        for sequence in [u16::MAX - 1, u16::MAX, 0] {
            let sent = sealed(&mut here.out, &packet(sequence, 7)).expect("sealed");
            assert!(opened(&mut there.inbound, &sent).is_some(), "{suite:?}");
        }
        let report = [0x80, 200, 0, 6, 0, 0, 0, 7].map(u8::from);
        let reported = |secure: &mut Secure| {
            let mut buffer = [&report[..], &[0; OVERHEAD_BYTES]].concat();
            secure.out.seal_rtcp(&mut buffer, report.len()).map(|len| buffer[..len].to_vec())
        };
        let first = reported(&mut here);
        // They change theirs; we and what they know of us stay as we are.
        let mut here = after(Some(here), &ours, &next);
        let mut there = after(Some(there), &next, &ours);
        assert_eq!(sealed(&mut here.out, &packet(0, 7)), None, "{suite:?}: an index is never used twice");
        assert_ne!(reported(&mut here), first, "{suite:?}: nor one of a report");
        let sent = sealed(&mut here.out, &packet(1, 7)).expect("sealed");
        assert!(opened(&mut there.inbound, &sent).is_some(), "{suite:?}");
        let sent = sealed(&mut there.out, &packet(1, 8)).expect("sealed");
        assert!(opened(&mut here.inbound, &sent).is_some(), "{suite:?}");
        // And then ours: the old one opens nothing any more.
        let mut here = after(Some(here), &theirs, &next);
        let sent = sealed(&mut here.out, &packet(2, 7)).expect("sealed");
        assert_eq!(opened(&mut there.inbound, &sent), None, "{suite:?}");
        let mut there = after(Some(there), &next, &theirs);
        assert!(opened(&mut there.inbound, &sent).is_some(), "{suite:?}");
    }
}
