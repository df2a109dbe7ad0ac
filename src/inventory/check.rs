//! From bytes to an [`Inventory`], or to the list of everything that is wrong.

use std::collections::BTreeMap;

use crate::argo::Rule;
use crate::artifact::{
    Digest, GitUrl, HttpUrl, ImageRef, PlaceError, Platform, ReleaseName, parse_version,
};
use crate::inventory::reader::{At, Keys, Reader, parse_yaml};
use crate::inventory::{
    AppRequest, Cluster, FileRequest, Inventory, Located, Problems, RefPattern, RepoRequest,
    releases, waivers,
};
use crate::yaml::Value;

pub(super) const ROOT: Keys = Keys {
    required: &["haversack", "name"],
    optional: &[
        "version",
        "platforms",
        "charts",
        "images",
        "repos",
        "apps",
        "files",
        "clusters",
        "rules",
        "waivers",
    ],
};
pub(super) const REPO: Keys = Keys { required: &["url", "refs"], optional: &[] };
pub(super) const APP: Keys =
    Keys { required: &["repo", "path"], optional: &["revision", "placeholders"] };
pub(super) const FILE: Keys = Keys { required: &["url", "sha256"], optional: &[] };
pub(super) const CLUSTER: Keys = Keys {
    required: &["name"],
    optional: &["server", "labels", "annotations", "kubeVersion", "apiVersions"],
};

/// The version of the format that this program reads.
const FORMAT: i128 = 1;

/// Checks everything and returns either all of it or all problems.
pub(super) fn check(file: &str, bytes: &[u8]) -> Result<Inventory, Problems> {
    let root = parse_yaml(file, bytes).map_err(|problem| Problems(vec![problem]))?;
    let at = At { node: &root, field: String::new() };
    let mut reader = Reader { file, problems: Vec::new() };
    let inventory = read(&mut reader, &at, Digest::of(bytes));
    let mut problems = reader.problems;
    problems.sort_by_key(|problem| (problem.line, problem.column));
    match inventory {
        Some(inventory) if problems.is_empty() => Ok(inventory),
        _ => Err(Problems(problems)),
    }
}

fn read(r: &mut Reader<'_>, root: &At<'_>, digest: Digest) -> Option<Inventory> {
    if !r.mapping(root, &ROOT) {
        return None;
    }
    if let Some(at) = root.get("haversack")
        && at.node.value != Value::Integer(FORMAT)
    {
        r.add(&at, format!("must be {FORMAT}, the format that this haversack reads"), None);
    }
    let name = root.get("name").and_then(|at| r.parse(&at, ReleaseName::parse));
    let version = root.get("version").and_then(|at| r.parse(&at, ReleaseName::parse));
    let platforms = platforms(r, root);
    let clusters = clusters(r, root);
    let charts = releases::charts(r, root, &clusters);
    let images = images(r, root);
    let repos = repos(r, root);
    let apps = apps(r, root);
    let files = files(r, root);
    let rules = rules(r, root);
    let waivers = waivers::waivers(r, root);
    let asked = ["charts", "images", "repos", "apps", "files"];
    let something =
        |key: &&str| root.get(key).is_some_and(|at| at.node.value != Value::List(vec![]));
    if !asked.iter().any(something) {
        let hint = format!("give at least one of {}", asked.join(", "));
        r.add(root, "nothing is asked for", Some(hint));
    }
    let file = r.file.to_owned();
    let name = name?;
    Some(Inventory {
        name,
        version,
        platforms,
        images,
        charts,
        repos,
        apps,
        files,
        clusters,
        rules,
        waivers,
        digest,
        file,
    })
}

fn platforms(r: &mut Reader<'_>, root: &At<'_>) -> Vec<Platform> {
    let mut seen = BTreeMap::new();
    let mut platforms = Vec::new();
    for at in r.list(root, "platforms") {
        let Some(platform) = r.parse(&at, Platform::parse) else { continue };
        r.unique(&mut seen, platform.clone(), &at);
        platforms.push(platform);
    }
    platforms
}

