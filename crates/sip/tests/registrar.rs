//! A registrar and its phones: who may bind, what is bound, and what strangers learn (X04, FAULTS N2 and N4).

mod world;

use sip::digest::{Credentials, Ha1};
use sip::location::Limits;
use sip::registrar::{Registered, Registrar};
use sip::{Config, Counts, Endpoint, Event, Hop, Register, Transport};
use world::{address, alice, bob, config};

const REALM: &str = "sibai";

/// An endpoint that phones register at, and its one user `acme-8001` with the password `right`.
struct Home {
    endpoint: Endpoint,
    registrar: Registrar,
    now_ms: u64,
}

impl Home {
    fn new() -> Home {
        let limits = Limits { expires_s_min: 60, expires_s_usual: 300, expires_s_max: 600, bindings_max: 3 };
        Home {
            endpoint: Endpoint::new(Config { registrar: true, ..config(bob(), 9) }),
            registrar: Registrar::new(REALM, [7; 32], limits),
            now_ms: 1_000,
        }
    }

    /// Takes one message; what became of each REGISTER, and the answers.
    fn hear(&mut self, message: &[u8], from: Hop) -> (Vec<Registered>, Vec<String>) {
        self.endpoint.receive(message, from, self.now_ms);
        let right = Ha1::of("acme-8001", REALM, "right");
        let mut became = Vec::new();
        while let Some(event) = self.endpoint.poll_event() {
            let Event::Registering { register } = event else { continue };
            let ha1 = (register.user == "acme-8001").then_some(&right);
            became.push(self.registrar.hear(&mut self.endpoint, &register, ha1, self.now_ms));
        }
        let mut answers = Vec::new();
        while let Some(sent) = self.endpoint.poll_transmit() {
            assert_eq!(sent.to, from, "answers go back by the way the question came");
            answers.push(String::from_utf8(sent.bytes.to_vec()).expect("text"));
        }
        (became, answers)
    }

    fn contacts(&self) -> Vec<String> {
        let of = self.registrar.location.of("acme-8001", self.now_ms);
        of.map(|binding| binding.contact.clone()).collect()
    }
}

/// A phone that writes its REGISTERs by hand and proves them by hand.
struct Phone {
    user: &'static str,
    password: &'static str,
    from: Hop,
    call_id: &'static str,
    cseq: u32,
    asked: Option<Asked>,
}

/// What was asked of it, with the count of its answers.
struct Asked {
    nonce: String,
    count: u32,
}

impl Phone {
    fn new(user: &'static str, password: &'static str) -> Phone {
        let from = Hop::udp(address("203.0.113.9:40123"));
        Phone { user, password, from, call_id: "one", cseq: 0, asked: None }
    }

    fn write(&mut self, extra: &str) -> String {
        self.cseq += 1;
        let Phone { user, call_id, cseq, .. } = self;
        let mut text = format!(
            "REGISTER sip:sibai.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.7:5060;rport;branch=z9hG4bK{call_id}{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@sibai.example>;tag=a\r\nTo: <sip:{user}@sibai.example>\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n{extra}"
        );
        if let Some(proof) = self.proof() {
            text.push_str(&proof);
        }
        text + "Content-Length: 0\r\n\r\n"
    }

    /// An Authorization by MD5, made with nothing of the crate but the hash it stores.
    fn proof(&mut self) -> Option<String> {
        let Asked { nonce, count } = self.asked.as_mut()?;
        *count += 1;
        let (ha1, _) = Ha1::of(self.user, REALM, self.password).to_hex();
        let (ha2, _) = Ha1::of("REGISTER", "sip", "sibai.example").to_hex();
        let uri = "sip:sibai.example";
        // MD5(a:b:c) of three parts, nested: `REGISTER:sip:sibai.example` is HA2, and the response has six parts.
        let (response, _) = Ha1::of(&ha1, nonce, &format!("{count:08x}:c0ffee:auth:{ha2}")).to_hex();
        Some(format!(
            "Authorization: Digest username=\"{}\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm=MD5, qop=auth, nc={count:08x}, cnonce=\"c0ffee\"\r\n",
            self.user
        ))
    }

