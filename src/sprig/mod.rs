//! The functions that Helm's templates call: Sprig's, and Helm's own for YAML, JSON and TOML.
//!
//! They do what Masterminds/sprig 3.3 and Helm 4 do, with three exceptions that a reproducible lock asks for: chance comes
//! from a seed, time stands still, and nothing reaches the environment or the network. `helm` imports it.

#[cfg(test)]
mod codec_facts;
mod codecs;
mod floats;
mod json;
mod json_read;
mod toml;
mod yaml_cursor;
mod yaml_go_syntax;
mod yaml_parse;
mod yaml_read;
mod yaml_scalar;
mod yaml_scan;
mod yaml_scan_scalar;
mod yaml_scan_tag;
mod yaml_sort;
mod yaml_text;
mod yaml_write;

pub use json::write_json;
pub use json_read::read_json;
pub use toml::{read_toml, write_toml};
pub use yaml_read::{duplicate_keys, read_yaml};
pub use yaml_write::write_yaml;

use crate::template::Functions;

/// All functions.
pub fn functions() -> Functions {
    Functions::default().with(codecs::ALL)
}
