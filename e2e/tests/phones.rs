//! Calls with a phone program that people use (baresip), as caller and as bound phone. What it tells, what it hears and
//! what the platform keeps must agree.

use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use e2e::{
    Baresip, PATIENCE, Pickup, Platform, Setup, acme, acme_with, answers, block_on, carrier, eventually,
    number, sip_phone,
};
use farend::Says;
use farend::call::{HangUp, place};
use farend::world::WorldEvent;
use hotline::cdr::{AnswerStatus, Cause, LegOutcome, Party};
use hotline::enterprise::Destination;
use media::g711::Law;
use media::measure::tone;
use media::wav::Wav;
use store::StoredCall;

const LANDLINE: &str = "01062345601";
const CALLER: &str = "13800138000";
const CALLER_HZ: f32 = 1_000.0;
const PHONE: &str = "8001";
const PHONE_HZ: f32 = 600.0;

/// It speaks µ-law, so that a phone that speaks A-law is understood only through us.
fn caller() -> Baresip {
    Baresip::start(CALLER, Pickup::ByHand, Law::Pcmu, CALLER_HZ)
}

fn phone(pickup: Pickup) -> Baresip {
    Baresip::start(PHONE, pickup, Law::Pcma, PHONE_HZ)
}

/// A platform whose number rings this phone only. It has no other carrier than the phone, which nobody calls by it.
fn platform(name: &'static str, phone: &Baresip, change: impl FnOnce(&mut Destination)) -> Platform {
    let mut destination = sip_phone(&phone.uri());
    change(&mut destination);
    Platform::start(Setup::new(name, phone.address(), vec![acme_with(vec![destination])]))
}

fn as_it_is(_: &mut Destination) {}

/// The one call of a platform of which `sibai verify` finds everything in order.
fn only_call(platform: &Platform) -> StoredCall {
    let call = platform.await_calls(1).remove(0);
    let verified = platform.verify();
    assert_eq!((&verified["clean"], &verified["running"]), (&true.into(), &true.into()), "{verified}");
    call
}

/// The caller is on the left, the phone on the right, and neither on the other's side.
fn assert_channels(wav: &Wav) {
    assert_eq!(wav.channels.len(), 2);
    for (channel, theirs, others) in [(0, CALLER_HZ, PHONE_HZ), (1, PHONE_HZ, CALLER_HZ)] {
        // Fifths of a second, so that a packet that came late does not turn the phase of the whole.
        let samples = &wav.channels[channel];
        let parts = |hz| {
            let mut parts: Vec<f32> =
                samples.chunks_exact(1_600).map(|part| tone(part, wav.rate, hz)).collect();
            parts.sort_by(f32::total_cmp);
            parts
        };
        let (said, leaked) = (parts(theirs), parts(others));
        let (said, leaked) = (said[said.len() / 2], leaked[leaked.len() - 1]);
        assert!(said > 4_000.0 && leaked < said / 30.0, "channel {channel}: {said} against {leaked}");
    }
}

/// What the platform lets an operator see of keys: how many, never which.
fn await_keys_counted(platform: &Platform, keys: u64) {
    eventually("keys counted", || (platform.figure("sibai_media_keys_total") == keys).then_some(()));
}

fn await_told<T>(told: &Receiver<T>, wanted: impl Fn(&T) -> bool) -> T {
    loop {
        let event = told.recv_timeout(PATIENCE).expect("an event");
        if wanted(&event) {
            return event;
        }
    }
}

#[test]
fn a_phone_program_calls_and_its_voice_and_keys_arrive() {
    let (world, told) = carrier(&[(LANDLINE, answers(PHONE_HZ as u16))]);
    let platform = Platform::start(Setup::new("phones-call", world.local(), vec![acme(&[LANDLINE])]));
    let caller = caller();
    caller.dial(number(), platform.sip);
    caller.await_event("CALL_ESTABLISHED");
    caller.await_tone(PHONE_HZ);
    caller.press("4009#");
    for key in "4009#".chars() {
        let event = await_told(&told, |event| matches!(event, WorldEvent::Digit { .. }));
        assert_eq!(event, WorldEvent::Digit { number: LANDLINE.into(), digit: key });
    }
    await_keys_counted(&platform, 5);
    caller.hang_up();
    await_told(&told, |event| matches!(event, WorldEvent::Released { status: 200, .. }));
    let StoredCall { record, charges, .. } = only_call(&platform);
    assert_eq!((record.caller.as_str(), record.status), (CALLER, AnswerStatus::Answered));
    assert_eq!((record.cause, record.ended_by), (Cause::HangUp, Party::Caller));
    assert_eq!(charges.len(), 2, "a sale and a cost: {charges:?}");
    assert_channels(&platform.recording(record.recording.expect("it was recorded")));
    assert!(caller.switch_off().success());
}

