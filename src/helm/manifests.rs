//! Rendered text as Kubernetes documents: split, looked at, sorted and printed as Helm 4 does.
//!
//! Helm 3 differs in one point: it also cuts white space off the end of each document, where Helm 4 keeps it.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::helm::glob::Glob;
use crate::sprig;
use crate::template::{Value, print_value};

/// One document that a chart renders to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The template that it comes from: `argo-cd/templates/server/deployment.yaml`.
    pub source: String,
    /// Its text, without the line that separates it from the one before.
    pub text: String,
    /// Its `kind`; empty when it has none, and for a file of `crds/`.
    pub kind: String,
    /// When it runs as a hook (`pre-install`, `test`, …); empty when it is none.
    pub hook: Vec<String>,
    /// Order among the hooks of one event.
    pub weight: i64,
    /// Whether it is a test, which nothing but `helm test` starts.
    pub is_test: bool,
    /// For each line of its text, the line of the template that wrote it, from 1.
    pub lines: Vec<u32>,
}

impl Document {
    fn new(source: String, text: String, lines: Vec<u32>) -> Self {
        let (kind, hook) = (String::new(), Vec::new());
        Self { source, text, kind, hook, weight: 0, is_test: false, lines }
    }

    /// A file that is no template.
    pub(super) fn whole(source: String, text: String) -> Self {
        let lines = (1..).take(line_starts(&text).count()).collect();
        Self::new(source, text, lines)
    }
}

/// What one rendered file holds.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) documents: Vec<Document>,
    pub(super) hooks: Vec<Document>,
    pub(super) warnings: Vec<String>,
}

/// A document that is no YAML, or whose head has a wrong shape.
#[derive(Debug)]
pub(super) struct BadDocument {
    /// The template's line, when it is known.
    pub(super) line: Option<u32>,
    pub(super) message: String,
}

impl Sorted {
    /// Takes in the text of one file. `line` gives the template's line of a place in the text.
    pub(super) fn take(
        &mut self,
        source: &str,
        text: &str,
        line: &dyn Fn(usize) -> u32,
    ) -> Result<(), BadDocument> {
        for range in split(text) {
            let (begin, text) = (range.start, &text[range]);
            let lines = line_starts(text).map(|at| line(begin + at)).collect();
            self.sort(Document::new(source.to_owned(), text.to_owned(), lines))?;
        }
        Ok(())
    }

    /// Puts one document where it belongs.
    fn sort(&mut self, mut document: Document) -> Result<(), BadDocument> {
        let head = Head::read(&document.text).map_err(|message| bad(&document.lines, message))?;
        document.kind = head.kind;
        let Some(hooks) = head.annotations.get("helm.sh/hook") else {
            self.documents.push(document);
            return Ok(());
        };
        for name in hooks.split(',') {
            let name = name.trim().to_lowercase();
            let Some(event) = EVENTS.iter().find(|event| **event == name) else {
                let source = &document.source;
                self.warnings
                    .push(format!("{source}: unknown hook {name:?}: left out, as in Helm"));
                return Ok(());
            };
            let event = if *event == "test-success" { "test" } else { event };
            document.hook.push(event.to_owned());
        }
        document.is_test = document.hook.iter().any(|event| event == "test");
        let weight = head.annotations.get("helm.sh/hook-weight");
        document.weight = weight.and_then(|weight| weight.parse().ok()).unwrap_or(0);
        self.hooks.push(document);
        Ok(())
    }

    /// Brings documents and hooks into the order of installation; those of one kind stay as they were.
    pub(super) fn finish(mut self) -> Self {
        self.documents.sort_by(|a, b| rank(&a.kind).cmp(&rank(&b.kind)));
        self.hooks.sort_by(|a, b| rank(&a.kind).cmp(&rank(&b.kind)));
        self
    }
}

/// Events that a hook may wait for. The last one is Helm 2's word for `test`.
const EVENTS: [&str; 10] = [
    "pre-install",
    "post-install",
    "pre-delete",
    "post-delete",
    "pre-upgrade",
    "post-upgrade",
    "pre-rollback",
    "post-rollback",
    "test",
    "test-success",
];

/// The order in which kinds are installed. Others come last, by name.
const INSTALL_ORDER: [&str; 38] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

