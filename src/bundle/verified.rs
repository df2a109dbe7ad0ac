//! A bundle that was proven. The only type that yields blobs.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom, Take};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zstd::stream::read::Decoder;

use crate::artifact::{Digest, FileName, VerifyReader};
use crate::bundle::frame::{self, Member, Packing, invalid};
use crate::bundle::listing::open_plain;
use crate::bundle::pack::{self, LAYOUT};
use crate::bundle::parallel;
use crate::bundle::sums::pack_name;
use crate::bundle::{
    BlobEntry, Contents, DamagedBlob, Encoding, IndexEntry, Sealed, VerifyFailure,
};
use crate::limits;
use crate::report::Report;
use crate::trust::KeyId;

/// How much of a frame is read ahead.
const READ_BYTES: u64 = 128 << 10;

/// A proven bundle. Cheap to clone; may be read from many threads at once.
#[derive(Clone)]
pub struct Verified {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    sums_digest: Digest,
    key: KeyId,
    contents: Contents,
    sizes_bytes: Vec<u64>,
    places: HashMap<Digest, usize>,
}

/// A blob on its way out of a bundle.
///
/// Yields exactly the blob's bytes and proves size and digest before it reports the end. Whatever
/// is wrong with the bytes comes as [`io::ErrorKind::InvalidData`] or
/// [`io::ErrorKind::UnexpectedEof`]; other kinds are the medium's.
pub struct Blob {
    data: VerifyReader<Take<Decoder<'static, Frame>>>,
}

type Frame = BufReader<Take<File>>;

