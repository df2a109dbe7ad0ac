//! The values that a person gives to a chart, merged in the order of `helm template`.

use std::rc::Rc;

use thiserror::Error;

use crate::helm::set::{Reading, set_into};
use crate::limits;
use crate::sprig;
use crate::template::{Map, MapKind, Value};

/// Longest part of a text that an error repeats.
const SHOWN_CHARS_MAX: usize = 200;

/// Says which keys of a text of values stand twice in one map: of those the last one counts, as in Helm.
pub(super) fn duplicate_warnings(name: &str, text: &str) -> Vec<String> {
    let found = sprig::duplicate_keys(text).into_iter().take(limits::PROBLEMS_MAX);
    found
        .map(|(key, line)| {
            let key: String = key.chars().take(SHOWN_CHARS_MAX).collect();
            format!("{name}:{line}: {key} stands twice; the last one counts")
        })
        .collect()
}

/// One thing that a person said about the values of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValuesSource {
    /// `--values`: a file, already read.
    File {
        /// How errors name it.
        name: String,
        /// What it says.
        text: String,
    },
    /// `--set`.
    Set(String),
    /// `--set-string`.
    SetString(String),
    /// `--set-file`: the file that the text names, already read.
    SetFile {
        /// The whole text, `key=path`, or the key alone.
        path: String,
        /// What the file says.
        content: String,
    },
    /// `--set-json`.
    SetJson(String),
    /// `--set-literal`.
    SetLiteral(String),
    /// Values written in place: in an inventory or an Application. Counts as a file.
    Inline {
        /// How errors name it.
        name: String,
        /// What it says.
        text: String,
    },
}

/// Why values cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{source_name}: {problem}")]
pub struct ValuesError {
    /// The file, or the flag with its text.
    pub source_name: String,
    /// What is wrong with it, with the line where there is one.
    pub problem: String,
}

impl ValuesSource {
    /// Helm's order, whatever the order in which things were said.
    fn rank(&self) -> usize {
        match self {
            Self::File { .. } | Self::Inline { .. } => 0,
            Self::SetJson(_) => 1,
            Self::Set(_) => 2,
            Self::SetString(_) => 3,
            Self::SetFile { .. } => 4,
            Self::SetLiteral(_) => 5,
        }
    }

    fn name(&self) -> String {
        let (flag, text) = match self {
            Self::File { name, .. } | Self::Inline { name, .. } => return name.clone(),
            Self::SetJson(text) => ("--set-json", text),
            Self::Set(text) => ("--set", text),
            Self::SetString(text) => ("--set-string", text),
            Self::SetFile { path, .. } => ("--set-file", path),
            Self::SetLiteral(text) => ("--set-literal", text),
        };
        let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
        format!("{flag} {shown}")
    }

    fn text(&self) -> &str {
        match self {
            Self::File { text, .. }
            | Self::Inline { text, .. }
            | Self::SetFile { path: text, .. }
            | Self::Set(text)
            | Self::SetString(text)
            | Self::SetJson(text)
            | Self::SetLiteral(text) => text,
        }
    }

    fn apply(&self, base: Rc<Map>) -> Result<Rc<Map>, String> {
        if self.text().len() > limits::VALUES_BYTES_MAX {
            return Err(format!("larger than {} bytes", limits::VALUES_BYTES_MAX));
        }
        let reading = match self {
            Self::File { text, .. } | Self::Inline { text, .. } => {
                return Ok(merge_maps(&base, read_values(text)?.as_ref()));
            }
            Self::SetJson(text) if text.trim_start().starts_with('{') => {
                let Value::Map(map) = sprig::read_json(text.trim())? else {
                    return Err("not a JSON object".to_owned());
                };
                return Ok(merge_maps(&base, &map));
            }
            Self::SetJson(_) => Reading::Json,
            Self::Set(_) => Reading::Typed,
            Self::SetString(_) => Reading::Texts,
            Self::SetLiteral(_) => Reading::Literal,
            Self::SetFile { path, content } => {
                let whole = |_: &str| Ok(Value::text(content.as_str()));
                let text = if path.contains('=') { path.clone() } else { format!("{path}=-") };
                set_into(&text, &base, &Reading::File(&whole))?;
                return Ok(base);
            }
        };
        set_into(self.text(), &base, &reading)?;
        Ok(base)
    }
}

/// Merges values as `helm template` does: files in their order, then `--set-json`, `--set`, `--set-string`, `--set-file` and
/// `--set-literal`, each in their order.
pub fn merge_values(sources: &[ValuesSource]) -> Result<Value, ValuesError> {
    let mut ordered: Vec<_> = sources.iter().collect();
    ordered.sort_by_key(|source| source.rank());
    let mut base = empty();
    for source in ordered {
        let fail = |problem| ValuesError { source_name: source.name(), problem };
        base = source.apply(base).map_err(fail)?;
    }
    Ok(Value::Map(base))
}

/// Reads a values file. It may hold several documents, of which the later ones count more.
pub(super) fn read_values(text: &str) -> Result<Rc<Map>, String> {
    let mut values = empty();
    for document in documents(text)? {
        match sprig::read_yaml(&document)? {
            Value::Nil => {}
            Value::Map(map) => values = merge_maps(&values, &map),
            other => return Err(format!("values must be a map, not {}", other.type_name())),
        }
    }
    Ok(values)
}

/// Cuts a stream of YAML at its separators, as Kubernetes does: a line that starts with `---` and holds no more than a
/// comment.
fn documents(text: &str) -> Result<Vec<String>, String> {
    let mut documents = Vec::new();
    let mut document = String::new();
    for (at, line) in text.lines().enumerate() {
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                return Err(format!("line {}: {rest:?} after a document separator", at + 1));
            }
            if !document.is_empty() {
                documents.push(std::mem::take(&mut document));
                continue;
            }
        }
        document.push_str(line);
        document.push('\n');
    }
    documents.push(document);
    Ok(documents)
}

/// A map with the entries of both; of equal keys the second one's counts, and maps under equal keys are merged.
fn merge_maps(a: &Rc<Map>, b: &Map) -> Rc<Map> {
    let merged = a.shallow_copy();
    for (key, value) in b.entries() {
        let value = match (&value, merged.get(&key)) {
            (Value::Map(new), Some(Value::Map(old))) => Value::Map(merge_maps(&old, new)),
            _ => value,
        };
        merged.set(key, value);
    }
    Rc::new(merged)
}

fn empty() -> Rc<Map> {
    Rc::new(Map::of(MapKind::Any, []))
}
