//! What must always hold, kept beside the world and computed from other sources than the node's own: the disk, the
//! store, the far ends. Queues and agents are asked about themselves at each step (`world/floor.rs`), and reckoned again at
//! the end from what calls noted and agents were told to be (`lines`, `agents`). It refuses to repair anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hotline::call::{Dated, Fact, LegNo, PauseWhy};
use hotline::callback::callable;
use hotline::cdr::{AttemptKind, CallRecord, Cause, LegOutcome, LegRecord, PauseRecord};
use hotline::consent::{Choice, Consent};
use hotline::enterprise::{AccountKind, BalanceEnd, ShareMode, Strategy};
use hotline::flow::StepWhy;
use hotline::routing::RouteWhy;
use hotline::settlement::Settled;
use hotline::tenant::Tenant;
use hotline::trunk::Pass;
use hotline::{CallId, Hotline, HotlineNumber, Money, Mono, TenantId, Wall};

use crate::store::Store;
use crate::world::SLEEP_MS_MAX;
use arms::Arms;
use crowd::Crowd;
use lines::Lines;

mod agents;
mod arms;
mod crowd;
mod fetches;
mod lines;
mod menus;
mod stays;
mod tones;

/// The longest pause by an order, as documents have it that say nothing else, and a thread that sleeps when it is over.
const PAUSE_MS_MAX: i64 = 121_000 + SLEEP_MS_MAX as i64;

/// What a tenant's owner in the node must know beyond the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Beyond {
    fees: Money,
    credits: Money,
}

/// How often each member began, or each share was dealt.
#[derive(Debug, Default)]
struct Turns {
    began: Vec<(Mono, usize)>,
    disturbed: bool,
}

/// The watch.
#[derive(Debug, Default)]
pub struct Watch {
    /// Every version of every number's rules.
    pub hotlines: BTreeMap<(HotlineNumber, u32), Arc<Hotline>>,
    /// Numbers whose rules were edited: their turns start anew.
    pub edited: BTreeSet<HotlineNumber>,
    beyond: BTreeMap<TenantId, Beyond>,
    months: BTreeMap<(TenantId, HotlineNumber, u32), Money>,
    settled: BTreeSet<CallId>,
    turns: BTreeMap<(HotlineNumber, u8), Turns>,
    deals: BTreeMap<(HotlineNumber, u16), (Vec<u8>, Turns)>,
    /// Tenants whose account could not be had: what they owe is not known to the node.
    pub provisional: BTreeSet<TenantId>,
    crowd: Crowd,
    lines: Lines,
    /// What was told of agents.
    pub agents: agents::Agents,
    arms: Arms,
    /// When callers were asked for ratings, by enterprise.
    asked: BTreeMap<(TenantId, String), Vec<Wall>>,
    /// How calls ended, for the summary.
    pub causes: BTreeMap<Cause, u32>,
}

impl Watch {
    /// The node died: what it had told the store, but the store has not, is told again.
    pub fn node_died(&mut self) {
        self.settled.clear();
        self.provisional.clear();
        self.months.clear();
        for beyond in self.beyond.values_mut() {
            beyond.fees = Money::ZERO;
        }
    }

    /// Money was committed by the store and is on its way to the node.
    pub fn credit_leaves(&mut self, tenant: &TenantId, amount: Money) {
        self.beyond.entry(tenant.clone()).or_default().credits += amount;
    }

    /// It arrived, or the node that it was for is dead.
    pub fn credit_arrives(&mut self, tenant: &TenantId, amount: Money) {
        self.beyond.entry(tenant.clone()).or_default().credits -= amount;
    }

    /// The node says that a call is settled. `life` is how many lives the node had.
    pub fn settles(&mut self, settled: &Settled, log: &[Dated], life: u32) -> Result<(), String> {
        let record = &settled.settlement.record;
        if !self.settled.insert(record.call) {
            return Err(format!("call {} was settled twice in one life", record.call));
        }
        let beyond = self.beyond.entry(record.tenant.clone()).or_default();
        beyond.fees += settled.fee;
        *self.months.entry((record.tenant.clone(), record.number, settled.month)).or_default() += settled.fee;
        *self.causes.entry(record.cause).or_default() += 1;
        self.check_record(settled, log, life).map_err(|fault| format!("call {}: {fault}", record.call))
    }

