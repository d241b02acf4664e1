//! A PostgreSQL server of this test run's own: made on first use, on a Unix socket only, ended when the run ends.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

/// Started once; the process's end closes the shell's input, on which the shell stops the server and removes its files,
/// however the process ends.
static SERVER: LazyLock<Server> = LazyLock::new(start);

struct Server {
    folder: PathBuf,
    _shell: Child,
}

/// The address of a database of the server.
pub fn address(database: &str) -> String {
    format!("postgres://postgres@localhost/{database}?host={}", SERVER.folder.display())
}

const SCRIPT: &str = r#"
set -e
cd "$1"
"$2/initdb" -D data -U postgres -A trust --locale=C --encoding=UTF8 --no-sync >log 2>&1 </dev/null
"$2/pg_ctl" -D data -w -l log -o "-k '$1' -c listen_addresses= -c fsync=off" start >/dev/null </dev/null
echo ready
cat >/dev/null
"$2/pg_ctl" -D data -m fast -w stop >/dev/null 2>&1
rm -rf "$1"
"#;

fn start() -> Server {
    let folder = std::env::temp_dir().join(format!("sibai-store-postgres-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the server");
    let mut shell = command(&folder);
    shell.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut shell = shell.spawn().expect("a shell");
    let mut line = String::new();
    BufReader::new(shell.stdout.take().expect("piped")).read_line(&mut line).expect("the shell answers");
    let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    assert_eq!(line.trim(), "ready", "PostgreSQL did not start:\n{}", log());
    Server { folder, _shell: shell }
}

/// The shell, as another user where we are root: `initdb` refuses root.
fn command(folder: &Path) -> Command {
    let programs = programs();
    let root =
        std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let mut command = if root {
        let owned = Command::new("chown").arg("postgres").arg(folder).status().expect("chown");
        assert!(owned.success(), "the user postgres comes with the package: {HINT}");
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
        command
    } else {
        Command::new("sh")
    };
    command.args(["-c", SCRIPT, "sh"]).arg(folder).arg(programs);
    command
}

const HINT: &str = "these tests need PostgreSQL 14 or later: apt-get install postgresql";

/// The folder with `initdb` of the newest version installed.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect(HINT);
    let folders = versions.map(|version| version.expect(HINT).path().join("bin"));
    folders.filter(|folder| folder.join("initdb").exists()).max().expect(HINT)
}
