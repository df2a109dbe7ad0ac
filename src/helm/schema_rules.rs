//! The rules of JSON Schema for one value: its type, its limits, its parts. `schema` combines them.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use serde_json::{Map as JsonMap, Value as Json};

use crate::helm::schema::{Checker, Found, Step};
use crate::template::{Map, Value};

/// Most names or values that one problem lists.
const LISTED_MAX: usize = 50;

/// What rules have looked at, for `unevaluatedProperties` and `unevaluatedItems`.
#[derive(Default)]
pub(super) struct Seen {
    keys: BTreeSet<Rc<str>>,
    items: BTreeSet<usize>,
}

impl Seen {
    pub(super) fn add(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.items.extend(other.items);
    }
}

/// JSON's name of a value's type.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Nil => "null",
        Value::Bool(_) => "boolean",
        Value::Int(_) | Value::Int64(_) | Value::Float(_) => "number",
        Value::Text(_) | Value::Bytes(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) | Value::Object(_) => "object",
    }
}

fn number_of(value: &Value) -> Option<f64> {
    match value {
        #[allow(clippy::cast_precision_loss, reason = "schemas do not count beyond 2^53")]
        Value::Int(number) | Value::Int64(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// The rules after which nothing else is looked at.
pub(super) fn scalar_rules(checker: &Checker<'_>, step: &Step<'_>) -> Option<Found> {
    let (schema, value) = (step.schema, step.value);
    let fail = |text: String| Some(Found::new(step.at, text));
    let wanted: Vec<&str> = match schema.get("type") {
        Some(Json::String(name)) => vec![name],
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    let whole = number_of(value).is_some_and(|number| number.fract() == 0.0);
    let got = type_of(value);
    let fits = |name: &&str| *name == got || (*name == "integer" && whole);
    if !wanted.is_empty() && !wanted.iter().any(fits) {
        let all = ["null", "boolean", "number", "integer", "string", "array", "object"];
        let wanted: Vec<_> = all.into_iter().filter(|name| wanted.contains(name)).collect();
        return fail(format!("got {got}, want {}", wanted.join(" or ")));
    }
    let constant = schema.get("const").filter(|_| checker.draft >= 6);
    if let Some(constant) = constant.filter(|constant| !equal(checker, value, constant)) {
        return match constant {
            Json::Array(_) | Json::Object(_) => fail("'const' failed".to_owned()),
            simple => fail(format!("value must be {}", shown(simple))),
        };
    }
    let choices = schema.get("enum").and_then(Json::as_array);
    let missed = |choices: &&Vec<Json>| !choices.iter().any(|one| equal(checker, value, one));
    if let Some(choices) = choices.filter(missed) {
        let simple = !choices.iter().any(|choice| choice.is_array() || choice.is_object());
        let all: Vec<_> = choices.iter().take(LISTED_MAX).map(shown).collect();
        return match all.as_slice() {
            _ if !simple => fail("'enum' failed".to_owned()),
            [one] => fail(format!("value must be {one}")),
            all => fail(format!("value must be one of {}", all.join(", "))),
        };
    }
    let format = schema.get("format").and_then(Json::as_str).filter(|_| checker.draft < 2019)?;
    let text = value.as_text()?;
    let sound = match format {
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        _ => true,
    };
    if sound { None } else { fail(format!("{} is not valid {format}", quoted(text))) }
}

/// The rules for the parts of a value, for its length, and for numbers.
pub(super) fn inner_rules(checker: &Checker<'_>, step: &Step<'_>) -> (Vec<Found>, Seen) {
    let mut seen = Seen::default();
    let found = match step.value {
        Value::Map(map) => object_rules(checker, step, map, &mut seen),
        Value::List(list) => list_rules(checker, step, &list.items, &mut seen),
        Value::Text(text) => text_rules(checker, step, text),
        value => number_of(value).map(|number| number_rules(step, number)).unwrap_or_default(),
    };
    (found, seen)
}

fn object_rules(checker: &Checker<'_>, step: &Step<'_>, map: &Map, seen: &mut Seen) -> Vec<Found> {
    let mut found = bounds(step, map.len(), ["minProperties", "maxProperties"]);
    let missing = |names: &Json| -> Vec<String> {
        let names = names.as_array().map(Vec::as_slice).unwrap_or_default();
        checker.spend(names.len());
        let names = names.iter().filter_map(Json::as_str).filter(|name| !map.has(name));
        names.take(LISTED_MAX).map(quoted).collect()
    };
    match missing(step.schema.get("required").unwrap_or(&Json::Null)).as_slice() {
        [] => {}
        [one] => found.push(Found::new(step.at, format!("missing property {one}"))),
        all => {
            let text = format!("missing properties {}", all.join(", "));
            found.push(Found::new(step.at, text));
        }
    }
    for name in ["dependentRequired", "dependencies"] {
        let Some(Json::Object(needs)) = step.schema.get(name) else { continue };
        checker.spend(needs.len());
        for (key, names) in needs.iter().filter(|(key, names)| map.has(key) && names.is_array()) {
            let missing = missing(names);
            if !missing.is_empty() {
                let (missing, key) = (missing.join(", "), quoted(key));
                let text = format!("properties {missing} required, if {key} exists");
                found.push(Found::new(step.at, text));
            }
        }
    }
    let object = |name: &str| step.schema.get(name).and_then(Json::as_object);
    let (properties, patterns) = (object("properties"), object("patternProperties"));
    let additional = step.schema.get("additionalProperties");
    let mut unwanted = Vec::new();
    for (key, value) in map.entries() {
        let work = key.len() + patterns.map_or(0, JsonMap::len);
        if !checker.spend(work) {
            break;
        }
        let named = properties.and_then(|schemas| schemas.get(&*key)).into_iter();
        let matching = patterns.into_iter().flat_map(JsonMap::iter);
        let matching = matching.filter(|(pattern, _)| checker.matches(pattern, &key));
        let mut schemas: Vec<&Json> = named.chain(matching.map(|(_, schema)| schema)).collect();
        match additional {
            Some(Json::Bool(false)) if schemas.is_empty() => unwanted.push(key.clone()),
            Some(schema) if schemas.is_empty() => schemas.push(schema),
            _ => {}
        }
        if checker.tracks && !schemas.is_empty() {
            seen.keys.insert(Rc::clone(&key));
        }
        let parts = schemas.into_iter();
        found.extend(parts.filter_map(|schema| checker.part(step, schema, (&value, &key))));
        if let Some(names) = step.schema.get("propertyNames").filter(|_| checker.draft >= 6) {
            let failed = checker.name(step, names, &Value::Text(Rc::clone(&key)));
            if let Some(failed) = failed {
                let text = format!("invalid propertyName {}", quoted(&key));
                found.push(Found::because(step.at, text, vec![failed]));
            }
        }
    }
    if !unwanted.is_empty() {
        let names: Vec<_> = unwanted.iter().take(LISTED_MAX).map(|key| quoted(key)).collect();
        let text = format!("additional properties {} not allowed", names.join(", "));
        found.push(Found::new(step.at, text));
    }
    found
}

fn list_rules(
    checker: &Checker<'_>,
    step: &Step<'_>,
    items: &[Value],
    seen: &mut Seen,
) -> Vec<Found> {
    let mut found = bounds(step, items.len(), ["minItems", "maxItems"]);
    let unique = step.schema.get("uniqueItems") == Some(&Json::Bool(true));
    if let Some((a, b)) = Some(items).filter(|_| unique).and_then(|items| twins(checker, items)) {
        found.push(Found::new(step.at, format!("items at {a} and {b} are equal")));
    }
    let later = checker.draft >= 2020;
    let (first, rest) = if later { ("prefixItems", "items") } else { ("items", "additionalItems") };
    let (first, rest) = (step.schema.get(first), step.schema.get(rest));
    let (heads, rest): (&[Json], Option<&Json>) = match first {
        Some(Json::Array(heads)) => (heads, rest),
        Some(all) if !later => (&[], Some(all)),
        // Before 2020, `additionalItems` means nothing without a list of `items`.
        _ => (&[], rest.filter(|_| later)),
    };
    if let (false, Some(Json::Bool(false))) = (later, rest) {
        let count = items.len().saturating_sub(heads.len());
        if count > 0 && !heads.is_empty() {
            let text = format!("last {count} additionalItem(s) not allowed");
            found.push(Found::new(step.at, text));
        }
    }
    for (at, item) in items.iter().enumerate() {
        let Some(schema) = heads.get(at).or(rest) else { break };
        if checker.tracks {
            seen.items.insert(at);
        }
        let told = !later && !heads.is_empty() && at >= heads.len() && schema.is_boolean();
        if !told {
            found.extend(checker.part(step, schema, (item, &at.to_string())));
        }
    }
    if let Some(schema) = step.schema.get("contains").filter(|_| checker.draft >= 6) {
        found.extend(contains(checker, step, (items, schema), seen));
    }
    found
}

fn contains(
    checker: &Checker<'_>,
    step: &Step<'_>,
    (items, schema): (&[Value], &Json),
    seen: &mut Seen,
) -> Vec<Found> {
    let (mut failed, mut count) = (Vec::new(), 0);
    for (at, item) in items.iter().enumerate() {
        if let Some(found) = checker.part(step, schema, (item, &at.to_string())) {
            failed.push(found);
            continue;
        }
        count += 1;
        if checker.draft >= 2020 && checker.tracks {
            seen.items.insert(at);
        }
    }
    let limit =
        |name| step.schema.get(name).and_then(Json::as_u64).filter(|_| checker.draft >= 2019);
    let mut found = Vec::new();
    match limit("minContains") {
        None if count == 0 => {
            found.push(Found::because(step.at, "no items match contains schema", failed));
        }
        Some(least) if count < least => {
            let text =
                format!("min {least} items required to match contains schema, but {count} did");
            found.push(Found::because(step.at, text, failed));
        }
        _ => {}
    }
    if let Some(most) = limit("maxContains").filter(|most| count > *most) {
        let text = format!("max {most} items required to match contains schema, but {count} did");
        found.push(Found::new(step.at, text));
    }
    found
}

fn text_rules(checker: &Checker<'_>, step: &Step<'_>, text: &str) -> Vec<Found> {
    checker.spend(text.len());
    let mut found = bounds(step, text.chars().count(), ["minLength", "maxLength"]);
    let pattern = step.schema.get("pattern").and_then(Json::as_str);
    if let Some(pattern) = pattern.filter(|pattern| !checker.matches(pattern, text)) {
        let (text, pattern) = (quoted(text), quoted(pattern));
        found.push(Found::new(step.at, format!("{text} does not match pattern {pattern}")));
    }
    found
}

fn number_rules(step: &Step<'_>, got: f64) -> Vec<Found> {
    let mut found = Vec::new();
    let limit = |name: &str| step.schema.get(name).and_then(Json::as_f64);
    // In draft 4 the exclusive limits are flags beside the others.
    let flagged = |name: &str| step.schema.get(name) == Some(&Json::Bool(true));
    let mut rule = |name: &str, wanted: Option<f64>, fits: fn(f64, f64) -> bool| {
        if let Some(wanted) = wanted.filter(|wanted| !fits(got, *wanted)) {
            found.push(Found::new(step.at, format!("{name}: got {got}, want {wanted}")));
        }
    };
    if flagged("exclusiveMinimum") {
        rule("exclusiveMinimum", limit("minimum"), |got, wanted| got > wanted);
    } else {
        rule("minimum", limit("minimum"), |got, wanted| got >= wanted);
        rule("exclusiveMinimum", limit("exclusiveMinimum"), |got, wanted| got > wanted);
    }
    if flagged("exclusiveMaximum") {
        rule("exclusiveMaximum", limit("maximum"), |got, wanted| got < wanted);
    } else {
        rule("maximum", limit("maximum"), |got, wanted| got <= wanted);
        rule("exclusiveMaximum", limit("exclusiveMaximum"), |got, wanted| got < wanted);
    }
    rule("multipleOf", limit("multipleOf").filter(|of| *of != 0.0), |got, of| {
        let times = got / of;
        // Decimals such as 0.1 are no exact floats: a hair's breadth is allowed.
        (times - times.round()).abs() <= times.abs() * f64::EPSILON
    });
    found
}

/// What nothing has looked at.
pub(super) fn unevaluated(checker: &Checker<'_>, step: &Step<'_>, seen: &mut Seen) -> Vec<Found> {
    let mut found = Vec::new();
    match (step.value, step.schema.get("unevaluatedProperties")) {
        (Value::Map(map), Some(schema)) => {
            for (key, value) in map.entries() {
                if !seen.keys.contains(&key) {
                    found.extend(checker.part(step, schema, (&value, &key)));
                }
                seen.keys.insert(key);
            }
        }
        (Value::List(list), _) => {
            let Some(schema) = step.schema.get("unevaluatedItems") else { return found };
            for (at, item) in list.items.iter().enumerate() {
                if seen.items.insert(at) {
                    found.extend(checker.part(step, schema, (item, &at.to_string())));
                }
            }
        }
        _ => {}
    }
    found
}

/// A least and a most count.
fn bounds(step: &Step<'_>, got: usize, [least, most]: [&str; 2]) -> Vec<Found> {
    let limit = |name: &str| step.schema.get(name).and_then(Json::as_f64);
    #[allow(clippy::cast_precision_loss, reason = "lengths are bounded far below 2^53")]
    let count = got as f64;
    let low = limit(least).filter(|want| count < *want).map(|want| (least, want));
    let high = limit(most).filter(|want| count > *want).map(|want| (most, want));
    let text = |(name, want): (&str, f64)| format!("{name}: got {got}, want {want}");
    [low, high].into_iter().flatten().map(|rule| Found::new(step.at, text(rule))).collect()
}

/// The first two equal items.
fn twins(checker: &Checker<'_>, items: &[Value]) -> Option<(usize, usize)> {
    for (at, item) in items.iter().enumerate() {
        let json = to_json(checker, item);
        for (earlier, other) in items.iter().enumerate().take(at) {
            if !checker.spend(1) {
                return None;
            }
            if equal(checker, other, &json) {
                return Some((earlier, at));
            }
        }
    }
    None
}

fn equal(checker: &Checker<'_>, value: &Value, json: &Json) -> bool {
    if !checker.spend(1) {
        return false;
    }
    match (value, json) {
        (Value::Nil, Json::Null) => true,
        (Value::Bool(a), Json::Bool(b)) => a == b,
        (Value::Text(a), Json::String(b)) => **a == **b,
        (Value::List(a), Json::Array(b)) => {
            a.items.len() == b.len() && a.items.iter().zip(b).all(|(a, b)| equal(checker, a, b))
        }
        (Value::Map(a), Json::Object(b)) => {
            let same = |(key, value): (Rc<str>, Value)| {
                b.get(&*key).is_some_and(|json| equal(checker, &value, json))
            };
            a.len() == b.len() && a.entries().into_iter().all(same)
        }
        (value, Json::Number(b)) => number_of(value).is_some_and(|a| Some(a) == b.as_f64()),
        _ => false,
    }
}

fn to_json(checker: &Checker<'_>, value: &Value) -> Json {
    checker.spend(1);
    match value {
        Value::Bool(value) => Json::Bool(*value),
        Value::Text(text) => Json::from(&**text),
        Value::List(list) => list.items.iter().map(|item| to_json(checker, item)).collect(),
        Value::Map(map) => {
            let entry =
                |(key, value): (Rc<str>, Value)| (key.to_string(), to_json(checker, &value));
            Json::Object(map.entries().into_iter().map(entry).collect())
        }
        other => number_of(other).map_or(Json::Null, Json::from),
    }
}

fn shown(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), quoted)
}

/// A text between single quotes.
fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(200).collect();
    let escaped = format!("{shown:?}").replace("\\\"", "\"").replace('\'', "\\'");
    format!("'{}'", escaped.get(1..escaped.len().saturating_sub(1)).unwrap_or_default())
}
