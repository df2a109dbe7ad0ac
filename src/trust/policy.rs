//! The keys a person trusts, and the proof.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

use crate::limits;
use crate::trust::{KeyError, KeyId, PublicKey};

/// Why nothing can be proven.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The file system refused.
    #[error("{}", .path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is too large for a key.
    #[error("{} is larger than a key file may be ({bytes_max} bytes)", .path.display())]
    Large {
        /// Which file.
        path: PathBuf,
        /// The bound.
        bytes_max: u64,
    },
    /// A `.pem` file holds no usable public key.
    #[error("{}", .path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// There is no `.pem` file in the folder.
    #[error("no *.pem file in {}", .0.display())]
    NoKeys(PathBuf),
    /// There are too many.
    #[error("more than {} keys in {}", .1, .0.display())]
    TooMany(PathBuf, usize),
    /// Nobody signed.
    #[error("not signed")]
    Unsigned,
    /// Signed, but by nobody who is trusted.
    #[error("signed by {}, trusted {}", names(.signed), names(.trusted))]
    UnknownKeys {
        /// Who signed, or says so.
        signed: Vec<KeyId>,
        /// Who is trusted.
        trusted: Vec<KeyId>,
    },
    /// A signature that names a trusted key was not made by it over these bytes.
    #[error("signature of key {0} does not fit: the list or the signature was changed")]
    Wrong(KeyId),
}

fn names(keys: &[KeyId]) -> String {
    let noun = if keys.len() == 1 { "key" } else { "keys" };
    let ids: Vec<String> = keys.iter().map(KeyId::to_string).collect();
    format!("{noun} {}", ids.join(", "))
}

/// The public keys that a person trusts. Never empty.
#[derive(Clone, Debug)]
pub struct Trust {
    keys: Vec<PublicKey>,
}

impl Trust {
    /// Reads every `*.pem` file of a folder. One that is no public key is an error: nobody should
    /// believe it counts.
    pub fn load(dir: &Path) -> Result<Self, TrustError> {
        let fail = |source| TrustError::Io { path: dir.to_owned(), source };
        let mut paths = Vec::new();
        for entry in fs::read_dir(dir).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            if path.extension().is_some_and(|extension| extension == "pem") {
                paths.push(path);
            }
            if paths.len() > limits::TRUST_KEYS_MAX {
                return Err(TrustError::TooMany(dir.to_owned(), limits::TRUST_KEYS_MAX));
            }
        }
        paths.sort();
        let mut keys = Vec::new();
        for path in paths {
            let text = read(&path)?;
            let key =
                PublicKey::from_pem(&text).map_err(|source| TrustError::Key { path, source })?;
            keys.push(key);
        }
        Self::of(keys).ok_or_else(|| TrustError::NoKeys(dir.to_owned()))
    }

    /// Trusts these keys. One key in two spellings counts once; no key at all is no trust.
    pub fn of(keys: impl IntoIterator<Item = PublicKey>) -> Option<Self> {
        let mut unique: Vec<PublicKey> = Vec::new();
        for key in keys {
            if !unique.contains(&key) {
                unique.push(key);
            }
        }
        (!unique.is_empty()).then_some(Self { keys: unique })
    }

    /// The short names of the keys.
    pub fn key_ids(&self) -> Vec<KeyId> {
        self.keys.iter().map(PublicKey::key_id).collect()
    }

    /// Proves that a trusted key signed exactly these bytes, and says which.
    ///
    /// Signatures of strangers are passed over. One that names a trusted key must be right, even
    /// beside a right one: it can only be wrong when something was changed.
    pub fn prove(&self, sums: &[u8], signatures: &[(KeyId, Vec<u8>)]) -> Result<KeyId, TrustError> {
        if signatures.is_empty() {
            return Err(TrustError::Unsigned);
        }
        let mut proven = None;
        for (id, signature) in signatures {
            let mut named = self.keys.iter().filter(|key| key.key_id() == *id).peekable();
            if named.peek().is_none() {
                continue;
            }
            if !named.any(|key| key.verify(sums, signature)) {
                return Err(TrustError::Wrong(*id));
            }
            proven = proven.or(Some(*id));
        }
        proven.ok_or_else(|| TrustError::UnknownKeys {
            signed: signatures.iter().map(|(id, _)| *id).collect(),
            trusted: self.key_ids(),
        })
    }
}

/// Reads a key file whole. Wiped afterwards, because a private key may have been put there by
/// mistake.
fn read(path: &Path) -> Result<Zeroizing<String>, TrustError> {
    let fail = |source| TrustError::Io { path: path.to_owned(), source };
    // A pipe or device would block or never end; a link in the person's own folder is theirs to
    // make.
    if !fs::metadata(path).map_err(fail)?.is_file() {
        return Err(fail(io::Error::new(io::ErrorKind::InvalidInput, "not a plain file")));
    }
    let bytes_max = limits::KEY_BYTES_MAX;
    let mut text = Zeroizing::new(String::new());
    let file = File::open(path).map_err(fail)?;
    let size_bytes = file.take(bytes_max + 1).read_to_string(&mut text).map_err(fail)?;
    if size_bytes as u64 > bytes_max {
        return Err(TrustError::Large { path: path.to_owned(), bytes_max });
    }
    Ok(text)
}
