//! A world without chance, in which a script's people do what they are told to and what the node does is put into words.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use hotline::call::{Sound, TalkOrder, Target, Tone, WatchMode};
use hotline::cdr::CallRecord;
use hotline::consent::Choice;
use hotline::enterprise::{CRISIS, CrisisThen, Enterprise, REALM, compile, phone_user};
use hotline::flow::{Fetched, NoAnswer, Request};
use hotline::rating::{ChargeKind, Per, Tariffs};
use hotline::settlement::Settlement;
use hotline::trunk::AccessNumber;
use hotline::{Money, PlanId, Wall};
use node::directory::{Entry, Place};
use node::media::{Codec, Command, Event, MediaLeg};
use node::{Change, Input, Notice, TrialOrder, TrialReport, TrunkConfig};
use sip::digest::Ha1;

use super::deeds::Mood;
use super::life::Crash;
use super::{Due, NODE, Options, Reply, Weather, World};
use crate::dice::Dice;
use crate::far::leg::Wish;
use crate::far::{CalleePlan, CallerPlan, Doings, Outcome, TalkPlan, Timer};
use crate::scenario::{Carrier, More, PASSWORD, Script, What};
use crate::wire::{Message, Method, Voice};

/// What is kept to put a scenario's world into words.
#[derive(Debug, Default)]
pub(super) struct Words {
    seen: BTreeSet<String>,
    said: Vec<(u64, String)>,
    /// The instant that is put into words.
    pub(super) now: u64,
    /// Names of phones by what is dialled.
    phones: BTreeMap<String, String>,
    /// Names by Call-ID: callers, and phones once they are dialled.
    names: BTreeMap<String, String>,
    /// More than one trunk: the way is worth a word.
    trunks: Vec<(SocketAddr, String)>,
    acks_lost: u32,
    /// How each media leg was last told to be: silent, deaf, and its codec.
    media: BTreeMap<MediaLeg, (bool, bool, Option<Codec>)>,
    /// The numbers that callers showed.
    callers: BTreeSet<String>,
    /// The nonce that a phone was last asked to prove its password with.
    nonce: Option<String>,
    /// Phones' calls that were refused.
    outbound_refused: usize,
    /// Calls whose talk is being recorded.
    recorded: BTreeSet<u128>,
}

impl Words {
    fn say(&mut self, word: String) {
        self.said.push((self.now, word));
    }

    /// A datagram of the node, in words, once.
    pub(super) fn sent(&mut self, to: SocketAddr, bytes: &[u8]) {
        let Some(message) = Message::read(bytes) else { return };
        let key = format!("{} {:?} {} {}", message.call_id, message.method, message.cseq, message.status);
        let inside = message.status == 0 && !message.to_tag().is_empty();
        if message.status == 401 {
            self.nonce = nonce(bytes);
            return;
        }
        let worth = match (message.method, message.status) {
            (Method::Invite, 0) => !inside,
            (Method::Invite | Method::Update, status) => status > 100,
            (Method::Bye | Method::Cancel, 0) => true,
            _ => false,
        };
        if !worth || !self.seen.insert(key) {
            return;
        }
        if message.method == Method::Invite && message.status == 0 {
            return self.dialled(to, &message);
        }
        let name = self.names.get(message.call_id).cloned().unwrap_or_else(|| "nobody".into());
        let of = if name == "caller" { String::new() } else { format!(" {name}") };
        let answers_target = message.status > 0 && self.phones.values().any(|phone| *phone == name);
        self.say(match (message.method, message.status) {
            (Method::Invite | Method::Update, 200) if answers_target || message.cseq > 1 => {
                format!("agree {name}")
            }
            (Method::Invite | Method::Update, status) if answers_target || message.cseq > 1 => {
                format!("refuse {name} {status}")
            }
            (Method::Bye, _) => format!("bye {name}"),
            (Method::Cancel, _) => format!("cancel {name}"),
            (_, 183) => format!("early{of}"),
            (_, 180) => format!("ringing{of}"),
            (_, 200) => format!("answer{of}"),
            (_, status) if has_words(bytes) => format!("refuse{of} {status} in words"),
            (_, status) => format!("refuse{of} {status}"),
        });
    }

    /// What the node would have a person know.
    pub(super) fn noticed(&mut self, notice: &Notice) {
        if let Notice::OutboundRefused { shown, .. } = notice {
            self.outbound_refused += 1;
            shown.iter().for_each(|number| self.say(format!("alarm {number}")));
        }
    }

    fn dialled(&mut self, to: SocketAddr, message: &Message<'_>) {
        let user = message.uri.split_once('@').map_or(message.uri, |(user, _)| user);
        let user = user.strip_prefix("sip:").unwrap_or(user);
        let name = self.phones.get(user).cloned().unwrap_or_else(|| user.to_owned());
        self.names.insert(message.call_id.to_owned(), name.clone());
        // The caller's own number is worth no word.
        let from = message.from.split_once("sip:").map_or("", |(_, rest)| rest);
        let from = from.split('@').next().unwrap_or_default();
        let shown = if self.callers.contains(from) { String::new() } else { format!(" as {from}") };
        let way = self.trunks.iter().find(|(address, _)| *address == to).map(|(_, trunk)| trunk);
        match way.filter(|_| self.trunks.len() > 1) {
            Some(trunk) => self.say(format!("dial {name} by {trunk}{shown}")),
            None => self.say(format!("dial {name}{shown}")),
        }
    }

