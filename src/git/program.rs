//! The one place that starts `git`.
//!
//! What a repository, a server or a stray setting could make git do, and what stops it:
//!
//! 1. hooks: `core.hooksPath=/dev/null`, and templates are never copied
//! 2. other transports (`ext::`, `fd::`, `git://`, `file://`): `protocol.allow=never`, then the listed ones, each by name
//!    because a person's own `protocol.ext.allow` would win over the general rule
//! 3. malformed objects (CVE-2018-11235 and kin): `transfer.fsckObjects`
//! 4. a server that points to further downloads: `transfer.bundleURI=false`
//! 5. submodules: never followed
//! 6. a bare repository hidden in a tree: `safe.bareRepository=explicit`, and the folder is always given
//! 7. `GIT_*` of the caller's environment: removed, except how a person told git to reach out (ssh, askpass)
//! 8. the person's and the system's configuration: read only where git talks to a server on the connected side, because
//!    credential helpers, proxies and ssh settings live there; everywhere else git sees no configuration at all
//! 9. prompts: `GIT_TERMINAL_PROMPT=0`

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::git::error::{GitError, words};
use crate::limits;

/// Most bytes of git's own error output that are kept.
const STDERR_BYTES_MAX: usize = 8 << 10;

/// Variables that steer git (git(1), "Environment Variables"), removed from what it inherits.
const STEERING: &[&str] = &[
    "GIT_ADVICE",
    "GIT_ALLOW_PROTOCOL",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_GLOBAL",
    "GIT_ATTR_NOSYSTEM",
    "GIT_ATTR_SOURCE",
    "GIT_ATTR_SYSTEM",
    "GIT_AUTHOR_DATE",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_NAME",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMITTER_DATE",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CURL_VERBOSE",
    "GIT_DEFAULT_HASH",
    "GIT_DEFAULT_REF_FORMAT",
    "GIT_DIFF_OPTS",
    "GIT_DIR",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_EDITOR",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_FLUSH",
    "GIT_FORCE_UNTRACKED_CACHE",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INDEX_VERSION",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_LITERAL_PATHSPECS",
    "GIT_MERGE_VERBOSITY",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_NO_LAZY_FETCH",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_OPTIONAL_LOCKS",
    "GIT_PAGER",
    "GIT_PREFIX",
    "GIT_PROTOCOL",
    "GIT_PROTOCOL_FROM_USER",
    "GIT_QUARANTINE_PATH",
    "GIT_REDIRECT_STDERR",
    "GIT_REDIRECT_STDIN",
    "GIT_REDIRECT_STDOUT",
    "GIT_REFLOG_ACTION",
    "GIT_REF_PARANOIA",
    "GIT_REF_URI",
    "GIT_REPLACE_REF_BASE",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SHALLOW_FILE",
    "GIT_SSL_NO_VERIFY",
    "GIT_TEMPLATE_DIR",
    "GIT_TEST_DEFAULT_HASH",
    "GIT_TRACE",
    "GIT_TRACE2",
    "GIT_TRACE2_EVENT",
    "GIT_TRACE2_PERF",
    "GIT_TRACE_CURL",
    "GIT_TRACE_FSMONITOR",
    "GIT_TRACE_PACKET",
    "GIT_TRACE_PACKFILE",
    "GIT_TRACE_PACK_ACCESS",
    "GIT_TRACE_PERFORMANCE",
    "GIT_TRACE_REDACT",
    "GIT_TRACE_REFS",
    "GIT_TRACE_SETUP",
    "GIT_TRACE_SHALLOW",
    "GIT_WORK_TREE",
];

/// How a person tells git to reach out: kept where git talks to a server, removed everywhere else.
const REACHING: &[&str] = &[
    "GIT_ASKPASS",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_HTTP_LOW_SPEED_LIMIT",
    "GIT_HTTP_LOW_SPEED_TIME",
    "GIT_HTTP_PROXY_AUTHMETHOD",
    "GIT_HTTP_USER_AGENT",
    "GIT_PROXY_COMMAND",
    "GIT_PROXY_SSL_CAINFO",
    "GIT_PROXY_SSL_CERT",
    "GIT_PROXY_SSL_KEY",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_CERT",
    "GIT_SSL_KEY",
];

