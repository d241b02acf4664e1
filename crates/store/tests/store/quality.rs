//! Quality scoring (row Q19): forms, evaluations and their steps.

use std::collections::BTreeMap;

use hotline::quality::{Answer, Form, Kind, Question, SampleRule, Section, Sheet, Week};
use hotline::{CallId, RecordingId, Wall};
use store::{
    DrawOutcome, EvaluationFilter, EvaluationKind, EvaluationState, EvaluationStep, EvaluationStepped,
    FormPublished, NewEvaluation, Opened, Recording, Score,
};

use crate::case::Case;
use crate::sample::{answered_at, change, morning, tenant};

crate::on_both_engines!(
    q19_a_published_form_never_changes,
    q19_an_evaluation_goes_from_its_draft_to_the_decision_of_an_appeal,
    q19_steps_at_once_are_taken_once,
    q19_a_persons_word_outdoes_a_machines_whichever_came_first,
    q19_evaluations_are_listed_by_page_and_filter,
    q19_a_weeks_calls_are_drawn_once_and_none_twice,
    q19_draws_go_on_behind_the_reviewer_who_had_the_last_call,
    q19_a_rule_switched_on_again_draws_from_that_week_on,
    q19_who_is_given_an_evaluation_sees_no_draft_of_another,
    q19_a_calibration_is_blind_until_all_are_in_and_counts_for_nobody,
    q19_a_part_of_a_calibration_goes_to_who_has_none,
);

fn form(title: &str) -> Form {
    let question = |code: &str| Question {
        code: code.into(),
        title: "问候".into(),
        kind: Kind::Scale { min: 1, max: 5 },
        weight: 10,
        not_applicable: true,
        fails: Vec::new(),
    };
    let section = Section { code: "a".into(), title: "开场".into(), questions: vec![question("greeting")] };
    Form { name: "service".into(), title: title.into(), pass_percent: 80, sections: vec![section] }
}

fn sheet(points: i16) -> Sheet {
    let answers = [("greeting".to_owned(), Answer::Scale(points))].into();
    Sheet { answers, remark: "语速太快".into(), ..Sheet::default() }
}

fn score(percent: u32) -> Score {
    Score { percent_e2: percent * 100, passed: percent >= 80, failed: false }
}

/// An evaluation of the n-th call.
pub fn new(kind: EvaluationKind, n: u64, reviewer: &str) -> NewEvaluation {
    let at = Wall(morning().0 + n as i64 * 60_000);
    NewEvaluation {
        tenant: tenant(0),
        kind,
        call: CallId::at(at.0, u128::from(n)),
        agent: format!("800{}", n % 2),
        queue: "sales".into(),
        number: "4006010114".into(),
        week: Week::of(at),
        form: "service".into(),
        form_version: 1,
        rule: String::new(),
        calibration: None,
        reviewer: reviewer.into(),
        appeal_days: 7,
    }
}

fn by(who: &str, s: i64) -> store::Change {
    store::Change { by: who.into(), at: Wall(morning().0 + s * 1_000) }
}

