//! A started program and what the kernel says it used: CPU by process, children and threads, memory, sockets.
//! Everything is read from /proc; nothing is asked from the program.

use crate::product;
use crate::shell::{self, Outcome, failed};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

/// A program that is ended when the measurement lets go of it, by its own id and no other.
pub struct Running {
    child: Option<Child>,
    id: u32,
}

impl Running {
    /// Starts a program with its outputs in one file.
    pub fn start(mut command: Command, log: &Path) -> Outcome<Running> {
        eprintln!("── start: {}", shell::line(&command));
        let open = || File::create(log).and_then(|file| Ok((file.try_clone()?, file)));
        let (out, errors) = open().or_else(|error| failed(format!("{}: {error}", log.display())))?;
        let child = command.stdout(out).stderr(errors).spawn();
        let child = child.or_else(|error| failed(format!("{}: {error}", shell::line(&command))))?;
        Ok(Running { id: child.id(), child: Some(child) })
    }

    /// Whether the program still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Waits until the program ends by itself.
    pub fn wait(&mut self) -> Outcome<ExitStatus> {
        let ended = self.child.take().map(|mut child| child.wait());
        match ended {
            Some(Ok(status)) => Ok(status),
            Some(Err(error)) => failed(format!("waiting for process {}: {error}", self.id)),
            None => failed(format!("process {} was waited for twice", self.id)),
        }
    }

    /// User and system seconds since the start, ended and living children included.
    pub fn cpu_seconds(&self) -> f64 {
        family(self.id)
            .iter()
            .filter_map(|id| Stat::of_process(*id))
            .map(|stat| stat.ticks_with_ended_children)
            .sum::<u64>() as f64
            / TICKS_PER_SECOND
    }

    /// Seconds run by each thread name since the start; a trailing number is taken off (`media-3` is `media`).
    pub fn cpu_seconds_by_thread(&self) -> BTreeMap<String, f64> {
        let mut split = BTreeMap::new();
        for task in family(self.id).iter().flat_map(|id| entries(&format!("/proc/{id}/task"))) {
            let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
            let run = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
            let nanoseconds: f64 = run.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0);
            *split.entry(thread_kind(name.trim()).to_string()).or_insert(0.0) += nanoseconds / 1e9;
        }
        split
    }

    /// Anonymous memory in bytes, shared pages by their share.
    pub fn anonymous_bytes(&self) -> u64 {
        let read = |id: &u32| fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok();
        family(self.id).iter().filter_map(read).map(|text| kilobytes(&text, "Pss_Anon:") * 1024).sum()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            product::stop(child);
        }
    }
}

/// USER_HZ, which Linux keeps at 100 for programs whatever the kernel ticks at.
const TICKS_PER_SECOND: f64 = 100.0;

/// What is read of /proc/PID/stat.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    ticks_with_ended_children: u64,
}

impl Stat {
    fn of_process(id: u32) -> Option<Stat> {
        Stat::parse(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
    }

    /// The name in brackets may hold anything, so fields are counted from the last bracket (proc(5)).
    fn parse(text: &str) -> Option<Stat> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u64>().unwrap_or(0)).sum();
        Some(Stat { parent: fields.get(1)?.parse().ok()?, ticks_with_ended_children: ticks })
    }
}

/// A process and all that descend from it.
fn family(id: u32) -> Vec<u32> {
    let ids = entries("/proc").filter_map(|path| path.file_name()?.to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = ids.filter_map(|id| Some((id, Stat::of_process(id)?.parent))).collect();
    let mut family = vec![id];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        next += 1;
    }
    family
}

fn entries(folder: &str) -> impl Iterator<Item = std::path::PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn thread_kind(name: &str) -> &str {
    name.trim_end_matches(|letter: char| letter.is_ascii_digit()).trim_end_matches('-')
}

fn kilobytes(text: &str, key: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Bytes that the kernel holds for UDP sockets of the whole machine (an upper bound for one process).
pub fn udp_memory_bytes() -> u64 {
    udp_pages(&fs::read_to_string("/proc/net/sockstat").unwrap_or_default()) * 4096
}

fn udp_pages(text: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with("UDP:")).unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().collect();
    let place = words.iter().position(|word| *word == "mem");
    place.and_then(|place| words.get(place + 1)?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_line_is_read_behind_its_name() {
        let line = "8405 (kama) (x) S 8403 8403 8131 0 -1 4194560 812 9 0 0 31 12 3 4 20 0 1 0 99 5 6";
        assert_eq!(Stat::parse(line), Some(Stat { parent: 8403, ticks_with_ended_children: 50 }));
        assert_eq!(Stat::parse("8405 (x"), None);
        assert_eq!(Stat::parse("1 (x) S 2 3"), None);
    }

    #[test]
    fn this_process_has_used_and_holds_something() {
        let mut child =
            Running::start(shell::command("cat", &["/dev/zero"]), Path::new("/dev/null")).unwrap();
        assert!(child.is_alive());
        while child.cpu_seconds() == 0.0 {
            assert!(child.is_alive());
        }
        assert!(child.anonymous_bytes() > 0);
        assert!(child.cpu_seconds_by_thread()["cat"] > 0.0);
        let id = child.id;
        drop(child);
        assert_eq!(Stat::of_process(id), None);
    }

    #[test]
    fn threads_are_told_by_kind() {
        assert_eq!(thread_kind("media-12"), "media");
        assert_eq!(thread_kind("journal-sync"), "journal-sync");
        assert_eq!(udp_pages("TCP: inuse 3 mem 9\nUDP: inuse 12 mem 40\n"), 40);
        assert_eq!(kilobytes("Pss: 9 kB\nPss_Anon:     1204 kB\n", "Pss_Anon:"), 1204);
    }
}
