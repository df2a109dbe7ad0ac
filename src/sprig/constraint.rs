//! Ranges of versions as `semverCompare` reads them (Masterminds/semver 3.5, `constraints.go`).
//!
//! Not `artifact::VersionRange`, which reads what people write in an inventory and is stricter about build metadata: a chart
//! must take the branch that it takes under Helm, down to the odd corners (`^*` is `0.0.0` alone, `<=*` is `0.0.x`).

use std::cmp::Ordering;

use crate::sprig::versions::Version;

/// Longest range, as in Go.
const LENGTH_MAX: usize = 512;
/// Most alternatives, as in Go.
const GROUPS_MAX: usize = 32;
/// Go's `\s`.
const SPACE: [char; 5] = ['\t', '\n', '\u{c}', '\r', ' '];
/// Operators; those that begin with another one stand before it.
const OPS: [(&str, Op); 11] = [
    (">=", Op::GreaterEqual),
    ("=>", Op::GreaterEqual),
    ("<=", Op::LessEqual),
    ("=<", Op::LessEqual),
    ("!=", Op::NotEqual),
    ("~>", Op::Tilde),
    (">", Op::Greater),
    ("<", Op::Less),
    ("=", Op::Equal),
    ("~", Op::Tilde),
    ("^", Op::Caret),
];

/// A range: any of some groups, in each of which all comparators agree.
pub(super) struct Constraint(Vec<Vec<Comparator>>);

#[derive(Clone, Copy, PartialEq)]
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

/// Which part of a version is the first that was left open.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    No,
    Major,
    Minor,
    Patch,
}

struct Comparator {
    op: Op,
    version: Version,
    open: Open,
}

/// The pieces of a version in a range: `1.x-rc.1+b`.
struct Pieces<'a> {
    whole: &'a str,
    numbers: [&'a str; 3],
    /// With its hyphen.
    pre: &'a str,
}

impl Constraint {
    /// Reads a range; the error is Go's.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LENGTH_MAX {
            return Err(format!("constraint string is too long (max {LENGTH_MAX} bytes)"));
        }
        let text = rewrite_hyphens(text);
        if text.split("||").count() > GROUPS_MAX {
            return Err(format!("too many constraint groups (max {GROUPS_MAX})"));
        }
        text.split("||").map(group).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a version lies in the range.
    pub(super) fn contains(&self, version: &Version) -> bool {
        self.0.iter().any(|all| {
            // A range speaks of pre-releases only when it names one.
            let named = all.iter().any(|comparator| !comparator.version.pre.is_empty());
            (version.pre.is_empty() || named) && all.iter().all(|one| one.contains(version))
        })
    }
}

/// Comparators between two `||`.
fn group(text: &str) -> Result<Vec<Comparator>, String> {
    let improper = || format!("improper constraint: {text:?}");
    let mut written = Vec::new();
    let mut rest = text.trim_start_matches(SPACE);
    loop {
        let (op, after) = OPS
            .iter()
            .find_map(|(name, op)| Some((*op, rest.strip_prefix(name)?)))
            .unwrap_or((Op::Equal, rest));
        let pieces = pieces(after.trim_start_matches(SPACE)).ok_or_else(improper)?;
        let after = &after.trim_start_matches(SPACE)[pieces.whole.len()..];
        written.push((op, pieces));
        // Spaces, or a comma with spaces around it, stand between two comparators.
        let next = after.trim_start_matches(SPACE);
        if next.is_empty() {
            // Only when the whole reads well does Go look at the single versions.
            return written.iter().map(|(op, pieces)| Comparator::of(*op, pieces)).collect();
        }
        rest = match next.strip_prefix(',') {
            Some(next) => next.trim_start_matches(SPACE),
            None if next.len() < after.len() => next,
            None => return Err(improper()),
        };
    }
}

/// Turns `1.2 - 1.4` into `>= 1.2, <= 1.4 `, wherever it stands.
fn rewrite_hyphens(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some((from, to, after)) = hyphen_range(rest) {
            out.push_str(&format!(">= {from}, <= {to} "));
            rest = after;
        } else {
            let first = rest.chars().next().map_or(0, char::len_utf8);
            out.push_str(&rest[..first]);
            rest = &rest[first..];
        }
    }
    out
}