#[test]
fn two_phone_programs_hear_each_other_and_the_called_one_hangs_up() {
    let (phone, caller) = (phone(Pickup::AtOnce), caller());
    let platform = platform("phones-two", &phone, as_it_is);
    caller.dial(number(), platform.sip);
    phone.await_event("CALL_ESTABLISHED");
    phone.await_tone(CALLER_HZ);
    caller.await_tone(PHONE_HZ);
    caller.press("123");
    phone.await_keys("123");
    phone.press("*0#");
    caller.await_keys("*0#");
    await_keys_counted(&platform, 6);
    phone.hang_up();
    caller.await_event("CALL_CLOSED");
    let StoredCall { record, .. } = only_call(&platform);
    assert_eq!((record.status, record.cause), (AnswerStatus::Answered, Cause::HangUp));
    assert_eq!((record.ended_by, record.legs.len()), (Party::Target, 1));
    assert_eq!((record.legs[0].outcome, record.legs[0].trunk.as_str()), (LegOutcome::Answered, ""));
    assert_eq!(record.answered_by, phone.uri());
    assert_channels(&platform.recording(record.recording.expect("it was recorded")));
    assert!(caller.switch_off().success() && phone.switch_off().success());
}

#[test]
fn a_phone_program_that_is_called_hears_the_caller_and_his_bye() {
    let phone = phone(Pickup::AtOnce);
    let platform = platform("phones-called", &phone, as_it_is);
    let mut call = platform.call(number(), CALLER);
    call.says = Says::Tone { hz: CALLER_HZ as u16 };
    call.hold_for = Duration::from_secs(600);
    let hang_up = HangUp::default();
    let its = hang_up.clone();
    let far = thread::spawn(move || block_on(place(call, its, |_| ())).expect("a call"));
    phone.await_tone(CALLER_HZ);
    hang_up.now();
    phone.await_event("CALL_CLOSED");
    assert_eq!(far.join().expect("the caller").status, 200);
    let StoredCall { record, .. } = only_call(&platform);
    assert_eq!((record.cause, record.ended_by), (Cause::HangUp, Party::Caller));
    assert_channels(&platform.recording(record.recording.expect("it was recorded")));
}

#[test]
fn a_phone_picked_up_by_hand_answers_what_has_rung() {
    let (phone, caller) = (phone(Pickup::ByHand), caller());
    let platform = platform("phones-by-hand", &phone, as_it_is);
    caller.dial(number(), platform.sip);
    phone.await_event("CALL_INCOMING");
    phone.pick_up();
    caller.await_event("CALL_ESTABLISHED");
    phone.await_tone(CALLER_HZ);
    caller.hang_up();
    phone.await_event("CALL_CLOSED");
    let StoredCall { record, .. } = only_call(&platform);
    assert_eq!((record.status, record.ended_by), (AnswerStatus::Answered, Party::Caller));
    let leg = &record.legs[0];
    assert!(leg.rang_at.is_some() && leg.rang_at <= leg.answered_at, "{record:?}");
}

#[test]
fn a_caller_who_holds_and_comes_back_stays_in_the_call() {
    let (phone, caller) = (phone(Pickup::AtOnce), caller());
    let platform = platform("phones-hold", &phone, as_it_is);
    caller.dial(number(), platform.sip);
    caller.await_event("CALL_ESTABLISHED");
    phone.await_tone(CALLER_HZ);
    // baresip 1.0 sends no sound any more once it was on hold, whoever the other side is: only the SIP of it is seen.
    for on in [true, false] {
        caller.hold(on);
        assert_eq!(caller.await_event("CALL_REMOTE_SDP").param, "answer");
    }
    caller.hang_up();
    phone.await_event("CALL_CLOSED");
    let StoredCall { record, .. } = only_call(&platform);
    assert_eq!((record.status, record.cause), (AnswerStatus::Answered, Cause::HangUp));
    assert_eq!((record.ended_by, record.legs.len()), (Party::Caller, 1));
}

