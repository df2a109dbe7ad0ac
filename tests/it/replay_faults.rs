//! `replay` to registries that fail, lie, or lack parts of the specification: it finishes or stops with words that name
//! the place, and no tag is ever set on something that is not whole.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::carried::{Carried, Inside};
use crate::support::fault::log::Kind;
use crate::support::fault::{Rule, on};
use crate::support::fixture::image::{Blob, Image, referrer};
use crate::support::job::Ended;
use crate::support::scenario::filter;
use crate::support::world::World;

/// Replays through these faults and expects the same end as without them.
#[track_caller]
fn cured(rules: Vec<Rule>) -> (Inside, Ended) {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    rules.into_iter().for_each(|rule| inside.proxy.rule(rule));
    let ended = inside.replay().stderr("").check();
    inside.proxy.heal();
    assert_whole(&carried, &inside);
    inside.assert_settled();
    (inside, ended)
}

/// Replays through these faults, expects exit code 7 and these words, and that a rerun without them finishes.
#[track_caller]
fn refused(rules: Vec<Rule>, stderr: &str) -> Inside {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    rules.into_iter().for_each(|rule| inside.proxy.rule(rule));
    let ended = inside.replay().status(7).stdout("").check();
    let said = filter(&ended.err(), inside.room.room());
    assert_eq!(anyone(&said, &carried), stderr);
    assert!(!inside.room.path("receipt.json").exists(), "there is a receipt");
    inside.registry().assert_visible_is_whole();
    inside.proxy.heal();
    inside.replay().check();
    assert_whole(&carried, &inside);
    inside
}

/// Several artifacts are sent at a time, and chance decides which of them fails first: its name becomes `NAME`.
fn anyone(said: &str, carried: &Carried) -> String {
    let start = format!("mirror/{}/", carried.outside().host().replace(':', "-"));
    let Some((before, after)) = said.split_once(&start) else { return said.to_owned() };
    let name = after.find([' ', '@']).unwrap();
    format!("{before}NAME{}", &after[name..])
}

/// Every image and its signature are inside as they are outside.
#[track_caller]
fn assert_whole(carried: &Carried, inside: &Inside) {
    let (outside, registry) = (carried.outside().registry(), inside.registry());
    for (repo, tag) in [("acme/web", "1.0"), ("acme/list", "1.0"), ("library/docker", "1.0")] {
        let to = format!("mirror/{}", carried.inside_name(repo));
        assert_eq!(registry.closure(&to, tag), outside.closure(repo, tag), "{repo}");
    }
    let to = format!("mirror/{}", carried.inside_name("library/multi"));
    assert_eq!(registry.manifest(&to, "2.0"), outside.manifest("library/multi", "2.0"));
    assert_eq!(registry.tags(&to).len(), 2);
}

const BLOB_PUT: (&str, &str) = ("PUT", "/blobs/uploads/");
const MANIFEST_PUT: (&str, &str) = ("PUT", "/manifests/");

#[test]
fn bursts_of_server_errors_are_sat_out() {
    cured(vec![
        on("HEAD", "/manifests/").first(2).answer(502, &[], b""),
        on(BLOB_PUT.0, BLOB_PUT.1).first(3).answer(500, &[], b"oops"),
        on("POST", "/blobs/uploads/").first(2).answer(503, &[], b""),
        on(MANIFEST_PUT.0, MANIFEST_PUT.1).first(2).answer(504, &[], b""),
        on("GET", "/info/refs").first(1).answer(500, &[], b""),
        on("POST", "/git-receive-pack").nth(2).answer(502, &[], b""),
    ]);
}

#[test]
fn a_server_that_stays_broken_is_named() {
    let inside = refused(
        vec![on(BLOB_PUT.0, BLOB_PUT.1).answer(500, &[], b"disk on fire")],
        "error: 127.0.0.1:[PORT]/NAME@sha256:[DIGEST]: the registry answered status 500: disk on fire\n",
    );
    drop(inside);
}

#[test]
fn connections_that_are_cut_are_made_again() {
    let (inside, _) = cured(vec![
        on(BLOB_PUT.0, BLOB_PUT.1).nth(2).cut_request(20),
        on(BLOB_PUT.0, BLOB_PUT.1).nth(5).cut_request(0),
        on(MANIFEST_PUT.0, MANIFEST_PUT.1).nth(3).cut_request(50),
        on("GET", "/manifests/").nth(2).cut_answer(30),
        on("POST", "/git-receive-pack").nth(2).cut_request(500),
    ]);
    drop(inside);
}

