//! Images and files outside of `image:`, pattern by pattern. Each document is as small as the pattern allows.

use crate::argo::{FileFindings, Found, RemoteFile, read, read_mapped};
use crate::artifact::ImageRef;

fn shown(list: &[Found<ImageRef>]) -> Vec<String> {
    list.iter().map(|i| format!("{} {}", i.field, i.value)).collect()
}

fn urls(list: &[Found<RemoteFile>]) -> Vec<String> {
    list.iter().map(|f| f.value.url.to_string()).collect()
}

/// One container with some lines of its own.
fn pod(lines: &str) -> FileFindings {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    read(
        "p.yaml",
        &format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n{lines}"),
    )
}

/// A ConfigMap with one text.
fn settings(key: &str, text: &str) -> FileFindings {
    let lines: String = text.lines().map(|line| format!("    {line}\n")).collect();
    let head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: acme-config}\ndata:\n";
    read("c.yaml", &format!("{head}  {key}: |\n{lines}"))
}

/// Version, kind, rest of the document, field and image.
const FIELDS: [(&str, &str, &str, &str); 11] = [
    (
        "monitoring.coreos.com/v1",
        "Alertmanager",
        "spec: {image: 'a.io/b:1'}",
        "spec.image a.io/b:1",
    ),
    (
        "monitoring.coreos.com/v1",
        "Prometheus",
        "spec: {baseImage: a.io/b, tag: v2}",
        "spec.baseImage a.io/b:v2",
    ),
    (
        "postgresql.cnpg.io/v1",
        "Cluster",
        "spec: {imageName: 'a.io/pg:17'}",
        "spec.imageName a.io/pg:17",
    ),
    (
        "pkg.crossplane.io/v1",
        "Provider",
        "spec: {package: 'xpkg.io/a/b:v1'}",
        "spec.package xpkg.io/a/b:v1",
    ),
    (
        "tekton.dev/v1",
        "Task",
        "spec: {steps: [{image: 'a.io/b:1'}]}",
        "spec.steps[0].image a.io/b:1",
    ),
    (
        "operators.coreos.com/v1alpha1",
        "ClusterServiceVersion",
        "spec: {relatedImages: [{name: x, image: 'a.io/b:1'}]}",
        "spec.relatedImages[0].image a.io/b:1",
    ),
    (
        "kafka.strimzi.io/v1",
        "Kafka",
        "spec: {kafka: {image: 'a.io/k:1'}}",
        "spec.kafka.image a.io/k:1",
    ),
    (
        "argoproj.io/v1beta1",
        "ArgoCD",
        "spec: {repo: {image: a.io/argocd, version: v3}}",
        "spec.repo.image a.io/argocd:v3",
    ),
    (
        "kargo.akuity.io/v1alpha1",
        "Freight",
        "images: [{repoURL: a.io/b, tag: '1'}]",
        "images[0].repoURL a.io/b:1",
    ),
    (
        "image.openshift.io/v1",
        "ImageStream",
        "spec: {tags: [{from: {kind: DockerImage, name: 'a.io/b:1'}}]}",
        "spec.tags[0].from.name a.io/b:1",
    ),
    (
        "ray.io/v1",
        "RayCluster",
        "spec: {headGroupSpec: {template: {spec: {containers: [{image: 'a.io/ray:2'}]}}}}",
        "spec.headGroupSpec.template.spec.containers[0].image a.io/ray:2",
    ),
];

#[test]
fn known_fields_of_custom_resources() {
    for (version, kind, rest, want) in FIELDS {
        let found = read("k.yaml", &format!("apiVersion: {version}\nkind: {kind}\n{rest}\n"));
        assert_eq!(shown(&found.images), [want], "{kind}");
        assert!(found.candidates.is_empty(), "{kind}: {:?}", found.candidates);
        assert!(found.opaque.is_empty(), "{kind}: {:?}", found.opaque);
    }
}

#[test]
fn a_warehouse_watches_and_names_no_image() {
    let text = "apiVersion: kargo.akuity.io/v1alpha1\nkind: Warehouse\nspec: {subscriptions: [{image: {repoURL: a.io/b, constraint: ^1}}]}\n";
    let found = read("w.yaml", text);
    assert!(found.images.is_empty() && found.candidates.is_empty(), "{found:?}");
    assert_eq!(found.opaque[0].value.what, "Warehouse watches \"a.io/b\" for new images");
}

