//! How git speaks: mirrors and bundle files on the connected side, pushing and serving on the isolated side.
//!
//! The connected side drives the `git` program, so that a person's credential helpers and ssh work. The isolated side
//! needs none to push: [`Remote`] sends a carried pack to `git-receive-pack` over smart HTTP by itself.
//! A git bundle is a list of refs and one self-contained pack, so there is no object database to keep.
//!
//! [`Git`] is the only place of the library that starts `git`. Nothing here ever checks files out, runs a hook, follows
//! a submodule, or puts a credential into an argument, an environment or an error text. All that comes from a server, a
//! repository or a bundle is hostile: it is bounded, and escaped before anybody sees it.
//!
//! May be imported by `source`, `resolve`, `bundle`, `replay`, `serve` and `cli`.

mod advertisement;
mod bundle_file;
mod bundle_write;
mod error;
mod gitea;
mod graph;
mod mirror;
mod pktline;
mod program;
mod push;
mod refs;
mod report_status;
mod service;
mod tree;
mod upload;

#[cfg(test)]
mod bridge;
#[cfg(test)]
mod tests;

pub use advertisement::{Advertisement, Change, Standing, classify};
pub use bundle_file::{BundleFile, BundleHeader, ObjectFormat, read_header};
pub use error::GitError;
pub use gitea::{Ensured, Gitea};
pub use graph::{CommitGraph, is_ancestor};
pub use mirror::Mirror;
pub use program::{Git, GitOptions};
pub use push::{RefUpdate, Remote};
pub use refs::{RemoteRef, RemoteRefs, Selection, select};
pub use report_status::RefStatus;
pub use service::{Service, ServiceProcess, advertise, init_bare, protocol_header, run, set_head};
pub use tree::{Inspection, LfsPointer, Submodule, TreeEntry};
pub use upload::PackSource;
