//! What must hold of every request of a flow to a server outside (row I12): nothing else is walked before it is over, it is over
//! once and for one reason, no later than its step says, and the exit is the one of its answer.

use hotline::Hotline;
use hotline::call::{Dated, Fact};
use hotline::flow::{HttpStep, StepKind};

use crate::world::SLEEP_MS_MAX;

/// A thread that is late is so by no more than this: it slept when the limit was over.
const LATE_MS_MAX: u64 = 1_000 + SLEEP_MS_MAX;

/// Looks at one log.
///
/// # Errors
/// What does not hold.
pub(super) fn check_fetches(hotline: &Hotline, log: &[Dated]) -> Result<(), String> {
    for (place, dated) in log.iter().enumerate() {
        let Fact::Fetching { step, number } = &dated.fact else { continue };
        let http = step_named(hotline, step).ok_or(format!("{step} asks nobody (I12)"))?;
        let mut next = log[place + 1..].iter();
        let over = next.find(|after| {
            matches!(
                after.fact,
                Fact::Fetched { .. } | Fact::Walked(_) | Fact::Joined { .. } | Fact::HungUp { .. }
            )
        });
        match over.map(|over| (&over.fact, over.at.since_ms(dated.at))) {
            Some((Fact::HungUp { .. }, _)) => {}
            Some((Fact::Fetched { number: of, fetched, .. }, ms)) if of == number => {
                if ms > http.limit_ms + LATE_MS_MAX {
                    return Err(format!("{step} waited {ms} ms of {} (I12)", http.limit_ms));
                }
                let exit = http.exit(&hotline.words, fetched);
                match next.next().map(|after| &after.fact) {
                    Some(Fact::Walked(walked)) if walked.step == exit => {}
                    other => return Err(format!("{step}: {other:?} follows {fetched:?} (I12)")),
                }
            }
            other => return Err(format!("{step}: {other:?} before its answer (I12)")),
        }
    }
    Ok(())
}

fn step_named<'h>(hotline: &'h Hotline, name: &str) -> Option<&'h HttpStep> {
    let mut named = hotline.flow.steps.iter().filter(|step| hotline.words.text(step.rule) == name);
    named.find_map(|step| match &step.kind {
        StepKind::Http { http } => Some(&**http),
        _ => None,
    })
}
