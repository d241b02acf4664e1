//! Recordings that enterprises order (row I02): from the words to the version that the customer accepts. What the version is heard
//! by is the business of prompts.

use hotline::{TenantId, Wall};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::audit::{Change, take_turn, write_audit};
use crate::database::{Result, Store};
use crate::prompts::{NewPrompt, insert_prompt};
use crate::rows::{Read, code};

/// Whose voice is wished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderVoice {
    /// Anybody's.
    #[default]
    Any,
    /// A woman's.
    Female,
    /// A man's.
    Male,
}

/// The language it is to be said in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderLanguage {
    /// Chinese.
    #[default]
    Zh,
    /// English.
    En,
}

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Nobody of the staff took it up.
    Ordered,
    /// Somebody records it.
    InWork,
    /// A version is there, and the customer has to say what it thinks of it.
    Delivered,
    /// The customer sent it back, for a reason; it is made again.
    Returned,
    /// The customer has what it ordered.
    Accepted,
    /// Nobody wants it any more.
    Cancelled,
}

impl OrderState {
    /// Whether the staff have to do something about it.
    pub fn is_open(self) -> bool {
        match self {
            OrderState::Ordered | OrderState::InWork | OrderState::Returned => true,
            OrderState::Delivered | OrderState::Accepted | OrderState::Cancelled => false,
        }
    }
}

/// What becomes of an order. Whoever judges what was delivered names the version that it heard: another may lie there by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderStep {
    /// Somebody of the staff takes it up.
    Take,
    /// This version of the prompt is what was ordered.
    Deliver {
        /// It was made in the same transaction.
        version: u32,
    },
    /// The customer takes it; the version is handed in for its review.
    Accept {
        /// What the customer heard.
        version: u32,
    },
    /// The customer sends it back.
    Return {
        /// What the customer heard.
        version: u32,
        /// Why.
        reason: String,
    },
    /// The customer wants it no more.
    Cancel,
}

impl OrderStep {
    /// Whether it may follow a state, and what it leads to.
    pub fn leads(&self, from: OrderState) -> Option<OrderState> {
        let (may, to) = match self {
            OrderStep::Take => {
                (matches!(from, OrderState::Ordered | OrderState::Returned), OrderState::InWork)
            }
            OrderStep::Deliver { .. } => (from.is_open(), OrderState::Delivered),
            OrderStep::Accept { .. } => (from == OrderState::Delivered, OrderState::Accepted),
            OrderStep::Return { .. } => (from == OrderState::Delivered, OrderState::Returned),
            OrderStep::Cancel => (from.is_open(), OrderState::Cancelled),
        };
        may.then_some(to)
    }

    /// The version that the customer judges.
    fn judges(&self) -> Option<u32> {
        match self {
            OrderStep::Accept { version } | OrderStep::Return { version, .. } => Some(*version),
            OrderStep::Take | OrderStep::Deliver { .. } | OrderStep::Cancel => None,
        }
    }
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// The enterprise.
    pub tenant: TenantId,
    /// The prompt's name.
    pub name: String,
    /// What is to be said.
    pub words: String,
    /// Whose voice is wished.
    pub voice: OrderVoice,
    /// In which language.
    pub language: OrderLanguage,
    /// What else is to be known; may be empty.
    pub note: String,
}

/// An order as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptOrder {
    /// What is ordered.
    pub ordered: NewOrder,
    /// Its number within the enterprise, from 1.
    pub order: u32,
    /// How far it is.
    pub state: OrderState,
    /// The version of the prompt that was delivered last.
    pub version: Option<u32>,
    /// Why it was sent back last.
    pub reason: Option<String>,
    /// Who ordered it, and when.
    pub opened: Change,
    /// Who took the last step, and when.
    pub changed: Change,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStepped {
    /// It was taken.
    Done,
    /// There is no such order.
    Missing,
    /// It is in a state that this step does not lead from.
    Not(OrderState),
    /// Another version than the one that was named lies there to be judged: this one.
    Other(u32),
}