async fn q19_a_published_form_never_changes(case: Case) {
    let (store, huaxin, at) = (&case.store, tenant(0), change(morning()));
    assert_eq!(store.publish_form(&huaxin, "service", &at).await.unwrap(), FormPublished::NoDraft);
    store.put_form(&huaxin, &form("一"), &at).await.unwrap();
    assert_eq!(store.form(&huaxin, "service", None).await.unwrap(), None, "a draft is no version");
    assert_eq!(store.publish_form(&huaxin, "service", &at).await.unwrap(), FormPublished::Done(1));
    assert_eq!(store.publish_form(&huaxin, "service", &at).await.unwrap(), FormPublished::Same(1));
    store.put_form(&huaxin, &form("二"), &at).await.unwrap();
    let (one, two) = tokio::join!(
        store.publish_form(&huaxin, "service", &at),
        store.publish_form(&huaxin, "service", &at)
    );
    let mut both = [one.unwrap(), two.unwrap()];
    both.sort_by_key(|one| *one == FormPublished::Same(2));
    assert_eq!(both, [FormPublished::Done(2), FormPublished::Same(2)], "two at once make one version");
    let title = async |version: Option<u32>| {
        let found = store.form(&huaxin, "service", version).await.unwrap();
        found.map(|kept| (kept.version, kept.form.title))
    };
    assert_eq!(title(Some(1)).await, Some((1, "一".into())));
    assert_eq!(title(None).await, Some((2, "二".into())));
    assert_eq!(title(Some(0)).await, Some((0, "二".into())));
    assert_eq!(title(Some(3)).await, None);
    assert_eq!(store.form(&tenant(1), "service", None).await.unwrap(), None);
    let versions = async |page| {
        let found = store.forms(&huaxin, page).await.unwrap();
        found.into_iter().map(|one| (one.form.name, one.version)).collect::<Vec<_>>()
    };
    let named = |all: &[(&str, u32)]| -> Vec<(String, u32)> {
        all.iter().map(|(name, version)| ((*name).to_owned(), *version)).collect()
    };
    assert_eq!(versions((None, 10)).await, named(&[("service", 2), ("service", 1), ("service", 0)]));
    let other =
        Form { name: "visit".into(), ..store.form(&huaxin, "service", None).await.unwrap().unwrap().form };
    store.put_form(&huaxin, &other, &by("li", 9)).await.unwrap();
    assert_eq!(versions((None, 2)).await, named(&[("service", 2), ("service", 1)]));
    assert_eq!(versions((Some(("service", 1)), 10)).await, named(&[("service", 0), ("visit", 0)]));
    assert_eq!(versions((Some(("visit", 0)), 10)).await, []);
}

