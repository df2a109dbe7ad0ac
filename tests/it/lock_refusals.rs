//! `haversack lock` and `build --locked` when something is wrong: all of it at once, in full.

use crate::support::connected::{Connected, names};
use crate::support::fixture::image::{Flavour, index, referrer, service, service_for};
use crate::support::world::World;

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let world = World::start();
    let (host, places) = (world.host(), world.places());
    let (charts, platform) = (places.charts, places.platform);
    let inventory = format!(
        "haversack: 1
name: platform
charts:
  - {{chart: web, repo: \"{charts}\", version: \"^9.0\"}}
  - {{chart: wbe, repo: \"{charts}\", version: \"1.0.0\"}}
images:
  - {host}/acme/web:1.0
  - {host}/acme/absent:1.0
  - {host}/acme/web@sha256:{zeros}
repos:
  - {{url: \"{platform}\", refs: [mian, main]}}
  - {{url: \"http://{host}/git/acme/absent.git\", refs: [main]}}
apps:
  - {{repo: \"{platform}\", revision: main, path: argocd/roots}}
files:
  - url: http://{host}/files/crds.yaml
    sha256: {zeros}
  - url: http://{host}/files/absent.yaml
    sha256: {zeros}
",
        zeros = "a".repeat(64)
    );
    let side = Connected::new(&inventory, &host);
    side.lock()
        .status(4)
        .stdout("")
        .stderr("
            pinning 10 references
            error: chart http://127.0.0.1:[PORT]/files/charts web ^9.0 (wanted at platform.yaml:4, charts[0]): no version of chart \"web\" fits \"^9.0\"; the newest are 1.2.0, 1.0.0
            error: chart http://127.0.0.1:[PORT]/files/charts wbe 1.0.0 (wanted at platform.yaml:5, charts[1]): no chart \"wbe\" in the repository; near it: web
            error: image 127.0.0.1:[PORT]/acme/absent:1.0 (wanted at platform.yaml:8, images[1]): 127.0.0.1:[PORT]/acme/absent:1.0: the registry has no such image
            error: image 127.0.0.1:[PORT]/acme/web@sha256:[DIGEST] (wanted at platform.yaml:9, images[2]): 127.0.0.1:[PORT]/acme/web@sha256:[DIGEST]: the registry has no such image
            error: repo http://127.0.0.1:[PORT]/git/acme/platform.git mian main (wanted at platform.yaml:11, repos[0]): http://127.0.0.1:[PORT]/git/acme/platform.git: no branch, tag or commit \"mian\"; near it: main
            error: repo http://127.0.0.1:[PORT]/git/acme/absent.git main (wanted at platform.yaml:12, repos[1]): http://127.0.0.1:[PORT]/git/acme/absent.git: remote: no such repository; fatal: repository 'http://127.0.0.1:[PORT]/git/acme/absent.git/' not found
            error: app http://127.0.0.1:[PORT]/git/acme/platform.git main argocd/roots (wanted at platform.yaml:14, apps[0]): http://127.0.0.1:[PORT]/git/acme/platform.git: no path \"argocd/roots\" at commit [COMMIT]
            error: file http://127.0.0.1:[PORT]/files/crds.yaml (wanted at platform.yaml:16, files[0]): http://127.0.0.1:[PORT]/files/crds.yaml: digest sha256:[DIGEST] instead of sha256:[DIGEST]
            error: file http://127.0.0.1:[PORT]/files/absent.yaml (wanted at platform.yaml:18, files[1]): http://127.0.0.1:[PORT]/files/absent.yaml: the server answers 404
            hint: see what `git ls-remote http://127.0.0.1:[PORT]/git/acme/absent.git` says here: haversack fetches with your git, its credential helpers and ssh keys, and --ca FILE
            hint: it changed at its source, or the digest was written down wrongly; if the change is expected, put the new digest into the inventory and lock again; if not, somebody replaced it
        ")
        .check();
    assert_eq!(names(&side.room.path("")), ["platform.yaml"], "nothing is written");
}

#[test]
fn a_chain_of_referrers_without_an_end_is_refused_and_not_cut() {
    let world = World::empty();
    let (registry, host) = (world.registry(), world.host());
    let image = service("web");
    registry.push_image("acme/web", "1.0", &image);
    let mut subject = image.manifest.clone();
    for depth in 0..6 {
        let next = referrer(&subject, "application/x-note", format!("{depth}").as_bytes());
        registry.push_image("acme/web", next.digest(), &next);
        subject = next.manifest;
    }
    let inventory = format!("haversack: 1\nname: platform\nimages: [\"{host}/acme/web:1.0\"]\n");
    Connected::new(&inventory, &host)
        .lock()
        .status(4)
        .stdout("")
        .stderr_has("the chain of referrers in 127.0.0.1:[PORT]/acme/web is larger than 4 levels")
        .check();
}

#[test]
fn an_image_without_the_platform_says_what_it_has() {
    let world = World::empty();
    let (registry, host) = (world.registry(), world.host());
    let amd64 = service("amd");
    registry.push_image("acme/single", "1.0", &amd64);
    let list = index(Flavour::Oci, &[(&amd64, "amd64"), (&service_for("s", "s390x"), "s390x")]);
    for image in [&amd64, &service_for("s", "s390x")] {
        registry.push_image("acme/multi", image.digest(), image);
    }
    registry.push_manifest("acme/multi", "1.0", &list);
    let inventory = format!(
        "haversack: 1\nname: platform\nplatforms: [linux/arm64]\nimages:\n  \
         - {host}/acme/multi:1.0\n  - {host}/acme/single:1.0\n"
    );
    Connected::new(&inventory, &host)
        .lock()
        .status(4)
        .stdout("")
        .stderr("
            pinning 2 references
            error: image 127.0.0.1:[PORT]/acme/multi:1.0 (wanted at platform.yaml:5, images[0]): 127.0.0.1:[PORT]/acme/multi:1.0: no manifest for linux/arm64; it has linux/amd64, linux/s390x
            error: image 127.0.0.1:[PORT]/acme/single:1.0 (wanted at platform.yaml:6, images[1]): 127.0.0.1:[PORT]/acme/single:1.0: no manifest for linux/arm64; it has linux/amd64
            hint: change platforms: in the inventory, or take the image out
        ")
        .check();
}

#[test]
fn problems_of_an_inventory_are_told_at_once_with_their_places() {
    let side = Connected::new(
        "haversack: 2
nmae: platform
name: -x
platforms: [linux, linux/amd64, linux/amd64]
charts:
  - chart: argo-cd
    repo: argoproj.github.io/argo-helm
    version: newest
    valuse: [a.yaml]
images:
  - https://quay.io/argoproj/argocd:v3
  - quay.io/UPPER/case:1
  - 5
repos:
  - url: https://me:secret@git.example.com/acme/platform.git
    refs: []
apps:
  - repo: /srv/git/platform.git
    path: ../outside
files:
  - url: https://example.com/crds.yaml
    sha256: ABC
",
        "127.0.0.1:1",
    );
    side.lock()
        .status(3)
        .stdout("")
        .stderr("
            error: platform.yaml:1:12: haversack: must be 1, the format that this haversack reads
            error: platform.yaml:2:1: nmae: unknown key; did you mean \"name\"?
            error: platform.yaml:3:7: name: name \"-x\" must start with a letter or digit and go on with letters, digits, '.', '_' or '-'
            error: platform.yaml:4:13: platforms[0]: platform \"linux\" is not OS/ARCH or OS/ARCH/VARIANT, for example linux/amd64 or linux/arm/v7
            error: platform.yaml:4:33: platforms[2]: the same as in line 4
            error: platform.yaml:7:11: charts[0].repo: not a URL
            error: platform.yaml:8:14: charts[0].version: \"newest\" is not a version or a range of versions; for example 10.1.1, ^1.2, \">=1 <2\", or \"*\" for the newest
            error: platform.yaml:9:5: charts[0].valuse: unknown key; did you mean \"values\"?
            error: platform.yaml:11:5: images[0]: an image has no scheme; write it as host/path:tag
            error: platform.yaml:12:5: images[1]: image \"quay.io/UPPER/case:1\": repository \"UPPER/case\" must be lower-case letters, digits and single '.', '_', '-' between them, in parts divided by '/'
            error: platform.yaml:13:5: images[2]: must be a text, not a number; put it in quotes
            error: platform.yaml:15:10: repos[0].url: the URL holds credentials; take user and password out of the URL; use a credential helper or docker config
            error: platform.yaml:16:11: repos[0].refs: no ref is asked for; name a branch, a tag or a commit; \"*\" means all
            error: platform.yaml:18:11: apps[0].repo: a local path is not a place that can be fetched again elsewhere; give the URL from which the platform gets it
            error: platform.yaml:19:11: apps[0].path: \"../outside\" leaves the folder: no leading '/', no '..'
            error: platform.yaml:22:13: files[0].sha256: must be 64 lower-case hex digits; as `sha256sum` prints it
        ")
        .check();
    let ended = side.lock().arg("--json").status(3).check();
    let told: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!((&told["ok"], &told["code"]), (&false.into(), &3.into()));
    assert_eq!(told["errors"].as_array().map_or(0, Vec::len), ended.err().lines().count());
    assert!(!ended.both().contains("secret"), "{}", ended.both());
}

#[test]
fn what_is_no_yaml_is_told_with_its_place() {
    Connected::new("haversack: 1\nname: [platform\nimages: []\n", "127.0.0.1:1")
        .lock()
        .status(3)
        .stderr(
            "
            error: platform.yaml:3:7: illegal placement of ':' indicator
        ",
        )
        .check();
}

#[test]
fn a_lock_is_needed_and_must_fit() {
    let world = World::empty();
    world.registry().push_image("acme/web", "1.0", &service("web"));
    let host = world.host();
    let inventory = format!("haversack: 1\nname: platform\nimages: [\"{host}/acme/web:1.0\"]\n");
    let side = Connected::new(&inventory, &host).key();
    side.build()
        .arg("--locked")
        .status(3)
        .stdout("")
        .stderr(
            "
            error: platform.lock.json: no lock
            hint: make one with `haversack lock platform.yaml`
        ",
        )
        .check();
    side.lock().check();

    side.room.write("platform.yaml", format!("# another\n{inventory}").as_bytes());
    side.build()
        .status(3)
        .stdout("")
        .stderr(
            "
            error: platform.lock.json: the inventory was changed after it was locked
            hint: run `haversack lock platform.yaml` and look at what changed
        ",
        )
        .check();
    side.room.write("platform.yaml", inventory.as_bytes());

    let lock = side.room.read("platform.lock.json");
    let newer = lock.replace("haversack-lock/1", "haversack-lock/7");
    side.room.write("platform.lock.json", newer.as_bytes());
    side.build()
        .status(3)
        .stderr("
            error: platform.lock.json: format \"haversack-lock/7\" is not haversack-lock/1: made by another version of haversack
            hint: make the lock again with `haversack lock`
        ")
        .check();
    let cut = &lock[..lock.len() / 2];
    side.room.write("platform.lock.json", cut.as_bytes());
    side.build()
        .status(3)
        .stderr_has("error: platform.lock.json: not a lock of format haversack-lock/1: ")
        .check();
    assert_eq!(names(&side.room.path("bundles")), [""; 0]);
    side.room.write("platform.lock.json", lock.as_bytes());
    side.build().arg("--locked").check();
}

/// Whoever answers first, the lock is the same, byte for byte.
#[test]
fn an_unchanged_world_gives_the_same_lock() {
    use crate::support::fault::on;
    use std::time::Duration;

    let (world, proxy) = World::start_behind_proxy();
    let side = Connected::new(&world.inventory(), &proxy.host());
    side.lock().check();
    let lock = side.room.read("platform.lock.json");
    for (part, late) in [("/acme/platform.git", 300), ("/files/charts", 300), ("/v2/", 20)] {
        proxy.heal();
        proxy.rule(on("*", part).first(12).delay(Duration::from_millis(late)));
        let other = side.copy();
        other.lock().check();
        assert!(other.room.read("platform.lock.json") == lock, "late: {part}");
        side.lock().check();
        assert!(side.room.read("platform.lock.json") == lock, "with a warm store, late: {part}");
    }
}

/// Two repositories ask for one chart: which of them is named for it must not hang on who answers first.
#[test]
fn the_first_place_is_named_whoever_answers_first() {
    use crate::support::fault::on;
    use crate::support::fixture::{argo, chart::chart_of, git::History};
    use std::time::Duration;

    let (world, proxy) = World::start_behind_proxy();
    let broken = [("templates/bad.yaml", "{{ .Values.none.key }}\n")];
    world.publish_charts("broken", &[&chart_of("web", "1.2.0", &broken)]);
    let charts = format!("http://{}/files/broken", proxy.host());
    let mut inventory = "haversack: 1\nname: platform\napps:\n".to_owned();
    for name in ["one", "two"] {
        let app = argo::chart_application("web", &charts, "web", "1.2.0");
        let path = format!("root/{name}.yaml");
        let history = History::new().commit("main", "Root", &[(path.as_str(), app.as_str())]);
        world.publish_repo("acme", name, history);
        let url = format!("http://{}/git/acme/{name}.git", proxy.host());
        inventory.push_str(&format!("  - {{repo: \"{url}\", revision: main, path: root}}\n"));
    }
    for late in ["one", "two"] {
        proxy.heal();
        let part = format!("/acme/{late}.git/");
        proxy.rule(on("*", &part).first(3).delay(Duration::from_millis(500)));
        let side = Connected::new(&inventory, &proxy.host());
        side.lock().arg("--keep-going").check();
        let opaque = side.locked().opaque();
        assert_eq!(opaque.len(), 1, "late: {late}: {opaque:#?}");
        assert!(opaque[0].starts_with("chart not rendered: web: "), "{opaque:#?}");
        let place = " @ root/one.yaml:8 spec.source.repoURL";
        assert!(opaque[0].ends_with(place), "late: {late}: {opaque:#?}");
    }
}
