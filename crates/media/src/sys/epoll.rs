//! epoll and eventfd: waiting for many sockets and being woken by another thread.
//! It refuses to know what the sockets carry.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// A set of descriptors waited for, level-triggered.
pub struct Epoll {
    fd: OwnedFd,
}

/// Room for what one wait returns.
pub struct Ready {
    events: Vec<libc::epoll_event>,
    count: usize,
}

impl Ready {
    /// Room for at most `max` descriptors.
    pub fn with_max(max: usize) -> Ready {
        Ready { events: vec![libc::epoll_event { events: 0, u64: 0 }; max], count: 0 }
    }

    /// How many the last wait returned.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether the last wait returned none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The token of one of them.
    pub fn token(&self, at: usize) -> u64 {
        self.events[at].u64
    }
}

impl Epoll {
    /// An empty set.
    ///
    /// # Errors
    /// Those of epoll_create1(2).
    pub fn new() -> io::Result<Epoll> {
        // SAFETY: no pointer is passed; the descriptor returned is owned by nobody else.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is open and was just made for us.
        Ok(Epoll { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// Waits also for `fd` to become readable; `token` comes back with it.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn add(&self, fd: RawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token };
        self.control(libc::EPOLL_CTL_ADD, fd, &mut event)
    }

    /// Waits no longer for `fd`.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn remove(&self, fd: RawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, &mut libc::epoll_event { events: 0, u64: 0 })
    }

    fn control(&self, operation: libc::c_int, fd: RawFd, event: &mut libc::epoll_event) -> io::Result<()> {
        // SAFETY: `event` is a live value for the length of the call; descriptors are plain numbers.
        match unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd, event) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Waits at most `timeout_ms` (-1 for ever); an interruption counts as none ready.
    ///
    /// # Errors
    /// Those of epoll_wait(2) but EINTR.
    pub fn wait(&self, ready: &mut Ready, timeout_ms: i32) -> io::Result<()> {
        let room = ready.events.len() as i32;
        // SAFETY: the kernel writes at most `room` events into a buffer of that many.
        let count =
            unsafe { libc::epoll_wait(self.fd.as_raw_fd(), ready.events.as_mut_ptr(), room, timeout_ms) };
        ready.count = usize::try_from(count).unwrap_or(0);
        if count < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(())
    }
}

/// A descriptor that becomes readable when another thread says so.
pub struct Waker {
    fd: OwnedFd,
}

impl Waker {
    /// A waker nobody has used.
    ///
    /// # Errors
    /// Those of eventfd(2).
    pub fn new() -> io::Result<Waker> {
        // SAFETY: no pointer is passed; the descriptor returned is owned by nobody else.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is open and was just made for us.
        Ok(Waker { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// Makes it readable.
    pub fn wake(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight octets are read from an array of eight. A full counter is readable already.
        unsafe { libc::write(self.fd.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes it no longer readable.
    pub fn clear(&self) {
        let mut count = [0u8; 8];
        // SAFETY: at most eight octets are written into an array of eight.
        unsafe { libc::read(self.fd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }

    /// The descriptor, for an [`Epoll`].
    pub fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
