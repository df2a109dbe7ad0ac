//! `replay` from outside: what was outside stands inside, byte for byte, and a second replay only asks.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::carried::{Carried, Inside, not_run, program};
use crate::support::fault::log::Kind;
use crate::support::fixture::argo;
use crate::support::fixture::git::{ls_remote, run};
use crate::support::fixture::image::ImageSpec;
use crate::support::http;
use crate::support::job;
use crate::support::registry::Registry;
use crate::support::scenario::filter;

const ACCEPT: (&str, &str) = (
    "Accept",
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json",
);

/// Bytes and media type of an OCI manifest, as a client gets them.
fn manifest(base: &str, repo: &str, reference: &str) -> (String, Vec<u8>) {
    let url = format!("{base}/v2/{repo}/manifests/{reference}");
    let answer = http::request("GET", &url, &[ACCEPT], b"").expect(&[200]);
    (answer.header("content-type").unwrap_or_default().to_owned(), answer.body)
}

fn children(bytes: &[u8]) -> Vec<(String, String)> {
    let index: Value = serde_json::from_slice(bytes).unwrap();
    let children = index["manifests"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    children.map(|c| (text(&c["platform"]["architecture"]), text(&c["digest"]))).collect()
}

/// Everything below a reference, with its signatures and referrers, hashed byte by byte on both sides.
fn assert_equal_below(outside: &Registry, inside: &Registry, repo: (&str, &str), reference: &str) {
    let wanted = outside.closure(repo.0, reference);
    assert_eq!(inside.closure(repo.1, reference), wanted, "{} {reference}", repo.0);
    for subject in &wanted {
        let referrers = outside.referrers(repo.0, subject);
        assert_eq!(inside.referrers(repo.1, subject), referrers, "{} {subject}", repo.0);
        for referrer in referrers {
            assert_eq!(inside.closure(repo.1, &referrer), outside.closure(repo.0, &referrer));
        }
    }
}

#[test]
fn every_image_arrives_byte_for_byte() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.replay().check();
    let (outside, registry) = (carried.outside().registry(), inside.registry());
    for image in argo::IMAGES.into_iter().chain(["library/docker:1.0"]) {
        let (repo, tag) = image.split_once(':').unwrap();
        let to = format!("mirror/{}", carried.inside_name(repo));
        assert_equal_below(&outside, &registry, (repo, &to), tag);
        assert_eq!(registry.tags(&to), [tag], "{to}");
        assert_eq!(
            manifest(inside.world.url(), &to, tag),
            manifest(carried.outside().url(), repo, tag)
        );
    }
}

#[test]
fn an_index_keeps_its_bytes_its_signature_and_its_referrers() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.replay().check();
    let (outside, registry) = (carried.outside().registry(), inside.registry());
    let repo = "library/multi";
    let to = format!("mirror/{}", carried.inside_name(repo));
    // The index is carried as it is, though one of its platforms stays outside.
    let index = manifest(carried.outside().url(), repo, "2.0");
    assert_eq!(manifest(inside.world.url(), &to, "2.0"), index);
    let digest = outside.digest(repo, "2.0").unwrap();
    let signature = format!("{}.sig", digest.replace(':', "-"));
    assert_eq!(registry.tags(&to), ["2.0", signature.as_str()]);
    assert_equal_below(&outside, &registry, (repo, &to), &signature);
    assert_eq!(registry.referrers(&to, &digest), outside.referrers(repo, &digest));
    assert_eq!(registry.referrers(&to, &digest).len(), 1);
    for (architecture, child) in children(&index.1) {
        if architecture == "amd64" {
            assert_equal_below(&outside, &registry, (repo, &to), &child);
            assert_eq!(registry.referrers(&to, &child).len(), 1);
        } else {
            assert_eq!(registry.manifest(&to, &child), None, "{architecture} was not asked for");
        }
    }
}

#[test]
fn all_platforms_arrive_when_none_is_named() {
    let carried = Carried::fixtures();
    let inventory = format!(
        "haversack: 1\nname: platform\nimages:\n  - {}/library/multi:2.0\n",
        carried.outside().host()
    );
    let all = carried.build("2.0.0-all", &inventory);
    let inside = Inside::new(&carried);
    inside.carry(&all);
    inside.replay().check();
    let repo = "library/multi";
    let to = format!("mirror/{}", carried.inside_name(repo));
    let (outside, registry) = (carried.outside().registry(), inside.registry());
    assert_equal_below(&outside, &registry, (repo, &to), "2.0");
}

