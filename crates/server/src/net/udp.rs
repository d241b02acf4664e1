//! One UDP socket with recvmmsg(2), sendmmsg(2) and the kernel's error queue. Refuses to know SIP, calls and trunks.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

use bytes::Bytes;

/// Datagrams taken or given by one system call.
pub const BATCH: usize = 32;
/// The largest datagram UDP carries.
const DATAGRAM_BYTES: usize = 65_535;
/// Room for bursts: 4 MiB are about two thousand INVITEs.
const BUFFER_BYTES: libc::c_int = 4 << 20;

/// A bound socket.
pub struct UdpSip {
    socket: UdpSocket,
    local: SocketAddr,
    received: Box<Received>,
    queue: Vec<(SocketAddr, Bytes)>,
    errors_waiting: bool,
    unsent: u64,
}

/// Where the kernel puts a batch.
struct Received {
    data: Vec<u8>,
    addresses: Vec<libc::sockaddr_storage>,
    lengths: [usize; BATCH],
    count: usize,
}

/// One received datagram.
#[derive(Clone, Copy, Debug)]
pub struct Arrived<'a> {
    /// Who sent it.
    pub from: SocketAddr,
    /// What.
    pub bytes: &'a [u8],
}

impl UdpSip {
    /// Binds an address; port 0 takes a free one.
    ///
    /// # Errors
    /// Those of bind(2) and setsockopt(2).
    pub fn bind(address: SocketAddr) -> io::Result<UdpSip> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let fd = socket.as_raw_fd();
        // The kernel may grant less than asked; what is lost in a burst is sent again by the far end.
        let _ = set_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, BUFFER_BYTES);
        let _ = set_option(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, BUFFER_BYTES);
        match address.ip() {
            IpAddr::V4(_) => set_option(fd, libc::IPPROTO_IP, libc::IP_RECVERR, 1)?,
            IpAddr::V6(_) => set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1)?,
        }
        let received = Received {
            data: vec![0; BATCH * DATAGRAM_BYTES],
            // SAFETY: a sockaddr_storage of zeros is a valid value (an address of no family).
            addresses: vec![unsafe { zeroed() }; BATCH],
            lengths: [0; BATCH],
            count: 0,
        };
        Ok(UdpSip {
            local: socket.local_addr()?,
            socket,
            received: Box::new(received),
            queue: Vec::with_capacity(BATCH),
            errors_waiting: false,
            unsent: 0,
        })
    }

    /// The address bound.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The descriptor, for an epoll set.
    pub fn raw(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Datagrams that could not be sent since the socket was bound: its buffer was full, or the system refused.
    pub fn unsent(&self) -> u64 {
        self.unsent
    }

    /// Lets the kernel drop what comes from any other address, before it costs more than that (FAULTS N3). More than a
    /// filter's program can name (about 1,000) are let in without one.
    ///
    /// # Errors
    /// Those of setsockopt(2); what was let in before is let in still.
    pub fn hear_only(&self, sources: &[IpAddr]) -> io::Result<()> {
        let Some(mut program) = filter(sources) else { return Ok(()) };
        let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
        let size = size_of::<libc::sock_fprog>() as libc::socklen_t;
        let option = libc::SO_ATTACH_FILTER;
        // SAFETY: the kernel copies `size` octets of a live sock_fprog and the `len` instructions it points to, which
        // live until the end of this call.
        let result = unsafe {
            libc::setsockopt(self.raw(), libc::SOL_SOCKET, option, (&raw const program).cast(), size)
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Takes what has arrived, at most one batch; returns how many. They are read by [`UdpSip::arrived`]. Called for a
    /// socket that is readable; where nothing has arrived then, the network's word waits ([`UdpSip::next_unreachable`]).
    pub fn receive(&mut self) -> usize {
        // SAFETY: an array of mmsghdr of zeros is valid: null pointers with length 0.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        let base = self.received.data.as_mut_ptr();
        let mut vectors: [libc::iovec; BATCH] = std::array::from_fn(|at| libc::iovec {
            // SAFETY: `at` is below BATCH, so the part lies inside `data`.
            iov_base: unsafe { base.add(at * DATAGRAM_BYTES) }.cast(),
            iov_len: DATAGRAM_BYTES,
        });
        for (at, header) in headers.iter_mut().enumerate() {
            header.msg_hdr.msg_name = (&raw mut self.received.addresses[at]).cast();
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_hdr.msg_iov = &raw mut vectors[at];
            header.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: each header points to one vector and one address that live and are not moved during the call, and
        // each vector to its own part of `data`.
        let count = unsafe {
            libc::recvmmsg(self.raw(), headers.as_mut_ptr(), BATCH as u32, 0, std::ptr::null_mut())
        };
        if count < 0 {
            // Even where the error itself was taken by a sendmmsg(2) that told of the datagrams before it.
            self.errors_waiting = true;
            self.received.count = 0;
            return 0;
        }
        self.received.count = count as usize;
        for (at, header) in headers.iter().take(count as usize).enumerate() {
            self.received.lengths[at] = header.msg_len as usize;
        }
        count as usize
    }

    /// One datagram of the last batch; `None` if its sender's address is of no family we know.
    pub fn arrived(&self, at: usize) -> Option<Arrived<'_>> {
        debug_assert!(at < self.received.count);
        let from = address_of(&self.received.addresses[at])?;
        let start = at * DATAGRAM_BYTES;
        Some(Arrived { from, bytes: &self.received.data[start..start + self.received.lengths[at]] })
    }

    /// Queues a datagram; a full batch goes out at once.
    pub fn queue(&mut self, to: SocketAddr, bytes: Bytes) {
        self.queue.push((to, bytes));
        if self.queue.len() == BATCH {
            self.flush();
        }
    }

    /// Sends what is queued. What the kernel will not take now is dropped and counted: SIP repeats it.
    pub fn flush(&mut self) {
        let mut sent = 0;
        let mut refused_at = usize::MAX;
        while sent < self.queue.len() {
            match self.send_from(sent) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.unsent += (self.queue.len() - sent) as u64;
                    break;
                }
                // The first refusal is the word on an earlier datagram; the second is this one's own.
                Err(_) if refused_at != sent => {
                    self.errors_waiting = true;
                    refused_at = sent;
                }
                Err(_) => {
                    self.unsent += 1;
                    sent += 1;
                }
            }
        }
        self.queue.clear();
    }

    fn send_from(&mut self, first: usize) -> io::Result<usize> {
        let some = &self.queue[first..self.queue.len().min(first + BATCH)];
        // SAFETY: arrays of zeros of these types are valid: null pointers, length 0, no address family.
        let (mut headers, mut addresses): ([libc::mmsghdr; BATCH], [libc::sockaddr_storage; BATCH]) =
            unsafe { (zeroed(), zeroed()) };
        let mut vectors: [libc::iovec; BATCH] =
            std::array::from_fn(|_| libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 });
        for (at, (to, bytes)) in some.iter().enumerate() {
            vectors[at] = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
            let header = &mut headers[at].msg_hdr;
            header.msg_namelen = write_address(&mut addresses[at], *to);
            header.msg_name = (&raw mut addresses[at]).cast();
            header.msg_iov = &raw mut vectors[at];
            header.msg_iovlen = 1;
        }
        // SAFETY: the first `some.len()` headers point to one vector and one address each that live during the call;
        // the kernel only reads the datagrams.
        let count = unsafe { libc::sendmmsg(self.raw(), headers.as_mut_ptr(), some.len() as u32, 0) };
        if count < 0 { Err(io::Error::last_os_error()) } else { Ok(count as usize) }
    }

    /// The next destination the network said nobody listens at (ICMP), if there is one.
    pub fn next_unreachable(&mut self) -> Option<SocketAddr> {
        while self.errors_waiting {
            match self.read_error() {
                Some(Some(to)) => return Some(to),
                Some(None) => {}
                None => self.errors_waiting = false,
            }
        }
        None
    }

    /// One entry of the error queue; the inner `None` is one without an address or of no interest to SIP.
    fn read_error(&self) -> Option<Option<SocketAddr>> {
        // SAFETY: zeros are valid for an address storage and for a header (null pointers, length 0).
        let (mut address, mut header): (libc::sockaddr_storage, libc::msghdr) =
            unsafe { (zeroed(), zeroed()) };
        let mut datagram = [0u8; 1];
        let mut control = [0u64; 64];
        let mut vector = libc::iovec { iov_base: datagram.as_mut_ptr().cast(), iov_len: datagram.len() };
        header.msg_name = (&raw mut address).cast();
        header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = size_of::<[u64; 64]>() as _;
        // SAFETY: every pointer of the header is to a live local of the length given with it.
        let read =
            unsafe { libc::recvmsg(self.raw(), &raw mut header, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT) };
        if read < 0 {
            return None;
        }
        Some(address_of(&address))
    }
}

