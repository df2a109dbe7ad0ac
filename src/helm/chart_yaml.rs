//! `Chart.yaml`: what a chart says about itself, and its form as the config of an OCI artifact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::artifact::parse_version;
use crate::limits;

/// Why a text is no `Chart.yaml`.
#[derive(Debug, Error)]
pub enum ChartYamlError {
    /// It is larger than any sound one.
    #[error("Chart.yaml is larger than {} bytes", limits::CHART_YAML_BYTES_MAX)]
    Large,
    /// It is not YAML of the expected shape.
    #[error("Chart.yaml is not sound YAML of a chart")]
    Shape(#[source] Box<serde_saphyr::Error>),
    /// The name is empty or holds characters that lead elsewhere.
    #[error("Chart.yaml: {0:?} is not the name of a chart")]
    Name(String),
    /// The version is not a semantic version.
    #[error("Chart.yaml: {0:?} is not a semantic version")]
    Version(String),
}

/// What a chart says about itself. The order of the fields is the order of Helm's JSON; unknown keys are passed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChartYaml {
    /// Name of the chart.
    pub name: String,
    /// Home page.
    #[serde(default, skip_serializing_if = "blank")]
    pub home: Option<String>,
    /// Where its source is.
    #[serde(default, skip_serializing_if = "none")]
    pub sources: Option<Vec<String>>,
    /// Its version, letter by letter.
    pub version: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "blank")]
    pub description: Option<String>,
    /// Search words.
    #[serde(default, skip_serializing_if = "none")]
    pub keywords: Option<Vec<String>>,
    /// Who looks after it.
    #[serde(default, skip_serializing_if = "none")]
    pub maintainers: Option<Vec<Maintainer>>,
    /// Picture.
    #[serde(default, skip_serializing_if = "blank")]
    pub icon: Option<String>,
    /// `v1` or `v2`.
    #[serde(default, skip_serializing_if = "blank")]
    pub api_version: Option<String>,
    /// Condition that switches it on.
    #[serde(default, skip_serializing_if = "blank")]
    pub condition: Option<String>,
    /// Tags that switch it on.
    #[serde(default, skip_serializing_if = "blank")]
    pub tags: Option<String>,
    /// Version of what it installs.
    #[serde(default, skip_serializing_if = "blank")]
    pub app_version: Option<String>,
    /// Whether it should not be used any more.
    #[serde(default, skip_serializing_if = "unset")]
    pub deprecated: Option<bool>,
    /// Further notes.
    #[serde(default, skip_serializing_if = "no_notes")]
    pub annotations: Option<BTreeMap<String, Option<String>>>,
    /// Kubernetes versions that it is made for.
    #[serde(default, skip_serializing_if = "blank")]
    pub kube_version: Option<String>,
    /// Charts that it needs.
    #[serde(default, skip_serializing_if = "none")]
    pub dependencies: Option<Vec<Dependency>>,
    /// `application` or `library`.
    #[serde(default, rename = "type", skip_serializing_if = "blank")]
    pub kind: Option<String>,
}

/// Who looks after a chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Maintainer {
    /// Name.
    #[serde(default, skip_serializing_if = "blank")]
    pub name: Option<String>,
    /// Mail address.
    #[serde(default, skip_serializing_if = "blank")]
    pub email: Option<String>,
    /// Page.
    #[serde(default, skip_serializing_if = "blank")]
    pub url: Option<String>,
}

/// A chart that another one needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Version or range, as text.
    #[serde(default, skip_serializing_if = "blank")]
    pub version: Option<String>,
    /// `https://…`, `oci://…`, `file://…`, `@alias`, or empty when it lies in `charts/`.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub repository: String,
    /// Path of the value that switches it on.
    #[serde(default, skip_serializing_if = "blank")]
    pub condition: Option<String>,
    /// Tags that switch it on.
    #[serde(default, skip_serializing_if = "none")]
    pub tags: Option<Vec<String>>,
    /// Written by Helm itself.
    #[serde(default, skip_serializing_if = "unset")]
    pub enabled: Option<bool>,
    /// Values that are taken over.
    #[serde(default, rename = "import-values", skip_serializing_if = "none")]
    pub import_values: Option<Vec<serde_json::Value>>,
    /// The name under which it appears.
    #[serde(default, skip_serializing_if = "blank")]
    pub alias: Option<String>,
}