async fn q19_an_evaluation_goes_from_its_draft_to_the_decision_of_an_appeal(case: Case) {
    use EvaluationState::{Acknowledged, Appealed, Changed, Open, Submitted};
    let (store, huaxin) = (&case.store, tenant(0));
    let opened = store.open_evaluation(&new(EvaluationKind::Human, 0, ""), &by("chen", 0)).await.unwrap();
    assert_eq!(opened, Opened::Done(1));
    let again = store.open_evaluation(&new(EvaluationKind::Human, 0, "wu"), &by("wu", 1)).await.unwrap();
    assert_eq!(again, Opened::There(1), "a call has one evaluation by people");
    let step = async |step: EvaluationStep, who: &str, s: i64| {
        store.step_evaluation(&huaxin, 1, &step, &by(who, s)).await.unwrap()
    };
    assert_eq!(step(EvaluationStep::Acknowledge, "8000", 2).await, EvaluationStepped::Not(Open));
    assert_eq!(step(EvaluationStep::Draft(sheet(3)), "chen", 3).await, EvaluationStepped::Done);
    assert_eq!(step(EvaluationStep::Draft(sheet(1)), "wu", 4).await, EvaluationStepped::Others);
    let kept = store.evaluation(&huaxin, 1).await.unwrap().expect("it is there");
    assert_eq!((kept.state, kept.of.reviewer.as_str(), kept.score), (Open, "chen", None));
    assert_eq!((kept.sheet, kept.revision), (sheet(3), 0));
    let submit = EvaluationStep::Submit(sheet(2), score(25));
    assert_eq!(step(submit.clone(), "wu", 5).await, EvaluationStepped::Others);
    assert_eq!(step(submit.clone(), "chen", 5).await, EvaluationStepped::Done);
    assert_eq!(
        step(submit, "chen", 6).await,
        EvaluationStepped::Not(Submitted),
        "nothing is submitted twice"
    );
    assert_eq!(step(EvaluationStep::Draft(sheet(5)), "chen", 6).await, EvaluationStepped::Not(Submitted));
    let week = 7 * 86_400;
    let appeal = EvaluationStep::Appeal("客户挂断太快".into());
    assert_eq!(step(appeal.clone(), "8000", 5 + week).await, EvaluationStepped::TooLate);
    assert_eq!(step(appeal.clone(), "8000", 4 + week).await, EvaluationStepped::Done);
    assert_eq!(step(appeal, "8000", 4 + week).await, EvaluationStepped::Not(Appealed), "once");
    assert_eq!(step(EvaluationStep::Acknowledge, "8000", 8).await, EvaluationStepped::Not(Appealed));
    let change = EvaluationStep::Change(sheet(5), score(100), "第 12 秒有问候".into());
    assert_eq!(step(change, "li", 9).await, EvaluationStepped::Done);
    assert_eq!(step(EvaluationStep::Uphold("是".into()), "li", 10).await, EvaluationStepped::Not(Changed));
    let kept = store.evaluation(&huaxin, 1).await.unwrap().expect("it is there");
    assert_eq!((kept.state, kept.score, kept.revision), (Changed, Some(score(100)), 2));
    assert_eq!(
        (kept.appeal.as_deref(), kept.decision.as_deref()),
        (Some("客户挂断太快"), Some("第 12 秒有问候"))
    );
    let revisions = store.revisions(&huaxin, 1).await.unwrap();
    let told: Vec<_> = revisions
        .iter()
        .map(|one| (one.revision, one.score, one.made.by.as_str(), one.why.as_str()))
        .collect();
    assert_eq!(
        told,
        [(1, score(25), "chen", ""), (2, score(100), "li", "第 12 秒有问候")],
        "the old one is kept"
    );
    assert_eq!(revisions[0].sheet, sheet(2));
    let audited = store.audit(&huaxin, None, 20).await.unwrap();
    let said: Vec<_> = audited.iter().filter_map(|row| row.became.as_deref()).collect();
    let wanted = ["changed 100.00 第 12 秒有问候", "appealed 客户挂断太快", "submitted 25.00"];
    assert_eq!(said[..3], wanted, "drafts are no word yet");
    store.open_evaluation(&new(EvaluationKind::Human, 2, "wu"), &by("wu", 20)).await.unwrap();
    let submit = EvaluationStep::Submit(sheet(5), score(100));
    assert_eq!(
        store.step_evaluation(&huaxin, 2, &submit, &by("wu", 21)).await.unwrap(),
        EvaluationStepped::Done
    );
    let known =
        store.step_evaluation(&huaxin, 2, &EvaluationStep::Acknowledge, &by("8000", 22)).await.unwrap();
    assert_eq!(known, EvaluationStepped::Done);
    let appeal = EvaluationStep::Appeal("晚了".into());
    let after = store.step_evaluation(&huaxin, 2, &appeal, &by("8000", 23)).await.unwrap();
    assert_eq!(after, EvaluationStepped::Not(Acknowledged));
    let nobody =
        store.step_evaluation(&huaxin, 9, &EvaluationStep::Acknowledge, &by("8000", 1)).await.unwrap();
    assert_eq!(nobody, EvaluationStepped::Missing);
}

async fn q19_steps_at_once_are_taken_once(case: Case) {
    let (store, huaxin) = (&case.store, tenant(0));
    let open = async |reviewer: &'static str| {
        store.open_evaluation(&new(EvaluationKind::Human, 0, reviewer), &by(reviewer, 0)).await.unwrap()
    };
    let (one, two) = tokio::join!(open("chen"), open("wu"));
    assert!(matches!((one, two), (Opened::Done(1), Opened::There(1)) | (Opened::There(1), Opened::Done(1))));
    let reviewer = store.evaluation(&huaxin, 1).await.unwrap().expect("it is there").of.reviewer;
    let step = async |step: EvaluationStep, who: &str| {
        store.step_evaluation(&huaxin, 1, &step, &by(who, 5)).await.unwrap()
    };
    let submit = EvaluationStep::Submit(sheet(2), score(25));
    let (one, two) = tokio::join!(step(submit.clone(), &reviewer), step(submit.clone(), &reviewer));
    let not = EvaluationStepped::Not(EvaluationState::Submitted);
    assert!([one, two].contains(&EvaluationStepped::Done) && [one, two].contains(&not), "{one:?} {two:?}");
    let (known, appealed) = tokio::join!(
        step(EvaluationStep::Acknowledge, "8000"),
        step(EvaluationStep::Appeal("不同意".into()), "8000")
    );
    let now = store.evaluation(&huaxin, 1).await.unwrap().expect("it is there");
    let told = EvaluationStepped::Not(now.state);
    assert!(
        [known, appealed].contains(&EvaluationStepped::Done) && [known, appealed].contains(&told),
        "who was slower is told what it is by now: {known:?} {appealed:?}"
    );
    assert_eq!(store.revisions(&huaxin, 1).await.unwrap().len(), 1);
}

