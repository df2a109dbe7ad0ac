//! How the values of a chart, of its subcharts and of a person are put together.
//!
//! Two ways, as in Helm: *coalescing* takes a null for "forget the default", *merging* keeps nulls for a later round. The
//! work of one chart is counted, because a chart can make its values share and repeat each other.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::helm::{Chart, ChartError};
use crate::limits;
use crate::template::{Map, MapKind, Value};

/// Key of the values that all charts see.
const GLOBAL: &str = "global";
/// Deepest values at work: those of a file, inside the keys of subcharts, inside the path of an import.
const DEPTH_MAX: usize = 2 * limits::VALUES_DEPTH_MAX;

/// What becomes of nulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nulls {
    /// They take the default away.
    Delete,
    /// They stay.
    Keep,
}

/// Puts tables together, counts the work and collects warnings.
pub(super) struct Tables {
    left: Cell<u64>,
    warnings: RefCell<Vec<String>>,
}

impl Tables {
    pub(super) fn new() -> Self {
        Self { left: Cell::new(limits::VALUES_WORK_MAX), warnings: RefCell::default() }
    }

    /// What was odd, each text once.
    pub(super) fn into_warnings(self) -> Vec<String> {
        self.warnings.into_inner()
    }

    pub(super) fn warn(&self, text: String) {
        let mut warnings = self.warnings.borrow_mut();
        if warnings.len() < limits::PROBLEMS_MAX && !warnings.contains(&text) {
            warnings.push(text);
        }
    }

    /// A copy that shares no map.
    pub(super) fn copy(&self, map: &Map) -> Result<Rc<Map>, ChartError> {
        self.copy_at(map, 0)
    }

    /// Values for a chart and its subcharts, from what a person gave and what the charts have.
    pub(super) fn coalesce(
        &self,
        chart: &Chart,
        values: &Map,
        nulls: Nulls,
    ) -> Result<Rc<Map>, ChartError> {
        let values = self.copy(values)?;
        self.chart(chart, &values, "", nulls)?;
        Ok(values)
    }

    /// Adds to one table what it lacks of another; the first one's values count. Both may be changed and shared afterwards.
    pub(super) fn merge(&self, into: &Rc<Map>, from: &Rc<Map>) -> Result<(), ChartError> {
        self.tables(into, from, &Place { path: String::new(), depth: 0 }, Nulls::Keep)
    }

    fn spend(&self, work: usize) -> Result<(), ChartError> {
        let left = self.left.get().checked_sub(work as u64 + 1);
        self.left.set(left.ok_or(ChartError::ValuesLarge)?);
        Ok(())
    }

    fn copy_at(&self, map: &Map, depth: usize) -> Result<Rc<Map>, ChartError> {
        let entries = map.entries();
        self.spend(entries.len())?;
        let copied = entries
            .into_iter()
            .map(|(key, value)| Ok((key, self.copy_value(&value, depth + 1)?)))
            .collect::<Result<Vec<_>, ChartError>>()?;
        Ok(Rc::new(Map::of(MapKind::Any, copied)))
    }

    fn copy_value(&self, value: &Value, depth: usize) -> Result<Value, ChartError> {
        if depth > DEPTH_MAX {
            return Err(ChartError::ValuesLarge);
        }
        Ok(match value {
            Value::Map(map) => Value::Map(self.copy_at(map, depth)?),
            Value::List(list) => {
                self.spend(list.items.len())?;
                let items = list.items.iter().map(|item| self.copy_value(item, depth + 1));
                Value::list(items.collect::<Result<_, _>>()?)
            }
            other => other.clone(),
        })
    }

    fn chart(
        &self,
        chart: &Chart,
        values: &Rc<Map>,
        prefix: &str,
        nulls: Nulls,
    ) -> Result<(), ChartError> {
        let path = joined(prefix, &chart.name);
        self.defaults(chart, values, &path, nulls)?;
        for sub in &chart.dependencies {
            let inner = match values.get(&sub.name) {
                None => Rc::new(Map::of(MapKind::Any, [])),
                Some(Value::Map(inner)) => inner,
                Some(other) => {
                    let found = other.type_name();
                    return Err(ChartError::Values(format!(
                        "{path}: values for the chart {:?} must be a map, not {found}",
                        sub.name
                    )));
                }
            };
            values.set(sub.name.as_str(), Value::Map(Rc::clone(&inner)));
            self.globals(&inner, values, &path)?;
            self.chart(sub, &inner, &path, nulls)?;
        }
        Ok(())
    }

