//! Bare mirrors in the build store: what was fetched once is never fetched again.
//!
//! `DIR/git/<digest of the URL>.git` holds objects and, for each object that was ever pinned, `refs/haversack/<object>`.
//! Git moves such a ref into place only after the whole history behind it is there, so a ref that exists is the proof
//! that nothing below it is missing. Nothing is ever pruned. `….git.lock` is held while something is fetched; git itself
//! inherits it, so that a git that outlives a killed run still keeps others out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use walkdir::WalkDir;

use crate::artifact::Digest;
use crate::git::error::{GitError, without_userinfo, words};
use crate::git::program::{Call, Config, Git, tail};
use crate::git::refs::{RemoteRefs, Selection, check_object_id, select};
use crate::limits;
use crate::lock::RefPin;
use crate::net::Tries;
use crate::report::{Report, Task};

/// What git says when trying again may help.
const TEMPORARY: &[&str] = &[
    "Could not resolve host",
    "Connection reset",
    "Connection timed out",
    "Connection refused",
    "Failed to connect",
    "Operation too slow",
    "early EOF",
    "unexpected disconnect",
    "The requested URL returned error: 429",
    "The requested URL returned error: 5",
    "hung up unexpectedly",
];

/// A bare mirror of one repository.
#[derive(Clone, Debug)]
pub struct Mirror {
    pub(super) git: Git,
    pub(super) path: PathBuf,
    url: String,
}

impl Mirror {
    /// Opens the mirror of a repository below `dir`, making it when there is none.
    ///
    /// The URL is `https://…`, `http://…`, `ssh://…` or `user@host:path`. One that holds a password is refused, because
    /// it would be seen in the list of processes: credential helpers are asked instead.
    pub async fn open(git: &Git, dir: &Path, url: &str) -> Result<Self, GitError> {
        check_url(url, git.options().allow_file)?;
        let folder = dir.join("git");
        fs::create_dir_all(&folder).map_err(GitError::io(&folder))?;
        // Git runs inside the mirror, so the path has to hold from there too.
        let folder = folder.canonicalize().map_err(GitError::io(&folder))?;
        let name = Digest::of(normalised(url).as_bytes()).hex();
        let path = folder.join(format!("{name}.git"));
        let mirror = Self { git: git.clone(), path, url: url.to_owned() };
        let lock = mirror.lock().await?;
        if !mirror.path.join("HEAD").is_file() {
            mirror.make().await?;
        }
        drop(lock);
        Ok(mirror)
    }

    /// The URL it mirrors.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bare repository's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks the repository for its branches and tags, and for what `HEAD` names.
    pub async fn remote_refs(&self) -> Result<RemoteRefs, GitError> {
        let mut tries = Tries::new();
        loop {
            let mut command = self.git.command(Config::Person, Some(&self.path));
            command.args(["ls-remote", "--symref", "--", &self.url]);
            let bytes_max = limits::GIT_ADVERTISEMENT_BYTES_MAX;
            let call = Call { what: "ls-remote", input: Vec::new(), bytes_max };
            let ended = self.git.end(command, call).await?;
            if ended.success {
                let found = RemoteRefs::parse(&ended.stdout)?;
                return self.sha1_only(&found).map(|()| found);
            }
            self.pause_or_give_up(&mut tries, &ended.stderr).await?;
        }
    }

    /// Picks what a person asked for out of what the repository offers; see [`select`].
    pub fn select(remote: &RemoteRefs, wanted: &[String]) -> Selection {
        select(remote, wanted)
    }

    /// Fetches exactly the pinned objects and all that they lead to. What is there already is not asked for.
    ///
    /// Objects are asked for by id and not by ref, so that the same lock gives the same bytes after a ref has moved.
    /// Servers give out what a ref points to, most of them everything; when one does not, [`GitError::Moved`] says so.
    pub async fn fetch(&self, pins: &[RefPin], report: &Report) -> Result<(), GitError> {
        for pin in pins {
            check_object_id(&pin.object)?;
        }
        let lock = self.lock().await?;
        let missing = self.missing(pins).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let task = report.task(without_userinfo(&self.url), None);
        let mut tries = Tries::new();
        while let Err(stderr) = self.fetch_once(&missing, &lock, &task).await? {
            if let Err(error) = self.pause_or_give_up(&mut tries, &stderr).await {
                return Err(self.moved(pins, &missing).await.unwrap_or(error));
            }
        }
        drop(task);
        match self.missing(pins).await?.into_iter().next() {
            Some(object) => Err(GitError::Missing { repository: self.shown(), object }),
            None => Ok(()),
        }
    }

