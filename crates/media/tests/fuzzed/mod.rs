//! What the fuzzer and the corpus test do with foreign bytes.

use media::rtcp;
use media::rtp::{KeyEvent, Packet};
use media::wav::Wav;

/// A datagram on a media port: whatever it is, its payload lies inside it.
pub fn rtp(bytes: &[u8]) {
    if let Some(packet) = Packet::parse(bytes) {
        assert!(packet.start >= 12 && packet.start <= packet.end && packet.end <= bytes.len());
        let _ = KeyEvent::parse(&bytes[packet.start..packet.end]);
    }
}

/// Reports of a peer: what is told of our stream is of ours, and only RTCP tells anything.
pub fn rtcp(bytes: &[u8]) {
    const OURS: u32 = 0x5123_4567;
    let told = rtcp::read(bytes, OURS);
    assert!(told.block.is_none_or(|block| block.ssrc == OURS && block.lost <= 0xFF_FFFF));
    assert!(rtcp::is_rtcp(bytes) || told == rtcp::Told::default());
}

/// A sound file that people upload: never more samples than the bound, and what was read reads back.
pub fn wav(bytes: &[u8]) {
    const BYTES_MAX: usize = 1 << 20;
    if let Ok(wav) = Wav::parse(bytes, BYTES_MAX) {
        let samples: usize = wav.channels.iter().map(Vec::len).sum();
        assert!(samples <= BYTES_MAX);
    }
}