/// A hyphen range at the start of a text, and what follows it.
fn hyphen_range(text: &str) -> Option<(&str, &str, &str)> {
    let from = text.trim_start_matches(SPACE);
    let first = pieces(from)?.whole;
    let rest = spaces(&from[first.len()..])?.strip_prefix('-')?;
    let to = spaces(rest)?;
    let second = pieces(to)?.whole;
    Some((first, second, to[second.len()..].trim_start_matches(SPACE)))
}

/// The text after at least one space.
fn spaces(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(SPACE);
    (rest.len() < text.len()).then_some(rest)
}

/// The longest version at the start of a text, with `x` and `*` for numbers. Go's expression takes `|` for one too.
fn pieces(text: &str) -> Option<Pieces<'_>> {
    fn run(text: &str, wanted: fn(u8) -> bool) -> usize {
        text.bytes().take_while(|byte| wanted(*byte)).count()
    }
    /// A mark and dotted words: `-rc.1`.
    fn words(text: &str, mark: char) -> usize {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let Some(rest) = text.strip_prefix(mark) else { return 0 };
        let mut length = run(rest, word);
        if length == 0 {
            return 0;
        }
        while let Some(next) = rest[length..].strip_prefix('.') {
            match run(next, word) {
                0 => break,
                more => length += 1 + more,
            }
        }
        1 + length
    }
    let number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'x' | b'X' | b'*' | b'|');
    let mut at = usize::from(text.starts_with('v'));
    let mut numbers = [""; 3];
    for (place, slot) in numbers.iter_mut().enumerate() {
        let rest = if place == 0 { Some(&text[at..]) } else { text[at..].strip_prefix('.') };
        let length = rest.map_or(0, |rest| run(rest, number));
        match (rest, length) {
            (Some(rest), 1..) => *slot = &rest[..length],
            _ if place == 0 => return None,
            _ => break,
        }
        at += length + usize::from(place > 0);
    }
    let pre = &text[at..at + words(&text[at..], '-')];
    at += pre.len();
    at += words(&text[at..], '+');
    Some(Pieces { whole: &text[..at], numbers, pre })
}

impl Comparator {
    fn of(op: Op, pieces: &Pieces<'_>) -> Result<Self, String> {
        let Pieces { whole, numbers: [major, minor, patch], pre } = pieces;
        let open = |part: &str| matches!(part, "" | "x" | "X" | "*");
        let (text, open) = if open(major) {
            (format!("0.0.0{pre}"), Open::Major)
        } else if open(minor) {
            (format!("{major}.0.0{pre}"), Open::Minor)
        } else if open(patch) {
            (format!("{major}.{minor}.0{pre}"), Open::Patch)
        } else {
            ((*whole).to_owned(), Open::No)
        };
        let version = Version::parse(&text).map_err(|_| "constraint parser error".to_owned())?;
        Ok(Self { op, version, open })
    }

    fn contains(&self, version: &Version) -> bool {
        let order = version.compare(&self.version);
        match self.op {
            Op::Equal if self.open == Open::No => order.is_eq(),
            Op::Equal | Op::Tilde => order.is_ge() && self.tilde(version),
            Op::NotEqual => self.differs(version, order),
            Op::Greater => match (self.open, version.major.cmp(&self.version.major)) {
                (Open::No, _) => order.is_gt(),
                (_, Ordering::Greater) => true,
                (_, Ordering::Less) | (Open::Minor, _) => false,
                (Open::Patch, _) => version.minor > self.version.minor,
                (Open::Major, _) => order.is_gt(),
            },
            Op::GreaterEqual => order.is_ge(),
            Op::Less => order.is_lt(),
            Op::LessEqual => match (self.open, version.major.cmp(&self.version.major)) {
                (Open::No, _) => order.is_le(),
                (_, Ordering::Greater) => false,
                (Open::Minor, _) | (_, Ordering::Less) => true,
                _ => version.minor <= self.version.minor,
            },
            Op::Caret => order.is_ge() && self.caret(version),
        }
    }

