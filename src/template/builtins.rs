//! The functions that every template has (`text/template`'s `funcs.go`).

use crate::template::{
    Args, Fault, Function, Host, Kind, List, Map, MapKind, Object, Value, compare, escape,
    print_value, sprintf,
};

use std::rc::Rc;

/// All of them, by name. `and`, `or` and `call` are the engine's: it evaluates their arguments itself.
const ALL: &[Function] = &[
    Function::variadic("and", 1, last),
    Function::variadic("call", 1, last),
    Function::variadic("eq", 1, compare::eq),
    Function::fixed("ge", 2, compare::ge),
    Function::fixed("gt", 2, compare::gt),
    Function::variadic("html", 0, html),
    Function::variadic("index", 1, index),
    Function::variadic("js", 0, js),
    Function::fixed("le", 2, compare::le),
    Function::fixed("len", 1, len),
    Function::fixed("lt", 2, compare::lt),
    Function::fixed("ne", 2, compare::ne),
    Function::fixed("not", 1, not),
    Function::variadic("or", 1, last),
    Function::variadic("print", 0, print),
    Function::variadic("printf", 1, printf),
    Function::variadic("println", 0, println),
    Function::variadic("slice", 1, slice),
    Function::variadic("urlquery", 0, urlquery),
];

/// The function of a name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    let at = ALL.binary_search_by(|function| function.name.cmp(name)).ok()?;
    ALL.get(at)
}

// Go's signature for all of them.
#[allow(clippy::unnecessary_wraps)]
fn last(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    Ok(args.0.last().cloned().unwrap_or(Value::Nil))
}

#[allow(clippy::unnecessary_wraps)]
fn not(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    Ok(Value::Bool(!args.any(0).truth()))
}

fn len(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let value = args.any(0);
    let len = match value {
        Value::Text(text) => Some(text.len()),
        Value::Bytes(bytes) => Some(bytes.len()),
        Value::List(list) => Some(list.items.len()),
        Value::Map(map) => Some(map.len()),
        Value::Object(object) => object.entries().map(|entries| entries.len()),
        _ => None,
    };
    match len {
        // A length fits: bounds keep far below.
        Some(len) => Ok(Value::Int(i64::try_from(len).unwrap_or(i64::MAX))),
        None => Err(Fault::said(format!("len of type {}", value.type_name()))),
    }
}

/// `index x 1 2 3` is `x[1][2][3]`.
fn index(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let mut item = args.any(0).clone();
    if item.is_nil() {
        return Err(Fault::said("index of untyped nil"));
    }
    for at in args.0.iter().skip(1) {
        host.spend(1)?;
        item = match &item {
            Value::Nil => return Err(Fault::said("index of nil pointer")),
            Value::Text(text) => byte_at(text.as_bytes(), at)?,
            Value::Bytes(bytes) => byte_at(bytes, at)?,
            Value::List(list) => element_at(&list.items, at)?.clone(),
            Value::Map(map) => under(map, key(at)?),
            Value::Object(object) => inside(object, at)?,
            other => return Err(no_index(other.type_name())),
        };
    }
    Ok(item)
}

fn under(map: &Map, key: &str) -> Value {
    let missing = match map.kind() {
        MapKind::Texts => Value::text(""),
        MapKind::Any | MapKind::Values => Value::Nil,
    };
    map.get(key).unwrap_or(missing)
}

fn inside(object: &Rc<dyn Object>, at: &Value) -> Result<Value, Fault> {
    match object.kind() {
        Kind::Map => Ok(object.field(key(at)?).unwrap_or(Value::Nil)),
        Kind::Slice => {
            let items: Vec<_> =
                object.entries().unwrap_or_default().into_iter().map(|entry| entry.1).collect();
            element_at(&items, at).cloned()
        }
        // Go looks behind the pointer first.
        _ => Err(no_index(object.type_name().trim_start_matches('*'))),
    }
}

fn no_index(of: &str) -> Fault {
    Fault::said(format!("can't index item of type {of}"))
}

fn element_at<'v>(items: &'v [Value], at: &Value) -> Result<&'v Value, Fault> {
    let at = position(at, items.len())?;
    items.get(at).ok_or_else(|| Fault::said("reflect: slice index out of range"))
}

fn byte_at(bytes: &[u8], at: &Value) -> Result<Value, Fault> {
    let at = position(at, bytes.len())?;
    match bytes.get(at) {
        Some(byte) => Ok(Value::Int(i64::from(*byte))),
        None => Err(Fault::said("reflect: string index out of range")),
    }
}

