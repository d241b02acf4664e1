//! Tones of the network in what a far end sends: which one it is, by frequency and cadence as [`TONES`] date them.
//! Samples come in with their RTP time; it refuses to know sockets and what a tone means.

use super::{TONES, ToneRule};
use crate::command::ToneId;
use crate::measure::dbm0_amplitude;

/// What is heard is judged in blocks of 10 ms, so that the phase between two of them tells frequencies up to 50 Hz off.
const BLOCK_SAMPLES: usize = 80;
const BLOCK_MS: u32 = 10;
/// A tone holds this share of its block's power.
const SHARE: f32 = 0.7;
/// Below this nothing is taken for a tone.
const LEVEL_MIN_DBM0: f32 = -35.0;
/// In the pause it is at least 10 dB less loud than in the burst before it.
const PAUSE_RATIO: f32 = 10.0;
/// From block to block the phase of a tone advances evenly; that of a voice does not. 1 is a pure tone.
const STEADY: f32 = 0.9;
/// A change is believed once it has lasted so many blocks: a lost packet or two are no pause.
const BLOCKS_BELIEVED: u32 = 6;
/// Of these so many may be neither tone nor pause: the change itself falls into a block.
const BLOCKS_MIXED: u32 = 1;
/// A gap in the timestamps that is longer is a new stream.
const GAP_SAMPLES_MAX: u32 = 6 * 8_000;
/// Bursts and pauses remembered: three bursts tell a busy tone.
const RUNS: usize = 5;

/// So much that is neither tone nor silence is a voice: the edges of the bursts of a tone that is told after three of them are
/// a quarter of it.
const VOICE_BLOCKS: u32 = 25;
/// A burst of which so much is heard may be a tone's.
const BURST_BLOCKS: u32 = 25;

/// What a far end sounds like before the cadence of a tone is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Silence, or too little of anything.
    Unknown,
    /// A burst of the network's frequency was heard.
    Tone,
    /// Something else was.
    Voice,
}

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tone,
    Pause,
    Other,
}

/// A stretch of blocks of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    tone: u32,
    pause: u32,
    other: u32,
}

impl Count {
    fn all(self) -> u32 {
        self.tone + self.pause + self.other
    }

    /// What a change of so many blocks is a change to.
    fn kind(self) -> Kind {
        let most = self.all().saturating_sub(BLOCKS_MIXED);
        match self {
            Count { tone, .. } if tone >= most => Kind::Tone,
            Count { pause, .. } if pause >= most => Kind::Pause,
            Count { .. } => Kind::Other,
        }
    }
}

/// A part of a sum of phases: real and imaginary.
type Phasor = (f32, f32);

/// Hears the tones that hold on one day.
#[derive(Clone, Debug)]
pub struct ToneListener {
    rules: Vec<&'static ToneRule>,
    /// A sine and cosine of the tones' frequency over one block, and the phase between two blocks.
    carrier: Box<[Phasor; BLOCK_SAMPLES]>,
    frequency_hz: f32,
    block: [i16; BLOCK_SAMPLES],
    filled: usize,
    next_timestamp: Option<u32>,
    kind: Kind,
    blocks: u32,
    change: Count,
    /// The block before, if it was a tone's.
    before: Option<Phasor>,
    /// Advance of phase over this burst: its sum, and what it would be if it were even.
    advance: Phasor,
    even: f32,
    /// Energy of a block of the newest burst.
    burst_energy: f32,
    /// Length of the newest bursts and pauses in turn, a burst last; 0 is none.
    runs_ms: [u32; RUNS],
    told: Option<ToneId>,
    /// Blocks so far that were neither tone nor silence.
    voice_blocks: u32,
    /// Whether a burst was as long as a tone's.
    burst: bool,
}

