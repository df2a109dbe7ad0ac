//! `haversack build` from outside: the same bytes every time, and a folder that plain tools open.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::connected::{Connected, names};
use crate::support::fault::on;
use crate::support::fixture::image::{ImageSpec, service};
use crate::support::job::run;
use crate::support::world::World;
use crate::support::{Dice, sha256_hex, tree};

/// Whether a program is there; says so where it is not.
pub(crate) fn have(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version");
    let there = command.output().is_ok_and(|output| output.status.success());
    if !there {
        #[expect(clippy::print_stderr, reason = "what was not looked at must be seen")]
        {
            eprintln!("not run: {program} is not installed");
        }
    }
    there
}

/// Fresh store or warm, one core or all, whoever answers late: one lock, one bundle.
#[test]
fn one_lock_gives_one_bundle() {
    let (world, proxy) = World::start_behind_proxy();
    let side = Connected::new(&world.inventory(), &proxy.host()).key();
    side.lock().check();
    side.build().check();
    let bundle = side.bundle();

    let late = side.copy();
    proxy.rule(on("GET", "/acme/web/").delay(Duration::from_millis(400)));
    proxy.rule(on("GET", "/blobs/").first(20).delay(Duration::from_millis(100)));
    late.build().check();
    tree::assert_same(&bundle, &late.bundle());
    proxy.heal();

    if have("taskset") {
        let single = side.copy();
        let mut command = Command::new("taskset");
        let build = single.build_command();
        command.args(["-c", "0"]).arg(build.get_program()).args(build.get_args());
        command.current_dir(single.room.path("")).env_clear();
        command.envs(build.get_envs().filter_map(|(name, value)| Some((name, value?))));
        run(command).succeeded();
        tree::assert_same(&bundle, &single.bundle());
    }

    // The store is warm now: into another folder, everything comes from there.
    let _ = proxy.take_log();
    side.build().arg("--bundles").arg("elsewhere/deep").check();
    let name = bundle.file_name().unwrap();
    tree::assert_same(&bundle, &side.room.path("elsewhere/deep").join(name));
    assert_eq!(proxy.log().lines(), "", "with a lock and a warm store nobody is asked");
}

#[test]
fn a_build_without_a_lock_locks_first() {
    let world = World::start();
    let (one, two) = (world.inventory(), world.host());
    let (direct, locked) = (Connected::new(&one, &two).key(), Connected::new(&one, &two));
    direct.build().check();
    locked.lock().check();
    assert_eq!(direct.room.read("platform.lock.json"), locked.room.read("platform.lock.json"),);
}

fn one_image(world: &World, version: &str) -> String {
    let host = world.face();
    format!("haversack: 1\nname: platform\nversion: {version}\nimages:\n  - {host}/acme/web:1.0\n")
}

#[test]
fn building_again_changes_nothing_and_says_so() {
    let world = World::empty();
    world.registry().push_image("acme/web", "1.0", &service("web"));
    let side = Connected::new(&one_image(&world, "1.4.0"), &world.host()).key();
    side.build()
        .stdout("bundles/platform-1.4.0: 1 image, 0 charts, 0 repos, 0 files, [SIZE]\n")
        .check();
    let before = tree::snapshot(&side.room.path("bundles"));
    side.build()
        .stdout("bundles/platform-1.4.0: 1 image, 0 charts, 0 repos, 0 files, [SIZE]\n")
        .stderr(
            "
            fetching 1 artifact
            packing 4 blobs
              bundles/platform-1.4.0 is there already, with the same contents
        ",
        )
        .check();
    assert_eq!(tree::snapshot(&side.room.path("bundles")), before);
}

#[test]
fn another_lock_never_replaces_a_bundle() {
    let world = World::empty();
    world.registry().push_image("acme/web", "1.0", &service("web"));
    let side = Connected::new(&one_image(&world, "1.4.0"), &world.host()).key();
    side.build().check();
    let before = tree::snapshot(&side.room.path("bundles"));
    world.registry().push_image("acme/web", "1.0", &service("another"));
    side.lock().check();
    side.build()
        .status(3)
        .stdout("")
        .stderr_has(
            "error: bundles/platform-1.4.0 exists with other contents: give this one another version\n",
        )
        .check();
    assert_eq!(tree::snapshot(&side.room.path("bundles")), before);
}

/// A world with one image that fills several small packs.
fn large(world: &World) -> (Connected, usize) {
    let mut dice = Dice::new(11);
    let noise: Vec<Vec<u8>> = (0..5).map(|_| dice.noise(600_000)).collect();
    let layers = noise.iter().fold(ImageSpec::new(), |spec, bytes| spec.layer(&[("data", bytes)]));
    world.registry().push_image("acme/web", "1.0", &layers.build());
    let side = Connected::new(&one_image(world, "1.4.0"), &world.face()).key();
    (side, noise.len())
}

