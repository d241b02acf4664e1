//! Which calls of an agent's week are evaluated (row Q19), and by whom. Chance is a hash of what the draw is for, so that whoever
//! draws again draws the same, and nobody chooses.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::time::Beijing;
use crate::{CallId, TenantId, Wall};

/// A week from Monday to Sunday in Beijing, which is the time of all enterprises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Week {
    /// Its Monday, days since 1970-01-01.
    monday: i64,
}

const DAY_MS: i64 = 86_400_000;

impl Week {
    /// The week of an instant.
    pub fn of(at: Wall) -> Week {
        let day = at.beijing().day_number();
        // 1970-01-01 was a Thursday.
        Week { monday: day - (day + 3).rem_euclid(7) }
    }

    /// The week of a Monday, by days since 1970-01-01; that of any other day of it is the same.
    pub fn of_day(day: i64) -> Week {
        Week { monday: day - (day + 3).rem_euclid(7) }
    }

    /// Its Monday, days since 1970-01-01.
    pub fn monday(self) -> i64 {
        self.monday
    }

    /// The one before.
    pub fn before(self) -> Week {
        Week { monday: self.monday - 7 }
    }

    /// When it begins.
    pub fn begin(self) -> Wall {
        Wall(Beijing::date(1970, 1, 1).wall().0 + self.monday * DAY_MS)
    }

    /// When the next one begins.
    pub fn end(self) -> Wall {
        Wall(self.begin().0 + 7 * DAY_MS)
    }
}

/// A call that was drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The call.
    pub call: CallId,
    /// Whose.
    pub agent: String,
    /// Who evaluates it; nobody where all who could are the agent.
    pub reviewer: Option<String>,
}

