//! What differs between two documents, as lines a person reads: entries are matched by their name or number, not by
//! their place. Knows trees, not fields.

use hotline::enterprise::{Tree, Value};
use serde::{Deserialize, Serialize};

/// What became of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// It was not there before.
    Added,
    /// It is not there any more.
    Removed,
    /// Its value is another.
    Changed,
    /// The same entries in another order.
    Reordered,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Difference {
    /// What became of it.
    pub sort: Sort,
    /// Where, such as `numbers[4006010114].rules[下班].then`.
    pub path: String,
    /// The value before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// The value after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub becomes: Option<String>,
}

/// The fields whose values are told to nobody: the digits of a password, and the hashes a phone logs in with.
const SECRETS: [&str; 2] = ["code", "password_hash"];
const HIDDEN: &str = "••••";

/// Everything that differs, in the order of the new document, then what is gone.
pub fn differences(was: Option<&Tree>, becomes: &Tree) -> Vec<Difference> {
    let mut found = Vec::new();
    match was {
        Some(was) => compare(String::new(), &was.value, &becomes.value, &mut found),
        None => compare(String::new(), &Value::Map(Vec::new()), &becomes.value, &mut found),
    }
    found
}

fn compare(path: String, was: &Value, becomes: &Value, found: &mut Vec<Difference>) {
    match (was, becomes) {
        (Value::Map(_), Value::Map(_)) => compare_entries(&path, &fields(was), &fields(becomes), found),
        (Value::List(_), Value::List(_)) => match (entries(was), entries(becomes)) {
            (Some(before), Some(after)) => {
                compare_entries(&path, &before, &after, found);
                let kept = |all: &[(String, &Value)], other: &[(String, &Value)]| -> Vec<String> {
                    let both = all.iter().filter(|(name, _)| other.iter().any(|(same, _)| same == name));
                    both.map(|(name, _)| name.clone()).collect()
                };
                if kept(&before, &after) != kept(&after, &before) {
                    found.push(Difference { sort: Sort::Reordered, path, was: None, becomes: None });
                }
            }
            _ => leaf(path, was, becomes, found),
        },
        _ => leaf(path, was, becomes, found),
    }
}

fn leaf(path: String, was: &Value, becomes: &Value, found: &mut Vec<Difference>) {
    let (before, after) = (short(was), short(becomes));
    if was == becomes {
        return;
    }
    if path.rsplit('.').next().is_some_and(|field| SECRETS.contains(&field)) {
        let hidden = Some(HIDDEN.to_owned());
        found.push(Difference { sort: Sort::Changed, path, was: hidden.clone(), becomes: hidden });
    } else if before != after {
        found.push(Difference { sort: Sort::Changed, path, was: Some(before), becomes: Some(after) });
    }
}

type Named<'t> = Vec<(String, &'t Value)>;

fn compare_entries(path: &str, was: &Named<'_>, becomes: &Named<'_>, found: &mut Vec<Difference>) {
    let find = |all: &Named<'_>, name: &str| all.iter().position(|(other, _)| other == name);
    for (name, after) in becomes {
        let place =
            format!("{path}{}{name}", if path.is_empty() || name.starts_with('[') { "" } else { "." });
        match find(was, name) {
            Some(at) => compare(place, was[at].1, after, found),
            None => {
                found.push(Difference {
                    sort: Sort::Added,
                    path: place,
                    was: None,
                    becomes: Some(short(after)),
                });
            }
        }
    }
    for (name, before) in was {
        if find(becomes, name).is_none() {
            let path =
                format!("{path}{}{name}", if path.is_empty() || name.starts_with('[') { "" } else { "." });
            found.push(Difference { sort: Sort::Removed, path, was: Some(short(before)), becomes: None });
        }
    }
}

fn fields(value: &Value) -> Named<'_> {
    match value {
        Value::Map(fields) => fields.iter().map(|(key, tree)| (key.text.clone(), &tree.value)).collect(),
        _ => Vec::new(),
    }
}

/// Entries of a list by their `name`, `number` or `id`; `None` if one has none of them.
fn entries(value: &Value) -> Option<Named<'_>> {
    let Value::List(items) = value else { return None };
    let named = |tree: &'_ Tree| -> Option<String> {
        let Value::Map(fields) = &tree.value else { return None };
        let of =
            |wanted: &str| fields.iter().find(|(key, _)| key.text == wanted).map(|(_, tree)| &tree.value);
        match of("name").or_else(|| of("number")).or_else(|| of("id"))? {
            Value::Text(text) | Value::Number(text) => Some(format!("[{text}]")),
            _ => None,
        }
    };
    items.iter().map(|tree| Some((named(tree)?, &tree.value))).collect()
}

/// A value on one line, cut where a person would stop reading.
fn short(value: &Value) -> String {
    const CHARACTERS_MAX: usize = 160;
    let text = flow(value);
    if text.chars().count() <= CHARACTERS_MAX {
        return text;
    }
    text.chars().take(CHARACTERS_MAX).chain(std::iter::once('…')).collect()
}

fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(text) | Value::Text(text) => text.clone(),
        Value::List(items) => {
            format!("[{}]", items.iter().map(|item| flow(&item.value)).collect::<Vec<_>>().join(", "))
        }
        Value::Map(fields) => {
            let field = |(key, tree): &(hotline::enterprise::Key, Tree)| {
                let is_secret = SECRETS.contains(&key.text.as_str());
                let value = if is_secret { HIDDEN.to_owned() } else { flow(&tree.value) };
                format!("{}: {value}", key.text)
            };
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::document::read;

    #[test]
    fn entries_are_matched_by_name_and_not_by_place() {
        let was = read("plan: T1\nrules:\n  - {name: a, then: x}\n  - {name: b, then: y}\n").unwrap();
        let becomes =
            read("plan: T2a\nrules:\n  - {name: b, then: z}\n  - {name: a, then: x}\n  - {name: c}\n")
                .unwrap();
        let found = differences(Some(&was), &becomes);
        let lines: Vec<(Sort, &str)> = found.iter().map(|one| (one.sort, one.path.as_str())).collect();
        assert_eq!(
            lines,
            [
                (Sort::Changed, "plan"),
                (Sort::Changed, "rules[b].then"),
                (Sort::Added, "rules[c]"),
                (Sort::Reordered, "rules"),
            ]
        );
        assert_eq!(differences(Some(&was), &was), []);
        let password =
            |code| read(&format!("password: {{passwords: [{{name: a, code: \"{code}\"}}]}}\n")).unwrap();
        let told = format!("{:?}", differences(Some(&password("1234")), &password("5678")))
            + &format!("{:?}", differences(None, &password("1234")));
        assert!(
            told.contains("passwords[a].code") && !told.contains("1234") && !told.contains("5678"),
            "{told}"
        );
        assert_eq!(differences(None, &was).len(), 2);
        let phone = |hash| {
            read(&format!("extensions: [{{name: a, number: 8001, password_hash: \"{hash}\"}}]\n")).unwrap()
        };
        let told = format!("{:?}", differences(Some(&phone("abcd:1234")), &phone("abce:5678")))
            + &format!("{:?}", differences(None, &phone("abcd:1234")));
        assert!(told.contains("extensions[a].password_hash") && !told.contains("abc"), "{told}");
    }
}