    /// The commit that a name means inside the mirror: a whole or shortened object id, of a commit or of a tag.
    pub async fn resolve(&self, rev: &str) -> Result<String, GitError> {
        let missing = || GitError::Missing { repository: self.shown(), object: rev.to_owned() };
        if !(4..=64).contains(&rev.len()) || !rev.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(missing());
        }
        let mut command = self.git.command(Config::Nobody, Some(&self.path));
        command.args(["rev-parse", "--verify", "--quiet", "--end-of-options"]);
        command.arg(format!("{rev}^{{commit}}"));
        let call = Call { what: "rev-parse", input: Vec::new(), bytes_max: 1024 };
        let ended = self.git.end(command, call).await?;
        let text = words(&ended.stdout);
        if !ended.success || check_object_id(&text).is_err() {
            return Err(missing());
        }
        Ok(text)
    }

    /// The history of the pinned refs: one line a commit, `<commit> <parent> …`, children before parents.
    ///
    /// It travels with the bundle so that [`crate::git::is_ancestor`] can say on the isolated side whether an update
    /// is a fast-forward.
    pub async fn commits(&self, pins: &[RefPin]) -> Result<Vec<u8>, GitError> {
        let mut command = self.git.command(Config::Nobody, Some(&self.path));
        command.args(["rev-list", "--parents", "--topo-order", "--stdin"]);
        let input = lines(&objects(pins)?);
        if input.is_empty() {
            return Ok(Vec::new());
        }
        let call = Call { what: "rev-list", input, bytes_max: limits::GIT_GRAPH_BYTES_MAX };
        self.git.output(command, call).await
    }

    /// The URL without credentials.
    pub(super) fn shown(&self) -> String {
        without_userinfo(&self.url)
    }

    async fn make(&self) -> Result<(), GitError> {
        let new = self.path.with_extension("git.new");
        if new.exists() {
            fs::remove_dir_all(&new).map_err(GitError::io(&new))?;
        }
        let mut command = self.git.command(Config::Nobody, None);
        command.args(["init", "--quiet", "--bare", "--template=", "--object-format=sha1"]);
        command.args(["--initial-branch=none", "--"]).arg(&new);
        let call = Call { what: "init", input: Vec::new(), bytes_max: 4096 };
        self.git.output(command, call).await?;
        fs::rename(&new, &self.path).map_err(GitError::io(&self.path))
    }

    /// Takes the mirror's lock, and then clears away what a killed run left: nobody else can be at it.
    async fn lock(&self) -> Result<File, GitError> {
        let path = self.path.with_extension("git.lock");
        let shown = path.clone();
        let taken = tokio::task::spawn_blocking(move || {
            let mut options = OpenOptions::new();
            let file = options.create(true).truncate(false).read(true).write(true).open(&path)?;
            file.lock()?;
            Ok(file)
        });
        let file = taken.await.map_err(std::io::Error::other).flatten();
        let file = file.map_err(GitError::io(&shown))?;
        self.tidy();
        Ok(file)
    }

    fn tidy(&self) {
        let rooms = ["refs", "objects"].map(|room| self.path.join(room));
        let top = WalkDir::new(&self.path).max_depth(1);
        let all = rooms.iter().map(|room| WalkDir::new(room).max_depth(3)).chain([top]);
        for entry in all.flatten().flatten() {
            let name = entry.file_name().to_string_lossy();
            // Whatever cannot be removed makes git fail by its name, which says more than we could.
            if entry.file_type().is_dir() && name.starts_with("tmp_objdir-") {
                let _ = fs::remove_dir_all(entry.path());
            } else if entry.file_type().is_file()
                && (name.starts_with("tmp_") || name.ends_with(".lock"))
            {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    async fn missing(&self, pins: &[RefPin]) -> Result<BTreeSet<String>, GitError> {
        let mut command = self.git.command(Config::Nobody, Some(&self.path));
        command.args(["for-each-ref", "--format=%(objectname) %(refname)", "refs/haversack/"]);
        let bytes_max = limits::GIT_ADVERTISEMENT_BYTES_MAX;
        let call = Call { what: "for-each-ref", input: Vec::new(), bytes_max };
        let listed = self.git.output(command, call).await?;
        let listed = String::from_utf8_lossy(&listed);
        let there: BTreeSet<&str> = listed
            .lines()
            .filter_map(|line| line.split_once(" refs/haversack/"))
            .filter(|(object, name)| object == name)
            .map(|(object, _)| object)
            .collect();
        let wanted = objects(pins)?;
        Ok(wanted.into_iter().filter(|object| !there.contains(object.as_str())).collect())
    }

    /// One try; the inner error is what git said.
    async fn fetch_once(
        &self,
        missing: &BTreeSet<String>,
        lock: &File,
        task: &Task,
    ) -> Result<Result<(), Vec<u8>>, GitError> {
        let mut command = self.git.command(Config::Person, Some(&self.path));
        command.args(["fetch", "--progress", "--no-tags", "--no-prune", "--no-prune-tags"]);
        command.args(["--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-maintenance"]);
        command.args(["--no-show-forced-updates", "--stdin", "--", &self.url]);
        // Nothing is written there; holding it is what matters.
        let held = lock.try_clone().map_err(GitError::io(&self.path))?;
        command.stdin(Stdio::piped()).stdout(held);
        let mut child = command.spawn().map_err(|source| self.git.start(source))?;
        drop(command);
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let asked: Vec<String> =
            missing.iter().map(|object| format!("+{object}:refs/haversack/{object}")).collect();
        let feed = async {
            if let Some(mut pipe) = stdin {
                let _ = pipe.write_all(&lines(&asked)).await;
            }
        };
        let mut seen = 0;
        let watch = |line: &str| {
            if let Some(bytes) = received(line).filter(|bytes| *bytes > seen) {
                task.advance(bytes - seen);
                seen = bytes;
            }
        };
        let (stderr, ()) = tokio::join!(tail(stderr, watch), feed);
        let status = child.wait().await.map_err(|source| self.git.start(source))?;
        Ok(if status.success() { Ok(()) } else { Err(stderr) })
    }

    async fn pause_or_give_up(&self, tries: &mut Tries, stderr: &[u8]) -> Result<(), GitError> {
        let said = words(stderr);
        let pause = TEMPORARY.iter().any(|sign| said.contains(sign)).then(|| tries.next(None));
        let Some(pause) = pause.flatten() else {
            return Err(GitError::Source { url: self.shown(), words: said });
        };
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Whether a failed fetch is explained by a ref that has moved.
    async fn moved(&self, pins: &[RefPin], missing: &BTreeSet<String>) -> Option<GitError> {
        let remote = self.remote_refs().await.ok()?;
        let offered: BTreeMap<&str, &str> =
            remote.refs.iter().map(|(name, at)| (name.as_str(), at.object.as_str())).collect();
        let gone = pins.iter().find(|pin| {
            missing.contains(&pin.object) && offered.get(pin.name.as_str()) != Some(&&*pin.object)
        })?;
        Some(GitError::Moved {
            url: self.shown(),
            name: gone.name.clone(),
            pinned: gone.object.clone(),
            now: offered.get(gone.name.as_str()).map(|now| (*now).to_owned()),
        })
    }

    fn sha1_only(&self, found: &RemoteRefs) -> Result<(), GitError> {
        let long = |found: &RemoteRefs| found.refs.values().any(|at| at.object.len() != 40);
        if long(found) {
            let why = "it is a SHA-256 repository, which cannot be mirrored yet";
            return Err(GitError::Url { url: self.shown(), why });
        }
        Ok(())
    }
}

/// Objects of some pins, sorted, each once.
pub(super) fn objects(pins: &[RefPin]) -> Result<BTreeSet<String>, GitError> {
    pins.iter().map(|pin| check_object_id(&pin.object).map(|()| pin.object.clone())).collect()
}

/// One line each, as git's `--stdin` wants them.
pub(super) fn lines<'a>(items: impl IntoIterator<Item = &'a String>) -> Vec<u8> {
    let mut all = Vec::new();
    for item in items {
        all.extend_from_slice(item.as_bytes());
        all.push(b'\n');
    }
    all
}

/// Bytes received so far, as in `Receiving objects:  45% (9/20), 1.20 MiB | 3.00 MiB/s`.
fn received(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("Receiving objects:")?;
    let (_, amount) = rest.split('|').next()?.rsplit_once("), ")?;
    let (number, unit) = amount.trim().split_once(' ')?;
    let power = ["bytes", "KiB", "MiB", "GiB"].iter().position(|known| *known == unit)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u64 = whole.parse().ok()?;
    let hundredths: u64 = format!("{part:0<2}").get(..2)?.parse().ok()?;
    let unit_bytes = 1_u64 << (10 * power);
    Some(whole.checked_mul(unit_bytes)? + hundredths * unit_bytes / 100)
}

/// What two ways of writing one repository have in common.
fn normalised(url: &str) -> String {
    let plain = url.trim_end_matches('/');
    let plain = plain.strip_suffix(".git").unwrap_or(plain);
    match url::Url::parse(plain) {
        Ok(parsed) if parsed.has_host() => parsed.to_string(),
        _ => plain.to_owned(),
    }
}

fn check_url(url: &str, allow_file: bool) -> Result<(), GitError> {
    let refuse = |why| Err(GitError::Url { url: without_userinfo(url), why });
    if url.is_empty() || url.starts_with('-') || url.len() > 4096 {
        return refuse("not a URL");
    }
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return refuse("it holds a blank or a control character");
    }
    if let Some((scheme, rest)) = url.split_once("://") {
        let authority = rest.split('/').next().unwrap_or_default();
        let secret = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
        return match scheme {
            "file" if allow_file => Ok(()),
            "http" | "https" | "ssh" if secret => {
                refuse("it holds a password: leave that to a credential helper")
            }
            "http" | "https" | "ssh" if authority.starts_with('-') => refuse("not a URL"),
            "http" | "https" | "ssh" => Ok(()),
            _ => refuse("only https, http and ssh are allowed"),
        };
    }
    if url.starts_with('/') && allow_file {
        return Ok(());
    }
    // host:path as ssh takes it; `::` would name a transport program.
    match url.split_once(':') {
        Some((host, path)) if !host.contains('/') && !path.starts_with(':') && !path.is_empty() => {
            Ok(())
        }
        _ => refuse("only https, http and ssh are allowed"),
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn takes_only_urls_that_are_safe_to_hand_to_git() {
        for url in ["https://h/x.git", "http://h/x", "ssh://git@h:22/x", "git@h.example:acme/x.git"]
        {
            assert!(check_url(url, false).is_ok(), "{url}");
        }
        for url in [
            "",
            "-oProxyCommand=x",
            "ext::sh -c x",
            "fd::3",
            "file:///x",
            "/x",
            "x",
            "https://u:p@h/x",
            "https://h/\nx",
            "ssh://-oX/x",
            "git://h/x",
        ] {
            assert!(check_url(url, false).is_err(), "{url}");
        }
        let error = check_url("https://u:hunter2@h/x", false).expect_err("refused").to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert_eq!(normalised("https://H.example/x.git/"), normalised("https://h.example/x"));
    }

    #[test]
    fn reads_progress() {
        let line = "Receiving objects:  45% (9/20), 1.20 MiB | 3.00 MiB/s";
        assert_eq!(received(line), Some((1 << 20) + 20 * (1 << 20) / 100));
        assert_eq!(
            received("Receiving objects: 100% (2/2), 512 bytes | 1 KiB/s, done."),
            Some(512)
        );
        assert_eq!(received("Resolving deltas: 3% (1/30)"), None);
    }
}
