//! Calls through the real process, from the first INVITE to the ledger.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use e2e::{LOOK, PATIENCE, Platform, Setup, acme, answers, carrier, number};
use farend::Says;
use farend::world::Behaviour;
use hotline::cdr::{AnswerStatus, Cause};
use hotline::rating::ChargeKind;
use media::measure::tone;

#[test]
fn a_call_is_answered_heard_recorded_and_billed() {
    let (world, _told) = carrier(&[("01062345601", answers(880))]);
    let platform = Platform::start(Setup::new("answered", world.local(), vec![acme(&["01062345601"])]));
    let mut call = platform.call(number(), "13800138000");
    call.says = Says::Tone { hz: 440 };
    call.hold_for = Duration::from_secs(8);
    let outcome = platform.place(call);
    assert_eq!(outcome.status, 200, "{outcome:?}");
    let calls = platform.await_calls(1);
    let record = &calls[0].record;
    assert_eq!((record.status, record.cause), (AnswerStatus::Answered, Cause::HangUp));
    assert_eq!(record.caller, "13800138000");
    assert!(record.talk_ms > 1_000, "{record:?}");
    assert_eq!(calls[0].charges.iter().filter(|charge| charge.kind == ChargeKind::Sale).count(), 1);
    assert_eq!(calls[0].charges.iter().filter(|charge| charge.kind == ChargeKind::Cost).count(), 1);
    let wav = platform.recording(record.recording.expect("it was recorded"));
    // The caller is on the left, the phone on the right, and neither on the other's side.
    for (channel, theirs, others) in [(0, 440.0, 880.0), (1, 880.0, 440.0)] {
        let samples = &wav.channels[channel];
        let (said, leaked) = (tone(samples, wav.rate, theirs), tone(samples, wav.rate, others));
        assert!(said > 1_000.0 && leaked < said / 30.0, "channel {channel}: {said} against {leaked}");
    }
    assert_eq!(platform.findings(), []);
}

#[test]
fn busy_rejected_and_unallocated_targets_and_unknown_numbers_leave_a_record_and_no_charge() {
    let (world, _told) =
        carrier(&[("01062345602", Behaviour::Busy), ("01062345609", Behaviour::Unallocated)]);
    let platform =
        Platform::start(Setup::new("refused", world.local(), vec![acme(&["01062345602", "01062345609"])]));
    let outcome = platform.place(platform.call(number(), "13800138000"));
    assert!(outcome.status >= 400, "{outcome:?}");
    let outcome = platform.place(platform.call("4009999999", "13800138000"));
    assert!(outcome.status >= 400, "{outcome:?}");
    let calls = platform.await_calls(2);
    assert_eq!(calls[0].record.legs.len(), 2, "{:?}", calls[0].record);
    assert_eq!(calls[1].record.cause, Cause::NumberNotInService);
    assert!(calls.iter().all(|call| call.charges.is_empty()));
    assert_eq!(platform.findings(), []);
}

#[test]
fn a_caller_who_gives_up_is_not_charged_and_the_phone_stops_ringing() {
    let (world, told) = carrier(&[("01062345603", Behaviour::NoAnswer)]);
    let platform = Platform::start(Setup::new("given-up", world.local(), vec![acme(&["01062345603"])]));
    let mut call = platform.call(number(), "13800138000");
    call.ring_for = Duration::from_secs(2);
    let outcome = platform.place(call);
    assert_eq!(outcome.status, 487, "{outcome:?}");
    let released = told.iter().find_map(|event| match event {
        farend::world::WorldEvent::Released { status, .. } => Some(status),
        _ => None,
    });
    assert_eq!(released, Some(487));
    let calls = platform.await_calls(1);
    assert_eq!(
        (calls[0].record.status, calls[0].record.cause),
        (AnswerStatus::Abandoned, Cause::CallerCancelled)
    );
    assert!(calls[0].charges.is_empty());
}

#[test]
fn r36_imported_regions_are_in_force_for_the_first_call() {
    const CALLER: &str = "13800138000";
    let (world, _told) = carrier(&[]);
    let mut platform = Platform::start(Setup::new("regions", world.local(), Vec::new()));
    platform.terminate();
    assert!(platform.await_end().success());
    let rows = "prefix,province,city,area_code\n1380013,海南,三亚,0898\n";
    let regions = platform.data_dir().join("regions");
    std::fs::create_dir_all(&regions).expect("a folder");
    std::fs::write(regions.join("overrides.csv"), rows).expect("written");
    // One INVITE, repeated until it is answered: it waits at the socket before the node takes its first turn. Nobody
    // holds its number, so nothing has to be loaded before its call begins.
    let to = platform.sip;
    let caller = std::thread::spawn(move || {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
        socket.set_read_timeout(Some(LOOK)).expect("a time-out");
        let own = socket.local_addr().expect("an address");
        let number = "4009999999";
        let invite = format!(
            "INVITE sip:{number}@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKfirst\r\n\
             From: <sip:{CALLER}@{own}>;tag=first\r\nTo: <sip:{number}@{to}>\r\nCall-ID: first\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:{own}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        let mut heard = [0; 2_048];
        let until = Instant::now() + PATIENCE;
        while socket.recv_from(&mut heard).is_err() {
            assert!(Instant::now() < until, "nobody answers");
            // Refused by the system while nobody listens there.
            let _ = socket.send_to(invite.as_bytes(), to);
        }
    });
    platform.restart();
    caller.join().expect("the caller");
    let record = &platform.await_calls(1)[0].record;
    assert_eq!((record.region.province.as_ref(), record.region.city.as_ref()), ("海南", "三亚"));
}
