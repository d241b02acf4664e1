//! One enterprise's living state: pointers, exact shares, lines in use, calls up, money and its reservations. It has
//! one owner; calls ask it and take the answer with them. Everything it knows can be told again from facts.

pub use calling_back::{LinedUp, Lines};
pub use memory::{MEMORIES_MAX, Memo, Memory};

mod memory;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use outgoing::{OutgoingUse, outgoing_states};
pub use seen::{Score, Seen, lock_state, suspect_state};

mod calling_back;
mod lately;
mod outgoing;
mod rate;
mod seen;

use outgoing::{InHour, OnDay};
use rate::{Rates, Whose};

use crate::barring::Barred;
use crate::callback::{Request, Requests};
use crate::cdr::Cause;
use crate::enterprise::{AccountKind, BalanceEnd, Limits};
use crate::flow::StepNo;
use crate::queue::Floor;
use crate::settlement::TenantState;
use crate::{Hotline, HotlineNumber, Money, Mono, Short, SpreadMap, Wall};

/// The living state of one enterprise. What every decision reads comes first and stays together.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub struct Tenant {
    /// Exact shares of percentage steps.
    pub deals: Deals,
    lines: BTreeMap<String, u32>,
    /// What is remembered of single callers.
    pub seen: Seen,
    pointers: BTreeMap<(HotlineNumber, u8), u8>,
    /// How far each member of a weighted group is ahead or behind.
    standings: BTreeMap<(HotlineNumber, u8), Standing>,
    /// Who answered whom last (row R15).
    memory: Memory,
    /// When whom was asked what a talk was worth (row Q07).
    asked: Memory,
    /// What phones did, by their digits: two 400 numbers may share one.
    phones: BTreeMap<String, PhoneUse>,
    calls_up: u32,
    numbers: BTreeMap<HotlineNumber, NumberUse>,
    callers: BTreeMap<String, u32>,
    rates: Rates,
    purse: Purse,
    /// Orders what is remembered: a later change has a higher turn.
    turn: u64,
    /// Its queues and agents; most have none.
    floor: Option<Box<Floor>>,
    /// Who is to be called back (row Q15).
    requests: Requests,
    /// Legs that left by trunks (FAULTS N7).
    outgoing: OnDay,
    outgoing_hour: InHour,
}

/// How far each share or member is ahead or behind.
pub type Standing = Short<i32, 6>;

/// What a phone did: its calls and its talk of one day in Beijing, and the end of its last call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneUse {
    /// Days in Beijing since 1970-01-01.
    pub day: u32,
    /// Calls answered on that day.
    pub calls: u32,
    /// Talk of calls that ended on that day.
    pub talk_ms: u64,
    /// When its last call ended; 1970 if none did.
    pub ended_at: Wall,
}

impl PhoneUse {
    /// The same as seen on a day: what was done on another is forgotten.
    fn on(self, day: u32) -> Self {
        if day > self.day { Self { day, calls: 0, talk_ms: 0, ..self } } else { self }
    }
}

/// The day in Beijing, counted from 1970-01-01.
fn day_of(at: Wall) -> u32 {
    const EAST_MS: i64 = 8 * 3_600_000;
    ((at.0 + EAST_MS).max(0) / 86_400_000) as u32
}

/// What one number has up and has used.
#[derive(Clone, Debug, Default)]
struct NumberUse {
    calls_up: u32,
    callers: BTreeMap<String, u32>,
    months: Months,
    outgoing: OnDay,
}

/// Money of the enterprise: the balance is the sum of its entries as last told, less what was posted since.
#[derive(Clone, Debug, Default)]
struct Purse {
    balance: Money,
    reserved: Money,
    months: Months,
}

/// Use by billing month (year × 100 + month in Beijing); a call counts in the month it began in.
#[derive(Clone, Debug, Default)]
struct Months(BTreeMap<u32, MonthUse>);

/// Use in one month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MonthUse {
    /// Fees posted.
    pub spent: Money,
    /// Fees reserved by calls in flight.
    pub reserved: Money,
    /// Calls that count, settled.
    pub calls: u32,
    /// Calls in flight.
    pub calls_up: u32,
}

impl Months {
    fn of(&self, month: u32) -> MonthUse {
        self.0.get(&month).copied().unwrap_or_default()
    }

