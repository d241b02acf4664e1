//! Legs of browsers on a real engine: way, handshake and keys as a browser makes them, then all that plain legs do
//! (row Q22). The other side of each call is a plain phone.

mod rig;

use std::net::UdpSocket;
use std::time::Duration;

use media::srtp::{OVERHEAD_BYTES, Opener, Sealer};
use media::stream::{StreamConfig, Voice};
use media::webrtc::far_end::FarEnd;
use media::{
    Agreed, CallId, Command, Config, Event, Law, LegId, PlayId, Port, RecordingConfig, Refusal, Repeat,
};
use media::{Rtcp, RtpStream, Sound, ToneId};
use rig::{DEADLINE, Dir, Phone, Rig, config};

const LEG: LegId = LegId(1_000);

fn with_browsers() -> Config {
    Config { web_legs: 4, quarantine_ms: 50, ..config() }
}

/// A browser whose page has our description and whose own we have.
struct Browser {
    leg: LegId,
    socket: UdpSocket,
    stream: RtpStream,
    sealer: Sealer,
    opener: Opener,
}

fn web_port(rig: &mut Rig) -> Port {
    let at = rig.ports.iter().position(|port| port.web.is_some()).expect("a browser's port");
    rig.ports.remove(at).expect("it is there")
}

fn agreed(far: &FarEnd) -> Agreed {
    Agreed { rtcp: Rtcp::Shared, dtls: Some(far.fingerprint()), ..Agreed::g711(Law::Pcma, Some(126)) }
}

fn browser(rig: &mut Rig, leg: LegId, call: u128) -> Browser {
    let port = web_port(rig);
    rig.send(Command::Open { leg, port: port.id, call: CallId(call) });
    let far = FarEnd::new(port.address).expect("a socket");
    // What its description says of an address does not matter: nothing is sent there before ICE has proven a way.
    let remote = "192.0.2.1:9".parse().expect("an address");
    rig.send(Command::Connect { leg, remote, agreed: agreed(&far) });
    let (socket, keys) = far.connect(&port.web.expect("an access"), DEADLINE).expect("connected");
    socket.set_read_timeout(Some(DEADLINE)).expect("set");
    // The engine may be a moment later: it is heard once it has the keys, too.
    let sound = Sound::Tone(ToneId::Dial);
    rig.send(Command::Play { leg, play: PlayId(9), sound, repeat: Repeat::Forever });
    while !socket.recv(&mut [0; 2_048]).is_ok_and(|len| len > 172) {}
    rig.send(Command::StopPlay { leg });
    rig.settle(leg);
    socket.set_nonblocking(true).expect("set");
    while socket.recv(&mut [0; 2_048]).is_ok() {}
    socket.set_nonblocking(false).expect("set");
    let config =
        StreamConfig { law: Law::Pcma, payload_type: 8, event_payload_type: Some(126), ssrc: 0x7700_0001 };
    let sealer = Sealer::new(&keys.ours).expect("a key");
    let opener = Opener::new(&keys.theirs).expect("a key");
    Browser { leg, socket, stream: RtpStream::new(config), sealer, opener }
}

impl Browser {
    fn send_frame(&mut self) {
        let (socket, sealer) = (&self.socket, &mut self.sealer);
        self.stream.next_frame(|packet| {
            let mut datagram = [0; 200 + OVERHEAD_BYTES];
            datagram[..packet.len()].copy_from_slice(packet);
            let len = sealer.seal(&mut datagram, packet.len()).expect("an index of its own");
            socket.send(&datagram[..len]).expect("sent");
        });
    }

    /// Takes one packet of sound or keys, however long it needs.
    fn receive(&mut self) {
        let mut datagram = [0; 2_048];
        loop {
            let len = self.socket.recv(&mut datagram).expect("a packet in time");
            assert!(datagram[0] < 64 || len > 12, "a packet");
            if datagram[0] >= 128 && !media::rtcp::is_rtcp(&datagram[..len]) {
                let len = self.opener.open(&mut datagram[..len]).expect("sealed by the engine");
                return self.stream.receive(&datagram[..len]);
            }
        }
    }