impl ToneListener {
    /// `None` on a day on which no tone has a rule that far ends are heard by.
    pub fn on(day: u32) -> Option<ToneListener> {
        let heard = |rule: &&ToneRule| rule.heard.is_some() && super::rule(rule.tone, day) == Some(*rule);
        let rules: Vec<&'static ToneRule> = TONES.iter().filter(heard).collect();
        let frequency_hz = rules.first()?.cadence.first()?.frequency_hz;
        let step = std::f32::consts::TAU * frequency_hz / 8_000.0;
        let carrier = std::array::from_fn(|n| ((step * n as f32).cos(), -(step * n as f32).sin()));
        Some(ToneListener {
            rules,
            carrier: Box::new(carrier),
            frequency_hz,
            block: [0; BLOCK_SAMPLES],
            filled: 0,
            next_timestamp: None,
            kind: Kind::Other,
            blocks: 0,
            change: Count::default(),
            before: None,
            advance: (0.0, 0.0),
            even: 0.0,
            burst_energy: 0.0,
            runs_ms: [0; RUNS],
            told: None,
            voice_blocks: 0,
            burst: false,
        })
    }

    /// Takes the samples of one packet at 8 kHz with its timestamp on that clock, the newest so far; gives a tone once its
    /// cadence was heard whole, and not again until another was. What was not sent, or got lost, counts as silence.
    pub fn hear(&mut self, timestamp: u32, samples: impl Iterator<Item = i16>) -> Option<ToneId> {
        let gap = self.next_timestamp.map_or(0, |next| timestamp.wrapping_sub(next));
        let mut told = self.pass_silence(gap);
        let mut count = 0;
        for sample in samples {
            told = self.push(sample).or(told);
            count += 1;
        }
        self.next_timestamp = Some(timestamp.wrapping_add(count));
        told
    }

    /// What it sounds like so far.
    pub fn nature(&self) -> Nature {
        match (self.voice_blocks >= VOICE_BLOCKS, self.burst) {
            (true, _) => Nature::Voice,
            (false, true) => Nature::Tone,
            (false, false) => Nature::Unknown,
        }
    }

    /// What was heard before counts no more.
    fn forget(&mut self) {
        (self.kind, self.blocks, self.change) = (Kind::Other, 0, Count::default());
        (self.filled, self.before, self.runs_ms) = (0, None, [0; RUNS]);
    }

    fn pass_silence(&mut self, mut samples: u32) -> Option<ToneId> {
        if samples > GAP_SAMPLES_MAX {
            self.forget();
            return None;
        }
        let mut told = None;
        while samples > 0 && self.filled > 0 {
            told = self.push(0).or(told);
            samples -= 1;
        }
        let blocks = samples / BLOCK_SAMPLES as u32;
        for _ in 0..blocks {
            self.before = None;
            told = self.count(Kind::Pause).or(told);
        }
        (blocks * BLOCK_SAMPLES as u32..samples).for_each(|_| told = self.push(0).or(told));
        told
    }

    fn push(&mut self, sample: i16) -> Option<ToneId> {
        self.block[self.filled] = sample;
        self.filled += 1;
        if self.filled < BLOCK_SAMPLES {
            return None;
        }
        self.filled = 0;
        let kind = self.judge();
        self.count(kind)
    }

