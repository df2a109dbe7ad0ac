//! The server's side: lets `git` answer fetches and pushes for a bare repository (gitprotocol-http(5)).
//!
//! The HTTP around it belongs to `serve`. Whoever comes from there has been let in; what he sends has not been looked at.

use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::git::error::GitError;
use crate::git::pktline::{FLUSH, line};
use crate::git::program::{Call, Config, Git};
use crate::git::refs::check_ref_name;
use crate::limits;

/// Settings of the server's side.
const SERVING: &[&str] = &[
    "core.fsync=all",
    "receive.autogc=false",
    "receive.denyDeleteCurrent=ignore",
    "receive.updateServerInfo=false",
    "safe.directory=*",
    "transfer.hideRefs=refs/haversack",
    "uploadpack.allowAnySHA1InWant=true",
    "uploadpack.allowFilter=true",
];

/// Longest `Git-Protocol` header that is passed on.
const PROTOCOL_BYTES_MAX: usize = 256;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// A fetch.
    UploadPack,
    /// A push.
    ReceivePack,
}

impl Service {
    /// Reads `git-upload-pack` or `git-receive-pack`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::UploadPack, Self::ReceivePack].into_iter().find(|service| service.name() == name)
    }

    /// The name in URLs and media types.
    pub fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::UploadPack => "upload-pack",
            Self::ReceivePack => "receive-pack",
        }
    }
}

/// A git that answers one request. It ends when this is dropped.
pub struct ServiceProcess {
    /// Takes the request's body, decompressed. Close it at the end of the body.
    pub stdin: ChildStdin,
    /// Gives the answer's body. Read it while the request is still being written, or both sides wait for ever.
    pub stdout: ChildStdout,
    /// The process, to be waited for.
    pub child: Child,
}

/// The body of the answer to `info/refs?service=…`.
///
/// `protocol` is the request's `Git-Protocol` header, as it came.
pub async fn advertise(
    git: &Git,
    service: Service,
    repo: &Path,
    protocol: Option<&str>,
) -> Result<Vec<u8>, GitError> {
    let mut command = command(git, service, protocol);
    command.args(["--stateless-rpc", "--http-backend-info-refs"]).arg(repo);
    let bytes_max = limits::GIT_ADVERTISEMENT_BYTES_MAX;
    let said = git.output(command, Call { what: service.verb(), input: Vec::new(), bytes_max });
    let said = said.await?;
    // Version 2 begins with its own line and has no service line (http-backend.c, get_info_refs).
    if said.get(4..).is_some_and(|rest| rest.starts_with(b"version 2")) {
        return Ok(said);
    }
    let mut body = Vec::with_capacity(said.len() + 40);
    line(&mut body, format!("# service={}\n", service.name()).as_bytes());
    body.extend_from_slice(FLUSH);
    body.extend_from_slice(&said);
    Ok(body)
}

/// Starts the answer to `POST …/git-upload-pack` or `…/git-receive-pack`.
pub async fn run(
    git: &Git,
    service: Service,
    repo: &Path,
    protocol: Option<&str>,
) -> Result<ServiceProcess, GitError> {
    let mut command = command(git, service, protocol);
    command.arg("--stateless-rpc").arg(repo);
    // What goes wrong is told to the client in band; nobody reads the rest.
    command.stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|source| git.start(source))?;
    match (child.stdin.take(), child.stdout.take()) {
        (Some(stdin), Some(stdout)) => Ok(ServiceProcess { stdin, stdout, child }),
        _ => Err(git.start(std::io::Error::other("no pipes"))),
    }
}

/// Makes an empty bare repository. `head` is the branch that `HEAD` will name, such as `main`.
///
/// It appears under its name when it is whole; one that is there already is left alone.
pub async fn init_bare(git: &Git, repo: &Path, head: &str) -> Result<(), GitError> {
    let branch = head.strip_prefix("refs/heads/").unwrap_or(head);
    check_ref_name(&format!("refs/heads/{branch}"))?;
    if repo.join("HEAD").is_file() {
        return Ok(());
    }
    let folder = repo.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(GitError::io(folder))?;
    let new = tempfile::Builder::new().prefix(".new-").tempdir_in(folder);
    let new = new.map_err(GitError::io(folder))?;
    let mut command = git.command(Config::Nobody, None);
    command.args(["init", "--quiet", "--bare", "--template=", "--object-format=sha1"]);
    command.arg(format!("--initial-branch={branch}")).arg("--").arg(new.path());
    git.output(command, Call { what: "init", input: Vec::new(), bytes_max: 4096 }).await?;
    match std::fs::rename(new.path(), repo) {
        Ok(()) => {
            // It is not where the guard would look for it any more.
            drop(new.keep());
            Ok(())
        }
        // Somebody else was faster.
        Err(_) if repo.join("HEAD").is_file() => Ok(()),
        Err(error) => Err(GitError::io(repo)(error)),
    }
}

/// Makes `HEAD` name a branch, whether that is there or not.
pub async fn set_head(git: &Git, repo: &Path, head: &str) -> Result<(), GitError> {
    let name = format!("refs/heads/{}", head.strip_prefix("refs/heads/").unwrap_or(head));
    check_ref_name(&name)?;
    let repo = repo.canonicalize().map_err(GitError::io(repo))?;
    let mut command = git.command(Config::Nobody, Some(&repo));
    command.args(["-c", "safe.directory=*", "symbolic-ref", "HEAD", &name]);
    let call = Call { what: "symbolic-ref", input: Vec::new(), bytes_max: 4096 };
    git.output(command, call).await.map(drop)
}

/// The part of a `Git-Protocol` header that may be handed on: `key=value` pairs of letters and digits, with colons between.
pub fn protocol_header(value: &str) -> Option<&str> {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let pair =
        |part: &str| part.split_once('=').is_some_and(|(key, value)| word(key) && word(value));
    (value.len() <= PROTOCOL_BYTES_MAX && value.split(':').all(pair)).then_some(value)
}

fn command(git: &Git, service: Service, protocol: Option<&str>) -> Command {
    let mut command = git.command(Config::Nobody, None);
    for setting in SERVING {
        command.args(["-c", setting]);
    }
    if let Some(protocol) = protocol.and_then(protocol_header) {
        command.env("GIT_PROTOCOL", protocol);
    }
    command.arg(service.verb());
    if service == Service::UploadPack {
        command.arg("--strict");
    }
    command
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn passes_on_sound_protocol_headers_only() {
        for sound in ["version=2", "version=2:x=1"] {
            assert_eq!(protocol_header(sound), Some(sound));
        }
        for odd in ["", "version", "version=2\n", "a=b;c", "a==b", ":", "a=b:"] {
            assert_eq!(protocol_header(odd), None, "{odd:?}");
        }
        assert_eq!(protocol_header(&format!("a={}", "1".repeat(300))), None);
    }
}
