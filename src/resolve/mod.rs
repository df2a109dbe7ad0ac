//! Inventory → Lock: the closure, evaluated until nothing new appears.
//!
//! An explicit worklist with a seen-set: each request is expanded once, in waves, and what it leads to goes back on the list
//! with the edge that found it. Cycles end because a request that was seen only adds its edge. When nothing new appears, the
//! knowledge base concludes from all that was found what only code knows, and the waves go on with that. All failures are
//! collected: a person learns everything that is wrong in one run. Only the connected side has this room.

mod charts;
mod error;
mod expand;
mod findings;
mod folder;
mod request;
mod state;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::sync::OnceCell;

pub use error::{Cause, Failure, Failures};

use crate::argo::Knowledge;
use crate::inventory::Inventory;
use crate::limits;
use crate::lock::{Edge, Lock};
use crate::report::count;
use crate::source::{RepoView, SourceError, Sources};

use crate::resolve::findings::Expansion;
use crate::resolve::request::{Request, repo_key, roots};
use crate::resolve::state::State;

/// What is to be resolved.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// What a person asks for.
    pub inventory: &'a Inventory,
    /// The values files that it names, by their paths in it.
    pub values: &'a BTreeMap<String, String>,
    /// What to do about charts that do not render.
    pub faults: Faults,
}

/// What to do about charts that do not render.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faults {
    /// They are failures.
    Stop,
    /// They are recorded as opaque.
    KeepGoing,
}

/// Works out everything that an inventory leads to, and pins it.
pub async fn resolve(wanted: Wanted<'_>, sources: &Sources) -> Result<Lock, Failures> {
    let closure = Closure::new(wanted, sources);
    let knowledge = Knowledge::with(wanted.inventory.rules.clone());
    let mut state = State::default();
    let mut wave = roots(wanted.inventory);
    let mut first = true;
    while !wave.is_empty() {
        let new = state.admit(wave);
        if state.is_endless() {
            return Err(state.endless(wanted.inventory));
        }
        if !new.is_empty() {
            let what = count(new.len(), if first { "reference" } else { "more reference" });
            sources.report.phase(format!("pinning {what}"));
            first = false;
        }
        wave = closure.expand_wave(new, &mut state).await;
        if wave.is_empty() {
            wave = state.implied(&knowledge, &wanted.inventory.waivers);
        }
    }
    state.finish(wanted)
}

/// What every expansion of one run shares.
struct Closure<'a> {
    inventory: &'a Inventory,
    values: &'a BTreeMap<String, String>,
    faults: Faults,
    sources: &'a Sources,
    /// Each repository is asked for its refs once a run, so that all requests see the same.
    views: tokio::sync::Mutex<BTreeMap<String, Arc<OnceCell<RepoView>>>>,
}

impl<'a> Closure<'a> {
    fn new(wanted: Wanted<'a>, sources: &'a Sources) -> Self {
        let Wanted { inventory, values, faults } = wanted;
        Self { inventory, values, faults, sources, views: tokio::sync::Mutex::default() }
    }

    /// Expands everything that is new, and returns what it leads to.
    async fn expand_wave(
        &self,
        new: Vec<(Request, Edge)>,
        state: &mut State,
    ) -> Vec<(Request, Edge)> {
        let expansions: Vec<(Request, Edge, Result<Expansion, Cause>)> = stream::iter(new)
            .map(|(request, edge)| async move {
                let outcome = self.expand(&request, &edge).await;
                (request, edge, outcome)
            })
            // In order, whoever answers first: what is opaque names the first edge, and the lock is one for one world.
            .buffered(limits::REQUESTS_PER_HOST)
            .collect()
            .await;
        let mut wave = Vec::new();
        for (request, edge, outcome) in expansions {
            match outcome {
                Ok(expansion) => wave.extend(state.take(&request, expansion)),
                Err(cause) => state.fail(request, edge, cause),
            }
        }
        wave
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