    /// A step asks a server outside.
    pub(super) fn asked(&mut self, request: &Request) {
        let body = request.body.as_deref().map(|body| format!(" {body}")).unwrap_or_default();
        // What is expected is cut at commas.
        let told = format!("ask {} {}{body}", request.method.as_str(), request.url).replace(',', ";");
        self.say(told);
    }

    /// What became of a test call: what was found fault with.
    pub(super) fn tried(&mut self, report: &TrialReport) {
        let faults: Vec<String> = report.faults().iter().map(|fault| format!(" {fault:?}")).collect();
        self.say(format!("tried{}", faults.concat()));
    }

    /// What a person would hear.
    pub(super) fn heard(&mut self, command: &Command, is_of_caller: &dyn Fn(MediaLeg) -> bool) {
        match command {
            Command::Play { leg, sound, .. } => {
                let what = match sound {
                    // Which key it is is chance.
                    Sound::Prompt(name) if name.starts_with("press_") => "press_a_key".into(),
                    Sound::Prompt(name) => name.to_string(),
                    Sound::Ringback => "ringback".into(),
                    Sound::Warning => "warning".into(),
                    Sound::Pieces(names) => names.join(" "),
                    Sound::Music => "music".into(),
                };
                let to = if is_of_caller(*leg) { "" } else { " to target" };
                self.say(format!("play {what}{to}"));
            }
            // Two outgoing legs: who transfers asks somebody.
            Command::Bridge { a, b } if !is_of_caller(*a) && !is_of_caller(*b) => self.say("consult".into()),
            Command::Bridge { .. } => self.say("join".into()),
            Command::Unbridge { .. } => self.say("part".into()),
            Command::Mix { leg, hears } => {
                let name = |leg: &MediaLeg| match leg.0 & 0xff {
                    0 => "caller".to_owned(),
                    number => number.to_string(),
                };
                let others = hears.iter().map(name).collect::<Vec<_>>().join("+");
                self.say(format!(
                    "{} hears {}",
                    name(leg),
                    if hears.is_empty() { "whom it did" } else { &others }
                ));
            }
            Command::Record { call, .. } => {
                self.recorded.insert(*call);
                self.say("record".into());
            }
            Command::TakeMessage { .. } => self.say("take message".into()),
            Command::EndRecord { call } => {
                let what = if self.recorded.remove(call) { "end recording" } else { "end message" };
                self.say(what.into());
            }
            Command::PauseRecord { on: true, .. } => self.say("pause recording".into()),
            Command::PauseRecord { on: false, .. } => self.say("record again".into()),
            Command::Hold { leg, on, deaf } => self.held(*leg, *on, *deaf),
            Command::Connect { leg, agreed, .. } => {
                let before = self.media.entry(*leg).or_default().2.replace(agreed.codec);
                if before.is_some_and(|before| before != agreed.codec) {
                    self.say(format!("speak {:?} to {}", agreed.codec, person(*leg)));
                }
            }
            _ => {}
        }
    }
}

impl Words {
    fn held(&mut self, leg: MediaLeg, on: bool, deaf: bool) {
        let state = self.media.entry(leg).or_default();
        if (state.0, state.1) != (on, deaf) {
            (state.0, state.1) = (on, deaf);
            let word = match (on, deaf) {
                (true, true) => "silence to",
                (true, false) => "nothing awaited of",
                (false, _) => "speech to",
            };
            self.say(format!("{word} {}", person(leg)));
        }
    }
}

/// What the challenge by MD5 asks with.
fn nonce(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let asks = |line: &&str| line.starts_with("WWW-Authenticate:") && line.contains("algorithm=MD5");
    let (_, rest) = text.lines().find(asks)?.split_once("nonce=\"")?;
    Some(rest.split('"').next()?.to_owned())
}

/// Whether a refusal has words for a person.
fn has_words(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).lines().any(|line| line.starts_with("Warning: 399 "))
}

/// The proof of a password for one INVITE (RFC 7616, MD5 as most phones have it).
fn proof(user: &str, nonce: &str, uri: &str) -> String {
    // Ha1 hashes three texts with colons between; so are both others of the digest.
    let md5 = |first: &str, second: &str, third: &str| Ha1::of(first, second, third).to_hex().0;
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    let (ours, asked) = (md5(user, REALM, PASSWORD), md5("INVITE", scheme, rest));
    let response = md5(&ours, nonce, &format!("00000001:c:auth:{asked}"));
    format!(
        "Authorization: Digest username=\"{user}\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\"\r\n"
    )
}

fn person(leg: MediaLeg) -> &'static str {
    if leg.0 & 0xff == 0 { "caller" } else { "target" }
}

/// A scenario's world.
pub struct Stage {
    world: World,
    began: Vec<usize>,
    relayed: bool,
    /// Trunks that were taken away.
    gone: Vec<String>,
}

/// The access number of two-stage relay.
const ACCESS: &str = "01068886888";

