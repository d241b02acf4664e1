//! The import table of ARCHITECTURE.md, held against the manifests: which crate may know which.
//! Cargo enforces the arrows it is given; this refuses a new arrow that the table does not have.

use crate::json::Json;
use crate::shell::{self, Outcome, failed};
use crate::workspace;
use std::collections::BTreeSet;

/// What a crate may import from outside the workspace.
enum Outside {
    /// These and the small data crates, nothing else: the crate is pure.
    Only(&'static [&'static str]),
    /// Anything but these.
    AllBut(&'static [&'static str]),
}

/// One row of the table.
struct Wall {
    package: &'static str,
    siblings: &'static [&'static str],
    outside: Outside,
    reason: &'static str,
}

/// Plain data, no runtime, no clock, no sockets. A pure crate may use them without asking.
const SMALL_DATA: &[&str] = &["serde", "thiserror", "postcard", "bytes", "smallvec", "arrayvec", "crc32fast"];

/// What no pure crate may reach, not even through a dependency: runtimes, sockets, databases, clocks, chance.
const RUNTIMES: &[&str] =
    &["tokio", "async-std", "smol", "mio", "socket2", "sqlx", "axum", "hyper", "rand", "getrandom"];

const WALLS: &[Wall] = &[
    Wall {
        package: "hotline",
        siblings: &[],
        outside: Outside::Only(&["md-5", "sha2"]),
        reason: "every decision is pure, so that what the simulator proves is what runs",
    },
    Wall {
        package: "sip",
        siblings: &[],
        outside: Outside::Only(&["sipx-sip", "sipx-sdp", "md-5", "sha2"]),
        reason: "signalling is sans-IO and knows nothing of 400 numbers",
    },
    Wall {
        package: "node",
        siblings: &["hotline", "sip"],
        outside: Outside::Only(&[]),
        reason: "a whole node is one machine without clock, files or sockets",
    },
    Wall {
        package: "media",
        siblings: &[],
        outside: Outside::AllBut(&["tokio", "axum", "sqlx"]),
        reason: "the engine owns plain threads and sockets and can be changed behind its commands",
    },
    Wall {
        package: "store",
        siblings: &["hotline"],
        outside: Outside::AllBut(&["axum"]),
        reason: "every line of SQL and nothing of calls, signalling or HTTP",
    },
    Wall {
        package: "farend",
        siblings: &["sip", "media"],
        outside: Outside::AllBut(&["sqlx", "axum"]),
        reason: "a far end knows the wire only, never the product's rules",
    },
    Wall {
        package: "server",
        siblings: &["hotline", "sip", "node", "media", "store", "farend"],
        outside: Outside::AllBut(&["actix-web", "warp", "rocket", "reqwest"]),
        reason: "the process drives everything but the simulator, with one HTTP stack",
    },
    Wall {
        package: "sim",
        siblings: &["hotline", "sip", "node"],
        outside: Outside::AllBut(&["tokio", "socket2", "mio", "sqlx", "axum"]),
        reason: "simulated worlds have no sockets and no database, and are never shipped",
    },
    Wall {
        package: "xtask",
        siblings: &[],
        outside: Outside::AllBut(&["serde", "clap", "anyhow", "xshell"]),
        reason: "the chores are std only, so that they start in a second",
    },
];

/// Holds the manifests, and what pure crates reach, against the table.
pub fn check() -> Outcome {
    let metadata = workspace::metadata()?;
    let packages = metadata.list("packages");
    let members: BTreeSet<&str> = metadata.list("workspace_members").iter().filter_map(text).collect();
    let ours = packages.iter().filter(|package| package.text("id").is_some_and(|id| members.contains(id)));
    let names: BTreeSet<&str> = ours.clone().filter_map(|package| package.text("name")).collect();
    let mut findings = Vec::new();
    for package in ours {
        let Some(wall) = WALLS.iter().find(|wall| package.text("name") == Some(wall.package)) else {
            continue;
        };
        findings.extend(wall.breaches(&direct(package), &names));
        if matches!(wall.outside, Outside::Only(_)) {
            findings.extend(wall.leaks(&reached(&tree(wall.package)?)));
        }
    }
    eprintln!("── walls: {} finding(s)", findings.len());
    if findings.is_empty() { Ok(()) } else { failed(findings.join("\n")) }
}