fn images(r: &mut Reader<'_>, root: &At<'_>) -> Vec<Located<ImageRef>> {
    let mut seen = BTreeMap::new();
    let mut images = Vec::new();
    for at in r.list(root, "images") {
        let Some(text) = r.text(&at) else { continue };
        match ImageRef::parse(text) {
            Ok(image) => {
                r.unique(&mut seen, image.clone(), &at);
                images.push(r.located(&at, image));
            }
            Err(_) if text.contains("://") => {
                let hint = "write it as host/path:tag".to_owned();
                r.add(&at, "an image has no scheme", Some(hint));
            }
            Err(error) => r.add(&at, error.to_string(), None),
        }
    }
    images
}

fn repos(r: &mut Reader<'_>, root: &At<'_>) -> Vec<Located<RepoRequest>> {
    let mut seen = BTreeMap::new();
    let mut repos = Vec::new();
    for at in r.list(root, "repos") {
        if !r.mapping(&at, &REPO) {
            continue;
        }
        let url = at.get("url").and_then(|at| place(r, &at, GitUrl::parse));
        let mut seen_refs = BTreeMap::new();
        let mut refs = Vec::new();
        for at in r.list(&at, "refs") {
            let name = |text: &str| {
                RefPattern::parse(text)
                    .ok_or_else(|| format!("{text:?} is not a name of a git ref"))
            };
            let Some(pattern) = r.parse(&at, name) else { continue };
            r.unique(&mut seen_refs, pattern.clone(), &at);
            refs.push(pattern);
        }
        if let Some(at) = at.get("refs")
            && at.node.value == Value::List(vec![])
        {
            let hint = "name a branch, a tag or a commit; \"*\" means all".to_owned();
            r.add(&at, "no ref is asked for", Some(hint));
        }
        let Some(url) = url else { continue };
        r.unique(&mut seen, url.clone(), &at);
        repos.push(r.located(&at, RepoRequest { url, refs }));
    }
    repos
}

fn apps(r: &mut Reader<'_>, root: &At<'_>) -> Vec<Located<AppRequest>> {
    let mut seen = BTreeMap::new();
    let mut apps = Vec::new();
    for at in r.list(root, "apps") {
        if !r.mapping(&at, &APP) {
            continue;
        }
        let repo = at.get("repo").and_then(|at| place(r, &at, GitUrl::parse));
        let revision = at.get("revision").and_then(|at| r.parse(&at, revision));
        let path = at.get("path").and_then(|at| r.parse(&at, relative_path));
        let (Some(repo), Some(path)) = (repo, path) else { continue };
        let revision = revision.unwrap_or_else(|| "HEAD".to_owned());
        let placeholders = at.get("placeholders").is_some_and(|at| r.flag(&at));
        let app = AppRequest { repo, revision, path, placeholders };
        r.unique(&mut seen, app.clone(), &at);
        apps.push(r.located(&at, app));
    }
    apps
}

fn files(r: &mut Reader<'_>, root: &At<'_>) -> Vec<Located<FileRequest>> {
    let mut seen = BTreeMap::new();
    let mut files = Vec::new();
    for at in r.list(root, "files") {
        if !r.mapping(&at, &FILE) {
            continue;
        }
        let url = at.get("url").and_then(|at| place(r, &at, HttpUrl::parse));
        let digest = at.get("sha256").and_then(|at| {
            let hex = r.text(&at)?;
            let digest = Digest::from_hex(hex).ok();
            if digest.is_none() {
                let hint = "as `sha256sum` prints it".to_owned();
                r.add(&at, "must be 64 lower-case hex digits", Some(hint));
            }
            digest
        });
        let (Some(url), Some(digest)) = (url, digest) else { continue };
        r.unique(&mut seen, url.clone(), &at);
        files.push(r.located(&at, FileRequest { url, digest }));
    }
    files
}

