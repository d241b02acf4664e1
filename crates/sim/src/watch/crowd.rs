//! Row B08: how many calls were up at once and let in within a minute, told from the records of a whole life and held
//! against the limits. It does not ask the tenant's own counts.

use std::collections::BTreeMap;

use hotline::call::{Dated, Fact};
use hotline::cdr::CallRecord;
use hotline::{CallId, Hotline, HotlineNumber, Mono, TenantId};

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

/// Everybody's calls.
#[derive(Debug, Default)]
pub(super) struct Crowd(BTreeMap<Whose, Spans>);

impl Crowd {
    /// A call is over. Limits are those of the rules it was let in by; no edit of a life changes them.
    pub(super) fn note(&mut self, record: &CallRecord, hotline: &Hotline, log: &[Dated]) {
        let at = |of: fn(&Fact) -> bool| log.iter().find(|dated| of(&dated.fact)).map(|dated| dated.at);
        let admitted = at(|fact| matches!(fact, Fact::Admitted { .. }));
        let (Some(from), Some(to)) = (admitted, at(|fact| matches!(fact, Fact::HungUp { .. }))) else {
            return;
        };
        let (own, whole) = (&hotline.limits, &hotline.tenant_limits);
        let (number, tenant) = (record.number, record.tenant.clone());
        let mut add = |whose, at_once_max, minute_max| {
            let spans = self.0.entry(whose).or_default();
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

    /// Whether any limit was passed. A node that died has forgotten the minute before, so `minutes` says if those count.
    pub(super) fn check(&self, minutes: bool) -> Result<(), String> {
        for (whose, Spans { spans, at_once_max, minute_max }) in &self.0 {
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
