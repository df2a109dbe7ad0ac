//! How an Application has its chart rendered: the `helm` block of a source (argo-cd `docs/user-guide/helm.md`).

use std::collections::BTreeMap;

use crate::argo::HelmSettings;
use crate::argo::walk::At;
use crate::argo::{Parameter, ValuesPlace};
use crate::artifact::{GitUrl, HttpUrl};
use crate::yaml::Value;

/// The sources of one Application that have a `ref`: what `$name/…` stands for.
pub(super) type Refs = BTreeMap<String, (GitUrl, String)>;

/// Collects what the sources of an Application call themselves.
pub(super) fn refs(sources: &[At<'_>]) -> Refs {
    let named = sources.iter().filter_map(|source| {
        let name = source.node.text_at(&["ref"])?;
        let url = GitUrl::parse(source.node.text_at(&["repoURL"])?).ok()?;
        let revision = source.node.text_at(&["targetRevision"]).unwrap_or("HEAD");
        Some((name.to_owned(), (url, revision.to_owned())))
    });
    named.collect()
}

/// Reads the settings of one source. What cannot be understood has been reported as opaque by whoever reads the source.
pub(super) fn read(source: &At<'_>, refs: &Refs, application: &Destination) -> HelmSettings {
    let mut settings = HelmSettings {
        release: application.name.clone(),
        namespace: application.namespace.clone(),
        ..HelmSettings::default()
    };
    let Some(helm) = source.get("helm") else { return settings };
    let node = helm.node;
    let text = |key: &str| node.text_at(&[key]).filter(|t| !t.is_empty()).map(str::to_owned);
    let flag = |key: &str| node.get(key).is_some_and(|n| n.value == Value::Bool(true));
    settings.release = text("releaseName").or(settings.release);
    settings.namespace = text("namespace").or(settings.namespace);
    settings.kube_version = text("kubeVersion");
    settings.api_versions = texts(&helm, "apiVersions");
    settings.ignore_missing = flag("ignoreMissingValueFiles");
    settings.skip_tests = flag("skipTests");
    settings.files =
        texts(&helm, "valueFiles").iter().filter_map(|path| values_place(path, refs)).collect();
    // argo-cd `HelmOptions.ValuesString`: the object wins over the text.
    settings.values = match node.get("valuesObject").filter(|n| n.value != Value::Null) {
        Some(object) => Some(object.to_json().to_string()),
        None => text("values"),
    };
    for parameter in helm.list("parameters") {
        let text = |key: &str| parameter.node.get(key).map(|n| plain(&n.value));
        let (Some(name), Some(value)) = (text("name"), text("value")) else { continue };
        let force_string =
            parameter.node.get("forceString").is_some_and(|n| n.value == Value::Bool(true));
        settings.parameters.push(Parameter { name, value, force_string });
    }
    for parameter in helm.list("fileParameters") {
        let text = |key: &str| parameter.node.text_at(&[key]).map(str::to_owned);
        let (Some(name), Some(path)) = (text("name"), text("path")) else { continue };
        if let Some(place) = values_place(&path, refs) {
            settings.file_parameters.push((name, place));
        }
    }
    settings
}

/// What of an Application becomes the release when its source says nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Destination {
    name: Option<String>,
    namespace: Option<String>,
}

impl Destination {
    /// `metadata.name` and `spec.destination.namespace`.
    pub(super) fn of(application: &At<'_>) -> Self {
        let text = |path: &[&str]| application.node.text_at(path).map(str::to_owned);
        Self {
            name: text(&["metadata", "name"]),
            namespace: text(&["spec", "destination", "namespace"]),
        }
    }
}

/// Where a values file is: in the chart, in another source, or at a URL. `None` for what is filled in later.
fn values_place(path: &str, refs: &Refs) -> Option<ValuesPlace> {
    if path.contains("{{") {
        return None;
    }
    if let Some(rest) = path.strip_prefix('$') {
        let (name, path) = rest.split_once('/')?;
        let (url, revision) = refs.get(name)?.clone();
        return Some(ValuesPlace::Repo { url, revision, path: path.to_owned() });
    }
    if let Ok(url) = HttpUrl::parse(path) {
        return Some(ValuesPlace::Url(url));
    }
    (!path.contains("://")).then(|| ValuesPlace::Chart(path.to_owned()))
}

fn texts(helm: &At<'_>, key: &str) -> Vec<String> {
    helm.list(key).iter().filter_map(|at| at.node.text().map(str::to_owned)).collect()
}

/// A scalar as Argo CD hands it to `--set`.
fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Bool(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Null | Value::List(_) | Value::Map(_) => String::new(),
    }
}
