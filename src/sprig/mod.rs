//! The functions that Helm's templates call: Sprig's, and Helm's own for YAML, JSON and TOML.
//!
//! They do what Masterminds/sprig 3.3 and Helm 4 do, with three exceptions that a reproducible lock asks for: chance comes
//! from a seed, time stands still, and nothing reaches the environment or the network. `helm` imports it.

mod cast;
mod clock_reader;
mod dates;
#[cfg(test)]
mod dates_tests;
mod decimal;
mod defaults;
mod duration;
mod encode;
mod layout;
mod lists;
mod moment;
mod names;
mod numbers;
mod pattern;
mod print;
mod regex;
mod runes;
mod splits;
mod strings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod urls;
#[cfg(test)]
mod urls_tests;
mod words;

use crate::template::Functions;

/// All functions, by name.
pub fn functions() -> Functions {
    Functions::default()
        .with(strings::ALL)
        .with(words::ALL)
        .with(names::ALL)
        .with(encode::ALL)
        .with(splits::ALL)
        .with(regex::ALL)
        .with(defaults::ALL)
        .with(cast::ALL)
        .with(numbers::ALL)
        .with(lists::ALL)
        .with(dates::ALL)
        .with(urls::ALL)
}
