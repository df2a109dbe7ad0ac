//! Which branch a clone gets: keeps HEAD of a repository on a branch that exists.
//!
//! A repository is made before anybody knows which branches it will have. Without this a clone of
//! one that has no `main` comes out empty: "remote HEAD refers to nonexistent ref, unable to
//! checkout".

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use walkdir::WalkDir;

use crate::git::{Git, set_head};
use crate::limits;
use crate::report::Report;
use crate::serve::ServeError;
use crate::serve::durable::is_absent;

/// Points HEAD at `main`, `master` or the first branch when it names a branch that is not there.
///
/// A failure is told to the operator only: the push itself went well.
pub(super) async fn settle(git: &Git, repo: &Path, report: &Report) {
    let folder = repo.to_owned();
    let choice =
        tokio::task::spawn_blocking(move || choose(&folder).map_err(ServeError::io(&folder)));
    let outcome = match choice.await {
        Ok(Ok(Some(branch))) => set_head(git, repo, &branch).await.map_err(ServeError::Git),
        Ok(Ok(None)) => Ok(()),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(ServeError::Worker),
    };
    if let Err(error) = outcome {
        report.warn(format!("HEAD of a git repository was left as it is: {}", error.chain()));
    }
}

/// The branch that HEAD should name, when it should name another one.
fn choose(repo: &Path) -> io::Result<Option<String>> {
    let head = fs::read_to_string(repo.join("HEAD"))?;
    let Some(branch) = head.trim_end().strip_prefix("ref: refs/heads/") else { return Ok(None) };
    if repo.join("refs/heads").join(branch).is_file() {
        return Ok(None);
    }
    let mut best: Option<String> = None;
    let mut there = false;
    each_branch(repo, |name| {
        there |= name == branch;
        let rank = |name: &str| match name {
            "main" => 0,
            "master" => 1,
            _ => 2,
        };
        if best.as_deref().is_none_or(|best| (rank(name), name) < (rank(best), best)) {
            best = Some(name.to_owned());
        }
    })?;
    Ok(best.filter(|_| !there))
}

/// Names every branch, loose ones (gitrepository-layout(5)) and packed ones (git-pack-refs(1)).
fn each_branch(repo: &Path, mut see: impl FnMut(&str)) -> io::Result<()> {
    let folder = repo.join("refs/heads");
    for entry in WalkDir::new(&folder).into_iter().take(limits::GIT_REFS_MAX) {
        // A folder that vanishes while it is walked held no branch any more.
        let Ok(entry) = entry else { continue };
        let name = entry.path().strip_prefix(&folder).ok().and_then(Path::to_str);
        // A ref being written has a lock file beside it for a moment; no branch may have such a
        // name.
        let locked = entry.path().extension().is_some_and(|end| end == "lock");
        if let Some(name) = name.filter(|_| entry.file_type().is_file() && !locked) {
            see(name);
        }
    }
    let packed = match File::open(repo.join("packed-refs")) {
        Ok(file) => BufReader::new(file),
        Err(error) if is_absent(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for line in packed.lines().take(2 * limits::GIT_REFS_MAX) {
        if let Some(name) = line?.split_once(" refs/heads/").map(|(_, name)| name) {
            see(name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repo(head: &str, loose: &[&str], packed: &[&str]) -> Option<String> {
        let dir = tempfile::tempdir().expect("temporary folder");
        fs::write(dir.path().join("HEAD"), format!("ref: refs/heads/{head}\n")).expect("HEAD");
        fs::create_dir_all(dir.path().join("refs/heads")).expect("folder");
        for name in loose {
            let path = dir.path().join("refs/heads").join(name);
            fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            fs::write(path, "0").expect("ref");
        }
        let lines = packed.iter().map(|name| format!("{} refs/heads/{name}\n", "0".repeat(40)));
        let text = format!("# pack-refs with: peeled\n{}", lines.collect::<String>());
        fs::write(dir.path().join("packed-refs"), text).expect("packed-refs");
        choose(dir.path()).expect("choose")
    }

    #[test]
    fn head_names_a_branch_that_exists() {
        assert_eq!(repo("main", &[], &[]), None);
        assert_eq!(repo("main", &["main", "a"], &[]), None);
        assert_eq!(repo("main", &["a"], &["main"]), None);
        assert_eq!(repo("main", &["a", "master"], &[]).as_deref(), Some("master"));
        assert_eq!(repo("trunk", &["a"], &["main"]).as_deref(), Some("main"));
        assert_eq!(repo("main", &["z", "team/b"], &["x"]).as_deref(), Some("team/b"));
    }
}
