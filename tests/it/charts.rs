//! Charts of an inventory from outside: which images their templates bring, and how that is explained.

use serde_json::Value;

use crate::support::connected::{Connected, Lock, because};
use crate::support::fixture::argo;
use crate::support::fixture::chart::chart_of;
use crate::support::fixture::git::History;
use crate::support::world::World;

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      {{- if .Values.debug }}
      shareProcessNamespace: true
      {{- end }}
      containers:
        - name: web
          image: {{ .Values.registry }}/acme/web:{{ .Chart.AppVersion }}
          args:
            - --level=info
            - --solver-image={{ .Values.registry }}/acme/solver:1.0
          env:
            - name: RELATED_IMAGE_WORKER
              value: {{ .Values.registry }}/acme/worker:1.0
";
const HOOK: &str = "\
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-migrate
  annotations:
    helm.sh/hook: pre-install
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - {name: migrate, image: \"{{ .Values.registry }}/acme/migrate:1.0\"}
";
const TEST: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-test
  annotations: {helm.sh/hook: test}
spec:
  containers:
    - {name: test, image: \"{{ .Values.registry }}/acme/test:1.0\"}
";
const CACHE: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: cache}
spec:
  containers:
    - name: cache
      image: {{ .Values.image }}
";
const WITH_CACHE: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\nappVersion: \"1.0\"\n\
    dependencies:\n  - {name: cache, version: 0.1.0, condition: cache.enabled}\n";

const IMAGES: [&str; 5] =
    ["acme/migrate:1.0", "acme/solver:1.0", "acme/test:1.0", "acme/web:1.0", "acme/worker:1.0"];

/// A world whose chart repository has `web` 1.0.0; its registry has all images that it may bring.
fn shop() -> (World, String) {
    let world = World::empty();
    world.push_services(&IMAGES);
    world.push_services(&["acme/cache:1.0", "acme/cache:2.0"]);
    let host = world.host();
    let values = format!(
        "registry: {host}\ndebug: false\ncache:\n  enabled: false\n  image: {host}/acme/cache:1.0\n"
    );
    let chart = chart_of(
        "web",
        "1.0.0",
        &[
            ("Chart.yaml", WITH_CACHE),
            ("values.yaml", &values),
            ("templates/deployment.yaml", DEPLOYMENT),
            ("templates/hook.yaml", HOOK),
            ("templates/tests/test.yaml", TEST),
            ("charts/cache/Chart.yaml", "apiVersion: v2\nname: cache\nversion: 0.1.0\n"),
            ("charts/cache/templates/cache.yaml", CACHE),
        ],
    );
    let charts = world.publish_charts("charts", &[&chart]);
    (world, charts)
}

/// An inventory that asks for `web`; what follows may go on with its entry.
fn inventory(charts: &str, rest: &str) -> String {
    format!(
        "haversack: 1\nname: platform\nplatforms: [linux/amd64]\ncharts:\n  - chart: web\n    \
         repo: {charts}\n    version: 1.0.0\n{rest}"
    )
}

/// Path and tag of every locked image.
fn images(lock: &Lock, world: &World) -> Vec<String> {
    let host = format!("{}/", world.host());
    let names = lock.texts("images", "reference");
    names.iter().map(|name| name.trim_start_matches(&host).to_owned()).collect()
}

#[test]
fn a_chart_brings_the_images_of_its_templates() {
    let (world, charts) = shop();
    let side = Connected::new(&inventory(&charts, ""), &world.host());
    let ended = side.lock().check();
    assert_eq!(
        ended.out(),
        "platform.lock.json: 5 images, 1 chart, 0 repos, 0 files\n\n  \
         verdict    images  charts  repos  files\n  \
         certain    5       1       0      0\n  \
         implied    0       0       0      0\n  \
         candidate  0       0       0      0\n  \
         opaque: 0 places, 0 waived\n"
    );
    let lock = side.locked();
    assert_eq!(images(&lock, &world), IMAGES);
    assert_eq!(lock.opaque(), Vec::<String>::new());
    let spec = "spec.template.spec.containers[0]";
    for (image, place) in [
        ("web", format!("web/templates/deployment.yaml:15 | {spec}.image")),
        ("solver", format!("web/templates/deployment.yaml:18 | {spec}.args[1]")),
        ("worker", format!("web/templates/deployment.yaml:21 | {spec}.env[0].value")),
        ("migrate", format!("web/templates/hook.yaml:12 | {spec}.image")),
        ("test", "web/templates/tests/test.yaml:8 | spec.containers[0].image".to_owned()),
    ] {
        let pin = lock.pin("images", "reference", &format!("/acme/{image}:1.0"));
        assert_eq!(because(pin), [format!("chart:{charts}/web:1.0.0 | {place}")], "{image}");
        assert_eq!(
            pin["digest"].as_str(),
            world.registry().digest(&format!("acme/{image}"), "1.0").as_deref()
        );
    }
}

/// A subchart counts when its condition is met: by a values file, or by values in the inventory, which win.
#[test]
fn values_of_the_inventory_switch_subcharts() {
    let (world, charts) = shop();
    let file = "cache: {enabled: true}\n";
    let object = format!(
        "    valuesObject: {{cache: {{enabled: true, image: {}/acme/cache:2.0}}}}\n",
        world.host()
    );
    for (rest, cache) in [
        ("    values: [env/prod.yaml]\n".to_owned(), Some("acme/cache:1.0")),
        (object.clone(), Some("acme/cache:2.0")),
        (format!("    values: [env/prod.yaml]\n{object}"), Some("acme/cache:2.0")),
        (
            "    values: [env/prod.yaml]\n    valuesObject: {cache: {enabled: false}}\n".to_owned(),
            None,
        ),
    ] {
        let side = Connected::new(&inventory(&charts, &rest), &world.host());
        side.room.write("env/prod.yaml", file.as_bytes());
        side.lock().check();
        let lock = side.locked();
        let mut want: Vec<&str> = cache.into_iter().collect();
        want.extend(IMAGES);
        assert_eq!(images(&lock, &world), want, "{rest}");
        if let Some(cache) = cache {
            assert_eq!(
                because(lock.pin("images", "reference", cache)),
                [format!(
                    "chart:{charts}/web:1.0.0 | web/charts/cache/templates/cache.yaml:7 | \
                     spec.containers[0].image"
                )]
            );
        }
        let values = lock.list("values");
        assert_eq!(values.len(), usize::from(rest.contains("env/prod.yaml")), "{rest}");
        if let Some(values) = values.first() {
            let digest = crate::support::sha256_hex(file.as_bytes());
            assert_eq!(values["path"], "env/prod.yaml");
            assert_eq!(values["digest"], format!("sha256:{digest}"));
        }
    }
}

/// Inventory → app → Application → chart → template: the whole way, in the words of `why`.
fn explained() -> (World, String, Connected) {
    let (world, charts) = shop();
    let app = argo::chart_application("web", &charts, "web", "1.0.0");
    let history = History::new().commit("main", "Root", &[("root/web.yaml", &app)]);
    world.publish_repo("acme", "platform", history);
    let url = world.git_url("acme", "platform");
    let text = format!(
        "haversack: 1\nname: platform\nplatforms: [linux/amd64]\napps:\n  - repo: {url}\n    \
         revision: main\n    path: root\n"
    );
    let side = Connected::new(&text, &world.host());
    side.lock().check();
    (world, charts, side)
}

#[test]
fn why_prints_the_chain_from_the_inventory_to_the_template() {
    let (world, _, side) = explained();
    let chain = "
        image:127.0.0.1:[PORT]/acme/web:1.0
          platform.yaml:5 apps[0]
            app:http://127.0.0.1:[PORT]/git/acme/platform.git@main#root: root/web.yaml:8 spec.source.repoURL
              chart:http://127.0.0.1:[PORT]/files/charts/web:1.0.0: web/templates/deployment.yaml:15 spec.template.spec.containers[0].image
        ";
    let image = format!("{}/acme/web:1.0", world.host());
    side.room.run(["why", &image]).stdout(chain).stderr("").check();
    // A part of the name will do.
    side.room.run(["why", "acme/web"]).stdout(chain).check();
    side.room.run(["why", &image, "--lock", "platform.lock.json"]).stdout(chain).check();
    // Argo CD passes over test hooks, and so does the lock.
    assert!(!images(&side.locked(), &world).contains(&"acme/test:1.0".to_owned()));
}

#[test]
fn why_says_what_is_near_an_unknown_name() {
    let (world, _, side) = explained();
    side.room
        .run(["why", &format!("{}/acme/wep:1.0", world.host())])
        .status(2)
        .stdout("")
        .stderr(
            "
            error: nothing in the lock is called \"127.0.0.1:[PORT]/acme/wep:1.0\"
            hint: near it: image:127.0.0.1:[PORT]/acme/web:1.0
            ",
        )
        .check();
    side.room
        .run(["why", "zzz"])
        .status(2)
        .stderr(
            "
            error: nothing in the lock is called \"zzz\"
            hint: `haversack inspect` on a bundle lists everything
            ",
        )
        .check();
    let empty = crate::support::scenario::Scenario::new();
    empty
        .run(["why", "x"])
        .status(2)
        .stderr(
            "
            error: there is no *.lock.json in this folder
            hint: name it: --lock FILE, or --bundle DIR for the one in a bundle
            ",
        )
        .check();
}

#[test]
fn why_and_lock_speak_json() {
    let (world, charts, side) = explained();
    let image = format!("{}/acme/web:1.0", world.host());
    let said = side.room.run(["--json", "why", &image]).check().out();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["ok"], true);
    let answers = said["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["id"], format!("image:{image}"));
    let chain = answers[0]["chains"][0].as_array().unwrap();
    let url = world.git_url("acme", "platform");
    let from: Vec<&str> = chain.iter().map(|edge| edge["from"].as_str().unwrap()).collect();
    assert_eq!(
        from,
        ["inventory", &format!("app:{url}@main#root"), &format!("chart:{charts}/web:1.0.0")]
    );
    let said = side.lock().arg("--json").check().out();
    let said: Value = serde_json::from_str(&said).unwrap();
    // Four images, the chart and the repository.
    assert_eq!(
        said["verdicts"],
        serde_json::json!({"certain": 6, "implied": 0, "candidate": 0, "opaque": 0, "waived": 0})
    );
}