async fn q19_a_persons_word_outdoes_a_machines_whichever_came_first(case: Case) {
    let (store, huaxin) = (&case.store, tenant(0));
    let prescore = async |n: u64, machine: &str| {
        let new = new(EvaluationKind::Machine, n, machine);
        store.prescore(&new, &sheet(5), score(100), &by(machine, 0)).await.unwrap()
    };
    let human = async |n: u64, number: u32| {
        let new = new(EvaluationKind::Human, n, "chen");
        assert_eq!(store.open_evaluation(&new, &by("chen", 1)).await.unwrap(), Opened::Done(number));
        let submit = EvaluationStep::Submit(sheet(2), score(25));
        store.step_evaluation(&huaxin, number, &submit, &by("chen", 2)).await.unwrap()
    };
    assert_eq!(prescore(0, "robot").await, Opened::Done(1));
    assert_eq!(prescore(0, "robot").await, Opened::There(1), "a machine says it once");
    assert_eq!(prescore(0, "other").await, Opened::Done(2));
    assert!(!store.evaluation(&huaxin, 1).await.unwrap().expect("it is there").outdone);
    assert_eq!(human(0, 3).await, EvaluationStepped::Done);
    assert_eq!(human(1, 4).await, EvaluationStepped::Done);
    assert_eq!(prescore(1, "robot").await, Opened::Done(5));
    for number in [1, 2, 5] {
        let kept = store.evaluation(&huaxin, number).await.unwrap().expect("it is there");
        assert!(kept.outdone && kept.state == EvaluationState::Submitted, "{number}");
        assert_eq!((kept.of.kind, kept.score), (EvaluationKind::Machine, Some(score(100))));
    }
    let acknowledge = store.step_evaluation(&huaxin, 1, &EvaluationStep::Acknowledge, &by("8000", 3)).await;
    assert_eq!(
        acknowledge.unwrap(),
        EvaluationStepped::Not(EvaluationState::Submitted),
        "the agent has no part in what a machine says"
    );
    assert_eq!(store.revisions(&huaxin, 5).await.unwrap().len(), 1);
}

async fn q19_evaluations_are_listed_by_page_and_filter(case: Case) {
    let (store, huaxin) = (&case.store, tenant(0));
    for n in 0..6 {
        let reviewer = ["chen", "wu"][n as usize % 2];
        store.open_evaluation(&new(EvaluationKind::Human, n, reviewer), &by("li", 0)).await.unwrap();
    }
    let submit = EvaluationStep::Submit(sheet(2), score(25));
    store.step_evaluation(&huaxin, 2, &submit, &by("wu", 2)).await.unwrap();
    let all = async |mut filter: EvaluationFilter| {
        let mut found: Vec<u32> = Vec::new();
        loop {
            let page = store.evaluations(&huaxin, &filter, 2).await.unwrap();
            let Some(last) = page.last() else { return found };
            filter.older_than = Some(last.number);
            found.extend(page.into_iter().map(|one| one.number));
        }
    };
    let none = EvaluationFilter::default;
    assert_eq!(all(none()).await, [6, 5, 4, 3, 2, 1]);
    assert_eq!(all(EvaluationFilter { agent: Some("8001".into()), ..none() }).await, [6, 4, 2]);
    assert_eq!(all(EvaluationFilter { reviewer: Some("chen".into()), ..none() }).await, [5, 3, 1]);
    assert_eq!(all(EvaluationFilter { submitted: true, ..none() }).await, [2]);
    let open = EvaluationFilter { state: Some(EvaluationState::Open), queue: Some("sales".into()), ..none() };
    assert_eq!(all(open).await, [6, 5, 4, 3, 1]);
    let week = Week::of(morning());
    assert_eq!(all(EvaluationFilter { since: Some(week), until: Some(week), ..none() }).await.len(), 6);
    assert!(all(EvaluationFilter { until: Some(week.before()), ..none() }).await.is_empty());
    let call = new(EvaluationKind::Human, 3, "").call;
    assert_eq!(all(EvaluationFilter { call: Some(call), ..none() }).await, [4]);
    let machine = EvaluationFilter { kind: Some(EvaluationKind::Machine), form: Some("x".into()), ..none() };
    assert!(all(machine).await.is_empty());
}

