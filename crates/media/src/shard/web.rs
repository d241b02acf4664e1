//! Legs of browsers: one port for all of a shard, where each is known by the name in its checks and then by its source.
//! Once way and keys are proven such a leg is one like any other.

use super::*;
use crate::webrtc::dtls::{Order as Ask, Orders};
use crate::webrtc::{Fingerprint, Shaken, stun};

/// Sources a browser may be heard from: one for each of its networks.
const SOURCES_MAX: usize = 16;
/// Receive buffer of the shared port; the kernel doubles it and has a bound of its own.
const WEB_BUFFER_BYTES: i32 = 2 << 20;

/// What the door for browsers is made of.
pub struct WebConfig {
    /// A bound socket.
    pub socket: UdpSocket,
    /// Legs it may have.
    pub legs: usize,
    /// Our certificate.
    pub fingerprint: Fingerprint,
    /// Where handshakes are made.
    pub(crate) handshakes: Orders,
}

/// The shared port.
pub(super) struct Door {
    socket: UdpSocket,
    handshakes: Orders,
    by_name: HashMap<[u8; 8], u32>,
    by_source: HashMap<SocketAddr, u32>,
}

/// What a browser's leg waits for. All three are needed before a packet is sent or heard.
#[derive(Default)]
pub(super) struct WebLeg {
    /// What the descriptions agreed.
    wanted: Option<Peer>,
    /// The way it chose, or the first that was proven.
    source: Option<SocketAddr>,
    /// What the handshake came to.
    shaken: Option<Shaken>,
    /// All sources it was heard from.
    sources: Vec<SocketAddr>,
}

impl Door {
    /// Opens it, with a place for each leg behind the ports that are there.
    pub fn open(config: WebConfig, shard: u16, ports: &mut Vec<PortSlot>) -> io::Result<Door> {
        let WebConfig { socket, legs, fingerprint, handshakes } = config;
        // A smaller one loses packets only when the shard is very late.
        let _ = socket::set_receive_buffer(&socket, WEB_BUFFER_BYTES);
        let address = socket.local_addr()?;
        for _ in 0..legs {
            let id = u32::from(shard) << 16 | ports.len() as u32;
            let web = Some(Access::draw(fingerprint)?);
            let port = Port { shard, id, address, secret: Secret::draw()?, web };
            ports.push(PortSlot::new(port, socket.try_clone()?));
        }
        Ok(Door { socket, handshakes, by_name: HashMap::new(), by_source: HashMap::new() })
    }

    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Whose a datagram is, by its first octet (RFC 7983).
enum Kind {
    Check,
    Handshake,
    Packet,
    Other,
}

fn kind_of(first: u8) -> Kind {
    match first {
        0..=3 => Kind::Check,
        20..=63 => Kind::Handshake,
        128..=191 => Kind::Packet,
        _ => Kind::Other,
    }
}

impl Shard {
    /// Reads what waits at the shared port, up to a bound: packets go into the inbox behind the `filled` ones, the rest is
    /// looked at once. Gives how many are filled then.
    pub(super) fn read_web(&mut self, mut filled: usize, now: Now) -> usize {
        for _ in 0..BATCH_MAX {
            if filled == BATCH_MAX {
                self.receive_all(std::mem::take(&mut filled), now);
            }
            let Some(door) = &self.door else { break };
            let inbound = &mut self.inbox[filled];
            let Ok((len, from)) = door.socket.recv_from(&mut inbound.buffer) else { break };
            (inbound.len, inbound.from) = (len, Some(from));
            let known = door.by_source.get(&from).copied();
            match (kind_of(inbound.buffer[..len].first().copied().unwrap_or(u8::MAX)), known) {
                (Kind::Check, _) => self.check(filled, from, now),
                (Kind::Handshake, Some(at)) => self.shake(filled, at, from),
                (Kind::Packet, Some(at)) => {
                    inbound.port = at;
                    filled += 1;
                }
                // Whoever has proven nothing is not heard.
                (Kind::Handshake | Kind::Packet | Kind::Other, _) => {}
            }
        }
        filled
    }

