//! Argo CD Applications and what their sources point to.

use crate::argo::helm_settings::{self, Destination, Refs};
use crate::argo::reference::is_template;
use crate::argo::walk::{At, Walk, shown};
use crate::argo::{HelmSettings, RemoteFile, Source, SourceKind, embedded, images};
use crate::artifact::{ChartRepo, GitUrl, HttpUrl, PlaceError};
use crate::yaml::Value;

/// A value that had to be reported as opaque.
struct Unread;

/// Reads an Application. `sourceHydrator` wins over `sources`, `sources` over `source`, as in Argo CD.
pub(super) fn application(walk: &mut Walk<'_>, at: &At<'_>) {
    walk.findings.applications += 1;
    image_list(walk, at);
    let Some(spec) = at.get("spec") else {
        return walk.opaque(at, "Application without a source", NO_SOURCE);
    };
    let sources = spec.list("sources");
    if let Some(hydrator) = spec.get("sourceHydrator").filter(|at| at.node.value != Value::Null) {
        hydrated(walk, &hydrator);
    } else if !sources.is_empty() {
        let refs = helm_settings::refs(&sources);
        let destination = Destination::of(at);
        sources.iter().for_each(|at| {
            let helm = helm_settings::read(at, &refs, &destination);
            source(walk, at, Some(helm));
        });
    } else if let Some(source_at) = spec.get("source") {
        let helm = helm_settings::read(&source_at, &Refs::new(), &Destination::of(at));
        source(walk, &source_at, Some(helm));
    } else {
        walk.opaque(at, "Application without a source", NO_SOURCE);
    }
}

/// Reads `Chart.yaml` of a chart that lies in the repository itself.
pub(super) fn chart(walk: &mut Walk<'_>, at: &At<'_>) {
    walk.opaque(at, "chart not rendered", CHART);
    dependencies(walk, at);
}

/// Reads the dependencies of a chart (`Chart.yaml`, or `requirements.yaml` of Helm 2).
pub(super) fn dependencies(walk: &mut Walk<'_>, at: &At<'_>) {
    for dependency in at.list("dependencies") {
        let Ok(repository) = text(walk, &dependency, "repository") else { continue };
        let (Ok(name), Ok(version)) =
            (text(walk, &dependency, "name"), text(walk, &dependency, "version"))
        else {
            continue;
        };
        // No repository: it lies in `charts/`. A `file://` one lies beside it.
        let Some(repository) = repository.filter(|r| !r.starts_with("file://")) else { continue };
        let version = version.unwrap_or_else(|| "*".to_owned());
        let whole = repository.contains("://");
        let name = name.filter(|_| whole);
        let kind = name.and_then(|name| chart_kind(&repository, &name, version));
        match kind {
            Some(kind) => push(walk, &dependency, Source { kind, ref_name: None, helm: None }),
            None => {
                walk.opaque(&dependency, "chart dependency from an unknown repository", DEPENDENCY);
            }
        }
    }
}

/// Reads what is put over a source: `.argocd-source*.yaml`, or the rest of a source block.
pub(super) fn overrides(walk: &mut Walk<'_>, at: &At<'_>) {
    let helm = at.get("helm");
    for list in ["parameters", "values", "valuesObject"] {
        if let Some(at) = helm.as_ref().and_then(|helm| helm.get(list)) {
            walk.opaque(&at, format!("Helm {list} in the source's folder"), OVERRIDES);
        }
    }
    settings(walk, at);
}