#[test]
fn an_image_with_a_layer_that_may_not_be_passed_on_arrives_without_it() {
    let carried = Carried::fixtures();
    let outside = carried.outside();
    let image =
        ImageSpec::new().layer(&[("bin/app", b"app\n")]).foreign_layer(b"not ours to give").build();
    outside.registry().push_blob("library/foreign", &image.config);
    outside.registry().push_blob("library/foreign", &image.layers[0]);
    outside.registry().push_manifest("library/foreign", "1.0", &image.manifest);
    let inventory = format!(
        "haversack: 1\nname: platform\nimages:\n  - {}/library/foreign:1.0\n",
        outside.host()
    );
    let inside = Inside::new(&carried);
    inside.carry(&carried.build("4.0.0-foreign", &inventory));
    inside.room.run(["verify", "bundle", "--trust", "trust", "--deep"]).check();
    inside.replay().check();
    let to = format!("mirror/{}", carried.inside_name("library/foreign"));
    assert_eq!(inside.registry().digest(&to, "1.0").as_deref(), Some(image.digest()));
    assert!(inside.registry().blob(&to, &image.layers[0].digest).is_some());
    assert_eq!(inside.registry().blob(&to, &image.layers[1].digest), None);
    inside.assert_settled();
}

#[test]
fn charts_and_files_arrive_byte_for_byte() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.replay().check();
    let registry = inside.registry();
    for (repo, tag, file, kind) in [
        ("files/charts/web", "1.2.0", "charts/web-1.2.0.tgz", HELM_CONFIG),
        ("files/charts/common", "0.3.1", "charts/common-0.3.1.tgz", HELM_CONFIG),
        ("files/crds.yaml", "83180127eb46", "crds.yaml", "application/vnd.oci.empty.v1+json"),
    ] {
        let to = format!("mirror/{}", carried.inside_name(repo));
        assert_eq!(registry.tags(&to), [tag]);
        let manifest: Value =
            serde_json::from_slice(&registry.manifest(&to, tag).unwrap()).unwrap();
        assert_eq!(manifest["config"]["mediaType"], kind, "{manifest:#}");
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
        let layer = manifest["layers"][0]["digest"].as_str().unwrap();
        let wanted = http::get(&carried.outside().file_url(file)).expect(&[200]).body;
        assert!(registry.blob(&to, layer) == Some(wanted), "{file} is not the same");
    }
}

const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";

#[test]
fn helm_pulls_what_was_carried() {
    let Some(helm) = program("helm") else {
        return not_run("helm_pulls_what_was_carried", "no helm on the PATH");
    };
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.replay().check();
    let chart =
        format!("oci://{}/mirror/{}", inside.world.host(), carried.inside_name("files/charts/web"));
    let mut pull: Command = inside.room.command_named(helm);
    pull.args(["pull", &chart, "--version", "1.2.0", "--plain-http"]);
    job::run(pull).succeeded();
    let wanted = http::get(&carried.outside().file_url("charts/web-1.2.0.tgz")).body;
    assert!(std::fs::read(inside.room.path("web-1.2.0.tgz")).unwrap() == wanted);
}

#[test]
fn repositories_arrive_with_equal_refs_and_whole_history() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.replay().check();
    for (repo, wanted) in [
        ("platform", vec!["HEAD", "refs/heads/main", "refs/tags/v1.0.0", "refs/tags/v1.1.0"]),
        ("values", vec!["HEAD", "refs/heads/main"]),
    ] {
        let url = inside.world.git_url("acme", repo);
        let refs = |text: &str| -> BTreeMap<String, String> {
            let pairs = text.lines().filter_map(|line| line.split_once('\t'));
            pairs.map(|(object, name)| (name.to_owned(), object.to_owned())).collect()
        };
        let outside = refs(&ls_remote(&carried.outside().git_url("acme", repo)));
        let inside_refs = refs(&ls_remote(&url));
        let names: Vec<&str> =
            inside_refs.keys().map(String::as_str).filter(|name| !name.ends_with("^{}")).collect();
        assert_eq!(names, wanted);
        for (name, object) in &inside_refs {
            assert_eq!(outside.get(name), Some(object), "{name}");
        }
        let symref = run(&inside.room.path(""), &["ls-remote", "--symref", &url, "HEAD"]);
        assert!(symref.starts_with("ref: refs/heads/main\tHEAD\n"), "{symref}");
        run(&inside.room.path(""), &["clone", "--quiet", "--mirror", &url, repo]);
        run(&inside.room.path(repo), &["fsck", "--full", "--strict"]);
        let count = |dir| run(dir, &["rev-list", "--count", "--all"]);
        let commits = if repo == "platform" { "42" } else { "1" };
        assert_eq!(count(&inside.room.path(repo)), commits);
    }
}

