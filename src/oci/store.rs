//! A content-addressed store: one file per digest, `DIR/blobs/sha256/<hex>`, as in an OCI image layout.
//!
//! A blob appears under its name only after its size and digest were proven, by a rename; so a name that exists is
//! whole, and a second writer of the same blob is harmless. Half-fetched blobs wait in `DIR/partial/` for the next try.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

use crate::artifact::{Digest, Hasher, VerifyError, VerifyReader};

/// Why the store could not take or give a blob.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("{}", .path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What came is not what was announced.
    #[error("blob {digest}")]
    Damaged {
        /// Which blob.
        digest: Digest,
        /// What is wrong with it.
        source: VerifyError,
    },
}

impl StoreError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// How the names of scratch folders begin.
const SCRATCH: &str = "scratch.";

/// A folder that is removed when it is dropped, or else by a later run: it is locked as long as somebody uses it.
#[derive(Debug)]
pub struct Scratch {
    dir: tempfile::TempDir,
    _lock: File,
}

impl Scratch {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// The store. Cheap to clone; many processes may share one folder.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    /// What this process proved on its way in, as the file system saw it then.
    proven: Arc<Mutex<BTreeMap<Digest, Stamp>>>,
}

/// Which file, how large, and when it or its name changed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size_bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let meta = file.metadata()?;
        Ok(Self {
            device: meta.dev(),
            inode: meta.ino(),
            size_bytes: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
}

/// A blob opened for reading.
pub struct Opened {
    /// Its bytes.
    pub file: File,
    /// Whether this process proved digest and size of exactly this file, and nobody touched it since.
    pub proven: bool,
}

impl Store {
    /// Opens a store, making its folders when they are missing.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        for folder in ["blobs/sha256", "partial"] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(StoreError::io(&path))?;
        }
        let store = Self { root, proven: Arc::default() };
        store.sweep();
        Ok(store)
    }

    /// A folder of its own for something whose digest is not known yet.
    pub fn scratch(&self) -> Result<Scratch, StoreError> {
        let partial = self.root.join("partial");
        loop {
            let dir = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(&partial);
            let dir = dir.map_err(StoreError::io(&partial))?;
            let lock = match File::open(dir.path()) {
                Ok(lock) => lock,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(StoreError::io(dir.path())(error)),
            };
            match lock.try_lock() {
                Ok(()) if is_at(&lock, dir.path()) => return Ok(Scratch { dir, _lock: lock }),
                // Somebody swept it away before it was locked: another one.
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(StoreError::io(dir.path())(error)),
            }
        }
    }

    /// Removes what killed runs left and nobody can go on with: scratch folders, and second copies of partial blobs.
    fn sweep(&self) {
        // What cannot be listed or removed is in nobody's way.
        for entry in fs::read_dir(self.root.join("partial")).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let is_scratch = name.to_string_lossy().starts_with(SCRATCH);
            let is_copy = name.to_string_lossy().contains('.');
            let free = || File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
            if is_scratch && free() {
                let _ = fs::remove_dir_all(&path);
            } else if is_copy && !is_scratch && free() {
                let _ = fs::remove_file(&path);
            }
        }
    }

    /// The store's folder. Other rooms keep their own sub-folders in it (`git/`).
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a blob is or would be.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs/sha256").join(digest.hex())
    }

    /// Whether a blob of this size is there. Its bytes are proven again when they are read.
    pub fn has(&self, digest: &Digest, size_bytes: u64) -> bool {
        fs::symlink_metadata(self.path(digest))
            .is_ok_and(|meta| meta.is_file() && meta.len() == size_bytes)
    }

    /// Reads a blob; the reader proves size and digest before it reports the end.
    pub fn read(&self, digest: &Digest, size_bytes: u64) -> Result<VerifyReader<File>, StoreError> {
        let path = self.path(digest);
        let file = File::open(&path).map_err(StoreError::io(&path))?;
        Ok(VerifyReader::new(file, *digest, size_bytes))
    }

    /// Opens a blob, and says whether its digest is still known from when it came in.
    pub fn open_blob(&self, digest: &Digest) -> io::Result<Opened> {
        let file = File::open(self.path(digest))?;
        let known = self.proven.lock().unwrap_or_else(PoisonError::into_inner).get(digest).copied();
        let proven = match known {
            Some(stamp) => Stamp::of(&file)? == stamp,
            None => false,
        };
        Ok(Opened { file, proven })
    }

    /// Reads a small blob whole.
    pub fn read_bytes(&self, digest: &Digest, size_bytes: u64) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        self.read(digest, size_bytes)?.read_to_end(&mut bytes).map_err(|error| {
            match damage(&error) {
                Some(source) => StoreError::Damaged { digest: *digest, source },
                None => StoreError::io(&self.path(digest))(error),
            }
        })?;
        Ok(bytes)
    }

    /// Keeps some bytes and returns their digest.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        if !self.has(&digest, bytes.len() as u64) {
            let mut partial = self.begin(&digest, bytes.len() as u64)?;
            partial.restart()?;
            partial.write(bytes)?;
            partial.finish()?;
        }
        Ok(digest)
    }

    /// Keeps the contents of a file, by rename where possible, and returns digest and size.
    pub fn adopt(&self, path: &Path) -> Result<(Digest, u64), StoreError> {
        let mut file = File::open(path).map_err(StoreError::io(path))?;
        let mut hasher = Hasher::new();
        io::copy(&mut file, &mut hasher).map_err(StoreError::io(path))?;
        let size_bytes = hasher.size_bytes();
        let digest = hasher.finish();
        let target = self.path(&digest);
        fs::rename(path, &target).map_err(StoreError::io(&target))?;
        Ok((digest, size_bytes))
    }

    /// Forgets a blob, so that a later run fetches it again.
    pub fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        let path = self.path(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io(&path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Begins or resumes a blob. Bytes that an earlier run left are hashed again, so that the digest covers them.
    ///
    /// Two writers that want the same blob do not meet: the second one, finding the file locked, writes its own.
    pub fn begin(&self, digest: &Digest, size_bytes: u64) -> Result<Partial, StoreError> {
        let (mut file, path) = self.claim(digest)?;
        let mut hasher = Hasher::new();
        io::copy(&mut file, &mut hasher).map_err(StoreError::io(&path))?;
        let mut partial = Partial {
            store: self.clone(),
            file,
            path,
            target: self.path(digest),
            digest: *digest,
            size_bytes,
            hasher,
        };
        if partial.offset() > size_bytes {
            partial.restart()?;
        }
        Ok(partial)
    }
}

impl Store {
    /// Opens and locks a file for a blob on its way in.
    fn claim(&self, digest: &Digest) -> Result<(File, PathBuf), StoreError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let folder = self.root.join("partial");
        let mut path = folder.join(digest.hex());
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let file = options.open(&path).map_err(StoreError::io(&path))?;
            // Between opening and locking, the writer before us may have finished and renamed the file: then what was
            // locked is a finished blob and must not be touched.
            if file.try_lock().is_ok() && is_at(&file, &path) {
                return Ok((file, path));
            }
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            path = folder.join(format!("{}.{}.{number}", digest.hex(), std::process::id()));
        }
    }
}

