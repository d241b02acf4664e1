//! Test calls of trunks (row X04): one leg to a number over one trunk, asked for by the provider, with every step told.
//! There is no 400 number, no tenant, no record and no charge; a call has its bounds in time and leaves no leg behind.
//! It refuses to know any other call, and who asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hotline::call::{Sound, Tone};
use hotline::cdr::Quality;
use hotline::display::{Display, Refused};
use hotline::trunk::{Failed, Means, Pass};
use hotline::{CallId, Mono};
use serde::{Deserialize, Serialize};
use sip::{DialogState, Failure, Invite, LegId, Party, ProbeId, Reason};

use crate::carriers;
use crate::describing;
use crate::journal::Record;
use crate::keys::DTMF_RELAY;
use crate::media::{Codec, Command, Event as MediaEvent, Keys, MediaLeg, Speech};
use crate::node::{Node, Output};
use crate::slot::Side;

/// OPTIONS is waited for so long; then the call goes out all the same.
const OPTIONS_MS_MAX: u64 = 2_000;
/// The longest ring and talk of a test call.
pub const RING_MS_MAX: u64 = 60_000;
/// The longest talk of a test call.
pub const TALK_MS_MAX: u64 = 30_000;
/// What media counted is waited for so long.
const CLOSE_MS_MAX: u64 = 1_000;
/// Test calls at once.
const TRIALS_MAX: usize = 4;
/// Steps that are told of one call: provisional responses can be many.
const STEPS_MAX: usize = 200;
/// Of a hundred packets so many may be lost.
const LOST_PERCENT_MAX: u64 = 2;

/// What is to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialOrder {
    /// Comes back with the report.
    pub id: u64,
    /// The trunk's name.
    pub trunk: String,
    /// The number to be called, in national form, one that may be bound; without it the trunk is asked by OPTIONS only.
    pub to: Option<String>,
    /// The number shown, one of ours on the trunk; the first of them unless said.
    pub from: Option<String>,
    /// Keys pressed after the answer, `0-9*#`.
    pub keys: String,
    /// How long it may ring.
    pub ring_ms: u64,
    /// How long the talk lasts.
    pub talk_ms: u64,
}

/// What was seen, each step with its time since the order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialReport {
    /// The steps in their order.
    pub steps: Vec<TrialDated>,
}

/// A step and when it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialDated {
    /// Since the order, ms.
    pub ms: u64,
    /// What was seen.
    #[serde(flatten)]
    pub step: TrialStep,
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum TrialStep {
    /// The trunk as it stood: the way to it, whether the breaker is open, and whether we are registered where it asks for
    /// that (with the status of a refusal).
    Began { way: String, down: bool, registered: Option<bool>, refused: Option<u16> },
    /// OPTIONS was answered, or (`None`) was not within two seconds; `counts` where the trunk's health hangs on it.
    Options { status: Option<u16>, round_trip_ms: Option<u64>, counts: bool },
    /// No INVITE was sent.
    NotDialled { why: NotDialled },
    /// The INVITE that left: Request-URI, user of From, P-Asserted-Identity, codecs, and whether keys of SRTP were offered.
    Invited { request_uri: String, from: String, asserted: Option<String>, codecs: Vec<String>, srtp: bool },
    /// A provisional response, and whether it described media that can be heard before the answer.
    Progress { status: u16, early_media: bool },
    /// It was refused, or nothing came back: what was told and what that means by the trunk's cause table.
    Failed { failed: Failed, means: Means, retry_after_s: Option<u32> },
    /// It rang as long as it may; it was given up.
    RangOut,
    /// It was answered; `None` if its description has nothing that we can speak.
    Answered { media: Option<Spoken> },
    /// The first packet of the far end, and where it came from.
    FirstPacket { from: SocketAddr },
    /// A tone of the network is heard.
    Heard { tone: Tone },
    /// It is over; who ended it.
    Ended { by: Ender },
    /// What media counted, and how many keys were heard.
    Counted { received: u64, sent: u64, lost: u64, jitter_us: u32, mos_e2: u16, strangers: u64, keys: u32 },
}

