//! Starting programs and telling the person what runs and how long it took.
//! It refuses to know what the programs do.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Why a verb stopped.
#[derive(Debug)]
pub enum Failure {
    /// A step went wrong; the text says which and how.
    Failed(String),
    /// The words given make no sense.
    Usage(String),
    /// Programs are missing and may not be installed here; the text is the line to run.
    Missing(String),
}

/// What every verb returns.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// The exit code that scripts may rely on.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Failed(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Missing(_) => 3,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Failed(text) | Failure::Usage(text) | Failure::Missing(text)) = self;
        out.write_str(text)
    }
}

/// A failure with a text of its own.
pub fn failed<T>(text: impl Into<String>) -> Outcome<T> {
    Err(Failure::Failed(text.into()))
}

/// A program and its arguments, with nothing on its standard input.
pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// The cargo that started us, so that a chosen toolchain stays chosen.
pub fn cargo(arguments: &[&str]) -> Command {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = command(&program, arguments);
    command.current_dir(crate::workspace::root());
    command
}

/// Runs one step, its output shown as it comes; a non-zero exit is a failure that names the step.
pub fn step(title: &str, mut command: Command) -> Outcome {
    eprintln!("── {title}: {}", line(&command));
    let started = Instant::now();
    let status = command.status().map_err(|error| cannot_start(&command, &error))?;
    let seconds = started.elapsed().as_secs_f32();
    if status.success() {
        eprintln!("── {title}: done in {seconds:.1} s");
        return Ok(());
    }
    failed(format!("{title} failed after {seconds:.1} s ({status}); the command was\n  {}", line(&command)))
}

/// Runs a program to its end and returns what it printed; a non-zero exit is a failure with its last words.
pub fn output(mut command: Command) -> Outcome<String> {
    let result = command.output().map_err(|error| cannot_start(&command, &error))?;
    if result.status.success() {
        return Ok(String::from_utf8_lossy(&result.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&result.stderr);
    let last: Vec<&str> = errors.lines().rev().take(12).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    failed(format!("{} ended with {}\n{}", line(&command), result.status, last.join("\n")))
}

/// Whether a program of this name is on the PATH or in the folders of system programs.
pub fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(std::path::PathBuf::from);
    std::env::split_paths(&path).chain(system).any(|folder| folder.join(name).is_file())
}

/// The command as a person would type it.
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,+@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{word}'") }
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("cannot start {}: {error}", command.get_program().to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_as_typed() {
        assert_eq!(
            line(&command("kamailio", &["-A", "CALLEE=\"a:1\"", ""])),
            "kamailio -A 'CALLEE=\"a:1\"' ''"
        );
    }

    #[test]
    fn a_failing_program_is_named_with_its_last_words() {
        let error = output(command("sh", &["-c", "echo broken pipe >&2; exit 4"])).unwrap_err();
        assert_eq!(error.exit_code(), 1);
        assert!(error.to_string().contains("broken pipe"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = step("try", command("no-such-program-4006010114", &[])).unwrap_err();
        assert!(error.to_string().contains("no-such-program-4006010114"), "{error}");
        assert!(!on_path("no-such-program-4006010114"));
        assert!(on_path("sh"));
    }
}
