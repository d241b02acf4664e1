//! Messages to people: written with what they tell of, sent by the server, kept with what became of them. The key makes
//! one of the same telling (row V08); the words are not its business.

use std::sync::LazyLock;

use hotline::message::{About, Address, Channel, Message};
use hotline::{TenantId, Wall};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::alerts::Alert;
use crate::database::{Result, Store};
use crate::rollups::column_of;
use crate::rows::{Read, Rows, Value, code};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// It is to be sent, for the first time or again.
    Waiting,
    /// The gateway took it.
    Sent,
    /// It was given up.
    Failed,
    /// It may not be sent (row B10).
    Refused,
}

/// One message with what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// The enterprise.
    pub tenant: TenantId,
    /// The message.
    pub message: Message,
    /// What became of it.
    pub state: MessageState,
    /// How often it was tried.
    pub tries: u32,
    /// When it is to be tried next.
    pub due_at: Wall,
    /// When it was written.
    pub made_at: Wall,
    /// When the gateway took it.
    pub sent_at: Option<Wall>,
    /// What went wrong last.
    pub error: String,
}

static MESSAGE: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into message (tenant_id, message_key, about, channel, address, body, state, tries, due_at, made_at)",
        "on conflict do nothing",
    )
});

const COLUMNS: &str =
    "tenant_id, message_key, about, address, body, state, tries, due_at, made_at, sent_at, error";

/// A page of messages: the enterprise stands alone in its condition, so that an index leads there.
fn messages_sql(of_one: bool) -> String {
    let of = if of_one { "tenant_id = $1" } else { "$1 = ''" };
    format!(
        "select {COLUMNS} from message where {of} and ($2 = '' or state = $2) \
         and made_at <= $3 and (made_at < $3 or message_key > $4) order by made_at desc, message_key limit $5"
    )
}

/// Writes messages that are not there yet.
pub(crate) async fn insert_messages<'a>(
    connection: &mut AnyConnection,
    messages: impl Iterator<Item = (&'a TenantId, &'a Message, Wall)>,
) -> Result<()> {
    let values = messages.flat_map(|(tenant, message, at)| {
        let channel: Channel = message.to.channel();
        let values: [Value; 10] = [
            tenant.as_str().into(),
            message.key.as_str().into(),
            code(&message.about).into(),
            code(&channel).into(),
            message.to.as_str().into(),
            message.text.as_str().into(),
            code(&MessageState::Waiting).into(),
            0_u32.into(),
            at.0.into(),
            at.0.into(),
        ];
        values
    });
    MESSAGE.write(connection, values.collect()).await?;
    Ok(())
}

impl Store {
    /// Messages of an enterprise or of all, in a state or in any, the latest first, at most `limit`; of one enterprise a page
    /// may begin behind a message, given as [`Store::message_made_at`] and its key.
    pub async fn messages(
        &self,
        tenant: Option<&TenantId>,
        state: Option<MessageState>,
        behind: Option<(Wall, &str)>,
        limit: u32,
    ) -> Result<Vec<StoredMessage>> {
        let sql = messages_sql(tenant.is_some());
        let (made_at, key) = behind.map_or((i64::MAX, ""), |(at, key)| (at.0, key));
        let query =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenant.map_or("", TenantId::as_str).to_owned());
        let query = query.bind(state.as_ref().map(code).unwrap_or_default());
        let query = query.bind(made_at).bind(key.to_owned());
        query.bind(i64::from(limit)).fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// When a message was written; none where there is no such message.
    pub async fn message_made_at(&self, tenant: &TenantId, key: &str) -> Result<Option<Wall>> {
        let sql = "select made_at from message where tenant_id = $1 and message_key = $2";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(key.to_owned());
        query.fetch_optional(self.readers()).await?.map(|row| row.int("made_at").map(Wall)).transpose()
    }

