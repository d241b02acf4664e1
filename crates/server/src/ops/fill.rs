//! Filling a database for measurements: many numbers, or many finished calls, made by the same core as real ones. Not
//! for a database that is in use.

use std::sync::Arc;

use hotline::calendar::HolidayYears;
use hotline::call::{Answers, Arrival, Desk as CallDesk, explain as run};
use hotline::enterprise::{Enterprise, compile_number};
use hotline::ledger::Account;
use hotline::region::RegionTable;
use hotline::routing::Trunks;
use hotline::settlement::{Settlement, settle};
use hotline::tenant::Tenant;
use hotline::{CallId, Hotline, HotlineNumber, Mono, Now, TenantId, Wall};
use store::Put;

use super::{Desk, Outcome, Refusal, document, provider};

/// Which numbers to make.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// The first.
    pub first: HotlineNumber,
    /// The last.
    pub last: HotlineNumber,
    /// The bound number of each.
    pub dial: String,
    /// 400 numbers of one enterprise.
    pub per_enterprise: u32,
    /// Who asks.
    pub by: String,
}

/// Enterprises stored in one transaction.
const ENTERPRISES_AT_ONCE: usize = 200;

/// Makes enterprises that hold a range of numbers, and says after each batch how many numbers there are.
///
/// # Errors
/// A number is held, or the document that follows is wrong.
pub async fn numbers(desk: &Desk, asked: &Numbers, mut told: impl FnMut(u64)) -> Outcome<u64> {
    provider::ensure_shipped(&desk.store, &desk.change(&asked.by)).await?;
    let model = model(&asked.dial)?;
    let (first, last) = (asked.first.suffix(), asked.last.suffix());
    let (mut made, mut batch) = (0, Vec::new());
    let mut at = first;
    while at <= last {
        let end = last.min(at + asked.per_enterprise.max(1) - 1);
        batch.push(enterprise(&model, at, end));
        made += u64::from(end - at + 1);
        at = end + 1;
        if batch.len() == ENTERPRISES_AT_ONCE || at > last {
            match desk.store.put_new_enterprises(&batch, &desk.change(&asked.by)).await? {
                Put::Stored { .. } => {}
                Put::Moved { .. } | Put::NumbersTaken { .. } => {
                    return Err(Refusal::new(
                        super::Code::NumbersTaken,
                        "有号码或企业已存在",
                        "some of the numbers or enterprises are there already",
                    ));
                }
            }
            batch.clear();
            told(made);
        }
    }
    Ok(made)
}

/// One enterprise as a document would give it.
fn model(dial: &str) -> Outcome<Enterprise> {
    let text = format!(
        "sibai: 1\nenterprise: {{id: fill, name: fill}}\nplan: T1\naccount: postpaid\nnumbers:\n  - number: 4000000000\n    \
         destinations: [{{name: target, number: {dial:?}, lines: 10000}}]\n    otherwise: {{dial: target}}\n"
    );
    let tree = document::read(&text).map_err(Refusal::bad_request)?;
    let allowed = hotline::enterprise::Allowed {
        bindings: Default::default(),
        policy: Default::default(),
        carrier: Default::default(),
        prompts: &[],
        unreviewed: &[],
        plans: &["T1"],
        flows: &[],
    };
    let read = hotline::enterprise::read(&tree, &allowed);
    let (enterprise, _) = read.map_err(|problems| {
        let text = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Refusal::invalid(text.clone(), text)
    })?;
    Ok(enterprise)
}

fn enterprise(model: &Enterprise, first: u32, last: u32) -> Enterprise {
    let number = |suffix: u32| {
        let number = HotlineNumber::from_suffix(suffix)?;
        Some(hotline::enterprise::Number { number, ..model.numbers[0].clone() })
    };
    let id = format!("fill-{first:07}");
    Enterprise {
        id: TenantId::new(&id),
        name: id,
        numbers: (first..=last).filter_map(number).collect(),
        ..model.clone()
    }
}

/// Which calls to make.
#[derive(Clone, Debug)]
pub struct Records {
    /// How many.
    pub records: u64,
    /// To which number. Calls that it would record have no recording.
    pub number: HotlineNumber,
    /// They began within so many days before `until`.
    pub days: u32,
    /// The last one's end.
    pub until: Wall,
}

/// The name of the journal that these calls are said to come from.
const NODE: &str = "fill";
/// Calls written in one transaction.
const CALLS_AT_ONCE: usize = 2_000;
/// Every 20th call finds the target busy, every 25th nobody.
const BUSY_EVERY: u64 = 20;
const NO_ANSWER_EVERY: u64 = 25;

