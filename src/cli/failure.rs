//! Every way a verb can fail: its exit code, what happened, and what to do next.
//!
//! Rooms return facts. This file, and only this file, gives them an exit code (DESIGN, "Exit codes") and a hint.

use std::error::Error;

use serde::Serialize;

use crate::build::BuildError;
use crate::bundle::{Blame, BundleError, VerifyFailure};
use crate::cli::words::{err, out, safe};
use crate::git::GitError;
use crate::helm::{ArchiveError, ChartError, RenderError, describe};
use crate::inventory::Problems;
use crate::lock::LockError;
use crate::net::NetError;
use crate::oci::{OciError, StoreError};
use crate::replay::ReplayError;
use crate::resolve::{Cause, Failures};
use crate::serve::ServeError;
use crate::source::SourceError;
use crate::trust::{KeyError, TrustError};

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Our bug.
    Bug,
    /// Wrong use of the command line.
    Usage,
    /// Inventory, site file or lock not sound.
    Inventory,
    /// A source was missing or refused.
    Source,
    /// Not trusted.
    Trust,
    /// Damaged.
    Damaged,
    /// The site refused.
    Site,
    /// Interrupted.
    Interrupted,
}

impl Code {
    /// The number that the process exits with.
    pub fn number(self) -> u8 {
        match self {
            Self::Bug => 1,
            Self::Usage => 2,
            Self::Inventory => 3,
            Self::Source => 4,
            Self::Trust => 5,
            Self::Damaged => 6,
            Self::Site => 7,
            Self::Interrupted => 130,
        }
    }
}

/// A verb that failed.
#[derive(Debug, Serialize)]
pub struct Failure {
    /// Exit code.
    #[serde(skip)]
    pub code: Code,
    /// What happened, one entry for each problem.
    pub errors: Vec<String>,
    /// What to do next.
    pub hints: Vec<String>,
}

impl Failure {
    /// A failure with one problem.
    pub fn new(code: Code, error: impl Into<String>) -> Self {
        Self { code, errors: vec![error.into()], hints: Vec::new() }
    }

    /// A failure of ours.
    pub fn bug(error: impl Into<String>) -> Self {
        Self::new(Code::Bug, error)
            .hint("this is a bug in haversack: please report it with the command that you ran")
    }

    /// A wrong use of the command line.
    pub fn usage(error: impl Into<String>) -> Self {
        Self::new(Code::Usage, error)
    }

    /// Something handed in that is not sound.
    pub fn unsound(error: impl Into<String>) -> Self {
        Self::new(Code::Inventory, error)
    }

    /// A failure to read or write a file that the person named.
    pub fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(Code::Usage, format!("{}: {error}", path.display()))
    }

    /// The person pressed Ctrl-C.
    pub fn interrupted() -> Self {
        Self::new(Code::Interrupted, "interrupted")
            .hint("run the same command again: it goes on where it stopped")
    }

    /// Adds advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        if !self.hints.contains(&hint) {
            self.hints.push(hint);
        }
        self
    }

    fn of(code: Code, error: &dyn Error) -> Self {
        Self::new(code, chain(error))
    }

    fn join(failures: Vec<Self>, fallback: Code) -> Self {
        let code = failures.first().map_or(fallback, |failure| failure.code);
        let mut joined = Self { code, errors: Vec::new(), hints: Vec::new() };
        for failure in failures {
            joined.errors.extend(failure.errors);
            for hint in failure.hints {
                joined = joined.hint(hint);
            }
        }
        joined
    }

    /// Prints the failure: for people on standard error, and as JSON on standard output when asked for.
    pub fn print(&self, json: bool) {
        if json {
            let body = serde_json::json!({
                "ok": false, "code": self.code.number(), "errors": self.errors, "hints": self.hints,
            });
            out(&format!("{body:#}\n"));
        }
        for error in &self.errors {
            err(&format!("error: {}\n", safe(error)));
        }
        for hint in &self.hints {
            err(&format!("hint: {}\n", safe(hint)));
        }
    }
}

