//! The walk over one file: every mapping at any depth is looked at once, on an explicit stack.

use std::collections::VecDeque;

use crate::argo::{FileFindings, Found, OpaqueReason, application, embedded, images};
use crate::limits;
use crate::yaml::{Node, Value};

/// How deep documents inside texts inside documents are followed.
const EMBEDDED_DEPTH_MAX: usize = 3;
/// Longest piece of a foreign text that is repeated in a finding, in characters.
const SHOWN_MAX: usize = 120;

/// Searches one YAML or JSON file of an app's path.
///
/// `file` is its path in the repository: it names places, and some files mean something by their name alone
/// (`kustomization.yaml`, `Chart.yaml`, `.argocd-source.yaml`). Never fails: what cannot be read is opaque.
pub fn read(file: &str, text: &str) -> FileFindings {
    let mut walk = Walk { file, findings: FileFindings::default(), waiting: VecDeque::new() };
    walk.file(text);
    while let Some(text) = walk.waiting.pop_front() {
        walk.embedded(&text);
    }
    walk.findings
}

/// What has been found so far, and what is left to read.
pub(super) struct Walk<'f> {
    file: &'f str,
    pub(super) findings: FileFindings,
    waiting: VecDeque<Embedded>,
}

/// A document inside a text of another one.
struct Embedded {
    text: String,
    base: Base,
}

/// Where the documents of a walk stand.
#[derive(Clone, Debug, Default)]
struct Base {
    /// Path of the text that holds them; empty for a file.
    field: String,
    /// Lines of the file above the first line of that text. Exact for block texts, which is how documents are written.
    lines_above: u64,
    /// How many texts are around them.
    depth: usize,
}

/// A node, the path that leads to it, and what is known about its surroundings.
#[derive(Clone, Debug)]
pub(super) struct At<'n> {
    pub(super) node: &'n Node,
    pub(super) field: String,
    lines_above: u64,
    /// Whether an object with `apiVersion` and `kind` is around it.
    pub(super) in_object: bool,
    /// Whether an object of Argo is around it.
    pub(super) in_argo: bool,
    /// Whether it is a container, whose image its parent has read already.
    pub(super) is_container: bool,
    depth: usize,
}

/// What a mapping is, as far as it decides what to do with it.
enum Role {
    Application,
    ApplicationSet,
    Kustomization,
    Definition,
    Other,
}

impl<'n> At<'n> {
    fn root(node: &'n Node, base: &Base) -> Self {
        Self {
            node,
            field: base.field.clone(),
            lines_above: base.lines_above,
            in_object: base.depth > 0,
            in_argo: false,
            is_container: false,
            depth: base.depth,
        }
    }

    fn child(&self, node: &'n Node, field: String) -> Self {
        Self { node, field, is_container: false, ..*self }
    }

    fn line(&self) -> u64 {
        self.lines_above + self.node.line
    }

    /// The value under a key.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        self.node.get(key).map(|node| self.child(node, join(&self.field, key)))
    }

    /// The value under a path of keys.
    pub(super) fn at(&self, path: &[&str]) -> Option<Self> {
        path.iter().try_fold(self.clone(), |at, key| at.get(key))
    }

    /// The members of a list.
    pub(super) fn items(&self) -> impl Iterator<Item = Self> {
        let items = self.node.items().iter().enumerate();
        items.map(|(index, node)| self.child(node, format!("{}[{index}]", self.field)))
    }

    /// The members of the list under a key.
    pub(super) fn list(&self, key: &str) -> Vec<Self> {
        self.get(key).map(|at| at.items().collect()).unwrap_or_default()
    }
}