#[test]
fn a_lost_answer_costs_a_question_and_no_second_upload() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.proxy.rule(on(BLOB_PUT.0, BLOB_PUT.1).first(2).lose_answer());
    inside.proxy.rule(on("POST", "/git-receive-pack").nth(2).lose_answer());
    inside.proxy.rule(on(MANIFEST_PUT.0, MANIFEST_PUT.1).nth(2).lose_answer());
    inside.replay().stderr("").check();
    let log = inside.proxy.take_log();
    let mut digests: Vec<&str> = log
        .0
        .iter()
        .filter(|seen| seen.kind == Kind::Upload && seen.method == "PUT")
        .filter_map(|seen| seen.path.split("digest=").nth(1))
        .collect();
    let all = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), all, "a blob was sent twice\n{}", log.lines());
    inside.proxy.heal();
    assert_whole(&carried, &inside);
    inside.assert_settled();
}

#[test]
fn a_token_that_ends_in_mid_upload_is_renewed() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let challenge =
        format!("Bearer realm=\"{}/token\",service=\"registry.test\"", inside.proxy.url());
    let headers = [("WWW-Authenticate", challenge.as_str())];
    let json = [("Content-Type", "application/json")];
    inside.proxy.rule(on("GET", "/token").answer(200, &json, br#"{"token":"t0ken"}"#));
    inside.proxy.rule(on(BLOB_PUT.0, BLOB_PUT.1).nth(3).answer(401, &headers, b""));
    inside.proxy.rule(on(MANIFEST_PUT.0, MANIFEST_PUT.1).nth(2).answer(401, &headers, b""));
    inside.replay().stderr("").check();
    let log = inside.proxy.log();
    let mut tokens: BTreeMap<&str, u32> = BTreeMap::new();
    for seen in log.0.iter().filter(|seen| seen.path.starts_with("/token?")) {
        *tokens.entry(&seen.path).or_default() += 1;
    }
    // One for each kind of access, and one more where it ended.
    let again: u32 = tokens.values().map(|count| count - 1).sum();
    assert!((1..=2).contains(&again), "{tokens:#?}");
    assert!(tokens.keys().all(|p| p.contains("service=registry.test&")), "{tokens:#?}");
    inside.proxy.heal();
    assert_whole(&carried, &inside);
}

#[test]
fn a_pause_in_seconds_is_kept() {
    let (_, ended) = cured(vec![
        on(BLOB_PUT.0, BLOB_PUT.1).nth(1).answer(429, &[("Retry-After", "2")], b""),
        on(MANIFEST_PUT.0, MANIFEST_PUT.1).nth(1).answer(429, &[("Retry-After", "1")], b""),
    ]);
    assert!(ended.took >= Duration::from_secs(3), "{:?}", ended.took);
}

#[test]
fn a_pause_until_a_date_is_kept() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(4));
    let until = SystemTime::now() + Duration::from_secs(3);
    cured(vec![on(BLOB_PUT.0, BLOB_PUT.1).nth(1).answer(429, &[("Retry-After", &date)], b"")]);
    assert!(SystemTime::now() >= until);
}

#[test]
fn a_pause_of_an_hour_is_left_to_the_person() {
    refused(
        vec![on(BLOB_PUT.0, BLOB_PUT.1).answer(429, &[("Retry-After", "3600")], b"")],
        "error: 127.0.0.1:[PORT]/NAME@sha256:[DIGEST]: 127.0.0.1:[PORT] asks to come back in [TIME]\n\
         hint: run the same command again later: what was done is kept\n",
    );
}

#[test]
fn a_registry_that_names_another_digest_is_not_believed() {
    let other = format!("sha256:{}", "0".repeat(64));
    refused(
        vec![on(MANIFEST_PUT.0, MANIFEST_PUT.1).nth(1).set_header("Docker-Content-Digest", &other)],
        "error: 127.0.0.1:[PORT]/NAME@sha256:[DIGEST]: the registry keeps digest \
         sha256:[DIGEST] instead of sha256:[DIGEST]\n\
         hint: the server keeps something else than it was sent: its storage may be damaged; repair or delete it \
         there, then replay again\n",
    );
}

#[test]
fn what_is_read_back_must_be_what_was_sent() {
    refused(
        vec![on("GET", "/manifests/").flip_answer(10)],
        "error: 127.0.0.1:[PORT]/NAME@sha256:[DIGEST]: the registry sent something else: \
         digest sha256:[DIGEST] instead of sha256:[DIGEST]\n\
         hint: the server keeps something else than it was sent: its storage may be damaged; repair or delete it \
         there, then replay again\n",
    );
}

