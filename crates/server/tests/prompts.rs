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

    /// The exit code alone, of a command that may say no JSON.
    fn run_raw(&self, words: &[&str]) -> Option<i32> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sibai"));
        command.args(words).args(["--data", "data", "--json"]).current_dir(&self.0);
        command.output().expect("the binary runs").status.code()
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
fn i02_a_recording_is_ordered_delivered_sent_back_and_accepted() {
    let dir = Dir::new("orders");
    dir.done(&["prompt", "add", "huaxin", "greeting", &fixture("tone.mp3"), "--submit"]);
    dir.done(&["prompt", "review", "huaxin", "greeting", "--approve"]);
    let order =
        ["prompt", "order", "huaxin", "greeting", "全国第一的华信", "--voice", "female", "--note", "慢一点"];
    let ordered = dir.done(&order);
    assert_eq!(
        (&ordered["order"], &ordered["state"], &ordered["voice"]),
        (&1.into(), &"ordered".into(), &"female".into())
    );
    assert_eq!(
        ordered["banned"].as_array().map(Vec::len),
        Some(1),
        "it is told before it is recorded: {ordered}"
    );
    let of = |step: &str| dir.done(&["prompt", step, "huaxin", "1"])["state"].clone();
    let accept = |version| ["prompt", "accept", "huaxin", "1", "--version", version];
    let back = |reason| ["prompt", "return", "huaxin", "1", "--version", "2", "--reason", reason];
    assert_eq!(dir.refused(&accept("1")).1, "prompt_state", "nothing was delivered");
    assert_eq!(of("take"), "in_work");
    let deliver = ["prompt", "deliver", "huaxin", "1", &fixture("tone.ogg")];
    let delivered = dir.done(&deliver);
    assert_eq!((&delivered["state"], &delivered["version"]), (&"delivered".into(), &2.into()));
    assert_eq!(dir.refused(&deliver).1, "prompt_state", "the customer has to say what it thinks of it");
    assert_eq!(dir.run(&back(" ")).0, 2, "it needs a reason");
    let returned = dir.done(&back("太快"));
    assert_eq!((&returned["state"], &returned["reason"]), (&"returned".into(), &"太快".into()));
    assert_eq!(dir.done(&deliver)["version"], 3);
    let (exit, code, _) = dir.refused(&accept("2"));
    assert_eq!((exit, code.as_str()), (5, "version_moved"), "another one was heard");
    assert_eq!(dir.refused(&back("太快")).1, "version_moved");
    assert_eq!(dir.done(&accept("3"))["state"], "accepted");
    let all = dir.done(&["prompt", "list", "huaxin"]);
    let told: Vec<_> = all
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (one["state"].as_str(), one["heard"].as_bool()))
        .collect();
    assert_eq!(
        told,
        [(Some("submitted"), Some(false)), (Some("draft"), Some(false)), (Some("approved"), Some(true))],
        "until it is reviewed calls hear the version before, and what was sent back is kept"
    );
    assert_eq!(all[0]["words"], "全国第一的华信");
    assert_eq!(dir.refused(&["prompt", "review", "huaxin", "greeting", "--approve"]).1, "banned_word");
    dir.done(&["prompt", "review", "huaxin", "greeting", "--approve", "--reason", "有证书"]);
    assert_eq!(dir.done(&["prompt", "list", "huaxin"])[0]["heard"], true);
    assert_eq!(dir.done(&order)["order"], 2);
    assert_eq!(dir.done(&["prompt", "orders", "--open"]).as_array().map(Vec::len), Some(1));
    dir.done(&["prompt", "cancel", "huaxin", "2"]);
    assert_eq!(dir.refused(&["prompt", "take", "huaxin", "2"]).1, "prompt_state");
    let all = dir.done(&["prompt", "orders", "huaxin"]);
    assert_eq!((&all[0]["state"], &all[1]["state"]), (&"accepted".into(), &"cancelled".into()), "{all}");
    assert_eq!(dir.refused(&["prompt", "take", "huaxin", "3"]).0, 4);
    assert_eq!(dir.refused(&["prompt", "order", "huaxin", "a b", "您好"]).1, "invalid_value");
    assert_eq!(dir.refused(&["prompt", "order", "huaxin", "greeting", " "]).1, "invalid_value");
    assert_eq!(dir.refused(&["prompt", "order", "nobody", "greeting", "您好"]).0, 4);
    let audit = dir.done(&["audit", "huaxin"]).to_string();
    assert!(audit.contains("order_prompt") && audit.contains("returned 太快"), "{audit}");
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

/// Everything but the label is the same: the sound.
fn samples(dir: &Dir, version: &str) -> (Vec<i16>, Option<String>) {
    let out = dir.0.join("said.wav").display().to_string();
    dir.done(&["prompt", "play-to-file", "huaxin", "said", &out, "--version", version]);
    let file = std::fs::read(&out).expect("a file");
    let wav = Wav::parse(&file, 1 << 24).expect("a WAV file");
    (wav.channels[0].clone(), media::wav::comment(&file))
}

