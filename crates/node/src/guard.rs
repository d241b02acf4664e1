//! Whose messages are heard at all, decided by the source alone before anything is parsed (FAULTS N2, N3, N4). Trunks
//! are known by their addresses and always heard; everybody else has an allowance, loses it by wrong passwords, and is
//! not heard for a while once it is overdrawn. Refuses to know what a message says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use hotline::Mono;

/// Who may speak on a listener of ours.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Carriers by their addresses, and phones by their passwords.
    #[default]
    Any,
    /// Carriers alone: nobody else is heard or answered.
    Trunks,
    /// Phones alone: no address makes anybody a carrier here.
    Phones,
}

/// What strangers are allowed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages a second from one address that has proven nothing; it may save up ten seconds of them. 0 hears all.
    pub per_second: u32,
    /// The same for all such addresses together.
    pub all_per_second: u32,
    /// How long an address is not heard that goes on once its allowance is spent; each time twice as long as before.
    pub ban_ms: u64,
    /// New calls a second beyond which one is refused with 503 and Retry-After, whoever sends it; emergency calls and
    /// what belongs to a call that is up are served. 0 refuses none.
    pub calls_per_second: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { per_second: 20, all_per_second: 2_000, ban_ms: 600_000, calls_per_second: 2_000 }
    }
}

/// What an address is to us.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A carrier's.
    Trunk,
    /// Somebody's who proved a password not long ago, or whom we call.
    Proven,
    /// Anybody's: it has to prove itself, and is answered only where it asks for that.
    Stranger,
    /// Not to be heard.
    Unheard,
}

/// Why an address was banned.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Banned {
    /// Whose.
    pub address: IpAddr,
    /// For how long.
    pub ms: u64,
}

/// Addresses remembered one by one; those beyond share one allowance.
const SOURCES_MAX: usize = 65_536;
/// An address that proved a password, or that we called, has this many times the allowance and is never banned: a forged
/// source must not cut off an office. It holds for so long.
const PROVEN_TIMES: u64 = 50;
const PROVEN_MS: u64 = 3_700_000;
/// Messages that may follow once an allowance is spent.
const OVERDRAWN_MAX: u32 = 100;
/// What a wrong password costs, in messages.
const WRONG_COST: u64 = 20;
/// Bans double up to this many times: ten minutes become a week.
const DOUBLED_MAX: u32 = 10;
/// A ban is forgotten after this long without another one.
const FORGIVEN_MS: u64 = 86_400_000;
/// Wrong passwords for one user in a row, and how long it takes until one more is looked at.
const WRONG_USER: Rate = Rate { burst: 10, every_ms: 30_000 };
/// The same for all addresses of a /24 or of an IPv6 /48, and for everybody together.
const WRONG_NET: Rate = Rate { burst: 40, every_ms: 5_000 };
const WRONG_ALL: Rate = Rate { burst: 1_000, every_ms: 50 };
/// The same for an address that proved itself before: an office with a phone whose password is an old one.
const WRONG_PROVEN: Rate = Rate { burst: 60, every_ms: 3_000 };
/// Seconds of its allowance that an address may save up.
const SAVED_S: u64 = 10;
/// Between two looks for addresses that need no remembering.
const SWEEP_MS: u64 = 1_000;

/// Thousandths of a message: what a bucket counts in.
const MESSAGE: u64 = 1_000;

/// A bucket of tokens: full at first, refilled by time. Times are whole milliseconds.
#[derive(Copy, Clone, Debug)]
struct Bucket {
    left: u64,
    at: Mono,
}

impl Bucket {
    fn full(size: u64, now: Mono) -> Bucket {
        Bucket { left: size, at: now }
    }

    /// Takes `cost`, or nothing where less is there. `gain` is what a millisecond brings.
    fn take(&mut self, cost: u64, gain: u64, size: u64, now: Mono) -> bool {
        let gained = now.since_ms(self.at).saturating_mul(gain);
        self.left = self.left.saturating_add(gained).min(size);
        self.at = now;
        let enough = self.left >= cost;
        if enough {
            self.left -= cost;
        }
        enough
    }
}

/// So many at once, and one more each so often.
#[derive(Copy, Clone, Debug)]
struct Rate {
    burst: u64,
    every_ms: u64,
}

impl Rate {
    /// A bucket counts in milliseconds of this rate: one event costs `every_ms`, a millisecond brings 1.
    fn size(self) -> u64 {
        self.burst * self.every_ms
    }

    fn full(self, now: Mono) -> Bucket {
        Bucket::full(self.size(), now)
    }