/// So many of an agent's calls of a week, each as likely as any other; all of them where there are no more. The same calls give
/// the same ones in whatever order they come.
pub fn draw(
    (tenant, rule): (&TenantId, &str),
    agent: &str,
    week: Week,
    calls: &[CallId],
    count: usize,
) -> Vec<CallId> {
    let lot = |call: &CallId| {
        let mut hash = Sha256::new();
        for part in [tenant.as_str(), rule, agent, &week.monday.to_string(), &call.to_string()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let lot: [u8; 32] = hash.finalize().into();
        (lot, *call)
    };
    let mut lots: Vec<_> = calls.iter().map(lot).collect();
    lots.sort_unstable();
    lots.dedup();
    lots.into_iter().take(count).map(|(_, call)| call).collect()
}

/// Gives calls to reviewers, each to whoever has fewest so far and is not the agent; of equals to the first after whoever had the last.
/// Calls that not everybody may have go first, so that the others can make up for them. It goes on behind `last`, who had the last call
/// of the draw before, so that what does not come out even is not the same one's every time.
/// `reviewers` are accounts, with the agent that each is, if any.
pub fn deal(
    last: Option<&str>,
    calls: Vec<(String, CallId)>,
    reviewers: &[(String, Option<String>)],
) -> Vec<Drawn> {
    let mut have: BTreeMap<usize, usize> = (0..reviewers.len()).map(|place| (place, 0)).collect();
    let behind = last.and_then(|last| reviewers.iter().position(|(login, _)| login == last));
    let mut next = behind.map_or(0, |place| (place + 1) % reviewers.len());
    let mut dealt = Vec::with_capacity(calls.len());
    let is_reviewer = |agent: &String| reviewers.iter().any(|(_, own)| own.as_ref() == Some(agent));
    let (first, rest): (Vec<_>, Vec<_>) = calls.into_iter().partition(|(agent, _)| is_reviewer(agent));
    for (agent, call) in first.into_iter().chain(rest) {
        let may = (0..reviewers.len()).filter(|place| reviewers[*place].1.as_ref() != Some(&agent));
        let turn = |place: usize| (place + reviewers.len() - next) % reviewers.len();
        let chosen = may.min_by_key(|place| (have[place], turn(*place)));
        if let Some(chosen) = chosen {
            *have.entry(chosen).or_default() += 1;
            next = (chosen + 1) % reviewers.len();
        }
        let reviewer = chosen.map(|chosen| reviewers[chosen].0.clone());
        dealt.push(Drawn { call, agent, reviewer });
    }
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(count: u128) -> Vec<CallId> {
        (0..count).map(|n| CallId::at(1_790_000_000_000 + n as i64, n)).collect()
    }

    fn huaxin() -> TenantId {
        TenantId::new("huaxin")
    }

    #[test]
    fn q19_a_week_begins_on_monday_in_beijing() {
        let at = |text: &str| Beijing::parse(text).expect("a date").wall();
        let week = Week::of(at("2026-11-22T23:59:59"));
        assert_eq!(week.begin(), at("2026-11-16"));
        assert_eq!(week.end(), at("2026-11-23"));
        assert_eq!(Week::of(week.end()).before(), week);
        assert_eq!(Week::of(Wall(week.end().0 - 1)), week);
        assert_eq!(Week::of_day(week.monday() + 6), week);
        for day in 0..4_000 {
            let midnight = Wall(at("2026-01-01").0 + day * DAY_MS);
            let week = Week::of(midnight);
            assert!(week.begin() <= midnight && midnight < week.end());
            assert_eq!(week.begin().beijing().weekday(), crate::Weekday::Mon);
        }
    }

    #[test]
    fn q19_the_same_calls_are_drawn_again_in_whatever_order_they_come() {
        let (tenant, week, mut all) = (huaxin(), Week::of_day(20_000), calls(50));
        let drawn = draw((&tenant, "weekly"), "8001", week, &all, 5);
        assert_eq!(drawn.len(), 5);
        all.reverse();
        all.push(all[0]);
        assert_eq!(draw((&tenant, "weekly"), "8001", week, &all, 5), drawn);
        for other in [
            draw((&tenant, "other"), "8001", week, &all, 5),
            draw((&tenant, "weekly"), "8002", week, &all, 5),
            draw((&tenant, "weekly"), "8001", week.before(), &all, 5),
            draw((&TenantId::new("lantian"), "weekly"), "8001", week, &all, 5),
        ] {
            assert_ne!(other, drawn, "each draw is its own");
        }
        assert_eq!(draw((&tenant, "weekly"), "8001", week, &calls(3), 5).len(), 3, "all where there are few");
        assert_eq!(draw((&tenant, "weekly"), "8001", week, &[], 5), []);
    }

    #[test]
    fn q19_each_call_is_as_likely_as_any_other() {
        let (tenant, all) = (huaxin(), calls(20));
        let mut counts = BTreeMap::new();
        for week in 0..4_000 {
            for call in draw((&tenant, "weekly"), "8001", Week::of_day(week * 7), &all, 5) {
                *counts.entry(call).or_insert(0_i64) += 1;
            }
        }
        // Each is one of four: 1,000 times, give or take five standard deviations of √(4,000 · ¼ · ¾).
        assert_eq!(counts.len(), 20);
        assert!(counts.values().all(|count| (count - 1_000).abs() < 137), "{counts:?}");
    }

    #[test]
    fn q19_reviewers_have_as_many_each_and_nobody_its_own() {
        let reviewer = |login: &str, agent: Option<&str>| (login.to_owned(), agent.map(str::to_owned));
        let three = [reviewer("chen", None), reviewer("wu", Some("8001")), reviewer("li", None)];
        let drawn = calls(100).into_iter().enumerate();
        let drawn: Vec<_> = drawn.map(|(n, call)| (format!("800{}", n % 5), call)).collect();
        let dealt = deal(None, drawn.clone(), &three);
        assert_eq!(dealt, deal(None, drawn.clone(), &three));
        let count = |login: &str| dealt.iter().filter(|one| one.reviewer.as_deref() == Some(login)).count();
        let counts = ["chen", "wu", "li"].map(count);
        assert!(
            counts.iter().sum::<usize>() == 100 && counts.iter().all(|count| (33..=34).contains(count)),
            "{counts:?}"
        );
        assert!(dealt.iter().all(|one| one.agent != "8001" || one.reviewer.as_deref() != Some("wu")));
        let last = calls(12).into_iter().enumerate();
        let last = last.map(|(n, call)| (["8000", "8000", "8001"][n / 4].to_owned(), call)).collect();
        let dealt = deal(None, last, &three[..2]);
        let chen = dealt.iter().filter(|one| one.reviewer.as_deref() == Some("chen")).count();
        assert_eq!(chen, 6, "those that one of them may not have come last, and are made up for");
        let alone = deal(None, vec![("8001".into(), calls(1)[0])], &[reviewer("wu", Some("8001"))]);
        assert_eq!(alone[0].reviewer, None, "somebody else is to take it");
        assert_eq!(deal(None, vec![("8001".into(), calls(1)[0])], &[])[0].reviewer, None, "nobody is left");
    }

    /// How many calls each of three reviewers has of draws of so many calls, one behind the other.
    fn dealt_over(draws: &[u128]) -> [usize; 3] {
        let three = ["chen", "wu", "li"].map(|login| (login.to_owned(), None));
        let (mut all, mut last) = (Vec::new(), None);
        for count in draws {
            let drawn = calls(*count).into_iter().map(|call| ("8001".to_owned(), call)).collect();
            all.extend(deal(last.as_deref(), drawn, &three).into_iter().filter_map(|one| one.reviewer));
            last = all.last().cloned();
        }
        ["chen", "wu", "li"].map(|login| all.iter().filter(|reviewer| **reviewer == login).count())
    }

    #[test]
    fn q19_what_does_not_come_out_even_is_another_reviewers_each_time() {
        for (weekly, each) in [(1, 3), (4, 12), (5, 15)] {
            assert_eq!(dealt_over(&[weekly; 9]), [each; 3], "{weekly} a week");
        }
        // Weeks that alternate, and weeks without calls: whoever begins does not follow from the week's number.
        assert_eq!(dealt_over(&[1, 2].repeat(9)), [9; 3]);
        assert_eq!(dealt_over(&[1, 0, 0].repeat(9)), [3; 3]);
        assert_eq!(dealt_over(&[2, 1, 1, 5].repeat(3)), [9; 3]);
    }

    #[test]
    fn q19_a_draw_goes_on_behind_the_last_and_begins_anew_where_that_one_is_gone() {
        let two = ["chen", "wu"].map(|login| (login.to_owned(), None));
        let first = |last| deal(last, vec![("8001".into(), calls(1)[0])], &two)[0].reviewer.clone();
        assert_eq!(first(Some("chen")).as_deref(), Some("wu"));
        for last in [Some("wu"), Some("li"), None] {
            assert_eq!(first(last).as_deref(), Some("chen"), "{last:?}");
        }
    }
}
