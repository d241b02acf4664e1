//! The yearly table of holidays and make-up workdays (rows R23, R24): what comes with the product, with the years that the
//! provider took in. A year's file is believed by its Ed25519 signature (RFC 8032) and by nothing else.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use hotline::TenantId;
use hotline::calendar::{Date, DayKind, HolidayYears, PublishedYear};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use store::Store;

use super::refusal::Problem;
use super::{Code, Desk, Outcome, Refusal};

/// Whose signatures are believed: `NAME HEX` a line, in the data directory.
pub const KEYS: &str = "calendar.keys";
/// What the last line of a file begins with.
const SIGNATURE: &str = "signature ";
/// Where a year is kept among the provider's settings.
const SETTING: &str = "calendar/";

/// Take in a year.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Import {
    /// The signed file, whole.
    pub text: String,
    /// Who asks.
    pub by: String,
}

/// A year that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Year {
    /// The year.
    pub year: i32,
    /// 0 for what comes with the product.
    pub version: u32,
    /// The announcement; empty for what comes with the product.
    pub source: String,
    /// The name of the key that signed it.
    pub signed_by: String,
    /// Days off.
    pub off: usize,
    /// Make-up workdays.
    pub work: usize,
}

/// What became of an import.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Imported {
    /// The year as it is held now.
    pub year: Year,
    /// Whether it was held already, the same.
    pub unchanged: bool,
}

/// Say what is held.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Show {
    /// With the days of this year.
    #[serde(default)]
    pub year: Option<i32>,
}

/// What is held.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Shown {
    /// Every year.
    pub years: Vec<Year>,
    /// In December: the next year, if nobody has taken it in.
    pub missing: Option<i32>,
    /// The days of the year asked for: date, kind, name.
    pub days: Vec<(String, String, String)>,
}

/// Takes in a year: its signature first, then what it says.
///
/// # Errors
/// Nobody's signature that is believed, lines that are wrong, or an older version than the one held.
pub async fn import(desk: &Desk, asked: &Import) -> Outcome<Imported> {
    let keys = keys(&desk.data)?;
    let (body, signed_by) = verified(&asked.text, &keys)?;
    let published = PublishedYear::read(body).map_err(|errors| wrong(&errors))?;
    let key = format!("{SETTING}{}", published.year);
    let held = desk.store.setting(&TenantId::provider(), &key).await?;
    let before =
        held.as_deref().map(|text| PublishedYear::read(without_signature(text).0)).and_then(Result::ok);
    let year = year_of(&published, signed_by);
    match before {
        Some(before) if before == published => return Ok(Imported { year, unchanged: true }),
        Some(before) if before.version >= published.version => {
            let (year, had, got) = (before.year, before.version, published.version);
            return Err(Refusal::new(
                Code::CalendarVersion,
                format!("{year} 年已有版本 {had}，不能导入版本 {got}"),
                format!("version {had} of {year} is held, version {got} cannot replace it"),
            ));
        }
        _ => {}
    }
    desk.store.put_setting(&TenantId::provider(), &key, &asked.text, &desk.change(&asked.by)).await?;
    if let Some(live) = &desk.live {
        live.holidays_changed(years(&desk.store).await?).await?;
    }
    Ok(Imported { year, unchanged: false })
}

/// The table in force.
///
/// # Errors
/// Those of the database.
pub async fn years(store: &Store) -> Result<HolidayYears, store::Error> {
    let mut years = HolidayYears::shipped().clone();
    for published in held(store).await?.into_values() {
        years = years.with_years_of(&published.days);
    }
    Ok(years)
}

/// What was taken in, by year; each was judged when it came.
async fn held(store: &Store) -> Result<BTreeMap<i32, PublishedYear>, store::Error> {
    let rows = store.settings(&TenantId::provider(), SETTING).await?;
    let read = |(_, text): &(String, String)| PublishedYear::read(without_signature(text).0).ok();
    Ok(rows.iter().filter_map(read).map(|published| (published.year, published)).collect())
}

