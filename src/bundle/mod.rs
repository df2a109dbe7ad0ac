//! The bundle: what is carried by hand. Draft → Sealed → Verified, one way from each to the next.
//!
//! `FORMAT.md` says what the bytes mean; `sums`, `contents` and `frame` hold writer and reader of
//! each part side by side. A [`Draft`] is a folder in the making. A [`Sealed`] folder can be
//! listed, and what it says is *claimed*. Only a [`Verified`] one yields blobs, and each blob still
//! proves its own size and digest.
//!
//! Never here: the network, processes, printing, a reader that skips a proof. A bundle that is read
//! is never written to. Imported by `replay`, `serve` and `cli`; must never import
//! `source` or `resolve`.

mod contents;
mod draft;
mod error;
mod frame;
mod listing;
mod open;
mod pack;
mod parallel;
mod seal;
mod sums;
#[cfg(test)]
mod tests;
mod verified;
mod verify;

pub use contents::{Artifact, BlobEntry, Contents, ContentsError, Encoding, IndexEntry};
pub use draft::{BlobSource, Draft, DraftInput, Flush, PackOptions};
pub use error::{Blame, BundleError, DamagedBlob, DamagedFile, VerifyFailure};
pub use open::Sealed;
pub use seal::CHECKPOINTS;
pub use sums::{Sums, SumsError};
pub use verified::{Blob, Verified};
