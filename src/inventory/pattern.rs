//! Refs of a git repository by name or pattern.

use std::fmt;

/// A branch, tag or commit by name, or a pattern where `*` stands for any characters, slashes too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefPattern(String);

impl RefPattern {
    /// Reads a name or pattern; `None` when git could have no ref of that name (git-check-ref-format).
    pub fn parse(text: &str) -> Option<Self> {
        let odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?[\\".contains(c);
        let part = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && !part.ends_with('.')
                && !part.to_ascii_lowercase().ends_with(".lock")
        };
        let sound = text.len() <= 1024
            && !text.starts_with('-')
            && text != "@"
            && !text.contains(odd)
            && !text.contains("..")
            && !text.contains("@{")
            && text.split('/').all(part);
        sound.then(|| Self(text.to_owned()))
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has no `*`, so that exactly one ref or commit is meant and must exist.
    pub fn is_name(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether it is a whole commit id: 40 or 64 lower-case hex digits.
    pub fn is_commit(&self) -> bool {
        matches!(self.0.len(), 40 | 64)
            && self.0.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// Whether a ref is meant, given by its full name such as `refs/heads/main`.
    pub fn matches(&self, full_name: &str) -> bool {
        let short = ["refs/heads/", "refs/tags/"].iter().find_map(|p| full_name.strip_prefix(p));
        glob(&self.0, full_name) || short.is_some_and(|short| glob(&self.0, short))
    }
}

impl fmt::Display for RefPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether a pattern with `*` fits a whole text. Pieces are matched from the left, so it never backtracks.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut text) = text.strip_prefix(first).and_then(|text| text.strip_suffix(last)) else {
        return false;
    };
    for piece in middle.split('*') {
        match text.split_once(piece) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_short_and_full_names() {
        for (pattern, name, fits) in [
            ("main", "refs/heads/main", true),
            ("main", "refs/heads/main2", false),
            ("v1.*", "refs/tags/v1.2.3", true),
            ("v1.*", "refs/tags/v2.0", false),
            ("*", "refs/heads/a/b", true),
            ("release/*", "refs/heads/release/1/x", true),
            ("refs/tags/*", "refs/tags/v1", true),
            ("refs/tags/*", "refs/heads/v1", false),
            ("a*b*c", "refs/heads/axbxbxc", true),
            ("a*b*c", "refs/heads/ac", false),
            ("ab*bc", "refs/heads/abc", false),
        ] {
            let pattern = RefPattern::parse(pattern).expect(pattern);
            assert_eq!(pattern.matches(name), fits, "{pattern} {name}");
        }
        assert!(RefPattern::parse(&"a1".repeat(20)).is_some_and(|p| p.is_commit()));
        for bad in ["", "-x", "a b", "a..b", "a:b", "/a", "a/", "x.lock", "@{1}", "@", "a~1"] {
            assert!(RefPattern::parse(bad).is_none(), "{bad}");
        }
    }
}
