//! YAML text to a tree, for tests: scalars as YAML 1.2's core schema takes them, no tags, no aliases.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::enterprise::{Key, Tree, Value};

/// The one document of a text.
pub(in crate::enterprise) fn yaml(text: &str) -> Tree {
    let mut events = Parser::new_from_str(text).map(|event| {
        let (event, span) = event.expect("the text is YAML");
        (event, u32::try_from(span.start.line()).expect("tests are short"))
    });
    loop {
        let (event, line) = events.next().expect("a document begins");
        if !matches!(event, Event::StreamStart | Event::DocumentStart(_)) {
            return tree(event, line, &mut events);
        }
    }
}

fn tree<'t>(event: Event<'t>, line: u32, events: &mut impl Iterator<Item = (Event<'t>, u32)>) -> Tree {
    let value = match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) => plain(&text),
        Event::Scalar(text, ..) => Value::Text(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match events.next().expect("the list ends") {
                    (Event::SequenceEnd, _) => break Value::List(items),
                    (event, line) => items.push(tree(event, line, events)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut fields = Vec::new();
            loop {
                let (key, key_line) = match events.next().expect("the map ends") {
                    (Event::MappingEnd, _) => break Value::Map(fields),
                    (Event::Scalar(text, ..), line) => (text.into_owned(), line),
                    (other, _) => panic!("{other:?} is no key"),
                };
                let (event, line) = events.next().expect("a key has a value");
                fields.push((Key { line: key_line, text: key }, tree(event, line, events)));
            }
        }
        other => panic!("{other:?} is not for tests"),
    };
    Tree::new(line, value)
}

fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).replacen('.', "", 1);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}
