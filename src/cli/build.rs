//! `haversack build`: fetches what the lock pins, packs it, seals and signs it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::artifact::Digest;
use crate::build::{self, BuildError};
use crate::bundle::{BundleError, Flush, PackOptions, Sealed};
use crate::cli::failure::Code;
use crate::cli::words::{json, out, size};
use crate::cli::{Face, Failure, block_on, closure, connect, keys};
use crate::inventory::Inventory;
use crate::limits;
use crate::lock::{Lock, ValuesFile};
use crate::resolve::{self, Faults, Wanted};
use crate::source::Sources;

/// Build a signed bundle from an inventory
///
/// Locks first if there is no lock. What was fetched for an earlier build is not fetched again; an
/// interrupted build goes on where it stopped.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  haversack build platform.yaml --key release.key.pem")]
pub(crate) struct Args {
    /// The inventory
    inventory: PathBuf,
    /// Refuse to run without a lock
    #[arg(long)]
    locked: bool,
    /// Folder that the bundle's folder is made in
    #[arg(long, value_name = "DIR", default_value = "bundles")]
    bundles: PathBuf,
    /// Largest pack, such as 2GiB or 700MB; at most 4 GiB - 1, which FAT32 media take
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = part_size)]
    part_size: u64,
    /// Do not wait for the disk: faster, but unmount the medium before you pull it
    #[arg(long)]
    no_sync: bool,
    #[command(flatten)]
    signer: keys::Signer,
    #[command(flatten)]
    reach: connect::Reach,
}

pub(crate) fn run(args: &Args, face: Face) -> Result<(), Failure> {
    let inventory = connect::inventory(&args.inventory)?;
    let values = connect::values(&args.inventory, &inventory)?;
    let key = args.signer.key()?;
    let sources = args.reach.sources(inventory.plain_hosts(), face.report())?;
    let flush = if args.no_sync { Flush::ToSystem } else { Flush::ToDisk };
    let options = PackOptions { part_bytes: args.part_size, flush, ..PackOptions::default() };
    let (lock, draft) = block_on(async {
        let lock = lock(args, &inventory, &values, &sources).await?;
        let draft = build::build(&lock, &sources, &args.bundles, options)
            .await
            .map_err(|error| forget_damage(&sources, error))?;
        Ok::<_, Failure>((lock, draft))
    })?;
    let sealed = draft.seal(&[key])?;
    print(&sealed, &lock, face);
    Ok(())
}

/// The lock beside the inventory, or a new one.
async fn lock(
    args: &Args,
    inventory: &Inventory,
    values: &BTreeMap<String, String>,
    sources: &Sources,
) -> Result<Lock, Failure> {
    let path = connect::lock_path(&args.inventory, inventory);
    let again =
        format!("run `haversack lock {}` and look at what changed", args.inventory.display());
    if !path.exists() {
        if args.locked {
            let hint = format!("make one with `haversack lock {}`", args.inventory.display());
            let error = format!("{}: no lock", path.display());
            return Err(Failure::new(Code::Inventory, error).hint(hint));
        }
        let wanted = Wanted { inventory, values, faults: Faults::Stop };
        let lock = resolve::resolve(wanted, sources).await?;
        connect::write(&path, &lock.to_bytes())?;
        return Ok(lock);
    }
    let lock = read_lock(&path)?;
    if lock.inventory != inventory.digest {
        let error = format!("{}: the inventory was changed after it was locked", path.display());
        return Err(Failure::new(Code::Inventory, error).hint(again));
    }
    let same = |file: &ValuesFile| {
        values.get(&file.path).is_some_and(|text| Digest::of(text.as_bytes()) == file.digest)
    };
    let changed: Vec<&str> =
        lock.values.iter().filter(|file| !same(file)).map(|file| file.path.as_str()).collect();
    if !changed.is_empty() {
        let changed = changed.join(", ");
        let error = format!("{}: {changed} changed after the inventory was locked", path.display());
        return Err(Failure::new(Code::Inventory, error).hint(again));
    }
    Ok(lock)
}

pub(super) fn read_lock(path: &Path) -> Result<Lock, Failure> {
    let bytes = connect::read(path, limits::LOCK_BYTES_MAX)?;
    Lock::parse(&bytes).map_err(|error| {
        let mut failure = Failure::from(error);
        failure.errors.iter_mut().for_each(|text| *text = format!("{}: {text}", path.display()));
        failure
    })
}

/// A blob that was damaged in the store is dropped there, so that the next run fetches it again.
fn forget_damage(sources: &Sources, error: BuildError) -> Failure {
    let damaged = match &error {
        BuildError::Bundle(BundleError::Damaged { digest, .. }) => Some(*digest),
        _ => None,
    };
    let failure = Failure::from(error);
    match damaged.map(|digest| sources.store.remove(&digest)) {
        Some(Ok(())) => failure
            .hint("it was dropped from the store: run the same command again to fetch it anew"),
        _ => failure,
    }
}

fn print(sealed: &Sealed, lock: &Lock, face: Face) {
    let bytes = sealed.size_bytes();
    if face.json {
        out(&json(&serde_json::json!({
            "ok": true, "bundle": sealed.dir(), "digest": sealed.sums_digest(), "bytes": bytes,
            "opaque": lock.opaque,
        })));
        return;
    }
    out(&format!(
        "{}: {}, {}\n{}",
        sealed.dir().display(),
        closure::summary(lock),
        size(bytes),
        closure::opaque(&lock.opaque)
    ));
}

/// Reads `700MB`, `2GiB` or plain bytes.
fn part_size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        other => return Err(format!("unit {other:?} is not one of B, KB, MB, GB, KiB, MiB, GiB")),
    };
    let bytes = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .ok_or("not a size")?;
    // 4 GiB is what people type for "as large as FAT32 allows".
    let bytes = if bytes == 4 << 30 { limits::PACK_BYTES_MAX } else { bytes };
    if (limits::PACK_BYTES_MIN..=limits::PACK_BYTES_MAX).contains(&bytes) {
        return Ok(bytes);
    }
    Err(format!("must be from {} to {} bytes", limits::PACK_BYTES_MIN, limits::PACK_BYTES_MAX))
}
