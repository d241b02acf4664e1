//! Recordings of the real process: heard over the API with ranges and a line in the audit, held, and sealed so that neither the disk
//! alone nor anybody without the enterprise's key reads them (rows V02, V12, V13; FAULTS P4).

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::{Platform, Setup, Visitor, acme, answers, carrier, eventually, number, signed_in};
use farend::Says;
use farend::call::parse_press;
use farend::world::World;
use hotline::consent::{Choice, Consent};
use hotline::enterprise::Recording;
use media::measure::tone;
use media::wav::Wav;
use serde_json::{Value, json};

const PHONE: &str = "01062345601";

/// A platform on which one call was recorded: the caller said 440 Hz, the phone 880. It is up for `s` seconds. Gives the recording's id.
fn recorded(name: &'static str, more: String, s: u64) -> (World, Platform, String) {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let setup = Setup { more, ..Setup::new(name, world.local(), vec![acme(&[PHONE])]) };
    let platform = Platform::start(setup);
    let mut call = platform.call(number(), "13800138000");
    (call.says, call.hold_for) = (Says::Tone { hz: 440 }, Duration::from_secs(s));
    let outcome = platform.place(call);
    assert_eq!(outcome.status, 200, "{outcome:?}");
    let recording = platform.await_calls(1)[0].record.recording.expect("it was recorded");
    eventually("the recording's row", || {
        platform.with_store(async |store| store.recording(recording).await.expect("read"))
    });
    (world, platform, recording.to_string())
}

fn assert_heard(sound: &[u8]) {
    let wav = Wav::parse(sound, 16 << 20).expect("a WAV");
    for (channel, theirs, others) in [(0, 440.0, 880.0), (1, 880.0, 440.0)] {
        let samples = &wav.channels[channel];
        let (said, leaked) = (tone(samples, wav.rate, theirs), tone(samples, wav.rate, others));
        assert!(said > 1_000.0 && leaked < said / 30.0, "channel {channel}: {said} against {leaked}");
    }
}

fn ticket(visitor: &Visitor, recording: &str, how: &str) -> e2e::Answer {
    let path = format!("/api/v1/enterprises/acme/recordings/{recording}/ticket");
    visitor.ask("POST", &path, Some(&json!({ "how": how })))
}

