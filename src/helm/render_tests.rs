//! Whole charts, against what Helm 4.2.4 prints for them.

use crate::helm::{
    ChartError, ChartFiles, RenderError, RenderSettings, Rendered, ValuesSource, describe, render,
};
use crate::template::{Demands, PLACEHOLDER};

/// A chart that shows the order of templates, values that change, what lies beside them, and hooks.
const WEB: &[(&str, &str)] = &[
    (
        "Chart.yaml",
        r"apiVersion: v2
name: web
version: 1.2.3
appVersion: v7
dependencies:
  - {name: db, version: 0.1.0, condition: db.enabled}
  - {name: lib, version: 0.1.0}
annotations: {artifacthub.io/category: x}
",
    ),
    (
        "charts/db/Chart.yaml",
        r"apiVersion: v2
name: db
version: 0.1.0
",
    ),
    (
        "charts/db/templates/db.yaml",
        r#"{{- $_ := set .Values "touched" "yes" -}}
kind: Secret
metadata: {name: db}
port: {{ .Values.port }} {{ .Values.global.zone }} {{ .Chart.Name }} {{ .Chart.IsRoot }}
"#,
    ),
    (
        "charts/db/values.yaml",
        r"port: 1
",
    ),
    (
        "charts/lib/Chart.yaml",
        r"apiVersion: v2
name: lib
version: 0.1.0
type: library
",
    ),
    (
        "charts/lib/templates/_lib.tpl",
        r#"{{ define "lib.name" }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
"#,
    ),
    (
        "charts/lib/templates/never.yaml",
        r"kind: Never
",
    ),
    (
        "crds/x.yaml",
        r"kind: CustomResourceDefinition
",
    ),
    (
        "files/one.txt",
        r"a
b
",
    ),
    ("files/two.md", "two"),
    (
        "templates/NOTES.txt",
        r"thanks {{ .Values.seen }}
",
    ),
    (
        "templates/a.yaml",
        r#"---# first
kind: ConfigMap
metadata: {name: a}
data:
  seen: {{ .Values.seen | quote }}
  deep: {{ .Values.deep | quote }}
  db: {{ .Values.db.touched | quote }}
{{ (.Files.Glob "files/*").AsConfig | indent 2 }}
{{ (.Files.Glob "files/*.txt").AsSecrets | indent 2 }}
  lines: {{ .Files.Lines "files/one.txt" | toJson }}
  get: {{ .Files.Get "files/two.md" }}{{ .Files.Get "nope" | quote }}
  range: {{ range $name, $bytes := .Files.Glob "files/**" }}{{ $name }}={{ len $bytes }} {{ end }}
"#,
    ),
    (
        "templates/b.yaml",
        r#"{{- $_ := set .Values "seen" "b" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "lib.name" . }}
  labels: {{- toYaml .Values.db | nindent 4 }}
  missing: x{{ .Values.nothing }}x
spec:
  replicas: {{ .Values.replicas }}
  size: {{ .Values.size }}
  root: {{ .Chart.IsRoot }} {{ .Subcharts.db.Chart.IsRoot }} {{ .Subcharts.db.Values.port }}
  from: {{ .Template.Name }} {{ .Template.BasePath }}
  release: {{ .Release | toJson }}
---
kind: Service
metadata: {name: second}


"#,
    ),
    (
        "templates/hook.yaml",
        r#"kind: Job
metadata:
  name: hook
  annotations:
    helm.sh/hook: post-install, pre-upgrade
    helm.sh/hook-weight: "5"
---
kind: Pod
metadata:
  name: try
  annotations: {helm.sh/hook: test}
"#,
    ),
    (
        "templates/sub/deep.yaml",
        r#"{{- $_ := set .Values "deep" "first" -}}
"#,
    ),
    (
        "values.yaml",
        r"replicas: 2
size: 1000000
db: {enabled: true, port: 5432}
global: {zone: a}
",
    ),
];

/// `helm template web --include-crds`.
const WEB_MANIFEST: &str = r#"---
# Source: web/crds/x.yaml
kind: CustomResourceDefinition

