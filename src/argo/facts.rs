//! Facts: what one document says that the knowledge base draws conclusions from.

use std::collections::BTreeMap;

use crate::argo::Found;
use crate::argo::kinds::scalar;
use crate::argo::walk::{At, Walk, join};
use crate::artifact::ImageRef;
use crate::limits;
use crate::yaml::Value;

/// How deep fields of an object are kept.
const DEPTH_MAX: usize = 5;
/// Longest text that is kept, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// Something known, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// File and line.
    pub place: String,
    /// Path in its document.
    pub field: String,
    /// What is known.
    pub kind: FactKind,
}

/// What is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// A container runs an image.
    Container {
        /// The image.
        image: ImageRef,
        /// Its command and arguments.
        arguments: Vec<String>,
        /// Its variables that have plain values.
        environment: BTreeMap<String, String>,
    },
    /// A configuration names an image.
    Image(ImageRef),
    /// There is an object of a kind that Kubernetes itself does not know.
    Object {
        /// Group of its API, `monitoring.coreos.com`.
        group: String,
        /// Its kind.
        kind: String,
        /// Its plain fields by path, `spec.image`; a mapping or list is there with an empty text.
        fields: BTreeMap<String, String>,
    },
    /// A version that objects may choose, with the images that it brings.
    Choice {
        /// What is chosen, `argo-events.jetstream`.
        of: String,
        /// The name of the version.
        version: String,
        /// Its images.
        images: Vec<ImageRef>,
    },
    /// A word that another program replaces by an image, `auto`.
    Sentinel(String),
}

fn push(walk: &mut Walk<'_>, at: &At<'_>, kind: FactKind) {
    let fact = Fact { place: walk.place(at), field: at.field.clone(), kind };
    walk.findings.facts.push(fact);
}

/// Keeps what a container runs.
pub(super) fn container(walk: &mut Walk<'_>, at: &At<'_>, found: Found<ImageRef>) {
    let mut arguments = Vec::new();
    for list in ["command", "args"] {
        let items = at.node.get(list).map(crate::yaml::Node::items).unwrap_or_default();
        let texts = items.iter().filter_map(|item| item.text()).filter(|text| is_short(text));
        arguments.extend(texts.take(limits::FACT_TEXTS_MAX).map(str::to_owned));
    }
    let mut environment = BTreeMap::new();
    let variables = at.node.get("env").map(crate::yaml::Node::items).unwrap_or_default();
    for variable in variables.iter().take(limits::FACT_TEXTS_MAX) {
        if let (Some(name), Some(value)) = (variable.text_at(&["name"]), variable.get("value"))
            && let Some(value) = scalar(value).filter(|value| is_short(value))
        {
            environment.insert(name.to_owned(), value);
        }
    }
    let kind = FactKind::Container { image: found.value, arguments, environment };
    walk.findings.facts.push(Fact { place: found.place, field: found.field, kind });
}

/// Keeps the fields of an object of a kind that operators add.
pub(super) fn object(walk: &mut Walk<'_>, at: &At<'_>, (version, kind): (&str, &str)) {
    let Some((group, _)) = version.split_once('/') else { return };
    if !group.contains('.') || group.ends_with(".k8s.io") {
        return;
    }
    if at.in_config || kind == "CustomResourceDefinition" {
        return;
    }
    let mut fields = BTreeMap::new();
    let mut waiting = vec![(String::new(), at.node, 0)];
    while let Some((path, node, depth)) = waiting.pop() {
        if fields.len() >= limits::FACT_TEXTS_MAX || depth > DEPTH_MAX {
            continue;
        }
        for (key, node) in node.entries() {
            let path = join(&path, key);
            match &node.value {
                Value::Null => {}
                Value::Map(_) => {
                    fields.insert(path.clone(), String::new());
                    waiting.push((path, node, depth + 1));
                }
                Value::List(_) => {
                    fields.insert(path, String::new());
                }
                Value::Bool(value) => {
                    fields.insert(path, value.to_string());
                }
                _ => {
                    if let Some(text) = scalar(node).filter(|text| is_short(text)) {
                        fields.insert(path, text);
                    }
                }
            }
        }
    }
    let (group, kind) = (group.to_owned(), kind.to_owned());
    push(walk, at, FactKind::Object { group, kind, fields });
}

/// Keeps one version of a list of choices.
pub(super) fn choice(
    walk: &mut Walk<'_>,
    at: &At<'_>,
    (of, version): (&str, String),
    images: Vec<ImageRef>,
) {
    push(walk, at, FactKind::Choice { of: of.to_owned(), version, images });
}

/// Keeps a word that stands for an image.
pub(super) fn sentinel(walk: &mut Walk<'_>, at: &At<'_>, text: &str) {
    push(walk, at, FactKind::Sentinel(text.to_owned()));
}

fn is_short(text: &str) -> bool {
    text.len() <= TEXT_BYTES_MAX
}

/// Keeps an image that a configuration names.
pub(super) fn image(walk: &mut Walk<'_>, at: &At<'_>, image: ImageRef) {
    push(walk, at, FactKind::Image(image));
}
