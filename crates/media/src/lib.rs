//! RTP for calls: sockets, relay, prompts and tones, keys, two-channel recording, traces.
//! It has its own threads and sockets; it refuses to know SIP, numbers, tenants and why anything is played.

pub mod engine;

pub mod command;
pub mod shard;

mod keys;
mod latch;
mod leg;
mod mixer;
mod quality;
mod quiet;
pub mod recorder;
pub mod rtcp;
mod transcode;

pub mod codec;
pub mod dtmf;
pub mod g711;
pub mod import;
pub mod loudness;
pub mod measure;
pub mod prompt;
pub mod prompts;
pub mod resample;
pub mod rtp;
pub mod segment;
pub mod srtp;
pub mod stream;
pub mod tone;
pub mod trace;
pub mod wav;
pub mod webrtc;

pub mod sys;

pub use codec::Codec;
pub use command::*;
pub use engine::{Engine, SendError, StartError};
pub use prompt::Prompt;
pub use recorder::recording_path;
pub use stream::RtpStream;