    /// What the block in hand holds; a tone's phase is kept.
    fn judge(&mut self) -> Kind {
        let energy: f32 = self.block.iter().map(|&sample| f32::from(sample).powi(2)).sum();
        let amplitude_min = dbm0_amplitude(LEVEL_MIN_DBM0);
        let floor = amplitude_min * amplitude_min * BLOCK_SAMPLES as f32 / 2.0;
        let before = self.before.take();
        if energy < floor {
            return Kind::Pause;
        }
        let part =
            self.block.iter().zip(self.carrier.iter()).fold((0.0, 0.0), |sum: Phasor, (&sample, at)| {
                (sum.0 + f32::from(sample) * at.0, sum.1 + f32::from(sample) * at.1)
            });
        let power = part.0 * part.0 + part.1 * part.1;
        if power * 2.0 < SHARE * energy * BLOCK_SAMPLES as f32 {
            let faint = self.burst_energy > 0.0 && energy * PAUSE_RATIO < self.burst_energy;
            return if faint { Kind::Pause } else { Kind::Other };
        }
        if let Some(before) = before {
            // Each block is measured from its own start: the phase that passes in one is added again when it is read.
            self.advance.0 += part.0 * before.0 + part.1 * before.1;
            self.advance.1 += part.1 * before.0 - part.0 * before.1;
            self.even += (power * (before.0 * before.0 + before.1 * before.1)).sqrt();
        }
        self.before = Some(part);
        self.burst_energy = energy;
        Kind::Tone
    }

    /// Counts a block into its run; a change that is believed ends the run.
    fn count(&mut self, kind: Kind) -> Option<ToneId> {
        self.voice_blocks += u32::from(kind == Kind::Other);
        if kind == self.kind {
            self.blocks += self.change.all() + 1;
            self.change = Count::default();
            self.burst |= kind == Kind::Tone && self.blocks >= BURST_BLOCKS;
            return None;
        }
        match kind {
            Kind::Tone => self.change.tone += 1,
            Kind::Pause => self.change.pause += 1,
            Kind::Other => self.change.other += 1,
        }
        if self.change.all() < BLOCKS_BELIEVED {
            return None;
        }
        let told = self.end_run();
        (self.kind, self.blocks) = (self.change.kind(), self.change.all());
        self.change = Count::default();
        told
    }

    fn end_run(&mut self) -> Option<ToneId> {
        let run_ms = self.blocks * BLOCK_MS;
        let told = match self.kind {
            Kind::Tone if self.is_steady() => {
                self.remember(run_ms);
                self.tone_of_runs()
            }
            Kind::Pause => {
                self.remember(run_ms);
                None
            }
            Kind::Tone | Kind::Other => {
                self.runs_ms = [0; RUNS];
                None
            }
        };
        (self.advance, self.even) = ((0.0, 0.0), 0.0);
        let tone = told.filter(|tone| self.told != Some(*tone))?;
        self.told = Some(tone);
        Some(tone)
    }

    fn remember(&mut self, run_ms: u32) {
        self.runs_ms.rotate_left(1);
        self.runs_ms[RUNS - 1] = run_ms;
    }

    /// Whether the burst was one tone, and of the network's frequency.
    fn is_steady(&self) -> bool {
        let Some(heard) = self.rules.first().and_then(|rule| rule.heard) else { return false };
        let (re, im) = self.advance;
        let even = re.hypot(im);
        // A block of the very frequency ends half a turn or more after its start: what is left over is the difference.
        let turn = std::f32::consts::TAU * self.frequency_hz * BLOCK_SAMPLES as f32 / 8_000.0;
        let rest = (im.atan2(re) - turn).rem_euclid(std::f32::consts::TAU);
        let rest = if rest > std::f32::consts::PI { rest - std::f32::consts::TAU } else { rest };
        let off_hz = rest / std::f32::consts::TAU * 8_000.0 / BLOCK_SAMPLES as f32;
        even >= STEADY * self.even && off_hz.abs() < heard.tolerance_hz
    }

