//! Tests from outside the library.

mod corpus;
mod inventories;
