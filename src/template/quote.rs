//! Go's way to write texts in quotes and to read them back (`strconv.Quote`, `strconv.Unquote`).

use std::str::Chars;

use crate::template::unicode::is_printable;

/// A text as Go writes it in double quotes.
pub fn quote(text: &str) -> String {
    quote_bytes(text.as_bytes(), false)
}

/// Bytes in double quotes; what is no UTF-8 becomes `\xNN`. With `ascii`, nothing else is left either.
pub(super) fn quote_bytes(bytes: &[u8], ascii: bool) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| escape(&mut out, c, '"', ascii));
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
    out.push('"');
    out
}

/// A character in single quotes.
pub(super) fn quote_char(c: char, ascii: bool) -> String {
    let mut out = String::from("'");
    escape(&mut out, c, '\'', ascii);
    out.push('\'');
    out
}

/// Whether a text can stand between backquotes on one line as it is.
pub(super) fn can_backquote(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        text.chars().all(|c| match c {
            '\t' => true,
            '`' | '\u{7f}' | '\u{feff}' => false,
            c => c >= ' ',
        })
    })
}

fn escape(out: &mut String, c: char, quote: char, ascii: bool) {
    if c == quote || c == '\\' {
        out.push('\\');
        out.push(c);
        return;
    }
    if is_printable(c) && (c.is_ascii() || !ascii) {
        out.push(c);
        return;
    }
    match c {
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        c => match u32::from(c) {
            code if code < 0x20 || code == 0x7f => out.push_str(&format!("\\x{code:02x}")),
            code if code < 0x1_0000 => out.push_str(&format!("\\u{code:04x}")),
            code => out.push_str(&format!("\\U{code:08x}")),
        },
    }
}

/// What a literal in double quotes or backquotes stands for; `None` when it is not sound. Escapes such as `\xff` can make
/// bytes that are no UTF-8.
pub fn unquote(literal: &str) -> Option<Vec<u8>> {
    if let Some(raw) = literal.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        return Some(raw.bytes().filter(|byte| *byte != b'\r').collect());
    }
    let mut chars = literal.strip_prefix('"')?.strip_suffix('"')?.chars();
    let mut out = Vec::with_capacity(literal.len());
    loop {
        match unquote_next(&mut chars, '"') {
            Unquoted::Byte(byte) => out.push(byte),
            Unquoted::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Unquoted::End => return Some(out),
            Unquoted::Wrong => return None,
        }
    }
}

/// Why a literal in single quotes is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadChar {
    /// An escape that is none, or nothing at all.
    Syntax,
    /// More than one character.
    Malformed,
}

/// The code point that a literal in single quotes stands for; `\xff` is 255.
pub(super) fn unquote_char(literal: &str) -> Result<u32, BadChar> {
    let mut chars = literal.strip_prefix('\'').unwrap_or(literal).chars();
    let code = match unquote_next(&mut chars, '\'') {
        Unquoted::Byte(byte) => u32::from(byte),
        Unquoted::Char(c) => u32::from(c),
        Unquoted::End | Unquoted::Wrong => return Err(BadChar::Syntax),
    };
    if chars.as_str() == "'" { Ok(code) } else { Err(BadChar::Malformed) }
}

enum Unquoted {
    Byte(u8),
    Char(char),
    End,
    Wrong,
}

/// The next character of a literal.
fn unquote_next(chars: &mut Chars<'_>, quote: char) -> Unquoted {
    match chars.next() {
        None => Unquoted::End,
        Some('\\') => escaped(chars, quote).unwrap_or(Unquoted::Wrong),
        Some(c) if c == quote || c == '\n' => Unquoted::Wrong,
        Some(c) => Unquoted::Char(c),
    }
}

/// What an escape stands for, of which the backslash is past.
fn escaped(chars: &mut Chars<'_>, quote: char) -> Option<Unquoted> {
    let escaped = chars.next()?;
    Some(match escaped {
        'a' => Unquoted::Byte(7),
        'b' => Unquoted::Byte(8),
        'f' => Unquoted::Byte(12),
        'n' => Unquoted::Byte(b'\n'),
        'r' => Unquoted::Byte(b'\r'),
        't' => Unquoted::Byte(b'\t'),
        'v' => Unquoted::Byte(11),
        '\\' => Unquoted::Byte(b'\\'),
        'x' => Unquoted::Byte(u8::try_from(digits(chars, 2, 16, 0)?).ok()?),
        'u' => Unquoted::Char(char::from_u32(digits(chars, 4, 16, 0)?)?),
        'U' => Unquoted::Char(char::from_u32(digits(chars, 8, 16, 0)?)?),
        '0'..='7' => {
            let first = escaped.to_digit(8)?;
            Unquoted::Byte(u8::try_from(digits(chars, 2, 8, first)?).ok()?)
        }
        c if c == quote => Unquoted::Char(c),
        _ => return None,
    })
}

fn digits(chars: &mut Chars<'_>, count: usize, base: u32, first: u32) -> Option<u32> {
    (0..count).try_fold(first, |number, _| {
        number.checked_mul(base)?.checked_add(chars.next()?.to_digit(base)?)
    })
}
