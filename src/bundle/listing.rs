//! A look at a folder, and the only way to open a file in it.
//!
//! No link is followed and nothing but a plain file is opened: a link may lead off the medium, and
//! opening a pipe or a device can block for ever or do something.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::bundle::VerifyFailure;
use crate::limits;

/// What kind of thing a directory entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    File,
    Folder,
    Symlink,
    Special,
}

/// One entry.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its name; bytes that are no UTF-8 are replaced, which makes it no name of a bundle's file.
    pub(crate) name: String,
    /// What it is.
    pub(crate) what: What,
    /// Size in bytes.
    pub(crate) size_bytes: u64,
}

/// The folder of a bundle.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) dir: PathBuf,
    /// Sorted by name, so that the first failure named is always the same.
    pub(crate) entries: Vec<Entry>,
}

impl Listing {
    /// Reads the names in a folder.
    pub(crate) fn read(dir: &Path) -> Result<Self, VerifyFailure> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir).map_err(VerifyFailure::io(dir))? {
            let entry = entry.map_err(VerifyFailure::io(dir))?;
            if entries.len() == limits::BUNDLE_FILES_MAX {
                return Err(VerifyFailure::Files(dir.to_owned(), limits::BUNDLE_FILES_MAX));
            }
            // Of the entry itself: this does not follow links.
            let meta = entry.metadata().map_err(VerifyFailure::io(&entry.path()))?;
            let kind = meta.file_type();
            let what = match () {
                () if kind.is_file() => What::File,
                () if kind.is_dir() => What::Folder,
                () if kind.is_symlink() => What::Symlink,
                () => What::Special,
            };
            let name = entry.file_name().to_string_lossy().into_owned();
            entries.push(Entry { name, what, size_bytes: meta.len() });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { dir: dir.to_owned(), entries })
    }

    /// The entry of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.name.as_str().cmp(name)).ok()?;
        self.entries.get(at)
    }

    /// Reads a small file whole.
    pub(crate) fn read_file(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, VerifyFailure> {
        let file = open_plain(&self.dir, name)?;
        let mut bytes = Vec::new();
        file.take(bytes_max + 1)
            .read_to_end(&mut bytes)
            .map_err(VerifyFailure::io(&self.dir.join(name)))?;
        if bytes.len() as u64 > bytes_max {
            return Err(VerifyFailure::Large { name: name.to_owned(), bytes_max });
        }
        Ok(bytes)
    }
}

/// Opens a plain file of the folder.
///
/// The standard library has no `O_NOFOLLOW`. So the name is looked at without following links, then
/// opened, and what was opened must be what was looked at.
pub(crate) fn open_plain(dir: &Path, name: &str) -> Result<File, VerifyFailure> {
    let path = dir.join(name);
    let before = fs::symlink_metadata(&path).map_err(VerifyFailure::io(&path))?;
    let kind = before.file_type();
    if kind.is_symlink() {
        return Err(VerifyFailure::Symlink(name.to_owned()));
    }
    if kind.is_dir() {
        return Err(VerifyFailure::Folder(name.to_owned()));
    }
    if !kind.is_file() {
        return Err(VerifyFailure::Special(name.to_owned()));
    }
    let file = File::open(&path).map_err(VerifyFailure::io(&path))?;
    let after = file.metadata().map_err(VerifyFailure::io(&path))?;
    if same(&before, &after) { Ok(file) } else { Err(VerifyFailure::Replaced(name.to_owned())) }
}

#[cfg(unix)]
fn same(before: &fs::Metadata, after: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (before.dev(), before.ino()) == (after.dev(), after.ino())
}

#[cfg(not(unix))]
fn same(before: &fs::Metadata, after: &fs::Metadata) -> bool {
    after.is_file() && before.len() == after.len()
}

/// Makes what was created in, renamed into or removed from a folder durable.
pub(crate) fn sync_folder(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