fn rank(kind: &str) -> (usize, &str) {
    match INSTALL_ORDER.iter().position(|known| *known == kind) {
        Some(at) => (at, ""),
        None => (INSTALL_ORDER.len(), kind),
    }
}

/// The documents of a text: what lies between lines that begin with `---`, less white space before each, less empty ones.
/// What follows on such a line, a comment or a key, belongs to the document.
pub(super) fn split(text: &str) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let begin = text.len() - text.trim_start().len();
    let mut from = begin;
    for at in line_starts(&text[begin..]).map(|at| at + begin) {
        if let Some(rest) = text[at..].strip_prefix("---") {
            pieces.push(from..at);
            from = text.len() - rest.trim_start_matches([' ', '\t']).len();
        }
    }
    pieces.push(from..text.len());
    let trimmed = pieces.into_iter().map(|piece| {
        let start = piece.end - text[piece.clone()].trim_start().len();
        start..piece.end
    });
    trimmed.filter(|piece| !piece.is_empty()).collect()
}

/// Where each line of a text begins. A line break at its very end begins none.
fn line_starts(text: &str) -> impl Iterator<Item = usize> {
    let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(breaks).filter(|at| *at < text.len())
}

/// What Helm reads of every document.
#[derive(Debug, Default)]
struct Head {
    kind: String,
    annotations: BTreeMap<String, String>,
}

impl Head {
    fn read(text: &str) -> Result<Self, String> {
        let mut head = Self::default();
        for (key, value) in entries(&sprig::read_yaml(text)?, "the document")? {
            // Go's JSON decoder takes a key in any case.
            match key.to_lowercase().as_str() {
                "apiversion" => drop(scalar(&value, "apiVersion")?),
                "kind" => head.kind = scalar(&value, "kind")?.unwrap_or_default(),
                "metadata" => head.metadata(&value)?,
                _ => {}
            }
        }
        Ok(head)
    }

