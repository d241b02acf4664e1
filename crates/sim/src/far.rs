//! Far ends: callers, carriers and bound phones that speak SIP by text of their own, each with a plan of how it will
//! behave and misbehave. They know nothing of the node but its datagrams, and keep their own watch on it.

mod answering;
mod calling;
pub mod leg;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hotline::CallId;

use crate::wire::{self, Message, Method};

pub use leg::{Leg, Phase, Role};

/// Timer T1 of RFC 3261, and 64 of it.
pub const T1_MS: u64 = 500;
/// After this a transaction is given up.
pub const GIVE_UP_MS: u64 = 64 * T1_MS;

/// What a caller will do.
#[derive(Clone, Debug, Default)]
pub struct CallerPlan {
    /// CANCEL if there is no final response by then.
    pub give_up_ms: Option<u64>,
    /// The INVITE carries no offer; the ACK carries the answer.
    pub late_offer: bool,
    /// How many times our 200 is left without its ACK.
    pub acks_lost: u32,
    /// A number shown as withheld.
    pub withheld: bool,
    /// A codec that nobody else has.
    pub strange: bool,
    /// Dialled instead of the number.
    pub dials: Option<String>,
    /// Further headers of the INVITE, whole lines.
    pub headers: String,
    /// What it does once the call is up.
    pub talk: TalkPlan,
}

/// What a side does in a call that is up.
#[derive(Clone, Debug, Default)]
pub struct TalkPlan {
    /// BYE after this long; `None` leaves it to the other side.
    pub hang_up_ms: Option<u64>,
    /// Hold after this long, and back after that.
    pub hold_ms: Option<(u64, u64)>,
    /// Another BYE right behind the first.
    pub second_bye: bool,
    /// Fall silent for ever after this long: no RTP, no SIP.
    pub vanish_ms: Option<u64>,
}

/// What a carrier or a bound phone will do with an INVITE.
#[derive(Clone, Debug)]
pub struct CalleePlan {
    /// 18x after this long, and which; `None` sends none.
    pub ring: Option<(u64, u16)>,
    /// How it ends.
    pub outcome: Outcome,
    /// 100 at once.
    pub trying: bool,
    /// Another 200 by another fork, this much later.
    pub fork_ms: Option<u64>,
    /// CANCEL comes too late for it: it answers all the same.
    pub deaf_to_cancel: bool,
    /// A codec that nobody else has.
    pub strange: bool,
    /// What it does once the call is up.
    pub talk: TalkPlan,
}

/// How a callee ends an INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 200 after this long.
    Answer(u64),
    /// A final status after this long, with a Q.850 cause if not 0.
    Refuse(u64, u16, u16),
    /// Nothing more.
    Silence,
    /// Not even a response: the INVITE is not seen at all.
    Dead,
}

/// When a far end does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Timer {
    Repeat(Method, u32),
    RepeatAnswer(u32),
    Ring,
    Decide,
    Fork,
    GiveUp,
    HangUp,
    Hold,
    Resume,
    SecondBye,
    Vanish,
}

/// What far ends do to the world.
#[derive(Debug, Default)]
pub struct Doings {
    /// Datagrams: from, to, bytes.
    pub sends: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    /// After how long which leg does what.
    pub timers: Vec<(u64, usize, Timer)>,
    /// What others may react to.
    pub notes: Vec<Note>,
    /// What the node did wrong, as a far end sees it.
    pub faults: Vec<String>,
}

/// Something a far end did that makes a race possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Note {
    Answered(usize),
    SaidBye(usize),
    Reinvited(usize),
    Failed(usize),
    /// This leg sends early media.
    Early(usize),
    /// No RTP comes from this leg any more.
    Quiet(usize),
}

/// All far ends of a world.
#[derive(Debug)]
pub struct FarEnds {
    /// Every leg that ever was.
    pub legs: Vec<Leg>,
    /// Datagrams that no leg wants, but for requests that start one.
    node: SocketAddr,
    by_call: BTreeMap<String, Vec<usize>>,
    /// The life of the node that hears us now.
    pub life: u32,
}

/// What became of a datagram.
#[derive(Debug)]
pub enum Taken {
    /// A leg took it, or nobody did.
    Done,
    /// A new INVITE: somebody has to plan what happens to it.
    NewInvite,
}

impl FarEnds {
    /// Far ends of a node.
    pub fn new(node: SocketAddr) -> Self {
        Self { legs: Vec::new(), node, by_call: BTreeMap::new(), life: 0 }
    }