/// Whether an open file is still the one that its path names.
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let same = |a: &fs::Metadata, b: &fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(named)) => same(&open, &named),
        _ => false,
    }
}

/// The damage behind an [`io::Error`] that a [`VerifyReader`] made.
pub(crate) fn damage(error: &io::Error) -> Option<VerifyError> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<VerifyError>()).cloned()
}

/// A blob on its way in.
pub struct Partial {
    store: Store,
    file: File,
    path: PathBuf,
    target: PathBuf,
    digest: Digest,
    size_bytes: u64,
    hasher: Hasher,
}

impl Partial {
    /// How many bytes are there: where a range request goes on.
    pub fn offset(&self) -> u64 {
        self.hasher.size_bytes()
    }

    /// Throws away what is there: the server does not do ranges, or what it sent was wrong.
    pub fn restart(&mut self) -> Result<(), StoreError> {
        self.file.set_len(0).map_err(StoreError::io(&self.path))?;
        self.file.seek(SeekFrom::Start(0)).map_err(StoreError::io(&self.path))?;
        self.hasher = Hasher::new();
        Ok(())
    }

    /// Takes more bytes; refuses any beyond the announced size before they reach the disk.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if self.offset() + bytes.len() as u64 > self.size_bytes {
            let source = VerifyError::Long { want: self.size_bytes };
            self.restart()?;
            return Err(StoreError::Damaged { digest: self.digest, source });
        }
        self.file.write_all(bytes).map_err(StoreError::io(&self.path))?;
        self.hasher.update(bytes);
        Ok(())
    }

    /// Proves size and digest and gives the blob its name. A wrong one is thrown away.
    pub fn finish(mut self) -> Result<(), StoreError> {
        let got_bytes = self.offset();
        if got_bytes < self.size_bytes {
            let source = VerifyError::Short { want: self.size_bytes, got: got_bytes };
            return Err(StoreError::Damaged { digest: self.digest, source });
        }
        let got = self.hasher.clone().finish();
        if got != self.digest {
            self.restart()?;
            let source = VerifyError::Wrong { want: self.digest, got };
            return Err(StoreError::Damaged { digest: self.digest, source });
        }
        fs::rename(&self.path, &self.target).map_err(StoreError::io(&self.target))?;
        let stamp = Stamp::of(&self.file).map_err(StoreError::io(&self.target))?;
        let mut proven = self.store.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.insert(self.digest, stamp);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let store = Store::open(dir.path()).expect("store");
        let digest = Digest::of(b"hello world");
        let mut partial = store.begin(&digest, 11).expect("begin");
        partial.write(b"hello ").expect("write");
        assert!(matches!(
            partial.finish(),
            Err(StoreError::Damaged { source: VerifyError::Short { .. }, .. })
        ));
        assert!(!store.has(&digest, 11));

        let mut partial = store.begin(&digest, 11).expect("resume");
        assert_eq!(partial.offset(), 6);
        partial.write(b"world").expect("write");
        partial.finish().expect("whole");
        assert_eq!(store.read_bytes(&digest, 11).expect("read"), b"hello world");
    }

    #[test]
    fn wrong_and_long_blobs_are_thrown_away() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let store = Store::open(dir.path()).expect("store");
        let digest = Digest::of(b"hello");
        let mut partial = store.begin(&digest, 5).expect("begin");
        assert!(partial.write(b"hello!").is_err());
        assert_eq!(partial.offset(), 0);
        partial.write(b"hallo").expect("write");
        assert!(matches!(
            partial.finish(),
            Err(StoreError::Damaged { source: VerifyError::Wrong { .. }, .. })
        ));
        assert_eq!(store.begin(&digest, 5).expect("again").offset(), 0);
        assert!(!store.has(&digest, 5));
    }

    #[test]
    fn writers_of_one_blob_do_not_meet() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let store = Store::open(dir.path()).expect("store");
        let bytes = vec![7; 300_000];
        let digest = Digest::of(&bytes);
        let write = || {
            let mut partial = store.begin(&digest, 300_000).expect("begin");
            let offset = usize::try_from(partial.offset()).expect("small");
            bytes[offset..].chunks(1000).for_each(|piece| partial.write(piece).expect("write"));
            partial.finish().expect("finish");
        };
        std::thread::scope(|scope| {
            (0..8).for_each(|_| {
                scope.spawn(|| (0..20).for_each(|_| write()));
            });
        });
        assert_eq!(store.read_bytes(&digest, 300_000).expect("whole"), bytes);
    }

    #[test]
    fn what_killed_runs_left_is_swept_and_what_is_in_use_is_not() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let store = Store::open(dir.path()).expect("store");
        let partial = dir.path().join("partial");
        let used = store.scratch().expect("scratch");
        fs::create_dir(partial.join("scratch.left")).expect("folder");
        fs::write(partial.join("scratch.left/repo.bundle"), b"half").expect("file");
        let hex = Digest::of(b"hello").hex();
        fs::write(partial.join(format!("{hex}.123.0")), b"he").expect("file");
        fs::write(partial.join(&hex), b"hel").expect("file");
        let store = Store::open(dir.path()).expect("again");
        let mut left: Vec<PathBuf> =
            fs::read_dir(&partial).expect("list").map(|e| e.expect("entry").path()).collect();
        left.sort();
        assert_eq!(left, [partial.join(&hex), used.path().to_owned()]);
        assert_eq!(store.begin(&Digest::of(b"hello"), 5).expect("resume").offset(), 3);
        drop(used);
        assert_eq!(fs::read_dir(&partial).expect("list").count(), 1);
    }

    #[test]
    fn a_blob_is_known_to_be_proven_until_somebody_touches_it() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let store = Store::open(dir.path()).expect("store");
        let digest = store.put(b"hello").expect("put");
        assert!(store.open_blob(&digest).expect("open").proven);
        let stranger = Store::open(dir.path()).expect("store");
        assert!(!stranger.open_blob(&digest).expect("open").proven);
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(store.path(&digest), b"hellO").expect("damage");
        assert!(!store.open_blob(&digest).expect("open").proven);
    }

    #[test]
    fn damage_on_disk_is_found_when_read() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let store = Store::open(dir.path()).expect("store");
        let digest = store.put(b"hello").expect("put");
        fs::write(store.path(&digest), b"hellO").expect("damage");
        assert!(matches!(store.read_bytes(&digest, 5), Err(StoreError::Damaged { .. })));
    }
}
