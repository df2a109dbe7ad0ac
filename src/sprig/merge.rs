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
