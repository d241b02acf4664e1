//! TLS for SIP and HTTP (rustls with ring): whom we are to those who connect, read anew when its files change, and whom we believe
//! when we connect. Refuses to know SIP.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A certificate with its key, from two PEM files, that is replaced while it is in use.
#[derive(Clone)]
pub struct Identity {
    acceptor: TlsAcceptor,
    files: Arc<Files>,
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    // A plain lock: it is held to copy or to replace one pointer.
    current: RwLock<(Arc<CertifiedKey>, Stamp)>,
}

/// When the files were written, as far as the system tells.
type Stamp = [Option<SystemTime>; 2];

impl Identity {
    /// Reads the files.
    ///
    /// # Errors
    /// They cannot be read, or key and certificate do not belong together.
    pub fn read(certificate: &Path, key: &Path) -> io::Result<Identity> {
        let stamp = stamp(certificate, key);
        let current = RwLock::new((Arc::new(certified(certificate, key)?), stamp));
        let files = Arc::new(Files { certificate: certificate.to_owned(), key: key.to_owned(), current });
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(files.clone());
        Ok(Identity { acceptor: TlsAcceptor::from(Arc::new(config)), files })
    }

    /// Reads the files again if they were written since. Whether there is a new certificate; connections that are up
    /// keep theirs.
    ///
    /// # Errors
    /// The new files are no good; the old certificate stays in use.
    pub fn renew(&self) -> io::Result<bool> {
        let Files { certificate, key, current } = &*self.files;
        let stamp = stamp(certificate, key);
        if current.read().unwrap_or_else(PoisonError::into_inner).1 == stamp {
            return Ok(false);
        }
        let certified = Arc::new(certified(certificate, key)?);
        *current.write().unwrap_or_else(PoisonError::into_inner) = (certified, stamp);
        Ok(true)
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }
}

/// A listener whose connections have done with TLS before anybody sees them, for HTTP.
pub struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    local: SocketAddr,
}

/// Connections that are busy with TLS, or wait to be taken.
const HANDSHAKES_MAX: usize = 1_024;
/// A caller that needs longer for TLS is hung up on.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

impl TlsListener {
    /// Takes the connections of a bound listener. Needs a tokio runtime.
    ///
    /// # Errors
    /// Those of getsockname(2).
    pub fn new(socket: TcpListener, identity: Identity) -> io::Result<TlsListener> {
        let local = socket.local_addr()?;
        let (tell, ready) = mpsc::channel(HANDSHAKES_MAX);
        tokio::spawn(async move {
            loop {
                // Who does not fit in waits in the system's own queue.
                let Ok(place) = tell.clone().reserve_owned().await else { return };
                let Ok((stream, remote)) = socket.accept().await else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let identity = identity.clone();
                tokio::spawn(async move {
                    match timeout(HANDSHAKE_MAX, identity.accept(stream)).await {
                        Ok(Ok(stream)) => drop(place.send((stream, remote))),
                        Ok(Err(error)) => tracing::debug!(%remote, %error, "no TLS with a caller"),
                        Err(_) => tracing::debug!(%remote, "a caller was too slow with TLS"),
                    }
                });
            }
        });
        Ok(TlsListener { ready, local })
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        match self.ready.recv().await {
            Some(taken) => taken,
            // The runtime ends: nobody will come any more.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).0.clone())
    }
}

fn stamp(certificate: &Path, key: &Path) -> Stamp {
    [certificate, key].map(written_at)
}

fn written_at(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).and_then(|data| data.modified()).ok()
}

fn certified(certificate: &Path, key: &Path) -> io::Result<CertifiedKey> {
    let said =
        |file: &Path, error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", file.display()));
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| said(certificate, &error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| said(key, &error))?;
    CertifiedKey::from_der(chain, private, &ring::default_provider())
        .map_err(|error| said(certificate, &error))
}

/// The names that certificates of far ends must be for, where these are called by a name (RFC 5922). Cheap to clone; all
/// clones are one.
#[derive(Clone, Debug, Default)]
pub struct Names(Arc<RwLock<HashMap<SocketAddr, ServerName<'static>>>>);

impl Names {
    /// These and no others, from the next connection on. What is no name is said, and its address is asked for.
    pub fn replace(&self, names: impl IntoIterator<Item = (SocketAddr, String)>) {
        let read = |(address, name): (SocketAddr, String)| match ServerName::try_from(name) {
            Ok(name) => Some((address, name)),
            Err(error) => {
                tracing::error!(%address, %error, "no name for a certificate");
                None
            }
        };
        let names = names.into_iter().filter_map(read).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = names;
    }

    fn of(&self, remote: SocketAddr) -> ServerName<'static> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&remote).cloned();
        known.unwrap_or_else(|| ServerName::from(remote.ip()))
    }
}

