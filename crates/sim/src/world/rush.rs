//! A world of one queue: thousands of callers who wait and give up, agents who take their time, rest and leave. No weather, so that
//! what became of each wait is the queue's doing alone.

use std::net::SocketAddr;

use hotline::Beijing;
use hotline::agent::{Rest, State, WrapUp};
use hotline::enterprise::{
    AccountKind, Agent, Enterprise, Extension, Number, Queue, Secret, Then, phone_user,
};
use hotline::queue::Order;
use hotline::{HotlineNumber, PlanId, TenantId};

use super::deeds::{self, Deed};
use super::{Due, Failure, Kept, Options, Weather, World};
use crate::dice::Dice;
use crate::far::{CalleePlan, CallerPlan, Doings, Outcome, TalkPlan};

/// A rush of callers.
#[derive(Clone, Copy, Debug)]
pub struct Rush {
    /// So many.
    pub callers: usize,
    /// Between two of them, on average, milliseconds.
    pub every_ms: u64,
    /// For how many agents.
    pub agents: usize,
    /// How long a talk is, on average, milliseconds.
    pub talk_ms: u64,
    /// How long callers wait until they give up, on average, milliseconds.
    pub patience_ms: u64,
}

/// What somebody does in a rush.
#[derive(Clone, Debug)]
enum Does {
    Calls {
        caller: String,
        patience_ms: u64,
    },
    Orders(usize, Order),
    /// Ends after-work, where the agent is at it.
    IsDone(usize),
}

/// A rush as it will be.
#[derive(Debug)]
pub(super) struct Plan {
    does: Vec<Does>,
    dice: Dice,
    /// How fast each agent answers and talks, per cent of the average.
    pace: Vec<u64>,
    talk_ms: u64,
}

/// Behind the last caller everything comes to its end within this.
const ENDS_MS: u64 = 5_400_000;
/// An agent who writes up looks so often whether that is done, on average.
const WRITES_MS: u64 = 20_000;

/// Lives a rush through, by a document that `edit` has the last word on: its calls, and the document. Who calls when and for how
/// long it waits is the same whatever the document says.
///
/// # Errors
/// The first thing that must always hold and did not.
pub fn rush(
    seed: u64,
    rush: &Rush,
    edit: impl Fn(&mut Enterprise),
) -> Result<(Vec<Kept>, Enterprise), Failure> {
    let mut enterprise = enterprise(rush);
    edit(&mut enterprise);
    let weather = Weather::calm(Beijing::parse("2026-10-12T09:55:00").expect("a date").wall());
    let dice = Dice::new(seed);
    let options = Options::default();
    let mut world = World::build(seed, options, dice, weather, vec![enterprise.clone()], deeds::trunks());
    world.furnish();
    let (plan, due, end) = plan(seed, rush);
    world.rush = Some(plan);
    for (place, at) in due.into_iter().enumerate() {
        world.later(at, Due::Deed(Deed::Rush(place)));
    }
    match world.live_rush(end) {
        Ok(()) => Ok((world.kept(), enterprise)),
        Err(broken) => Err(world.failure(broken)),
    }
}

/// What will happen and when, and when it is over.
fn plan(seed: u64, rush: &Rush) -> (Plan, Vec<u64>, u64) {
    let (mut dice, mut does, mut at) = (Dice::new(seed ^ 0x7275_7368), Vec::new(), 60_000);
    for place in 0..rush.callers {
        at += dice.around(rush.every_ms).max(1);
        let (caller, patience_ms) =
            (format!("138{:08}", place + 1_000), dice.around(rush.patience_ms).max(1_500));
        does.push((at, Does::Calls { caller, patience_ms }));
    }
    let last = at;
    for agent in 0..rush.agents {
        let first = dice.within(500, 50_000);
        does.push((first, Does::Orders(agent, Order::LogIn)));
        let mut at = first;
        loop {
            at += dice.within(1_200_000, 4_800_000);
            let back = at + dice.within(120_000, 600_000);
            if back >= last {
                break;
            }
            // Some go home and come back, others have tea.
            let order = match dice.chance(250) {
                true => Order::LogOut,
                false => Order::Rest(Rest::Own("tea".into())),
            };
            does.push((at, Does::Orders(agent, order)));
            does.push((back, Does::Orders(agent, Order::LogIn)));
            at = back;
        }
        let mut at = first;
        while at < last {
            at += dice.around(WRITES_MS).max(500);
            does.push((at, Does::IsDone(agent)));
        }
        does.push((last + ENDS_MS / 2, Does::Orders(agent, Order::LogOut)));
    }
    does.sort_by_key(|(at, _)| *at);
    let pace = (0..rush.agents).map(|_| dice.within(60, 140)).collect();
    let (due, does) = does.into_iter().unzip();
    (Plan { does, dice, pace, talk_ms: rush.talk_ms }, due, last + ENDS_MS)
}

