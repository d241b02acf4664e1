//! Codecs, keys and packet times across two legs of a real engine: what one far end says is measured at the other.

mod rig;

use std::net::UdpSocket;

use media::codec::{Codec, Decoder, Encoder, OCTETS_MAX, SAMPLES_MAX};
use media::measure::{sine, tone};
use media::rtp::{self, HEADER_BYTES, KeyEvent, Packet};
use media::wav::Wav;
use media::{
    Agreed, CallId, Command, Config, Event, Events, Keys, Law, LegId, PlayId, RecordingConfig, Repeat, Sound,
    ToneId,
};
use rig::{DEADLINE, Dir, Rig, config};

/// A far end that speaks any codec.
struct Talker {
    leg: LegId,
    socket: UdpSocket,
    engine: std::net::SocketAddr,
    agreed: Agreed,
    encoder: Encoder,
    decoder: Decoder,
    sequence: u16,
    timestamp: u32,
    said: usize,
    heard: Vec<i16>,
    packets: Vec<(Packet, Vec<u8>)>,
}

fn agreed(codec: Codec) -> Agreed {
    let payload_type = match codec {
        Codec::Pcma => 8,
        Codec::Pcmu => 0,
        Codec::G722 => 9,
        Codec::G729 => 18,
        Codec::Opus => 111,
    };
    Agreed { codec, payload_type, ..Agreed::g711(Law::Pcma, None) }
}

impl Talker {
    fn new(rig: &mut Rig, leg: u64, agreed: Agreed) -> Talker {
        let port = rig.ports.pop_front().expect("a port");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.set_read_timeout(Some(DEADLINE)).expect("set");
        let (leg, codec) = (LegId(leg), agreed.codec);
        rig.send(Command::Open { leg, port: port.id, call: CallId(1) });
        let remote = socket.local_addr().expect("bound");
        rig.send(Command::Connect { leg, remote, agreed: agreed.clone() });
        rig.settle(leg);
        Talker {
            leg,
            socket,
            engine: port.address,
            agreed,
            encoder: Encoder::new(codec),
            decoder: Decoder::new(codec),
            sequence: 65_530,
            timestamp: u32::MAX - 1_000,
            said: 0,
            heard: Vec::new(),
            packets: Vec::new(),
        }
    }

    fn send(&mut self, marker: bool, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let mut datagram = [0; HEADER_BYTES + OCTETS_MAX];
        let ssrc = 0x5000_0000 + self.leg.0 as u32;
        rtp::write_header(&mut datagram, marker, payload_type, self.sequence, timestamp, ssrc);
        datagram[HEADER_BYTES..][..payload.len()].copy_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.socket.send_to(&datagram[..HEADER_BYTES + payload.len()], self.engine).expect("sent");
    }

    /// Says a packet of a sine.
    fn say(&mut self, hz: f32, ptime_ms: usize) {
        let wave = sine(8_000, hz, 8_000.0, self.said + ptime_ms * 8);
        self.say_samples(&wave[self.said..]);
        self.said += ptime_ms * 8;
    }

    fn say_samples(&mut self, samples: &[i16]) {
        let mut octets = [0; OCTETS_MAX];
        let len = self.encoder.encode(samples, &mut octets);
        self.send(false, self.agreed.payload_type, self.timestamp, &octets[..len]);
        let clock_khz = self.agreed.codec.clock_hz() / 1000;
        self.timestamp = self.timestamp.wrapping_add(samples.len() as u32 / 8 * clock_khz);
    }

    fn hear(&mut self) {
        let mut buffer = [0; 2048];
        let (len, _) = self.socket.recv_from(&mut buffer).expect("a packet in time");
        let packet = Packet::parse(&buffer[..len]).expect("RTP");
        let payload = buffer[packet.start..packet.end].to_vec();
        if packet.payload_type == self.agreed.payload_type {
            let mut samples = [0; SAMPLES_MAX];
            let count = self.decoder.decode(&payload, &mut samples);
            self.heard.extend_from_slice(&samples[..count]);
        }
        self.packets.push((packet, payload));
    }

