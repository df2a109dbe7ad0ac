//! `SHA256SUMS`: the one file that is signed. Writer and reader side by side; the grammar is in
//! FORMAT.md.
//!
//! Attacks known against lists of this kind, and the defence:
//!
//! - A signature made over another text with the same key is put beside a list: the first line must
//!   be [`MAGIC`].
//! - A newer format is read by the rules of an older one: the version is part of that first line.
//! - `../../etc/passwd`, absolute paths, control characters, names that a shell or a file system
//!   reads differently: only [`FileName`]s, and of those only the ones that this format knows.
//! - Two digests for one name, or `A` and `a` on a file system that ignores case: the set of names
//!   is fixed and sorted, so no name comes twice.
//! - CR LF, missing last newline, blank or comment lines, binary marks, upper-case digits, where
//!   two readers may disagree: the text that is read must be the text that [`Sums::to_text`]
//!   writes, byte for byte.
//! - A list so large that reading it is the attack: bounded by [`limits::SUMS_BYTES_MAX`] before it
//!   gets here.

use thiserror::Error;

use crate::artifact::{Digest, FileName, ReleaseName};
use crate::limits;

/// The first line: names the format and its version, and keeps signatures over other texts apart.
pub(crate) const MAGIC: &str = "# haversack-bundle/1";
/// The name of the list.
pub(crate) const SUMS_FILE: &str = "SHA256SUMS";
/// The name of the contents.
pub(crate) const CONTENTS_FILE: &str = "bundle.json";

/// Why a text is no list of this format.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SumsError {
    /// The first line is another one.
    #[error("first line is not \"{MAGIC}\": no bundle, or one of another format version")]
    Magic,
    /// It is not UTF-8.
    #[error("not text")]
    Text,
    /// A line that does not belong.
    #[error("line {0} is not what this format has there")]
    Line(usize),
    /// A line is missing.
    #[error("ends before line {0}")]
    Short(usize),
    /// The files are not `bundle.json` and the packs from 1 on without a gap.
    #[error("line {line} should list {expected}")]
    Names {
        /// Which line.
        line: usize,
        /// Which file belongs there.
        expected: String,
    },
}

/// A parsed list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Name of the bundle.
    pub name: ReleaseName,
    /// Version of the bundle.
    pub version: ReleaseName,
    /// Digest of `bundle.json`.
    pub contents: Digest,
    /// Digests of the packs, the first one first. Never empty.
    pub packs: Vec<Digest>,
}

/// The name of the pack at a place, from 0.
pub(crate) fn pack_name(at: usize) -> String {
    format!("pack-{:04}.tar.zst", at + 1)
}

impl Sums {
    /// Writes the list.
    pub fn to_text(&self) -> String {
        let mut text = format!("{MAGIC}\n# name={}\n# version={}\n", self.name, self.version);
        for (name, digest) in self.listed() {
            text.extend([digest.hex().as_str(), "  ", &name, "\n"]);
        }
        text
    }

    /// Reads the list. Refuses whatever the writer would not have written.
    pub fn parse(bytes: &[u8]) -> Result<Self, SumsError> {
        let text = std::str::from_utf8(bytes).map_err(|_| SumsError::Text)?;
        let mut lines = text.split('\n').enumerate().map(|(at, line)| (at + 1, line));
        let mut next = |at| lines.next().ok_or(SumsError::Short(at));
        if next(1)?.1 != MAGIC {
            return Err(SumsError::Magic);
        }
        let field = |(at, line): (usize, &str), prefix: &str| {
            let value = line.strip_prefix(prefix).ok_or(SumsError::Line(at))?;
            ReleaseName::parse(value).map_err(|_| SumsError::Line(at))
        };
        let name = field(next(2)?, "# name=")?;
        let version = field(next(3)?, "# version=")?;
        let entry = |(at, line): (usize, &str), expected: String| {
            let (hex, listed) = line.split_once("  ").ok_or(SumsError::Line(at))?;
            let digest = Digest::from_hex(hex).map_err(|_| SumsError::Line(at))?;
            if listed != expected {
                return Err(SumsError::Names { line: at, expected });
            }
            Ok(digest)
        };
        let contents = entry(next(4)?, CONTENTS_FILE.to_owned())?;
        let mut packs = vec![entry(next(5)?, pack_name(0))?];
        loop {
            let (at, line) = next(packs.len() + 5)?;
            if line.is_empty() {
                break;
            }
            if packs.len() == limits::PACKS_MAX {
                return Err(SumsError::Line(at));
            }
            packs.push(entry((at, line), pack_name(packs.len()))?);
        }
        let sums = Self { name, version, contents, packs };
        // What a line-wise reading may have let through (a text after the blank line) shows here.
        if sums.to_text() != text {
            return Err(SumsError::Line(sums.packs.len() + 5));
        }
        Ok(sums)
    }

