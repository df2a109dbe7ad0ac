//! What can go wrong, and whose fault it is.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::artifact::{Digest, FileName, NameError, VerifyError};
use crate::bundle::{ContentsError, SumsError};
use crate::trust::TrustError;

/// Whose fault a failure is. The command line turns it into an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// What the user asked for cannot be done so.
    Input,
    /// The bundle is not signed by anybody trusted.
    Trust,
    /// Bytes are missing, changed, or not of the format.
    Damage,
    /// The file system or the machine.
    System,
}

/// Why no bundle came about.
#[derive(Debug, Error)]
pub enum BundleError {
    /// The file system refused.
    #[error("{}", .path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another run builds the same bundle.
    #[error("another run is building {}", .0.display())]
    Busy(PathBuf),
    /// The place is taken by other contents.
    #[error("{} exists with other contents: give this one another version", .0.display())]
    Exists(PathBuf),
    /// Nobody would sign.
    #[error("no key to sign with")]
    NoSigner,
    /// The version does not make a folder name.
    #[error("version of the bundle")]
    Version(#[source] NameError),
    /// The pack size is out of range.
    #[error("part size {0} is not between {1} and {2} bytes")]
    PartSize(u64, u64, u64),
    /// The compression level is out of range.
    #[error("compression level {0} is not between 1 and {1}")]
    Level(i32, i32),
    /// A blob fits no pack.
    #[error("blob {digest} has {size_bytes} bytes and fits no pack: packs end below 4 GiB")]
    LargeBlob {
        /// Which blob.
        digest: Digest,
        /// Its size.
        size_bytes: u64,
    },
    /// More packs than a bundle may have.
    #[error("more than {0} packs: choose a larger part size")]
    Packs(usize),
    /// What should be packed does not belong together.
    #[error("contents of the bundle")]
    Contents(#[source] ContentsError),
    /// A blob in the store is not what its name says.
    #[error("blob {digest} is damaged where it is kept")]
    Damaged {
        /// Which blob: drop it, so that it is fetched again.
        digest: Digest,
        /// What is wrong with it.
        source: VerifyError,
    },
    /// A blob in the store could not be read.
    #[error("blob {digest} could not be read from where it is kept")]
    Source {
        /// Which blob.
        digest: Digest,
        /// Why.
        source: io::Error,
    },
    /// The sealed folder could not be opened again.
    #[error("the bundle that was just sealed")]
    Reopen(#[source] Box<VerifyFailure>),
}

impl BundleError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Io { .. } | Self::Busy(_) | Self::Source { .. } => Blame::System,
            Self::Exists(_)
            | Self::NoSigner
            | Self::Version(_)
            | Self::PartSize(..)
            | Self::Level(..)
            | Self::LargeBlob { .. }
            | Self::Packs(_)
            | Self::Contents(_) => Blame::Input,
            Self::Damaged { .. } => Blame::Damage,
            Self::Reopen(failure) => failure.blame(),
        }
    }
}

/// A file of the bundle that is not what the signed list says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedFile {
    /// Which file.
    pub name: FileName,
    /// What is wrong with it.
    pub fault: VerifyError,
}

/// A frame of a pack that does not hold what `bundle.json` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedBlob {
    /// Which file.
    pub pack: FileName,
    /// Which blob; absent for the first and last frames of a pack.
    pub digest: Option<Digest>,
    /// What is wrong with it.
    pub fault: String,
}

/// Why a bundle, or a blob of it, is not to be used.
///
/// Names that come from the folder are shown quoted, so that they cannot steer a terminal.
#[derive(Debug, Error)]
pub enum VerifyFailure {
    /// The medium or file system refused.
    #[error("{}", .path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no list in the folder.
    #[error("no SHA256SUMS in {}: not a bundle, or not all of it was copied", .0.display())]
    NoSums(PathBuf),
    /// There are more files than a bundle may have.
    #[error("more than {} files in {}", .1, .0.display())]
    Files(PathBuf, usize),
    /// A file is larger than one of its kind may be.
    #[error("{name} is larger than {bytes_max} bytes")]
    Large {
        /// Which file.
        name: String,
        /// The bound.
        bytes_max: u64,
    },
    /// Nobody trusted signed exactly this list.
    #[error(transparent)]
    Trust(TrustError),
    /// The list is not of the format.
    #[error("SHA256SUMS")]
    Sums(#[source] SumsError),
    /// A file that the list does not know.
    #[error("{0:?} is in the folder and not in SHA256SUMS")]
    Extra(String),
    /// Files that the list knows are not there.
    #[error("missing: {}", .0.iter().map(FileName::as_str).collect::<Vec<_>>().join(", "))]
    Missing(Vec<FileName>),
    /// A symbolic link: what it points to is not on the medium.
    #[error("{0:?} is a symbolic link")]
    Symlink(String),
    /// A folder inside the bundle.
    #[error("{0:?} is a folder")]
    Folder(String),
    /// A device, pipe or socket.
    #[error("{0:?} is a device, pipe or socket")]
    Special(String),
    /// A name that no file of a bundle has.
    #[error("{0:?} is no name of a file in a bundle")]
    OddName(String),
    /// Two names that some file systems hold to be one.
    #[error("{0:?} and {1:?} differ in case only")]
    CaseClash(String, String),
    /// A file became another one while it was read.
    #[error("{0:?} was replaced while it was read")]
    Replaced(String),
    /// Files are not what the signed list says; all of them.
    #[error("damaged: {}", files(.0))]
    Damaged(Vec<DamagedFile>),
    /// The contents are not of the format, or cannot be true.
    #[error("contents of the bundle")]
    Contents(#[source] ContentsError),
    /// Frames do not hold what the contents say; all of them.
    #[error("damaged inside: {}", blobs(.0))]
    Inside(Vec<DamagedBlob>),
    /// The bundle does not carry this blob.
    #[error("blob {0} is not in the bundle")]
    NoBlob(Digest),
}

fn files(damaged: &[DamagedFile]) -> String {
    let words = damaged.iter().map(|file| format!("{} ({})", file.name, file.fault));
    words.collect::<Vec<_>>().join(", ")
}

fn blobs(damaged: &[DamagedBlob]) -> String {
    let words = damaged.iter().map(|blob| match blob.digest {
        Some(digest) => format!("{digest} in {} ({})", blob.pack, blob.fault),
        None => format!("{} ({})", blob.pack, blob.fault),
    });
    words.collect::<Vec<_>>().join(", ")
}

impl VerifyFailure {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Io { .. } => Blame::System,
            // A key or folder of the user's that cannot be read is not the bundle's fault.
            Self::Trust(
                TrustError::Unsigned | TrustError::UnknownKeys { .. } | TrustError::Wrong(_),
            ) => Blame::Trust,
            Self::Trust(_) | Self::NoBlob(_) => Blame::Input,
            _ => Blame::Damage,
        }
    }
}
