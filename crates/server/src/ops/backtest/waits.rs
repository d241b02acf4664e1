//! The waits of a back-test: every call of the enterprise in the period tells the queue model what it goes by, and the model has
//! all that came to queues wait again: as they came, and as they would come by the draft.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hotline::backtest::Replayed;
use hotline::backtest::queueing::{Basis, Comer, Counted, Figures, Model, Modelled, STAYS_MIN, Seen, Visit};
use hotline::call::Dated;
use hotline::cdr::StayEnd;
use hotline::enterprise::{Enterprise, staff};
use hotline::queue::Staff;
use hotline::service::ServiceLevel;
use hotline::{CallId, HotlineNumber, settlement};
use serde::{Deserialize, Serialize};
use store::CallFilter;

use super::{Backtest, CALLS_MAX, PAGE, Tried, Wanted, beside};
use crate::ops::{Desk, Outcome, PAGE_MAX};

/// Who answers in the model: it says how long a call waits, and not by whom it is taken.
const BY_MODEL: &str = "model";

/// What waits in queues come to, as they were and by the queue model.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Waits {
    /// The queues that a call of the flow comes to, with the waits of all calls in them.
    pub queues: Vec<QueueWaits>,
    /// Fewer waits than this have no median, no percentile and no level.
    pub stays_min: u64,
    /// Calls of the flow that waited, and of which it is not known whether the draft leads them to a queue.
    pub unknown: u64,
    /// Calls whose logs are not read by the model, since the enterprise has too many in the period: then there are no figures.
    pub too_many: Option<u64>,
    /// Waits that came to nothing in the draft's run of the model: the call was in another one, or the queue is gone.
    pub left: u64,
    /// Calls that the draft's run of the model sends on where the log tells nothing of what follows.
    pub beyond: u64,
    /// Times that other calls would have kept an agent who was in a queue's call then, in the draft's run.
    pub errands_left: u64,
    /// The calls asked for, the earliest first.
    pub listed: Vec<WaitsOf>,
}

/// The waits of one queue.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct QueueWaits {
    /// The queue.
    pub queue: String,
    /// What the model goes by.
    pub basis: Basis,
    /// What was.
    pub recorded: Figures,
    /// The same calls by the model: how far it is from what was is its error.
    pub baseline: Figures,
    /// The calls of the draft by the model.
    pub draft: Figures,
}

/// The waits of one call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WaitsOf {
    /// The call.
    pub call: CallId,
    /// The number called.
    pub number: Option<HotlineNumber>,
    /// When it came, Beijing time.
    pub at: String,
    /// What was.
    pub recorded: Vec<Wait>,
    /// The same call by the model.
    pub baseline: Vec<Wait>,
    /// By the draft and the model.
    pub draft: Vec<Wait>,
}

/// One wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The queue.
    pub queue: String,
    /// How it was over.
    pub why: StayEnd,
    /// How long it was, milliseconds.
    pub wait_ms: u64,
    /// Who answered, by number; `model` where that is the model's doing.
    pub agent: Option<String>,
}

/// What is gathered while calls are told again.
pub(super) struct Queues {
    model: Model,
    staff: Staff,
    terms: BTreeMap<String, ServiceLevel>,
    /// Calls of the flow by the draft.
    drafted: BTreeMap<CallId, Comer>,
    unknown: u64,
    too_many: Option<u64>,
}

impl Queues {
    /// Reads what the model goes by: all calls of the enterprise, since each may keep an agent. None where it has no queue.
    pub async fn read(desk: &Desk, asked: &Backtest, tried: &Tried) -> Outcome<Option<Self>> {
        if tried.whole.queues.is_empty() {
            return Ok(None);
        }
        let filter = CallFilter {
            tenant: Some(asked.tenant.clone()),
            since: Some(asked.since),
            until: Some(asked.until),
            ..CallFilter::default()
        };
        let calls = desk.store.calls_count(&filter).await?;
        let too_many = (calls > CALLS_MAX).then_some(calls);
        let (mut seen, mut behind) = (Seen::default(), None);
        while too_many.is_none() {
            let logs = desk.store.call_logs(&filter, behind, PAGE).await?;
            let Some((last, _)) = logs.last() else { break };
            behind = Some(*last);
            seen = beside(move || read(seen, &logs)).await?;
        }
        let staff = staff(&tried.whole, tried.document);
        let (model, staff) = beside(move || (Model::new(seen, &staff), staff)).await?;
        let (terms, drafted) = (terms(&tried.whole), BTreeMap::new());
        Ok(Some(Self { model, staff, terms, drafted, unknown: 0, too_many }))
    }

    /// Takes in a call that was told again.
    pub fn take(&mut self, replayed: &Replayed) {
        let comer = &replayed.comer;
        let was = self.model.comer(comer.call);
        let waited = was.is_some();
        // A wait whose end is not known is the model's; what would follow another, or was sent on from one, is nobody's.
        let is_modelled = comer.visits.last().is_some_and(|visit| visit.end.is_none());
        let was_moved = was.is_some_and(|was| was.visits.iter().any(|visit| visit.is_moved));
        if replayed.unknown.is_some() && (!is_modelled || was_moved) {
            self.unknown += 1;
        }
        if waited || !comer.visits.is_empty() {
            self.drafted.insert(comer.call, comer.clone());
        }
    }

