//! The git server, by the real `git` program.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::House;

/// Runs git away from anybody's configuration; `Err` holds what it said.
async fn git(folder: &Path, line: &str) -> Result<String, String> {
    let (folder, line) = (folder.to_owned(), line.to_owned());
    let run = move || {
        let mut command = Command::new("git");
        command
            .current_dir(folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com"])
            .args(["-c", "protocol.version=2", "-c", "http.proxy="])
            .args(line.split_whitespace());
        let output = command.output().expect("git is installed");
        let (out, err) = (&output.stdout, &output.stderr);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(out)) } else { Err(text(err)) }
    };
    tokio::task::spawn_blocking(run).await.expect("git")
}

/// A working copy with one commit on a branch; the file is large enough for a chunked push with a
/// probe before it.
async fn work(folder: &Path, branch: &str, size: usize) -> std::path::PathBuf {
    let work = folder.join("work");
    git(folder, &format!("init --quiet -b {branch} work")).await.expect("init");
    let mut bytes = vec![0; size];
    getrandom::fill(&mut bytes).expect("random");
    std::fs::write(work.join("file"), bytes).expect("file");
    git(&work, "add file").await.expect("add");
    git(&work, "commit --quiet -m one").await.expect("commit");
    work
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_push_makes_a_repository_and_clones_equal_it() {
    let house = House::open().await;
    let out = tempfile::tempdir().expect("temporary folder");
    let work = work(out.path(), "main", 3 << 20).await;
    let url = house.url("/git/acme/platform.git");

    assert!(git(&work, &format!("ls-remote {url}")).await.is_err());
    assert!(!house.dir.path().join("git/acme").exists());
    git(&work, &format!("push --quiet {url} main")).await.expect("push");
    let posts = house.notes.0.lock().expect("notes").iter().filter(|n| n.contains("POST")).count();
    assert_eq!(posts, 2, "a probe and the push");
    git(&work, "tag v1").await.expect("tag");
    // The suffix makes no difference.
    git(&work, &format!("push --quiet {} v1", house.url("/git/acme/platform"))).await.expect("tag");

    let head = git(&work, "rev-parse HEAD").await.expect("head");
    for version in [0, 2] {
        let name = format!("clone{version}");
        let line = format!("-c protocol.version={version} clone --quiet {url} {name}");
        git(out.path(), &line).await.expect("clone");
        let clone = out.path().join(name);
        assert_eq!(
            git(&clone, "rev-parse HEAD v1").await.expect("refs"),
            format!("{head}\n{head}")
        );
        git(&clone, "fsck --full --strict").await.expect("fsck");
        assert_eq!(
            std::fs::read(clone.join("file")).expect("file"),
            std::fs::read(work.join("file")).expect("file")
        );
    }
    let stored = house.dir.path().join("git/acme/platform.git");
    git(&stored, "-c safe.bareRepository=all fsck --full --strict").await.expect("fsck");
    let page = house.ask("GET", "/").send().await.expect("answer").text().await.expect("body");
    assert!(page.contains(">acme/platform</a>"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_refs_are_fetched_with_compressed_requests() {
    let house = House::open().await;
    let out = tempfile::tempdir().expect("temporary folder");
    let work = work(out.path(), "main", 100).await;
    for at in 0..60 {
        git(&work, &format!("commit --quiet --allow-empty -m {at}")).await.expect("commit");
        git(&work, &format!("branch b{at}")).await.expect("branch");
    }
    let url = house.url("/git/acme/many");
    git(&work, &format!("push --quiet {url} --all")).await.expect("push");
    git(out.path(), &format!("-c protocol.version=0 clone --quiet {url} clone")).await.expect("v0");
    git(out.path(), &format!("clone --quiet --depth 1 {url} shallow")).await.expect("shallow");
    let refs = git(&work, &format!("ls-remote --heads {url}")).await.expect("refs");
    assert_eq!(refs.lines().count(), 61);
    let clone = out.path().join("clone");
    git(&work, "commit --quiet --allow-empty -m more").await.expect("commit");
    git(&work, &format!("push --quiet {url} main")).await.expect("push");
    git(&clone, "-c protocol.version=0 fetch --quiet").await.expect("fetch with many haves");
    let head = git(&work, "rev-parse main").await.expect("head");
    assert_eq!(git(&clone, "rev-parse origin/main").await.expect("refs"), head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_follows_the_first_branch_until_main_is_there() {
    let house = House::open().await;
    let out = tempfile::tempdir().expect("temporary folder");
    let work = work(out.path(), "trunk", 100).await;
    let url = house.url("/git/acme/trunk.git");
    git(&work, &format!("push --quiet {url} trunk")).await.expect("push");
    let head = git(&work, &format!("ls-remote --symref {url} HEAD")).await.expect("head");
    assert!(head.starts_with("ref: refs/heads/trunk"), "{head}");
    git(out.path(), &format!("clone --quiet {url} clone")).await.expect("clone");
    assert!(out.path().join("clone/file").exists());
    // Once it names a branch that exists it stays.
    git(&work, &format!("push --quiet {url} trunk:main")).await.expect("push");
    let head = git(&work, &format!("ls-remote --symref {url} HEAD")).await.expect("head");
    assert!(head.starts_with("ref: refs/heads/trunk"), "{head}");
    git(&work, &format!("push --quiet {url} :trunk")).await.expect("delete");
    let head = git(&work, &format!("ls-remote --symref {url} HEAD")).await.expect("head");
    assert!(head.starts_with("ref: refs/heads/main"), "{head}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_first_pushes_at_once_end_well() {
    let house = House::open().await;
    let out = tempfile::tempdir().expect("temporary folder");
    let work = work(out.path(), "main", 200_000).await;
    let url = house.url("/git/acme/race");
    let lines: Vec<String> =
        (0..6).map(|at| format!("push --quiet {url} main:refs/heads/b{at}")).collect();
    let pushes = futures_util::future::join_all(lines.iter().map(|line| git(&work, line))).await;
    for push in pushes {
        push.expect("push");
    }
    let refs = git(&work, &format!("ls-remote --heads {url}")).await.expect("refs");
    assert_eq!(refs.lines().count(), 6);
    let left = std::fs::read_dir(house.dir.path().join("git/_new")).expect("folder").count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn odd_requests_are_refused() {
    let house = House::open().await;
    for (method, path, status) in [
        ("GET", "/git/a/b/info/refs", 403),
        ("GET", "/git/a/b/info/refs?service=git-upload-archive", 403),
        ("GET", "/git/a/b/info/refs?service=git-upload-pack", 404),
        ("GET", "/git/_new/b/info/refs?service=git-receive-pack", 404),
        ("GET", "/git/..%2fb/info/refs?service=git-receive-pack", 404),
        ("GET", "/git/a/-b/info/refs?service=git-receive-pack", 404),
        ("GET", "/git/a/b/c/info/refs?service=git-receive-pack", 404),
        ("GET", "/git/a/b/HEAD", 404),
        ("GET", "/git/a/b/git-upload-pack", 405),
        ("POST", "/git/a/b/git-upload-pack", 415),
    ] {
        assert_eq!(house.status(method, path).await, status, "{method} {path}");
    }
    let fetch = house
        .ask("POST", "/git/a/b/git-upload-pack")
        .header("content-type", "application/x-git-upload-pack-request");
    assert_eq!(fetch.body("0000").send().await.expect("answer").status(), 404);
    assert!(!house.dir.path().join("git/a").exists());
    // The probe of four bytes is how a client finds out whether it may push.
    let probe = house
        .ask("POST", "/git/a/b/git-receive-pack")
        .header("content-type", "application/x-git-receive-pack-request");
    assert_eq!(probe.body("0000").send().await.expect("answer").status(), 200);
}

/// Whether a program runs that was given a path below this folder (proc(5)).
fn is_busy(folder: &Path) -> bool {
    let folder = folder.to_str().expect("text");
    let entries = std::fs::read_dir("/proc").expect("proc").flatten();
    let mut lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.any(|line| String::from_utf8_lossy(&line).contains(folder))
}

async fn wait_for(folder: &Path, busy: bool) {
    for _ in 0..100 {
        if is_busy(folder) == busy {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("still not {}", if busy { "busy" } else { "idle" });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_leaves_no_program_behind() {
    let house = House::open().await;
    let out = tempfile::tempdir().expect("temporary folder");
    let work = work(out.path(), "main", 32 << 20).await;
    let url = house.url("/git/acme/large");
    git(&work, &format!("push --quiet {url} main")).await.expect("push");
    let stored = house.dir.path().join("git/acme/large.git").canonicalize().expect("repository");
    wait_for(&stored, false).await;

    // One that stops reading in the middle of a fetch.
    let head = git(&work, "rev-parse HEAD").await.expect("head");
    let fetch = house
        .ask("POST", "/git/acme/large/git-upload-pack")
        .header("content-type", "application/x-git-upload-pack-request")
        .body(format!("0032want {head}\n00000009done\n"));
    let mut answer = fetch.send().await.expect("answer");
    assert!(answer.chunk().await.expect("chunk").is_some());
    wait_for(&stored, true).await;
    drop(answer);
    wait_for(&stored, false).await;

    // One that stops sending in the middle of a push.
    let begun = stream::iter([Ok::<_, std::io::Error>("00a5")]);
    let body = reqwest::Body::wrap_stream(begun.chain(stream::pending()));
    let push = house
        .ask("POST", "/git/acme/large/git-receive-pack")
        .header("content-type", "application/x-git-receive-pack-request")
        .body(body);
    let push = tokio::spawn(push.send());
    wait_for(&stored, true).await;
    push.abort();
    wait_for(&stored, false).await;
}
