//! The inventory from outside: what is read, and every problem at once.

use std::collections::BTreeSet;

use crate::inventory::reader::{Keys, nearest};
use crate::inventory::{
    Inventory, InventoryFile, Waived, check, releases, schema, starter, waivers,
};
use crate::limits;

const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn problems(text: &str) -> Vec<String> {
    let found = Inventory::parse("platform.yaml", text.as_bytes()).expect_err("problems");
    assert_eq!(found.to_string().lines().count(), found.0.len(), "one line each: {found}");
    found.to_string().lines().map(str::to_owned).collect()
}

/// The problems of a sound inventory with one more line at its end.
fn with(line: &str) -> String {
    problems(&format!("haversack: 1\nname: x\nimages: [a/b:1]\n{line}\n")).join("\n")
}

#[test]
fn reads_a_whole_inventory() {
    let text = format!(
        r#"haversack: 1
name: platform
version: 1.4.0
platforms: [linux/amd64, linux/arm64]
charts:
  - chart: argo-cd
    repo: https://argoproj.github.io/argo-helm/
    version: 10.1.1
    values: [./values/argo-cd.yaml]
  - {{ chart: podinfo, repo: "oci://ghcr.io/stefanprodan/charts", version: ^6.9 }}
images:
  - quay.io/argoproj/argoexec:v4.0.6
  - nginx
repos:
  - url: git@git.example.com:acme/platform.git
    refs: [main, "v1.*"]
apps:
  - repo: https://git.example.com/acme/platform
    path: argocd/root/
files:
  - url: https://example.com/crds.yaml
    sha256: {HEX}
clusters:
  - name: in-cluster
    labels: {{ env: prod }}
    kubeVersion: "1.30"
"#
    );
    let inventory = Inventory::parse("/some/folder/platform.yaml", text.as_bytes()).expect("sound");
    assert_eq!(inventory.file, "platform.yaml");
    assert_eq!(inventory.version.as_ref().map(ToString::to_string).as_deref(), Some("1.4.0"));
    assert_eq!(inventory.platforms.len(), 2);
    let chart = &inventory.charts[0];
    assert_eq!((chart.place.as_str(), chart.field.as_str()), ("platform.yaml:6", "charts[0]"));
    assert_eq!(chart.value.repo.to_string(), "https://argoproj.github.io/argo-helm");
    assert_eq!(chart.value.values, ["values/argo-cd.yaml"]);
    assert_eq!(inventory.charts[1].value.version.text(), "^6.9");
    assert_eq!(inventory.images[1].value.to_string(), "docker.io/library/nginx:latest");
    assert_eq!(inventory.images[1].place, "platform.yaml:13");
    assert_eq!(inventory.repos[0].value.refs[1].as_str(), "v1.*");
    let app = &inventory.apps[0].value;
    assert_eq!((app.revision.as_str(), app.path.as_str()), ("HEAD", "argocd/root"));
    assert_eq!(inventory.files[0].value.digest.hex(), HEX);
    assert_eq!(inventory.clusters[0].kube_version.as_deref(), Some("1.30"));
    assert_eq!(inventory.digest, crate::artifact::Digest::of(text.as_bytes()));
}

#[test]
fn reads_how_charts_are_rendered_and_what_is_waived() {
    let text = "haversack: 1
name: x
charts:
  - chart: Web_App
    repo: https://h/charts
    version: 1.0.0
  - chart: web
    repo: https://h/charts
    version: 1.0.0
    release: shop
    namespace: shop-prod
    valuesObject: { replicas: 2, image: { tag: null }, on: yes }
    cluster: prod
    placeholders: true
clusters: [{ name: prod }]
waivers:
  - { image: 'docker.io/a/*', place: 'web/templates/*', reason: never runs }
  - { place: 'web/templates/tests/*', reason: only tests }
";
    let inventory = Inventory::parse("x.yaml", text.as_bytes()).expect("sound");
    let plain = &inventory.charts[0].value;
    assert_eq!((plain.release.as_str(), plain.namespace.as_str()), ("web-app", "default"));
    assert!(plain.cluster.is_none() && !plain.placeholders && plain.values_object.is_none());
    let full = &inventory.charts[1].value;
    assert_eq!((full.release.as_str(), full.namespace.as_str()), ("shop", "shop-prod"));
    let values = r#"{"image":{"tag":null},"on":"yes","replicas":2}"#;
    assert_eq!(full.values_object.as_deref(), Some(values));
    assert_eq!((full.cluster.as_deref(), full.placeholders), (Some("prod"), true));
    assert_eq!(inventory.waivers[0].what, Waived::Image("docker.io/a/*".to_owned()));
    assert_eq!(inventory.waivers[1].what, Waived::Anything);
}

