//! Defaults and types: what is empty, what a thing is, and whether two things are the same.

#![allow(clippy::unnecessary_wraps)] // one signature for all functions

use std::rc::Rc;

use crate::limits;
use crate::template::{Args, Fault, Function, Host, Kind, Value};

/// The functions of this file.
pub(super) const ALL: &[Function] = &[
    Function::variadic("default", 1, default),
    Function::fixed("empty", 1, |_, args| Ok(empty(args.any(0)).into())),
    Function::variadic("coalesce", 0, |_, args| {
        Ok(args.0.iter().find(|value| !empty(value)).cloned().unwrap_or(Value::Nil))
    }),
    Function::variadic("all", 0, |_, args| Ok(args.0.iter().all(|value| !empty(value)).into())),
    Function::variadic("any", 0, |_, args| Ok(args.0.iter().any(|value| !empty(value)).into())),
    Function::fixed("ternary", 3, |_, args| Ok(args.any(usize::from(!args.bool(2)?)).clone())),
    Function::fixed("typeOf", 1, |_, args| Ok(args.any(0).type_name().into())),
    Function::fixed("typeIs", 2, |_, args| {
        Ok((args.bytes(0)? == args.any(1).type_name().as_bytes()).into())
    }),
    Function::fixed("typeIsLike", 2, type_is_like),
    Function::fixed("kindOf", 1, |_, args| Ok(args.any(0).kind().name().into())),
    Function::fixed("kindIs", 2, |_, args| {
        Ok((args.bytes(0)? == args.any(1).kind().name().as_bytes()).into())
    }),
    Function::fixed("deepEqual", 2, |host, args| Ok(same(host, args.any(0), args.any(1))?.into())),
];

fn default(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    Ok(args.any(usize::from(!empty(args.any(1)))).clone())
}

/// Whether a value is nil, zero or has nothing in it. A struct never is empty.
pub(super) fn empty(value: &Value) -> bool {
    !matches!(value.kind(), Kind::Struct | Kind::Ptr) && !value.truth()
}

fn type_is_like(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (wanted, name) = (args.bytes(0)?, args.any(1).type_name().as_bytes());
    Ok((wanted == name || name.strip_prefix(b"*") == Some(wanted)).into())
}

/// Whether two values are the same in type and content (`reflect.DeepEqual`).
pub(super) fn same(host: &mut dyn Host, one: &Value, other: &Value) -> Result<bool, Fault> {
    same_within(host, one, other, limits::TEMPLATE_VALUE_DEPTH_MAX)
}

