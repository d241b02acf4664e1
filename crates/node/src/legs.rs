//! From SIP and media to calls: which leg of which call, and what it means there.

use hotline::call::{CALLER, Event, LegNo};
use hotline::cdr::LegOutcome;
use hotline::{CallId, Mono};
use sip::{Failure, FailureKind};

use crate::carriers;
use crate::media;
use crate::node::{Node, Notice, Output};
use crate::slot::{Side, Slot, SlotId, of_media_leg};

/// Early media is listened to for so long: longer than any ring time.
const EARLY_TONES_MS: u64 = 300_000;
/// A far end that answers to play a tone begins at once; three bursts of congestion take 3.5 s.
const ANSWERED_TONES_MS: u64 = 6_000;
/// What is judged behind a 200 is judged for so long: a little longer than the call waits for it.
const JUDGED_MS: u64 = 12_000;

impl Node {
    /// Takes one event of the endpoint; returns the call it concerns.
    pub(crate) fn heard_sip(&mut self, event: sip::Event) -> Option<CallId> {
        use sip::Event as Sip;
        let event = match self.heard_for_help(event) {
            Ok(call) => return Some(call),
            Err(event) => event,
        };
        let event = match self.heard_for_trial(event) {
            Ok(call) => return Some(call),
            Err(event) => event,
        };
        match event {
            Sip::Invited { leg, invite } => {
                self.invited(leg, invite);
                None
            }
            Sip::Progress { leg, status, sdp, .. } => self.on_leg(leg, |node, slot, number| {
                node.trunk_answered(slot, number);
                if let Some(sdp) = sdp {
                    node.described_early(slot, number, &sdp);
                }
                if (180..=189).contains(&status) {
                    node.tell(slot, Event::Rang { leg: number });
                }
            }),
            Sip::Answered { leg, sdp } => self.on_leg(leg, |node, slot, number| {
                node.settle_fork(slot, number, leg);
                node.answered(slot, number, sdp);
            }),
            Sip::Failed { leg, failure } => self.on_leg(leg, |node, slot, number| {
                if !node.drop_fork(slot, number, leg) {
                    node.failed(slot, number, &failure);
                }
            }),
            Sip::LateAnswer { leg } => self.on_leg(leg, |node, slot, number| {
                node.tell(slot, Event::LateAnswer { leg: number });
                node.close_side(slot, number);
            }),
            Sip::Cancelled { leg, .. } => {
                self.cancel_parked(leg);
                self.on_leg(leg, |node, slot, _| node.tell(slot, Event::CallerCancelled))
            }
            Sip::Acked { leg, sdp } => self.on_leg(leg, |node, slot, number| node.acked(slot, number, sdp)),
            Sip::AckMissing { leg } => self.on_leg(leg, |node, slot, _| node.tell(slot, Event::AckMissing)),
            Sip::Bye { leg, .. } => self.on_leg(leg, |node, slot, number| {
                let event =
                    if number == CALLER { Event::CallerHungUp } else { Event::LegHungUp { leg: number } };
                node.tell(slot, event);
            }),
            Sip::Reinvited { leg, sdp } => {
                self.on_leg(leg, |node, slot, number| node.reinvited(slot, number, leg, sdp))
            }
            Sip::SessionExpired { leg, refreshed_ms } => self.on_leg(leg, |node, slot, number| {
                node.tell(slot, Event::SessionExpired { leg: number, last: Mono(refreshed_ms) });
            }),
            Sip::Registered { registration, expires_s } => {
                self.registration_answered(registration, Ok(expires_s));
                None
            }
            Sip::RegisterFailed { registration, failure } => {
                self.registration_answered(registration, Err(&failure));
                None
            }
            Sip::Registering { register } => {
                self.registering(&register);
                None
            }
            Sip::ProbeAnswered { probe, status, round_trip_ms } => {
                let answer = Some((status, round_trip_ms));
                if !self.heard_probe_of_trial(probe, answer) {
                    self.carriers.probed(probe, answer, self.now.mono);
                }
                None
            }
            Sip::ProbeFailed { probe, .. } => {
                if !self.heard_probe_of_trial(probe, None) {
                    self.carriers.probed(probe, None, self.now.mono);
                }
                None
            }
            Sip::Ended { leg } => self.on_leg(leg, |node, slot, number| {
                node.by_leg.remove(&leg);
                // The endpoint has nothing more of it: whatever was still awaited will not come.
                node.last_word(slot, number);
            }),
            Sip::Info { leg, content_type, body } => {
                self.on_leg(leg, |node, slot, number| node.key_by_info(slot, number, &content_type, &body))
            }
            Sip::Referred { leg, refer } => {
                self.on_leg(leg, |node, slot, number| node.referred(slot, number, leg, &refer))
            }
            // Who was asked whether it is somebody and was hung up on has its line back, though the dialog lingers (row R29).
            Sip::ByeDone { leg } => self.on_leg(leg, Node::last_word),
            Sip::InfoDone { leg, .. } => self.on_leg(leg, |_, _, _| {}),
            Sip::ReinviteAnswered { leg, .. } | Sip::ReinviteFailed { leg, .. } => {
                self.on_leg(leg, |_, _, _| {})
            }
        }
    }

