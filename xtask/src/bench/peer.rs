//! The two programs that the same load meets: the product's server and Kamailio, each on free ports of its own.
//! It knows how they are started and when they are ready, nothing of what is measured.

use super::process::Running;
use crate::needs::KAMAILIO;
use crate::product::{self, Build};
use crate::shell::{self, Outcome, failed};
use crate::workspace;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A started peer: ended when dropped.
pub struct Peer {
    /// Its process.
    pub running: Running,
    /// Where it listens for SIP.
    pub target: SocketAddr,
}

/// A folder of this run for one purpose, empty.
pub fn scratch(name: &str) -> Outcome<PathBuf> {
    let folder = workspace::target_folder()?.join("bench").join(format!("{name}-{}", std::process::id()));
    let made = fs::remove_dir_all(&folder).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    });
    let made = made.and_then(|()| fs::create_dir_all(&folder));
    made.map(|()| folder.clone()).or_else(|error| failed(format!("{}: {error}", folder.display())))
}

/// A loopback address whose UDP port nobody holds now.
pub fn free_address() -> Outcome<SocketAddr> {
    let bound = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    bound.or_else(|error| failed(format!("no free loopback port: {error}")))
}

/// Starts Kamailio with the reference configuration; `Ok(None)` when it is not installed.
pub fn kamailio(callee: SocketAddr) -> Outcome<Option<Peer>> {
    if !KAMAILIO.is_here() {
        return Ok(None);
    }
    let folder = scratch("kamailio")?;
    let target = free_address()?;
    let running = Running::start(kamailio_command(&folder, target, callee), &folder.join("log"))?;
    let mut peer = Peer { running, target };
    peer.wait_until_ready(Duration::from_secs(15), &folder.join("log"))?;
    Ok(Some(peer))
}

fn kamailio_command(folder: &Path, target: SocketAddr, callee: SocketAddr) -> Command {
    let folder = folder.to_string_lossy().into_owned();
    let config = workspace::root().join("bench/kamailio/kamailio.cfg");
    let program = ["/usr/sbin/kamailio", "/usr/local/sbin/kamailio"];
    let program = program.into_iter().find(|path| Path::new(path).is_file()).unwrap_or("kamailio");
    let mut command = shell::command(program, &["-DD", "-E", "-w", &folder, "-Y", &folder]);
    command.args(["-f", &config.to_string_lossy(), "-l", &format!("udp:{target}")]);
    command.args(["-A", &format!("CALLEE=\"{callee}\""), "-m", "512", "-M", "16", "-x", "fm", "-X", "fm"]);
    command
}

/// The product with a prepared data folder, to be started as often as rounds ask for.
pub struct Product {
    /// The release binary.
    pub binary: PathBuf,
    folder: PathBuf,
    /// Where it will listen for SIP.
    pub target: SocketAddr,
    /// Where the load plays the bound phones.
    pub callee: SocketAddr,
}

/// Why the product cannot be measured yet; a row of the table says it.
pub type Absent = String;

impl Product {
    /// Builds the binary, fills a scratch folder from `bench/sibai` and runs the lines of the set-up file.
    pub fn prepare(setup: &str) -> Outcome<Result<Product, Absent>> {
        let source = workspace::root().join("bench/sibai");
        for wanted in ["serve.toml", setup] {
            if !source.join(wanted).is_file() {
                return Ok(Err(format!("bench/sibai/{wanted} is not there")));
            }
        }
        let binary = product::binary(Build::Release)?;
        let help = shell::output(shell::command(&binary.to_string_lossy(), &["load", "--help"]));
        if !help.is_ok_and(|text| text.contains("--callee-listen")) {
            return Ok(Err("the binary has no `load`".into()));
        }
        let folder = scratch("sibai")?;
        let product = Product { binary, folder, target: free_address()?, callee: free_address()? };
        product.copy_templates(&source)?;
        product.set_up(setup)?;
        Ok(Ok(product))
    }

    fn copy_templates(&self, source: &Path) -> Outcome {
        let http = free_address()?;
        let values = [
            ("{dir}", self.folder.to_string_lossy().into_owned()),
            ("{sip_port}", self.target.port().to_string()),
            ("{http_port}", http.port().to_string()),
            ("{callee}", self.callee.to_string()),
        ];
        for file in product::files_below(source) {
            let text =
                fs::read_to_string(&file).or_else(|error| failed(format!("{}: {error}", file.display())))?;
            let text = values.iter().fold(text, |text, (name, value)| text.replace(name, value));
            let copy = self.folder.join(file.file_name().unwrap_or_default());
            fs::write(&copy, text).or_else(|error| failed(format!("{}: {error}", copy.display())))?;
        }
        Ok(())
    }

    /// Each line of a set-up file is one call of the binary; `#` opens a remark.
    fn set_up(&self, setup: &str) -> Outcome {
        let file = self.folder.join(setup);
        let text =
            fs::read_to_string(&file).or_else(|error| failed(format!("{}: {error}", file.display())))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines {
            shell::step("set up", self.command(&line.split_whitespace().collect::<Vec<_>>()))?;
        }
        Ok(())
    }

    /// The binary with these words, in the scratch folder.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = shell::command(&self.binary.to_string_lossy(), words);
        command.current_dir(&self.folder);
        command
    }

    /// Where a program of this run writes what it says.
    pub fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// Starts the server without waiting for it.
    pub fn spawn(&self) -> Outcome<Peer> {
        let config = self.folder.join("serve.toml");
        let serve = self.command(&["serve", "--config", &config.to_string_lossy()]);
        Ok(Peer { running: Running::start(serve, &self.log("serve"))?, target: self.target })
    }

    /// Starts the server and waits until it answers.
    pub fn serve(&self) -> Outcome<Peer> {
        let mut peer = self.spawn()?;
        peer.wait_until_ready(Duration::from_secs(60), &self.log("serve"))?;
        Ok(peer)
    }

    /// The figure counts only if the product's own check of its data is clean.
    pub fn verify(&self) -> Outcome {
        let data = self.folder.join("data");
        shell::step("verify", self.command(&["verify", "--data", &data.to_string_lossy(), "--json"]))
    }
}

impl Peer {
    /// Sends OPTIONS until a 200 comes back.
    fn wait_until_ready(&mut self, patience: Duration, log: &Path) -> Outcome {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if answers(self.target) {
                return Ok(());
            }
            if !self.running.is_alive() {
                break;
            }
        }
        let text = fs::read_to_string(log).unwrap_or_default();
        let last: Vec<&str> = text.lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        failed(format!("no answer from {} after {:.0?}\n{}", self.target, begun.elapsed(), last.join("\n")))
    }
}

fn answers(target: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        let here = socket.local_addr()?;
        let port = here.port();
        let text = format!(
            "OPTIONS sip:{target} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKready{port};rport\r\n\
             From: <sip:bench@{here}>;tag={port}\r\nTo: <sip:{target}>\r\nCall-ID: ready-{port}\r\nCSeq: 1 OPTIONS\r\n\
             Max-Forwards: 10\r\nContact: <sip:bench@{here}>\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send_to(text.as_bytes(), target)?;
        let mut answer = [0; 2048];
        let (length, _) = socket.recv_from(&mut answer)?;
        Ok(answer[..length].starts_with(b"SIP/2.0 200"))
    };
    // Refused or silent both mean "not yet"; a refusal comes at once, so the next try waits a moment.
    ask().unwrap_or_else(|_| {
        std::thread::sleep(Duration::from_millis(20));
        false
    })
}
