//! Go's regular expressions, translated for the `regex` crate.
//!
//! Both descend from RE2, so they match alike; they are written a little differently. Go's `\d`, `\w`, `\s` and `\b` know
//! ASCII alone; `\Q…\E`, octal escapes and stray braces exist; set operations and `(?x)` do not. What Go refuses is refused
//! here, in its words. Every literal is written as an escape, so that nothing gets a meaning that it has not in Go.

/// A pattern that the `regex` crate reads.
pub(super) struct Pattern {
    /// The pattern. All its groups are numbered, none is named.
    pub(super) text: String,
    /// Names of the groups, the whole match included.
    pub(super) names: Vec<Option<String>>,
}

/// Highest count in `{n,m}`, Go's and ours.
const REPEATS_MAX: u32 = 1000;

/// What has just been read, for what may follow it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Nothing that could be repeated.
    Nothing,
    /// Something that can.
    Atom,
    /// A repetition, which started at this place.
    Repeat(usize),
}

/// Translates a pattern; else gives Go's `error parsing regexp: …`.
pub(super) fn translate(text: &str) -> Result<Pattern, String> {
    let mut reader = Reader { whole: text, at: 0, out: String::new(), names: vec![None], depth: 0 };
    reader.read().map_err(|error| format!("error parsing regexp: {error}"))?;
    Ok(Pattern { text: reader.out, names: reader.names })
}

struct Reader<'a> {
    whole: &'a str,
    at: usize,
    out: String,
    names: Vec<Option<String>>,
    depth: usize,
}

