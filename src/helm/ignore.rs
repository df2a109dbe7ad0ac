//! `.helmignore`: which files of a folder are no part of the chart.
//!
//! Helm asks these rules only when it reads a folder, and only those in the folder of the outermost chart; an archive is
//! taken as it is.

use thiserror::Error;

use crate::limits;

/// What Helm adds after the rules of the file: hidden files among the templates.
const DEFAULT_RULE: &str = "templates/.?*";

/// Why a `.helmignore` cannot be obeyed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IgnoreError {
    /// Two stars in a row, which Helm does not understand.
    #[error("line {0}: two stars in a row are not supported")]
    DoubleStar(usize),
    /// A bracket or an escape that does not end.
    #[error("line {0}: not a sound pattern")]
    Pattern(usize),
    /// More or longer rules than anybody writes.
    #[error("line {0}: too many rules, or too long a rule")]
    Large(usize),
}

/// The rules of one `.helmignore`, in order.
#[derive(Clone, Debug)]
pub(super) struct IgnoreRules(Vec<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    pattern: Glob,
    /// `!`: what does *not* match is ignored.
    negated: bool,
    /// A slash at the end: folders only.
    folder: bool,
    /// Without a slash inside, a rule is held against the last part of a path only.
    last_part: bool,
}

impl IgnoreRules {
    /// Reads the rules of a file and adds the default one.
    pub(super) fn parse(text: &str) -> Result<Self, IgnoreError> {
        let mut rules = Vec::new();
        for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let long = line.chars().count() > limits::IGNORE_RULE_CHARS_MAX;
            if long || rules.len() >= limits::IGNORE_RULES_MAX {
                return Err(IgnoreError::Large(at + 1));
            }
            rules.push(Rule::parse(line, at + 1)?);
        }
        rules.push(Rule::parse(DEFAULT_RULE, 0)?);
        Ok(Self(rules))
    }

    /// Whether a file is ignored, by itself or because one of the folders above it is.
    pub(super) fn ignores(&self, path: &str) -> bool {
        let mut folders = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        folders.any(|folder| self.ignores_one(folder, true)) || self.ignores_one(path, false)
    }

    fn ignores_one(&self, path: &str, is_folder: bool) -> bool {
        self.0.iter().any(|rule| {
            let wrong_kind = rule.folder && !is_folder;
            if rule.negated {
                wrong_kind || !rule.matches(path)
            } else {
                !wrong_kind && rule.matches(path)
            }
        })
    }
}

impl Rule {
    fn parse(text: &str, line: usize) -> Result<Self, IgnoreError> {
        if text.contains("**") {
            return Err(IgnoreError::DoubleStar(line));
        }
        let sound = |text| Glob::parse(text).ok_or(IgnoreError::Pattern(line));
        // The pattern as a whole must be sound, not only what is left of it.
        sound(text)?;
        let (negated, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        let (folder, text) = text.strip_suffix('/').map_or((false, text), |rest| (true, rest));
        let (rooted, text) = text.strip_prefix('/').map_or((false, text), |rest| (true, rest));
        let last_part = !rooted && !text.contains('/');
        // Cutting a slash off an escape leaves a pattern that matches nothing.
        let pattern = Glob::parse(text).unwrap_or(Glob(Vec::new()));
        Ok(Self { pattern, negated, folder, last_part })
    }

    fn matches(&self, path: &str) -> bool {
        let last = || path.rsplit('/').next().unwrap_or_default();
        self.pattern.matches(if self.last_part { last() } else { path })
    }
}

/// A pattern of Go's `path/filepath.Match`.
#[derive(Clone, Debug)]
struct Glob(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    /// `*`: anything but a slash.
    Any,
    /// `?`: one character that is no slash.
    One,
    /// A character that stands for itself.
    Itself(char),
    /// `[a-z]`, or `[^a-z]`.
    Range { negated: bool, ranges: Vec<(char, char)> },
}

impl Glob {
    /// `None` when the pattern is not sound.
    fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            pieces.push(match c {
                '*' => Piece::Any,
                '?' => Piece::One,
                '\\' => Piece::Itself(chars.next()?),
                '[' => {
                    let negated = chars.next_if_eq(&'^').is_some();
                    let mut ranges = Vec::new();
                    while ranges.is_empty() || chars.next_if_eq(&']').is_none() {
                        let low = range_end(&mut chars)?;
                        let dash = chars.next_if_eq(&'-').is_some();
                        ranges.push((low, if dash { range_end(&mut chars)? } else { low }));
                    }
                    Piece::Range { negated, ranges }
                }
                c => Piece::Itself(c),
            });
        }
        Some(Self(pieces))
    }

    /// Whether it matches the whole name. Only the last star is ever tried again: those before it cannot do better.
    fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut piece, mut at) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match (self.0.get(piece), name.get(at)) {
                (None, None) => return true,
                (Some(Piece::Any), _) => {
                    retry = Some((piece + 1, at));
                    piece += 1;
                    continue;
                }
                (Some(wanted), Some(found)) if wanted.takes(*found) => {
                    piece += 1;
                    at += 1;
                    continue;
                }
                _ => {}
            }
            let Some((after, from)) = retry else { return false };
            if name.get(from).is_none_or(|skipped| *skipped == '/') {
                return false;
            }
            retry = Some((after, from + 1));
            (piece, at) = (after, from + 1);
        }
    }
}