/// Settings of every call.
const ALWAYS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.commitGraph=false",
    "core.multiPackIndex=false",
    "core.logAllRefUpdates=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
    "protocol.ext.allow=never",
    "protocol.fd.allow=never",
    "protocol.git.allow=never",
    "safe.bareRepository=explicit",
    "submodule.recurse=false",
    "transfer.bundleURI=false",
    "transfer.fsckObjects=true",
    "fetch.fsckObjects=true",
    "receive.fsckObjects=true",
    "fetch.recurseSubmodules=false",
    "fetch.writeCommitGraph=false",
    "advice.detachedHead=false",
];

/// What `git` may use.
#[derive(Clone, Debug)]
pub struct GitOptions {
    /// The program; `git` is looked up in `PATH`.
    pub program: PathBuf,
    /// Certificate authorities for https instead of the system's own file, PEM.
    pub ca_file: Option<PathBuf>,
    /// Lets `file://` URLs and plain paths be fetched from. Meant for tests: a repository on this machine's disk may name
    /// further folders of it (`objects/info/alternates`).
    pub allow_file: bool,
}

impl Default for GitOptions {
    fn default() -> Self {
        Self { program: PathBuf::from("git"), ca_file: None, allow_file: false }
    }
}

/// The `git` program. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Git(Arc<GitOptions>);

/// Whose configuration git sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Config {
    /// The person's: for calls that talk to a server.
    Person,
    /// None at all.
    Nobody,
}

/// What one call of git is fed and may give back.
pub(super) struct Call<'a> {
    /// Words for messages, for example `ls-tree`.
    pub(super) what: &'a str,
    /// Standard input, whole.
    pub(super) input: Vec<u8>,
    /// Most bytes of standard output.
    pub(super) bytes_max: u64,
}

/// How a call of git ended.
pub(super) struct Ended {
    /// Whether it exited with 0.
    pub(super) success: bool,
    /// Its standard output.
    pub(super) stdout: Vec<u8>,
    /// The end of its error output, as it came.
    pub(super) stderr: Vec<u8>,
}

impl Git {
    /// Takes the options; nothing is started yet.
    pub fn new(options: GitOptions) -> Self {
        Self(Arc::new(options))
    }

    /// The version of the program, for example `2.39.5`.
    pub async fn version(&self) -> Result<String, GitError> {
        let mut command = self.command(Config::Nobody, None);
        command.arg("version");
        let call = Call { what: "version", input: Vec::new(), bytes_max: 4096 };
        let said = self.output(command, call).await?;
        let text = words(&said);
        Ok(text.strip_prefix("git version ").unwrap_or(&text).to_owned())
    }

    pub(super) fn options(&self) -> &GitOptions {
        &self.0
    }

