//! OCI manifests and indexes: raw bytes beside what they say.
//!
//! Attacks known, and what stands against them:
//!
//! - one document that is an index to one reader and an image to another (CVE-2021-41190): `layers` or `config` beside
//!   `manifests` is refused, and so is a `mediaType` field that contradicts the announced type;
//! - a field written twice, of which readers take different ones: refused by the JSON reader;
//! - `urls` that make a client fetch from elsewhere: never followed;
//! - sizes below zero or beyond [`limits::BLOB_BYTES_MAX`], lists beyond [`limits::INDEX_ENTRIES_MAX`]: refused.
//!
//! What we write has one byte form: fields in a fixed order, no white space, maps sorted.

use std::collections::BTreeMap;

use bytes::Bytes;
use oci_distribution::manifest::OciDescriptor;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::artifact::{Digest, DigestError};
use crate::limits;
use crate::lock::Descriptor;
use crate::oci::error::OciError;

/// Media types of OCI manifests that registries of today speak.
pub mod media_type {
    use oci_distribution::manifest as theirs;

    /// OCI image manifest.
    pub const OCI_MANIFEST: &str = theirs::OCI_IMAGE_MEDIA_TYPE;
    /// OCI image index.
    pub const OCI_INDEX: &str = theirs::OCI_IMAGE_INDEX_MEDIA_TYPE;
    /// Docker image manifest, schema 2.
    pub const DOCKER_MANIFEST: &str = theirs::IMAGE_MANIFEST_MEDIA_TYPE;
    /// Docker manifest list.
    pub const DOCKER_LIST: &str = theirs::IMAGE_MANIFEST_LIST_MEDIA_TYPE;
    /// The empty JSON object `{}` in place of a config (image-spec 1.1).
    pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";

    /// Whether it is an index or a manifest list.
    pub fn is_index(media_type: &str) -> bool {
        matches!(media_type, OCI_INDEX | DOCKER_LIST)
    }

    /// Whether it is the manifest of a single image or artifact.
    pub fn is_manifest(media_type: &str) -> bool {
        matches!(media_type, OCI_MANIFEST | DOCKER_MANIFEST)
    }

    /// Whether it is the configuration of an image that is run, which says for which platform.
    pub fn is_image_config(media_type: &str) -> bool {
        matches!(
            media_type,
            theirs::IMAGE_CONFIG_MEDIA_TYPE | theirs::IMAGE_DOCKER_CONFIG_MEDIA_TYPE
        )
    }

    /// Docker's schema 1, signed and unsigned.
    pub(crate) fn is_schema1(media_type: &str) -> bool {
        media_type.starts_with("application/vnd.docker.distribution.manifest.v1+")
    }

    /// A layer that its publisher does not let registries pass on.
    pub(crate) fn is_foreign(media_type: &str) -> bool {
        media_type.starts_with("application/vnd.oci.image.layer.nondistributable.v1.")
            || media_type == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    }
}

/// Annotations of an OCI manifest or descriptor.
pub type Annotations = BTreeMap<String, String>;

/// What is wrong with an OCI manifest.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// It is not JSON of the expected shape.
    #[error("not JSON of the expected shape")]
    Shape(#[source] serde_json::Error),
    /// It is Docker's schema 1, which no current runtime takes.
    #[error(
        "schema 1, which was given up in 2017: the image must be pushed again by a current tool"
    )]
    Schema1,
    /// `schemaVersion` is not 2.
    #[error("schemaVersion is not 2")]
    Version,
    /// It is an index and an image at once (CVE-2021-41190).
    #[error("both an index and an image: \"manifests\" beside \"layers\" or \"config\"")]
    Ambiguous,
    /// It is neither an index nor an image.
    #[error("neither an index nor an image: {0:?} is missing")]
    Incomplete(&'static str),
    /// Its type inside is not its type outside.
    #[error("says media type {inside:?} but was announced as {outside:?}")]
    Contradiction {
        /// What the document says or is.
        inside: String,
        /// What it was announced as.
        outside: String,
    },
    /// It is the draft artifact manifest that OCI 1.1 dropped, or another type that has neither layers nor manifests.
    #[error("media type {0:?} is not known")]
    Unknown(String),
    /// A digest inside is malformed or not SHA-256.
    #[error("a descriptor inside")]
    Digest(#[from] DigestError),
    /// A size inside is below zero or too large.
    #[error("{digest} of {size} bytes: beyond what can be carried")]
    Size {
        /// Which blob.
        digest: String,
        /// Size that is claimed.
        size: i64,
    },
    /// A list inside is too long.
    #[error("more than {0} entries")]
    Long(usize),
}

/// The bytes of an OCI manifest, and what they were announced as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The bytes as they came.
    pub bytes: Bytes,
    /// Media type.
    pub media_type: String,
    /// Digest of the bytes.
    pub digest: Digest,
}

