//! How answers look: a table, a line of JSON, a refusal with its code; in Chinese or English. Knows no operation.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use hotline::enterprise::Language;
use hotline::{Beijing, Wall};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use unicode_width::UnicodeWidthStr;

use super::{Arguments, Client, Need, Place};
use crate::ops::{Outcome, Refusal, Request};

/// The language of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// Chinese.
    Zh,
    /// English.
    En,
}

/// What every command needs.
pub struct Context {
    /// Whether answers are JSON.
    pub json: bool,
    /// The language of everything else.
    pub language: Language,
    /// Where the data are.
    pub place: Place,
    /// Who makes changes.
    pub by: String,
}

impl Context {
    pub(super) fn new(arguments: &Arguments) -> Result<Context, ExitCode> {
        let language = match arguments.lang {
            Some(Lang::Zh) => Language::Zh,
            Some(Lang::En) => Language::En,
            None => language_of_environment(),
        };
        let place = Place::find(arguments.config.as_deref(), arguments.data.as_deref()).map_err(|wrong| {
            eprintln!("{wrong}");
            ExitCode::from(2)
        })?;
        let user = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| uid());
        let by = arguments.by.clone().unwrap_or_else(user);
        Ok(Context { json: arguments.json, language, place, by })
    }

    /// One of two texts.
    pub fn pick<'t>(&self, zh: &'t str, en: &'t str) -> &'t str {
        match self.language {
            Language::Zh => zh,
            Language::En => en,
        }
    }

    /// Prints one of two lines; nothing where JSON is printed.
    pub fn say(&self, zh: impl AsRef<str>, en: impl AsRef<str>) {
        if !self.json {
            print(self.pick(zh.as_ref(), en.as_ref()));
        }
    }

    /// Prints a value as JSON, or as `human` shows it.
    pub fn show<T: Serialize>(&self, value: &T, human: impl FnOnce(&T)) -> Outcome<()> {
        if self.json {
            print(&serde_json::to_string(value).map_err(Refusal::bad_request)?);
        } else {
            human(value);
        }
        Ok(())
    }

    /// Prints a table, the head in this language.
    pub fn table(&self, head: &[(&str, &str)], rows: &[Vec<String>]) {
        let head = head.iter().map(|(zh, en)| self.pick(zh, en).to_owned()).collect();
        print_raw(&table(head, rows));
    }

    /// Asks the running server, or the database.
    pub fn ask<T: DeserializeOwned>(&self, need: Need, request: &Request) -> Outcome<T> {
        Client::open(&self.place, need)?.ask(request)
    }

    /// An instant as typed, in Beijing time.
    pub fn instant(&self, text: &str) -> Outcome<Wall> {
        let wrong = || {
            Refusal::invalid(
                format!("{text} 不是时间；请写 2026-10-10 或 2026-10-10T09:30"),
                format!("{text} is no date or time; write 2026-10-10 or 2026-10-10T09:30"),
            )
        };
        Ok(Beijing::parse(text).ok_or_else(wrong)?.wall())
    }

    /// Reads a file that a person named.
    pub fn read_file(&self, path: &std::path::Path) -> Outcome<String> {
        if path == std::path::Path::new("-") {
            return std::io::read_to_string(std::io::stdin()).map_err(|error| Refusal::file(path, error));
        }
        std::fs::read_to_string(path).map_err(|error| Refusal::file(path, error))
    }

    /// Says why nothing was done.
    pub(super) fn refuse(&self, refusal: &Refusal) -> ExitCode {
        let text = refusal.text(self.language);
        if self.json {
            let problem = |one: &crate::ops::refusal::Problem| json!({"line": one.line, "path": one.path, "code": one.code, "message": one.text(self.language)});
            let problems: Vec<_> = refusal.problems.iter().map(problem).collect();
            print(
                &json!({"error": {"code": refusal.code, "message": text, "problems": problems}}).to_string(),
            );
        } else {
            let code = serde_json::to_value(refusal.code).ok();
            let code = code.as_ref().and_then(|code| code.as_str()).unwrap_or_default();
            eprintln!("sibai: {text} [{code}]");
            for problem in &refusal.problems {
                let line = match (self.language, problem.line) {
                    (_, 0) => String::new(),
                    (Language::Zh, line) => format!("第 {line} 行：",),
                    (Language::En, line) => format!("line {line}: "),
                };
                let path =
                    if problem.path.is_empty() { String::new() } else { format!("{}: ", problem.path) };
                eprintln!("  {line}{path}{} [{}]", problem.text(self.language), problem.code);
            }
        }
        ExitCode::from(refusal.code.exit())
    }

    /// Shows how far long work is, on a terminal only.
    pub fn progress(&self, text: &str) {
        if std::io::stderr().is_terminal() {
            eprint!("\r{text}\x1b[K");
        }
    }

    /// Ends a line of progress.
    pub fn progress_done(&self) {
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
    }
}

fn language_of_environment() -> Language {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    match set {
        Some(value) if value.starts_with("en") => Language::En,
        _ => Language::Zh,
    }
}

fn uid() -> String {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").map_or_else(|_| "unknown".into(), |own| format!("uid {}", own.uid()))
}

/// Prints a line; a reader that went away (`| head`) is no failure.
pub fn print(line: &str) {
    print_raw(&format!("{line}\n"));
}

/// Prints text as it is.
pub fn print_raw(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A runtime for one command.
///
/// # Errors
/// The system gives none.
pub fn runtime() -> Outcome<tokio::runtime::Runtime> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Refusal::new(crate::ops::Code::NodeBusy, error.to_string(), error.to_string()))
}

/// Columns as wide as their widest cell; a Chinese character is two wide.
pub fn table(head: Vec<String>, rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let mut text = String::new();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line += cell;
            line += &" ".repeat(width - cell.width() + 2);
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// `1:05`, `1:00:05`: a length of time to the second, rounded up as charging does.
pub fn length(ms: u64) -> String {
    let seconds = ms.div_ceil(1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// The stable code of a value without fields.
pub fn code<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_under_chinese_heads() {
        let rows = [vec!["华信科技".to_owned(), "1".to_owned()], vec!["a".to_owned(), "22".to_owned()]];
        let text = table(vec!["名称".into(), "版本".into()], &rows);
        assert_eq!(text, "名称      版本\n华信科技  1\na         22\n");
    }

    #[test]
    fn lengths_are_whole_seconds() {
        assert_eq!(
            [length(0), length(1), length(65_000), length(3_605_000)],
            ["0:00", "0:01", "1:05", "1:00:05"]
        );
    }
}
