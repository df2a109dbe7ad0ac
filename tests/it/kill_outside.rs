//! `kill -9` over lock and build: the same command finishes, and nothing half-made is ever seen.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::connected::{Connected, names};
use crate::support::fault::log::{Kind, Log};
use crate::support::fault::{FaultProxy, on};
use crate::support::fixture::chart::ChartSpec;
use crate::support::fixture::git::History;
use crate::support::fixture::image::{ImageSpec, chart_artifact};
use crate::support::world::World;
use crate::support::{Dice, kill, tree};

/// Downloads at one time of one image, and so the most that a kill may waste.
const WORKERS: usize = 8;

/// A world with a few of everything behind a proxy, and what an undisturbed build makes of it.
struct Bench {
    _world: World,
    proxy: FaultProxy,
    calm: Connected,
}

impl Bench {
    fn new() -> Self {
        let (world, proxy) = World::empty_behind_proxy();
        let (host, registry) = (world.face(), world.registry());
        let mut dice = Dice::new(3);
        let layers: Vec<Vec<u8>> = (0..4).map(|_| dice.noise(150_000)).collect();
        let image = layers.iter().fold(ImageSpec::new(), |spec, data| spec.layer(&[("d", data)]));
        registry.push_image("acme/web", "1.0", &image.build());
        let chart = ChartSpec::new("web", "1.0.0").build();
        let artifact = chart_artifact(&chart.config_json(), &chart.tgz);
        registry.push_image("charts/web", "1.0.0", &artifact);
        world.publish_charts("charts", &[&ChartSpec::new("db", "2.0.0").build()]);
        world.publish_repo("acme", "app", History::new().many("main", 20));
        world.write_file("crds.yaml", b"kind: CustomResourceDefinition\n");
        let sum = crate::support::sha256_hex(b"kind: CustomResourceDefinition\n");
        let inventory = format!(
            "haversack: 1\nname: platform\nversion: 1.0.0\nimages:\n  - {host}/acme/web:1.0\n\
             charts:\n  - {{chart: web, repo: \"oci://{host}/charts\", version: \"1.x\"}}\n  \
             - {{chart: db, repo: \"http://{host}/files/charts\", version: \"*\"}}\n\
             repos:\n  - {{url: \"http://{host}/git/acme/app.git\", refs: [main]}}\n\
             files:\n  - url: http://{host}/files/crds.yaml\n    sha256: {sum}\n"
        );
        let calm = Connected::new(&inventory, &host).key();
        calm.build().check();
        Self { _world: world, proxy, calm }
    }

    /// A room in which nothing was done yet, not even a lock.
    fn fresh(&self) -> Connected {
        let side = self.calm.copy();
        std::fs::remove_file(side.room.path("platform.lock.json")).unwrap();
        let _ = self.proxy.take_log();
        side
    }

    /// What is in sight is nothing, or the whole bundle.
    #[track_caller]
    fn nothing_half_made(&self, side: &Connected, when: &str) {
        let mut seen = names(&side.room.path("bundles"));
        seen.retain(|name| !name.starts_with('.'));
        if seen.is_empty() {
            return;
        }
        assert_eq!(seen, ["platform-1.0.0"], "{when}");
        tree::assert_same(&self.calm.bundle(), &side.room.path("bundles/platform-1.0.0"));
    }

    /// The bundle is the undisturbed one, and no litter is left.
    #[track_caller]
    fn finished(&self, side: &Connected, when: &str) {
        tree::assert_same(&self.calm.bundle(), &side.bundle());
        assert_eq!(names(&side.store().join("partial")), [""; 0], "{when}");
        let lock = side.room.read("platform.lock.json");
        assert!(lock == self.calm.room.read("platform.lock.json"), "{when}");
    }
}

/// Digests of blobs that were asked for, once for each request.
fn blobs(log: &Log) -> Vec<String> {
    let asked = log.0.iter().filter(|seen| seen.method == "GET" && seen.kind == Kind::Blob);
    asked.filter_map(|seen| Some(seen.path.rsplit_once("sha256:")?.1.to_owned())).collect()
}

