//! Names that become file names: proven before any path is made from them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// A character outside the allowed set, or an empty name.
    #[error(
        "name {0:?} must start with a letter or digit and go on with letters, digits, '.', '_' or '-'"
    )]
    Characters(String),
    /// Too long for common file systems.
    #[error("name {0:?} is longer than {1} characters")]
    Long(String, usize),
}

fn check(text: &str, length_max: usize) -> Result<(), NameError> {
    let sound = text.bytes().enumerate().all(|(at, byte)| {
        byte.is_ascii_alphanumeric() || (at > 0 && matches!(byte, b'.' | b'_' | b'-'))
    });
    if text.is_empty() || !sound {
        return Err(NameError::Characters(text.to_owned()));
    }
    if text.len() > length_max {
        return Err(NameError::Long(text.to_owned(), length_max));
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $length_max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// Takes a text that fits the rule, refuses any other.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                check(text, $length_max)?;
                Ok(Self(text.to_owned()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// The name of a file in a bundle folder: `^[A-Za-z0-9][A-Za-z0-9._-]*$`, at most 200 characters, so it is flat and never `.` or `..`.
    FileName,
    200
);
name!(
    /// The name or the version of a bundle: same rule, at most 64 characters, because both end up in a folder's name.
    ReleaseName,
    64
);

impl FileName {
    /// The form in which two names are compared on file systems that ignore case.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_plain_names_only() {
        for good in ["SHA256SUMS", "pack-0001.tar.zst", "a", "1.4.0"] {
            assert!(FileName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", ".hidden", "a/b", "a\\b", "-x", "a b", "a\n", "ü", "C:x"] {
            assert!(FileName::parse(bad).is_err(), "{bad}");
        }
        assert!(ReleaseName::parse(&"x".repeat(65)).is_err());
    }
}
