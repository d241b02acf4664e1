//! Legs, bridges, playback, keys, strangers and time-outs on real sockets.

mod rig;

use media::{
    CallId, Command, Config, Event, Law, LegId, PlayId, Refusal, Repeat, SendError, Sound, ToneId, prompts,
};
use rig::{EVENTS, Phone, Rig, config};

#[test]
fn two_phones_of_different_laws_hear_each_other() {
    let mut rig = Rig::start(config());
    let mut a = rig.phone(1, Law::Pcma, Some(EVENTS));
    let mut b = rig.phone(1, Law::Pcmu, Some(96));
    rig.send(Command::Bridge { a: a.leg, b: b.leg });
    rig.settle(a.leg);
    a.say_tone(440.0);
    b.say_tone(880.0);
    // One packet in flight at a time: each is awaited at the other end.
    b.send_frame();
    a.receive();
    for _ in 0..50 {
        a.send_frame();
        b.receive();
        b.send_frame();
        a.receive();
    }
    assert!((b.heard_tone(440.0) - 8000.0).abs() < 300.0, "{}", b.heard_tone(440.0));
    assert!((a.heard_tone(880.0) - 8000.0).abs() < 300.0, "{}", a.heard_tone(880.0));
    let stats = rig.close(&a);
    assert_eq!((stats.received, stats.sent, stats.lost, stats.strangers), (50, 51, 0, 0));
    assert!(stats.mos_e2 > 400 && stats.first_packet_ms.is_some() && stats.last_packet_ms.is_some());
}

#[test]
fn keys_are_told_and_passed_with_the_other_payload_type() {
    let mut rig = Rig::start(config());
    let mut a = rig.phone(1, Law::Pcma, Some(EVENTS));
    let mut b = rig.phone(1, Law::Pcma, Some(96));
    rig.send(Command::Bridge { a: a.leg, b: b.leg });
    rig.settle(a.leg);
    b.send_frame();
    rig.wait_first_packet(&b);
    a.stream.press(b"1*#D");
    while a.stream.pressing() {
        a.send_frame();
        b.receive();
    }
    assert_eq!([(); 4].map(|()| rig.wait_digit(&a)), *b"1*#D");
    while b.stream.heard().keys.len() < 4 {
        b.receive();
    }
    assert_eq!(b.stream.heard().keys, b"1*#D");
}

#[test]
fn without_telephone_event_keys_are_heard_in_the_band() {
    let mut rig = Rig::start(config());
    let mut a = rig.phone(1, Law::Pcmu, None);
    a.stream.press(b"0123456789*#ABCD");
    while a.stream.pressing() {
        a.send_frame();
        // The shard has read it before the next is sent, as 20 ms would see to.
        rig.settle(a.leg);
    }
    let heard: Vec<u8> = (0..16).map(|_| rig.wait_digit(&a)).collect();
    assert_eq!(heard, b"0123456789*#ABCD");
}

#[test]
fn a_prompt_is_heard_whole_and_its_end_is_told() {
    let mut rig = Rig::start(config());
    let mut a = rig.phone(1, Law::Pcmu, Some(EVENTS));
    let sound = Sound::Prompt(prompts::WELCOME);
    rig.send(Command::Play { leg: a.leg, play: PlayId(9), sound, repeat: Repeat::Once });
    let (_, prompt) =
        prompts::shipped().into_iter().find(|(id, _)| *id == prompts::WELCOME).expect("shipped");
    let want = Law::Pcmu.decode_all(prompt.octets(Law::Pcmu));
    while a.stream.heard().samples.len() < want.len() {
        a.receive();
    }
    assert_eq!(a.stream.heard().samples[..want.len()], want);
    rig.wait(|event| (*event == Event::Played { leg: a.leg, play: PlayId(9) }).then_some(()));
}

/// Frames of 20 ms in 300 ms: within that many the other side is heard.
const JOINED_WITHIN: usize = 15;

