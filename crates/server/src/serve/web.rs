//! The thread of HTTP and of the control socket, and the certificates that it takes anew. HTTP answers from the first
//! moment of a start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::ServeError;
use crate::config::Config;
use crate::net::Identity;
use crate::running::Running;
use crate::{control, http};

/// The thread of HTTP and of the control socket. HTTP answers from the first moment on; the control socket once there
/// is something to control.
pub(super) struct WebThread {
    pub address: SocketAddr,
    runtime: tokio::runtime::Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl WebThread {
    /// With a certificate it speaks TLS, and the certificate joins `identities`.
    pub fn start(
        config: &Config,
        shown: http::Shown,
        identities: &mut Vec<Identity>,
    ) -> Result<WebThread, ServeError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let read = |(certificate, key): &(PathBuf, PathBuf)| Identity::read(certificate, key);
        let identity = config.http.identity.as_ref().map(read).transpose().map_err(ServeError::Tls)?;
        identities.extend(identity.clone());
        let address = config.http.listen;
        let listener = runtime.block_on(http::bind(address)).map_err(|error| ServeError::Listen {
            what: "HTTP on",
            address,
            error,
        })?;
        let address = listener.local_addr()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("http".into()).spawn(move || {
            let until_stopped = async { _ = stopped.await };
            runtime.block_on(async move {
                if let Err(error) = http::serve(listener, identity, shown, until_stopped).await {
                    tracing::error!(%error, "HTTP ended");
                }
            });
            // Ends the control socket's task too.
            runtime.shutdown_timeout(Duration::from_secs(1));
        })?;
        Ok(WebThread { address, runtime: handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Takes new certificates when their files change, and at SIGHUP.
    pub fn renew(&self, identities: Vec<Identity>) -> io::Result<()> {
        if !identities.is_empty() {
            let _within = self.runtime.enter();
            let hangup = signal(SignalKind::hangup())?;
            self.runtime.spawn(renew(identities, hangup));
        }
        Ok(())
    }

    pub fn answer_control(&self, config: &Config, running: Running) -> Result<(), ServeError> {
        let _within = self.runtime.enter();
        let socket = control::listen(&control::path_in(&config.data_dir))?;
        let handler = move |request| crate::ops::answer(running.clone(), request);
        self.runtime.spawn(control::serve(socket, handler));
        Ok(())
    }
}

impl Drop for WebThread {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the http thread ended by a panic");
        }
    }
}

/// Takes new certificates when their files change, and at once at SIGHUP.
async fn renew(identities: Vec<Identity>, mut hangup: tokio::signal::unix::Signal) {
    loop {
        tokio::select! {
            _ = hangup.recv() => {}
            () = tokio::time::sleep(Duration::from_secs(30)) => {}
        }
        for identity in &identities {
            match identity.renew() {
                Ok(true) => tracing::info!("a new certificate is in use"),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, "a new certificate is no good; the old one stays in use")
                }
            }
        }
    }
}
