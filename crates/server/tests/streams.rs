//! SIP over TCP and TLS: whole messages both ways, keep-alives, limits, and a certificate that changes under way.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use media::sys::epoll::{Epoll, Ready};
use server::inbox::{Inbox, Message};
use server::net::{Bound, Identity, Limits, Names, Streams, Trust};
use sip::{Hop, Transport};

const MESSAGE: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 2\r\n\r\nok";

/// What the signalling thread would be told.
struct Ear {
    inbox: Arc<Inbox>,
    epoll: Epoll,
    told: VecDeque<Message>,
}

impl Ear {
    fn new() -> Ear {
        let inbox = Arc::new(Inbox::new().expect("an eventfd"));
        let epoll = Epoll::new().expect("an epoll set");
        epoll.add(inbox.raw(), 0).expect("added");
        Ear { inbox, epoll, told: VecDeque::new() }
    }

    fn next(&mut self) -> Message {
        let mut ready = Ready::with_max(1);
        while self.told.is_empty() {
            self.epoll.wait(&mut ready, 10_000).expect("waited");
            assert!(!ready.is_empty(), "nothing is told");
            self.inbox.take(&mut self.told);
        }
        self.told.pop_front().expect("just seen")
    }

    fn message(&mut self) -> (Hop, Bytes) {
        match self.next() {
            Message::Stream { from, bytes, .. } => (from, bytes),
            _ => panic!("a message was expected"),
        }
    }

    fn gone(&mut self) -> Hop {
        match self.next() {
            Message::StreamGone { to } => to,
            _ => panic!("an end was expected"),
        }
    }
}

fn start(limits: Limits, ear: &Ear, identity: Option<Identity>, trust: Trust) -> (Streams, SocketAddr) {
    let bound = Bound::new(3, ([127, 0, 0, 1], 0).into(), identity).expect("a free port");
    let address = bound.local().expect("bound");
    (Streams::start(vec![bound], trust, limits, ear.inbox.clone()).expect("started"), address)
}

fn nobody() -> Trust {
    Trust::none().expect("TLS")
}

fn read(stream: &mut impl std::io::Read, bytes: usize) -> Vec<u8> {
    let mut read = vec![0; bytes];
    stream.read_exact(&mut read).expect("the other side writes");
    read
}

#[test]
fn messages_come_whole_and_answers_return_by_their_connection() {
    let mut ear = Ear::new();
    let (streams, address) = start(Limits::default(), &ear, None, nobody());
    let mut caller = TcpStream::connect(address).expect("taken");
    caller.write_all(&[&MESSAGE[..10], b""].concat()).expect("written");
    caller.write_all(&[&MESSAGE[10..], b"\r\n\r\n", MESSAGE].concat()).expect("written");
    let (from, bytes) = ear.message();
    assert_eq!((from.transport, from.listener), (Transport::Tcp, 3));
    assert_eq!((from.remote, &bytes[..]), (caller.local_addr().expect("bound"), MESSAGE));
    assert_eq!(ear.message(), (from, Bytes::from_static(MESSAGE)));
    assert_eq!(read(&mut caller, 2), b"\r\n", "the ping is answered");
    assert!(streams.send(from, Bytes::from_static(MESSAGE)));
    assert_eq!(read(&mut caller, MESSAGE.len()), MESSAGE);
    drop(caller);
    assert_eq!(ear.gone(), from);
    assert!(streams.send(from, Bytes::from_static(MESSAGE)));
    assert_eq!(ear.gone(), from, "who came to us and left cannot be called back");
}

#[test]
fn fault_n2_a_connection_is_closed_by_order_and_no_other() {
    let mut ear = Ear::new();
    let (streams, address) = start(Limits::default(), &ear, None, nobody());
    let mut connect = || {
        let mut caller = TcpStream::connect(address).expect("taken");
        caller.write_all(MESSAGE).expect("written");
        (caller, ear.message().0)
    };
    let ((mut banned, from), (mut other, another)) = (connect(), connect());
    streams.hang_up(from);
    assert_eq!(banned.read(&mut [0; 1]).expect("an end"), 0);
    assert_eq!(ear.gone(), from);
    streams.hang_up(from);
    streams.hang_up(Hop { connection: None, ..another });
    assert!(streams.send(another, Bytes::from_static(MESSAGE)));
    assert_eq!(read(&mut other, MESSAGE.len()), MESSAGE);
}

