//! The programs from outside that tests and measurements start, and the Debian package of each.
//! This table is the only place that names them.

use crate::shell::{self, Failure, Outcome};
use std::path::Path;
use std::process::Stdio;

/// A program and where it comes from.
pub struct Need {
    /// The name looked for on the PATH, or in `folders` when it is never on it.
    pub program: &'static str,
    /// A folder whose children hold it in `bin` (one child per version).
    pub versions_in: Option<&'static str>,
    /// The Debian package that brings it.
    pub package: &'static str,
}

const fn program(program: &'static str, package: &'static str) -> Need {
    Need { program, versions_in: None, package }
}

/// What `cargo xtask test` needs.
pub const FOR_TESTS: &[Need] = &[
    program("sipp", "sip-tester"),
    program("baresip", "baresip-core"),
    program("svmap", "sipvicious"),
    program("espeak-ng", "espeak-ng"),
    program("chromium", "chromium"),
    program("turnserver", "coturn"),
    Need { program: "postgres", versions_in: Some("/usr/lib/postgresql"), package: "postgresql" },
];

/// The references of `cargo xtask bench`; one that is not there is reported as absent.
pub const KAMAILIO: Need = program("kamailio", "kamailio");
/// See [`KAMAILIO`].
pub const RTPENGINE: Need = program("rtpengine", "rtpengine-daemon");

impl Need {
    /// Whether the program is here.
    pub fn is_here(&self) -> bool {
        shell::on_path(self.program) || self.versions_in.is_some_and(|folder| self.is_in_a_version_of(folder))
    }

    fn is_in_a_version_of(&self, folder: &str) -> bool {
        let versions = Path::new(folder).read_dir().into_iter().flatten().flatten();
        versions.map(|version| version.path().join("bin").join(self.program)).any(|program| program.is_file())
    }
}

/// Installs what is missing; where that is not permitted the failure is the exact line to run.
pub fn install(needs: &[Need]) -> Outcome {
    let missing: Vec<&Need> = needs.iter().filter(|need| !need.is_here()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    eprintln!("── needs: {} not found", names(&missing));
    let Some(elevation) = elevation() else {
        return Err(refusal(&missing, &packages, "this user may not install packages"));
    };
    for arguments in apt_calls(&packages) {
        if let Err(failure) = shell::step("install", apt(elevation, &arguments)) {
            return Err(refusal(&missing, &packages, &failure.to_string()));
        }
    }
    let still: Vec<&Need> = missing.into_iter().filter(|need| !need.is_here()).collect();
    if still.is_empty() { Ok(()) } else { Err(refusal(&still, &packages, "installed, and still not found")) }
}

/// How to become root: not at all, or by sudo without a password. `None` when neither works.
fn elevation() -> Option<&'static [&'static str]> {
    if !shell::on_path("apt-get") {
        return None;
    }
    if shell::output(shell::command("id", &["-u"])).is_ok_and(|id| id.trim() == "0") {
        return Some(&[]);
    }
    let mut sudo = shell::command("sudo", &["-n", "true"]);
    let sudo = sudo.stdout(Stdio::null()).stderr(Stdio::null()).status();
    sudo.is_ok_and(|status| status.success()).then_some(&["sudo", "-n"])
}

fn apt_calls<'a>(packages: &[&'a str]) -> [Vec<&'a str>; 2] {
    let install = ["install", "-y", "--no-install-recommends"];
    [vec!["update"], install.into_iter().chain(packages.iter().copied()).collect()]
}

fn apt(elevation: &[&str], arguments: &[&str]) -> std::process::Command {
    let words = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
    let line: Vec<&str> = elevation.iter().copied().chain(words).chain(arguments.iter().copied()).collect();
    shell::command(line[0], &line[1..])
}

fn refusal(missing: &[&Need], packages: &[&str], why: &str) -> Failure {
    let list = packages.join(" ");
    Failure::Missing(format!(
        "{} missing ({why}). Install with\n  sudo apt-get update && sudo apt-get install -y --no-install-recommends {list}",
        names(missing)
    ))
}

fn names(needs: &[&Need]) -> String {
    needs.iter().map(|need| need.program).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_here_needs_no_installation() {
        assert!(program("sh", "dash").is_here());
        assert!(install(&[program("sh", "dash")]).is_ok());
        let nowhere = Need { program: "postgres-of-nowhere", versions_in: Some("/usr/lib"), package: "x" };
        assert!(!nowhere.is_here());
    }

    #[test]
    fn a_refusal_is_the_line_to_run_and_exits_3() {
        let needs: Vec<&Need> = FOR_TESTS.iter().take(2).collect();
        let failure = refusal(&needs, &["sip-tester", "baresip-core"], "no root");
        assert_eq!(failure.exit_code(), 3);
        assert!(
            failure.to_string().ends_with("--no-install-recommends sip-tester baresip-core"),
            "{failure}"
        );
    }

    #[test]
    fn the_index_is_read_before_the_installation() {
        let [first, second] = apt_calls(&["sip-tester"]);
        assert_eq!(first, ["update"]);
        assert_eq!(second, ["install", "-y", "--no-install-recommends", "sip-tester"]);
        assert_eq!(
            shell::line(&apt(&["sudo", "-n"], &first)),
            "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get update"
        );
    }
}
