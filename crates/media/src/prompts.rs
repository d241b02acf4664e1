//! The prompts shipped with the product, in the binary; `assets/prompts/README.md` has their words.
//! It refuses to know when any of them is played.

use std::sync::Arc;

use crate::command::PromptId;
use crate::prompt::Prompt;

macro_rules! shipped {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $file:literal;)*) => {
        $($(#[$doc])* pub const $name: PromptId = PromptId($id);)*

        /// Name and WAV file of each shipped prompt, in the order of their ids.
        pub static FILES: &[(&str, &[u8])] =
            &[$(($file, include_bytes!(concat!("../../../assets/prompts/", $file, ".wav")))),*];

        static IDS: &[PromptId] = &[$($name),*];
    };
}

shipped! {
    /// 您好，欢迎致电
    WELCOME = 1, "welcome";
    /// 为保证服务质量，本次通话将被录音
    RECORDING_NOTICE = 2, "recording_notice";
    /// 您好，座席全忙，请稍后再拨
    ALL_BUSY = 3, "all_busy";
    /// 您拨打的号码未启用
    NOT_IN_SERVICE = 4, "not_in_service";
    /// 对不起，您的来电无法接通
    BARRED = 5, "barred";
    /// 您拨打的号码暂时无法接通
    CAP_REACHED = 6, "cap_reached";
    /// 现在是下班时间，请在工作时间来电
    AFTER_HOURS = 7, "after_hours";
    /// 您拨打的电话暂时无人接听
    NO_ANSWER = 8, "no_answer";
    /// A melody of our own, to be looped: colour ring and hold music.
    COLOUR_RING = 9, "colour_ring";
}

/// Ids from here on belong to the user of the engine.
pub const FIRST_FREE: PromptId = PromptId(1000);

/// The id of a shipped prompt by its stable name, such as `all_busy`.
pub fn by_name(name: &str) -> Option<PromptId> {
    FILES.iter().position(|(other, _)| *other == name).map(|at| IDS[at])
}

/// All shipped prompts, encoded.
pub fn shipped() -> Vec<(PromptId, Arc<Prompt>)> {
    IDS.iter()
        .zip(FILES)
        .map(|(&id, (_, file))| {
            (id, Arc::new(Prompt::from_wav(file).expect("a test reads every shipped file")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::Law;
    use crate::measure;

    #[test]
    fn every_shipped_prompt_is_read_and_sounds() {
        let prompts = shipped();
        assert_eq!(prompts.len(), FILES.len());
        for ((_, prompt), (name, _)) in prompts.iter().zip(FILES) {
            assert!((1500..8000).contains(&prompt.duration_ms()), "{name}: {} ms", prompt.duration_ms());
            let samples = Law::Pcma.decode_all(prompt.octets(Law::Pcma));
            assert!(measure::rms(&samples) > 800.0, "{name}");
        }
        assert!(FILES.iter().map(|(_, file)| file.len()).sum::<usize>() <= 400 << 10);
    }

    #[test]
    fn names_and_ids_are_stable() {
        assert_eq!(by_name("welcome"), Some(PromptId(1)));
        assert_eq!(by_name("colour_ring"), Some(COLOUR_RING));
        assert_eq!(by_name("nothing"), None);
    }
}
