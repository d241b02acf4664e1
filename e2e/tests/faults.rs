//! Faults of the process, its disk and its database, against the real binary. The ids are those of the list of faults.

use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use e2e::{PATIENCE, Platform, Postgres, Setup, Wire, acme, answers, block_on, carrier, eventually, number};
use farend::Says;
use farend::call::{CallConfig, EndedBy, HangUp, Outcome, Press, What, place};
use farend::world::{Behaviour, WorldEvent};
use hotline::Wall;
use hotline::cdr::{Cause, Party};
use hotline::enterprise::AccountKind;
use hotline::rating::ChargeKind;
use store::{Change, Put};

const PHONE: &str = "01062345601";

/// A call on a thread of its own, with its steps as they happen.
fn begin(call: CallConfig) -> (JoinHandle<Outcome>, Receiver<What>, HangUp) {
    let (tell, told) = channel();
    let hang_up = HangUp::default();
    let its = hang_up.clone();
    let thread = thread::spawn(move || {
        block_on(place(call, its, move |step| _ = tell.send(step.what))).expect("a call")
    });
    (thread, told, hang_up)
}

fn await_step(steps: &Receiver<What>, wanted: impl Fn(&What) -> bool) {
    while !wanted(&steps.recv_timeout(PATIENCE).expect("a step")) {}
}

/// A short call that is answered.
fn short(platform: &Platform) -> CallConfig {
    let mut call = platform.call(number(), "13800138000");
    call.hold_for = Duration::from_millis(500);
    call
}

#[test]
fn fault_f1_after_kill_9_a_call_is_ended_on_both_sides_and_billed_once() {
    let (world, told) = carrier(&[(PHONE, answers(880))]);
    let mut platform = Platform::start(Setup::new("f1", world.local(), vec![acme(&[PHONE])]));
    let mut call = platform.call(number(), "13800138000");
    call.hold_for = Duration::from_secs(600);
    // A key pressed well into the talk says that it has lasted for some heartbeats.
    (call.press, call.press_after) = (vec![Press::Key(b'1')], Duration::from_secs(6));
    let (caller, steps, _) = begin(call);
    await_step(&steps, |step| matches!(step, What::DigitSent { .. }));
    platform.kill();
    platform.restart();
    let outcome = caller.join().expect("the caller");
    assert_eq!((outcome.ended_by, outcome.q850), (EndedBy::FarEnd, Some(41)), "{outcome:?}");
    let released = told.iter().find(|event| matches!(event, WorldEvent::Released { .. }));
    assert!(released.is_some(), "the phone got a BYE");
    let calls = platform.await_calls(1);
    let record = &calls[0].record;
    assert_eq!(record.cause, Cause::NodeLost);
    assert!((4_000..9_000).contains(&record.sale_ms), "billed to the last heartbeat: {record:?}");
    assert_eq!(calls[0].charges.iter().filter(|charge| charge.kind == ChargeKind::Sale).count(), 1);
    let recording = record.recording.expect("it was being recorded");
    let row = eventually("the recording's row", || {
        platform.with_store(async |store| store.recording(recording).await.expect("read"))
    });
    assert!(row.interrupted);
    // Once more: what is settled stays settled, and the platform goes on.
    platform.kill();
    platform.restart();
    assert_eq!(platform.place(short(&platform)).status, 200);
    let calls = platform.await_calls(2);
    assert_eq!(calls[1].record.cause, Cause::HangUp);
    assert_eq!(platform.findings(), []);
}

#[test]
fn fault_f2_a_signal_lets_calls_end_and_takes_no_new_ones() {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let mut platform = Platform::start(Setup::new("f2", world.local(), vec![acme(&[PHONE])]));
    let mut call = platform.call(number(), "13800138000");
    call.hold_for = Duration::from_secs(600);
    let (caller, steps, hang_up) = begin(call);
    await_step(&steps, |step| matches!(step, What::Answered { .. }));
    platform.terminate();
    platform.await_line("stopping");
    assert_eq!(platform.get("/readyz").0, 503);
    let refused = platform.place(short(&platform));
    assert_eq!(refused.status, 503, "{refused:?}");
    hang_up.now();
    assert_eq!(caller.join().expect("the caller").status, 200);
    assert!(platform.await_end().success());
    let calls = platform.await_calls(1);
    assert_eq!(calls[0].record.cause, Cause::HangUp);
    assert_eq!(platform.findings(), []);
}

