//! Calls for help from phones (row K24): an emergency number leaves by an emergency trunk, whatever bars, caps, balances,
//! limits and drain say, and needs neither database nor journal to do so. No 400 number is called, so there is no record of
//! a customer's call and no charge: what became of it is told in notices, step by step, and a row for each call is made of
//! them (`store::HelpCall`). It refuses to know any other call.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hotline::display::Display;
use hotline::{CallId, Mono, TenantId};
use sip::{Arriving, DialogState, Failure, Invite, LegId, Party, Reason};

use crate::carriers;
use crate::describing;
use crate::journal::Record;
use crate::media::{Command, Event as MediaEvent, MediaLeg, Speech, Srtp};
use crate::node::{Node, Notice, Output};
use crate::phones::Proven;
use crate::slot::Side;

/// Media legs of these calls are numbered apart from those of all others.
const MEDIA_LEGS: u64 = 1 << 63;
/// What a person reads whose call for help could not be made.
const CANNOT: &str =
    "紧急呼叫未能接通,请改用手机拨打 / emergency call not possible from this phone, use a mobile phone";

/// What became of a call for help.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum HelpStep {
    /// It left by this trunk.
    Left { trunk: Arc<str> },
    /// Somebody answered.
    Answered { trunk: Arc<str> },
    /// It is over, so long after the answer; `None` if the phone gave up before.
    Over { talk_ms: Option<u64> },
    /// No trunk took it: the phone was told. A person should look.
    Failed,
}

/// All calls for help that are up.
#[derive(Debug, Default)]
pub(crate) struct Helps {
    calls: BTreeMap<u32, Help>,
    by_leg: BTreeMap<LegId, (u32, CallId)>,
    last: u32,
}

/// One call for help.
#[derive(Debug)]
struct Help {
    id: CallId,
    tenant: TenantId,
    extension: String,
    dialled: String,
    max_forwards: u8,
    phone: Side,
    trunk: Side,
    /// Emergency trunks that are still to be tried.
    left: VecDeque<Arc<str>>,
    /// The one that is tried, or has taken it.
    way: Option<Arc<str>>,
    attempts: u8,
    answered: Option<Mono>,
}

impl Helps {
    /// How many are up.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// The call a leg belongs to, for its trace.
    pub fn call_of(&self, leg: LegId) -> Option<CallId> {
        self.by_leg.get(&leg).map(|(_, call)| *call)
    }
}

impl Help {
    fn side(&mut self, leg: LegId) -> &mut Side {
        if self.phone.sip == Some(leg) { &mut self.phone } else { &mut self.trunk }
    }

    fn notice(&self, step: HelpStep) -> Output {
        Output::Notice(Notice::Help {
            call: self.id,
            tenant: self.tenant.clone(),
            extension: self.extension.clone(),
            dialled: self.dialled.clone(),
            step,
        })
    }
}

impl Node {
    /// A phone dials an emergency number.
    pub(crate) fn call_for_help(&mut self, leg: LegId, arriving: &Arriving, phone: &Proven) {
        let low = u128::from(self.chance.draw()) << 64 | u128::from(self.chance.draw());
        let speech = Speech { srtp: Srtp::Offer, ..Speech::default() };
        let theirs = arriving.sdp.as_deref().map(|sdp| describing::read(sdp, speech));
        let usable = theirs
            .as_ref()
            .is_none_or(|offer| offer.as_ref().is_some_and(|offer| describing::is_usable(offer, speech)));
        let told = self.listeners.told_of_media(arriving.from.listener);
        let help = Help {
            id: CallId::at(self.now.wall.0, low),
            tenant: phone.tenant.clone(),
            extension: phone.extension.clone(),
            dialled: arriving.request_uri_user.clone(),
            max_forwards: arriving.max_forwards.saturating_sub(1),
            phone: Side { sip: Some(leg), theirs: theirs.flatten(), speech, told, ..Side::default() },
            trunk: Side::default(),
            left: self.carriers.view.ways_to_help(self.now.mono).into(),
            way: None,
            attempts: 0,
            answered: None,
        };
        self.helps.last = self.helps.last.wrapping_add(1) & (u32::MAX >> 1);
        let key = self.helps.last;
        self.helps.by_leg.insert(leg, (key, help.id));
        self.outputs.push_back(Output::Heard { call: help.id, input: self.input() });
        self.helps.calls.insert(key, help);
        if !usable {
            return self.refuse_help(key, 488);
        }
        self.endpoint.trying(leg, self.now.mono.0);
        self.try_next_way(key);
    }

