//! The one integration binary: every test that looks at the program from outside.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a step that fails ends the test, in the helpers of tests too, and what is printed is shown with it"
)]

mod architecture;
mod build;
mod charts;
mod charts_argo;
mod charts_doubt;
mod corpus;
mod disk_full;
mod docs;
mod fetch_faults;
mod headline;
mod headline_corpus;
mod help;
mod inventories;
mod kill_inside;
mod kill_outside;
mod lock;
mod lock_git;
mod lock_refusals;
mod real_registry;
mod recall;
mod replay;
mod replay_faults;
mod replay_git;
mod replay_refusals;
mod secrets;
mod store_damage;
mod support;
mod terminal;
mod verify;
