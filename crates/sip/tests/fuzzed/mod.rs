//! What the fuzzer calls, shared with the plain test that runs its corpus.
//! It refuses to judge beyond: no panic, no growth, and what is read can be written.

use std::net::SocketAddr;

use sip::digest::{Authenticator, Claim, Credentials, Ha1, Verdict};
use sip::frame::{BODY_BYTES_MAX, Frame, FrameError, Framer, HEAD_BYTES_MAX};
use sip::location::Limits;
use sip::registrar::Registrar;
use sip::sdp::{Format, Sdp};
use sip::{Config, Counts, Endpoint, Event, Invite, Party, Register};

/// Stands in the corpus for the branch of our INVITE.
const BRANCH: &[u8] = b"0123456789abcde0";
/// Stands in the corpus for our tag in the dialog that is under way.
const TAG: &[u8] = b"0123456789abcdef";

const DIALOG: &str = "INVITE sip:2@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKdialog\r\n\
    From: <sip:1@198.51.100.7>;tag=a\r\nTo: <sip:2@192.0.2.2>\r\nCall-ID: c1@h\r\nCSeq: 1 INVITE\r\n\
    Contact: <sip:1@198.51.100.7>\r\nContent-Length: 0\r\n\r\n";

/// One message to an endpoint that has a call each way under way, then time until nothing is left.
pub fn message(data: &[u8]) {
    let here = SocketAddr::from(([192, 0, 2, 2], 5060));
    let peer = SocketAddr::from(([198, 51, 100, 7], 5060));
    let mut endpoint = Endpoint::new(Config { session_expires_s: None, ..Config::new(here, 3) });
    let party = Party { user: "1".into(), host: "192.0.2.2".into(), display: None };
    let ours = endpoint
        .invite(Invite::new(peer, "sip:2@198.51.100.7", party, b"v=0\r\n".to_vec()), 1)
        .expect("room");
    let branch = after(&endpoint.poll_transmit().expect("INVITE").bytes, b"branch=z9hG4bK");
    endpoint.receive(DIALOG.as_bytes(), peer, 1);
    let Some(Event::Invited { leg: theirs, .. }) = endpoint.poll_event() else { panic!("a call") };
    endpoint.answer(theirs, b"v=0\r\n".to_vec(), 1);
    let tag = after(&endpoint.poll_transmit().expect("200").bytes, b"To: <sip:2@192.0.2.2>;tag=");
    let data = replace(&replace(data, BRANCH, &branch), TAG, &tag);
    for moment in 1..4 {
        endpoint.receive(&data, peer, moment);
        react(&mut endpoint, moment);
    }
    endpoint.cancel(ours, 5);
    endpoint.bye(theirs, None, 5);
    let mut now_ms = 5;
    // Every leg is given up, so that all must be over after a few times 64·T1.
    while let Some(at) = endpoint.next_timeout() {
        now_ms = now_ms.max(at);
        assert!(now_ms < 400_000, "something goes on for ever");
        endpoint.handle_timeout(now_ms);
        react(&mut endpoint, now_ms);
    }
    assert_eq!(endpoint.counts(), Counts::default());
}

/// The 16 digits after a mark.
fn after(bytes: &[u8], mark: &[u8]) -> Vec<u8> {
    let at =
        bytes.windows(mark.len()).position(|window| window == mark).expect("our own message") + mark.len();
    bytes[at..at + 16].to_vec()
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

fn react(endpoint: &mut Endpoint, now_ms: u64) {
    while endpoint.poll_transmit().is_some() {}
    while let Some(event) = endpoint.poll_event() {
        match event {
            Event::Invited { leg, .. } => {
                endpoint.answer(leg, b"v=0\r\n".to_vec(), now_ms);
                endpoint.bye(leg, None, now_ms);
            }
            Event::Answered { leg, .. } => endpoint.bye(leg, None, now_ms),
            Event::Reinvited { leg, .. } => endpoint.accept_reinvite(leg, b"v=0\r\n".to_vec(), now_ms),
            _ => {}
        }
    }
    while endpoint.poll_transmit().is_some() {}
}

/// One session description: what can be read can be written and read again, and answered.
pub fn sdp(data: &[u8]) {
    let Ok(read) = Sdp::parse(data) else { return };
    let local = SocketAddr::from(([192, 0, 2, 2], 4000));
    if let Ok(answer) =
        Sdp::answer(&read, local, &[Format::pcma(), Format::pcmu(), Format::telephone_event()], 1, 1)
    {
        let again = Sdp::parse(&answer.to_bytes()).expect("our own answer");
        assert_eq!(again.formats, answer.formats);
        assert_eq!(again.audio, answer.audio);
        assert_eq!(again.others.len(), read.others.len());
    }
}

/// The bytes of a stream: cut into the same messages however they come, and never kept beyond one message's bounds.
pub fn frame(data: &[u8]) {
    let whole = frames(std::iter::once(data));
    for size in [1, 7, 100] {
        assert_eq!(frames(data.chunks(size)), whole, "in pieces of {size}");
    }
}

fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<FrameError>) {
    let (mut framer, mut found) = (Framer::default(), Vec::new());
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.pop() {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
        assert!(framer.waiting() <= HEAD_BYTES_MAX + BODY_BYTES_MAX, "kept {}", framer.waiting());
    }
    (found, None)
}

