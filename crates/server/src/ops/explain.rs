//! A call without a call: the same core as a live one, on a copy of the tenant's state, with typed-in caller, time and
//! answers (rows R25, R26). It changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use hotline::agent::State;
use hotline::calendar::HolidayYears;
use hotline::call::{Answers, Arrival, Dated, Desk as CallDesk, HttpAnswer, explain as run};
use hotline::cdr::CallRecord;
use hotline::enterprise::{Language, compile_number};
use hotline::ledger::Account;
use hotline::queue::Scene;
use hotline::rating::Tariffs;
use hotline::region::{CallerRules, Region};
use hotline::routing::Trunks;
use hotline::settlement::settle;
use hotline::tenant::Tenant;
use hotline::{CallId, Hotline, HotlineNumber, Mono, Now, TenantId, Wall};
use serde::{Deserialize, Serialize};

use super::calls::Priced;
use super::{Desk, Outcome, Refusal, calendar, check_instant, provider, regions};

/// What would happen to a call.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Explain {
    /// The number called.
    #[schema(value_type = String, example = "4006010114")]
    pub number: HotlineNumber,
    /// The caller, as a trunk would write it.
    pub from: String,
    /// When: milliseconds since 1970-01-01 UTC.
    #[schema(value_type = i64)]
    pub at: Wall,
    /// Bound numbers that are busy, by name or digits.
    #[serde(default)]
    pub busy: Vec<String>,
    /// Bound numbers that ring and do not answer.
    #[serde(default)]
    pub no_answer: Vec<String>,
    /// Bound numbers that reject.
    #[serde(default)]
    pub rejects: Vec<String>,
    /// What the caller presses at one question after the other; an empty text presses nothing.
    #[serde(default)]
    pub keys: Vec<String>,
    /// What servers outside answer at one request after the other: `200,data.level=gold`, or `error`.
    #[serde(default)]
    pub http: Vec<String>,
    /// What agents are doing, by number: `off`, `free`, `ringing`, `talking`, `after_work` or `rest`; who is not named does what it
    /// does now.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    pub agents: BTreeMap<String, State>,
    /// How many wait in queues before the caller, by the queue's name, at most 2,000 in all; in queues that are not named wait those
    /// who wait now.
    #[serde(default)]
    pub waiting: BTreeMap<String, u16>,
    /// The seed of random choices.
    #[serde(default)]
    pub seed: u64,
}

/// What would happen, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explained {
    /// The enterprise.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// The number.
    pub number: HotlineNumber,
    /// The version of its rules.
    pub version: u32,
    /// The caller in national form, empty when withheld.
    pub caller: String,
    /// Where the caller is.
    pub region: Region,
    /// When, Beijing time.
    pub at: String,
    /// Whether the state came from the running node or, with none running, from the database.
    pub state: StateSource,
    /// The facts that a real call would have kept.
    pub facts: Vec<Dated>,
    /// Wall time less the monotonic time of the facts.
    pub wall_offset_ms: i64,
    /// The record, with a talk of one minute.
    pub record: Option<CallRecord>,
    /// What it would cost.
    pub charges: Vec<Priced>,
}

/// Where the tenant's living state came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateSource {
    /// A copy from the running node.
    Node,
    /// The database: no calls up, pointers and balances as last settled.
    Database,
}

fn http_answers(typed: &[String]) -> Outcome<Vec<HttpAnswer>> {
    let read = |text: &String| {
        HttpAnswer::parse(text).ok_or_else(|| {
            let zh = format!("{text} 不是应答，应如 200,data.level=gold 或 error");
            Refusal::invalid(zh, format!("{text} is no answer such as 200,data.level=gold, or error"))
        })
    };
    typed.iter().map(read).collect()
}

/// The instant a dry run begins at: as if the node had run for a day, so that no sum of times is below zero.
const BEGIN: Mono = Mono(86_400_000);

