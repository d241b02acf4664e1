//! Who came to work and when, and how many were planned, there and needed in each quarter of an hour of a day (row Q26). Plans are the
//! shifts of the document as it is now; what agents did is read from the changes of their states.

use std::collections::{BTreeMap, BTreeSet};

use hotline::agent::{StateChange, Sums, Worked};
use hotline::attendance::{Attended, Came, attend};
use hotline::calendar::Date;
use hotline::enterprise::Enterprise;
use hotline::shift::{Duty, duties};
use hotline::{TenantId, Wall};
use serde::{Deserialize, Serialize};
use store::ChangeFilter;

use super::forecast::{self, Forecast};
use super::money::time;
use super::turns::turn;
use super::{Desk, Outcome, Refusal, calendar};

/// Whose attendance is asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Asked {
    /// The enterprise.
    pub tenant: String,
    /// The day, in Beijing; today unless said.
    #[serde(default)]
    pub date: Option<Date>,
    /// Of this agent, by number.
    #[serde(default)]
    pub agent: Option<String>,
    /// Agents behind this number: where the page before ended.
    #[serde(default)]
    pub behind: Option<String>,
    /// Agents of a page; [`AGENTS_MAX`] at most.
    pub limit: u32,
}

/// The most agents of a page.
pub const AGENTS_MAX: u32 = 100;
const QUARTERS: usize = 96;
const QUARTER_MS: i64 = 900_000;
const DAY_MS: i64 = 86_400_000;
/// Rows that are read at a time.
const ROWS: u32 = 5_000;

/// A page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Attendance)]
pub struct Page {
    /// The day, in Beijing.
    pub date: String,
    /// By agent; who had no duty and was not logged in is not there.
    pub agents: Vec<AgentDay>,
    /// Give it as `behind` for the next page; none with the last.
    pub next: Option<String>,
}

/// An agent's day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgentDay {
    /// Its number.
    pub agent: String,
    /// Its name in the document; empty for whom it names no more.
    pub name: String,
    /// Logged in within the day so far, milliseconds.
    pub logged_in_ms: u64,
    /// Of it, outside every duty, that of the night before included.
    pub outside_ms: u64,
    /// Duties that begin on the day.
    pub duties: Vec<DutyKept>,
}

/// A duty and how it was kept, as far as it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DutyKept {
    /// The shift.
    pub shift: String,
    /// When it begins, Beijing time.
    pub from: String,
    /// When it is over; a night's on the next day.
    pub until: String,
    /// Whether the agent came.
    pub came: CameAs,
    /// When it was first logged in within the duty.
    pub first: Option<String>,
    /// When it was last logged in within it; none while it is.
    pub last: Option<String>,
    /// By how much it came late, milliseconds.
    pub late_ms: u64,
    /// That is more than the shift's grace.
    pub is_late: bool,
    /// By how much it went early, milliseconds; 0 until the duty is over.
    pub early_ms: u64,
    /// That is more than the shift's grace.
    pub is_early: bool,
    /// Time to work, without breaks, milliseconds: the sum of the three below.
    pub planned_ms: u64,
    /// Of it: free, ringing, talking or after-work.
    pub worked_ms: u64,
    /// Of it: at rest.
    pub rest_ms: u64,
    /// Of it: logged out.
    pub off_ms: u64,
    /// Breaks, milliseconds.
    pub break_ms: u64,
    /// Of them: free, ringing, talking or after-work.
    pub break_worked_ms: u64,
    /// Adherence, percent × 10, rounded down: `worked_ms` ÷ `planned_ms`. None before there is a time to work, and where nothing is
    /// known.
    pub adherence_e1: Option<u64>,
}

/// Whether an agent came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Came)]
pub enum CameAs {
    /// It need not have yet.
    Expected,
    /// It was logged in within the duty.
    Present,
    /// It was not, and the grace is over.
    Absent,
    /// Nothing is kept of what any agent of the enterprise did by then.
    Unknown,
}

/// Which quarters of an hour are asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CoverageAsked {
    /// The enterprise.
    pub tenant: String,
    /// The day, in Beijing; today unless said.
    #[serde(default)]
    pub date: Option<Date>,
    /// Agents of this queue alone, beside those that its forecast suggests.
    #[serde(default)]
    pub queue: Option<String>,
    /// The forecast looks back so many weeks.
    pub weeks: u8,
    /// How long a call keeps an agent in the forecast, seconds; as measured unless said.
    #[serde(default)]
    pub handling_s: Option<u32>,
}

