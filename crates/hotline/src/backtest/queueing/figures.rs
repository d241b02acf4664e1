//! What waits came to: the figures of one queue, and when there are too few of them to say any.

use serde::{Deserialize, Serialize};

use crate::Wall;
use crate::cdr::{QueueStay, StayEnd};
use crate::service::{Counts, ServiceLevel};

/// With fewer waits there is no median, no percentile and no level: they would be the doings of single callers.
pub const STAYS_MIN: usize = 30;

/// What the waits of one queue came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// All that came to it, those that could not wait included.
    pub calls: u64,
    /// Answered by an agent.
    pub answered: u64,
    /// The caller gave up.
    pub abandoned: u64,
    /// Sent on: waited as long as may be, by a limit, since nobody was there, by a key; or cut off.
    pub sent_on: u64,
    /// Could not wait: full, or nobody there.
    pub no_place: u64,
    /// The middle of all waits, milliseconds; none where they are fewer than [`STAYS_MIN`].
    pub median_ms: Option<u64>,
    /// What nine waits of ten do not exceed, milliseconds; none where they are fewer than [`STAYS_MIN`].
    pub p90_ms: Option<u64>,
    /// The queue's service level by its own terms (row Q12), percent × 100; none where they are fewer than [`STAYS_MIN`].
    pub level_e2: Option<u64>,
}

/// Waits of a queue as they are counted.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    counts: Counts,
    waits: Vec<u64>,
    figures: Figures,
}

impl Counted {
    /// Adds a wait.
    pub fn add(&mut self, terms: &ServiceLevel, why: StayEnd, wait_ms: u64) {
        let stay = QueueStay {
            queue: String::new(),
            is_callback: false,
            joined_at: Wall(0),
            left_at: Wall(wait_ms as i64),
            why,
            wait_ms,
            returns: 0,
            agent: String::new(),
            talk_ms: 0,
        };
        terms.count(&mut self.counts, &stay);
        let figures = &mut self.figures;
        figures.calls += 1;
        let of = match why {
            StayEnd::Answered => &mut figures.answered,
            StayEnd::Abandoned => &mut figures.abandoned,
            StayEnd::Full | StayEnd::Empty => &mut figures.no_place,
            StayEnd::CutOff | StayEnd::TimedOut | StayEnd::LeftEmpty | StayEnd::ByKey | StayEnd::Spilled => {
                &mut figures.sent_on
            }
        };
        *of += 1;
        if !matches!(why, StayEnd::Full | StayEnd::Empty) {
            self.waits.push(wait_ms);
        }
    }

    /// What they came to.
    pub fn figures(mut self, terms: &ServiceLevel) -> Figures {
        if self.waits.len() < STAYS_MIN {
            return self.figures;
        }
        self.waits.sort_unstable();
        let at = |share: usize| self.waits[(self.waits.len() * share).div_ceil(100) - 1];
        let (median_ms, p90_ms) = (Some(at(50)), Some(at(90)));
        let level_e2 = terms.level(&self.counts).percent_e2();
        Figures { median_ms, p90_ms, level_e2, ..self.figures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_waits_have_no_median() {
        let terms = ServiceLevel::default();
        let of = |count: u64| {
            let mut counted = Counted::default();
            (1..=count).for_each(|at| counted.add(&terms, StayEnd::Answered, at * 1_000));
            counted.add(&terms, StayEnd::Full, 0);
            counted.figures(&terms)
        };
        let (few, enough) = (of(29), of(30));
        assert_eq!((few.calls, few.answered, few.no_place), (30, 29, 1));
        assert_eq!((few.median_ms, few.p90_ms, few.level_e2), (None, None, None));
        assert_eq!((enough.median_ms, enough.p90_ms), (Some(15_000), Some(27_000)));
        assert_eq!(enough.level_e2, Some(6_667), "20 of 30 within 20 s");
    }
}