    fn at(&mut self, month: u32) -> &mut MonthUse {
        // Two months are live at a month's end; older ones are history for the database.
        let is_history = |(of, used): (&u32, &MonthUse)| {
            (*of != month && used.reserved.is_zero() && used.calls_up == 0).then_some(*of)
        };
        while self.0.len() > 3 {
            let Some(oldest) = self.0.iter().find_map(is_history) else { break };
            self.0.remove(&oldest);
        }
        self.0.entry(month).or_default()
    }
}

/// What a call asks for at its admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// When the call comes.
    pub now: Mono,
    /// The billing month the call begins in.
    pub month: u32,
    /// The fee of its first unit.
    pub first_slice: Money,
}

/// What was reserved for a call, and against what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Admission {
    /// The billing month.
    pub month: u32,
    /// The fee reserved so far.
    pub reserved: Money,
    /// Whether fees are held against a balance or a cap at all; without either no slices are taken in the talk.
    pub metered: bool,
}

/// The end of a call, as its tenant needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The number called.
    pub number: HotlineNumber,
    /// What its admission reserved, with later slices.
    pub admission: Admission,
    /// The sale fee posted.
    pub fee: Money,
    /// Whether it counts against the month's calls.
    pub counts: bool,
    /// How the enterprise paid when the call began.
    pub account: AccountKind,
}

impl Tenant {
    /// Tells the balance: the sum of the tenant's entries at some committed position.
    pub fn tell_balance(&mut self, balance: Money) {
        self.purse.balance = balance;
    }

    /// Adds to the balance: a top-up that the store has committed.
    pub fn credit(&mut self, amount: Money) {
        self.purse.balance += amount;
    }

    /// Tells what a number has used in a month, as the store sums it.
    pub fn tell_month(&mut self, number: HotlineNumber, month: u32, spent: Money, calls: u32) {
        let own = self.numbers.entry(number).or_default().months.at(month);
        (own.spent, own.calls) = (spent, calls);
        let whole = self.purse.months.at(month);
        whole.spent += spent;
        whole.calls += calls;
    }

    /// The balance less what is reserved: what a new call may count on.
    pub fn available(&self) -> Money {
        self.purse.balance - self.purse.reserved
    }

    /// The balance, the fees reserved and the calls up, for checks and pages.
    pub fn figures(&self) -> Figures {
        Figures {
            balance: self.purse.balance,
            reserved: self.purse.reserved,
            calls_up: self.calls_up,
            lines_in_use: self.lines.values().sum(),
        }
    }

    /// Use of a number in a month.
    pub fn month(&self, number: HotlineNumber, month: u32) -> MonthUse {
        self.numbers.get(&number).map(|n| n.months.of(month)).unwrap_or_default()
    }

    /// Use of all numbers in a month.
    pub fn whole_month(&self, month: u32) -> MonthUse {
        self.purse.months.of(month)
    }

    /// Calls of a caller that are up, by whichever number of the enterprise.
    pub fn calls_up_of(&self, caller: &str) -> u32 {
        self.callers.get(caller).copied().unwrap_or(0)
    }

    /// Admits a call or says which limit stands against it, in the order calls at once, calls a minute,
    /// month calls, month cost, balance. On success the line of the number and the first slice are held until [`Tenant::settle`].
    pub fn admit(&mut self, hotline: &Hotline, caller: &str, ask: &Ask) -> Result<Admission, Barred> {
        self.check_concurrency(hotline, caller)?;
        self.check_rates(hotline, caller, ask.now)?;
        self.check_month_calls(hotline, ask)?;
        let metered = is_metered(hotline);
        if metered {
            self.check_money(hotline, ask.month, ask.first_slice)?;
        }
        let reserved = if metered { ask.first_slice } else { Money::ZERO };
        self.hold(hotline.number, caller, ask.month, reserved);
        for (whose, _) in rate_limits(hotline, caller) {
            self.rates.note(whose, ask.now);
        }
        Ok(Admission { month: ask.month, reserved, metered })
    }

    fn hold(&mut self, number: HotlineNumber, caller: &str, month: u32, reserved: Money) {
        self.calls_up += 1;
        let own = self.numbers.entry(number).or_default();
        own.calls_up += 1;
        if !caller.is_empty() {
            *own.callers.entry(caller.to_owned()).or_default() += 1;
            *self.callers.entry(caller.to_owned()).or_default() += 1;
        }
        self.purse.reserved += reserved;
        for months in [&mut own.months, &mut self.purse.months] {
            let use_of = months.at(month);
            use_of.calls_up += 1;
            use_of.reserved += reserved;
        }
    }

