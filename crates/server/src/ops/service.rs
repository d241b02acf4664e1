//! Service levels of queues (row Q12): what became of each queue's calls in a span of time, or in each day or hour of it, by the goal
//! that its document has now, with the formula written out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hotline::calendar::Date;
use hotline::service::{Abandons, Counts, Level, ServiceLevel, ShortAbandons, Waits};
use hotline::{TenantId, Wall};
use serde::{Deserialize, Serialize};
use store::StayFilter;

use super::money::time;
use super::turns::turn;
use super::{Desk, Outcome, Refusal, check_instant};

/// What is asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Asked {
    /// The enterprise.
    pub tenant: String,
    /// Of this queue.
    #[serde(default)]
    pub queue: Option<String>,
    /// Joined at or after; from the midnight in Beijing that began today unless said.
    #[serde(default)]
    pub since: Option<Wall>,
    /// Joined before; until now unless said.
    #[serde(default)]
    pub until: Option<Wall>,
    /// Each part of it by itself.
    #[serde(default)]
    pub each: Option<Each>,
}

/// Parts of a span of time, in Beijing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Each {
    /// Each day.
    Day,
    /// Each hour.
    Hour,
}

/// A queue in a span of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = QueueService)]
pub struct Service {
    /// The queue.
    pub queue: String,
    /// When it begins, Beijing time.
    pub from: String,
    /// When it is over.
    pub to: String,
    /// What counts.
    pub goal: Goal,
    /// Callers who joined the queue.
    pub offered: u64,
    /// Answered by an agent.
    pub answered: u64,
    /// Those of them within the goal's seconds.
    pub answered_in_time: u64,
    /// Gave up, those who did at once not counted.
    pub abandoned: u64,
    /// Those of them within the goal's seconds.
    pub abandoned_in_time: u64,
    /// Gave up at once.
    pub short_abandoned: u64,
    /// Ended without the caller's word: no money, the node stopped or died.
    pub cut_off: u64,
    /// Waited as long as may be.
    pub timed_out: u64,
    /// Nobody was left to take them.
    pub left_empty: u64,
    /// Left by a key and did not come back.
    pub by_key: u64,
    /// Sent on by a limit of the queue before their time (row R33).
    pub spilled: u64,
    /// Could not join, since as many waited as may; not among the offered.
    pub full: u64,
    /// Could not join, since nobody was there; not among the offered.
    pub empty: u64,
    /// Calls of the platform to who asked for one, each try of its own, that stood in the queue; not among the offered.
    pub callbacks: u64,
    /// What callers waited until an agent answered.
    pub wait: Option<Waited>,
    /// What callers waited who gave up.
    pub abandoned_wait: Option<Waited>,
    /// Percent × 100; none where no call counts.
    pub level_percent_e2: Option<u64>,
    /// Whether the goal is met; none where no call counts.
    pub is_met: Option<bool>,
    /// How the level came about, with its numbers.
    pub formula: Formula,
}

/// The goal of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = QueueServiceGoal)]
pub struct Goal {
    /// Whether the document says it; else the usual 80/20.
    pub is_set: bool,
    /// So many percent …
    pub percent: u8,
    /// … within so many seconds.
    pub seconds: u16,
    /// `out` or `in`.
    #[schema(value_type = String)]
    pub short_abandons: ShortAbandons,
    /// Whoever gave up before so many seconds did at once.
    pub short_abandon_seconds: u16,
    /// `missed`, `in_time` or `out`.
    #[schema(value_type = String)]
    pub abandons: Abandons,
}

/// Waits of calls, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = QueueWaits)]
pub struct Waited {
    /// The mean.
    pub average_ms: u64,
    /// The middle one.
    pub median_ms: u64,
    /// The longest.
    pub longest_ms: u64,
}

impl From<Waits> for Waited {
    fn from(Waits { average_ms, median_ms, longest_ms }: Waits) -> Waited {
        Waited { average_ms, median_ms, longest_ms }
    }
}