/// A program of the classic packet filter that takes datagrams of these sources and drops all others; `None` where it
/// would be too long.
fn filter(sources: &[IpAddr]) -> Option<Vec<libc::sock_filter>> {
    const LENGTH_MAX: usize = libc::BPF_MAXINSNS as usize;
    /// Where the network header begins, as the filter of a socket sees it.
    const NET: u32 = libc::SKF_NET_OFF as u32;
    let step = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = |at: u32| step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, NET.wrapping_add(at), 0, 0);
    let is = |value: u32, jt: u8, jf: u8| step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, jt, jf);
    let end = |octets: u32| step(libc::BPF_RET | libc::BPF_K, octets, 0, 0);
    let (taken, dropped) = (end(u32::MAX), end(0));
    let (mut v4, mut v6) = (vec![load(12)], Vec::new());
    for source in sources {
        match source {
            IpAddr::V4(ip) => v4.extend([is(u32::from(*ip), 0, 1), taken]),
            IpAddr::V6(ip) => {
                let words = ip.octets();
                for (at, word) in words.chunks_exact(4).enumerate() {
                    let value = u32::from_be_bytes([word[0], word[1], word[2], word[3]]);
                    // A word that differs leads behind this address: two steps for each word left, and its end.
                    let differs = (3 - at as u8) * 2 + 1;
                    v6.extend([load(8 + 4 * at as u32), is(value, 0, differs)]);
                }
                v6.push(taken);
            }
        }
    }
    v4.push(dropped);
    v6.push(dropped);
    let mut program = vec![
        step(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, NET, 0, 0),
        step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0xf0, 0, 0),
        is(0x40, 1, 0),
        step(libc::BPF_JMP | libc::BPF_JA, v4.len() as u32, 0, 0),
    ];
    program.extend(v4);
    program.extend(v6);
    (program.len() <= LENGTH_MAX).then_some(program)
}

