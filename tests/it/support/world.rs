//! A world on one port: `haversack serve` on a root of its own, with fixtures in it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::binary;
use super::fault::FaultProxy;
use super::fixture::argo::{self, Places};
use super::fixture::chart::{Chart, ChartSpec, index_yaml};
use super::fixture::git::{History, Repo};
use super::fixture::image::{
    Flavour, ImageSpec, companion_tag, cosign_signature, index, referrer, service, service_for,
};
use super::registry::Registry;

/// The first line of `serve`, before the address.
const LISTENING: &str = "listening on ";
/// Longest start of a server.
const START_MAX: Duration = Duration::from_secs(20);

/// A running server and its folder; both go when it is dropped.
pub(crate) struct World {
    dir: TempDir,
    child: Option<Child>,
    url: String,
    options: Vec<String>,
    /// What the fixtures call it, when they shall lead to a proxy.
    face: Option<String>,
}

impl World {
    /// The outside world: a server with every fixture in it.
    #[track_caller]
    pub(crate) fn start() -> Self {
        let world = Self::empty();
        world.fill();
        world
    }

    /// The outside world as seen through a proxy: whatever its fixtures name is the proxy.
    #[track_caller]
    pub(crate) fn start_behind_proxy() -> (Self, FaultProxy) {
        let (world, proxy) = Self::empty_behind_proxy();
        world.fill();
        (world, proxy)
    }

    /// The same with nothing in it.
    #[track_caller]
    pub(crate) fn empty_behind_proxy() -> (Self, FaultProxy) {
        let mut world = Self::empty();
        let proxy = FaultProxy::before(world.url());
        world.face = Some(proxy.host());
        (world, proxy)
    }

    /// The isolated side before the first replay.
    #[track_caller]
    pub(crate) fn inside() -> Self {
        Self::empty()
    }

    /// The same, with further options of `serve`.
    #[track_caller]
    pub(crate) fn inside_with(options: &[&str]) -> Self {
        Self::empty_with(options)
    }

    /// A server with nothing in it.
    #[track_caller]
    pub(crate) fn empty() -> Self {
        Self::empty_with(&[])
    }

