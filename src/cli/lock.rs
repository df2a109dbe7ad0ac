//! `haversack lock`: works out everything that an inventory leads to, and pins it.

use std::path::PathBuf;

use crate::cli::words::{json, out, safe, table};
use crate::cli::{Face, Failure, block_on, connect};
use crate::lock::{Lock, Opaque};
use crate::report::count;
use crate::resolve;

/// Work out everything that the inventory leads to, and pin it in NAME.lock.json
///
/// Tags become digests, version ranges become versions, branches become commits, and every pin says
/// why it is there. What cannot be seen into is listed at the end and recorded in the lock.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  haversack lock platform.yaml")]
pub(crate) struct Args {
    /// The inventory
    inventory: PathBuf,
    #[command(flatten)]
    reach: connect::Reach,
}

pub(crate) fn run(args: &Args, face: Face) -> Result<(), Failure> {
    let inventory = connect::inventory(&args.inventory)?;
    let sources = args.reach.sources(inventory.plain_hosts(), face.report())?;
    let lock = block_on(resolve::resolve(&inventory, &sources))?;
    let path = connect::lock_path(&args.inventory, &inventory);
    connect::write(&path, &lock.to_bytes())?;
    if face.json {
        out(&json(&serde_json::json!({
            "ok": true, "lock": path, "images": lock.images.len(), "charts": lock.charts.len(),
            "repos": lock.repos.len(), "files": lock.files.len(), "opaque": lock.opaque,
        })));
    } else {
        out(&format!("{}: {}\n{}", path.display(), summary(&lock), opaque(&lock.opaque)));
    }
    Ok(())
}

/// `3 images, 1 chart, 1 repo, 0 files`.
pub(super) fn summary(lock: &Lock) -> String {
    let counts = [
        (lock.images.len(), "image"),
        (lock.charts.len(), "chart"),
        (lock.repos.len(), "repo"),
        (lock.files.len(), "file"),
    ];
    counts.map(|(number, noun)| count(number, noun)).join(", ")
}

/// The places that could not be seen into, with what to do about each.
pub(super) fn opaque(opaque: &[Opaque]) -> String {
    if opaque.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = opaque
        .iter()
        .map(|o| {
            let place = format!("{} {}", o.edge.place, o.edge.field);
            vec![format!("  {}", safe(&o.what)), safe(place.trim()), safe(&o.advice)]
        })
        .collect();
    format!("\nNot seen into ({}):\n{}", count(opaque.len(), "place"), table(&rows))
}
