//! Keys pressed towards a peer: telephone-events (RFC 4733) or tones in the band, one after another, in turns of 20 ms.
//! It refuses to know who asked for them.

use std::collections::VecDeque;

use crate::dtmf;
use crate::rtp::{self, FRAME_SAMPLES, KeyEvent};

/// Keys that may wait.
const WAITING_MAX: usize = 32;
/// Turns of 20 ms a key is held, and those of the pause behind it.
const HELD_TURNS: u16 = 5;
const PAUSE_TURNS: u16 = 3;
/// Packets that tell the end of an event.
const END_PACKETS: u8 = 3;

/// The keys of one leg.
#[derive(Default)]
pub(crate) struct KeySender {
    waiting: VecDeque<u8>,
    current: Option<Pressed>,
}

struct Pressed {
    key: u8,
    turn: u16,
    samples: Vec<i16>,
}

/// What a turn of 20 ms asks to be sent.
#[derive(Debug, PartialEq)]
pub(crate) enum KeyTurn<'a> {
    /// The body of an event so many times; `first` begins it.
    Event { body: [u8; 4], times: u8, first: bool },
    /// Samples of 20 ms.
    Tone(&'a [i16]),
    /// Nothing: a pause between keys.
    Pause,
    /// No key is left.
    Over,
}

impl KeySender {
    /// Takes a key behind those that wait; what is no key, or one too many, is left out.
    pub fn press(&mut self, key: u8) {
        if rtp::event_of_key(key).is_some() && self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(key.to_ascii_uppercase());
        }
    }

    /// The next turn; `events_hz` is the clock of telephone-event, without one keys are tones.
    pub fn turn(&mut self, events_hz: Option<u32>) -> KeyTurn<'_> {
        if self.current.is_none() {
            let Some(key) = self.waiting.pop_front() else { return KeyTurn::Over };
            let samples = match events_hz {
                Some(_) => Vec::new(),
                None => dtmf::key_samples(key, -10.0, -8.0, usize::from(HELD_TURNS) * FRAME_SAMPLES),
            };
            self.current = Some(Pressed { key, turn: 0, samples });
        }
        let turn = self.current.as_mut().map_or(0, |pressed| {
            pressed.turn += 1;
            pressed.turn
        });
        if turn >= HELD_TURNS + PAUSE_TURNS {
            self.current = None;
        }
        let Some(pressed) = self.current.as_ref().filter(|_| turn <= HELD_TURNS) else {
            return KeyTurn::Pause;
        };
        let (Some(events_hz), Some(event)) = (events_hz, rtp::event_of_key(pressed.key)) else {
            let start = usize::from(turn - 1) * FRAME_SAMPLES;
            let end = (start + FRAME_SAMPLES).min(pressed.samples.len());
            return pressed.samples.get(start..end).map_or(KeyTurn::Pause, KeyTurn::Tone);
        };
        let end = turn == HELD_TURNS;
        let duration = (u32::from(turn) * events_hz / 50).min(u32::from(u16::MAX)) as u16;
        let body = KeyEvent { event, end, volume: 10, duration }.to_bytes();
        KeyTurn::Event { body, times: if end { END_PACKETS } else { 1 }, first: turn == 1 }
    }

    /// Nothing is pressed and nothing waits.
    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.current.is_none() && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_five_packets_and_two_repetitions_of_its_end() {
        let mut sender = KeySender::default();
        sender.press(b'7');
        sender.press(b'x');
        let mut bodies = Vec::new();
        loop {
            match sender.turn(Some(48_000)) {
                KeyTurn::Event { body, times, .. } => (0..times).for_each(|_| bodies.push(body)),
                KeyTurn::Pause => {}
                KeyTurn::Over => break,
                KeyTurn::Tone(_) => panic!("no tone where events are agreed"),
            }
        }
        let told: Vec<KeyEvent> = bodies.iter().filter_map(|body| KeyEvent::parse(body)).collect();
        assert_eq!(told.len(), 7);
        assert!(told.iter().all(|event| event.event == 7));
        assert_eq!(told.iter().filter(|event| event.end && event.duration == 4_800).count(), 3);
        assert!(sender.is_idle());
    }

    #[test]
    fn without_events_it_is_heard_as_its_tones() {
        let mut sender = KeySender::default();
        b"12".iter().for_each(|&key| sender.press(key));
        let (mut listener, mut heard) = (dtmf::KeyListener::default(), Vec::new());
        loop {
            match sender.turn(None) {
                KeyTurn::Tone(samples) => listener.hear(samples.iter().copied(), |key| heard.push(key)),
                KeyTurn::Pause => listener.hear([0; FRAME_SAMPLES].into_iter(), |key| heard.push(key)),
                KeyTurn::Over => break,
                KeyTurn::Event { .. } => panic!("no event without a payload type"),
            }
        }
        assert_eq!(heard, b"12");
    }
}
