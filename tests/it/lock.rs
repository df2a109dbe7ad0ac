//! `haversack lock` from outside: what the lock of a known world holds, and why.

use serde_json::Value;

use crate::support::connected::{Connected, Lock, because};
use crate::support::fixture::argo;
use crate::support::fixture::chart::ChartSpec;
use crate::support::fixture::git::History;
use crate::support::fixture::image::{
    Flavour, chart_artifact, companion_tag, cosign_signature, index, service, service_for,
};
use crate::support::world::World;

fn locked(world: &World, inventory: &str) -> (Connected, Lock) {
    let side = Connected::new(inventory, &world.face());
    side.lock().check();
    let lock = side.locked();
    (side, lock)
}

fn head(rest: &str) -> String {
    format!("haversack: 1\nname: platform\nplatforms: [linux/amd64]\n{rest}")
}

#[test]
fn the_lock_holds_everything_once_and_nothing_else() {
    let world = World::start();
    let host = world.host();
    let side = Connected::new(&world.inventory(), &host);
    let ended = side.lock().check();
    let first = ended.out().lines().next().unwrap_or_default().to_owned();
    assert_eq!(first, "platform.lock.json: 9 images, 2 charts, 2 repos, 1 file");

    let lock = side.locked();
    let mut images: Vec<String> =
        argo::IMAGES.iter().map(|name| format!("{host}/{name}")).collect();
    images.extend([format!("{host}/library/docker:1.0"), format!("{host}/library/multi:2.0")]);
    images.sort();
    assert_eq!(lock.texts("images", "reference"), images);
    let registry = world.registry();
    for image in &images {
        let (repo, tag) = image.trim_start_matches(&format!("{host}/")).rsplit_once(':').unwrap();
        let pin = lock.pin("images", "reference", image);
        assert_eq!(pin["digest"].as_str(), registry.digest(repo, tag).as_deref(), "{image}");
    }
    let charts: Vec<(String, String)> =
        lock.texts("charts", "chart").into_iter().zip(lock.texts("charts", "version")).collect();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(charts, [pair("common", "0.3.1"), pair("web", "1.2.0")]);
    let places = world.places();
    assert_eq!(lock.texts("repos", "url"), [places.platform, places.values]);
    assert_eq!(lock.texts("files", "url"), [world.file_url("crds.yaml")]);
}

#[test]
fn what_cannot_be_seen_into_is_said_and_recorded() {
    let world = World::start();
    let (_, lock) = locked(&world, &world.inventory());
    assert_eq!(lock.opaque(), ["ApplicationSet @ apps/jobs/list.yaml:11",]);
    for entry in lock.list("opaque") {
        assert!(entry["advice"].as_str().is_some_and(|text| !text.is_empty()), "{entry}");
    }
}

#[test]
fn images_are_found_wherever_a_podspec_is() {
    let world = World::start();
    let (_, lock) = locked(&world, &world.inventory());
    let places = world.places();
    let app = format!("app:{}@main#", places.platform);
    let spec = "spec.template.spec";
    for (image, place) in [
        ("web", format!("apps/web | apps/web/deployment.yaml:12 | {spec}.containers[0].image")),
        (
            "init",
            format!("apps/web | apps/web/deployment.yaml:10 | {spec}.initContainers[0].image"),
        ),
        (
            "debug",
            format!("apps/web | apps/web/deployment.yaml:14 | {spec}.ephemeralContainers[0].image"),
        ),
        (
            "models",
            format!("apps/web | apps/web/deployment.yaml:16 | {spec}.volumes[0].image.reference"),
        ),
        ("canary", format!("apps/web | apps/web/rollout.yaml:11 | {spec}.containers[0].image")),
        (
            "nightly",
            "apps/jobs | apps/jobs/cron.yaml:12 | \
             spec.jobTemplate.spec.template.spec.containers[0].image"
                .to_owned(),
        ),
        (
            "list",
            "apps/jobs | apps/jobs/list.yaml:9 | items[0].spec.containers[0].image".to_owned(),
        ),
    ] {
        let pin = lock.pin("images", "reference", &format!("/acme/{image}:1.0"));
        let mut want = vec![format!("{app}{place}")];
        if image == "web" {
            // The chart runs it too.
            want.push(format!(
                "chart:{}/web:1.2.0 | web/templates/deployment-0.yaml:14 | {spec}.containers[0].image",
                places.charts
            ));
        }
        assert_eq!(because(pin), want, "{image}");
    }
}

