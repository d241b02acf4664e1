//! What people ask and change, by noun: the same functions for the command line without a server, for the control
//! socket of a running one and for pages to come. A change is validated by `hotline`, committed by the store and then
//! told to the node. Refuses to know how an answer is shown.

use std::path::{Path, PathBuf};

use hotline::enterprise::Author;
use hotline::{TenantId, Wall};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Change, Store};
use tokio::sync::{RwLockWriteGuard, Semaphore};

use crate::archive::Archive;
use crate::running::Running;
use crate::speech::Speaker;

pub mod accounts;
pub mod agent_report;
pub mod agents;
pub mod alarms;
pub mod alerts;
pub mod arms;
pub mod attendance;
pub mod backtest;
pub mod backup;
pub mod barring;
pub mod calendar;
pub mod callbacks;
pub mod callers;
pub mod calls;
pub mod carrier;
pub mod clock;
pub mod crisis;
pub mod document;
pub mod enterprises;
pub mod explain;
pub mod exports;
pub mod fill;
pub mod flows;
pub mod forecast;
pub mod funnel;
pub mod live;
pub mod messages;
pub mod money;
pub mod notes;
pub mod phones;
pub mod prompts;
pub mod provider;
pub mod quality;
pub mod ratings;
pub mod re_rate;
pub mod recording_keys;
pub mod recordings;
pub mod refusal;
pub mod regions;
pub mod results;
pub mod service;
pub mod status;
pub mod talks;
pub mod trial;
pub mod verify;
pub mod voicemails;

mod difference;
mod turns;

pub use refusal::{Code, Refusal};

/// What an operation gives, or why it was refused.
pub type Outcome<T> = Result<T, Refusal>;

/// A page of a list is at most this long.
pub const PAGE_MAX: u32 = 1_000;

/// The last instant of the year 9999 in Beijing.
const INSTANT_MAX: Wall = Wall(253_402_271_999_999);

/// An instant that somebody wrote has to be one of the years 1970 to 9999: behind them dates have no form.
fn check_instant(name: &str, at: Wall) -> Outcome<()> {
    if (Wall(0)..=INSTANT_MAX).contains(&at) {
        return Ok(());
    }
    Err(Refusal::invalid(
        format!("{name}：{} 不在 1970 至 9999 年之间", at.0),
        format!("{name}: {} is not within the years 1970 to 9999", at.0),
    ))
}

/// Reckonings at once; there are calls to be carried beside them.
static RECKONING: Semaphore = Semaphore::const_new(2);

/// What takes long is done beside the threads that answer others, two at a time.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Outcome<T> {
    // It is never closed.
    let permit = RECKONING.acquire().await.ok();
    let busy =
        |error: tokio::task::JoinError| Refusal::new(Code::NodeBusy, error.to_string(), error.to_string());
    let work = move || {
        let _permit = permit;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(busy)
}

/// A page was to begin behind something that is not in the list: it would be the first page again.
fn no_place(word: &str, id: &dyn std::fmt::Display) -> Refusal {
    Refusal::invalid(
        format!("{word}：清单里没有 {id}，无法翻页"),
        format!("{word}: {id} is not in the list, so no page begins behind it"),
    )
}

/// Where operations work: the database, the data directory, and the running node if there is one.
#[derive(Clone)]
pub struct Desk {
    /// The database.
    pub store: Store,
    /// The data directory.
    pub data: PathBuf,
    /// Where recordings lie, and how they are read.
    pub recordings: Archive,
    /// Who says the texts of prompts.
    pub speaker: Speaker,
    /// The running process; `None` while nobody serves.
    pub live: Option<Running>,
    /// Whose hand it is: the command line and the control socket are the provider's (row R03).
    pub author: Author,
}