    /// Dials by the next emergency trunk that can be dialled by; the phone is told when none is left.
    fn try_next_way(&mut self, key: u32) {
        loop {
            let way = self.helps.calls.get_mut(&key).and_then(|help| help.left.pop_front());
            match way {
                Some(way) if self.dial_for_help(key, &way).is_some() => return,
                Some(_) => {}
                None => return self.refuse_help(key, 503),
            }
        }
    }

    fn dial_for_help(&mut self, key: u32, way: &Arc<str>) -> Option<()> {
        let now = self.now.mono.0;
        let config = self.carriers.named(way)?.clone();
        let help = self.helps.calls.get_mut(&key)?;
        let shards = self.ports.iter().enumerate().filter(|(_, ports)| !ports.is_empty());
        let shard = match help.phone.media {
            Some((_, port)) => usize::from(port.shard),
            None => shards.max_by_key(|(_, ports)| ports.len())?.0,
        };
        let mut opened = Vec::new();
        let to = self.carriers.way(&config);
        help.trunk.tell(self.listeners.told_of_media(to.listener));
        let mut open = |side: &mut Side, number: u64| {
            if side.media.is_none() {
                let port = self.ports.get_mut(shard)?.pop()?;
                let leg = MediaLeg(MEDIA_LEGS | u64::from(key) << 8 | number);
                side.media = Some((leg, port));
                opened.push(Command::Open { call: help.id.0, leg, port, of: None });
            }
            side.port()
        };
        open(&mut help.phone, 0)?;
        help.attempts = help.attempts.saturating_add(1);
        help.trunk.speech = Speech::of(&config.profile);
        let port = open(&mut help.trunk, u64::from(help.attempts));
        self.outputs.extend(opened.into_iter().map(Output::Media));
        let port = port?;
        let ours = describing::offer(Some(&help.phone), &port, help.trunk.speech, (help.id.0 as u64 >> 1, 1));
        let display = Display::own(&config.profile).ok();
        let own = display.as_ref().and_then(Display::from);
        let written = |number: &str| config.profile.caller.write(number, config.area_code.as_deref());
        let user = own.map_or_else(|| help.extension.clone(), written);
        let host = port.address.ip().to_string();
        let request_uri = format!("sip:{}@{to}", help.dialled);
        let from = Party { user, host: host.clone(), display: None };
        let mut invite = Invite::new(to, request_uri, from, ours.to_bytes());
        let asserted = display.as_ref().and_then(Display::asserted);
        invite.asserted = asserted.map(|number| format!("sip:{}@{host}", written(number)));
        invite.max_forwards = help.max_forwards;
        invite.credentials = config.profile.registration.as_ref().and_then(carriers::credentials);
        invite.first_response_ms = Some(config.profile.first_response_ms);
        let leg = self.endpoint.invite(invite, now).ok()?;
        (help.trunk.sip, help.trunk.ours) = (Some(leg), Some(ours));
        help.way = Some(way.clone());
        self.helps.by_leg.insert(leg, (key, help.id));
        self.carriers.view.begin_for_help(way);
        self.outputs.push_back(help.notice(HelpStep::Left { trunk: way.clone() }));
        Some(())
    }

    /// No way is left: the phone is told so in words.
    fn refuse_help(&mut self, key: u32, status: u16) {
        let Some(help) = self.helps.calls.get(&key) else { return };
        self.outputs.push_back(help.notice(HelpStep::Failed));
        if let Some(leg) = help.phone.sip {
            let reason = Reason { q850: 38, text: Some(CANNOT.into()) };
            self.endpoint.reject_saying(leg, status, &reason, self.now.mono.0);
        }
        self.forget_help(key);
    }

