//! The pages: their packages by npm, then built into `web/built`, from where the server is compiled with them.
//! Nothing is done where nothing changed.

use crate::needs::{self, Need};
use crate::product::files_below;
use crate::shell::{self, Failure, Outcome};
use crate::workspace;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What the pages' tools run on; Debian's own is too old before 13.
const NODE_MAJOR_MIN: u32 = 20;

fn folder() -> PathBuf {
    workspace::root().join("web")
}

/// Builds the pages if one of their sources is newer than what is built.
pub fn build() -> Outcome {
    let folder = folder();
    let newest = newest_of(sources(&folder));
    let built = newest_of(files_below(&folder.join("built")));
    if built.is_some() && built >= newest {
        return Ok(());
    }
    packages()?;
    npm("pages", &["run", "build"])
}

/// Installs the packages that the lock names, if they are not here.
pub fn packages() -> Outcome {
    needs::install(&[Need { program: "node", versions_in: None, package: "nodejs" }])?;
    needs::install(&[Need { program: "npm", versions_in: None, package: "npm" }])?;
    let version = shell::output(shell::command("node", &["--version"]))?;
    if major_of(&version).is_none_or(|major| major < NODE_MAJOR_MIN) {
        let text =
            format!("node {NODE_MAJOR_MIN} or newer is needed for the pages; here is {}", version.trim());
        return Err(Failure::Missing(text));
    }
    let modified = |name: &str| folder().join(name).metadata().ok()?.modified().ok();
    // npm writes its own copy of the lock once all packages are there.
    let installed = modified("node_modules/.package-lock.json");
    if installed.is_some() && installed >= modified("package-lock.json") {
        return Ok(());
    }
    npm("web packages", &["ci", "--no-audit", "--no-fund"])
}

/// Runs npm in the pages' folder.
pub fn npm(title: &str, words: &[&str]) -> Outcome {
    let mut command = shell::command("npm", words);
    command.current_dir(folder());
    shell::step(title, command)
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    files_below(folder).into_iter().filter(|file| !file.starts_with(folder.join("built"))).collect()
}

fn newest_of(files: Vec<PathBuf>) -> Option<SystemTime> {
    files.into_iter().filter_map(|file| file.metadata().ok()?.modified().ok()).max()
}

/// The first number of `v20.19.1`.
fn major_of(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_of_node_is_read() {
        assert_eq!(major_of("v20.19.1\n"), Some(20));
        assert_eq!(major_of("command not found"), None);
    }
}
