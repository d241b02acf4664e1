//! A wire between the process and its PostgreSQL that can lose one answer: the server commits, the client never hears.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

/// The wire. It lives as long as the test's process.
pub struct Wire {
    address: SocketAddr,
    armed: Arc<AtomicBool>,
    lost: Arc<AtomicU32>,
}

impl Wire {
    /// A wire to the server behind a Unix socket.
    ///
    /// # Panics
    /// No port is free.
    pub fn to(server: PathBuf) -> Wire {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (armed, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (its_armed, its_lost) = (armed.clone(), lost.clone());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = UnixStream::connect(&server) else { continue };
                carry(client, server, &its_armed, &its_lost);
            }
        });
        Wire { address, armed, lost }
    }

    /// The address of the database at its end.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres?sslmode=disable", self.address)
    }

    /// The next commit of calls reaches the server, its answer does not come back and the connection breaks. What else the process
    /// writes meanwhile goes its way.
    pub fn lose_next_commit_of_calls(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// Commits whose answers were lost.
    pub fn lost(&self) -> u32 {
        self.lost.load(Ordering::SeqCst)
    }
}

fn carry(client: TcpStream, server: UnixStream, armed: &Arc<AtomicBool>, lost: &Arc<AtomicU32>) {
    let losing = Arc::new(AtomicBool::new(false));
    let (mut from_client, mut to_server) =
        (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
    let (its_losing, armed, lost) = (losing.clone(), armed.clone(), lost.clone());
    thread::spawn(move || {
        let mut bytes = [0; 64 << 10];
        let mut has_calls = false;
        while let Ok(count @ 1..) = from_client.read(&mut bytes) {
            let says = |words: &[u8]| bytes[..count].windows(words.len()).any(|word| word == words);
            has_calls |= says(b"insert into call (");
            let is_over = says(b"COMMIT");
            if is_over && std::mem::take(&mut has_calls) && armed.swap(false, Ordering::SeqCst) {
                its_losing.store(true, Ordering::SeqCst);
            }
            if to_server.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to_server.shutdown(std::net::Shutdown::Both);
    });
    thread::spawn(move || {
        let (mut from_server, mut to_client) = (server, client);
        let mut bytes = [0; 64 << 10];
        while let Ok(count @ 1..) = from_server.read(&mut bytes) {
            if losing.load(Ordering::SeqCst) {
                // It is committed: the server says so.
                lost.fetch_add(1, Ordering::SeqCst);
                let _ = from_server.shutdown(std::net::Shutdown::Both);
                break;
            }
            if to_client.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(std::net::Shutdown::Both);
    });
}
