//! Documents inside texts: manifests and patches that Argo's objects carry as strings.

use crate::argo::reference::is_template;
use crate::argo::walk::{At, Walk};

/// What to do about a text that cannot be read.
pub(super) const ADVICE: &str = "list the images that it leads to in the inventory";

/// Reads the texts of one mapping that are documents.
///
/// Argo Workflows: `resource.manifest` and `podSpecPatch`; Argo Events: a trigger's `source.inline`.
pub(super) fn mapping(walk: &mut Walk<'_>, at: &At<'_>) {
    if !at.in_argo {
        return;
    }
    let inline = ["source", "inline"];
    for path in [&["resource", "manifest"][..], &["podSpecPatch"], &inline] {
        if let Some(text) = at.at(path) {
            read(walk, &text);
        }
    }
}

/// Reads the text at a node as documents.
pub(super) fn read(walk: &mut Walk<'_>, at: &At<'_>) {
    let Some(text) = at.node.text() else { return };
    if is_template(text) && !text.contains("image") {
        return;
    }
    walk.read_later(at, text, false);
}
