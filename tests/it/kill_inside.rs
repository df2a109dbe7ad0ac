//! `kill -9` over `replay`: what a user can see is whole at every instant, and running it again finishes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::support::carried::{Carried, Inside};
use crate::support::fault::log::{Kind, Log};
use crate::support::fault::on;
use crate::support::fixture::git::{ls_remote, run};
use crate::support::job::{Job, RUN_MAX};
use crate::support::kill;
use crate::support::world::World;

/// Everything that a client can find: what each tag leads to, the lists of referrers, and all refs.
fn state(world: &World) -> BTreeMap<String, Vec<String>> {
    let registry = world.registry();
    let mut state = BTreeMap::new();
    for repo in registry.repositories() {
        for tag in registry.tags(&repo) {
            let below = registry.closure_of_present(&repo, &tag);
            for subject in &below {
                let key = format!("{repo} referrers of {subject}");
                state.insert(key, registry.referrers(&repo, subject));
            }
            state.insert(format!("{repo}:{tag}"), below);
        }
    }
    for repo in ["platform", "values"] {
        let refs = ls_remote(&world.git_url("acme", repo));
        state.insert(repo.to_owned(), refs.lines().map(str::to_owned).collect());
    }
    state
}

/// The end of a replay that nobody disturbed.
fn undisturbed(carried: &Carried) -> BTreeMap<String, Vec<String>> {
    let inside = Inside::new(carried);
    inside.replay().check();
    state(&inside.world)
}

/// How many uploads were for nothing: cut short, or of a blob that had arrived before.
fn in_vain(log: &Log) -> u32 {
    let (mut whole, mut in_vain) = (BTreeSet::new(), 0);
    for seen in log.0.iter().filter(|s| s.kind == Kind::Upload && s.method == "PUT") {
        let digest = seen.path.split("digest=").nth(1).unwrap_or_default();
        if seen.status != 201 || !whole.insert(digest) {
            in_vain += 1;
        }
    }
    in_vain
}

#[test]
fn a_crash_at_any_step_leaves_nothing_half_visible_and_is_made_good() {
    let carried = Carried::fixtures();
    let wanted = undisturbed(&carried);
    for (point, passes) in [
        ("blob-sent", [1, 2, 20, 36].as_slice()),
        ("manifest-sent", &[1, 9, 16]),
        ("refs-pushed", &[1, 2]),
        ("tag-set", &[1, 6, 13]),
    ] {
        for &n in passes {
            let inside = Inside::new(&carried);
            assert!(kill::at_point(point, n, inside.command()), "{point}:{n} is never passed");
            assert!(!inside.room.path("receipt.json").exists(), "{point}:{n}: a receipt");
            let registry = inside.registry();
            registry.assert_visible_is_whole();
            let tags: usize = registry.repositories().iter().map(|r| registry.tags(r).len()).sum();
            // Tags come last of all.
            let visible = if point == "tag-set" { n as usize..=13 } else { 0..=0 };
            assert!(visible.contains(&tags), "{point}:{n}: {tags} tags");
            inside.replay().check();
            assert_eq!(state(&inside.world), wanted, "{point}:{n}");
            inside.assert_settled();
        }
    }
}

#[test]
fn a_crash_after_the_last_step_is_none() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    assert!(!kill::at_point("tag-set", 14, inside.command()));
    assert_eq!(state(&inside.world), undisturbed(&carried));
}

#[test]
fn crash_upon_crash_the_replay_goes_on_where_it_was() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let mut crashes: u32 = 0;
    // Three blobs a run, then three OCI manifests a run, then three tags a run.
    for point in ["blob-sent", "manifest-sent", "tag-set"] {
        while kill::at_point(point, 3, inside.command()) {
            crashes += 1;
            assert!(crashes < 60, "no progress at {point}");
            inside.registry().assert_visible_is_whole();
        }
    }
    assert_eq!(state(&inside.world), undisturbed(&carried));
    // Lost is at most what was under way: one blob for each worker.
    let in_vain = in_vain(&inside.proxy.log());
    assert!(in_vain <= crashes * 8, "{in_vain} uploads in vain after {crashes} crashes");
    inside.assert_settled();
}

