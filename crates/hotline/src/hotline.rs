//! A 400 number as a call sees it: everything that decides it, compiled, at one version. A call keeps the one it
//! started with; an edit touches the next call (row R04).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::barring::Bars;
use crate::calendar::{HolidayYears, Schedule};
use crate::cdr::ChargingFrom;
use crate::consent::Consent;
use crate::enterprise::{AccountKind, BalanceEnd, CallerMemory, Confirm, DestinationKind, Limits, Strategy};
use crate::flow::{Flow, Step, StepNo};
use crate::message::Tells;
use crate::priority::Priorities;
use crate::queue::Staff;
use crate::ringback::Ringbacks;
use crate::{HotlineNumber, PlanId, Short, Span, TenantId, Wall, Word, Words};

/// All that decides a call to one number. What every decision reads comes first and stays together: most calls are to
/// numbers whose bodies no cache holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[repr(C)]
pub struct Hotline {
    /// The steps a call walks.
    pub flow: Flow,
    /// The names that steps and groups have.
    pub words: Words,
    /// Groups, named by place.
    pub groups: Box<[Group]>,
    /// Bound numbers; steps, groups and forwards name them by place.
    pub destinations: Box<[Destination]>,
    /// The number.
    pub number: HotlineNumber,
    /// The version of the enterprise's document it was compiled from.
    pub version: u32,
    /// Whose number it is.
    pub tenant: TenantId,
    /// Whether calls are taken at all.
    pub enabled: bool,
    /// Places in `destinations` tried after busy, at most two.
    pub forward_on_busy: Vec<u8>,
    /// Places in `destinations` tried after no answer, at most two.
    pub forward_on_no_answer: Vec<u8>,
    /// What stands in front of the rules until its hour.
    pub crisis: Option<CrisisGate>,
    /// Whether callers reach who answered them last.
    pub memory: Option<CallerMemory>,
    /// Schedules of duty, which bound numbers name by place.
    pub duties: Box<[Schedule]>,
    /// Where the walk goes on when all were busy, if the document says.
    pub finally_busy: Option<StepNo>,
    /// Where the walk goes on when nobody answered or could be reached, if the document says.
    pub finally_no_answer: Option<StepNo>,
    /// Who is kept away; `None` if nobody is.
    pub bars: Option<Box<Bars>>,
    /// Limits of the number.
    pub limits: Limits,
    /// Limits of the enterprise.
    pub tenant_limits: Limits,
    /// What the caller hears while targets ring.
    pub ringbacks: Ringbacks,
    /// The notice's prompt if calls are recorded.
    pub recording_notice: Option<String>,
    /// Whether the caller is asked behind it (row V10).
    pub consent: Consent,
    /// The longest that an order keeps a recording from being written (row V09), milliseconds.
    pub pause_ms_max: u64,
    /// Longest talk, milliseconds.
    pub talk_ms_max: u64,
    /// From which instant calls are charged.
    pub charging_from: ChargingFrom,
    /// The sale plan.
    pub plan: PlanId,
    /// How the enterprise pays.
    pub account: AccountKind,
    /// What happens when money ends during a talk.
    pub balance_end: BalanceEnd,
    /// Whether calls note what they did to the phones that took them: some group of the enterprise asks for it.
    pub counts_phones: bool,
    /// Whose calls go before others.
    pub priorities: Priorities,
    /// Whether the enterprise takes no new calls because something was odd (row B11).
    pub frozen: bool,
    /// The published flow that its steps are; none where they are rules.
    pub flow_of: Option<FlowOf>,
    /// The enterprise's agents and queues, where some rule leads to a queue.
    pub staff: Option<Arc<Staff>>,
    /// Who is told of its calls by message; `None` if nobody is.
    pub tells: Option<Box<Tells>>,
    /// What the shares of its flows' percentage steps are called.
    pub splits: Box<[Split]>,
}

/// A percentage step of a flow, by the names that its record goes by (row I10); they lie in [`Hotline::words`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// The step.
    pub place: StepNo,
    /// The flow that has it, which another one may call.
    pub flow: Span,
    /// The version of that flow.
    pub version: u32,
    /// The step's id.
    pub step: Span,
    /// The names of its shares in their order.
    pub arms: Box<[Span]>,
}

