//! REGISTER from phones (RFC 3261 10.3, RFC 3327, RFC 5626): what one asks for, and the answers to it.
//! It refuses to know users, passwords and bindings.

use bytes::Bytes;
use sipx_sip::headers::Address;
use sipx_sip::{HeaderName, Uri};

use super::Endpoint;
use super::ingress::Arrival;
use super::uac::list_of;
use super::uas::{host_of, user_of};
use crate::compose::{self, Message};
use crate::digest::Claim;
use crate::event::{Event, Registering, Ticket, Wanted, Wish};
use crate::ids::hex_string;
use crate::incoming::{self, Fault, tokens};
use crate::location::Binding;
use crate::transaction::{Server, ServerMethod, ServerState};

/// More contacts in one REGISTER are refused: no phone has them.
const CONTACTS_MAX: usize = 8;

const BAD_CONTACT: Fault = Fault { status: 400, phrase: "Bad Contact" };

impl Endpoint {
    /// A REGISTER whose form is in order.
    pub(super) fn receive_register(&mut self, arrival: &Arrival<'_>) {
        let Ok(to) = Address::parse(&arrival.head.to, "To") else {
            return self.refuse_fault(arrival, Fault { status: 400, phrase: "Bad Address" });
        };
        if !to.uri.scheme().is_sip() {
            return self.refuse(arrival, 404);
        }
        let wanted = match wanted(arrival) {
            Ok(wanted) => wanted,
            Err(fault) => return self.refuse_fault(arrival, fault),
        };
        let headers = &arrival.request.headers;
        let supported = headers.get_all(&HeaderName::Supported);
        let outbound = supported
            .flat_map(|header| tokens(&header.value()).map(<[u8]>::to_vec).collect::<Vec<_>>())
            .any(|token| token.eq_ignore_ascii_case(b"outbound"));
        let register = Registering {
            from: arrival.from,
            user: user_of(&to.uri),
            host: host_of(&to.uri),
            wanted,
            path: list_of(headers, &HeaderName::Path),
            outbound,
            call_id: arrival.head.call_id().to_owned(),
            cseq: arrival.head.cseq,
            claim: headers.value(&HeaderName::Authorization).and_then(|v| Claim::read(&v)).map(Box::new),
            ticket: self.ticket(arrival),
        };
        self.emit(Event::Registering { register: Box::new(register) });
    }

    fn ticket(&self, arrival: &Arrival<'_>) -> Ticket {
        let tag = self.keyed.hash(&[b"unkept", &arrival.head.call_id, &arrival.head.from]);
        let to_value = format!("{};tag={}", String::from_utf8_lossy(&arrival.head.to), hex_string(tag));
        Ticket { key: arrival.key, to: arrival.path.to, head: Bytes::from(arrival.response_head()), to_value }
    }

    /// 401 with these values of WWW-Authenticate. Nothing is kept: strangers who only ask fill no table.
    pub fn ask_register(&mut self, register: &Registering, values: &[String]) {
        let Ticket { to, head, to_value, .. } = &register.ticket;
        let mut message = Message::response(&mut self.scratch, 401, compose::phrase(401));
        message.lines(head).header("To", to_value);
        for value in values {
            message.header("WWW-Authenticate", value);
        }
        let bytes = message.finish("", &[]);
        self.totals.refused += 1;
        self.transmit(*to, bytes, None);
    }

    /// Refuses what a proven phone asks, such as an interval that is too short (423 with Min-Expires).
    pub fn refuse_register(
        &mut self,
        register: &Registering,
        status: u16,
        min_expires_s: Option<u32>,
        now_ms: u64,
    ) {
        let status = if (300..700).contains(&status) { status } else { 500 };
        self.totals.refused += 1;
        self.answer_register(register, status, now_ms, |message| {
            if let Some(seconds) = min_expires_s {
                message.number("Min-Expires", seconds);
            }
        });
    }