    fn tone(&mut self, frequency_hz: f32) {
        self.stream.say(Voice::Tone { frequency_hz, amplitude: 8000.0 });
    }

    fn heard(&self, frequency_hz: f32) -> f32 {
        media::measure::tone(&self.stream.heard().samples, 8000, frequency_hz)
    }
}

/// Both say their tone for so many frames.
fn talk(plain: &mut Phone, browser: &mut Browser, frames: usize) {
    for _ in 0..frames {
        plain.send_frame();
        browser.receive();
        browser.send_frame();
        plain.receive();
    }
}

#[test]
fn q22_a_browser_and_a_phone_hear_each_other_and_keys_pass_both_ways() {
    let mut rig = Rig::start(with_browsers());
    let mut plain = rig.phone(1, Law::Pcma, Some(101));
    let mut browser = browser(&mut rig, LEG, 1);
    rig.send(Command::Bridge { a: plain.leg, b: LEG });
    rig.settle(LEG);
    plain.say_tone(440.0);
    browser.tone(880.0);
    talk(&mut plain, &mut browser, 50);
    let levels = [browser.heard(440.0), plain.heard_tone(880.0)];
    assert!(levels.iter().all(|level| (level - 8000.0).abs() < 900.0), "{levels:?}");
    plain.stream.press(b"5#");
    while plain.stream.pressing() {
        plain.send_frame();
        browser.receive();
    }
    browser.stream.press(b"90");
    while browser.stream.pressing() {
        browser.send_frame();
        plain.receive();
    }
    assert_eq!([rig.wait_digit(&plain), rig.wait_digit(&plain)], *b"5#");
    assert_eq!([rig.wait_digit_of(LEG), rig.wait_digit_of(LEG)], *b"90");
    while browser.stream.heard().keys.len() < 2 {
        browser.receive();
    }
    while plain.stream.heard().keys.len() < 2 {
        plain.receive();
    }
    assert_eq!((&*browser.stream.heard().keys, &*plain.stream.heard().keys), (&b"5#"[..], &b"90"[..]));
    let stats = rig.close_leg(browser.leg);
    assert_eq!((stats.strangers, stats.unauthentic, stats.lost), (0, 0, 0));
    assert!(stats.received >= 50 && stats.sent >= 50, "{stats:?}");
}

#[test]
fn q22_a_browser_hears_what_is_played_and_is_recorded() {
    let dir = Dir::new("webrtc");
    let recording = RecordingConfig { disk_reserve_bytes: 0, ..RecordingConfig::in_dir(&dir.0) };
    let mut rig = Rig::start(Config { recording: Some(recording), ..with_browsers() });
    let mut plain = rig.phone(1, Law::Pcma, None);
    let mut browser = browser(&mut rig, LEG, 1);
    let sound = Sound::Tone(ToneId::Dial);
    rig.send(Command::Play { leg: LEG, play: PlayId(1), sound, repeat: Repeat::Forever });
    (0..30).for_each(|_| browser.receive());
    assert!(browser.heard(450.0) > 1_000.0, "{}", browser.heard(450.0));
    rig.send(Command::StopPlay { leg: LEG });
    rig.send(Command::Bridge { a: plain.leg, b: LEG });
    rig.send(Command::Record { call: CallId(1), recording: 77, left: plain.leg, right: LEG });
    rig.settle(LEG);
    plain.say_tone(440.0);
    browser.tone(880.0);
    talk(&mut plain, &mut browser, 50);
    rig.close_leg(plain.leg);
    rig.close_leg(LEG);
    let path = rig.wait(|event| match event {
        Event::RecordingReady { path, .. } => Some(path.clone()),
        _ => None,
    });
    let wav = media::wav::Wav::parse(&std::fs::read(path).expect("a file"), 1 << 20).expect("a WAV");
    let level = |channel: usize, hz| media::measure::tone(&wav.channels[channel], wav.rate, hz);
    assert!(
        level(0, 440.0) > 3_000.0 && level(1, 880.0) > 3_000.0,
        "{} {}",
        level(0, 440.0),
        level(1, 880.0)
    );
}

