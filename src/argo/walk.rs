//! The walk over one file: every mapping at any depth is looked at once, on an explicit stack.

use std::collections::{BTreeMap, VecDeque};

use crate::argo::{
    FileFindings, Found, OpaqueReason, application, arguments, config, downloads, embedded, facts,
    images, kinds, split,
};
use crate::artifact::ImageRef;
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
    search(file, text, &|line| line, false)
}

/// Searches a document that a chart rendered. `file` is the template's path, and `line` tells for a line of the document
/// which line of the template wrote it. Words that another program replaces (`image: auto`) are no images.
pub fn read_mapped(file: &str, text: &str, line: &dyn Fn(u64) -> u64) -> FileFindings {
    search(file, text, line, true)
}

fn search(file: &str, text: &str, line: &dyn Fn(u64) -> u64, rendered: bool) -> FileFindings {
    let findings = FileFindings::default();
    let mut walk = Walk { file, line, rendered, findings, waiting: VecDeque::new(), left: 0 };
    walk.left = limits::EMBEDDED_TEXTS_MAX;
    walk.file(text);
    while let Some(text) = walk.waiting.pop_front() {
        walk.embedded(&text);
    }
    walk.findings.settle();
    walk.findings
}

impl FileFindings {
    /// Leaves each finding once: what is certain is no candidate.
    fn settle(&mut self) {
        once(&mut self.images);
        without(&mut self.candidates, &self.images, |a, b| a.repository == b.repository);
        once(&mut self.candidates);
        once(&mut self.files);
        without(&mut self.file_candidates, &self.files, |a, b| a == b);
        once(&mut self.file_candidates);
    }
}

/// Leaves the first of equal findings.
fn once<T: Clone + PartialEq>(list: &mut Vec<Found<T>>) {
    let mut places: BTreeMap<(String, String), Vec<T>> = BTreeMap::new();
    list.retain(|found| {
        let seen = places.entry((found.place.clone(), found.field.clone())).or_default();
        let new = !seen.contains(&found.value);
        if new {
            seen.push(found.value.clone());
        }
        new
    });
}

/// Leaves no guess about what is certain at the same place.
fn without<T>(list: &mut Vec<Found<T>>, certain: &[Found<T>], same: impl Fn(&T, &T) -> bool) {
    let mut fields: BTreeMap<(&str, &str), Vec<&T>> = BTreeMap::new();
    for found in certain {
        fields.entry((&*found.place, &*found.field)).or_default().push(&found.value);
    }
    list.retain(|found| {
        let values = fields.get(&(&*found.place, &*found.field));
        !values.is_some_and(|values| values.iter().any(|value| same(value, &found.value)))
    });
}

/// What has been found so far, and what is left to read.
pub(super) struct Walk<'f> {
    file: &'f str,
    line: &'f dyn Fn(u64) -> u64,
    /// Whether the text came out of a chart.
    pub(super) rendered: bool,
    pub(super) findings: FileFindings,
    waiting: VecDeque<Embedded>,
    /// How many more texts inside texts are read.
    left: usize,
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
    /// Whether that text is configuration, which need not be documents.
    in_config: bool,
}

/// A node, the path that leads to it, and what is known about its surroundings.
#[derive(Clone, Debug)]
// Each is a fact by itself that children inherit; no two of them make one.
#[allow(clippy::struct_excessive_bools)]
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
    /// Whether a container is around it.
    pub(super) in_container: bool,
    /// Whether it is a text of a ConfigMap or Secret, or stands in one.
    pub(super) in_config: bool,
    /// Whether nothing below it is to be guessed at: metadata, states, Applications.
    pub(super) quiet: bool,
    depth: usize,
}