#[test]
fn v02_v13_fault_p4_a_recording_is_heard_by_ranges_and_the_audit_knows() {
    let (_world, platform, recording) = recorded("recordings-heard", String::new(), 8);
    let supervisor = signed_in(&platform, "acme", "ma", "supervisor");
    let listed = supervisor.ask("GET", "/api/v1/enterprises/acme/recordings?caller=13800138000", None).body;
    assert_eq!((&listed[0]["recording"], &listed[1]), (&json!(recording), &json!(null)), "{listed}");
    let kept_by = listed[0]["kept_by"].as_str().expect("policies");
    for policy in ["provider ", "three_months_free ", "ten_working_days "] {
        assert!(kept_by.contains(policy), "{kept_by}");
    }
    let none = supervisor.ask("GET", "/api/v1/enterprises/acme/recordings?caller=13900139000", None).body;
    assert_eq!(none, json!([]));

    let given = ticket(&supervisor, &recording, "listen").body;
    let (path, bytes) = (given["path"].as_str().expect("a path"), given["bytes"].as_u64().expect("a size"));
    let (status, head, whole) = supervisor.fetch(path, "");
    assert_eq!((status, whole.len() as u64), (200, bytes));
    assert_heard(&whole);
    let head = head.to_lowercase();
    assert!(head.contains("accept-ranges: bytes") && head.contains("content-type: audio/wav"), "{head}");
    let name = given["name"].as_str().expect("a name");
    assert!(head.contains(&format!("inline; filename=\"{name}\"")), "{head}");
    assert!(name.ends_with(&format!("_{}_13800138000.wav", number())), "{name}");
    let middle = bytes / 2;
    let mut joined = Vec::new();
    for range in [format!("bytes=0-{}", middle - 1), format!("bytes={middle}-")] {
        let (status, head, part) = supervisor.fetch(path, &format!("Range: {range}\r\n"));
        assert_eq!(status, 206, "{head}");
        assert!(head.to_lowercase().contains(&format!("/{bytes}")), "{head}");
        joined.extend(part);
    }
    assert_eq!(joined, whole);
    let (status, head, _) = supervisor.fetch(path, &format!("Range: bytes={bytes}-\r\n"));
    assert!(status == 416 && head.to_lowercase().contains(&format!("bytes */{bytes}")), "{head}");

    let auditor = signed_in(&platform, "acme", "ren", "auditor");
    assert_eq!(auditor.fetch(path, "").0, 404, "a ticket is its session's alone");
    let (bare, _) = path.split_once('?').expect("a ticket");
    for path in [
        format!("{bare}?ticket=x"),
        bare.replace(&recording, "..%2F..%2Fsibai.db"),
        format!("{bare}?ticket="),
    ] {
        assert!([400, 404].contains(&supervisor.fetch(&path, "").0), "{path}");
    }
    let saved = platform.data_dir().join("saved.wav");
    let words = ["recording", "save", "acme", &recording, saved.to_str().expect("a path")];
    assert_eq!(platform.run(&words).0, Some(0));
    assert_eq!(fs::read(&saved).expect("saved"), whole);
    assert_ne!(platform.run(&words).0, Some(0), "what is there is not overwritten");
    ticket(&supervisor, &recording, "download");
    let audit = auditor.ask("GET", "/api/v1/enterprises/acme/audit", None).body.to_string();
    assert_eq!(audit.matches("\"listen_recording\"").count(), 1, "{audit}");
    assert_eq!(audit.matches("\"download_recording\"").count(), 2, "{audit}");

    let hold = format!("/api/v1/enterprises/acme/recordings/{recording}/hold");
    assert_eq!(auditor.ask("PUT", &hold, Some(&json!({"reason": " "}))).status, 422, "why?");
    let held = auditor.ask("PUT", &hold, Some(&json!({"reason": "诉讼 2026-017"}))).body;
    assert_eq!(
        (&held["held"][0]["reason"], &held["held"][0]["by"]),
        (&json!("诉讼 2026-017"), &json!("ren"))
    );
    let listed = supervisor.ask("GET", "/api/v1/enterprises/acme/recordings?held=true", None).body;
    assert_eq!(listed[0]["recording"], json!(recording));
    assert_eq!(auditor.ask("DELETE", &hold, None).body["held"], json!([]));
    assert_eq!(auditor.ask("DELETE", &hold, None).status, 404, "once");

    let path = format!("/api/v1/enterprises/acme/recordings/{recording}/evidence");
    let proof = auditor.ask("GET", &path, None).body;
    let happened = proof["events"].as_array().expect("events").iter().map(|event| event["what"].clone());
    let wanted = ["recorded", "listened", "downloaded", "downloaded", "held", "released"];
    assert_eq!((json!(happened.collect::<Vec<_>>()), &proof["broken_at"]), (json!(wanted), &json!(null)));
    let began = proof["events"][0]["detail"].as_str().expect("a detail");
    let began: Value = serde_json::from_str(began).expect("JSON");
    let sum = ring::digest::digest(&ring::digest::SHA256, &whole);
    let sum: String = sum.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!((&began["sha256"], &began["notice"]), (&json!(sum), &json!("recording_notice")));
    let call = &platform.await_calls(1)[0].record;
    let ended_at = began["notice_ended_at"].as_i64().expect("when the notice ended");
    assert!((call.answered_at.expect("answered").0..call.ended_at.0).contains(&ended_at), "{began}");
    assert_eq!(platform.verify()["findings"], json!([]));

    let range = json!({"since_ms": call.started_at.0, "until_ms": call.started_at.0 + 1});
    let wrong = json!({"since_ms": 5, "until_ms": 5});
    assert_eq!(supervisor.ask("POST", "/api/v1/enterprises/acme/exports", Some(&wrong)).status, 422);
    let asked = supervisor.ask("POST", "/api/v1/enterprises/acme/exports", Some(&range)).body;
    let export = asked["export"].as_str().expect("an export");
    eventually("the archive", || {
        let exports = supervisor.ask("GET", "/api/v1/enterprises/acme/exports", None).body;
        (exports[0]["state"] == "done").then_some(())
    });
    let path = format!("/api/v1/enterprises/acme/exports/{export}/file");
    let (status, head, archive) = supervisor.fetch(&path, "");
    assert!(status == 200 && head.contains("application/zip"), "{head}");
    assert_eq!(auditor.fetch(&path.replace(export, "..%2Fsibai.db"), "").0, 404);
    let unpacked = platform.data_dir().join("archive");
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).expect("an archive");
    archive.extract(&unpacked).expect("unpacked");
    let check =
        Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&unpacked).output();
    assert!(check.as_ref().is_ok_and(|check| check.status.success()), "{check:?}");
    let index = fs::read_to_string(unpacked.join("index.csv")).expect("an index");
    assert!(index.contains(&recording) && index.contains(&sum) && index.lines().count() == 2, "{index}");
    let inside = files(&unpacked.join("recordings"));
    assert_eq!((inside.len(), fs::read(&inside[0]).expect("a WAV")), (1, whole));
}

