//! The reader of an enterprise's document: a tree with line marks in, a checked [`Enterprise`] or every error of the
//! document out. It knows neither YAML nor JSON, no file and no database.

mod alarm;
mod barring;
mod capacity;
mod check;
mod confirm;
mod destination;
mod extensions;
mod fields;
mod flow;
mod hours;
mod http;
mod numbers;
mod problem;
mod queues;
mod reader;
mod results;
mod rules;
mod service;
mod shifts;
mod tell;
mod tree;

pub use check::read_flow;
pub use fields::{FLOW_SHAPES, Field, SHAPES, Shape};
pub use problem::{Counted, Fault, Language, Named, Problem, Wanted};
pub use tree::{Key, Tree, Value};

pub(super) use barring::{REGION_MODES, UNKNOWNS, usual_password};
pub(super) use capacity::DURING_CALL;
pub(super) use confirm::CONFIRM_S;
pub(super) use destination::infer_kind;
pub(super) use extensions::{REFER, SRTP};
pub(super) use flow::{NOTICES, STICKY};
pub(super) use hours::DAYS;
pub(super) use http::{METHODS, WAITS};
pub(super) use numbers::{
    CONSENT_NOTICE, CONSENTS, KINDS, LINES, MEMORY_HOURS, PAUSE_S_MAX, RECORDING_NOTICE, RING_S, SCOPES,
    STRATEGIES, TALK_S_MAX,
};
pub(super) use queues::{SAY_AGENT, STATES, WRAP_UPS, WrapUpMode, usual_announce};
pub(super) use rules::MODES;
pub(super) use rules::{GREETING, MESSAGE_S, MESSAGE_SILENCE_S};
pub(super) use service::{ABANDONS, SHORT_ABANDONS};

use std::collections::BTreeMap;

use super::{AccountKind, BalanceEnd, CarrierProfile, Crisis, CrisisThen, Enterprise, FlowDocument, Number};
use crate::capacity::Capacity;
use crate::cdr::ChargingFrom;
use crate::number::DestinationPolicy;
use crate::{Beijing, HotlineNumber, PlanId, TenantId, Wall};
use fields::{CRISIS, DOCUMENT, ENTERPRISE, THEN};
use reader::{At, Names, Object, Reader, Uses};
use rules::Lists;

/// What the provider allows and has, as far as a document can name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed<'a> {
    /// How many bound numbers a 400 number may have.
    pub bindings: BindingLimits,
    /// Which numbers may be bound.
    pub policy: DestinationPolicy,
    /// What the enterprise's carrier says to that (row R03).
    pub carrier: CarrierProfile,
    /// Names of the prompts that can be played.
    pub prompts: &'a [&'a str],
    /// Names of prompts that are there and that nobody has let be heard (row K09).
    pub unreviewed: &'a [&'a str],
    /// Names of the sale plans.
    pub plans: &'a [&'a str],
    /// Flows that the enterprise published: they stay where a document does not have them anew.
    pub flows: &'a [FlowDocument],
}

/// How many bound numbers a 400 number may have (row R01).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingLimits {
    /// For a number that nobody raised: 20.
    pub usual_max: u16,
    /// Numbers whose limit the provider raised.
    pub raised: BTreeMap<HotlineNumber, u16>,
    /// Whether destinations used in forwards only count too; beside the bindings unless said (FEATURES 2.5 row 16).
    pub forwards_count: bool,
}

/// The most that a limit can be raised to. Destinations and groups, made ones included, are named by one byte.
pub const BINDINGS_MAX: u16 = 200;

impl Default for BindingLimits {
    fn default() -> Self {
        Self { usual_max: 20, raised: BTreeMap::new(), forwards_count: false }
    }
}

impl BindingLimits {
    /// The limit of one number.
    pub fn of(&self, number: HotlineNumber) -> u16 {
        self.raised.get(&number).copied().unwrap_or(self.usual_max).min(BINDINGS_MAX)
    }
}

pub(super) const ACCOUNTS: [(&str, AccountKind); 2] =
    [("prepaid", AccountKind::Prepaid), ("postpaid", AccountKind::Postpaid)];
pub(super) const BALANCE_ENDS: [(&str, BalanceEnd); 2] =
    [("strict", BalanceEnd::Strict), ("finish_call", BalanceEnd::FinishCall)];
pub(super) const CHARGING_FROM: [(&str, ChargingFrom); 2] =
    [("answer", ChargingFrom::Answer), ("two_party", ChargingFrom::TwoParty)];

/// The form of documents that this reader knows, in the field `sibai`.
pub(super) const FORM: u64 = 1;
/// Numbers in one document.
const NUMBERS_MAX: usize = 10_000;
/// Schedules, sets or lists in one document.
const LISTS_MAX: usize = 1_000;

