//! Whole ways: repository → mirror → bundle file → push → repository, with the real git at both ends.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use crate::git::bridge::{Seen, Server, Yard, history};
use crate::git::pktline::{FLUSH, line};
use crate::git::{
    BundleFile, CommitGraph, Git, GitError, GitOptions, Mirror, PackSource, RefUpdate, Remote,
    Standing, classify, init_bare, is_ancestor, read_header, set_head,
};
use crate::lock::RefPin;
use crate::report::{Report, Task};
use crate::secret::Secret;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn git() -> Git {
    Git::new(GitOptions { allow_file: true, ..GitOptions::default() })
}

fn all() -> Vec<String> {
    vec!["*".to_owned()]
}

async fn mirrored(yard: &Yard, store: &str, url: &str) -> (Mirror, Vec<RefPin>) {
    let mirror = Mirror::open(&git(), &yard.path(store), url).await.expect("mirror");
    let remote = mirror.remote_refs().await.expect("refs");
    let pins = Mirror::select(&remote, &all()).pins;
    mirror.fetch(&pins, &Report::silent()).await.expect("fetched");
    (mirror, pins)
}

async fn bundle(mirror: &Mirror, pins: &[RefPin], out: &Path) -> Vec<u8> {
    mirror.write_bundle(pins, Some("refs/heads/main"), out).await.expect("bundle");
    std::fs::read(out).expect("bundle")
}

fn carried(path: &Path) -> PackSource {
    let file = BundleFile::open(path).expect("bundle");
    let (path, start) = (path.to_owned(), file.header.size_bytes);
    PackSource::new(Some(file.pack_size_bytes), move || {
        let mut file = std::fs::File::open(&path)?;
        file.seek(SeekFrom::Start(start))?;
        Ok(Box::new(file))
    })
}

fn task() -> Task {
    Report::silent().task("push", None)
}

fn creations(pins: &[RefPin]) -> Vec<RefUpdate> {
    let update = |pin: &RefPin| RefUpdate {
        name: pin.name.clone(),
        old: None,
        new: Some(pin.object.clone()),
    };
    pins.iter().map(update).collect()
}

#[tokio::test]
async fn the_same_pins_give_the_same_bytes_whatever_came_before() {
    let yard = Yard::new();
    yard.repo("a.git", 120);
    let url = yard.url("a.git");
    // One mirror is made at once; the other one in steps, with other refs in it, and packed in another way.
    let (steps, early) = mirrored(&yard, "s2", &url).await;
    yard.git("-C a.git fast-import --quiet --force", &history(200));
    yard.git("-C a.git tag other main~3", b"");
    yard.git("-C a.git gc --quiet", b"");
    let (fresh, pins) = mirrored(&yard, "s1", &url).await;
    let pins: Vec<RefPin> = pins.into_iter().filter(|pin| !pin.name.ends_with("other")).collect();
    mirrored(&yard, "s2", &url).await;
    let other = steps.path().display().to_string();
    yard.git(&format!("--git-dir={other} tag first refs/haversack/{}", early[0].object), b"");
    yard.git(&format!("--git-dir={other} repack -adfq --depth=5 --window=3"), b"");
    yard.git(&format!("--git-dir={other} commit-graph write --reachable"), b"");

    let one = bundle(&fresh, &pins, &yard.path("one")).await;
    let mut turned = pins.clone();
    turned.reverse();
    let two = bundle(&steps, &turned, &yard.path("two")).await;
    assert!(one == two, "{} and {} bytes", one.len(), two.len());
    assert_eq!(fresh.commits(&pins).await.expect("c"), steps.commits(&turned).await.expect("c"));

    yard.git("init --quiet empty", b"");
    yard.git("-C empty bundle verify ../one", b"");
    yard.git("clone --quiet one clone", b"");
    yard.git("-C clone fsck --full --strict", b"");
    assert_eq!(yard.git("-C clone symbolic-ref HEAD", b""), "refs/heads/main");
    let listed = yard.git("bundle list-heads one", b"");
    assert_eq!(listed.lines().count(), pins.len() + 1);
    assert!(listed.lines().next().is_some_and(|first| first.ends_with(" HEAD")));
    assert_eq!(std::fs::read_dir(yard.path("s1/git/scratch")).expect("scratch").count(), 0);
}