/// Which orders are meant.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    /// Of one enterprise; of all if absent.
    pub tenant: Option<TenantId>,
    /// In this state; in any if absent.
    pub state: Option<OrderState>,
    /// Only those that the staff have to do something about.
    pub open: bool,
    /// Behind this one, the last of the page before.
    pub behind: Option<(TenantId, u32)>,
}

const COLUMNS: &str = "tenant_id, order_no, name, words, voice, language, note, state, version, reason, ordered_at, \
                       ordered_by, changed_at, changed_by";

impl Store {
    /// Writes an order; its number.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn order_prompt(&self, new: &NewOrder, change: &Change) -> Result<u32> {
        let mut transaction = self.begin().await?;
        take_turn(&mut transaction, &new.tenant).await?;
        let sql = "insert into prompt_order (tenant_id, order_no, name, words, voice, language, note, state, ordered_at, \
                   ordered_by, changed_at, changed_by) values ($1, \
                   (select coalesce(max(order_no), 0) + 1 from prompt_order where tenant_id = $1), \
                   $2, $3, $4, $5, $6, 'ordered', $7, $8, $7, $8) returning order_no";
        let query = sqlx::query(sql).bind(new.tenant.to_string()).bind(new.name.clone());
        let query = query.bind(new.words.clone()).bind(code(&new.voice)).bind(code(&new.language));
        let query = query.bind(new.note.clone()).bind(change.at.0).bind(change.by.clone());
        let order: u32 = query.fetch_one(&mut *transaction).await?.count("order_no")?;
        let subject = subject(&new.name, order);
        write_audit(&mut transaction, &new.tenant, change, "order_prompt", &subject, None, Some("ordered"))
            .await?;
        transaction.commit().await?;
        Ok(order)
    }

    /// Writes the version that was ordered, as a draft, and delivers it: both or neither.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn deliver_prompt(
        &self,
        order: u32,
        made: &NewPrompt,
        change: &Change,
    ) -> Result<OrderStepped> {
        let mut transaction = self.begin().await?;
        let version = insert_prompt(&mut transaction, made, change).await?;
        let step = OrderStep::Deliver { version };
        let stepped = take_step(&mut transaction, &made.tenant, order, &step, change).await?;
        if stepped == OrderStepped::Done {
            transaction.commit().await?;
        }
        Ok(stepped)
    }

    /// Takes a step with an order; what the customer accepts is handed in for its review in the same transaction.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn step_prompt_order(
        &self,
        tenant: &TenantId,
        order: u32,
        step: &OrderStep,
        change: &Change,
    ) -> Result<OrderStepped> {
        let mut transaction = self.begin().await?;
        let stepped = take_step(&mut transaction, tenant, order, step, change).await?;
        if stepped == OrderStepped::Done {
            transaction.commit().await?;
        }
        Ok(stepped)
    }

    /// One order.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn prompt_order(&self, tenant: &TenantId, order: u32) -> Result<Option<PromptOrder>> {
        one(&mut *self.readers().acquire().await?, tenant, order).await
    }

    /// A page of orders, by enterprise and number; give the last one as `behind` for the next page.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn prompt_orders(&self, filter: &OrderFilter, limit: u32) -> Result<Vec<PromptOrder>> {
        let sql = format!(
            "select {COLUMNS} from prompt_order where ($1 = '' or tenant_id = $1) and ($2 = '' or state = $2) \
             and ($3 = 0 or state in ('ordered', 'in_work', 'returned')) \
             and (tenant_id > $4 or tenant_id = $4 and order_no > $5) order by tenant_id, order_no limit $6"
        );
        let (behind, number) =
            filter.behind.as_ref().map_or(("", 0), |(tenant, order)| (tenant.as_str(), *order));
        let tenant = filter.tenant.as_ref().map_or("", TenantId::as_str);
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenant.to_owned());
        let query =
            query.bind(filter.state.as_ref().map(code).unwrap_or_default()).bind(i64::from(filter.open));
        let query = query.bind(behind.to_owned()).bind(i64::from(number)).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }
}

