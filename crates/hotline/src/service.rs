//! The service level of a queue (row Q12): how soon its callers are to be answered, which of them count, and what came of it. It
//! refuses to know where stays are kept; how a queue sends callers on by its level of late is [`crate::queue`]'s, by the same terms.

use serde::{Deserialize, Serialize};

use crate::cdr::{QueueStay, StayEnd};

/// The goal of a queue, and what counts against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLevel {
    /// So many percent of the calls that count are to be answered in time.
    pub percent: u8,
    /// What is in time, seconds.
    pub s: u16,
    /// Whoever gives up before so many seconds was not there in earnest.
    pub short_abandon_s: u16,
    /// Whether such a call counts.
    pub short_abandons: ShortAbandons,
    /// How the others who gave up count.
    pub abandons: Abandons,
}

/// Whether callers who gave up at once count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShortAbandons {
    /// They are no calls of the queue.
    #[default]
    Out,
    /// They are like all who gave up.
    In,
}

/// How callers who gave up count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Abandons {
    /// As calls that were not answered in time.
    #[default]
    Missed,
    /// Who gave up within the goal's seconds counts as served in time: nobody could have been late for it.
    InTime,
    /// Not at all: the answered calls alone.
    Out,
}

impl Default for ServiceLevel {
    fn default() -> Self {
        let (percent, s) = Self::TEMPLATES[0].1;
        Self {
            percent,
            s,
            short_abandon_s: 5,
            short_abandons: ShortAbandons::default(),
            abandons: Abandons::default(),
        }
    }
}

/// What became of a queue's calls, as its goal counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Callers who joined: all of the following but those who could not and callbacks.
    pub offered: u64,
    /// Answered by an agent.
    pub answered: u64,
    /// Those of them in time.
    pub answered_in_time: u64,
    /// Gave up, the short ones not counted.
    pub abandoned: u64,
    /// Those of them within the goal's seconds.
    pub abandoned_in_time: u64,
    /// Gave up at once.
    pub short_abandoned: u64,
    /// Ended without the caller's word.
    pub cut_off: u64,
    /// Waited as long as may be.
    pub timed_out: u64,
    /// Nobody was left to take them.
    pub left_empty: u64,
    /// Left by a key and did not come back.
    pub by_key: u64,
    /// Sent on by a limit of the queue before their time.
    pub spilled: u64,
    /// Could not join: full.
    pub full: u64,
    /// Could not join: nobody there.
    pub empty: u64,
    /// Calls of the platform to who asked for one, each try of its own; nobody was on the line for them.
    pub callbacks: u64,
    /// What answered callers waited, milliseconds.
    pub waits: Vec<u64>,
    /// What callers waited who gave up, the short ones included, milliseconds.
    pub abandoned_waits: Vec<u64>,
    /// What agents talked with answered callers, milliseconds, over those that were answered.
    pub talk_ms: u64,
}

/// A share of calls: those served in time, of those that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Served in time.
    pub in_time: u64,
    /// All that count.
    pub calls: u64,
}

/// Average, median and longest of some waits, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// The mean, rounded down.
    pub average_ms: u64,
    /// The middle one; of an even number the mean of the two in the middle.
    pub median_ms: u64,
    /// The longest.
    pub longest_ms: u64,
}

