//! Versions of charts and ranges of them, read the way Helm reads them (Masterminds/semver v3.4).

use std::cmp::Ordering;
use std::fmt;

use semver::{BuildMetadata, Prerelease, Version};
use thiserror::Error;

/// Longest text that is taken for a range.
const LENGTH_MAX: usize = 256;

/// Why a text is no version range. Holds the text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not a version or a range of versions")]
pub struct VersionRangeError(pub String);

/// A range of versions as Helm understands it, with its original text.
///
/// Understood are `1.2.3`, `v1.2.3`, `^1`, `~1.2`, `1.x`, `*`, `>=1.2 <2`, `1.2 - 1.4`, `!=1.3.0`, commas or spaces
/// for *and*, `||` for *or*. A range skips pre-releases unless one of its *and*-parts names one. The empty text is `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRange {
    text: String,
    any_of: Vec<AllOf>,
}

/// Comparators that must all agree.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AllOf {
    comparators: Vec<Comparator>,
    prereleases: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Tilde,
    Caret,
}

/// An operator and the version it compares with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Comparator {
    op: Op,
    /// Missing parts are zero.
    version: Version,
    /// How many of major, minor and patch were given: 0 for `*`, 3 for a whole version.
    parts: usize,
}

impl VersionRange {
    /// Reads a range.
    pub fn parse(text: &str) -> Result<Self, VersionRangeError> {
        let fail = || VersionRangeError(text.chars().take(LENGTH_MAX).collect());
        if text.len() > LENGTH_MAX {
            return Err(fail());
        }
        let any_of = if text.trim().is_empty() {
            vec![AllOf::parse("*")]
        } else {
            text.split("||").map(AllOf::parse).collect()
        };
        let any_of = any_of.into_iter().collect::<Option<Vec<_>>>().ok_or_else(fail)?;
        Ok(Self { text: text.trim().to_owned(), any_of })
    }

    /// The range as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a version lies in the range.
    pub fn contains(&self, version: &Version) -> bool {
        self.any_of.iter().any(|all| all.contains(version))
    }

    /// The version, when the range is one whole version such as `10.1.1` or `v1.0.0+2`.
    pub fn exact(&self) -> Option<&Version> {
        match self.any_of.as_slice() {
            [AllOf { comparators, .. }] => match comparators.as_slice() {
                [Comparator { op: Op::Equal, version, parts: 3 }] => Some(version),
                _ => None,
            },
            _ => None,
        }
    }

