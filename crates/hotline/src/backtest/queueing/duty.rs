//! Who was on duty when, and what agents did behind talks, by what calls noted of them. How an agent stood is written down at each end
//! of a part in a call: since when it was logged in, and for how long it rested and wrote up since then. So a login is known to
//! the millisecond, and rests and after-work by their lengths; when an agent left after the last call is not known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::seen::{Seen, Stood};
use crate::Wall;
use crate::agent::{Duty, Rest};
use crate::queue::Staff;

/// What lies closer is the same login.
const SAME_MS: i64 = 1_000;
/// Behind the last call of a login an agent is taken to be there for so long, unless something speaks against it.
const STAYS_MS: i64 = 900_000;
/// Calls of which no log tells how their agents stood, farther apart than this, belong to different stretches of duty.
const GAP_MS: i64 = 1_800_000;
/// Who waits for longer than this without an offer waits since nobody is free.
const UNOFFERED_MS: i64 = 1_000;
/// Nobody waits for longer.
const WAIT_MS_MAX: i64 = 7_200_000;

/// A stretch of duty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    pub from: Wall,
    pub to: Wall,
    /// From when to when the agent rested of its own accord.
    pub rests: Vec<(Wall, Wall)>,
}

/// All agents of a period.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    pub shifts: BTreeMap<Arc<str>, Vec<Shift>>,
    /// How long each agent wrote up behind its talks, milliseconds, by the talk's end.
    pub after_work: BTreeMap<Arc<str>, Vec<(Wall, u64)>>,
    /// How long it took agents whom the platform had sent to rest to come back, milliseconds.
    pub returns: Vec<u64>,
}

impl Roster {
    pub fn of(seen: &Seen, staff: &Staff) -> Self {
        let mut roster = Self::default();
        for (agent, stood) in &seen.stood {
            roster.read(agent, stood);
        }
        for errand in seen.errands.iter().filter(|errand| !seen.stood.contains_key(&errand.agent)) {
            roster.shifts.entry(errand.agent.clone()).or_default().push(Shift {
                from: errand.from,
                to: errand.to,
                rests: Vec::new(),
            });
        }
        for (agent, shifts) in &mut roster.shifts {
            if !seen.stood.contains_key(agent) {
                merge(shifts);
            }
            let queues = queues_of(staff, agent);
            // Who logged out in a call was gone with its end.
            let left: BTreeSet<Wall> = seen
                .stood
                .get(agent)
                .into_iter()
                .flatten()
                .filter(|one| one.duty.is_off())
                .map(|one| one.at)
                .collect();
            stay(shifts, &left, |from, to| absent(seen, &queues, from, to));
        }
        roster
    }

    fn read(&mut self, agent: &Arc<str>, stood: &[Stood]) {
        let mut stood: Vec<&Stood> = stood.iter().collect();
        stood.sort_by_key(|one| one.at);
        let (mut before, mut talked): (Option<&Stood>, bool) = (None, false);
        for one in stood {
            let begun = one.since.unwrap_or(Wall(one.at.0 - one.times.sum() as i64));
            let shifts = self.shifts.entry(agent.clone()).or_default();
            // What began before the last call's end is the same login, whatever was done to the clock meanwhile.
            let goes_on =
                shifts.last().is_some_and(|shift| begun <= shift.to || begun.0 - shift.from.0 <= SAME_MS);
            if !goes_on {
                shifts.push(Shift { from: begun, to: begun, rests: Vec::new() });
                before = None;
            }
            let Some(shift) = shifts.last_mut() else { continue };
            let (was_at, was) =
                before.map_or((begun, Default::default()), |before| (before.at, before.times));
            let wrote_ms = one.times.after_work.saturating_sub(was.after_work);
            let rested_ms = one.times.rest.saturating_sub(was.rest);
            // An offer that came to nothing has no after-work.
            if before.is_some() && talked {
                self.after_work.entry(agent.clone()).or_default().push((was_at, wrote_ms));
            }
            match before.map(|before| &before.duty) {
                Some(Duty::Rest(Rest::NoAnswer | Rest::Unreachable)) => self.returns.push(rested_ms),
                _ if rested_ms > 0 => {
                    let from = was_at.0 + wrote_ms as i64;
                    shift.rests.push((Wall(from), Wall(from + rested_ms as i64)));
                }
                _ => {}
            }
            shift.to = one.at;
            talked = one.times.talking > before.map_or(0, |before| before.times.talking);
            before = Some(one);
        }
        // Who rests or leaves behind the last call comes back in no call of the period.
        let last = before.map(|before| (before.at, before.duty.clone()));
        if let (Some((at, Duty::Rest(Rest::Own(_)))), Some(shift)) =
            (last, self.shifts.get_mut(agent).and_then(|shifts| shifts.last_mut()))
        {
            shift.rests.push((at, Wall(at.0 + STAYS_MS)));
        }
    }
}

/// Stretches that are close to each other are one.
fn merge(shifts: &mut Vec<Shift>) {
    shifts.sort_by_key(|shift| shift.from);
    let mut merged: Vec<Shift> = Vec::new();
    for shift in shifts.drain(..) {
        match merged.last_mut().filter(|last| shift.from.0 - last.to.0 <= GAP_MS) {
            Some(last) => last.to = last.to.max(shift.to),
            None => merged.push(shift),
        }
    }
    *shifts = merged;
}

/// Each agent stays on for a while behind the last call, up to the next login, or until somebody waits whom it is not offered.
fn stay(shifts: &mut [Shift], left: &BTreeSet<Wall>, absent: impl Fn(Wall, Wall) -> Option<Wall>) {
    for place in 0..shifts.len() {
        let next = shifts.get(place + 1).map_or(i64::MAX, |next| next.from.0);
        let shift = &mut shifts[place];
        if left.contains(&shift.to) {
            continue;
        }
        let to = Wall((shift.to.0 + STAYS_MS).min(next).max(shift.to.0));
        shift.to = absent(shift.to, to).unwrap_or(to);
    }
}

