//! `Chart.yaml` as the engine sees it: read the way Go reads it, and given to templates as `.Chart`.
//!
//! `chart_yaml` reads the same file for a registry, where text stays as it was written. Here `1.20` is the number 1.2, because
//! that is what templates print.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::artifact::parse_version;
use crate::helm::{ChartYaml, Dependency, Maintainer};
use crate::template::{Map, MapKind, Value};

/// A map of YAML whose fields are taken by name, as Go does it: the exact name first, then any case.
struct Fields<'a>(&'a Map);

impl Fields<'_> {
    fn get(&self, name: &str) -> Value {
        let look = self.0.look();
        let found = look.get(name).or_else(|| {
            look.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        });
        found.cloned().unwrap_or(Value::Nil)
    }

    fn text(&self, name: &str) -> Result<String, String> {
        text_of(name, &self.get(name))
    }

    fn some_text(&self, name: &str) -> Result<Option<String>, String> {
        Ok(Some(self.text(name)?).filter(|text| !text.is_empty()))
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        match self.get(name) {
            Value::Nil => Ok(None),
            Value::Bool(value) => Ok(Some(value)),
            other => Err(unlike(name, &other, "true or false")),
        }
    }

    fn list<T>(
        &self,
        name: &str,
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>, String> {
        match self.get(name) {
            Value::Nil => Ok(None),
            Value::List(list) => list.items.iter().map(read).collect::<Result<_, _>>().map(Some),
            other => Err(unlike(name, &other, "a list")),
        }
    }

    fn texts(&self, name: &str) -> Result<Option<Vec<String>>, String> {
        self.list(name, |item| text_of(name, item).map(|text| sanitized(&text)))
    }

    fn notes(&self, name: &str) -> Result<Option<BTreeMap<String, Option<String>>>, String> {
        match self.get(name) {
            Value::Nil => Ok(None),
            Value::Map(map) => {
                let note = |(key, value): (Rc<str>, Value)| {
                    text_of(&format!("{name}.{key}"), &value)
                        .map(|text| (key.to_string(), Some(text)))
                };
                map.entries().into_iter().map(note).collect::<Result<_, _>>().map(Some)
            }
            other => Err(unlike(name, &other, "a map of texts")),
        }
    }
}

/// Reads what `Chart.yaml` says, and what `requirements.yaml` adds to it.
pub(super) fn read(chart: &Value, requirements: Option<&Value>) -> Result<ChartYaml, String> {
    let all = Map::of(MapKind::Any, []);
    for (file, value) in [("Chart.yaml", Some(chart)), ("requirements.yaml", requirements)] {
        match value {
            None | Some(Value::Nil) => {}
            Some(Value::Map(map)) => {
                let given = map.entries().into_iter().filter(|(_, value)| !value.is_nil());
                given.for_each(|(key, value)| all.set(key, value));
            }
            Some(other) => return Err(unlike(file, other, "a map")),
        }
    }
    let fields = Fields(&all);
    let clean = |name| -> Result<Option<String>, String> {
        Ok(fields.some_text(name)?.map(|text| sanitized(&text)))
    };
    let yaml = ChartYaml {
        name: sanitized(&fields.text("name")?),
        home: clean("home")?,
        sources: fields.texts("sources")?,
        version: fields.text("version")?,
        description: clean("description")?,
        keywords: fields.texts("keywords")?,
        maintainers: fields.list("maintainers", maintainer)?,
        icon: clean("icon")?,
        // A chart of Helm 2 need not say so.
        api_version: Some(fields.some_text("apiVersion")?.unwrap_or_else(|| "v1".to_owned())),
        condition: clean("condition")?,
        tags: clean("tags")?,
        app_version: clean("appVersion")?,
        deprecated: fields.flag("deprecated")?,
        annotations: fields.notes("annotations")?,
        kube_version: clean("kubeVersion")?,
        dependencies: fields.list("dependencies", dependency)?,
        kind: fields.some_text("type")?,
    };
    check(&yaml)?;
    Ok(yaml)
}

fn check(yaml: &ChartYaml) -> Result<(), String> {
    let name = &yaml.name;
    if name.is_empty() {
        return Err("name is missing".to_owned());
    }
    if name == "." || name == ".." || name.contains('/') {
        return Err(format!("{name:?} is not the name of a chart"));
    }
    if yaml.version.is_empty() {
        return Err("version is missing".to_owned());
    }
    if parse_version(&yaml.version).is_none() {
        return Err(format!("{:?} is not a semantic version", yaml.version));
    }
    if let Some(kind) =
        yaml.kind.as_deref().filter(|kind| !["application", "library"].contains(kind))
    {
        return Err(format!("type must be application or library, not {kind:?}"));
    }
    let mut seen = std::collections::BTreeSet::new();
    for dependency in yaml.dependencies.iter().flatten() {
        let alias = dependency.alias.as_deref();
        let odd = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-';
        if alias.is_some_and(|alias| alias.contains(odd)) {
            return Err(format!(
                "dependency {:?} has disallowed characters in the alias",
                dependency.name
            ));
        }
        let name = alias.unwrap_or(&dependency.name);
        if !seen.insert(name) {
            return Err(format!("more than one dependency with name or alias {name:?}"));
        }
    }
    Ok(())
}

