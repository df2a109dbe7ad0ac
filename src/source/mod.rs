//! Where a thing comes from: pins it at lock time, fetches it at build time.
//!
//! One file per kind. Everything lands in the content-addressed [`Store`], checked on its way in; what was fetched to be
//! looked at while locking is not fetched again while building. Only `resolve` and `build` may import this room:
//! the isolated side never does.

mod chart;
mod error;
mod file;
mod image;
mod repo;

pub use chart::PinnedChart;
pub use error::SourceError;
pub use repo::{RepoView, Revision};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use crate::artifact::{Digest, Repository};
use crate::git::Git;
use crate::helm::ChartIndex;
use crate::lock::Descriptor;
use crate::net::Network;
use crate::oci::{Registries, Store};
use crate::report::Report;

/// Everything that reaching outside takes. Made once from what the user typed, handed down by reference.
#[derive(Clone)]
pub struct Sources {
    /// Registries, with credentials.
    pub registries: Registries,
    /// Chart repositories and files.
    pub network: Network,
    /// Git repositories.
    pub git: Git,
    /// Where what comes is kept.
    pub store: Store,
    /// Who is told.
    pub report: Report,
    /// What one run does not ask for twice.
    shared: Arc<Shared>,
}

/// What the parallel parts of one run share.
#[derive(Default)]
struct Shared {
    /// One lock for each blob on its way: images share layers, and each is fetched once.
    under_way: Mutex<BTreeMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
    /// Indexes of chart repositories, by URL.
    indexes: Mutex<BTreeMap<String, Arc<OnceCell<ChartIndex>>>>,
}

impl Sources {
    /// Joins the clients and the store.
    pub fn new(clients: Clients, store: Store, report: Report) -> Self {
        let Clients { registries, network, git } = clients;
        Self { registries, network, git, store, report, shared: Arc::default() }
    }
}

/// The three ways of reaching outside.
pub struct Clients {
    /// Registries, with credentials.
    pub registries: Registries,
    /// Chart repositories and files.
    pub network: Network,
    /// Git repositories.
    pub git: Git,
}

/// An artifact whose shape is known: its root, and every blob below it in a fixed order.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The OCI manifest or index that stands for the artifact.
    pub root: Descriptor,
    /// All blobs, the root and other OCI manifests included, each once.
    pub blobs: Vec<Descriptor>,
    /// Those of them that may not be in the store yet.
    pub layers: Vec<Layer>,
}

/// A blob and the repository that has it.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Where it is.
    pub repository: Repository,
    /// What it is.
    pub descriptor: Descriptor,
}