#[tokio::test]
async fn a_lock_still_builds_after_its_refs_have_moved() {
    let yard = Yard::new();
    yard.repo("a.git", 20);
    let server = Server::git(&yard.path(""), false).await;
    let url = server.at("a.git").to_string();
    let mirror = Mirror::open(&git(), &yard.path("s"), &url).await.expect("mirror");
    let remote = mirror.remote_refs().await.expect("refs");
    assert_eq!(remote.head.as_deref(), Some("refs/heads/main"));
    let pins = Mirror::select(&remote, &all()).pins;
    yard.git("-C a.git fast-import --quiet --force", &history(30));
    mirror.fetch(&pins, &Report::silent()).await.expect("by id");
    // What is there is not asked for again.
    let before = server.requests().len();
    mirror.fetch(&pins, &Report::silent()).await.expect("nothing to do");
    assert_eq!(server.requests().len(), before);
    // What nobody has any more is named.
    let gone = RefPin { name: "refs/heads/main".into(), object: A.into() };
    match mirror.fetch(&[gone], &Report::silent()).await {
        Err(GitError::Moved { name, pinned, now: Some(_), .. }) => {
            assert_eq!((name.as_str(), pinned.as_str()), ("refs/heads/main", A));
        }
        other => panic!("{other:?}"),
    }
    let none = Mirror::open(&git(), &yard.path("s"), server.at("b.git").as_str()).await;
    let error = none.expect("mirror").remote_refs().await.expect_err("not there");
    assert!(matches!(error, GitError::Source { .. }), "{error}");
}

#[tokio::test]
async fn a_mirror_survives_what_a_killed_run_left() {
    let yard = Yard::new();
    yard.repo("a.git", 10);
    let url = yard.url("a.git");
    let mirror = Mirror::open(&git(), &yard.path("s"), &url).await.expect("mirror");
    for left in ["packed-refs.lock", "objects/pack/tmp_pack_x", "refs/haversack/x.lock"] {
        let path = mirror.path().join(left);
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        std::fs::write(path, b"left").expect("left");
    }
    std::fs::create_dir_all(mirror.path().with_extension("git.new").join("objects"))
        .expect("half made");
    let (mirror, pins) = mirrored(&yard, "s", &url).await;
    assert!(!mirror.path().join("objects/pack/tmp_pack_x").exists());
    std::fs::remove_dir_all(mirror.path()).expect("removed");
    let (mirror, again) = mirrored(&yard, "s", &url).await;
    assert_eq!(pins, again);
    assert!(!mirror.path().with_extension("git.new").exists());
}

#[tokio::test]
async fn reads_trees_files_links_and_what_is_kept_elsewhere() {
    let yard = Yard::new();
    yard.git("init --quiet --bare a.git", b"");
    let pointer = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 7\n",
        "1".repeat(64)
    );
    let modules = "[submodule \"x\"]\n\tpath = lib/x\n\turl = https://h.example/x.git\n";
    let import = format!(
        "commit refs/heads/main\ncommitter T <t@e> 1700000000 +0000\ndata 0\n\
         M 100644 inline .gitattributes\ndata 21\n*.bin filter=lfs x=y\n\n\
         M 100644 inline big.bin\ndata {}\n{pointer}\n\
         M 100644 inline .gitmodules\ndata {}\n{modules}\n\
         M 160000 {A} lib/x\n\
         M 160000 {A} lib/y\n\
         M 120000 inline apps/link\ndata 5\nx.yml\n\
         M 100644 inline apps/x.yml\ndata 3\na:1\n\
         M 100755 inline apps2/run\ndata 0\n\n",
        pointer.len(),
        modules.len()
    );
    yard.git("-C a.git fast-import --quiet", import.as_bytes());
    let (mirror, pins) = mirrored(&yard, "s", &yard.url("a.git")).await;
    let commit = mirror.resolve(&pins[0].object).await.expect("commit");
    assert_eq!(mirror.resolve(&commit[..10]).await.expect("short"), commit);
    assert!(matches!(mirror.resolve(A).await, Err(GitError::Missing { .. })));
    assert!(mirror.resolve("--all").await.is_err());

    let apps = mirror.list(&commit, "./apps/").await.expect("list");
    assert_eq!(
        apps.iter().map(|e| e.path.as_str()).collect::<Vec<_>>(),
        ["apps/link", "apps/x.yml"]
    );
    assert!(apps[0].is_symlink() && apps[1].is_file() && apps[1].size_bytes == 3);
    let read = mirror.read(&apps, 100).await.expect("read");
    assert_eq!(read[0].1, b"x.yml");
    assert_eq!(read[1], ("apps/x.yml".to_owned(), b"a:1".to_vec()));
    assert_eq!(mirror.read(&apps, 3).await.expect("read").len(), 1);
    assert!(mirror.list(&commit, "nope").await.expect("list").is_empty());
    assert!(mirror.list(&commit, "../x").await.is_err());

    let found = mirror.inspect(&commit).await.expect("inspection");
    assert_eq!(found.lfs.len(), 1);
    assert_eq!((found.lfs[0].path.as_str(), found.lfs[0].size_bytes), ("big.bin", 7));
    let urls: Vec<Option<&str>> = found.submodules.iter().map(|s| s.url.as_deref()).collect();
    assert_eq!(urls, [Some("https://h.example/x.git"), None]);
}