    /// The level of a sine in what was heard behind the first 200 ms.
    fn level(&self, hz: f32) -> f32 {
        tone(&self.heard[1_600..], 8_000, hz)
    }

    /// Presses a key as RFC 4733 does: 100 ms in five packets, the last three times.
    fn press(&mut self, key: u8) {
        let events = self.agreed.events.expect("agreed");
        let event = rtp::event_of_key(key).expect("a key");
        let step = events.clock_hz / 50;
        for turn in [1u32, 2, 3, 4, 5, 5, 5] {
            let body = KeyEvent { event, end: turn == 5, volume: 10, duration: (turn * step) as u16 };
            let timestamp = self.timestamp;
            self.send(turn == 1, events.payload_type, timestamp, &body.to_bytes());
        }
        self.timestamp = self.timestamp.wrapping_add(self.agreed.codec.clock_hz() / 10);
    }
}

fn pair(rig: &mut Rig, a: Agreed, b: Agreed) -> (Talker, Talker) {
    let (a, b) = (Talker::new(rig, 1, a), Talker::new(rig, 2, b));
    rig.send(Command::Bridge { a: a.leg, b: b.leg });
    rig.settle(a.leg);
    (a, b)
}

const ALL: [Codec; 5] = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::G729, Codec::Opus];

#[test]
fn x04_a_tone_crosses_every_pair_of_codecs_both_ways() {
    for (n, one) in ALL.into_iter().enumerate() {
        for other in ALL.into_iter().skip(n) {
            let mut rig = Rig::start(config());
            let (mut a, mut b) = pair(&mut rig, agreed(one), agreed(other));
            for _ in 0..40 {
                a.say(440.0, 20);
                b.hear();
                b.say(1_000.0, 20);
                a.hear();
            }
            for (heard, own, foreign) in [(&b, 440.0, 1_000.0), (&a, 1_000.0, 440.0)] {
                let level = heard.level(own);
                assert!((5_000.0..10_500.0).contains(&level), "{one:?} and {other:?}, {own} Hz: {level}");
                assert!(heard.level(foreign) < level / 10.0, "{one:?} and {other:?}");
            }
            let steps: Vec<u32> =
                b.packets.windows(2).map(|pair| pair[1].0.timestamp - pair[0].0.timestamp).collect();
            assert!(
                steps.iter().all(|&step| step == other.clock_hz() / 50),
                "{one:?} to {other:?}: {steps:?}"
            );
        }
    }
}

#[test]
fn a_codec_that_both_speak_passes_untouched_in_packets_of_any_length() {
    for codec in ALL {
        for ptime_ms in [10, 20, 30] {
            let ptime_ms = usize::from(codec.frame_ms(ptime_ms));
            let mut rig = Rig::start(config());
            let (mut a, mut b) = pair(&mut rig, agreed(codec), agreed(codec));
            let mut twin = Encoder::new(codec);
            let wave = sine(8_000, 440.0, 8_000.0, ptime_ms * 8 * 10);
            for frame in wave.chunks_exact(ptime_ms * 8) {
                a.say(440.0, ptime_ms);
                b.hear();
                let mut octets = [0; OCTETS_MAX];
                let len = twin.encode(frame, &mut octets);
                assert_eq!(b.packets.last().expect("heard").1, octets[..len], "{codec:?} {ptime_ms} ms");
            }
        }
    }
}

#[test]
fn transcoding_makes_packets_of_the_length_asked_for() {
    let mut rig = Rig::start(config());
    let to = Agreed { ptime_ms: 30, ..agreed(Codec::G729) };
    let (mut a, mut b) = pair(&mut rig, agreed(Codec::Pcma), to);
    for _ in 0..60 {
        a.say(440.0, 10);
    }
    for _ in 0..20 {
        b.hear();
    }
    assert!(b.packets.iter().all(|(_, payload)| payload.len() == 30), "three frames of G.729 each");
    assert!(b.packets.windows(2).all(|pair| pair[1].0.sequence == pair[0].0.sequence.wrapping_add(1)));
    assert!(b.level(440.0) > 5_000.0);
}