/// What the HTTP client says it was doing, around the words that say what went wrong.
const STEPS: [&str; 5] = [
    "error sending request",
    "client error (Connect)",
    "tcp connect error",
    "dns error",
    "error resolving DNS",
];

/// An error and its causes on one line, leaving out a cause that only repeats what was said.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) && !STEPS.contains(&words.as_str()) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self {
            code: Code::Inventory,
            errors: problems.0.iter().map(ToString::to_string).collect(),
            hints: Vec::new(),
        }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        Self::of(Code::Inventory, &error).hint("make the lock again with `haversack lock`")
    }
}

impl From<NetError> for Failure {
    fn from(error: NetError) -> Self {
        net(&error, Self::of(Code::Source, &error))
    }
}

fn net(error: &NetError, failure: Failure) -> Failure {
    match error {
        NetError::Plain(host) => failure.hint(format!(
            "if {host} really speaks plain HTTP, say so: --plain-http {host} (connected side) or an http:// URL in the site file"
        )),
        NetError::Host(_) => failure.hint("only the hosts of the site file are talked to"),
        NetError::Busy { .. } => failure.hint("run the same command again later: what was done is kept"),
        // What rustls says when the other side answers TLS in plain text.
        NetError::Transport { .. } if chain(error).contains("InvalidContentType") => failure.hint(
            "the server seems to speak plain HTTP: --plain-http HOST (connected side) or an http:// URL in the site file",
        ),
        NetError::Transport { source, .. } if source.is_connect() => failure.hint(
            "check the host name, the port, and, for https, the certificate authority (--ca FILE, or caFile in the site file)",
        ),
        _ => failure,
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let failure = Self::of(Code::Source, &error);
        match &error {
            SourceError::Net(inner) => net(inner, failure),
            SourceError::Oci(inner) => oci(inner, failure),
            SourceError::Git(GitError::Source { words, .. }) if is_login(words) => failure.hint(
                "git has no login that is taken there: set up a credential helper or an ssh key, until `git ls-remote URL` asks nothing",
            ),
            SourceError::Status { status: 401 | 403, .. } => failure.hint(
                "chart repositories and file servers are asked without a login: take it from a registry (oci://…), or from a server that needs none",
            ),
            SourceError::Platform { .. } => failure.hint("change platforms: in the inventory, or take the image out"),
            SourceError::Changed { .. } => failure.hint(
                "it changed at its source, or the digest was written down wrongly; if the change is expected, put the new digest into the inventory and lock again; if not, somebody replaced it",
            ),
            SourceError::Git(GitError::Source { url, .. }) => failure.hint(format!(
                "see what `git ls-remote {url}` says here: haversack fetches with your git, its credential helpers and ssh keys, and --ca FILE"
            )),
            SourceError::Store(StoreError::Damaged { .. }) => Self { code: Code::Damaged, ..failure },
            _ => failure,
        }
    }
}

/// Whether git's words are about a login.
fn is_login(words: &str) -> bool {
    let signs = [
        "could not read Username",
        "could not read Password",
        "Authentication failed",
        "Permission denied",
        "returned error: 401",
        "returned error: 403",
    ];
    signs.iter().any(|sign| words.contains(sign))
}

fn oci(error: &OciError, failure: Failure) -> Failure {
    match error {
        OciError::Net { source, .. } => net(source, failure),
        OciError::Refused { place, .. } => failure.hint(format!(
            "check the login for {host}: `skopeo login {host}` and --docker-config on the connected side, credentials in the site file inside",
            host = place.repository.host()
        )),
        _ => failure,
    }
}

