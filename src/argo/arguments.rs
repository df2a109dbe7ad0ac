//! Images outside of `image:`: arguments, environment values, annotations, and texts anywhere in an object.

use crate::argo::kinds;
use crate::argo::reference::{self, says_image};
use crate::argo::walk::{At, Walk, join};
use crate::artifact::ImageRef;
use crate::yaml::Value;

/// Lists of variables: containers, and custom resources that hand them on.
const ENVIRONMENTS: [&str; 4] = ["env", "envs", "extraEnv", "environment"];

/// Reads the texts of one mapping.
pub(super) fn mapping(walk: &mut Walk<'_>, at: &At<'_>) {
    if at.key() == "annotations" {
        return annotations(walk, at);
    }
    if at.is_container {
        return container(walk, at);
    }
    if let (Some(name), Some(value)) = (at.node.text_at(&["name"]), at.get("value")) {
        let certain = ENVIRONMENTS.contains(&at.key());
        if certain || !at.quiet {
            named(walk, &value, name, certain);
        }
        return;
    }
    if at.quiet || at.in_container {
        return;
    }
    let keys: Vec<&str> = at.node.entries().map(|(key, _)| key).collect();
    for key in keys {
        let Some(child) = at.get(key) else { continue };
        field(walk, &child, key);
    }
}

/// Reads one field of no known meaning: a text, or a list of texts.
fn field(walk: &mut Walk<'_>, at: &At<'_>, key: &str) {
    match &at.node.value {
        Value::Text(text) if text.contains('\n') => walk.read_later(at, text, true),
        Value::Text(text) => walk.candidate(at, guess(key, text)),
        Value::List(_) => {
            for item in at.items() {
                match item.node.text() {
                    Some(text) if text.contains('\n') => walk.read_later(&item, text, true),
                    Some(text) => walk.candidate(&item, guess(key, text)),
                    None => {}
                }
            }
        }
        _ => {}
    }
}

fn guess(key: &str, text: &str) -> Option<ImageRef> {
    // `baseImage` alone is completed with a version by its operator.
    if says_image(key) && !key.to_ascii_lowercase().contains("base") {
        reference::likely(text)
    } else {
        reference::full(text)
    }
}

/// Reads what a container is started with.
fn container(walk: &mut Walk<'_>, at: &At<'_>) {
    for list in ["command", "args"] {
        let items = at.list(list);
        for (index, item) in items.iter().enumerate() {
            let Some(text) = item.node.text() else { continue };
            if text.contains(char::is_whitespace) {
                script(walk, item, text);
                continue;
            }
            let Some(flag) = text.strip_prefix('-') else {
                let before = index.checked_sub(1).and_then(|at| items[at].node.text());
                let named =
                    before.and_then(|text| text.strip_prefix('-')).is_some_and(is_image_flag);
                if !named {
                    walk.candidate(item, reference::full(text));
                }
                continue;
            };
            if let Some((name, value)) = flag.split_once('=') {
                argument(walk, item, (name, value));
            } else if is_image_flag(flag)
                && let Some(next) = items.get(index + 1)
                && let Some(value) = next.node.text().filter(|text| !text.starts_with('-'))
            {
                argument(walk, next, (flag, value));
            }
        }
    }
    if let Some(source) = at.get("source")
        && let Some(text) = source.node.text()
    {
        script(walk, &source, text);
    }
}

fn is_image_flag(flag: &str) -> bool {
    let name = flag.trim_start_matches('-');
    !name.contains('=') && (says_image(name) || kinds::is_image_flag(name))
}

fn argument(walk: &mut Walk<'_>, at: &At<'_>, (flag, value): (&str, &str)) {
    let name = flag.trim_start_matches('-');
    let certain = says_image(name) || kinds::is_image_flag(name);
    // `--x-default-base-image` is completed with a version by the program: knowledge rules know how.
    if certain && name.split('-').any(|word| word == "base") && reference::full(value).is_none() {
        return;
    }
    if certain {
        value_of(walk, at, value, true);
    } else {
        walk.candidate(at, reference::full(value));
    }
}

/// Reads a value under a name; `certain` where a name that says image proves it.
fn named(walk: &mut Walk<'_>, at: &At<'_>, name: &str, certain: bool) {
    let Some(text) = at.node.text() else { return };
    if says_image(name) {
        value_of(walk, at, text, certain);
    } else if text.contains(char::is_whitespace) {
        script(walk, at, text);
    } else {
        walk.candidate(at, reference::full(text));
    }
}

/// Reads a value that should be one or several images. Without a tag or digest it may be a part of one.
fn value_of(walk: &mut Walk<'_>, at: &At<'_>, text: &str, certain: bool) {
    let (mut sure, mut open) = (Vec::new(), Vec::new());
    for image in reference::several(text) {
        let latest = image.tag().is_some_and(|tag| tag.as_str() == "latest");
        let whole = image.digest().is_some() || !latest || text.contains(":latest");
        if certain && whole { sure.push(image) } else { open.push(image) }
    }
    walk.certain(at, sure);
    walk.candidate(at, open);
}

/// Reads a script or another free text of a container.
fn script(walk: &mut Walk<'_>, at: &At<'_>, text: &str) {
    for (row, image) in reference::words(text) {
        // In one line of YAML several lines of script may stand.
        let lines = if text.trim_end().contains('\n') { row } else { 0 };
        walk.candidate(&at.lower(lines), Some(image));
    }
}

fn annotations(walk: &mut Walk<'_>, at: &At<'_>) {
    for (name, node) in at.node.entries() {
        let Some(text) = node.text() else { continue };
        let Some(child) = at.get(name) else { continue };
        let child = child.named(join(&at.field, name));
        if kinds::is_image_annotation(name) {
            walk.certain(&child, reference::likely(text));
        } else if says_image(name.rsplit('/').next().unwrap_or(name)) {
            walk.candidate(&child, reference::full(text));
        }
    }
}
