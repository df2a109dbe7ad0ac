//! Platforms: operating system, architecture and variant, as image indexes name them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A platform such as `linux/amd64` or `linux/arm/v7` (image-spec, image-index.md).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// Why a text is no platform.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "platform {0:?} is not OS/ARCH or OS/ARCH/VARIANT, for example linux/amd64 or linux/arm/v7"
)]
pub struct PlatformError(String);

impl Platform {
    /// Reads `os/arch` or `os/arch/variant`.
    pub fn parse(text: &str) -> Result<Self, PlatformError> {
        let sound = |part: &&str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [os, architecture, rest @ ..] if rest.len() <= 1 && parts.iter().all(sound) => {
                Ok(Self {
                    os: (*os).to_owned(),
                    architecture: (*architecture).to_owned(),
                    variant: rest.first().map(|v| (*v).to_owned()),
                })
            }
            _ => Err(PlatformError(text.to_owned())),
        }
    }

    /// Whether an image index entry is for this platform.
    ///
    /// Without a variant any variant fits; `arm64` and its only variant `v8` are the same.
    pub fn fits(&self, os: &str, architecture: &str, variant: Option<&str>) -> bool {
        if self.os != os || self.architecture != architecture {
            return false;
        }
        match (&self.variant, variant) {
            (None, _) => true,
            (Some(want), Some(have)) => want == have,
            (Some(want), None) => self.architecture == "arm64" && want == "v8",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        Self::parse(text)
    }
}

impl Serialize for Platform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Platform {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_fits() {
        let arm = Platform::parse("linux/arm/v7").expect("sound");
        assert!(arm.fits("linux", "arm", Some("v7")));
        assert!(!arm.fits("linux", "arm", Some("v6")));
        assert!(Platform::parse("linux/arm").expect("sound").fits("linux", "arm", Some("v6")));
        assert!(Platform::parse("linux/arm64/v8").expect("sound").fits("linux", "arm64", None));
        for bad in ["linux", "linux/", "/amd64", "linux/amd64/v1/x", "Linux/amd64", "linux/../etc"]
        {
            assert!(Platform::parse(bad).is_err(), "{bad}");
        }
    }
}
