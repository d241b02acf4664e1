//! Any value of a digest header, as a proof of theirs and as a challenge to us.
#![no_main]

#[path = "../../crates/sip/tests/fuzzed/mod.rs"]
#[allow(dead_code)] // the other targets use the rest
mod fuzzed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::digest(data));