impl Stage {
    /// How long after the last line its expectation is waited for.
    pub const AFTERMATH_MS: u64 = 100_000;
    /// After so long a phone has heard what it is asked for.
    const ASKED_MS: u64 = 200;
    /// When nothing may be left of any call.
    pub const QUIET_MS: u64 = 300_000;

    /// Sets the stage.
    ///
    /// # Errors
    /// What must always hold and does not from the start.
    pub fn new(script: &Script) -> Result<Self, String> {
        let trunks: Vec<TrunkConfig> =
            script.trunks.iter().enumerate().map(|(n, carrier)| trunk(n, carrier, script.relayed)).collect();
        let words = Words {
            phones: phones(&script.enterprise),
            trunks: trunks.iter().map(|trunk| (trunk.address, trunk.name.clone())).collect(),
            ..Words::default()
        };
        let weather = Weather::calm(script.begins_at.wall());
        let options = Options { minutes: 0, trace: false };
        let mut world =
            World::build(0, options, Dice::new(0), weather, vec![script.enterprise.clone()], trunks);
        world.words = Some(words);
        world.remember_rules(0);
        if script.balance > Money::ZERO {
            world.store.top_up(&script.enterprise.id, script.balance, "first", Wall(world.wall_ms));
        }
        world.restart()?;
        Ok(Self { world, began: Vec::new(), relayed: script.relayed, gone: Vec::new() })
    }

    /// Lives up to an instant.
    ///
    /// # Errors
    /// What must always hold and did not.
    pub fn wait(&mut self, until: u64) -> Result<(), String> {
        self.world.live_until(until)
    }

    /// What was seen since words were last forgotten, and when.
    pub fn words(&self) -> &[(u64, String)] {
        self.world.words.as_ref().map_or(&[], |words| &words.said)
    }

    /// Forgets what was seen.
    pub fn forget_words(&mut self) {
        if let Some(words) = &mut self.world.words {
            words.said.clear();
        }
    }

    /// Nothing may be left of any call.
    ///
    /// # Errors
    /// What is left.
    pub fn check_quiet(&mut self) -> Result<(), String> {
        self.world.sweep()?;
        self.world.check_quiet()
    }

    /// Something happens.
    ///
    /// # Errors
    /// Nobody of that name can do that now, or what must always hold broke.
    pub fn act(&mut self, what: &What) -> Result<(), String> {
        match what {
            What::Nothing => Ok(()),
            What::Call { name, from, more } => self.call(name, from, more),
            What::Dial { name, dialled, shown } => self.dial(name, dialled, shown.as_deref()),
            What::Edit(after) => self.edit(after),
            What::TopUp(amount) => {
                let tenant = self.world.enterprises[0].0.id.clone();
                let wall = self.world.now().wall;
                let reference = format!("at {}", self.world.clock);
                self.world.store.top_up(&tenant, *amount, &reference, wall);
                self.world.watch.credit_leaves(&tenant, *amount);
                self.world.reply(1, Reply::Credit(tenant, *amount));
                Ok(())
            }
            What::Forget(caller) => self.forget(caller),
            What::Agent { number, order } => {
                self.world.agent_orders(0, number, order)?;
                self.world.turn()
            }
            What::Tariff { plan, price, from } => self.price(plan, *price, *from),
            What::Does { name, deed } => self.does(name, deed),
        }
    }

    /// As the command does it: in the running node, and in the store unless something newer is there.
    fn forget(&mut self, caller: &str) -> Result<(), String> {
        let tenant = self.world.enterprises[0].0.id.clone();
        let known = self.world.node.as_ref().and_then(|node| node.tenant(&tenant));
        let forgotten = known.ok_or("the node holds nothing of the enterprise")?.forgotten(caller);
        self.world.store.keep(&tenant, &forgotten);
        let change = Change::ForgetCaller { tenant, caller: caller.to_owned() };
        self.world.hear(Input::Change(change));
        Ok(())
    }

    /// The version in force ends and one with another price of a minute follows.
    fn price(&mut self, plan: &PlanId, price: Money, from: Wall) -> Result<(), String> {
        let before =
            self.world.tariffs.version_at(plan, Wall(from.0 - 1)).ok_or(format!("no plan {plan}"))?;
        let (mut ends, mut next) = (before.clone(), before.clone());
        (ends.valid_to, next.valid_from, next.version) = (Some(from), from, before.version + 1);
        for rule in next.components.iter_mut().filter_map(|component| component.price.as_mut()) {
            if let Per::Time { price_e4, .. } = &mut rule.per {
                *price_e4 = price;
            }
        }
        let others = self.world.tariffs.versions().iter().filter(|one| *one != before).cloned();
        let tariffs: Tariffs = others.chain([ends, next]).collect::<Vec<_>>().into();
        if let Some(fault) = tariffs.validate().first() {
            return Err(fault.to_string());
        }
        self.world.tariffs = tariffs.clone();
        self.world.tell(Input::Change(Change::Tariffs(tariffs)))
    }

