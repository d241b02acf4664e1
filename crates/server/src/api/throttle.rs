//! How often somebody may try to sign in (row P03): by account, by address and as a whole. Knows no passwords; its tables
//! have bounds.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An account is shut for [`SHUT`] after so many wrong passwords in a row.
const WRONG_MAX: u32 = 5;
const SHUT: Duration = Duration::from_secs(15 * 60);
/// Tries of one address and of all in a minute.
const OF_ADDRESS_MAX: u32 = 20;
const OF_ALL_MAX: u32 = 600;
const MINUTE: Duration = Duration::from_secs(60);
/// Beyond so many rows the oldest go.
const ROWS_MAX: usize = 20_000;

/// Who tried.
#[derive(Default)]
pub struct Throttle(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    accounts: BTreeMap<(String, String), Tries>,
    addresses: BTreeMap<IpAddr, Tries>,
    all: Option<Tries>,
}

#[derive(Clone, Copy)]
struct Tries {
    count: u32,
    since: Instant,
}

impl Tries {
    /// One more within a span; counts anew behind it.
    fn more(tries: Option<Tries>, span: Duration, now: Instant) -> Tries {
        match tries {
            Some(Tries { count, since }) if now.duration_since(since) < span => {
                Tries { count: count.saturating_add(1), since }
            }
            Some(_) | None => Tries { count: 1, since: now },
        }
    }
}

impl Throttle {
    /// Whether a try may be made now; it counts.
    pub fn may_try(&self, whose: (&str, &str), from: IpAddr, now: Instant) -> bool {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = Tries::more(tables.all, MINUTE, now);
        let address = Tries::more(tables.addresses.get(&from).copied(), MINUTE, now);
        tables.all = Some(all);
        tables.addresses.insert(from, address);
        trim(&mut tables.addresses, |tries| tries.since);
        let key = (whose.0.to_owned(), whose.1.to_owned());
        let wrong = tables.accounts.get(&key).filter(|wrong| now.duration_since(wrong.since) < SHUT);
        let shut = wrong.is_some_and(|wrong| wrong.count >= WRONG_MAX);
        !shut && address.count <= OF_ADDRESS_MAX && all.count <= OF_ALL_MAX
    }

    /// What came of a try.
    pub fn tried(&self, whose: (&str, &str), right: bool, now: Instant) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (whose.0.to_owned(), whose.1.to_owned());
        if right {
            tables.accounts.remove(&key);
            return;
        }
        let count = Tries::more(tables.accounts.get(&key).copied(), SHUT, now).count;
        tables.accounts.insert(key, Tries { count, since: now });
        trim(&mut tables.accounts, |tries| tries.since);
    }
}

/// Drops the older half of a table that is full.
fn trim<K: Ord + Clone>(table: &mut BTreeMap<K, Tries>, since: impl Fn(&Tries) -> Instant) {
    if table.len() <= ROWS_MAX {
        return;
    }
    let mut ages: Vec<Instant> = table.values().map(&since).collect();
    ages.sort_unstable();
    let middle = ages[ages.len() / 2];
    table.retain(|_, tries| since(tries) > middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn there(place: u32) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::from(0x0a00_0000 + place))
    }

    #[test]
    fn p03_five_wrong_passwords_shut_an_account_for_a_quarter_of_an_hour_from_anywhere() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let whose = ("huaxin", "li");
        for place in 0..5 {
            assert!(throttle.may_try(whose, there(place), start));
            throttle.tried(whose, false, start);
        }
        assert!(!throttle.may_try(whose, there(9), start + Duration::from_secs(14 * 60)));
        assert!(throttle.may_try(("huaxin", "wang"), there(10), start), "others are not shut");
        assert!(throttle.may_try(whose, there(11), start + Duration::from_secs(15 * 60)));
        throttle.tried(whose, true, start);
        assert!(throttle.may_try(whose, there(12), start));
    }

    #[test]
    fn p03_an_address_and_all_together_are_slowed_down() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let tries = (0..30).filter(|at| throttle.may_try(("huaxin", &at.to_string()), HERE, start));
        assert_eq!(tries.count(), 20);
        assert!(throttle.may_try(("huaxin", "li"), HERE, start + MINUTE));
        let throttle = Throttle::default();
        let tries = (0..1_000).filter(|at| throttle.may_try(("huaxin", "li"), there(*at), start));
        assert_eq!(tries.count(), 600);
    }

    #[test]
    fn p03_the_tables_do_not_grow_with_the_tries() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for at in 0..50_000 {
            let now = start + Duration::from_millis(at);
            throttle.may_try(("huaxin", "li"), there(at as u32), now);
            throttle.tried(("huaxin", &at.to_string()), false, now);
        }
        let tables = throttle.0.lock().expect("nobody panicked");
        assert!(tables.addresses.len() <= ROWS_MAX && tables.accounts.len() <= ROWS_MAX);
    }
}
