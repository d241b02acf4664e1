//! rtpengine's control protocol: bencoded dictionaries over UDP, each behind a cookie. Offer, answer, delete.
//! It knows no SIP; the SDP it sends is the least that opens two G.711 ports.

use crate::shell::{Outcome, failed};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// A bencoded value; numbers are read and dropped, for nothing here asks for one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Bencode {
    Text(Vec<u8>),
    Number(i64),
    List(Vec<Bencode>),
    Map(Vec<(Vec<u8>, Bencode)>),
}

impl Bencode {
    fn text(text: &str) -> Bencode {
        Bencode::Text(text.as_bytes().to_vec())
    }

    fn map(members: &[(&str, Bencode)]) -> Bencode {
        Bencode::Map(members.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.clone())).collect())
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Bencode::Text(text) => write_text(text, out),
            Bencode::Number(number) => out.extend(format!("i{number}e").bytes()),
            Bencode::List(items) => {
                out.push(b'l');
                items.iter().for_each(|item| item.write(out));
                out.push(b'e');
            }
            Bencode::Map(members) => {
                out.push(b'd');
                for (name, value) in members {
                    write_text(name, out);
                    value.write(out);
                }
                out.push(b'e');
            }
        }
    }

    /// Reads one value and returns what follows it; `None` if the bytes are not bencode.
    fn read(bytes: &[u8]) -> Option<(Bencode, &[u8])> {
        match bytes.first()? {
            b'i' => {
                let end = bytes.iter().position(|byte| *byte == b'e')?;
                let number = std::str::from_utf8(&bytes[1..end]).ok()?.parse().ok()?;
                Some((Bencode::Number(number), &bytes[end + 1..]))
            }
            b'l' => {
                let (items, rest) = read_items(&bytes[1..])?;
                Some((Bencode::List(items), rest))
            }
            b'd' => {
                let (items, rest) = read_items(&bytes[1..])?;
                let members = items.chunks_exact(2).map(|pair| match &pair[0] {
                    Bencode::Text(name) => Some((name.clone(), pair[1].clone())),
                    _ => None,
                });
                Some((Bencode::Map(members.collect::<Option<_>>()?), rest))
            }
            _ => {
                let colon = bytes.iter().position(|byte| *byte == b':')?;
                let length: usize = std::str::from_utf8(&bytes[..colon]).ok()?.parse().ok()?;
                let rest = &bytes[colon + 1..];
                Some((Bencode::Text(rest.get(..length)?.to_vec()), rest.get(length..)?))
            }
        }
    }

    fn member(&self, name: &str) -> Option<String> {
        let Bencode::Map(members) = self else { return None };
        match members.iter().find(|(key, _)| key == name.as_bytes()) {
            Some((_, Bencode::Text(text))) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        }
    }
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.extend(format!("{}:", text.len()).bytes());
    out.extend(text);
}

fn read_items(mut bytes: &[u8]) -> Option<(Vec<Bencode>, &[u8])> {
    let mut items = Vec::new();
    while *bytes.first()? != b'e' {
        let (item, rest) = Bencode::read(bytes)?;
        items.push(item);
        bytes = rest;
    }
    Some((items, &bytes[1..]))
}

/// A connection to one rtpengine.
pub struct Ng {
    socket: UdpSocket,
    asked: std::cell::Cell<u32>,
}

