//! Session timers (RFC 4028): who refreshes a call, when, and when it counts as lost.
//! It refuses to hang up: a lost session is reported, the user decides.

use sipx_sip::Headers;

use super::Endpoint;
use crate::command::LegId;
use crate::compose::{self, ALLOW, Message};
use crate::incoming::{Extensions, Side};
use crate::leg::{Deadline, Leg, Refresher, Session, State};
use crate::transaction::Purpose;

/// No interval is longer than a day.
const INTERVAL_MAX_S: u32 = 86_400;

/// What our 2xx says about the session.
pub(super) enum Agreed {
    None,
    Timer { interval_s: u32, refresher: Side, peer_supports: bool },
}

impl Agreed {
    pub(super) fn write(&self, message: &mut Message<'_>) {
        let Agreed::Timer { interval_s, refresher, peer_supports } = self else { return };
        let side = if *refresher == Side::Uac { ";refresher=uac" } else { ";refresher=uas" };
        message.parts("Session-Expires", &[&interval_s.to_string(), side]);
        if *peer_supports {
            message.header("Require", "timer");
        }
    }
}

/// Session-Expires of a request that we send inside a dialog: we refresh, so we stay the refresher.
pub(super) fn write_refresh(leg: &Leg, message: &mut Message<'_>) {
    if let Some(session) = leg.session {
        let side = if session.refresher == Refresher::Us { ";refresher=uac" } else { ";refresher=uas" };
        message.parts("Session-Expires", &[&session.interval_s.to_string(), side]);
        if leg.min_se_s > 90 {
            message.number("Min-SE", leg.min_se_s);
        }
    }
}

impl Endpoint {
    /// Our minimum, when a request asks for less (RFC 4028 9).
    pub(super) fn too_short(&self, extensions: &Extensions) -> Option<String> {
        let asked = extensions.session_expires?;
        let short = extensions.supports_timer && asked.interval_s < self.config.min_se_s;
        short.then(|| self.config.min_se_s.to_string())
    }

    /// Decide about the session while accepting an INVITE or UPDATE of theirs, and set our deadlines by it.
    pub(super) fn agree_session(&mut self, id: LegId, now_ms: u64) -> Agreed {
        let Some(leg) = self.legs.get_mut(id.0) else { return Agreed::None };
        let asked = leg.asked;
        let ours = self.config.session_expires_s;
        let (interval_s, refresher) = match (asked.expires, ours) {
            (Some(expires), ours) => {
                let wanted = ours.map_or(expires.interval_s, |ours| ours.min(expires.interval_s));
                let fallback = if asked.supports_timer { Side::Uac } else { Side::Uas };
                (wanted.max(asked.min_se_s), expires.refresher.unwrap_or(fallback))
            }
            (None, Some(ours)) => {
                let side = if asked.supports_timer { Side::Uac } else { Side::Uas };
                (ours.max(asked.min_se_s), side)
            }
            (None, None) => {
                leg.session = None;
                return Agreed::None;
            }
        };
        let interval_s = interval_s.max(self.config.min_se_s).min(INTERVAL_MAX_S);
        let turn = if refresher == Side::Uas { Refresher::Us } else { Refresher::Them };
        self.start_session(id, Session { interval_s, refresher: turn }, now_ms);
        Agreed::Timer { interval_s, refresher, peer_supports: asked.supports_timer }
    }

    /// A 2xx to a request of ours says how the session goes on.
    pub(super) fn session_refreshed(&mut self, id: LegId, headers: &Headers, now_ms: u64) {
        let extensions = Extensions::read(headers);
        let Some(leg) = self.legs.get_mut(id.0).filter(|leg| leg.state == State::Confirmed) else { return };
        leg.allows_update |= extensions.allows_update;
        match extensions.session_expires {
            Some(expires) => {
                let refresher =
                    if expires.refresher == Some(Side::Uas) { Refresher::Them } else { Refresher::Us };
                let interval_s = expires.interval_s.clamp(self.config.min_se_s.min(90), INTERVAL_MAX_S);
                self.start_session(id, Session { interval_s, refresher }, now_ms);
            }
            // RFC 4028 7.2: without Session-Expires in the 2xx the session does not expire, unless the far end
            // never knew timers and the refreshing is ours alone.
            None => match leg.session {
                Some(session) if session.refresher == Refresher::Us => {
                    self.start_session(id, session, now_ms)
                }
                _ => self.stop_session(id),
            },
        }
        self.rearm_leg(id);
    }

