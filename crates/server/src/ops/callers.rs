//! What is remembered of callers, and how one is forgotten (rows R15, B04, B12).

use std::collections::BTreeSet;

use hotline::TenantId;
use hotline::region::normalise;
use hotline::settlement::TenantState;
use hotline::tenant::is_of_caller;
use serde::{Deserialize, Serialize};

use super::{Desk, Outcome, Refusal};

/// Forget a caller: who answered, wrong passwords and what stands against it as a nuisance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Forget {
    /// The enterprise.
    pub tenant: TenantId,
    /// The caller's number, in any form.
    pub caller: String,
    /// Who asks.
    pub by: String,
}

/// What was forgotten.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Forgotten {
    /// The enterprise.
    pub tenant: TenantId,
    /// How many places held the caller: one for each number or enterprise that remembers who answered, one for each number
    /// with wrong passwords, one for its score.
    pub places: usize,
}

/// Forgets a caller in the running node and in the database.
///
/// # Errors
/// The enterprise is not there, or the number is none.
pub async fn forget(desk: &Desk, asked: &Forget) -> Outcome<Forgotten> {
    desk.enterprise(&asked.tenant).await?;
    let caller = normalise(&asked.caller, None).number;
    if caller.is_empty() {
        return Err(Refusal::invalid(
            format!("{} 不是主叫号码", asked.caller),
            format!("{} is no caller's number", asked.caller),
        ));
    }
    let mut states = stored(desk, &asked.tenant, &caller).await?;
    if let Some(live) = &desk.live {
        let (tenant, of) = (asked.tenant.clone(), caller.clone());
        let look = move |node: &node::Node, _| {
            let tenant = node.tenant(&tenant)?;
            Some((tenant.forgotten(&of), tenant.turn()))
        };
        if let Some((forgotten, turn)) = live.ask(look).await? {
            // What a call on its way to the database remembers of this caller has a lower turn and comes too late.
            states.retain(|state| state.position > turn);
            states.extend(forgotten);
        }
        let (tenant, caller) = (asked.tenant.clone(), caller.clone());
        live.apply(node::Change::ForgetCaller { tenant, caller }).await?;
    }
    let change = desk.change(&asked.by);
    desk.store.forget_states(&asked.tenant, &states, &masked(&caller), &change).await?;
    let places: BTreeSet<&str> = states.iter().map(|state| state.key.as_str()).collect();
    Ok(Forgotten { tenant: asked.tenant.clone(), places: places.len() })
}

/// The places at which the database holds a caller, as they are to be emptied.
async fn stored(desk: &Desk, tenant: &TenantId, caller: &str) -> Outcome<Vec<TenantState>> {
    let states = desk.store.tenant_state(tenant).await?;
    let of_caller = |state: &TenantState| is_of_caller(state, caller);
    let emptied =
        |state: TenantState| TenantState { value: String::new(), position: state.position + 1, ..state };
    Ok(states.into_iter().filter(of_caller).map(emptied).collect())
}

/// `135****1000`.
fn masked(caller: &str) -> String {
    let digits: Vec<char> = caller.chars().collect();
    let shown = |place: usize| place < 3 || place + 4 >= digits.len();
    digits.iter().enumerate().map(|(place, digit)| if shown(place) { *digit } else { '*' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r15_the_audit_does_not_remember_whom_it_forgot() {
        assert_eq!(masked("13510001000"), "135****1000");
        assert_eq!(masked("02161234501"), "021****4501");
    }
}
