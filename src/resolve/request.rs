//! What can be asked for, in the form in which two askings are the same.

use std::fmt;

use crate::argo::HelmSettings;
use crate::artifact::{ChartRepo, Digest, ImageRef};
use crate::inventory::{ChartRequest, Inventory, Located};
use crate::lock::Edge;

/// One thing on the worklist.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Request {
    Image(ImageRef),
    Chart {
        repo: ChartRepo,
        chart: String,
        version: String,
        /// How it is rendered; `None` when it is only carried, as a part of another chart.
        release: Option<Release>,
    },
    /// Refs that a person wrote down: names and patterns.
    Repo {
        url: String,
        refs: Vec<String>,
    },
    /// A revision as Argo CD understands it: a name, a commit, or a range of versions for the highest tag in it.
    Revision {
        url: String,
        revision: String,
    },
    App {
        url: String,
        revision: String,
        path: String,
        recurse: bool,
        /// How the folder is rendered, should it be a chart.
        release: Release,
    },
    File {
        url: String,
        digest: Option<Digest>,
    },
}

/// How a chart is rendered.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Release {
    /// What an Application says, or would say.
    pub(super) helm: HelmSettings,
    /// Values files of the inventory, in order; they come before what `helm` has.
    pub(super) files: Vec<String>,
    /// The cluster it is for; all of them when none is named.
    pub(super) cluster: Option<String>,
    /// Whether placeholders stand in for required values that are missing.
    pub(super) placeholders: bool,
    /// Whether Argo CD deploys it, which passes over test hooks.
    pub(super) by_argo: bool,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(reference) => write!(f, "image {reference}"),
            Self::Chart { repo, chart, version, .. } => write!(f, "chart {repo} {chart} {version}"),
            Self::Repo { url, refs } => write!(f, "repo {url} {}", refs.join(" ")),
            Self::Revision { url, revision } => write!(f, "repo {url} {revision}"),
            Self::App { url, revision, path, .. } => write!(f, "app {url} {revision} {path}"),
            Self::File { url, .. } => write!(f, "file {url}"),
        }
    }
}

/// What the inventory itself asks for.
pub(super) fn roots(inventory: &Inventory) -> Vec<(Request, Edge)> {
    fn edge<T>(located: &Located<T>) -> Edge {
        Edge::new("inventory", located.place.clone(), located.field.clone())
    }
    let images = inventory.images.iter().map(|i| (Request::Image(i.value.clone()), edge(i)));
    let charts = inventory.charts.iter().map(|c| {
        let (repo, chart) = (c.value.repo.clone(), c.value.chart.clone());
        let release = Some(release(&c.value));
        (Request::Chart { repo, chart, version: c.value.version.to_string(), release }, edge(c))
    });
    let repos = inventory.repos.iter().map(|r| {
        let refs = r.value.refs.iter().map(ToString::to_string).collect();
        (Request::Repo { url: r.value.url.to_string(), refs }, edge(r))
    });
    let apps = inventory.apps.iter().map(|a| {
        let app = &a.value;
        let (url, revision, path) = (app.repo.to_string(), app.revision.clone(), app.path.clone());
        // A root is taken whole: what stands deeper in its folder may be brought in by a setting that is not in git.
        let placeholders = app.placeholders;
        let release = Release { placeholders, by_argo: true, ..Release::default() };
        (Request::App { url, revision, path, recurse: true, release }, edge(a))
    });
    let files = inventory.files.iter().map(|f| {
        (Request::File { url: f.value.url.to_string(), digest: Some(f.value.digest) }, edge(f))
    });
    images.chain(charts).chain(repos).chain(apps).chain(files).collect()
}

fn release(chart: &ChartRequest) -> Release {
    let helm = HelmSettings {
        release: Some(chart.release.clone()),
        namespace: Some(chart.namespace.clone()),
        values: chart.values_object.clone(),
        ..HelmSettings::default()
    };
    Release {
        helm,
        files: chart.values.clone(),
        cluster: chart.cluster.clone(),
        placeholders: chart.placeholders,
        by_argo: false,
    }
}

/// The form in which Argo CD compares repository URLs: lower case, no `.git`, scp-like turned into ssh
/// (argo-cd `util/git/git.go`, `NormalizeGitURL`).
pub(super) fn repo_key(url: &str) -> String {
    let lower = url.trim().to_lowercase();
    let whole = match (lower.contains("://"), lower.split_once(':')) {
        (false, Some((host, path))) => format!("ssh://{host}/{}", path.trim_start_matches('/')),
        _ => lower,
    };
    let whole = whole.trim_end_matches('/');
    whole.strip_suffix(".git").unwrap_or(whole).to_owned()
}

#[cfg(test)]
mod tests {
    use super::repo_key;

    #[test]
    fn urls_of_one_repository_are_one() {
        let key = "https://git.example.com/acme/platform";
        for url in [
            key,
            "https://git.example.com/acme/platform.git",
            "https://Git.example.com/Acme/platform.git/",
        ] {
            assert_eq!(repo_key(url), key, "{url}");
        }
        assert_eq!(repo_key("git@host:a/b.git"), repo_key("ssh://git@host/a/b"));
    }
}
