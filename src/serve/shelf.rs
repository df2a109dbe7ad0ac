//! What the registry knows, as files: which repository holds which blobs, OCI manifests and tags.
//!
//! ```text
//! DIR/blobs/sha256/<hex>                       every byte, once, whichever repository holds it
//! DIR/registry/<name>/_blobs/<hex>             empty: this repository holds this blob
//! DIR/registry/<name>/_manifests/<hex>         media type of an OCI manifest that it holds
//! DIR/registry/<name>/_tags/<tag>              digest of an OCI manifest
//! DIR/registry/<name>/_referrers/<hex>/<hex>   descriptor of the second, which refers to the first
//! DIR/registry/_uploads/                       uploads under way; emptied at start
//! ```
//!
//! Parts of a repository's name start with a letter or digit, so `_blobs` and the like never
//! collide with one. A thing is written before what points at it: bytes, then the OCI manifest,
//! then its referrer entry, tags last.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use tempfile::NamedTempFile;

use crate::artifact::{Digest, Tag};
use crate::limits;
use crate::oci::Store;
use crate::serve::ServeError;
use crate::serve::durable::{self, Folders};
use crate::serve::paths::Name;

/// The registry's files. Every method may wait for the disk.
pub(super) struct Shelf {
    store: Store,
    root: PathBuf,
    uploads: PathBuf,
    folders: Folders,
    /// Pushes of OCI manifests share it; a deletion has it alone, so that nothing vanishes between
    /// check and write.
    order: RwLock<()>,
}

/// An OCI manifest that a repository holds.
pub(super) struct Held {
    pub(super) digest: Digest,
    pub(super) media_type: String,
    pub(super) size_bytes: u64,
}

/// An OCI manifest to be held.
pub(super) struct Pushed {
    pub(super) digest: Digest,
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
    pub(super) tags: Vec<Tag>,
    /// The subject, and the descriptor by which this one is listed as its referrer.
    pub(super) subject: Option<(Digest, Vec<u8>)>,
}

impl Shelf {
    /// Opens the folder `DIR` and throws away what uploads left there that a crash cut short.
    pub(super) fn open(folder: &Path) -> Result<Self, ServeError> {
        let root = folder.join("registry");
        let uploads = root.join("_uploads");
        let folders = Folders::default();
        folders.make(&uploads)?;
        let entries = fs::read_dir(&uploads).map_err(ServeError::io(&uploads))?;
        for entry in entries {
            let path = entry.map_err(ServeError::io(&uploads))?.path();
            fs::remove_file(&path).map_err(ServeError::io(&path))?;
        }
        let store = Store::open(folder).map_err(ServeError::Store)?;
        Ok(Self { store, root, uploads, folders, order: RwLock::default() })
    }

    /// Where temporary files go.
    pub(super) fn uploads(&self) -> &Path {
        &self.uploads
    }

    fn place(&self, name: &Name, kind: &str) -> PathBuf {
        self.root.join(name.as_str()).join(kind)
    }

    /// Size of a blob that the repository holds.
    pub(super) fn blob(&self, name: &Name, digest: &Digest) -> Option<u64> {
        let held = self.place(name, "_blobs").join(digest.hex()).is_file();
        held.then(|| self.size_bytes(digest)).flatten()
    }

    fn size_bytes(&self, digest: &Digest) -> Option<u64> {
        let meta = fs::symlink_metadata(self.store.path(digest)).ok()?;
        meta.is_file().then_some(meta.len())
    }

    /// Opens a blob for reading. Its bytes were proven when they came; clients prove them again.
    pub(super) fn open_blob(
        &self,
        name: &Name,
        digest: &Digest,
    ) -> Result<Option<(File, u64)>, ServeError> {
        if self.blob(name, digest).is_none() {
            return Ok(None);
        }
        let path = self.store.path(digest);
        let file = File::open(&path).map_err(ServeError::io(&path))?;
        let size_bytes = file.metadata().map_err(ServeError::io(&path))?.len();
        Ok(Some((file, size_bytes)))
    }

