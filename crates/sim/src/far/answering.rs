//! The callee's side of the node's INVITE: ringing, deciding, answering too late.

use super::leg::{Leg, Phase};
use super::{Doings, Note, Outcome, Timer};
use crate::wire::{self, Message, Method, Voice};

impl Leg {
    /// The INVITE came.
    pub(super) fn rung(&mut self, invite: &Message<'_>, out: &mut Doings) {
        let Some(plan) = self.callee_plan.clone() else { return };
        if plan.outcome == Outcome::Dead {
            self.vanished = true;
            return;
        }
        self.invite = invite_head(invite);
        if plan.trying {
            self.say(invite, 100, "", out);
        }
        if let Some((ms, _)) = plan.ring {
            self.later(ms, Timer::Ring, out);
        }
        match plan.outcome {
            Outcome::Answer(ms) | Outcome::Refuse(ms, _, _) => self.later(ms, Timer::Decide, out),
            Outcome::Silence | Outcome::Dead => {}
        }
    }

    /// 18x by the plan.
    pub fn ring(&mut self, out: &mut Doings) {
        let status = self.callee_plan.as_ref().and_then(|plan| plan.ring).map_or(180, |(_, status)| status);
        self.progress(status, out);
    }

    /// 18x; 183 with early media.
    pub fn progress(&mut self, status: u16, out: &mut Doings) {
        if self.phase == Phase::Inviting {
            let invite = std::mem::take(&mut self.invite);
            if let Some(message) = Message::read(&invite) {
                if status == 183 {
                    out.notes.push(Note::Early(self.place));
                }
                let body = if status == 183 { self.description(Voice::Both) } else { String::new() };
                let bytes = wire::respond(&message, status, &self.tag, self.home, "", &body);
                self.keep_said(Method::Invite, message.cseq, bytes, out);
            }
            self.invite = invite;
        }
    }

    pub(super) fn decide(&mut self, out: &mut Doings) {
        let Some(plan) = &self.callee_plan else { return };
        match (self.phase, plan.outcome) {
            (Phase::Inviting, Outcome::Answer(_)) => {
                let fork = plan.fork_ms;
                self.answer(out);
                if let Some(ms) = fork {
                    self.later(ms, Timer::Fork, out);
                }
                out.notes.push(Note::Answered(self.place));
            }
            (Phase::Inviting, Outcome::Refuse(_, status, q850)) => self.refuse(status, q850, out),
            _ => {}
        }
    }

    /// 200 with our description.
    pub fn answer(&mut self, out: &mut Doings) {
        if self.phase != Phase::Inviting {
            return;
        }
        self.phase = Phase::Answered;
        let body = self.description(Voice::Both);
        self.finish_invite(200, "", &body, out);
    }

    /// A final status that is no 200.
    pub fn refuse(&mut self, status: u16, q850: u16, out: &mut Doings) {
        if self.phase != Phase::Inviting {
            return;
        }
        let extra = if q850 == 0 { String::new() } else { format!("Reason: Q.850;cause={q850}\r\n") };
        self.finish_invite(status, &extra, "", out);
        self.phase = Phase::Over;
        out.notes.push(Note::Quiet(self.place));
    }

    fn finish_invite(&mut self, status: u16, extra: &str, body: &str, out: &mut Doings) {
        let invite = std::mem::take(&mut self.invite);
        let Some(message) = Message::read(&invite) else { return };
        let bytes = wire::respond(&message, status, &self.tag, self.home, extra, body);
        self.say_final(message.cseq, bytes, out);
        self.invite = invite;
    }

    /// CANCEL: answered always; it ends an INVITE without a final response, unless this callee is deaf to it.
    pub(super) fn cancelled(&mut self, message: &Message<'_>, out: &mut Doings) {
        self.say(message, 200, "", out);
        if self.phase != Phase::Inviting {
            return;
        }
        if self.callee_plan.as_ref().is_some_and(|plan| plan.deaf_to_cancel) {
            self.answer(out);
        } else {
            self.refuse(487, 0, out);
        }
    }
}

/// The INVITE without its body, to write responses from.
fn invite_head(invite: &Message<'_>) -> Vec<u8> {
    let Message { uri, via, from, to, call_id, cseq, .. } = invite;
    format!(
        "INVITE {uri} SIP/2.0\r\nVia: {via}\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} INVITE\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}