fn rule(calls: u16) -> SampleRule {
    SampleRule {
        name: "weekly".into(),
        form: "service".into(),
        calls,
        queue: Some("sales".into()),
        number: None,
        talk_s_min: 30,
        reviewers: vec!["chen".into(), "wu".into()],
        appeal_days: 3,
        enabled: true,
    }
}

/// Settles calls of a week that the agents 8000 to 8002 answered, each with a recording but every seventh, whose file is gone.
async fn settle_week(case: &Case, begin: Wall, calls_no: std::ops::Range<u64>) -> Vec<CallId> {
    let mut calls = Vec::new();
    for n in calls_no {
        let mut one = answered_at(n * 3, Wall(begin.0 + n as i64 * 60_000));
        one.record.tenant = tenant(0);
        one.record.agent = format!("800{}", n % 3);
        let recording = RecordingId::at(one.record.started_at.0, u128::from(n));
        one.record.recording = Some(recording);
        let (call, path) = (one.record.call, format!("{recording}.wav"));
        let retention_until = Wall(if n % 7 == 6 { 1 } else { i64::MAX / 2 });
        let row = Recording {
            tenant: tenant(0),
            recording,
            call,
            path,
            bytes: 1,
            duration_ms: 61_000,
            checksum: "crc32c:00000000".into(),
            interrupted: false,
            retention_until,
            kept_by: String::new(),
            sealed: None,
        };
        case.store.put_recordings(std::slice::from_ref(&row), &[]).await.unwrap();
        case.store.settle(&[one], "n1").await.unwrap();
        if n % 7 == 6 {
            case.store.expire_recording(&row, &change(morning()), || Ok(())).await.unwrap();
        }
        calls.push(call);
    }
    calls
}

/// Weeks of one call and of two: whoever begins goes on behind the last of the draw before, so nobody has the odd call each time.
async fn q19_draws_go_on_behind_the_reviewer_who_had_the_last_call(case: Case) {
    let (store, huaxin) = (&case.store, tenant(0));
    let reviewers = ["chen", "wu"].map(|login| (login.to_owned(), None));
    for (place, numbers) in [0..1, 1..3, 3..4, 4..6].into_iter().enumerate() {
        let begin = Wall(morning().0 + place as i64 * 7 * 86_400_000);
        let settled = settle_week(&case, begin, numbers).await.len() as u64;
        let draw =
            store.draw_sample(&huaxin, (&rule(9), 1), Week::of(begin), &reviewers, &by("sample", 9)).await;
        assert!(matches!(draw.unwrap(), DrawOutcome::Done(done) if done.drawn == settled));
    }
    let dealt = store.evaluations(&huaxin, &EvaluationFilter::default(), 100).await.unwrap();
    let dealt: Vec<&str> = dealt.iter().rev().map(|one| one.of.reviewer.as_str()).collect();
    assert_eq!(dealt, ["chen", "wu", "chen", "wu", "chen", "wu"]);
}