    /// Has the calls wait; none where no call of the flow comes to a queue.
    pub fn waits(self, asked: &Backtest) -> Option<Waits> {
        if self.too_many.is_some() {
            return Some(Waits { too_many: self.too_many, ..Waits::default() });
        }
        let was = |call: &CallId| self.model.comer(*call).map_or(&[][..], |comer| &comer.visits);
        let visits = self.drafted.iter().flat_map(|(call, comer)| comer.visits.iter().chain(was(call)));
        let queues: BTreeSet<Arc<str>> = visits.map(|visit| visit.queue.clone()).collect();
        if queues.is_empty() {
            return None;
        }
        let kept = self.model.comers().iter().filter(|comer| !self.drafted.contains_key(&comer.call));
        let mut drafted: Vec<Comer> = kept.chain(self.drafted.values()).cloned().collect();
        drafted.sort_by_key(|comer| (comer.at, comer.call));
        let baseline = self.model.run(&self.staff, self.model.comers());
        let draft = self.model.run(&self.staff, &drafted);
        let recorded: Vec<Modelled> = self.model.comers().iter().flat_map(recorded).collect();
        let runs = [&recorded, &baseline.waits, &draft.waits];
        let queues = queues.iter().map(|queue| self.figures(queue, runs)).collect();
        Some(Waits {
            queues,
            stays_min: STAYS_MIN as u64,
            unknown: self.unknown,
            too_many: None,
            left: draft.left,
            beyond: draft.beyond,
            errands_left: draft.errands_left,
            listed: self.listed(asked, runs),
        })
    }

    fn figures(&self, queue: &str, runs: [&Vec<Modelled>; 3]) -> QueueWaits {
        let terms = self.terms.get(queue).copied().unwrap_or_default();
        let [recorded, baseline, draft] = runs.map(|waits| {
            let mut counted = Counted::default();
            let here = waits.iter().filter(|wait| *wait.queue == *queue);
            here.for_each(|wait| counted.add(&terms, wait.why, wait.wait_ms));
            counted.figures(&terms)
        });
        let basis = self.model.basis(queue, &self.staff);
        QueueWaits { queue: queue.to_owned(), basis, recorded, baseline, draft }
    }

    /// The calls of the flow behind the figures.
    fn listed(&self, asked: &Backtest, runs: [&Vec<Modelled>; 3]) -> Vec<WaitsOf> {
        let abandons = match asked.list {
            Some(Wanted::Waits) => false,
            Some(Wanted::Abandons) => true,
            _ => return Vec::new(),
        };
        let mut calls: BTreeMap<CallId, [Vec<Wait>; 3]> = BTreeMap::new();
        for (place, waits) in runs.into_iter().enumerate() {
            for wait in waits.iter().filter(|wait| self.drafted.contains_key(&wait.call)) {
                calls.entry(wait.call).or_default()[place].push(shown(wait, place > 0));
            }
        }
        let gives_up =
            |waits: &[Vec<Wait>; 3]| waits.iter().flatten().any(|wait| wait.why == StayEnd::Abandoned);
        let wanted = calls.into_iter().filter(|(call, waits)| {
            asked.behind.is_none_or(|behind| *call > behind) && (!abandons || gives_up(waits))
        });
        let listed = wanted.take(asked.limit.min(PAGE_MAX) as usize);
        let whole = |(call, [recorded, baseline, draft]): (CallId, [Vec<Wait>; 3])| {
            let comer = self.drafted.get(&call);
            let at = comer.map(|comer| comer.at.beijing().to_string()).unwrap_or_default();
            WaitsOf { call, number: comer.map(|comer| comer.number), at, recorded, baseline, draft }
        };
        listed.map(whole).collect()
    }
}

fn read(mut seen: Seen, logs: &[(CallId, Vec<u8>)]) -> Seen {
    for (call, log) in logs {
        let log: Option<Vec<Dated>> = settlement::read_log(log);
        log.iter().for_each(|log| seen.add(*call, log));
    }
    seen
}

fn terms(enterprise: &Enterprise) -> BTreeMap<String, ServiceLevel> {
    let own = enterprise.queues.iter().filter_map(|queue| Some((queue.name.clone(), queue.service_level?)));
    own.collect()
}

/// The waits of a call as they were.
fn recorded(comer: &Comer) -> impl Iterator<Item = Modelled> + '_ {
    comer.visits.iter().filter_map(|visit: &Visit| {
        let end = visit.end.as_ref()?;
        Some(Modelled {
            call: comer.call,
            queue: visit.queue.clone(),
            at: hotline::Wall(comer.at.0 + visit.after_ms as i64),
            why: end.why,
            wait_ms: end.wait_ms,
            agent: end.agent.clone(),
        })
    })
}

fn shown(wait: &Modelled, by_model: bool) -> Wait {
    let agent = match by_model {
        true => wait.agent.as_ref().map(|_| BY_MODEL.to_owned()),
        false => wait.agent.as_ref().map(|agent| agent.to_string()),
    };
    Wait { queue: wait.queue.to_string(), why: wait.why, wait_ms: wait.wait_ms, agent }
}
