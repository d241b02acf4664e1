//! The region data as it lies on disk: our packed file and the published `phone.dat` that it is made from.
//! Reads and writes bytes; answers no lookups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Carrier;

/// The first seven-digit mobile prefix that a table can hold.
pub(super) const FIRST_PREFIX: u32 = 1_300_000;
/// How many prefixes from there: up to 1999999.
pub(super) const PREFIXES: usize = 700_000;

/// Places and pairs of place and carrier at most; the rest of 16 bits is for area codes, countries and carriers.
const ANSWERS_MAX: usize = 60_000;

const MAGIC: [u8; 4] = *b"SBRG";
const FORMAT: u8 = 1;

/// Region data, checked and cleaned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionData {
    magic: [u8; 4],
    format: u8,
    /// The version that the published file carries, such as `2312` for December 2023.
    pub version: String,
    /// Every place, in the order of the published file.
    pub places: Vec<PlaceRow>,
    /// Pairs of place and carrier that occur, the commonest first.
    issued: Vec<Issued>,
    /// Consecutive prefixes with the same answer, from 1300000 to 1999999.
    runs: Vec<Run>,
}

/// One place of the data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlaceRow {
    /// Without suffix.
    pub province: String,
    /// Without suffix.
    pub city: String,
    /// With its leading zero.
    pub area_code: String,
}

/// A place and the carrier that prefixes of it were issued to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Issued {
    pub(super) place: u16,
    pub(super) carrier: Carrier,
}

/// `issued` counts from 1; 0 is a prefix that the data do not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    prefixes: u32,
    issued: u16,
}

/// Why a file is not region data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It ends too early, or an offset points outside of it.
    #[error("the file is cut off or its offsets point outside of it (at byte {at})")]
    CutOff {
        /// Where reading stopped, in bytes.
        at: usize,
    },
    /// Not our packed format, or one of another version of the product.
    #[error("not a packed region file of this version")]
    NotPacked,
    /// A record is not `province|city|zip|area code`.
    #[error("record {record:?} is not province|city|zip|area code with an area code such as 0755")]
    Record {
        /// As far as it is text.
        record: String,
    },
    /// A prefix is no mobile prefix of seven digits.
    #[error("prefix {prefix} is not between 1300000 and 1999999")]
    Prefix {
        /// As written.
        prefix: i32,
    },
    /// A prefix stands twice.
    #[error("prefix {prefix} stands twice")]
    Twice {
        /// As written.
        prefix: u32,
    },
    /// The carrier byte is none of the eight known.
    #[error("prefix {prefix} has the unknown carrier type {carrier}")]
    Carrier {
        /// As written.
        prefix: u32,
        /// As written.
        carrier: u8,
    },
    /// More pairs of place and carrier than an index of 16 bits can tell apart, or no place at all.
    #[error("{places} places: a table holds 1 to {most}", most = ANSWERS_MAX)]
    Size {
        /// How many.
        places: usize,
    },
}

impl RegionData {
    /// Reads the packed file (`data/region.bin`).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ImportError> {
        let data: Self = postcard::from_bytes(bytes).map_err(|_| ImportError::NotPacked)?;
        let covered: u64 = data.runs.iter().map(|run| u64::from(run.prefixes)).sum();
        let whole = data.magic == MAGIC
            && data.format == FORMAT
            && covered == PREFIXES as u64
            && data.issued.len() <= ANSWERS_MAX
            && data.issued.iter().all(|issued| usize::from(issued.place) < data.places.len())
            && data.runs.iter().all(|run| usize::from(run.issued) <= data.issued.len())
            && data.places.iter().all(|place| area_code(&place.area_code).as_ref() == Some(&place.area_code));
        whole.then_some(data).ok_or(ImportError::NotPacked)
    }

    /// The packed file.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("the data hold nothing that postcard cannot write")
    }

    /// Reads the published `phone.dat`: version, offset of the index, records, index entries of nine bytes
    /// (little-endian). Area codes with a doubled zero are mended (锡林郭勒 is `00479` in the 2312 file), and the
    /// suffix 盟 is dropped, so that a place has one name.
    pub fn import(phone_dat: &[u8]) -> Result<Self, ImportError> {
        let index_at = usize::try_from(read_i32(phone_dat, 4)?).map_err(|_| ImportError::CutOff { at: 4 })?;
        let (records, index) = match phone_dat.get(8..index_at) {
            Some(records) => (records, &phone_dat[index_at..]),
            None => return Err(ImportError::CutOff { at: 4 }),
        };
        if index.is_empty() || !index.len().is_multiple_of(9) {
            return Err(ImportError::CutOff { at: phone_dat.len() });
        }
        let (places, place_at) = read_records(records)?;
        let prefixes = read_index(index, &place_at)?;
        let version = String::from_utf8_lossy(&phone_dat[..4]).into_owned();
        let data = Self::pack(version, places, &prefixes);
        match data.issued.len() {
            0..=ANSWERS_MAX => Ok(data),
            places => Err(ImportError::Size { places }),
        }
    }

    fn pack(version: String, places: Vec<PlaceRow>, prefixes: &[Option<Issued>]) -> Self {
        let mut counts = BTreeMap::<Issued, u32>::new();
        for chunk in prefixes.chunk_by(|a, b| a == b) {
            if let Some(issued) = chunk[0] {
                *counts.entry(issued).or_default() += 1;
            }
        }
        let mut issued: Vec<Issued> = counts.keys().copied().collect();
        issued.sort_by_key(|pair| (std::cmp::Reverse(counts[pair]), *pair));
        let number: BTreeMap<Issued, u16> =
            issued.iter().zip(1..).map(|(pair, number)| (*pair, number)).collect();
        let run = |chunk: &[Option<Issued>]| Run {
            prefixes: chunk.len() as u32,
            issued: chunk[0].map_or(0, |pair| number[&pair]),
        };
        let runs = prefixes.chunk_by(|a, b| a == b).map(run).collect();
        Self { magic: MAGIC, format: FORMAT, version, places, issued, runs }
    }

    /// What each prefix from 1300000 on was issued as.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = Option<Issued>> {
        self.runs.iter().flat_map(|run| {
            let issued = usize::from(run.issued).checked_sub(1).map(|place| self.issued[place]);
            std::iter::repeat_n(issued, run.prefixes as usize)
        })
    }
}

