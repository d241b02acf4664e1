//! From an INVITE to a call: whose number is it, is all at hand to decide, may it begin? An INVITE whose number or
//! tenant is cold waits at 100 until it is loaded, for a bounded time.

use std::sync::Arc;

use hotline::call::{Arrival, CALLER, Call, Desk, Early};
use hotline::cdr::Cause;
use hotline::rating::Tariffs;
use hotline::region::{CallerForm, Region};
use hotline::tenant::Tenant;
use hotline::trunk::{self, EarlyMedia, Profile};
use hotline::{CallId, Hotline, HotlineNumber, Mono, TenantId};
use sip::digest::Verdict;
use sip::{Arriving, Reason};

use crate::describing;
use crate::directory::{Entry, Found, Place};
use crate::guard::Role;
use crate::media::Speech;
use crate::node::{Node, Notice, Output};
use crate::people::Loaded;
use crate::phones::{Proof, Proven};
use crate::slot::{Side, Slot};

/// A cold number or tenant that is not told within this time is refused.
pub(crate) const LOAD_MS_MAX: u64 = 3_000;

/// A carrier whose call is one too many is told to wait so long; its next trunk or node may take the call at once.
const OVERLOAD_S: u32 = 1;

/// An INVITE that waits for its number's body or its tenant's account.
#[derive(Debug)]
pub(crate) struct Parked {
    leg: sip::LegId,
    arriving: Box<Arriving>,
    trunk: Arc<str>,
    area_code: Option<Arc<str>>,
    profile: Arc<Profile>,
    pub(crate) since: Mono,
    cancelled: bool,
    /// Whether its number was asked for twice: a third time would not help.
    asked_again: bool,
}

/// Where an INVITE comes from.
enum Source {
    /// A carrier's trunk, by its place.
    Trunk(usize),
    /// A phone of an enterprise.
    Phone(Proven),
    /// An address that is no trunk's, and nothing proven: it is asked who it is. `stale` where the proof was too old.
    Unproven { stale: bool },
    /// A carrier whose calls are not taken, or not taken any more; strangers come no further than the guard here.
    Unwelcome,
}

impl Node {
    /// A new INVITE: whose is it, which number, may it begin now?
    pub(crate) fn invited(&mut self, leg: sip::LegId, arriving: Box<Arriving>) {
        self.totals.invites += 1;
        match self.source(&arriving) {
            Source::Trunk(place) => self.invited_by_trunk(leg, arriving, place),
            Source::Phone(phone) => self.invited_by_phone(leg, &arriving, &phone),
            Source::Unproven { stale } => {
                if !stale {
                    self.outputs.push_back(Output::Notice(Notice::Stranger { from: arriving.from }));
                }
                let values = self.phones.challenge(stale, self.now.mono);
                self.endpoint.challenge(leg, &values, self.now.mono.0);
            }
            Source::Unwelcome => {
                self.outputs.push_back(Output::Notice(Notice::Stranger { from: arriving.from }));
                self.endpoint.reject(leg, 403, None, None, self.now.mono.0);
            }
        }
    }

    /// Where an INVITE comes from: an address that a trunk calls from, else whoever proves to be a phone. On the phones'
    /// side an address makes nobody a carrier, on the carriers' side a password nobody a phone.
    fn source(&mut self, arriving: &Arriving) -> Source {
        let role = self.guard.role(arriving.from.listener);
        let place = self.carriers.of_source(arriving.from.remote, &arriving.request_uri_user);
        if let Some(place) = place.filter(|_| role != Role::Phones) {
            return Source::Trunk(place);
        }
        if role == Role::Trunks || self.phones.is_empty() {
            return Source::Unwelcome;
        }
        match self.prove(arriving.claim.as_deref(), "INVITE", arriving.from) {
            Proof::Of(phone) => Source::Phone(phone),
            Proof::Missing | Proof::Wrong => Source::Unproven { stale: false },
            Proof::Stale => Source::Unproven { stale: true },
        }
    }