fn maintainer(value: &Value) -> Result<Maintainer, String> {
    let Value::Map(map) = value else { return Err(unlike("maintainers", value, "a map each")) };
    let fields = Fields(map);
    let clean = |name| -> Result<Option<String>, String> {
        Ok(fields.some_text(name)?.map(|text| sanitized(&text)))
    };
    Ok(Maintainer { name: clean("name")?, email: clean("email")?, url: clean("url")? })
}

fn dependency(value: &Value) -> Result<Dependency, String> {
    let Value::Map(map) = value else { return Err(unlike("dependencies", value, "a map each")) };
    let fields = Fields(map);
    let clean = |name| fields.text(name).map(|text| sanitized(&text));
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(Dependency {
        name: clean("name")?,
        version: some(clean("version")?),
        repository: clean("repository")?,
        condition: some(clean("condition")?),
        tags: fields.texts("tags")?,
        enabled: fields.flag("enabled")?,
        import_values: fields.list("import-values", |value| Ok(import(value)))?,
        alias: fields.some_text("alias")?,
    })
}

/// An entry of `import-values`: a text, or a map with `child` and `parent`. Everything else does nothing.
fn import(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(text) => serde_json::Value::from(&**text),
        Value::Map(map) => {
            let part = |name: &str| match map.get(name) {
                None | Some(Value::Nil) => "<nil>".to_owned(),
                Some(value) => scalar(&value).unwrap_or_default(),
            };
            serde_json::json!({ "child": part("child"), "parent": part("parent") })
        }
        _ => serde_json::Value::Null,
    }
}

/// What a chart says about itself as templates see it: all of Go's field names, empty ones included.
pub(super) fn as_map(yaml: &ChartYaml) -> Value {
    let text = |text: &Option<String>| Value::text(text.as_deref().unwrap_or_default());
    let texts = |list: &Option<Vec<String>>| {
        Value::list(list.iter().flatten().map(|text| Value::text(text.as_str())).collect())
    };
    let notes = yaml.annotations.iter().flatten().map(|(key, note)| {
        (Rc::from(key.as_str()), Value::text(note.as_deref().unwrap_or_default()))
    });
    let maintainers = yaml.maintainers.iter().flatten().map(|maintainer| {
        Value::map([
            ("Name", text(&maintainer.name)),
            ("Email", text(&maintainer.email)),
            ("URL", text(&maintainer.url)),
        ])
    });
    let dependencies = yaml.dependencies.iter().flatten().map(|dependency| {
        let imports = dependency.import_values.iter().flatten().map(import_value).collect();
        Value::map([
            ("Name", Value::text(dependency.name.as_str())),
            ("Version", text(&dependency.version)),
            ("Repository", Value::text(dependency.repository.as_str())),
            ("Condition", text(&dependency.condition)),
            ("Tags", texts(&dependency.tags)),
            ("Enabled", Value::Bool(dependency.enabled.unwrap_or_default())),
            ("ImportValues", Value::list(imports)),
            ("Alias", text(&dependency.alias)),
        ])
    });
    Value::map([
        ("Name", Value::text(yaml.name.as_str())),
        ("Home", text(&yaml.home)),
        ("Sources", texts(&yaml.sources)),
        ("Version", Value::text(yaml.version.as_str())),
        ("Description", text(&yaml.description)),
        ("Keywords", texts(&yaml.keywords)),
        ("Maintainers", Value::list(maintainers.collect())),
        ("Icon", text(&yaml.icon)),
        ("APIVersion", text(&yaml.api_version)),
        ("Condition", text(&yaml.condition)),
        ("Tags", text(&yaml.tags)),
        ("AppVersion", text(&yaml.app_version)),
        ("Deprecated", Value::Bool(yaml.deprecated.unwrap_or_default())),
        ("Annotations", Value::Map(Rc::new(Map::of(MapKind::Texts, notes)))),
        ("KubeVersion", text(&yaml.kube_version)),
        ("Dependencies", Value::list(dependencies.collect())),
        ("Type", text(&yaml.kind)),
    ])
}

