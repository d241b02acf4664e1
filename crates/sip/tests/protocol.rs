//! What strangers send: requests are answered with the right status, and nothing is kept for them.

mod world;

use std::net::SocketAddr;

use sip::{Config, Counts, Endpoint, Event};
use world::{CALM, World, address, alice, bob, call, config, sdp};

fn stranger() -> SocketAddr {
    address("198.51.100.7:5060")
}

fn request(method: &str, extra: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} sip:4006010114@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK-{method}\r\n\
         From: <sip:1@198.51.100.7>;tag=a\r\nTo: <sip:4006010114@192.0.2.2>\r\nCall-ID: c1\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:1@198.51.100.7>\r\n{extra}Content-Length: {length}\r\n\r\n{body}"
    )
}

fn send(endpoint: &mut Endpoint, text: &str) -> Option<String> {
    endpoint.receive(text.as_bytes(), stranger(), 1);
    endpoint.poll_transmit().map(|sent| String::from_utf8_lossy(&sent.bytes).into_owned())
}

/// The status of the answer, with nothing kept.
fn refused(text: &str) -> u16 {
    let mut endpoint = Endpoint::new(config(bob(), 3));
    let answer = send(&mut endpoint, text).expect("an answer");
    assert_eq!(endpoint.counts(), Counts::default(), "{text}");
    assert_eq!(endpoint.poll_event(), None, "{text}");
    answer[8..11].parse().expect("a status")
}

#[test]
fn fault_n1_requests_are_refused_by_the_book() {
    assert_eq!(refused(&request("INVITE", "Max-Forwards: 0\r\n", "")), 483);
    assert_eq!(refused(&request("INVITE", "Max-Forwards: 256\r\n", "")), 400);
    assert_eq!(refused(&request("INVITE", "Require: gruu, timer\r\n", "")), 420);
    assert_eq!(refused(&request("INVITE", "Content-Type: text/plain\r\n", "hello")), 415);
    assert_eq!(refused(&request("INVITE", "Supported: timer\r\nSession-Expires: 60\r\n", "")), 422);
    assert_eq!(refused(&request("BYE", "", "")), 481);
    assert_eq!(refused(&request("CANCEL", "", "")), 481);
    assert_eq!(refused(&request("SUBSCRIBE", "", "")), 405);
    assert_eq!(refused(&request("JUMP", "", "")), 501);
    assert_eq!(refused(&request("INVITE", "", "").replace("CSeq: 1 ", "CSeq: 4294967296 ")), 400);
    assert_eq!(
        refused(&request("INVITE", "", "").replace("sip:4006010114@192.0.2.2 SIP", "http://x SIP")),
        416
    );
    assert_eq!(refused(&request("INVITE", "", "").replace("Call-ID: c1", "Call-ID: c1\r\nCall-ID: c2")), 400);
    assert_eq!(refused(&request("INVITE", "Content-Length: 0\r\n", "")), 400);
}

#[test]
fn fault_n7_refer_is_declined() {
    assert_eq!(refused(&request("REFER", "Refer-To: <sip:+8829999@premium>\r\n", "")), 603);
}

#[test]
fn fault_n1_junk_is_dropped_and_counted() {
    let mut endpoint = Endpoint::new(config(bob(), 3));
    let ack = request("ACK", "", "");
    for junk in
        ["", "\r\n\r\n", "hello", "SIP/2.0 200 OK\r\n\r\n", "INVITE sip:x SIP/2.0\r\n\r\n", ack.as_str()]
    {
        assert_eq!(send(&mut endpoint, junk), None, "{junk}");
    }
    assert_eq!((endpoint.totals().received, endpoint.totals().dropped), (6, 6));
    assert_eq!((endpoint.counts(), endpoint.next_timeout()), (Counts::default(), None));
}

#[test]
fn fault_n8_a_merged_request_is_refused() {
    let mut endpoint = Endpoint::new(config(bob(), 3));
    let invite = request("INVITE", "", "");
    assert_eq!(send(&mut endpoint, &invite), None);
    let other_way =
        send(&mut endpoint, &invite.replace("z9hG4bK-INVITE", "z9hG4bK-fork")).expect("an answer");
    assert!(other_way.starts_with("SIP/2.0 482 "), "{other_way}");
    let again = send(&mut endpoint, &invite).expect("an answer");
    assert!(again.starts_with("SIP/2.0 100 "), "a repetition is no merged request: {again}");
}

