//! Row B08: how many calls were up at once and let in within a minute, and how many legs left by trunks within a day (FAULTS N7), told
//! from the records of a whole life and held against the limits. It does not ask the tenant's own counts.

use std::collections::BTreeMap;

use hotline::call::{Dated, Fact};
use hotline::cdr::CallRecord;
use hotline::{CallId, Hotline, HotlineNumber, Mono, TenantId, Wall};

const MINUTE_MS: u64 = 60_000;

/// Whose calls are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Number(HotlineNumber),
    Tenant(TenantId),
    Caller(HotlineNumber, String),
    CallerOfTenant(TenantId, String),
}

/// What was let in, and what may be.
#[derive(Debug, Default)]
struct Spans {
    /// By call: what a dead node had told the store is told again.
    spans: BTreeMap<CallId, (Mono, Mono)>,
    at_once_max: Option<u32>,
    minute_max: Option<u32>,
}

/// Legs by trunks of one day in Beijing, and the cap.
#[derive(Debug, Default)]
struct Legs {
    by_call: BTreeMap<CallId, u32>,
    max: Option<u32>,
}

/// Everybody's calls.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    calls: BTreeMap<Whose, Spans>,
    legs: BTreeMap<(Whose, i64), Legs>,
}

impl Crowd {
    /// A call is over. Limits are those of the rules it was let in by; no edit of a life changes them.
    pub(super) fn note(&mut self, record: &CallRecord, hotline: &Hotline, log: &[Dated]) {
        self.note_legs(record, hotline, log);
        let at = |of: fn(&Fact) -> bool| log.iter().find(|dated| of(&dated.fact)).map(|dated| dated.at);
        let admitted = at(|fact| matches!(fact, Fact::Admitted { .. }));
        let (Some(from), Some(to)) = (admitted, at(|fact| matches!(fact, Fact::HungUp { .. }))) else {
            return;
        };
        let (own, whole) = (&hotline.limits, &hotline.tenant_limits);
        let (number, tenant) = (record.number, record.tenant.clone());
        let mut add = |whose, at_once_max, minute_max| {
            let spans = self.calls.entry(whose).or_default();
            spans.spans.insert(record.call, (from, to));
            (spans.at_once_max, spans.minute_max) = (at_once_max, minute_max);
        };
        add(Whose::Number(number), own.concurrent_calls_max, own.calls_per_minute_max);
        add(Whose::Tenant(tenant.clone()), whole.concurrent_calls_max, whole.calls_per_minute_max);
        if !record.caller.is_empty() {
            let caller = record.caller.clone();
            add(
                Whose::Caller(number, caller.clone()),
                own.concurrent_calls_per_caller_max,
                own.calls_per_minute_per_caller_max,
            );
            add(
                Whose::CallerOfTenant(tenant, caller),
                whole.concurrent_calls_per_caller_max,
                whole.calls_per_minute_per_caller_max,
            );
        }
    }

    fn note_legs(&mut self, record: &CallRecord, hotline: &Hotline, log: &[Dated]) {
        let Some(Fact::Arrived(arrived)) = log.first().map(|dated| &dated.fact) else { return };
        let by_trunk = |dated: &&Dated| matches!(&dated.fact, Fact::Dialled(leg) if !leg.trunk.is_empty());
        let day = |dated: &Dated| Wall::of(dated.at, arrived.wall_offset_ms).beijing().day_number();
        let mut days: BTreeMap<i64, u32> = BTreeMap::new();
        for leg in log.iter().filter(by_trunk) {
            *days.entry(day(leg)).or_default() += 1;
        }
        let caps = [
            (Whose::Number(record.number), hotline.limits.outgoing_per_day_max),
            (Whose::Tenant(record.tenant.clone()), hotline.tenant_limits.outgoing_per_day_max),
        ];
        for (day, count) in days {
            for (whose, max) in &caps {
                let legs = self.legs.entry((whose.clone(), day)).or_default();
                legs.by_call.insert(record.call, count);
                legs.max = *max;
            }
        }
    }

    /// Whether any limit was passed. A node that died has forgotten the minute before, so `minutes` says if those count.
    pub(super) fn check(&self, minutes: bool) -> Result<(), String> {
        for ((whose, day), Legs { by_call, max }) in &self.legs {
            let count: u32 = by_call.values().sum();
            if let Some(limit) = max.filter(|limit| count > *limit) {
                return Err(format!("{whose:?} had {count} legs by trunks on day {day} of {limit} (N7)"));
            }
        }
        for (whose, Spans { spans, at_once_max, minute_max }) in &self.calls {
            let spans: Vec<_> = spans.values().copied().collect();
            let most = most_at_once(&spans);
            if let Some(limit) = at_once_max.filter(|limit| most > *limit) {
                return Err(format!("{whose:?} had {most} calls up at once of {limit} (B08)"));
            }
            let most = most_within_a_minute(&spans);
            if let Some(limit) = minute_max.filter(|limit| minutes && most > *limit) {
                return Err(format!("{whose:?} had {most} calls in a minute of {limit} (B08)"));
            }
        }
        Ok(())
    }
}

/// Who ends in an instant makes room for who begins in it.
fn most_at_once(spans: &[(Mono, Mono)]) -> u32 {
    let lasting = spans.iter().filter(|(from, to)| from < to);
    let mut turns: Vec<(Mono, i32)> = lasting.flat_map(|(from, to)| [(*from, 1), (*to, -1)]).collect();
    turns.sort();
    let ups = turns.iter().scan(0, |up, (_, change)| {
        *up += change;
        Some(*up)
    });
    ups.max().unwrap_or(0).max(0) as u32
}

fn most_within_a_minute(spans: &[(Mono, Mono)]) -> u32 {
    let mut begins: Vec<Mono> = spans.iter().map(|(from, _)| *from).collect();
    begins.sort();
    let within = |(place, last): (usize, &Mono)| {
        begins[..=place].iter().rev().take_while(|at| last.since_ms(**at) < MINUTE_MS).count()
    };
    begins.iter().enumerate().map(within).max().unwrap_or(0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b08_crowds_are_counted() {
        let spans = [(0, 10), (5, 20), (10, 12), (10, 10), (70_000, 70_001)].map(|(a, b)| (Mono(a), Mono(b)));
        assert_eq!((most_at_once(&spans), most_within_a_minute(&spans)), (2, 4));
        assert_eq!((most_at_once(&[]), most_within_a_minute(&[])), (0, 0));
    }
}
