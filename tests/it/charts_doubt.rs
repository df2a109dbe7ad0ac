//! Charts that do not render, values that are missing, and references that are not certain: nothing is dropped silently.

use serde_json::Value;

use crate::support::connected::{Connected, Lock};
use crate::support::fixture::chart::chart_of;
use crate::support::world::World;

/// A world with the chart `web` 1.0.0 of these files, and an inventory for it.
fn shop(images: &[&str], files: &[(&str, &str)]) -> (World, String) {
    let world = World::empty();
    world.push_services(images);
    let host = world.host();
    let files: Vec<(&str, String)> =
        files.iter().map(|(path, text)| (*path, text.replace("REGISTRY", &host))).collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let charts = world.publish_charts("charts", &[&chart_of("web", "1.0.0", &files)]);
    let text = format!(
        "haversack: 1\nname: platform\nplatforms: [linux/amd64]\ncharts:\n  - chart: web\n    \
         repo: {charts}\n    version: 1.0.0\n"
    );
    (world, text)
}

#[track_caller]
fn locked(world: &World, inventory: &str) -> (Connected, Lock) {
    let side = Connected::new(inventory, &world.host());
    side.lock().check();
    let lock = side.locked();
    (side, lock)
}

/// `path:tag verdict` of every edge of every image.
fn verdicts(lock: &Lock, world: &World) -> Vec<String> {
    let host = format!("{}/", world.host());
    let text = |value: &Value, key: &str| value[key].as_str().map(str::to_owned);
    let mut all = Vec::new();
    for pin in lock.list("images") {
        let name = text(pin, "reference").unwrap().replace(&host, "");
        for edge in pin["because"].as_array().unwrap() {
            let verdict = text(edge, "verdict").unwrap_or_else(|| "certain".to_owned());
            all.push(format!("{name} {verdict}"));
        }
    }
    all
}

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - {name: web, image: REGISTRY/acme/web:1.0}
";
const SECRETS: [(&str, &str); 4] = [
    ("templates/pod.yaml", POD),
    ("values.yaml", "api: {}\n"),
    (
        "templates/a.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  \
         password: {{ required \"api.password is needed\" .Values.api.password }}\n",
    ),
    (
        "templates/b.yaml",
        "{{- if not .Values.api.token }}\n{{- fail \"api.token: none given\" }}\n{{- end }}\n\
         apiVersion: v1\nkind: Secret\nmetadata: {name: b}\nstringData:\n  token: {{ .Values.api.token }}\n",
    ),
];

/// All of them at once: a person fills them in in one go.
#[test]
fn every_required_value_is_named_at_once() {
    let (world, text) = shop(&["acme/web:1.0"], &SECRETS);
    let side = Connected::new(&text, &world.host());
    let err = side.lock().status(3).stdout("").check().err();
    for (file, line, message) in
        [("a", 5, "api.password is needed"), ("b", 2, "api.token: none given")]
    {
        let part = format!("web/templates/{file}.yaml:{line}: {message}");
        let lines = err.lines().filter(|row| row.starts_with("error: ") && row.contains(&part));
        assert_eq!(lines.count(), 1, "{part}\n{err}");
    }
    assert!(!side.room.path("platform.lock.json").exists());
    // Given, nothing is missing.
    let given = "    valuesObject: {api: {password: x, token: y}}\n";
    let (_, lock) = locked(&world, &format!("{text}{given}"));
    assert_eq!(lock.opaque(), Vec::<String>::new());
}

#[test]
fn placeholders_stand_in_where_the_inventory_allows_it() {
    let (world, text) = shop(&["acme/web:1.0"], &SECRETS);
    let (side, lock) = locked(&world, &format!("{text}    placeholders: true\n"));
    assert_eq!(verdicts(&lock, &world), ["acme/web:1.0 certain"]);
    let opaque = lock.opaque();
    assert_eq!(opaque.len(), 2, "{opaque:?}");
    for (line, (file, message)) in opaque
        .iter()
        .zip([("a.yaml:5", "api.password is needed"), ("b.yaml:2", "api.token: none given")])
    {
        let begin = format!("placeholder rendered: {message} @ web/templates/{file} ");
        assert!(line.starts_with(&begin), "{line}");
    }
    side.lock().stdout_has("Not seen into (2 places):").check();
}

const BROKEN: [(&str, &str); 3] = [
    ("templates/pod.yaml", POD),
    (
        "templates/_name.tpl",
        "{{- define \"web.name\" -}}\n{{ .Values.names.short.text }}\n{{- end -}}\n",
    ),
    (
        "templates/bad.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ include \"web.name\" . }}\n",
    ),
];

