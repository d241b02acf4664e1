//! Every line of SQL of the product, by noun: calls, ledger, rollups, enterprises, limits, provider, recordings. The
//! same text runs on SQLite and PostgreSQL. Knows no HTTP, no SIP, no clock: every instant comes in as a value.
//!
//! A [`Store`] is opened once a process. What a call leaves behind goes through [`Store::settle`], in batches from the
//! journal; what people change goes through a function of its noun, at once and audited. An expected refusal is a
//! value ([`Put`], [`TopUp`]); an [`Error`] means the database did not do what it was asked.

mod accounts;
mod agents;
mod alarms;
mod alerts;
mod arms;
mod audit;
mod backup;
mod callbacks;
mod calls;
mod charges;
mod database;
mod enterprises;
mod evidence;
mod exports;
mod flows;
mod helps;
mod ledger;
mod limits;
mod messages;
mod migrate;
mod notes;
mod orders;
mod pack;
mod prompts;
mod provider;
mod quality;
mod ratings;
mod recordings;
mod results;
mod retention;
mod rollups;
mod rows;
mod secrets;
mod settle;
mod stays;
mod tenants;
mod verify;
mod voicemails;

pub use accounts::{Account, Session};
pub use agents::{AgentRow, ChangeFilter};
pub use alarms::HourCost;
pub use alerts::Alert;
pub use arms::{ArmFilter, ArmSum};
pub use audit::{Audited, Change};
pub use backup::{Backup, Keys};
pub use callbacks::{Callback, CallbackState};
pub use calls::{CallFilter, CallRow, StoredCall};
pub use charges::{Adjusted, Adjustment};
pub use database::{Engine, Error, Result, Store};
pub use enterprises::{NumberRow, Put, Stored};
pub use evidence::Recorded;
pub use exports::{Export, ExportState};
pub use flows::{FlowDraft, FlowHead, FlowVersion};
pub use helps::HelpCall;
pub use ledger::{DayTotal, TopUp};
pub use limits::{LimitKind, LimitRequest};
pub use messages::{MessageState, StoredMessage};
pub use migrate::MIGRATIONS;
pub use notes::Note;
pub use orders::{
    NewOrder, OrderFilter, OrderLanguage, OrderState, OrderStep, OrderStepped, OrderVoice, PromptOrder,
};
pub use prompts::{HeardPrompt, NewPrompt, Prompt, PromptState, PromptStep};
pub use provider::{NewSetting, PutTariff, Segment, TrunkRow};
pub use quality::{
    Calibration, DrawOutcome, Evaluation, EvaluationFilter, EvaluationKind, EvaluationState, EvaluationStep,
    EvaluationStepped, FormPublished, FormVersion, KeptRule, NewEvaluation, Opened, Revision, SampleDraw,
    Score,
};
pub use ratings::{Rating, RatingFilter, RatingSum};
pub use recordings::{Recording, RecordingFilter, RecordingRow, SealedBy};
pub use results::{CallResult, ResultFilter, ResultSum};
pub use retention::{EndsSoon, Expired, Hold, RecordingKey};
pub use rollups::{Counts, MonthSpend, Rollup, RollupFilter};
pub use secrets::Secret;
pub use settle::{CapPassed, Settled};
pub use stays::{Stay, StayFilter};
pub use verify::{Finding, FindingKind};
pub use voicemails::{Voicemail, VoicemailFilter, VoicemailState};

pub use hotline::settlement::{Settlement, TenantState};
