//! Trunks of the real process (row X04): one that registers, and ones by TCP and TLS that fail as FAULTS F8 has them.

use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use e2e::{Platform, Setup, acme, answers, carrier, eventually, number};
use hotline::cdr::LegOutcome;
use sip::digest::Ha1;
use sip::location::Limits;
use sip::registrar::Registrar;
use sip::{Endpoint, Event};

const PHONE: &str = "01062345601";
const USER: &str = "01068886888";

/// A carrier that only takes registrations.
struct Registering {
    address: std::net::SocketAddr,
    bound: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Registering {
    fn start() -> Registering {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a time-out");
        let address = socket.local_addr().expect("bound");
        let (bound, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (told, ends) = (bound.clone(), over.clone());
        let thread = spawn(move || {
            let config = sip::Config { registrar: true, ..sip::Config::new(address, 1) };
            let mut endpoint = Endpoint::new(config);
            let mut registrar = Registrar::new("carrier.example", [1; 32], Limits::default());
            let ha1 = Ha1::of(USER, "carrier.example", "correct horse");
            let began = Instant::now();
            let mut buffer = [0; 4_096];
            while !ends.load(Ordering::Relaxed) {
                let now_ms = began.elapsed().as_millis() as u64;
                if let Ok((count, from)) = socket.recv_from(&mut buffer) {
                    endpoint.receive(&buffer[..count], from, now_ms);
                }
                endpoint.handle_timeout(now_ms);
                while let Some(event) = endpoint.poll_event() {
                    if let Event::Registering { register } = event {
                        registrar.hear(&mut endpoint, &register, Some(&ha1), now_ms);
                    }
                }
                while let Some(sent) = endpoint.poll_transmit() {
                    socket.send_to(&sent.bytes, sent.to.remote).expect("sent");
                }
                let bindings = registrar.location.of(USER, now_ms).map(|one| one.contact.clone()).collect();
                *told.lock().expect("nobody panicked") = bindings;
            }
        });
        Registering { address, bound, over, thread: Some(thread) }
    }

    fn bound(&self) -> Vec<String> {
        self.bound.lock().expect("nobody panicked").clone()
    }
}

impl Drop for Registering {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

#[test]
fn x04_a_trunk_registers_with_a_password_of_a_file_and_leaves_at_the_end_of_the_drain() {
    let registrar = Registering::start();
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let secret = std::env::temp_dir().join(format!("sibai-e2e-secret-{}", std::process::id()));
    std::fs::write(&secret, "correct horse\n").expect("written");
    let mut setup = Setup::new("registers", world.local(), vec![acme(&[PHONE])]);
    setup.more = format!(
        "[[trunk]]\nname = \"registered\"\naddress = \"{}\"\noutgoing = false\n[trunk.profile]\noptions_s = 0\n\
         [trunk.profile.registration]\nuser = \"{USER}\"\ndomain = \"carrier.example\"\npassword_file = {secret:?}\n",
        registrar.address
    );
    let mut platform = Platform::start(setup);
    let contact = eventually("a binding", || registrar.bound().first().cloned());
    assert_eq!(contact, format!("sip:{USER}@{}", platform.sip));
    eventually("it is known", || (platform.figure("sibai_trunks_unregistered") == 0).then_some(()));
    platform.terminate();
    platform.await_line("ended");
    eventually("no binding", || registrar.bound().is_empty().then_some(()));
    assert!(platform.await_end().success());
    let _ = std::fs::remove_file(secret);
}

/// Takes connections and hangs up on them with a reset: what was sent is left unread.
fn resets() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut one = [0; 1];
            let _ = (&stream).read(&mut one);
        }
    });
    address
}

/// Takes connections and says nothing.
fn says_nothing() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

#[test]
fn fault_f8_connections_refused_reset_and_silent_go_to_the_next_trunk_within_2_s_each() {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let refuses = {
        let (listener, address) = says_nothing();
        drop(listener);
        address
    };
    let (_silent, silent) = says_nothing();
    let mut setup = Setup::new("f8", world.local(), vec![acme(&[PHONE])]);
    let trunk = |name: &str, at, transport: &str, priority: u32| {
        format!(
            "[[trunk]]\nname = \"{name}\"\naddress = \"{at}\"\nincoming = false\npriority = {priority}\n\
             [trunk.profile]\noptions_s = 0\ntransport = \"{transport}\"\n"
        )
    };
    setup.more = [
        trunk("refuses", refuses, "tcp", 1),
        trunk("resets", resets(), "tcp", 2),
        trunk("no-tls", resets(), "tls", 3),
        trunk("silent", silent, "tls", 4),
    ]
    .concat();
    let platform = Platform::start(setup);
    let mut call = platform.call(number(), "13800138000");
    call.hold_for = Duration::from_millis(500);
    let outcome = platform.place(call);
    assert_eq!(outcome.status, 200, "{outcome:?}");
    let calls = platform.await_calls(1);
    let legs = &calls[0].record.legs;
    let told: Vec<(&str, LegOutcome)> = legs.iter().map(|leg| (leg.trunk.as_str(), leg.outcome)).collect();
    let failed = LegOutcome::TrunkFailed;
    let expected = [
        ("refuses", failed),
        ("resets", failed),
        ("no-tls", failed),
        ("silent", failed),
        ("carrier", LegOutcome::Answered),
    ];
    assert_eq!(told, expected);
    for pair in legs.windows(2) {
        let passed = pair[1].invited_at.0 - pair[0].invited_at.0;
        assert!(passed < 2_000, "{} was left after {passed} ms", pair[0].trunk);
    }
    assert_eq!(platform.findings(), []);
}
