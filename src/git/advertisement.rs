//! What a git server has: its refs, what `HEAD` names, and what it can do (gitprotocol-http(5), version 0).

use std::collections::BTreeMap;

use crate::git::bundle_file::ObjectFormat;
use crate::git::error::{GitError, words};
use crate::git::graph::{CommitGraph, is_ancestor};
use crate::git::pktline::{Decoder, Packet};
use crate::git::refs::check_object_id;
use crate::limits;
use crate::lock::RefPin;

/// What a git server has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advertisement {
    /// Object by full ref name; what annotated tags lead to and `HEAD` are left out.
    pub refs: BTreeMap<String, String>,
    /// What annotated tags lead to, by full ref name.
    pub peeled: BTreeMap<String, String>,
    /// The object that `HEAD` leads to.
    pub head_object: Option<String>,
    /// The branch that `HEAD` names, when the server says so (`git-upload-pack` does).
    pub head: Option<String>,
    /// What the server can do.
    pub capabilities: Vec<String>,
    /// False when the server knows no such repository.
    pub exists: bool,
}

impl Advertisement {
    /// Whether the server can do something: `atomic`.
    pub fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }

    /// The value of a capability: `sha1` of `object-format=sha1`.
    pub fn value(&self, capability: &str) -> Option<&str> {
        let prefix = format!("{capability}=");
        self.capabilities.iter().find_map(|known| known.strip_prefix(&prefix))
    }

    /// Which digest names its objects; SHA-1 when it does not say.
    pub fn object_format(&self) -> ObjectFormat {
        match self.value("object-format") {
            Some("sha256") => ObjectFormat::Sha256,
            _ => ObjectFormat::Sha1,
        }
    }

    /// Reads an answer to `info/refs?service=…`, whole.
    pub(super) fn parse(bytes: &[u8], service: &str, url: &str) -> Result<Self, GitError> {
        let mut decoder = Decoder::default();
        decoder.feed(bytes);
        let mut next = || decoder.next().map_err(|odd| GitError::protocol(url, odd.0));
        let cut = || GitError::protocol(url, "the list of refs is cut short");
        // 1. "# service=…" and a flush; some servers leave them out.
        let mut packet = next()?.ok_or_else(cut)?;
        if let Packet::Line(line) = &packet
            && line.starts_with(b"# service=")
        {
            if trimmed(line) != format!("# service={service}").as_bytes() {
                return Err(GitError::protocol(url, "the answer is for another service"));
            }
            if next()?.ok_or_else(cut)? != Packet::Flush {
                return Err(GitError::protocol(url, "no flush after the service line"));
            }
            packet = next()?.ok_or_else(cut)?;
        }
        // 2. one line a ref, the capabilities behind a NUL in the first; then a flush.
        let mut found = Self { exists: true, ..Self::default() };
        let mut first = true;
        while let Packet::Line(line) = packet {
            let line = trimmed(&line);
            if let Some(said) = line.strip_prefix(b"ERR ") {
                return Err(GitError::Refused { url: url.to_owned(), words: words(said) });
            }
            if line != b"version 1" {
                found.take(line, first, url)?;
                first = false;
            }
            packet = next()?.ok_or_else(cut)?;
        }
        Ok(found)
    }

    fn take(&mut self, line: &[u8], first: bool, url: &str) -> Result<(), GitError> {
        let (row, capabilities) = match line.iter().position(|byte| *byte == 0) {
            Some(nul) if first => (&line[..nul], &line[nul + 1..]),
            _ => (line, &[][..]),
        };
        if first {
            let text = String::from_utf8_lossy(capabilities);
            self.capabilities = text.split_ascii_whitespace().map(str::to_owned).collect();
            let symref = self.capabilities.iter().find_map(|c| c.strip_prefix("symref=HEAD:"));
            self.head = symref.map(str::to_owned);
        }
        let odd = |what: &str| GitError::protocol(url, format!("{what}: {}", words(row)));
        let text = std::str::from_utf8(row).map_err(|_| odd("a ref name that is not UTF-8"))?;
        if text.starts_with("shallow ") {
            return Ok(());
        }
        let (object, name) = text.split_once(' ').ok_or_else(|| odd("not a line about a ref"))?;
        check_object_id(object).map_err(|_| odd("not an object id"))?;
        if self.refs.len() + self.peeled.len() >= limits::GIT_REFS_MAX * 2 {
            return Err(odd("more refs than are taken"));
        }
        match name {
            // The repository is empty; or objects of a relative that need not be sent.
            "capabilities^{}" | ".have" => {}
            "HEAD" => self.head_object = Some(object.to_owned()),
            _ => match name.strip_suffix("^{}") {
                Some(tag) => drop(self.peeled.insert(tag.to_owned(), object.to_owned())),
                None => drop(self.refs.insert(name.to_owned(), object.to_owned())),
            },
        }
        Ok(())
    }
}

