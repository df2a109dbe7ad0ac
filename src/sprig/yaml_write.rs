//! Writes YAML as Go does: `toYaml` as `sigs.k8s.io/yaml` (by way of JSON, then go-yaml 2), `toYamlPretty` as go-yaml 3.

use std::borrow::Cow;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::limits;
use crate::sprig::floats;
use crate::sprig::json::{Plain, lossy, plain, write_json};
use crate::sprig::yaml_cursor::is_allowed;
use crate::sprig::yaml_parse::{Body, parse};
use crate::sprig::yaml_scalar::Dialect;
use crate::sprig::yaml_sort::sort_keys;
use crate::sprig::yaml_text::{Page, Style, choose};
use crate::template::Value;

/// The longest key, in characters of its JSON form, that go-yaml can read back.
const KEY_CHARS_MAX: usize = 1024;
/// Length of a line of base64.
const BASE64_LINE: usize = 70;

/// Writes a value as `sigs.k8s.io/yaml.Marshal` does, with a line break at the end.
pub fn write_yaml(value: &Value) -> Result<String, String> {
    write(value, Dialect::V2)
}

/// Writes a value as go-yaml 3 does with an indentation of two: lists are indented, long lines are not broken.
pub(super) fn write_yaml_pretty(value: &Value) -> Result<String, String> {
    write(value, Dialect::V3)
}

fn write(value: &Value, dialect: Dialect) -> Result<String, String> {
    let mut writer = Writer { page: Page::new(dialect) };
    writer.node(value, false, 0)?;
    writer.page.start_line();
    Ok(writer.page.out)
}

struct Writer {
    page: Page,
}

impl Writer {
    /// Writes one node. `in_map`: it is the value of a key.
    fn node(&mut self, value: &Value, in_map: bool, depth: usize) -> Result<(), String> {
        if depth > limits::YAML_DEPTH_MAX || self.page.out.len() > limits::ENCODED_BYTES_MAX {
            return Err("nested too deeply or too long for YAML".to_string());
        }
        match value {
            Value::Nil => self.page.word("null"),
            Value::Bool(value) => self.page.word(if *value { "true" } else { "false" }),
            Value::Int(value) | Value::Int64(value) => self.page.word(&value.to_string()),
            Value::Float(value) => {
                let number = self.number(*value)?;
                self.page.word(&number);
            }
            Value::Text(text) => self.text(text)?,
            Value::Bytes(bytes) if self.page.dialect == Dialect::V2 => self.text(&lossy(bytes))?,
            Value::Bytes(bytes) => self.binary(bytes),
            Value::List(list) => self.list(&list.items, in_map, depth)?,
            Value::Map(map) => {
                let entries = map.look();
                self.map(entries.iter(), depth)?;
            }
            Value::Object(object) => match plain(object.as_ref()) {
                Plain::Text(text) => self.text(&text)?,
                Plain::List(items) => self.list(&items, in_map, depth)?,
                Plain::Map(entries) => {
                    self.map(entries.iter(), depth)?;
                }
            },
        }
        Ok(())
    }

    fn list(&mut self, items: &[Value], in_map: bool, depth: usize) -> Result<(), String> {
        if items.is_empty() {
            self.page.indicator("[", true, true, false);
            self.page.indicator("]", false, false, false);
            return Ok(());
        }
        let outer = self.page.indent;
        let flush = self.page.dialect == Dialect::V2 && in_map && !self.page.indention;
        self.page.indent = match outer {
            ..0 => 0,
            _ if flush => outer,
            _ => outer + 2,
        };
        for item in items {
            self.page.start_line();
            self.page.indicator("-", true, false, true);
            self.node(item, false, depth + 1)?;
        }
        self.page.indent = outer;
        Ok(())
    }

