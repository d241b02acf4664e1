//! Writing many rows by one statement, and reading a row back into values. Knows no table.

use std::collections::VecDeque;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::de::value::{Error as CodeError, StrDeserializer};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{AnyConnection, Arguments, AssertSqlSafe, Row};

use crate::database::{Error, Result};

/// One value of one column.
pub(crate) enum Value {
    Text(String),
    Int(i64),
    NoText,
    NoInt,
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Int(i64::from(flag))
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::Int(int(number))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::Int(i64::from(number))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        text.map_or(Value::NoText, Value::Text)
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Value::NoInt, Value::Int)
    }
}

/// A count as a BIGINT; what does not fit saturates, which no real count reaches.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The stable code of an enum without fields, as in JSON.
pub(crate) fn code<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(code)) => code,
        other => unreachable!("an enum without fields is written as a string, not {other:?}"),
    }
}

/// The sizes of a batch: a set of rows goes out as the largest that fit, so that each text is prepared once.
const SHAPES: [usize; 4] = [512, 64, 8, 1];

/// One text in every shape and for each engine. PostgreSQL knows places of values only as `$1`; SQLite looks such
/// names up one by one, at every parse and every bind, which takes longer than the rest of a batch, so it gets `?`.
struct Texts {
    named: [Arc<str>; SHAPES.len()],
    plain: [Arc<str>; SHAPES.len()],
}

impl Texts {
    fn new(text: impl Fn(usize, &dyn Fn(usize) -> String) -> String) -> Self {
        let named = |place: usize| format!("${}", place + 1);
        let plain = |_: usize| "?".to_owned();
        Self {
            named: SHAPES.map(|rows| text(rows, &named).into()),
            plain: SHAPES.map(|rows| text(rows, &plain).into()),
        }
    }

    fn of(&self, connection: &AnyConnection) -> &[Arc<str>; SHAPES.len()] {
        if connection.backend_name() == "SQLite" { &self.plain } else { &self.named }
    }
}

/// A statement `insert into t (a, b) values (…), (…) on conflict …`.
pub(crate) struct Rows {
    columns: usize,
    texts: Texts,
}

impl Rows {
    /// From its head, `insert into leg (call_id, leg)`, and what follows the rows.
    pub(crate) fn new(head: &str, tail: &str) -> Self {
        let columns = head.matches(',').count() + 1;
        let texts = Texts::new(|rows, place| {
            let row = |row: usize| {
                let places: Vec<String> = (0..columns).map(|column| place(row * columns + column)).collect();
                format!("({})", places.join(","))
            };
            let rows: Vec<String> = (0..rows).map(row).collect();
            format!("{head} values {} {tail}", rows.join(","))
        });
        Self { columns, texts }
    }

    /// Writes the rows and says how many were written.
    pub(crate) async fn write(&self, connection: &mut AnyConnection, values: Vec<Value>) -> Result<u64> {
        debug_assert!(values.len().is_multiple_of(self.columns), "whole rows come in");
        let texts = self.texts.of(connection).clone();
        let mut values = VecDeque::from(values);
        let mut written = 0;
        for (rows, text) in SHAPES.into_iter().zip(texts) {
            while values.len() >= rows * self.columns {
                let arguments = arguments(values.drain(..rows * self.columns));
                let statement = sqlx::query_with(AssertSqlSafe(text.clone()), arguments);
                written += statement.execute(&mut *connection).await?.rows_affected();
            }
        }
        Ok(written)
    }
}

/// A statement `select … where id in (…) …` about many texts at once.
pub(crate) struct Among {
    texts: Texts,
}

impl Among {
    /// From what stands before and after the list.
    pub(crate) fn new(head: &str, tail: &str) -> Self {
        Self {
            texts: Texts::new(|rows, place| {
                let places: Vec<String> = (0..rows).map(place).collect();
                format!("{head} ({}) {tail}", places.join(","))
            }),
        }
    }

