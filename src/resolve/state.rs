//! The lock in the making.

use std::collections::{BTreeMap, BTreeSet};

use crate::argo::{Fact, Knowledge};
use crate::artifact::{Digest, ImageRef};
use crate::inventory::{Inventory, Waiver};
use crate::limits;
use crate::lock::{
    self, AppNode, ChartPin, Edge, FilePin, ImagePin, Lock, Opaque, RepoPin, ValuesFile, Verdict,
};
use crate::source::SourceError;

use crate::resolve::Wanted;
use crate::resolve::error::{Cause, Failure, Failures};
use crate::resolve::findings::{Expansion, waived};
use crate::resolve::request::{Request, repo_key};
use crate::resolve::values::join;

/// The lock in the making.
#[derive(Default)]
pub(super) struct State {
    /// Every request seen, and the id of the pin that it led to, once known.
    seen: BTreeMap<Request, Vec<String>>,
    /// Edges to requests, whose pins may not be known yet.
    edges: Vec<(Request, Edge)>,
    /// What the knowledge base concludes from, each with the id of what it was found in.
    facts: Vec<(String, Fact)>,
    images: BTreeMap<String, ImagePin>,
    charts: BTreeMap<String, ChartPin>,
    repos: BTreeMap<String, RepoPin>,
    files: BTreeMap<String, FilePin>,
    apps: BTreeMap<String, AppNode>,
    opaque: BTreeSet<Opaque>,
    /// What the knowledge base could not settle, as of its last conclusions.
    unsettled: BTreeSet<Opaque>,
    /// What the knowledge base has concluded already.
    concluded: BTreeSet<(ImageRef, Edge)>,
    failures: Vec<(Request, Failure)>,
}

impl State {
    /// Notes every edge and returns the requests that were not seen before.
    pub(super) fn admit(&mut self, wave: Vec<(Request, Edge)>) -> Vec<(Request, Edge)> {
        let mut new = Vec::new();
        for (request, edge) in wave {
            if !self.seen.contains_key(&request) {
                self.seen.insert(request.clone(), Vec::new());
                new.push((request.clone(), edge.clone()));
            }
            self.edges.push((request, edge));
        }
        new
    }

    /// Takes in what a request led to and returns what to look at next.
    pub(super) fn take(&mut self, request: &Request, expansion: Expansion) -> Vec<(Request, Edge)> {
        let mut ids = Vec::new();
        if let Some(pin) = expansion.image {
            ids.push(pin.id());
            self.images.entry(pin.id()).or_insert(pin);
        }
        if let Some(pin) = expansion.chart {
            ids.push(pin.id());
            self.charts.entry(pin.id()).or_insert(pin);
        }
        if let Some(pin) = expansion.file {
            ids.push(pin.id());
            self.files.entry(pin.id()).or_insert(pin);
        }
        if let Some((url, revision)) = expansion.repo {
            let pin = self.repos.entry(repo_key(&url)).or_insert_with(|| RepoPin {
                url,
                head: None,
                refs: Vec::new(),
                because: Vec::new(),
            });
            pin.refs.extend(revision.pins);
            pin.head = pin.head.take().or(revision.head);
            ids.push(pin.id());
        }
        if let Some(app) = expansion.app {
            ids.push(app.id());
            self.apps.entry(app.id()).or_insert(app);
        }
        let from = expansion.from;
        self.facts.extend(expansion.facts.into_iter().map(|fact| (from.clone(), fact)));
        self.seen.insert(request.clone(), ids);
        self.opaque.extend(expansion.opaque);
        expansion.next
    }

    /// Notes that something could not be pinned.
    pub(super) fn fail(&mut self, request: Request, edge: Edge, source: Cause) {
        let what = request.to_string();
        self.failures.push((request, Failure { what, edge, source }));
    }

    /// What the knowledge base concludes from everything found so far, as far as it is new.
    pub(super) fn implied(
        &mut self,
        knowledge: &Knowledge,
        waivers: &[Waiver],
    ) -> Vec<(Request, Edge)> {
        let conclusions = knowledge.conclude(&self.facts);
        self.unsettled = conclusions
            .opaque
            .into_iter()
            .map(|(from, found)| {
                Opaque::new(
                    found.value.what,
                    Edge::new(from, found.place, found.field),
                    found.value.advice,
                )
            })
            .collect();
        let mut wave = Vec::new();
        for implied in conclusions.images {
            let verdict = Verdict::Implied(implied.rule);
            let edge = Edge { verdict, ..Edge::new(implied.from, implied.place, implied.field) };
            let text = implied.image.to_string();
            match waived(waivers, |waiver| waiver.covers_image(&text, &edge.place)) {
                Some(reason) => {
                    self.opaque.insert(Opaque::left_behind(format!("image {text}"), edge, reason));
                }
                None if self.concluded.insert((implied.image.clone(), edge.clone())) => {
                    wave.push((Request::Image(implied.image), edge));
                }
                None => {}
            }
        }
        wave
    }

    /// Whether there is more than a closure may have.
    pub(super) fn is_endless(&self) -> bool {
        self.seen.len() > limits::CLOSURE_ITEMS_MAX
    }

