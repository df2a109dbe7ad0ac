//! `make demo`: the main job end to end on loopback, told for a newcomer. Also a test: without `--narrate` it is silent.
//!
//! Outside: a registry, a chart repository and a git server with small fixtures made on the spot. They are stopped
//! before the replay. Inside: an empty registry and git server. Plain clients (git, and HTTP without any registry
//! library) then ask the inside for what the outside had.
#![allow(clippy::print_stdout, reason = "it tells a story")]

// Without a test harness the toolbox's own tests are not compiled, and their imports are left over.
#[allow(unused_imports)]
#[path = "it/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::ExitCode;

use support::fixture::git::ls_remote;
use support::job::{Ended, Job, RUN_MAX};
use support::scenario::Scenario;
use support::world::World;

/// Tells the story, or keeps still.
struct Teller {
    aloud: bool,
    step: u32,
}

impl Teller {
    fn say(&self, text: &str) {
        if self.aloud {
            println!("{text}");
        }
    }

    fn step(&mut self, text: &str) {
        self.step += 1;
        self.say(&format!("\n{}. {text}", self.step));
    }

    /// Runs haversack as a person would and shows what it prints.
    fn run(&self, room: &Scenario, args: &[&str]) -> Ended {
        self.say(&format!("   $ haversack {}", args.join(" ")));
        let mut command = room.command();
        command.args(args);
        let ended = Job::start(command, b"").finish(RUN_MAX);
        for line in
            ended.out().lines().chain(ended.err().lines().filter(|_| !ended.status.success()))
        {
            self.say(&format!("   | {line}"));
        }
        ended.succeeded()
    }
}

fn main() -> ExitCode {
    let aloud = std::env::args().any(|arg| arg == "--narrate");
    let mut teller = Teller { aloud, step: 0 };
    let room = Scenario::new();
    tell(&mut teller, &room);
    // The harness-less test says how it went in the words of the others.
    println!(
        "test demo ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out"
    );
    ExitCode::SUCCESS
}

fn tell(teller: &mut Teller, room: &Scenario) {
    teller.say("Haversack carries a platform across an air gap. Everything below happens on this machine, over loopback.");
    teller.step("The outside world: a registry, a chart repository and a git server, with small things in them.");
    let mut outside = World::start();
    teller.say(&format!("   listening on {}", outside.url()));

    teller.step("The inventory: the minimum that a person writes down.");
    let host = outside.host();
    let inventory = include_str!("../inventory/demo.yaml").replace("127.0.0.1:5001", &host);
    room.write("demo.yaml", inventory.as_bytes());
    let shown = inventory.lines().filter(|line| !line.starts_with('#'));
    shown.for_each(|line| teller.say(&format!("   | {line}")));

    teller.step("The lock: everything that the inventory leads to, pinned by digest and commit.");
    teller.run(room, &["lock", "demo.yaml", "--plain-http", &host]);

    teller.step("A signing key. The public half goes to the isolated side, once.");
    room.write("passphrase", b"correct horse battery staple\n");
    teller.run(room, &["keys", "generate", "release", "--passphrase-file", "passphrase"]);
    std::fs::create_dir(room.path("trust")).expect("folder");
    std::fs::copy(room.path("release.pub.pem"), room.path("trust/release.pub.pem")).expect("copy");

    teller.step("The bundle: fetched, packed, sealed and signed.");
    let key = ["--key", "release.key.pem", "--passphrase-file", "passphrase"];
    let build =
        [&["build", "demo.yaml", "--locked", "--plain-http", &host], key.as_slice()].concat();
    teller.run(room, &build);
    let bundle = the_bundle(&room.path("bundles"));
    let bundle = bundle.as_str();

    teller.step("What the outside has, noted for the comparison at the end.");
    let wanted = Wanted::note(&outside);
    teller.say(&format!(
        "   image {}\n   chart {} bytes\n   repo\n{}",
        wanted.image.join("\n         "),
        wanted.chart.len(),
        indent(&wanted.refs)
    ));

    teller.step("The outside world is stopped. From here on nothing can be fetched.");
    outside.stop();

    teller.step("Inside, the folder is proven with nothing but the public key.");
    teller.run(room, &["verify", bundle, "--trust", "trust", "--deep"]);

    teller.step("An empty inside: a registry and a git server with nothing in them.");
    let inside = World::inside();
    let site = format!(
        "haversack: 1\nregistry:\n  url: {}\n  prefix: mirror\ngit:\n  url: {}\n",
        inside.url(),
        inside.git_base()
    );
    room.write("site.yaml", site.as_bytes());
    site.lines().for_each(|line| teller.say(&format!("   | {line}")));

    teller.step("The replay: planned, sent, read back.");
    teller.run(room, &["replay", bundle, "--site", "site.yaml", "--trust", "trust"]);

    teller.step("Plain clients ask the inside for what the outside had.");
    wanted.compare(teller, &inside, &host, room);

    teller.step("Replaying again only asks: nothing is left to send.");
    teller.run(
        room,
        &["replay", bundle, "--site", "site.yaml", "--trust", "trust", "--receipt", "again.json"],
    );

    teller.step("The receipt, for the log book.");
    teller.say(&indent(&room.read("receipt.json")));
}

/// What the outside had.
struct Wanted {
    image: Vec<String>,
    chart: Vec<u8>,
    refs: String,
}

const IMAGE: (&str, &str) = ("library/docker", "1.0");
const CHART: &str = "charts/web-1.2.0.tgz";

impl Wanted {
    fn note(outside: &World) -> Self {
        let chart = support::http::get(&outside.file_url(CHART)).expect(&[200]).body;
        Self {
            image: outside.registry().closure(IMAGE.0, IMAGE.1),
            chart,
            refs: carried(&ls_remote(&outside.git_url("acme", "platform"))),
        }
    }

    fn compare(&self, teller: &Teller, inside: &World, host: &str, room: &Scenario) {
        let prefix = format!("mirror/{}", host.replace(':', "-"));
        let registry = inside.registry();
        assert_eq!(registry.closure(&format!("{prefix}/{}", IMAGE.0), IMAGE.1), self.image);
        teller.say("   image: every digest below its tag is equal");
        let repository = format!("{prefix}/files/charts/web");
        let manifest = registry.manifest(&repository, "1.2.0").expect("the chart's OCI manifest");
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
        let layer = manifest["layers"][0]["digest"].as_str().expect("a layer").to_owned();
        assert!(registry.blob(&repository, &layer).as_deref() == Some(self.chart.as_slice()));
        teller.say("   chart: the archive is equal byte for byte");
        let url = inside.git_url("acme", "platform");
        assert_eq!(carried(&ls_remote(&url)), self.refs);
        let clone = room.path("clone");
        support::fixture::git::run(&room.path(""), &["clone", "--quiet", &url, "clone"]);
        support::fixture::git::run(&clone, &["fsck", "--full", "--strict"]);
        teller.say(&format!("   repo:  every ref is equal; `git clone {url}` and `git fsck --full --strict` are content"));
    }
}

/// The refs that the inventory asks for.
fn carried(refs: &str) -> String {
    let wanted = |line: &&str| line.ends_with("refs/heads/main") || line.contains("refs/tags/v1.");
    refs.lines().filter(wanted).collect::<Vec<_>>().join("\n")
}

fn the_bundle(bundles: &Path) -> String {
    let mut names: Vec<String> = std::fs::read_dir(bundles)
        .expect("bundles")
        .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
    format!("bundles/{}", names.remove(0))
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("   | {line}")).collect::<Vec<_>>().join("\n")
}
