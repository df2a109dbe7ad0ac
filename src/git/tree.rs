//! Reads trees and files of a mirror, without ever checking anything out.

use std::collections::BTreeMap;

use crate::git::error::GitError;
use crate::git::mirror::Mirror;
use crate::git::program::{Call, Config};
use crate::git::refs::check_object_id;
use crate::limits;

/// A pointer file is smaller than this (git-lfs, docs/spec.md, "The Pointer").
const POINTER_BYTES_MAX: u64 = 1024;
/// How every pointer file begins (ibid.; the second is the name before 1.0).
const POINTER_STARTS: [&str; 2] =
    ["version https://git-lfs.github.com/spec/v1\n", "version https://hawser.github.com/spec/v1\n"];
/// Largest `.gitattributes` that git itself reads (attr.c).
const ATTRIBUTES_BYTES_MAX: u64 = 100 << 20;

/// One file, symbolic link or submodule of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// Path from the repository's root. Bytes that are no UTF-8 are replaced; reading goes by `object`, so it still works.
    pub path: String,
    /// `0o100644`, `0o100755`, `0o120000` (symbolic link) or `0o160000` (submodule).
    pub mode: u32,
    /// Id of the blob, or of the submodule's commit.
    pub object: String,
    /// Size in bytes; 0 for a submodule.
    pub size_bytes: u64,
}

impl TreeEntry {
    /// Whether it is a plain file.
    pub fn is_file(&self) -> bool {
        self.mode & 0o170_000 == 0o100_000
    }

    /// Whether it is a symbolic link; its content is where it points to.
    pub fn is_symlink(&self) -> bool {
        self.mode == 0o120_000
    }

    /// Whether it is a submodule.
    pub fn is_submodule(&self) -> bool {
        self.mode == 0o160_000
    }
}

/// What a commit refers to without holding it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Files whose content is kept by Git LFS, by path.
    pub lfs: Vec<LfsPointer>,
    /// Other repositories, by path.
    pub submodules: Vec<Submodule>,
}

/// A file whose content is kept by Git LFS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LfsPointer {
    /// Path from the repository's root.
    pub path: String,
    /// `sha256:<hex>`, as the pointer has it.
    pub oid: String,
    /// Size in bytes that the pointer claims.
    pub size_bytes: u64,
}

/// Another repository at a path of this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submodule {
    /// Path from the repository's root.
    pub path: String,
    /// The commit that is wanted of it.
    pub commit: String,
    /// Where it comes from, as `.gitmodules` has it: may be relative, and may be missing.
    pub url: Option<String>,
}

impl Mirror {
    /// Everything below a path of a commit, sorted as git sorts; nothing when there is no such path.
    ///
    /// An empty path, `.` and `/` mean the whole tree.
    pub async fn list(&self, commit: &str, path: &str) -> Result<Vec<TreeEntry>, GitError> {
        check_object_id(commit)?;
        let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if parts.contains(&"..") || path.contains('\0') {
            let object = format!("{commit}:{path}");
            return Err(GitError::Missing { repository: self.shown(), object });
        }
        let mut command = self.git.command(Config::Nobody, Some(&self.path));
        command.args(["ls-tree", "-r", "-z", "-l", "--full-tree", commit]);
        if !parts.is_empty() {
            command.arg("--").arg(parts.join("/"));
        }
        let bytes_max = limits::GIT_TREE_BYTES_MAX;
        let call = Call { what: "ls-tree", input: Vec::new(), bytes_max };
        let listed = self.git.output(command, call).await?;
        listed.split(|byte| *byte == 0).filter(|row| !row.is_empty()).map(entry).collect()
    }

    /// The content of some files and links, in their order. Submodules and files above `bytes_max_each` are left out.
    pub async fn read(
        &self,
        entries: &[TreeEntry],
        bytes_max_each: u64,
    ) -> Result<Vec<(String, Vec<u8>)>, GitError> {
        let wanted: Vec<&TreeEntry> = entries
            .iter()
            .filter(|entry| !entry.is_submodule() && entry.size_bytes <= bytes_max_each)
            .collect();
        let bytes: u64 = wanted.iter().map(|entry| entry.size_bytes + 128).sum();
        if bytes > limits::GIT_READ_BYTES_MAX {
            let what = format!("what is to be read of {}", self.shown());
            return Err(GitError::Large { what, bytes_max: limits::GIT_READ_BYTES_MAX });
        }
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = self.git.command(Config::Nobody, Some(&self.path));
        command.args(["cat-file", "--batch"]);
        let input = super_lines(&wanted);
        let call = Call { what: "cat-file", input, bytes_max: limits::GIT_READ_BYTES_MAX };
        let said = self.git.output(command, call).await?;
        let mut rest = said.as_slice();
        let mut all = Vec::with_capacity(wanted.len());
        for entry in wanted {
            let (content, after) = next_object(rest, &entry.object).ok_or_else(|| {
                GitError::Missing { repository: self.shown(), object: entry.object.clone() }
            })?;
            all.push((entry.path.clone(), content.to_vec()));
            rest = after;
        }
        Ok(all)
    }