/// Says what is held.
///
/// # Errors
/// Those of the database.
pub async fn show(desk: &Desk, asked: &Show) -> Outcome<Shown> {
    let (held, years) = (held(&desk.store).await?, years(&desk.store).await?);
    let keys = keys(&desk.data)?;
    let mut shown = Shown { missing: years.missing_next_year(today()), ..Shown::default() };
    let mut all: Vec<i32> = years.days().iter().map(|day| day.date.year()).collect();
    all.dedup();
    for year in all {
        shown.years.push(match held.get(&year) {
            Some(published) => {
                let text = desk.store.setting(&TenantId::provider(), &format!("{SETTING}{year}")).await?;
                let signed_by =
                    text.and_then(|text| verified(&text, &keys).ok().map(|(_, name)| name.to_owned()));
                year_of(published, &signed_by.unwrap_or_default())
            }
            None => counted(year, &years),
        });
    }
    for day in years.days().iter().filter(|day| Some(day.date.year()) == asked.year) {
        let kind = match day.kind {
            DayKind::Off => "off".to_owned(),
            DayKind::Work { follows: None } => "work".to_owned(),
            DayKind::Work { follows: Some(weekday) } => format!("work:{weekday:?}").to_lowercase(),
        };
        shown.days.push((day.date.to_string(), kind, day.name.clone()));
    }
    Ok(shown)
}

/// The day in Beijing.
pub fn today() -> Date {
    Date::of(crate::clock::wall().beijing())
}

fn year_of(published: &PublishedYear, signed_by: &str) -> Year {
    let PublishedYear { year, version, source, days } = published;
    Year {
        version: *version,
        source: source.clone(),
        signed_by: signed_by.to_owned(),
        ..counted(*year, days)
    }
}

fn counted(year: i32, years: &HolidayYears) -> Year {
    let days = || years.days().iter().filter(|day| day.date.year() == year);
    let off = days().filter(|day| day.kind == DayKind::Off).count();
    Year {
        year,
        version: 0,
        source: String::new(),
        signed_by: String::new(),
        off,
        work: days().count() - off,
    }
}

fn wrong(errors: &[hotline::calendar::PublishedError]) -> Refusal {
    let mut refusal = Refusal::new(Code::InvalidDocument, "日历文件有问题", "the calendar's file is wrong");
    let problem = |error: &hotline::calendar::PublishedError| {
        let text = error.to_string();
        let line = text.strip_prefix("line ").and_then(|rest| rest.split(':').next()?.parse().ok());
        let code = "calendar".to_owned();
        Problem { line: line.unwrap_or(0), path: String::new(), code, zh: text.clone(), en: text }
    };
    refusal.problems = errors.iter().map(problem).collect();
    refusal
}

/// The keys that are believed, by name; none where there is no file.
fn keys(data: &Path) -> Outcome<Vec<(String, Vec<u8>)>> {
    let path = data.join(KEYS);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Refusal::file(&path, error)),
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let key = |line: &str| {
        let read =
            line.split_once(' ').and_then(|(name, hex)| Some((name.to_owned(), from_hex(hex.trim())?)));
        read.filter(|(_, key)| key.len() == 32)
            .ok_or_else(|| Refusal::file(&path, format!("{line:?}: NAME HEX")))
    };
    lines.map(key).collect()
}

/// What was signed, and the hex of the signature behind it.
fn without_signature(text: &str) -> (&str, &str) {
    let text = text.trim_end();
    let line = text.rfind('\n').map_or(0, |at| at + 1);
    match text[line..].strip_prefix(SIGNATURE) {
        Some(hex) => (&text[..line], hex.trim()),
        None => (text, ""),
    }
}

