//! Reads YAML as `sigs.k8s.io/yaml` does: go-yaml's values, turned into what JSON can say.
//!
//! Every number becomes `float64`; keys become texts; of equal keys the last one counts; only the first document is read.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::limits;
use crate::sprig::floats;
use crate::sprig::json::lossy;
use crate::sprig::yaml_go_syntax::go_syntax;
use crate::sprig::yaml_parse::{Body, NodeId, Tree, parse};
use crate::sprig::yaml_scalar::{Dialect, Scalar, resolve};
use crate::template::{Map, MapKind, Value};

/// Below so many decoded nodes, nearly all may come from aliases.
const ALIAS_RATIO_LOW: u32 = 400_000;
/// Above so many decoded nodes, only a tenth may.
const ALIAS_RATIO_HIGH: u32 = 4_000_000;
const TAG_PREFIX: &str = "tag:yaml.org,2002:";

/// As `encoding/base64.StdEncoding` decodes.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Reads the first document of a text (`sigs.k8s.io/yaml.Unmarshal` into `interface{}`). Errors are in Go's words.
pub fn read_yaml(text: &str) -> Result<Value, String> {
    read(text).map_err(|error| format!("error converting YAML to JSON: {error}"))
}

fn read(text: &str) -> Result<Value, String> {
    let Some(tree) = parse(text).map_err(|error| format!("yaml: {error}"))? else {
        return Ok(Value::Nil);
    };
    let mut decoder = Decoder::new(&tree);
    // go-yaml counts the document itself, too.
    decoder.decoded = 1;
    let value = decoder.value(tree.root, 0).map_err(|error| format!("yaml: {error}"))?;
    if let Some(problem) = decoder.key_problem {
        return Err(problem);
    }
    if decoder.odd_number
        && let Some(number) = find_odd_number(&value)
    {
        return Err(format!("json: unsupported value: {}", floats::general(number)));
    }
    Ok(value)
}

/// The keys of a text's first document that stand twice in one map, each with the line of the later one, from 1.
///
/// Go passes over them silently: the last one counts. A text that cannot be read has none.
pub fn duplicate_keys(text: &str) -> Vec<(String, usize)> {
    let Ok(Some(tree)) = parse(text) else { return Vec::new() };
    let mut found = Vec::new();
    for node in &tree.nodes {
        let Body::Mapping(entries) = &node.body else { continue };
        let mut seen = HashSet::new();
        for (key, _) in entries {
            let Some((text, line)) = key_for_people(&tree, *key) else { continue };
            if !seen.insert(text.clone()) {
                found.push((text, line + 1));
            }
        }
    }
    found.sort_by_key(|(_, line)| *line);
    found
}

fn key_for_people(tree: &Tree<'_>, id: NodeId) -> Option<(String, usize)> {
    let line = tree.nodes.get(id)?.line;
    let node = tree.nodes.get(follow(tree, id))?;
    let Body::Scalar { tag, text, plain } = &node.body else { return None };
    if is_merge(tag.as_deref(), text, *plain) {
        return None;
    }
    let scalar = scalar(tag.as_deref(), text, *plain).ok()?;
    Some((key_text(&scalar)?.to_string(), line))
}

/// The node that an alias stands for.
fn follow(tree: &Tree<'_>, mut id: NodeId) -> NodeId {
    // An alias never stands for another alias; the bound is for the reader's peace.
    for _ in 0..limits::YAML_DEPTH_MAX {
        match tree.nodes.get(id).map(|node| &node.body) {
            Some(Body::Alias { target, .. }) => id = *target,
            _ => break,
        }
    }
    id
}

fn is_merge(tag: Option<&str>, text: &str, plain: bool) -> bool {
    text == "<<" && (plain || tag == Some("tag:yaml.org,2002:merge"))
}

fn find_odd_number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) if !number.is_finite() => Some(*number),
        Value::List(list) => list.items.iter().find_map(find_odd_number),
        Value::Map(map) => map.look().values().find_map(find_odd_number),
        _ => None,
    }
}

/// A scalar with its text.
#[derive(Debug)]
pub(super) enum Typed<'a> {
    Text(Cow<'a, str>),
    Other(Scalar),
}

/// What a scalar node is, by its tag and its text.
pub(super) fn scalar<'t>(
    tag: Option<&str>,
    text: &'t str,
    plain: bool,
) -> Result<Typed<'t>, String> {
    let Some(tag) = tag else {
        if !plain {
            return Ok(Typed::Text(Cow::Borrowed(text)));
        }
        return Ok(typed(resolve(text, Dialect::V2, true), text));
    };
    let short = tag.strip_prefix(TAG_PREFIX).unwrap_or("");
    match short {
        "binary" => {
            let digits: Vec<u8> =
                text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
            let bytes = BASE64
                .decode(digits)
                .map_err(|_| "!!binary value contains invalid base64 data".to_string())?;
            Ok(Typed::Text(lossy(&bytes).into_owned().into()))
        }
        "bool" | "int" | "float" | "null" | "timestamp" => {
            let found = resolve(text, Dialect::V2, short == "timestamp");
            let fits = match (found, short) {
                (Scalar::Int(value), "float") => {
                    #[allow(clippy::cast_precision_loss)] // as Go converts
                    return Ok(Typed::Other(Scalar::Float(value as f64)));
                }
                (found, short) => short_tag(found) == short,
            };
            if !fits {
                let found = short_tag(found);
                return Err(format!("cannot decode !!{found} `{text}` as a !!{short}"));
            }
            Ok(typed(found, text))
        }
        _ => Ok(Typed::Text(Cow::Borrowed(text))),
    }
}

