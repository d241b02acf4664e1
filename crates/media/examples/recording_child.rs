//! Records a talk until it is killed, and prints a line for each second of it: the victim of the kill -9 test. With `paused` it
//! pauses the recording after the first.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::mpsc;

use media::stream::{StreamConfig, Voice};
use media::{
    Agreed, CallId, Command, Config, Engine, Event, Law, LegId, PlayId, Port, RecordingConfig, Repeat,
    RtpStream, Sound, ToneId,
};

struct Phone {
    socket: UdpSocket,
    stream: RtpStream,
    port: Port,
}

impl Phone {
    fn open(engine: &mut Engine, leg: u64, call: u128, port: Port) -> Phone {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let config =
            StreamConfig { law: Law::Pcma, payload_type: 8, event_payload_type: Some(101), ssrc: leg as u32 };
        let leg = LegId(leg);
        let remote = socket.local_addr().expect("bound");
        let connect = Command::Connect { leg, remote, agreed: Agreed::g711(Law::Pcma, Some(101)) };
        engine.send(Command::Open { leg, port: port.id, call: CallId(call) }).expect("taken");
        engine.send(connect).expect("taken");
        Phone { socket, stream: RtpStream::new(config), port }
    }

    fn send(&mut self) {
        let Phone { socket, stream, port } = self;
        stream.next_frame(|datagram| {
            socket.send_to(datagram, port.address).expect("sent");
        });
    }

    fn receive(&self) {
        self.socket.recv(&mut [0; 2048]).expect("a packet");
    }
}

fn main() {
    let dir = PathBuf::from(std::env::args().nth(1).expect("usage: recording_child DIR [paused]"));
    let pauses = std::env::args().nth(2).is_some_and(|word| word == "paused");
    let recording =
        RecordingConfig { segment_bytes: 4 << 20, disk_reserve_bytes: 0, ..RecordingConfig::in_dir(dir) };
    let config = Config {
        pool_per_shard: 4,
        ports: 20_000..=60_000,
        recording: Some(recording),
        ..Config::local([127, 0, 0, 1].into())
    };
    let (tell, inbox) = mpsc::channel();
    let mut engine = Engine::start(config, move |events| {
        // The main thread may have ended.
        let _ = tell.send(events);
    })
    .expect("the engine starts");
    let ports = match inbox.recv().expect("events").as_slice() {
        [Event::PortsReady(ports), ..] => ports.clone(),
        other => panic!("{other:?}"),
    };
    let mut caller = Phone::open(&mut engine, 1, 1, ports[0]);
    let mut agent = Phone::open(&mut engine, 2, 1, ports[1]);
    let clock = Phone::open(&mut engine, 3, 2, ports[2]);
    caller.stream.say(Voice::Tone { frequency_hz: 440.0, amplitude: 8000.0 });
    agent.stream.say(Voice::Tone { frequency_hz: 880.0, amplitude: 8000.0 });
    let (a, b) = (LegId(1), LegId(2));
    engine.send(Command::Bridge { a, b }).expect("taken");
    engine.send(Command::Record { call: CallId(1), recording: 0xDEAD, left: a, right: b }).expect("taken");
    let beat = Command::Play {
        leg: LegId(3),
        play: PlayId(0),
        sound: Sound::Tone(ToneId::Dial),
        repeat: Repeat::Forever,
    };
    engine.send(beat).expect("taken");
    for frame in 1u32.. {
        clock.receive();
        caller.send();
        agent.receive();
        agent.send();
        caller.receive();
        if frame == 50 && pauses {
            engine.send(Command::PauseRecord { call: CallId(1), on: true }).expect("taken");
            caller.stream.say(Voice::Tone { frequency_hz: 1_000.0, amplitude: 8000.0 });
        }
        if frame % 50 == 0 {
            println!("{}", frame / 50);
        }
    }
}
