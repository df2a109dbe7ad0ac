//! The room from outside: against a scripted server, hostile bytes, and a real registry where one is installed.

mod access;
mod manifests;
mod pull;
mod push;
mod real;
mod script;