    fn start_session(&mut self, id: LegId, session: Session, now_ms: u64) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        leg.session = Some(session);
        leg.refreshed_ms = now_ms;
        let interval_ms = u64::from(session.interval_s) * 1000;
        // RFC 4028 10: the side that does not refresh gives up a little before the end.
        let margin_ms = (interval_ms / 3).min(32_000);
        leg.deadlines.set(Deadline::SessionExpiry, now_ms + interval_ms - margin_ms);
        match session.refresher {
            Refresher::Us => leg.deadlines.set(Deadline::RefreshSession, now_ms + interval_ms / 2),
            Refresher::Them => leg.deadlines.clear(Deadline::RefreshSession),
        }
    }

    fn stop_session(&mut self, id: LegId) {
        if let Some(leg) = self.legs.get_mut(id.0) {
            leg.session = None;
            leg.deadlines.clear(Deadline::SessionExpiry);
            leg.deadlines.clear(Deadline::RefreshSession);
        }
    }

    /// Our turn: UPDATE where the far end takes it, else a re-INVITE with the description of before.
    pub(super) fn refresh_session(&mut self, id: LegId, now_ms: u64) {
        let Some(leg) = self.legs.get_mut(id.0).filter(|leg| leg.state == State::Confirmed) else { return };
        if leg.reinvite_out.is_some() || leg.reinvite_in.is_some() || leg.answer.is_some() {
            leg.deadlines.set(Deadline::RefreshSession, now_ms + 2_000);
        } else if leg.allows_update {
            self.send_update(id, now_ms);
        } else {
            let sdp = leg.local_sdp.clone();
            self.send_reinvite(id, Purpose::RefreshInvite, sdp, now_ms);
        }
    }

    fn send_update(&mut self, id: LegId, now_ms: u64) {
        let branch = self.draw_branch();
        let proof = self.proof(id, "UPDATE");
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let cseq = leg.next_cseq();
        let dialog = &leg.dialog;
        let tag = &dialog.remote_tag;
        let mut message =
            compose::in_dialog(&mut self.scratch, &self.stamp, dialog, "UPDATE", cseq, branch, tag);
        let contact = &self.stamp.face(dialog.next_hop).contact;
        message
            .header("Contact", contact)
            .proof(proof.as_ref())
            .header("Allow", ALLOW)
            .header("Supported", "timer");
        write_refresh(leg, &mut message);
        let bytes = message.finish("", &[]);
        let to = dialog.next_hop;
        self.start_client(Purpose::RefreshUpdate, Some(id), branch, cseq, to, bytes, now_ms);
    }

    /// A refresh of ours failed. Silence and 481 leave the session to expire; any other word shows that the far
    /// end lives, so the session goes on.
    pub(super) fn refresh_refused(&mut self, id: LegId, status: u16, now_ms: u64) {
        let pause_ms = self.glare_pause_ms(id);
        let Some(leg) = self.legs.get_mut(id.0).filter(|leg| leg.state == State::Confirmed) else { return };
        leg.reinvite_out = None;
        match (status, leg.session) {
            (408 | 481, _) | (_, None) => {}
            (491, _) => leg.deadlines.set(Deadline::RefreshSession, now_ms + pause_ms),
            (_, Some(session)) => {
                leg.allows_update = false;
                self.start_session(id, session, now_ms);
            }
        }
        self.try_reinvite(id, now_ms);
        self.rearm_leg(id);
    }
}