impl Verified {
    /// Called at the end of the proof, from nowhere else.
    pub(crate) fn new(
        sealed: &Sealed,
        contents: Contents,
        sizes_bytes: Vec<u64>,
        key: KeyId,
    ) -> Self {
        let places = contents.blobs.iter().enumerate().map(|(at, blob)| (blob.digest, at));
        let inner = Inner {
            dir: sealed.dir().to_owned(),
            sums_digest: sealed.sums_digest(),
            key,
            sizes_bytes,
            places: places.collect(),
            contents,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// The digest of the signed list: names the whole bundle in a receipt.
    pub fn sums_digest(&self) -> Digest {
        self.inner.sums_digest
    }

    /// The trusted key that signed.
    pub fn key(&self) -> KeyId {
        self.inner.key
    }

    /// What it carries.
    pub fn contents(&self) -> &Contents {
        &self.inner.contents
    }

    /// Where a blob is, if the bundle has it.
    pub fn entry(&self, digest: &Digest) -> Option<&BlobEntry> {
        self.inner.places.get(digest).and_then(|at| self.inner.contents.blobs.get(*at))
    }

    /// Opens a blob: one seek to its frame, nothing else of the pack is read.
    pub fn blob(&self, digest: &Digest) -> Result<Blob, VerifyFailure> {
        let entry = self.entry(digest).ok_or(VerifyFailure::NoBlob(*digest))?;
        let damaged = |error: io::Error| {
            let damaged = fault(entry.pack.clone(), Some(entry.digest), &error);
            VerifyFailure::Inside(vec![damaged])
        };
        let Encoding::Raw = entry.encoding;
        let member = Member::blob(&entry.digest, entry.size);
        let decoder = member.open(self.frame(entry)?).map_err(damaged)?;
        let data = VerifyReader::new(decoder.take(entry.size), entry.digest, entry.size);
        Ok(Blob { data })
    }

    /// Decompresses everything and proves every blob and every byte between blobs.
    ///
    /// After [`Sealed::verify`] this can only find a builder's mistake or a medium that answers
    /// differently the second time. All faults are named at once.
    pub fn deep(&self, report: &Report) -> Result<(), VerifyFailure> {
        let contents = self.contents();
        let size_bytes = contents.blobs.iter().map(|blob| blob.size).sum();
        let task = report.task("verify every blob", Some(size_bytes));
        let mut damaged = self.prove_ends()?;
        let proven = parallel::each(&contents.blobs, |entry| {
            let member = Member::blob(&entry.digest, entry.size);
            self.frame(entry).map(|frame| {
                let mut rest = member.prove(frame, &entry.digest, Progress(&task))?;
                let done = rest.fill_buf()?.is_empty();
                if done { Ok(()) } else { Err(invalid("more behind the frame")) }
            })
        });
        for (entry, result) in contents.blobs.iter().zip(proven) {
            if let Err(error) = result? {
                damaged.push(fault(entry.pack.clone(), Some(entry.digest), &error));
            }
        }
        if damaged.is_empty() { Ok(()) } else { Err(VerifyFailure::Inside(damaged)) }
    }

    /// Proves what stands before the first and behind the last blob of each pack.
    fn prove_ends(&self) -> Result<Vec<DamagedBlob>, VerifyFailure> {
        let contents = self.contents();
        let mut damaged = Vec::new();
        let mut first_start: Option<Digest> = None;
        for (at, size_bytes) in self.inner.sizes_bytes.iter().enumerate() {
            let name = pack_name(at);
            let pack = FileName::parse(&name).map_err(|_| VerifyFailure::OddName(name.clone()))?;
            let mut file = open_plain(self.dir(), &name)?;
            let result = (|| {
                let end_bytes = size_bytes.saturating_sub(frame::END.len() as u64);
                let start_bytes = contents.start_bytes().unwrap_or(end_bytes);
                if start_bytes > 2 * limits::INDEX_JSON_BYTES_MAX {
                    return Err(invalid("the frames before the first blob are too large"));
                }
                let mut start = Vec::new();
                (&mut file).take(start_bytes).read_to_end(&mut start)?;
                let digest = Digest::of(&start);
                match first_start {
                    Some(first) if first != digest => {
                        return Err(invalid("it begins differently than the first pack"));
                    }
                    Some(_) => {}
                    None => {
                        first_start = Some(digest);
                        let index = prove_start(&start, contents.index)?;
                        let check = contents.check_index(&index);
                        check.map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
                    }
                }
                file.seek(SeekFrom::Start(end_bytes))?;
                let mut end = Vec::new();
                (&mut file).take(frame::END.len() as u64 + 1).read_to_end(&mut end)?;
                if end == frame::END {
                    Ok(())
                } else {
                    Err(invalid("it does not end as a pack does"))
                }
            })();
            if let Err(error) = result {
                damaged.push(fault(pack, None, &error));
            }
        }
        Ok(damaged)
    }

    fn frame(&self, entry: &BlobEntry) -> Result<Frame, VerifyFailure> {
        let mut file = open_plain(self.dir(), entry.pack.as_str())?;
        file.seek(SeekFrom::Start(entry.offset))
            .map_err(VerifyFailure::io(&self.dir().join(entry.pack.as_str())))?;
        // Bounded by READ_BYTES, so it fits every integer.
        let capacity = entry.length.min(READ_BYTES) as usize;
        Ok(BufReader::with_capacity(capacity, file.take(entry.length)))
    }
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.data.read(buffer).map_err(|error| {
            // What zstd says comes without an operating system's number.
            let from_medium = error.raw_os_error().is_some();
            let told = matches!(
                error.kind(),
                io::ErrorKind::InvalidData
                    | io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::Interrupted
            );
            if from_medium || told {
                error
            } else {
                io::Error::new(io::ErrorKind::InvalidData, error)
            }
        })
    }
}

/// Proves the two frames that every pack begins with, and gives back `index.json`.
fn prove_start(start: &[u8], index: IndexEntry) -> io::Result<Vec<u8>> {
    // The first frame is stored, so it has one form only, like a tar header.
    let mut layout = Vec::new();
    pack::layout_member().write(&mut layout, LAYOUT, Packing::Stored)?;
    let rest = start.strip_prefix(layout.as_slice());
    let rest = rest.ok_or_else(|| invalid("it does not begin as a pack does"))?;
    if index.size > limits::INDEX_JSON_BYTES_MAX {
        return Err(invalid("index.json is too large"));
    }
    let mut bytes = Vec::new();
    let rest = pack::index_member(index.size).prove(rest, &index.digest, &mut bytes)?;
    if rest.is_empty() { Ok(bytes) } else { Err(invalid("more frames before the first blob")) }
}

fn fault(pack: FileName, digest: Option<Digest>, error: &io::Error) -> DamagedBlob {
    DamagedBlob { pack, digest, fault: error.to_string() }
}

/// Counts what is thrown away.
struct Progress<'a>(&'a crate::report::Task);

impl io::Write for Progress<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.advance(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
