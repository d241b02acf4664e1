//! A phone registers once; the process is killed and started again; the phone is rung all the same.

use std::time::Duration;

use e2e::{Account, Platform, Setup, Softphone, acme_with, carrier, eventually, extension, number};
use farend::Says;
use hotline::cdr::AnswerStatus;

const PASSWORD: &str = "a long word of no meaning";
const PHONE_HZ: u16 = 600;
const CALLER_HZ: u16 = 1_000;

#[test]
fn x04_fault_f1_a_phone_is_rung_after_kill_9_without_registering_again() {
    let (world, _told) = carrier(&[]);
    let (destination, extension) = extension("8001", PASSWORD);
    let mut acme = acme_with(vec![destination]);
    acme.extensions.push(extension);
    let mut platform = Platform::start(Setup::new("registrations", world.local(), vec![acme]));
    let account = Account {
        registrar: platform.sip,
        user: "acme-8001",
        password: PASSWORD,
        hz: PHONE_HZ,
        behind: None,
    };
    // It asks for an hour, and so does not come back by itself while this test goes on.
    let phone = Softphone::start(&account);
    phone.await_news("registered");
    let file = platform.data_dir().join("registrations");
    eventually("the registration in its file", || std::fs::metadata(&file).ok().filter(|it| it.len() > 100));
    platform.kill();
    platform.restart();
    let mut call = platform.call(number(), "13800138000");
    call.says = Says::Tone { hz: CALLER_HZ };
    call.hold_for = Duration::from_secs(6);
    let outcome = platform.place(call);
    assert_eq!(outcome.status, 200, "{outcome:?}");
    assert_eq!(phone.await_news("ringing")["from"], "13800138000");
    phone.await_tone(CALLER_HZ);
    let heard =
        outcome.media.sounds.iter().filter_map(|sound| sound.hz()).any(|hz| hz.abs_diff(PHONE_HZ) <= 10);
    assert!(heard, "{outcome:?}");
    let record = platform.await_calls(1).remove(0).record;
    assert_eq!(record.status, AnswerStatus::Answered);
    platform.recording(record.recording.expect("it was recorded"));
    assert_eq!(platform.findings(), []);
}
