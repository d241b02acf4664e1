//! `sibai trunk test` against the real process (row X04): a carrier's phones answer, are busy, refuse, stay silent or
//! speak nothing that we know, and the command says so and exits by it.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use e2e::{Platform, Setup, acme, answers, carrier, carrier_at, eventually};
use farend::Says;
use farend::world::{Behaviour, WorldEvent};
use serde_json::Value;
use sip::{Endpoint, Event};

const OWN: &str = "01062000001";
const ANSWERS: &str = "13800138000";
const BUSY: &str = "13800138001";
const NO_CIRCUIT: &str = "13800138002";
const ANNOUNCES: &str = "13800138003";
const RINGS: &str = "13800138004";

fn phones() -> Vec<(&'static str, Behaviour)> {
    let says = Says::Tone { hz: 450 };
    vec![
        (ANSWERS, answers(880)),
        (BUSY, Behaviour::Busy),
        (NO_CIRCUIT, Behaviour::NoCircuit),
        (ANNOUNCES, Behaviour::Announces { says, for_ms: 600, status: 480, q850: 20 }),
        (RINGS, Behaviour::NoAnswer),
    ]
}

/// Our number on the trunk, and a clock that may be moved.
fn profile() -> String {
    format!("[trunk.profile]\nnumbers = [\"{OWN}\"]\n[testing]\nclock_may_advance = true\n")
}

/// Once what SIP waits for by itself (64·T1) is over, nothing is left of any call.
fn nothing_is_left(platform: &Platform) {
    eventually("no call is left", || (platform.figure("sibai_calls_up") == 0).then_some(()));
    platform.advance(Duration::from_secs(40));
    eventually("no leg is left", || (platform.figure("sibai_sip_legs") == 0).then_some(()));
    platform.await_calls(0);
}

/// A carrier that answers every call with one description and never sends a packet.
struct Mute {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Mute {
    fn start(format: &'static str) -> Mute {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.set_read_timeout(Some(Duration::from_millis(10))).expect("a time-out");
        let address = socket.local_addr().expect("bound");
        let over = Arc::new(AtomicBool::new(false));
        let ends = over.clone();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 {format}\r\n"
        );
        let thread = spawn(move || {
            let mut endpoint = Endpoint::new(sip::Config::new(address, 1));
            let began = Instant::now();
            let mut buffer = [0; 4_096];
            while !ends.load(Ordering::Relaxed) {
                let now_ms = began.elapsed().as_millis() as u64;
                if let Ok((count, from)) = socket.recv_from(&mut buffer) {
                    endpoint.receive(&buffer[..count], from, now_ms);
                }
                endpoint.handle_timeout(now_ms);
                while let Some(event) = endpoint.poll_event() {
                    if let Event::Invited { leg, .. } = event {
                        endpoint.answer(leg, sdp.clone().into(), now_ms);
                    }
                }
                while let Some(sent) = endpoint.poll_transmit() {
                    socket.send_to(&sent.bytes, sent.to.remote).expect("sent");
                }
            }
        });
        Mute { address, over, thread: Some(thread) }
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

#[test]
fn x04_an_answer_that_nobody_can_hear_fails_the_test() {
    for (format, fault) in [("RTP/AVP 8", "no_media"), ("RTP/AVP 97\r\na=rtpmap:97 AMR/8000", "no_codec")] {
        let mute = Mute::start(format);
        let mut setup = Setup::new("mute", mute.address, vec![acme(&[ANSWERS])]);
        setup.more = profile();
        let platform = Platform::start(setup);
        let (exit, told) = platform.run(&["trunk", "test", "carrier", "--to", ANSWERS, "--for", "500ms"]);
        assert_eq!((exit, faults(&told)), (Some(1), vec![fault]), "{told:#}");
        nothing_is_left(&platform);
    }
}

/// The steps of a kind.
fn steps<'t>(told: &'t Value, kind: &str) -> Vec<&'t Value> {
    let steps = told["report"]["steps"].as_array().expect("steps");
    steps.iter().filter(|step| step["step"] == kind).collect()
}

fn faults(told: &Value) -> Vec<&str> {
    told["faults"].as_array().expect("faults").iter().filter_map(Value::as_str).collect()
}

