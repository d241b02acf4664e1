//! Calls over a network that loses, doubles and reorders datagrams: what must hold, holds for every seed.

mod world;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sip::{Event, LegId};
use world::{Weather, World, alice, bob, call, sdp};

/// What one end has been told about one leg.
#[derive(Default, Debug)]
struct Told {
    answered: usize,
    failed: usize,
    late: usize,
    cancelled: usize,
    bye: usize,
    bye_done: usize,
    ack_missing: usize,
    ended: usize,
}

type Book = BTreeMap<(SocketAddr, LegId), Told>;

/// One user's plan at a moment.
enum Act {
    Ring(LegId),
    Answer(LegId),
    Reject(LegId),
    Cancel(LegId),
    Bye(LegId),
    Reinvite(LegId),
    AcceptReinvite(LegId),
    Info(LegId),
}

struct Users {
    world: World,
    plans: BTreeMap<(u64, u64), (SocketAddr, Act)>,
    planned: u64,
    book: Book,
}

impl Users {
    fn plan(&mut self, after_ms: u64, who: SocketAddr, act: Act) {
        self.planned += 1;
        self.plans.insert((self.world.now_ms + after_ms, self.planned), (who, act));
    }

    fn dial(&mut self) {
        let mut invite = call(bob());
        if self.world.dice.percent(50) {
            invite.first_response_ms = Some(1_800);
        }
        let leg = self.world.at(alice(), |alice, now| alice.invite(invite, now)).expect("room");
        self.book.insert((alice(), leg), Told::default());
        if self.world.dice.percent(30) {
            let after_ms = self.world.dice.below(6_000);
            self.plan(after_ms, alice(), Act::Cancel(leg));
        }
        // After a provisional response only the caller's patience ends an attempt (RFC 3261 16.8 leaves it to the user).
        self.plan(40_000, alice(), Act::Cancel(leg));
    }

    fn act(&mut self, who: SocketAddr, act: Act) {
        self.world.at(who, |endpoint, now| match act {
            Act::Ring(leg) => endpoint.provisional(leg, 180, None, now),
            Act::Answer(leg) => endpoint.answer(leg, sdp(1), now),
            Act::Reject(leg) => endpoint.reject(leg, 486, None, None, now),
            Act::Cancel(leg) => endpoint.cancel(leg, now),
            Act::Bye(leg) => endpoint.bye(leg, None, now),
            Act::Reinvite(leg) => endpoint.reinvite(leg, sdp(now), now),
            Act::AcceptReinvite(leg) => endpoint.accept_reinvite(leg, sdp(now), now),
            Act::Info(leg) => endpoint.info(leg, "text/plain", b"5".to_vec(), now),
        });
    }

    fn react(&mut self, who: SocketAddr, event: Event) {
        let delay_ms = self.world.dice.below(3_000);
        if let Event::Invited { leg, .. } = event {
            self.book.insert((who, leg), Told::default());
            self.plan(delay_ms / 10, who, Act::Ring(leg));
            let act = if self.world.dice.percent(70) { Act::Answer(leg) } else { Act::Reject(leg) };
            return self.plan(delay_ms, who, act);
        }
        let Some((leg, told)) = leg_of(&event).and_then(|leg| Some((leg, self.book.get_mut(&(who, leg))?)))
        else {
            panic!("an event for nobody: {event:?}");
        };
        assert_eq!(told.ended, 0, "{event:?} after the end");
        match event {
            Event::Answered { .. } => {
                told.answered += 1;
                self.talk(who, leg);
            }
            Event::Acked { .. } => self.talk(who, leg),
            Event::Reinvited { .. } => self.plan(delay_ms / 4, who, Act::AcceptReinvite(leg)),
            Event::Failed { .. } => told.failed += 1,
            Event::LateAnswer { .. } => told.late += 1,
            Event::Cancelled { .. } => told.cancelled += 1,
            Event::Bye { .. } => told.bye += 1,
            Event::ByeDone { .. } => told.bye_done += 1,
            Event::AckMissing { .. } => told.ack_missing += 1,
            Event::Ended { .. } => told.ended += 1,
            _ => {}
        }
    }

