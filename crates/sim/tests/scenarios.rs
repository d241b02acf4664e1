//! Every `.call` file of `scenarios/` is a test of its own name; none is left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

fn play(name: &str) {
    let path = folder().join(format!("{name}.call"));
    let text = fs::read_to_string(&path).expect("the scenario is there");
    if let Err(broken) = sim::scenario::play(&text) {
        panic!("scenarios/{name}.call, {broken}");
    }
}

#[test]
fn r20_two_stage_relay_passes_every_scenario_as_the_direct_way_does() {
    let mut broken = Vec::new();
    // Scenarios that name what is dialled are about the topology itself.
    for name in LISTED.iter().filter(|name| !name.starts_with("r20_")) {
        let text = fs::read_to_string(folder().join(format!("{name}.call"))).expect("the scenario is there");
        if let Err(wrong) = sim::scenario::play_relayed(&text) {
            broken.push(format!("scenarios/{name}.call, {wrong}"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            play(stringify!($name));
        })*

        const LISTED: &[&str] = &[$(stringify!($name)),*];
    };
}

scenarios! {
    a_caller_falls_silent
    b01_blocked
    b02_all_but_these_regions
    b02_only_these_regions
    b03_the_white_list
    b04_locked_out
    b04_three_tries_and_a_password
    b05_a_cap_set_aside_for_its_month
    b05_month_cost_cap
    b06_month_call_cap
    b08_calls_at_once
    b08_calls_per_minute
    b08_limits_of_the_enterprise
    b09_no_money_no_call
    b10_a_phone_calls_nobody_but_for_help
    b11_frozen
    b12_b04_whoever_is_forgotten_begins_anew
    b12_challenge_before_block
    b12_the_score_outlives_the_node
    f17_charged_from_the_answer
    f17_charged_from_two_parties
    fault_b2_a_race_for_the_last_slice
    fault_b3_the_call_may_finish
    fault_b3_the_money_ends_in_the_talk
    fault_b4_a_dead_nodes_hold_comes_back
    fault_b5_a_call_lost_behind_a_tariffs_change
    fault_b5_a_call_of_no_length
    fault_b5_longer_than_a_day
    fault_b5_the_tariff_changes_in_mid_call
    fault_b4_an_account_older_than_a_commit
    fault_f1_a_bye_that_got_lost
    fault_f1_k24_the_node_dies_in_a_call_for_help
    fault_f1_q12_the_node_dies_and_stays_end_with_it
    fault_f1_q15_the_node_dies_in_a_callback
    fault_f1_q15_the_node_dies_in_the_last_try
    fault_f1_r29_the_node_dies_while_somebody_is_asked
    fault_f1_the_node_dies_in_a_talk
    fault_f1_the_node_dies_in_a_test_call
    fault_f1_the_node_dies_while_ringing
    fault_f2_drain
    fault_f2_stragglers_are_ended
    fault_f3_q15_asked_while_the_store_is_away
    fault_f3_the_store_is_away
    fault_f4_q15_the_journal_fails_as_a_callback_begins
    fault_f4_q15_the_journal_fails_as_who_asked_answers
    fault_f4_the_disk_refuses
    fault_f7_the_clock_jumps
    fault_f8_a_full_trunk_is_passed_over
    fault_f8_a_silent_trunk_is_passed_over
    fault_f9_a_bye_crosses_a_transfer
    fault_f9_both_hang_up
    fault_f9_both_of_a_consult_hang_up
    fault_f9_cancel_crosses_the_answer
    fault_f9_cancel_crosses_the_answer_of_who_was_asked
    fault_f9_the_ack_is_lost
    fault_f9_two_forks_answer
    fault_f9_two_of_a_group_answer
    fault_f8_a_cause_of_the_trunks_own
    fault_n7_a_premium_or_foreign_number_is_not_dialled
    fault_n7_the_legs_of_a_day_are_gone
    first_call
    i01_five_levels_back_and_again
    i03_colour_ring
    i04_a_rules_target_has_its_own_tone
    i04_one_tone_where_all_ring
    i04_the_most_specific_tone_wins
    i07_the_notice_before_the_recording
    i07_the_notice_on_every_path
    i07_a_notice_of_the_flow_is_told_once
    i08_a_call_finishes_on_its_version
    i10_a_caller_keeps_its_share
    i10_what_came_of_a_share_is_recorded
    i11_never_silence
    i12_a_server_outside_says_where_a_call_goes
    i14_keys_of_menus_and_no_secret
    i15_the_ring_is_cut_by_the_answer
    i16_out_of_the_queue_and_back
    n6_a_flood_of_keys
    n17_the_trunk_changes_in_mid_call
    q01_a_free_agent_has_the_call
    q02_a_talk_behind_a_time_out_is_a_good_end
    q02_full_empty_and_time_out_have_exits
    q03_asked_and_not_transferred
    q03_asked_before_transferred
    q03_held_by_an_order
    q03_no_queue_to_fall_back_to
    q03_nobody_took_the_transfer
    q03_q24_the_node_dies_in_a_consult
    q03_sent_to_a_queue
    q03_transferred_to_an_agent
    q06_the_agents_number_is_told
    q07_a_flow_asks_behind_the_talk
    q07_an_agent_sends_the_caller_to_the_rating
    q07_the_caller_rates_the_talk
    q07_who_is_asked_and_who_is_not
    q03_three_in_a_talk
    q09_results_are_chosen_by_the_tree_or_stand_by_default
    q09_what_must_be_said_is_said_first
    q09_the_node_dies_and_every_call_has_its_result
    q10_states_have_reasons_and_add_up
    q13_a_supervisor_leaves_or_never_comes
    q13_listen_whisper_barge_take_over
    q13_the_end_of_the_talk_ends_its_supervision
    q11_after_work_is_forced_or_ends_early
    q12_every_stay_in_a_queue_is_told_with_its_end
    q15_a_caller_asks_to_be_called_back
    q15_a_callback_is_dialled_in_its_turn
    q15_a_queue_that_calls_nobody_back_gives_its_requests_up
    q15_a_try_that_reaches_nobody_is_made_again
    q15_the_number_is_confirmed
    q15_fewer_tries_by_an_edit_give_up_what_had_them
    q15_a_freeze_puts_off_all_requests_at_once
    q15_barred_and_old_requests_are_given_up
    q15_what_our_side_ends_is_no_try
    q15_a_firms_line_closes_nobody_elses_request
    q15_who_rings_in_again_is_not_called
    q15_who_rings_in_and_waits_has_the_requests_place
    q16_a_caller_cut_off_keeps_the_place
    q17_q25_missed_is_not_rejected
    q18_who_waits_leaves_with_the_last_agent
    q20_a_queue_of_light_calls
    q20_nobody_is_sent_a_call_there_is_no_room_for
    q20_who_has_no_room_for_a_call_is_never_rung
    q18_a_flow_goes_on_where_nobody_is_left
    q24_r29_the_device_is_kept
    q24_the_node_dies_and_nobody_is_stuck
    q21_position_and_wait_are_told
    q21_what_was_not_said_bounds_nothing
    r04_an_edit_touches_the_next_call
    r05_in_the_order_written
    r07_in_turn
    r08_by_area_code_and_prefix
    r08_by_the_callers_region
    r09_by_the_hour
    r10_after_hours
    r10_r18_voicemail_after_hours_and_in_the_end
    r11_shares_are_exact
    r12_a_busy_tone_counts_as_busy
    r12_forward_on_busy
    r12_tones_count_by_the_trunks_setting_only
    r13_forward_on_no_answer
    r14_a_loop_of_forwards_ends
    r14_three_forwards_at_most
    r15_the_last_answerer_first
    r16_the_free_one_first
    r17_off_duty_is_never_tried
    r18_a_bare_busy_only_where_a_rule_says_so
    r18_the_final_treatment
    k07_a_caller_has_few_strangers_called
    k07_a_stop_takes_effect_at_once
    k07_nobody_is_called_back_out_of_hours
    k24_help_comes_before_money_caps_and_a_drain
    k24_help_tries_every_emergency_trunk
    k24_no_emergency_trunk_and_the_phone_is_told
    k06_a_callback_shows_the_400_number_where_permitted
    k06_a_trusted_assertion_is_barred
    k06_a_withheld_number_is_shown_to_nobody
    k06_an_untrusted_trunk_is_not_believed
    k06_our_own_400_number_is_no_caller
    r20_an_access_number_and_diversion
    r21_extension_numbers_of_partners
    r22_a_crisis_in_front_of_the_rules
    r27_all_ring_and_nobody_answers
    r27_all_ring_at_once
    r27_by_weight
    r27_longest_idle
    r27_all_agents_ring
    r28_needs_are_relaxed
    r29_a_busy_tone_behind_the_answer
    r29_a_mailbox_is_no_answer
    r29_a_mobile_in_use_sets_nobody_to_rest
    r29_a_mobile_without_a_way_sets_nobody_to_rest
    q03_r29_a_transfer_rings_the_chosen_device_alone
    r29_an_agent_answers_on_a_mobile
    r29_another_key_twice_is_no
    r29_the_caller_leaves_while_somebody_is_asked
    r29_the_first_of_all_who_presses
    r29_the_key_is_pressed
    r29_transferred_to_a_phone_that_is_asked
    r29_a_key_crosses_the_callers_hang_up
    r29_who_is_asked_rings_beside_who_is_not
    r30_our_own_number_is_shown
    r32_a_list_raises_its_callers
    r33_spill_by_service_level_ends
    r33_spill_by_what_was_measured
    r33_who_is_to_be_called_back_holds_no_line
    v06_a_message_behind_a_recorded_talk
    v06_a_message_is_left
    v08_one_text_for_a_missed_call
    v09_a_recording_is_paused_by_an_order
    v09_secret_keys_are_not_recorded
    v10_silence_is_consent_where_the_owner_says_so
    v10_the_caller_chooses_whether_it_is_recorded
    r31_who_rejected_is_not_rung_again
    x04_a_codec_changes_in_mid_call
    x04_a_fax_is_refused_and_the_call_stays
    x04_a_refresh_changes_nothing
    x04_a_side_moves_and_asks_for_an_offer
    x04_a_trunk_is_tried_beside_a_call
    x04_hold_and_back
    x04_answered_before_the_carrier_cuts
    x04_b04_keys_before_the_answer_by_a_trunk_that_permits_it
    x04_a_refusal_is_no_reason_to_answer_first
    x04_answered_first_where_a_trunk_carries_no_early_media
    x04_a_full_trunk_is_passed_over
    x04_numbers_as_the_carrier_wants_them
}

#[test]
fn every_file_is_listed() {
    let listed: BTreeSet<String> = LISTED.iter().map(|name| (*name).to_owned()).collect();
    let files = fs::read_dir(folder()).expect("the folder is there").filter_map(|entry| {
        let path = entry.ok()?.path();
        let call = path.extension().is_some_and(|extension| extension == "call");
        call.then(|| path.file_stem()?.to_str().map(str::to_owned)).flatten()
    });
    assert_eq!(files.collect::<BTreeSet<_>>(), listed);
}