#[test]
fn fault_f8_a_connection_is_opened_used_again_and_its_loss_is_told() {
    let mut ear = Ear::new();
    let (streams, _) = start(Limits::default(), &ear, None, nobody());
    let trunk = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let to = Hop {
        transport: Transport::Tcp,
        listener: 3,
        remote: trunk.local_addr().expect("bound"),
        connection: None,
    };
    for _ in 0..3 {
        assert!(streams.send(to, Bytes::from_static(MESSAGE)));
    }
    let (mut taken, _) = trunk.accept().expect("dialled");
    assert_eq!(read(&mut taken, 3 * MESSAGE.len()), MESSAGE.repeat(3), "by one connection");
    taken.write_all(MESSAGE).expect("written");
    let (from, _) = ear.message();
    assert_eq!(from, Hop { connection: from.connection, ..to });
    drop((taken, trunk));
    assert_eq!(ear.gone(), from);
    assert!(streams.send(to, Bytes::from_static(MESSAGE)));
    assert_eq!(ear.gone().remote, to.remote, "nobody listens there any more");
}

#[test]
fn fault_n3_strangers_get_no_more_than_their_share() {
    let mut ear = Ear::new();
    let begin = Duration::from_millis(100);
    let (streams, address) =
        start(Limits { per_address: 2, begin, ..Limits::default() }, &ear, None, nobody());
    let mut two = [0, 1].map(|_| TcpStream::connect(address).expect("taken"));
    two.iter_mut().for_each(|one| one.write_all(MESSAGE).expect("written"));
    let kept = [ear.message().0, ear.message().0];
    let mut third = TcpStream::connect(address).expect("the system takes it");
    assert_eq!(third.read(&mut [0]).unwrap_or(0), 0, "and it is hung up on");
    assert_eq!(streams.figures().refused.load(std::sync::atomic::Ordering::Relaxed), 1);
    drop(two);
    let gone = [ear.gone(), ear.gone()];
    assert!(kept.iter().all(|hop| gone.contains(hop)));
    // Who says nothing, or nothing that can be followed, is hung up on.
    let mut silent = TcpStream::connect(address).expect("taken");
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0);
    ear.gone();
    let mut junk = TcpStream::connect(address).expect("taken");
    junk.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("written");
    assert_eq!(junk.read(&mut [0]).unwrap_or(0), 0);
}

/// A certificate for 127.0.0.1 in two files; returns its PEM too.
fn certificate(dir: &std::path::Path) -> String {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    std::fs::write(dir.join("cert.pem"), made.cert.pem()).expect("written");
    std::fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).expect("written");
    made.cert.pem()
}

