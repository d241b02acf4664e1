//! Rules by which calls are drawn for evaluation, and the draws of weeks that are over (row Q19). A running process draws by itself; what
//! is drawn is the store's, once, whoever asks.

use std::time::Duration;

use hotline::quality::{SampleRule, Week, read_rule};
use hotline::{Beijing, TenantId, Wall};
use serde::{Deserialize, Serialize};
use store::{DrawOutcome, KeptRule, SampleDraw};
use utoipa::ToSchema;

use super::evaluations::{monday, reviewer};
use super::{kept_form, wrong};
use crate::clock;
use crate::ops::money::time;
use crate::ops::{Code, Desk, Outcome, PAGE_MAX, Refusal, document, enterprises};
use crate::running::Running;

/// Whose hand a draw is, as the audit shows it.
const BY: &str = "sample";
const EVERY: Duration = Duration::from_secs(300);
/// A week is drawn from once so long has passed since its end: calls that end late are settled by then.
const GRACE_MS: i64 = 3_600_000;
/// How many weeks that nobody drew are made up for after a standstill.
const WEEKS_BACK: i64 = 8;

/// Keep a rule, or only look at it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PutRule {
    /// The enterprise.
    pub tenant: TenantId,
    /// The rule, as YAML or JSON.
    pub text: String,
    /// Whether it is kept; else it is only checked.
    pub apply: bool,
    /// Who asks.
    pub by: String,
}

/// List the rules of an enterprise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListRules {
    /// The enterprise.
    pub tenant: TenantId,
    /// Behind the rule of this name: where the page before ended.
    #[serde(default)]
    pub behind: Option<String>,
    /// At most; [`PAGE_MAX`] whatever is said.
    pub limit: u32,
}

/// List the draws of an enterprise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListDraws {
    /// The enterprise.
    pub tenant: TenantId,
    /// Behind the draw of the week of this Monday by a rule: where the page before ended.
    #[serde(default)]
    pub behind: Option<(String, String)>,
    /// At most; [`PAGE_MAX`] whatever is said.
    pub limit: u32,
}

/// Draw now what is due.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Draw {
    /// The enterprise.
    pub tenant: TenantId,
    /// Its rule.
    pub rule: String,
    /// An instant of the week; the last week that is over unless said.
    #[serde(default)]
    pub week: Option<Wall>,
}

/// A rule as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SampleRule)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// By which form.
    pub form: String,
    /// Calls of each agent and week.
    pub calls_per_week: u16,
    /// Only those of this queue.
    pub queue: Option<String>,
    /// Only those of this number.
    pub number: Option<String>,
    /// Only those with so many seconds of talk at least.
    pub talk_seconds_min: u32,
    /// Who evaluates them, by account.
    pub reviewers: Vec<String>,
    /// For how many days an agent may appeal.
    pub appeal_days: u16,
    /// Whether it draws calls.
    pub enabled: bool,
    /// The Monday of the first week it draws from; empty where it was only checked.
    pub since: String,
    /// Who wrote it last.
    pub changed_by: String,
    /// When, Beijing time.
    pub changed_at: String,
}

/// A week's draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SampleDraw)]
pub struct Drawn {
    /// The rule.
    pub rule: String,
    /// The Monday of the week.
    pub week: String,
    /// The form.
    pub form: String,
    /// Its version.
    pub form_version: u32,
    /// Calls that might have been drawn.
    pub calls: u64,
    /// Those that were.
    pub drawn: u64,
    /// When, Beijing time.
    pub drawn_at: String,
    /// Whether it was made now.
    pub is_new: bool,
}

fn rule(rule: SampleRule, kept: Option<&KeptRule>) -> Rule {
    Rule {
        name: rule.name,
        form: rule.form,
        calls_per_week: rule.calls,
        queue: rule.queue,
        number: rule.number.map(|number| number.to_string()),
        talk_seconds_min: rule.talk_s_min,
        reviewers: rule.reviewers,
        appeal_days: rule.appeal_days,
        enabled: rule.enabled,
        since: kept.map(|kept| monday(kept.since)).unwrap_or_default(),
        changed_by: kept.map(|kept| kept.changed.by.clone()).unwrap_or_default(),
        changed_at: kept.map(|kept| time(kept.changed.at)).unwrap_or_default(),
    }
}

