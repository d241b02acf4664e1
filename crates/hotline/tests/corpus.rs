//! The fuzzer's corpus and seeded mutations of it, through the same functions that the fuzzer calls.

mod fuzzed;
#[path = "../../../fuzz/mutate.rs"]
mod mutate;

#[test]
fn mutated_prefix_files_are_refused_or_answer() {
    mutate::run("region_import", 600, fuzzed::region_import);
}

#[test]
fn mutated_overrides_do_not_panic() {
    mutate::run("region_overrides", 2_000, fuzzed::region_overrides);
}

#[test]
fn fault_n1_mutated_callers_become_digits_or_nothing() {
    mutate::run("caller", 2_000, fuzzed::caller);
}

#[test]
fn fault_b6_mutated_logs_fold_or_are_refused() {
    mutate::run("call_log", 3_000, fuzzed::call_log);
}

#[test]
fn r24_mutated_years_are_refused_or_whole() {
    mutate::run("calendar", 3_000, fuzzed::calendar);
}

#[test]
fn fault_n1_mutated_documents_are_refused_or_read_back() {
    mutate::run("enterprise", 2_000, fuzzed::enterprise);
}

#[test]
fn the_corpus_has_documents_that_are_good() {
    let good = |bytes: &Vec<u8>| fuzzed::is_good(bytes);
    let good = mutate::corpus("enterprise").iter().filter(|bytes| good(bytes)).count();
    assert!(good >= 2, "a fuzzer learns little from refusals alone: {good}");
}
