//! Digest as the calling side: a carrier that asks, and what is proven to it (X04).

mod world;

use sip::digest::{Authenticator, Claim, Credentials, Ha1, Verdict};
use sip::{Config, Endpoint, Event, FailureKind, Hop, Listener, Register, Transport};
use world::{address, alice, bob, call, config, sdp};

/// A carrier in a few words: it asks for every request but ACK, and answers what is proven.
struct Carrier {
    authenticator: Authenticator,
    ha1: Ha1,
    status: u16,
    /// Requests by method, with the verdict on each.
    seen: Vec<(String, Option<Verdict>)>,
    now_ms: u64,
}

impl Carrier {
    fn new(password: &str) -> Carrier {
        Carrier {
            authenticator: Authenticator::new("carrier.example", [3; 32]),
            ha1: Ha1::of("trunk", "carrier.example", password),
            status: 401,
            seen: Vec::new(),
            now_ms: 0,
        }
    }

    fn hear(&mut self, request: &str) -> Option<String> {
        let method = request.split(' ').next().unwrap_or_default().to_owned();
        let name = if self.status == 407 { "Proxy-Authorization: " } else { "Authorization: " };
        let claim = request.lines().find_map(|line| Claim::read(line.strip_prefix(name)?.as_bytes()));
        if method == "ACK" {
            self.seen.push((method, claim.map(|_| Verdict::Proven)));
            return None;
        }
        let verdict =
            claim.map(|claim| self.authenticator.judge(&claim, &method, Some(&self.ha1), self.now_ms));
        self.seen.push((method.clone(), verdict));
        let copied = request.lines().filter(|line| {
            ["Via: ", "From: ", "Call-ID: ", "CSeq: ", "To: "].iter().any(|name| line.starts_with(name))
        });
        let mut head: String = copied.map(|line| format!("{line}\r\n")).collect();
        if !request.contains("\r\nTo: <sip:2@192.0.2.2:5060>;tag=") {
            head = head.replace("To: <sip:2@192.0.2.2:5060>", "To: <sip:2@192.0.2.2:5060>;tag=z");
        }
        if verdict != Some(Verdict::Proven) {
            let ask = if self.status == 407 { "Proxy-Authenticate" } else { "WWW-Authenticate" };
            for value in self.authenticator.challenge(verdict == Some(Verdict::Stale), self.now_ms) {
                head.push_str(&format!("{ask}: {value}\r\n"));
            }
            return Some(format!("SIP/2.0 {} Asked\r\n{head}Content-Length: 0\r\n\r\n", self.status));
        }
        let extra = match method.as_str() {
            "REGISTER" => "Contact: <sip:4006010114@192.0.2.1:5060>;expires=120\r\nExpires: 999\r\n",
            _ => "Contact: <sip:2@192.0.2.2:5060>\r\n",
        };
        let body = if method == "INVITE" { String::from_utf8(sdp(9)).expect("text") } else { String::new() };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        Some(format!("SIP/2.0 200 OK\r\n{head}{extra}{kind}Content-Length: {}\r\n\r\n{body}", body.len()))
    }

    /// Carries what the endpoint says to the carrier and back until nobody says anything.
    fn talk(&mut self, endpoint: &mut Endpoint) -> Vec<Event> {
        for _ in 0..20 {
            let Some(sent) = endpoint.poll_transmit() else { break };
            let text = String::from_utf8(sent.bytes.to_vec()).expect("text");
            if let Some(answer) = self.hear(&text) {
                endpoint.receive(answer.as_bytes(), bob(), self.now_ms);
            }
        }
        std::iter::from_fn(|| endpoint.poll_event()).collect()
    }

    fn verdicts(&mut self) -> Vec<(String, Option<Verdict>)> {
        std::mem::take(&mut self.seen)
    }
}

fn seen(method: &str, verdict: Option<Verdict>) -> (String, Option<Verdict>) {
    (method.into(), verdict)
}

#[test]
fn x04_a_call_is_proven_and_so_is_its_end() {
    for status in [401, 407] {
        let mut carrier = Carrier { status, ..Carrier::new("secret") };
        let mut endpoint = Endpoint::new(config(alice(), 5));
        let mut invite = call(bob());
        invite.credentials = Some(Credentials::new("trunk", "secret"));
        let leg = endpoint.invite(invite, 0).expect("taken");
        let told = carrier.talk(&mut endpoint);
        assert!(matches!(told[..], [Event::Answered { leg: answered, .. }] if answered == leg), "{told:?}");
        let proven = Some(Verdict::Proven);
        let expected = [seen("INVITE", None), seen("ACK", None), seen("INVITE", proven), seen("ACK", proven)];
        assert_eq!(carrier.verdicts(), expected);
        endpoint.reinvite(leg, sdp(4), 10);
        assert!(matches!(carrier.talk(&mut endpoint)[..], [Event::ReinviteAnswered { .. }]));
        endpoint.bye(leg, None, 20);
        assert!(matches!(carrier.talk(&mut endpoint)[..], [Event::ByeDone { .. }]));
        assert_eq!(carrier.verdicts(), [seen("INVITE", proven), seen("ACK", proven), seen("BYE", proven)]);
    }
}

