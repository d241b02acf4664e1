//! SIP messages read in place: the few header fields a phone needs, as slices of the datagram.
//! It refuses to judge: a message that lacks what RFC 3261 section 8.1.1 demands is no message, the rest is not checked.

use std::net::{IpAddr, SocketAddr};

/// The methods a phone tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Info,
    Update,
    Register,
    Other,
}

impl Method {
    fn named(name: &str) -> Method {
        match name {
            "INVITE" => Method::Invite,
            "ACK" => Method::Ack,
            "BYE" => Method::Bye,
            "CANCEL" => Method::Cancel,
            "OPTIONS" => Method::Options,
            "INFO" => Method::Info,
            "UPDATE" => Method::Update,
            "REGISTER" => Method::Register,
            _ => Method::Other,
        }
    }
}

/// The first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start<'a> {
    Request { method: Method, uri: &'a str },
    Response { status: u16, words: &'a str },
}

/// One message. Values are as written, folded lines included.
#[derive(Clone, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) start: Start<'a>,
    pub(crate) vias: Vec<&'a str>,
    pub(crate) record_routes: Vec<&'a str>,
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) call_id: &'a str,
    pub(crate) cseq: u32,
    pub(crate) cseq_method: Method,
    /// The CSeq value as written.
    pub(crate) cseq_words: &'a str,
    pub(crate) contact: Option<&'a str>,
    pub(crate) asserted: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
    pub(crate) retry_after: Option<&'a str>,
    /// WWW-Authenticate and Proxy-Authenticate.
    pub(crate) challenges: Vec<&'a str>,
    pub(crate) expires: Option<&'a str>,
    pub(crate) min_expires: Option<&'a str>,
    /// Every Contact, as a registrar lists them.
    pub(crate) contacts: Vec<&'a str>,
    pub(crate) body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a datagram; `None` for keep-alives and everything that is not a whole SIP message.
    pub(crate) fn parse(datagram: &'a [u8]) -> Option<Message<'a>> {
        let end = find(datagram, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&datagram[..end]).ok()?;
        let mut lines = Lines(head);
        let start = parse_start(lines.next()?)?;
        let mut message = Message {
            start,
            vias: Vec::with_capacity(2),
            record_routes: Vec::new(),
            from: "",
            to: "",
            call_id: "",
            cseq: 0,
            cseq_method: Method::Other,
            cseq_words: "",
            contact: None,
            asserted: None,
            reason: None,
            retry_after: None,
            challenges: Vec::new(),
            expires: None,
            min_expires: None,
            contacts: Vec::new(),
            body: &datagram[end + 4..],
        };
        for line in lines {
            message.take_line(line)?;
        }
        let whole = !(message.vias.is_empty()
            || message.from.is_empty()
            || message.to.is_empty()
            || message.call_id.is_empty()
            || message.cseq == 0);
        whole.then_some(message)
    }

    /// The recorded routes, one by one, in the order of the message.
    pub(crate) fn routes(&self) -> impl Iterator<Item = &'a str> {
        self.record_routes.clone().into_iter().flat_map(split_addresses)
    }

    fn take_line(&mut self, line: &'a str) -> Option<()> {
        let (name, value) = line.split_once(':')?;
        let (name, value) = (name.trim_end(), value.trim());
        match name.len() {
            1 => match name.as_bytes()[0].to_ascii_lowercase() {
                b'v' => self.vias.push(value),
                b'f' => self.from = value,
                b't' => self.to = value,
                b'i' => self.call_id = value,
                b'm' => self.take_contact(value),
                b'l' => self.cut_body(value)?,
                _ => (),
            },
            2 if name.eq_ignore_ascii_case("To") => self.to = value,
            3 if name.eq_ignore_ascii_case("Via") => self.vias.push(value),
            4 if name.eq_ignore_ascii_case("From") => self.from = value,
            4 if name.eq_ignore_ascii_case("CSeq") => {
                let (number, method) = value.split_once(char::is_whitespace)?;
                self.cseq = number.parse().ok()?;
                self.cseq_method = Method::named(method.trim());
                self.cseq_words = value;
            }
            6 if name.eq_ignore_ascii_case("Reason") => self.reason = Some(value),
            7 if name.eq_ignore_ascii_case("Call-ID") => self.call_id = value,
            7 if name.eq_ignore_ascii_case("Contact") => self.take_contact(value),
            7 if name.eq_ignore_ascii_case("Expires") => self.expires = Some(value),
            11 if name.eq_ignore_ascii_case("Min-Expires") => self.min_expires = Some(value),
            11 if name.eq_ignore_ascii_case("Retry-After") => self.retry_after = Some(value),
            12 if name.eq_ignore_ascii_case("Record-Route") => self.record_routes.push(value),
            14 if name.eq_ignore_ascii_case("Content-Length") => self.cut_body(value)?,
            16 if name.eq_ignore_ascii_case("WWW-Authenticate") => self.challenges.push(value),
            18 if name.eq_ignore_ascii_case("Proxy-Authenticate") => self.challenges.push(value),
            19 if name.eq_ignore_ascii_case("P-Asserted-Identity") => self.asserted = Some(value),
            _ => (),
        }
        Some(())
    }

    fn take_contact(&mut self, value: &'a str) {
        self.contact = Some(value);
        self.contacts.push(value);
    }

    fn cut_body(&mut self, length: &str) -> Option<()> {
        self.body = self.body.get(..length.parse::<usize>().ok()?)?;
        Some(())
    }
}

