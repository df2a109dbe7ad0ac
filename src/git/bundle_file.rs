//! Reads the header of a git bundle file (gitformat-bundle(5), versions 2 and 3). Pure: no git, no other files.
//!
//! ```text
//! # v2 git bundle            or  # v3 git bundle
//!                                @object-format=sha256
//! -<object> <comment>        what the other side must have: none in a bundle of ours
//! <object> <ref name>
//!                            an empty line, then one pack to the end of the file
//! ```

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use crate::git::error::GitError;
use crate::git::refs::check_ref_name;
use crate::limits;

/// Longest line of a header: an object id, a blank and a ref name.
const LINE_BYTES_MAX: u64 = 2048;

/// Which digest names the objects of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectFormat {
    /// 40 hex digits.
    Sha1,
    /// 64 hex digits.
    Sha256,
}

impl ObjectFormat {
    /// Hex digits of an object id.
    pub fn digits(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::Sha256 => 64,
        }
    }

    /// The name that git uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }
}

/// The header of a git bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleHeader {
    /// Which digest names the objects.
    pub object_format: ObjectFormat,
    /// Object and full name of each ref, in the file's order, `HEAD` left out.
    pub refs: Vec<(String, String)>,
    /// What `HEAD` leads to.
    pub head: Option<String>,
    /// Objects that the other side must have.
    pub prerequisites: Vec<String>,
    /// Length of the header in bytes: where the pack begins.
    pub size_bytes: u64,
}

impl BundleHeader {
    /// The branch that `HEAD` most likely names, as a clone would guess it: `main` or `master` first.
    pub fn head_branch(&self) -> Option<&str> {
        let head = self.head.as_deref()?;
        let at_head = |name: &str| {
            let found = self.refs.iter().find(|(object, at)| object == head && at == name);
            found.map(|(_, name)| name.as_str())
        };
        let branch = |row: &&(String, String)| row.0 == head && row.1.starts_with("refs/heads/");
        at_head("refs/heads/main")
            .or_else(|| at_head("refs/heads/master"))
            .or_else(|| self.refs.iter().find(branch).map(|(_, name)| name.as_str()))
    }
}

/// A git bundle on disk.
#[derive(Clone, Debug)]
pub struct BundleFile {
    /// Its header.
    pub header: BundleHeader,
    /// Length of the pack in bytes.
    pub pack_size_bytes: u64,
}

impl BundleFile {
    /// Reads the header of a file.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let file = File::open(path).map_err(GitError::io(path))?;
        let whole = file.metadata().map_err(GitError::io(path))?.len();
        let header = read_header(&mut BufReader::new(file))?;
        let pack_size_bytes = whole.saturating_sub(header.size_bytes);
        Ok(Self { header, pack_size_bytes })
    }
}

/// Reads a header and leaves the reader at the first byte of the pack.
pub fn read_header<R: BufRead>(reader: &mut R) -> Result<BundleHeader, GitError> {
    let mut lines = Lines { reader, number: 0, taken: 0 };
    let version = match lines.next()?.as_str() {
        "# v2 git bundle" => 2,
        "# v3 git bundle" => 3,
        _ => return Err(lines.odd("not the first line of a git bundle of version 2 or 3")),
    };
    let mut header = BundleHeader {
        object_format: ObjectFormat::Sha1,
        refs: Vec::new(),
        head: None,
        prerequisites: Vec::new(),
        size_bytes: 0,
    };
    loop {
        let line = lines.next()?;
        if line.is_empty() {
            break;
        }
        let early = header.refs.is_empty() && header.prerequisites.is_empty();
        match line.strip_prefix('@') {
            Some(capability) if version == 3 && early && header.head.is_none() => {
                header.object_format = match capability {
                    "object-format=sha1" => ObjectFormat::Sha1,
                    "object-format=sha256" => ObjectFormat::Sha256,
                    other => return Err(lines.odd(&format!("unknown capability {other:?}"))),
                };
            }
            _ => take_row(&mut header, &line, &lines)?,
        }
    }
    header.size_bytes = lines.taken;
    Ok(header)
}

