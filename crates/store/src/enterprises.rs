//! Enterprises as people wrote them: immutable document rows, one a version, and the numbers they hold. One number has
//! one holder.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hotline::enterprise::{Enterprise, Limits};
use hotline::{HotlineNumber, TenantId, Wall};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::alarms::{note_bindings, write_alarms};
use crate::audit::{Change, write_audit};
use crate::callbacks::give_up_orphans;
use crate::database::{Result, Store};
use crate::flows::write_flows;
use crate::provider::{NewSetting, replace_setting};
use crate::rollups::column_of;
use crate::rows::{Among, Read, Rows, Value, json_text, unreadable};

static ENTERPRISE: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into enterprise (tenant_id, version, name, document, changed_by, changed_at)",
        "on conflict do nothing",
    )
});

static NUMBER: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into number (tenant_id, number, holder_id, version, enabled)",
        "on conflict (tenant_id, number) do update set version = excluded.version, enabled = excluded.enabled \
         where number.holder_id = excluded.holder_id",
    )
});

static CAP: LazyLock<Rows> =
    LazyLock::new(|| Rows::new("insert into cap (tenant_id, number, cap_e4, lifted_month)", ""));
static CALL_CAP: LazyLock<Rows> =
    LazyLock::new(|| Rows::new("insert into call_cap (tenant_id, number, cap, lifted_month)", ""));

static HELD: LazyLock<Among> = LazyLock::new(|| {
    Among::new(
        "select number, holder_id, version, enabled from number where tenant_id = 'provider' and number in",
        "order by number",
    )
});

/// What became of a change to an enterprise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was stored as this version.
    Stored {
        /// 1 for the first.
        version: u32,
        /// Whether it raised an alert of too many bound numbers changed (row B11).
        alarmed: bool,
    },
    /// Somebody else changed the enterprise in the meantime; nothing was stored.
    Moved {
        /// The version that holds now; 0 if there is none.
        current: u32,
    },
    /// Some of its numbers are held by others; nothing was stored.
    NumbersTaken {
        /// Each such number with its holder.
        taken: Vec<(HotlineNumber, TenantId)>,
    },
}

/// An enterprise as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its version.
    pub version: u32,
    /// The document.
    pub enterprise: Enterprise,
    /// Who wrote this version, and when.
    pub change: Change,
}

/// One held number: what the directory keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberRow {
    /// The 400 number.
    pub number: HotlineNumber,
    /// The enterprise that holds it.
    pub holder: TenantId,
    /// The version of the enterprise's document.
    pub version: u32,
    /// Whether calls are taken.
    pub enabled: bool,
}

impl Store {
    /// Stores an enterprise's next version with its numbers, caps and an audit row. `expected` is the version the
    /// change was made from, 0 for a new enterprise. The document has been validated by `hotline`. One that changes too
    /// many bound numbers raises an alert and is stored as [`Enterprise::alarmed`] says (row B11).
    pub async fn put_enterprise(
        &self,
        enterprise: &Enterprise,
        expected: u32,
        change: &Change,
    ) -> Result<Put> {
        self.put_enterprise_and(enterprise, expected, &[], change).await
    }

