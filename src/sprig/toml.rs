//! TOML as BurntSushi/toml writes it: in each table plain keys first, then tables, both in the order of their names.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::limits;
use crate::sprig::floats;
use crate::sprig::json::{Plain, lossy, plain};
use crate::template::{Map, MapKind, Value};

/// Reads a TOML document: integers are `int64`, dates and times are texts.
pub fn read_toml(text: &str) -> Result<Value, String> {
    let table: ::toml::Table =
        text.parse().map_err(|error: ::toml::de::Error| format!("toml: {}", error.message()))?;
    from_table(table, 0)
}

fn from_table(table: ::toml::Table, depth: usize) -> Result<Value, String> {
    if depth > limits::YAML_DEPTH_MAX {
        return Err("toml: nested too deeply".to_string());
    }
    let mut entries = BTreeMap::<Rc<str>, Value>::new();
    for (key, value) in table {
        entries.insert(key.into(), from_toml(value, depth + 1)?);
    }
    Ok(Value::Map(Rc::new(Map::of(MapKind::Any, entries))))
}

fn from_toml(value: ::toml::Value, depth: usize) -> Result<Value, String> {
    if depth > limits::YAML_DEPTH_MAX {
        return Err("toml: nested too deeply".to_string());
    }
    Ok(match value {
        ::toml::Value::String(text) => Value::from(text),
        ::toml::Value::Integer(number) => Value::Int64(number),
        ::toml::Value::Float(number) => Value::Float(number),
        ::toml::Value::Boolean(value) => Value::Bool(value),
        ::toml::Value::Datetime(time) => Value::from(time.to_string()),
        ::toml::Value::Array(items) => {
            let items: Result<_, _> =
                items.into_iter().map(|item| from_toml(item, depth + 1)).collect();
            Value::list(items?)
        }
        ::toml::Value::Table(table) => from_table(table, depth)?,
    })
}

/// Writes a value as TOML. Errors are in Go's words.
pub fn write_toml(value: &Value) -> Result<String, String> {
    let mut writer = Writer { out: String::new(), looked: 0 };
    match opened(value) {
        Opened::Nil => return Err("reflect: call of reflect.Value.Type on zero Value".to_string()),
        Opened::Map(entries) => writer.table(&mut Vec::new(), &entries)?,
        Opened::List(items) if writer.is_list_of_tables(&items, 0)? => {
            return Err("toml: top-level values must be Go maps or structs".to_string());
        }
        _ => writer.element(value, 0)?,
    }
    Ok(writer.out)
}

/// A value as TOML sees it.
enum Opened {
    Nil,
    Scalar,
    List(Vec<Value>),
    Map(Vec<(Rc<str>, Value)>),
}

fn opened(value: &Value) -> Opened {
    match value {
        Value::Nil => Opened::Nil,
        Value::List(list) => Opened::List(list.items.clone()),
        Value::Map(map) => Opened::Map(map.entries()),
        Value::Object(object) => match plain(object.as_ref()) {
            Plain::Text(_) => Opened::Scalar,
            Plain::List(items) => Opened::List(items),
            Plain::Map(entries) => Opened::Map(entries.into_iter().collect()),
        },
        _ => Opened::Scalar,
    }
}

struct Writer {
    out: String,
    /// Elements that were looked at before anything was written of them.
    looked: usize,
}

impl Writer {
    fn check(&self, depth: usize) -> Result<(), String> {
        if depth > limits::YAML_DEPTH_MAX || self.out.len() > limits::ENCODED_BYTES_MAX {
            return Err("toml: nested too deeply or too long".to_string());
        }
        Ok(())
    }

    /// Whether a value is written under a header of its own, `[name]` or `[[name]]`.
    fn is_table(&mut self, value: &Value) -> Result<bool, String> {
        match opened(value) {
            Opened::Map(_) => Ok(true),
            Opened::List(items) => self.is_list_of_tables(&items, 0),
            _ => Ok(false),
        }
    }

    /// Whether all elements are maps. Nil is refused wherever it stands in a list.
    fn is_list_of_tables(&mut self, items: &[Value], depth: usize) -> Result<bool, String> {
        self.looked += items.len();
        if depth > limits::YAML_DEPTH_MAX || self.looked > limits::TOML_ELEMENTS_MAX {
            return Err("toml: nested too deeply or too long".to_string());
        }
        let mut all = !items.is_empty();
        for item in items {
            match opened(item) {
                Opened::Nil => return Err("toml: cannot encode array with nil element".to_string()),
                Opened::Map(_) => {}
                Opened::List(inner) => {
                    self.is_list_of_tables(&inner, depth + 1)?;
                    all = false;
                }
                Opened::Scalar => all = false,
            }
        }
        Ok(all)
    }

