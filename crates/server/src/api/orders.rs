//! Recordings that enterprises order (row I02): the customer orders, and takes what was delivered or sends it back; the provider's
//! staff take up and deliver.

use axum::extract::State;
use hotline::TenantId;
use serde::Deserialize;
use store::{OrderLanguage, OrderVoice};
use utoipa::{IntoParams, ToSchema};

use super::calls::value;
use super::{Api, Asked, Body, Path, Problem, Refused, Words};
use crate::ops::prompts::orders::{self, Deliver, List, Ordered, Place, Step, StepKind, Which};
use crate::ops::{Outcome, Refusal};

/// Which orders.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// In this state: `ordered`, `in_work`, `delivered`, `returned`, `accepted`, `cancelled`.
    state: Option<String>,
    /// Only those that the staff have to do something about.
    #[serde(default)]
    open: bool,
    /// Behind the order of this number: where the page before ended; of all enterprises `enterprise/number`.
    behind: Option<String>,
    /// At most; 100 unless said, 1000 at most.
    #[serde(default = "super::page_usual")]
    limit: u32,
}

impl Page {
    fn read(self, tenant: Option<TenantId>) -> Outcome<List> {
        let wrong = |text: &str| {
            Refusal::invalid(format!("behind：“{text}”无法读取"), format!("behind: {text:?} cannot be read"))
        };
        let place = |text: &String| {
            let (whose, number) = match (text.rsplit_once('/'), &tenant) {
                (Some((whose, number)), None) => (TenantId::new(whose), number),
                (None, Some(tenant)) => (tenant.clone(), text.as_str()),
                _ => return Err(wrong(text)),
            };
            Ok((whose, number.parse().map_err(|_| wrong(text))?))
        };
        let behind = self.behind.as_ref().map(place).transpose()?;
        Ok(List { tenant, state: value("state", self.state)?, open: self.open, behind, limit: self.limit })
    }
}

/// 本企业的录音订单 / the enterprise's orders, by number.
#[utoipa::path(
    get, path = "/api/v1/enterprises/{enterprise}/prompt-orders", tag = "prompts",
    params(("enterprise" = String, Path), Page), security(("session" = ["read_setup"])),
    responses(
        (status = 200, description = "a page", body = Vec<Ordered>),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    asked: Asked,
    Path(enterprise): Path<String>,
    Words(page): Words<Page>,
) -> Result<axum::Json<Vec<Ordered>>, Refused> {
    let list = page.read(Some(TenantId::new(&enterprise))).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(orders::list(&asked.desk, &list).await)
}

