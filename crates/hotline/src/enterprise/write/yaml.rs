//! A tree as YAML 1.2 text for people: blocks where there is much, one line where it fits. It knows no field.

use crate::enterprise::{Key, Tree, Value};

/// Columns of a line; a Chinese character takes two.
const WIDTH: usize = 120;

/// The text of a tree, with a line break at its end.
pub(super) fn emit(tree: &Tree) -> String {
    let mut text = String::new();
    match &tree.value {
        Value::Map(fields) if !fields.is_empty() => map(fields, 0, &mut text),
        Value::List(items) if !items.is_empty() => list(items, 0, &mut text),
        _ => {
            text.push_str(&on_one_line(tree));
            text.push('\n');
        }
    }
    text
}

/// Each field on lines of its own; the first line is not indented, since a list's dash may stand before it.
fn map(fields: &[(Key, Tree)], indent: usize, text: &mut String) {
    for (place, (key, value)) in fields.iter().enumerate() {
        if place > 0 {
            text.push_str(&" ".repeat(indent));
        }
        let key = scalar(&key.text);
        text.push_str(&key);
        text.push(':');
        let line = on_one_line(value);
        if fits(value, indent + columns(&key) + 2 + columns(&line)) {
            text.push(' ');
            text.push_str(&line);
            text.push('\n');
            continue;
        }
        text.push('\n');
        text.push_str(&" ".repeat(indent + 2));
        block(value, indent + 2, text);
    }
}

fn list(items: &[Tree], indent: usize, text: &mut String) {
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            text.push_str(&" ".repeat(indent));
        }
        text.push_str("- ");
        let line = on_one_line(item);
        if fits(item, indent + 2 + columns(&line)) {
            text.push_str(&line);
            text.push('\n');
        } else {
            block(item, indent + 2, text);
        }
    }
}

fn block(tree: &Tree, indent: usize, text: &mut String) {
    match &tree.value {
        Value::Map(fields) => map(fields, indent, text),
        Value::List(items) => list(items, indent, text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {
            text.push_str(&on_one_line(tree));
            text.push('\n');
        }
    }
}

/// Whether a value stands on one line: scalars always, others when short and without a list of maps in them.
fn fits(tree: &Tree, width: usize) -> bool {
    match &tree.value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => true,
        Value::Map(fields) => {
            fields.is_empty()
                || (width <= WIDTH && !fields.iter().any(|(_, value)| holds_list_of_maps(value)))
        }
        Value::List(items) => items.is_empty() || (width <= WIDTH && !holds_list_of_maps(tree)),
    }
}

fn holds_list_of_maps(tree: &Tree) -> bool {
    match &tree.value {
        Value::List(items) => items.iter().any(|item| matches!(item.value, Value::Map(_) | Value::List(_))),
        Value::Map(fields) => fields.iter().any(|(_, value)| holds_list_of_maps(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => false,
    }
}

fn on_one_line(tree: &Tree) -> String {
    match &tree.value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(source) => source.clone(),
        Value::Text(text) => scalar(text),
        Value::List(items) => format!("[{}]", items.iter().map(on_one_line).collect::<Vec<_>>().join(", ")),
        Value::Map(fields) => {
            let field = |(key, value): &(Key, Tree)| format!("{}: {}", scalar(&key.text), on_one_line(value));
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A text, quoted unless no reader of YAML 1.1 or 1.2 could take it for anything else.
fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let inner = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/' | '@' | '*' | '+');
    text.chars().next().is_some_and(char::is_alphabetic)
        && text.chars().all(inner)
        && !text.ends_with(' ')
        && !WORDS.contains(&text.to_lowercase().as_str())
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if shows(c) => quoted.push(c),
            c if u32::from(c) <= 0xffff => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

/// Characters that YAML takes as they are; line separators and byte order marks are not among them.
fn shows(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn columns(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_taken_for_something_else_is_quoted() {
        for text in [
            "",
            "0532",
            "4006010114",
            "true",
            "No",
            "y",
            "null",
            "~",
            "2026-10-10",
            "a: b",
            "a #b",
            "-",
            "021*",
        ] {
            assert_eq!(scalar(text), format!("\"{text}\""), "{text}");
        }
        for text in [
            "sip:8001@127.0.0.1:5090",
            " a",
            "a ",
            "[a]",
            "{a}",
            "a,b",
            "&a",
            "*a",
            "!a",
            "1e3",
            ".5",
            "%a",
            "@a",
        ] {
            assert_eq!(scalar(text), format!("\"{text}\""), "{text}");
        }
        assert_eq!(scalar("say \"hi\"\\\n\u{7}"), r#""say \"hi\"\\\n\u0007""#);
        for text in ["front-desk", "华信科技有限公司", "north callers", "T2a", "mon-fri"] {
            assert_eq!(scalar(text), text);
        }
    }

    #[test]
    fn short_maps_stand_on_a_line_and_long_ones_in_blocks() {
        let text = |text: &str| Tree::new(0, Value::Text(text.to_owned()));
        let field = |name: &str, value: Tree| (Key { line: 0, text: name.to_owned() }, value);
        let short =
            Tree::new(0, Value::Map(vec![field("name", text("a")), field("of", Tree::new(0, Value::Null))]));
        let long = Tree::new(
            0,
            Value::Map(vec![field("one", text(&"x".repeat(80))), field("two", text(&"y".repeat(80)))]),
        );
        let items = Tree::new(0, Value::List(vec![short, long]));
        let document = Tree::new(
            0,
            Value::Map(vec![field("items", items), field("none", Tree::new(0, Value::List(vec![])))]),
        );
        let (x, y) = ("x".repeat(80), "y".repeat(80));
        let wanted = format!("items:\n  - {{name: a, of: null}}\n  - one: {x}\n    two: {y}\nnone: []\n");
        assert_eq!(emit(&document), wanted);
    }
}
