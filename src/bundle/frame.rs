//! One frame of a pack: a tar member (POSIX ustar) inside a zstd frame of its own (RFC 8878).
//! Writer and reader.
//!
//! A frame holds header, data and padding of one member, so cutting a pack at any frame gives sound
//! zstd and sound tar. The reader does not parse the header: it makes the only one that the writer
//! could have written and compares. No two tar readers can disagree about bytes that have exactly
//! one form.

use std::io::{self, BufRead, Read, Write};

use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

use crate::artifact::{Digest, VerifyReader};
use crate::limits;

/// Tar's unit: headers are one long, data is padded to it.
const TAR_BLOCK_BYTES: usize = 512;
/// Most content of one zstd block (RFC 8878 section 3.1.1.2.4), and how much is read at a time.
const CHUNK_BYTES: usize = 128 << 10;
const ZEROS: [u8; TAR_BLOCK_BYTES] = [0; TAR_BLOCK_BYTES];

/// The last frame of every pack: tar's end of archive, 1024 zero bytes, as one RLE block.
///
/// Magic; descriptor: single segment, 2-byte size; size − 256; block header: last, RLE, 1024; the
/// byte.
pub(crate) const END: [u8; 11] = [0x28, 0xb5, 0x2f, 0xfd, 0x60, 0x00, 0x03, 0x03, 0x20, 0x00, 0x00];

/// A member of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Path inside the archive.
    pub(crate) path: String,
    /// Bytes of data.
    pub(crate) size_bytes: u64,
}

/// How a frame holds its content. Both are plain zstd to every reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Raw blocks: the data is compressed already, so no time goes into it.
    Stored,
    /// Compressed by libzstd at this level.
    Squeezed(i32),
}

impl Packing {
    /// Chooses by the first bytes of the data.
    pub(crate) fn of(start: &[u8], level: i32) -> Self {
        const COMPRESSED: [&[u8]; 10] = [
            b"\x1f\x8b",          // gzip
            b"\x28\xb5\x2f\xfd",  // zstd
            b"\xfd7zXZ\x00",      // xz
            b"BZh",               // bzip2
            b"PK\x03\x04",        // zip, jar
            b"PACK",              // git pack
            b"# v2 git bundle\n", // git bundle: a short list, then a pack
            b"# v3 git bundle\n",
            b"\x89PNG\r\n",
            b"\xff\xd8\xff", // jpeg
        ];
        if COMPRESSED.iter().any(|magic| start.starts_with(magic)) {
            Self::Stored
        } else {
            Self::Squeezed(level)
        }
    }

    /// How many first bytes decide.
    pub(crate) const SNIFF_BYTES: usize = 16;
}

impl Member {
    /// The member that holds a blob, at its place in an OCI image layout.
    pub(crate) fn blob(digest: &Digest, size_bytes: u64) -> Self {
        Self { path: format!("blobs/sha256/{}", digest.hex()), size_bytes }
    }

    /// The one header that a member has: mode 0644, no owner, no time.
    fn header(&self) -> io::Result<[u8; TAR_BLOCK_BYTES]> {
        let mut header = tar::Header::new_ustar();
        header.set_path(&self.path)?;
        header.set_size(self.size_bytes);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        Ok(*header.as_bytes())
    }

    fn padding_bytes(&self) -> usize {
        // Below 512, so it fits every integer.
        let rest = self.size_bytes % TAR_BLOCK_BYTES as u64;
        usize::try_from(rest).map_or(0, |rest| (TAR_BLOCK_BYTES - rest) % TAR_BLOCK_BYTES)
    }

    fn content_bytes(&self) -> u64 {
        self.size_bytes.saturating_add((TAR_BLOCK_BYTES + self.padding_bytes()) as u64)
    }

    /// The most bytes that its frame may take, whatever the data: decides when a new pack begins.
    pub(crate) fn frame_bytes_max(&self) -> u64 {
        let content_bytes = self.content_bytes();
        content_bytes.saturating_add(content_bytes / 256).saturating_add(1024)
    }

