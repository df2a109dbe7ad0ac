//! The finder on real charts, where they are at hand, held against a list that was made without it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use haversack::argo::{self, Fact, Found, Knowledge};
use haversack::helm::{ChartFiles, ChartYaml, RenderSettings, Rendered, ValuesSource, render};
use walkdir::WalkDir;

/// What there is to find; its head says how it was made.
const LIST: &str = include_str!("data/images.tsv");

/// Folders of charts by name.
type Charts = BTreeMap<String, PathBuf>;
/// Chart and case.
type Case = (String, String);
/// Verdict, what it is, template: as in the list.
type Thing = (String, String, String);

#[test]
fn everything_in_real_charts_is_found_and_nothing_else() {
    let Some(charts) = charts() else { return };
    let (mut count, mut missing, mut wrong, mut candidates) = (0, 0, 0, 0);
    let mut faults = String::new();
    let cases = cases();
    for (case, truth) in &cases {
        let (chart, name) = case;
        let finds = finds(&rendered(&charts, case));
        // Read by tests/oracle/recall.py; the harness shows it only when it is asked to.
        for (verdict, what, template) in finds.certain.iter().chain(&finds.candidates) {
            println!("found\t{chart}\t{name}\t{verdict}\t{what}\t{template}");
        }
        count += truth.len();
        candidates += finds.candidates.len();
        for (verdict, what, template) in truth.difference(&finds.certain) {
            missing += 1;
            faults += &format!("\n{chart} {name}: missing: {verdict} {what} in {template}");
        }
        for (verdict, what, template) in finds.certain.difference(truth) {
            wrong += 1;
            faults += &format!("\n{chart} {name}: false: {verdict} {what} in {template}");
        }
    }
    let found = count - missing;
    // Written past the test harness, which would swallow it.
    let _ = writeln!(
        std::io::stderr(),
        "recall: {} charts, {} cases, {found} of {count} found, {missing} missing, {wrong} false, \
         {candidates} candidates",
        cases.keys().map(|(chart, _)| chart).collect::<BTreeSet<_>>().len(),
        cases.len(),
    );
    assert!(count > 0);
    assert!(faults.is_empty(), "{faults}");
}

/// The list by its cases; a case in which nothing is to be found has an empty set.
fn cases() -> BTreeMap<Case, BTreeSet<Thing>> {
    let mut cases: BTreeMap<Case, BTreeSet<Thing>> = BTreeMap::new();
    for line in LIST.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
        let [chart, case, verdict, what, template] = fields.try_into().expect("five fields");
        let things = cases.entry((chart, case)).or_default();
        if verdict != "none" {
            things.insert((verdict, what, template));
        }
    }
    cases
}

/// The charts of the corpus that lie in no other; says on the terminal that the test was not run when there are none.
fn charts() -> Option<Charts> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/charts");
    if !corpus.is_dir() {
        let _ = writeln!(std::io::stderr(), "not run: no ../shared/corpus/charts");
        return None;
    }
    let paths =
        WalkDir::new(corpus).into_iter().filter_map(Result::ok).map(walkdir::DirEntry::into_path);
    let folders = paths.filter(|path| path.ends_with("Chart.yaml"));
    let folders = folders.map(|path| path.parent().expect("a folder").to_owned());
    let outer = folders.filter(|folder| {
        !folder.ancestors().skip(1).any(|above| above.join("Chart.yaml").is_file())
    });
    let name = |folder: &PathBuf| folder.file_name().unwrap().to_string_lossy().into_owned();
    Some(outer.map(|folder| (name(&folder), folder)).collect())
}

fn rendered(charts: &Charts, (chart, case): &Case) -> Rendered {
    let own = charts.get(chart).unwrap_or_else(|| panic!("{chart} is not in the corpus"));
    let values = match case.strip_prefix("ci/") {
        Some(file) => own.join("ci").join(file),
        None => Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/it/data/images")
            .join(chart)
            .join(format!("{case}.yaml")),
    };
    let mut settings = RenderSettings::default();
    if case != "defaults" || values.is_file() {
        let name = values.display().to_string();
        let text = fs::read_to_string(&values).unwrap_or_else(|e| panic!("{name}: {e}"));
        settings.values.push(ValuesSource::File { name, text });
    }
    let files = ChartFiles::from_folder(assembled(charts, chart));
    let files = files.unwrap_or_else(|e| panic!("{chart}: {e}"));
    render(&files, &settings).unwrap_or_else(|e| panic!("{chart} {case}: {e}"))
}