    /// Nothing more comes of a leg to a target. Whoever was joined has heard that before.
    fn last_word(&mut self, slot: SlotId, leg: LegNo) {
        if leg != CALLER {
            let outcome = LegOutcome::Cancelled;
            self.tell(slot, Event::LegFailed { leg, outcome, status: 0, q850: None });
        }
    }

    fn on_leg(&mut self, leg: sip::LegId, run: impl FnOnce(&mut Self, SlotId, LegNo)) -> Option<CallId> {
        let (slot, number) = *self.by_leg.get(&leg)?;
        let call = self.slots.get(slot)?.id;
        run(self, slot, number);
        Some(call)
    }

    /// A phone that rings in several places answered in one of them.
    fn settle_fork(&mut self, id: SlotId, number: LegNo, leg: sip::LegId) {
        let Some(side) = self.slots.get_mut(id).and_then(|slot| slot.side_mut(number)) else { return };
        if let Some(place) = side.forks.iter().position(|fork| *fork == leg) {
            let first = side.sip.replace(side.forks.swap_remove(place));
            side.forks.extend(first);
        }
        self.tell_as_reached(id, number);
        self.leave_forks(id, number);
    }

    /// A place that a phone rings in said no while others still ring; whether there are others.
    fn drop_fork(&mut self, id: SlotId, number: LegNo, leg: sip::LegId) -> bool {
        let Some(side) = self.slots.get_mut(id).and_then(|slot| slot.side_mut(number)) else { return false };
        match side.forks.iter().position(|fork| *fork == leg) {
            Some(place) => {
                side.forks.swap_remove(place);
            }
            None => match side.forks.pop() {
                Some(other) => side.sip = Some(other),
                None => return false,
            },
        }
        self.by_leg.remove(&leg);
        self.tell_as_reached(id, number);
        true
    }

    /// The place that stands for a phone may be reached by another listener than the first: what it was told is ours.
    fn tell_as_reached(&mut self, id: SlotId, number: LegNo) {
        let Some(side) = self.slots.get_mut(id).and_then(|slot| slot.side_mut(number)) else { return };
        let dialog = side.sip.and_then(|leg| self.endpoint.dialog(leg));
        side.tell(dialog.and_then(|dialog| self.listeners.told_of_media(dialog.next_hop.listener)));
    }

    /// The caller's ACK; where our 200 carried the offer it must answer it.
    fn acked(&mut self, id: SlotId, number: LegNo, sdp: Option<Vec<u8>>) {
        let side = self.slots.get(id).and_then(|slot| slot.side(number));
        let expected = side.is_some_and(|side| side.ours.is_some() && side.theirs.is_none());
        let usable = sdp.is_some_and(|sdp| self.described(id, number, &sdp));
        if expected && !usable {
            self.tell(id, Event::NoCommonCodec { leg: number });
        }
    }

    /// Early media of a target is listened to where tones count; the caller goes on hearing what we play. What cannot be
    /// listened to is no fault yet: the answer describes media again.
    fn described_early(&mut self, id: SlotId, number: LegNo, sdp: &[u8]) {
        let Some(side) = self.slots.get(id).and_then(|slot| slot.side(number)) else { return };
        let (listens, first) = (side.tones, side.theirs.is_none());
        if listens && first && self.described(id, number, sdp) {
            self.listen(id, number, EARLY_TONES_MS);
        }
    }

    fn listen(&mut self, id: SlotId, number: LegNo, for_ms: u64) {
        self.tell_media(id, number, |leg| media::Command::ListenTones { leg, for_ms, judge: false });
    }

