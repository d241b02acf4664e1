//! SIP text as far ends write and read it: just enough of RFC 3261 to be a stranger to our own parser. It refuses to
//! know transactions and calls.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// The methods that far ends tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are RFC 3261's")]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Update,
    Info,
    Other,
}

impl Method {
    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Method::Invite => "INVITE",
            Method::Ack => "ACK",
            Method::Bye => "BYE",
            Method::Cancel => "CANCEL",
            Method::Options => "OPTIONS",
            Method::Update => "UPDATE",
            Method::Info => "INFO",
            Method::Other => "OTHER",
        }
    }

    fn named(name: &str) -> Self {
        let known = [
            Method::Invite,
            Method::Ack,
            Method::Bye,
            Method::Cancel,
            Method::Options,
            Method::Update,
            Method::Info,
        ];
        known.into_iter().find(|method| method.name() == name).unwrap_or(Method::Other)
    }
}

/// A message that was read; every text is a slice of the datagram.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are the headers' names")]
pub struct Message<'a> {
    /// 0 for a request.
    pub status: u16,
    /// Request-URI, empty in a response.
    pub uri: &'a str,
    /// The method of the CSeq.
    pub method: Method,
    pub via: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    pub call_id: &'a str,
    pub cseq: u32,
    /// The URI of the first Contact, empty without one.
    pub contact: &'a str,
    pub body: &'a str,
}

impl<'a> Message<'a> {
    /// Reads a datagram; `None` if a line that every message must have is not there, or the body is cut.
    pub fn read(datagram: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(datagram).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let start = lines.next()?;
        let mut message = Message {
            status: 0,
            uri: "",
            method: Method::Other,
            via: "",
            from: "",
            to: "",
            call_id: "",
            cseq: 0,
            contact: "",
            body,
        };
        match start.strip_prefix("SIP/2.0 ") {
            Some(rest) => message.status = rest.get(..3)?.parse().ok()?,
            None => message.uri = start.split(' ').nth(1)?,
        }
        let mut length = None;
        for line in lines {
            let (name, value) = line.split_once(':')?;
            message.take(name, value.trim(), &mut length)?;
        }
        let whole = length == Some(body.len())
            && ![message.via, message.from, message.to, message.call_id].contains(&"");
        whole.then_some(message)
    }

    fn take(&mut self, name: &str, value: &'a str, length: &mut Option<usize>) -> Option<()> {
        match name {
            "Via" => self.via = value,
            "From" => self.from = value,
            "To" => self.to = value,
            "Call-ID" => self.call_id = value,
            "CSeq" => {
                let (number, method) = value.split_once(' ')?;
                (self.cseq, self.method) = (number.parse().ok()?, Method::named(method));
            }
            "Contact" => self.contact = value.split_once('<')?.1.split_once('>')?.0,
            "Content-Length" => *length = Some(value.parse().ok()?),
            _ => {}
        }
        Some(())
    }

    /// The tag of From.
    pub fn from_tag(&self) -> &'a str {
        tag_of(self.from)
    }

    /// The tag of To, empty without one.
    pub fn to_tag(&self) -> &'a str {
        tag_of(self.to)
    }
}

/// The tag of a From or To value.
pub fn tag_of(value: &str) -> &str {
    value.split_once(";tag=").map_or("", |(_, tag)| tag.split(';').next().unwrap_or(tag))
}

/// What a request says beside its start line.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the fields are the headers' names")]
pub struct Request<'a> {
    pub method: Method,
    pub uri: &'a str,
    pub home: SocketAddr,
    pub branch: &'a str,
    /// From with its tag.
    pub from: &'a str,
    /// To, with its tag inside a dialog.
    pub to: &'a str,
    pub call_id: &'a str,
    pub cseq: u32,
    /// Further headers, whole lines.
    pub extra: &'a str,
    pub body: &'a str,
}

impl Request<'_> {
    /// The datagram.
    pub fn write(&self) -> Vec<u8> {
        let Request { method, uri, home, branch, from, to, call_id, cseq, extra, body } = self;
        let mut out = String::with_capacity(700);
        let name = method.name();
        let _ = write!(
            out,
            "{name} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {home};branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {name}\r\nContact: <sip:{home}>\r\n{extra}"
        );
        close(&mut out, body);
        out.into_bytes()
    }
}

/// A response to a request, with our tag where the To has none yet. `extra` is whole lines.
pub fn respond(
    to: &Message<'_>,
    status: u16,
    tag: &str,
    home: SocketAddr,
    extra: &str,
    body: &str,
) -> Vec<u8> {
    let mut out = String::with_capacity(700);
    let Message { via, from, to: theirs, call_id, cseq, method, .. } = to;
    let tagged = status == 100 || !tag_of(theirs).is_empty();
    let (mark, tag) = if tagged { ("", "") } else { (";tag=", tag) };
    let _ = write!(
        out,
        "SIP/2.0 {status} Said\r\nVia: {via}\r\nFrom: {from}\r\nTo: {theirs}{mark}{tag}\r\n\
         Call-ID: {call_id}\r\nCSeq: {cseq} {}\r\nContact: <sip:{home}>\r\n{extra}",
        method.name()
    );
    close(&mut out, body);
    out.into_bytes()
}

fn close(out: &mut String, body: &str) {
    if !body.is_empty() {
        out.push_str("Content-Type: application/sdp\r\n");
    }
    let _ = write!(out, "Content-Length: {}\r\n\r\n{body}", body.len());
}

/// What a far end says about its voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// PCMA and telephone events, both ways.
    Both,
    /// The same, on hold: we may say something and hear nothing.
    Hold,
    /// The same, on hold: nobody says anything.
    Inactive,
    /// The same, on hold as RFC 2543 had it: at 0.0.0.0.
    Nowhere,
    /// G.722 and telephone events, both ways.
    Wide,
    /// A fax and no audio (T.38).
    Fax,
    /// A codec that nobody else has.
    Strange,
}

/// A session description that receives RTP at `rtp`.
pub fn describe(rtp: SocketAddr, version: u32, voice: Voice) -> String {
    let (ip, port) = (rtp.ip(), rtp.port());
    let plain = "8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";
    let (formats, direction) = match voice {
        Voice::Both | Voice::Nowhere => (plain, "sendrecv"),
        Voice::Hold => (plain, "sendonly"),
        Voice::Inactive => (plain, "inactive"),
        Voice::Wide => ("9 101\r\na=rtpmap:101 telephone-event/8000\r\n", "sendrecv"),
        Voice::Strange => ("118\r\na=rtpmap:118 AMR/8000\r\n", "sendrecv"),
        Voice::Fax => {
            return format!(
                "v=0\r\no=- 7 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=image {port} udptl t38\r\n\
                 a=T38FaxVersion:0\r\n"
            );
        }
    };
    let heard_at = if voice == Voice::Nowhere { "0.0.0.0".to_owned() } else { ip.to_string() };
    format!(
        "v=0\r\no=- 7 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {heard_at}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {formats}a={direction}\r\n"
    )
}