/// The cycle: root → web → root again. It ends, and every way to the repository is an edge.
#[test]
fn every_edge_is_kept_and_a_cycle_ends() {
    let world = World::start();
    let (_, lock) = locked(&world, &world.inventory());
    let places = world.places();
    let app = |path: &str| format!("app:{}@main#{path}", places.platform);
    let (root, web) = (app("argocd/root"), app("apps/web"));
    assert_eq!(
        because(lock.pin("repos", "url", "/acme/platform.git")),
        [
            format!("{web} | apps/web/root-again.yaml:8 | spec.source.repoURL"),
            format!("{root} | argocd/root/jobs.yaml:8 | spec.source.repoURL"),
            format!("{root} | argocd/root/web.yaml:8 | spec.source.repoURL"),
            "inventory | platform.yaml:12 | repos[0]".to_owned(),
            "inventory | platform.yaml:15 | apps[0]".to_owned(),
        ]
    );
    assert_eq!(
        because(lock.pin("repos", "url", "/acme/values.git")),
        [format!("{root} | argocd/root/values.yaml:13 | spec.sources[1].repoURL")]
    );
    assert_eq!(
        because(lock.pin("charts", "chart", "web")),
        [
            format!("{root} | argocd/root/chart.yaml:8 | spec.source.repoURL"),
            format!("{root} | argocd/root/values.yaml:8 | spec.sources[0].repoURL"),
            "inventory | platform.yaml:5 | charts[0]".to_owned(),
        ]
    );
    assert_eq!(
        because(lock.pin("charts", "chart", "common")),
        [format!(
            "chart:{}/web:1.2.0 | web-1.2.0/Chart.yaml | dependencies[common]",
            places.charts
        )]
    );
}

/// An app, not the `repos:` entry that happens to name the same repository, explains an image.
#[test]
fn inspect_explains_a_deep_image_from_the_inventory_on() {
    let world = World::start();
    let side = Connected::new(&world.inventory(), &world.host()).key();
    side.build().check();
    let bundle = side.bundle();
    let listed = side.room.run(["inspect".into(), bundle.into_os_string()]).check().out();
    let line = listed.lines().find(|line| line.contains("/acme/nightly:1.0")).unwrap();
    assert!(
        line.ends_with(
            "because platform.yaml:15 apps[0] > argocd/root/jobs.yaml:8 spec.source.repoURL > \
             apps/jobs/cron.yaml:12 \
             spec.jobTemplate.spec.template.spec.containers[0].image"
        ),
        "{line}"
    );
}

#[test]
fn an_index_is_pinned_with_its_platforms_and_what_hangs_on_them() {
    let world = World::empty();
    let (registry, repo) = (world.registry(), "library/multi");
    let (amd64, arm64) = (service_for("multi", "amd64"), service_for("multi", "arm64"));
    let list = index(Flavour::Oci, &[(&amd64, "amd64"), (&arm64, "arm64")]);
    for image in [&amd64, &arm64] {
        registry.push_image(repo, image.digest(), image);
    }
    registry.push_manifest(repo, "2.0", &list);
    let mut hung = Vec::new();
    for (subject, carried) in [(&list, true), (&amd64.manifest, true), (&arm64.manifest, false)] {
        for suffix in ["sig", "att", "sbom"] {
            let note = format!("{repo}@{}.{suffix}", subject.digest);
            let tag = companion_tag(&subject.digest, suffix);
            let image = cosign_signature(subject, &note);
            registry.push_image(repo, &tag, &image);
            hung.push((subject.digest.clone(), image.digest().to_owned(), Some(tag), carried));
        }
        let payload = format!("{{\"about\":\"{}\"}}", subject.digest);
        let sbom = crate::support::fixture::image::referrer(
            subject,
            "application/spdx+json",
            payload.as_bytes(),
        );
        registry.push_image(repo, sbom.digest(), &sbom);
        hung.push((subject.digest.clone(), sbom.digest().to_owned(), None, carried));
        // What refers to a referrer comes along too.
        let note =
            crate::support::fixture::image::referrer(&sbom.manifest, "text/x-note", b"signed");
        registry.push_image(repo, note.digest(), &note);
        hung.push((sbom.digest().to_owned(), note.digest().to_owned(), None, carried));
    }
    hung.sort();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for (platforms, all) in [("[linux/amd64]", false), ("[]", true)] {
        let inventory = format!(
            "haversack: 1\nname: platform\nplatforms: {platforms}\nimages:\n  - {}/{repo}:2.0\n",
            world.host()
        );
        let (_, lock) = locked(&world, &inventory);
        let pin = lock.pin("images", "reference", "/multi:2.0");
        assert_eq!(pin["digest"], list.digest);
        assert_eq!(pin["size"], list.bytes.len());
        let manifests: Vec<(String, String, bool)> = pin["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| (text(&m["platform"]), text(&m["digest"]), m["carried"] == true))
            .collect();
        assert_eq!(
            manifests,
            [
                ("linux/amd64".to_owned(), amd64.digest().to_owned(), true),
                ("linux/arm64".to_owned(), arm64.digest().to_owned(), all),
            ]
        );
        let mut found: Vec<(String, String, Option<String>)> = pin["attachments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| {
                (text(&a["subject"]), text(&a["digest"]), a["tag"].as_str().map(str::to_owned))
            })
            .collect();
        found.sort();
        let want: Vec<(String, String, Option<String>)> = hung
            .iter()
            .filter(|(.., carried)| all || *carried)
            .map(|(subject, digest, tag, _)| (subject.clone(), digest.clone(), tag.clone()))
            .collect();
        assert_eq!(found, want, "{platforms}");
    }
}