/// Reads a document. With errors: every one of them, by line. Without: the enterprise, and warnings by line.
pub fn read(tree: &Tree, allowed: &Allowed<'_>) -> Result<(Enterprise, Vec<Problem>), Vec<Problem>> {
    let mut reader = Reader::new(allowed);
    let enterprise = reader.document(&At { tree, path: String::new() });
    let Reader { mut problems, mut warnings, .. } = reader;
    problems.sort_by(|a, b| (a.line, &a.path).cmp(&(b.line, &b.path)));
    warnings.sort_by(|a, b| (a.line, &a.path).cmp(&(b.line, &b.path)));
    match enterprise {
        Some(enterprise) if problems.is_empty() => Ok((enterprise, warnings)),
        _ => Err(problems),
    }
}

/// How money ends unless the document says: what is paid ahead is never overdrawn.
pub(super) fn usual_balance_end(account: AccountKind) -> BalanceEnd {
    match account {
        AccountKind::Prepaid => BalanceEnd::Strict,
        AccountKind::Postpaid => BalanceEnd::FinishCall,
    }
}

impl<'a> Reader<'a> {
    fn new(allowed: &'a Allowed<'a>) -> Self {
        Reader { allowed, problems: Vec::new(), warnings: Vec::new(), uses: Uses::default() }
    }
}

