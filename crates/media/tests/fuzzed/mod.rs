//! What the fuzzer and the corpus test do with foreign bytes.

use media::dtmf::{KEYS_PER_SECOND_MAX, KeyReceiver};
use media::import::{Limits, import};
use media::rtcp;
use media::rtp::{KeyEvent, Packet};
use media::srtp::{Master, OVERHEAD_BYTES, Opener, Sealer, Suite};
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

/// A file that somebody uploads as a prompt, of any format: refused, or a sound within its bounds.
pub fn upload(bytes: &[u8]) {
    let limits = Limits { file_bytes_max: 1 << 16, duration_ms_max: 5_000, ratio_max: 20 };
    if let Ok(imported) = import(bytes, &limits) {
        assert!(imported.duration_ms() <= limits.duration_ms_max + 1);
        let loudest = imported.samples.iter().map(|sample| sample.unsigned_abs()).max();
        assert!(loudest.is_some_and(|loudest| loudest <= 27_600), "{loudest:?}");
    }
}

/// Telephone-events one behind the other, each in eight octets (timestamp, time gone by in 10 ms, payload): however many
/// there are, no second has more keys than its bound.
pub fn keys(bytes: &[u8]) {
    let (mut receiver, mut now_ms, mut second, mut in_second) = (KeyReceiver::default(), 0, 0, 0);
    for packet in bytes.chunks_exact(8) {
        now_ms += u64::from(packet[3]) * 10;
        if now_ms / 1000 != second {
            (second, in_second) = (now_ms / 1000, 0);
        }
        let timestamp = u32::from_be_bytes([packet[0], packet[1], packet[2], 0]);
        let ended = receiver.expire(now_ms);
        let told = receiver.receive(timestamp, &packet[4..], now_ms);
        in_second += [ended, told[0], told[1]].into_iter().flatten().count();
        assert!(in_second <= KEYS_PER_SECOND_MAX as usize, "{in_second} keys in a second");
    }
}

/// A datagram on a port with keys: the first octet names the suite. As it came it is refused or shorter; sealed by the
/// peer it comes back as it was, and with one octet of it changed it is not believed.
pub fn srtp(bytes: &[u8]) {
    let Some((choice, datagram)) = bytes.split_first() else { return };
    let suite = [Suite::Gcm256, Suite::Gcm128, Suite::Cm80, Suite::Cm32][usize::from(choice & 3)];
    let (key, salt) = suite.key_bytes();
    let master = Master { suite, key: vec![0x5a; key + salt].into() };
    let opener = || Opener::new(&master).expect("a whole key");
    let mut stranger = datagram.to_vec();
    assert!(opener().open(&mut stranger).is_none_or(|len| len < datagram.len()));
    let mut stranger = datagram.to_vec();
    assert!(opener().open_rtcp(&mut stranger).is_none_or(|len| len < datagram.len()));
    let mut buffer = [datagram, &[0; OVERHEAD_BYTES]].concat();
    let mut sealer = Sealer::new(&master).expect("a whole key");
    let Some(sealed) = sealer.seal(&mut buffer, datagram.len()) else { return };
    buffer.truncate(sealed);
    let mut touched = buffer.clone();
    touched[usize::from(choice >> 2) * 7 % sealed] ^= 1;
    assert_eq!(opener().open(&mut touched), None, "a packet that was touched is not believed");
    assert_eq!(opener().open(&mut buffer), Some(datagram.len()));
    assert_eq!(&buffer[..datagram.len()], datagram);
}
