//! Recordings that enterprises order (row I02): what is to be said, who makes it, and whether the customer takes it. What was
//! delivered is a draft that the customer alone hears; accepted it is handed in, and calls hear it once it is approved (row K09).
//! Until then they hear the version before.

use std::path::PathBuf;

use hotline::TenantId;
use serde::{Deserialize, Serialize};
use store::{
    NewOrder, OrderFilter, OrderLanguage, OrderState, OrderStep, OrderStepped, OrderVoice, PromptOrder,
};
use utoipa::ToSchema;

use super::{BannedWord, New, banned, named_well, shelve, sound_in, worded_well};
use crate::ops::{Code, Desk, Outcome, PAGE_MAX, Refusal};

/// Characters of a note, and of a reason.
const NOTE_MAX: usize = 500;

/// Order a recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The enterprise.
    pub tenant: TenantId,
    /// The name rules will use.
    pub name: String,
    /// What is to be said.
    pub words: String,
    /// Whose voice is wished.
    #[serde(default)]
    pub voice: OrderVoice,
    /// In which language.
    #[serde(default)]
    pub language: OrderLanguage,
    /// What else is to be known.
    #[serde(default)]
    pub note: String,
    /// Who asks.
    pub by: String,
}

/// An order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Which {
    /// The enterprise.
    pub tenant: TenantId,
    /// Its number within the enterprise.
    pub order: u32,
}

/// Deliver what was ordered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Deliver {
    /// Which order.
    #[serde(flatten)]
    pub of: Which,
    /// Where the sound file lies on this machine.
    pub file: PathBuf,
    /// Who delivers.
    pub by: String,
}

/// Take another step with an order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// Which order.
    #[serde(flatten)]
    pub of: Which,
    /// Which step.
    pub step: StepKind,
    /// The version that was heard; needed to take it and to send it back.
    #[serde(default)]
    pub version: Option<u32>,
    /// Why; needed to send it back.
    #[serde(default)]
    pub reason: Option<String>,
    /// Who takes it.
    pub by: String,
}

/// Which step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Somebody of the staff takes it up.
    Take,
    /// The customer takes what was delivered.
    Accept,
    /// The customer sends it back.
    Return,
    /// Nobody wants it any more.
    Cancel,
}

/// List orders.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct List {
    /// Of one enterprise; of all if absent.
    #[serde(default)]
    pub tenant: Option<TenantId>,
    /// In this state.
    #[serde(default)]
    pub state: Option<OrderState>,
    /// Only those that the staff have to do something about.
    #[serde(default)]
    pub open: bool,
    /// Behind this one: the next page.
    #[serde(default)]
    pub behind: Option<(TenantId, u32)>,
    /// At most.
    #[serde(default)]
    pub limit: u32,
}

/// An order as it is shown.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = PromptOrder)]
pub struct Ordered {
    /// The enterprise.
    #[schema(value_type = String)]
    pub tenant: TenantId,
    /// Its number within the enterprise.
    pub order: u32,
    /// The prompt's name.
    pub name: String,
    /// What is to be said.
    pub words: String,
    /// `any`, `female`, `male`.
    #[schema(value_type = String)]
    pub voice: OrderVoice,
    /// `zh`, `en`.
    #[schema(value_type = String)]
    pub language: OrderLanguage,
    /// What else is to be known.
    pub note: String,
    /// `ordered`, `in_work`, `delivered`, `returned`, `accepted`, `cancelled`.
    #[schema(value_type = String)]
    pub state: OrderState,
    /// The version of the prompt that was delivered last.
    pub version: Option<u32>,
    /// Why it was sent back last.
    pub reason: Option<String>,
    /// Who ordered it.
    pub ordered_by: String,
    /// When, Beijing time.
    pub ordered_at: String,
    /// Who took the last step.
    pub changed_by: String,
    /// When, Beijing time.
    pub changed_at: String,
    /// What of its words a person has to judge (row K09).
    pub banned: Vec<BannedWord>,
}

impl From<PromptOrder> for Ordered {
    fn from(kept: PromptOrder) -> Ordered {
        let NewOrder { tenant, name, words, voice, language, note } = kept.ordered;
        Ordered {
            tenant,
            order: kept.order,
            name,
            banned: banned(Some(&words)),
            words,
            voice,
            language,
            note,
            state: kept.state,
            version: kept.version,
            reason: kept.reason,
            ordered_by: kept.opened.by,
            ordered_at: kept.opened.at.beijing().to_string(),
            changed_by: kept.changed.by,
            changed_at: kept.changed.at.beijing().to_string(),
        }
    }
}

/// Orders a recording. Banned words are told with it: the version will need a reason to be heard.
///
/// # Errors
/// There is no such enterprise, or the name, the words or the note are wrong.
pub async fn place(desk: &Desk, asked: &Place) -> Outcome<Ordered> {
    named_well(&asked.name)?;
    worded_well(Some(&asked.words))?;
    let words = asked.words.trim();
    if words.is_empty() {
        return Err(Refusal::invalid("请写明要录制的文字", "say what is to be recorded"));
    }
    noted_well(&asked.note)?;
    desk.enterprise(&asked.tenant).await?;
    let new = NewOrder {
        tenant: asked.tenant.clone(),
        name: asked.name.clone(),
        words: words.to_owned(),
        voice: asked.voice,
        language: asked.language,
        note: asked.note.trim().to_owned(),
    };
    let order = desk.store.order_prompt(&new, &desk.change(&asked.by)).await?;
    one(desk, &Which { tenant: new.tenant, order }).await
}