fn take_row<R>(header: &mut BundleHeader, line: &str, at: &Lines<'_, R>) -> Result<(), GitError> {
    let (needed, row) = match line.strip_prefix('-') {
        Some(row) => (true, row),
        None => (false, line),
    };
    let (object, name) = row.split_once(' ').unwrap_or((row, ""));
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if object.len() != header.object_format.digits() || !object.bytes().all(hex) {
        return Err(at.odd("no object id at its beginning"));
    }
    if needed && header.refs.is_empty() && header.head.is_none() {
        header.prerequisites.push(object.to_owned());
    } else if needed {
        return Err(at.odd("a prerequisite after the refs"));
    } else if name == "HEAD" && header.head.is_none() {
        header.head = Some(object.to_owned());
    } else {
        check_ref_name(name).map_err(|error| at.odd(&error.to_string()))?;
        header.refs.push((object.to_owned(), name.to_owned()));
    }
    if header.refs.len() > limits::GIT_REFS_MAX {
        return Err(at.odd("more refs than are carried of one repository"));
    }
    Ok(())
}

struct Lines<'a, R> {
    reader: &'a mut R,
    number: usize,
    taken: u64,
}

impl<R> Lines<'_, R> {
    fn odd(&self, what: &str) -> GitError {
        GitError::Bundle { line: self.number, what: what.to_owned() }
    }
}

impl<R: BufRead> Lines<'_, R> {
    fn next(&mut self) -> Result<String, GitError> {
        self.number += 1;
        let mut line = Vec::new();
        let read = (&mut *self.reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        let count = read.map_err(|error| self.odd(&format!("unreadable: {error}")))?;
        self.taken += count as u64;
        if self.taken > limits::GIT_BUNDLE_HEADER_BYTES_MAX {
            return Err(self.odd("the header is too long"));
        }
        if line.pop() != Some(b'\n') {
            return Err(self.odd("cut short, or too long a line"));
        }
        String::from_utf8(line).map_err(|_| self.odd("not UTF-8"))
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn stops_at_the_pack() {
        let text = format!("# v2 git bundle\n{A} HEAD\n{A} refs/heads/x\n\nPACK\nrest");
        let mut reader = text.as_bytes();
        let header = read_header(&mut reader).expect("sound");
        assert_eq!(reader, b"PACK\nrest");
        assert_eq!(header.size_bytes as usize, text.len() - 9);
        assert_eq!((header.head_branch(), header.refs.len()), (Some("refs/heads/x"), 1));
        let long = "b".repeat(64);
        let text =
            format!("# v3 git bundle\n@object-format=sha256\n-{long} old\n{long} refs/tags/t\n\n");
        let header = read_header(&mut text.as_bytes()).expect("sound");
        assert_eq!(header.object_format, ObjectFormat::Sha256);
        assert_eq!(header.prerequisites, [long]);
    }

    #[test]
    fn refuses_what_is_damaged_and_says_where() {
        let long_line = format!("# v2 git bundle\n{A} refs/heads/{}\n\n", "x".repeat(5000));
        let cases = [
            ("", 1),
            ("# v4 git bundle\n\n", 1),
            ("# v2 git bundle\n", 2),
            ("# v2 git bundle\n@object-format=sha1\n\n", 2),
            ("# v3 git bundle\n@filter=blob:none\n\n", 2),
            (&format!("# v2 git bundle\n{A} refs/heads/x"), 2),
            (&format!("# v2 git bundle\n{A} refs/heads/../x\n\n"), 2),
            (&format!("# v2 git bundle\n{A} refs/heads/x\n{A}b refs/heads/y\n\n"), 3),
            (&format!("# v2 git bundle\n{A} refs/heads/x\n-{A} y\n\n"), 3),
            (&long_line, 2),
        ];
        for (text, line) in cases {
            match read_header(&mut text.as_bytes()) {
                Err(GitError::Bundle { line: at, .. }) => assert_eq!(at, line, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        assert!(read_header(&mut [0xff_u8; 64].as_slice()).is_err());
    }
}