impl Wall {
    fn breaches(&self, imports: &[&str], members: &BTreeSet<&str>) -> Vec<String> {
        let refused = |import: &&&str| match &self.outside {
            _ if members.contains(**import) => !self.siblings.contains(*import),
            Outside::Only(list) => !list.contains(*import) && !SMALL_DATA.contains(*import),
            Outside::AllBut(list) => list.contains(*import),
        };
        let told = |import: &&str| format!("{} must not import {import}: {}", self.package, self.reason);
        imports.iter().filter(refused).map(told).collect()
    }

    fn leaks(&self, reached: &BTreeSet<String>) -> Vec<String> {
        let leaked = RUNTIMES.iter().filter(|name| reached.contains(**name));
        leaked
            .map(|name| format!("{} reaches {name} through a dependency: {}", self.package, self.reason))
            .collect()
    }
}

/// The normal and build dependencies of a package; what only its tests use is free.
fn direct(package: &Json) -> Vec<&str> {
    let shipped = |dependency: &&Json| dependency.text("kind") != Some("dev");
    package
        .list("dependencies")
        .iter()
        .filter(shipped)
        .filter_map(|dependency| dependency.text("name"))
        .collect()
}

fn text(json: &Json) -> Option<&str> {
    match json {
        Json::Text(text) => Some(text),
        _ => None,
    }
}

/// The dependencies of a package with the features that it asks for itself, a line each, without those of tests. A feature that
/// another crate of the workspace asks of a shared library is that crate's own affair.
fn tree(package: &str) -> Outcome<String> {
    let words =
        ["tree", "--package", package, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    shell::output(shell::cargo(&words))
}

/// The names of all packages in what `cargo tree` says.
fn reached(tree: &str) -> BTreeSet<String> {
    tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(package: &str) -> &'static Wall {
        WALLS.iter().find(|wall| wall.package == package).expect("the table has it")
    }

    #[test]
    fn an_arrow_outside_the_table_is_refused_with_its_reason() {
        let members = BTreeSet::from(["hotline", "sip", "node", "media", "sim"]);
        let breaches = wall("hotline").breaches(&["serde", "tokio", "sip"], &members);
        assert_eq!(breaches.len(), 2);
        assert!(
            breaches[0].contains("hotline must not import tokio: every decision is pure"),
            "{breaches:?}"
        );
        assert!(wall("node").breaches(&["hotline", "sip", "serde"], &members).is_empty());
        assert_eq!(wall("node").breaches(&["media"], &members).len(), 1);
        assert_eq!(wall("server").breaches(&["sim", "axum"], &members).len(), 1);
        assert_eq!(wall("media").breaches(&["libc", "tokio"], &members).len(), 1);
    }

    #[test]
    fn a_runtime_behind_two_arrows_is_found() {
        let reached = reached("node v0.1.0 (crates/node)\nparser v1.0.0\ntokio v1.50.0\nparser v1.0.0 (*)\n");
        let leaks = wall("node").leaks(&reached);
        assert_eq!(leaks.len(), 1);
        assert!(leaks[0].starts_with("node reaches tokio"), "{leaks:?}");
    }

    /// What is asked is what is built: a pure crate's own libraries are found, those of its tests are not.
    #[test]
    fn the_tree_of_a_pure_crate_has_its_libraries_and_not_those_of_its_tests() {
        let reached = reached(&tree("hotline").expect("cargo answers"));
        assert!(reached.contains("sha2") && reached.contains("digest"), "{reached:?}");
        assert!(!reached.contains("serde_json"), "only its tests use it: {reached:?}");
        assert!(wall("hotline").leaks(&reached).is_empty());
    }
}