    fn check_concurrency(&self, hotline: &Hotline, caller: &str) -> Result<(), Barred> {
        let own = self.numbers.get(&hotline.number);
        let up_of_number = own.map_or(0, |n| n.calls_up);
        let up_of_caller = own.and_then(|n| n.callers.get(caller)).copied().unwrap_or(0);
        let up_of_caller_anywhere = self.callers.get(caller).copied().unwrap_or(0);
        let checks = [
            ("number", up_of_number, hotline.limits.concurrent_calls_max),
            ("tenant", self.calls_up, hotline.tenant_limits.concurrent_calls_max),
            ("caller", up_of_caller, hotline.limits.concurrent_calls_per_caller_max),
            (
                "caller of tenant",
                up_of_caller_anywhere,
                hotline.tenant_limits.concurrent_calls_per_caller_max,
            ),
        ];
        for (whose, up, limit) in checks {
            if let Some(limit) = limit.filter(|limit| up >= *limit) {
                let detail = format!("{whose}: {up} of {limit} calls are up");
                return Err(Barred { cause: Cause::ConcurrencyLimit, detail });
            }
        }
        Ok(())
    }

    fn check_rates(&mut self, hotline: &Hotline, caller: &str, now: Mono) -> Result<(), Barred> {
        for (whose, limit) in rate_limits(hotline, caller) {
            let calls = self.rates.count(whose, now);
            if calls >= limit {
                let whose = match whose {
                    Whose::Number(_) => "number",
                    Whose::Tenant => "tenant",
                    Whose::Caller(Some(_), _) => "caller",
                    Whose::Caller(None, _) => "caller of tenant",
                };
                let detail = format!("{whose}: {calls} of {limit} calls within a minute");
                return Err(Barred { cause: Cause::RateLimit, detail });
            }
        }
        Ok(())
    }

    fn check_month_calls(&self, hotline: &Hotline, ask: &Ask) -> Result<(), Barred> {
        for (whose, limits, months) in self.caps(hotline) {
            let used = months.map(|m| m.of(ask.month)).unwrap_or_default();
            let counted = used.calls + used.calls_up;
            if let Some(cap) = limits.calls_cap_in(ask.month).filter(|cap| counted >= *cap) {
                let detail = format!("{whose}: {counted} of {cap} calls in {}", ask.month);
                return Err(Barred { cause: Cause::MonthCallCap, detail });
            }
        }
        Ok(())
    }

    /// Whether `more` can be held against every cap and, for a prepaid account, the balance.
    fn check_money(&self, hotline: &Hotline, month: u32, more: Money) -> Result<(), Barred> {
        for (whose, limits, months) in self.caps(hotline) {
            let used = months.map(|m| m.of(month)).unwrap_or_default();
            let held = used.spent + used.reserved;
            if let Some(cap) = limits.cost_cap_in(month).filter(|cap| held + more > *cap) {
                let detail = format!("{whose}: {held} held of {cap} yuan in {month}, {more} more asked");
                return Err(Barred { cause: Cause::MonthCostCap, detail });
            }
        }
        if hotline.account == AccountKind::Prepaid && self.available() < more {
            let detail = format!("{} yuan available, {more} asked", self.available());
            return Err(Barred { cause: Cause::BalanceTooLow, detail });
        }
        Ok(())
    }