fn git(error: &GitError, failure: Failure) -> Failure {
    match error {
        GitError::Net { source, .. } => net(source, failure),
        GitError::Denied { .. } => {
            failure.hint("check git.credentials in the site file, and what that user may write")
        }
        GitError::NotGit { .. } | GitError::Status { .. } | GitError::Protocol { .. } => {
            failure.hint(REPO_PLACE)
        }
        // A server that has no such repository says nothing of what it can do.
        GitError::Capability { capability: "report-status", .. } => failure
            .hint(REPO_PLACE)
            .hint("if the server makes no repositories by a push, make it there first, empty"),
        _ => failure,
    }
}

const REPO_PLACE: &str =
    "check git.url in the site file: repositories are looked for at URL/OWNER/REPO.git";
const VERIFY_AGAIN: &str = "verify the bundle with --deep and copy it again from its source";

impl From<Failures> for Failure {
    fn from(failures: Failures) -> Self {
        let each = failures.0.into_iter().map(|failure| {
            let words = chain(&failure);
            Self { errors: vec![words], ..Self::from(failure.source) }
        });
        Self::join(each.collect(), Code::Source)
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Source(error) => error.into(),
            Cause::Render(error) => error.into(),
            Cause::Folder { .. } | Cause::Chart { .. } => Self::of(Code::Inventory, &cause),
            Cause::NoValues { .. } | Cause::NoText { .. } => Self::of(Code::Inventory, &cause)
                .hint("mend the Application's valueFiles, or set ignoreMissingValueFiles there"),
        }
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        Self::of(Code::Inventory, &error)
    }
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Self {
        let failure = Self::of(Code::Inventory, &error);
        match error {
            RenderError::Chart(ChartError::Missing(_)) => failure.hint(
                "take the chart from its repository, where they are part of the archive, or put them into its charts/ folder (`helm dependency build` does)",
            ),
            RenderError::Demands { chart, demands } => Self {
                errors: demands.iter().map(|demand| format!("{chart}: {}", describe(demand))).collect(),
                ..failure
            }
            .hint("give the values: --values or --set of `render`, values or valuesObject in an inventory; or go on with marked placeholders: --placeholders, placeholders: true"),
            RenderError::Cluster { .. } => failure.hint("say what the cluster has: --kube-version VERSION"),
            RenderError::Release(_) | RenderError::KubeVersion(_) => Self { code: Code::Usage, ..failure },
            RenderError::Thread(_) => Self { code: Code::Bug, ..failure },
            _ => failure,
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Sources(missing) => {
                let each = missing.into_iter().map(|missing| {
                    let words = chain(&missing);
                    Self { errors: vec![words], ..Self::from(missing.source) }
                });
                Self::join(each.collect(), Code::Source)
            }
            BuildError::Bundle(error) => error.into(),
        }
    }
}

impl From<BundleError> for Failure {
    fn from(error: BundleError) -> Self {
        Self::of(blame(error.blame()), &error)
    }
}

fn blame(blame: Blame) -> Code {
    match blame {
        Blame::Input => Code::Inventory,
        Blame::Trust => Code::Trust,
        Blame::Damage => Code::Damaged,
        Blame::System => Code::Usage,
    }
}

impl From<VerifyFailure> for Failure {
    fn from(error: VerifyFailure) -> Self {
        let failure = Self::of(blame(error.blame()), &error);
        match (&error, failure.code) {
            (VerifyFailure::Trust(TrustError::Unsigned), _) => {
                failure.hint("a bundle without a signature is never used: ask for it again from where it was built")
            }
            // The signer is trusted already: another key in the folder would not help.
            (VerifyFailure::Trust(TrustError::Wrong(_)), _) => failure.hint(
                "copy the bundle again from its source; if that does not help, it was changed: do not use it",
            ),
            (_, Code::Trust) => failure.hint("if you trust the signer, put its public key (*.pem) into the trust folder"),
            (VerifyFailure::Extra(_), _) => failure.hint(
                "a bundle holds exactly what its list names: take the file out of the folder, and ask how it came there",
            ),
            (_, Code::Damaged) => failure.hint("copy the bundle again from its source, and try another medium if it happens again"),
            _ => failure,
        }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::of(Code::Usage, &error)
    }
}

