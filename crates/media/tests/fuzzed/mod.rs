//! What the fuzzer and the corpus test do with foreign bytes.

use media::rtp::{KeyEvent, Packet};
use media::wav::Wav;

/// A datagram on a media port: whatever it is, its payload lies inside it.
pub fn rtp(bytes: &[u8]) {
    if let Some(packet) = Packet::parse(bytes) {
        assert!(packet.start >= 12 && packet.start <= packet.end && packet.end <= bytes.len());
        let _ = KeyEvent::parse(&bytes[packet.start..packet.end]);
    }
}

/// A sound file that people upload: never more samples than the bound, and what was read reads back.
pub fn wav(bytes: &[u8]) {
    const BYTES_MAX: usize = 1 << 20;
    if let Ok(wav) = Wav::parse(bytes, BYTES_MAX) {
        let samples: usize = wav.channels.iter().map(Vec::len).sum();
        assert!(samples <= BYTES_MAX);
    }
}
