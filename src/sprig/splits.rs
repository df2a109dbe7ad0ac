//! Texts split into lists and lists joined into texts.

#![allow(clippy::unnecessary_wraps)] // one signature for all functions

use std::rc::Rc;

use memchr::memmem;

use crate::sprig::{print, runes};
use crate::template::{Args, Fault, Function, Host, Map, MapKind, Value};

/// The functions of this file.
pub(super) const ALL: &[Function] = &[
    Function::fixed("split", 2, |host, args| {
        numbered(host, pieces(args.bytes(1)?, args.bytes(0)?, None))
    }),
    Function::fixed("splitn", 3, splitn),
    Function::fixed("splitList", 2, split_list),
    Function::fixed("join", 2, |host, args| {
        let texts = print::strings(host, args.any(1))?;
        print::join(host, &texts, args.bytes(0)?)
    }),
    Function::fixed("toStrings", 1, to_strings),
    Function::fixed("sortAlpha", 1, sort_alpha),
];

/// The pieces of a text between separators, at most so many (`strings.SplitN`). Without a separator: its runes.
fn pieces<'a>(whole: &'a [u8], between: &[u8], most: Option<usize>) -> Vec<&'a [u8]> {
    let most = most.unwrap_or(usize::MAX);
    if most == 0 || between.is_empty() && whole.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::new();
    if between.is_empty() {
        let mut rest = runes::Runes(whole);
        while out.len() + 1 < most {
            match rest.next() {
                Some((_, bytes)) => out.push(bytes),
                None => return out,
            }
        }
        if !rest.0.is_empty() {
            out.push(rest.0);
        }
        return out;
    }
    let mut start = 0;
    for place in memmem::find_iter(whole, between).take(most - 1) {
        out.push(whole.get(start..place).unwrap_or_default());
        start = place + between.len();
    }
    out.push(whole.get(start..).unwrap_or_default());
    out
}

/// `map[string]string` with the keys `_0`, `_1`, …
fn numbered(host: &mut dyn Host, pieces: Vec<&[u8]>) -> Result<Value, Fault> {
    host.spend(pieces.len() as u64)?;
    let entries = pieces
        .into_iter()
        .enumerate()
        .map(|(at, piece)| (Rc::from(format!("_{at}")), Value::from_bytes(piece.to_vec())));
    Ok(Value::Map(Rc::new(Map::of(MapKind::Texts, entries))))
}

fn splitn(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    // A negative number sets no bound.
    let most = usize::try_from(args.int(1)?).ok();
    numbered(host, pieces(args.bytes(2)?, args.bytes(0)?, most))
}

fn split_list(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let pieces = pieces(args.bytes(1)?, args.bytes(0)?, None);
    host.spend(pieces.len() as u64)?;
    Ok(print::list_of_texts(pieces))
}

fn to_strings(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let texts = print::strings(host, args.any(0))?;
    host.spend(texts.len() as u64)?;
    Ok(print::list_of_texts(texts))
}

fn sort_alpha(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let mut texts = match args.any(0) {
        list @ Value::List(_) => print::strings(host, list)?,
        other => vec![print::strval(host, other)?],
    };
    host.spend((texts.len() as u64).saturating_mul(u64::from(texts.len().max(2).ilog2())))?;
    texts.sort();
    Ok(print::list_of_texts(texts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sprig::testing::{call, shown};

    #[test]
    fn splits_as_sprig_does() {
        let split =
            |between: &str, whole: &str| shown(ALL, "split", &[between.into(), whole.into()]);
        assert_eq!(split("$", "a$b"), r#"{"_0": "a", "_1": "b"}"#);
        assert_eq!(split("$", ""), r#"{"_0": ""}"#);
        assert_eq!(split("", ""), "{}");
        assert_eq!(split("", "é1"), r#"{"_0": "é", "_1": "1"}"#);
        let split = call(ALL, "split", &["/".into(), "a".into()]).unwrap();
        assert_eq!(split.type_name(), "map[string]string");
        let list = call(ALL, "splitList", &["::".into(), "a::b::".into()]).unwrap();
        assert_eq!(
            (format!("{list:?}").as_str(), list.type_name()),
            (r#"["a", "b", ""]"#, "[]string")
        );
    }

    #[test]
    fn splits_at_most_so_often() {
        for (between, most, expected) in [
            ("b", 2, r#"{"_0": "a", "_1": "cbd"}"#),
            ("b", 1, r#"{"_0": "abcbd"}"#),
            ("b", 0, "{}"),
            ("b", -1, r#"{"_0": "a", "_1": "c", "_2": "d"}"#),
            ("", 2, r#"{"_0": "a", "_1": "bcbd"}"#),
            ("", 9, r#"{"_0": "a", "_1": "b", "_2": "c", "_3": "b", "_4": "d"}"#),
        ] {
            let args = [between.into(), Value::Int(most), "abcbd".into()];
            assert_eq!(shown(ALL, "splitn", &args), expected, "{between} {most}");
        }
    }

    #[test]
    fn joins_what_is_there() {
        let list = Value::list(vec!["b".into(), Value::Nil, Value::Float(1.5), true.into()]);
        let join = |value: Value| shown(ALL, "join", &[", ".into(), value]);
        assert_eq!(join(list.clone()), r#""b, 1.5, true""#);
        assert_eq!((join(Value::Nil), join("x".into())), (r#""""#.into(), r#""x""#.into()));
        assert_eq!(shown(ALL, "toStrings", std::slice::from_ref(&list)), r#"["b", "1.5", "true"]"#);
        assert_eq!(shown(ALL, "sortAlpha", &[list]), r#"["1.5", "b", "true"]"#);
        assert_eq!(shown(ALL, "sortAlpha", &[Value::Nil]), r#"["<nil>"]"#);
        assert_eq!(shown(ALL, "toStrings", &[Value::Nil]), "[]");
    }
}
