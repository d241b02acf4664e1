//! Proving who we are: a request that came back with 401 or 407 goes out once more with the answer, and what follows on
//! the same leg carries it unasked. And registering with a carrier, one exchange at a time (RFC 3261 10.2).
//! It refuses to know when a registration is due again.

use bytes::Bytes;
use sipx_sip::{HeaderName, Headers};

use super::Endpoint;
use crate::command::{Refused, Register, RegistrationId};
use crate::compose::{self, Message};
use crate::digest::{Challenge, Credentials};
use crate::event::{Event, Failure, FailureKind};
use crate::ids::hex_string;
use crate::incoming;
use crate::transaction::Purpose;

/// A request is answered for at most this often: a stale nonce may come between, anything more is no misunderstanding.
const ANSWERS_MAX: u8 = 3;

/// What one leg or registration can prove, and what it was asked.
pub(crate) struct Proving {
    who: Credentials,
    challenge: Option<Challenge>,
    answers: u8,
    /// Name and value that the last INVITE carried; its ACK repeats them (RFC 3261 22.3).
    pub(crate) sent: Option<(&'static str, String)>,
}

impl Proving {
    pub(crate) fn new(who: Credentials) -> Proving {
        Proving { who, challenge: None, answers: 0, sent: None }
    }

    /// Takes what a 401 or 407 asks; whether answering it makes sense.
    fn asked(&mut self, headers: &Headers, status: u16) -> bool {
        let name = if status == 407 { HeaderName::ProxyAuthenticate } else { HeaderName::WwwAuthenticate };
        let values: Vec<_> = headers.get_all(&name).map(|header| header.value()).collect();
        let asked = Challenge::strongest(values.iter().map(|value| &value[..]), status == 407, &self.who);
        let Some(asked) = asked else { return false };
        let again =
            self.challenge.as_ref().is_some_and(|before| before.header() == asked.header() && !asked.stale);
        // A proof from before this request may just have been too old; one made for it was wrong.
        if self.answers >= ANSWERS_MAX || (again && self.answers > 0) {
            return false;
        }
        self.answers += 1;
        self.challenge = Some(asked);
        true
    }

    fn answer(&mut self, method: &str, uri: &str, cnonce: &str) -> Option<(&'static str, String)> {
        let challenge = self.challenge.as_mut()?;
        Some((challenge.header(), challenge.answer(&self.who, method, uri, cnonce)))
    }

    /// The far end was content.
    pub(crate) fn settled(&mut self) {
        self.answers = 0;
    }
}

/// A binding of ours at a carrier.
pub(crate) struct Registration {
    register: Register,
    call_id: u64,
    tag: u64,
    cseq: u32,
    proving: Option<Proving>,
}

impl Endpoint {
    /// Registers, or registers anew where `known` names an earlier registration (the same Call-ID, counted on).
    /// `Registered` or `RegisterFailed` follows. An interval of 0 takes the binding back.
    pub fn register(
        &mut self,
        known: Option<RegistrationId>,
        register: Register,
        now_ms: u64,
    ) -> Result<RegistrationId, Refused> {
        let writable =
            [&register.registrar, &register.address_of_record].into_iter().all(|uri| compose::is_uri(uri))
                && compose::is_user(&register.contact_user)
                && register.credentials.as_ref().is_none_or(Credentials::is_writable);
        if !writable {
            return Err(Refused::BadValue);
        }
        let known = known.filter(|known| self.registrations.get(known.0).is_some());
        let id = match known {
            Some(id) => id.0,
            None => {
                let (call_id, tag) = (self.keyed.draw(), self.keyed.draw());
                let proving = register.credentials.clone().map(Proving::new);
                self.registrations.insert(Registration {
                    register: register.clone(),
                    call_id,
                    tag,
                    cseq: 0,
                    proving,
                })
            }
        };
        if let Some(registration) = self.registrations.get_mut(id) {
            if registration.register.credentials != register.credentials {
                registration.proving = register.credentials.clone().map(Proving::new);
            }
            registration.register = register;
        }
        self.send_register(id, now_ms);
        Ok(RegistrationId(id))
    }

    /// Forgets a registration; the binding at the carrier is left to expire.
    pub fn forget_registration(&mut self, registration: RegistrationId) {
        self.registrations.remove(registration.0);
    }

    fn send_register(&mut self, id: u64, now_ms: u64) {
        let (branch, cnonce) = (self.draw_branch(), self.keyed.draw());
        let Some(registration) = self.registrations.get_mut(id) else { return };
        registration.cseq += 1;
        let Registration { register, call_id, tag, cseq, proving } = registration;
        let proof = proving
            .as_mut()
            .and_then(|proving| proving.answer("REGISTER", &register.registrar, &hex_string(cnonce)));
        let face = self.stamp.face(register.to);
        let mut message = Message::request(&mut self.scratch, "REGISTER", &register.registrar);
        message.via(face, branch).number("Max-Forwards", 70);
        let record = format!("<{}>", register.address_of_record);
        message.party("From", &record, &hex_string(*tag)).header("To", &record);
        message.header("Call-ID", &hex_string(*call_id)).cseq(*cseq, "REGISTER");
        message.header("Contact", &face.contact_of(&register.contact_user));
        message.number("Expires", register.expires_s);
        if let Some((name, value)) = proof {
            message.header(name, &value);
        }
        self.stamp.agent(&mut message, "User-Agent");
        let bytes = message.finish("", &[]);
        let (to, cseq) = (register.to, *cseq);
        self.start_client(Purpose::Register { registration: id }, None, branch, cseq, to, bytes, now_ms);
    }

