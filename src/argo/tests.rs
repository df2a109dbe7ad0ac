//! What is found in documents as people write them, and where.

use crate::argo::{FileFindings, SourceKind, read};

fn images(findings: &FileFindings) -> Vec<String> {
    findings.images.iter().map(|i| format!("{} {} {}", i.place, i.field, i.value)).collect()
}

fn opaque(findings: &FileFindings) -> Vec<String> {
    findings.opaque.iter().map(|o| format!("{} {}: {}", o.place, o.field, o.value.what)).collect()
}

fn sources(findings: &FileFindings) -> Vec<String> {
    let shown = |kind: &SourceKind| match kind {
        SourceKind::Git { url, revision, path, recurse } => {
            let recurse = if *recurse { " recurse" } else { "" };
            format!("git {url} {revision} {}{recurse}", path.as_deref().unwrap_or("-"))
        }
        SourceKind::HelmHttp { repo, chart, version } => format!("http {repo} {chart} {version}"),
        SourceKind::HelmOci { repository, version } => format!("helm-oci {repository} {version}"),
        SourceKind::Oci { repository, revision, path } => {
            format!("oci {repository} {revision} {}", path.as_deref().unwrap_or("-"))
        }
    };
    let line = |s: &crate::argo::Found<crate::argo::Source>| {
        let name = s.value.ref_name.as_ref().map(|n| format!(" as {n}")).unwrap_or_default();
        format!("{} {} {}{name}", s.place, s.field, shown(&s.value.kind))
    };
    findings.sources.iter().map(line).collect()
}

#[test]
fn a_pod_spec_is_found_in_every_core_kind_and_in_a_list() {
    let text = r#"apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      initContainers:
        - image: busybox
      containers:
        - name: web
          image: ghcr.io/a/web:1
      ephemeralContainers: [{name: d, image: "ghcr.io/a/debug:1"}]
      volumes:
        - name: models
          image: {reference: "ghcr.io/a/models:3"}
        - name: plain
          emptyDir: {}
---
apiVersion: batch/v1
kind: CronJob
spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: "a.io/b:2"}]}}}}}
---
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Pod, spec: {containers: [{image: "a.io/c:3"}]}}
"#;
    let found = read("apps/web.yaml", text);
    assert_eq!(
        images(&found),
        [
            "apps/web.yaml:10 spec.template.spec.containers[0].image ghcr.io/a/web:1",
            "apps/web.yaml:7 spec.template.spec.initContainers[0].image docker.io/library/busybox:latest",
            "apps/web.yaml:11 spec.template.spec.ephemeralContainers[0].image ghcr.io/a/debug:1",
            "apps/web.yaml:14 spec.template.spec.volumes[0].image.reference ghcr.io/a/models:3",
            "apps/web.yaml:20 spec.jobTemplate.spec.template.spec.containers[0].image a.io/b:2",
            "apps/web.yaml:25 items[0].spec.containers[0].image a.io/c:3",
        ]
    );
    assert!(found.opaque.is_empty(), "{:?}", found.opaque);
}

#[test]
fn images_are_found_in_custom_resources_and_workflow_templates() {
    let text = r#"apiVersion: argoproj.io/v1alpha1
kind: Workflow
spec:
  templates:
    - container: {image: "a.io/1:1"}
    - script: {image: "a.io/2:1", source: "echo"}
    - containerSet: {containers: [{name: x, image: "a.io/3:1"}]}
      sidecars: [{image: "a.io/4:1"}]
      initContainers: [{image: "a.io/5:1"}]
    - steps: [[{name: s, inline: {container: {image: "a.io/6:1"}}}]]
    - resource:
        manifest: |
          apiVersion: batch/v1
          kind: Job
          spec: {template: {spec: {containers: [{image: "a.io/7:1"}]}}}
    - podSpecPatch: '{"containers":[{"name":"main","image":"a.io/8:1"}]}'
    - container: {image: "{{inputs.parameters.image}}"}
---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
spec:
  metrics: [{provider: {job: {spec: {template: {spec: {containers: [{image: "a.io/9:1"}]}}}}}}]
"#;
    let found = read("w.yaml", text);
    let mut names: Vec<_> = found.images.iter().map(|i| i.value.to_string()).collect();
    // Documents inside texts come after the document that holds them.
    assert_eq!(names[7..], ["a.io/7:1", "a.io/8:1"]);
    names.sort();
    let want = ["1", "2", "3", "4", "5", "6", "7", "8", "9"].map(|n| format!("a.io/{n}:1"));
    assert_eq!(names, want);
    let manifest = &images(&found)[7];
    assert!(
        manifest.starts_with(
            "w.yaml:15 spec.templates[4].resource.manifest.spec.template.spec.containers[0].image"
        ),
        "{manifest}"
    );
    assert_eq!(
        opaque(&found),
        [
            "w.yaml:17 spec.templates[6].container.image: image \"{{inputs.parameters.image}}\" is filled in later"
        ]
    );
}