#[test]
fn fault_f2_who_is_still_up_at_a_second_signal_is_ended_on_both_sides_and_billed() {
    let (world, told) = carrier(&[(PHONE, answers(880))]);
    let mut platform = Platform::start(Setup::new("f2-stragglers", world.local(), vec![acme(&[PHONE])]));
    let mut call = platform.call(number(), "13800138000");
    call.hold_for = Duration::from_secs(600);
    // A key pressed in the talk says that the notice is over.
    (call.press, call.press_after) = (vec![Press::Key(b'1')], Duration::from_secs(4));
    let (caller, steps, _) = begin(call);
    await_step(&steps, |step| matches!(step, What::DigitSent { .. }));
    platform.terminate();
    platform.await_line("stopping");
    assert!(!caller.is_finished(), "the first signal lets it go on");
    platform.terminate();
    platform.await_line("calls that are still up are ended");
    let outcome = caller.join().expect("the caller");
    assert_eq!((outcome.status, outcome.ended_by), (200, EndedBy::FarEnd), "{outcome:?}");
    let released = told.iter().find(|event| matches!(event, WorldEvent::Released { .. }));
    assert!(released.is_some(), "the phone got a BYE");
    assert!(platform.await_end().success());
    // All of it was settled before the end: nothing is left for another start.
    let calls = platform.await_calls(1);
    let record = &calls[0].record;
    assert_eq!((record.cause, record.ended_by), (Cause::NodeStopped, Party::Platform));
    assert!(record.sale_ms >= 4_000 && record.sale_ms == record.talk_ms, "billed to its end: {record:?}");
    assert_eq!(calls[0].charges.iter().filter(|charge| charge.kind == ChargeKind::Sale).count(), 1);
    assert_eq!(platform.findings(), []);
}

#[test]
fn fault_f2_at_the_limit_of_the_drain_calls_are_ended_too() {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let mut setup = Setup::new("f2-limit", world.local(), vec![acme(&[PHONE])]);
    setup.drain_s_max = 1;
    let mut platform = Platform::start(setup);
    let mut call = platform.call(number(), "13800138000");
    call.hold_for = Duration::from_secs(600);
    let (caller, steps, _) = begin(call);
    await_step(&steps, |step| matches!(step, What::Answered { .. }));
    platform.terminate();
    assert_eq!(caller.join().expect("the caller").ended_by, EndedBy::FarEnd);
    assert!(platform.await_end().success());
    assert_eq!(platform.await_calls(1)[0].record.cause, Cause::NodeStopped);
    assert_eq!(platform.findings(), []);
}

#[test]
fn fault_f3_with_the_database_away_calls_go_on_and_none_is_lost() {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let database = Postgres::start();
    let mut setup = Setup::new("f3", world.local(), vec![acme(&[PHONE])]);
    setup.database_url = Some(database.url());
    let platform = Platform::start(setup);
    assert_eq!(platform.place(short(&platform)).status, 200);
    platform.await_calls(1);
    database.stop();
    for _ in 0..3 {
        assert_eq!(platform.place(short(&platform)).status, 200);
    }
    eventually("the word that it is away", || (platform.figure("sibai_database_away") == 1).then_some(()));
    let (status, page) = platform.get("/readyz");
    assert!(status == 200 && page.contains("database: away, read-only"), "{status} {page}");
    eventually("three calls that wait", || (platform.figure("sibai_unsettled") >= 3).then_some(()));
    database.go_on();
    let calls = platform.await_calls(4);
    assert!(calls.iter().all(|call| call.record.cause == Cause::HangUp));
    eventually("nothing left to settle", || (platform.figure("sibai_unsettled") == 0).then_some(()));
    assert_eq!(platform.findings(), []);
}

#[test]
fn fault_f3_killed_with_the_database_away_none_is_lost_either() {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let database = Postgres::start();
    let mut setup = Setup::new("f3-killed", world.local(), vec![acme(&[PHONE])]);
    setup.database_url = Some(database.url());
    let mut platform = Platform::start(setup);
    assert_eq!(platform.place(short(&platform)).status, 200);
    platform.await_calls(1);
    database.stop();
    assert_eq!(platform.place(short(&platform)).status, 200);
    assert_eq!(platform.place(short(&platform)).status, 200);
    platform.kill();
    database.go_on();
    platform.restart();
    let calls = platform.await_calls(3);
    assert!(calls.iter().all(|call| call.charges.iter().any(|charge| charge.kind == ChargeKind::Sale)));
    assert_eq!(platform.findings(), []);
}

