//! Writes git bundles (gitformat-bundle(5)) that are the same on every machine with the same git.
//!
//! Git's own `bundle create` depends on what else the repository holds and on how it was packed. So:
//!
//! 1. the header is written here: refs sorted by name
//! 2. the pack is made in a scratch repository that has only the pinned refs and borrows the mirror's objects, because
//!    git puts objects that tags point to first, whichever tags there are
//! 3. no stored delta and no compressed object is used again (`--no-reuse-delta`, `--no-reuse-object`)
//! 4. one thread, since threads divide the search for deltas by chance
//! 5. no bitmap, commit graph or multi-pack index, which change the order in which history is walked
//! 6. every setting that bears on the result is given

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::git::error::{GitError, words};
use crate::git::mirror::{Mirror, lines, objects};
use crate::git::program::{Call, Config};
use crate::git::refs::check_ref_name;
use crate::lock::RefPin;

/// Settings that bear on the bytes of a pack. The window is bounded by `bigFileThreshold`: larger files get no deltas.
const PACKING: &[&str] = &[
    "core.bigFileThreshold=16m",
    "core.compression=6",
    "pack.compression=6",
    "pack.window=10",
    "pack.depth=50",
    "pack.windowMemory=0",
    "pack.deltaCacheSize=256m",
    "pack.deltaCacheLimit=1000",
    "pack.threads=1",
    "pack.packSizeLimit=0",
    "pack.useBitmaps=false",
    "pack.useSparse=false",
    "pack.allowPackReuse=false",
    "pack.usePathWalk=false",
    "pack.nameHashVersion=1",
];

/// A scratch folder this old was left by a killed run.
const SCRATCH_AGE_MAX: Duration = Duration::from_hours(24);

impl Mirror {
    /// Writes the pinned refs and all that they lead to as one git bundle, without prerequisites.
    ///
    /// `head` is the branch that `HEAD` names, with or without `refs/heads/`; it has to be pinned. The file appears
    /// under its name when it is whole.
    pub async fn write_bundle(
        &self,
        pins: &[RefPin],
        head: Option<&str>,
        out: &Path,
    ) -> Result<(), GitError> {
        let header = header(pins, head)?;
        let scratch = self.scratch(pins)?;
        let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(GitError::io(folder))?;
        file.write_all(&header).map_err(GitError::io(out))?;
        file.flush().map_err(GitError::io(out))?;
        self.write_pack(pins, scratch.path(), file.as_file()).await?;
        drop(scratch);
        file.seek(SeekFrom::Start(0)).map_err(GitError::io(out))?;
        file.as_file().sync_all().map_err(GitError::io(out))?;
        file.persist(out)
            .map_err(|error| GitError::Io { path: out.into(), source: error.error })?;
        Ok(())
    }

    async fn write_pack(
        &self,
        pins: &[RefPin],
        scratch: &Path,
        file: &File,
    ) -> Result<(), GitError> {
        let mut command = self.git.command(Config::Nobody, Some(scratch));
        for setting in PACKING {
            command.args(["-c", setting]);
        }
        command.args(["pack-objects", "--stdout", "--revs", "--quiet", "--threads=1"]);
        command.args(["--no-reuse-delta", "--no-reuse-object", "--delta-base-offset"]);
        // The child shares the file's position, so the pack follows the header.
        let shared = file.try_clone().map_err(GitError::io(scratch))?;
        command.stdout(Stdio::from(shared));
        let input = match lines(&objects(pins)?) {
            // Without a line git would wait for one.
            none if none.is_empty() => b"\n".to_vec(),
            some => some,
        };
        let call = Call { what: "pack-objects", input, bytes_max: 0 };
        let ended = self.git.end(command, call).await?;
        if ended.success {
            return Ok(());
        }
        Err(GitError::Failed { what: "pack-objects".to_owned(), words: words(&ended.stderr) })
    }

    /// A repository that has the pinned refs and nothing else, and borrows every object from the mirror.
    fn scratch(&self, pins: &[RefPin]) -> Result<TempDir, GitError> {
        let room = self.path.with_file_name("scratch");
        fs::create_dir_all(&room).map_err(GitError::io(&room))?;
        clear_old(&room);
        let folder = tempfile::tempdir_in(&room).map_err(GitError::io(&room))?;
        let mut borrowed = self.path.join("objects").into_os_string().into_encoded_bytes();
        borrowed.push(b'\n');
        let mut sorted: Vec<&RefPin> = pins.iter().collect();
        sorted.sort();
        let mut refs = String::new();
        for pin in sorted {
            refs.push_str(&format!("{} {}\n", pin.object, pin.name));
        }
        let config = b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n";
        let files: [(&str, &[u8]); 4] = [
            ("HEAD", b"ref: refs/heads/none\n"),
            ("config", config),
            ("packed-refs", refs.as_bytes()),
            ("objects/info/alternates", &borrowed),
        ];
        for inner in ["refs", "objects/info", "objects/pack"] {
            let path = folder.path().join(inner);
            fs::create_dir_all(&path).map_err(GitError::io(&path))?;
        }
        for (name, content) in files {
            let path: PathBuf = folder.path().join(name);
            fs::write(&path, content).map_err(GitError::io(&path))?;
        }
        Ok(folder)
    }
}

fn clear_old(room: &Path) {
    let Ok(entries) = fs::read_dir(room) else { return };
    for entry in entries.flatten() {
        let age = entry
            .metadata()
            .and_then(|meta| meta.modified())
            .map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
        if age.is_ok_and(|age| age > SCRATCH_AGE_MAX) {
            // It only takes up room; the next run tries again.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The header: signature, refs sorted by name, an empty line.
fn header(pins: &[RefPin], head: Option<&str>) -> Result<Vec<u8>, GitError> {
    let mut rows: Vec<(String, String)> = Vec::with_capacity(pins.len() + 1);
    for pin in pins {
        check_ref_name(&pin.name)?;
        if pin.object.len() != 40 {
            let text = pin.object.clone();
            return Err(GitError::ObjectId { text, digits: 40 });
        }
        rows.push((pin.name.clone(), pin.object.clone()));
    }
    if let Some(head) = head {
        let full = format!("refs/heads/{}", head.strip_prefix("refs/heads/").unwrap_or(head));
        let at = pins.iter().find(|pin| pin.name == full);
        let at = at.ok_or(GitError::RefName { name: full })?;
        rows.push(("HEAD".to_owned(), at.object.clone()));
    }
    rows.sort();
    rows.dedup();
    let mut text = String::from("# v2 git bundle\n");
    for (name, object) in rows {
        text.push_str(&format!("{object} {name}\n"));
    }
    text.push('\n');
    Ok(text.into_bytes())
}
