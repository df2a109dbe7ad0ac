//! Steps that a crash cannot undo: temporary file, sync, rename, sync of the folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

use crate::serve::ServeError;

/// A temporary file with the permissions that it will keep under its name.
pub(super) fn temporary(folder: &Path) -> Result<NamedTempFile, ServeError> {
    tempfile::Builder::new()
        .prefix("new-")
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(ServeError::io(folder))
}

/// Gives a file its name, for good.
pub(super) fn keep(file: NamedTempFile, path: &Path) -> Result<(), ServeError> {
    file.as_file().sync_data().map_err(ServeError::io(path))?;
    file.persist(path).map_err(|error| ServeError::io(path)(error.error))?;
    sync_parent(path)
}

/// Writes a small file, for good. One that says the same already is left as it is.
pub(super) fn write(temporary_folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), ServeError> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        // Whoever wrote it may not have synced the folder yet.
        return sync_parent(path);
    }
    let mut file = temporary(temporary_folder)?;
    file.write_all(bytes).map_err(ServeError::io(path))?;
    keep(file, path)
}

/// Makes an empty file, for good: its name is all it says.
pub(super) fn mark(path: &Path) -> Result<(), ServeError> {
    match File::create_new(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(ServeError::io(path)(error))
        }
        _ => sync_parent(path),
    }
}

/// Removes a file, for good. `false` when it was not there.
pub(super) fn remove(path: &Path) -> Result<bool, ServeError> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path).map(|()| true),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(ServeError::io(path)(error)),
    }
}

/// Whether a file is simply not there.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

pub(super) fn sync_parent(path: &Path) -> Result<(), ServeError> {
    let folder = path.parent().unwrap_or(path);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(ServeError::io(folder))
}

/// Makes folders, one thread at a time, so that nobody relies on one that is not synced yet.
#[derive(Default)]
pub(super) struct Folders(Mutex<()>);

impl Folders {
    /// Makes a folder and those above it, for good.
    pub(super) fn make(&self, path: &Path) -> Result<(), ServeError> {
        let _one = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = path.ancestors().take_while(|folder| !folder.is_dir());
        for folder in missing.collect::<Vec<_>>().into_iter().rev() {
            match fs::create_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(ServeError::io(folder)(error));
                }
                _ => sync_parent(folder)?,
            }
        }
        Ok(())
    }
}
