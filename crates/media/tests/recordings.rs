//! Recordings on real sockets and files: content by tone, a full disk, a killed process.

mod rig;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use media::wav::Wav;
use media::{
    CallId, Command, Config, Event, Law, PlayId, RecordingConfig, Repeat, Sound, StopReason, ToneId, measure,
    segment,
};
use rig::{Dir, EVENTS, Phone, Rig, config};

fn recording_config(dir: &Path) -> Config {
    let recording =
        RecordingConfig { segment_bytes: 4 << 20, disk_reserve_bytes: 0, ..RecordingConfig::in_dir(dir) };
    Config { recording: Some(recording), ..config() }
}

/// Two bridged phones that say 440 and 880 Hz, and a third whose dial tone beats the time of 20 ms.
struct Talk {
    caller: Phone,
    agent: Phone,
    clock: Phone,
}

impl Talk {
    fn start(rig: &mut Rig, call: u128) -> Talk {
        Talk::of_caller_with(rig, call, Some(EVENTS))
    }

    fn of_caller_with(rig: &mut Rig, call: u128, events: Option<u8>) -> Talk {
        let mut caller = rig.phone(call, Law::Pcma, events);
        let mut agent = rig.phone(call, Law::Pcmu, Some(EVENTS));
        let clock = rig.phone(call + 1000, Law::Pcma, None);
        rig.send(Command::Bridge { a: caller.leg, b: agent.leg });
        let sound = Sound::Tone(ToneId::Dial);
        rig.send(Command::Play { leg: clock.leg, play: PlayId(0), sound, repeat: Repeat::Forever });
        caller.say_tone(440.0);
        agent.say_tone(880.0);
        Talk { caller, agent, clock }
    }

    fn record(&self, rig: &mut Rig, call: u128, recording: u128) {
        let (left, right) = (self.caller.leg, self.agent.leg);
        rig.send(Command::Record { call: CallId(call), recording, left, right });
    }

    fn frames(&mut self, count: usize) {
        for _ in 0..count {
            self.clock.receive();
            self.caller.send_frame();
            self.agent.receive();
            self.agent.send_frame();
            self.caller.receive();
        }
    }
}

#[derive(Debug)]
struct Ready {
    path: PathBuf,
    bytes: u64,
    duration_ms: u64,
    crc32c: u32,
    interrupted: bool,
}

fn wait_ready(rig: &mut Rig, of: u128) -> Ready {
    rig.wait(|event| match event {
        Event::RecordingReady { recording, path, bytes, duration_ms, crc32c, interrupted, .. }
            if *recording == of =>
        {
            Some(Ready {
                path: path.clone(),
                bytes: *bytes,
                duration_ms: *duration_ms,
                crc32c: *crc32c,
                interrupted: *interrupted,
            })
        }
        _ => None,
    })
}

/// The file is what the event says, and each channel holds its tone and not the other's.
fn check_file(ready: &Ready, samples_min: usize) {
    let file = std::fs::read(&ready.path).expect("the file is there");
    assert_eq!(file.len() as u64, ready.bytes);
    assert_eq!(segment::crc32c(0, &file), ready.crc32c);
    let wav = Wav::parse(&file, usize::MAX).expect("a WAV file");
    assert_eq!((wav.rate, wav.channels.len()), (8000, 2));
    assert_eq!(wav.duration_ms(), ready.duration_ms);
    for (channel, own_hz, other_hz) in [(0, 440.0, 880.0), (1, 880.0, 440.0)] {
        let samples: Vec<i16> =
            wav.channels[channel].iter().copied().skip_while(|sample| sample.abs() < 100).collect();
        assert!(samples.len() >= samples_min, "channel {channel}: {}", samples.len());
        let level = measure::tone(&samples[..samples_min], 8000, own_hz);
        assert!(level > 6500.0, "channel {channel} has its tone at {level}");
        let foreign = measure::tone(&samples[..samples_min], 8000, other_hz);
        assert!(foreign < 500.0, "channel {channel} has the other's tone at {foreign}");
    }
}

