//! Looks at folders from outside: compares them byte for byte, and searches them for secrets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use walkdir::WalkDir;

use super::{hex, sha256_hex};

/// Archives within archives are opened this deep.
const DEPTH_MAX: u32 = 5;
/// What one packed thing may unpack to.
const UNPACKED_BYTES_MAX: u64 = 256 << 20;

/// One thing in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A file: digest of its bytes, size, permission bits.
    File {
        /// Lower-case hex.
        sha256: String,
        /// In bytes.
        size: u64,
        /// The low nine bits.
        mode: u32,
    },
    /// A folder.
    Folder,
    /// A symbolic link and where it points.
    Link(String),
}

/// Everything below `dir`, by relative path.
#[track_caller]
pub(crate) fn snapshot(dir: &Path) -> BTreeMap<String, Entry> {
    let mut entries = BTreeMap::new();
    for entry in WalkDir::new(dir).min_depth(1) {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(dir).unwrap().display().to_string();
        let kind = if entry.file_type().is_dir() {
            Entry::Folder
        } else if entry.file_type().is_symlink() {
            Entry::Link(fs::read_link(entry.path()).unwrap().display().to_string())
        } else {
            let bytes = fs::read(entry.path()).unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            Entry::File { sha256: sha256_hex(&bytes), size: bytes.len() as u64, mode }
        };
        entries.insert(path, kind);
    }
    entries
}

/// Ends the test unless both folders hold the same; prints what differs.
#[track_caller]
pub(crate) fn assert_same(a: &Path, b: &Path) {
    let (left, right) = (snapshot(a), snapshot(b));
    let mut names: Vec<&String> = left.keys().chain(right.keys()).collect();
    names.sort();
    names.dedup();
    let differing: Vec<String> = names
        .into_iter()
        .filter(|name| left.get(*name) != right.get(*name))
        .map(|name| format!("{name}: {:?} and {:?}", left.get(name), right.get(name)))
        .collect();
    assert!(differing.is_empty(), "{} and {}: {differing:#?}", a.display(), b.display());
}

/// Where a planted secret turns up below `dir`: plain, base64, hex or percent-encoded, in file
/// names and file bytes, also inside zstd, gzip and tar.
pub(crate) fn canary(dir: &Path, secret: &str) -> Vec<String> {
    let forms = forms(secret);
    let mut found = Vec::new();
    for entry in WalkDir::new(dir).into_iter().flatten() {
        let name = entry.path().display().to_string();
        if name.contains(secret) {
            found.push(format!("{name}: in the name"));
        }
        if entry.file_type().is_file() {
            let bytes = fs::read(entry.path()).unwrap_or_default();
            search(&bytes, &name, &forms, 0, &mut found);
        }
    }
    found
}

/// In which forms a planted secret turns up in some bytes, for logs and answers.
pub(crate) fn canary_in(bytes: &[u8], secret: &str) -> Vec<String> {
    let mut found = Vec::new();
    search(bytes, "text", &forms(secret), 0, &mut found);
    found
}

type Form = (&'static str, Vec<u8>);

fn forms(secret: &str) -> Vec<Form> {
    assert!(secret.len() >= 8, "a canary this short is found everywhere");
    let bytes = secret.as_bytes();
    let mut forms = vec![
        ("plain", bytes.to_vec()),
        ("hex", hex(bytes).into_bytes()),
        ("HEX", hex(bytes).to_uppercase().into_bytes()),
        ("percent", percent(bytes).into_bytes()),
    ];
    // Base64 of a text that holds the secret depends on where it starts, modulo three; the first
    // and the last letters depend on the neighbours, and are left out.
    for shift in 0..3 {
        let padded: Vec<u8> = [vec![0; shift], bytes.to_vec()].concat();
        let (from, len) = ([0, 2, 3][shift], padded.len() / 3 * 4);
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            forms.push(("base64", engine.encode(&padded).as_bytes()[from..len].to_vec()));
        }
    }
    forms.sort_by(|a, b| a.1.cmp(&b.1));
    forms.dedup_by(|a, b| a.1 == b.1);
    forms
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, &byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

fn search(bytes: &[u8], place: &str, forms: &[Form], depth: u32, found: &mut Vec<String>) {
    for (form, needle) in forms {
        if contains(bytes, needle) {
            found.push(format!("{place}: {form}"));
        }
    }
    if depth >= DEPTH_MAX {
        return;
    }
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        if let Ok(reader) = zstd::stream::read::Decoder::new(bytes) {
            search(&unpack(reader), &format!("{place} > zstd"), forms, depth + 1, found);
        }
    } else if bytes.starts_with(&[0x1f, 0x8b]) {
        let reader = flate2::read::MultiGzDecoder::new(bytes);
        search(&unpack(reader), &format!("{place} > gzip"), forms, depth + 1, found);
    } else if bytes.get(257..262) == Some(b"ustar") {
        let mut archive = tar::Archive::new(bytes);
        for entry in archive.entries().into_iter().flatten().flatten() {
            let place = format!("{place} > {}", String::from_utf8_lossy(&entry.path_bytes()));
            search(&unpack(entry), &place, forms, depth + 1, found);
        }
    }
}

fn unpack(reader: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What can be read of a damaged archive is searched all the same.
    let _ = reader.take(UNPACKED_BYTES_MAX).read_to_end(&mut bytes);
    bytes
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    let Some((&first, rest)) = needle.split_first() else { return false };
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|&byte| byte == first) {
        at += next + 1;
        if bytes[at..].starts_with(rest) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::fixture::{gzip, tar};

    #[test]
    fn one_flipped_byte_makes_two_folders_differ() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for dir in [a.path(), b.path()] {
            fs::create_dir(dir.join("x")).unwrap();
            fs::write(dir.join("x/y"), "same").unwrap();
        }
        assert_same(a.path(), b.path());
        fs::write(b.path().join("x/y"), "sane").unwrap();
        assert_ne!(snapshot(a.path()), snapshot(b.path()));
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let secret = "s3cr3t/canary?42";
        for (prefix, suffix) in [("", ""), ("user:", ""), ("us:", "\n"), ("u", "xy")] {
            let text = format!("{prefix}{secret}{suffix}");
            for encoded in [
                text.clone(),
                STANDARD_NO_PAD.encode(&text),
                URL_SAFE_NO_PAD.encode(&text),
                hex(text.as_bytes()),
                percent(text.as_bytes()),
            ] {
                assert!(!canary_in(encoded.as_bytes(), secret).is_empty(), "{text:?}: {encoded}");
            }
        }
        assert_eq!(canary_in(b"s3cr3t canary 42", secret), Vec::<String>::new());
    }

    #[test]
    fn a_secret_is_found_inside_packed_layers() {
        let secret = "planted-canary-77";
        let layer = gzip(&tar(&[("etc/token", secret.as_bytes())]));
        let pack = zstd::encode_all(tar(&[("blobs/x", &layer)]).as_slice(), 3).unwrap();
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("pack"), pack).unwrap();
        let found = canary(dir.path(), secret);
        assert!(found.iter().any(|place| place.ends_with("etc/token: plain")), "{found:?}");
    }
}
