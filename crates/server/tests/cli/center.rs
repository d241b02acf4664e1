//! The call centre of `sibai demo`: simulated agents and callers, and the account of a person who joins them.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Demo, Dir};

/// The longest that a caller of the demo takes to be served, with all that may hinder it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again until the answer is there; each look is a process of its own.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < end, "in vain: {what}");
    }
}

fn find(rows: &Value, is: impl Fn(&Value) -> bool) -> Option<Value> {
    rows.as_array().into_iter().flatten().find(|row| is(row)).cloned()
}

#[test]
fn q07_q18_the_demo_has_a_call_centre_whose_callers_are_served_give_up_and_rate() {
    let dir = Dir::new();
    let demo = Demo::with_callers(&dir, 40);
    let told = &demo.told;
    assert!(told.contains("/agent, enterprise yunxi, login wang, first password "), "{told}");
    let agents = until("both simulated agents are on duty", || {
        let agents = dir.json(&["agent", "list", "yunxi"]);
        let off = |row: &Value| row["state"] == "off";
        let count = agents.as_array().map_or(0, |rows| rows.iter().filter(|row| !off(row)).count());
        (count == 2).then_some(agents)
    });
    let person = find(&agents, |row| row["number"] == "8003").expect("an agent");
    assert_eq!(person["state"], "off", "it waits for a person");
    let rated = until("somebody rates", || {
        find(&dir.json(&["rating", "list", "yunxi", "--limit", "100"]), |row| row["score"].is_u64())
    });
    assert!(rated["agent"] == "8001" || rated["agent"] == "8002", "{rated}");
    let record = dir.json(&["call-record", rated["call"].as_str().expect("an id")])["record"].clone();
    assert_eq!(record["flow"], "总机", "{record}");
    assert!(record["keys"].as_array().is_some_and(|keys| !keys.is_empty()), "{record}");
    until("somebody gives up in a queue", || {
        let calls = dir.json(&["calls", "--number", "4006010117", "--status", "abandoned", "--limit", "100"]);
        find(&calls, |row| {
            dir.json(&["call-record", row["call"].as_str().expect("an id")])["record"]["queue"] != ""
        })
    });
    demo.stop();
    assert_eq!(dir.json(&["verify"])["clean"], true);
    let again = Demo::start(&dir);
    assert!(again.told.contains("the password you chose"), "{}", again.told);
    again.stop();
}
