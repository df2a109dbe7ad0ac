//! A chart as the engine sees it: its parts sorted, its subcharts opened.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use thiserror::Error;

use crate::helm::archive::Budget;
use crate::helm::schema::SchemaProblem;
use crate::helm::values::{duplicate_warnings, read_values};
use crate::helm::{ArchiveError, ChartFiles, ChartYaml, metadata};
use crate::limits;
use crate::sprig;
use crate::template::{Map, MapKind, Value};

/// Why a chart cannot be loaded or prepared.
#[derive(Debug, Error)]
pub enum ChartError {
    /// A chart without `Chart.yaml`. Holds its path in the outermost chart; empty for that one itself.
    #[error("{0}Chart.yaml is missing")]
    NoChart(String),
    /// A file that cannot be read for what it is.
    #[error("{file}: {problem}")]
    File {
        /// Its path.
        file: String,
        /// What is wrong, with the line where there is one.
        problem: String,
    },
    /// A file that must be text and is none.
    #[error("{file}: not UTF-8 at byte {at}")]
    NotText {
        /// Its path.
        file: String,
        /// Where the first odd byte is.
        at: usize,
    },
    /// A chart packed in a chart that cannot be opened.
    #[error("{file} cannot be opened")]
    Archive {
        /// Its path.
        file: String,
        /// Why.
        source: ArchiveError,
    },
    /// Charts in charts in charts.
    #[error("{0}: charts nest deeper than {max} levels", max = limits::CHART_DEPTH_MAX)]
    Deep(String),
    /// More charts than anybody has.
    #[error("more than {} charts in one chart", limits::CHARTS_MAX)]
    Many,
    /// A library has no documents of its own.
    #[error("{0} is a library chart, which renders to nothing by itself")]
    Library(String),
    /// Dependencies that are not in `charts/`.
    #[error("found in Chart.yaml, but missing in charts/: {}", .0.join(", "))]
    Missing(Vec<String>),
    /// Values that fit nowhere.
    #[error("{0}")]
    Values(String),
    /// Values that repeat or nest themselves beyond all bounds.
    #[error("the values are too large or nest too deeply")]
    ValuesLarge,
    /// Values that a schema does not allow: all problems there are.
    #[error("values do not meet the schema{}", .0.iter().map(|p| format!("\n{p}")).collect::<String>())]
    Schema(Vec<SchemaProblem>),
}

/// A file of a chart.
#[derive(Clone, Debug)]
pub struct ChartFile {
    /// Its path below the folder of the chart that it belongs to.
    pub name: Rc<str>,
    /// Its content.
    pub bytes: Arc<[u8]>,
}

impl ChartFile {
    /// Its content as text, without a byte order mark.
    pub fn text(&self) -> Result<&str, ChartError> {
        text(&self.name, &self.bytes)
    }
}

/// A chart with everything that rendering needs.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Its name, or the alias under which another chart uses it.
    pub name: String,
    /// What it says about itself.
    pub yaml: ChartYaml,
    /// `.Chart`, but for `IsRoot`.
    pub metadata: Value,
    /// Everything below `templates/`.
    pub templates: Rc<[ChartFile]>,
    /// `.Files`: everything that has no meaning of its own. Those below `crds/` are among them.
    pub files: Rc<[ChartFile]>,
    /// Those files of `crds/` that hold documents.
    pub crds: Rc<[ChartFile]>,
    /// `values.yaml`: always a map.
    pub values: Value,
    /// `values.schema.json`.
    pub schema: Option<Arc<[u8]>>,
    /// The charts in its `charts/`: sorted by their folders, and once prepared, as `Chart.yaml` lists them.
    pub dependencies: Vec<Chart>,
    /// What was odd and is no reason to stop.
    pub warnings: Vec<String>,
}

impl Chart {
    /// Loads a chart and all charts in it.
    pub fn load(files: &ChartFiles) -> Result<Self, ChartError> {
        let left = limits::CHART_LOADED_BYTES_MAX.saturating_sub(files.bytes());
        let place = Place { path: String::new(), depth: 0, budget: &Budget::of(left) };
        load(files.shared().map(|(name, bytes)| (name.to_owned(), Arc::clone(bytes))), &place)
    }

    /// Whether it is a library: its templates are only there to be included.
    pub fn is_library(&self) -> bool {
        self.yaml.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("library"))
    }

    /// Names of the dependencies that its `charts/` lacks.
    pub fn missing_dependencies(&self) -> Vec<String> {
        let held = |name: &str| self.dependencies.iter().any(|chart| chart.name == name);
        let wanted = self.yaml.dependencies.iter().flatten().map(|wanted| &wanted.name);
        wanted.filter(|name| !held(name)).cloned().collect()
    }
}

/// Where a chart is, and what it may still use.
struct Place<'a> {
    /// Its path in the outermost chart, with a slash at the end.
    path: String,
    depth: usize,
    budget: &'a Budget,
}

impl Place<'_> {
    fn fail(&self, file: &str, problem: impl Into<String>) -> ChartError {
        ChartError::File { file: format!("{}{file}", self.path), problem: problem.into() }
    }

    fn text<'a>(&self, file: &str, bytes: &'a [u8]) -> Result<&'a str, ChartError> {
        text(&format!("{}{file}", self.path), bytes)
    }
}

type Entry = (String, Arc<[u8]>);

/// The parts of one chart, sorted.
#[derive(Default)]
struct Parts {
    chart: Option<Arc<[u8]>>,
    requirements: Option<Arc<[u8]>>,
    values: Option<Arc<[u8]>>,
    schema: Option<Arc<[u8]>>,
    templates: Vec<ChartFile>,
    files: Vec<ChartFile>,
    subcharts: BTreeMap<String, Vec<Entry>>,
}

