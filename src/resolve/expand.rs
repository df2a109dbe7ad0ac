//! Expands one request: what it is pinned to, and what it leads to.

use std::collections::BTreeSet;

use crate::argo::{self, FileFindings, RemoteFile, SourceKind};
use crate::artifact::{ChartRepo, ImageRef, Kind, VersionRange};
use crate::git::Inspection;
use crate::lock::{ChartPin, Edge, FilePin, ImagePin, Opaque, id};
use crate::source::{RepoView, Revision, SourceError};

use crate::resolve::Closure;
use crate::resolve::request::Request;

/// What one request led to.
#[derive(Default)]
pub(super) struct Expansion {
    pub(super) image: Option<ImagePin>,
    pub(super) chart: Option<ChartPin>,
    pub(super) file: Option<FilePin>,
    pub(super) repo: Option<(String, Revision)>,
    pub(super) opaque: Vec<Opaque>,
    pub(super) next: Vec<(Request, Edge)>,
}

impl Closure<'_> {
    pub(super) async fn expand(
        &self,
        request: &Request,
        edge: &Edge,
    ) -> Result<Expansion, SourceError> {
        match request {
            Request::Image(reference) => {
                let pin = self.sources.pin_image(reference, &self.inventory.platforms).await?;
                Ok(Expansion { image: Some(pin), ..Expansion::default() })
            }
            Request::Chart { repo, chart, version } => {
                self.expand_chart(repo, chart, version, edge).await
            }
            Request::Repo { url, refs } => {
                let cell = self.view(url).await?;
                let Some(view) = cell.get() else { return Ok(Expansion::default()) };
                self.carry(view, view.select(refs)?).await
            }
            Request::Revision { url, revision } => {
                let cell = self.view(url).await?;
                let Some(view) = cell.get() else { return Ok(Expansion::default()) };
                self.carry(view, view.revision(revision)?).await
            }
            Request::App { url, revision, path, recurse } => {
                self.expand_app(url, revision, path, *recurse).await
            }
            Request::File { url, digest } => {
                let (digest, size) = self.sources.pin_file(url, *digest).await?;
                let pin = FilePin { url: url.clone(), digest, size, because: Vec::new() };
                Ok(Expansion { file: Some(pin), ..Expansion::default() })
            }
        }
    }

    async fn expand_chart(
        &self,
        repo: &ChartRepo,
        chart: &str,
        version: &str,
        edge: &Edge,
    ) -> Result<Expansion, SourceError> {
        let range = VersionRange::parse(version)?;
        let pinned = self.sources.pin_chart(repo, chart, &range).await?;
        let from = pinned.pin.id();
        let mut expansion = Expansion::default();
        if pinned.archive.has_templates {
            expansion.opaque.push(Opaque {
                what: format!("chart not rendered: {chart} {}", pinned.pin.version),
                edge: edge.clone(),
                advice: "list the images that it deploys under images:".to_owned(),
            });
        }
        for dependency in pinned.archive.missing_dependencies() {
            let place = format!("{chart}-{}/Chart.yaml", pinned.pin.version);
            let edge = Edge {
                from: from.clone(),
                place,
                field: format!("dependencies[{}]", dependency.name),
            };
            match chart_repo(&dependency.repository) {
                Some(repo) => {
                    let version = dependency.version.clone().unwrap_or_else(|| "*".to_owned());
                    let chart = dependency.name.clone();
                    expansion.next.push((Request::Chart { repo, chart, version }, edge));
                }
                None => expansion.opaque.push(Opaque {
                    what: format!(
                        "chart dependency {} at {:?}",
                        dependency.name, dependency.repository
                    ),
                    edge,
                    advice: "list the dependency under charts: with its repository".to_owned(),
                }),
            }
        }
        expansion.chart = Some(pinned.pin);
        Ok(expansion)
    }

    /// Takes a repository as it is, without reading its documents.
    async fn carry(&self, view: &RepoView, selected: Revision) -> Result<Expansion, SourceError> {
        let from = id(Kind::Repo, view.url());
        let mut expansion = Expansion::default();
        let (commits, left_out) = view.commits(&selected, self.sources).await?;
        for commit in commits {
            expansion.opaque.extend(outside(&from, &view.inspect(&commit).await?));
        }
        if left_out > 0 {
            expansion.opaque.push(Opaque {
                what: format!("{left_out} more commits not searched for submodules and LFS files"),
                edge: Edge { from, place: view.url().to_owned(), field: String::new() },
                advice: "ask for fewer refs, or look yourself".to_owned(),
            });
        }
        expansion.repo = Some((view.url().to_owned(), selected));
        Ok(expansion)
    }

    async fn expand_app(
        &self,
        url: &str,
        revision: &str,
        path: &str,
        recurse: bool,
    ) -> Result<Expansion, SourceError> {
        let cell = self.view(url).await?;
        let Some(view) = cell.get() else { return Ok(Expansion::default()) };
        let selected = view.revision(revision)?;
        let commit = view.checkout(revision, &selected, self.sources).await?;
        let from = id(Kind::Repo, view.url());
        let mut expansion =
            Expansion { repo: Some((view.url().to_owned(), selected)), ..Expansion::default() };
        expansion.opaque.extend(outside(&from, &view.inspect(&commit).await?));
        let documents = view.documents(&commit, path).await?;
        let read = readable(path, documents.keys().map(String::as_str), recurse);
        for (file, bytes) in documents.into_iter().filter(|(file, _)| read.contains(file)) {
            match String::from_utf8(bytes) {
                Ok(text) => expansion.take(&from, argo::read(&file, &text)),
                Err(_) => expansion.opaque.push(Opaque {
                    what: "file is not UTF-8".to_owned(),
                    edge: Edge { from: from.clone(), place: file, field: String::new() },
                    advice: "save it as UTF-8".to_owned(),
                }),
            }
        }
        Ok(expansion)
    }
}