    /// Every file and its digest, sorted by name as `LC_ALL=C sort` does.
    pub fn files(&self) -> Vec<(FileName, Digest)> {
        // Every name made by `listed` is a file name: letters, digits, '.' and '-'.
        self.listed()
            .filter_map(|(name, digest)| Some((FileName::parse(&name).ok()?, digest)))
            .collect()
    }

    fn listed(&self) -> impl Iterator<Item = (String, Digest)> {
        let packs = self.packs.iter().enumerate().map(|(at, digest)| (pack_name(at), *digest));
        std::iter::once((CONTENTS_FILE.to_owned(), self.contents)).chain(packs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(packs: usize) -> Sums {
        Sums {
            name: ReleaseName::parse("platform").expect("name"),
            version: ReleaseName::parse("1.4.0").expect("version"),
            contents: Digest::of(b"contents"),
            packs: (0..packs).map(|at| Digest::of(&[at as u8])).collect(),
        }
    }

    #[test]
    fn reads_what_it_writes() {
        for packs in [1, 2, 12] {
            let sums = sums(packs);
            assert_eq!(Sums::parse(sums.to_text().as_bytes()), Ok(sums.clone()));
            let names: Vec<String> = sums.files().iter().map(|(n, _)| n.to_string()).collect();
            assert!(names.is_sorted() && names.len() == packs + 1, "{names:?}");
        }
    }

    #[test]
    fn refuses_every_other_spelling() {
        let good = sums(2).to_text();
        let lines: Vec<&str> = good.lines().collect();
        let join = |lines: &[&str]| lines.join("\n") + "\n";
        let hex = Digest::of(b"x").hex();
        for (bad, expected) in [
            (String::new(), SumsError::Magic),
            ("\n".to_owned(), SumsError::Magic),
            (good.replace("bundle/1", "bundle/2"), SumsError::Magic),
            (good.replace('\n', "\r\n"), SumsError::Magic),
            (format!("\u{feff}{good}"), SumsError::Magic),
            (join(&lines[..3]), SumsError::Line(4)),
            (join(&lines[..1]), SumsError::Line(2)),
            (lines[0].to_owned(), SumsError::Short(2)),
            (good.trim_end().to_owned(), SumsError::Short(7)),
            (format!("{good}\n"), SumsError::Line(7)),
            (format!("{good}# previous={hex}\n"), SumsError::Line(7)),
            (good.replace("# version", "# previous=x\n# version"), SumsError::Line(3)),
            (good.replace("# name=", "# name=../"), SumsError::Line(2)),
            (good.replace("  pack-0001", " *pack-0001"), SumsError::Line(5)),
            (good.replace(&lines[4][..64], &lines[4][..64].to_uppercase()), SumsError::Line(5)),
            (good.replace("pack-0002", "pack-0003"), names(6, 1)),
            (good.replace("pack-0002", "pack-0001"), names(6, 1)),
            (good.replace("pack-0002", "PACK-0002"), names(6, 1)),
            (good.replace("bundle.json", "../bundle.json"), contents(4)),
            (format!("{good}{hex}  bundle.json\n"), names(7, 2)),
            (join(&[&lines[..4], &lines[5..]].concat()), names(5, 0)),
        ] {
            assert_eq!(Sums::parse(bad.as_bytes()), Err(expected), "{bad:?}");
        }
        assert_eq!(Sums::parse(&[0xff; 40]), Err(SumsError::Text));
    }

    fn names(line: usize, at: usize) -> SumsError {
        SumsError::Names { line, expected: pack_name(at) }
    }

    fn contents(line: usize) -> SumsError {
        SumsError::Names { line, expected: CONTENTS_FILE.to_owned() }
    }
}