#[test]
fn what_is_no_image_is_opaque_and_never_an_error() {
    let text = r#"apiVersion: v1
kind: Pod
spec:
  containers:
    - image: auto
    - image: $(params.x)
    - image: ${VAR}:1
    - image: "Not An Image"
    - image: {a: b}
    - image: 12
    - image: ""
    - name: patched-elsewhere
---
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
spec: {image: "quay.io/prometheus/prometheus:v3", logo: {image: "https://x/y.png"}, image2: x}
"#;
    let found = read("p.yaml", text);
    assert_eq!(images(&found), ["p.yaml:16 spec.image quay.io/prometheus/prometheus:v3"]);
    assert_eq!(
        opaque(&found),
        [
            "p.yaml:5 spec.containers[0].image: image \"auto\" is filled in later",
            "p.yaml:6 spec.containers[1].image: image \"$(params.x)\" is filled in later",
            "p.yaml:7 spec.containers[2].image: image \"${VAR}:1\" is filled in later",
            "p.yaml:8 spec.containers[3].image: \"Not An Image\" is not an image reference",
            "p.yaml:9 spec.containers[4].image: image that is a mapping instead of a text",
            "p.yaml:10 spec.containers[5].image: image that is a number instead of a text",
            "p.yaml:11 spec.containers[6].image: image left empty",
        ]
    );
}

#[test]
fn every_kind_of_source_is_told_apart() {
    let text = r#"apiVersion: argoproj.io/v1alpha1
kind: Application
spec:
  source: {repoURL: "https://ignored/x", path: y}
  sources:
    - repoURL: https://git.example.com/acme/platform.git
      targetRevision: main
      path: apps
      directory: {recurse: true}
    - repoURL: https://argoproj.github.io/argo-helm/
      chart: argo-cd
      targetRevision: ">=10 <11"
      helm:
        valueFiles: [$values/cd.yaml, "https://example.com/v.yaml", values.yaml, "s3://b/v.yaml"]
    - repoURL: ghcr.io/stefanprodan/charts
      chart: podinfo
    - repoURL: oci://ghcr.io/acme/manifests
      targetRevision: 1.x
      path: .
    - repoURL: git@git.example.com:acme/values.git
      ref: values
    - repoURL: https://{{host}}/x
    - repoURL: https://me:hunter2@git.example.com/x
    - repoURL: https://git.example.com/x
      targetRevision: 1.10
"#;
    let found = read("a.yaml", text);
    assert_eq!(found.applications, 1);
    assert_eq!(
        sources(&found),
        [
            "a.yaml:6 spec.sources[0].repoURL git https://git.example.com/acme/platform.git main apps recurse",
            "a.yaml:10 spec.sources[1].repoURL http https://argoproj.github.io/argo-helm argo-cd >=10 <11",
            "a.yaml:15 spec.sources[2].repoURL helm-oci ghcr.io/stefanprodan/charts/podinfo *",
            "a.yaml:17 spec.sources[3].repoURL oci ghcr.io/acme/manifests 1.x .",
            "a.yaml:20 spec.sources[4].repoURL git git@git.example.com:acme/values.git HEAD - as values",
        ]
    );
    assert_eq!(found.files.len(), 1);
    assert_eq!(found.files[0].field, "spec.sources[1].helm.valueFiles[1]");
    assert_eq!(
        opaque(&found),
        [
            "a.yaml:14 spec.sources[1].helm.valueFiles[3]: values file by scheme \"s3\"",
            "a.yaml:22 spec.sources[5].repoURL: repoURL \"https://{{host}}/x\" is filled in later",
            "a.yaml:23 spec.sources[6].repoURL: repository URL with credentials in it",
            "a.yaml:25 spec.sources[7].targetRevision: targetRevision that is a number instead of a text",
        ]
    );
}

#[test]
fn a_hydrator_wins_and_its_branches_are_sources_too() {
    let text = r#"apiVersion: argoproj.io/v1alpha1
kind: Application
spec:
  sources: [{repoURL: "https://ignored/x", path: y}]
  sourceHydrator:
    drySource: {repoURL: "https://h/dry", targetRevision: main, path: web}
    syncSource: {targetBranch: env/prod, path: web}
    hydrateTo: {targetBranch: env/prod-next}
"#;
    assert_eq!(
        sources(&read("a.yaml", text)),
        [
            "a.yaml:6 spec.sourceHydrator.drySource.repoURL git https://h/dry main web",
            "a.yaml:7 spec.sourceHydrator.syncSource git https://h/dry env/prod web",
            "a.yaml:8 spec.sourceHydrator.hydrateTo git https://h/dry env/prod-next -",
        ]
    );
}

