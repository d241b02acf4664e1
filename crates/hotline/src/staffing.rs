//! How many agents a queue needs (row Q26), by Erlang C: callers come at random, whoever finds no agent waits, and nobody gives up,
//! so that it errs on the safe side. It refuses to know where expected calls come from.

use crate::service::ServiceLevel;

/// More agents than this are suggested to nobody.
const AGENTS_MAX: u32 = 20_000;

/// What comes to a queue in some span of time, as a rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Calls in an hour.
    pub calls_per_hour: f64,
    /// How long one keeps an agent, talk and after-work, seconds.
    pub handling_s: f64,
}

/// What so many agents make of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Staffing {
    /// The agents.
    pub agents: u32,
    /// The share of callers who wait at all, 0 to 1.
    pub waits: f64,
    /// The share of callers who are answered in time, 0 to 1.
    pub in_time: f64,
    /// The mean wait over all callers, seconds.
    pub wait_s: f64,
    /// The share of their time that agents are at calls, 0 to 1.
    pub occupancy: f64,
}

impl Load {
    /// The load in erlangs: how many agents are at calls at once, in the mean.
    pub fn erlangs(self) -> f64 {
        self.calls_per_hour * self.handling_s / 3_600.0
    }

    /// What so many agents make of it; `None` where they cannot keep up: the line would grow for ever.
    pub fn staffed(self, agents: u32, within_s: f64) -> Option<Staffing> {
        let erlangs = self.erlangs();
        let blocked = (1..=agents).fold(1.0, |blocked, n| next_blocked(blocked, erlangs, n));
        self.with(agents, blocked, within_s)
    }

    /// The fewest agents who meet a goal, with what they make of the load; none are needed where nobody calls. `None` for a load that
    /// is none, or that more agents than anybody has would not bear.
    pub fn suggest(self, goal: &ServiceLevel) -> Option<Staffing> {
        let (erlangs, within_s) = (self.erlangs(), f64::from(goal.s));
        if !erlangs.is_finite() || erlangs < 0.0 || self.calls_per_hour < 0.0 {
            return None;
        }
        if erlangs == 0.0 {
            return Some(Staffing { agents: 0, waits: 0.0, in_time: 1.0, wait_s: 0.0, occupancy: 0.0 });
        }
        let wanted = f64::from(goal.percent) / 100.0;
        let mut blocked = 1.0;
        for agents in 1..=AGENTS_MAX {
            blocked = next_blocked(blocked, erlangs, agents);
            let staffing = self.with(agents, blocked, within_s);
            if let Some(staffing) = staffing.filter(|staffing| staffing.in_time >= wanted) {
                return Some(staffing);
            }
        }
        None
    }

    /// By the share that as many agents without a line would turn away (Erlang B).
    fn with(self, agents: u32, blocked: f64, within_s: f64) -> Option<Staffing> {
        let (erlangs, n) = (self.erlangs(), f64::from(agents));
        let free = n - erlangs;
        if free.is_nan() || free <= 0.0 {
            return None;
        }
        let waits = n * blocked / (n - erlangs * (1.0 - blocked));
        Some(Staffing {
            agents,
            waits,
            in_time: 1.0 - waits * (-free * within_s / self.handling_s).exp(),
            wait_s: waits * self.handling_s / free,
            occupancy: erlangs / n,
        })
    }
}

