//! Texts of ConfigMaps and Secrets: YAML, JSON, or anything with lines.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::argo::kinds;
use crate::argo::reference::{self, says_image};
use crate::argo::walk::{At, Walk};
use crate::limits;
use crate::yaml::Node;

/// Reads the texts of a ConfigMap or Secret.
pub(super) fn object(walk: &mut Walk<'_>, at: &At<'_>) {
    let name = at.node.text_at(&["metadata", "name"]).unwrap_or_default().to_owned();
    let secret = at.node.text_at(&["kind"]) == Some("Secret");
    for list in ["data", "stringData"] {
        let Some(data) = at.get(list) else { continue };
        let keys: Vec<&str> = data.node.entries().map(|(key, _)| key).collect();
        for key in keys {
            let Some(child) = data.get(key) else { continue };
            let Some(text) = child.node.text() else { continue };
            if secret && list == "data" {
                if let Some(text) = decoded(text) {
                    value(walk, &child, (&name, key), &text);
                }
            } else {
                value(walk, &child, (&name, key), text);
            }
        }
    }
}

/// Reads one value: by what it is known for, else as a document, else as a free text.
fn value(walk: &mut Walk<'_>, at: &At<'_>, (name, key): (&str, &str), text: &str) {
    if text.len() as u64 > limits::DOCUMENT_BYTES_MAX {
        return;
    }
    let tree = Node::parse(text).ok().or_else(|| {
        let mut all = Node::parse_lenient(text);
        if all.len() == 1 { all.pop()?.ok() } else { None }
    });
    if let Some(node) = &tree
        && kinds::config(walk, &at.inside(node), (name, key))
    {
        return;
    }
    if !text.contains('\n') && !text.starts_with(['{', '[']) {
        let guess = if says_image(key) { reference::likely(text) } else { reference::full(text) };
        return walk.candidate(at, guess);
    }
    walk.read_later(at, text, true);
}

/// Reads a text that is no document: words that are full references, and `name = value` where the name says image.
pub(super) fn free_text(walk: &mut Walk<'_>, at: &At<'_>, text: &str) {
    for (row, image) in reference::words(text) {
        walk.candidate(&at.lower(row), Some(image));
    }
    for (row, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with(['#', ';', '/']) || line.len() > 4096 {
            continue;
        }
        let Some((name, value)) = line.split_once(['=', ':']) else { continue };
        let value = value.trim().trim_matches(['"', '\'', ',']);
        if says_image(name.trim().trim_matches(['"', '\''])) {
            walk.candidate(&at.lower(row as u64), reference::likely(value));
        }
    }
}

/// The text of a Secret's `data`, when it is one.
fn decoded(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    String::from_utf8(STANDARD.decode(plain).ok()?).ok()
}
