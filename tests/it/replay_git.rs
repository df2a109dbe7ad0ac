//! `replay` to git servers that hold other history, refuse refs, or name another default branch.

use serde_json::json;

use crate::support::carried::{Carried, Inside};
use crate::support::fault::log::Kind;
use crate::support::fixture::git::{History, Repo, ls_remote, run};
use crate::support::world::World;

/// A bundle of one repository with two branches and two tags.
fn one_repo(history: History) -> Carried {
    let outside = World::empty();
    outside.publish_repo("acme", "app", history);
    let inventory = format!(
        "haversack: 1\nname: platform\nrepos:\n  - url: {}\n    refs: [\"*\"]\n",
        outside.git_url("acme", "app")
    );
    Carried::of(outside, &inventory)
}

fn history() -> History {
    History::new()
        .many("main", 5)
        .tag("v1", "main")
        .branch("work", "main")
        .commit("work", "Work", &[("work.txt", "work\n")])
        .light_tag("v2", "work")
}

/// Puts history into the repository inside before the replay.
fn before(inside: &Inside, history: History) -> Repo {
    inside.world.publish_repo("acme", "app", history)
}

fn refs(world: &World) -> String {
    ls_remote(&world.git_url("acme", "app"))
}

#[test]
fn a_branch_that_the_carried_one_only_adds_to_moves_forward() {
    let carried = one_repo(history());
    let inside = Inside::new(&carried);
    before(&inside, History::new().many("main", 3));
    let plan = inside.replay().arg("--plan").check().out();
    assert!(plan.contains("3 new, 1 forward, 0 the same, 0 DIVERGED"), "{plan}");
    inside.replay().check();
    assert_eq!(refs(&inside.world), refs(carried.outside()));
    inside.assert_settled();
}

#[test]
fn branches_with_other_history_are_refused_unless_the_site_allows_it() {
    let carried = one_repo(history());
    let inside = Inside::new(&carried);
    let own = History::new().many("main", 5).commit("main", "Ours", &[("ours.txt", "ours\n")]);
    before(&inside, own.branch("work", "main").branch("local", "main"));
    let was = refs(&inside.world);
    inside
        .replay()
        .status(7)
        .stdout("")
        .stderr(
            "error: 2 refs have other history inside than in the bundle\n\
             error: http://127.0.0.1:[PORT]/git/acme/app.git refs/heads/main\n\
             error: http://127.0.0.1:[PORT]/git/acme/app.git refs/heads/work\n\
             hint: nothing was sent; to overwrite them, set git.allowDiverged: true in the site file\n",
        )
        .check();
    inside.proxy.log().assert_questions_only();
    assert_eq!(refs(&inside.world), was);
    let plan = inside.replay().arg("--plan").check().out();
    assert!(plan.contains("2 new, 0 forward, 0 the same, 2 DIVERGED"), "{plan}");

    inside.site("", "allowDiverged: true\n");
    inside.replay().check();
    let now = refs(&inside.world);
    for line in refs(carried.outside()).lines() {
        assert!(now.contains(line), "{line}\n{now}");
    }
    // A branch that the bundle does not know is left alone.
    let local = was.lines().find(|line| line.ends_with("refs/heads/local")).unwrap();
    assert!(now.contains(local), "{now}");
    inside.site("", "");
    inside.assert_settled();
}

#[test]
fn a_branch_that_is_ahead_inside_is_not_taken_back() {
    let carried = one_repo(history());
    let inside = Inside::new(&carried);
    before(&inside, history().commit("main", "A fix inside", &[("fix.txt", "fix\n")]));
    inside
        .replay()
        .status(7)
        .stdout("")
        .stderr_has("error: http://127.0.0.1:[PORT]/git/acme/app.git refs/heads/main\n")
        .check();
    inside.proxy.log().assert_questions_only();
}

#[test]
fn a_tag_that_moved_counts_as_other_history() {
    let carried = one_repo(history());
    let inside = Inside::new(&carried);
    // v1 stands on an earlier commit of the same line: a branch would move forward, a tag does not move.
    before(&inside, History::new().many("main", 3).light_tag("v1", "main"));
    inside
        .replay()
        .status(7)
        .stdout("")
        .stderr(
            "error: 1 refs have other history inside than in the bundle\n\
             error: http://127.0.0.1:[PORT]/git/acme/app.git refs/tags/v1\n\
             hint: nothing was sent; to overwrite them, set git.allowDiverged: true in the site file\n",
        )
        .check();
    inside.proxy.log().assert_questions_only();
    inside.site("", "allowDiverged: true\n");
    inside.replay().check();
    assert_eq!(refs(&inside.world), refs(carried.outside()));
}

#[test]
fn a_ref_that_the_server_refuses_is_named_with_its_reason() {
    let carried = one_repo(history());
    let inside = Inside::new(&carried);
    before(&inside, History::new().many("main", 1));
    // What a server with protected tags does.
    let served = inside.world.root().join("git/acme/app.git");
    run(&served, &["config", "receive.hideRefs", "refs/tags/v2"]);
    inside
        .replay()
        .status(7)
        .stdout("")
        .stderr(
            "error: http://127.0.0.1:[PORT]/git/acme/app.git: 1 refs were refused\n\
             error: refs/tags/v2: deny updating a hidden ref\n",
        )
        .check();
    assert!(!refs(&inside.world).contains("refs/tags/v2"));
    assert!(!inside.room.path("receipt.json").exists());
    run(&served, &["config", "--unset", "receive.hideRefs"]);
    inside.replay().check();
    assert_eq!(refs(&inside.world), refs(carried.outside()));
}