/// Takes a step within a transaction, which is not to be committed unless it was taken.
async fn take_step(
    transaction: &mut AnyConnection,
    tenant: &TenantId,
    order: u32,
    step: &OrderStep,
    change: &Change,
) -> Result<OrderStepped> {
    // One step after the other: each is judged by what the one before left.
    take_turn(transaction, tenant).await?;
    let Some(was) = one(transaction, tenant, order).await? else { return Ok(OrderStepped::Missing) };
    let Some(to) = step.leads(was.state) else { return Ok(OrderStepped::Not(was.state)) };
    if let Some((meant, there)) = step.judges().zip(was.version)
        && meant != there
    {
        return Ok(OrderStepped::Other(there));
    }
    let (version, reason) = match step {
        OrderStep::Deliver { version } => (Some(*version), was.reason.clone()),
        OrderStep::Return { reason, .. } => (was.version, Some(reason.clone())),
        OrderStep::Take | OrderStep::Accept { .. } | OrderStep::Cancel => (was.version, was.reason.clone()),
    };
    let sql = "update prompt_order set state = $3, version = $4, reason = $5, changed_at = $6, changed_by = $7 \
               where tenant_id = $1 and order_no = $2";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(i64::from(order)).bind(code(&to));
    let query = query.bind(version.map(i64::from)).bind(reason).bind(change.at.0).bind(change.by.clone());
    query.execute(&mut *transaction).await?;
    if let OrderStep::Accept { version } = step {
        let sql = "update prompt set state = 'submitted', submitted_at = $4, submitted_by = $5 \
                   where tenant_id = $1 and name = $2 and version = $3 and state = 'draft'";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(was.ordered.name.clone());
        let query = query.bind(i64::from(*version)).bind(change.at.0).bind(change.by.clone());
        if query.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(OrderStepped::Not(was.state));
        }
    }
    let said = match step {
        OrderStep::Deliver { version } => format!("{} {version}", code(&to)),
        OrderStep::Return { reason, .. } => format!("{} {reason}", code(&to)),
        OrderStep::Take | OrderStep::Accept { .. } | OrderStep::Cancel => code(&to),
    };
    let (subject, before) = (subject(&was.ordered.name, order), code(&was.state));
    let (before, said) = (Some(before.as_str()), Some(said.as_str()));
    write_audit(transaction, tenant, change, "step_prompt_order", &subject, before, said).await?;
    Ok(OrderStepped::Done)
}

fn subject(name: &str, order: u32) -> String {
    format!("{name} #{order}")
}

async fn one(connection: &mut AnyConnection, tenant: &TenantId, order: u32) -> Result<Option<PromptOrder>> {
    let sql = format!("select {COLUMNS} from prompt_order where tenant_id = $1 and order_no = $2");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenant.to_string()).bind(i64::from(order));
    query.fetch_optional(connection).await?.as_ref().map(read).transpose()
}

fn read(row: &AnyRow) -> Result<PromptOrder> {
    let change =
        |at: &str, by: &str| -> Result<Change> { Ok(Change { at: Wall(row.int(at)?), by: row.text(by)? }) };
    Ok(PromptOrder {
        ordered: NewOrder {
            tenant: TenantId::new(&row.text("tenant_id")?),
            name: row.text("name")?,
            words: row.text("words")?,
            voice: row.coded("voice")?,
            language: row.coded("language")?,
            note: row.text("note")?,
        },
        order: row.count("order_no")?,
        state: row.coded("state")?,
        version: row.int_or_none("version")?.and_then(|version| u32::try_from(version).ok()),
        reason: row.text_or_none("reason")?,
        opened: change("ordered_at", "ordered_by")?,
        changed: change("changed_at", "changed_by")?,
    })
}