async fn q19_a_weeks_calls_are_drawn_once_and_none_twice(case: Case) {
    let (store, huaxin, week) = (&case.store, tenant(0), Week::of(morning()));
    let calls = settle_week(&case, morning(), 0..42).await;
    let own = NewEvaluation { call: calls[0], agent: "8000".into(), ..new(EvaluationKind::Human, 0, "chen") };
    assert_eq!(store.open_evaluation(&own, &by("chen", 0)).await.unwrap(), Opened::Done(1));
    let reviewers = [("chen".to_owned(), None), ("wu".to_owned(), Some("8002".to_owned()))];
    let draw = async |rule: SampleRule, week: Week| {
        store.draw_sample(&huaxin, (&rule, 1), week, &reviewers, &by("sample", 9)).await.unwrap()
    };
    let (one, two) = tokio::join!(draw(rule(4), week), draw(rule(4), week));
    let done = match (one, two) {
        (DrawOutcome::Done(done), DrawOutcome::Before(before))
        | (DrawOutcome::Before(before), DrawOutcome::Done(done)) => {
            assert_eq!(done, before);
            done
        }
        other => panic!("one of two draws: {other:?}"),
    };
    assert_eq!((done.calls, done.drawn), (35, 12), "36 have a recording, one is evaluated");
    let listed = store.evaluations(&huaxin, &EvaluationFilter::default(), 100).await.unwrap();
    let drawn: Vec<_> = listed.iter().filter(|one| one.of.rule == "weekly").collect();
    let mut of_agents: BTreeMap<&str, usize> = BTreeMap::new();
    for one in &drawn {
        *of_agents.entry(&one.of.agent).or_default() += 1;
        let n = calls.iter().position(|call| *call == one.of.call).expect("one of the week");
        assert!(n != 0 && n % 7 != 6, "with a recording, and not evaluated before");
        assert_eq!(one.of.agent, format!("800{}", n % 3));
        assert!(one.of.agent != "8002" || one.of.reviewer == "chen", "nobody evaluates its own");
        assert_eq!((one.of.week, one.of.appeal_days, one.state), (week, 3, EvaluationState::Open));
    }
    assert_eq!(of_agents, [("8000", 4), ("8001", 4), ("8002", 4)].into());
    let of = |reviewer: &str| drawn.iter().filter(|one| one.of.reviewer == reviewer).count();
    assert_eq!((of("chen"), of("wu")), (6, 6), "as many each");
    // Another rule takes what is left, fewer than it asks for; and again nothing.
    let rest = SampleRule { name: "more".into(), ..rule(100) };
    let DrawOutcome::Done(more) = draw(rest.clone(), week).await else { panic!("its first") };
    assert_eq!((more.calls, more.drawn), (23, 23));
    let none = SampleRule { name: "last".into(), ..rule(100) };
    let DrawOutcome::Done(last) = draw(none, week).await else { panic!("its first") };
    assert_eq!((last.calls, last.drawn), (0, 0));
    assert!(matches!(draw(rest, week).await, DrawOutcome::Before(_)));
    let DrawOutcome::Done(other) = draw(rule(4), week.before()).await else { panic!("another week") };
    assert_eq!(other.calls, 0);
    let long = SampleRule { name: "long".into(), talk_s_min: 62, ..rule(4) };
    assert!(matches!(draw(long, week).await, DrawOutcome::Done(done) if done.calls == 0));
    let draws = async |page| {
        let found = store.draws(&huaxin, page).await.unwrap();
        found.into_iter().map(|draw| (draw.week, draw.rule)).collect::<Vec<_>>()
    };
    let all = draws((None, 10)).await;
    assert_eq!(all.len(), 5);
    assert_eq!(draws((None, 2)).await, all[..2]);
    for (place, (week, rule)) in all.iter().enumerate() {
        assert_eq!(draws((Some((*week, rule)), 10)).await, all[place + 1..], "{week:?} {rule}");
    }
    assert_eq!(store.drawn_weeks(&huaxin, "weekly", week.before()).await.unwrap(), [week.before(), week]);
    assert_eq!(store.drawn_weeks(&huaxin, "weekly", week).await.unwrap(), [week]);
    let audited = store.audit(&huaxin, None, 100).await.unwrap();
    assert_eq!(audited.iter().filter(|row| row.action == "draw_sample").count(), 5, "as many as were made");
    store.put_rule(&huaxin, &rule(4), &by("li", 0)).await.unwrap();
    store.put_rule(&huaxin, &rule(5), &by("li", 8 * 86_400)).await.unwrap();
    let kept = store.rules(Some(&huaxin)).await.unwrap();
    assert_eq!(
        (kept.len(), kept[0].rule.clone(), kept[0].since),
        (1, rule(5), week),
        "from its first week on"
    );
    assert_eq!(store.rules(Some(&tenant(1))).await.unwrap(), []);
}

