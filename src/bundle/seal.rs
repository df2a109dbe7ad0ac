//! Lists, signs and closes a draft. The order of writing is FORMAT.md's: a reader that finds a name
//! finds all of it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use crate::artifact::Digest;
use crate::bundle::draft::Flush;
use crate::bundle::sums::{CONTENTS_FILE, SUMS_FILE};
use crate::bundle::verify::signature_name;
use crate::bundle::{BundleError, Draft, Sealed, Sums};
use crate::trust::SigningKey;

/// The durable steps of building, in order; `pack-written` comes once a pack. Fault tests stop the
/// process at each.
pub const CHECKPOINTS: [&str; 6] =
    ["draft-started", "pack-written", "contents-written", "sums-written", "signed", "sealed"];

impl Draft {
    /// Writes contents, list and one signature for each key, and moves the folder to its place.
    ///
    /// When the very same bundle is there already, nothing in it is replaced; signatures that it
    /// lacks are added.
    pub fn seal(self, signers: &[SigningKey]) -> Result<Sealed, BundleError> {
        if signers.is_empty() {
            return Err(BundleError::NoSigner);
        }
        let folder = &self.folder.path;
        let contents = self.contents.to_bytes().map_err(BundleError::Contents)?;
        write_file(&folder.join(CONTENTS_FILE), &contents, self.flush)?;
        self.report.checkpoint("contents-written");

        let sums = Sums {
            name: self.contents.name.clone(),
            version: self.contents.version.clone(),
            contents: Digest::of(&contents),
            packs: self.packs.clone(),
        };
        let sums = sums.to_text().into_bytes();
        write_file(&folder.join(SUMS_FILE), &sums, self.flush)?;
        self.report.checkpoint("sums-written");

        let mut names = Vec::new();
        for signer in signers {
            let name = signature_name(signer.public().key_id());
            if !names.contains(&name) {
                write_file(&folder.join(&name), &signer.sign(&sums), self.flush)?;
                names.push(name);
            }
        }
        self.flush.folder(folder)?;
        self.report.checkpoint("signed");

        let target = self.folder.parent.join(&self.folder.stem);
        if fs::symlink_metadata(&target).is_ok() {
            self.join_existing(&target, &sums, &names)?;
        } else {
            fs::rename(folder, &target).map_err(BundleError::io(&target))?;
        }
        self.flush.folder(&self.folder.parent)?;
        self.report.checkpoint("sealed");
        Sealed::open(&target).map_err(|failure| BundleError::Reopen(Box::new(failure)))
    }

    fn join_existing(
        &self,
        target: &Path,
        sums: &[u8],
        signatures: &[String],
    ) -> Result<(), BundleError> {
        let there = Sealed::open(target).ok().filter(|there| there.sums_bytes == sums);
        let Some(there) = there else { return Err(BundleError::Exists(target.to_owned())) };
        self.report.note(format!("{} is there already, with the same contents", target.display()));
        for name in signatures {
            if there.listing.get(name).is_none() {
                let path = target.join(name);
                fs::rename(self.folder.path.join(name), &path).map_err(BundleError::io(&path))?;
                self.report.note(format!("signature {name} was added to it"));
            }
        }
        self.flush.folder(target)
    }
}

/// Writes a new file for good.
fn write_file(path: &Path, bytes: &[u8], flush: Flush) -> Result<(), BundleError> {
    let write = || -> io::Result<()> {
        let mut file = File::create_new(path)?;
        file.write_all(bytes)?;
        flush.file(&file)
    };
    write().map_err(BundleError::io(path))
}