    fn invited_by_trunk(&mut self, leg: sip::LegId, arriving: Box<Arriving>, place: usize) {
        let now = self.now.mono;
        let Some(row) = self.carriers.view.rows.get(place) else { return };
        let (trunk, area_code, profile) = (row.name.clone(), row.area_code.clone(), row.profile.clone());
        if profile.challenge && !self.proves_trunk(leg, &arriving, &trunk, place) {
            return;
        }
        let named = trunk::Named {
            request_uri: &arriving.request_uri_user,
            to: &arriving.to_user,
            diversion: arriving.diversion.as_deref(),
            history: &arriving.history,
        };
        let Some(number) = trunk::called(&profile, area_code.as_deref(), &named) else {
            return self.endpoint.reject(leg, 404, None, None, now.0);
        };
        if let Some(shown) = self.forged(&arriving, &profile, area_code.as_deref()) {
            self.outputs.push_back(Output::Notice(Notice::Forged { shown, number, trunk }));
            return self.endpoint.reject(leg, 403, None, None, now.0);
        }
        if self.drained || self.journal_low {
            self.totals.refused_unready += 1;
            return self.endpoint.reject(leg, 503, None, Some(5), now.0);
        }
        if !self.guard.has_room_for_call(now) {
            self.totals.refused_overload += 1;
            return self.endpoint.reject(leg, 503, None, Some(OVERLOAD_S), now.0);
        }
        self.endpoint.trying(leg, now.0);
        let parked = Parked {
            leg,
            arriving,
            trunk,
            area_code,
            profile,
            since: now,
            cancelled: false,
            asked_again: false,
        };
        self.begin_or_park(number, parked);
    }

    /// Whether a call proves to be its trunk's, where its trunk is asked; else it is asked (again).
    fn proves_trunk(&mut self, leg: sip::LegId, arriving: &Arriving, trunk: &Arc<str>, place: usize) -> bool {
        let now = self.now.mono;
        let known = self.carriers.config(place).and_then(|config| config.profile.registration.as_ref());
        let verdict = self.phones.prove_trunk(arriving.claim.as_deref(), known, now);
        if verdict == Some(Verdict::Proven) {
            return true;
        }
        if verdict == Some(Verdict::Wrong) {
            let notice = Notice::TrunkUnproven { trunk: trunk.clone(), from: arriving.from };
            self.outputs.push_back(Output::Notice(notice));
        }
        let values = self.phones.challenge(verdict == Some(Verdict::Stale), now);
        self.endpoint.challenge(leg, &values, now.0);
        false
    }

    /// A phone has proven who it is and dials. Who calls for help is helped before anything else is looked at (row K24); a
    /// page may take its own place in a talk again; this version carries no other calls out (row B10).
    fn invited_by_phone(&mut self, leg: sip::LegId, arriving: &Arriving, phone: &Proven) {
        if hotline::number::is_emergency(&arriving.request_uri_user) {
            return self.call_for_help(leg, arriving, phone);
        }
        if let Some(of) = &arriving.replaces {
            return self.take_place(leg, arriving, phone, of);
        }
        let shown = [Some(arriving.from_user.as_str()), arriving.asserted.as_deref()];
        let notice = Notice::OutboundRefused {
            tenant: phone.tenant.clone(),
            extension: phone.extension.clone(),
            dialled: arriving.request_uri_user.clone(),
            shown: shown.into_iter().flatten().find_map(trunk::read_hotline),
        };
        self.outputs.push_back(Output::Notice(notice));
        let reason = Reason { q850: 21, text: Some("outbound calls are not permitted".into()) };
        self.endpoint.reject(leg, 403, Some(reason), None, self.now.mono.0);
    }