    fn call(&mut self, name: &str, from: &str, more: &More) -> Result<(), String> {
        let number = self.world.enterprises[0].0.numbers[0].number.to_string();
        let acks_lost = self.world.words.as_ref().map_or(0, |words| words.acks_lost);
        let More { dials, mut headers } = more.clone();
        let dials = dials.or_else(|| self.relayed.then(|| ACCESS.to_owned()));
        if self.relayed {
            headers += &format!("Diversion: <sip:{number}@10.0.1.1>;reason=unconditional\r\n");
        }
        let withheld = from == "nobody";
        let plan = CallerPlan { acks_lost, withheld, dials, headers, ..CallerPlan::default() };
        // Callers come by the first trunk that there still is.
        let home = self.left().next().map(|trunk| trunk.address).ok_or("no trunk is left")?;
        let mut out = Doings::default();
        let leg = self.world.far.call(home, from, &number, plan, &mut out);
        self.began.push(leg);
        let call_id = self.world.far.legs[leg].call_id.clone();
        if let Some(words) = &mut self.world.words {
            words.names.insert(call_id, name.to_owned());
            words.callers.insert(if withheld { "anonymous".into() } else { from.to_owned() });
        }
        self.world.far_did(out)
    }

    /// A phone calls out: it is asked for its password, and proves it.
    fn dial(&mut self, name: &str, dialled: &str, shown: Option<&str>) -> Result<(), String> {
        let enterprise = &self.world.enterprises[0].0;
        let place = enterprise.extensions.iter().position(|extension| extension.name == name);
        let place = place.ok_or(format!("no extension {name}"))?;
        let number = enterprise.extensions[place].number.clone();
        let user = phone_user(&enterprise.id, &number);
        let shown = shown.unwrap_or(&number);
        let home = SocketAddr::from(([10, 0, 8, place as u8 + 1], 5060));
        self.phone_asks(home, name, shown, dialled, String::new())?;
        self.world.live_until(self.world.clock + Self::ASKED_MS)?;
        let nonce = self.world.words.as_mut().and_then(|words| words.nonce.take());
        let nonce = nonce.ok_or(format!("{name} was not asked for its password"))?;
        let uri = format!("sip:{dialled}@{}", SocketAddr::from(NODE));
        self.phone_asks(home, name, shown, dialled, proof(&user, &nonce, &uri))
    }

    /// One INVITE of a phone.
    fn phone_asks(
        &mut self,
        home: SocketAddr,
        name: &str,
        shown: &str,
        dialled: &str,
        headers: String,
    ) -> Result<(), String> {
        let plan = CallerPlan { headers, ..CallerPlan::default() };
        let mut out = Doings::default();
        let leg = self.world.far.call(home, shown, dialled, plan, &mut out);
        let call_id = self.world.far.legs[leg].call_id.clone();
        if let Some(words) = &mut self.world.words {
            words.names.insert(call_id, name.to_owned());
        }
        self.world.far_did(out)
    }

    fn edit(&mut self, after: &Enterprise) -> Result<(), String> {
        let version = self.world.enterprises[0].1 + 1;
        self.world.enterprises[0] = (after.clone(), version);
        self.world.remember_rules(0);
        if let Some(words) = &mut self.world.words {
            words.phones = phones(after);
        }
        let entry = Entry { tenant: after.id.clone(), version, place: Place::default() };
        let numbers = vec![(after.numbers[0].number, Some(entry))];
        let bodies = compile(after, version).into_iter().map(Arc::new).collect();
        self.world.tell(Input::Change(Change::Enterprise { numbers, bodies }))
    }

    /// The trunks that the provider has not taken away.
    fn left(&self) -> impl Iterator<Item = &TrunkConfig> {
        self.world.trunks.iter().filter(|trunk| !self.gone.contains(&trunk.name))
    }

    fn does(&mut self, name: &str, deed: &str) -> Result<(), String> {
        if let Some(number) = deed.strip_prefix("is tried with ") {
            let (trunk, to) = (name.to_owned(), Some(number.to_owned()));
            let keys = String::new();
            let order = TrialOrder { id: 1, trunk, to, from: None, keys, ring_ms: 20_000, talk_ms: 3_000 };
            return self.world.tell(Input::Try(order));
        }
        if deed == "is taken away" && self.left().any(|known| known.name == name) {
            self.gone.push(name.to_owned());
            let left = self.left().cloned().collect();
            return self.world.tell(Input::Change(Change::Trunks(left)));
        }
        let world = &mut self.world;
        match (name, deed) {
            ("node", "dies") => world.die(Crash::AfterFacts),
            ("server", answer) => return self.server_answers(answer),
            ("node", "ends all calls") => return world.tell(Input::EndAll),
            ("node", "drains") => return world.tell(Input::Drain(true)),
            ("store", "leaves") => world.store.away_until = u64::MAX,
            ("store", "reads slowly") => world.reads_ms = 400,
            ("store", "returns") => {
                world.store.away_until = 0;
                world.later(1, Due::Store);
            }
            ("wire", "is cut") => world.weather.cut = true,
            ("wire", "works") => world.weather.cut = false,
            ("disk", "fails") => world.disk_fails = true,
            ("clock", jump) => world.wall_ms += jump_ms(jump).ok_or(format!("`{jump}` is no jump"))?,
            ("platform", order) => return self.order(order),
            ("staff", order) => return self.sees_to_callbacks(order),
            ("acks", "get lost") => world.words.iter_mut().for_each(|words| words.acks_lost = 1_000),
            (trunk, "goes silent" | "is full" | "works again")
                if world.trunks.iter().any(|known| known.name == trunk) =>
            {
                let place = world.trunks.iter().position(|known| known.name == trunk).unwrap_or_default();
                world.trunk_moods[place] = match deed {
                    "goes silent" => Mood::Dead,
                    "is full" => Mood::Full,
                    _ => Mood::Good,
                };
            }
            (name, deed) => return self.person_does(name, deed),
        }
        Ok(())
    }

