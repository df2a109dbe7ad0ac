//! Which of a chart's dependencies take part, under which names, and what they hand up.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::artifact::{VersionRange, parse_version};
use crate::helm::tables::{Nulls, Tables};
use crate::helm::{Chart, ChartError, Dependency, metadata, schema};
use crate::limits;
use crate::template::{Map, MapKind, Value};

/// Makes a chart ready for rendering with some values, as Helm does before an install: dependencies are switched, renamed and
/// import from each other, values are put together and held against the schemas. Gives `.Values` of the outermost chart.
pub fn prepare(chart: &mut Chart, values: &Value) -> Result<Value, ChartError> {
    if chart.is_library() {
        return Err(ChartError::Library(chart.name.clone()));
    }
    let missing = chart.missing_dependencies();
    if !missing.is_empty() {
        return Err(ChartError::Missing(missing));
    }
    let empty = Rc::new(Map::of(MapKind::Any, []));
    let given = match values {
        Value::Map(map) => map,
        Value::Nil => &empty,
        other => {
            return Err(ChartError::Values(format!(
                "values must be a map, not {}",
                other.type_name()
            )));
        }
    };
    let tables = Tables::new();
    if chart.yaml.deprecated == Some(true) {
        tables.warn("this chart is deprecated".to_owned());
    }
    let mut room = limits::CHARTS_MAX;
    enable(chart, given, "", &tables, &mut room)?;
    import(chart, &tables)?;
    let whole = tables.coalesce(chart, given, Nulls::Delete)?;
    renew_metadata(chart);
    let mut warnings = tables.into_warnings();
    let problems = schema::check(chart, &whole, &mut warnings);
    chart.warnings.append(&mut warnings);
    if !problems.is_empty() {
        return Err(ChartError::Schema(problems));
    }
    Ok(Value::Map(Rc::new(Map::of(MapKind::Values, whole.entries()))))
}

fn renew_metadata(chart: &mut Chart) {
    chart.metadata = metadata::as_map(&chart.yaml);
    chart.dependencies.iter_mut().for_each(renew_metadata);
}

/// Whether a version is in a range. A range that is not given fits nothing, as in Helm.
fn fits(range: Option<&str>, version: &str) -> bool {
    let range = range.filter(|range| !range.trim().is_empty()).map(VersionRange::parse);
    let (Some(Ok(range)), Some(version)) = (range, parse_version(version)) else { return false };
    range.contains(&version)
}

fn meets(chart: &Chart, wanted: &Dependency) -> bool {
    chart.name == wanted.name && fits(wanted.version.as_deref(), &chart.yaml.version)
}

/// Takes the charts that `Chart.yaml` asks for under the names that it gives them, and leaves out those that tags or
/// conditions switch off.
fn enable(
    chart: &mut Chart,
    values: &Map,
    path: &str,
    tables: &Tables,
    room: &mut usize,
) -> Result<(), ChartError> {
    let Some(mut wanted) = chart.yaml.dependencies.clone() else { return Ok(()) };
    let held = std::mem::take(&mut chart.dependencies);
    // 1. What nobody asks for by name and version stays, ahead of the others.
    let unasked = held.iter().filter(|chart| !wanted.iter().any(|wanted| meets(chart, wanted)));
    let mut charts: Vec<Chart> = unasked.cloned().collect();
    // 2. The first chart that fits is taken, once for each entry.
    for wanted in &mut wanted {
        if let Some(found) = held.iter().find(|chart| meets(chart, wanted)) {
            *room = room.checked_sub(1 + weight(found)).ok_or(ChartError::Many)?;
            let mut found = found.clone();
            if let Some(alias) = &wanted.alias {
                found.name.clone_from(alias);
                found.yaml.name.clone_from(alias);
            }
            charts.push(found);
        }
        if let Some(alias) = &wanted.alias {
            wanted.name.clone_from(alias);
        }
        wanted.enabled = Some(true);
    }
    chart.dependencies = charts;
    // 3. Tags first, so that conditions have the last word.
    let all = tables.coalesce(chart, values, Nulls::Delete)?;
    by_tags(&mut wanted, &all, tables);
    by_conditions(&mut wanted, &all, path, tables);
    let off: BTreeSet<String> = wanted
        .iter()
        .filter(|wanted| wanted.enabled != Some(true))
        .map(|wanted| wanted.name.clone())
        .collect();
    chart.dependencies.retain(|chart| !off.contains(&chart.name));
    wanted.retain(|wanted| !off.contains(&wanted.name));
    for sub in &mut chart.dependencies {
        let below = format!("{path}{}.", sub.name);
        enable(sub, &all, &below, tables, room)?;
    }
    chart.yaml.dependencies = Some(wanted).filter(|wanted| !wanted.is_empty());
    Ok(())
}