fn drawn(outcome: DrawOutcome) -> Drawn {
    match outcome {
        DrawOutcome::Done(draw) => shown(draw, true),
        DrawOutcome::Before(draw) => shown(draw, false),
    }
}

fn shown(draw: SampleDraw, is_new: bool) -> Drawn {
    Drawn {
        rule: draw.rule,
        week: monday(draw.week),
        form: draw.form,
        form_version: draw.form_version,
        calls: draw.calls,
        drawn: draw.drawn,
        drawn_at: time(draw.drawn_at),
        is_new,
    }
}

/// Looks at a rule and, if it is to be, keeps it in the place of the one of its name.
///
/// # Errors
/// There is no such enterprise or queue, its form was not published, a reviewer may not evaluate, or everything that is wrong.
pub async fn put(desk: &Desk, asked: &PutRule) -> Outcome<Rule> {
    let document = desk.enterprise(&asked.tenant).await?.enterprise;
    let tree = document::read(&asked.text).map_err(|error| enterprises::no_document(&error))?;
    let read = read_rule(&tree).map_err(|problems| wrong(&problems))?;
    kept_form(desk, &asked.tenant, &read.form, None).await?;
    for login in &read.reviewers {
        reviewer(desk, &asked.tenant, login).await?;
    }
    let queue = read.queue.as_ref().filter(|queue| !document.queues.iter().any(|one| one.name == **queue));
    if let Some(queue) = queue {
        return Err(Refusal::not_found(format!("没有队列 {queue}"), format!("there is no queue {queue}")));
    }
    if !asked.apply {
        return Ok(rule(read, None));
    }
    desk.store.put_rule(&asked.tenant, &read, &desk.change(&asked.by)).await?;
    let kept = kept(desk, &asked.tenant, &read.name).await?;
    Ok(rule(kept.rule.clone(), Some(&kept)))
}

async fn kept(desk: &Desk, tenant: &TenantId, name: &str) -> Outcome<KeptRule> {
    let found = desk.store.rules(Some(tenant)).await?.into_iter().find(|kept| kept.rule.name == name);
    found
        .ok_or_else(|| Refusal::not_found(format!("没有抽样规则 {name}"), format!("there is no rule {name}")))
}

/// Lists a page of the rules of an enterprise, by name.
///
/// # Errors
/// There is no such enterprise.
pub async fn rules(desk: &Desk, asked: &ListRules) -> Outcome<Vec<Rule>> {
    desk.enterprise(&asked.tenant).await?;
    let page = (asked.behind.as_deref(), asked.limit.min(PAGE_MAX));
    let kept = desk.store.rules_behind(&asked.tenant, page).await?;
    Ok(kept.into_iter().map(|kept| rule(kept.rule.clone(), Some(&kept))).collect())
}

/// Lists a page of the draws of an enterprise, the latest week first.
///
/// # Errors
/// There is no such enterprise, or the page begins behind no week.
pub async fn draws(desk: &Desk, asked: &ListDraws) -> Outcome<Vec<Drawn>> {
    desk.enterprise(&asked.tenant).await?;
    let week = |text: &str| {
        let at = Beijing::parse(text).map(Beijing::wall);
        at.map(Week::of).ok_or_else(|| {
            Refusal::invalid(format!("behind：“{text}”不是日期"), format!("behind: {text:?} is no date"))
        })
    };
    let behind = match &asked.behind {
        Some((monday, rule)) => Some((week(monday)?, rule.as_str())),
        None => None,
    };
    let found = desk.store.draws(&asked.tenant, (behind, asked.limit.min(PAGE_MAX))).await?;
    Ok(found.into_iter().map(|draw| shown(draw, false)).collect())
}

