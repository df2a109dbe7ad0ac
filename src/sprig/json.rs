//! Writes JSON as Go's `encoding/json` does: keys in the order of their bytes, `<`, `>` and `&` escaped unless told otherwise.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::limits;
use crate::sprig::floats;
use crate::template::{Kind, Object, Value};

/// Writes a value as JSON, in one line or indented. Errors are in Go's words.
pub fn write_json(
    value: &Value,
    indent: Option<&str>,
    escape_html: bool,
) -> Result<String, String> {
    let mut writer = Writer { out: String::new(), indent, escape_html };
    writer.value(value, 0)?;
    Ok(writer.out)
}

/// What a codec sees of an object.
pub(super) enum Plain {
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<Rc<str>, Value>),
}

/// An object without its methods: its entries when it has some, what `print` shows otherwise.
pub(super) fn plain(object: &dyn Object) -> Plain {
    let Some(entries) = object.entries() else { return Plain::Text(object.print()) };
    if object.kind() == Kind::Slice {
        return Plain::List(entries.into_iter().map(|(_, value)| value).collect());
    }
    let entries = entries.into_iter().filter_map(|(key, value)| match key {
        Value::Text(key) => Some((key, value)),
        _ => None,
    });
    Plain::Map(entries.collect())
}

/// A text from bytes, with U+FFFD for each one that is no UTF-8.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    Cow::Owned(text)
}

struct Writer<'a> {
    out: String,
    indent: Option<&'a str>,
    escape_html: bool,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        if depth > limits::YAML_DEPTH_MAX || self.out.len() > limits::ENCODED_BYTES_MAX {
            return Err("json: unsupported value: nested too deeply or too long".to_string());
        }
        match value {
            Value::Nil => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) | Value::Int64(value) => self.out.push_str(&value.to_string()),
            Value::Float(value) => {
                let number = floats::json(*value).ok_or_else(|| {
                    format!("json: unsupported value: {}", floats::general(*value))
                })?;
                self.out.push_str(&number);
            }
            Value::Text(text) => self.text(text),
            Value::Bytes(bytes) => self.text(&lossy(bytes)),
            Value::List(list) => self.list(&list.items, depth)?,
            Value::Map(map) => {
                let entries = map.look();
                self.map(&entries, depth)?;
            }
            Value::Object(object) => match plain(object.as_ref()) {
                Plain::Text(text) => self.text(&text),
                Plain::List(items) => self.list(&items, depth)?,
                Plain::Map(entries) => self.map(&entries, depth)?,
            },
        }
        Ok(())
    }

    fn list(&mut self, items: &[Value], depth: usize) -> Result<(), String> {
        self.out.push('[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.new_line(depth + 1);
            self.value(item, depth + 1)?;
        }
        if !items.is_empty() {
            self.new_line(depth);
        }
        self.out.push(']');
        Ok(())
    }

    fn map(&mut self, entries: &BTreeMap<Rc<str>, Value>, depth: usize) -> Result<(), String> {
        self.out.push('{');
        for (at, (key, value)) in entries.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.new_line(depth + 1);
            self.text(key);
            self.out.push(':');
            if self.indent.is_some() {
                self.out.push(' ');
            }
            self.value(value, depth + 1)?;
        }
        if !entries.is_empty() {
            self.new_line(depth);
        }
        self.out.push('}');
        Ok(())
    }

    fn new_line(&mut self, depth: usize) {
        if let Some(indent) = self.indent {
            self.out.push('\n');
            for _ in 0..depth {
                self.out.push_str(indent);
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        let mut from = 0;
        for (at, char) in text.char_indices() {
            let escape = match char {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\u{8}' => "\\b",
                '\u{c}' => "\\f",
                '<' if self.escape_html => "\\u003c",
                '>' if self.escape_html => "\\u003e",
                '&' if self.escape_html => "\\u0026",
                '\u{2028}' => "\\u2028",
                '\u{2029}' => "\\u2029",
                '\0'..'\u{20}' => "",
                _ => continue,
            };
            self.out.push_str(&text[from..at]);
            if escape.is_empty() {
                self.out.push_str(&format!("\\u{:04x}", u32::from(char)));
            } else {
                self.out.push_str(escape);
            }
            from = at + char.len_utf8();
        }
        self.out.push_str(&text[from..]);
        self.out.push('"');
    }
}
