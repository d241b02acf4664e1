//! Whether answers are confirmed, as documents write it (row R29).

use super::{allowed, yaml};
use crate::enterprise::read::read;
use crate::enterprise::{Confirm, compile, to_yaml};

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