/// Draws a week that is over, unless it was drawn.
///
/// # Errors
/// There is no such enterprise or rule, it is off, its form was not published, or the week is not over.
pub async fn draw(desk: &Desk, asked: &Draw) -> Outcome<Drawn> {
    desk.enterprise(&asked.tenant).await?;
    let kept = kept(desk, &asked.tenant, &asked.rule).await?;
    if !kept.rule.enabled {
        let name = &kept.rule.name;
        return Err(Refusal::invalid(
            format!("抽样规则 {name} 已停用，不抽取通话"),
            format!("the rule {name} is off and draws nothing"),
        ));
    }
    let last = last_over(clock::wall());
    if let Some(at) = asked.week {
        crate::ops::check_instant("week", at)?;
    }
    let week = asked.week.map_or(last, Week::of);
    if week > last {
        return Err(Refusal::invalid(
            format!("{} 起的一周尚未结束", monday(week)),
            format!("the week of {} is not over", monday(week)),
        ));
    }
    draw_of(desk, &kept, week).await
}

/// The last week that may be drawn from.
fn last_over(now: Wall) -> Week {
    Week::of(Wall(now.0 - GRACE_MS)).before()
}

async fn draw_of(desk: &Desk, kept: &KeptRule, week: Week) -> Outcome<Drawn> {
    let KeptRule { tenant, rule, .. } = kept;
    let form = kept_form(desk, tenant, &rule.form, None).await?;
    let mut reviewers = Vec::new();
    for login in &rule.reviewers {
        match reviewer(desk, tenant, login).await {
            Ok(who) => reviewers.push((who.login, who.agent)),
            // Whoever left, or may evaluate no more, is passed over; with nobody left whoever comes first has the call.
            Err(refusal) if refusal.code == Code::InvalidValue => {}
            Err(refusal) => return Err(refusal),
        }
    }
    let (of, change) = ((rule, form.version), desk.change(BY));
    Ok(drawn(desk.store.draw_sample(tenant, of, week, &reviewers, &change).await?))
}

/// Draws what is due, of all enterprises; how many draws were made.
///
/// # Errors
/// Those of the database; what was drawn until then stays so.
async fn draw_due(desk: &Desk, now: Wall) -> Outcome<u64> {
    let (last, mut made) = (last_over(now), 0);
    for kept in desk.store.rules(None).await?.into_iter().filter(|kept| kept.rule.enabled) {
        let from = kept.since.max(Week::of_day(last.monday() - 7 * (WEEKS_BACK - 1)));
        let made_before = desk.store.drawn_weeks(&kept.tenant, &kept.rule.name, from).await?;
        let weeks = (from.monday()..=last.monday()).step_by(7).map(Week::of_day);
        for week in weeks.filter(|week| !made_before.contains(week)) {
            match draw_of(desk, &kept, week).await {
                Ok(drawn) => made += u64::from(drawn.is_new),
                Err(refusal) if refusal.code == Code::Database => return Err(refusal),
                Err(refusal) => {
                    tracing::warn!(enterprise = %kept.tenant, rule = kept.rule.name, why = refusal.en, "nothing is drawn");
                }
            }
        }
    }
    Ok(made)
}

/// Draws again and again, as long as the process lives.
pub async fn watch(running: Running) {
    let desk = Desk::of(running);
    loop {
        match draw_due(&desk, clock::wall()).await {
            Ok(0) => {}
            Ok(draws) => tracing::info!(draws, "calls are drawn for evaluation"),
            // With the database away nothing is drawn; it is tried again.
            Err(refusal) => tracing::debug!(code = ?refusal.code, "nothing is drawn"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q19_a_week_is_drawn_from_an_hour_after_its_end() {
        let at = |text: &str| Beijing::parse(text).expect("a date").wall();
        let monday = |text: &str| monday(last_over(at(text)));
        assert_eq!(monday("2026-11-23T00:59:59"), "2026-11-09");
        assert_eq!(monday("2026-11-23T01:00"), "2026-11-16");
        assert_eq!(monday("2026-11-29T23:59"), "2026-11-16");
    }
}
