//! One live call as the node holds it: the deciding machine, its SIP legs and its media legs.

use std::net::IpAddr;
use std::sync::Arc;

use hotline::call::{CALLER, Call, LegNo, Sound};
use hotline::rating::Tariffs;
use hotline::{CallId, Mono};
use sip::sdp::Sdp;

use crate::media::{MediaLeg, Port, Speech};

/// A place in the table of calls. The generation tells a new call from the one that had the place before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotId {
    pub place: u32,
    pub generation: u32,
}

/// One side of a call.
#[derive(Debug, Default)]
pub struct Side {
    /// Its SIP leg, while there is one.
    pub sip: Option<sip::LegId>,
    /// Further SIP legs while a phone rings in several places: who answers first becomes `sip`.
    pub forks: Vec<sip::LegId>,
    /// Its media leg and port, once opened.
    pub media: Option<(MediaLeg, Port)>,
    /// The address its far end is told, where the listener it is reached by has one of its own; else its port's.
    pub told: Option<IpAddr>,
    /// Whether media knows where to send.
    pub connected: bool,
    /// Whether media was told to close it.
    pub closing: bool,
    /// What the far end described.
    pub theirs: Option<Sdp>,
    /// What we described.
    pub ours: Option<Sdp>,
    /// Whether that answered their offer, and so says what both speak; else their answer says it.
    pub ours_answers: bool,
    /// How its far end is spoken to.
    pub speech: Speech,
    /// Whether its trunk wants the tones of its far end to count (row R12).
    pub tones: bool,
    /// Whether nothing is heard by its trunk before our 200.
    pub silent_until_answer: bool,
    /// A prompt that waits for the far end to say where it listens.
    pub waiting: Option<(u32, Sound, bool)>,
}

/// A live call.
#[derive(Debug)]
pub struct Slot {
    pub id: CallId,
    pub call: Call,
    pub generation: u32,
    /// The caller's side, then one for each outgoing leg.
    pub sides: Vec<Side>,
    /// The leg that the caller hears and is heard by, once joined.
    pub joined: Option<LegNo>,
    /// The outgoing leg that is the caller's now: who asked to be called back answered.
    pub became_caller: Option<LegNo>,
    /// The trunk it came by, where it holds a place.
    pub trunk: Option<Arc<str>>,
    /// The shard all its media is on, once chosen.
    pub shard: Option<u16>,
    /// Facts already in the journal's buffer.
    pub journalled: usize,
    /// Where its first fact, or its last checkpoint, begins in the journal.
    pub first_position: u64,
    /// Where its newest fact ends in the journal.
    pub end_position: u64,
    /// The plans in force when it began.
    pub tariffs: Arc<Tariffs>,
    /// Whether its first fact has been written: the INVITE is accepted.
    pub accepted: bool,
    /// The deadline it is in the wake heap for.
    pub wake: Option<Mono>,
    /// Max-Forwards of the INVITE, less one.
    pub max_forwards: u8,
    /// How many sides' media are still to report their close.
    pub media_closing: u32,
    /// Whether the close of all media was asked for.
    pub closing: bool,
}

impl Slot {
    /// A call that begins: nothing of it is in the journal, no outgoing leg there.
    pub fn begun(id: CallId, call: Call, generation: u32, caller: Side, tariffs: Arc<Tariffs>) -> Self {
        Self {
            id,
            call,
            generation,
            sides: vec![caller],
            joined: None,
            became_caller: None,
            trunk: None,
            shard: None,
            journalled: 0,
            first_position: 0,
            end_position: 0,
            tariffs,
            accepted: false,
            wake: None,
            max_forwards: 0,
            media_closing: 0,
            closing: false,
        }
    }

    /// An outgoing leg is the caller's from now on; its SIP leg.
    pub fn become_caller(&mut self, leg: LegNo) -> Option<sip::LegId> {
        let side = std::mem::take(self.side_mut(leg)?);
        let sip = side.sip;
        (self.sides[usize::from(CALLER)], self.became_caller) = (side, Some(leg));
        sip
    }

    /// The leg that media means: the one that became the caller's keeps the name it was opened by.
    pub fn meant(&self, leg: LegNo) -> LegNo {
        if self.became_caller == Some(leg) { CALLER } else { leg }
    }