/// What a mapping is, as far as it decides what to do with it.
enum Role {
    Application,
    ApplicationSet,
    Kustomization,
    Definition,
    Settings,
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
            in_container: false,
            in_config: base.in_config,
            quiet: false,
            depth: base.depth,
        }
    }

    fn child(&self, node: &'n Node, field: String) -> Self {
        Self { node, field, is_container: false, ..*self }
    }

    fn line(&self) -> u64 {
        self.lines_above.saturating_add(self.node.line)
    }

    /// The key or index that it stands under, without brackets.
    pub(super) fn key(&self) -> &str {
        let field = self.field.trim_end_matches(|c: char| c == ']' || c.is_ascii_digit());
        let field = field.strip_suffix('[').unwrap_or(&self.field);
        field.rsplit(['.', '[']).next().unwrap_or("").trim_matches(['"', ']'])
    }

    /// The root of a document that stands in this text.
    pub(super) fn inside<'m>(&self, node: &'m Node) -> At<'m> {
        let lines_above = self.line().saturating_sub(1);
        let base = Base { field: self.field.clone(), lines_above, depth: 1, in_config: true };
        At::root(node, &base)
    }

    /// The same node under another path.
    pub(super) fn named(&self, field: String) -> Self {
        Self { field, ..self.clone() }
    }

    /// The same node some lines further down in its text.
    pub(super) fn lower(&self, lines: u64) -> Self {
        Self { lines_above: self.lines_above.saturating_add(lines), ..self.clone() }
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

    /// Notes an image that its place proves.
    pub(super) fn certain(&mut self, at: &At<'_>, image: impl IntoIterator<Item = ImageRef>) {
        for image in image {
            let found = self.found(at, image);
            self.findings.images.push(found);
        }
    }

    /// Notes what looks like an image.
    pub(super) fn candidate(&mut self, at: &At<'_>, image: impl IntoIterator<Item = ImageRef>) {
        for image in image {
            let found = self.found(at, image);
            self.findings.candidates.push(found);
        }
    }

    /// Wraps a value with its place.
    pub(super) fn found<T>(&self, at: &At<'_>, value: T) -> Found<T> {
        Found { value, place: self.place(at), field: at.field.clone() }
    }

    /// File and line of a node.
    pub(super) fn place(&self, at: &At<'_>) -> String {
        format!("{}:{}", self.file, (self.line)(at.line()))
    }

    /// Reads the text at a node later, as documents.
    pub(super) fn read_later(&mut self, at: &At<'_>, text: &str, in_config: bool) {
        let lines_above = at.line().saturating_sub(1);
        let depth = at.depth + 1;
        let base = Base { field: at.field.clone(), lines_above, depth, in_config };
        if in_config && (depth > EMBEDDED_DEPTH_MAX || self.left == 0) {
            return;
        }
        self.left = self.left.saturating_sub(1);
        if depth > EMBEDDED_DEPTH_MAX || self.left == 0 {
            self.opaque(at, "documents inside texts, too deep", embedded::ADVICE);
            return;
        }
        self.waiting.push_back(Embedded { text: text.to_owned(), base });
    }

    fn file(&mut self, text: &str) {
        let name = self.file.rsplit('/').next().unwrap_or(self.file);
        let whole = |line: u64, what: String, advice: &str| Found {
            value: OpaqueReason { what, advice: advice.to_owned() },
            place: format!("{}:{}", self.file, (self.line)(line)),
            field: String::new(),
        };
        if text.len() as u64 > limits::DOCUMENT_BYTES_MAX {
            let what = format!("file larger than {} bytes", limits::DOCUMENT_BYTES_MAX);
            self.findings.opaque.push(whole(1, what, UNREADABLE));
            return;
        }
        let documents = Node::parse_lenient(text);
        for error in documents.iter().filter_map(|document| document.as_ref().err()) {
            let what = if text.contains("{{") && !self.rendered {
                format!("template that has to be rendered first: {}", error.message)
            } else {
                format!("unreadable YAML: {}", error.message)
            };
            let found = whole(error.line.max(1), what, UNREADABLE);
            self.findings.opaque.push(found);
        }
        for document in documents.iter().flatten() {
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
        let documents = Node::parse_lenient(&embedded.text);
        let base = &embedded.base;
        let is_tree = |node: &Node| matches!(node.value, Value::List(_) | Value::Map(_));
        if base.in_config && !documents.iter().all(|read| read.as_ref().is_ok_and(is_tree)) {
            let node = Node { line: 1, column: 1, value: Value::Null };
            return config::free_text(self, &At::root(&node, base), &embedded.text);
        }
        for document in &documents {
            if let Ok(document) = document {
                self.document(At::root(document, base));
                continue;
            }
            let node = Node { line: 1, column: 1, value: Value::Null };
            let what = "text that holds documents and cannot be read";
            self.opaque(&At::root(&node, base), what, embedded::ADVICE);
        }
    }

    /// Looks at every mapping of one document, in file order.
    pub(super) fn document(&mut self, root: At<'_>) {
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
                        let mut child = at.child(node, join(&at.field, key));
                        child.is_container = images::holds_containers(key);
                        child.in_container |= at.is_container;
                        child.quiet |= matches!(key, "metadata" | "status" | "managedFields");
                        stack.push(child);
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
            facts::object(self, at, (version, kind));
            kinds::object(self, at, (version, kind));
            match role(version, kind) {
                Role::Application => {
                    application::application(self, at);
                    at.quiet = true;
                }
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
                Role::Settings => {
                    config::object(self, at);
                    return false;
                }
                Role::Other => {}
            }
        }
        images::mapping(self, at);
        embedded::mapping(self, at);
        if at.in_object {
            split::mapping(self, at);
            arguments::mapping(self, at);
            downloads::mapping(self, at);
        }
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
        "ConfigMap" | "Secret" if version == "v1" => Role::Settings,
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
