//! Tones of what rings (row I04): read, refused, written and compiled.

use super::{RIGHT, allowed, yaml};
use crate::enterprise::{Allowed, Ringback, Then, compile, read, to_yaml};

/// The right document with a tone of its own at each place that may have one, or with some of them in other words.
fn toned(other: &[(&str, &str)]) -> String {
    let phone = "extensions: [{name: front, number: 801, password: correct horse, ringback: colour_ring}]\n";
    let mut text = RIGHT.replacen("numbers:\n", &format!("{phone}numbers:\n"), 1);
    let own = [
        ("mobile, number: 13911112222", "mobile, number: 13911112222, ringback: tone"),
        ("spare, number: 021-61234501", "spare, kind: extension, number: 801"),
        ("members: [desk, mobile]}", "members: [desk, mobile], ringback: welcome}"),
        ("otherwise: {dial: sales}", "otherwise: {dial: sales, ringback: after_hours}"),
        ("recording: true", "recording: true\n    ringback: barred"),
    ];
    for (piece, by) in own.iter().chain(other) {
        assert_eq!(text.matches(piece).count(), 1, "{piece:?} stands once");
        text = text.replace(piece, by);
    }
    text
}

#[test]
fn i04_every_level_has_its_tone_and_reads_back() {
    let (enterprise, warnings) = read(&yaml(&toned(&[])), &allowed()).expect("it is right");
    assert_eq!(warnings, []);
    let prompt = |name: &str| Ringback::Prompt(name.to_owned());
    let number = &enterprise.numbers[0];
    let own: Vec<_> = number.destinations.iter().map(|bound| bound.ringback.clone()).collect();
    assert_eq!(own, [None, Some(Ringback::Tone), None]);
    assert_eq!(number.groups[0].ringback, Some(prompt("welcome")));
    assert_eq!(number.otherwise, Then::DialWith { dial: "sales".into(), ringback: prompt("after_hours") });
    let written = to_yaml(&enterprise);
    let again = read(&yaml(&written), &allowed()).map(|(again, _)| again);
    assert_eq!(again.as_ref(), Ok(&enterprise), "{written}");

    let tones = &compile(&enterprise, 1)[0].ringbacks;
    assert_eq!(tones.number, prompt("barred"));
    assert_eq!(*tones.groups, [(0, prompt("welcome"))]);
    assert_eq!(
        *tones.destinations,
        [(1, Ringback::Tone), (2, prompt("colour_ring"))],
        "the last has its phone's"
    );
    let [(_, of_rule)] = &*tones.steps else { panic!("{:?}", tones.steps) };
    assert_eq!(*of_rule, prompt("after_hours"));
}

#[test]
fn i04_k09_a_tone_that_is_not_there_or_was_not_reviewed_is_refused() {
    let found = |other: &[(&str, &str)]| {
        let allowed = Allowed { unreviewed: &["new_ring"], ..allowed() };
        let problems = read(&yaml(&toned(other)), &allowed).expect_err("it is broken");
        problems.iter().map(|one| format!("{} {}", one.path, one.code())).collect::<Vec<_>>()
    };
    let places = [
        ("ringback: tone}", "numbers[0].destinations[1].ringback"),
        ("ringback: colour_ring}", "extensions[0].ringback"),
        ("ringback: welcome}", "numbers[0].groups[0].ringback"),
        ("ringback: after_hours}", "numbers[0].otherwise.ringback"),
    ];
    for (piece, path) in places {
        assert_eq!(found(&[(piece, "ringback: nobodys}")]), [format!("{path} unknown_name")]);
        assert_eq!(found(&[(piece, "ringback: new_ring}")]), [format!("{path} prompt_not_reviewed")]);
    }
    let elsewhere =
        ("{play: after_hours, then: hang_up}", "{play: after_hours, then: hang_up, ringback: tone}");
    assert_eq!(found(&[elsewhere]), ["numbers[0].rules[0].then.ringback conflict"]);
}