    /// `answers 200 [VALUE]…` or `fails`: the oldest request that was not answered yet.
    fn server_answers(&mut self, answer: &str) -> Result<(), String> {
        let world = &mut self.world;
        let (call, number, wanted) = world.fetches.pop_front().ok_or("nothing was asked")?;
        let fetched = match answer.strip_prefix("answers ") {
            Some(rest) => {
                let mut words = rest.split_whitespace();
                let status = words.next().and_then(|status| status.parse().ok()).ok_or("no status")?;
                let mut values: Vec<String> = words.map(str::to_owned).collect();
                values.resize(wanted, String::new());
                Fetched::Answered { status, values }
            }
            None if answer == "fails" => Fetched::Failed(NoAnswer::Unreachable),
            None => return Err(format!("`{answer}` is no answer")),
        };
        world.tell(Input::Fetched { call, number, fetched })
    }

    /// People see to requests for callbacks: `ends NAME` (whose call asked), `stops DIGITS`, `permits DIGITS`.
    fn sees_to_callbacks(&mut self, words: &str) -> Result<(), String> {
        let (verb, whom) = words.split_once(' ').ok_or(format!("`{words}` is nothing to do"))?;
        let tenant = self.world.enterprises[0].0.id.clone();
        match verb {
            "stops" => self.world.stop_number(&tenant, whom, true),
            "permits" => self.world.stop_number(&tenant, whom, false),
            "ends" => {
                let call = self.call_of(whom)?;
                self.world.end_request(&tenant, call)
            }
            _ => Err(format!("`{words}` is nothing to do")),
        }
    }

    /// The call of somebody who called last by a name.
    fn call_of(&self, name: &str) -> Result<hotline::CallId, String> {
        let names = &self.world.words.as_ref().ok_or("no scenario")?.names;
        let named = |leg: &&crate::far::Leg| names.get(&leg.call_id).is_some_and(|known| known == name);
        let call = self.world.far.legs.iter().rfind(named).and_then(|leg| leg.call);
        call.ok_or(format!("nobody is {name}"))
    }

    /// The platform orders something about a caller's talk: `holds NAME`, `transfers NAME to agent 8002`.
    fn order(&mut self, words: &str) -> Result<(), String> {
        let nothing = || format!("`{words}` is no order");
        let (verb, rest) = words.split_once(' ').ok_or_else(nothing)?;
        let (name, to) = rest.split_once(" to ").unwrap_or((rest, ""));
        let order = talk_order(verb, to).ok_or_else(nothing)?;
        let call = self.call_of(name)?;
        self.world.order_talk(0, call, order)?;
        self.world.turn()
    }

    fn person_does(&mut self, name: &str, deed: &str) -> Result<(), String> {
        let world = &mut self.world;
        let Some(words) = &mut world.words else { return Ok(()) };
        let named = |call_id: &String| words.names.get(call_id).is_some_and(|known| known == name);
        let place =
            world.far.legs.iter().rposition(|leg| named(&leg.call_id)).ok_or(format!("nobody is {name}"))?;
        let mut out = Doings::default();
        let leg = &mut world.far.legs[place];
        if deed == "says no more" || deed == "says nothing" {
            return self.is_quiet(place, deed == "says no more");
        }
        if let Some(keys) = deed.strip_prefix("presses ") {
            return self.presses(place, keys);
        }
        match deed {
            "rings" => leg.ring(&mut out),
            "rings with early media" => leg.progress(183, &mut out),
            "plays the busy tone" => {
                world.play_tone(place, Tone::Busy);
                return world.turn();
            }
            "plays the ringing tone" => {
                world.play_tone(place, Tone::Ringback);
                return world.turn();
            }
            "says something" => {
                world.sound(place, |leg| Event::Voice { leg });
                return world.turn();
            }
            "begins a tone" => {
                world.sound(place, |leg| Event::ToneBegan { leg });
                return world.turn();
            }
            "answers" => leg.answer(&mut out),
            "answers twice" => {
                leg.answer(&mut out);
                out.timers.push((300, place, Timer::Fork));
            }
            "is busy" => leg.refuse(486, 0, &mut out),
            "rejects" => leg.refuse(603, 21, &mut out),
            "is unknown" => leg.refuse(404, 1, &mut out),
            "does not answer" => leg.refuse(480, 19, &mut out),
            "fails" => leg.refuse(503, 0, &mut out),
            "hangs up" => leg.leave(&mut out),
            "hangs up twice" => {
                leg.leave(&mut out);
                out.timers.push((40, place, Timer::SecondBye));
            }
            "gives up" => leg.cancel(&mut out),
            "holds" => leg.change(Wish::Media(Voice::Hold), &mut out),
            "pauses" => leg.change(Wish::Media(Voice::Inactive), &mut out),
            "holds at 0.0.0.0" => leg.change(Wish::Media(Voice::Nowhere), &mut out),
            "holds by UPDATE" => leg.change(Wish::Update(Voice::Hold), &mut out),
            "comes back" => leg.change(Wish::Media(Voice::Both), &mut out),
            "moves" => leg.change(Wish::Move, &mut out),
            "refreshes" => leg.change(Wish::Refresh, &mut out),
            "refreshes by UPDATE" => leg.change(Wish::Touch, &mut out),
            "asks for an offer" => leg.change(Wish::Ask, &mut out),
            "wants G.722" => leg.change(Wish::Media(Voice::Wide), &mut out),
            "wants to fax" => leg.change(Wish::Media(Voice::Fax), &mut out),
            "falls silent" => out.timers.push((0, place, Timer::Vanish)),
            deed => return Err(format!("`{deed}` is nothing to do")),
        }
        world.far_did(out)
    }