#[test]
fn legs_beyond_the_limit_are_refused() {
    let mut endpoint = Endpoint::new(Config { max_legs: 1, ..config(bob(), 3) });
    send(&mut endpoint, &request("INVITE", "", ""));
    let second = send(&mut endpoint, &request("INVITE", "", "").replace("c1", "c2").replace("K-I", "K-2"));
    assert!(second.expect("an answer").starts_with("SIP/2.0 503 "));
    assert_eq!(endpoint.invite(call(alice()), 1), Err(sip::Refused::Full));
}

#[test]
fn hostile_values_do_not_break_out_of_their_line() {
    let mut endpoint = Endpoint::new(config(bob(), 3));
    let mut broken = vec![call(alice()); 5];
    broken[0].request_uri = "sip:a\r\nEvil: 1".into();
    broken[1].asserted = Some("sip:a>\r\nEvil: 1".into());
    broken[2].headers = vec![("X-A".into(), "1\r\nEvil: 1".into())];
    broken[3].headers = vec![("Via".into(), "x".into())];
    broken[4].from.display = Some("a\nb".into());
    for invite in broken {
        assert_eq!(endpoint.invite(invite.clone(), 1), Err(sip::Refused::BadValue), "{invite:?}");
    }
}

#[test]
fn what_arrives_is_reported() {
    let mut endpoint = Endpoint::new(config(bob(), 3));
    let extra = "P-Asserted-Identity: \"x\" <sip:+8613800138000@carrier>, <tel:+8613800138000>\r\nPrivacy: id\r\n\
        Diversion: <sip:8001@pbx>;reason=no-answer\r\nSupported: timer\r\nMax-Forwards: 12\r\n";
    send(&mut endpoint, &request("INVITE", extra, ""));
    let Some(Event::Invited { invite, .. }) = endpoint.poll_event() else { panic!("a call") };
    assert_eq!(invite.asserted.as_deref(), Some("+8613800138000"));
    assert_eq!((invite.diversion.as_deref(), invite.privacy), (Some("8001"), true));
    assert_eq!((invite.request_uri_user.as_str(), invite.from_user.as_str()), ("4006010114", "1"));
    assert_eq!((invite.max_forwards, invite.supports_timer, invite.sdp), (12, true, None));
}

#[test]
fn r36_a_local_caller_keeps_the_place_it_is_local_to() {
    for (from, asserted, expected) in [
        ("<tel:66668888;phone-context=+86755>", "<tel:66668888;isub=1;Phone-Context=+86755>", "+86755"),
        ("<sip:66668888;phone-context=+86755@pbx>", "<sip:66668888;phone-context=%2B86755@pbx>", "+86755"),
        ("<sip:66668888;isub=1@pbx>", "<tel:66668888;isub=1>", ""),
    ] {
        let mut endpoint = Endpoint::new(config(bob(), 3));
        let invite = request("INVITE", &format!("P-Asserted-Identity: {asserted}\r\n"), "");
        let plain = invite.lines().find(|line| line.starts_with("From:")).expect("From").to_owned();
        send(&mut endpoint, &invite.replace(&plain, &format!("From: {from};tag=a")));
        let Some(Event::Invited { invite, .. }) = endpoint.poll_event() else { panic!("a call: {from}") };
        let read = [Some(invite.from_user), invite.asserted].map(|user| user.expect("a user").to_lowercase());
        let expected = match expected {
            "" => "66668888".to_owned(),
            place => format!("66668888;phone-context={place}"),
        };
        assert_eq!(read, [expected.clone(), expected]);
    }
}

#[test]
fn a_delayed_offer_is_answered_in_the_ack() {
    let mut endpoint = Endpoint::new(config(bob(), 3));
    send(&mut endpoint, &request("INVITE", "", ""));
    let Some(Event::Invited { leg, .. }) = endpoint.poll_event() else { panic!("a call") };
    endpoint.answer(leg, sdp(1), 1);
    let answer = endpoint.poll_transmit().expect("200").bytes;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let to = text.lines().find(|line| line.starts_with("To: ")).expect("To").to_owned();
    let body = String::from_utf8(sdp(7)).expect("text");
    let ack = request("ACK", "Content-Type: application/sdp\r\n", &body);
    let ack = ack.replace("To: <sip:4006010114@192.0.2.2>", &to);
    assert_eq!(send(&mut endpoint, &ack), None);
    assert_eq!(endpoint.poll_event(), Some(Event::Acked { leg, sdp: Some(sdp(7)) }));
}

