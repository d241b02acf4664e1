//! Row B09: 500 calls at once against the last 10.00 yuan never charge 10.01, however and in whatever order they end, and
//! what is not spent is given back.

use std::sync::Arc;

use hotline::calendar::HolidayYears;
use hotline::call::{Action, Arrival, Call, Desk, Event, LegNo};
use hotline::cdr::LegOutcome;
use hotline::enterprise::{
    AccountKind, BalanceEnd, Destination, DestinationKind, Enterprise, Number, Then, compile,
};
use hotline::flow::Chance;
use hotline::rating::Tariffs;
use hotline::region::Region;
use hotline::routing::{Trunk, Trunks};
use hotline::settlement::settle;
use hotline::tenant::{Settled, Tenant};
use hotline::{Beijing, CallId, Hotline, HotlineNumber, Money, Mono, Now, PlanId, TenantId, Wall};

const CALLS: usize = 500;
const SEEDS: u64 = 40;
/// The last money: 33 first minutes at 0.30 yuan, and 0.10 yuan that pays for none.
const LAST: Money = Money::from_fen(1_000);

/// A call, and what is about to happen to it: each with its instant.
struct One {
    call: Call,
    due: Vec<(u64, Event)>,
    is_settled: bool,
}

struct World {
    tenant: Tenant,
    trunks: Trunks,
    tariffs: Tariffs,
    mono: u64,
    chance: Chance,
    calls: Vec<One>,
    charged: Money,
    /// Calls that were admitted, and the most money that was ever held and spent.
    admitted: usize,
    most: Money,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut tenant = Tenant::default();
        tenant.tell_balance(LAST);
        Self {
            tenant,
            trunks: Trunks { rows: vec![Trunk::plain("north", "192.0.2.1:5060")] },
            tariffs: Tariffs::shipped(),
            mono: 1_000_000,
            chance: Chance::new(seed),
            calls: Vec::new(),
            charged: Money::ZERO,
            admitted: 0,
            most: Money::ZERO,
        }
    }

    fn now(&self) -> Now {
        let begins_at = Beijing::date(2026, 10, 12).wall();
        Now { mono: Mono(self.mono), wall: Wall(begins_at.0 + self.mono as i64) }
    }

    /// 500 calls in one instant.
    fn all_call(&mut self, hotline: &Arc<Hotline>) {
        for place in 0..CALLS {
            let arrival = Arrival {
                id: CallId::at(self.now().wall.0, place as u128),
                hotline: hotline.clone(),
                caller: format!("1351000{place:04}"),
                region: Region::unknown(),
                trunk: "north".into(),
                withheld: false,
                early: Default::default(),
                seed: place as u64,
                refused: None,
            };
            let now = self.now();
            let mut desk = Desk {
                tenant: &mut self.tenant,
                trunks: &mut self.trunks,
                tariffs: &self.tariffs,
                years: HolidayYears::shipped(),
            };
            let call = Call::begin(arrival, &mut desk, now);
            self.admitted += usize::from(call.admission().is_some());
            self.calls.push(One { call, due: Vec::new(), is_settled: false });
            self.follow(place);
        }
    }

    /// What follows from what a call does: phones answer, do not or are busy, and talks end on either side after a time.
    fn follow(&mut self, place: usize) {
        while let Some(action) = self.calls[place].call.poll_action() {
            let soon = self.mono + self.chance.below(15_000);
            let late = self.mono + 1 + self.chance.below(600_000);
            let failed = |leg, outcome, status| Event::LegFailed { leg, outcome, status, q850: None };
            let due = match action {
                Action::Dial { leg, .. } => match self.chance.below(8) {
                    0 => (soon, failed(leg, LegOutcome::Busy, 486)),
                    1 => (soon, Event::Rang { leg }),
                    2 => (soon, Event::CallerHungUp),
                    _ => (soon, Event::LegAnswered { leg }),
                },
                Action::Cancel { leg } => (self.mono, failed(leg, LegOutcome::Cancelled, 487)),
                Action::Bridge { leg } => (late, self.hangs_up(leg)),
                Action::Play { play, repeat: false, .. } => (self.mono + 900, Event::Played { play }),
                Action::CloseMedia => (self.mono, Event::MediaClosed),
                Action::Finish => {
                    self.settle(place);
                    continue;
                }
                _ => continue,
            };
            self.calls[place].due.push(due);
        }
    }

    fn hangs_up(&mut self, leg: LegNo) -> Event {
        if self.chance.below(2) == 0 { Event::CallerHungUp } else { Event::LegHungUp { leg } }
    }

    /// The next thing of any call; calls that share an instant come in any order.
    fn step(&mut self) -> bool {
        let next_of = |one: &One| {
            let timeout = one.call.next_timeout().map(|at| at.0);
            one.due.iter().map(|(at, _)| *at).chain(timeout).min().filter(|_| !one.is_settled)
        };
        let Some(at) = self.calls.iter().filter_map(next_of).min() else { return false };
        let places: Vec<usize> =
            (0..self.calls.len()).filter(|place| next_of(&self.calls[*place]) == Some(at)).collect();
        let place = places[self.chance.below(places.len() as u64) as usize];
        self.mono = self.mono.max(at);
        let due = &mut self.calls[place].due;
        let event = due.iter().position(|(due, _)| *due == at).map(|found| due.swap_remove(found).1);
        let now = self.now();
        let mut desk = Desk {
            tenant: &mut self.tenant,
            trunks: &mut self.trunks,
            tariffs: &self.tariffs,
            years: HolidayYears::shipped(),
        };
        self.calls[place].call.handle(event.unwrap_or(Event::Timeout), &mut desk, now);
        self.follow(place);
        self.tenant.check().expect("its sums hold");
        let held = self.tenant.figures().reserved + self.charged;
        self.most = self.most.max(held);
        assert!(held <= LAST, "{held} is held and spent of {LAST}");
        true
    }

    fn settle(&mut self, place: usize) {
        let one = &mut self.calls[place];
        one.is_settled = true;
        let settled = settle(one.call.id(), one.call.log(), &self.tariffs, 0).expect("it began");
        self.charged += settled.fee;
        let Some(admission) = settled.admission else {
            return assert_eq!(settled.fee, Money::ZERO, "who was not admitted pays nothing");
        };
        self.tenant.settle(&Settled {
            number: settled.settlement.record.number,
            admission,
            fee: settled.fee,
            counts: settled.settlement.counts,
            account: settled.account,
        });
    }
}