    /// Messages whose time has come, the oldest first, at most `limit`.
    pub async fn due_messages(&self, now: Wall, limit: u32) -> Result<Vec<StoredMessage>> {
        let sql = format!(
            "select {COLUMNS} from message where state = 'waiting' and due_at <= $1 order by due_at limit $2"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now.0).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// Says what became of a try: sent, refused, given up, or to be tried again at `due_at`.
    pub async fn note_message(
        &self,
        of: &StoredMessage,
        state: MessageState,
        error: &str,
        (now, due_at): (Wall, Wall),
    ) -> Result<()> {
        let sql = "update message set state = $3, tries = tries + 1, due_at = $4, sent_at = $5, error = $6 \
                   where tenant_id = $1 and message_key = $2 and state = 'waiting'";
        let sent_at = (state == MessageState::Sent).then_some(now.0);
        let mut transaction = self.begin().await?;
        let query = sqlx::query(sql).bind(of.tenant.to_string()).bind(of.message.key.clone());
        let query = query.bind(code(&state)).bind(due_at.0).bind(sent_at).bind(error.to_owned());
        query.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Alerts that nobody was told of yet, at most `limit`.
    pub async fn untold_alerts(&self, limit: u32) -> Result<Vec<Alert>> {
        let sql = "select tenant_id, kind, number, period, level, raised_at, used, allowed, acked_at, acked_by \
                   from alert where told_at is null order by raised_at limit $1";
        let query = sqlx::query(sql).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(crate::alerts::read_alert).collect()
    }

    /// Writes the messages of an alert, which is told then (row B07: once).
    pub async fn tell_alert(&self, alert: &Alert, messages: &[Message], at: Wall) -> Result<()> {
        let mut transaction = self.begin().await?;
        insert_messages(&mut transaction, messages.iter().map(|one| (&alert.tenant, one, at))).await?;
        let sql = "update alert set told_at = $6 where tenant_id = $1 and kind = $2 and number = $3 and period = $4 \
                   and level = $5";
        let query = sqlx::query(sql).bind(alert.tenant.to_string()).bind(code(&alert.kind));
        let query = query.bind(column_of(alert.number)).bind(i64::from(alert.period));
        query.bind(i64::from(alert.level)).bind(at.0).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}

fn read(row: &AnyRow) -> Result<StoredMessage> {
    let address = row.text("address")?;
    let to = Address::parse(&address).ok_or_else(|| crate::rows::unreadable("address", &address))?;
    let about: About = row.coded("about")?;
    Ok(StoredMessage {
        tenant: TenantId::new(&row.text("tenant_id")?),
        message: Message { key: row.text("message_key")?, about, to, text: row.text("body")? },
        state: row.coded("state")?,
        tries: row.count("tries")?,
        due_at: Wall(row.int("due_at")?),
        made_at: Wall(row.int("made_at")?),
        sent_at: row.int_or_none("sent_at")?.map(Wall),
        error: row.text("error")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One enterprise's page is read by an index alone, however many messages others have.
    #[test]
    fn v08_a_page_of_one_enterprise_is_found_by_an_index() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let file = std::env::temp_dir().join(format!("sibai-messages-{}.db", std::process::id()));
        runtime.block_on(async {
            let store = Store::open(&format!("sqlite:{}", file.display())).await.expect("a database");
            store.migrate().await.expect("migrated");
            let sql = format!("explain query plan {}", messages_sql(true));
            let query =
                sqlx::query(sqlx::AssertSqlSafe(sql)).bind("acme").bind("").bind(1_i64).bind("").bind(9_i64);
            let rows = query.fetch_all(store.readers()).await.expect("a plan");
            let plan: Vec<String> = rows.iter().map(|row| row.text("detail").expect("a step")).collect();
            let plan = plan.join("; ");
            assert!(plan.contains("message_of_enterprise (tenant_id=? AND made_at<?)"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "it is sorted by the index: {plan}");
            store.close().await;
        });
        std::fs::remove_file(file).expect("removed");
    }
}