    /// One of our own 400 numbers shown as a caller's, in any form that the trunk's callers are read in: nobody calls from
    /// one (rows K06, B10).
    fn forged(
        &mut self,
        arriving: &Arriving,
        profile: &Profile,
        area_code: Option<&str>,
    ) -> Option<HotlineNumber> {
        let shown = [Some(arriving.from_user.as_str()), arriving.asserted.as_deref()];
        let read = |text: &str| {
            let national = || profile.callers.normalise(text, area_code).number.parse().ok();
            trunk::read_hotline(text).or_else(national)
        };
        let mut numbers = shown.into_iter().flatten().filter_map(read);
        numbers.find(|number| !matches!(self.directory.find(*number), Found::Unassigned))
    }

    fn begin_or_park(&mut self, number: HotlineNumber, parked: Parked) {
        match self.directory.find(number) {
            Found::Warm(hotline) if self.books.is_open_for(&hotline) => self.begin(parked, hotline, None),
            Found::Warm(hotline) => {
                let (tenant, version) = (hotline.tenant.clone(), hotline.version);
                self.park(number, parked, tenant, version, Place::default(), false);
            }
            Found::Cold(entry) => self.park(number, parked, entry.tenant, entry.version, entry.place, true),
            Found::Unassigned => {
                self.begin(parked, Arc::new(unassigned(number, TenantId::provider())), None);
            }
        }
    }

    fn park(
        &mut self,
        number: HotlineNumber,
        parked: Parked,
        tenant: TenantId,
        version: u32,
        place: Place,
        body: bool,
    ) {
        let waiting = self.parked.entry(number).or_default();
        waiting.push(parked);
        if waiting.len() == 1 {
            self.totals.cold_loads += 1;
            let account = self.books.tenant(&tenant).is_none();
            let input = self.input();
            self.outputs.push_back(Output::Load { number, tenant, version, place, body, account, input });
        }
    }

    pub(crate) fn loaded(&mut self, loaded: Loaded) {
        let Loaded { number, tenant, hotline, account } = loaded;
        if let Some(hotline) = hotline {
            let is_current = |found: &Entry| found.version == hotline.version;
            if matches!(self.directory.find(number), Found::Cold(entry) if is_current(&entry)) {
                self.directory.keep(hotline);
            }
        }
        if let Some(account) = &account
            && !self.books.open(&tenant, account)
        {
            return self.ask_again(number);
        }
        if account.is_none()
            && let Found::Warm(hotline) = self.directory.find(number)
            && Tenant::needs_no_account(&hotline)
        {
            self.books.open_provisional(&hotline.tenant);
        }
        self.know_requests(number, &tenant);
        self.tell_pages(&tenant);
        for parked in self.parked.remove(&number).unwrap_or_default() {
            self.begin_parked(number, &tenant, parked);
        }
    }

    /// What was told is too old. It is asked for until a newer answer comes or the callers have waited long enough.
    fn ask_again(&mut self, number: HotlineNumber) {
        for parked in self.parked.remove(&number).unwrap_or_default() {
            self.begin_or_park(number, parked);
        }
    }

    /// Whether INVITEs wait for this number.
    pub fn awaits(&self, number: HotlineNumber) -> bool {
        self.parked.contains_key(&number)
    }

    /// Begins a call whose number was asked for with the account of `told`. One that is still cold, or somebody else's
    /// by now, was edited meanwhile and is asked for once more; then it is refused.
    fn begin_parked(&mut self, number: HotlineNumber, told: &TenantId, mut parked: Parked) {
        match self.directory.find(number) {
            Found::Warm(hotline) if self.books.suffices_for(&hotline) => self.begin(parked, hotline, None),
            Found::Unassigned => self.begin_or_park(number, parked),
            Found::Warm(hotline) if hotline.tenant != *told && !parked.asked_again => {
                parked.asked_again = true;
                self.begin_or_park(number, parked);
            }
            Found::Cold(_) if !std::mem::replace(&mut parked.asked_again, true) => {
                self.begin_or_park(number, parked)
            }
            Found::Warm(_) | Found::Cold(_) => self.refuse_parked(number, parked),
        }
    }

