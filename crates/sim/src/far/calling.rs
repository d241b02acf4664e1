//! The caller's side of its own INVITE: final responses, CANCEL, the ACK that may get lost.

use super::leg::{Leg, Phase};
use super::{CallerPlan, Doings, Note, Timer};
use crate::wire::{Message, Method, Voice};

impl Leg {
    pub(super) fn invite(&mut self, caller: &str, number: &str, plan: CallerPlan, out: &mut Doings) {
        let (home, node) = (self.home, self.node);
        let shown = if plan.withheld {
            "sip:anonymous@anonymous.invalid".into()
        } else {
            format!("sip:{caller}@{}", home.ip())
        };
        self.own = format!("<{shown}>");
        let dialled = plan.dials.as_deref().unwrap_or(number);
        self.target = format!("sip:{dialled}@{node}");
        self.remote = format!("<{}>", self.target);
        self.talk = plan.talk.clone();
        if let Some(ms) = plan.give_up_ms {
            self.later(ms, Timer::GiveUp, out);
        }
        self.caller_plan = plan;
        let body = if self.caller_plan.late_offer { String::new() } else { self.description(Voice::Both) };
        self.ask(Method::Invite, &body, out);
    }

    /// A provisional response: now a CANCEL may go out (RFC 3261 9.1).
    pub(super) fn proceeds(&mut self, out: &mut Doings) {
        if self.phase == Phase::Cancelling && !self.said_cancel() {
            self.send_cancel(out);
        }
    }

    /// The caller gives up.
    pub fn cancel(&mut self, out: &mut Doings) {
        if self.phase != Phase::Inviting {
            return;
        }
        self.phase = Phase::Cancelling;
        if self.is_proceeding() {
            self.send_cancel(out);
        }
    }

    fn said_cancel(&self) -> bool {
        self.said.iter().any(|(method, _, _)| *method == Method::Cancel)
    }

    fn send_cancel(&mut self, out: &mut Doings) {
        let bytes = self.write(Method::Cancel, 1, &format!("{}x1", self.place), "");
        // Marked as said, so that it is begun once.
        self.said.push((Method::Cancel, 0, Vec::new()));
        self.expect(Method::Cancel, 1, bytes, out);
    }

    /// A final response to the INVITE. Whatever is repeated must be the same (one final response to each INVITE).
    pub(super) fn finally(&mut self, message: &Message<'_>, life: u32, out: &mut Doings) {
        let said = (message.status, message.to_tag().to_owned());
        if !self.finals.contains(&said) {
            if let Some(first) = self.finals.first().filter(|_| self.life == life) {
                out.faults.push(format!("final {} after final {} to {}", said.0, first.0, self.call_id));
            }
            self.finals.push(said);
        }
        if message.status >= 300 {
            return self.refused(message, out);
        }
        match self.phase {
            Phase::Inviting | Phase::Cancelling => self.connected(message, out),
            _ if self.remote_tag == message.to_tag() && self.has_acked(1) => {
                self.acknowledge(message, "", "", out)
            }
            _ if self.remote_tag == message.to_tag() => self.acknowledge_by_plan(message, out),
            // A 200 of a node that died since: another dialog, which nobody wants.
            _ => {}
        }
    }

    fn refused(&mut self, message: &Message<'_>, out: &mut Doings) {
        let branch = format!("{}x1", self.place);
        self.acknowledge(message, &branch, "", out);
        if matches!(self.phase, Phase::Inviting | Phase::Cancelling) {
            if self.phase == Phase::Inviting {
                out.notes.push(Note::Failed(self.place));
            }
            self.end(out);
        }
    }

    fn connected(&mut self, message: &Message<'_>, out: &mut Doings) {
        let unwanted = self.phase == Phase::Cancelling;
        self.remote_tag = message.to_tag().to_owned();
        self.target = message.contact.to_owned();
        self.phase = Phase::Answered;
        self.acknowledge_by_plan(message, out);
        if unwanted && self.phase == Phase::Up {
            self.leave(out);
        }
    }

    fn acknowledge_by_plan(&mut self, message: &Message<'_>, out: &mut Doings) {
        if self.caller_plan.acks_lost > 0 {
            self.caller_plan.acks_lost -= 1;
            return;
        }
        let body = if self.caller_plan.late_offer { self.description(Voice::Both) } else { String::new() };
        self.acknowledge(message, "", &body, out);
        if self.phase == Phase::Answered {
            self.up(out);
        }
    }
}
