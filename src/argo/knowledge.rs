//! The knowledge base: images that only the code of operators names, concluded from what documents say.
//!
//! The rules are `knowledge.yaml`, a part of the program, each with its source; users add rules of the same shape.

use std::collections::{BTreeMap, BTreeSet};

use crate::argo::facts::{Fact, FactKind};
use crate::argo::rule::{Chooses, Rule, Unless, When};
use crate::argo::template::{Subject, fill};
use crate::argo::{Found, OpaqueReason};
use crate::artifact::ImageRef;
use crate::yaml::Node;

/// Rules that conclude images from facts.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    rules: Vec<Rule>,
}

/// What rules conclude.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conclusions {
    /// Implied images.
    pub images: Vec<Implied>,
    /// What must be there although nothing tells which it is; each with the pin that it was found in.
    pub opaque: Vec<(String, Found<OpaqueReason>)>,
}

/// An image that a rule concluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Implied {
    /// The image.
    pub image: ImageRef,
    /// The rule's id.
    pub rule: String,
    /// The pin that the reason was found in.
    pub from: String,
    /// File and line of the reason.
    pub place: String,
    /// Path of the reason in its document.
    pub field: String,
}

/// A fact and the id of the pin that it was found in.
type Known = (String, Fact);

impl Knowledge {
    /// The rules that the program brings.
    pub fn builtin() -> Self {
        Self::with(Vec::new())
    }

    /// The rules that the program brings, and some more. A rule with the id of a known one replaces it.
    pub fn with(rules: Vec<Rule>) -> Self {
        let builtin = Node::parse(include_str!("knowledge.yaml"));
        let nodes = builtin.as_ref().ok().and_then(|node| node.get("rules"));
        let nodes = nodes.map(Node::items).unwrap_or_default();
        let mut all: Vec<Rule> = nodes.iter().filter_map(|node| Rule::parse(node).ok()).collect();
        all.retain(|known| rules.iter().all(|rule| rule.id != known.id));
        all.extend(rules);
        Self { rules: all }
    }

    /// The rules, to show them.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Concludes from everything that is known about a closure. Each fact comes with the pin that it was found in.
    pub fn conclude(&self, facts: &[Known]) -> Conclusions {
        let mut conclusions = Conclusions::default();
        for rule in &self.rules {
            for known in facts.iter().filter(|(_, fact)| rule.when.holds(fact)) {
                apply(rule, known, facts, &mut conclusions);
            }
        }
        self.unchosen(facts, &mut conclusions);
        sentinels(facts, &mut conclusions);
        once(conclusions)
    }

    /// Lists to choose from, of which nothing chooses.
    fn unchosen(&self, facts: &[Known], conclusions: &mut Conclusions) {
        let family = |of: &str| of.split('.').next().unwrap_or(of).to_owned();
        let mut lists: BTreeMap<(String, String), Vec<&Fact>> = BTreeMap::new();
        for (from, fact) in facts {
            if let FactKind::Choice { of, .. } = &fact.kind {
                lists.entry((family(of), from.clone())).or_default().push(fact);
            }
        }
        for ((of, from), choices) in lists {
            let choosers = self.rules.iter().filter(|rule| {
                rule.chooses.as_ref().is_some_and(|chooses| family(&chooses.from) == of)
            });
            let kinds: BTreeSet<_> = choosers
                .filter_map(|rule| Some((&rule.when.group, rule.when.kind.as_ref()?)))
                .collect();
            let chosen = facts.iter().any(|(_, fact)| match &fact.kind {
                FactKind::Object { group, kind, .. } => kinds.contains(&(group, kind)),
                _ => false,
            });
            let Some(first) = choices.first().filter(|_| !chosen) else { continue };
            let images: BTreeSet<_> = choices.iter().flat_map(|fact| fact.images()).collect();
            let kinds: Vec<&str> = kinds
                .iter()
                .map(|(_, kind)| kind.as_str())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect();
            let what =
                format!("{} images to choose from, and no {}", images.len(), kinds.join(" or "));
            conclusions.opaque.push((from, first.opaque(what, CHOOSE)));
        }
    }
}

impl Fact {
    fn opaque(&self, what: String, advice: &str) -> Found<OpaqueReason> {
        let value = OpaqueReason { what, advice: advice.to_owned() };
        Found { value, place: self.place.clone(), field: self.field.clone() }
    }

    fn images(&self) -> &[ImageRef] {
        match &self.kind {
            FactKind::Choice { images, .. } => images,
            FactKind::Container { image, .. } | FactKind::Image(image) => {
                std::slice::from_ref(image)
            }
            _ => &[],
        }
    }

    fn runs(&self, pattern: &str) -> bool {
        matches!(&self.kind, FactKind::Container { image, .. }
            if matches(pattern, &image.repository.to_string()))
    }
}

impl When {
    fn holds(&self, fact: &Fact) -> bool {
        match (&fact.kind, &self.image, &self.kind) {
            (FactKind::Container { .. }, Some(pattern), _) => fact.runs(pattern),
            (FactKind::Object { group, kind, fields }, _, Some(wanted)) => {
                let there = |path: &String| fields.contains_key(path);
                kind == wanted
                    && (self.group.is_empty() || *group == self.group)
                    && self.field.as_ref().is_none_or(there)
                    && self.missing.iter().all(|path| fields.get(path).is_none_or(String::is_empty))
            }
            _ => false,
        }
    }
}