#[test]
fn x04_a_bye_after_the_nonce_went_stale_is_proven_anew() {
    let mut carrier = Carrier::new("secret");
    let mut endpoint = Endpoint::new(config(alice(), 5));
    let mut invite = call(bob());
    invite.credentials = Some(Credentials::new("trunk", "secret"));
    let leg = endpoint.invite(invite, 0).expect("taken");
    carrier.talk(&mut endpoint);
    carrier.verdicts();
    carrier.now_ms = 4_000_000;
    endpoint.bye(leg, None, carrier.now_ms);
    let told = carrier.talk(&mut endpoint);
    assert!(matches!(told[..], [Event::ByeDone { .. }]), "{told:?}");
    let expected = [seen("BYE", Some(Verdict::Stale)), seen("BYE", Some(Verdict::Proven))];
    assert_eq!(carrier.verdicts(), expected);
}

#[test]
fn x04_a_wrong_password_is_tried_once() {
    let mut carrier = Carrier::new("another");
    let mut endpoint = Endpoint::new(config(alice(), 5));
    let mut invite = call(bob());
    invite.credentials = Some(Credentials::new("trunk", "secret"));
    endpoint.invite(invite, 0).expect("taken");
    let told = carrier.talk(&mut endpoint);
    let Some(Event::Failed { failure, .. }) = told.first() else { panic!("{told:?}") };
    assert_eq!((failure.status, failure.kind), (401, FailureKind::Answered));
    assert_eq!(carrier.verdicts().iter().filter(|(method, _)| method == "INVITE").count(), 2);
    endpoint.invite(call(bob()), 0).expect("without credentials");
    assert!(matches!(carrier.talk(&mut endpoint)[..], [Event::Failed { .. }]));
}

#[test]
fn x04_a_realm_that_is_not_the_trunks_is_told_nothing() {
    let mut carrier = Carrier::new("secret");
    let mut endpoint = Endpoint::new(config(alice(), 5));
    let mut invite = call(bob());
    invite.credentials = Some(Credentials::new("trunk", "secret").in_realm("elsewhere.example"));
    endpoint.invite(invite, 0).expect("taken");
    assert!(matches!(carrier.talk(&mut endpoint)[..], [Event::Failed { .. }]));
    assert_eq!(carrier.verdicts(), [seen("INVITE", None), seen("ACK", None)]);
}

fn register() -> Register {
    Register {
        to: bob().into(),
        registrar: "sip:carrier.example".into(),
        address_of_record: "sip:4006010114@carrier.example".into(),
        contact_user: "4006010114".into(),
        expires_s: 3_600,
        credentials: Some(Credentials::new("trunk", "secret")),
    }
}

#[test]
fn x04_a_trunk_registers_and_refreshes_without_being_asked_again() {
    let mut carrier = Carrier::new("secret");
    let mut endpoint = Endpoint::new(config(alice(), 5));
    let id = endpoint.register(None, register(), 0).expect("taken");
    assert_eq!(carrier.talk(&mut endpoint), [Event::Registered { registration: id, expires_s: 120 }]);
    endpoint.register(Some(id), register(), 60_000).expect("taken");
    assert_eq!(carrier.talk(&mut endpoint), [Event::Registered { registration: id, expires_s: 120 }]);
    let proven = Some(Verdict::Proven);
    assert_eq!(
        carrier.verdicts(),
        [seen("REGISTER", None), seen("REGISTER", proven), seen("REGISTER", proven)]
    );
    let wrong = Register { credentials: Some(Credentials::new("trunk", "x")), ..register() };
    endpoint.register(Some(id), wrong, 90_000).expect("taken");
    let told = carrier.talk(&mut endpoint);
    assert!(
        matches!(&told[..], [Event::RegisterFailed { registration, failure }] if *registration == id && failure.status == 401)
    );
}

#[test]
fn a_register_that_nobody_answers_fails_in_time() {
    let mut endpoint = Endpoint::new(config(alice(), 5));
    let id = endpoint.register(None, register(), 0).expect("taken");
    while let Some(at) = endpoint.next_timeout() {
        endpoint.handle_timeout(at);
    }
    let Some(Event::RegisterFailed { registration, failure }) = endpoint.poll_event() else {
        panic!("a word")
    };
    assert_eq!((registration, failure.status, failure.kind), (id, 408, FailureKind::NoResponse));
    endpoint.forget_registration(id);
    let broken = Register { registrar: "sip:a\r\nEvil: 1".into(), ..register() };
    assert_eq!(endpoint.register(None, broken, 1), Err(sip::Refused::BadValue));
}

