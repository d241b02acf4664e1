//! The table behind a lookup: direct arrays over the seven-digit mobile prefixes, the area codes and the country
//! codes. Knows regions of normalised numbers and nothing of how they were written.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::data::{FIRST_PREFIX, ImportError, Issued, PREFIXES, RegionData};
use super::overrides::{Override, Overrides};
use super::{Carrier, Region, RegionKind, RegionSource};

/// Region data, compiled for lookups in tens of nanoseconds. Cloning shares the large array.
#[derive(Clone)]
pub struct RegionTable {
    version: Arc<str>,
    prefix_count: usize,
    /// What a lookup answers; the first is "unknown".
    places: Arc<[Region]>,
    /// Mobile prefix minus 1300000 → place.
    mobile: Arc<[u16]>,
    /// Three digits after the zero → place; three-digit area codes fill ten slots.
    landline: Arc<[u16]>,
    /// Three digits after `00` → place.
    country: Arc<[u16]>,
    /// Every city that occurs, for names in rules.
    cities: Arc<[City]>,
    overrides: Overrides,
}

impl std::fmt::Debug for RegionTable {
    /// The version and the size; the arrays are of no use to a reader.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegionTable")
            .field("version", &self.version)
            .field("prefixes", &self.prefix_count)
            .finish()
    }
}

/// One city of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct City {
    pub(super) province: Arc<str>,
    pub(super) city: Arc<str>,
    pub(super) area_code: Arc<str>,
    /// How many mobile prefixes it has; a city with none is an old name.
    pub(super) prefixes: u32,
}

static SHIPPED: LazyLock<RegionTable> = LazyLock::new(|| {
    RegionTable::from_bytes(include_bytes!("../../../../data/region.bin"))
        .expect("the shipped file is read by a test of this module")
});

impl RegionTable {
    /// The table that comes with the product (`data/region.bin`); unpacked on first use, in milliseconds.
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// Reads a packed file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ImportError> {
        RegionData::from_bytes(bytes).map(|data| Self::compile(&data))
    }

    /// Reads a published `phone.dat`.
    pub fn import(phone_dat: &[u8]) -> Result<Self, ImportError> {
        RegionData::import(phone_dat).map(|data| Self::compile(&data))
    }

    /// Compiles data that are already read.
    pub fn compile(data: &RegionData) -> Self {
        let mut places = Places::new(data);
        let mut mobile = vec![0u16; PREFIXES];
        for (slot, issued) in mobile.iter_mut().zip(data.prefixes()) {
            *slot = issued.map_or(0, |issued| places.of_prefix(issued));
        }
        let prefix_count = mobile.iter().filter(|place| **place != 0).count();
        places.fill_unknown_by_carrier(&mut mobile);
        let landline = places.landline();
        let country = places.country();
        Self {
            version: Arc::from(data.version.as_str()),
            prefix_count,
            places: places.rows.into(),
            mobile: mobile.into(),
            landline: landline.into(),
            country: country.into(),
            cities: places.cities.into(),
            overrides: Overrides::default(),
        }
    }

    /// The same table with the operator's own rows, which win by the longest match. Replaces earlier overrides.
    pub fn with_overrides(&self, rows: Vec<Override>) -> Self {
        Self { overrides: Overrides::compile(rows), ..self.clone() }
    }

    /// The data's version, such as `2312` for December 2023.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How many mobile prefixes the data know.
    pub fn prefix_count(&self) -> usize {
        self.prefix_count
    }

    /// The region of a normalised caller (national form, see [`normalise`](super::normalise)). What has not that
    /// length and beginning is unknown. The carrier is as issued.
    pub fn locate(&self, caller: &str) -> Region {
        let known = self.known(caller);
        match self.overrides.find(caller) {
            Some(own) => Region { carrier: known.carrier, ..own.clone() },
            None => known.clone(),
        }
    }

    /// What the data say of a normalised caller, without the operator's overrides and without a copy.
    pub fn known(&self, caller: &str) -> &Region {
        &self.places[usize::from(self.place(caller.as_bytes()).unwrap_or(0))]
    }

    /// The area code that begins a landline number or is one, if the table knows it.
    pub fn area_code<'a>(&self, landline: &'a str) -> Option<&'a str> {
        let code = landline.get(..area_code_digits(landline.as_bytes())?)?;
        let slot = slot_after(code.as_bytes(), 1)?;
        (*self.landline.get(slot)? != 0).then_some(code)
    }

    pub(super) fn cities(&self) -> &[City] {
        &self.cities
    }

    fn place(&self, caller: &[u8]) -> Option<u16> {
        match caller {
            [b'1', ..] if caller.len() == 11 => {
                let prefix = read_digits(&caller[..7])?;
                self.mobile.get(prefix.checked_sub(FIRST_PREFIX)? as usize).copied()
            }
            [b'0', b'0', ..] if caller.len() >= 5 => self.country.get(slot_after(caller, 2)?).copied(),
            [b'0', ..] if caller.len() >= 10 => self.landline.get(slot_after(caller, 1)?).copied(),
            _ => None,
        }
    }
}

