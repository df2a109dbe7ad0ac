//! `haversack lock` from outside: revisions, refs, and what a repository does not hold itself.

use crate::support::connected::{Connected, names};
use crate::support::fixture::argo;
use crate::support::fixture::git::{History, Repo};
use crate::support::world::World;

fn inventory(rest: &str) -> String {
    format!("haversack: 1\nname: platform\n{rest}")
}

/// `refs/heads/main 0123…` of a locked repository.
fn refs(side: &Connected, end: &str) -> Vec<String> {
    let lock = side.locked();
    let refs = lock.pin("repos", "url", end)["refs"].as_array().cloned().unwrap_or_default();
    refs.iter().map(|pin| format!("{} {}", pin["name"], pin["object"]).replace('"', "")).collect()
}

fn object(repo: &Repo, name: &str) -> String {
    repo.git(&["rev-parse", "--verify", name])
}

/// Versions from 1.0.0 to 2.0.0, one manifest each, and no branch that Argo CD would be told of.
fn releases(world: &World) -> Repo {
    let mut history = History::new();
    for version in ["1.0.0", "1.2.0", "1.10.0", "2.0.0"] {
        let text = argo::rollout("web", &format!("{}/acme/web:{version}", world.host()));
        history = history
            .commit("main", version, &[("deploy/web.yaml", &text)])
            .tag(&format!("v{version}"), "main");
    }
    world.publish_repo("acme", "releases", history)
}

/// Argo CD takes a range for the highest tag in it, never for a pattern.
#[test]
fn a_range_means_the_highest_tag_in_it() {
    let world = World::empty();
    for tag in ["1.0.0", "1.2.0", "1.10.0", "2.0.0"] {
        let image = crate::support::fixture::image::service(tag);
        world.registry().push_image("acme/web", tag, &image);
    }
    let repo = releases(&world);
    let url = world.git_url("acme", "releases");
    for (range, version) in [
        ("^1.0", "1.10.0"),
        ("1.*", "1.10.0"),
        ("v1.*", "1.10.0"),
        (">=1.0 <1.5", "1.2.0"),
        ("*", "2.0.0"),
        ("v1.2.0", "1.2.0"),
    ] {
        let app = argo::application("web", &url, &format!("\"{range}\""), "deploy");
        let root = History::new().commit("main", "Root", &[("root/web.yaml", &app)]);
        let name = format!("root-{}", range.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
        world.publish_repo("acme", &name, root);
        let side = Connected::new(
            &inventory(&format!(
                "apps:\n  - {{repo: \"{}\", revision: main, path: root}}\n",
                world.git_url("acme", &name)
            )),
            &world.host(),
        );
        side.lock().check();
        let tag = format!("refs/tags/v{version}");
        let want = [format!("{tag} {}", object(&repo, &tag))];
        assert_eq!(refs(&side, "/acme/releases.git"), want, "{range}");
        let image = format!("{}/acme/web:{version}", world.host());
        assert_eq!(side.locked().texts("images", "reference"), [image], "{range}");
    }
}

#[test]
fn branches_tags_patterns_and_commits_are_pinned() {
    let world = World::empty();
    let history = History::new()
        .many("main", 5)
        .tag("v1.0.0", "main")
        .commit("main", "Asked for by its id", &[("a", "a\n")])
        .branch("release/1", "main")
        .many("main", 2)
        .light_tag("v1.1.0", "main")
        .tag("v2.0.0", "main")
        .branch("release/2", "main")
        .branch("other", "main")
        .other_ref("refs/pull/1/head", "main");
    let repo = world.publish_repo("acme", "app", history);
    let commit = object(&repo, "refs/heads/main~1");
    let side = Connected::new(
        &inventory(&format!(
            "repos:\n  - url: {}\n    refs: [main, \"v1.*\", \"release/*\", {commit}]\n",
            world.git_url("acme", "app")
        )),
        &world.host(),
    )
    .key();
    side.lock().stdout_has("0 images, 0 charts, 1 repo, 0 files").check();
    let by_id = (format!("refs/heads/haversack/{commit}"), commit);
    let mut want: Vec<(String, String)> =
        ["heads/main", "heads/release/1", "heads/release/2", "tags/v1.0.0", "tags/v1.1.0"]
            .map(|name| (format!("refs/{name}"), object(&repo, &format!("refs/{name}"))))
            .to_vec();
    want.push(by_id);
    want.sort();
    let want: Vec<String> = want.into_iter().map(|(name, at)| format!("{name} {at}")).collect();
    assert_eq!(refs(&side, "/acme/app.git"), want);
    assert_eq!(side.locked().pin("repos", "url", "/app.git")["head"], "refs/heads/main");

    // What was pinned is carried although every ref has moved on meanwhile.
    repo.git(&["update-ref", "refs/heads/main", "main~6"]);
    repo.git(&["push", "--quiet", "--force", &world.git_url("acme", "app"), "main", ":v1.1.0"]);
    side.build().arg("--locked").check();
    let bundle = git_bundle(&side);
    let carried = repo.git(&["bundle", "list-heads", &bundle.display().to_string()]);
    let mut carried: Vec<String> = carried
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(_, name)| *name != "HEAD")
        .map(|(at, name)| format!("{name} {at}"))
        .collect();
    carried.sort();
    assert_eq!(carried, want);
}