fn import_value(import: &serde_json::Value) -> Value {
    let serde_json::Value::Object(map) = import else {
        return import.as_str().map_or(Value::Nil, Value::text);
    };
    let entries = map.iter().map(|(key, value)| {
        (Rc::from(key.as_str()), Value::text(value.as_str().unwrap_or_default()))
    });
    Value::Map(Rc::new(Map::of(MapKind::Texts, entries)))
}

/// A text, or what Go makes of another scalar where a text is wanted.
fn text_of(name: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::Nil => Ok(String::new()),
        other => scalar(other).ok_or_else(|| unlike(name, other, "a text")),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Int(number) | Value::Int64(number) => Some(number.to_string()),
        Value::Float(number) => Some(number_text(*number)),
        _ => None,
    }
}

/// Go's `strconv.FormatFloat(number, 'g', -1, 64)`, and whole numbers in full, because they were no floats when Go read them.
fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e18 {
        return format!("{:.0}", number + 0.0);
    }
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return number.to_string().replace("inf", "+Inf").replace("-+", "-");
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    // Go takes shortest digits for a precision of 6 when it chooses the form.
    if (-4..6).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Blanks of every kind become spaces, and what cannot be printed goes.
fn sanitized(text: &str) -> String {
    let blank = |c: char| if c.is_whitespace() { ' ' } else { c };
    text.chars().map(blank).filter(|c| !c.is_control()).collect()
}

fn unlike(name: &str, value: &Value, wanted: &str) -> String {
    format!("{name} must be {wanted}, not {}", value.type_name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sprig;

    fn chart(text: &str) -> Result<ChartYaml, String> {
        read(&sprig::read_yaml(text).expect("sound"), None)
    }

    #[test]
    fn numbers_become_the_texts_that_go_makes_of_them() {
        for (text, wanted) in [
            ("1.0", "1"),
            ("1.20", "1.2"),
            ("20240101", "20240101"),
            ("1234567.5", "1.2345675e+06"),
            ("1e3", "1000"),
            ("0.00001", "1e-05"),
            ("0.5", "0.5"),
            ("-3", "-3"),
            ("true", "true"),
            ("'1.20'", "1.20"),
            ("~", ""),
        ] {
            let yaml = chart(&format!("name: a\nversion: 1.0\nappVersion: {text}")).expect(text);
            assert_eq!(yaml.app_version.unwrap_or_default(), wanted, "{text}");
        }
    }

    #[test]
    fn templates_see_every_field_by_its_name_in_go() {
        let yaml = chart(
            "name: c2\nversion: 1.0\nkeywords: [1, true, null, 1.50]\n\
             Annotations: {a: true, b: 1.20, c: null}\nmaintainers: [{name: 1}]\n\
             dependencies: [{name: s, version: '*', alias: t, import-values: [a, {child: b, parent: c}]}]",
        )
        .expect("sound");
        assert_eq!(
            format!("{:?}", as_map(&yaml)),
            r#"{"APIVersion": "v1", "Annotations": {"a": "true", "b": "1.2", "c": ""}, "#
                .to_owned()
                + r#""AppVersion": "", "Condition": "", "Dependencies": [{"Alias": "t", "#
                + r#""Condition": "", "Enabled": false, "ImportValues": ["a", "#
                + r#"{"child": "b", "parent": "c"}], "Name": "s", "Repository": "", "Tags": [], "#
                + r#""Version": "*"}], "Deprecated": false, "Description": "", "Home": "", "#
                + r#""Icon": "", "Keywords": ["1", "true", "", "1.5"], "KubeVersion": "", "#
                + r#""Maintainers": [{"Email": "", "Name": "1", "URL": ""}], "Name": "c2", "#
                + r#""Sources": [], "Tags": "", "Type": "", "Version": "1"}"#
        );
    }

    #[test]
    fn what_helm_refuses_is_refused() {
        for (text, words) in [
            ("version: 1.0.0", "name is missing"),
            ("name: a", "version is missing"),
            ("name: ../a\nversion: 1.0.0", "is not the name of a chart"),
            ("name: a\nversion: x", "is not a semantic version"),
            ("name: a\nversion: 1.0.0\ntype: web", "application or library"),
            ("name: a\nversion: 1.0.0\nkeywords: x", "keywords must be a list, not string"),
            ("name: a\nversion: [1]", "version must be a text"),
            ("name: a\nversion: 1.0.0\ndeprecated: 'true'", "deprecated must be true or false"),
            ("name: a\nversion: 1.0.0\nmaintainers: [null]", "maintainers must be a map each"),
            ("name: a\nversion: 1.0.0\ndependencies: [{name: b, alias: b/c}]", "disallowed"),
            ("name: a\nversion: 1.0.0\ndependencies: [{name: b}, {name: b}]", "more than one"),
            ("- a", "Chart.yaml must be a map"),
        ] {
            let error = chart(text).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
