//! The one integration binary: every test that looks at the program from outside.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a step that fails ends the test, in the helpers of tests too"
)]

mod architecture;
mod build;
mod corpus;
mod docs;
mod fetch_faults;
mod help;
mod inventories;
mod kill_outside;
mod lock;
mod lock_git;
mod lock_refusals;
mod replay;
mod secrets;
mod store_damage;
mod support;
mod verify;
