//! `haversack serve`: the embedded registry and git server.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::cli::failure::Code;
use crate::cli::words::out;
use crate::cli::{Face, Failure, block_on};
use crate::git::{Git, GitOptions};
use crate::serve::{self, Options, Sparse};

/// Run an embedded registry and git server
///
/// A place to try a bundle before it is trusted with the real thing. The registry is at /v2/, git
/// repositories at /git/OWNER/REPO.git (made by the first push), files at /files/. Everyone who
/// reaches the port may write: it listens on loopback unless you say otherwise.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  haversack serve --root inside/ --listen 127.0.0.1:5000")]
pub(crate) struct Args {
    /// Folder that keeps everything
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5000", value_parser = address)]
    listen: SocketAddr,
    /// Allow an address that other machines can reach, with no password and no encryption
    #[arg(long)]
    allow_anyone: bool,
    /// Take indexes of which some platforms are missing, as bundles carry them; --sparse=false refuses
    /// them, as CNCF distribution does
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    sparse: bool,
    /// Write a line for each request to standard error
    #[arg(long)]
    log: bool,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "must be an IP address and a port, such as 127.0.0.1:5000".to_owned())
}

pub(crate) fn run(args: &Args, face: Face) -> Result<(), Failure> {
    if !args.listen.ip().is_loopback() && !args.allow_anyone {
        return Err(Failure::new(
            Code::Usage,
            format!("{} can be reached from other machines", args.listen),
        )
        .hint("anyone who reaches it may write; if that is what you want, add --allow-anyone"));
    }
    let options = Options {
        address: args.listen,
        root: args.root.clone(),
        users: None,
        git: Git::new(GitOptions::default()),
        sparse: if args.sparse { Sparse::Platforms } else { Sparse::Nothing },
        log: args.log,
    };
    let report = face.report();
    block_on(async {
        let server = serve::start(options, report).await?;
        out(&format!("listening on http://{}\n", server.address()));
        server.wait().await;
        Ok::<(), Failure>(())
    })
    .or_else(|failure| if failure.code == Code::Interrupted { Ok(()) } else { Err(failure) })
}
