//! `replay` into a registry that other people wrote: CNCF distribution as Debian packages it, looked at with skopeo.
//!
//! It knows no referrers API and refuses an index of which platforms are missing, which is what makes it worth the trouble.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::carried::{Carried, Inside, not_run, program};
use crate::support::fault::FaultProxy;
use crate::support::fixture::argo;
use crate::support::job;
use crate::support::registry::Registry;

/// A distribution on a free port; it ends with the test.
struct Distribution {
    child: Child,
    host: String,
    _dir: tempfile::TempDir,
}

impl Drop for Distribution {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Distribution {
    /// Starts one; nothing, said aloud, when it is not installed.
    fn start(test: &str) -> Option<Self> {
        let Some(registry) = program("docker-registry") else {
            not_run(test, "no docker-registry on the PATH");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {}/data}}\n\
             http: {{addr: \"127.0.0.1:0\"}}\n",
            dir.path().display()
        );
        let file = dir.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let mut child = Command::new(registry)
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let host = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let after = line.split_once("listening on ")?.1;
            Some(after.split([',', '"', ' ']).next().unwrap_or(after).to_owned())
        });
        // Somebody has to read on, or the registry stops when the pipe is full.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Some(Self { child, host: host.expect("docker-registry does not start"), _dir: dir })
    }

    fn registry(&self) -> Registry {
        Registry::at(&format!("http://{}", self.host))
    }
}

/// A site of this registry, behind a proxy that keeps a log, and our own git server.
fn site(inside: &Inside, target: &Distribution) -> FaultProxy {
    let proxy = FaultProxy::before(&format!("http://{}", target.host));
    let text = format!(
        "haversack: 1\nregistry:\n  url: {}\n  prefix: mirror\ngit:\n  url: {}/git\n",
        proxy.url(),
        inside.proxy.url()
    );
    inside.room.write("site.yaml", text.as_bytes());
    proxy
}

#[test]
fn distribution_takes_everything_and_a_second_replay_only_asks() {
    let Some(target) = Distribution::start("distribution_takes_everything") else { return };
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let proxy = site(&inside, &target);
    let ended = inside.replay().stderr("").check();
    let (outside, registry) = (carried.outside().registry(), target.registry());
    for image in argo::IMAGES.into_iter().chain(["library/docker:1.0"]) {
        let (repo, tag) = image.split_once(':').unwrap();
        let to = format!("mirror/{}", carried.inside_name(repo));
        assert_eq!(registry.closure(&to, tag), outside.closure(repo, tag), "{repo}");
        assert_eq!(registry.manifest(&to, tag), outside.manifest(repo, tag), "{repo}");
        assert_eq!(registry.tags(&to), [tag]);
    }
    for (repo, tag) in [("files/charts/web", "1.2.0"), ("files/crds.yaml", "83180127eb46")] {
        registry.closure(&format!("mirror/{}", carried.inside_name(repo)), tag);
    }
    // The sparse index is refused, so its tag names the platform that was carried.
    let repo = "library/multi";
    let to = format!("mirror/{}", carried.inside_name(repo));
    let index = outside.manifest(repo, "2.0").unwrap();
    let index_digest = outside.digest(repo, "2.0").unwrap();
    let parsed: Value = serde_json::from_slice(&index).unwrap();
    let child = parsed["manifests"][0]["digest"].as_str().unwrap();
    assert_eq!(registry.digest(&to, "2.0").as_deref(), Some(child));
    assert_eq!(registry.closure(&to, "2.0"), outside.closure(repo, child));
    assert!(ended.out().contains("warning: image:"), "{}", ended.out());
    // Signatures and referrers are there, listed by tag.
    let signature = format!("{}.sig", index_digest.replace(':', "-"));
    assert_eq!(registry.closure(&to, &signature), outside.closure(repo, &signature));
    for subject in [index_digest.as_str(), child] {
        let referrers = outside.referrers(repo, subject);
        assert_eq!(registry.referrers(&to, subject), referrers, "{subject}");
        assert_eq!(registry.closure(&to, &referrers[0]), outside.closure(repo, &referrers[0]));
    }

    proxy.take_log();
    let again = inside.replay().check();
    let log = proxy.take_log();
    log.assert_questions_only();
    // 16 OCI manifests, two lists of referrers, and one question that finds out that there is no API.
    assert!(log.0.len() <= 19, "{} requests\n{}", log.0.len(), log.lines());
    assert!(again.out().contains(" 0 OCI manifests, 0 tags, 0 refs"), "{}", again.out());
    assert_eq!(inside.receipt()["warnings"].as_array().unwrap().len(), 1);
}