fn same_within(
    host: &mut dyn Host,
    one: &Value,
    other: &Value,
    depth: usize,
) -> Result<bool, Fault> {
    host.spend(1)?;
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Fault::Bound("depth of a value"));
    };
    match (one, other) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Bool(one), Value::Bool(other)) => Ok(one == other),
        (Value::Int(one), Value::Int(other)) | (Value::Int64(one), Value::Int64(other)) => {
            Ok(one == other)
        }
        #[expect(clippy::float_cmp, reason = "the same number is what is asked for")]
        (Value::Float(one), Value::Float(other)) => Ok(one == other),
        (Value::Text(one), Value::Text(other)) => Ok(one == other),
        (Value::Bytes(one), Value::Bytes(other)) => Ok(one == other),
        (Value::List(one), Value::List(other)) => {
            if one.of != other.of || one.items.len() != other.items.len() {
                return Ok(false);
            }
            if Rc::ptr_eq(one, other) {
                return Ok(true);
            }
            for (one, other) in one.items.iter().zip(&other.items) {
                if !same_within(host, one, other, depth)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Map(one), Value::Map(other)) => {
            if one.kind() != other.kind() || one.len() != other.len() {
                return Ok(false);
            }
            if Rc::ptr_eq(one, other) {
                return Ok(true);
            }
            for ((key, one), (other_key, other)) in one.entries().iter().zip(&other.entries()) {
                if key != other_key || !same_within(host, one, other, depth)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        // Objects have no content to look into but what they print.
        (Value::Object(one), Value::Object(other)) => Ok(Rc::ptr_eq(one, other)
            || one.type_name() == other.type_name() && one.print() == other.print()),
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sprig::testing::{call, shown};

    fn things() -> Vec<Value> {
        vec![
            Value::Nil,
            false.into(),
            Value::Int(0),
            Value::Int64(0),
            Value::Float(0.0),
            "".into(),
            Value::list(Vec::new()),
            Value::map::<&str>([]),
        ]
    }

    #[test]
    fn takes_the_default_for_what_is_empty() {
        for thing in things() {
            assert_eq!(shown(ALL, "empty", std::slice::from_ref(&thing)), "true", "{thing:?}");
            assert_eq!(shown(ALL, "default", &["d".into(), thing]), r#""d""#);
        }
        assert_eq!(shown(ALL, "default", &["d".into()]), r#""d""#);
        assert_eq!(shown(ALL, "default", &["d".into(), Value::Int(1)]), "1");
        assert_eq!(shown(ALL, "coalesce", &[Value::Nil, "".into(), "x".into()]), r#""x""#);
        assert_eq!(shown(ALL, "coalesce", &[]), "nil");
        assert_eq!(shown(ALL, "all", &[]), "true");
        assert_eq!(shown(ALL, "any", &[]), "false");
        assert_eq!(shown(ALL, "all", &[Value::Int(1), Value::Nil]), "false");
        assert_eq!(shown(ALL, "any", &[Value::Int(1), Value::Nil]), "true");
        assert_eq!(shown(ALL, "ternary", &["a".into(), "b".into(), false.into()]), r#""b""#);
        assert_eq!(
            shown(ALL, "ternary", &["a".into(), "b".into(), Value::Nil]),
            "error: invalid value; expected bool"
        );
    }

    #[test]
    fn names_types_and_kinds() {
        let named: Vec<_> = things()
            .iter()
            .map(|thing| {
                let of = |name| call(ALL, name, std::slice::from_ref(thing)).unwrap();
                format!("{} {}", of("typeOf").as_text().unwrap(), of("kindOf").as_text().unwrap())
            })
            .collect();
        let expected = [
            "<nil> invalid",
            "bool bool",
            "int int",
            "int64 int64",
            "float64 float64",
            "string string",
            "[]interface {} slice",
            "map[string]interface {} map",
        ];
        assert_eq!(named, expected);
        assert_eq!(shown(ALL, "kindIs", &["map".into(), Value::map::<&str>([])]), "true");
        assert_eq!(shown(ALL, "typeIs", &["string".into(), Value::Nil]), "false");
        assert_eq!(shown(ALL, "typeIsLike", &["string".into(), "".into()]), "true");
    }

    #[test]
    fn compares_in_depth() {
        let things = things();
        for (at, one) in things.iter().enumerate() {
            for (other_at, other) in things.iter().enumerate() {
                let args = [one.clone(), other.clone()];
                assert_eq!(shown(ALL, "deepEqual", &args), (at == other_at).to_string());
            }
        }
        let nested = |number| Value::map([("a", Value::list(vec![Value::Float(number)]))]);
        assert_eq!(shown(ALL, "deepEqual", &[nested(1.0), nested(1.0)]), "true");
        assert_eq!(shown(ALL, "deepEqual", &[nested(1.0), nested(2.0)]), "false");
        assert_eq!(shown(ALL, "deepEqual", &[nested(f64::NAN), nested(f64::NAN)]), "false");
    }

    #[test]
    fn compares_no_deeper_and_no_longer_than_allowed() {
        let twice = |mut value: Value, times, branches| {
            for _ in 0..times {
                value = Value::list(vec![value; branches]);
            }
            value
        };
        let deep = || twice("x".into(), 20_000, 1);
        let (one, other) = (deep(), deep());
        assert!(shown(ALL, "deepEqual", &[one.clone(), other.clone()]).contains("depth"));
        // Values that deep would be dropped one within the other.
        std::mem::forget((one, other));
        let wide = || twice("x".into(), 40, 2);
        assert!(shown(ALL, "deepEqual", &[wide(), wide()]).contains("work"));
    }
}
