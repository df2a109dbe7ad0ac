//! What a person asks for: the inventory file, checked.
//!
//! [`Inventory::parse`] is the only way in: it reports every problem at once, each with file, line, column, field and
//! the nearest known name, and nothing half-checked leaves this room. It opens no file and no socket. `resolve` and `cli`
//! import it; of the isolated side `replay` alone does, which borrows the reader for the site file.

mod check;
mod file;
mod pattern;
mod problem;
mod reader;
mod releases;
mod starter;
mod waivers;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

pub use file::{
    AppEntry, ChartEntry, ClusterEntry, FileEntry, InventoryFile, RepoEntry, RuleEntry,
    WaiverEntry, schema,
};
pub use pattern::RefPattern;
pub use problem::{Problem, Problems};
pub use reader::{At, Keys, Reader, parse_yaml};
pub use starter::starter;
pub use waivers::{Waived, Waiver};

use crate::argo::Rule;
use crate::artifact::{
    ChartRepo, Digest, GitUrl, HttpUrl, ImageRef, Platform, ReleaseName, VersionRange,
};

/// An inventory whose every entry is sound.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// Name of the bundle.
    pub name: ReleaseName,
    /// Version of the bundle, when one is given; part of the bundle's folder name.
    pub version: Option<ReleaseName>,
    /// Platforms asked for; empty means all.
    pub platforms: Vec<Platform>,
    /// Images and other registry artifacts asked for.
    pub images: Vec<Located<ImageRef>>,
    /// Charts asked for.
    pub charts: Vec<Located<ChartRequest>>,
    /// Git repositories asked for.
    pub repos: Vec<Located<RepoRequest>>,
    /// Argo roots asked for.
    pub apps: Vec<Located<AppRequest>>,
    /// Files asked for.
    pub files: Vec<Located<FileRequest>>,
    /// Clusters as they will be inside.
    pub clusters: Vec<Cluster>,
    /// Rules of the person's own for what documents imply.
    pub rules: Vec<Rule>,
    /// What is left behind on purpose.
    pub waivers: Vec<Waiver>,
    /// Digest of the file's bytes.
    pub digest: Digest,
    /// Name of the file, as in places and problems.
    pub file: String,
}

/// A value and where the person wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// What was written.
    pub value: T,
    /// File and line, `platform.yaml:12`.
    pub place: String,
    /// Field, `images[0]`.
    pub field: String,
}

/// A chart asked for, and how it is rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartRequest {
    /// Where it comes from.
    pub repo: ChartRepo,
    /// Its name there.
    pub chart: String,
    /// Which versions will do.
    pub version: VersionRange,
    /// Values files, relative to the inventory's folder, divided by `/`, never leaving it.
    pub values: Vec<String>,
    /// Values written in the inventory itself, as JSON; they come after the files.
    pub values_object: Option<String>,
    /// Name of the release.
    pub release: String,
    /// Namespace of the release.
    pub namespace: String,
    /// The cluster it is for; for all of them when none is named.
    pub cluster: Option<String>,
    /// Whether marked placeholders stand in for required values that are missing: secrets that only the site has.
    pub placeholders: bool,
}

/// A git repository asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoRequest {
    /// Where it comes from.
    pub url: GitUrl,
    /// Which refs are carried; at least one.
    pub refs: Vec<RefPattern>,
}

/// An Argo root: a folder of a repository, at a revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AppRequest {
    /// The repository.
    pub repo: GitUrl,
    /// Branch, tag or commit; `HEAD` when none was written.
    pub revision: String,
    /// Folder in it, relative, never leaving it; `.` is the repository's root.
    pub path: String,
    /// Whether marked placeholders stand in for required values that charts below it lack.
    pub placeholders: bool,
}

/// A file asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRequest {
    /// Where it comes from.
    pub url: HttpUrl,
    /// What it must be.
    pub digest: Digest,
}

/// A cluster of the isolated side: lives in no repository, but decides what is rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Name, as Argo CD knows it.
    pub name: String,
    /// URL of its API server.
    pub server: Option<HttpUrl>,
    /// Labels of its cluster Secret.
    pub labels: BTreeMap<String, String>,
    /// Annotations of its cluster Secret.
    pub annotations: BTreeMap<String, String>,
    /// Kubernetes version, `1.34` or `v1.34.2`.
    pub kube_version: Option<String>,
    /// API versions it has beyond the core, `monitoring.coreos.com/v1`.
    pub api_versions: Vec<String>,
}

impl Inventory {
    /// Reads and checks an inventory; `file_name` is used for places alone.
    pub fn parse(file_name: &str, bytes: &[u8]) -> Result<Self, Problems> {
        // Places name the file, not the folder: a lock made elsewhere must be the same, byte for byte.
        let file =
            Path::new(file_name).file_name().map_or(file_name.into(), |n| n.to_string_lossy());
        check::check(&file, bytes)
    }

    /// Hosts that the inventory itself names with `http://`: there, plain HTTP is what the person asked for.
    pub fn plain_hosts(&self) -> Vec<String> {
        let charts = self.charts.iter().map(|chart| chart.value.repo.to_string());
        let files = self.files.iter().map(|file| file.value.url.to_string());
        let host = |url: String| {
            let rest = url.strip_prefix("http://")?;
            rest.split('/').next().map(str::to_ascii_lowercase)
        };
        charts.chain(files).filter_map(host).collect()
    }
}