    /// The message of a caller is over, as media hears it: something was said before, or nothing.
    fn is_quiet(&mut self, far: usize, spoke: bool) -> Result<(), String> {
        let rtp = crate::far::FarEnds::rtp_of(far);
        let leg = self.world.media.leg_to(rtp).ok_or("nobody listens")?;
        self.world.media.later.push((0, Event::Quiet { leg, spoke }));
        self.world.media_goes_on();
        Ok(())
    }

    /// Keys, one each 100 ms, as media hears them; `told` is the one that the last prompt named.
    fn presses(&mut self, far: usize, keys: &str) -> Result<(), String> {
        let rtp = crate::far::FarEnds::rtp_of(far);
        let leg = self.world.media.leg_to(rtp).ok_or("nobody hears that key")?;
        let told = self.world.media.told_key();
        let keys = if keys == "told" { told.ok_or("no prompt named a key")? } else { keys.replace('p', "#") };
        for (place, key) in keys.bytes().enumerate() {
            self.world.media.later.push((100 * place as u64, Event::Digit { leg, digit: key }));
        }
        self.world.media_goes_on();
        Ok(())
    }

    /// A claim about the end: `cdr NAME key=value …`, `records N`, `balance 1.00`.
    ///
    /// # Errors
    /// What is so instead.
    pub fn check(&self, words: &[String]) -> Result<(), String> {
        let store = &self.world.store;
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["records", count] if *count == store.records.len().to_string() => Ok(()),
            ["outbound_refused", count] => {
                let refused = self.world.words.as_ref().map_or(0, |words| words.outbound_refused);
                let same = *count == refused.to_string();
                if same { Ok(()) } else { Err(format!("{refused} calls of phones were refused")) }
            }
            ["requests", count] => {
                let open = store.requests().count();
                if *count == open.to_string() { Ok(()) } else { Err(format!("{open} requests are open")) }
            }
            ["records", ..] => Err(format!("there are {} records", store.records.len())),
            ["balance", amount] => {
                let kept = store.balance(&self.world.enterprises[0].0.id);
                let same = amount.parse::<Money>().is_ok_and(|amount| amount == kept);
                if same { Ok(()) } else { Err(format!("the balance is {kept}")) }
            }
            ["desk", number, claims @ ..] => self.check_agent(number, claims),
            ["cdr", rest @ ..] => self.check_record(rest),
            _ => Err("no claim".into()),
        }
    }

    /// `desk NUMBER KEY=VALUE…`: `state`, `reason`, `answered`, `missed`, `rejected`, and the seconds of each state.
    fn check_agent(&self, number: &str, claims: &[&str]) -> Result<(), String> {
        let view = self.world.agent(0, number).ok_or(format!("there is no agent {number}"))?;
        for claim in claims {
            let (key, value) = claim.split_once('=').ok_or(format!("`{claim}` claims nothing"))?;
            let is = match key {
                "state" => view.state.code().to_owned(),
                "reason" => view.reason.clone(),
                "answered" => view.tally.answered.to_string(),
                "missed" => view.tally.missed.to_string(),
                "rejected" => view.tally.rejected.to_string(),
                "talking" => seconds(view.times.talking),
                "after_work" => seconds(view.times.after_work),
                "ringing" => seconds(view.times.ringing),
                "rest" => seconds(view.times.rest),
                _ => return Err(format!("an agent has no {key}")),
            };
            if is != value {
                return Err(format!("{key} is {is}"));
            }
        }
        Ok(())
    }

    fn check_record(&self, rest: &[&str]) -> Result<(), String> {
        let (place, claims) = match rest {
            [place, claims @ ..] if !place.contains('=') => (place.parse().unwrap_or(1), claims),
            claims => (1usize, claims),
        };
        let mut all: Vec<&Arc<Settlement>> = self.world.store.records.values().collect();
        all.sort_by_key(|settlement| settlement.record.started_at);
        let settlement = all.get(place.wrapping_sub(1)).ok_or(format!("there are {} records", all.len()))?;
        for claim in claims {
            let (key, value) = claim.split_once('=').ok_or(format!("`{claim}` claims nothing"))?;
            let is = figure(settlement, key).ok_or(format!("a record has no {key}"))?;
            if is != value {
                return Err(format!("{key} is {is}"));
            }
        }
        Ok(())
    }
}

