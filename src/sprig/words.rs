//! Letters and words: case, names in several styles, lines broken and shortened.
//!
//! Several of these read bytes where one would expect letters, because the Go libraries behind Sprig do.

#![allow(clippy::unnecessary_wraps)] // one signature for all functions

use crate::sprig::runes::{self, Runes};
use crate::template::{Args, Fault, Function, Host, Value};

/// The functions of this file.
pub(super) const ALL: &[Function] = &[
    Function::fixed("upper", 1, |_, args| mapped(args, runes::upper)),
    Function::fixed("lower", 1, |_, args| mapped(args, runes::lower)),
    Function::fixed("title", 1, title),
    Function::fixed("untitle", 1, untitle),
    Function::fixed("swapcase", 1, swapcase),
    Function::fixed("nospace", 1, nospace),
    Function::fixed("initials", 1, initials),
    Function::fixed("abbrev", 2, abbrev),
    Function::fixed("abbrevboth", 3, abbrevboth),
    Function::fixed("wrap", 2, wrap),
    Function::fixed("wrapWith", 3, wrap_with),
];

fn mapped(args: Args<'_>, change: fn(char) -> char) -> Result<Value, Fault> {
    Ok(Value::from_bytes(runes::map(args.bytes(0)?, change)))
}

/// `strings.Title`: the first letter after what separates words.
fn title(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let mut before = ' ';
    let out = runes::map(args.bytes(0)?, |rune| {
        let first = separates(before);
        before = rune;
        if first { runes::title(rune) } else { rune }
    });
    Ok(Value::from_bytes(out))
}

fn separates(rune: char) -> bool {
    if rune.is_ascii() {
        return !rune.is_ascii_alphanumeric() && rune != '_';
    }
    !runes::LETTER.has(rune) && !runes::DIGIT.has(rune) && rune.is_whitespace()
}

fn untitle(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let mut first = true;
    let out = runes::map(args.bytes(0)?, |rune| {
        if rune.is_whitespace() {
            first = true;
            return rune;
        }
        if std::mem::take(&mut first) { runes::lower(rune) } else { rune }
    });
    Ok(Value::from_bytes(out))
}

fn swapcase(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let mut first = true;
    let out = runes::map(args.bytes(0)?, |rune| {
        if runes::UPPER.has(rune) || runes::TITLE.has(rune) {
            first = false;
            return runes::lower(rune);
        }
        if runes::LOWER.has(rune) {
            let first = std::mem::take(&mut first);
            return if first { runes::title(rune) } else { runes::upper(rune) };
        }
        first = rune.is_whitespace();
        rune
    });
    Ok(Value::from_bytes(out))
}

fn nospace(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let whole = args.bytes(0)?;
    // Each byte counts as a rune: a text that has space loses its letters beyond ASCII.
    if !whole.iter().any(|byte| char::from(*byte).is_whitespace()) {
        return Ok(args.any(0).clone());
    }
    let kept = whole.iter().map(|byte| char::from(*byte)).filter(|rune| !rune.is_whitespace());
    Ok(kept.collect::<String>().into())
}

fn initials(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let mut gap = true;
    let mut out = String::new();
    for rune in args.bytes(0)?.iter().map(|byte| char::from(*byte)) {
        if rune.is_whitespace() {
            gap = true;
        } else if std::mem::take(&mut gap) {
            out.push(rune);
        }
    }
    Ok(out.into())
}

fn abbrev(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (width, whole) = (args.int(0)?, args.bytes(1)?);
    if width < 4 {
        return Ok(args.any(1).clone());
    }
    Ok(Value::from_bytes(abbreviated(whole, 0, width)))
}

fn abbrevboth(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (left, right, whole) = (args.int(0)?, args.int(1)?, args.bytes(2)?);
    if right < 4 || left > 0 && right < 7 {
        return Ok(args.any(2).clone());
    }
    Ok(Value::from_bytes(abbreviated(whole, left, right)))
}

