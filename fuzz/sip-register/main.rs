//! Any message to a registrar: bindings stay within their bound, and nothing else is left of it.
#![no_main]

#[path = "../../crates/sip/tests/fuzzed/mod.rs"]
#[allow(dead_code)] // the other targets use the rest
mod fuzzed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::register(data));
