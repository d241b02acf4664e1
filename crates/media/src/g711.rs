//! G.711: A-law and mu-law by table, both ways, and from one law to the other.
//! It knows samples and octets; it refuses to know packets, files and clocks.

/// Which of the two companding laws of ITU-T G.711 an octet is coded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// A-law, RTP static payload type 8; the law of mainland China.
    Pcma,
    /// Mu-law, RTP static payload type 0.
    Pcmu,
}

impl Law {
    /// The static payload type of RFC 3551.
    pub const fn payload_type(self) -> u8 {
        match self {
            Law::Pcma => 8,
            Law::Pcmu => 0,
        }
    }

    /// The law a static payload type stands for, if it is one of the two.
    pub const fn from_payload_type(payload_type: u8) -> Option<Law> {
        match payload_type {
            8 => Some(Law::Pcma),
            0 => Some(Law::Pcmu),
            _ => None,
        }
    }

    /// The octet of digital silence.
    pub const fn silence(self) -> u8 {
        match self {
            Law::Pcma => 0xD5,
            Law::Pcmu => 0xFF,
        }
    }

    /// One octet from one 16-bit linear sample.
    pub const fn encode(self, sample: i16) -> u8 {
        match self {
            Law::Pcma => encode_alaw(sample),
            Law::Pcmu => encode_mulaw(sample),
        }
    }

    /// One 16-bit linear sample from one octet.
    pub const fn decode(self, octet: u8) -> i16 {
        match self {
            Law::Pcma => ALAW_LINEAR[octet as usize],
            Law::Pcmu => MULAW_LINEAR[octet as usize],
        }
    }

    /// Recodes octets of this law in place as octets of `other`.
    pub fn recode(self, other: Law, octets: &mut [u8]) {
        let table = match (self, other) {
            (Law::Pcma, Law::Pcmu) => &ALAW_TO_MULAW,
            (Law::Pcmu, Law::Pcma) => &MULAW_TO_ALAW,
            (Law::Pcma, Law::Pcma) | (Law::Pcmu, Law::Pcmu) => return,
        };
        for octet in octets {
            *octet = table[*octet as usize];
        }
    }

    /// All octets from all samples.
    pub fn encode_all(self, samples: &[i16]) -> Vec<u8> {
        samples.iter().map(|&sample| self.encode(sample)).collect()
    }

    /// All samples from all octets.
    pub fn decode_all(self, octets: &[u8]) -> Vec<i16> {
        octets.iter().map(|&octet| self.decode(octet)).collect()
    }
}

static ALAW_LINEAR: [i16; 256] = alaw_table();
static MULAW_LINEAR: [i16; 256] = mulaw_table();
static ALAW_TO_MULAW: [u8; 256] = alaw_to_mulaw();
static MULAW_TO_ALAW: [u8; 256] = mulaw_to_alaw();

const fn encode_alaw(sample: i16) -> u8 {
    let (mask, magnitude) = if sample >= 0 { (0xD5, sample as i32) } else { (0x55, -(sample as i32) - 1) };
    let magnitude = magnitude >> 3;
    let mut segment = 0;
    let mut rest = magnitude >> 5;
    while rest != 0 {
        segment += 1;
        rest >>= 1;
    }
    let step = if segment < 2 { magnitude >> 1 } else { magnitude >> segment };
    ((segment << 4) as u8 | (step & 0x0F) as u8) ^ mask
}

const fn decode_alaw(octet: u8) -> i16 {
    let bits = octet ^ 0x55;
    let segment = (bits & 0x70) >> 4;
    let step = ((bits & 0x0F) as i32) << 4;
    let magnitude = match segment {
        0 => step + 8,
        1 => step + 0x108,
        _ => (step + 0x108) << (segment - 1),
    };
    if bits & 0x80 != 0 { magnitude as i16 } else { -magnitude as i16 }
}

const MULAW_BIAS: i32 = 0x84;

const fn encode_mulaw(sample: i16) -> u8 {
    let (mask, magnitude) = if sample >= 0 { (0xFF, sample as i32) } else { (0x7F, -(sample as i32)) };
    let magnitude = if magnitude > 32_635 { 32_635 } else { magnitude } + MULAW_BIAS;
    let mut segment = 0;
    let mut rest = magnitude >> 8;
    while rest != 0 {
        segment += 1;
        rest >>= 1;
    }
    ((segment << 4) as u8 | ((magnitude >> (segment + 3)) & 0x0F) as u8) ^ mask
}

const fn decode_mulaw(octet: u8) -> i16 {
    let bits = !octet;
    let segment = (bits & 0x70) >> 4;
    let magnitude = ((((bits & 0x0F) as i32) << 3) + MULAW_BIAS) << segment;
    if bits & 0x80 != 0 { (MULAW_BIAS - magnitude) as i16 } else { (magnitude - MULAW_BIAS) as i16 }
}

const fn alaw_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = decode_alaw(octet as u8);
        octet += 1;
    }
    table
}

const fn mulaw_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = decode_mulaw(octet as u8);
        octet += 1;
    }
    table
}

const fn alaw_to_mulaw() -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = encode_mulaw(decode_alaw(octet as u8));
        octet += 1;
    }
    table
}

const fn mulaw_to_alaw() -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = encode_alaw(decode_mulaw(octet as u8));
        octet += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_octets_of_the_standard() {
        assert_eq!(Law::Pcma.encode(0), 0xD5);
        assert_eq!(Law::Pcma.encode(-1), 0x55);
        assert_eq!(Law::Pcma.encode(i16::MAX), 0xAA);
        assert_eq!(Law::Pcma.encode(i16::MIN), 0x2A);
        assert_eq!(Law::Pcma.decode(0xAA), 32_256);
        assert_eq!(Law::Pcmu.encode(0), 0xFF);
        assert_eq!(Law::Pcmu.encode(i16::MAX), 0x80);
        assert_eq!(Law::Pcmu.encode(i16::MIN), 0x00);
        assert_eq!(Law::Pcmu.decode(0x80), 32_124);
        assert_eq!(Law::Pcmu.decode(0x00), -32_124);
    }

    #[test]
    fn decoding_then_encoding_gives_every_octet_back() {
        for octet in 0..=255u8 {
            assert_eq!(Law::Pcma.encode(Law::Pcma.decode(octet)), octet, "A-law {octet:#x}");
            // 0x7F is the negative zero of mu-law and becomes the positive one.
            let want = if octet == 0x7F { 0xFF } else { octet };
            assert_eq!(Law::Pcmu.encode(Law::Pcmu.decode(octet)), want, "mu-law {octet:#x}");
        }
    }

    #[test]
    fn the_error_of_a_round_trip_stays_within_the_segment() {
        for law in [Law::Pcma, Law::Pcmu] {
            for sample in (i16::MIN..=i16::MAX).step_by(7) {
                let back = i32::from(law.decode(law.encode(sample)));
                let bound = (i32::from(sample).abs() / 16).max(17)
                    + if sample.unsigned_abs() > 32_100 { 700 } else { 0 };
                assert!((back - i32::from(sample)).abs() <= bound, "{law:?} {sample} came back as {back}");
            }
        }
    }

    #[test]
    fn recoding_equals_decoding_and_encoding() {
        let mut octets: Vec<u8> = (0..=255).collect();
        Law::Pcma.recode(Law::Pcmu, &mut octets);
        for (octet, recoded) in (0..=255u8).zip(octets) {
            assert_eq!(recoded, Law::Pcmu.encode(Law::Pcma.decode(octet)));
        }
    }
}
