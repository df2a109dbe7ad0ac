//! What templates print and how they fail, held against what Go does (`exec_facts.txt`).

use std::rc::Rc;

use crate::limits;
use crate::template::{
    Args, Demand, Demands, Element, Fault, Function, Functions, Host, Kind, List, Map, MapKind,
    Object, Output, PLACEHOLDER, Run, RunOptions, Templates, Value,
};

const LIBRARY: &str = r#"{{ define "hello" }}hello {{ .name }}{{ end }}
{{- define "loop" }}{{ include "loop" . }}{{ end }}
{{- define "deep" }}{{ if gt . 0 }}{{ include "deep" (plus . -1) }}{{ else }}{{ bad }}{{ end }}{{ end }}
{{- define "where" }}{{ include "local" . }}{{ end }}
{{- define "dollar" }}{{ $.name }}/{{ . | len }}{{ end }}
{{- define "nested" }}
  {{ .Values.name.x }}
{{ end }}"#;

const FUNCTIONS: &[Function] = &[
    Function::fixed("include", 2, |host, args| {
        host.include(&args.text(0)?, args.any(1)).map(Value::from)
    }),
    Function::fixed("tpl", 2, |host, args| host.tpl(&args.text(0)?, args.any(1)).map(Value::from)),
    Function::fixed("required", 2, |host, args| match args.any(1) {
        value if value.is_nil() || value.as_text() == Some("") => host.demand(&args.text(0)?),
        value => Ok(value.clone()),
    }),
    Function::fixed("fail", 1, |host, args| host.demand(&args.text(0)?)),
    Function::variadic("list", 0, |_, args| Ok(Value::list(args.0.to_vec()))),
    Function::fixed("upper", 1, |_, args| Ok(args.text(0)?.to_uppercase().into())),
    Function::fixed("plus", 2, |_, args| Ok(Value::Int(args.int(0)? + args.int(1)?))),
    Function::fixed("same", 1, |_, args| Ok(args.any(0).clone())),
    Function::fixed("size", 1, |_, args| {
        Ok(Value::Int(i64::try_from(args.map(0)?.len()).unwrap()))
    }),
    Function::fixed("bad", 0, |_, _| Err(Fault::said("bad luck"))),
    Function::fixed("chance", 0, |host, _| Ok(Value::text(host.random().to_string()))),
];

/// `.Files`, `.Caps`, `.Caps.KubeVersion` and `.Caps.APIVersions`.
#[derive(Debug)]
enum Thing {
    Files,
    Caps,
    Kube,
    Versions,
}

const FILES: [(&str, &str); 2] = [("a.txt", "A"), ("b.txt", "B")];
const VERSIONS: [&str; 2] = ["v1", "apps/v1"];