    /// The place of the highest version in the range among some texts; texts that are no versions are passed over.
    ///
    /// A text that equals the range letter by letter wins, as Helm does it.
    pub fn highest<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Option<usize> {
        let mut best: Option<(usize, Version)> = None;
        for (at, text) in texts.into_iter().enumerate() {
            if text == self.text {
                return Some(at);
            }
            let Some(version) = parse_version(text) else { continue };
            if self.contains(&version) && best.as_ref().is_none_or(|(_, best)| version > *best) {
                best = Some((at, version));
            }
        }
        best.map(|(at, _)| at)
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Reads one version leniently: a leading `v`, missing minor or patch and leading zeros are accepted, as Helm does it.
pub fn parse_version(text: &str) -> Option<Version> {
    match partial(text)? {
        (version, 1..=3) if !text.contains(['x', 'X', '*']) => Some(version),
        // An `x` may also stand in the pre-release or the build metadata.
        (version, 3) => Some(version),
        _ => None,
    }
}

impl AllOf {
    fn parse(text: &str) -> Option<Self> {
        let mut words: Vec<String> = Vec::new();
        // An operator and its version may be apart (`>= 1.2`): join them again.
        for word in text.split([' ', ',', '\t']).filter(|word| !word.is_empty()) {
            match words.last_mut() {
                Some(last) if last.chars().all(|c| "=!<>~^".contains(c)) => last.push_str(word),
                _ => words.push(word.to_owned()),
            }
        }
        let mut comparators = Vec::new();
        let mut rest = words.as_slice();
        loop {
            rest = match rest {
                [] => break,
                [from, dash, to, rest @ ..] if dash == "-" => {
                    comparators.push(Comparator::parse(&format!(">={from}"))?);
                    comparators.push(Comparator::parse(&format!("<={to}"))?);
                    rest
                }
                [word, rest @ ..] => {
                    comparators.push(Comparator::parse(word)?);
                    rest
                }
            };
        }
        let prereleases = comparators.iter().any(|c| !c.version.pre.is_empty());
        (!comparators.is_empty()).then_some(Self { comparators, prereleases })
    }

    fn contains(&self, version: &Version) -> bool {
        (self.prereleases || version.pre.is_empty())
            && self.comparators.iter().all(|comparator| comparator.contains(version))
    }
}

impl Comparator {
    fn parse(text: &str) -> Option<Self> {
        let split = text.find(|c| !"=!<>~^".contains(c))?;
        let (op, version) = text.split_at(split);
        let op = match op {
            "" | "=" => Op::Equal,
            "!=" => Op::NotEqual,
            ">" => Op::Greater,
            ">=" | "=>" => Op::GreaterEqual,
            "<" => Op::Less,
            "<=" | "=<" => Op::LessEqual,
            "~" | "~>" => Op::Tilde,
            "^" => Op::Caret,
            _ => return None,
        };
        let (version, parts) = partial(version)?;
        Some(Self { op, version, parts })
    }

    fn contains(&self, version: &Version) -> bool {
        let same_major = version.major == self.version.major;
        let same_minor = same_major && version.minor == self.version.minor;
        let order = version.cmp_precedence(&self.version);
        // How the version stands to the given parts alone: `1.2.9` is equal to `1.2`.
        let short = match self.parts {
            0 => Ordering::Equal,
            1 => version.major.cmp(&self.version.major),
            2 => (version.major, version.minor).cmp(&(self.version.major, self.version.minor)),
            _ => order,
        };
        let build = &self.version.build;
        let equal = match self.parts {
            3 => order.is_eq() && (build.is_empty() || *build == version.build),
            _ => short.is_eq() && order.is_ge(),
        };
        match self.op {
            Op::Equal => equal,
            Op::NotEqual => !equal,
            Op::Greater => short.is_gt(),
            Op::GreaterEqual => order.is_ge(),
            Op::Less => order.is_lt(),
            Op::LessEqual => short.is_le(),
            Op::Tilde => {
                order.is_ge()
                    && match self.parts {
                        0 => true,
                        1 => same_major,
                        _ => same_minor,
                    }
            }
            Op::Caret => {
                order.is_ge()
                    && match self.parts {
                        0 => true,
                        1 => same_major,
                        _ if self.version.major > 0 => same_major,
                        2 => same_minor,
                        _ if self.version.minor > 0 => same_minor,
                        _ => same_minor && version.patch == self.version.patch,
                    }
            }
        }
    }
}

/// Reads `1`, `1.x`, `v1.2.3-rc.1+b`, `*`: the version with zeros filled in, and how many parts were given.
fn partial(text: &str) -> Option<(Version, usize)> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, build) = match text.split_once('+') {
        Some((text, build)) => (text, BuildMetadata::new(build).ok().filter(|b| !b.is_empty())?),
        None => (text, BuildMetadata::EMPTY),
    };
    let (text, pre) = match text.split_once('-') {
        Some((text, pre)) => (text, Prerelease::new(pre).ok().filter(|p| !p.is_empty())?),
        None => (text, Prerelease::EMPTY),
    };
    let mut numbers = [0u64; 3];
    let mut parts = 0;
    let mut open = false;
    for (at, part) in text.split('.').enumerate() {
        if at > 2 {
            return None;
        }
        match part {
            "x" | "X" | "*" => open = true,
            _ if !part.bytes().all(|b| b.is_ascii_digit()) => return None,
            // `1.x.3` means `1.x`.
            _ if open => {}
            _ => {
                numbers[at] = part.parse().ok()?;
                parts = at + 1;
            }
        }
    }
    let [major, minor, patch] = numbers;
    Some((Version { major, minor, patch, pre, build }, parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(range: &str, version: &str) -> bool {
        let version = parse_version(version).expect(version);
        VersionRange::parse(range).expect(range).contains(&version)
    }

    #[test]
    fn reads_ranges_as_helm_does() {
        for (range, inside, outside) in [
            ("10.1.1", "10.1.1 v10.1.1 10.1.1+5", "10.1.2 10.1.0 10.1.1-rc1"),
            ("v1.2.3", "1.2.3", "1.2.4"),
            ("1.2.3+5", "1.2.3+5", "1.2.3 1.2.3+6"),
            ("^1", "1.0.0 1.9.9", "2.0.0 0.9.0 1.5.0-rc.1"),
            ("^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2 1.0.0"),
            ("^0.0.3", "0.0.3", "0.0.4 0.1.0"),
            ("^0.0", "0.0.0 0.0.9", "0.1.0"),
            ("^0", "0.0.1 0.9.0", "1.0.0"),
            ("~1.2", "1.2.0 1.2.9", "1.3.0 1.1.9"),
            ("~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0"),
            ("~1", "1.0.0 1.9.0", "2.0.0"),
            ("~>2.0", "2.0.1", "2.1.0"),
            ("1.x", "1.0.0 1.99.0", "2.0.0"),
            ("1.2.*", "1.2.0 1.2.7", "1.3.0"),
            ("0.12", "0.12.4", "0.13.0"),
            ("*", "0.0.1 99.0.0", "1.0.0-rc.1"),
            ("", "1.0.0", "1.0.0-rc.1"),
            (">=1 <2", "1.0.0 1.9.9", "2.0.0 0.9.0"),
            (">= 1.0.0, < 2.0.0", "1.0.0", "2.0.0"),
            (">1.2", "1.3.0", "1.2.9"),
            ("<=1.2", "1.2.9 0.1.0", "1.3.0"),
            ("1.2 - 1.4", "1.2.0 1.4.9", "1.5.0 1.1.0"),
            ("^1 || ^3", "1.1.0 3.1.0", "2.0.0"),
            (">=1 !=1.3.0", "1.2.0", "1.3.0"),
            (">=1.0.0-0 <2.0.0", "1.5.0-rc.1 1.0.0", "0.9.0"),
            ("^1.2.0-beta.1", "1.2.0-beta.2 1.3.0", "1.2.0-alpha"),
        ] {
            inside.split(' ').for_each(|v| assert!(contains(range, v), "{v} in {range}"));
            outside.split(' ').for_each(|v| assert!(!contains(range, v), "{v} not in {range}"));
        }
    }

    #[test]
    fn refuses_what_is_no_range() {
        let long = "1".repeat(300);
        for bad in
            ["latest", "1.2.3.4", "==1", ">", "1 ||", "1.2.3-", "1.2.3+", "{{ x }}", "~^1", &long]
        {
            assert!(VersionRange::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tells_exact_versions_and_picks_the_highest() {
        let range = |text: &str| VersionRange::parse(text).expect(text);
        assert_eq!(range("v1.2.3").exact().map(ToString::to_string), Some("1.2.3".to_owned()));
        for open in ["1.2", "^1.2.3", "1.2.3 || 1.2.4", "*"] {
            assert!(range(open).exact().is_none(), "{open}");
        }
        let all = ["1.2.0", "2024.01.02", "1.10.0", "nonsense", "1.9.0", "1.11.0-rc.1"];
        assert_eq!(range("^1").highest(all), Some(2));
        assert_eq!(range("*").highest(all), Some(1));
        assert_eq!(range("1.2.0+7").highest(["1.2.0", "1.2.0+7"]), Some(1));
        assert_eq!(range("^3").highest(all), None);
        assert!(parse_version("1.x").is_none() && parse_version("1.0.0-x86").is_some());
    }
}
