//! `sibai phone` as a process: a registered phone, near or behind a NAT, that tells what happens to it.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::platform::binary;
use crate::{Nat, PATIENCE};

/// How a phone is started.
pub struct Account<'a> {
    /// Where it registers.
    pub registrar: SocketAddr,
    /// The account, such as `acme-8001`.
    pub user: &'a str,
    /// Its password.
    pub password: &'a str,
    /// The tone it says.
    pub hz: u16,
    /// A NAT between it and the network.
    pub behind: Option<&'a Nat>,
}

/// A phone. Dropping it kills the process.
pub struct Softphone {
    child: Child,
    orders: ChildStdin,
    news: Receiver<Value>,
}

impl Softphone {
    /// Switches it on.
    ///
    /// # Panics
    /// The process does not start.
    pub fn start(account: &Account<'_>) -> Softphone {
        let mut command = match account.behind {
            Some(nat) => nat.phone(&binary(), account.user),
            None => {
                let mut command = Command::new(binary());
                command.args(["phone", account.user]);
                command
            }
        };
        command.args(["--json", "--expires", "3600", "--answer-after", "0s"]);
        command.args(["--registrar", &account.registrar.to_string(), "--says", &account.hz.to_string()]);
        command.env("SIBAI_PHONE_PASSWORD", account.password);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("sibai starts");
        let orders = child.stdin.take().expect("a pipe");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let (tell, news) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let line = serde_json::from_str(&line).expect("a line of JSON");
                // A test that does not listen any more has what it wanted.
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Softphone { child, orders, news }
    }

    /// Tells it what its user does, such as `call 110`.
    ///
    /// # Panics
    /// It has ended.
    pub fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").expect("a phone that listens");
    }

    /// Waits for news by their name; others before them are passed over.
    ///
    /// # Panics
    /// They do not come.
    pub fn await_news(&self, name: &str) -> Value {
        self.await_where(name, |news| news["news"] == name)
    }

    /// Waits until it hears a tone within 10 Hz of this.
    ///
    /// # Panics
    /// It does not.
    pub fn await_tone(&self, hz: u16) {
        self.await_where("the tone", |news| {
            news["news"] == "heard"
                && news["sound"]["hz"].as_u64().is_some_and(|heard| heard.abs_diff(u64::from(hz)) <= 10)
        });
    }

    fn await_where(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let (until, mut heard) = (Instant::now() + PATIENCE, Vec::new());
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.news.recv_timeout(left) {
                Ok(news) if wanted(&news) => return news,
                Ok(news) => heard.push(news),
                Err(_) => panic!("{what} did not come, but {heard:?}"),
            }
        }
    }
}

impl Drop for Softphone {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
