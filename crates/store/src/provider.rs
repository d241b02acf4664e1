//! The provider's own data: trunks, number segments, tariffs and settings. Every change is audited under the tenant
//! `provider`.

use hotline::rating::{TariffVersion, Tariffs};
use hotline::trunk::Profile;
use hotline::{PlanId, TenantId, Wall};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::audit::{Change, take_turn, write_audit};
use crate::database::{Result, Store};
use crate::rows::{Read, int, json_text};

/// A carrier trunk as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkRow {
    /// Its name.
    pub name: String,
    /// Where its INVITEs go and come from, `host:port`.
    pub address: String,
    /// Whether calls to 400 numbers come in by it.
    pub incoming: bool,
    /// Whether calls to landlines and mobiles leave by it.
    pub outgoing: bool,
    /// The area code of callers who come without one.
    pub area_code: Option<String>,
    /// The lowest is tried first.
    pub priority: u32,
    /// Calls it carries at once; `None` is no limit.
    pub capacity: Option<u32>,
    /// The plan of what its calls cost us.
    pub cost_plan: Option<PlanId>,
    /// Off is never used.
    pub enabled: bool,
    /// What its carrier's paper says.
    pub profile: Profile,
}

/// Whose a block of numbers was in a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The beginning of its numbers, such as `4006`.
    pub prefix: String,
    /// The operator.
    pub operator: String,
    /// Whether more than one source says so.
    pub confirmed: bool,
    /// From this instant.
    pub valid_from: Wall,
    /// Up to this instant; `None` until another row follows.
    pub valid_to: Option<Wall>,
    /// Who says so.
    pub source: String,
}

/// What became of a tariff version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutTariff {
    /// It was stored; the open version before it now ends where it begins.
    Stored,
    /// The very same was stored before.
    AlreadyStored,
    /// Another text was stored under this plan and version; a version is never edited (row F15).
    Differs,
}