#[test]
fn fields_of_unknown_kinds_are_candidates() {
    let text = "apiVersion: acme.io/v1\nkind: Thing\nmetadata: {labels: {image: 'a.io/label:1'}}\nspec:\n  agentImage: nats:2\n  other: a.io/b/c:1\n  sidecars: [{image: 'a.io/d:1'}]\n  list: ['a.io/e:1', 'web.acme.svc:80/x']\n  imagePullPolicy: Always\n  logo: {image: 'https://x.io/y.png'}\n  icon: {image: acme/logo.png}\nstatus: {image: 'a.io/state:1'}\n";
    let found = read("t.yaml", text);
    assert_eq!(shown(&found.images), ["spec.sidecars[0].image a.io/d:1"]);
    assert_eq!(
        shown(&found.candidates),
        [
            "spec.agentImage docker.io/library/nats:2",
            "spec.other a.io/b/c:1",
            "spec.list[0] a.io/e:1"
        ]
    );
}

#[test]
fn arguments_whose_name_says_image() {
    let found = pod("image: a.io/op:1
args:
- --acme-http01-solver-image=a.io/solver:1
- --prometheus-config-reloader=a.io/reloader:1
- --thanos-default-base-image=a.io/thanos
- --image-pull-policy=Always
- --config=a.io/maybe:1
- --executor-image
- a.io/exec:1
- --executor-image-pull-policy
- IfNotPresent
- --upstream=web.acme.svc:8080/x:1
- --addr=10.0.0.1:80
- --node-image=$(NODE_IMAGE)
- --images=a.io/x:1,a.io/y:1");
    let field = "spec.containers[0]";
    let want = [
        "image a.io/op:1",
        "args[0] a.io/solver:1",
        "args[1] a.io/reloader:1",
        "args[6] a.io/exec:1",
        "args[12] a.io/x:1",
        "args[12] a.io/y:1",
    ];
    assert_eq!(shown(&found.images), want.map(|w| format!("{field}.{w}")));
    assert_eq!(shown(&found.candidates), ["spec.containers[0].args[4] a.io/maybe:1"]);
    assert!(found.opaque.is_empty(), "{:?}", found.opaque);
}

#[test]
fn variables_whose_name_says_image() {
    let found = pod("image: a.io/op:1
env:
- {name: RELATED_IMAGE_WEB, value: 'a.io/web:1'}
- {name: STRIMZI_KAFKA_IMAGES, value: \"4.2.0=a.io/k:1\\n4.2.1=a.io/k:2\\n\"}
- {name: ACME_IMAGE_NAME, value: a.io/open}
- {name: IMAGE_PULL_POLICY, value: Always}
- {name: OTHER, value: 'a.io/maybe:1'}
- {name: URL, value: 'https://a.io/x:1'}
- {name: FROM, valueFrom: {fieldRef: {fieldPath: x}}}");
    let values: Vec<String> = found.images.iter().map(|i| i.value.to_string()).collect();
    assert_eq!(values, ["a.io/op:1", "a.io/web:1", "a.io/k:1", "a.io/k:2"]);
    assert_eq!(
        shown(&found.candidates),
        [
            "spec.containers[0].env[2].value a.io/open:latest",
            "spec.containers[0].env[4].value a.io/maybe:1"
        ]
    );
}

#[test]
fn references_in_parts() {
    let text = "apiVersion: acme.io/v1\nkind: Thing\nspec:\n  image: {registry: a.io, repository: b/c, tag: 1}\n  web: {repository: a.io/web, tag: v1, digest: ''}\n  chart: {repository: 'https://x.io', tag: v1}\n  git: {repository: a.io/web}\n  global: {hub: a.io/istio, tag: '1.2', proxy: {image: proxyv2}}\n";
    let found = read("s.yaml", text);
    assert_eq!(shown(&found.images), ["spec.image a.io/b/c:1"]);
    assert_eq!(
        shown(&found.candidates),
        ["spec.web a.io/web:v1", "spec.global.proxy.image a.io/istio/proxyv2:1.2"]
    );
}

#[test]
fn texts_of_config_maps() {
    let yaml = settings(
        "x.yaml",
        "a: {sidecarImage: 'nats:2'}\nb: 'a.io/b:1'\nc: {image: {repository: a.io/c, tag: '1'}}\npod: {containers: [{image: 'a.io/p:1'}]}\nd: {image: '{{ x }}'}\n",
    );
    assert_eq!(
        shown(&yaml.candidates),
        ["data[\"x.yaml\"].b a.io/b:1", "data[\"x.yaml\"].a.sidecarImage docker.io/library/nats:2"]
    );
    assert_eq!(
        shown(&yaml.images),
        ["data[\"x.yaml\"].c.image a.io/c:1", "data[\"x.yaml\"].pod.containers[0].image a.io/p:1"]
    );
    let json = settings("x.json", "{\"a\": {\"image\": \"a.io/b:1\"}}");
    assert_eq!(shown(&json.candidates), ["data[\"x.json\"].a.image a.io/b:1"]);
    let ini = settings(
        "x.ini",
        "# image = a.io/no:1\n[a]\nimage = nats:2\nurl = https://x.io/y:1\nrun a.io/b:1\n",
    );
    let places: Vec<_> =
        ini.candidates.iter().map(|i| format!("{} {}", i.place, i.value)).collect();
    assert_eq!(places, ["c.yaml:10 a.io/b:1", "c.yaml:8 docker.io/library/nats:2"]);
    assert!(yaml.opaque.is_empty() && json.opaque.is_empty() && ini.opaque.is_empty());
}

#[test]
fn a_secret_is_read_too() {
    let text = "apiVersion: v1\nkind: Secret\nstringData: {image: 'a.io/b:1'}\ndata: {x: eyJpbWFnZSI6ICJhLmlvL2M6MSJ9, y: '%%'}\n";
    let found = read("s.yaml", text);
    let values: Vec<String> = found.candidates.iter().map(|i| i.value.to_string()).collect();
    assert_eq!(values, ["a.io/b:1", "a.io/c:1"]);
}

#[test]
fn known_configuration_of_argo() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: workflow-controller-configmap}\ndata:\n  executor: |\n    image: a.io/exec:1\n  images: |\n    a.io/x:1: {cmd: [run]}\n";
    let found = read("c.yaml", text);
    assert_eq!(
        shown(&found.images),
        ["data.executor.image a.io/exec:1", "data.images[\"a.io/x:1\"] a.io/x:1"]
    );
    assert!(found.candidates.is_empty(), "{:?}", found.candidates);
    let plugin = settings("sidecar.container", "image: a.io/plugin:1\nname: x\n");
    assert_eq!(shown(&plugin.images), ["data[\"sidecar.container\"].image a.io/plugin:1"]);
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let rollouts = settings(
        "trafficRouterPlugins",
        &format!(
            "- {{name: a/b, location: 'https://x.io/p', sha256: {digest}}}\n- {{name: c, location: 'file:///p'}}\n"
        ),
    );
    assert_eq!(urls(&rollouts.files), ["https://x.io/p"]);
    assert_eq!(rollouts.files[0].value.digest.map(|d| d.hex()), Some(digest.to_owned()));
}

#[test]
fn versions_to_choose_from_are_facts() {
    let text = "eventBus:\n  jetstream:\n    versions:\n    - {version: latest, natsImage: 'nats:2', metricsExporterImage: 'a/b:1', configReloaderImage: 'a/c:1'}\n";
    let found = settings("controller-config.yaml", text);
    assert!(found.images.is_empty() && found.candidates.is_empty(), "{found:?}");
    assert_eq!(found.facts.len(), 1);
}

#[test]
fn annotations_of_injectors() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    sidecar.istio.io/proxyImage: a.io/proxy:1\n    kubectl.kubernetes.io/default-container: web\n    acme.io/agent-image: a.io/agent:1\n    note: a.io/none:1\nspec: {}\n";
    let found = read("p.yaml", text);
    assert_eq!(
        shown(&found.images),
        ["metadata.annotations[\"sidecar.istio.io/proxyImage\"] a.io/proxy:1"]
    );
    assert_eq!(
        shown(&found.candidates),
        ["metadata.annotations[\"acme.io/agent-image\"] a.io/agent:1"]
    );
}

