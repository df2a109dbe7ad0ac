//! A bundle that was built outside, and the isolated side that it is carried to.
//!
//! ```ignore
//! let carried = Carried::fixtures();
//! let inside = Inside::new(&carried);
//! inside.replay().check();
//! inside.proxy.take_log();
//! inside.replay().check();
//! inside.proxy.log().assert_questions_only();
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::Value;

use super::fault::FaultProxy;
use super::job;
use super::registry::Registry;
use super::scenario::{Scenario, Step};
use super::world::World;

/// The bundle of all fixtures, for as long as a test uses it.
static FIXTURES: Mutex<Weak<Carried>> = Mutex::new(Weak::new());

/// A bundle, the public key that proves it, and the world that it was made from.
pub(crate) struct Carried {
    room: Scenario,
    outside: World,
    key: String,
}

impl Carried {
    /// Everything that [`World::start`] holds; tests that run at the same time share it.
    #[track_caller]
    pub(crate) fn fixtures() -> Arc<Self> {
        let mut shared = FIXTURES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(carried) = shared.upgrade() {
            return carried;
        }
        let outside = World::start();
        let inventory = outside.inventory();
        let carried = Arc::new(Self::of(outside, &inventory));
        *shared = Arc::downgrade(&carried);
        carried
    }

    /// What an inventory leads to in a world.
    #[track_caller]
    pub(crate) fn of(outside: World, inventory: &str) -> Self {
        let room = Scenario::new();
        room.write("passphrase", b"correct horse battery staple\n");
        let key = room
            .run(["keys", "generate", "release", "--passphrase-file", "passphrase"])
            .check()
            .out();
        let key = key_id(&key);
        fs::create_dir(room.path("trust")).unwrap();
        fs::rename(room.path("release.pub.pem"), room.path("trust/release.pub.pem")).unwrap();
        let carried = Self { room, outside, key };
        carried.build("1.0.0", inventory);
        carried
    }

    /// Builds another bundle from the same world; `name: platform` gets this version.
    #[track_caller]
    pub(crate) fn build(&self, version: &str, inventory: &str) -> PathBuf {
        let named = format!("name: platform\nversion: {version}\n");
        let text = inventory.replacen("name: platform\n", &named, 1);
        assert_ne!(text, inventory, "the inventory is not named platform");
        // Tests that share this room build side by side: the lock is beside the inventory.
        let file = format!("{version}/platform.yaml");
        self.room.write(&file, text.as_bytes());
        self.room
            .run(["build", &file, "--plain-http", &self.outside.host()])
            .arg("--key")
            .arg("release.key.pem")
            .arg("--passphrase-file")
            .arg("passphrase")
            .check();
        self.folder(version)
    }

    /// The folder of the bundle of this version.
    pub(crate) fn folder(&self, version: &str) -> PathBuf {
        self.room.path(&format!("bundles/platform-{version}"))
    }

    /// The room in which it was built.
    pub(crate) fn room(&self) -> &Scenario {
        &self.room
    }

    /// The world outside; it still runs.
    pub(crate) fn outside(&self) -> &World {
        &self.outside
    }

    /// The short name of the signing key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Makes a room with a copy of the bundle in `bundle` and the public key in `trust`.
    pub(crate) fn hand_over(&self) -> Scenario {
        let room = Scenario::new();
        copy(&self.folder("1.0.0"), &room.path("bundle"));
        copy(&self.room.path("trust"), &room.path("trust"));
        room
    }

    /// `host-port/path` of a repository outside: what its inside name ends in.
    pub(crate) fn inside_name(&self, repo: &str) -> String {
        format!("{}/{repo}", self.outside.host().replace(':', "-"))
    }
}

/// The short name of a key, from what `keys generate` says.
pub(crate) fn key_id(said: &str) -> String {
    said.split("public key ").nth(1).and_then(|rest| rest.get(..16)).unwrap().to_owned()
}

/// Copies the plain files of a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// An isolated side: a room with a bundle in it, and servers behind a proxy that keeps a log.
pub(crate) struct Inside {
    /// Where the commands run.
    pub(crate) room: Scenario,
    /// Registry and git server.
    pub(crate) world: World,
    /// What the site file names.
    pub(crate) proxy: FaultProxy,
}

impl Inside {
    /// Servers with nothing in them.
    #[track_caller]
    pub(crate) fn new(carried: &Carried) -> Self {
        Self::with(carried, World::inside())
    }

    /// These servers.
    #[track_caller]
    pub(crate) fn with(carried: &Carried, world: World) -> Self {
        let proxy = FaultProxy::before(world.url());
        let inside = Self { room: carried.hand_over(), world, proxy };
        inside.site("", "");
        inside
    }

    /// Writes `site.yaml` anew, with further lines under `registry:` and `git:`.
    pub(crate) fn site(&self, registry: &str, git: &str) {
        let url = self.proxy.url();
        let indent =
            |lines: &str| -> String { lines.lines().map(|line| format!("  {line}\n")).collect() };
        let text = format!(
            "haversack: 1\nregistry:\n  url: {url}\n  prefix: mirror\n{}git:\n  url: {url}/git\n{}",
            indent(registry),
            indent(git)
        );
        self.room.write("site.yaml", text.as_bytes());
    }

    /// Puts another bundle in place of the one in `bundle`.
    pub(crate) fn carry(&self, folder: &Path) {
        fs::remove_dir_all(self.room.path("bundle")).unwrap();
        copy(folder, &self.room.path("bundle"));
    }

    /// `haversack replay bundle`, without progress.
    pub(crate) fn replay(&self) -> Step<'_> {
        self.room.run(REPLAY)
    }

    /// The same, for tests that start it themselves.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.room.command();
        command.args(REPLAY);
        command
    }

    /// The registry, seen past the proxy.
    pub(crate) fn registry(&self) -> Registry {
        self.world.registry()
    }

    /// The receipt of the last replay.
    #[track_caller]
    pub(crate) fn receipt(&self) -> Value {
        serde_json::from_str(&self.room.read("receipt.json")).unwrap()
    }

    /// Ends the test unless a further replay succeeds and only asks.
    #[track_caller]
    pub(crate) fn assert_settled(&self) {
        self.proxy.take_log();
        self.replay().check();
        self.proxy.log().assert_questions_only();
    }

    /// Ends the test if there is a receipt, or if anything was asked.
    #[track_caller]
    pub(crate) fn assert_untouched(&self) {
        assert_eq!(self.proxy.log().lines(), "", "the site was asked");
        assert!(!self.room.path("receipt.json").exists(), "there is a receipt");
    }
}

const REPLAY: [&str; 7] =
    ["replay", "bundle", "--site", "site.yaml", "--trust", "trust", "--quiet"];

/// Says aloud that a test was not run, and why; `false`, so that it can end with it.
pub(crate) fn not_run(test: &str, why: &str) {
    use std::io::Write as _;
    // Past the capture of the test harness: what was left out must be seen.
    let _ = writeln!(std::io::stderr(), "not run: {test}: {why}");
}

/// A program of this name on the PATH.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Whether this machine lets a test make mounts of its own, which end with the process.
pub(crate) fn may_mount() -> bool {
    let Some(unshare) = program("unshare") else { return false };
    let mut command = Command::new(unshare);
    command.args(["--map-root-user", "--mount", "sh", "-c"]);
    command.arg("mount -t tmpfs none /mnt");
    job::run(command).status.success()
}
