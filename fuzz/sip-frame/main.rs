//! Any bytes as a stream of SIP: cut alike however they come, never kept beyond one message's bounds.
#![no_main]

#[path = "../../crates/sip/tests/fuzzed/mod.rs"]
#[allow(dead_code)] // the other targets use the rest
mod fuzzed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::frame(data));
