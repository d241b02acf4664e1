//! A stranger that floods: INVITE and REGISTER in turn from one address, as fast as one core sends, each with a Call-ID
//! and a branch of its own. Answers are left unread.
//!
//! `flood --target ADDRESS --from ADDRESS --seconds N` prints `{"sent":N,"per_second":N}`.

use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().collect();
    let word = |name: &str| -> Result<&str, String> {
        let at = words.iter().position(|word| word == name).ok_or(format!("{name} is missing"))?;
        words.get(at + 1).map(String::as_str).ok_or(format!("{name} has no value"))
    };
    let target: SocketAddr = word("--target")?.parse()?;
    let socket = UdpSocket::bind(word("--from")?)?;
    socket.connect(target)?;
    let here = socket.local_addr()?;
    let length = Duration::from_secs(word("--seconds")?.parse()?);
    let (begun, mut sent) = (Instant::now(), 0u64);
    while begun.elapsed() < length {
        for _ in 0..64 {
            // A full buffer of the receiver is what a flood is about.
            let _ = socket.send(message(target, here, sent).as_bytes());
            sent += 1;
        }
    }
    println!("{{\"sent\":{sent},\"per_second\":{:.0}}}", sent as f64 / begun.elapsed().as_secs_f64());
    Ok(())
}

fn message(target: SocketAddr, here: SocketAddr, number: u64) -> String {
    let (method, user) =
        if number.is_multiple_of(2) { ("INVITE", "4006010114") } else { ("REGISTER", "bench-plain-1000") };
    format!(
        "{method} sip:{user}@{target} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKf{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:{number}@{here}>;tag={number}\r\nTo: <sip:{user}@{target}>\r\nCall-ID: f{number}\r\n\
         CSeq: 1 {method}\r\nContact: <sip:x@{here}>\r\nContent-Length: 0\r\n\r\n"
    )
}