/// A level's formula with its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = QueueServiceFormula)]
pub struct Formula {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const BEIJING_MS: i64 = 8 * HOUR_MS;
/// The longest span.
const DAYS_MAX: i64 = 400;
/// The longest span of which each hour is told.
const DAYS_BY_HOUR_MAX: i64 = 31;
/// Stays that are read at a time.
const STAYS: u32 = 5_000;

/// Service levels, by queue and time. A queue without calls in the whole span is not there.
///
/// # Errors
/// There is no such enterprise or queue, or the span is none.
pub async fn report(desk: &Desk, asked: &Asked) -> Outcome<Vec<Service>> {
    let span = Span::of(asked.since, asked.until, asked.each, crate::clock::wall())?;
    let tenant = TenantId::new(&asked.tenant);
    let document = desk.enterprise(&tenant).await?.enterprise;
    let set = |queue: &str| document.queues.iter().find(|one| one.name == queue)?.service_level;
    let _turn = turn(&tenant).await;
    let mut found: BTreeMap<(String, i64), Counts> = BTreeMap::new();
    let mut filter = StayFilter {
        queue: asked.queue.clone(),
        since: Some(span.since),
        until: Some(span.until),
        behind: None,
    };
    loop {
        let page = desk.store.stays(&tenant, &filter, STAYS).await?;
        let Some(last) = page.last() else { break };
        filter.behind = Some((last.stay.joined_at, last.call, last.place));
        for one in page {
            let goal = set(&one.stay.queue).unwrap_or_default();
            let part = span.part_of(one.stay.joined_at);
            let counts = found.entry((one.stay.queue.clone(), part)).or_default();
            goal.count(counts, &one.stay);
        }
    }
    if let Some(queue) = asked.queue.as_deref().filter(|_| found.is_empty())
        && !document.queues.iter().any(|one| one.name == queue)
    {
        return Err(Refusal::not_found(format!("没有队列 {queue}"), format!("there is no queue {queue}")));
    }
    let told = |((queue, part), counts): ((String, i64), Counts)| {
        let goal = set(&queue);
        let (from, to) = span.of_part(part);
        service(queue, goal, (from, to), counts)
    };
    Ok(found.into_iter().map(told).collect())
}

/// The span of time that is asked about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub since: Wall,
    pub until: Wall,
    each: Option<Each>,
}

impl Span {
    /// From the midnight that began today until now, unless said otherwise.
    pub fn of(since: Option<Wall>, until: Option<Wall>, each: Option<Each>, now: Wall) -> Outcome<Span> {
        let until = until.unwrap_or(now);
        let today = || Date::of(now.beijing()).midnight().wall();
        let since = since.unwrap_or_else(today);
        check_instant("since", since)?;
        check_instant("until", until)?;
        let days_max = if each == Some(Each::Hour) { DAYS_BY_HOUR_MAX } else { DAYS_MAX };
        if (1..=days_max * DAY_MS).contains(&(until.0 - since.0)) {
            return Ok(Span { since, until, each });
        }
        Err(Refusal::invalid(
            format!("起止时间应先后有序，且不超过 {days_max} 天"),
            format!("a span ends after it begins and has {days_max} days at most"),
        ))
    }

    /// The part that an instant lies in, counted from 1970 in Beijing; one for all where parts are not asked for.
    fn part_of(&self, at: Wall) -> i64 {
        self.each.map_or(0, |each| (at.0 + BEIJING_MS).div_euclid(length_ms(each)))
    }

    /// Where each part begins, and where the last is over.
    pub fn bounds(&self) -> Vec<Wall> {
        let last = Wall(self.until.0 - 1).max(self.since);
        let parts = self.part_of(self.since)..=self.part_of(last);
        parts.map(|part| self.of_part(part).0).chain([self.until]).collect()
    }

    /// From when to when a part lasts, as far as it was asked about.
    fn of_part(&self, part: i64) -> (Wall, Wall) {
        let Some(each) = self.each else { return (self.since, self.until) };
        let begin = part * length_ms(each) - BEIJING_MS;
        (Wall(begin).max(self.since), Wall(begin + length_ms(each)).min(self.until))
    }
}