#[test]
fn x04_k06_a_test_call_says_what_it_saw_and_leaves_nothing_behind() {
    let (world, events) = carrier(&phones());
    let mut setup = Setup::new("trial", world.local(), vec![acme(&[ANSWERS])]);
    setup.more = profile();
    let platform = Platform::start(setup);
    let test = |words: &[&str]| platform.run(&[&["trunk", "test", "carrier"], words].concat());

    let (exit, told) = test(&["--to", ANSWERS, "--for", "1s"]);
    assert_eq!((exit, faults(&told)), (Some(0), vec![]), "{told:#}");
    assert_eq!(steps(&told, "invited")[0]["from"], OWN);
    assert_eq!(steps(&told, "answered")[0]["media"]["codecs"][0], "PCMA");
    let packet = steps(&told, "first_packet")[0];
    assert_eq!(packet["from"], steps(&told, "answered")[0]["media"]["listens_at"], "no NAT is between");
    assert!(steps(&told, "counted")[0]["received"].as_u64() > Some(20), "{told:#}");
    let called = events.recv_timeout(e2e::PATIENCE).expect("a call");
    let WorldEvent::Called { number, from, .. } = called else { panic!("{called:?}") };
    assert_eq!((number.as_str(), from.as_str()), (ANSWERS, OWN));

    for (number, more, fault, exit_wanted) in [
        (BUSY, "", "not_answered", 1),
        (NO_CIRCUIT, "", "trunk_failed", 1),
        (ANNOUNCES, "", "not_answered", 1),
        (RINGS, "1s", "not_answered", 1),
    ] {
        let ring = if more.is_empty() { "10s" } else { more };
        let (exit, told) = test(&["--to", number, "--for", "1s", "--ring", ring]);
        assert_eq!((exit, faults(&told)), (Some(exit_wanted), vec![fault]), "{number}: {told:#}");
    }
    let (_, told) = test(&["--to", BUSY]);
    let failed = steps(&told, "failed")[0];
    assert_eq!((&failed["failed"]["answered"]["status"], &failed["means"]), (&486.into(), &"busy".into()));

    // What is refused before anything leaves.
    for words in [&["--to", "110"][..], &["--to", "16812345"], &["--to", "0085212345678"]] {
        let (exit, told) = test(words);
        assert_eq!((exit, told["error"]["code"].as_str()), (Some(2), Some("invalid_value")), "{told:#}");
    }
    let (exit, told) = test(&["--to", ANSWERS, "--from", "4006010114"]);
    assert_eq!((exit, &steps(&told, "not_dialled")[0]["why"]), (Some(1), &"not_own".into()), "{told:#}");
    let (exit, _) = platform.run(&["trunk", "test", "nowhere"]);
    assert_eq!(exit, Some(4));

    let (_, listed) = platform.run(&["trunk", "list"]);
    assert_eq!(
        (&listed[0]["state"]["down"], &listed[0]["state"]["calls"]),
        (&false.into(), &0.into()),
        "{listed:#}"
    );

    nothing_is_left(&platform);
    assert_eq!(platform.findings(), []);
}

#[test]
fn x04_r20_an_access_number_is_mapped_and_a_call_in_is_read_without_one() {
    let (world, _events) = carrier_at([127, 0, 0, 4].into(), &phones());
    let platform = Platform::start(Setup::new("map", world.local(), vec![acme(&[ANSWERS])]));
    let read = |words: &[&str]| platform.run(&[&["trunk", "test", "carrier"], words].concat());
    let (exit, told) = read(&["--in-number", "+864006010114", "--in-from", "+8613800138000"]);
    assert_eq!((exit, &told["incoming"]["hotline"]), (Some(0), &"4006010114".into()), "{told:#}");
    assert_eq!(told["incoming"]["caller"][0], "13800138000");
    assert_eq!(told["report"], Value::Null, "nobody is called");
    let (exit, told) = read(&["--in-number", OWN]);
    assert_eq!((exit, &told["incoming"]["hotline"]), (Some(1), &Value::Null));
    let (exit, _) = platform.run(&["trunk", "map", "carrier", OWN, "4006010114"]);
    assert_eq!(exit, Some(0));
    let (exit, told) = read(&["--in-number", OWN]);
    assert_eq!((exit, &told["incoming"]["holder"]), (Some(0), &"acme".into()), "{told:#}");
    let mut call = platform.call(OWN, "13800138000");
    call.hold_for = Duration::from_millis(300);
    call.local = SocketAddr::from(([127, 0, 0, 4], 0));
    assert_eq!(platform.place(call).status, 200, "a call to the access number is one to the 400 number");
}
