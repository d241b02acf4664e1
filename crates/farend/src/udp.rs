//! A UDP socket as the far ends use it: sends at once or not at all, receives what is there, and can be waited for.
//! It refuses to know what is in a datagram.

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
        })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether the datagram went out.
    pub(crate) fn send(&self, datagram: &[u8], to: SocketAddr) -> bool {
        self.sending.send_to(datagram, to).is_ok()
    }

    /// The next datagram, if one is there.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        self.receiving.try_recv_from(buffer).ok()
    }

    /// Returns when a datagram may be there.
    pub(crate) async fn arrival(&self) {
        // An error here belongs to an earlier send; `receive` clears it.
        let _ = self.receiving.readable().await;
    }
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
pub(crate) fn local_towards(target: SocketAddr) -> SocketAddr {
    let any: IpAddr = if target.is_ipv4() { [0, 0, 0, 0].into() } else { [0u16; 8].into() };
    let reach = || {
        let socket = StdSocket::bind(SocketAddr::new(any, 0))?;
        socket.connect(target)?;
        socket.local_addr()
    };
    SocketAddr::new(reach().map_or(any, |local: SocketAddr| local.ip()), 0)
}
