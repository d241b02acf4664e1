//! The prompts shipped with the product, in the binary; `assets/prompts/words.tsv` has their words. English ones begin
//! with `en_`. It refuses to know when any of them is played.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use crate::command::PromptId;
use crate::prompt::Prompt;

/// 您好，欢迎致电
pub const WELCOME: PromptId = PromptId(1);
/// A melody of eight notes, to be looped while a phone rings.
pub const COLOUR_RING: PromptId = PromptId(9);
/// A minute of music, to be looped while a caller waits or is held.
pub const HOLD_MUSIC: PromptId = PromptId(10);

macro_rules! files {
    ($($file:literal),*) => {
        &[$(($file, include_bytes!(concat!("../../../assets/prompts/", $file, ".wav")))),*]
    };
}

/// Name and WAV file of each shipped prompt; the first has id 1, the next id 2. New ones are added at the end.
pub static FILES: &[(&str, &[u8])] = files![
    "welcome",
    "recording_notice",
    "all_busy",
    "not_in_service",
    "barred",
    "cap_reached",
    "after_hours",
    "no_answer",
    "colour_ring",
    "hold_music",
    "beep",
    "pause",
    "enter_password",
    "wrong_password",
    "press_0",
    "press_1",
    "press_2",
    "press_3",
    "press_4",
    "press_5",
    "press_6",
    "press_7",
    "press_8",
    "press_9",
    "holiday",
    "service_notice",
    "please_hold",
    "transferring",
    "transfer_failed",
    "queue_welcome",
    "queue_still",
    "queue_full",
    "queue_over",
    "agent_call",
    "satisfaction",
    "satisfaction_thanks",
    "voicemail_greeting",
    "voicemail_saved",
    "voicemail_too_short",
    "voicemail_full",
    "callback_offer",
    "callback_number",
    "callback_accepted",
    "callback_answer",
    "wrong_key",
    "no_key",
    "to_agent",
    "repeat_menu",
    "goodbye",
    "enter_extension",
    "wrong_extension",
    "extension_busy",
    "extension_no_answer",
    "consent",
    "not_recorded",
    "synthetic_notice",
    "digit_0",
    "digit_1",
    "digit_1_yao",
    "digit_2",
    "digit_3",
    "digit_4",
    "digit_5",
    "digit_6",
    "digit_7",
    "digit_8",
    "digit_9",
    "number_liang",
    "number_ten",
    "number_hundred",
    "number_thousand",
    "number_ten_thousand",
    "number_hundred_million",
    "number_point",
    "number_minus",
    "percent",
    "yuan",
    "jiao",
    "fen",
    "year",
    "month",
    "day",
    "second",
    "agent_number",
    "at_your_service",
    "queue_position",
    "place",
    "queue_ahead",
    "callers",
    "expected_wait",
    "minutes",
    "en_welcome",
    "en_recording_notice",
    "en_all_busy",
    "en_not_in_service",
    "en_barred",
    "en_cap_reached",
    "en_after_hours",
    "en_no_answer",
    "en_enter_password",
    "en_wrong_password",
    "en_holiday",
    "en_service_notice",
    "en_please_hold",
    "en_transferring",
    "en_transfer_failed",
    "en_queue_welcome",
    "en_queue_still",
    "en_queue_full",
    "en_queue_over",
    "en_agent_call",
    "en_satisfaction",
    "en_satisfaction_thanks",
    "en_voicemail_greeting",
    "en_voicemail_saved",
    "en_voicemail_too_short",
    "en_voicemail_full",
    "en_callback_offer",
    "en_callback_number",
    "en_callback_accepted",
    "en_callback_answer",
    "en_wrong_key",
    "en_no_key",
    "en_to_agent",
    "en_repeat_menu",
    "en_goodbye",
    "en_enter_extension",
    "en_wrong_extension",
    "en_extension_busy",
    "en_extension_no_answer",
    "en_consent",
    "en_not_recorded",
    "en_synthetic_notice",
    "en_digit_0",
    "en_digit_1",
    "en_digit_2",
    "en_digit_3",
    "en_digit_4",
    "en_digit_5",
    "en_digit_6",
    "en_digit_7",
    "en_digit_8",
    "en_digit_9",
    "en_number_10",
    "en_number_11",
    "en_number_12",
    "en_number_13",
    "en_number_14",
    "en_number_15",
    "en_number_16",
    "en_number_17",
    "en_number_18",
    "en_number_19",
    "en_number_20",
    "en_number_30",
    "en_number_40",
    "en_number_50",
    "en_number_60",
    "en_number_70",
    "en_number_80",
    "en_number_90",
    "en_month_1",
    "en_month_2",
    "en_month_3",
    "en_month_4",
    "en_month_5",
    "en_month_6",
    "en_month_7",
    "en_month_8",
    "en_month_9",
    "en_month_10",
    "en_month_11",
    "en_month_12",
    "en_ordinal_1",
    "en_ordinal_2",
    "en_ordinal_3",
    "en_ordinal_4",
    "en_ordinal_5",
    "en_ordinal_6",
    "en_ordinal_7",
    "en_ordinal_8",
    "en_ordinal_9",
    "en_ordinal_10",
    "en_ordinal_11",
    "en_ordinal_12",
    "en_ordinal_13",
    "en_ordinal_14",
    "en_ordinal_15",
    "en_ordinal_16",
    "en_ordinal_17",
    "en_ordinal_18",
    "en_ordinal_19",
    "en_ordinal_20",
    "en_ordinal_30",
    "en_hundred",
    "en_thousand",
    "en_million",
    "en_billion",
    "en_point",
    "en_minus",
    "en_percent",
    "en_yuan",
    "en_fen",
    "en_oh",
    "en_am",
    "en_pm",
    "en_agent_number",
    "en_at_your_service",
    "en_queue_position",
    "en_in_the_queue",
    "en_queue_ahead",
    "en_caller_ahead",
    "en_there_are",
    "en_expected_wait",
    "en_minutes",
    "en_minute",
    "callback_to",
    "callback_confirm",
    "en_callback_to",
    "en_callback_confirm",
    "confirm_call"
];

