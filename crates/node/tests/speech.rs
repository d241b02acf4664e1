//! A trunk's settings for keys and encryption as its far ends see them: in the offer of an outgoing INVITE, and in what
//! is answered to an incoming one.

mod house;

use std::net::SocketAddr;

use hotline::enterprise::{DestinationKind, Then};
use hotline::trunk::{Dtmf, Profile, Srtp};
use hotline::{Beijing, Mono, Now};
use house::TRUNK;
use node::media::{Event, Port, Secret};
use node::{Account, Input, Loaded, Node, Output, TrunkConfig};

const NODE: ([u8; 4], u16) = ([10, 0, 0, 1], 5060);

struct Bench {
    node: Node,
    mono: u64,
    sent: Vec<String>,
}

impl Bench {
    fn new(profile: Profile) -> Bench {
        let trunk = TrunkConfig { area_code: Some("010".into()), profile, ..house::trunk() };
        let node = Node::new(house::config(NODE, trunk));
        let mut bench = Bench { node, mono: 0, sent: Vec::new() };
        let port = |id: u32| Port {
            shard: 0,
            id,
            address: SocketAddr::from(([10, 0, 0, 1], 30_000 + 2 * id as u16)),
            secret: Secret(std::array::from_fn(|n| n as u8)),
            web: None,
        };
        bench.turn(Input::Media(Event::PortsReady((0..4).map(port).collect())));
        let phone = house::bound("alice", DestinationKind::Landline, "01062000001");
        let enterprise = house::enterprise("acme", 6_010_114, vec![phone], Then::Dial("alice".into()));
        bench.turn(house::holds(&enterprise));
        bench
    }

    fn turn(&mut self, input: Input<'_>) {
        self.mono += 10;
        let wall = Beijing::date(2026, 10, 12).wall();
        let now = Now { mono: Mono(self.mono), wall };
        self.node.handle(input, now);
        let mut asked = Vec::new();
        self.node.facts_written();
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => {
                    self.sent.push(String::from_utf8_lossy(&bytes).into_owned());
                }
                Output::Load { number, tenant, .. } => asked.push((number, tenant)),
                _ => {}
            }
        }
        for (number, tenant) in asked {
            let account = Some(Account::default());
            self.turn(Input::Loaded(Loaded { number, tenant, hotline: None, account }));
        }
    }

    /// A caller of the trunk with a description of these media lines; all that was sent then.
    fn call(mut self, media: &str) -> Vec<String> {
        let from = SocketAddr::from(TRUNK);
        let sdp = format!("v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 10.0.1.1\r\nt=0 0\r\n{media}");
        let invite = format!(
            "INVITE sip:4006010114@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKa\r\n\
             From: <sip:13510001000@10.0.1.1>;tag=a\r\nTo: <sip:4006010114@10.0.0.1>\r\nCall-ID: a\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:{from}>\r\nMax-Forwards: 70\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        self.turn(Input::Datagram { from: from.into(), bytes: invite.as_bytes() });
        // The target is dialled, rings, and the caller is told so with our description.
        let dialled = self.sent.iter().find(|text| text.starts_with("INVITE ")).cloned();
        if let Some(dialled) = dialled {
            let head = |name: &str| {
                let line = dialled.lines().find(|line| line.starts_with(name)).expect("a header");
                format!("{line}\r\n")
            };
            let ringing = format!(
                "SIP/2.0 180 Ringing\r\n{}{}{}{}{}Content-Length: 0\r\n\r\n",
                head("Via:"),
                head("From:"),
                head("To:").replace("\r\n", ";tag=b\r\n"),
                head("Call-ID:"),
                head("CSeq:")
            );
            self.turn(Input::Datagram { from: from.into(), bytes: ringing.as_bytes() });
        }
        self.sent
    }
}

fn starting<'a>(sent: &'a [String], start: &str) -> Option<&'a String> {
    sent.iter().find(|text| text.starts_with(start))
}

const PLAIN: &str =
    "m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";
const SECURE: &str = "m=audio 4000 RTP/SAVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
                      a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd\r\n";

#[test]
fn x04_keys_travel_as_the_trunk_has_them_both_ways() {
    for (dtmf, events) in [(Dtmf::Rfc4733, true), (Dtmf::Inband, false), (Dtmf::Info, false)] {
        let sent = Bench::new(Profile { dtmf, ..Profile::default() }).call(PLAIN);
        let offer = starting(&sent, "INVITE ").expect("the target is dialled");
        let answer = starting(&sent, "SIP/2.0 183").expect("early media");
        assert_eq!(offer.contains("telephone-event"), events, "{dtmf:?}: {offer}");
        assert_eq!(answer.contains("telephone-event"), events, "{dtmf:?}: {answer}");
    }
}

#[test]
fn x04_srtp_is_spoken_as_the_trunk_has_it_both_ways() {
    for (srtp, media, offered, answered) in [
        (Srtp::Off, PLAIN, (false, false), Some(false)),
        (Srtp::Offered, PLAIN, (true, false), Some(false)),
        (Srtp::Offered, SECURE, (true, false), Some(true)),
        (Srtp::Required, SECURE, (true, true), Some(true)),
        (Srtp::Required, PLAIN, (false, false), None),
        (Srtp::Off, SECURE, (false, false), None),
    ] {
        let sent = Bench::new(Profile { srtp, ..Profile::default() }).call(media);
        let Some(answered) = answered else {
            assert!(starting(&sent, "INVITE ").is_none(), "{srtp:?} {media}");
            assert!(starting(&sent, "SIP/2.0 488").is_some(), "{srtp:?} {media}: {sent:?}");
            continue;
        };
        let offer = starting(&sent, "INVITE ").expect("the target is dialled");
        let is = (offer.contains("a=crypto:"), offer.contains("RTP/SAVP"));
        assert_eq!(is, offered, "{srtp:?}: {offer}");
        let answer = starting(&sent, "SIP/2.0 183").expect("early media");
        assert_eq!(answer.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80"), answered, "{srtp:?}: {answer}");
    }
}
