//! `haversack init`: a commented starter inventory.

use std::path::PathBuf;

use crate::cli::failure::Code;
use crate::cli::words::{json, out};
use crate::cli::{Face, Failure, connect};
use crate::inventory::starter;

/// Write a commented starter inventory
///
/// The file names a few public things, so that you can see the shape; replace them with yours.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  haversack init platform.yaml")]
pub(crate) struct Args {
    /// File to write; an existing one is left alone
    #[arg(default_value = "inventory.yaml")]
    file: PathBuf,
}

pub(crate) fn run(args: &Args, face: Face) -> Result<(), Failure> {
    if args.file.symlink_metadata().is_ok() {
        return Err(Failure::new(Code::Usage, format!("{} exists", args.file.display()))
            .hint("choose another name, or remove the file first"));
    }
    let stem =
        args.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    connect::write(&args.file, starter(&stem).as_bytes())?;
    if face.json {
        out(&json(&serde_json::json!({ "ok": true, "inventory": args.file })));
    } else {
        out(&format!(
            "{file} written. Edit it, then:\n  haversack lock {file}\n",
            file = args.file.display()
        ));
    }
    Ok(())
}