/// One thing asked. The tag `op` names it, as in `{"op": "top_up", …}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is documented at its value")]
pub enum Request {
    Import(enterprises::Import),
    Export(enterprises::Export),
    DocumentVersions(enterprises::Versions),
    Enterprises(enterprises::Page),
    TopUp(money::TopUp),
    Limit(money::Limit),
    LimitRequests(money::LimitRequests),
    Carrier(carrier::Carrier),
    Lift(alerts::Lift),
    Alerts(alerts::List),
    AlertsAck(alerts::Ack),
    Freeze(alarms::Freeze),
    Mark(barring::Mark),
    Blocks(barring::Blocks),
    Audit(money::Audit),
    ReRate(re_rate::ReRate),
    TrunkAdd(Box<provider::TrunkAdd>),
    TrunkRemove(provider::TrunkRemove),
    TrunkTest(trial::TrunkTest),
    TrunkMap(trial::TrunkMap),
    Trunks,
    Tariffs,
    TariffImport(provider::TariffImport),
    Segments,
    Forget(callers::Forget),
    Agent(agents::Steer),
    Agents(agents::Of),
    AgentReport(agent_report::Asked),
    Queues(agents::Of),
    Crisis(crisis::Crisis),
    CrisisConfirm(crisis::Confirm),
    CrisisShow(crisis::Show),
    Regions(regions::Reload),
    PromptAdd(prompts::Add),
    PromptSay(prompts::Say),
    Prompts(prompts::List),
    PromptSubmit(prompts::Submit),
    PromptReview(prompts::Review),
    PromptFile(prompts::One),
    Recordings(recordings::List),
    RecordingHold(recordings::HoldOn),
    RecordingRelease(recordings::Release),
    RecordingRetain(recordings::Retain),
    RecordingPlan(recordings::Plan),
    RecordingSave(recordings::Save),
    RecordingKeysDestroy(recordings::DestroyKeys),
    RecordingKeysOut(recording_keys::Out),
    RecordingKeysIn(recording_keys::In),
    RecordingProve(recordings::Prove),
    RecordingExport(exports::Ask),
    RecordingExports(exports::Of),
    RecordingExportShow(exports::One),
    RecordingExportSave(exports::Save),
    CalendarImport(calendar::Import),
    CalendarShow(calendar::Show),
    Calls(calls::List),
    HelpCalls(calls::Helps),
    CallRecord(calls::One),
    Explain(explain::Explain),
    FlowPut(flows::Put),
    FlowValidate(flows::Of),
    FlowPublish(flows::Publish),
    FlowRollback(flows::Rollback),
    FlowList(flows::List),
    FlowVersions(flows::Versions),
    FlowShow(flows::Of),
    FlowDiff(flows::Diff),
    FlowCompare(arms::Compare),
    FlowFunnel(funnel::Asked),
    PromptOrder(prompts::orders::Place),
    PromptOrders(prompts::orders::List),
    PromptDeliver(prompts::orders::Deliver),
    PromptOrderStep(prompts::orders::Step),
    QualityFormPut(quality::PutForm),
    QualityFormPublish(quality::PublishForm),
    QualityForms(quality::ListForms),
    QualityFormShow(quality::OfForm),
    Evaluations(quality::evaluations::Filter),
    EvaluationShow(quality::evaluations::Which),
    Prescore(quality::evaluations::Prescore),
    SampleRulePut(quality::samples::PutRule),
    SampleRules(quality::samples::ListRules),
    SampleDraws(quality::samples::ListDraws),
    SampleDraw(quality::samples::Draw),
    CalibrationOpen(quality::calibrations::Open),
    CalibrationShow(quality::calibrations::Which),
    Calibrations(quality::calibrations::Filter),
    CalibrationCompare(quality::calibrations::Filter),
    QualityReport(quality::report::Asked),
    Backtest(backtest::Backtest),
    BacktestPlan(backtest::Backtest),
    Messages(messages::List),
    Voicemails(voicemails::List),
    VoicemailHear(voicemails::Hear),
    VoicemailDone(voicemails::Done),
    Ratings(ratings::Asked),
    RatingSums(ratings::Asked),
    Results(results::Filter),
    ResultSums(results::Filter),
    QueueReport(service::Asked),
    QueueForecast(forecast::Asked),
    Attendance(attendance::Asked),
    Coverage(attendance::CoverageAsked),
    Callbacks(callbacks::List),
    CallbackEnd(callbacks::End),
    CallbackStop(callbacks::Stop),
    Verify(verify::Verify),
    Backup(backup::Backup),
    AdvanceClock(clock::Advance),
    AccountAdd(accounts::Add),
    Accounts(accounts::List),
    AccountMend(accounts::Mend),
    LiveCalls(agents::Of),
    Talk(talks::Talk),
    Status,
}

