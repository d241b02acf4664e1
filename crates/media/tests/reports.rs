//! RTCP between two engines: each reports what it received, and hears what the other did.

mod rig;

use media::srtp::{Keyring, Master, Suite};
use media::{Agreed, Command, Config, Law, Rtcp};
use rig::{DEADLINE, Rig, config};

fn keyring(ours: u8, theirs: u8) -> Keyring {
    let master = |first| Master { suite: Suite::Gcm128, key: vec![first; 28].into() };
    Keyring { ours: master(ours), theirs: master(theirs) }
}

#[test]
fn two_engines_report_to_each_other_in_the_clear_and_encrypted() {
    for keys in [false, true] {
        let quick = || Config { report_ms: 100, ..config() };
        let (mut here, mut there) = (Rig::start(quick()), Rig::start(quick()));
        let (mut a, mut b) = (here.phone(1, Law::Pcma, None), there.phone(1, Law::Pcma, None));
        let ports = [here.ports[0].address, there.ports[0].address];
        let legs = [here.open(1), there.open(1)];
        for (rig, leg, phone, remote, (ours, theirs)) in
            [(&mut here, legs[0], a.leg, ports[1], (1, 2)), (&mut there, legs[1], b.leg, ports[0], (2, 1))]
        {
            let srtp = keys.then(|| Box::new(keyring(ours, theirs)));
            let agreed = Agreed { rtcp: Rtcp::Shared, srtp, ..Agreed::g711(Law::Pcma, None) };
            rig.send(Command::Connect { leg, remote, agreed });
            rig.send(Command::Bridge { a: phone, b: leg });
            rig.settle(leg);
        }
        // A third phone's dial tone beats the time of 20 ms until reports have crossed twice.
        let mut clock = here.phone(2, Law::Pcma, None);
        let sound = media::Sound::Tone(media::ToneId::Dial);
        let (leg, play) = (clock.leg, media::PlayId(1));
        here.send(Command::Play { leg, play, sound, repeat: media::Repeat::Forever });
        for _ in 0..40 {
            clock.receive();
            a.send_frame();
            b.receive();
            b.send_frame();
            a.receive();
        }
        let stats = here.close_leg(legs[0]);
        assert!(stats.round_trip_us.is_some_and(|us| us < 2_000_000), "{keys}: {stats:?}");
        assert_eq!((stats.peer_lost, stats.strangers, stats.unauthentic, stats.received), (0, 0, 0, 40));
    }
}

#[test]
fn a_peer_without_a_shared_port_gets_reports_on_the_next() {
    let mut rig = Rig::start(Config { report_ms: 100, ..config() });
    let mut phone = rig.phone(1, Law::Pcma, None);
    let reports = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    reports.set_read_timeout(Some(DEADLINE)).expect("set");
    let rtcp = Rtcp::Port(reports.local_addr().expect("bound").port());
    let agreed = Agreed { rtcp, ..Agreed::g711(Law::Pcma, None) };
    rig.send(Command::Connect { leg: phone.leg, remote: phone.address(), agreed });
    rig.settle(phone.leg);
    phone.send_frame();
    let mut datagram = [0; 256];
    let (len, from) = reports.recv_from(&mut datagram).expect("a report in time");
    assert_eq!(from, phone.engine);
    // A receiver report with one block of the phone's stream, then a source description.
    assert_eq!((datagram[0], datagram[1], len % 4), (0x81, 201, 0));
    assert_eq!(datagram[8..12], (0x1000_0000 + phone.leg.0 as u32).to_be_bytes());
    assert_eq!(datagram[33], 202);
}