#[test]
fn fault_n6_a_key_keeps_its_packets_across_clocks_and_is_one_key() {
    let events = |payload_type, clock_hz| Some(Events { payload_type, clock_hz });
    let opus = Agreed { events: events(110, 48_000), ..agreed(Codec::Opus) };
    let alaw = Agreed { events: events(101, 8_000), ..agreed(Codec::Pcma) };
    let wide = Agreed { events: events(97, 16_000), ..agreed(Codec::Pcma) };
    for (from, to) in [(&opus, &alaw), (&alaw, &opus), (&wide, &alaw), (&alaw, &wide), (&alaw, &alaw)] {
        let mut rig = Rig::start(config());
        let (mut a, mut b) = pair(&mut rig, from.clone(), to.clone());
        a.say(440.0, 20);
        b.hear();
        a.press(b'5');
        a.say(440.0, 20);
        a.press(b'5');
        (0..15).for_each(|_| b.hear());
        let theirs = to.events.expect("set");
        let told: Vec<(u32, KeyEvent)> = b
            .packets
            .iter()
            .filter(|(packet, _)| packet.payload_type == theirs.payload_type)
            .map(|(packet, payload)| (packet.timestamp, KeyEvent::parse(payload).expect("an event")))
            .collect();
        assert_eq!(told.len(), 14);
        for key in told.chunks(7) {
            assert!(key.iter().all(|(timestamp, event)| *timestamp == key[0].0 && event.event == 5));
            let durations: Vec<u32> =
                key.iter().map(|(_, event)| u32::from(event.duration) * 50 / theirs.clock_hz).collect();
            assert_eq!(durations, [1, 2, 3, 4, 5, 5, 5]);
            assert_eq!(key.iter().filter(|(_, event)| event.end).count(), 3);
        }
        assert_ne!(told[0].0, told[7].0, "two keys");
        let sequences = b.packets.windows(2).map(|pair| pair[1].0.sequence.wrapping_sub(pair[0].0.sequence));
        assert!(sequences.into_iter().all(|step| step == 1), "in order");
        assert_eq!([rig.wait_digit_of(a.leg), rig.wait_digit_of(a.leg)], *b"55");
        rig.settle(a.leg);
        assert!(!rig.seen(|event| matches!(event, Event::Digit { .. })), "two keys are two digits");
    }
}

#[test]
fn a_leg_without_events_hears_keys_as_tones_in_its_codec() {
    for codec in ALL {
        let mut rig = Rig::start(config());
        let (mut a, mut b) = pair(&mut rig, Agreed::g711(Law::Pcma, Some(101)), agreed(codec));
        a.press(b'6');
        (0..5).for_each(|_| b.hear());
        let pair = [770.0, 1_477.0].map(|hz| tone(&b.heard, 8_000, hz));
        let other = tone(&b.heard, 8_000, 1_209.0);
        assert!(
            pair.iter().all(|&level| level > 2_000.0 && level > other * 3.0),
            "{codec:?} {pair:?} {other}"
        );
    }
}

#[test]
fn keys_can_be_pressed_towards_a_leg() {
    let mut rig = Rig::start(config());
    let mut a = Talker::new(&mut rig, 1, Agreed::g711(Law::Pcma, Some(101)));
    rig.send(Command::SendKey { leg: a.leg, key: b'3' });
    rig.send(Command::SendKey { leg: a.leg, key: b'#' });
    (0..14).for_each(|_| a.hear());
    let ends: Vec<(u32, u8)> = a
        .packets
        .iter()
        .filter_map(|(packet, payload)| {
            Some((packet.timestamp, KeyEvent::parse(payload).filter(|event| event.end)?.event))
        })
        .collect();
    let (first, second) = (ends[0].0, ends[3].0);
    assert_eq!(ends, [(first, 3), (first, 3), (first, 3), (second, 11), (second, 11), (second, 11)]);
    assert_ne!(first, second);
}

