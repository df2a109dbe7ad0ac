//! Inventory → Lock: the closure, evaluated until nothing new appears.
//!
//! An explicit worklist with a seen-set: each request is expanded once, in waves, and what it leads to goes back on the list
//! with the edge that found it. Cycles end because a request that was seen only adds its edge. All failures are collected:
//! a person learns everything that is wrong in one run. Only the connected side has this room.

mod expand;
mod request;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use thiserror::Error;
use tokio::sync::OnceCell;

use crate::inventory::Inventory;
use crate::limits;
use crate::lock::{self, ChartPin, Edge, FilePin, ImagePin, Lock, Opaque, RepoPin};
use crate::report::count;
use crate::source::{RepoView, SourceError, Sources};

use crate::resolve::expand::Expansion;
use crate::resolve::request::{Request, repo_key, roots};

/// One thing that could not be pinned, and why it was wanted.
#[derive(Debug, Error)]
#[error("{what} (wanted at {}, {})", .edge.place, .edge.field)]
pub struct Failure {
    /// What was asked for.
    pub what: String,
    /// Where it was asked for.
    pub edge: Edge,
    /// What went wrong.
    #[source]
    pub source: SourceError,
}

/// Everything that could not be pinned.
#[derive(Debug, Error)]
#[error("{} of the things that the inventory leads to could not be pinned", .0.len())]
pub struct Failures(pub Vec<Failure>);

/// Works out everything that an inventory leads to, and pins it.
pub async fn resolve(inventory: &Inventory, sources: &Sources) -> Result<Lock, Failures> {
    let closure = Closure::new(inventory, sources);
    let mut state = State::default();
    let mut wave = roots(inventory);
    let mut first = true;
    while !wave.is_empty() {
        let new = state.admit(wave);
        if state.seen.len() > limits::CLOSURE_ITEMS_MAX {
            return Err(state.endless(inventory));
        }
        if !new.is_empty() {
            let what = count(new.len(), if first { "reference" } else { "more reference" });
            sources.report.phase(format!("pinning {what}"));
            first = false;
        }
        let expansions: Vec<(Request, Edge, Result<Expansion, SourceError>)> = stream::iter(new)
            .map(|(request, edge)| {
                let closure = &closure;
                async move {
                    let outcome = closure.expand(&request, &edge).await;
                    (request, edge, outcome)
                }
            })
            // In order, whoever answers first: what is opaque names the first edge, and the lock is one for one world.
            .buffered(limits::REQUESTS_PER_HOST)
            .collect()
            .await;
        wave = Vec::new();
        for (request, edge, outcome) in expansions {
            match outcome {
                Ok(expansion) => wave.extend(state.take(&request, expansion)),
                Err(source) => {
                    state.failures.push(Failure { what: request.to_string(), edge, source });
                }
            }
        }
    }
    state.finish(inventory)
}

/// A place in the order of its file: line 9 comes before line 10.
fn in_file(place: &str) -> (String, u64) {
    let (file, line) = place.rsplit_once(':').unwrap_or((place, ""));
    (file.to_owned(), line.parse().unwrap_or(0))
}

/// What every expansion of one run shares.
struct Closure<'a> {
    inventory: &'a Inventory,
    sources: &'a Sources,
    /// Each repository is asked for its refs once a run, so that all requests see the same.
    views: tokio::sync::Mutex<BTreeMap<String, Arc<OnceCell<RepoView>>>>,
}

impl<'a> Closure<'a> {
    fn new(inventory: &'a Inventory, sources: &'a Sources) -> Self {
        Self { inventory, sources, views: tokio::sync::Mutex::default() }
    }

    async fn view(&self, url: &str) -> Result<Arc<OnceCell<RepoView>>, SourceError> {
        let cell = {
            let mut views = self.views.lock().await;
            Arc::clone(views.entry(repo_key(url)).or_default())
        };
        cell.get_or_try_init(|| self.sources.view_repo(url)).await?;
        Ok(cell)
    }
}

/// The lock in the making.
#[derive(Default)]
struct State {
    /// Every request seen, and the id of the pin that it led to, once known.
    seen: BTreeMap<Request, Vec<String>>,
    /// Edges to requests, whose pins may not be known yet.
    edges: Vec<(Request, Edge)>,
    images: BTreeMap<String, ImagePin>,
    charts: BTreeMap<String, ChartPin>,
    repos: BTreeMap<String, RepoPin>,
    files: BTreeMap<String, FilePin>,
    opaque: BTreeSet<Opaque>,
    failures: Vec<Failure>,
}

impl State {
    /// Notes every edge and returns the requests that were not seen before.
    fn admit(&mut self, wave: Vec<(Request, Edge)>) -> Vec<(Request, Edge)> {
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
    fn take(&mut self, request: &Request, expansion: Expansion) -> Vec<(Request, Edge)> {
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
        self.seen.insert(request.clone(), ids);
        self.opaque.extend(expansion.opaque);
        expansion.next
    }

    /// A closure that does not end is refused whole: nothing of it may be dropped.
    fn endless(self, inventory: &Inventory) -> Failures {
        let edge = Edge {
            from: "inventory".to_owned(),
            place: inventory.file.clone(),
            field: String::new(),
        };
        let source = SourceError::Bound {
            what: "what it leads to".to_owned(),
            bound: limits::CLOSURE_ITEMS_MAX as u64,
            unit: "references",
        };
        Failures(vec![Failure { what: inventory.name.to_string(), edge, source }])
    }

    fn finish(mut self, inventory: &Inventory) -> Result<Lock, Failures> {
        if !self.failures.is_empty() {
            self.failures.sort_by_cached_key(|failure| {
                let edge = &failure.edge;
                (edge.from.clone(), in_file(&edge.place), edge.field.clone(), failure.what.clone())
            });
            return Err(Failures(self.failures));
        }
        for (request, edge) in std::mem::take(&mut self.edges) {
            for id in self.seen.get(&request).cloned().unwrap_or_default() {
                if let Some(because) = self.because_of(&id) {
                    because.push(edge.clone());
                }
            }
        }
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
            opaque: self.opaque.into_iter().collect(),
        };
        lock.sort();
        Ok(lock)
    }

    fn because_of(&mut self, id: &str) -> Option<&mut Vec<Edge>> {
        let repos = &mut self.repos;
        self.images
            .get_mut(id)
            .map(|pin| &mut pin.because)
            .or_else(|| self.charts.get_mut(id).map(|pin| &mut pin.because))
            .or_else(|| self.files.get_mut(id).map(|pin| &mut pin.because))
            .or_else(|| repos.values_mut().find(|pin| pin.id() == id).map(|pin| &mut pin.because))
    }
}