    fn caps<'a>(&'a self, hotline: &'a Hotline) -> [(&'static str, &'a Limits, Option<&'a Months>); 2] {
        [
            ("number", &hotline.limits, self.numbers.get(&hotline.number).map(|n| &n.months)),
            ("tenant", &hotline.tenant_limits, Some(&self.purse.months)),
        ]
    }

    /// Holds the next slice of a call in its talk. With `finish_call` it is held even beyond the money (FAULTS B3).
    pub fn hold_slice(
        &mut self,
        hotline: &Hotline,
        admission: &mut Admission,
        more: Money,
    ) -> Result<(), Barred> {
        if hotline.balance_end == BalanceEnd::Strict {
            self.check_money(hotline, admission.month, more)?;
        }
        admission.reserved += more;
        self.purse.reserved += more;
        self.purse.months.at(admission.month).reserved += more;
        self.numbers.entry(hotline.number).or_default().months.at(admission.month).reserved += more;
        Ok(())
    }

    /// How much more a call could hold now: the least of balance and caps; `None` if nothing limits it.
    pub fn headroom(&self, hotline: &Hotline, month: u32) -> Option<Money> {
        let caps = self.caps(hotline).into_iter().filter_map(|(_, limits, months)| {
            let used = months.map(|m| m.of(month)).unwrap_or_default();
            limits.cost_cap_in(month).map(|cap| cap - used.spent - used.reserved)
        });
        let balance = (hotline.account == AccountKind::Prepaid).then(|| self.available());
        caps.chain(balance).min()
    }

    /// A call ended: it no longer counts against calls at once. Its money is held until [`Tenant::settle`].
    pub fn hang_up(&mut self, number: HotlineNumber, caller: &str) {
        self.calls_up = self.calls_up.saturating_sub(1);
        count_down(&mut self.callers, caller);
        let own = self.numbers.entry(number).or_default();
        own.calls_up = own.calls_up.saturating_sub(1);
        count_down(&mut own.callers, caller);
    }

    /// Gives back what a call held and posts its fee.
    pub fn settle(&mut self, settled: &Settled) {
        self.purse.reserved -= settled.admission.reserved;
        self.pay(settled.fee, settled.account);
        let own = self.numbers.entry(settled.number).or_default();
        for months in [&mut own.months, &mut self.purse.months] {
            let used = months.at(settled.admission.month);
            used.calls_up = used.calls_up.saturating_sub(1);
            used.reserved -= settled.admission.reserved;
            used.spent += settled.fee;
            used.calls += u32::from(settled.counts);
        }
    }

    /// Adds what a finished call of an earlier life cost, when the journal tells it again before the store knew it.
    pub fn replay_settled(
        &mut self,
        number: HotlineNumber,
        month: u32,
        fee: Money,
        counts: bool,
        account: AccountKind,
    ) {
        if fee.is_zero() && !counts {
            return;
        }
        self.pay(fee, account);
        let own = self.numbers.entry(number).or_default();
        for months in [&mut own.months, &mut self.purse.months] {
            let used = months.at(month);
            used.spent += fee;
            used.calls += u32::from(counts);
        }
    }

    fn pay(&mut self, fee: Money, account: AccountKind) {
        if account == AccountKind::Prepaid {
            self.purse.balance -= fee;
        }
    }

    /// Lines in use at a bound number, by its digits: two 400 numbers may share one phone.
    pub fn lines_in_use(&self, digits: &str) -> u32 {
        self.lines.get(digits).copied().unwrap_or(0)
    }

    /// Takes a line of a bound number.
    pub fn take_line(&mut self, digits: &str) {
        *self.lines.entry(digits.to_owned()).or_default() += 1;
    }

    /// Frees a line of a bound number.
    pub fn free_line(&mut self, digits: &str) {
        count_down(&mut self.lines, digits);
    }

    /// The member that began the group's last call, if any did.
    pub fn pointer(&self, number: HotlineNumber, group: u8) -> Option<u8> {
        self.pointers.get(&(number, group)).copied()
    }

    /// Moves a group's pointer.
    pub fn point(&mut self, number: HotlineNumber, group: u8, member: u8) {
        self.pointers.insert((number, group), member);
    }

    /// The standing of a weighted group's members; nobody is ahead until the first call.
    pub fn standing(&self, number: HotlineNumber, group: u8) -> Standing {
        self.standings.get(&(number, group)).cloned().unwrap_or_default()
    }

    /// Takes the standing after a call was given to a member.
    pub fn stand(&mut self, number: HotlineNumber, group: u8, standing: Standing) {
        self.standings.insert((number, group), standing);
    }

    /// What a phone did on the day of an instant, and when its last call ended.
    pub fn phone_use(&self, digits: &str, at: Wall) -> PhoneUse {
        self.phones.get(digits).copied().unwrap_or_default().on(day_of(at))
    }

    /// Who answered whom last.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Keeps who answered a caller; the place it is kept at.
    pub fn keep_answerer(&mut self, memo: Memo) -> u16 {
        self.memory.keep(memo)
    }

    /// Who was asked what a talk was worth, and when.
    pub fn asked(&self) -> &Memory {
        &self.asked
    }

    /// Keeps that a caller was asked; the place it is kept at.
    pub fn keep_asked(&mut self, memo: Memo) -> u16 {
        self.asked.keep(memo)
    }

    /// Forgets a caller: who answered (row R15), what stands against it as a nuisance (row B12) and its calls without the
    /// right password (row B04). It takes a turn of its own, which orders it among what calls remember.
    pub fn forget_caller(&mut self, caller: &str) {
        self.turn += 1;
        for place in self.memory.places_of(caller) {
            self.memory.put(place, None);
        }
        for place in self.asked.places_of(caller) {
            self.asked.put(place, None);
        }
        self.seen.forget(caller);
    }

    /// All that is kept of a caller over a restart, emptied, as [`Tenant::forget_caller`] leaves it: the turn is its.
    pub fn forgotten(&self, caller: &str) -> Vec<TenantState> {
        let memories = self.memory.places_of(caller).into_iter();
        let asked = self.asked.places_of(caller).into_iter();
        let keys = memories
            .map(|place| memory_state(place, None, 0).key)
            .chain(self.seen.keys_of(caller))
            .chain(asked.map(|place| format!("asked/{place}")));
        keys.map(|key| TenantState { key, value: String::new(), position: self.turn + 1 }).collect()
    }

    /// Its queues and agents, if there are any.
    pub fn floor(&self) -> Option<&Floor> {
        self.floor.as_deref()
    }

    /// Its queues and agents, to be changed. What they tell calls is in [`Floor::poll`].
    pub fn floor_mut(&mut self) -> &mut Floor {
        self.floor.get_or_insert_default()
    }

    /// The same where there are any.
    pub fn known_floor_mut(&mut self) -> Option<&mut Floor> {
        self.floor.as_deref_mut()
    }

    /// The turn of the last change noted.
    pub fn turn(&self) -> u64 {
        self.turn
    }

    /// When a phone's last call ended; 1970 if it had none.
    pub fn last_call_ended(&self, digits: &str) -> Wall {
        self.phones.get(digits).map_or(Wall(0), |used| used.ended_at)
    }

    /// A phone answered a call; what it did with this one.
    pub fn phone_answered(&mut self, digits: &str, at: Wall) -> PhoneUse {
        let used = self.phone_use(digits, at);
        self.set_phone(digits, PhoneUse { calls: used.calls + 1, ..used })
    }

    /// A phone's call ended; what it did with this one.
    pub fn phone_ended(&mut self, digits: &str, at: Wall, talk_ms: u64) -> PhoneUse {
        let used = self.phone_use(digits, at);
        let ended_at = used.ended_at.max(at);
        self.set_phone(digits, PhoneUse { talk_ms: used.talk_ms + talk_ms, ended_at, ..used })
    }

    fn set_phone(&mut self, digits: &str, used: PhoneUse) -> PhoneUse {
        self.phones.insert(digits.to_owned(), used);
        used
    }

    /// The turn of a change that is about to be noted.
    pub fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    /// Takes back one remembered value, told in the order of turns; what this version does not know is left alone.
    pub fn remember(&mut self, told: &TenantState) {
        self.turn = self.turn.max(told.position);
        let (key, value) = (told.key.as_str(), told.value.as_str());
        if let Some(place) = key.strip_prefix("memory/") {
            if let Ok(place) = place.parse() {
                self.memory.put(place, Memo::read(value));
            }
            return;
        }
        if let Some(place) = key.strip_prefix("asked/") {
            if let Ok(place) = place.parse() {
                self.asked.put(place, Memo::read(value));
            }
            return;
        }
        if let Some(place) = key.strip_prefix("suspect/") {
            if let Ok(place) = place.parse() {
                self.seen.remember_caller(place, value);
            }
            return;
        }
        if let Some(place) = key.strip_prefix("callback/") {
            if let Ok(place) = place.parse() {
                self.requests.put(place, Request::read(value));
            }
            return;
        }
        if let Some(request) = key.strip_prefix("ended/") {
            if let Ok(request) = request.parse() {
                self.requests.end(request);
            }
            return;
        }
        if let Some(number) = key.strip_prefix("stop/") {
            return self.requests.stop(number, !value.is_empty());
        }
        if let Some(number) = key.strip_prefix("agent/") {
            return self.floor_mut().remember(number, value);
        }
        if let Some(whose) = key.strip_prefix("outgoing/") {
            return self.remember_outgoing(whose, value);
        }
        if let Some(digits) = key.strip_prefix("phone/") {
            if let Some(used) = read_phone(value) {
                self.set_phone(digits, used);
            }
            return;
        }
        let mut parts = key.split('/');
        let (Some(kind), Some(number), Some(place)) = (parts.next(), parts.next(), parts.next()) else {
            return;
        };
        let Ok(number) = number.parse::<HotlineNumber>() else { return };
        if kind == "lock" {
            return self.seen.remember_lock(number, place, value);
        }
        match (kind, place.parse::<u16>(), value) {
            ("pointer", Ok(group), value) => {
                if let (Ok(group), Ok(member)) = (u8::try_from(group), value.parse()) {
                    self.point(number, group, member);
                }
            }
            ("deal", Ok(step), value) => {
                if let Some(state) = read_standing(value) {
                    self.deals.states.insert((number, step), state);
                }
            }
            ("weight", Ok(group), value) => {
                if let (Ok(group), Some(state)) = (u8::try_from(group), read_standing(value)) {
                    self.stand(number, group, state);
                }
            }
            _ => {}
        }
    }

    /// Whether nothing of a number needs an account: no balance, no cap. Its calls go on without the store.
    pub fn needs_no_account(hotline: &Hotline) -> bool {
        let uncapped =
            |limits: &Limits| limits.month_calls_cap.is_none() && limits.outgoing_per_day_max.is_none();
        !is_metered(hotline) && uncapped(&hotline.limits) && uncapped(&hotline.tenant_limits)
    }

    /// Whether the tenant holds nothing that only memory knows: it may be forgotten and loaded again.
    pub fn is_idle(&self) -> bool {
        let floor_idle = self.floor.as_ref().is_none_or(|floor| floor.is_idle());
        let none_up = self.calls_up == 0 && self.lines.is_empty();
        none_up && self.purse.reserved.is_zero() && floor_idle && self.requests.is_empty()
    }

    /// Whether every sum is what its parts say; the simulator asks after each step.
    pub fn check(&self) -> Result<(), String> {
        let by_numbers: u32 = self.numbers.values().map(|n| n.calls_up).sum();
        if by_numbers != self.calls_up {
            return Err(format!("{} calls up, {by_numbers} by numbers", self.calls_up));
        }
        let reserved: Money = self.purse.months.0.values().map(|m| m.reserved).sum();
        if reserved != self.purse.reserved || reserved < Money::ZERO {
            return Err(format!("{:?} reserved, {reserved:?} by months", self.purse.reserved));
        }
        Ok(())
    }
}