/// `goutils.AbbreviateFull`; a width that does not do gives an empty text, as Sprig drops the error.
fn abbreviated(whole: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let (length, dots) = (i64::try_from(whole.len()).unwrap_or(i64::MAX), b"...");
    if length <= width {
        return whole.to_vec();
    }
    // The width is less than the length from here on, so it is small.
    let room = width - 3;
    let mut offset = offset.min(length);
    if length.saturating_sub(offset) < room {
        offset = length - room;
    }
    let cut = |start: i64, end: i64| {
        let range = usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
        whole.get(range).unwrap_or_default()
    };
    if offset <= 4 {
        return [cut(0, room), dots].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset + room < length {
        let rest = cut(offset, length);
        // Abbreviated once more from its own start, which ends in one step.
        let rest = if length - offset <= room {
            rest.to_vec()
        } else {
            [cut(offset, offset + room - 3), dots].concat()
        };
        return [dots.to_vec(), rest].concat();
    }
    [dots, cut(length - room, length)].concat()
}

fn wrap(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    wrapped(host, args.bytes(1)?, args.int(0)?, None)
}

fn wrap_with(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    wrapped(host, args.bytes(2)?, args.int(0)?, Some(args.bytes(1)?))
}

/// `goutils.WrapCustom`. With a separator given, words that are too long are broken.
fn wrapped(
    host: &mut dyn Host,
    whole: &[u8],
    width: i64,
    between: Option<&[u8]>,
) -> Result<Value, Fault> {
    let breaks = between.is_some();
    let between = between.filter(|between| !between.is_empty()).unwrap_or(b"\n");
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    host.spend(whole.len() as u64)?;
    let mut out = Vec::with_capacity(whole.len());
    let mut rest = whole;
    // While it lasts, the rest is longer than the width.
    while rest.len() > width {
        if let Some(after) = rest.strip_prefix(b" ") {
            rest = after;
            continue;
        }
        let is_space = |byte: &u8| *byte == b' ';
        let fits = rest.get(..=width).and_then(|line| line.iter().rposition(is_space));
        let (end, skipped) = match fits {
            Some(space) => (space, 1),
            None if breaks => (width, 0),
            None => match rest.get(width..).and_then(|rest| rest.iter().position(is_space)) {
                Some(space) => (width + space, 1),
                None => break,
            },
        };
        host.spend(between.len() as u64)?;
        out.extend_from_slice(rest.get(..end).unwrap_or_default());
        out.extend_from_slice(between);
        rest = rest.get(end + skipped..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Ok(Value::from_bytes(out))
}

/// The runes of a text.
pub(super) fn letters(text: &[u8]) -> Vec<char> {
    Runes(text).map(|(rune, _)| rune).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sprig::testing::call;

    #[test]
    fn changes_letters_as_sprig_does() {
        for (name, whole, expected) in [
            ("upper", "straße é", "STRAßE É"),
            ("lower", "ΑΣ É", "ας é".replace('ς', "σ").as_str()),
            ("title", "hello wörld o'neil a_b ǆ", "Hello Wörld O'Neil A_b ǅ"),
            ("untitle", "Hello World", "hello world"),
            ("swapcase", "This Is aTest", "tHIS iS AtEST"),
            ("nospace", "he l l o", "hello"),
            ("nospace", "é", "é"),
            ("nospace", "é a", "Ã©a"),
            ("initials", "First Try", "FT"),
            ("initials", " é x", "Ãx"),
        ] {
            assert_eq!(
                call(ALL, name, &[whole.into()]).unwrap().as_text(),
                Some(expected),
                "{name}"
            );
        }
    }

    #[test]
    fn shortens() {
        for (width, expected) in
            [(3, "hello world"), (8, "hello..."), (4, "h..."), (11, "hello world")]
        {
            let outcome = call(ALL, "abbrev", &[Value::Int(width), "hello world".into()]).unwrap();
            assert_eq!(outcome.as_text(), Some(expected), "{width}");
        }
        for (left, right, expected) in [
            (5, 10, "...5678..."),
            (5, 6, "1234 5678 9123"),
            (-5, 10, "1234 56..."),
            (100, 10, "...78 9123"),
            (6, 12, "...5678 9123"),
            (i64::MIN, 10, "1234 56..."),
        ] {
            let args = [Value::Int(left), Value::Int(right), "1234 5678 9123".into()];
            let outcome = call(ALL, "abbrevboth", &args).unwrap();
            assert_eq!(outcome.as_text(), Some(expected), "{left} {right}");
        }
    }

    #[test]
    fn breaks_lines() {
        for (width, expected) in [
            (5, "Hello\nWorld\nunbreakable\nx"),
            (0, "Hello\nWorld\nunbreakable\nx"),
            (80, "Hello World unbreakable x"),
            (i64::MAX, "Hello World unbreakable x"),
        ] {
            let args = [Value::Int(width), "Hello World unbreakable x".into()];
            assert_eq!(call(ALL, "wrap", &args).unwrap().as_text(), Some(expected), "{width}");
        }
        let args = [Value::Int(5), "\t".into(), "Hello World unbreakable".into()];
        let outcome = call(ALL, "wrapWith", &args).unwrap();
        assert_eq!(outcome.as_text(), Some("Hello\tWorld\tunbre\takabl\te"));
        let long = Value::from("x".repeat(2000));
        assert!(call(ALL, "wrapWith", &[Value::Int(1), long.clone(), long]).is_err());
    }
}
