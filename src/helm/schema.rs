//! `values.schema.json`: JSON Schema, drafts 4 to 2020-12, as Helm holds values against it.
//!
//! Written here and not taken from a crate, because the work must be bounded: in a schema of thirty lines each definition can
//! refer to the next one twice, and the crates on offer then work for hours. Every step is counted, nothing is fetched: a
//! reference to another document allows everything and is reported. `schema_rules` has the rules for single values. Of
//! `format`, only addresses are looked at.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use regex::Regex;
use serde_json::Value as Json;
use url::Url;

use crate::helm::Chart;
use crate::helm::schema_rules::{self as rules, Seen};
use crate::limits;
use crate::template::{Map, Value};

/// One thing that a schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaProblem {
    /// Name of the chart whose schema it is.
    pub chart: String,
    /// JSON pointer to the value.
    pub at: String,
    /// What is wrong with it, in Helm's words.
    pub text: String,
    /// Zero, or more for what explains the problem before it.
    pub depth: usize,
}

impl fmt::Display for SchemaProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.depth == 0 {
            return write!(f, "{}: at '{}': {}", self.chart, self.at, self.text);
        }
        write!(f, "{}- at '{}': {}", "  ".repeat(self.depth), self.at, self.text)
    }
}

/// Holds values against the schemas of a chart and of its subcharts. Gives all problems.
pub(super) fn check(
    chart: &Chart,
    values: &Rc<Map>,
    warnings: &mut Vec<String>,
) -> Vec<SchemaProblem> {
    let left = Cell::new(limits::SCHEMA_WORK_MAX);
    let mut problems = Vec::new();
    check_all(chart, &Value::Map(Rc::clone(values)), &left, (&mut problems, warnings));
    problems.truncate(limits::SCHEMA_PROBLEMS_MAX);
    problems
}

fn check_all(
    chart: &Chart,
    values: &Value,
    left: &Cell<u64>,
    (problems, warnings): (&mut Vec<SchemaProblem>, &mut Vec<String>),
) {
    let found = match (&chart.schema, values) {
        (_, Value::Map(_)) => match &chart.schema {
            Some(schema) => check_one(&chart.name, schema, (values, left), warnings),
            None => Vec::new(),
        },
        (_, Value::Nil) => return,
        (_, other) => vec![Found::new("", format!("got {}, want object", rules::type_of(other)))],
    };
    found.iter().for_each(|found| found.list(&chart.name, 0, problems));
    for sub in &chart.dependencies {
        let values = values.as_map().and_then(|map| map.get(&sub.name)).unwrap_or(Value::Nil);
        check_all(sub, &values, left, (problems, warnings));
    }
}

fn check_one(
    chart: &str,
    schema: &[u8],
    (values, left): (&Value, &Cell<u64>),
    warnings: &mut Vec<String>,
) -> Vec<Found> {
    let schema: Json = match serde_json::from_slice(schema.trim_ascii()) {
        Ok(schema) => schema,
        Err(error) => return vec![Found::new("", format!("values.schema.json: {error}"))],
    };
    let checker = Checker::new(&schema, left);
    let trail = Trail { schema: &schema, above: None };
    let step = Step { schema: &schema, scope: &schema, value: values, at: "", depth: 0 };
    let mut found = checker.run(&step, &trail).0;
    if left.get() == 0 {
        found = vec![Found::new("", "the schema asks for more work than haversack does")];
    }
    // A single group of problems says nothing by itself.
    if let [Found { kind: FoundKind::Group, inner, .. }] = found.as_mut_slice() {
        found = std::mem::take(inner);
    }
    for warning in checker.warnings.into_inner() {
        warnings.push(format!("{chart}: values.schema.json: {warning}"));
    }
    found
}

/// A problem and what explains it.
#[derive(Debug)]
pub(super) struct Found {
    at: String,
    text: String,
    inner: Vec<Found>,
    kind: FoundKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FoundKind {
    /// A problem of its own.
    Itself,
    /// Several problems of one value.
    Group,
    /// Says only that what was referred to failed: not listed when one problem explains it.
    Reference,
}

impl Found {
    pub(super) fn new(at: &str, text: impl Into<String>) -> Self {
        Self { at: at.to_owned(), text: text.into(), inner: Vec::new(), kind: FoundKind::Itself }
    }

    pub(super) fn because(at: &str, text: impl Into<String>, inner: Vec<Self>) -> Self {
        Self { inner, ..Self::new(at, text) }
    }

    /// Several problems of one value as one.
    pub(super) fn group(at: &str, mut inner: Vec<Self>) -> Option<Self> {
        if inner.len() < 2 {
            return inner.pop();
        }
        Some(Self { kind: FoundKind::Group, ..Self::because(at, FAILED, inner) })
    }

