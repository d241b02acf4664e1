//! Just enough JSON to read what cargo and the measured programs print.
//! It writes nothing and knows no schema.

/// A JSON value; members of an object keep their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Flag(bool),
    /// Any number; integers are exact up to 2^53.
    Number(f64),
    /// A string, unescaped.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Map(Vec<(String, Json)>),
}

impl Json {
    /// Parses one value with nothing but white space behind it. The error says what was expected at which byte.
    pub fn parse(text: &str) -> Result<Json, String> {
        let mut reader = Reader { bytes: text.as_bytes(), at: 0, depth: 0 };
        let value = reader.value()?;
        reader.space();
        if reader.at == text.len() { Ok(value) } else { Err(reader.expected("the end")) }
    }

    /// The member at a dotted path such as `post_dial_ms.p99`.
    pub fn at(&self, path: &str) -> Option<&Json> {
        path.split('.').try_fold(self, |value, name| match value {
            Json::Map(members) => members.iter().find(|(key, _)| key == name).map(|(_, member)| member),
            _ => None,
        })
    }

    /// The number at a dotted path.
    pub fn number(&self, path: &str) -> Option<f64> {
        match self.at(path)? {
            Json::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The text at a dotted path.
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.at(path)? {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items at a dotted path; empty if there is no list.
    pub fn list(&self, path: &str) -> &[Json] {
        match self.at(path) {
            Some(Json::List(items)) => items,
            _ => &[],
        }
    }
}

/// The last line of a program's output that is a JSON object.
pub fn last_object(output: &str) -> Option<Json> {
    output
        .lines()
        .rev()
        .filter(|line| line.trim_start().starts_with('{'))
        .find_map(|line| Json::parse(line.trim()).ok())
}

/// Deeper nesting than any tool prints is refused instead of overflowing the stack.
const DEPTH_MAX: usize = 64;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn expected(&self, what: &str) -> String {
        format!("expected {what} at byte {}", self.at)
    }

    fn space(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: u8) -> bool {
        self.space();
        let found = self.bytes.get(self.at) == Some(&wanted);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self) -> Result<Json, String> {
        self.space();
        match self.bytes.get(self.at) {
            Some(b'{') => self.nested(Self::map),
            Some(b'[') => self.nested(Self::list),
            Some(b'"') => Ok(Json::Text(self.text()?)),
            Some(b't') => self.word("true", Json::Flag(true)),
            Some(b'f') => self.word("false", Json::Flag(false)),
            Some(b'n') => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Result<Json, String>) -> Result<Json, String> {
        if self.depth == DEPTH_MAX {
            return Err(self.expected("less nesting"));
        }
        self.at += 1;
        self.depth += 1;
        let value = inner(self);
        self.depth -= 1;
        value
    }

    fn map(&mut self) -> Result<Json, String> {
        let mut members = Vec::new();
        if self.take(b'}') {
            return Ok(Json::Map(members));
        }
        loop {
            self.space();
            let name = self.text()?;
            if !self.take(b':') {
                return Err(self.expected("`:`"));
            }
            members.push((name, self.value()?));
            if self.take(b'}') {
                return Ok(Json::Map(members));
            }
            if !self.take(b',') {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    fn list(&mut self) -> Result<Json, String> {
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value()?);
            if self.take(b']') {
                return Ok(Json::List(items));
            }
            if !self.take(b',') {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }

    fn text(&mut self) -> Result<String, String> {
        if !self.take(b'"') {
            return Err(self.expected("a string"));
        }
        let mut text = Vec::new();
        loop {
            let byte = *self.bytes.get(self.at).ok_or_else(|| self.expected("`\"`"))?;
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(text).map_err(|_| self.expected("UTF-8")),
                b'\\' => self.escape(&mut text)?,
                other => text.push(other),
            }
        }
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), String> {
        let letter = *self.bytes.get(self.at).ok_or_else(|| self.expected("an escape"))?;
        self.at += 1;
        let letter = match letter {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => self.unicode()?,
            other => char::from(other),
        };
        text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    /// Four hex digits; a surrogate half becomes the replacement character, for no reader here compares such text.
    fn unicode(&mut self) -> Result<char, String> {
        let digits = self.bytes.get(self.at..self.at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.expected("four hex digits"))?;
        self.at += 4;
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, String> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.expected(word));
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Json, String> {
        let rest = &self.bytes[self.at..];
        let part_of_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
        let length = rest.iter().take_while(|byte| part_of_number(byte)).count();
        let digits = std::str::from_utf8(&rest[..length]).unwrap_or_default();
        let number = digits.parse().map_err(|_| self.expected("a value"))?;
        self.at += length;
        Ok(Json::Number(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_load_run_prints() {
        let text = r#"{"attempted":120000,"failed":0,"post_dial_ms":{"p50":0.4,"p99":1.5e0},"why":"a \"b\"\n\u56db"}"#;
        let json = Json::parse(text).unwrap();
        assert_eq!(json.number("attempted"), Some(120_000.0));
        assert_eq!(json.number("post_dial_ms.p99"), Some(1.5));
        assert_eq!(json.text("why"), Some("a \"b\"\n四"));
        assert_eq!(json.number("post_dial_ms.p50.x"), None);
        assert_eq!(
            Json::parse("[1, [], {}, null, true]").map(|json| matches!(json, Json::List(l) if l.len() == 5)),
            Ok(true)
        );
    }

    #[test]
    fn broken_text_is_refused_with_its_place() {
        for text in ["", "{", "{\"a\"}", "[1,]", "\"x", "nul", "{} x", "1 2", "\"\\u12", "-"] {
            assert!(Json::parse(text).is_err(), "{text:?} was taken");
        }
        assert_eq!(Json::parse("{} x").unwrap_err(), "expected the end at byte 3");
        assert!(Json::parse(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn the_last_object_wins_over_chatter() {
        let output = "round 1\n{\"per_second\": 1}\n{\"per_second\": 2}\nbye\n";
        assert_eq!(last_object(output).and_then(|json| json.number("per_second")), Some(2.0));
        assert_eq!(last_object("nothing\n{broken\n"), None);
    }
}