impl Object for Thing {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Files => "main.files",
            Self::Caps => "*main.caps",
            Self::Kube => "main.kube",
            Self::Versions => "main.versions",
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Files => Kind::Map,
            Self::Caps => Kind::Ptr,
            Self::Kube => Kind::Struct,
            Self::Versions => Kind::Slice,
        }
    }

    fn field(&self, name: &str) -> Option<Value> {
        match (self, name) {
            (Self::Caps, "KubeVersion") => Some(Value::Object(Rc::new(Self::Kube))),
            (Self::Caps, "APIVersions") => Some(Value::Object(Rc::new(Self::Versions))),
            (Self::Kube, "Major") => Some(Value::text("1")),
            _ => None,
        }
    }

    fn call(&self, _: &mut dyn Host, method: &str, args: &[Value]) -> Option<Result<Value, Fault>> {
        let args = Args(args);
        match (self, method) {
            (Self::Files, "Get") => Some(args.text(0).map(|name| {
                let file = FILES.iter().find(|file| file.0 == name);
                Value::text(file.map_or("", |file| file.1))
            })),
            (Self::Versions, "Has") => {
                Some(args.text(0).map(|name| Value::Bool(VERSIONS.contains(&&*name))))
            }
            (Self::Caps, "Fail") => {
                Some(args.text(0).and_then(|what| Err(Fault::said(format!("no {what}")))))
            }
            _ => None,
        }
    }

    fn print(&self) -> String {
        "thing".to_owned()
    }

    fn entries(&self) -> Option<Vec<(Value, Value)>> {
        match self {
            Self::Files => Some(FILES.map(|(name, text)| (name.into(), text.into())).to_vec()),
            Self::Versions => Some(
                VERSIONS
                    .iter()
                    .zip(0..)
                    .map(|(name, at)| (Value::Int(at), (*name).into()))
                    .collect(),
            ),
            _ => None,
        }
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

fn thing(thing: Thing) -> Value {
    Value::Object(Rc::new(thing))
}

fn map_of(kind: MapKind, entries: Vec<(&str, Value)>) -> Value {
    let entries = entries.into_iter().map(|(key, value)| (key.into(), value));
    Value::Map(Rc::new(Map::of(kind, entries)))
}

fn values() -> Value {
    let deep = Value::map([("x", Value::text("y"))]);
    let mixed =
        vec![Value::Float(1.0), Value::Nil, "x".into(), Value::map([("k", Value::text("v"))])];
    map_of(
        MapKind::Values,
        vec![
            ("name", "web".into()),
            ("count", Value::Float(3.0)),
            ("on", true.into()),
            ("off", false.into()),
            ("empty", "".into()),
            ("zero", Value::Float(0.0)),
            ("nothing", Value::Nil),
            ("list", Value::list(vec!["a".into(), "b".into(), "c".into()])),
            ("mixed", Value::list(mixed)),
            ("none", Value::list(Vec::new())),
            ("map", Value::map([("b", "2".into()), ("a", "1".into()), ("deep", deep)])),
            ("text", "{{ .Values.name }}".into()),
        ],
    )
}

fn top() -> Value {
    let ints = List { of: Element::Int, items: vec![Value::Int(7), Value::Int(8)] };
    Value::map([
        ("Values", values()),
        ("Texts", map_of(MapKind::Texts, vec![("k", "v".into())])),
        ("Words", Value::texts(["w1", "w2"])),
        ("Ints", Value::List(Rc::new(ints))),
        ("Int", Value::Int(3)),
        ("Int64", Value::Int64(4)),
        ("NaN", Value::Float(f64::NAN)),
        ("Files", thing(Thing::Files)),
        ("Caps", thing(Thing::Caps)),
    ])
}

fn execute(text: &str, run: &mut Run) -> Result<Output, String> {
    let mut templates = Templates::new(Functions::default().with(FUNCTIONS));
    templates.add("lib", LIBRARY).unwrap();
    templates.add("main", text).map_err(|error| error.to_string())?;
    templates.execute("main", &top(), run).map_err(|error| error.to_string())
}

fn render(text: &str) -> Result<String, String> {
    execute(text, &mut Run::new(RunOptions::default())).map(|output| output.text)
}

/// As in the thread that charts are rendered in.
fn on_a_large_stack(test: fn()) {
    let thread = std::thread::Builder::new().stack_size(limits::RENDER_STACK_BYTES);
    thread.spawn(test).unwrap().join().unwrap();
}

#[test]
fn templates_do_what_go_does() {
    let facts = include_str!("exec_facts.txt").lines().filter(|line| !line.starts_with('#'));
    let facts: Vec<_> = facts.filter(|line| !line.is_empty()).collect();
    let mut wrong = Vec::new();
    for fact in facts.chunks(2) {
        let [text, expected] = fact else { panic!("half a fact: {fact:?}") };
        let outcome = match render(&text.replace("\\n", "\n")) {
            Ok(text) => format!("= {}", text.replace('\n', "\\n")),
            Err(error) => format!("! {error}"),
        };
        if outcome != *expected {
            wrong.push(format!("{text}\n   go: {expected}\n  was: {outcome}"));
        }
    }
    assert!(facts.len() > 300, "the facts are not all there");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), facts.len() / 2, wrong.join("\n"));
}

