//! The lock: everything the inventory leads to, pinned, and for every pin the edges that brought it.
//!
//! Deterministic JSON, made to be read in a pull request: one line a value, lists sorted, no times.
//! Made by `resolve`, read by `build`, carried inside `bundle.json`. This room knows the shape, and how to read it as a
//! graph ([`Chains`]).

mod chains;
mod verdict;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::artifact::{Digest, ImageRef, Kind, Platform, ReleaseName};

pub use chains::Chains;
pub use verdict::Verdict;

/// The first member of every lock file.
pub const FORMAT: &str = "haversack-lock/1";

/// Why a text is no lock.
#[derive(Debug, Error)]
pub enum LockError {
    /// It is not JSON of the expected shape.
    #[error("not a lock of format {FORMAT}")]
    Shape(#[source] serde_json::Error),
    /// It was written by another version.
    #[error("format {0:?} is not {FORMAT}: made by another version of haversack")]
    Format(String),
}

/// A pinned closure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lock {
    /// Always [`FORMAT`].
    pub format: String,
    /// Name of the bundle.
    pub name: ReleaseName,
    /// Version of the bundle, when the inventory gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<ReleaseName>,
    /// Digest of the inventory file's bytes: tells whether the lock is older than the inventory.
    pub inventory: Digest,
    /// Values files that charts were rendered with, sorted by path: tells whether the lock is older than they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ValuesFile>,
    /// Platforms asked for; empty means all.
    pub platforms: Vec<Platform>,
    /// Images and other registry artifacts, sorted by reference.
    pub images: Vec<ImagePin>,
    /// Charts, sorted by source and version.
    pub charts: Vec<ChartPin>,
    /// Repositories, sorted by URL.
    pub repos: Vec<RepoPin>,
    /// Files, sorted by URL.
    pub files: Vec<FilePin>,
    /// Folders of repositories that were read as Argo CD reads them, sorted: they explain what was found there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<AppNode>,
    /// What could not be seen into, sorted: never dropped silently.
    pub opaque: Vec<Opaque>,
}

/// A file of values, and what it held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValuesFile {
    /// Path below the inventory's folder.
    pub path: String,
    /// Digest of its bytes.
    pub digest: Digest,
}

/// One reference found in one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Edge {
    /// The pin or app it was found in (its `id`), or `inventory`.
    pub from: String,
    /// File and line, for example `apps/web.yaml:17`. For a rendered chart: the template and its line.
    pub place: String,
    /// Field, for example `spec.source.repoURL`.
    pub field: String,
    /// How sure it is; left out when certain.
    #[serde(default, skip_serializing_if = "Verdict::is_certain")]
    pub verdict: Verdict,
}

impl Edge {
    /// A reference that is certain.
    pub fn new(
        from: impl Into<String>,
        place: impl Into<String>,
        field: impl Into<String>,
    ) -> Self {
        let (from, place, field) = (from.into(), place.into(), field.into());
        Self { from, place, field, verdict: Verdict::Certain }
    }
}

/// A descriptor of something in a registry (image-spec, descriptor.md), reduced to what has to be pinned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Descriptor {
    /// Media type.
    pub media_type: String,
    /// Digest.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
}

/// One platform's manifest of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlatformPin {
    /// `os/arch[/variant]`; `unknown/unknown` for attestations.
    pub platform: String,
    /// Digest of its OCI manifest.
    pub digest: Digest,
    /// False when the platform was not asked for, so that the index is carried without it.
    pub carried: bool,
}

/// Something attached to an image: a cosign tag or an OCI 1.1 referrer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attachment {
    /// The OCI manifest that it is attached to.
    pub subject: Digest,
    /// The tag that names it, for cosign's tag scheme; absent for a referrer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Its artifact type, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What it is.
    #[serde(flatten)]
    pub descriptor: Descriptor,
}

/// A pinned image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImagePin {
    /// The canonical reference.
    pub reference: ImageRef,
    /// What it pointed to: an index or a single manifest.
    #[serde(flatten)]
    pub descriptor: Descriptor,
    /// The platforms of the index, in its order; empty for a single manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<PlatformPin>,
    /// Signatures, attestations, SBOMs and other referrers, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Why it is carried.
    pub because: Vec<Edge>,
}

