//! A browser's side of a leg, as far as tests and measurements need one: it checks the way, begins the handshake and gives
//! the socket and the keys. It waits on its own thread, and refuses to know what is said then.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use dimpl::{Dtls, Output};

use super::dtls::{Identity, keyring};
use super::{Access, Fingerprint, stun};
use crate::srtp::Keyring;

/// How long one side is waited for before something is said again.
const AGAIN: Duration = Duration::from_millis(50);

/// A browser that was told how to reach a port.
pub struct FarEnd {
    socket: UdpSocket,
    identity: Identity,
}

impl FarEnd {
    /// One on a free port of this machine that speaks to `remote` alone.
    ///
    /// # Errors
    /// No socket or no chance is to be had.
    pub fn new(remote: SocketAddr) -> io::Result<FarEnd> {
        let socket = UdpSocket::bind(SocketAddr::new(remote.ip(), 0))?;
        socket.connect(remote)?;
        socket.set_read_timeout(Some(AGAIN))?;
        Ok(FarEnd { socket, identity: Identity::draw()? })
    }

    /// Its certificate, as its description names it.
    pub fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint
    }

    /// Where it is.
    ///
    /// # Errors
    /// The socket has no address.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Checks the way and shakes hands; gives the socket, which speaks to the port alone, and the keys.
    ///
    /// # Errors
    /// It is not answered in time, or by somebody with another certificate.
    pub fn connect(&self, access: &Access, patience: Duration) -> io::Result<(UdpSocket, Keyring)> {
        let until = Instant::now() + patience;
        self.check(access, until)?;
        let keys = self.shake(access, until)?;
        Ok((self.socket.try_clone()?, keys))
    }

    /// Has the way proven, as ICE does with each check.
    ///
    /// # Errors
    /// There is no answer in time.
    pub fn check(&self, access: &Access, until: Instant) -> io::Result<()> {
        let mut transaction = [0; 12];
        transaction.copy_from_slice(&self.identity.fingerprint.0[..12]);
        let (mut out, mut datagram) = ([0; stun::MESSAGE_BYTES_MAX], [0; 1_600]);
        let username = [access.ufrag.as_slice(), b":farend"].concat();
        let len = stun::check(&mut out, &transaction, &username, &access.password);
        while Instant::now() < until {
            self.socket.send(&out[..len])?;
            let Some(len) = heard(&self.socket, &mut datagram)? else { continue };
            if stun::is_answer(&datagram[..len], &transaction, &access.password) {
                return Ok(());
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    fn shake(&self, access: &Access, until: Instant) -> io::Result<Keyring> {
        let mut dtls = self.identity.end(true)?;
        let (mut theirs, mut datagram) = (None, [0; 1_600]);
        dtls.handle_timeout(Instant::now()).map_err(io::Error::other)?;
        while Instant::now() < until {
            if let Some(keys) = self.speak(&mut dtls, &mut theirs)? {
                if theirs != Some(access.fingerprint) {
                    return Err(io::Error::other("another certificate"));
                }
                return Ok(keys);
            }
            match heard(&self.socket, &mut datagram)? {
                Some(len) if (20..=63).contains(&datagram[0]) => {
                    dtls.handle_packet(&datagram[..len]).map_err(io::Error::other)?;
                }
                Some(_) => {}
                None => dtls.handle_timeout(Instant::now()).map_err(io::Error::other)?,
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    fn speak(&self, dtls: &mut Dtls, theirs: &mut Option<Fingerprint>) -> io::Result<Option<Keyring>> {
        let (mut record, mut keys) = ([0; 2_048], None);
        loop {
            match dtls.poll_output(&mut record) {
                Output::Packet(record) => {
                    self.socket.send(record)?;
                }
                Output::PeerCert(certificate) => *theirs = Some(Fingerprint::of(certificate)),
                Output::KeyingMaterial(material, profile) => keys = keyring(&material, profile, true),
                Output::Timeout(_) => return Ok(keys),
                Output::BufferTooSmall { .. } => return Err(io::Error::other("a record longer than any")),
                _ => {}
            }
        }
    }
}

/// The next datagram; `None` if none came for a while.
fn heard(socket: &UdpSocket, datagram: &mut [u8]) -> io::Result<Option<usize>> {
    match socket.recv(datagram) {
        Ok(len) => Ok(Some(len)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(None),
        Err(error) => Err(error),
    }
}