/// The queues in which an agent would be offered whoever waits.
fn queues_of(staff: &Staff, agent: &str) -> Vec<Arc<str>> {
    let Some(place) = staff.agents.iter().position(|rules| *rules.number == *agent) else {
        return Vec::new();
    };
    let serves = |queue: &&crate::queue::QueueRules| {
        queue.steps.is_empty() && queue.members.iter().any(|member| usize::from(member.agent) == place)
    };
    staff.queues.iter().filter(serves).map(|queue| queue.name.clone()).collect()
}

/// When between two instants somebody waited without an offer.
fn absent(seen: &Seen, queues: &[Arc<str>], from: Wall, to: Wall) -> Option<Wall> {
    let since = |(joined, until): &(Wall, Wall)| {
        let since = joined.0.max(from.0 + UNOFFERED_MS);
        (until.0 - since > UNOFFERED_MS && since < to.0).then_some(Wall(since))
    };
    let of = |queue: &Arc<str>| {
        let waits = seen.unoffered.get(queue)?;
        let first = waits.partition_point(|(joined, _)| joined.0 < from.0 - WAIT_MS_MAX);
        waits[first..].iter().take_while(|(joined, _)| *joined < to).filter_map(since).min()
    };
    queues.iter().filter_map(of).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Times;

    const LOGIN: i64 = 1_000_000;

    fn stood(at: i64, since: i64, talking: u64, after_work: u64, rest: u64, duty: Duty) -> Stood {
        let free = (at - since) as u64 - talking - after_work - rest;
        let times = Times { free, ringing: 0, talking, after_work, rest };
        Stood { at: Wall(at), since: Some(Wall(since)), times, duty }
    }

    fn roster(stood: Vec<Stood>, unoffered: Vec<(Wall, Wall)>) -> Roster {
        let agent: Arc<str> = "8001".into();
        let mut seen = Seen::default();
        seen.stood.insert(agent.clone(), stood);
        seen.unoffered.insert("sales".into(), unoffered);
        let mut document = crate::enterprise::Enterprise::new(
            crate::TenantId::new("huaxin"),
            "Huaxin",
            crate::PlanId::new("T1"),
        );
        document.agents.push(crate::enterprise::Agent {
            number: "8001".into(),
            name: "Lin".into(),
            extension: "801".into(),
            mobile: None,
            confirm: None,
            skills: Default::default(),
            capacity: None,
            shifts: Vec::new(),
        });
        document.queues.push(crate::enterprise::Queue::new("sales", &["8001"]));
        Roster::of(&seen, &crate::enterprise::staff(&document, 1))
    }

    #[test]
    fn a_login_is_known_and_rests_and_after_work_by_their_lengths() {
        let (first, second) = (LOGIN + 600_000, LOGIN + 1_200_000);
        let talks = vec![
            stood(first, LOGIN, 60_000, 0, 0, Duty::Ready),
            stood(second, LOGIN, 90_000, 20_000, 120_000, Duty::Ready),
        ];
        let roster = roster(talks, Vec::new());
        let rest = (Wall(first + 20_000), Wall(first + 140_000));
        let shift = Shift { from: Wall(LOGIN), to: Wall(second + STAYS_MS), rests: vec![rest] };
        assert_eq!(roster.shifts["8001"], [shift]);
        assert_eq!(roster.after_work["8001"], [(Wall(first), 20_000)]);
        assert!(roster.returns.is_empty());
    }

    #[test]
    fn who_is_offered_nobody_who_waits_is_gone_and_another_login_is_another_shift() {
        let (first, again) = (LOGIN + 600_000, LOGIN + 5_000_000);
        let talks = vec![
            stood(first, LOGIN, 60_000, 0, 0, Duty::Ready),
            stood(again + 400_000, again, 60_000, 0, 0, Duty::Off),
        ];
        let waits = vec![
            (Wall(first + 100_000), Wall(first + 100_500)),
            (Wall(first + 200_000), Wall(first + 260_000)),
        ];
        let roster = roster(talks, waits);
        let ends: Vec<_> = roster.shifts["8001"].iter().map(|shift| (shift.from.0, shift.to.0)).collect();
        // Whoever logs out in a call is gone with its end.
        assert_eq!(ends, [(LOGIN, first + 200_000), (again, again + 400_000)]);
    }

    #[test]
    fn a_clock_that_is_set_makes_no_second_login() {
        let (first, second) = (LOGIN + 600_000, LOGIN + 1_200_000);
        for step in [-30_000, 30_000] {
            let talks = vec![
                stood(first, LOGIN, 60_000, 0, 0, Duty::Ready),
                stood(second, LOGIN + step, 90_000, 20_000, 0, Duty::Ready),
            ];
            let shift = Shift { from: Wall(LOGIN), to: Wall(second + STAYS_MS), rests: Vec::new() };
            assert_eq!(roster(talks, Vec::new()).shifts["8001"], [shift]);
        }
    }

    #[test]
    fn who_was_sent_to_rest_comes_back_after_that_rest() {
        let (first, second) = (LOGIN + 600_000, LOGIN + 1_200_000);
        let offers = vec![
            stood(first, LOGIN, 60_000, 0, 0, Duty::Rest(Rest::NoAnswer)),
            stood(second, LOGIN, 90_000, 0, 240_000, Duty::Ready),
        ];
        let roster = roster(offers, Vec::new());
        assert_eq!((roster.returns.as_slice(), roster.shifts["8001"][0].rests.len()), (&[240_000][..], 0));
    }
}