#[test]
fn refuses_releases_and_waivers_that_mean_nothing() {
    let chart = |line: &str| {
        with(&format!(
            "charts:\n  - chart: web\n    repo: https://h/c\n    version: 1.0.0\n    {line}"
        ))
    };
    for (line, problem) in [
        ("release: Web", "charts[0].release: \"Web\" is not the name of a release"),
        ("namespace: a.b", "charts[0].namespace: \"a.b\" is not the name of a namespace"),
        ("valuesObject: [a]", "charts[0].valuesObject: must be a mapping, not a list"),
        (
            "cluster: prod",
            "charts[0].cluster: there is no cluster named \"prod\"; list it under clusters:",
        ),
        ("placeholders: maybe", "charts[0].placeholders: must be true or false, not a text"),
    ] {
        let found = chart(line);
        assert!(found.ends_with(problem), "{line}: {found}");
    }
    let waiver = |entry: &str| with(&format!("waivers:\n  - {entry}"));
    assert!(waiver("{ image: a }").ends_with("waivers[0].reason: missing"));
    for entry in ["{ reason: x }", "{ image: a, file: b, reason: x }"] {
        let found = waiver(entry);
        assert!(found.contains("give one of image, file and opaque, or a place alone"), "{found}");
    }
}

#[test]
fn reports_all_problems_at_once_with_places() {
    let text = "haversack: 2
nam: x
platforms: [linux, linux/amd64, linux/amd64]
charts:
  - chart: argo-cd
    repo: https://user:hunter2@h/charts
    verion: 1.0.0
  - not a mapping
images: {a: b}
clusters:
  - name: c
    labels: { on: true }
    kubeVersion: 1.34
";
    assert_eq!(
        problems(text),
        [
            "platform.yaml:1:1: name: missing",
            "platform.yaml:1:12: haversack: must be 1, the format that this haversack reads",
            "platform.yaml:2:1: nam: unknown key; did you mean \"name\"?",
            "platform.yaml:3:13: platforms[0]: platform \"linux\" is not OS/ARCH or OS/ARCH/VARIANT, \
             for example linux/amd64 or linux/arm/v7",
            "platform.yaml:3:33: platforms[2]: the same as in line 3",
            "platform.yaml:5:5: charts[0].version: missing",
            "platform.yaml:6:11: charts[0].repo: the URL holds credentials; take user and password out of \
             the URL; use a credential helper or docker config",
            "platform.yaml:7:5: charts[0].verion: unknown key; did you mean \"version\"?",
            "platform.yaml:8:5: charts[1]: must be a mapping, not a text",
            "platform.yaml:9:9: images: must be a list, not a mapping",
            "platform.yaml:12:19: clusters[0].labels[\"on\"]: must be a text, not true or false; put it in quotes",
            "platform.yaml:13:18: clusters[0].kubeVersion: must be a text, not a number; put it in quotes",
        ]
    );
}

