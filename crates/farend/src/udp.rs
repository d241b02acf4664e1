//! A UDP socket as the far ends use it: sends at once or not at all, receives what is there, and can be waited for.
//! It can go through a relay that speaks the datagrams of SOCKS 5 (RFC 1928 section 7). It refuses to know what is in a
//! datagram.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};

use socket2::{Domain, Socket, Type};
use tokio::net::UdpSocket;

/// One socket, twice: sending needs no waiting, and tokio knows whether a socket may be written only after its
/// first turn.
pub(crate) struct Udp {
    receiving: UdpSocket,
    sending: StdSocket,
    local: SocketAddr,
    through: Option<SocketAddr>,
}

impl Udp {
    /// Within a tokio runtime: a socket with room for bursts of `buffer_bytes`.
    pub(crate) fn bind(local: SocketAddr, buffer_bytes: usize) -> io::Result<Udp> {
        Udp::from_std(bind_std(local, buffer_bytes)?)
    }

    /// The same of a socket opened before.
    pub(crate) fn from_std(sending: StdSocket) -> io::Result<Udp> {
        Ok(Udp {
            receiving: UdpSocket::from_std(sending.try_clone()?)?,
            local: sending.local_addr()?,
            sending,
            through: None,
        })
    }

    /// The same, with every datagram going through a relay.
    pub(crate) fn through(self, relay: Option<SocketAddr>) -> Udp {
        Udp { through: relay, ..self }
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether the datagram went out.
    pub(crate) fn send(&self, datagram: &[u8], to: SocketAddr) -> bool {
        match self.through {
            None => self.sending.send_to(datagram, to).is_ok(),
            Some(relay) => self.sending.send_to(&[&wrapping(to), datagram].concat(), relay).is_ok(),
        }
    }

    /// The next datagram, if one is there.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let (length, from) = self.receiving.try_recv_from(buffer).ok()?;
        if self.through.is_none() {
            return Some((length, from));
        }
        let (head, from) = unwrapped(&buffer[..length]).unwrap_or((length, from));
        buffer.copy_within(head..length, 0);
        Some((length - head, from))
    }

    /// Returns when a datagram may be there.
    pub(crate) async fn arrival(&self) {
        // An error here belongs to an earlier send; `receive` clears it.
        let _ = self.receiving.readable().await;
    }
}

/// What stands before a datagram to or from such an address (RFC 1928 section 7).
fn wrapping(address: SocketAddr) -> Vec<u8> {
    let mut head = vec![0, 0, 0];
    match address.ip() {
        IpAddr::V4(ip) => {
            head.push(1);
            head.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            head.push(4);
            head.extend(ip.octets());
        }
    }
    head.extend(address.port().to_be_bytes());
    head
}

/// The length of what stands before a datagram, and whose it is; `None` when there is no such thing, or when it is a
/// fragment, which nobody has to understand.
fn unwrapped(datagram: &[u8]) -> Option<(usize, SocketAddr)> {
    let (ip, end): (IpAddr, usize) = match datagram.get(..4)? {
        [_, _, 0, 1] => (<[u8; 4]>::try_from(datagram.get(4..8)?).ok()?.into(), 8),
        [_, _, 0, 4] => (<[u8; 16]>::try_from(datagram.get(4..20)?).ok()?.into(), 20),
        _ => return None,
    };
    let port = u16::from_be_bytes(datagram.get(end..end + 2)?.try_into().ok()?);
    Some((end + 2, SocketAddr::new(ip, port)))
}

/// A non-blocking socket with room for bursts.
pub(crate) fn bind_std(local: SocketAddr, buffer_bytes: usize) -> io::Result<StdSocket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, None)?;
    // The system may grant less; what is lost then is repeated.
    let _ = socket.set_recv_buffer_size(buffer_bytes);
    let _ = socket.set_send_buffer_size(buffer_bytes);
    socket.set_nonblocking(true)?;
    socket.bind(&local.into())?;
    Ok(socket.into())
}

/// A free port of the address from which `target` is reached.
pub fn local_towards(target: SocketAddr) -> SocketAddr {
    let any: IpAddr = if target.is_ipv4() { [0, 0, 0, 0].into() } else { [0u16; 8].into() };
    let reach = || {
        let socket = StdSocket::bind(SocketAddr::new(any, 0))?;
        socket.connect(target)?;
        socket.local_addr()
    };
    SocketAddr::new(reach().map_or(any, |local: SocketAddr| local.ip()), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_relay_carries_says_whose_it_is() {
        for text in ["192.0.2.7:5060", "[2001:db8::7]:40000"] {
            let address: SocketAddr = text.parse().expect("an address");
            let carried = [wrapping(address), b"INVITE".to_vec()].concat();
            let (head, from) = unwrapped(&carried).expect("whole");
            assert_eq!((&carried[head..], from), (&b"INVITE"[..], address));
            for end in 0..head {
                assert_eq!(unwrapped(&carried[..end]), None, "cut at {end}");
            }
        }
        assert_eq!(unwrapped(&[0, 0, 1, 1, 127, 0, 0, 1, 0, 80]), None, "a fragment");
    }
}