#[test]
fn a_template_that_fails_is_named_with_chart_file_line_and_node() {
    let (world, text) = shop(&["acme/web:1.0"], &BROKEN);
    let side = Connected::new(&text, &world.host());
    let err = side.lock().status(3).stdout("").check().err();
    let line = err.lines().find(|line| line.starts_with("error: ")).unwrap();
    for part in [
        "chart http://",
        "web 1.0.0 (wanted at platform.yaml:5, charts[0])",
        "web/templates/_name.tpl:2:",
        "<.Values.names.short.text>",
        "nil pointer evaluating interface {}.short",
        "from web/templates/bad.yaml:4:",
        "<include \"web.name\" .>",
    ] {
        assert!(line.contains(part), "{part}\n{err}");
    }
}

#[test]
fn keep_going_records_a_chart_that_does_not_render() {
    let (world, text) = shop(&["acme/web:1.0", "acme/other:1.0"], &BROKEN);
    let text = format!("{text}images: [\"{}/acme/other:1.0\"]\n", world.host());
    let side = Connected::new(&text, &world.host());
    let ended = side.lock().arg("--keep-going").check();
    assert!(ended.out().contains("opaque: 1 place, 0 waived"), "{}", ended.out());
    let lock = side.locked();
    assert_eq!(verdicts(&lock, &world), ["acme/other:1.0 certain"]);
    assert_eq!(lock.texts("charts", "chart"), ["web"], "it is carried all the same");
    let opaque = lock.opaque();
    assert_eq!(opaque.len(), 1, "{opaque:?}");
    assert!(
        opaque[0].starts_with("chart not rendered: web: web/templates/_name.tpl:2:"),
        "{opaque:?}"
    );
    assert!(opaque[0].ends_with(" @ platform.yaml:5 charts[0]"), "{opaque:?}");
}

const TEXTS: [(&str, &str); 2] = [
    ("templates/pod.yaml", POD),
    (
        "templates/config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n  web.conf: |\n    \
         # pull REGISTRY/acme/comment:1.0 never\n    mirror = \"REGISTRY/acme/there:1.0\"\n    \
         mirror = \"REGISTRY/acme/gone:9.9\"\n    listen = 0.0.0.0:8080\n",
    ),
];

/// What only looks like an image is asked for: the registry decides, and a person hears of what it has not.
#[test]
fn the_registry_confirms_candidates() {
    let (world, text) = shop(&["acme/web:1.0", "acme/there:1.0"], &TEXTS);
    let (side, lock) = locked(&world, &text);
    assert_eq!(verdicts(&lock, &world), ["acme/there:1.0 candidate", "acme/web:1.0 certain"]);
    let opaque = lock.opaque();
    assert_eq!(opaque.len(), 1, "{opaque:?}");
    let begin =
        format!("image {}/acme/gone:9.9 looks like one, and could not be had: ", world.host());
    assert!(opaque[0].starts_with(&begin), "{opaque:?}");
    assert!(opaque[0].ends_with(" @ web/templates/config.yaml:8 data[\"web.conf\"]"), "{opaque:?}");
    let out = side.lock().check().out();
    assert!(out.contains("\n  candidate  1       0       0      0\n"), "{out}");
    assert!(out.contains("Carried, though no document says so for certain (1):"), "{out}");
    side.room
        .run(["why", "acme/there"])
        .stdout(
            "
            image:127.0.0.1:[PORT]/acme/there:1.0
              platform.yaml:5 charts[0]
                chart:http://127.0.0.1:[PORT]/files/charts/web:1.0.0: web/templates/config.yaml:7 data[\"web.conf\"] (candidate: its registry has it)
            ",
        )
        .check();
}

/// An image that is asked for by name must be there, even when a text only mentions it.
#[test]
fn what_is_certain_somewhere_fails_when_it_is_missing() {
    let (world, text) = shop(&["acme/web:1.0", "acme/there:1.0"], &TEXTS);
    let text = format!("{text}images: [\"{}/acme/gone:9.9\"]\n", world.host());
    let side = Connected::new(&text, &world.host());
    side.lock().status(4).stderr_has("/acme/gone:9.9").check();
}

/// Neither image is in the registry: what is waived is never asked for.
#[test]
fn what_is_waived_is_left_behind_with_its_reason() {
    let pod = POD.replace("acme/web:1.0", "acme/debug:1.0");
    let files = [("templates/pod.yaml", POD), ("templates/debug.yaml", &pod), TEXTS[1]];
    let (world, text) = shop(&["acme/web:1.0"], &files);
    let host = world.host();
    let waivers = format!(
        "waivers:\n  - image: \"{host}/acme/debug:*\"\n    reason: only developers use it\n  \
         - place: web/templates/config.yaml\n    reason: names of mirrors, read by hand\n"
    );
    let (side, lock) = locked(&world, &format!("{text}{waivers}"));
    assert_eq!(verdicts(&lock, &world), ["acme/web:1.0 certain"]);
    let reasons: Vec<String> = lock
        .list("opaque")
        .iter()
        .map(|o| format!("{} {} {}", o["what"], o["place"], o["waived"]).replace('"', ""))
        .collect();
    let mirrors = "names of mirrors, read by hand";
    assert_eq!(
        reasons,
        [
            format!(
                "image {host}/acme/debug:1.0 web/templates/debug.yaml:6 only developers use it"
            ),
            format!("image {host}/acme/gone:9.9 web/templates/config.yaml:8 {mirrors}"),
            format!("image {host}/acme/there:1.0 web/templates/config.yaml:7 {mirrors}"),
        ]
    );
    let out = side.lock().check().out();
    assert!(out.contains("opaque: 0 places, 3 waived\n"), "{out}");
    assert!(out.contains("\nWaived (3 places):\n"), "{out}");
    side.room
        .run(["why", "acme/debug"])
        .stdout(
            "
            image 127.0.0.1:[PORT]/acme/debug:1.0
              web/templates/debug.yaml:6 spec.containers[0].image
              waived: only developers use it
            ",
        )
        .check();
}