/// Ids from here on belong to the user of the engine.
pub const FIRST_FREE: PromptId = PromptId(1000);

static SHIPPED: LazyLock<Vec<(PromptId, Arc<Prompt>)>> = LazyLock::new(|| {
    let read = |file| Arc::new(Prompt::from_wav(file).expect("a test reads every shipped file"));
    (1..).map(PromptId).zip(FILES.iter().map(|(_, file)| read(file))).collect()
});

static IDS: LazyLock<HashMap<&str, PromptId>> =
    LazyLock::new(|| FILES.iter().map(|(name, _)| *name).zip((1..).map(PromptId)).collect());

/// The id of a shipped prompt by its stable name, such as `all_busy`.
pub fn by_name(name: &str) -> Option<PromptId> {
    IDS.get(name).copied()
}

/// The file of a shipped prompt.
pub fn file(name: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, file)| *file)
}

/// All shipped prompts, encoded.
pub fn shipped() -> Vec<(PromptId, Arc<Prompt>)> {
    SHIPPED.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::Law;
    use crate::loudness::{TARGET_LUFS, integrated_lufs};

    fn samples(prompt: &Prompt) -> Vec<i16> {
        Law::Pcma.decode_all(prompt.octets(Law::Pcma))
    }

    #[test]
    fn i02_every_shipped_prompt_is_as_loud_as_the_others() {
        for ((_, prompt), (name, _)) in shipped().iter().zip(FILES).filter(|(_, (name, _))| *name != "pause")
        {
            assert!((150..70_000).contains(&prompt.duration_ms()), "{name}: {} ms", prompt.duration_ms());
            let samples: Vec<f32> =
                samples(prompt).iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
            let lufs = integrated_lufs(&samples, 8_000).expect("a sound");
            assert!((lufs - TARGET_LUFS).abs() < 1.5, "{name}: {lufs}");
        }
        assert!(FILES.iter().map(|(_, file)| file.len()).sum::<usize>() <= 4 << 20);
    }

    /// Where music runs from its end into its beginning it steps no further than it does anywhere else.
    #[test]
    fn what_is_looped_loops_without_a_click() {
        for (id, least_ms) in [(HOLD_MUSIC, 60_000), (COLOUR_RING, 3_000)] {
            let (_, prompt) = shipped().into_iter().find(|(other, _)| *other == id).expect("shipped");
            assert!(prompt.duration_ms() >= least_ms);
            let samples = samples(&prompt);
            let step = |pair: &[i16]| i32::from(pair[1]).abs_diff(i32::from(pair[0]));
            let most = samples.windows(2).map(step).max().expect("samples");
            let seam = step(&[samples[samples.len() - 1], samples[0]]);
            assert!(seam <= most / 2, "{seam} of at most {most}");
        }
    }

    #[test]
    fn names_and_ids_are_stable() {
        assert_eq!(by_name("welcome"), Some(WELCOME));
        assert_eq!(by_name("colour_ring"), Some(COLOUR_RING));
        assert_eq!(by_name("hold_music"), Some(HOLD_MUSIC));
        assert_eq!(by_name("nothing"), None);
        assert_eq!(IDS.len(), FILES.len(), "each name once");
        assert!(FILES.len() < FIRST_FREE.0 as usize);
    }
}
