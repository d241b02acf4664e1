//! What callers said of talks (row Q07), as people look at it: each call that was asked, and the rate of answers and the
//! mean by agent and queue, with the counts behind them.

use hotline::satisfaction::AskedBy;
use hotline::{CallId, HotlineNumber, TenantId};
use serde::{Deserialize, Serialize};
use store::{RatingFilter, RatingSum};
use utoipa::ToSchema;

use super::calls::Range;
use super::money::time;
use super::{Desk, Outcome, PAGE_MAX};

/// Which ratings are meant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Asked {
    /// The enterprise.
    pub tenant: String,
    /// Of this agent.
    #[serde(default)]
    pub agent: Option<String>,
    /// Of this queue.
    #[serde(default)]
    pub queue: Option<String>,
    /// Of which calls; the times are those of the question.
    #[serde(flatten)]
    pub range: Range,
    /// At most.
    #[serde(default)]
    pub limit: u32,
}

/// One call that was asked.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = RatingListed)]
pub struct Listed {
    /// The call.
    #[schema(value_type = String)]
    pub call: CallId,
    /// The 400 number.
    #[schema(value_type = String)]
    pub number: HotlineNumber,
    /// Its caller; empty when withheld.
    pub caller: String,
    /// The queue; empty without one.
    pub queue: String,
    /// The agent; empty for other phones.
    pub agent: String,
    /// The name of who talked.
    pub destination: String,
    /// How it was asked: `keys`, `message`.
    #[schema(value_type = String)]
    pub by: AskedBy,
    /// When, Beijing time.
    pub asked_at: String,
    /// 1 to 5; none where the caller gave no rating.
    pub score: Option<u8>,
}

/// The ratings of one agent in one queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RatingSummed)]
pub struct Summed {
    /// The queue; empty without one.
    pub queue: String,
    /// The agent; empty for other phones.
    pub agent: String,
    /// Calls that were asked for a key.
    pub asked: u64,
    /// Those of them that answered.
    pub answered: u64,
    /// Answers in a thousand calls asked; none without calls.
    pub answered_per_mille: Option<u64>,
    /// The mean score × 100; none without answers.
    pub mean_e2: Option<u64>,
    /// How many of each score, 1 first.
    pub scores: [u64; 5],
    /// Callers who hung up before they could be asked and were sent a message.
    pub messages: u64,
}

fn filter(asked: &Asked) -> RatingFilter {
    let Range { number, since, until, older_than } = asked.range;
    let (agent, queue) = (asked.agent.clone(), asked.queue.clone());
    RatingFilter { number, agent, queue, since, until, older_than }
}

/// Lists a page of ratings, the latest call first.
///
/// # Errors
/// There is no such enterprise, or those of the database.
pub async fn list(desk: &Desk, asked: &Asked) -> Outcome<Vec<Listed>> {
    let tenant = TenantId::new(&asked.tenant);
    desk.enterprise(&tenant).await?;
    let found = desk.store.ratings(&tenant, &filter(asked), asked.limit.min(PAGE_MAX)).await?;
    let listed = found.into_iter().map(|one| Listed {
        call: one.call,
        number: one.number,
        caller: one.caller,
        queue: one.rating.queue,
        agent: one.rating.agent,
        destination: one.rating.destination,
        by: one.rating.by,
        asked_at: time(one.rating.asked_at),
        score: one.rating.score,
    });
    Ok(listed.collect())
}

/// Sums ratings by queue and agent.
///
/// # Errors
/// As for [`list`].
pub async fn sums(desk: &Desk, asked: &Asked) -> Outcome<Vec<Summed>> {
    let tenant = TenantId::new(&asked.tenant);
    desk.enterprise(&tenant).await?;
    let found = desk.store.rating_sums(&tenant, &filter(asked)).await?;
    Ok(found.into_iter().map(summed).collect())
}

fn summed(sum: RatingSum) -> Summed {
    let rounded = |part: u64, whole: u64| (whole > 0).then(|| (part * 2 + whole) / (whole * 2));
    Summed {
        answered_per_mille: rounded(sum.answered * 1_000, sum.asked),
        mean_e2: rounded(sum.score_sum * 100, sum.answered),
        queue: sum.queue,
        agent: sum.agent,
        asked: sum.asked,
        answered: sum.answered,
        scores: sum.scores,
        messages: sum.messages,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q07_rate_and_mean_are_rounded_and_there_where_something_was_counted() {
        let sum = |asked, answered, score_sum| {
            summed(RatingSum { asked, answered, score_sum, ..RatingSum::default() })
        };
        let of = |one: Summed| (one.answered_per_mille, one.mean_e2);
        assert_eq!(of(sum(3, 2, 7)), (Some(667), Some(350)));
        assert_eq!(of(sum(3, 0, 0)), (Some(0), None));
        assert_eq!(of(sum(0, 0, 0)), (None, None));
    }
}