#[test]
fn the_caller_is_left_and_the_agent_right() {
    let dir = Dir::new("channels");
    let mut rig = Rig::start(recording_config(&dir.0));
    let mut talk = Talk::start(&mut rig, 1);
    talk.frames(5);
    talk.record(&mut rig, 1, 0xABC);
    talk.frames(100);
    rig.send(Command::StopRecord { call: CallId(1) });
    let ready = wait_ready(&mut rig, 0xABC);
    assert!(!ready.interrupted);
    assert!((1700..4000).contains(&ready.duration_ms), "{} ms", ready.duration_ms);
    assert!(ready.path.starts_with(&dir.0) && ready.path.ends_with(format!("{:032x}.wav", 0xABC)));
    check_file(&ready, 12_000);
    talk.frames(5);
}

#[test]
fn a_recording_ends_with_the_last_of_its_legs() {
    let dir = Dir::new("legs");
    let mut rig = Rig::start(recording_config(&dir.0));
    let mut talk = Talk::start(&mut rig, 1);
    talk.record(&mut rig, 1, 5);
    talk.frames(50);
    rig.close(&talk.caller);
    rig.close(&talk.agent);
    let ready = wait_ready(&mut rig, 5);
    assert!(!ready.interrupted);
    check_file(&ready, 6_000);
}

#[test]
fn an_orderly_end_of_the_engine_completes_what_is_live() {
    let dir = Dir::new("shutdown");
    let mut rig = Rig::start(recording_config(&dir.0));
    let mut talk = Talk::start(&mut rig, 1);
    talk.record(&mut rig, 1, 6);
    talk.frames(50);
    let Rig { engine, .. } = rig;
    engine.shutdown();
    // A second engine finds nothing left to do, and the file is there.
    let path = only_wav(&dir.0);
    let wav = Wav::parse(&std::fs::read(path).expect("read"), usize::MAX).expect("a WAV file");
    assert!(wav.duration_ms() > 700);
    let mut again = Rig::start(recording_config(&dir.0));
    assert!(!again.seen(|event| matches!(event, Event::RecordingReady { .. })));
}