#[test]
fn q22_before_the_handshake_nothing_is_sent_and_nothing_in_the_clear_is_heard() {
    let mut rig = Rig::start(with_browsers());
    let mut plain = rig.phone(1, Law::Pcma, None);
    let port = web_port(&mut rig);
    rig.send(Command::Open { leg: LEG, port: port.id, call: CallId(1) });
    let far = FarEnd::new(port.address).expect("a socket");
    let remote = far.address().expect("bound");
    rig.send(Command::Connect { leg: LEG, remote, agreed: agreed(&far) });
    rig.send(Command::Bridge { a: plain.leg, b: LEG });
    let sound = Sound::Tone(ToneId::Dial);
    rig.send(Command::Play { leg: LEG, play: PlayId(1), sound, repeat: Repeat::Forever });
    far.check(&port.web.expect("an access"), std::time::Instant::now() + DEADLINE).expect("answered");
    // From the very source that ICE has proven, but without keys.
    let clear = UdpSocket::bind("127.0.0.1:0").expect("a port");
    for _ in 0..10 {
        plain.send_frame();
        rig.settle(LEG);
        clear.send_to(&[0x80, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0xD5, 0xD5], port.address).expect("sent");
    }
    let stats = rig.close_leg(LEG);
    assert_eq!((stats.sent, stats.received), (0, 0), "{stats:?}");
    assert_eq!(plain.stream.heard().packets, 0);
}

#[test]
fn q22_who_has_another_certificate_or_password_is_not_let_in() {
    let mut rig = Rig::start(with_browsers());
    let port = web_port(&mut rig);
    rig.send(Command::Open { leg: LEG, port: port.id, call: CallId(1) });
    let (far, other) = (FarEnd::new(port.address).expect("one"), FarEnd::new(port.address).expect("another"));
    rig.send(Command::Connect { leg: LEG, remote: port.address, agreed: agreed(&other) });
    let mut access = port.web.expect("an access");
    far.connect(&access, DEADLINE).expect("it has a password");
    rig.wait(|event| (*event == Event::Refused { leg: LEG, reason: Refusal::Impostor }).then_some(()));
    access.password[0] ^= 1;
    let until = std::time::Instant::now() + Duration::from_millis(200);
    assert!(other.check(&access, until).is_err(), "no answer without the password");
    let stats = rig.close_leg(LEG);
    assert!(stats.strangers > 0 && stats.sent == 0, "{stats:?}");
}

#[test]
fn q22_a_leg_has_keys_as_its_port_has_them() {
    let mut rig = Rig::start(with_browsers());
    let port = web_port(&mut rig);
    rig.send(Command::Open { leg: LEG, port: port.id, call: CallId(1) });
    rig.send(Command::Connect { leg: LEG, remote: port.address, agreed: Agreed::g711(Law::Pcma, None) });
    rig.wait(|event| (*event == Event::Refused { leg: LEG, reason: Refusal::KeyUnusable }).then_some(()));
    let plain = rig.open(2);
    let far = FarEnd::new(port.address).expect("a socket");
    rig.send(Command::Connect { leg: plain, remote: port.address, agreed: agreed(&far) });
    let refused = Event::Refused { leg: plain, reason: Refusal::KeyUnusable };
    rig.wait(|event| (*event == refused).then_some(()));
}