#[test]
fn v10_a_caller_says_whether_it_is_recorded_and_one_evidence_proves_it() {
    let (world, _told) = carrier(&[(PHONE, answers(880))]);
    let mut enterprise = acme(&[PHONE]);
    enterprise.numbers[0].recording = Recording::asking(true, Consent::OptIn);
    let platform = Platform::start(Setup::new("recordings-consent", world.local(), vec![enterprise]));
    let caller = |from: &str, keys: &str| {
        let mut call = platform.call(number(), from);
        call.press = parse_press(keys).expect("keys");
        // The notice takes about seven seconds, the key may take five, and what is said of it three.
        (call.says, call.hold_for) = (Says::Tone { hz: 440 }, Duration::from_secs(20));
        call
    };
    let callers = [("13800138000", "1"), ("13800138001", "12"), ("13800138002", "")];
    assert_eq!(platform.place_all(callers.map(|(from, keys)| caller(from, keys))), [200; 3]);
    let calls = platform.await_calls(3);
    let of = |caller: &str| {
        let call = calls.iter().find(|call| call.record.caller == caller);
        call.map(|call| call.record.clone()).expect("its record")
    };
    let (agreed, refused, silent) = (of("13800138000"), of("13800138001"), of("13800138002"));
    assert_eq!((refused.consent, refused.recording), (Some(Choice::Refused), None), "the last key counts");
    assert_eq!((silent.consent, silent.recording), (Some(Choice::Silent), None));
    assert!(refused.talk_ms > 0 && silent.talk_ms > 0, "they talk all the same: {refused:?} {silent:?}");
    assert_eq!(agreed.consent, Some(Choice::Agreed));
    let recording = agreed.recording.expect("it was recorded");
    eventually("the recording's row", || {
        platform.with_store(async |store| store.recording(recording).await.expect("read"))
    });
    assert_eq!(
        platform.with_store(async |store| store.recordings(None, None, 10).await.expect("read")).len(),
        1
    );
    let (_, proof) = platform.run(&["recording", "evidence", "acme", &recording.to_string()]);
    assert_eq!(
        (&proof["broken_at"], &proof["events"][0]["what"]),
        (&json!(null), &json!("recorded")),
        "{proof}"
    );
    let detail: Value =
        serde_json::from_str(proof["events"][0]["detail"].as_str().expect("a detail")).expect("JSON");
    assert_eq!((&detail["notice"], &detail["consent"]), (&json!("consent"), &json!("agreed")), "{detail}");
    let when = |field: &str| detail[field].as_i64().unwrap_or_else(|| panic!("{field}: {detail}"));
    let answered_at = agreed.answered_at.expect("answered").0;
    assert!(
        answered_at + 3_000 < when("notice_ended_at"),
        "heard to its end, though the key came early: {detail}"
    );
    assert!((when("notice_ended_at")..agreed.joined_at.expect("joined").0 + 1).contains(&when("consent_at")));
    let sound = platform.data_dir().join("agreed.wav");
    let words = ["recording", "save", "acme", &recording.to_string(), sound.to_str().expect("a path")];
    assert_eq!(platform.run(&words).0, Some(0));
    assert_heard(&fs::read(&sound).expect("saved"));
    assert_eq!(platform.verify()["findings"], json!([]));
}