impl Ng {
    /// Opens a control socket and waits up to ten seconds for the first pong.
    pub fn connect(target: SocketAddr) -> Outcome<Ng> {
        let open = || -> std::io::Result<UdpSocket> {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.connect(target)?;
            socket.set_read_timeout(Some(Duration::from_millis(200)))?;
            Ok(socket)
        };
        let socket = open().or_else(|error| failed(format!("control socket: {error}")))?;
        let ng = Ng { socket, asked: std::cell::Cell::new(0) };
        for _ in 0..50 {
            if ng.ask(&[("command", Bencode::text("ping"))]).is_ok() {
                return Ok(ng);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        failed(format!("rtpengine gives no pong at {target}"))
    }

    /// Opens a call between two sockets; returns where the caller and where the callee must send to.
    pub fn open(
        &self,
        call: &str,
        caller: SocketAddr,
        callee: SocketAddr,
    ) -> Outcome<(SocketAddr, SocketAddr)> {
        let replace = Bencode::List(vec![Bencode::text("origin"), Bencode::text("session-connection")]);
        let words = |command: &str, sdp: String| {
            vec![
                ("call-id", Bencode::text(call)),
                ("command", Bencode::text(command)),
                ("from-tag", Bencode::text("caller")),
                ("replace", replace.clone()),
                ("sdp", Bencode::text(&sdp)),
            ]
        };
        let for_callee = self.ask(&words("offer", sdp(caller)))?;
        let mut answer = words("answer", sdp(callee));
        answer.push(("to-tag", Bencode::text("callee")));
        let for_caller = self.ask(&answer)?;
        Ok((audio_address(&for_caller)?, audio_address(&for_callee)?))
    }

    fn ask(&self, members: &[(&str, Bencode)]) -> Outcome<Bencode> {
        self.asked.set(self.asked.get() + 1);
        let cookie = format!("bench{} ", self.asked.get());
        let mut packet = cookie.clone().into_bytes();
        Bencode::map(members).write(&mut packet);
        let mut reply = vec![0; 65_536];
        let length = self.socket.send(&packet).and_then(|_| self.receive(&cookie, &mut reply));
        let length = length.or_else(|error| failed(format!("rtpengine: {error}")))?;
        let Some((value, _)) = Bencode::read(&reply[cookie.len()..length]) else {
            return failed("rtpengine answered something else than bencode");
        };
        match value.member("result").as_deref() {
            Some("ok" | "pong") => Ok(value),
            _ => failed(format!("rtpengine refused: {}", value.member("error-reason").unwrap_or_default())),
        }
    }

    /// A late answer to an earlier question is passed over.
    fn receive(&self, cookie: &str, reply: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let length = self.socket.recv(reply)?;
            if reply[..length].starts_with(cookie.as_bytes()) {
                return Ok(length);
            }
        }
    }
}

fn sdp(address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
    )
}

fn audio_address(answer: &Bencode) -> Outcome<SocketAddr> {
    let sdp = answer.member("sdp").unwrap_or_default();
    let word = |start: &str, place: usize| {
        let line = sdp.lines().find(|line| line.starts_with(start))?;
        line.split_whitespace().nth(place).map(String::from)
    };
    let address = word("c=IN ", 2).zip(word("m=audio ", 1)).map(|(ip, port)| format!("{ip}:{port}"));
    let address = address.and_then(|address| address.parse().ok());
    address.map_or_else(|| failed(format!("no audio address in rtpengine's SDP:\n{sdp}")), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let list = Bencode::List(vec![Bencode::text("origin"), Bencode::Number(-3)]);
        let value = Bencode::map(&[("command", Bencode::text("offer")), ("replace", list)]);
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        assert_eq!(bytes, b"d7:command5:offer7:replacel6:origini-3eee");
        assert_eq!(Bencode::read(&bytes), Some((value, &b""[..])));
    }

    #[test]
    fn broken_bencode_is_refused() {
        for bytes in
            [&b""[..], b"d", b"5:abc", b"i3", b"li3e", b"di3ei4ee", b"x:a", b"99999999999999999999:a"]
        {
            assert_eq!(Bencode::read(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn the_address_comes_from_the_sdp() {
        let answer = Bencode::map(&[("sdp", Bencode::text(&sdp("127.0.0.1:30002".parse().unwrap())))]);
        assert_eq!(audio_address(&answer).unwrap(), "127.0.0.1:30002".parse().unwrap());
        assert!(audio_address(&Bencode::map(&[])).is_err());
    }
}
