//! A call's log as one TEXT value: an LZ4 block (the format of LZ4's block specification, or the bytes as they are
//! when that is shorter) in base 64. Knows nothing of what is inside.

/// First byte: the bytes follow as they are.
const STORED: u8 = 0;
/// First byte: one LZ4 block follows.
const LZ4: u8 = 1;

/// Packs bytes into text.
pub(crate) fn pack(bytes: &[u8]) -> String {
    let mut packed = vec![LZ4];
    squeeze(bytes, &mut packed);
    if packed.len() > bytes.len() {
        packed.clear();
        packed.push(STORED);
        packed.extend_from_slice(bytes);
    }
    to_base64(&packed)
}

/// The bytes again; `None` if the text is not what [`pack`] wrote.
pub(crate) fn unpack(text: &str) -> Option<Vec<u8>> {
    let packed = from_base64(text)?;
    match packed.split_first()? {
        (&STORED, bytes) => Some(bytes.to_vec()),
        (&LZ4, block) => expand(block),
        _ => None,
    }
}

const MATCH_MIN: usize = 4;
/// The format wants the last five bytes as literals and no match in the last twelve.
const TAIL: usize = 12;
const HASH_BITS: u32 = 12;

fn squeeze(bytes: &[u8], out: &mut Vec<u8>) {
    let mut seen = [0u32; 1 << HASH_BITS];
    let (mut at, mut literals_from) = (0, 0);
    while at + TAIL < bytes.len() {
        let word = u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let slot = (word.wrapping_mul(2_654_435_761) >> (32 - HASH_BITS)) as usize;
        let earlier = std::mem::replace(&mut seen[slot], at as u32 + 1) as usize;
        if earlier == 0 || at + 1 - earlier > 0xffff || bytes[earlier - 1..earlier + 3] != bytes[at..at + 4] {
            at += 1;
            continue;
        }
        let length = same_from(bytes, earlier - 1, at);
        write_sequence(out, &bytes[literals_from..at], Some((at + 1 - earlier, length)));
        at += length;
        literals_from = at;
    }
    write_sequence(out, &bytes[literals_from..], None);
}

fn same_from(bytes: &[u8], earlier: usize, at: usize) -> usize {
    let end = bytes.len() - 5;
    (at..end).take_while(|place| bytes[*place] == bytes[earlier + place - at]).count()
}

fn write_sequence(out: &mut Vec<u8>, literals: &[u8], found: Option<(usize, usize)>) {
    let extra = found.map_or(0, |(_, length)| length - MATCH_MIN);
    out.push(((literals.len().min(15) as u8) << 4) | extra.min(15) as u8);
    write_length(out, literals.len());
    out.extend_from_slice(literals);
    if let Some((distance, _)) = found {
        out.extend_from_slice(&(distance as u16).to_le_bytes());
        write_length(out, extra);
    }
}

fn write_length(out: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(15) else { return };
    while rest >= 255 {
        out.push(255);
        rest -= 255;
    }
    out.push(rest as u8);
}

fn expand(block: &[u8]) -> Option<Vec<u8>> {
    let mut input = block.iter().copied();
    let mut out = Vec::with_capacity(block.len() * 3);
    while let Some(token) = input.next() {
        let literals = read_length(usize::from(token >> 4), &mut input)?;
        for _ in 0..literals {
            out.push(input.next()?);
        }
        let Some(low) = input.next() else { return Some(out) };
        let distance = usize::from(u16::from_le_bytes([low, input.next()?]));
        let length = read_length(usize::from(token & 15), &mut input)? + MATCH_MIN;
        let from = out.len().checked_sub(distance).filter(|_| distance > 0)?;
        for place in from..from + length {
            out.push(out[place]);
        }
    }
    Some(out)
}

fn read_length(short: usize, input: &mut impl Iterator<Item = u8>) -> Option<usize> {
    let mut length = short;
    if short == 15 {
        loop {
            let more = input.next()?;
            length = length.checked_add(usize::from(more))?;
            if more < 255 {
                break;
            }
        }
    }
    Some(length)
}

/// RFC 4648 section 4, without padding.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word =
            group.iter().fold(0u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(char::from(ALPHABET[(word >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.as_bytes().chunks(4) {
        let mut word = 0;
        for byte in group {
            word = (word << 6) | digit(*byte)?;
        }
        let whole = (word << (6 * (4 - group.len()))).to_be_bytes();
        bytes.extend_from_slice(&whole[1..group.len()]);
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_one_of_rfc_4648() {
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(to_base64(bytes.as_bytes()), text);
            assert_eq!(from_base64(text).unwrap(), bytes.as_bytes());
        }
    }

    #[test]
    fn every_length_and_pattern_reads_back() {
        for length in 0..600usize {
            let run: Vec<u8> = vec![7; length];
            let cycle: Vec<u8> = (0..length).map(|place| (place % 23) as u8).collect();
            let noise: Vec<u8> =
                (0..length as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
            for bytes in [run, cycle, noise] {
                assert_eq!(unpack(&pack(&bytes)).unwrap(), bytes);
            }
        }
    }

    #[test]
    fn far_and_long_matches_read_back_and_repetition_shrinks() {
        let line = b"invite from=13800138000 to=4006010114 trunk=carrier-a; ".repeat(4000);
        let packed = pack(&line);
        assert_eq!(unpack(&packed).unwrap(), line);
        assert!(packed.len() < line.len() / 50, "{}", packed.len());
    }

    #[test]
    fn hostile_text_is_refused_without_a_panic() {
        for text in ["", "A", "AQ", "!!!!", "AfD/////", "AQABAA", "Ag"] {
            let _ = unpack(text);
        }
        assert_eq!(unpack("!!!!"), None);
        assert_eq!(unpack(&to_base64(&[LZ4, 0x10, b'a', 9, 0])), None, "a match before the beginning");
    }
}
