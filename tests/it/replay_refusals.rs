//! What `replay` refuses before it sends anything, and whom it logs in as.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::carried::{Carried, Inside};
use crate::support::fault::on;
use crate::support::fixture::chart::ChartSpec;
use crate::support::fixture::image::service;
use crate::support::scenario::Scenario;
use crate::support::sha256_hex;
use crate::support::tree::{canary, canary_in};

#[test]
fn all_problems_of_a_site_file_come_at_once() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.room.write(
        "site.yaml",
        b"haversack: 2\n\
          registry:\n\
          \x20 url: https://bob:hunter2-canary@registry.inside/x\n\
          \x20 prefix: Upper\n\
          \x20 sparseIndex: maybe\n\
          \x20 allowTagMoves: perhaps\n\
          \x20 credentials: {user: bob}\n\
          git:\n\
          \x20 urll: http://git.inside\n\
          \x20 kind: github\n\
          \x20 repos: {\"https://x.example/a/b.git\": c}\n",
    );
    let ended = inside
        .replay()
        .status(3)
        .stdout("")
        .stderr(
            "error: site.yaml:1:12: haversack: must be 1, the format that this haversack reads\n\
             error: site.yaml:3:8: registry.url: holds credentials; name a file under credentials instead\n\
             error: site.yaml:4:11: registry.prefix: \"Upper\" is not the beginning of a repository name\n\
             error: site.yaml:5:16: registry.sparseIndex: must be one of platform, refuse\n\
             error: site.yaml:6:18: registry.allowTagMoves: must be true or false, not a text\n\
             error: site.yaml:7:16: registry.credentials: does not say where the credentials are; give user and \
             passwordFile, or user and passwordEnv, or dockerConfig alone\n\
             error: site.yaml:9:3: git.urll: unknown key; did you mean \"url\"?\n\
             error: site.yaml:9:3: git.url: missing\n\
             error: site.yaml:10:9: git.kind: must be one of plain, gitea\n\
             error: site.yaml:11:10: git.repos: \"c\" is not OWNER/REPO\n",
        )
        .check();
    assert!(canary_in(&ended.stderr, "hunter2-canary").is_empty());
    inside.assert_untouched();
}

#[test]
fn a_site_file_that_is_not_one_is_named() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    for (text, stderr) in [
        ("", "site.yaml:1:1: must be a mapping, not nothing"),
        ("[]", "site.yaml:1:1: must be a mapping, not a list"),
        ("haversack: 1\n", "site.yaml:1:1: names no server; give registry, git, or both"),
        (
            "haversack: 1\nregistry: {url: ftp://x}\n",
            "site.yaml:2:17: registry.url: must be an http:// or https:// URL",
        ),
        ("a: &a [*a, *a]\n", "site.yaml:1:8: an alias inside of what it stands for"),
        (
            "haversack: 1\nregistry: {url: http://x.test}\nregistry: {url: http://y.test}\n",
            "site.yaml:3:1: duplicate mapping key: registry",
        ),
    ] {
        inside.room.write("site.yaml", text.as_bytes());
        inside.replay().status(3).stdout("").stderr(&format!("error: {stderr}\n")).check();
    }
    fs::remove_file(inside.room.path("site.yaml")).unwrap();
    inside
        .replay()
        .status(2)
        .stdout("")
        .stderr("error: site.yaml: No such file or directory (os error 2)\n")
        .check();
    inside.assert_untouched();
}

#[test]
fn a_missing_section_is_named_with_what_needs_it() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let url = inside.proxy.url();
    let registry = format!("haversack: 1\nregistry:\n  url: {url}\n");
    inside.room.write("site.yaml", registry.as_bytes());
    inside
        .replay()
        .status(7)
        .stdout("")
        .stderr(
            "error: the bundle carries git repositories (2) and the site file names no git server\n\
             hint: add a git: section to the site file\n",
        )
        .check();
    let git = format!("haversack: 1\ngit:\n  url: {url}/git\n");
    inside.room.write("site.yaml", git.as_bytes());
    inside
        .replay()
        .status(7)
        .stdout("")
        .stderr(
            "error: the bundle carries content for a registry (12) and the site file names none\n\
             hint: add a registry: section to the site file\n",
        )
        .check();
    inside.assert_untouched();
}

#[test]
fn a_tag_that_would_move_is_shown_and_moves_unless_the_site_forbids_it() {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    let to = format!("mirror/{}", carried.inside_name("acme/web"));
    let own = service("somebody-elses");
    inside.registry().push_image(&to, "1.0", &own);
    let plan = inside.replay().arg("--plan").check().out();
    let row = plan.lines().find(|line| line.contains("MOVES")).expect("a tag that moves");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), [":1.0", "tag", "MOVES"]);

    inside.site("allowTagMoves: false\n", "");
    let dashed = carried.outside().host().replace(':', "-");
    let stderr = format!(
        "error: 1 tags inside point to something else\n\
         error: 127.0.0.1:[PORT]/mirror/{dashed}/acme/web:1.0\n\
         hint: nothing was sent; the site file forbids it with registry.allowTagMoves: false\n"
    );
    inside.replay().status(7).stdout("").stderr(&stderr).check();
    inside.proxy.log().assert_questions_only();
    assert_eq!(inside.registry().digest(&to, "1.0").as_deref(), Some(own.digest()));

    inside.site("", "");
    inside.replay().check();
    let outside = carried.outside().registry();
    assert_eq!(inside.registry().digest(&to, "1.0"), outside.digest("acme/web", "1.0"));
    // What the tag named before is still there by its digest.
    assert!(inside.registry().manifest(&to, own.digest()).is_some());
    inside.site("allowTagMoves: false\n", "");
    inside.assert_settled();
}