    /// A command with everything set but its verb.
    pub(super) fn command(&self, config: Config, git_dir: Option<&Path>) -> Command {
        let mut command = Command::new(&self.0.program);
        for name in STEERING {
            command.env_remove(name);
        }
        if config == Config::Nobody {
            for name in REACHING {
                command.env_remove(name);
            }
            command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        }
        command
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_LITERAL_PATHSPECS", "1")
            .env("LC_ALL", "C")
            .env_remove("LANGUAGE");
        for setting in ALWAYS {
            command.args(["-c", setting]);
        }
        if config == Config::Person {
            self.reach_out(&mut command);
        }
        if let Some(folder) = git_dir {
            let mut given = OsString::from("--git-dir=");
            given.push(folder);
            command.arg(given).current_dir(folder);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    fn reach_out(&self, command: &mut Command) {
        let file = if self.0.allow_file { "always" } else { "never" };
        for transport in ["http", "https", "ssh"] {
            command.args(["-c", &format!("protocol.{transport}.allow=always")]);
        }
        let silence = limits::SILENCE_MAX.as_secs();
        command
            .args(["-c", &format!("protocol.file.allow={file}")])
            .args(["-c", "protocol.version=2"])
            .args(["-c", "http.lowSpeedLimit=1"])
            .args(["-c", &format!("http.lowSpeedTime={silence}")]);
        if let Some(path) = &self.0.ca_file {
            // By variable, because a person's own GIT_SSL_CAINFO would win over the setting.
            command.env("GIT_SSL_CAINFO", path);
        }
    }

    /// Runs a command to its end, whatever that is.
    pub(super) async fn end(
        &self,
        mut command: Command,
        call: Call<'_>,
    ) -> Result<Ended, GitError> {
        if !call.input.is_empty() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().map_err(|source| self.start(source))?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let Some(mut pipe) = stdin {
                // A program that stops reading says why on its own; a broken pipe adds nothing.
                let _ = pipe.write_all(&call.input).await;
            }
        };
        let mut taken = Vec::new();
        let take = async {
            let Some(pipe) = stdout else { return Ok(()) };
            pipe.take(call.bytes_max.saturating_add(1)).read_to_end(&mut taken).await.map(|_| ())
        };
        let (took, stderr, ()) = tokio::join!(take, tail(stderr, |_| ()), feed);
        took.map_err(|source| self.start(source))?;
        if taken.len() as u64 > call.bytes_max {
            let what = format!("what git {} says", call.what);
            return Err(GitError::Large { what, bytes_max: call.bytes_max });
        }
        let status = child.wait().await.map_err(|source| self.start(source))?;
        Ok(Ended { success: status.success(), stdout: taken, stderr })
    }

    /// Runs a command that has to succeed, and gives its standard output.
    pub(super) async fn output(
        &self,
        command: Command,
        call: Call<'_>,
    ) -> Result<Vec<u8>, GitError> {
        let what = call.what.to_owned();
        let ended = self.end(command, call).await?;
        if ended.success {
            Ok(ended.stdout)
        } else {
            Err(GitError::Failed { what, words: words(&ended.stderr) })
        }
    }

    pub(super) fn start(&self, source: std::io::Error) -> GitError {
        GitError::Start { program: self.0.program.clone(), source }
    }
}

/// Reads error output to its end and keeps the last of it; lines that a carriage return ends are progress, and are
/// only shown to `watch`.
pub(super) async fn tail<R: AsyncRead + Unpin>(
    pipe: Option<R>,
    mut watch: impl FnMut(&str),
) -> Vec<u8> {
    let Some(mut pipe) = pipe else { return Vec::new() };
    let (mut kept, mut line, mut piece) = (Vec::new(), Vec::new(), [0_u8; 4096]);
    loop {
        let count = match pipe.read(&mut piece).await {
            Ok(count) if count > 0 => count,
            // A pipe that breaks has ended.
            _ => break,
        };
        for &byte in &piece[..count] {
            if byte == b'\r' || byte == b'\n' || line.len() >= STDERR_BYTES_MAX {
                watch(&String::from_utf8_lossy(&line));
                if byte != b'\r' {
                    kept.append(&mut line);
                    kept.push(b'\n');
                }
                line.clear();
            } else {
                line.push(byte);
            }
        }
        let surplus = kept.len().saturating_sub(STDERR_BYTES_MAX);
        kept.drain(..surplus);
    }
    kept.append(&mut line);
    kept
}

#[cfg(test)]
mod unit {
    use super::*;

    #[tokio::test]
    async fn says_its_version_and_misses_a_missing_program() {
        let version = Git::new(GitOptions::default()).version().await.expect("git is installed");
        assert!(version.starts_with('2'), "{version}");
        let none = GitOptions { program: "/nonexistent/git".into(), ..GitOptions::default() };
        assert!(matches!(Git::new(none).version().await, Err(GitError::Start { .. })));
    }

    #[tokio::test]
    async fn no_configuration_and_no_odd_transport_gets_through() {
        let git = Git::new(GitOptions::default());
        for config in [Config::Nobody, Config::Person] {
            for url in ["ext::true", "file:///", "git://127.0.0.1:9/x", "/"] {
                let mut command = git.command(config, None);
                command.args(["ls-remote", "--", url]);
                let call = Call { what: "ls-remote", input: Vec::new(), bytes_max: 1024 };
                let error = git.output(command, call).await.expect_err("refused").to_string();
                assert!(error.contains("not allowed"), "{url}: {error}");
            }
        }
    }

    #[tokio::test]
    async fn progress_is_watched_and_not_kept() {
        let said = b"Receiving: 1%\rReceiving: 2%\rfatal: no\n".as_slice();
        let mut seen = 0;
        let kept = tail(Some(said), |_| seen += 1).await;
        assert_eq!((kept.as_slice(), seen), (b"fatal: no\n".as_slice(), 3));
    }
}
