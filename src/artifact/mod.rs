//! The words: digests, image references, platforms and names. No input or output at all.
//!
//! Everything here is a value with one validating constructor, so that a digest, tag or name that exists is sound.
//! Any room may import this one; it imports `limits` only.

mod digest;
mod image_ref;
mod kind;
mod name;
mod place;
mod platform;
mod version;

pub use digest::{Digest, DigestError, Hasher, VerifyError, VerifyReader};
pub use image_ref::{ImageRef, ImageRefError, Pointer, Repository, Tag};
pub use kind::Kind;
pub use name::{FileName, NameError, ReleaseName};
pub use place::{ChartRepo, GitUrl, HttpUrl, PlaceError};
pub use platform::{Platform, PlatformError};
pub use version::{VersionRange, VersionRangeError, parse_version};
