//! What must hold of a share that callers keep (row I10): the same caller has the same one at the same version of the flow,
//! unless it was closed then; and the record has what was dealt.

use std::collections::BTreeMap;

use hotline::TenantId;
use hotline::call::{Dated, Fact};
use hotline::cdr::CallRecord;
use hotline::flow::StepWhy;

/// The shares that callers were dealt: by enterprise, flow, version, step and caller.
#[derive(Debug, Default)]
pub(super) struct Arms(BTreeMap<(TenantId, String, u32, String, String), String>);

impl Arms {
    /// Looks at one call.
    ///
    /// # Errors
    /// What does not hold.
    pub(super) fn check(&mut self, record: &CallRecord, log: &[Dated]) -> Result<(), String> {
        for pair in log.windows(2) {
            let (Fact::Walked(walked), Fact::ArmTaken(arm)) = (&pair[0].fact, &pair[1].fact) else {
                continue;
            };
            let kept = matches!(&walked.why, StepWhy::Kept { closed, .. } if closed.is_empty());
            let known = |known: &&hotline::cdr::ArmRecord| {
                (&*known.flow, &*known.step) == (&*arm.flow, &*arm.step) && known.version == arm.version
            };
            let Some(first) = record.arms.iter().find(known) else {
                return Err(format!("{} was dealt, the record has {:?} (I10)", arm.name, record.arms));
            };
            if !kept {
                continue;
            }
            let caller = record.caller.clone();
            if caller.is_empty() {
                return Err("a caller who withholds the number keeps a share (I10)".into());
            }
            let (flow, step) = (first.flow.clone(), first.step.clone());
            let before = self.0.entry((record.tenant.clone(), flow, arm.version, step, caller));
            let before = before.or_insert_with(|| arm.name.to_string());
            if *before != *arm.name {
                return Err(format!("{} had {before} and has {} now (I10)", record.caller, arm.name));
            }
        }
        Ok(())
    }
}
