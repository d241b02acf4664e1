//! The results of handling that a queue asks of its agents (row Q09).

use super::fields::{RESULT_CODE, RESULTS};
use super::problem::{Counted, Fault, Named};
use super::reader::{At, Names, Reader};
use crate::results::{LEVELS_MAX, ResultCode, Results};

/// Codes beside each other.
const CODES_MAX: usize = 100;
/// The longest time for a result, seconds.
const LIMIT_S_MAX: u64 = 3_600;
/// The longest code, characters.
const CODE_MAX: usize = 32;

impl Reader<'_> {
    /// `{mandatory: true, limit_seconds: 60, default: other, codes: [{code: sale, name: 成交, codes: […]}, …]}`.
    pub(super) fn results(&mut self, at: &At<'_>) -> Option<Results> {
        let object = self.object(at, &RESULTS)?;
        let codes = self.result_codes(object.field("codes"), 1);
        let mandatory = self.flag(object.field("mandatory"), false);
        let limit_s = object.field("limit_seconds").map(|at| self.whole(&at, 1, LIMIT_S_MAX));
        let default = object.field("default");
        if mandatory && default.is_none() {
            // What must be is there when its time is over too.
            self.wrong(at, Fault::Missing { field: "default" });
        }
        let results = Results {
            mandatory,
            limit_s: limit_s.map_or(Some(None), |read| read.map(|s| Some(s as u16)))?,
            default: None,
            codes: codes?,
        };
        let default = default.map(|at| self.known(&at, Named::Result, |path| results.chosen(path).is_some()));
        Some(Results { default: default.map_or(Some(None), |read| read.map(Some))?, ..results })
    }

    fn result_codes(&mut self, at: Option<At<'_>>, level: usize) -> Option<Vec<ResultCode>> {
        let mut seen = Names::new();
        let items = self.some_items(at, Counted::Entries, CODES_MAX);
        let codes: Vec<_> = items.iter().map(|at| self.result_code(at, level, &mut seen)).collect();
        codes.into_iter().collect()
    }

    fn result_code(&mut self, at: &At<'_>, level: usize, seen: &mut Names) -> Option<ResultCode> {
        let object = self.object(at, &RESULT_CODE)?;
        let name = object.field("name").and_then(|at| self.name(&at));
        let code = object.field("code").and_then(|at| {
            let found = self.text(&at)?;
            let fits =
                |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || matches!(one, '-' | '_');
            if found.is_empty() || found.len() > CODE_MAX || !found.chars().all(fits) {
                self.wrong(&at, Fault::BadResultCode { found: found.to_owned() });
                return None;
            }
            self.declare(seen, &at, found, Named::Result);
            Some(found.to_owned())
        });
        let codes = match object.field("codes") {
            Some(at) if level == LEVELS_MAX => {
                self.wrong(&at, Fault::TooMany { counted: Counted::Levels, max: LEVELS_MAX });
                None
            }
            Some(at) => self.result_codes(Some(at), level + 1),
            None => Some(Vec::new()),
        };
        Some(ResultCode { code: code?, name: name?, codes: codes? })
    }
}
