//! A chart and values in, Kubernetes documents out: what `helm template` does, without Helm.
//!
//! Everything happens in one thread of its own, because templates nest deeply and values are shared by counting references.
//! Templates are parsed, and executed, deepest folder first and then in reverse order of their names: charts rely on it,
//! because a template may change the `.Values` of those after it.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::thread;

use crate::artifact::{VersionRange, parse_version};
use crate::helm::files_object::Files;
use crate::helm::manifests::{Document, Sorted, print};
use crate::helm::render_error::RenderError;
use crate::helm::values::duplicate_warnings;
use crate::helm::{
    Capabilities, Chart, ChartFile, ChartFiles, KubeVersion, ValuesSource, merge_values, prepare,
};
use crate::limits;
use crate::sprig;
use crate::template::{Demand, Demands, Map, MapKind, Run, RunOptions, Templates, Value};

/// What a chart is rendered for.
#[derive(Clone, Debug)]
pub struct RenderSettings {
    /// Name of the release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// Version of the cluster; `None`: what Helm takes by default.
    pub kube_version: Option<String>,
    /// APIs of the cluster, besides Kubernetes' own.
    pub api_versions: Vec<String>,
    /// Values, in the order in which they were given.
    pub values: Vec<ValuesSource>,
    /// Whether it is an upgrade rather than an installation.
    pub upgrade: bool,
    /// What happens when a value that the chart demands is missing.
    pub demands: Demands,
}

impl Default for RenderSettings {
    fn default() -> Self {
        Self {
            release: "release-name".to_owned(),
            namespace: "default".to_owned(),
            kube_version: None,
            api_versions: Vec::new(),
            values: Vec::new(),
            upgrade: false,
            demands: Demands::Refuse,
        }
    }
}

/// A rendered chart.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// Name of the chart.
    pub chart: String,
    /// Its version.
    pub version: String,
    /// What is installed, in the order of installation.
    pub documents: Vec<Document>,
    /// The files of `crds/`, its own and those of its dependencies. A file may hold several documents.
    pub crds: Vec<Document>,
    /// Hooks and tests.
    pub hooks: Vec<Document>,
    /// Values that were missing and for which a placeholder stands.
    pub demands: Vec<Demand>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Annotations of the chart.
    pub annotations: BTreeMap<String, String>,
}

impl Rendered {
    /// The text that `helm template` prints, byte for byte.
    pub fn manifest(&self, crds: bool, hooks: bool, tests: bool) -> String {
        let mut all = String::new();
        let crds = self.crds.iter().filter(|_| crds);
        crds.chain(&self.documents).for_each(|document| print(document, &mut all));
        let mut manifest = format!("{}\n", all.trim());
        self.hooks_shown(hooks, tests).for_each(|hook| print(hook, &mut manifest));
        manifest
    }

    /// The hooks that are asked for.
    pub fn hooks_shown(&self, hooks: bool, tests: bool) -> impl Iterator<Item = &Document> {
        self.hooks.iter().filter(move |hook| hooks && (tests || !hook.is_test))
    }
}

