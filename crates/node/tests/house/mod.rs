//! The smallest enterprise, trunk and node that the tests of this crate begin with; each changes what it is about.
#![allow(dead_code)] // each test binary uses its part

use std::net::SocketAddr;
use std::sync::Arc;

use hotline::enterprise::{
    AccountKind, BalanceEnd, Destination, DestinationKind, Enterprise, Forwards, Limits, Number, Recording,
    Ringback, Then,
};
use hotline::rating::Tariffs;
use hotline::region::RegionTable;
use hotline::{HotlineNumber, PlanId, TenantId};
use node::{Config, TrunkConfig};

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
    }
}

/// An enterprise with one number that does one thing, paid later, not recorded.
pub fn enterprise(tenant: &str, suffix: u32, destinations: Vec<Destination>, otherwise: Then) -> Enterprise {
    let number = Number {
        number: number(suffix),
        enabled: true,
        destinations,
        groups: Vec::new(),
        rules: Vec::new(),
        otherwise,
        forwards: Forwards::default(),
        finally: Default::default(),
        memory: None,
        block: Vec::new(),
        bars: Default::default(),
        limits: Limits::default(),
        ringback: Ringback::Tone,
        recording: Recording { enabled: false, notice: "recording_notice".into() },
        talk_s_max: 14_400,
    };
    Enterprise {
        id: TenantId::new(tenant),
        name: tenant.into(),
        plan: PlanId::new("T1"),
        account: AccountKind::Postpaid,
        balance_end: BalanceEnd::FinishCall,
        charging_from: Default::default(),
        limits: Limits::default(),
        schedules: Vec::new(),
        region_sets: Vec::new(),
        caller_lists: Vec::new(),
        crisis: None,
        crisis_by_two: false,
        extensions: Vec::new(),
        numbers: vec![number],
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
        tariffs: Tariffs::shipped(),
        regions: Arc::new(RegionTable::shipped().clone()),
        warm_max: 8,
        segment_bytes: 1 << 20,
        segments: 8,
        position: 0,
        seed: 1,
    }
}