#[test]
fn q22_many_browsers_share_one_port_and_a_place_is_used_again_by_another_name() {
    let mut rig = Rig::start(with_browsers());
    let (first, used) = {
        let port = rig.ports.iter().find(|port| port.web.is_some()).expect("a browser's port");
        (port.address, port.web.expect("an access"))
    };
    let mut calls: Vec<(Phone, Browser)> = (0..4)
        .map(|n| {
            let plain = rig.phone(n, Law::Pcma, None);
            let browser = browser(&mut rig, LegId(2_000 + n as u64), n);
            rig.send(Command::Bridge { a: plain.leg, b: browser.leg });
            rig.settle(plain.leg);
            (plain, browser)
        })
        .collect();
    for (n, (plain, browser)) in calls.iter_mut().enumerate() {
        assert_eq!(browser.socket.peer_addr().expect("connected"), first);
        browser.tone(500.0 + 200.0 * n as f32);
        talk(plain, browser, 20);
    }
    for (n, (plain, _)) in calls.iter().enumerate() {
        let level = |hz| plain.heard_tone(hz);
        let (own, next) = (500.0 + 200.0 * n as f32, 500.0 + 200.0 * ((n + 1) % 4) as f32);
        assert!(level(own) > 6_000.0 && level(next) < 800.0, "{} and {}", level(own), level(next));
    }
    rig.close_leg(calls[0].1.leg);
    let again = rig.wait(|event| match event {
        Event::PortsReady(ports) => ports.iter().find(|port| port.web.is_some()).copied(),
        _ => None,
    });
    assert_ne!(again.web.expect("an access").ufrag, used.ufrag);
    rig.ports.push_back(again);
    let mut plain = rig.phone(9, Law::Pcma, None);
    let mut anew = browser(&mut rig, LegId(3_000), 9);
    rig.send(Command::Bridge { a: plain.leg, b: anew.leg });
    rig.settle(plain.leg);
    anew.tone(880.0);
    talk(&mut plain, &mut anew, 20);
    assert!(plain.heard_tone(880.0) > 6_000.0);
}

#[test]
fn q23_a_page_that_comes_back_shakes_hands_anew_on_the_same_leg() {
    let mut rig = Rig::start(with_browsers());
    let mut plain = rig.phone(1, Law::Pcma, None);
    let port = *rig.ports.iter().find(|port| port.web.is_some()).expect("a browser's port");
    let mut before = browser(&mut rig, LEG, 1);
    rig.send(Command::Bridge { a: plain.leg, b: LEG });
    rig.settle(LEG);
    before.tone(880.0);
    talk(&mut plain, &mut before, 20);
    let far = FarEnd::new(port.address).expect("a socket");
    rig.send(Command::Connect { leg: LEG, remote: port.address, agreed: agreed(&far) });
    rig.settle(LEG);
    let (socket, keys) = far.connect(&port.web.expect("an access"), DEADLINE).expect("connected");
    // What the page before still says is no longer heard.
    before.send_frame();
    let (sealer, opener) =
        (Sealer::new(&keys.ours).expect("a key"), Opener::new(&keys.theirs).expect("a key"));
    let config =
        StreamConfig { law: Law::Pcma, payload_type: 8, event_payload_type: None, ssrc: 0x7700_0002 };
    let mut after = Browser { leg: LEG, socket, stream: RtpStream::new(config), sealer, opener };
    after.socket.set_read_timeout(Some(DEADLINE)).expect("set");
    rig.settle(LEG);
    after.tone(1_300.0);
    let heard = plain.stream.heard().samples.len();
    while plain.stream.heard().samples.len() < heard + 8_000 {
        after.send_frame();
        plain.socket.set_nonblocking(true).expect("set");
        let mut datagram = [0; 2_048];
        while let Ok(len) = plain.socket.recv(&mut datagram) {
            plain.stream.receive(&datagram[..len]);
        }
        rig.settle(LEG);
    }
    let level = media::measure::tone(&plain.stream.heard().samples[heard..], 8000, 1_300.0);
    assert!(level > 6_000.0, "{level}");
    let stats = rig.close_leg(LEG);
    assert!(stats.received >= 50, "{stats:?}");
}
