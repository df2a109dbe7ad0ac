//! Functions on maps: `dict`, `get`, `set`, `merge`, `dig` and their kin.
//!
//! Maps have reference semantics: `set`, `unset` and `merge` change what everybody holds. Where Go takes the random order of
//! a map (`keys`, `values`), the order here is that of the keys, because a lock must be reproducible.

use std::rc::Rc;

use crate::sprig::merge::{Merge, Stop, deep_copy};
use crate::template::{Args, Fault, Function, Host, Map, MapKind, Value};

pub(super) const ALL: &[Function] = &[
    Function::variadic("dict", 0, dict),
    Function::fixed("get", 2, get),
    Function::fixed("set", 3, set),
    Function::fixed("unset", 2, unset),
    Function::fixed("hasKey", 2, has_key),
    Function::variadic("pluck", 1, pluck),
    Function::variadic("keys", 0, keys),
    Function::fixed("values", 1, values),
    Function::variadic("pick", 1, |host, args| choose(host, args, true)),
    Function::variadic("omit", 1, |host, args| choose(host, args, false)),
    Function::variadic("merge", 1, |host, args| swallow(merge(host, args, false))),
    Function::variadic("mergeOverwrite", 1, |host, args| swallow(merge(host, args, true))),
    Function::variadic("mustMerge", 1, |host, args| report(merge(host, args, false))),
    Function::variadic("mustMergeOverwrite", 1, |host, args| report(merge(host, args, true))),
    Function::fixed("deepCopy", 1, copy),
    Function::fixed("mustDeepCopy", 1, copy),
    Function::variadic("dig", 0, dig),
];

/// An argument of type `map[string]interface {}`.
///
/// Nil is `None`, Go's nil map: that is what a variable or a pipeline that holds nil becomes. A field that holds nil is an
/// error in Go; a function cannot tell the two apart, so the kinder one is taken.
fn map(args: Args<'_>, at: usize) -> Result<Option<&Rc<Map>>, Fault> {
    match args.any(at) {
        Value::Nil => Ok(None),
        Value::Map(map) if map.kind() == MapKind::Texts => Err(Fault::said(format!(
            "wrong type for value; expected {}; got {}",
            MapKind::Any.type_name(),
            MapKind::Texts.type_name()
        ))),
        _ => args.map(at).map(Some),
    }
}

/// A map again, or an empty one for Go's nil map, which looks the same.
fn again(map: Option<&Rc<Map>>) -> Value {
    map.map_or_else(|| Value::map::<&str>([]), |map| Value::Map(Rc::clone(map)))
}

fn dict(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    host.spend(args.len() as u64)?;
    let entries = args.0.chunks(2).map(|pair| match pair {
        [key, value] => (shown(key), value.clone()),
        [key, ..] => (shown(key), Value::text("")),
        [] => (String::new(), Value::Nil),
    });
    Ok(Value::map(entries))
}

fn get(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let key = args.text(1)?;
    Ok(map(args, 0)?.and_then(|map| map.get(&key)).unwrap_or_else(|| Value::text("")))
}

fn set(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    host.spend(1)?;
    let (map, key) = (map(args, 0)?, args.text(1)?);
    let Some(map) = map else { return Err(Fault::said("assignment to entry in nil map")) };
    map.set(key.as_ref(), args.any(2).clone());
    Ok(again(Some(map)))
}

fn unset(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (map, key) = (map(args, 0)?, args.text(1)?);
    if let Some(map) = map {
        map.unset(&key);
    }
    Ok(again(map))
}

fn has_key(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let key = args.text(1)?;
    Ok(Value::Bool(map(args, 0)?.is_some_and(|map| map.has(&key))))
}

fn pluck(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let key = args.text(0)?;
    host.spend(args.len() as u64)?;
    let mut found = Vec::new();
    for at in 1..args.len() {
        found.extend(map(args, at)?.and_then(|map| map.get(&key)));
    }
    Ok(Value::list(found))
}

fn keys(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let mut keys = Vec::new();
    for at in 0..args.len() {
        if let Some(map) = map(args, at)? {
            host.spend(map.len() as u64)?;
            keys.extend(map.keys());
        }
    }
    Ok(Value::texts(keys))
}

