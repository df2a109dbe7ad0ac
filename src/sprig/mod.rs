//! The functions that Helm's templates call: Sprig's, and Helm's own for YAML, JSON and TOML.
//!
//! They do what Masterminds/sprig 3.3 and Helm 4 do, with three exceptions that a reproducible lock asks for: chance comes
//! from a seed, time stands still, and nothing reaches the environment or the network. `helm` imports it.

mod certificates;
mod chance;
mod constraint;
mod der;
mod dicts;
mod flow;
mod keys;
mod merge;
mod paths;
mod secrets;
mod stock_keys;
mod versions;

#[cfg(test)]
mod double;

use crate::template::Functions;

/// All functions.
pub fn functions() -> Functions {
    Functions::default()
        .with(certificates::ALL)
        .with(chance::ALL)
        .with(dicts::ALL)
        .with(flow::ALL)
        .with(keys::ALL)
        .with(paths::ALL)
        .with(secrets::ALL)
        .with(versions::ALL)
}