    /// Writes the frame. `data` must yield exactly the member's size.
    ///
    /// The bytes depend on member, data and packing alone: data is fed in full chunks, however it
    /// comes.
    pub(crate) fn write(
        &self,
        out: impl Write,
        data: impl Read,
        packing: Packing,
    ) -> io::Result<()> {
        let header = self.header()?;
        let content = header.chain(data).chain(&ZEROS[..self.padding_bytes()]);
        match packing {
            Packing::Stored => store(out, content, self.content_bytes()),
            Packing::Squeezed(level) => squeeze(out, content, self.content_bytes(), level),
        }
    }

    /// Opens the frame at the start of `input` and yields the member's data, padding and all after
    /// it unread.
    ///
    /// The data is not proven here: wrap it in a [`VerifyReader`].
    pub(crate) fn open<R: BufRead>(&self, input: R) -> io::Result<Decoder<'static, R>> {
        let mut decoder = Decoder::with_buffer(input)?.single_frame();
        decoder.window_log_max(limits::ZSTD_WINDOW_LOG_MAX)?;
        let mut header = [0; TAR_BLOCK_BYTES];
        decoder.read_exact(&mut header)?;
        if header != self.header()? {
            return Err(invalid("the tar header is another one"));
        }
        Ok(decoder)
    }

    /// Reads the frame to its very end and proves all of it; gives back the input, standing behind
    /// the frame.
    pub(crate) fn prove<R: BufRead>(
        &self,
        input: R,
        digest: &Digest,
        mut sink: impl Write,
    ) -> io::Result<R> {
        let mut decoder = self.open(input)?;
        let data = (&mut decoder).take(self.size_bytes);
        let mut data = VerifyReader::new(data, *digest, self.size_bytes);
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match data.read(&mut chunk)? {
                0 => break,
                count => sink.write_all(&chunk[..count])?,
            }
        }
        let mut rest = Vec::new();
        decoder.by_ref().take(TAR_BLOCK_BYTES as u64 + 1).read_to_end(&mut rest)?;
        if rest != ZEROS[..self.padding_bytes()] {
            return Err(invalid("the tar padding is another one"));
        }
        Ok(decoder.into_inner())
    }
}