    /// Reads the rows for these texts; a list that fills no shape is filled up with its last text.
    pub(crate) async fn read(
        &self,
        connection: &mut AnyConnection,
        asked: Vec<String>,
    ) -> Result<Vec<AnyRow>> {
        let texts = self.texts.of(connection).clone();
        let mut found = Vec::new();
        for some in asked.chunks(SHAPES[0]) {
            let shape =
                SHAPES.iter().rposition(|shape| *shape >= some.len()).expect("a chunk fits the largest");
            let fill = some.iter().chain(std::iter::repeat(&some[some.len() - 1])).take(SHAPES[shape]);
            let arguments = arguments(fill.map(|text| text.as_str().into()));
            let statement = sqlx::query_with(AssertSqlSafe(texts[shape].clone()), arguments);
            found.extend(statement.fetch_all(&mut *connection).await?);
        }
        Ok(found)
    }
}

/// Values as the arguments of one statement.
pub(crate) fn arguments(values: impl IntoIterator<Item = Value>) -> AnyArguments {
    let mut arguments = AnyArguments::default();
    for value in values {
        let added = match value {
            Value::Text(text) => arguments.add(text),
            Value::Int(number) => arguments.add(number),
            Value::NoText => arguments.add(None::<String>),
            Value::NoInt => arguments.add(None::<i64>),
        };
        added.expect("text and whole numbers always encode");
    }
    arguments
}

/// Reading columns by name.
pub(crate) trait Read {
    fn text(&self, column: &str) -> Result<String>;
    fn text_or_none(&self, column: &str) -> Result<Option<String>>;
    fn int(&self, column: &str) -> Result<i64>;
    fn int_or_none(&self, column: &str) -> Result<Option<i64>>;

    /// A count, which is never negative.
    fn count<T: TryFrom<i64>>(&self, column: &str) -> Result<T> {
        let number = self.int(column)?;
        T::try_from(number).map_err(|_| unreadable(column, &number.to_string()))
    }

    /// A count that may be absent.
    fn count_or_none<T: TryFrom<i64>>(&self, column: &str) -> Result<Option<T>> {
        let Some(number) = self.int_or_none(column)? else { return Ok(None) };
        T::try_from(number).map(Some).map_err(|_| unreadable(column, &number.to_string()))
    }

    /// A flag.
    fn flag(&self, column: &str) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    /// A value that is written as text, such as an id.
    fn parsed<T: FromStr>(&self, column: &str) -> Result<T> {
        let text = self.text(column)?;
        text.parse().map_err(|_| unreadable(column, &text))
    }

    /// A value that is written as text, or nothing.
    fn parsed_or_none<T: FromStr>(&self, column: &str) -> Result<Option<T>> {
        let Some(text) = self.text_or_none(column)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| unreadable(column, &text))
    }

    /// An enum by its code.
    fn coded<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        let text = self.text(column)?;
        T::deserialize(StrDeserializer::<CodeError>::new(&text)).map_err(|_| unreadable(column, &text))
    }

    /// An enum by its code, or nothing.
    fn coded_or_none<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>> {
        let Some(text) = self.text_or_none(column)? else { return Ok(None) };
        T::deserialize(StrDeserializer::<CodeError>::new(&text))
            .map(Some)
            .map_err(|_| unreadable(column, &text))
    }

    /// A JSON document.
    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|_| unreadable(column, &text))
    }
}

impl Read for AnyRow {
    fn text(&self, column: &str) -> Result<String> {
        Ok(self.try_get(column)?)
    }

    fn text_or_none(&self, column: &str) -> Result<Option<String>> {
        Ok(self.try_get(column)?)
    }

    fn int(&self, column: &str) -> Result<i64> {
        Ok(self.try_get(column)?)
    }

    fn int_or_none(&self, column: &str) -> Result<Option<i64>> {
        Ok(self.try_get(column)?)
    }
}

/// The error for a stored value that cannot be read.
pub(crate) fn unreadable(column: &str, value: &str) -> Error {
    Error::Unreadable { column: column.to_owned(), value: value.chars().take(200).collect() }
}

/// A document as JSON text.
pub(crate) fn json_text<T: Serialize>(document: &T) -> String {
    serde_json::to_string(document).expect("our documents have text keys and no failing serializer")
}
