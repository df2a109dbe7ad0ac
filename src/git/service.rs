//! Git's own server programs: `upload-pack` and `receive-pack`, isolated from everybody's
//! configuration.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use thiserror::Error;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Why git could not do it.
#[derive(Debug, Error)]
pub enum GitError {
    /// The program could not be started.
    #[error("the program git could not be run")]
    Start(#[source] io::Error),
    /// It ran and failed.
    #[error("git {what}: {words}")]
    Failed {
        /// Which command.
        what: String,
        /// What it said.
        words: String,
    },
}

/// What `git` may use.
#[derive(Clone, Debug)]
pub struct GitOptions {
    /// The program; `git` is looked up in `PATH`.
    pub program: PathBuf,
}

impl Default for GitOptions {
    fn default() -> Self {
        Self { program: PathBuf::from("git") }
    }
}

/// The `git` program. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Git(PathBuf);

impl Git {
    /// Takes the options; nothing is started yet.
    pub fn new(options: GitOptions) -> Self {
        Self(options.program)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.0);
        command
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env_remove("GIT_DIR")
            .env_remove("GIT_PROTOCOL")
            .args(["-c", "core.hooksPath=/dev/null", "-c", "receive.fsckObjects=true"])
            .args(["-c", "gc.auto=0", "-c", "receive.autogc=false", "-c", "core.fsync=all"])
            .args(["-c", "uploadpack.allowFilter=true", "-c", "safe.directory=*"])
            .args(["-c", "receive.denyDeleteCurrent=ignore"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn output(&self, what: &str, mut command: Command) -> Result<Vec<u8>, GitError> {
        let output = command.output().await.map_err(GitError::Start)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(GitError::Failed { what: what.to_owned(), words })
    }
}

/// One of the two services of smart HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Fetching.
    UploadPack,
    /// Pushing.
    ReceivePack,
}

impl Service {
    /// Its name on the wire, `git-upload-pack`.
    pub fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::UploadPack, Self::ReceivePack].into_iter().find(|service| service.name() == name)
    }
}

/// A git that answers one request. It ends when this is dropped.
pub struct ServiceProcess {
    /// Takes the request's body, decompressed. Close it at the end of the body.
    pub stdin: ChildStdin,
    /// Gives the answer's body.
    pub stdout: ChildStdout,
    /// The process, to be waited for.
    pub child: Child,
}

/// The part of a `Git-Protocol` header that may be handed on: `key=value` pairs of letters and
/// digits.
pub fn protocol_header(value: &str) -> Option<&str> {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let pair = |part: &str| part.split_once('=').is_some_and(|(k, v)| word(k) && word(v));
    (value.len() <= 256 && value.split(':').all(pair)).then_some(value)
}

fn service(git: &Git, service: Service, protocol: Option<&str>) -> Command {
    let mut command = git.command();
    if let Some(protocol) = protocol.and_then(protocol_header) {
        command.env("GIT_PROTOCOL", protocol);
    }
    command.args([service.name().trim_start_matches("git-"), "--stateless-rpc"]);
    command
}

/// The answer to `info/refs`, with the service line that protocol v0 wants.
pub async fn advertise(
    git: &Git,
    which: Service,
    repo: &Path,
    protocol: Option<&str>,
) -> Result<Vec<u8>, GitError> {
    let mut command = service(git, which, protocol);
    command.arg("--http-backend-info-refs").arg(repo);
    let refs = git.output(which.name(), command).await?;
    if refs.starts_with(b"000eversion 2") {
        return Ok(refs);
    }
    let line = format!("# service={}\n", which.name());
    let mut answer = format!("{:04x}{line}0000", line.len() + 4).into_bytes();
    answer.extend_from_slice(&refs);
    Ok(answer)
}

/// Starts a service on one request.
pub async fn run(
    git: &Git,
    which: Service,
    repo: &Path,
    protocol: Option<&str>,
) -> Result<ServiceProcess, GitError> {
    let mut command = service(git, which, protocol);
    command.arg(repo).stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(GitError::Start)?;
    let lost = || GitError::Start(io::ErrorKind::BrokenPipe.into());
    let stdin = child.stdin.take().ok_or_else(lost)?;
    let stdout = child.stdout.take().ok_or_else(lost)?;
    Ok(ServiceProcess { stdin, stdout, child })
}

/// Makes an empty bare repository whose HEAD names a branch.
pub async fn init_bare(git: &Git, repo: &Path, head: &str) -> Result<(), GitError> {
    let mut command = git.command();
    command.args(["init", "--quiet", "--bare", "--template="]);
    command.arg(format!("--initial-branch={head}")).arg(repo);
    git.output("init", command).await.map(|_| ())
}

/// Points HEAD at a branch.
pub async fn set_head(git: &Git, repo: &Path, branch: &str) -> Result<(), GitError> {
    let mut command = git.command();
    command.arg("--git-dir").arg(repo);
    command.args(["symbolic-ref", "HEAD", &format!("refs/heads/{branch}")]);
    git.output("symbolic-ref", command).await.map(|_| ())
}