    /// What a commit refers to without holding it: LFS content and submodules.
    pub async fn inspect(&self, commit: &str) -> Result<Inspection, GitError> {
        let entries = self.list(commit, "").await?;
        let lfs = self.lfs_pointers(&entries).await?;
        let mut submodules: Vec<Submodule> = entries
            .iter()
            .filter(|entry| entry.is_submodule())
            .map(|entry| Submodule {
                path: entry.path.clone(),
                commit: entry.object.clone(),
                url: None,
            })
            .collect();
        let modules = entries.iter().find(|entry| entry.path == ".gitmodules" && entry.is_file());
        if let (Some(modules), false) = (modules, submodules.is_empty()) {
            let urls = self.submodule_urls(&modules.object).await?;
            for submodule in &mut submodules {
                submodule.url = urls.get(&submodule.path).cloned();
            }
        }
        Ok(Inspection { lfs, submodules })
    }

    async fn lfs_pointers(&self, entries: &[TreeEntry]) -> Result<Vec<LfsPointer>, GitError> {
        let is_attributes = |entry: &&TreeEntry| {
            entry.is_file() && entry.path.rsplit('/').next() == Some(".gitattributes")
        };
        let attributes: Vec<TreeEntry> = entries.iter().filter(is_attributes).cloned().collect();
        let attributes = self.read(&attributes, ATTRIBUTES_BYTES_MAX).await?;
        let speaks_of_lfs =
            |bytes: &[u8]| bytes.windows(b"filter=lfs".len()).any(|window| window == b"filter=lfs");
        if !attributes.iter().any(|(_, bytes)| speaks_of_lfs(bytes)) {
            return Ok(Vec::new());
        }
        let small = |entry: &&TreeEntry| entry.is_file() && entry.size_bytes < POINTER_BYTES_MAX;
        let small: Vec<TreeEntry> = entries.iter().filter(small).cloned().collect();
        let contents = self.read(&small, POINTER_BYTES_MAX).await?;
        Ok(contents.into_iter().filter_map(|(path, bytes)| pointer(path, &bytes)).collect())
    }

    /// Path → URL of `.gitmodules`, as git itself reads it.
    async fn submodule_urls(&self, blob: &str) -> Result<BTreeMap<String, String>, GitError> {
        let mut command = self.git.command(Config::Nobody, Some(&self.path));
        command.args(["config", "--null", "--no-includes", "--list"]);
        command.arg(format!("--blob={blob}"));
        let bytes_max = limits::GIT_TREE_BYTES_MAX;
        let call = Call { what: "config", input: Vec::new(), bytes_max };
        let ended = self.git.end(command, call).await?;
        // A file that git cannot read gives no URLs; the submodules are reported all the same.
        let text = if ended.success { ended.stdout } else { Vec::new() };
        let mut named: BTreeMap<String, (Option<String>, Option<String>)> = BTreeMap::new();
        for row in String::from_utf8_lossy(&text).split('\0') {
            let Some((key, value)) = row.split_once('\n') else { continue };
            let Some((name, field)) =
                key.strip_prefix("submodule.").and_then(|rest| rest.rsplit_once('.'))
            else {
                continue;
            };
            let known = named.entry(name.to_owned()).or_default();
            match field {
                "path" => known.0 = Some(value.to_owned()),
                "url" => known.1 = Some(value.to_owned()),
                _ => {}
            }
        }
        Ok(named.into_values().filter_map(|(path, url)| path.zip(url)).collect())
    }
}

fn super_lines(entries: &[&TreeEntry]) -> Vec<u8> {
    crate::git::mirror::lines(entries.iter().map(|entry| &entry.object))
}

/// `<mode> <type> <object> <size>\t<path>`, the size padded with blanks and `-` where there is none.
fn entry(row: &[u8]) -> Result<TreeEntry, GitError> {
    let odd = || GitError::Failed {
        what: "ls-tree".to_owned(),
        words: format!("unexpected line {:?}", String::from_utf8_lossy(row)),
    };
    let tab = row.iter().position(|byte| *byte == b'\t').ok_or_else(odd)?;
    let head = String::from_utf8_lossy(&row[..tab]);
    let fields: Vec<&str> = head.split_ascii_whitespace().collect();
    let [mode, _, object, size] = fields[..] else { return Err(odd()) };
    Ok(TreeEntry {
        path: String::from_utf8_lossy(&row[tab + 1..]).into_owned(),
        mode: u32::from_str_radix(mode, 8).map_err(|_| odd())?,
        object: object.to_owned(),
        size_bytes: if size == "-" { 0 } else { size.parse().map_err(|_| odd())? },
    })
}

/// Takes `<object> <type> <size>\n<content>\n` off the front.
fn next_object<'a>(bytes: &'a [u8], object: &str) -> Option<(&'a [u8], &'a [u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut fields = head.split(' ');
    let (id, kind, size) = (fields.next()?, fields.next()?, fields.next()?);
    let size: usize = size.parse().ok()?;
    let content = bytes.get(end + 1..)?;
    (id == object && kind == "blob" && content.get(size) == Some(&b'\n'))
        .then(|| (&content[..size], &content[size + 1..]))
}

fn pointer(path: String, bytes: &[u8]) -> Option<LfsPointer> {
    let text = std::str::from_utf8(bytes).ok()?;
    POINTER_STARTS.iter().find(|start| text.starts_with(**start))?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let size_bytes = field("size ")?.trim().parse().ok()?;
    Some(LfsPointer { path, oid: field("oid ")?.trim().to_owned(), size_bytes })
}