#[test]
fn kustomize_images_plugins_and_jsonnet() {
    let text = r#"apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {annotations: {argocd-image-updater.argoproj.io/image-list: "x=a.io/x:^1"}}
spec:
  source:
    repoURL: https://h/x
    path: y
    kustomize:
      images: ["old=a.io/new:1", "a.io/b@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "a=a.io/c"]
      components: [../local, "https://h/y//z"]
      patches:
        - patch: |
            kind: Deployment
            spec: {template: {spec: {containers: [{image: "a.io/patched:1"}]}}}
    plugin: {name: vault}
    directory: {jsonnet: {tlas: [{name: a}]}}
"#;
    let found = read("a.yaml", text);
    let names: Vec<_> = found.images.iter().map(|i| i.value.to_string()).collect();
    assert_eq!(names[0], "a.io/new:1");
    assert!(names[1].starts_with("a.io/b@sha256:9f86"));
    assert_eq!(names[2], "a.io/patched:1");
    let what: Vec<_> = found.opaque.iter().map(|o| o.value.what.as_str()).collect();
    assert_eq!(
        what,
        [
            "images that Argo CD Image Updater looks for",
            "image \"a=a.io/c\" renamed, tag unknown",
            "remote kustomize component",
            "kustomize patch not applied",
            "config management plugin \"vault\"",
            "jsonnet not evaluated",
        ]
    );
    assert_eq!(
        found.opaque[0].field,
        "metadata.annotations[\"argocd-image-updater.argoproj.io/image-list\"]"
    );
}

#[test]
fn what_cannot_be_seen_into_is_named() {
    let set = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nspec: {template: {spec: {source: {repoURL: 'https://h/x'}}}}\n";
    assert_eq!(opaque(&read("s.yaml", set)), ["s.yaml:1 : ApplicationSet"]);
    assert!(read("s.yaml", set).sources.is_empty());
    let kustomization = "resources: [https://h/x]\n";
    assert_eq!(
        opaque(&read("a/kustomization.yaml", kustomization)),
        ["a/kustomization.yaml:1 : kustomization not built"]
    );
    let template = "a: {{ .Values.x }}\nb: {{- if y }}\n";
    let found = read("chart/templates/x.yaml", template);
    assert_eq!(found.opaque.len(), 1);
    assert!(
        found.opaque[0].value.what.starts_with("template that has to be rendered"),
        "{found:?}"
    );
    let broken = read("x.yaml", "a: 1\nb: [\n");
    assert!(broken.opaque[0].value.what.starts_with("unreadable YAML"), "{broken:?}");
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    assert_eq!(read("x.yaml", &deep).opaque.len(), 1);
    assert_eq!(read("x.yaml", ""), FileFindings::default());
    let empty = read("x.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: Application\n");
    assert_eq!(opaque(&empty), ["x.yaml:1 : Application without a source"]);
}

#[test]
fn charts_in_the_folder_name_their_dependencies() {
    let text = r#"apiVersion: v2
name: umbrella
version: 1.0.0
dependencies:
  - {name: redis, version: 1.x, repository: "https://charts.example.com"}
  - {name: pg, version: ^2, repository: "oci://ghcr.io/acme/charts"}
  - {name: local, version: "*", repository: "file://../local"}
  - {name: vendored, version: "*"}
  - {name: odd, version: "*", repository: "@acme"}
"#;
    let found = read("umbrella/Chart.yaml", text);
    assert_eq!(
        sources(&found),
        [
            "umbrella/Chart.yaml:5 dependencies[0] http https://charts.example.com redis 1.x",
            "umbrella/Chart.yaml:6 dependencies[1] helm-oci ghcr.io/acme/charts/pg ^2",
        ]
    );
    assert_eq!(
        opaque(&found),
        [
            "umbrella/Chart.yaml:1 : chart not rendered",
            "umbrella/Chart.yaml:9 dependencies[4]: chart dependency from an unknown repository",
        ]
    );
}

#[test]
fn argocd_source_files_override() {
    let text = "kustomize: {images: ['a=a.io/b:2']}\nhelm: {parameters: [{name: image.tag, value: '3'}]}\n";
    let found = read("web/.argocd-source-web.yaml", text);
    assert_eq!(found.images[0].value.to_string(), "a.io/b:2");
    assert_eq!(found.opaque.len(), 1);
}

#[test]
fn json_is_read_like_yaml() {
    let text = "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\",\n\t\"spec\": {\n\t\t\"containers\": [{\"image\": \"a.io/b:1\"}]\n\t}\n}\n";
    assert_eq!(images(&read("p.json", text)), ["p.json:5 spec.containers[0].image a.io/b:1"]);
}