    /// A closure that does not end is refused whole: nothing of it may be dropped.
    pub(super) fn endless(self, inventory: &Inventory) -> Failures {
        let edge = Edge::new("inventory", inventory.file.clone(), "");
        let source = SourceError::Bound {
            what: "what it leads to".to_owned(),
            bound: limits::CLOSURE_ITEMS_MAX as u64,
            unit: "references",
        };
        Failures(vec![Failure { what: inventory.name.to_string(), edge, source: source.into() }])
    }

    /// Failures of what only looked like a reference are no failures: they are listed, for a person to decide.
    fn settle_candidates(&mut self) {
        let candidate = |request: &Request| {
            let mut edges = self.edges.iter().filter(|(other, _)| other == request);
            edges.all(|(_, edge)| edge.verdict == Verdict::Candidate)
        };
        let failures = std::mem::take(&mut self.failures);
        let (candidates, failures): (Vec<_>, Vec<_>) =
            failures.into_iter().partition(|(request, _)| candidate(request));
        self.failures = failures;
        for (request, failure) in candidates {
            let edges = self.edges.iter().filter(|(other, _)| *other == request);
            self.opaque.extend(edges.map(|(_, edge)| {
                Opaque::new(
                    format!(
                        "{} looks like one, and could not be had: {}",
                        failure.what, failure.source
                    ),
                    edge.clone(),
                    "waive it under waivers: with a reason, or list what is meant",
                )
            }));
        }
    }

    pub(super) fn finish(mut self, wanted: Wanted<'_>) -> Result<Lock, Failures> {
        let inventory = wanted.inventory;
        self.settle_candidates();
        if !self.failures.is_empty() {
            let mut failures: Vec<Failure> =
                self.failures.into_iter().map(|(_, failure)| failure).collect();
            failures.sort_by_cached_key(|failure| {
                let edge = &failure.edge;
                (edge.from.clone(), in_file(&edge.place), edge.field.clone(), failure.what.clone())
            });
            return Err(Failures(failures));
        }
        for (request, edge) in std::mem::take(&mut self.edges) {
            for id in self.seen.get(&request).cloned().unwrap_or_default() {
                if let Some(because) = self.because_of(&id) {
                    because.push(edge.clone());
                }
            }
        }
        let opaque = self.judged(inventory);
        let mut lock = Lock {
            format: lock::FORMAT.to_owned(),
            name: inventory.name.clone(),
            version: inventory.version.clone(),
            inventory: inventory.digest,
            platforms: inventory.platforms.clone(),
            images: self.images.into_values().collect(),
            charts: self.charts.into_values().collect(),
            repos: self.repos.into_values().collect(),
            files: self.files.into_values().collect(),
            apps: self.apps.into_values().collect(),
            values: wanted.values.iter().map(|(path, text)| values_file(path, text)).collect(),
            opaque,
        };
        lock.sort();
        Ok(lock)
    }

    /// Everything that could not be seen into, without what was seen into after all, and with what a person waived.
    fn judged(&mut self, inventory: &Inventory) -> Vec<Opaque> {
        let rendered: BTreeSet<String> = self
            .seen
            .keys()
            .filter_map(|request| match request {
                Request::App { path, .. } => join(path, "Chart.yaml"),
                _ => None,
            })
            .collect();
        let seen_into = |opaque: &Opaque| {
            let file = opaque.edge.place.rsplit_once(':').map_or("", |(file, _)| file);
            opaque.what == "chart not rendered" && rendered.contains(file)
        };
        let mut all = std::mem::take(&mut self.opaque);
        all.extend(std::mem::take(&mut self.unsettled));
        all.retain(|opaque| !seen_into(opaque));
        let judge = |mut opaque: Opaque| {
            let fits = |waiver: &Waiver| waiver.covers_opaque(&opaque.what, &opaque.edge.place);
            if opaque.waived.is_none() {
                opaque.waived = waived(&inventory.waivers, fits);
            }
            opaque
        };
        all.into_iter().map(judge).collect()
    }

    fn because_of(&mut self, id: &str) -> Option<&mut Vec<Edge>> {
        let repos = &mut self.repos;
        self.images
            .get_mut(id)
            .map(|pin| &mut pin.because)
            .or_else(|| self.charts.get_mut(id).map(|pin| &mut pin.because))
            .or_else(|| self.files.get_mut(id).map(|pin| &mut pin.because))
            .or_else(|| self.apps.get_mut(id).map(|app| &mut app.because))
            .or_else(|| repos.values_mut().find(|pin| pin.id() == id).map(|pin| &mut pin.because))
    }
}

fn values_file(path: &str, text: &str) -> ValuesFile {
    ValuesFile { path: path.to_owned(), digest: Digest::of(text.as_bytes()) }
}

/// A place in the order of its file: line 9 comes before line 10.
fn in_file(place: &str) -> (String, u64) {
    let (file, line) = place.rsplit_once(':').unwrap_or((place, ""));
    (file.to_owned(), line.parse().unwrap_or(0))
}