fn only_wav(dir: &Path) -> PathBuf {
    let mut found = Vec::new();
    for day in std::fs::read_dir(dir).expect("a directory") {
        let day = day.expect("an entry").path();
        for entry in std::fs::read_dir(day).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|ending| ending == "wav") {
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn fault_f4_without_room_the_recording_stops_and_the_call_goes_on() {
    let dir = Dir::new("full");
    let mut config = recording_config(&dir.0);
    if let Some(recording) = &mut config.recording {
        // Three blocks in all: 2.6 s of one call.
        recording.segment_bytes = (3 * 16) << 10;
        recording.segments_max = 1;
    }
    let mut rig = Rig::start(config);
    let mut talk = Talk::start(&mut rig, 1);
    talk.record(&mut rig, 1, 7);
    talk.frames(160);
    let reason = rig.wait(|event| match event {
        Event::RecordingStopped { call: CallId(1), recording: 7, reason } => Some(*reason),
        _ => None,
    });
    assert_eq!(reason, StopReason::DiskFull);
    let heard = talk.agent.stream.heard().packets;
    talk.frames(20);
    assert_eq!(talk.agent.stream.heard().packets, heard + 20, "the call goes on");
    let ready = wait_ready(&mut rig, 7);
    assert!(ready.interrupted, "the file says that it is not whole");
    check_file(&ready, 16_000);
    // Its blocks are free again: the next recording has room.
    talk.record(&mut rig, 1, 8);
    talk.frames(50);
    rig.send(Command::StopRecord { call: CallId(1) });
    check_file(&wait_ready(&mut rig, 8), 6_000);
}

#[test]
fn fault_f4_the_reserve_of_the_disk_is_not_touched() {
    let dir = Dir::new("reserve");
    let mut config = recording_config(&dir.0);
    if let Some(recording) = &mut config.recording {
        recording.disk_reserve_bytes = u64::MAX / 2;
    }
    let mut rig = Rig::start(config);
    let mut talk = Talk::start(&mut rig, 1);
    talk.record(&mut rig, 1, 9);
    let stopped = Event::RecordingStopped { call: CallId(1), recording: 9, reason: StopReason::DiskFull };
    rig.wait(|event| (*event == stopped).then_some(()));
    talk.frames(10);
}

/// In which tenths of a second of a channel a tone is heard.
fn sounding(wav: &Wav, channel: usize, hz: f32) -> Vec<usize> {
    let windows = wav.channels[channel].chunks_exact(800).enumerate();
    windows.filter(|(_, window)| measure::tone(window, 8000, hz) > 3_000.0).map(|(at, _)| at).collect()
}

/// Tenths of a second in which nothing is heard of a channel at all.
fn silent(wav: &Wav, channel: usize) -> usize {
    let windows = wav.channels[channel].chunks_exact(800);
    windows.filter(|window| window.iter().all(|sample| sample.abs() < 100)).count()
}

/// A card's number is told and pressed, by telephone-events and as tones in the band: the engine hears the keys, the file is silent
/// for as long, and goes on behind.
#[test]
fn v09_nothing_of_a_pause_is_in_the_file_and_its_length_stays() {
    for events in [Some(EVENTS), None] {
        let dir = Dir::new(&format!("pause-{}", events.is_some()));
        let mut rig = Rig::start(recording_config(&dir.0));
        let mut talk = Talk::of_caller_with(&mut rig, 1, events);
        talk.record(&mut rig, 1, 0x9A);
        talk.frames(50);
        rig.send(Command::PauseRecord { call: CallId(1), on: true });
        rig.settle(talk.caller.leg);
        talk.caller.say_tone(1_000.0);
        talk.agent.say_tone(1_320.0);
        talk.caller.stream.press(b"42");
        talk.frames(50);
        assert_eq!([rig.wait_digit(&talk.caller), rig.wait_digit(&talk.caller)], *b"42");
        // What is still on its way is said in the pause too.
        talk.caller.say_tone(440.0);
        talk.agent.say_tone(880.0);
        talk.frames(10);
        rig.send(Command::PauseRecord { call: CallId(1), on: false });
        rig.settle(talk.caller.leg);
        talk.frames(50);
        rig.send(Command::StopRecord { call: CallId(1) });
        let ready = wait_ready(&mut rig, 0x9A);
        assert!(!ready.interrupted && ready.duration_ms >= 3_100, "{ready:?}");
        let wav = Wav::parse(&std::fs::read(&ready.path).expect("read"), usize::MAX).expect("a WAV file");
        for (channel, own_hz) in [(0, 440.0), (1, 880.0)] {
            let own = sounding(&wav, channel, own_hz);
            assert!((16..=22).contains(&own.len()), "channel {channel}: {own:?}");
            let gap = own.windows(2).map(|pair| pair[1] - pair[0]).max();
            assert!((11..=16).contains(&gap.unwrap_or_default()), "channel {channel}: {own:?}");
            assert!(silent(&wav, channel) >= 10, "channel {channel}");
            for hz in [1_000.0, 1_320.0, 697.0, 770.0, 1_209.0, 1_336.0] {
                assert_eq!(sounding(&wav, channel, hz), [], "channel {channel} has {hz} Hz");
            }
        }
    }
}

#[test]
fn v09_a_call_that_ends_in_a_pause_has_its_whole_length() {
    let dir = Dir::new("pause-end");
    let mut rig = Rig::start(recording_config(&dir.0));
    let mut talk = Talk::start(&mut rig, 1);
    talk.record(&mut rig, 1, 0x9B);
    talk.frames(50);
    rig.send(Command::PauseRecord { call: CallId(1), on: true });
    rig.settle(talk.caller.leg);
    talk.frames(50);
    rig.close(&talk.caller);
    rig.close(&talk.agent);
    let ready = wait_ready(&mut rig, 0x9B);
    assert!(!ready.interrupted && ready.duration_ms >= 1_900, "{ready:?}");
    let wav = Wav::parse(&std::fs::read(&ready.path).expect("read"), usize::MAX).expect("a WAV file");
    assert!(sounding(&wav, 0, 440.0).iter().all(|&tenth| tenth <= 11));
    assert!(silent(&wav, 0) >= 8 && silent(&wav, 1) >= 8);
}

/// The example `recording_child` runs a recorded talk in a process of its own.
fn child(dir: &Path, word: &str) -> std::process::Child {
    let test = std::env::current_exe().expect("our own path");
    let examples = test.ancestors().nth(2).expect("the profile's directory").join("examples");
    Process::new(examples.join("recording_child"))
        .arg(dir)
        .arg(word)
        .stdout(Stdio::piped())
        .spawn()
        .expect("cargo test -p media builds the example recording_child too")
}

#[test]
fn fault_f1_after_kill_9_the_recording_is_completed_from_its_segments() {
    let dir = Dir::new("kill");
    let mut child = child(&dir.0, "");
    let out = BufReader::new(child.stdout.take().expect("piped"));
    // The child prints a line for each second talked, after its packets came through the relay.
    let told = out.lines().map(|line| line.expect("text")).find(|line| line == "3");
    assert_eq!(told.as_deref(), Some("3"));
    child.kill().expect("SIGKILL");
    child.wait().expect("ended");
    let mut rig = Rig::start(recording_config(&dir.0));
    let ready = wait_ready(&mut rig, 0xDEAD);
    assert!(ready.interrupted);
    assert!(ready.duration_ms >= 2900, "{} ms", ready.duration_ms);
    check_file(&ready, 23_000);
    drop(rig);
    let left = std::fs::read_dir(dir.0.join("segments")).expect("a directory");
    let old = left.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name() == "00000000.seg"));
    assert_eq!(old.count(), 0, "the killed process's segment is removed");
}

