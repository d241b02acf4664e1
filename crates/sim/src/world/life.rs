//! The node's lives: it is built from what the disk holds, dies between any two steps, and is built again.

use hotline::enterprise::phones;
use hotline::{Mono, TenantId};
use node::directory::{Entry, Place};
use node::media::Event as MediaEvent;
use node::{Config, Input, Node, recovery};

use super::deeds::Deed;
use super::{Due, NODE, STRANGER, World};
use crate::far::Phase;
use crate::media::Media;

/// 64·T1 and what datagrams need.
const DOWN_MS: u64 = 34_000;

/// Where the node dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// It had handled an input and written nothing.
    BeforeFacts,
    /// It was writing its facts: so many thousandths of the bytes are there.
    InFacts(u64),
    /// Its facts are written and nothing was sent.
    AfterFacts,
    /// It had performed so many outputs.
    AfterOutputs(u64),
}

/// One life of the node, and how its clock runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Life {
    /// 1 is the first.
    pub number: u32,
    born: u64,
    base: u64,
}

impl Life {
    /// The node's monotonic clock at an instant of the world.
    pub fn mono(&self, at: u64) -> Mono {
        Mono(self.base + at - self.born)
    }

    /// The instant of the world at which the node's clock says this.
    pub fn instant(&self, mono: Mono) -> u64 {
        self.born + mono.0.saturating_sub(self.base)
    }
}

impl World {
    /// Builds a node from the disk, as the server does at its start.
    pub(super) fn restart(&mut self) -> Result<(), String> {
        let (segment_bytes, segments) = self.disk.shape();
        let found = recovery::find(self.disk.segments(), segment_bytes, self.store.mark);
        if let Some(place) = found.flipped.first() {
            return Err(format!(
                "the journal reads back with a flipped bit at {place}, and nobody flipped one"
            ));
        }
        self.life = Life { number: self.life.number + 1, born: self.clock, base: found.mono().0 + 1 };
        self.far.life = self.life.number;
        let mut sip = sip::Config::new(NODE.into(), self.dice.draw());
        sip.session_expires_s = Some(*self.dice.pick(&[90, 600, 1800]));
        let mut node = Node::new(Config {
            sip,
            trunks: self.trunks.clone(),
            listeners: Vec::new(),
            guard: Default::default(),
            tariffs: self.tariffs.clone(),
            regions: self.regions.clone(),
            warm_max: *self.dice.pick(&[2, 64]),
            segment_bytes,
            segments,
            position: found.position,
            seed: self.dice.draw(),
        });
        let entries = self.enterprises.iter().flat_map(|(enterprise, version)| {
            let entry = |number: &hotline::enterprise::Number| {
                let entry =
                    Entry { tenant: enterprise.id.clone(), version: *version, place: Place::default() };
                (number.number, entry)
            };
            enterprise.numbers.iter().map(entry).collect::<Vec<_>>()
        });
        node.directory().fill(entries);
        let phones = self.enterprises.iter().flat_map(|(enterprise, _)| phones(enterprise));
        node.phones().replace(None, phones.collect());
        self.register_phones(&mut node);
        let calls = found.calls();
        self.disk.kept_from = found.needed_from();
        node.recover(found, self.now());
        self.recall_callbacks(&mut node);
        let life = self.life.number;
        self.note(|| format!("the node begins its life {life} with {calls} calls in the journal"));
        self.media = Media::default();
        self.confirming.forget();
        self.node = Some(node);
        self.turn()?;
        self.tell(Input::Media(MediaEvent::PortsReady(Media::ports())))?;
        let legs: Vec<usize> =
            self.far.legs.iter().filter(|leg| leg.phase == Phase::Up).map(|leg| leg.place).collect();
        if self.life.number > 1 {
            self.maybe_die_again();
            self.later(DOWN_MS, Due::CheckLegs { life, legs });
        }
        Ok(())
    }

    /// What killed a node is often still there.
    fn maybe_die_again(&mut self) {
        if self.words.is_none() && self.dice.chance(250) {
            let ms = self.dice.around(900);
            self.later(ms, Due::Deed(Deed::Die));
        }
    }

    /// kill -9: whatever was only in memory is gone.
    pub(super) fn die(&mut self, at: Crash) {
        self.note(|| format!("the node dies: {at:?}"));
        self.crash = None;
        if matches!(at, Crash::AfterOutputs(_)) {
            let answered = self.far.legs.iter().filter(|leg| leg.phase == Phase::Answered);
            self.excused.extend(answered.map(|leg| leg.place));
        }
        self.node = None;
        self.watch.node_died();
        self.store.forget_queue();
        self.disk.accepted.clear();
        self.disk.touched.clear();
        let down = self.weather.down_ms;
        let ms = self.dice.within(down.0, down.1);
        self.later(ms, Due::Restart);
    }

    /// Legs that were up when a node came back: their calls ended with the node, and a BYE told them.
    pub(super) fn check_legs(&mut self, legs: &[usize]) -> Result<(), String> {
        let up = legs.iter().find(|leg| self.far.legs[**leg].is_up() && !self.excused.contains(leg));
        match up {
            Some(leg) => Err(format!("leg {leg} of a call that died with the node is still up (F1)")),
            None => Ok(()),
        }
    }

