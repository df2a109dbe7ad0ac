//! Compares values: `eq`, `ne`, `lt`, `le`, `gt`, `ge`.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::template::{Args, Fault, Host, Kind, Value, sprintf};

/// Whether the first one equals any of the others.
pub(super) fn eq(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let others = args.0.get(1..).unwrap_or_default();
    if others.is_empty() {
        return Err(Fault::said("missing argument for comparison"));
    }
    for other in others {
        if equal(args.any(0), other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

pub(super) fn ne(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    equal(args.any(0), args.any(1)).map(|equal| Value::Bool(!equal))
}

pub(super) fn lt(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    less(args.any(0), args.any(1)).map(Value::Bool)
}

pub(super) fn le(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    at_most(args.any(0), args.any(1)).map(Value::Bool)
}

pub(super) fn gt(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    // Not `<=`: what cannot be ordered, NaN, is greater, as in Go.
    at_most(args.any(0), args.any(1)).map(|at_most| Value::Bool(!at_most))
}

pub(super) fn ge(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    less(args.any(0), args.any(1)).map(|less| Value::Bool(!less))
}

/// A value of a kind that can be ordered or told apart.
#[derive(Clone, Copy, PartialEq)]
enum Basic<'v> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'v [u8]),
}

fn basic(value: &Value) -> Option<Basic<'_>> {
    match value {
        Value::Bool(value) => Some(Basic::Bool(*value)),
        Value::Int(value) | Value::Int64(value) => Some(Basic::Int(*value)),
        Value::Float(value) => Some(Basic::Float(*value)),
        text => text.as_bytes().map(Basic::Text),
    }
}

fn equal(left: &Value, right: &Value) -> Result<bool, Fault> {
    let incompatible = match (basic(left), basic(right)) {
        (Some(a), Some(b)) => {
            if std::mem::discriminant(&a) == std::mem::discriminant(&b) {
                return Ok(a == b);
            }
            true
        }
        (None, None) => false,
        _ => !left.is_nil() && !right.is_nil(),
    };
    if incompatible {
        return Err(not_alike(left, right));
    }
    if left.is_nil() || right.is_nil() {
        return Ok(left.is_nil() && right.is_nil());
    }
    if left.kind() != right.kind() {
        let shown = sprintf("%s", std::slice::from_ref(left));
        let other = sprintf("%v", std::slice::from_ref(right));
        let (a, b) = (left.type_name(), right.type_name());
        return Err(Fault::said(format!("non-comparable types {shown}: {a}, {b}: {other}")));
    }
    match (left, right) {
        (Value::Object(a), Value::Object(b)) if matches!(a.kind(), Kind::Struct | Kind::Ptr) => {
            let alike = a.kind() == Kind::Struct
                && a.type_name() == b.type_name()
                && a.print() == b.print();
            Ok(Rc::ptr_eq(a, b) || alike)
        }
        _ => {
            let shown = sprintf("%s", std::slice::from_ref(right));
            Err(Fault::said(format!("non-comparable type {shown}: {}", right.type_name())))
        }
    }
}

fn less(left: &Value, right: &Value) -> Result<bool, Fault> {
    let order = match (basic(left), basic(right)) {
        (Some(Basic::Int(a)), Some(Basic::Int(b))) => a.partial_cmp(&b),
        (Some(Basic::Float(a)), Some(Basic::Float(b))) => a.partial_cmp(&b),
        (Some(Basic::Text(a)), Some(Basic::Text(b))) => a.partial_cmp(b),
        (None, _) | (_, None) | (Some(Basic::Bool(_)), Some(Basic::Bool(_))) => {
            return Err(Fault::said("invalid type for comparison"));
        }
        _ => return Err(not_alike(left, right)),
    };
    Ok(order == Some(Ordering::Less))
}

fn at_most(left: &Value, right: &Value) -> Result<bool, Fault> {
    Ok(less(left, right)? || equal(left, right)?)
}

fn not_alike(left: &Value, right: &Value) -> Fault {
    let (left, right) = (left.type_name(), right.type_name());
    Fault::said(format!("incompatible types for comparison: {left} and {right}"))
}
