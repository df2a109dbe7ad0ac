//! Images: in PodSpecs of any kind at any depth, in Argo Workflows templates, in image volumes.

use crate::argo::walk::{At, Walk, shown};
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
        for container in at.list(key) {
            if let Some(image) = container.get("image") {
                read(walk, &image);
            }
        }
    }
    for key in SINGLES {
        if let Some(image) = at.at(&[key, "image"]) {
            read(walk, &image);
        }
    }
    for volume in at.list("volumes") {
        if let Some(reference) = volume.at(&["image", "reference"]) {
            read(walk, &reference);
        }
    }
    if let Some(image) = at.get("image").filter(|_| at.in_object && !at.is_container) {
        odd(walk, &image);
    }
}

/// Reads a node that should be an image reference.
pub(super) fn read(walk: &mut Walk<'_>, at: &At<'_>) {
    let text = match &at.node.value {
        Value::Text(text) => text.as_str(),
        Value::Null => "",
        _ => {
            let what = format!("image that is {} instead of a text", at.node.kind());
            return walk.opaque(at, what, NO_REFERENCE);
        }
    };
    self::text(walk, at, text);
}

/// Reads a text that should be an image reference.
pub(super) fn text(walk: &mut Walk<'_>, at: &At<'_>, text: &str) {
    if text.is_empty() {
        walk.opaque(at, "image left empty", FILLED_LATER);
    } else if is_template(text) || text == "auto" {
        walk.opaque(at, format!("image {} is filled in later", shown(text)), FILLED_LATER);
    } else if let Ok(image) = ImageRef::parse(text) {
        let found = walk.found(at, image);
        walk.findings.images.push(found);
    } else {
        walk.opaque(at, format!("{} is not an image reference", shown(text)), NO_REFERENCE);
    }
}

/// Whether something has to be put in for parts of a text.
pub(super) fn is_template(text: &str) -> bool {
    ["{{", "$(", "${", "[["].iter().any(|mark| text.contains(mark))
}

/// A field `image` outside any container: an operator may run it, or it may be a picture.
fn odd(walk: &mut Walk<'_>, at: &At<'_>) {
    let Some(text) = at.node.text() else { return };
    let likely =
        text.contains(['/', ':']) && !text.contains("://") && ImageRef::parse(text).is_ok();
    if likely || (at.in_argo && is_template(text)) {
        walk.opaque(at, format!("image {} outside a container", shown(text)), ODD);
    }
}

const FILLED_LATER: &str = "list the images that it becomes in the inventory";
const NO_REFERENCE: &str = "list the image that is meant in the inventory";
const ODD: &str = "list it in the inventory's images if it is run";