#[test]
fn a_registry_that_says_yes_and_keeps_nothing_is_found_out() {
    refused(
        vec![on(MANIFEST_PUT.0, MANIFEST_PUT.1).nth(1).answer(201, &[], b"")],
        "error: 127.0.0.1:[PORT]/NAME sha256:[DIGEST]: read back nothing instead of \
         sha256:[DIGEST]\n\
         hint: the server keeps something else than it was sent: its storage may be damaged; repair or delete it \
         there, then replay again\n",
    );
}

#[test]
fn a_tag_that_is_not_set_is_found_out() {
    let inside = refused(
        vec![on("PUT", "/manifests/1.0").nth(1).answer(201, &[], b"")],
        "error: 127.0.0.1:[PORT]/NAME 1.0: read back nothing instead of sha256:[DIGEST]\n\
         hint: the server keeps something else than it was sent: its storage may be damaged; repair or delete it \
         there, then replay again\n",
    );
    inside.assert_settled();
}

#[test]
fn a_blob_that_was_not_kept_stops_the_replay_before_any_tag() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.proxy.rule(on(BLOB_PUT.0, BLOB_PUT.1).nth(1).answer(201, &[], b""));
    inside.replay().status(7).stdout("").stderr_has("MANIFEST_BLOB_UNKNOWN").check();
    let tags: Vec<String> = inside.registry().repositories();
    let tags: Vec<String> = tags.iter().flat_map(|repo| inside.registry().tags(repo)).collect();
    assert!(tags.is_empty(), "{tags:?}");
    inside.proxy.heal();
    inside.replay().check();
    assert_whole(&carried, &inside);
}

#[test]
fn a_damaged_upload_is_sent_again() {
    cured(vec![
        on(BLOB_PUT.0, BLOB_PUT.1).nth(1).flip_request(7),
        on(BLOB_PUT.0, BLOB_PUT.1).nth(4).flip_request(0),
    ]);
}

/// A registry of before the distribution spec 1.1.
fn without_referrers(inside: &Inside) {
    inside.proxy.rule(on("*", "/referrers/").answer(404, &[], b"404 page not found\n"));
    inside.proxy.rule(on("PUT", "/manifests/").drop_header("OCI-Subject"));
}

/// Subject, its tag of the tag schema, and the referrer that the fixtures have for it.
fn subjects(carried: &Carried) -> Vec<(String, String, String)> {
    let outside = carried.outside().registry();
    let repo = "library/multi";
    let index: Value = serde_json::from_slice(&outside.manifest(repo, "2.0").unwrap()).unwrap();
    let child = index["manifests"][0]["digest"].as_str().unwrap().to_owned();
    [outside.digest(repo, "2.0").unwrap(), child]
        .map(|subject| {
            let referrer = outside.referrers(repo, &subject).remove(0);
            (subject.clone(), subject.replace(':', "-"), referrer)
        })
        .into()
}

fn listed(inside: &Inside, to: &str, tag: &str) -> Vec<Value> {
    let index = inside.registry().manifest(to, tag).unwrap_or_else(|| panic!("no tag {tag}"));
    let index: Value = serde_json::from_slice(&index).unwrap();
    assert_eq!(index["mediaType"], "application/vnd.oci.image.index.v1+json");
    index["manifests"].as_array().unwrap().clone()
}

#[test]
fn without_a_referrers_api_the_list_is_kept_by_tag() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    without_referrers(&inside);
    inside.replay().stderr("").check();
    let to = format!("mirror/{}", carried.inside_name("library/multi"));
    for (_, tag, referrer) in subjects(&carried) {
        let entries = listed(&inside, &to, &tag);
        assert_eq!(entries.len(), 1, "{entries:#?}");
        assert_eq!(entries[0]["digest"], referrer);
        assert_eq!(entries[0]["artifactType"], "application/spdx+json");
        assert!(entries[0]["annotations"].is_object(), "{entries:#?}");
    }
    inside.assert_settled();
    let log = inside.proxy.take_log();
    assert!(log.0.len() <= 18 + 3, "{}", log.lines());
}