/// Erlang B of one agent more. Each step is a quotient of positive numbers below one, so that nothing overflows whatever the load.
fn next_blocked(blocked: f64, erlangs: f64, agents: u32) -> f64 {
    erlangs * blocked / (f64::from(agents) + erlangs * blocked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(erlangs: f64) -> Load {
        Load { calls_per_hour: erlangs * 20.0, handling_s: 180.0 }
    }

    fn near(is: f64, wanted: f64, by: f64) {
        assert!((is - wanted).abs() <= by, "{is} is not {wanted}");
    }

    /// The example of the R package ErlangC (CRAN, README): 100 calls in half an hour, 180 s each, 20 s.
    #[test]
    fn q26_published_values_of_erlang_c() {
        let load = Load { calls_per_hour: 200.0, handling_s: 180.0 };
        near(load.erlangs(), 10.0, 1e-12);
        let eleven = load.staffed(11, 20.0).expect("they keep up");
        near(eleven.waits, 0.682_118_2, 5e-8);
        near(eleven.in_time, 0.389_613_8, 5e-8);
        let fourteen = load.staffed(14, 20.0).expect("they keep up");
        near(fourteen.waits, 0.174_131_9, 5e-8);
        near(fourteen.in_time, 0.888_35, 5e-7);
        near(fourteen.wait_s, 7.835_937_011_777_24, 1e-9);
        near(fourteen.occupancy, 0.714_285_7, 5e-8);
        let suggested = load.suggest(&ServiceLevel::default()).expect("there is one");
        assert_eq!(suggested.agents, 14);
        assert_eq!(load.staffed(10, 20.0), None, "ten erlangs keep ten agents busy for ever");
    }

    /// With one agent all wait who find it busy, with two the formula has a closed form.
    #[test]
    fn q26_one_and_two_agents_are_as_by_hand() {
        for tenths in 1..10 {
            let share = f64::from(tenths) / 10.0;
            near(load(share).staffed(1, 0.0).expect("it keeps up").waits, share, 1e-12);
            let two = load(2.0 * share).staffed(2, 0.0).expect("they keep up").waits;
            near(two, 2.0 * share * share / (1.0 + share), 1e-12);
        }
    }

    /// The sum of the textbook, term by term, where it does not overflow yet.
    #[test]
    fn q26_the_recursion_is_the_sum() {
        for (agents, erlangs) in [(5_u32, 3.2), (20, 17.5), (60, 48.0), (100, 90.0)] {
            let n = f64::from(agents);
            let (mut term, mut sum) = (1.0, 0.0);
            for k in 0..agents {
                sum += term;
                term *= erlangs / f64::from(k + 1);
            }
            let last = term * n / (n - erlangs);
            near(load(erlangs).staffed(agents, 0.0).expect("they keep up").waits, last / (sum + last), 1e-9);
        }
    }

    #[test]
    fn q26_more_agents_serve_better_and_more_calls_worse() {
        for tenths in (1..2_000).step_by(37) {
            let erlangs = f64::from(tenths) / 10.0;
            let first = erlangs.floor() as u32 + 1;
            let mut before: Option<Staffing> = None;
            for agents in first..first + 40 {
                let now = load(erlangs).staffed(agents, 20.0).expect("they keep up");
                assert!((0.0..=1.0).contains(&now.waits) && (0.0..=1.0).contains(&now.in_time), "{now:?}");
                if let Some(before) = before {
                    assert!(now.waits <= before.waits && now.in_time >= before.in_time, "{before:?} {now:?}");
                    assert!(now.wait_s <= before.wait_s && now.occupancy < before.occupancy);
                }
                let more = load(erlangs + 0.05).staffed(agents, 20.0);
                assert!(more.is_none_or(|more| more.waits >= now.waits && more.in_time <= now.in_time));
                before = Some(now);
            }
            let goal = ServiceLevel::default();
            let suggested = load(erlangs).suggest(&goal).expect("there is one");
            assert!(suggested.in_time >= 0.8);
            let fewer = load(erlangs).staffed(suggested.agents - 1, 20.0);
            assert!(fewer.is_none_or(|fewer| fewer.in_time < 0.8), "the fewest: {suggested:?} {fewer:?}");
        }
    }

    #[test]
    fn q26_five_thousand_erlangs_are_borne_and_nonsense_is_refused() {
        for percent in [1, 80, 99, 100] {
            let goal = ServiceLevel { percent, ..ServiceLevel::default() };
            let found = load(5_000.0).suggest(&goal).expect("there is one");
            assert!(found.agents > 5_000 && found.agents < 6_500, "{found:?}");
            assert!(
                [found.waits, found.in_time, found.wait_s, found.occupancy].iter().all(|x| x.is_finite())
            );
        }
        assert_eq!(load(0.0).suggest(&ServiceLevel::default()).map(|none| none.agents), Some(0));
        assert_eq!(load(f64::NAN).staffed(3, 20.0), None);
        for wrong in [f64::NAN, f64::INFINITY, -1.0, 1e9] {
            assert_eq!(load(wrong).suggest(&ServiceLevel::default()), None);
        }
    }
}
