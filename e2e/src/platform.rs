//! The process under test: its configuration, its lines, its end.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use farend::call::{CallConfig, HangUp, Outcome};
use hotline::enterprise::Enterprise;
use hotline::{RecordingId, TenantId, Wall};
use media::wav::Wav;
use serde_json::{Value, json};
use store::{CallFilter, Change, Put, Store, StoredCall};

use crate::{Identity, LOOK, PATIENCE, block_on, eventually};

/// What a platform is started with.
pub struct Setup {
    /// Names its directory.
    pub name: &'static str,
    /// The address it listens at.
    pub address: IpAddr,
    /// Where its carrier listens.
    pub carrier: SocketAddr,
    /// Enterprises in its database.
    pub enterprises: Vec<Enterprise>,
    /// Money they paid ahead, in 1/10,000 yuan.
    pub paid: Vec<(TenantId, i64)>,
    /// Instead of SQLite in its directory.
    pub database_url: Option<String>,
    /// How long live calls are waited for at the end, in seconds.
    pub drain_s_max: u64,
    /// Lines of `[sip]` behind the usual one.
    pub sip: String,
    /// What HTTP is under TLS with, and the address it advertises.
    pub https: Option<(Identity, SocketAddr)>,
    /// Lines of `sibai.toml` behind the usual ones.
    pub more: String,
}

impl Setup {
    /// A platform with these enterprises and a carrier.
    pub fn new(name: &'static str, carrier: SocketAddr, enterprises: Vec<Enterprise>) -> Setup {
        let (paid, sip, more) = (Vec::new(), String::new(), String::new());
        let (database_url, https) = (None, None);
        let (address, drain_s_max) = (Ipv4Addr::LOCALHOST.into(), 7_200);
        Setup { name, address, carrier, enterprises, paid, database_url, drain_s_max, sip, https, more }
    }
}

/// What stands in its `sibai.toml` beside its addresses.
struct Written {
    database_url: String,
    carrier: SocketAddr,
    drain_s_max: u64,
    sip: String,
    https: Option<(Identity, SocketAddr)>,
    more: String,
}

/// A running `sibai serve`. Dropping it kills the process and removes its directory.
pub struct Platform {
    dir: PathBuf,
    written: Written,
    child: Child,
    lines: Receiver<Value>,
    /// Where it takes SIP.
    pub sip: SocketAddr,
    /// Where it shows figures.
    pub http: SocketAddr,
}

static STARTED: AtomicU32 = AtomicU32::new(0);

impl Platform {
    /// Fills a fresh database, starts the process and returns when it takes calls.
    ///
    /// # Panics
    /// Any of it fails.
    pub fn start(setup: Setup) -> Platform {
        let one = STARTED.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("sibai-e2e-{}-{}-{one}", setup.name, std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("a directory");
        let url = setup
            .database_url
            .clone()
            .unwrap_or_else(|| format!("sqlite:{}", dir.join("sibai.db").display()));
        block_on(fill(&url, &setup));
        let any = SocketAddr::new(setup.address, 0);
        let Setup { carrier, drain_s_max, sip, https, more, .. } = setup;
        let written = Written { database_url: url, carrier, drain_s_max, sip, https, more };
        let (child, lines) = spawn(&dir, &config(&dir, &written, (any, any)));
        let mut platform = Platform { dir, written, child, lines, sip: any, http: any };
        platform.await_ready();
        platform
    }

    /// Waits until it takes calls.
    ///
    /// # Panics
    /// It does not.
    pub fn await_ready(&mut self) {
        let line = self.await_line("calls are taken");
        let address =
            |name: &str| line[name].as_str().and_then(|text| text.parse().ok()).expect("an address");
        (self.sip, self.http) = (address("sip"), address("http"));
        eventually("readiness", || (self.get("/readyz").0 == 200).then_some(()));
    }

    /// Waits for a line of its log by its message.
    ///
    /// # Panics
    /// It does not come.
    pub fn await_line(&self, message: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("it never said {message:?}"));
            if line["message"].as_str().is_some_and(|said| said.contains(message)) {
                return line;
            }
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    ///
    /// # Panics
    /// It was gone already.
    pub fn kill(&mut self) {
        assert!(self.child.try_wait().expect("a child").is_none(), "it had ended by itself");
        self.child.kill().expect("killed");
        self.child.wait().expect("waited for");
    }

    /// SIGTERM; the process goes on until it has ended.
    ///
    /// # Panics
    /// It cannot be signalled.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// SIGHUP: new certificates are to be taken now.
    ///
    /// # Panics
    /// It cannot be signalled.
    pub fn renew_certificates(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().expect("kill(1)");
        assert!(sent.success(), "no such process");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// It does not end.
    pub fn await_end(&mut self) -> ExitStatus {
        eventually("its end", || self.child.try_wait().expect("a child"))
    }

    /// Starts it again on the same addresses and data.
    pub fn restart(&mut self) {
        self.begin();
        self.await_ready();
    }

    /// Starts it again without waiting until it takes calls.
    pub fn begin(&mut self) {
        let text = config(&self.dir, &self.written, (self.sip, self.http));
        (self.child, self.lines) = spawn(&self.dir, &text);
    }

    /// Starts it again with another database.
    pub fn begin_with(&mut self, database_url: &str) {
        self.written.database_url = database_url.to_owned();
        self.begin();
    }

    /// Its data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Status and body of a page.
    pub fn get(&self, page: &str) -> (u16, String) {
        let connect = || -> std::io::Result<String> {
            let stream = TcpStream::connect(self.http)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            match &self.written.https {
                Some((identity, _)) => ask(identity.client(self.http.ip(), stream), page),
                None => ask(stream, page),
            }
        };
        let answer = connect().unwrap_or_default();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned()))
    }

