//! How registries speak: references to bytes and back, both sides of the gap.
//!
//! [`Registries`] asks and tells registries (OCI distribution-spec 1.1 and its Docker ancestor), [`Keychain`] holds their
//! credentials, [`Manifest`] is raw bytes beside what they say, [`Store`] keeps blobs by digest, [`layout`] writes the two
//! files of an OCI image layout.
//!
//! The wire is ours, on top of [`crate::net::Network`]. The crate `oci_distribution` gives media types, descriptors and
//! error envelopes; its client is not used, because it hides `Retry-After`, reads OCI manifests without a bound, makes its
//! own sockets, cannot renew a token in the middle of an upload and follows the `urls` of a manifest. None of its types
//! leave this room.
//!
//! This room never changes a byte of what it carries, never converts a media type, and never sends credentials to a host
//! that they were not given for. Rooms from level 4 upwards may import it.

mod auth;
mod challenge;
mod error;
mod fetch;
pub mod layout;
mod manifest;
mod remote;
mod store;
#[cfg(test)]
mod tests;
mod token;
mod upload;
mod wire;

pub use auth::Keychain;
pub use error::{OciError, Place};
pub use manifest::{
    Annotations, Child, Layer, Manifest, ManifestError, Parsed, Referrer, artifact_manifest,
    media_type, referrers_index,
};
pub use remote::{Head, PutAnswer};
pub use store::{Opened, Partial, Store, StoreError};
pub use upload::{BlobPush, Open, Pushed};
pub use wire::Registries;