/// Every file below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn v12_a_sealed_recording_is_read_with_both_keys_and_never_again_without_the_enterprises() {
    let key = std::env::temp_dir().join(format!("sibai-e2e-recording-key-{}", std::process::id()));
    fs::write(&key, "5a".repeat(32)).expect("a key");
    let keys = key.with_extension("copy");
    let sealing = format!("[recording]\nkey_file = {key:?}\nkeys_copy = {keys:?}\n");
    let (_world, platform, recording) = recorded("recordings-sealed", sealing, 14);
    let dir = platform.data_dir().join("recordings");
    let sealed = eventually("the sealed file alone", || {
        let finished: Vec<PathBuf> =
            files(&dir).into_iter().filter(|path| !path.starts_with(dir.join("segments"))).collect();
        match finished.as_slice() {
            [one] if one.to_string_lossy().ends_with(".wav.sealed") => Some(one.clone()),
            _ => None,
        }
    });
    let on_disk = fs::read(&sealed).expect("a file");
    assert!(on_disk.starts_with(b"SBSEAL01") && !on_disk.windows(4).any(|part| part == b"RIFF"));
    let owner = signed_in(&platform, "acme", "li", "owner");
    let given = ticket(&owner, &recording, "download").body;
    let path = given["path"].as_str().expect("a path");
    let (status, _, whole) = owner.fetch(path, "");
    assert_eq!(status, 200);
    assert_heard(&whole);
    let (status, _, part) = owner.fetch(path, "Range: bytes=60000-70000\r\n");
    assert_eq!(
        (status, part.as_slice()),
        (206, &whole[60_000..=70_000]),
        "across two sealed pieces and back"
    );
    assert_eq!(platform.verify()["findings"], json!([]));

    // A copy has no key; the file beside it has (row V03).
    let copy = platform.data_dir().join("copied");
    let (code, made) = platform.run(&["backup", "--recordings", "--to", copy.to_str().expect("a path")]);
    assert_eq!(code, Some(0), "{made}");
    let kept = fs::read_to_string(&keys).expect("written with the copy");
    let own = kept.lines().find(|line| line.contains(&recording)).expect("the recording's key");
    let wrapped = own.rsplit(' ').next().expect("its last word");
    let database = fs::read(copy.join("sibai.db")).expect("the copy");
    assert!(!database.windows(wrapped.len()).any(|part| part == wrapped.as_bytes()));

    let destroy = ["recording", "destroy-keys", "acme", "--yes"];
    assert_eq!(platform.run(&["recording", "hold", "acme", &recording, "--reason", "诉讼"]).0, Some(0));
    let (code, refused) = platform.run(&destroy);
    assert_eq!((code, &refused["error"]["code"]), (Some(5), &json!("held")), "{refused}");
    assert_eq!(platform.run(&["recording", "release", "acme", &recording]).0, Some(0));
    let (code, done) = platform.run(&destroy);
    assert_eq!((code, &done["keys"]), (Some(0), &json!(1)));
    let refused = ticket(&owner, &recording, "listen");
    assert_eq!((refused.status, &refused.body["code"]), (410, &json!("recording_sealed")));
    assert_eq!(owner.fetch(path, "").0, 410, "whoever began to listen does not go on");
    assert_eq!(fs::read(&sealed).expect("still there"), on_disk);
    assert_eq!(fs::read_to_string(&keys).expect("written again"), "sibai-recording-keys 1\nend 0\n");
    assert_eq!(platform.verify()["findings"], json!([]));
    let _ = fs::remove_file(key);
    let _ = fs::remove_file(keys);
}