    fn metadata(&mut self, metadata: &Value) -> Result<(), String> {
        for (key, value) in entries(metadata, "metadata")? {
            match key.to_lowercase().as_str() {
                "name" => drop(scalar(&value, "metadata.name")?),
                "annotations" => {
                    for (key, value) in entries(&value, "metadata.annotations")? {
                        let field = format!("metadata.annotations[{key}]");
                        let text = scalar(&value, &field)?.unwrap_or_default();
                        self.annotations.insert(key.to_string(), text);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

type Entries = Vec<(std::rc::Rc<str>, Value)>;

fn entries(value: &Value, what: &str) -> Result<Entries, String> {
    match value {
        Value::Nil => Ok(Vec::new()),
        Value::Map(map) => Ok(map.entries()),
        other => Err(format!("{what} must be a map, not a {}", other.kind().name())),
    }
}

/// A text, or what stands for one.
fn scalar(value: &Value, what: &str) -> Result<Option<String>, String> {
    match value {
        Value::Nil => Ok(None),
        Value::List(_) | Value::Map(_) | Value::Object(_) => {
            Err(format!("{what} must be a text, not a {}", value.kind().name()))
        }
        other => Ok(Some(print_value(other))),
    }
}

/// The template's line of a YAML error, which has the document's own line in its words.
fn bad(lines: &[u32], message: String) -> BadDocument {
    let number = message.split("line ").nth(1).map(|rest| {
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<usize>()
    });
    let at = number.and_then(Result::ok).unwrap_or(1).saturating_sub(1);
    BadDocument { line: lines.get(at).or(lines.last()).copied(), message }
}

/// The parts of a printed manifest that come from the named templates (`helm template --show-only`). Names are patterns below
/// the chart's folder. The error is the first name that fits nothing.
pub fn show_only(manifest: &str, names: &[String]) -> Result<String, String> {
    let parts: Vec<&str> = split(manifest).into_iter().map(|range| &manifest[range]).collect();
    let mut shown = String::new();
    for name in names {
        let glob = Glob::path(name).ok_or_else(|| name.clone())?;
        let fits = |part: &&&str| template_of(part).is_some_and(|template| glob.fits(template));
        let found: Vec<_> = parts.iter().filter(fits).collect();
        if found.is_empty() {
            return Err(name.clone());
        }
        found.iter().for_each(|part| shown.push_str(&format!("---\n{part}\n")));
    }
    Ok(shown)
}

/// The template that the first `# Source:` line of a part names, without the chart's own folder.
fn template_of(part: &str) -> Option<&str> {
    let sources = part.lines().filter_map(|line| line.split_once("# Source: "));
    sources
        .filter_map(|(_, source)| source.split_once('/'))
        .find(|(chart, template)| !chart.is_empty() && !template.is_empty())
        .map(|(_, template)| template)
}

/// One document as Helm prints it.
pub(super) fn print(document: &Document, into: &mut String) {
    into.push_str(&format!("---\n# Source: {}\n{}\n", document.source, document.text));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        split(text).into_iter().map(|range| &text[range]).collect()
    }

    fn sorted(text: &str) -> Result<Sorted, BadDocument> {
        let mut sorted = Sorted::default();
        let line = |at: usize| text[..at].matches('\n').count() as u32 + 1;
        sorted.take("c/templates/a.yaml", text, &line)?;
        Ok(sorted.finish())
    }

    /// Outcomes of Helm 4.2.4's `SplitManifests`.
    #[test]
    fn documents_are_split_as_in_helm() {
        assert_eq!(pieces("\n\n---\na: 1\n---\n\nb: 2\n\n---  \n---\n"), ["a: 1\n", "b: 2\n\n"]);
        assert_eq!(pieces("---# why\na: 1\n"), ["# why\na: 1\n"]);
        assert_eq!(pieces("---a: 1\n----\nb: 2"), ["a: 1\n", "-\nb: 2"]);
        assert_eq!(pieces("a: |\n  ---\n  x\n"), ["a: |\n  ---\n  x\n"]);
        assert!(pieces(" \n ---\n").is_empty() && pieces("").is_empty());
    }

    #[test]
    fn documents_stand_in_the_order_of_installation() {
        let kinds = ["Zed", "Deployment", "Alpha", "Service", "Secret", "Alpha"];
        let text: String = kinds
            .iter()
            .map(|kind| format!("---\nkind: {kind}\nmetadata: {{name: x}}\n"))
            .collect();
        let sorted = sorted(&text).expect("sound");
        let order: Vec<_> = sorted.documents.iter().map(|d| d.kind.as_str()).collect();
        assert_eq!(order, ["Secret", "Service", "Deployment", "Alpha", "Alpha", "Zed"]);
    }

    #[test]
    fn hooks_are_told_apart() {
        let hook = |events: &str| {
            sorted(&format!(
                "kind: Job\nmetadata:\n  annotations:\n    helm.sh/hook: {events}\n    \
                 helm.sh/hook-weight: \"-5\"\n"
            ))
            .expect("sound")
        };
        let both = hook("pre-install, Post-Upgrade");
        assert_eq!(both.hooks[0].hook, ["pre-install", "post-upgrade"]);
        assert_eq!((both.hooks[0].weight, both.hooks[0].is_test), (-5, false));
        assert!(hook("test-success").hooks[0].is_test && hook("test").hooks[0].is_test);
        let unknown = hook("crd-install");
        assert!(unknown.hooks.is_empty() && unknown.documents.is_empty());
        assert_eq!(unknown.warnings.len(), 1);
    }

    #[test]
    fn what_is_no_document_is_an_error_with_its_line() {
        assert!(sorted("a: 1\nb: [\n").expect_err("no YAML").line.is_some());
        assert!(sorted("kind: [x]").expect_err("kind").message.contains("kind must be a text"));
        assert!(sorted("- a").expect_err("list").message.contains("must be a map"));
        assert_eq!(sorted("# nothing\n").expect("a comment").documents[0].kind, "");
    }

    #[test]
    fn only_what_was_asked_for_is_shown() {
        let manifest = "---\n# Source: c/templates/a.yaml\na: 1\n---\n# Source: c/charts/d/templates/b.yaml\nb: 2\n";
        let name = |name: &str| [name.to_owned()];
        let shown = show_only(manifest, &name("templates/*.yaml")).expect("there");
        assert_eq!(shown, "---\n# Source: c/templates/a.yaml\na: 1\n\n");
        assert_eq!(show_only(manifest, &name("templates/x.yaml")), Err("templates/x.yaml".into()));
    }
}
