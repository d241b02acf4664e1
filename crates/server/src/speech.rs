//! Text to speech through one interface: `espeak-ng` as a process, or a server that speaks the OpenAI-compatible protocol. It
//! refuses to know whose text it is and what becomes of the sound.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use hotline::enterprise::Language;
use ring::digest::{SHA256, digest};

pub mod http;

/// How long a text may take to be said.
const WAIT: Duration = Duration::from_secs(30);
/// What a program may say: ten minutes of 22 kHz.
const SOUND_BYTES_MAX: u64 = 20 << 20;

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The program `espeak-ng`, or another that is called as it is.
    Espeak {
        /// Its name, or where it lies.
        program: PathBuf,
    },
    /// A server with `/v1/audio/speech`.
    Http(http::Endpoint),
}

impl Default for Speaker {
    fn default() -> Speaker {
        Speaker::Espeak { program: "espeak-ng".into() }
    }
}

/// Why a text is not said.
#[derive(Debug, thiserror::Error)]
pub enum SpeakError {
    /// The program is not there.
    #[error("{} is not installed", .0.display())]
    Absent(PathBuf),
    /// The voice is no name of one.
    #[error("{0:?} is no voice")]
    Voice(String),
    /// It failed, or said nothing.
    #[error("it said nothing: {0}")]
    Failed(String),
    /// It took too long.
    #[error("it took longer than {} s", WAIT.as_secs())]
    Slow,
    /// A file or process.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl Speaker {
    /// The voice of a language where nobody names another.
    pub fn usual_voice(&self, language: Language) -> String {
        match (self, language) {
            // The voice `cmn` of this program reads characters as the letters of their pinyin; this one speaks.
            (Speaker::Espeak { .. }, Language::Zh) => "cmn-latn-pinyin".into(),
            (Speaker::Espeak { .. }, Language::En) => "en-us".into(),
            (Speaker::Http(endpoint), _) => endpoint.voice.clone(),
        }
    }

    /// The name that a label and a row show.
    pub fn name(&self) -> String {
        match self {
            Speaker::Espeak { program } => {
                program.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
            Speaker::Http(endpoint) => endpoint.model.clone(),
        }
    }

    /// Says a text: a sound file of some kind.
    ///
    /// # Errors
    /// Nobody is there, or nothing was said.
    pub async fn say(&self, text: &str, voice: &str) -> Result<Vec<u8>, SpeakError> {
        named_well(voice)?;
        let sound = match self {
            Speaker::Espeak { program } => {
                let (program, text) = (program.clone(), text.to_owned());
                let words = ["-v", voice, "-s", "165", "--stdin", "--stdout"].map(str::to_owned);
                blocking(move || run(&program, &words, text.as_bytes())).await?
            }
            Speaker::Http(endpoint) => endpoint.say(text, voice, SOUND_BYTES_MAX, WAIT).await?,
        };
        match sound.is_empty() {
            true => Err(SpeakError::Failed("no sound".into())),
            false => Ok(sound),
        }
    }

    /// Names the sound of a text by the version of the speaker, the voice and the text; no octet of the text is in it.
    ///
    /// # Errors
    /// Nobody is there.
    pub async fn key(&self, text: &str, voice: &str) -> Result<String, SpeakError> {
        named_well(voice)?;
        let lengths: String = [&self.version().await?, voice, text]
            .iter()
            .map(|part| format!("{}:{part}", part.len()))
            .collect();
        Ok(digest(&SHA256, lengths.as_bytes()).as_ref().iter().map(|octet| format!("{octet:02x}")).collect())
    }

    /// What the sound of a text depends on beside voice and text.
    async fn version(&self) -> Result<String, SpeakError> {
        match self {
            Speaker::Espeak { program } => {
                let program = program.clone();
                let told = blocking(move || run(&program, &["--version".to_owned()], b"")).await?;
                Ok(String::from_utf8_lossy(&told).lines().next().unwrap_or_default().trim().to_owned())
            }
            Speaker::Http(endpoint) => Ok(format!("{} {}", endpoint.url, endpoint.model)),
        }
    }
}

async fn blocking(
    work: impl FnOnce() -> Result<Vec<u8>, SpeakError> + Send + 'static,
) -> Result<Vec<u8>, SpeakError> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// A voice is a word among the program's, and never an option of it.
fn named_well(voice: &str) -> Result<(), SpeakError> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '.');
    match !voice.is_empty() && !voice.starts_with('-') && voice.chars().all(good) {
        true => Ok(()),
        false => Err(SpeakError::Voice(voice.chars().take(64).collect())),
    }
}

/// Runs a program behind everybody else, gives it the text and takes what it writes. No shell reads any of it.
fn run(program: &Path, words: &[String], text: &[u8]) -> Result<Vec<u8>, SpeakError> {
    let mut command = Command::new("nice");
    command
        .arg("-n10")
        .arg(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (told, heard) = sync_channel(1);
    let text = text.to_vec();
    let talking = std::thread::spawn(move || {
        // A program that does not read its text to the end has said so by its sound.
        let _ = stdin.map(|mut stdin| stdin.write_all(&text));
        let mut sound = Vec::new();
        let read = stdout.map_or(Ok(0), |stdout| stdout.take(SOUND_BYTES_MAX).read_to_end(&mut sound));
        let mut error = String::new();
        let _ = stderr.map(|stderr| stderr.take(1_000).read_to_string(&mut error));
        // Nobody listens any more once the time is over.
        let _ = told.send(read.map(|_| (sound, error)));
    });
    let answer = heard.recv_timeout(WAIT);
    if answer.is_err() {
        let _ = child.kill();
    }
    let ended = child.wait()?;
    let _ = talking.join();
    let (sound, error) = answer.map_err(|_| SpeakError::Slow)??;
    match ended.code() {
        Some(0) => Ok(sound),
        // What nice says of a program that is not there.
        Some(127) => Err(SpeakError::Absent(program.to_owned())),
        _ => Err(SpeakError::Failed(error.lines().next().unwrap_or("no reason").to_owned())),
    }
}