/// Agents planned, there and suggested over a day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Coverage {
    /// The day, in Beijing.
    pub date: String,
    /// The queue whose agents are counted; none for all agents.
    pub queue: Option<String>,
    /// The agents who are counted, there or not.
    pub agents: u64,
    /// Each quarter of an hour of the day.
    pub quarters: Vec<CoverageQuarter>,
    /// What the suggestion goes by, with its inputs; there with a queue alone.
    pub forecast: Option<Forecast>,
}

/// A quarter of an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CoverageQuarter {
    /// When it begins, such as `09:15`.
    pub from: String,
    /// Agents planned by their shifts, breaks taken off, × 100: the mean over the quarter.
    pub planned_e2: u64,
    /// Agents logged in, × 100: the mean over the quarter, as far as it is over; none before it begins, and where nothing is kept of
    /// what any agent of the enterprise did by then.
    pub logged_in_e2: Option<u64>,
    /// Of them, not at rest.
    pub working_e2: Option<u64>,
    /// The agents that the forecast suggests; none without a queue or without a day to go by.
    pub suggested: Option<u32>,
}

/// How duties of a day were kept, a page of agents.
///
/// # Errors
/// There is no such enterprise or agent.
pub async fn attendance(desk: &Desk, asked: &Asked) -> Outcome<Page> {
    let book = Book::open(desk, &asked.tenant, asked.date).await?;
    let _turn = turn(&book.tenant).await;
    let limit = asked.limit.clamp(1, AGENTS_MAX) as usize;
    let behind = asked.behind.as_deref().unwrap_or_default();
    let mut numbers: BTreeSet<String> = match &asked.agent {
        Some(agent) => [agent.clone()].into(),
        None => {
            let known = desk.store.agents_with_changes(&book.tenant, behind, limit as u32 + 1).await?;
            let named = book.document.agents.iter().map(|agent| &agent.number);
            known.into_iter().chain(named.filter(|number| number.as_str() > behind).cloned()).collect()
        }
    };
    let is_last = numbers.len() <= limit;
    while numbers.len() > limit {
        numbers.pop_last();
    }
    let next = numbers.last().filter(|_| !is_last).cloned();
    let mut page = Page { date: book.date.to_string(), agents: Vec::new(), next };
    for number in numbers {
        let lived = book.lived(desk, &number).await?;
        let name = book.document.agents.iter().find(|agent| agent.number == number).map(|agent| &agent.name);
        if asked.agent.is_some() && name.is_none() && !lived.is_known() {
            let (zh, en) = (format!("没有坐席 {number}"), format!("there is no agent {number}"));
            return Err(Refusal::not_found(zh, en));
        }
        let day = book.day(&number, name.cloned().unwrap_or_default(), &lived);
        page.agents.extend((day.logged_in_ms > 0 || !day.duties.is_empty()).then_some(day));
    }
    Ok(page)
}

/// How many agents were planned, there and needed.
///
/// # Errors
/// There is no such enterprise or queue, or the forecast's question is none.
pub async fn coverage(desk: &Desk, asked: &CoverageAsked) -> Outcome<Coverage> {
    let book = Book::open(desk, &asked.tenant, asked.date).await?;
    let forecast = match &asked.queue {
        Some(queue) => {
            let (tenant, queue) = (asked.tenant.clone(), queue.clone());
            let (date, weeks, handling_s) = (book.date, asked.weeks, asked.handling_s);
            let question = forecast::Asked { tenant, queue, date, weeks, handling_s };
            Some(forecast::forecast(desk, &question).await?)
        }
        None => None,
    };
    // Behind the forecast, which has a turn of its own.
    let _turn = turn(&book.tenant).await;
    let numbers = book.counted(desk, asked.queue.as_deref()).await?;
    let mut counts = Counts::new(book.midnight(), book.now, book.known_since);
    for number in &numbers {
        counts.plan(&book.duties(number));
    }
    book.count(desk, &numbers, &mut counts).await?;
    Ok(Coverage {
        date: book.date.to_string(),
        queue: asked.queue.clone(),
        agents: numbers.len() as u64,
        quarters: counts.told(forecast.as_ref()),
        forecast,
    })
}

/// What a day is held against.
struct Book {
    tenant: TenantId,
    document: Enterprise,
    date: Date,
    now: Wall,
    /// When the first change of an agent's state was that is kept; now where there is none.
    known_since: Wall,
    /// Duties of agents that begin on the day or the one before, by number.
    plan: BTreeMap<String, Vec<Duty>>,
}