    /// Asks, is asked, proves; what became of it at last, and the last answer.
    fn register(&mut self, home: &mut Home, extra: &str) -> (Registered, String) {
        for _ in 0..2 {
            let message = self.write(extra);
            let (became, mut answers) = home.hear(message.as_bytes(), self.from);
            let (became, answer) = (became[0], answers.remove(0));
            if became != Registered::Asked {
                return (became, answer);
            }
            let nonce = answer.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next());
            self.asked = Some(Asked { nonce: nonce.expect("a nonce").to_owned(), count: 0 });
        }
        panic!("asked again and again");
    }
}

const DESK: &str = "Contact: <sip:acme-8001@10.0.0.7:5060>\r\n";

#[test]
fn x04_a_phone_registers_is_listed_and_leaves() {
    let (mut home, mut phone) = (Home::new(), Phone::new("acme-8001", "right"));
    let (became, answer) = phone.register(&mut home, DESK);
    assert_eq!(became, Registered::Changed);
    assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
    assert!(answer.contains("Contact: <sip:acme-8001@10.0.0.7:5060>;expires=300\r\n"), "{answer}");
    let binding = home.registrar.location.of("acme-8001", home.now_ms).next().expect("a binding").clone();
    assert_eq!(binding.flow, phone.from, "a private Contact yields to where it came from");
    assert!(binding.is_translated());
    let mobile = "Contact: \"x\" <sip:acme-8001@10.0.0.8>;expires=9000\r\n";
    let (_, answer) = phone.register(&mut home, mobile);
    assert!(answer.contains("10.0.0.8>;expires=600\r\n"), "as long as is allowed: {answer}");
    let (became, answer) = phone.register(&mut home, "");
    assert_eq!((became, answer.matches("Contact: ").count()), (Registered::Unchanged, 2));
    phone.register(&mut home, "Contact: <sip:acme-8001@10.0.0.8>\r\nExpires: 0\r\n");
    assert_eq!(home.contacts(), ["sip:acme-8001@10.0.0.7:5060"]);
    phone.register(&mut home, "Contact: *\r\nExpires: 0\r\n");
    assert!(home.contacts().is_empty() && home.registrar.location.is_empty());
}

#[test]
fn x04_bindings_end_and_short_intervals_are_refused() {
    let (mut home, mut phone) = (Home::new(), Phone::new("acme-8001", "right"));
    let (became, answer) = phone.register(&mut home, &format!("{DESK}Expires: 59\r\n"));
    assert_eq!(became, Registered::Unchanged);
    assert!(answer.starts_with("SIP/2.0 423 ") && answer.contains("\r\nMin-Expires: 60\r\n"), "{answer}");
    phone.register(&mut home, &format!("{DESK}Expires: 60\r\n"));
    home.now_ms += 59_999;
    assert_eq!((home.contacts().len(), home.registrar.location.expire(home.now_ms)), (1, vec![]));
    home.now_ms += 1;
    assert_eq!(home.contacts().len(), 0);
    assert_eq!(home.registrar.location.expire(home.now_ms), ["acme-8001"]);
    assert!(home.registrar.location.is_empty());
}

#[test]
fn x04_an_older_order_changes_nothing_and_a_repetition_gets_the_same_answer() {
    let (mut home, mut phone) = (Home::new(), Phone::new("acme-8001", "right"));
    phone.register(&mut home, DESK);
    let message = phone.write("Contact: *\r\nExpires: 0\r\n");
    let (_, first) = home.hear(message.as_bytes(), phone.from);
    let (became, again) = home.hear(message.as_bytes(), phone.from);
    assert_eq!((became.len(), first), (0, again), "the network doubled it");
    phone.register(&mut home, DESK);
    phone.cseq -= 2;
    phone.call_id = "one";
    let message = phone.write("Contact: *\r\nExpires: 0\r\n").replace("z9hG4bK", "z9hG4bKx");
    let (became, answers) = home.hear(message.as_bytes(), phone.from);
    assert_eq!((became, &answers[0][..11]), (vec![Registered::Unchanged], "SIP/2.0 500"));
    assert_eq!(home.contacts().len(), 1);
}