#[test]
fn keys_that_go_by_signalling_are_left_to_it() {
    let mut rig = Rig::start(config());
    let signalled = Agreed { keys: Keys::Signalled, ..Agreed::g711(Law::Pcma, Some(101)) };
    let (mut a, mut b) = pair(&mut rig, Agreed::g711(Law::Pcma, Some(101)), signalled);
    a.press(b'1');
    assert_eq!(rig.wait_digit_of(a.leg), b'1', "told, for SIP to pass on");
    b.press(b'2');
    a.say(440.0, 20);
    b.hear();
    assert_eq!(b.packets[0].0.payload_type, 8, "no event before it");
    rig.settle(b.leg);
    assert!(!rig.seen(|event| matches!(event, Event::Digit { .. })));
}

#[test]
fn comfort_noise_passes_with_the_others_payload_type() {
    let mut rig = Rig::start(config());
    let with = |noise_payload_type| Agreed { noise_payload_type, ..agreed(Codec::Pcma) };
    let (mut a, mut b) = pair(&mut rig, with(Some(13)), with(Some(97)));
    a.say(440.0, 20);
    let timestamp = a.timestamp;
    a.send(false, 13, timestamp, &[60]);
    (0..2).for_each(|_| b.hear());
    assert_eq!((b.packets[1].0.payload_type, b.packets[1].1.as_slice()), (97, &[60][..]));
}

#[test]
fn what_is_played_is_said_in_the_legs_codec() {
    for codec in ALL {
        let mut rig = Rig::start(config());
        let mut a = Talker::new(&mut rig, 1, agreed(codec));
        let sound = Sound::Tone(ToneId::Ringback);
        rig.send(Command::Play { leg: a.leg, play: PlayId(1), sound, repeat: Repeat::Forever });
        (0..40).for_each(|_| a.hear());
        let level = a.level(450.0);
        assert!((5_000.0..9_500.0).contains(&level), "{codec:?}: {level}");
        let steps = a.packets.windows(2).map(|pair| pair[1].0.timestamp - pair[0].0.timestamp);
        assert!(steps.into_iter().all(|step| step % (codec.clock_hz() / 50) == 0 && step > 0), "{codec:?}");
    }
}

#[test]
fn a_held_leg_that_listens_to_nobody_is_sent_nothing_until_it_is_back() {
    let mut rig = Rig::start(config());
    let (mut a, mut b) = pair(&mut rig, agreed(Codec::Pcma), agreed(Codec::Pcma));
    a.say(440.0, 20);
    b.hear();
    rig.send(Command::Hold { leg: b.leg, on: true, deaf: true });
    rig.settle(b.leg);
    (0..10).for_each(|_| a.say(440.0, 20));
    b.say(1_000.0, 20);
    a.hear();
    rig.send(Command::Hold { leg: b.leg, on: false, deaf: false });
    rig.settle(b.leg);
    a.say(440.0, 20);
    b.hear();
    let [before, after] = [&b.packets[0].0, &b.packets[1].0];
    assert_eq!(after.sequence, before.sequence.wrapping_add(1), "no packet is missed");
    assert!(after.marker && b.packets.len() == 2);
}

#[test]
fn a_codec_changed_in_mid_call_is_transcoded_from_then_on() {
    let mut rig = Rig::start(config());
    let (mut a, mut b) = pair(&mut rig, agreed(Codec::Pcma), agreed(Codec::Pcma));
    a.say(440.0, 20);
    b.hear();
    a.agreed = agreed(Codec::G722);
    (a.encoder, a.decoder) = (Encoder::new(Codec::G722), Decoder::new(Codec::G722));
    let remote = a.socket.local_addr().expect("bound");
    rig.send(Command::Connect { leg: a.leg, remote, agreed: a.agreed.clone() });
    rig.settle(a.leg);
    for _ in 0..40 {
        a.say(440.0, 20);
        b.hear();
        b.say(1_000.0, 20);
        a.hear();
    }
    assert!(b.level(440.0) > 6_000.0 && a.level(1_000.0) > 6_000.0);
}

