//! The functions that Helm's templates call: Sprig's, and Helm's own for YAML, JSON and TOML.
//!
//! They do what Masterminds/sprig 3.3 and Helm 4 do, with three exceptions that a reproducible lock asks for: chance comes
//! from a seed, time stands still, and nothing reaches the environment or the network. `helm` imports it.

mod cast;
mod certificates;
mod chance;
mod clock_reader;
mod codecs;
mod constraint;
mod dates;
mod decimal;
mod defaults;
mod der;
mod dicts;
mod duration;
mod encode;
mod floats;
mod flow;
mod json;
mod json_read;
mod keys;
mod layout;
mod lists;
mod merge;
mod moment;
mod names;
mod numbers;
mod paths;
mod pattern;
mod print;
mod regex;
mod runes;
mod secrets;
mod splits;
mod stock_keys;
mod strings;
mod toml;
mod urls;
mod versions;
mod words;
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

#[cfg(test)]
mod codec_facts;
#[cfg(test)]
mod dates_tests;
#[cfg(test)]
mod double;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod urls_tests;

pub use json::write_json;
pub use json_read::read_json;
pub use toml::{read_toml, write_toml};
pub use yaml_read::{duplicate_keys, read_yaml};
pub use yaml_write::write_yaml;

use crate::template::Functions;

/// All functions.
pub fn functions() -> Functions {
    Functions::default()
        .with(cast::ALL)
        .with(certificates::ALL)
        .with(chance::ALL)
        .with(codecs::ALL)
        .with(dates::ALL)
        .with(defaults::ALL)
        .with(dicts::ALL)
        .with(encode::ALL)
        .with(flow::ALL)
        .with(keys::ALL)
        .with(lists::ALL)
        .with(names::ALL)
        .with(numbers::ALL)
        .with(paths::ALL)
        .with(regex::ALL)
        .with(secrets::ALL)
        .with(splits::ALL)
        .with(strings::ALL)
        .with(urls::ALL)
        .with(versions::ALL)
        .with(words::ALL)
}

#[cfg(test)]
mod groups {
    /// Sprig 3.3's names of these groups, and Helm's own of the last line.
    const NAMES: &str = "
        dict get set unset hasKey pluck keys pick omit merge mergeOverwrite mustMerge
        mustMergeOverwrite values deepCopy mustDeepCopy dig
        sha1sum sha256sum sha512sum adler32sum bcrypt htpasswd derivePassword encryptAES decryptAES
        genPrivateKey buildCustomCert genCA genCAWithKey genSelfSignedCert genSelfSignedCertWithKey
        genSignedCert genSignedCertWithKey
        randAlphaNum randAlpha randAscii randNumeric randInt randBytes uuidv4
        semver semverCompare
        base dir clean ext isAbs osBase osClean osDir osExt osIsAbs
        hello fail getHostByName
        include tpl required lookup";

    #[test]
    fn knows_every_name_of_its_groups() {
        let functions = super::functions();
        let missing: Vec<_> =
            NAMES.split_whitespace().filter(|name| functions.get(name).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn does_not_reach_the_environment() {
        for name in ["env", "expandenv"] {
            assert!(super::functions().get(name).is_none(), "{name}");
        }
    }
}