#[test]
fn x04_a_device_keeps_one_binding_a_flow_and_proxies_on_the_way_are_kept() {
    let (mut home, mut phone) = (Home::new(), Phone::new("acme-8001", "right"));
    let device = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";reg-id=1";
    let extra = |port: u16| {
        format!(
            "Contact: <sip:acme-8001@10.0.0.7:{port};ob>;{device}\r\nSupported: path, outbound\r\nPath: <sip:192.0.2.44;lr;ob>\r\n"
        )
    };
    phone.from =
        Hop { transport: Transport::Tcp, connection: Some(5), ..Hop::udp(address("203.0.113.9:40123")) };
    let (_, answer) = phone.register(&mut home, &extra(1));
    assert!(answer.contains("\r\nPath: <sip:192.0.2.44;lr;ob>\r\n"), "{answer}");
    assert!(answer.contains("\r\nRequire: outbound\r\n") && answer.contains(device), "{answer}");
    phone.from.connection = Some(6);
    phone.register(&mut home, &extra(2));
    let found: Vec<_> = home.registrar.location.of("acme-8001", home.now_ms).collect();
    assert_eq!(
        (found.len(), found[0].flow.connection),
        (1, Some(6)),
        "the new flow takes the old one's place"
    );
    assert_eq!(found[0].path, ["<sip:192.0.2.44;lr;ob>"]);
}

#[test]
fn fault_n4_a_user_has_few_bindings_and_the_newest_stay() {
    let (mut home, mut phone) = (Home::new(), Phone::new("acme-8001", "right"));
    for host in 1..=5 {
        home.now_ms += 1;
        phone.register(&mut home, &format!("Contact: <sip:acme-8001@10.0.0.{host}>\r\n"));
    }
    assert_eq!(home.contacts(), [3, 4, 5].map(|host| format!("sip:acme-8001@10.0.0.{host}")));
}

#[test]
fn fault_n2_a_user_that_is_none_is_told_what_a_wrong_password_is_told() {
    let told = |user, password| {
        let (mut home, mut phone) = (Home::new(), Phone::new(user, password));
        let (became, answer) = phone.register(&mut home, DESK);
        assert_eq!(became, Registered::Wrong);
        assert_eq!(home.endpoint.counts(), Counts::default(), "nothing is kept for strangers");
        assert!(home.registrar.location.is_empty());
        let shape = |line: &str| match line.split_once("nonce=\"") {
            Some((before, after)) => format!("{before}…{}", &after[64..]),
            None => line.split(";tag=").next().unwrap_or_default().replace(user, "user"),
        };
        answer.lines().map(shape).collect::<Vec<_>>()
    };
    let known = told("acme-8001", "wrong");
    assert_eq!(known[0], "SIP/2.0 401 Unauthorized");
    assert_eq!(known, told("acme-9999", "wrong"));
    assert_eq!(known, told("root", ""));
}

#[test]
fn fault_n4_a_replayed_proof_is_asked_again_and_binds_nothing() {
    let (mut home, mut phone) = (Home::new(), Phone::new("acme-8001", "right"));
    phone.register(&mut home, DESK);
    let message = phone.write(DESK);
    home.hear(message.as_bytes(), phone.from);
    let thief = Hop::udp(address("198.51.100.66:5060"));
    let stolen = message.replace("z9hG4bK", "z9hG4bKstolen").replace("10.0.0.7", "198.51.100.66");
    let (became, answers) = home.hear(stolen.as_bytes(), thief);
    assert_eq!(became, [Registered::Asked]);
    assert!(answers[0].contains("stale=true"), "{}", answers[0]);
    assert_eq!(home.contacts(), ["sip:acme-8001@10.0.0.7:5060"]);
    // A proof of one user says nothing for another.
    let mut other = Phone::new("acme-8002", "right");
    other.asked = phone.asked.take();
    let borrowed = other.write(DESK).replace("username=\"acme-8002\"", "username=\"acme-8001\"");
    assert_eq!(home.hear(borrowed.as_bytes(), other.from).0, [Registered::Wrong]);
}