#[test]
fn a_recording_is_g711_whatever_the_legs_speak() {
    let dir = Dir::new("codecs");
    let recording =
        RecordingConfig { segment_bytes: 4 << 20, disk_reserve_bytes: 0, ..RecordingConfig::in_dir(&dir.0) };
    let mut rig = Rig::start(Config { recording: Some(recording), ..config() });
    let (mut a, mut b) = pair(&mut rig, agreed(Codec::Opus), agreed(Codec::G729));
    rig.send(Command::Record { call: CallId(1), recording: 7, left: a.leg, right: b.leg });
    // A third leg's dial tone beats the time of 20 ms.
    let mut clock = Talker::new(&mut rig, 3, agreed(Codec::Pcma));
    let sound = Sound::Tone(ToneId::Dial);
    rig.send(Command::Play { leg: clock.leg, play: PlayId(1), sound, repeat: Repeat::Forever });
    for _ in 0..65 {
        clock.hear();
        a.say(440.0, 20);
        b.hear();
        b.say(1_000.0, 20);
        a.hear();
    }
    rig.send(Command::StopRecord { call: CallId(1) });
    let path = rig.wait(|event| match event {
        Event::RecordingReady { path, .. } => Some(path.clone()),
        _ => None,
    });
    let wav = Wav::parse(&std::fs::read(path).expect("the file is there"), usize::MAX).expect("a WAV file");
    for (channel, own, foreign) in [(0, 440.0, 1_000.0), (1, 1_000.0, 440.0)] {
        let samples = &wav.channels[channel];
        assert!(samples.len() >= 9_600, "{}", samples.len());
        let level = tone(&samples[1_600..9_600], 8_000, own);
        assert!(level > 5_000.0, "channel {channel}: {level}");
        assert!(tone(&samples[1_600..9_600], 8_000, foreign) < level / 10.0);
    }
}

/// How often a leg is told to play the busy tone, of three and a half seconds of it, listened for over `for_ms`.
fn busy_tones(codec: Codec, for_ms: u64) -> usize {
    let mut rig = Rig::start(config());
    let (mut a, mut b) = pair(&mut rig, agreed(codec), agreed(Codec::Pcma));
    rig.send(Command::ListenTones { leg: a.leg, for_ms, judge: false });
    rig.settle(a.leg);
    let busy = media::tone::rule(ToneId::Busy, 20_261_001).expect("a rule holds");
    let samples = media::tone::render(busy.cadence, busy.level_dbm0).repeat(5);
    for packet in samples.chunks_exact(160) {
        a.say_samples(packet);
        b.hear();
    }
    rig.settle(a.leg);
    rig.count(|event| matches!(event, Event::Tone { leg, tone: ToneId::Busy } if *leg == a.leg))
}

#[test]
fn r12_a_busy_tone_is_heard_in_every_codec() {
    for codec in ALL {
        assert_eq!(busy_tones(codec, 60_000), 1, "{codec:?}");
    }
}

#[test]
fn r29_only_what_is_judged_is_told_to_be_a_voice() {
    let voices = |judge: bool| {
        let mut rig = Rig::start(config());
        let (mut a, mut b) = pair(&mut rig, agreed(Codec::Pcma), agreed(Codec::Pcma));
        rig.send(Command::ListenTones { leg: a.leg, for_ms: 60_000, judge });
        rig.settle(a.leg);
        // No tone of the network has these frequencies, each for as long as a syllable.
        for _ in 0..20 {
            for hz in [180.0, 700.0, 1_300.0] {
                a.say(hz, 5);
                b.hear();
            }
        }
        rig.settle(a.leg);
        let told = |event: &Event| matches!(event, Event::Voice { .. } | Event::ToneBegan { .. });
        rig.count(told)
    };
    assert_eq!((voices(true), voices(false)), (1, 0));
}

#[test]
fn r12_nothing_is_heard_of_a_leg_that_is_not_listened_to() {
    assert_eq!(busy_tones(Codec::Pcma, 0), 0);
}
