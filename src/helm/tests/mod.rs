//! What charts become, against what Helm 4.2.4 made of the same ones.

use std::rc::Rc;

use crate::helm::set::{Reading, set_into};
use crate::helm::{Chart, ChartError, ChartFiles, ValuesSource, merge_values, prepare};
use crate::template::Value;
use crate::{limits, sprig};

/// Go's JSON of a value.
fn json(value: &Value) -> String {
    match value {
        Value::Nil => "null".to_owned(),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e21 => {
            format!("{number:.0}")
        }
        Value::Float(number) if number.abs() >= 1e21 => format!("{number:e}").replace('e', "e+"),
        Value::Text(text) => serde_json::to_string(&**text).expect("text"),
        Value::List(list) => {
            format!("[{}]", list.items.iter().map(json).collect::<Vec<_>>().join(","))
        }
        Value::Map(map) => {
            let entry = |(key, value): (Rc<str>, Value)| format!("{:?}:{}", key, json(&value));
            format!("{{{}}}", map.entries().into_iter().map(entry).collect::<Vec<_>>().join(","))
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn texts_of_set_are_read_as_helm_reads_them() {
    let before = r#"{"old":{"a":1,"n":null},"list":[1,{"b":2},null,[3]],"s":"x"}"#;
    let table = include_str!("set.tsv").lines().filter(|line| !line.starts_with('#'));
    for line in table {
        let mut columns = line.split('\t');
        let mut next = || columns.next().expect("three columns");
        let (mode, text, wanted) = (next(), next(), next());
        let Value::Map(values) = sprig::read_json(before).expect("sound") else { panic!("a map") };
        let file = |name: &str| Ok(Value::from(format!("<{name}>")));
        let reading = match mode {
            "set" => Reading::Typed,
            "string" => Reading::Texts,
            "json" => Reading::Json,
            "literal" => Reading::Literal,
            _ => Reading::File(&file),
        };
        let outcome = set_into(text, &values, &reading);
        let Value::Map(old) = sprig::read_json(before).expect("sound") else { panic!("a map") };
        for (key, value) in old.entries() {
            if values.get(&key).is_some_and(|now| json(&now) == json(&value)) {
                values.unset(&key);
            }
        }
        let found = outcome.err().map(|error| format!("error: {error}"));
        let found = found.unwrap_or_else(|| json(&Value::Map(values)));
        // The words about indexes and JSON are our own.
        let own = found.starts_with("error") && wanted.starts_with("error");
        let own = own && (mode == "json" || text.contains('['));
        assert!(own || found == wanted, "{mode} {text}: {found}, not {wanted}");
    }
}

/// A chart and what Helm made of it with some flags.
struct Case {
    title: String,
    files: Vec<(String, Vec<u8>)>,
    asked: Vec<(String, String)>,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut asking = false;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(title) = line.strip_prefix("=== ") {
            cases.push(Case { title: title.to_owned(), files: Vec::new(), asked: Vec::new() });
            continue;
        }
        let case = cases.last_mut().expect("a title first");
        if let Some(name) = line.strip_prefix(">>> ") {
            asking = false;
            case.files.push((name.to_owned(), Vec::new()));
        } else if let Some(flags) = line.strip_prefix("??? ") {
            asking = true;
            case.asked.push((flags.to_owned(), String::new()));
        } else if asking {
            line.clone_into(&mut case.asked.last_mut().expect("a question first").1);
        } else {
            let bytes = &mut case.files.last_mut().expect("a name first").1;
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
    }
    cases
}

#[test]
fn values_are_put_together_as_helm_puts_them_together() {
    for Case { title, files, asked } in cases(include_str!("values.txt")) {
        let files = ChartFiles::from_folder(files).expect("sound");
        for (flags, wanted) in asked {
            let sources: Vec<_> =
                flags.split_whitespace().map(|flag| ValuesSource::Set(flag.to_owned())).collect();
            let given = merge_values(&sources).expect("sound");
            let mut chart = Chart::load(&files).expect("sound");
            let found = match prepare(&mut chart, &given) {
                Ok(values) => json(&values),
                Err(_) => "error".to_owned(),
            };
            assert_eq!(found, wanted, "{title}: {flags}");
        }
    }
}

fn load(files: &[(&str, &str)]) -> Result<Chart, String> {
    let entries = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    let files = ChartFiles::from_folder(entries).map_err(|error| error.to_string())?;
    Chart::load(&files).map_err(|error| error.to_string())
}

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";

#[test]
fn every_file_has_its_place() {
    let chart = load(&[
        ("Chart.yaml", CHART),
        ("Chart.lock", "x: 1\n"),
        ("requirements.yaml", "{}\n"),
        ("values.yaml", "\u{feff}a: 1\n"),
        ("values.schema.json", "true"),
        ("README.md", "hello"),
        (".helmignore", "*.bak\nsecret/\n"),
        ("templates/b.yaml", "b"),
        ("templates/a.yaml", "a"),
        ("templates/.swp", ""),
        ("templates/a.yaml.bak", ""),
        ("secret/x", ""),
        ("crds/z.yaml", ""),
        ("crds/a-b/x.YML", ""),
        ("crds/a/x.json", ""),
        ("crds/notes.txt", ""),
        ("charts/sub/Chart.yaml", "name: sub\nversion: 1.0.0\n"),
        ("charts/sub/templates/x.yaml", ""),
        ("charts/sub-1.0.0.tgz.prov", ""),
        ("charts/_off/Chart.yaml", "nonsense"),
    ])
    .expect("sound");
    let names = |files: &[crate::helm::ChartFile]| {
        files.iter().map(|file| file.name.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&chart.templates), "templates/a.yaml templates/b.yaml");
    assert_eq!(
        names(&chart.files),
        ".helmignore README.md charts/sub-1.0.0.tgz.prov crds/a/x.json crds/a-b/x.YML \
         crds/notes.txt crds/z.yaml"
    );
    assert_eq!(names(&chart.crds), "crds/a/x.json crds/a-b/x.YML crds/z.yaml");
    assert_eq!(json(&chart.values), r#"{"a":1}"#);
    assert!(chart.schema.is_some());
    assert_eq!(chart.dependencies.len(), 1);
    assert_eq!(names(&chart.dependencies[0].templates), "templates/x.yaml");
}

#[test]
fn what_is_wrong_is_named_by_its_file() {
    for (files, words) in [
        (&[("values.yaml", "a: 1")][..], "Chart.yaml is missing"),
        (&[("Chart.yaml", "name: a")], "Chart.yaml: version is missing"),
        (&[("Chart.yaml", CHART), ("values.yaml", "a: [\n")], "values.yaml: "),
        (&[("Chart.yaml", CHART), ("values.yaml", "[a]")], "values.yaml: values must be a map"),
        (&[("Chart.yaml", CHART), ("values.yaml", "a: 1\n--- x\n")], "values.yaml: line 2: "),
        (&[("Chart.yaml", CHART), ("charts/x/Chart.yaml", "a")], "charts/x/Chart.yaml: "),
        (&[("Chart.yaml", CHART), ("charts/README.md", "a")], "charts/README.md/Chart.yaml is"),
        (&[("Chart.yaml", CHART), ("charts/x.tgz", "a")], "charts/x.tgz cannot be opened"),
        (&[("Chart.yaml", CHART), ("charts/x.tgz/a", "a")], "charts/x.tgz: a folder, not"),
        (&[("Chart.yaml", CHART), (".helmignore", "**")], ".helmignore is not sound"),
    ] {
        let error = load(files).expect_err(words);
        assert!(error.starts_with(words), "{error}, not {words}");
    }
    let bytes = ChartFiles::from_entries([
        ("Chart.yaml".to_owned(), CHART.as_bytes().to_vec()),
        ("templates/a.yaml".to_owned(), b"a\xff".to_vec()),
    ]);
    let error = Chart::load(&bytes.expect("sound")).expect_err("no text").to_string();
    assert_eq!(error, "templates/a.yaml: not UTF-8 at byte 1");
}

#[test]
fn charts_nest_only_so_deep() {
    let mut path = String::new();
    let mut files = Vec::new();
    for _ in 0..=limits::CHART_DEPTH_MAX + 1 {
        files.push((format!("{path}Chart.yaml"), CHART.as_bytes().to_vec()));
        path.push_str("charts/web/");
    }
    let files = ChartFiles::from_entries(files).expect("sound");
    assert!(matches!(Chart::load(&files), Err(ChartError::Deep(_))));
}

#[test]
fn aliases_of_aliases_are_stopped() {
    let mut text = "name: web\nversion: 1.0.0\ndependencies:\n".to_owned();
    for at in 0..100 {
        text.push_str(&format!("- {{name: web, version: '*', alias: a{at}}}\n"));
    }
    let mut files = Vec::new();
    let mut path = String::new();
    for _ in 0..6 {
        files.push((format!("{path}Chart.yaml"), text.as_bytes().to_vec()));
        path.push_str("charts/web/");
    }
    files.push((format!("{path}Chart.yaml"), CHART.as_bytes().to_vec()));
    let mut chart = Chart::load(&ChartFiles::from_entries(files).expect("sound")).expect("sound");
    assert!(matches!(prepare(&mut chart, &Value::Nil), Err(ChartError::Many)));
}

#[test]
fn imports_that_bite_their_own_tail_are_stopped() {
    let mut chart = load(&[
        (
            "Chart.yaml",
            "name: top\nversion: 1.0.0\ndependencies:\n- name: s\n  version: '*'\n  import-values:\n\
             \x20 - {child: a.b, parent: p}\n  - {child: a, parent: p.q}\n  - {child: a, parent: p}\n",
        ),
        ("charts/s/Chart.yaml", "name: s\nversion: 1.0.0\n"),
        ("charts/s/values.yaml", "a: {b: {c: 1}}\n"),
    ])
    .expect("sound");
    assert!(matches!(prepare(&mut chart, &Value::Nil), Err(ChartError::ValuesLarge)));
}

#[test]
fn sources_of_values_count_in_the_order_of_helm() {
    let file = |text: &str| ValuesSource::File { name: "v".to_owned(), text: text.to_owned() };
    let sources = [
        ValuesSource::SetLiteral("e=l,x".to_owned()),
        ValuesSource::SetFile { path: "d=a.txt".to_owned(), content: "f".to_owned() },
        ValuesSource::SetString("c=1,d=1,e=1".to_owned()),
        ValuesSource::Set("b=1,c=2,d=2,m.k=3".to_owned()),
        ValuesSource::SetJson(r#"{"a":1,"b":2,"m":{"j":1}}"#.to_owned()),
        ValuesSource::SetJson("n=[1],b=3".to_owned()),
        file("a: f\nm: {f: 1, j: f}\n---\nl: [1]\n"),
        ValuesSource::Inline { name: "i".to_owned(), text: "l: [2]\n".to_owned() },
    ];
    assert_eq!(
        json(&merge_values(&sources).expect("sound")),
        r#"{"a":1,"b":1,"c":"1","d":"f","e":"l,x","l":[2],"m":{"f":1,"j":1,"k":3},"n":[1]}"#
    );
    let error = merge_values(&[file("a: 1\nb: [\n")]).expect_err("cut").to_string();
    assert!(error.starts_with("v: ") && error.contains("line"), "{error}");
    let error = merge_values(&[ValuesSource::Set("a[0]b=1".to_owned())]).expect_err("odd");
    assert_eq!(error.to_string(), "--set a[0]b=1: unexpected data at end of array index: \"b\"");
}

fn against(schema: &str, values: &str) -> (Vec<String>, Vec<String>) {
    let files = [("Chart.yaml", CHART), ("values.schema.json", schema), ("values.yaml", values)];
    let mut chart = load(&files).expect("sound");
    let problems = match prepare(&mut chart, &Value::Nil) {
        Ok(_) => Vec::new(),
        Err(ChartError::Schema(problems)) => problems,
        Err(other) => panic!("{schema}: {other}"),
    };
    let line = |problem: &crate::helm::SchemaProblem| {
        format!("{}- at '{}': {}", "  ".repeat(problem.depth), problem.at, problem.text)
    };
    (problems.iter().map(line).collect(), chart.warnings)
}

#[test]
fn schemas_are_read_as_helm_reads_them() {
    let text = include_str!("schema.txt");
    for case in text.split("??? ").skip(1) {
        let mut lines = case.lines();
        let (schema, values) = (lines.next().expect("a schema"), lines.next().expect("values"));
        let (mut found, warnings) = against(schema, values);
        found.sort_unstable();
        assert_eq!(found, lines.collect::<Vec<_>>(), "{schema} on {values}");
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}

#[test]
fn hostile_schemas_end_and_nothing_is_fetched() {
    let mut defs = String::new();
    for at in 0..60 {
        let next = at + 1;
        defs.push_str(&format!(
            r##""d{at}":{{"allOf":[{{"$ref":"#/$defs/d{next}"}},{{"$ref":"#/$defs/d{next}"}}]}},"##
        ));
    }
    let schema = format!(r##"{{"$defs":{{{defs}"d60":{{}}}},"$ref":"#/$defs/d0"}}"##);
    let (found, _) = against(&schema, "a: 1");
    assert!(found.iter().any(|line| line.ends_with("more work than haversack does")), "{found:?}");

    for schema in [r##"{"$ref":"#"}"##, r##"{"allOf":[{"$ref":"#"},{"$ref":"#"}]}"##] {
        let (found, _) = against(schema, "a: 1");
        assert!(found.iter().any(|line| line.ends_with("refers to itself without end")));
    }
    let deep = format!("{}{}", r#"{"not":"#.repeat(5000), "}".repeat(5000));
    assert!(!against(&deep, "a: 1").0.is_empty());

    let remote =
        r#"{"properties":{"a":{"$ref":"https://example.com/x.json#/y"},"b":{"type":"string"}}}"#;
    let (found, warnings) = against(remote, "a: 1\nb: 2\n");
    assert_eq!(found, ["- at '/b': got number, want string"]);
    assert_eq!(
        warnings,
        [
            "web: values.schema.json: https://example.com/x.json#/y is not fetched, and allows everything"
        ]
    );
    let pattern = r#"{"properties":{"a":{"pattern":"(a{1000}){1000}"}}}"#;
    let (found, warnings) = against(pattern, "a: x\n");
    assert!(found.is_empty() && warnings[0].contains("cannot be read"), "{warnings:?}");
}
