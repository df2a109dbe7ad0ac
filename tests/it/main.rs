//! The one integration binary: every test that looks at the program from outside.

mod architecture;
mod corpus;
mod docs;
mod help;
mod inventories;
mod lock;
mod lock_git;
mod lock_refusals;
mod replay;
mod support;
mod verify;