/// A pinned chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChartPin {
    /// Repository: `https://…` (with `index.yaml`) or `oci://host/path`.
    pub repo: String,
    /// Name of the chart.
    pub chart: String,
    /// Exact version.
    pub version: String,
    /// Where the archive is, for HTTP repositories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// HTTP repositories: digest of the archive. OCI: digest of the OCI manifest.
    pub digest: Digest,
    /// Size in bytes of what `digest` names.
    pub size: u64,
    /// Referrers and cosign tags of an OCI chart, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Why it is carried.
    pub because: Vec<Edge>,
}

/// A ref of a repository and what it pointed to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefPin {
    /// Full name, `refs/heads/main`.
    pub name: String,
    /// Object it points to, 40 or 64 hex digits: a commit, or the tag object of an annotated tag.
    pub object: String,
}

/// A pinned git repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RepoPin {
    /// URL without credentials.
    pub url: String,
    /// The branch that `HEAD` names outside, when it is carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Refs carried, sorted by name. A commit asked for by its id has a ref of its own under `refs/heads/haversack/`.
    pub refs: Vec<RefPin>,
    /// Why it is carried.
    pub because: Vec<Edge>,
}

/// A pinned file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FilePin {
    /// Where it comes from.
    pub url: String,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// Why it is carried.
    pub because: Vec<Edge>,
}

/// A folder of a repository that was read as an app of Argo CD. It is not carried by itself: its repository is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppNode {
    /// URL of the repository, as its pin has it.
    pub repo: String,
    /// Revision as it was asked for.
    pub revision: String,
    /// Folder in the repository.
    pub path: String,
    /// The commit that was read.
    pub commit: String,
    /// Why it was read.
    pub because: Vec<Edge>,
}

/// A place that leads somewhere Haversack cannot see yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Opaque {
    /// What it is, for example `chart not rendered` or `ApplicationSet`.
    pub what: String,
    /// Where it stands.
    #[serde(flatten)]
    pub edge: Edge,
    /// What a person can do about it.
    pub advice: String,
    /// Why a person decided that it does not matter, when one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<String>,
}

impl Opaque {
    /// A place that nobody has waived.
    pub fn new(what: impl Into<String>, edge: Edge, advice: impl Into<String>) -> Self {
        Self { what: what.into(), edge, advice: advice.into(), waived: None }
    }

    /// Something that was found and is not carried, because a person said so.
    pub fn left_behind(what: String, edge: Edge, reason: String) -> Self {
        let advice = "not carried, because the inventory waives it";
        Self { waived: Some(reason), ..Self::new(what, edge, advice) }
    }
}

/// The id of a pin, as `Edge::from` names it and as `inspect` shows it.
pub fn id(kind: Kind, source: &str) -> String {
    format!("{kind}:{source}")
}

impl ImagePin {
    /// `image:<reference>`.
    pub fn id(&self) -> String {
        id(Kind::Image, &self.reference.to_string())
    }
}

impl ChartPin {
    /// `chart:<repo>/<name>:<version>`.
    pub fn id(&self) -> String {
        id(
            Kind::Chart,
            &format!("{}/{}:{}", self.repo.trim_end_matches('/'), self.chart, self.version),
        )
    }
}

impl RepoPin {
    /// `repo:<url>`.
    pub fn id(&self) -> String {
        id(Kind::Repo, &self.url)
    }
}

impl AppNode {
    /// `app:<url>@<revision>#<path>`.
    pub fn id(&self) -> String {
        app_id(&self.repo, &self.revision, &self.path)
    }
}

/// The id of an app, as `Edge::from` names it.
pub fn app_id(repo: &str, revision: &str, path: &str) -> String {
    format!("app:{repo}@{revision}#{path}")
}

impl FilePin {
    /// `file:<url>`.
    pub fn id(&self) -> String {
        id(Kind::File, &self.url)
    }
}

