//! `bundle.json`: what is inside and where. Types, reader, writer and every check in one place.
//!
//! What a signer may lie about (by mistake or after a break-in), and the defence:
//!
//! - Offsets and lengths that overlap, leave gaps, point outside or overflow: frames must follow
//!   each other without a gap from the packs' common start to their end, in checked arithmetic.
//! - One blob twice, an artifact without its blob, a pin of the lock without its artifact: refused.
//! - Name and version here and in the signed list: must agree, and agree with the lock.
//! - Sizes that make a reader reserve memory: no size from this file is ever used to reserve any.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::artifact::{Digest, FileName, Kind, ReleaseName};
use crate::bundle::frame;
use crate::bundle::sums::{Sums, pack_name};
use crate::limits;
use crate::lock::{self, Descriptor, Lock, LockError};

/// The first member of `bundle.json`.
pub(crate) const FORMAT: &str = "haversack-bundle/1";

/// Why a text is no contents, or contents cannot be true.
#[derive(Debug, Error)]
pub enum ContentsError {
    /// It is not JSON of the expected shape.
    #[error("bundle.json is not of format {FORMAT}")]
    Shape(#[source] serde_json::Error),
    /// It was written by another version.
    #[error("bundle.json has format {0:?}, not {FORMAT}: made by another version of haversack")]
    Format(String),
    /// The lock inside was written by another version.
    #[error("the lock in bundle.json")]
    Lock(#[source] LockError),
    /// Name or version differ between list, contents and lock.
    #[error("name or version differ between SHA256SUMS, bundle.json and the lock in it")]
    Release,
    /// A blob is listed twice.
    #[error("blob {0} is listed twice")]
    TwoBlobs(Digest),
    /// A blob is larger than any may be.
    #[error("blob {0} is listed with {1} bytes, more than a blob may have")]
    LargeBlob(Digest, u64),
    /// An artifact is named like another.
    #[error("two artifacts are named {0:?}")]
    TwoNames(String),
    /// An artifact's OCI manifest is not carried.
    #[error("artifact {0:?} has no blob of its digest and size")]
    NoBlob(String),
    /// An artifact belongs to nothing in the lock.
    #[error("artifact {0:?} is of no pin in the lock")]
    NoPin(String),
    /// A pin of the lock is not carried.
    #[error("pin {0:?} of the lock has no artifact")]
    NoArtifact(String),
    /// A blob is not where the one before it ends.
    #[error("blob {digest} is listed at {pack}, byte {offset}, where it cannot be")]
    Place {
        /// Which blob.
        digest: Digest,
        /// Which pack.
        pack: FileName,
        /// From which byte.
        offset: u64,
    },
    /// The frames do not end where the pack does.
    #[error("{pack} has {got} bytes, but its frames end at {want}")]
    PackSize {
        /// Which pack.
        pack: String,
        /// Where the last frame ends.
        want: u64,
        /// How large it is.
        got: u64,
    },
    /// `index.json` is unreadable, too large, or does not agree with the artifacts and blobs.
    #[error("index.json does not agree with the contents: {0}")]
    Index(String),
}

/// What a bundle carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contents {
    /// Always `haversack-bundle/1`.
    pub format: String,
    /// Name of the bundle.
    pub name: ReleaseName,
    /// Version of the bundle.
    pub version: ReleaseName,
    /// What was asked for and what it led to.
    pub lock: Lock,
    /// What the pins of the lock became.
    pub artifacts: Vec<Artifact>,
    /// The `index.json` that every pack begins with.
    pub index: IndexEntry,
    /// Every blob, in the order of the packs.
    pub blobs: Vec<BlobEntry>,
}

/// The image layout's index, which is in every pack and is no blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IndexEntry {
    /// Digest of its bytes.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
}

/// A pin of the lock as it is carried: an OCI manifest and all that hangs on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Artifact {
    /// Id of the pin.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// Its name in `index.json` (`org.opencontainers.image.ref.name`).
    pub name: String,
    /// Its OCI manifest or index.
    pub descriptor: Descriptor,
    /// Bytes of all its blobs; a blob that it shares with others counts for each.
    pub bytes: u64,
}

/// Where a blob is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlobEntry {
    /// Digest.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// File that holds it.
    pub pack: FileName,
    /// First byte of its zstd frame in that file.
    pub offset: u64,
    /// Length of that frame in bytes.
    pub length: u64,
    /// How the blob is turned into the frame's data.
    pub encoding: Encoding,
}

/// How a blob is held inside its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As it is: one tar member with the blob's bytes.
    Raw,
}

