//! The inventory as it is written: the shapes from which the JSON schema is made.
//!
//! [`super::check`] reads the file by hand, because it has to name places and to find all problems at once; a test holds
//! its keys against these.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// The minimum inventory of a Kubernetes platform: Haversack works out everything it leads to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Haversack inventory")]
pub struct InventoryFile {
    /// Version of this file's format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub haversack: u64,
    /// Name of the bundle: letters, digits, '.', '_' and '-', at most 64.
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"))]
    pub name: String,
    /// Version of the bundle; part of its folder's name. Without it the lock's digest is used.
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"))]
    pub version: Option<String>,
    /// Platforms to carry, `os/arch` or `os/arch/variant`. Without it all platforms come along.
    #[serde(default)]
    pub platforms: Vec<String>,
    /// Helm charts.
    #[serde(default)]
    pub charts: Vec<ChartEntry>,
    /// Images and other artifacts in registries, by tag or digest. Signatures and referrers come along.
    #[serde(default)]
    pub images: Vec<String>,
    /// Git repositories.
    #[serde(default)]
    pub repos: Vec<RepoEntry>,
    /// Argo roots: everything they lead to comes along.
    #[serde(default)]
    pub apps: Vec<AppEntry>,
    /// Plain files.
    #[serde(default)]
    pub files: Vec<FileEntry>,
    /// Clusters of the isolated side: what lives in no git repository, but decides what gets rendered.
    #[serde(default)]
    pub clusters: Vec<ClusterEntry>,
    /// Rules of your own for images that no document names: what only code knows.
    #[serde(default)]
    pub rules: Vec<RuleEntry>,
    /// What was found and is left behind on purpose, each with a reason.
    #[serde(default)]
    pub waivers: Vec<WaiverEntry>,
}

/// A Helm chart.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChartEntry {
    /// Name of the chart in its repository.
    pub chart: String,
    /// `https://…` of a chart repository, or `oci://host/path` of a registry (without the chart's name).
    pub repo: String,
    /// Exact version, or a range as Helm reads it: `10.1.1`, `^1.2`, `~1.2`, `1.x`, `>=1 <2`, `*`.
    pub version: String,
    /// Name of the release. Without it the chart's name.
    pub release: Option<String>,
    /// Namespace of the release. Without it `default`.
    pub namespace: Option<String>,
    /// Values files, relative to this file's folder; later ones win.
    #[serde(default)]
    pub values: Vec<String>,
    /// Values written here; they win over the files.
    pub values_object: Option<BTreeMap<String, serde_json::Value>>,
    /// Name of the cluster it is rendered for. Without it for each of `clusters`.
    pub cluster: Option<String>,
    /// Put marked placeholders where required values are missing: secrets that only the site has.
    #[serde(default)]
    pub placeholders: bool,
}

/// What was found and is left behind on purpose. `*` stands for any characters; everything given must fit.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaiverEntry {
    /// An image, `quay.io/acme/debug:*`.
    pub image: Option<String>,
    /// The URL of a file.
    pub file: Option<String>,
    /// What an opaque place is called, `ApplicationSet`.
    pub opaque: Option<String>,
    /// Where it was found, `argo-cd/templates/*`.
    pub place: Option<String>,
    /// Why it is left behind.
    pub reason: String,
}

/// A git repository.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RepoEntry {
    /// `https://…`, `http://…`, `ssh://…` or `git@host:path`, without credentials.
    pub url: String,
    /// Branches, tags and commits by name; `*` stands for any characters.
    #[schemars(length(min = 1))]
    pub refs: Vec<String>,
}

/// An Argo root: a folder that holds Applications or manifests.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppEntry {
    /// URL of the git repository.
    pub repo: String,
    /// Branch, tag or commit. Without it the repository's HEAD.
    pub revision: Option<String>,
    /// Folder in the repository; `.` is its root.
    pub path: String,
    /// Put marked placeholders where charts below it lack required values.
    #[serde(default)]
    pub placeholders: bool,
}

/// A plain file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileEntry {
    /// `https://…` or `http://…`, without credentials.
    pub url: String,
    /// SHA-256 of the file: 64 hex digits.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
}

/// A cluster of the isolated side.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterEntry {
    /// Name, as Argo CD knows it.
    pub name: String,
    /// URL of its API server.
    pub server: Option<String>,
    /// Labels of its cluster Secret: cluster generators select by them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Annotations of its cluster Secret: cluster generators read URLs and versions from them.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Kubernetes version: charts choose images by it.
    pub kube_version: Option<String>,
    /// API versions beyond the core, `monitoring.coreos.com/v1`.
    #[serde(default)]
    pub api_versions: Vec<String>,
}

/// What implies images that no document names: what only the code of a program knows.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleEntry {
    /// Its name, `acme/worker`: the lock and `haversack why` show it. That of a built-in rule takes its place.
    pub id: String,
    /// What it says, for people.
    pub what: Option<String>,
    /// Where that is written down: a URL with a version.
    pub source: Option<String>,
    /// Versions that it was checked with.
    pub tested: Option<OneOrMore<String>>,
    /// What makes it speak.
    pub when: RuleWhen,
    /// Another container, whose version and arguments decide.
    pub with: Option<RuleWith>,
    /// What silences it.
    pub unless: Option<OneOrMore<RuleUnless>>,
    /// Templates of references, `quay.io/acme/worker:{tag}`.
    pub implies: Option<OneOrMore<String>>,
    /// Choice of a version from a list in a ConfigMap.
    pub chooses: Option<RuleChooses>,
    /// What belongs to each version of the deciding image: version → column → text.
    #[serde(default)]
    pub table: BTreeMap<String, BTreeMap<String, String>>,
}

/// What makes a rule speak: an image that a container runs, or an object. One of `image` and `kind`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleWhen {
    /// Repository of an image that a container runs, `*/acme/operator`.
    pub image: Option<String>,
    /// Kind of an object, `Prometheus`.
    pub kind: Option<String>,
    /// Group of its API, `monitoring.coreos.com`.
    pub api_group: Option<String>,
    /// Field that must be there, `spec.thanos`.
    pub field: Option<String>,
    /// Fields that must not be there.
    pub missing: Option<OneOrMore<String>>,
}

/// The container that decides for an object.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleWith {
    /// Repository of its image, `*/acme/operator`.
    pub image: Option<String>,
}

/// What silences a rule; one of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleUnless {
    /// The deciding container has this argument, `--worker-image`.
    pub argument: Option<String>,
    /// The deciding container has this variable.
    pub environment: Option<String>,
    /// A configuration names an image at a path that ends so, `executor.image`.
    pub image_at: Option<String>,
    /// There is an object of this kind.
    pub kind: Option<String>,
    /// Group of its API.
    pub api_group: Option<String>,
}

/// Choice of a version from a list that stands elsewhere.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleChooses {
    /// The list, `argo-events.jetstream`.
    pub from: String,
    /// Template of the version, `{spec.jetstream.version}`.
    pub version: String,
}

/// One value, or a list of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMore<T> {
    /// A value by itself.
    One(T),
    /// Several.
    More(Vec<T>),
}

/// The JSON schema of an inventory (draft 2020-12), for editors.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(InventoryFile).to_value()
}