    /// 200 with where the user is reached now. Repetitions of the REGISTER are answered the same.
    pub fn grant_register<'b>(
        &mut self,
        register: &Registering,
        bindings: impl Iterator<Item = &'b Binding>,
        now_ms: u64,
    ) {
        let is_flow = register.outbound && register.has_flow();
        self.answer_register(register, 200, now_ms, |message| {
            for binding in bindings {
                message.header("Contact", &contact_of(binding, now_ms));
            }
            for proxy in &register.path {
                message.header("Path", proxy);
            }
            message.header("Supported", "path, outbound");
            if is_flow {
                message.header("Require", "outbound");
            }
        });
    }

    fn answer_register(
        &mut self,
        register: &Registering,
        status: u16,
        now_ms: u64,
        extra: impl FnOnce(&mut Message<'_>),
    ) {
        let Ticket { key, to, head, to_value } = register.ticket.clone();
        if self.servers_by_key.contains_key(&key) {
            return;
        }
        let id = self.servers.insert(Server {
            key,
            merged_key: None,
            leg: None,
            method: ServerMethod::Other,
            cseq: register.cseq,
            to,
            head,
            to_value,
            last: Bytes::new(),
            state: ServerState::Proceeding,
            interval_ms: 0,
            resend_at: None,
            end_at: None,
            armed: None,
        });
        self.servers_by_key.insert(key, id);
        self.respond(id, status, &[], now_ms, extra);
    }
}

/// What the Contact and Expires headers ask for.
fn wanted(arrival: &Arrival<'_>) -> Result<Wanted, Fault> {
    let headers = &arrival.request.headers;
    let expires_s = headers.value(&HeaderName::Expires).and_then(|value| incoming::seconds(&value));
    let values: Vec<_> = headers.get_all(&HeaderName::Contact).map(|header| header.value()).collect();
    if values.is_empty() {
        return Ok(Wanted::Nothing);
    }
    if values.iter().any(|value| value.trim_ascii() == b"*") {
        // RFC 3261 10.2.2: alone, and with nothing but the end in mind.
        let alone = values.len() == 1 && expires_s == Some(0);
        return if alone { Ok(Wanted::RemoveAll) } else { Err(BAD_CONTACT) };
    }
    let mut wishes = Vec::new();
    for value in &values {
        for address in Address::parse_list(value, "Contact").map_err(|_| BAD_CONTACT)? {
            wishes.push(wish(&address, expires_s).ok_or(BAD_CONTACT)?);
        }
    }
    if wishes.len() > CONTACTS_MAX {
        return Err(BAD_CONTACT);
    }
    Ok(Wanted::Bind(wishes))
}

fn wish(address: &Address, expires_s: Option<u32>) -> Option<Wish> {
    if !address.uri.scheme().is_sip() {
        return None;
    }
    let own = match address.param("expires") {
        // RFC 3261 10.2.1.1: what cannot be read stands for an hour.
        Some(value) => Some(incoming::seconds(value).unwrap_or(3_600)),
        None => expires_s,
    };
    let instance = address.param("+sip.instance").map(|value| String::from_utf8_lossy(value).into_owned());
    let instance = instance.map(|text| text.trim_matches('"').to_owned());
    let instance =
        instance.filter(|text| compose::is_clean(text) && !text.contains(['"', '\\']) && text.len() <= 256);
    let reg_id = address.param("reg-id").and_then(incoming::number).and_then(|n| u32::try_from(n).ok());
    Some(Wish {
        uri: request_uri(&address.uri)?,
        expires_s: own,
        reg_id: reg_id.filter(|_| instance.is_some()),
        instance,
    })
}

/// A Contact's URI as the Request-URI of what will be sent there: without headers, which a Request-URI may not have.
fn request_uri(uri: &Uri) -> Option<String> {
    let text = String::from_utf8(uri.to_bytes().to_vec()).ok()?;
    let text = text.split('?').next().unwrap_or_default().to_owned();
    (text.len() <= 512 && compose::is_clean(&text) && compose::is_uri(&text)).then_some(text)
}

fn contact_of(binding: &Binding, now_ms: u64) -> String {
    let left_s = binding.expires_at_ms.saturating_sub(now_ms).div_ceil(1_000);
    let mut contact = format!("<{}>;expires={left_s}", binding.contact);
    if let Some(instance) = &binding.instance {
        contact.push_str(&format!(";+sip.instance=\"{instance}\""));
    }
    if let Some(reg_id) = binding.reg_id {
        contact.push_str(&format!(";reg-id={reg_id}"));
    }
    contact
}