/// How a ref that is to be written stands on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The server has no such ref.
    New,
    /// It is there already.
    Same,
    /// It is there and points elsewhere.
    Differs,
}

/// One ref that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Full name.
    pub name: String,
    /// What it points to on the server.
    pub old: Option<String>,
    /// What it is to point to.
    pub new: String,
    /// How the two relate.
    pub standing: Standing,
}

impl Change {
    /// Whether the server's commits all stay reachable: the ref is new or the same, or its old commit is an ancestor of the
    /// new one in the carried history. A tag that moves never qualifies.
    pub fn is_fast_forward(&self, graph: &CommitGraph) -> bool {
        match (&self.old, self.standing) {
            (Some(old), Standing::Differs) => {
                self.name.starts_with("refs/heads/") && is_ancestor(graph, old, &self.new)
            }
            _ => true,
        }
    }
}

/// Holds what is to be written against what the server has.
pub fn classify(advertised: &Advertisement, wanted: &[RefPin]) -> Vec<Change> {
    let change = |pin: &RefPin| {
        let old = advertised.refs.get(&pin.name).cloned();
        let standing = match &old {
            None => Standing::New,
            Some(object) if *object == pin.object => Standing::Same,
            Some(_) => Standing::Differs,
        };
        Change { name: pin.name.clone(), old, new: pin.object.clone(), standing }
    };
    wanted.iter().map(change).collect()
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

#[cfg(test)]
mod unit {
    use super::*;
    use crate::git::pktline::{FLUSH, line};

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    fn answer(service: &str, rows: &[String]) -> Vec<u8> {
        let mut bytes = Vec::new();
        line(&mut bytes, format!("# service={service}\n").as_bytes());
        bytes.extend_from_slice(FLUSH);
        rows.iter().for_each(|row| line(&mut bytes, row.as_bytes()));
        bytes.extend_from_slice(FLUSH);
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Advertisement, GitError> {
        Advertisement::parse(bytes, "git-upload-pack", "http://h/x")
    }

    #[test]
    fn reads_refs_and_capabilities() {
        let bytes = answer(
            "git-upload-pack",
            &[
                format!("{A} HEAD\0atomic symref=HEAD:refs/heads/main object-format=sha1\n"),
                format!("{A} refs/heads/main\n"),
                format!("{B} refs/tags/v1\n"),
                format!("{A} refs/tags/v1^{{}}\n"),
                format!("{B} .have\n"),
            ],
        );
        let found = parse(&bytes).expect("sound");
        assert_eq!(found.head.as_deref(), Some("refs/heads/main"));
        assert_eq!((found.refs.len(), found.peeled.len(), found.exists), (2, 1, true));
        assert!(found.can("atomic") && !found.can("HEAD"));
        let pin = |name: &str, object: &str| RefPin { name: name.into(), object: object.into() };
        let pins = [pin("refs/heads/main", A), pin("refs/tags/v1", A), pin("refs/heads/x", A)];
        let standing: Vec<Standing> =
            classify(&found, &pins).iter().map(|change| change.standing).collect();
        assert_eq!(standing, [Standing::Same, Standing::Differs, Standing::New]);
    }

    #[test]
    fn reads_an_empty_repository() {
        let rows = [format!("{ZERO} capabilities^{{}}\0report-status delete-refs\n")];
        let found = parse(&answer("git-upload-pack", &rows)).expect("sound");
        assert!(found.refs.is_empty() && found.can("report-status"));
        assert!(parse(&answer("git-upload-pack", &[])).expect("sound").refs.is_empty());
    }

    #[test]
    fn refuses_what_is_odd() {
        let row = format!("{A} refs/heads/main\0x\n");
        let whole = answer("git-upload-pack", std::slice::from_ref(&row));
        for cut in 0..whole.len() {
            assert!(parse(&whole[..cut]).is_err(), "cut at {cut}");
        }
        assert!(parse(&answer("git-receive-pack", &[row])).is_err());
        assert!(parse(&answer("git-upload-pack", &["nonsense\n".to_owned()])).is_err());
        let error = parse(&answer("git-upload-pack", &["ERR no\x1b[1m\n".to_owned()]));
        assert!(matches!(error, Err(GitError::Refused { words, .. }) if words == "no\\u{1b}[1m"));
    }

    #[test]
    fn a_tag_that_moves_is_never_a_fast_forward() {
        let graph = CommitGraph::parse(format!("{B} {A}\n{A}\n").as_bytes()).expect("sound");
        let change = |name: &str, old: &str, new: &str| Change {
            name: name.into(),
            old: Some(old.into()),
            new: new.into(),
            standing: Standing::Differs,
        };
        assert!(change("refs/heads/x", A, B).is_fast_forward(&graph));
        assert!(!change("refs/heads/x", B, A).is_fast_forward(&graph));
        assert!(!change("refs/tags/x", A, B).is_fast_forward(&graph));
    }
}