/// A figure of a record in a scenario's words.
fn figure(settlement: &Settlement, key: &str) -> Option<String> {
    let record: &CallRecord = &settlement.record;
    let sum = |kind: ChargeKind| -> Money {
        settlement.charges.iter().filter(|charge| charge.kind == kind).map(|charge| charge.amount_e4).sum()
    };
    Some(match key {
        "talk" => seconds(record.talk_ms),
        "sale" => seconds(record.sale_ms),
        "cause" => record.cause.code().to_owned(),
        "by" => format!("{:?}", record.ended_by).to_lowercase(),
        "status" => format!("{:?}", record.status).to_lowercase(),
        "fee" => sum(ChargeKind::Sale).to_string(),
        "cost" => sum(ChargeKind::Cost).to_string(),
        "forwards" => record.forwards.to_string(),
        "priority" => record.priority.to_string(),
        "flow" => match record.flow.as_str() {
            "" => String::new(),
            flow => format!("{flow}@{}", record.flow_version),
        },
        "keys" => {
            let keys = record.keys.iter().map(|pressed| format!("{}:{}", pressed.step, pressed.keys));
            keys.collect::<Vec<_>>().join(",").replace('#', "p")
        }
        "legs" => record.legs.len().to_string(),
        "answered" => record.destination.clone(),
        "queue" => record.queue.clone(),
        // What the wire took is not the caller's wait.
        "wait" => seconds((record.wait_ms + 50) / 100 * 100),
        "offers" => record.offers.to_string(),
        "transfers" => record.transfers.to_string(),
        "hold" => seconds((record.hold_ms + 50) / 100 * 100),
        "kinds" => {
            let kinds = record.legs.iter().map(|leg| format!("{:?}", leg.kind));
            kinds.collect::<Vec<_>>().join("+")
        }
        "agent" => record.agent.clone(),
        "messages" => {
            let told = record.messages.iter().map(|message| {
                let empty = if message.is_empty { " empty" } else { "" };
                format!("{}:{}{empty}", message.step, seconds((message.ms + 50) / 100 * 100))
            });
            told.collect::<Vec<_>>().join(",").replace(' ', "-")
        }
        "callback" => match &record.callback {
            None => "none".into(),
            Some(asked) => {
                format!("{}/{}/{}", asked.number, asked.queue, seconds((asked.waited_ms + 50) / 100 * 100))
            }
        },
        "calls_back" => record.calls_back.as_ref().map_or("none".into(), |back| back.tries.to_string()),
        "requests" => {
            let told = settlement.callbacks.iter().map(|change| match change.how {
                Some(how) => format!("{how:?}").to_lowercase(),
                None => format!("open:{}", change.tries),
            });
            told.collect::<Vec<_>>().join(",")
        }
        "spills" => {
            let told = record.spills.iter().map(|spill| {
                let by = format!("{:?}", spill.spilled.by).to_lowercase();
                let measured = spill.spilled.measured.map_or("–".to_owned(), |figure| figure.to_string());
                format!("{}:{by}:{measured}", spill.queue)
            });
            told.collect::<Vec<_>>().join(",")
        }
        "stays" => {
            let told = settlement.stays.iter().map(|stay| {
                let (why, wait) = (stay.why.code(), seconds((stay.wait_ms + 50) / 100 * 100));
                let again = if stay.returns > 0 { "+" } else { "" };
                let line = if stay.is_callback { "line:" } else { "" };
                let agent = if stay.agent.is_empty() { String::new() } else { format!(":{}", stay.agent) };
                format!("{line}{}:{why}:{wait}{again}{agent}", stay.queue)
            });
            told.collect::<Vec<_>>().join(",")
        }
        "arms" => {
            let told = record.arms.iter().map(|arm| format!("{}:{}:{:?}", arm.step, arm.arm, arm.outcome));
            told.collect::<Vec<_>>().join(",")
        }
        "results" => {
            let told = record.results.iter().map(|result| {
                let by = if result.by.is_empty() { "default" } else { &result.by };
                format!("{}:{}:{by}", result.agent, if result.code.is_empty() { "–" } else { &result.code })
            });
            told.collect::<Vec<_>>().join(",")
        }
        "rating" => match &record.rating {
            None => "none".into(),
            Some(rating) => {
                let score = rating.score.map_or("–".to_owned(), |score| score.to_string());
                format!("{score}/{}/{}", rating.agent, rating.queue)
            }
        },
        "told" => {
            let told = settlement.messages.iter().map(|told| told.to.as_str());
            told.collect::<Vec<_>>().join(",")
        }
        "pauses" => {
            let pauses = record.pauses.iter().map(|pause| {
                let ms = (pause.until.0 - pause.from.0).max(0) as u64;
                let how = pause.how.map_or("Open".to_owned(), |how| format!("{how:?}"));
                format!("{}:{}:{how}", pause.by, seconds((ms + 50) / 100 * 100))
            });
            pauses.collect::<Vec<_>>().join(",")
        }
        "consent" => record.consent.map(Choice::code).unwrap_or("-").into(),
        "recorded" => if record.recording.is_some() { "yes" } else { "no" }.into(),
        "caller" => record.caller.clone(),
        "province" => record.region.province.to_string(),
        "password" => record.password.clone(),
        "version" => record.version.to_string(),
        "month" => record.started_at.beijing().billing_month().to_string(),
        "outcomes" => {
            let outcomes = record.legs.iter().map(|leg| format!("{:?}", leg.outcome));
            outcomes.collect::<Vec<_>>().join("+")
        }
        _ => return None,
    })
}