const COLLISION: &str = "hint: map one of the repositories in the site file (git.repos), or carry them in two \
    bundles with two prefixes\n";

/// Replays a bundle in which two sources want one inside name.
#[track_caller]
fn collides(
    version: &str,
    inventory: &dyn Fn(&Carried) -> String,
    stderr: &dyn Fn(&str) -> String,
) {
    let carried = Carried::fixtures();
    let inside = Inside::new(&carried);
    inside.carry(&carried.build(version, &inventory(&carried)));
    let dashed = carried.outside().host().replace(':', "-");
    inside.replay().status(7).stdout("").stderr(&stderr(&dashed)).check();
    inside.replay().arg("--plan").status(7).stdout("").check();
    inside.assert_untouched();
}

#[test]
fn two_files_that_differ_in_case_only_collide() {
    collides(
        "5.0.0-case",
        &|carried| {
            let outside = carried.outside();
            outside.write_file("v1/Things.yaml", b"a");
            outside.write_file("v1/things.yaml", b"b");
            let file = |path: &str, text: &[u8]| {
                format!("  - url: {}\n    sha256: {}\n", outside.file_url(path), sha256_hex(text))
            };
            format!(
                "haversack: 1\nname: platform\nfiles:\n{}{}",
                file("v1/Things.yaml", b"a"),
                file("v1/things.yaml", b"b")
            )
        },
        &|host| {
            format!(
                "error: 1 inside names are wanted by more than one source\n\
                 error: 127.0.0.1:[PORT]/mirror/{host}/files/v1/things.yaml (registry) is wanted by \
                 127.0.0.1:[PORT]/files/v1/Things.yaml and by 127.0.0.1:[PORT]/files/v1/things.yaml\n{COLLISION}"
            )
        },
    );
}

#[test]
fn two_chart_repositories_whose_paths_read_the_same_collide() {
    collides(
        "5.0.0-charts",
        &|carried| {
            let outside = carried.outside();
            let (one, two) = ("stable~1", "stable-1");
            let urls = [one, two].map(|name| {
                let chart = ChartSpec::new("app", "1.0.0").file("from.txt", name).build();
                outside.publish_charts(name, &[&chart])
            });
            let chart =
                |url: &str| format!("  - chart: app\n    repo: {url}\n    version: 1.0.0\n");
            format!("haversack: 1\nname: platform\ncharts:\n{}{}", chart(&urls[0]), chart(&urls[1]))
        },
        &|host| {
            format!(
                "error: 2 inside names are wanted by more than one source\n\
                 error: 127.0.0.1:[PORT]/mirror/{host}/files/stable-1/app (registry) is wanted by \
                 127.0.0.1:[PORT]/files/stable-1/app and by 127.0.0.1:[PORT]/files/stable~1/app\n\
                 error: 127.0.0.1:[PORT]/mirror/{host}/files/stable-1/app:1.0.0 (tag) is wanted by \
                 127.0.0.1:[PORT]/files/stable-1/app@sha256:[DIGEST] and by \
                 127.0.0.1:[PORT]/files/stable~1/app@sha256:[DIGEST]\n{COLLISION}"
            )
        },
    );
}

#[test]
fn two_repositories_of_one_owner_and_name_collide() {
    collides(
        "5.0.0-git",
        &|carried| {
            let outside = carried.outside();
            let url = outside.git_url("acme", "platform");
            // The same server under another name is another source.
            let other = url.replace("127.0.0.1", "localhost");
            format!(
                "haversack: 1\nname: platform\nrepos:\n  - url: {url}\n    refs: [main]\n  \
                 - url: {other}\n    refs: [main]\n"
            )
        },
        &|host| {
            let port = host.rsplit('-').next().unwrap();
            format!(
                "error: 1 inside names are wanted by more than one source\n\
                 error: http://127.0.0.1:[PORT]/git/acme/platform.git (git) is wanted by \
                 http://127.0.0.1:[PORT]/git/acme/platform.git and by \
                 http://localhost:{port}/git/acme/platform.git\n{COLLISION}"
            )
        },
    );
}

/// A password that must turn up nowhere but in its file and in the header that it is meant for.
const SECRET: &str = "s3cr3t-canary/inside+42";

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Servers that want this login.
fn locked(carried: &Carried) -> Inside {
    let inside = Inside::new(carried);
    let login = basic("robot", SECRET);
    inside.proxy.rule(on("*", "/v2/").require(&login, "Basic realm=\"registry\""));
    inside.proxy.rule(on("*", "/git/").require(&login, "Basic realm=\"git\""));
    inside
}