    fn has(self, bucket: &Bucket, now: Mono) -> bool {
        bucket.left.saturating_add(now.since_ms(bucket.at)) >= self.every_ms
    }

    fn take(self, bucket: &mut Bucket, now: Mono) {
        bucket.take(self.every_ms, 1, self.size(), now);
    }

    /// Whether it is as one that was never used.
    fn is_full(self, bucket: &Bucket, now: Mono) -> bool {
        bucket.left.saturating_add(now.since_ms(bucket.at)) >= self.size()
    }
}

/// One address, or one IPv6 /64: whoever has one has all of it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Net(u128);

impl Net {
    fn of(ip: IpAddr, v4_bits: u32, v6_bits: u32) -> Net {
        match ip.to_canonical() {
            IpAddr::V4(v4) => {
                let bits = u32::from(v4) >> (32 - v4_bits);
                // No IPv6 prefix begins with these octets: they stand apart from all of them.
                Net(u128::from(bits) | 0xffff << 96)
            }
            IpAddr::V6(v6) => Net(u128::from(v6) >> (128 - v6_bits)),
        }
    }

    fn own(ip: IpAddr) -> Net {
        Net::of(ip, 32, 64)
    }

    fn around(ip: IpAddr) -> Net {
        Net::of(ip, 24, 48)
    }
}

/// What is known of one address.
#[derive(Copy, Clone, Debug)]
struct Source {
    bucket: Bucket,
    /// Its wrong passwords since it proved one.
    wrong: Bucket,
    proven_until: Mono,
    /// Messages since its allowance was spent.
    overdrawn: u32,
    bans: u32,
    banned_until: Mono,
}

impl Source {
    fn new(size: u64, now: Mono) -> Source {
        Source {
            bucket: Bucket::full(size, now),
            wrong: WRONG_PROVEN.full(now),
            proven_until: Mono(0),
            overdrawn: 0,
            bans: 0,
            banned_until: Mono(0),
        }
    }
}

/// The guard of one node.
#[derive(Debug)]
pub struct Guard {
    limits: Limits,
    /// By the number of the listener; those beyond are [`Role::Any`].
    roles: Vec<Role>,
    trunks: BTreeSet<IpAddr>,
    sources: BTreeMap<Net, Source>,
    others: Source,
    strangers: Bucket,
    calls: Bucket,
    wrong_users: BTreeMap<String, Bucket>,
    wrong_nets: BTreeMap<Net, Bucket>,
    wrong_all: Bucket,
    swept_at: Mono,
    unheard: u64,
    bans: u64,
}

impl Guard {
    pub(crate) fn new(limits: Limits, roles: Vec<Role>) -> Guard {
        let start = Mono(0);
        Guard {
            limits,
            roles,
            trunks: BTreeSet::new(),
            sources: BTreeMap::new(),
            others: Source::new(u64::MAX, start),
            strangers: Bucket::full(u64::from(limits.all_per_second) * 2 * MESSAGE, start),
            calls: Bucket::full(u64::from(limits.calls_per_second) * MESSAGE, start),
            wrong_users: BTreeMap::new(),
            wrong_nets: BTreeMap::new(),
            wrong_all: WRONG_ALL.full(start),
            swept_at: start,
            unheard: 0,
            bans: 0,
        }
    }

    /// Takes addresses that carriers speak from, beside those known before: the calls of a trunk that was moved or
    /// taken away go on (row N17). Whose INVITE is a carrier's is decided elsewhere, by the trunks of the moment.
    pub(crate) fn know(&mut self, trunks: impl IntoIterator<Item = IpAddr>) {
        self.trunks.extend(trunks.into_iter().map(|ip| ip.to_canonical()));
    }

    /// All addresses known so.
    pub(crate) fn known(&self) -> impl Iterator<Item = IpAddr> {
        self.trunks.iter().copied()
    }

    /// Who may speak on a listener.
    pub(crate) fn role(&self, listener: u16) -> Role {
        self.roles.get(usize::from(listener)).copied().unwrap_or_default()
    }

    /// Messages that were not heard since the node began.
    pub fn unheard(&self) -> u64 {
        self.unheard
    }

    /// Bans since the node began.
    pub fn bans(&self) -> u64 {
        self.bans
    }

    /// Addresses remembered one by one.
    pub fn remembered(&self) -> usize {
        self.sources.len()
    }

