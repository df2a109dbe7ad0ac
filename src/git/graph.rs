//! The history of a repository without its content: enough to tell a fast-forward on the isolated side.

use crate::git::error::GitError;
use crate::limits;

/// Commits and their parents, read from what [`crate::git::Mirror::commits`] wrote.
///
/// About 40 bytes a commit and 4 a parent.
#[derive(Clone, Debug, Default)]
pub struct CommitGraph {
    /// Position in the list by id; sorted.
    by_id: Vec<([u8; 32], u32)>,
    /// For each commit, where its parents begin in `parents`; one more at the end.
    starts: Vec<u32>,
    /// Positions of parents: always larger than the child's, because children come first.
    parents: Vec<u32>,
}

impl CommitGraph {
    /// Reads `<commit> <parent> …` lines, children before parents.
    pub fn parse(bytes: &[u8]) -> Result<Self, GitError> {
        if bytes.len() as u64 > limits::GIT_GRAPH_BYTES_MAX {
            let (what, bytes_max) = ("the list of commits".to_owned(), limits::GIT_GRAPH_BYTES_MAX);
            return Err(GitError::Large { what, bytes_max });
        }
        let rows = || bytes.split(|byte| *byte == b'\n').filter(|row| !row.is_empty());
        let odd = |position: usize, what| GitError::Graph { line: position + 1, what };
        let mut graph = Self::default();
        for (position, row) in rows().enumerate() {
            let first = row.split(|byte| *byte == b' ').next().unwrap_or_default();
            let id = object_id(first).ok_or(odd(position, "not an object id"))?;
            let place = u32::try_from(position).map_err(|_| odd(position, "too many commits"))?;
            graph.by_id.push((id, place));
        }
        graph.by_id.sort_unstable();
        if let Some(pair) = graph.by_id.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(odd(pair[1].1 as usize, "a commit that was listed before"));
        }
        for (position, row) in rows().enumerate() {
            graph.starts.push(u32::try_from(graph.parents.len()).unwrap_or(u32::MAX));
            for parent in row.split(|byte| *byte == b' ').skip(1) {
                let id = object_id(parent).ok_or(odd(position, "not an object id"))?;
                match graph.position(&id) {
                    Some(place) if place as usize > position => graph.parents.push(place),
                    _ => return Err(odd(position, "a parent that does not come later")),
                }
            }
        }
        graph.starts.push(u32::try_from(graph.parents.len()).unwrap_or(u32::MAX));
        Ok(graph)
    }

    /// How many commits there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Whether a commit is among them.
    pub fn contains(&self, commit: &str) -> bool {
        object_id(commit.as_bytes()).is_some_and(|id| self.position(&id).is_some())
    }

    fn position(&self, id: &[u8; 32]) -> Option<u32> {
        let found = self.by_id.binary_search_by(|(known, _)| known.cmp(id)).ok()?;
        self.by_id.get(found).map(|(_, place)| *place)
    }

    fn parents_of(&self, place: u32) -> &[u32] {
        let at = |index: usize| self.starts.get(index).map_or(0, |start| *start as usize);
        self.parents.get(at(place as usize)..at(place as usize + 1)).unwrap_or_default()
    }
}

/// Whether `old` is `new` or one of its ancestors. False when either is unknown.
pub fn is_ancestor(graph: &CommitGraph, old: &str, new: &str) -> bool {
    let place = |commit: &str| graph.position(&object_id(commit.as_bytes())?);
    let (Some(old), Some(new)) = (place(old), place(new)) else { return false };
    let mut seen = vec![false; graph.len()];
    let mut front = vec![new];
    while let Some(commit) = front.pop() {
        if commit == old {
            return true;
        }
        for parent in graph.parents_of(commit) {
            // What comes after `old` in the list cannot be its descendant.
            let fresh = seen.get_mut(*parent as usize).filter(|seen| !**seen && *parent <= old);
            if let Some(seen) = fresh {
                *seen = true;
                front.push(*parent);
            }
        }
    }
    false
}

/// 40 or 64 lower-case hex digits as bytes, the shorter ones filled up with zeros.
fn object_id(text: &[u8]) -> Option<[u8; 32]> {
    if !matches!(text.len(), 40 | 64) {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut id = [0; 32];
    for (byte, pair) in id.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(id)
}

#[cfg(test)]
mod unit {
    use super::*;

    fn id(letter: char) -> String {
        letter.to_string().repeat(40)
    }

    #[test]
    fn knows_ancestors_in_a_history_with_merges() {
        // f merges e and d; e and d come from b; c is a line of its own.
        let rows = [("f", "ed"), ("e", "b"), ("d", "b"), ("c", "a"), ("b", "a"), ("a", "")];
        let text: String = rows
            .iter()
            .map(|(commit, parents)| {
                commit.chars().chain(parents.chars()).map(id).collect::<Vec<_>>().join(" ") + "\n"
            })
            .collect();
        let graph = CommitGraph::parse(text.as_bytes()).expect("sound");
        let is = |old, new| is_ancestor(&graph, &id(old), &id(new));
        assert!(is('a', 'f') && is('b', 'f') && is('d', 'f') && is('e', 'f') && is('f', 'f'));
        assert!(!is('f', 'a') && !is('c', 'f') && !is('d', 'e') && !is('0', 'f'));
        assert!(graph.contains(&id('c')) && !graph.contains("c"));
    }

    #[test]
    fn refuses_what_is_no_history() {
        let (a, b) = (id('a'), id('b'));
        for (text, line) in [
            (format!("{a} {b}\n"), 1),
            (format!("{b}\n{a} {b}\n"), 2),
            (format!("{a} {a}\n"), 1),
            (format!("{a}\n{b}\n{a}\n"), 3),
            (format!("{a}\nxyz\n"), 2),
        ] {
            match CommitGraph::parse(text.as_bytes()) {
                Err(GitError::Graph { line: at, .. }) => assert_eq!(at, line, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        assert!(CommitGraph::parse(b"").expect("no commits").is_empty());
    }
}