/// Alice and Bob with session timers of 90 s.
fn timed(alice_s: Option<u32>, bob_s: Option<u32>) -> World {
    let mut world = World::new(5, CALM);
    world.join(Config { session_expires_s: alice_s, ..config(alice(), 11) });
    world.join(Config { session_expires_s: bob_s, ..config(bob(), 12) });
    world
}

#[test]
fn a_session_is_refreshed_without_the_users() {
    let mut world = timed(Some(300), Some(300));
    let (ours, _) = world.talking();
    world.run(3_600_000);
    assert_eq!((world.seen(alice()), world.seen(bob())), (vec![], vec![]));
    assert!(world.sent_like(alice(), "UPDATE") >= 20);
    world.at(alice(), |alice, now| alice.bye(ours, None, now));
    world.assert_empty();
}

#[test]
fn a_session_without_refresh_is_reported_by_both_sides() {
    let mut world = timed(Some(300), Some(300));
    let (ours, theirs) = world.talking();
    world.weather.lost_percent = 100;
    world.run(267_000);
    assert_eq!(world.seen(bob()), []);
    world.run(2_000);
    assert!(matches!(world.seen(bob())[..], [Event::SessionExpired { leg, .. }] if leg == theirs));
    assert!(matches!(world.seen(alice())[..], [Event::SessionExpired { leg, .. }] if leg == ours));
    world.at(alice(), |alice, now| alice.bye(ours, None, now));
    world.at(bob(), |bob, now| bob.bye(theirs, None, now));
    world.assert_empty();
}

#[test]
fn a_session_interval_that_is_too_small_is_raised_after_422() {
    let mut world = World::new(5, CALM);
    world.join(Config { session_expires_s: Some(90), ..config(alice(), 11) });
    world.join(Config { session_expires_s: None, min_se_s: 600, ..config(bob(), 12) });
    world.talking();
    assert_eq!(world.sent_like(bob(), "SIP/2.0 422"), 1);
    world.run(250_000);
    assert_eq!(world.sent_like(alice(), "UPDATE"), 0, "600 s are refreshed after 300");
    world.run(60_000);
    assert_eq!(world.sent_like(alice(), "UPDATE"), 1);
}

#[test]
fn a_session_is_refreshed_for_a_caller_without_timers() {
    let mut endpoint = Endpoint::new(Config { session_expires_s: Some(100), ..config(bob(), 3) });
    send(
        &mut endpoint,
        &request("INVITE", "Content-Type: application/sdp\r\n", &String::from_utf8(sdp(1)).expect("text")),
    );
    let Some(Event::Invited { leg, .. }) = endpoint.poll_event() else { panic!("a call") };
    endpoint.answer(leg, sdp(1), 1);
    let answer = endpoint.poll_transmit().expect("200").bytes;
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert!(text.contains("Session-Expires: 100;refresher=uas\r\n") && !text.contains("Require"), "{text}");
    let to = text.lines().find(|line| line.starts_with("To: ")).expect("To").to_owned();
    send(&mut endpoint, &request("ACK", "", "").replace("To: <sip:4006010114@192.0.2.2>", &to));
    while endpoint.next_timeout().is_some_and(|at| at <= 50_001) {
        endpoint.handle_timeout(endpoint.next_timeout().expect("just seen"));
    }
    let sent: Vec<String> = std::iter::from_fn(|| endpoint.poll_transmit())
        .map(|t| String::from_utf8_lossy(&t.bytes).into_owned())
        .collect();
    assert!(sent.iter().any(|text| text.starts_with("INVITE sip:1@198.51.100.7 ")), "{sent:?}");
}

#[test]
fn a_phone_behind_address_translation_is_found_again() {
    let mut endpoint = Endpoint::new(config(bob(), 3));
    let invite = request("INVITE", "", "")
        .replace("Contact: <sip:1@198.51.100.7>", "Contact: <sip:1@192.168.1.5:5062>")
        .replace("198.51.100.7;branch", "192.168.1.5:5062;rport;branch");
    let from = address("198.51.100.7:33444");
    endpoint.receive(invite.as_bytes(), from, 1);
    let Some(Event::Invited { leg, .. }) = endpoint.poll_event() else { panic!("a call") };
    endpoint.answer(leg, sdp(1), 1);
    let answer = endpoint.poll_transmit().expect("200");
    assert_eq!(answer.to.remote, from);
    assert!(String::from_utf8_lossy(&answer.bytes).contains("rport=33444"));
    let dialog = endpoint.dialog(leg).expect("confirmed");
    assert_eq!((dialog.next_hop.remote, dialog.remote_target.as_str()), (from, "sip:1@192.168.1.5:5062"));
}