#[test]
fn includes_of_one_name_nest_as_deep_as_helm_lets_them() {
    on_a_large_stack(|| {
        assert_eq!(render(r#"{{ define "d" }}{{ if gt . 1 }}{{ include "d" (plus . -1) }}{{ end }}x{{ end }}{{ include "d" 1001 | len }}"#).unwrap(), "1001");
        let error = render(r#"{{ include "loop" . }}"#).unwrap_err();
        let end = "error calling include: rendering template has a nested reference name: loop: \
                   unable to execute template";
        assert!(error.ends_with(end), "{error}");
        // One more than a thousand and one, as Helm counts, less what is cut of the chain.
        assert_eq!(error.matches("error calling include").count(), limits::RENDER_TRACE_MAX);
    });
}

#[test]
fn nothing_nests_or_runs_without_end() {
    on_a_large_stack(|| {
        for text in [
            r#"{{ define "t" }}{{ template "t" . }}{{ end }}{{ template "t" . }}"#,
            r#"{{ define "t" }}{{ if . }}{{ with . }}{{ range $a, $b := . }}{{ template "t" $ }}{{ end }}{{ end }}{{ end }}{{ end }}{{ template "t" . }}"#,
            r#"{{ define "t" }}{{ printf "%s" (print (print (print (print (tpl "{{ template \"t\" . }}" .))))) }}{{ end }}{{ template "t" . }}"#,
        ] {
            let error = render(text).unwrap_err();
            assert!(error.contains("more than haversack allows: depth"), "{error}");
        }
        let mut run = Run::new(RunOptions::default());
        run.spend(limits::RENDER_STEPS_MAX - 10_000).unwrap();
        let endless = execute("{{ range 9000000000000000000 }}{{ end }}", &mut run);
        let error = endless.map(|output| output.text).unwrap_err();
        assert!(error.contains("more than haversack allows: "), "{error}");
        let doubling =
            r#"{{ $x := "0123456789abcdef" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}"#;
        let error = render(doubling).unwrap_err();
        assert!(error.contains("more than haversack allows: "), "{error}");
    });
}

#[test]
fn a_value_may_nest_deeper_than_the_stack() {
    let text = "{{ $x := list }}{{ range 200000 }}{{ $x = list $x }}{{ end }}{{ len $x }}";
    assert_eq!(render(text).unwrap(), "1");
}

#[test]
fn every_byte_knows_the_line_that_wrote_it() {
    let text = "one\ntwo {{ .Values.nope }}{{ .Values.name }}\n{{ range .Values.list }}\n- {{ . }}\n{{- end }}\n\
                {{ .Values.nope }}x\n{{ print \"a\\nb\" }}\n{{ template \"nested2\" . }}\nlast\n\
                {{- define \"nested2\" }}n1\nn2{{ end }}";
    let output = execute(text, &mut Run::new(RunOptions::default())).unwrap();
    assert_eq!(output.text, "one\ntwo web\n\n- a\n- b\n- c\nx\na\nb\nn1\nn2\nlast");
    let line = |part: &str| output.line_of(output.text.find(part).unwrap());
    let places = [
        "one", "two", "web", "- a", "a\n- b", "- b", "- c", "x", "a\nb\nn", "b\nn", "n1", "n2",
        "last",
    ];
    assert_eq!(places.map(line), [1, 2, 2, 4, 4, 4, 4, 6, 7, 7, 8, 8, 9]);
    assert_eq!(output.line_of(usize::MAX), 9);
}

#[test]
fn demands_are_errors_or_noted() {
    let text = "\n{{ required \"set a\" .Values.a }} {{ .Values.b | required \"set b\" }} {{ fail \"no\" }}";
    assert!(render(text).unwrap_err().ends_with("error calling required: set a"));
    for demands in [Demands::Collect, Demands::Placeholders] {
        let mut run = Run::new(RunOptions { demands, ..RunOptions::default() });
        let output = execute(text, &mut run).unwrap();
        assert_eq!(output.text, format!("\n{PLACEHOLDER} {PLACEHOLDER} {PLACEHOLDER}"));
        let demand = |message: &str, at: &str| Demand {
            message: message.to_owned(),
            template: "main".to_owned(),
            line: 2,
            at: at.to_owned(),
        };
        let expected = [
            demand("set a", ".Values.a"),
            demand("set b", ".Values.b"),
            demand("no", "fail \"no\""),
        ];
        assert_eq!(run.demands(), expected);
    }
}

#[test]
fn a_demand_of_a_text_is_placed_where_the_text_is_used() {
    let text = "\n{{ tpl `\n\n{{ tpl \"{{ required \\\"it\\\" .b }}\" . }}` . }}";
    let mut run = Run::new(RunOptions { demands: Demands::Collect, ..RunOptions::default() });
    execute(text, &mut run).unwrap();
    let demand = &run.demands()[0];
    assert_eq!((demand.template.as_str(), demand.line, demand.at.as_str()), ("main", 2, ".b"));
}

#[test]
fn an_empty_redefinition_does_not_replace() {
    let mut templates = Templates::new(Functions::default());
    templates.add("a", "{{ define \"x\" }}first{{ end }}").unwrap();
    templates.add("b", "{{ define \"x\" }}  {{ end }}{{ template \"x\" }}").unwrap();
    let run = &mut Run::new(RunOptions::default());
    assert_eq!(templates.execute("b", &Value::Nil, run).unwrap().text, "first");
    assert!(templates.has("x") && !templates.has("y"));
    let error = templates.execute("y", &Value::Nil, run).map(|output| output.text).unwrap_err();
    let expected = "template: no template \"y\" associated with template \"gotpl\"";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn the_innermost_error_is_where_it_happened() {
    let mut templates = Templates::new(Functions::default().with(FUNCTIONS));
    templates.add("lib", LIBRARY).unwrap();
    templates.add("main", "\n{{ include \"nested\" . }}").unwrap();
    let mut run = Run::new(RunOptions::default());
    let error = templates.execute("main", &top(), &mut run).map(|output| output.text).unwrap_err();
    let inner = error.innermost();
    assert_eq!((error.template.as_str(), error.line), ("main", 2));
    assert_eq!(
        (inner.template.as_str(), inner.line, inner.executing.as_str()),
        ("lib", 7, "nested")
    );
}
