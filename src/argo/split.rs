//! References in parts: registry, repository and tag or digest under keys of their own.

use crate::argo::kinds::scalar;
use crate::argo::reference;
use crate::argo::walk::{At, Walk};
use crate::artifact::ImageRef;

/// Reads one mapping that may be a reference in parts.
///
/// It is certain where the mapping stands under a key that says image; else it is a candidate.
pub(super) fn mapping(walk: &mut Walk<'_>, at: &At<'_>) {
    if at.quiet || at.is_container {
        return;
    }
    if let Some(image) = join(at) {
        if reference::says_image(at.key()) {
            walk.certain(at, Some(image));
        } else {
            walk.candidate(at, Some(image));
        }
    }
    hub(walk, at);
}

/// Joins the parts of a reference, where there are enough of them.
pub(super) fn join(at: &At<'_>) -> Option<ImageRef> {
    let part = |keys: &[&str]| {
        let found = keys.iter().find_map(|key| at.node.get(key).and_then(scalar));
        found.filter(|text| !text.trim().is_empty())
    };
    let registry = part(&["registry", "imageRegistry", "host"]);
    let name = part(&["repository", "imageRepository"])
        .or_else(|| part(&["image", "name"]).filter(|_| registry.is_some()))?;
    let tag = part(&["tag", "imageTag"]);
    let digest = part(&["digest", "sha", "sha256"]);
    if tag.is_none() && digest.is_none() {
        return None;
    }
    whole(registry.as_deref(), &name, (tag.as_deref(), digest.as_deref()))
}

/// Istio's way: `hub` and `tag` stand together, and names of images below them.
fn hub(walk: &mut Walk<'_>, at: &At<'_>) {
    let Some(hub) = at.node.text_at(&["hub"]).filter(|hub| hub.contains(['/', '.'])) else {
        return;
    };
    let Some(tag) = at.node.get("tag").and_then(scalar).filter(|tag| !tag.is_empty()) else {
        return;
    };
    if let Some(name) = at.node.text_at(&["image"]).filter(|name| !name.contains(['/', ':'])) {
        walk.candidate(at, whole(Some(hub), name, (Some(&tag), None)));
    }
    for (key, node) in at.node.entries() {
        let name = node.text_at(&["image"]).filter(|name| !name.is_empty());
        let Some(name) = name.filter(|name| !name.contains(['/', ':'])) else { continue };
        if let Some(child) = at.get(key).and_then(|child| child.get("image")) {
            walk.candidate(&child, whole(Some(hub), name, (Some(&tag), None)));
        }
    }
}

fn whole(
    registry: Option<&str>,
    name: &str,
    (tag, digest): (Option<&str>, Option<&str>),
) -> Option<ImageRef> {
    let mut text = String::new();
    if let Some(registry) = registry {
        text.push_str(registry.trim().trim_end_matches('/'));
        text.push('/');
    }
    text.push_str(name.trim().trim_start_matches('/'));
    if let Some(tag) = tag {
        text.push(':');
        text.push_str(tag.trim());
    }
    if let Some(digest) = digest {
        text.push_str(if digest.starts_with("sha256:") { "@" } else { "@sha256:" });
        text.push_str(digest.trim());
    }
    // A repository that is a URL, of git perhaps, is none of a registry.
    if text.contains("://") && !text.starts_with("docker://") {
        return None;
    }
    reference::image(&text)
}
