//! A document as a tree with line marks, as any parser of YAML or JSON can make it. It knows no field.

/// A value with the line it begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Counted from 1; 0 where there is no text behind it.
    pub line: u32,
    /// The value.
    pub value: Value,
}

/// What stands at a place of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number by its source text, so that `0532` and `4006010114` stay what people wrote.
    Number(String),
    /// Text, quoted or plain.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// Fields in their order; a key that stands twice is kept twice.
    Map(Vec<(Key, Tree)>),
}

/// The name of a field with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Counted from 1.
    pub line: u32,
    /// The name.
    pub text: String,
}

impl Tree {
    /// A value on a line.
    pub fn new(line: u32, value: Value) -> Self {
        Self { line, value }
    }
}
