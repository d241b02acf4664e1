//! The smallest enterprise, trunk and node that the tests of this crate begin with; each changes what it is about.
#![allow(dead_code)] // each test binary uses its part

use std::net::SocketAddr;
use std::sync::Arc;

use hotline::enterprise::{
    AccountKind, BalanceEnd, Destination, DestinationKind, Enterprise, Number, Then, compile,
};
use hotline::rating::Tariffs;
use hotline::region::RegionTable;
use hotline::{HotlineNumber, PlanId, TenantId};
use node::directory::{Entry, Place};
use node::media::{Event, Port, Secret};
use node::{Change, Config, Input, TrunkConfig};

/// The carrier's address.
pub const TRUNK: ([u8; 4], u16) = ([10, 0, 1, 1], 5060);

/// A 400 number of the segment 4006.
pub fn number(suffix: u32) -> HotlineNumber {
    HotlineNumber::from_suffix(suffix).expect("seven digits")
}

/// A bound number with one line.
pub fn bound(name: &str, kind: DestinationKind, number: &str) -> Destination {
    Destination {
        name: name.into(),
        kind,
        number: number.into(),
        enabled: true,
        lines: 1,
        ring_s: 20,
        duty: None,
        ringback: None,
        confirm: Default::default(),
    }
}

/// An enterprise with one number that does one thing, paid later, not recorded.
pub fn enterprise(tenant: &str, suffix: u32, destinations: Vec<Destination>, otherwise: Then) -> Enterprise {
    let number = Number { destinations, ..Number::new(number(suffix), otherwise) };
    Enterprise {
        account: AccountKind::Postpaid,
        balance_end: BalanceEnd::FinishCall,
        numbers: vec![number],
        ..Enterprise::new(TenantId::new(tenant), tenant, PlanId::new("T1"))
    }
}

/// A trunk both ways, with the profile of one that nobody described.
pub fn trunk() -> TrunkConfig {
    TrunkConfig {
        name: "north".into(),
        address: TRUNK.into(),
        area_code: None,
        incoming: true,
        outgoing: true,
        priority: 10,
        profile: Default::default(),
        cost_plan: None,
    }
}

/// A node at an address, with one trunk.
pub fn config(at: impl Into<SocketAddr>, trunk: TrunkConfig) -> Config {
    Config {
        sip: sip::Config::new(at.into(), 1),
        trunks: vec![trunk],
        listeners: Vec::new(),
        guard: Default::default(),
        tariffs: Tariffs::shipped(),
        regions: Arc::new(RegionTable::shipped().clone()),
        warm_max: 8,
        segment_bytes: 1 << 20,
        segments: 8,
        position: 0,
        seed: 1,
    }
}

/// Media has eight ports for the node.
pub fn ports_ready() -> Input<'static> {
    let port = |at: u16| Port {
        shard: 0,
        id: u32::from(at),
        address: SocketAddr::from(([203, 0, 113, 1], at)),
        secret: Secret([7; 102]),
        web: None,
    };
    Input::Media(Event::PortsReady((0..8).map(|at| port(20_000 + 2 * at)).collect()))
}

/// The numbers of an enterprise, in their first version and with their bodies at hand.
pub fn holds(enterprise: &Enterprise) -> Input<'static> {
    let bodies: Vec<_> = compile(enterprise, 1).into_iter().map(Arc::new).collect();
    let entry = Entry { tenant: enterprise.id.clone(), version: 1, place: Place::default() };
    let numbers = bodies.iter().map(|body| (body.number, Some(entry.clone()))).collect();
    Input::Change(Change::Enterprise { numbers, bodies })
}