    fn list(&self, chart: &str, depth: usize, into: &mut Vec<SchemaProblem>) {
        if into.len() > limits::SCHEMA_PROBLEMS_MAX {
            return;
        }
        let skipped = self.kind == FoundKind::Reference && self.inner.len() == 1;
        if !skipped {
            let (chart, at, text) = (chart.to_owned(), self.at.clone(), self.text.clone());
            into.push(SchemaProblem { chart, at, text, depth });
        }
        let depth = if skipped { depth } else { depth + 1 };
        self.inner.iter().for_each(|found| found.list(chart, depth, into));
    }
}

const FAILED: &str = "validation failed";

/// One value against one schema.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) schema: &'a Json,
    /// The schema document that references start from: the whole, or the nearest one with an id.
    scope: &'a Json,
    pub(super) value: &'a Value,
    pub(super) at: &'a str,
    depth: usize,
}

/// The schemas that led here with the same value.
struct Trail<'a> {
    schema: &'a Json,
    above: Option<&'a Trail<'a>>,
}

/// What all steps of one schema share.
pub(super) struct Checker<'a> {
    /// 4, 6, 7, 2019 or 2020.
    pub(super) draft: u32,
    /// Whether anything asks for what was evaluated before.
    pub(super) tracks: bool,
    root: &'a Json,
    ids: HashMap<String, &'a Json>,
    left: &'a Cell<u64>,
    patterns: RefCell<HashMap<String, Option<Rc<Regex>>>>,
    warnings: RefCell<Vec<String>>,
}

impl<'a> Checker<'a> {
    fn new(root: &'a Json, left: &'a Cell<u64>) -> Self {
        let named = root.get("$schema").and_then(Json::as_str).unwrap_or_default();
        let draft = [("draft-04", 4), ("draft-06", 6), ("draft-07", 7), ("2019-09", 2019)];
        let draft = draft.iter().find(|(name, _)| named.contains(name)).map_or(2020, |(_, n)| *n);
        let mut checker = Self {
            draft,
            tracks: false,
            root,
            ids: HashMap::new(),
            left,
            patterns: RefCell::default(),
            warnings: RefCell::default(),
        };
        checker.index(root, &Url::parse("file:///values.schema.json").ok());
        if !named.is_empty() && !named.contains("json-schema.org/") {
            checker.warn(format!("{named} is not fetched; read as draft 2020-12"));
        }
        checker
    }

    /// Finds the schemas that have names. The depth is bounded by the JSON reader.
    fn index(&mut self, schema: &'a Json, base: &Option<Url>) {
        match schema {
            Json::Array(items) => items.iter().for_each(|item| self.index(item, base)),
            Json::Object(map) => {
                let id = map.get(if self.draft == 4 { "id" } else { "$id" }).and_then(Json::as_str);
                let inner = id.and_then(|id| absolute(base, id)).or_else(|| base.clone());
                if let (Some(_), Some(url)) = (id, &inner) {
                    self.ids.insert(url.as_str().trim_end_matches('#').to_owned(), schema);
                }
                for name in ["$anchor", "$dynamicAnchor"] {
                    let anchor = map.get(name).and_then(Json::as_str);
                    if let Some(url) = anchor.and_then(|name| absolute(&inner, &format!("#{name}")))
                    {
                        self.ids.insert(url.into(), schema);
                    }
                }
                for (key, value) in map {
                    self.tracks |= key.starts_with("unevaluated");
                    self.index(value, &inner);
                }
            }
            _ => {}
        }
    }

    pub(super) fn warn(&self, text: String) {
        let mut warnings = self.warnings.borrow_mut();
        if warnings.len() < limits::PROBLEMS_MAX && !warnings.contains(&text) {
            warnings.push(text);
        }
    }

    /// Counts work; `false` when there is none left.
    pub(super) fn spend(&self, work: usize) -> bool {
        let left = self.left.get().checked_sub(work as u64 + 1);
        self.left.set(left.unwrap_or_default());
        left.is_some()
    }

    /// Whether a text matches a pattern; `true` for patterns that cannot be read.
    pub(super) fn matches(&self, pattern: &str, text: &str) -> bool {
        self.spend(text.len());
        if let Some(known) = self.patterns.borrow().get(pattern) {
            return known.as_ref().is_none_or(|known| known.is_match(text));
        }
        if !self.spend(1000 + pattern.len()) {
            return true;
        }
        let mut builder = regex::RegexBuilder::new(pattern);
        let compiled =
            builder.size_limit(limits::SCHEMA_PATTERN_BYTES_MAX).build().ok().map(Rc::new);
        if compiled.is_none() {
            self.warn(format!("pattern {pattern:?} cannot be read and is not asked"));
        }
        let answer = compiled.as_ref().is_none_or(|known| known.is_match(text));
        self.patterns.borrow_mut().insert(pattern.to_owned(), compiled);
        answer
    }