    /// Where a leg receives RTP: one address for each leg.
    pub fn rtp_of(leg: usize) -> SocketAddr {
        let (block, port) = (leg / 20_000, leg % 20_000);
        SocketAddr::from(([10, 9, (block / 250) as u8, (block % 250) as u8 + 1], 20_000 + 2 * port as u16))
    }

    /// The leg that receives RTP at an address.
    pub fn of_rtp(rtp: SocketAddr) -> Option<usize> {
        let std::net::IpAddr::V4(ip) = rtp.ip() else { return None };
        let [10, 9, high, low] = ip.octets() else { return None };
        let block = usize::from(high) * 250 + usize::from(low).checked_sub(1)?;
        Some(block * 20_000 + usize::from(rtp.port().checked_sub(20_000)?) / 2)
    }

    /// A caller begins.
    pub fn call(
        &mut self,
        home: SocketAddr,
        caller: &str,
        number: &str,
        plan: CallerPlan,
        out: &mut Doings,
    ) -> usize {
        let place = self.legs.len();
        let mut leg = Leg::caller(place, home, self.node, self.life);
        leg.invite(caller, number, plan, out);
        self.by_call.insert(leg.call_id.clone(), vec![place]);
        self.legs.push(leg);
        place
    }

    /// A carrier or phone takes a new INVITE with a plan.
    pub fn take_invite(
        &mut self,
        home: SocketAddr,
        datagram: &[u8],
        plan: CalleePlan,
        out: &mut Doings,
    ) -> usize {
        let place = self.legs.len();
        let message = Message::read(datagram).expect("it was read before");
        let leg = Leg::callee(place, home, self.node, self.life, &message, plan, out);
        self.by_call.entry(leg.call_id.clone()).or_default().push(place);
        self.legs.push(leg);
        place
    }

    /// A datagram for a far end at `home`.
    pub fn receive(
        &mut self,
        home: SocketAddr,
        datagram: &[u8],
        call: Option<CallId>,
        out: &mut Doings,
    ) -> Taken {
        let Some(message) = Message::read(datagram) else {
            out.faults.push(format!("unreadable: {}", String::from_utf8_lossy(datagram)));
            return Taken::Done;
        };
        let own_tag = if message.status > 0 { message.from_tag() } else { message.to_tag() };
        let legs = self.by_call.get(message.call_id).map_or(&[][..], Vec::as_slice);
        let exact = legs.iter().copied().find(|leg| self.legs[*leg].tag == own_tag);
        let first = legs.first().copied();
        let place = match (exact, message.method) {
            (Some(place), _) => Some(place),
            (None, Method::Invite | Method::Cancel) if own_tag.is_empty() => first,
            (None, _) => None,
        };
        match place {
            Some(place) => {
                let leg = &mut self.legs[place];
                if leg.call.is_none() {
                    leg.call = call;
                }
                if !leg.vanished {
                    leg.receive(&message, self.life, out);
                }
            }
            None if message.status > 0 || message.method == Method::Ack => {}
            None if message.method == Method::Invite && own_tag.is_empty() => return Taken::NewInvite,
            None => {
                let status = if message.method == Method::Options { 200 } else { 481 };
                let bytes = wire::respond(&message, status, "stray", home, "", "");
                out.sends.push((home, self.node, bytes));
            }
        }
        Taken::Done
    }

    /// A deadline of a leg.
    pub fn due(&mut self, place: usize, timer: Timer, out: &mut Doings) {
        if self.legs[place].vanished {
            return;
        }
        if timer == Timer::Fork {
            return self.fork(place, out);
        }
        self.legs[place].due(timer, out);
    }

    /// A second branch of the callee answers too: another dialog with the same Call-ID.
    fn fork(&mut self, first: usize, out: &mut Doings) {
        let place = self.legs.len();
        let Some(mut twin) = self.legs[first].twin(place) else { return };
        twin.answer(out);
        self.by_call.entry(twin.call_id.clone()).or_default().push(place);
        self.legs.push(twin);
    }

    /// The program at an address is gone, with all its legs.
    pub fn vanish(&mut self, home: SocketAddr, out: &mut Doings) {
        for leg in self.legs.iter_mut().filter(|leg| leg.home == home && leg.speaks()) {
            leg.due(Timer::Vanish, out);
        }
    }

    /// The legs of a call of the node, as far as they are known.
    pub fn of_call(&self, call: CallId) -> impl Iterator<Item = usize> {
        (0..self.legs.len()).filter(move |place| self.legs[*place].call == Some(call))
    }
}