/// Why no INVITE left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotDialled {
    /// The node knows no such trunk.
    UnknownTrunk,
    /// It is for calls in only.
    IncomingOnly,
    /// There is no number of ours on it (row K06).
    NoOwnNumber,
    /// The number asked for is not ours on it (row K06).
    NotOwn,
    /// As for any other call.
    Passed(Pass),
    /// No media port is free, or no message could be written.
    NoRoom,
    /// The node takes no new calls.
    Draining,
    /// Others are being made.
    TooMany,
}

/// How a far end that answered is spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
    /// Where its description says it listens.
    pub listens_at: SocketAddr,
    /// The codecs it named, the chosen one first.
    pub codecs: Vec<String>,
    /// telephone-event: payload type and clock in Hz.
    pub events: Option<(u8, u32)>,
    /// Length of its packets.
    pub ptime_ms: u8,
    /// Whether packets are encrypted.
    pub srtp: bool,
}

/// Who ended a test call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ender {
    /// We, after the talk.
    Us,
    /// The far end.
    FarEnd,
    /// The node stopped.
    Stopped,
}

/// What a report finds fault with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialFault {
    /// We are not registered with its carrier.
    Unregistered,
    /// OPTIONS was not answered, or by a failure of the server.
    Options,
    /// No INVITE left.
    NotDialled,
    /// The trunk did not carry the call.
    TrunkFailed,
    /// The trunk carried it, and the number did not answer: nothing is known of media.
    NotAnswered,
    /// Nothing that both can speak.
    NoCodec,
    /// Not a packet came.
    NoMedia,
    /// More than two in a hundred packets were lost.
    Loss,
}

impl TrialReport {
    /// What is wrong; empty is a trunk that works.
    pub fn faults(&self) -> Vec<TrialFault> {
        let mut faults: Vec<TrialFault> = self.steps.iter().filter_map(|dated| dated.step.fault()).collect();
        let answered = |dated: &TrialDated| matches!(dated.step, TrialStep::Answered { media: Some(_) });
        let heard = |dated: &TrialDated| matches!(dated.step, TrialStep::FirstPacket { .. });
        if self.steps.iter().any(answered) && !self.steps.iter().any(heard) {
            faults.push(TrialFault::NoMedia);
        }
        faults.sort_unstable();
        faults.dedup();
        faults
    }
}

impl TrialStep {
    fn fault(&self) -> Option<TrialFault> {
        match self {
            TrialStep::Began { registered: Some(false), .. } => Some(TrialFault::Unregistered),
            TrialStep::Options { status, counts, .. } => {
                (*counts && status.is_none_or(|status| status >= 500)).then_some(TrialFault::Options)
            }
            TrialStep::NotDialled { .. } => Some(TrialFault::NotDialled),
            TrialStep::Failed { means: Means::NextTrunk, .. } => Some(TrialFault::TrunkFailed),
            TrialStep::Failed { .. } | TrialStep::RangOut => Some(TrialFault::NotAnswered),
            TrialStep::Answered { media: None } => Some(TrialFault::NoCodec),
            TrialStep::Counted { received, lost, .. } => {
                (lost * 100 > (received + lost) * LOST_PERCENT_MAX).then_some(TrialFault::Loss)
            }
            TrialStep::Began { .. }
            | TrialStep::Invited { .. }
            | TrialStep::Progress { .. }
            | TrialStep::Answered { media: Some(_) }
            | TrialStep::FirstPacket { .. }
            | TrialStep::Heard { .. }
            | TrialStep::Ended { .. } => None,
        }
    }
}

impl NotDialled {
    fn of(refused: Refused) -> NotDialled {
        match refused {
            Refused::NotOwn => NotDialled::NotOwn,
            Refused::NoOwnNumber | Refused::CallerNotPermitted | Refused::HotlineNotPermitted => {
                NotDialled::NoOwnNumber
            }
        }
    }
}

