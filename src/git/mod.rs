//! How git speaks: for now only its server programs, which `serve` starts.

mod service;

pub use service::{
    Git, GitError, GitOptions, Service, ServiceProcess, advertise, init_bare, protocol_header, run,
    set_head,
};
