//! SRTP on one leg of a real engine and the clear on the other: tones cross, keys that do not fit are heard by nobody.

mod rig;

use media::codec::Codec;
use media::srtp::{Keyring, Master, Suite};
use media::{Agreed, Command, Law};
use rig::{Phone, Rig, config};

fn master(suite: Suite, first: u8) -> Master {
    let (key, salt) = suite.key_bytes();
    Master { suite, key: (0..(key + salt) as u8).map(|n| n.wrapping_mul(11).wrapping_add(first)).collect() }
}

/// Two engines: the one under test has a plain leg and a secure one; the other turns the far end's plain packets into
/// SRTP, since what it seals and opens is held against the vectors elsewhere.
struct World {
    ours: Rig,
    theirs: Rig,
    plain: Phone,
    far: Phone,
    /// The two legs that speak SRTP to each other.
    inner: [media::LegId; 2],
}

impl World {
    fn new(ours: Keyring, theirs: Keyring) -> World {
        let (mut here, mut there) = (Rig::start(config()), Rig::start(config()));
        let (plain, far) = (here.phone(1, Law::Pcma, Some(101)), there.phone(1, Law::Pcma, Some(101)));
        let ports = [here.ports[0].address, there.ports[0].address];
        let legs = [here.open(1), there.open(1)];
        for (rig, leg, remote, keyring, phone) in [
            (&mut here, legs[0], ports[1], ours, plain.leg),
            (&mut there, legs[1], ports[0], theirs, far.leg),
        ] {
            let agreed = Agreed { srtp: Some(Box::new(keyring)), ..Agreed::g711(Law::Pcma, Some(101)) };
            assert_eq!(agreed.codec, Codec::Pcma);
            rig.send(Command::Connect { leg, remote, agreed });
            rig.send(Command::Bridge { a: phone, b: leg });
            rig.settle(leg);
        }
        World { ours: here, theirs: there, plain, far, inner: legs }
    }
}

fn keyrings(suite: Suite) -> (Keyring, Keyring) {
    let (a, b) = (master(suite, 1), master(suite, 2));
    (Keyring { ours: a.clone(), theirs: b.clone() }, Keyring { ours: b, theirs: a })
}

#[test]
fn a_tone_crosses_from_srtp_to_the_clear_and_back() {
    for suite in [Suite::Gcm256, Suite::Gcm128, Suite::Cm80, Suite::Cm32] {
        let (ours, theirs) = keyrings(suite);
        let mut world = World::new(ours, theirs);
        world.plain.say_tone(440.0);
        world.far.say_tone(880.0);
        for _ in 0..50 {
            world.plain.send_frame();
            world.far.receive();
            world.far.send_frame();
            world.plain.receive();
        }
        world.plain.stream.press(b"5");
        while world.plain.stream.pressing() {
            world.plain.send_frame();
            world.far.receive();
        }
        let levels = [world.far.heard_tone(440.0), world.plain.heard_tone(880.0)];
        assert!(
            (levels[0] - 8000.0).abs() < 900.0 && (levels[1] - 8000.0).abs() < 300.0,
            "{suite:?} {levels:?}"
        );
        while world.far.stream.heard().keys.is_empty() {
            world.far.receive();
        }
        assert_eq!(world.far.stream.heard().keys, b"5");
        let stats = world.ours.close_leg(world.inner[0]);
        assert_eq!((stats.unauthentic, stats.strangers, stats.lost), (0, 0, 0), "{suite:?}");
    }
}

#[test]
fn a_wrong_key_is_heard_by_nobody_and_counted() {
    for suite in [Suite::Gcm128, Suite::Cm80] {
        let (ours, mut theirs) = keyrings(suite);
        theirs.ours = master(suite, 77);
        let mut world = World::new(ours, theirs);
        world.far.say_tone(880.0);
        world.plain.say_tone(440.0);
        for _ in 0..20 {
            world.far.send_frame();
        }
        // What goes the other way, with the key that fits, is heard.
        for _ in 0..20 {
            world.plain.send_frame();
            world.far.receive();
        }
        assert!(world.far.heard_tone(440.0) > 7_000.0);
        let sent = world.theirs.close_leg(world.inner[1]);
        assert_eq!(sent.sent, 20);
        let stats = world.ours.close_leg(world.inner[0]);
        assert_eq!((stats.received, stats.unauthentic), (0, 20), "{suite:?}");
        assert_eq!(world.plain.stream.heard().packets, 0);
    }
}

#[test]
fn packets_in_the_clear_are_not_taken_from_a_leg_with_keys() {
    let (ours, _) = keyrings(Suite::Gcm128);
    let mut rig = Rig::start(config());
    let mut phone = rig.phone(1, Law::Pcma, None);
    let agreed = Agreed { srtp: Some(Box::new(ours)), ..Agreed::g711(Law::Pcma, None) };
    rig.send(Command::Connect { leg: phone.leg, remote: phone.address(), agreed });
    rig.settle(phone.leg);
    for _ in 0..5 {
        phone.send_frame();
        rig.settle(phone.leg);
    }
    let stats = rig.close(&phone);
    assert_eq!((stats.received, stats.unauthentic), (0, 5));
}
