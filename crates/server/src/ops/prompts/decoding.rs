//! A stranger's sound file is decoded by a process of its own: this program again, with bounds on memory and time, that
//! reads the file from its input and can write nothing but its answer (FAULTS P5). It refuses to know whose file it is.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use media::import::{ImportError, Limits, import};
use serde::{Deserialize, Serialize};

use crate::ops::refusal::Problem;
use crate::ops::{Code, Outcome, Refusal};

/// The word by which this program is started to decode.
pub const WORD: &str = "decode-prompt";
/// Address space of the process: what it is born with, and half a gibibyte to work in.
const MEMORY_BYTES_MAX: u64 = 2 << 30;
/// Its processor time. Ten minutes of the heaviest format take two seconds.
const CPU_S_MAX: u64 = 20;
/// How long it is waited for.
const WAIT: Duration = Duration::from_secs(60);
/// The longest answer: ten minutes of A-law, and a line.
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// What a file turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// `wav`, `mp3`, `vorbis`, `opus`.
    pub format: String,
    /// Its length.
    pub duration_ms: u64,
}

/// A sound as prompts are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// What it was.
    pub facts: Facts,
    /// 8 kHz A-law.
    pub wav: Vec<u8>,
}

/// The first line of the answer; the file follows.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    Taken(Facts),
    Refused { code: String, text: String },
}

/// Decodes a file of this machine in another process.
///
/// # Errors
/// The file is not taken, and why; or the process came to nothing.
pub fn decode(path: &Path, limits: &Limits) -> Outcome<Sound> {
    let file = File::open(path).map_err(|error| Refusal::file(path, error))?;
    let facts = file.metadata().map_err(|error| Refusal::file(path, error))?;
    if !facts.is_file() {
        return Err(Refusal::file(path, "not a file"));
    }
    if facts.len() > limits.file_bytes_max as u64 {
        return Err(refused_by(&ImportError::TooLarge(limits.file_bytes_max)));
    }
    let answer = answer_of(file).map_err(|error| Refusal::file(path, error))?;
    let end = answer.iter().position(|&octet| octet == b'\n').unwrap_or(answer.len());
    match serde_json::from_slice(&answer[..end]) {
        Ok(Told::Taken(facts)) => Ok(Sound { facts, wav: answer[end + 1..].to_vec() }),
        Ok(Told::Refused { code, text }) => Err(refused(&code, &text)),
        // It was ended by one of its bounds, or by a fault of a decoder.
        Err(_) => Err(refused("undecodable", "its decoder took too long, wanted too much or failed")),
    }
}

/// What the process wrote until its end, or until its time was over.
fn answer_of(file: File) -> io::Result<Vec<u8>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(WORD).env_clear().stdin(file).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let Some(stdout) = child.stdout.take() else { return Err(io::ErrorKind::BrokenPipe.into()) };
    let (told, heard) = sync_channel(1);
    let reading = std::thread::spawn(move || {
        let mut answer = Vec::new();
        let read = stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut answer);
        // Nobody listens any more once the time is over.
        let _ = told.send(read.map(|_| answer));
    });
    let answer = heard.recv_timeout(WAIT);
    end(&mut child);
    // Its pipe is closed by now.
    let _ = reading.join();
    answer.unwrap_or_else(|_| Ok(Vec::new()))
}

/// A process that has answered is gone already; any other is ended.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// The whole of the other process.
pub fn run() -> ExitCode {
    let confined = media::sys::limits::confine(MEMORY_BYTES_MAX, CPU_S_MAX);
    match confined.and_then(|()| answer_to(io::stdin().lock(), io::stdout().lock())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer_to(input: impl Read, mut output: impl Write) -> io::Result<()> {
    let limits = Limits::default();
    let mut file = Vec::new();
    input.take(limits.file_bytes_max as u64 + 1).read_to_end(&mut file)?;
    let (told, wav) = match import(&file, &limits) {
        Ok(sound) => {
            let facts = Facts { format: sound.format.name().into(), duration_ms: sound.duration_ms() };
            (Told::Taken(facts), sound.to_wav(None))
        }
        Err(error) => (Told::Refused { code: error.code().into(), text: error.to_string() }, Vec::new()),
    };
    output.write_all(&serde_json::to_vec(&told)?)?;
    output.write_all(b"\n")?;
    output.write_all(&wav)?;
    output.flush()
}

fn refused_by(error: &ImportError) -> Refusal {
    refused(error.code(), &error.to_string())
}

/// The refusal of a file, with the code of what is wrong with it.
fn refused(code: &str, text: &str) -> Refusal {
    let zh = match code {
        "empty" => "文件是空的",
        "too_large" => "文件超过 20 MB",
        "unknown_format" => "不是 WAV、MP3 或 Ogg（Vorbis、Opus）文件",
        "cut_off" => "文件不完整",
        "rate" => "采样率须在 8 至 48 kHz 之间",
        "channels" => "只能是单声道或双声道",
        "too_long" => "超过十分钟",
        "too_short" => "不足 0.1 秒",
        "bomb" => "声音远多于文件所能容纳",
        "silent" => "没有声音，或声音太小",
        "wav_not_read" => "WAV 编码须为 16 位 PCM 或 G.711",
        _ => "文件已损坏，无法解码",
    };
    let mut refusal = Refusal::new(
        Code::SoundFile,
        format!("录音文件不能使用：{zh}"),
        format!("the sound file is not taken: {text}"),
    );
    refusal.problems.push(Problem {
        line: 0,
        path: String::new(),
        code: code.to_owned(),
        zh: zh.to_owned(),
        en: text.to_owned(),
    });
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_p5_the_answer_is_a_line_and_then_the_sound() {
        let mut answer = Vec::new();
        let file = media::prompts::file("welcome").expect("shipped");
        answer_to(file, &mut answer).expect("answered");
        let end = answer.iter().position(|&octet| octet == b'\n').expect("a line");
        let told: Told = serde_json::from_slice(&answer[..end]).expect("a line of JSON");
        let Told::Taken(facts) = told else { panic!("taken") };
        assert_eq!(facts.format, "wav");
        let sound = media::Prompt::from_wav(&answer[end + 1..]).expect("a prompt");
        assert_eq!(sound.duration_ms(), facts.duration_ms);

        let mut answer = Vec::new();
        answer_to(&b"MZ no sound at all"[..], &mut answer).expect("answered");
        assert!(answer.starts_with(br#"{"refused":{"code":"unknown_format""#));
    }
}