impl Reader<'_> {
    /// A document that is one flow.
    fn root_flow(&mut self, tree: &Tree) -> Option<flow::ReadFlow> {
        self.flow(&At { tree, path: String::new() })
    }

    /// The flows of the enterprise: those of the document in place of those published before, and all that is wrong
    /// with them and with what numbers name.
    fn check_flows(&mut self, enterprise: &mut Enterprise, read: &[flow::ReadFlow]) {
        let published = self.allowed.flows.iter();
        // One that says nothing new is the version that it was.
        let known = |read: &flow::ReadFlow| {
            published
                .clone()
                .find(|flow| flow.says_the_same(&read.document))
                .unwrap_or(&read.document)
                .clone()
        };
        enterprise.flows = read.iter().map(known).collect();
        let kept = published.filter(|flow| read.iter().all(|read| read.document.name != flow.name));
        enterprise.flows.extend(kept.cloned());
        if !self.problems.is_empty() {
            // What cannot be read leads nowhere: of the ways through it only a whole document tells.
            return;
        }
        for flow in read {
            self.problems.extend(check::flow_problems(flow, enterprise));
        }
        // What the numbers have may have changed under a flow that did not.
        for flow in enterprise.flows.iter().skip(read.len()) {
            let path = format!("flows[{}]", flow.name);
            let places = flow.steps.iter().map(|step| (0, format!("{path}.{}", step.id))).collect();
            let kept = flow::ReadFlow { document: flow.clone(), places };
            self.problems.extend(check::flow_problems(&kept, enterprise));
        }
    }

    fn document(&mut self, at: &At<'_>) -> Option<Enterprise> {
        let object = self.object(at, &DOCUMENT)?;
        if let Some(form) = object.field("sibai") {
            self.whole(&form, FORM, FORM);
        }
        let named = object.field("enterprise").and_then(|at| self.enterprise(&at));
        let plan = object.field("plan").and_then(|at| self.plan(&at));
        let account = self.choice_or(object.field("account"), &ACCOUNTS, AccountKind::Prepaid);
        let balance_end =
            self.choice_or(object.field("balance_end"), &BALANCE_ENDS, usual_balance_end(account));
        let charging_from =
            self.choice_or(object.field("charging_from"), &CHARGING_FROM, ChargingFrom::Answer);
        let limits = self.limits(object.field("limits"));
        let (extensions, extension_numbers) = self.extensions(&object, named.as_ref().map(|(id, _)| id));
        let mut lists = self.lists(&object);
        let capacity = object.field("capacity").map_or(Some(Capacity::default()), |at| self.capacity(&at));
        let (mut shifts, shifts_are_whole) = self.shifts(&object);
        let agents = self.agents(&object, &extension_numbers, &mut shifts);
        let known = agents.as_ref().zip(capacity);
        let queues =
            known.and_then(|(agents, capacity)| self.queues(&object, agents, capacity, &lists.schedules));
        lists.extensions = extension_numbers;
        let schedules = self.items(object.field("schedules"), Counted::Entries, LISTS_MAX);
        let schedules: Vec<_> = schedules.iter().map(|at| self.schedule(at)).collect();
        let region_sets = self.items(object.field("regions"), Counted::Entries, LISTS_MAX);
        let region_sets: Vec<_> = region_sets.iter().map(|at| self.region_set(at)).collect();
        let caller_lists = self.items(object.field("callers"), Counted::Entries, LISTS_MAX);
        let caller_lists: Vec<_> = caller_lists.iter().map(|at| self.caller_list(at)).collect();
        let crisis = object.field("crisis").map_or(Some(None), |at| self.crisis(&at).map(Some));
        let crisis_by_two = self.flag(object.field("crisis_by_two"), false);
        let alarm = self.alarm(object.field("alarm"));
        let tell = self.tell(object.field("tell"));
        let frozen = object.field("frozen").and_then(|at| self.instant(&at));
        let flows = self.flows(&object);
        lists.flows = self.names_of_flows(&object);
        let numbers = self.numbers(&object, &lists);
        let flows = flows.into_iter().collect::<Option<Vec<_>>>();
        let (id, name) = named?;
        let mut enterprise = Enterprise {
            id,
            name,
            plan: plan?,
            account,
            balance_end,
            charging_from,
            limits,
            schedules: schedules.into_iter().collect::<Option<_>>()?,
            region_sets: region_sets.into_iter().collect::<Option<_>>()?,
            caller_lists: caller_lists.into_iter().collect::<Option<_>>()?,
            crisis: crisis?,
            crisis_by_two,
            alarm,
            frozen,
            tell,
            extensions: extensions.into_iter().collect::<Option<_>>()?,
            flows: Vec::new(),
            capacity: capacity?,
            shifts: shifts_are_whole.then_some(shifts.read)?,
            agents: agents?.0,
            queues: queues?,
            numbers: numbers?,
        };
        self.check_flows(&mut enterprise, &flows?);
        Some(enterprise)
    }

    /// The names of the flows that numbers may walk.
    fn names_of_flows(&self, object: &Object<'_>) -> Names {
        let mut names: Names = self.allowed.flows.iter().map(|flow| (flow.name.clone(), 0)).collect();
        let items = object.field("flows").map(|at| at.tree);
        if let Some(Tree { value: Value::List(items), .. }) = items {
            for item in items {
                let at = At { tree: item, path: String::new() };
                let name = at.entries().into_iter().find(|(key, _)| key.text == "name");
                names.extend(name.and_then(|(_, at)| Some((at.plain()?.to_owned(), item.line))));
            }
        }
        names
    }

    /// `{until: "2026-10-12 18:00", play: notice, then: go_on}`, or with `dial` in place of `then`.
    fn crisis(&mut self, at: &At<'_>) -> Option<Crisis> {
        let object = self.object(at, &CRISIS)?;
        let until = object.field("until").and_then(|at| self.instant(&at));
        let notice = match object.field("play") {
            Some(at) => Some(self.prompt(&at)?),
            None => None,
        };
        let then = match (object.field("then"), object.field("dial")) {
            (Some(then), Some(_)) => {
                self.wrong(&then, Fault::Conflict { field: "then", with: "dial" });
                None
            }
            (_, Some(dial)) => self.crisis_phone(&dial).map(CrisisThen::Dial),
            (Some(then), None) => {
                let on = self.choice(&then, &[("go_on", true), ("hang_up", false)], THEN.later)?;
                Some(if on { CrisisThen::GoOn } else { CrisisThen::HangUp })
            }
            (None, None) => {
                self.wrong(at, Fault::Missing { field: "then or dial" });
                None
            }
        };
        Some(Crisis { until: until?, notice, then: then? })
    }

    /// `2026-10-12 18:00` in Beijing.
    fn instant(&mut self, at: &At<'_>) -> Option<Wall> {
        let text = self.text(at)?;
        let instant = Beijing::parse(&text.replacen(' ', "T", 1));
        if instant.is_none() {
            self.wrong(at, Fault::BadDate { found: text.to_owned() });
        }
        instant.map(Beijing::wall)
    }

    fn crisis_phone(&mut self, at: &At<'_>) -> Option<String> {
        let written = self.text(at)?;
        match self.destination_number(infer_kind(written), written) {
            Ok((number, _)) => Some(number),
            Err(fault) => {
                self.wrong(at, fault);
                None
            }
        }
    }

    fn lists(&mut self, object: &Object<'_>) -> Lists {
        Lists {
            schedules: self.names(object.field("schedules").as_ref(), Named::Schedule),
            regions: self.names(object.field("regions").as_ref(), Named::Regions),
            callers: self.names(object.field("callers").as_ref(), Named::Callers),
            extensions: Names::new(),
            flows: Names::new(),
            queues: self.names(object.field("queues").as_ref(), Named::Queue),
        }
    }

    fn enterprise(&mut self, at: &At<'_>) -> Option<(TenantId, String)> {
        let object = self.object(at, &ENTERPRISE)?;
        let id = object.field("id").and_then(|at| {
            let text = self.text(&at)?;
            let is_id = is_tenant_id(text);
            if !is_id {
                self.wrong(&at, Fault::BadId { found: text.to_owned() });
            }
            is_id.then(|| TenantId::new(text))
        });
        let name = object.field("name").and_then(|at| self.name(&at));
        Some((id?, name?))
    }

    fn plan(&mut self, at: &At<'_>) -> Option<PlanId> {
        let plans = self.allowed.plans;
        self.known(at, Named::Plan, |name| plans.contains(&name)).map(|name| PlanId::new(&name))
    }

    /// The 400 numbers, each of them once.
    fn numbers(&mut self, object: &Object<'_>, lists: &Lists) -> Option<Vec<Number>> {
        let items = self.items(object.field("numbers"), Counted::Numbers, NUMBERS_MAX);
        let mut seen = Names::new();
        let numbers: Vec<_> = items.iter().map(|at| self.number(at, lists, &mut seen)).collect();
        numbers.into_iter().collect()
    }
}

/// `[a-z0-9-]{2,32}`; the provider's own id is taken.
fn is_tenant_id(text: &str) -> bool {
    let form = (2..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    form && TenantId::new(text) != TenantId::provider()
}

#[cfg(test)]
pub(super) mod tests;
