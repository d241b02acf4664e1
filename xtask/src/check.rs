//! Everything that can be said about the tree without running the product.
//! Each finding names its place and its reason; the steps run to the end before the verdict.

use crate::product::files_below;
use crate::shell::{self, Failure, Outcome, failed};
use crate::{walls, web, workspace};
use std::path::Path;
use std::process::Command;

/// Files that are longer than they should be, each with the reason why it reads better whole.
const LONG_FILES: &[(&str, &str)] = &[];

/// Lines a file should stay below.
const LINES_MAX: usize = 800;

/// The folders where `unsafe` has a place: sockets, epoll and memory maps.
const UNSAFE_ALLOWED: &[&str] = &["crates/media/", "crates/server/src/net"];

/// The version of cargo-deny that `--full` installs where there is none.
const CARGO_DENY: &str = "0.20.2";

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Depth {
    /// What needs no compiler: format, walls, leftovers.
    Quick,
    /// What CI asks for.
    Whole,
    /// Licences and bans too.
    Full,
}

/// `cargo xtask check [--quick|--full]`
pub fn run(arguments: &[String]) -> Outcome {
    let depth = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Depth::Whole,
        ["--quick"] => Depth::Quick,
        ["--full"] => Depth::Full,
        _ => return Err(Failure::Usage("`check` takes --quick or --full".into())),
    };
    let mut findings = Vec::new();
    let mut note = |outcome: Outcome| findings.extend(outcome.err().map(|failure| failure.to_string()));
    note(shell::step("format", shell::cargo(&["fmt", "--all", "--check"])));
    note(walls::check());
    note(sources());
    if depth >= Depth::Whole {
        note(shell::step("lints", lints()));
        note(shell::step("documentation", documentation()));
        if workspace::root().join("web/package.json").is_file() {
            note(web_lints());
        }
    }
    if depth == Depth::Full {
        note(licences());
    }
    if findings.is_empty() {
        println!("check: nothing to say");
        return Ok(());
    }
    failed(format!("{} finding(s)\n\n{}", findings.len(), findings.join("\n\n")))
}

fn lints() -> Command {
    shell::cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn documentation() -> Command {
    let mut command = shell::cargo(&["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}

fn web_lints() -> Outcome {
    web::packages()?;
    web::npm("web lints", &["run", "lint"])
}

fn licences() -> Outcome {
    if shell::output(shell::cargo(&["deny", "--version"])).is_err() {
        let install = ["install", "--locked", "cargo-deny", "--version", CARGO_DENY];
        shell::step("install cargo-deny", shell::cargo(&install))?;
    }
    shell::step(
        "licences and bans",
        shell::cargo(&["deny", "--workspace", "check", "licenses", "bans", "sources"]),
    )
}

/// Reads every Rust source once: leftovers and misplaced `unsafe` fail, long files are told.
fn sources() -> Outcome {
    let root = workspace::root();
    let folders = ["crates", "xtask", "e2e", "bench"].map(|name| root.join(name));
    let files = folders.iter().flat_map(|folder| files_below(folder));
    let mut findings = Vec::new();
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let name = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).or_else(|error| failed(format!("{name}: {error}")))?;
        findings.extend(leftovers(&name, &text));
        findings.extend(misplaced_unsafe(&name, &text));
        tell_if_long(&name, text.lines().count());
    }
    eprintln!("── sources: {} finding(s)", findings.len());
    if findings.is_empty() { Ok(()) } else { failed(findings.join("\n")) }
}

/// Marks of unfinished work. They are put together here so that this file does not find itself.
fn leftovers(name: &str, text: &str) -> Vec<String> {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[ig", "nore"),
        concat!("dbg", "!("),
    ];
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for mark in marks.iter().filter(|mark| line.contains(**mark)) {
            found.push(format!("{name}:{}: `{mark}` is left over: finish it or take it out", number + 1));
        }
    }
    found
}

fn misplaced_unsafe(name: &str, text: &str) -> Vec<String> {
    if UNSAFE_ALLOWED.iter().any(|folder| name.starts_with(folder)) {
        return Vec::new();
    }
    let is_unsafe = |line: &str| {
        let code = line.trim_start();
        let kinds = [concat!("unsafe", " {"), concat!("unsafe", " impl"), concat!("unsafe", " fn")];
        !code.starts_with("//") && kinds.iter().any(|kind| code.contains(kind))
    };
    let lines = text.lines().enumerate().filter(|(_, line)| is_unsafe(line));
    let told = |number: usize| {
        format!("{name}:{}: unsafe belongs to the socket and map modules of media and server/net", number + 1)
    };
    lines.map(|(number, _)| told(number)).collect()
}

/// A long file is told, not refused: a topic may read better whole.
fn tell_if_long(name: &str, lines: usize) {
    let excused = LONG_FILES.iter().any(|(listed, _)| Path::new(listed) == Path::new(name));
    if lines > LINES_MAX && !excused {
        println!(
            "check: {name} has {lines} lines (over {LINES_MAX}): split it, or list it in LONG_FILES with its reason"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_found_with_their_line() {
        let text = format!("fn a() {{}}\nfn b() {{ {}) }}\n", concat!("todo", "!("));
        let found = leftovers("crates/x/src/lib.rs", &text);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/x/src/lib.rs:2:"), "{found:?}");
        assert!(leftovers("x.rs", "the todos of a person").is_empty());
    }

    #[test]
    fn unsafe_has_its_folders() {
        let mark = concat!("unsafe", " {");
        let text = format!("let a = {mark} b() }};\n// {mark} in a comment }}\n");
        assert_eq!(misplaced_unsafe("crates/node/src/lib.rs", &text).len(), 1);
        assert!(misplaced_unsafe("crates/media/src/socket.rs", &text).is_empty());
        assert!(misplaced_unsafe("crates/server/src/net/udp.rs", &text).is_empty());
    }
}
