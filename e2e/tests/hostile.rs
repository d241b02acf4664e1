//! Strangers with the tools of the street, sipvicious above all (FAULTS N2, N3, N4): they learn nothing, guess nothing,
//! and the carrier's calls do not notice.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use e2e::{Account, Platform, Setup, Softphone, answers, carrier_at, extension, number};
use farend::call::{CallConfig, Outcome};
use hotline::enterprise::Enterprise;

const PHONE: &str = "01062345601";
const PASSWORD: &str = "yellow-crane-47";
/// Where the carrier is: 127.0.0.1, where the tools come from, is no trunk's then.
const CARRIER: [u8; 4] = [127, 0, 0, 2];

/// One of sipvicious' programs.
struct Vicious {
    program: &'static str,
    port: String,
    dir: PathBuf,
}

impl Vicious {
    fn new(program: &'static str, platform: &Platform) -> Vicious {
        let dir = platform.data_dir().with_file_name(program);
        fs::create_dir_all(&dir).expect("a directory");
        Vicious { program, port: platform.sip.port().to_string(), dir }
    }

    /// What it prints once it is done. Its sessions lie in a directory of the test's.
    fn run(&self, words: &[&str]) -> String {
        let output = Command::new(self.program)
            .args(["-p", &self.port])
            .args(words)
            .arg("127.0.0.1")
            .current_dir(&self.dir)
            .env("HOME", &self.dir)
            .stdin(Stdio::null())
            .output()
            .expect("it is installed by `cargo xtask test` (package sipvicious)");
        let both = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&both).into_owned()
    }

    fn list(&self, name: &str, lines: &[&str]) -> String {
        fs::write(self.dir.join(name), lines.join("\n") + "\n").expect("a list");
        name.to_owned()
    }
}

fn with_a_phone() -> Enterprise {
    let (_, phone) = extension("8001", PASSWORD);
    let mut acme = e2e::acme(&[PHONE]);
    acme.extensions.push(phone);
    acme
}

/// Calls of the carrier, one after another, for as long as something else goes on.
fn calls_meanwhile<T: Send>(platform: &Platform, attack: impl FnOnce() -> T + Send) -> (T, Vec<Outcome>) {
    thread::scope(|scope| {
        let attack = scope.spawn(attack);
        let mut outcomes = Vec::new();
        while !attack.is_finished() || outcomes.is_empty() {
            outcomes.push(platform.place(by_carrier(platform)));
        }
        (attack.join().expect("the attack ends"), outcomes)
    })
}

fn by_carrier(platform: &Platform) -> CallConfig {
    let mut call = platform.call(number(), "13800138000");
    (call.local, call.hold_for) = ((CARRIER, 0).into(), Duration::from_millis(300));
    call
}

fn assert_unharmed(outcomes: &[Outcome]) {
    for outcome in outcomes {
        assert_eq!(outcome.status, 200, "{outcome:?}");
    }
}

#[test]
fn fault_n2_svmap_finds_nothing_by_options_and_no_name_by_asking_to_log_in() {
    let (world, _told) = carrier_at(CARRIER.into(), &[(PHONE, answers(500))]);
    let platform = Platform::start(Setup::new("svmap", world.local(), vec![with_a_phone()]));
    let svmap = Vicious::new("svmap", &platform);
    let ((options, invite, register), outcomes) = calls_meanwhile(&platform, || {
        (svmap.run(&[]), svmap.run(&["-m", "INVITE"]), svmap.run(&["-m", "REGISTER"]))
    });
    assert!(options.contains("found nothing"), "{options}");
    for told in [&invite, &register] {
        assert!(!told.to_lowercase().contains("sibai"), "{told}");
    }
    assert_unharmed(&outcomes);
    assert_eq!(platform.findings(), []);
}

#[test]
fn fault_n2_svwar_cannot_tell_a_phone_that_is_there() {
    let (world, _told) = carrier_at(CARRIER.into(), &[(PHONE, answers(500))]);
    let platform = Platform::start(Setup::new("svwar", world.local(), vec![with_a_phone()]));
    let _phone = registered(&platform);
    let svwar = Vicious::new("svwar", &platform);
    let users = ["acme-7999", "acme-8000", "acme-8001", "acme-8002", "nobody-1", "8001"];
    let list = svwar.list("users", &users);
    let (told, outcomes) = calls_meanwhile(&platform, || {
        ["REGISTER", "INVITE", "OPTIONS"].map(|method| {
            // Forced, it prints whatever is answered otherwise than the user it made up.
            svwar.run(&["-m", method, "-d", &list, "--force"])
        })
    });
    for told in &told {
        let named: Vec<_> = users.iter().filter(|user| told.contains(&format!("| {user} "))).collect();
        assert!(named.is_empty() || named.len() == users.len(), "{told}");
        assert!(!told.contains("noauth"), "{told}");
    }
    assert_unharmed(&outcomes);
    assert_eq!(platform.findings(), []);
}

