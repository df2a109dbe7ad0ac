//! Fetching from servers that fail: what a later try cures is cured, the rest is told in full.

use std::time::{Duration, SystemTime};

use crate::support::connected::Connected;
use crate::support::fault::{FaultProxy, on};
use crate::support::fixture::image::{Image, ImageSpec};
use crate::support::job::Ended;
use crate::support::world::World;
use crate::support::{Dice, tree};

const LAYER_BYTES: usize = 700_000;

/// A registry with one image of one large layer, behind a proxy.
struct Bench {
    // Held: its server runs as long as it lives.
    _world: World,
    proxy: FaultProxy,
    image: Image,
    side: Connected,
}

impl Bench {
    fn new() -> Self {
        let (world, proxy) = World::empty_behind_proxy();
        let noise = Dice::new(5).noise(LAYER_BYTES);
        let image = ImageSpec::new().layer(&[("data", &noise)]).build();
        world.registry().push_image("acme/web", "1.0", &image);
        let inventory = format!(
            "haversack: 1\nname: platform\nversion: 1.4.0\nimages:\n  - {}/acme/web:1.0\n",
            proxy.host()
        );
        let side = Connected::new(&inventory, &proxy.host()).key();
        Self { _world: world, proxy, image, side }
    }

    /// The same, locked.
    fn locked() -> Self {
        let bench = Self::new();
        bench.side.lock().check();
        let _ = bench.proxy.take_log();
        bench
    }

    fn layer(&self) -> &str {
        &self.image.layers[0].digest
    }

    /// `Range` of every request for the layer, or nothing where there was none.
    fn ranges(&self) -> Vec<String> {
        let is_layer = |path: &str| path.ends_with(&format!("/blobs/{}", self.layer()));
        let log = self.proxy.log();
        let asked = log.0.iter().filter(|seen| seen.method == "GET" && is_layer(&seen.path));
        asked
            .map(|seen| {
                let range =
                    seen.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("range"));
                range.map(|(_, value)| value.clone()).unwrap_or_default()
            })
            .collect()
    }

    /// Builds and expects what an undisturbed build would have made.
    #[track_caller]
    fn succeeds(&self) -> Ended {
        let ended = self.side.build().check();
        let calm = Bench::calm(self);
        tree::assert_same(&self.side.bundle(), &calm.bundle());
        ended
    }

    fn calm(&self) -> Connected {
        self.proxy.heal();
        let calm = self.side.copy();
        calm.build().check();
        calm
    }
}

#[test]
fn retry_after_is_obeyed_in_seconds_and_as_a_date() {
    for as_date in [false, true] {
        let bench = Bench::new();
        // A date has whole seconds, so that up to one of the three may be cut off.
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3));
        let text = if as_date { date } else { "2".to_owned() };
        let rule = on("GET", "/v2/").first(1);
        bench.proxy.rule(rule.answer(429, &[("Retry-After", &text)], b"slow down"));
        let ended = bench.side.lock().check();
        let log = bench.proxy.log();
        assert!(log.lines().contains("429 (fault)"), "{}", log.lines());
        let least = Duration::from_millis(if as_date { 1500 } else { 2000 });
        assert!(ended.took >= least, "{text}: {:?}", ended.took);
        bench.side.build().check();
    }
}