#[test]
fn ranges_pick_the_highest_version_and_each_version_comes_once() {
    let world = World::start();
    let charts = world.places().charts;
    let entry =
        |range: &str| format!("  - {{chart: web, repo: \"{charts}\", version: \"{range}\"}}\n");
    let inventory = head(&format!("charts:\n{}{}{}", entry("~1.0"), entry("1.x"), entry(">=1.1")));
    let (_, lock) = locked(&world, &inventory);
    let versions: Vec<String> = lock
        .list("charts")
        .iter()
        .map(|pin| format!("{} {}", pin["chart"], pin["version"]).replace('"', ""))
        .collect();
    assert_eq!(versions, ["common 0.3.1", "web 1.0.0", "web 1.2.0"]);
}

/// Charts in a registry and sources by `oci://`: all are pinned; charts are rendered, the others not seen into.
#[test]
fn sources_in_a_registry_are_pinned_and_called_opaque() {
    let world = World::empty();
    let (host, registry) = (world.host(), world.registry());
    world.push_services(&["acme/web:1"]);
    for version in ["1.0.0", "1.4.2"] {
        let chart = ChartSpec::new("web", version).image(&format!("{host}/acme/web:1")).build();
        let artifact = chart_artifact(&chart.config_json(), &chart.tgz);
        registry.push_image("charts/web", version, &artifact);
    }
    registry.push_image("manifests/base", "1.0", &service("manifests"));
    let charts = format!("{host}/charts");
    let by_chart = argo::chart_application("a", &charts, "web", "^1.0");
    let by_url = argo::application("b", &format!("oci://{host}/charts/web"), "1.0.0", ".");
    let folder = argo::application("c", &format!("oci://{host}/manifests/base"), "\"1.0\"", ".");
    let files =
        [("root/a.yaml", by_chart.as_str()), ("root/b.yaml", &by_url), ("root/c.yaml", &folder)];
    world.publish_repo("acme", "oci", History::new().commit("main", "Apps", &files));
    let url = world.git_url("acme", "oci");
    let inventory = head(&format!("apps:\n  - {{repo: \"{url}\", revision: main, path: root}}\n"));
    let (_, lock) = locked(&world, &inventory);
    let chart = lock.pin("charts", "chart", "web");
    assert_eq!(chart["version"], "1.4.2");
    assert_eq!(chart["repo"], format!("oci://{charts}"));
    assert_eq!(chart["digest"].as_str(), registry.digest("charts/web", "1.4.2").as_deref());
    let images = ["acme/web:1", "charts/web:1.0.0", "manifests/base:1.0"];
    let images = images.map(|name| format!("{host}/{name}"));
    assert_eq!(lock.texts("images", "reference"), images);
    assert_eq!(
        lock.opaque(),
        [
            format!(
                "OCI source not unpacked: {host}/charts/web:1.0.0 @ root/b.yaml:8 spec.source.repoURL"
            ),
            format!(
                "OCI source not unpacked: {host}/manifests/base:1.0 @ root/c.yaml:8 spec.source.repoURL"
            ),
        ]
    );
}