fn read_i32(bytes: &[u8], at: usize) -> Result<i32, ImportError> {
    let four = bytes.get(at..at + 4).ok_or(ImportError::CutOff { at })?;
    Ok(i32::from_le_bytes(four.try_into().expect("four bytes were taken")))
}

/// The distinct places, and which of them stands at each offset of the file.
type Records = (Vec<PlaceRow>, BTreeMap<usize, u16>);

fn read_records(records: &[u8]) -> Result<Records, ImportError> {
    let (mut places, mut number, mut place_at) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let mut at = 8;
    for record in records.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
        let place = read_record(record)
            .ok_or_else(|| ImportError::Record { record: String::from_utf8_lossy(record).into_owned() })?;
        let next = places.len();
        let own = *number.entry(place.clone()).or_insert(next);
        if own == next {
            places.push(place);
        }
        place_at.insert(at, own as u16);
        at += record.len() + 1;
    }
    match places.len() {
        1..=ANSWERS_MAX => Ok((places, place_at)),
        places => Err(ImportError::Size { places }),
    }
}

fn read_record(record: &[u8]) -> Option<PlaceRow> {
    let mut fields = std::str::from_utf8(record).ok()?.split('|');
    let (province, city, _zip, code) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    if province.is_empty() || city.is_empty() || fields.next().is_some() {
        return None;
    }
    let city = city.strip_suffix('盟').unwrap_or(city).to_owned();
    Some(PlaceRow { province: province.to_owned(), city, area_code: area_code(code)? })
}

/// An area code with its zero: 010 and 02X have three digits, all others four. A doubled zero is mended.
pub(super) fn area_code(text: &str) -> Option<String> {
    let code = if text.starts_with("00") { &text[1..] } else { text };
    let digits = code.as_bytes();
    let shaped = matches!(digits, [b'0', b'1', b'0'] | [b'0', b'2', _] | [b'0', b'3'..=b'9', _, _]);
    (shaped && digits.iter().all(u8::is_ascii_digit)).then(|| code.to_owned())
}

fn read_index(index: &[u8], place_at: &BTreeMap<usize, u16>) -> Result<Vec<Option<Issued>>, ImportError> {
    let mut prefixes = vec![None; PREFIXES];
    for entry in index.chunks_exact(9) {
        let written = read_i32(entry, 0)?;
        let prefix = u32::try_from(written).map_err(|_| ImportError::Prefix { prefix: written })?;
        let slot = prefix.checked_sub(FIRST_PREFIX).and_then(|place| prefixes.get_mut(place as usize));
        let slot = slot.ok_or(ImportError::Prefix { prefix: written })?;
        let offset = read_i32(entry, 4)? as usize;
        let place = *place_at.get(&offset).ok_or(ImportError::CutOff { at: offset })?;
        let carrier = carrier_of_type(entry[8]).ok_or(ImportError::Carrier { prefix, carrier: entry[8] })?;
        if slot.replace(Issued { place, carrier }).is_some() {
            return Err(ImportError::Twice { prefix });
        }
    }
    Ok(prefixes)
}

