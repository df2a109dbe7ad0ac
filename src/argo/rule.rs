//! One rule of the knowledge base: what implies which images. Users write rules of the same shape in the inventory.

use std::collections::BTreeMap;

use crate::argo::kinds::scalar;
use crate::yaml::{Node, Value};

/// Something that implies images which no document names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Its name, `argo-workflows/argoexec`.
    pub id: String,
    /// What it says, for people.
    pub what: String,
    /// Where that is written down: a URL with a commit or version.
    pub source: String,
    pub(super) when: When,
    /// Pattern of another image whose version and arguments decide.
    pub(super) with: Option<String>,
    pub(super) unless: Vec<Unless>,
    pub(super) implies: Vec<String>,
    pub(super) chooses: Option<Chooses>,
    /// What belongs to each version of the deciding image.
    pub(super) table: BTreeMap<String, BTreeMap<String, String>>,
}

/// What makes a rule speak: a container's image, or an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct When {
    /// Pattern of the image's repository, `*` for anything.
    pub(super) image: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) group: String,
    /// Field that must be there.
    pub(super) field: Option<String>,
    /// Fields that must not be there.
    pub(super) missing: Vec<String>,
}

/// What silences a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unless {
    /// The deciding container has the argument.
    Argument(String),
    /// The deciding container has the variable.
    Environment(String),
    /// A configuration names an image at a path that ends so.
    ImageAt(String),
    /// There is an object of the kind.
    Kind { group: String, kind: String },
}

/// The choice of a version from a list that stands elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chooses {
    pub(super) from: String,
    pub(super) version: String,
}

/// Line, column, and what is wrong.
type Problem = (u64, u64, String);

impl Rule {
    /// Reads a rule. The error names its line and column.
    pub fn parse(node: &Node) -> Result<Self, Problem> {
        known(
            node,
            &[
                "id", "what", "source", "tested", "when", "with", "unless", "implies", "chooses",
                "table",
            ],
        )?;
        let id = text(node, "id")?.ok_or_else(|| problem(node, "a rule needs an id"))?;
        let when = node.get("when").ok_or_else(|| problem(node, "a rule needs a when"))?;
        let mut rule = Self {
            id,
            what: text(node, "what")?.unwrap_or_default(),
            source: text(node, "source")?.unwrap_or_default(),
            when: When::parse(when)?,
            implies: texts(node, "implies")?,
            table: table(node)?,
            ..Self::default()
        };
        if let Some(with) = node.get("with") {
            known(with, &["image"])?;
            rule.with = text(with, "image")?;
        }
        if let Some(unless) = node.get("unless") {
            let all = if unless.items().is_empty() {
                std::slice::from_ref(unless)
            } else {
                unless.items()
            };
            rule.unless = all.iter().map(Unless::parse).collect::<Result<_, _>>()?;
        }
        if let Some(chooses) = node.get("chooses") {
            known(chooses, &["from", "version"])?;
            let part = |key| {
                text(chooses, key)?.ok_or_else(|| problem(chooses, format!("it needs a {key}")))
            };
            rule.chooses = Some(Chooses { from: part("from")?, version: part("version")? });
        }
        if rule.implies.is_empty() && rule.chooses.is_none() {
            return Err(problem(node, "a rule needs an implies"));
        }
        Ok(rule)
    }
}

impl When {
    fn parse(node: &Node) -> Result<Self, Problem> {
        known(node, &["image", "kind", "apiGroup", "field", "missing"])?;
        let when = Self {
            image: text(node, "image")?,
            kind: text(node, "kind")?,
            group: text(node, "apiGroup")?.unwrap_or_default(),
            field: text(node, "field")?,
            missing: texts(node, "missing")?,
        };
        if when.image.is_some() == when.kind.is_some() {
            return Err(problem(node, "a when needs an image or a kind, and not both"));
        }
        Ok(when)
    }
}

