//! A folder that says it is a bundle. It can be listed; it yields no blob.

use std::path::Path;

use crate::artifact::{Digest, FileName, VerifyError};
use crate::bundle::listing::{Listing, What};
use crate::bundle::sums::{CONTENTS_FILE, SUMS_FILE};
use crate::bundle::{Contents, DamagedFile, Sums, VerifyFailure};
use crate::limits;

/// A bundle that nothing was proven about. The next step is [`Sealed::verify`].
#[derive(Clone, Debug)]
pub struct Sealed {
    pub(crate) listing: Listing,
    /// The bytes of `SHA256SUMS`: what is proven later is what is parsed later.
    pub(crate) sums_bytes: Vec<u8>,
}

impl Sealed {
    /// Looks at a folder and takes its list in. Parses nothing.
    pub fn open(dir: &Path) -> Result<Self, VerifyFailure> {
        let listing = Listing::read(dir)?;
        if listing.get(SUMS_FILE).is_none() {
            return Err(VerifyFailure::NoSums(dir.to_owned()));
        }
        let sums_bytes = listing.read_file(SUMS_FILE, limits::SUMS_BYTES_MAX)?;
        Ok(Self { listing, sums_bytes })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.listing.dir
    }

    /// Bytes of all plain files in the folder.
    pub fn size_bytes(&self) -> u64 {
        let files = self.listing.entries.iter().filter(|entry| entry.what == What::File);
        files.map(|entry| entry.size_bytes).sum()
    }

    /// The digest of the list: names the whole bundle in a log book.
    pub fn sums_digest(&self) -> Digest {
        Digest::of(&self.sums_bytes)
    }

    /// What the bundle CLAIMS to carry. Unproven: whoever wrote the folder wrote this.
    ///
    /// For showing to a person, never for acting on. Only `bundle.json` is read, and only against
    /// its line in the list.
    pub fn claimed(&self) -> Result<Contents, VerifyFailure> {
        let sums = Sums::parse(&self.sums_bytes).map_err(VerifyFailure::Sums)?;
        let bytes = self.contents_bytes(&sums)?;
        let contents = Contents::parse(&bytes).map_err(VerifyFailure::Contents)?;
        contents.check_release(&sums).map_err(VerifyFailure::Contents)?;
        Ok(contents)
    }

    /// Reads `bundle.json` once and holds it against the list.
    pub(crate) fn contents_bytes(&self, sums: &Sums) -> Result<Vec<u8>, VerifyFailure> {
        // The list has exactly this name in it, and the name is sound.
        let name = FileName::parse(CONTENTS_FILE)
            .map_err(|_| VerifyFailure::OddName(CONTENTS_FILE.to_owned()))?;
        if self.listing.get(CONTENTS_FILE).is_none() {
            return Err(VerifyFailure::Missing(vec![name]));
        }
        let bytes = self.listing.read_file(CONTENTS_FILE, limits::CONTENTS_BYTES_MAX)?;
        let got = Digest::of(&bytes);
        if got != sums.contents {
            let fault = VerifyError::Wrong { want: sums.contents, got };
            return Err(VerifyFailure::Damaged(vec![DamagedFile { name, fault }]));
        }
        Ok(bytes)
    }
}
