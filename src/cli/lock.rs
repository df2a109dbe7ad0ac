//! `haversack lock`: works out everything that an inventory leads to, and pins it.

use std::path::PathBuf;

use crate::cli::words::{json, out};
use crate::cli::{Face, Failure, block_on, closure, connect};
use crate::resolve::{self, Faults, Wanted};

/// Work out everything that the inventory leads to, and pin it in NAME.lock.json
///
/// Tags become digests, version ranges become versions, branches become commits, and every pin says
/// why it is there. What cannot be seen into is listed at the end and recorded in the lock.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  haversack lock platform.yaml")]
pub(crate) struct Args {
    /// The inventory
    inventory: PathBuf,
    /// Go on when a chart does not render, and record it as opaque
    #[arg(long)]
    keep_going: bool,
    #[command(flatten)]
    reach: connect::Reach,
}

pub(crate) fn run(args: &Args, face: Face) -> Result<(), Failure> {
    let inventory = connect::inventory(&args.inventory)?;
    let values = connect::values(&args.inventory, &inventory)?;
    let sources = args.reach.sources(inventory.plain_hosts(), face.report())?;
    let faults = if args.keep_going { Faults::KeepGoing } else { Faults::Stop };
    let wanted = Wanted { inventory: &inventory, values: &values, faults };
    let lock = block_on(resolve::resolve(wanted, &sources))?;
    let path = connect::lock_path(&args.inventory, &inventory);
    connect::write(&path, &lock.to_bytes())?;
    if face.json {
        out(&json(&serde_json::json!({
            "ok": true, "lock": path, "images": lock.images.len(), "charts": lock.charts.len(),
            "repos": lock.repos.len(), "files": lock.files.len(), "opaque": lock.opaque,
            "verdicts": closure::verdicts_json(&lock),
        })));
    } else {
        let tables =
            [closure::verdicts(&lock), closure::unsure(&lock), closure::opaque(&lock.opaque)];
        out(&format!("{}: {}\n{}", path.display(), closure::summary(&lock), tables.concat()));
    }
    Ok(())
}