/// All test calls that are up.
#[derive(Debug, Default)]
pub(crate) struct Trials {
    calls: BTreeMap<u32, Trial>,
    by_leg: BTreeMap<LegId, (u32, CallId)>,
    last: u32,
}

/// One test call.
#[derive(Debug)]
struct Trial {
    id: CallId,
    order: TrialOrder,
    began: Mono,
    state: State,
    /// Whether it holds a place on its trunk.
    holds: bool,
    side: Side,
    keys_heard: u32,
    report: TrialReport,
}

/// What a test call waits for, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The answer to OPTIONS.
    Asking { probe: ProbeId, until: Mono },
    /// The answer to the INVITE.
    Ringing { until: Mono },
    /// The end of the talk.
    Talking { until: Mono },
    /// What media counted.
    Closing { until: Mono },
}

impl State {
    fn until(self) -> Mono {
        match self {
            State::Asking { until, .. }
            | State::Ringing { until }
            | State::Talking { until }
            | State::Closing { until } => until,
        }
    }
}

impl Trials {
    /// How many are up.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// The call a leg belongs to, for its trace.
    pub fn call_of(&self, leg: LegId) -> Option<CallId> {
        self.by_leg.get(&leg).map(|(_, call)| *call)
    }

    /// When the first of them waits no longer.
    pub fn next_timeout(&self) -> Option<Mono> {
        self.calls.values().map(|trial| trial.state.until()).min()
    }
}

impl Trial {
    fn note(&mut self, step: TrialStep, now: Mono) {
        if self.report.steps.len() < STEPS_MAX {
            self.report.steps.push(TrialDated { ms: now.since_ms(self.began), step });
        }
    }
}

impl Node {
    /// A trunk is to be tried.
    pub(crate) fn begin_trial(&mut self, order: TrialOrder) {
        let now = self.now.mono;
        let low = u128::from(self.chance.draw()) << 64 | u128::from(self.chance.draw());
        let Some(config) = self.carriers.named(&order.trunk).cloned() else {
            let step = TrialStep::NotDialled { why: NotDialled::UnknownTrunk };
            let report = TrialReport { steps: vec![TrialDated { ms: 0, step }] };
            return self.outputs.push_back(Output::Tried { order: order.id, report: Box::new(report) });
        };
        let way = self.carriers.way(&config);
        let standing = self.carriers.standing(&order.trunk, now);
        let row = self.carriers.view.named(&order.trunk);
        let began = TrialStep::Began {
            way: way.to_string(),
            down: row.is_some_and(|row| row.down),
            registered: standing.map(|standing| standing.until.is_some_and(|until| until > now)),
            refused: standing.and_then(|standing| standing.refused),
        };
        let probe = self.endpoint.options(way, now.0);
        let mut trial = Trial {
            id: CallId::at(self.now.wall.0, low),
            began: now,
            state: State::Asking { probe, until: now + OPTIONS_MS_MAX },
            holds: false,
            side: Side { speech: Speech::of(&config.profile), ..Side::default() },
            keys_heard: 0,
            report: TrialReport::default(),
            order: TrialOrder {
                ring_ms: order.ring_ms.min(RING_MS_MAX),
                talk_ms: order.talk_ms.min(TALK_MS_MAX),
                ..order
            },
        };
        trial.note(began, now);
        self.trials.last = self.trials.last.wrapping_add(1) & (u32::MAX >> 8);
        self.trials.calls.insert(self.trials.last, trial);
    }

    /// OPTIONS of a test call was answered or not; `false` for one that is none of theirs.
    pub(crate) fn heard_probe_of_trial(&mut self, probe: ProbeId, answer: Option<(u16, u64)>) -> bool {
        let is_it =
            |trial: &Trial| matches!(trial.state, State::Asking { probe: asked, .. } if asked == probe);
        let Some(key) = self.trials.calls.iter().find(|(_, trial)| is_it(trial)).map(|(key, _)| *key) else {
            return false;
        };
        self.options_told(key, answer);
        true
    }

