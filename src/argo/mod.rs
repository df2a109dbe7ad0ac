//! Where Kubernetes and Argo documents lead: one YAML file in, its edges out.
//!
//! [`read`] finds the sources of Argo CD Applications, the images of every PodSpec at any depth and of known custom resources,
//! where images hide outside of `image:`, files that pods download, and says what it cannot see into. It is a pure function
//! over text: it opens nothing, renders nothing and never fails; what is broken or unknown comes back as *opaque*, with its
//! place. [`Knowledge`] then concludes what only the code of operators knows. `resolve` imports it; the rewriter of `replay` may.
//!
//! What may be an image by its looks is decided in `reference`; which fields of which kinds are images stands in `kinds.yaml`;
//! what implies which images stands in `knowledge.yaml`.

mod application;
mod arguments;
mod config;
mod declared;
mod downloads;
mod embedded;
mod facts;
mod helm_settings;
mod images;
mod kinds;
mod knowledge;
mod reference;
mod rule;
mod script;
mod split;
mod template;
mod walk;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_hidden;
#[cfg(test)]
mod tests_knowledge;

pub use declared::declared_images;
pub use facts::{Fact, FactKind};
pub use knowledge::{Conclusions, Implied, Knowledge};
pub use rule::Rule;
pub use walk::{read, read_mapped};

use crate::artifact::{Digest, GitUrl, HttpUrl, ImageRef, Repository};

/// What one file of an app's path leads to. Documents inside texts come after the document that holds them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileFindings {
    /// Images that the place proves: containers, image volumes, known fields, arguments and variables named for it.
    pub images: Vec<Found<ImageRef>>,
    /// Texts that look like images where nothing says so: to be confirmed by a registry or waived by a person.
    pub candidates: Vec<Found<ImageRef>>,
    /// Sources of Applications and dependencies of charts.
    pub sources: Vec<Found<Source>>,
    /// Remote values files, and what pods download when they start.
    pub files: Vec<Found<RemoteFile>>,
    /// URLs that may be downloads.
    pub file_candidates: Vec<Found<RemoteFile>>,
    /// What leads somewhere that cannot be seen into.
    pub opaque: Vec<Found<OpaqueReason>>,
    /// What the knowledge base draws its conclusions from.
    pub facts: Vec<Fact>,
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

/// A file that somebody downloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Where it is.
    pub url: HttpUrl,
    /// What it must be, where its document says so.
    pub digest: Option<Digest>,
}

/// One source of an Application, or one dependency of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What it points to.
    pub kind: SourceKind,
    /// The name that `$name/…` in the values files of sibling sources uses.
    pub ref_name: Option<String>,
    /// How it is rendered, when it is a chart that an Application deploys; `None` for what is only carried.
    pub helm: Option<HelmSettings>,
}

/// How an Application has its chart rendered (argo-cd `ApplicationSourceHelm`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct HelmSettings {
    /// Name of the release.
    pub release: Option<String>,
    /// Namespace of the release.
    pub namespace: Option<String>,
    /// Values files, in order.
    pub files: Vec<ValuesPlace>,
    /// Whether values files may be missing.
    pub ignore_missing: bool,
    /// Values as YAML or JSON text; they come after the files.
    pub values: Option<String>,
    /// What is set after that, in order.
    pub parameters: Vec<Parameter>,
    /// Values that are the contents of files.
    pub file_parameters: Vec<(String, ValuesPlace)>,
    /// Kubernetes version, when the Application overrides the cluster's.
    pub kube_version: Option<String>,
    /// API versions, when the Application overrides the cluster's.
    pub api_versions: Vec<String>,
    /// Whether test hooks are left out.
    pub skip_tests: bool,
}

/// One `--set` of an Application.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parameter {
    /// Path of the value, as Helm writes it.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether it stays a text whatever it looks like.
    pub force_string: bool,
}

/// Where a values file is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ValuesPlace {
    /// In the chart, or from its repository's root when it begins with `/`.
    Chart(String),
    /// In another source of the Application.
    Repo {
        /// The repository.
        url: GitUrl,
        /// Branch, tag or commit.
        revision: String,
        /// Path from its root.
        path: String,
    },
    /// Somewhere on the web.
    Url(HttpUrl),
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
