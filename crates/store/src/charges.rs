//! Charges of calls and their adjustments. A charge is never changed: what a re-rate finds is one more revision.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use hotline::ledger::Entry;
use hotline::rating::{Charge, ChargeKind};
use hotline::{CallId, Money, PlanId, TenantId};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::audit::{Change, write_audit};
use crate::database::{Result, Store};
use crate::ledger::post_entry;
use crate::rollups::{Place, Sums, add_sums};
use crate::rows::{Read, Rows, Value, json_text};
use crate::settle::CapPassed;

static CHARGE: LazyLock<Rows> = LazyLock::new(|| {
    Rows::new(
        "insert into charge (tenant_id, call_id, leg, kind, revision, plan, tariff_version, zone, usage_ms, units, \
         unit_price_e4, amount_e4, posted_before_e4, terms)",
        "on conflict do nothing",
    )
});

/// A charge and the call it belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Charged<'a> {
    pub(crate) place: &'a Place,
    pub(crate) call: CallId,
    pub(crate) charge: &'a Charge,
}

/// Writes the charges that are not there yet and says how many these were.
pub(crate) async fn insert_charges(connection: &mut AnyConnection, charges: &[Charged<'_>]) -> Result<u64> {
    CHARGE.write(connection, charges.iter().flat_map(charge_values).collect()).await
}

fn charge_values(charged: &Charged<'_>) -> [Value; 14] {
    let charge = charged.charge;
    [
        charged.place.tenant.as_str().into(),
        charged.call.to_string().into(),
        u32::from(charge.leg).into(),
        charge.kind.code().into(),
        charge.revision.into(),
        charge.plan.as_str().into(),
        charge.tariff_version.into(),
        charge.zone.code().into(),
        charge.usage_ms.into(),
        charge.units.into(),
        charge.unit_price_e4.0.into(),
        charge.amount_e4.0.into(),
        charge.posted_before_e4.0.into(),
        json_text(&charge.terms).into(),
    ]
}

/// Sale and cost of one charge.
pub(crate) fn fee(charge: &Charge) -> (Money, Money) {
    match charge.kind {
        ChargeKind::Sale => (charge.amount_e4, Money::ZERO),
        ChargeKind::Cost => (Money::ZERO, charge.amount_e4),
    }
}

pub(crate) async fn charges_of(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    call: CallId,
) -> Result<Vec<Charge>> {
    let sql = "select tenant_id, call_id, leg, kind, revision, plan, tariff_version, zone, usage_ms, units, \
               unit_price_e4, amount_e4, posted_before_e4, terms from charge where tenant_id = $1 and call_id = $2 \
               order by leg, kind, revision";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(call.to_string());
    query.fetch_all(connection).await?.iter().map(read_charge).collect()
}

fn read_charge(row: &AnyRow) -> Result<Charge> {
    Ok(Charge {
        kind: row.coded("kind")?,
        leg: row.count("leg")?,
        revision: row.count("revision")?,
        plan: PlanId::new(&row.text("plan")?),
        tariff_version: row.count("tariff_version")?,
        zone: row.coded("zone")?,
        usage_ms: row.count("usage_ms")?,
        units: row.count("units")?,
        unit_price_e4: Money(row.int("unit_price_e4")?),
        amount_e4: Money(row.int("amount_e4")?),
        posted_before_e4: Money(row.int("posted_before_e4")?),
        terms: row.json("terms")?,
    })
}

/// What a re-rate found for one call: its next revisions and their entries (row F15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// The enterprise.
    pub tenant: TenantId,
    /// The call.
    pub call: CallId,
    /// Revision 1 and up; revision 0 came with the call.
    pub charges: Vec<Charge>,
    /// The entries of these charges.
    pub entries: Vec<Entry>,
}

/// What a re-rate did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adjusted {
    /// Charges that were not there before.
    pub new_charges: usize,
    /// Caps that stand passed after it.
    pub caps_passed: Vec<CapPassed>,
    /// Calls of which there is no record here; nothing was written for them.
    pub unknown_calls: Vec<CallId>,
}

impl Store {
    /// Writes adjustments, their entries and sums and one audit row for each enterprise, in one transaction. The same
    /// adjustments a second time change nothing.
    pub async fn re_rate(
        &self,
        adjustments: &[Adjustment],
        reason: &str,
        change: &Change,
    ) -> Result<Adjusted> {
        let mut transaction = self.begin().await?;
        let mut adjusted = Adjusted::default();
        let mut sums = Sums::default();
        let mut tenants = BTreeSet::new();
        for one in adjustments {
            let Some(place) = place_of(&mut transaction, &one.tenant, one.call).await? else {
                adjusted.unknown_calls.push(one.call);
                continue;
            };
            for charge in &one.charges {
                let charged = Charged { place: &place, call: one.call, charge };
                if insert_charges(&mut transaction, &[charged]).await? > 0 {
                    sums.add_fee(&place, fee(charge));
                    tenants.insert(&one.tenant);
                    adjusted.new_charges += 1;
                }
            }
            for entry in &one.entries {
                post_entry(&mut transaction, entry).await?;
            }
        }
        adjusted.caps_passed = add_sums(&mut transaction, sums, change.at).await?;
        for tenant in tenants {
            write_audit(&mut transaction, tenant, change, "re_rate", "charges", None, Some(reason)).await?;
        }
        transaction.commit().await?;
        Ok(adjusted)
    }
}

/// Where a call counts.
async fn place_of(connection: &mut AnyConnection, tenant: &TenantId, call: CallId) -> Result<Option<Place>> {
    let sql = "select number, province, started_at from call where tenant_id = $1 and call_id = $2";
    let query = sqlx::query(sql).bind(tenant.to_string()).bind(call.to_string());
    let Some(row) = query.fetch_optional(connection).await? else { return Ok(None) };
    Ok(Some(Place {
        tenant: tenant.clone(),
        number: row.parsed("number")?,
        province: row.text("province")?,
        started_at: hotline::Wall(row.int("started_at")?),
    }))
}