    fn options_told(&mut self, key: u32, answer: Option<(u16, u64)>) {
        let (status, round_trip_ms) = (answer.map(|(status, _)| status), answer.map(|(_, ms)| ms));
        let Some(Trial { order, .. }) = self.trials.calls.get(&key) else { return };
        let counts = self.carriers.named(&order.trunk).is_some_and(|config| config.profile.options_s > 0);
        let dials = order.to.is_some();
        self.note_trial(key, TrialStep::Options { status, round_trip_ms, counts });
        if !dials {
            return self.report_trial(key);
        }
        if let Err(why) = self.dial_trial(key) {
            self.note_trial(key, TrialStep::NotDialled { why });
            self.close_trial(key);
        }
    }

    fn note_trial(&mut self, key: u32, step: TrialStep) {
        let now = self.now.mono;
        if let Some(trial) = self.trials.calls.get_mut(&key) {
            trial.note(step, now);
        }
    }

    fn dial_trial(&mut self, key: u32) -> Result<(), NotDialled> {
        let now = self.now.mono;
        if self.drained {
            return Err(NotDialled::Draining);
        }
        if self.trials.len() > TRIALS_MAX {
            return Err(NotDialled::TooMany);
        }
        let trial = self.trials.calls.get_mut(&key).ok_or(NotDialled::NoRoom)?;
        let config = self.carriers.named(&trial.order.trunk).cloned().ok_or(NotDialled::UnknownTrunk)?;
        let profile = &config.profile;
        if !config.outgoing {
            return Err(NotDialled::IncomingOnly);
        }
        let display = Display::own_as(profile, trial.order.from.as_deref()).map_err(NotDialled::of)?;
        self.carriers.view.begin(&config.name, now).map_err(NotDialled::Passed)?;
        trial.holds = true;
        let shards = self.ports.iter_mut().filter(|ports| !ports.is_empty());
        let port = shards.max_by_key(|ports| ports.len()).and_then(Vec::pop).ok_or(NotDialled::NoRoom)?;
        let leg = MediaLeg::of_trial(key);
        let to = self.carriers.way(&config);
        trial.side.media = Some((leg, port));
        trial.side.tell(self.listeners.told_of_media(to.listener));
        self.outputs.push_back(Output::Media(Command::Open { call: trial.id.0, leg, port, of: None }));
        let port = trial.side.port().ok_or(NotDialled::NoRoom)?;
        let ours = describing::offer(None, &port, trial.side.speech, (trial.id.0 as u64 >> 1, 1));
        let called =
            profile.called.write(trial.order.to.as_deref().unwrap_or_default(), config.area_code.as_deref());
        let written = |number: &str| profile.caller.write(number, config.area_code.as_deref());
        let host = port.address.ip().to_string();
        let user = display.from().map(written).unwrap_or_default();
        let request_uri = format!("sip:{called}@{to}");
        let from = Party { user: user.clone(), host: host.clone(), display: None };
        let mut invite = Invite::new(to, request_uri.clone(), from, ours.to_bytes());
        let asserted = display.asserted().map(written);
        invite.asserted = asserted.as_ref().map(|number| format!("sip:{number}@{host}"));
        invite.credentials = profile.registration.as_ref().and_then(carriers::credentials);
        invite.first_response_ms = Some(profile.first_response_ms);
        let codecs = ours.formats.iter().filter(|format| format.codec.is_voice());
        let codecs = codecs.map(|format| format.codec.name().to_owned()).collect();
        let srtp = !ours.crypto.is_empty();
        let leg = self.endpoint.invite(invite, now.0).map_err(|_| NotDialled::NoRoom)?;
        (trial.side.sip, trial.side.ours) = (Some(leg), Some(ours));
        trial.state = State::Ringing { until: now + trial.order.ring_ms };
        trial.note(TrialStep::Invited { request_uri, from: user, asserted, codecs, srtp }, now);
        self.trials.by_leg.insert(leg, (key, trial.id));
        Ok(())
    }

