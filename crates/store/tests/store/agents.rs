//! Changes of agents' states (row Q10).

use hotline::agent::{Refusal, State, StateChange};
use hotline::settlement::AgentStep;
use hotline::tenant::agent_state;
use hotline::{CallId, TenantId, Wall};
use store::{AgentRow, ChangeFilter};

use crate::case::Case;
use crate::sample::tenant;

crate::on_both_engines!(
    q10_changes_of_agents_are_written_once_and_read_by_time_page_by_page,
    q10_what_is_kept_of_an_agent_is_never_older_than_its_changes,
    q10_old_changes_are_forgotten_in_bounded_steps,
);

fn step(of: &TenantId, agent: &str, number: u64, at: i64) -> AgentStep {
    let place = (number as usize - 1) % State::ALL.len();
    let change = StateChange {
        number,
        at: Wall(at),
        state: State::ALL[place],
        reason: if place == 5 { "午餐".into() } else { "".into() },
        call: (2..=4).contains(&place).then(|| CallId::at(at, 7)),
        refusal: (place == 1 && number > 6).then_some(Refusal::Missed),
    };
    AgentStep {
        tenant: of.clone(),
        agent: agent.into(),
        change,
        state: agent_state(agent, &format!("kept {number}"), number),
    }
}

fn row(step: &AgentStep) -> AgentRow {
    AgentRow { agent: step.agent.to_string(), change: step.change.clone() }
}

async fn q10_changes_of_agents_are_written_once_and_read_by_time_page_by_page(case: Case) {
    let (store, whose) = (&case.store, tenant(1));
    // Two agents at the same instants, one of them twice at one instant; and somebody else's agent of the same number.
    let mut steps: Vec<AgentStep> =
        (1..=13).map(|n| step(&whose, "8001", n, 100 + (n as i64 / 2) * 10)).collect();
    steps.extend((1..=5).map(|n| step(&whose, "8002", n, 100 + n as i64 * 10)));
    let other = step(&tenant(2), "8001", 1, 110);
    for _ in 0..2 {
        store.put_agent_steps(&steps).await.unwrap();
        store.put_agent_steps(std::slice::from_ref(&other)).await.unwrap();
    }
    steps.sort_by_key(|step| (step.change.at, step.agent.clone(), step.change.number));
    let wanted: Vec<AgentRow> = steps.iter().map(row).collect();
    let (mut filter, mut found) = (ChangeFilter::default(), Vec::new());
    loop {
        let page = store.agent_changes(&whose, &filter, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.behind = Some((last.change.at, last.agent.clone(), last.change.number));
        found.extend(page);
    }
    assert_eq!(found, wanted, "all of them, once, by time");
    let some = ChangeFilter {
        agent: Some("8001".into()),
        since: Some(Wall(120)),
        until: Some(Wall(150)),
        behind: None,
    };
    let found = store.agent_changes(&whose, &some, 100).await.unwrap();
    let is_meant = |row: &&AgentRow| row.agent == "8001" && (120..150).contains(&row.change.at.0);
    assert_eq!(found.iter().collect::<Vec<_>>(), wanted.iter().filter(is_meant).collect::<Vec<_>>());
    assert_eq!(found.len(), 6);
    let before = store.agent_change_before(&whose, "8001", Wall(120)).await.unwrap().expect("there is one");
    assert_eq!((before.change.at, before.change.number), (Wall(110), 3), "the later of two at one instant");
    assert_eq!(store.agent_change_before(&whose, "8001", Wall(100)).await.unwrap(), None);
    let all: Vec<String> = ["8001", "8002", "8003"].map(str::to_owned).into();
    for (at, expected) in [(120, vec![("8001", 3), ("8002", 1)]), (110, vec![("8001", 1)]), (100, vec![])] {
        let mut last = store.agent_changes_before(&whose, &all, Wall(at)).await.unwrap();
        last.sort_by(|a, b| a.agent.cmp(&b.agent));
        let told: Vec<_> = last.iter().map(|row| (row.agent.as_str(), row.change.number)).collect();
        assert_eq!(told, expected, "before {at}");
    }
    assert_eq!(store.agent_changes_before(&whose, &[], Wall(120)).await.unwrap(), []);
    let pages = [("", 1), ("8001", 5), ("", 5), ("8002", 5)];
    let expected: [&[&str]; 4] = [&["8001"], &["8002"], &["8001", "8002"], &[]];
    for ((behind, limit), expected) in pages.into_iter().zip(expected) {
        assert_eq!(store.agents_with_changes(&whose, behind, limit).await.unwrap(), expected, "{behind}");
    }
}

async fn q10_what_is_kept_of_an_agent_is_never_older_than_its_changes(case: Case) {
    let (store, whose) = (&case.store, tenant(1));
    let steps: Vec<AgentStep> = (1..=3).map(|n| step(&whose, "8001", n, n as i64)).collect();
    store.put_agent_steps(&steps).await.unwrap();
    store.put_agent_steps(&steps[..1]).await.unwrap();
    let kept = store.tenant_state(&whose).await.unwrap();
    assert_eq!(kept, [agent_state("8001", "kept 3", 3)]);
    let by_hand = step(&whose, "8001", 4, 9);
    let change = store::Change { by: "ma".into(), at: Wall(9) };
    let states = [by_hand.state.clone()];
    store.keep_states(&whose, (&states, std::slice::from_ref(&by_hand)), "8001", &change).await.unwrap();
    assert_eq!(store.tenant_state(&whose).await.unwrap(), states);
    let last = store.agent_change_before(&whose, "8001", Wall(10)).await.unwrap();
    assert_eq!(last, Some(row(&by_hand)));
}

async fn q10_old_changes_are_forgotten_in_bounded_steps(case: Case) {
    let (store, whose) = (&case.store, tenant(1));
    let steps: Vec<AgentStep> = (1..=9).map(|n| step(&whose, "8001", n, n as i64)).collect();
    store.put_agent_steps(&steps).await.unwrap();
    let mut gone = Vec::new();
    while gone.last() != Some(&0) {
        gone.push(store.forget_agent_changes(Wall(8), 3).await.unwrap());
    }
    assert_eq!(gone, [3, 3, 1, 0]);
    let left = store.agent_changes(&whose, &ChangeFilter::default(), 100).await.unwrap();
    assert_eq!(left.iter().map(|row| row.change.number).collect::<Vec<_>>(), [8, 9]);
}
