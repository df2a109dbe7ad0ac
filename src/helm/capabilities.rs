//! `.Capabilities`: what a chart may ask about the cluster and about Helm.

use std::any::Any;
use std::rc::Rc;

use thiserror::Error;

use crate::template::{Fault, Host, Kind, Object, Value};

/// The Kubernetes version that Helm 4.2.4 assumes when nobody names one.
const DEFAULT_KUBE_VERSION: &str = "v1.36.0";
/// The API versions that it assumes then.
const DEFAULT_API_VERSIONS: &str = include_str!("default_api_versions.txt");
/// The Helm that charts take us for.
const HELM_VERSION: [(&str, &str); 5] = [
    ("Version", "v4.2.4"),
    ("GitCommit", ""),
    ("GitTreeState", "clean"),
    ("GoVersion", "go1.26.8"),
    ("KubeClientVersion", "v1.36"),
];

/// Why a text is no version of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not a version of Kubernetes, such as 1.34 or v1.34.1")]
pub struct KubeVersionError(pub String);

/// A version of Kubernetes, as `.Capabilities.KubeVersion`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeVersion {
    version: String,
    normalized: String,
    major: String,
    minor: String,
}

impl Default for KubeVersion {
    fn default() -> Self {
        let version = DEFAULT_KUBE_VERSION.to_owned();
        let (major, minor) = ("1".to_owned(), "36".to_owned());
        Self { normalized: version.clone(), version, major, minor }
    }
}

impl KubeVersion {
    /// Reads `1.34`, `v1.34.1` and what providers add to it (`v1.33.4-gke.1245000`), as Helm does.
    pub fn parse(text: &str) -> Result<Self, KubeVersionError> {
        let fail = || KubeVersionError(text.chars().take(100).collect());
        let numbers = text.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
        let numbers = numbers.strip_prefix('v').unwrap_or(numbers);
        let mut parts: Vec<u64> = Vec::new();
        let mut rest = numbers;
        loop {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (digits, after) = rest.split_at_checked(end).ok_or_else(fail)?;
            if parts.is_empty() && digits.starts_with('0') && digits != "0" {
                return Err(fail());
            }
            parts.push(digits.parse().map_err(|_| fail())?);
            match after
                .strip_prefix('.')
                .filter(|next| next.starts_with(|c: char| c.is_ascii_digit()))
            {
                Some(next) => rest = next,
                None if after.contains('\n') => return Err(fail()),
                None => break,
            }
        }
        let [major, minor, ..] = parts.as_slice() else { return Err(fail()) };
        let (major, minor) = (major.to_string(), minor.to_string());
        let numbers: Vec<String> = parts.iter().map(u64::to_string).collect();
        let version = if text.starts_with('v') { text.to_owned() } else { format!("v{text}") };
        Ok(Self { version, normalized: format!("v{}", numbers.join(".")), major, minor })
    }

    /// The version without what providers add: what `kubeVersion` of a chart is held against.
    pub fn normalized(&self) -> &str {
        &self.normalized
    }
}

/// What a chart may ask about the cluster.
#[derive(Clone, Debug)]
pub struct Capabilities {
    kube_version: KubeVersion,
    api_versions: Rc<[Rc<str>]>,
}

impl Capabilities {
    /// What `helm template` assumes, with some further API versions (`monitoring.coreos.com/v1`, or with a kind behind it).
    pub fn new(kube_version: Option<KubeVersion>, api_versions: &[String]) -> Self {
        let known = DEFAULT_API_VERSIONS.lines().filter(|line| !line.starts_with('#'));
        let all = known.chain(api_versions.iter().map(String::as_str)).map(Rc::from);
        Self { kube_version: kube_version.unwrap_or_default(), api_versions: all.collect() }
    }

    /// The version of Kubernetes.
    pub fn kube_version(&self) -> &KubeVersion {
        &self.kube_version
    }

    /// As a value for templates.
    pub fn into_value(self) -> Value {
        Value::Object(Rc::new(self))
    }
}

