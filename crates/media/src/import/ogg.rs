//! Ogg: pages, and the Vorbis or Opus packets in them.

use std::io::Cursor;

use lewton::inside_ogg::OggStreamReader;

use super::{Format, ImportError, OpusPackets, Sound};

/// Pages of a file; ten minutes in pages of one packet are 30,000.
const PAGES_MAX: usize = 200_000;
/// The longest packet that is put together.
const PACKET_BYTES_MAX: usize = 128 << 10;

/// Reads a file by its first packet.
pub(super) fn read(file: &[u8], sound: &mut Sound) -> Result<Format, ImportError> {
    match Page::parse(file) {
        Some((page, _)) if page.body.starts_with(b"OpusHead") => opus(file, sound).map(|()| Format::Opus),
        Some((page, _)) if page.body.starts_with(b"\x01vorbis") => {
            vorbis(file, sound).map(|()| Format::Vorbis)
        }
        Some(_) => Err(ImportError::UnknownFormat),
        None => Err(ImportError::Damaged),
    }
}

fn vorbis(file: &[u8], sound: &mut Sound) -> Result<(), ImportError> {
    let mut reader = OggStreamReader::new(Cursor::new(file)).map_err(|_| ImportError::Damaged)?;
    let (rate, channels) = (reader.ident_hdr.audio_sample_rate, reader.ident_hdr.audio_channels);
    if !(1..=2).contains(&channels) {
        return Err(ImportError::Channels(channels));
    }
    while let Some(frames) = reader.read_dec_packet_itl().map_err(|_| ImportError::CutOff)? {
        sound.push(rate, channels, &frames)?;
    }
    if ended(file) { Ok(()) } else { Err(ImportError::CutOff) }
}

fn opus(file: &[u8], sound: &mut Sound) -> Result<(), ImportError> {
    let mut packets = Packets::default();
    let (mut seen, mut reading) = (0, None);
    let mut rest = file;
    while let Some((page, behind)) = Page::parse(rest) {
        rest = behind;
        for packet in packets.take(&page)? {
            seen += 1;
            match (seen, &mut reading) {
                (1, _) => reading = Some(OpusPackets::new(pre_skip(&packet)?)),
                // The comments.
                (2, _) => {}
                (_, Some(reading)) => reading.push(&packet, sound)?,
                (_, None) => return Err(ImportError::Damaged),
            }
        }
    }
    reading.ok_or(ImportError::Damaged)?.end()?;
    if ended(file) { Ok(()) } else { Err(ImportError::CutOff) }
}

/// Samples at 8 kHz that are to be left out at the beginning (RFC 7845, 4.2); one or two channels in one stream.
fn pre_skip(head: &[u8]) -> Result<usize, ImportError> {
    let head = head.get(..19).ok_or(ImportError::Damaged)?;
    match (head[9], head[18]) {
        (1 | 2, 0) => Ok(usize::from(u16::from_le_bytes([head[10], head[11]])) / 6),
        (channels, _) => Err(ImportError::Channels(channels)),
    }
}

/// Whether the last page says that it is.
fn ended(file: &[u8]) -> bool {
    let (mut rest, mut last) = (file, false);
    let mut pages = 0;
    while let Some((page, behind)) = Page::parse(rest) {
        (rest, last, pages) = (behind, page.is_last, pages + 1);
        if pages > PAGES_MAX {
            return false;
        }
    }
    last
}

/// One page (RFC 3533).
struct Page<'f> {
    is_last: bool,
    lengths: &'f [u8],
    body: &'f [u8],
}

impl<'f> Page<'f> {
    /// The page a text begins with, and what stands behind it.
    fn parse(file: &'f [u8]) -> Option<(Page<'f>, &'f [u8])> {
        let (head, rest) = file.split_at_checked(27)?;
        if !head.starts_with(b"OggS\0") {
            return None;
        }
        let (lengths, rest) = rest.split_at_checked(usize::from(head[26]))?;
        let size = lengths.iter().map(|&length| usize::from(length)).sum();
        let (body, rest) = rest.split_at_checked(size)?;
        Some((Page { is_last: head[5] & 4 != 0, lengths, body }, rest))
    }
}

/// Puts packets together that lie in pieces.
#[derive(Default)]
struct Packets {
    open: Vec<u8>,
    pages: usize,
}

impl Packets {
    fn take(&mut self, page: &Page<'_>) -> Result<Vec<Vec<u8>>, ImportError> {
        let (mut whole, mut rest) = (Vec::new(), page.body);
        self.pages += 1;
        for &length in page.lengths {
            let (piece, behind) = rest.split_at(usize::from(length));
            rest = behind;
            self.open.extend_from_slice(piece);
            if length < 255 {
                whole.push(std::mem::take(&mut self.open));
            }
        }
        let bounded = self.pages <= PAGES_MAX && self.open.len() <= PACKET_BYTES_MAX;
        bounded.then_some(whole).ok_or(ImportError::Damaged)
    }
}
