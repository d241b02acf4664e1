//! Calls by streams through the real process (row X04): a carrier's callers by TCP and TLS, a trunk that is called by TLS,
//! and a phone by WebSocket under TLS. The far ends speak by datagrams to a bridge, and the bridge by one stream.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use e2e::{
    Account, Identity, PATIENCE, Platform, Setup, Softphone, acme, acme_with, answers, block_on, carrier,
    carrier_at, eventually, extension, number,
};
use farend::bridge::{Bridge, Over};
use farend::call::{CallConfig, EndedBy, HangUp, Outcome};
use farend::world::{Behaviour, World, WorldEvent};
use farend::{Says, Sound};
use hotline::cdr::{AnswerStatus, CallRecord, Cause, Party};
use media::measure::tone;
use sip::frame::{Frame, Framer};

const PHONE: &str = "01062345601";
const PASSWORD: &str = "a long word of no meaning";
const PHONE_HZ: u16 = 600;
const CALLER_HZ: u16 = 1_000;

fn bridge() -> Bridge {
    Bridge::open(([127, 0, 0, 1], 0).into()).expect("a free port")
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// A way to the platform by a stream.
struct Way {
    bridge: Bridge,
    over: Over,
    listener: SocketAddr,
    identity: Option<Identity>,
}

impl Way {
    fn by_tcp() -> Way {
        Way { bridge: bridge(), over: Over::Tcp, listener: free_port(), identity: None }
    }

    fn by_tls() -> Way {
        let identity = Identity::make();
        let over = Over::Tls(identity.certificate());
        Way { bridge: bridge(), over, listener: free_port(), identity: Some(identity) }
    }

    /// A platform that listens there; requests inside a call are to go to the bridge.
    fn platform(&self, name: &'static str, world: &World) -> Platform {
        let mut setup = Setup::new(name, world.local(), vec![acme(&[PHONE])]);
        let (transport, identity) = match &self.identity {
            None => ("tcp", String::new()),
            Some(identity) => ("tls", identity.lines()),
        };
        setup.more = format!(
            "[[listen]]\ntransport = \"{transport}\"\nbind = \"{}\"\nadvertise = \"{}\"\n{identity}",
            self.listener,
            self.bridge.local()
        );
        Platform::start(setup)
    }

    fn connect(&mut self) {
        self.bridge.connect(self.listener, self.over.clone()).expect("a stream");
    }

    fn call(&self, platform: &Platform, hold_s: u64) -> CallConfig {
        let mut call = platform.call(number(), "13800138000");
        (call.target, call.says) = (self.bridge.local(), Says::Tone { hz: CALLER_HZ });
        call.hold_for = Duration::from_secs(hold_s);
        call
    }
}

/// A phone that is in no hurry to answer, and hangs up after so long.
fn answers_slowly(talk_ms: Option<u64>) -> Behaviour {
    let talk_ms = talk_ms.map(|ms| (ms, ms));
    Behaviour::Answers { ring_ms: (3_000, 3_000), talk_ms, says: Says::Tone { hz: PHONE_HZ } }
}

/// A call from another thread than the platform's.
fn place(call: CallConfig) -> Outcome {
    block_on(farend::call::place(call, HangUp::default(), |_| {})).expect("a call")
}

fn is_tone(sound: Option<&Sound>, hz: u16) -> bool {
    sound.and_then(|sound| sound.hz()).is_some_and(|is| is.abs_diff(hz) <= 10)
}

fn assert_heard_phone(outcome: &Outcome) {
    assert!(outcome.media.sounds.iter().any(|sound| is_tone(Some(sound), PHONE_HZ)), "{outcome:?}");
}

fn await_event(told: &Receiver<WorldEvent>, wanted: impl Fn(&WorldEvent) -> bool) -> WorldEvent {
    loop {
        let event = told.recv_timeout(PATIENCE).expect("an event");
        if wanted(&event) {
            return event;
        }
    }
}

fn assert_phone_heard(told: &Receiver<WorldEvent>) {
    let released = await_event(told, |event| matches!(event, WorldEvent::Released { .. }));
    let WorldEvent::Released { status: 200, heard, .. } = &released else { panic!("{released:?}") };
    assert!(is_tone(heard.as_ref(), CALLER_HZ), "{released:?}");
}

/// The one call is over, by whom, and both voices are on its tape; nothing is left of it.
fn assert_booked(platform: &Platform, ended_by: Party) -> CallRecord {
    let record = platform.await_calls(1).remove(0).record;
    assert_eq!((record.status, record.cause), (AnswerStatus::Answered, Cause::HangUp), "{record:?}");
    assert_eq!(record.ended_by, ended_by);
    let wav = platform.recording(record.recording.expect("it was recorded"));
    for (channel, theirs) in [(0, CALLER_HZ), (1, PHONE_HZ)] {
        let said = tone(&wav.channels[channel], wav.rate, f32::from(theirs));
        assert!(said > 1_000.0, "channel {channel}: {said}");
    }
    eventually("no call is up", || (platform.figure("sibai_calls_up") == 0).then_some(()));
    assert_eq!(platform.findings(), []);
    record
}

#[test]
fn x04_a_caller_by_tcp_hears_it_ring_talks_and_hangs_up() {
    let (world, told) = carrier(&[(PHONE, answers_slowly(None))]);
    let mut way = Way::by_tcp();
    let platform = way.platform("tcp", &world);
    way.connect();
    let outcome = platform.place(way.call(&platform, 7));
    assert_eq!((outcome.ended_by, outcome.status), (EndedBy::Us, 200), "{outcome:?}");
    let rang = outcome.media.sounds.first();
    assert!(matches!(rang, Some(Sound::Ringback { .. })), "before the answer: {outcome:?}");
    assert_heard_phone(&outcome);
    assert_phone_heard(&told);
    assert_booked(&platform, Party::Caller);
}

#[test]
fn x04_a_caller_by_tls_talks_until_the_phone_hangs_up() {
    let (world, told) = carrier(&[(PHONE, answers_slowly(Some(7_000)))]);
    let mut way = Way::by_tls();
    let platform = way.platform("tls", &world);
    way.connect();
    let outcome = platform.place(way.call(&platform, 60));
    assert_eq!((outcome.ended_by, outcome.status), (EndedBy::FarEnd, 200), "{outcome:?}");
    assert_heard_phone(&outcome);
    assert_phone_heard(&told);
    assert_booked(&platform, Party::Target);
}

#[test]
fn x04_a_renewed_certificate_is_served_after_sighup_and_no_call_is_cut() {
    let (world, told) = carrier(&[(PHONE, answers(PHONE_HZ))]);
    let mut way = Way::by_tls();
    let platform = way.platform("renewed", &world);
    way.connect();
    let newer = Identity::make();
    let believes_newer = || bridge().connect(way.listener, Over::Tls(newer.certificate()));
    assert!(believes_newer().is_err(), "it is not served yet");
    let call = way.call(&platform, 8);
    let outcome = std::thread::scope(|scope| {
        let placed = scope.spawn(|| place(call));
        eventually("a second of the caller's voice", || (world.totals().packets >= 50).then_some(()));
        way.identity.as_ref().expect("of TLS").become_like(&newer);
        platform.renew_certificates();
        platform.await_line("a new certificate is in use");
        believes_newer().expect("who comes now sees the new one");
        placed.join().expect("a call")
    });
    assert_eq!((outcome.ended_by, outcome.status), (EndedBy::Us, 200), "{outcome:?}");
    assert_heard_phone(&outcome);
    assert_phone_heard(&told);
    assert_booked(&platform, Party::Caller);
}

/// Both are talking, and then the caller's stream is gone.
fn lose(way: &mut Way, platform: &Platform, world: &World) {
    eventually("a second of the caller's voice", || (world.totals().packets >= 50).then_some(()));
    eventually("our 200", || (platform.figure("sibai_calls_answered_total") == 1).then_some(()));
    way.bridge.hang_up();
    let connections = || platform.figure("sibai_sip_connections");
    eventually("the loss is noticed", || (connections() == 0).then_some(()));
    assert_eq!(platform.figure("sibai_calls_up"), 1, "the call goes on");
}

#[test]
fn x04_fault_f8_a_call_outlives_its_callers_stream_and_ends_by_another_one() {
    let (world, told) = carrier(&[(PHONE, answers(PHONE_HZ))]);
    let mut way = Way::by_tls();
    let platform = way.platform("lost-and-back", &world);
    way.connect();
    let call = way.call(&platform, 8);
    let outcome = std::thread::scope(|scope| {
        let placed = scope.spawn(|| place(call));
        lose(&mut way, &platform, &world);
        way.connect();
        placed.join().expect("a call")
    });
    assert_eq!((outcome.ended_by, outcome.status), (EndedBy::Us, 200), "{outcome:?}");
    assert_heard_phone(&outcome);
    assert_phone_heard(&told);
    let record = assert_booked(&platform, Party::Caller);
    assert!(record.talk_ms > 5_000, "{record:?}");
}

#[test]
fn x04_fault_f8_a_phone_hangs_up_on_a_caller_whose_stream_is_gone() {
    let talk_ms = Some((7_000, 7_000));
    let behaviour = Behaviour::Answers { ring_ms: (100, 100), talk_ms, says: Says::Tone { hz: PHONE_HZ } };
    let (world, told) = carrier(&[(PHONE, behaviour)]);
    let mut way = Way::by_tcp();
    let platform = way.platform("lost", &world);
    way.connect();
    let call = way.call(&platform, 9);
    std::thread::scope(|scope| {
        let placed = scope.spawn(|| place(call));
        lose(&mut way, &platform, &world);
        assert_phone_heard(&told);
        assert_booked(&platform, Party::Target);
        eventually("our BYE finds nobody", || (platform.figure("sibai_sip_unsent_total") >= 1).then_some(()));
        // The caller comes back, and learns from the answer to its own BYE that the call is over.
        way.connect();
        let outcome = placed.join().expect("a call");
        assert_eq!(outcome.status, 200, "{outcome:?}");
    });
    platform.await_calls(1);
    assert_eq!(platform.findings(), []);
}

/// A caller that is nothing but its streams, and says what it is told to.
struct Raw {
    stream: TcpStream,
    framer: Framer,
}

impl Raw {
    fn connect(platform: SocketAddr) -> Raw {
        let stream = TcpStream::connect(platform).expect("taken");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Raw { stream, framer: Framer::default() }
    }

    fn say(&mut self, method: &str, cseq: u32, to: &str, description: &str) {
        let (at, length) = (self.stream.local_addr().expect("bound"), description.len());
        let text = format!(
            "{method} sip:{}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP {at};branch=z9hG4bK{method}{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:13800138000@{at}>;tag=raw\r\nTo: {to}\r\nCall-ID: raw\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:13800138000@{at};transport=tcp>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{description}",
            number()
        );
        self.stream.write_all(text.as_bytes()).expect("a reader");
    }

    /// The next message that begins like this.
    fn await_message(&mut self, start: &str) -> String {
        let mut bytes = [0; 4_096];
        loop {
            while let Some(frame) = self.framer.pop().expect("SIP") {
                let Frame::Message(message) = frame else { continue };
                let text = String::from_utf8_lossy(&message).into_owned();
                if text.starts_with(start) {
                    return text;
                }
            }
            let length = self.stream.read(&mut bytes).expect("a message");
            assert!(length > 0, "hung up before {start}");
            self.framer.push(&bytes[..length]);
        }
    }
}

#[test]
fn x04_a_phone_hangs_up_on_a_caller_who_came_back_by_another_stream() {
    let behaviour =
        Behaviour::Answers { ring_ms: (100, 100), talk_ms: Some((5_000, 5_000)), says: Says::Silence };
    let (world, _told) = carrier(&[(PHONE, behaviour)]);
    let way = Way::by_tcp();
    let platform = way.platform("back", &world);
    let nobody = format!("<sip:{}@127.0.0.1>", number());
    let mut first = Raw::connect(way.listener);
    let description = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                       m=audio 9 RTP/AVP 8\r\n";
    first.say("INVITE", 1, &nobody, description);
    let answer = first.await_message("SIP/2.0 200");
    let to = answer.lines().find_map(|line| line.strip_prefix("To: ")).expect("a To").to_owned();
    first.say("ACK", 1, &to, "");
    drop(first);
    eventually("the loss is noticed", || (platform.figure("sibai_sip_connections") == 0).then_some(()));
    let mut second = Raw::connect(way.listener);
    second.say("OPTIONS", 2, &to, "");
    second.await_message("SIP/2.0 200");
    let bye = second.await_message("BYE ");
    let copied =
        |name: &str| bye.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>().join("\r\n");
    let lines = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].map(copied).join("\r\n");
    let answer = format!("SIP/2.0 200 OK\r\n{lines}\r\nContent-Length: 0\r\n\r\n");
    second.stream.write_all(answer.as_bytes()).expect("a reader");
    let record = platform.await_calls(1).remove(0).record;
    assert_eq!((record.status, record.ended_by), (AnswerStatus::Answered, Party::Target), "{record:?}");
    assert_eq!(platform.figure("sibai_sip_unsent_total"), 0);
    platform.recording(record.recording.expect("it was recorded"));
    assert_eq!(platform.findings(), []);
}