#[test]
fn f8_tls_is_spoken_both_ways_and_a_certificate_is_renewed_while_calls_are_up() {
    let dir = std::env::temp_dir().join(format!("sibai-streams-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    let first = certificate(&dir);
    let identity = Identity::read(&cert, &key).expect("readable");
    let (mut ear, mut far) = (Ear::new(), Ear::new());
    let (_server, address) = start(Limits::default(), &ear, Some(identity.clone()), nobody());
    let to = |address| Hop { transport: Transport::Tls, listener: 3, remote: address, connection: None };
    let (client, _) = start(Limits::default(), &far, None, Trust::read(&cert).expect("readable"));
    assert!(client.send(to(address), Bytes::from_static(MESSAGE)));
    let (from, bytes) = ear.message();
    assert_eq!((from.transport, &bytes[..]), (Transport::Tls, MESSAGE));
    assert!(_server.send(from, Bytes::from_static(MESSAGE)));
    let (back, bytes) = far.message();
    assert_eq!((back.remote, &bytes[..]), (address, MESSAGE));
    // Another certificate takes its place; the connection that is up goes on.
    assert!(!identity.renew().expect("unchanged"));
    std::fs::write(&key, "no key").expect("written");
    assert!(identity.renew().is_err(), "a half-written pair is not taken");
    let second = certificate(&dir);
    assert_ne!(first, second);
    assert!(identity.renew().expect("renewed"));
    assert!(client.send(to(address), Bytes::from_static(MESSAGE)));
    assert_eq!(ear.message().0, from);
    // Who believes the new one only is served the new one; who believes the old one only goes away.
    let (mut fresh_ear, mut stale_ear) = (Ear::new(), Ear::new());
    let (fresh, _) = start(Limits::default(), &fresh_ear, None, Trust::read(&cert).expect("readable"));
    assert!(fresh.send(to(address), Bytes::from_static(MESSAGE)));
    let (newcomer, _) = ear.message();
    assert!(_server.send(newcomer, Bytes::from_static(MESSAGE)));
    assert_eq!(fresh_ear.message().1, MESSAGE);
    std::fs::write(&cert, first).expect("written");
    let (stale, _) = start(Limits::default(), &stale_ear, None, Trust::read(&cert).expect("readable"));
    assert!(stale.send(to(address), Bytes::from_static(MESSAGE)));
    assert_eq!(stale_ear.gone().remote, address, "fault F8: a certificate that is not believed");
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn f8_x04_a_carrier_called_by_name_proves_its_name_and_no_other() {
    let dir = std::env::temp_dir().join(format!("sibai-named-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let made = rcgen::generate_simple_self_signed(["sbc.carrier.example".to_owned()]).expect("a certificate");
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let mut ear = Ear::new();
    let identity = Identity::read(&cert, &key).expect("readable");
    let (_server, address) = start(Limits::default(), &ear, Some(identity), nobody());
    let to = Hop { transport: Transport::Tls, listener: 3, remote: address, connection: None };
    for refused in [Some("sbc.other.example"), None] {
        let (mut far, names) = (Ear::new(), Names::default());
        names.replace(refused.map(|name| (address, name.to_owned())));
        let trust = Trust::read(&cert).expect("readable").with_names(names.clone());
        let later_far = Ear::new();
        let (client, _) = start(Limits::default(), &far, None, trust.clone());
        let (later, _) = start(Limits::default(), &later_far, None, trust);
        assert!(client.send(to, Bytes::from_static(MESSAGE)));
        assert_eq!(far.gone().remote, address, "{refused:?}");
        ear.gone();
        // The name is corrected while the process runs.
        names.replace([(address, "sbc.carrier.example".to_owned())]);
        assert!(later.send(to, Bytes::from_static(MESSAGE)));
        assert_eq!(ear.message().1, MESSAGE);
        drop(later);
        ear.gone();
    }
    std::fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn fault_f8_a_certificate_that_ran_out_is_told_as_a_loss() {
    let dir = std::env::temp_dir().join(format!("sibai-expired-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let signing = rcgen::KeyPair::generate().expect("a key");
    let made = params.self_signed(&signing).expect("a certificate");
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    std::fs::write(&cert, made.pem()).expect("written");
    std::fs::write(&key, signing.serialize_pem()).expect("written");
    let (ear, mut far) = (Ear::new(), Ear::new());
    let identity = Identity::read(&cert, &key).expect("readable");
    let (_server, address) = start(Limits::default(), &ear, Some(identity), nobody());
    let (client, _) = start(Limits::default(), &far, None, Trust::read(&cert).expect("readable"));
    let to = Hop { transport: Transport::Tls, listener: 3, remote: address, connection: None };
    assert!(client.send(to, Bytes::from_static(MESSAGE)));
    assert_eq!(far.gone().remote, address, "believed but for its last day");
    std::fs::remove_dir_all(dir).expect("removed");
}