/// One message to a registrar, proven or not: bindings stay within their bound, and nothing is left of it but them.
pub fn register(data: &[u8]) {
    let here = SocketAddr::from(([192, 0, 2, 2], 5060));
    let peer = SocketAddr::from(([198, 51, 100, 7], 5060));
    let mut endpoint = Endpoint::new(Config { registrar: true, ..Config::new(here, 3) });
    let limits = Limits::default();
    let mut registrar = Registrar::new("sibai", [7; 32], limits);
    let ha1 = Ha1::of("huaxin-8001", "sibai", "right");
    let mut now_ms = 1;
    for moment in 1..4 {
        endpoint.receive(data, peer, moment);
        while let Some(event) = endpoint.poll_event() {
            if let Event::Registering { register } = event {
                registrar.hear(&mut endpoint, &register, Some(&ha1), moment);
                // What a proven one would do with these headers.
                let _ = registrar.location.update(&register, moment);
                assert!(registrar.location.of(&register.user, moment).count() <= limits.bindings_max);
                endpoint.grant_register(&register, registrar.location.of(&register.user, moment), moment);
            }
        }
        while endpoint.poll_transmit().is_some() {}
    }
    while let Some(at) = endpoint.next_timeout() {
        now_ms = now_ms.max(at);
        assert!(now_ms < 400_000, "something goes on for ever");
        endpoint.handle_timeout(now_ms);
        react(&mut endpoint, now_ms);
    }
    assert_eq!(endpoint.counts(), Counts::default());
}

/// One value of an Authorization header, and of a challenge to us: no panic, nobody proven who knows no password, and what we
/// answer is one line.
pub fn digest(data: &[u8]) {
    if let Some(claim) = Claim::read(data) {
        let mut authenticator = Authenticator::new("sibai", [7; 32]);
        let ha1 = Ha1::of(&claim.user, "sibai", "right");
        for known in [None, Some(&ha1)] {
            assert_eq!(authenticator.judge(&claim, "REGISTER", known, 1_000), Verdict::Wrong);
        }
    }
    let here = SocketAddr::from(([192, 0, 2, 2], 5060));
    let peer = SocketAddr::from(([198, 51, 100, 7], 5060));
    let mut endpoint = Endpoint::new(Config::new(here, 3));
    let ours = Register {
        to: peer.into(),
        registrar: "sip:carrier.example".into(),
        address_of_record: "sip:1@carrier.example".into(),
        contact_user: "1".into(),
        expires_s: 60,
        credentials: Some(Credentials::new("1", "secret")),
    };
    endpoint.register(None, ours, 1).expect("writable");
    let sent = endpoint.poll_transmit().expect("REGISTER").bytes;
    let text = String::from_utf8(sent.to_vec()).expect("our own message");
    let kept =
        |line: &&str| ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name));
    let mut answer = b"SIP/2.0 401 Unauthorized\r\n".to_vec();
    text.lines().filter(kept).for_each(|line| answer.extend([line.as_bytes(), b"\r\n"].concat()));
    answer.extend(b"WWW-Authenticate: ");
    answer.extend(data.iter().filter(|byte| !b"\r\n".contains(byte)));
    answer.extend(b"\r\nContent-Length: 0\r\n\r\n");
    endpoint.receive(&answer, peer, 2);
    while let Some(sent) = endpoint.poll_transmit() {
        let text = String::from_utf8(sent.bytes.to_vec()).expect("readable values alone are answered");
        assert!(text.lines().filter(|line| line.starts_with("Authorization: ")).count() <= 1);
        assert!(text.starts_with("REGISTER sip:carrier.example SIP/2.0\r\n") && text.ends_with("\r\n\r\n"));
    }
}
