//! Calls through the real process, from the first INVITE to the ledger.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use e2e::{Platform, Setup, acme, eventually, number};
use farend::Says;
use farend::world::{Behaviour, World, WorldConfig, WorldEvent};
use hotline::cdr::{AnswerStatus, Cause};
use hotline::rating::ChargeKind;
use media::measure::tone;
use media::wav::Wav;

/// A carrier behind which one phone behaves as said, and what happens there.
fn carrier(phones: &[(&str, Behaviour)]) -> (World, Receiver<WorldEvent>) {
    let any = ([127, 0, 0, 1], 0).into();
    let mut config = WorldConfig::new(any, any);
    config.behaviours = phones.iter().map(|(phone, does)| ((*phone).to_owned(), does.clone())).collect();
    let (tell, told) = channel();
    let world = World::start(config, move |event| _ = tell.send(event)).expect("a carrier");
    (world, told)
}

fn answers(hz: u16) -> Behaviour {
    Behaviour::Answers { ring_ms: (100, 100), talk_ms: None, says: Says::Tone { hz } }
}

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
    let recording = record.recording.expect("it was recorded");
    let row = eventually("the recording's row", || {
        platform.with_store(async |store| store.recording(recording).await.expect("read"))
    });
    let file = platform.data_dir().join("recordings").join(&row.path);
    let wav = Wav::parse(&std::fs::read(file).expect("a file"), 16 << 20).expect("a WAV file");
    // The caller is on the left, the phone on the right, and neither on the other's side.
    for (channel, theirs, others) in [(0, 440.0, 880.0), (1, 880.0, 440.0)] {
        let samples = &wav.channels[channel];
        let (said, leaked) = (tone(samples, wav.rate, theirs), tone(samples, wav.rate, others));
        assert!(said > 1_000.0 && leaked < said / 30.0, "channel {channel}: {said} against {leaked}");
    }
    assert_eq!(platform.findings(), []);
}