impl Unless {
    fn parse(node: &Node) -> Result<Self, Problem> {
        known(node, &["argument", "environment", "imageAt", "kind", "apiGroup"])?;
        if let Some(kind) = text(node, "kind")? {
            return Ok(Self::Kind { group: text(node, "apiGroup")?.unwrap_or_default(), kind });
        }
        let one = [
            text(node, "argument")?.map(Self::Argument),
            text(node, "environment")?.map(Self::Environment),
            text(node, "imageAt")?.map(Self::ImageAt),
        ];
        let expected = "an unless needs an argument, an environment, an imageAt or a kind";
        one.into_iter().flatten().next().ok_or_else(|| problem(node, expected))
    }
}

fn problem(node: &Node, what: impl Into<String>) -> Problem {
    (node.line, node.column, what.into())
}

/// Refuses anything but a mapping with keys of a list.
fn known(node: &Node, keys: &[&str]) -> Result<(), Problem> {
    if !matches!(node.value, Value::Map(_)) {
        return Err(problem(node, format!("a mapping expected, found {}", node.kind())));
    }
    match node.entries().find(|(key, _)| !keys.contains(key)) {
        Some((key, at)) => {
            Err(problem(at, format!("unknown key {key:?}: known are {}", keys.join(", "))))
        }
        None => Ok(()),
    }
}

fn text(node: &Node, key: &str) -> Result<Option<String>, Problem> {
    let Some(at) = node.get(key) else { return Ok(None) };
    match scalar(at) {
        Some(text) if !text.is_empty() => Ok(Some(text)),
        _ => Err(problem(at, format!("{key}: a text expected, found {}", at.kind()))),
    }
}

/// A text, or a list of texts.
fn texts(node: &Node, key: &str) -> Result<Vec<String>, Problem> {
    let Some(at) = node.get(key) else { return Ok(Vec::new()) };
    if let Some(text) = scalar(at) {
        return Ok(vec![text]);
    }
    let item =
        |item: &Node| scalar(item).ok_or_else(|| problem(item, format!("{key}: texts expected")));
    if at.items().is_empty() {
        return Err(problem(at, format!("{key}: a text or a list of texts expected")));
    }
    at.items().iter().map(item).collect()
}

fn table(node: &Node) -> Result<BTreeMap<String, BTreeMap<String, String>>, Problem> {
    let Some(at) = node.get("table") else { return Ok(BTreeMap::new()) };
    let row = |(version, row): (&str, &Node)| {
        let cells = row.entries().map(|(key, cell)| {
            let text = scalar(cell).ok_or_else(|| problem(cell, "table: texts expected"))?;
            Ok((key.to_owned(), text))
        });
        Ok((version.to_owned(), cells.collect::<Result<_, Problem>>()?))
    };
    at.entries().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Rule, Problem> {
        Rule::parse(&Node::parse(text).expect("sound YAML"))
    }

    #[test]
    fn a_rule_of_a_user() {
        let rule = parse(
            "id: acme\nwhen: {image: \"*/acme/operator\"}\nunless: {argument: --worker}\nimplies: \"acme.io/worker:{tag}\"\n",
        )
        .expect("sound");
        assert_eq!(rule.id, "acme");
        assert_eq!(rule.unless, [Unless::Argument("--worker".to_owned())]);
        assert_eq!(rule.implies, ["acme.io/worker:{tag}"]);
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, want) in [
            ("x: 1", (1, 4, "unknown key \"x\"")),
            ("- a", (1, 1, "a mapping expected")),
            ("id: a", (1, 1, "a rule needs a when")),
            ("id: a\nwhen: {}\nimplies: a", (2, 7, "a when needs an image or a kind")),
            ("id: a\nwhen: {image: a, kind: b}\nimplies: a", (2, 7, "a when needs")),
            ("id: a\nwhen: {image: a}", (1, 1, "a rule needs an implies")),
            ("id: a\nwhen: {image: a}\nimplies: {}", (3, 10, "implies: a text or a list")),
            ("id: a\nwhen: {image: a}\nimplies: x\nunless: {}", (4, 9, "an unless needs")),
            ("id: a\nwhen: {image: []}\nimplies: x", (2, 15, "image: a text expected")),
        ] {
            let (line, column, message) = parse(text).expect_err(text);
            assert_eq!((line, column), (want.0, want.1), "{text}: {message}");
            assert!(message.starts_with(want.2), "{message}");
        }
    }
}