async fn q19_a_rule_switched_on_again_draws_from_that_week_on(case: Case) {
    let (store, huaxin, week) = (&case.store, tenant(0), Week::of(morning()));
    let put = async |calls: u16, enabled: bool, weeks: i64| {
        let rule = SampleRule { enabled, ..rule(calls) };
        store.put_rule(&huaxin, &rule, &by("li", weeks * 7 * 86_400)).await.unwrap();
        store.rules(Some(&huaxin)).await.unwrap().remove(0).since
    };
    let after = |weeks: i64| Week::of_day(week.monday() + weeks * 7);
    assert_eq!(put(4, true, 0).await, week);
    assert_eq!(put(5, true, 1).await, week, "a change begins nothing anew");
    assert_eq!(put(5, false, 2).await, week);
    assert_eq!(put(6, false, 3).await, week);
    assert_eq!(put(6, true, 5).await, after(5), "the weeks in which it was off are not drawn");
    assert_eq!(put(7, true, 6).await, after(5));
}

async fn q19_who_is_given_an_evaluation_sees_no_draft_of_another(case: Case) {
    let (store, huaxin) = (&case.store, tenant(0));
    store.open_evaluation(&new(EvaluationKind::Human, 0, "chen"), &by("chen", 0)).await.unwrap();
    let step = async |step: EvaluationStep, who: &str| {
        assert_eq!(
            store.step_evaluation(&huaxin, 1, &step, &by(who, 1)).await.unwrap(),
            EvaluationStepped::Done
        );
        let kept = store.evaluation(&huaxin, 1).await.unwrap().expect("it is there");
        (kept.of.reviewer, kept.sheet)
    };
    step(EvaluationStep::Draft(sheet(3)), "chen").await;
    let same = step(EvaluationStep::Assign("chen".into()), "li").await;
    assert_eq!(same, ("chen".into(), sheet(3)), "it was chen's already");
    let other = step(EvaluationStep::Assign("wu".into()), "li").await;
    assert_eq!(other, ("wu".into(), Sheet::default()));
}