/// Renders a chart.
pub fn render(files: &ChartFiles, settings: &RenderSettings) -> Result<Rendered, RenderError> {
    thread::scope(|scope| {
        let work = || match (render_here(files, settings), settings.demands) {
            // One missing value stopped it: what else is missing is told at the same time.
            (Err(error), Demands::Refuse) if error.is_demand() => {
                let settings = RenderSettings { demands: Demands::Collect, ..settings.clone() };
                Err(render_here(files, &settings).err().unwrap_or(error))
            }
            (outcome, _) => outcome,
        };
        let thread = thread::Builder::new()
            .name("render".to_owned())
            .stack_size(limits::RENDER_STACK_BYTES)
            .spawn_scoped(scope, work)
            .map_err(RenderError::Thread)?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn render_here(files: &ChartFiles, settings: &RenderSettings) -> Result<Rendered, RenderError> {
    check_release(&settings.release)?;
    let mut chart = Chart::load(files)?;
    let values = prepare(&mut chart, &merge_values(&settings.values)?)?;
    let version = settings.kube_version.as_deref().map(KubeVersion::parse).transpose()?;
    let capabilities = Capabilities::new(version, &settings.api_versions);
    check_cluster(&chart, capabilities.kube_version())?;
    let scope = Scope::root(&chart, values, release(settings), capabilities.into_value());
    let mut run = Run::new(RunOptions { seed: SEED, now: NOW, demands: settings.demands });
    let sorted = documents(&chart.name, &scope, &mut run);
    if matches!(settings.demands, Demands::Collect) && !run.demands().is_empty() {
        // Whatever else went wrong may come of the texts that stood in for what is missing.
        let demands = run.demands().to_vec();
        return Err(RenderError::Demands { chart: chart.name, demands });
    }
    let sorted = sorted?;
    let mut crds = Vec::new();
    add_crds(&chart, &chart.name, &mut crds);
    let mut warnings = doubled(&settings.values);
    warnings.append(&mut chart.warnings);
    warnings.extend(sorted.warnings);
    let annotations = chart.yaml.annotations.unwrap_or_default();
    Ok(Rendered {
        version: chart.yaml.version,
        chart: chart.name,
        documents: sorted.documents,
        crds,
        hooks: sorted.hooks,
        demands: run.demands().to_vec(),
        warnings,
        annotations: annotations.into_iter().map(|(k, v)| (k, v.unwrap_or_default())).collect(),
    })
}

/// Warnings about keys that stand twice in what a person gave.
fn doubled(sources: &[ValuesSource]) -> Vec<String> {
    let files = sources.iter().filter_map(|source| match source {
        ValuesSource::File { name, text } | ValuesSource::Inline { name, text } => {
            Some((name, text))
        }
        _ => None,
    });
    files.flat_map(|(name, text)| duplicate_warnings(name, text)).collect()
}

/// Where the sequence of random numbers begins. Two renderings of one chart must be equal; nothing rendered here guards
/// anything.
const SEED: u64 = 0x6861_7665_7273_6163;
/// What `now` says: 1 January 2000, a time that nobody takes for a real one.
const NOW: i64 = 946_684_800;

/// Longest name of a release.
const RELEASE_LENGTH_MAX: usize = 53;

fn check_release(name: &str) -> Result<(), RenderError> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let sound = |part: &str| {
        let ends =
            part.bytes().next().is_some_and(letter) && part.bytes().last().is_some_and(letter);
        ends && part.bytes().all(|byte| letter(byte) || byte == b'-')
    };
    if name.len() <= RELEASE_LENGTH_MAX && name.split('.').all(sound) {
        return Ok(());
    }
    Err(RenderError::Release(name.to_owned()))
}

/// A chart may ask for certain versions of Kubernetes.
fn check_cluster(chart: &Chart, version: &KubeVersion) -> Result<(), RenderError> {
    let range = chart.yaml.kube_version.as_deref().filter(|range| !range.is_empty());
    let Some(range) = range else { return Ok(()) };
    let fits = match (VersionRange::parse(range), parse_version(version.normalized())) {
        (Ok(range), Some(version)) => range.contains(&version),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(RenderError::Cluster {
        chart: chart.name.clone(),
        range: range.to_owned(),
        version: version.normalized().to_owned(),
    })
}

/// `.Release`.
fn release(settings: &RenderSettings) -> Value {
    Value::map([
        ("Name", Value::text(settings.release.as_str())),
        ("Namespace", Value::text(settings.namespace.as_str())),
        ("IsUpgrade", Value::Bool(settings.upgrade)),
        ("IsInstall", Value::Bool(!settings.upgrade)),
        ("Revision", Value::Int(1)),
        ("Service", Value::text("Helm")),
    ])
}

/// A template and the context that it shares with all templates of its chart.
struct Source<'a> {
    file: &'a ChartFile,
    base: Rc<str>,
    context: Rc<Map>,
}

/// What templates see, chart by chart, and the templates by the path that names them.
struct Scope<'a> {
    release: Value,
    capabilities: Value,
    sources: BTreeMap<String, Source<'a>>,
}

impl<'a> Scope<'a> {
    fn root(chart: &'a Chart, values: Value, release: Value, capabilities: Value) -> Self {
        let mut scope = Self { release, capabilities, sources: BTreeMap::new() };
        scope.add(chart, &chart.name, values);
        scope
    }

    /// Adds a chart and those below it. Each sees its own part of the values: the same maps, not copies.
    fn add(&mut self, chart: &'a Chart, path: &str, values: Value) -> Value {
        // One chart under two names shares its metadata, but for the map itself.
        let metadata = chart.metadata.as_map().map(|map| map.shallow_copy());
        let metadata = metadata.unwrap_or_else(|| Map::of(MapKind::Any, []));
        metadata.set("IsRoot", Value::Bool(path == chart.name));
        let mut subcharts = Vec::new();
        for below in &chart.dependencies {
            let part = values.as_map().and_then(|map| map.get(&below.name));
            let part = part.filter(|part| part.as_map().is_some()).unwrap_or_else(no_values);
            let context = self.add(below, &format!("{path}/charts/{}", below.name), part);
            subcharts.push((below.name.as_str(), context));
        }
        let entries = [
            ("Chart", Value::Map(Rc::new(metadata))),
            ("Files", Value::Object(Rc::new(Files::new(&chart.files)))),
            ("Release", self.release.clone()),
            ("Capabilities", self.capabilities.clone()),
            ("Values", values),
            ("Subcharts", Value::map(subcharts)),
        ];
        let entries = entries.map(|(key, value)| (Rc::from(key), value));
        let context = Rc::new(Map::of(MapKind::Values, entries));
        let base: Rc<str> = format!("{path}/templates").into();
        let whole = !chart.is_library();
        for file in chart.templates.iter().filter(|file| whole || is_partial(&file.name)) {
            let (base, context) = (Rc::clone(&base), Rc::clone(&context));
            let source = Source { file, base, context };
            self.sources.insert(format!("{path}/{}", file.name), source);
        }
        Value::Map(context)
    }

    /// The templates in Helm's order: deepest folder first, then by name from the end.
    fn ordered(&self) -> Vec<(&String, &Source<'a>)> {
        let mut all: Vec<_> = self.sources.iter().collect();
        let depth = |path: &str| path.matches('/').count();
        all.sort_by(|(a, _), (b, _)| (depth(b), b).cmp(&(depth(a), a)));
        all
    }
}

/// `.Values` of a chart for which there are none.
fn no_values() -> Value {
    Value::Map(Rc::new(Map::of(MapKind::Values, [])))
}

/// Whether a file only defines templates for others.
fn is_partial(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with('_'))
}

