//! Why a replay stopped.

use thiserror::Error;

use crate::artifact::Digest;
use crate::git::GitError;
use crate::oci::OciError;
use crate::replay::names::Collision;

/// Why a replay could not be planned or applied.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The registry failed or refused.
    #[error(transparent)]
    Registry(#[from] OciError),
    /// The git server failed or refused.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Two sources would land on one name.
    #[error("{} inside names are wanted by more than one source", .0.len())]
    Collisions(Vec<Collision>),
    /// Reading the bundle failed after it was verified: the medium changed or broke.
    #[error("blob {digest} of the bundle")]
    Bundle {
        /// Which blob.
        digest: Digest,
        /// Why.
        source: std::io::Error,
    },
    /// The bundle says something that does not fit together.
    #[error("{what} does not fit together: {detail}")]
    Unsound {
        /// Which artifact.
        what: String,
        /// What is wrong.
        detail: String,
    },
    /// The site file has no git server, and the bundle has repositories.
    #[error("the bundle carries git repositories ({0}) and the site file names no git server")]
    NoGit(usize),
    /// The site file has no registry, and the bundle has registry content.
    #[error("the bundle carries content for a registry ({0}) and the site file names none")]
    NoRegistry(usize),
    /// Owner or name of a repository outside cannot be a name inside.
    #[error("{url}: its owner and name outside cannot be names inside")]
    NoName {
        /// URL outside.
        url: String,
    },
    /// Refs have other history inside.
    #[error("{} refs have other history inside than in the bundle", .0.len())]
    Diverged(Vec<String>),
    /// Tags would move and the site file forbids it.
    #[error("{} tags inside point to something else", .0.len())]
    TagsMove(Vec<String>),
    /// The registry refuses indexes without all their platforms.
    #[error("{reference}: the registry refuses an index whose other platforms are not carried")]
    Sparse {
        /// Which image.
        reference: String,
        /// What the registry said.
        source: OciError,
    },
    /// Refs were refused one by one.
    #[error("{url}: {} refs were refused", .refused.len())]
    RefsRefused {
        /// Which repository.
        url: String,
        /// Each ref and the server's reason.
        refused: Vec<(String, String)>,
    },
    /// What was read back is not what was sent.
    #[error("{what}: read back {got} instead of {want}")]
    ReadBack {
        /// What was asked for.
        what: String,
        /// What should be there.
        want: String,
        /// What is there.
        got: String,
    },
}
