//! Provisional responses that are acknowledged (RFC 3262): ours to callers that can, theirs to our calls.
//! It refuses to know what is described in them.

use bytes::Bytes;
use sipx_sip::Response;
use sipx_sip::rel::{RAck, RSeq};

use super::Endpoint;
use super::ingress::Arrival;
use super::uac::peer_dialog;
use crate::command::LegId;
use crate::compose;
use crate::event::Event;
use crate::hop::Hop;
use crate::incoming::{self, Body, Extensions, Head};
use crate::leg::{Attempt, Deadline, State};
use crate::transaction::Purpose;

/// The name of the extension in Supported and Require.
pub(crate) const OPTION: &str = "100rel";
/// More early dialogs than this are not acknowledged: nobody honest has them.
const EARLY_MAX: usize = 8;

/// What a leg holds of them.
#[derive(Default)]
pub(crate) struct Reliable {
    /// The caller understands them, so it gets no others.
    pub(crate) wanted: bool,
    /// RSeq of our last one; 0 before the first.
    rseq: u32,
    unacknowledged: Option<Unacknowledged>,
    /// What waits for the PRACK: the next response, and our 200.
    next: Option<(u16, Vec<u8>)>,
    answer: Option<Vec<u8>>,
    /// The caller has our description for certain, so that UPDATE may offer another.
    pub(crate) agreed: bool,
    /// Early dialogs of our call: their tag, and the RSeq acknowledged last.
    early: Vec<(String, u32)>,
}

/// One of ours that waits for its PRACK.
struct Unacknowledged {
    rseq: u32,
    bytes: Bytes,
    to: Hop,
    interval_ms: u64,
    /// It carried a description: the 200 must wait for its PRACK (RFC 3262 section 3).
    described: bool,
}

/// What becomes of a provisional response of theirs.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is news.
    New,
    /// It was heard before, or one before it is missing and will be repeated.
    Old,
}

impl Endpoint {
    /// Sends a provisional response so that it arrives; `false` when the caller does not understand that.
    pub(super) fn provisional_reliably(
        &mut self,
        id: LegId,
        server: u64,
        status: u16,
        sdp: &[u8],
        now_ms: u64,
    ) -> bool {
        let first = self.keyed.draw() as u32 & 0x3fff_ffff;
        let Some(leg) = self.legs.get_mut(id.0).filter(|leg| leg.reliable.wanted) else { return false };
        let state = &mut leg.reliable;
        if state.unacknowledged.is_some() {
            state.next = Some((status, sdp.to_vec()));
            return true;
        }
        state.rseq = if state.rseq == 0 { first + 1 } else { state.rseq + 1 };
        let rseq = state.rseq;
        let sent = self.respond(server, status, sdp, now_ms, |message| {
            message.header("Require", OPTION).number("RSeq", rseq);
        });
        let to = self.servers.get(server).map(|server| server.to);
        let (Some(bytes), Some(to), Some(leg)) = (sent, to, self.legs.get_mut(id.0)) else { return true };
        let (interval_ms, described) = (self.config.t1_ms, !sdp.is_empty());
        leg.reliable.unacknowledged = Some(Unacknowledged { rseq, bytes, to, interval_ms, described });
        leg.deadlines.set(Deadline::ResendProvisional, now_ms + interval_ms);
        leg.deadlines.set(Deadline::PrackMissing, now_ms + 64 * interval_ms);
        true
    }

    /// Keeps our 200 back while a description of ours is not acknowledged; `false` when it may go.
    pub(super) fn hold_answer(&mut self, id: LegId, sdp: &[u8]) -> bool {
        let Some(state) = self.legs.get_mut(id.0).map(|leg| &mut leg.reliable) else { return false };
        let holds = state.unacknowledged.as_ref().is_some_and(|sent| sent.described);
        if holds {
            state.answer = Some(sdp.to_vec());
        }
        holds
    }

