//! Lists: made, taken apart, joined and searched. All of them make new lists and leave the old ones alone.

#![allow(clippy::unnecessary_wraps)] // one signature for all functions

use std::rc::Rc;

use crate::sprig::cast::integer;
use crate::sprig::defaults::{empty, same};
use crate::template::{Args, Fault, Function, Host, List, Value};

/// The functions of this file. Each `must` function fails with the words that its sister panics with, which a template cannot
/// tell apart.
pub(super) const ALL: &[Function] = &[
    Function::variadic("list", 0, list),
    Function::variadic("tuple", 0, list),
    Function::fixed("append", 2, push),
    Function::fixed("push", 2, push),
    Function::fixed("mustAppend", 2, push),
    Function::fixed("mustPush", 2, push),
    Function::fixed("prepend", 2, prepend),
    Function::fixed("mustPrepend", 2, prepend),
    Function::fixed("first", 1, first),
    Function::fixed("mustFirst", 1, first),
    Function::fixed("rest", 1, rest),
    Function::fixed("mustRest", 1, rest),
    Function::fixed("last", 1, last),
    Function::fixed("mustLast", 1, last),
    Function::fixed("initial", 1, initial),
    Function::fixed("mustInitial", 1, initial),
    Function::fixed("reverse", 1, reverse),
    Function::fixed("mustReverse", 1, reverse),
    Function::fixed("uniq", 1, uniq),
    Function::fixed("mustUniq", 1, uniq),
    Function::variadic("without", 1, without),
    Function::variadic("mustWithout", 1, without),
    Function::fixed("has", 2, has),
    Function::fixed("mustHas", 2, has),
    Function::variadic("slice", 1, slice),
    Function::variadic("mustSlice", 1, slice),
    Function::variadic("concat", 0, concat),
    Function::fixed("compact", 1, compact),
    Function::fixed("mustCompact", 1, compact),
    Function::fixed("chunk", 2, chunk),
    Function::fixed("mustChunk", 2, chunk),
];

/// The elements of a list; for anything else the words of Sprig, in which the kind follows.
fn items<'a>(value: &'a Value, words: &str) -> Result<&'a [Value], Fault> {
    match value {
        Value::List(list) => Ok(&list.items),
        // Sprig asks the type of nothing for its kind.
        Value::Nil => {
            Err(Fault::said("runtime error: invalid memory address or nil pointer dereference"))
        }
        other => Err(Fault::said(words.replace("{}", other.kind().name()))),
    }
}

/// A new list, counted before it is made.
fn made<'a>(
    host: &mut dyn Host,
    parts: impl Iterator<Item = &'a Value> + Clone,
) -> Result<Value, Fault> {
    host.spend(parts.clone().count() as u64)?;
    Ok(Value::list(parts.cloned().collect()))
}

fn list(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    made(host, args.0.iter())
}

fn push(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let items = items(args.any(0), "Cannot push on type {}")?;
    made(host, items.iter().chain([args.any(1)]))
}

fn prepend(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let items = items(args.any(0), "Cannot prepend on type {}")?;
    made(host, [args.any(1)].into_iter().chain(items))
}

fn first(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let items = items(args.any(0), "Cannot find first on type {}")?;
    Ok(items.first().cloned().unwrap_or(Value::Nil))
}

fn last(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let items = items(args.any(0), "Cannot find last on type {}")?;
    Ok(items.last().cloned().unwrap_or(Value::Nil))
}

fn rest(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    made(host, items(args.any(0), "Cannot find rest on type {}")?.iter().skip(1))
}

fn initial(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let items = items(args.any(0), "Cannot find initial on type {}")?;
    made(host, items.split_last().map_or(&[][..], |(_, initial)| initial).iter())
}

fn reverse(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    made(host, items(args.any(0), "Cannot find reverse on type {}")?.iter().rev())
}

fn concat(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let mut all = Vec::new();
    for list in args.0 {
        let items = items(list, "Cannot concat type {} as list")?;
        host.spend(items.len() as u64)?;
        all.extend_from_slice(items);
    }
    Ok(Value::list(all))
}

fn compact(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let items = items(args.any(0), "Cannot compact on type {}")?;
    made(host, items.iter().filter(|item| !empty(item)))
}

