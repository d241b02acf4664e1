//! People who sign in, and their sessions (rows P03, P04). Passwords come in as hashes and leave as hashes; of a session
//! only the hash of its token is known here.

use hotline::{TenantId, Wall};
use sqlx::any::AnyRow;

use crate::audit::{Change, write_audit};
use crate::database::{Result, Store};
use crate::rows::Read;

/// One person who may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The enterprise, or [`TenantId::provider`] for the provider's staff.
    pub tenant: TenantId,
    /// The name typed in, unique within the enterprise.
    pub login: String,
    /// The person's name.
    pub name: String,
    /// The stable code of the role.
    pub role: String,
    /// The password's hash in PHC form.
    pub password: String,
    /// Whether the password was made by somebody else and has to be changed first (row P02).
    pub must_change: bool,
    /// When it was made.
    pub created_at: Wall,
    /// Since when nobody signs in by it.
    pub disabled_at: Option<Wall>,
    /// The agent that the person is, by its number in the enterprise's document; empty for none.
    pub agent: String,
}

/// One session of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The enterprise.
    pub tenant: TenantId,
    /// SHA-256 of the token, in hexadecimal.
    pub token_hash: String,
    /// Whose it is.
    pub login: String,
    /// When it began.
    pub began_at: Wall,
    /// When it was used last, to the minute.
    pub seen_at: Wall,
    /// When it ends, whatever happens.
    pub ends_at: Wall,
    /// The address it began from.
    pub address: String,
    /// What the browser called itself.
    pub agent: String,
}

const ACCOUNT: &str = "tenant_id, login, name, role, password, must_change, created_at, disabled_at, agent";
const SESSION: &str = "tenant_id, token_hash, login, began_at, seen_at, ends_at, address, agent";

fn read_account(row: &AnyRow) -> Result<Account> {
    Ok(Account {
        tenant: TenantId::new(&row.text("tenant_id")?),
        login: row.text("login")?,
        name: row.text("name")?,
        role: row.text("role")?,
        password: row.text("password")?,
        must_change: row.int("must_change")? != 0,
        created_at: Wall(row.int("created_at")?),
        disabled_at: row.int_or_none("disabled_at")?.map(Wall),
        agent: row.text("agent")?,
    })
}

fn read_session(row: &AnyRow) -> Result<Session> {
    Ok(Session {
        tenant: TenantId::new(&row.text("tenant_id")?),
        token_hash: row.text("token_hash")?,
        login: row.text("login")?,
        began_at: Wall(row.int("began_at")?),
        seen_at: Wall(row.int("seen_at")?),
        ends_at: Wall(row.int("ends_at")?),
        address: row.text("address")?,
        agent: row.text("agent")?,
    })
}