/// How many digits the area code at the start of a landline number has: 010 and 02X three, all others four.
pub(super) fn area_code_digits(landline: &[u8]) -> Option<usize> {
    match landline {
        [b'0', b'1', b'0', ..] | [b'0', b'2', _, ..] => Some(3),
        [b'0', b'3'..=b'9', _, _, ..] => Some(4),
        _ => None,
    }
}

fn read_digits(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0')))
}

/// The three digits after so many leading ones as a slot, with zeros for those that are not there.
fn slot_after(number: &[u8], leading: usize) -> Option<usize> {
    let digit = |place: usize| number.get(leading + place).copied().unwrap_or(b'0');
    read_digits(&[digit(0), digit(1), digit(2)]).map(|slot| slot as usize)
}

/// The answers of a table while it is compiled.
struct Places {
    rows: Vec<Region>,
    cities: Vec<City>,
    by_issue: BTreeMap<Issued, u16>,
}

impl Places {
    fn new(data: &RegionData) -> Self {
        let mut names = BTreeMap::<String, Arc<str>>::new();
        let mut shared =
            |text: &String| names.entry(text.clone()).or_insert_with(|| Arc::from(text.as_str())).clone();
        let mut cities = Vec::new();
        for place in &data.places {
            let (province, city) = (shared(&place.province), shared(&place.city));
            cities.push(City { province, city, area_code: shared(&place.area_code), prefixes: 0 });
        }
        Self { rows: vec![Region::unknown()], cities, by_issue: BTreeMap::new() }
    }

    fn add(&mut self, region: Region) -> u16 {
        self.rows.push(region);
        u16::try_from(self.rows.len() - 1).unwrap_or(0)
    }

    fn of_prefix(&mut self, issued: Issued) -> u16 {
        self.cities[usize::from(issued.place)].prefixes += 1;
        if let Some(place) = self.by_issue.get(&issued) {
            return *place;
        }
        let city = &self.cities[usize::from(issued.place)];
        let region = city.region(RegionSource::MobilePrefix, Some(issued.carrier));
        let place = self.add(region);
        self.by_issue.insert(issued, place);
        place
    }

    /// A prefix newer than the data: region unknown, carrier by the first three digits where most of that range
    /// (of at least 1,000 known prefixes) has one carrier.
    fn fill_unknown_by_carrier(&mut self, mobile: &mut [u16]) {
        const RANGE: usize = 10_000;
        for range in mobile.chunks_mut(RANGE) {
            let Some(carrier) = self.main_carrier(range) else { continue };
            let place = self.add(Region { carrier: Some(carrier), ..Region::unknown() });
            range.iter_mut().filter(|slot| **slot == 0).for_each(|slot| *slot = place);
        }
    }