    /// Takes an event of a leg of a call for help and says which call it was; gives back every other.
    pub(crate) fn heard_for_help(&mut self, event: sip::Event) -> Result<CallId, sip::Event> {
        use sip::Event as Sip;
        let known = event.leg().and_then(|leg| Some((leg, *self.helps.by_leg.get(&leg)?)));
        let Some((leg, (key, call))) = known else { return Err(event) };
        let current = self.helps.calls.get(&key).is_some_and(|help| help.trunk.sip == Some(leg));
        match event {
            Sip::Progress { status, sdp, .. } if current => self.help_rings(key, status, sdp.as_deref()),
            Sip::Answered { sdp, .. } if current => self.help_answers(key, leg, sdp.as_deref()),
            Sip::Failed { failure, .. } if current => {
                self.trunk_of_help_said(key, Some(&failure));
                self.leave_way(key);
                self.try_next_way(key);
            }
            Sip::Acked { sdp: Some(sdp), .. } => {
                if !self.with_side(key, leg, |side| side.take_answer(&sdp)) {
                    self.end_help(key);
                } else {
                    self.connect_for_help(key);
                }
            }
            Sip::Cancelled { .. } | Sip::AckMissing { .. } | Sip::Bye { .. } | Sip::SessionExpired { .. } => {
                self.end_help(key);
            }
            Sip::Reinvited { sdp, .. } => self.renew_help(key, leg, sdp.as_deref()),
            Sip::Ended { .. } => {
                self.helps.by_leg.remove(&leg);
            }
            Sip::Referred { .. } => self.endpoint.refuse_refer(leg, 603, self.now.mono.0),
            // Words of an attempt that was left, and of what is over; nothing of it concerns anybody.
            Sip::Progress { .. }
            | Sip::Answered { .. }
            | Sip::Failed { .. }
            | Sip::Acked { sdp: None, .. }
            | Sip::LateAnswer { .. }
            | Sip::ByeDone { .. }
            | Sip::ReinviteAnswered { .. }
            | Sip::ReinviteFailed { .. }
            | Sip::Info { .. }
            | Sip::InfoDone { .. }
            | Sip::Invited { .. }
            | Sip::Registered { .. }
            | Sip::RegisterFailed { .. }
            | Sip::Registering { .. }
            | Sip::ProbeAnswered { .. }
            | Sip::ProbeFailed { .. } => {}
        }
        Ok(call)
    }

    /// What a trunk says counts for its health as in any other call.
    fn trunk_of_help_said(&mut self, key: u32, failure: Option<&Failure>) {
        if let Some(way) = self.helps.calls.get(&key).and_then(|help| help.way.clone()) {
            self.way_said(&way, failure);
        }
    }

    fn with_side(&mut self, key: u32, leg: LegId, run: impl FnOnce(&mut Side) -> bool) -> bool {
        self.helps.calls.get_mut(&key).is_some_and(|help| run(help.side(leg)))
    }

    /// The trunk's provisional answer goes on to the phone, with what it lets hear.
    fn help_rings(&mut self, key: u32, status: u16, sdp: Option<&[u8]>) {
        let now = self.now.mono.0;
        self.trunk_of_help_said(key, None);
        let heard = self.helps.calls.get_mut(&key).is_some_and(|help| {
            // Its answer to our offer counts once; the 200 may describe another.
            sdp.is_some_and(|sdp| help.trunk.take_answer(sdp)) && help.phone.theirs.is_some()
        });
        let described = if heard { self.describe_to_phone(key) } else { None };
        let Some(phone) = self.helps.calls.get(&key).and_then(|help| help.phone.sip) else { return };
        match described {
            Some(bytes) => {
                self.connect_for_help(key);
                self.endpoint.provisional(phone, 183, Some(bytes), now);
            }
            None if (180..=189).contains(&status) => self.endpoint.provisional(phone, 180, None, now),
            None => {}
        }
    }

    fn help_answers(&mut self, key: u32, leg: LegId, sdp: Option<&[u8]>) {
        let now = self.now.mono;
        self.trunk_of_help_said(key, None);
        let usable = sdp.is_some_and(|sdp| self.with_side(key, leg, |side| side.take_answer(sdp)));
        let described = if usable { self.describe_to_phone(key) } else { None };
        let Some(bytes) = described else {
            self.endpoint.bye(leg, Some(Reason { q850: 88, text: None }), now.0);
            self.leave_way(key);
            return self.try_next_way(key);
        };
        self.connect_for_help(key);
        let Some(help) = self.helps.calls.get_mut(&key) else { return };
        help.answered = Some(now);
        let trunk = help.way.clone().unwrap_or_else(|| Arc::from(""));
        self.outputs.push_back(help.notice(HelpStep::Answered { trunk }));
        if let Some(phone) = help.phone.sip {
            self.endpoint.answer(phone, bytes, now.0);
        }
        self.note_help(key);
    }

    fn describe_to_phone(&mut self, key: u32) -> Option<Vec<u8>> {
        let help = self.helps.calls.get_mut(&key)?;
        let (wanted, session) = (help.trunk.voice(), help.id.0 as u64 >> 1);
        let port = help.phone.port()?;
        help.phone.describe(&port, wanted.as_ref(), session)
    }

    /// Tells media where both sides are, as far as both have said so, and joins them.
    fn connect_for_help(&mut self, key: u32) {
        let Some(help) = self.helps.calls.get_mut(&key) else { return };
        let (phone, trunk) = (help.phone.voice(), help.trunk.voice());
        let mut commands = help.phone.connection(trunk.as_ref());
        commands.extend(help.trunk.connection(phone.as_ref()));
        if let (Some(a), Some(b)) = (help.phone.media_leg(), help.trunk.media_leg()) {
            commands.push(Command::Bridge { a, b });
        }
        self.outputs.extend(commands.into_iter().map(Output::Media));
    }

