//! The lock: everything the inventory leads to, pinned, and for every pin the edges that brought it.
//!
//! Deterministic JSON, made to be read in a pull request: one line a value, lists sorted, no times.
//! Made by `resolve`, read by `build`, carried inside `bundle.json`. This room knows the shape only.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::artifact::{Digest, ImageRef, Kind, Platform, ReleaseName};

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
    /// What could not be seen into, sorted: never dropped silently.
    pub opaque: Vec<Opaque>,
}

/// One reference found in one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Edge {
    /// The pin it was found in (its `id`), or `inventory`.
    pub from: String,
    /// File and line, for example `apps/web.yaml:17`.
    pub place: String,
    /// Field, for example `spec.source.repoURL`.
    pub field: String,
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
        Chains(self.pins_by_id())
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

/// Answers why a pin is there. Made once for all pins, because each answer looks others up.
pub struct Chains<'a>(BTreeMap<String, Pin<'a>>);

impl Chains<'_> {
    /// The shortest chain of edges from the inventory to a pin, inventory first. Empty when there is none.
    ///
    /// What is found in a repository is explained by an app that reads it, not by a `repos:` entry that carries it unread.
    pub fn of(&self, id: &str) -> Vec<Edge> {
        let edges_of = |id: &str| self.0.get(id).map_or(&[][..], |pin| pin.because());
        let mut seen = BTreeSet::from([id.to_owned()]);
        let mut front: Vec<Vec<Edge>> =
            edges_of(id).iter().map(|edge| vec![edge.clone()]).collect();
        while !front.is_empty() {
            if let Some(chain) =
                front.iter().find(|chain| chain.last().is_some_and(|e| e.from == "inventory"))
            {
                return chain.iter().rev().cloned().collect();
            }
            front = front
                .into_iter()
                .filter(|chain| chain.last().is_some_and(|edge| seen.insert(edge.from.clone())))
                .flat_map(|chain| {
                    let from = chain.last().map(|edge| edge.from.clone()).unwrap_or_default();
                    let edges = edges_of(&from);
                    let reads = |edge: &&Edge| !edge.field.starts_with("repos[");
                    edges
                        .iter()
                        .filter(reads)
                        .map(move |edge| [chain.as_slice(), std::slice::from_ref(edge)].concat())
                        .collect::<Vec<_>>()
                })
                .collect();
        }
        Vec::new()
    }
}
