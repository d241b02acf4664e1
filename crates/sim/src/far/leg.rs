//! One leg of a far end: its dialog, its transactions and their repetitions (RFC 3261 17), the call once it is up.

use std::net::SocketAddr;

use hotline::CallId;

use super::{CalleePlan, CallerPlan, Doings, FarEnds, GIVE_UP_MS, Note, T1_MS, TalkPlan, Timer};
use crate::wire::{self, Message, Method, Request, Voice};

/// Which end of an INVITE it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Role {
    Caller,
    Callee,
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its INVITE, or the node's, has no final response.
    Inviting,
    /// A caller that sent CANCEL, or wants to.
    Cancelling,
    /// A callee's 200 waits for its ACK.
    Answered,
    /// The dialog stands.
    Up,
    /// Its BYE waits for an answer.
    Leaving,
    /// Nothing is left but answers to repetitions.
    Over,
}

/// What an end asks for in the middle of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Another description of its media.
    Media(Voice),
    /// The same media at another port.
    Move,
    /// The description it gave last, once more.
    Refresh,
    /// The node's offer: an INVITE without a description, which the ACK then has.
    Ask,
    /// The same by UPDATE (RFC 3311), with a description.
    Update(Voice),
    /// An UPDATE without one.
    Touch,
}

impl Wish {
    /// What the end at a place does when its plan says hold: each does its own.
    fn of_place(place: usize) -> Wish {
        const KINDS: [Wish; 11] = [
            Wish::Media(Voice::Hold),
            Wish::Move,
            Wish::Media(Voice::Inactive),
            Wish::Ask,
            Wish::Media(Voice::Hold),
            Wish::Media(Voice::Nowhere),
            Wish::Refresh,
            Wish::Media(Voice::Wide),
            Wish::Update(Voice::Hold),
            Wish::Media(Voice::Fax),
            Wish::Touch,
        ];
        KINDS[place % KINDS.len()]
    }
}

/// A request of ours that waits for its final response.
#[derive(Clone, Debug)]
struct Pending {
    method: Method,
    cseq: u32,
    bytes: Vec<u8>,
    interval_ms: u64,
    spent_ms: u64,
    proceeding: bool,
}

/// A final response to an INVITE that waits for its ACK.
#[derive(Clone, Debug)]
struct Unacked {
    cseq: u32,
    bytes: Vec<u8>,
    interval_ms: u64,
    spent_ms: u64,
}

/// A leg of a far end.
#[derive(Clone, Debug)]
pub struct Leg {
    /// Its place among all.
    pub place: usize,
    /// Which end it is.
    pub role: Role,
    /// Its own address.
    pub home: SocketAddr,
    pub(super) node: SocketAddr,
    /// Its Call-ID.
    pub call_id: String,
    /// Its own tag.
    pub tag: String,
    pub(super) remote_tag: String,
    /// From of our requests, without a tag.
    pub(super) own: String,
    pub(super) remote: String,
    pub(super) target: String,
    cseq: u32,
    remote_cseq: u32,
    version: u32,
    /// It receives RTP one port block higher since it moved.
    moved: bool,
    /// The description it gave last.
    described: String,
    /// What it asked for last in the middle of the call.
    changing: Option<Wish>,
    /// Where it stands.
    pub phase: Phase,
    /// It says nothing and hears nothing any more.
    pub vanished: bool,
    /// The node's call, as its outputs named it.
    pub call: Option<CallId>,
    /// The life of the node that its INVITE was made in.
    pub life: u32,
    /// Final responses to its INVITE, repetitions left out: status and tag.
    pub finals: Vec<(u16, String)>,
    /// Nothing final came to its INVITE in 64·T1.
    pub unanswered: bool,
    pub(super) caller_plan: CallerPlan,
    pub(super) callee_plan: Option<CalleePlan>,
    pub(super) talk: TalkPlan,
    pub(super) invite: Vec<u8>,
    pending: Vec<Pending>,
    unacked: Option<Unacked>,
    /// The last response to each request of the node.
    pub(super) said: Vec<(Method, u32, Vec<u8>)>,
    /// The ACK to the node's last 2xx.
    acked: Vec<(u32, Vec<u8>)>,
}

