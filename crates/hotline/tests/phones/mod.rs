//! Five phones behind one 400 number, and calls to it: the far ends of a `Call` without any wire.

use std::sync::Arc;

use hotline::calendar::HolidayYears;
use hotline::call::{Action, Arrival, Call, Dated, Desk, Event, LegNo};
use hotline::cdr::{LegOutcome, Party};
use hotline::enterprise::{
    AccountKind, Destination, DestinationKind, Enterprise, Group, Number, Strategy, Then, compile,
};
use hotline::flow::Chance;
use hotline::rating::Tariffs;
use hotline::region::Region;
use hotline::routing::{Trunk, Trunks};
use hotline::settlement::{TenantState, settle};
use hotline::tenant::{Settled, Tenant};
use hotline::{Beijing, CallId, Hotline, HotlineNumber, Mono, Now, PlanId, TenantId, Wall};

pub const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// The place of a phone.
pub fn place(name: &str) -> usize {
    NAMES.iter().position(|known| *known == name).expect("one of the five")
}

/// What a phone does when it is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    Rings,
    Busy,
}

/// What became of a call.
#[derive(Debug, Default)]
pub struct Told {
    pub dialled: Vec<&'static str>,
    pub answered: Option<String>,
    pub answers: usize,
}

impl Told {
    pub fn first(&self) -> &'static str {
        self.dialled.first().expect("somebody was dialled")
    }
}

/// A call whose two sides talk.
pub struct Up {
    call: Call,
    leg: LegNo,
}

pub struct World {
    hotline: Arc<Hotline>,
    tenant: Tenant,
    trunks: Trunks,
    tariffs: Tariffs,
    states: Vec<TenantState>,
    mono: Mono,
    begins_at: Wall,
    pub seeds: Chance,
    /// The seed of all calls, where it is not drawn.
    pub fixed: Option<u64>,
    /// The logs of all calls so far, where they are kept.
    pub logs: Option<Vec<Vec<Dated>>>,
}

impl World {
    pub fn new(strategy: Strategy, weights: &[u8]) -> Self {
        Self::of(&enterprise(strategy, weights))
    }

    /// The first number of a document.
    pub fn of(enterprise: &Enterprise) -> Self {
        let trunk = Trunk::plain("north", "192.0.2.1:5060");
        Self {
            hotline: Arc::new(compile(enterprise, 1).remove(0)),
            tenant: Tenant::default(),
            trunks: Trunks { rows: vec![trunk] },
            tariffs: Tariffs::shipped(),
            states: Vec::new(),
            mono: Mono(1_000_000),
            begins_at: Beijing::parse("2026-10-12T09:00:00").expect("a time").wall(),
            seeds: Chance::new(1),
            fixed: None,
            logs: None,
        }
    }

    pub fn now(&self) -> u64 {
        self.mono.0
    }

    pub fn wait(&mut self, ms: u64) {
        self.mono = self.mono + ms;
    }

    /// The day in Beijing.
    pub fn day(&self) -> String {
        self.both().wall.beijing().to_string()[..10].to_owned()
    }

    pub fn lines_in_use(&self) -> u32 {
        self.tenant.figures().lines_in_use
    }

    /// Minutes since midnight in Beijing.
    pub fn minute(&self) -> u32 {
        let text = self.both().wall.beijing().to_string();
        let two = |from: usize| text[from..from + 2].parse::<u32>().expect("two digits");
        two(11) * 60 + two(14)
    }

    fn both(&self) -> Now {
        Now { mono: self.mono, wall: Wall(self.begins_at.0 + self.mono.0 as i64) }
    }

    /// The node dies and is told what was settled.
    pub fn restart(&mut self) {
        self.tenant = Tenant::default();
        self.states.sort_by_key(|state| state.position);
        self.states.iter().for_each(|state| self.tenant.remember(state));
    }

    /// A call to its end: whoever says yes answers after one second, who rings is given up in time.
    pub fn call(&mut self, mut answer: impl FnMut(usize) -> Answer) -> Told {
        let (told, up) = self.run(&mut answer);
        if let Some(up) = up {
            self.end(up);
        }
        told
    }

    /// A call that everybody answers alike, with a talk of a length.
    pub fn call_and_end(&mut self, answer: Answer, talk_ms: u64) -> Told {
        let (told, up) = self.run(&mut |_| answer);
        if let Some(up) = up {
            self.wait(talk_ms);
            self.end(up);
        }
        told
    }

    /// A call that the first one dialled answers, and that goes on.
    pub fn answer_one(&mut self) -> (Told, Up) {
        let (told, up) = self.run(&mut |_| Answer::Yes);
        (told, up.expect("it is answered"))
    }

