//! The functions that Helm's templates call: Sprig's, and Helm's own for YAML, JSON and TOML.
//!
//! They do what Masterminds/sprig 3.3 and Helm 4 do, with three exceptions that a reproducible lock asks for: chance comes
//! from a seed, time stands still, and nothing reaches the environment or the network. `helm` imports it.
