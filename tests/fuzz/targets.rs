//! What is fuzzed: everything that reads what others wrote, from bytes to the end.

use std::io::Write;
use std::thread;
use std::time::Duration;

use haversack::argo::{Knowledge, Rule, read, read_mapped};
use haversack::helm::{ChartFiles, RenderSettings, ValuesSource, merge_values, render};
use haversack::sprig::{self, read_json, read_toml, read_yaml, write_json, write_toml, write_yaml};
use haversack::template::{
    Demands, Run, RunOptions, Templates, Value, print_value, sprintf, unquote,
};
use haversack::yaml::Node;
use haversack::{limits, template};

use crate::calls;

/// One way in for bytes.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// Must come back from any bytes.
    pub(crate) run: fn(&[u8]),
    /// Parts of the paths below `../shared/corpus` of the files that are seeds.
    pub(crate) real: &'static [&'static str],
    /// Longest time that one input may take, in a debug build on a busy machine.
    pub(crate) time_max: Duration,
}

const MINUTE: Duration = Duration::from_mins(1);
/// A chart may run as long as its bound says, and twice when something is demanded of it.
const RENDERS: Duration = Duration::from_secs(2 * limits::RENDER_TIME_MAX.as_secs() + 60);

pub(crate) const TARGETS: [Target; 11] = [
    Target { name: "template", run: template, real: &["/templates/"], time_max: MINUTE },
    Target { name: "calls", run: calls::calls, real: &[], time_max: MINUTE },
    Target { name: "chart", run: chart, real: &["/templates/"], time_max: RENDERS },
    Target { name: "archive", run: archive, real: &[".tgz"], time_max: RENDERS },
    Target { name: "values", run: values, real: &["/values"], time_max: MINUTE },
    Target { name: "set", run: set, real: &[], time_max: MINUTE },
    Target { name: "finder", run: finder, real: &[".yaml", ".yml"], time_max: MINUTE },
    Target { name: "yaml", run: yaml, real: &[".yaml"], time_max: MINUTE },
    Target { name: "json", run: json, real: &[".json"], time_max: MINUTE },
    Target { name: "toml", run: toml, real: &[".toml"], time_max: MINUTE },
    Target { name: "printf", run: printf, real: &[], time_max: MINUTE },
];

/// Longest time that a template of the target `template` runs: shorter than the bound of charts, or nothing else would run.
const TEMPLATE_TIME_MAX: Duration = Duration::from_secs(3);

/// Values that most templates find something in.
const VALUES: &str = r#"
name: web
image: {repository: example.test/a/b, tag: 1.2.3, pullPolicy: Always}
list: [1, two, 3.5, null, true, [nested], {a: b}]
numbers: [9223372036854775807, -9223372036854775808, 1e308, 0]
empty: {}
text: "line\nline"
template: "{{ .Values.name }}"
time: "2024-02-29T12:00:00Z"
"#;

/// Runs something where templates run: they nest deeply.
pub(crate) fn on_render_stack(work: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(limits::RENDER_STACK_BYTES);
        let thread = builder.spawn_scoped(scope, work).expect("thread");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// What a template sees.
pub(crate) fn context() -> Value {
    let values = read_yaml(VALUES).expect("sound values");
    Value::map([("Values", values), ("Chart", Value::map([("Name", Value::text("web"))]))])
}

/// Parses and executes a text as a template.
pub(crate) fn execute(text: &str, context: &Value, demands: Demands) {
    let mut templates = Templates::new(sprig::functions());
    if templates.add("web/templates/t.yaml", text).is_err() {
        return;
    }
    let options = RunOptions { seed: 1, now: 1_700_000_000, demands };
    let mut run = Run::new(options).within(TEMPLATE_TIME_MAX);
    match templates.execute("web/templates/t.yaml", context, &mut run) {
        Ok(output) => {
            for at in [0, output.text.len() / 2, output.text.len()] {
                assert!(output.line_of(at) <= text.lines().count() + 1, "a line that is not there");
            }
        }
        Err(error) => drop(error.to_string()),
    }
}

fn template(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    on_render_stack(|| {
        let demands = [Demands::Refuse, Demands::Placeholders, Demands::Collect];
        execute(&text, &context(), demands[text.len() % demands.len()]);
    });
}

/// Begins a file of a chart, or a source of values: `=== templates/a.yaml`, `=== --set`.
const MARK: &str = "=== ";

/// The files of a chart and the values given to it, from one text.
fn assembled(bytes: &[u8]) -> (Vec<(String, Vec<u8>)>, Vec<ValuesSource>) {
    let mut files = vec![("templates/first.yaml".to_owned(), Vec::new())];
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(MARK.as_bytes()) {
            Some(name) => {
                files.push((String::from_utf8_lossy(name).trim_end().to_owned(), Vec::new()));
            }
            None => files.last_mut().expect("the first one").1.extend_from_slice(line),
        }
    }
    let (given, mut files): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|(name, _)| name.starts_with("--"));
    if !files.iter().any(|(name, _)| name == "Chart.yaml") {
        files.push((
            "Chart.yaml".to_owned(),
            b"apiVersion: v2\nname: web\nversion: 1.2.3\n".to_vec(),
        ));
    }
    let sources = given.into_iter().map(|(flag, bytes)| {
        let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        match flag.as_str() {
            "--set" => ValuesSource::Set(text),
            "--set-string" => ValuesSource::SetString(text),
            "--set-json" => ValuesSource::SetJson(text),
            "--set-literal" => ValuesSource::SetLiteral(text),
            _ => ValuesSource::File { name: flag, text },
        }
    });
    (files, sources.collect())
}