/// `holds`, `resumes`, `transfers … to TARGET`, `consults … to TARGET`, `completes`, `returns`, `swaps`, `rates`.
fn talk_order(verb: &str, to: &str) -> Option<TalkOrder> {
    let target = || {
        let (kind, name) = to.split_once(' ')?;
        Some(match kind {
            "agent" => Target::Agent(name.into()),
            "extension" => Target::Extension(name.into()),
            "phone" => Target::Bound(name.into()),
            "queue" => Target::Queue(name.into()),
            "step" => Target::Step(name.into()),
            _ => return None,
        })
    };
    Some(match verb {
        "holds" => TalkOrder::Hold,
        "resumes" => TalkOrder::Resume,
        "transfers" => TalkOrder::Transfer(target()?),
        "consults" => TalkOrder::Consult(target()?),
        "completes" => TalkOrder::Complete,
        "returns" => TalkOrder::Return,
        "swaps" => TalkOrder::Swap,
        "merges" => TalkOrder::Merge,
        "lets" => TalkOrder::Watch(to.split_once(' ')?.1.into(), mode(to.split_once(' ')?.0)?),
        "gives" => TalkOrder::TakeOver(to.into()),
        "frees" => TalkOrder::Unwatch(to.into()),
        "masks" => TalkOrder::PauseRecording,
        "unmasks" => TalkOrder::ResumeRecording,
        "rates" => TalkOrder::Rate,
        _ => return None,
    })
}

fn mode(text: &str) -> Option<WatchMode> {
    Some(match text {
        "listen" => WatchMode::Listen,
        "whisper" => WatchMode::Whisper,
        "barge" => WatchMode::Barge,
        _ => return None,
    })
}

/// Whole seconds as `61s`, others as `60.25s`.
fn seconds(ms: u64) -> String {
    format!("{}s", ms as f64 / 1_000.0)
}

fn jump_ms(jump: &str) -> Option<i64> {
    let (sign, rest) = match jump.strip_prefix("jumps -") {
        Some(rest) => (-1, rest),
        None => (1, jump.strip_prefix("jumps +")?),
    };
    Some(sign * crate::scenario::milliseconds(rest)? as i64)
}

fn phones(enterprise: &Enterprise) -> BTreeMap<String, String> {
    let destinations = enterprise.numbers.iter().flat_map(|number| &number.destinations);
    let user = |number: &str| {
        let user = number.split_once('@').map_or(number, |(user, _)| user);
        user.strip_prefix("sip:").unwrap_or(user).to_owned()
    };
    let crisis = match enterprise.crisis.as_ref().map(|crisis| &crisis.then) {
        Some(CrisisThen::Dial(number)) => Some((user(number), CRISIS.to_owned())),
        Some(CrisisThen::GoOn | CrisisThen::HangUp) | None => None,
    };
    let rung = |number: &String| enterprise.agents.iter().any(|agent| agent.extension == *number);
    let extensions = enterprise.extensions.iter().filter(|phone| rung(&phone.number));
    let extensions = extensions.map(|phone| (phone.number.clone(), phone.name.clone()));
    let mobiles = enterprise.agents.iter().filter_map(|agent| {
        let number = agent.mobile.clone()?;
        Some((number, format!("mobile{}", agent.number)))
    });
    destinations
        .map(|phone| (user(&phone.number), phone.name.clone()))
        .chain(mobiles)
        .chain(crisis)
        .chain(extensions)
        .collect()
}

fn trunk(place: usize, carrier: &Carrier, relayed: bool) -> TrunkConfig {
    let mut profile = carrier.profile.clone();
    if relayed {
        profile.access_numbers.push(AccessNumber { number: ACCESS.into(), hotline: None });
    }
    TrunkConfig {
        name: carrier.name.clone(),
        address: SocketAddr::from(([10, 0, 1, place as u8 + 1], 5060)),
        area_code: Some("010".into()),
        incoming: true,
        outgoing: true,
        priority: carrier.priority,
        profile,
        cost_plan: Some(PlanId::new("C1")),
    }
}

/// A callee that does nothing but say 100 until its script tells it.
pub(super) fn obedient(mood: Mood) -> CalleePlan {
    let outcome = match mood {
        Mood::Good => Outcome::Silence,
        Mood::Dead => Outcome::Dead,
        Mood::Full => Outcome::Refuse(5, 503, 0),
    };
    CalleePlan {
        ring: None,
        outcome,
        trying: true,
        fork_ms: None,
        deaf_to_cancel: false,
        strange: false,
        talk: TalkPlan::default(),
    }
}
