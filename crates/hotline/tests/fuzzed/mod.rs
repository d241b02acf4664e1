//! What the fuzzer and the corpus test do with foreign bytes.

use hotline::calendar::PublishedYear;
use hotline::region::{Override, RegionData, RegionTable, normalise};
use hotline::settlement;

/// A prefix file somebody imports: refused or a table that answers.
pub fn region_import(bytes: &[u8]) {
    if let Ok(table) = RegionTable::import(bytes) {
        let _ = table.locate("13800138000");
    }
    let _ = RegionData::from_bytes(bytes);
}

/// A table of overrides somebody imports.
pub fn region_overrides(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Override::parse_csv(text);
    }
}

/// A caller's number as a stranger wrote it: what comes out are digits, and normalising them again changes nothing.
pub fn caller(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let caller = normalise(text, Some("010"));
        assert!(
            caller.number.bytes().all(|byte| byte.is_ascii_digit()),
            "{text:?} became {:?}",
            caller.number
        );
    }
}

/// A stored log: refused or facts that fold.
pub fn call_log(bytes: &[u8]) {
    if let Some(log) = settlement::read_log(bytes) {
        let _ = hotline::cdr::fold(hotline::CallId(1), &log);
    }
}

/// A year of holidays somebody imports: refused with every wrong line, or days of that year.
pub fn calendar(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match PublishedYear::read(text) {
        Ok(read) => assert!(read.days.days().iter().all(|day| day.date.year() == read.year)),
        Err(wrong) => assert!(!wrong.is_empty()),
    }
}
