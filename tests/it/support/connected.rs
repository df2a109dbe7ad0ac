//! The connected side as a person runs it: an inventory, a key, and `lock` and `build` in one room.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::job::{Ended, Job, RUN_MAX};
use super::scenario::{Scenario, Step};

/// What the passphrase file holds.
pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

/// A room with `platform.yaml` in it, and the host that it may ask over plain HTTP.
pub(crate) struct Connected {
    /// The room.
    pub(crate) room: Scenario,
    host: String,
}

impl Connected {
    /// A room with this inventory.
    pub(crate) fn new(inventory: &str, host: &str) -> Self {
        let room = Scenario::new();
        room.write("platform.yaml", inventory.as_bytes());
        Self { room, host: host.to_owned() }
    }

    /// Another room with the same inventory, lock and key.
    pub(crate) fn copy(&self) -> Self {
        let other = Self::new(&self.room.read("platform.yaml"), &self.host);
        for name in ["platform.lock.json", "release.key.pem", "release.pub.pem", "passphrase"] {
            if self.room.path(name).exists() {
                other.room.write(name, self.room.read(name).as_bytes());
            }
        }
        other
    }

    /// Makes a signing key and its passphrase file.
    #[track_caller]
    pub(crate) fn key(self) -> Self {
        self.room.write("passphrase", format!("{PASSPHRASE}\n").as_bytes());
        let generate = ["keys", "generate", "release", "--passphrase-file", "passphrase"];
        self.room.run(generate).check();
        self
    }

    /// `lock platform.yaml`, not yet run.
    pub(crate) fn lock(&self) -> Step<'_> {
        self.room.run(["lock", "platform.yaml", "--plain-http", &self.host])
    }

    /// `build platform.yaml`, not yet run.
    pub(crate) fn build(&self) -> Step<'_> {
        self.room.run(self.build_args())
    }

    /// `build platform.yaml`, for tests that start it themselves.
    pub(crate) fn build_command(&self) -> Command {
        let mut command = self.room.command();
        command.args(self.build_args());
        command
    }

    fn build_args(&self) -> [&str; 8] {
        let host = self.host.as_str();
        let passphrase = ["--passphrase-file", "passphrase"];
        let [flag, file] = passphrase;
        ["build", "platform.yaml", "--plain-http", host, "--key", "release.key.pem", flag, file]
    }

    /// Runs a command to its end, whatever that is.
    pub(crate) fn end(command: Command) -> Ended {
        Job::start(command, b"").finish(RUN_MAX)
    }

    /// The lock as JSON.
    #[track_caller]
    pub(crate) fn locked(&self) -> Lock {
        Lock(serde_json::from_str(&self.room.read("platform.lock.json")).unwrap())
    }

    /// The store that is used unless another is named.
    pub(crate) fn store(&self) -> PathBuf {
        self.room.room().join("home/.cache/haversack")
    }

    /// Every blob of the store, by digest in hex.
    #[track_caller]
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        self.store().join("blobs/sha256").join(digest.trim_start_matches("sha256:"))
    }

    /// The folder of the only bundle there is; hidden names count too, for they must be gone.
    #[track_caller]
    pub(crate) fn bundle(&self) -> PathBuf {
        let names = names(&self.room.path("bundles"));
        assert_eq!(names.len(), 1, "{names:?}");
        self.room.path("bundles").join(&names[0])
    }
}

/// The names in a folder, sorted; none when there is no folder.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A lock file read as plain JSON.
pub(crate) struct Lock(pub(crate) Value);

impl Lock {
    /// The members of a list.
    pub(crate) fn list(&self, list: &str) -> &[Value] {
        self.0[list].as_array().map_or(&[], Vec::as_slice)
    }

    /// One field of every member of a list.
    pub(crate) fn texts(&self, list: &str, field: &str) -> Vec<String> {
        let text = |pin: &Value| pin[field].as_str().unwrap_or_default().to_owned();
        self.list(list).iter().map(text).collect()
    }

    /// The member of a list whose field ends so.
    #[track_caller]
    pub(crate) fn pin(&self, list: &str, field: &str, end: &str) -> &Value {
        let fits = |pin: &&Value| pin[field].as_str().is_some_and(|text| text.ends_with(end));
        self.list(list).iter().find(fits).unwrap_or_else(|| panic!("no {end} in {:#}", self.0))
    }

    /// `what @ place field` of every opaque entry.
    pub(crate) fn opaque(&self) -> Vec<String> {
        let text = |o: &Value, key: &str| o[key].as_str().unwrap_or_default().to_owned();
        let line = |o: &Value| {
            let line = format!("{} @ {} {}", text(o, "what"), text(o, "place"), text(o, "field"));
            line.trim_end().to_owned()
        };
        self.list("opaque").iter().map(line).collect()
    }
}

/// `from | place | field` of every edge of a pin.
pub(crate) fn because(pin: &Value) -> Vec<String> {
    let text = |edge: &Value, key: &str| edge[key].as_str().unwrap_or_default().to_owned();
    let line = |edge: &Value| {
        format!("{} | {} | {}", text(edge, "from"), text(edge, "place"), text(edge, "field"))
    };
    pin["because"].as_array().into_iter().flatten().map(line).collect()
}
