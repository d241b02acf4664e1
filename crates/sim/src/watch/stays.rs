//! Stays in queues against the log and the record (row Q12).

use hotline::call::{Dated, Fact, Unqueued};
use hotline::cdr::{Party, QueueStay, StayEnd};
use hotline::settlement::Settlement;

/// Every time a call joined a queue, or could not, is in one stay; their waits are the record's, and who answered is who the record
/// says or whoever it was sent on to.
pub(super) fn check_stays(settlement: &Settlement, log: &[Dated]) -> Result<(), String> {
    let (record, stays) = (&settlement.record, &settlement.stays);
    let count = |is: fn(&Fact) -> bool| log.iter().filter(|dated| is(&dated.fact)).count();
    let joined = count(|fact| matches!(fact, Fact::Queued { .. } | Fact::NotQueued { .. }));
    let told: usize = stays.iter().map(|stay| 1 + stay.returns as usize).sum();
    if told != joined {
        return Err(format!("{joined} times in queues, {stays:?} (Q12)"));
    }
    let wait_ms: u64 = stays.iter().map(|stay| stay.wait_ms).sum();
    if wait_ms != record.wait_ms {
        return Err(format!("waited {} ms, its stays {wait_ms} ms (Q12)", record.wait_ms));
    }
    let answered = count(|fact| matches!(fact, Fact::Unqueued { why: Unqueued::Answered, .. }));
    let undone = count(|fact| matches!(fact, Fact::NotAnswered)) > 0;
    let by_agents = stays.iter().filter(|stay| stay.why == StayEnd::Answered);
    if !undone && by_agents.clone().count() != answered {
        return Err(format!("{answered} agents answered, {stays:?} (Q12)"));
    }
    // The call was told to be over then; what is charged may have ended long before: a session that was not refreshed, money.
    let over = log.iter().find(|dated| matches!(dated.fact, Fact::HungUp { .. }));
    let over_ms = over.zip(log.first()).map_or(0, |(over, first)| over.at.since_ms(first.at) as i64);
    let within =
        |stay: &QueueStay| stay.joined_at <= stay.left_at && stay.left_at.0 <= record.started_at.0 + over_ms;
    if by_agents.clone().any(|stay| stay.agent.is_empty()) || !stays.iter().all(within) {
        return Err(format!("a stay without its agent, or outside its call: {stays:?} (Q12)"));
    }
    let abandoned = stays.iter().any(|stay| stay.why == StayEnd::Abandoned);
    if abandoned && record.ended_by != Party::Caller {
        return Err(format!("{:?} ended it, {stays:?} (Q12)", record.ended_by));
    }
    Ok(())
}
