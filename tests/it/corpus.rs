//! Real charts and real GitOps trees, where they are at hand: `../shared/corpus` beside the repository.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use haversack::argo;
use haversack::helm::{ChartArchive, ChartYaml, config_json};
use walkdir::WalkDir;

/// A folder of the corpus; says on the terminal that the test was not run when it is absent.
fn corpus(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus").join(folder);
    if !path.is_dir() {
        // Written past the test harness, which would swallow it.
        let _ = writeln!(std::io::stderr(), "not run: no ../shared/corpus/{folder}");
        return None;
    }
    Some(path)
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path)
}

#[test]
fn every_document_of_real_gitops_trees_is_searched() {
    let (mut applications, mut images, mut sources, mut opaque, mut count) = (0, 0, 0, 0, 0);
    for folder in ["argo", "gitops"] {
        let Some(folder) = corpus(folder) else { return };
        for path in files(&folder) {
            let wanted = ["yaml", "yml", "json"].map(Some);
            if !wanted.contains(&path.extension().and_then(|ext| ext.to_str())) {
                continue;
            }
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let name = path.strip_prefix(&folder).expect("below").to_string_lossy().into_owned();
            let found = argo::read(&name, &text);
            let lines = text.lines().count();
            let places = found.images.iter().map(|f| &f.place);
            let places = places.chain(found.sources.iter().map(|f| &f.place));
            for place in places.chain(found.opaque.iter().map(|f| &f.place)) {
                let line = place.rsplit(':').next().and_then(|line| line.parse::<usize>().ok());
                assert!(line.is_some_and(|line| (1..=lines.max(1)).contains(&line)), "{place}");
            }
            applications += found.applications;
            images += found.images.len();
            sources += found.sources.len();
            opaque += found.opaque.len();
            count += 1;
        }
    }
    let _ = writeln!(
        std::io::stderr(),
        "corpus: {count} files, {applications} Applications, {sources} sources, {images} images, {opaque} opaque"
    );
    assert!(applications > 0 && sources > 0 && images > 0);
}

#[test]
fn real_charts_are_read_from_their_archives() {
    let Some(folder) = corpus("charts") else { return };
    let mut count = 0;
    for path in files(&folder).filter(|path| path.ends_with("Chart.yaml")) {
        let chart = path.parent().expect("a folder");
        let text = fs::read_to_string(&path).expect("readable");
        let said = ChartYaml::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        tar.append_dir_all(&said.name, chart).expect("packed");
        let bytes = tar.into_inner().and_then(flate2::write::GzEncoder::finish).expect("packed");
        let read = ChartArchive::read(bytes.as_slice())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!((&read.name, &read.version), (&said.name, &said.version));
        assert_eq!(read.chart_yaml, text);
        assert_eq!(read.has_templates, chart.join("templates").is_dir());
        let missing = read.missing_dependencies();
        for dependency in said.dependencies.unwrap_or_default() {
            let vendored = read.vendored.iter().any(|vendored| vendored.name == dependency.name);
            assert_eq!(missing.contains(&&dependency), !vendored, "{}", dependency.name);
        }
        let config: ChartYaml =
            serde_json::from_slice(&config_json(&text).expect("config")).expect("JSON of a chart");
        assert_eq!((config.name, config.version), (said.name, said.version));
        count += 1;
    }
    assert!(count > 0);
}
