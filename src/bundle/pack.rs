//! Writes packs: blobs in their given order, cut into files of a bounded size.
//!
//! Three kinds of thread share the work. Workers read, prove and compress small blobs ahead of
//! their turn, within a budget of bytes. The writer takes the frames in order and streams large
//! blobs itself. A hasher per pack follows behind the writer. None of this shows in the bytes: a
//! frame depends on its blob alone, and the order is given.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::artifact::{Digest, FileName, Hasher, VerifyError, VerifyReader};
use crate::bundle::draft::{BlobSource, Flush, PackOptions};
use crate::bundle::frame::{self, Member, Packing};
use crate::bundle::sums::pack_name;
use crate::bundle::{BlobEntry, BundleError, Encoding};
use crate::limits;
use crate::report::{Report, Task};

/// The marker of an OCI image layout (image-spec, image-layout.md).
pub(crate) const LAYOUT: &[u8] = b"{\"imageLayoutVersion\":\"1.0.0\"}";
/// Where it stands.
const LAYOUT_FILE: &str = "oci-layout";
/// Where the index of an OCI image layout stands.
const INDEX_FILE: &str = "index.json";

/// Bytes that go to the disk and to the hasher at a time.
const BUFFER_BYTES: usize = 1 << 20;
/// Buffers that may wait for the hasher.
const BUFFERS_WAITING: usize = 4;
/// Frames that may be compressed ahead, whatever their size.
const FRAMES_AHEAD_MAX: usize = 256;

/// The first member of every pack.
pub(crate) fn layout_member() -> Member {
    Member { path: LAYOUT_FILE.to_owned(), size_bytes: LAYOUT.len() as u64 }
}

/// The second member of every pack.
pub(crate) fn index_member(size_bytes: u64) -> Member {
    Member { path: INDEX_FILE.to_owned(), size_bytes }
}

/// The frames that every pack begins with: `oci-layout`, stored; `index.json`, squeezed.
pub(crate) fn start_frames(index_json: &[u8], level: i32) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    layout_member().write(&mut bytes, LAYOUT, Packing::Stored)?;
    let index = index_member(index_json.len() as u64);
    index.write(&mut bytes, index_json, Packing::Squeezed(level))?;
    Ok(bytes)
}

/// Whether a blob fits a pack of its own.
pub(crate) fn fits(size_bytes: u64, start_bytes: u64) -> bool {
    let member = Member::blob(&Digest::of(b""), size_bytes);
    let around = start_bytes + frame::END.len() as u64;
    member.frame_bytes_max().saturating_add(around) <= limits::PACK_BYTES_MAX
}

/// What was written.
pub(crate) struct Packed {
    /// Digests of the packs, in order.
    pub(crate) packs: Vec<Digest>,
    /// Sizes of the packs, in order.
    pub(crate) sizes_bytes: Vec<u64>,
    /// Where each blob is, in order.
    pub(crate) entries: Vec<BlobEntry>,
}

/// Writes all packs into a folder.
pub(crate) struct Packer<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) start: Vec<u8>,
    pub(crate) options: PackOptions,
    pub(crate) source: &'a (dyn BlobSource + Sync),
    pub(crate) report: &'a Report,
}

impl Packer<'_> {
    /// Writes every blob, in this order.
    pub(crate) fn pack(self, blobs: &[(Digest, u64)]) -> Result<Packed, BundleError> {
        let size_bytes = blobs.iter().map(|(_, size_bytes)| size_bytes).sum();
        let task = self.report.task("pack", Some(size_bytes));
        let mut row = Row { packer: &self, open: None, packed: Packed::empty() };
        thread::scope(|scope| {
            let (jobs, waiting) = mpsc::channel::<Job>();
            let waiting = Arc::new(Mutex::new(waiting));
            for _ in 0..self.options.threads.clamp(1, limits::FRAME_THREADS_MAX) {
                let waiting = Arc::clone(&waiting);
                scope.spawn(move || work(&waiting, self.source, self.options.level));
            }
            // `jobs` is dropped on every way out of here, which is what ends the workers.
            let mut ahead = Ahead::new(blobs, jobs);
            for (digest, size_bytes) in blobs {
                ahead.fill();
                if is_small(*size_bytes) {
                    let frame = ahead.take(*size_bytes, digest)?;
                    row.put(digest, *size_bytes, |out| Ok(out.write_all(&frame)?))?;
                    task.advance(*size_bytes);
                } else {
                    row.put(digest, *size_bytes, |out| {
                        self.stream(digest, *size_bytes, out, &task)
                    })?;
                }
            }
            row.finish()
        })
    }

    /// Writes the frame of a large blob, without ever holding much of it.
    fn stream(
        &self,
        digest: &Digest,
        size_bytes: u64,
        out: &mut PackFile,
        task: &Task,
    ) -> Result<(), FrameError> {
        let mut source = Watched::open(self.source, digest, size_bytes, Some(task))?;
        let written = source.write_frame(out, self.options.level);
        written.map_err(|error| source.blame(error))
    }
}