    /// The side that an outgoing leg will talk to: the caller's, or whoever answered where there is no caller yet.
    pub fn across(&self, leg: LegNo) -> Option<&Side> {
        let caller = self.side(CALLER).filter(|caller| caller.sip.is_some() || self.sides.len() == 1);
        let others = self.sides.iter().enumerate();
        let mut others = others.filter(|(number, _)| *number != usize::from(leg));
        // Whose early media was heard and who did not answer after all is not among them.
        let is_up = |number: usize| self.call.has_answered(number as LegNo);
        let answered = others.find(|(number, side)| side.theirs.is_some() && is_up(*number));
        caller.or_else(|| answered.map(|(_, side)| side))
    }

    pub fn side(&self, leg: LegNo) -> Option<&Side> {
        self.sides.get(usize::from(leg))
    }

    pub fn side_mut(&mut self, leg: LegNo) -> Option<&mut Side> {
        self.sides.get_mut(usize::from(leg))
    }

    pub fn caller(&mut self) -> &mut Side {
        &mut self.sides[usize::from(CALLER)]
    }

    /// The side that is joined with this one.
    pub fn other(&self, leg: LegNo) -> Option<LegNo> {
        match leg {
            CALLER => self.joined,
            target if self.joined == Some(target) => Some(CALLER),
            _ => None,
        }
    }

    /// The side of a new outgoing leg; legs are numbered in the order dialled.
    pub fn ensure_side(&mut self, leg: LegNo) -> &mut Side {
        while self.sides.len() <= usize::from(leg) {
            self.sides.push(Side::default());
        }
        &mut self.sides[usize::from(leg)]
    }
}

/// The live calls, by place.
#[derive(Debug, Default)]
pub struct Slots {
    rows: Vec<Option<Slot>>,
    generations: Vec<u32>,
    free: Vec<u32>,
    live: usize,
}

impl Slots {
    pub fn insert(&mut self, build: impl FnOnce(SlotId) -> Slot) -> SlotId {
        let place = self.free.pop().unwrap_or_else(|| {
            self.rows.push(None);
            self.generations.push(0);
            (self.rows.len() - 1) as u32
        });
        let id = SlotId { place, generation: self.generations[place as usize] };
        self.rows[place as usize] = Some(build(id));
        self.live += 1;
        id
    }

    pub fn get(&self, id: SlotId) -> Option<&Slot> {
        self.rows.get(id.place as usize)?.as_ref().filter(|slot| slot.generation == id.generation)
    }

    pub fn get_mut(&mut self, id: SlotId) -> Option<&mut Slot> {
        self.rows.get_mut(id.place as usize)?.as_mut().filter(|slot| slot.generation == id.generation)
    }

    /// Takes a call out to work on it beside the rest of the node; [`Slots::put_back`] or [`Slots::remove`] follows.
    pub fn take(&mut self, id: SlotId) -> Option<Slot> {
        self.get(id)?;
        self.rows[id.place as usize].take()
    }

    pub fn put_back(&mut self, id: SlotId, slot: Slot) {
        self.rows[id.place as usize] = Some(slot);
    }

    /// Frees the place of a call that was taken out.
    pub fn remove(&mut self, id: SlotId) {
        self.rows[id.place as usize] = None;
        self.generations[id.place as usize] = id.generation.wrapping_add(1);
        self.free.push(id.place);
        self.live -= 1;
    }

    pub fn len(&self) -> usize {
        self.live
    }

    pub fn iter(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        self.rows.iter().enumerate().filter_map(|(place, row)| {
            let slot = row.as_ref()?;
            Some((SlotId { place: place as u32, generation: slot.generation }, slot))
        })
    }
}

/// Media legs carry the slot and the leg they belong to.
pub fn media_leg(slot: SlotId, leg: LegNo) -> MediaLeg {
    MediaLeg(u64::from(slot.generation) << 32 | u64::from(slot.place) << 8 | u64::from(leg))
}

/// The slot and leg of a media leg. Places above 2^24 do not occur: that many calls need more ports than there are.
pub fn of_media_leg(leg: MediaLeg) -> (SlotId, LegNo) {
    let place = (leg.0 >> 8) as u32 & 0x00ff_ffff;
    (SlotId { place, generation: (leg.0 >> 32) as u32 }, leg.0 as LegNo)
}