    /// Tables, and what is none.
    fn split<'v>(&mut self, entries: &'v [(Rc<str>, Value)]) -> Result<Split<'v>, String> {
        let mut split: Split<'v> = (Vec::new(), Vec::new());
        for entry in entries {
            if self.is_table(&entry.1)? {
                split.0.push(entry);
            } else {
                split.1.push(entry);
            }
        }
        Ok(split)
    }

    fn new_line(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    /// What stands in a table: plain keys, then tables.
    fn table(
        &mut self,
        path: &mut Vec<Rc<str>>,
        entries: &[(Rc<str>, Value)],
    ) -> Result<(), String> {
        self.check(path.len())?;
        let (tables, direct) = self.split(entries)?;
        for (key, value) in direct {
            if !value.is_nil() {
                self.out.push_str(&"  ".repeat(path.len()));
                self.key(key);
                self.out.push_str(" = ");
                self.element(value, path.len())?;
                self.new_line();
            }
        }
        for (key, value) in tables {
            path.push(Rc::clone(key));
            match opened(value) {
                Opened::List(items) => {
                    for item in &items {
                        if let Opened::Map(entries) = opened(item) {
                            self.new_line();
                            self.header(path, "[[", "]]");
                            self.table(path, &entries)?;
                        }
                    }
                }
                Opened::Map(entries) => {
                    if path.len() == 1 {
                        self.new_line();
                    }
                    self.header(path, "[", "]");
                    self.table(path, &entries)?;
                }
                Opened::Nil | Opened::Scalar => {}
            }
            path.pop();
        }
        Ok(())
    }

    fn header(&mut self, path: &[Rc<str>], open: &str, close: &str) {
        self.out.push_str(&"  ".repeat(path.len() - 1));
        self.out.push_str(open);
        for (at, part) in path.iter().enumerate() {
            if at > 0 {
                self.out.push('.');
            }
            self.key(part);
        }
        self.out.push_str(close);
        self.new_line();
    }

    fn key(&mut self, key: &str) {
        let bare = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-');
        if !key.is_empty() && key.chars().all(bare) {
            self.out.push_str(key);
        } else {
            self.quoted(key);
        }
    }

    /// A value on one line.
    fn element(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        self.check(depth)?;
        match value {
            Value::Nil => return Err("toml: cannot encode array with nil element".to_string()),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) | Value::Int64(value) => self.out.push_str(&value.to_string()),
            Value::Float(value) => self.out.push_str(&float(*value)),
            Value::Text(text) => self.quoted(text),
            Value::Bytes(bytes) => self.quoted(&lossy(bytes)),
            Value::List(list) => self.array(&list.items, depth)?,
            Value::Map(map) => self.inline_table(&map.entries(), depth)?,
            Value::Object(object) => match plain(object.as_ref()) {
                Plain::Text(text) => self.quoted(&text),
                Plain::List(items) => self.array(&items, depth)?,
                Plain::Map(entries) => {
                    let entries: Vec<_> = entries.into_iter().collect();
                    self.inline_table(&entries, depth)?;
                }
            },
        }
        Ok(())
    }

    fn array(&mut self, items: &[Value], depth: usize) -> Result<(), String> {
        self.out.push('[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.out.push_str(", ");
            }
            self.element(item, depth + 1)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn inline_table(&mut self, entries: &[(Rc<str>, Value)], depth: usize) -> Result<(), String> {
        let (tables, direct) = self.split(entries)?;
        self.out.push('{');
        for (group, more) in [(&direct, !tables.is_empty()), (&tables, false)] {
            for (at, (key, value)) in group.iter().enumerate() {
                // Nil is left out with its comma before the end of the list, as Go does.
                if value.is_nil() {
                    continue;
                }
                self.key(key);
                self.out.push_str(" = ");
                self.element(value, depth + 1)?;
                if more || at + 1 < group.len() {
                    self.out.push_str(", ");
                }
            }
        }
        self.out.push('}');
        Ok(())
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        for char in text.chars() {
            match char {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\u{8}' => self.out.push_str("\\b"),
                '\t' => self.out.push_str("\\t"),
                '\n' => self.out.push_str("\\n"),
                '\u{c}' => self.out.push_str("\\f"),
                '\r' => self.out.push_str("\\r"),
                '\0'..'\u{20}' | '\u{7f}' => {
                    self.out.push_str(&format!("\\u{:04x}", u32::from(char)));
                }
                char => self.out.push(char),
            }
        }
        self.out.push('"');
    }
}

/// Tables, and what is none.
type Split<'a> = (Vec<&'a (Rc<str>, Value)>, Vec<&'a (Rc<str>, Value)>);

/// A float always has a point or an exponent.
fn float(value: f64) -> String {
    match floats::general(value).as_str() {
        "NaN" if value.is_sign_negative() => "-nan".to_string(),
        "NaN" => "nan".to_string(),
        "+Inf" => "inf".to_string(),
        "-Inf" => "-inf".to_string(),
        text if text.contains(['e', '.']) => text.to_string(),
        text => format!("{text}.0"),
    }
}
