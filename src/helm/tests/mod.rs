//! What charts become, against what Helm 4.2.4 made of the same ones.

use std::rc::Rc;

use crate::helm::set::{Reading, set_into};
use crate::helm::{Chart, ChartFiles, ValuesSource, merge_values, prepare, yaml};
use crate::template::{Map, Value};

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
        let Value::Map(values) = yaml::read_json(before).expect("sound") else { panic!("a map") };
        let file = |name: &str| Ok(Value::from(format!("<{name}>")));
        let reading = match mode {
            "set" => Reading::Typed,
            "string" => Reading::Texts,
            "json" => Reading::Json,
            "literal" => Reading::Literal,
            _ => Reading::File(&file),
        };
        let found = match set_into(text, &values, &reading) {
            Err(error) => format!("error: {error}"),
            Ok(()) => {
                let Value::Map(before) = yaml::read_json(before).expect("sound") else {
                    panic!("a map")
                };
                for (key, value) in before.entries() {
                    if values.get(&key).is_some_and(|now| json(&now) == json(&value)) {
                        values.unset(&key);
                    }
                }
                json(&Value::Map(values))
            }
        };
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