impl Contents {
    /// Reads `bundle.json`. The shape only; the checks follow.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ContentsError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
        }
        let head: Head = serde_json::from_slice(bytes).map_err(ContentsError::Shape)?;
        if head.format != FORMAT {
            return Err(ContentsError::Format(head.format));
        }
        serde_json::from_slice(bytes).map_err(ContentsError::Shape)
    }

    /// Writes `bundle.json`: indented by two, with a final newline.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, ContentsError> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(ContentsError::Shape)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Checks that it is about the bundle that the signed list names.
    pub(crate) fn check_release(&self, sums: &Sums) -> Result<(), ContentsError> {
        let same = self.name == sums.name && self.version == sums.version;
        if same { Ok(()) } else { Err(ContentsError::Release) }
    }

    /// Checks that lock, artifacts and blobs belong together.
    pub(crate) fn check_lists(&self) -> Result<(), ContentsError> {
        if self.lock.format != lock::FORMAT {
            let error = LockError::Format(self.lock.format.clone());
            return Err(ContentsError::Lock(error));
        }
        if self.lock.name != self.name || self.lock.bundle_version() != self.version.as_str() {
            return Err(ContentsError::Release);
        }
        let blobs = self.check_blobs()?;
        let pins = self.lock.pins_by_id();
        let mut names = BTreeSet::new();
        let mut carried = BTreeSet::new();
        for artifact in &self.artifacts {
            if !names.insert(&artifact.name) {
                return Err(ContentsError::TwoNames(artifact.name.clone()));
            }
            if blobs.get(&artifact.descriptor.digest) != Some(&artifact.descriptor.size) {
                return Err(ContentsError::NoBlob(artifact.name.clone()));
            }
            if !pins.contains_key(&artifact.id) {
                return Err(ContentsError::NoPin(artifact.name.clone()));
            }
            carried.insert(&artifact.id);
        }
        match pins.keys().find(|id| !carried.contains(id)) {
            Some(id) => Err(ContentsError::NoArtifact(id.clone())),
            None => Ok(()),
        }
    }

    /// Checks what should be packed, before it is known where the blobs will be.
    pub(crate) fn check_input(
        &self,
        blobs: &[(Digest, u64)],
        index_json: &[u8],
    ) -> Result<(), ContentsError> {
        let pack = FileName::parse(&pack_name(0)).map_err(|_| ContentsError::Release)?;
        let place = |(digest, size): &(Digest, u64)| BlobEntry {
            digest: *digest,
            size: *size,
            pack: pack.clone(),
            offset: 0,
            length: 0,
            encoding: Encoding::Raw,
        };
        let planned = Self { blobs: blobs.iter().map(place).collect(), ..self.clone() };
        planned.check_lists()?;
        planned.check_index(index_json)
    }

    fn check_blobs(&self) -> Result<BTreeMap<Digest, u64>, ContentsError> {
        let mut blobs = BTreeMap::new();
        for blob in &self.blobs {
            if blob.size > limits::BLOB_BYTES_MAX {
                return Err(ContentsError::LargeBlob(blob.digest, blob.size));
            }
            if blobs.insert(blob.digest, blob.size).is_some() {
                return Err(ContentsError::TwoBlobs(blob.digest));
            }
        }
        Ok(blobs)
    }

    /// Checks that the frames cover each pack from its common start to its end.
    ///
    /// Every pack begins with the same frames (`oci-layout` and `index.json`), so the first blob of
    /// each stands at the same offset. A pack without blobs is allowed only when there is no blob
    /// at all.
    pub(crate) fn check_packs(&self, sizes_bytes: &[u64]) -> Result<(), ContentsError> {
        let start_bytes = self.start_bytes().unwrap_or(0);
        let mut blobs = self.blobs.iter().peekable();
        for (at, got) in sizes_bytes.iter().copied().enumerate() {
            let name = pack_name(at);
            let mut end_bytes = start_bytes;
            let mut count = 0;
            while let Some(blob) = blobs.next_if(|blob| blob.pack.as_str() == name) {
                let next = end_bytes.checked_add(blob.length);
                let (true, Some(next)) = (blob.offset == end_bytes && blob.length > 0, next) else {
                    return Err(misplaced(blob));
                };
                end_bytes = next;
                count += 1;
            }
            let empty = self.blobs.is_empty() && sizes_bytes.len() == 1;
            let want = end_bytes.saturating_add(frame::END.len() as u64);
            if (count == 0 && !empty) || (count > 0 && want != got) {
                return Err(ContentsError::PackSize { pack: name, want, got });
            }
        }
        match blobs.next() {
            Some(blob) => Err(misplaced(blob)),
            None => Ok(()),
        }
    }

    /// Where the first blob of every pack begins. `None` without blobs.
    pub(crate) fn start_bytes(&self) -> Option<u64> {
        self.blobs.first().map(|blob| blob.offset)
    }

    /// Checks that `index.json` names every artifact, and nothing that is not carried.
    pub(crate) fn check_index(&self, index_json: &[u8]) -> Result<(), ContentsError> {
        let wrong = |what: String| ContentsError::Index(what);
        if index_json.len() as u64 > limits::INDEX_JSON_BYTES_MAX {
            return Err(wrong("it is too large".to_owned()));
        }
        let index: Index = serde_json::from_slice(index_json).map_err(|e| wrong(e.to_string()))?;
        let blobs = self.check_blobs()?;
        let mut named = BTreeMap::new();
        for manifest in &index.manifests {
            if blobs.get(&manifest.digest) != Some(&manifest.size) {
                return Err(wrong(format!("{} in it is not carried", manifest.digest)));
            }
            if let Some(name) = manifest.annotations.get(REF_NAME) {
                named.insert(name, manifest.digest);
            }
        }
        for artifact in &self.artifacts {
            if named.get(&artifact.name) != Some(&artifact.descriptor.digest) {
                return Err(wrong(format!("{:?} is not in it", artifact.name)));
            }
        }
        Ok(())
    }
}

fn misplaced(blob: &BlobEntry) -> ContentsError {
    let BlobEntry { digest, pack, offset, .. } = blob.clone();
    ContentsError::Place { digest, pack, offset }
}

/// The annotation that names a manifest in an image layout (image-spec, annotations.md).
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// `index.json`, as far as it is compared (image-spec, image-layout.md).
#[derive(Deserialize)]
struct Index {
    manifests: Vec<Manifest>,
}

#[derive(Deserialize)]
struct Manifest {
    digest: Digest,
    size: u64,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}
