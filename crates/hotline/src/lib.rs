//! Every decision of the product, as values: which number, may this caller, which step, which target, what happened,
//! what it costs and how it is posted. Knows no clock, no socket, no file, no database and no randomness of its own.

pub mod agent;
pub mod alert;
pub mod attendance;
pub mod backtest;
pub mod barring;
pub mod calendar;
pub mod call;
pub mod callback;
pub mod capacity;
pub mod cdr;
pub mod compare;
pub mod consent;
pub mod content;
pub mod display;
pub mod enterprise;
pub mod evidence;
pub mod flow;
pub mod funnel;
pub mod hotline;
pub mod ledger;
pub mod message;
pub mod number;
pub mod priority;
pub mod quality;
pub mod queue;
pub mod rating;
pub mod region;
pub mod results;
pub mod retention;
pub mod ringback;
pub mod routing;
pub mod satisfaction;
pub mod service;
pub mod settlement;
pub mod shift;
pub mod speech;
pub mod staffing;
pub mod tenant;
pub mod trunk;

mod id;
mod money;
mod short;
mod spread;
mod time;
mod word;

pub use hotline::Hotline;
pub use id::{CallId, HotlineNumber, NotAHotlineNumber, PlanId, RecordingId, TenantId};
pub use money::{Money, NotMoney};
pub use short::Short;
pub use spread::{Spread, SpreadMap};
pub use time::{Beijing, Mono, Now, Wall, Weekday};
pub use word::{Span, Word, WordList, Words};