    fn tone_of_runs(&self) -> Option<ToneId> {
        let fits = |rule: &&&ToneRule| {
            let (Some(heard), [burst, pause]) = (rule.heard, rule.cadence) else { return false };
            let near = |ms: u32, wanted: u32| ms.abs_diff(wanted) * 100 <= wanted * heard.tolerance_percent;
            let runs = usize::from(heard.bursts) * 2 - 1;
            let newest = self.runs_ms.iter().rev().take(runs).enumerate();
            newest
                .into_iter()
                .all(|(n, &ms)| near(ms, if n % 2 == 0 { burst.duration_ms } else { pause.duration_ms }))
        };
        self.rules.iter().find(fits).map(|rule| rule.tone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::Law;
    use crate::measure::sine;
    use crate::tone::{Part, render, rule};

    const DAY: u32 = 20_261_001;

    fn listener() -> ToneListener {
        ToneListener::on(DAY).expect("tones hold on that day")
    }

    /// What is heard of samples that come in packets of 20 ms, as G.711 keeps them.
    fn heard(samples: &[i16]) -> Vec<ToneId> {
        let mut listener = listener();
        let packets = samples.chunks(160).zip((0..).step_by(160));
        packets.filter_map(|(packet, at)| listener.hear(at, over_the_wire(packet))).collect()
    }

    fn over_the_wire(samples: &[i16]) -> impl Iterator<Item = i16> {
        samples.iter().map(|&sample| Law::Pcma.decode(Law::Pcma.encode(sample)))
    }

    fn cadence(frequency_hz: f32, on_ms: u32, off_ms: u32, level_dbm0: f32, times: usize) -> Vec<i16> {
        let on = Part { frequency_hz, duration_ms: on_ms };
        let off = Part { frequency_hz: 0.0, duration_ms: off_ms };
        render(&[on, off], level_dbm0).repeat(times)
    }

    fn shipped(tone: ToneId, times: usize) -> Vec<i16> {
        let rule = rule(tone, DAY).expect("a rule holds");
        render(rule.cadence, rule.level_dbm0).repeat(times)
    }

    /// A generator of noise, evenly spread.
    fn noise(seed: u32) -> impl FnMut() -> f32 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        }
    }

    #[test]
    fn r12_each_tone_of_the_network_is_told_once_by_its_cadence() {
        assert_eq!(heard(&shipped(ToneId::Busy, 12)), [ToneId::Busy]);
        assert_eq!(heard(&shipped(ToneId::Congestion, 8)), [ToneId::Congestion]);
        assert_eq!(heard(&shipped(ToneId::Ringback, 4)), [ToneId::Ringback]);
        let both = [shipped(ToneId::Ringback, 2), shipped(ToneId::Busy, 4)].concat();
        assert_eq!(heard(&both), [ToneId::Ringback, ToneId::Busy]);
    }

    /// When a far end is first known to sound like something, and what like.
    fn nature(samples: &[i16]) -> Option<(usize, Nature)> {
        let mut listener = listener();
        let packets = samples.chunks(160).zip((0..).step_by(160));
        packets
            .map(|(packet, at)| (at, listener.hear(at, over_the_wire(packet)), listener.nature()))
            .find_map(|(at, _, nature)| (nature != Nature::Unknown).then_some((at as usize / 8, nature)))
    }

    /// A voice: a pitch that glides with some harmonics, in syllables.
    fn voice(ms: usize) -> Vec<i16> {
        let mut phase = 0.0f32;
        let sample = |n: usize| {
            let s = n as f32 / 8_000.0;
            phase += std::f32::consts::TAU * (150.0 + 40.0 * (s * 5.0).sin()) / 8_000.0;
            let harmonics = phase.sin() + 0.8 * (2.0 * phase).sin() + 0.6 * (3.0 * phase).sin();
            (harmonics * 4_000.0 * (s * 9.0).sin().abs()) as i16
        };
        (0..ms * 8).map(sample).collect()
    }

    #[test]
    fn r29_what_answers_is_judged_before_a_cadence_is_known() {
        assert_eq!(nature(&vec![0; 80_000]), None);
        let (at, heard) = nature(&voice(2_000)).expect("a voice");
        assert!(heard == Nature::Voice && at < 800, "{at} ms: {heard:?}");
        for tone in [ToneId::Busy, ToneId::Congestion, ToneId::Ringback] {
            let (at, heard) = nature(&shipped(tone, 1)).expect("a tone");
            assert!(heard == Nature::Tone && at < 400, "{tone:?} {at} ms: {heard:?}");
        }
        // Whoever picks up late, behind a burst of ringback that was on its way, is heard all the same.
        let late = [shipped(ToneId::Ringback, 1), voice(2_000)].concat();
        let mut listener = listener();
        let heard = late.chunks(160).zip((0..).step_by(160)).map(|(packet, at)| {
            listener.hear(at, over_the_wire(packet));
            listener.nature()
        });
        assert_eq!(heard.last(), Some(Nature::Voice));
    }

