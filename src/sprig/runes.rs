//! Go's runes: text read byte by byte where it is no UTF-8, and letters changed one for one.

use std::sync::LazyLock;

use regex::Regex;

/// The runes of a text and the bytes of each. A byte that belongs to no rune reads as U+FFFD, as in Go.
pub(super) struct Runes<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Runes<'a> {
    type Item = (char, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let width = match *self.0.first()? {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        let whole = self.0.get(..width).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let (rune, width) = match whole.and_then(|text| text.chars().next()) {
            Some(rune) => (rune, width),
            None => (char::REPLACEMENT_CHARACTER, 1),
        };
        let (bytes, rest) = self.0.split_at_checked(width)?;
        self.0 = rest;
        Some((rune, bytes))
    }
}

/// A text with each rune changed (`strings.Map`).
pub(super) fn map(text: &[u8], mut change: impl FnMut(char) -> char) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (rune, _) in Runes(text) {
        push(&mut out, change(rune));
    }
    out
}

/// Appends a rune as UTF-8.
pub(super) fn push(out: &mut Vec<u8>, rune: char) {
    out.extend_from_slice(rune.encode_utf8(&mut [0; 4]).as_bytes());
}

/// A text without the runes of a kind at its start and end (`strings.TrimFunc`).
pub(super) fn trim(text: &[u8], unwanted: impl Fn(char) -> bool) -> &[u8] {
    let (mut start, mut end, mut at) = (None, 0, 0);
    for (rune, bytes) in Runes(text) {
        if !unwanted(rune) {
            start = start.or(Some(at));
            end = at + bytes.len();
        }
        at += bytes.len();
    }
    start.and_then(|start| text.get(start..end)).unwrap_or_default()
}

/// `unicode.ToUpper`: one letter for one letter.
pub(super) fn upper(rune: char) -> char {
    match rune {
        // These have a longer full mapping, but a simple one too.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            char::from_u32(rune as u32 + 8).unwrap_or(rune)
        }
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(rune as u32 + 9).unwrap_or(rune),
        _ => single(rune.to_uppercase(), rune),
    }
}

/// `unicode.ToLower`: one letter for one letter.
pub(super) fn lower(rune: char) -> char {
    if rune == '\u{130}' { 'i' } else { single(rune.to_lowercase(), rune) }
}

/// `unicode.ToTitle`.
pub(super) fn title(rune: char) -> char {
    match rune {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        '\u{10d0}'..='\u{10fa}' | '\u{10fd}'..='\u{10ff}' => rune,
        _ => upper(rune),
    }
}

/// The one letter of a mapping, or the letter itself when there are several.
fn single(mut mapped: impl Iterator<Item = char>, rune: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => rune,
    }
}

/// A class of runes, by Unicode's general categories, which are what Go asks for.
pub(super) struct Class {
    ascii: fn(&char) -> bool,
    others: LazyLock<Regex>,
}

impl Class {
    /// Whether a rune belongs to it.
    pub(super) fn has(&self, rune: char) -> bool {
        if rune.is_ascii() {
            return (self.ascii)(&rune);
        }
        self.others.is_match(rune.encode_utf8(&mut [0; 4]))
    }
}

macro_rules! class {
    ($name:ident, $what:literal, $ascii:expr, $pattern:literal) => {
        #[doc = $what]
        pub(super) static $name: Class = Class {
            ascii: $ascii,
            // The pattern is a constant that a test compiles.
            others: LazyLock::new(|| Regex::new($pattern).expect("a constant pattern")),
        };
    };
}

class!(UPPER, "`unicode.IsUpper`.", char::is_ascii_uppercase, r"\p{Lu}");
class!(LOWER, "`unicode.IsLower`.", char::is_ascii_lowercase, r"\p{Ll}");
class!(TITLE, "`unicode.IsTitle`.", |_| false, r"\p{Lt}");
class!(LETTER, "`unicode.IsLetter`.", char::is_ascii_alphabetic, r"\p{L}");
class!(DIGIT, "`unicode.IsDigit`.", char::is_ascii_digit, r"\p{Nd}");
class!(NUMBER, "`unicode.IsNumber`.", char::is_ascii_digit, r"\p{N}");
class!(
    PUNCTUATION,
    "`unicode.IsPunct`, which in ASCII is less than Rust's.",
    |rune| rune.is_ascii_punctuation() && !"$+<=>^`|~".contains(*rune),
    r"\p{P}"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_no_text_byte_by_byte() {
        let runes: Vec<_> = Runes(b"a\xff\xe2\x82\xe2\x82\xac").map(|(rune, _)| rune).collect();
        assert_eq!(runes, ['a', '\u{fffd}', '\u{fffd}', '\u{fffd}', '€']);
    }

    #[test]
    fn changes_letters_one_for_one() {
        assert_eq!((upper('ß'), lower('İ'), upper('ᾳ'), title('ǆ')), ('ß', 'i', 'ᾼ', 'ǅ'));
        assert_eq!(lower('Σ'), 'σ');
    }

    #[test]
    fn knows_classes() {
        assert!(UPPER.has('É') && LOWER.has('é') && TITLE.has('ǅ') && LETTER.has('ª'));
        assert!(DIGIT.has('٣') && NUMBER.has('½') && !DIGIT.has('½') && PUNCTUATION.has('¿'));
        assert!(!PUNCTUATION.has('+') && PUNCTUATION.has('_'));
    }

    #[test]
    fn trims_both_ends() {
        assert_eq!(trim(b"  a b\xff ", char::is_whitespace), b"a b\xff");
        assert_eq!(trim(b"   ", char::is_whitespace), b"");
    }
}