    /// A figure of `/metrics`; 0 if it is not there.
    pub fn figure(&self, name: &str) -> u64 {
        let (_, text) = self.get("/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// A call to be placed.
    pub fn call(&self, number: impl ToString, from: &str) -> CallConfig {
        CallConfig::new(self.sip, number.to_string(), from)
    }

    /// Places a call and returns when it is over.
    ///
    /// # Panics
    /// It cannot be placed at all.
    pub fn place(&self, call: CallConfig) -> Outcome {
        block_on(farend::call::place(call, HangUp::default(), |_| {})).expect("a call")
    }

    /// Places calls at once, to their ends; the final status of each.
    ///
    /// # Panics
    /// One is none.
    pub fn place_all<const N: usize>(&self, calls: [CallConfig; N]) -> [u16; N] {
        let place =
            |call| std::thread::spawn(|| block_on(farend::call::place(call, HangUp::default(), |_| {})));
        let placed = calls.map(place);
        placed.map(|call| call.join().expect("a thread").expect("a call").status)
    }

    /// Every call in the database, oldest first, once there are `count`.
    ///
    /// # Panics
    /// They do not come, or there are more.
    pub fn await_calls(&self, count: usize) -> Vec<StoredCall> {
        self.with_store(async |store| {
            let until = Instant::now() + PATIENCE;
            let mut looks = tokio::time::interval(LOOK);
            let found = loop {
                looks.tick().await;
                let found = store.calls(&CallFilter::default(), 1_000).await.expect("calls");
                if found.len() >= count {
                    break found;
                }
                assert!(Instant::now() < until, "{} of {count} calls are in the database", found.len());
            };
            assert_eq!(found.len(), count, "calls in the database");
            let mut calls = Vec::new();
            for row in found.iter().rev() {
                calls.push(store.call(row.call).await.expect("a call").expect("the one just listed"));
            }
            calls
        })
    }

    /// Asks its database, opened a second time.
    ///
    /// # Panics
    /// It cannot be opened.
    pub fn with_store<T>(&self, ask: impl AsyncFnOnce(&Store) -> T) -> T {
        block_on(async {
            let store = Store::open(&self.written.database_url).await.expect("the database");
            let answer = ask(&store).await;
            store.close().await;
            answer
        })
    }

    /// A recording's sound, once it is a file and has its row.
    ///
    /// # Panics
    /// It does not become one.
    pub fn recording(&self, recording: RecordingId) -> Wav {
        let row = eventually("the recording's row", || {
            self.with_store(async |store| store.recording(recording).await.expect("read"))
        });
        let file = fs::read(self.data_dir().join("recordings").join(&row.path)).expect("a file");
        Wav::parse(&file, 16 << 20).expect("a WAV file")
    }

    /// What `sibai verify` says of all that is kept, files and journal included, while the process goes on.
    ///
    /// # Panics
    /// It cannot be asked.
    pub fn verify(&self) -> Value {
        let config = self.dir.join("sibai.toml");
        let asked = Command::new(binary()).args(["verify", "--json", "--config"]).arg(config).output();
        let output = asked.expect("sibai starts");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    /// Runs a command against it as a person does; its exit code and what it printed as JSON.
    ///
    /// # Panics
    /// It prints no JSON.
    pub fn run(&self, words: &[&str]) -> (Option<i32>, Value) {
        let config = self.dir.join("sibai.toml");
        let asked = Command::new(binary()).args(words).args(["--json", "--config"]).arg(config).output();
        let output = asked.expect("sibai starts");
        let printed = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        (output.status.code(), printed)
    }

    /// Moves its clock on; what fell due is done when this returns. Needs `[testing] clock_may_advance = true`.
    ///
    /// # Panics
    /// It refuses, or cannot be asked.
    pub fn advance(&self, by: Duration) {
        let mut socket = UnixStream::connect(self.dir.join("data/sibai.sock")).expect("a control socket");
        let asked = json!({"op": "advance_clock", "by_ms": by.as_millis() as u64});
        writeln!(socket, "{asked}").expect("asked");
        let mut answer = String::new();
        BufReader::new(socket).read_line(&mut answer).expect("an answer");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert!(answer.get("ok").is_some(), "{answer}");
    }

    /// What `verify` finds wrong with the database.
    ///
    /// # Panics
    /// It cannot be read.
    pub fn findings(&self) -> Vec<store::Finding> {
        self.with_store(async |store| store.verify().await.expect("verified"))
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            eprintln!("{log}\n{}", self.get("/metrics").1);
        }
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn ask(mut stream: impl Read + Write, page: &str) -> std::io::Result<String> {
    write!(stream, "GET {page} HTTP/1.1\r\nHost: sibai\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn fill(url: &str, setup: &Setup) {
    let store = Store::open(url).await.expect("a database");
    store.migrate().await.expect("tables");
    let change = Change { by: "test".into(), at: Wall(1_790_000_000_000) };
    for enterprise in &setup.enterprises {
        let put = store.put_enterprise(enterprise, 0, &change).await.expect("stored");
        assert!(matches!(put, Put::Stored { version: 1, .. }), "{put:?}");
    }
    for (tenant, amount) in &setup.paid {
        store.top_up(tenant, hotline::Money(*amount), "first", &change).await.expect("paid");
    }
    store.close().await;
}

fn config(dir: &Path, written: &Written, (sip, http): (SocketAddr, SocketAddr)) -> String {
    let data = dir.join("data");
    let Written { database_url, carrier, drain_s_max, sip: in_sip, https, more } = written;
    let https = https.as_ref().map_or(String::new(), |(identity, advertised)| {
        format!("{}advertised = \"{advertised}\"\n", identity.lines())
    });
    format!(
        "data_dir = {data:?}\ndrain_s_max = {drain_s_max}\n[database]\nurl = {database_url:?}\n\
         [sip]\nlisten = \"{sip}\"\n{in_sip}[media]\npool_per_shard = 32\n[http]\nlisten = \"{http}\"\n{https}\
         [log]\nformat = \"json\"\n[[trunk]]\nname = \"carrier\"\naddress = \"{carrier}\"\n\
         area_code = \"010\"\ncost_plan = \"C1\"\n{more}"
    )
}

fn spawn(dir: &Path, config: &str) -> (Child, Receiver<Value>) {
    let file = dir.join("sibai.toml");
    fs::write(&file, config).expect("written");
    let mut child = Command::new(binary())
        .args(["serve", "--config"])
        .arg(&file)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sibai starts");
    let stderr = child.stderr.take().expect("piped");
    let (tell, lines) = channel();
    let mut log = fs::File::options().create(true).append(true).open(dir.join("log")).expect("a log");
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let _ = writeln!(log, "{line}");
            let value =
                serde_json::from_str(&line).unwrap_or_else(|_| serde_json::json!({ "message": line }));
            // A test that does not listen any more has what it wanted.
            let _ = tell.send(value);
        }
    });
    (child, lines)
}

/// The program: `SIBAI_BIN`, or the one beside this test.
pub(crate) fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("SIBAI_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a path");
    let beside = test.parent().and_then(Path::parent).expect("target/PROFILE/deps").join("sibai");
    assert!(beside.exists(), "{} is not built: cargo build -p server --bin sibai", beside.display());
    beside
}