#[test]
fn b06_a_months_calls_are_counted_the_same_after_kill_9() {
    // Slow enough to give up before it answers.
    let phone = Behaviour::Answers { ring_ms: (1_500, 1_500), talk_ms: None, says: Says::Silence };
    let (world, _told) = carrier(&[(PHONE, phone)]);
    let mut enterprise = acme(&[PHONE]);
    enterprise.numbers[0].recording.enabled = false;
    enterprise.numbers[0].block = vec![hotline::enterprise::BlockEntry::of("13900000000")];
    enterprise.numbers[0].limits.count_unanswered = true;
    enterprise.numbers[0].limits.month_calls_cap = Some(4);
    let mut platform = Platform::start(Setup::new("b06", world.local(), vec![enterprise]));
    // Two that are barred do not count; one that was given up and one that was answered do.
    for _ in 0..2 {
        assert_eq!(platform.place(platform.call(number(), "13900000000")).status, 603);
    }
    let (caller, steps, give_up) = begin(short(&platform));
    await_step(&steps, |step| matches!(step, What::Provisional { status: 180.., .. }));
    give_up.now();
    assert_eq!(caller.join().expect("the caller").status, 487);
    assert_eq!(platform.place(short(&platform)).status, 200);
    platform.await_calls(4);
    platform.kill();
    platform.restart();
    // So two more go through and no third.
    for status in [200, 200, 480] {
        assert_eq!(platform.place(short(&platform)).status, status);
    }
    let calls = platform.await_calls(7);
    assert_eq!(calls[6].record.cause, Cause::MonthCallCap);
    assert_eq!(platform.findings(), []);
}

#[test]
fn fault_n7_the_days_legs_are_counted_over_kill_9_and_an_hour_of_too_many_is_told() {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let mut enterprise = acme(&[PHONE]);
    enterprise.limits.outgoing_per_day_max = Some(2);
    enterprise.alarm.outgoing_per_hour = 1;
    let mut platform = Platform::start(Setup::new("fault-n7", world.local(), vec![enterprise]));
    for count in 1..=2 {
        assert_eq!(platform.place(short(&platform)).status, 200);
        platform.await_calls(count);
    }
    // A document that changed is looked at soon.
    assert_eq!(platform.run(&["alerts", "freeze", "acme"]).0, Some(0));
    let alert = eventually("the alert", || {
        let (_, alerts) = platform.run(&["alerts", "list", "acme"]);
        let of = |alert: &&serde_json::Value| alert["kind"] == "hour_outgoing";
        alerts.as_array().into_iter().flatten().find(of).cloned()
    });
    assert_eq!((&alert["used"], &alert["allowed"]), (&"2".into(), &"1".into()), "{alert}");
    assert_eq!(platform.run(&["alerts", "unfreeze", "acme"]).0, Some(0));
    platform.kill();
    platform.restart();
    assert_eq!(platform.place(short(&platform)).status, 486, "the day's legs are gone");
    let record = platform.await_calls(3).remove(2).record;
    assert_eq!((record.cause, record.legs.len()), (Cause::AllBusy, 0));
    assert_eq!(platform.figure("sibai_outgoing_refused_total"), 1);
    assert_eq!(platform.verify()["findings"], serde_json::json!([]));
}

#[test]
fn fault_f3_a_start_without_copies_waits_for_a_database_that_is_away() {
    let database = Postgres::start();
    a_start_waits("f3-cold", &database, database.url());
}

#[test]
fn fault_f3_a_start_without_copies_waits_for_a_database_that_breaks_its_connections() {
    let database = Postgres::start();
    let wire = Wire::to(database.socket());
    a_start_waits("f3-cold-wire", &database, wire.url());
}

fn a_start_waits(name: &'static str, database: &Postgres, url: String) {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let mut setup = Setup::new(name, world.local(), vec![acme(&[PHONE])]);
    setup.database_url = Some(url);
    let mut platform = Platform::start(setup);
    assert_eq!(platform.place(short(&platform)).status, 200);
    platform.await_calls(1);
    platform.kill();
    database.stop();
    forget_copies(&platform);
    platform.begin();
    platform.await_line("the database is away; calls are taken once it is there");
    assert_eq!(platform.get("/healthz").0, 200);
    let (status, page) = platform.get("/readyz");
    assert!(status == 503 && page.contains("database: awaited"), "{status} {page}");
    assert_eq!(platform.figure("sibai_database_away"), 1);
    database.go_on();
    platform.await_ready();
    assert_eq!(platform.figure("sibai_database_away"), 0);
    assert_eq!(platform.place(short(&platform)).status, 200);
    platform.await_calls(2);
    assert_eq!(platform.findings(), []);
}

