//! The question what a caller thinks of the talk, as people write it (row Q07): of a queue, or as a step of a flow.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::satisfaction::Survey;

/// The terms of the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Satisfaction {
    /// The prompt that asks for a key from 1 to 5.
    pub prompt: String,
    /// Played before it is asked again after another key.
    pub wrong_prompt: String,
    /// Played behind the rating.
    pub thanks: String,
    /// How often it is asked at most.
    pub tries: u8,
    /// How long the key may take after the prompt, seconds.
    pub timeout_s: u8,
    /// Talks that were shorter are not asked about, seconds.
    pub talk_s_min: u16,
    /// Who was asked is not asked again for so many hours.
    pub pause_hours: u16,
    /// The words of a message to a caller who gave no rating.
    pub sms: Option<String>,
}

impl Default for Satisfaction {
    fn default() -> Self {
        Self {
            prompt: "satisfaction".to_owned(),
            wrong_prompt: "wrong_key".to_owned(),
            thanks: "satisfaction_thanks".to_owned(),
            tries: 2,
            timeout_s: 8,
            talk_s_min: 20,
            pause_hours: 4,
            sms: None,
        }
    }
}

impl Satisfaction {
    /// As calls ask it.
    pub(super) fn compile(&self) -> Survey {
        Survey {
            prompt: self.prompt.as_str().into(),
            wrong_prompt: self.wrong_prompt.as_str().into(),
            thanks: self.thanks.as_str().into(),
            tries: self.tries,
            key_ms: u64::from(self.timeout_s) * 1_000,
            talk_ms_min: u64::from(self.talk_s_min) * 1_000,
            pause_ms: u64::from(self.pause_hours) * 3_600_000,
            sms: self.sms.as_deref().map(Arc::from),
        }
    }
}
