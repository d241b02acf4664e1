//! Region data in force: the shipped table, or a newer file that was imported, and the operator's own rows over it. Both
//! lie as files in the data directory.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use hotline::region::{Override, RegionData, RegionTable};
use serde::{Deserialize, Serialize};

use super::refusal::Problem;
use super::{Code, Desk, Outcome, Refusal};

const TABLE: &str = "region.bin";
const OVERRIDES: &str = "overrides.csv";
/// A region file is a few megabytes; more is none.
const BYTES_MAX: u64 = 64 << 20;

/// Take the region files anew.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Reload {
    /// Who asks.
    pub by: String,
    /// What was imported, for the audit.
    pub what: String,
}

/// What a table holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Held {
    /// Such as `2312` for December 2023.
    pub version: String,
    /// Mobile prefixes.
    pub prefixes: usize,
    /// The operator's own rows.
    pub overrides: usize,
}

/// The table in force.
///
/// # Errors
/// A file there cannot be read.
pub fn table(dir: &Path) -> Outcome<RegionTable> {
    let path = dir.join(TABLE);
    let table = match std::fs::read(&path) {
        Ok(bytes) => RegionTable::from_bytes(&bytes).map_err(|error| Refusal::file(&path, error))?,
        Err(error) if error.kind() == ErrorKind::NotFound => RegionTable::shipped().clone(),
        Err(error) => return Err(Refusal::file(&path, error)),
    };
    let rows = overrides(dir)?;
    Ok(if rows.is_empty() { table } else { table.with_overrides(rows) })
}

fn overrides(dir: &Path) -> Outcome<Vec<Override>> {
    let path = dir.join(OVERRIDES);
    match std::fs::read_to_string(&path) {
        Ok(text) => parse_overrides(&text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Refusal::file(&path, error)),
    }
}

fn parse_overrides(text: &str) -> Outcome<Vec<Override>> {
    Override::parse_csv(text).map_err(|errors| {
        let mut refusal =
            Refusal::new(Code::InvalidDocument, "归属地修正文件有问题", "the file of overrides is wrong");
        let problem = |error: &hotline::region::OverrideError| {
            let text = error.to_string();
            let line = text.strip_prefix("line ").and_then(|rest| rest.split(':').next()?.parse().ok());
            let code = "override".to_owned();
            Problem { line: line.unwrap_or(0), path: String::new(), code, zh: text.clone(), en: text }
        };
        refusal.problems = errors.iter().map(problem).collect();
        refusal
    })
}

/// A file that was read and may be put in force.
pub enum Import {
    /// A table.
    Table(Box<RegionData>),
    /// Rows of the operator, as written.
    Overrides(String, Vec<Override>),
}

/// Reads a published `phone.dat`, a packed table or a CSV of overrides, by its content.
///
/// # Errors
/// It is none of them, or lines of it are wrong.
pub fn read_import(file: &Path) -> Outcome<Import> {
    let failed = |error: &dyn std::fmt::Display| Refusal::file(file, error);
    let size = std::fs::metadata(file).map_err(|error| failed(&error))?.len();
    if size > BYTES_MAX {
        return Err(failed(&"larger than a region file can be"));
    }
    let bytes = std::fs::read(file).map_err(|error| failed(&error))?;
    if let Ok(text) = std::str::from_utf8(&bytes)
        && !text.contains('\0')
    {
        let rows = parse_overrides(text)?;
        return Ok(Import::Overrides(text.to_owned(), rows));
    }
    let data = RegionData::from_bytes(&bytes).or_else(|_| RegionData::import(&bytes));
    Ok(Import::Table(Box::new(data.map_err(|error| failed(&error))?)))
}

impl Import {
    /// The table as it would be in force.
    ///
    /// # Errors
    /// The other file there cannot be read.
    pub fn table(&self, dir: &Path) -> Outcome<RegionTable> {
        Ok(match self {
            Import::Table(data) => RegionTable::compile(data).with_overrides(overrides(dir)?),
            Import::Overrides(_, rows) => table(dir)?.with_overrides(rows.clone()),
        })
    }

    /// Puts it in force for the next start; [`reload`] tells a running node.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn apply(&self, dir: &Path) -> Outcome<()> {
        let (path, bytes) = match self {
            Import::Table(data) => (dir.join(TABLE), data.to_bytes()),
            Import::Overrides(text, _) => (dir.join(OVERRIDES), text.clone().into_bytes()),
        };
        let next = path.with_extension("next");
        let written = std::fs::create_dir_all(dir)
            .and_then(|()| std::fs::write(&next, bytes))
            .and_then(|()| std::fs::rename(&next, &path));
        written.map_err(|error| Refusal::file(&path, error))
    }
}

/// What a table holds, with the operator's own rows of a directory.
///
/// # Errors
/// The file of overrides cannot be read.
pub fn held(table: &RegionTable, dir: &Path) -> Outcome<Held> {
    let overrides = overrides(dir)?.len();
    Ok(Held { version: table.version().to_owned(), prefixes: table.prefix_count(), overrides })
}

/// Takes the region files anew: audits it and tells the node.
///
/// # Errors
/// A file there cannot be read.
pub async fn reload(desk: &Desk, asked: &Reload) -> Outcome<Held> {
    let dir = desk.regions_dir();
    let table = table(&dir)?;
    let held = held(&table, &dir)?;
    let provider = hotline::TenantId::provider();
    let value = format!("{}: {} prefixes, {} overrides", held.version, held.prefixes, held.overrides);
    desk.store
        .put_setting(&provider, "regions", &format!("{value} ({})", asked.what), &desk.change(&asked.by))
        .await?;
    if let Some(live) = &desk.live {
        live.apply(node::Change::Regions(Arc::new(table))).await?;
    }
    Ok(held)
}