/// As on a machine where the platform never ran.
fn forget_copies(platform: &Platform) {
    std::fs::remove_dir_all(platform.data_dir().join("copies")).expect("there were copies");
}

#[test]
fn fault_f3_a_start_with_the_database_away_takes_calls_by_its_copies() {
    let database = Postgres::start();
    by_copies("f3-copies", &database, database.url());
}

#[test]
fn fault_f3_so_does_one_whose_database_breaks_its_connections() {
    let database = Postgres::start();
    let wire = Wire::to(database.socket());
    by_copies("f3-copies-wire", &database, wire.url());
}

fn by_copies(name: &'static str, database: &Postgres, url: String) {
    let (world, told) = carrier(&[(PHONE, answers(880))]);
    let mut setup = Setup::new(name, world.local(), vec![acme(&[PHONE])]);
    setup.database_url = Some(url);
    let mut platform = Platform::start(setup);
    for _ in 0..2 {
        assert_eq!(platform.place(short(&platform)).status, 200);
    }
    platform.await_calls(2);
    database.stop();
    // One that only the journal has, and one that is up when the process dies.
    assert_eq!(platform.place(short(&platform)).status, 200);
    let mut call = platform.call(number(), "13800138000");
    call.hold_for = Duration::from_secs(600);
    let (caller, steps, _) = begin(call);
    await_step(&steps, |step| matches!(step, What::Answered { .. }));
    platform.kill();
    platform.restart();
    platform_is_read_only(&platform);
    assert_eq!(caller.join().expect("the caller").ended_by, EndedBy::FarEnd);
    for _ in 0..2 {
        let outcome = platform.place(short(&platform));
        assert_eq!((outcome.status, outcome.ended_by), (200, EndedBy::Us), "{outcome:?}");
    }
    // Dead once more, and still no database: the calls of both lives are in the journal.
    platform.kill();
    platform.restart();
    platform_is_read_only(&platform);
    assert_eq!(platform.place(short(&platform)).status, 200);
    database.go_on();
    platform.await_line("the database answers; what it says is in force");
    let calls = platform.await_calls(7);
    let causes: Vec<Cause> = calls.iter().map(|call| call.record.cause).collect();
    let mut wanted = vec![Cause::HangUp; 7];
    wanted[3] = Cause::NodeLost;
    assert_eq!(causes, wanted);
    for call in &calls {
        let sales = call.charges.iter().filter(|charge| charge.kind == ChargeKind::Sale).count();
        assert_eq!(sales, 1, "{:?}", call.record);
    }
    eventually("nothing left to settle", || (platform.figure("sibai_unsettled") == 0).then_some(()));
    eventually("the word that it is there", || (platform.figure("sibai_database_away") == 0).then_some(()));
    let (status, page) = platform.get("/readyz");
    assert!(status == 200 && page.contains("database: ok"), "{status} {page}");
    assert_eq!(told.try_iter().filter(|event| matches!(event, WorldEvent::Called { .. })).count(), 7);
    assert_eq!(platform.findings(), []);
    // What was settled stays settled at an ordinary start too.
    platform.kill();
    platform.restart();
    assert_eq!(platform.place(short(&platform)).status, 200);
    platform.await_calls(8);
    assert_eq!(platform.findings(), []);
}

fn platform_is_read_only(platform: &Platform) {
    let (status, page) = platform.get("/readyz");
    assert!(status == 200 && page.contains("database: away, read-only"), "{status} {page}");
    assert_eq!(platform.figure("sibai_database_away"), 1);
}