#[test]
fn packs_end_at_the_part_size() {
    let world = World::empty();
    let (side, _) = large(&world);
    side.build().arg("--part-size").arg("1MiB").check();
    let bundle = side.bundle();
    let packs: Vec<String> =
        names(&bundle).into_iter().filter(|name| name.starts_with("pack-")).collect();
    let numbered: Vec<String> = (1..=packs.len()).map(|n| format!("pack-{n:04}.tar.zst")).collect();
    assert!(packs.len() >= 4, "{packs:?}");
    assert_eq!(packs, numbered);
    for pack in &packs {
        let size = bundle.join(pack).metadata().unwrap().len();
        assert!(size <= 1 << 20, "{pack}: {size} bytes");
    }
    for wrong in ["5GiB", "1KiB", "ten", "1MB2"] {
        side.build().arg("--part-size").arg(wrong).status(2).stderr_has("--part-size").check();
    }
}

/// `tar --zstd -xf` on every pack gives an OCI image layout with every blob and every artifact.
#[test]
fn tar_makes_an_image_layout_of_the_packs() {
    if !have("zstd") || !have("tar") {
        return;
    }
    let world = World::start();
    let side = Connected::new(&world.inventory(), &world.host()).key();
    side.build().check();
    let layout = open(&side);
    assert_eq!(names(&layout), ["blobs", "index.json", "oci-layout"]);
    let blobs = names(&layout.join("blobs/sha256"));
    for name in &blobs {
        let bytes = std::fs::read(layout.join("blobs/sha256").join(name)).unwrap();
        assert_eq!(&sha256_hex(&bytes), name);
    }
    let index: Value =
        serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    let named: BTreeSet<String> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["annotations"]["org.opencontainers.image.ref.name"].as_str())
        .map(str::to_owned)
        .collect();
    for image in side.locked().texts("images", "reference") {
        assert!(named.contains(&image), "{image} is not in {named:#?}");
    }
    // A reader of layouts finds signatures and referrers among the entry points, or not at all.
    let lock: Value = serde_json::from_str(&side.room.read("platform.lock.json")).unwrap();
    let images = lock["images"].as_array().unwrap();
    let attached: Vec<&Value> =
        images.iter().filter_map(|image| image["attachments"].as_array()).flatten().collect();
    assert_eq!(attached.len(), 3, "a signature and two referrers");
    for attachment in attached {
        let listed = index["manifests"].as_array().unwrap().iter();
        assert!(listed.map(|entry| &entry["digest"]).any(|digest| *digest == attachment["digest"]));
    }
    // All that the registry has below a tag is there, and equal by its name.
    for (repo, tag) in [("acme/web", "1.0"), ("library/docker", "1.0")] {
        for digest in world.registry().closure(repo, tag) {
            assert!(blobs.contains(&digest.replace("sha256:", "")), "{repo}: {digest}");
        }
    }
}

#[test]
fn skopeo_reads_the_layout() {
    if !have("zstd") || !have("tar") || !have("skopeo") {
        return;
    }
    let world = World::empty();
    let (side, layers) = large(&world);
    side.build().arg("--part-size").arg("1MiB").check();
    let layout = open(&side);
    let name = format!("oci:{}:{}/acme/web:1.0", layout.display(), world.host());
    let mut skopeo = Command::new("skopeo");
    skopeo.args(["inspect", "--raw", &name]);
    let raw = run(skopeo).succeeded().stdout;
    let digest = format!("sha256:{}", sha256_hex(&raw));
    assert_eq!(Some(digest), world.registry().digest("acme/web", "1.0"));
    let mut skopeo = Command::new("skopeo");
    let copy = format!("dir:{}", side.room.path("copy").display());
    skopeo.args(["--insecure-policy", "copy", "--quiet", "--preserve-digests", &name, &copy]);
    run(skopeo).succeeded();
    // The layers, the config, the manifest, and the word of what kind of folder it is.
    assert_eq!(names(&side.room.path("copy")).len(), layers + 3);
}

/// Unpacks all packs of the only bundle with `tar` and `zstd`.
fn open(side: &Connected) -> std::path::PathBuf {
    let layout = side.room.path("layout");
    std::fs::create_dir(&layout).unwrap();
    let bundle = side.bundle();
    for pack in names(&bundle).iter().filter(|name| name.ends_with(".tar.zst")) {
        untar(&bundle.join(pack), &layout);
    }
    layout
}

fn untar(pack: &Path, into: &Path) {
    let mut tar = Command::new("tar");
    tar.arg("--zstd").arg("-xf").arg(pack).arg("-C").arg(into);
    run(tar).succeeded();
}

#[test]
fn results_are_json_when_asked_for() {
    let world = World::empty();
    world.registry().push_image("acme/web", "1.0", &service("web"));
    let side = Connected::new(&one_image(&world, "1.4.0"), &world.host()).key();
    let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    let told = read(&side.lock().arg("--json").check().stdout);
    assert_eq!((&told["ok"], &told["images"]), (&true.into(), &1.into()));
    let told = read(&side.build().arg("--json").check().stdout);
    assert_eq!((&told["ok"], &told["bundle"]), (&true.into(), &"bundles/platform-1.4.0".into()));
    let sums = std::fs::read(side.bundle().join("SHA256SUMS")).unwrap();
    assert_eq!(told["digest"], format!("sha256:{}", sha256_hex(&sums)));
    let quiet = side.build().arg("--quiet").check();
    assert_eq!(quiet.err(), "");
}
