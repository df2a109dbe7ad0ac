//! The one integration binary: every test that looks at the program from outside.

mod architecture;
mod corpus;
mod inventories;
mod replay;
mod support;
mod verify;