#[test]
fn x04_a_trunk_by_tls_is_called_and_its_phone_hangs_up() {
    let (world, told) = carrier(&[(PHONE, answers_slowly(Some(7_000)))]);
    let (identity, mut bridge) = (Identity::make(), bridge());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let trunk = listener.local_addr().expect("bound");
    bridge.take(listener, &identity.certificate(), &identity.key(), world.local()).expect("a certificate");
    let mut setup = Setup::new("tls-out", trunk, vec![acme(&[PHONE])]);
    setup.sip = format!("authorities = {:?}\n", identity.certificate());
    setup.more = format!(
        "[trunk.profile]\noptions_s = 0\ntransport = \"tls\"\n\
         [[listen]]\ntransport = \"tls\"\nbind = \"127.0.0.1:0\"\nadvertise = \"{}\"\n{}",
        bridge.local(),
        identity.lines()
    );
    let platform = Platform::start(setup);
    let mut call = platform.call(number(), "13800138000");
    (call.says, call.hold_for) = (Says::Tone { hz: CALLER_HZ }, Duration::from_secs(60));
    let outcome = platform.place(call);
    assert_eq!((outcome.ended_by, outcome.status), (EndedBy::FarEnd, 200), "{outcome:?}");
    assert_heard_phone(&outcome);
    assert_phone_heard(&told);
    assert_booked(&platform, Party::Target);
}

