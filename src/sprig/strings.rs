//! Texts cut, joined, filled and compared: Sprig's string functions that look at no letters' meaning.

#![allow(clippy::unnecessary_wraps)] // one signature for all functions

use memchr::memmem;

use crate::sprig::{print, runes};
use crate::template::{Args, Fault, Function, Host, Value};

/// The functions of this file.
pub(super) const ALL: &[Function] = &[
    Function::fixed("trim", 1, trim),
    Function::fixed("trimall", 2, trim_all),
    Function::fixed("trimAll", 2, trim_all),
    Function::fixed("trimSuffix", 2, trim_suffix),
    Function::fixed("trimPrefix", 2, trim_prefix),
    Function::fixed("contains", 2, contains),
    Function::fixed("hasPrefix", 2, |_, args| {
        Ok(args.bytes(1)?.starts_with(args.bytes(0)?).into())
    }),
    Function::fixed("hasSuffix", 2, |_, args| Ok(args.bytes(1)?.ends_with(args.bytes(0)?).into())),
    Function::fixed("repeat", 2, repeat),
    Function::fixed("replace", 3, replace),
    Function::fixed("substr", 3, substr),
    Function::fixed("trunc", 2, trunc),
    Function::fixed("indent", 2, indent),
    Function::fixed("nindent", 2, nindent),
    Function::variadic("quote", 0, quote),
    Function::variadic("squote", 0, squote),
    Function::variadic("cat", 0, cat),
    Function::fixed("plural", 3, plural),
    Function::fixed("shuffle", 1, shuffle),
    Function::fixed("toString", 1, |host, args| Ok(text(&print::strval(host, args.any(0))?))),
];

/// A text of some bytes.
fn text(bytes: &[u8]) -> Value {
    Value::from_bytes(bytes.to_vec())
}

fn trim(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    Ok(text(runes::trim(args.bytes(0)?, char::is_whitespace)))
}

fn trim_all(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (unwanted, whole) = (args.text(0)?, args.bytes(1)?);
    host.spend((whole.len() as u64).saturating_mul(unwanted.len() as u64))?;
    Ok(text(runes::trim(whole, |rune| unwanted.contains(rune))))
}

fn trim_suffix(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let whole = args.bytes(1)?;
    Ok(text(whole.strip_suffix(args.bytes(0)?).unwrap_or(whole)))
}

fn trim_prefix(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let whole = args.bytes(1)?;
    Ok(text(whole.strip_prefix(args.bytes(0)?).unwrap_or(whole)))
}

fn contains(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (part, whole) = (args.bytes(0)?, args.bytes(1)?);
    Ok(memmem::find(whole, part).is_some().into())
}

fn repeat(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (count, part) = (args.int(0)?, args.bytes(1)?);
    Ok(Value::from_bytes(repeated(host, part, count)?))
}

/// A text so many times (`strings.Repeat`).
fn repeated(host: &mut dyn Host, part: &[u8], count: i64) -> Result<Vec<u8>, Fault> {
    let count =
        usize::try_from(count).map_err(|_| Fault::said("strings: negative Repeat count"))?;
    let bytes = part
        .len()
        .checked_mul(count)
        .filter(|bytes| i64::try_from(*bytes).is_ok())
        .ok_or_else(|| Fault::said("strings: Repeat output length overflow"))?;
    host.spend(bytes as u64)?;
    Ok(part.repeat(if part.is_empty() { 0 } else { count }))
}

fn replace(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (old, new, whole) = (args.bytes(0)?, args.bytes(1)?, args.bytes(2)?);
    Ok(Value::from_bytes(replaced(host, whole, old, new)?))
}

/// A text with every occurrence of one part replaced (`strings.ReplaceAll`).
fn replaced(host: &mut dyn Host, whole: &[u8], old: &[u8], new: &[u8]) -> Result<Vec<u8>, Fault> {
    // An empty part is found before every rune and at the end.
    let places: Vec<usize> = if old.is_empty() {
        let mut at = 0;
        let after = runes::Runes(whole).map(|(_, bytes)| {
            at += bytes.len();
            at
        });
        std::iter::once(0).chain(after).collect()
    } else {
        memmem::find_iter(whole, old).collect()
    };
    let added = (places.len() as u64).saturating_mul(new.len() as u64);
    host.spend(added.saturating_add(whole.len() as u64))?;
    let mut out = Vec::with_capacity(whole.len());
    let mut done = 0;
    for place in places {
        out.extend_from_slice(whole.get(done..place).unwrap_or_default());
        out.extend_from_slice(new);
        done = place + old.len();
    }
    out.extend_from_slice(whole.get(done..).unwrap_or_default());
    Ok(out)
}