#[test]
fn kills_at_random_instants_are_made_good() {
    let carried = Carried::fixtures();
    let wanted = undisturbed(&carried);
    for seed in [7, 1_848, 20_260_101] {
        let inside = Inside::new(&carried);
        // Slow enough that kills fall into every phase.
        inside.proxy.rule(on("PUT", "").delay(Duration::from_millis(5)));
        let rounds = kill::at_random(seed, 12, Duration::from_millis(400), || {
            inside.registry().assert_visible_is_whole();
            inside.command()
        });
        println!("seed {seed}: {} kills", rounds.killed);
        assert_eq!(state(&inside.world), wanted, "seed {seed}");
        let in_vain = in_vain(&inside.proxy.log());
        assert!(in_vain <= rounds.killed * 8, "{in_vain} uploads in vain");
        inside.proxy.heal();
        inside.assert_settled();
    }
}

#[test]
fn a_crash_between_a_referrer_and_its_list_is_made_good() {
    // A registry without the referrers API: the list is a tag that the client keeps.
    let carried = Carried::fixtures();
    let lists = |inside: &Inside| -> Vec<Value> {
        let to = format!("mirror/{}", carried.inside_name("library/multi"));
        let tags = inside.registry().tags(&to).into_iter();
        let lists = tags.filter(|tag| tag.starts_with("sha256-") && !tag.ends_with(".sig"));
        lists
            .map(|tag| {
                serde_json::from_slice(&inside.registry().manifest(&to, &tag).unwrap()).unwrap()
            })
            .collect()
    };
    let old = |inside: &Inside| {
        inside.proxy.rule(on("*", "/referrers/").answer(404, &[], b"404 page not found\n"));
        inside.proxy.rule(on("PUT", "/manifests/").drop_header("OCI-Subject"));
    };
    let undisturbed = Inside::new(&carried);
    old(&undisturbed);
    undisturbed.replay().check();
    let wanted = lists(&undisturbed);
    assert_eq!(wanted.len(), 2);
    let mut orphaned = 0;
    for n in 12..=16 {
        let inside = Inside::new(&carried);
        old(&inside);
        assert!(kill::at_point("manifest-sent", n, inside.command()));
        let to = format!("mirror/{}", carried.inside_name("library/multi"));
        let api = inside.registry();
        let subject = carried.outside().registry().digest("library/multi", "2.0").unwrap();
        orphaned += u32::from(!api.referrers(&to, &subject).is_empty() && lists(&inside).len() < 2);
        inside.replay().check();
        assert_eq!(lists(&inside), wanted, "manifest-sent:{n}");
        inside.assert_settled();
    }
    assert!(orphaned > 0, "no crash fell between a referrer and its list");
}

#[test]
fn a_server_that_dies_in_the_middle_costs_a_rerun() {
    let carried = Carried::fixtures();
    let mut inside = Inside::new(&carried);
    inside.proxy.rule(on("PUT", "").delay(Duration::from_millis(20)));
    let job = Job::start(inside.command(), b"");
    while inside.proxy.log().writes().len() < 12 {
        std::thread::sleep(Duration::from_millis(5));
    }
    // The power fails: server and client are gone at one moment.
    inside.world.stop();
    job.finish_or_kill(Duration::ZERO);
    inside.world.restart();
    inside.proxy.heal();
    inside.registry().assert_visible_is_whole();
    inside.replay().check();
    assert_eq!(state(&inside.world), undisturbed(&carried));
    for repo in ["platform", "values"] {
        let url = inside.world.git_url("acme", repo);
        run(&inside.room.path(""), &["clone", "--quiet", "--mirror", &url, repo]);
        run(&inside.room.path(repo), &["fsck", "--full", "--strict"]);
    }
}

#[test]
fn a_server_that_comes_back_is_waited_for() {
    let carried = Carried::fixtures();
    let mut inside = Inside::new(&carried);
    inside.proxy.rule(on("PUT", "").delay(Duration::from_millis(10)));
    let job = Job::start(inside.command(), b"");
    while inside.proxy.log().writes().len() < 12 {
        std::thread::sleep(Duration::from_millis(5));
    }
    inside.world.stop();
    inside.world.restart();
    job.finish(RUN_MAX).succeeded();
    inside.proxy.heal();
    assert_eq!(state(&inside.world), undisturbed(&carried));
}

#[test]
fn an_interrupted_replay_says_how_to_go_on() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.proxy.rule(on("PUT", "").delay(Duration::from_millis(100)));
    let job = Job::start(inside.command(), b"");
    while inside.proxy.log().writes().len() < 6 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let ended = job.interrupt();
    assert_eq!(ended.status.code(), Some(130), "{}", ended.both());
    assert_eq!(
        ended.err(),
        "error: interrupted\nhint: run the same command again: it goes on where it stopped\n"
    );
    assert!(!inside.room.path("receipt.json").exists());
    inside.proxy.heal();
    inside.replay().check();
    assert_eq!(state(&inside.world), undisturbed(&carried));
}
