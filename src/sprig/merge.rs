//! `merge` and `mergeOverwrite`: dario.cat/mergo 1.0.1 on maps, and copies that share nothing.
//!
//! What mergo does, where it matters to charts:
//!
//! - The destination is changed in place. Two maps under one key are merged in place too; a map that the destination does not
//!   have yet is *shared* with the source, so a later `set` is seen through both.
//! - What is empty in the destination (nil, `""`, `0`, `false`, a list or map without elements) counts as not there.
//! - Nil in the source is passed over, except that `mergeOverwrite` writes it. Other empty values are written like any other.

use std::rc::Rc;

use crate::limits::RENDER_VALUE_DEPTH_MAX;
use crate::template::{Fault, Host, Kind, List, Map, MapKind, Value};

/// Why a merge stopped.
pub(super) enum Stop {
    /// An error of mergo, which `merge` swallows and `mustMerge` reports.
    Said(&'static str),
    /// What nobody swallows: a panic of Go's, or a bound.
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Merges one map into another.
pub(super) struct Merge<'a> {
    pub(super) host: &'a mut dyn Host,
    /// Whether the source wins.
    pub(super) overwrite: bool,
}

impl Merge<'_> {
    /// Merges a source into a destination, `depth` maps deep inside the first ones.
    pub(super) fn run(&mut self, to: &Rc<Map>, from: &Map, depth: usize) -> Result<(), Stop> {
        if depth > RENDER_VALUE_DEPTH_MAX {
            return Err(Fault::Bound("depth of nested values").into());
        }
        for key in from.keys() {
            self.host.spend(1)?;
            // Asked now, not before: the source may hang inside the destination.
            let Some(value) = from.get(&key) else { continue };
            if value.is_nil() {
                if self.overwrite {
                    put(to, &key, value, from.kind())?;
                }
                continue;
            }
            let old = to.get(&key);
            self.meet(to, old.as_ref(), &value, depth)?;
            // Only now: an empty map may have been filled.
            let kept = old.as_ref().is_some_and(|old| !is_empty(old));
            let both_maps = matches!((&old, &value), (Some(Value::Map(_)), Value::Map(_)));
            if !kept || (self.overwrite && !both_maps) {
                put(to, &key, value, from.kind())?;
            }
        }
        Ok(())
    }

    /// What happens between two values under one key before it is decided which of them stays.
    fn meet(
        &mut self,
        to: &Map,
        old: Option<&Value>,
        value: &Value,
        depth: usize,
    ) -> Result<(), Stop> {
        match (old, value) {
            (Some(Value::Map(old)), Value::Map(value)) => self.run(old, value, depth + 1),
            (Some(Value::Object(old)), _) if old.kind() == Kind::Ptr && !self.overwrite => {
                match value.kind() {
                    Kind::Map | Kind::Struct => Err(Stop::Said(DIFFERENT)),
                    _ => Ok(()),
                }
            }
            (Some(_), Value::List(_)) if to.kind() == MapKind::Texts => {
                Err(Fault::said("reflect: call of reflect.Value.IsNil on string Value").into())
            }
            (None, Value::List(list)) if to.kind() == MapKind::Texts => {
                let of = Value::List(Rc::clone(list)).type_name();
                Err(not_assignable(of).into())
            }
            _ => Ok(()),
        }
    }
}

const DIFFERENT: &str = "src and dst must be of same type";

/// Sets a key. A `map[string]string` takes nothing from a map of anything, as Go's reflection has it.
fn put(to: &Map, key: &Rc<str>, value: Value, from: MapKind) -> Result<(), Fault> {
    if to.kind() == MapKind::Texts && from != MapKind::Texts {
        return Err(not_assignable("interface {}"));
    }
    to.set(Rc::clone(key), value);
    Ok(())
}

fn not_assignable(of: &str) -> Fault {
    Fault::said(format!(
        "reflect.Value.SetMapIndex: value of type {of} is not assignable to type string"
    ))
}