    /// A little talk, perhaps other media, then either side hangs up.
    fn talk(&mut self, who: SocketAddr, leg: LegId) {
        let length_ms = 1 + self.world.dice.below(20_000);
        if self.world.dice.percent(40) {
            self.plan(length_ms / 2, who, Act::Reinvite(leg));
        }
        if self.world.dice.percent(20) {
            self.plan(length_ms / 3, who, Act::Info(leg));
        }
        self.plan(length_ms, who, Act::Bye(leg));
    }

    fn run_dry(&mut self) {
        loop {
            let next_plan = self.plans.keys().next().map(|&(at, _)| at);
            let moments = [next_plan, self.world.next_moment()];
            let Some(next) = moments.into_iter().flatten().min() else { break };
            let span_ms = next.saturating_sub(self.world.now_ms);
            self.world.run(span_ms);
            while let Some(entry) = self.plans.first_entry().filter(|entry| entry.key().0 <= next) {
                let (who, act) = entry.remove();
                self.act(who, act);
            }
            for who in [alice(), bob()] {
                for event in self.world.seen(who) {
                    self.react(who, event);
                }
            }
        }
    }
}

fn leg_of(event: &Event) -> Option<LegId> {
    match event {
        Event::Invited { leg, .. }
        | Event::Progress { leg, .. }
        | Event::Answered { leg, .. }
        | Event::Failed { leg, .. }
        | Event::Cancelled { leg, .. }
        | Event::Acked { leg, .. }
        | Event::AckMissing { leg }
        | Event::Bye { leg, .. }
        | Event::ByeDone { leg }
        | Event::Reinvited { leg, .. }
        | Event::ReinviteAnswered { leg, .. }
        | Event::ReinviteFailed { leg, .. }
        | Event::SessionExpired { leg, .. }
        | Event::Info { leg, .. }
        | Event::Referred { leg, .. }
        | Event::InfoDone { leg, .. }
        | Event::LateAnswer { leg }
        | Event::Ended { leg } => Some(*leg),
        Event::Registered { .. }
        | Event::Registering { .. }
        | Event::RegisterFailed { .. }
        | Event::ProbeAnswered { .. }
        | Event::ProbeFailed { .. } => None,
    }
}

fn one_world(seed: u64, weather: Weather) {
    let mut users =
        Users { world: World::pair(seed, weather), plans: BTreeMap::new(), planned: 0, book: Book::new() };
    for _ in 0..3 {
        users.dial();
        let pause_ms = users.world.dice.below(500);
        users.world.run(pause_ms);
    }
    users.run_dry();
    let log = || users.world.log.join("\n");
    for ((who, leg), told) in &users.book {
        assert_eq!(told.ended, 1, "seed {seed}: {who} {leg:?} {told:?} ends once\n{}", log());
        if *who == alice() {
            let abandoned = told.failed == 1 && told.late == 1;
            let outcomes = told.answered + told.failed + told.late;
            assert!(outcomes == 1 || abandoned, "seed {seed}: one outcome, not {told:?}\n{}", log());
        }
        assert!(told.bye + told.bye_done <= 2, "seed {seed}: {told:?}");
    }
    for (request, statuses) in &users.world.finals {
        assert_eq!(statuses.len(), 1, "seed {seed}: {request} got {statuses:?}\n{}", log());
    }
    for endpoint in users.world.endpoints.values() {
        assert_eq!(endpoint.counts(), sip::Counts::default(), "seed {seed}: something is left\n{}", log());
    }
}

// Lateness stays below T1: RFC 3261's 64·T1 cannot absorb a last repetition that comes later still.
#[test]
fn fault_f9_every_call_over_a_bad_network_ends_once_and_leaves_nothing() {
    for seed in 0..1_500 {
        one_world(seed, Weather { lost_percent: 15, doubled_percent: 15, late_ms_max: 450 });
    }
}

#[test]
fn fault_f9_every_call_over_a_hopeless_network_ends_once_and_leaves_nothing() {
    for seed in 10_000..10_800 {
        one_world(seed, Weather { lost_percent: 60, doubled_percent: 30, late_ms_max: 450 });
    }
}

#[test]
fn fault_f9_every_call_over_a_calm_network_ends_once_and_leaves_nothing() {
    for seed in 20_000..20_700 {
        one_world(seed, world::CALM);
    }
}
