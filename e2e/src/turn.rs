//! A real TURN server, coturn, that lends its ways by a secret that it shares with the platform (row Q22).

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::eventually;

/// A running coturn. Dropping it ends the process and removes its directory.
pub struct Turn {
    child: Child,
    dir: PathBuf,
    port: u16,
}

static STARTED: AtomicU32 = AtomicU32::new(0);
/// What it shares with the platform.
const SECRET: &str = "a word that two servers know";

impl Turn {
    /// Starts one on a free port of the loopback.
    ///
    /// # Panics
    /// It is not installed or does not start.
    pub fn start() -> Turn {
        let one = STARTED.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("sibai-turn-{}-{one}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("a directory");
        fs::write(dir.join("secret"), SECRET).expect("written");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let mut child = Command::new("turnserver")
            .args(["-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--realm=turn.example"])
            .args(["--use-auth-secret", &format!("--static-auth-secret={SECRET}")])
            .args([&format!("--listening-port={port}"), "--no-tls", "--no-dtls", "--no-cli"])
            // The platform's media are on the loopback, too.
            .args(["--allow-loopback-peers", "--log-file=stdout", "--simple-log", "--verbose"])
            .arg(format!("--pidfile={}", dir.join("pid").display()))
            .arg(format!("--userdb={}", dir.join("users").display()))
            .stdout(fs::File::create(dir.join("log")).expect("a log"))
            .stderr(Stdio::null())
            .spawn()
            .expect("turnserver starts (package coturn)");
        eventually("the TURN server's port", || {
            let ended = child.try_wait().expect("a child");
            assert!(ended.is_none(), "turnserver ended: {ended:?}\n{}", log(&dir));
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Turn { child, dir, port }
    }

    /// What the platform's configuration says of it; pages reach it by TCP.
    pub fn configuration(&self) -> String {
        let secret = self.dir.join("secret");
        format!(
            "[[ice_server]]\nurls = [\"turn:127.0.0.1:{}?transport=tcp\"]\nsecret_file = {secret:?}\n",
            self.port
        )
    }

    /// What it wrote about what it did.
    pub fn log(&self) -> String {
        log(&self.dir)
    }
}

fn log(dir: &std::path::Path) -> String {
    fs::read_to_string(dir.join("log")).unwrap_or_default()
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}
