//! The project's chores: build, run, check, test, simulate, measure. Std only, so that it compiles in a second.
//! It starts other programs and reads what they print; it knows nothing of calls or money.

mod bench;
mod check;
mod json;
mod needs;
mod product;
mod shell;
mod sim;
mod test;
mod walls;
mod web;
mod workspace;

use shell::{Failure, Outcome};
use std::process::ExitCode;

/// One verb: its name, what it does in a line, an example, and the function behind it.
struct Verb {
    name: &'static str,
    what: &'static str,
    example: &'static str,
    run: fn(&[String]) -> Outcome,
}

const VERBS: &[Verb] = &[
    Verb {
        name: "up",
        what: "build what is missing and start the demo (arguments go to `sibai demo`)",
        example: "cargo xtask up",
        run: product::up,
    },
    Verb {
        name: "build",
        what: "build the pages and the release binary, and print where it is",
        example: "cargo xtask build",
        run: product::build,
    },
    Verb {
        name: "dev",
        what: "run the demo; rebuild and restart it when a source file changes",
        example: "cargo xtask dev",
        run: product::dev,
    },
    Verb {
        name: "check",
        what: "format, lints, documentation, import walls, leftovers; --quick compiles nothing, --full adds licences",
        example: "cargo xtask check --full",
        run: check::run,
    },
    Verb {
        name: "test",
        what: "install what the tests need, then seeds and every test (arguments go to the test runner)",
        example: "cargo xtask test fault_f1",
        run: test::run,
    },
    Verb {
        name: "sim",
        what: "run simulated worlds: the seeds named, or --ci for the 200 of CI",
        example: "cargo xtask sim 17 42",
        run: sim::run,
    },
    Verb {
        name: "bench",
        what: "measure beside the references and print a section for BENCHMARKS.md; --list names the figures",
        example: "cargo xtask bench call --rounds 3",
        run: bench::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((verb, rest)) = arguments.split_first() else {
        print_verbs();
        return ExitCode::SUCCESS;
    };
    if matches!(verb.as_str(), "-h" | "--help" | "help") {
        print_verbs();
        return ExitCode::SUCCESS;
    }
    let Some(found) = VERBS.iter().find(|known| known.name == verb) else {
        eprintln!("xtask: there is no verb `{verb}`\n");
        print_verbs();
        return ExitCode::from(2);
    };
    // What follows `up` and `dev` belongs to the product, its --help included.
    let asks_help = rest.iter().any(|word| word == "--help" || word == "-h");
    if asks_help && !matches!(found.name, "up" | "dev") {
        println!("cargo xtask {}: {}\n\n  {}", found.name, found.what, found.example);
        return ExitCode::SUCCESS;
    }
    match (found.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(verb, &failure),
    }
}

fn report(verb: &str, failure: &Failure) -> ExitCode {
    eprintln!("xtask {verb}: {failure}");
    ExitCode::from(failure.exit_code())
}

fn print_verbs() {
    println!("cargo xtask VERB [ARGUMENTS]\n");
    for verb in VERBS {
        println!("  {:<6} {}", verb.name, verb.what);
        println!("         $ {}", verb.example);
    }
    println!(
        "\nExit codes: 1 something failed, 2 wrong usage, 3 a program is missing and may not be installed."
    );
}