#[test]
fn fault_f3_what_changed_in_a_database_that_was_away_at_the_start_is_in_force_once_it_is_back() {
    const OTHER: &str = "01062345602";
    let (world, told) = carrier(&[(PHONE, answers(880)), (OTHER, answers(880))]);
    let database = Postgres::start();
    let mut setup = Setup::new("f3-edited", world.local(), vec![acme(&[PHONE])]);
    setup.database_url = Some(database.url());
    let mut platform = Platform::start(setup);
    assert_eq!(platform.place(short(&platform)).status, 200);
    platform.await_calls(1);
    platform.kill();
    // While the node was down its number was given another phone, by somebody with the database alone.
    let change = Change { by: "test".into(), at: Wall(1_790_000_000_000) };
    platform.with_store(async |store| {
        let put = store.put_enterprise(&acme(&[OTHER]), 1, &change).await.expect("stored");
        assert!(matches!(put, Put::Stored { version: 2, .. }), "{put:?}");
    });
    database.stop();
    platform.restart();
    assert_eq!(platform.place(short(&platform)).status, 200);
    database.go_on();
    platform.await_line("the database answers; what it says is in force");
    assert_eq!(platform.place(short(&platform)).status, 200);
    let rung: Vec<String> = told
        .try_iter()
        .filter_map(|event| match event {
            WorldEvent::Called { number, .. } => Some(number),
            _ => None,
        })
        .collect();
    assert_eq!(rung, [PHONE, PHONE, OTHER], "by the copy while it was away, by the database since");
    platform.await_calls(3);
    assert_eq!(platform.findings(), []);
}

#[test]
fn fault_f3_by_its_copies_a_start_refuses_who_has_to_pay_ahead_until_the_database_is_back() {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let database = Postgres::start();
    let mut enterprise = acme(&[PHONE]);
    enterprise.account = AccountKind::Prepaid;
    let paid = vec![(enterprise.id.clone(), 1_000_000)];
    let mut setup = Setup { paid, ..Setup::new("f3-prepaid", world.local(), vec![enterprise]) };
    setup.database_url = Some(database.url());
    let mut platform = Platform::start(setup);
    assert_eq!(platform.place(short(&platform)).status, 200);
    platform.await_calls(1);
    platform.kill();
    database.stop();
    platform.restart();
    let refused = platform.place(short(&platform));
    assert_eq!(refused.status, 503, "{refused:?}");
    database.go_on();
    platform.await_line("the database answers; what it says is in force");
    assert_eq!(platform.place(short(&platform)).status, 200);
    let calls = platform.await_calls(3);
    assert_eq!(calls[1].record.cause, Cause::NoCapacity);
    assert_eq!(platform.findings(), []);
}

#[test]
fn fault_f3_by_its_copies_a_node_goes_on_beside_a_database_that_is_not_ours() {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let database = Postgres::start();
    let mut setup = Setup::new("f3-foreign", world.local(), vec![acme(&[PHONE])]);
    setup.database_url = Some(database.url());
    let mut platform = Platform::start(setup);
    database.run_sql("update schema_version set checksum = checksum + 1 where version = 3");
    platform.kill();
    database.stop();
    platform.restart();
    assert_eq!(platform.place(short(&platform)).status, 200);
    database.go_on();
    // For a person; nothing is written there meanwhile.
    platform.await_line("the database cannot be used");
    assert_eq!(platform.place(short(&platform)).status, 200);
    platform_is_read_only(&platform);
    platform.await_calls(0);
    database.run_sql("update schema_version set checksum = checksum - 1 where version = 3");
    platform.await_line("the database answers; what it says is in force");
    platform.await_calls(2);
    assert_eq!(platform.findings(), []);
}

#[test]
fn fault_f3_a_signal_ends_a_start_that_waits() {
    let (world, _told) = carrier(&[]);
    let database = Postgres::start();
    let mut setup = Setup::new("f3-signal", world.local(), Vec::new());
    setup.database_url = Some(database.url());
    let mut platform = Platform::start(setup);
    platform.kill();
    database.stop();
    forget_copies(&platform);
    platform.begin();
    platform.await_line("the database is away; calls are taken once it is there");
    platform.terminate();
    platform.await_end();
}

#[test]
fn fault_f3_a_database_that_refuses_ends_the_start_at_once() {
    let (world, _told) = carrier(&[]);
    let database = Postgres::start();
    let mut setup = Setup::new("f3-refused", world.local(), Vec::new());
    setup.database_url = Some(database.url());
    let mut platform = Platform::start(setup);
    platform.kill();
    let refused = [
        (database.url_of_a_stranger(), "role \"stranger\" does not exist"),
        ("postgres://postgres@localhost:port/postgres".to_owned(), "port"),
        ("mysql://localhost/sibai".to_owned(), "write sqlite:PATH or postgres://user@host/name"),
    ];
    for (url, said) in refused {
        platform.begin_with(&url);
        assert!(!platform.await_end().success(), "{url}");
        platform.await_line(said);
    }
    database.run_sql("update schema_version set checksum = checksum + 1 where version = 3");
    platform.begin_with(&database.url());
    assert!(!platform.await_end().success());
    platform.await_line("migrations are never edited");
}

