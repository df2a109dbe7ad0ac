//! Renders charts, and reads what they lead to.

use std::collections::BTreeSet;

use crate::argo;
use crate::artifact::{ChartRepo, Digest, ImageRef, VersionRange};
use crate::helm::{ChartFiles, Dependency, RenderError, RenderSettings, Rendered};
use crate::lock::{Edge, Opaque};
use crate::source::SourceError;
use crate::template::Demands;

use crate::resolve::error::Cause;
use crate::resolve::findings::Expansion;
use crate::resolve::request::{Release, Request};
use crate::resolve::values::Home;
use crate::resolve::{Closure, Faults};

/// A chart that is asked for.
#[derive(Clone, Copy)]
pub(super) struct ChartRequest<'a> {
    pub(super) repo: &'a ChartRepo,
    pub(super) chart: &'a str,
    pub(super) version: &'a str,
}

/// Why a chart is rendered: what was said about it, and where.
#[derive(Clone, Copy)]
pub(super) struct Reason<'a> {
    pub(super) release: &'a Release,
    pub(super) edge: &'a Edge,
}

impl Closure<'_> {
    pub(super) async fn expand_chart(
        &self,
        chart: ChartRequest<'_>,
        release: Option<&Release>,
        edge: &Edge,
    ) -> Result<Expansion, Cause> {
        let ChartRequest { repo, chart, version } = chart;
        let range = VersionRange::parse(version).map_err(SourceError::Range)?;
        let pinned = self.sources.pin_chart(repo, chart, &range).await?;
        let from = pinned.pin.id();
        let mut expansion = Expansion::new(self.inventory, &from, release);
        let archive_error =
            |source| SourceError::Archive { digest: Digest::of(&pinned.package), source };
        let mut files =
            ChartFiles::from_archive(pinned.package.as_slice()).map_err(archive_error)?;
        let place = format!("{chart}-{}/Chart.yaml", pinned.pin.version);
        let missing = pinned.archive.missing_dependencies();
        self.take_dependencies(&missing, &place, &mut files, &mut expansion).await?;
        if let Some(release) = release {
            let home = Home::Package { name: chart, files: &files };
            let settings = self.settings(release, &home).await?;
            let reason = Reason { release, edge };
            self.render_all(&files, settings, reason, &mut expansion).await?;
        }
        expansion.chart = Some(pinned.pin);
        Ok(expansion)
    }

    /// Fetches the dependencies that a chart's package lacks: to be rendered with it, and to be carried.
    pub(super) async fn take_dependencies(
        &self,
        missing: &[&Dependency],
        place: &str,
        files: &mut ChartFiles,
        expansion: &mut Expansion,
    ) -> Result<(), Cause> {
        for dependency in missing {
            let field = format!("dependencies[{}]", dependency.name);
            let edge = Edge::new(expansion.from.clone(), place, field);
            let Some(repo) = chart_repo(&dependency.repository) else {
                expansion.opaque.push(Opaque::new(
                    format!("chart dependency {} at {:?}", dependency.name, dependency.repository),
                    edge,
                    "list the dependency under charts: with its repository",
                ));
                continue;
            };
            let version = dependency.version.clone().unwrap_or_else(|| "*".to_owned());
            let range = VersionRange::parse(&version).map_err(SourceError::Range)?;
            // What cannot be had fails as a request of its own, with its own place.
            if let Ok(pinned) = self.sources.pin_chart(&repo, &dependency.name, &range).await {
                let name = format!("{}-{}.tgz", pinned.pin.chart, pinned.pin.version);
                files.insert_archive(&name, &pinned.package).map_err(|source| {
                    let digest = Digest::of(&pinned.package);
                    SourceError::Archive { digest, source }
                })?;
            }
            let chart = dependency.name.clone();
            let request = Request::Chart { repo, chart, version, release: None };
            expansion.next.push((request, edge));
        }
        Ok(())
    }

    /// Renders a chart once for each kind of cluster, and reads the documents.
    pub(super) async fn render_all(
        &self,
        files: &ChartFiles,
        settings: RenderSettings,
        reason: Reason<'_>,
        expansion: &mut Expansion,
    ) -> Result<(), Cause> {
        let Reason { release, edge } = reason;
        for (kube_version, api_versions) in self.capabilities(release) {
            let mut settings = settings.clone();
            settings.kube_version = release.helm.kube_version.clone().or(kube_version);
            if release.helm.api_versions.is_empty() {
                settings.api_versions = api_versions;
            }
            let files = files.clone();
            let rendered =
                tokio::task::spawn_blocking(move || crate::helm::render(&files, &settings)).await;
            let stopped = |_| Err(RenderError::Thread(std::io::Error::other("it stopped")));
            let rendered = rendered.unwrap_or_else(stopped);
            match rendered {
                Ok(rendered) => self.take_rendered(&rendered, release, edge, expansion),
                Err(error) if self.faults == Faults::KeepGoing => {
                    expansion.opaque.push(not_rendered(&error, edge));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn take_rendered(
        &self,
        rendered: &Rendered,
        release: &Release,
        edge: &Edge,
        expansion: &mut Expansion,
    ) {
        let mut images = BTreeSet::new();
        for document in rendered.crds.iter().chain(&rendered.documents).chain(&rendered.hooks) {
            if document.is_test && (release.by_argo || release.helm.skip_tests) {
                continue;
            }
            let line = |line: u64| {
                let at = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
                document.lines.get(at).map_or(line, |line| u64::from(*line))
            };
            let findings = argo::read_mapped(&document.source, &document.text, &line);
            images.extend(findings.images.iter().map(|found| found.value.clone()));
            expansion.take(findings);
        }
        for demand in &rendered.demands {
            let place = format!("{}:{}", demand.template, demand.line);
            expansion.opaque.push(Opaque::new(
                format!("placeholder rendered: {}", demand.message),
                Edge::new(expansion.from.clone(), place, demand.at.clone()),
                "give the value, or see that it decides no image",
            ));
        }
        for warning in &rendered.warnings {
            let Edge { place, field, .. } = edge;
            self.sources.report.warn(format!("{place}, {field}: {warning}"));
        }
        self.cross_check(rendered, &images, edge, expansion);
    }

    /// Holds what was found against the images that the chart's author lists.
    fn cross_check(
        &self,
        rendered: &Rendered,
        found: &BTreeSet<ImageRef>,
        edge: &Edge,
        expansion: &mut Expansion,
    ) {
        for (_, image) in argo::declared_images(&rendered.annotations) {
            let Ok(reference) = ImageRef::parse(&image) else { continue };
            let same = |other: &ImageRef| other.repository == reference.repository;
            if !found.iter().any(same) {
                expansion.opaque.push(Opaque::new(
                    format!(
                        "image {reference} is declared by chart {} and was not found in it",
                        rendered.chart
                    ),
                    Edge::new(
                        expansion.from.clone(),
                        format!("{}/Chart.yaml", rendered.chart),
                        edge.field.clone(),
                    ),
                    "list it under images: when a value switches it on inside, or waive it",
                ));
            }
        }
    }

    /// The kinds of cluster that a chart is rendered for: Kubernetes version and further API versions, each pair once.
    fn capabilities(&self, release: &Release) -> BTreeSet<(Option<String>, Vec<String>)> {
        let meant = |name: &str| release.cluster.as_ref().is_none_or(|cluster| cluster == name);
        let clusters = self.inventory.clusters.iter().filter(|cluster| meant(&cluster.name));
        let mut kinds: BTreeSet<_> = clusters
            .map(|cluster| (cluster.kube_version.clone(), cluster.api_versions.clone()))
            .collect();
        if kinds.is_empty() {
            kinds.insert((None, Vec::new()));
        }
        kinds
    }
}

/// What a release is called and how demands are met; values are added by whoever knows where they are.
pub(super) fn render_settings(release: &Release, chart: &str) -> RenderSettings {
    let demands = if release.placeholders { Demands::Placeholders } else { Demands::Refuse };
    let mut settings = RenderSettings { demands, ..RenderSettings::default() };
    settings.release = release.helm.release.clone().unwrap_or_else(|| chart.to_owned());
    if let Some(namespace) = &release.helm.namespace {
        settings.namespace.clone_from(namespace);
    }
    settings.api_versions.clone_from(&release.helm.api_versions);
    settings
}

/// A chart that does not render, when the person chose to go on without it.
fn not_rendered(error: &RenderError, edge: &Edge) -> Opaque {
    Opaque::new(
        format!("chart not rendered: {}", error.to_string().replace('\n', " ")),
        edge.clone(),
        "mend its values, or list the images that it deploys under images:",
    )
}

/// The repository of a chart dependency, when it is one that can be asked.
fn chart_repo(text: &str) -> Option<ChartRepo> {
    let asked = ["http://", "https://", "oci://"].iter().any(|scheme| text.starts_with(scheme));
    asked.then(|| ChartRepo::parse(text).ok()).flatten()
}