/// The carrier byte of `phone.dat`.
fn carrier_of_type(byte: u8) -> Option<Carrier> {
    Some(match byte {
        1 => Carrier::Mobile,
        2 => Carrier::Unicom,
        3 => Carrier::Telecom,
        4 => Carrier::TelecomVirtual,
        5 => Carrier::UnicomVirtual,
        6 => Carrier::MobileVirtual,
        7 => Carrier::Broadnet,
        8 => Carrier::BroadnetVirtual,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Region, RegionTable};
    use super::*;

    /// A `phone.dat` of the given records and (prefix, record, carrier type) rows.
    fn phone_dat(records: &[&str], rows: &[(i32, usize, u8)]) -> Vec<u8> {
        let (mut body, mut offsets) = (Vec::new(), Vec::new());
        for record in records {
            offsets.push(8 + body.len() as i32);
            body.extend_from_slice(record.as_bytes());
            body.push(0);
        }
        let mut file = b"9999".to_vec();
        file.extend_from_slice(&(8 + body.len() as i32).to_le_bytes());
        file.extend_from_slice(&body);
        for (prefix, record, carrier) in rows {
            file.extend_from_slice(&prefix.to_le_bytes());
            file.extend_from_slice(&offsets[*record].to_le_bytes());
            file.push(*carrier);
        }
        file
    }

    const SHENZHEN: &str = "广东|深圳|518000|0755";
    const XILINGOL: &str = "内蒙古|锡林郭勒|026000|00479";

    #[test]
    fn r36_a_newer_file_is_read_mended_and_packed() {
        let records = [SHENZHEN, XILINGOL, "内蒙古|锡林郭勒盟|026000|0479"];
        let file = phone_dat(&records, &[(1_300_000, 0, 2), (1_300_001, 1, 1), (1_999_999, 2, 8)]);
        let data = RegionData::import(&file).unwrap();
        assert_eq!((data.version.as_str(), data.places.len()), ("9999", 2));
        assert_eq!(data.places[1].area_code, "0479");
        assert_eq!(data.prefixes().flatten().count(), 3);
        assert_eq!(RegionData::from_bytes(&data.to_bytes()), Ok(data));
    }

    #[test]
    fn r36_a_spoilt_file_is_refused_with_its_reason() {
        let good = phone_dat(&[SHENZHEN], &[(1_300_000, 0, 1)]);
        assert!(RegionData::import(&good).is_ok());
        assert!(matches!(RegionData::import(&good[..good.len() - 1]), Err(ImportError::CutOff { .. })));
        assert!(matches!(RegionData::import(&good[..6]), Err(ImportError::CutOff { .. })));
        let import =
            |records: &[&str], rows: &[(i32, usize, u8)]| RegionData::import(&phone_dat(records, rows));
        assert!(matches!(
            import(&["广东|深圳|518000"], &[(1_300_000, 0, 1)]),
            Err(ImportError::Record { .. })
        ));
        assert!(matches!(
            import(&["广东|深圳|1|755"], &[(1_300_000, 0, 1)]),
            Err(ImportError::Record { .. })
        ));
        assert_eq!(import(&[SHENZHEN], &[(1_299_999, 0, 1)]), Err(ImportError::Prefix { prefix: 1_299_999 }));
        assert_eq!(import(&[SHENZHEN], &[(-1, 0, 1)]), Err(ImportError::Prefix { prefix: -1 }));
        let twice = [(1_300_000, 0, 1), (1_300_000, 0, 2)];
        assert_eq!(import(&[SHENZHEN], &twice), Err(ImportError::Twice { prefix: 1_300_000 }));
        let carrier = import(&[SHENZHEN], &[(1_300_000, 0, 9)]);
        assert_eq!(carrier, Err(ImportError::Carrier { prefix: 1_300_000, carrier: 9 }));
    }

    #[test]
    fn r36_a_spoilt_packed_file_is_refused() {
        let data = RegionData::import(&phone_dat(&[SHENZHEN], &[(1_300_000, 0, 1)])).unwrap();
        let bytes = data.to_bytes();
        for cut in 0..bytes.len() {
            assert_eq!(RegionData::from_bytes(&bytes[..cut]), Err(ImportError::NotPacked), "{cut}");
        }
        for at in 0..bytes.len() {
            let mut spoilt = bytes.clone();
            spoilt[at] ^= 1 << (at % 8);
            // Text and carriers may change and still be data; what is taken must compile and answer.
            if let Ok(data) = RegionData::from_bytes(&spoilt) {
                let table = RegionTable::compile(&data);
                assert_eq!(table.locate("19999990000"), Region::unknown());
            }
        }
        let wrong =
            RegionData { issued: vec![Issued { place: 1, carrier: Carrier::Mobile }], ..data.clone() };
        assert_eq!(RegionData::from_bytes(&wrong.to_bytes()), Err(ImportError::NotPacked));
        let short = RegionData { runs: data.runs[..1].to_vec(), ..data };
        assert_eq!(RegionData::from_bytes(&short.to_bytes()), Err(ImportError::NotPacked));
    }
}