    /// Takes an event of a leg of a test call and says which call it was; gives back every other.
    pub(crate) fn heard_for_trial(&mut self, event: sip::Event) -> Result<CallId, sip::Event> {
        use sip::Event as Sip;
        let known = event.leg().and_then(|leg| Some((leg, *self.trials.by_leg.get(&leg)?)));
        let Some((leg, (key, call))) = known else { return Err(event) };
        let state = self.trials.calls.get(&key).map(|trial| trial.state);
        let (rings, talks) =
            (matches!(state, Some(State::Ringing { .. })), matches!(state, Some(State::Talking { .. })));
        match event {
            Sip::Progress { status, sdp, .. } if rings => self.trial_rings(key, status, sdp.as_deref()),
            Sip::Answered { sdp, .. } if rings => self.trial_answers(key, leg, sdp.as_deref()),
            Sip::Failed { failure, .. } if rings => self.trial_failed(key, &failure),
            Sip::Bye { .. } | Sip::SessionExpired { .. } if talks => {
                self.note_trial(key, TrialStep::Ended { by: Ender::FarEnd });
                self.close_trial(key);
            }
            Sip::Reinvited { sdp, .. } => self.renew_trial(key, leg, sdp.as_deref()),
            Sip::Info { .. } if talks => {
                if let Some(trial) = self.trials.calls.get_mut(&key) {
                    trial.keys_heard += 1;
                }
            }
            Sip::Ended { .. } => _ = self.trials.by_leg.remove(&leg),
            Sip::Referred { .. } => self.endpoint.refuse_refer(leg, 603, self.now.mono.0),
            // Words of what was given up, and of what is over.
            Sip::Progress { .. }
            | Sip::Answered { .. }
            | Sip::Failed { .. }
            | Sip::Bye { .. }
            | Sip::SessionExpired { .. }
            | Sip::Info { .. }
            | Sip::InfoDone { .. }
            | Sip::Cancelled { .. }
            | Sip::Acked { .. }
            | Sip::AckMissing { .. }
            | Sip::LateAnswer { .. }
            | Sip::ByeDone { .. }
            | Sip::ReinviteAnswered { .. }
            | Sip::ReinviteFailed { .. }
            | Sip::Invited { .. }
            | Sip::Registered { .. }
            | Sip::RegisterFailed { .. }
            | Sip::Registering { .. }
            | Sip::ProbeAnswered { .. }
            | Sip::ProbeFailed { .. } => {}
        }
        Ok(call)
    }

    fn trial_rings(&mut self, key: u32, status: u16, sdp: Option<&[u8]>) {
        self.trunk_of_trial_said(key, None);
        let early_media = sdp.is_some_and(|sdp| self.listen_to_trial(key, sdp));
        self.note_trial(key, TrialStep::Progress { status, early_media });
    }

    /// Takes what the far end described and lets media hear it.
    fn listen_to_trial(&mut self, key: u32, sdp: &[u8]) -> bool {
        let Some(trial) = self.trials.calls.get_mut(&key) else { return false };
        let first = trial.side.theirs.is_none();
        let usable = trial.side.take_answer(sdp);
        if usable {
            let commands = trial.side.connection(None);
            self.outputs.extend(commands.into_iter().map(Output::Media));
            if let Some(leg) = trial.side.media_leg().filter(|_| first) {
                let for_ms = RING_MS_MAX + TALK_MS_MAX;
                self.outputs.push_back(Output::Media(Command::ListenTones { leg, for_ms, judge: false }));
            }
        }
        usable
    }

    fn trial_answers(&mut self, key: u32, leg: LegId, sdp: Option<&[u8]>) {
        let now = self.now.mono;
        self.trunk_of_trial_said(key, None);
        let usable = sdp.is_some_and(|sdp| self.listen_to_trial(key, sdp));
        let Some(trial) = self.trials.calls.get_mut(&key) else { return };
        let media = if usable { spoken(&trial.side) } else { None };
        trial.note(TrialStep::Answered { media: media.clone() }, now);
        if media.is_none() {
            self.endpoint.bye(leg, Some(Reason { q850: 88, text: None }), now.0);
            return self.close_trial(key);
        }
        trial.state = State::Talking { until: now + trial.order.talk_ms };
        let dialogs: Vec<DialogState> = self.endpoint.dialog(leg).into_iter().collect();
        // What a BYE needs if the process dies meanwhile.
        self.writer.append(&Record::Help { call: trial.id, dialogs });
        self.press_in_trial(key, leg);
    }