/// 所有企业的录音订单 / the orders of all enterprises, for the provider's staff.
#[utoipa::path(
    get, path = "/api/v1/prompt-orders", tag = "prompts",
    params(Page), security(("session" = ["list_enterprises"])),
    responses(
        (status = 200, description = "a page, by enterprise and number", body = Vec<Ordered>),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn all(asked: Asked, Words(page): Words<Page>) -> Result<axum::Json<Vec<Ordered>>, Refused> {
    let list = page.read(None).map_err(|refusal| asked.refuse(refusal))?;
    asked.tell(orders::list(&asked.desk, &list).await)
}

/// A recording that is wanted.
#[derive(Deserialize, ToSchema)]
pub struct NewPromptOrder {
    /// The name rules will use.
    name: String,
    /// What is to be said.
    words: String,
    /// `any`, `female`, `male`; any unless said.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    voice: OrderVoice,
    /// `zh`, `en`; Chinese unless said.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    language: OrderLanguage,
    /// What else is to be known.
    #[serde(default)]
    note: String,
}

/// 订录音 / orders a recording; what of its words has to be judged is told at once.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/prompt-orders", tag = "prompts",
    params(("enterprise" = String, Path)), request_body = NewPromptOrder,
    security(("session" = ["change_setup"])),
    responses(
        (status = 200, description = "ordered", body = Ordered),
        (status = 422, description = "`invalid_value`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn place(
    asked: Asked,
    Path(enterprise): Path<String>,
    Body(NewPromptOrder { name, words, voice, language, note }): Body<NewPromptOrder>,
) -> Result<axum::Json<Ordered>, Refused> {
    let (tenant, by) = (TenantId::new(&enterprise), asked.person.login.clone());
    asked.tell(orders::place(&asked.desk, &Place { tenant, name, words, voice, language, note, by }).await)
}

/// What the customer says of what was delivered.
#[derive(Deserialize, ToSchema)]
#[schema(as = PromptOrderWord)]
pub struct CustomerWord {
    /// The version that was heard; needed to take it and to send it back.
    version: Option<u32>,
    /// Needed to send it back.
    reason: Option<String>,
}

/// A step of the customer's.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[schema(as = PromptOrderStep)]
#[serde(rename_all = "snake_case")]
pub enum CustomerStep {
    /// What was delivered is taken; its version is handed in for its review.
    Accept,
    /// It is sent back.
    Return,
    /// It is wanted no more.
    Cancel,
}

/// 确认、退回、取消 / takes a step with an order by the customer's word.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/prompt-orders/{order}/{step}", tag = "prompts",
    params(("enterprise" = String, Path), ("order" = u32, Path), ("step" = CustomerStep, Path)),
    request_body = CustomerWord, security(("session" = ["change_setup"])),
    responses(
        (status = 200, description = "taken", body = Ordered),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`prompt_state`: it does not follow now; `version_moved`: another version is what is delivered now", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_value`: no version, or no reason", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn step(
    asked: Asked,
    Path((enterprise, order, step)): Path<(String, u32, CustomerStep)>,
    Body(CustomerWord { version, reason }): Body<CustomerWord>,
) -> Result<axum::Json<Ordered>, Refused> {
    let step = match step {
        CustomerStep::Accept => StepKind::Accept,
        CustomerStep::Return => StepKind::Return,
        CustomerStep::Cancel => StepKind::Cancel,
    };
    let (of, by) = (Which { tenant: TenantId::new(&enterprise), order }, asked.person.login.clone());
    asked.tell(orders::step(&asked.desk, &Step { of, step, version, reason, by }).await)
}

/// 受理 / somebody of the provider's staff takes an order up.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/prompt-orders/{order}/take", tag = "prompts",
    params(("enterprise" = String, Path), ("order" = u32, Path)), security(("session" = ["record_prompts"])),
    responses(
        (status = 200, description = "taken up", body = Ordered),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`prompt_state`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn take(
    asked: Asked,
    Path((enterprise, order)): Path<(String, u32)>,
) -> Result<axum::Json<Ordered>, Refused> {
    let (of, by) = (Which { tenant: TenantId::new(&enterprise), order }, asked.person.login.clone());
    let step = Step { of, step: StepKind::Take, version: None, reason: None, by };
    asked.tell(orders::step(&asked.desk, &step).await)
}

/// 交付录音 / a sound file as what was ordered, by the provider's staff; as a version that is uploaded.
#[utoipa::path(
    post, path = "/api/v1/enterprises/{enterprise}/prompt-orders/{order}/recording", tag = "prompts",
    params(("enterprise" = String, Path), ("order" = u32, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    security(("session" = ["record_prompts"])),
    responses(
        (status = 200, description = "delivered", body = Ordered),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`prompt_state`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`sound_file`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_tries`: too many are taken in", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn deliver(
    State(api): State<Api>,
    asked: Asked,
    Path((enterprise, order)): Path<(String, u32)>,
    request: axum::extract::Request,
) -> Result<axum::Json<Ordered>, Refused> {
    let Ok(_place) = api.0.uploads.try_acquire() else {
        return Err(asked.refuse(super::prompts::too_many()));
    };
    let file = match super::prompts::received(&asked.desk, request.into_body()).await {
        Ok(file) => file,
        Err(refusal) => return Err(asked.refuse(refusal)),
    };
    let (of, by) = (Which { tenant: TenantId::new(&enterprise), order }, asked.person.login.clone());
    asked.tell(orders::deliver(&asked.desk, &Deliver { of, file: file.path(), by }).await)
}
