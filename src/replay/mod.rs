//! Verified → Plan → Receipt: puts a bundle's content into a registry and a git server.
//!
//! Only a [`Verified`](crate::bundle::Verified) bundle can be planned and only a [`Plan`] can be applied. The target is the
//! truth: planning asks it what is there, applying sends what is not, and a second replay therefore only asks.
//! Order: blobs, OCI manifests (children first), referrers, git refs, tags last; so a killed replay is invisible.
//! This room never imports `source` or `resolve`, and talks to the site's two hosts alone.

mod apply;
mod ask;
mod error;
mod git;
mod names;
mod plan;
mod receipt;
mod registry;
mod site;

pub use error::ReplayError;
pub use names::{Collision, inside_path};
pub use plan::{GitPlan, ImagePlan, ManifestState, Plan, RefPlan, RefState, TagPlan};
pub use receipt::Receipt;
pub use site::{Credentials, GitKind, GitSite, RegistrySite, Site, SparseIndex};

use crate::net::Network;
use crate::oci::Registries;
use crate::report::Report;
use crate::secret::Secret;

/// User and password for the git server.
pub type GitLogin = Option<(String, Secret<String>)>;

/// Everything that reaching the site takes. Made by the command line from the site file.
#[derive(Clone)]
pub struct Reach {
    /// The site's registry.
    pub registries: Registries,
    /// The site's git server.
    pub network: Network,
    /// Who is told.
    pub report: Report,
}
