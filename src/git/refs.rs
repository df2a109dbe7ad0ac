//! Ref names, what a repository offers, and which of it a person asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::git::error::GitError;
use crate::limits;
use crate::lock::RefPin;

/// Where a commit that was asked for by its id gets a ref of its own.
const BY_ID: &str = "refs/heads/haversack/";

/// What a repository offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteRefs {
    /// The branch that `HEAD` names, `refs/heads/main`.
    pub head: Option<String>,
    /// The object that `HEAD` leads to; present without `head` when `HEAD` names no branch.
    pub head_object: Option<String>,
    /// Branches and tags by full name.
    pub refs: BTreeMap<String, RemoteRef>,
}

/// One branch or tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteRef {
    /// The object it points to: a commit, or the tag object of an annotated tag.
    pub object: String,
    /// What an annotated tag leads to in the end.
    pub peeled: Option<String>,
}

impl RemoteRef {
    /// The commit, whether the tag is annotated or not.
    pub fn commit(&self) -> &str {
        self.peeled.as_deref().unwrap_or(&self.object)
    }
}

/// What was selected of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Refs to carry, sorted by name.
    pub pins: Vec<RefPin>,
    /// The branch that `HEAD` names outside, when it is among them.
    pub head: Option<String>,
    /// What was asked for and matches nothing.
    pub unmatched: Vec<String>,
}

impl RemoteRefs {
    /// Reads the output of `git ls-remote --symref`.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, GitError> {
        let mut found = Self::default();
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line = std::str::from_utf8(line)
                .map_err(|_| GitError::RefName { name: String::from_utf8_lossy(line).into() })?;
            let Some((object, name)) = line.split_once('\t') else { continue };
            if let Some(target) = object.strip_prefix("ref: ") {
                if name == "HEAD" && target.starts_with("refs/heads/") {
                    check_ref_name(target)?;
                    found.head = Some(target.to_owned());
                }
                continue;
            }
            check_object_id(object)?;
            if name == "HEAD" {
                found.head_object = Some(object.to_owned());
            } else if name.starts_with("refs/heads/") || name.starts_with("refs/tags/") {
                found.take(object, name)?;
            }
        }
        Ok(found)
    }

    fn take(&mut self, object: &str, name: &str) -> Result<(), GitError> {
        if let Some(tag) = name.strip_suffix("^{}") {
            if let Some(known) = self.refs.get_mut(tag) {
                known.peeled = Some(object.to_owned());
            }
            return Ok(());
        }
        check_ref_name(name)?;
        if self.refs.len() >= limits::GIT_REFS_MAX {
            let what = "the list of refs, at 100 bytes each,".to_owned();
            return Err(GitError::Large { what, bytes_max: limits::GIT_REFS_MAX as u64 * 100 });
        }
        self.refs.insert(name.to_owned(), RemoteRef { object: object.to_owned(), peeled: None });
        Ok(())
    }

    /// The commit that a revision means, as Argo CD would take it: `HEAD` or nothing, a branch, a tag, a full ref name.
    ///
    /// A commit id is given back as it is, whether the repository has it or not.
    pub fn commit_of(&self, revision: &str) -> Option<String> {
        if revision.is_empty() || revision == "HEAD" {
            return self.head_object.clone();
        }
        let by_name = ["", "refs/heads/", "refs/tags/"]
            .iter()
            .find_map(|room| self.refs.get(&format!("{room}{revision}")));
        match by_name {
            Some(found) => Some(found.commit().to_owned()),
            None => is_commit_id(revision).then(|| revision.to_owned()),
        }
    }

    /// Short names of all branches and tags: what a misspelt one is compared with.
    pub fn short_names(&self) -> impl Iterator<Item = &str> {
        self.refs.keys().map(|name| short(name))
    }
}

/// Picks what a person asked for: names, `refs/…` in full, patterns, `HEAD`, commit ids. Nothing asked for means `HEAD`.
///
/// In a pattern `*` stands for any characters, slashes included, and `?` for exactly one. A name that is a branch and a
/// tag brings both. A commit asked for by its id gets a ref of its own, so that every clone brings it.
pub fn select(remote: &RemoteRefs, wanted: &[String]) -> Selection {
    let default = [String::from("HEAD")];
    let wanted = if wanted.is_empty() { &default[..] } else { wanted };
    let mut pins = BTreeMap::new();
    let mut unmatched = BTreeSet::new();
    for want in wanted {
        let before = pins.len();
        let known = if want.is_empty() || want == "HEAD" {
            take_head(remote, &mut pins)
        } else {
            take_matching(remote, want, &mut pins)
        };
        if !known && is_commit_id(want) {
            pins.insert(format!("{BY_ID}{want}"), want.clone());
        } else if !known && pins.len() == before {
            unmatched.insert(want.clone());
        }
    }
    Selection {
        head: remote.head.clone().filter(|head| pins.contains_key(head)),
        pins: pins.into_iter().map(|(name, object)| RefPin { name, object }).collect(),
        unmatched: unmatched.into_iter().collect(),
    }
}

fn take_head(remote: &RemoteRefs, pins: &mut BTreeMap<String, String>) -> bool {
    let branch = remote.head.as_ref().and_then(|name| remote.refs.get_key_value(name));
    if let Some((name, branch)) = branch {
        pins.insert(name.clone(), branch.object.clone());
        return true;
    }
    // HEAD names a commit and no branch: a ref of its own, as for every commit without one.
    match &remote.head_object {
        Some(object) => {
            pins.insert(format!("{BY_ID}{object}"), object.clone());
            true
        }
        None => false,
    }
}

