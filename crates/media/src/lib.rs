//! RTP for calls: sockets, relay, prompts and tones, keys, two-channel recording, traces.
//! It has its own threads and sockets; it refuses to know SIP, numbers, tenants and why anything is played.

pub mod command;
pub mod dtmf;
pub mod g711;
pub mod measure;
pub mod prompt;
pub mod prompts;
pub mod rtp;
pub mod stream;
pub mod tone;
pub mod wav;

pub use command::*;
pub use prompt::Prompt;
pub use stream::RtpStream;