/// Runs a call that is none.
///
/// # Errors
/// Nobody holds the number, the instant is none, or agents and queues cannot be as typed in.
pub async fn explain(desk: &Desk, asked: &Explain) -> Outcome<Explained> {
    check_instant("at", asked.at)?;
    let (hotline, name) = hotline_of(desk, asked.number).await?;
    let Beside { mut tenant, mut trunks, tariffs, years, state } = beside(desk, &hotline, asked.at).await?;
    let way_in = trunks.rows.first();
    let usual = CallerRules::default();
    let rules = way_in.map_or(&usual, |trunk| &trunk.profile.callers);
    let caller = rules.normalise(&asked.from, way_in.and_then(|trunk| trunk.area_code.as_deref())).number;
    let region = regions::table(&desk.regions_dir())?.locate(&caller);
    let id = CallId::at(asked.at.0, 0);
    let arrival = Arrival {
        id,
        hotline: hotline.clone(),
        caller: caller.clone(),
        region: region.clone(),
        trunk: way_in.map_or_else(|| Arc::from("dry run"), |trunk| trunk.name.clone()),
        withheld: false,
        early: Default::default(),
        seed: asked.seed,
        refused: None,
    };
    let answers = Answers {
        busy: digits(&asked.busy),
        no_answer: digits(&asked.no_answer),
        rejects: digits(&asked.rejects),
        keys: asked.keys.clone(),
        http: http_answers(&asked.http)?,
        scene: Scene {
            agents: asked.agents.clone().into_iter().collect(),
            waiting: asked.waiting.clone().into_iter().collect(),
        },
    };
    let mut call_desk =
        CallDesk { tenant: &mut tenant, trunks: &mut trunks, tariffs: &tariffs, years: &years };
    let facts = run(arrival, &answers, &mut call_desk, Now { mono: BEGIN, wall: asked.at });
    let facts =
        facts.map_err(|why| Refusal::invalid(why.message(Language::Zh), why.message(Language::En)))?;
    let settled = settle(id, &facts, &tariffs, 0).map(|settled| settled.settlement);
    let (record, charges) =
        settled.map_or((None, Vec::new()), |settled| (Some(settled.record), settled.charges));
    Ok(Explained {
        tenant: hotline.tenant.clone(),
        name,
        number: asked.number,
        version: hotline.version,
        caller,
        region,
        at: asked.at.beijing().to_string(),
        state,
        facts,
        wall_offset_ms: asked.at.0 - BEGIN.0 as i64,
        record,
        charges: charges.into_iter().map(Priced::of).collect(),
    })
}

/// Names stay as they are; numbers typed with separators become digits.
fn digits(list: &[String]) -> Vec<String> {
    let plain = |text: &String| {
        let number = text.bytes().all(|byte| byte.is_ascii_digit() || b"-+ ()".contains(&byte));
        if number { text.chars().filter(char::is_ascii_digit).collect() } else { text.clone() }
    };
    list.iter().map(plain).collect()
}

async fn hotline_of(desk: &Desk, number: HotlineNumber) -> Outcome<(Arc<Hotline>, String)> {
    let unheld = || {
        Refusal::not_found(
            format!("{} 没有分配给任何企业：主叫听到“号码未启用”", number.grouped()),
            format!("nobody holds {}: the caller hears that it is not in service", number.grouped()),
        )
    };
    let held = desk.store.number(number).await?.ok_or_else(unheld)?;
    let stored = desk.enterprise(&held.holder).await?;
    let written = stored.enterprise.numbers.iter().find(|one| one.number == number).ok_or_else(unheld)?;
    let hotline = compile_number(&stored.enterprise, written, stored.version);
    Ok((Arc::new(hotline), stored.enterprise.name))
}

/// What a call looks at beside its number's rules.
struct Beside {
    tenant: Tenant,
    trunks: Trunks,
    tariffs: Tariffs,
    years: HolidayYears,
    state: StateSource,
}

async fn beside(desk: &Desk, hotline: &Hotline, at: Wall) -> Outcome<Beside> {
    if let Some(live) = &desk.live {
        let id = hotline.tenant.clone();
        let look = move |node: &node::Node, _| {
            (
                node.tenant(&id).cloned(),
                node.trunks().clone(),
                node.tariffs().clone(),
                node.holidays().clone(),
            )
        };
        let (tenant, trunks, tariffs, years) = live.ask(look).await?;
        if let Some(tenant) = tenant {
            return Ok(Beside { tenant, trunks, tariffs, years, state: StateSource::Node });
        }
    }
    let rows = desk.store.trunks().await?;
    let trunks =
        Trunks { rows: rows.into_iter().filter(|row| row.enabled).map(crate::serve::at_rest).collect() };
    let tenant = stored_tenant(desk, hotline, at).await?;
    let tariffs = provider::plans(&desk.store).await?;
    let years = calendar::years(&desk.store).await?;
    Ok(Beside { tenant, trunks, tariffs, years, state: StateSource::Database })
}

/// The tenant as the database knows it.
async fn stored_tenant(desk: &Desk, hotline: &Hotline, at: Wall) -> Outcome<Tenant> {
    let mut tenant = Tenant::default();
    let id = &hotline.tenant;
    tenant.tell_balance(desk.store.balance(id, &Account::Prepaid(id.clone())).await?);
    let month = at.beijing().billing_month();
    for row in desk.store.month_spend(id, month).await? {
        let Some(number) = row.number else { continue };
        tenant.tell_month(number, month, row.spent_e4, u32::try_from(row.counted).unwrap_or(u32::MAX));
    }
    let mut states = desk.store.tenant_state(id).await?;
    states.sort_by_key(|state| state.position);
    for state in &states {
        tenant.remember(state);
    }
    Ok(tenant)
}
