//! RFC 5118 through the endpoint, from an IPv6 source: references are read where they are one, the one invalid message is
//! refused, and none of them leaves anything behind.

mod world;

use std::net::{IpAddr, SocketAddr};

use sip::location::Limits;
use sip::registrar::Registrar;
use sip::sdp::Sdp;
use sip::{Config, Counts, Endpoint, Event};
use world::{address, config};

/// What the endpoint does with a message.
#[derive(Debug, PartialEq)]
enum Seen {
    /// A call arrives, with this user and host dialled.
    Invited(&'static str, &'static str),
    /// Answered with this status, no call.
    Status(u16),
}

fn here() -> SocketAddr {
    address("[2001:db8::10]:5060")
}

fn stranger() -> SocketAddr {
    address("[2001:db8::9:77]:5060")
}

/// The archive's message as it would be on the wire: lines end with CRLF, the headers with a blank line, and the
/// length is that of the body.
fn message(name: &str) -> String {
    let path = format!("{}/tests/rfc5118/{name}.dat", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let body = body.replace('\n', "\r\n");
    let lines = head.lines().map(|line| match line.strip_prefix("Content-Length:") {
        Some(_) => format!("Content-Length: {}\r\n", body.len()),
        None => format!("{line}\r\n"),
    });
    lines.chain(["\r\n".to_owned(), body.clone()]).collect()
}

/// Delivers a message and shows everything that was answered, first to last; all of it is gone after 64·T1.
fn deliver(name: &str, mut look: impl FnMut(&sip::Arriving)) -> (Option<(String, String)>, Vec<String>) {
    let mut endpoint = Endpoint::new(Config { registrar: true, ..config(here(), 9) });
    endpoint.receive(message(name).as_bytes(), stranger(), 1);
    let mut answers = Vec::new();
    let mut take = |endpoint: &mut Endpoint| {
        while let Some(sent) = endpoint.poll_transmit() {
            assert_eq!(
                sent.to.remote.ip(),
                stranger().ip(),
                "{name}: answers go to where the message came from"
            );
            answers.push(String::from_utf8_lossy(&sent.bytes).into_owned());
        }
    };
    let mut dialled = None;
    while let Some(event) = endpoint.poll_event() {
        if let Event::Invited { leg, invite } = event {
            look(&invite);
            dialled = Some((invite.request_uri_user.clone(), invite.request_uri_host.clone()));
            endpoint.reject(leg, 404, None, None, 2);
        } else if let Event::Registering { register } = event {
            Registrar::new("example.com", [1; 32], Limits::default()).hear(&mut endpoint, &register, None, 1);
        }
    }
    take(&mut endpoint);
    while let Some(at) = endpoint.next_timeout() {
        assert!(at <= 40_000, "{name}: a deadline at {at}");
        endpoint.handle_timeout(at);
        take(&mut endpoint);
    }
    while endpoint.poll_event().is_some() {}
    assert_eq!(endpoint.counts(), Counts::default(), "{name}");
    (dialled, answers)
}

#[test]
fn fault_n1_rfc5118_each_message_gets_what_it_deserves() {
    let expected = [
        // 4.2: an address without its brackets is no Request-URI.
        ("ipv6-bad", Seen::Status(400)),
        // 4.5, 4.7: well formed, and of dialogs that we do not have.
        ("via-received-param-with-delim", Seen::Status(481)),
        ("mult-ip-in-header", Seen::Status(481)),
        ("via-received-param-no-delim", Seen::Status(200)),
        ("ipv6-in-sdp", Seen::Invited("user", "2001:db8::10")),
        ("mult-ip-in-sdp", Seen::Invited("user", "2001:db8::10")),
        ("ipv4-mapped-ipv6", Seen::Invited("user", "example.com")),
        // 4.10: the slip of RFC 3261's grammar that lets a third colon through, and how it was meant.
        ("ipv6-bug-abnf-3-colons", Seen::Status(200)),
        ("ipv6-correct-abnf-2-colons", Seen::Status(200)),
    ];
    for (name, wanted) in expected {
        let (dialled, answers) = deliver(name, |_| {});
        let last = answers.last().unwrap_or_else(|| panic!("{name}: no answer"));
        let status: u16 = last[8..11].parse().expect("a status");
        match (wanted, dialled) {
            (Seen::Invited(user, host), Some(dialled)) => {
                assert_eq!((dialled.0.as_str(), dialled.1.as_str()), (user, host), "{name}");
            }
            (Seen::Status(wanted), None) => assert_eq!(status, wanted, "{name}: {last}"),
            (wanted, dialled) => panic!("{name}: {wanted:?} wanted, {dialled:?} dialled, {last}"),
        }
    }
}

/// 4.1, 4.3 and 4.4 differ in nothing but where the port stands; each is asked for its password
/// and none refused for its form.
#[test]
fn fault_n1_rfc5118_a_port_in_or_behind_the_brackets_is_no_malformation() {
    let status = |name: &str| {
        let (_, answers) = deliver(name, |_| {});
        answers.last().map(|text| text[8..11].to_owned())
    };
    let good = status("ipv6-good");
    assert_eq!(good.as_deref(), Some("401"));
    assert_eq!((status("port-ambiguous"), status("port-unambiguous")), (good.clone(), good));
}

#[test]
fn fault_n1_rfc5118_an_answer_carries_every_via_as_it_came() {
    let (_, answers) = deliver("mult-ip-in-header", |_| {});
    let answer = answers.last().expect("an answer");
    let vias: Vec<&str> = answer.lines().filter(|line| line.starts_with("Via:")).collect();
    assert_eq!(vias.len(), 3, "{answer}");
    assert!(
        vias[0].contains("[2001:db8::9:1]:6050") && vias[0].contains("received=2001:db8::9:77"),
        "{answer}"
    );
    assert!(vias[1].contains("192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144"), "{answer}");
    assert!(vias[2].contains("[2001:db8::9:255]") && vias[2].contains("received=192.0.2.200"), "{answer}");
}

/// 4.6, 4.8 and 4.9: the address to which sound goes is the one of the audio line.
#[test]
fn fault_n1_rfc5118_descriptions_with_ipv6_are_read() {
    let audio = |name: &str| {
        let mut found = None;
        deliver(name, |invite| found = invite.sdp.as_deref().and_then(|sdp| Sdp::parse(sdp).ok()));
        found.map(|sdp| sdp.audio)
    };
    let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
    assert_eq!(audio("ipv6-in-sdp").map(|audio| audio.ip()), Some(ip("2001:db8::20")));
    assert_eq!(audio("mult-ip-in-sdp").map(|audio| audio.ip()), Some(ip("192.0.2.1")));
    assert_eq!(audio("ipv4-mapped-ipv6").map(|audio| audio.ip()), Some(ip("::ffff:192.0.2.2")));
}
