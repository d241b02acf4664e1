//! Everything that must pass, in the order of its cost: needs, one build, seeds, documentation examples, tests.
//! The test runner comes last, so that its summary is what stays on the screen.

use crate::needs;
use crate::product::{self, Build};
use crate::shell::{self, Outcome};
use crate::sim;
use crate::web;
use std::path::Path;
use std::process::Command;

/// `cargo xtask test [ARGUMENTS OF THE RUNNER]`
pub fn run(arguments: &[String]) -> Outcome {
    needs::install(needs::FOR_TESTS)?;
    web::build()?;
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // One profile and one choice of packages for all steps: libraries, programs and tests are compiled once.
    let build = ["build", "--workspace", "--lib", "--bins", "--tests", "--examples"];
    shell::step("build", shell::cargo(&build))?;
    let binary = product::built(Build::Dev, product::PROGRAM)?;
    if words.is_empty() {
        sim::run_ci()?;
    }
    if has_nextest() {
        if words.is_empty() {
            shell::step("documentation examples", runner(&["test", "--workspace", "--doc"], &[], &binary))?;
        }
        return shell::step("tests", runner(&["nextest", "run", "--workspace"], &words, &binary));
    }
    shell::step("tests", runner(&["test", "--workspace"], &words, &binary))
}

fn runner(fixed: &[&str], words: &[&str], binary: &Path) -> Command {
    let mut command = shell::cargo(&[fixed, words].concat());
    command.env("SIBAI_BIN", binary);
    command
}

fn has_nextest() -> bool {
    shell::output(shell::cargo(&["nextest", "--version"])).is_ok()
}
