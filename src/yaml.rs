//! YAML with positions: every node knows its line, so that a problem or a reference can name its place.
//!
//! Parses text only, opens nothing. Anchors and merge keys are applied, duplicate keys are errors, and the
//! parser's own budgets bound depth and aliases.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use thiserror::Error;

/// Deepest nesting of a document that somebody else rendered.
const LENIENT_DEPTH_MAX: usize = 90;
/// Nesting that fits onto any stack. A level takes up to 40 kB in a debug build.
const SHALLOW_MAX: usize = 24;
/// Stack for what may be deeper.
const STACK_BYTES: usize = 32 << 20;

/// Text that is not sound YAML.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {message}")]
pub struct YamlError {
    /// Line, from 1; 0 when the parser did not say.
    pub line: u64,
    /// Column, from 1; 0 when the parser did not say.
    pub column: u64,
    /// What is wrong, on one line.
    pub message: String,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Line in the file, from 1.
    pub line: u64,
    /// Column in the line, from 1.
    pub column: u64,
    /// What stands there.
    pub value: Value,
}

/// A YAML value as the JSON data model sees it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `~`, `null` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number that is whole.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in file order.
    Map(Vec<(Node, Node)>),
}

/// The first line of the parser's words, without the place, which is told apart.
fn message(whole: &str) -> &str {
    let line = whole.lines().next().unwrap_or("unreadable").trim_start_matches("error: ");
    let words = match line.strip_prefix("line ").and_then(|rest| rest.split_once(": ")) {
        Some((place, words)) if place.contains(" column ") => words,
        _ => line,
    };
    if words.contains("recursive reference") {
        return "an alias inside of what it stands for";
    }
    // What follows is advice for programmers.
    words.split_once(", set ").map_or(words, |(words, _)| words)
}

impl From<&serde_saphyr::Error> for YamlError {
    fn from(error: &serde_saphyr::Error) -> Self {
        let place = error.location();
        let whole = error.to_string();
        Self {
            line: place.map_or(0, |p| p.line()),
            column: place.map_or(0, |p| p.column()),
            message: message(&whole).to_owned(),
        }
    }
}

/// Runs a parser where deep nesting cannot exhaust the stack: flat texts here, others in a thread with a large one.
fn with_stack<T: Send>(text: &str, parse: impl FnOnce() -> T + Send) -> Option<T> {
    if nesting_bound(text) <= SHALLOW_MAX {
        return Some(parse());
    }
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(STACK_BYTES);
        builder.spawn_scoped(scope, parse).ok()?.join().ok()
    })
}

/// How deep a text can be at most: no level is written with less than one character.
fn nesting_bound(text: &str) -> usize {
    let lead = |line: &str| line.bytes().take_while(|b| b" -?:\t".contains(b)).count();
    let indent = text.lines().map(lead).max().unwrap_or(0);
    // Closing marks may stand in quotes, so they are not counted against the opening ones.
    let open = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
    // An alias brings what is below its anchor.
    let aliases = if text.contains('&') && text.contains('*') { SHALLOW_MAX } else { 0 };
    indent.saturating_add(open).saturating_add(aliases)
}

fn lenient(text: &str) -> Result<Vec<Node>, YamlError> {
    with_stack(text, || lenient_here(text)).unwrap_or_else(no_stack)
}

fn no_stack<T>() -> Result<T, YamlError> {
    Err(YamlError { line: 0, column: 0, message: "no memory to read it".to_owned() })
}

fn lenient_here(text: &str) -> Result<Vec<Node>, YamlError> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
        // Schemas inside of definitions are deeper than what people write.
        budget: serde_saphyr::budget! { max_depth: LENIENT_DEPTH_MAX },
    };
    let read = serde_saphyr::from_multiple_with_options(text, options);
    let found: Vec<Spanned<Value>> = read.map_err(|error| YamlError::from(&error))?;
    Ok(found.into_iter().map(Node::from).collect())
}

/// The documents of a text, cut at lines that begin with `---`, with the number of lines above each.
fn pieces(text: &str) -> Vec<(u64, &str)> {
    let (mut pieces, mut start, mut offset, mut above, mut line) = (Vec::new(), 0, 0, 0, 0);
    for row in text.split_inclusive('\n') {
        if row.starts_with("---") && offset > start {
            pieces.push((above, &text[start..offset]));
            (start, above) = (offset, line);
        }
        offset += row.len();
        line += 1;
    }
    pieces.push((above, &text[start..]));
    pieces
}

impl Node {
    /// Parses exactly one document. An empty text is `Null`.
    pub fn parse(text: &str) -> Result<Self, YamlError> {
        let mut all = Self::parse_all(text)?;
        match all.len() {
            0 => Ok(Self { line: 1, column: 1, value: Value::Null }),
            1 => Ok(all.remove(0)),
            _ => Err(YamlError {
                line: all[1].line,
                column: all[1].column,
                message: "one document expected, a second one begins here".to_owned(),
            }),
        }
    }

