//! A NAT in user space for phones that speak through a relay of datagrams (RFC 1928 section 7). It is the hardest kind:
//! each pair of phone and destination has a port of its own, only that destination may answer there, and only what goes
//! out keeps it open (RFC 4787: address and port dependent, both ways). Its time is moved by the test.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::IDLE;

/// The address the world sees.
const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// The NAT. It lives as long as the test's process.
#[derive(Clone)]
pub struct UserSpace {
    inside: Arc<UdpSocket>,
    ways: Arc<Mutex<Ways>>,
}

#[derive(Default)]
struct Ways {
    now: Duration,
    open: BTreeMap<(SocketAddr, SocketAddr), Way>,
    refused: u64,
}

/// One way out, of one phone to one destination.
struct Way {
    outside: Arc<UdpSocket>,
    used_at: Duration,
    out: u64,
}

impl UserSpace {
    /// Opens it.
    ///
    /// # Panics
    /// No port is free.
    pub fn open() -> UserSpace {
        let inside = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
        let nat = UserSpace { inside, ways: Arc::default() };
        let carrying = nat.clone();
        thread::spawn(move || carrying.carry_out());
        nat
    }

    /// What a phone speaks through.
    ///
    /// # Panics
    /// Never: the socket is bound.
    pub fn relay(&self) -> SocketAddr {
        self.inside.local_addr().expect("a bound socket")
    }

    /// The address behind which its phones are.
    pub fn outside(&self) -> IpAddr {
        OUTSIDE
    }

    /// Lets time pass: ways that nobody used close.
    pub fn advance(&self, by: Duration) {
        let mut ways = self.locked();
        ways.now += by;
        let now = ways.now;
        ways.open.retain(|_, way| now - way.used_at <= IDLE);
    }

    /// Datagrams that went out by ways that are still open.
    pub fn sent(&self) -> u64 {
        self.locked().open.values().map(|way| way.out).sum()
    }

    /// Datagrams that came for nobody: from a stranger, or by a way that has closed.
    pub fn refused(&self) -> u64 {
        self.locked().refused
    }

    fn locked(&self) -> MutexGuard<'_, Ways> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry_out(&self) {
        let mut datagram = [0; 65_536];
        while let Ok((length, phone)) = self.inside.recv_from(&mut datagram) {
            let Some((to, payload)) = unwrap(&datagram[..length]) else { continue };
            let outside = self.way(phone, to);
            let _ = outside.send_to(payload, to);
        }
    }

    /// The socket of a way, opened if need be; using it keeps it open.
    fn way(&self, phone: SocketAddr, to: SocketAddr) -> Arc<UdpSocket> {
        let mut ways = self.locked();
        let now = ways.now;
        let way = ways.open.entry((phone, to)).or_insert_with(|| {
            let outside = Arc::new(UdpSocket::bind((OUTSIDE, 0)).expect("a free port"));
            let (nat, reading) = (self.clone(), outside.clone());
            thread::spawn(move || nat.carry_in(&reading, phone, to));
            Way { outside, used_at: now, out: 0 }
        });
        way.used_at = now;
        way.out += 1;
        way.outside.clone()
    }

    fn carry_in(&self, outside: &Arc<UdpSocket>, phone: SocketAddr, only: SocketAddr) {
        let mut datagram = [0; 65_536];
        while let Ok((length, from)) = outside.recv_from(&mut datagram) {
            let mut ways = self.locked();
            let open = ways.open.get(&(phone, only)).is_some_and(|way| Arc::ptr_eq(&way.outside, outside));
            if !open || from != only {
                ways.refused += 1;
                continue;
            }
            drop(ways);
            let _ = self.inside.send_to(&[&wrapping(from), &datagram[..length]].concat(), phone);
        }
    }
}

fn wrapping(from: SocketAddr) -> Vec<u8> {
    let SocketAddr::V4(from) = from else { return Vec::new() };
    [&[0, 0, 0, 1][..], &from.ip().octets(), &from.port().to_be_bytes()].concat()
}

fn unwrap(datagram: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let [0, 0, 0, 1, a, b, c, d, high, low, payload @ ..] = datagram else { return None };
    Some((SocketAddr::from(([*a, *b, *c, *d], u16::from_be_bytes([*high, *low]))), payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PATIENCE;

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket
    }

    fn say(phone: &UdpSocket, nat: &UserSpace, to: SocketAddr, what: &[u8]) {
        let wrapped = [&wrapping(to), what].concat();
        phone.send_to(&wrapped, nat.relay()).expect("sent");
    }

    fn heard(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        let mut datagram = [0; 1_500];
        let (length, from) = socket.recv_from(&mut datagram).expect("a datagram");
        (datagram[..length].to_vec(), from)
    }

    #[test]
    fn answers_come_in_strangers_and_those_who_come_late_do_not() {
        let (nat, phone, server, stranger) = (UserSpace::open(), socket(), socket(), socket());
        let server_address = server.local_addr().expect("bound");
        say(&phone, &nat, server_address, b"one");
        let (said, seen) = heard(&server);
        assert_eq!((&said[..], seen.ip()), (&b"one"[..], nat.outside()));
        stranger.send_to(b"hello", seen).expect("sent");
        crate::eventually("the stranger is refused", || (nat.refused() == 1).then_some(()));
        server.send_to(b"two", seen).expect("sent");
        assert_eq!(heard(&phone).0, [&wrapping(server_address), &b"two"[..]].concat());
        nat.advance(IDLE);
        assert_eq!(nat.sent(), 1, "still open");
        nat.advance(Duration::from_secs(1));
        assert_eq!(nat.sent(), 0, "closed");
        server.send_to(b"three", seen).expect("sent");
        crate::eventually("the late one is refused", || (nat.refused() == 2).then_some(()));
        say(&phone, &nat, server_address, b"four");
        assert_ne!(heard(&server).1, seen, "a new way has a new port");
    }
}
