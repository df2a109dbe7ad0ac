//! Charts that lie in a folder of a git repository.

use std::collections::BTreeSet;

use crate::helm::{Chart, ChartFiles, Dependency};
use crate::lock::Edge;
use crate::source::RepoView;

use crate::resolve::Closure;
use crate::resolve::charts::Reason;
use crate::resolve::error::Cause;
use crate::resolve::findings::Expansion;
use crate::resolve::request::Release;
use crate::resolve::values::{Home, join};

/// How many charts beside a chart (`file://`) are followed.
const BESIDE_MAX: usize = 200;

/// A folder of a commit.
#[derive(Clone, Copy)]
pub(super) struct Folder<'a> {
    pub(super) view: &'a RepoView,
    pub(super) commit: &'a str,
    pub(super) path: &'a str,
}

impl Closure<'_> {
    /// Renders the chart that lies in a folder.
    pub(super) async fn expand_folder(
        &self,
        folder: Folder<'_>,
        release: &Release,
        edge: &Edge,
        expansion: &mut Expansion,
    ) -> Result<(), Cause> {
        let Folder { view, commit, path } = folder;
        let sound = |source| Cause::Folder { path: path.to_owned(), source };
        let mut entries = self.entries(folder).await?;
        let mut files = ChartFiles::from_folder(entries.clone()).map_err(sound)?;
        let (name, mut missing) = missing_in(&files, path)?;
        let place = join(path, "Chart.yaml").unwrap_or_default();
        if self.take_beside(folder, &missing, &mut entries).await? {
            files = ChartFiles::from_folder(entries).map_err(sound)?;
            (_, missing) = missing_in(&files, path)?;
        }
        let missing: Vec<&Dependency> = missing.iter().collect();
        self.take_dependencies(&missing, &place, &mut files, expansion).await?;
        let home = Home::Folder { name: &name, view, commit, path };
        let settings = self.settings(release, &home).await?;
        self.render_all(&files, settings, Reason { release, edge }, expansion).await
    }

    /// The files of a folder, by their paths below it.
    async fn entries(&self, folder: Folder<'_>) -> Result<Vec<(String, Vec<u8>)>, Cause> {
        let Folder { view, commit, path } = folder;
        let read = view.folder(commit, path).await?;
        let below = |file: String| {
            file.strip_prefix(path).unwrap_or(&file).trim_start_matches('/').to_owned()
        };
        Ok(read.into_iter().map(|(file, bytes)| (below(file), bytes)).collect())
    }

    /// Puts charts that lie beside another one (`file://`) where Helm would have packed them. Whether there were any.
    async fn take_beside(
        &self,
        folder: Folder<'_>,
        missing: &[Dependency],
        entries: &mut Vec<(String, Vec<u8>)>,
    ) -> Result<bool, Cause> {
        let mut seen = BTreeSet::new();
        for dependency in missing {
            let Some(relative) = dependency.repository.strip_prefix("file://") else { continue };
            let Some(path) = join(folder.path, relative) else { continue };
            if seen.len() == BESIDE_MAX || !seen.insert((&dependency.name, path.clone())) {
                continue;
            }
            let own = self.entries(Folder { path: &path, ..folder }).await?;
            let into = format!("charts/{}", dependency.name);
            entries.extend(own.into_iter().map(|(file, bytes)| (format!("{into}/{file}"), bytes)));
        }
        Ok(!seen.is_empty())
    }
}

/// The name of a chart in a folder, and the dependencies that it lacks.
fn missing_in(files: &ChartFiles, path: &str) -> Result<(String, Vec<Dependency>), Cause> {
    let sound = |source| Cause::Chart { path: path.to_owned(), source };
    let chart = Chart::load(files).map_err(sound)?;
    let missing = chart.missing_dependencies();
    let wanted = chart.yaml.dependencies.iter().flatten();
    let wanted = wanted.filter(|dependency| missing.contains(&dependency.name)).cloned();
    Ok((chart.name.clone(), wanted.collect()))
}
