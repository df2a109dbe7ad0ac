//! The headline on the real charts, where they are at hand: what renders here leads to exactly the suite's images and files.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use haversack::argo::{self, Fact, FileFindings, Knowledge};
use haversack::helm::{ChartFiles, RenderSettings, Rendered, render};
use haversack::template::Demands;
use walkdir::WalkDir;

/// Chart, folder in the corpus, images: the default profile with one JetStream bus.
const CHARTS: [(&str, &str, &[&str]); 8] = [
    (
        "argo-cd",
        "charts/argo-helm/charts/argo-cd",
        &[
            "ecr-public.aws.com/docker/library/redis:8.2.3-alpine",
            "ghcr.io/dexidp/dex:v2.45.1",
            "quay.io/argoproj/argocd:v3.4.4",
        ],
    ),
    (
        "argo-rollouts",
        "charts/argo-helm/charts/argo-rollouts",
        &["quay.io/argoproj/argo-rollouts:v1.9.0"],
    ),
    (
        "argo-workflows",
        "charts/argo-helm/charts/argo-workflows",
        &[
            "quay.io/argoproj/argocli:v4.0.6",
            "quay.io/argoproj/argoexec:v4.0.6",
            "quay.io/argoproj/workflow-controller:v4.0.6",
            "registry.k8s.io/kubectl:v1.36.2",
        ],
    ),
    (
        "argo-events",
        "charts/argo-helm/charts/argo-events",
        &["quay.io/argoproj/argo-events:v1.9.10"],
    ),
    (
        "argocd-image-updater",
        "charts/argo-helm/charts/argocd-image-updater",
        &["quay.io/argoprojlabs/argocd-image-updater:v1.2.2"],
    ),
    ("dex", "charts/dex/charts/dex", &["ghcr.io/dexidp/dex:v2.44.0"]),
    (
        "ingress-nginx",
        "charts/ingress-nginx/charts/ingress-nginx",
        &[
            "registry.k8s.io/ingress-nginx/controller:v1.15.1@sha256:594ceea76b01c592858f803f9ff4d2cb40542cae2060410b2c95f75907d659e1",
            "registry.k8s.io/ingress-nginx/kube-webhook-certgen:v1.6.9@sha256:01038e7de14b78d702d2849c3aad72fd25903c4765af63cf16aa3398f5d5f2dd",
        ],
    ),
    ("kargo", "charts/kargo/charts/kargo", &["ghcr.io/akuity/kargo:v1.11.2"]),
];
/// What the bus chooses from the list of argo-events.
const BUS: [&str; 3] = [
    "docker.io/library/nats:2.10.10",
    "docker.io/natsio/nats-server-config-reloader:0.14.0",
    "docker.io/natsio/prometheus-nats-exporter:0.14.0",
];
const EVENT_BUS: &str = "apiVersion: argoproj.io/v1alpha1\nkind: EventBus\nmetadata: {name: default}\n\
    spec: {jetstream: {version: latest}}\n";
/// The promoter's manifests; its kustomization would give the tag of the release.
const PROMOTER: [&str; 2] =
    ["quay.io/argoprojlabs/gitops-promoter:latest", "quay.io/brancz/kube-rbac-proxy:v0.22.1"];
const CRDS: &str = "https://raw.githubusercontent.com/argoproj/argo-helm/argo-workflows-1.0.18/\
    charts/argo-workflows/files/crds/full/argoproj.io_";

/// The corpus; says on the terminal that the test was not run when it is absent.
fn corpus() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if !path.join("charts").is_dir() {
        not_run("no ../shared/corpus");
        return None;
    }
    Some(path)
}

/// Written past the test harness, which would swallow it.
fn not_run(what: &str) {
    let _ = writeln!(std::io::stdout(), "not run: {what}");
}

fn entries(folder: &Path, below: &str) -> Vec<(String, Vec<u8>)> {
    let files = WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    let files = files.filter(|entry| entry.file_type().is_file());
    files
        .map(|entry| {
            let path = entry.path().strip_prefix(folder).unwrap().to_str().unwrap();
            (format!("{below}{path}"), fs::read(entry.path()).unwrap())
        })
        .collect()
}