fn length_ms(each: Each) -> i64 {
    match each {
        Each::Day => DAY_MS,
        Each::Hour => HOUR_MS,
    }
}

fn service(queue: String, set: Option<ServiceLevel>, (from, to): (Wall, Wall), counts: Counts) -> Service {
    let terms = set.unwrap_or_default();
    let level = terms.level(&counts);
    Service {
        queue,
        from: time(from),
        to: time(to),
        goal: Goal {
            is_set: set.is_some(),
            percent: terms.percent,
            seconds: terms.s,
            short_abandons: terms.short_abandons,
            short_abandon_seconds: terms.short_abandon_s,
            abandons: terms.abandons,
        },
        level_percent_e2: level.percent_e2(),
        is_met: terms.is_met(level),
        formula: formula(&terms, &counts, level),
        offered: counts.offered,
        answered: counts.answered,
        answered_in_time: counts.answered_in_time,
        abandoned: counts.abandoned,
        abandoned_in_time: counts.abandoned_in_time,
        short_abandoned: counts.short_abandoned,
        cut_off: counts.cut_off,
        timed_out: counts.timed_out,
        left_empty: counts.left_empty,
        by_key: counts.by_key,
        spilled: counts.spilled,
        full: counts.full,
        empty: counts.empty,
        callbacks: counts.callbacks,
        wait: Waits::of(counts.waits).map(Waited::from),
        abandoned_wait: Waits::of(counts.abandoned_waits).map(Waited::from),
    }
}

/// The formula as [`ServiceLevel::level`] counts: what is in time over all that counts.
fn formula(terms: &ServiceLevel, counts: &Counts, level: Level) -> Formula {
    let (s, short_s) = (terms.s, terms.short_abandon_s);
    let in_time = level.in_time - counts.answered_in_time;
    let mut above = (
        format!("{s} 秒内接听 {}", counts.answered_in_time),
        format!("answered within {s} s {}", counts.answered_in_time),
    );
    if terms.abandons == Abandons::InTime {
        let _ = write!(above.0, " + {s} 秒内放弃 {in_time}");
        let _ = write!(above.1, " + abandoned within {s} s {in_time}");
    }
    let mut below = (format!("接听 {}", counts.answered), format!("answered {}", counts.answered));
    let short = if terms.short_abandons == ShortAbandons::In { counts.short_abandoned } else { 0 };
    if terms.abandons != Abandons::Out {
        let _ = write!(below.0, " + 放弃 {}", counts.abandoned + short);
        let _ = write!(below.1, " + abandoned {}", counts.abandoned + short);
    }
    for (count, zh, en) in [
        (counts.timed_out, "超时", "timed out"),
        (counts.left_empty, "无坐席转出", "left empty"),
        (counts.by_key, "按键转出", "left by key"),
        (counts.cut_off, "平台中断", "cut off"),
    ] {
        if count > 0 {
            let _ = write!(below.0, " + {zh} {count}");
            let _ = write!(below.1, " + {en} {count}");
        }
    }
    let (shown, met) = (percent(level.percent_e2()), terms.is_met(level));
    let goal = terms.percent;
    let word = |yes, no, none| met.map_or(none, |met| if met { yes } else { no });
    let (met_zh, met_en) = (word("达标", "未达标", "无可计来电"), word("met", "missed", "no call counts"));
    let out = counts.short_abandoned;
    let left_out = match (terms.short_abandons, terms.abandons) {
        (ShortAbandons::Out, Abandons::Missed | Abandons::InTime) => (
            format!("；{short_s} 秒内放弃 {out} 个不计"),
            format!("; {out} abandoned before {short_s} s left out"),
        ),
        (ShortAbandons::In, Abandons::Missed | Abandons::InTime) | (_, Abandons::Out) => Default::default(),
    };
    Formula {
        zh: format!(
            "({}) ÷ ({}) = {} ÷ {} = {shown}，目标 {goal}%：{met_zh}{}",
            above.0, below.0, level.in_time, level.calls, left_out.0
        ),
        en: format!(
            "({}) / ({}) = {} / {} = {shown}, goal {goal}%: {met_en}{}",
            above.1, below.1, level.in_time, level.calls, left_out.1
        ),
    }
}

