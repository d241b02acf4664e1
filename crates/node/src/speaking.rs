//! One side's media: what descriptions of it mean for the sockets, whichever call the side belongs to. It refuses to
//! know calls, trunks and phones.

use std::net::IpAddr;

use sip::sdp::{Codec, Direction, Sdp};

use crate::describing;
use crate::media::{Command, MediaLeg, Port};
use crate::slot::Side;

/// Our answer to a re-INVITE.
pub(crate) struct Renewed {
    /// Our description.
    pub bytes: Vec<u8>,
    /// Whether media must be told.
    pub connects: bool,
}

impl Side {
    /// Takes the far end's answer to our offer; `false` if there is nothing in it we can talk to.
    pub(crate) fn take_answer(&mut self, sdp: &[u8]) -> bool {
        let Some(theirs) = describing::read(sdp, self.speech) else { return false };
        let reachable = theirs.audio.port() != 0;
        // Their answer to our offer: an offer of theirs is judged where it is answered.
        self.ours_answers = false;
        self.theirs = Some(theirs);
        reachable && describing::agreed(self, None).is_some()
    }

    /// What tells media where this side wants its packets, and what waited for that; `other` is what the other side
    /// speaks.
    pub(crate) fn connection(&mut self, other: Option<&Codec>) -> Vec<Command> {
        // Its media may be closing: the caller's ACK can be later than the end of its call.
        let open = self.media.filter(|_| !self.closing);
        let (Some((leg, _)), Some(theirs)) = (open, &self.theirs) else { return Vec::new() };
        let silent = theirs.is_nowhere();
        let deaf = silent || theirs.on_hold();
        let on = deaf || theirs.direction == Direction::RecvOnly;
        if silent {
            // RFC 2543's hold: nobody listens, and 0.0.0.0 would be this machine.
            return vec![Command::Hold { leg, on, deaf }];
        }
        let Some(agreed) = describing::agreed(self, other) else { return Vec::new() };
        let mut commands =
            vec![Command::Connect { leg, remote: theirs.audio, agreed }, Command::Hold { leg, on, deaf }];
        self.connected = true;
        let play = |(play, sound, repeat)| Command::Play { leg, play, sound, repeat };
        commands.extend(self.waiting.take().map(play));
        commands
    }

    /// What we describe to whoever called us: an answer to its offer, made once, or our offer if it made none.
    pub(crate) fn describe(&mut self, port: &Port, wanted: Option<&Codec>, session: u64) -> Option<Vec<u8>> {
        if self.ours.is_none() {
            let made = match &self.theirs {
                Some(offer) => describing::answer(offer, port, self.speech, wanted, (session, 1))?,
                None => describing::offer(None, port, self.speech, (session, 1)),
            };
            self.ours_answers = self.theirs.is_some();
            self.ours = Some(made);
        }
        self.ours.as_ref().map(Sdp::to_bytes)
    }

    /// New media from the far end, a hold, or a refresh of the session; `None` leaves the session as it was (488).
    pub(crate) fn renew(
        &mut self,
        sdp: Option<&[u8]>,
        other: Option<&Codec>,
        session: u64,
    ) -> Option<Renewed> {
        let port = self.port()?;
        // An offer without audio, such as a fax alone (T.38), is none.
        let offer = match sdp {
            Some(sdp) => Some(describing::read(sdp, self.speech)?),
            None => None,
        };
        let unchanged = match (&offer, &self.theirs) {
            (Some(offer), Some(theirs)) => offer.is_unchanged_from(theirs),
            (Some(_), None) | (None, _) => false,
        };
        let ours = describing::again(self, offer.as_ref(), &port, other, session)?;
        let bytes = ours.to_bytes();
        self.ours_answers = offer.is_some();
        self.ours = Some(ours);
        let connects = offer.is_some() && !unchanged;
        self.theirs = offer.or(self.theirs.take());
        Some(Renewed { bytes, connects })
    }

    /// Its port as its far end is told it.
    pub(crate) fn port(&self) -> Option<Port> {
        self.media.map(|(_, port)| port.told_at(self.told))
    }

    /// Its far end turned out to be reached by a listener that tells `told`: what was described to it said so.
    pub(crate) fn tell(&mut self, told: Option<IpAddr>) {
        self.told = told;
        if let (Some(port), Some(ours)) = (self.port(), &mut self.ours) {
            ours.audio = port.address;
        }
    }

    /// The leg of its media, while that is open.
    pub(crate) fn media_leg(&self) -> Option<MediaLeg> {
        self.media.map(|(leg, _)| leg)
    }
}
