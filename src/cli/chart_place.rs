//! Where a chart is that somebody named on the command line: a folder, an archive, a repository or a registry.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::artifact::{ChartRepo, VersionRange};
use crate::cli::{Failure, block_on, connect};
use crate::helm::ChartFiles;
use crate::limits;
use crate::report::Report;

/// A chart.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// Folder, .tgz, oci://HOST/PATH/NAME, or name in --repo
    #[arg(value_name = "CHART")]
    chart: String,
    /// Repository with the chart: https://… or oci://…
    #[arg(long, value_name = "URL")]
    repo: Option<String>,
    /// Version, or range of versions
    #[arg(long, value_name = "VERSION", default_value = "*", hide_default_value = true)]
    version: String,
}

impl Place {
    /// Reads or fetches the chart's files.
    pub(super) fn files(
        &self,
        reach: &connect::Reach,
        report: Report,
    ) -> Result<ChartFiles, Failure> {
        let (repo, name) = match (&self.repo, self.chart.strip_prefix("oci://")) {
            (Some(repo), None) => (repo.as_str(), self.chart.as_str()),
            (Some(_), Some(_)) => {
                return Err(Failure::usage("--repo and oci://… both say where the chart is"));
            }
            (None, Some(_)) => self.chart.rsplit_once('/').unwrap_or((&self.chart, "")),
            (None, None) => return local(Path::new(&self.chart)),
        };
        let wrong = |place: &str, error: &dyn std::error::Error| {
            Failure::usage(format!("{place}: {error}"))
        };
        let range = VersionRange::parse(&self.version).map_err(|e| wrong("--version", &e))?;
        let parsed = ChartRepo::parse(repo).map_err(|e| wrong(repo, &e))?;
        let plain = repo.strip_prefix("http://").and_then(|rest| rest.split('/').next());
        let plain = plain.map(str::to_ascii_lowercase).into_iter().collect();
        let sources = reach.sources(plain, report)?;
        let pinned = block_on(sources.pin_chart(&parsed, name, &range))?;
        Ok(ChartFiles::from_archive(pinned.package.as_slice())?)
    }
}

/// A chart on this machine.
fn local(path: &Path) -> Result<ChartFiles, Failure> {
    let found = fs::metadata(path).map_err(|error| {
        let failure = Failure::file(path, &error);
        let has_name = path.extension().is_none() && path.components().count() == 1;
        if has_name { failure.hint("a chart of a repository needs --repo URL") } else { failure }
    })?;
    if found.is_dir() {
        return Ok(ChartFiles::from_folder(folder(path)?)?);
    }
    let bytes = connect::read(path, limits::CHART_ARCHIVE_BYTES_MAX)?;
    ChartFiles::from_archive(bytes.as_slice()).map_err(|error| {
        let Failure { code, errors, hints } = error.into();
        let errors = errors.into_iter().map(|words| format!("{}: {words}", path.display()));
        Failure { code, errors: errors.collect(), hints }
    })
}

/// All files of a folder. A link is followed when it stays inside: a chart must not carry what lies beside it.
fn folder(root: &Path) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let inside = root.canonicalize().map_err(|error| Failure::file(root, &error))?;
    let mut files = Vec::new();
    let mut left = limits::CHART_CONTENT_BYTES_MAX;
    for entry in WalkDir::new(root).follow_links(true).max_open(16) {
        let entry =
            entry.map_err(|error| Failure::unsound(format!("{}: {error}", root.display())))?;
        let path = entry.path();
        if entry.path_is_symlink() && entry.depth() > 0 {
            let target = path.canonicalize().map_err(|error| Failure::file(path, &error))?;
            if !target.starts_with(&inside) {
                let words = "a link that leads out of the chart";
                return Err(Failure::unsound(format!("{}: {words}", path.display())));
            }
        }
        if !entry.file_type().is_file() {
            continue;
        }
        if files.len() == limits::CHART_ENTRIES_MAX {
            let max = limits::CHART_ENTRIES_MAX;
            return Err(Failure::unsound(format!("{}: more than {max} files", root.display())));
        }
        let bytes = beginning(path, limits::CHART_FILE_BYTES_MAX + 1)?;
        left = left.checked_sub(bytes.len() as u64).ok_or_else(|| {
            let max = limits::CHART_CONTENT_BYTES_MAX;
            Failure::unsound(format!("{}: more than {max} bytes", root.display()))
        })?;
        files.push((below(root, path)?, bytes));
    }
    Ok(files)
}

/// A file, or as much of it as shows that it is too large: `.helmignore` may say that it does not matter.
fn beginning(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let fail = |error: std::io::Error| Failure::file(path, &error);
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(fail)?.take(bytes_max).read_to_end(&mut bytes).map_err(fail)?;
    Ok(bytes)
}

/// A file's path below a folder, with `/`.
fn below(root: &Path, path: &Path) -> Result<String, Failure> {
    let below: PathBuf = path.strip_prefix(root).unwrap_or(path).to_owned();
    below.into_os_string().into_string().map_err(|name| {
        Failure::unsound(format!("{}: a name that is not UTF-8", PathBuf::from(name).display()))
    })
}
