//! Inside names: `<prefix>/<source host>/<path>` in the registry, and where two sources would meet.

use std::collections::BTreeMap;
use std::fmt;

/// Two sources that want one inside name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// The inside name.
    pub name: String,
    /// Who wants it.
    pub sources: Vec<String>,
}

impl fmt::Display for Collision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is wanted by {}", self.name, self.sources.join(" and by "))
    }
}

/// The repository path inside: prefix, source host and path.
///
/// The source host stays the first part, so that one stored copy serves rewritten references and a containerd mirror per host.
/// A port's colon becomes `-`, because repository names have none; what a URL path has beyond a repository name's letters does too.
pub fn inside_path(prefix: &str, host: &str, path: &str) -> String {
    let parts = path.split('/').map(clean);
    [prefix.trim_matches('/').to_owned(), clean(host)]
        .into_iter()
        .chain(parts)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/")
}

/// One part of a repository name: lower-case letters and digits, with `.`, `_`, `__` or dashes between them
/// (distribution-spec, "Pulling manifests"). Whatever else stands between becomes a dash.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut between = String::new();
    for c in text.to_ascii_lowercase().chars() {
        if !c.is_ascii_alphanumeric() {
            between.push(c);
            continue;
        }
        if !out.is_empty() {
            let known =
                matches!(between.as_str(), "." | "_" | "__") || between.chars().all(|c| c == '-');
            out.push_str(if known { &between } else { "-" });
        }
        between.clear();
        out.push(c);
    }
    out
}

/// Finds the names that more than one source wants.
#[derive(Default)]
pub(super) struct Wanted(BTreeMap<String, Vec<String>>);

impl Wanted {
    /// Notes that a source wants a name.
    pub(super) fn note(&mut self, name: String, source: &str) {
        let sources = self.0.entry(name).or_default();
        if !sources.iter().any(|known| known == source) {
            sources.push(source.to_owned());
        }
    }

    /// The names wanted more than once.
    pub(super) fn collisions(self) -> Vec<Collision> {
        self.0
            .into_iter()
            .filter(|(_, sources)| sources.len() > 1)
            .map(|(name, sources)| Collision { name, sources })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_names_keep_the_source_host() {
        for (prefix, host, path, want) in [
            ("mirror", "quay.io", "argoproj/argocd", "mirror/quay.io/argoproj/argocd"),
            ("", "docker.io", "library/nginx", "docker.io/library/nginx"),
            ("/a/b/", "127.0.0.1:5000", "x", "a/b/127.0.0.1-5000/x"),
            ("m", "example.com", "CRDs/v1%20/file.yaml", "m/example.com/crds/v1-20/file.yaml"),
            ("m", "example.com", "../_x/", "m/example.com/x"),
            ("m", "h", "a_-b..c__d--e.", "m/h/a-b-c__d--e"),
        ] {
            assert_eq!(inside_path(prefix, host, path), want);
        }
    }

    #[test]
    fn a_source_that_asks_twice_is_no_collision() {
        let mut wanted = Wanted::default();
        wanted.note("a".to_owned(), "x");
        wanted.note("a".to_owned(), "x");
        assert!(wanted.collisions().is_empty());
        let mut wanted = Wanted::default();
        wanted.note("a".to_owned(), "x");
        wanted.note("a".to_owned(), "y");
        assert_eq!(wanted.collisions()[0].to_string(), "a is wanted by x and by y");
    }
}