#[test]
fn i15_who_answers_cuts_the_prompt_and_both_hear_each_other_within_300_ms() {
    let mut rig = Rig::start(config());
    let mut caller = rig.phone(1, Law::Pcma, Some(EVENTS));
    let mut agent = rig.phone(1, Law::Pcmu, Some(96));
    let sound = Sound::Prompt(prompts::WELCOME);
    rig.send(Command::Play { leg: caller.leg, play: PlayId(3), sound, repeat: Repeat::Forever });
    for _ in 0..25 {
        caller.receive();
    }
    caller.say_tone(440.0);
    agent.say_tone(880.0);
    // As a call says it at the agent's 200.
    rig.send(Command::StopPlay { leg: caller.leg });
    rig.send(Command::Bridge { a: caller.leg, b: agent.leg });
    rig.settle(caller.leg);
    // What was on its way when they were joined.
    caller.take_waiting();
    let frames_until = |from: &mut Phone, to: &mut Phone, frequency_hz: f32| {
        let before = to.stream.heard().samples.len();
        let heard = |to: &Phone| {
            let samples = &to.stream.heard().samples[before..];
            samples.len() >= 160
                && media::measure::tone(&samples[samples.len() - 160..], 8000, frequency_hz) > 7000.0
        };
        let mut frames = 0;
        while !heard(to) {
            assert!(frames < JOINED_WITHIN, "{frequency_hz} Hz is not heard after {frames} frames");
            from.send_frame();
            to.receive();
            frames += 1;
        }
    };
    frames_until(&mut agent, &mut caller, 880.0);
    frames_until(&mut caller, &mut agent, 440.0);
    // Nothing of the prompt comes behind it.
    let cut = caller.stream.heard().samples.len();
    for _ in 0..50 {
        agent.send_frame();
        caller.receive();
    }
    let after = &caller.stream.heard().samples[cut..];
    let left_over = after.iter().map(|sample| f32::from(*sample).powi(2)).sum::<f32>() / after.len() as f32;
    let tone = media::measure::tone(after, 8000, 880.0);
    assert!((left_over - tone.powi(2) / 2.0).abs() < 0.02 * left_over, "more than the agent's tone is heard");
    assert!(!rig.seen(|event| matches!(event, Event::Played { .. })), "it did not come to its end");
}

#[test]
fn ringback_is_played_until_it_is_stopped() {
    let mut rig = Rig::start(config());
    let mut a = rig.phone(1, Law::Pcma, Some(EVENTS));
    let sound = Sound::Tone(ToneId::Ringback);
    rig.send(Command::Play { leg: a.leg, play: PlayId(1), sound, repeat: Repeat::Forever });
    for _ in 0..25 {
        a.receive();
    }
    assert!((media::measure::amplitude_dbm0(a.heard_tone(450.0)) + 10.0).abs() < 0.5);
    rig.send(Command::StopPlay { leg: a.leg });
    let stats = rig.close(&a);
    assert!(stats.sent < 100, "it stopped");
    assert!(!rig.seen(|event| matches!(event, Event::Played { .. })));
}

#[test]
fn a_beep_to_one_side_takes_the_place_of_the_other_and_gives_it_back() {
    let mut rig = Rig::start(config());
    let mut a = rig.phone(1, Law::Pcma, Some(EVENTS));
    let mut b = rig.phone(1, Law::Pcma, Some(EVENTS));
    rig.send(Command::Bridge { a: a.leg, b: b.leg });
    rig.settle(a.leg);
    let sound = Sound::Tone(ToneId::Warning);
    rig.send(Command::Play { leg: a.leg, play: PlayId(2), sound, repeat: Repeat::Once });
    b.say_tone(440.0);
    for _ in 0..8 {
        a.receive();
    }
    assert!(a.heard_tone(950.0) > 1000.0);
    rig.wait(|event| matches!(event, Event::Played { .. }).then_some(()));
    let before = a.stream.heard().samples.len();
    while a.stream.heard().samples.len() < before + 16_000 {
        b.send_frame();
        a.receive();
    }
    let after = &a.stream.heard().samples;
    assert!(media::measure::tone(&after[after.len() - 800..], 8000, 440.0) > 7000.0);
}

#[test]
fn fault_n5_a_stranger_is_neither_heard_nor_believed_but_counted() {
    let mut rig = Rig::start(config());
    let mut a = rig.phone(1, Law::Pcma, Some(EVENTS));
    let mut b = rig.phone(1, Law::Pcma, Some(EVENTS));
    rig.send(Command::Bridge { a: a.leg, b: b.leg });
    rig.settle(a.leg);
    b.send_frame();
    rig.wait_first_packet(&b);
    a.say_tone(440.0);
    a.send_frame();
    rig.wait_first_packet(&a);
    let mut stranger = Phone::new(LegId(99), a.engine, Law::Pcma, Some(EVENTS));
    stranger.say_tone(1000.0);
    for _ in 0..40 {
        stranger.send_frame();
    }
    b.receive();
    for _ in 0..40 {
        a.send_frame();
        b.receive();
    }
    assert!(b.heard_tone(1000.0) < 100.0, "not heard");
    b.send_frame();
    a.receive();
    let stats = rig.close(&a);
    assert_eq!(stats.strangers, 40);
    assert_eq!(stats.received, 41);
}

#[test]
fn fault_n5_after_a_new_connect_the_new_place_is_learned() {
    let mut rig = Rig::start(config());
    let mut a = rig.phone(1, Law::Pcma, Some(EVENTS));
    let mut b = rig.phone(1, Law::Pcma, Some(EVENTS));
    rig.send(Command::Bridge { a: a.leg, b: b.leg });
    rig.settle(a.leg);
    b.send_frame();
    a.receive();
    a.send_frame();
    b.receive();
    // The phone moves: same leg, another socket; its re-INVITE names it.
    let mut moved = Phone::new(a.leg, a.engine, Law::Pcma, Some(EVENTS));
    moved.say_tone(440.0);
    rig.connect(&moved);
    for _ in 0..30 {
        moved.send_frame();
        b.receive();
        b.send_frame();
        moved.receive();
    }
    assert!(b.heard_tone(440.0) > 7000.0);
    a.send_frame();
    let stats = rig.close(&a);
    assert_eq!(stats.received, 31);
    assert_eq!(stats.strangers, 1, "the old place is a stranger now");
}