/// Why a frame was not written.
pub(crate) enum FrameError {
    /// The blob could not be read, or is not what its name says.
    Blob(BundleError),
    /// The pack could not be written.
    Pack(io::Error),
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        Self::Pack(error)
    }
}

impl Packed {
    fn empty() -> Self {
        Self { packs: Vec::new(), sizes_bytes: Vec::new(), entries: Vec::new() }
    }
}

/// The packs so far and the one that is open.
struct Row<'a> {
    packer: &'a Packer<'a>,
    open: Option<PackFile>,
    packed: Packed,
}

impl Row<'_> {
    /// Writes one frame, into a new pack if the open one might grow too large.
    fn put(
        &mut self,
        digest: &Digest,
        size_bytes: u64,
        write: impl FnOnce(&mut PackFile) -> Result<(), FrameError>,
    ) -> Result<(), BundleError> {
        let member = Member::blob(digest, size_bytes);
        // The most that the frame may take, not what it does take: known before a byte is
        // compressed.
        let room_bytes = member.frame_bytes_max() + frame::END.len() as u64;
        let part_bytes = self.packer.options.part_bytes;
        let start_bytes = self.packer.start.len() as u64;
        let full = self.open.as_ref().is_some_and(|pack| {
            pack.position > start_bytes && pack.position.saturating_add(room_bytes) > part_bytes
        });
        if full {
            self.close()?;
        }
        let mut pack = match self.open.take() {
            Some(pack) => pack,
            None => self.begin()?,
        };
        let offset = pack.position;
        write(&mut pack).map_err(|error| match error {
            FrameError::Blob(error) => error,
            FrameError::Pack(error) => BundleError::io(&pack.path)(error),
        })?;
        self.packed.entries.push(BlobEntry {
            digest: *digest,
            size: size_bytes,
            pack: pack.name.clone(),
            offset,
            length: pack.position - offset,
            encoding: Encoding::Raw,
        });
        self.open = Some(pack);
        Ok(())
    }

    fn begin(&self) -> Result<PackFile, BundleError> {
        let at = self.packed.packs.len();
        if at == limits::PACKS_MAX {
            return Err(BundleError::Packs(limits::PACKS_MAX));
        }
        let mut pack = PackFile::create(self.packer.dir, &pack_name(at))?;
        pack.write_all(&self.packer.start).map_err(BundleError::io(&pack.path))?;
        Ok(pack)
    }

    fn close(&mut self) -> Result<(), BundleError> {
        let Some(mut pack) = self.open.take() else { return Ok(()) };
        let path = pack.path.clone();
        pack.write_all(&frame::END).map_err(BundleError::io(&path))?;
        let (digest, size_bytes) =
            pack.finish(self.packer.options.flush).map_err(BundleError::io(&path))?;
        self.packed.packs.push(digest);
        self.packed.sizes_bytes.push(size_bytes);
        self.packer.report.checkpoint("pack-written");
        Ok(())
    }

    fn finish(mut self) -> Result<Packed, BundleError> {
        // A bundle without blobs still has a pack, so that it unpacks to a layout like any other.
        if self.open.is_none() {
            self.open = Some(self.begin()?);
        }
        self.close()?;
        Ok(self.packed)
    }
}