fn set_option(fd: RawFd, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel reads `size` octets of a live c_int.
    let result = unsafe { libc::setsockopt(fd, level, option, (&raw const value).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn address_of(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the storage, which is larger and aligned for it, holds a sockaddr_in.
            let address = unsafe { *(&raw const *storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::new(ip.into(), u16::from_be(address.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that the storage, which is larger and aligned for it, holds a sockaddr_in6.
            let address = unsafe { *(&raw const *storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
            let port = u16::from_be(address.sin6_port);
            Some(SocketAddrV6::new(ip, port, 0, address.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// Writes an address as the kernel wants it; returns its length.
fn write_address(storage: &mut libc::sockaddr_storage, address: SocketAddr) -> libc::socklen_t {
    match address {
        SocketAddr::V4(v4) => {
            // SAFETY: the storage is larger than a sockaddr_in and aligned for it; all its bit patterns are valid.
            let place = unsafe { &mut *(&raw mut *storage).cast::<libc::sockaddr_in>() };
            place.sin_family = libc::AF_INET as libc::sa_family_t;
            place.sin_port = v4.port().to_be();
            place.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(v6) => {
            // SAFETY: the storage is larger than a sockaddr_in6 and aligned for it; all its bit patterns are valid.
            let place = unsafe { &mut *(&raw mut *storage).cast::<libc::sockaddr_in6>() };
            place.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            place.sin6_port = v6.port().to_be();
            place.sin6_addr.s6_addr = v6.ip().octets();
            place.sin6_scope_id = v6.scope_id();
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound() -> UdpSip {
        UdpSip::bind(([127, 0, 0, 1], 0).into()).expect("a free port of loopback")
    }

    /// Waits until the socket has something to say, two seconds at most.
    fn wait(socket: &UdpSip) {
        let mut poll = libc::pollfd { fd: socket.raw(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one live pollfd is passed with its count.
        assert_eq!(unsafe { libc::poll(&raw mut poll, 1, 2_000) }, 1, "nothing came");
    }

    #[test]
    fn datagrams_arrive_whole_with_their_senders() {
        let (mut one, mut other) = (bound(), bound());
        let long = Bytes::from(vec![b'x'; 9_000]);
        one.queue(other.local(), Bytes::from_static(b"first"));
        one.queue(other.local(), long.clone());
        one.flush();
        let mut got = Vec::new();
        while got.len() < 2 {
            wait(&other);
            for at in 0..other.receive() {
                let arrived = other.arrived(at).expect("an address");
                assert_eq!(arrived.from, one.local());
                got.push(arrived.bytes.to_vec());
            }
        }
        assert_eq!(got, [b"first".to_vec(), long.to_vec()]);
    }

    #[test]
    fn fault_n3_the_kernel_lets_in_only_those_who_are_named() {
        let at =
            |host: &str| UdpSip::bind(format!("{host}:0").parse().expect("an address")).expect("a free port");
        let mut listener = at("127.0.0.1");
        let (mut carrier, mut stranger) = (at("127.0.0.2"), at("127.0.0.3"));
        let here = listener.local();
        let heard = |listener: &mut UdpSip| -> Vec<SocketAddr> {
            wait(listener);
            let count = listener.receive();
            (0..count).filter_map(|at| Some(listener.arrived(at)?.from)).collect()
        };
        let named: [IpAddr; 3] =
            ["2001:db8::7", "192.0.2.1", "127.0.0.2"].map(|ip| ip.parse().expect("an address"));
        listener.hear_only(&named).expect("a filter");
        for sender in [&mut stranger, &mut carrier] {
            sender.queue(here, Bytes::from_static(b"INVITE"));
            sender.flush();
        }
        assert_eq!(heard(&mut listener), [carrier.local()]);
        // Another list takes its place.
        listener.hear_only(&["127.0.0.3".parse().expect("an address")]).expect("a filter");
        for sender in [&mut carrier, &mut stranger] {
            sender.queue(here, Bytes::from_static(b"INVITE"));
            sender.flush();
        }
        assert_eq!(heard(&mut listener), [stranger.local()]);
    }

    #[test]
    fn fault_n3_ipv6_sources_are_told_apart_by_their_last_octet() {
        let mut listener = UdpSip::bind("[::1]:0".parse().expect("an address")).expect("a free port");
        let mut sender = UdpSip::bind("[::1]:0".parse().expect("an address")).expect("a free port");
        let here = listener.local();
        listener.hear_only(&["::2".parse().expect("an address")]).expect("a filter");
        sender.queue(here, Bytes::from_static(b"dropped"));
        sender.flush();
        listener.hear_only(&["::2", "::1"].map(|ip| ip.parse().expect("an address"))).expect("a filter");
        sender.queue(here, Bytes::from_static(b"taken"));
        sender.flush();
        wait(&listener);
        assert_eq!(listener.receive(), 1);
        assert_eq!(listener.arrived(0).map(|arrived| arrived.bytes), Some(&b"taken"[..]));
    }

    #[test]
    fn more_sources_than_a_filter_can_name_need_none() {
        let many: Vec<IpAddr> = (0..5_000u32).map(|n| Ipv4Addr::from(n).into()).collect();
        assert!(filter(&many).is_none());
    }

    #[test]
    fn a_port_nobody_listens_at_is_told() {
        let mut socket = bound();
        let nobody = bound().local();
        socket.queue(nobody, Bytes::from_static(b"hello"));
        socket.flush();
        wait(&socket);
        assert_eq!(socket.receive(), 0);
        assert_eq!(socket.next_unreachable(), Some(nobody));
        assert_eq!(socket.next_unreachable(), None);
    }

    #[test]
    fn a_refusal_of_an_earlier_datagram_does_not_cost_the_next_one() {
        let (mut socket, mut listener) = (bound(), bound());
        let nobody = bound().local();
        socket.queue(nobody, Bytes::from_static(b"lost"));
        socket.flush();
        wait(&socket);
        socket.queue(listener.local(), Bytes::from_static(b"found"));
        socket.flush();
        wait(&listener);
        assert_eq!(listener.receive(), 1);
        assert_eq!(socket.unsent(), 0);
        assert_eq!(socket.next_unreachable(), Some(nobody));
    }
}