/// What an agent did from the midnight before the day until the last of its duties is over.
#[derive(Default)]
struct Lived {
    before: Option<StateChange>,
    changes: Vec<StateChange>,
}

impl Lived {
    fn is_known(&self) -> bool {
        self.before.is_some() || !self.changes.is_empty()
    }
}

impl Book {
    async fn open(desk: &Desk, tenant: &str, date: Option<Date>) -> Outcome<Book> {
        let tenant = TenantId::new(tenant);
        let document = desk.enterprise(&tenant).await?.enterprise;
        let years = calendar::years(&desk.store).await?;
        let now = crate::clock::wall();
        let date = date.unwrap_or_else(|| Date::of(now.beijing()));
        let span = (date.plus_days(-1), date);
        let of = |agent: &hotline::enterprise::Agent| {
            (agent.number.clone(), duties(&document.shifts, &agent.shifts, span, &years))
        };
        let plan = document.agents.iter().map(of).collect();
        let first = desk.store.agent_changes(&tenant, &ChangeFilter::default(), 1).await?;
        let known_since = first.first().map_or(now, |row| row.change.at);
        Ok(Book { tenant, document, date, now, known_since, plan })
    }

    fn midnight(&self) -> Wall {
        self.date.midnight().wall()
    }

    /// An agent's duties that begin on the day or the one before, in their order.
    fn duties(&self, number: &str) -> Vec<Duty> {
        self.plan.get(number).cloned().unwrap_or_default()
    }

    /// The agents of a queue, or all of them, those whom the document names no more included.
    async fn counted(&self, desk: &Desk, queue: Option<&str>) -> Outcome<BTreeSet<String>> {
        if let Some(queue) = queue {
            let queue = self.document.queues.iter().find(|one| one.name == queue);
            return Ok(queue.map(|queue| queue.members.iter().cloned().collect()).unwrap_or_default());
        }
        let mut numbers: BTreeSet<String> = self.plan.keys().cloned().collect();
        let mut behind = String::new();
        loop {
            let page = desk.store.agents_with_changes(&self.tenant, &behind, ROWS).await?;
            let Some(last) = page.last() else { return Ok(numbers) };
            behind.clone_from(last);
            numbers.extend(page);
        }
    }

    /// Counts what agents did on the day, all of them in one reading.
    async fn count(&self, desk: &Desk, numbers: &BTreeSet<String>, counts: &mut Counts) -> Outcome<()> {
        let (since, until) = (self.midnight(), Wall(self.midnight().0 + DAY_MS).min(self.now));
        let asked: Vec<String> = numbers.iter().cloned().collect();
        let before = desk.store.agent_changes_before(&self.tenant, &asked, since).await?;
        let mut of: BTreeMap<String, Sums> =
            before.into_iter().map(|row| (row.agent, counts.sums(Some(row.change)))).collect();
        let mut filter =
            ChangeFilter { since: Some(since), until: Some(until.max(since)), ..ChangeFilter::default() };
        loop {
            let page = desk.store.agent_changes(&self.tenant, &filter, ROWS).await?;
            let Some(last) = page.last() else { break };
            filter.behind = Some((last.change.at, last.agent.clone(), last.change.number));
            for row in page.iter().filter(|row| numbers.contains(&row.agent)) {
                of.entry(row.agent.clone()).or_insert_with(|| counts.sums(None)).add(&row.change);
            }
        }
        of.into_values().for_each(|sums| counts.count(sums));
        Ok(())
    }

    async fn lived(&self, desk: &Desk, number: &str) -> Outcome<Lived> {
        let since = Wall(self.midnight().0 - DAY_MS);
        let until = self.plan.get(number).and_then(|duties| duties.last()).map(|duty| duty.until);
        let until = until.unwrap_or(since).max(Wall(self.midnight().0 + DAY_MS)).min(self.now);
        if until <= since {
            return Ok(Lived::default());
        }
        let before = desk.store.agent_change_before(&self.tenant, number, since).await?;
        let mut lived = Lived { before: before.map(|row| row.change), changes: Vec::new() };
        let agent = Some(number.to_owned());
        let mut filter = ChangeFilter { agent, since: Some(since), until: Some(until), behind: None };
        loop {
            let page = desk.store.agent_changes(&self.tenant, &filter, ROWS).await?;
            let Some(last) = page.last() else { return Ok(lived) };
            filter.behind = Some((last.change.at, number.to_owned(), last.change.number));
            lived.changes.extend(page.into_iter().map(|row| row.change));
        }
    }