    /// What the sender of a message is, and whether this very message banned it. `phones` says whether anybody may log
    /// in at all: where nobody may, strangers have nothing to ask.
    pub(crate) fn look(
        &mut self,
        listener: u16,
        from: SocketAddr,
        phones: bool,
        now: Mono,
    ) -> (Standing, Option<Banned>) {
        let ip = from.ip().to_canonical();
        let role = self.role(listener);
        if role != Role::Phones && self.trunks.contains(&ip) {
            return (Standing::Trunk, None);
        }
        let standing = match role {
            Role::Trunks => (Standing::Unheard, None),
            Role::Any | Role::Phones => self.weigh(ip, phones, now),
        };
        self.unheard += u64::from(standing.0 == Standing::Unheard);
        standing
    }

    fn weigh(&mut self, ip: IpAddr, phones: bool, now: Mono) -> (Standing, Option<Banned>) {
        let Limits { per_second, all_per_second, .. } = self.limits;
        let proven = self.is_proven(ip, now);
        if !phones && !proven {
            return (Standing::Unheard, None);
        }
        let heard = if proven { Standing::Proven } else { Standing::Stranger };
        if per_second == 0 {
            return (heard, None);
        }
        let (gain, size) = self.allowance(proven);
        let source = self.source(ip, now);
        if source.banned_until > now && !proven {
            return (Standing::Unheard, None);
        }
        if source.bucket.take(MESSAGE, gain, size, now) {
            source.overdrawn = 0;
            let all = u64::from(all_per_second);
            let room = proven || self.strangers.take(MESSAGE, all, all * 2 * MESSAGE, now);
            return (if room { heard } else { Standing::Unheard }, None);
        }
        source.overdrawn += 1;
        if proven || source.overdrawn < OVERDRAWN_MAX {
            return (Standing::Unheard, None);
        }
        (Standing::Unheard, self.ban(ip, now))
    }

    /// Whether an address is not heard for a while.
    pub(crate) fn is_banned(&self, from: SocketAddr, now: Mono) -> bool {
        let source = self.sources.get(&Net::own(from.ip()));
        source.is_some_and(|source| source.banned_until > now && source.proven_until <= now)
    }

    fn is_proven(&self, ip: IpAddr, now: Mono) -> bool {
        self.sources.get(&Net::own(ip)).is_some_and(|source| source.proven_until > now)
    }

    /// What a millisecond brings an address, and what it may save up.
    fn allowance(&self, proven: bool) -> (u64, u64) {
        let gain = u64::from(self.limits.per_second) * if proven { PROVEN_TIMES } else { 1 };
        (gain, gain * SAVED_S * MESSAGE)
    }

    fn ban(&mut self, ip: IpAddr, now: Mono) -> Option<Banned> {
        let ban_ms = self.limits.ban_ms;
        let source = self.sources.get_mut(&Net::own(ip))?;
        if source.banned_until + FORGIVEN_MS < now {
            source.bans = 0;
        }
        let ms = ban_ms << source.bans.min(DOUBLED_MAX);
        source.bans += 1;
        (source.overdrawn, source.banned_until) = (0, now + ms);
        self.bans += 1;
        Some(Banned { address: ip, ms })
    }

