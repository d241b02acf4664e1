//! The product's binary: building it and starting it. What it does once started is its own affair.

use crate::shell::{self, Outcome, failed};
use crate::{web, workspace};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, SystemTime};

/// The product's program.
pub const PROGRAM: &str = "sibai";

/// The build a program is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// What tests, `up` and `dev` share; nothing is compiled twice.
    Dev,
    /// What is shipped and measured.
    Release,
}

impl Build {
    fn folder(self) -> &'static str {
        match self {
            Build::Dev => "debug",
            Build::Release => "release",
        }
    }
}

/// `cargo xtask build`
pub fn build(arguments: &[String]) -> Outcome {
    if let Some(word) = arguments.first() {
        return Err(shell::Failure::Usage(format!("`build` takes no `{word}`")));
    }
    println!("{}", binary(Build::Release)?.display());
    Ok(())
}

/// `cargo xtask up`
pub fn up(arguments: &[String]) -> Outcome {
    let binary = binary(Build::Dev)?;
    let words: Vec<&str> = std::iter::once("demo").chain(arguments.iter().map(String::as_str)).collect();
    let mut demo = shell::command(&binary.to_string_lossy(), &words);
    demo.current_dir(workspace::root());
    shell::step("up", demo)
}

/// Builds the product's program and returns its path.
pub fn binary(build: Build) -> Outcome<PathBuf> {
    web::build()?;
    // The whole workspace is named so that features are those of the tests and their libraries are used again.
    let mut arguments = vec!["build", "--workspace", "--bin", PROGRAM];
    if build == Build::Release {
        arguments.push("--release");
    }
    shell::step("build", shell::cargo(&arguments))?;
    built(build, PROGRAM)
}

/// The path of a program built before, checked to be there.
pub fn built(build: Build, program: &str) -> Outcome<PathBuf> {
    let path = workspace::target_folder()?.join(build.folder()).join(program);
    if path.is_file() { Ok(path) } else { failed(format!("{} was not built", path.display())) }
}

/// `cargo xtask dev`
pub fn dev(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = std::iter::once("demo").chain(arguments.iter().map(String::as_str)).collect();
    loop {
        let seen = newest_source();
        let mut running = match binary(Build::Dev) {
            Ok(binary) => Some(start(&binary, &words)?),
            Err(failure) => {
                eprintln!("── dev: {failure}\n── dev: waiting for a change");
                None
            }
        };
        wait_for_change(seen, running.as_mut());
        if let Some(child) = running {
            stop(child);
        }
        eprintln!("── dev: a source changed");
    }
}

fn start(binary: &Path, words: &[&str]) -> Outcome<Child> {
    let mut command = shell::command(&binary.to_string_lossy(), words);
    eprintln!("── dev: {}", shell::line(&command));
    command.current_dir(workspace::root()).spawn().or_else(|error| failed(format!("dev: {error}")))
}

/// Looks every half second; also tells when the program ended by itself.
fn wait_for_change(seen: Option<SystemTime>, mut running: Option<&mut Child>) {
    while newest_source() <= seen {
        let ended = running.as_mut().and_then(|child| child.try_wait().ok().flatten());
        if let Some(status) = ended {
            eprintln!("── dev: the program ended ({status}); waiting for a change");
            running = None;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Asks a program to end (SIGTERM) and waits for it; after ten seconds it is killed.
pub fn stop(mut child: Child) {
    let asked = shell::command("kill", &["-TERM", &child.id().to_string()]).status();
    let polite = asked.is_ok_and(|status| status.success());
    for _ in 0..if polite { 100 } else { 0 } {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    // It may have ended in between; both answers are fine.
    let _ = child.kill();
    let _ = child.wait();
}

fn newest_source() -> Option<SystemTime> {
    let root = workspace::root();
    let folders = ["crates", "migrations", "assets", "data", "web/src"].map(|name| root.join(name));
    let files = folders.iter().flat_map(|folder| files_below(folder));
    files.filter_map(|file| file.metadata().ok()?.modified().ok()).max()
}

/// All files below a folder, in the order of their paths; hidden names, `target` and `node_modules` left out.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let mut files = Vec::new();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "target" || name == "node_modules" {
            continue;
        }
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}