impl Leg {
    pub(super) fn caller(place: usize, home: SocketAddr, node: SocketAddr, life: u32) -> Self {
        Self {
            place,
            role: Role::Caller,
            home,
            node,
            call_id: format!("c{place}"),
            tag: format!("t{place}"),
            remote_tag: String::new(),
            own: String::new(),
            remote: String::new(),
            target: String::new(),
            cseq: 0,
            remote_cseq: 0,
            version: 1,
            moved: false,
            described: String::new(),
            changing: None,
            phase: Phase::Inviting,
            vanished: false,
            call: None,
            life,
            finals: Vec::new(),
            unanswered: false,
            caller_plan: CallerPlan::default(),
            callee_plan: None,
            talk: TalkPlan::default(),
            invite: Vec::new(),
            pending: Vec::new(),
            unacked: None,
            said: Vec::new(),
            acked: Vec::new(),
        }
    }

    pub(super) fn callee(
        place: usize,
        home: SocketAddr,
        node: SocketAddr,
        life: u32,
        invite: &Message<'_>,
        plan: CalleePlan,
        out: &mut Doings,
    ) -> Self {
        let mut leg = Self {
            role: Role::Callee,
            call_id: invite.call_id.to_owned(),
            remote_tag: invite.from_tag().to_owned(),
            own: invite.to.to_owned(),
            remote: invite.from.split(";tag=").next().unwrap_or_default().to_owned(),
            target: invite.contact.to_owned(),
            remote_cseq: invite.cseq,
            talk: plan.talk.clone(),
            callee_plan: Some(plan),
            ..Self::caller(place, home, node, life)
        };
        leg.rung(invite, out);
        leg
    }

    /// The same callee by another fork, if this one answered and its INVITE is still known.
    pub(super) fn twin(&self, place: usize) -> Option<Self> {
        let wanted = matches!(self.phase, Phase::Answered | Phase::Up) && !self.invite.is_empty();
        wanted.then(|| Self {
            place,
            tag: format!("t{place}"),
            phase: Phase::Inviting,
            talk: TalkPlan::default(),
            callee_plan: None,
            pending: Vec::new(),
            unacked: None,
            said: Vec::new(),
            acked: Vec::new(),
            cseq: 0,
            ..self.clone()
        })
    }