fn enterprise(rush: &Rush) -> Enterprise {
    let id = TenantId::new("rush");
    let account = AccountKind::Postpaid;
    let mut enterprise = Enterprise { account, ..Enterprise::new(id.clone(), "Rush", PlanId::new("T1")) };
    for at in 0..rush.agents {
        let number = format!("{}", 801 + at);
        let secret = Secret::of(&phone_user(&id, &number), "correct horse");
        enterprise.extensions.push(Extension::new(&number, &number, secret));
        enterprise.agents.push(Agent {
            number: format!("{}", 8_001 + at),
            name: number.clone(),
            extension: number,
            mobile: None,
            confirm: None,
            skills: [("mandarin".to_owned(), 1 + (at % 4) as u8)].into(),
            capacity: None,
            shifts: Vec::new(),
        });
    }
    let members: Vec<String> = enterprise.agents.iter().map(|agent| agent.number.clone()).collect();
    enterprise.queues.push(Queue {
        members,
        patience_s: 900,
        size_max: 500,
        ring_s: 15,
        wrap_up: WrapUp::Optional { ms_max: Some(60_000) },
        join_empty: Vec::new(),
        leave_empty: Vec::new(),
        // Who waits hears early media, so that giving up is a CANCEL.
        answer: false,
        ..Queue::new("wait", &[])
    });
    let number = HotlineNumber::from_suffix(6_010_100).expect("seven digits");
    let otherwise = Then::Queue { queue: "wait".into(), full: None, empty: None, timeout: None };
    enterprise.numbers.push(Number::new(number, otherwise));
    enterprise
}

impl Plan {
    /// What an agent's phone does with an offer.
    pub fn callee(&mut self, to: SocketAddr) -> CalleePlan {
        let agent = match to.ip() {
            std::net::IpAddr::V4(ip) => usize::from(ip.octets()[3]).saturating_sub(1),
            std::net::IpAddr::V6(_) => 0,
        };
        let (dice, pace) = (&mut self.dice, self.pace.get(agent).copied().unwrap_or(100));
        let outcome = match dice.within(0, 99) {
            0..=4 => Outcome::Silence,
            5..=7 => Outcome::Refuse(dice.within(1_000, 5_000), 486, 17),
            _ => Outcome::Answer(dice.within(2_000, 9_000) * pace / 100),
        };
        let talk_ms = (dice.around(self.talk_ms) * pace / 100).max(3_000);
        CalleePlan {
            ring: Some((200, 180)),
            outcome,
            trying: true,
            fork_ms: None,
            deaf_to_cancel: false,
            strange: false,
            talk: TalkPlan { hang_up_ms: Some(talk_ms), ..TalkPlan::default() },
        }
    }
}

impl World {
    fn live_rush(&mut self, end: u64) -> Result<(), String> {
        self.restart()?;
        self.live_until(end - ENDS_MS / 3)?;
        self.close_up();
        self.live_until(end)?;
        self.sweep()?;
        self.check_quiet()
    }

    pub(super) fn rushes(&mut self, place: usize) -> Result<(), String> {
        let Some(does) = self.rush.as_ref().map(|rush| rush.does[place].clone()) else { return Ok(()) };
        match does {
            Does::Calls { caller, patience_ms } => {
                self.invites += 1;
                let number = self.enterprises[0].0.numbers[0].number.to_string();
                let home = SocketAddr::from(([10, 0, 1, 1], 5060));
                let mut out = Doings::default();
                let plan = CallerPlan { give_up_ms: Some(patience_ms), ..CallerPlan::default() };
                self.far.call(home, &caller, &number, plan, &mut out);
                self.far_did(out)
            }
            Does::Orders(agent, order) => self.desk_orders(agent, &order),
            Does::IsDone(agent) => {
                let number = self.enterprises[0].0.agents[agent].number.clone();
                let writes = self
                    .agent(0, &number)
                    .is_some_and(|view| view.state == State::AfterWork && view.reason.is_empty());
                if writes { self.desk_orders(agent, &Order::Ready) } else { Ok(()) }
            }
        }
    }

    fn desk_orders(&mut self, agent: usize, order: &Order) -> Result<(), String> {
        let number = self.enterprises[0].0.agents[agent].number.clone();
        self.agent_orders(0, &number, order)?;
        self.turn()
    }
}