/// The limits of calls a minute that count for a call; most have none. Withheld callers are not told apart.
fn rate_limits<'a>(hotline: &Hotline, caller: &'a str) -> impl Iterator<Item = (Whose<'a>, u32)> + use<'a> {
    let (own, whole) = (&hotline.limits, &hotline.tenant_limits);
    let of_caller = |limit: Option<u32>| limit.filter(|_| !caller.is_empty());
    [
        (Whose::Number(hotline.number), own.calls_per_minute_max),
        (Whose::Tenant, whole.calls_per_minute_max),
        (Whose::Caller(Some(hotline.number), caller), of_caller(own.calls_per_minute_per_caller_max)),
        (Whose::Caller(None, caller), of_caller(whole.calls_per_minute_per_caller_max)),
    ]
    .into_iter()
    .filter_map(|(whose, limit)| Some((whose, limit?)))
}

fn is_metered(hotline: &Hotline) -> bool {
    hotline.account == AccountKind::Prepaid
        || hotline.limits.month_cost_cap_e4.is_some()
        || hotline.tenant_limits.month_cost_cap_e4.is_some()
}

fn count_down(counts: &mut BTreeMap<String, u32>, key: &str) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// Figures of a tenant at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Figures {
    pub balance: Money,
    pub reserved: Money,
    pub calls_up: u32,
    pub lines_in_use: u32,
}