#[test]
fn refuses_what_could_not_be_fetched_or_would_be_dangerous() {
    for (line, words) in [
        ("files: [{url: 'file:///etc/passwd', sha256: x}]", "local path"),
        ("files: [{url: 'https://h/x', sha256: 12}]", "files[0].sha256: must be a text"),
        ("files: [{url: 'https://h/x?token=s3cr3t', sha256: x}]", "credentials"),
        ("repos: [{url: 'ext::sh -c x', refs: [a]}]", "not a URL"),
        ("repos: [{url: /srv/x, refs: [a]}]", "local path"),
        ("repos: [{url: 'https://h/x', refs: []}]", "no ref is asked for"),
        ("repos: [{url: 'https://h/x', refs: [--upload-pack=x]}]", "not a name of a git ref"),
        ("repos: [{url: 'https://h/x', refs: [a, a]}]", "the same as in line 4"),
        ("apps: [{repo: 'https://h/x', path: ../y}]", "leaves the folder"),
        ("apps: [{repo: 'https://h/x', path: y, revision: 'v*'}]", "not the name of a branch"),
        ("charts: [{chart: a/b, repo: 'https://h', version: '1'}]", "not the name of a chart"),
        ("charts: [{chart: a, repo: 'https://h', version: latest}]", "range of versions"),
        ("charts: [{chart: a, repo: 'https://h', version: 1.10}]", "put it in quotes"),
        ("charts: [{chart: a, repo: 'https://h', version: '1', values: [/etc/x]}]", "leaves"),
        ("charts: [{chart: A, repo: 'oci://h/x', version: '1'}]", "not a repository"),
        ("charts: [{chart: a, repo: 's3://h/x', version: '1'}]", "scheme \"s3\" is not one of"),
        ("clusters: [{name: a}, {name: a}]", "clusters[1]: the same as in line 4"),
        ("clusters: [{name: a, apiVersions: ['a b']}]", "not an API version"),
        ("version: ../../x", "version: name"),
        ("platforms: linux/amd64", "must be a list"),
    ] {
        let found = with(line);
        assert!(found.contains(words), "{line}: {found}");
        assert!(!found.contains("s3cr3t"), "{found}");
    }
}

#[test]
fn a_repository_with_and_without_git_at_its_end_is_no_duplicate() {
    let text = "haversack: 1\nname: x\nrepos: [{url: 'https://h/x', refs: [a]}, {url: 'https://h/x.git', refs: [a]}]";
    assert!(Inventory::parse("x.yaml", text.as_bytes()).is_ok());
}

#[test]
fn unreadable_files_are_one_problem() {
    assert_eq!(
        problems("haversack: 1\nname: a\nname: b\n")[0].split(": ").next(),
        Some("platform.yaml:3:1")
    );
    assert!(problems("")[0].contains("must be a mapping, not nothing"));
    assert!(problems("haversack: 1\nname: x\n")[0].contains("nothing is asked for"));
    assert!(problems("a: [")[0].starts_with("platform.yaml:"));
    let latin = Inventory::parse("x.yaml", b"a: 1\nb: \xff\n").expect_err("latin 1");
    assert_eq!(latin.to_string(), "x.yaml:2:1: not UTF-8 text");
    let large = vec![b'#'; limits::USER_FILE_BYTES_MAX as usize + 1];
    assert_eq!(
        Inventory::parse("x.yaml", &large).expect_err("large").to_string(),
        "x.yaml: larger than 4194304 bytes"
    );
    let many = format!("haversack: 1\nname: x\nimages: [{}]", "1, ".repeat(5000));
    assert_eq!(problems(&many).len(), limits::PROBLEMS_MAX);
}

#[test]
fn finds_the_nearest_name() {
    let known = ["version", "values", "chart", "repo"];
    assert_eq!(nearest("verison", &known), Some("version"));
    assert_eq!(nearest("Chart", &known), Some("chart"));
    assert_eq!(nearest("whatever", &known), None);
}

