//! The headline: ten lines of an inventory lead to the 24 images and 8 files of the Argo suite, and to nothing else.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::connected::Connected;
use crate::support::fixture::git::History;
use crate::support::fixture::suite;
use crate::support::scenario::Step;
use crate::support::world::World;

/// The world of the suite.
fn world() -> World {
    let world = World::empty();
    suite::push_images(&world.registry());
    world.registry().push_image("akuity/kargo-charts/kargo", "1.11.2", &suite::kargo());
    let charts = suite::charts();
    world.publish_charts("charts", &charts.iter().collect::<Vec<_>>());
    for name in suite::CRDS {
        let text = format!("kind: CustomResourceDefinition\nmetadata: {{name: {name}}}\n");
        world.write_file(&format!("crds/full/argoproj.io_{name}.yaml"), text.as_bytes());
    }
    world.publish_repo(
        "acme",
        "platform",
        History::new().commit("main", "Suite", &suite::DOCUMENTS),
    );
    world
}

/// Ten lines: nine charts and a folder. `more` are settings of single charts.
fn inventory(world: &World, more: &[(&str, &str)]) -> String {
    let charts = world.file_url("charts");
    let mut text = "haversack: 1\nname: platform\nplatforms: [linux/amd64]\ncharts:\n".to_owned();
    for (chart, version) in [
        ("argo-cd", "10.1.1"),
        ("argo-rollouts", "2.41.0"),
        ("argo-workflows", "1.0.18"),
        ("argo-events", "2.4.22"),
        ("argocd-image-updater", "1.2.4"),
        ("dex", "0.24.0"),
        ("cert-manager", "v1.21.1"),
        ("ingress-nginx", "4.15.1"),
    ] {
        let more = more.iter().find(|(name, _)| *name == chart).map_or("", |(_, more)| more);
        text += &format!("  - {{chart: {chart}, repo: \"{charts}\", version: {version}{more}}}\n");
    }
    let url = world.git_url("acme", "platform");
    text += "  - {chart: kargo, repo: oci://ghcr.io/akuity/kargo-charts, version: 1.11.2, placeholders: true}\n";
    text + &format!("apps:\n  - {{repo: \"{url}\", revision: main, path: suite}}\n")
}

/// `lock`, with the world in the place of every host that the suite names.
fn lock<'s>(side: &'s Connected, world: &World) -> Step<'s> {
    let step = side.lock().env("http_proxy", world.url()).env("no_proxy", "127.0.0.1");
    suite::HOSTS.iter().fold(step, |step, host| step.arg("--plain-http").arg(*host))
}

#[track_caller]
fn locked(world: &World, more: &[(&str, &str)]) -> (Connected, String) {
    let side = Connected::new(&inventory(world, more), &world.host());
    let out = lock(&side, world).check().out();
    (side, out)
}

/// The images of the suite as a lock writes them: those of ingress-nginx have a digest besides.
fn images() -> BTreeSet<String> {
    let name = |name: &str| {
        if name.contains("/ingress-nginx/") { suite::with_digest(name) } else { name.to_owned() }
    };
    suite::IMAGES.into_iter().map(name).collect()
}

#[test]
fn ten_lines_lead_to_24_images_and_8_files() {
    let world = world();
    let (side, out) = locked(&world, &[]);
    assert!(out.starts_with("platform.lock.json: 24 images, 9 charts, 1 repo, 8 files\n"), "{out}");
    let lock = side.locked();
    let found: BTreeSet<String> = lock.texts("images", "reference").into_iter().collect();
    assert_eq!(found, images());
    let files: Vec<String> = suite::CRDS
        .iter()
        .map(|name| format!("{}/argoproj.io_{name}.yaml", suite::CRDS_URL))
        .collect();
    assert_eq!(lock.texts("files", "url"), files);
    // Kargo's two secrets are the site's to give; everything else was seen into.
    let opaque = lock.opaque();
    assert_eq!(opaque.len(), 2, "{opaque:#?}");
    for (line, key) in opaque.iter().zip(["passwordHash", "tokenSigningKey"]) {
        let begin = "placeholder rendered: a value MUST be provided for api.adminAccount.";
        assert!(
            line.starts_with(&format!("{begin}{key} @ kargo/templates/secret.yaml:")),
            "{line}"
        );
    }
    // Only the three of the bus are not written down where something must be an image.
    let rule = |pin: &Value| pin["because"][0]["verdict"].as_str().unwrap_or("certain").to_owned();
    let unsure: Vec<String> = lock
        .list("images")
        .iter()
        .filter(|pin| rule(pin) != "certain")
        .map(|pin| format!("{} {}", pin["reference"], rule(pin)).replace('"', ""))
        .collect();
    let bus = |name: &str| format!("docker.io/{name} implied:argo-events/jetstream");
    assert_eq!(
        unsure,
        [
            bus("library/nats:2.10.10"),
            bus("natsio/nats-server-config-reloader:0.14.0"),
            bus("natsio/prometheus-nats-exporter:0.14.0")
        ]
    );
    let place = "argo-workflows/templates/crds-install-job.yaml";
    for (at, file) in files.iter().enumerate() {
        let edge = &lock.pin("files", "url", file)["because"][0];
        let (found, field) = (edge["place"].as_str().unwrap(), edge["field"].as_str().unwrap());
        assert!(found.starts_with(place), "{found}");
        assert_eq!(field, format!("spec.template.spec.containers[0].command[{}]", 4 + 2 * at));
    }
}

/// The controller alone, without the argument that names it, implies the executor of its own version.
#[test]
fn the_executor_is_implied_where_no_argument_names_it() {
    let world = world();
    let more = [("argo-workflows", ", valuesObject: {executorArgument: false}")];
    let (side, _) = locked(&world, &more);
    let lock = side.locked();
    let found: BTreeSet<String> = lock.texts("images", "reference").into_iter().collect();
    assert_eq!(found, images());
    let pin = lock.pin("images", "reference", "argoexec:v4.0.6");
    assert_eq!(pin["because"][0]["verdict"], "implied:argo-workflows/argoexec");
}

#[test]
fn high_availability_brings_its_own() {
    let world = world();
    let (side, _) = locked(&world, &[("argo-cd", ", valuesObject: {redis-ha: {enabled: true}}")]);
    let found: BTreeSet<String> = side.locked().texts("images", "reference").into_iter().collect();
    let mut want = images();
    want.insert(suite::HAPROXY.to_owned());
    assert_eq!(found, want);
}

/// Without the bus nothing chooses: the list is said to be a list, and none of it is taken along by chance.
#[test]
fn a_list_to_choose_from_is_no_reference() {
    let world = world();
    let text = inventory(&world, &[]);
    let text = text.split("apps:").next().unwrap();
    let side = Connected::new(text, &world.host());
    lock(&side, &world).check();
    let lock = side.locked();
    let names = lock.texts("images", "reference");
    assert!(names.iter().all(|name| !name.contains("nats")), "{names:#?}");
    let choice = "9 images to choose from, and no EventBus @ argo-events/templates/config.yaml:";
    assert!(lock.opaque().iter().any(|line| line.starts_with(choice)), "{:#?}", lock.opaque());
}
