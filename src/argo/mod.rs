//! Where Kubernetes and Argo documents lead: one YAML file in, its edges out.
//!
//! [`read`] finds the sources of Argo CD Applications, the images of every PodSpec at any depth, remote values files, and
//! says what it cannot see into. It is a pure function over text: it opens nothing, renders nothing and never fails; what is
//! broken or unknown comes back as *opaque*, with its place. `resolve` imports it; the rewriter of `replay` may.

mod application;
mod embedded;
mod images;
mod walk;

#[cfg(test)]
mod tests;

pub use walk::read;

use crate::artifact::{GitUrl, HttpUrl, ImageRef, Repository};

/// What one file of an app's path leads to. Documents inside texts come after the document that holds them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileFindings {
    /// Images of containers, image volumes and kustomize overrides.
    pub images: Vec<Found<ImageRef>>,
    /// Sources of Applications and dependencies of charts.
    pub sources: Vec<Found<Source>>,
    /// Remote values files.
    pub files: Vec<Found<HttpUrl>>,
    /// What leads somewhere that cannot be seen into.
    pub opaque: Vec<Found<OpaqueReason>>,
    /// How many Argo CD Applications the file holds.
    pub applications: usize,
}

/// Something found, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// What was found.
    pub value: T,
    /// File and line, `apps/web.yaml:17`.
    pub place: String,
    /// Whole path in its document, `spec.template.spec.containers[0].image`; empty for a file as a whole.
    pub field: String,
}

/// One source of an Application, or one dependency of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What it points to.
    pub kind: SourceKind,
    /// The name that `$name/…` in the values files of sibling sources uses.
    pub ref_name: Option<String>,
}

/// What a source points to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceKind {
    /// A folder of a git repository.
    Git {
        /// The repository.
        url: GitUrl,
        /// Branch, tag, commit or version range; `HEAD` when none is given.
        revision: String,
        /// Folder in it; `None` when the repository is only a store of values files.
        path: Option<String>,
        /// Whether Argo CD reads the folders below the path too (`directory.recurse`).
        recurse: bool,
    },
    /// A chart of a repository with an `index.yaml`.
    HelmHttp {
        /// The repository.
        repo: HttpUrl,
        /// Name of the chart.
        chart: String,
        /// Version or range as text; `*` when none is given.
        version: String,
    },
    /// A chart in a registry.
    HelmOci {
        /// The registry and the path, the chart's name included.
        repository: Repository,
        /// Version or range as text; `*` when none is given.
        version: String,
    },
    /// An artifact in a registry that is a source by itself (`repoURL: oci://…`): a chart or a folder of manifests.
    Oci {
        /// The registry and the path.
        repository: Repository,
        /// Tag, digest or version range; `latest` when none is given.
        revision: String,
        /// Folder in it.
        path: Option<String>,
    },
}

/// Why something could not be seen into.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpaqueReason {
    /// What it is, `ApplicationSet`.
    pub what: String,
    /// What a person can do about it.
    pub advice: String,
}