#[test]
fn x04_our_own_phones_register_at_our_own_registrar() {
    let mut home = Home::new();
    let mut endpoint = Endpoint::new(config(alice(), 5));
    let register = Register {
        to: Hop::udp(bob()),
        registrar: "sip:sibai.example".into(),
        address_of_record: "sip:acme-8001@sibai.example".into(),
        contact_user: "acme-8001".into(),
        expires_s: 30,
        credentials: Some(Credentials::new("acme-8001", "right")),
    };
    endpoint.register(None, register, 1).expect("writable");
    let mut outcome = None;
    // Asked once, and once more for longer than 30 s.
    for _ in 0..4 {
        let Some(sent) = endpoint.poll_transmit() else { break };
        for answer in home.hear(&sent.bytes, Hop::udp(alice())).1 {
            endpoint.receive(answer.as_bytes(), bob(), 1);
        }
        outcome = endpoint.poll_event().or(outcome);
    }
    assert!(matches!(outcome, Some(Event::Registered { expires_s: 60, .. })), "{outcome:?}");
    let binding = home.registrar.location.of("acme-8001", home.now_ms).next().expect("a binding");
    assert!(!binding.is_translated(), "what it says of itself is where it is");
}

#[test]
fn x04_a_call_to_a_phone_stays_on_the_flow_it_opened() {
    let flow = Hop { connection: Some(6), transport: Transport::Tcp, ..Hop::udp(alice()) };
    let mut endpoint = Endpoint::new(config(bob(), 5));
    let mut invite = world::call(alice());
    (invite.to, invite.request_uri, invite.keeps_flow) = (flow, "sip:acme-8001@10.0.0.7:5060".into(), true);
    invite.route = vec!["<sip:192.0.2.44;lr;ob>".into()];
    let leg = endpoint.invite(invite.clone(), 1).expect("writable");
    let asked = endpoint.poll_transmit().expect("an INVITE");
    let text = String::from_utf8(asked.bytes.to_vec()).expect("text");
    assert_eq!(asked.to, flow);
    assert!(text.starts_with("INVITE sip:acme-8001@10.0.0.7:5060 SIP/2.0\r\n"), "{text}");
    assert!(text.contains("\r\nRoute: <sip:192.0.2.44;lr;ob>\r\n"), "{text}");
    let copied: String = text
        .lines()
        .filter(|line| ["Via: ", "From: ", "Call-ID: ", "CSeq: "].iter().any(|name| line.starts_with(name)))
        .map(|line| format!("{line}\r\n"))
        .collect();
    let answer = format!(
        "SIP/2.0 200 OK\r\n{copied}To: <sip:2@192.0.2.2>;tag=z\r\nContact: <sip:acme-8001@10.0.0.7:5060>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    endpoint.receive(answer.as_bytes(), flow, 2);
    endpoint.bye(leg, None, 3);
    let sent: Vec<_> = std::iter::from_fn(|| endpoint.poll_transmit()).collect();
    assert_eq!(sent.len(), 2, "ACK and BYE");
    for sent in sent {
        assert_eq!(sent.to, flow);
        assert!(sent.bytes.windows(30).any(|part| part == b" sip:acme-8001@10.0.0.7:5060 S"));
    }
    invite.route = vec!["<sip:192.0.2.44>".into()];
    assert!(endpoint.invite(invite, 4).is_err(), "a strict router is not spoken to");
}

#[test]
fn x04_who_is_no_registrar_says_so() {
    let mut endpoint = Endpoint::new(config(bob(), 9));
    endpoint.receive(Phone::new("acme-8001", "right").write(DESK).as_bytes(), alice(), 1);
    let answer = endpoint.poll_transmit().expect("an answer");
    assert!(answer.bytes.starts_with(b"SIP/2.0 405 "));
}
