//! Figures that one program measures by itself: an example of a pure crate, built for release and asked for JSON.

use super::table::Row;
use super::{Effort, median};
use crate::json::{self, Json};
use crate::product::{self, Build};
use crate::shell::{self, Outcome, failed};
use crate::workspace;

/// Decisions a second: 10,000 warm numbers, and 2,000,000 configured with 100,000 warm within 1.5 × of it.
pub fn decision(effort: &Effort) -> Outcome<Vec<Row>> {
    let what = "decision alone, 10,000 numbers";
    let Some(package) = package_with("decision_cost")? else {
        return Ok(vec![Row::absent(what, "no crate has an example `decision_cost`")]);
    };
    let runs = example_runs(package, "decision_cost", &[], effort.rounds)?;
    let small = median(&numbers(&runs, "per_second")?);
    let mut rows = vec![Row::against(what, small, "decisions/s", 200_000.0, true)];
    let large = "decision alone, 2,000,000 configured, 100,000 warm";
    rows.push(match numbers(&runs, "large.per_second") {
        // Time for one, large over small: rates are turned over.
        Ok(values) => Row::beside(large, 1e9 / median(&values), 1e9 / small, "ns", "10,000 numbers:", 1.5),
        Err(_) => Row::absent(large, "`decision_cost` prints no large.per_second"),
    });
    Ok(rows)
}

/// Calls rated and posted a second.
pub fn rating(effort: &Effort) -> Outcome<Vec<Row>> {
    per_second("rate and post a call", "rate_cost", "calls/s", 300_000.0, effort)
}

/// Caller lookups: at most 50 ns each.
pub fn locate(effort: &Effort) -> Outcome<Vec<Row>> {
    let what = "caller region lookup";
    let Some(package) = package_with("locate")? else {
        return Ok(vec![Row::absent(what, "no crate has an example `locate`")]);
    };
    let runs = example_runs(package, "locate", &[], effort.rounds)?;
    Ok(vec![Row::against(what, median(&numbers(&runs, "ns")?), "ns", 50.0, false)])
}

/// Offer decisions among 500 agents while 5,000 callers wait: at most 20 µs each, by the dearest strategy.
pub fn queue(effort: &Effort) -> Outcome<Vec<Row>> {
    let what = "offer decision, 5,000 waiting, 500 agents";
    let Some(package) = package_with("queue_cost")? else {
        return Ok(vec![Row::absent(what, "no crate has an example `queue_cost`")]);
    };
    let runs = example_runs(package, "queue_cost", &[], effort.rounds)?;
    Ok(vec![Row::against(what, median(&numbers(&runs, "us")?), "µs", 20.0, false)])
}

/// A flow of 200 steps checked in less than 50 ms, and a step of it walked in at most 5 µs, by the dearest kind (rows I08, I09).
pub fn flow(effort: &Effort) -> Outcome<Vec<Row>> {
    let (step, check) = ("one flow step, the dearest kind", "a flow of 200 steps checked");
    let Some(package) = package_with("flow_cost")? else {
        let none = "no crate has an example `flow_cost`";
        return Ok(vec![Row::absent(step, none), Row::absent(check, none)]);
    };
    let runs = example_runs(package, "flow_cost", &[], effort.rounds)?;
    Ok(vec![
        Row::against(step, median(&numbers(&runs, "step_us")?), "µs", 5.0, false),
        Row::against(check, median(&numbers(&runs, "checked_ms")?), "ms", 50.0, false),
    ])
}

fn per_second(what: &str, example: &str, unit: &str, bar: f64, effort: &Effort) -> Outcome<Vec<Row>> {
    let Some(package) = package_with(example)? else {
        return Ok(vec![Row::absent(what, &format!("no crate has an example `{example}`"))]);
    };
    let runs = example_runs(package, example, &[], effort.rounds)?;
    Ok(vec![Row::against(what, median(&numbers(&runs, "per_second")?), unit, bar, true)])
}

/// The crate that has an example of this name.
pub fn package_with(example: &str) -> Outcome<Option<&'static str>> {
    for package in ["hotline", "node", "media", "sip", "store"] {
        if workspace::has_target(package, "example", example)? {
            return Ok(Some(package));
        }
    }
    Ok(None)
}

/// Builds an example for release and returns its path.
pub fn build_example(package: &str, example: &str) -> Outcome<String> {
    shell::step("build", shell::cargo(&["build", "--release", "-p", package, "--example", example]))?;
    let path = workspace::target_folder()?.join("release/examples").join(example);
    Ok(path.to_string_lossy().into_owned())
}

/// Builds a program for release and returns its path.
pub fn build_program(package: &str, program: &str) -> Outcome<String> {
    shell::step("build", shell::cargo(&["build", "--release", "-p", package, "--bin", program]))?;
    let path = product::built(Build::Release, program)?;
    Ok(path.to_string_lossy().into_owned())
}

/// What an example prints as its last JSON object, run after run.
pub fn example_runs(package: &str, example: &str, words: &[&str], rounds: usize) -> Outcome<Vec<Json>> {
    let program = build_example(package, example)?;
    let mut runs = Vec::new();
    for round in 1..=rounds {
        let command = shell::command(&program, &[words, &["--json"]].concat());
        eprintln!("── round {round} of {rounds}: {}", shell::line(&command));
        match json::last_object(&shell::output(command)?) {
            Some(object) => runs.push(object),
            None => return failed(format!("{package}'s example `{example}` printed no JSON object")),
        }
    }
    Ok(runs)
}

/// The number at a path in each run.
pub fn numbers(runs: &[Json], path: &str) -> Outcome<Vec<f64>> {
    let numbers: Option<Vec<f64>> = runs.iter().map(|run| run.number(path)).collect();
    numbers.map_or_else(|| failed(format!("a run printed no number `{path}`")), Ok)
}
