//! `sim [SEED…] [--ci] [--minutes N] [--json]`: lives seeds through and says which did not hold.

use std::process::ExitCode;
use std::time::Instant;

use sim::{Failure, Options, Summary};

/// Seeds of `--ci`.
const CI_SEEDS: u64 = 200;

struct Asked {
    seeds: Vec<u64>,
    minutes: u64,
    json: bool,
}

fn main() -> ExitCode {
    let asked = match read_arguments() {
        Ok(asked) => asked,
        Err(wrong) => {
            eprintln!("{wrong}\nusage: sim [SEED…] [--ci] [--minutes 60] [--json]");
            return ExitCode::from(2);
        }
    };
    let began = Instant::now();
    let (mut failed, mut total) = (0u32, Summary::default());
    for (done, seed) in asked.seeds.iter().enumerate() {
        match sim::run(*seed, Options { minutes: asked.minutes, trace: false }) {
            Ok(summary) => {
                if asked.seeds.len() <= 10 && !asked.json {
                    println!("seed {seed}: {summary:?}");
                }
                add(&mut total, &summary);
            }
            Err(failure) => {
                failed += 1;
                report(&failure, asked.json);
            }
        }
        if (done + 1) % 20 == 0 && !asked.json {
            println!("{} of {} seeds, {:.1} s", done + 1, asked.seeds.len(), began.elapsed().as_secs_f64());
        }
    }
    let elapsed_s = began.elapsed().as_secs_f64();
    close(&asked, failed, &total, cpu_s().unwrap_or(elapsed_s), elapsed_s);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Seconds of one core that this process used, where the system tells (Linux: nanoseconds in `schedstat`).
fn cpu_s() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    Some(told.split(' ').next()?.parse::<f64>().ok()? / 1e9).filter(|seconds| *seconds > 0.0)
}

fn add(total: &mut Summary, one: &Summary) {
    for (cause, count) in &one.causes {
        match total.causes.iter_mut().find(|(known, _)| known == cause) {
            Some((_, sum)) => *sum += count,
            None => total.causes.push((*cause, *count)),
        }
    }
    total.invites += one.invites;
    total.records += one.records;
    total.transfers += one.transfers;
    for (sum, more) in total.lines.iter_mut().zip(one.lines) {
        *sum += more;
    }
    for (sum, more) in total.confirms.iter_mut().zip(one.confirms) {
        *sum += more;
    }
    for (sum, more) in total.callbacks.iter_mut().zip(one.callbacks) {
        *sum += more;
    }
    total.answered += one.answered;
    total.steps += one.steps;
    total.crashes += one.crashes;
}

fn close(asked: &Asked, failed: u32, total: &Summary, cpu_s: f64, elapsed_s: f64) {
    let passed = asked.seeds.len() as u32 - failed;
    let Summary { invites, records, answered, transfers, callbacks, confirms, lines, steps, crashes, .. } =
        total;
    let a_minute = *invites as f64 * 60.0 / cpu_s;
    if asked.json {
        println!(
            "{{\"passed\":{passed},\"failed\":{failed},\"calls\":{invites},\"cpu_s\":{cpu_s:.2},\"elapsed_s\":\
             {elapsed_s:.2},\"calls_per_cpu_minute\":{a_minute:.0}}}"
        );
        return;
    }
    let mut causes = total.causes.clone();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let causes: Vec<_> = causes.iter().map(|(cause, count)| format!("{count} {}", cause.code())).collect();
    println!("ended: {}", causes.join(", "));
    println!(
        "{invites} calls, {answered} answered, {transfers} transfers, {} callbacks asked for, {} made, {} of them reached, {} answers to be confirmed, {} of them not, {} offers, {} times beside a free agent, {records} records, {crashes} deaths of the node, {steps} steps",
        callbacks[0], callbacks[1], callbacks[2], confirms[0], confirms[1], lines[0], lines[1]
    );
    println!("{elapsed_s:.1} s, {cpu_s:.1} s of CPU: {a_minute:.0} calls per minute of CPU");
    println!("{passed} passed, {failed} failed");
}

fn report(failure: &Failure, json: bool) {
    let Failure { seed, step, broken, recent } = failure;
    if json {
        println!("{{\"seed\":{seed},\"step\":{step},\"broken\":{broken:?}}}");
        return;
    }
    println!("seed {seed} does not hold at step {step}: {broken}");
    for line in recent {
        println!("    {line}");
    }
    println!("    again: cargo xtask sim {seed}");
}

fn read_arguments() -> Result<Asked, String> {
    let mut asked = Asked { seeds: Vec::new(), minutes: 60, json: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--ci" => asked.seeds.extend(1..=CI_SEEDS),
            "--json" => asked.json = true,
            "--minutes" => {
                let minutes = arguments.next().and_then(|minutes| minutes.parse().ok());
                asked.minutes = minutes.ok_or("--minutes wants a number")?;
            }
            range if range.contains("..") => {
                let ends = range.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
                let (first, end): (u64, u64) = ends.ok_or(format!("{range} is no range of seeds"))?;
                asked.seeds.extend(first..end);
            }
            seed => asked.seeds.push(seed.parse().map_err(|_| format!("{seed} is no seed"))?),
        }
    }
    if asked.seeds.is_empty() {
        asked.seeds.extend(1..=10);
    }
    Ok(asked)
}
