//! How many agents a queue may need on a day (row Q26): calls as on the same weekday of weeks before, their length as measured, and
//! Erlang C, each quarter of an hour with what it goes by.

use std::collections::BTreeSet;

use hotline::agent::WrapUp;
use hotline::calendar::Date;
use hotline::cdr::StayEnd;
use hotline::enterprise::Queue;
use hotline::staffing::{Load, Staffing};
use hotline::{TenantId, Wall};
use serde::{Deserialize, Serialize};
use store::StayFilter;

use super::turns::turn;
use super::{Desk, Outcome, Refusal};

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// The enterprise.
    pub tenant: String,
    /// The queue.
    pub queue: String,
    /// The day, in Beijing.
    pub date: Date,
    /// So many weeks are looked back.
    pub weeks: u8,
    /// How long a call keeps an agent, seconds, in place of what was measured.
    #[serde(default)]
    pub handling_s: Option<u32>,
}

/// Weeks that are looked back unless said.
pub const WEEKS: u8 = 4;
const WEEKS_MAX: u8 = 12;
const HANDLING_S_MAX: u32 = 14_400;
const QUARTERS: usize = 96;
const QUARTER_MS: i64 = 900_000;
const DAY_MS: i64 = 86_400_000;
/// Stays that are read at a time.
const STAYS: u32 = 5_000;

/// A forecast, with all that it goes by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = QueueForecast)]
pub struct Forecast {
    /// The queue.
    pub queue: String,
    /// The day, in Beijing.
    pub date: String,
    /// The days whose calls it goes by: the same weekday of the weeks before, as far as the queue had calls then.
    pub days: Vec<PastDay>,
    /// How long a call keeps an agent.
    pub handling: Handling,
    /// So many percent of callers are to be answered …
    pub goal_percent: u8,
    /// … within so many seconds.
    pub goal_seconds: u16,
    /// Each quarter of an hour of the day.
    pub quarters: Vec<Quarter>,
}

/// A day that a forecast goes by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = QueueForecastDay)]
pub struct PastDay {
    /// The day.
    pub date: String,
    /// Callers who joined the queue or found no place in it, each once a call until an agent answered; those it sent on at once
    /// count, those to be called back do not.
    pub calls: u64,
}

/// How long a call keeps an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = QueueForecastHandling)]
pub struct Handling {
    /// `asked` as the question says, `measured` by the talks of these days, `document` where there were none: what the queue's
    /// document expects.
    pub by: HandlingBy,
    /// The answered calls that were measured.
    pub answered: u64,
    /// Their mean talk, holds included, milliseconds.
    pub talk_ms: u64,
    /// After-work by the document: as long as it is forced, or as long as it may last, milliseconds.
    pub after_work_ms: u64,
    /// What is reckoned with, milliseconds.
    pub handling_ms: u64,
}

/// Where the length of calls comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HandlingBy {
    /// The question.
    Asked,
    /// The talks of the days looked at.
    Measured,
    /// The queue's document.
    Document,
}

/// A quarter of an hour of a forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = QueueForecastQuarter)]
pub struct Quarter {
    /// When it begins, such as `09:15`.
    pub from: String,
    /// Calls that are expected in it, × 100: the mean of the days.
    pub calls_e2: u64,
    /// Calls in an hour at that rate, × 100.
    pub calls_per_hour_e2: u64,
    /// The load in erlangs, × 100.
    pub erlangs_e2: u64,
    /// The agents who meet the goal; none where no number of them would, and where there is no day to go by.
    pub agents: Option<u32>,
    /// The share of their time that these are at calls, percent × 10.
    pub occupancy_e1: u64,
    /// Callers who wait at all, percent × 10.
    pub waits_e1: u64,
    /// Callers who are answered within the goal's seconds, percent × 10.
    pub in_time_e1: u64,
    /// The mean wait over all callers, milliseconds.
    pub wait_ms: u64,
}

/// Forecasts a day of a queue.
///
/// # Errors
/// There is no such enterprise or queue, or the question is none.
pub async fn forecast(desk: &Desk, asked: &Asked) -> Outcome<Forecast> {
    check(asked)?;
    let tenant = TenantId::new(&asked.tenant);
    let document = desk.enterprise(&tenant).await?.enterprise;
    let queue = document.queues.iter().find(|one| one.name == asked.queue).ok_or_else(|| {
        let queue = &asked.queue;
        Refusal::not_found(format!("没有队列 {queue}"), format!("there is no queue {queue}"))
    })?;
    let _turn = turn(&tenant).await;
    let mut past = Past::default();
    let today = Date::of(crate::clock::wall().beijing());
    for date in days_before(asked.date, today, asked.weeks) {
        look_back(desk, &tenant, &asked.queue, date, &mut past).await?;
    }
    Ok(reckon(asked, queue, past))
}