    fn day(&self, number: &str, name: String, lived: &Lived) -> AgentDay {
        let all = self.duties(number);
        let (logged_in_ms, outside_ms) = logged_in(&all, lived, self.midnight(), self.now);
        let begin = self.midnight();
        let kept = |duty: &Duty| {
            let attended = attend(duty, lived.before.as_ref(), &lived.changes, self.now);
            told(duty, attended, duty.until > self.known_since)
        };
        let of_day = all.iter().filter(|duty| duty.from >= begin);
        AgentDay {
            agent: number.to_owned(),
            name,
            logged_in_ms,
            outside_ms,
            duties: of_day.map(kept).collect(),
        }
    }
}

/// How long an agent was logged in within a day, in all and outside its duties, milliseconds.
fn logged_in(duties: &[Duty], lived: &Lived, midnight: Wall, now: Wall) -> (u64, u64) {
    let end = Wall(midnight.0 + DAY_MS).min(now).max(midnight);
    let edges = duties.iter().flat_map(|duty| [duty.from, duty.until]);
    let bounds = [midnight].into_iter().chain(edges.map(|at| at.clamp(midnight, end))).chain([end]);
    let mut sums = Sums::new(bounds.collect(), lived.before.clone());
    lived.changes.iter().for_each(|change| sums.add(change));
    // Outside and within duties take turns.
    let parts = sums.end();
    let sum = |parts: &mut dyn Iterator<Item = &Worked>| parts.map(|part| part.times.sum()).sum();
    (sum(&mut parts.iter()), sum(&mut parts.iter().step_by(2)))
}

fn told(duty: &Duty, of: Attended, is_known: bool) -> DutyKept {
    DutyKept {
        shift: duty.shift.clone(),
        from: time(duty.from),
        until: time(duty.until),
        came: match of.came {
            Came::Expected => CameAs::Expected,
            Came::Present => CameAs::Present,
            Came::Absent if !is_known => CameAs::Unknown,
            Came::Absent => CameAs::Absent,
        },
        first: of.first.map(time),
        last: of.last.map(time),
        late_ms: of.late_ms,
        is_late: of.is_late,
        early_ms: of.early_ms,
        is_early: of.is_early,
        planned_ms: of.planned_ms,
        worked_ms: of.worked_ms,
        rest_ms: of.rest_ms,
        off_ms: of.off_ms,
        break_ms: of.break_ms,
        break_worked_ms: of.break_worked_ms,
        adherence_e1: of.adherence_e1().filter(|_| is_known),
    }
}

/// Milliseconds of agents in each quarter of an hour of a day.
struct Counts {
    midnight: Wall,
    now: Wall,
    known_since: Wall,
    planned: [u64; QUARTERS],
    logged_in: [u64; QUARTERS],
    working: [u64; QUARTERS],
}

impl Counts {
    fn new(midnight: Wall, now: Wall, known_since: Wall) -> Self {
        let none = [0; QUARTERS];
        Self { midnight, now, known_since, planned: none, logged_in: none, working: none }
    }

    /// Where a quarter begins; that behind the last is where the day is over.
    fn begin(&self, quarter: usize) -> Wall {
        Wall(self.midnight.0 + quarter as i64 * QUARTER_MS)
    }

    fn plan(&mut self, duties: &[Duty]) {
        for (from, until) in duties.iter().flat_map(Duty::work) {
            for quarter in 0..QUARTERS {
                let (begin, end) = (self.begin(quarter), self.begin(quarter + 1));
                self.planned[quarter] += (until.min(end).0 - from.max(begin).0).max(0) as u64;
            }
        }
    }

    /// Sums by quarters of an agent that was so at midnight.
    fn sums(&self, before: Option<StateChange>) -> Sums {
        let bounds = (0..=QUARTERS).map(|quarter| self.begin(quarter).min(self.now).max(self.midnight));
        Sums::new(bounds.collect(), before)
    }

    fn count(&mut self, sums: Sums) {
        for (quarter, Worked { times, .. }) in sums.end().into_iter().enumerate() {
            self.logged_in[quarter] += times.sum();
            self.working[quarter] += times.sum() - times.rest;
        }
    }