/// The states of exact deals, one for each percentage step (row R11).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deals {
    /// How far each share is ahead or behind.
    states: SpreadMap<(HotlineNumber, StepNo), Standing>,
}

impl Deals {
    /// Deals one call: the smooth weighted turn, exact over each cycle of the weights' sum. Shares of weight zero are
    /// left out and keep their standing.
    pub fn next(&mut self, number: HotlineNumber, step: StepNo, weights: &[i32]) -> usize {
        deal_one(self.states.entry((number, step)).or_default(), weights)
    }

    /// The state of one deal, as remembered across restarts.
    pub fn state(&self, number: HotlineNumber, step: StepNo) -> Option<String> {
        self.states.get(&(number, step)).map(write_standing)
    }
}

/// The smooth weighted turn itself, over whatever has weights; see [`Deals::next`].
pub fn deal_one(state: &mut Standing, weights: &[i32]) -> usize {
    if state.len() != weights.len() {
        *state = weights.iter().map(|_| 0).collect();
    }
    let total: i32 = weights.iter().sum();
    let mut chosen = None;
    for (place, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0) {
        state[place] += weight;
        if chosen.is_none_or(|best: usize| state[place] > state[best]) {
            chosen = Some(place);
        }
    }
    let chosen = chosen.unwrap_or(0);
    if let Some(standing) = state.get_mut(chosen) {
        *standing -= total;
    }
    chosen
}

