//! An enterprise's own prompts, from the file to the caller's ear, by the real process (rows I02, K09).

use std::path::{Path, PathBuf};

use e2e::{Platform, Setup, acme, carrier, number};
use farend::Sound;
use hotline::enterprise::{Then, to_yaml};
use media::measure::sine;
use media::wav::{Coding, Wav};
use serde_json::Value;

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
