//! Charts asked for, and how they are rendered: release, values, cluster.

use std::collections::BTreeMap;

use crate::artifact::{ChartRepo, VersionRange};
use crate::inventory::check::{place, relative_path};
use crate::inventory::reader::{At, Keys, Reader};
use crate::inventory::{ChartRequest, Cluster, Located};
use crate::yaml::Value;

pub(super) const CHART: Keys = Keys {
    required: &["chart", "repo", "version"],
    optional: &["release", "namespace", "values", "valuesObject", "cluster", "placeholders"],
};

/// Namespace of a release when none is given, as Helm has it.
const NAMESPACE: &str = "default";

pub(super) fn charts(
    r: &mut Reader<'_>,
    root: &At<'_>,
    clusters: &[Cluster],
) -> Vec<Located<ChartRequest>> {
    let mut seen = BTreeMap::new();
    let mut charts = Vec::new();
    for at in r.list(root, "charts") {
        if let Some(request) = chart(r, &at, clusters) {
            r.unique(&mut seen, format!("{request:?}"), &at);
            charts.push(r.located(&at, request));
        }
    }
    charts
}

fn chart(r: &mut Reader<'_>, at: &At<'_>, clusters: &[Cluster]) -> Option<ChartRequest> {
    if !r.mapping(at, &CHART) {
        return None;
    }
    let chart = at.get("chart").and_then(|at| r.parse(&at, chart_name));
    let repo = at.get("repo").and_then(|at| place(r, &at, ChartRepo::parse));
    let version = at.get("version").and_then(|at| version_range(r, &at));
    let release = at.get("release").and_then(|at| r.parse(&at, release_name));
    let namespace = at.get("namespace").and_then(|at| r.parse(&at, namespace));
    let listed = r.list(at, "values");
    let values: Vec<String> = listed.iter().filter_map(|at| r.parse(at, relative_path)).collect();
    let values_object = at.get("valuesObject").and_then(|at| object(r, &at));
    let cluster = at.get("cluster").and_then(|at| cluster(r, &at, clusters));
    let placeholders = at.get("placeholders").is_some_and(|at| r.flag(&at));
    let (chart, repo, version) = (chart?, repo?, version?);
    if matches!(repo, ChartRepo::Oci { .. }) && repo.repository(&chart).is_none() {
        r.add(at, format!("{repo}/{chart} is not a repository that a registry takes"), None);
        return None;
    }
    Some(ChartRequest {
        release: release.unwrap_or_else(|| release_of(&chart)),
        namespace: namespace.unwrap_or_else(|| NAMESPACE.to_owned()),
        repo,
        chart,
        version,
        values,
        values_object,
        cluster,
        placeholders,
    })
}

/// The release's name when none is given: the chart's, as far as Helm takes it for one.
fn release_of(chart: &str) -> String {
    let sound = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let name: String = chart.to_ascii_lowercase().chars().map(sound).take(53).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "release-name".to_owned() } else { name.to_owned() }
}

/// A mapping of values, as JSON.
fn object(r: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    if !matches!(at.node.value, Value::Map(_)) {
        r.add(at, format!("must be a mapping, not {}", at.node.kind()), None);
        return None;
    }
    Some(at.node.to_json().to_string())
}

fn cluster(r: &mut Reader<'_>, at: &At<'_>, clusters: &[Cluster]) -> Option<String> {
    let name = r.text(at)?;
    if !clusters.iter().any(|cluster| cluster.name == name) {
        let hint = Some("list it under clusters:".to_owned());
        r.add(at, format!("there is no cluster named {name:?}"), hint);
        return None;
    }
    Some(name.to_owned())
}

fn version_range(r: &mut Reader<'_>, at: &At<'_>) -> Option<VersionRange> {
    let text = r.text(at)?;
    let hint = Some("for example 10.1.1, ^1.2, \">=1 <2\", or \"*\" for the newest".to_owned());
    if text.trim().is_empty() {
        r.add(at, "empty", hint);
        return None;
    }
    VersionRange::parse(text).map_err(|error| r.add(at, error.to_string(), hint)).ok()
}

fn chart_name(text: &str) -> Result<String, String> {
    let sound = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if text.is_empty()
        || text.len() > 250
        || text.starts_with(['.', '-'])
        || !text.bytes().all(sound)
    {
        return Err(format!("{text:?} is not the name of a chart"));
    }
    Ok(text.to_owned())
}

/// A name of a release as Helm takes it (helm `pkg/chart/common/util/validate_name.go`): at most 53 characters.
fn release_name(text: &str) -> Result<String, String> {
    let part = |part: &str| dns_label(part);
    if text.len() > 53 || !text.split('.').all(part) {
        return Err(format!("{text:?} is not the name of a release"));
    }
    Ok(text.to_owned())
}

/// A name of a namespace (RFC 1123 label).
fn namespace(text: &str) -> Result<String, String> {
    if text.len() > 63 || !dns_label(text) {
        return Err(format!("{text:?} is not the name of a namespace"));
    }
    Ok(text.to_owned())
}

fn dns_label(text: &str) -> bool {
    let sound = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(sound)
}
