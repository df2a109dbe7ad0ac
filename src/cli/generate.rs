//! What is made from the command line and the types themselves: completions, man pages, the inventory's schema.

use std::path::PathBuf;

use clap_complete::Shell;

use crate::cli::words::{json, out};
use crate::cli::{Failure, connect};
use crate::inventory;

/// Print the JSON schema of the inventory, for editors
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  haversack schema > inventory.schema.json")]
pub(crate) struct SchemaArgs {}

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  haversack completions bash > /etc/bash_completion.d/haversack")]
pub(crate) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

/// Write the man pages into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  haversack man /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Folder to write to
    dir: PathBuf,
}

pub(crate) fn schema() {
    out(&json(&inventory::schema()));
}

pub(crate) fn completions(args: &CompletionsArgs, command: &mut clap::Command) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "haversack", &mut script);
    out(&String::from_utf8_lossy(&script));
}

pub(crate) fn man(args: &ManArgs, command: &clap::Command) -> Result<(), Failure> {
    std::fs::create_dir_all(&args.dir).map_err(|error| Failure::file(&args.dir, &error))?;
    let mut pages = vec![("haversack".to_owned(), command.clone())];
    while let Some((name, page)) = pages.pop() {
        for verb in page.get_subcommands().filter(|verb| verb.get_name() != "help") {
            pages.push((format!("{name}-{}", verb.get_name()), verb.clone()));
        }
        let mut text = Vec::new();
        let path = args.dir.join(format!("{name}.1"));
        clap_mangen::Man::new(page.display_name(name.clone()))
            .render(&mut text)
            .map_err(|error| Failure::file(&path, &error))?;
        connect::write(&path, &text)?;
        out(&format!("{}\n", path.display()));
    }
    Ok(())
}
