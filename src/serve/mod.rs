//! An OCI registry, a git server and a place for plain files, in one process: the embedded default.
//!
//! [`start`] opens a port and serves a folder until the [`Server`] is stopped: `DIR/blobs` and
//! `DIR/registry` are the registry (distribution-spec 1.1), `DIR/git` holds bare repositories
//! spoken to by smart HTTP, `DIR/files` is handed out read-only. What was answered with 201 is on
//! the disk: it survives `kill -9` and the loss of power.
//!
//! It must never: keep a body in memory, make a path from a name that was not proven, answer 201
//! before the bytes are synced, or reach out to any other host. Only `cli` and tests may import
//! this room.

mod access;
mod answer;
mod blobs;
mod durable;
mod files;
mod git;
mod head;
mod listing;
mod manifests;
mod page;
mod paths;
mod range;
mod registry;
mod server;
mod shelf;
mod uploads;

#[cfg(test)]
mod tests;

pub use access::Users;
pub use server::{Options, ServeError, Server, Sparse, start};
