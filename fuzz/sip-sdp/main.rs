//! Any session description: no panic, and our answer to it can be read.
#![no_main]

#[path = "../../crates/sip/tests/fuzzed/mod.rs"]
#[allow(dead_code)] // the other target uses the rest
mod fuzzed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::sdp(data));