/// The files of a chart, with the dependencies that the corpus has, under the versions that it asks for.
fn assembled(charts: &Charts, chart: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = entries(&charts[chart], "");
    for wanted in about(&charts[chart]).dependencies.unwrap_or_default() {
        let below = format!("charts/{}", wanted.name);
        if files.iter().any(|(path, _)| path.starts_with(&below)) {
            continue;
        }
        let folder = charts.get(&wanted.name);
        let folder = folder.unwrap_or_else(|| panic!("{chart}: the corpus has no {}", wanted.name));
        let has = format!("version: {}\n", about(folder).version);
        let exact = wanted.version.filter(|v| v.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
        for (path, mut bytes) in entries(folder, &format!("{below}/")) {
            if let Some(exact) = exact.as_ref().filter(|_| path == format!("{below}/Chart.yaml")) {
                let text = String::from_utf8(bytes).expect("UTF-8");
                bytes = text.replacen(&has, &format!("version: {exact}\n"), 1).into_bytes();
            }
            files.push((path, bytes));
        }
    }
    files
}

fn about(folder: &Path) -> ChartYaml {
    let text = fs::read_to_string(folder.join("Chart.yaml")).expect("readable");
    ChartYaml::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
}

fn entries(folder: &Path, below: &str) -> Vec<(String, Vec<u8>)> {
    let files = WalkDir::new(folder).into_iter().filter_map(Result::ok);
    let files = files.filter(|entry| entry.file_type().is_file());
    let name = |path: &Path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
    files
        .map(|entry| (format!("{below}{}", name(entry.path())), fs::read(entry.path()).unwrap()))
        .collect()
}

/// What is found in a rendered chart.
#[derive(Default)]
struct Finds {
    /// Images, implied images, files and what cannot be seen into.
    certain: BTreeSet<Thing>,
    /// What a registry or a person is to be asked about.
    candidates: BTreeSet<Thing>,
}

fn finds(rendered: &Rendered) -> Finds {
    let mut finds = Finds::default();
    let mut facts: Vec<(String, Fact)> = Vec::new();
    for document in rendered.documents.iter().chain(&rendered.hooks) {
        let line = |line: u64| {
            let at = usize::try_from(line.saturating_sub(1)).expect("a line");
            document.lines.get(at).map_or(line, |line| u64::from(*line))
        };
        let found = argo::read_mapped(&document.source, &document.text, &line);
        finds.certain.extend(things("image", &found.images, ToString::to_string));
        finds.certain.extend(things("file", &found.files, |file| file.url.to_string()));
        finds.certain.extend(things("opaque", &found.opaque, |opaque| opaque.what.clone()));
        finds.candidates.extend(things("candidate", &found.candidates, ToString::to_string));
        let files = things("candidate", &found.file_candidates, |file| file.url.to_string());
        finds.candidates.extend(files);
        facts.extend(found.facts.into_iter().map(|fact| ("chart".to_owned(), fact)));
    }
    let conclusions = Knowledge::builtin().conclude(&facts);
    let implied = conclusions.images.iter();
    finds.certain.extend(implied.map(|i| thing("implied", i.image.to_string(), &i.place)));
    let opaque = conclusions.opaque.iter().map(|(_, opaque)| opaque);
    finds.certain.extend(opaque.map(|o| thing("opaque", o.value.what.clone(), &o.place)));
    finds
}

fn things<T>(verdict: &str, found: &[Found<T>], what: impl Fn(&T) -> String) -> Vec<Thing> {
    found.iter().map(|found| thing(verdict, what(&found.value), &found.place)).collect()
}

/// The list has no lines of templates: a comment added to a chart would change them.
fn thing(verdict: &str, what: String, place: &str) -> Thing {
    let (template, _) = place.rsplit_once(':').expect("file and line");
    (verdict.to_owned(), what, template.to_owned())
}