impl Store {
    /// Stores a trunk under its name.
    pub async fn put_trunk(&self, trunk: &TrunkRow, change: &Change) -> Result<()> {
        let mut transaction = self.begin().await?;
        let was = trunk_text(&mut transaction, &trunk.name).await?;
        // How callers are read stands in the profile; the column caller_rules holds nothing, for programs that know it.
        let sql = "insert into trunk (tenant_id, name, address, incoming, outgoing, area_code, caller_rules, priority, \
                   capacity, cost_plan, enabled, profile) \
                   values ('provider', $1, $2, $3, $4, $5, '', $6, $7, $8, $9, $10) \
                   on conflict (tenant_id, name) do update set address = excluded.address, \
                   incoming = excluded.incoming, outgoing = excluded.outgoing, area_code = excluded.area_code, \
                   priority = excluded.priority, capacity = excluded.capacity, \
                   cost_plan = excluded.cost_plan, enabled = excluded.enabled, profile = excluded.profile";
        let query = sqlx::query(sql).bind(trunk.name.clone()).bind(trunk.address.clone());
        let query = query.bind(i64::from(trunk.incoming)).bind(i64::from(trunk.outgoing));
        let query = query.bind(trunk.area_code.clone());
        let query = query.bind(i64::from(trunk.priority)).bind(trunk.capacity.map(i64::from));
        let query =
            query.bind(trunk.cost_plan.as_ref().map(PlanId::to_string)).bind(i64::from(trunk.enabled));
        query.bind(json_text(&trunk.profile)).execute(&mut *transaction).await?;
        let became = trunk_text(&mut transaction, &trunk.name).await?;
        let provider = TenantId::provider();
        let (was, became) = (was.as_deref(), became.as_deref());
        write_audit(&mut transaction, &provider, change, "put_trunk", &trunk.name, was, became).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Every trunk, in order of preference.
    pub async fn trunks(&self) -> Result<Vec<TrunkRow>> {
        let sql = "select tenant_id, name, address, incoming, outgoing, area_code, caller_rules, priority, \
                   capacity, cost_plan, enabled, profile from trunk where tenant_id = 'provider' order by \
                   priority, name";
        sqlx::query(sql).fetch_all(self.readers()).await?.iter().map(read_trunk).collect()
    }

    /// Stores a segment row under its prefix and first instant.
    pub async fn put_segment(&self, segment: &Segment, change: &Change) -> Result<()> {
        let mut transaction = self.begin().await?;
        let sql = "insert into number_segment (tenant_id, prefix, valid_from, valid_to, operator, confirmed, source) \
                   values ('provider', $1, $2, $3, $4, $5, $6) on conflict (tenant_id, prefix, valid_from) do update \
                   set valid_to = excluded.valid_to, operator = excluded.operator, confirmed = excluded.confirmed, \
                   source = excluded.source";
        let query = sqlx::query(sql).bind(segment.prefix.clone()).bind(segment.valid_from.0);
        let query = query.bind(segment.valid_to.map(|at| at.0)).bind(segment.operator.clone());
        let query = query.bind(i64::from(segment.confirmed)).bind(segment.source.clone());
        query.execute(&mut *transaction).await?;
        let became = format!("{}, {}", segment.operator, segment.source);
        let provider = TenantId::provider();
        write_audit(&mut transaction, &provider, change, "put_segment", &segment.prefix, None, Some(&became))
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Every segment row, by prefix and date.
    pub async fn segments(&self) -> Result<Vec<Segment>> {
        let sql = "select tenant_id, prefix, valid_from, valid_to, operator, confirmed, source from number_segment \
                   where tenant_id = 'provider' order by prefix, valid_from";
        let read = |row: &AnyRow| {
            Ok(Segment {
                prefix: row.text("prefix")?,
                operator: row.text("operator")?,
                confirmed: row.flag("confirmed")?,
                valid_from: Wall(row.int("valid_from")?),
                valid_to: row.int_or_none("valid_to")?.map(Wall),
                source: row.text("source")?,
            })
        };
        sqlx::query(sql).fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// Stores a version of a plan. The version before it, if it is open, is closed where this one begins; nothing else
    /// about it changes, so calls that were rated by it stay as they are.
    pub async fn put_tariff(&self, version: &TariffVersion, change: &Change) -> Result<PutTariff> {
        let mut transaction = self.begin().await?;
        let document = json_text(version);
        if let Some(there) = tariff_text(&mut transaction, version).await? {
            return Ok(if there == document { PutTariff::AlreadyStored } else { PutTariff::Differs });
        }
        let close = "update tariff set valid_to = $2 where tenant_id = 'provider' and plan = $1 \
                     and valid_to is null and valid_from < $2";
        let query = sqlx::query(close).bind(version.plan.to_string()).bind(version.valid_from.0);
        query.execute(&mut *transaction).await?;
        let sql = "insert into tariff (tenant_id, plan, version, valid_from, valid_to, source, document) \
                   values ('provider', $1, $2, $3, $4, $5, $6)";
        let query = sqlx::query(sql).bind(version.plan.to_string()).bind(int(u64::from(version.version)));
        let query = query.bind(version.valid_from.0).bind(version.valid_to.map(|at| at.0));
        query.bind(version.source.clone()).bind(document).execute(&mut *transaction).await?;
        let (provider, became) = (TenantId::provider(), format!("version {}", version.version));
        let subject = version.plan.as_str();
        write_audit(&mut transaction, &provider, change, "put_tariff", subject, None, Some(&became)).await?;
        transaction.commit().await?;
        Ok(PutTariff::Stored)
    }

    /// Every version of every plan.
    pub async fn tariffs(&self) -> Result<Tariffs> {
        let sql = "select document, valid_to from tariff where tenant_id = 'provider' order by plan, version";
        let read = |row: &AnyRow| -> Result<TariffVersion> {
            let version: TariffVersion = row.json("document")?;
            Ok(TariffVersion { valid_to: row.int_or_none("valid_to")?.map(Wall), ..version })
        };
        let rows = sqlx::query(sql).fetch_all(self.readers()).await?;
        Ok(Tariffs::from(rows.iter().map(read).collect::<Result<Vec<_>>>()?))
    }

    /// Stores a setting of the provider, or of one enterprise.
    pub async fn put_setting(
        &self,
        tenant: &TenantId,
        key: &str,
        value: &str,
        change: &Change,
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        let was = setting(&mut transaction, tenant, key).await?;
        write_setting(&mut transaction, tenant, (key, was.as_deref(), value), change).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Stores a setting if it is still what was read; whether it was.
    pub async fn replace_setting(
        &self,
        tenant: &TenantId,
        new: &NewSetting<'_>,
        change: &Change,
    ) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let replaced = replace_setting(&mut transaction, tenant, new, change).await?;
        transaction.commit().await?;
        Ok(replaced)
    }

    /// All settings whose keys begin so, by key. `prefix` has no `%` and no `_`.
    pub async fn settings(&self, tenant: &TenantId, prefix: &str) -> Result<Vec<(String, String)>> {
        let sql = "select key, value from setting where tenant_id = $1 and key like $2 order by key";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(format!("{prefix}%"));
        let rows = query.fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok((row.text("key")?, row.text("value")?))).collect()
    }

    /// One setting.
    pub async fn setting(&self, tenant: &TenantId, key: &str) -> Result<Option<String>> {
        setting(&mut *self.readers().acquire().await?, tenant, key).await
    }
}

/// A setting to store in place of what was read.
#[derive(Clone, Copy, Debug)]
pub struct NewSetting<'s> {
    /// Its key.
    pub key: &'s str,
    /// What was read; `None` if it was not there.
    pub was: Option<&'s str>,
    /// What it becomes.
    pub value: &'s str,
}

/// Stores it if it is still what was read; whether it was. The tenant's turn holds two who would replace it apart.
pub(crate) async fn replace_setting(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    new: &NewSetting<'_>,
    change: &Change,
) -> Result<bool> {
    take_turn(connection, tenant).await?;
    if setting(connection, tenant, new.key).await?.as_deref() != new.was {
        return Ok(false);
    }
    write_setting(connection, tenant, (new.key, new.was, new.value), change).await?;
    Ok(true)
}

async fn write_setting(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    (key, was, value): (&str, Option<&str>, &str),
    change: &Change,
) -> Result<()> {
    let sql = "insert into setting (tenant_id, key, value) values ($1, $2, $3) \
               on conflict (tenant_id, key) do update set value = excluded.value";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(key.to_owned()).bind(value.to_owned());
    query.execute(&mut *connection).await?;
    write_audit(connection, tenant, change, "put_setting", key, was, Some(value)).await
}

async fn setting(connection: &mut AnyConnection, tenant: &TenantId, key: &str) -> Result<Option<String>> {
    let sql = "select value from setting where tenant_id = $1 and key = $2";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(key.to_owned());
    query.fetch_optional(connection).await?.map(|row| row.text("value")).transpose()
}

/// A trunk in words, for the audit.
async fn trunk_text(connection: &mut AnyConnection, name: &str) -> Result<Option<String>> {
    let sql = "select tenant_id, name, address, incoming, outgoing, area_code, caller_rules, priority, capacity, \
               cost_plan, enabled, profile from trunk where tenant_id = 'provider' and name = $1";
    let row = sqlx::query(sql).bind(name.to_owned()).fetch_optional(connection).await?;
    Ok(row.as_ref().map(read_trunk).transpose()?.map(|trunk| format!("{trunk:?}")))
}

async fn tariff_text(connection: &mut AnyConnection, version: &TariffVersion) -> Result<Option<String>> {
    let sql = "select document from tariff where tenant_id = 'provider' and plan = $1 and version = $2";
    let query = sqlx::query(sql).bind(version.plan.to_string()).bind(i64::from(version.version));
    query.fetch_optional(connection).await?.map(|row| row.text("document")).transpose()
}

fn read_trunk(row: &AnyRow) -> Result<TrunkRow> {
    Ok(TrunkRow {
        name: row.text("name")?,
        address: row.text("address")?,
        incoming: row.flag("incoming")?,
        outgoing: row.flag("outgoing")?,
        area_code: row.text_or_none("area_code")?,
        priority: row.count("priority")?,
        capacity: row.count_or_none("capacity")?,
        cost_plan: row.text_or_none("cost_plan")?.map(|plan| PlanId::new(&plan)),
        enabled: row.flag("enabled")?,
        profile: row.json("profile")?,
    })
}