/// Go's words and the part of the pattern that they are about.
fn refused<T>(what: &str, part: &str) -> Result<T, String> {
    Err(format!("{what}: `{part}`"))
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.whole.get(self.at..).unwrap_or_default()
    }

    /// The pattern from a place up to where reading stands.
    fn since(&self, start: usize) -> &'a str {
        self.whole.get(start..self.at).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Steps over a text when it comes next.
    fn take(&mut self, text: &str) -> bool {
        let here = self.rest().starts_with(text);
        if here {
            self.at += text.len();
        }
        here
    }

    fn read(&mut self) -> Result<(), String> {
        let mut last = Last::Nothing;
        while let Some(next) = self.peek() {
            let start = self.at;
            last = match next {
                '(' => {
                    self.at += 1;
                    self.open(start, last)?
                }
                ')' => {
                    self.at += 1;
                    let Some(depth) = self.depth.checked_sub(1) else {
                        return refused("unexpected )", self.whole);
                    };
                    self.depth = depth;
                    self.out.push(')');
                    Last::Atom
                }
                '|' => {
                    self.at += 1;
                    self.out.push('|');
                    Last::Nothing
                }
                '^' | '$' | '.' => {
                    self.at += 1;
                    self.out.push(next);
                    Last::Atom
                }
                '[' => self.class()?,
                '*' | '+' | '?' => {
                    self.at += 1;
                    self.repeat(start, last, &next.to_string())?
                }
                '{' => self.count(last)?,
                '\\' => self.escaped(last)?,
                _ => {
                    self.at += next.len_utf8();
                    literal(&mut self.out, next);
                    Last::Atom
                }
            };
        }
        if self.depth > 0 { refused("missing closing )", self.whole) } else { Ok(()) }
    }

    fn repeat(&mut self, start: usize, last: Last, how: &str) -> Result<Last, String> {
        let greedy = !self.take("?");
        match last {
            Last::Repeat(first) => {
                return refused("invalid nested repetition operator", self.since(first));
            }
            Last::Nothing => {
                return refused("missing argument to repetition operator", self.since(start));
            }
            Last::Atom => {}
        }
        self.out.push_str(how);
        if !greedy {
            self.out.push('?');
        }
        Ok(Last::Repeat(start))
    }

    /// Reads `{n}`, `{n,}` or `{n,m}`; any other brace is a literal.
    fn count(&mut self, last: Last) -> Result<Last, String> {
        let start = self.at;
        let counted = self.rest().strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let counts = counted.and_then(|(inside, _)| {
            let (min, max) = inside.split_once(',').unwrap_or((inside, inside));
            let max =
                if max.is_empty() && inside.contains(',') { None } else { Some(number(max)?) };
            Some((inside.len(), number(min)?, max))
        });
        let Some((length, min, max)) = counts else {
            self.at += 1;
            literal(&mut self.out, '{');
            return Ok(Last::Atom);
        };
        self.at += length + 2;
        if min > REPEATS_MAX || max.is_some_and(|max| max > REPEATS_MAX || max < min) {
            return refused("invalid repeat count", self.since(start));
        }
        let how = match max {
            Some(max) if max == min => format!("{{{min}}}"),
            Some(max) => format!("{{{min},{max}}}"),
            None => format!("{{{min},}}"),
        };
        self.repeat(start, last, &how)
    }

    /// Reads what follows an opening parenthesis.
    fn open(&mut self, start: usize, last: Last) -> Result<Last, String> {
        if !self.take("?") {
            self.names.push(None);
            self.depth += 1;
            self.out.push('(');
            return Ok(Last::Nothing);
        }
        let left = self.rest().len();
        if left > 2 && self.take("P<") || left > 1 && self.take("<") {
            return self.named(start);
        }
        self.flags(start, last)
    }

    fn named(&mut self, start: usize) -> Result<Last, String> {
        let whole = self.whole.get(start..).unwrap_or_default();
        let Some((name, _)) = self.rest().split_once('>') else {
            return refused("invalid named capture", whole);
        };
        self.at += name.len() + 1;
        let sound = |letter: char| letter == '_' || letter.is_ascii_alphanumeric();
        if name.is_empty() || !name.chars().all(sound) {
            return refused("invalid named capture", self.since(start));
        }
        self.names.push(Some(name.to_owned()));
        self.depth += 1;
        self.out.push('(');
        Ok(Last::Nothing)
    }

    /// Reads `(?flags)` or `(?flags:`.
    fn flags(&mut self, start: usize, last: Last) -> Result<Last, String> {
        let (mut flags, mut negative, mut pending) = (String::new(), false, false);
        while let Some(next) = self.next() {
            match next {
                'i' | 'm' | 's' | 'U' => {
                    if !flags.split('-').next_back().unwrap_or_default().contains(next) {
                        flags.push(next);
                    }
                    pending = true;
                }
                '-' if !negative => {
                    negative = true;
                    pending = false;
                    flags.push('-');
                }
                ':' | ')' if !negative || pending => {
                    return Ok(self.flagged(&flags, next == ':', last));
                }
                _ => break,
            }
        }
        refused("invalid or unsupported Perl syntax", self.since(start))
    }

    fn flagged(&mut self, flags: &str, opens: bool, last: Last) -> Last {
        // The same flag set and unset is unset; the `regex` crate refuses to hear both.
        let (on, off) = flags.split_once('-').unwrap_or((flags, ""));
        let on: String = on.chars().filter(|flag| !off.contains(*flag)).collect();
        let dash = if off.is_empty() { "" } else { "-" };
        if opens {
            self.depth += 1;
            self.out.push_str(&format!("(?{on}{dash}{off}:"));
            return Last::Nothing;
        }
        if !on.is_empty() || !off.is_empty() {
            self.out.push_str(&format!("(?{on}{dash}{off})"));
            return Last::Nothing;
        }
        match last {
            Last::Repeat(_) => Last::Atom,
            other => other,
        }
    }

    /// Reads what starts with a backslash, outside of a class.
    fn escaped(&mut self, last: Last) -> Result<Last, String> {
        let start = self.at;
        let kept = [r"\A", r"\z"].into_iter().find(|kept| self.take(kept));
        if let Some(kept) = kept {
            self.out.push_str(kept);
        } else if self.take(r"\b") {
            self.out.push_str(r"(?-u:\b)");
        } else if self.take(r"\B") {
            self.out.push_str(r"(?-u:\B)");
        } else if self.take(r"\C") {
            return refused("invalid escape sequence", self.since(start));
        } else if self.take(r"\Q") {
            let (text, length) = match self.rest().split_once(r"\E") {
                Some((text, _)) => (text, text.len() + 2),
                None => (self.rest(), self.rest().len()),
            };
            self.at += length;
            text.chars().for_each(|letter| literal(&mut self.out, letter));
            return Ok(if text.is_empty() { last } else { Last::Atom });
        } else if let Some(class) = self.unicode_class()? {
            self.out.push_str(&class);
        } else if let Some((class, negative)) = self.perl_class() {
            self.out.push_str(if negative { "[^" } else { "[" });
            self.out.push_str(class);
            self.out.push(']');
        } else {
            let letter = self.letter()?;
            literal(&mut self.out, letter);
        }
        Ok(Last::Atom)
    }

    /// Reads `\pN`, `\p{Greek}` and their negations.
    fn unicode_class(&mut self) -> Result<Option<String>, String> {
        let start = self.at;
        let mut negative = self.rest().starts_with(r"\P");
        if !self.take(r"\p") && !self.take(r"\P") {
            return Ok(None);
        }
        let name = if self.take("{") {
            let Some((name, _)) = self.rest().split_once('}') else {
                return refused(
                    "invalid character class range",
                    self.whole.get(start..).unwrap_or(""),
                );
            };
            self.at += name.len() + 1;
            name
        } else {
            let before = self.at;
            self.next();
            self.since(before)
        };
        let bare = name.strip_prefix('^').unwrap_or(name);
        negative ^= bare.len() < name.len();
        if bare.is_empty() || !bare.chars().all(|l| l.is_ascii_alphabetic() || l == '_') {
            return refused("invalid character class range", self.since(start));
        }
        let class = format!("\\{}{{{bare}}}", if negative { 'P' } else { 'p' });
        // Whether there is such a class, only the crate knows.
        if regex::Regex::new(&class).is_err() {
            return refused("invalid character class range", self.since(start));
        }
        Ok(Some(class))
    }

    /// Reads `\d`, `\s`, `\w` and their negations: what stands in brackets, and whether it is negated.
    fn perl_class(&mut self) -> Option<(&'static str, bool)> {
        let letter = self.rest().strip_prefix('\\')?.chars().next()?;
        let class = match letter.to_ascii_lowercase() {
            'd' => "0-9",
            's' => r"\t\n\x0C\r\x20",
            'w' => "0-9A-Za-z_",
            _ => return None,
        };
        self.at += 2;
        Some((class, letter.is_ascii_uppercase()))
    }

    /// Reads an escape that stands for one character.
    fn letter(&mut self) -> Result<char, String> {
        let start = self.at;
        self.at += 1;
        let Some(next) = self.next() else {
            return refused("trailing backslash at end of expression", "");
        };
        let octal = |reader: &Self| reader.peek().and_then(|letter| letter.to_digit(8));
        let code = match next {
            '1'..='7' if octal(self).is_none() => None,
            '0'..='7' => {
                let mut code = next.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = octal(self) else { break };
                    code = code * 8 + digit;
                    self.at += 1;
                }
                Some(code)
            }
            'x' => self.hexadecimal(),
            'a' => Some(7),
            'f' => Some(12),
            'n' => Some(10),
            'r' => Some(13),
            't' => Some(9),
            'v' => Some(11),
            other if other.is_ascii() && !other.is_ascii_alphanumeric() => Some(other as u32),
            _ => None,
        };
        match code.and_then(char::from_u32) {
            Some(letter) => Ok(letter),
            None => refused("invalid escape sequence", self.since(start)),
        }
    }

    /// Reads `7F` or `{10FFFF}`.
    fn hexadecimal(&mut self) -> Option<u32> {
        if !self.take("{") {
            let first = self.next()?.to_digit(16);
            let second = self.next()?.to_digit(16)?;
            return Some(first? * 16 + second);
        }
        let (mut code, mut digits) = (0, 0);
        loop {
            match self.next()? {
                '}' => return (digits > 0).then_some(code),
                letter => code = code * 16 + letter.to_digit(16)?,
            }
            digits += 1;
            if code > u32::from(char::MAX) {
                return None;
            }
        }
    }

    /// Reads `[…]`.
    fn class(&mut self) -> Result<Last, String> {
        let start = self.at;
        self.at += 1;
        self.out.push('[');
        if self.take("^") {
            self.out.push('^');
        }
        let mut first = true;
        while first || !self.rest().starts_with(']') {
            first = false;
            if self.named_class()? {
                continue;
            }
            if let Some(class) = self.unicode_class()? {
                self.out.push_str(&class);
            } else if let Some((class, negative)) = self.perl_class() {
                let (open, close) = if negative { ("[^", "]") } else { ("", "") };
                self.out.push_str(&format!("{open}{class}{close}"));
            } else {
                self.range(start)?;
            }
        }
        self.at += 1;
        self.out.push(']');
        Ok(Last::Atom)
    }

    /// Reads `[:alpha:]`, when it stands there.
    fn named_class(&mut self) -> Result<bool, String> {
        let Some((name, _)) = self.rest().strip_prefix("[:").and_then(|rest| rest.split_once(":]"))
        else {
            return Ok(false);
        };
        let start = self.at;
        self.at += name.len() + 4;
        const NAMES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print",
            "punct", "space", "upper", "word", "xdigit",
        ];
        if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return refused("invalid character class range", self.since(start));
        }
        self.out.push_str(self.since(start));
        Ok(true)
    }

    /// Reads one character or a range inside a class.
    fn range(&mut self, class: usize) -> Result<(), String> {
        let start = self.at;
        let low = self.class_letter(class)?;
        let rest = self.rest().as_bytes();
        let mut high = low;
        if rest.first() == Some(&b'-') && rest.len() >= 2 && rest.get(1) != Some(&b']') {
            self.at += 1;
            high = self.class_letter(class)?;
            if high < low {
                return refused("invalid character class range", self.since(start));
            }
        }
        literal(&mut self.out, low);
        if high != low {
            self.out.push('-');
            literal(&mut self.out, high);
        }
        Ok(())
    }

    fn class_letter(&mut self, class: usize) -> Result<char, String> {
        match self.peek() {
            None => refused("missing closing ]", self.whole.get(class..).unwrap_or_default()),
            Some('\\') => self.letter(),
            Some(letter) => {
                self.at += letter.len_utf8();
                Ok(letter)
            }
        }
    }
}