    /// A final response to our REGISTER.
    pub(super) fn register_answered(&mut self, id: u64, status: u16, headers: &Headers, now_ms: u64) {
        let Some(registration) = self.registrations.get_mut(id) else { return };
        let asked_s = registration.register.expires_s;
        if matches!(status, 401 | 407)
            && registration.proving.as_mut().is_some_and(|p| p.asked(headers, status))
        {
            return self.send_register(id, now_ms);
        }
        if status == 423
            && let Some(min_s) = headers.value(&HeaderName::MinExpires).and_then(|v| incoming::seconds(&v))
            && asked_s > 0
            && (asked_s + 1..=86_400).contains(&min_s)
        {
            registration.register.expires_s = min_s;
            return self.send_register(id, now_ms);
        }
        if let Some(proving) = &mut registration.proving {
            proving.settled();
        }
        let registration = RegistrationId(id);
        if (200..300).contains(&status) {
            // What was taken back is over, whatever else is bound there.
            let granted_s = if asked_s == 0 { Some(0) } else { self.granted_s(id, headers) };
            let expires_s = granted_s.unwrap_or(asked_s);
            return self.emit(Event::Registered { registration, expires_s });
        }
        let retry_after_s =
            headers.value(&HeaderName::RetryAfter).and_then(|value| incoming::seconds(&value));
        let failure = Failure { status, kind: FailureKind::Answered, q850: None, retry_after_s };
        self.emit(Event::RegisterFailed { registration, failure });
    }

    /// The interval the registrar gave our Contact, or all of them.
    fn granted_s(&self, id: u64, headers: &Headers) -> Option<u32> {
        let register = &self.registrations.get(id)?.register;
        let ours = self.stamp.face(register.to).contact_of(&register.contact_user);
        let ours = compose::uri_of(&ours).split(';').next().unwrap_or_default().to_owned();
        let contacts = super::uac::list_of(headers, &HeaderName::Contact);
        let own =
            contacts.iter().find(|contact| compose::uri_of(contact).split(';').next() == Some(ours.as_str()));
        let param = own.and_then(|contact| {
            let params = &contact[contact.find('>').unwrap_or(0)..];
            incoming::seconds(incoming::param(params.as_bytes(), b"expires")?)
        });
        param.or_else(|| incoming::seconds(&headers.value(&HeaderName::Expires)?))
    }

    /// A request of a leg came back with 401 or 407: it goes out again with the answer, if there is one. `request` is
    /// what was sent.
    pub(super) fn prove(
        &mut self,
        client: u64,
        request: &Bytes,
        status: u16,
        headers: &Headers,
        now_ms: u64,
    ) -> bool {
        if !matches!(status, 401 | 407) {
            return false;
        }
        let Some(sent) = self.clients.get(client) else { return false };
        let (purpose, leg_id, to) = (sent.purpose, sent.leg, sent.to);
        let (branch, cnonce) = (self.draw_branch(), self.keyed.draw());
        let Some(id) = leg_id else { return false };
        let Some(leg) = self.legs.get_mut(id.0) else { return false };
        let Some(proving) = leg.proving.as_mut().filter(|_| purpose.may_be_proven()) else { return false };
        let Some(start) = Start::read(request) else { return false };
        if !proving.asked(headers, status) {
            return false;
        }
        let Some(proof) = proving.answer(start.method, start.uri, &hex_string(cnonce)) else { return false };
        let cseq = leg.next_cseq();
        if purpose.is_invite()
            && let Some(proving) = &mut leg.proving
        {
            proving.sent = Some(proof.clone());
        }
        let bytes =
            rewrite(&mut self.scratch, request, self.stamp.face(to), branch, (cseq, start.method), &proof);
        let client = self.start_client(purpose, Some(id), branch, cseq, to, bytes, now_ms);
        if let Some(leg) = self.legs.get_mut(id.0) {
            match purpose {
                Purpose::Invite => leg.invite = Some(client),
                Purpose::Reinvite | Purpose::RefreshInvite => leg.reinvite_out = Some(client),
                _ => {}
            }
        }
        true
    }

    /// The header that proves a request of a leg unasked, once its far end has asked before.
    pub(super) fn proof(&mut self, id: crate::LegId, method: &str) -> Option<(&'static str, String)> {
        let leg = self.legs.get_mut(id.0)?;
        let proving = leg.proving.as_mut()?;
        proving.challenge.as_ref()?;
        let cnonce = hex_string(self.keyed.draw());
        let proof = proving.answer(method, &leg.dialog.remote_target, &cnonce);
        if method == "INVITE" {
            proving.sent = proof.clone();
        }
        proof
    }
}

/// The start line of a request of ours.
struct Start<'r> {
    method: &'r str,
    uri: &'r str,
}

impl<'r> Start<'r> {
    fn read(request: &'r [u8]) -> Option<Start<'r>> {
        let line = request.split(|&byte| byte == b'\r').next()?;
        let mut words = std::str::from_utf8(line).ok()?.split(' ');
        Some(Start { method: words.next()?, uri: words.next()? })
    }
}

/// A request of ours once more: another branch, another CSeq, and the proof.
fn rewrite(
    scratch: &mut Vec<u8>,
    request: &[u8],
    face: &compose::Face,
    branch: u64,
    (cseq, method): (u32, &str),
    (name, value): &(&'static str, String),
) -> Bytes {
    let head = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(request.len());
    let mut lines =
        request[..head].split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    scratch.clear();
    let mut message = Message::begun(scratch);
    message.lines(lines.next().unwrap_or_default()).lines(b"\r\n").via(face, branch);
    for line in lines {
        if line.starts_with(b"CSeq: ") {
            message.cseq(cseq, method).header(name, value);
        } else if !line.starts_with(b"Via: ") && !line.starts_with(name.as_bytes()) {
            message.lines(line).lines(b"\r\n");
        }
    }
    message.lines(&request[head + 2..]).whole()
}