impl From<TrustError> for Failure {
    fn from(error: TrustError) -> Self {
        let failure = Self::of(Code::Usage, &error);
        match &error {
            TrustError::NoKeys(_) => failure.hint(
                "put the public key of those who build your bundles there; they hand it over once",
            ),
            TrustError::Key { source: KeyError::Private, .. } => failure.hint(
                "keep private keys on the connected host, and put the public half (*.pub.pem) here",
            ),
            _ => failure,
        }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::of(Code::Usage, &error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::of(Code::Usage, &error)
    }
}

const KEEPS_OTHER: &str = "the server keeps something else than it was sent: its storage may be damaged; \
    repair or delete it there, then replay again";

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        let failure = Self::of(Code::Site, &error);
        let list = |failure: Self, items: Vec<String>| Self {
            errors: failure.errors.into_iter().chain(items).collect(),
            ..failure
        };
        match error {
            ReplayError::Bundle { .. }
            | ReplayError::Unsound { .. }
            | ReplayError::Registry(OciError::Source { .. })
            | ReplayError::Git(GitError::Pack { .. }) => {
                Self { code: Code::Damaged, ..failure }.hint(VERIFY_AGAIN)
            }
            ReplayError::Registry(OciError::Damaged { .. } | OciError::Altered { .. }) => {
                failure.hint(KEEPS_OTHER)
            }
            ReplayError::Registry(inner) => oci(&inner, failure),
            ReplayError::Collisions(found) => list(failure, found.iter().map(ToString::to_string).collect())
                .hint("map one of the repositories in the site file (git.repos), or carry them in two bundles with two prefixes"),
            ReplayError::Diverged(refs) => list(failure, refs)
                .hint("nothing was sent; to overwrite them, set git.allowDiverged: true in the site file"),
            ReplayError::TagsMove(tags) => list(failure, tags)
                .hint("nothing was sent; the site file forbids it with registry.allowTagMoves: false"),
            ReplayError::RefsRefused { refused, .. } => {
                list(failure, refused.into_iter().map(|(name, reason)| format!("{name}: {reason}")).collect())
            }
            ReplayError::NoGit(_) => failure.hint("add a git: section to the site file"),
            ReplayError::NoRegistry(_) => failure.hint("add a registry: section to the site file"),
            ReplayError::Sparse { .. } => failure.hint(
                "carry all platforms (leave platforms: empty), or carry one and leave registry.sparseIndex at platform",
            ),
            ReplayError::NoName { url } => {
                failure.hint(format!("give it a name under git.repos in the site file: {url:?}: OWNER/REPO"))
            }
            ReplayError::ReadBack { .. } => failure.hint(KEEPS_OTHER),
            ReplayError::Git(inner) => git(&inner, failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::artifact::Digest;

    #[test]
    fn a_medium_that_breaks_during_a_replay_is_damage() {
        let source = || io::Error::other("short read");
        let digest = Digest::of(b"blob");
        let failures = [
            ReplayError::Registry(OciError::Source { digest, source: source() }),
            ReplayError::Git(GitError::Pack { url: "https://git.in/a/b".into(), source: source() }),
            ReplayError::Bundle { digest, source: source() },
        ];
        for failure in failures {
            assert_eq!(Failure::from(failure).code, Code::Damaged);
        }
    }

    #[test]
    fn a_name_that_fits_nothing_inside_is_the_sites_to_map() {
        let failure = Failure::from(ReplayError::NoName { url: "https://x/~a/b.git".into() });
        assert_eq!(failure.code, Code::Site);
        assert_eq!(
            failure.hints,
            ["give it a name under git.repos in the site file: \"https://x/~a/b.git\": OWNER/REPO"]
        );
    }
}