/// What an OCI manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// An index: a list of further OCI manifests.
    Index {
        /// The entries, in their order.
        manifests: Vec<Child>,
        /// What it is attached to.
        subject: Option<Descriptor>,
        /// Its artifact type.
        artifact_type: Option<String>,
        /// Its annotations.
        annotations: Annotations,
    },
    /// The manifest of one image or other artifact.
    Image {
        /// The config blob.
        config: Descriptor,
        /// The layers, in their order.
        layers: Vec<Layer>,
        /// What it is attached to.
        subject: Option<Descriptor>,
        /// Its artifact type.
        artifact_type: Option<String>,
        /// Its annotations.
        annotations: Annotations,
    },
}

/// One entry of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Which OCI manifest.
    pub descriptor: Descriptor,
    /// Operating system, architecture and variant.
    pub platform: Option<(String, String, Option<String>)>,
    /// Its artifact type.
    pub artifact_type: Option<String>,
    /// Its annotations.
    pub annotations: Annotations,
}

/// One layer of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Which blob.
    pub descriptor: Descriptor,
    /// Not to be passed on by registries, so usually not in this one: left out of what is carried.
    pub foreign: bool,
    /// The layer's annotations.
    pub annotations: Annotations,
}

/// Something that names another OCI manifest as its subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Referrer {
    /// Which OCI manifest.
    pub descriptor: Descriptor,
    /// Its artifact type, or the media type of its config.
    pub artifact_type: Option<String>,
    /// Its annotations.
    pub annotations: Annotations,
}

impl Manifest {
    /// Takes bytes and what they were announced as, and fills in what the announcement left open.
    ///
    /// A `Content-Type` that names no kind of OCI manifest (`application/json`, or nothing) gives way to the `mediaType`
    /// field, and without one to the shape (image-spec, manifest.md: the field may be absent).
    pub(crate) fn new(bytes: Bytes, announced: &str) -> Self {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Glance {
            media_type: Option<String>,
            manifests: Option<IgnoredAny>,
        }
        let announced = announced.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let vague = matches!(
            announced.as_str(),
            "" | "application/json" | "application/octet-stream" | "text/plain" | "text/html"
        );
        let media_type = if vague {
            match serde_json::from_slice::<Glance>(&bytes) {
                Ok(Glance { media_type: Some(inside), .. }) => inside,
                Ok(Glance { manifests: Some(_), .. }) => media_type::OCI_INDEX.to_owned(),
                _ => media_type::OCI_MANIFEST.to_owned(),
            }
        } else {
            announced
        };
        Self { digest: Digest::of(&bytes), bytes, media_type }
    }