/// Lists a page of orders, by enterprise and number.
///
/// # Errors
/// Those of the database.
pub async fn list(desk: &Desk, asked: &List) -> Outcome<Vec<Ordered>> {
    if let Some(tenant) = &asked.tenant {
        desk.enterprise(tenant).await?;
    }
    let (tenant, behind) = (asked.tenant.clone(), asked.behind.clone());
    let filter = OrderFilter { tenant, state: asked.state, open: asked.open, behind };
    let found = desk.store.prompt_orders(&filter, asked.limit.min(PAGE_MAX)).await?;
    Ok(found.into_iter().map(Ordered::from).collect())
}

/// Takes a sound file as what was ordered: the next version of the name, with the words of the order.
///
/// # Errors
/// There is no such order, it is not to be delivered now, or the file is not taken.
pub async fn deliver(desk: &Desk, asked: &Deliver) -> Outcome<Ordered> {
    let order = one(desk, &asked.of).await?;
    if !order.state.is_open() {
        return Err(not_now(order.order, order.state));
    }
    let sound = sound_in(&asked.file).await?;
    let new = New { tenant: &order.tenant, name: &order.name, voice: None, words: Some(order.words) };
    let shelved = shelve(desk, new, sound)?;
    let told = desk.store.deliver_prompt(order.order, &shelved.row, &desk.change(&asked.by)).await;
    if !matches!(told, Ok(OrderStepped::Done)) {
        shelved.remove();
    }
    stepped(desk, &asked.of, told?).await
}

/// Takes another step with an order.
///
/// # Errors
/// There is no such order, the step does not follow now, its version or its reason is missing, or another version was delivered.
pub async fn step(desk: &Desk, asked: &Step) -> Outcome<Ordered> {
    let reason = asked.reason.as_deref().map(str::trim).unwrap_or_default();
    noted_well(reason)?;
    let heard = || {
        let missing =
            || Refusal::invalid("请写明所听的版本（version）", "say which version was heard (version)");
        asked.version.ok_or_else(missing)
    };
    let step = match asked.step {
        StepKind::Take => OrderStep::Take,
        StepKind::Accept => OrderStep::Accept { version: heard()? },
        StepKind::Return if reason.is_empty() => {
            return Err(Refusal::invalid("退回必须说明理由", "sending it back needs a reason"));
        }
        StepKind::Return => OrderStep::Return { version: heard()?, reason: reason.to_owned() },
        StepKind::Cancel => OrderStep::Cancel,
    };
    let change = desk.change(&asked.by);
    let told = desk.store.step_prompt_order(&asked.of.tenant, asked.of.order, &step, &change).await?;
    stepped(desk, &asked.of, told).await
}

async fn stepped(desk: &Desk, of: &Which, told: OrderStepped) -> Outcome<Ordered> {
    match told {
        OrderStepped::Done => one(desk, of).await,
        OrderStepped::Missing => Err(missing(of.order)),
        OrderStepped::Not(state) => Err(not_now(of.order, state)),
        OrderStepped::Other(version) => Err(Refusal::new(
            Code::VersionMoved,
            format!("录音订单 {} 现在交付的是版本 {version}", of.order),
            format!("version {version} is what is delivered for the order {} now", of.order),
        )),
    }
}

async fn one(desk: &Desk, of: &Which) -> Outcome<Ordered> {
    let kept = desk.store.prompt_order(&of.tenant, of.order).await?;
    kept.map(Ordered::from).ok_or_else(|| missing(of.order))
}

fn missing(order: u32) -> Refusal {
    Refusal::not_found(format!("没有录音订单 {order}"), format!("there is no order {order} of a recording"))
}

fn not_now(order: u32, state: OrderState) -> Refusal {
    let (zh, en) = match state {
        OrderState::Ordered => ("还没有人受理", "was taken up by nobody"),
        OrderState::InWork => ("正在录制", "is being recorded"),
        OrderState::Delivered => ("已交付，待客户确认", "was delivered and waits for the customer"),
        OrderState::Returned => ("已被客户退回", "was sent back by the customer"),
        OrderState::Accepted => ("客户已确认", "was accepted by the customer"),
        OrderState::Cancelled => ("已取消", "was cancelled"),
    };
    Refusal::new(Code::PromptState, format!("录音订单 {order} {zh}"), format!("the order {order} {en}"))
}

fn noted_well(text: &str) -> Outcome<()> {
    if text.chars().count() <= NOTE_MAX {
        return Ok(());
    }
    Err(Refusal::invalid(
        format!("备注和理由最长 {NOTE_MAX} 字"),
        format!("a note or a reason has at most {NOTE_MAX} characters"),
    ))
}