/// What the control socket sends back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Ok(Value),
    Error(Refusal),
}

/// Answers one request of the control socket.
pub async fn answer(running: Running, request: Value) -> Value {
    let desk = Desk::of(running);
    let done = match serde_json::from_value::<Request>(request) {
        Ok(request) => perform(&desk, request).await,
        Err(error) => Err(Refusal::bad_request(error)),
    };
    let reply = match done {
        Ok(value) => Reply::Ok(value),
        Err(refusal) => Reply::Error(refusal),
    };
    serde_json::to_value(reply).unwrap_or_else(|error| json!({"error": Refusal::bad_request(error)}))
}

/// Reads what [`answer`] gave.
///
/// # Errors
/// The refusal it holds, or that it is no answer.
pub fn read_answer<T: DeserializeOwned>(answer: Value) -> Outcome<T> {
    match serde_json::from_value::<Reply>(answer).map_err(Refusal::bad_request)? {
        Reply::Ok(value) => serde_json::from_value(value).map_err(Refusal::bad_request),
        Reply::Error(refusal) => Err(refusal),
    }
}

/// Does what is asked.
///
/// # Errors
/// A refusal with its stable code.
pub async fn perform(desk: &Desk, request: Request) -> Outcome<Value> {
    match request {
        Request::Import(asked) => told(enterprises::import(desk, &asked).await),
        Request::Export(asked) => told(enterprises::export(desk, &asked).await),
        Request::DocumentVersions(asked) => told(enterprises::versions(desk, &asked).await),
        Request::Enterprises(asked) => told(enterprises::list(desk, &asked).await),
        Request::TopUp(asked) => told(money::top_up(desk, &asked).await),
        Request::Limit(asked) => told(money::limit(desk, &asked).await),
        Request::Carrier(asked) => told(carrier::carrier(desk, &asked).await),
        Request::LimitRequests(asked) => told(money::limit_requests(desk, &asked).await),
        Request::Lift(asked) => told(alerts::lift(desk, &asked).await),
        Request::Alerts(asked) => told(alerts::list(desk, &asked).await),
        Request::AlertsAck(asked) => told(alerts::ack(desk, &asked).await),
        Request::Freeze(asked) => told(alarms::freeze(desk, &asked).await),
        Request::Mark(asked) => told(barring::mark(desk, &asked).await),
        Request::Blocks(asked) => told(barring::blocks(desk, &asked).await),
        Request::Audit(asked) => told(money::audit(desk, &asked).await),
        Request::ReRate(asked) => told(re_rate::re_rate(desk, &asked).await),
        Request::TrunkAdd(asked) => told(provider::trunk_add(desk, &asked).await),
        Request::TrunkRemove(asked) => told(provider::trunk_remove(desk, &asked).await),
        Request::TrunkTest(asked) => told(trial::test(desk, &asked).await),
        Request::TrunkMap(asked) => told(trial::map(desk, &asked).await),
        Request::Trunks => told(provider::trunks(desk).await),
        Request::Tariffs => told(provider::tariffs(desk).await),
        Request::TariffImport(asked) => told(provider::tariff_import(desk, &asked).await),
        Request::Segments => told(provider::segments(desk).await),
        Request::Crisis(asked) => told(crisis::switch(desk, &asked).await),
        Request::CrisisConfirm(asked) => told(crisis::confirm(desk, &asked).await),
        Request::CrisisShow(asked) => told(crisis::show(desk, &asked).await),
        Request::Agent(asked) => told(agents::steer(desk, &asked).await),
        Request::Agents(asked) => told(agents::agents(desk, &asked).await),
        Request::AgentReport(asked) => told(agent_report::report(desk, &asked).await),
        Request::Queues(asked) => told(agents::queues(desk, &asked).await),
        Request::Forget(asked) => told(callers::forget(desk, &asked).await),
        Request::Regions(asked) => told(regions::reload(desk, &asked).await),
        Request::PromptAdd(asked) => told(prompts::add(desk, &asked).await),
        Request::PromptSay(asked) => told(prompts::say(desk, &asked).await),
        Request::Prompts(asked) => told(prompts::list(desk, &asked).await),
        Request::PromptSubmit(asked) => told(prompts::submit(desk, &asked).await),
        Request::PromptReview(asked) => told(prompts::review(desk, &asked).await),
        Request::PromptFile(asked) => told(prompts::file(desk, &asked).await),
        Request::Recordings(asked) => told(recordings::list(desk, &asked).await),
        Request::RecordingHold(asked) => told(recordings::hold(desk, &asked).await),
        Request::RecordingRelease(asked) => told(recordings::release(desk, &asked).await),
        Request::RecordingRetain(asked) => told(recordings::retain(desk, &asked).await),
        Request::RecordingPlan(asked) => told(recordings::plan(desk, &asked).await),
        Request::RecordingSave(asked) => told(recordings::save(desk, &asked).await),
        Request::RecordingKeysOut(asked) => told(recording_keys::keys_out(desk, &asked).await),
        Request::RecordingKeysIn(asked) => told(recording_keys::keys_in(desk, &asked).await),
        Request::RecordingKeysDestroy(asked) => told(recordings::destroy_keys(desk, &asked).await),
        Request::RecordingProve(asked) => {
            told(recordings::evidence(desk, &asked.tenant, asked.recording).await)
        }
        Request::RecordingExport(asked) => told(exports::ask(desk, &asked).await),
        Request::RecordingExports(asked) => told(exports::list(desk, &asked).await),
        Request::RecordingExportShow(asked) => told(exports::one(desk, &asked).await),
        Request::RecordingExportSave(asked) => told(exports::save(desk, &asked).await),
        Request::CalendarImport(asked) => told(calendar::import(desk, &asked).await),
        Request::CalendarShow(asked) => told(calendar::show(desk, &asked).await),
        Request::Calls(asked) => told(calls::list(desk, &asked).await),
        Request::HelpCalls(asked) => told(calls::helps(desk, &asked).await),
        Request::CallRecord(asked) => told(calls::one(desk, &asked).await),
        Request::Explain(asked) => told(explain::explain(desk, &asked).await),
        Request::FlowPut(asked) => told(flows::put(desk, &asked).await),
        Request::FlowValidate(asked) => told(flows::validate(desk, &asked).await),
        Request::FlowPublish(asked) => told(flows::publish(desk, &asked).await),
        Request::FlowRollback(asked) => told(flows::rollback(desk, &asked).await),
        Request::FlowList(asked) => told(flows::list(desk, &asked).await),
        Request::FlowVersions(asked) => told(flows::versions(desk, &asked).await),
        Request::FlowShow(asked) => told(flows::show(desk, &asked).await),
        Request::FlowDiff(asked) => told(flows::diff(desk, &asked).await),
        Request::FlowCompare(asked) => told(arms::compare(desk, &asked).await),
        Request::FlowFunnel(asked) => told(funnel::funnel(desk, &asked).await),
        Request::PromptOrder(asked) => told(prompts::orders::place(desk, &asked).await),
        Request::PromptOrders(asked) => told(prompts::orders::list(desk, &asked).await),
        Request::PromptDeliver(asked) => told(prompts::orders::deliver(desk, &asked).await),
        Request::PromptOrderStep(asked) => told(prompts::orders::step(desk, &asked).await),
        Request::QualityFormPut(asked) => told(quality::put_form(desk, &asked).await),
        Request::QualityFormPublish(asked) => told(quality::publish_form(desk, &asked).await),
        Request::QualityForms(asked) => told(quality::forms(desk, &asked).await),
        Request::QualityFormShow(asked) => told(quality::form(desk, &asked).await),
        Request::Evaluations(asked) => told(quality::evaluations::list(desk, &asked, None).await),
        Request::EvaluationShow(asked) => told(quality::evaluations::one(desk, &asked, None).await),
        Request::Prescore(asked) => told(quality::evaluations::prescore(desk, &asked).await),
        Request::SampleRulePut(asked) => told(quality::samples::put(desk, &asked).await),
        Request::SampleRules(asked) => told(quality::samples::rules(desk, &asked).await),
        Request::SampleDraws(asked) => told(quality::samples::draws(desk, &asked).await),
        Request::SampleDraw(asked) => told(quality::samples::draw(desk, &asked).await),
        Request::CalibrationOpen(asked) => told(quality::calibrations::open(desk, &asked).await),
        Request::CalibrationShow(asked) => told(quality::calibrations::one(desk, &asked).await),
        Request::Calibrations(asked) => told(quality::calibrations::list(desk, &asked).await),
        Request::CalibrationCompare(asked) => told(quality::calibrations::compare(desk, &asked).await),
        Request::QualityReport(asked) => told(quality::report::report(desk, &asked).await),
        Request::Backtest(asked) => told(backtest::backtest(desk, &asked).await),
        Request::BacktestPlan(asked) => told(backtest::plan(desk, &asked).await),
        Request::Messages(asked) => told(messages::list(desk, &asked).await),
        Request::Voicemails(asked) => told(voicemails::list(desk, &asked).await),
        Request::VoicemailHear(asked) => told(voicemails::hear(desk, &asked).await),
        Request::VoicemailDone(asked) => told(voicemails::done(desk, &asked).await),
        Request::Ratings(asked) => told(ratings::list(desk, &asked).await),
        Request::RatingSums(asked) => told(ratings::sums(desk, &asked).await),
        Request::Results(asked) => told(results::list(desk, &asked).await),
        Request::ResultSums(asked) => told(results::sums(desk, &asked).await),
        Request::QueueReport(asked) => told(service::report(desk, &asked).await),
        Request::QueueForecast(asked) => told(forecast::forecast(desk, &asked).await),
        Request::Attendance(asked) => told(attendance::attendance(desk, &asked).await),
        Request::Coverage(asked) => told(attendance::coverage(desk, &asked).await),
        Request::Callbacks(asked) => told(callbacks::list(desk, &asked).await),
        Request::CallbackEnd(asked) => told(callbacks::end(desk, &asked).await),
        Request::CallbackStop(asked) => told(callbacks::stop(desk, &asked).await),
        Request::Verify(asked) => told(verify::verify(desk, &asked).await),
        Request::Backup(asked) => told(backup::backup(desk, &asked).await),
        Request::AdvanceClock(asked) => told(clock::advance(desk, &asked).await),
        Request::AccountAdd(asked) => told(accounts::add(desk, &asked).await),
        Request::Accounts(asked) => told(accounts::list(desk, &asked).await),
        Request::AccountMend(asked) => told(accounts::mend(desk, &asked).await),
        Request::LiveCalls(asked) => told(live::calls(desk, &asked.tenant).await),
        Request::Talk(asked) => told(talks::order(desk, &asked).await),
        Request::Status => told(status::status(desk).await),
    }
}

