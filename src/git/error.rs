//! What can go wrong with git, and how foreign text is made fit to be shown.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::net::NetError;

/// Most bytes of a foreign text that an error keeps.
const WORDS_BYTES_MAX: usize = 2048;

/// Why something with git failed.
#[derive(Debug, Error)]
pub enum GitError {
    /// The `git` program could not be started.
    #[error("the program {} could not be run", .program.display())]
    Start {
        /// Which program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The URL is not one that a repository may be fetched from.
    #[error("repository URL {url:?}: {why}")]
    Url {
        /// The URL, without credentials.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The name is not a sound ref name (git-check-ref-format(1)).
    #[error("{name:?} is not a sound ref name")]
    RefName {
        /// The name.
        name: String,
    },
    /// The text is not an object id.
    #[error("{text:?} is not an object id of {digits} hex digits")]
    ObjectId {
        /// The text.
        text: String,
        /// How many digits there should be.
        digits: usize,
    },
    /// The source repository is missing, refused, or broke off.
    #[error("{url}: {words}")]
    Source {
        /// The repository.
        url: String,
        /// What git said.
        words: String,
    },
    /// A pinned ref points elsewhere by now, and the server does not give out the pinned object any more.
    #[error(
        "{url}: {name} was pinned to {pinned}, which the server does not give out any more: {}",
        .now.as_ref().map_or_else(|| "the ref is gone".to_owned(), |now| format!("it is at {now} now"))
    )]
    Moved {
        /// The repository.
        url: String,
        /// Which ref.
        name: String,
        /// The object pinned.
        pinned: String,
        /// The object it points to now.
        now: Option<String>,
    },
    /// A commit, tree or blob is not in the repository at hand.
    #[error("{repository}: no object {object}")]
    Missing {
        /// Which repository.
        repository: String,
        /// Which object, or which name.
        object: String,
    },
    /// `git` failed at work on our own files.
    #[error("git {what}: {words}")]
    Failed {
        /// Which command.
        what: String,
        /// What git said.
        words: String,
    },
    /// The file system refused.
    #[error("{}", .path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something is larger than it may be.
    #[error("{what} is larger than {bytes_max} bytes")]
    Large {
        /// What.
        what: String,
        /// The bound.
        bytes_max: u64,
    },
    /// A bundle file is damaged or of a kind that is not known here.
    #[error("git bundle, line {line}: {what}")]
    Bundle {
        /// Line of the header, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A list of commits is damaged.
    #[error("list of commits, line {line}: {what}")]
    Graph {
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// The carried pack could not be read while it was being sent.
    #[error("the pack for {url} could not be read")]
    Pack {
        /// Where it was going.
        url: String,
        /// Why: damage, when it wraps a `VerifyError`.
        source: io::Error,
    },
    /// The server could not be reached.
    #[error("{url}")]
    Net {
        /// What was asked.
        url: String,
        /// Why not.
        source: NetError,
    },
    /// The server sent nothing and took nothing for too long.
    #[error("{url}: silent for {seconds} s")]
    Silent {
        /// What was asked.
        url: String,
        /// How long.
        seconds: u64,
    },
    /// The server wants other credentials, or any at all.
    #[error("{url}: {} (status {status})",
        if *.offered { "the credentials were refused" } else { "credentials are needed" })]
    Denied {
        /// What was asked.
        url: String,
        /// 401 or 403.
        status: u16,
        /// Whether credentials were sent.
        offered: bool,
    },
    /// The server answered with another status than it should.
    #[error("{url}: status {status}{}", if .words.is_empty() { String::new() } else { format!(": {}", .words) })]
    Status {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// What it said.
        words: String,
    },
    /// What answers there is no git server that speaks smart HTTP.
    #[error("{url}: not a git server that speaks smart HTTP: content type {content_type:?}")]
    NotGit {
        /// What was asked.
        url: String,
        /// Its content type.
        content_type: String,
    },
    /// The server's answer breaks the protocol.
    #[error("{url}: {what}")]
    Protocol {
        /// What was asked.
        url: String,
        /// What is wrong.
        what: String,
    },
    /// The server cannot do what is needed.
    #[error("{url}: the server lacks {capability:?}")]
    Capability {
        /// Which repository.
        url: String,
        /// What it lacks.
        capability: &'static str,
    },
    /// The server took no ref at all.
    #[error("{url}: the push was refused: {words}")]
    Refused {
        /// Which repository.
        url: String,
        /// What it said.
        words: String,
    },
}

impl GitError {
    /// Names the file that the file system refused.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// Names the URL that the network failed at.
    pub(super) fn net(url: &str) -> impl FnOnce(NetError) -> Self {
        let url = url.to_owned();
        move |source| Self::Net { url, source }
    }

    /// Names the URL whose answer breaks the protocol.
    pub(super) fn protocol(url: &str, what: impl Into<String>) -> Self {
        Self::Protocol { url: url.to_owned(), what: what.into() }
    }
}

/// Makes foreign text fit for a message: the last 2 KiB, one line, no control characters, no credentials.
pub(super) fn words(bytes: &[u8]) -> String {
    let tail = &bytes[bytes.len().saturating_sub(WORDS_BYTES_MAX)..];
    let text = String::from_utf8_lossy(tail);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    without_userinfo(&escaped(&lines.join("; ")))
}

/// Replaces what a terminal would act on, and what turns the reading direction around (CVE-2021-42574).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let turning = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turning {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Cuts `user:password@` out of every URL in a text.
pub(super) fn without_userinfo(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '\'' | '"' | '?' | '#'))
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        out.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn foreign_words_are_tame() {
        let said =
            b"fatal: unable to access 'https://bob:hunter2@h.example/x.git/': 403\n\x1b[31mred\r\n";
        let shown = words(said);
        assert_eq!(
            shown,
            "fatal: unable to access 'https://h.example/x.git/': 403; \\u{1b}[31mred"
        );
        assert!(words(&vec![b'x'; 1 << 20]).len() <= WORDS_BYTES_MAX);
        assert_eq!(words("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        assert_eq!(
            without_userinfo("ssh://git@h/x and http://a:p@q@h2"),
            "ssh://h/x and http://h2"
        );
    }
}
