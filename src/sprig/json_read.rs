//! Reads JSON as Go's `encoding/json` does into `interface{}`: every number a `float64`, mistakes in Go's words.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::limits;
use crate::template::{Map, MapKind, Value, quote};

/// Reads one JSON value, with nothing but white space around it.
pub fn read_json(text: &str) -> Result<Value, String> {
    let mut reader = Reader { text, at: 0, out_of_range: None };
    let value = reader.value("looking for beginning of value", 0)?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.unexpected("after top-level value"));
    }
    match reader.out_of_range {
        Some(number) => {
            Err(format!("json: cannot unmarshal number {number} into Go value of type float64"))
        }
        None => Ok(value),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The first number that no `float64` can be. Go complains about it after all mistakes of form.
    out_of_range: Option<&'a str>,
}

impl Reader<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Go's complaint about the byte where the reader stands.
    fn unexpected(&self, context: &str) -> String {
        match self.byte() {
            Some(byte) => format!("invalid character {} {context}", quote_byte(byte)),
            None => "unexpected end of JSON input".to_string(),
        }
    }

    /// Likewise, inside a word, a number or an escape: Go puts a space behind the end, and complains about that.
    fn unexpected_inside(&self, context: &str) -> String {
        let byte = self.byte().unwrap_or(b' ');
        format!("invalid character {} {context}", quote_byte(byte))
    }

    fn value(&mut self, context: &str, depth: usize) -> Result<Value, String> {
        if depth > limits::YAML_DEPTH_MAX {
            return Err("exceeded max depth".to_string());
        }
        self.skip_space();
        match self.byte() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Value::text(self.string()?)),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Nil),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected(context)),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, String> {
        for (at, byte) in word.bytes().enumerate() {
            if self.byte() != Some(byte) {
                let expected = word.get(at..=at).unwrap_or("");
                return Err(
                    self.unexpected_inside(&format!("in literal {word} (expecting '{expected}')"))
                );
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, String> {
        let from = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
            if !matches!(self.byte(), Some(b'0'..=b'9')) {
                return Err(self.unexpected_inside("in numeric literal"));
            }
        }
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits();
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.unexpected_inside("after decimal point in numeric literal"));
            }
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.unexpected_inside("in exponent of numeric literal"));
            }
        }
        let literal = self.text.get(from..self.at).unwrap_or("");
        let number = literal.parse().unwrap_or(f64::INFINITY);
        if number.is_infinite() {
            self.out_of_range.get_or_insert(literal);
        }
        Ok(Value::Float(number))
    }

    fn digits(&mut self) -> usize {
        let from = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - from
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.byte() == Some(b']') {
            self.at += 1;
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value("looking for beginning of value", depth + 1)?);
            self.skip_space();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::list(items));
                }
                _ => return Err(self.unexpected("after array element")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut entries = BTreeMap::<Rc<str>, Value>::new();
        self.skip_space();
        if self.byte() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Map(Rc::new(Map::of(MapKind::Any, entries))));
        }
        loop {
            self.skip_space();
            if self.byte() != Some(b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            let key = self.string()?;
            self.skip_space();
            if self.byte() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.at += 1;
            let value = self.value("looking for beginning of value", depth + 1)?;
            entries.insert(key.into(), value);
            self.skip_space();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Map(Rc::new(Map::of(MapKind::Any, entries))));
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut text = String::new();
        let mut from = self.at;
        loop {
            match self.byte() {
                Some(b'"') => {
                    text.push_str(self.text.get(from..self.at).unwrap_or(""));
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    text.push_str(self.text.get(from..self.at).unwrap_or(""));
                    self.at += 1;
                    self.escape(&mut text)?;
                    from = self.at;
                }
                None | Some(0..=0x1f) => return Err(self.unexpected("in string literal")),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), String> {
        let char = match self.byte() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                let unit = self.code_unit()?;
                text.push(self.code_point(unit)?);
                return Ok(());
            }
            _ => return Err(self.unexpected_inside("in string escape code")),
        };
        self.at += 1;
        text.push(char);
        Ok(())
    }

    fn code_unit(&mut self) -> Result<u32, String> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.unexpected_inside("in \\u hexadecimal character escape"));
            };
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }

    /// A pair of surrogates is one character; half a pair is U+FFFD.
    fn code_point(&mut self, unit: u32) -> Result<char, String> {
        let rest = self.text.get(self.at..).unwrap_or("");
        if (0xd800..0xdc00).contains(&unit) && rest.starts_with("\\u") {
            let before = self.at;
            self.at += 2;
            let low = self.code_unit()?;
            if (0xdc00..0xe000).contains(&low) {
                let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            self.at = before;
        }
        Ok(char::from_u32(unit).unwrap_or('\u{fffd}'))
    }
}

/// A byte as Go's JSON reader shows it.
fn quote_byte(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_string(),
        b'"' => "'\"'".to_string(),
        byte => {
            let quoted = quote(&char::from(byte).to_string());
            format!("'{}'", quoted.trim_matches('"'))
        }
    }
}
