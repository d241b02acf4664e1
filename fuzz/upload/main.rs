//! Fuzzes one parser of `media`; what it does with the bytes is in the crate's tests.

#![no_main]

#[path = "../../crates/media/tests/fuzzed/mod.rs"]
#[allow(dead_code)] // the other targets use the rest
mod fuzzed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::upload(bytes));
