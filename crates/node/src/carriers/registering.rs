//! Our registrations with carriers that know us by them (row X04): registered at the start, refreshed in time, tried again
//! with patience, and taken back when nothing is left to do. It refuses to know how a REGISTER is written.

use hotline::Mono;
use hotline::flow::Chance;
use hotline::trunk::Registration;
use sip::digest::Credentials;
use sip::{Failure, Hop, Register, RegistrationId};

/// The first wait after a failure, and the longest (RFC 5626 4.5, where all flows have failed).
const BASE_MS: u64 = 30_000;
const WAIT_MS_MAX: u64 = 1_800_000;

/// One registration.
#[derive(Clone, Debug)]
pub struct Registering {
    /// The endpoint's number of it, once there was a REGISTER.
    id: Option<RegistrationId>,
    state: State,
    /// Until when calls can come and go by it.
    bound_until: Option<Mono>,
    failures: u32,
    /// The status of the last failure; 0 where nothing came back.
    refused: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A REGISTER goes out then.
    Due(Mono),
    /// Its answer is awaited.
    Asking,
    /// The binding is being taken back.
    Leaving,
    /// There is none, and none is wanted.
    Left,
}

/// A trunk's registration as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistrationStanding {
    /// Until when it holds, if there is one.
    pub until: Option<Mono>,
    /// The status that refused the last REGISTER, 0 where nothing came back; `None` after one that was taken.
    pub refused: Option<u16>,
}

impl Registering {
    pub fn new(now: Mono) -> Registering {
        Registering { id: None, state: State::Due(now), bound_until: None, failures: 0, refused: None }
    }

    pub fn id(&self) -> Option<RegistrationId> {
        self.id
    }

    /// Whether calls can go by it.
    pub fn is_bound(&self, now: Mono) -> bool {
        self.bound_until.is_some_and(|until| until > now)
    }

    pub fn standing(&self, now: Mono) -> RegistrationStanding {
        RegistrationStanding { until: self.bound_until.filter(|until| *until > now), refused: self.refused }
    }

    pub fn is_due(&self, now: Mono) -> bool {
        matches!(self.state, State::Due(at) if at <= now)
    }

    /// When it changes by itself.
    pub fn next_timeout(&self, now: Mono) -> Option<Mono> {
        let due = match self.state {
            State::Due(at) => Some(at),
            State::Asking | State::Leaving | State::Left => None,
        };
        let ends = self.bound_until.filter(|until| *until > now);
        due.into_iter().chain(ends).min()
    }

    /// A REGISTER is out, or could not be written; then it is tried again later.
    pub fn asked(&mut self, id: Option<RegistrationId>, now: Mono) {
        self.id = id.or(self.id);
        self.state = if id.is_some() { State::Asking } else { State::Due(now + WAIT_MS_MAX) };
    }

    /// It holds for so long. Refreshed halfway where that is short, else ten minutes before (3GPP TS 24.229 5.1.1.4.1).
    pub fn granted(&mut self, expires_s: u32, now: Mono) {
        let for_ms = u64::from(expires_s) * 1_000;
        (self.failures, self.refused) = (0, None);
        if matches!(self.state, State::Leaving | State::Left) {
            (self.state, self.bound_until) = (State::Left, None);
            return;
        }
        if expires_s == 0 {
            (self.state, self.bound_until) = (State::Due(now + BASE_MS), None);
            return;
        }
        self.bound_until = Some(now + for_ms);
        let refresh_ms = if for_ms > 1_200_000 { for_ms - 600_000 } else { for_ms / 2 };
        self.state = State::Due(now + refresh_ms.max(1_000));
    }

    /// It was refused or not answered. What holds goes on holding; the next try comes after twice as long as the last,
    /// at most half an hour, and between half and all of that, so that a carrier that comes back is not met by all.
    pub fn failed(&mut self, failure: &Failure, now: Mono, chance: &mut Chance) {
        if matches!(self.state, State::Leaving | State::Left) {
            (self.state, self.bound_until) = (State::Left, None);
            return;
        }
        let answered = failure.kind == sip::FailureKind::Answered;
        self.refused = Some(if answered { failure.status } else { 0 });
        let most = BASE_MS.saturating_mul(1 << self.failures.min(8)).min(WAIT_MS_MAX);
        self.failures += 1;
        let drawn = most / 2 + chance.below(most / 2 + 1);
        let asked_ms = u64::from(failure.retry_after_s.unwrap_or(0)) * 1_000;
        self.state = State::Due(now + drawn.max(asked_ms.min(WAIT_MS_MAX)));
    }

    /// Gives it up; whether a REGISTER must say so.
    pub fn leave(&mut self, now: Mono) -> bool {
        let says = self.is_bound(now) || self.state == State::Asking;
        let already = matches!(self.state, State::Leaving | State::Left);
        if !already {
            self.state = if says { State::Leaving } else { State::Left };
        }
        says && !already
    }

    /// Wanted again, or with another password.
    pub fn renew(&mut self, now: Mono) {
        if self.state != State::Asking {
            self.state = State::Due(now);
        }
    }

