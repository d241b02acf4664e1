//! A program that speaks to the API as a browser would: one cookie, one word for changes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use serde_json::{Value, json};

use crate::PATIENCE;

/// Somebody at the door, signed in or not.
#[derive(Clone)]
pub struct Visitor {
    http: SocketAddr,
    cookie: Option<String>,
    token: Option<String>,
    /// Headers of every request, each with its line's end.
    pub headers: String,
}

/// What came back.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The head, line by line.
    pub head: String,
    /// The body; null if it is no JSON.
    pub body: Value,
}

impl Visitor {
    /// Somebody who is not signed in.
    pub fn new(http: SocketAddr) -> Visitor {
        Visitor { http, cookie: None, token: None, headers: String::new() }
    }

    /// Signs in; what came back, and the cookie and the word are kept.
    ///
    /// # Panics
    /// Nobody answers.
    pub fn sign_in(&mut self, enterprise: &str, login: &str, password: &str) -> Answer {
        let typed = json!({"enterprise": enterprise, "login": login, "password": password});
        let answer = self.ask("POST", "/api/v1/session", Some(&typed));
        let cookie = answer.head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("set-cookie")
                .then(|| value.split(';').next().unwrap_or_default().to_owned())
        });
        if answer.status == 200 {
            (self.cookie, self.token) = (cookie, answer.body["token"].as_str().map(str::to_owned));
        }
        answer
    }

    /// Leaves the word of changes out, as a page of another site would.
    pub fn forget_token(&mut self) {
        self.token = None;
    }

    /// Asks.
    ///
    /// # Panics
    /// Nobody answers.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut stream = self.send(method, path, body);
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or_default() }
    }

    /// Reads a stream of events; each is handed over as its name and data until `enough` says so.
    ///
    /// # Panics
    /// It ends, falls silent or goes on for [`PATIENCE`] before.
    pub fn watch(&self, path: &str, mut enough: impl FnMut(&str, &Value) -> bool) {
        let mut lines = BufReader::new(self.send("GET", path, None)).lines();
        let mut name = String::new();
        let until = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < until, "it goes on and on without what is waited for");
            let line = lines.next().expect("more events").expect("a line");
            if let Some(event) = line.strip_prefix("event: ") {
                name = event.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                let data = serde_json::from_str(data).unwrap_or_else(|_| data.into());
                if enough(&name, &data) {
                    return;
                }
            }
        }
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> TcpStream {
        let mut stream = TcpStream::connect(self.http).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let cookie = self.cookie.as_ref().map_or(String::new(), |cookie| format!("Cookie: {cookie}\r\n"));
        let token = self.token.as_ref().map_or(String::new(), |token| format!("X-Sibai-Token: {token}\r\n"));
        let body = body.map_or(String::new(), Value::to_string);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{cookie}{token}{}Content-Type: \
             application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.http,
            self.headers,
            body.len(),
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream
    }
}