impl Store {
    /// Makes an account; `false` if the enterprise has one by that name, or of that agent.
    pub async fn add_account(&self, account: &Account, change: &Change) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let sql = format!(
            "insert into account ({ACCOUNT}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(account.tenant.to_string());
        let query = query.bind(account.login.clone()).bind(account.name.clone()).bind(account.role.clone());
        let query = query.bind(account.password.clone()).bind(i64::from(account.must_change));
        let query = query
            .bind(account.created_at.0)
            .bind(account.disabled_at.map(|at| at.0))
            .bind(account.agent.clone());
        if query.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let Account { tenant, login, role, .. } = account;
        write_audit(&mut transaction, tenant, change, "add_account", login, None, Some(role)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// One account.
    pub async fn account(&self, tenant: &TenantId, login: &str) -> Result<Option<Account>> {
        let sql = format!("select {ACCOUNT} from account where tenant_id = $1 and login = $2");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenant.to_string()).bind(login.to_owned());
        query.fetch_optional(self.readers()).await?.as_ref().map(read_account).transpose()
    }

    /// The accounts of an enterprise by name, at most `limit`, behind `after` if one is given.
    pub async fn accounts(&self, tenant: &TenantId, after: &str, limit: u32) -> Result<Vec<Account>> {
        let sql = format!(
            "select {ACCOUNT} from account where tenant_id = $1 and login > $2 order by login limit $3"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(tenant.to_string()).bind(after.to_owned());
        let rows = query.bind(i64::from(limit)).fetch_all(self.readers()).await?;
        rows.iter().map(read_account).collect()
    }

    /// Gives an account another password and ends its sessions, but for the one kept; `false` if there is no such account.
    pub async fn set_password(
        &self,
        tenant: &TenantId,
        login: &str,
        (password, must_change): (&str, bool),
        kept: Option<&str>,
        change: &Change,
    ) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let sql = "update account set password = $3, must_change = $4 where tenant_id = $1 and login = $2";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(login.to_owned());
        let query = query.bind(password.to_owned()).bind(i64::from(must_change));
        if query.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let sql = "delete from session where tenant_id = $1 and login = $2 and token_hash <> $3";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(login.to_owned());
        query.bind(kept.unwrap_or_default().to_owned()).execute(&mut *transaction).await?;
        write_audit(&mut transaction, tenant, change, "set_password", login, None, None).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Closes an account and ends its sessions, or opens it again; `false` if there is no such account.
    pub async fn disable_account(
        &self,
        tenant: &TenantId,
        login: &str,
        disabled: bool,
        change: &Change,
    ) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let sql = "update account set disabled_at = $3 where tenant_id = $1 and login = $2";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(login.to_owned());
        let query = query.bind(disabled.then_some(change.at.0));
        if query.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        if disabled {
            let sql = "delete from session where tenant_id = $1 and login = $2";
            let query = sqlx::query(sql).bind(tenant.to_string()).bind(login.to_owned());
            query.execute(&mut *transaction).await?;
        }
        let action = if disabled { "disable_account" } else { "enable_account" };
        write_audit(&mut transaction, tenant, change, action, login, None, None).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Begins a session, says so in the audit, and drops those that ended.
    pub async fn open_session(&self, session: &Session) -> Result<()> {
        let mut transaction = self.begin().await?;
        let query = sqlx::query("delete from session where ends_at <= $1").bind(session.began_at.0);
        query.execute(&mut *transaction).await?;
        let sql = format!("insert into session ({SESSION}) values ($1, $2, $3, $4, $5, $6, $7, $8)");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(session.tenant.to_string());
        let query = query.bind(session.token_hash.clone()).bind(session.login.clone());
        let query = query.bind(session.began_at.0).bind(session.seen_at.0).bind(session.ends_at.0);
        query.bind(session.address.clone()).bind(session.agent.clone()).execute(&mut *transaction).await?;
        let change = Change { by: session.login.clone(), at: session.began_at };
        let (tenant, from) = (&session.tenant, Some(session.address.as_str()));
        write_audit(&mut transaction, tenant, &change, "sign_in", &session.login, None, from).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// A session with its account, whether or not they still hold.
    pub async fn session(&self, tenant: &TenantId, token_hash: &str) -> Result<Option<(Session, Account)>> {
        let sql = format!("select {SESSION} from session where tenant_id = $1 and token_hash = $2");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql));
        let query = query.bind(tenant.to_string()).bind(token_hash.to_owned());
        let Some(row) = query.fetch_optional(self.readers()).await? else { return Ok(None) };
        let session = read_session(&row)?;
        Ok(self.account(tenant, &session.login).await?.map(|account| (session, account)))
    }

    /// Notes that a session was used.
    pub async fn touch_session(&self, tenant: &TenantId, token_hash: &str, at: Wall) -> Result<()> {
        let sql = "update session set seen_at = $3 where tenant_id = $1 and token_hash = $2";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(token_hash.to_owned()).bind(at.0);
        let mut transaction = self.begin().await?;
        query.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Ends a session and says so in the audit; `false` if there is none.
    pub async fn end_session(&self, tenant: &TenantId, token_hash: &str, change: &Change) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let sql = "delete from session where tenant_id = $1 and token_hash = $2";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(token_hash.to_owned());
        if query.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        write_audit(&mut transaction, tenant, change, "sign_out", &change.by, None, None).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
