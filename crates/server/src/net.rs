//! The sockets of SIP: batched receiving and sending over UDP with the network's own word on datagrams that reached
//! nobody, and streams over TCP, TLS and WebSocket. It refuses to know what a datagram says.

mod streams;
mod tls;
mod udp;
pub mod websocket;

pub use streams::{Bound, Door, Figures as StreamFigures, Limits, Streams, Unheard};
pub use tls::{Authorities, Identity, Names, TlsListener, Trust};
pub use udp::{Arrived, BATCH, UdpSip};

use std::net::{IpAddr, SocketAddr, UdpSocket};

/// The local address from which the rest of the world is reached, for a socket bound to all addresses. No datagram is
/// sent; loopback where there is no route.
pub fn outward_address(listen: IpAddr) -> IpAddr {
    let (any, far): (SocketAddr, SocketAddr) = match listen {
        IpAddr::V4(_) => (([0, 0, 0, 0], 0).into(), ([192, 0, 2, 1], 9).into()),
        IpAddr::V6(_) => (([0u16; 8], 0).into(), ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 9).into()),
    };
    let reach = || -> std::io::Result<IpAddr> {
        let socket = UdpSocket::bind(any)?;
        socket.connect(far)?;
        Ok(socket.local_addr()?.ip())
    };
    reach().unwrap_or(match listen {
        IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(_) => IpAddr::from([0u16, 0, 0, 0, 0, 0, 0, 1]),
    })
}

/// Gives a file its whole size on the disk (posix_fallocate(3)), so that no later write finds the disk full.
///
/// # Errors
/// Those of posix_fallocate(3): `StorageFull` above all.
pub fn preallocate(fd: std::os::fd::RawFd, bytes: u64) -> std::io::Result<()> {
    // SAFETY: no pointer is passed; the descriptor is a plain number.
    match unsafe { libc::posix_fallocate(fd, 0, bytes as libc::off_t) } {
        0 => Ok(()),
        error => Err(std::io::Error::from_raw_os_error(error)),
    }
}