    /// The store committed what it had not before.
    pub fn committed(&mut self, settled: &Settled) {
        let record = &settled.settlement.record;
        self.beyond.entry(record.tenant.clone()).or_default().fees -= settled.fee;
        *self.months.entry((record.tenant.clone(), record.number, settled.month)).or_default() -= settled.fee;
    }

    fn check_record(&mut self, settled: &Settled, log: &[Dated], life: u32) -> Result<(), String> {
        let record = &settled.settlement.record;
        check_log(log)?;
        let posted: Money = settled.settlement.entries.iter().map(|entry| entry.amount_e4).sum();
        let charged: Money = settled.settlement.charges.iter().map(|charge| charge.amount_e4).sum();
        if posted != charged {
            return Err(format!("charges of {charged}, entries of {posted}"));
        }
        if record.cause == Cause::NodeLost && life == 0 {
            return Err("node_lost, but no node was lost".into());
        }
        if record.forwards > 3 {
            return Err(format!("{} forwards (R14)", record.forwards));
        }
        if record.sale_ms > record.talk_ms {
            return Err(format!("{} ms charged of {} ms talked", record.sale_ms, record.talk_ms));
        }
        let Some(hotline) = self.hotlines.get(&(record.number, record.version)).cloned() else {
            return Ok(());
        };
        if record.talk_ms > hotline.talk_ms_max {
            return Err(format!("{} ms talked, {} allowed", record.talk_ms, hotline.talk_ms_max));
        }
        let strict = hotline.balance_end == BalanceEnd::Strict;
        if let Some(admission) = settled.admission.filter(|admission| admission.metered && strict)
            && settled.fee > admission.reserved
        {
            return Err(format!("a fee of {} with {} reserved (B3)", settled.fee, admission.reserved));
        }
        self.crowd.note(record, &hotline, log);
        self.lines.note(record, &hotline, log);
        self.arms.check(record, log)?;
        check_recording(record, &hotline, log)?;
        check_messages(record, log)?;
        check_pauses(record, log)?;
        self.check_rating(record, &hotline, log)?;
        check_callback(record, log)?;
        menus::check_menus(&hotline, log)?;
        tones::check_tones(&hotline, log)?;
        fetches::check_fetches(&hotline, log)?;
        check_one_answers(record)?;
        check_results(record, &hotline, log)?;
        check_room(&hotline, log)?;
        stays::check_stays(&settled.settlement, log)?;
        self.check_route(record, &hotline, log)
    }