---
# Source: web/charts/db/templates/db.yaml
kind: Secret
metadata: {name: db}
port: 5432 a db false

---
# Source: web/templates/a.yaml
# first
kind: ConfigMap
metadata: {name: a}
data:
  seen: "b"
  deep: "first"
  db: "yes"
  one.txt: |
    a
    b
  two.md: two
  one.txt: YQpiCg==
  lines: ["a","b"]
  get: two""
  range: files/one.txt=4 files/two.md=3 

---
# Source: web/templates/b.yaml
kind: Service
metadata: {name: second}



---
# Source: web/templates/b.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: release-name-web
  labels:
    enabled: true
    global:
      zone: a
    port: 5432
    touched: "yes"
  missing: xx
spec:
  replicas: 2
  size: 1e+06
  root: true false 5432
  from: web/templates/b.yaml web/templates
  release: {"IsInstall":true,"IsUpgrade":false,"Name":"release-name","Namespace":"default","Revision":1,"Service":"Helm"}
---
# Source: web/templates/hook.yaml
kind: Pod
metadata:
  name: try
  annotations: {helm.sh/hook: test}

---
# Source: web/templates/hook.yaml
kind: Job
metadata:
  name: hook
  annotations:
    helm.sh/hook: post-install, pre-upgrade
    helm.sh/hook-weight: "5"

"#;

fn files(entries: &[(&str, &str)]) -> ChartFiles {
    let entries = entries.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    ChartFiles::from_folder(entries).expect("sound files")
}

fn web(settings: &RenderSettings) -> Rendered {
    render(&files(WEB), settings).expect("renders")
}

/// A chart of two templates.
fn small(
    template: &str,
    partial: &str,
    settings: &RenderSettings,
) -> Result<Rendered, RenderError> {
    let chart = "apiVersion: v2\nname: small\nversion: 0.1.0\n";
    let entries =
        [("Chart.yaml", chart), ("templates/a.yaml", template), ("templates/_h.tpl", partial)];
    render(&files(&entries), settings)
}

fn refused(template: &str, partial: &str) -> String {
    small(template, partial, &RenderSettings::default()).expect_err("refused").to_string()
}

#[test]
fn a_chart_renders_as_in_helm() {
    let rendered = web(&RenderSettings::default());
    assert_eq!(rendered.manifest(true, true, true), WEB_MANIFEST);
    assert_eq!((rendered.chart.as_str(), rendered.version.as_str()), ("web", "1.2.3"));
    assert_eq!(rendered.annotations["artifacthub.io/category"], "x");
}

#[test]
fn crds_hooks_and_tests_are_left_out_when_nobody_wants_them() {
    let rendered = web(&RenderSettings::default());
    let bare = rendered.manifest(false, false, true);
    assert!(bare.starts_with("---\n# Source: web/charts/db/") && !bare.contains("hook.yaml"));
    let no_tests = rendered.manifest(false, true, false);
    assert!(no_tests.contains("kind: Job") && !no_tests.contains("kind: Pod"));
}

#[test]
fn each_line_knows_the_line_that_wrote_it() {
    let rendered = web(&RenderSettings::default());
    let deployment = rendered.documents.iter().find(|d| d.kind == "Deployment").expect("there");
    let line = |text: &str| {
        let at = deployment.text.lines().position(|line| line.contains(text)).expect(text);
        deployment.lines[at]
    };
    assert_eq!(deployment.lines.len(), deployment.text.lines().count());
    assert_eq!((line("kind: Deployment"), line("name: release"), line("zone: a")), (3, 5, 6));
    assert_eq!((line("replicas: 2"), line("Revision")), (9, 13));
    let service = rendered.documents.iter().find(|d| d.kind == "Service").expect("there");
    assert_eq!(service.lines[..2], [15, 16]);
}

