//! 400 numbers as goods: who issued a segment when, which class a number falls in and by which rule; and which numbers
//! may be bound behind one. Knows rows of data with their dates, not contracts or calls.

mod class;
mod destination;
mod pattern;
mod segment;
mod special;

pub use class::{ClassRule, Classified, RuleHit, Rules, RulesError, Settings, classify};
pub use destination::{Checked, DestinationPolicy, Refusal, RefusalCode, Warning};
pub use destination::{check_destination, check_destination_with, may_be_bound, may_be_dialled};
pub use pattern::{Letters, Pattern, PatternError};
pub use segment::{Operator, SegmentOverlap, SegmentRow, SegmentStatus, Segments, operator_on};
pub use special::{SpecialKind, SpecialRow, is_emergency, special, special_rows};
