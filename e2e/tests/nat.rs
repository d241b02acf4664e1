//! A registered phone behind a NAT that forgets silence after a minute and lets no stranger in: it has a private
//! address, writes it into everything, and is rung all the same after five idle minutes. One list of assertions for a
//! NAT of the kernel and one in user space.

use std::time::Duration;

use e2e::{
    Account, Nat, Platform, Setup, Softphone, UserSpace, acme_with, carrier, carrier_at, eventually,
    extension, number,
};
use farend::Says;
use hotline::cdr::{AnswerStatus, Cause, Party};
use media::measure::tone;

const PASSWORD: &str = "a long word of no meaning";
const PHONE_HZ: u16 = 600;
const CALLER_HZ: u16 = 1_000;
/// As often the platform asks a phone behind NAT, and five minutes of that.
const ASKED_EVERY: Duration = Duration::from_secs(25);
const TIMES: usize = 12;

#[test]
fn a_phone_behind_nat_is_rung_after_five_idle_minutes_and_both_sides_hear_each_other() {
    is_rung_after_five_idle_minutes(&Nat::open());
}

#[test]
fn so_is_one_behind_a_nat_in_user_space() {
    is_rung_after_five_idle_minutes(&Nat::UserSpace(UserSpace::open()));
}

fn is_rung_after_five_idle_minutes(nat: &Nat) {
    eprintln!("NAT by {nat}");
    let (world, _told) = carrier_at(nat.platform(), &[]);
    let (destination, phone) = extension("8001", PASSWORD);
    let mut acme = acme_with(vec![destination]);
    acme.extensions.push(phone);
    let mut setup = Setup::new("nat", world.local(), vec![acme]);
    setup.address = nat.platform();
    setup.more = "[testing]\nclock_may_advance = true\n".into();
    let platform = Platform::start(setup);
    let phone = Softphone::start(&Account {
        registrar: platform.sip,
        user: "acme-8001",
        password: PASSWORD,
        hz: PHONE_HZ,
        behind: Some(nat),
    });
    let granted = phone.await_news("registered");
    assert!(granted["expires_s"].as_u64().is_some_and(|granted| granted > 300), "{granted}");
    for _ in 0..TIMES {
        let before = nat.sent();
        platform.advance(ASKED_EVERY);
        eventually("the phone is asked, and answers", || (nat.sent() > before).then_some(()));
        nat.advance(ASKED_EVERY);
    }
    let mut call = platform.call(number(), "13800138000");
    call.says = Says::Tone { hz: CALLER_HZ };
    call.hold_for = Duration::from_secs(6);
    let outcome = platform.place(call);
    assert_eq!(phone.await_news("ringing")["from"], "13800138000");
    phone.await_news("talking");
    phone.await_tone(CALLER_HZ);
    assert_eq!(outcome.status, 200, "{outcome:?}");
    let heard =
        |hz: u16| outcome.media.sounds.iter().filter_map(|sound| sound.hz()).any(|is| is.abs_diff(hz) <= 10);
    assert!(heard(PHONE_HZ), "{outcome:?}");
    // Our BYE found its way in as well.
    let ended = phone.await_news("ended");
    assert_eq!(ended["status"], 200, "{ended}");
    let record = platform.await_calls(1).remove(0).record;
    assert_eq!((record.status, record.cause), (AnswerStatus::Answered, Cause::HangUp));
    assert_eq!(record.ended_by, Party::Caller);
    let wav = platform.recording(record.recording.expect("it was recorded"));
    for (channel, theirs) in [(0, CALLER_HZ), (1, PHONE_HZ)] {
        let said = tone(&wav.channels[channel], wav.rate, f32::from(theirs));
        assert!(said > 1_000.0, "channel {channel}: {said}");
    }
    assert_eq!(platform.findings(), []);
}

#[test]
fn fault_n4_a_wrong_password_is_refused_and_nothing_is_rung() {
    let (world, _told) = carrier(&[]);
    let (destination, phone) = extension("8001", PASSWORD);
    let mut acme = acme_with(vec![destination]);
    acme.extensions.push(phone);
    let platform = Platform::start(Setup::new("nat-wrong", world.local(), vec![acme]));
    for user in ["acme-8001", "acme-8002", "nobody-8001"] {
        let phone = Softphone::start(&Account {
            registrar: platform.sip,
            user,
            password: "another word",
            hz: PHONE_HZ,
            behind: None,
        });
        // The same for a phone that is there, one that is not, and an enterprise that is not.
        assert_eq!(phone.await_news("registration_refused")["status"], 401, "{user}");
    }
    let outcome = platform.place(platform.call(number(), "13800138000"));
    assert!(outcome.status >= 400, "{outcome:?}");
    assert_eq!(platform.await_calls(1)[0].record.status, AnswerStatus::NoAnswer);
}