    /// What is kept of an address: its own, or where too many are remembered the one that all others share.
    fn source(&mut self, ip: IpAddr, now: Mono) -> &mut Source {
        let net = Net::own(ip);
        let (_, size) = self.allowance(false);
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&net) {
            self.sweep(now);
            if self.sources.len() >= SOURCES_MAX {
                return &mut self.others;
            }
        }
        self.sources.entry(net).or_insert_with(|| Source::new(size, now))
    }

    /// Forgets what says no more than silence would.
    fn sweep(&mut self, now: Mono) {
        if now.since_ms(self.swept_at) < SWEEP_MS {
            return;
        }
        self.swept_at = now;
        let (gain, size) = self.allowance(false);
        self.sources.retain(|_, source| {
            let refilled = source.bucket.left + now.since_ms(source.bucket.at).saturating_mul(gain) >= size;
            let remembered = source.bans > 0 && source.banned_until + FORGIVEN_MS > now;
            source.proven_until > now || remembered || !refilled
        });
        self.wrong_users.retain(|_, bucket| !WRONG_USER.is_full(bucket, now));
        self.wrong_nets.retain(|_, bucket| !WRONG_NET.is_full(bucket, now));
    }

    /// Somebody at this address proved a password, or is called by us: its answers and keep-alives are not a stranger's.
    pub(crate) fn proven(&mut self, from: SocketAddr, now: Mono) {
        let source = self.source(from.ip(), now);
        (source.proven_until, source.overdrawn) = (now + PROVEN_MS, 0);
    }

    /// Whether a claim to be `user` is looked at: the tries of an address, of its neighbours, for one user and of all
    /// together are limited. An address that proved itself before is held up by its own tries alone.
    pub(crate) fn may_prove(&self, from: SocketAddr, user: &str, now: Mono) -> bool {
        let ip = from.ip();
        if let Some(source) = self.sources.get(&Net::own(ip)).filter(|source| source.proven_until > now) {
            return WRONG_PROVEN.has(&source.wrong, now);
        }
        let net = self.wrong_nets.get(&Net::around(ip));
        let own = self.wrong_users.get(user);
        net.is_none_or(|bucket| WRONG_NET.has(bucket, now))
            && own.is_none_or(|bucket| WRONG_USER.has(bucket, now))
            && WRONG_ALL.has(&self.wrong_all, now)
    }

    /// A wrong password, or a user that is none.
    pub(crate) fn wrong(&mut self, from: SocketAddr, user: &str, now: Mono) {
        let ip = from.ip();
        let (gain, size) = self.allowance(self.is_proven(ip, now));
        let source = self.source(ip, now);
        let left = source.bucket.left.min(WRONG_COST * MESSAGE);
        source.bucket.take(left, gain, size, now);
        if source.proven_until > now {
            return WRONG_PROVEN.take(&mut source.wrong, now);
        }
        WRONG_ALL.take(&mut self.wrong_all, now);
        if self.wrong_nets.len() >= SOURCES_MAX || self.wrong_users.len() >= SOURCES_MAX {
            self.sweep(now);
        }
        if self.wrong_nets.len() < SOURCES_MAX {
            let net = self.wrong_nets.entry(Net::around(ip)).or_insert_with(|| WRONG_NET.full(now));
            WRONG_NET.take(net, now);
        }
        if self.wrong_users.len() < SOURCES_MAX {
            let user = self.wrong_users.entry(user.to_owned()).or_insert_with(|| WRONG_USER.full(now));
            WRONG_USER.take(user, now);
        }
    }

    /// Whether one more new call is within the set rate.
    pub(crate) fn has_room_for_call(&mut self, now: Mono) -> bool {
        let rate = u64::from(self.limits.calls_per_second);
        rate == 0 || self.calls.take(MESSAGE, rate, rate * MESSAGE, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARRIER: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 5060);

    fn stranger(last: u8) -> SocketAddr {
        ([198, 51, 100, last], 5060).into()
    }

    fn guard(roles: Vec<Role>) -> Guard {
        let mut guard = Guard::new(Limits::default(), roles);
        guard.know([CARRIER.ip()]);
        guard
    }

    fn look(guard: &mut Guard, from: SocketAddr, now: u64) -> Standing {
        guard.look(0, from, true, Mono(now)).0
    }

    #[test]
    fn fault_n2_a_listener_hears_those_it_is_for() {
        let mut guard = guard(vec![Role::Trunks, Role::Phones, Role::Any]);
        let mut on = |listener, from, phones| guard.look(listener, from, phones, Mono(0)).0;
        assert_eq!(on(0, CARRIER, true), Standing::Trunk);
        assert_eq!(on(0, stranger(1), true), Standing::Unheard);
        assert_eq!(on(1, CARRIER, true), Standing::Stranger, "an address proves nothing on the phones' side");
        assert_eq!(on(2, CARRIER, false), Standing::Trunk);
        assert_eq!(on(2, stranger(1), true), Standing::Stranger);
        assert_eq!(
            on(2, stranger(1), false),
            Standing::Unheard,
            "where nobody may log in there is nothing to ask"
        );
    }

    #[test]
    fn fault_n3_an_address_that_overdraws_is_banned_longer_each_time_and_its_neighbour_is_not() {
        let mut guard = guard(Vec::new());
        let mut now = 0;
        for times in 0..3u32 {
            let mut banned = None;
            let mut heard = 0;
            while banned.is_none() {
                let (standing, ban) = guard.look(0, stranger(9), true, Mono(now));
                heard += u32::from(standing == Standing::Stranger);
                banned = ban;
                assert!(heard <= 200, "ten seconds of twenty a second and no more");
            }
            let ms = 600_000 << times;
            assert_eq!(banned, Some(Banned { address: stranger(9).ip(), ms }));
            assert_eq!(look(&mut guard, stranger(9), now + ms - 1), Standing::Unheard);
            assert_eq!(look(&mut guard, stranger(8), now + ms - 1), Standing::Stranger);
            assert_eq!(look(&mut guard, CARRIER, now), Standing::Trunk);
            now += ms;
        }
        assert_eq!(guard.bans(), 3);
    }

    #[test]
    fn fault_n3_within_its_allowance_nobody_is_ever_refused() {
        let mut guard = guard(Vec::new());
        for at in 0..100_000u64 {
            assert_eq!(look(&mut guard, stranger(3), at * 50), Standing::Stranger, "{at}");
        }
    }

    #[test]
    fn fault_n3_a_flood_of_forged_addresses_fills_a_bounded_table_and_harms_no_proven_one() {
        let mut guard = guard(Vec::new());
        guard.proven(stranger(7), Mono(0));
        for n in 0..200_000u32 {
            let from = SocketAddr::new(IpAddr::from((0x0a00_0000 + n).to_be_bytes()), 5060);
            look(&mut guard, from, 1);
        }
        assert!(guard.remembered() <= SOURCES_MAX);
        assert_eq!(look(&mut guard, stranger(7), 1), Standing::Proven);
        assert_eq!(look(&mut guard, CARRIER, 1), Standing::Trunk);
        // An hour later nothing is left of it but the first one more that comes.
        look(&mut guard, stranger(1), 3_600_000);
        assert!(guard.remembered() <= 2, "{}", guard.remembered());
    }

    #[test]
    fn fault_n4_tries_are_limited_by_user_address_neighbourhood_and_in_all() {
        let mut guard = guard(Vec::new());
        // One user from many places.
        for n in 0..WRONG_USER.burst {
            let from = ([203, 0, n as u8, 1], 5060).into();
            assert!(guard.may_prove(from, "huaxin-8001", Mono(0)), "{n}");
            guard.wrong(from, "huaxin-8001", Mono(0));
        }
        assert!(!guard.may_prove(stranger(1), "huaxin-8001", Mono(0)));
        assert!(guard.may_prove(stranger(1), "huaxin-8002", Mono(0)));
        assert!(
            guard.may_prove(stranger(1), "huaxin-8001", Mono(WRONG_USER.every_ms)),
            "one more try in time"
        );
        guard.proven(stranger(4), Mono(0));
        assert!(
            guard.may_prove(stranger(4), "huaxin-8001", Mono(0)),
            "who was here before is not locked out"
        );
        let tries = (0..).take_while(|_| {
            guard.wrong(stranger(4), "huaxin-8001", Mono(0));
            guard.may_prove(stranger(4), "huaxin-8001", Mono(0))
        });
        assert_eq!(
            tries.count() as u64 + 1,
            WRONG_PROVEN.burst,
            "but guesses no more than others in the long run"
        );
        // Many users from one neighbourhood.
        for n in 0..WRONG_NET.burst {
            guard.wrong(stranger(n as u8 + 10), &format!("u{n}"), Mono(0));
        }
        assert!(!guard.may_prove(stranger(200), "huaxin-8003", Mono(0)));
        assert!(guard.may_prove(([203, 0, 113, 1], 5060).into(), "huaxin-8003", Mono(0)));
        // Everybody together.
        for n in 0..WRONG_ALL.burst {
            let from = SocketAddr::new(IpAddr::from((0x0b00_0000 + n as u32 * 256).to_be_bytes()), 5060);
            guard.wrong(from, &format!("v{n}"), Mono(0));
        }
        assert!(!guard.may_prove(([203, 0, 114, 1], 5060).into(), "huaxin-8004", Mono(0)));
    }

    #[test]
    fn fault_n4_wrong_passwords_spend_an_address_sooner() {
        let mut guard = guard(Vec::new());
        let mut tries = 0;
        while look(&mut guard, stranger(1), 0) == Standing::Stranger {
            guard.wrong(stranger(1), &format!("u{tries}"), Mono(0));
            tries += 1;
        }
        assert!((5..=12).contains(&tries), "{tries}");
    }

    #[test]
    fn calls_above_the_set_rate_find_no_room_and_room_comes_with_time() {
        let mut guard = guard(Vec::new());
        let taken = (0..10_000).filter(|_| guard.has_room_for_call(Mono(0))).count();
        assert_eq!(taken, 2_000);
        assert!(guard.has_room_for_call(Mono(1)));
        let mut unlimited = Guard::new(Limits { calls_per_second: 0, ..Limits::default() }, Vec::new());
        assert!((0..10_000).all(|_| unlimited.has_room_for_call(Mono(0))));
    }
}