#[test]
fn a_list_of_referrers_that_is_there_is_added_to() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    without_referrers(&inside);
    let to = format!("mirror/{}", carried.inside_name("library/multi"));
    let (subject, tag, carried_referrer) = subjects(&carried).remove(0);
    // What somebody inside attached before.
    let bytes = carried.outside().registry().manifest("library/multi", &subject).unwrap();
    let subject = Blob::new("application/vnd.oci.image.index.v1+json", bytes);
    let own: Image = referrer(&subject, "application/vnd.example.scan+json", b"{}");
    inside.registry().push_image(&to, own.digest(), &own);
    let list = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [own.manifest.descriptor()],
    });
    let list = Blob::new("application/vnd.oci.image.index.v1+json", list.to_string().into_bytes());
    inside.registry().push_manifest(&to, &tag, &list);
    inside.replay().check();
    let mut digests: Vec<String> = listed(&inside, &to, &tag)
        .iter()
        .map(|entry| entry["digest"].as_str().unwrap().to_owned())
        .collect();
    digests.sort();
    let mut wanted = vec![own.digest().to_owned(), carried_referrer];
    wanted.sort();
    assert_eq!(digests, wanted);
    inside.assert_settled();
}

#[test]
fn a_sparse_index_that_is_refused_gives_way_to_its_one_platform() {
    let carried = Carried::fixtures();
    let inside = Inside::with(&carried, World::inside_with(&["--sparse=false"]));
    let host = carried.outside().host();
    let warning = format!(
        "image:{host}/library/multi:2.0: the registry does not take index {} without all its platforms; its tags \
         name the one platform that is carried, and references by the index digest do not work inside",
        carried.outside().registry().digest("library/multi", "2.0").unwrap()
    );
    let ended = inside.replay().stderr("").check();
    assert!(ended.out().contains(&format!("warning: {warning}\n")), "{}", ended.out());
    assert_eq!(inside.receipt()["warnings"], json!([warning]));
    let to = format!("mirror/{}", carried.inside_name("library/multi"));
    let child = &subjects(&carried)[1].0;
    assert_eq!(inside.registry().digest(&to, "2.0").as_ref(), Some(child));
    let outside = carried.outside().registry();
    assert_eq!(inside.registry().closure(&to, "2.0"), outside.closure("library/multi", child));
    let receipt = inside.receipt();
    let multi = receipt["images"].as_array().unwrap().iter().find(|i| i["tags"][0]["tag"] == "2.0");
    assert_eq!(multi.unwrap()["tags"][0]["digest"], json!(child));

    // Again: the same end, the same warning, and questions only.
    inside.proxy.take_log();
    let again = inside.replay().stderr("").check();
    let log = inside.proxy.take_log();
    log.assert_questions_only();
    assert!(log.0.len() <= 18, "{} requests\n{}", log.0.len(), log.lines());
    assert!(again.out().contains(&format!("warning: {warning}\n")), "{}", again.out());
    assert!(again.out().contains(" 0 OCI manifests, 0 tags, 0 refs"), "{}", again.out());
    let plan = inside.replay().arg("--plan").check().out();
    assert!(!plan.contains("MOVES") && !plan.contains("send "), "{plan}");
}

#[test]
fn a_sparse_index_is_an_error_where_the_site_says_so() {
    let carried = Carried::fixtures();
    let inside = Inside::with(&carried, World::inside_with(&["--sparse=false"]));
    inside.site("sparseIndex: refuse\n", "");
    inside
        .replay()
        .status(7)
        .stdout("")
        .stderr_has("error: image:127.0.0.1:[PORT]/library/multi:2.0: the registry refuses an index whose other platforms are not carried: ")
        .stderr_has("hint: carry all platforms (leave platforms: empty), or carry one and leave registry.sparseIndex at platform\n")
        .check();
    inside.registry().assert_visible_is_whole();
    let repositories = inside.registry().repositories();
    let tags: Vec<String> = repositories.iter().flat_map(|r| inside.registry().tags(r)).collect();
    assert!(tags.is_empty(), "{tags:?}");
}

#[test]
fn of_two_carried_platforms_none_is_chosen() {
    let carried = Carried::fixtures();
    let host = carried.outside().host();
    crate::support::fixture::image::three_platforms(&carried.outside().registry(), "library/three");
    let inventory = format!(
        "haversack: 1\nname: platform\nplatforms: [linux/amd64, linux/arm64]\nimages:\n  - {host}/library/three:1.0\n"
    );
    let bundle = carried.build("3.0.0-two", &inventory);
    let inside = Inside::with(&carried, World::inside_with(&["--sparse=false"]));
    inside.carry(&bundle);
    inside
        .replay()
        .status(7)
        .stdout("")
        .stderr_has("library/three:1.0: the registry refuses an index whose other platforms are not carried: ")
        .check();
    assert!(
        inside
            .registry()
            .tags(&format!("mirror/{}", carried.inside_name("library/three")))
            .is_empty()
    );
}