/// An index as a number that is at most `max` (`indexArg`).
fn position(at: &Value, max: usize) -> Result<usize, Fault> {
    match at {
        Value::Int(number) | Value::Int64(number) => usize::try_from(*number)
            .ok()
            .filter(|at| *at <= max)
            .ok_or_else(|| Fault::said(format!("index out of range: {number}"))),
        Value::Nil => Err(Fault::said("cannot index slice/array with nil")),
        other => {
            Err(Fault::said(format!("cannot index slice/array with type {}", other.type_name())))
        }
    }
}

/// An index as the key of a map (`prepareArg`).
fn key(at: &Value) -> Result<&str, Fault> {
    match at {
        Value::Text(text) => Ok(text),
        // No key of a map is other than UTF-8.
        Value::Bytes(_) => Ok("\u{fffd}"),
        Value::Nil => Err(Fault::said("value is nil; should be of type string")),
        other => {
            Err(Fault::said(format!("value has type {}; should be string", other.type_name())))
        }
    }
}

/// `slice x 1 2` is `x[1:2]`.
fn slice(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let item = args.any(0);
    let indexes = args.0.get(1..).unwrap_or_default();
    let len = match item {
        Value::Nil => return Err(Fault::said("slice of untyped nil")),
        _ if indexes.len() > 3 => {
            return Err(Fault::said(format!("too many slice indexes: {}", indexes.len())));
        }
        Value::Text(_) | Value::Bytes(_) if indexes.len() == 3 => {
            return Err(Fault::said("cannot 3-index slice a string"));
        }
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.items.len(),
        other => {
            return Err(Fault::said(format!("can't slice item of type {}", other.type_name())));
        }
    };
    let mut bounds = [0, len, len];
    for (bound, at) in bounds.iter_mut().zip(indexes) {
        *bound = position(at, len)?;
    }
    for (low, high) in [(bounds[0], bounds[1]), (bounds[1], bounds[2])] {
        if low > high {
            return Err(Fault::said(format!("invalid slice index: {low} > {high}")));
        }
    }
    let range = bounds[0]..bounds[1];
    host.spend(range.len() as u64)?;
    Ok(match item {
        Value::List(list) => {
            let items = list.items.get(range).unwrap_or_default().to_vec();
            Value::List(Rc::new(List { of: list.of, items }))
        }
        text => {
            let bytes = text.as_bytes().unwrap_or_default();
            Value::from_bytes(bytes.get(range).unwrap_or_default().to_vec())
        }
    })
}

/// `fmt.Sprint`: a space between two values of which neither is a text.
fn print(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    if let [text @ Value::Text(_)] = args.0 {
        return Ok(text.clone());
    }
    Ok(Value::text(joined(host, args.0)?))
}

fn joined(host: &mut dyn Host, values: &[Value]) -> Result<String, Fault> {
    let mut out = String::new();
    let mut after_text = true;
    for value in values {
        let is_text = value.kind() == Kind::String;
        if !is_text && !after_text {
            out.push(' ');
        }
        push(host, &mut out, value)?;
        after_text = is_text;
    }
    Ok(out)
}

/// Adds what `print` shows of a value.
fn push(host: &mut dyn Host, out: &mut String, value: &Value) -> Result<(), Fault> {
    let printed;
    let text = match value {
        // An action shows nil as no value, `print` does not.
        Value::Nil => "<nil>",
        Value::Text(text) => text,
        other => {
            printed = print_value(other);
            printed.as_str()
        }
    };
    // All of it counts each time, so that no text outgrows the bound of one value.
    host.spend((out.len() + text.len()) as u64)?;
    out.push_str(text);
    Ok(())
}

fn println(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let mut out = String::new();
    for (at, value) in args.0.iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        push(host, &mut out, value)?;
    }
    out.push('\n');
    Ok(Value::text(out))
}

fn printf(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let format = args.text(0)?;
    let text = sprintf(&format, args.0.get(1..).unwrap_or_default());
    host.spend(text.len() as u64)?;
    Ok(Value::text(text))
}

fn html(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    Ok(Value::text(escape::html(&shown(host, args.0)?)))
}

fn js(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    Ok(Value::text(escape::js(&shown(host, args.0)?)))
}

fn urlquery(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    Ok(Value::text(escape::urlquery(&shown(host, args.0)?)))
}

/// What a template would print of the arguments (`evalArgs`).
fn shown(host: &mut dyn Host, values: &[Value]) -> Result<String, Fault> {
    let shown: Vec<_> = values
        .iter()
        .map(|value| if value.is_nil() { Value::text("<no value>") } else { value.clone() })
        .collect();
    joined(host, &shown)
}