    /// Parses a stream of documents divided by `---`.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, YamlError> {
        with_stack(text, || Self::parse_here(text)).unwrap_or_else(no_stack)
    }

    fn parse_here(text: &str) -> Result<Vec<Self>, YamlError> {
        // YAML 1.2 booleans only: a key `y` or a label `on` stays the text that it is.
        let options = serde_saphyr::options! { strict_booleans: true };
        let read = serde_saphyr::from_multiple_with_options(text, options);
        let found: Vec<Spanned<Value>> = read.map_err(|error| YamlError::from(&error))?;
        Ok(found.into_iter().map(Self::from).collect())
    }

    /// Parses what Kubernetes would take although it is not sound: duplicate keys are all kept, infinite numbers are
    /// numbers, and a document that cannot be read does not take the others with it.
    pub fn parse_lenient(text: &str) -> Vec<Result<Self, YamlError>> {
        if let Ok(all) = lenient(text) {
            return all.into_iter().map(Ok).collect();
        }
        let mut documents = Vec::new();
        for (lines_above, piece) in pieces(text) {
            match lenient(piece) {
                Ok(all) => documents.extend(all.into_iter().map(|mut node| {
                    node.shift(lines_above);
                    Ok(node)
                })),
                Err(error) => {
                    documents.push(Err(YamlError { line: error.line + lines_above, ..error }));
                }
            }
        }
        documents
    }

    /// Moves this node and all below it down by some lines. The parser's budget bounds the depth.
    fn shift(&mut self, lines: u64) {
        self.line += lines;
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|node| node.shift(lines)),
            Value::Map(entries) => entries.iter_mut().for_each(|(key, node)| {
                key.shift(lines);
                node.shift(lines);
            }),
            _ => {}
        }
    }

    /// The value under a key, if this is a mapping that has it. The last one counts, as in Kubernetes.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().filter(|(name, _)| *name == key).last().map(|(_, node)| node)
    }

    /// The value under a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text under a path of keys.
    pub fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path).and_then(Self::text)
    }

    /// The members of a sequence; none for anything else.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a mapping whose keys are texts; none for anything else.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        let entries: &[(Self, Self)] = match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        };
        entries.iter().filter_map(|(key, node)| key.text().map(|key| (key, node)))
    }

    /// The same value as JSON. Keys that are no texts are written as texts; of equal keys the last one counts.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => match i64::try_from(*value) {
                Ok(value) => value.into(),
                #[expect(clippy::cast_precision_loss, reason = "larger than any JSON integer")]
                Err(_) => serde_json::json!(*value as f64),
            },
            Value::Float(value) => serde_json::json!(value),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|(key, node)| match key.to_json() {
                    serde_json::Value::String(key) => (key, node.to_json()),
                    other => (other.to_string(), node.to_json()),
                })
                .collect(),
        }
    }

    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self {
            line: spanned.referenced.line(),
            column: spanned.referenced.column(),
            value: spanned.value,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::<Value>::deserialize(deserializer).map(Self::from)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element::<Node>()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry::<Node, Node>()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_knows_its_line() {
        let node = Node::parse("a: 1\nb:\n  - x: yes\n  - y: \"t\"\n").expect("sound");
        assert_eq!(node.at(&["b"]).map(|n| n.items()[1].line), Some(4));
        assert_eq!(
            node.get("b").and_then(|b| b.items()[1].get("y")).map(|n| (n.line, n.column, n.text())),
            Some((4, 8, Some("t")))
        );
        assert_eq!(node.get("a").map(|n| &n.value), Some(&Value::Integer(1)));
    }

    #[test]
    fn documents_and_errors() {
        assert_eq!(Node::parse_all("a: 1\n---\nb: 2\n").expect("two").len(), 2);
        assert_eq!(Node::parse("").expect("empty").value, Value::Null);
        let error = Node::parse("a: 1\na: 2\n").expect_err("duplicate key");
        assert_eq!(error.line, 2, "{error}");
        assert_eq!(Node::parse("a: 1\n---\nb: 2\n").expect_err("two").line, 3);
        assert!(Node::parse("a: [").is_err());
    }

    #[test]
    fn lenient_parsing_keeps_every_document() {
        let text = "a: 1\na: 2\n---\nb: [\n--- # c\nc: .inf\n";
        let all = Node::parse_lenient(text);
        assert_eq!(all.len(), 3);
        let first = all[0].as_ref().expect("sound");
        assert_eq!(first.entries().count(), 2, "both entries are kept");
        assert_eq!(first.get("a").map(|n| &n.value), Some(&Value::Integer(2)), "the last counts");
        assert!(all[1].as_ref().is_err_and(|error| error.line >= 4));
        assert_eq!(all[2].as_ref().ok().and_then(|n| n.get("c")).map(|n| n.line), Some(6));
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_crash() {
        for depth in [50, 85, 500, 100_000] {
            let flow = format!("a: {}1{}\n", "[".repeat(depth), "]".repeat(depth));
            let compact = format!("{}1\n", "- ".repeat(depth));
            for text in [flow, compact] {
                assert_eq!(Node::parse_lenient(&text)[0].is_ok(), depth < 90, "{depth}");
                assert_eq!(Node::parse_all(&text).is_ok(), depth < 60, "{depth}");
            }
        }
    }
}