/// Makes finished calls, and says after each batch how many there are.
///
/// # Errors
/// Nobody holds the number.
pub async fn records(desk: &Desk, asked: &Records, mut told: impl FnMut(u64)) -> Outcome<u64> {
    let mut maker = Maker::open(desk, asked).await?;
    let mut batch = Vec::with_capacity(CALLS_AT_ONCE);
    for turn in 0..asked.records {
        batch.extend(maker.call(turn, asked));
        if batch.len() == CALLS_AT_ONCE || turn + 1 == asked.records {
            desk.store.settle(&batch, NODE).await?;
            batch.clear();
            told(turn + 1);
        }
    }
    Ok(asked.records)
}

struct Maker {
    hotline: Arc<Hotline>,
    tenant: Tenant,
    trunks: Trunks,
    tariffs: hotline::rating::Tariffs,
    target: String,
    position: u64,
    state: u64,
}

impl Maker {
    async fn open(desk: &Desk, asked: &Records) -> Outcome<Maker> {
        let number = asked.number;
        let unheld = || Refusal::not_found(format!("没有号码 {number}"), format!("nobody holds {number}"));
        let held = desk.store.number(number).await?.ok_or_else(unheld)?;
        let stored = desk.enterprise(&held.holder).await?;
        let written = stored.enterprise.numbers.iter().find(|one| one.number == number).ok_or_else(unheld)?;
        let mut hotline = compile_number(&stored.enterprise, written, stored.version);
        hotline.recording_notice = None;
        let mut tenant = Tenant::default();
        let account = Account::Prepaid(hotline.tenant.clone());
        tenant.tell_balance(desk.store.balance(&hotline.tenant, &account).await?);
        Ok(Maker {
            target: hotline.destinations.first().map(|one| one.number.to_string()).unwrap_or_default(),
            hotline: Arc::new(hotline),
            tenant,
            trunks: Trunks {
                rows: desk.store.trunks().await?.into_iter().map(crate::serve::at_rest).collect(),
            },
            tariffs: provider::plans(&desk.store).await?,
            position: desk.store.journal_mark(NODE).await?.unwrap_or(0),
            state: 1,
        })
    }

    fn call(&mut self, turn: u64, asked: &Records) -> Option<Settlement> {
        let span = i64::from(asked.days) * 86_400_000;
        let begins =
            asked.until.0 - span + (span as i128 * i128::from(turn) / i128::from(asked.records)) as i64;
        let (_, prefix) =
            farend::world::MOBILE_PREFIXES[self.draw(farend::world::MOBILE_PREFIXES.len() as u64) as usize];
        let caller = format!("{prefix}{:04}", self.draw(10_000));
        let id = CallId::at(begins, u128::from(turn));
        let arrival = Arrival {
            id,
            hotline: self.hotline.clone(),
            region: RegionTable::shipped().locate(&caller),
            caller,
            trunk: self.trunks.rows.first().map_or_else(|| Arc::from(NODE), |trunk| trunk.name.clone()),
            withheld: false,
            early: Default::default(),
            seed: turn,
            refused: None,
        };
        let mut answers = Answers::default();
        if turn % BUSY_EVERY == 7 {
            answers.busy.push(self.target.clone());
        } else if turn % NO_ANSWER_EVERY == 9 {
            answers.no_answer.push(self.target.clone());
        }
        // Where a menu asks, one caller in three presses nothing.
        answers.keys =
            ["1", "2", ""][(turn % 3) as usize..].iter().take(1).map(|key| (*key).to_owned()).collect();
        let mut desk = CallDesk {
            tenant: &mut self.tenant,
            trunks: &mut self.trunks,
            tariffs: &self.tariffs,
            years: HolidayYears::shipped(),
        };
        let log = run(arrival, &answers, &mut desk, Now { mono: Mono(86_400_000), wall: Wall(begins) });
        let log = log.expect("no floor is set up");
        self.position += 1;
        let settled = settle(id, &log, &self.tariffs, self.position)?;
        if let Some(admission) = settled.admission {
            let record = &settled.settlement.record;
            self.tenant.settle(&hotline::tenant::Settled {
                number: record.number,
                admission,
                fee: settled.fee,
                counts: settled.settlement.counts,
                account: settled.account,
            });
        }
        Some(settled.settlement)
    }

    /// A number below `end` (SplitMix64).
    fn draw(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