fn hotline(end: BalanceEnd) -> Arc<Hotline> {
    let desk = Destination {
        name: "desk".into(),
        kind: DestinationKind::Landline,
        number: "01062000001".into(),
        enabled: true,
        lines: CALLS as u16,
        ring_s: 20,
        duty: None,
        ringback: None,
        confirm: Default::default(),
    };
    let number = HotlineNumber::from_suffix(6_010_114).expect("seven digits");
    let number = Number { destinations: vec![desk], ..Number::new(number, Then::Dial("desk".into())) };
    let acme = Enterprise {
        account: AccountKind::Prepaid,
        balance_end: end,
        numbers: vec![number],
        ..Enterprise::new(TenantId::new("acme"), "Acme", PlanId::new("T1"))
    };
    Arc::new(compile(&acme, 1).remove(0))
}

#[test]
fn b09_500_calls_at_once_against_the_last_10_yuan_never_charge_more() {
    let hotline = hotline(BalanceEnd::Strict);
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        world.all_call(&hotline);
        assert_eq!(world.admitted, 33, "seed {seed}: as many as first minutes are paid");
        while world.step() {}
        assert!(world.calls.iter().all(|one| one.is_settled), "seed {seed}");
        assert!(world.charged <= LAST, "seed {seed}: {} was charged", world.charged);
        let figures = world.tenant.figures();
        assert_eq!((figures.reserved, figures.calls_up, figures.lines_in_use), (Money::ZERO, 0, 0));
        assert_eq!(figures.balance + world.charged, LAST, "seed {seed}: the rest is given back");
        assert_eq!(world.most, Money::from_fen(990), "seed {seed}: all of it that pays a minute was held");
    }
}