fn substr(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (start, end, whole) = (args.int(0)?, args.int(1)?, args.bytes(2)?);
    let length = i64::try_from(whole.len()).unwrap_or(i64::MAX);
    let (start, end, open) = match (start, end) {
        (..0, end) => (0, end, false),
        (start, end) if end < 0 || end > length => (start, length, true),
        (start, end) => (start, end, false),
    };
    let part = usize::try_from(start)
        .ok()
        .zip(usize::try_from(end).ok())
        .and_then(|(start, end)| whole.get(start..end));
    part.map(text).ok_or_else(|| {
        let bounds = match (start, end) {
            (_, ..0) => format!("[:{end}]"),
            (0, _) if !open => format!("[:{end}] with length {length}"),
            _ => format!("[{start}:{end}]"),
        };
        Fault::said(format!("runtime error: slice bounds out of range {bounds}"))
    })
}

fn trunc(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (count, whole) = (args.int(0)?, args.bytes(1)?);
    let places = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let part = if count < 0 {
        whole.len().checked_sub(places).and_then(|start| whole.get(start..))
    } else {
        whole.get(..places)
    };
    Ok(text(part.unwrap_or(whole)))
}

fn indent(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    indented(host, args, Vec::new())
}

fn nindent(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    indented(host, args, vec![b'\n'])
}

/// A text with spaces before each line, after what is there already.
fn indented(host: &mut dyn Host, args: Args<'_>, mut out: Vec<u8>) -> Result<Value, Fault> {
    let (spaces, whole) = (args.int(0)?, args.bytes(1)?);
    let mut pad = repeated(host, b" ", spaces)?;
    out.extend_from_slice(&pad);
    pad.insert(0, b'\n');
    out.extend(replaced(host, whole, b"\n", &pad)?);
    Ok(Value::from_bytes(out))
}

fn quote(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let mut out = Vec::new();
    for value in args.0.iter().filter(|value| !value.is_nil()) {
        let quoted = print::quoted(&print::strval(host, value)?);
        host.spend(quoted.len() as u64)?;
        out.push(quoted);
    }
    Ok(out.join(" ").into())
}

fn squote(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let mut out = Vec::new();
    for value in args.0.iter().filter(|value| !value.is_nil()) {
        let shown = print::strval(host, value)?;
        host.spend(shown.len() as u64 + 3)?;
        if !out.is_empty() {
            out.push(b' ');
        }
        out.push(b'\'');
        out.extend_from_slice(&shown);
        out.push(b'\'');
    }
    Ok(Value::from_bytes(out))
}

fn cat(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let texts = print::all(host, args.0)?;
    print::join(host, &texts, b" ")
}

fn plural(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (one, many, count) = (args.bytes(0)?, args.bytes(1)?, args.int(2)?);
    Ok(text(if count == 1 { one } else { many }))
}