    /// The same with settings of the enterprise in one transaction, each audited. A setting that is another than it was
    /// read stores nothing: [`Put::Moved`].
    pub async fn put_enterprise_and(
        &self,
        enterprise: &Enterprise,
        expected: u32,
        settings: &[NewSetting<'_>],
        change: &Change,
    ) -> Result<Put> {
        let mut transaction = self.begin().await?;
        let current = current_version(&mut transaction, &enterprise.id).await?;
        if current != expected {
            return Ok(Put::Moved { current });
        }
        let version = current + 1;
        let alarmed = note_bindings(&mut transaction, enterprise, version, change).await?;
        let after = alarmed.then(|| enterprise.clone().alarmed(change.at));
        let enterprise = after.as_ref().unwrap_or(enterprise);
        if ENTERPRISE.write(&mut transaction, document_values(enterprise, version, change).into()).await? == 0
        {
            return Ok(Put::Moved { current: version });
        }
        let taken = write_numbers(&mut transaction, enterprise, version).await?;
        if !taken.is_empty() {
            return Ok(Put::NumbersTaken { taken });
        }
        write_caps(&mut transaction, enterprise).await?;
        write_flows(&mut transaction, enterprise, change).await?;
        give_up_orphans(&mut transaction, &enterprise.id, change).await?;
        let became = format!("version {version}, {} numbers", enterprise.numbers.len());
        let was = (current > 0).then(|| format!("version {current}"));
        let subject = enterprise.id.as_str();
        write_audit(
            &mut transaction,
            &enterprise.id,
            change,
            "put_enterprise",
            subject,
            was.as_deref(),
            Some(&became),
        )
        .await?;
        for setting in settings {
            if !replace_setting(&mut transaction, &enterprise.id, setting, change).await? {
                return Ok(Put::Moved { current });
            }
        }
        transaction.commit().await?;
        Ok(Put::Stored { version, alarmed })
    }

    /// Stores many new enterprises in one transaction: all of them, or none if one exists or a number is held. One
    /// audit row of the provider tells of them. For imports of a whole provider.
    pub async fn put_new_enterprises(&self, enterprises: &[Enterprise], change: &Change) -> Result<Put> {
        let mut transaction = self.begin().await?;
        for some in enterprises.chunks(512) {
            let documents = some.iter().flat_map(|one| document_values(one, 1, change)).collect();
            if ENTERPRISE.write(&mut transaction, documents).await? < some.len() as u64 {
                return Ok(Put::Moved { current: 1 });
            }
            let numbers = some.iter().flat_map(|one| number_values(one, 1)).collect();
            let wanted: usize = some.iter().map(|one| one.numbers.len()).sum();
            if NUMBER.write(&mut transaction, numbers).await? < wanted as u64 {
                return Ok(Put::NumbersTaken { taken: taken_numbers(&mut transaction, some).await? });
            }
            CAP.write(&mut transaction, some.iter().flat_map(cost_caps).collect()).await?;
            CALL_CAP.write(&mut transaction, some.iter().flat_map(call_caps).collect()).await?;
            write_alarms(&mut transaction, some).await?;
        }
        let became = format!("{} enterprises", enterprises.len());
        let provider = TenantId::provider();
        write_audit(&mut transaction, &provider, change, "put_enterprises", "import", None, Some(&became))
            .await?;
        transaction.commit().await?;
        Ok(Put::Stored { version: 1, alarmed: false })
    }

    /// An enterprise at its latest version.
    pub async fn enterprise(&self, tenant: &TenantId) -> Result<Option<Stored>> {
        let sql = "select version, document, changed_by, changed_at from enterprise where tenant_id = $1 \
                   order by version desc limit 1";
        let row = sqlx::query(sql).bind(tenant.to_string()).fetch_optional(self.readers()).await?;
        row.as_ref().map(read_stored).transpose()
    }

    /// An enterprise as it was at a version: what decided an old call (row R04).
    pub async fn enterprise_at(&self, tenant: &TenantId, version: u32) -> Result<Option<Stored>> {
        let sql = "select version, document, changed_by, changed_at from enterprise \
                   where tenant_id = $1 and version = $2";
        let query = sqlx::query(sql).bind(tenant.to_string()).bind(i64::from(version));
        query.fetch_optional(self.readers()).await?.as_ref().map(read_stored).transpose()
    }

    /// The versions of an enterprise's document with who wrote them and when, the latest first: at most `limit` before a version, or
    /// from the latest.
    pub async fn enterprise_versions(
        &self,
        tenant: &TenantId,
        (before, limit): (Option<u32>, u32),
    ) -> Result<Vec<(u32, Change)>> {
        let sql = "select version, changed_by, changed_at from enterprise where tenant_id = $1 and version < $2 \
                   order by version desc limit $3";
        let query = sqlx::query(sql).bind(tenant.to_string());
        let query = query.bind(before.map_or(i64::MAX, i64::from)).bind(i64::from(limit));
        let read = |row: &AnyRow| {
            let change = Change { by: row.text("changed_by")?, at: Wall(row.int("changed_at")?) };
            Ok((row.count("version")?, change))
        };
        query.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// Enterprises with their latest versions, by id, after `after`, at most `limit`.
    pub async fn enterprises(&self, after: Option<&TenantId>, limit: u32) -> Result<Vec<(TenantId, u32)>> {
        let sql = "select tenant_id, max(version) as version from enterprise where tenant_id > $1 \
                   group by tenant_id order by tenant_id limit $2";
        let query =
            sqlx::query(sql).bind(after.map_or("", TenantId::as_str).to_owned()).bind(i64::from(limit));
        let rows = query.fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok((TenantId::new(&row.text("tenant_id")?), row.count("version")?))).collect()
    }

    /// Held numbers in order, after `after`, at most `limit`: page by page the whole directory. A page comes over as
    /// one text, since a row that crosses from the database's thread costs ten times the reading of it.
    pub async fn numbers(&self, after: Option<HotlineNumber>, limit: u32) -> Result<Vec<NumberRow>> {
        let sql = "select string_agg(number || ' ' || holder_id || ' ' || cast(version as text) || ' ' \
                       || cast(enabled as text), ',') as page \
                   from (select number, holder_id, version, enabled from number \
                       where tenant_id = 'provider' and number > $1 order by number limit $2) held";
        let query = sqlx::query(sql).bind(column_of(after)).bind(i64::from(limit));
        let Some(page) = query.fetch_one(self.readers()).await?.text_or_none("page")? else {
            return Ok(Vec::new());
        };
        let read = |held| read_held(held).ok_or_else(|| unreadable("page", held));
        let mut numbers = page.split(',').map(read).collect::<Result<Vec<_>>>()?;
        numbers.sort_by_key(|held| held.number);
        Ok(numbers)
    }

    /// One number with its holder.
    pub async fn number(&self, number: HotlineNumber) -> Result<Option<NumberRow>> {
        let sql = "select number, holder_id, version, enabled from number \
                   where tenant_id = 'provider' and number = $1";
        let row = sqlx::query(sql).bind(number.to_string()).fetch_optional(self.readers()).await?;
        row.as_ref().map(read_number).transpose()
    }
}

async fn current_version(connection: &mut AnyConnection, tenant: &TenantId) -> Result<u32> {
    let sql = "select coalesce(max(version), 0) as version from enterprise where tenant_id = $1";
    sqlx::query(sql).bind(tenant.to_string()).fetch_one(connection).await?.count("version")
}

/// Writes the numbers of a version and lets go of those it no longer names; returns those held by others.
async fn write_numbers(
    connection: &mut AnyConnection,
    enterprise: &Enterprise,
    version: u32,
) -> Result<Vec<(HotlineNumber, TenantId)>> {
    if NUMBER.write(connection, number_values(enterprise, version)).await? < enterprise.numbers.len() as u64 {
        return taken_numbers(connection, std::slice::from_ref(enterprise)).await;
    }
    let sql = "delete from number where tenant_id = 'provider' and holder_id = $1 and version < $2";
    sqlx::query(sql).bind(enterprise.id.to_string()).bind(i64::from(version)).execute(connection).await?;
    Ok(Vec::new())
}

async fn write_caps(connection: &mut AnyConnection, enterprise: &Enterprise) -> Result<()> {
    for sql in [
        "delete from cap where tenant_id = $1",
        "delete from call_cap where tenant_id = $1",
        "delete from alarm where tenant_id = $1",
    ] {
        sqlx::query(sql).bind(enterprise.id.to_string()).execute(&mut *connection).await?;
    }
    CAP.write(connection, cost_caps(enterprise)).await?;
    CALL_CAP.write(connection, call_caps(enterprise)).await?;
    write_alarms(connection, std::slice::from_ref(enterprise)).await
}

/// Which numbers of these documents somebody else holds; a number that two of them name is among them too.
async fn taken_numbers(
    connection: &mut AnyConnection,
    enterprises: &[Enterprise],
) -> Result<Vec<(HotlineNumber, TenantId)>> {
    let mut wanted: BTreeMap<HotlineNumber, &TenantId> = BTreeMap::new();
    let mut taken = Vec::new();
    for enterprise in enterprises {
        for number in &enterprise.numbers {
            if let Some(other) = wanted.insert(number.number, &enterprise.id)
                && *other != enterprise.id
            {
                taken.push((number.number, other.clone()));
            }
        }
    }
    for row in HELD.read(connection, wanted.keys().map(HotlineNumber::to_string).collect()).await? {
        let held = read_number(&row)?;
        if wanted.get(&held.number).is_some_and(|wants| **wants != held.holder) {
            taken.push((held.number, held.holder));
        }
    }
    taken.sort();
    taken.dedup();
    Ok(taken)
}

fn document_values(enterprise: &Enterprise, version: u32, change: &Change) -> [Value; 6] {
    [
        enterprise.id.as_str().into(),
        version.into(),
        enterprise.name.as_str().into(),
        json_text(enterprise).into(),
        change.by.as_str().into(),
        change.at.0.into(),
    ]
}

fn number_values(enterprise: &Enterprise, version: u32) -> Vec<Value> {
    let row = |number: &hotline::enterprise::Number| -> [Value; 5] {
        [
            "provider".into(),
            number.number.to_string().into(),
            enterprise.id.as_str().into(),
            version.into(),
            number.enabled.into(),
        ]
    };
    enterprise.numbers.iter().flat_map(row).collect()
}

fn cost_caps(enterprise: &Enterprise) -> Vec<Value> {
    cap_values(enterprise, |limits| limits.month_cost_cap_e4.map(|cap| cap.0))
}

fn call_caps(enterprise: &Enterprise) -> Vec<Value> {
    cap_values(enterprise, |limits| limits.month_calls_cap.map(i64::from))
}

fn cap_values(enterprise: &Enterprise, cap_of: impl Fn(&Limits) -> Option<i64>) -> Vec<Value> {
    let whole = (None, &enterprise.limits);
    let each = enterprise.numbers.iter().map(|number| (Some(number.number), &number.limits));
    let mut values: Vec<Value> = Vec::new();
    for (number, limits) in std::iter::once(whole).chain(each) {
        if let Some(cap) = cap_of(limits) {
            let lifted = limits.lifted_month.map(i64::from);
            values.extend([
                enterprise.id.as_str().into(),
                column_of(number).into(),
                cap.into(),
                lifted.into(),
            ]);
        }
    }
    values
}

fn read_stored(row: &AnyRow) -> Result<Stored> {
    Ok(Stored {
        version: row.count("version")?,
        enterprise: row.json("document")?,
        change: Change { by: row.text("changed_by")?, at: Wall(row.int("changed_at")?) },
    })
}

/// Reads `4006010114 huaxin 3 1`; no name of a tenant has a space or a comma.
fn read_held(text: &str) -> Option<NumberRow> {
    let mut words = text.split(' ');
    let (number, holder) = (words.next()?.parse().ok()?, TenantId::new(words.next()?));
    let (version, enabled) = (words.next()?.parse().ok()?, words.next()? != "0");
    Some(NumberRow { number, holder, version, enabled })
}

fn read_number(row: &AnyRow) -> Result<NumberRow> {
    Ok(NumberRow {
        number: row.parsed("number")?,
        holder: TenantId::new(&row.text("holder_id")?),
        version: row.count("version")?,
        enabled: row.flag("enabled")?,
    })
}