#[test]
fn a_caller_who_hangs_up_while_it_rings_is_not_charged() {
    let (phone, caller) = (phone(Pickup::ByHand), caller());
    let platform = platform("phones-cancel", &phone, as_it_is);
    caller.dial(number(), platform.sip);
    assert!(phone.await_event("CALL_INCOMING").peer.contains(CALLER), "it sees who calls");
    caller.hang_up();
    phone.await_event("CALL_CLOSED");
    let StoredCall { record, charges, .. } = only_call(&platform);
    assert_eq!((record.status, record.cause), (AnswerStatus::Abandoned, Cause::CallerCancelled));
    assert_eq!((record.legs[0].outcome, charges.len()), (LegOutcome::Cancelled, 0));
    assert!(record.recording.is_none());
}

#[test]
fn a_phone_in_a_talk_is_busy_for_the_next_caller() {
    let (phone, caller) = (phone(Pickup::AtOnce), caller());
    let platform = platform("phones-busy", &phone, as_it_is);
    caller.dial(number(), platform.sip);
    phone.await_tone(CALLER_HZ);
    let second = platform.place(platform.call(number(), "13900139000"));
    assert_eq!(second.status, 486, "{second:?}");
    caller.await_tone(PHONE_HZ);
    caller.hang_up();
    phone.await_event("CALL_CLOSED");
    let calls = platform.await_calls(2);
    let of = |caller: &str| calls.iter().find(|call| call.record.caller == caller).expect("a record");
    let (talk, busy) = (of(CALLER), of("13900139000"));
    assert_eq!((busy.record.status, busy.record.cause), (AnswerStatus::Busy, Cause::AllBusy));
    let leg = &busy.record.legs[0];
    assert_eq!((leg.outcome, leg.status, leg.rang_at), (LegOutcome::Busy, 486, None));
    assert_eq!((busy.charges.len(), talk.record.status), (0, AnswerStatus::Answered));
    assert_eq!(platform.verify()["clean"], true);
}

#[test]
fn a_phone_that_is_put_down_while_it_rings_refuses_the_call() {
    let (phone, caller) = (phone(Pickup::ByHand), caller());
    let platform = platform("phones-refuse", &phone, as_it_is);
    caller.dial(number(), platform.sip);
    phone.await_event("CALL_INCOMING");
    phone.hang_up();
    assert_eq!(caller.await_event("CALL_CLOSED").param, "486 Busy Here");
    let StoredCall { record, charges, .. } = only_call(&platform);
    // A phone says 486 for "not now" as well; that it rang tells it from one that was in a talk.
    let leg = &record.legs[0];
    assert_eq!((leg.outcome, leg.status, leg.rang_at.is_some()), (LegOutcome::Busy, 486, true));
    assert_eq!((record.status, charges.len()), (AnswerStatus::Busy, 0));
}

#[test]
fn a_phone_nobody_answers_stops_ringing_in_time() {
    let (phone, caller) = (phone(Pickup::ByHand), caller());
    let platform = platform("phones-no-answer", &phone, |destination| destination.ring_s = 5);
    caller.dial(number(), platform.sip);
    phone.await_event("CALL_INCOMING");
    phone.await_event("CALL_CLOSED");
    let closed = caller.await_event("CALL_CLOSED").param;
    assert!(closed.starts_with("480 "), "{closed}");
    let StoredCall { record, charges, .. } = only_call(&platform);
    let leg = &record.legs[0];
    assert_eq!((record.status, leg.outcome), (AnswerStatus::NoAnswer, LegOutcome::NoAnswer));
    let rang_ms = leg.ended_at.0 - leg.rang_at.expect("it rang").0;
    assert!((5_000..8_000).contains(&rang_ms), "{rang_ms} ms");
    assert_eq!(charges.len(), 0);
}
