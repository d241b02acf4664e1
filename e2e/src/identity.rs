//! A certificate of our own for 127.0.0.1, as files that the platform or a far end serves, and that the other believes.

use std::net::{IpAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A certificate and its key. Dropping it removes the files.
pub struct Identity {
    dir: PathBuf,
}

static MADE: AtomicU32 = AtomicU32::new(0);

impl Identity {
    /// Makes a new one, signed by itself.
    ///
    /// # Panics
    /// It cannot be made or written.
    pub fn make() -> Identity {
        let one = MADE.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("sibai-e2e-identity-{}-{one}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a directory");
        let identity = Identity { dir };
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let write = |file: &Path, text: String| std::fs::write(file, text).expect("written");
        write(&identity.certificate(), made.cert.pem());
        write(&identity.key(), made.signing_key.serialize_pem());
        identity
    }

    /// Takes the certificate and key of another in place of its own, as who renews one writes over the files.
    ///
    /// # Panics
    /// They cannot be copied.
    pub fn become_like(&self, other: &Identity) {
        for (from, to) in [(other.key(), self.key()), (other.certificate(), self.certificate())] {
            std::fs::copy(from, to).expect("copied");
        }
    }

    /// Its certificate, PEM.
    pub fn certificate(&self) -> PathBuf {
        self.dir.join("certificate.pem")
    }

    /// Its key, PEM.
    pub fn key(&self) -> PathBuf {
        self.dir.join("key.pem")
    }

    /// Its lines of `sibai.toml`.
    pub fn lines(&self) -> String {
        format!("certificate = {:?}\nkey = {:?}\n", self.certificate(), self.key())
    }

    /// A stream to whoever serves it, at this address.
    pub(crate) fn client(
        &self,
        server: IpAddr,
        stream: TcpStream,
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(self.certificate()).expect("our own");
        roots.add(certificate).expect("our own");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of ring")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connection = ClientConnection::new(Arc::new(config), ServerName::from(server));
        StreamOwned::new(connection.expect("a client"), stream)
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        // A directory that stays behind in /tmp harms nobody.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
