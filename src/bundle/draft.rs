//! A bundle in the making: a hidden folder beside its final place, with packs and no list yet.
//!
//! A run that is killed leaves the folder behind; the next run removes it and starts again, because
//! every blob is still in the store. Two runs for one bundle at once do not mix: the second one
//! finds the lock taken.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::artifact::{Digest, ReleaseName};
use crate::bundle::contents::FORMAT;
use crate::bundle::listing::sync_folder;
use crate::bundle::pack::{self, Packer};
use crate::bundle::{Artifact, BundleError, Contents, IndexEntry};
use crate::limits;
use crate::lock::Lock;
use crate::oci::{Opened, Store};
use crate::report::Report;

/// Where blobs are read from while packing.
pub trait BlobSource {
    /// Opens a blob. What comes is not trusted: the caller proves its size, and its digest unless
    /// this very file was proven by this very process a moment ago.
    fn open(&self, digest: &Digest, size_bytes: u64) -> io::Result<Opened>;
}

impl BlobSource for Store {
    fn open(&self, digest: &Digest, _: u64) -> io::Result<Opened> {
        self.open_blob(digest)
    }
}

/// Everything that goes into a bundle.
#[derive(Clone, Debug)]
pub struct DraftInput {
    /// The pinned closure.
    pub lock: Lock,
    /// What its pins became; at least one for every pin.
    pub artifacts: Vec<Artifact>,
    /// Digest and size of every blob, in the order in which they are packed, each once.
    pub blobs: Vec<(Digest, u64)>,
    /// The image layout's index: names every artifact.
    pub index_json: Vec<u8>,
}

/// How to pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackOptions {
    /// Size in bytes at which the next pack begins. A blob that is larger still gets a pack of its
    /// own.
    pub part_bytes: u64,
    /// zstd level, 1 to 19. Part of what decides the bundle's bytes.
    pub level: i32,
    /// Threads that compress. Does not show in the bytes.
    pub threads: usize,
    /// When a written file counts as done.
    pub flush: Flush,
}

/// When a written file counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// When the disk has it: pull the medium, or the plug, and the bundle is there.
    ToDisk,
    /// When the operating system has it. Faster; the medium must be unmounted before it is pulled.
    ToSystem,
}

impl Flush {
    pub(crate) fn file(self, file: &File) -> io::Result<()> {
        if self == Self::ToDisk { file.sync_all() } else { Ok(()) }
    }

    pub(crate) fn folder(self, path: &Path) -> Result<(), BundleError> {
        if self == Self::ToSystem {
            return Ok(());
        }
        sync_folder(path).map_err(BundleError::io(path))
    }
}

impl Default for PackOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { part_bytes: limits::PACK_BYTES_DEFAULT, level: 6, threads, flush: Flush::ToDisk }
    }
}

/// A bundle whose packs are written. The next step is [`Draft::seal`].
pub struct Draft {
    pub(crate) folder: DraftFolder,
    pub(crate) contents: Contents,
    pub(crate) packs: Vec<Digest>,
    pub(crate) report: Report,
    pub(crate) flush: Flush,
}

impl Draft {
    /// Writes the packs into `dir/.NAME-VERSION.draft`.
    ///
    /// Fails before the first byte when the input cannot make a sound bundle. A blob that is
    /// damaged in the store comes as [`BundleError::Damaged`], so that the caller can drop it
    /// there.
    pub fn write(
        input: DraftInput,
        source: &(dyn BlobSource + Sync),
        dir: &Path,
        options: PackOptions,
        report: &Report,
    ) -> Result<Self, BundleError> {
        check_options(options)?;
        let version = ReleaseName::parse(&input.lock.bundle_version());
        let mut contents = Contents {
            format: FORMAT.to_owned(),
            name: input.lock.name.clone(),
            version: version.map_err(BundleError::Version)?,
            lock: input.lock,
            artifacts: input.artifacts,
            index: IndexEntry {
                digest: Digest::of(&input.index_json),
                size: input.index_json.len() as u64,
            },
            blobs: Vec::new(),
        };
        let blobs = input.blobs;
        contents.check_input(&blobs, &input.index_json).map_err(BundleError::Contents)?;
        let stem = format!("{}-{}", contents.name, contents.version);
        let folder = DraftFolder::create(dir, &stem)?;
        let start = pack::start_frames(&input.index_json, options.level)
            .map_err(BundleError::io(&folder.path))?;
        let too_large = blobs.iter().find(|(_, bytes)| !pack::fits(*bytes, start.len() as u64));
        if let Some((digest, size_bytes)) = too_large.copied() {
            return Err(BundleError::LargeBlob { digest, size_bytes });
        }
        report.checkpoint("draft-started");

        let packer = Packer { dir: &folder.path, start, options, source, report };
        let packed = packer.pack(&blobs)?;
        contents.blobs = packed.entries;
        // The writer passes the reader's own check, or nothing is sealed.
        contents.check_packs(&packed.sizes_bytes).map_err(BundleError::Contents)?;
        options.flush.folder(&folder.path)?;
        Ok(Self {
            folder,
            contents,
            packs: packed.packs,
            report: report.clone(),
            flush: options.flush,
        })
    }