fn check(asked: &Asked) -> Outcome<()> {
    if !(1..=WEEKS_MAX).contains(&asked.weeks) {
        return Err(Refusal::invalid(
            format!("回看的周数应为 1 至 {WEEKS_MAX}"),
            format!("1 to {WEEKS_MAX} weeks are looked back"),
        ));
    }
    if asked.handling_s.is_some_and(|s| !(1..=HANDLING_S_MAX).contains(&s)) {
        return Err(Refusal::invalid(
            format!("处理时长应为 1 至 {HANDLING_S_MAX} 秒"),
            format!("a call keeps an agent for 1 to {HANDLING_S_MAX} s"),
        ));
    }
    Ok(())
}

/// The same weekday of so many weeks, the latest first: days before the one asked for that are over.
fn days_before(date: Date, today: Date, weeks: u8) -> impl Iterator<Item = Date> {
    let over = (1..).map(move |week| date.plus_days(-7 * week)).skip_while(move |day| *day >= today);
    over.take(weeks.into())
}

/// What was on the days looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Past {
    days: Vec<PastDay>,
    /// Calls by the quarter of the day, over all days.
    calls: Vec<u64>,
    answered: u64,
    talk_ms: u64,
}

async fn look_back(desk: &Desk, tenant: &TenantId, queue: &str, date: Date, past: &mut Past) -> Outcome<()> {
    let begin = date.midnight().wall();
    let mut filter = StayFilter {
        queue: Some(queue.to_owned()),
        since: Some(begin),
        until: Some(Wall(begin.0 + DAY_MS)),
        behind: None,
    };
    past.calls.resize(QUARTERS, 0);
    let (mut calls, mut waited) = (0, BTreeSet::new());
    loop {
        let page = desk.store.stays(tenant, &filter, STAYS).await?;
        let Some(last) = page.last() else { break };
        filter.behind = Some((last.stay.joined_at, last.call, last.place));
        for store::Stay { call, stay, .. } in page.into_iter().filter(|one| !one.stay.is_callback) {
            // Who tries again behind a prompt is the same caller.
            if waited.insert(call) {
                let quarter = ((stay.joined_at.0 - begin.0) / QUARTER_MS) as usize;
                past.calls[quarter.min(QUARTERS - 1)] += 1;
                calls += 1;
            }
            if stay.why == StayEnd::Answered {
                waited.remove(&call);
                past.answered += 1;
                past.talk_ms += stay.talk_ms;
            }
        }
    }
    if calls > 0 {
        past.days.push(PastDay { date: date.to_string(), calls });
    }
    Ok(())
}

fn reckon(asked: &Asked, queue: &Queue, past: Past) -> Forecast {
    let goal = queue.service_level.unwrap_or_default();
    let handling = handling(asked, queue, &past);
    let is_known = !past.days.is_empty();
    // A day without a call is no day of the queue: it was not there yet, or closed.
    let days = past.days.len().max(1) as f64;
    let quarter = |(place, calls): (usize, &u64)| {
        let minutes = place * 15;
        let calls = *calls as f64 / days;
        let load = Load { calls_per_hour: calls * 4.0, handling_s: handling.handling_ms as f64 / 1_000.0 };
        let staffing = if is_known { load.suggest(&goal) } else { None };
        told(format!("{:02}:{:02}", minutes / 60, minutes % 60), calls, load, staffing)
    };
    Forecast {
        queue: queue.name.clone(),
        date: asked.date.to_string(),
        goal_percent: goal.percent,
        goal_seconds: goal.s,
        quarters: past.calls.iter().enumerate().map(quarter).collect(),
        days: past.days,
        handling,
    }
}

fn handling(asked: &Asked, queue: &Queue, past: &Past) -> Handling {
    let after_work_ms = match queue.wrap_up {
        WrapUp::None => 0,
        WrapUp::Optional { ms_max } => ms_max.unwrap_or(0),
        WrapUp::Forced { ms } => ms,
    };
    let talk_ms = past.talk_ms.checked_div(past.answered).unwrap_or(0);
    let (by, handling_ms) = match (asked.handling_s, talk_ms) {
        (Some(s), _) => (HandlingBy::Asked, u64::from(s) * 1_000),
        (None, 0) => (HandlingBy::Document, u64::from(queue.talk_s) * 1_000),
        (None, talk_ms) => (HandlingBy::Measured, talk_ms + after_work_ms),
    };
    Handling { by, answered: past.answered, talk_ms, after_work_ms, handling_ms }
}