/// Another address than the phone's: whoever calls from a trunk's address is that trunk.
const CARRIER: [u8; 4] = [127, 0, 0, 2];

#[test]
fn x04_a_phone_by_wss_is_rung_both_hear_each_other_and_either_side_hangs_up() {
    let (world, _told) = carrier_at(CARRIER.into(), &[]);
    let (identity, mut bridge) = (Identity::make(), bridge());
    let over = Over::Wss(identity.certificate());
    let (destination, account) = extension("8001", PASSWORD);
    let mut acme = acme_with(vec![destination]);
    acme.extensions.push(account);
    let mut setup = Setup::new("wss", world.local(), vec![acme]);
    setup.https = Some((identity, bridge.local()));
    let platform = Platform::start(setup);
    bridge.connect(platform.http, over).expect("a WebSocket");
    let account = Account {
        registrar: bridge.local(),
        user: "acme-8001",
        password: PASSWORD,
        hz: PHONE_HZ,
        behind: None,
    };
    let mut phone = Softphone::start(&account);
    phone.await_news("registered");
    let mut call = platform.call(number(), "13800138000");
    (call.local, call.says) = ((CARRIER, 0).into(), Says::Tone { hz: CALLER_HZ });
    call.hold_for = Duration::from_secs(7);

    let outcome = platform.place(call.clone());
    assert_eq!((outcome.ended_by, outcome.status), (EndedBy::Us, 200), "{outcome:?}");
    assert_heard_phone(&outcome);
    assert_eq!(phone.await_news("ringing")["from"], "13800138000");
    phone.await_tone(CALLER_HZ);
    assert_eq!(phone.await_news("ended")["status"], 200);
    assert_booked(&platform, Party::Caller);

    call.hold_for = Duration::from_secs(60);
    let outcome = std::thread::scope(|scope| {
        let placed = scope.spawn(|| place(call));
        phone.await_news("talking");
        phone.await_tone(CALLER_HZ);
        phone.order("hangup");
        placed.join().expect("a call")
    });
    assert_eq!((outcome.ended_by, outcome.status), (EndedBy::FarEnd, 200), "{outcome:?}");
    assert_eq!(phone.await_news("ended")["status"], 200);
    let record = platform.await_calls(2).remove(1).record;
    assert_eq!(record.ended_by, Party::Target);
    platform.recording(record.recording.expect("it was recorded"));

    // Its own calls are challenged, proven, and barred as any phone's (row B10).
    phone.order("call 13800138000");
    assert_eq!(phone.await_news("ended")["status"], 403);
    assert_eq!(platform.figure("sibai_outbound_refused_total"), 1);
    assert_eq!(platform.findings(), []);
}
