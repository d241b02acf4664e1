//! Legs that hear more than one other: three in a talk, or somebody who listens to two. Each listener's list is its own, so that
//! who whispers to one is heard by nobody else.

use super::*;
use crate::mixer::{Mix, Source, Voice, cut};
use crate::rtp::FRAME_SAMPLES;

impl Shard {
    /// From now on a leg hears the sum of these legs in place of a bridge; of none, what is bridged to it again.
    pub(super) fn mix(&mut self, listener: LegId, hears: &[LegId]) -> Result<(), (LegId, Refusal)> {
        let at = self.port_of(listener)?;
        let mut voices = Vec::with_capacity(hears.len());
        for leg in hears.iter().filter(|leg| **leg != listener) {
            voices.push((*leg, self.port_of(*leg)?));
        }
        let mut sources = Vec::with_capacity(voices.len());
        for (leg, port) in voices {
            if let Some(speaker) = self.ports[port as usize].leg.as_deref_mut() {
                let voice: &Voice = speaker.voice.get_or_insert_default();
                sources.push(Source::new(leg, port, voice));
            }
        }
        let Some(leg) = self.ports[at as usize].leg.as_deref_mut() else { return Ok(()) };
        leg.out.pause();
        leg.mix = (!sources.is_empty()).then(|| Box::new(Mix { sources, last_turn: None }));
        let mixed = leg.mix.is_some();
        if mixed {
            self.list(at);
        }
        self.forget_voices();
        Ok(())
    }

    /// Voices that nobody follows any more cost nothing any more.
    fn forget_voices(&mut self) {
        let mixes = self.ports.iter().filter_map(|port| port.leg.as_deref()?.mix.as_deref());
        let heard: Vec<LegId> = mixes.flat_map(|mix| mix.sources.iter().map(|source| source.leg)).collect();
        let legs = self.ports.iter_mut().filter_map(|port| port.leg.as_deref_mut());
        for leg in legs.filter(|leg| leg.voice.is_some() && !heard.contains(&leg.id)) {
            leg.voice = None;
        }
    }

    /// Sends a listener its next 20 ms. Turns that were missed are skipped and counted, never sent in a burst.
    pub(super) fn mix_turn(&mut self, at: u32, turn: u64, now: Now, frame: &mut Frame) -> bool {
        let Some(mut mix) = self.ports[at as usize].leg.as_deref_mut().and_then(|leg| leg.mix.take()) else {
            return false;
        };
        let frames = mix.last_turn.map_or(1, |last| turn.saturating_sub(last));
        if frames > 0 {
            mix.last_turn = Some(turn);
            let mut sum = [0; FRAME_SAMPLES];
            for source in &mut mix.sources {
                let speaker = self.ports[source.port as usize].leg.as_deref();
                // The port of a leg that is over may be another's by now.
                if let Some(voice) =
                    speaker.filter(|leg| leg.id == source.leg).and_then(|leg| leg.voice.as_deref())
                {
                    source.add(voice, &mut sum);
                }
            }
            self.say_mixed(at, &cut(&sum), frames, now, frame);
        }
        if let Some(leg) = self.ports[at as usize].leg.as_deref_mut() {
            leg.mix = Some(mix);
        }
        true
    }

    fn say_mixed(
        &mut self,
        at: u32,
        samples: &[i16; FRAME_SAMPLES],
        frames: u64,
        now: Now,
        frame: &mut Frame,
    ) {
        let slot = &mut self.ports[at as usize];
        let Some(leg) = slot.leg.as_deref_mut() else { return };
        let Some(Peer { agreed, remote }) = &leg.peer else { return };
        leg.skipped += frames - 1;
        let len = match (agreed.codec.law(), &mut leg.coder) {
            (Some(law), _) => {
                let octets = frame[HEADER_BYTES..].iter_mut();
                octets.zip(samples).for_each(|(octet, &sample)| *octet = law.encode(sample));
                FRAME_SAMPLES
            }
            (None, Some(coder)) => coder.encode_now(samples, &mut frame[HEADER_BYTES..]),
            (None, None) => return,
        };
        leg.out.play(frames, agreed.payload_type, frame, now.ms);
        if leg.deaf {
            return;
        }
        leg.out.sent += 1;
        let secure = leg.secure.as_deref_mut();
        send(&slot.socket, slot.connected, *remote, secure, frame, HEADER_BYTES + len);
    }
}