#[track_caller]
fn assert_kept_secret(room: &Scenario, outputs: &[&[u8]], ours: &str) {
    let found: Vec<String> =
        canary(room.room(), SECRET).into_iter().filter(|place| !place.contains(ours)).collect();
    assert!(found.is_empty(), "{found:#?}");
    for output in outputs {
        assert_eq!(canary_in(output, SECRET), Vec::<String>::new());
    }
}

#[test]
fn a_password_from_a_file_opens_registry_and_git() {
    let carried = Carried::fixtures();
    let inside = locked(&carried);
    let login = "credentials: {user: robot, passwordFile: secret/password}\n";
    inside.site(login, login);
    inside.room.write("secret/password", format!("{SECRET}\n").as_bytes());
    let ended = inside.room.run(["replay", "bundle", "--site", "site.yaml", "--trust", "trust"]);
    let ended = ended.check();
    let json = inside.replay().arg("--json").check();
    assert_kept_secret(
        &inside.room,
        &[&ended.stdout, &ended.stderr, &json.stdout, &json.stderr],
        "secret/password",
    );
    // Only what is under way before the first answer goes out bare: eight to the registry, two for each repository.
    let bare = inside.proxy.take_log().0.into_iter().filter(|seen| seen.status == 401).count();
    assert!(bare <= 2 * (8 + 2 * 2), "{bare} requests without the login");
}

#[test]
fn a_password_from_the_environment_opens_registry_and_git() {
    let carried = Carried::fixtures();
    let inside = locked(&carried);
    let login = "credentials: {user: robot, passwordEnv: INSIDE_PASSWORD}\n";
    inside.site(login, login);
    let ended = inside.replay().env("INSIDE_PASSWORD", SECRET).check();
    assert_kept_secret(&inside.room, &[&ended.stdout, &ended.stderr], "none");
    inside
        .replay()
        .status(2)
        .stdout("")
        .stderr(
            "error: environment variable INSIDE_PASSWORD is not set\n\
             hint: the site file names it for a password\n",
        )
        .check();
}

#[test]
fn a_docker_config_opens_the_registry() {
    let carried = Carried::fixtures();
    let inside = locked(&carried);
    inside.site(
        "credentials: {dockerConfig: secret/config.json}\n",
        "credentials: {user: robot, passwordFile: secret/password}\n",
    );
    inside.room.write("secret/password", SECRET.as_bytes());
    let auth = STANDARD.encode(format!("robot:{SECRET}"));
    let config = format!("{{\"auths\":{{\"{}\":{{\"auth\":\"{auth}\"}}}}}}", inside.proxy.host());
    inside.room.write("secret/config.json", config.as_bytes());
    let ended = inside.replay().check();
    assert_kept_secret(&inside.room, &[&ended.stdout, &ended.stderr], "secret/");
}

#[test]
fn a_wrong_password_is_refused_with_the_host_and_without_the_password() {
    let carried = Carried::fixtures();
    let inside = locked(&carried);
    let dashed = carried.outside().host().replace(':', "-");
    inside.room.write("secret/password", SECRET.as_bytes());
    let (right, wrong) = (
        "credentials: {user: robot, passwordFile: secret/password}\n",
        "credentials: {user: intruder, passwordFile: secret/password}\n",
    );
    let registry_says = |whom: &str| {
        format!(
            "error: 127.0.0.1:[PORT]/mirror/{dashed}/acme/canary:1.0: 127.0.0.1:[PORT] refused access for \
             \"repository:mirror/{dashed}/acme/canary:pull\"{whom}: status 401\n\
             hint: check the login for 127.0.0.1:[PORT]: `skopeo login 127.0.0.1:[PORT]` and --docker-config on the \
             connected side, credentials in the site file inside\n"
        )
    };
    let git_says = "error: http://127.0.0.1:[PORT]/git/acme/platform.git/info/refs: the credentials were refused \
                    (status 401)\nhint: check git.credentials in the site file, and what that user may write\n";
    for (registry, git, stderr) in [
        (wrong, right, registry_says("").as_str()),
        (right, wrong, git_says),
        ("", right, registry_says(" to an unknown user").as_str()),
    ] {
        inside.site(registry, git);
        let ended = inside.replay().status(7).stdout("").stderr(stderr).check();
        assert_kept_secret(&inside.room, &[&ended.stdout, &ended.stderr], "secret/password");
        assert!(ended.err().contains(&inside.proxy.host()));
        let json = inside.replay().arg("--json").status(7).check();
        assert_kept_secret(&inside.room, &[&json.stdout, &json.stderr], "secret/password");
    }
    let written: Vec<String> = inside.registry().repositories();
    assert!(written.is_empty(), "{written:?}");
}

#[test]
fn a_password_file_that_is_not_there_is_named() {
    let carried = Carried::fixtures();
    let inside = locked(&carried);
    inside.site("credentials: {user: robot, passwordFile: secret/none}\n", "");
    inside
        .replay()
        .status(2)
        .stdout("")
        .stderr("error: secret/none: No such file or directory (os error 2)\n")
        .check();
    inside.assert_untouched();
}