#[tokio::test]
async fn a_carried_pack_arrives_whole() {
    let yard = Yard::new();
    yard.repo("a.git", 60);
    let (mirror, pins) = mirrored(&yard, "s", &yard.url("a.git")).await;
    bundle(&mirror, &pins, &yard.path("b")).await;
    init_bare(&git(), &yard.path("in/x.git"), "trunk").await.expect("init");
    let server = Server::git(&yard.path("in"), true).await;
    let secret = Some(("bob".to_owned(), Secret::new("secret".to_owned())));
    let remote = Remote::new(server.network(), server.at("x.git"), secret);

    let empty = remote.advertised().await.expect("empty");
    assert!(empty.exists && empty.refs.is_empty() && empty.can("atomic"));
    let pack = carried(&yard.path("b"));
    let statuses = remote.push(&creations(&pins), true, Some(&pack), &task()).await.expect("push");
    assert!(statuses.iter().all(|status| status.refused.is_none()), "{statuses:?}");
    set_head(&git(), &yard.path("in/x.git"), "main").await.expect("head");

    let seen = remote.upload_pack_refs().await.expect("read back");
    assert_eq!(seen.head.as_deref(), Some("refs/heads/main"));
    assert!(classify(&seen, &pins).iter().all(|change| change.standing == Standing::Same));
    yard.git("-C in/x.git fsck --full --strict", b"");
    let (outside, inside) = (yard.git("ls-remote a.git", b""), yard.git("ls-remote in/x.git", b""));
    assert_eq!(outside, inside);
    // Only the first question went without the password, and the pack came after the probe.
    let requests = server.requests();
    assert_eq!(requests.iter().filter(|seen| !seen.2).count(), 1);
    let posts: Vec<usize> = requests.iter().filter(|s| s.0 == "POST").map(|s| s.3).collect();
    assert_eq!(posts.len(), 2);
    assert!(posts[0] == 4 && posts[1] > 4000, "{posts:?}");
}

#[tokio::test]
async fn a_push_sent_twice_is_forgiven_and_moves_and_deletions_work() {
    let yard = Yard::new();
    yard.repo("a.git", 20);
    let (mirror, pins) = mirrored(&yard, "s", &yard.url("a.git")).await;
    bundle(&mirror, &pins, &yard.path("b")).await;
    init_bare(&git(), &yard.path("in/x.git"), "main").await.expect("init");
    let server = Server::git(&yard.path("in"), false).await;
    let remote = Remote::new(server.network(), server.at("x.git"), None);
    let pack = carried(&yard.path("b"));
    for _ in 0..2 {
        let done = remote.push(&creations(&pins), false, Some(&pack), &task()).await.expect("push");
        assert!(done.iter().all(|status| status.refused.is_none()), "{done:?}");
    }
    // No pack: the server has every object.
    let at =
        |name: &str| pins.iter().find(|pin| pin.name.ends_with(name)).map(|p| p.object.clone());
    let moves = [
        RefUpdate { name: "refs/heads/new".into(), old: None, new: at("/side") },
        RefUpdate { name: "refs/tags/v1.1".into(), old: at("/v1.1"), new: None },
        RefUpdate { name: "refs/heads/main".into(), old: Some(A.into()), new: at("/side") },
    ];
    let done = remote.push(&moves, false, None, &task()).await.expect("push");
    assert_eq!(done.iter().map(|s| s.refused.is_none()).collect::<Vec<_>>(), [true, true, false]);
    assert!(!yard.git("ls-remote in/x.git", b"").contains("v1.1"));
}

#[tokio::test]
async fn refusals_are_told_ref_by_ref() {
    let yard = Yard::new();
    yard.repo("a.git", 20);
    let (mirror, pins) = mirrored(&yard, "s", &yard.url("a.git")).await;
    bundle(&mirror, &pins, &yard.path("b")).await;
    init_bare(&git(), &yard.path("in/x.git"), "main").await.expect("init");
    yard.git("-C in/x.git config transfer.hideRefs refs/tags", b"");
    yard.git("-C in/x.git config receive.hideRefs refs/heads/side", b"");
    yard.git("-C in/x.git config receive.advertiseAtomic false", b"");
    let server = Server::git(&yard.path("in"), false).await;
    let remote = Remote::new(server.network(), server.at("x.git"), None);
    let pack = carried(&yard.path("b"));
    let done = remote.push(&creations(&pins), true, Some(&pack), &task()).await.expect("push");
    for status in done {
        let refused = status.name != "refs/heads/main";
        assert_eq!(status.refused.is_some(), refused, "{status:?}");
    }
}

