//! An enterprise's own prompts, from the file to the caller's ear, by the real process (rows I02, K09).

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use e2e::{Platform, Setup, acme, carrier, number, signed_in};
use farend::Sound;
use hotline::enterprise::{Then, to_yaml};
use media::measure::sine;
use media::wav::{Coding, Wav};
use serde_json::{Value, json};

/// A file of 48 kHz with a tone of so many Hz for two seconds.
fn tone_file(dir: &Path, hz: f32) -> String {
    let path: PathBuf = dir.join(format!("{hz}.wav"));
    let wav = Wav::mono(48_000, sine(48_000, hz, 3_000.0, 96_000));
    std::fs::write(&path, wav.to_bytes(Coding::Pcm16)).expect("written");
    path.display().to_string()
}

/// What a caller hears before the call is refused, as the frequency of a tone.
fn heard(platform: &Platform) -> Option<u16> {
    let outcome = platform.place(platform.call(number(), "13800138000"));
    assert!(outcome.status >= 400, "{outcome:?}");
    let near = |hz: u16| [1_000, 1_400].into_iter().find(|known| hz.abs_diff(*known) < 30);
    match outcome.media.sounds.first() {
        Some(Sound::Tone { hz }) => near(*hz),
        _ => None,
    }
}

fn done(platform: &Platform, words: &[&str]) -> Value {
    let (exit, told) = platform.run(words);
    assert_eq!(exit, Some(0), "{words:?}: {told}");
    told
}

fn refused(platform: &Platform, words: &[&str]) -> String {
    let (exit, told) = platform.run(words);
    assert_ne!(exit, Some(0), "{words:?}: {told}");
    let problem = told["error"]["problems"][0]["code"].as_str().map(str::to_owned);
    problem.unwrap_or_else(|| told["error"]["code"].as_str().expect("a code").to_owned())
}

#[test]
fn i02_k09_nothing_unreviewed_is_heard_and_what_is_approved_is_heard_by_the_next_call() {
    let (world, _told) = carrier(&[]);
    let mut enterprise = acme(&[]);
    enterprise.numbers[0].otherwise = Then::HangUp { prompt: Some("greeting".into()) };
    enterprise.numbers[0].groups.clear();
    let document = to_yaml(&enterprise).replace("Acme", "Acme Ltd");
    let mut platform = Platform::start(Setup::new("prompts", world.local(), vec![enterprise]));
    let dir = platform.data_dir();
    let text = dir.join("acme.yaml").display().to_string();
    std::fs::write(&text, document).expect("written");
    let (first, second) = (tone_file(&dir, 1_000.0), tone_file(&dir, 1_400.0));

    // A name that nobody made, and one that waits: the caller hears nothing and the call ends as it would.
    assert_eq!(heard(&platform), None);
    assert_eq!(refused(&platform, &["import", &text]), "unknown_name");
    let made = done(&platform, &["prompt", "add", "acme", "greeting", &first, "--submit"]);
    assert_eq!((made["version"].as_u64(), made["state"].as_str()), (Some(1), Some("submitted")));
    assert_eq!(heard(&platform), None);
    assert_eq!(refused(&platform, &["import", &text]), "prompt_not_reviewed");

    done(&platform, &["prompt", "review", "acme", "greeting", "--approve"]);
    assert_eq!(heard(&platform), Some(1_000), "without a restart");
    done(&platform, &["import", &text, "--apply"]);

    // The next version waits while the first is heard, and the first comes back when it is taken back.
    done(&platform, &["prompt", "add", "acme", "greeting", &second, "--submit"]);
    assert_eq!(heard(&platform), Some(1_000));
    done(&platform, &["prompt", "review", "acme", "greeting", "--approve"]);
    assert_eq!(heard(&platform), Some(1_400));
    platform.terminate();
    assert!(platform.await_end().success());
    // What a process that died was taking in is nobody's any more.
    let left = dir.join("uploads").join("half");
    std::fs::create_dir_all(dir.join("uploads"))
        .and_then(|()| std::fs::write(&left, b"RIFF"))
        .expect("written");
    platform.restart();
    assert_eq!((heard(&platform), left.exists()), (Some(1_400), false), "after a restart");
    done(&platform, &["prompt", "review", "acme", "greeting", "--reject", "--reason", "too shrill"]);
    assert_eq!(heard(&platform), Some(1_000));
    let all = done(&platform, &["prompt", "list", "acme"]);
    let rows: Vec<_> =
        all.as_array().expect("a list").iter().map(|one| (&one["state"], &one["heard"])).collect();
    assert_eq!(rows, [(&"rejected".into(), &false.into()), (&"approved".into(), &true.into())]);
}

