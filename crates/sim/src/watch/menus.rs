//! What must hold of every question that a flow asks (rows I01, I11, I14): keys lead where the flow says, nobody is
//! asked more often than it says, and after the last try the call goes on.

use hotline::Hotline;
use hotline::call::{Dated, Fact};
use hotline::enterprise::AskKind;
use hotline::flow::{Ask, StepKind, StepNo};

/// Looks at one log.
///
/// # Errors
/// What does not hold.
pub(super) fn check_menus(hotline: &Hotline, log: &[Dated]) -> Result<(), String> {
    for (place, dated) in log.iter().enumerate() {
        let next = log[place + 1..].iter().map(|dated| &dated.fact);
        match &dated.fact {
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