    /// A check: answered if it is proven by the password of the leg whose name it has.
    fn check(&mut self, n: usize, from: SocketAddr, now: Now) {
        let inbound = &self.inbox[n];
        let Some(request) = stun::Request::parse(&inbound.buffer[..inbound.len]) else { return };
        let Some(door) = &mut self.door else { return };
        let name = <&[u8; 8]>::try_from(request.ufrag()).ok();
        let Some(at) = name.and_then(|name| door.by_name.get(name)).copied() else { return };
        let slot = &mut self.ports[at as usize];
        let (Some(web), Some(access)) = (&mut slot.web, &slot.port.web) else { return };
        if !request.is_proven_by(&access.password) {
            if let Some(leg) = slot.leg.as_deref_mut() {
                leg.strangers += 1;
            }
            return;
        }
        let mut answer = [0; stun::MESSAGE_BYTES_MAX];
        let len = request.answer(from, &access.password, &mut answer);
        // What is lost is asked again.
        let _ = slot.socket.send_to(&answer[..len], from);
        if !web.sources.contains(&from) {
            if web.sources.len() == SOURCES_MAX {
                return;
            }
            web.sources.push(from);
        }
        door.by_source.insert(from, at);
        if (request.nominates || web.source.is_none()) && web.source != Some(from) {
            web.source = Some(from);
            self.join(at, now);
        }
    }

    fn shake(&mut self, n: usize, at: u32, from: SocketAddr) {
        let (inbound, slot) = (&self.inbox[n], &self.ports[at as usize]);
        let (Some(door), Some(leg)) = (&self.door, slot.leg.as_deref()) else { return };
        let datagram = inbound.buffer[..inbound.len].into();
        let heard = Ask::Heard { leg: leg.id, shard: self.index, from, datagram };
        // Where no room is left it is as lost: the browser says it again.
        let _ = door.handshakes.try_send(heard);
    }

    /// A handshake is over.
    pub(crate) fn shaken(&mut self, leg: LegId, shaken: Shaken) {
        let now = self.now();
        let Some(at) = self.legs.get(&leg).copied() else { return };
        let Some(web) = &mut self.ports[at as usize].web else { return };
        web.shaken = Some(shaken);
        self.join(at, now);
    }

    /// A browser's leg is open: its checks are answered from now on.
    pub(super) fn let_in(&mut self, at: u32) {
        let slot = &mut self.ports[at as usize];
        let (Some(door), Some(access)) = (&mut self.door, &slot.port.web) else { return };
        door.by_name.insert(access.ufrag, at);
        slot.web = Some(Box::default());
    }

    /// It is closed.
    pub(super) fn show_out(&mut self, at: u32, leg: LegId, web: &WebLeg) {
        let (Some(door), Some(access)) = (&mut self.door, &self.ports[at as usize].port.web) else { return };
        door.by_name.remove(&access.ufrag);
        for source in &web.sources {
            // Another leg may be heard from there by now.
            if door.by_source.get(source) == Some(&at) {
                door.by_source.remove(source);
            }
        }
        // Where no room is left the thread forgets it by itself, a minute later.
        let _ = door.handshakes.try_send(Ask::Forget { leg });
    }

    /// Descriptions agreed how a browser is spoken to.
    pub(super) fn describe(&mut self, at: u32, peer: Peer, now: Now) {
        let slot = &mut self.ports[at as usize];
        let (Some(web), Some(leg)) = (&mut slot.web, slot.leg.as_deref()) else { return };
        // A page that was loaded anew has another certificate, and nothing that was proven is its.
        let another = web.wanted.as_ref().is_some_and(|known| known.agreed.dtls != peer.agreed.dtls);
        if let (true, Some(door)) = (another, &mut self.door) {
            web.sources.drain(..).for_each(|source| {
                door.by_source.remove(&source);
            });
            (web.source, web.shaken) = (None, None);
            // Where no room is left its handshake fails, and it is heard by nobody.
            let _ = door.handshakes.try_send(Ask::Forget { leg: leg.id });
        }
        web.wanted = Some(peer);
        self.join(at, now);
    }

    /// Lets a leg speak and hear if all is there, or go on by another way.
    fn join(&mut self, at: u32, now: Now) {
        let slot = &mut self.ports[at as usize];
        let (Some(web), Some(leg)) = (&mut slot.web, slot.leg.as_deref_mut()) else { return };
        let (Some(wanted), Some(source), Some(shaken)) = (&web.wanted, web.source, &web.shaken) else {
            return;
        };
        if wanted.agreed.dtls != Some(shaken.theirs) {
            web.shaken = None;
            self.events.push(Event::Refused { leg: leg.id, reason: Refusal::Impostor });
            return;
        }
        let mut peer = Peer { remote: source, ..wanted.clone() };
        peer.agreed.srtp = Some(Box::new(shaken.keys.clone()));
        leg.connect(peer, now.ms);
    }
}