#[tokio::test]
async fn a_pack_that_cannot_be_read_stops_the_push() {
    let yard = Yard::new();
    yard.repo("a.git", 20);
    let (mirror, pins) = mirrored(&yard, "s", &yard.url("a.git")).await;
    bundle(&mirror, &pins, &yard.path("b")).await;
    init_bare(&git(), &yard.path("in/x.git"), "main").await.expect("init");
    let server = Server::git(&yard.path("in"), false).await;
    let remote = Remote::new(server.network(), server.at("x.git"), None);
    let bytes: Arc<[u8]> = std::fs::read(yard.path("b")).expect("bundle").into();
    let mut whole = BufReader::new(&bytes[..]);
    let start = read_header(&mut whole).expect("header").size_bytes as usize;
    for size in [Some((bytes.len() - start) as u64), None] {
        let bytes = Arc::clone(&bytes);
        let damaged = PackSource::new(size, move || {
            let bytes = bytes[start..].to_vec();
            struct Lies(std::io::Cursor<Vec<u8>>);
            impl Read for Lies {
                fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                    match self.0.read(buffer)? {
                        0 => Err(std::io::Error::other("wrong digest")),
                        count => Ok(count),
                    }
                }
            }
            Ok(Box::new(Lies(std::io::Cursor::new(bytes))))
        });
        let error = remote.push(&creations(&pins), true, Some(&damaged), &task()).await;
        match error {
            Err(GitError::Pack { source, .. }) => assert_eq!(source.to_string(), "wrong digest"),
            other => panic!("{other:?}"),
        }
        assert!(remote.advertised().await.expect("refs").refs.is_empty());
    }
}

#[tokio::test]
async fn the_history_tells_a_fast_forward() {
    let yard = Yard::new();
    yard.repo("a.git", 40);
    let (mirror, pins) = mirrored(&yard, "s", &yard.url("a.git")).await;
    let graph = CommitGraph::parse(&mirror.commits(&pins).await.expect("c")).expect("graph");
    let id = |rev: &str| yard.git(&format!("-C a.git rev-parse {rev}"), b"");
    assert_eq!(graph.len(), 40);
    assert!(is_ancestor(&graph, &id("main~7"), &id("main")));
    assert!(!is_ancestor(&graph, &id("main"), &id("main~7")));
    assert!(!is_ancestor(&graph, &id("side"), &id("main")));
}

#[tokio::test]
async fn odd_servers_are_told_apart() {
    const PUSH: &str = "application/x-git-receive-pack-advertisement";
    let mut cut = Vec::new();
    line(&mut cut, b"# service=git-receive-pack\n");
    cut.extend_from_slice(FLUSH);
    cut.extend_from_slice(b"00a0abc");
    let script = move |seen: &Seen| match seen.1.split('/').nth(1) {
        Some("page") => (200, "text/html", b"<html>".to_vec()),
        Some("cut") => (200, PUSH, cut.clone()),
        Some("away") => (302, "http://elsewhere.example/x/info/refs", Vec::new()),
        Some("shut") => (401, "text/plain", b"secret words".to_vec()),
        Some("teapot") => (418, "text/plain", b"short\x1b and stout".to_vec()),
        _ => (404, "text/plain", Vec::new()),
    };
    let server = Server::scripted(Box::new(script)).await;
    let at = |path: &str| Remote::new(server.network(), server.at(path), None);
    assert!(!at("none").advertised().await.expect("missing").exists);
    let error = at("page").advertised().await.expect_err("no git");
    assert!(matches!(error, GitError::NotGit { .. }), "{error}");
    let error = at("cut").advertised().await.expect_err("cut");
    assert!(matches!(error, GitError::Protocol { .. }), "{error}");
    let error = at("away").advertised().await.expect_err("not listed");
    assert!(matches!(error, GitError::Net { .. }), "{error}");
    let error = at("teapot").advertised().await.expect_err("status");
    assert!(error.to_string().ends_with("status 418: short\\u{1b} and stout"), "{error}");
    let error = at("shut").advertised().await.expect_err("shut");
    assert!(matches!(error, GitError::Denied { offered: false, .. }), "{error}");
    let wrong = Some(("eve".to_owned(), Secret::new("hunter2".to_owned())));
    let error = Remote::new(server.network(), server.at("shut"), wrong).advertised().await;
    let error = error.expect_err("shut");
    assert!(matches!(error, GitError::Denied { offered: true, .. }), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"));
}