impl Lock {
    /// Reads a lock file's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, LockError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
        }
        let head: Head = serde_json::from_slice(bytes).map_err(LockError::Shape)?;
        if head.format != FORMAT {
            return Err(LockError::Format(head.format));
        }
        serde_json::from_slice(bytes).map_err(LockError::Shape)
    }

    /// The bytes of the lock file: sorted, indented by two, with a final newline.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Puts every list into its one order and drops repeated edges.
    pub fn sort(&mut self) {
        let tidy = |edges: &mut Vec<Edge>| {
            edges.sort();
            edges.dedup();
        };
        for pin in &mut self.images {
            pin.attachments.sort();
            pin.attachments.dedup();
            tidy(&mut pin.because);
        }
        for pin in &mut self.charts {
            pin.attachments.sort();
            pin.attachments.dedup();
            tidy(&mut pin.because);
        }
        for pin in &mut self.repos {
            pin.refs.sort();
            pin.refs.dedup();
            tidy(&mut pin.because);
        }
        self.files.iter_mut().for_each(|pin| tidy(&mut pin.because));
        self.apps.iter_mut().for_each(|app| tidy(&mut app.because));
        self.apps.sort_by_key(AppNode::id);
        self.values.sort();
        self.values.dedup();
        self.images.sort_by(|a, b| a.reference.cmp(&b.reference));
        self.charts.sort_by_key(ChartPin::id);
        self.repos.sort_by(|a, b| a.url.cmp(&b.url));
        self.files.sort_by(|a, b| a.url.cmp(&b.url));
        self.opaque.sort();
        self.opaque.dedup();
    }

    /// The version the bundle gets: the inventory's, or else the start of the lock's own digest.
    pub fn bundle_version(&self) -> String {
        match &self.version {
            Some(version) => version.to_string(),
            None => Digest::of(&self.to_bytes()).short(),
        }
    }

    /// Every pin, in listing order.
    pub fn pins(&self) -> impl Iterator<Item = Pin<'_>> {
        let images = self.images.iter().map(Pin::Image);
        let charts = self.charts.iter().map(Pin::Chart);
        let repos = self.repos.iter().map(Pin::Repo);
        let files = self.files.iter().map(Pin::File);
        images.chain(charts).chain(repos).chain(files)
    }

    /// Every pin by its id.
    pub fn pins_by_id(&self) -> BTreeMap<String, Pin<'_>> {
        self.pins().map(|pin| (pin.id(), pin)).collect()
    }

    /// Why each pin is there.
    pub fn chains(&self) -> Chains<'_> {
        let pins = self.pins().map(|pin| (pin.id(), pin.because()));
        let apps = self.apps.iter().map(|app| (app.id(), app.because.as_slice()));
        Chains::new(pins.chain(apps).collect())
    }
}

/// A pin of any kind.
#[derive(Clone, Copy, Debug)]
pub enum Pin<'a> {
    /// An image.
    Image(&'a ImagePin),
    /// A chart.
    Chart(&'a ChartPin),
    /// A repository.
    Repo(&'a RepoPin),
    /// A file.
    File(&'a FilePin),
}

impl<'a> Pin<'a> {
    /// Its id.
    pub fn id(self) -> String {
        match self {
            Self::Image(pin) => pin.id(),
            Self::Chart(pin) => pin.id(),
            Self::Repo(pin) => pin.id(),
            Self::File(pin) => pin.id(),
        }
    }

    /// Its kind.
    pub fn kind(self) -> Kind {
        match self {
            Self::Image(_) => Kind::Image,
            Self::Chart(_) => Kind::Chart,
            Self::Repo(_) => Kind::Repo,
            Self::File(_) => Kind::File,
        }
    }

    /// How sure it is: as sure as the surest edge that brought it.
    pub fn verdict(self) -> Verdict {
        self.because().iter().map(|edge| edge.verdict.clone()).min().unwrap_or_default()
    }

    /// The edges that brought it.
    pub fn because(self) -> &'a [Edge] {
        match self {
            Self::Image(pin) => &pin.because,
            Self::Chart(pin) => &pin.because,
            Self::Repo(pin) => &pin.because,
            Self::File(pin) => &pin.because,
        }
    }
}