#[test]
fn fault_n4_svcrack_does_not_come_to_the_password_on_its_list() {
    let (world, _told) = carrier_at(CARRIER.into(), &[(PHONE, answers(500))]);
    let platform = Platform::start(Setup::new("svcrack", world.local(), vec![with_a_phone()]));
    let mut svcrack = Vicious::new("svcrack", &platform);
    let relay = without_sha256(platform.sip);
    svcrack.port = relay.to_string();
    let mut words: Vec<String> = (0..300).map(|n| format!("guess{n}")).collect();
    words.insert(200, PASSWORD.to_owned());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let list = svcrack.list("words", &words);
    let (told, outcomes) = calls_meanwhile(&platform, || svcrack.run(&["-u", "acme-8001", "-d", &list]));
    assert!(!told.contains(PASSWORD), "{told}");
    assert!(platform.figure("sibai_wrong_passwords_total") >= 5, "{told}");
    assert_unharmed(&outcomes);
    assert_eq!(platform.findings(), []);
}

#[test]
fn fault_n3_strangers_on_a_carriers_socket_are_dropped_and_phones_have_one_of_their_own() {
    let (world, _told) = carrier_at(CARRIER.into(), &[(PHONE, answers(500))]);
    let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let mut setup = Setup::new("roles", world.local(), vec![with_a_phone()]);
    setup.sip = "role = \"trunks\"\n".into();
    setup.more = format!("[[listen]]\ntransport = \"udp\"\nbind = \"{free}\"\nrole = \"phones\"\n");
    let platform = Platform::start(setup);
    let stranger = UdpSocket::bind("127.0.0.77:0").expect("a free port");
    let register = |to: SocketAddr, branch: u32| {
        let from = stranger.local_addr().expect("bound");
        let text = format!(
            "REGISTER sip:sibai SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKx{branch}\r\nMax-Forwards: 70\r\n\
             From: <sip:acme-8001@sibai>;tag=a\r\nTo: <sip:acme-8001@sibai>\r\nCall-ID: c{branch}\r\n\
             CSeq: 1 REGISTER\r\nContact: <sip:x@{from}>\r\nContent-Length: 0\r\n\r\n"
        );
        stranger.send_to(text.as_bytes(), to).expect("sent");
    };
    // What the carriers' socket would say would have come before the phones' socket answers what was asked later.
    register(platform.sip, 1);
    register(free, 2);
    stranger.set_read_timeout(Some(e2e::PATIENCE)).expect("a limit");
    let mut answer = [0; 2_048];
    let (length, from) = stranger.recv_from(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(answer.starts_with("SIP/2.0 401 ") && answer.contains("z9hG4bKx2"), "{answer}");
    assert!(!answer.contains("Server:"), "{answer}");
    assert_eq!(from, free);
    // The kernel dropped it: it was not even counted.
    assert_eq!(platform.figure("sibai_sip_unheard_total"), 0);
    let outcome = platform.place(by_carrier(&platform));
    assert_eq!(outcome.status, 200, "{outcome:?}");
    assert_eq!(platform.findings(), []);
}

/// The port of a relay that leaves the challenge by SHA-256 out of what the platform says: the tool, which stumbles over
/// it, gets its best chance. It ends when nothing more comes.
fn without_sha256(platform: SocketAddr) -> u16 {
    let near = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let far = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = near.local_addr().expect("bound").port();
    for socket in [&near, &far] {
        socket.set_read_timeout(Some(e2e::PATIENCE)).expect("a limit");
    }
    let (back, out) = (near.try_clone().expect("a handle"), far.try_clone().expect("a handle"));
    let tool = Arc::new(Mutex::new(None));
    let heard = tool.clone();
    thread::spawn(move || {
        let mut bytes = [0; 4_096];
        while let Ok((length, from)) = near.recv_from(&mut bytes) {
            *heard.lock().expect("whole") = Some(from);
            out.send_to(&bytes[..length], platform).expect("sent");
        }
    });
    thread::spawn(move || {
        let mut bytes = [0; 4_096];
        while let Ok(length) = far.recv(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            let kept: Vec<&str> = text.split("\r\n").filter(|line| !line.contains("SHA-256")).collect();
            let to = *tool.lock().expect("whole");
            // The tool may be gone by now.
            to.map(|to| back.send_to(kept.join("\r\n").as_bytes(), to));
        }
    });
    port
}

/// A phone of the enterprise that is logged in.
fn registered(platform: &Platform) -> Softphone {
    let phone = Softphone::start(&Account {
        registrar: platform.sip,
        user: "acme-8001",
        password: PASSWORD,
        hz: 600,
        behind: None,
    });
    assert!(phone.await_news("registered")["expires_s"].is_u64());
    phone
}