#[test]
fn rules_of_the_inventory_imply_images() {
    let images = ["acme/web:1.0", "acme/worker:1.0"];
    let (world, text) = shop(&images, &[("templates/pod.yaml", POD)]);
    let rules = "rules:\n  - id: acme/worker\n    what: the worker that web starts\n    \
        when: {image: \"*/acme/web\"}\n    implies: [\"{parent}/worker:{tag}\"]\n";
    let (side, lock) = locked(&world, &format!("{text}{rules}"));
    assert_eq!(
        verdicts(&lock, &world),
        ["acme/web:1.0 certain", "acme/worker:1.0 implied:acme/worker"]
    );
    side.room
        .run(["why", "acme/worker"])
        .stdout(
            "
            image:127.0.0.1:[PORT]/acme/worker:1.0
              platform.yaml:5 charts[0]
                chart:http://127.0.0.1:[PORT]/files/charts/web:1.0.0: web/templates/pod.yaml:6 spec.containers[0].image (rule acme/worker)
            ",
        )
        .check();
    // The rule's image is a reference like any other: it can be waived, and it must be there.
    let waiver = "waivers:\n  - {image: \"*/acme/worker:*\", reason: started by hand}\n";
    let (_, lock) = locked(&world, &format!("{text}{rules}{waiver}"));
    assert_eq!(verdicts(&lock, &world), ["acme/web:1.0 certain"]);
    let rules = rules.replace("{tag}", "9.9");
    let side = Connected::new(&format!("{text}{rules}"), &world.host());
    side.lock().status(4).stderr_has("/acme/worker:9.9").check();
}

#[test]
fn a_values_file_that_changed_after_locking_stops_the_build() {
    let (world, text) = shop(&["acme/web:1.0"], &[("templates/pod.yaml", POD)]);
    let text = format!("{text}    values: [env/prod.yaml]\n");
    let side = Connected::new(&text, &world.host()).key();
    side.room.write("env/prod.yaml", b"replicas: 2\n");
    side.lock().check();
    side.room.write("env/prod.yaml", b"replicas: 3\n");
    side.build()
        .arg("--locked")
        .status(3)
        .stdout("")
        .stderr(
            "
            error: platform.lock.json: env/prod.yaml changed after the inventory was locked
            hint: run `haversack lock platform.yaml` and look at what changed
            ",
        )
        .check();
    side.room.write("env/prod.yaml", b"replicas: 2\n");
    side.build().arg("--locked").check();
}

/// Random names, certificates and times are fixed: the lock is a function of the world.
#[test]
fn two_locks_of_one_world_are_byte_identical() {
    let random = "\
apiVersion: v1
kind: Secret
metadata: {name: {{ printf \"web-%s\" (randAlphaNum 8 | lower) }}}
stringData:
  at: {{ now | date \"2006-01-02T15:04:05\" | quote }}
  id: {{ uuidv4 }}
  cert: {{ (genSelfSignedCert \"web\" nil nil 10).Cert | b64enc }}
---
apiVersion: v1
kind: Pod
metadata: {name: by-chance}
spec:
  containers:
    - {name: web, image: \"REGISTRY/acme/{{ if lt (randInt 0 100) 50 }}low{{ else }}high{{ end }}:1.0\"}
";
    let images = ["acme/web:1.0", "acme/there:1.0", "acme/low:1.0", "acme/high:1.0"];
    let files = [TEXTS[0], TEXTS[1], ("templates/random.yaml", random)];
    let (world, text) = shop(&images, &files);
    let text = format!(
        "{text}clusters:\n  - {{name: a, kubeVersion: \"1.33\"}}\n  - {{name: b, kubeVersion: \"1.35\"}}\n"
    );
    let (one, _) = locked(&world, &text);
    for _ in 0..2 {
        let (other, _) = locked(&world, &text);
        assert_eq!(one.room.read("platform.lock.json"), other.room.read("platform.lock.json"));
    }
}