    /// Keeps a blob whose digest was proven, in place of a damaged one if there is one, and links
    /// it.
    pub(super) fn keep_blob(
        &self,
        name: &Name,
        digest: &Digest,
        file: NamedTempFile,
    ) -> Result<(), ServeError> {
        durable::keep(file, &self.store.path(digest))?;
        self.link_blob(name, digest)
    }

    /// Links a blob that another repository holds. `false` when it does not.
    pub(super) fn mount(
        &self,
        name: &Name,
        digest: &Digest,
        from: Option<&Name>,
    ) -> Result<bool, ServeError> {
        let found = match from {
            Some(from) => self.blob(from, digest),
            // All repositories have the same readers, so any of them will do.
            None => self.size_bytes(digest),
        };
        if found.is_some() {
            self.link_blob(name, digest)?;
        }
        Ok(found.is_some())
    }

    fn link_blob(&self, name: &Name, digest: &Digest) -> Result<(), ServeError> {
        let folder = self.place(name, "_blobs");
        self.folders.make(&folder)?;
        durable::mark(&folder.join(digest.hex()))
    }

    /// Takes a blob out of one repository. `false` when it was not there.
    pub(super) fn unlink_blob(&self, name: &Name, digest: &Digest) -> Result<bool, ServeError> {
        let _alone = self.order.write().unwrap_or_else(PoisonError::into_inner);
        durable::remove(&self.place(name, "_blobs").join(digest.hex()))
    }

    /// The OCI manifest of this digest, if the repository holds it.
    pub(super) fn manifest(&self, name: &Name, digest: Digest) -> Result<Option<Held>, ServeError> {
        let path = self.place(name, "_manifests").join(digest.hex());
        let Some(media_type) = read_text(&path)? else { return Ok(None) };
        let size_bytes = self.size_bytes(&digest);
        Ok(size_bytes.map(|size_bytes| Held { digest, media_type, size_bytes }))
    }

    /// The digest that a tag points at.
    pub(super) fn tag(&self, name: &Name, tag: &Tag) -> Result<Option<Digest>, ServeError> {
        let path = self.place(name, "_tags").join(tag.as_str());
        let Some(text) = read_text(&path)? else { return Ok(None) };
        Digest::parse(&text).map(Some).map_err(|_| ServeError::Damaged(path))
    }

    /// The bytes of an OCI manifest, proven.
    pub(super) fn manifest_bytes(&self, held: &Held) -> Result<Vec<u8>, ServeError> {
        if held.size_bytes > limits::SERVE_MANIFEST_BYTES_MAX as u64 {
            return Err(ServeError::Damaged(self.store.path(&held.digest)));
        }
        self.store.read_bytes(&held.digest, held.size_bytes).map_err(ServeError::Store)
    }

    /// Checks and keeps an OCI manifest, and points its tags at it, while nothing is deleted.
    pub(super) fn push<E: From<ServeError>>(
        &self,
        name: &Name,
        pushed: &Pushed,
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let _shared = self.order.read().unwrap_or_else(PoisonError::into_inner);
        check()?;
        self.keep_manifest(name, pushed).map_err(E::from)
    }

    fn keep_manifest(&self, name: &Name, pushed: &Pushed) -> Result<(), ServeError> {
        let hex = pushed.digest.hex();
        let write = |path: &Path, bytes: &[u8]| durable::write(&self.uploads, path, bytes);
        write(&self.store.path(&pushed.digest), &pushed.bytes)?;
        let manifests = self.place(name, "_manifests");
        self.folders.make(&manifests)?;
        write(&manifests.join(&hex), pushed.media_type.as_bytes())?;
        if let Some((subject, descriptor)) = &pushed.subject {
            let referrers = self.place(name, "_referrers").join(subject.hex());
            self.folders.make(&referrers)?;
            write(&referrers.join(&hex), descriptor)?;
        }
        if !pushed.tags.is_empty() {
            let tags = self.place(name, "_tags");
            self.folders.make(&tags)?;
            for tag in &pushed.tags {
                write(&tags.join(tag.as_str()), pushed.digest.to_string().as_bytes())?;
            }
        }
        Ok(())
    }