    /// Holds the same value against another schema.
    fn same(&self, step: &Step<'_>, schema: &Json, trail: &Trail<'_>) -> (Vec<Found>, Seen) {
        let scope = if schema.get("$id").is_some() { schema } else { step.scope };
        let next = Step { schema, scope, depth: step.depth + 1, ..*step };
        self.run(&next, &Trail { schema, above: Some(trail) })
    }

    /// Holds the name of a part against a schema.
    pub(super) fn name(&self, step: &Step<'_>, schema: &Json, name: &Value) -> Option<Found> {
        let next = Step { schema, value: name, at: "", depth: step.depth + 1, ..*step };
        Found::group("", self.run(&next, &Trail { schema, above: None }).0)
    }

    /// Holds a part of the value against a schema.
    pub(super) fn part(
        &self,
        step: &Step<'_>,
        schema: &Json,
        (value, key): (&Value, &str),
    ) -> Option<Found> {
        let at = format!("{}/{}", step.at, key.replace('~', "~0").replace('/', "~1"));
        let scope = if schema.get("$id").is_some() { schema } else { step.scope };
        let next = Step { schema, scope, value, at: &at, depth: step.depth + 1 };
        Found::group(&at, self.run(&next, &Trail { schema, above: None }).0)
    }

    fn run(&self, step: &Step<'_>, trail: &Trail<'_>) -> (Vec<Found>, Seen) {
        let one = |text: &str| (vec![Found::new(step.at, text)], Seen::default());
        if !self.spend(step.at.len() / 64) {
            return (Vec::new(), Seen::default());
        }
        if step.depth > limits::SCHEMA_DEPTH_MAX {
            return one("the schema nests too deeply");
        }
        let map = match step.schema {
            Json::Bool(false) => return one("false schema"),
            Json::Object(map) => map,
            _ => return (Vec::new(), Seen::default()),
        };
        let mut above = trail.above;
        while let Some(earlier) = above {
            if std::ptr::eq(earlier.schema, step.schema) {
                return one("the schema refers to itself without end");
            }
            above = earlier.above;
        }
        let reference = map.get("$ref").and_then(Json::as_str);
        if let Some(reference) = reference.filter(|_| self.draft < 2019) {
            return self.follow(step, reference, trail);
        }
        if let Some(found) = rules::scalar_rules(self, step) {
            return (vec![found], Seen::default());
        }
        let (mut found, mut seen) = rules::inner_rules(self, step);
        let names = ["$ref", "$dynamicRef", "$recursiveRef"].into_iter();
        for reference in names.filter_map(|name| map.get(name)).filter_map(Json::as_str) {
            let (more, also) = self.follow(step, reference, trail);
            found.extend(more);
            seen.add(also);
        }
        self.combined(step, trail, (&mut found, &mut seen));
        if self.tracks {
            found.extend(rules::unevaluated(self, step, &mut seen));
        }
        (found, seen)
    }

    /// The rules that hold the same value against further schemas.
    fn combined(
        &self,
        step: &Step<'_>,
        trail: &Trail<'_>,
        (found, seen): (&mut Vec<Found>, &mut Seen),
    ) {
        let several = |name: &str| step.schema.get(name).and_then(Json::as_array);
        let single = |name: &str| step.schema.get(name);
        let run = |schema| self.same(step, schema, trail);
        if single("not").is_some_and(|schema| run(schema).0.is_empty()) {
            found.push(Found::new(step.at, "'not' failed"));
        }
        if let Some(schemas) = several("allOf") {
            let mut failed = Vec::new();
            for schema in schemas {
                let (more, also) = run(schema);
                if more.is_empty() {
                    seen.add(also);
                }
                failed.extend(Found::group(step.at, more));
            }
            if !failed.is_empty() {
                found.push(Found::because(step.at, "'allOf' failed", failed));
            }
        }
        if let Some(schemas) = several("anyOf") {
            let mut failed = Vec::new();
            let mut matched = schemas.is_empty();
            for schema in schemas {
                let (more, also) = run(schema);
                if more.is_empty() {
                    matched = true;
                    seen.add(also);
                    if !self.tracks {
                        break;
                    }
                }
                failed.extend(Found::group(step.at, more));
            }
            if !matched {
                found.push(Found::because(step.at, "'anyOf' failed", failed));
            }
        }
        if let Some(schemas) = several("oneOf") {
            let mut failed = Vec::new();
            let mut matched = None;
            for (at, schema) in schemas.iter().enumerate() {
                let (more, also) = run(schema);
                if !more.is_empty() {
                    failed.extend(Found::group(step.at, more));
                } else if let Some(first) = matched {
                    let text = format!("'oneOf' failed, subschemas {first}, {at} matched");
                    found.push(Found::new(step.at, text));
                    break;
                } else {
                    matched = Some(at);
                    seen.add(also);
                }
            }
            if matched.is_none() && !schemas.is_empty() {
                found.push(Found::because(step.at, "'oneOf' failed, none matched", failed));
            }
        }
        self.conditional(step, trail, (found, seen));
    }