#[test]
fn the_starter_is_sound_for_any_name() {
    for (name, becomes) in
        [("edge", "edge"), ("my platform!", "my-platform-"), ("", "platform"), ("42", "42")]
    {
        let text = starter(name);
        let inventory = Inventory::parse("x.yaml", text.as_bytes()).expect("sound");
        assert_eq!(inventory.name.as_str(), becomes);
        serde_saphyr::from_str::<InventoryFile>(&text).expect("both readers agree");
        // What is commented out is sound as well.
        let live = text
            .replace("\n# repos", "\nrepos")
            .replace("\n# apps", "\napps")
            .replace("\n# files", "\nfiles");
        let live = live
            .replace("\n#   ", "\n  ")
            .replace("# values:", "values:")
            .replace("# version:", "version:");
        let inventory = Inventory::parse("x.yaml", live.as_bytes()).expect("sound");
        assert!(
            !inventory.repos.is_empty()
                && !inventory.apps.is_empty()
                && !inventory.files.is_empty()
        );
        assert!(text.lines().all(|line| line.len() <= 120), "fits a screen");
    }
}

#[test]
fn the_schema_and_the_check_know_the_same_keys() {
    let schema = schema();
    let set = |value: &serde_json::Value| -> BTreeSet<String> {
        let names = value.as_array().into_iter().flatten();
        names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let compare = |shape: &serde_json::Value, keys: &Keys| {
        let properties = shape["properties"].as_object().expect("properties");
        let written: BTreeSet<String> = properties.keys().cloned().collect();
        let known = keys.required.iter().chain(keys.optional).map(|k| (*k).to_owned());
        assert_eq!(written, known.collect());
        assert_eq!(
            set(&shape["required"]),
            keys.required.iter().map(|k| (*k).to_owned()).collect()
        );
        assert_eq!(shape["additionalProperties"], serde_json::Value::Bool(false));
    };
    compare(&schema, &check::ROOT);
    for (name, keys) in [
        ("ChartEntry", releases::CHART),
        ("RepoEntry", check::REPO),
        ("AppEntry", check::APP),
        ("FileEntry", check::FILE),
        ("ClusterEntry", check::CLUSTER),
        ("WaiverEntry", waivers::WAIVER),
    ] {
        compare(&schema["$defs"][name], &keys);
    }
}

/// Rules are read by the knowledge base; its own words say which keys it knows.
#[test]
fn the_schema_and_the_knowledge_base_know_the_same_keys() {
    let schema = schema();
    for (name, rule) in [
        ("RuleEntry", "{ odd: 1 }"),
        ("RuleWhen", "{ id: a, when: { odd: 1 } }"),
        ("RuleWith", "{ id: a, when: { image: a }, with: { odd: 1 } }"),
        ("RuleUnless", "{ id: a, when: { image: a }, unless: [{ odd: 1 }] }"),
        ("RuleChooses", "{ id: a, when: { image: a }, chooses: { odd: 1 } }"),
    ] {
        let found = with(&format!("rules: [{rule}]"));
        let (_, known) = found.split_once("known are ").expect(name);
        let known: BTreeSet<&str> = known.trim_end().split(", ").collect();
        let shape = &schema["$defs"][name];
        let properties = shape["properties"].as_object().expect(name);
        let written: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(written, known, "{name}");
        assert_eq!(shape["additionalProperties"], serde_json::Value::Bool(false));
    }
}

#[test]
fn rules_of_a_person_are_read_by_both_readers() {
    let text = "haversack: 1
name: x
images: [a/b:1]
rules:
  - id: acme/worker
    what: the workers that the operator starts
    when: { image: '*/acme/operator' }
    unless: [{ argument: --worker-image }, { kind: Worker, apiGroup: acme.io }]
    implies: ['{parent}/worker:{tag}']
  - id: acme/store
    when: { kind: Store, apiGroup: acme.io, missing: spec.image }
    with: { image: '*/acme/operator' }
    implies: 'quay.io/acme/store:{spec.version|table.store}'
    table: { '2.0.0': { store: v7 } }
";
    let inventory = Inventory::parse("x.yaml", text.as_bytes()).expect("sound");
    let ids: Vec<&str> = inventory.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["acme/worker", "acme/store"]);
    let file: InventoryFile = serde_saphyr::from_str(text).expect("both readers agree");
    assert_eq!(file.rules.len(), 2);
    let rule = "{ id: a, when: { image: x }, implies: y }";
    let found = with(&format!("rules: [{rule}, {rule}]"));
    assert!(found.ends_with("rules[1]: the same as in line 4"), "{found}");
}
