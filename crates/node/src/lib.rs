//! A whole call node as one machine: SIP endpoint, directory, tenants with their calls, trunk health, journal facts,
//! recovery and settling. It is given inputs and instants and says what to do; it knows no socket, no file, no
//! database, no thread and no clock, so that the simulator runs what the server runs.

pub mod directory;
pub mod guard;
pub mod journal;
pub mod media;
mod node;
pub mod phones;
pub mod recovery;

mod acting;
mod arriving;
mod books;
mod callbacks;
mod carriers;
mod describing;
mod floors;
mod help;
mod keys;
mod legs;
mod listeners;
mod pages;
mod people;
mod returning;
mod slot;
mod speaking;
mod talks;
mod trial;

pub use books::{Account, MonthOf};
pub use carriers::{RegistrationStanding, TrunkConfig};
pub use floors::AgentOrder;
pub use help::HelpStep;
pub use listeners::Listener;
pub use node::{Config, Input, Node, Notice, Output, Totals};
pub use people::{Change, Loaded};
pub use talks::CallOrder;
pub use trial::{
    Ender, NotDialled, RING_MS_MAX, Spoken, TALK_MS_MAX, TrialDated, TrialFault, TrialOrder, TrialReport,
    TrialStep,
};
