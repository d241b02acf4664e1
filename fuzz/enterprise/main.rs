//! Fuzzes one parser of `hotline`; what it does with the bytes is in the crate's tests.

#![no_main]

#[path = "../../crates/hotline/tests/fuzzed/mod.rs"]
#[allow(dead_code)] // the other targets use the rest
mod fuzzed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::enterprise(bytes));