/// Whether a list has a thing, in type and content.
fn found(host: &mut dyn Host, needle: &Value, items: &[Value]) -> Result<bool, Fault> {
    for item in items {
        if same(host, needle, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let mut kept: Vec<Value> = Vec::new();
    for item in items(args.any(0), "Cannot find uniq on type {}")? {
        if !found(host, item, &kept)? {
            kept.push(item.clone());
        }
    }
    Ok(Value::list(kept))
}

fn without(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let unwanted = args.0.get(1..).unwrap_or_default();
    let mut kept = Vec::new();
    for item in items(args.any(0), "Cannot find without on type {}")? {
        host.spend(1)?;
        if !found(host, item, unwanted)? {
            kept.push(item.clone());
        }
    }
    Ok(Value::list(kept))
}

fn has(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    if args.any(1).is_nil() {
        return Ok(false.into());
    }
    let items = items(args.any(1), "Cannot find has on type {}")?;
    Ok(found(host, args.any(0), items)?.into())
}

fn slice(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let value = args.any(0);
    let items = items(value, "list should be type of slice or array but {}")?;
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let bound = |at: usize, otherwise: usize| match args.0.get(at) {
        Some(value) => usize::try_from(integer(value)).ok(),
        None => Some(otherwise),
    };
    let part = bound(1, 0)
        .zip(bound(2, items.len()))
        .and_then(|(start, end)| items.get(start..end))
        .ok_or_else(|| Fault::said("reflect.Value.Slice: slice index out of bounds"))?;
    host.spend(part.len() as u64)?;
    // The type of the elements stays.
    let of = match value {
        Value::List(list) => list.of,
        _ => crate::template::Element::Any,
    };
    Ok(Value::List(Rc::new(List { of, items: part.to_vec() })))
}

fn chunk(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let size = args.int(0)?;
    let items = items(args.any(1), "Cannot chunk type {}")?;
    host.spend((items.len() as u64).saturating_mul(2))?;
    let size = usize::try_from(size)
        .ok()
        .filter(|size| *size > 0)
        .ok_or_else(|| Fault::said("runtime error: makeslice: len out of range"))?;
    Ok(Value::list(items.chunks(size).map(|chunk| Value::list(chunk.to_vec())).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sprig::testing::{call, shown};

    fn ints(ints: &[i64]) -> Value {
        Value::list(ints.iter().copied().map(Value::Int).collect())
    }

    #[test]
    fn takes_lists_apart_and_joins_them() {
        let (one, three) = (Value::Int(1), ints(&[1, 2, 3]));
        for (name, args, expected) in [
            ("list", vec![one.clone(), "a".into()], r#"[1, "a"]"#),
            ("tuple", vec![], "[]"),
            ("append", vec![three.clone(), Value::Nil], "[1, 2, 3, nil]"),
            ("mustPush", vec![Value::texts(["a"]), one.clone()], r#"["a", 1]"#),
            ("prepend", vec![three.clone(), one.clone()], "[1, 1, 2, 3]"),
            ("first", vec![three.clone()], "1"),
            ("first", vec![ints(&[])], "nil"),
            ("last", vec![three.clone()], "3"),
            ("rest", vec![three.clone()], "[2, 3]"),
            ("rest", vec![ints(&[])], "[]"),
            ("initial", vec![three.clone()], "[1, 2]"),
            ("initial", vec![ints(&[])], "[]"),
            ("reverse", vec![three.clone()], "[3, 2, 1]"),
            ("uniq", vec![ints(&[1, 2, 1, 3, 2])], "[1, 2, 3]"),
            ("without", vec![ints(&[1, 2, 1, 3]), one.clone(), Value::Int(3)], "[2]"),
            ("without", vec![three.clone(), Value::Int64(1)], "[1, 2, 3]"),
            ("has", vec![one.clone(), three.clone()], "true"),
            ("has", vec![Value::Float(1.0), three.clone()], "false"),
            ("has", vec![one.clone(), Value::Nil], "false"),
            ("slice", vec![three.clone()], "[1, 2, 3]"),
            ("slice", vec![three.clone(), one.clone()], "[2, 3]"),
            ("slice", vec![three.clone(), one.clone(), Value::Float(2.0)], "[2]"),
            ("slice", vec![ints(&[]), Value::Int(9)], "nil"),
            ("concat", vec![three.clone(), ints(&[]), Value::texts(["a"])], r#"[1, 2, 3, "a"]"#),
            ("compact", vec![Value::list(vec![one, Value::Nil, "".into()])], "[1]"),
            ("chunk", vec![Value::Int(2), three.clone()], "[[1, 2], [3]]"),
            ("chunk", vec![Value::Int(i64::MAX), three], "[[1, 2, 3]]"),
            ("chunk", vec![Value::Int(2), ints(&[])], "[]"),
        ] {
            assert_eq!(shown(ALL, name, &args), expected, "{name} {args:?}");
        }
        let part = call(ALL, "slice", &[Value::texts(["a", "b"]), Value::Int(1)]).unwrap();
        assert_eq!(part.type_name(), "[]string");
    }

    #[test]
    fn fails_with_the_words_of_sprig() {
        let text = || Value::from("a");
        let nothing = "runtime error: invalid memory address or nil pointer dereference";
        for (name, args, expected) in [
            ("push", vec![text(), text()], "Cannot push on type string"),
            ("prepend", vec![text(), text()], "Cannot prepend on type string"),
            ("first", vec![Value::Int(1)], "Cannot find first on type int"),
            ("last", vec![Value::map::<&str>([])], "Cannot find last on type map"),
            ("mustRest", vec![text()], "Cannot find rest on type string"),
            ("initial", vec![text()], "Cannot find initial on type string"),
            ("reverse", vec![text()], "Cannot find reverse on type string"),
            ("uniq", vec![text()], "Cannot find uniq on type string"),
            ("without", vec![text()], "Cannot find without on type string"),
            ("has", vec![text(), text()], "Cannot find has on type string"),
            ("compact", vec![text()], "Cannot compact on type string"),
            ("chunk", vec![Value::Int(1), text()], "Cannot chunk type string"),
            ("slice", vec![text()], "list should be type of slice or array but string"),
            ("concat", vec![text()], "Cannot concat type string as list"),
            ("first", vec![Value::Nil], nothing),
            ("concat", vec![ints(&[1]), Value::Nil], nothing),
            (
                "chunk",
                vec![Value::Int(0), ints(&[1])],
                "runtime error: makeslice: len out of range",
            ),
            (
                "slice",
                vec![ints(&[1]), Value::Int(0), Value::Int(2)],
                "reflect.Value.Slice: slice index out of bounds",
            ),
            (
                "slice",
                vec![ints(&[1]), Value::Int(-1)],
                "reflect.Value.Slice: slice index out of bounds",
            ),
        ] {
            assert_eq!(shown(ALL, name, &args), format!("error: {expected}"), "{name} {args:?}");
        }
    }
}