    /// Legs of a call that ended 64·T1 ago.
    pub(super) fn check_down(&mut self, call: hotline::CallId) -> Result<(), String> {
        let is_up = |leg: &usize| self.far.legs[*leg].is_up() && !self.excused.contains(leg);
        let up = self.far.of_call(call).find(is_up);
        match up {
            Some(leg) => {
                let leg = &self.far.legs[leg];
                Err(format!("{:?} leg {} ({:?}) outlives its call {call}", leg.role, leg.call_id, leg.phase))
            }
            None => Ok(()),
        }
    }

    pub(super) fn call_ends(&mut self, call: hotline::CallId) {
        self.later(DOWN_MS, Due::CheckDown { call });
    }

    /// All that must hold, looked at in full.
    pub(super) fn sweep(&mut self) -> Result<(), String> {
        self.store.recount()?;
        let Some(node) = &self.node else { return Ok(()) };
        let month = self.now().wall.beijing().billing_month();
        for (id, tenant) in node.tenants() {
            self.watch.check_tenant(id, tenant, &self.store)?;
            if let Some(floor) = tenant.floor() {
                self.check_floor(id, floor, node)?;
            }
            self.watch.check_months(id, tenant, &self.store, month)?;
        }
        for call in node.calls() {
            if !self.disk.calls.contains_key(&call.id()) {
                return Err(format!("call {} is up, but nothing of it is on the disk", call.id()));
            }
            let paused = self.media.paused.contains(&call.id().0);
            if paused != call.is_recording_paused() {
                return Err(format!(
                    "media pauses the recording of {}: {paused}, its call does not (V09)",
                    call.id()
                ));
            }
        }
        let waiting = node.unsettled_calls().count();
        let live = node.calls_up();
        let known = self.disk.calls.len();
        if live + waiting < known {
            return Err(format!(
                "{known} accepted calls wait for the store, {live} are up and {waiting} settled"
            ));
        }
        let ports = node.free_ports() + self.media.ports_out();
        if ports != crate::media::PORTS {
            return Err(format!("{ports} ports are accounted for of {}", crate::media::PORTS));
        }
        Ok(())
    }

    /// After ten minutes without a new call nothing may be left of any.
    pub(super) fn check_quiet(&mut self) -> Result<(), String> {
        let Some(node) = &self.node else { return Err("the node was down at the end".into()) };
        let counts = node.sip_counts();
        if counts != sip::Counts::default() {
            return Err(format!("SIP is not empty after the quiet: {counts:?}"));
        }
        if (node.calls_up(), node.unsettled()) != (0, 0) {
            return Err(format!(
                "{} calls up, {} unsettled after the quiet: {:?}",
                node.calls_up(),
                node.unsettled(),
                node.calls().next().map(|call| call.log())
            ));
        }
        if let Some(trunk) = node.trunks().rows.iter().find(|trunk| trunk.load.calls > 0) {
            return Err(format!("trunk {} still counts {} calls", trunk.name, trunk.load.calls));
        }
        if node.free_ports() != crate::media::PORTS {
            return Err(format!("{} ports are free of {}", node.free_ports(), crate::media::PORTS));
        }
        for (id, tenant) in node.tenants() {
            let figures = tenant.figures();
            if figures.calls_up > 0 || figures.lines_in_use > 0 || !figures.reserved.is_zero() {
                return Err(format!("{id} still holds {figures:?}"));
            }
        }
        if let Some((call, _)) = self.disk.calls.first_key_value() {
            return Err(format!("call {call} was accepted and has no record"));
        }
        if let Some(leg) = self.far.legs.iter().find(|leg| leg.is_up()) {
            return Err(format!("leg {} is still up after the quiet", leg.place));
        }
        self.check_requests_end()?;
        self.watch.agents.check_kept(&self.store.changes)?;
        self.watch.check_crowd(self.weather.is_clean())?;
        self.lines = self.watch.check_lines(self.weather.kills_no_node())?;
        if self.weather.is_clean() {
            self.watch.check_turns()?;
            if self.words.is_none() {
                self.watch.check_ratings(i64::from(crate::tenants::PAUSE_HOURS) * 3_600_000)?;
            }
            let unanswered = self.far.legs.iter().find(|leg| leg.unanswered && leg.home != STRANGER.into());
            if let Some(leg) = unanswered {
                return Err(format!("leg {} ({:?}) had no final response", leg.place, leg.role));
            }
        }
        Ok(())
    }

    pub(super) fn check_touched(&mut self) -> Result<(), String> {
        let mut touched: Vec<TenantId> = std::mem::take(&mut self.touched);
        let calls = std::mem::take(&mut self.disk.touched);
        touched.extend(calls.iter().filter_map(|call| self.disk.calls.get(call)?.tenant.clone()));
        touched.sort();
        touched.dedup();
        let Some(node) = &self.node else { return Ok(()) };
        let month = self.now().wall.beijing().billing_month();
        for id in touched {
            if let Some(tenant) = node.tenant(&id) {
                self.watch.check_tenant(&id, tenant, &self.store)?;
                if let Some(floor) = tenant.floor() {
                    self.check_floor(&id, floor, node)?;
                }
                self.watch.check_months(&id, tenant, &self.store, month)?;
            }
        }
        Ok(())
    }
}