/// A standing as it is remembered: `3,-1,-2`.
pub fn write_standing(state: &Standing) -> String {
    state.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

fn read_standing(text: &str) -> Option<Standing> {
    text.split(',').map(|part| part.parse().ok()).collect()
}

fn read_phone(text: &str) -> Option<PhoneUse> {
    let mut parts = text.split(',');
    Some(PhoneUse {
        day: parts.next()?.parse().ok()?,
        calls: parts.next()?.parse().ok()?,
        talk_ms: parts.next()?.parse().ok()?,
        ended_at: Wall(parts.next()?.parse().ok()?),
    })
}

/// The remembered value of a pointer.
pub fn pointer_state(number: HotlineNumber, group: u8, member: u8, turn: u64) -> TenantState {
    TenantState { key: format!("pointer/{number}/{group}"), value: member.to_string(), position: turn }
}

/// The remembered value of a deal.
pub fn deal_state(number: HotlineNumber, step: StepNo, state: String, turn: u64) -> TenantState {
    TenantState { key: format!("deal/{number}/{step}"), value: state, position: turn }
}

/// The remembered standing of a weighted group's members.
pub fn weight_state(number: HotlineNumber, group: u8, state: String, turn: u64) -> TenantState {
    TenantState { key: format!("weight/{number}/{group}"), value: state, position: turn }
}

/// The remembered answerer at a place; an emptied place without one.
pub fn memory_state(place: u16, memo: Option<&Memo>, turn: u64) -> TenantState {
    let value = memo.map(Memo::write).unwrap_or_default();
    TenantState { key: format!("memory/{place}"), value, position: turn }
}

/// That a caller was asked what a talk was worth, at a place (row Q07).
pub fn asked_state(place: u16, memo: &Memo, turn: u64) -> TenantState {
    TenantState { key: format!("asked/{place}"), value: memo.write(), position: turn }
}

/// Whether a remembered value is one of a caller.
pub fn is_of_caller(state: &TenantState, caller: &str) -> bool {
    if state.key.starts_with("memory/") || state.key.starts_with("asked/") {
        return Memo::read(&state.value).is_some_and(|memo| memo.caller == caller);
    }
    let suspect = state.key.starts_with("suspect/") && state.value.split(';').next() == Some(caller);
    let lock = state.key.strip_prefix("lock/").and_then(|key| key.split_once('/'));
    suspect || lock.is_some_and(|(_, whose)| whose == caller && !state.value.is_empty())
}

/// The remembered agent.
pub fn agent_state(number: &str, value: &str, turn: u64) -> TenantState {
    TenantState { key: format!("agent/{number}"), value: value.to_owned(), position: turn }
}

/// The remembered use of a phone.
pub fn phone_state(digits: &str, used: &PhoneUse, turn: u64) -> TenantState {
    let PhoneUse { day, calls, talk_ms, ended_at } = used;
    let value = format!("{day},{calls},{talk_ms},{}", ended_at.0);
    TenantState { key: format!("phone/{digits}"), value, position: turn }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number() -> HotlineNumber {
        "4006010114".parse().unwrap()
    }

    #[test]
    fn r11_shares_are_exact_over_each_hundred_calls() {
        let mut deals = Deals::default();
        for weights in [[60, 40, 0], [33, 33, 34], [1, 99, 0], [98, 1, 1]] {
            let mut deals_here = Deals::default();
            for _ in 0..7 {
                let mut dealt = [0; 3];
                for _ in 0..100 {
                    dealt[deals_here.next(number(), 0, &weights)] += 1;
                }
                assert_eq!(dealt, weights);
            }
        }
        // A closed share is left out and the others keep their proportion.
        let mut dealt = [0; 3];
        for _ in 0..90 {
            dealt[deals.next(number(), 1, &[0, 30, 60])] += 1;
        }
        assert_eq!(dealt, [0, 30, 60]);
    }

    #[test]
    fn b12_b04_r15_whoever_is_forgotten_begins_anew_here_and_where_it_is_kept() {
        let (caller, at) = ("13510001000", Wall(1_792_000_000_000));
        let told = [
            TenantState { key: "memory/0".into(), value: format!("*,{caller},5,01062000001"), position: 1 },
            lock_state(number(), caller, 3, at, 2),
            suspect_state(4, &format!("{caller};{},{},2000", number(), at.0), 3),
            TenantState { key: "asked/0".into(), value: format!("*,{caller},5,"), position: 3 },
            lock_state(number(), "13510001001", 3, at, 4),
            suspect_state(5, &format!("13510001001;{},{},2000", number(), at.0), 5),
            pointer_state(number(), 2, 5, 6),
        ];
        let mut tenant = Tenant::default();
        told.iter().for_each(|state| tenant.remember(state));
        let nuisance = crate::enterprise::Nuisance::default();
        let points = |tenant: &Tenant, who: &str| tenant.seen.score(who, false, &nuisance, at).points;
        let locked = |tenant: &Tenant, who: &str| tenant.seen.clone().password_passed(number(), who);
        assert_eq!((points(&tenant, caller), locked(&tenant, caller)), (20, true));
        let mut emptied = tenant.forgotten(caller);
        tenant.forget_caller(caller);
        assert_eq!(tenant.memory().len(), 0);
        let kept: Vec<&str> =
            told.iter().filter(|state| is_of_caller(state, caller)).map(|state| state.key.as_str()).collect();
        assert_eq!(emptied.iter().map(|state| state.key.as_str()).collect::<Vec<_>>(), kept);
        assert!(emptied.iter().all(|state| state.position == tenant.turn() && state.value.is_empty()));
        // The next node reads what was emptied, and all else.
        let others = told.iter().filter(|state| !is_of_caller(state, caller)).cloned();
        emptied.extend(others);
        let mut reborn = Tenant::default();
        emptied.iter().for_each(|state| reborn.remember(state));
        for tenant in [tenant, reborn] {
            assert_eq!((points(&tenant, caller), locked(&tenant, caller)), (0, false));
            assert_eq!((points(&tenant, "13510001001"), locked(&tenant, "13510001001")), (20, true));
            assert_eq!(tenant.pointer(number(), 2), Some(5));
        }
    }

    #[test]
    fn pointers_and_deals_survive_being_told_again() {
        let mut tenant = Tenant::default();
        tenant.point(number(), 2, 5);
        tenant.deals.next(number(), 3, &[70, 30]);
        let state = tenant.deals.state(number(), 3).unwrap();
        let standing: Standing = [2, -1, -1].into_iter().collect();
        let noon = Wall(1_792_000_000_000);
        tenant.phone_answered("01062000001", noon);
        let used = tenant.phone_ended("01062000001", noon, 61_000);
        let mut reborn = Tenant::default();
        for told in [
            pointer_state(number(), 2, 5, 0),
            deal_state(number(), 3, state, 0),
            weight_state(number(), 1, write_standing(&standing), 0),
            phone_state("01062000001", &used, 0),
        ] {
            reborn.remember(&told);
        }
        assert_eq!(reborn.pointer(number(), 2), Some(5));
        assert_eq!(reborn.standing(number(), 1), standing);
        assert_eq!((used.calls, used.talk_ms, used.ended_at), (1, 61_000, noon));
        assert_eq!(reborn.phone_use("01062000001", noon), used);
        let next_day = reborn.phone_use("01062000001", Wall(noon.0 + 86_400_000));
        assert_eq!((next_day.calls, next_day.talk_ms, next_day.ended_at), (0, 0, noon));
        assert_eq!(reborn.deals, tenant.deals);
        let unknown = "queue/4006010114/1".to_owned();
        reborn.remember(&TenantState {
            key: unknown,
            value: "later versions' business".to_owned(),
            position: 9,
        });
        assert_eq!(reborn.next_turn(), 10);
    }
}
