//! Image references as people write them, made canonical.
//!
//! Docker Hub's short forms are filled in the way containerd does it (distribution/reference `normalize.go`):
//! `nginx` is `docker.io/library/nginx:latest`. The host is kept as the first part of every inside name, so it must be explicit.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::digest::{Digest, DigestError};

/// Why a text is no image reference.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImageRefError {
    /// The host part is not a host name with an optional port.
    #[error("image {0:?}: {1:?} is not a registry host")]
    Host(String, String),
    /// The path is not lower-case parts divided by slashes.
    #[error(
        "image {0:?}: repository {1:?} must be lower-case letters, digits and single '.', '_', '-' between them, in parts divided by '/'"
    )]
    Path(String, String),
    /// The tag has other characters or is too long.
    #[error(
        "image {0:?}: tag {1:?} must be 1 to 128 letters, digits, '_', '.' or '-', and not start with '.' or '-'"
    )]
    Tag(String, String),
    /// The digest is malformed.
    #[error("image {0:?}: {1}")]
    Digest(String, DigestError),
}

/// A tag (distribution-spec: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// Reads a tag; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = text.bytes().enumerate().all(|(at, byte)| {
            byte.is_ascii_alphanumeric() || byte == b'_' || (at > 0 && matches!(byte, b'.' | b'-'))
        });
        (sound && (1..=128).contains(&text.len())).then(|| Self(text.to_owned()))
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A repository in a registry: host and path, both proven.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    host: String,
    path: String,
}

impl Repository {
    /// Joins a host and a path.
    pub fn new(host: &str, path: &str) -> Result<Self, ImageRefError> {
        let whole = format!("{host}/{path}");
        if !is_host(host) {
            return Err(ImageRefError::Host(whole, host.to_owned()));
        }
        if !is_path(path) {
            return Err(ImageRefError::Path(whole, path.to_owned()));
        }
        Ok(Self { host: host.to_ascii_lowercase(), path: path.to_owned() })
    }

    /// The registry as written by people, `docker.io` for Docker Hub.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path below the host, `library/nginx`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

/// What a reference points with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pointer {
    /// A tag alone.
    Tag(Tag),
    /// A digest alone.
    Digest(Digest),
    /// Both: the digest decides, the tag is a name for people that is carried too.
    Both(Tag, Digest),
}

/// A whole reference to an image or another artifact in a registry.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef {
    /// Where it lives.
    pub repository: Repository,
    /// Which one it is.
    pub pointer: Pointer,
}