    fn run(&mut self, answer: &mut dyn FnMut(usize) -> Answer) -> (Told, Option<Up>) {
        let arrival = Arrival {
            id: CallId::at(self.both().wall.0, u128::from(self.mono.0)),
            hotline: self.hotline.clone(),
            caller: "13510001000".into(),
            region: Region::unknown(),
            trunk: "north".into(),
            withheld: false,
            early: Default::default(),
            seed: self.fixed.unwrap_or_else(|| self.seeds.draw()),
            refused: None,
        };
        let now = self.both();
        let mut desk = Desk {
            tenant: &mut self.tenant,
            trunks: &mut self.trunks,
            tariffs: &self.tariffs,
            years: HolidayYears::shipped(),
        };
        let mut call = Call::begin(arrival, &mut desk, now);
        let mut told = Told::default();
        let mut bridged = None;
        let mut due: Vec<Event> = Vec::new();
        loop {
            while let Some(action) = call.poll_action() {
                match action {
                    Action::Dial { leg, place, .. } => {
                        told.dialled.push(NAMES[usize::from(place)]);
                        let busy = LegOutcome::Busy;
                        match answer(usize::from(place)) {
                            Answer::Busy => {
                                due.push(Event::LegFailed { leg, outcome: busy, status: 486, q850: None });
                            }
                            Answer::Yes => due.push(Event::LegAnswered { leg }),
                            Answer::Rings => due.push(Event::Rang { leg }),
                        }
                    }
                    Action::Cancel { leg } => {
                        let outcome = LegOutcome::Cancelled;
                        due.push(Event::LegFailed { leg, outcome, status: 487, q850: None });
                    }
                    Action::Play { play, repeat: false, .. } => due.push(Event::Played { play }),
                    Action::Bridge { leg } => {
                        told.answers += 1;
                        told.answered = Some(call.destination_of(leg).name.to_string());
                        bridged = Some(leg);
                    }
                    Action::CloseMedia => due.push(Event::MediaClosed),
                    Action::Finish => {
                        self.settle(&call);
                        return (told, None);
                    }
                    _ => {}
                }
            }
            // Who rings says so first, then who is busy, then who answers; deadlines when nothing else is left.
            let rank = |event: &Event| match event {
                Event::Rang { .. } => 0,
                Event::LegFailed { .. } => 1,
                Event::LegAnswered { .. } => 2,
                _ => 3,
            };
            let next = (0..due.len()).min_by_key(|at| rank(&due[*at])).map(|at| due.remove(at));
            if let (None, Some(leg)) = (&next, bridged) {
                return (told, Some(Up { call, leg }));
            }
            let event = next.unwrap_or_else(|| {
                self.mono = call.next_timeout().expect("something is awaited");
                Event::Timeout
            });
            let now = self.both();
            let mut desk = Desk {
                tenant: &mut self.tenant,
                trunks: &mut self.trunks,
                tariffs: &self.tariffs,
                years: HolidayYears::shipped(),
            };
            call.handle(event, &mut desk, now);
        }
    }

    /// The target hangs up, and the call is settled.
    pub fn end(&mut self, up: Up) {
        let Up { mut call, leg } = up;
        let mut due = vec![Event::LegHungUp { leg }];
        while !due.is_empty() {
            let now = self.both();
            let mut desk = Desk {
                tenant: &mut self.tenant,
                trunks: &mut self.trunks,
                tariffs: &self.tariffs,
                years: HolidayYears::shipped(),
            };
            call.handle(due.remove(0), &mut desk, now);
            while let Some(action) = call.poll_action() {
                if action == Action::CloseMedia {
                    due.push(Event::MediaClosed);
                }
            }
        }
        self.settle(&call);
    }

    fn settle(&mut self, call: &Call) {
        if let Some(logs) = &mut self.logs {
            logs.push(call.log().to_vec());
        }
        let settled = settle(call.id(), call.log(), &self.tariffs, 0).expect("it began");
        let record = &settled.settlement.record;
        assert!(record.ended_by != Party::Caller);
        if let Some(admission) = settled.admission {
            self.tenant.settle(&Settled {
                number: record.number,
                admission,
                fee: settled.fee,
                counts: settled.settlement.counts,
                account: settled.account,
            });
        }
        self.tenant.check().expect("its sums hold");
        for state in settled.settlement.states {
            self.states.retain(|known| known.key != state.key);
            self.states.push(state);
        }
    }
}

/// Five landlines in one group that a number dials.
pub fn enterprise(strategy: Strategy, weights: &[u8]) -> Enterprise {
    let destination = |(name, at): (&&str, u32)| Destination {
        name: (*name).to_owned(),
        kind: DestinationKind::Landline,
        number: format!("010{}", 62_000_001 + at),
        enabled: true,
        lines: 1,
        ring_s: 20,
        duty: None,
        ringback: None,
        confirm: Default::default(),
    };
    let group = Group {
        name: "all".into(),
        strategy,
        members: NAMES.map(str::to_owned).to_vec(),
        weights: NAMES.iter().map(|name| (*name).to_owned()).zip(weights.iter().copied()).collect(),
        ringback: None,
        confirm: None,
    };
    let number = Number {
        destinations: NAMES.iter().zip(0..).map(destination).collect(),
        groups: vec![group],
        ..Number::new(HotlineNumber::from_suffix(6_010_114).expect("seven digits"), Then::Dial("all".into()))
    };
    Enterprise {
        account: AccountKind::Postpaid,
        numbers: vec![number],
        ..Enterprise::new(TenantId::new("acme"), "Acme", PlanId::new("T1"))
    }
}