impl ChartYaml {
    /// Reads a `Chart.yaml`, and checks name and version as Helm does before it packs a chart.
    pub fn parse(text: &str) -> Result<Self, ChartYamlError> {
        let chart: Self = from_yaml(text)?;
        let name = &chart.name;
        let odd = |c: char| c == '/' || c == '\\' || c.is_control() || c.is_whitespace();
        if name.is_empty() || name.len() > 250 || name.starts_with('.') || name.contains(odd) {
            return Err(ChartYamlError::Name(name.clone()));
        }
        if parse_version(&chart.version).is_none() {
            return Err(ChartYamlError::Version(chart.version));
        }
        Ok(chart)
    }
}

/// The config blob of a chart in a registry (`application/vnd.cncf.helm.config.v1+json`): `Chart.yaml` as JSON, with
/// the order and the escapes of Helm's Go code. A number without quotes stays as it is written (`1.30`).
pub fn config_json(chart_yaml: &str) -> Result<Vec<u8>, ChartYamlError> {
    let chart = ChartYaml::parse(chart_yaml)?;
    // A value of texts, lists and maps with text keys can always be written.
    let json = serde_json::to_string(&chart).unwrap_or_default();
    let mut go = String::with_capacity(json.len());
    // Go's encoding/json escapes what HTML and JavaScript read differently.
    for c in json.chars() {
        match c {
            '<' => go.push_str("\\u003c"),
            '>' => go.push_str("\\u003e"),
            '&' => go.push_str("\\u0026"),
            '\u{2028}' => go.push_str("\\u2028"),
            '\u{2029}' => go.push_str("\\u2029"),
            c => go.push(c),
        }
    }
    Ok(go.into_bytes())
}

/// The dependencies of a chart of Helm 2, which stand in `requirements.yaml`.
pub(super) fn requirements(text: &str) -> Result<Vec<Dependency>, ChartYamlError> {
    #[derive(Deserialize)]
    struct Requirements {
        #[serde(default)]
        dependencies: Option<Vec<Dependency>>,
    }
    Ok(from_yaml::<Requirements>(text)?.dependencies.unwrap_or_default())
}

fn from_yaml<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ChartYamlError> {
    if text.len() as u64 > limits::CHART_YAML_BYTES_MAX {
        return Err(ChartYamlError::Large);
    }
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| ChartYamlError::Shape(Box::new(error)))
}

fn blank(text: &Option<String>) -> bool {
    text.as_ref().is_none_or(String::is_empty)
}

fn none<T>(list: &Option<Vec<T>>) -> bool {
    list.as_ref().is_none_or(Vec::is_empty)
}

fn no_notes(notes: &Option<BTreeMap<String, Option<String>>>) -> bool {
    notes.as_ref().is_none_or(BTreeMap::is_empty)
}

fn unset(flag: &Option<bool>) -> bool {
    *flag != Some(true)
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_is_what_helm_writes() {
        let text = r#"
apiVersion: v2
name: web
version: 1.2.3+4
appVersion: 1.30
kubeVersion: ">=1.25.0-0"
description: a & b
deprecated: false
home:
unknown: 1
annotations: {b: "2", a: "1"}
maintainers: [{name: A, email: a@example.com}]
dependencies:
  - {name: redis, version: 1.x, repository: "https://h/c", condition: redis.enabled, import-values: [{parent: a, child: b}]}
  - name: local
type: application
"#;
        let json = String::from_utf8(config_json(text).expect("sound")).expect("UTF-8");
        assert_eq!(
            json,
            r#"{"name":"web","version":"1.2.3+4","description":"a \u0026 b","#.to_owned()
                + r#""maintainers":[{"name":"A","email":"a@example.com"}],"apiVersion":"v2","#
                + r#""appVersion":"1.30","annotations":{"a":"1","b":"2"},"kubeVersion":"\u003e=1.25.0-0","#
                + r#""dependencies":[{"name":"redis","version":"1.x","repository":"https://h/c","#
                + r#""condition":"redis.enabled","import-values":[{"child":"b","parent":"a"}]},"#
                + r#"{"name":"local","repository":""}],"type":"application"}"#
        );
    }

    #[test]
    fn refuses_names_that_lead_elsewhere() {
        for bad in
            ["name: ../x\nversion: 1.0.0", "name: a/b\nversion: 1.0.0", "name: ''\nversion: '1'"]
        {
            assert!(matches!(ChartYaml::parse(bad), Err(ChartYamlError::Name(_))), "{bad}");
        }
        assert!(matches!(ChartYaml::parse("name: a\nversion: x"), Err(ChartYamlError::Version(_))));
        assert!(matches!(ChartYaml::parse("name: a"), Err(ChartYamlError::Shape(_))));
        let large = " ".repeat(limits::CHART_YAML_BYTES_MAX as usize + 1);
        assert!(matches!(ChartYaml::parse(&large), Err(ChartYamlError::Large)));
    }
}