impl Piece {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => c != '/',
            Self::Itself(wanted) => *wanted == c,
            Self::Range { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

/// One end of a range in brackets; after the last one there must be something left.
fn range_end(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    let c = match chars.next()? {
        '-' | ']' => return None,
        '\\' => chars.next()?,
        c => c,
    };
    chars.peek().map(|_| c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_do_what_helm_does() {
        // Rule, path of a file, whether Helm 4 ignores it.
        let table = [
            ("helm.txt", "helm.txt", true),
            ("helm.*", "helm.txt", true),
            ("helm.*", "rudder.txt", false),
            ("*.txt", "tiller.txt", true),
            ("*.txt", "cargo/a.txt", true),
            ("cargo/*.txt", "cargo/a.txt", true),
            ("cargo/*.*", "cargo/a.txt", true),
            ("cargo/*.txt", "mast/a.txt", false),
            ("ru[c-e]?er.txt", "rudder.txt", true),
            ("ru[^c-e]?er.txt", "rudder.txt", false),
            ("templates/.?*", "templates/.dotfile", true),
            ("cargo/", "cargo/a.txt", true),
            ("cargo", "cargo/a.txt", true),
            ("cargo/", "cargo", false),
            ("/a.txt", "a.txt", true),
            ("/cargo/a.txt", "cargo/a.txt", true),
            ("/a.txt", "cargo/a.txt", false),
            ("a.txt", "cargo/a.txt", true),
            ("!helm.txt", "helm.txt", false),
            ("!helm.txt", "tiller.txt", true),
            ("!*.txt", "cargo", true),
            ("# helm.txt", "helm.txt", false),
            ("  helm.txt  ", "helm.txt", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            ("*/b", "a/c/b", false),
            ("", "templates/.hidden", true),
            ("", "templates/x/.hidden", false),
            ("", "templates/.d/x", true),
            ("", ".hidden", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
        ];
        for (rule, path, ignored) in table {
            let rules = IgnoreRules::parse(rule).expect(rule);
            assert_eq!(rules.ignores(path), ignored, "{rule} on {path}");
        }
    }

    #[test]
    fn a_negated_rule_ignores_everything_else() {
        let rules = IgnoreRules::parse("*.md\r\n!charts/\n").expect("sound");
        assert!(rules.ignores("README.md") && rules.ignores("Chart.yaml"));
    }

    #[test]
    fn unsound_rules_are_named_by_their_line() {
        assert_eq!(IgnoreRules::parse("a\n**/b").err(), Some(IgnoreError::DoubleStar(2)));
        for bad in ["[", "[]", "[a", "[a-", "[a-]", "[-a]", "a\\", "[^]"] {
            let error = IgnoreRules::parse(&format!("\n{bad}")).err();
            assert_eq!(error, Some(IgnoreError::Pattern(2)), "{bad}");
        }
        let long = "a".repeat(limits::IGNORE_RULE_CHARS_MAX + 1);
        assert_eq!(IgnoreRules::parse(&long).err(), Some(IgnoreError::Large(1)));
        // Many stars cost no more than the name times the pattern.
        let rules = IgnoreRules::parse(&format!("{}b", "a*".repeat(400))).expect("sound");
        assert!(!rules.ignores(&"a".repeat(4000)));
    }
}
