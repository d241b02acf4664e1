//! Results of handling (row Q09): the tree of codes that a queue's agents choose from, what is chosen unless somebody says
//! otherwise, and until when. It refuses to know agents and calls.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::agent::WrapUp;

/// Levels of a tree.
pub const LEVELS_MAX: usize = 3;
/// Between the codes of a path.
const BETWEEN: char = '/';
/// How long an agent may take for a result that must be, where neither the queue nor its wrap-up says, milliseconds.
const LIMIT_MS: u64 = 60_000;

/// What a queue asks of its agents about each call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Results {
    /// Whether after-work lasts until a result is chosen, or the time for it is over.
    pub mandatory: bool,
    /// The time for it, seconds; without one that of the wrap-up.
    pub limit_s: Option<u16>,
    /// The path of the result of calls for which nobody chose one.
    pub default: Option<String>,
    /// The tree.
    pub codes: Vec<ResultCode>,
}

/// A result, or what several results have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultCode {
    /// Its code, one of its kind beside its neighbours.
    pub code: String,
    /// What people call it.
    pub name: String,
    /// What it is divided into; nothing of what is chosen.
    #[serde(default)]
    pub codes: Vec<ResultCode>,
}

/// A result that is chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// Codes from the top of the tree down, with `/` between them.
    pub code: Arc<str>,
    /// The names to them, likewise.
    pub name: Arc<str>,
}

impl Results {
    /// The result at a path; `None` where there is none, or where it is divided further.
    pub fn chosen(&self, path: &str) -> Option<Chosen> {
        let (mut level, mut names): (&[ResultCode], Vec<&str>) = (&self.codes, Vec::new());
        for code in path.split(BETWEEN) {
            let found = level.iter().find(|known| known.code == code)?;
            names.push(&found.name);
            level = &found.codes;
        }
        let name = names.join(&BETWEEN.to_string());
        level.is_empty().then(|| Chosen { code: path.into(), name: name.into() })
    }

    /// What stands where nobody chose anything.
    pub fn default(&self) -> Option<Chosen> {
        self.chosen(self.default.as_deref()?)
    }

    /// How long after-work waits for a result that must be, milliseconds.
    pub fn limit_ms(&self, wrap_up: WrapUp) -> u64 {
        let of_wrap_up = match wrap_up {
            WrapUp::Forced { ms } | WrapUp::Optional { ms_max: Some(ms) } => Some(ms),
            WrapUp::None | WrapUp::Optional { ms_max: None } => None,
        };
        self.limit_s.map(|s| u64::from(s) * 1_000).or(of_wrap_up).unwrap_or(LIMIT_MS)
    }

    /// Every result that can be chosen, by its path.
    pub fn paths(&self) -> Vec<String> {
        fn below(codes: &[ResultCode], before: &str, paths: &mut Vec<String>) {
            for one in codes {
                let path = format!("{before}{}", one.code);
                match one.codes.is_empty() {
                    true => paths.push(path),
                    false => below(&one.codes, &format!("{path}{BETWEEN}"), paths),
                }
            }
        }
        let mut paths = Vec::new();
        below(&self.codes, "", &mut paths);
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(code: &str, name: &str, codes: Vec<ResultCode>) -> ResultCode {
        ResultCode { code: code.into(), name: name.into(), codes }
    }

    fn results() -> Results {
        let sale =
            vec![code("new", "新客户", vec![code("web", "网上", vec![])]), code("old", "老客户", vec![])];
        let codes = vec![code("sale", "成交", sale), code("none", "未成交", vec![])];
        Results { mandatory: true, limit_s: None, default: Some("none".into()), codes }
    }

    #[test]
    fn q09_a_result_is_a_leaf_of_the_tree_by_its_path() {
        let results = results();
        let chosen = results.chosen("sale/new/web").expect("a leaf");
        assert_eq!((&*chosen.code, &*chosen.name), ("sale/new/web", "成交/新客户/网上"));
        assert_eq!(results.default(), results.chosen("none"));
        for none in ["", "sale", "sale/new", "sale/new/", "/none", "web", "none/old", "sale/new/web/web"] {
            assert_eq!(results.chosen(none), None, "{none}");
        }
        assert_eq!(results.paths(), ["sale/new/web", "sale/old", "none"]);
        assert!(results.paths().iter().all(|path| results.chosen(path).is_some()));
    }

    #[test]
    fn q09_the_time_is_the_queues_own_or_that_of_its_wrap_up() {
        let forced = WrapUp::Forced { ms: 8_000 };
        let results = results();
        assert_eq!(results.limit_ms(forced), 8_000);
        assert_eq!(results.limit_ms(WrapUp::Optional { ms_max: Some(9_000) }), 9_000);
        assert_eq!(results.limit_ms(WrapUp::None), LIMIT_MS);
        assert_eq!(results.limit_ms(WrapUp::Optional { ms_max: None }), LIMIT_MS);
        assert_eq!(Results { limit_s: Some(30), ..results }.limit_ms(forced), 30_000);
    }
}
