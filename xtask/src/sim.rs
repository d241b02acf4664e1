//! Simulated worlds: the `sim` crate's program, started with the seeds asked for.

use crate::product::{self, Build};
use crate::shell::{self, Outcome, failed};
use crate::workspace;

/// `cargo xtask sim [SEED…|--ci]`
pub fn run(arguments: &[String]) -> Outcome {
    require()?;
    // The dev profile optimises the crates that the simulator spends its time in, and CI has them already.
    shell::step("build", shell::cargo(&["build", "--workspace", "--bin", "sim"]))?;
    start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The 200 seeds of CI, with a program that is built already.
pub fn run_ci() -> Outcome {
    require()?;
    start(&["--ci"])
}

fn require() -> Outcome {
    if workspace::has_target("sim", "bin", "sim")? {
        Ok(())
    } else {
        failed("the crate `sim` has no program `sim`")
    }
}

fn start(words: &[&str]) -> Outcome {
    let program = product::built(Build::Dev, "sim")?;
    let mut seeds = shell::command(&program.to_string_lossy(), words);
    seeds.current_dir(workspace::root());
    shell::step("seeds", seeds)
}