/// Reads one source block.
fn source(walk: &mut Walk<'_>, at: &At<'_>, helm: Option<HelmSettings>) {
    settings(walk, at);
    let (Ok(url), Ok(chart), Ok(revision), Ok(path), Ok(ref_name)) = (
        text(walk, at, "repoURL"),
        text(walk, at, "chart"),
        text(walk, at, "targetRevision"),
        text(walk, at, "path"),
        text(walk, at, "ref"),
    ) else {
        return;
    };
    let Some(url) = url else { return walk.opaque(at, "source without a repoURL", NO_SOURCE) };
    let place = at.get("repoURL").unwrap_or_else(|| at.clone());
    let kind = if let Some(chart) = chart {
        let version = revision.unwrap_or_else(|| "*".to_owned());
        match chart_kind(&url, &chart, version) {
            Some(kind) => Ok(kind),
            None => Err(format!("chart {} from an unknown kind of repository", shown(&chart))),
        }
    } else if let Some(rest) = url.strip_prefix("oci://") {
        let (above, last) = rest.trim_end_matches('/').rsplit_once('/').unwrap_or((rest, ""));
        let repository = ChartRepo::oci(above).ok().and_then(|repo| repo.repository(last));
        let revision = revision.unwrap_or_else(|| "latest".to_owned());
        match repository {
            Some(repository) => Ok(SourceKind::Oci { repository, revision, path }),
            None => Err("source that is no repository of a registry".to_owned()),
        }
    } else {
        let recurse = at.at(&["directory", "recurse"]);
        let recurse = recurse.is_some_and(|at| at.node.value == Value::Bool(true));
        git(&url, revision, path, recurse)
    };
    match kind {
        Ok(kind) => push(walk, &place, Source { kind, ref_name, helm }),
        Err(what) => walk.opaque(&place, what, UNKNOWN_URL),
    }
}

/// Reads the parts of a source block that lead further by themselves.
fn settings(walk: &mut Walk<'_>, at: &At<'_>) {
    if let Some(helm) = at.get("helm") {
        let parameters = helm.list("fileParameters");
        let paths = parameters.iter().filter_map(|parameter| parameter.get("path"));
        helm.list("valueFiles").into_iter().chain(paths).for_each(|at| values_file(walk, &at));
    }
    if let Some(kustomize) = at.get("kustomize") {
        kustomize.list("images").iter().for_each(|at| kustomize_image(walk, at));
        for component in kustomize.list("components") {
            if component.node.text().is_some_and(|text| text.contains(['@', ':'])) {
                walk.opaque(&component, "remote kustomize component", KUSTOMIZE);
            }
        }
        for patch in kustomize.list("patches") {
            walk.opaque(&patch, "kustomize patch not applied", KUSTOMIZE);
            if let Some(text) = patch.get("patch") {
                embedded::read(walk, &text);
            }
        }
    }
    if let Some(plugin) = at.get("plugin").filter(|at| at.node.value != Value::Null) {
        let name = plugin.node.text_at(&["name"]).unwrap_or("unnamed");
        walk.opaque(&plugin, format!("config management plugin {}", shown(name)), PLUGIN);
    }
    if let Some(jsonnet) = at.at(&["directory", "jsonnet"])
        && jsonnet.node.entries().next().is_some()
    {
        walk.opaque(&jsonnet, "jsonnet not evaluated", JSONNET);
    }
}

/// Reads a `sourceHydrator`: what is rendered, and the branches that hold the outcome.
fn hydrated(walk: &mut Walk<'_>, at: &At<'_>) {
    let dry = at.get("drySource");
    if let Some(dry) = &dry {
        source(walk, dry, Some(HelmSettings::default()));
    }
    let dry_url = dry.as_ref().and_then(|dry| dry.node.text_at(&["repoURL"])).map(str::to_owned);
    for (key, has_path) in [("syncSource", true), ("hydrateTo", false)] {
        let Some(place) = at.get(key) else { continue };
        let (Ok(url), Ok(branch), Ok(path)) = (
            text(walk, &place, "repoURL"),
            text(walk, &place, "targetBranch"),
            text(walk, &place, "path"),
        ) else {
            continue;
        };
        let url = url.or_else(|| dry_url.clone()).unwrap_or_default();
        match git(&url, branch, path.filter(|_| has_path), false) {
            Ok(kind) => push(walk, &place, Source { kind, ref_name: None, helm: None }),
            Err(what) => walk.opaque(&place, what, UNKNOWN_URL),
        }
    }
}

/// `https://…` is carried; `$name/…` and local paths lie in sources that are carried anyway.
fn values_file(walk: &mut Walk<'_>, at: &At<'_>) {
    let Some(text) = at.node.text() else {
        return walk.opaque(at, "values file that is no text", VALUES_FILE);
    };
    let argo_variable = text.starts_with('$');
    if (is_template(text) && !argo_variable) || text.contains("{{") {
        walk.opaque(at, format!("values file {} is filled in later", shown(text)), VALUES_FILE);
    } else if let Ok(url) = HttpUrl::parse(text) {
        let found = walk.found(at, RemoteFile { url, digest: None });
        walk.findings.files.push(found);
    } else if let Some((scheme, _)) = text.split_once("://") {
        walk.opaque(at, format!("values file by scheme {}", shown(scheme)), VALUES_FILE);
    }
}