    fn main_carrier(&self, range: &[u16]) -> Option<Carrier> {
        let mut counts = BTreeMap::<Carrier, usize>::new();
        for carrier in range.iter().filter_map(|place| self.rows[usize::from(*place)].carrier) {
            *counts.entry(carrier).or_default() += 1;
        }
        let known: usize = counts.values().sum();
        let (carrier, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        (known >= 1000 && known < range.len() && count * 2 > known).then_some(carrier)
    }

    /// An area code that several cities share answers with the one that has most mobile prefixes.
    fn landline(&mut self) -> Vec<u16> {
        let mut main = BTreeMap::<Arc<str>, City>::new();
        for city in &self.cities {
            let best = main.entry(city.area_code.clone()).or_insert_with(|| city.clone());
            if city.prefixes > best.prefixes {
                *best = city.clone();
            }
        }
        let mut slots = vec![0; 1000];
        for (code, city) in main {
            let place = self.add(city.region(RegionSource::AreaCode, None));
            let first = slot_after(code.as_bytes(), 1).expect("area codes were checked when they were read");
            let width = if code.len() == 3 { 10 } else { 1 };
            slots[first..first + width].fill(place);
        }
        slots
    }

    fn country(&mut self) -> Vec<u16> {
        let mut by_code = BTreeMap::<usize, u16>::new();
        (0..1000)
            .map(|slot| match country_code(slot) {
                Some(code) => *by_code.entry(code).or_insert_with(|| self.add(abroad(code))),
                None => 0,
            })
            .collect()
    }
}

impl City {
    fn region(&self, source: RegionSource, carrier: Option<Carrier>) -> Region {
        let Self { province, city, area_code, .. } = self.clone();
        Region { kind: RegionKind::Mainland, province, city, area_code, carrier, source }
    }
}

/// The country calling code that begins three digits (ITU-T E.164 and its list of assigned codes: zones 1 and 7 have
/// one digit, those listed two, all others three).
fn country_code(three_digits: usize) -> Option<usize> {
    const TWO_DIGITS: [usize; 43] = [
        20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57,
        58, 60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95,
    ];
    match (three_digits / 100, three_digits / 10) {
        (0, _) => None,
        (zone @ (1 | 7), _) => Some(zone),
        (_, 98) => Some(98),
        (_, two) if TWO_DIGITS.contains(&two) => Some(two),
        _ => Some(three_digits),
    }
}

fn abroad(code: usize) -> Region {
    let province = match code {
        852 => "香港",
        853 => "澳门",
        886 => "台湾",
        _ => "",
    };
    Region {
        kind: RegionKind::International,
        province: Arc::from(province),
        area_code: Arc::from(format!("00{code}")),
        source: RegionSource::CountryCode,
        ..Region::unknown()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(caller: &str) -> (RegionKind, String, Option<Carrier>) {
        let region = RegionTable::shipped().locate(caller);
        (region.kind, format!("{}{}{}", region.province, region.city, region.area_code), region.carrier)
    }

    #[test]
    fn r36_the_shipped_table_is_whole() {
        let table = RegionTable::shipped();
        assert_eq!((table.version(), table.prefix_count()), ("2312", 499_527));
        let mut codes: Vec<_> = table.cities().iter().map(|city| city.area_code.clone()).collect();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), 321, "322 in the file, and 00479 is 0479");
        // 锡林郭勒 and 锡林郭勒盟 are two of the file's 362 records and one place here.
        assert_eq!(table.cities().iter().filter(|city| city.prefixes > 0).count(), 361);
    }

    #[test]
    fn r08_a_mobile_resolves_by_its_seven_digits() {
        use Carrier::*;
        use RegionKind::*;
        assert_eq!(seen("13800138000"), (Mainland, "北京北京010".into(), Some(Mobile)));
        assert_eq!(seen("13510000000"), (Mainland, "广东深圳0755".into(), Some(Mobile)));
        assert_eq!(seen("19200000000").2, Some(Broadnet));
        assert_eq!(seen("17040000000").2, Some(UnicomVirtual));
        // A prefix newer than the data: the range's carrier, region unknown.
        assert_eq!(seen("19208920000"), (Unknown, String::new(), Some(Broadnet)));
        for strange in ["1380013800", "138001380000", "138x0138000", "12800138000", "", "anonymous"] {
            assert_eq!(RegionTable::shipped().locate(strange), Region::unknown(), "{strange}");
        }
    }

    #[test]
    fn r08_landlines_by_area_code_and_abroad_by_country_code() {
        use RegionKind::*;
        assert_eq!(seen("01088886666"), (Mainland, "北京北京010".into(), None));
        assert_eq!(seen("02088886666"), (Mainland, "广东广州020".into(), None));
        assert_eq!(seen("075588886666"), (Mainland, "广东深圳0755".into(), None));
        assert_eq!(seen("04798886666"), (Mainland, "内蒙古锡林郭勒0479".into(), None));
        assert_eq!(seen("02488886666").1, "辽宁沈阳024", "shared by four cities, the largest answers");
        assert_eq!(seen("03001234567").0, Unknown, "no such area code");
        assert_eq!(seen("0085221234567"), (International, "香港00852".into(), None));
        assert_eq!(seen("0012025550123").1, "001");
        assert_eq!(seen("00442079460000").1, "0044");
        assert_eq!(seen("0035312345678").1, "00353");
    }

    #[test]
    fn area_codes_of_landlines() {
        let table = RegionTable::shipped();
        let cases = [("01088886666", Some("010")), ("0755", Some("0755")), ("075588886666", Some("0755"))];
        for (text, code) in cases.into_iter().chain([("0300", None), ("755", None), ("", None), ("02", None)])
        {
            assert_eq!(table.area_code(text), code, "{text}");
        }
    }
}
