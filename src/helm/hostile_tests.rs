//! Charts that do damage, or that nobody meant to write: what becomes of them.

use crate::helm::{ChartFiles, RenderError, RenderSettings, Rendered, ValuesSource, render};

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";

fn chart(entries: &[(&str, &[u8])]) -> Result<Rendered, RenderError> {
    given(entries, Vec::new())
}

fn given(entries: &[(&str, &[u8])], values: Vec<ValuesSource>) -> Result<Rendered, RenderError> {
    let all = [("Chart.yaml", CHART.as_bytes())].into_iter().chain(entries.iter().copied());
    let all = all.map(|(name, bytes)| (name.to_owned(), bytes.to_vec()));
    let files = ChartFiles::from_entries(all).expect("sound names");
    render(&files, &RenderSettings { values, ..RenderSettings::default() })
}

/// The error and all its causes.
fn refused(entries: &[(&str, &[u8])]) -> String {
    let error = chart(entries).expect_err("refused");
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

fn template(text: &str) -> Result<Rendered, RenderError> {
    chart(&[("templates/a.yaml", text.as_bytes())])
}

#[test]
fn includes_in_a_circle_end_with_the_name_of_one() {
    let circle = r#"{{ define "a" }}{{ include "b" . }}{{ end }}{{ define "b" }}{{ include "a" . }}{{ end }}"#;
    let words = refused(&[
        ("templates/_h.tpl", circle.as_bytes()),
        ("templates/a.yaml", br#"x: {{ include "a" . }}"#),
    ]);
    assert!(words.contains("rendering template has a nested reference name: "), "{words}");
    assert!(words.contains("web/templates/_h.tpl:1:"), "{words}");
}

#[test]
fn of_keys_that_stand_twice_the_last_one_counts_and_a_person_is_told() {
    let file = ("templates/a.yaml", &b"a: {{ .Values.a }}, {{ .Values.b.c }}"[..]);
    let values = ("values.yaml", &b"a: 1\na: 2\nb: {c: 3, c: 4}\n"[..]);
    let rendered = chart(&[values, file]).expect("renders");
    assert!(rendered.documents[0].text.contains("a: 2, 4"), "{:?}", rendered.documents);
    let warnings = [
        "values.yaml:2: a stands twice; the last one counts",
        "values.yaml:3: c stands twice; the last one counts",
    ];
    assert_eq!(rendered.warnings, warnings);

    let text = "a: 5\na: 6\n".to_owned();
    let own = ValuesSource::File { name: "own.yaml".to_owned(), text };
    let rendered = given(&[values, file], vec![own]).expect("renders");
    assert!(rendered.documents[0].text.contains("a: 6, 4"), "{:?}", rendered.documents);
    assert_eq!(rendered.warnings[0], "own.yaml:2: a stands twice; the last one counts");
    assert_eq!(rendered.warnings[1..], warnings);
}

#[test]
fn keys_that_stand_twice_in_a_chart_inside_are_told_with_its_path() {
    let rendered = chart(&[
        ("charts/db/Chart.yaml", b"apiVersion: v2\nname: db\nversion: 1.0.0\n"),
        ("charts/db/values.yaml", b"a: 1\na: 2\n"),
    ]);
    let warnings = rendered.expect("renders").warnings;
    assert_eq!(warnings, ["charts/db/values.yaml:2: a stands twice; the last one counts"]);
}

#[test]
fn a_file_that_is_no_utf8_is_named() {
    for name in ["templates/bad.yaml", "values.yaml", "Chart.yaml"] {
        let words = refused(&[("values.yaml", b"a: 1\n"), (name, b"a: \xff\n")]);
        assert!(words.contains(&format!("{name}: not UTF-8 at byte 3")), "{words}");
    }
}

#[test]
fn values_that_hold_themselves_end() {
    for text in ["toYaml", "toJson", "toToml", "toString", "quote", "deepCopy", "print", "list"] {
        // What it is, error or text, matters less than that it is there.
        drop(template(&format!(
            r#"{{{{ $_ := set .Values "self" .Values }}}}{{{{ .Values | {text} | toString | len }}}}"#
        )));
    }
}

#[test]
fn what_prints_without_end_is_counted() {
    let list = "{{ $l := list 1 }}{{ range until 60 }}{{ $l = list $l $l }}{{ end }}";
    for text in [
        "{{ $l | toString | len }}",
        r#"{{ list $l $l $l | join "," | len }}"#,
        "{{ toStrings (list $l $l $l) | len }}",
        "{{ sortAlpha (list $l $l $l) | len }}",
        "{{ quote $l | len }}",
        "{{ squote $l | len }}",
        "{{ cat $l | len }}",
    ] {
        let error = template(&format!("{list}{text}")).expect_err("refused");
        let words = format!("{error:?}");
        assert!(words.contains("Bound") || words.contains("more than haversack"), "{words}");
    }
}

#[test]
fn a_schema_ends_whatever_it_refers_to() {
    let doubled: Vec<String> = (0..40)
        .map(|at| {
            let next = at + 1;
            format!(r##""d{at}": {{"allOf": [{{"$ref": "#/definitions/d{next}"}}, {{"$ref": "#/definitions/d{next}"}}]}}"##)
        })
        .collect();
    let doubled = format!(
        r##"{{"$ref": "#/definitions/d0", "definitions": {{{}, "d40": {{}}}}}}"##,
        doubled.join(", ")
    );
    for schema in [
        r##"{"$ref": "#"}"##,
        r##"{"allOf": [{"$ref": "#"}, {"$ref": "#"}]}"##,
        r##"{"additionalProperties": {"$ref": "#"}}"##,
        r#"{"additionalProperties": {"pattern": "^(a+)+$"}}"#,
        r#"{"patternProperties": {"((a{100}){100}){100}": false}}"#,
        &doubled,
    ] {
        let long = format!("a: {}!\nb: {{c: {{d: 1}}}}\n", "a".repeat(1000));
        drop(chart(&[("values.yaml", long.as_bytes()), ("values.schema.json", schema.as_bytes())]));
    }
}

#[test]
fn a_schema_of_many_patterns_ends() {
    let patterns: Vec<String> =
        (0..3000).map(|at| format!(r#""^k{at}[a-z]{{50}}$": {{}}"#)).collect();
    let schema = format!(r#"{{"patternProperties": {{{}}}}}"#, patterns.join(", "));
    let values: String = (0..20_000).map(|at| format!("k{at}: 1\n")).collect();
    drop(chart(&[("values.yaml", values.as_bytes()), ("values.schema.json", schema.as_bytes())]));
}