fn typed(found: Scalar, text: &str) -> Typed<'_> {
    match found {
        Scalar::Text | Scalar::Timestamp => Typed::Text(Cow::Borrowed(text)),
        other => Typed::Other(other),
    }
}

fn short_tag(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Null => "null",
        Scalar::Bool(_) => "bool",
        Scalar::Int(_) | Scalar::Uint(_) => "int",
        Scalar::Float(_) => "float",
        Scalar::Timestamp => "timestamp",
        Scalar::Text => "str",
    }
}

/// A key as JSON has it; none for what cannot be one.
fn key_text<'a>(key: &'a Typed<'_>) -> Option<Cow<'a, str>> {
    Some(match key {
        Typed::Text(text) => Cow::Borrowed(text.as_ref()),
        Typed::Other(Scalar::Bool(value)) => value.to_string().into(),
        Typed::Other(Scalar::Int(value)) => value.to_string().into(),
        Typed::Other(Scalar::Float(value)) => floats::key(*value).into(),
        Typed::Other(_) => return None,
    })
}

struct Decoder<'t, 'a> {
    tree: &'t Tree<'a>,
    decoded: u32,
    from_aliases: u32,
    alias_depth: usize,
    /// Aliases that are being followed.
    open: HashSet<NodeId>,
    /// Texts that aliases have already brought, so that a long one is not copied each time.
    texts: HashMap<NodeId, Rc<str>>,
    key_problem: Option<String>,
    odd_number: bool,
}

impl<'t, 'a> Decoder<'t, 'a> {
    fn new(tree: &'t Tree<'a>) -> Self {
        Self {
            tree,
            decoded: 0,
            from_aliases: 0,
            alias_depth: 0,
            open: HashSet::new(),
            texts: HashMap::new(),
            key_problem: None,
            odd_number: false,
        }
    }

    fn body(&self, id: NodeId) -> Result<&'t Body<'a>, String> {
        let node = self.tree.nodes.get(id);
        node.map(|node| &node.body).ok_or_else(|| "unknown node".to_string())
    }

    /// Counts a node, and stops when too many of them come from aliases.
    fn count(&mut self) -> Result<(), String> {
        self.decoded += 1;
        self.from_aliases += u32::from(self.alias_depth > 0);
        let (all, aliased) = (f64::from(self.decoded), f64::from(self.from_aliases));
        if self.from_aliases <= 100 || self.decoded <= 1000 {
            return Ok(());
        }
        let above = self.decoded.clamp(ALIAS_RATIO_LOW, ALIAS_RATIO_HIGH) - ALIAS_RATIO_LOW;
        let allowed =
            0.99 - 0.89 * f64::from(above) / f64::from(ALIAS_RATIO_HIGH - ALIAS_RATIO_LOW);
        if aliased / all > allowed {
            return Err("document contains excessive aliasing".to_string());
        }
        Ok(())
    }