    /// Listens to what answered, until each tone that has begun is known (row R29).
    pub(crate) fn judge(&mut self, id: SlotId, number: LegNo) {
        let for_ms = JUDGED_MS;
        self.tell_media(id, number, |leg| media::Command::ListenTones { leg, for_ms, judge: true });
    }

    fn answered(&mut self, id: SlotId, number: LegNo, sdp: Option<Vec<u8>>) {
        self.trunk_answered(id, number);
        let usable = sdp.is_some_and(|sdp| self.described(id, number, &sdp));
        if usable && self.slots.get(id).and_then(|slot| slot.side(number)).is_some_and(|side| side.tones) {
            self.listen(id, number, ANSWERED_TONES_MS);
        }
        if let Some(slot) = self.slots.take(id) {
            self.note_dialog(&slot, number);
            self.slots.put_back(id, slot);
        }
        let event =
            if usable { Event::LegAnswered { leg: number } } else { Event::NoCommonCodec { leg: number } };
        self.tell(id, event);
        if !usable {
            self.close_side(id, number);
        }
    }

    fn failed(&mut self, id: SlotId, number: LegNo, failure: &Failure) {
        let way = self.slots.get(id).and_then(|slot| way_of(slot, number, &self.carriers.view));
        let profile = way.and_then(|way| self.carriers.config(way)).map(|config| &config.profile);
        let outcome = carriers::outcome(profile, failure);
        match way {
            Some(way) if outcome == LegOutcome::TrunkFailed => {
                self.carriers.failed(way, failure, self.now.mono);
            }
            Some(way) => self.carriers.answered(way),
            None => {}
        }
        // Without any word of the far end the attempt stays open behind the scenes.
        let status = if failure.kind == FailureKind::NoResponse { 0 } else { failure.status };
        self.tell(id, Event::LegFailed { leg: number, outcome, status, q850: failure.q850 });
        self.close_side(id, number);
    }

    /// What a trunk said, or that it failed, in a call that is none of the slots'.
    pub(crate) fn way_said(&mut self, way: &str, failure: Option<&Failure>) {
        let Some(place) = self.carriers.view.rows.iter().position(|row| *row.name == *way) else { return };
        let profile = self.carriers.config(place).map(|config| &config.profile);
        match failure {
            Some(failure) if carriers::outcome(profile, failure) == LegOutcome::TrunkFailed => {
                self.carriers.failed(place, failure, self.now.mono);
            }
            Some(_) | None => self.carriers.answered(place),
        }
    }

    /// The trunk a leg went by said something.
    fn trunk_answered(&mut self, id: SlotId, number: LegNo) {
        let way = self.slots.get(id).and_then(|slot| way_of(slot, number, &self.carriers.view));
        if let Some(way) = way {
            self.carriers.answered(way);
        }
    }

    /// A carrier answered our REGISTER, or did not in time.
    fn registration_answered(&mut self, id: sip::RegistrationId, answer: Result<u32, &Failure>) {
        let (trunk, over) = self.carriers.registered(id, answer, self.now.mono, &mut self.chance);
        if over {
            self.endpoint.forget_registration(id);
        }
        let notice = trunk.map(|trunk| match answer {
            Ok(expires_s) => Notice::Registered { trunk, expires_s },
            Err(failure) if failure.kind == FailureKind::Answered => {
                Notice::NotRegistered { trunk, status: failure.status }
            }
            Err(_) => Notice::NotRegistered { trunk, status: 0 },
        });
        self.outputs.extend(notice.map(Output::Notice));
    }

    /// Takes a description of a side's media; `false` if there is nothing in it we can talk to.
    fn described(&mut self, id: SlotId, number: LegNo, sdp: &[u8]) -> bool {
        let side = self.slots.get_mut(id).and_then(|slot| slot.side_mut(number));
        let usable = side.is_some_and(|side| side.take_answer(sdp));
        if usable {
            self.connect(id, number);
        }
        usable
    }

