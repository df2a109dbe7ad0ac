//! SHA-256 digests, and the reader that cannot forget to check one.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A SHA-256 digest in its OCI form, `sha256:` and 64 lower-case hex digits (image-spec, descriptor.md).
///
/// SHA-512 is allowed by the OCI specification and refused here: a bundle format knows exactly one algorithm.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Why a text is no digest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DigestError {
    /// The part before `:` is not `sha256`.
    #[error("digest {0:?} is not sha256: bundles of this format carry sha256 only")]
    Algorithm(String),
    /// The part after `:` is not 64 lower-case hex digits.
    #[error("digest {0:?} is not \"sha256:\" and 64 lower-case hex digits")]
    Malformed(String),
}

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads `sha256:<hex>`.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        match text.split_once(':') {
            Some(("sha256", hex)) => Self::from_hex(hex),
            Some((algorithm, _)) if !algorithm.is_empty() && !text.contains('/') => {
                Err(DigestError::Algorithm(text.to_owned()))
            }
            _ => Err(DigestError::Malformed(text.to_owned())),
        }
    }

    /// Reads the 64 hex digits alone, as in `SHA256SUMS` and in an OCI layout's file names.
    pub fn from_hex(hex: &str) -> Result<Self, DigestError> {
        let malformed = || DigestError::Malformed(hex.to_owned());
        let digits = hex.as_bytes();
        if digits.len() != 64 {
            return Err(malformed());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let value = |digit: u8| match digit {
                b'0'..=b'9' => Ok(digit - b'0'),
                b'a'..=b'f' => Ok(digit - b'a' + 10),
                _ => Err(malformed()),
            };
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        Ok(Self(bytes))
    }

    /// The 64 hex digits.
    pub fn hex(&self) -> String {
        use fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The first 12 hex digits, for people.
    pub fn short(&self) -> String {
        self.hex()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        Self::parse(text)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A digest in the making: feed it bytes, then finish.
#[derive(Clone, Default)]
pub struct Hasher {
    sha: Sha256,
    size_bytes: u64,
}

impl Hasher {
    /// Starts with no bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha.update(bytes);
        self.size_bytes += bytes.len() as u64;
    }

    /// How many bytes it has seen.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Ends it.
    pub fn finish(self) -> Digest {
        Digest(self.sha.finalize().into())
    }
}

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was wrong with bytes that should have had a certain size and digest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// The stream ended early.
    #[error("{got} bytes instead of {want}: cut short")]
    Short {
        /// Bytes announced.
        want: u64,
        /// Bytes that came.
        got: u64,
    },
    /// The stream went on after its end.
    #[error("more than {want} bytes")]
    Long {
        /// Bytes announced.
        want: u64,
    },
    /// All bytes came, but not the right ones.
    #[error("digest {got} instead of {want}")]
    Wrong {
        /// Digest announced.
        want: Digest,
        /// Digest of what came.
        got: Digest,
    },
}

/// Reads exactly `size_bytes` bytes and proves their digest before it reports the end.
///
/// Errors come as [`io::ErrorKind::InvalidData`] with a [`VerifyError`] inside.
pub struct VerifyReader<R> {
    inner: R,
    hasher: Option<Hasher>,
    want: Digest,
    size_bytes: u64,
}

impl<R: Read> VerifyReader<R> {
    /// Wraps a reader.
    pub fn new(inner: R, want: Digest, size_bytes: u64) -> Self {
        Self { inner, hasher: Some(Hasher::new()), want, size_bytes }
    }
}

impl<R: Read> Read for VerifyReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let invalid = |error: VerifyError| io::Error::new(io::ErrorKind::InvalidData, error);
        let Some(hasher) = self.hasher.as_mut() else { return Ok(0) };
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        if count > 0 {
            hasher.update(&buffer[..count]);
            if hasher.size_bytes() > self.size_bytes {
                return Err(invalid(VerifyError::Long { want: self.size_bytes }));
            }
            return Ok(count);
        }
        let got_bytes = hasher.size_bytes();
        if got_bytes < self.size_bytes {
            return Err(invalid(VerifyError::Short { want: self.size_bytes, got: got_bytes }));
        }
        let got = self.hasher.take().map_or(self.want, Hasher::finish);
        if got != self.want {
            return Err(invalid(VerifyError::Wrong { want: self.want, got }));
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_only_the_canonical_form() {
        let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(Digest::parse(&format!("sha256:{hex}")), Ok(Digest::of(b"test")));
        for bad in [
            hex,
            "sha256:9f",
            &format!("sha256:{}", hex.to_uppercase()),
            "sha256:../../etc/passwd",
            "",
            ":",
        ] {
            assert!(Digest::parse(bad).is_err(), "{bad}");
        }
        assert!(matches!(Digest::parse("sha512:00"), Err(DigestError::Algorithm(_))));
    }

    #[test]
    fn the_reader_tells_short_long_and_wrong_apart() {
        let read = |bytes: &[u8], size: u64| {
            let mut out = Vec::new();
            VerifyReader::new(bytes, Digest::of(b"hello"), size).read_to_end(&mut out).map_err(
                |error| {
                    error.into_inner().and_then(|e| e.downcast::<VerifyError>().ok()).map(|e| *e)
                },
            )
        };
        assert_eq!(read(b"hello", 5), Ok(5));
        assert_eq!(read(b"hell", 5), Err(Some(VerifyError::Short { want: 5, got: 4 })));
        assert_eq!(read(b"hello!", 5), Err(Some(VerifyError::Long { want: 5 })));
        assert!(matches!(read(b"hallo", 5), Err(Some(VerifyError::Wrong { .. }))));
    }
}