/// A pack being written; its digest grows on another thread.
struct PackFile {
    path: PathBuf,
    name: FileName,
    file: File,
    /// Bytes taken so far.
    position: u64,
    buffer: Vec<u8>,
    full: SyncSender<Vec<u8>>,
    spent: Receiver<Vec<u8>>,
    hasher: JoinHandle<Hasher>,
}

impl PackFile {
    fn create(dir: &Path, name: &str) -> Result<Self, BundleError> {
        let path = dir.join(name);
        let name = FileName::parse(name).map_err(BundleError::Version)?;
        let file = File::create_new(&path).map_err(BundleError::io(&path))?;
        let (full, incoming) = mpsc::sync_channel::<Vec<u8>>(BUFFERS_WAITING);
        let (give_back, spent) = mpsc::channel();
        let hasher = thread::Builder::new().name("pack digest".to_owned()).spawn(move || {
            let mut hasher = Hasher::new();
            for buffer in incoming {
                hasher.update(&buffer);
                // Nobody takes buffers back at the end, and that is fine.
                let _ = give_back.send(buffer);
            }
            hasher
        });
        let hasher = hasher.map_err(BundleError::io(&path))?;
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        Ok(Self { path, name, file, position: 0, buffer, full, spent, hasher })
    }

    fn turn_over(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        let mut next = self.spent.try_recv().unwrap_or_default();
        next.clear();
        next.reserve(BUFFER_BYTES);
        let full = std::mem::replace(&mut self.buffer, next);
        self.full.send(full).map_err(|_| io::Error::other("the digest thread ended early"))
    }

    /// Ends the pack, and says its digest and size.
    fn finish(mut self, flush: Flush) -> io::Result<(Digest, u64)> {
        self.turn_over()?;
        drop(self.full);
        flush.file(&self.file)?;
        let hasher = self.hasher.join();
        let hasher = hasher.map_err(|_| io::Error::other("the digest thread failed"))?;
        Ok((hasher.finish(), self.position))
    }
}

impl Write for PackFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() >= BUFFER_BYTES {
            self.turn_over()?;
        }
        let count = bytes.len().min(BUFFER_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..count]);
        self.position += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A blob to be compressed, and where to send the frame.
struct Job {
    digest: Digest,
    size_bytes: u64,
    done: SyncSender<Result<Vec<u8>, BundleError>>,
}

fn is_small(size_bytes: u64) -> bool {
    size_bytes <= limits::FRAME_AHEAD_BYTES_MAX
}

/// Makes frames until there are no more jobs.
fn work(waiting: &Mutex<Receiver<Job>>, source: &(dyn BlobSource + Sync), level: i32) {
    loop {
        // The lock is held while waiting: another worker would only wait for the same thing.
        let job = waiting.lock().ok().and_then(|jobs| jobs.recv().ok());
        let Some(job) = job else { return };
        let mut frame = Vec::new();
        let made = Watched::open(source, &job.digest, job.size_bytes, None).and_then(|mut blob| {
            blob.write_frame(&mut frame, level).map_err(|error| blob.blame(error))
        });
        let result = match made {
            Ok(()) => Ok(frame),
            Err(FrameError::Blob(error)) => Err(error),
            Err(FrameError::Pack(source)) => {
                Err(BundleError::Source { digest: job.digest, source })
            }
        };
        // The writer may have given up; then nobody wants it.
        let _ = job.done.send(result);
    }
}

/// The frames that are made ahead of their turn.
struct Ahead<'a> {
    blobs: &'a [(Digest, u64)],
    next: usize,
    jobs: Sender<Job>,
    frames: VecDeque<Receiver<Result<Vec<u8>, BundleError>>>,
    waiting_bytes: u64,
}

impl<'a> Ahead<'a> {
    fn new(blobs: &'a [(Digest, u64)], jobs: Sender<Job>) -> Self {
        Self { blobs, next: 0, jobs, frames: VecDeque::new(), waiting_bytes: 0 }
    }

