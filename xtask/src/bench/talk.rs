//! The least SIP that places and answers one call at a time, for the figure of the start.
//! It reads header lines only; whole loads are `sibai load`'s work.

use super::peer::Product;
use super::table::Row;
use super::{Effort, median};
use crate::shell::{Outcome, failed};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The first of the 2,000,000 numbers that `bench/sibai/setup_large.txt` configures.
const FIRST_NUMBER: u64 = 4_006_000_000;

/// Numbers called once, and how often the first one is called again.
const CALLS: u64 = 30;

/// From the start of the process to the first 200, and what a number costs that nobody called before.
pub fn start(effort: &Effort) -> Outcome<Vec<Row>> {
    let (start, cold) = ("start with 2,000,000 numbers to the first answered call", "a cold number adds");
    let product = match Product::prepare("setup_large.txt")? {
        Ok(product) => product,
        Err(absent) => return Ok(vec![Row::absent(start, &absent), Row::absent(cold, &absent)]),
    };
    let phone = Phone::answer_at(product.callee)?;
    let (mut starts, mut added) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let begun = Instant::now();
        let peer = product.spawn()?;
        let caller = Caller::towards(peer.target)?;
        caller.first_answer(FIRST_NUMBER, Duration::from_secs(60))?;
        starts.push(begun.elapsed().as_secs_f64());
        let call =
            |number: u64| caller.call(number, Duration::from_secs(2)).map(|taken| taken.as_secs_f64() * 1e3);
        let warm = (0..CALLS).map(|_| call(FIRST_NUMBER)).collect::<Outcome<Vec<f64>>>()?;
        // Far apart, so that no two share a page of the snapshot.
        let cold =
            (1..=CALLS).map(|place| call(FIRST_NUMBER + place * 61_007)).collect::<Outcome<Vec<f64>>>()?;
        added.push(median(&cold) - median(&warm));
    }
    drop(phone);
    Ok(vec![
        Row::against(start, median(&starts), "s", 10.0, false),
        Row::against(cold, median(&added), "ms", 5.0, false),
    ])
}

/// A phone that answers every call at once.
struct Phone {
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Phone {
    fn answer_at(address: SocketAddr) -> Outcome<Phone> {
        let socket = bound(address, Duration::from_millis(50))?;
        let ending = Arc::new(AtomicBool::new(false));
        let seen = ending.clone();
        let thread = std::thread::spawn(move || {
            let mut packet = [0; 4096];
            while !seen.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut packet) else { continue };
                if let Some(answer) = answer(&String::from_utf8_lossy(&packet[..length]), address) {
                    // A lost answer is asked for again by the other side's timer.
                    let _ = socket.send_to(answer.as_bytes(), from);
                }
            }
        });
        Ok(Phone { ending, thread: Some(thread) })
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the phone shows as calls without an answer.
            let _ = thread.join();
        }
    }
}

/// 200 to everything but an ACK.
fn answer(request: &str, here: SocketAddr) -> Option<String> {
    let method = request.split(' ').next()?;
    if method == "ACK" || method.starts_with("SIP/") {
        return None;
    }
    let mut text = String::from("SIP/2.0 200 OK\r\n");
    for name in ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"] {
        for line in headers(request, name) {
            let tag = if name == "To" && !line.contains(";tag=") { ";tag=phone" } else { "" };
            text += &format!("{line}{tag}\r\n");
        }
    }
    let body = if method == "INVITE" { sdp(here) } else { String::new() };
    text += &format!("Contact: <sip:phone@{here}>\r\n");
    if !body.is_empty() {
        text += "Content-Type: application/sdp\r\n";
    }
    Some(format!("{text}Content-Length: {}\r\n\r\n{body}", body.len()))
}

/// Header lines of a name, as written.
fn headers<'a>(message: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let head = message.split("\r\n\r\n").next().unwrap_or_default();
    head.split("\r\n").skip(1).filter(move |line| {
        line.split_once(':').is_some_and(|(found, _)| found.trim_end().eq_ignore_ascii_case(name))
    })
}

/// A caller with one call at a time.
struct Caller {
    socket: UdpSocket,
    here: SocketAddr,
    target: SocketAddr,
    placed: std::cell::Cell<u32>,
}

impl Caller {
    fn towards(target: SocketAddr) -> Outcome<Caller> {
        let socket = bound(SocketAddr::from(([127, 0, 0, 1], 0)), Duration::from_millis(100))?;
        let here = socket.local_addr().or_else(|error| failed(error.to_string()))?;
        Ok(Caller { socket, here, target, placed: std::cell::Cell::new(0) })
    }