    /// Size in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor {
            media_type: self.media_type.clone(),
            digest: self.digest,
            size: self.size_bytes(),
        }
    }

    /// Reads what the bytes say. They are believed only as far as the head of this file tells.
    pub fn parse(&self) -> Result<Parsed, OciError> {
        parse(&self.bytes, &self.media_type)
            .map_err(|source| OciError::Manifest { digest: self.digest, source })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: Option<u64>,
    media_type: Option<String>,
    config: Option<OciDescriptor>,
    layers: Option<Vec<OciDescriptor>>,
    manifests: Option<Vec<RawChild>>,
    fs_layers: Option<IgnoredAny>,
    subject: Option<OciDescriptor>,
    artifact_type: Option<String>,
    annotations: Option<Annotations>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawChild {
    media_type: String,
    digest: String,
    size: i64,
    platform: Option<RawPlatform>,
    artifact_type: Option<String>,
    annotations: Option<Annotations>,
}

#[derive(Deserialize)]
struct RawPlatform {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
}

fn parse(bytes: &[u8], outside: &str) -> Result<Parsed, ManifestError> {
    if media_type::is_schema1(outside) {
        return Err(ManifestError::Schema1);
    }
    let raw: Raw = serde_json::from_slice(bytes).map_err(ManifestError::Shape)?;
    if raw.fs_layers.is_some() || raw.media_type.as_deref().is_some_and(media_type::is_schema1) {
        return Err(ManifestError::Schema1);
    }
    if raw.schema_version != Some(2) {
        return Err(ManifestError::Version);
    }
    let contradiction = |inside: &str| ManifestError::Contradiction {
        inside: inside.to_owned(),
        outside: outside.to_owned(),
    };
    if let Some(inside) = raw.media_type.as_deref()
        && inside != outside
    {
        return Err(contradiction(inside));
    }
    let image = raw.layers.is_some() || raw.config.is_some();
    match (raw.manifests.is_some(), image) {
        (true, true) => Err(ManifestError::Ambiguous),
        (true, false) if media_type::is_manifest(outside) => Err(contradiction("an index")),
        (false, true) if media_type::is_index(outside) => Err(contradiction("an image")),
        (true, false) if media_type::is_index(outside) => index(raw),
        (false, true) if media_type::is_manifest(outside) => image_of(raw),
        (false, false) if media_type::is_index(outside) => {
            Err(ManifestError::Incomplete("manifests"))
        }
        (false, false) if media_type::is_manifest(outside) => {
            Err(ManifestError::Incomplete("config"))
        }
        _ => Err(ManifestError::Unknown(outside.to_owned())),
    }
}

fn index(raw: Raw) -> Result<Parsed, ManifestError> {
    let entries = bounded(raw.manifests.unwrap_or_default())?;
    let manifests = entries.into_iter().map(child).collect::<Result<_, _>>()?;
    Ok(Parsed::Index {
        manifests,
        subject: raw.subject.map(descriptor).transpose()?,
        artifact_type: raw.artifact_type,
        annotations: raw.annotations.unwrap_or_default(),
    })
}

fn image_of(raw: Raw) -> Result<Parsed, ManifestError> {
    let Some(config) = raw.config else { return Err(ManifestError::Incomplete("config")) };
    let layers = bounded(raw.layers.unwrap_or_default())?
        .into_iter()
        .map(|mut layer| {
            let foreign = media_type::is_foreign(&layer.media_type);
            let annotations = layer.annotations.take().unwrap_or_default();
            Ok(Layer { descriptor: descriptor(layer)?, foreign, annotations })
        })
        .collect::<Result<_, ManifestError>>()?;
    Ok(Parsed::Image {
        config: descriptor(config)?,
        layers,
        subject: raw.subject.map(descriptor).transpose()?,
        artifact_type: raw.artifact_type,
        annotations: raw.annotations.unwrap_or_default(),
    })
}

fn child(raw: RawChild) -> Result<Child, ManifestError> {
    let unknown = || "unknown".to_owned();
    Ok(Child {
        descriptor: checked(raw.media_type, &raw.digest, raw.size)?,
        platform: raw.platform.map(|platform| {
            let variant = platform.variant.filter(|variant| !variant.is_empty());
            (
                platform.os.unwrap_or_else(unknown),
                platform.architecture.unwrap_or_else(unknown),
                variant,
            )
        }),
        artifact_type: raw.artifact_type,
        annotations: raw.annotations.unwrap_or_default(),
    })
}

fn bounded<T>(list: Vec<T>) -> Result<Vec<T>, ManifestError> {
    if list.len() > limits::INDEX_ENTRIES_MAX {
        return Err(ManifestError::Long(limits::INDEX_ENTRIES_MAX));
    }
    Ok(list)
}

fn descriptor(theirs: OciDescriptor) -> Result<Descriptor, ManifestError> {
    checked(theirs.media_type, &theirs.digest, theirs.size)
}

fn checked(media_type: String, digest: &str, size: i64) -> Result<Descriptor, ManifestError> {
    match u64::try_from(size) {
        Ok(size) if size <= limits::BLOB_BYTES_MAX => {
            Ok(Descriptor { media_type, digest: Digest::parse(digest)?, size })
        }
        _ => Err(ManifestError::Size { digest: digest.to_owned(), size }),
    }
}

/// A descriptor as we write it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry<'a> {
    media_type: &'a str,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a Annotations,
}

impl<'a> Entry<'a> {
    pub(crate) fn new(
        descriptor: &'a Descriptor,
        artifact_type: Option<&'a str>,
        annotations: &'a Annotations,
    ) -> Self {
        let Descriptor { media_type, digest, size } = descriptor;
        Self { media_type, digest: *digest, size: *size, artifact_type, annotations }
    }
}

/// The one JSON form of what we write.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    // Serialization fails for maps with keys that are no text, and there are none.
    serde_json::to_vec(value).unwrap_or_default()
}

/// The index for a registry without referrers API (distribution-spec, "Referrers Tag Schema").
///
/// Sorted by digest, each entry once, with artifact type and annotations copied.
pub fn referrers_index(entries: &[Referrer]) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Index<'a> {
        schema_version: u8,
        media_type: &'a str,
        manifests: Vec<Entry<'a>>,
    }
    let by_digest: BTreeMap<Digest, &Referrer> =
        entries.iter().map(|entry| (entry.descriptor.digest, entry)).collect();
    let manifests = by_digest
        .values()
        .map(|entry| {
            Entry::new(&entry.descriptor, entry.artifact_type.as_deref(), &entry.annotations)
        })
        .collect();
    to_json(&Index { schema_version: 2, media_type: media_type::OCI_INDEX, manifests })
}

/// The OCI manifest of an artifact that we make ourselves: a chart, a repository, a file.
///
/// Each layer comes with its annotations, such as `org.opencontainers.image.title`.
pub fn artifact_manifest(
    artifact_type: Option<&str>,
    config: &Descriptor,
    layers: &[(Descriptor, Annotations)],
    annotations: &Annotations,
) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Written<'a> {
        schema_version: u8,
        media_type: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        artifact_type: Option<&'a str>,
        config: Entry<'a>,
        layers: Vec<Entry<'a>>,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        annotations: &'a Annotations,
    }
    let none = Annotations::new();
    to_json(&Written {
        schema_version: 2,
        media_type: media_type::OCI_MANIFEST,
        artifact_type,
        config: Entry::new(config, None, &none),
        layers: layers
            .iter()
            .map(|(layer, annotations)| Entry::new(layer, None, annotations))
            .collect(),
        annotations,
    })
}