async fn q19_a_calibration_is_blind_until_all_are_in_and_counts_for_nobody(case: Case) {
    let (store, huaxin) = (&case.store, tenant(0));
    let of = new(EvaluationKind::Calibration, 0, "");
    let reviewers = ["chen".to_owned(), "wu".to_owned()];
    assert_eq!(store.open_calibration(&of, &reviewers, &by("li", 0)).await.unwrap(), 1);
    let again = NewEvaluation { form: "other".into(), ..of.clone() };
    assert_eq!(
        store.open_calibration(&again, &reviewers, &by("li", 1)).await.unwrap(),
        2,
        "a call may have more"
    );
    let parts = async |number: u32| {
        let filter = EvaluationFilter { calibration: Some(number), ..EvaluationFilter::default() };
        store.evaluations(&huaxin, &filter, 10).await.unwrap()
    };
    let submit = EvaluationStep::Submit(sheet(5), score(100));
    assert_eq!(
        store.step_evaluation(&huaxin, 1, &submit, &by("wu", 2)).await.unwrap(),
        EvaluationStepped::Others
    );
    assert_eq!(
        store.step_evaluation(&huaxin, 1, &submit, &by("chen", 2)).await.unwrap(),
        EvaluationStepped::Done
    );
    assert!(parts(1).await.iter().all(|part| part.blind), "one is not in");
    assert_eq!(
        store.step_evaluation(&huaxin, 2, &submit, &by("wu", 3)).await.unwrap(),
        EvaluationStepped::Done
    );
    assert!(parts(1).await.iter().all(|part| !part.blind) && parts(2).await.iter().all(|part| part.blind));
    let audited = store.audit(&huaxin, None, 10).await.unwrap();
    let said =
        audited.iter().filter(|row| row.action == "step_evaluation").filter_map(|row| row.became.as_deref());
    assert!(said.eq(["submitted", "submitted"]), "no score is told there either");
    let appeal = EvaluationStep::Appeal("不同意".into());
    let none = store.step_evaluation(&huaxin, 1, &appeal, &by("8000", 4)).await.unwrap();
    assert_eq!(none, EvaluationStepped::Not(EvaluationState::Submitted), "the agent has no part in it");
    let machine = new(EvaluationKind::Machine, 0, "robot");
    assert_eq!(
        store.prescore(&machine, &sheet(5), score(100), &by("robot", 5)).await.unwrap(),
        Opened::Done(5)
    );
    assert!(
        !store.evaluation(&huaxin, 5).await.unwrap().expect("it is there").outdone,
        "it is no person's word"
    );
    let human = new(EvaluationKind::Human, 0, "chen");
    assert_eq!(
        store.open_evaluation(&human, &by("chen", 6)).await.unwrap(),
        Opened::Done(6),
        "nor in its way"
    );
    let numbers = async |form: Option<&str>, older_than: Option<u32>| {
        let found = store.calibrations(&huaxin, form, older_than, 1).await.unwrap();
        found.iter().map(|one| (one.number, one.form.clone())).collect::<Vec<_>>()
    };
    assert_eq!(numbers(None, None).await, [(2, "other".to_owned())]);
    assert_eq!(numbers(None, Some(2)).await, [(1, "service".to_owned())]);
    assert_eq!(numbers(Some("service"), None).await, [(1, "service".to_owned())]);
    assert_eq!(store.calibration(&huaxin, 3).await.unwrap(), None);
    assert_eq!(store.calibration(&huaxin, 1).await.unwrap().expect("it is there").opened, by("li", 0));
}

async fn q19_a_part_of_a_calibration_goes_to_who_has_none(case: Case) {
    let (store, huaxin) = (&case.store, tenant(0));
    let of = new(EvaluationKind::Calibration, 0, "");
    let reviewers = ["chen".to_owned(), "wu".to_owned(), "he".to_owned()];
    store.open_calibration(&of, &reviewers, &by("li", 0)).await.unwrap();
    let assign = async |number: u32, to: &str| {
        let step = EvaluationStep::Assign(to.into());
        store.step_evaluation(&huaxin, number, &step, &by("li", 1)).await.unwrap()
    };
    let owes = async |who: &str| store.owed_calibrations(&huaxin, who).await.unwrap().contains(&of.call);
    assert_eq!(assign(2, "chen").await, EvaluationStepped::InAlready);
    assert!(owes("wu").await && !owes("li").await);
    let (one, two) = tokio::join!(assign(2, "li"), assign(3, "li"));
    let both = [one, two];
    assert!(
        both.contains(&EvaluationStepped::Done) && both.contains(&EvaluationStepped::InAlready),
        "one of two at once: {both:?}"
    );
    assert!(owes("li").await && owes("wu").await != owes("he").await, "who gave it away owes nothing");
    let submit = EvaluationStep::Submit(sheet(5), score(100));
    assert_eq!(
        store.step_evaluation(&huaxin, 1, &submit, &by("chen", 2)).await.unwrap(),
        EvaluationStepped::Done
    );
    assert!(!owes("chen").await, "it is in");
    assert_eq!(assign(1, "zhao").await, EvaluationStepped::Not(EvaluationState::Submitted));
}
