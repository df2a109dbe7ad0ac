//! The face: parses what was typed, joins rooms, prints, and picks the exit code.
//!
//! The only room that prints, prompts, reads the environment or catches signals. One file per verb; a verb is an `Args`
//! whose doc comment is its help, and a `run` that joins rooms. Nobody imports this room but `main.rs`.

mod build;
mod chart_place;
mod closure;
mod connect;
mod failure;
mod generate;
mod init;
mod inspect;
mod keys;
mod lock;
mod progress;
mod render;
mod replay;
mod serve;
mod verify;
mod why;
mod words;

use std::io::IsTerminal as _;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::report::Report;

pub use failure::{Code, Failure};

/// Carries a Kubernetes platform across an air gap.
///
/// On the connected host: write an inventory, lock it, build a signed bundle.
/// Carry the bundle's folder by hand. On the isolated side: verify it, replay it.
#[derive(Debug, Parser)]
#[command(name = "haversack", version, max_term_width = 100, after_help = FIRST_STEPS)]
#[command(arg_required_else_help = true, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    face: Face,
}

/// How to talk to the person or program that called.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Face {
    /// Print the result as JSON on standard output
    #[arg(long, global = true)]
    json: bool,
    /// Show no progress
    #[arg(long, short, global = true)]
    quiet: bool,
}

const FIRST_STEPS: &str = "\
First steps:
  haversack init platform.yaml            write an inventory to start from
  haversack keys generate release         make a signing key and its public half
  haversack build platform.yaml --key release.key.pem
  haversack verify bundles/platform-1.0.0 --trust trust/
  haversack replay bundles/platform-1.0.0 --site site.yaml --trust trust/

Exit codes: 0 done, 1 our bug, 2 usage, 3 inventory or lock not sound, 4 a source was missing or
refused, 5 not trusted, 6 damaged, 7 the site refused, 8 a rotation hook failed, 130 interrupted.";

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "made once a run")]
enum Verb {
    Init(init::Args),
    Lock(lock::Args),
    Why(why::Args),
    Build(build::Args),
    Inspect(inspect::Args),
    Render(render::Args),
    Verify(verify::Args),
    Replay(replay::Args),
    Serve(serve::Args),
    Keys(keys::Args),
    Schema(generate::SchemaArgs),
    Completions(generate::CompletionsArgs),
    Man(generate::ManArgs),
}

/// Parses the command line, runs the verb, and returns the exit code.
pub fn run() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no failure; a broken pipe while printing them is nobody's fault.
            let _ = error.print();
            return if error.use_stderr() { Code::Usage.number() } else { 0 };
        }
    };
    let face = cli.face;
    match cli.verb.run(face) {
        Ok(()) => 0,
        Err(failure) => {
            failure.print(face.json);
            failure.code.number()
        }
    }
}

impl Verb {
    fn run(self, face: Face) -> Result<(), Failure> {
        match self {
            Self::Init(args) => init::run(&args, face),
            Self::Lock(args) => lock::run(&args, face),
            Self::Why(args) => why::run(&args, face),
            Self::Build(args) => build::run(&args, face),
            Self::Inspect(args) => inspect::run(&args, face),
            Self::Render(args) => render::run(&args, face),
            Self::Verify(args) => verify::run(&args, face),
            Self::Replay(args) => replay::run(&args, face),
            Self::Serve(args) => serve::run(&args, face),
            Self::Keys(args) => keys::run(&args, face),
            Self::Schema(_) => {
                generate::schema();
                Ok(())
            }
            Self::Completions(args) => {
                generate::completions(&args, &mut Cli::command());
                Ok(())
            }
            Self::Man(args) => generate::man(&args, &Cli::command()),
        }
    }
}

impl Face {
    /// The listener that rooms report to: bars on a terminal, plain lines elsewhere.
    fn report(self) -> Report {
        if self.quiet {
            return Report::new(progress::quiet());
        }
        if std::io::stderr().is_terminal() && !self.json {
            return Report::new(progress::bars());
        }
        Report::new(progress::lines())
    }
}

/// Waits for Ctrl-C, or for the signal that service managers and `kill` send.
async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without a handler SIGTERM ends the process as ever; Ctrl-C is still heard.
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

/// Runs a future to its end or until the person interrupts it.
fn block_on<T, E: Into<Failure>>(work: impl Future<Output = Result<T, E>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::bug(format!("the runtime does not start: {error}")))?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = work => outcome.map_err(Into::into),
            () = asked_to_stop() => Err(Failure::interrupted()),
        }
    });
    // Threads that wait on a disk or a socket must not hold up the end.
    runtime.shutdown_background();
    outcome
}