#[test]
fn i13_k21_a_text_is_said_once_and_marked_as_synthetic() {
    let dir = Dir::new("said");
    let say = ["prompt", "say", "huaxin", "said", "2026-10-01起请拨打10086"];
    let made = dir.done(&say);
    assert!(made["duration_ms"].as_u64().is_some_and(|ms| ms > 2_000), "{made}");
    let cached = || std::fs::read_dir(dir.0.join("data/speech")).expect("a folder").count();
    assert_eq!(cached(), 1);
    dir.done(&say);
    assert_eq!(cached(), 1, "said once");
    let ((first, label), (second, other)) = (samples(&dir, "1"), samples(&dir, "2"));
    assert_eq!(first, second);
    let label = label.expect("a label");
    assert!(
        label.contains(r#""AIGC":{"Label":"1","ContentProducer":"espeak-ng cmn-latn-pinyin""#),
        "{label}"
    );
    assert_ne!(Some(label), other, "each version is named by itself");
    // Digits that are read one by one take longer than the number they would be.
    dir.done(&["prompt", "say", "huaxin", "said", "2026-10-01起请拨打10086", "--voice", "en-us"]);
    assert_eq!(cached(), 2, "another voice is another sound");
    let all = dir.done(&["prompt", "list", "huaxin"]);
    assert_eq!(
        (&all[0]["voice"], &all[1]["voice"]),
        (&"espeak-ng en-us".into(), &"espeak-ng cmn-latn-pinyin".into())
    );
    assert_eq!(dir.refused(&["prompt", "say", "huaxin", "said", "您排在第${position}位"]).1, "not_available");
    assert_eq!(dir.run(&["prompt", "say", "huaxin", "said", "您好", "--voice=-w/tmp/x"]).0, 2, "no option");
    assert_eq!(dir.run(&["prompt", "say", "huaxin", "said", "您好", "--voice=--stdout"]).0, 2, "no option");
    dir.file("data/sibai.toml", b"[speech]\nprogram = \"no-such-speaker\"\n");
    assert_eq!(dir.refused(&say), (3, "no_speaker".into(), String::new()));
}

/// A server that speaks: one sound for every request; what it was asked comes back.
fn speaking_server(status: &'static str, sound: Vec<u8>) -> (String, std::sync::mpsc::Receiver<String>) {
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let (mut head, mut length) = (String::new(), 0);
            while !head.ends_with("\r\n\r\n") {
                let from = head.len();
                stream.read_line(&mut head).expect("a line");
                let line = head[from..].to_ascii_lowercase();
                length = line
                    .strip_prefix("content-length: ")
                    .map_or(length, |n| n.trim().parse().expect("a length"));
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).expect("a body");
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", sound.len());
            let written = stream.get_mut().write_all(&[answer.as_bytes(), &sound].concat());
            // Whoever had enough hangs up.
            drop(written);
            if tell.send(head + &String::from_utf8_lossy(&body)).is_err() {
                return;
            }
        }
    });
    (format!("http://{address}/v1/audio/speech"), told)
}

#[test]
fn i13_a_server_that_speaks_is_asked_in_the_common_protocol() {
    let dir = Dir::new("server");
    let configure = |url: &str| {
        let key = dir.file("key", b"secret-key\n");
        let text = format!(
            "[speech]\nurl = \"{url}\"\nmodel = \"tts-1\"\nvoice = \"alloy\"\nkey_file = \"{key}\"\n"
        );
        dir.file("data/sibai.toml", text.as_bytes());
    };
    let (url, asked) = speaking_server("200 OK", wav(1));
    configure(&url);
    let say = ["prompt", "say", "huaxin", "said", "call 10086"];
    let made = dir.done(&say);
    assert!(made["duration_ms"].as_u64().is_some_and(|ms| (990..=1_010).contains(&ms)), "{made}");
    let told = asked.recv().expect("a request");
    assert!(told.starts_with("POST /v1/audio/speech HTTP/1.1\r\n"), "{told}");
    assert!(told.contains("authorization: Bearer secret-key"), "{told}");
    let body: Value = serde_json::from_str(told.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    assert_eq!(body["input"], "call one zero zero eight six");
    assert_eq!(
        (&body["model"], &body["voice"], &body["response_format"]),
        (&"tts-1".into(), &"alloy".into(), &"wav".into())
    );
    dir.done(&say);
    assert!(asked.try_recv().is_err(), "the second time nobody is asked");
    assert!(samples(&dir, "2").1.is_some_and(|label| label.contains("tts-1 alloy")));

    let (url, _asked) = speaking_server("500 Oops", b"no".to_vec());
    configure(&url);
    assert_eq!(dir.refused(&say).1, "speech");
    let (url, _asked) = speaking_server("200 OK", b"<html>".to_vec());
    configure(&url);
    assert_eq!(dir.refused(&say), (1, "sound_file".into(), "unknown_format".into()));
    let (url, _asked) = speaking_server("200 OK", vec![0; (20 << 20) + 1]);
    configure(&url);
    assert_eq!(dir.refused(&say).1, "speech", "a sound without end");
    dir.file("data/sibai.toml", b"[speech]\nurl = \"ftp://x/y\"\n");
    assert_eq!(dir.run_raw(&say), Some(2));
}
