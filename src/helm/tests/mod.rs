//! What charts become, against what Helm 4.2.4 made of the same ones.

use std::rc::Rc;

use crate::helm::set::{Reading, set_into};
use crate::helm::{Chart, ChartFiles, merge_values, prepare, yaml, ValuesSource};
use crate::template::{Map, Value};

/// Go's JSON of a value.
fn json(value: &Value) -> String {
    match value {
        Value::Nil => "null".to_owned(),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e21 => {
            format!("{number:.0}")
        }
        Value::Float(number) if number.abs() >= 1e21 => {
            format!("{number:e}").replace('e', "e+")
        }
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

#[test]
fn temporary() {
    let jobs = std::fs::read_to_string("/tmp/chart/jobs.txt").expect("jobs");
    let mut out = String::new();
    for job in jobs.lines() {
        let mut parts = job.split('\t');
        let dir = parts.next().expect("dir");
        let mut files = Vec::new();
        for entry in walkdir::WalkDir::new(dir).follow_links(true) {
            let entry = entry.expect("entry");
            if entry.file_type().is_file() {
                let name = entry.path().strip_prefix(dir).expect("below").to_str().expect("utf8");
                files.push((name.to_owned(), std::fs::read(entry.path()).expect("bytes")));
            }
        }
        let sources: Vec<_> = parts
            .filter(|p| !p.is_empty())
            .map(|p| match p.split_once(' ').expect("flag") {
                ("set", t) => ValuesSource::Set(t.to_owned()),
                ("json", t) => ValuesSource::SetJson(t.to_owned()),
                (_, t) => ValuesSource::File {
                    name: t.to_owned(),
                    text: std::fs::read_to_string(t).expect("file"),
                },
            })
            .collect();
        let run = || -> Result<String, String> {
            let show = |e: &dyn std::error::Error| {
                let mut text = e.to_string();
                if let Some(s) = e.source() { text += &format!(": {s}"); }
                text
            };
            let files = ChartFiles::from_folder(files).map_err(|e| show(&e))?;
            let mut chart = Chart::load(&files).map_err(|e| show(&e))?;
            let values = merge_values(&sources).map_err(|e| show(&e))?;
            let values = prepare(&mut chart, &values).map_err(|e| show(&e))?;
            for w in &chart.warnings { eprintln!("{w}"); }
            let Value::Map(m) = &chart.metadata else { return Err("map".to_owned()) };
            let m: &Map = m;
            m.set("IsRoot", Value::Bool(true));
            if chart.yaml.annotations.is_none() { m.set("Annotations", Value::Nil); }
            Ok(format!("{}\t{}", json(&values), json(&chart.metadata)))
        };
        out += &run().unwrap_or_else(|e| format!("error: {}", e.replace('\n', " | ")));
        out += "\n";
    }
    std::fs::write("/tmp/chart/ours.txt", out).expect("write");
}