/// An error about what was read, as against one of the medium.
pub(crate) fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Fills a chunk as far as the input goes.
fn read_chunk(mut input: impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < chunk.len() {
        match input.read(&mut chunk[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn store(mut out: impl Write, mut content: impl Read, content_bytes: u64) -> io::Result<()> {
    // Magic; descriptor: 8-byte content size, no checksum; window: 2^(10 + 7) = 128 KiB.
    out.write_all(&[0x28, 0xb5, 0x2f, 0xfd, 0xc0, 7 << 3])?;
    out.write_all(&content_bytes.to_le_bytes())?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut left_bytes = content_bytes;
    while left_bytes > 0 {
        let count = read_chunk(&mut content, &mut chunk)?;
        left_bytes = match left_bytes.checked_sub(count as u64) {
            Some(left_bytes) if count > 0 => left_bytes,
            _ => return Err(invalid("more or fewer bytes than announced")),
        };
        // Bit 0: last block. Bits 1 and 2: raw. Then the size, at most 2^17, so three bytes do.
        let block = count << 3 | usize::from(left_bytes == 0);
        out.write_all(&block.to_le_bytes()[..3])?;
        out.write_all(&chunk[..count])?;
    }
    // The data proves itself only when it is asked for more.
    match read_chunk(&mut content, &mut chunk[..1])? {
        0 => Ok(()),
        _ => Err(invalid("more or fewer bytes than announced")),
    }
}

fn squeeze(
    out: impl Write,
    mut content: impl Read,
    content_bytes: u64,
    level: i32,
) -> io::Result<()> {
    let mut encoder = Encoder::new(out, level)?;
    encoder.set_pledged_src_size(Some(content_bytes))?;
    encoder.include_contentsize(true)?;
    encoder.include_checksum(false)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match read_chunk(&mut content, &mut chunk)? {
            0 => break,
            count => encoder.write_all(&chunk[..count])?,
        }
    }
    encoder.finish().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(data: &[u8], packing: Packing) -> (Member, Vec<u8>) {
        let member = Member::blob(&Digest::of(data), data.len() as u64);
        let mut out = Vec::new();
        member.write(&mut out, data, packing).expect("frame");
        assert!(out.len() as u64 <= member.frame_bytes_max());
        (member, out)
    }

    /// Bytes that do not compress, the same in every run.
    fn noise(count: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn both_packings_come_back_at_every_awkward_size() {
        for size in [0, 1, 511, 512, 513, CHUNK_BYTES - 512, CHUNK_BYTES, 300_000] {
            let data = noise(size);
            for packing in [Packing::Stored, Packing::Squeezed(6)] {
                let (member, bytes) = frame(&data, packing);
                let whole = zstd::decode_all(bytes.as_slice()).expect("zstd reads it");
                assert_eq!(whole.len() % 512, 0);
                let mut archive = tar::Archive::new(whole.as_slice());
                let mut entry =
                    archive.entries().expect("tar").next().expect("one").expect("member");
                assert_eq!(entry.path().expect("path").to_string_lossy(), member.path);
                let mut by_tar = Vec::new();
                entry.read_to_end(&mut by_tar).expect("data");
                assert_eq!(by_tar, data);
                let mut ours = Vec::new();
                let rest = member.prove(bytes.as_slice(), &Digest::of(&data), &mut ours);
                assert!(rest.expect("proof").is_empty());
                assert_eq!(ours, data);
            }
        }
    }

    #[test]
    fn the_bytes_do_not_depend_on_how_the_data_comes() {
        struct Dripping<'a>(&'a [u8]);
        impl Read for Dripping<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = buffer.len().min(7);
                self.0.read(&mut buffer[..count])
            }
        }
        let data: Vec<u8> = noise(200_000).iter().map(|byte| byte & 3).collect();
        for packing in [Packing::Stored, Packing::Squeezed(6)] {
            let (member, at_once) = frame(&data, packing);
            let mut dripped = Vec::new();
            member.write(&mut dripped, Dripping(&data), packing).expect("frame");
            assert_eq!(dripped, at_once);
        }
    }

    #[test]
    fn data_of_another_size_is_refused() {
        let member = Member { path: "x".to_owned(), size_bytes: 600 };
        for size in [0, 599, 601, 5000] {
            for packing in [Packing::Stored, Packing::Squeezed(6)] {
                assert!(member.write(&mut Vec::new(), &vec![0; size][..], packing).is_err());
            }
        }
    }

    #[test]
    fn compressed_data_is_not_squeezed_again() {
        let gzip = [b"\x1f\x8b\x08".as_slice(), &[0; 4000]].concat();
        assert_eq!(Packing::of(&gzip, 6), Packing::Stored);
        assert_eq!(Packing::of(b"# v2 git bundle\n00", 6), Packing::Stored);
        assert_eq!(Packing::of(b"{\"schemaVersion\":2", 6), Packing::Squeezed(6));
        assert_eq!(Packing::of(b"", 6), Packing::Squeezed(6));
    }

    #[test]
    fn the_end_is_what_tar_wants() {
        assert_eq!(zstd::decode_all(END.as_slice()).expect("zstd reads it"), [0; 1024]);
    }

    #[test]
    fn another_member_and_hidden_frames_are_refused() {
        let data = b"hello".as_slice();
        let digest = Digest::of(data);
        let (member, bytes) = frame(data, Packing::Stored);
        let other = Member { size_bytes: 4, ..member.clone() };
        assert!(other.open(bytes.as_slice()).is_err());
        // A skippable frame first (RFC 8878 section 3.1.2): content that zstd would pass over in
        // silence.
        let hidden = [&[0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 7], bytes.as_slice()].concat();
        assert!(member.open(hidden.as_slice()).is_err());
        // One behind the frame stays unread, and the caller sees that.
        let longer = [bytes.as_slice(), &END].concat();
        assert_eq!(member.prove(longer.as_slice(), &digest, io::sink()).expect("proof"), END);
    }
}
