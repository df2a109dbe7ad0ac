//! The store is only believed as far as its bytes are what their names say.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::connected::{Connected, names};
use crate::support::fixture::chart::ChartSpec;
use crate::support::fixture::git::History;
use crate::support::fixture::image::{chart_artifact, service};
use crate::support::tree;
use crate::support::world::World;

/// One of every kind.
fn one_of_each(world: &World) -> Connected {
    let (host, registry) = (world.face(), world.registry());
    registry.push_image("acme/web", "1.0", &service("web"));
    let chart = ChartSpec::new("web", "1.0.0").build();
    registry.push_image("charts/web", "1.0.0", &chart_artifact(&chart.config_json(), &chart.tgz));
    world.publish_charts("charts", &[&ChartSpec::new("db", "2.0.0").build()]);
    world.publish_repo("acme", "app", History::new().many("main", 5));
    world.write_file("crds.yaml", b"kind: CustomResourceDefinition\n");
    let sum = crate::support::sha256_hex(b"kind: CustomResourceDefinition\n");
    let inventory = format!(
        "haversack: 1\nname: platform\nversion: 1.0.0\nimages:\n  - {host}/acme/web:1.0\ncharts:\n  \
         - {{chart: web, repo: \"oci://{host}/charts\", version: 1.0.0}}\n  \
         - {{chart: db, repo: \"http://{host}/files/charts\", version: \"*\"}}\nrepos:\n  \
         - {{url: \"http://{host}/git/acme/app.git\", refs: [main]}}\nfiles:\n  \
         - url: http://{host}/files/crds.yaml\n    sha256: {sum}\n"
    );
    Connected::new(&inventory, &host).key()
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    // Blobs may be read-only, and are replaced, never changed in place.
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

fn shorten(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::remove_file(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

/// Every blob in turn with one bit turned: no bundle is ever made of it, and the next run at the latest heals it.
#[test]
fn a_damaged_blob_is_named_dropped_and_fetched_again() {
    let world = World::empty();
    let side = one_of_each(&world);
    side.lock().check();
    side.build().check();
    let mut told = 0;
    for blob in blobs(&side) {
        flip(&blob);
        let mut command = side.build_command();
        command.args(["--bundles", "again", "--locked"]);
        let first = Connected::end(command);
        if !first.status.success() {
            told += 1;
            assert_eq!(first.status.code(), Some(6), "{}", first.both());
            let name = blob.file_name().unwrap().to_string_lossy().into_owned();
            let error = format!("error: blob sha256:{name} is damaged where it is kept: ");
            let hint = "hint: it was dropped from the store: run the same command again to fetch \
                        it anew\n";
            assert!(first.err().contains(&error), "{}", first.both());
            assert!(first.err().ends_with(hint), "{}", first.both());
            assert_eq!(names(&side.room.path("again")), [""; 0]);
            side.build().arg("--bundles").arg("again").arg("--locked").check();
        }
        same(&side);
    }
    assert!(told > 0, "at least a layer is read by nobody before it is packed");
}

/// A blob of the wrong size is as good as none.
#[test]
fn blobs_cut_short_are_fetched_again() {
    let world = World::empty();
    let side = one_of_each(&world);
    side.lock().check();
    side.build().check();
    blobs(&side).iter().for_each(|blob| shorten(blob));
    side.build().arg("--bundles").arg("again").arg("--locked").check();
    same(&side);
}

fn blobs(side: &Connected) -> Vec<PathBuf> {
    let folder = side.store().join("blobs/sha256");
    names(&folder).into_iter().map(|name| folder.join(name)).collect()
}

/// The second bundle is the first one; then it is removed.
#[track_caller]
fn same(side: &Connected) {
    let bundle = side.bundle();
    let again = side.room.path("again");
    tree::assert_same(&bundle, &again.join(bundle.file_name().unwrap()));
    fs::remove_dir_all(again).unwrap();
}

/// Locking reads charts and documents: damage there is healed on the spot.
#[test]
fn locking_again_heals_what_it_reads() {
    let world = World::empty();
    let side = one_of_each(&world);
    side.lock().check();
    let lock = side.room.read("platform.lock.json");
    for blob in blobs(&side) {
        flip(&blob);
        side.lock().check();
        assert_eq!(side.room.read("platform.lock.json"), lock, "{}", blob.display());
    }
}
