//! From the text of a URL to proven names. No path on the disk is made from anything else.

use std::fmt;

use crate::artifact::{Digest, Repository, Tag};

/// A repository's name (distribution-spec, "Pulling manifests"): lower-case parts divided by `/`,
/// never `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name(String);

impl Name {
    pub(super) fn parse(text: &str) -> Option<Self> {
        // The grammar is the one of an image reference; the host plays no part.
        Repository::new("localhost", text).ok().map(|proven| Self(proven.path().to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tag or a digest, as a client points at an OCI manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    Tag(Tag),
    Digest(Digest),
}

impl Reference {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.contains(':') {
            Digest::parse(text).ok().map(Self::Digest)
        } else {
            Tag::parse(text).map(Self::Tag)
        }
    }
}

/// What a URL below `/v2/` names. The texts are not proven yet, only divided.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Base,
    Catalog,
    Tags(&'a str),
    Referrers(&'a str, &'a str),
    Manifest(&'a str, &'a str),
    Uploads(&'a str),
    Upload(&'a str, &'a str),
    Blob(&'a str, &'a str),
}

impl<'a> Route<'a> {
    /// Divides from the right, because a repository may have parts such as `blobs` in its name.
    pub(super) fn parse(rest: &'a str) -> Option<Self> {
        match rest {
            "" => return Some(Self::Base),
            "_catalog" => return Some(Self::Catalog),
            _ => {}
        }
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Some(Self::Tags(name));
        }
        if let Some(name) =
            rest.strip_suffix("/blobs/uploads/").or_else(|| rest.strip_suffix("/blobs/uploads"))
        {
            return Some(Self::Uploads(name));
        }
        let (before, last) = rest.rsplit_once('/')?;
        if let Some(name) = before.strip_suffix("/manifests") {
            Some(Self::Manifest(name, last))
        } else if let Some(name) = before.strip_suffix("/referrers") {
            Some(Self::Referrers(name, last))
        } else if let Some(name) = before.strip_suffix("/blobs/uploads") {
            Some(Self::Upload(name, last))
        } else {
            before.strip_suffix("/blobs").map(|name| Self::Blob(name, last))
        }
    }
}

/// Undoes percent encoding once (RFC 3986 section 2.1). `None` when it is malformed, no UTF-8, or
/// hides a NUL.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let value = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(value).ok().filter(|value| *value != 0)?);
    }
    String::from_utf8(bytes).ok()
}

/// The parameters of a URL's query.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_from_the_right() {
        for (rest, route) in [
            ("", Route::Base),
            ("_catalog", Route::Catalog),
            ("a/b/tags/list", Route::Tags("a/b")),
            ("a/manifests/v1", Route::Manifest("a", "v1")),
            ("x/blobs/uploads/manifests/v1", Route::Manifest("x/blobs/uploads", "v1")),
            ("a/blobs/uploads/", Route::Uploads("a")),
            ("a/blobs/uploads", Route::Uploads("a")),
            ("a/blobs/uploads/17", Route::Upload("a", "17")),
            ("blobs/blobs/sha256:1", Route::Blob("blobs", "sha256:1")),
            ("a/referrers/sha256:1", Route::Referrers("a", "sha256:1")),
        ] {
            assert_eq!(Route::parse(rest), Some(route), "{rest}");
        }
        for rest in ["a", "a/b", "manifests/v1", "tags/list", "blobs/uploads/"] {
            assert_eq!(Route::parse(rest), None, "{rest}");
        }
    }

    #[test]
    fn names_that_would_leave_the_folder_are_no_names() {
        for bad in ["", ".", "..", "a/../b", "/a", "a/", "A", "_uploads", "a/_tags", "a//b", "a\0"]
        {
            assert_eq!(Name::parse(bad), None, "{bad:?}");
        }
        assert!(Name::parse("quay.io/argoproj/argo--cd__x").is_some());
    }

    #[test]
    fn decodes_once() {
        assert_eq!(decode("a%3Ab").as_deref(), Some("a:b"));
        assert_eq!(decode("%252e").as_deref(), Some("%2e"));
        for bad in ["%", "%4", "%zz", "%00", "%ff"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
