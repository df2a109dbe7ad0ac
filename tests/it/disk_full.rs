//! A full disk: said with the name of the file, and nothing half written is left where a whole thing is expected.

use std::process::Command;

use crate::support::carried::{Carried, Inside, may_mount, not_run};
use crate::support::job::{self, Ended};
use crate::support::scenario::{Scenario, filter};

/// Runs a script in which `full` is a file system of this size and `"$0"` is the program.
///
/// The mount is the script's own and ends with it; what is left on it is listed at the end of standard output.
fn on_small_disk(room: &Scenario, size: &str, script: &str) -> Ended {
    std::fs::create_dir_all(room.path("full")).unwrap();
    let script = format!(
        "mount -t tmpfs -o size={size} none full && {{ {script}; }}; code=$?; echo \"left:\"; \
         find full -mindepth 1 ! -name fill | sort; exit $code"
    );
    let plain = room.command();
    let mut command: Command = room.command_named("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script]).arg(plain.get_program());
    job::run(command)
}

const FILL: &str = "head -c 2000000 /dev/zero >full/fill 2>/dev/null";

#[test]
fn verify_needs_no_space() {
    if !may_mount() {
        return not_run("verify_needs_no_space", "no mounts allowed here");
    }
    let carried = Carried::fixtures();
    let room = carried.hand_over();
    let script = format!(
        "cp -r bundle full/bundle && {FILL}; TMPDIR=full HOME=full \"$0\" verify full/bundle --trust trust --deep"
    );
    let ended = on_small_disk(&room, "400k", &script).succeeded();
    assert!(ended.out().contains("is sound"), "{}", ended.both());
}

#[test]
fn a_receipt_that_does_not_fit_is_not_half_there() {
    if !may_mount() {
        return not_run("a_receipt_that_does_not_fit", "no mounts allowed here");
    }
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let script = format!(
        "{FILL}; \"$0\" replay bundle --site site.yaml --trust trust --quiet --receipt full/receipt.json"
    );
    let ended = on_small_disk(&inside.room, "64k", &script);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.both());
    assert_eq!(
        ended.err(),
        "error: full/receipt.json: No space left on device (os error 28)\n\
         hint: the replay itself is done; run it again with --receipt FILE, which sends nothing twice\n"
    );
    assert_eq!(ended.out(), "left:\n");
    // Everything stands inside all the same.
    inside.assert_settled();
}

#[test]
fn a_build_that_does_not_fit_names_the_place_and_leaves_no_bundle() {
    if !may_mount() {
        return not_run("a_build_that_does_not_fit", "no mounts allowed here");
    }
    let carried = Carried::fixtures();
    let room = carried.room();
    // The fixtures are in the store already: what runs out is the place of the bundle.
    let build = format!(
        "\"$0\" build 1.0.0/platform.yaml --locked --plain-http {} --key release.key.pem \
         --passphrase-file passphrase --quiet --bundles full",
        carried.outside().host()
    );
    for size in ["4k", "16k", "48k"] {
        let ended = on_small_disk(room, size, &build);
        assert_eq!(ended.status.code(), Some(2), "{size}: {}", ended.both());
        let said = filter(&ended.err(), room.room());
        assert!(
            said.starts_with("error: full/") && said.contains("No space left on device"),
            "{size}: {said}"
        );
        // Work in progress may stay under a hidden name, for the next run; a folder that looks like a bundle may not.
        let left: Vec<String> = ended.out().lines().skip(1).map(str::to_owned).collect();
        assert!(left.iter().all(|path| path.starts_with("full/.")), "{size}: {left:?}");
    }
    // With space, the same command makes the same bundle.
    let ended = on_small_disk(
        room,
        "2m",
        &format!(
            "{build} && for f in bundles/platform-1.0.0/SHA256SUMS bundles/platform-1.0.0/pack-*; do \
                  cmp $f full/platform-1.0.0/$(basename $f) || exit 9; done"
        ),
    );
    assert!(ended.status.success(), "{}", ended.both());
}

#[test]
fn a_store_that_is_full_is_named_and_goes_on_with_space() {
    if !may_mount() {
        return not_run("a_store_that_is_full", "no mounts allowed here");
    }
    let carried = Carried::fixtures();
    let room = carried.room();
    let build = format!(
        "\"$0\" build 1.0.0/platform.yaml --locked --plain-http {} --key release.key.pem \
         --passphrase-file passphrase --quiet --bundles elsewhere --store full/store",
        carried.outside().host()
    );
    let ended = on_small_disk(room, "40k", &build);
    assert_ne!(ended.status.code(), Some(0), "{}", ended.both());
    assert!(ended.err().contains("full/store/"), "{}", ended.both());
    assert!(ended.err().contains("No space left on device"), "{}", ended.both());
    let more = format!("{build}; mount -o remount,size=8m full && {build}");
    let ended = on_small_disk(room, "40k", &more);
    assert!(ended.status.success(), "{}", ended.both());
    let bundle = room.path("elsewhere/platform-1.0.0/SHA256SUMS");
    let sums = std::fs::read(bundle).unwrap();
    assert!(sums == std::fs::read(carried.folder("1.0.0").join("SHA256SUMS")).unwrap());
}
