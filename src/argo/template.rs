//! Fills the templates of rules: `quay.io/argoproj/argoexec:{tag}`.
//!
//! In braces stand names, and `|` between them means the first that is there:
//! `tag`, `version` (the tag without its `v`), `host`, `parent` (the repository without its last part), `repository` of the
//! deciding image; `--flag`, `env.NAME` of its container; `spec.…` of the object; `table.column` for its version; else the word itself.

use std::collections::BTreeMap;

use crate::argo::facts::{Fact, FactKind};
use crate::artifact::ImageRef;

/// What a template is filled from.
pub(super) struct Subject<'k> {
    /// The container that decides, if it was found.
    pub(super) decider: Option<&'k Fact>,
    /// The fact that made the rule speak.
    pub(super) object: &'k Fact,
    pub(super) table: &'k BTreeMap<String, BTreeMap<String, String>>,
}

/// The image that a template becomes.
pub(super) fn fill(template: &str, subject: &Subject<'_>) -> Option<ImageRef> {
    let text = subject.text(template)?;
    // A base image may bring its own tag, which then wins.
    let (folder, last) = text.rsplit_once('/').map_or(("", text.as_str()), |(f, l)| (f, l));
    let mut parts = last.splitn(3, ':');
    let (name, tag, second) = (parts.next()?, parts.next(), parts.next());
    let whole = match (tag, second) {
        (Some(tag), Some(_)) if !tag.contains('@') => format!("{folder}/{name}:{tag}"),
        _ => text.clone(),
    };
    ImageRef::parse(whole.trim_start_matches('/')).ok()
}

impl Subject<'_> {
    /// A template as text; `None` when something in it is not known.
    pub(super) fn text(&self, template: &str) -> Option<String> {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (names, after) = after.split_once('}')?;
            text.push_str(before);
            text.push_str(&names.split('|').find_map(|name| self.value(name.trim()))?);
            rest = after;
        }
        text.push_str(rest);
        Some(text)
    }

    fn value(&self, name: &str) -> Option<String> {
        let image = || match &self.decider?.kind {
            FactKind::Container { image, .. } => Some(image),
            _ => None,
        };
        let tag = || Some(image()?.tag()?.as_str().to_owned());
        let found = match name {
            "tag" => tag()?,
            "version" => version(&tag()?),
            "host" => image()?.repository.host().to_owned(),
            "repository" => image()?.repository.to_string(),
            "parent" => image()?.repository.to_string().rsplit_once('/')?.0.to_owned(),
            flag if flag.starts_with("--") => self.argument(flag)?,
            other => match other.split_once('.') {
                Some(("env", name)) => self.variable(name)?,
                Some(("table", column)) => self.cell(column, &tag()?)?,
                Some(("spec" | "metadata", _)) => self.field(other)?,
                _ => other.to_owned(),
            },
        };
        Some(found).filter(|found| !found.is_empty())
    }

    fn cell(&self, column: &str, tag: &str) -> Option<String> {
        let version = version(tag);
        let short = version.split(['-', '+']).next().unwrap_or_default();
        let row = self.table.get(&version).or_else(|| self.table.get(short))?;
        row.get(column).cloned()
    }

    fn field(&self, path: &str) -> Option<String> {
        match &self.object.kind {
            FactKind::Object { fields, .. } => fields.get(path).cloned(),
            _ => None,
        }
    }

    /// The value of an argument of the deciding container; empty when it has none.
    pub(super) fn argument(&self, flag: &str) -> Option<String> {
        let FactKind::Container { arguments, .. } = &self.decider?.kind else { return None };
        let wanted = flag.trim_start_matches('-');
        let mut all = arguments.iter();
        while let Some(argument) = all.next() {
            let Some(name) = argument.strip_prefix('-').map(|a| a.trim_start_matches('-')) else {
                continue;
            };
            match name.split_once('=') {
                Some((name, value)) if name == wanted => return Some(value.to_owned()),
                None if name == wanted => return Some(all.next().cloned().unwrap_or_default()),
                _ => {}
            }
        }
        None
    }

    /// The value of a variable of the deciding container.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        match &self.decider?.kind {
            FactKind::Container { environment, .. } => environment.get(name).cloned(),
            _ => None,
        }
    }
}

/// A tag without the `v` that many projects put before numbers.
fn version(tag: &str) -> String {
    match tag.strip_prefix('v') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest.to_owned(),
        _ => tag.to_owned(),
    }
}
