//! `docs/flows.md` tells of every kind of step what the schema tells, word for word.

use std::fmt::Write;

use serde_json::Value;

const SCHEMA: &str = include_str!("../../../schema/flow.schema.json");
const PAGE: &str = include_str!("../../../docs/flows.md");

#[test]
fn the_page_on_flows_is_what_the_schema_says() {
    let wanted = reference();
    let begins = PAGE.find("## Reference").expect("the page has a reference");
    let page = PAGE[begins..].trim_end();
    assert!(page == wanted.trim_end(), "the reference of docs/flows.md has to be:\n\n{wanted}");
}

/// The part of the page that the schema is told in.
fn reference() -> String {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let mut text = String::from("## Reference\n");
    part(&mut text, "The document", &schema, &schema);
    for one in schema["properties"]["steps"]["items"]["oneOf"].as_array().expect("the kinds") {
        let of = resolved(&schema, one);
        let kind = of["properties"]["kind"]["const"].as_str().expect("its word");
        part(&mut text, &format!("`{kind}` · {}", said(of, "title")), of, &schema);
    }
    for name in ["named_code", "test", "expect"] {
        let of = &schema["$defs"][name];
        part(&mut text, &format!("`{name}` · {}", said(of, "title")), of, &schema);
    }
    text
}

fn part(text: &mut String, head: &str, of: &Value, schema: &Value) {
    let _ = write!(
        text,
        "\n### {head}\n\n{}\n\n| field | | form | |\n|---|---|---|---|\n",
        said(of, "description")
    );
    let required: Vec<&str> =
        of["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in of["properties"].as_object().expect("its fields") {
        if name == "kind" {
            continue;
        }
        let must = if required.contains(&name.as_str()) { ", required" } else { "" };
        let what = said(field, "description").replace('|', "\\|");
        let _ = writeln!(
            text,
            "| `{name}` | {}{must} | {} | {what} |",
            said(field, "title"),
            form(field, schema)
        );
    }
}

/// Text, numbers with their bounds, choices; what it is where nothing is said.
fn form(field: &Value, schema: &Value) -> String {
    let of = resolved(schema, field);
    let kind = match of["type"].as_str() {
        Some("object") => "map".to_owned(),
        Some("array") => "list".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        Some("integer") => match (of["minimum"].as_i64(), of["maximum"].as_i64()) {
            (Some(min), Some(max)) => format!("{min} to {max}"),
            _ => "whole number".to_owned(),
        },
        Some("string") => match of["enum"].as_array() {
            Some(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            None => "text".to_owned(),
        },
        _ if of["const"].is_number() => of["const"].to_string(),
        _ => "text or a list of texts".to_owned(),
    };
    match &field["default"] {
        Value::Null => kind,
        usual => format!("{kind}; {usual} unless said").replace('"', ""),
    }
}

fn resolved<'s>(schema: &'s Value, of: &'s Value) -> &'s Value {
    match of["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        Some(name) => &schema["$defs"][name],
        None => of,
    }
}

fn said<'s>(of: &'s Value, what: &str) -> &'s str {
    of[what].as_str().unwrap_or_default()
}