    #[test]
    fn r29_no_tone_is_taken_for_a_voice_while_its_cadence_is_awaited() {
        for (tone, times) in [(ToneId::Busy, 11), (ToneId::Congestion, 6), (ToneId::Ringback, 2)] {
            for level_dbm0 in [-30.0, -20.0, -10.0, 0.0] {
                let rule = rule(tone, DAY).expect("a rule holds");
                let mut listener = listener();
                let samples = render(rule.cadence, level_dbm0).repeat(times);
                for (packet, at) in samples.chunks(160).zip((0..).step_by(160)) {
                    listener.hear(at, over_the_wire(packet));
                    assert_ne!(
                        listener.nature(),
                        Nature::Voice,
                        "{tone:?} {level_dbm0} dBm0 at {} ms",
                        at / 8
                    );
                }
            }
        }
    }

    #[test]
    fn r12_a_busy_tone_is_told_after_three_bursts_and_not_before() {
        let samples = shipped(ToneId::Busy, 4);
        assert!(heard(&samples[..(350 * 5 + 40) * 8]).is_empty());
        assert_eq!(heard(&samples[..(350 * 5 + 100) * 8]), [ToneId::Busy]);
    }

    #[test]
    fn tones_are_taken_within_the_tolerances_and_not_beyond() {
        let busy =
            |hz: f32, on_ms: u32, off_ms: u32, level: f32| heard(&cadence(hz, on_ms, off_ms, level, 8));
        for (hz, on_ms, off_ms, level) in [
            (450.0, 350, 350, -10.0),
            (432.0, 350, 350, -10.0),
            (468.0, 350, 350, -10.0),
            (450.0, 310, 390, -10.0),
            (450.0, 390, 310, -10.0),
            (450.0, 350, 350, -30.0),
            (450.0, 350, 350, 0.0),
        ] {
            assert_eq!(
                busy(hz, on_ms, off_ms, level),
                [ToneId::Busy],
                "{hz} Hz {on_ms}/{off_ms} {level} dBm0"
            );
        }
        for (hz, on_ms, off_ms, level) in [
            (425.0, 350, 350, -10.0),
            (475.0, 350, 350, -10.0),
            (480.0, 350, 350, -10.0),
            (400.0, 350, 350, -10.0),
            (500.0, 350, 350, -10.0),
            (900.0, 350, 350, -10.0),
            (450.0, 250, 250, -10.0),
            (450.0, 500, 500, -10.0),
            (450.0, 350, 700, -10.0),
            (450.0, 350, 350, -42.0),
        ] {
            assert_eq!(busy(hz, on_ms, off_ms, level), [], "{hz} Hz {on_ms}/{off_ms} {level} dBm0");
        }
    }

    #[test]
    fn other_networks_dial_tones_beeps_and_keys_are_none() {
        assert_eq!(heard(&shipped(ToneId::Dial, 20)), []);
        assert_eq!(heard(&shipped(ToneId::Warning, 20)), []);
        // North America: ringback of 440 + 480 Hz, busy of 480 + 620 Hz.
        for (low, high, on_ms, off_ms) in [(440.0, 480.0, 1_000, 4_000), (480.0, 620.0, 350, 350)] {
            let low = cadence(low, on_ms, off_ms, -13.0, 6);
            let high = cadence(high, on_ms, off_ms, -13.0, 6);
            let both: Vec<i16> = low.iter().zip(high).map(|(a, b)| a + b).collect();
            assert_eq!(heard(&both), [], "{on_ms}/{off_ms}");
        }
        // The beep of a voice mailbox, once.
        assert_eq!(heard(&[sine(8_000, 450.0, 6_000.0, 8_000), vec![0; 80_000]].concat()), []);
    }