fn clusters(r: &mut Reader<'_>, root: &At<'_>) -> Vec<Cluster> {
    let mut seen = BTreeMap::new();
    let mut clusters = Vec::new();
    for at in r.list(root, "clusters") {
        if !r.mapping(&at, &CLUSTER) {
            continue;
        }
        let name = at.get("name").and_then(|at| r.parse(&at, cluster_name));
        let server = at.get("server").and_then(|at| place(r, &at, HttpUrl::parse));
        let labels = r.texts(&at, "labels");
        let annotations = r.texts(&at, "annotations");
        let kube_version = at.get("kubeVersion").and_then(|at| r.parse(&at, kube_version));
        let listed = r.list(&at, "apiVersions");
        let api_versions = listed.iter().filter_map(|at| r.parse(at, api_version)).collect();
        let Some(name) = name else { continue };
        r.unique(&mut seen, name.clone(), &at);
        let cluster = Cluster { name, server, labels, annotations, kube_version, api_versions };
        clusters.push(cluster);
    }
    clusters
}

/// Rules of the person's own for what documents imply.
fn rules(r: &mut Reader<'_>, root: &At<'_>) -> Vec<Rule> {
    let mut seen = BTreeMap::new();
    let mut rules = Vec::new();
    for at in r.list(root, "rules") {
        match Rule::parse(at.node) {
            Ok(rule) => {
                r.unique(&mut seen, rule.id.clone(), &at);
                rules.push(rule);
            }
            Err((line, column, message)) => r.add_at(&at, (line, column), message),
        }
    }
    rules
}

/// A URL, with a hint for the mistakes that people make.
pub(super) fn place<T>(
    r: &mut Reader<'_>,
    at: &At<'_>,
    parse: impl FnOnce(&str) -> Result<T, PlaceError>,
) -> Option<T> {
    let error = match parse(r.text(at)?) {
        Ok(value) => return Some(value),
        Err(error) => error,
    };
    let hint = match error {
        PlaceError::Credentials => {
            Some("take user and password out of the URL; use a credential helper or docker config")
        }
        PlaceError::Local => Some("give the URL from which the platform gets it"),
        _ => None,
    };
    r.add(at, error.to_string(), hint.map(str::to_owned));
    None
}

/// A path divided by `/` that stays below the folder it starts from.
pub(super) fn relative_path(text: &str) -> Result<String, String> {
    let odd = |c: char| c.is_control() || c == '\\' || c == ':';
    if text.is_empty() || text.len() > 4096 || text.contains(odd) {
        return Err(format!("{text:?} is not a relative path divided by '/'"));
    }
    if text.starts_with('/') || text.split('/').any(|part| part == "..") {
        return Err(format!("{text:?} leaves the folder: no leading '/', no '..'"));
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    Ok(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

fn revision(text: &str) -> Result<String, String> {
    match RefPattern::parse(text) {
        Some(pattern) if pattern.is_name() => Ok(text.to_owned()),
        _ => Err(format!("{text:?} is not the name of a branch, tag or commit")),
    }
}

fn cluster_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 253 || text.contains(|c: char| c.is_control()) {
        return Err(format!("{text:?} is not the name of a cluster"));
    }
    Ok(text.to_owned())
}

fn kube_version(text: &str) -> Result<String, String> {
    match parse_version(text) {
        Some(_) if text.contains('.') => Ok(text.to_owned()),
        _ => Err(format!("{text:?} is not a Kubernetes version such as 1.34 or v1.34.2")),
    }
}

/// `version`, `group/version` or `group/version/Kind`.
fn api_version(text: &str) -> Result<String, String> {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b))
    };
    if text.split('/').count() > 3 || !text.split('/').all(part) {
        return Err(format!("{text:?} is not an API version such as monitoring.coreos.com/v1"));
    }
    Ok(text.to_owned())
}
