//! Reads a tree of YAML nodes and collects what is wrong with it, instead of stopping at the first problem.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::inventory::{Located, Problem};
use crate::limits;
use crate::yaml::{Node, Value};

/// The keys of one kind of mapping.
pub struct Keys {
    /// Must be there.
    pub required: &'static [&'static str],
    /// May be there.
    pub optional: &'static [&'static str],
}

/// Parses one file that a person wrote; what is no YAML at all is the only problem then.
pub fn parse_yaml(file: &str, bytes: &[u8]) -> Result<Node, Problem> {
    let problem = |line, column, message: String| Problem {
        file: file.to_owned(),
        line,
        column,
        field: String::new(),
        message,
        hint: None,
    };
    if bytes.len() as u64 > limits::USER_FILE_BYTES_MAX {
        let message = format!("larger than {} bytes", limits::USER_FILE_BYTES_MAX);
        return Err(problem(0, 0, message));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count() as u64;
        problem(line, 1, "not UTF-8 text".to_owned())
    })?;
    Node::parse(text).map_err(|error| problem(error.line, error.column, error.message))
}

/// Collects problems.
pub struct Reader<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// What was found so far.
    pub problems: Vec<Problem>,
}

/// A node and the path that leads to it.
#[derive(Clone)]
pub struct At<'n> {
    /// The node.
    pub node: &'n Node,
    /// The path that leads to it.
    pub field: String,
}

impl<'n> At<'n> {
    /// The value under a key; an empty value counts as absent.
    pub fn get(&self, key: &str) -> Option<Self> {
        let node = self.node.get(key).filter(|node| node.value != Value::Null)?;
        Some(Self { node, field: join(&self.field, key) })
    }

    fn item(&self, at: usize, node: &'n Node) -> Self {
        Self { node, field: format!("{}[{at}]", self.field) }
    }
}

impl Reader<'_> {
    /// Notes a problem.
    pub fn add(&mut self, at: &At<'_>, message: impl Into<String>, hint: Option<String>) {
        if self.problems.len() < limits::PROBLEMS_MAX {
            self.problems.push(Problem {
                file: self.file.to_owned(),
                line: at.node.line,
                column: at.node.column,
                field: at.field.clone(),
                message: message.into(),
                hint,
            });
        }
    }

    /// Notes a problem at a line and column below a node.
    pub fn add_at(&mut self, at: &At<'_>, (line, column): (u64, u64), message: impl Into<String>) {
        self.add(at, message, None);
        if let Some(problem) = self.problems.last_mut() {
            (problem.line, problem.column) = (line, column);
        }
    }

    /// `true` or `false`.
    pub fn flag(&mut self, at: &At<'_>) -> bool {
        if let Value::Bool(flag) = at.node.value {
            return flag;
        }
        self.wrong_kind(at, "true or false");
        false
    }

    /// Wraps a value with its place.
    pub fn located<T>(&self, at: &At<'_>, value: T) -> Located<T> {
        Located { value, place: format!("{}:{}", self.file, at.node.line), field: at.field.clone() }
    }

    /// Checks that a node is a mapping with known keys and all required ones.
    pub fn mapping(&mut self, at: &At<'_>, keys: &Keys) -> bool {
        let Value::Map(entries) = &at.node.value else {
            self.wrong_kind(at, "a mapping");
            return false;
        };
        let known: Vec<&str> = keys.required.iter().chain(keys.optional).copied().collect();
        for (key, _) in entries {
            let name = key.text().unwrap_or("?");
            let place = At { node: key, field: join(&at.field, name) };
            if key.text().is_none() {
                self.add(&place, format!("a key must be a text, not {}", key.kind()), None);
            } else if !known.contains(&name) {
                let hint = nearest(name, &known).map(|near| format!("did you mean \"{near}\"?"));
                let hint = hint.or_else(|| Some(format!("known keys: {}", known.join(", "))));
                self.add(&place, "unknown key", hint);
            }
        }
        for key in keys.required {
            if at.get(key).is_none() {
                let place = At { node: at.node, field: join(&at.field, key) };
                self.add(&place, "missing", None);
            }
        }
        true
    }

    /// The members of a list under a key; none when it is absent.
    pub fn list<'n>(&mut self, parent: &At<'n>, key: &str) -> Vec<At<'n>> {
        let Some(at) = parent.get(key) else { return Vec::new() };
        let Value::List(items) = &at.node.value else {
            self.wrong_kind(&at, "a list");
            return Vec::new();
        };
        items.iter().enumerate().map(|(index, node)| at.item(index, node)).collect()
    }

    /// The text at a node.
    pub fn text<'n>(&mut self, at: &At<'n>) -> Option<&'n str> {
        let text = at.node.text();
        if text.is_none() {
            self.wrong_kind(at, "a text");
        }
        text
    }

    /// The text at a node, made into something by a function whose errors become problems.
    pub fn parse<T, E: Display>(
        &mut self,
        at: &At<'_>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(at)?;
        parse(text).map_err(|error| self.add(at, error.to_string(), None)).ok()
    }

    /// A mapping from texts to texts; empty when it is absent.
    pub fn texts(&mut self, parent: &At<'_>, key: &str) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        let Some(at) = parent.get(key) else { return texts };
        let Value::Map(entries) = &at.node.value else {
            self.wrong_kind(&at, "a mapping");
            return texts;
        };
        for (key, node) in entries {
            let key = At { node: key, field: at.field.clone() };
            let Some(name) = self.text(&key) else { continue };
            let value = At { node, field: format!("{}[\"{name}\"]", at.field) };
            if let Some(text) = self.text(&value) {
                texts.insert(name.to_owned(), text.to_owned());
            }
        }
        texts
    }

    /// Notes a problem when a key was seen before.
    pub fn unique<K: Ord>(&mut self, seen: &mut BTreeMap<K, u64>, key: K, at: &At<'_>) {
        match seen.get(&key) {
            Some(line) => self.add(at, format!("the same as in line {line}"), None),
            None => {
                seen.insert(key, at.node.line);
            }
        }
    }

    fn wrong_kind(&mut self, at: &At<'_>, want: &str) {
        let found = &at.node.value;
        let quote = want == "a text"
            && matches!(found, Value::Bool(_) | Value::Integer(_) | Value::Float(_));
        let hint = quote.then(|| "put it in quotes".to_owned());
        self.add(at, format!("must be {want}, not {}", at.node.kind()), hint);
    }
}

/// The known name that is nearest to a mistyped one, if any is near.
pub(super) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let distance = |k: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &k.to_lowercase());
    let near = known.iter().map(|known| (distance(known), *known)).min()?;
    (near.0 <= (near.1.len() / 3).max(1)).then_some(near.1)
}

fn join(field: &str, key: &str) -> String {
    if field.is_empty() { key.to_owned() } else { format!("{field}.{key}") }
}
