//! What must hold of every question that a flow asks (rows I01, I11, I14): keys lead where the flow says, nobody is
//! asked more often than it says, and after the last try the call goes on.

use hotline::Hotline;
use hotline::call::{Dated, Fact, Unqueued};
use hotline::enterprise::AskKind;
use hotline::flow::{Ask, QueueExits, StepKind, StepNo};

/// Looks at one log.
///
/// # Errors
/// What does not hold.
pub(super) fn check_menus(hotline: &Hotline, log: &[Dated]) -> Result<(), String> {
    for (place, dated) in log.iter().enumerate() {
        let next = log[place + 1..].iter().map(|dated| &dated.fact);
        match &dated.fact {
            Fact::KeyPressed { step, keys } if queue(hotline, step).is_some() => {
                let to = queue(hotline, step).and_then(|exits| {
                    let mine = exits.keys.iter().find(|(key, _)| keys.as_bytes() == [*key]);
                    mine.map(|(_, to)| *to)
                });
                check_left(to, next)
                    .map_err(|what| format!("{keys} while waiting at {step}: {what} (I16)"))?;
            }
            Fact::KeyPressed { step, keys } => {
                let ask =
                    question(hotline, step).ok_or(format!("{step} took keys and asks nothing (I14)"))?;
                check_pressed(hotline, ask, keys, next)
                    .map_err(|what| format!("{keys} at {step}: {what} (I01)"))?;
            }
            Fact::KeyAwaited { step, tries } => {
                let ask =
                    question(hotline, step).ok_or(format!("{step} waited for keys and asks nothing"))?;
                check_tried(ask, *tries, ask.timeout, next)
                    .map_err(|what| format!("no key at {step}: {what} (I11)"))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn question<'h>(hotline: &'h Hotline, name: &str) -> Option<&'h Ask> {
    let named = hotline.flow.steps.iter().filter(|step| hotline.words.text(step.rule) == name);
    named.into_iter().find_map(|step| match &step.kind {
        StepKind::Ask { ask } => Some(&**ask),
        _ => None,
    })
}

/// The ways out of the queue that a step waits in.
fn queue<'h>(hotline: &'h Hotline, name: &str) -> Option<&'h QueueExits> {
    let named = hotline.flow.steps.iter().filter(|step| hotline.words.text(step.rule) == name);
    named.into_iter().find_map(|step| match &step.kind {
        StepKind::Queue { exits, .. } => Some(exits),
        _ => None,
    })
}

/// A key that leads out of a queue does so at once: offers are taken back, the wait is noted, the walk goes on.
fn check_left<'l>(to: Option<StepNo>, next: impl Iterator<Item = &'l Fact>) -> Result<(), String> {
    let to = to.ok_or("no such key leads out")?;
    let mut rest = next.skip_while(|fact| matches!(fact, Fact::LegFailed { .. }));
    match (rest.next(), rest.next()) {
        (Some(Fact::Unqueued { why: Unqueued::ByKey, .. }), Some(Fact::Walked(walked)))
            if walked.step == to =>
        {
            Ok(())
        }
        other => Err(format!("{other:?} follows")),
    }
}

fn check_pressed<'l>(
    hotline: &Hotline,
    ask: &Ask,
    keys: &str,
    mut next: impl Iterator<Item = &'l Fact>,
) -> Result<(), String> {
    let choice = ask.choices.iter().find(|(choice, _)| hotline.words.text(*choice) == keys);
    match (choice, next.next()) {
        (Some((_, to)), Some(Fact::Walked(walked))) if walked.step == *to => Ok(()),
        (Some(_), other) => Err(format!("it leads to {other:?}")),
        (None, Some(Fact::KeysWrong { tries })) => check_tried(ask, *tries, ask.wrong, next),
        (None, Some(Fact::Walked(_) | Fact::Prompted { .. })) if ask.kind == AskKind::Menu => Ok(()),
        (None, Some(Fact::Walked(walked))) if ask.kind == AskKind::Digits && walked.step == ask.next => {
            Ok(())
        }
        (None, other) => Err(format!("it is no choice, and {other:?} follows")),
    }
}

/// After the last try the exit follows, after any other the question again; the very next thing, or the end of the
/// call in the same instant.
fn check_tried<'l>(
    ask: &Ask,
    tries: u8,
    exit: StepNo,
    mut next: impl Iterator<Item = &'l Fact>,
) -> Result<(), String> {
    match next.next() {
        Some(Fact::Walked(walked)) if tries == ask.tries && walked.step == exit => Ok(()),
        Some(Fact::Prompted { .. }) if tries < ask.tries => Ok(()),
        other => Err(format!("{other:?} follows try {tries} of {}", ask.tries)),
    }
}