/// The only git bundle in the store.
fn git_bundle(side: &Connected) -> std::path::PathBuf {
    let folder = side.store().join("blobs/sha256");
    let is_bundle = |path: &std::path::PathBuf| {
        std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"# v2 git bundle\n"))
    };
    let mut found = names(&folder).into_iter().map(|name| folder.join(name)).filter(is_bundle);
    found.next().expect("a git bundle")
}

/// With `.git` or without, it is one repository (as Argo CD compares URLs).
#[test]
fn two_spellings_of_a_url_are_one_repository() {
    let world = World::empty();
    let text = argo::rollout("web", &format!("{}/acme/web:1.0", world.host()));
    let history = History::new().commit("main", "Deploy", &[("deploy/web.yaml", &text)]);
    world.publish_repo("acme", "app", history);
    let image = crate::support::fixture::image::service("web");
    world.registry().push_image("acme/web", "1.0", &image);
    let url = world.git_url("acme", "app");
    let bare = url.trim_end_matches(".git");
    let side = Connected::new(
        &inventory(&format!(
            "repos:\n  - {{url: \"{url}\", refs: [main]}}\napps:\n  \
             - {{repo: \"{bare}\", revision: main, path: deploy}}\n"
        )),
        &world.host(),
    );
    side.lock().stdout_has("1 image, 0 charts, 1 repo, 0 files").check();
    assert_eq!(side.locked().texts("repos", "url"), [url]);
}

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\n\
    oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
const MODULES: &str =
    "[submodule \"lib\"]\n\tpath = vendor/lib\n\turl = https://git.example/lib.git\n";

fn holes(side: &Connected) -> Vec<String> {
    let mut holes = side.locked().opaque();
    holes.retain(|line| line.contains("LFS") || line.contains("submodule"));
    holes
}

/// Whether it is the source of an app or only listed: what a repository does not hold is said.
#[test]
fn submodules_and_large_files_are_reported() {
    let world = World::empty();
    let attributes = "*.bin filter=lfs diff=lfs merge=lfs -text\n";
    let files = [
        (".gitattributes", attributes),
        (".gitmodules", MODULES),
        ("data/model.bin", POINTER),
        ("deploy/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"),
    ];
    let history = History::new()
        .commit("main", "Point elsewhere", &files)
        .submodule("vendor/lib", &"1".repeat(40))
        .tag("v1", "main");
    world.publish_repo("acme", "holes", history);
    let url = world.git_url("acme", "holes");
    let oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
    for rest in [
        format!("apps:\n  - {{repo: \"{url}\", revision: main, path: deploy}}\n"),
        format!("repos:\n  - {{url: \"{url}\", refs: [v1]}}\n"),
    ] {
        let side = Connected::new(&inventory(&rest), &world.host());
        side.lock().stdout_has("Not seen into (2 places):").check();
        assert_eq!(
            holes(&side),
            [
                format!("Git LFS file sha256:{oid} @ data/model.bin"),
                "git submodule https://git.example/lib.git @ vendor/lib".to_owned(),
            ],
            "{rest}"
        );
    }
}