    pub(crate) fn refuse_stale_parked(&mut self) {
        let now = self.now.mono;
        if self.parked.values().flatten().all(|parked| parked.since + LOAD_MS_MAX > now) {
            return;
        }
        self.refuse_parked_where(|parked| parked.since + LOAD_MS_MAX <= now);
    }

    pub(crate) fn refuse_parked_where(&mut self, is_meant: impl Fn(&Parked) -> bool) {
        for (number, waiting) in std::mem::take(&mut self.parked) {
            let (meant, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|parked| is_meant(parked));
            if !others.is_empty() {
                self.parked.insert(number, others);
            }
            for parked in meant {
                self.refuse_parked(number, parked);
            }
        }
    }

    /// A record is kept of a call whose rules could not be had, too.
    fn refuse_parked(&mut self, number: HotlineNumber, parked: Parked) {
        let hotline = match self.directory.find(number) {
            Found::Warm(hotline) => hotline,
            Found::Cold(entry) => Arc::new(unassigned(number, entry.tenant)),
            Found::Unassigned => Arc::new(unassigned(number, TenantId::provider())),
        };
        self.begin(parked, hotline, Some(Cause::NoCapacity));
    }

    fn begin(&mut self, parked: Parked, hotline: Arc<Hotline>, refused: Option<Cause>) {
        let now = self.now;
        let low = u128::from(self.chance.draw()) << 64 | u128::from(self.chance.draw());
        let id = CallId::at(now.wall.0, low);
        let Identity { caller, withheld } = identity(&parked);
        let region = if caller.is_empty() { Region::unknown() } else { self.regions.locate(&caller) };
        let trunk = parked.trunk.clone();
        self.outputs.push_back(Output::Notice(Notice::Began {
            call: id,
            number: hotline.number,
            caller: caller.clone(),
            trunk: trunk.clone(),
        }));
        let speech = Speech::of(&parked.profile);
        let offer = parked.arriving.sdp.as_deref().map(|sdp| describing::read(sdp, speech));
        let usable = offer
            .as_ref()
            .is_none_or(|offer| offer.as_ref().is_some_and(|offer| describing::is_usable(offer, speech)));
        let refused = refused.or_else(|| self.hopeless(&parked, usable));
        let room = self.carriers.view.begin_incoming(&trunk);
        let refused = refused.or((!room).then_some(Cause::NoCapacity));
        let held = room.then(|| trunk.clone());
        let arrival = Arrival {
            early: early(&parked),
            id,
            hotline,
            caller,
            withheld,
            region,
            trunk,
            seed: self.chance.draw(),
            refused,
        };
        let own = arrival.hotline.tenant.clone();
        let owner = if self.books.peek(&own).is_some() { own } else { TenantId::provider() };
        let tariffs = self.tariffs.clone();
        let Some(tenant) = self.books.tenant(&owner) else {
            held.iter().for_each(|trunk| self.carriers.view.end(trunk));
            return;
        };
        let mut desk =
            Desk { tenant, trunks: &mut self.carriers.view, tariffs: &tariffs, years: &self.holidays };
        let call = Call::begin(arrival, &mut desk, now);
        if let Some(floor) = desk.tenant.known_floor_mut() {
            self.floors.hear(&owner, floor, self.now);
        }
        let silent = parked.profile.early_media == EarlyMedia::AnswerFirst;
        let theirs = offer.flatten();
        let told = self.listeners.told_of_media(parked.arriving.from.listener);
        let sip = Some(parked.leg);
        let side = Side { sip, theirs, speech, told, silent_until_answer: silent, ..Side::default() };
        self.settle_in(id, call, parked, side, tariffs, held);
    }