fn shuffle(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let mut letters: Vec<char> = runes::Runes(args.bytes(0)?).map(|(rune, _)| rune).collect();
    host.spend(letters.len() as u64)?;
    for last in (1..letters.len()).rev() {
        let other = host.random() % (last as u64 + 1);
        letters.swap(last, other as usize);
    }
    Ok(letters.into_iter().collect::<String>().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sprig::testing::{call, shown};

    fn texts(values: &[&str]) -> Vec<Value> {
        values.iter().copied().map(Value::from).collect()
    }

    #[test]
    fn does_with_texts_what_sprig_does() {
        for (name, args, expected) in [
            ("trim", &[" a\u{a0}\n"][..], "a"),
            ("trimAll", &["$-", "$-a$b-"], "a$b"),
            ("trimall", &["", " a "], " a "),
            ("trimSuffix", &["-", "a--"], "a-"),
            ("trimPrefix", &["x", "a"], "a"),
            ("replace", &["", "-", "aé"], "-a-é-"),
            ("replace", &["aa", "b", "aaa"], "ba"),
            ("toString", &["x"], "x"),
        ] {
            let outcome = call(ALL, name, &texts(args)).unwrap();
            assert_eq!(outcome.as_text(), Some(expected), "{name} {args:?}");
        }
    }

    #[test]
    fn cuts_by_bytes_as_go_does() {
        for (start, end, expected) in [
            (0, 10, r#""abc""#),
            (-1, 2, r#""ab""#),
            (1, 2, r#""b""#),
            (1, -1, r#""bc""#),
            (-1, -1, "error: runtime error: slice bounds out of range [:-1]"),
            (-1, 5, "error: runtime error: slice bounds out of range [:5] with length 3"),
            (5, -1, "error: runtime error: slice bounds out of range [5:3]"),
            (2, 1, "error: runtime error: slice bounds out of range [2:1]"),
            (4, 9, "error: runtime error: slice bounds out of range [4:3]"),
        ] {
            let args = [Value::Int(start), Value::Int(end), "abc".into()];
            assert_eq!(shown(ALL, "substr", &args), expected, "{start} {end}");
        }
        for (count, expected) in [
            (2, "ab"),
            (9, "abc"),
            (-2, "bc"),
            (-3, "abc"),
            (-9, "abc"),
            (i64::MIN, "abc"),
            (0, ""),
        ] {
            let outcome = call(ALL, "trunc", &[Value::Int(count), "abc".into()]).unwrap();
            assert_eq!(outcome.as_text(), Some(expected), "{count}");
        }
        assert_eq!(shown(ALL, "trunc", &[Value::Int(1), "é".into()]), "[195]");
    }

    #[test]
    fn indents_lines() {
        let args = [Value::Int(2), "a\n\nb\n".into()];
        assert_eq!(shown(ALL, "indent", &args), r#""  a\n  \n  b\n  ""#);
        assert_eq!(shown(ALL, "nindent", &args), r#""\n  a\n  \n  b\n  ""#);
        assert_eq!(
            shown(ALL, "indent", &[Value::Int(-1), "a".into()]),
            "error: strings: negative Repeat count"
        );
    }

    #[test]
    fn refuses_to_make_too_much() {
        for count in [1 << 40, i64::MAX] {
            let args = [Value::Int(count), "a".into()];
            assert_eq!(shown(ALL, "repeat", &args), "error: more than haversack allows: work");
            assert_eq!(shown(ALL, "indent", &args), "error: more than haversack allows: work");
        }
        assert_eq!(
            shown(ALL, "repeat", &[Value::Int(i64::MAX), "aa".into()]),
            "error: strings: Repeat output length overflow"
        );
        assert_eq!(shown(ALL, "repeat", &[Value::Int(i64::MAX), "".into()]), r#""""#);
        let long = Value::from("\n".repeat(1000));
        assert!(call(ALL, "replace", &["\n".into(), long.clone(), long]).is_err());
    }

    #[test]
    fn quotes() {
        let list = Value::list(vec![Value::Int(1), "a".into()]);
        let args =
            ["a\u{e9}\u{200b}\x01\"".into(), Value::Int(1), Value::Nil, Value::Float(2.5), list];
        let quoted = call(ALL, "quote", &args).unwrap();
        assert_eq!(quoted.as_text(), Some(r#""aé\u200b\x01\"" "1" "2.5" "[1 a]""#));
        let args = [Value::from_bytes(b"a\xff".to_vec())];
        assert_eq!(call(ALL, "quote", &args).unwrap().as_text(), Some(r#""a\xff""#));
        let args = [Value::list(vec!["a".into(), Value::Nil, Value::Float(1.0)]), Value::Int(3)];
        assert_eq!(call(ALL, "squote", &args).unwrap().as_text(), Some("'[a <nil> 1]' '3'"));
        let args = [Value::Int(1), "a".into(), Value::Nil, "b ".into()];
        assert_eq!(call(ALL, "cat", &args).unwrap().as_text(), Some("1 a b "));
        assert_eq!(shown(ALL, "quote", &[]), r#""""#);
        assert_eq!(shown(ALL, "toString", &[Value::Nil]), r#""<nil>""#);
    }

    #[test]
    fn shuffles_the_same_way_each_time() {
        let one = shown(ALL, "shuffle", &["abcdef".into()]);
        assert_eq!(one, shown(ALL, "shuffle", &["abcdef".into()]));
        assert_ne!(one, r#""abcdef""#);
    }
}
