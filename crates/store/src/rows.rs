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

/// A statement `insert into t (a, b) values (…), (…) on conflict …` in every shape.
pub(crate) struct Rows {
    columns: usize,
    texts: [Arc<str>; SHAPES.len()],
}

impl Rows {
    /// From its head, `insert into leg (call_id, leg)`, and what follows the rows.
    pub(crate) fn new(head: &str, tail: &str) -> Self {
        let columns = head.matches(',').count() + 1;
        Self { columns, texts: SHAPES.map(|rows| text(head, columns, rows, tail).into()) }
    }

    /// Writes the rows and says how many were written.
    pub(crate) async fn write(&self, connection: &mut AnyConnection, values: Vec<Value>) -> Result<u64> {
        let mut written = 0;
        for (text, arguments) in self.batches(values) {
            let statement = sqlx::query_with(AssertSqlSafe(text), arguments);
            written += statement.execute(&mut *connection).await?.rows_affected();
        }
        Ok(written)
    }

    /// Writes the rows and reads what the statement returns.
    pub(crate) async fn write_returning(
        &self,
        connection: &mut AnyConnection,
        values: Vec<Value>,
    ) -> Result<Vec<AnyRow>> {
        let mut returned = Vec::new();
        for (text, arguments) in self.batches(values) {
            let statement = sqlx::query_with(AssertSqlSafe(text), arguments);
            returned.extend(statement.fetch_all(&mut *connection).await?);
        }
        Ok(returned)
    }

    fn batches(&self, values: Vec<Value>) -> Vec<(Arc<str>, AnyArguments)> {
        let mut values = VecDeque::from(values);
        let mut batches = Vec::new();
        for (rows, text) in SHAPES.iter().zip(&self.texts) {
            let wanted = rows * self.columns;
            while values.len() >= wanted && wanted > 0 {
                batches.push((text.clone(), arguments(values.drain(..wanted))));
            }
        }
        debug_assert!(values.is_empty(), "whole rows come in");
        batches
    }
}

fn text(head: &str, columns: usize, rows: usize, tail: &str) -> String {
    let mut text = format!("{head} values ");
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ",(" });
        for column in 0..columns {
            let place = row * columns + column + 1;
            text.push_str(&if column == 0 { format!("${place}") } else { format!(",${place}") });
        }
        text.push(')');
    }
    text.push(' ');
    text.push_str(tail);
    text
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