/// Logical lines: one that begins with a blank belongs to the one before.
struct Lines<'a>(&'a str);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let mut from = 0;
        loop {
            let Some(at) = find(&self.0.as_bytes()[from..], b"\r\n") else {
                return Some(std::mem::take(&mut self.0));
            };
            let end = from + at;
            if matches!(self.0.as_bytes().get(end + 2), Some(b' ' | b'\t')) {
                from = end + 2;
                continue;
            }
            let line = &self.0[..end];
            self.0 = &self.0[end + 2..];
            return Some(line);
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    let first = what[0];
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|&byte| byte == first) {
        let at = from + at;
        if bytes[at..].starts_with(what) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

fn parse_start(line: &str) -> Option<Start<'_>> {
    if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
        let (status, words) = rest.split_once(' ').unwrap_or((rest, ""));
        let status = status.parse().ok().filter(|status| (100..700).contains(status))?;
        return Some(Start::Response { status, words });
    }
    let (method, rest) = line.split_once(' ')?;
    let uri = rest.strip_suffix(" SIP/2.0")?;
    Some(Start::Request { method: Method::named(method), uri })
}

/// The URI of a From, To, Contact or Route value, without brackets.
pub(crate) fn uri_of(value: &str) -> &str {
    match value.rsplit_once('<') {
        Some((_, rest)) => rest.split_once('>').map_or(rest, |(uri, _)| uri),
        None => value.split(';').next().unwrap_or(value).trim(),
    }
}

/// The user part of a SIP or tel URI; empty when there is none.
pub(crate) fn user_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    match rest.split_once('@') {
        Some((user, _)) => user.split([':', ';']).next().unwrap_or(user),
        None if uri.starts_with("tel:") => rest.split(';').next().unwrap_or(rest),
        None => "",
    }
}

/// The address of a URI whose host is an IP literal; 5060 without a port.
pub(crate) fn address_of(uri: &str) -> Option<SocketAddr> {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split([';', '?']).next().unwrap_or(host);
    if let Ok(address) = host.parse::<SocketAddr>() {
        return Some(address);
    }
    host.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 5060))
}

/// A parameter behind the address of a From or To value, or of a Via or Reason value.
pub(crate) fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let outside = value.rsplit_once('>').map_or(value, |(_, rest)| rest);
    outside.split(';').skip(1).find_map(|parameter| {
        let (own, value) = parameter.split_once('=')?;
        own.trim().eq_ignore_ascii_case(name).then_some(value.trim().trim_matches('"'))
    })
}

/// The Q.850 cause of a Reason value, and its text.
pub(crate) fn reason_of(value: &str) -> (Option<u16>, Option<&str>) {
    let q850 = value.trim_start().get(..5).is_some_and(|protocol| protocol.eq_ignore_ascii_case("Q.850"));
    let cause = parameter(value, "cause").and_then(|cause| cause.parse().ok()).filter(|_| q850);
    (cause, parameter(value, "text"))
}

/// Splits a value that holds several addresses at the commas outside brackets and quotes.
pub(crate) fn split_addresses(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut bracketed) = (false, false);
    value
        .split(move |character| {
            match character {
                '"' => quoted = !quoted,
                '<' if !quoted => bracketed = true,
                '>' if !quoted => bracketed = false,
                _ => (),
            }
            character == ',' && !quoted && !bracketed
        })
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:13900000000@192.0.2.7 SIP/2.0\r\n\
        v: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport\r\n\
        Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKb\r\n\
        Record-Route: <sip:192.0.2.1;lr>, <sip:192.0.2.2:5080;lr>\r\n\
        f: \"A, <b>\" <sip:13800138000@192.0.2.2>;tag=x1\r\n\
        To: <sip:13900000000@192.0.2.7>\r\n\
        i: a@b\r\nCSEQ: 7\r\n  INVITE\r\nReason: Q.850 ;cause=17;text=\"user busy\"\r\n\
        Content-Length: 3\r\n\r\nv=0junk";

    #[test]
    fn compact_folded_and_repeated_fields_are_read() {
        let message = Message::parse(INVITE).expect("a whole message");
        assert_eq!(
            message.start,
            Start::Request { method: Method::Invite, uri: "sip:13900000000@192.0.2.7" }
        );
        assert_eq!(message.vias.len(), 2);
        assert_eq!((message.cseq, message.cseq_method), (7, Method::Invite));
        assert_eq!(message.body, b"v=0");
        assert_eq!(parameter(message.from, "tag"), Some("x1"));
        assert_eq!(reason_of(message.reason.expect("there")), (Some(17), Some("user busy")));
        let routes: Vec<_> = split_addresses(message.record_routes[0]).collect();
        assert_eq!(routes, ["<sip:192.0.2.1;lr>", "<sip:192.0.2.2:5080;lr>"]);
    }

    #[test]
    fn what_is_not_whole_is_no_message() {
        for end in 0..INVITE.len() - 4 {
            assert!(Message::parse(&INVITE[..end]).is_none(), "cut at {end}");
        }
        assert!(Message::parse(b"\r\n\r\n").is_none());
        assert!(Message::parse(b"SIP/2.0 99 No\r\n\r\n").is_none());
    }

    #[test]
    fn uris_give_user_and_address() {
        assert_eq!(user_of("sip:400@192.0.2.1:5062"), "400");
        assert_eq!(user_of("tel:+8613800138000;x=y"), "+8613800138000");
        assert_eq!(user_of("sip:192.0.2.1"), "");
        assert_eq!(address_of("sip:400@192.0.2.1:5062;lr"), "192.0.2.1:5062".parse().ok());
        assert_eq!(address_of("sip:192.0.2.1;lr"), "192.0.2.1:5060".parse().ok());
        assert_eq!(address_of("sip:[::1]:5070;lr"), "[::1]:5070".parse().ok());
        assert_eq!(address_of("sip:a@example.com"), None);
        assert_eq!(uri_of("sip:a@b;tag=1"), "sip:a@b");
    }
}