/// Whom we believe to be who they say when we connect: a file of authorities.
#[derive(Clone)]
pub struct Trust {
    connector: TlsConnector,
    names: Names,
}

impl Trust {
    /// The authorities of a PEM file.
    ///
    /// # Errors
    /// The file cannot be read or holds something else.
    pub fn read(authorities: &Path) -> io::Result<Trust> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(authorities).map_err(io::Error::other)? {
            roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
        }
        Trust::of(roots)
    }

    /// Nobody: every connection of ours by TLS fails.
    ///
    /// # Errors
    /// The cryptography of the build lacks what TLS needs.
    pub fn none() -> io::Result<Trust> {
        Trust::of(RootCertStore::empty())
    }

    fn of(roots: RootCertStore) -> io::Result<Trust> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Trust { connector: TlsConnector::from(Arc::new(config)), names: Names::default() })
    }

    /// The same, with the names of those that are called by one.
    pub fn with_names(self, names: Names) -> Trust {
        Trust { names, ..self }
    }

    /// The far end proves the name of a host.
    ///
    /// # Errors
    /// It does not, or the text is no name.
    pub async fn connect_to(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.connector.connect(name, stream).await
    }

    /// The far end proves the name it is called by, or its address where it has none.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        remote: SocketAddr,
    ) -> io::Result<Box<tokio_rustls::client::TlsStream<TcpStream>>> {
        self.connector.connect(self.names.of(remote), stream).await.map(Box::new)
    }
}

/// The authorities of a PEM file, read at their first use and again where the file was written since: a look at a file's
/// date takes the place of reading it for each connection.
pub struct Authorities {
    file: Option<PathBuf>,
    // A plain lock: it is held to copy or to replace a pointer.
    current: RwLock<Option<(Trust, Option<SystemTime>)>>,
}

impl Authorities {
    /// Those of a file; without one nobody is believed.
    pub fn of(file: Option<PathBuf>) -> Authorities {
        Authorities { file, current: RwLock::new(None) }
    }

    /// Whom they make us believe now. A new file that is no good is said once, and the old one stays in use.
    ///
    /// # Errors
    /// The file cannot be read or holds something else, and nothing was read before.
    pub fn trust(&self) -> io::Result<Trust> {
        let stamp = self.file.as_deref().and_then(written_at);
        let known = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let read = || match &self.file {
            Some(file) => {
                Trust::read(file).map_err(|error| io::Error::other(format!("{}: {error}", file.display())))
            }
            None => Trust::none(),
        };
        let trust = match known {
            Some((trust, of)) if of == stamp => return Ok(trust),
            Some((old, _)) => read().unwrap_or_else(|error| {
                tracing::error!(%error, "new authorities are no good; the old ones stay in use");
                old
            }),
            None => read()?,
        };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some((trust.clone(), stamp));
        Ok(trust)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i12_authorities_are_read_once_and_again_when_their_file_changes() {
        let file = std::env::temp_dir().join(format!("sibai-authorities-{}", std::process::id()));
        let certificate = || {
            let signed = rcgen::generate_simple_self_signed(["crm.example.cn".to_owned()]).expect("signed");
            signed.cert.pem()
        };
        let write = |text: &str, at_s: u64| {
            std::fs::write(&file, text).expect("written");
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(at_s);
            let opened = std::fs::File::options().write(true).open(&file).expect("there");
            opened.set_modified(at).expect("dated");
        };
        let authorities = Authorities::of(Some(file.clone()));
        let config = || authorities.trust().map(|trust| trust.connector.config().clone());
        assert!(config().is_err_and(|error| error.to_string().contains("sibai-authorities")), "no file yet");
        write(&certificate(), 1_000);
        let first = config().expect("read");
        assert!(Arc::ptr_eq(&first, &config().expect("known")), "it is not read again");
        write(&certificate(), 2_000);
        let second = config().expect("read");
        assert!(!Arc::ptr_eq(&first, &second), "it is another");
        write("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n", 3_000);
        assert!(Arc::ptr_eq(&second, &config().expect("the old one")));
        std::fs::remove_file(&file).expect("removed");
        assert!(Arc::ptr_eq(&second, &config().expect("the old one")));
    }
}