    /// Why a call cannot come to anything, as far as its INVITE tells.
    fn hopeless(&self, parked: &Parked, usable: bool) -> Option<Cause> {
        if parked.cancelled {
            return Some(Cause::CallerCancelled);
        }
        if !usable {
            return Some(Cause::NoCommonCodec);
        }
        // Caller and target need a port each.
        self.ports.iter().all(|shard| shard.len() < 2).then_some(Cause::NoCapacity)
    }

    fn settle_in(
        &mut self,
        id: CallId,
        call: Call,
        parked: Parked,
        caller: Side,
        tariffs: Arc<Tariffs>,
        trunk: Option<Arc<str>>,
    ) {
        let leg = parked.leg;
        let place = self.slots.insert(|slot| Slot {
            trunk,
            max_forwards: parked.arriving.max_forwards.saturating_sub(1),
            ..Slot::begun(id, call, slot.generation, caller, tariffs)
        });
        self.by_leg.insert(leg, (place, CALLER));
        self.by_call.insert(id, place);
        // The first facts are journalled and the first actions queued as with any other event.
        self.with_call(place, |_, _, _| {});
        self.outputs.push_back(Output::Heard { call: id, input: self.input() });
    }

    /// The caller of a parked INVITE gave up; the call still begins, and its record says so.
    pub(crate) fn cancel_parked(&mut self, leg: sip::LegId) {
        for parked in self.parked.values_mut().flatten().filter(|parked| parked.leg == leg) {
            parked.cancelled = true;
        }
    }
}

/// What its caller may have before our 200. Without an offer in the INVITE nothing is heard before it, so that no key can be
/// asked for.
fn early(parked: &Parked) -> Early {
    let profile = &parked.profile;
    Early {
        media: profile.early_media == EarlyMedia::Yes,
        keys: profile.early_dtmf && parked.arriving.sdp.is_some(),
        ms_max: (profile.early_s_max > 0).then(|| u64::from(profile.early_s_max) * 1_000),
    }
}

/// Who calls, as far as we may believe it.
struct Identity {
    /// In national form, empty when unknown.
    caller: String,
    /// Whether nobody may be shown the number.
    withheld: bool,
}

/// A trusted trunk's assertion says who calls, even for callers who show nothing (RFC 3325); from others it is not looked
/// at. Whose number we know and who wished not to be shown is shown to nobody.
fn identity(parked: &Parked) -> Identity {
    let arriving = &parked.arriving;
    let national = |raw: &str| parked.profile.callers.normalise(raw, parked.area_code.as_deref());
    let from = national(&arriving.from_user);
    let hides = arriving.privacy || from.form == CallerForm::Anonymous;
    let asserted = arriving.asserted.as_deref().filter(|_| parked.profile.trusted).map(national);
    let caller = asserted.map(|asserted| asserted.number).filter(|number| !number.is_empty());
    let caller = caller.unwrap_or(from.number);
    let withheld = hides && !caller.is_empty();
    Identity { caller, withheld }
}

/// The rules of a number that nobody holds.
fn unassigned(number: HotlineNumber, tenant: TenantId) -> Hotline {
    Hotline {
        tenant,
        number,
        version: 0,
        enabled: false,
        flow: Default::default(),
        words: Default::default(),
        destinations: Default::default(),
        groups: Default::default(),
        forward_on_busy: Vec::new(),
        forward_on_no_answer: Vec::new(),
        crisis: None,
        memory: None,
        duties: Default::default(),
        finally_busy: None,
        finally_no_answer: None,
        bars: None,
        limits: Default::default(),
        tenant_limits: Default::default(),
        ringbacks: Default::default(),
        recording_notice: None,
        consent: Default::default(),
        pause_ms_max: 0,
        talk_ms_max: 0,
        charging_from: Default::default(),
        plan: hotline::PlanId::new(""),
        account: hotline::enterprise::AccountKind::Postpaid,
        balance_end: hotline::enterprise::BalanceEnd::Strict,
        counts_phones: false,
        priorities: Default::default(),
        frozen: false,
        flow_of: None,
        staff: None,
        tells: None,
        splits: Default::default(),
    }
}