impl Walk<'_> {
    /// Notes that something cannot be seen into.
    pub(super) fn opaque(&mut self, at: &At<'_>, what: impl Into<String>, advice: &str) {
        let reason = OpaqueReason { what: what.into(), advice: advice.to_owned() };
        let found = self.found(at, reason);
        self.findings.opaque.push(found);
    }

    /// Wraps a value with its place.
    pub(super) fn found<T>(&self, at: &At<'_>, value: T) -> Found<T> {
        Found { value, place: format!("{}:{}", self.file, at.line()), field: at.field.clone() }
    }

    /// Reads the text at a node later, as documents.
    pub(super) fn read_later(&mut self, at: &At<'_>, text: &str) {
        let lines_above = at.line().saturating_sub(1);
        let base = Base { field: at.field.clone(), lines_above, depth: at.depth + 1 };
        if base.depth > EMBEDDED_DEPTH_MAX {
            self.opaque(at, "documents inside texts, too deep", embedded::ADVICE);
            return;
        }
        self.waiting.push_back(Embedded { text: text.to_owned(), base });
    }

    fn file(&mut self, text: &str) {
        let name = self.file.rsplit('/').next().unwrap_or(self.file);
        let whole = |line: u64, what: String, advice: &str| Found {
            value: OpaqueReason { what, advice: advice.to_owned() },
            place: format!("{}:{line}", self.file),
            field: String::new(),
        };
        if text.len() as u64 > limits::DOCUMENT_BYTES_MAX {
            let what = format!("file larger than {} bytes", limits::DOCUMENT_BYTES_MAX);
            self.findings.opaque.push(whole(1, what, UNREADABLE));
            return;
        }
        let documents = match Node::parse_all(text) {
            Ok(documents) => documents,
            Err(error) => {
                let what = if text.contains("{{") {
                    format!("template that has to be rendered first: {}", error.message)
                } else {
                    format!("unreadable YAML: {}", error.message)
                };
                self.findings.opaque.push(whole(error.line.max(1), what, UNREADABLE));
                return;
            }
        };
        for document in &documents {
            let at = At::root(document, &Base::default());
            match name {
                "kustomization.yaml" | "kustomization.yml" | "Kustomization" => {
                    kustomization(self, &at);
                }
                "Chart.yaml" => application::chart(self, &at),
                "requirements.yaml" if at.node.get("dependencies").is_some() => {
                    application::dependencies(self, &at);
                }
                _ if name.starts_with(".argocd-source") => application::overrides(self, &at),
                _ => self.document(at),
            }
        }
    }

    fn embedded(&mut self, embedded: &Embedded) {
        if let Ok(documents) = Node::parse_all(&embedded.text) {
            for document in &documents {
                self.document(At::root(document, &embedded.base));
            }
        } else {
            let node = Node { line: 1, column: 1, value: Value::Null };
            let at = At::root(&node, &embedded.base);
            self.opaque(&at, "text that holds documents and cannot be read", embedded::ADVICE);
        }
    }

    /// Looks at every mapping of one document, in file order.
    fn document(&mut self, root: At<'_>) {
        let mut stack = vec![root];
        while let Some(mut at) = stack.pop() {
            let first_child = stack.len();
            match &at.node.value {
                Value::List(items) => {
                    for (index, node) in items.iter().enumerate() {
                        if is_branch(node) {
                            let child = at.child(node, format!("{}[{index}]", at.field));
                            stack.push(At { is_container: at.is_container, ..child });
                        }
                    }
                }
                Value::Map(_) => {
                    if !self.mapping(&mut at) {
                        continue;
                    }
                    for (key, node) in at.node.entries().filter(|(_, node)| is_branch(node)) {
                        let child = at.child(node, join(&at.field, key));
                        stack.push(At { is_container: images::holds_containers(key), ..child });
                    }
                }
                _ => {}
            }
            stack[first_child..].reverse();
        }
    }

    /// Looks at one mapping; false when nothing below it is to be searched.
    fn mapping(&mut self, at: &mut At<'_>) -> bool {
        let version = at.node.text_at(&["apiVersion"]);
        let kind = at.node.text_at(&["kind"]);
        if let (Some(version), Some(kind)) = (version, kind) {
            at.in_object = true;
            at.in_argo |= version.starts_with("argoproj.io/");
            match role(version, kind) {
                Role::Application => application::application(self, at),
                Role::ApplicationSet => {
                    self.opaque(at, "ApplicationSet", APPLICATION_SET);
                    return false;
                }
                Role::Kustomization => {
                    kustomization(self, at);
                    return false;
                }
                // A schema holds names of fields, not images.
                Role::Definition => return false,
                Role::Other => {}
            }
        }
        images::mapping(self, at);
        embedded::mapping(self, at);
        true
    }
}

fn role(version: &str, kind: &str) -> Role {
    match kind {
        "Application" if version.starts_with("argoproj.io/") => Role::Application,
        "ApplicationSet" if version.starts_with("argoproj.io/") => Role::ApplicationSet,
        "Kustomization" | "Component" if version.starts_with("kustomize.config.k8s.io/") => {
            Role::Kustomization
        }
        "CustomResourceDefinition" => Role::Definition,
        _ => Role::Other,
    }
}

fn kustomization(walk: &mut Walk<'_>, at: &At<'_>) {
    walk.opaque(at, "kustomization not built", KUSTOMIZATION);
}

/// Only lists and mappings can hold anything.
fn is_branch(node: &Node) -> bool {
    matches!(node.value, Value::List(_) | Value::Map(_))
}

/// Adds a key to a path; keys that are no plain words stand in brackets.
pub(super) fn join(field: &str, key: &str) -> String {
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    match (field.is_empty(), plain && !key.is_empty()) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{field}.{key}"),
        (_, false) => format!("{field}[{}]", shown(key)),
    }
}

/// A foreign text for messages: quoted, on one line, not too long.
pub(super) fn shown(text: &str) -> String {
    if text.chars().nth(SHOWN_MAX).is_none() {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(SHOWN_MAX).collect();
    format!("{:?}", start + "…")
}

const UNREADABLE: &str = "list what it leads to in the inventory's images, charts, repos or apps";
const APPLICATION_SET: &str = "it is not expanded yet: list the repositories, charts and images of the \
                               Applications it makes in the inventory";
const KUSTOMIZATION: &str = "it is not built yet: list the images, remote bases and charts it leads to in \
                             the inventory";