#[test]
fn inside_names_are_prefix_source_host_and_path() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.replay().check();
    let catalog = http::get(&format!("{}/v2/_catalog?n=100", inside.world.url())).expect(&[200]);
    let catalog: Value = serde_json::from_slice(&catalog.body).unwrap();
    let wanted: Vec<String> = [
        "acme/canary",
        "acme/debug",
        "acme/init",
        "acme/list",
        "acme/models",
        "acme/nightly",
        "acme/web",
        "files/charts/common",
        "files/charts/web",
        "files/crds.yaml",
        "library/docker",
        "library/multi",
    ]
    .map(|repo| format!("mirror/{}", carried.inside_name(repo)))
    .into();
    assert_eq!(catalog["repositories"], json!(wanted));
}

#[test]
fn a_replay_says_what_it_did() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let replay = ["replay", "bundle", "--site", "site.yaml", "--trust", "trust"];
    inside
        .room
        .run(replay)
        .stdout(
            "platform 1.0.0 replayed: 14 artifacts ([SIZE] in 28 blobs sent, 8 mounted, 0 there), \
             16 OCI manifests, 13 tags, 4 refs\nreceipt: receipt.json\n",
        )
        .stderr(
            "asking the site about 14 artifacts\nsending 28 blobs\nsending OCI manifests\n\
             pushing 3 refs to http://127.0.0.1:[PORT]/git/acme/platform.git\n\
             pushing 1 ref to http://127.0.0.1:[PORT]/git/acme/values.git\nsetting tags\n",
        )
        .check();
    inside
        .room
        .run(replay)
        .arg("--receipt")
        .arg("again.json")
        .stdout(
            "platform 1.0.0 replayed: 14 artifacts ([SIZE] in 0 blobs sent, 0 mounted, 0 there), \
             0 OCI manifests, 0 tags, 0 refs\nreceipt: again.json\n",
        )
        .stderr("asking the site about 14 artifacts\n")
        .check();
}

#[test]
fn a_plan_shows_what_would_happen_and_sends_nothing() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let plan = |wanted: &str| {
        inside.proxy.take_log();
        let ended = inside.replay().arg("--plan").stderr("").check();
        inside.proxy.log().assert_questions_only();
        let out = filter(&ended.out(), inside.room.room());
        // Columns are as wide as what is in them, which the ports decide.
        let out: Vec<String> =
            out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let dashed = carried.outside().host().replace(':', "-");
        assert_eq!(out.join("\n").replace(&dashed, "OUTSIDE") + "\n", wanted);
    };
    plan(PLAN_OF_EVERYTHING);
    assert!(!inside.room.path("receipt.json").exists());
    inside.replay().check();
    plan(PLAN_OF_NOTHING);
}

