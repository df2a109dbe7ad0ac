//! Lock → Draft: fetches every pinned thing and hands it to the bundle in the one order that the lock gives.
//!
//! Stands above `source` and `bundle` because it joins them; `bundle` itself never reaches outside. Fetching is
//! parallel, the order of what is packed is not: artifacts as the lock lists them, and within each its OCI manifests
//! before its other blobs. A blob that several artifacts share is packed once, with the first of them.

mod arrivals;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, stream};
use thiserror::Error;

use crate::artifact::Digest;
use crate::build::arrivals::{Arrivals, Guard};
use crate::bundle::{Artifact, BundleError, Draft, DraftInput, PackOptions};
use crate::lock::{Descriptor, Lock, Pin};
use crate::oci;
use crate::report::count;
use crate::source::{Fetched, Layer, SourceError, Sources};

/// Artifacts fetched at the same time; each fetches several blobs, and `net` bounds the requests per host.
const ARTIFACTS_AT_ONCE: usize = 8;
/// Layers fetched at the same time, of all hosts together.
const LAYERS_AT_ONCE: usize = 16;

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
///
/// First the OCI manifests, charts, repositories and files, which say what there is to pack; then the layers, while the
/// packer already takes them in the lock's order.
pub async fn build(
    lock: &Lock,
    sources: &Sources,
    bundles: &Path,
    options: PackOptions,
) -> Result<Draft, BuildError> {
    let pins: Vec<Pin<'_>> = lock.pins().collect();
    sources.report.phase(format!("fetching {}", count(pins.len(), "artifact")));
    let fetched: Vec<(Pin<'_>, Result<Fetched, SourceError>)> = stream::iter(pins)
        .map(|pin| async move {
            let outcome = fetch(pin, sources).await;
            (pin, outcome)
        })
        .buffered(ARTIFACTS_AT_ONCE)
        .collect()
        .await;
    let Gathered { input, layers } = gather(lock, fetched, sources)?;
    let blobs = input.blobs.len();
    let expected = layers.iter().map(|wanted| wanted.layer.descriptor.digest).collect();
    let arrivals = Arc::new(Arrivals::new(sources.store.clone(), expected));
    let guard = Guard(&arrivals);
    let mut packing = {
        let (arrivals, report) = (Arc::clone(&arrivals), sources.report.clone());
        let bundles = bundles.to_owned();
        tokio::task::spawn_blocking(move || {
            Draft::write(input, arrivals.as_ref(), &bundles, options, &report)
        })
    };
    let missing = tokio::select! {
        biased;
        missing = fetch_layers(&layers, sources, &arrivals) => missing,
        // The packer ends first only when it cannot go on: a full disk, a damaged blob.
        draft = &mut packing => return ended(draft),
    };
    if !missing.is_empty() {
        drop(guard);
        // It stops at the first blob that did not come, and takes its folder away.
        let _ = packing.await;
        return Err(BuildError::Sources(missing));
    }
    sources.report.phase(format!("packing {}", count(blobs, "blob")));
    ended(packing.await)
}

fn ended(
    draft: Result<Result<Draft, BundleError>, tokio::task::JoinError>,
) -> Result<Draft, BuildError> {
    match draft {
        Ok(draft) => Ok(draft?),
        Err(join) => std::panic::resume_unwind(join.into_panic()),
    }
}

/// A layer that is not in the store, and the first pin that wants it.
struct Wanted {
    id: String,
    layer: Layer,
}

/// Fetches layers side by side, and returns the pins that lack one, each with its first failure.
async fn fetch_layers(layers: &[Wanted], sources: &Sources, arrivals: &Arrivals) -> Vec<Missing> {
    let failed: Mutex<BTreeMap<&str, SourceError>> = Mutex::default();
    let lost = || failed.lock().unwrap_or_else(PoisonError::into_inner);
    stream::iter(layers)
        .for_each_concurrent(LAYERS_AT_ONCE, |wanted| async {
            // One failure is enough for a pin: the rest of it would not be packed anyway.
            if lost().contains_key(wanted.id.as_str()) {
                return;
            }
            match sources.fetch_layer(&wanted.layer).await {
                Ok(()) => arrivals.arrived(&wanted.layer.descriptor.digest),
                Err(error) => drop(lost().entry(&wanted.id).or_insert(error)),
            }
        })
        .await;
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut missing = Vec::new();
    for wanted in layers {
        if let Some(source) = failed.remove(wanted.id.as_str()) {
            missing.push(Missing { id: wanted.id.clone(), source });
        }
    }
    missing
}

async fn fetch(pin: Pin<'_>, sources: &Sources) -> Result<Fetched, SourceError> {
    match pin {
        Pin::Image(pin) => sources.fetch_image(pin).await,
        Pin::Chart(pin) => sources.fetch_chart(pin).await,
        Pin::Repo(pin) => sources.fetch_repo(pin).await,
        Pin::File(pin) => sources.fetch_file(pin).await,
    }
}

/// The name in the OCI layout: the reference itself for an image, the source without its scheme for the others.
fn layout_name(pin: Pin<'_>) -> String {
    let bare = |url: &str| url.split_once("://").map_or(url, |(_, rest)| rest).to_owned();
    match pin {
        Pin::Image(pin) => pin.reference.to_string(),
        Pin::Chart(pin) => {
            let repo = bare(pin.repo.trim_end_matches('/'));
            format!("{repo}/{}:{}", pin.chart, pin.version.replace('+', "_"))
        }
        Pin::Repo(pin) => bare(&pin.url),
        Pin::File(pin) => bare(&pin.url),
    }
}

/// What goes into the bundle, and what of it is not in the store yet.
struct Gathered {
    input: DraftInput,
    layers: Vec<Wanted>,
}

fn gather(
    lock: &Lock,
    fetched: Vec<(Pin<'_>, Result<Fetched, SourceError>)>,
    sources: &Sources,
) -> Result<Gathered, BuildError> {
    let mut layers = Vec::new();
    let mut wanted = BTreeSet::new();
    let mut missing = Vec::new();
    let mut artifacts = Vec::new();
    let mut blobs: Vec<(Digest, u64)> = Vec::new();
    let mut packed = BTreeSet::new();
    let mut names = BTreeSet::new();
    for (pin, outcome) in fetched {
        match outcome {
            Err(source) => missing.push(Missing { id: pin.id(), source }),
            Ok(fetched) => {
                layers.extend(
                    fetched
                        .layers
                        .into_iter()
                        .filter(|layer| {
                            !sources.store.has(&layer.descriptor.digest, layer.descriptor.size)
                        })
                        .filter(|layer| wanted.insert(layer.descriptor.digest))
                        .map(|layer| Wanted { id: pin.id(), layer }),
                );
                let bytes = fetched.blobs.iter().map(|blob| blob.size).sum();
                let new = fetched.blobs.iter().filter(|blob| packed.insert(blob.digest));
                blobs.extend(new.map(|blob| (blob.digest, blob.size)));
                // Two sources may differ in their scheme alone; an OCI layout wants different names.
                let mut name = layout_name(pin);
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
    let index_json = index_json(lock, &artifacts);
    let input = DraftInput { lock: lock.clone(), artifacts, blobs, index_json };
    Ok(Gathered { input, layers })
}

/// The entry points of the OCI layout: every artifact by its name, and what is attached to them.
///
/// Whoever reads a layout finds the referrers of an image among its entry points only (oras), and cosign by its tags.
fn index_json(lock: &Lock, artifacts: &[Artifact]) -> Vec<u8> {
    let mut entries: Vec<(Descriptor, Option<String>)> =
        artifacts.iter().map(|a| (a.descriptor.clone(), Some(a.name.clone()))).collect();
    let mut listed: BTreeSet<Digest> = artifacts.iter().map(|a| a.descriptor.digest).collect();
    let of_images =
        lock.images.iter().map(|pin| (pin.reference.repository.to_string(), &pin.attachments));
    let of_charts = lock.charts.iter().map(|pin| {
        let repo = pin.repo.trim_start_matches("oci://").trim_end_matches('/');
        (format!("{repo}/{}", pin.chart), &pin.attachments)
    });
    for (repository, attachments) in of_images.chain(of_charts) {
        for attachment in attachments.iter().filter(|a| listed.insert(a.descriptor.digest)) {
            let name = attachment.tag.as_ref().map(|tag| format!("{repository}:{tag}"));
            entries.push((attachment.descriptor.clone(), name));
        }
    }
    oci::layout::index_json(&entries)
}
