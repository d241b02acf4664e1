//! SRTP with keys by SDES through the real process (row X04): both legs encrypted, one of them, and wrong keys.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use e2e::{
    Account, Identity, PATIENCE, Platform, Setup, Softphone, acme, acme_with, answers, carrier, carrier_at,
    extension, number,
};
use farend::bridge::{Bridge, Over};
use farend::call::{CallConfig, Outcome};
use farend::world::WorldEvent;
use farend::{Says, Sound};
use hotline::cdr::CallRecord;
use hotline::enterprise::Extension;
use hotline::trunk::Srtp;
use media::measure::tone;
use media::srtp::Suite;

const PHONE: &str = "01062345601";
const PHONE_HZ: u16 = 600;
const CALLER_HZ: u16 = 1_000;

fn call(platform: &Platform, srtp: Option<Suite>) -> CallConfig {
    let mut call = platform.call(number(), "13800138000");
    (call.says, call.hold_for, call.srtp) = (Says::Tone { hz: CALLER_HZ }, Duration::from_secs(7), srtp);
    call
}

fn is_tone(sound: Option<Sound>, hz: u16) -> bool {
    sound.and_then(Sound::hz).is_some_and(|is| is.abs_diff(hz) <= 10)
}

fn heard_phone(outcome: &Outcome) -> bool {
    outcome.media.sounds.iter().any(|sound| is_tone(Some(*sound), PHONE_HZ))
}

/// What the phone heard last in the call that is over.
fn phone_heard(told: &Receiver<WorldEvent>) -> Option<Sound> {
    loop {
        if let WorldEvent::Released { heard, .. } = told.recv_timeout(PATIENCE).expect("an event") {
            return heard;
        }
    }
}

/// How loud the caller's tone is on the caller's channel, and the phone's on its own.
fn taped(platform: &Platform, record: &CallRecord) -> (f32, f32) {
    let wav = platform.recording(record.recording.expect("it was recorded"));
    let of = |channel: usize, hz: u16| tone(&wav.channels[channel], wav.rate, f32::from(hz));
    (of(0, CALLER_HZ), of(1, PHONE_HZ))
}

#[test]
fn x04_srtp_by_gcm_and_cm80_is_heard_both_ways_and_who_has_none_is_refused() {
    let (world, told) = carrier(&[(PHONE, answers(PHONE_HZ))]);
    let mut setup = Setup::new("srtp", world.local(), vec![acme(&[PHONE])]);
    setup.more = "[trunk.profile]\nsrtp = \"required\"\n".into();
    let platform = Platform::start(setup);
    // The far end's packets and ours are SRTP or count as strange: what is heard was encrypted. The phone takes the
    // first suite of our offer, AEAD_AES_256_GCM.
    for suite in [Suite::Gcm128, Suite::Cm80] {
        let outcome = platform.place(call(&platform, Some(suite)));
        assert_eq!(outcome.status, 200, "{suite:?}: {outcome:?}");
        assert!(heard_phone(&outcome), "{suite:?}: {outcome:?}");
        let heard = phone_heard(&told);
        assert!(is_tone(heard, CALLER_HZ), "{suite:?}: {heard:?}");
    }
    for stored in platform.await_calls(2) {
        let (caller, phone) = taped(&platform, &stored.record);
        assert!(caller > 1_000.0 && phone > 1_000.0, "{caller} and {phone}");
    }
    let refused = platform.place(call(&platform, None));
    assert_eq!(refused.status, 488, "{refused:?}");
    assert_eq!(platform.findings(), []);
}

/// Where an encrypted carrier's calls come from.
const ENCRYPTED: [u8; 4] = [127, 0, 0, 3];

/// A platform between a carrier whose calls are encrypted and one whose phones are not.
fn between(name: &'static str, carrier: SocketAddr) -> Platform {
    let mut setup = Setup::new(name, carrier, vec![acme(&[PHONE])]);
    setup.more = "[[trunk]]\nname = \"encrypted\"\naddress = \"127.0.0.3:5060\"\noutgoing = false\n\
                  [trunk.profile]\noptions_s = 0\nsrtp = \"required\"\n"
        .into();
    Platform::start(setup)
}

#[test]
fn x04_an_encrypted_caller_and_a_plain_phone_hear_each_other() {
    let (world, told) = carrier(&[(PHONE, answers(PHONE_HZ))]);
    let platform = between("srtp-plain", world.local());
    let outcome =
        platform.place(CallConfig { local: (ENCRYPTED, 0).into(), ..call(&platform, Some(Suite::Gcm256)) });
    assert_eq!(outcome.status, 200, "{outcome:?}");
    assert!(heard_phone(&outcome), "{outcome:?}");
    assert!(is_tone(phone_heard(&told), CALLER_HZ));
    let (caller, phone) = taped(&platform, &platform.await_calls(1)[0].record);
    assert!(caller > 1_000.0 && phone > 1_000.0, "{caller} and {phone}");
    assert_eq!(platform.findings(), []);
}