#[test]
fn a_pause_beyond_patience_is_told_and_not_sat_out() {
    let bench = Bench::new();
    bench.proxy.rule(on("GET", "/v2/").answer(429, &[("Retry-After", "86400")], b""));
    let ended = bench
        .side
        .lock()
        .status(4)
        .stdout("")
        .stderr("
            pinning 1 reference
            error: image 127.0.0.1:[PORT]/acme/web:1.0 (wanted at platform.yaml:5, images[0]): 127.0.0.1:[PORT] asks to come back in [TIME]
            hint: run the same command again later: what was done is kept
        ")
        .check();
    assert!(ended.took < Duration::from_secs(20), "{:?}", ended.took);
}

#[test]
fn bursts_of_server_errors_are_outlasted() {
    let (world, proxy) = World::start_behind_proxy();
    for (part, status) in [
        ("/library/multi/manifests/", 500),
        ("/blobs/", 502),
        ("/referrers/", 503),
        ("/files/charts/index.yaml", 504),
        ("/files/charts/web-", 500),
        ("/files/crds.yaml", 503),
        ("/platform.git/", 503),
    ] {
        proxy.rule(on("*", part).first(3).answer(status, &[], b"not now"));
    }
    let side = Connected::new(&world.inventory(), &proxy.host()).key();
    side.build().check();
    proxy.heal();
    let calm = side.copy();
    calm.build().check();
    tree::assert_same(&side.bundle(), &calm.bundle());
}

#[test]
fn connections_cut_anywhere_are_made_again() {
    let (world, proxy) = World::start_behind_proxy();
    for part in [
        "/library/multi/manifests/2.0",
        "/blobs/",
        "/referrers/",
        "/files/charts/index.yaml",
        "/files/charts/web-",
        "/files/crds.yaml",
    ] {
        proxy.rule(on("GET", part).first(2).cut_answer(30));
        proxy.rule(on("GET", part).first(3).lose_answer());
    }
    let side = Connected::new(&world.inventory(), &proxy.host()).key();
    side.build().check();
    proxy.heal();
    let calm = side.copy();
    calm.build().check();
    tree::assert_same(&side.bundle(), &calm.bundle());
}

#[test]
fn a_cut_blob_goes_on_where_it_stopped() {
    let bench = Bench::locked();
    let layer = format!("/blobs/{}", bench.layer());
    bench.proxy.rule(on("GET", &layer).nth(1).cut_answer(300_000));
    bench.proxy.rule(on("GET", &layer).nth(2).cut_answer(200_000));
    bench.side.build().check();
    assert_eq!(bench.ranges(), ["", "bytes=300000-", "bytes=500000-"]);
    let statuses: Vec<u16> = bench
        .proxy
        .log()
        .0
        .iter()
        .filter(|seen| seen.path.ends_with(&layer))
        .map(|seen| seen.status)
        .collect();
    assert_eq!(statuses, [200, 206, 206]);
    tree::assert_same(&bench.side.bundle(), &bench.calm().bundle());
}

#[test]
fn a_server_that_knows_no_ranges_sends_all_again() {
    let bench = Bench::locked();
    let layer = format!("/blobs/{}", bench.layer());
    bench.proxy.rule(on("GET", &layer).nth(1).cut_answer(300_000));
    let whole = bench.image.layers[0].bytes.clone();
    bench.proxy.rule(on("GET", &layer).nth(2).answer(200, &[], &whole));
    bench.side.build().check();
    assert_eq!(bench.ranges(), ["", "bytes=300000-"]);
    tree::assert_same(&bench.side.bundle(), &bench.calm().bundle());
}

#[test]
fn another_range_than_asked_for_is_not_taken() {
    let bench = Bench::locked();
    let layer = format!("/blobs/{}", bench.layer());
    bench.proxy.rule(on("GET", &layer).nth(1).cut_answer(300_000));
    let rest = bench.image.layers[0].bytes[100_000..].to_vec();
    let total = bench.image.layers[0].bytes.len();
    let range = format!("bytes 100000-{}/{total}", total - 1);
    let rule = on("GET", &layer).nth(2);
    bench.proxy.rule(rule.answer(206, &[("Content-Range", &range)], &rest));
    bench.succeeds();
}

#[test]
fn a_byte_that_turned_on_its_way_is_fetched_again() {
    let (world, proxy) = World::start_behind_proxy();
    for part in
        ["/library/multi/manifests/2.0", "/blobs/", "/files/charts/web-1.2.0", "/files/crds.yaml"]
    {
        proxy.rule(on("GET", part).nth(1).flip_answer(77));
    }
    let side = Connected::new(&world.inventory(), &proxy.host()).key();
    side.build().check();
    proxy.heal();
    let calm = side.copy();
    calm.build().check();
    tree::assert_same(&side.bundle(), &calm.bundle());
}

#[test]
fn wrong_bytes_are_never_taken() {
    let bench = Bench::locked();
    let wrong = vec![7; bench.image.layers[0].bytes.len()];
    let layer = format!("/blobs/{}", bench.layer());
    bench.proxy.rule(on("GET", &layer).answer(200, &[], &wrong));
    bench
        .side
        .build()
        .status(4)
        .stdout("")
        .stderr("
            fetching 1 artifact
            error: image:127.0.0.1:[PORT]/acme/web:1.0: 127.0.0.1:[PORT]/acme/web@sha256:[DIGEST]: the registry sent something else: digest sha256:[DIGEST] instead of sha256:[DIGEST]
        ")
        .check();
    assert_eq!(bench.ranges(), ["", ""], "one more chance, and no more");
    assert!(!bench.side.blob(bench.layer()).exists());
    bench.proxy.heal();
    bench.succeeds();
}

#[test]
fn a_lying_length_is_seen_through() {
    for by in [10, -10] {
        let bench = Bench::locked();
        let layer = format!("/blobs/{}", bench.layer());
        bench.proxy.rule(on("GET", &layer).nth(1).lie_about_length(by));
        bench.succeeds();

        let bench = Bench::locked();
        bench.proxy.rule(on("GET", &layer).lie_about_length(by));
        bench.side.build().status(4).stderr_has("the registry sent something else").check();
        assert!(!bench.side.blob(bench.layer()).exists());
    }
}

#[test]
fn refusals_name_host_repository_and_what_to_do() {
    let denied = br#"{"errors":[{"code":"DENIED","message":"no pull rights"}]}"#;
    let challenge = ("WWW-Authenticate", "Basic realm=\"acme\"");
    for (status, headers) in [(401, vec![challenge]), (403, vec![])] {
        let bench = Bench::new();
        bench.proxy.rule(on("*", "/v2/").answer(status, &headers, denied));
        bench
            .side
            .lock()
            .status(4)
            .stdout("")
            .stderr(&format!("
                pinning 1 reference
                error: image 127.0.0.1:[PORT]/acme/web:1.0 (wanted at platform.yaml:5, images[0]): 127.0.0.1:[PORT]/acme/web:1.0: 127.0.0.1:[PORT] refused access for \"repository:acme/web:pull\" to an unknown user: status {status}: no pull rights
                hint: check the login for 127.0.0.1:[PORT]: `skopeo login 127.0.0.1:[PORT]` and --docker-config on the connected side, credentials in the site file inside
            "))
            .check();
    }
}

#[test]
fn refusals_of_other_servers_are_told_too() {
    let (world, proxy) = World::start_behind_proxy();
    proxy.rule(on("GET", "/files/charts/").answer(403, &[], b""));
    proxy.rule(on("GET", "/files/crds.yaml").answer(401, &[("WWW-Authenticate", "Basic")], b""));
    proxy.rule(on("*", "/git/").answer(401, &[("WWW-Authenticate", "Basic realm=\"git\"")], b""));
    Connected::new(&world.inventory(), &proxy.host())
        .lock()
        .status(4)
        .stdout("")
        .stderr("
            pinning 6 references
            error: chart http://127.0.0.1:[PORT]/files/charts web ^1.0 (wanted at platform.yaml:5, charts[0]): http://127.0.0.1:[PORT]/files/charts/index.yaml: the server answers 403
            error: repo http://127.0.0.1:[PORT]/git/acme/platform.git main v1.* (wanted at platform.yaml:12, repos[0]): http://127.0.0.1:[PORT]/git/acme/platform.git: fatal: could not read Username for 'http://127.0.0.1:[PORT]': terminal prompts disabled
            error: app http://127.0.0.1:[PORT]/git/acme/platform.git main argocd/root (wanted at platform.yaml:15, apps[0]): http://127.0.0.1:[PORT]/git/acme/platform.git: fatal: could not read Username for 'http://127.0.0.1:[PORT]': terminal prompts disabled
            error: file http://127.0.0.1:[PORT]/files/crds.yaml (wanted at platform.yaml:19, files[0]): http://127.0.0.1:[PORT]/files/crds.yaml: the server answers 401
            hint: chart repositories and file servers are asked without a login: take it from a registry (oci://…), or from a server that needs none
            hint: git has no login that is taken there: set up a credential helper or an ssh key, until `git ls-remote URL` asks nothing
        ")
        .check();
}

#[test]
fn a_blob_that_is_gone_is_named_with_its_image() {
    let bench = Bench::locked();
    bench.proxy.rule(on("GET", &format!("/blobs/{}", bench.layer())).answer(404, &[], b""));
    bench
        .side
        .build()
        .status(4)
        .stdout("")
        .stderr("
            fetching 1 artifact
            error: image:127.0.0.1:[PORT]/acme/web:1.0: 127.0.0.1:[PORT]/acme/web@sha256:[DIGEST] is not there
        ")
        .check();
    let asked =
        bench.proxy.log().0.iter().filter(|seen| seen.path.ends_with(&bench.layer())).count();
    assert_eq!(asked, 1, "what is not there is not asked for again");
}

#[test]
fn a_server_that_is_away_is_named() {
    let bench = Bench::new();
    bench.proxy.down(true);
    let ended = bench.side.lock().status(4).stderr_has("the connection broke").check();
    assert!(ended.err().contains("127.0.0.1"), "{}", ended.err());
}