    fn renew_help(&mut self, key: u32, leg: LegId, sdp: Option<&[u8]>) {
        let now = self.now.mono.0;
        let Some(help) = self.helps.calls.get_mut(&key) else { return };
        let other = if help.phone.sip == Some(leg) { help.trunk.voice() } else { help.phone.voice() };
        let side = help.side(leg);
        let Some(renewed) = side.renew(sdp, other.as_ref(), leg.0) else {
            return self.endpoint.refuse_reinvite(leg, 488, now);
        };
        let commands = if renewed.connects { side.connection(other.as_ref()) } else { Vec::new() };
        self.endpoint.accept_reinvite(leg, renewed.bytes, now);
        self.outputs.extend(commands.into_iter().map(Output::Media));
    }

    /// A trunk did not take the call: its media and its place are given back.
    fn leave_way(&mut self, key: u32) {
        let Some(help) = self.helps.calls.get_mut(&key) else { return };
        let trunk = std::mem::take(&mut help.trunk);
        self.outputs.extend(trunk.media_leg().map(|leg| Output::Media(Command::Close { leg })));
        if let Some(way) = help.way.take() {
            self.carriers.view.end(&way);
        }
    }

    /// Somebody ended it, or it ended by itself: both legs are told.
    fn end_help(&mut self, key: u32) {
        let now = self.now.mono;
        let Some(help) = self.helps.calls.get(&key) else { return };
        let talk_ms = help.answered.map(|answered| now.since_ms(answered));
        self.outputs.push_back(help.notice(HelpStep::Over { talk_ms }));
        // An attempt is cancelled, a dialog ended; what is over already stays so.
        for leg in [help.phone.sip, help.trunk.sip].into_iter().flatten() {
            self.endpoint.bye(leg, Some(Reason { q850: 16, text: None }), now.0);
        }
        self.forget_help(key);
    }

    fn forget_help(&mut self, key: u32) {
        self.leave_way(key);
        let Some(help) = self.helps.calls.remove(&key) else { return };
        self.outputs.extend(help.phone.media_leg().map(|leg| Output::Media(Command::Close { leg })));
        if help.answered.is_some() {
            self.writer.append(&Record::Help { call: help.id, dialogs: Vec::new() });
        }
    }

    /// Journals what a BYE on both legs needs after a crash.
    fn note_help(&mut self, key: u32) {
        let Some(help) = self.helps.calls.get(&key) else { return };
        let legs = [help.phone.sip, help.trunk.sip].into_iter().flatten();
        let dialogs: Vec<DialogState> = legs.filter_map(|leg| self.endpoint.dialog(leg)).collect();
        self.writer.append(&Record::Help { call: help.id, dialogs });
    }

    /// Once a second: calls that are up move on in the journal, so that none is overwritten.
    pub(crate) fn note_helps(&mut self) {
        let up: Vec<u32> = self
            .helps
            .calls
            .iter()
            .filter(|(_, help)| help.answered.is_some())
            .map(|(key, _)| *key)
            .collect();
        up.into_iter().for_each(|key| self.note_help(key));
    }

    /// The process ends.
    pub(crate) fn end_helps(&mut self) {
        let up: Vec<u32> = self.helps.calls.keys().copied().collect();
        up.into_iter().for_each(|key| self.end_help(key));
    }

    /// Takes an event of a media leg of these calls; gives back every other.
    pub(crate) fn heard_media_for_help(&mut self, event: MediaEvent) -> Result<(), MediaEvent> {
        let leg = match &event {
            MediaEvent::Digit { leg, .. }
            | MediaEvent::Tone { leg, .. }
            | MediaEvent::ToneBegan { leg }
            | MediaEvent::Voice { leg }
            | MediaEvent::Played { leg, .. }
            | MediaEvent::Silent { leg, .. }
            | MediaEvent::Quiet { leg, .. }
            | MediaEvent::FirstPacket { leg, .. }
            | MediaEvent::Closed { leg, .. } => *leg,
            MediaEvent::PortsReady(_) | MediaEvent::RecordingCut { .. } => return Err(event),
        };
        if leg.0 & MEDIA_LEGS == 0 {
            return Err(event);
        }
        if let MediaEvent::Silent { .. } = event {
            self.end_help((leg.0 >> 8) as u32);
        }
        Ok(())
    }
}