const PLAN_OF_EVERYTHING: &str = "\
image 127.0.0.1:[PORT]/acme/canary:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/acme/canary send 1 OCI manifest and up to [SIZE]
:1.0 new tag
image 127.0.0.1:[PORT]/acme/debug:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/acme/debug send 1 OCI manifest and up to [SIZE]
:1.0 new tag
image 127.0.0.1:[PORT]/acme/init:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/acme/init send 1 OCI manifest and up to [SIZE]
:1.0 new tag
image 127.0.0.1:[PORT]/acme/list:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/acme/list send 1 OCI manifest and up to [SIZE]
:1.0 new tag
image 127.0.0.1:[PORT]/acme/models:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/acme/models send 1 OCI manifest and up to [SIZE]
:1.0 new tag
image 127.0.0.1:[PORT]/acme/nightly:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/acme/nightly send 1 OCI manifest and up to [SIZE]
:1.0 new tag
image 127.0.0.1:[PORT]/acme/web:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/acme/web send 1 OCI manifest and up to [SIZE]
:1.0 new tag
image 127.0.0.1:[PORT]/library/docker:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/library/docker send 1 OCI manifest and up to [SIZE]
:1.0 new tag
image 127.0.0.1:[PORT]/library/multi:2.0 127.0.0.1:[PORT]/mirror/OUTSIDE/library/multi send 5 OCI manifests and up to [SIZE]
:2.0 new tag
:sha256-[DIGEST].sig new tag
chart http://127.0.0.1:[PORT]/files/charts/common:0.3.1 127.0.0.1:[PORT]/mirror/OUTSIDE/files/charts/common send 1 OCI manifest and up to [SIZE]
:0.3.1 new tag
chart http://127.0.0.1:[PORT]/files/charts/web:1.2.0 127.0.0.1:[PORT]/mirror/OUTSIDE/files/charts/web send 1 OCI manifest and up to [SIZE]
:1.2.0 new tag
file http://127.0.0.1:[PORT]/files/crds.yaml 127.0.0.1:[PORT]/mirror/OUTSIDE/files/crds.yaml send 1 OCI manifest and up to [SIZE]
:83180127eb46 new tag
repo http://127.0.0.1:[PORT]/git/acme/platform.git http://127.0.0.1:[PORT]/git/acme/platform.git 3 new, 0 forward, 0 the same, 0 DIVERGED
repo http://127.0.0.1:[PORT]/git/acme/values.git http://127.0.0.1:[PORT]/git/acme/values.git 1 new, 0 forward, 0 the same, 0 DIVERGED
Nothing was sent.
";
const PLAN_OF_NOTHING: &str = "\
image 127.0.0.1:[PORT]/acme/canary:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/acme/canary there
image 127.0.0.1:[PORT]/acme/debug:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/acme/debug there
image 127.0.0.1:[PORT]/acme/init:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/acme/init there
image 127.0.0.1:[PORT]/acme/list:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/acme/list there
image 127.0.0.1:[PORT]/acme/models:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/acme/models there
image 127.0.0.1:[PORT]/acme/nightly:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/acme/nightly there
image 127.0.0.1:[PORT]/acme/web:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/acme/web there
image 127.0.0.1:[PORT]/library/docker:1.0 127.0.0.1:[PORT]/mirror/OUTSIDE/library/docker there
image 127.0.0.1:[PORT]/library/multi:2.0 127.0.0.1:[PORT]/mirror/OUTSIDE/library/multi there
chart http://127.0.0.1:[PORT]/files/charts/common:0.3.1 127.0.0.1:[PORT]/mirror/OUTSIDE/files/charts/common there
chart http://127.0.0.1:[PORT]/files/charts/web:1.2.0 127.0.0.1:[PORT]/mirror/OUTSIDE/files/charts/web there
file http://127.0.0.1:[PORT]/files/crds.yaml 127.0.0.1:[PORT]/mirror/OUTSIDE/files/crds.yaml there
repo http://127.0.0.1:[PORT]/git/acme/platform.git http://127.0.0.1:[PORT]/git/acme/platform.git 0 new, 0 forward, 3 the same, 0 DIVERGED
repo http://127.0.0.1:[PORT]/git/acme/values.git http://127.0.0.1:[PORT]/git/acme/values.git 0 new, 0 forward, 1 the same, 0 DIVERGED
Nothing was sent.
";

#[test]
fn a_plan_as_json_names_every_object() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let ended = inside.replay().arg("--plan").arg("--json").stderr("").check();
    let answer: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(answer["ok"], true);
    let images = answer["plan"]["images"].as_array().unwrap();
    assert_eq!(images.len(), 12);
    let multi = images.iter().find(|i| i["id"].as_str().unwrap().contains("multi")).unwrap();
    let manifests = multi["manifests"].as_array().unwrap();
    assert_eq!(manifests.len(), 5, "{multi:#}");
    assert!(manifests.iter().all(|m| m["state"] == "absent"), "{multi:#}");
    assert_eq!(manifests.iter().filter(|m| m["sparse"] == true).count(), 1, "{multi:#}");
    assert_eq!(manifests.iter().filter(|m| m["subject"].is_string()).count(), 2, "{multi:#}");
    let repos = answer["plan"]["repos"].as_array().unwrap();
    assert_eq!(repos[0]["path"], "acme/platform");
    assert_eq!(repos[0]["refs"][0]["state"], "new");
}

#[test]
fn a_second_replay_asks_once_for_each_oci_manifest_and_repository() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.replay().check();
    inside.proxy.take_log();
    inside.replay().check();
    let log = inside.proxy.log();
    log.assert_questions_only();
    // 16 OCI manifests, 2 repositories.
    assert!(log.0.len() <= 18, "{} requests\n{}", log.0.len(), log.lines());
    assert_eq!(log.count("GET", Kind::GitRefs), 2, "{}", log.lines());
    assert_eq!(log.count("HEAD", Kind::Blob), 0, "{}", log.lines());
}