/// Parses and executes all templates, and sorts what comes out.
fn documents(chart: &str, scope: &Scope<'_>, run: &mut Run) -> Result<Sorted, RenderError> {
    let failed = |fault| RenderError::Template { chart: chart.to_owned(), fault };
    let ordered = scope.ordered();
    let mut templates = Templates::new(sprig::functions());
    for (path, source) in &ordered {
        templates.add(path, source.file.text()?).map_err(|error| failed(error.into()))?;
    }
    let mut texts = BTreeMap::new();
    for (path, source) in ordered.into_iter().filter(|(path, _)| !is_partial(path)) {
        let template = [
            ("Name", Value::text(path.as_str())),
            ("BasePath", Value::Text(Rc::clone(&source.base))),
        ];
        let template = template.map(|(key, value)| (Rc::from(key), value));
        let template = Map::of(MapKind::Values, template);
        source.context.set("Template", Value::Map(Rc::new(template)));
        let data = Value::Map(Rc::clone(&source.context));
        let output = templates.execute(path, &data, run).map_err(|e| failed((&e).into()))?;
        // Notes are executed, because they may fail or change values, but they are for people.
        if !path.ends_with("NOTES.txt") {
            texts.insert(path, output);
        }
    }
    let mut sorted = Sorted::default();
    for (path, output) in texts {
        let line = |at| u32::try_from(output.line_of(at)).unwrap_or(u32::MAX);
        sorted.take(path, &output.text, &line).map_err(|bad| {
            let (chart, file) = (chart.to_owned(), path.clone());
            RenderError::Document { chart, file, line: bad.line, message: bad.message }
        })?;
    }
    Ok(sorted.finish())
}

fn add_crds(chart: &Chart, path: &str, crds: &mut Vec<Document>) {
    for file in chart.crds.iter() {
        let text = String::from_utf8_lossy(&file.bytes).into_owned();
        crds.push(Document::whole(format!("{path}/{}", file.name), text));
    }
    for below in &chart.dependencies {
        add_crds(below, &format!("{path}/charts/{}", below.name), crds);
    }
}
