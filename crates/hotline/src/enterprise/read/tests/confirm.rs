//! Whether answers are confirmed, as documents write it (row R29).

use super::{allowed, yaml};
use crate::enterprise::read::read;
use crate::enterprise::{Confirm, compile, staff, to_yaml};

fn document(bound: &str, group: &str) -> String {
    format!(
        "sibai: 1\nenterprise: {{id: acme, name: a}}\nplan: T1\nnumbers:\n  - number: 4006010114\n    destinations:\n      \
         - {{name: a, number: 010-62345601{bound}}}\n      - {{name: b, number: 13911112222}}\n    groups: [{{name: g, \
         members: [a, b]{group}}}]\n    otherwise: {{dial: g}}\n"
    )
}

#[test]
fn r29_what_is_confirmed_is_read_compiled_and_written_again() {
    for (bound, group, own, of_group) in [
        ("", "", Confirm::Off, None),
        (", confirm: key", "", Confirm::Key { s: 12 }, None),
        (
            ", confirm: key, confirm_seconds: 20",
            ", confirm: tone",
            Confirm::Key { s: 20 },
            Some(Confirm::Tone),
        ),
        (", confirm: tone", ", confirm: off", Confirm::Tone, Some(Confirm::Off)),
    ] {
        let (enterprise, _) = read(&yaml(&document(bound, group)), &allowed()).expect("a right document");
        let number = &enterprise.numbers[0];
        assert_eq!((number.destinations[0].confirm, number.groups[0].confirm), (own, of_group));
        assert_eq!(number.destinations[1].confirm, Confirm::Off, "mobiles are not confirmed unless said");
        let again = read(&yaml(&to_yaml(&enterprise)), &allowed()).expect("what was written is read");
        assert_eq!(again.0, enterprise);
        let hotline = compile(&enterprise, 1).remove(0);
        assert_eq!((hotline.destination(0).confirm, hotline.groups[0].confirm), (own, of_group));
    }
}

#[test]
fn r29_seconds_go_with_the_key_alone() {
    let problems = |bound: &str| {
        let problems = read(&yaml(&document(bound, "")), &allowed()).expect_err("a wrong document");
        problems.iter().map(|problem| problem.code()).collect::<Vec<_>>()
    };
    assert_eq!(problems(", confirm: tone, confirm_seconds: 9"), ["conflict"]);
    assert_eq!(problems(", confirm_seconds: 9"), ["conflict"]);
    assert_eq!(problems(", confirm: key, confirm_seconds: 60"), ["out_of_range"]);
    assert_eq!(problems(", confirm: yes"), ["unknown_value"]);
}

fn with_agent(agent: &str) -> String {
    format!(
        "sibai: 1\nenterprise: {{id: acme, name: a}}\nplan: T1\nextensions: [{{name: p, number: 801, password: correct horse \
         battery}}]\nagents: [{{number: 8001, name: w{agent}}}]\nqueues: [{{name: q, members: [8001]}}]\nnumbers:\n  - \
         {{number: 4006010114, otherwise: {{queue: q}}}}\n"
    )
}

#[test]
fn r29_an_agent_has_a_phone_a_mobile_or_both() {
    let key = |s| Some(("13911112222", Confirm::Key { s }));
    for (agent, phone, mobile) in [
        (", extension: 801", "acme-801", None),
        (", mobile: 139-1111-2222", "", key(12)),
        (", extension: 801, mobile: 13911112222, confirm: key, confirm_seconds: 20", "acme-801", key(20)),
        (", mobile: 13911112222, confirm: \"off\"", "", Some(("13911112222", Confirm::Off))),
    ] {
        let (enterprise, _) =
            read(&yaml(&with_agent(agent)), &allowed()).unwrap_or_else(|wrong| panic!("{wrong:?}"));
        let staff = staff(&enterprise, 1);
        let rules = &staff.agents[0];
        let found = rules.mobile.as_ref().map(|mobile| (&*mobile.number, mobile.confirm));
        assert_eq!((&*rules.phone, found), (phone, mobile), "{agent}");
        let again = read(&yaml(&to_yaml(&enterprise)), &allowed()).expect("what was written is read");
        assert_eq!(again.0.agents, enterprise.agents);
    }
    let problems = |agent: &str| {
        let problems = read(&yaml(&with_agent(agent)), &allowed()).expect_err("a wrong document");
        problems.iter().map(|problem| problem.code()).collect::<Vec<_>>()
    };
    assert_eq!(problems(""), ["missing"]);
    assert_eq!(problems(", extension: 801, confirm: key"), ["conflict"]);
    assert_eq!(problems(", mobile: 110"), ["special_number"]);
    assert_eq!(problems(", mobile: 010-62345678"), ["bad_destination"]);
}