/// A count without leading zeros.
fn number(text: &str) -> Option<u32> {
    let sound = text.bytes().all(|digit| digit.is_ascii_digit())
        && !text.is_empty()
        && (text == "0" || !text.starts_with('0'));
    // What is larger is too large in any case.
    sound.then(|| text.parse().unwrap_or(u32::MAX))
}

/// Writes a character so that it means itself.
fn literal(out: &mut String, letter: char) {
    if letter.is_ascii_alphanumeric() || !letter.is_ascii() {
        out.push(letter);
    } else {
        out.push_str(&format!("\\x{:02X}", letter as u32));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_go_refuses_in_its_words() {
        for (pattern, words) in REFUSED {
            let words = format!("error parsing regexp: {words}");
            assert_eq!(translate(pattern).err().as_deref(), Some(words.as_str()), "{pattern}");
        }
    }

    const REFUSED: &[(&str, &str)] = &[
        ("(?P<n", "invalid named capture: `(?P<n`"),
        ("(?<n!>a)", "invalid named capture: `(?<n!>`"),
        ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        ("(?", "invalid or unsupported Perl syntax: `(?`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?-)a", "invalid or unsupported Perl syntax: `(?-)`"),
        ("(?--i)a", "invalid or unsupported Perl syntax: `(?--`"),
        ("(?<=a)b", "invalid named capture: `(?<=a)b`"),
        ("(?<", "invalid or unsupported Perl syntax: `(?<`"),
        ("(?P", "invalid or unsupported Perl syntax: `(?P`"),
        ("(?P=n)", "invalid or unsupported Perl syntax: `(?P`"),
        ("a\\", "trailing backslash at end of expression: ``"),
        ("a)", "unexpected ): `a)`"),
        ("[a", "missing closing ]: `[a`"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        ("\\pX", "invalid character class range: `\\pX`"),
        ("\\p{Foo", "invalid character class range: `\\p{Foo`"),
        ("\\p{Foo}", "invalid character class range: `\\p{Foo}`"),
        ("\\p{scx=Greek}", "invalid character class range: `\\p{scx=Greek}`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("*?a", "missing argument to repetition operator: `*?`"),
        ("a|*", "missing argument to repetition operator: `*`"),
        ("a+?*", "invalid nested repetition operator: `+?*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
        ("{2}", "missing argument to repetition operator: `{2}`"),
        ("a{3,2}", "invalid repeat count: `{3,2}`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{0,99999999999}", "invalid repeat count: `{0,99999999999}`"),
        ("\\xG1", "invalid escape sequence: `\\xG1`"),
        ("\\x{110000}", "invalid escape sequence: `\\x{110000`"),
        ("\\C", "invalid escape sequence: `\\C`"),
        ("\\Z", "invalid escape sequence: `\\Z`"),
        ("[\\", "trailing backslash at end of expression: ``"),
        ("\\8", "invalid escape sequence: `\\8`"),
        ("\\1", "invalid escape sequence: `\\1`"),
        ("(?i)*", "missing argument to repetition operator: `*`"),
        ("\\Q\\E*", "missing argument to repetition operator: `*`"),
        ("[a-\\d]", "invalid escape sequence: `\\d`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("\\pé", "invalid character class range: `\\pé`"),
        ("(?:a", "missing closing ): `(?:a`"),
        ("(", "missing closing ): `(`"),
        ("[]", "missing closing ]: `[]`"),
        ("[^]", "missing closing ]: `[^]`"),
        ("[[:alpha:]", "missing closing ]: `[[:alpha:]`"),
        ("\\", "trailing backslash at end of expression: ``"),
    ];

    #[test]
    fn writes_patterns_that_the_crate_reads() {
        for pattern in READ {
            let translated = translate(pattern).unwrap();
            let read = regex::Regex::new(&translated.text);
            assert!(read.is_ok(), "{pattern} {read:?}");
            assert_eq!(read.unwrap().captures_len(), translated.names.len(), "{pattern}");
        }
    }

    const READ: &[&str] = &[
        "",
        "a|b|",
        "()",
        "^*a$",
        r"[^\d\D]",
        r"[\]a-]",
        "[]a]",
        "[^]]",
        "[[a]",
        "[a&&b~~c-][+--]",
        "[[:alpha:][:^digit:]-_]",
        r"\pL\p{Greek}\P{^Lu}[\p{Lu}\PN]",
        r"\Q.*\E+",
        r"\Qa",
        r"a{,2}{x}}{",
        "a{2}b{2,}c{2,3}?d*?e+?f??",
        "(?i)(?)(?-i:a)(?s-m:b)(?s-s)(?ii)x",
        "(?P<n>a)(?<n>b)(?P<1>c)",
        r"\0\012\12\x7f\x{10FFFF}\a\f\n\r\t\v",
        r"\<\>\-\_\ \#",
        r"\A\b\B\z",
        "# x &~-",
        "日本",
    ];
}