#[test]
fn distribution_takes_a_whole_index() {
    let Some(target) = Distribution::start("distribution_takes_a_whole_index") else { return };
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let inventory = format!(
        "haversack: 1\nname: platform\nimages:\n  - {}/library/multi:2.0\n",
        carried.outside().host()
    );
    inside.carry(&carried.build("2.0.0-distribution", &inventory));
    let _proxy = site(&inside, &target);
    inside.replay().check();
    let to = format!("mirror/{}", carried.inside_name("library/multi"));
    let outside = carried.outside().registry();
    assert_eq!(target.registry().closure(&to, "2.0"), outside.closure("library/multi", "2.0"));
    assert_eq!(inside.receipt()["warnings"], json!([]));
}

#[test]
fn distribution_is_replayed_into_after_a_crash_at_any_oci_manifest() {
    let Some(target) = Distribution::start("distribution_after_a_crash") else { return };
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let _proxy = site(&inside, &target);
    let mut crashes = 0;
    while crate::support::kill::at_point("manifest-sent", 2, inside.command()) {
        crashes += 1;
        assert!(crashes < 20, "no progress");
    }
    assert!(crashes >= 2, "{crashes} crashes");
    let (outside, registry) = (carried.outside().registry(), target.registry());
    let to = format!("mirror/{}", carried.inside_name("library/multi"));
    let index = outside.digest("library/multi", "2.0").unwrap();
    assert_eq!(registry.referrers(&to, &index), outside.referrers("library/multi", &index));
}

#[test]
fn skopeo_reads_what_was_replayed() {
    let Some(skopeo) = program("skopeo") else {
        return not_run("skopeo_reads_what_was_replayed", "no skopeo on the PATH");
    };
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.replay().check();
    let mut targets = vec![inside.world.host()];
    let distribution = Distribution::start("skopeo_reads_from_distribution");
    if let Some(target) = &distribution {
        let _proxy = site(&inside, target);
        inside.replay().check();
        targets.push(target.host.clone());
    }
    let outside = carried.outside().registry();
    for (n, host) in targets.iter().enumerate() {
        let from = format!("docker://{host}/mirror/{}:1.0", carried.inside_name("library/docker"));
        let mut inspect = inside.room.command_named(&skopeo);
        inspect.args(["inspect", "--tls-verify=false", &from]);
        let said: Value = serde_json::from_slice(&job::run(inspect).succeeded().stdout).unwrap();
        assert_eq!(said["Digest"], json!(outside.digest("library/docker", "1.0")));
        for repo in ["acme/web", "library/docker"] {
            let from = format!("docker://{host}/mirror/{}:1.0", carried.inside_name(repo));
            let to = format!("dir:{n}-{}", repo.replace('/', "-"));
            let mut copy = inside.room.command_named(&skopeo);
            copy.args(["--insecure-policy", "copy", "--quiet", "--preserve-digests"]);
            copy.args(["--src-tls-verify=false", &from, &to]);
            job::run(copy).succeeded();
            let copied = std::fs::read(inside.room.path(&to[4..]).join("manifest.json")).unwrap();
            assert!(Some(copied) == outside.manifest(repo, "1.0"), "{host} {repo}");
        }
    }
}
