//! Patterns over the names of a chart's files, as `.Files.Glob` and `--show-only` read them.

use regex::Regex;

/// A compiled pattern.
pub(super) struct Glob(Regex);

impl Glob {
    /// Reads a pattern as `.Files.Glob` does (`github.com/gobwas/glob`, with `/` between folders): `*` and `?` stay in one
    /// folder, `**` does not, `[a-z]`, `[!abc]`, `{one,two}`, and `\` takes a character for itself. `None`: not sound.
    pub(super) fn files(pattern: &str) -> Option<Self> {
        let mut expression = String::from("(?s)^");
        let mut chars = pattern.chars().peekable();
        let mut open = 0_usize;
        while let Some(char) = chars.next() {
            match char {
                '{' => {
                    open += 1;
                    expression.push_str("(?:");
                }
                ',' if open > 0 => expression.push('|'),
                '}' if open > 0 => {
                    open -= 1;
                    expression.push(')');
                }
                '[' => expression.push_str(&files_range(&mut chars)?),
                '?' => expression.push_str("[^/]"),
                '*' if chars.next_if_eq(&'*').is_some() => expression.push_str(".*"),
                '*' => expression.push_str("[^/]*"),
                // A backslash at the very end stands for nothing.
                '\\' => chars.next().into_iter().for_each(|char| literal(&mut expression, char)),
                char => literal(&mut expression, char),
            }
        }
        // The library takes a brace that nobody closed as closed at the end.
        (0..open).for_each(|_| expression.push(')'));
        Self::compile(expression)
    }

    /// Reads a pattern as Go's `path/filepath.Match` does, which `--show-only` uses.
    pub(super) fn path(pattern: &str) -> Option<Self> {
        let mut expression = String::from("(?s)^");
        let mut chars = pattern.chars().peekable();
        while let Some(char) = chars.next() {
            match char {
                '[' => expression.push_str(&path_range(&mut chars)?),
                '?' => expression.push_str("[^/]"),
                '*' => expression.push_str("[^/]*"),
                '\\' => literal(&mut expression, chars.next()?),
                char => literal(&mut expression, char),
            }
        }
        Self::compile(expression)
    }

    fn compile(mut expression: String) -> Option<Self> {
        expression.push('$');
        Regex::new(&expression).ok().map(Self)
    }

    /// Whether a name fits.
    pub(super) fn fits(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn literal(expression: &mut String, char: char) {
    expression.push_str(&regex::escape(char.encode_utf8(&mut [0; 4])));
}

/// What follows `[` in a pattern of `.Files.Glob`: one range, or a list of characters.
fn files_range(chars: &mut Chars<'_>) -> Option<String> {
    let not = chars.next_if_eq(&'!').is_some();
    let mut listed = Vec::new();
    let first = chars.next()?;
    if first != '\\' && chars.next_if_eq(&'-').is_some() {
        let last = chars.next()?;
        return (chars.next()? == ']' && first <= last).then(|| class(not, &[(first, last)]));
    }
    let mut next = Some(first);
    loop {
        match next? {
            ']' => break,
            '\\' => listed.push(chars.next()?),
            char => listed.push(char),
        }
        next = chars.next();
    }
    let pairs: Vec<_> = listed.into_iter().map(|char| (char, char)).collect();
    (!pairs.is_empty()).then(|| class(not, &pairs))
}

/// What follows `[` in a pattern of `filepath.Match`: characters and ranges, mixed.
fn path_range(chars: &mut Chars<'_>) -> Option<String> {
    let not = chars.next_if_eq(&'^').is_some();
    let mut pairs = Vec::new();
    loop {
        let first = match chars.next()? {
            ']' if !pairs.is_empty() => break,
            ']' | '-' => return None,
            '\\' => chars.next()?,
            char => char,
        };
        let last = match chars.next_if_eq(&'-') {
            None => first,
            Some(_) => match chars.next()? {
                '\\' => chars.next()?,
                ']' | '-' => return None,
                char => char,
            },
        };
        if first <= last {
            pairs.push((first, last));
        }
    }
    Some(class(not, &pairs))
}

fn class(not: bool, pairs: &[(char, char)]) -> String {
    let code = |char: char| format!("\\x{{{:x}}}", u32::from(char));
    let ranges: String =
        pairs.iter().map(|(first, last)| format!("{}-{}", code(*first), code(*last))).collect();
    format!("[{}{ranges}]", if not { "^" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outcomes of gobwas/glob 0.2.3 with the separator `/`.
    #[test]
    fn files_fit_as_in_helm() {
        for (pattern, name, fits) in [
            ("files/*", "files/a.txt", true),
            ("files/*", "files/x/a.txt", false),
            ("files/**", "files/x/a.txt", true),
            ("files/**.txt", "files/x/a.txt", true),
            ("**/a.txt", "a.txt", false),
            ("**", "x/y", true),
            ("files/?.txt", "files/a.txt", true),
            ("files?a.txt", "files/a.txt", false),
            ("files/{a,b}.txt", "files/b.txt", true),
            ("files/{a,b*}.{txt,md}", "files/bcd.md", true),
            ("files/[a-c].txt", "files/b.txt", true),
            ("files/[!a-c].txt", "files/b.txt", false),
            ("files/[abx].txt", "files/x.txt", true),
            ("files/\\*", "files/*", true),
            ("files/\\*", "files/a", false),
            ("a,b", "a,b", true),
            ("", "", true),
        ] {
            assert_eq!(Glob::files(pattern).expect(pattern).fits(name), fits, "{pattern} {name}");
        }
        for bad in ["[", "[a", "[]", "[z-a]", "[!]"] {
            assert!(Glob::files(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn paths_fit_as_in_go() {
        for (pattern, name, fits) in [
            ("templates/*.yaml", "templates/a.yaml", true),
            ("templates/*", "templates/x/a.yaml", false),
            ("templates/[a-c^]?.yaml", "templates/bx.yaml", true),
            ("templates/[^a].yaml", "templates/a.yaml", false),
            ("charts/*/templates/*", "charts/a/templates/b", true),
        ] {
            assert_eq!(Glob::path(pattern).expect(pattern).fits(name), fits, "{pattern} {name}");
        }
        for bad in ["[", "[]a]", "a\\", "[-a]"] {
            assert!(Glob::path(bad).is_none(), "{bad}");
        }
    }
}
