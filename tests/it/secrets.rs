//! Planted credentials: used where they belong, and found nowhere else, whatever goes wrong.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::connected::{Connected, PASSPHRASE};
use crate::support::fault::{FaultProxy, on};
use crate::support::job::Ended;
use crate::support::tree;
use crate::support::world::World;

const USER: &str = "robot-account";
const PASSWORD: &str = "registry-canary-0xC0FFEE";
const GIT_USER: &str = "git-robot";
const GIT_PASSWORD: &str = "git-canary-0xBADC0DE";
const TOKEN: &str = "bearer-canary-0xFEEDFACE";

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A world that lets nobody in without a login, and a room that has the logins.
struct Bench {
    _world: World,
    proxy: FaultProxy,
    side: Connected,
    planted: Vec<PathBuf>,
}

impl Bench {
    fn new() -> Self {
        let (world, proxy) = World::start_behind_proxy();
        let side = Connected::new(&world.inventory(), &proxy.host()).key();
        let home = side.room.room().join("home");
        let planted = vec![
            home.join(".docker/config.json"),
            home.join(".git-credentials"),
            side.room.path("passphrase"),
        ];
        let config = serde_json::json!({"auths": {
            proxy.host(): {"auth": STANDARD.encode(format!("{USER}:{PASSWORD}"))},
        }});
        std::fs::create_dir(home.join(".docker")).unwrap();
        std::fs::write(&planted[0], config.to_string()).unwrap();
        let login = format!("http://{GIT_USER}:{GIT_PASSWORD}@{}\n", proxy.host());
        std::fs::write(&planted[1], login).unwrap();
        std::fs::write(home.join(".gitconfig"), "[credential]\n\thelper = store\n").unwrap();
        let bench = Self { _world: world, proxy, side, planted };
        bench.lock_doors();
        bench
    }

    /// Every request needs its login from here on, and no fault is left.
    fn lock_doors(&self) {
        self.proxy.heal();
        let registry = on("*", "/v2/");
        self.proxy.rule(registry.require(&basic(USER, PASSWORD), "Basic realm=\"acme\""));
        let git = on("*", "/git/");
        self.proxy.rule(git.require(&basic(GIT_USER, GIT_PASSWORD), "Basic realm=\"git\""));
    }

    fn secrets(&self) -> Vec<String> {
        let pem = self.side.room.read("release.key.pem");
        let body = pem.lines().nth(1).unwrap().to_owned();
        vec![PASSWORD.into(), GIT_PASSWORD.into(), TOKEN.into(), PASSPHRASE.into(), body]
    }

    /// Ends the test if a secret stands in what was said, or in any file in which it was not planted.
    #[track_caller]
    fn nothing_leaked(&self, said: &Ended) {
        let key = self.side.room.path("release.key.pem");
        for secret in self.secrets() {
            for text in [&said.stdout, &said.stderr] {
                let found = tree::canary_in(text, &secret);
                assert!(found.is_empty(), "{secret}: {found:?}\n{}", said.both());
            }
            let planted = |place: &String| {
                let files = self.planted.iter().chain([&key]);
                files.into_iter().any(|file| place.starts_with(&*file.to_string_lossy()))
            };
            let mut found = tree::canary(self.side.room.room(), &secret);
            found.retain(|place| !planted(place));
            assert!(found.is_empty(), "{secret}: {found:#?}");
        }
    }
}

#[test]
fn logins_are_used_and_leave_no_trace() {
    let bench = Bench::new();
    for json in [false, true] {
        let flag = if json { "--json" } else { "--quiet" };
        bench.nothing_leaked(&bench.side.lock().arg(flag).check());
        bench.nothing_leaked(&bench.side.lock().check());
        bench.nothing_leaked(&bench.side.build().check());
        bench.nothing_leaked(&bench.side.build().arg(flag).check());
    }
    let bundle = bench.side.bundle();
    let inspect = bench.side.room.run(["inspect".into(), bundle.into_os_string()]);
    bench.nothing_leaked(&inspect.check());
    let log = bench.proxy.log();
    let given = |want: &str| {
        let is = |(name, value): &(String, String)| {
            name.eq_ignore_ascii_case("authorization") && value == want
        };
        log.0.iter().filter(|seen| seen.headers.iter().any(is)).count()
    };
    assert!(given(&basic(USER, PASSWORD)) > 10, "the registry's login was used");
    assert!(given(&basic(GIT_USER, GIT_PASSWORD)) > 1, "git's login was used");
    // Chart repositories and plain files on the same host get no login at all.
    let shown = |seen: &&crate::support::fault::log::Seen| {
        let has = |(name, _): &(String, String)| name.eq_ignore_ascii_case("authorization");
        seen.path.starts_with("/files/") && seen.headers.iter().any(has)
    };
    assert_eq!(log.0.iter().filter(shown).count(), 0);
}