fn values(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let Some(map) = map(args, 0)? else { return Ok(Value::list(Vec::new())) };
    host.spend(map.len() as u64)?;
    Ok(Value::list(map.entries().into_iter().map(|(_, value)| value).collect()))
}

/// `pick` and `omit`: a new map of the entries that are named, or of those that are not.
fn choose(host: &mut dyn Host, args: Args<'_>, named: bool) -> Result<Value, Fault> {
    let map = map(args, 0)?;
    let mut names = std::collections::BTreeSet::new();
    for at in 1..args.len() {
        names.insert(args.text(at)?);
    }
    let Some(map) = map else { return Ok(again(None)) };
    host.spend((map.len() + args.len()) as u64)?;
    let entries = map.entries().into_iter().filter(|(key, _)| names.contains(&**key) == named);
    Ok(Value::map(entries))
}

fn merge(host: &mut dyn Host, args: Args<'_>, overwrite: bool) -> Result<Value, Stop> {
    let to = map(args, 0)?.map_or_else(|| Rc::new(Map::of(MapKind::Any, [])), Rc::clone);
    // Go looks at the types of all arguments before it calls.
    for at in 1..args.len() {
        map(args, at)?;
    }
    let mut merge = Merge { host, overwrite };
    for at in 1..args.len() {
        if let Some(from) = map(args, at)? {
            merge.run(&to, from, 0)?;
        }
    }
    Ok(Value::Map(to))
}

/// `merge` gives an empty text where mergo fails.
fn swallow(merged: Result<Value, Stop>) -> Result<Value, Fault> {
    match merged {
        Err(Stop::Said(_)) => Ok(Value::text("")),
        other => report(other),
    }
}

fn report(merged: Result<Value, Stop>) -> Result<Value, Fault> {
    merged.map_err(|stop| match stop {
        Stop::Said(words) => Fault::said(words),
        Stop::Fault(fault) => fault,
    })
}

fn copy(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    match args.any(0) {
        Value::Nil => Err(Fault::said("reflect: call of reflect.Value.Type on zero Value")),
        value => deep_copy(host, value, 0),
    }
}

/// `dig "a" "b" DEFAULT MAP`: the value at a path. A step on the way that is no map is an error, also `.Values` itself,
/// whose type is another one.
fn dig(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let [path @ .., default, from] = args.0 else { return Err(Fault::said(DIG_ARGUMENTS)) };
    if path.is_empty() {
        return Err(Fault::said(DIG_ARGUMENTS));
    }
    let mut found = from.clone();
    step(&found)?;
    let path: Vec<_> = path
        .iter()
        .map(|key| Args(std::slice::from_ref(key)).text(0).map_err(|_| no(key, "string")))
        .collect::<Result<_, _>>()?;
    for key in path {
        match step(&found)?.get(&key) {
            Some(value) => found = value,
            None => return Ok(default.clone()),
        }
    }
    Ok(found)
}

const DIG_ARGUMENTS: &str = "dig needs at least three arguments";

fn step(value: &Value) -> Result<&Rc<Map>, Fault> {
    match value {
        Value::Map(map) if map.kind() == MapKind::Any => Ok(map),
        other => Err(no(other, MapKind::Any.type_name())),
    }
}

/// Go's words for a type assertion that fails.
fn no(value: &Value, wanted: &str) -> Fault {
    let is = if value.is_nil() { "nil" } else { value.type_name() };
    Fault::said(format!("interface conversion: interface {{}} is {is}, not {wanted}"))
}

/// A key as `dict` writes it: a text as it is, anything else as `print` shows it.
fn shown(key: &Value) -> String {
    shown_at(key, 0)
}

