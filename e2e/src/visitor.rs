//! A program that speaks to the API as a browser would: one cookie, one word for changes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use serde_json::{Value, json};

use crate::{PATIENCE, Platform};

/// The password of whoever [`signed_in`].
pub const PASSWORD: &str = "k7#Lq0-vTz9";

/// Lets a person in, by the command line as an operator does, and gives its first password.
///
/// # Panics
/// It is refused.
pub fn first_password(platform: &Platform, tenant: &str, login: &str, role: &str) -> String {
    made(platform, &["account", "add", tenant, login, "--name", "王工", "--role", role])
}

fn made(platform: &Platform, words: &[&str]) -> String {
    let (code, made) = platform.run(words);
    assert_eq!(code, Some(0), "{made}");
    made["password"].as_str().expect("told once").to_owned()
}

/// Somebody who is signed in and has changed the first password.
///
/// # Panics
/// Any of it is refused.
pub fn signed_in(platform: &Platform, tenant: &str, login: &str, role: &str) -> Visitor {
    let first = first_password(platform, tenant, login, role);
    let mut visitor = Visitor::new(platform.http);
    assert_eq!(visitor.sign_in(tenant, login, &first).status, 200);
    visitor.change_password(&first);
    visitor
}

/// An agent who is signed in and has changed the first password.
///
/// # Panics
/// Any of it is refused.
pub fn signed_in_agent(platform: &Platform, tenant: &str, login: &str, agent: &str) -> Visitor {
    let words = ["account", "add", tenant, login, "--name", "王工", "--role", "agent", "--agent", agent];
    let first = made(platform, &words);
    let mut visitor = Visitor::new(platform.http);
    assert_eq!(visitor.sign_in(tenant, login, &first).status, 200);
    visitor.change_password(&first);
    visitor
}

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

    fn change_password(&self, first: &str) {
        let change = json!({"old": first, "new": PASSWORD});
        assert_eq!(self.ask("PUT", "/api/v1/session/password", Some(&change)).status, 204);
    }

    /// Leaves the word of changes out, as a page of another site would.
    pub fn forget_token(&mut self) {
        self.token = None;
    }

    /// Fetches octets, with further headers, each with its line's end: the status, the head and the body.
    ///
    /// # Panics
    /// Nobody answers.
    pub fn fetch(&self, path: &str, headers: &str) -> (u16, String, Vec<u8>) {
        let asking = Visitor { headers: format!("{}{headers}", self.headers), ..self.clone() };
        read_answer(asking.send("GET", path, None))
    }

    /// Hands octets over, such as a sound file.
    ///
    /// # Panics
    /// Nobody answers.
    pub fn hand_over(&self, path: &str, octets: &[u8]) -> Answer {
        let (status, head, body) =
            read_answer(self.send_octets("POST", path, ("application/octet-stream", octets)));
        Answer { status, head, body: serde_json::from_slice(&body).unwrap_or_default() }
    }

    /// Asks.
    ///
    /// # Panics
    /// Nobody answers.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let (status, head, body) = read_answer(self.send(method, path, body));
        Answer { status, head, body: serde_json::from_slice(&body).unwrap_or_default() }
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
        let body = body.map_or(String::new(), Value::to_string);
        self.send_octets(method, path, ("application/json", body.as_bytes()))
    }

    fn send_octets(&self, method: &str, path: &str, (kind, body): (&str, &[u8])) -> TcpStream {
        let mut stream = TcpStream::connect(self.http).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let cookie = self.cookie.as_ref().map_or(String::new(), |cookie| format!("Cookie: {cookie}\r\n"));
        let token = self.token.as_ref().map_or(String::new(), |token| format!("X-Sibai-Token: {token}\r\n"));
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{cookie}{token}{}Content-Type: \
             {kind}\r\nContent-Length: {}\r\n\r\n",
            self.http,
            self.headers,
            body.len(),
        );
        stream.write_all(&[head.as_bytes(), body].concat()).expect("sent");
        stream
    }
}

fn read_answer(mut stream: TcpStream) -> (u16, String, Vec<u8>) {
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets).expect("an answer");
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let body = octets.split_off(end + 4);
    let head = String::from_utf8_lossy(&octets).trim_end().to_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head, body)
}
