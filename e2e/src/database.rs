//! A PostgreSQL server of a test's own, on a Unix socket only, that can be stopped and started while it is used.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

const HINT: &str = "this test needs PostgreSQL 14 or later: apt-get install postgresql";

/// The server. Dropping it ends it and removes its files.
pub struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
}

static STARTED: AtomicU32 = AtomicU32::new(0);

impl Postgres {
    /// Makes a server and starts it.
    ///
    /// # Panics
    /// It is not installed, or does not start.
    pub fn start() -> Postgres {
        let one = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("sibai-e2e-postgres-{}-{one}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder for the server");
        if is_root() {
            let owned = Command::new("chown").arg("postgres").arg(&folder).status().expect("chown");
            assert!(owned.success(), "the user postgres comes with the package: {HINT}");
        }
        let server = Postgres { folder, programs: programs() };
        let data = server.data();
        let made = server.run(
            "initdb",
            &["-D", &data, "-U", "postgres", "-A", "trust", "--locale=C", "--encoding=UTF8", "--no-sync"],
        );
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.go_on();
        server
    }

    /// The address of its database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.display())
    }

    /// The same for a user it does not know.
    pub fn url_of_a_stranger(&self) -> String {
        self.url().replace("//postgres@", "//stranger@")
    }

    /// Runs a statement past the process under test.
    ///
    /// # Panics
    /// The server refuses it.
    pub fn run_sql(&self, sql: &str) {
        let folder = self.folder.to_string_lossy();
        let done = self.run("psql", &["-h", &folder, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    /// Ends every connection at once and stops.
    ///
    /// # Panics
    /// It does not stop.
    pub fn stop(&self) {
        let data = self.data();
        let stopped = self.run("pg_ctl", &["-D", &data, "-m", "immediate", "-w", "stop"]);
        assert!(stopped.status.success(), "{}", String::from_utf8_lossy(&stopped.stderr));
    }

    /// Starts it again.
    ///
    /// # Panics
    /// It does not start.
    pub fn go_on(&self) {
        let options = format!("-k '{}' -c listen_addresses= -c fsync=off", self.folder.display());
        let (data, log) = (self.data(), self.folder.join("log"));
        let log = log.to_string_lossy();
        let started = self.run("pg_ctl", &["-D", &data, "-w", "-l", &log, "-o", &options, "start"]);
        assert!(started.status.success(), "{}", std::fs::read_to_string(&*log).unwrap_or_default());
    }

    fn data(&self) -> String {
        self.folder.join("data").to_string_lossy().into_owned()
    }

    /// Runs one of its programs, as another user where we are root: `initdb` refuses root.
    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // A server that inherits a pipe would keep its reader waiting: its output goes to a file.
        let output = self.folder.join("output");
        let file = std::fs::File::create(&output).expect("a file for the output");
        let status = command
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(std::process::Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .status()
            .expect(HINT);
        Output { status, stdout: Vec::new(), stderr: std::fs::read(output).unwrap_or_default() }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.data();
        // It may be stopped already.
        let _ = self.run("pg_ctl", &["-D", &data, "-m", "immediate", "-w", "stop"]);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// The folder with `initdb` of the newest version installed.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir(Path::new("/usr/lib/postgresql")).expect(HINT);
    let folders = versions.map(|version| version.expect(HINT).path().join("bin"));
    folders.filter(|folder| folder.join("initdb").exists()).max().expect(HINT)
}