#[test]
fn values_and_release_come_from_the_settings() {
    let settings = RenderSettings {
        release: "prod".into(),
        namespace: "edge".into(),
        upgrade: true,
        values: vec![ValuesSource::Set("db.enabled=false,replicas=7".into())],
        ..RenderSettings::default()
    };
    let template = "{{ .Release.Name }}: {{ .Release.Namespace }} {{ .Release.IsUpgrade }} {{ .Values.replicas }}";
    let rendered = small(template, "", &settings).expect("renders");
    assert_eq!(rendered.documents[0].text, "prod: edge true 7");
}

#[test]
fn a_failure_names_every_place_that_led_there() {
    let words =
        refused("x: {{ include \"y\" . }}\n", "{{ define \"y\" }}\n{{ .Values.q.w.e }}{{ end }}");
    assert_eq!(
        words,
        "small: small/templates/_h.tpl:2:11 <.Values.q.w.e>: nil pointer evaluating interface {}.w, \
         from small/templates/a.yaml:1:7 <include \"y\" .>"
    );
    assert_eq!(
        refused("x: {{ if }}\n", ""),
        "small: small/templates/a.yaml:1: missing value for if"
    );
}

#[test]
fn what_is_no_yaml_is_refused_with_the_template_and_its_line() {
    let words = refused("{{/* nothing */}}\nx: 1\n\ny: [\n", "");
    assert!(words.starts_with("small: small/templates/a.yaml:"), "{words}");
    assert!(words.contains("renders to no sound YAML"), "{words}");
}

#[test]
fn all_missing_values_are_told_at_once() {
    let template = "a: {{ required \"a is needed\" .Values.a }}\nb: {{ include \"x\" . }}\n";
    let partial = "{{ define \"x\" }}{{ if not .Values.b }}{{ fail \"b too\" }}{{ end }}{{ end }}";
    let error = small(template, partial, &RenderSettings::default()).expect_err("refused");
    let RenderError::Demands { demands, .. } = &error else { panic!("{error}") };
    let words: Vec<_> = demands.iter().map(describe).collect();
    assert_eq!(words.len(), 2, "{words:?}");
    assert!(words[0].starts_with("small/templates/a.yaml:1: a is needed <.Values.a>"), "{words:?}");
    assert!(words[1].contains("b too"), "{words:?}");
    let settings = RenderSettings { demands: Demands::Placeholders, ..RenderSettings::default() };
    let rendered = small(template, partial, &settings).expect("goes on");
    assert!(rendered.documents[0].text.contains(PLACEHOLDER));
    assert_eq!(rendered.demands.len(), 2);
}

#[test]
fn what_cannot_be_installed_is_refused() {
    let chart = |yaml: &str| {
        render(&files(&[("Chart.yaml", yaml)]), &RenderSettings::default()).expect_err("refused")
    };
    let base = "apiVersion: v2\nname: c\nversion: 0.1.0\n";
    assert!(matches!(
        chart(&format!("{base}type: library\n")),
        RenderError::Chart(ChartError::Library(_))
    ));
    let missing = chart(&format!(
        "{base}dependencies: [{{name: redis, version: '1', repository: 'https://h'}}]\n"
    ));
    assert!(
        matches!(missing, RenderError::Chart(ChartError::Missing(names)) if names == ["redis"])
    );
    let old = chart(&format!("{base}kubeVersion: '<1.2.0'\n"));
    assert!(matches!(old, RenderError::Cluster { .. }));
    for name in ["", "Web", "-a", "a.", "a..b", &"a".repeat(54)] {
        let settings = RenderSettings { release: name.to_owned(), ..RenderSettings::default() };
        let error = render(&files(WEB), &settings).expect_err(name);
        assert!(matches!(error, RenderError::Release(_)), "{name}");
    }
}

#[test]
fn recursion_and_growth_end_in_an_error() {
    let words =
        refused("{{ include \"x\" . }}", "{{ define \"x\" }}{{ include \"x\" . }}{{ end }}");
    assert!(words.contains("nested reference name"), "{words}");
    assert!(words.len() < 4000, "{}", words.len());
    let words =
        refused("{{ template \"x\" . }}", "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}");
    assert!(words.contains("template"), "{words}");
}
