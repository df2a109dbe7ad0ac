//! YAML values as Go's `%#v` shows them in go-yaml's complaints about keys.
//!
//! The usual cause is a template that was not rendered: `key: {{ .Values.x }}` is a map as the key of a map.

use std::collections::BTreeMap;

use crate::limits;
use crate::sprig::floats;
use crate::sprig::yaml_parse::{Body, NodeId, Tree};
use crate::sprig::yaml_read::{Typed, scalar};
use crate::sprig::yaml_scalar::Scalar;
use crate::template::quote;

/// Shows a node; a long one is cut.
pub(super) fn go_syntax(tree: &Tree<'_>, id: NodeId) -> String {
    show(tree, id, 0).unwrap_or_else(|| "<nil>".to_string())
}

/// None for nil, which shows differently on its own and inside something.
fn show(tree: &Tree<'_>, id: NodeId, depth: usize) -> Option<String> {
    if depth > limits::YAML_SHOWN_DEPTH_MAX {
        return Some("…".to_string());
    }
    let inside = |id| show(tree, id, depth + 1).unwrap_or_else(|| "interface {}(nil)".to_string());
    let text = match &tree.nodes.get(id)?.body {
        Body::Alias { target, .. } => return show(tree, *target, depth + 1),
        Body::Scalar { tag, text, plain } => match scalar(tag.as_deref(), text, *plain).ok()? {
            Typed::Text(text) => quote(&text),
            Typed::Other(Scalar::Bool(value)) => value.to_string(),
            Typed::Other(Scalar::Int(value)) => value.to_string(),
            Typed::Other(Scalar::Uint(value)) => format!("{value:#x}"),
            Typed::Other(Scalar::Float(value)) => floats::general(value),
            Typed::Other(_) => return None,
        },
        Body::Sequence(items) => {
            let items: Vec<_> =
                items.iter().take(limits::YAML_SHOWN_ITEMS_MAX).map(|id| inside(*id)).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Body::Mapping(entries) => {
            let entries: BTreeMap<_, _> = entries
                .iter()
                .take(limits::YAML_SHOWN_ITEMS_MAX)
                .map(|(key, value)| (inside(*key), inside(*value)))
                .collect();
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| format!("{key}:{value}")).collect();
            format!("map[interface {{}}]interface {{}}{{{}}}", entries.join(", "))
        }
    };
    Some(text)
}