#[test]
fn nothing_is_sent_twice() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.replay().check();
    let log = inside.proxy.log();
    let mut puts: Vec<&str> = log
        .0
        .iter()
        .filter(|seen| seen.method == "PUT" && seen.kind == Kind::Manifest)
        .map(|seen| seen.path.as_str())
        .collect();
    let all = puts.len();
    puts.sort_unstable();
    puts.dedup();
    assert_eq!(puts.len(), all, "an OCI manifest was put twice\n{}", log.lines());
    let blobs: u64 = log.0.iter().filter(|s| s.kind == Kind::Upload).map(|s| s.body_bytes).sum();
    assert_eq!(blobs, inside.receipt()["totals"]["bytesSent"].as_u64().unwrap());
    // Tags come after everything else.
    let is_tag = |path: &str| !path.contains("/manifests/sha256:");
    let writes: Vec<_> = log.writes().into_iter().collect();
    let first = writes
        .iter()
        .position(|seen| seen.kind == Kind::Manifest && is_tag(&seen.path))
        .expect("a tag");
    let late = writes[first..].iter().find(|s| s.kind != Kind::Manifest || !is_tag(&s.path));
    assert!(late.is_none(), "{} {} after a tag", late.unwrap().method, late.unwrap().path);
}

#[test]
fn the_receipt_says_what_stands_where() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.replay().check();
    let receipt = inside.receipt();
    assert_eq!(receipt["format"], "haversack-receipt/1");
    assert_eq!((&receipt["name"], &receipt["version"]), (&json!("platform"), &json!("1.0.0")));
    assert_eq!(receipt["key"], carried.key());
    assert_eq!(receipt["registry"], inside.proxy.url());
    assert_eq!(receipt["git"], format!("{}/git", inside.proxy.url()));
    assert_eq!(receipt["warnings"], json!([]));
    assert_eq!(
        receipt["totals"],
        json!({
            "blobsSent": 28, "blobsMounted": 8, "blobsAlready": 0,
            "bytesSent": receipt["totals"]["bytesSent"],
            "manifestsSent": 16, "tagsSet": 13, "refsSet": 4,
        })
    );
    let images = receipt["images"].as_array().unwrap();
    assert_eq!(images.len(), 12);
    for image in images {
        assert_eq!(image["changed"], true);
        let (_, repo) = image["inside"].as_str().unwrap().split_once('/').unwrap();
        for tag in image["tags"].as_array().unwrap() {
            let digest = inside.registry().digest(repo, tag["tag"].as_str().unwrap());
            assert_eq!(tag["digest"], json!(digest), "{image:#}");
        }
        assert_eq!(image["tags"][0]["digest"], image["digest"], "{image:#}");
    }
    let repos = receipt["repos"].as_array().unwrap();
    for repo in repos {
        let refs = ls_remote(repo["inside"].as_str().unwrap());
        for r in repo["refs"].as_array().unwrap() {
            let line =
                format!("{}\t{}", r["object"].as_str().unwrap(), r["name"].as_str().unwrap());
            assert!(refs.contains(&line), "{line}\n{refs}");
        }
    }
    inside.replay().check();
    let again = inside.receipt();
    assert!(again["images"].as_array().unwrap().iter().all(|image| image["changed"] == false));
    assert!(again["repos"].as_array().unwrap().iter().all(|repo| repo["changed"] == false));
    assert_eq!(again["totals"]["bytesSent"], 0);
}

#[test]
fn a_receipt_that_cannot_be_written_is_said_and_the_replay_stands() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside
        .replay()
        .arg("--receipt")
        .arg("nowhere/receipt.json")
        .status(2)
        .stdout("")
        .stderr_has("error: nowhere: no such folder")
        .check();
    inside.assert_settled();
}

#[test]
fn the_outside_is_not_needed() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.replay().check();
    // Every request went to the site: nothing else is in the log of its proxy, and the plan lists no other host.
    let hosts: Vec<String> = inside
        .proxy
        .log()
        .0
        .iter()
        .filter_map(|seen| seen.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("host")))
        .map(|(_, host)| host.clone())
        .collect();
    assert!(hosts.iter().all(|host| *host == inside.proxy.host()), "{hosts:?}");
}

#[test]
fn a_machine_without_certificate_authorities_will_do() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let bare = inside.replay().env("SSL_CERT_FILE", "/none").env("SSL_CERT_DIR", "/none");
    bare.stdout_has("14 artifacts").check();
}
