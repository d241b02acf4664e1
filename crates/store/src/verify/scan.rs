//! A table read once in the order of its key, thousands of rows in one answer: an answer costs as much as some
//! twenty rows, and a table has millions. Refuses to know what the rows mean.

use std::ops::Range;

use sqlx::{AnyConnection, AssertSqlSafe};

use crate::database::Result;
use crate::rows::{Read, Value, arguments, unreadable};

/// Between the fields of a row. Ids, codes and numbers never hold it; texts that people write are [`escaped`].
pub(super) const FIELD: char = '\u{1f}';
/// Between rows.
const ROW: char = '\u{1e}';
/// Rows in one answer.
const ROWS_MAX: usize = 4_096;

/// A table and the fields that are read of it, the key first.
pub(super) struct Table {
    /// What stands in `from`.
    pub from: &'static str,
    /// The columns of the key, in order. A scan begins behind nothing and goes on behind the last row.
    pub key: &'static [Key],
    /// SQL of the fields behind the key; none is null.
    pub fields: &'static [&'static str],
    /// `group by` the key: a row stands for all that share it.
    pub grouped: bool,
}

/// A column of a key.
pub(super) enum Key {
    /// A text that never holds a separator.
    Text(&'static str),
    /// A text as people wrote it.
    Free(&'static str),
    /// A whole number.
    Int(&'static str),
}

impl Key {
    fn column(&self) -> &'static str {
        match self {
            Key::Text(column) | Key::Free(column) | Key::Int(column) => column,
        }
    }

    fn sql(&self) -> String {
        match self {
            Key::Text(column) | Key::Int(column) => (*column).to_owned(),
            Key::Free(column) => escaped(column),
        }
    }

    /// The value a field was read from.
    fn value(&self, field: &str) -> Option<Value> {
        Some(match self {
            Key::Text(_) => Value::Text(field.to_owned()),
            Key::Free(_) => Value::Text(unescaped(field)),
            Key::Int(_) => Value::Int(field.parse().ok()?),
        })
    }

    /// Before all others.
    fn least(&self) -> Value {
        match self {
            Key::Text(_) | Key::Free(_) => Value::Text(String::new()),
            Key::Int(_) => Value::Int(i64::MIN),
        }
    }
}

/// SQL that writes a text without a separator.
fn escaped(column: &str) -> String {
    format!("replace(replace(replace({column}, '%', '%25'), '{FIELD}', '%1F'), '{ROW}', '%1E')")
}

/// What [`escaped`] was made from.
pub(super) fn unescaped(text: &str) -> String {
    text.replace("%1E", "\u{1e}").replace("%1F", "\u{1f}").replace("%25", "%")
}

/// One pass over a table. Its head is the row to be looked at.
pub(super) struct Scan {
    key: &'static [Key],
    from: &'static str,
    sql: String,
    page: String,
    /// Where the fields of the head lie in the page; none at the end of the table.
    head: Vec<Range<usize>>,
    /// Where the rows behind the head begin; `None` behind the last row of the page.
    rest: Option<usize>,
    /// Pages read.
    pub pages: u64,
}

impl Scan {
    /// Begins at the first row.
    pub async fn begin(table: &Table, connection: &mut AnyConnection) -> Result<Scan> {
        let mut scan = Scan {
            key: table.key,
            from: table.from,
            sql: sql(table),
            page: String::new(),
            head: Vec::new(),
            rest: None,
            pages: 0,
        };
        let least = table.key.iter().map(Key::least).collect();
        scan.read(connection, least).await?;
        Ok(scan)
    }

    /// A field of the head; `None` behind the last row.
    pub fn head(&self, field: usize) -> Option<&str> {
        self.head.get(field).map(|range| &self.page[range.clone()])
    }

    /// A field of the head; empty behind the last row.
    pub fn text(&self, field: usize) -> &str {
        self.head(field).unwrap_or_default()
    }

    /// Several fields of the head as they lie beside each other, with their separators.
    pub fn span(&self, fields: Range<usize>) -> &str {
        match (self.head.get(fields.start), self.head.get(fields.end - 1)) {
            (Some(first), Some(last)) => &self.page[first.start..last.end],
            _ => "",
        }
    }

    /// A whole number of the head.
    pub fn int(&self, field: usize) -> Result<i64> {
        self.text(field).parse().map_err(|_| unreadable(self.from, self.text(field)))
    }

    /// Goes on to the next row.
    pub async fn next(&mut self, connection: &mut AnyConnection) -> Result<()> {
        if self.rest.is_some() {
            return self.cut();
        }
        let mut after = Vec::with_capacity(self.key.len());
        for (field, key) in self.key.iter().enumerate() {
            let Some(text) = self.head(field) else { return Ok(()) };
            after.push(key.value(text).ok_or_else(|| unreadable(key.column(), text))?);
        }
        self.read(connection, after).await
    }

    async fn read(&mut self, connection: &mut AnyConnection, after: Vec<Value>) -> Result<()> {
        let query = sqlx::query_with(AssertSqlSafe(self.sql.clone()), arguments(after));
        self.page = query.fetch_one(connection).await?.text_or_none("page")?.unwrap_or_default();
        self.head.clear();
        if self.page.is_empty() {
            return Ok(());
        }
        self.pages += 1;
        self.rest = Some(0);
        self.cut()
    }

    /// Cuts the next row of the page into its fields.
    fn cut(&mut self) -> Result<()> {
        let Some(begin) = self.rest.take() else { return Ok(()) };
        let was = self.head.len();
        self.head.clear();
        let (mut start, mut end) = (begin, self.page.len());
        for (place, octet) in self.page.bytes().enumerate().skip(begin) {
            if octet == FIELD as u8 {
                self.head.push(start..place);
                start = place + 1;
            } else if octet == ROW as u8 {
                (end, self.rest) = (place, Some(place + 1));
                break;
            }
        }
        self.head.push(start..end);
        if was > 0 && was != self.head.len() {
            return Err(unreadable(self.from, &self.page[begin..end]));
        }
        Ok(())
    }
}

fn sql(table: &Table) -> String {
    let columns: Vec<&str> = table.key.iter().map(Key::column).collect();
    let columns = columns.join(", ");
    let marks: Vec<String> = (1..=table.key.len()).map(|place| format!("${place}")).collect();
    let fields: Vec<String> =
        table.key.iter().map(Key::sql).chain(table.fields.iter().map(|field| (*field).to_owned())).collect();
    let row = fields.join(", ");
    let group = if table.grouped { format!("group by {columns}") } else { String::new() };
    format!(
        "select string_agg(line, '{ROW}') as page from (select concat_ws('{FIELD}', {row}) as line from {} \
         where ({columns}) > ({}) {group} order by {columns} limit {ROWS_MAX}) lines",
        table.from,
        marks.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_comes_back_whatever_it_holds() {
        for text in ["top-up/plain", "50%", "%1F", "%251E", "a\u{1f}b\u{1e}c", "%"] {
            let escaped = text.replace('%', "%25").replace('\u{1f}', "%1F").replace('\u{1e}', "%1E");
            assert!(!escaped.contains([FIELD, ROW]));
            assert_eq!(unescaped(&escaped), text);
        }
    }
}