    fn told(&self, forecast: Option<&Forecast>) -> Vec<CoverageQuarter> {
        let quarter = |quarter: usize| {
            let minutes = quarter * 15;
            let over_ms = (self.now.0 - self.begin(quarter).0).clamp(0, QUARTER_MS) as u64;
            let is_known = self.begin(quarter + 1) > self.known_since;
            let mean = |ms: u64| (ms * 100 + over_ms / 2).checked_div(over_ms).filter(|_| is_known);
            CoverageQuarter {
                from: format!("{:02}:{:02}", minutes / 60, minutes % 60),
                planned_e2: self.planned[quarter] * 100 / QUARTER_MS as u64,
                logged_in_e2: mean(self.logged_in[quarter]),
                working_e2: mean(self.working[quarter]),
                suggested: forecast.and_then(|told| told.quarters.get(quarter)?.agents),
            }
        };
        (0..QUARTERS).map(quarter).collect()
    }
}

#[cfg(test)]
mod tests {
    use hotline::agent::State;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn duty(from_ms: i64, until_ms: i64) -> Duty {
        let breaks = vec![(Wall(from_ms + 600_000), Wall(from_ms + 900_000))];
        Duty { shift: "a".into(), from: Wall(from_ms), until: Wall(until_ms), breaks, grace_ms: 0 }
    }

    fn changes(of: &[(i64, State)]) -> Vec<StateChange> {
        let change = |(place, (at, state)): (usize, &(i64, State))| StateChange {
            number: place as u64 + 1,
            at: Wall(*at),
            state: *state,
            reason: "".into(),
            call: None,
            refusal: None,
        };
        of.iter().enumerate().map(change).collect()
    }

    #[test]
    fn q26_quarters_have_the_mean_of_who_was_planned_and_who_was_there() {
        // Now is five minutes into the second quarter of the day that began at 0.
        let mut counts = Counts::new(Wall(0), Wall(1_200_000), Wall(-1));
        counts.plan(&[duty(-HOUR_MS, 450_000), duty(450_000, HOUR_MS)]);
        counts.plan(&[duty(0, HOUR_MS)]);
        let of =
            [(-1, State::Free), (450_000, State::Rest), (900_000, State::Talking), (1_050_000, State::Off)];
        let of = changes(&of);
        let mut sums = counts.sums(Some(of[0].clone()));
        of[1..].iter().for_each(|change| sums.add(change));
        counts.count(sums);
        counts.count(counts.sums(None));
        let told = counts.told(None);
        let figures: Vec<_> = told[..3]
            .iter()
            .map(|one| (one.from.as_str(), one.planned_e2, one.logged_in_e2, one.working_e2))
            .collect();
        // The first agent is planned all of the first quarter, the second but for its break of five minutes; in the second quarter
        // the first has its break from 17:30 to 22:30.
        let expected = [
            ("00:00", 166, Some(100), Some(50)),
            ("00:15", 166, Some(50), Some(50)),
            ("00:30", 200, None, None),
        ];
        assert_eq!(figures, expected);
        assert_eq!((told.len(), told[3].planned_e2, told[4].planned_e2), (96, 200, 0));
        counts.known_since = Wall(QUARTER_MS);
        let known: Vec<_> = counts.told(None)[..3].iter().map(|one| one.logged_in_e2).collect();
        assert_eq!(known, [None, Some(50), None], "of the first nothing is kept, the third has not begun");
    }

    #[test]
    fn q26_of_a_day_nothing_is_kept_of_nobody_is_called_absent() {
        let (duty, now) = (duty(0, HOUR_MS), Wall(2 * HOUR_MS));
        let came = |is_known| {
            let told = told(&duty, attend(&duty, None, &[], now), is_known);
            (told.came, told.adherence_e1, told.off_ms)
        };
        assert_eq!(came(true), (CameAs::Absent, Some(0), 3_300_000));
        assert_eq!(came(false), (CameAs::Unknown, None, 3_300_000));
    }

    #[test]
    fn q26_time_outside_duties_is_told_from_time_within() {
        let all = changes(&[(-2 * HOUR_MS, State::Free), (5 * HOUR_MS, State::Off)]);
        let lived = Lived { before: None, changes: all };
        let duties = [duty(-HOUR_MS, HOUR_MS), duty(2 * HOUR_MS, 4 * HOUR_MS)];
        let hours = |now: i64| {
            let (all, outside) = logged_in(&duties, &lived, Wall(0), Wall(now * HOUR_MS));
            (all / HOUR_MS as u64, outside / HOUR_MS as u64)
        };
        assert_eq!(hours(30), (5, 2), "the hour between the duties and the one behind them");
        assert_eq!(hours(3), (3, 1));
        assert_eq!(hours(-1), (0, 0), "the day has not begun");
    }
}
