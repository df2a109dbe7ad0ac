//! The small language of `--set`, `--set-string`, `--set-file`, `--set-json` and `--set-literal`.
//!
//! What Helm's `strvals` makes of each text, this makes of it, down to its odd corners: a value that is missing at the very
//! end is an empty text, `a[0].b=` sets nothing. It never panics where Go panics and catches itself: those are errors.

use std::rc::Rc;

use crate::limits;
use crate::sprig;
use crate::template::{Map, Value};

/// How the text after `=` is read.
pub(super) enum Reading<'a> {
    /// `--set`: true, false, null and whole numbers are what they look like.
    Typed,
    /// `--set-string`: always texts.
    Texts,
    /// `--set-json`: JSON.
    Json,
    /// `--set-literal`: everything up to the end, letter by letter.
    Literal,
    /// `--set-file`: the value names a file; the content of that file.
    File(&'a dyn Fn(&str) -> Result<Value, String>),
}

/// Sets what a text says in a map.
pub(super) fn set_into(text: &str, into: &Rc<Map>, reading: &Reading<'_>) -> Result<(), String> {
    let mut parser = Parser { rest: text, reading, items: 0 };
    loop {
        match parser.key(into, Level::default()) {
            Ok(()) => {}
            Err(Stop::End) => return Ok(()),
            Err(Stop::Wrong(words)) => return Err(words),
        }
    }
}

/// Why a step did not go through.
enum Stop {
    /// The text is at its end, which is often no mistake.
    End,
    /// It cannot be read.
    Wrong(String),
}

impl Stop {
    fn wrong(words: impl Into<String>) -> Self {
        Self::Wrong(words.into())
    }
}

/// How deep a name is.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Dots, as Helm counts them: not those after an index.
    dots: usize,
    /// Everything that nests.
    all: usize,
}

impl Level {
    fn deeper(self) -> Result<Self, Stop> {
        if self.all >= limits::VALUES_DEPTH_MAX {
            return Err(Stop::wrong("the name nests too deeply"));
        }
        Ok(Self { all: self.all + 1, ..self })
    }

    fn dot(self) -> Result<Self, Stop> {
        if self.dots >= limits::SET_NAME_LEVELS_MAX {
            return Err(Stop::wrong(format!(
                "value name nested level is greater than maximum supported nested level of {}",
                limits::SET_NAME_LEVELS_MAX
            )));
        }
        Ok(Self { dots: self.dots + 1, ..self.deeper()? })
    }
}