/// What was signed by one of the keys, and its name.
fn verified<'a, 'k>(text: &'a str, keys: &'k [(String, Vec<u8>)]) -> Outcome<(&'a str, &'k str)> {
    let (body, hex) = without_signature(text);
    let signature = from_hex(hex).unwrap_or_default();
    let signs = |(_, key): &&(String, Vec<u8>)| {
        UnparsedPublicKey::new(&ED25519, key).verify(body.as_bytes(), &signature).is_ok()
    };
    keys.iter().find(signs).map(|(name, _)| (body, name.as_str())).ok_or_else(|| {
        Refusal::new(
            Code::BadSignature,
            format!("签名无效，或签名者不在 {KEYS} 中"),
            format!("no signature by a key of {KEYS}"),
        )
    })
}

/// A table with its signature behind it, and the public key of who signed, in hex.
///
/// # Errors
/// The key is no Ed25519 key in PKCS #8, or the table is wrong.
pub fn sign(text: &str, pkcs8: &[u8]) -> Outcome<(String, String)> {
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|error| {
        Refusal::invalid(
            format!("不是 Ed25519 私钥（PKCS #8 DER）：{error}"),
            format!("no Ed25519 key in PKCS #8 (DER): {error}"),
        )
    })?;
    let mut body = without_signature(text).0.trim_end().to_owned();
    body.push('\n');
    PublishedYear::read(&body).map_err(|errors| wrong(&errors))?;
    let signature = to_hex(pair.sign(body.as_bytes()).as_ref());
    Ok((format!("{body}{SIGNATURE}{signature}\n"), to_hex(pair.public_key().as_ref())))
}

/// Tells the figures and, once a day, the log that the next year is missing; the alerts that are open.
pub async fn watch(meters: Arc<crate::meters::Meters>, store: Store) {
    let mut said: Option<Date> = None;
    loop {
        // With the database away the last answer stands.
        if let Ok(years) = years(&store).await {
            let (today, missing) = (today(), years.missing_next_year(today()));
            meters.calendar_missing_year.set(missing.map_or(0, i32::unsigned_abs).into());
            if let Some(year) = missing.filter(|_| said != Some(today)) {
                tracing::warn!(year, "the holidays of the next year are not imported");
                said = Some(today);
            }
        }
        if let Ok(open) = store.open_alerts().await {
            meters.open_alerts.set(open);
        }
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let octet = |place: usize| u8::from_str_radix(text.get(place..place + 2)?, 16).ok();
    text.len().is_multiple_of(2).then(|| (0..text.len()).step_by(2).map(octet).collect())?
}

fn to_hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str =
        "sibai-calendar 1\nyear 2027\nversion 1\nsource a\ndate,kind,name\n2027-01-01,off,元旦\n";

    fn key() -> Vec<u8> {
        Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).expect("chance").as_ref().to_vec()
    }

    #[test]
    fn r24_only_what_a_believed_key_signed_is_read() {
        let (signed, public) = sign(TABLE, &key()).expect("signed");
        let believed = vec![("operator".to_owned(), from_hex(&public).expect("hex"))];
        assert_eq!(verified(&signed, &believed).expect("believed"), (TABLE, "operator"));
        let (_, other) = sign(TABLE, &key()).expect("signed");
        let strangers = vec![("other".to_owned(), from_hex(&other).expect("hex"))];
        let changed = signed.replace("2027-01-01", "2027-01-02");
        for (text, keys) in
            [(&signed, &strangers), (&changed, &believed), (&TABLE.to_owned(), &believed), (&signed, &vec![])]
        {
            assert_eq!(verified(text, keys).map_err(|refusal| refusal.code), Err(Code::BadSignature));
        }
        assert_eq!(
            sign("sibai-calendar 1\n", &key()).map_err(|refusal| refusal.code),
            Err(Code::InvalidDocument)
        );
        assert_eq!(sign(TABLE, b"none").map_err(|refusal| refusal.code), Err(Code::InvalidValue));
        assert_eq!(
            sign(&signed, &key()).map(|(text, _)| text.lines().count()),
            Ok(7),
            "signed anew, not twice"
        );
    }
}
