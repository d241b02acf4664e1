//! Any datagram into an endpoint with a call under way: no panic, nothing left after its time.
#![no_main]

#[path = "../../crates/sip/tests/fuzzed/mod.rs"]
#[allow(dead_code)] // the other target uses the rest
mod fuzzed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::message(data));