fn told(from: String, calls: f64, load: Load, staffing: Option<Staffing>) -> Quarter {
    let scaled = |value: f64, by: f64| (value * by).round() as u64;
    let of =
        |figure: fn(&Staffing) -> f64, by| staffing.as_ref().map_or(0, |found| scaled(figure(found), by));
    Quarter {
        from,
        calls_e2: scaled(calls, 100.0),
        calls_per_hour_e2: scaled(load.calls_per_hour, 100.0),
        erlangs_e2: scaled(load.erlangs(), 100.0),
        agents: staffing.map(|found| found.agents),
        occupancy_e1: of(|found| found.occupancy, 1_000.0),
        waits_e1: of(|found| found.waits, 1_000.0),
        in_time_e1: of(|found| found.in_time, 1_000.0),
        wait_ms: of(|found| found.wait_s, 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        let date = "2026-10-12".parse().expect("a date");
        Asked { tenant: "acme".into(), queue: "sales".into(), date, weeks: WEEKS, handling_s: None }
    }

    fn past(calls_at_nine: u64) -> Past {
        let mut calls = vec![0; QUARTERS];
        calls[36] = calls_at_nine;
        let day = |date: &str| PastDay { date: date.into(), calls: calls_at_nine / 2 };
        Past { days: vec![day("2026-10-05"), day("2026-09-28")], calls, answered: 10, talk_ms: 1_500_000 }
    }

    #[test]
    fn q26_a_quarter_has_the_mean_of_its_days_and_the_agents_of_erlang_c() {
        let mut queue = Queue::new("sales", &["8001"]);
        queue.wrap_up = WrapUp::Forced { ms: 30_000 };
        let told = reckon(&asked(), &queue, past(100));
        let handling = (told.handling.by, told.handling.talk_ms, told.handling.handling_ms);
        assert_eq!(handling, (HandlingBy::Measured, 150_000, 180_000));
        assert_eq!((told.quarters.len(), told.goal_percent, told.goal_seconds), (96, 80, 20));
        // 50 calls in a quarter are 200 in an hour, of 180 s: ten erlangs, as in the published example.
        let nine = &told.quarters[36];
        assert_eq!((nine.from.as_str(), nine.calls_e2, nine.calls_per_hour_e2), ("09:00", 5_000, 20_000));
        assert_eq!((nine.erlangs_e2, nine.agents), (1_000, Some(14)));
        assert_eq!((nine.occupancy_e1, nine.waits_e1, nine.in_time_e1), (714, 174, 888));
        assert_eq!(nine.wait_ms, 7_836);
        let night = &told.quarters[0];
        assert_eq!((night.calls_e2, night.agents, night.in_time_e1), (0, Some(0), 1_000));
    }

    #[test]
    fn q26_days_that_are_over_are_gone_by_and_none_is_no_figure() {
        let days = |date: &str, today: &str| -> Vec<String> {
            let date: Date = date.parse().expect("a date");
            days_before(date, today.parse().expect("a date"), 2).map(|day| day.to_string()).collect()
        };
        assert_eq!(days("2026-10-19", "2026-10-16"), ["2026-10-12", "2026-10-05"]);
        assert_eq!(days("2026-10-19", "2026-10-12"), ["2026-10-05", "2026-09-28"], "today is not over");
        assert_eq!(days("2026-12-14", "2026-10-16"), ["2026-10-12", "2026-10-05"], "far ahead");
        assert_eq!(days("2026-09-28", "2026-10-16"), ["2026-09-21", "2026-09-14"], "a day that was");
        let none = Past { calls: vec![0; QUARTERS], ..Past::default() };
        let told = reckon(&asked(), &Queue::new("sales", &["8001"]), none);
        assert!(told.quarters.iter().all(|quarter| quarter.agents.is_none()));
    }

    #[test]
    fn q26_the_length_of_a_call_is_asked_measured_or_the_documents() {
        let queue = Queue::new("sales", &["8001"]);
        let of = |asked: &Asked, past: Past| {
            let told = reckon(asked, &queue, past).handling;
            (told.by, told.handling_ms)
        };
        assert_eq!(of(&asked(), past(2)), (HandlingBy::Measured, 150_000));
        let none = Past { calls: vec![0; QUARTERS], ..Past::default() };
        assert_eq!(of(&asked(), none), (HandlingBy::Document, 180_000));
        let own = Asked { handling_s: Some(60), ..asked() };
        assert_eq!(of(&own, past(2)), (HandlingBy::Asked, 60_000));
        for wrong in [
            Asked { weeks: 0, ..asked() },
            Asked { weeks: 13, ..asked() },
            Asked { handling_s: Some(0), ..own },
        ] {
            assert!(check(&wrong).is_err(), "{wrong:?}");
        }
    }
}
