//! Whoever answers and is asked whether it is somebody, or listened to (row R29): people who press the key, mailboxes that do
//! not, tones. Watches that no caller is joined with a leg that was asked and did not press, or played a tone in its time.

use std::collections::BTreeMap;

use hotline::call::{Sound, Tone};
use node::media::{Command, Event as MediaEvent, MediaLeg};

use super::World;
use crate::dice::Dice;

/// The prompt that asks for the key.
const ASKS: &str = "confirm_call";
/// A tone that is told this early after the answer is no answer.
const JUDGED_MS: u64 = 2_300;

/// What is known of legs whose answers are confirmed.
#[derive(Debug)]
pub struct Confirming {
    /// Chance of its own for what answers.
    dice: Dice,
    /// Legs that were asked, with whether they pressed the key.
    asked: BTreeMap<MediaLeg, bool>,
    /// Legs that are listened to, since when, with whether a tone was told in time.
    judged: BTreeMap<MediaLeg, (u64, bool)>,
    /// Answers that were confirmed or not, so far: how many of them were not.
    pub counts: [u64; 2],
}

impl Confirming {
    pub fn new(seed: u64) -> Self {
        let dice = Dice::new(seed ^ 0x636f_6e66_6972_6d00);
        Self { dice, asked: BTreeMap::new(), judged: BTreeMap::new(), counts: [0; 2] }
    }

    /// A new life of the node numbers its legs anew.
    pub fn forget(&mut self) {
        self.asked.clear();
        self.judged.clear();
    }

    /// Media tells the node something.
    pub fn told(&mut self, event: &MediaEvent, clock: u64) {
        match event {
            MediaEvent::Digit { leg, digit: b'1' } => {
                self.asked.entry(*leg).and_modify(|pressed| *pressed = true);
            }
            // It is somebody by then, whatever is heard behind it.
            MediaEvent::Voice { leg } => _ = self.judged.remove(leg),
            MediaEvent::Tone { leg, .. } => {
                self.judged.entry(*leg).and_modify(|(since, toned)| *toned |= clock < *since + JUDGED_MS);
            }
            _ => {}
        }
    }
}

impl World {
    /// What whoever answered does, and whether the node may do this to it.
    pub(super) fn confirm(&mut self, command: &Command) -> Result<(), String> {
        let (clock, is_scenario) = (self.clock, self.words.is_some());
        let own = &mut self.confirming;
        match command {
            Command::Play { leg, sound: Sound::Prompt(prompt), repeat: true, .. } if &**prompt == ASKS => {
                own.asked.insert(*leg, false);
                own.counts[0] += 1;
                if !is_scenario {
                    let pressed = keys(&mut own.dice);
                    let digit = |(ms, digit)| (ms, MediaEvent::Digit { leg: *leg, digit });
                    self.media.later.extend(pressed.into_iter().map(digit));
                    // Whatever a mailbox says is no key.
                    let says = own.dice.within(0, 3) == 0;
                    self.media.later.extend(says.then_some((150, MediaEvent::Voice { leg: *leg })));
                }
            }
            Command::ListenTones { leg, judge: true, .. } => {
                own.judged.insert(*leg, (clock, false));
                own.counts[0] += 1;
                if !is_scenario {
                    let heard = sounds(&mut own.dice, *leg);
                    self.media.later.extend(heard);
                }
            }
            Command::Bridge { a, b } => {
                for leg in [a, b] {
                    if own.asked.get(leg) == Some(&false) {
                        return Err(format!("{leg:?} is joined and did not press the key (R29)"));
                    }
                    if own.judged.get(leg).is_some_and(|(_, toned)| *toned) {
                        return Err(format!("{leg:?} is joined and played a tone (R29)"));
                    }
                }
            }
            Command::Close { leg } => {
                let not_pressed = own.asked.remove(leg) == Some(false);
                let toned = own.judged.remove(leg).is_some_and(|(_, toned)| toned);
                own.counts[1] += u64::from(not_pressed || toned);
            }
            _ => {}
        }
        Ok(())
    }
}

/// A person presses the key sooner or later; some press others, a mailbox presses nothing.
fn keys(dice: &mut Dice) -> Vec<(u64, u8)> {
    let at = dice.within(200, 9_000);
    match dice.within(0, 9) {
        0..=4 => vec![(at, b'1')],
        5 => vec![(at, b'7'), (at + 900, b'1')],
        6 => vec![(at, b'*'), (at + 900, b'9')],
        7 => vec![(at + 20_000, b'1')],
        _ => Vec::new(),
    }
}

/// A busy tone, ringback, a voice, or nothing that is known.
fn sounds(dice: &mut Dice, leg: MediaLeg) -> Vec<(u64, MediaEvent)> {
    match dice.within(0, 9) {
        0..=1 => {
            vec![(300, MediaEvent::ToneBegan { leg }), (1_900, MediaEvent::Tone { leg, tone: Tone::Busy })]
        }
        2 => vec![
            (1_000, MediaEvent::ToneBegan { leg }),
            (6_100, MediaEvent::Tone { leg, tone: Tone::Ringback }),
        ],
        3 => vec![(300, MediaEvent::ToneBegan { leg }), (3_000, MediaEvent::Voice { leg })],
        4..=7 => vec![(dice.within(250, 3_500), MediaEvent::Voice { leg })],
        _ => Vec::new(),
    }
}