    /// What it will carry.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }
}

fn check_options(options: PackOptions) -> Result<(), BundleError> {
    let (low, high) = (limits::PACK_BYTES_MIN, limits::PACK_BYTES_MAX);
    if !(low..=high).contains(&options.part_bytes) {
        return Err(BundleError::PartSize(options.part_bytes, low, high));
    }
    if !(1..=limits::ZSTD_LEVEL_MAX).contains(&options.level) {
        return Err(BundleError::Level(options.level, limits::ZSTD_LEVEL_MAX));
    }
    Ok(())
}

/// The folder of a draft. Removed when it is dropped before it was sealed.
pub(crate) struct DraftFolder {
    /// `bundles/.NAME-VERSION.draft`.
    pub(crate) path: PathBuf,
    /// `bundles`.
    pub(crate) parent: PathBuf,
    /// `NAME-VERSION`.
    pub(crate) stem: String,
    // Let go last: fields are dropped in this order, after `drop`.
    _lock: BuildLock,
}

impl DraftFolder {
    fn create(parent: &Path, stem: &str) -> Result<Self, BundleError> {
        fs::create_dir_all(parent).map_err(BundleError::io(parent))?;
        let path = parent.join(format!(".{stem}.draft"));
        let lock = BuildLock::take(parent, stem)?.ok_or(BundleError::Busy(parent.join(stem)))?;
        sweep(parent, stem)?;
        remove(&path).map_err(BundleError::io(&path))?;
        fs::create_dir(&path).map_err(BundleError::io(&path))?;
        Ok(Self { path, parent: parent.to_owned(), stem: stem.to_owned(), _lock: lock })
    }
}

impl Drop for DraftFolder {
    fn drop(&mut self) {
        // Sealed by now, or in the way of nobody: the next run tries again.
        let _ = remove(&self.path);
    }
}

/// Removes what killed runs for other versions left, so that drafts do not pile up.
fn sweep(parent: &Path, stem: &str) -> Result<(), BundleError> {
    for entry in fs::read_dir(parent).map_err(BundleError::io(parent))? {
        let entry = entry.map_err(BundleError::io(parent))?;
        let name = entry.file_name();
        let other = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(".draft"));
        let Some(other) = other.filter(|other| *other != stem) else { continue };
        if let Some(_lock) = BuildLock::take(parent, other)? {
            remove(&entry.path()).map_err(BundleError::io(&entry.path()))?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The right to write one draft: a locked file that is gone when nobody builds.
struct BuildLock {
    path: PathBuf,
    _file: File,
}

impl BuildLock {
    /// Takes the lock; `None` when another run has it. The system lets go of it when a run is
    /// killed.
    fn take(parent: &Path, stem: &str) -> Result<Option<Self>, BundleError> {
        let path = parent.join(format!(".{stem}.lock"));
        loop {
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(false).open(&path);
            let file = file.map_err(BundleError::io(&path))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return Err(BundleError::io(&path)(source)),
            }
            // Its owner may have removed the file between our opening and locking it: then this
            // lock is of nothing. Ends, because each round means that another run finished.
            if is_same(&file, &path) {
                return Ok(Some(Self { path, _file: file }));
            }
        }
    }
}

impl Drop for BuildLock {
    fn drop(&mut self) {
        // While still locked, so that nobody holds a lock on a removed file for long.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |meta: io::Result<fs::Metadata>| meta.ok().map(|meta| (meta.dev(), meta.ino()));
    let ours = id(file.metadata());
    ours.is_some() && ours == id(fs::symlink_metadata(path))
}

#[cfg(not(unix))]
fn is_same(_: &File, path: &Path) -> bool {
    path.exists()
}