#[test]
fn a_config_file_that_is_named_serves_as_well() {
    let bench = Bench::new();
    let config = serde_json::json!({"auths": {
        bench.proxy.host(): {"username": USER, "password": PASSWORD},
    }});
    std::fs::remove_file(&bench.planted[0]).unwrap();
    let file = bench.side.room.write("login.json", config.to_string().as_bytes());
    let step = bench.side.lock().arg("--docker-config").arg("login.json");
    let said = step.check();
    std::fs::remove_file(file).unwrap();
    bench.nothing_leaked(&said);
}

#[test]
fn tokens_leave_no_trace() {
    let bench = Bench::new();
    bench.proxy.heal();
    let realm = format!("http://{}/token", bench.proxy.host());
    let challenge = format!("Bearer realm=\"{realm}\",service=\"acme\"");
    bench.proxy.rule(on("*", "/v2/").require(&format!("Bearer {TOKEN}"), &challenge));
    let body = format!("{{\"token\":\"{TOKEN}\",\"expires_in\":300}}");
    let json = [("Content-Type", "application/json")];
    bench.proxy.rule(on("GET", "/token").answer(200, &json, body.as_bytes()));
    bench.nothing_leaked(&bench.side.build().check());
    // The login went to the token service, the token to the registry, and neither to the other.
    let basic = basic(USER, PASSWORD);
    for seen in bench.proxy.log().0 {
        for (_, value) in
            seen.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case("authorization"))
        {
            let is_token = seen.path.starts_with("/token");
            assert_eq!(*value == basic, is_token, "{} {value}", seen.path);
        }
    }
}

#[test]
fn failing_runs_leak_nothing_either() {
    let bench = Bench::new();
    let echo = format!(
        "{{\"errors\":[{{\"code\":\"DENIED\",\"message\":\"{USER}:{PASSWORD} ({}) may not\"}}]}}",
        basic(USER, PASSWORD)
    );
    let elsewhere = format!("http://{}/files/gone?signature={TOKEN}", bench.proxy.host());
    let slow = [("Retry-After", "86400")];
    for (name, rule) in [
        ("refused", on("*", "/v2/").answer(403, &[], echo.as_bytes())),
        ("refused with an echo", on("*", "/v2/").answer(400, &[], echo.as_bytes())),
        ("busy", on("*", "/v2/").answer(429, &slow, echo.as_bytes())),
        ("signed URL", on("GET", "/v2/").answer(307, &[("Location", &elsewhere)], b"")),
        ("wrong bytes", on("GET", "/manifests/").answer(200, &[], echo.as_bytes())),
        ("git", on("*", "/git/").answer(403, &[], b"no")),
        ("chart", on("GET", "/files/charts/").answer(403, &[], b"")),
    ] {
        bench.proxy.heal();
        bench.proxy.rule(rule);
        let registry = on("*", "/v2/");
        bench.proxy.rule(registry.require(&basic(USER, PASSWORD), "Basic realm=\"acme\""));
        for flag in ["--json", "--quiet"] {
            let said = bench.side.lock().arg(flag).status(4).check();
            assert!(!said.stderr.is_empty(), "{name}");
            bench.nothing_leaked(&said);
        }
    }
}

/// The registry repeats the login in its refusal, after it had asked for it.
#[test]
fn a_server_that_repeats_the_login_is_not_repeated() {
    let bench = Bench::new();
    let echo = format!(
        "{{\"errors\":[{{\"code\":\"DENIED\",\"message\":\"not for {USER}:{PASSWORD} ({})\"}}]}}",
        basic(USER, PASSWORD)
    );
    bench.proxy.heal();
    let first = on("*", "/v2/").first(1);
    bench.proxy.rule(first.answer(401, &[("WWW-Authenticate", "Basic realm=\"acme\"")], b""));
    bench.proxy.rule(on("*", "/v2/").answer(403, &[], echo.as_bytes()));
    let said = bench
        .side
        .lock()
        .arg("--quiet")
        .status(4)
        .stderr_has("not for robot-account:*** (Basic ***)")
        .check();
    bench.nothing_leaked(&said);
}

#[test]
fn a_wrong_passphrase_is_not_repeated() {
    let bench = Bench::new();
    let wrong = "wrong-passphrase-0xDEADBEEF";
    let file = bench.side.room.write("passphrase", format!("{wrong}\n").as_bytes());
    let said = bench.side.build().status(2).stderr_has("release.key.pem").check();
    assert_eq!(tree::canary_in(&said.stderr, wrong), [""; 0]);
    std::fs::remove_file(file).unwrap();
    bench.side.room.assert_nowhere(wrong);
}