/// Whether mergo takes a value for one that is not there.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            !matches!(object.kind(), Kind::Struct | Kind::Ptr) && !object.truth()
        }
        other => !other.truth(),
    }
}

/// A copy that shares no map and no list with the original (`copystructure.Copy`).
pub(super) fn deep_copy(host: &mut dyn Host, value: &Value, depth: usize) -> Result<Value, Fault> {
    if depth > RENDER_VALUE_DEPTH_MAX {
        return Err(Fault::Bound("depth of nested values"));
    }
    host.spend(1)?;
    match value {
        Value::List(list) => {
            let items = list.items.iter().map(|item| deep_copy(host, item, depth + 1));
            let items = items.collect::<Result<_, _>>()?;
            Ok(Value::List(Rc::new(List { of: list.of, items })))
        }
        Value::Map(map) => {
            let entries = map.entries().into_iter();
            let entries = entries
                .map(|(key, value)| Ok((key, deep_copy(host, &value, depth + 1)?)))
                .collect::<Result<Vec<_>, Fault>>()?;
            Ok(Value::Map(Rc::new(Map::of(map.kind(), entries))))
        }
        other => Ok(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use crate::sprig::double::{run, shown};
    use crate::template::{Map, MapKind, Value};

    fn of<const N: usize>(entries: [(&str, Value); N]) -> Value {
        Value::map(entries)
    }

    fn ints<const N: usize>(items: [i64; N]) -> Value {
        Value::list(items.map(Value::Int).to_vec())
    }

    fn x() -> Value {
        of([("x", Value::Int(1))])
    }

    /// What `merge` and `mergeOverwrite` make of one value under a key of both sides.
    fn both(to: &Value, from: &Value) -> (String, String) {
        let merged = |name: &str| {
            let sides = [to, from].map(|side| run("deepCopy", &[of([("a", side.clone())])]));
            let outcome = shown(name, &sides.map(|side| side.expect("copy")));
            let inner = outcome.strip_prefix(r#"{"a": "#).and_then(|text| text.strip_suffix('}'));
            inner.unwrap_or(&outcome).to_owned()
        };
        (merged("merge"), merged("mergeOverwrite"))
    }

    #[test]
    fn decides_between_two_values_as_mergo_does() {
        for (to, from, merge, overwrite) in [
            (Value::Int(0), Value::Int(1), "1", "1"),
            (Value::Int(1), Value::Int(0), "1", "0"),
            ("".into(), "x".into(), r#""x""#, r#""x""#),
            ("x".into(), "".into(), r#""x""#, r#""""#),
            (false.into(), true.into(), "true", "true"),
            (true.into(), false.into(), "true", "false"),
            (Value::Nil, Value::Int(4), "4", "4"),
            (Value::Int(4), Value::Nil, "4", "nil"),
            (ints([]), ints([1]), "[1]", "[1]"),
            (ints([1]), ints([]), "[1]", "[]"),
            (ints([1, 2]), ints([3]), "[1, 2]", "[3]"),
            (Value::Nil, ints([1]), "[1]", "[1]"),
            ("s".into(), ints([1]), r#""s""#, "[1]"),
            (of([]), x(), r#"{"x": 1}"#, r#"{"x": 1}"#),
            (x(), of([]), r#"{"x": 1}"#, r#"{"x": 1}"#),
            (Value::Nil, x(), r#"{"x": 1}"#, r#"{"x": 1}"#),
            (Value::Int(1), x(), "1", r#"{"x": 1}"#),
            (x(), Value::Int(1), r#"{"x": 1}"#, "1"),
            (ints([1]), x(), "[1]", r#"{"x": 1}"#),
            (x(), ints([1]), r#"{"x": 1}"#, "[1]"),
            (of([]), of([("n", Value::Nil)]), r#"{"n": nil}"#, r#"{"n": nil}"#),
        ] {
            let wanted = (merge.to_owned(), overwrite.to_owned());
            assert_eq!(both(&to, &from), wanted, "{to:?} {from:?}");
        }
    }

    #[test]
    fn passes_over_nil_that_is_new_unless_it_overwrites() {
        let sides = || [of([("a", Value::Int(1))]), of([("n", Value::Nil)])];
        assert_eq!(shown("merge", &sides()), r#"{"a": 1}"#);
        assert_eq!(shown("mergeOverwrite", &sides()), r#"{"a": 1, "n": nil}"#);
    }

    #[test]
    fn merges_many_and_deep() {
        let args = [
            of([("a", of([("b", of([("c", Value::Int(1))]))]))]),
            of([(
                "a",
                of([
                    ("b", of([("c", Value::Int(2)), ("d", Value::Int(3))])),
                    ("e", Value::Float(4.5)),
                ]),
            )]),
            of([("a", of([("e", Value::Int(5)), ("g", Value::Int(6))]))]),
        ];
        let wanted = r#"{"a": {"b": {"c": 1, "d": 3}, "e": 4.5, "g": 6}}"#;
        assert_eq!(shown("merge", &args), wanted);
    }

    fn set(map: &Value, key: &str) {
        run("set", &[map.clone(), key.into(), Value::Int(1)]).expect("set");
    }

    #[test]
    fn shares_new_maps_with_the_source_and_keeps_its_own() {
        let (own, common, new) = (of([]), of([("k", Value::Int(1))]), of([]));
        let to = of([("common", own.clone())]);
        let from = of([("common", common.clone()), ("new", new.clone())]);
        let merged = run("merge", &[to.clone(), from]).expect("merged");
        set(&own, "own");
        set(&common, "source");
        set(&new, "later");
        let wanted = r#"{"common": {"k": 1, "own": 1}, "new": {"later": 1}}"#;
        assert_eq!(format!("{to:?}"), wanted);
        assert_eq!(format!("{merged:?}"), wanted, "the destination itself is returned");
    }

    #[test]
    fn lets_an_empty_map_of_the_source_replace_an_empty_one() {
        let (own, other) = (of([]), of([]));
        let to = of([("a", own.clone())]);
        run("merge", &[to.clone(), of([("a", other.clone())])]).expect("merged");
        set(&own, "own");
        set(&other, "source");
        assert_eq!(format!("{to:?}"), r#"{"a": {"source": 1}}"#);
    }

    #[test]
    fn fails_where_go_fails() {
        let version = run("semver", &["1.2.3".into()]).expect("version");
        let sides = [of([("a", version.clone())]), of([("a", x())])];
        assert_eq!(shown("merge", &sides), "");
        assert_eq!(shown("mustMerge", &sides), "!src and dst must be of same type");
        assert_eq!(shown("mergeOverwrite", &sides), r#"{"a": {"x": 1}}"#);

        let texts = |key: &str| {
            let texts = Map::of(MapKind::Texts, [(key.into(), "v".into())]);
            of([("s", Value::Map(Rc::new(texts)))])
        };
        let not = "is not assignable to type string";
        for (key, value, words) in [
            ("_0", "q".into(), ""),
            ("_5", "q".into(), "reflect.Value.SetMapIndex: value of type interface {}"),
            ("_5", ints([1]), "reflect.Value.SetMapIndex: value of type []interface {}"),
            ("_0", ints([1]), "reflect: call of reflect.Value.IsNil on string Value"),
        ] {
            let outcome = shown("merge", &[texts("_0"), of([("s", of([(key, value)]))])]);
            assert!(words.is_empty() != outcome.starts_with('!'), "{outcome}");
            assert!(outcome.contains(words) && outcome.contains(not) == words.contains("SetMap"));
        }
        let merged = shown("merge", &[texts("_0"), texts("_2")]);
        assert_eq!(merged, r#"{"s": {"_0": "v", "_2": "v"}}"#);
    }
}
