//! Lock → Draft: fetches every pinned thing and hands it to the bundle in the one order that the lock gives.
//!
//! Stands above `source` and `bundle` because it joins them; `bundle` itself never reaches outside. Fetching is
//! parallel, the order of what is packed is not: artifacts as the lock lists them, and within each its OCI manifests
//! before its other blobs. A blob that several artifacts share is packed once, with the first of them.

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::{StreamExt, stream};
use thiserror::Error;

use crate::artifact::{Digest, Kind};
use crate::bundle::{Artifact, BundleError, Draft, DraftInput, PackOptions};
use crate::lock::{Descriptor, Lock};
use crate::oci;
use crate::source::{Fetched, SourceError, Sources};

/// Artifacts fetched at the same time; each fetches several blobs, and `net` bounds the requests per host.
const ARTIFACTS_AT_ONCE: usize = 8;

/// Why there is no draft.
#[derive(Debug, Error)]
pub enum BuildError {
    /// Pinned things could not be fetched.
    #[error("{} of the pinned things could not be fetched", .0.len())]
    Sources(Vec<Missing>),
    /// The bundle could not be written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// A pinned thing that could not be fetched.
#[derive(Debug, Error)]
#[error("{id}")]
pub struct Missing {
    /// The pin's id.
    pub id: String,
    /// What went wrong.
    #[source]
    pub source: SourceError,
}

/// Fetches everything in the lock and writes it into a draft below `bundles`.
pub async fn build(
    lock: &Lock,
    sources: &Sources,
    bundles: &Path,
    options: PackOptions,
) -> Result<Draft, BuildError> {
    let pins = pins(lock);
    sources.report.phase(format!("fetching {}", count(pins.len(), "artifact")));
    let fetched: Vec<(Pin<'_>, Result<Fetched, SourceError>)> = stream::iter(pins)
        .map(|pin| async move {
            let outcome = pin.fetch(sources).await;
            (pin, outcome)
        })
        .buffered(ARTIFACTS_AT_ONCE)
        .collect()
        .await;
    let input = gather(lock, fetched)?;
    sources.report.phase(format!("packing {}", count(input.blobs.len(), "blob")));
    let (store, report, bundles) =
        (sources.store.clone(), sources.report.clone(), bundles.to_owned());
    let draft = tokio::task::spawn_blocking(move || {
        Draft::write(input, &store, &bundles, options, &report)
    });
    match draft.await {
        Ok(draft) => Ok(draft?),
        Err(join) => std::panic::resume_unwind(join.into_panic()),
    }
}

/// `1 blob`, `2 blobs`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A pin of any kind.
#[derive(Clone, Copy)]
enum Pin<'a> {
    Image(&'a crate::lock::ImagePin),
    Chart(&'a crate::lock::ChartPin),
    Repo(&'a crate::lock::RepoPin),
    File(&'a crate::lock::FilePin),
}

fn pins(lock: &Lock) -> Vec<Pin<'_>> {
    let images = lock.images.iter().map(Pin::Image);
    let charts = lock.charts.iter().map(Pin::Chart);
    let repos = lock.repos.iter().map(Pin::Repo);
    let files = lock.files.iter().map(Pin::File);
    images.chain(charts).chain(repos).chain(files).collect()
}

impl Pin<'_> {
    async fn fetch(&self, sources: &Sources) -> Result<Fetched, SourceError> {
        match self {
            Self::Image(pin) => sources.fetch_image(pin).await,
            Self::Chart(pin) => sources.fetch_chart(pin).await,
            Self::Repo(pin) => sources.fetch_repo(pin).await,
            Self::File(pin) => sources.fetch_file(pin).await,
        }
    }

    fn id(&self) -> String {
        match self {
            Self::Image(pin) => pin.id(),
            Self::Chart(pin) => pin.id(),
            Self::Repo(pin) => pin.id(),
            Self::File(pin) => pin.id(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Image(_) => Kind::Image,
            Self::Chart(_) => Kind::Chart,
            Self::Repo(_) => Kind::Repo,
            Self::File(_) => Kind::File,
        }
    }

    /// The name in the OCI layout: the reference itself for an image, the source without its scheme for the others.
    fn layout_name(&self) -> String {
        let bare = |url: &str| url.split_once("://").map_or(url, |(_, rest)| rest).to_owned();
        match self {
            Self::Image(pin) => pin.reference.to_string(),
            Self::Chart(pin) => {
                format!(
                    "{}/{}:{}",
                    bare(pin.repo.trim_end_matches('/')),
                    pin.chart,
                    pin.version.replace('+', "_")
                )
            }
            Self::Repo(pin) => bare(&pin.url),
            Self::File(pin) => bare(&pin.url),
        }
    }
}

fn gather(
    lock: &Lock,
    fetched: Vec<(Pin<'_>, Result<Fetched, SourceError>)>,
) -> Result<DraftInput, BuildError> {
    let mut missing = Vec::new();
    let mut artifacts = Vec::new();
    let mut blobs: Vec<(Digest, u64)> = Vec::new();
    let mut packed = BTreeSet::new();
    let mut names = BTreeSet::new();
    for (pin, outcome) in fetched {
        match outcome {
            Err(source) => missing.push(Missing { id: pin.id(), source }),
            Ok(fetched) => {
                let bytes = fetched.blobs.iter().map(|blob| blob.size).sum();
                let new = fetched.blobs.iter().filter(|blob| packed.insert(blob.digest));
                blobs.extend(new.map(|blob| (blob.digest, blob.size)));
                // Two sources may differ in their scheme alone; an OCI layout wants different names.
                let mut name = pin.layout_name();
                while !names.insert(name.clone()) {
                    name = format!("{name}.{}", pin.kind());
                }
                artifacts.push(Artifact {
                    bytes,
                    id: pin.id(),
                    kind: pin.kind(),
                    name,
                    descriptor: fetched.root,
                });
            }
        }
    }
    if !missing.is_empty() {
        return Err(BuildError::Sources(missing));
    }
    let entries: Vec<(Descriptor, Option<String>)> =
        artifacts.iter().map(|a| (a.descriptor.clone(), Some(a.name.clone()))).collect();
    let index_json = oci::layout::index_json(&entries);
    Ok(DraftInput { lock: lock.clone(), artifacts, blobs, index_json })
}