    /// Whether its end is on its way.
    pub fn is_leaving(&self) -> bool {
        self.state == State::Leaving
    }
}

/// Who we are where a carrier asks.
pub fn credentials(known: &Registration) -> Option<Credentials> {
    if known.password.0.is_empty() {
        return None;
    }
    let who = Credentials::new(known.digest_user(), known.password.0.as_str());
    Some(if known.realm.is_empty() { who } else { who.in_realm(known.realm.as_str()) })
}

/// The REGISTER of a registration, by a trunk's way; `expires_s` is 0 to take it back.
pub fn register(known: &Registration, way: Hop, expires_s: u32) -> Register {
    let to = known.registrar.parse().map_or(way, |registrar| way.towards(registrar));
    let domain = if known.domain.is_empty() { to.remote.to_string() } else { known.domain.clone() };
    Register {
        to,
        registrar: format!("sip:{domain}"),
        address_of_record: format!("sip:{}@{domain}", known.user),
        contact_user: known.user.clone(),
        expires_s,
        credentials: credentials(known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::FailureKind;

    fn failure(status: u16, retry_after_s: Option<u32>) -> Failure {
        Failure { status, kind: FailureKind::Answered, q850: None, retry_after_s }
    }

    fn due(registering: &Registering) -> Mono {
        match registering.state {
            State::Due(at) => at,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn x04_a_registration_is_refreshed_before_it_ends() {
        for (expires_s, refresh_s) in [(3_600, 3_000), (1_201, 601), (1_200, 600), (60, 30), (1, 1)] {
            let mut registering = Registering::new(Mono(0));
            registering.asked(Some(RegistrationId(1)), Mono(0));
            registering.granted(expires_s, Mono(500));
            assert_eq!(due(&registering), Mono(500 + refresh_s * 1_000), "{expires_s}");
            let ends = Mono(500 + u64::from(expires_s) * 1_000);
            assert!(registering.is_bound(Mono(ends.0 - 1)) && !registering.is_bound(ends));
        }
    }

    #[test]
    fn x04_failures_are_met_with_patience_and_no_two_alike() {
        let mut chance = Chance::new(3);
        let mut registering = Registering::new(Mono(0));
        let mut most = BASE_MS;
        for _ in 0..12 {
            registering.asked(Some(RegistrationId(1)), Mono(0));
            registering.failed(&failure(503, None), Mono(0), &mut chance);
            assert!((most / 2..=most).contains(&due(&registering).0), "{most}");
            most = (most * 2).min(WAIT_MS_MAX);
        }
        let of = |seed| {
            let mut registering = Registering::new(Mono(0));
            registering.failed(&failure(503, None), Mono(0), &mut Chance::new(seed));
            due(&registering)
        };
        assert!(of(1) != of(2) && of(1) == of(1), "by the seed");
        registering.granted(60, Mono(0));
        registering.failed(&failure(503, Some(300)), Mono(0), &mut chance);
        assert_eq!(
            due(&registering),
            Mono(300_000),
            "asked for more patience, and begins anew after a success"
        );
        assert!(registering.is_bound(Mono(59_999)), "what holds goes on holding");
    }

    #[test]
    fn x04_what_is_left_is_taken_back_once() {
        let mut registering = Registering::new(Mono(0));
        assert!(!registering.leave(Mono(0)), "nothing to take back");
        let mut registering = Registering::new(Mono(0));
        registering.asked(Some(RegistrationId(1)), Mono(0));
        registering.granted(60, Mono(0));
        assert!(registering.leave(Mono(1)) && !registering.leave(Mono(2)));
        assert!(registering.is_leaving());
        registering.granted(0, Mono(3));
        registering.granted(0, Mono(3));
        assert!(!registering.is_leaving() && !registering.is_bound(Mono(4)));
        assert_eq!(registering.next_timeout(Mono(4)), None);
        registering.renew(Mono(5));
        assert!(registering.is_due(Mono(5)));
    }

    #[test]
    fn x04_a_registration_is_told_to_its_own_registrar_alone() {
        let known = Registration { user: "01062000001".into(), ..Registration::default() };
        let way = Hop::udp(([192, 0, 2, 1], 5060).into());
        let plain = register(&known, way, 60);
        assert_eq!((plain.to, &*plain.registrar), (way, "sip:192.0.2.1:5060"));
        assert_eq!(plain.address_of_record, "sip:01062000001@192.0.2.1:5060");
        assert!(plain.credentials.is_none());
        let known = Registration {
            registrar: "192.0.2.7:5070".into(),
            domain: "bj.carrier.example".into(),
            password: hotline::trunk::Secret("secret".into()),
            ..known
        };
        let apart = register(&known, way, 0);
        assert_eq!(apart.to.remote, ([192, 0, 2, 7], 5070).into());
        assert_eq!(apart.address_of_record, "sip:01062000001@bj.carrier.example");
        assert!(apart.credentials.is_some() && apart.expires_s == 0);
    }
}