    /// Rows R05, R07, R11: the order in which members were tried.
    fn check_route(&mut self, record: &CallRecord, hotline: &Hotline, log: &[Dated]) -> Result<(), String> {
        for (place, dated) in log.iter().enumerate() {
            match &dated.fact {
                Fact::Walked(walked) => self.note_deal(record.number, walked, dated.at),
                Fact::Routed { why, order } => {
                    let group =
                        hotline.groups.iter().position(|group| *hotline.words.text(group.name) == *why.group);
                    let Some(group) = group else { return Err(format!("routed to group {}", why.group)) };
                    let members = &hotline.groups[group].members;
                    let name = |place: &u8| hotline.destination(*place).name.clone();
                    let skipped: Vec<_> = why.skipped.iter().map(|(place, _)| name(place)).collect();
                    let start = why.after.map_or(0, |after| usize::from(after) + 1) % members.len().max(1);
                    let mut expected: Vec<_> = (0..members.len())
                        .map(|turn| name(&members[(start + turn) % members.len()]))
                        .filter(|member| !skipped.contains(member))
                        .collect();
                    check_order(why, order, &mut expected)?;
                    check_tried(&log[place + 1..], order)?;
                    if hotline.groups[group].strategy == Strategy::RoundRobin {
                        let turns = self.turns.entry((record.number, group as u8)).or_default();
                        turns.disturbed |= !why.skipped.is_empty();
                        let first =
                            order.first().and_then(|first| members.iter().position(|m| name(m) == *first));
                        turns.began.extend(first.map(|first| (dated.at, first)));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn note_deal(&mut self, number: HotlineNumber, walked: &hotline::flow::Walked, at: Mono) {
        let StepWhy::Percentage { mode: ShareMode::Exact, dealt, percents, closed } = &walked.why else {
            return;
        };
        let (shares, turns) = self.deals.entry((number, walked.step)).or_default();
        turns.disturbed |= !closed.is_empty() || (!shares.is_empty() && shares != percents);
        *shares = percents.clone();
        turns.began.push((at, usize::from(*dealt)));
    }

    /// Row Q07: a caller is asked once a call, behind a talk, and says one thing at most; the record has it.
    fn check_rating(&mut self, record: &CallRecord, hotline: &Hotline, log: &[Dated]) -> Result<(), String> {
        let (mut joined, mut asked, mut score) = (None, None, None);
        for dated in log {
            match &dated.fact {
                Fact::Joined { .. } => _ = joined.get_or_insert(dated.at),
                Fact::RatingAsked { .. } if asked.is_some() || joined.is_none() => {
                    return Err("asked for a rating twice, or without a talk (Q07)".into());
                }
                Fact::RatingAsked { at, .. } => asked = Some(*at),
                Fact::Rated { score: said }
                    if asked.is_none() || score.is_some() || !(1..=5).contains(said) =>
                {
                    return Err(format!("rated {said} without being asked, or twice (Q07)"));
                }
                Fact::Rated { score: said } => score = Some(*said),
                _ => {}
            }
        }
        let kept = record.rating.as_ref();
        if kept.is_some() != asked.is_some() || kept.and_then(|rating| rating.score) != score {
            return Err(format!("{kept:?} in the record, {asked:?} and {score:?} in the log (Q07)"));
        }
        if let Some(at) = asked.filter(|_| !record.caller.is_empty()) {
            let whose = (hotline.tenant.clone(), record.caller.clone());
            self.asked.entry(whose).or_default().push(at);
        }
        Ok(())
    }

    /// At the end of a seed in which no node died and no clock jumped: nobody was asked again before the pause was over.
    pub fn check_ratings(&mut self, pause_ms: i64) -> Result<(), String> {
        for ((tenant, caller), asked) in &mut self.asked {
            asked.sort();
            if let Some(pair) = asked.windows(2).find(|pair| pair[1].0 - pair[0].0 < pause_ms) {
                return Err(format!("{tenant}: {caller} was asked at {pair:?} (Q07)"));
            }
        }
        Ok(())
    }

    /// At the end of a seed: no limit was passed. `is_clean` if no node died in it.
    pub fn check_crowd(&self, is_clean: bool) -> Result<(), String> {
        self.crowd.check(is_clean)
    }

    /// At the end of a seed: offers went by the lines, and where no node died nobody was left waiting beside a free agent. How many
    /// offers and times were looked at.
    pub fn check_lines(&self, no_node_died: bool) -> Result<[u64; 2], String> {
        let offers = self.lines.check_order()?;
        let changes = |tenant: &TenantId, agent: &str| self.agents.changes_of(tenant, agent);
        let beside = if no_node_died { self.lines.check_nobody_is_left(changes)? } else { 0 };
        Ok([offers, beside])
    }

    /// At the end of a seed in which no node died: the turns were fair (R07) and the shares exact (R11).
    pub fn check_turns(&mut self) -> Result<(), String> {
        for ((number, group), turns) in &mut self.turns {
            if turns.disturbed || self.edited.contains(number) {
                continue;
            }
            let members = self.hotlines[&(*number, 1)].groups[usize::from(*group)].members.len();
            let counts = counts_of(turns.began.iter().map(|(_, first)| *first), members);
            let (least, most) = (counts.iter().min().copied(), counts.iter().max().copied());
            if most > least.map(|least| least + 1) {
                return Err(format!("{number} group {group} began with {counts:?}: not in turn (R07)"));
            }
        }
        for ((number, step), (shares, turns)) in &mut self.deals {
            if turns.disturbed || self.edited.contains(number) {
                continue;
            }
            turns.began.sort();
            for hundred in turns.began.chunks_exact(100) {
                let counts = counts_of(hundred.iter().map(|(_, dealt)| *dealt), shares.len());
                if !counts.iter().zip(shares.iter()).all(|(count, share)| *count == usize::from(*share)) {
                    return Err(format!("{number} step {step} dealt {counts:?} of {shares:?} (R11)"));
                }
            }
        }
        Ok(())
    }

    /// A tenant in the node against the store and against its own limits.
    pub fn check_tenant(&self, id: &TenantId, tenant: &Tenant, store: &Store) -> Result<(), String> {
        let fail = |what: String| Err(format!("{id}: {what}"));
        tenant.check().or_else(fail)?;
        if self.provisional.contains(id) {
            return Ok(());
        }
        let figures = tenant.figures();
        let hotlines = || self.hotlines.values().filter(|hotline| hotline.tenant == *id);
        let Some(any) = hotlines().next_back() else { return Ok(()) };
        if any.account == AccountKind::Prepaid {
            let beyond = self.beyond.get(id).copied().unwrap_or_default();
            let expected = store.balance(id) - beyond.fees - beyond.credits;
            if figures.balance != expected {
                return fail(format!("a balance of {}, its entries say {expected}", figures.balance));
            }
            if any.balance_end == BalanceEnd::Strict && tenant.available() < Money::ZERO {
                return fail(format!("{} reserved of a balance of {}", figures.reserved, figures.balance));
            }
        }
        Ok(())
    }

    /// Caps of the months in use, and what was spent against the store.
    pub fn check_months(
        &self,
        id: &TenantId,
        tenant: &Tenant,
        store: &Store,
        month: u32,
    ) -> Result<(), String> {
        if self.provisional.contains(id) {
            return Ok(());
        }
        let newest: BTreeMap<HotlineNumber, &Arc<Hotline>> = self
            .hotlines
            .values()
            .filter(|hotline| hotline.tenant == *id)
            .map(|hotline| (hotline.number, hotline))
            .collect();
        for (number, hotline) in newest {
            let used = tenant.month(number, month);
            let key = (id.clone(), number, month);
            let waiting = self.months.get(&key).copied().unwrap_or_default();
            let expected = store.month(id, number, month).0 + waiting;
            if used.spent != expected {
                return Err(format!("{id} {number}: {} spent, the records say {expected}", used.spent));
            }
            let whole = tenant.whole_month(month);
            let caps =
                [(used, hotline.limits.month_cost_cap_e4), (whole, hotline.tenant_limits.month_cost_cap_e4)];
            for (used, cap) in caps {
                let held = used.spent + used.reserved;
                if let Some(cap) = cap.filter(|cap| hotline.balance_end == BalanceEnd::Strict && held > *cap)
                {
                    return Err(format!("{id} {number}: {held} held of a cap of {cap} (B2)"));
                }
            }
        }
        Ok(())
    }
}

/// Rows R05, R06, R07, R27: the order that a strategy makes of the members that can be tried.
fn check_order(why: &RouteWhy, order: &[Arc<str>], expected: &mut [Arc<str>]) -> Result<(), String> {
    let (same, row) = match why.strategy {
        Strategy::Sequential | Strategy::RoundRobin | Strategy::RingAll => {
            (order.iter().eq(expected.iter()), "R05, R07")
        }
        Strategy::Random | Strategy::Weighted => (is_turned(order, expected), "R06"),
        Strategy::LongestIdle | Strategy::FewestCalls | Strategy::LeastTalk => {
            (is_turned(order, expected) && why.measured.is_sorted(), "R27")
        }
    };
    if same { Ok(()) } else { Err(format!("the order is {order:?} of {expected:?}, by {why:?} ({row})")) }
}

fn is_turned(order: &[Arc<str>], expected: &mut [Arc<str>]) -> bool {
    let mut order = order.to_vec();
    order.sort();
    expected.sort();
    order == expected
}

/// Who was tried until the next routing was next in the order, but for those passed over when their turn came.
fn check_tried(after: &[Dated], order: &[Arc<str>]) -> Result<(), String> {
    // Phones without a trunk are reached still.
    let is_day_full = |(_, pass): &(Arc<str>, Pass)| *pass == Pass::DayFull;
    let is_end = |fact: &Fact| {
        matches!(
            fact,
            Fact::Routed { .. } | Fact::Finally { .. } | Fact::Walked(_) | Fact::TransferBegan { .. }
        )
    };
    let end = after.iter().position(|dated| is_end(&dated.fact));
    let (mut tried, mut passed): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for dated in &after[..end.unwrap_or(after.len())] {
        match &dated.fact {
            // Several trunks may be tried for one.
            Fact::Dialled(dialled)
                if dialled.kind == AttemptKind::Target && !tried.contains(&&*dialled.destination) =>
            {
                tried.push(&dialled.destination);
            }
            Fact::PassedOver { destination, .. } => passed.push(destination),
            Fact::TrunksPassed { destination, passed: trunks } if trunks.iter().any(is_day_full) => {
                passed.push(destination);
            }
            _ => {}
        }
    }
    // The first of two trunks may have been tried before.
    let due = order.iter().map(|name| &**name).filter(|name| !passed.contains(name) || tried.contains(name));
    if due.take(tried.len()).eq(tried.iter().copied()) {
        return Ok(());
    }
    Err(format!("{tried:?} were tried, the order was {order:?} (R05)"))
}

/// Row R27: one answers, and every other leg is given up; a further one answers by a transfer, or once the flow went on behind the
/// talk with the first.
fn check_one_answers(record: &CallRecord) -> Result<(), String> {
    let is_one = |kind| !matches!(kind, AttemptKind::Watch | AttemptKind::Callback);
    let answered = |leg: &&LegRecord| leg.outcome == LegOutcome::Answered && is_one(leg.kind);
    let mut answered: Vec<&LegRecord> = record.legs.iter().filter(answered).collect();
    answered.sort_by_key(|leg| leg.answered_at);
    let at_once = |pair: &[&LegRecord]| pair[1].answered_at.is_some_and(|next| pair[0].ended_at > next);
    if record.transfers == 0 && answered.windows(2).any(at_once) {
        return Err(format!("{} legs answered (R27)", answered.len()));
    }
    Ok(())
}

/// Row Q09: whoever answers for a queue that wants results is asked for one, the last word is in the record, and a call of a queue
/// where one must be is never without.
fn check_results(record: &CallRecord, hotline: &Hotline, log: &[Dated]) -> Result<(), String> {
    let (mut queue, mut offered, mut owed): (_, BTreeMap<LegNo, &str>, BTreeSet<&str>) =
        (None, BTreeMap::new(), BTreeSet::new());
    let mut said: BTreeMap<&str, &str> = BTreeMap::new();
    let of_queue = |queue: Option<&Arc<str>>| {
        let queues = hotline.staff.iter().flat_map(|staff| &staff.queues);
        queues.clone().find(|rules| Some(&rules.name) == queue)?.results.as_deref()
    };
    for dated in log {
        match &dated.fact {
            Fact::Queued { queue: joined, .. } => queue = Some(joined),
            Fact::Offered { leg, agent } => _ = offered.insert(*leg, agent),
            Fact::LegAnswered { leg } if of_queue(queue).is_some() => owed.extend(offered.get(leg)),
            Fact::AgentTook { agent, .. } if of_queue(queue).is_some() => _ = owed.insert(agent),
            // A transfer leads to queues that the number's own rules do not know.
            Fact::ResultAwaited { agent, .. } if hotline.staff.is_none() => _ = owed.insert(agent),
            Fact::ResultGiven { agent, chosen, .. } => _ = said.insert(agent, &chosen.code),
            _ => {}
        }
    }
    let kept: BTreeSet<&str> = record.results.iter().map(|result| result.agent.as_str()).collect();
    if kept != owed {
        return Err(format!("{owed:?} are asked for results, the record has {:?} (Q09)", record.results));
    }
    for result in &record.results {
        let word = said.get(result.agent.as_str());
        if word.is_some_and(|word| *word != result.code) || word.is_some() == result.by.is_empty() {
            return Err(format!("{word:?} was said, the record has {result:?} (Q09)"));
        }
        let terms = of_queue(Some(&result.queue.as_str().into()));
        if result.code.is_empty() && terms.is_some_and(|terms| terms.mandatory) {
            return Err(format!("the agent {} owes a result for ever (Q09)", result.agent));
        }
    }
    Ok(())
}

/// Row Q20: no call is offered or sent to an agent who has no room for it. What comes by somebody's word costs what calls cost,
/// whatever queue the call came by; who was offered the call before takes it back as it had it.
fn check_room(hotline: &Hotline, log: &[Dated]) -> Result<(), String> {
    let Some(staff) = hotline.staff.as_deref() else { return Ok(()) };
    let holds = |number: &Arc<str>, weight: u16| {
        let rules = staff.agents.iter().find(|rules| rules.number == *number);
        rules.is_none_or(|rules| rules.capacity >= weight)
    };
    let mut weight = staff.capacity.voice;
    let mut had = BTreeSet::new();
    for dated in log {
        match &dated.fact {
            Fact::Queued { queue, .. } => {
                let rules = staff.queues.iter().find(|rules| rules.name == *queue);
                weight = rules.map_or(0, |rules| rules.call_weight);
            }
            Fact::Offered { agent, .. } if !holds(agent, weight) => {
                return Err(format!("a call of {weight} units is offered to {agent}, who has no room (Q20)"));
            }
            Fact::Offered { agent, .. } => _ = had.insert(agent),
            Fact::AgentTook { agent, .. } if !had.contains(agent) && !holds(agent, staff.capacity.voice) => {
                return Err(format!("a call was sent to {agent}, who has no room (Q20)"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn counts_of(places: impl Iterator<Item = usize>, length: usize) -> Vec<usize> {
    let mut counts = vec![0; length];
    places.for_each(|place| counts[place] += 1);
    counts
}

/// One arrival first, one end, nothing behind the last word, never backwards in time.
fn check_log(log: &[Dated]) -> Result<(), String> {
    let count = |of: fn(&Fact) -> bool| log.iter().filter(|dated| of(&dated.fact)).count();
    let (arrived, hung_up) =
        (count(|fact| matches!(fact, Fact::Arrived(_))), count(|fact| matches!(fact, Fact::HungUp { .. })));
    let answered = count(|fact| matches!(fact, Fact::Answered));
    if (arrived, hung_up) != (1, 1) || answered > 1 {
        return Err(format!("{arrived} arrivals, {answered} answers, {hung_up} ends in its log"));
    }
    if !matches!(log.last().map(|dated| &dated.fact), Some(Fact::Over)) {
        return Err("its log is not over".into());
    }
    match log.windows(2).find(|pair| pair[0].at > pair[1].at) {
        Some(pair) => Err(format!("{:?} stands before {:?}", pair[0], pair[1])),
        None => Ok(()),
    }
}

/// Row V06: a message is left by an answered caller, and each one that began has an end before the call is over.
fn check_messages(record: &CallRecord, log: &[Dated]) -> Result<(), String> {
    let (mut open, mut answered, mut begun) = (false, false, 0);
    for dated in log {
        match &dated.fact {
            Fact::Answered => answered = true,
            Fact::MessageBegan { .. } if open || !answered => {
                return Err("a message began before the answer or in another (V06)".into());
            }
            Fact::MessageBegan { .. } => (open, begun) = (true, begun + 1),
            Fact::MessageEnded { .. } if !open => return Err("a message ended that never began (V06)".into()),
            Fact::MessageEnded { .. } => open = false,
            Fact::Joined { .. } | Fact::Walked(_) if open => {
                return Err("the call went on while a message was left (V06)".into());
            }
            _ => {}
        }
    }
    // A node that died wrote no end; what was said until then counts.
    let lost = record.cause == Cause::NodeLost;
    if (open && !lost) || record.messages.len() != begun {
        return Err(format!("{begun} messages began, {} are in the record (V06)", record.messages.len()));
    }
    Ok(())
}

/// Row V09: a recording is paused while there is one, each pause has its place in the record, and none is longer than may be.
fn check_pauses(record: &CallRecord, log: &[Dated]) -> Result<(), String> {
    let began = log.iter().position(|dated| matches!(dated.fact, Fact::RecordingBegan { .. }));
    let paused = log.iter().position(|dated| matches!(dated.fact, Fact::RecordingPaused { .. }));
    if paused.is_some() && (began.is_none() || began > paused) {
        return Err("a recording was paused that never began (V09)".into());
    }
    let count = log.iter().filter(|dated| matches!(dated.fact, Fact::RecordingPaused { .. })).count();
    let long =
        |pause: &&PauseRecord| pause.why == PauseWhy::Ordered && pause.until.0 - pause.from.0 > PAUSE_MS_MAX;
    match record.pauses.iter().find(long) {
        Some(pause) => Err(format!("a recording was paused for too long (V09): {pause:?}")),
        None if record.pauses.len() != count => {
            Err(format!("{count} pauses began, {} are in the record (V09)", record.pauses.len()))
        }
        None => Ok(()),
    }
}

/// Rows Q15, K07: one request a call, for a number that may be called; the record has it.
fn check_callback(record: &CallRecord, log: &[Dated]) -> Result<(), String> {
    let mut wanted = log.iter().filter_map(|dated| match &dated.fact {
        Fact::CallbackWanted { number, .. } => Some(number),
        _ => None,
    });
    let (first, second) = (wanted.next(), wanted.next());
    let kept = record.callback.as_ref().map(|kept| kept.number.as_str());
    if second.is_some() || kept != first.map(|number| &**number) {
        return Err(format!("{first:?} and {second:?} were asked for, the record has {kept:?} (Q15)"));
    }
    match first.filter(|number| callable(number).is_none()) {
        Some(number) => Err(format!("{number} may not be called (K07)")),
        None => Ok(()),
    }
}

/// Row I07: the notice was heard to its end before anything was recorded.
fn check_recording(record: &CallRecord, hotline: &Hotline, log: &[Dated]) -> Result<(), String> {
    let place = |of: fn(&Fact) -> bool| log.iter().position(|dated| of(&dated.fact));
    let began = place(|fact| matches!(fact, Fact::RecordingBegan { .. }));
    let noticed = place(|fact| matches!(fact, Fact::Noticed { .. }));
    let joined = place(|fact| matches!(fact, Fact::Joined { .. }));
    if began.is_some() && (noticed.is_none() || noticed > began || noticed > joined) {
        return Err("recorded before the notice was heard (I07)".into());
    }
    let chosen = log.iter().position(|dated| matches!(dated.fact, Fact::RecordingChosen { .. }));
    let asks = hotline.recording_notice.is_some() && hotline.consent != Consent::Notice;
    let asked_in_order = chosen.is_none() || (noticed.is_some() && noticed < chosen);
    if !asked_in_order || (asks && joined.is_some() && (chosen.is_none() || chosen > joined)) {
        return Err("the talk began before the caller had chosen whether it is recorded (V10)".into());
    }
    let by_rules = hotline.recording_notice.is_some()
        && match record.consent {
            _ if !asks => true,
            Some(Choice::Agreed) => true,
            Some(Choice::Silent) => hotline.consent == Consent::OptOut,
            Some(Choice::Refused) | None => false,
        };
    if joined.is_some() && by_rules != began.is_some() {
        return Err(format!("recording {:?}, but the rules say otherwise", record.recording));
    }
    Ok(())
}