    /// Tells media where a side wants its packets.
    pub(crate) fn connect(&mut self, id: SlotId, number: LegNo) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        // Before they are joined a target is held against the caller, who was there first.
        let other = match slot.other(number) {
            Some(other) => slot.side(other),
            None if number != CALLER => slot.across(number),
            None => None,
        };
        let other = other.and_then(Side::voice);
        let Some(side) = slot.side_mut(number) else { return };
        self.outputs.extend(side.connection(other.as_ref()).into_iter().map(Output::Media));
    }

    /// New media from the far end, a hold, or a refresh of the session.
    fn reinvited(&mut self, id: SlotId, number: LegNo, leg: sip::LegId, sdp: Option<Vec<u8>>) {
        let now = self.now.mono.0;
        let Some(slot) = self.slots.get_mut(id) else { return };
        let other = slot.other(number).and_then(|other| slot.side(other)).and_then(Side::voice);
        let Some(side) = slot.side_mut(number) else { return };
        let held = side.theirs.as_ref().is_some_and(sip::sdp::Sdp::on_hold);
        let Some(renewed) = side.renew(sdp.as_deref(), other.as_ref(), leg.0) else {
            return self.endpoint.refuse_reinvite(leg, 488, now);
        };
        self.endpoint.accept_reinvite(leg, renewed.bytes, now);
        self.came_back(id, number);
        if renewed.connects {
            self.connect(id, number);
            self.tell_hold(id, number, held);
        }
    }

    pub(crate) fn heard_media(&mut self, event: media::Event) {
        let Err(event) = self.heard_media_for_help(event) else { return };
        let Err(event) = self.heard_media_for_trial(event) else { return };
        match event {
            media::Event::PortsReady(ports) => {
                for port in ports {
                    let free = if port.web.is_some() { &mut self.web_ports } else { &mut self.ports };
                    let shard = usize::from(port.shard);
                    while free.len() <= shard {
                        free.push(Vec::new());
                    }
                    free[shard].push(port);
                }
            }
            media::Event::Played { leg, play } => self.tell(of_media_leg(leg).0, Event::Played { play }),
            media::Event::Tone { leg, tone } => {
                let (id, number) = self.of_media(leg);
                self.tell(id, Event::ToneHeard { leg: number, tone });
            }
            media::Event::ToneBegan { leg } => {
                let (id, number) = of_media_leg(leg);
                self.tell(id, Event::ToneBegan { leg: number });
            }
            media::Event::Voice { leg } => {
                let (id, number) = of_media_leg(leg);
                self.tell(id, Event::VoiceHeard { leg: number });
            }
            media::Event::Silent { leg, last_packet_ms_ago } => {
                let last = self.now.mono - last_packet_ms_ago;
                self.tell(of_media_leg(leg).0, Event::Silent { last });
            }
            media::Event::Quiet { leg, spoke } => {
                let (id, number) = self.of_media(leg);
                self.tell(id, Event::Quiet { leg: number, spoke });
            }
            media::Event::Closed { leg, quality } => self.media_closed(leg, quality),
            media::Event::FirstPacket { .. } => {}
            media::Event::RecordingCut { call } => {
                if let Some(slot) = self.by_call.get(&CallId(call)).copied() {
                    self.tell(slot, Event::RecordingCut);
                }
            }
            media::Event::Digit { leg, digit } => {
                let (id, number) = self.of_media(leg);
                self.key_heard(id, number, digit);
            }
        }
    }

    /// The call and the leg that media means.
    pub(crate) fn of_media(&self, leg: media::MediaLeg) -> (SlotId, LegNo) {
        let (id, number) = of_media_leg(leg);
        (id, self.slots.get(id).map_or(number, |slot| slot.meant(number)))
    }

    fn media_closed(&mut self, leg: media::MediaLeg, quality: hotline::cdr::Quality) {
        let (id, number) = self.of_media(leg);
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.media_closing = slot.media_closing.saturating_sub(1);
        let last = slot.closing && slot.media_closing == 0;
        if quality.received > 0 || number == CALLER {
            self.tell(id, Event::Quality { leg: number, quality });
        }
        if last {
            self.tell(id, Event::MediaClosed);
        }
    }
}

/// The trunk an outgoing leg went by.
fn way_of(slot: &Slot, number: LegNo, trunks: &hotline::routing::Trunks) -> Option<usize> {
    let dialled = slot.call.log().iter().rev().find_map(|dated| match &dated.fact {
        hotline::call::Fact::Dialled(dialled) if dialled.leg == number => Some(dialled.trunk.clone()),
        _ => None,
    })?;
    trunks.rows.iter().position(|trunk| trunk.name == dialled)
}