    #[track_caller]
    fn empty_with(options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let dir = tempfile::tempdir().unwrap();
        for name in ["root/files", "fixtures"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        let (child, url) = serve(&dir.path().join("root"), "127.0.0.1:0", &options);
        Self { dir, child: Some(child), url, options, face: None }
    }

    /// Ends the server; its folder stays until the world is dropped.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Kills the server if it runs, and starts it again on the same port and folder.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        self.stop();
        let (child, url) = serve(&self.root(), &self.host(), &self.options);
        self.child = Some(child);
        self.url = url;
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// `127.0.0.1:PORT`, as in image references.
    pub(crate) fn host(&self) -> String {
        self.registry().host()
    }

    /// The folder that is served.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// The registry.
    pub(crate) fn registry(&self) -> Registry {
        Registry::at(&self.url)
    }

    /// The base URL of the git server.
    pub(crate) fn git_base(&self) -> String {
        format!("{}/git", self.url)
    }

    /// The URL of a git repository.
    pub(crate) fn git_url(&self, owner: &str, repo: &str) -> String {
        format!("{}/{owner}/{repo}.git", self.git_base())
    }

    /// The URL of a static file.
    pub(crate) fn file_url(&self, path: &str) -> String {
        format!("{}/files/{path}", self.url)
    }

    /// Writes a static file.
    pub(crate) fn write_file(&self, path: &str, bytes: &[u8]) {
        let path = self.root().join("files").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Publishes charts in a chart repository at `files/<name>`; returns its URL.
    pub(crate) fn publish_charts(&self, name: &str, charts: &[&Chart]) -> String {
        for chart in charts {
            self.write_file(&format!("{name}/{}", chart.file_name()), &chart.tgz);
        }
        self.write_file(&format!("{name}/index.yaml"), index_yaml(charts).as_bytes());
        self.file_url(name)
    }

    /// Pushes a small image for each `path:tag`; returns the digests of their OCI manifests.
    #[track_caller]
    pub(crate) fn push_services(&self, names: &[&str]) -> Vec<String> {
        let push = |name: &&str| {
            let (repo, tag) = name.rsplit_once(':').unwrap();
            let image = service(name);
            self.registry().push_image(repo, tag, &image);
            image.digest().to_owned()
        };
        names.iter().map(push).collect()
    }

    /// Makes a repository with this history and pushes it.
    #[track_caller]
    pub(crate) fn publish_repo(&self, owner: &str, name: &str, history: History) -> Repo {
        let repo = Repo::init(&self.dir.path().join("fixtures").join(owner).join(name));
        repo.import(history);
        repo.push(&self.git_url(owner, name));
        repo
    }

    /// `127.0.0.1:PORT` of the proxy, or else of the server: what inventories name.
    pub(crate) fn face(&self) -> String {
        self.face.clone().unwrap_or_else(|| self.host())
    }

    /// Where the fixtures of [`World::start`] are.
    pub(crate) fn places(&self) -> Places {
        let face = self.face();
        Places {
            charts: format!("http://{face}/files/charts"),
            platform: format!("http://{face}/git/acme/platform.git"),
            values: format!("http://{face}/git/acme/values.git"),
            registry: face,
        }
    }

    /// An inventory that asks for everything [`World::start`] made.
    pub(crate) fn inventory(&self) -> String {
        let places = self.places();
        let (registry, charts, platform) = (&places.registry, &places.charts, &places.platform);
        format!(
            "haversack: 1\nname: platform\nplatforms: [linux/amd64]\n\
             charts:\n  - chart: web\n    repo: {charts}\n    version: \"^1.0\"\n\
             images:\n  - {registry}/library/multi:2.0\n  - {registry}/library/docker:1.0\n\
             repos:\n  - url: {platform}\n    refs: [main, \"v1.*\"]\n\
             apps:\n  - repo: {platform}\n    revision: main\n    path: argocd/root\n\
             files:\n  - url: http://{}/files/crds.yaml\n    sha256: {}\n",
            self.face(),
            super::sha256_hex(CRDS.as_bytes())
        )
    }

    /// Puts in all fixtures; see [`World::inventory`] for what leads to them.
    #[track_caller]
    fn fill(&self) {
        self.fill_registry();
        let places = self.places();
        let lib = ChartSpec::new("common", "0.3.1").build();
        let old = ChartSpec::new("web", "1.0.0").image(&places.image("acme/web:1.0")).build();
        let new = ChartSpec::new("web", "1.2.0")
            .image(&places.image("acme/web:1.0"))
            .needs("common", "~0.3", &places.charts)
            .build();
        self.publish_charts("charts", &[&lib, &old, &new]);
        self.write_file("crds.yaml", CRDS.as_bytes());
        let documents = argo::platform(&places);
        let documents: Vec<(&str, &str)> =
            documents.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let history = History::new()
            .many("main", 40)
            .commit("main", "Add the platform", &documents)
            .tag("v1.0.0", "main")
            .commit("main", "Say what this is", &[("README.md", "# platform\n")])
            .light_tag("v1.1.0", "main")
            .branch("work", "main")
            .commit("work", "Not asked for", &[("work.txt", "work\n")]);
        self.publish_repo("acme", "platform", history);
        let values = [("web.yaml", "replicas: 2\n")];
        self.publish_repo("acme", "values", History::new().commit("main", "Values", &values));
    }

    #[track_caller]
    fn fill_registry(&self) {
        let registry = self.registry();
        for name in argo::IMAGES {
            let (repo, tag) = name.split_once(':').unwrap();
            registry.push_image(repo, tag, &service(repo));
        }
        let docker = ImageSpec::new().docker().layer(&[("bin/old", b"docker media types\n")]);
        registry.push_image("library/docker", "1.0", &docker.build());
        // A multi-arch index with a cosign signature, and referrers on the index and on a child.
        let (amd64, arm64) = (service_for("multi", "amd64"), service_for("multi", "arm64"));
        let list = index(Flavour::Oci, &[(&amd64, "amd64"), (&arm64, "arm64")]);
        let repo = "library/multi";
        registry.push_image(repo, amd64.digest(), &amd64);
        registry.push_image(repo, arm64.digest(), &arm64);
        registry.push_manifest(repo, "2.0", &list);
        let signature = cosign_signature(&list, &format!("{}/{repo}", self.host()));
        registry.push_image(repo, &companion_tag(&list.digest, "sig"), &signature);
        for subject in [&list, &amd64.manifest] {
            let sbom =
                referrer(subject, "application/spdx+json", b"{\"spdxVersion\":\"SPDX-2.3\"}");
            registry.push_image(repo, sbom.digest(), &sbom);
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
    }
}

const CRDS: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
";

/// Starts `serve` and waits for the line that says where it listens.
#[track_caller]
fn serve(root: &Path, listen: &str, options: &[String]) -> (Child, String) {
    let mut command = Command::new(binary());
    command
        .arg("serve")
        .arg("--root")
        .arg(root)
        .args(["--listen", listen])
        .args(options)
        .current_dir(root)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let stdout = child.stdout.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut output = BufReader::new(stdout);
        let mut line = String::new();
        let _ = output.read_line(&mut line);
        let _ = sender.send(line);
        // The pipe must stay open and empty, or the server stops at a full one.
        let _ = output.read_to_end(&mut Vec::new());
    });
    let line = receiver.recv_timeout(START_MAX).unwrap_or_default();
    let Some(url) = line.trim_end().strip_prefix(LISTENING) else {
        let _ = child.kill();
        panic!("serve said {line:?} instead of \"{LISTENING}http://127.0.0.1:PORT\"");
    };
    (child, url.to_owned())
}