    #[test]
    fn r12_a_voice_in_the_rhythm_of_a_busy_tone_is_none() {
        // A pitch of 225 Hz whose second harmonic is 450, swelling and gliding as a voice does, and one that holds still.
        for glide in [0.0, 0.06] {
            let mut samples = Vec::new();
            for _ in 0..20 {
                let mut phase = 0.0f32;
                samples.extend((0..2_800).map(|n| {
                    let along = n as f32 / 2_800.0;
                    phase += std::f32::consts::TAU * 225.0 * (1.0 + glide * (0.5 - along)) / 8_000.0;
                    let voice = phase.sin() + 1.2 * (2.0 * phase).sin() + 0.5 * (3.0 * phase).sin();
                    (voice * 4_000.0 * (std::f32::consts::PI * along).sin().sqrt()) as i16
                }));
                samples.resize(samples.len() + 2_800, 0);
            }
            assert_eq!(heard(&samples), [], "{glide}");
        }
        let mut random = noise(7);
        let hiss: Vec<i16> = (0..400_000).map(|_| (random() * 8_000.0) as i16).collect();
        assert_eq!(heard(&hiss), []);
    }

    #[test]
    fn r12_a_tone_in_noise_is_still_one() {
        let mut random = noise(3);
        let mut samples = shipped(ToneId::Busy, 8);
        // 17 dB below the tone.
        samples.iter_mut().for_each(|sample| *sample += (random() * 1_500.0) as i16);
        assert_eq!(heard(&samples), [ToneId::Busy]);
    }

    #[test]
    fn r12_lost_packets_and_suppressed_silence_change_nothing() {
        let samples = shipped(ToneId::Busy, 8);
        let packets = || samples.chunks(160).zip((0u32..).step_by(160));
        let listen = |kept: &dyn Fn(usize, &[i16]) -> bool| {
            let mut listener = listener();
            let kept = packets().enumerate().filter(|(n, (packet, _))| kept(*n, packet));
            kept.filter_map(|(_, (packet, at))| listener.hear(at, over_the_wire(packet))).collect::<Vec<_>>()
        };
        assert_eq!(listen(&|n, _| n % 11 != 5), [ToneId::Busy], "every eleventh is lost");
        let loud = |packet: &[i16]| packet.iter().any(|sample| *sample != 0);
        assert_eq!(listen(&|_, packet| loud(packet)), [ToneId::Busy], "no packets in the pauses");
        assert_eq!(listen(&|n, _| n % 2 == 0), [], "every other one is lost: no cadence is left");
    }

    #[test]
    fn a_new_stream_begins_anew() {
        let samples = shipped(ToneId::Busy, 2);
        let mut listener = listener();
        let mut told = Vec::new();
        for start in [0u32, 4_000_000_000, 77] {
            let packets = samples.chunks(160).zip((0u32..).step_by(160));
            told.extend(
                packets
                    .filter_map(|(packet, at)| listener.hear(start.wrapping_add(at), over_the_wire(packet))),
            );
        }
        assert_eq!(told, [], "two bursts each, never three in a row");
    }

    #[test]
    fn before_its_first_day_nothing_is_heard_and_one_frequency_serves_each_day() {
        assert!(ToneListener::on(19_820_101).is_none());
        let listener = listener();
        let parts = listener.rules.iter().flat_map(|rule| rule.cadence);
        let others =
            parts.filter(|part| part.frequency_hz != 0.0 && part.frequency_hz != listener.frequency_hz);
        assert_eq!((listener.rules.len(), others.count()), (3, 0));
    }
}