/// `85.71%`, or a dash.
pub fn percent(e2: Option<u64>) -> String {
    e2.map_or_else(|| "–".to_owned(), |e2| format!("{}.{:02}%", e2 / 100, e2 % 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts() -> Counts {
        Counts {
            answered: 10,
            answered_in_time: 8,
            abandoned: 3,
            abandoned_in_time: 1,
            short_abandoned: 2,
            abandoned_waits: vec![1_000, 2_000, 9_000, 30_000, 40_000],
            by_key: 1,
            ..Counts::default()
        }
    }

    #[test]
    fn q12_the_formula_is_written_out_with_the_numbers_it_counts() {
        let of = |short_abandons, abandons| {
            let terms = ServiceLevel { short_abandons, abandons, ..ServiceLevel::default() };
            let told = service("a".into(), Some(terms), (Wall(0), Wall(1)), counts());
            (told.formula, told.level_percent_e2, told.is_met)
        };
        let (told, e2, met) = of(ShortAbandons::Out, Abandons::Missed);
        assert_eq!((e2, met), (Some(5_714), Some(false)));
        assert_eq!(
            told.en,
            "(answered within 20 s 8) / (answered 10 + abandoned 3 + left by key 1) = 8 / 14 = 57.14%, goal 80%: missed; 2 abandoned before 5 s left out"
        );
        assert_eq!(
            told.zh,
            "(20 秒内接听 8) ÷ (接听 10 + 放弃 3 + 按键转出 1) = 8 ÷ 14 = 57.14%，目标 80%：未达标；5 秒内放弃 2 个不计"
        );
        let (told, ..) = of(ShortAbandons::In, Abandons::InTime);
        assert!(told.en.starts_with("(answered within 20 s 8 + abandoned within 20 s 3) / (answered 10 + abandoned 5 + left by key 1) = 11 / 16 = 68.75%"), "{}", told.en);
        let (told, _, met) = of(ShortAbandons::Out, Abandons::Out);
        assert!(told.en.contains("/ (answered 10 + left by key 1) = 8 / 11 = 72.73%"), "{}", told.en);
        assert_eq!(met, Some(false));
        let none = service("a".into(), None, (Wall(0), Wall(1)), Counts::default());
        assert_eq!((none.level_percent_e2, none.is_met, none.goal.is_set), (None, None, false));
        assert!(none.formula.en.contains("= 0 / 0 = –, goal 80%: no call counts"), "{}", none.formula.en);
    }

    #[test]
    fn q12_days_and_hours_are_beijings_and_end_where_the_question_does() {
        let noon = hotline::Beijing::parse("2026-10-10T12:00").expect("a time").wall();
        let of = |since: Option<Wall>, until: Option<Wall>, each| Span::of(since, until, each, noon);
        let span = of(Some(noon), Some(Wall(noon.0 + DAY_MS)), Some(Each::Day)).expect("a span");
        let parts: Vec<_> = (0..24).map(|hour| span.part_of(Wall(noon.0 + hour * HOUR_MS))).collect();
        assert_eq!(parts.iter().filter(|part| **part == parts[0]).count(), 12);
        let told = |(from, to)| (time(from), time(to));
        let wanted = ("2026-10-10 12:00:00".to_owned(), "2026-10-11 00:00:00".to_owned());
        assert_eq!(told(span.of_part(parts[0])), wanted);
        let today = of(None, None, None).expect("a span");
        let wanted = ("2026-10-10 00:00:00".to_owned(), "2026-10-10 12:00:00".to_owned());
        assert_eq!(told(today.of_part(0)), wanted, "today so far");
        assert!(of(Some(noon), Some(Wall(noon.0 + 32 * DAY_MS)), Some(Each::Hour)).is_err());
        assert!(of(Some(noon), Some(noon), None).is_err());
        assert!(of(Some(Wall(-1)), None, None).is_err());
    }
}
