//! `haversack inspect`: what a bundle says is inside, and why.

use std::path::PathBuf;

use crate::bundle::{Contents, Sealed};
use crate::cli::words::{json, out, safe, size, table};
use crate::cli::{Face, Failure, closure};
use crate::lock::Chains;
use crate::report::count;

/// List what is inside a bundle, with sizes and because
///
/// Reads the list of contents only, however large the bundle is. The list is what the bundle claims:
/// `haversack verify` proves it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  haversack inspect bundles/platform-1.0.0")]
pub(crate) struct Args {
    /// The bundle's folder
    bundle: PathBuf,
}

pub(crate) fn run(args: &Args, face: Face) -> Result<(), Failure> {
    let sealed = Sealed::open(&args.bundle)?;
    let contents = sealed.claimed()?;
    out(&if face.json { as_json(&contents) } else { as_text(&contents) });
    Ok(())
}

fn as_json(contents: &Contents) -> String {
    let chains = contents.lock.chains();
    let artifacts: Vec<serde_json::Value> = contents
        .artifacts
        .iter()
        .map(|artifact| {
            serde_json::json!({
                "id": artifact.id, "kind": artifact.kind, "name": artifact.name,
                "digest": artifact.descriptor.digest, "bytes": artifact.bytes,
                "because": chains.of(&artifact.id),
            })
        })
        .collect();
    json(&serde_json::json!({
        "ok": true, "verified": false, "name": contents.name, "version": contents.version,
        "artifacts": artifacts, "blobs": contents.blobs.len(), "opaque": contents.lock.opaque,
    }))
}

fn as_text(contents: &Contents) -> String {
    let chains = contents.lock.chains();
    let rows: Vec<Vec<String>> = contents
        .artifacts
        .iter()
        .map(|artifact| {
            vec![
                artifact.kind.to_string(),
                safe(&artifact.name),
                artifact.descriptor.digest.short(),
                size(artifact.bytes),
                safe(&because(&chains, &artifact.id)),
            ]
        })
        .collect();
    let bytes: u64 = contents.blobs.iter().map(|blob| blob.size).sum();
    format!(
        "{} {}: {}, {} in {} (claimed; run `haversack verify` to prove it)\n\n{}{}",
        contents.name,
        contents.version,
        closure::summary(&contents.lock),
        size(bytes),
        count(contents.blobs.len(), "blob"),
        table(&rows),
        closure::opaque(&contents.lock.opaque),
    )
}

/// `platform.yaml:12 apps[0] > apps/web.yaml:17 spec.source.repoURL`.
fn because(chains: &Chains<'_>, id: &str) -> String {
    let chain = chains.of(id);
    let steps: Vec<String> = chain
        .iter()
        .map(|edge| format!("{} {}", edge.place, edge.field).trim().to_owned())
        .collect();
    format!("because {}", steps.join(" > "))
}
