//! What can go wrong between us and a source.

use thiserror::Error;

use crate::artifact::{Digest, VersionRangeError};
use crate::git::GitError;
use crate::helm::{ArchiveError, ChartYamlError, IndexError};
use crate::net::NetError;
use crate::oci::{OciError, StoreError};

/// Why something could not be pinned or fetched. The thing itself is named by whoever reports it.
#[derive(Debug, Error)]
pub enum SourceError {
    /// A registry failed.
    #[error(transparent)]
    Oci(#[from] OciError),
    /// A git server failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A web server failed.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A chart index is not sound, or lacks the chart.
    #[error("{url}")]
    Index {
        /// Which index.
        url: String,
        /// Why.
        source: IndexError,
    },
    /// A chart archive is not sound.
    #[error("chart archive {digest}")]
    Archive {
        /// Which archive.
        digest: Digest,
        /// Why.
        source: ArchiveError,
    },
    /// A `Chart.yaml` is not sound.
    #[error("Chart.yaml")]
    ChartYaml(#[from] ChartYamlError),
    /// A version of a chart dependency is no range.
    #[error(transparent)]
    Range(#[from] VersionRangeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A web server has no such thing, or keeps it from us.
    #[error("{url}: the server answers {status}")]
    Status {
        /// Which URL, without its query.
        url: String,
        /// Its status code.
        status: u16,
    },
    /// The registry has no such tag or digest.
    #[error("{reference}: the registry has no such image")]
    Missing {
        /// What was asked for.
        reference: String,
    },
    /// An image index lacks every platform that was asked for.
    #[error("{reference}: no manifest for {}; it has {}", wanted.join(", "), list(found))]
    Platform {
        /// Which image.
        reference: String,
        /// Platforms asked for.
        wanted: Vec<String>,
        /// Platforms there are.
        found: Vec<String>,
    },
    /// What a source gives is not what was written down, by a person, in an index or in the lock.
    #[error("{what}: digest {got} instead of {want}")]
    Changed {
        /// Which thing.
        what: String,
        /// Digest written down.
        want: Digest,
        /// Digest found.
        got: Digest,
    },
    /// A repository has no such branch, tag or commit.
    #[error("{url}: no branch, tag or commit {}{}", quoted(.wanted), near(.nearest))]
    Revision {
        /// Which repository.
        url: String,
        /// Names or patterns that fit nothing.
        wanted: Vec<String>,
        /// Names that come near.
        nearest: Vec<String>,
    },
    /// A path is not in a repository at this commit.
    #[error("{url}: no path {path:?} at commit {commit}")]
    Path {
        /// Which repository.
        url: String,
        /// Which path.
        path: String,
        /// Which commit.
        commit: String,
    },
    /// An OCI artifact is not a chart.
    #[error("{reference}: the artifact has no Helm chart layer")]
    NoChart {
        /// Which artifact.
        reference: String,
    },
    /// A nesting or count goes beyond its bound.
    #[error("{what} is larger than {bound} {unit}")]
    Bound {
        /// What.
        what: String,
        /// The bound.
        bound: u64,
        /// Its unit.
        unit: &'static str,
    },
    /// A temporary file could not be written.
    #[error("{path}")]
    Io {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

fn list(found: &[String]) -> String {
    if found.is_empty() { "none".to_owned() } else { found.join(", ") }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

fn near(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; near it: {}", names.join(", ")) }
}