#[test]
fn each_way_is_written_with_its_own_face_and_streams_are_not_repeated() {
    let listeners = vec![
        Listener { transport: Transport::Udp, advertised: alice() },
        Listener { transport: Transport::Tls, advertised: address("203.0.113.1:5061") },
    ];
    let mut endpoint = Endpoint::new(Config { listeners, ..config(alice(), 5) });
    let tls = endpoint.hop(Transport::Tls, bob()).expect("there is such a listener");
    assert_eq!((tls.listener, endpoint.hop(Transport::Ws, bob())), (1, None));
    let mut invite = call(bob());
    invite.to = tls;
    let leg = endpoint.invite(invite, 0).expect("taken");
    let sent = endpoint.poll_transmit().expect("INVITE");
    let text = String::from_utf8_lossy(&sent.bytes);
    assert_eq!(sent.to, tls);
    assert!(text.contains("Via: SIP/2.0/TLS 203.0.113.1:5061;"), "{text}");
    assert!(text.contains("Contact: <sip:sibai@203.0.113.1:5061;transport=tls>\r\n"), "{text}");
    endpoint.handle_timeout(4_000);
    assert_eq!(endpoint.poll_transmit(), None, "a stream loses nothing");
    endpoint.send_failed(Hop { connection: Some(9), ..tls }, 4_001);
    let Some(Event::Failed { leg: failed, failure }) = endpoint.poll_event() else { panic!("it broke") };
    assert_eq!((failed, failure.kind), (leg, FailureKind::Unreachable));
}

fn arriving(extra: &str) -> String {
    format!(
        "INVITE sip:8002@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK-{}\r\nFrom: <sip:huaxin-8001@192.0.2.1>;tag=a\r\n\
         To: <sip:8002@192.0.2.1>\r\nCall-ID: c\r\nCSeq: {} INVITE\r\nContact: <sip:8001@192.0.2.2>\r\n{extra}Content-Length: 0\r\n\r\n",
        extra.len(),
        extra.len() + 1,
    )
}

#[test]
fn fault_n3_a_stranger_gets_no_answer_and_leaves_nothing() {
    let mut endpoint = Endpoint::new(config(alice(), 5));
    for _ in 0..3 {
        endpoint.receive(arriving("").as_bytes(), bob(), 1);
        let Some(Event::Invited { leg, .. }) = endpoint.poll_event() else { panic!("a call") };
        endpoint.ignore(leg);
        assert_eq!(endpoint.poll_event(), Some(Event::Ended { leg }));
        assert_eq!((endpoint.counts(), endpoint.poll_transmit()), (Default::default(), None));
        assert_eq!(endpoint.next_timeout(), None);
    }
}

#[test]
fn fault_n4_a_phone_is_asked_without_being_kept_and_comes_back_with_its_proof() {
    let ha1 = Ha1::of("huaxin-8001", "sip.example", "right");
    let mut asks = Authenticator::new("sip.example", [9; 32]);
    let mut endpoint = Endpoint::new(config(alice(), 5));
    endpoint.receive(arriving("").as_bytes(), bob(), 1);
    let Some(Event::Invited { leg, invite }) = endpoint.poll_event() else { panic!("a call") };
    assert_eq!(invite.claim, None);
    endpoint.challenge(leg, &asks.challenge(false, 1), 1);
    assert_eq!(endpoint.poll_event(), Some(Event::Ended { leg }));
    assert_eq!((endpoint.counts(), endpoint.next_timeout()), (Default::default(), None));
    let answer = String::from_utf8(endpoint.poll_transmit().expect("401").bytes.to_vec()).expect("text");
    assert!(answer.starts_with("SIP/2.0 401 "), "{answer}");
    let asked: Vec<&str> =
        answer.lines().filter_map(|line| line.strip_prefix("WWW-Authenticate: ")).collect();
    assert!(asked.len() == 2 && asked[0].contains("SHA-256") && asked[1].contains("MD5"), "{asked:?}");
    // The proof of a phone, written by the side of us that calls.
    let nonce = asked[1].split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a nonce");
    for (password, verdict) in [("wrong", Verdict::Wrong), ("right", Verdict::Proven)] {
        let value = proof_of(nonce, password);
        endpoint.receive(arriving(&format!("Authorization: {value}\r\n")).as_bytes(), bob(), 2);
        let Some(Event::Invited { leg, invite }) = endpoint.poll_event() else { panic!("a call") };
        let claim = invite.claim.expect("it claims to be somebody");
        assert_eq!(
            (claim.user.as_str(), asks.judge(&claim, "INVITE", Some(&ha1), 2)),
            ("huaxin-8001", verdict)
        );
        endpoint.ignore(leg);
        assert!(matches!(endpoint.poll_event(), Some(Event::Ended { .. })));
    }
}

/// A proof by MD5, as a phone of another maker would write it.
fn proof_of(nonce: &str, password: &str) -> String {
    use md5::{Digest as _, Md5};
    let md5 = |text: String| -> String {
        Md5::digest(text.as_bytes()).iter().map(|octet| format!("{octet:02x}")).collect()
    };
    let ha1 = md5(format!("huaxin-8001:sip.example:{password}"));
    let ha2 = md5("INVITE:sip:8002@192.0.2.1".to_owned());
    let response = md5(format!("{ha1}:{nonce}:00000001:abc:auth:{ha2}"));
    format!(
        "Digest username=\"huaxin-8001\", realm=\"sip.example\", nonce=\"{nonce}\", uri=\"sip:8002@192.0.2.1\", \
         response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"abc\""
    )
}