/// What was said in a pause is in no segment either: nothing of it is found by who completes the file.
#[test]
fn v09_fault_f1_after_kill_9_in_a_pause_nothing_of_it_is_there() {
    let dir = Dir::new("kill-paused");
    let mut child = child(&dir.0, "paused");
    let out = BufReader::new(child.stdout.take().expect("piped"));
    let told = out.lines().map(|line| line.expect("text")).find(|line| line == "3");
    assert_eq!(told.as_deref(), Some("3"));
    child.kill().expect("SIGKILL");
    child.wait().expect("ended");
    let mut rig = Rig::start(recording_config(&dir.0));
    let ready = wait_ready(&mut rig, 0xDEAD);
    assert!(ready.interrupted && (900..1_500).contains(&ready.duration_ms), "{ready:?}");
    let wav = Wav::parse(&std::fs::read(&ready.path).expect("read"), usize::MAX).expect("a WAV file");
    assert!(sounding(&wav, 0, 440.0).len() >= 8 && sounding(&wav, 0, 1_000.0).is_empty());
}

/// A transfer: nobody is on the right while the agent asks a colleague, then the colleague is.
#[test]
fn q03_the_right_channel_follows_a_transfer() {
    let dir = Dir::new("transfer");
    let mut rig = Rig::start(recording_config(&dir.0));
    let mut talk = Talk::start(&mut rig, 1);
    talk.record(&mut rig, 1, 0x7A);
    talk.frames(50);
    rig.send(Command::RecordRight { call: CallId(1), right: None });
    rig.settle(talk.caller.leg);
    talk.frames(50);
    let mut colleague = rig.phone(1, Law::Pcma, Some(EVENTS));
    colleague.say_tone(1_320.0);
    rig.send(Command::Bridge { a: talk.caller.leg, b: colleague.leg });
    rig.send(Command::RecordRight { call: CallId(1), right: Some(colleague.leg) });
    rig.close(&talk.agent);
    talk.agent = colleague;
    talk.frames(50);
    rig.close(&talk.caller);
    rig.close(&talk.agent);
    let ready = wait_ready(&mut rig, 0x7A);
    assert!(!ready.interrupted, "it ended with the last of its legs");
    let file = std::fs::read(&ready.path).expect("the file is there");
    let wav = Wav::parse(&file, usize::MAX).expect("a WAV file");
    let windows = |channel: usize| wav.channels[channel].chunks_exact(800);
    let count = |channel: usize, hz: f32| {
        windows(channel).filter(|window| measure::tone(window, 8000, hz) > 6_000.0).count()
    };
    assert!(count(0, 440.0) >= 24, "the caller is heard throughout: {}", count(0, 440.0));
    let (agent, colleague) = (count(1, 880.0), count(1, 1_320.0));
    assert!((7..=11).contains(&agent), "the agent for one second: {agent}");
    assert!((7..=11).contains(&colleague), "the colleague for one second: {colleague}");
    let quiet = windows(1).filter(|window| window.iter().all(|sample| sample.abs() < 100)).count();
    assert!(quiet >= 7, "what was asked is in no recording: {quiet}");
}