/// Which flow a number's steps come from (row I08).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowOf {
    /// Its name, in [`Hotline::words`].
    pub name: Span,
    /// Its version.
    pub version: u32,
}

/// Where calls begin while a crisis lasts (row R22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrisisGate {
    /// Calls that come before this instant begin at `step`.
    pub until: Wall,
    /// The step.
    pub step: StepNo,
}

/// A bound number, checked and ready to dial; one cache line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(align(64))]
pub struct Destination {
    /// Its name in the enterprise's document.
    pub name: Arc<str>,
    /// What it is.
    pub kind: DestinationKind,
    /// Digits in national form, or a SIP URI.
    pub number: Arc<str>,
    /// Its area code with the leading zero; empty for mobiles and SIP addresses.
    pub area_code: Arc<str>,
    /// Off is never tried.
    pub enabled: bool,
    /// Calls it can take at once.
    pub lines: u16,
    /// How long it rings.
    pub ring_ms: u64,
    /// The place of its duty in [`Hotline::duties`]; without one it is always on duty.
    pub duty: Option<u8>,
    /// Whether its answer is confirmed before the caller has it (row R29).
    pub confirm: Confirm,
}

/// Bound numbers that share calls; one cache line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(align(64))]
pub struct Group {
    /// Its name in the enterprise's document.
    pub name: Span,
    /// Who is tried first.
    pub strategy: Strategy,
    /// Places in [`Hotline::destinations`].
    pub members: Short<u8, 14>,
    /// Weights of the members in their order, for [`Strategy::Weighted`]; else none.
    pub weights: Box<[u8]>,
    /// Whether the answers of its members are confirmed, in place of each one's own setting.
    pub confirm: Option<Confirm>,
}

/// Steps, groups and bound numbers that [`Hotline::glance`] reads: those of an ordinary number.
const GLANCE_MAX: usize = 8;

impl Hotline {
    /// Reads a little of what a decision needs, for nothing but to have it near: a body is seldom in a cache, and its
    /// pieces come together if they are asked for together.
    pub(crate) fn glance(&self) -> usize {
        let steps = self.flow.steps.iter().take(GLANCE_MAX).map(Step::glance);
        let groups = self.groups.iter().take(GLANCE_MAX).map(|group| group.members.len());
        let bound = self.destinations.iter().take(GLANCE_MAX).map(|bound| usize::from(bound.lines));
        steps.chain(groups).chain(bound).fold(0, |all, one| all ^ one)
    }

    /// The bound number at a place; places come from this very value, so they are always inside.
    pub fn destination(&self, place: u8) -> &Destination {
        &self.destinations[usize::from(place)]
    }

    /// The step a call that comes at an instant begins at.
    pub fn first_step(&self, at: Wall) -> StepNo {
        self.crisis.filter(|crisis| at < crisis.until).map_or(0, |crisis| crisis.step)
    }

    /// Whether a crisis holds for a call that comes at an instant (row R22).
    pub fn is_in_crisis(&self, at: Wall) -> bool {
        self.crisis.is_some_and(|crisis| at < crisis.until)
    }

    /// Whether the bound number at a place is switched on and on duty at an instant (row R17).
    pub fn is_on_duty(&self, place: u8, at: Wall, years: &HolidayYears) -> bool {
        let destination = self.destination(place);
        let duty = destination.duty.and_then(|duty| self.duties.get(usize::from(duty)));
        destination.enabled && duty.is_none_or(|schedule| schedule.at(at.beijing(), years).open)
    }

    /// The names of the percentage step at a place, if it is one of a flow.
    pub fn split(&self, place: StepNo) -> Option<&Split> {
        self.splits.iter().find(|split| split.place == place)
    }

    /// The name of the group at a place; places come from this very value, so they are always inside.
    pub fn group_name(&self, place: u8) -> Word {
        self.words.word(self.groups[usize::from(place)].name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_decision_reads_is_whole_cache_lines() {
        assert_eq!((size_of::<Destination>(), size_of::<Group>()), (64, 64));
    }
}