    /// Hands the globals of a chart on to a subchart. Nulls stay until the subchart's own turn.
    fn globals(&self, into: &Map, from: &Map, path: &str) -> Result<(), ChartError> {
        let table = |map: &Map, side: &str| match map.get(GLOBAL) {
            None => Some(Rc::new(Map::of(MapKind::Any, []))),
            Some(Value::Map(map)) => Some(map),
            Some(_) => {
                self.warn(format!(
                    "{path}: skipping globals because the {side} {GLOBAL} is not a table"
                ));
                None
            }
        };
        let Some(to) = table(into, "destination") else { return Ok(()) };
        let Some(from) = table(from, "source") else { return Ok(()) };
        self.spend(from.len())?;
        for (key, value) in from.entries() {
            match (&value, to.get(&key)) {
                (Value::Map(new), None) => {
                    to.set(key, Value::Map(Rc::new(new.shallow_copy())));
                }
                (Value::Map(new), Some(Value::Map(old))) => {
                    let new = Rc::new(new.shallow_copy());
                    let place = Place { path: joined(path, &key), depth: 0 };
                    self.tables(&new, &old, &place, Nulls::Keep)?;
                    to.set(key, Value::Map(new));
                }
                (Value::Map(_), Some(_)) => {
                    self.warn(format!("{path}: cannot merge map onto non-map for {key:?}"));
                }
                (_, Some(Value::Map(_))) => {
                    self.warn(format!("{path}: key {key} is a table in {GLOBAL}, skipping"));
                }
                _ => to.set(key, value),
            }
        }
        into.set(GLOBAL, Value::Map(to));
        Ok(())
    }

    /// Adds the chart's own values where there are none.
    fn defaults(
        &self,
        chart: &Chart,
        values: &Rc<Map>,
        path: &str,
        nulls: Nulls,
    ) -> Result<(), ChartError> {
        let Value::Map(defaults) = &chart.values else { return Ok(()) };
        for (key, default) in self.copy(defaults)?.entries() {
            match values.get(&key) {
                Some(Value::Nil) if nulls == Nulls::Delete => {
                    values.unset(&key);
                }
                Some(Value::Map(given)) => match &default {
                    Value::Map(default) => {
                        // Nulls for a subchart wait for the subchart's turn.
                        let is_chart = chart.dependencies.iter().any(|sub| *sub.name == *key);
                        let nulls = if is_chart { Nulls::Keep } else { nulls };
                        if nulls == Nulls::Delete {
                            without_nulls(default);
                        }
                        let place = Place { path: joined(path, &key), depth: 0 };
                        self.tables(&given, default, &place, nulls)?;
                    }
                    Value::Nil => {}
                    _ => self.warn(format!("skipped value for {path}.{key}: not a table")),
                },
                Some(_) => {}
                None if nulls == Nulls::Delete && default.is_nil() => {}
                None => {
                    if let (Nulls::Delete, Value::Map(default)) = (nulls, &default) {
                        without_nulls(default);
                    }
                    values.set(key, default);
                }
            }
        }
        Ok(())
    }

    fn tables(
        &self,
        into: &Rc<Map>,
        from: &Rc<Map>,
        place: &Place,
        nulls: Nulls,
    ) -> Result<(), ChartError> {
        if place.depth > DEPTH_MAX {
            return Err(ChartError::ValuesLarge);
        }
        self.spend(into.len() + from.len())?;
        let had: std::collections::BTreeSet<Rc<str>> =
            from.entries().into_iter().filter(|(_, v)| !v.is_nil()).map(|(key, _)| key).collect();
        for (key, value) in into.entries() {
            if value.is_nil() {
                from.set(key, Value::Nil);
            }
        }
        for (key, value) in from.entries() {
            match (into.get(&key), value) {
                // The person took a default away. A null that stands against none stays.
                (Some(Value::Nil), _) if nulls == Nulls::Delete && had.contains(&key) => {
                    into.unset(&key);
                }
                (None, value) => into.set(key, value),
                (Some(Value::Map(inner)), Value::Map(value)) => {
                    self.tables(&inner, &value, &place.below(&key), nulls)?;
                }
                (Some(_), Value::Map(_)) => {
                    let at = joined(&place.path, &key);
                    self.warn(format!("cannot overwrite table with non table for {at}"));
                }
                (Some(Value::Map(_)), value) if !value.is_nil() => {
                    let at = joined(&place.path, &key);
                    self.warn(format!("destination for {at} is a table, ignoring non-table value"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Where a table is.
struct Place {
    path: String,
    depth: usize,
}

impl Place {
    fn below(&self, key: &str) -> Self {
        Self { path: joined(&self.path, key), depth: self.depth + 1 }
    }
}

fn joined(a: &str, b: &str) -> String {
    if a.is_empty() { b.to_owned() } else { format!("{a}.{b}") }
}

/// Takes all nulls out of a table that was just copied, and is therefore no deeper than copies get.
fn without_nulls(map: &Map) {
    for (key, value) in map.entries() {
        match value {
            Value::Nil => {
                map.unset(&key);
            }
            Value::Map(inner) => without_nulls(&inner),
            _ => {}
        }
    }
}