/// How many charts are in a chart.
fn weight(chart: &Chart) -> usize {
    chart.dependencies.iter().map(|sub| 1 + weight(sub)).sum()
}

fn by_tags(wanted: &mut [Dependency], values: &Map, tables: &Tables) {
    let Some(Value::Map(tags)) = values.get("tags") else { return };
    for wanted in wanted {
        let (mut on, mut off) = (false, false);
        for tag in wanted.tags.iter().flatten() {
            match tags.get(tag) {
                Some(Value::Bool(true)) => on = true,
                Some(Value::Bool(false)) => off = true,
                None => {}
                Some(_) => {
                    tables.warn(format!("tag {tag:?} of chart {:?} is not a bool", wanted.name));
                }
            }
        }
        wanted.enabled = Some(on || !off);
    }
}

fn by_conditions(wanted: &mut [Dependency], values: &Map, path: &str, tables: &Tables) {
    for wanted in wanted {
        let conditions = wanted.condition.clone().unwrap_or_default();
        // The first condition that is there and is a bool decides.
        for condition in conditions.trim().split(',').filter(|condition| !condition.is_empty()) {
            match value_at(values, &format!("{path}{condition}")) {
                Some(Value::Bool(on)) => {
                    wanted.enabled = Some(on);
                    break;
                }
                None | Some(Value::Map(_)) => {}
                Some(_) => tables.warn(format!(
                    "condition {condition:?} of chart {:?} is not a bool",
                    wanted.name
                )),
            }
        }
    }
}

/// The value under a path with dots.
fn value_at(values: &Map, path: &str) -> Option<Value> {
    let mut keys = path.split('.');
    let mut value = values.get(keys.next()?)?;
    for key in keys {
        value = value.as_map()?.get(key)?;
    }
    Some(value)
}

/// Takes over values of subcharts, from the innermost charts outwards.
fn import(chart: &mut Chart, tables: &Tables) -> Result<(), ChartError> {
    for sub in &mut chart.dependencies {
        import(sub, tables)?;
    }
    let Some(mut wanted) = chart.yaml.dependencies.take() else { return Ok(()) };
    let all = tables.coalesce(chart, &Map::of(MapKind::Any, []), Nulls::Keep)?;
    let imported = Rc::new(Map::of(MapKind::Any, []));
    for wanted in &mut wanted {
        let Some(entries) = &wanted.import_values else { continue };
        let pairs: Vec<(String, String)> = entries.iter().filter_map(pair).collect();
        for (child, parent) in &pairs {
            let from = format!("{}.{child}", wanted.name);
            let Some(Value::Map(table)) = value_at(&all, &from) else {
                tables.warn(format!("import-values: there is no table {from}"));
                continue;
            };
            tables.merge(&imported, &at_path(parent, table)?)?;
        }
        let pairs = pairs.into_iter();
        let written =
            pairs.map(|(child, parent)| serde_json::json!({ "child": child, "parent": parent }));
        wanted.import_values = Some(written.collect());
    }
    // What is imported counts less than what the chart says itself.
    let values = tables.copy(&all)?;
    tables.merge(&values, &imported)?;
    chart.values = Value::Map(values);
    chart.yaml.dependencies = Some(wanted);
    Ok(())
}

/// What an entry of `import-values` takes from where, and puts where.
fn pair(entry: &serde_json::Value) -> Option<(String, String)> {
    match entry {
        serde_json::Value::String(name) => Some((format!("exports.{name}"), ".".to_owned())),
        serde_json::Value::Object(map) => {
            let part = |name: &str| map.get(name).and_then(|part| part.as_str()).map(str::to_owned);
            Some((part("child")?, part("parent")?))
        }
        _ => None,
    }
}

fn at_path(path: &str, table: Rc<Map>) -> Result<Rc<Map>, ChartError> {
    if path == "." {
        return Ok(table);
    }
    if path.split('.').count() > limits::VALUES_DEPTH_MAX {
        return Err(ChartError::ValuesLarge);
    }
    let wrap =
        |inner, key: &str| Rc::new(Map::of(MapKind::Any, [(Rc::from(key), Value::Map(inner))]));
    Ok(path.rsplit('.').fold(table, wrap))
}