    fn value(&mut self, id: NodeId, depth: usize) -> Result<Value, String> {
        self.count()?;
        if depth > limits::YAML_DEPTH_MAX {
            return Err(format!("exceeded max depth of {}", limits::YAML_DEPTH_MAX));
        }
        match self.body(id)? {
            Body::Alias { name, target } => {
                self.enter_alias(id, name)?;
                let value = self.value(*target, depth + 1);
                self.leave_alias(id);
                value
            }
            Body::Scalar { tag, text, plain } => self.scalar(id, tag.as_deref(), text, *plain),
            Body::Sequence(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(self.value(*item, depth + 1)?);
                }
                Ok(Value::list(values))
            }
            Body::Mapping(_) => {
                let mut entries = BTreeMap::new();
                self.mapping(id, &mut entries, depth)?;
                Ok(Value::Map(Rc::new(Map::of(MapKind::Any, entries))))
            }
        }
    }

    fn enter_alias(&mut self, id: NodeId, name: &str) -> Result<(), String> {
        if !self.open.insert(id) {
            return Err(format!("anchor '{name}' value contains itself"));
        }
        self.alias_depth += 1;
        Ok(())
    }

    fn leave_alias(&mut self, id: NodeId) {
        self.alias_depth -= 1;
        self.open.remove(&id);
    }

    fn scalar(
        &mut self,
        id: NodeId,
        tag: Option<&str>,
        text: &str,
        plain: bool,
    ) -> Result<Value, String> {
        Ok(match scalar(tag, text, plain)? {
            Typed::Text(text) => Value::Text(self.text(id, &text)),
            Typed::Other(Scalar::Bool(value)) => Value::Bool(value),
            #[allow(clippy::cast_precision_loss)] // JSON in Go knows float64 alone
            Typed::Other(Scalar::Int(value)) => Value::Float(value as f64),
            #[allow(clippy::cast_precision_loss)]
            Typed::Other(Scalar::Uint(value)) => Value::Float(value as f64),
            Typed::Other(Scalar::Float(value)) => {
                self.odd_number |= !value.is_finite();
                Value::Float(value)
            }
            Typed::Other(_) => Value::Nil,
        })
    }

    fn text(&mut self, id: NodeId, text: &str) -> Rc<str> {
        if self.alias_depth == 0 {
            return Rc::from(text);
        }
        Rc::clone(self.texts.entry(id).or_insert_with(|| Rc::from(text)))
    }

    fn mapping(
        &mut self,
        id: NodeId,
        into: &mut BTreeMap<Rc<str>, Value>,
        depth: usize,
    ) -> Result<(), String> {
        let Body::Mapping(entries) = self.body(id)? else { return Ok(()) };
        for (key, value) in entries {
            if let Body::Scalar { tag, text, plain } = self.body(*key)?
                && is_merge(tag.as_deref(), text, *plain)
            {
                self.merge(*value, into, depth + 1)?;
                continue;
            }
            let name = self.key(*key, *value, depth + 1)?;
            let value = self.value(*value, depth + 1)?;
            if let Some(name) = name {
                into.insert(name, value);
            }
        }
        Ok(())
    }

    /// A key; none for one that JSON cannot have, which is noted.
    fn key(&mut self, id: NodeId, value: NodeId, depth: usize) -> Result<Option<Rc<str>>, String> {
        self.count()?;
        match self.body(id)? {
            Body::Alias { name, target } => {
                self.enter_alias(id, name)?;
                let key = self.key(*target, value, depth + 1);
                self.leave_alias(id);
                key
            }
            Body::Scalar { tag, text, plain } => {
                let key = scalar(tag.as_deref(), text, *plain)?;
                if let Some(text) = key_text(&key) {
                    return Ok(Some(self.text(id, &text)));
                }
                let (kind, key) = match key {
                    Typed::Other(Scalar::Uint(key)) => ("uint64", format!("{key:#x}")),
                    _ => ("%!s(<nil>)", "<nil>".to_string()),
                };
                let value = go_syntax(self.tree, value);
                // Of equal keys the last one counts, here too.
                self.key_problem = Some(format!(
                    "unsupported map key of type: {kind}, key: {key}, value: {value}"
                ));
                Ok(None)
            }
            Body::Sequence(_) | Body::Mapping(_) => {
                // What is inside is read first, and may be wrong in another way.
                self.decoded -= 1;
                self.value(id, depth)?;
                Err(format!("invalid map key: {}", go_syntax(self.tree, id)))
            }
        }
    }

    /// `<<: value`. What it brings replaces what stands before it.
    fn merge(
        &mut self,
        id: NodeId,
        into: &mut BTreeMap<Rc<str>, Value>,
        depth: usize,
    ) -> Result<(), String> {
        if let Body::Sequence(items) = self.body(id)? {
            for item in items.iter().rev() {
                self.merge_one(*item, into, depth)?;
            }
            return Ok(());
        }
        self.merge_one(id, into, depth)
    }

    fn merge_one(
        &mut self,
        id: NodeId,
        into: &mut BTreeMap<Rc<str>, Value>,
        depth: usize,
    ) -> Result<(), String> {
        if depth > limits::YAML_DEPTH_MAX {
            return Err(format!("exceeded max depth of {}", limits::YAML_DEPTH_MAX));
        }
        let target = follow(self.tree, id);
        if !matches!(self.body(target)?, Body::Mapping(_)) {
            return Err("map merge requires map or sequence of maps as the value".to_string());
        }
        self.count()?;
        if let Body::Alias { name, .. } = self.body(id)? {
            self.enter_alias(id, name)?;
            let merged = self.count().and_then(|()| self.mapping(target, into, depth));
            self.leave_alias(id);
            return merged;
        }
        self.mapping(id, into, depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keys_that_stand_twice() {
        let text = "a: 1\nb:\n  c: 1\n  \"c\": 2\n  d: [{e: 1, e: 2}]\n1: x\n0x1: y\na: 2\n\
                    <<: {x: 1}\n<<: {y: 1}\n";
        let found = duplicate_keys(text);
        let found: Vec<_> = found.iter().map(|(key, line)| (key.as_str(), *line)).collect();
        assert_eq!(found, [("c", 4), ("e", 5), ("1", 7), ("a", 8)]);
        assert!(duplicate_keys("a: 1\n---\na: 2\n").is_empty());
        assert!(duplicate_keys("a: [").is_empty());
    }
}