    /// Hands out small blobs as far as the budget goes; always at least one when none is under way.
    fn fill(&mut self) {
        while let Some((digest, size_bytes)) = self.blobs.get(self.next).copied() {
            if is_small(size_bytes) {
                let waiting_bytes = self.waiting_bytes + size_bytes;
                let enough = waiting_bytes > limits::FRAMES_AHEAD_BYTES_MAX
                    || self.frames.len() >= FRAMES_AHEAD_MAX;
                if enough && !self.frames.is_empty() {
                    return;
                }
                let (done, frame) = mpsc::sync_channel(1);
                // Without workers `take` reports it.
                let _ = self.jobs.send(Job { digest, size_bytes, done });
                self.frames.push_back(frame);
                self.waiting_bytes = waiting_bytes;
            }
            self.next += 1;
        }
    }

    /// Waits for the frame of the next small blob.
    fn take(&mut self, size_bytes: u64, digest: &Digest) -> Result<Vec<u8>, BundleError> {
        self.waiting_bytes = self.waiting_bytes.saturating_sub(size_bytes);
        let frame = self.frames.pop_front().and_then(|frame| frame.recv().ok());
        frame.unwrap_or_else(|| {
            let source = io::Error::other("the thread that compresses it ended early");
            Err(BundleError::Source { digest: *digest, source })
        })
    }
}

/// The bytes of a blob, and what is left to prove about them.
enum Data {
    /// Size and digest.
    Unproven(VerifyReader<File>),
    /// Only that the size is still what it was.
    Proven { file: File, left_bytes: u64, size_bytes: u64 },
}

impl Read for Data {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (file, left_bytes, size_bytes) = match self {
            Self::Unproven(reader) => return reader.read(buffer),
            Self::Proven { file, left_bytes, size_bytes } => (file, left_bytes, *size_bytes),
        };
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = file.read(buffer)?;
        let fault = match left_bytes.checked_sub(count as u64) {
            None => VerifyError::Long { want: size_bytes },
            Some(left) if count == 0 && left > 0 => {
                VerifyError::Short { want: size_bytes, got: size_bytes - left }
            }
            Some(left) => {
                *left_bytes = left;
                return Ok(count);
            }
        };
        Err(io::Error::new(io::ErrorKind::InvalidData, fault))
    }
}

/// A blob being read from its source and proven; remembers that an error was the source's.
struct Watched<'a> {
    digest: Digest,
    size_bytes: u64,
    data: Data,
    task: Option<&'a Task>,
    failed: bool,
}

impl<'a> Watched<'a> {
    fn open(
        source: &dyn BlobSource,
        digest: &Digest,
        size_bytes: u64,
        task: Option<&'a Task>,
    ) -> Result<Self, FrameError> {
        let data = source
            .open(digest, size_bytes)
            .map_err(|source| FrameError::Blob(BundleError::Source { digest: *digest, source }))?;
        let data = if data.proven {
            Data::Proven { file: data.file, left_bytes: size_bytes, size_bytes }
        } else {
            Data::Unproven(VerifyReader::new(data.file, *digest, size_bytes))
        };
        Ok(Self { digest: *digest, size_bytes, data, task, failed: false })
    }

    /// Writes the whole frame, packing chosen by the first bytes.
    fn write_frame(&mut self, out: impl Write, level: i32) -> io::Result<()> {
        let mut start = Vec::new();
        self.by_ref().take(Packing::SNIFF_BYTES as u64).read_to_end(&mut start)?;
        let packing = Packing::of(&start, level);
        let member = Member::blob(&self.digest, self.size_bytes);
        member.write(out, Cursor::new(start).chain(self), packing)
    }

    /// Tells the source's errors from the pack's.
    fn blame(&self, error: io::Error) -> FrameError {
        if !self.failed {
            return FrameError::Pack(error);
        }
        let fault = error.get_ref().and_then(|inner| inner.downcast_ref::<VerifyError>()).cloned();
        FrameError::Blob(match fault {
            Some(source) => BundleError::Damaged { digest: self.digest, source },
            None => BundleError::Source { digest: self.digest, source: error },
        })
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.data.read(buffer).inspect_err(|error| {
            self.failed |= error.kind() != io::ErrorKind::Interrupted;
        })?;
        if let Some(task) = self.task {
            task.advance(count as u64);
        }
        Ok(count)
    }
}
