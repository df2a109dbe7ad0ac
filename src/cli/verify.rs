//! `haversack verify`: proves a bundle with nothing but a public key.

use std::path::PathBuf;

use crate::bundle::Sealed;
use crate::cli::words::{json, out, size};
use crate::cli::{Face, Failure};
use crate::report::count;
use crate::trust::Trust;

/// Prove a bundle: signature first, then the exact set of files, then every digest
///
/// Needs no network and no write access: media may be read-only. --deep also decompresses every blob
/// and checks its digest.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  haversack verify /media/usb/platform-1.0.0 --trust trust/")]
pub(crate) struct Args {
    /// The bundle's folder
    bundle: PathBuf,
    /// Folder with the public keys (*.pem) that you trust
    #[arg(long, value_name = "DIR")]
    trust: PathBuf,
    /// Also decompress and check every blob
    #[arg(long)]
    deep: bool,
}

pub(crate) fn run(args: &Args, face: Face) -> Result<(), Failure> {
    let report = face.report();
    let trust = Trust::load(&args.trust)?;
    let sealed = Sealed::open(&args.bundle)?;
    let bytes = sealed.size_bytes();
    let verified = sealed.verify(&trust, &report)?;
    if args.deep {
        verified.deep(&report)?;
    }
    let contents = verified.contents();
    if face.json {
        out(&json(&serde_json::json!({
            "ok": true, "name": contents.name, "version": contents.version, "key": verified.key().to_string(),
            "bundle": verified.sums_digest(), "bytes": bytes, "deep": args.deep,
        })));
        return Ok(());
    }
    out(&format!(
        "{} {} is sound: signed by {}, {}{}\n",
        contents.name,
        contents.version,
        verified.key(),
        size(bytes),
        if args.deep {
            format!(", {} checked one by one", count(contents.blobs.len(), "blob"))
        } else {
            String::new()
        },
    ));
    Ok(())
}