/// From the order to the end of the call that hears it, with the notice itself, which is two seconds long.
#[test]
fn r22_a_crisis_is_heard_within_five_seconds_of_its_switch() {
    let (world, _told) = carrier(&[]);
    let mut enterprise = acme(&[]);
    enterprise.numbers[0].otherwise = Then::HangUp { prompt: Some("usual".into()) };
    enterprise.numbers[0].groups.clear();
    let platform = Platform::start(Setup::new("crisis-heard", world.local(), vec![enterprise]));
    let dir = platform.data_dir();
    for (name, hz) in [("usual", 1_000.0), ("recall", 1_400.0)] {
        done(&platform, &["prompt", "add", "acme", name, &tone_file(&dir, hz), "--submit"]);
        done(&platform, &["prompt", "review", "acme", name, "--approve"]);
    }
    let owner = signed_in(&platform, "acme", "li", "owner");
    let crisis = "/api/v1/enterprises/acme/crisis";
    let on = json!({"until_ms": 4_070_908_800_000_i64, "notice": "recall", "then": "hang_up"});
    assert_eq!(heard(&platform), Some(1_000));
    let switched = Instant::now();
    let began = owner.ask("PUT", crisis, Some(&on));
    assert_eq!((began.status, &began.body["on"]), (200, &json!(true)), "{}", began.body);
    assert_eq!(heard(&platform), Some(1_400), "the next call hears it");
    assert!(switched.elapsed() < Duration::from_secs(5), "{:?} until it was heard", switched.elapsed());
    let switched = Instant::now();
    assert_eq!(owner.ask("DELETE", crisis, None).body["on"], false);
    assert_eq!(heard(&platform), Some(1_000), "and the next one the usual again");
    assert!(switched.elapsed() < Duration::from_secs(5), "{:?} until it was over", switched.elapsed());
}

#[test]
fn i02_an_enterprise_orders_a_recording_over_the_api_and_the_staff_make_it() {
    let (world, _told) = carrier(&[]);
    let platform = Platform::start(Setup::new("orders", world.local(), vec![acme(&[])]));
    let file = tone_file(&platform.data_dir(), 1_000.0);
    let owner = signed_in(&platform, "acme", "li", "owner");
    let intake = signed_in(&platform, "provider", "wang", "intake");
    let orders = "/api/v1/enterprises/acme/prompt-orders";
    let wanted = json!({"name": "greeting", "words": "您好", "voice": "male"});
    let placed = owner.ask("POST", orders, Some(&wanted));
    assert_eq!(
        (placed.status, &placed.body["order"], &placed.body["state"]),
        (200, &json!(1), &json!("ordered"))
    );
    assert_eq!(owner.ask("POST", orders, Some(&json!({"name": "greeting", "words": " "}))).status, 422);
    let step = |whose: &e2e::Visitor, step: &str, body: Value| {
        whose.ask("POST", &format!("{orders}/1/{step}"), Some(&body))
    };
    assert_eq!(step(&owner, "take", json!({})).status, 403, "the staff take orders up");
    assert_eq!(step(&intake, "take", json!({})).body["state"], "in_work");
    let open = intake.ask("GET", "/api/v1/prompt-orders?open=true", None);
    assert_eq!((open.status, &open.body[0]["tenant"]), (200, &json!("acme")));
    assert_eq!(
        owner.ask("GET", "/api/v1/prompt-orders", None).status,
        403,
        "others' orders are not its business"
    );
    let sound = std::fs::read(&file).expect("the file just written");
    let deliver = |whose: &e2e::Visitor, order: u32, octets: &[u8]| {
        let answer = whose.hand_over(&format!("{orders}/{order}/recording"), octets);
        (answer.status, answer.body["code"].as_str().unwrap_or_default().to_owned(), answer.body)
    };
    let refused = |told: (u16, String, Value)| (told.0, told.1);
    assert_eq!(refused(deliver(&owner, 1, &sound)), (403, "forbidden".into()));
    assert_eq!(refused(deliver(&intake, 7, &sound)), (404, "not_found".into()));
    assert_eq!(refused(deliver(&intake, 1, b"no sound")), (422, "sound_file".into()));
    let (status, _, delivered) = deliver(&intake, 1, &sound);
    assert_eq!((status, &delivered["state"], &delivered["version"]), (200, &json!("delivered"), &json!(1)));
    assert_eq!(
        refused(deliver(&intake, 1, &sound)),
        (409, "prompt_state".into()),
        "it waits for the customer"
    );
    let versions = done(&platform, &["prompt", "list", "acme"]);
    assert_eq!(versions.as_array().map(Vec::len), Some(1), "what was refused is no version: {versions}");
    assert_eq!(step(&owner, "return", json!({"version": 1})).status, 422, "it needs a reason");
    assert_eq!(step(&owner, "accept", json!({})).status, 422, "which one was heard?");
    let other = step(&owner, "accept", json!({"version": 2}));
    assert_eq!((other.status, &other.body["code"]), (409, &json!("version_moved")));
    assert_eq!(step(&owner, "accept", json!({"version": 1})).body["state"], "accepted");
    assert_eq!(step(&owner, "cancel", json!({})).status, 409);
    let page = owner.ask("GET", &format!("{orders}?behind=1"), None);
    assert_eq!((page.status, page.body), (200, json!([])));
    assert_eq!(owner.ask("GET", &format!("{orders}?behind=x"), None).status, 422);
}
