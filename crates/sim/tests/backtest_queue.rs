//! The back-test's queue model against queues that the simulator lived: fed by the logs alone, it comes to the waits that were.

use hotline::backtest::queueing::{Comer, Counted, Figures, Model, Run, Seen};
use hotline::cdr::StayEnd;
use hotline::enterprise::{Enterprise, Needs, staff};
use hotline::queue::Staff;
use hotline::service::ServiceLevel;
use sim::Rush;

/// A talk is two minutes, a call keeps an agent for three or so.
const RUSH: Rush =
    Rush { callers: 900, every_ms: 14_000, agents: 12, talk_ms: 120_000, patience_ms: 150_000 };

fn light() -> Rush {
    Rush { every_ms: 30_000, ..RUSH }
}

fn overloaded() -> Rush {
    Rush { every_ms: 9_000, ..RUSH }
}

struct Lived {
    model: Model,
    staff: Staff,
    recorded: Figures,
}

fn live(seed: u64, rush: &Rush, edit: impl Fn(&mut Enterprise)) -> Lived {
    let (calls, enterprise) = sim::rush(seed, rush, edit).unwrap_or_else(|failure| panic!("{failure:#?}"));
    assert!(calls.len() * 100 >= rush.callers * 98, "{} calls", calls.len());
    let mut seen = Seen::default();
    calls.iter().for_each(|call| seen.add(call.id, &call.log));
    let recorded = figures(waits(&seen.comers));
    let staff = staff(&enterprise, 1);
    Lived { model: Model::new(seen, &staff), staff, recorded }
}

fn waits(comers: &[Comer]) -> impl Iterator<Item = (StayEnd, u64)> {
    let ends = comers.iter().flat_map(|comer| &comer.visits).filter_map(|visit| visit.end.as_ref());
    ends.map(|end| (end.why, end.wait_ms))
}

fn modelled(run: &Run) -> Figures {
    figures(run.waits.iter().map(|wait| (wait.why, wait.wait_ms)))
}

fn figures(waits: impl Iterator<Item = (StayEnd, u64)>) -> Figures {
    let (terms, mut counted) = (ServiceLevel::default(), Counted::default());
    waits.for_each(|(why, ms)| counted.add(&terms, why, ms));
    counted.figures(&terms)
}

/// By how many per cent of the truth two figures are apart.
fn error(truth: Option<u64>, model: Option<u64>) -> f64 {
    let (truth, model) = (truth.expect("enough waits") as f64, model.expect("enough waits") as f64);
    (model - truth).abs() * 100.0 / truth
}

/// The model of what was, by three worlds.
fn is_what_was(rush: &Rush, median_ms_min: u64) {
    for seed in 1..=3 {
        let lived = live(seed, rush, |_| {});
        let run = lived.model.run(&lived.staff, lived.model.comers());
        let (was, model) = (&lived.recorded, modelled(&run));
        assert!(was.median_ms >= Some(median_ms_min), "{seed}: the median says nothing: {was:?}");
        assert!(error(was.median_ms, model.median_ms) <= 10.0, "{seed}: {was:?} {model:?}");
        assert!(was.calls == model.calls && run.left == 0, "{seed}: {model:?}");
        assert_eq!(run, lived.model.run(&lived.staff, lived.model.comers()), "the same again");
    }
}

#[test]
fn the_median_wait_is_within_a_tenth_of_what_was_at_light_load() {
    is_what_was(&light(), 3_000);
}

#[test]
fn the_median_wait_is_within_a_tenth_of_what_was_at_capacity() {
    is_what_was(&RUSH, 5_000);
}

#[test]
fn the_median_wait_is_within_a_tenth_of_what_was_overloaded() {
    is_what_was(&overloaded(), 30_000);
}

/// The model of a changed document, fed by worlds that lived by the one before, against worlds that live by it.
fn is_what_will_be(change: fn(&mut Enterprise), bound: f64) {
    let (mut would, mut model) = (Vec::new(), Vec::new());
    for seed in 4..=7 {
        let (before, after) = (live(seed, &RUSH, |_| {}), live(seed, &RUSH, change));
        let run = before.model.run(&after.staff, before.model.comers());
        would.extend(waits(after.model.comers()));
        model.extend(run.waits.iter().map(|wait| (wait.why, wait.wait_ms)));
    }
    let (would, model) = (figures(would.into_iter()), figures(model.into_iter()));
    assert!(error(would.median_ms, model.median_ms) <= bound, "{would:?} {model:?}");
    assert!(error(Some(would.answered), Some(model.answered)) <= 3.0, "{would:?} {model:?}");
}

#[test]
fn a_shorter_line_is_known_before_it_is_made() {
    is_what_will_be(|document| document.queues[0].size_max = 4, 10.0);
}

#[test]
fn less_patience_of_the_queue_is_known_before_it_is_made() {
    is_what_will_be(|document| document.queues[0].patience_s = 45, 10.0);
}

/// Where agents are few each of them counts for much: a wait is then what is most sensitive to how fast they are.
#[test]
fn two_agents_less_are_known_before_they_go() {
    is_what_will_be(|document| document.queues[0].members.truncate(10), 30.0);
}

#[test]
fn skills_that_are_relaxed_are_known_before_they_are_asked_for() {
    let change = |document: &mut Enterprise| {
        let need = |level, s| Needs { skills: [("mandarin".to_owned(), level)].into(), s };
        document.queues[0].needs = vec![need(4, Some(20)), need(2, Some(20)), need(1, None)];
    };
    is_what_will_be(change, 10.0);
}
