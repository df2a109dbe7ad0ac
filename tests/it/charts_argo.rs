//! Charts that Argo CD deploys: what an Application, a folder of git and a cluster decide about them.

use crate::support::connected::{Connected, because};
use crate::support::fixture::argo;
use crate::support::fixture::chart::chart_of;
use crate::support::fixture::git::History;
use crate::support::world::World;

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - {name: web, image: \"{{ .Values.registry }}/acme/web:{{ .Values.tag }}\"}
";
const KUBECTL: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: kubectl}
spec:
  containers:
    - name: kubectl
      {{- with .Capabilities.KubeVersion }}
      image: {{ $.Values.registry }}/acme/kubectl:{{ .Major }}.{{ .Minor }}
      {{- end }}
    {{- if .Capabilities.APIVersions.Has \"monitoring.coreos.com/v1\" }}
    - {name: exporter, image: \"{{ .Values.registry }}/acme/exporter:1.0\"}
    {{- end }}
";

fn app_inventory(world: &World, name: &str, path: &str) -> String {
    let url = world.git_url("acme", name);
    format!(
        "haversack: 1\nname: platform\nplatforms: [linux/amd64]\napps:\n  - repo: {url}\n    \
         revision: main\n    path: {path}\n"
    )
}

/// Path and tag of every image that is locked.
#[track_caller]
fn locked(world: &World, inventory: &str) -> (Connected, Vec<String>) {
    let side = Connected::new(inventory, &world.host());
    side.lock().check();
    let host = format!("{}/", world.host());
    let names = side.locked().texts("images", "reference");
    let names = names.iter().map(|name| name.trim_start_matches(&host).to_owned()).collect();
    (side, names)
}

/// Files, then values, then parameters: the later wins, as in Argo CD.
#[test]
fn the_helm_block_of_an_application_decides_the_image() {
    let world = World::empty();
    world.push_services(&["1.0", "2.0", "3.0", "4.0", "5.0"].map(|tag| match tag {
        "1.0" => "acme/web:1.0",
        "2.0" => "acme/web:2.0",
        "3.0" => "acme/web:3.0",
        "4.0" => "acme/web:4.0",
        _ => "acme/web:5.0",
    }));
    let values = format!("registry: {}\ntag: \"1.0\"\n", world.host());
    let files = [
        ("values.yaml", values.as_str()),
        ("values-prod.yaml", "tag: \"2.0\"\n"),
        ("templates/pod.yaml", POD),
    ];
    let charts = world.publish_charts("charts", &[&chart_of("web", "1.0.0", &files)]);
    let env = [("env/prod.yaml", "tag: \"3.0\"\n")];
    world.publish_repo("acme", "values", History::new().commit("main", "Values", &env));
    let in_chart = "valueFiles: [values-prod.yaml]";
    let both = "valueFiles: [values-prod.yaml, $values/env/prod.yaml]";
    let missing =
        "ignoreMissingValueFiles: true\n        valueFiles: [values-prod.yaml, none.yaml]";
    let object = "valuesObject: {tag: \"4.0\"}";
    let parameter = "parameters: [{name: tag, value: \"5.0\", forceString: true}]";
    let cases = [
        ("{}".to_owned(), "1.0"),
        (in_chart.to_owned(), "2.0"),
        (missing.to_owned(), "2.0"),
        (both.to_owned(), "3.0"),
        ("values: |\n          tag: \"4.0\"".to_owned(), "4.0"),
        (format!("{both}\n        {object}"), "4.0"),
        (format!("{object}\n        {parameter}\n        {both}"), "5.0"),
    ];
    let mut history = History::new();
    for (at, (helm, _)) in cases.iter().enumerate() {
        let line = if helm == "{}" { " {}".to_owned() } else { format!("\n        {helm}") };
        let app = format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: web}}\nspec:\n  \
             destination: {{name: in-cluster, namespace: web}}\n  sources:\n    \
             - repoURL: {charts}\n      chart: web\n      targetRevision: 1.0.0\n      helm:{line}\n    \
             - {{repoURL: \"{}\", targetRevision: main, ref: values}}\n",
            world.git_url("acme", "values")
        );
        history = history.commit("main", "App", &[(&format!("root-{at}/web.yaml"), &app)]);
    }
    world.publish_repo("acme", "apps", history);
    for (at, (helm, tag)) in cases.iter().enumerate() {
        let (side, images) = locked(&world, &app_inventory(&world, "apps", &format!("root-{at}")));
        assert_eq!(images, [format!("acme/web:{tag}")], "{helm}");
        assert_eq!(side.locked().opaque(), Vec::<String>::new(), "{helm}");
    }
}

/// A values file that is not there is the Application's mistake, not a default.
#[test]
fn a_values_file_that_is_missing_stops_the_lock() {
    let world = World::empty();
    let files = [("values.yaml", "registry: r\n"), ("templates/pod.yaml", POD)];
    let charts = world.publish_charts("charts", &[&chart_of("web", "1.0.0", &files)]);
    let app = format!(
        "{}    helm: {{valueFiles: [none.yaml]}}\n",
        argo::chart_application("web", &charts, "web", "1.0.0")
    );
    let history = History::new().commit("main", "App", &[("root/web.yaml", &app)]);
    world.publish_repo("acme", "apps", history);
    Connected::new(&app_inventory(&world, "apps", "root"), &world.host())
        .lock()
        .status(3)
        .stderr_has("values file none.yaml is not in chart web")
        .check();
}

/// The chart lies in the app's path, and its library beside it: nothing of both comes from a chart repository.
#[test]
fn a_chart_in_a_folder_of_git_is_rendered_with_what_lies_beside_it() {
    let world = World::empty();
    world.push_services(&["acme/web:7.0", "acme/side:1.0"]);
    let values = format!("registry: {}\ntag: \"1.0\"\n", world.host());
    let chart = "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies:\n  \
        - {name: side, version: 0.1.0, repository: \"file://../side\"}\n";
    let side_pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: side}}\nspec:\n  containers:\n    \
         - {{name: side, image: \"{}/acme/side:{{{{ .Values.tag }}}}\"}}\n",
        world.host()
    );
    let app = format!(
        "{}    helm: {{valueFiles: [../env.yaml]}}\n",
        argo::application("web", &world.git_url("acme", "folders"), "main", "charts/web")
    );
    let files = [
        ("root/web.yaml", app.as_str()),
        ("charts/web/Chart.yaml", chart),
        ("charts/web/values.yaml", &values),
        ("charts/web/templates/pod.yaml", POD),
        ("charts/env.yaml", "tag: \"7.0\"\n"),
        ("charts/side/Chart.yaml", "apiVersion: v2\nname: side\nversion: 0.1.0\n"),
        ("charts/side/values.yaml", "tag: \"1.0\"\n"),
        ("charts/side/templates/pod.yaml", &side_pod),
    ];
    world.publish_repo("acme", "folders", History::new().commit("main", "All", &files));
    let (side, images) = locked(&world, &app_inventory(&world, "folders", "root"));
    assert_eq!(images, ["acme/side:1.0", "acme/web:7.0"]);
    let lock = side.locked();
    assert_eq!(lock.opaque(), Vec::<String>::new());
    assert_eq!(lock.list("charts").len(), 0);
    let from = format!("app:{}@main#charts/web", world.git_url("acme", "folders"));
    for (image, file) in [("web:7.0", "web/templates"), ("side:1.0", "web/charts/side/templates")] {
        assert_eq!(
            because(lock.pin("images", "reference", image)),
            [format!("{from} | {file}/pod.yaml:6 | spec.containers[0].image")]
        );
    }
}

#[test]
fn each_cluster_is_rendered_for() {
    let world = World::empty();
    world.push_services(&["acme/exporter:1.0", "acme/kubectl:1.33", "acme/kubectl:1.35"]);
    let values = format!("registry: {}\n", world.host());
    let files = [("values.yaml", values.as_str()), ("templates/pod.yaml", KUBECTL)];
    let charts = world.publish_charts("charts", &[&chart_of("web", "1.0.0", &files)]);
    let clusters = "clusters:\n  - {name: old, kubeVersion: \"1.33\"}\n  \
        - {name: new, kubeVersion: \"v1.35.2\", apiVersions: [monitoring.coreos.com/v1]}\n";
    let old: &[&str] = &["acme/kubectl:1.33"];
    let new: &[&str] = &["acme/exporter:1.0", "acme/kubectl:1.35"];
    let both: &[&str] = &["acme/exporter:1.0", "acme/kubectl:1.33", "acme/kubectl:1.35"];
    for (cluster, want) in [("", both), ("    cluster: old\n", old), ("    cluster: new\n", new)] {
        let text = format!(
            "haversack: 1\nname: platform\nplatforms: [linux/amd64]\ncharts:\n  - chart: web\n    \
             repo: {charts}\n    version: 1.0.0\n{cluster}{clusters}"
        );
        let (side, images) = locked(&world, &text);
        assert_eq!(images, want, "{cluster}");
        let kubectl =
            because(side.locked().pin("images", "reference", images[images.len() - 1].as_str()));
        assert!(kubectl[0].contains("web/templates/pod.yaml:8 |"), "{kubectl:?}");
    }
}