struct Parser<'a> {
    rest: &'a str,
    reading: &'a Reading<'a>,
    /// Items that lists have grown by, bounded all together.
    items: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
        Some(c)
    }

    fn literal(&self) -> bool {
        matches!(self.reading, Reading::Literal)
    }

    /// Text up to one of some characters, which is taken too; `None` when the text ends first. A backslash makes the next
    /// character an ordinary one, except in literals.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut text = String::new();
        while let Some(c) = self.next() {
            if stops.contains(&c) {
                return (text, Some(c));
            }
            if c == '\\' && !self.literal() {
                match self.next() {
                    Some(escaped) => text.push(escaped),
                    None => return (text, None),
                }
            } else {
                text.push(c);
            }
        }
        (text, None)
    }

    fn key(&mut self, map: &Rc<Map>, level: Level) -> Result<(), Stop> {
        let stops: &[char] = if self.literal() { &['=', '[', '.'] } else { &['=', '[', ',', '.'] };
        let (key, stop) = self.until(stops);
        match stop {
            None if key.is_empty() => Err(Stop::End),
            None => Err(Stop::wrong(format!("key {key:?} has no value"))),
            Some('[') => {
                let index = self.index()?;
                let list = match map.get(&key) {
                    None => Vec::new(),
                    Some(value) => items_of(&value)?,
                };
                let (list, outcome) = self.item(list, index, level.deeper()?);
                put(map, &key, Value::list(list));
                outcome
            }
            Some('=') => self.value_of(map, &key),
            Some(',') => {
                put(map, &key, Value::text(""));
                Err(Stop::wrong(format!("key {key:?} has no value (cannot end with ,)")))
            }
            Some(_) => {
                let level = level.dot()?;
                let inner = match map.get(&key) {
                    None => Rc::new(Map::of(crate::template::MapKind::Any, [])),
                    Some(Value::Map(inner)) => inner,
                    Some(other) => return Err(unlike(&other, "map[string]interface {}")),
                };
                let outcome = self.key(&inner, level);
                if outcome.is_ok() && inner.is_empty() {
                    return Err(Stop::wrong(format!("key map {key:?} has no value")));
                }
                if !inner.is_empty() {
                    put(map, &key, Value::Map(inner));
                }
                outcome
            }
        }
    }

    /// What stands after `key=`.
    fn value_of(&mut self, map: &Rc<Map>, key: &str) -> Result<(), Stop> {
        match self.reading {
            Reading::Json => {
                let value = self.json_value()?;
                put(map, key, value);
                Ok(())
            }
            Reading::Literal => {
                put(map, key, Value::text(std::mem::take(&mut self.rest)));
                Ok(())
            }
            _ if self.rest.is_empty() => {
                put(map, key, Value::text(""));
                Err(Stop::End)
            }
            _ => {
                let value = self.value()?;
                put(map, key, value);
                Ok(())
            }
        }
    }

    /// A list in braces, or everything up to the next comma. Not at the end of the text.
    fn value(&mut self) -> Result<Value, Stop> {
        let Some(inside) = self.rest.strip_prefix('{') else {
            let (text, _) = self.until(&[',']);
            return self.read(&text);
        };
        self.rest = inside;
        let mut items = Vec::new();
        loop {
            let (text, stop) = self.until(&[',', '}']);
            if stop.is_none() {
                return Err(Stop::wrong("list must terminate with '}'"));
            }
            self.grow(1)?;
            items.push(self.read(&text)?);
            if stop == Some('}') {
                self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
                return Ok(Value::list(items));
            }
        }
    }

    fn read(&self, text: &str) -> Result<Value, Stop> {
        match self.reading {
            Reading::Typed => Ok(typed(text)),
            Reading::File(content) => content(text).map_err(Stop::Wrong),
            Reading::Texts | Reading::Json | Reading::Literal => Ok(Value::text(text)),
        }
    }

    /// A JSON value and the comma behind it; nothing is null.
    fn json_value(&mut self) -> Result<Value, Stop> {
        if self.blank() {
            return Ok(Value::Nil);
        }
        let mut reader =
            serde_json::Deserializer::from_str(self.rest).into_iter::<serde::de::IgnoredAny>();
        match reader.next() {
            None => return Err(Stop::End),
            Some(Err(error)) => return Err(Stop::wrong(error.to_string())),
            Some(Ok(_)) => {}
        }
        let (json, rest) = self.rest.split_at_checked(reader.byte_offset()).unwrap_or_default();
        let value = sprig::read_json(json).map_err(Stop::Wrong)?;
        self.rest = rest;
        self.blank();
        Ok(value)
    }

    /// Takes blanks, and a comma after them; whether there was nothing else before the comma or the end.
    fn blank(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(',') {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => self.rest.is_empty(),
        }
    }

    /// The number between brackets, with its closing one.
    fn index(&mut self) -> Result<i64, Stop> {
        let (text, stop) = self.until(&[']']);
        if stop.is_none() {
            return Err(Stop::End);
        }
        let whole = text.parse::<i64>().ok().filter(|_| text.is_ascii());
        whole.ok_or_else(|| Stop::wrong(format!("error parsing index: {text:?} is no number")))
    }

    /// What stands after `[index]`. Gives the list back in any case, because Helm keeps it even when the text then ends.
    fn item(&mut self, list: Vec<Value>, at: i64, level: Level) -> (Vec<Value>, Result<(), Stop>) {
        let mut list = list;
        let outcome = self.item_of(&mut list, at, level);
        (list, outcome)
    }

    fn item_of(&mut self, list: &mut Vec<Value>, at: i64, level: Level) -> Result<(), Stop> {
        if at < 0 {
            return Err(Stop::wrong(format!("negative {at} index not allowed")));
        }
        let index = usize::try_from(at).unwrap_or(usize::MAX);
        let (text, stop) = self.until(&['[', '.', '=']);
        if !text.is_empty() {
            return Err(Stop::wrong(format!("unexpected data at end of array index: {text:?}")));
        }
        let value = match stop {
            None => return Err(Stop::End),
            Some('=') => match self.reading {
                Reading::Json => self.json_value()?,
                Reading::Literal => Value::text(std::mem::take(&mut self.rest)),
                _ if self.rest.is_empty() => Value::text(""),
                _ => self.value()?,
            },
            Some('[') => {
                let next = self.index()?;
                let inner = match list.get(index) {
                    None | Some(Value::Nil) => Vec::new(),
                    Some(value) => items_of(value)?,
                };
                let (inner, outcome) = self.item(inner, next, level.deeper()?);
                outcome?;
                Value::list(inner)
            }
            Some(_) => {
                let inner = match list.get(index) {
                    Some(Value::Map(inner)) => Rc::clone(inner),
                    _ => Rc::new(Map::of(crate::template::MapKind::Any, [])),
                };
                if let Some(item) = list.get_mut(index) {
                    *item = Value::Map(Rc::clone(&inner));
                }
                self.key(&inner, level.deeper()?)?;
                Value::Map(inner)
            }
        };
        self.set_item(list, index, value)
    }

    fn set_item(&mut self, list: &mut Vec<Value>, at: usize, value: Value) -> Result<(), Stop> {
        if at > limits::SET_INDEX_MAX {
            return Err(Stop::wrong(format!(
                "index of {at} is greater than maximum supported index of {}",
                limits::SET_INDEX_MAX
            )));
        }
        if list.len() <= at {
            self.grow(at + 1 - list.len())?;
            list.resize(at + 1, Value::Nil);
        }
        if let Some(item) = list.get_mut(at) {
            *item = value;
        }
        Ok(())
    }

    fn grow(&mut self, items: usize) -> Result<(), Stop> {
        self.items = self.items.saturating_add(items);
        if self.items > limits::SET_ITEMS_MAX {
            return Err(Stop::wrong(format!("more than {} items", limits::SET_ITEMS_MAX)));
        }
        Ok(())
    }
}

/// An empty key sets nothing.
fn put(map: &Map, key: &str, value: Value) {
    if !key.is_empty() {
        map.set(key, value);
    }
}

fn items_of(value: &Value) -> Result<Vec<Value>, Stop> {
    value.as_items().map(<[Value]>::to_vec).ok_or_else(|| unlike(value, "[]interface {}"))
}

fn unlike(value: &Value, wanted: &str) -> Stop {
    let found = if value.is_nil() { "nil" } else { value.type_name() };
    Stop::wrong(format!(
        "unable to parse key: interface conversion: interface {{}} is {found}, not {wanted}"
    ))
}

/// What a text of `--set` looks like. A number that starts with a zero stays a text.
fn typed(text: &str) -> Value {
    if text.eq_ignore_ascii_case("true") {
        return Value::Bool(true);
    }
    if text.eq_ignore_ascii_case("false") {
        return Value::Bool(false);
    }
    if text.eq_ignore_ascii_case("null") {
        return Value::Nil;
    }
    if text == "0" {
        return Value::Int64(0);
    }
    match text.parse::<i64>() {
        Ok(number) if !text.starts_with('0') => Value::Int64(number),
        _ => Value::text(text),
    }
}
