//! Where things are: the root, the target folder, the packages and their programs, asked from cargo.
//! It keeps no list of crates of its own.

use crate::json::Json;
use crate::shell::{self, Failure, Outcome};
use std::path::{Path, PathBuf};

/// The folder of the root Cargo.toml.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in a folder of the root")
}

/// What `cargo metadata` says of the workspace's own packages.
pub fn metadata() -> Outcome<Json> {
    let arguments = ["metadata", "--format-version", "1", "--all-features", "--no-deps"];
    let text = shell::output(shell::cargo(&arguments))?;
    Json::parse(&text).map_err(|error| Failure::Failed(format!("cargo metadata: {error}")))
}

/// The folder that cargo builds into, which CARGO_TARGET_DIR or a setting may have moved.
pub fn target_folder() -> Outcome<PathBuf> {
    let folder = metadata()?.text("target_directory").map(PathBuf::from);
    folder.ok_or_else(|| Failure::Failed("cargo metadata names no target folder".into()))
}

/// Whether a package has a target of this kind (`bin`, `example`) and name.
pub fn has_target(package: &str, kind: &str, name: &str) -> Outcome<bool> {
    let metadata = metadata()?;
    let packages = metadata.list("packages").iter().filter(|found| found.text("name") == Some(package));
    let mut targets = packages.flat_map(|found| found.list("targets"));
    Ok(targets.any(|target| {
        let of_kind = target.list("kind").iter().any(|found| *found == Json::Text(kind.into()));
        of_kind && target.text("name") == Some(name)
    }))
}