    /// The rules that ask the value first which schema it is held against.
    fn conditional(
        &self,
        step: &Step<'_>,
        trail: &Trail<'_>,
        (found, seen): (&mut Vec<Found>, &mut Seen),
    ) {
        let single = |name: &str| step.schema.get(name);
        let run = |schema| self.same(step, schema, trail);
        if let Some(schema) = single("if").filter(|_| self.draft >= 7) {
            let (failed, also) = run(schema);
            let branch = if failed.is_empty() {
                seen.add(also);
                single("then")
            } else {
                single("else")
            };
            let (more, also) = branch.map(run).unwrap_or_default();
            found.extend(Found::group(step.at, more));
            seen.add(also);
        }
        if let (Value::Map(map), Some(Json::Object(schemas))) =
            (step.value, single("dependentSchemas").or(single("dependencies")))
        {
            let asked = schemas.iter().filter(|(key, schema)| map.has(key) && !schema.is_array());
            for (_, schema) in asked {
                let (more, also) = run(schema);
                found.extend(Found::group(step.at, more));
                seen.add(also);
            }
        }
    }

    fn follow(&self, step: &Step<'_>, reference: &str, trail: &Trail<'_>) -> (Vec<Found>, Seen) {
        self.spend(reference.len() / 16);
        match self.resolve(step.scope, reference) {
            Ok(Some(schema)) => {
                let (mut found, seen) = self.same(step, schema, trail);
                if found.is_empty() {
                    return (found, seen);
                }
                let found = match found.as_mut_slice() {
                    [Found { kind: FoundKind::Group, inner, .. }] => std::mem::take(inner),
                    _ => found,
                };
                let mut found = Found::because(step.at, FAILED, found);
                found.kind = FoundKind::Reference;
                (vec![found], Seen::default())
            }
            Ok(None) => (Vec::new(), Seen::default()),
            Err(text) => (vec![Found::new(step.at, text)], Seen::default()),
        }
    }

    /// The schema that a reference means; none when it is in a document that is not here.
    fn resolve<'s>(&self, scope: &'s Json, reference: &str) -> Result<Option<&'s Json>, String>
    where
        'a: 's,
    {
        let (document, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let lost = || format!("values.schema.json: $ref {reference:?} leads nowhere");
        let home = Url::parse("file:///values.schema.json").ok();
        let id = scope.get("$id").or_else(|| scope.get("id")).and_then(Json::as_str);
        let base = match id {
            Some(id) => absolute(&self.base_of_root(&home), id),
            None => home.clone(),
        };
        let known = |url: Option<Url>| {
            url.and_then(|url| self.ids.get(url.as_str().trim_end_matches('#')).copied())
        };
        let target: &'s Json = if document.is_empty() {
            scope
        } else if absolute(&home, document) == home {
            self.root
        } else if let Some(schema) = known(absolute(&base, document)) {
            schema
        } else {
            self.warn(format!("{reference} is not fetched, and allows everything"));
            return Ok(None);
        };
        if fragment.is_empty() {
            return Ok(Some(target));
        }
        if fragment.starts_with('/') {
            return target.pointer(&unescaped(fragment)).map(Some).ok_or_else(lost);
        }
        let anchor = absolute(&base, reference);
        known(anchor).map(Some).ok_or_else(lost)
    }

    fn base_of_root(&self, home: &Option<Url>) -> Option<Url> {
        let id = self.root.get("$id").or_else(|| self.root.get("id")).and_then(Json::as_str);
        id.and_then(|id| absolute(home, id)).or_else(|| home.clone())
    }
}

fn absolute(base: &Option<Url>, reference: &str) -> Option<Url> {
    match base {
        Some(base) => base.join(reference).ok(),
        None => Url::parse(reference).ok(),
    }
}

/// `%25` and the like in a fragment.
fn unescaped(fragment: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = fragment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let escaped =
            hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
