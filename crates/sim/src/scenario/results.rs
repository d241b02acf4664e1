//! The results of handling that a queue of a scenario asks for.

use hotline::results::{ResultCode, Results};

use super::script::seconds_of;

/// `PATH+PATH[+mandatory][+default:PATH][+limit:30s]`: each path a result, its codes also its names.
pub(super) fn results(text: &str) -> Option<Results> {
    let mut results = Results { mandatory: false, limit_s: None, default: None, codes: Vec::new() };
    for term in text.split('+') {
        match term.split_once(':') {
            Some(("default", path)) => results.default = Some(path.to_owned()),
            Some(("limit", limit)) => results.limit_s = Some(seconds_of(limit)?),
            Some(_) => return None,
            None if term == "mandatory" => results.mandatory = true,
            None => put(&mut results.codes, term),
        }
    }
    Some(results)
}

fn put(codes: &mut Vec<ResultCode>, path: &str) {
    let (code, below) = path.split_once('/').unwrap_or((path, ""));
    let at = codes.iter().position(|known| known.code == code).unwrap_or_else(|| {
        codes.push(ResultCode { code: code.into(), name: code.into(), codes: Vec::new() });
        codes.len() - 1
    });
    if !below.is_empty() {
        put(&mut codes[at].codes, below);
    }
}