impl Object for Capabilities {
    fn type_name(&self) -> &'static str {
        "*common.Capabilities"
    }

    fn kind(&self) -> Kind {
        Kind::Ptr
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(Value::Object(match name {
            "KubeVersion" => Rc::new(self.kube_version.clone()),
            "APIVersions" => Rc::new(VersionSet(Rc::clone(&self.api_versions))),
            "HelmVersion" => Rc::new(HelmVersion),
            _ => return None,
        }))
    }

    fn call(&self, _: &mut dyn Host, _: &str, _: &[Value]) -> Option<Result<Value, Fault>> {
        None
    }

    fn print(&self) -> String {
        let versions = VersionSet(Rc::clone(&self.api_versions)).print();
        format!("&{{{} {versions} {}}}", self.kube_version.normalized, HelmVersion.print())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Object for KubeVersion {
    fn type_name(&self) -> &'static str {
        "common.KubeVersion"
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Version" => Some(Value::text(self.version.as_str())),
            "Major" => Some(Value::text(self.major.as_str())),
            "Minor" => Some(Value::text(self.minor.as_str())),
            _ => None,
        }
    }

    fn call(&self, _: &mut dyn Host, method: &str, args: &[Value]) -> Option<Result<Value, Fault>> {
        let text = match method {
            "String" => &self.normalized,
            "GitVersion" => &self.version,
            _ => return None,
        };
        Some(without_arguments(method, args).map(|()| Value::text(text.as_str())))
    }

    fn print(&self) -> String {
        self.normalized.clone()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `.Capabilities.APIVersions`.
#[derive(Clone, Debug)]
struct VersionSet(Rc<[Rc<str>]>);

impl Object for VersionSet {
    fn type_name(&self) -> &'static str {
        "common.VersionSet"
    }

    fn kind(&self) -> Kind {
        Kind::Slice
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn call(&self, _: &mut dyn Host, method: &str, args: &[Value]) -> Option<Result<Value, Fault>> {
        if method != "Has" {
            return None;
        }
        Some(match args {
            [Value::Text(version)] => Ok(Value::Bool(self.0.contains(version))),
            [other] => Err(Fault::said(format!(
                "wrong type for value; expected string; got {}",
                other.type_name()
            ))),
            args => Err(Fault::count("Has", 1, args.len())),
        })
    }

    fn print(&self) -> String {
        format!("[{}]", self.0.join(" "))
    }

    fn truth(&self) -> bool {
        !self.0.is_empty()
    }

    fn entries(&self) -> Option<Vec<(Value, Value)>> {
        let entries = (0..).zip(self.0.iter());
        Some(entries.map(|(at, text)| (Value::Int(at), Value::Text(Rc::clone(text)))).collect())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `.Capabilities.HelmVersion`.
#[derive(Clone, Copy, Debug)]
struct HelmVersion;

impl Object for HelmVersion {
    fn type_name(&self) -> &'static str {
        "version.BuildInfo"
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn field(&self, name: &str) -> Option<Value> {
        let field = HELM_VERSION.iter().find(|(field, _)| *field == name);
        field.map(|(_, text)| Value::text(*text))
    }

    fn call(&self, _: &mut dyn Host, _: &str, _: &[Value]) -> Option<Result<Value, Fault>> {
        None
    }

    fn print(&self) -> String {
        format!("{{{}}}", HELM_VERSION.map(|(_, text)| text).join(" "))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn without_arguments(method: &str, args: &[Value]) -> Result<(), Fault> {
    match args.len() {
        0 => Ok(()),
        count => Err(Fault::count(method, 0, count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_kubernetes_are_read_as_helm_reads_them() {
        // Text, then version, normalized version, major and minor as Helm 4.2.4 gives them.
        for (text, wanted) in [
            ("1.29", "v1.29 v1.29 1 29"),
            ("v1.29.3", "v1.29.3 v1.29.3 1 29"),
            ("v1.33.4-gke.1245000", "v1.33.4-gke.1245000 v1.33.4 1 33"),
            ("1.29.3.4", "v1.29.3.4 v1.29.3.4 1 29"),
            ("1.029", "v1.029 v1.29 1 29"),
            ("1.2+", "v1.2+ v1.2 1 2"),
            ("1.2.3+k3s1", "v1.2.3+k3s1 v1.2.3 1 2"),
            ("1.29x", "v1.29x v1.29 1 29"),
            (" 1.2", "v 1.2 v1.2 1 2"),
            ("v1.29.3_x", "v1.29.3_x v1.29.3 1 29"),
        ] {
            let KubeVersion { version, normalized, major, minor } =
                KubeVersion::parse(text).expect(text);
            assert_eq!(format!("{version} {normalized} {major} {minor}"), wanted, "{text}");
        }
        for bad in
            ["1", "", "x", "01.2", "V1.2", "1..2", "1.99999999999999999999", "v", "1.", "1.2\n"]
        {
            assert_eq!(KubeVersion::parse(bad), Err(KubeVersionError(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn api_versions_are_those_of_helm_and_those_that_were_added() {
        let capabilities = Capabilities::new(None, &["foo/v1".to_owned()]);
        let versions = capabilities.field("APIVersions").expect("there");
        let Value::Object(versions) = versions else { panic!("no object") };
        let all = versions.entries().expect("a slice");
        assert_eq!(all.len(), 56);
        let texts: Vec<_> = all.iter().filter_map(|(_, text)| text.as_text()).collect();
        assert_eq!((texts[0], texts[55]), ("v1", "foo/v1"));
        assert!(texts.contains(&"batch/v1"));
        assert!(versions.print().starts_with("[v1 admissionregistration.k8s.io/v1 "));
        assert_eq!(capabilities.kube_version().print(), "v1.36.0");
    }
}