    /// Whether a dialog stands as this end sees it: it was acknowledged and nobody ended it.
    pub fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Up | Phase::Leaving) && !self.vanished
    }

    /// Whether RTP comes from it.
    pub fn speaks(&self) -> bool {
        !self.vanished && self.phase != Phase::Over
    }

    pub(super) fn send(&self, bytes: Vec<u8>, out: &mut Doings) {
        out.sends.push((self.home, self.node, bytes));
    }

    pub(super) fn later(&self, ms: u64, timer: Timer, out: &mut Doings) {
        out.timers.push((ms, self.place, timer));
    }

    pub(super) fn description(&mut self, voice: Voice) -> String {
        self.version += 1;
        let callee_strange = self.callee_plan.as_ref().is_some_and(|plan| plan.strange);
        let strange = callee_strange || self.caller_plan.strange;
        let voice = if strange { Voice::Strange } else { voice };
        self.described = wire::describe(self.rtp(), self.version, voice);
        self.described.clone()
    }

    /// Where it receives RTP.
    pub fn rtp(&self) -> SocketAddr {
        let mut rtp = FarEnds::rtp_of(self.place);
        rtp.set_port(rtp.port() + u16::from(self.moved));
        rtp
    }

    /// A request of ours: written, sent, and repeated until it is answered.
    pub(super) fn ask(&mut self, method: Method, body: &str, out: &mut Doings) {
        self.cseq += 1;
        let (cseq, place) = (self.cseq, self.place);
        let bytes = self.write(method, cseq, &format!("{place}x{cseq}"), body);
        self.expect(method, cseq, bytes, out);
    }

    pub(super) fn write(&self, method: Method, cseq: u32, branch: &str, body: &str) -> Vec<u8> {
        let mark = if self.remote_tag.is_empty() { "" } else { ";tag=" };
        let request = Request {
            method,
            uri: &self.target,
            home: self.home,
            branch,
            from: &format!("{};tag={}", self.own, self.tag),
            to: &format!("{}{mark}{}", self.remote, self.remote_tag),
            call_id: &self.call_id,
            cseq,
            extra: if method == Method::Invite && cseq == 1 { &self.caller_plan.headers } else { "" },
            body,
        };
        request.write()
    }

    pub(super) fn expect(&mut self, method: Method, cseq: u32, bytes: Vec<u8>, out: &mut Doings) {
        self.send(bytes.clone(), out);
        self.later(T1_MS, Timer::Repeat(method, cseq), out);
        let pending = Pending { method, cseq, bytes, interval_ms: T1_MS, spent_ms: 0, proceeding: false };
        self.pending.push(pending);
    }

    fn repeat(&mut self, method: Method, cseq: u32, out: &mut Doings) {
        let waits = |pending: &Pending| (pending.method, pending.cseq) == (method, cseq);
        let Some(at) = self.pending.iter().position(waits) else { return };
        let pending = &mut self.pending[at];
        if pending.proceeding && method == Method::Invite {
            return;
        }
        pending.spent_ms += pending.interval_ms;
        if pending.spent_ms >= GIVE_UP_MS {
            self.pending.remove(at);
            return self.given_up(method, out);
        }
        pending.interval_ms =
            (pending.interval_ms * 2).min(if method == Method::Invite { 32_000 } else { 4_000 });
        let (bytes, next) = (pending.bytes.clone(), pending.interval_ms.min(GIVE_UP_MS - pending.spent_ms));
        self.later(next, Timer::Repeat(method, cseq), out);
        self.send(bytes, out);
    }

    fn given_up(&mut self, method: Method, out: &mut Doings) {
        match (method, self.phase) {
            (Method::Invite, Phase::Inviting | Phase::Cancelling) | (Method::Cancel, Phase::Cancelling) => {
                self.unanswered = true;
                self.end(out);
            }
            (Method::Bye, _) => self.end(out),
            _ => {}
        }
    }

    /// Nothing more comes from it.
    pub(super) fn end(&mut self, out: &mut Doings) {
        if self.phase != Phase::Over {
            self.phase = Phase::Over;
            out.notes.push(Note::Quiet(self.place));
        }
        self.pending.retain(|pending| pending.method != Method::Invite);
    }

    pub(super) fn receive(&mut self, message: &Message<'_>, life: u32, out: &mut Doings) {
        if message.status > 0 {
            return self.answered_by_node(message, life, out);
        }
        let same = |said: &&(Method, u32, Vec<u8>)| (said.0, said.1) == (message.method, message.cseq);
        if let Some((_, _, bytes)) = self.said.iter().find(same) {
            let bytes = bytes.clone();
            return self.send(bytes, out);
        }
        match message.method {
            Method::Ack => self.acknowledged(message, out),
            Method::Cancel => self.cancelled(message, out),
            Method::Bye => self.said_bye(message, out),
            // The node's INVITE, repeated before anything was said to it.
            Method::Invite if message.to_tag().is_empty() => {}
            Method::Invite => self.reinvited(message, out),
            Method::Options | Method::Update | Method::Info | Method::Other => {
                self.say(message, 200, "", out)
            }
        }
    }

    /// A response of ours, kept for repetitions of its request.
    pub(super) fn say(&mut self, to: &Message<'_>, status: u16, body: &str, out: &mut Doings) {
        let bytes = wire::respond(to, status, &self.tag, self.home, "", body);
        self.keep_said(to.method, to.cseq, bytes, out);
    }

    pub(super) fn keep_said(&mut self, method: Method, cseq: u32, bytes: Vec<u8>, out: &mut Doings) {
        self.said.retain(|said| (said.0, said.1) != (method, cseq));
        self.said.push((method, cseq, bytes.clone()));
        self.send(bytes, out);
    }

    fn said_bye(&mut self, message: &Message<'_>, out: &mut Doings) {
        if message.from_tag() != self.remote_tag {
            // A dialog of an earlier life of the node, which this end never had.
            let bytes = wire::respond(message, 481, &self.tag, self.home, "", "");
            return self.send(bytes, out);
        }
        if message.cseq <= self.remote_cseq {
            // RFC 3261 12.2.2: a request of an earlier life of the node, late on its way.
            return self.say(message, 500, "", out);
        }
        self.remote_cseq = message.cseq;
        match self.phase {
            Phase::Inviting | Phase::Cancelling => self.say(message, 481, "", out),
            Phase::Over => self.say(message, 481, "", out),
            Phase::Answered | Phase::Up | Phase::Leaving => {
                self.say(message, 200, "", out);
                self.unacked = None;
                self.end(out);
            }
        }
    }

    fn reinvited(&mut self, message: &Message<'_>, out: &mut Doings) {
        let ours = self.pending.iter().any(|pending| pending.method == Method::Invite);
        if self.phase == Phase::Over {
            return self.say(message, 481, "", out);
        }
        if ours || self.unacked.is_some() {
            return self.say(message, 491, "", out);
        }
        let body = self.description(Voice::Both);
        let bytes = wire::respond(message, 200, &self.tag, self.home, "", &body);
        self.say_final(message.cseq, bytes, out);
    }

    /// A final response to an INVITE, repeated until its ACK comes.
    pub(super) fn say_final(&mut self, cseq: u32, bytes: Vec<u8>, out: &mut Doings) {
        self.keep_said(Method::Invite, cseq, bytes.clone(), out);
        self.unacked = Some(Unacked { cseq, bytes, interval_ms: T1_MS, spent_ms: 0 });
        self.later(T1_MS, Timer::RepeatAnswer(cseq), out);
    }

    fn repeat_answer(&mut self, cseq: u32, out: &mut Doings) {
        let Some(unacked) = self.unacked.as_mut().filter(|unacked| unacked.cseq == cseq) else { return };
        unacked.spent_ms += unacked.interval_ms;
        if unacked.spent_ms >= GIVE_UP_MS {
            self.unacked = None;
            match self.phase {
                // RFC 3261 13.3.1.4: nobody acknowledged our 200.
                Phase::Answered | Phase::Up => self.leave(out),
                _ => self.end(out),
            }
            return;
        }
        unacked.interval_ms = (unacked.interval_ms * 2).min(4_000);
        let (bytes, next) = (unacked.bytes.clone(), unacked.interval_ms);
        self.later(next, Timer::RepeatAnswer(cseq), out);
        self.send(bytes, out);
    }

    fn acknowledged(&mut self, message: &Message<'_>, out: &mut Doings) {
        if self.unacked.as_ref().is_none_or(|unacked| unacked.cseq != message.cseq) {
            return;
        }
        self.unacked = None;
        match self.phase {
            Phase::Answered => self.up(out),
            Phase::Inviting | Phase::Cancelling => self.end(out),
            Phase::Up | Phase::Leaving | Phase::Over => {}
        }
    }

    /// The dialog stands: the plan of the talk begins.
    pub(super) fn up(&mut self, out: &mut Doings) {
        self.phase = Phase::Up;
        let talk = self.talk.clone();
        if let Some(ms) = talk.hang_up_ms {
            self.later(ms, Timer::HangUp, out);
        }
        if let Some((hold, _)) = talk.hold_ms {
            self.later(hold, Timer::Hold, out);
        }
        if let Some(ms) = talk.vanish_ms {
            self.later(ms, Timer::Vanish, out);
        }
    }

    /// BYE.
    pub fn leave(&mut self, out: &mut Doings) {
        if !matches!(self.phase, Phase::Answered | Phase::Up) {
            return;
        }
        self.phase = Phase::Leaving;
        self.ask(Method::Bye, "", out);
        out.notes.push(Note::SaidBye(self.place));
        if self.talk.second_bye {
            self.later(40, Timer::SecondBye, out);
        }
    }

    /// A re-INVITE, or UPDATE, in a call that is up and has no other under way.
    pub fn change(&mut self, wish: Wish, out: &mut Doings) {
        if self.phase != Phase::Up || self.unacked.is_some() {
            return;
        }
        let asks = |pending: &Pending| matches!(pending.method, Method::Invite | Method::Update);
        if self.pending.iter().any(asks) {
            return;
        }
        self.changing = Some(wish);
        match wish {
            Wish::Media(voice) => {
                let body = self.description(voice);
                self.ask(Method::Invite, &body, out);
            }
            Wish::Move => {
                self.moved = !self.moved;
                let body = self.description(Voice::Both);
                self.ask(Method::Invite, &body, out);
            }
            Wish::Refresh => {
                let body = self.described.clone();
                self.ask(Method::Invite, &body, out);
            }
            Wish::Ask => self.ask(Method::Invite, "", out),
            Wish::Update(voice) => {
                let body = self.description(voice);
                self.ask(Method::Update, &body, out);
            }
            Wish::Touch => self.ask(Method::Update, "", out),
        }
        out.notes.push(Note::Reinvited(self.place));
    }

    /// What the node must say to what was asked for: the state of the call, not its words.
    fn check_changed(&self, message: &Message<'_>, out: &mut Doings) {
        let wanted = match self.changing {
            Some(Wish::Media(Voice::Fax)) => return self.check_refused(message, out),
            Some(Wish::Media(voice) | Wish::Update(voice)) => match voice {
                Voice::Hold => "a=recvonly",
                Voice::Inactive => "a=inactive",
                Voice::Wide => "a=rtpmap:9 G722/8000",
                Voice::Both | Voice::Nowhere => "a=sendrecv",
                Voice::Strange | Voice::Fax => return,
            },
            Some(Wish::Move | Wish::Refresh) => "m=audio ",
            Some(Wish::Ask) => "a=sendrecv",
            Some(Wish::Touch) | None => return,
        };
        if message.status == 200 && !message.body.contains(wanted) {
            out.faults.push(format!("asked for {:?}, answered {}", self.changing, message.body));
        }
    }

    fn check_refused(&self, message: &Message<'_>, out: &mut Doings) {
        if message.status < 300 {
            out.faults.push(format!("a fax is answered {}", message.status));
        }
    }

    pub(super) fn due(&mut self, timer: Timer, out: &mut Doings) {
        match timer {
            Timer::Repeat(method, cseq) => self.repeat(method, cseq, out),
            Timer::RepeatAnswer(cseq) => self.repeat_answer(cseq, out),
            Timer::Ring => self.ring(out),
            Timer::Decide => self.decide(out),
            Timer::GiveUp => self.cancel(out),
            Timer::HangUp => self.leave(out),
            Timer::Hold => {
                self.change(Wish::of_place(self.place), out);
                let back = self.talk.hold_ms.map_or(1_000, |(_, back)| back);
                self.later(back, Timer::Resume, out);
            }
            Timer::Resume => self.change(Wish::Media(Voice::Both), out),
            Timer::SecondBye if matches!(self.phase, Phase::Leaving | Phase::Over) => {
                self.ask(Method::Bye, "", out);
            }
            Timer::SecondBye | Timer::Fork => {}
            Timer::Vanish => {
                self.vanished = true;
                out.notes.push(Note::Quiet(self.place));
            }
        }
    }

    fn answered_by_node(&mut self, message: &Message<'_>, life: u32, out: &mut Doings) {
        let waits = |pending: &Pending| (pending.method, pending.cseq) == (message.method, message.cseq);
        let at = self.pending.iter().position(waits);
        if message.status < 200 {
            if let Some(at) = at {
                self.pending[at].proceeding = true;
            }
            if message.method == Method::Invite && message.cseq == 1 && self.role == Role::Caller {
                self.proceeds(out);
            }
            return;
        }
        if let Some(at) = at {
            self.pending.remove(at);
        }
        match message.method {
            Method::Invite if message.cseq == 1 && self.role == Role::Caller => {
                self.finally(message, life, out);
            }
            Method::Invite => self.reinvite_answered(message, at.is_some(), out),
            Method::Update if at.is_some() => self.check_changed(message, out),
            Method::Bye => self.end(out),
            _ => {}
        }
    }

    fn reinvite_answered(&mut self, message: &Message<'_>, first: bool, out: &mut Doings) {
        if first {
            self.check_changed(message, out);
        }
        let asked = message.status < 300 && self.changing == Some(Wish::Ask);
        let body = if first && asked { self.description(Voice::Both) } else { String::new() };
        let branch =
            if message.status < 300 { "ack".into() } else { format!("{}x{}", self.place, message.cseq) };
        self.acknowledge(message, &branch, &body, out);
        if message.status == 481 {
            self.end(out);
        }
    }

    /// ACK, the same one for each repetition.
    pub(super) fn acknowledge(&mut self, message: &Message<'_>, branch: &str, body: &str, out: &mut Doings) {
        if let Some((_, bytes)) = self.acked.iter().find(|(cseq, _)| *cseq == message.cseq) {
            let bytes = bytes.clone();
            return self.send(bytes, out);
        }
        let branch =
            if message.status < 300 { format!("{}a{}", self.place, message.cseq) } else { branch.into() };
        let request = Request {
            method: Method::Ack,
            uri: &self.target,
            home: self.home,
            branch: &branch,
            from: &format!("{};tag={}", self.own, self.tag),
            to: message.to,
            call_id: &self.call_id,
            cseq: message.cseq,
            extra: "",
            body,
        };
        let bytes = request.write();
        self.acked.push((message.cseq, bytes.clone()));
        self.send(bytes, out);
    }

    pub(super) fn has_acked(&self, cseq: u32) -> bool {
        self.acked.iter().any(|(acked, _)| *acked == cseq)
    }

    pub(super) fn is_proceeding(&self) -> bool {
        self.pending.iter().any(|pending| pending.method == Method::Invite && pending.proceeding)
    }
}