#[test]
fn fault_n5_a_phone_behind_a_translator_is_learned_at_once_from_its_host() {
    let mut rig = Rig::start(config());
    let mut a = rig.phone(1, Law::Pcma, Some(EVENTS));
    let mut hidden = Phone::new(a.leg, a.engine, Law::Pcma, Some(EVENTS));
    rig.connect(&a);
    hidden.send_frame();
    rig.wait_first_packet(&a);
    let sound = Sound::Tone(ToneId::Dial);
    rig.send(Command::Play { leg: a.leg, play: PlayId(1), sound, repeat: Repeat::Forever });
    hidden.receive();
    a.send_frame();
    assert_eq!(rig.close(&a).strangers, 1);
}

#[test]
fn silence_is_told_once_for_each_bridged_leg_but_not_on_hold() {
    let mut rig = Rig::start(Config { silence_ms: 150, ..config() });
    let a = rig.phone(1, Law::Pcma, Some(EVENTS));
    let b = rig.phone(1, Law::Pcma, Some(EVENTS));
    let alone = rig.phone(2, Law::Pcma, Some(EVENTS));
    rig.send(Command::Hold { leg: b.leg, on: true, deaf: false });
    rig.send(Command::Bridge { a: a.leg, b: b.leg });
    rig.settle(a.leg);
    let age_ms = rig.wait(|event| match event {
        Event::Silent { leg, last_packet_ms_ago } if *leg == a.leg => Some(*last_packet_ms_ago),
        _ => None,
    });
    assert!((150..5000).contains(&age_ms), "{age_ms}");
    rig.send(Command::Hold { leg: b.leg, on: false, deaf: false });
    rig.wait(|event| matches!(event, Event::Silent { leg, .. } if *leg == b.leg).then_some(()));
    assert!(!rig.seen(|event| matches!(event, Event::Silent { .. })), "once each, and not {:?}", alone.leg);
}

#[test]
fn a_closed_port_rests_and_then_comes_back() {
    let mut rig = Rig::start(Config { quarantine_ms: 200, ..config() });
    let port = rig.ports[0];
    let mut a = rig.phone(1, Law::Pcma, Some(EVENTS));
    rig.close(&a);
    a.send_frame();
    rig.send(Command::Open { leg: LegId(50), port: port.id, call: CallId(2) });
    let reason = rig.wait(|event| match event {
        Event::Refused { leg: LegId(50), reason } => Some(*reason),
        _ => None,
    });
    assert_eq!(reason, Refusal::PortTaken);
    let again = rig.wait(|event| match event {
        Event::PortsReady(ports) => Some(ports.clone()),
        _ => None,
    });
    assert_eq!((again.len(), again[0].id, again[0].address), (1, port.id, port.address));
    assert_ne!(again[0].secret, port.secret, "no key is made of the same octets twice");
    rig.send(Command::Open { leg: LegId(51), port: port.id, call: CallId(2) });
    a.leg = LegId(51);
    rig.connect(&a);
    a.send_frame();
    rig.wait_first_packet(&a);
    assert_eq!(rig.close(&a).received, 1, "the late packet of the former leg is gone");
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    let mut rig = Rig::start(Config { shards: 2, ..config() });
    let more = rig.wait(|event| match event {
        Event::PortsReady(ports) => Some(ports.clone()),
        _ => None,
    });
    let a = rig.phone(1, Law::Pcma, None);
    assert_eq!(rig.engine.send(Command::StopPlay { leg: LegId(77) }), Err(SendError::Unknown));
    assert_eq!(rig.engine.send(Command::StopRecord { call: CallId(77) }), Err(SendError::Unknown));
    let other = Command::Open { leg: LegId(78), port: more[0].id, call: CallId(1) };
    assert_eq!(rig.engine.send(other), Err(SendError::OtherShard));
    let sound = Sound::Prompt(media::PromptId(4711));
    rig.send(Command::Play { leg: a.leg, play: PlayId(1), sound, repeat: Repeat::Once });
    rig.wait(|event| (*event == Event::Refused { leg: a.leg, reason: Refusal::PromptUnknown }).then_some(()));
    let b = rig.phone(1, Law::Pcma, None);
    rig.send(Command::Record { call: CallId(1), recording: 1, left: a.leg, right: b.leg });
    rig.wait(|event| {
        (*event == Event::Refused { leg: a.leg, reason: Refusal::RecordingRefused }).then_some(())
    });
}