    fn map<'v>(
        &mut self,
        entries: impl Iterator<Item = (&'v Rc<str>, &'v Value)>,
        depth: usize,
    ) -> Result<(), String> {
        let dialect = self.page.dialect;
        let mut keyed = Vec::with_capacity(entries.size_hint().0);
        for (key, value) in entries {
            keyed.push((if dialect == Dialect::V2 { key_by_json(key)? } else { key }, value));
        }
        if keyed.is_empty() {
            self.page.indicator("{", true, true, false);
            self.page.indicator("}", false, false, false);
            return Ok(());
        }
        sort_keys(&mut keyed, dialect);
        let outer = self.page.indent;
        self.page.indent = if outer < 0 { 0 } else { outer + 2 };
        for (key, value) in keyed {
            self.page.start_line();
            let (style, simple) = choose(key, dialect, true);
            if simple {
                self.page.text(key, style, true);
                self.page.indicator(":", false, false, false);
            } else {
                self.page.indicator("?", true, false, true);
                self.page.text(key, style, false);
                self.page.start_line();
                self.page.indicator(":", true, false, true);
            }
            self.node(value, true, depth + 1)?;
        }
        self.page.indent = outer;
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        let text = match self.page.dialect {
            Dialect::V2 => text_by_json(text)?,
            Dialect::V3 => Cow::Borrowed(text),
        };
        let (style, _) = choose(&text, self.page.dialect, false);
        self.page.text(&text, style, false);
        Ok(())
    }

    /// What is no text, as version 3 writes it.
    fn binary(&mut self, bytes: &[u8]) {
        self.page.tag("!!binary");
        let encoded = STANDARD.encode(bytes);
        if encoded.len() < BASE64_LINE {
            return self.page.text(&encoded, Style::Plain, false);
        }
        let mut lines = String::new();
        for line in encoded.as_bytes().chunks(BASE64_LINE) {
            lines.extend(line.iter().map(|byte| char::from(*byte)));
            lines.push('\n');
        }
        self.page.text(&lines, Style::Literal, false);
    }

    /// A number. By way of JSON, one without a fraction comes back as an integer as long as it fits into 64 bits.
    fn number(&self, value: f64) -> Result<String, String> {
        if self.page.dialect == Dialect::V2 {
            let Some(json) = floats::json(value) else {
                let number = floats::general(value);
                return Err(format!(
                    "error marshaling into JSON: json: unsupported value: {number}"
                ));
            };
            if let Ok(integer) = json.parse::<i64>() {
                return Ok(integer.to_string());
            }
            if json.parse::<u64>().is_ok() {
                return Ok(json);
            }
        }
        Ok(match floats::general(value).as_str() {
            "+Inf" => ".inf".to_string(),
            "-Inf" => "-.inf".to_string(),
            "NaN" => ".nan".to_string(),
            number => number.to_string(),
        })
    }
}

/// A text as it comes out of JSON that is read as YAML: some control characters cannot, and U+0085 is a line break to it.
fn text_by_json(text: &str) -> Result<Cow<'_, str>, String> {
    if text.bytes().all(|byte| byte < 0x7f) {
        return Ok(Cow::Borrowed(text));
    }
    // JSON escapes what is below U+0020; the rest stands there as it is.
    if !text.chars().all(|char| char < ' ' || is_allowed(char)) {
        return Err("yaml: control characters are not allowed".to_string());
    }
    if !text.contains('\u{85}') {
        return Ok(Cow::Borrowed(text));
    }
    let json = write_json(&Value::text(text), None, true)?;
    let tree = parse(&json).map_err(|error| format!("yaml: {error}"))?;
    let root = tree.as_ref().and_then(|tree| tree.nodes.get(tree.root));
    match root.map(|node| &node.body) {
        Some(Body::Scalar { text, .. }) => Ok(Cow::Owned(text.to_string())),
        _ => Err("yaml: did not find expected node content".to_string()),
    }
}

/// A key likewise: a long one is no key to go-yaml.
fn key_by_json(key: &Rc<str>) -> Result<&Rc<str>, String> {
    // An escape takes six characters at most.
    if key.len() > KEY_CHARS_MAX / 6 - 2 {
        let json = write_json(&Value::Text(Rc::clone(key)), None, true)?;
        if json.chars().count() > KEY_CHARS_MAX {
            return Err("yaml: did not find expected ',' or '}'".to_string());
        }
    }
    let breaks = key.matches('\u{85}').count();
    if breaks > 0 {
        return Err(format!("yaml: line {breaks}: did not find expected ',' or '}}'"));
    }
    text_by_json(key)?;
    Ok(key)
}