#[test]
fn a_push_is_all_refs_or_none() {
    let carried = one_repo(history());
    let inside = Inside::new(&carried);
    let own = History::new().many("main", 5).commit("main", "Ours", &[("ours.txt", "ours\n")]);
    before(&inside, own);
    // The site file allows what the server does not.
    inside.site("", "allowDiverged: true\n");
    let served = inside.world.root().join("git/acme/app.git");
    run(&served, &["config", "receive.denyNonFastForwards", "true"]);
    let was = refs(&inside.world);
    let remark = "(error: denying non-fast-forward refs/heads/main (you should pull first))";
    let stderr = format!(
        "error: http://127.0.0.1:[PORT]/git/acme/app.git: 4 refs were refused\n\
         error: refs/heads/main: non-fast-forward {remark}\n\
         error: refs/heads/work: atomic push failure {remark}\n\
         error: refs/tags/v1: atomic push failure {remark}\n\
         error: refs/tags/v2: atomic push failure {remark}\n"
    );
    inside.replay().status(7).stdout("").stderr(&stderr).check();
    assert_eq!(refs(&inside.world), was);
    run(&served, &["config", "--unset", "receive.denyNonFastForwards"]);
    inside.replay().check();
    assert_eq!(refs(&inside.world), refs(carried.outside()));
}

#[test]
fn a_pack_that_the_server_cannot_keep_is_refused_as_a_whole() {
    let carried = one_repo(history());
    let inside = Inside::new(&carried);
    before(&inside, History::new().many("main", 1));
    let served = inside.world.root().join("git/acme/app.git");
    run(&served, &["config", "receive.maxInputSize", "200"]);
    inside.replay().status(7).stdout("").stderr(
        "error: http://127.0.0.1:[PORT]/git/acme/app.git/git-receive-pack: the push was refused: the pack was refused: \
         unpack-objects abnormal exit (fatal: pack exceeds maximum allowed size)\n",
    ).check();
    run(&served, &["config", "--unset", "receive.maxInputSize"]);
    inside.replay().check();
    assert_eq!(refs(&inside.world), refs(carried.outside()));
}

#[test]
fn the_default_branch_is_the_carried_one() {
    let outside = World::empty();
    let repo = outside.publish_repo(
        "acme",
        "app",
        History::new().many("trunk", 3).branch("alpha", "trunk").tag("v1", "trunk"),
    );
    drop(repo);
    run(&outside.root().join("git/acme/app.git"), &["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    let inventory = format!(
        "haversack: 1\nname: platform\nrepos:\n  - url: {}\n    refs: [\"*\"]\n",
        outside.git_url("acme", "app")
    );
    let carried = Carried::of(outside, &inventory);
    let inside = Inside::new(&carried);
    let ended = inside.replay().stderr("").check();
    let head = |world: &World| {
        let url = world.git_url("acme", "app");
        run(&std::env::temp_dir(), &["ls-remote", "--symref", &url, "HEAD"])
    };
    assert!(head(carried.outside()).starts_with("ref: refs/heads/trunk\t"));
    assert_eq!(head(&inside.world), head(carried.outside()), "{}", ended.both());
    assert_eq!(refs(&inside.world), refs(carried.outside()));
    assert_eq!(inside.receipt()["warnings"], json!([]));
    // The pack went over once.
    let log = inside.proxy.take_log();
    let bytes: Vec<u64> =
        log.0.iter().filter(|s| s.kind == Kind::GitPush).map(|s| s.body_bytes).collect();
    assert!(bytes.iter().filter(|bytes| **bytes > 1_000).count() <= 1, "{bytes:?}");
    inside.assert_settled();
}

#[test]
fn another_default_branch_inside_is_said() {
    let carried = one_repo(history());
    let inside = Inside::new(&carried);
    before(&inside, History::new().commit("develop", "Ours", &[("ours.txt", "ours\n")]));
    run(
        &inside.world.root().join("git/acme/app.git"),
        &["symbolic-ref", "HEAD", "refs/heads/develop"],
    );
    let warning = format!(
        "{}/git/acme/app.git: its default branch is refs/heads/develop and should be refs/heads/main: set it on the server",
        inside.proxy.url()
    );
    let ended = inside.replay().check();
    assert_eq!(inside.receipt()["warnings"], json!([warning]));
    assert!(ended.out().contains(&format!("warning: {warning}\n")), "{}", ended.both());
}

#[test]
fn owners_and_repositories_are_mapped_by_the_site_file() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let platform = carried.outside().git_url("acme", "platform");
    inside.site("", &format!("owners: {{acme: team}}\nrepos: {{\"{platform}\": infra/gitops}}\n"));
    inside.replay().check();
    let outside = carried.outside();
    let main =
        |text: &str| text.lines().find(|l| l.ends_with("refs/heads/main")).map(str::to_owned);
    assert_eq!(
        main(&ls_remote(&inside.world.git_url("infra", "gitops"))),
        main(&ls_remote(&platform))
    );
    assert_eq!(
        main(&ls_remote(&inside.world.git_url("team", "values"))),
        main(&ls_remote(&outside.git_url("acme", "values")))
    );
    inside.assert_settled();
}