/// `[old=]new[:tag][@digest]`: only a text with a tag or digest says which image runs.
fn kustomize_image(walk: &mut Walk<'_>, at: &At<'_>) {
    let Some(text) = at.node.text() else { return images::read(walk, at) };
    let image = text.split_once('=').map_or(text, |(_, new)| new);
    let name = image.rsplit('/').next().unwrap_or(image);
    if !name.contains([':', '@']) {
        return walk.opaque(at, format!("image {} renamed, tag unknown", shown(text)), KUSTOMIZE);
    }
    images::text(walk, at, image);
}

/// The list that Argo CD Image Updater watches.
fn image_list(walk: &mut Walk<'_>, at: &At<'_>) {
    let key = "argocd-image-updater.argoproj.io/image-list";
    if let Some(list) = at.at(&["metadata", "annotations", key]) {
        walk.opaque(&list, "images that Argo CD Image Updater looks for", IMAGE_LIST);
    }
}

/// A chart from an HTTP repository, or from a registry with or without `oci://` before it.
fn chart_kind(repository: &str, chart: &str, version: String) -> Option<SourceKind> {
    let repo = if repository.contains("://") {
        ChartRepo::parse(repository)
    } else {
        ChartRepo::oci(repository)
    };
    match repo.ok()? {
        ChartRepo::Http(repo) => {
            Some(SourceKind::HelmHttp { repo, chart: chart.to_owned(), version })
        }
        oci @ ChartRepo::Oci { .. } => {
            Some(SourceKind::HelmOci { repository: oci.repository(chart)?, version })
        }
    }
}

fn git(
    url: &str,
    revision: Option<String>,
    path: Option<String>,
    recurse: bool,
) -> Result<SourceKind, String> {
    let url = GitUrl::parse(url).map_err(|error| match error {
        PlaceError::Credentials => "repository URL with credentials in it".to_owned(),
        other => format!("repository URL that cannot be fetched: {other}"),
    })?;
    let revision = revision.unwrap_or_else(|| "HEAD".to_owned());
    Ok(SourceKind::Git { url, revision, path, recurse })
}

/// The text under a key; `None` when it is absent or empty, [`Unread`] when it is no plain text.
fn text(walk: &mut Walk<'_>, parent: &At<'_>, key: &str) -> Result<Option<String>, Unread> {
    let Some(at) = parent.get(key) else { return Ok(None) };
    match &at.node.value {
        Value::Null => Ok(None),
        Value::Text(text) if is_template(text) => {
            walk.opaque(&at, format!("{key} {} is filled in later", shown(text)), UNKNOWN_URL);
            Err(Unread)
        }
        Value::Text(text) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        _ => {
            let what = format!("{key} that is {} instead of a text", at.node.kind());
            walk.opaque(&at, what, UNKNOWN_URL);
            Err(Unread)
        }
    }
}

fn push(walk: &mut Walk<'_>, at: &At<'_>, source: Source) {
    let found = walk.found(at, source);
    walk.findings.sources.push(found);
}

const NO_SOURCE: &str = "give it a spec.source or spec.sources";
const UNKNOWN_URL: &str = "list what it leads to in the inventory's repos, charts or images";
const CHART: &str = "no app leads to it: list it under apps, or its images under images";
const OVERRIDES: &str = "it is not put over the source yet: list the images that it brings in the \
                         inventory";
const DEPENDENCY: &str = "list the chart in the inventory's charts";
const VALUES_FILE: &str = "list what it leads to in the inventory";
const KUSTOMIZE: &str = "kustomize is not run yet: list the images it leads to in the inventory";
const PLUGIN: &str = "its output cannot be known: list its own image and all that its output leads to in \
                      the inventory";
const JSONNET: &str = "list the images that it leads to in the inventory";
const IMAGE_LIST: &str =
    "it changes tags by itself: list the images that shall be there in the inventory";