#[test]
fn files_that_pods_download() {
    let found = pod("image: a.io/op:1
command: [kubectl, apply, -f, 'https://x.io/crds/a.yaml', -f, '$(BASE)/b.yaml', --server, 'https://api.x.io:6443']
env:
- {name: BASE, value: 'https://x.io/crds'}
- {name: EXTENSION_URL, value: 'https://x.io/e/releases/download/v1/e.tar.gz'}
- {name: EXTENSION_CHECKSUM_URL, value: 'https://x.io/e/releases/download/v1/sums.txt'}
- {name: OIDC_ISSUER, value: 'https://login.x.io/realms/a'}
- {name: JWKS, value: 'https://login.x.io/keys.json'}
- {name: API, value: 'http://web.acme.svc:8080/a.tgz'}");
    assert_eq!(
        urls(&found.files),
        [
            "https://x.io/e/releases/download/v1/e.tar.gz",
            "https://x.io/e/releases/download/v1/sums.txt",
            "https://x.io/crds/a.yaml",
            "https://x.io/crds/b.yaml"
        ]
    );
    assert_eq!(urls(&found.file_candidates), ["https://login.x.io/keys.json"]);
}

#[test]
fn files_that_scripts_download() {
    let found = pod("image: a.io/op:1
command: [sh, -c]
args:
- |
  set -e
  BASE=https://x.io/crds/${VERSION}
  for name in apps sets; do
    kubectl apply -f \"$BASE/$name.yaml\"
  done
  curl -fsSL https://x.io/tool.tgz | tar xz
  curl -s http://localhost:8080/health
  curl -X POST https://hooks.x.io/a.json
  wget https://x.io/$(uname).zip
  git clone https://x.io/a.git
  curl https://x.io/status
env: [{name: VERSION, value: v1}]");
    assert_eq!(
        urls(&found.files),
        [
            "https://x.io/crds/v1/apps.yaml",
            "https://x.io/crds/v1/sets.yaml",
            "https://x.io/tool.tgz"
        ]
    );
    assert_eq!(found.files[2].place, "p.yaml:15");
    assert_eq!(urls(&found.file_candidates), ["https://x.io/status"]);
    assert_eq!(found.opaque.len(), 1, "{:?}", found.opaque);
}

#[test]
fn files_of_workflows_and_sensors() {
    let text = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec:\n  templates:\n  - inputs: {artifacts: [{name: a, http: {url: 'https://x.io/raw'}}]}\n    outputs: {artifacts: [{name: b, http: {url: 'https://x.io/up'}}]}\n  - name: call\n    http: {url: 'https://x.io/api'}\n---\napiVersion: argoproj.io/v1alpha1\nkind: Sensor\nspec: {triggers: [{template: {k8s: {source: {url: {path: 'https://x.io/w.yaml'}}}}}]}\n";
    assert_eq!(urls(&read("w.yaml", text).files), ["https://x.io/raw", "https://x.io/w.yaml"]);
}

#[test]
fn a_rendered_document_names_its_template() {
    let text =
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: auto\n  - image: a.io/b:1\n";
    let found = read_mapped("chart/templates/x.yaml", text, &|line| line * 10);
    assert_eq!(found.images[0].place, "chart/templates/x.yaml:60");
    assert!(found.opaque.is_empty(), "{:?}", found.opaque);
}

#[test]
fn no_document_is_lost() {
    let text = "kind: Pod\nkind: Pod\napiVersion: v1\nspec:\n  containers: [{image: 'a.io/b:1', image: 'a.io/c:1'}]\n---\nbroken: [\n---\napiVersion: v1\nkind: Pod\nspec: {containers: [{image: 'a.io/d:1', x: .inf}]}\n";
    let found = read("d.yaml", text);
    let places: Vec<_> = found.images.iter().map(|i| format!("{} {}", i.place, i.value)).collect();
    assert_eq!(places, ["d.yaml:5 a.io/c:1", "d.yaml:11 a.io/d:1"]);
    assert_eq!(found.opaque.len(), 1);
    assert!(found.opaque[0].value.what.starts_with("unreadable YAML"), "{:?}", found.opaque);
}

#[test]
fn hostile_texts_end() {
    let nested = "a: |\n".to_owned() + &" b: |\n".repeat(50);
    for text in [
        "apiVersion: v1\nkind: ConfigMap\ndata: {a: \"\\n\\u0000\", 'é.[]': \"x\\né=a.io/é:1\"}\n".to_owned(),
        format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  {nested}"),
        format!("apiVersion: a.io/v1\nkind: B\nspec: {}1{}\n", "[".repeat(80), "]".repeat(80)),
        "apiVersion: v1\nkind: Pod\nspec: {containers: [{args: ['-', '--', '-=', '--image', '--image=', 'https://', 'http://[::1]/a.tgz', '$', '${', '$(']}]}\n".to_owned(),
    ] {
        read("h.yaml", &text);
        read_mapped("h.yaml", &text, &|_| u64::MAX);
    }
}