    /// Removes a tag and nothing else. `false` when it was not there.
    pub(super) fn remove_tag(&self, name: &Name, tag: &Tag) -> Result<bool, ServeError> {
        let _alone = self.order.write().unwrap_or_else(PoisonError::into_inner);
        durable::remove(&self.place(name, "_tags").join(tag.as_str()))
    }

    /// Removes an OCI manifest, the tags that point at it and its entry as a referrer. `false` when
    /// it was not there.
    pub(super) fn remove_manifest(
        &self,
        name: &Name,
        digest: &Digest,
        subject: Option<Digest>,
    ) -> Result<bool, ServeError> {
        let _alone = self.order.write().unwrap_or_else(PoisonError::into_inner);
        for tag in self.tags(name)?.unwrap_or_default() {
            let Some(tag) = Tag::parse(&tag) else { continue };
            if self.tag(name, &tag)? == Some(*digest) {
                durable::remove(&self.place(name, "_tags").join(tag.as_str()))?;
            }
        }
        if let Some(subject) = subject {
            let entry = self.place(name, "_referrers").join(subject.hex()).join(digest.hex());
            durable::remove(&entry)?;
        }
        durable::remove(&self.place(name, "_manifests").join(digest.hex()))
    }

    /// All tags, sorted by their bytes. `None` when there is no such repository.
    pub(super) fn tags(&self, name: &Name) -> Result<Option<Vec<String>>, ServeError> {
        if let Some(tags) = names_in(&self.place(name, "_tags"))? {
            return Ok(Some(tags));
        }
        let known = ["_manifests", "_blobs"].iter().any(|kind| self.place(name, kind).is_dir());
        Ok(known.then(Vec::new))
    }

    /// Digests of the OCI manifests that refer to a subject, sorted.
    pub(super) fn referrers(
        &self,
        name: &Name,
        subject: &Digest,
    ) -> Result<Vec<String>, ServeError> {
        let folder = self.place(name, "_referrers").join(subject.hex());
        Ok(names_in(&folder)?.unwrap_or_default())
    }

    /// The descriptor of one referrer; `None` when it was deleted meanwhile.
    pub(super) fn referrer(
        &self,
        name: &Name,
        subject: &Digest,
        hex: &str,
    ) -> Result<Option<Vec<u8>>, ServeError> {
        let path = self.place(name, "_referrers").join(subject.hex()).join(hex);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if durable::is_absent(&error) => Ok(None),
            Err(error) => Err(ServeError::io(&path)(error)),
        }
    }

    /// Names of all repositories that hold an OCI manifest, sorted.
    pub(super) fn catalog(&self) -> Result<Vec<String>, ServeError> {
        let mut found = Vec::new();
        let mut waiting = vec![String::new()];
        while let Some(prefix) = waiting.pop() {
            for name in names_in(&self.root.join(&prefix))?.unwrap_or_default() {
                let path = self.root.join(&prefix).join(&name);
                if name == "_manifests" && !prefix.is_empty() {
                    // A repository from which everything was deleted is none.
                    if fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some()) {
                        found.push(prefix.clone());
                    }
                } else if !name.starts_with('_') && path.is_dir() {
                    let divider = if prefix.is_empty() { "" } else { "/" };
                    waiting.push(format!("{prefix}{divider}{name}"));
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// A small file of ours as text. `None` when it is not there.
fn read_text(path: &Path) -> Result<Option<String>, ServeError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if durable::is_absent(&error) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(ServeError::Damaged(path.to_owned()))
        }
        Err(error) => Err(ServeError::io(path)(error)),
    }
}

/// Names in a folder, sorted by their bytes. `None` when there is no such folder.
pub(super) fn names_in(folder: &Path) -> Result<Option<Vec<String>>, ServeError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if durable::is_absent(&error) => return Ok(None),
        Err(error) => return Err(ServeError::io(folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        // Nothing that we wrote has a name that is no text.
        if let Ok(name) = entry.map_err(ServeError::io(folder))?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(Some(names))
}
