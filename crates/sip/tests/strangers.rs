//! What is told to whoever has proven nothing (FAULTS N2), and what becomes of a request that went in a circle or names
//! a way inside a private network (FAULTS N8).

mod world;

use sip::{Config, Counts, Endpoint, Event, Hop, Invite, Party};
use world::{address, bob, config};

const STRANGER: &str = "203.0.113.9:40123";

fn endpoint() -> Endpoint {
    Endpoint::new(Config { registrar: true, user_agent: Some("Sibai".into()), ..config(bob(), 9) })
}

fn request(method: &str, uri: &str, more: &str) -> Vec<u8> {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {STRANGER};branch=z9hG4bKstranger\r\nMax-Forwards: 70\r\n\
         From: <sip:x@a.example>;tag=1\r\nTo: <sip:4006010114@b.example>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:x@{STRANGER}>\r\n{more}Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn answers(endpoint: &mut Endpoint) -> Vec<String> {
    let sent = std::iter::from_fn(|| endpoint.poll_transmit());
    sent.map(|sent| String::from_utf8(sent.bytes.to_vec()).expect("text")).collect()
}

#[test]
fn fault_n2_strangers_hear_nothing_but_what_a_phone_needs_to_log_in() {
    let uri = "sip:4006010114@b.example";
    let silent: Vec<Vec<u8>> = vec![
        request("OPTIONS", uri, ""),
        request("MESSAGE", uri, ""),
        request("BYE", uri, ""),
        request("CANCEL", uri, ""),
        request("REFER", uri, ""),
        request("NONSENSE", uri, ""),
        request("INVITE", "http://b.example", ""),
        request("INVITE", uri, "Require: nothing-known\r\n"),
        request("REGISTER", uri, "Contact: *\r\n"),
        b"INVITE sip:a@b SIP/2.0\r\nVia: broken\r\n\r\n".to_vec(),
        b"OPTIONS sip:a@b SIP/7.0\r\n\r\n".to_vec(),
    ];
    for message in silent {
        let mut endpoint = endpoint();
        endpoint.receive_from_stranger(&message, address(STRANGER), 0);
        let text = String::from_utf8_lossy(&message);
        assert_eq!(answers(&mut endpoint), Vec::<String>::new(), "{text}");
        assert_eq!((endpoint.poll_event(), endpoint.counts()), (None, Counts::default()), "{text}");
        assert_eq!(endpoint.totals().dropped, 1, "{text}");
        // Whoever may speak is told what was wrong.
        let refused = endpoint.totals().refused;
        endpoint.receive(&message, address(STRANGER), 0);
        let told = answers(&mut endpoint).len() as u64;
        assert!(endpoint.totals().refused - refused <= told, "{text}");
    }
    let mut endpoint = endpoint();
    endpoint.receive_from_stranger(&request("INVITE", uri, ""), address(STRANGER), 0);
    let Some(Event::Invited { leg, .. }) = endpoint.poll_event() else {
        panic!("an INVITE in order is told")
    };
    endpoint.challenge(leg, &["Digest realm=\"sibai\"".into()], 0);
    let told = answers(&mut endpoint);
    assert!(told.len() == 1 && told[0].starts_with("SIP/2.0 401 ") && !told[0].contains("Sibai"), "{told:?}");
    while endpoint.poll_event().is_some() {}
    assert_eq!(endpoint.counts(), Counts::default(), "nothing is kept of who only asks");
}

#[test]
fn fault_n8_an_invite_of_ours_that_comes_back_is_a_loop() {
    let mut endpoint = endpoint();
    let carrier = address("192.0.2.9:5060");
    let from = Party { user: "13800138000".into(), host: "192.0.2.2".into(), display: None };
    let invite = Invite::new(Hop::udp(carrier), "sip:01062345601@192.0.2.9", from, b"v=0\r\n".to_vec());
    endpoint.invite(invite, 0).expect("room");
    let ours = answers(&mut endpoint).remove(0);
    let via = ours.lines().find(|line| line.starts_with("Via: ")).expect("a Via");
    // A proxy sends it back to us: its own Via on top, ours below, once in a line of its own and once in the same.
    for below in [format!("{via}\r\n"), String::new()] {
        let top = match below.is_empty() {
            true => format!("Via: SIP/2.0/UDP {carrier};branch=z9hG4bKproxy, {}\r\n", &via[5..]),
            false => format!("Via: SIP/2.0/UDP {carrier};branch=z9hG4bKproxy\r\n"),
        };
        let looped = ours.replacen(&format!("{via}\r\n"), &format!("{top}{below}"), 1);
        endpoint.receive(looped.as_bytes(), carrier, 10);
        let told = answers(&mut endpoint);
        assert!(told.len() == 1 && told[0].starts_with("SIP/2.0 482 "), "{told:?}");
    }
    assert_eq!(endpoint.counts().legs, 1, "only the one that is out");
}

#[test]
fn fault_n8_no_hops_left_is_refused_and_a_private_route_is_not_followed() {
    let mut endpoint = endpoint();
    let uri = "sip:4006010114@b.example";
    let spent = String::from_utf8(request("INVITE", uri, "")).expect("text");
    endpoint.receive(spent.replace("Max-Forwards: 70", "Max-Forwards: 0").as_bytes(), address(STRANGER), 0);
    assert!(answers(&mut endpoint)[0].starts_with("SIP/2.0 483 "));
    // Who names a machine of our own network as his proxy is answered where he is, and hung up on there.
    let routed = request("INVITE", uri, "Record-Route: <sip:10.0.0.8:22;lr>\r\n");
    endpoint.receive(&routed, address(STRANGER), 0);
    let leg = std::iter::from_fn(|| endpoint.poll_event()).find_map(|event| match event {
        Event::Invited { leg, .. } => Some(leg),
        _ => None,
    });
    let leg = leg.expect("a call");
    let dialog = endpoint.dialog(leg).expect("a dialog to be");
    assert_eq!(dialog.next_hop, Hop::udp(address(STRANGER)));
}
