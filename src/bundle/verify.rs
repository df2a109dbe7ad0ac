//! The proof: from a folder to a bundle that may be used. FORMAT.md, "Reading", has the same steps.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use crate::artifact::{FileName, Hasher, VerifyError};
use crate::bundle::listing::{Entry, Listing, What, open_plain};
use crate::bundle::parallel;
use crate::bundle::sums::SUMS_FILE;
use crate::bundle::verified::Verified;
use crate::bundle::{Contents, DamagedFile, Sealed, Sums, VerifyFailure};
use crate::limits;
use crate::report::{Report, Task};
use crate::trust::{KeyId, Trust};

/// How much of a file is read at a time.
const READ_BYTES: usize = 1 << 20;

impl Sealed {
    /// Proves that a trusted key signed this bundle and that it is whole.
    ///
    /// Writes nothing, so read-only media will do. Fails at the first step that does not hold;
    /// damaged files are all named at once.
    pub fn verify(self, trust: &Trust, report: &Report) -> Result<Verified, VerifyFailure> {
        // 1. The list was read when the folder was opened, and bounded; now the signatures,
        // likewise.
        let signatures = self.signatures()?;

        // 2. A trusted key signed these very bytes. Nothing was parsed before this line.
        let key = trust.prove(&self.sums_bytes, &signatures).map_err(VerifyFailure::Trust)?;

        // 3. The bytes that were proven are the bytes that are parsed.
        let sums = Sums::parse(&self.sums_bytes).map_err(VerifyFailure::Sums)?;

        // 4. The folder holds exactly the listed files and signatures, all of them plain.
        check_set(&self.listing, &sums)?;

        // 5. Every file has its digest.
        let (contents_bytes, sizes_bytes) = self.prove_files(&sums, report)?;

        // 6. The contents can be true: shape, names, and frames that cover the packs.
        let contents = Contents::parse(&contents_bytes).map_err(VerifyFailure::Contents)?;
        contents.check_release(&sums).map_err(VerifyFailure::Contents)?;
        contents.check_lists().map_err(VerifyFailure::Contents)?;
        contents.check_packs(&sizes_bytes).map_err(VerifyFailure::Contents)?;

        Ok(Verified::new(&self, contents, sizes_bytes, key))
    }

    fn signatures(&self) -> Result<Vec<(KeyId, Vec<u8>)>, VerifyFailure> {
        let mut signatures = Vec::new();
        for entry in &self.listing.entries {
            let Some(key) = signature_key(&entry.name) else { continue };
            if signatures.len() == limits::SIGNATURES_MAX {
                return Err(VerifyFailure::Files(self.dir().to_owned(), limits::SIGNATURES_MAX));
            }
            let bytes = self.listing.read_file(&entry.name, limits::SIGNATURE_BYTES_MAX)?;
            signatures.push((key, bytes));
        }
        Ok(signatures)
    }

    /// Reads every listed file once. Gives back `bundle.json` and the packs' sizes.
    fn prove_files(
        &self,
        sums: &Sums,
        report: &Report,
    ) -> Result<(Vec<u8>, Vec<u64>), VerifyFailure> {
        let files = sums.files();
        let sizes = files.iter().filter_map(|(name, _)| self.listing.get(name.as_str()));
        let task = report.task("verify", Some(sizes.map(|entry| entry.size_bytes).sum()));
        let (contents, mut damaged) = match self.contents_bytes(sums) {
            Ok(bytes) => {
                task.advance(bytes.len() as u64);
                (Some(bytes), Vec::new())
            }
            Err(VerifyFailure::Damaged(damaged)) => (None, damaged),
            Err(failure) => return Err(failure),
        };
        // The first file is `bundle.json`.
        let packs = files.get(1..).unwrap_or_default();
        let digests = parallel::each(packs, |(name, _)| self.digest(name, &task));
        let sizes_wanted = contents.as_deref().and_then(pack_sizes).unwrap_or_default();
        let mut sizes_bytes = Vec::new();
        for ((name, want), hasher) in packs.iter().zip(digests) {
            let hasher = hasher?;
            let size_bytes = hasher.size_bytes();
            sizes_bytes.push(size_bytes);
            let got = hasher.finish();
            if got != *want {
                let fault = match sizes_wanted.get(name).copied() {
                    Some(want) if size_bytes < want => VerifyError::Short { want, got: size_bytes },
                    Some(want) if size_bytes > want => VerifyError::Long { want },
                    _ => VerifyError::Wrong { want: *want, got },
                };
                damaged.push(DamagedFile { name: name.clone(), fault });
            }
        }
        match contents {
            Some(contents) if damaged.is_empty() => Ok((contents, sizes_bytes)),
            _ => Err(VerifyFailure::Damaged(damaged)),
        }
    }

    fn digest(&self, name: &FileName, task: &Task) -> Result<Hasher, VerifyFailure> {
        let mut file = open_plain(self.dir(), name.as_str())?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(hasher),
                Ok(count) => {
                    hasher.update(&buffer[..count]);
                    task.advance(count as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(VerifyFailure::io(&self.dir().join(name.as_str()))(error));
                }
            }
        }
    }
}

/// The key that a signature file names, if the name is one of a signature file.
pub(crate) fn signature_key(name: &str) -> Option<KeyId> {
    let id = name.strip_prefix(SUMS_FILE)?.strip_prefix('.')?.strip_suffix(".p256")?;
    KeyId::parse(id)
}

/// The name of a key's signature file.
pub(crate) fn signature_name(key: KeyId) -> String {
    format!("{SUMS_FILE}.{key}.p256")
}

/// Holds the folder against the list.
fn check_set(listing: &Listing, sums: &Sums) -> Result<(), VerifyFailure> {
    let listed: Vec<FileName> = sums.files().into_iter().map(|(name, _)| name).collect();
    let mut folded: BTreeMap<String, &str> = BTreeMap::new();
    let mut extra = None;
    for Entry { name, what, .. } in &listing.entries {
        match what {
            What::File => {}
            What::Symlink => return Err(VerifyFailure::Symlink(name.clone())),
            What::Folder => return Err(VerifyFailure::Folder(name.clone())),
            What::Special => return Err(VerifyFailure::Special(name.clone())),
        }
        let sound = FileName::parse(name).map_err(|_| VerifyFailure::OddName(name.clone()))?;
        if let Some(other) = folded.insert(sound.folded(), name) {
            return Err(VerifyFailure::CaseClash(other.to_owned(), name.clone()));
        }
        let known = name == SUMS_FILE
            || signature_key(name).is_some()
            || listed.binary_search(&sound).is_ok();
        if !known {
            extra = extra.or(Some(name));
        }
    }
    // Told last: a name that clashes is also one too many, and the clash says more.
    if let Some(name) = extra {
        return Err(VerifyFailure::Extra(name.clone()));
    }
    let missing = |name: &FileName| listing.get(name.as_str()).is_none();
    let missing: Vec<FileName> = listed.into_iter().filter(missing).collect();
    if missing.is_empty() { Ok(()) } else { Err(VerifyFailure::Missing(missing)) }
}

/// How large the packs should be, from contents that are proven: tells a cut file from a changed
/// one.
fn pack_sizes(contents_bytes: &[u8]) -> Option<BTreeMap<FileName, u64>> {
    let contents = Contents::parse(contents_bytes).ok()?;
    let mut ends = BTreeMap::new();
    for blob in contents.blobs {
        let end_bytes = blob.offset.saturating_add(blob.length);
        let end_bytes = end_bytes.saturating_add(crate::bundle::frame::END.len() as u64);
        ends.insert(blob.pack, end_bytes);
    }
    Some(ends)
}
