//! Who hears whom in a sum, by known tones on real sockets: the caller never hears a whisper (row Q13).

mod rig;

use media::{Command, Law, LegId, PlayId, Repeat, Sound, ToneId};
use rig::{EVENTS, Phone, Rig, config};

const CALLER_HZ: f32 = 440.0;
const AGENT_HZ: f32 = 880.0;
const SUPERVISOR_HZ: f32 = 1_320.0;
/// A tone of the test as it is heard whole, with room for the frames that a change costs.
const LOUD: f32 = 5_000.0;
/// What is left of other tones and of coding in a window.
const NOTHING: f32 = 150.0;
/// What the edges of other tones leave of one where a voice begins in a window.
const EDGES: f32 = 1_500.0;
/// Samples of one look: 50 ms.
const WINDOW: usize = 400;

/// A caller and an agent who talk, a supervisor, and a dial tone that beats the time of 20 ms.
struct Room {
    rig: Rig,
    caller: Phone,
    agent: Phone,
    supervisor: Phone,
    clock: Phone,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Away,
    Listens,
    Whispers,
    Barges,
}

impl Room {
    fn new(agent: Law) -> Room {
        let mut rig = Rig::start(config());
        let mut caller = rig.phone(1, Law::Pcma, Some(EVENTS));
        let mut agent = rig.phone(1, agent, Some(EVENTS));
        let mut supervisor = rig.phone(1, Law::Pcmu, Some(EVENTS));
        let clock = rig.phone(2, Law::Pcma, None);
        rig.send(Command::Bridge { a: caller.leg, b: agent.leg });
        let sound = Sound::Tone(ToneId::Dial);
        rig.send(Command::Play { leg: clock.leg, play: PlayId(0), sound, repeat: Repeat::Forever });
        caller.say_tone(CALLER_HZ);
        agent.say_tone(AGENT_HZ);
        supervisor.say_tone(SUPERVISOR_HZ);
        for phone in [&caller, &agent, &supervisor] {
            phone.socket.set_nonblocking(true).expect("set");
        }
        Room { rig, caller, agent, supervisor, clock }
    }

    fn mix(&mut self, leg: LegId, hears: &[LegId]) {
        self.rig.send(Command::Mix { leg, hears: hears.into() });
    }

    /// As the node says it: each listener's list anew, those who hear more last.
    fn change(&mut self, mode: Mode) {
        let (caller, agent, supervisor) = (self.caller.leg, self.agent.leg, self.supervisor.leg);
        let with = |on: bool, hears: [LegId; 2]| if on { hears.to_vec() } else { Vec::new() };
        self.mix(caller, &with(mode == Mode::Barges, [agent, supervisor]));
        self.mix(agent, &with(matches!(mode, Mode::Whispers | Mode::Barges), [caller, supervisor]));
        self.mix(supervisor, &with(mode != Mode::Away, [caller, agent]));
        self.rig.settle(caller);
        [&mut self.caller, &mut self.agent, &mut self.supervisor].into_iter().for_each(drain);
    }

    fn frames(&mut self, count: usize) {
        for _ in 0..count {
            self.clock.receive();
            for phone in [&mut self.caller, &mut self.agent, &mut self.supervisor] {
                phone.send_frame();
                drain(phone);
            }
        }
    }

    /// What each heard of the others in a mode: the samples of 600 ms.
    fn heard_in(&mut self, mode: Mode) -> [Vec<i16>; 3] {
        self.change(mode);
        let phones = [&self.caller, &self.agent, &self.supervisor];
        let before = phones.map(|phone| phone.stream.heard().samples.len());
        self.frames(30);
        let phones = [&self.caller, &self.agent, &self.supervisor];
        std::array::from_fn(|n| phones[n].stream.heard().samples[before[n]..].to_vec())
    }
}

/// Takes all packets that are there.
fn drain(phone: &mut Phone) {
    let mut buffer = [0; 2048];
    while let Ok((len, _)) = phone.socket.recv_from(&mut buffer) {
        phone.stream.receive(&buffer[..len]);
    }
}

/// The loudest that a tone is anywhere in what was heard.
fn loudest(samples: &[i16], frequency_hz: f32) -> f32 {
    let windows = samples.windows(WINDOW).step_by(WINDOW / 4);
    windows.map(|window| media::measure::tone(window, 8_000, frequency_hz)).fold(0.0, f32::max)
}

#[test]
fn q13_the_caller_never_hears_a_whisper_while_modes_change() {
    use Mode::{Away, Barges, Listens, Whispers};
    for law in [Law::Pcma, Law::Pcmu] {
        let mut room = Room::new(law);
        room.frames(10);
        for mode in
            [Listens, Whispers, Listens, Whispers, Away, Whispers, Barges, Whispers, Barges, Away, Listens]
        {
            let [caller, agent, supervisor] = room.heard_in(mode);
            assert!(loudest(&caller, AGENT_HZ) > LOUD, "{mode:?}: the caller hears the agent");
            assert!(loudest(&agent, CALLER_HZ) > LOUD, "{mode:?}: the agent hears the caller");
            let whisper = loudest(&caller, SUPERVISOR_HZ);
            match mode {
                Barges => assert!(whisper > LOUD, "a supervisor who barges in is heard, at {whisper}"),
                Away | Listens | Whispers => {
                    assert!(whisper < NOTHING, "{mode:?}: the caller hears {whisper}")
                }
            }
            let coached = loudest(&agent, SUPERVISOR_HZ);
            match mode {
                Whispers | Barges => assert!(coached > LOUD, "{mode:?}: the agent is coached, at {coached}"),
                Away | Listens => assert!(coached < NOTHING, "{mode:?}: the agent hears {coached}"),
            }
            for tone in [CALLER_HZ, AGENT_HZ] {
                let level = loudest(&supervisor, tone);
                assert_eq!(level > LOUD, mode != Away, "{mode:?}: the supervisor hears {tone} Hz at {level}");
            }
            for (own, samples) in [(CALLER_HZ, &caller), (AGENT_HZ, &agent), (SUPERVISOR_HZ, &supervisor)] {
                let level = loudest(samples, own);
                assert!(level < EDGES, "{mode:?}: who says {own} Hz hears it at {level}");
            }
        }
    }
}

#[test]
fn a_leg_that_is_over_is_heard_no_more_whoever_has_its_port() {
    let mut room = Room::new(Law::Pcma);
    let _ = room.heard_in(Mode::Listens);
    let gone = room.agent.leg;
    room.rig.close_leg(gone);
    room.rig.settle(room.caller.leg);
    drain(&mut room.supervisor);
    let before = room.supervisor.stream.heard().samples.len();
    for _ in 0..30 {
        room.clock.receive();
        room.caller.send_frame();
        drain(&mut room.supervisor);
    }
    let heard = &room.supervisor.stream.heard().samples[before..];
    assert!(loudest(&heard[1_600..], CALLER_HZ) > LOUD && loudest(&heard[1_600..], AGENT_HZ) < NOTHING);
    assert!(!room.rig.seen(|event| matches!(event, media::Event::Silent { .. })));
}