fn chart(bytes: &[u8]) {
    let (files, values) = assembled(bytes);
    let Ok(files) = ChartFiles::from_entries(files) else { return };
    rendered(&files, values, bytes.len());
}

fn rendered(files: &ChartFiles, values: Vec<ValuesSource>, choice: usize) {
    let demands = [Demands::Refuse, Demands::Placeholders, Demands::Collect][choice % 3];
    let settings = RenderSettings { values, demands, ..RenderSettings::default() };
    match render(files, &settings) {
        Ok(rendered) => {
            rendered.manifest(true, true, true);
            for document in rendered.documents.iter().chain(&rendered.hooks) {
                let line = |line: u64| {
                    let at = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
                    document.lines.get(at).map_or(0, |line| u64::from(*line))
                };
                read_mapped(&document.source, &document.text, &line);
            }
        }
        Err(error) => {
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                drop(error.to_string());
                cause = error.source();
            }
        }
    }
}

/// What is no gzip is packed first, so that mutations reach the archive's members.
fn archive(bytes: &[u8]) {
    let packed = if bytes.starts_with(&[0x1f, 0x8b]) {
        bytes.to_vec()
    } else {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).expect("memory");
        gzip.finish().expect("memory")
    };
    if let Ok(files) = ChartFiles::from_archive(packed.as_slice()) {
        rendered(&files, Vec::new(), bytes.len());
    }
    drop(haversack::helm::ChartArchive::read(packed.as_slice()));
}

/// What was read is written, and read again the same.
fn values(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    on_render_stack(|| {
        sprig::duplicate_keys(&text);
        let Ok(value) = read_yaml(&text) else { return };
        drop(write_json(&value, Some("  "), true));
        drop(write_toml(&value));
        drop(print_value(&value));
        let Ok(written) = write_yaml(&value) else { return };
        let again = read_yaml(&written).expect("what was written can be read");
        assert_eq!(format!("{value:?}"), format!("{again:?}"), "written as\n{written}");
    });
}

/// Each line alone in every way, and all of them together.
fn set(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let base = ValuesSource::File { name: "values.yaml".to_owned(), text: VALUES.to_owned() };
    let kinds: [fn(String) -> ValuesSource; 5] = [
        ValuesSource::Set,
        ValuesSource::SetString,
        ValuesSource::SetJson,
        ValuesSource::SetLiteral,
        |path| ValuesSource::SetFile { path, content: "content".to_owned() },
    ];
    let mut all = vec![base.clone()];
    for (at, line) in text.lines().take(12).enumerate() {
        for kind in kinds {
            drop(merge_values(&[base.clone(), kind(line.to_owned())]));
        }
        all.push(kinds[at % kinds.len()](line.to_owned()));
    }
    drop(merge_values(&all));
}

fn finder(bytes: &[u8]) {
    const NAMES: [&str; 6] = [
        "apps/web.yaml",
        "kustomization.yaml",
        "Chart.yaml",
        ".argocd-source.yaml",
        "values.yaml",
        "a.json",
    ];
    let text = String::from_utf8_lossy(bytes);
    let findings = read(NAMES[bytes.len() % NAMES.len()], &text);
    let facts: Vec<_> = findings.facts.into_iter().map(|fact| ("pin".to_owned(), fact)).collect();
    Knowledge::builtin().conclude(&facts);
    let nodes = Node::parse_lenient(&text);
    let rules = nodes.iter().flatten().flat_map(|node| node.get("rules").unwrap_or(node).items());
    let rules: Vec<Rule> = rules.filter_map(|node| Rule::parse(node).ok()).collect();
    Knowledge::with(rules).conclude(&facts);
}

fn yaml(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    drop(Node::parse_all(&text));
    drop(Node::parse(&text));
    for node in Node::parse_lenient(&text).into_iter().flatten() {
        node.to_json();
    }
}

fn json(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(value) = read_json(&text) else { return };
    for (indent, escape) in [(None, true), (Some("  "), false)] {
        let Ok(written) = write_json(&value, indent, escape) else { continue };
        let again = read_json(&written).expect("what was written can be read");
        assert_eq!(format!("{value:?}"), format!("{again:?}"), "written as\n{written}");
    }
    drop(write_yaml(&value));
    drop(write_toml(&value));
}

fn toml(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(value) = read_toml(&text) else { return };
    drop(write_yaml(&value));
    if let Ok(written) = write_toml(&value) {
        read_toml(&written).expect("what was written can be read");
    }
}

/// The first line is the format, the rest a list in YAML.
fn printf(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (format, args) = text.split_once('\n').unwrap_or((&text, ""));
    let args = read_yaml(args).unwrap_or(Value::Nil);
    let mut args = args.as_items().map(<[Value]>::to_vec).unwrap_or_default();
    // Values files know floats only.
    for value in &mut args {
        if let Value::Float(number) = value
            && number.fract() == 0.0
        {
            *value = Value::Int(*number as i64);
        }
    }
    sprintf(format, &args);
    args.push(Value::from_bytes(bytes.to_vec()));
    sprintf(format, &args);
    drop(unquote(format));
    template::quote(format);
    args.iter().for_each(|value| drop(print_value(value)));
}