impl ImageRef {
    /// Reads a reference and fills in Docker Hub's defaults and the tag `latest`.
    pub fn parse(text: &str) -> Result<Self, ImageRefError> {
        let fail_tag = |tag: &str| ImageRefError::Tag(text.to_owned(), tag.to_owned());
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (
                rest,
                Some(Digest::parse(digest).map_err(|e| ImageRefError::Digest(text.to_owned(), e))?),
            ),
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => {
                (name, Some(Tag::parse(tag).ok_or_else(|| fail_tag(tag))?))
            }
            _ => (rest, None),
        };
        let (host, path) = match name.split_once('/') {
            Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => {
                (first, path.to_owned())
            }
            Some(_) => ("docker.io", name.to_owned()),
            None => ("docker.io", format!("library/{name}")),
        };
        let (host, path) = match host {
            "index.docker.io" | "registry-1.docker.io" | "docker.io" if !path.contains('/') => {
                ("docker.io", format!("library/{path}"))
            }
            "index.docker.io" | "registry-1.docker.io" => ("docker.io", path),
            other => (other, path),
        };
        if !is_host(host) {
            return Err(ImageRefError::Host(text.to_owned(), host.to_owned()));
        }
        if !is_path(&path) {
            return Err(ImageRefError::Path(text.to_owned(), path));
        }
        let repository = Repository { host: host.to_ascii_lowercase(), path };
        let pointer = match (tag, digest) {
            (Some(tag), Some(digest)) => Pointer::Both(tag, digest),
            (Some(tag), None) => Pointer::Tag(tag),
            (None, Some(digest)) => Pointer::Digest(digest),
            (None, None) => Pointer::Tag(Tag("latest".to_owned())),
        };
        Ok(Self { repository, pointer })
    }

    /// The tag, if it has one.
    pub fn tag(&self) -> Option<&Tag> {
        match &self.pointer {
            Pointer::Tag(tag) | Pointer::Both(tag, _) => Some(tag),
            Pointer::Digest(_) => None,
        }
    }

    /// The digest, if it has one.
    pub fn digest(&self) -> Option<Digest> {
        match &self.pointer {
            Pointer::Digest(digest) | Pointer::Both(_, digest) => Some(*digest),
            Pointer::Tag(_) => None,
        }
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pointer {
            Pointer::Tag(tag) => write!(f, "{}:{tag}", self.repository),
            Pointer::Digest(digest) => write!(f, "{}@{digest}", self.repository),
            Pointer::Both(tag, digest) => write!(f, "{}:{tag}@{digest}", self.repository),
        }
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ImageRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ImageRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// `host[:port]`: DNS labels, an IPv4 address or `localhost`.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253
        && name.split('.').all(label)
        && port.is_none_or(|port| {
            (1..=5).contains(&port.len())
                && port.bytes().all(|b| b.is_ascii_digit())
                && port.parse::<u16>().is_ok()
        })
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` parts divided by `/` (distribution-spec).
fn is_path(text: &str) -> bool {
    let part = |part: &str| {
        let alnum = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = part.as_bytes();
        if bytes.is_empty() || !alnum(bytes[0]) || !alnum(bytes[bytes.len() - 1]) {
            return false;
        }
        part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).all(|divider| {
            matches!(divider, "" | "." | "_" | "__") || divider.bytes().all(|b| b == b'-')
        })
    };
    text.len() <= 255 && text.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_references_canonical() {
        let hex = "a".repeat(64);
        for (written, canonical) in [
            ("nginx", "docker.io/library/nginx:latest".to_owned()),
            ("bitnami/redis:7", "docker.io/bitnami/redis:7".to_owned()),
            ("docker.io/nginx:1", "docker.io/library/nginx:1".to_owned()),
            ("index.docker.io/library/nginx:1", "docker.io/library/nginx:1".to_owned()),
            ("quay.io/argoproj/argocd:v3.5.1", "quay.io/argoproj/argocd:v3.5.1".to_owned()),
            ("localhost/a", "localhost/a:latest".to_owned()),
            ("127.0.0.1:5000/a/b__c:x", "127.0.0.1:5000/a/b__c:x".to_owned()),
            (&format!("ghcr.io/x/y@sha256:{hex}"), format!("ghcr.io/x/y@sha256:{hex}")),
            (&format!("ghcr.io/x/y:1@sha256:{hex}"), format!("ghcr.io/x/y:1@sha256:{hex}")),
        ] {
            let parsed = ImageRef::parse(written).expect(written);
            assert_eq!(parsed.to_string(), canonical);
            assert_eq!(ImageRef::parse(&canonical).expect("canonical").to_string(), canonical);
        }
    }

    #[test]
    fn refuses_what_no_registry_takes() {
        for bad in [
            "",
            ":",
            "a:",
            "A/b",
            "quay.io/",
            "quay.io/../x",
            "quay.io/a//b",
            "quay.io/a:b c",
            "quay.io/a@sha256:12",
            "quay.io/a___b",
            "quay.io/.a",
            "{{ .Values.image }}",
            "$(params.x)",
            "-x.io/a",
            "quay.io:99999/a",
            "https://quay.io/a",
        ] {
            assert!(ImageRef::parse(bad).is_err(), "{bad}");
        }
    }
}