    /// The keys asked for, by the way that the trunk takes them; without any the far end hears the welcome.
    fn press_in_trial(&mut self, key: u32, leg: LegId) {
        let Some(trial) = self.trials.calls.get(&key) else { return };
        let Some(media) = trial.side.media_leg() else { return };
        let keys = trial.order.keys.as_bytes();
        if keys.is_empty() {
            let sound = Sound::Prompt("welcome".into());
            let play = Command::Play { leg: media, play: 1, sound, repeat: true };
            self.outputs.push_back(Output::Media(play));
        }
        for pressed in keys {
            match trial.side.speech.keys {
                Keys::Info => {
                    let body = format!("Signal={}\r\nDuration=160\r\n", char::from(*pressed));
                    self.endpoint.info(leg, DTMF_RELAY, body.into_bytes(), self.now.mono.0);
                }
                Keys::Auto | Keys::InBand => {
                    let press = Command::SendKey { leg: media, key: *pressed };
                    self.outputs.push_back(Output::Media(press));
                }
            }
        }
    }

    fn trial_failed(&mut self, key: u32, failure: &Failure) {
        self.trunk_of_trial_said(key, Some(failure));
        let Some(trial) = self.trials.calls.get(&key) else { return };
        let profile = self.carriers.named(&trial.order.trunk).map(|config| &config.profile);
        let failed = carriers::failed(failure);
        let means = carriers::means_on(profile, failure);
        let retry_after_s = failure.retry_after_s;
        self.note_trial(key, TrialStep::Failed { failed, means, retry_after_s });
        self.close_trial(key);
    }

    /// What a trunk says counts for its health as in any other call.
    fn trunk_of_trial_said(&mut self, key: u32, failure: Option<&Failure>) {
        if let Some(name) = self.trials.calls.get(&key).map(|trial| trial.order.trunk.clone()) {
            self.way_said(&name, failure);
        }
    }

    fn renew_trial(&mut self, key: u32, leg: LegId, sdp: Option<&[u8]>) {
        let now = self.now.mono.0;
        let renewed = self.trials.calls.get_mut(&key).and_then(|trial| trial.side.renew(sdp, None, leg.0));
        let Some(renewed) = renewed else { return self.endpoint.refuse_reinvite(leg, 488, now) };
        self.endpoint.accept_reinvite(leg, renewed.bytes, now);
        if let Some(trial) = self.trials.calls.get_mut(&key).filter(|_| renewed.connects) {
            self.outputs.extend(trial.side.connection(None).into_iter().map(Output::Media));
        }
    }

    /// What waited long enough goes on.
    pub(crate) fn wake_trials(&mut self) {
        let now = self.now.mono;
        let due = self.trials.calls.iter().filter(|(_, trial)| trial.state.until() <= now);
        let due: Vec<(u32, State)> = due.map(|(key, trial)| (*key, trial.state)).collect();
        for (key, state) in due {
            match state {
                State::Asking { .. } => self.options_told(key, None),
                State::Ringing { .. } => self.give_up_trial(key, TrialStep::RangOut),
                State::Talking { .. } => self.give_up_trial(key, TrialStep::Ended { by: Ender::Us }),
                State::Closing { .. } => self.report_trial(key),
            }
        }
    }

    /// The process ends.
    pub(crate) fn end_trials(&mut self) {
        let up: Vec<u32> = self.trials.calls.keys().copied().collect();
        for key in up {
            self.give_up_trial(key, TrialStep::Ended { by: Ender::Stopped });
            self.report_trial(key);
        }
    }

    /// An attempt is cancelled, a dialog ended; what is over already stays so.
    fn give_up_trial(&mut self, key: u32, step: TrialStep) {
        self.note_trial(key, step);
        if let Some(leg) = self.trials.calls.get(&key).and_then(|trial| trial.side.sip) {
            self.endpoint.bye(leg, Some(Reason { q850: 16, text: None }), self.now.mono.0);
        }
        self.close_trial(key);
    }