impl Parts {
    fn sort(entries: impl Iterator<Item = Entry>) -> Self {
        let mut parts = Self::default();
        for (name, bytes) in entries {
            let file = |bytes: &Arc<[u8]>| ChartFile {
                name: name.as_str().into(),
                bytes: Arc::clone(bytes),
            };
            match name.as_str() {
                "Chart.yaml" => parts.chart = Some(bytes),
                "values.yaml" => parts.values = Some(bytes),
                "values.schema.json" => parts.schema = Some(bytes),
                // Templates of charts of Helm 2 may read these two files, later ones may not.
                "requirements.yaml" => {
                    parts.files.push(file(&bytes));
                    parts.requirements = Some(bytes);
                }
                "requirements.lock" => parts.files.push(file(&bytes)),
                "Chart.lock" => {}
                name if name.starts_with("templates/") => parts.templates.push(file(&bytes)),
                name => match name.strip_prefix("charts/").filter(|_| !name.ends_with(".prov")) {
                    Some(below) => {
                        let sub = below.split('/').next().unwrap_or(below).to_owned();
                        parts.subcharts.entry(sub).or_default().push((below.to_owned(), bytes));
                    }
                    None => parts.files.push(file(&bytes)),
                },
            }
        }
        parts
    }
}

fn load(entries: impl Iterator<Item = Entry>, place: &Place<'_>) -> Result<Chart, ChartError> {
    let mut parts = Parts::sort(entries);
    let Some(bytes) = &parts.chart else { return Err(ChartError::NoChart(place.path.clone())) };
    let main = read_yaml("Chart.yaml", bytes, place)?;
    let requirements = parts.requirements.as_ref();
    let requirements =
        requirements.map(|bytes| read_yaml("requirements.yaml", bytes, place)).transpose()?;
    let yaml = metadata::read(&main, requirements.as_ref())
        .map_err(|problem| place.fail("Chart.yaml", problem))?;
    if yaml.api_version.as_deref() != Some("v1") {
        parts.files.retain(|file| !file.name.starts_with("requirements."));
    }
    let values = match &parts.values {
        None => Rc::new(Map::of(MapKind::Any, [])),
        Some(bytes) if bytes.len() > limits::VALUES_BYTES_MAX => {
            return Err(place.fail("values.yaml", "too large"));
        }
        Some(bytes) => read_values(place.text("values.yaml", bytes)?)
            .map_err(|problem| place.fail("values.yaml", problem))?,
    };
    let text = parts.values.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    let mut warnings = match text {
        Some(text) => duplicate_warnings(&format!("{}values.yaml", place.path), text),
        None => Vec::new(),
    };
    for template in &parts.templates {
        place.text(&template.name, &template.bytes)?;
    }
    let count = parts.subcharts.len().max(yaml.dependencies.as_ref().map_or(0, Vec::len));
    if count > limits::CHARTS_MAX {
        return Err(ChartError::Many);
    }
    let mut dependencies = parts
        .subcharts
        .into_iter()
        .filter(|(name, _)| !name.starts_with(['_', '.']))
        .map(|(name, entries)| subchart(&name, entries, place))
        .collect::<Result<Vec<_>, _>>()?;
    dependencies.iter_mut().for_each(|sub| warnings.append(&mut sub.warnings));
    let crds = parts.files.iter().filter(|file| is_crd_file(&file.name)).cloned();
    Ok(Chart {
        name: yaml.name.clone(),
        metadata: metadata::as_map(&yaml),
        yaml,
        templates: parts.templates.into(),
        crds: crds.collect(),
        files: parts.files.into(),
        values: Value::Map(values),
        schema: parts.schema,
        dependencies,
        warnings,
    })
}

fn subchart(name: &str, entries: Vec<Entry>, above: &Place<'_>) -> Result<Chart, ChartError> {
    let file = format!("{}charts/{name}", above.path);
    if above.depth + 1 > limits::CHART_DEPTH_MAX {
        return Err(ChartError::Deep(file));
    }
    let place = Place { path: format!("{file}/"), depth: above.depth + 1, budget: above.budget };
    if !name.ends_with(".tgz") {
        let below =
            |(path, bytes): Entry| path.split_once('/').map(|(_, path)| (path.to_owned(), bytes));
        return load(entries.into_iter().filter_map(below), &place);
    }
    let Some((_, bytes)) = entries.iter().find(|(path, _)| path == name) else {
        return Err(ChartError::File { file, problem: "a folder, not an archive".to_owned() });
    };
    let files = ChartFiles::from_archive_within(&mut &**bytes, place.budget)
        .map_err(|source| ChartError::Archive { file, source })?;
    load(files.shared().map(|(name, bytes)| (name.to_owned(), Arc::clone(bytes))), &place)
}

fn read_yaml(file: &str, bytes: &[u8], place: &Place<'_>) -> Result<Value, ChartError> {
    if bytes.len() as u64 > limits::CHART_YAML_BYTES_MAX {
        return Err(place.fail(file, "too large"));
    }
    sprig::read_yaml(place.text(file, bytes)?).map_err(|problem| place.fail(file, problem))
}

fn text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, ChartError> {
    std::str::from_utf8(bytes)
        .map_err(|error| ChartError::NotText { file: file.to_owned(), at: error.valid_up_to() })
}

/// Whether a file holds documents that `--include-crds` adds.
fn is_crd_file(name: &str) -> bool {
    let extension = name.rsplit('/').next().and_then(|last| last.rsplit_once('.'));
    let extension = extension.map(|(_, extension)| extension.to_ascii_lowercase());
    name.starts_with("crds/") && matches!(extension.as_deref(), Some("yaml" | "yml" | "json"))
}
