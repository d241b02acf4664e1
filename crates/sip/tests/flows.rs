//! A far end that opened its stream to us and comes back by another one: requests inside its dialog follow it (RFC 5626
//! 5.3), and nobody else's words move them.

mod world;

use sip::{Config, Endpoint, Event, Hop, Listener, Transport};
use world::{address, bob, config, sdp};

const CALLER: &str = "203.0.113.9:40123";

fn flow(transport: Transport, port: u16, connection: u32) -> Hop {
    let listener = u16::from(transport == Transport::Tls);
    Hop { transport, listener, remote: ([203, 0, 113, 9], port).into(), connection: Some(connection) }
}

fn first() -> Hop {
    flow(Transport::Tls, 40_123, 7)
}

/// A caller by TLS whose call we answered.
struct Call {
    endpoint: Endpoint,
    to: String,
    leg: sip::LegId,
}

impl Call {
    fn answered() -> Call {
        let listeners = vec![
            Listener { transport: Transport::Tcp, advertised: bob() },
            Listener { transport: Transport::Tls, advertised: address("192.0.2.2:5061") },
        ];
        let mut endpoint = Endpoint::new(Config { listeners, ..config(bob(), 3) });
        let offer = String::from_utf8(sdp(1)).expect("text");
        let offer =
            format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{offer}", offer.len());
        endpoint.receive(request("INVITE", 1, "<sip:b@192.0.2.2>", &offer).as_bytes(), first(), 0);
        let Some(Event::Invited { leg, .. }) = endpoint.poll_event() else { panic!("a call") };
        endpoint.answer(leg, sdp(2), 0);
        let mut call = Call { endpoint, to: String::new(), leg };
        let sent = call.sent();
        let (to, answer) = sent.last().expect("our 200");
        assert_eq!(*to, first());
        call.to = answer.lines().find_map(|line| line.strip_prefix("To: ")).expect("a To").to_owned();
        call
    }

    fn sent(&mut self) -> Vec<(Hop, String)> {
        let sent = std::iter::from_fn(|| self.endpoint.poll_transmit());
        sent.map(|sent| (sent.to, String::from_utf8_lossy(&sent.bytes).into_owned())).collect()
    }

    fn receive(&mut self, method: &str, cseq: u32, from: Hop) {
        let request = request(method, cseq, &self.to, "Content-Length: 0\r\n\r\n");
        self.endpoint.receive(request.as_bytes(), from, 100);
    }

    /// Where our BYE goes.
    fn bye_to(mut self) -> Hop {
        self.sent();
        self.endpoint.bye(self.leg, None, 200);
        let sent = self.sent();
        assert!(sent[0].1.starts_with("BYE "), "{sent:?}");
        sent[0].0
    }
}

fn request(method: &str, cseq: u32, to: &str, rest: &str) -> String {
    format!(
        "{method} sip:sibai@192.0.2.2:5061;transport=tls SIP/2.0\r\nVia: SIP/2.0/TLS {CALLER};branch=z9hG4bK{method}{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@203.0.113.9>;tag=1\r\nTo: {to}\r\nCall-ID: c\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:a@{CALLER};transport=tls>\r\n{rest}"
    )
}

#[test]
fn x04_our_bye_goes_by_the_stream_that_the_callers_last_request_came_by() {
    let second = flow(Transport::Tls, 50_999, 8);
    for (method, cseq) in [("INFO", 2), ("OPTIONS", 2), ("UPDATE", 2)] {
        let mut call = Call::answered();
        call.receive("ACK", 1, first());
        call.receive(method, cseq, second);
        let sent = call.sent();
        assert!(sent.iter().any(|(to, text)| *to == second && text.starts_with("SIP/2.0 200")), "{sent:?}");
        assert_eq!(call.bye_to(), second, "{method}");
    }
    // One that comes back before it has acknowledged.
    let mut call = Call::answered();
    call.receive("ACK", 1, second);
    assert_eq!(call.bye_to(), second);
}

#[test]
fn x04_fault_n8_what_is_not_of_the_dialog_or_by_a_lesser_way_moves_nothing() {
    let second = flow(Transport::Tls, 50_999, 8);
    let mut call = Call::answered();
    call.receive("ACK", 1, first());
    // In the clear: TLS stays TLS.
    call.receive("INFO", 2, flow(Transport::Tcp, 50_999, 8));
    call.receive("INFO", 3, Hop::udp(address(CALLER)));
    // An old request, heard again.
    call.receive("INFO", 2, second);
    // A dialog of nobody's.
    call.endpoint.receive(
        request("INFO", 9, "<sip:b@192.0.2.2>;tag=guessed", "Content-Length: 0\r\n\r\n").as_bytes(),
        second,
        100,
    );
    assert_eq!(call.bye_to(), first());
}