/// The platform talks with nobody in the clear whose setting is `required`: what is heard was encrypted.
#[test]
fn x04_a_phone_by_wss_that_requires_srtp_is_rung_and_both_hear_each_other() {
    const PASSWORD: &str = "a long word of no meaning";
    let (world, _told) = carrier_at([127, 0, 0, 2].into(), &[]);
    let (destination, account) = extension("8001", PASSWORD);
    let mut acme = acme_with(vec![destination]);
    acme.extensions.push(Extension { srtp: Srtp::Required, ..account });
    let identity = Identity::make();
    let mut bridge = Bridge::open(([127, 0, 0, 1], 0).into()).expect("a free port");
    let over = Over::Wss(identity.certificate());
    let mut setup = Setup::new("srtp-phone", world.local(), vec![acme]);
    setup.https = Some((identity, bridge.local()));
    let platform = Platform::start(setup);
    bridge.connect(platform.http, over).expect("a WebSocket");
    let phone = Softphone::start(&Account {
        registrar: bridge.local(),
        user: "acme-8001",
        password: PASSWORD,
        hz: PHONE_HZ,
        behind: None,
    });
    phone.await_news("registered");
    let local = ([127, 0, 0, 2], 0).into();
    let outcome = platform.place(CallConfig { local, ..call(&platform, None) });
    assert_eq!(outcome.status, 200, "{outcome:?}");
    assert!(heard_phone(&outcome), "{outcome:?}");
    phone.await_tone(CALLER_HZ);
    assert_eq!(phone.await_news("ended")["status"], 200);
    let (caller, phone) = taped(&platform, &platform.await_calls(1)[0].record);
    assert!(caller > 1_000.0 && phone > 1_000.0, "{caller} and {phone}");
    assert_eq!(platform.findings(), []);
}

#[test]
fn x04_wrong_keys_are_heard_by_nobody() {
    let (world, told) = carrier(&[(PHONE, answers(PHONE_HZ))]);
    let platform = between("srtp-wrong", world.local());
    for (calls, suite) in (1..).zip([Suite::Gcm128, Suite::Cm80]) {
        let target = with_other_keys(platform.sip);
        let local = (ENCRYPTED, 0).into();
        let outcome = platform.place(CallConfig { target, local, ..call(&platform, Some(suite)) });
        assert_eq!(outcome.status, 200, "{suite:?}: {outcome:?}");
        assert_eq!((outcome.media.received, &outcome.media.sounds[..]), (0, &[][..]), "{suite:?}");
        assert!(outcome.media.strange > 100, "our packets did come: {outcome:?}");
        let heard = phone_heard(&told);
        assert!(!is_tone(heard, CALLER_HZ), "{suite:?}: {heard:?}");
        let record = platform.await_calls(calls).remove(calls - 1).record;
        let (caller, phone) = taped(&platform, &record);
        assert!(caller < 20.0 && phone > 1_000.0, "{suite:?}: {caller} and {phone}");
    }
    assert_eq!(platform.findings(), []);
}

/// Somebody between caller and platform who puts another key into what either says. It ends when nothing more comes.
fn with_other_keys(platform: SocketAddr) -> SocketAddr {
    let bind = || UdpSocket::bind(SocketAddr::from((ENCRYPTED, 0))).expect("a free port");
    let (near, far) = (bind(), bind());
    let address = near.local_addr().expect("bound");
    for socket in [&near, &far] {
        socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
    }
    let (back, out) = (near.try_clone().expect("a handle"), far.try_clone().expect("a handle"));
    let caller = Arc::new(Mutex::new(None));
    let heard = caller.clone();
    thread::spawn(move || {
        let mut bytes = [0; 4_096];
        while let Ok((length, from)) = near.recv_from(&mut bytes) {
            *heard.lock().expect("whole") = Some(from);
            out.send_to(&other_keys(&bytes[..length]), platform).expect("sent");
        }
    });
    thread::spawn(move || {
        let mut bytes = [0; 4_096];
        while let Ok(length) = far.recv(&mut bytes) {
            let to = *caller.lock().expect("whole");
            // The caller may be gone by now.
            to.map(|to| back.send_to(&other_keys(&bytes[..length]), to));
        }
    });
    address
}

/// The message with the first digit of each key changed.
fn other_keys(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let name = b"inline:";
    for at in name.len()..message.len() {
        if message[..at].ends_with(name) {
            message[at] = if message[at] == b'A' { b'B' } else { b'A' };
        }
    }
    message
}
