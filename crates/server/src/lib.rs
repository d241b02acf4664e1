//! The process around the node: sockets, journal file, store thread, media, snapshot, HTTP, commands. It moves values
//! between them on bounded queues and refuses to decide anything about a call.

pub mod serve;

pub mod bridge;
pub mod inbox;
pub mod signalling;

pub mod archive;
pub mod copies;
pub mod fetching;
pub mod journal;
pub mod messages;
pub mod net;
pub mod outgoing;
pub mod prompts;
pub mod registrations;
pub mod snapshot;
pub mod speech;
pub mod storing;
pub mod traces;

pub mod access;
pub mod api;
pub mod control;
pub mod http;
pub mod meters;
pub mod running;

pub mod clock;
pub mod config;
pub mod log;

pub mod cli;
pub mod ops;