impl ServiceLevel {
    /// Goals that have a name.
    pub const TEMPLATES: [(&'static str, (u8, u16)); 2] = [("80/20", (80, 20)), ("85/15", (85, 15))];

    /// The template that the goal is of, if it is one.
    pub fn template(&self) -> Option<&'static str> {
        let is_mine = |(_, goal): &&(&str, (u8, u16))| *goal == (self.percent, self.s);
        Self::TEMPLATES.iter().find(is_mine).map(|(name, _)| *name)
    }

    /// Adds a stay to what is counted.
    pub fn count(&self, counts: &mut Counts, stay: &QueueStay) {
        if stay.is_callback {
            counts.callbacks += 1;
            return;
        }
        let in_time = stay.wait_ms <= u64::from(self.s) * 1_000;
        let is_short = stay.wait_ms < u64::from(self.short_abandon_s) * 1_000;
        counts.offered += u64::from(!matches!(stay.why, StayEnd::Full | StayEnd::Empty));
        match stay.why {
            StayEnd::Answered => {
                counts.answered += 1;
                counts.answered_in_time += u64::from(in_time);
                counts.waits.push(stay.wait_ms);
                counts.talk_ms += stay.talk_ms;
            }
            StayEnd::Abandoned => {
                counts.abandoned_waits.push(stay.wait_ms);
                counts.short_abandoned += u64::from(is_short);
                counts.abandoned += u64::from(!is_short);
                counts.abandoned_in_time += u64::from(!is_short && in_time);
            }
            StayEnd::CutOff => counts.cut_off += 1,
            StayEnd::TimedOut => counts.timed_out += 1,
            StayEnd::LeftEmpty => counts.left_empty += 1,
            StayEnd::ByKey => counts.by_key += 1,
            StayEnd::Spilled => counts.spilled += 1,
            StayEnd::Full => counts.full += 1,
            StayEnd::Empty => counts.empty += 1,
        }
    }

    /// The level that was reached. Whom the queue sent on by its own limits, who could not join and callbacks do not count; who was
    /// sent on otherwise, left by a key or was cut off was not answered in time.
    pub fn level(&self, counts: &Counts) -> Level {
        let short_s = u64::from(self.short_abandon_s);
        let short = match self.short_abandons {
            ShortAbandons::Out => 0,
            ShortAbandons::In => counts.short_abandoned,
        };
        // Whoever gave up before a short time is within the goal's, unless the goal is shorter still.
        let short_in_time = match short_s <= u64::from(self.s) {
            true => short,
            false => self.short_in_time(counts).min(short),
        };
        let sent_on = counts.cut_off + counts.timed_out + counts.left_empty + counts.by_key;
        let answered = (counts.answered_in_time, counts.answered + sent_on);
        let (in_time, calls) = match self.abandons {
            Abandons::Missed => (answered.0, answered.1 + counts.abandoned + short),
            Abandons::InTime => {
                (answered.0 + counts.abandoned_in_time + short_in_time, answered.1 + counts.abandoned + short)
            }
            Abandons::Out => answered,
        };
        Level { in_time, calls }
    }

    fn short_in_time(&self, counts: &Counts) -> u64 {
        let within = |ms: &&u64| **ms <= u64::from(self.s) * 1_000;
        counts.abandoned_waits.iter().filter(within).count() as u64 - counts.abandoned_in_time
    }

    /// Whether a level is the goal's; `None` where no call counts.
    pub fn is_met(&self, level: Level) -> Option<bool> {
        (level.calls > 0).then(|| level.in_time * 100 >= u64::from(self.percent) * level.calls)
    }
}

impl Level {
    /// Percent × 100, rounded; `None` where no call counts.
    pub fn percent_e2(self) -> Option<u64> {
        (self.calls > 0).then(|| (self.in_time * 20_000 + self.calls) / (self.calls * 2))
    }
}

impl Waits {
    /// Of some waits; `None` where there are none.
    pub fn of(mut waits: Vec<u64>) -> Option<Waits> {
        waits.sort_unstable();
        let longest_ms = *waits.last()?;
        let (count, middle) = (waits.len(), waits.len() / 2);
        let median_ms = match count % 2 {
            0 => (waits[middle - 1] + waits[middle]) / 2,
            _ => waits[middle],
        };
        let sum: u128 = waits.iter().map(|ms| u128::from(*ms)).sum();
        Some(Waits { average_ms: (sum / count as u128) as u64, median_ms, longest_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Wall;

    fn stay(why: StayEnd, wait_ms: u64) -> QueueStay {
        QueueStay {
            queue: "sales".into(),
            is_callback: false,
            joined_at: Wall(0),
            left_at: Wall(wait_ms as i64),
            why,
            wait_ms,
            returns: 0,
            agent: String::new(),
            talk_ms: 60_000,
        }
    }

    fn counted(terms: &ServiceLevel, stays: &[QueueStay]) -> (Counts, Level) {
        let mut counts = Counts::default();
        stays.iter().for_each(|one| terms.count(&mut counts, one));
        let level = terms.level(&counts);
        (counts, level)
    }

    fn a_morning() -> Vec<QueueStay> {
        let callback = QueueStay { is_callback: true, ..stay(StayEnd::Answered, 1) };
        vec![
            stay(StayEnd::Answered, 20_000),
            stay(StayEnd::Answered, 20_001),
            stay(StayEnd::Answered, 1_000),
            stay(StayEnd::Abandoned, 4_999),
            stay(StayEnd::Abandoned, 5_000),
            stay(StayEnd::Abandoned, 90_000),
            stay(StayEnd::TimedOut, 60_000),
            stay(StayEnd::LeftEmpty, 3_000),
            stay(StayEnd::ByKey, 3_000),
            stay(StayEnd::CutOff, 3_000),
            stay(StayEnd::Spilled, 0),
            stay(StayEnd::Full, 0),
            stay(StayEnd::Empty, 0),
            callback,
        ]
    }

    #[test]
    fn q12_each_formula_counts_whom_it_says() {
        let of = |short_abandons, abandons| {
            let terms = ServiceLevel { short_abandons, abandons, ..ServiceLevel::default() };
            let (counts, level) = counted(&terms, &a_morning());
            assert_eq!((counts.offered, counts.callbacks, counts.full + counts.empty), (11, 1, 2));
            assert_eq!((counts.answered, counts.answered_in_time), (3, 2));
            (level.in_time, level.calls)
        };
        assert_eq!(of(ShortAbandons::Out, Abandons::Missed), (2, 9));
        assert_eq!(of(ShortAbandons::In, Abandons::Missed), (2, 10));
        assert_eq!(of(ShortAbandons::Out, Abandons::InTime), (3, 9));
        assert_eq!(of(ShortAbandons::In, Abandons::InTime), (4, 10));
        assert_eq!(of(ShortAbandons::Out, Abandons::Out), (2, 7));
        assert_eq!(of(ShortAbandons::In, Abandons::Out), (2, 7));
    }

    #[test]
    fn q12_a_goal_of_fewer_seconds_than_a_short_abandon_takes_those_within_it_alone() {
        let (s, short_abandons, abandons) = (3, ShortAbandons::In, Abandons::InTime);
        let terms = ServiceLevel { s, short_abandons, abandons, ..ServiceLevel::default() };
        let stays = [stay(StayEnd::Abandoned, 3_000), stay(StayEnd::Abandoned, 3_001)];
        assert_eq!(counted(&terms, &stays).1, Level { in_time: 1, calls: 2 });
    }

    #[test]
    fn q12_a_goal_is_met_exactly_or_not_and_a_share_of_nothing_is_none() {
        let terms = ServiceLevel::default();
        assert_eq!(terms.is_met(Level { in_time: 4, calls: 5 }), Some(true));
        assert_eq!(
            terms.is_met(Level { in_time: 79_999, calls: 100_000 }),
            Some(false),
            "80.00 when rounded"
        );
        let none = Level { in_time: 0, calls: 0 };
        assert_eq!((terms.is_met(none), none.percent_e2()), (None, None));
        assert_eq!(Level { in_time: 2, calls: 3 }.percent_e2(), Some(6_667));
        let of = |waits: &[u64]| Waits::of(waits.to_vec()).map(|w| (w.average_ms, w.median_ms, w.longest_ms));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[9, 1, 2]), Some((4, 2, 9)));
        assert_eq!(of(&[9, 1, 2, 3]), Some((3, 2, 9)));
    }

    #[test]
    fn q12_every_stay_is_counted_once_whatever_the_terms_and_a_level_is_a_share() {
        let mut chance = 7_u64;
        let mut next = |below: u64| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (chance >> 33) % below
        };
        for _ in 0..2_000 {
            let terms = ServiceLevel {
                percent: 1 + next(100) as u8,
                s: 1 + next(30) as u16,
                short_abandon_s: 1 + next(30) as u16,
                short_abandons: [ShortAbandons::Out, ShortAbandons::In][next(2) as usize],
                abandons: [Abandons::Missed, Abandons::InTime, Abandons::Out][next(3) as usize],
            };
            let stays: Vec<QueueStay> = (0..next(20))
                .map(|_| QueueStay {
                    is_callback: next(8) == 0,
                    ..stay(StayEnd::ALL[next(9) as usize], next(40_000))
                })
                .collect();
            let (counts, level) = counted(&terms, &stays);
            let of_queue = counts.answered + counts.abandoned + counts.short_abandoned + counts.cut_off;
            let sent_on = counts.timed_out + counts.left_empty + counts.by_key + counts.spilled;
            assert_eq!(of_queue + sent_on, counts.offered);
            let all = counts.offered + counts.full + counts.empty + counts.callbacks;
            assert_eq!(all, stays.len() as u64);
            assert!(level.in_time <= level.calls && level.calls <= counts.offered, "{terms:?} {counts:?}");
        }
    }
}
