//! The fuzzer's corpus and seeded mutations of it, through the same functions that the fuzzer calls.

mod fuzzed;
#[path = "../../../fuzz/mutate.rs"]
mod mutate;

#[test]
fn fault_n1_mutated_packets_stay_inside_their_datagram() {
    mutate::run("rtp", 3_000, fuzzed::rtp);
}

#[test]
fn fault_n1_mutated_reports_tell_of_our_stream_alone() {
    mutate::run("rtcp", 3_000, fuzzed::rtcp);
}

#[test]
fn fault_p5_mutated_sound_files_stay_inside_their_bound() {
    mutate::run("wav", 3_000, fuzzed::wav);
}

#[test]
fn fault_p5_mutated_uploads_stay_inside_their_bounds() {
    mutate::run("upload", 300, fuzzed::upload);
}

#[test]
fn fault_n6_mutated_keys_stay_below_their_bound() {
    mutate::run("keys", 3_000, fuzzed::keys);
}

#[test]
fn fault_n1_mutated_packets_under_srtp_come_back_or_are_refused() {
    mutate::run("srtp", 1_000, fuzzed::srtp);
}