/// Lists and maps make poor keys; they are shown down to a depth at which nobody would write one.
fn shown_at(key: &Value, depth: usize) -> String {
    let next = |value: &Value| shown_at(value, depth + 1);
    match key {
        Value::Nil => "<nil>".to_owned(),
        Value::Float(value) => float(*value),
        Value::Text(text) => text.to_string(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Object(object) => object.print(),
        Value::List(_) | Value::Map(_) if depth > KEY_DEPTH_MAX => "...".to_owned(),
        Value::List(list) => {
            format!("[{}]", list.items.iter().map(next).collect::<Vec<_>>().join(" "))
        }
        Value::Map(map) => {
            let entries = map.entries().into_iter();
            let entries: Vec<_> =
                entries.map(|(key, value)| format!("{key}:{}", next(&value))).collect();
            format!("map[{}]", entries.join(" "))
        }
        other => format!("{other:?}"),
    }
}

const KEY_DEPTH_MAX: usize = 3;

/// Go's `%v` of a float: an exponent below 1e-4 and from 1e+21 on.
fn float(value: f64) -> String {
    let short = format!("{value:e}");
    let Some((digits, power)) = short.split_once('e') else {
        return if value.is_nan() {
            "NaN".to_owned()
        } else {
            format!("{value:+}").replace("inf", "Inf")
        };
    };
    match power.parse::<i32>() {
        Ok(power) if !(-4..21).contains(&power) => {
            let sign = if power < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", power.abs())
        }
        _ => format!("{value}"),
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use crate::sprig::double::{run, shown};
    use crate::template::{Fault, Map, MapKind, Value};

    fn of<const N: usize>(entries: [(&str, Value); N]) -> Value {
        Value::map(entries)
    }

    fn one() -> Value {
        Value::Int(1)
    }

    #[test]
    fn makes_maps_of_anything() {
        let args = [
            one(),
            Value::Int(2),
            true.into(),
            Value::Int(3),
            Value::Float(1.5),
            Value::Int(4),
            Value::Nil,
            Value::Int(5),
            Value::list(vec![one(), "x".into()]),
            Value::Int(6),
            of([("a", one())]),
            Value::Int(7),
            Value::Float(1e20),
            Value::Int(8),
            Value::Float(1e21),
            Value::Int(9),
            Value::Float(0.00001),
            Value::Int(10),
            Value::Float(-0.5),
            Value::Int(11),
            "odd".into(),
        ];
        let wanted = [
            "-0.5",
            "1",
            "1.5",
            "100000000000000000000",
            "1e+21",
            "1e-05",
            "<nil>",
            "[1 x]",
            "map[a:1]",
            "odd",
            "true",
        ];
        let keys = run("keys", &[run("dict", &args).expect("dict")]).expect("keys");
        let keys: Vec<_> =
            keys.as_items().expect("list").iter().filter_map(Value::as_text).collect();
        assert_eq!(keys, wanted);
        assert_eq!(shown("dict", &["a".into()]), r#"{"a": ""}"#);
        assert_eq!(shown("dict", &["a".into(), one(), "a".into(), Value::Int(2)]), r#"{"a": 2}"#);
    }

    #[test]
    fn reads_and_changes_maps_in_place() {
        let map = of([("a", one()), ("b", Value::Int(2)), ("n", Value::Nil)]);
        assert_eq!(shown("get", &[map.clone(), "a".into()]), "1");
        assert_eq!(shown("get", &[map.clone(), "n".into()]), "nil");
        assert_eq!(shown("get", &[map.clone(), "x".into()]), "");
        assert_eq!(shown("hasKey", &[map.clone(), "n".into()]), "true");
        run("set", &[map.clone(), "c".into(), Value::Int(3)]).expect("set");
        run("unset", &[map.clone(), "n".into()]).expect("unset");
        assert_eq!(format!("{map:?}"), r#"{"a": 1, "b": 2, "c": 3}"#);
        let names = ["a".into(), "c".into(), "q".into()];
        let args = || [std::slice::from_ref(&map), &names].concat();
        assert_eq!(shown("pick", &args()), r#"{"a": 1, "c": 3}"#);
        assert_eq!(shown("omit", &args()), r#"{"b": 2}"#);
        assert_eq!(shown("values", std::slice::from_ref(&map)), "[1, 2, 3]");
        assert_eq!(shown("keys", &[map.clone(), map.clone()]).matches("\"a\"").count(), 2);
        assert_eq!(shown("pluck", &["a".into(), map.clone(), of([]), map]), "[1, 1]");
    }

    #[test]
    fn takes_nil_for_an_empty_map_that_cannot_be_set() {
        for (name, args, wanted) in [
            ("get", vec![Value::Nil, "a".into()], ""),
            ("hasKey", vec![Value::Nil, "a".into()], "false"),
            ("keys", vec![Value::Nil], "[]"),
            ("values", vec![Value::Nil], "[]"),
            ("pick", vec![Value::Nil, "a".into()], "{}"),
            ("omit", vec![Value::Nil, "a".into()], "{}"),
            ("unset", vec![Value::Nil, "a".into()], "{}"),
            ("merge", vec![Value::Nil, of([("a", one())])], r#"{"a": 1}"#),
            ("merge", vec![of([("a", one())]), Value::Nil], r#"{"a": 1}"#),
            ("set", vec![Value::Nil, "a".into(), one()], "!assignment to entry in nil map"),
        ] {
            assert_eq!(shown(name, &args), wanted, "{name}");
        }
    }

    #[test]
    fn refuses_maps_of_texts_and_what_is_no_map() {
        let texts = Value::Map(Rc::new(Map::of(MapKind::Texts, [("a".into(), "b".into())])));
        let wrong = "!wrong type for value; expected map[string]interface {}; got";
        let outcome = shown("hasKey", &[texts, "a".into()]);
        assert_eq!(outcome, format!("{wrong} map[string]string"));
        assert_eq!(shown("merge", &[of([]), "x".into()]), format!("{wrong} string"));
        let words = "!wrong type for value; expected string; got int";
        assert_eq!(shown("set", &[of([]), one(), one()]), words);
    }

    #[test]
    fn digs_as_sprig_does() {
        let map = of([("a", of([("b", one())])), ("n", Value::Nil), ("i", one())]);
        let dig = |path: &[&str]| {
            let path = path.iter().map(|key| Value::from(*key));
            shown("dig", &path.chain(["def".into(), map.clone()]).collect::<Vec<_>>())
        };
        let no = "!interface conversion: interface {} is";
        assert_eq!(dig(&["a", "b"]), "1");
        assert_eq!(dig(&["a", "c"]), "def");
        assert_eq!(dig(&["x", "y", "z"]), "def");
        assert_eq!(dig(&["n"]), "nil");
        assert_eq!(dig(&["n", "x"]), format!("{no} nil, not map[string]interface {{}}"));
        assert_eq!(dig(&["i", "x"]), format!("{no} int, not map[string]interface {{}}"));
        assert_eq!(dig(&[]), "!dig needs at least three arguments");
        assert_eq!(shown("dig", &[]), "!dig needs at least three arguments");
        let args = [one(), "d".into(), of([])];
        assert_eq!(shown("dig", &args), format!("{no} int, not string"));
        let values = Value::Map(Rc::new(Map::of(MapKind::Values, [])));
        let outcome = shown("dig", &["a".into(), "d".into(), values]);
        assert_eq!(outcome, format!("{no} common.Values, not map[string]interface {{}}"));
    }

    #[test]
    fn copies_deeply() {
        let inner = of([("y", one())]);
        let map = of([("x", inner.clone()), ("l", Value::list(vec![inner.clone(), Value::Nil]))]);
        let copy = run("deepCopy", &[map]).expect("copy");
        run("set", &[inner, "y".into(), Value::Int(2)]).expect("set");
        assert_eq!(format!("{copy:?}"), r#"{"l": [{"y": 1}, nil], "x": {"y": 1}}"#);
        let words = "!reflect: call of reflect.Value.Type on zero Value";
        assert_eq!(shown("mustDeepCopy", &[Value::Nil]), words);
    }

    #[test]
    fn ends_on_maps_that_hold_themselves() {
        let (map, other) = (of([]), of([]));
        for map in [&map, &other] {
            run("set", &[map.clone(), "self".into(), map.clone()]).expect("set");
        }
        let bound = |name: &str, args: &[Value]| matches!(run(name, args), Err(Fault::Bound(_)));
        assert!(bound("deepCopy", std::slice::from_ref(&map)));
        assert!(bound("merge", &[map.clone(), other.clone()]));
        assert!(bound("mustMergeOverwrite", &[map.clone(), other.clone()]));
        for map in [map, other] {
            run("unset", &[map, "self".into()]).expect("unset");
        }
    }
}
