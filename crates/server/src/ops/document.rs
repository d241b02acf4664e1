//! YAML (and JSON, which is YAML) to a tree with line marks, safe against hostile files: size, depth and the number of
//! values are bounded, repeats by alias are counted as what they repeat. Knows no field of any document.

use std::collections::BTreeMap;

use hotline::enterprise::{Key, Tree, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

/// A document longer than this is not looked at.
pub const BYTES_MAX: usize = 64 << 20;
/// Lists and maps within each other.
const DEPTH_MAX: usize = 32;
/// Values of a document, those repeated by aliases included.
const VALUES_MAX: usize = 4_000_000;

/// Why a text is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct NoDocument {
    /// Counted from 1; 0 for the whole text.
    pub line: u32,
    /// What is wrong.
    pub what: String,
}

/// Reads the one document of a text.
///
/// # Errors
/// Where it stops being YAML, or leaves the bounds.
pub fn read(text: &str) -> Result<Tree, NoDocument> {
    if text.len() > BYTES_MAX {
        let what = format!("a document has at most {} MiB", BYTES_MAX >> 20);
        return Err(NoDocument { line: 0, what });
    }
    let mut reader =
        Reader { events: Parser::new_from_str(text), anchors: BTreeMap::new(), values: 0, line: 1 };
    reader.document()
}

struct Reader<I> {
    events: I,
    /// What each anchor names, and how many values that is.
    anchors: BTreeMap<usize, (Tree, usize)>,
    values: usize,
    line: u32,
}

type Parsed<'t> = Result<(Event<'t>, Span), ScanError>;

impl<'t, I: Iterator<Item = Parsed<'t>>> Reader<I> {
    fn document(&mut self) -> Result<Tree, NoDocument> {
        loop {
            match self.next()? {
                Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
                Event::StreamEnd => return Ok(Tree::new(1, Value::Null)),
                event => {
                    let tree = self.tree(event, 0)?;
                    self.end()?;
                    return Ok(tree);
                }
            }
        }
    }

    /// Nothing may follow the first document.
    fn end(&mut self) -> Result<(), NoDocument> {
        loop {
            match self.next()? {
                Event::StreamEnd => return Ok(()),
                Event::DocumentEnd | Event::Nothing => {}
                _ => return Err(self.wrong("a file holds one document")),
            }
        }
    }

    fn next(&mut self) -> Result<Event<'t>, NoDocument> {
        match self.events.next() {
            Some(Ok((event, span))) => {
                self.line = u32::try_from(span.start.line()).unwrap_or(u32::MAX);
                Ok(event)
            }
            Some(Err(error)) => {
                self.line = u32::try_from(error.marker().line()).unwrap_or(u32::MAX);
                Err(self.wrong(error.info()))
            }
            None => Err(self.wrong("the document ends in the middle")),
        }
    }

    fn wrong(&self, what: impl Into<String>) -> NoDocument {
        NoDocument { line: self.line, what: what.into() }
    }

    fn tree(&mut self, event: Event<'t>, depth: usize) -> Result<Tree, NoDocument> {
        let (line, before) = (self.line, self.values);
        self.count(1)?;
        if depth > DEPTH_MAX {
            return Err(self.wrong(format!("lists and maps may lie {DEPTH_MAX} deep within each other")));
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (self.scalar(&text, style, tag.as_deref())?, anchor),
            Event::SequenceStart(anchor, tag) => {
                self.untagged(tag.as_deref(), "seq")?;
                (self.list(depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.untagged(tag.as_deref(), "map")?;
                (self.map(depth)?, anchor)
            }
            Event::Alias(anchor) => return self.alias(anchor, line),
            _ => return Err(self.wrong("a value is wanted here")),
        };
        let tree = Tree::new(line, value);
        if anchor > 0 {
            self.anchors.insert(anchor, (tree.clone(), self.values - before));
        }
        Ok(tree)
    }

    fn count(&mut self, values: usize) -> Result<(), NoDocument> {
        self.values += values;
        if self.values > VALUES_MAX {
            return Err(self.wrong(format!("a document has at most {VALUES_MAX} values")));
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, line: u32) -> Result<Tree, NoDocument> {
        let Some((tree, values)) = self.anchors.get(&anchor) else {
            return Err(self.wrong("the alias stands inside of what it names, or names nothing"));
        };
        let (tree, values) = (tree, *values);
        let bounded = self.values + values <= VALUES_MAX;
        let copy = bounded.then(|| Tree { line, ..tree.clone() });
        self.count(values)?;
        copy.ok_or_else(|| self.wrong("too many values by aliases"))
    }

    fn list(&mut self, depth: usize) -> Result<Value, NoDocument> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(Value::List(items)),
                event => items.push(self.tree(event, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, NoDocument> {
        let mut fields = Vec::new();
        loop {
            let key = match self.next()? {
                Event::MappingEnd => return Ok(Value::Map(fields)),
                Event::Scalar(text, _, _, _) => Key { line: self.line, text: text.into_owned() },
                _ => return Err(self.wrong("the name of a field is plain text")),
            };
            let event = self.next()?;
            fields.push((key, self.tree(event, depth + 1)?));
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, NoDocument> {
        match tag {
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => {
                return Ok(Value::Text(text.to_owned()));
            }
            Some(tag) => return Err(self.wrong(format!("the tag {tag} has no meaning here"))),
            None => {}
        }
        Ok(match style {
            ScalarStyle::Plain => plain(text),
            _ => Value::Text(text.to_owned()),
        })
    }

    fn untagged(&self, tag: Option<&Tag>, own: &str) -> Result<(), NoDocument> {
        match tag {
            Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == own) => {
                Err(self.wrong(format!("the tag {tag} has no meaning here")))
            }
            _ => Ok(()),
        }
    }
}

/// A plain scalar by the core schema of YAML 1.2.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text).replacen('.', "", 1);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_numbers_and_repeats_are_kept() {
        let tree = read("a: 0532\nb: &x [1, two]\n\"c\": *x\n").unwrap();
        let Value::Map(fields) = &tree.value else { panic!("a map") };
        let [(_, a), (_, b), (c_key, c)] = &fields[..] else { panic!("three fields") };
        assert_eq!((a.line, &a.value), (1, &Value::Number("0532".into())));
        assert_eq!((c_key.line, c.line, &c.value), (3, 3, &b.value));
    }

    #[test]
    fn hostile_texts_are_refused_with_their_line() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        assert!(read(&deep).is_err());
        let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            laughs += &format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", "));
        }
        let error = read(&laughs).unwrap_err();
        assert!(error.what.contains("values"), "{error}");
        for (text, line) in [("a: 1\nb: [1, 2\n", 3), ("a: 1\n? [x]\n: 2\n", 2), ("a: !run x\n", 1)] {
            let error = read(text).unwrap_err();
            assert!(error.line >= 1 && error.line <= line, "{text:?}: {error}");
        }
        assert!(read("a: 1\n---\nb: 2\n").is_err(), "one document");
        assert!(read("a: &a [*a]\n").is_err(), "an alias of itself");
        assert_eq!(read("").unwrap().value, Value::Null);
    }
}
