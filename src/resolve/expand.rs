//! Expands one request: what it is pinned to, and what it leads to.

use std::collections::BTreeSet;

use crate::argo;
use crate::artifact::Kind;
use crate::git::Inspection;
use crate::lock::{AppNode, Edge, FilePin, Opaque, app_id, id};
use crate::source::{RepoView, Revision};

use crate::resolve::Closure;
use crate::resolve::charts::ChartRequest;
use crate::resolve::error::Cause;
use crate::resolve::findings::Expansion;
use crate::resolve::folder::Folder;
use crate::resolve::request::{Release, Request};
use crate::resolve::values::join;

impl Closure<'_> {
    pub(super) async fn expand(&self, request: &Request, edge: &Edge) -> Result<Expansion, Cause> {
        match request {
            Request::Image(reference) => {
                let pin = self.sources.pin_image(reference, &self.inventory.platforms).await?;
                Ok(Expansion { image: Some(pin), ..Expansion::default() })
            }
            Request::Chart { repo, chart, version, release } => {
                let chart = ChartRequest { repo, chart, version };
                self.expand_chart(chart, release.as_ref(), edge).await
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
            Request::App { url, revision, path, recurse, release } => {
                let app = AppRequest { url, revision, path, recurse: *recurse };
                self.expand_app(app, release, edge).await
            }
            Request::File { url, digest } => {
                let (digest, size) = self.sources.pin_file(url, *digest).await?;
                let pin = FilePin { url: url.clone(), digest, size, because: Vec::new() };
                Ok(Expansion { file: Some(pin), ..Expansion::default() })
            }
        }
    }

    /// Takes a repository as it is, without reading its documents.
    async fn carry(&self, view: &RepoView, selected: Revision) -> Result<Expansion, Cause> {
        let from = id(Kind::Repo, view.url());
        let mut expansion = Expansion::default();
        let (commits, left_out) = view.commits(&selected, self.sources).await?;
        for commit in commits {
            expansion.opaque.extend(outside(&from, &view.inspect(&commit).await?));
        }
        if left_out > 0 {
            expansion.opaque.push(Opaque::new(
                format!("{left_out} more commits not searched for submodules and LFS files"),
                Edge::new(from, view.url(), ""),
                "ask for fewer refs, or look yourself",
            ));
        }
        expansion.repo = Some((view.url().to_owned(), selected));
        Ok(expansion)
    }

    async fn expand_app(
        &self,
        app: AppRequest<'_>,
        release: &Release,
        edge: &Edge,
    ) -> Result<Expansion, Cause> {
        let AppRequest { url, revision, path, recurse } = app;
        let cell = self.view(url).await?;
        let Some(view) = cell.get() else { return Ok(Expansion::default()) };
        let selected = view.revision(revision)?;
        let commit = view.checkout(revision, &selected, self.sources).await?;
        let path = path.trim_start_matches("./").trim_matches('/');
        let path = if path == "." { "" } else { path };
        let from = app_id(view.url(), revision, path);
        let mut expansion = Expansion::new(self.inventory, &from, Some(release));
        expansion.app = Some(AppNode {
            repo: view.url().to_owned(),
            revision: revision.to_owned(),
            path: path.to_owned(),
            commit: commit.clone(),
            because: Vec::new(),
        });
        let id = id(Kind::Repo, view.url());
        expansion.opaque.extend(outside(&id, &view.inspect(&commit).await?));
        expansion.repo = Some((view.url().to_owned(), selected));
        let documents = view.documents(&commit, path).await?;
        let chart = join(path, "Chart.yaml").filter(|file| documents.contains_key(file));
        if chart.is_some() {
            let folder = Folder { view, commit: &commit, path };
            self.expand_folder(folder, release, edge, &mut expansion).await?;
        }
        let read = readable(path, documents.keys().map(String::as_str), recurse);
        for (file, bytes) in documents.into_iter().filter(|(file, _)| read.contains(file)) {
            // What lies in a chart's folder is a part of the chart; only what Argo CD puts over it is read by itself.
            if chart.is_some() && !file.contains(".argocd-source") {
                continue;
            }
            match String::from_utf8(bytes) {
                Ok(text) => expansion.take(argo::read(&file, &text)),
                Err(_) => expansion.opaque.push(Opaque::new(
                    "file is not UTF-8".to_owned(),
                    Edge::new(from.clone(), file, ""),
                    "save it as UTF-8",
                )),
            }
        }
        Ok(expansion)
    }
}

/// A folder of a repository that is asked for as an app.
pub(super) struct AppRequest<'a> {
    pub(super) url: &'a str,
    pub(super) revision: &'a str,
    pub(super) path: &'a str,
    pub(super) recurse: bool,
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
        .map(|(what, place, advice)| {
            Opaque::new(what, Edge::new(from, place, ""), advice.to_owned())
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