fn rendered(corpus: &Path, name: &str, folder: &str) -> Rendered {
    let mut files = entries(&corpus.join(folder), "");
    if name == "argo-cd" {
        files.extend(entries(&corpus.join("charts/redis-ha/charts/redis-ha"), "charts/redis-ha/"));
    }
    if name == "kargo" {
        // Its repository has no version: packing it for a release writes one.
        let chart = files.iter_mut().find(|(path, _)| path == "Chart.yaml").unwrap();
        let text = String::from_utf8(chart.1.clone()).unwrap();
        chart.1 = text.replace("0.1.0", "1.11.2").into_bytes();
    }
    let files = ChartFiles::from_folder(files).unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut settings = RenderSettings { release: name.to_owned(), ..RenderSettings::default() };
    if name == "kargo" {
        settings.demands = Demands::Placeholders;
    }
    render(&files, &settings).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// What was found in one chart or folder.
#[derive(Default)]
struct Found {
    images: BTreeSet<String>,
    candidates: BTreeSet<String>,
    files: BTreeSet<String>,
    file_candidates: BTreeSet<String>,
    opaque: BTreeSet<String>,
    facts: Vec<Fact>,
}

impl Found {
    fn take(&mut self, findings: FileFindings) {
        self.images.extend(findings.images.iter().map(|found| found.value.to_string()));
        self.candidates.extend(findings.candidates.iter().map(|found| found.value.to_string()));
        self.files.extend(findings.files.iter().map(|found| found.value.url.to_string()));
        let guessed = findings.file_candidates.iter().map(|found| found.value.url.to_string());
        self.file_candidates.extend(guessed);
        self.opaque.extend(findings.opaque.iter().map(|o| format!("{} {}", o.value.what, o.place)));
        self.facts.extend(findings.facts);
    }

    fn of(rendered: &Rendered) -> Self {
        let mut found = Self::default();
        for document in rendered.crds.iter().chain(&rendered.documents).chain(&rendered.hooks) {
            if document.is_test {
                continue;
            }
            let line = |line: u64| {
                let at = usize::try_from(line - 1).unwrap();
                document.lines.get(at).map_or(line, |line| u64::from(*line))
            };
            found.take(argo::read_mapped(&document.source, &document.text, &line));
        }
        found
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_real_suite_leads_to_its_images_and_files() {
    let Some(corpus) = corpus() else { return };
    not_run("cert-manager, which is not in the corpus (5 of the 24 images)");
    let mut all = BTreeSet::new();
    let mut files = BTreeSet::new();
    let mut facts: Vec<(String, Fact)> = Vec::new();
    for (name, folder, images) in CHARTS {
        let rendered = rendered(&corpus, name, folder);
        assert_eq!(rendered.chart, name);
        let found = Found::of(&rendered);
        assert_eq!(found.images, set(images), "{name}");
        assert_eq!(found.candidates, set(&[]), "{name}: candidates");
        assert_eq!(found.file_candidates, set(&[]), "{name}: candidates for files");
        assert_eq!(found.opaque, set(&[]), "{name}: opaque");
        assert_eq!(rendered.demands.len(), if name == "kargo" { 2 } else { 0 }, "{name}");
        all.extend(found.images);
        files.extend(found.files);
        facts.extend(found.facts.into_iter().map(|fact| (name.to_owned(), fact)));
    }
    let bus = argo::read("eventbus.yaml", EVENT_BUS);
    facts.extend(bus.facts.into_iter().map(|fact| ("bus".to_owned(), fact)));
    let conclusions = Knowledge::builtin().conclude(&facts);
    let implied: BTreeSet<String> =
        conclusions.images.iter().map(|implied| implied.image.to_string()).collect();
    assert_eq!(implied, set(&BUS));
    assert!(conclusions.opaque.is_empty(), "{:?}", conclusions.opaque);
    all.extend(implied);
    let mut promoter = Found::default();
    for folder in ["manager", "default"] {
        let folder = corpus.join("argo/gitops-promoter/config").join(folder);
        for (path, bytes) in entries(&folder, "") {
            if path != "kustomization.yaml" {
                promoter.take(argo::read(&path, &String::from_utf8(bytes).unwrap()));
            }
        }
    }
    assert_eq!(promoter.images, set(&PROMOTER));
    assert_eq!(promoter.candidates, set(&[]));
    all.extend(promoter.images);
    assert_eq!(all.len(), 24 - 5, "{all:#?}");
    let want: BTreeSet<String> = crate::support::fixture::suite::CRDS
        .iter()
        .map(|name| format!("{CRDS}{name}.yaml"))
        .collect();
    assert_eq!(files, want);
}
