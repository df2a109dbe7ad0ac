//! Images: in PodSpecs of any kind at any depth, in Argo Workflows templates, in image volumes.

use crate::argo::reference::{self, is_template};
use crate::argo::walk::{At, Walk, shown};
use crate::argo::{facts, split};
use crate::artifact::ImageRef;
use crate::yaml::Value;

/// Lists of containers: PodSpec (core/v1), and `sidecars` of Argo Workflows templates.
const LISTS: [&str; 4] = ["containers", "initContainers", "ephemeralContainers", "sidecars"];
/// Single containers: Argo Workflows templates, executor plugins, Argo Events source and sensor templates.
const SINGLES: [&str; 2] = ["container", "script"];

/// Whether what stands under a key is read as containers, so that its `image` is not odd.
pub(super) fn holds_containers(key: &str) -> bool {
    LISTS.contains(&key) || SINGLES.contains(&key)
}

/// Reads the images that one mapping holds.
pub(super) fn mapping(walk: &mut Walk<'_>, at: &At<'_>) {
    for key in LISTS {
        for one in at.list(key) {
            container(walk, &one);
        }
    }
    for key in SINGLES {
        if let Some(one) = at.get(key) {
            container(walk, &one);
        }
    }
    for volume in at.list("volumes") {
        if let Some(reference) = volume.at(&["image", "reference"]) {
            read(walk, &reference);
        }
    }
    if at.in_object
        && !at.is_container
        && let Some(image) = at.get("image")
    {
        odd(walk, &image, at.in_argo);
    }
}

/// Reads one container, and keeps what the knowledge base asks of it.
fn container(walk: &mut Walk<'_>, at: &At<'_>) {
    let Some(image) = at.get("image") else { return };
    if matches!(image.node.value, Value::Map(_)) && split::join(&image).is_some() {
        return;
    }
    let before = walk.findings.images.len();
    read(walk, &image);
    if let Some(found) = walk.findings.images.get(before).cloned() {
        facts::container(walk, at, found);
    }
}

/// Reads a node that should be an image reference.
pub(super) fn read(walk: &mut Walk<'_>, at: &At<'_>) {
    let text = match &at.node.value {
        Value::Text(text) => text.as_str(),
        Value::Null => "",
        _ if at.in_config => return,
        _ => {
            let what = format!("image that is {} instead of a text", at.node.kind());
            return walk.opaque(at, what, NO_REFERENCE);
        }
    };
    self::text(walk, at, text);
}

/// A field `image` outside any container, to be filled in by Argo: what else it may be is left to the general rules.
fn odd(walk: &mut Walk<'_>, at: &At<'_>, in_argo: bool) {
    let Some(text) = at.node.text() else { return };
    if in_argo && is_template(text) && !at.in_config && !at.quiet {
        walk.opaque(at, format!("image {} outside a container", shown(text)), FILLED_LATER);
    }
}

/// Reads a text that should be an image reference.
pub(super) fn text(walk: &mut Walk<'_>, at: &At<'_>, text: &str) {
    if text == "auto" && walk.rendered {
        return facts::sentinel(walk, at, text);
    }
    if at.in_config {
        return walk.certain(at, reference::image(text));
    }
    if text.is_empty() {
        walk.opaque(at, "image left empty", FILLED_LATER);
    } else if is_template(text) || text == "auto" {
        walk.opaque(at, format!("image {} is filled in later", shown(text)), FILLED_LATER);
    } else if let Ok(image) = ImageRef::parse(text.trim()) {
        walk.certain(at, Some(image));
    } else {
        walk.opaque(at, format!("{} is not an image reference", shown(text)), NO_REFERENCE);
    }
}

const FILLED_LATER: &str = "list the images that it becomes in the inventory";
const NO_REFERENCE: &str = "list the image that is meant in the inventory";
