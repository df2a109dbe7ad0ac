//! How registries speak: references to bytes and back, both sides of the gap.
//!
//! [`Store`] keeps blobs by digest. Nothing of the client library's types leaves this room.

mod store;

pub use store::{Partial, Store, StoreError};
