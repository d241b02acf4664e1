//! RFC 4475, byte for byte through the endpoint: valid messages are taken for what they are, invalid ones are
//! refused or dropped, and none of them leaves anything behind.

mod world;

use std::net::SocketAddr;

use sip::location::Limits;
use sip::registrar::Registrar;
use sip::{Config, Counts, Endpoint, Event};
use world::{address, bob, config};

/// What the endpoint does with a message.
#[derive(Debug, PartialEq)]
enum Seen {
    /// A call arrives.
    Invited,
    /// Answered with this status, no call.
    Status(u16),
    /// No answer.
    Silence,
}

fn stranger() -> SocketAddr {
    address("198.51.100.7:5060")
}

fn endpoint() -> Endpoint {
    Endpoint::new(Config { registrar: true, ..config(bob(), 9) })
}

fn message(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/rfc4475/{name}.dat", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Deliver a message; what is seen must be gone after 64·T1.
fn deliver(name: &str) -> Seen {
    let mut endpoint = endpoint();
    endpoint.receive(&message(name), stranger(), 1);
    let event = endpoint.poll_event().and_then(|event| match event {
        Event::Registering { register } => {
            // Nobody's password is known here: whoever registers is asked for it.
            Registrar::new("example.com", [1; 32], Limits::default()).hear(&mut endpoint, &register, None, 1);
            None
        }
        other => Some(other),
    });
    let status = endpoint.poll_transmit().map(|sent| {
        assert_eq!(sent.to.remote.ip(), stranger().ip(), "{name}: answers go to where the message came from");
        String::from_utf8_lossy(&sent.bytes)[8..11].parse().expect("a status")
    });
    let invited = event.map(|event| match event {
        Event::Invited { leg, .. } => endpoint.reject(leg, 404, None, None, 2),
        other => panic!("{name}: {other:?}"),
    });
    while let Some(at) = endpoint.next_timeout() {
        assert!(at <= 40_000, "{name}: a deadline at {at}");
        endpoint.handle_timeout(at);
    }
    assert_eq!(endpoint.counts(), Counts::default(), "{name}");
    match (invited, status) {
        (Some(()), _) => Seen::Invited,
        (None, Some(status)) => Seen::Status(status),
        (None, None) => Seen::Silence,
    }
}

#[test]
fn fault_n1_rfc4475_valid_messages_are_understood() {
    let expected = [
        // It has a To tag, so it belongs to a dialog that we do not have.
        ("wsinv", Seen::Status(481)),
        ("intmeth", Seen::Status(501)),
        ("esc01", Seen::Invited),
        ("escnull", Seen::Status(401)),
        ("esc02", Seen::Status(501)),
        ("lwsdisp", Seen::Status(200)),
        ("longreq", Seen::Invited),
        ("dblreq", Seen::Status(401)),
        ("semiuri", Seen::Status(200)),
        ("transports", Seen::Status(200)),
        ("mpart01", Seen::Status(405)),
        // Responses to requests that we never sent.
        ("unreason", Seen::Silence),
        ("noreason", Seen::Silence),
    ];
    for (name, wanted) in expected {
        assert_eq!(deliver(name), wanted, "{name}");
    }
}

#[test]
fn fault_n1_rfc4475_invalid_messages_are_refused() {
    let expected = [
        ("badinv01", Seen::Silence),
        ("clerr", Seen::Status(400)),
        ("ncl", Seen::Status(400)),
        ("scalar02", Seen::Status(400)),
        ("scalarlg", Seen::Silence),
        ("quotbal", Seen::Status(400)),
        ("ltgtruri", Seen::Status(400)),
        ("lwsruri", Seen::Status(400)),
        ("lwsstart", Seen::Status(400)),
        ("trws", Seen::Status(400)),
        ("escruri", Seen::Status(400)),
        ("baddate", Seen::Status(400)),
        ("regbadct", Seen::Status(400)),
        ("badaspec", Seen::Status(400)),
        ("baddn", Seen::Status(400)),
        ("badvers", Seen::Status(505)),
        ("mismatch01", Seen::Status(400)),
        ("mismatch02", Seen::Status(400)),
        ("bigcode", Seen::Silence),
    ];
    for (name, wanted) in expected {
        assert_eq!(deliver(name), wanted, "{name}");
    }
}

#[test]
fn fault_n1_rfc4475_messages_of_the_upper_layers_get_their_status() {
    let expected = [
        ("badbranch", Seen::Status(200)),
        ("insuf", Seen::Silence),
        ("unkscm", Seen::Status(416)),
        ("novelsc", Seen::Status(416)),
        ("unksm2", Seen::Status(404)),
        ("bext01", Seen::Status(420)),
        ("invut", Seen::Status(415)),
        ("regaut01", Seen::Status(401)),
        ("multi01", Seen::Status(400)),
        ("mcl01", Seen::Status(400)),
        ("bcast", Seen::Silence),
        ("zeromf", Seen::Status(200)),
        ("cparam01", Seen::Status(401)),
        ("cparam02", Seen::Status(401)),
        ("regescrt", Seen::Status(401)),
        ("sdp01", Seen::Invited),
        ("inv2543", Seen::Invited),
        ("test", Seen::Silence),
    ];
    for (name, wanted) in expected {
        assert_eq!(deliver(name), wanted, "{name}");
    }
}

#[test]
fn fault_n1_rfc4475_the_hardest_invite_is_read_rightly() {
    let mut endpoint = endpoint();
    let text = String::from_utf8(message("wsinv")).expect("text");
    let outside = text.replacen(" tag    = 1918181833n", " x = y", 1);
    assert_ne!(text, outside, "the To tag is taken out");
    endpoint.receive(outside.as_bytes(), stranger(), 1);
    let Some(Event::Invited { invite, .. }) = endpoint.poll_event() else { panic!("a call") };
    assert_eq!(
        (invite.request_uri_user.as_str(), invite.request_uri_host.as_str()),
        ("vivekg", "chair-dnrc.example.com")
    );
    assert_eq!((invite.max_forwards, invite.from_display.as_deref()), (68, Some("J Rosenberg \\\"")));
    assert!(invite.sdp.is_some());
}