fn told<T: Serialize>(done: Outcome<T>) -> Outcome<Value> {
    serde_json::to_value(done?).map_err(Refusal::bad_request)
}

impl Desk {
    /// The provider's desk in a running process.
    pub(crate) fn of(running: Running) -> Self {
        let config = running.config();
        Self {
            store: running.store().clone(),
            data: config.data_dir.clone(),
            recordings: config.archive(),
            speaker: config.speech.clone(),
            author: Author::Provider,
            live: Some(running),
        }
    }

    /// A change made now by somebody.
    fn change(&self, by: &str) -> Change {
        Change { by: by.to_owned(), at: crate::clock::wall() }
    }

    /// Held over a change of an enterprise in the database and the word of it to the node: its account is not read for the node
    /// in between, which would come without the change after the node was told of it in vain. Nothing is held without a
    /// running process.
    async fn hold_account(&self, tenant: &TenantId) -> Option<RwLockWriteGuard<'_, ()>> {
        match &self.live {
            Some(live) => Some(live.lock_account(tenant).await),
            None => None,
        }
    }

    /// Where region files lie.
    fn regions_dir(&self) -> PathBuf {
        regions_dir(&self.data)
    }

    /// An enterprise that must be there.
    async fn enterprise(&self, tenant: &TenantId) -> Outcome<store::Stored> {
        self.store.enterprise(tenant).await?.ok_or_else(|| {
            Refusal::not_found(format!("没有企业 {tenant}"), format!("there is no enterprise {tenant}"))
        })
    }
}

/// What names a text, for who comes back to say that this one is meant: the first 12 hexadecimal digits of its SHA-256.
fn mark_of(text: &str) -> String {
    let sum = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    sum.as_ref().iter().take(6).map(|octet| format!("{octet:02x}")).collect()
}

/// Where region files lie in a data directory.
pub fn regions_dir(data: &Path) -> PathBuf {
    data.join("regions")
}