    /// Calls until one call is answered: before the server listens the port is closed and a try fails at once.
    fn first_answer(&self, number: u64, patience: Duration) -> Outcome<()> {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if self.call(number, Duration::from_millis(100)).is_ok() {
                return Ok(());
            }
        }
        failed(format!("no call was answered in {patience:?}"))
    }

    /// INVITE to 200; the call is acknowledged and ended again.
    fn call(&self, number: u64, patience: Duration) -> Outcome<Duration> {
        self.placed.set(self.placed.get() + 1);
        let begun = Instant::now();
        self.send(&self.request("INVITE", number, "", &sdp(self.here)))?;
        let mut packet = [0; 4096];
        while begun.elapsed() < patience {
            let Ok(length) = self.socket.recv(&mut packet) else { continue };
            let message = String::from_utf8_lossy(&packet[..length]).into_owned();
            let ours = headers(&message, "Call-ID").any(|line| line.ends_with(&self.call_id()));
            let invited = headers(&message, "CSeq").any(|line| line.ends_with("1 INVITE"));
            if !ours || !invited || message.starts_with("SIP/2.0 1") {
                continue;
            }
            let taken = begun.elapsed();
            let to_tag = headers(&message, "To")
                .next()
                .and_then(|line| line.split_once(";tag="))
                .map_or("", |to| to.1);
            self.send(&self.request("ACK", number, to_tag, ""))?;
            if !message.starts_with("SIP/2.0 200") {
                return failed(format!("{number}: {}", message.lines().next().unwrap_or_default()));
            }
            self.send(&self.request("BYE", number, to_tag, ""))?;
            return Ok(taken);
        }
        failed(format!("{number}: no answer in {patience:?}"))
    }

    fn send(&self, text: &str) -> Outcome {
        self.socket.send_to(text.as_bytes(), self.target).map(drop).or_else(|error| failed(error.to_string()))
    }

    fn call_id(&self) -> String {
        format!("start-{}-{}", self.here.port(), self.placed.get())
    }

    fn request(&self, method: &str, number: u64, to_tag: &str, body: &str) -> String {
        let (here, target, placed) = (self.here, self.target, self.placed.get());
        let sequence = if method == "BYE" { 2 } else { 1 };
        let tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:{number}@{target} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{method}{placed};rport\r\n\
             From: <sip:13800138000@{here}>;tag=c{placed}\r\nTo: <sip:{number}@{target}>{tag}\r\nCall-ID: {}\r\n\
             CSeq: {sequence} {method}\r\nMax-Forwards: 70\r\nContact: <sip:13800138000@{here}>\r\n{kind}\
             Content-Length: {}\r\n\r\n{body}",
            self.call_id(),
            body.len()
        )
    }
}

fn bound(address: SocketAddr, patience: Duration) -> Outcome<UdpSocket> {
    let open = || -> std::io::Result<UdpSocket> {
        let socket = UdpSocket::bind(address)?;
        socket.set_read_timeout(Some(patience))?;
        Ok(socket)
    };
    open().or_else(|error| failed(format!("{address}: {error}")))
}

fn sdp(here: SocketAddr) -> String {
    // No RTP is sent; the port only has to be a valid one.
    let (ip, port) = (here.ip(), here.port() & !1);
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_to_the_own_phone_is_answered_again_and_again() {
        let address = super::super::peer::free_address().unwrap();
        let caller = Caller::towards(address).unwrap();
        assert!(caller.call(FIRST_NUMBER, Duration::ZERO).is_err());
        let phone = Phone::answer_at(address).unwrap();
        caller.first_answer(FIRST_NUMBER, Duration::from_secs(10)).unwrap();
        assert!(caller.call(FIRST_NUMBER + 1, Duration::from_secs(10)).is_ok());
        drop(phone);
        assert!(caller.call(FIRST_NUMBER, Duration::from_millis(1)).is_err());
    }

    #[test]
    fn an_answer_returns_the_way_and_names_a_tag_once() {
        let request =
            "BYE sip:a SIP/2.0\r\nVia: one\r\nVia: two\r\nTo: <sip:a>;tag=x\r\nCSeq: 2 BYE\r\n\r\nVia: body";
        let answer = answer(request, "127.0.0.1:5080".parse().unwrap()).unwrap();
        assert!(
            answer.starts_with(
                "SIP/2.0 200 OK\r\nVia: one\r\nVia: two\r\nTo: <sip:a>;tag=x\r\nCSeq: 2 BYE\r\n"
            ),
            "{answer}"
        );
        assert_eq!(super::answer("ACK sip:a SIP/2.0\r\n\r\n", "127.0.0.1:5080".parse().unwrap()), None);
    }
}
