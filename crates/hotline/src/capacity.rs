//! How much an agent carries at once, over all channels (row Q20): an agent has units, and what it has costs some. What asks for
//! room, and who is asked, is others' business; calls are the one channel that asks so far.

use serde::{Deserialize, Serialize};

/// An enterprise's units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// What an agent carries who has no figure of its own.
    pub agent: u16,
    /// What a call costs where its queue says nothing else.
    pub voice: u16,
    /// What a chat costs.
    pub text: u16,
    /// What may begin while a call is up.
    pub during_call: DuringCall,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { agent: 100, voice: 100, text: 25, during_call: DuringCall::None }
    }
}

/// What may begin at an agent while a call rings there, is talked in or is written up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuringCall {
    /// Nothing: a call stops new chats.
    #[default]
    None,
    /// Chats, as far as there is room beside the call.
    Text,
}

/// By what a customer reaches an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A call.
    Voice,
    /// A chat.
    Text,
}

/// What an agent has already, in units by channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// The call that rings, is talked in or is written up; 0 without one.
    pub voice: u16,
    /// Its chats together.
    pub text: u16,
}

impl Load {
    /// All of it.
    pub fn units(self) -> u32 {
        u32::from(self.voice) + u32::from(self.text)
    }
}

/// Why an agent has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoRoom {
    /// A call keeps it: there is never a second one, and chats only where the enterprise says so.
    InCall,
    /// The units that are left are fewer than what is asked for.
    NoCapacity,
}

impl NoRoom {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            NoRoom::InCall => "in_call",
            NoRoom::NoCapacity => "no_capacity",
        }
    }
}

/// Whether an agent of so many units, with what it has, holds something of a channel that costs `weight` units.
///
/// # Errors
/// Why it does not.
pub fn room(
    units: u16,
    load: Load,
    channel: Channel,
    weight: u16,
    during_call: DuringCall,
) -> Result<(), NoRoom> {
    let stops = match channel {
        Channel::Voice => true,
        Channel::Text => during_call == DuringCall::None,
    };
    if load.voice > 0 && stops {
        return Err(NoRoom::InCall);
    }
    let fits = load.units() + u32::from(weight) <= u32::from(units);
    if fits { Ok(()) } else { Err(NoRoom::NoCapacity) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q20_a_call_needs_units_that_are_free_over_all_channels_and_is_never_the_second() {
        let call = |units, voice, text| {
            [DuringCall::None, DuringCall::Text]
                .map(|during_call| room(units, Load { voice, text }, Channel::Voice, 100, during_call))
        };
        assert_eq!(call(100, 0, 0), [Ok(()); 2]);
        assert_eq!(call(99, 0, 0), [Err(NoRoom::NoCapacity); 2]);
        assert_eq!(call(150, 0, 50), [Ok(()); 2], "chats leave room for it");
        assert_eq!(call(149, 0, 50), [Err(NoRoom::NoCapacity); 2], "or do not");
        assert_eq!(call(u16::MAX, 1, 0), [Err(NoRoom::InCall); 2], "however many units it has");
        assert_eq!(call(u16::MAX, 0, u16::MAX), [Err(NoRoom::NoCapacity); 2], "sums do not wrap");
    }

    #[test]
    fn q20_a_call_stops_new_chats_or_leaves_them_the_rest_by_setting() {
        let chat = |units, voice, text, during_call| {
            room(units, Load { voice, text }, Channel::Text, 25, during_call)
        };
        for during_call in [DuringCall::None, DuringCall::Text] {
            let some = (0..).take_while(|had| chat(100, 0, had * 25, during_call).is_ok()).count();
            assert_eq!(some, 4, "four chats without a call");
        }
        assert_eq!(chat(200, 100, 0, DuringCall::None), Err(NoRoom::InCall));
        assert_eq!(chat(200, 100, 0, DuringCall::Text), Ok(()));
        assert_eq!(chat(200, 100, 75, DuringCall::Text), Ok(()));
        assert_eq!(chat(200, 100, 100, DuringCall::Text), Err(NoRoom::NoCapacity));
        assert_eq!(chat(100, 100, 0, DuringCall::Text), Err(NoRoom::NoCapacity), "a call fills it");
    }
}