impl Expansion {
    /// Takes in what one file of an app refers to.
    fn take(&mut self, from: &str, findings: FileFindings) {
        let edge = |place: String, field: String| Edge { from: from.to_owned(), place, field };
        for image in findings.images {
            self.next.push((Request::Image(image.value), edge(image.place, image.field)));
        }
        for file in findings.files {
            let RemoteFile { url, digest } = file.value;
            let request = Request::File { url: url.to_string(), digest };
            self.next.push((request, edge(file.place, file.field)));
        }
        for opaque in findings.opaque {
            self.opaque.push(Opaque {
                what: opaque.value.what,
                edge: edge(opaque.place, opaque.field),
                advice: opaque.value.advice,
            });
        }
        for source in findings.sources {
            let edge = edge(source.place, source.field);
            if let SourceKind::Oci { repository, revision, .. } = &source.value.kind {
                self.opaque.push(Opaque {
                    what: format!("OCI source not unpacked: {repository}{}", pointer(revision)),
                    edge: edge.clone(),
                    advice: "list what it leads to in the inventory".to_owned(),
                });
            }
            match request(source.value.kind) {
                Ok(request) => self.next.push((request, edge)),
                Err(what) => self.opaque.push(Opaque {
                    what,
                    edge,
                    advice: "list what it leads to in the inventory".to_owned(),
                }),
            }
        }
    }
}

/// What a source asks for, or what about it cannot be asked for.
fn request(kind: SourceKind) -> Result<Request, String> {
    Ok(match kind {
        SourceKind::Git { url, revision, path: Some(path), recurse } => {
            Request::App { url: url.to_string(), revision, path, recurse }
        }
        SourceKind::Git { url, revision, path: None, .. } => {
            Request::Revision { url: url.to_string(), revision }
        }
        SourceKind::HelmHttp { repo, chart, version } => {
            Request::Chart { repo: ChartRepo::Http(repo), chart, version }
        }
        SourceKind::HelmOci { repository, version } => {
            let (path, chart) =
                repository.path().rsplit_once('/').unwrap_or(("", repository.path()));
            let repo = ChartRepo::Oci { host: repository.host().to_owned(), path: path.to_owned() };
            Request::Chart { repo, chart: chart.to_owned(), version }
        }
        SourceKind::Oci { repository, revision, .. } => {
            let text = format!("{repository}{}", pointer(&revision));
            Request::Image(ImageRef::parse(&text).map_err(|_| format!("OCI source {text}"))?)
        }
    })
}

/// `@sha256:…` or `:tag`.
fn pointer(revision: &str) -> String {
    let mark = if revision.starts_with("sha256:") { '@' } else { ':' };
    format!("{mark}{revision}")
}

/// Other repositories and large files that a commit points to without holding them.
fn outside(from: &str, inspection: &Inspection) -> Vec<Opaque> {
    let submodules = inspection.submodules.iter().map(|module| {
        let what = format!("git submodule {}", module.url.as_deref().unwrap_or("without a URL"));
        (what, module.path.clone(), "list its repository under repos:")
    });
    let files = inspection.lfs.iter().map(|file| {
        (
            format!("Git LFS file {}", file.oid),
            file.path.clone(),
            "its content is not carried with the repository",
        )
    });
    submodules
        .chain(files)
        .map(|(what, place, advice)| Opaque {
            what,
            edge: Edge { from: from.to_owned(), place, field: String::new() },
            advice: advice.to_owned(),
        })
        .collect()
}

/// The files of an app that Argo CD reads: those right in its folder, and the deeper ones where the folder is a
/// kustomization or a chart, or the app says so. Templates of a chart are no documents.
fn readable<'f>(
    path: &str,
    files: impl Iterator<Item = &'f str> + Clone,
    recurse: bool,
) -> BTreeSet<String> {
    let folder = path.trim_start_matches("./").trim_matches('/');
    let below = |file: &str| match folder {
        "" | "." => file.to_owned(),
        _ => file.strip_prefix(folder).unwrap_or(file).trim_start_matches('/').to_owned(),
    };
    let marks = ["kustomization.yaml", "kustomization.yml", "Kustomization", "Chart.yaml"];
    let deep = recurse || files.clone().any(|file| marks.contains(&below(file).as_str()));
    let charts: Vec<&str> =
        files.clone().filter_map(|file| file.strip_suffix("Chart.yaml")).collect();
    let template = |file: &str| {
        charts.iter().any(|chart| {
            file.strip_prefix(chart)
                .is_some_and(|rest| rest.starts_with("templates/") || rest.starts_with("charts/"))
        })
    };
    files
        .filter(|file| (deep || !below(file).contains('/')) && !template(file))
        .map(str::to_owned)
        .collect()
}

/// The repository of a chart dependency, when it is one that can be asked.
fn chart_repo(text: &str) -> Option<ChartRepo> {
    let asked = ["http://", "https://", "oci://"].iter().any(|scheme| text.starts_with(scheme));
    asked.then(|| ChartRepo::parse(text).ok()).flatten()
}