/// Applies a rule to the fact that made it speak.
fn apply(rule: &Rule, (from, fact): &Known, facts: &[Known], conclusions: &mut Conclusions) {
    let decider = match &rule.with {
        Some(pattern) => decider(pattern, from, facts),
        None => Some(fact),
    };
    let subject = Subject { decider, object: fact, table: &rule.table };
    if rule.unless.iter().any(|unless| unless.holds(&subject, facts)) {
        return;
    }
    let mut imply = |image: ImageRef| {
        conclusions.images.push(Implied {
            image,
            rule: rule.id.clone(),
            from: from.clone(),
            place: fact.place.clone(),
            field: fact.field.clone(),
        });
    };
    if let Some(chooses) = &rule.chooses {
        return match choose(chooses, &subject, facts) {
            Ok(images) => images.into_iter().for_each(imply),
            Err(what) => conclusions.opaque.push((from.clone(), fact.opaque(what, LIST))),
        };
    }
    for template in &rule.implies {
        if let Some(image) = fill(template, &subject) {
            imply(image);
            continue;
        }
        let what = match (&rule.with, decider) {
            (Some(pattern), None) => {
                format!("image decided by {pattern}, which is not found ({})", rule.id)
            }
            _ => format!("implied image whose version is not known ({})", rule.id),
        };
        conclusions.opaque.push((from.clone(), fact.opaque(what, LIST)));
    }
}

/// The container that decides: one of the same pin before any other.
fn decider<'k>(pattern: &str, from: &str, facts: &'k [Known]) -> Option<&'k Fact> {
    let running = || facts.iter().filter(|(_, fact)| fact.runs(pattern));
    let near = running().find(|(pin, _)| pin == from);
    near.or_else(|| running().next()).map(|(_, fact)| fact)
}

fn choose(
    chooses: &Chooses,
    subject: &Subject<'_>,
    facts: &[Known],
) -> Result<Vec<ImageRef>, String> {
    let Some(version) = subject.text(&chooses.version) else {
        return Err(format!("no version chosen from {}", chooses.from));
    };
    let of_list = facts.iter().filter_map(|(_, fact)| match &fact.kind {
        FactKind::Choice { of, version, images } if *of == chooses.from => Some((version, images)),
        _ => None,
    });
    let lists: Vec<_> = of_list.collect();
    if lists.is_empty() {
        return Err(format!("version {version} of a list that is not found ({})", chooses.from));
    }
    let chosen: Vec<ImageRef> = lists
        .iter()
        .filter(|(name, _)| **name == version)
        .flat_map(|(_, i)| (*i).clone())
        .collect();
    if chosen.is_empty() {
        return Err(format!("version {version} is not listed in {}", chooses.from));
    }
    Ok(chosen)
}

impl Unless {
    fn holds(&self, subject: &Subject<'_>, facts: &[Known]) -> bool {
        match self {
            Self::Argument(flag) => subject.argument(flag).is_some(),
            Self::Environment(name) => subject.variable(name).is_some(),
            Self::ImageAt(path) => facts.iter().any(|(_, fact)| {
                let end = fact.field.strip_suffix(path.as_str());
                matches!(fact.kind, FactKind::Image(_))
                    && end.is_some_and(|rest| rest.is_empty() || rest.ends_with(['.', ']']))
            }),
            Self::Kind { group: wanted, kind: name } => facts.iter().any(|(_, fact)| {
                matches!(&fact.kind, FactKind::Object { group, kind, .. }
                    if kind == name && (wanted.is_empty() || group == wanted))
            }),
        }
    }
}

/// Words that Istio's injector replaces, and no proxy that it could put in.
fn sentinels(facts: &[Known], conclusions: &mut Conclusions) {
    let is_proxy = |image: &ImageRef| image.repository.path().ends_with("/proxyv2");
    let found = facts.iter().flat_map(|(_, fact)| fact.images());
    if found.chain(conclusions.images.iter().map(|implied| &implied.image)).any(is_proxy) {
        return;
    }
    for (from, fact) in facts {
        if let FactKind::Sentinel(word) = &fact.kind {
            let what = format!("image {word:?} is put in by an injector that is not found");
            conclusions.opaque.push((from.clone(), fact.opaque(what, LIST)));
        }
    }
}

/// Leaves each conclusion once for each pin.
fn once(mut conclusions: Conclusions) -> Conclusions {
    let mut seen = BTreeSet::new();
    conclusions
        .images
        .retain(|i| seen.insert((i.image.to_string(), i.rule.clone(), i.from.clone())));
    let mut seen = BTreeSet::new();
    conclusions.opaque.retain(|(from, o)| seen.insert((from.clone(), o.value.what.clone())));
    conclusions
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or("");
    }
    rest.ends_with(last)
}

const LIST: &str = "list the image in the inventory";
const CHOOSE: &str =
    "add the object that chooses to an app, or list the images of its version in the inventory";