    pub(super) fn resend_provisional(&mut self, id: LegId, now_ms: u64) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let Some(sent) = &mut leg.reliable.unacknowledged else { return };
        sent.interval_ms *= 2;
        leg.deadlines.set(Deadline::ResendProvisional, now_ms + sent.interval_ms);
        let (to, bytes) = (sent.to, sent.bytes.clone());
        self.totals.retransmitted += 1;
        self.transmit(to, bytes, Some(id));
    }

    /// RFC 3262 section 3: a caller that never acknowledges is refused with a 5xx.
    pub(super) fn prack_missing(&mut self, id: LegId, now_ms: u64) {
        let Some(server) =
            self.legs.get(id.0).filter(|leg| leg.state == State::Invited).and_then(|leg| leg.invite)
        else {
            return;
        };
        self.respond(server, 504, &[], now_ms, |_| {});
        // Q.850 102: recovery on timer expiry.
        self.caller_left(id, Some(102));
    }

    /// The caller is gone before our final response left: a call that was answered in everything but the 200 that waited
    /// for its PRACK ends as one that was hung up.
    pub(super) fn caller_left(&mut self, id: LegId, q850: Option<u16>) {
        let answered = self.legs.get(id.0).is_some_and(|leg| leg.reliable.answer.is_some());
        self.emit(match answered {
            true => Event::Bye { leg: id, q850, reason: None },
            false => Event::Cancelled { leg: id, q850 },
        });
        self.close(id);
    }

    /// PRACK inside a dialog of theirs.
    pub(super) fn receive_prack(&mut self, id: LegId, arrival: &Arrival<'_>) {
        let acknowledged = arrival.request.headers.typed::<RAck>().and_then(Result::ok);
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let invite_cseq = leg.invite.and_then(|server| self.servers.get(server)).map(|server| server.cseq);
        let ours = leg.reliable.unacknowledged.as_ref().is_some_and(|sent| {
            acknowledged.is_some_and(|ack| ack.rseq == sent.rseq && Some(ack.cseq) == invite_cseq)
        });
        if !ours {
            return self.keep_answer(id, arrival, 481, &[]);
        }
        let described = leg.reliable.unacknowledged.take().is_some_and(|sent| sent.described);
        leg.reliable.agreed |= described;
        leg.deadlines.clear(Deadline::ResendProvisional);
        leg.deadlines.clear(Deadline::PrackMissing);
        let (next, answer) = (leg.reliable.next.take(), leg.reliable.answer.take());
        // A second offer so early is not ours to take; the caller may repeat it once the call stands.
        let offers = incoming::body_kind(&arrival.request.headers, arrival.request.body()) == Body::Sdp;
        self.keep_answer(id, arrival, if offers { 488 } else { 200 }, &[]);
        match (answer, next) {
            (Some(sdp), _) => self.answer(id, sdp, arrival.now_ms),
            (None, Some((status, sdp))) => {
                let sdp = (!sdp.is_empty()).then_some(sdp);
                self.provisional(id, status, sdp, arrival.now_ms);
            }
            (None, None) => self.rearm_leg(id),
        }
    }

    /// A provisional response to our INVITE: acknowledged where it asks for that, each once and in order.
    pub(super) fn acknowledge_provisional(
        &mut self,
        id: LegId,
        cseq: u32,
        response: &Response,
        head: &Head<'_>,
        from: Hop,
        now_ms: u64,
    ) -> Heard {
        let headers = &response.headers;
        let asked = response.status.code() > 100 && Extensions::read(headers).requires_100rel;
        let rseq = headers.typed::<RSeq>().and_then(Result::ok).map(|rseq| rseq.0);
        let (true, Some(rseq), Some(tag)) = (asked, rseq, head.to_tag()) else { return Heard::New };
        let tag = String::from_utf8_lossy(tag).into_owned();
        let Some(leg) = self.legs.get_mut(id.0) else { return Heard::Old };
        if !matches!(leg.state, State::Inviting(Attempt::Wanted)) {
            return Heard::New;
        }
        let early = &mut leg.reliable.early;
        match early.iter().position(|(known, _)| *known == tag) {
            Some(at) if rseq == early[at].1.wrapping_add(1) => early[at].1 = rseq,
            None if early.len() < EARLY_MAX => early.push((tag.clone(), rseq)),
            Some(_) | None => return Heard::Old,
        }
        let dialog = peer_dialog(leg, headers, tag, from);
        let own_cseq = leg.next_cseq();
        let (branch, proof) = (self.draw_branch(), self.proof(id, "PRACK"));
        let tag = &dialog.remote_tag;
        let mut message =
            compose::in_dialog(&mut self.scratch, &self.stamp, &dialog, "PRACK", own_cseq, branch, tag);
        message.header("RAck", &format!("{rseq} {cseq} INVITE")).proof(proof.as_ref());
        let bytes = message.finish("", &[]);
        self.start_client(Purpose::Prack, Some(id), branch, own_cseq, dialog.next_hop, bytes, now_ms);
        Heard::New
    }
}
