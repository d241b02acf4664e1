//! `sibai prompt` as people use it: the real binary, files of all kinds, refusals by code (rows I02, K09, FAULTS P5).

use std::path::{Path, PathBuf};
use std::process::Command;

use media::measure::sine;
use media::wav::{Coding, Wav};
use serde_json::Value;

/// A directory of one test, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("sibai-prompts-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        let dir = Dir(path);
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/huaxin.yaml");
        dir.done(&["import", &example.display().to_string(), "--apply"]);
        dir
    }

    fn file(&self, name: &str, octets: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, octets).expect("written");
        path.display().to_string()
    }

    fn run(&self, words: &[&str]) -> (i32, Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sibai"));
        command.args(words).args(["--data", "data", "--json", "--by", "tester"]).current_dir(&self.0);
        let output = command.output().expect("the binary runs");
        let value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{words:?}: {output:?}"));
        (output.status.code().expect("an exit code"), value)
    }

    fn done(&self, words: &[&str]) -> Value {
        let (code, value) = self.run(words);
        assert_eq!(code, 0, "{words:?}: {value}");
        value
    }

    /// Exit code, code of the refusal, and that of what is wrong with the file.
    fn refused(&self, words: &[&str]) -> (i32, String, String) {
        let (code, value) = self.run(words);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (code, text(&value["error"]["code"]), text(&value["error"]["problems"][0]["code"]))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn fixture(name: &str) -> String {
    let path = format!("../media/tests/data/{name}");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

fn wav(seconds: usize) -> Vec<u8> {
    Wav::mono(16_000, sine(16_000, 440.0, 9_000.0, 16_000 * seconds)).to_bytes(Coding::Pcm16)
}

#[test]
fn i02_k09_a_file_becomes_a_version_that_is_reviewed_and_kept() {
    let dir = Dir::new("versions");
    for (version, name) in [(1, "tone.mp3"), (2, "tone.ogg"), (3, "opus.ogg")] {
        let words = ["prompt", "add", "huaxin", "greeting", &fixture(name), "--words", "您好"];
        let made = dir.done(&words);
        assert_eq!((made["version"].as_u64(), made["state"].as_str()), (Some(version), Some("draft")));
        assert!(made["duration_ms"].as_u64().is_some_and(|ms| (950..1_150).contains(&ms)), "{made}");
    }
    fn review<'t>(rest: &[&'t str]) -> Vec<&'t str> {
        [&["prompt", "review", "huaxin", "greeting"], rest].concat()
    }
    assert_eq!(dir.refused(&review(&["--approve"])).1, "prompt_state", "a draft is judged by nobody");
    dir.done(&["prompt", "submit", "huaxin", "greeting", "--version", "2"]);
    dir.done(&review(&["--approve", "--version", "2"]));
    dir.done(&["prompt", "submit", "huaxin", "greeting"]);
    assert_eq!(dir.run(&review(&["--reject", "--reason", " "])).0, 2, "a rejection has its reason");
    dir.done(&review(&["--reject", "--reason", "太短"]));
    let all = dir.done(&["prompt", "list", "huaxin"]);
    let rows = all.as_array().expect("a list");
    let told: Vec<_> = rows.iter().map(|one| (one["format"].as_str(), one["heard"].as_bool())).collect();
    assert_eq!(told, [(Some("opus"), Some(false)), (Some("vorbis"), Some(true)), (Some("mp3"), Some(false))]);
    assert_eq!(rows[0]["reason"], "太短");
    let out = dir.0.join("out.wav").display().to_string();
    dir.done(&["prompt", "play-to-file", "huaxin", "greeting", &out, "--version", "2"]);
    let played = std::fs::read(&out).expect("a file");
    assert_eq!(media::Prompt::from_wav(&played).expect("a prompt").duration_ms(), rows[1]["duration_ms"]);
    dir.done(&["prompt", "play-to-file", "huaxin", "hold_music", &out]);
    assert_eq!(std::fs::read(&out).expect("a file"), media::prompts::file("hold_music").expect("shipped"));
    let audit = dir.done(&["audit", "huaxin"]);
    assert!(audit.to_string().contains("review_prompt"), "{audit}");
    assert_eq!(dir.refused(&["prompt", "show", "huaxin", "nothing"]).0, 4);
    assert_eq!(dir.refused(&["prompt", "add", "nobody", "greeting", &fixture("tone.mp3")]).0, 4);
}

#[test]
fn k09_banned_words_are_heard_only_with_a_reason() {
    let dir = Dir::new("banned");
    let words = [
        "prompt",
        "add",
        "huaxin",
        "offer",
        &fixture("tone.mp3"),
        "--words",
        "全国 第一，稳赚不赔",
        "--submit",
    ];
    let made = dir.done(&words);
    assert_eq!(made["banned"].as_array().map(Vec::len), Some(2), "{made}");
    let review = ["prompt", "review", "huaxin", "offer", "--approve"];
    assert_eq!(dir.refused(&review), (1, "banned_word".into(), "banned_word".into()));
    let told = dir.done(&[&review[..], &["--reason", "引用获奖证书原文"]].concat());
    assert_eq!(told["state"], "approved");
}

#[test]
fn fault_p5_hostile_files_are_refused_by_name_and_leave_nothing() {
    let dir = Dir::new("hostile");
    let good = wav(1);
    let mut claims = good[..44].to_vec();
    claims[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    let files: [(&str, Vec<u8>, &str); 7] = [
        ("empty.wav", Vec::new(), "empty"),
        ("claims_4_gb.wav", claims, "wav_not_read"),
        ("cut_off.wav", good[..good.len() / 2].to_vec(), "cut_off"),
        ("large.wav", vec![0; (20 << 20) + 1], "too_large"),
        ("program.wav", b"\x7FELF no sound".to_vec(), "unknown_format"),
        ("silence.wav", Wav::mono(8_000, vec![0; 8_000]).to_bytes(Coding::Pcm16), "silent"),
        ("long.wav", Wav::mono(8_000, vec![900; 8_000 * 601]).to_bytes(Coding::Pcm16), "too_long"),
    ];
    for (name, octets, code) in files {
        let path = dir.file(name, &octets);
        let refused = dir.refused(&["prompt", "add", "huaxin", "greeting", &path]);
        assert_eq!(refused, (1, "sound_file".into(), code.into()), "{name}");
    }
    let path = dir.0.display().to_string();
    assert_eq!(dir.refused(&["prompt", "add", "huaxin", "greeting", &path]).1, "file", "a directory");
    assert_eq!(dir.refused(&["prompt", "add", "huaxin", "greeting", "/dev/zero"]).1, "file", "endless");
    let path = dir.file("good.wav", &good);
    for name in ["", "../greeting", "a/b", "two words", "\u{202e}x", &"x".repeat(49)] {
        assert_eq!(dir.run(&["prompt", "add", "huaxin", name, &path]).0, 2, "{name:?}");
    }
    assert_eq!(dir.done(&["prompt", "list", "huaxin"]), Value::Array(Vec::new()));
    assert!(!dir.0.join("data/prompts").exists(), "no file was kept");
    dir.done(&["prompt", "add", "huaxin", "问候语-1", &path]);
}