    /// Gives back place and port; what media counted is waited for.
    fn close_trial(&mut self, key: u32) {
        let now = self.now.mono;
        let Some(trial) = self.trials.calls.get_mut(&key) else { return };
        if std::mem::take(&mut trial.holds) {
            self.carriers.view.end(&trial.order.trunk);
        }
        if let State::Talking { .. } = trial.state {
            self.writer.append(&Record::Help { call: trial.id, dialogs: Vec::new() });
        }
        trial.state = State::Closing { until: now + CLOSE_MS_MAX };
        let open = trial.side.media_leg().filter(|_| !trial.side.closing);
        let Some(leg) = open else {
            // Nothing is open that could be counted.
            trial.state = State::Closing { until: now };
            return self.report_trial(key);
        };
        trial.side.closing = true;
        self.outputs.push_back(Output::Media(Command::Close { leg }));
    }

    fn report_trial(&mut self, key: u32) {
        let Some(trial) = self.trials.calls.remove(&key) else { return };
        let report = Box::new(trial.report);
        self.outputs.push_back(Output::Tried { order: trial.order.id, report });
    }

    /// Takes an event of a media leg of a test call; gives back every other.
    pub(crate) fn heard_media_for_trial(&mut self, event: MediaEvent) -> Result<(), MediaEvent> {
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
        let Some(key) = leg.trial() else { return Err(event) };
        match event {
            MediaEvent::Tone { tone, .. } => self.note_trial(key, TrialStep::Heard { tone }),
            MediaEvent::FirstPacket { from, .. } => self.note_trial(key, TrialStep::FirstPacket { from }),
            MediaEvent::Digit { .. } => {
                if let Some(trial) = self.trials.calls.get_mut(&key) {
                    trial.keys_heard += 1;
                }
            }
            MediaEvent::Closed { quality, .. } => self.trial_counted(key, &quality),
            MediaEvent::Played { .. }
            | MediaEvent::Silent { .. }
            | MediaEvent::Quiet { .. }
            | MediaEvent::ToneBegan { .. }
            | MediaEvent::Voice { .. }
            | MediaEvent::PortsReady(_)
            | MediaEvent::RecordingCut { .. } => {}
        }
        Ok(())
    }

    fn trial_counted(&mut self, key: u32, quality: &Quality) {
        let keys = self.trials.calls.get(&key).map_or(0, |trial| trial.keys_heard);
        let Quality { received, sent, lost, jitter_us, mos_e2, strangers } = *quality;
        let counted = TrialStep::Counted { received, sent, lost, jitter_us, mos_e2, strangers, keys };
        let told = self.trials.calls.get(&key).is_some_and(|trial| trial.side.theirs.is_some());
        if told {
            self.note_trial(key, counted);
        }
        self.report_trial(key);
    }
}

fn spoken(side: &Side) -> Option<Spoken> {
    let agreed = describing::agreed(side, None)?;
    let theirs = side.theirs.as_ref()?;
    let chosen = name_of(agreed.codec);
    let named = theirs.formats.iter().filter(|format| format.codec.is_voice());
    let others = named.map(|format| format.codec.name()).filter(|name| *name != chosen);
    Some(Spoken {
        listens_at: theirs.audio,
        codecs: std::iter::once(chosen).chain(others).map(str::to_owned).collect(),
        events: agreed.events,
        ptime_ms: agreed.ptime_ms,
        srtp: agreed.srtp.is_some(),
    })
}

fn name_of(codec: Codec) -> &'static str {
    match codec {
        Codec::Pcma => sip::sdp::Codec::Pcma.name(),
        Codec::Pcmu => sip::sdp::Codec::Pcmu.name(),
        Codec::G722 => sip::sdp::Codec::G722.name(),
        Codec::G729 => sip::sdp::Codec::G729.name(),
        Codec::Opus => sip::sdp::Codec::Opus.name(),
    }
}