fn sweep(point: &str) -> u32 {
    let bench = Bench::new();
    let room: RefCell<Option<Connected>> = RefCell::default();
    let fresh = || {
        let side = bench.fresh();
        let command = side.build_command();
        *room.borrow_mut() = Some(side);
        command
    };
    let after = |n: u32| {
        let when = format!("after {point}:{n}");
        let side = room.borrow_mut().take().unwrap();
        bench.nothing_half_made(&side, &when);
        let first = blobs(&bench.proxy.take_log());
        let kept: BTreeSet<String> =
            names(&side.store().join("blobs/sha256")).into_iter().collect();
        side.build().check();
        bench.finished(&side, &when);
        let again = blobs(&bench.proxy.take_log());
        let wasted: Vec<&String> = again.iter().filter(|digest| kept.contains(*digest)).collect();
        assert!(wasted.is_empty(), "{when}: fetched though there: {wasted:?}");
        let twice = again.iter().filter(|digest| first.contains(digest)).count();
        assert!(twice <= WORKERS, "{when}: {twice} blobs twice");
    };
    kill::sweep(point, fresh, after)
}

#[test]
fn killed_after_any_blob() {
    // Four layers and the config of the image, archive and config of the chart.
    assert_eq!(sweep("blob-fetched"), 7);
}

#[test]
fn killed_while_packing_and_sealing() {
    for point in ["draft-started", "pack-written", "contents-written", "sums-written"] {
        assert_eq!(sweep(point), 1, "{point}");
    }
}

#[test]
fn killed_at_the_very_end() {
    for point in ["signed", "sealed"] {
        assert_eq!(sweep(point), 1, "{point}");
    }
}

/// Every durable step of the connected side that the source names is swept above.
#[test]
fn no_checkpoint_is_forgotten() {
    let swept = [
        "blob-fetched",
        "contents-written",
        "draft-started",
        "pack-written",
        "sealed",
        "signed",
        "sums-written",
    ];
    let mut found = BTreeSet::new();
    for room in ["bundle", "source", "git", "oci", "resolve"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room);
        for entry in walkdir::WalkDir::new(folder).into_iter().flatten() {
            let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
            for piece in text.split(".checkpoint(\"").skip(1) {
                found.insert(piece.split('"').next().unwrap_or_default().to_owned());
            }
        }
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), swept);
}

#[test]
fn killed_at_any_instant() {
    let bench = Bench::new();
    // Slow enough that an instant falls into every part of the work.
    bench.proxy.rule(on("GET", "/blobs/").delay(Duration::from_millis(60)));
    bench.proxy.rule(on("*", "").delay(Duration::from_millis(15)));
    let undisturbed = bench.fresh();
    let all = Connected::end(undisturbed.build_command()).succeeded().took;
    let once = blobs(&bench.proxy.take_log()).len();
    for seed in 1..=6 {
        let side = bench.fresh();
        let rounds = kill::at_random(seed, 5, all, || {
            bench.nothing_half_made(&side, &format!("seed {seed}"));
            side.build_command()
        });
        bench.finished(&side, &format!("seed {seed}"));
        let asked = blobs(&bench.proxy.take_log()).len();
        let most = once + rounds.killed as usize * WORKERS;
        assert!(asked <= most, "seed {seed}: {asked} blobs, {} kills", rounds.killed);
    }
}

/// A blob cut down in the middle goes on where it was, also in another run.
#[test]
fn a_killed_download_is_resumed() {
    let bench = Bench::new();
    let lock = bench.calm.locked();
    let manifest = lock.pin("images", "reference", "/acme/web:1.0")["digest"].as_str().unwrap();
    let manifest = std::fs::read(bench.calm.blob(manifest)).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    let side = bench.calm.copy();
    // The connection breaks in the middle, and while the program waits for its second try it is killed.
    let _ = bench.proxy.take_log();
    bench.proxy.rule(on("GET", layer).first(1).cut_answer(100_000));
    bench.proxy.rule(on("GET", layer).answer(429, &[("Retry-After", "600")], b""));
    let job = crate::support::job::Job::start(side.build_command(), b"");
    let ended = job.finish_or_kill(Duration::from_secs(4));
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended.status), Some(9));
    let kept = names(&side.store().join("partial"));
    assert_eq!(kept, [layer.replace("sha256:", "")]);
    bench.proxy.heal();
    let _ = bench.proxy.take_log();
    side.build().check();
    bench.finished(&side, "resumed");
    let log = bench.proxy.log();
    let asked: Vec<_> = log.0.iter().filter(|seen| seen.path.ends_with(layer)).collect();
    let ranges: Vec<&str> = asked
        .iter()
        .flat_map(|seen| &seen.headers)
        .filter(|(name, _)| name.eq_ignore_ascii_case("range"))
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!((asked.len(), ranges), (1, vec!["bytes=100000-"]));
}