#[test]
fn a_call_that_the_database_refuses_for_good_stops_no_other_and_is_not_lost() {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let database = Postgres::start();
    let mut setup = Setup::new("set-aside", world.local(), vec![acme(&[PHONE])]);
    setup.database_url = Some(database.url());
    let mut platform = Platform::start(setup);
    database.run_sql("alter table call add constraint refused check (caller <> '13900000000')");
    let mut refused = short(&platform);
    refused.from = "13900000000".into();
    assert_eq!(platform.place(refused).status, 200);
    for _ in 0..2 {
        assert_eq!(platform.place(short(&platform)).status, 200);
    }
    eventually("nothing left to settle", || (platform.figure("sibai_unsettled") == 0).then_some(()));
    platform.await_calls(2);
    assert_eq!(platform.figure("sibai_calls_set_aside"), 1);
    let folder = platform.data_dir().join("set_aside");
    let files = || std::fs::read_dir(&folder).expect("a folder").count();
    assert_eq!(files(), 1);
    // Still refused at the next start, it stays; when what stood against it is gone, it is taken.
    platform.kill();
    platform.restart();
    assert_eq!(platform.place(short(&platform)).status, 200);
    platform.await_calls(3);
    assert_eq!((platform.figure("sibai_calls_set_aside"), files()), (1, 1));
    database.run_sql("alter table call drop constraint refused");
    platform.kill();
    platform.restart();
    let calls = platform.await_calls(4);
    assert!(calls.iter().all(|call| call.charges.iter().any(|charge| charge.kind == ChargeKind::Sale)));
    eventually("nothing set aside", || (platform.figure("sibai_calls_set_aside") == 0).then_some(()));
    assert_eq!(files(), 0);
    assert_eq!(platform.findings(), []);
}

/// Limits the size of files the process may write: every write to the journal fails while it is 0.
fn limit_files(platform: &Platform, bytes: &str) {
    let pid = platform.pid().to_string();
    let limit = format!("--fsize={bytes}:unlimited");
    let set = Command::new("prlimit").args(["--pid", &pid, &limit]).status().expect("prlimit(1)");
    assert!(set.success());
}

#[test]
fn fault_f4_without_its_journal_no_call_is_answered() {
    let (world, told) = carrier(&[(PHONE, answers(880))]);
    let platform = Platform::start(Setup::new("f4", world.local(), vec![acme(&[PHONE])]));
    assert_eq!(platform.place(short(&platform)).status, 200);
    platform.await_calls(1);
    limit_files(&platform, "0");
    let refused = platform.place(short(&platform));
    assert_eq!(refused.status, 503, "{refused:?}");
    let called = told.try_iter().filter(|event| matches!(event, WorldEvent::Called { .. })).count();
    assert_eq!(called, 1, "nobody was rung for the second call");
    assert_eq!(platform.get("/readyz").0, 503);
    limit_files(&platform, "unlimited");
    eventually("an answered call", || (platform.place(short(&platform)).status == 200).then_some(()));
    assert!(platform.figure("sibai_journal_failures_total") > 0);
    assert_eq!(platform.findings(), []);
}

#[test]
fn fault_f6_a_commit_whose_answer_was_lost_is_read_back_and_not_repeated() {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let database = Postgres::start();
    let wire = Wire::to(database.socket());
    let mut setup = Setup::new("f6", world.local(), vec![acme(&[PHONE])]);
    setup.database_url = Some(wire.url());
    let platform = Platform::start(setup);
    wire.lose_next_commit_of_calls();
    assert_eq!(platform.place(short(&platform)).status, 200);
    eventually("a lost answer", || (wire.lost() == 1).then_some(()));
    eventually("nothing left to settle", || (platform.figure("sibai_unsettled") == 0).then_some(()));
    assert!(platform.figure("sibai_store_failures_total") >= 1);
    assert_eq!(platform.figure("sibai_store_calls_total"), 0, "it was found there, not written again");
    platform.await_calls(1);
    assert_eq!(platform.findings(), []);
}