fn take_matching(remote: &RemoteRefs, want: &str, pins: &mut BTreeMap<String, String>) -> bool {
    let mut any = false;
    for (name, found) in &remote.refs {
        let subject = if want.starts_with("refs/") { name } else { short(name) };
        if matches(want.as_bytes(), subject.as_bytes()) {
            pins.insert(name.clone(), found.object.clone());
            any = true;
        }
    }
    any
}

fn short(name: &str) -> &str {
    name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/")).unwrap_or(name)
}

/// Matches without going back further than the last `*`, so that no pattern takes long.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => (p, t) = (p + 1, t + 1),
            Some(byte) if *byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Whether a text is a whole commit id of a SHA-1 repository, in lower case.
fn is_commit_id(text: &str) -> bool {
    text.len() == 40 && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Refuses what is not 40 or 64 lower-case hex digits.
pub(super) fn check_object_id(text: &str) -> Result<(), GitError> {
    if matches!(text.len(), 40 | 64) && is_hex(text) {
        return Ok(());
    }
    Err(GitError::ObjectId { text: text.chars().take(80).collect(), digits: 40 })
}

/// Refuses what git-check-ref-format(1) refuses, and everything outside of `refs/`.
pub(super) fn check_ref_name(name: &str) -> Result<(), GitError> {
    let part_sound =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let odd = |byte: u8| byte <= b' ' || byte == 0x7f || b"~^:?*[\\".contains(&byte);
    let sound = name.len() <= 1024
        && name.starts_with("refs/")
        && name.split('/').all(part_sound)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && !name.bytes().any(odd);
    if sound { Ok(()) } else { Err(GitError::RefName { name: name.chars().take(200).collect() }) }
}

#[cfg(test)]
mod unit {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const C: &str = "cccccccccccccccccccccccccccccccccccccccc";

    fn remote() -> RemoteRefs {
        let text = format!(
            "ref: refs/heads/main\tHEAD\n{A}\tHEAD\n{A}\trefs/heads/main\n{B}\trefs/heads/rel/1\n\
             {B}\trefs/pull/1/head\n{C}\trefs/tags/v1.0\n{A}\trefs/tags/v1.0^{{}}\n{B}\trefs/tags/v1.1\n"
        );
        RemoteRefs::parse(text.as_bytes()).expect("sound")
    }

    fn picked(wanted: &[&str]) -> (Vec<String>, Vec<String>, Option<String>) {
        let wanted: Vec<String> = wanted.iter().map(|w| (*w).to_owned()).collect();
        let chosen = select(&remote(), &wanted);
        (chosen.pins.into_iter().map(|p| p.name).collect(), chosen.unmatched, chosen.head)
    }

    #[test]
    fn selects_by_name_pattern_and_id() {
        let main = Some("refs/heads/main".to_owned());
        assert_eq!(picked(&[]), (vec!["refs/heads/main".into()], vec![], main.clone()));
        assert_eq!(picked(&["HEAD"]), picked(&["main"]));
        assert_eq!(picked(&["v1.*"]).0, ["refs/tags/v1.0", "refs/tags/v1.1"]);
        assert_eq!(picked(&["*"]).0.len(), 4);
        assert_eq!(picked(&["refs/heads/*", "gone?"]).0, ["refs/heads/main", "refs/heads/rel/1"]);
        assert_eq!(picked(&["gone", "rel/?"]).1, ["gone"]);
        assert_eq!(picked(&["rel/1"]).2, None);
        assert_eq!(picked(&[C]).0, [format!("refs/heads/haversack/{C}")]);
        let tag = select(&remote(), &["v1.0".to_owned()]);
        assert_eq!(tag.pins[0].object, C, "the tag object, not the commit");
        assert_eq!(remote().commit_of("v1.0").as_deref(), Some(A));
        assert_eq!(remote().commit_of("HEAD").as_deref(), Some(A));
        assert_eq!(remote().commit_of("nope"), None);
    }

    #[test]
    fn a_head_without_a_branch_gets_a_ref() {
        let detached = RemoteRefs { head_object: Some(A.to_owned()), ..RemoteRefs::default() };
        assert_eq!(select(&detached, &[]).pins[0].name, format!("refs/heads/haversack/{A}"));
        assert_eq!(select(&RemoteRefs::default(), &[]).unmatched, ["HEAD"]);
    }

    #[test]
    fn refuses_unsound_names() {
        for name in
            ["refs/heads/a b", "refs/heads/../x", "refs/heads/x.lock", "heads/x", "refs/heads/"]
        {
            assert!(check_ref_name(name).is_err(), "{name}");
        }
        assert!(check_ref_name("refs/heads/feature/ü-1.x").is_ok());
        assert!(RemoteRefs::parse(b"zz\trefs/heads/x\n").is_err());
    }

    #[test]
    fn no_pattern_takes_long() {
        let text = "a".repeat(2000);
        assert!(!matches("*a".repeat(500).as_bytes(), format!("{text}b").as_bytes()));
        assert!(matches(b"**", b"") && !matches(b"?", b""));
    }
}
