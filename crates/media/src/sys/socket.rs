//! UDP sockets of legs: bound ahead, connected once the source is known, with a guard that counts strangers.
//! It refuses to know RTP.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};

/// Receive buffer of a socket that carries a leg; the kernel doubles it: about 85 packets, 1.7 s.
pub const RECEIVE_BUFFER_BYTES: i32 = 32 << 10;
/// Receive buffer of sockets that nobody should send to; the kernel raises it to its least.
pub const PARKED_BUFFER_BYTES: i32 = 1;

/// A non-blocking socket bound to one address, for nobody else to share. Port 0 takes any free one.
///
/// # Errors
/// Those of bind(2); `AddrInUse` if the port is taken.
pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let mut socket = UdpSocket::bind(address)?;
    if address.port() == 0 {
        // The kernel takes a port of its own choice back on disconnect(); one bound by number stays.
        let chosen = socket.local_addr()?;
        drop(socket);
        socket = UdpSocket::bind(chosen)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Sets the receive buffer.
///
/// # Errors
/// Those of setsockopt(2).
pub fn set_receive_buffer(socket: &UdpSocket, bytes: i32) -> io::Result<()> {
    set_option(socket.as_raw_fd(), libc::SO_RCVBUF, bytes)
}

fn set_option(fd: RawFd, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel reads `size` octets of a live c_int.
    let result = unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, option, (&raw const value).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Forgets the peer of a connected socket; it keeps its port.
///
/// # Errors
/// Those of connect(2).
pub fn disconnect(socket: &UdpSocket) -> io::Result<()> {
    let address = libc::sockaddr { sa_family: libc::AF_UNSPEC as libc::sa_family_t, sa_data: [0; 14] };
    let size = size_of::<libc::sockaddr>() as libc::socklen_t;
    // SAFETY: the kernel reads `size` octets of a live sockaddr.
    let result = unsafe { libc::connect(socket.as_raw_fd(), &raw const address, size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A second socket on the port of a connected one. The kernel gives it what the connected one refuses: the
/// packets of strangers. It is never waited for; its buffer holds a packet or two, the rest is dropped and counted.
pub struct Guard {
    socket: UdpSocket,
}

impl Guard {
    /// Guards a connected socket. The port is shared for the length of this call only.
    ///
    /// # Errors
    /// Those of socket(2), setsockopt(2) and bind(2).
    pub fn new(connected: &UdpSocket) -> io::Result<Guard> {
        let address = connected.local_addr()?;
        let socket = unbound(address.ip())?;
        set_option(socket.as_raw_fd(), libc::SO_REUSEADDR, 1)?;
        set_receive_buffer(&socket, PARKED_BUFFER_BYTES)?;
        set_option(connected.as_raw_fd(), libc::SO_REUSEADDR, 1)?;
        let bound = bind_to(&socket, address);
        set_option(connected.as_raw_fd(), libc::SO_REUSEADDR, 0)?;
        set_option(socket.as_raw_fd(), libc::SO_REUSEADDR, 0)?;
        bound.map(|()| Guard { socket })
    }

    /// Strangers' packets so far: those in the buffer, taken out, and those dropped.
    pub fn count(self) -> u64 {
        let mut octet = [0; 1];
        let mut count = u64::from(self.dropped().unwrap_or(0));
        while self.socket.recv(&mut octet).is_ok() {
            count += 1;
        }
        count
    }

    fn dropped(&self) -> io::Result<u32> {
        let mut numbers = [0u32; 16];
        let mut size = size_of_val(&numbers) as libc::socklen_t;
        // SAFETY: the kernel writes at most `size` octets into an array of that many.
        let result = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_SOCKET,
                SO_MEMINFO,
                numbers.as_mut_ptr().cast(),
                &raw mut size,
            )
        };
        if result == 0 { Ok(numbers[SK_MEMINFO_DROPS]) } else { Err(io::Error::last_os_error()) }
    }
}

// From linux/socket.h and linux/sock_diag.h.
const SO_MEMINFO: libc::c_int = 55;
const SK_MEMINFO_DROPS: usize = 8;

fn unbound(address: IpAddr) -> io::Result<UdpSocket> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: no pointer is passed; the descriptor returned is owned by nobody else.
    let fd = unsafe { libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` is an open datagram socket and was just made for us.
    Ok(unsafe { UdpSocket::from_raw_fd(fd) })
}

fn bind_to(socket: &UdpSocket, address: SocketAddr) -> io::Result<()> {
    let (storage, size) = to_sockaddr(address);
    // SAFETY: the kernel reads `size` octets of a live sockaddr_storage, which is at least as large.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const storage).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn to_sockaddr(address: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    let mut storage = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let size = match address {
        SocketAddr::V4(v4) => {
            let value = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: sockaddr_storage is larger than any address and aligned for each.
            unsafe { storage.as_mut_ptr().cast::<libc::sockaddr_in>().write(value) };
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(v6) => {
            let value = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: as above.
            unsafe { storage.as_mut_ptr().cast::<libc::sockaddr_in6>().write(value) };
            size_of::<libc::sockaddr_in6>()
        }
    };
    // SAFETY: all octets were zeroed or written, and any bit pattern is a sockaddr_storage.
    (unsafe { storage.assume_init() }, size as libc::socklen_t)
}

/// Raises the soft limit of open files towards the hard one, to at least `files` if that is allowed.
pub fn raise_file_limit(files: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one rlimit into a live one.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0 && limit.rlim_cur < files {
        limit.rlim_cur = files.min(limit.rlim_max);
        // SAFETY: the kernel reads one live rlimit.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
}

/// Many datagrams in one system call: for the benchmark's floor, which nothing with one socket a leg can reach.
pub struct Batch {
    buffers: Vec<[u8; BATCH_DATAGRAM_BYTES]>,
    parts: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    filled: usize,
}

const BATCH_DATAGRAM_BYTES: usize = 256;

impl Batch {
    /// Room for `max` datagrams of at most 256 octets.
    pub fn with_max(max: usize) -> Batch {
        let mut buffers = vec![[0; BATCH_DATAGRAM_BYTES]; max];
        let mut parts: Vec<libc::iovec> = buffers
            .iter_mut()
            .map(|buffer| libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: BATCH_DATAGRAM_BYTES })
            .collect();
        let headers = parts
            .iter_mut()
            .map(|part| {
                // SAFETY: an mmsghdr of zeros names no address and no control data.
                let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
                header.msg_hdr.msg_iov = part;
                header.msg_hdr.msg_iovlen = 1;
                header
            })
            .collect();
        Batch { buffers, parts, headers, filled: 0 }
    }

    /// Receives what is there; gives how many.
    pub fn receive(&mut self, socket: &UdpSocket) -> usize {
        for part in &mut self.parts {
            part.iov_len = BATCH_DATAGRAM_BYTES;
        }
        let (room, flags) = (self.headers.len() as u32, libc::MSG_DONTWAIT);
        // SAFETY: each header points to one part and that to one buffer; the three vectors never grow, and their
        // storage does not move with `self`.
        let count = unsafe {
            libc::recvmmsg(socket.as_raw_fd(), self.headers.as_mut_ptr(), room, flags, std::ptr::null_mut())
        };
        self.filled = usize::try_from(count).unwrap_or(0);
        for n in 0..self.filled {
            self.parts[n].iov_len = (self.headers[n].msg_len as usize).min(BATCH_DATAGRAM_BYTES);
        }
        self.filled
    }

    /// Sends what was received to the peer of a connected socket; gives how many were taken.
    pub fn send(&mut self, socket: &UdpSocket) -> usize {
        // SAFETY: as in `receive`; the first `filled` headers name filled buffers.
        let count = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.filled as u32,
                libc::MSG_DONTWAIT,
            )
        };
        usize::try_from(count).unwrap_or(0)
    }

    /// One of the datagrams received last.
    pub fn datagram(&self, at: usize) -> &[u8] {
        &self.buffers[at][..self.parts[at].iov_len]
    }
}

/// Processor time of the calling thread.
pub fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec into a live one.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> UdpSocket {
        bind("127.0.0.1:0".parse().expect("an address")).expect("a free port")
    }

    #[test]
    fn a_guard_takes_strangers_packets_and_counts_those_dropped() {
        let (ours, peer, stranger) = (loopback(), loopback(), loopback());
        let address = ours.local_addr().expect("bound");
        ours.connect(peer.local_addr().expect("bound")).expect("connected");
        let guard = Guard::new(&ours).expect("guarded");
        for _ in 0..100 {
            stranger.send_to(&[0; 172], address).expect("sent");
        }
        peer.send_to(b"hello", address).expect("sent");
        let mut buffer = [0; 200];
        assert_eq!(ours.recv(&mut buffer).expect("the peer's packet"), 5);
        assert!(ours.recv(&mut buffer).is_err(), "no stranger's packet");
        assert_eq!(guard.count(), 100);
    }

    #[test]
    fn a_batch_passes_on_what_it_received() {
        let (from, ours, to) = (loopback(), loopback(), loopback());
        from.connect(ours.local_addr().expect("bound")).expect("connected");
        from.send(b"one").expect("sent");
        from.send(b"three").expect("sent");
        let mut batch = Batch::with_max(4);
        assert_eq!(batch.receive(&ours), 2);
        assert_eq!((batch.datagram(0), batch.datagram(1)), (&b"one"[..], &b"three"[..]));
        ours.connect(to.local_addr().expect("bound")).expect("connected");
        assert_eq!(batch.send(&ours), 2);
        assert_eq!(to.recv(&mut [0; 16]).expect("there"), 3);
    }

    #[test]
    fn a_guarded_port_is_not_for_others() {
        let (ours, peer) = (loopback(), loopback());
        ours.connect(peer.local_addr().expect("bound")).expect("connected");
        let _guard = Guard::new(&ours).expect("guarded");
        let other = unbound(IpAddr::from([127, 0, 0, 1])).expect("a socket");
        set_option(other.as_raw_fd(), libc::SO_REUSEADDR, 1).expect("set");
        assert!(bind_to(&other, ours.local_addr().expect("bound")).is_err());
    }

    #[test]
    fn a_disconnected_socket_keeps_its_port_and_hears_everybody() {
        let (ours, peer, other) = (loopback(), loopback(), loopback());
        let address = ours.local_addr().expect("bound");
        ours.connect(peer.local_addr().expect("bound")).expect("connected");
        disconnect(&ours).expect("disconnected");
        assert_eq!(ours.local_addr().expect("bound"), address);
        other.send_to(b"hi", address).expect("sent");
        assert_eq!(ours.recv(&mut [0; 10]).expect("heard"), 2);
    }

    #[test]
    fn ipv6_addresses_are_written_right() {
        let (storage, size) = to_sockaddr("[2001:db8::1]:4000".parse().expect("an address"));
        // SAFETY: written as a sockaddr_in6 by `to_sockaddr`, in room that is larger and aligned for it.
        let address = unsafe { *(&raw const storage).cast::<libc::sockaddr_in6>() };
        assert_eq!(size as usize, size_of::<libc::sockaddr_in6>());
        assert_eq!(u16::from_be(address.sin6_port), 4000);
        assert_eq!(address.sin6_addr.s6_addr[..4], [0x20, 0x01, 0x0d, 0xb8]);
    }
}
