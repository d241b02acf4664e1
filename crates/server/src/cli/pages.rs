//! Lists that are longer than one answer: page after page, so that what is shown or exported is whole.

use hotline::CallId;
use serde::de::DeserializeOwned;

use super::{Client, Context, Need};
use crate::ops::{Outcome, PAGE_MAX, Refusal, Request};

/// Asks for a list page after page, each behind the last of the one before, until `count` are there or the list is over.
///
/// # Errors
/// Those of the request.
pub fn pages<T: DeserializeOwned>(
    context: &Context,
    count: u64,
    request: impl Fn(u32, Option<&T>) -> Request,
) -> Outcome<Vec<T>> {
    let client = Client::open(&context.place, Need::Data)?;
    let found = collect(
        count,
        |limit, last| client.ask(&request(limit, last)),
        |count| {
            context.progress(&format!("{count} …"));
        },
    );
    context.progress_done();
    found
}

fn collect<T>(
    count: u64,
    ask: impl Fn(u32, Option<&T>) -> Outcome<Vec<T>>,
    tell: impl Fn(usize),
) -> Outcome<Vec<T>> {
    let mut found: Vec<T> = Vec::new();
    loop {
        let left = count.saturating_sub(found.len() as u64);
        let limit = u32::try_from(left).unwrap_or(u32::MAX).min(PAGE_MAX);
        if limit == 0 {
            return Ok(found);
        }
        let page = ask(limit, found.last())?;
        let is_last = page.len() < limit as usize;
        found.extend(page);
        if is_last {
            return Ok(found);
        }
        tell(found.len());
    }
}

/// The call behind which a list goes on.
///
/// # Errors
/// It is no id.
pub fn call(text: &str) -> Outcome<CallId> {
    let wrong = |_| Refusal::invalid(format!("{text} 不是通话编号"), format!("{text} is no id of a call"));
    text.parse().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v07_a_list_is_whole_however_many_pages_it_has() {
        let list = |length: u64| {
            move |limit: u32, last: Option<&u64>| {
                let from = last.map_or(0, |last| last + 1);
                Ok((from..length).take(limit as usize).collect())
            }
        };
        for length in [0, 1, 999, 1_000, 1_001, 12_345] {
            let found = collect(u64::MAX, list(length), |_| {}).expect("a list");
            assert_eq!(found, (0..length).collect::<Vec<_>>());
        }
        assert_eq!(collect(1_500, list(9_999), |_| {}).expect("a list").len(), 1_500);
        assert!(collect(0, list(9_999), |_| {}).expect("a list").is_empty());
    }
}