    fn tilde(&self, version: &Version) -> bool {
        let zero = (self.version.major, self.version.minor, self.version.patch) == (0, 0, 0);
        if zero && matches!(self.open, Open::No | Open::Major) {
            return true;
        }
        version.major == self.version.major
            && (version.minor == self.version.minor || self.open == Open::Minor)
    }

    fn caret(&self, version: &Version) -> bool {
        let same_major = version.major == self.version.major;
        if self.version.major > 0 || self.open == Open::Minor || !same_major {
            return same_major;
        }
        let same_minor = version.minor == self.version.minor;
        if self.version.minor > 0 || self.open == Open::Patch || !same_minor {
            return same_minor;
        }
        version.patch == self.version.patch
    }

    fn differs(&self, version: &Version, order: Ordering) -> bool {
        let own = &self.version;
        match self.open {
            Open::No => order.is_ne(),
            _ if version.major != own.major => true,
            Open::Minor => false,
            _ if version.minor != own.minor => true,
            Open::Patch => {
                (!version.pre.is_empty() || !own.pre.is_empty()) && version.compare_pre(own).is_ne()
            }
            Open::Major => version.patch != own.patch || order.is_ne(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Constraint;
    use crate::sprig::versions::Version;

    /// In the order of the columns of [`TABLE`].
    const VERSIONS: [&str; 20] = [
        "0.0.0",
        "0.0.3",
        "0.0.4",
        "0.1.0",
        "0.2.3",
        "0.2.9",
        "1.0.0-rc.1",
        "1.0.0",
        "v1.2.0",
        "1.2.3-alpha.1",
        "1.2.3",
        "1.2.3+b5",
        "1.2.9",
        "1.3.0-0",
        "1.3.0",
        "2.0.0",
        "2.1.5",
        "1.28.4-gke.100",
        "1.29.0",
        "10.0.0",
    ];

    /// What Masterminds/semver 3.5.0 says of each version.
    const TABLE: &[(&str, &str)] = &[
        ("1.2.3", "00000000001100000000"),
        ("=1.2.3", "00000000001100000000"),
        ("v1.2.3", "00000000001100000000"),
        ("1.2.3+b5", "00000000001100000000"),
        ("1.2", "00000000101110000000"),
        ("1", "00000001101110100010"),
        ("1.x", "00000001101110100010"),
        ("1.2.x", "00000000101110000000"),
        ("*", "11111101101110111011"),
        ("x", "11111101101110111011"),
        ("X.1", "11111101101110111011"),
        ("=1.2", "00000000101110000000"),
        (">=1.2", "00000000101110111011"),
        (">1.2", "00000000000000111011"),
        (">1", "00000000000000011001"),
        (">1.2.3", "00000000000010111011"),
        ("<1.2", "11111101000000000000"),
        ("<1.2.3", "11111101100000000000"),
        ("<=1.2", "11111101101110000000"),
        ("<=1", "11111101101110100010"),
        ("<=1.2.3", "11111101101100000000"),
        ("!=1.2.3", "11111101100010111011"),
        ("!=1.2", "11111101000000111011"),
        ("!=1", "11111100000000011001"),
        ("!=1.2.x", "11111101000000111011"),
        ("!=*", "01111101101110111011"),
        ("~1", "00000001101110100010"),
        ("~1.2", "00000000101110000000"),
        ("~1.2.3", "00000000001110000000"),
        ("~0", "11111100000000000000"),
        ("~0.0", "11100000000000000000"),
        ("~0.0.0", "11111101101110111011"),
        ("~*", "11111101101110111011"),
        ("~>1.2", "00000000101110000000"),
        ("^1", "00000001101110100010"),
        ("^1.2", "00000000101110100010"),
        ("^1.2.3", "00000000001110100010"),
        ("^0", "11111100000000000000"),
        ("^0.0", "11100000000000000000"),
        ("^0.0.3", "01000000000000000000"),
        ("^0.2", "00001100000000000000"),
        ("^0.2.3", "00001100000000000000"),
        ("^*", "10000000000000000000"),
        ("^1.2.3-0", "00000000011111100110"),
        ("=>1.2.3", "00000000001110111011"),
        ("=<1.2.3", "11111101101100000000"),
        (">=1 <2", "00000001101110100010"),
        (">=1, <2", "00000001101110100010"),
        (">= 1.2.3-0", "00000000011111111111"),
        (">=1.2.3-0", "00000000011111111111"),
        (">=1.28-0", "00000000000000011111"),
        (">= 1.22.0-0", "00000000000000011111"),
        ("<1.3.0-0", "11111111111110000000"),
        ("1.2 - 1.4", "00000000101110100000"),
        ("1.2.3 - 2", "00000000001110111010"),
        ("1.0 - 1.2 || 2.x", "00000001101110011000"),
        ("^1 || ^10", "00000001101110100011"),
        ("1.2-alpha", "00000000111110000000"),
        ("1.2.3-alpha.1", "00000000010000000000"),
        ("!=1.2-alpha", "11111111111111111111"),
        (">1.2-0", "00000000000001111111"),
        ("<=1.2-0", "11111111111110000000"),
        ("~1.2.3-alpha", "00000000011110000000"),
        ("1.2.3-beta - 1.3.0", "00000000001111100000"),
        (">=1.2.0-alpha <1.3", "00000000111111000000"),
        ("^1.28.0-0", "00000000000000000110"),
        (">=0", "11111101101110111011"),
        (">0", "00000001101110111011"),
        ("<0.0.4-0 || >9", "11000000000000000001"),
        ("1 - 2 || 3 - 4", "00000001101110111010"),
        ("1 - 2, <1.3", "00000001101110000000"),
        ("  1.2.3  ", "00000000001100000000"),
        (">= 1.2\t<2", "00000000101110100010"),
        ("1.*", "00000001101110100010"),
        ("*.1.2", "11111101101110111011"),
        ("^x", "10000000000000000000"),
        (">x", "01111101101110111011"),
        ("<*", "00000000000000000000"),
        ("<=*", "11100000000000000000"),
        (">=*", "11111101101110111011"),
        ("=*", "11111101101110111011"),
        ("!=x", "01111101101110111011"),
        ("~1.x", "00000001101110100010"),
        ("^1.x.x", "00000001101110100010"),
        ("1.2.3 1.2.9", "00000000000000000000"),
        ("1.2.3 - 1.2.9 !=1.2.3", "00000000000010000000"),
    ];

    #[test]
    fn takes_and_refuses_what_masterminds_does() {
        for (range, wanted) in TABLE {
            let constraint = Constraint::parse(range).expect(range);
            let contains = |version: &&str| {
                let version = Version::parse(version).expect(version);
                if constraint.contains(&version) { '1' } else { '0' }
            };
            assert_eq!(VERSIONS.iter().map(contains).collect::<String>(), *wanted, "{range}");
        }
    }

    #[test]
    fn refuses_with_the_words_of_masterminds() {
        let many = "1||".repeat(32);
        let long = "1".repeat(513);
        for (range, words) in [
            ("foo", "improper constraint: \"foo\""),
            (">=1.2.3 || foo", "improper constraint: \" foo\""),
            ("", "improper constraint: \"\""),
            ("1|2", "constraint parser error"),
            ("1.2.3.4", "improper constraint: \"1.2.3.4\""),
            ("1.2.3-01", "constraint parser error"),
            ("1|2, foo", "improper constraint: \"1|2, foo\""),
            (">=1.2.3.4 - 2", "improper constraint: \">=1.>= 2.3.4, <= 2 \""),
            (">=1.2 - 1.4", "improper constraint: \">=>= 1.2, <= 1.4 \""),
            ("a1 - 2", "improper constraint: \"a>= 1, <= 2 \""),
            (", 1", "improper constraint: \", 1\""),
            ("1,", "improper constraint: \"1,\""),
            ("1,,2", "improper constraint: \"1,,2\""),
            ("1>2", "improper constraint: \"1>2\""),
            ("> = 1", "improper constraint: \"> = 1\""),
            ("==1", "improper constraint: \"==1\""),
            ("é", "improper constraint: \"é\""),
            (&many, "too many constraint groups (max 32)"),
            (&long, "constraint string is too long (max 512 bytes)"),
        ] {
            assert_eq!(Constraint::parse(range).err().as_deref(), Some(words), "{range}");
        }
    }
}
