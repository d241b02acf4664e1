//! Phones that register with the measured program and refresh once: all from one socket, so many at once, each answered
//! before the next begins. The processor time that counts is the other side's; `cargo xtask bench register` reads it.
//!
//! `register_load --registrar ADDRESS --users FIRST-LAST --of ENTERPRISE,… --password WORD --go FILE` registers, prints
//! `{"registered":N}`, waits for FILE, refreshes each once with its nonce and prints `{"refreshed":N,"asked":N}`, where
//! `asked` counts the refreshes that were challenged again.

use sip::digest::Credentials;
use sip::{Config, Endpoint, Event, Hop, Register, RegistrationId};
use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Requests on their way at once.
const WINDOW: usize = 32;
/// How long the whole may take.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().collect();
    let word = |name: &str| -> Result<&str, String> {
        let at = words.iter().position(|word| word == name).ok_or(format!("{name} is missing"))?;
        words.get(at + 1).map(String::as_str).ok_or(format!("{name} has no value"))
    };
    let (first, last) = word("--users")?.split_once('-').ok_or("--users FIRST-LAST")?;
    let users: Vec<u32> = (first.parse()?..=last.parse()?).collect();
    let mut phones = Phones::new(word("--registrar")?.parse()?)?;
    let password = word("--password")?;
    let of = word("--of")?
        .split(',')
        .flat_map(|enterprise| users.iter().map(move |user| format!("{enterprise}-{user}")));
    let registers: Vec<Register> = of.map(|user| phones.register(&user, password)).collect();
    let known = phones.run(registers.iter().map(|register| (None, register.clone())).collect())?;
    println!("{{\"registered\":{}}}", known.len());
    let go = PathBuf::from(word("--go")?);
    while !go.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let sent = phones.sent;
    let again = known.into_iter().map(|(place, id)| (Some(id), registers[place].clone())).collect();
    let refreshed = phones.run(again)?.len();
    println!("{{\"refreshed\":{refreshed},\"asked\":{}}}", phones.sent - sent - refreshed);
    Ok(())
}

struct Phones {
    endpoint: Endpoint,
    socket: UdpSocket,
    registrar: SocketAddr,
    begun: Instant,
    sent: usize,
}

impl Phones {
    fn new(registrar: SocketAddr) -> std::io::Result<Phones> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(5)))?;
        let endpoint = Endpoint::new(Config::new(socket.local_addr()?, u64::from(std::process::id())));
        Ok(Phones { endpoint, socket, registrar, begun: Instant::now(), sent: 0 })
    }

    fn register(&self, user: &str, password: &str) -> Register {
        Register {
            to: Hop::udp(self.registrar),
            registrar: format!("sip:{}", self.registrar),
            address_of_record: format!("sip:{user}@{}", self.registrar),
            contact_user: user.to_owned(),
            expires_s: 3_600,
            credentials: Some(Credentials::new(user, password)),
        }
    }

    /// Plays these registrations to their ends; gives their places and ids.
    fn run(
        &mut self,
        all: Vec<(Option<RegistrationId>, Register)>,
    ) -> Result<Vec<(usize, RegistrationId)>, Box<dyn Error>> {
        let (mut next, mut waiting, mut done) = (0, std::collections::BTreeMap::new(), Vec::new());
        let until = Instant::now() + PATIENCE;
        while done.len() < all.len() {
            if Instant::now() > until {
                return Err(format!("only {} of {} were answered", done.len(), all.len()).into());
            }
            while next < all.len() && waiting.len() < WINDOW {
                let (known, register) = all[next].clone();
                let now = self.now_ms();
                let id =
                    self.endpoint.register(known, register, now).map_err(|refused| format!("{refused:?}"))?;
                waiting.insert(id, next);
                next += 1;
            }
            self.turn()?;
            while let Some(event) = self.endpoint.poll_event() {
                match event {
                    Event::Registered { registration, .. } => {
                        let place = waiting.remove(&registration).ok_or("answered twice")?;
                        done.push((place, registration));
                    }
                    Event::RegisterFailed { failure, .. } => {
                        return Err(format!("refused: {failure:?}").into());
                    }
                    _ => {}
                }
            }
        }
        Ok(done)
    }

    fn now_ms(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    fn turn(&mut self) -> std::io::Result<()> {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            self.socket.send_to(&transmit.bytes, transmit.to.remote)?;
            self.sent += 1;
        }
        let mut bytes = [0; 4_096];
        // Nothing within 5 ms is no failure: repetitions are due by time.
        if let Ok((length, from)) = self.socket.recv_from(&mut bytes) {
            let now = self.now_ms();
            self.endpoint.receive(&bytes[..length], from, now);
        }
        let now = self.now_ms();
        self.endpoint.handle_timeout(now);
        Ok(())
    }
}
