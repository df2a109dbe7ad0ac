//! Arithmetic as Sprig does it: integers wrap, floats are added as decimals, ranges are counted before they are made.

#![allow(clippy::unnecessary_wraps)] // one signature for all functions

use std::rc::Rc;

use crate::sprig::cast::{float, integer};
use crate::sprig::decimal::Decimal;
use crate::template::{Args, Element, Fault, Function, Host, List, Value};

/// The functions of this file.
pub(super) const ALL: &[Function] = &[
    Function::fixed("add1", 1, |_, args| int64(integer(args.any(0)).wrapping_add(1))),
    Function::variadic("add", 0, |_, args| int64(fold(args, 0, i64::wrapping_add))),
    Function::fixed("sub", 2, |_, args| int64(two(args).0.wrapping_sub(two(args).1))),
    Function::fixed("div", 2, |_, args| divided(args, i64::wrapping_div)),
    Function::fixed("mod", 2, |_, args| divided(args, i64::wrapping_rem)),
    Function::variadic("mul", 1, |_, args| int64(fold(args, 1, i64::wrapping_mul))),
    Function::variadic("max", 1, |_, args| int64(fold(args, i64::MIN, i64::max))),
    Function::variadic("biggest", 1, |_, args| int64(fold(args, i64::MIN, i64::max))),
    Function::variadic("min", 1, |_, args| int64(fold(args, i64::MAX, i64::min))),
    Function::variadic("maxf", 1, |_, args| Ok(Value::Float(fold_floats(args, larger)))),
    Function::variadic("minf", 1, |_, args| {
        // The smaller one is the larger one on the other side of zero.
        Ok(Value::Float(fold_floats(args, |one, other| -larger(-one, -other))))
    }),
    Function::fixed("floor", 1, |_, args| Ok(Value::Float(float(args.any(0)).floor()))),
    Function::fixed("ceil", 1, |_, args| Ok(Value::Float(float(args.any(0)).ceil()))),
    Function::variadic("round", 2, round),
    Function::fixed("add1f", 1, |host, args| {
        decimals(host, &[args.any(0).clone(), Value::Int(1)], |one, other| Ok(one.plus(other)))
    }),
    Function::variadic("addf", 0, |host, args| {
        decimals(host, args.0, |one, other| Ok(one.plus(other)))
    }),
    Function::variadic("subf", 1, |host, args| {
        decimals(host, args.0, |one, other| Ok(one.plus(&other.negated())))
    }),
    Function::variadic("mulf", 1, |host, args| {
        decimals(host, args.0, |one, other| Ok(one.times(other)))
    }),
    Function::variadic("divf", 1, |host, args| {
        decimals(host, args.0, |one, other| {
            one.divided_by(other).ok_or_else(|| Fault::said("decimal division by 0"))
        })
    }),
    Function::fixed("until", 1, until),
    Function::fixed("untilStep", 3, until_step),
    Function::variadic("seq", 0, seq),
];

fn int64(value: i64) -> Result<Value, Fault> {
    Ok(Value::Int64(value))
}

fn two(args: Args<'_>) -> (i64, i64) {
    (integer(args.any(0)), integer(args.any(1)))
}

fn fold(args: Args<'_>, start: i64, join: fn(i64, i64) -> i64) -> i64 {
    args.0.iter().map(integer).fold(start, join)
}

fn divided(args: Args<'_>, divide: fn(i64, i64) -> i64) -> Result<Value, Fault> {
    match two(args) {
        (_, 0) => Err(Fault::said("runtime error: integer divide by zero")),
        (one, other) => int64(divide(one, other)),
    }
}

fn fold_floats(args: Args<'_>, join: fn(f64, f64) -> f64) -> f64 {
    args.0.iter().map(float).reduce(join).unwrap_or(0.0)
}

/// `math.Max`: infinity wins over what is no number, which wins over numbers; 0 over -0.
fn larger(one: f64, other: f64) -> f64 {
    if one == f64::INFINITY || other == f64::INFINITY {
        f64::INFINITY
    } else if one.is_nan() || other.is_nan() {
        f64::NAN
    } else if one == 0.0 && other == 0.0 {
        if one.is_sign_negative() { other } else { one }
    } else {
        one.max(other)
    }
}

fn round(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let round_on = match args.any(2) {
        Value::Nil if args.len() < 3 => 0.5,
        value @ (Value::Float(_) | Value::Int(_)) => float(value),
        other => {
            let name = other.type_name();
            return Err(Fault::said(format!("wrong type for value; expected float64; got {name}")));
        }
    };
    let (value, places) = (float(args.any(0)), args.int(1)?);
    let power = power_of_ten(places);
    let digit = power * value;
    // Negative numbers have a negative fraction, so they are always rounded down.
    let fraction = if digit.is_infinite() { f64::NAN } else { digit.fract() };
    let rounded = if fraction >= round_on { digit.ceil() } else { digit.floor() };
    Ok(Value::Float(rounded / power))
}

/// `math.Pow(10, places)`: exact as long as that is possible, and the inverse of that for negative places.
fn power_of_ten(places: i64) -> f64 {
    let size = i32::try_from(places.unsigned_abs()).unwrap_or(i32::MAX);
    let power = 10_f64.powi(size);
    if places < 0 { 1.0 / power } else { power }
}

/// The outcome of an operation on decimals that starts with the first value; 0 without one.
fn decimals(
    host: &mut dyn Host,
    values: &[Value],
    join: fn(&Decimal, &Decimal) -> Result<Decimal, Fault>,
) -> Result<Value, Fault> {
    let mut total: Option<Decimal> = None;
    for value in values {
        let next = Decimal::of(float(value)).map_err(Fault::Said)?;
        total = Some(match total {
            None => next,
            Some(total) => {
                host.spend(total.digits_len() as u64 + 1)?;
                join(&total, &next)?
            }
        });
    }
    Ok(Value::Float(total.map_or(0.0, |total| total.to_float())))
}

fn until(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let count = args.int(0)?;
    ints(host, 0, count, if count < 0 { -1 } else { 1 }).map(list)
}

fn until_step(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    ints(host, args.int(0)?, args.int(1)?, args.int(2)?).map(list)
}

fn list(ints: Vec<i64>) -> Value {
    let items = ints.into_iter().map(Value::Int).collect();
    Value::List(Rc::new(List { of: Element::Int, items }))
}

/// Integers from a start to before a stop; none when the step leads away from it.
fn ints(host: &mut dyn Host, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, Fault> {
    if step == 0 || (stop < start) != (step < 0) {
        return Ok(Vec::new());
    }
    let (start, stop, step) = (i128::from(start), i128::from(stop), i128::from(step));
    let count = (stop - start).unsigned_abs().div_ceil(step.unsigned_abs());
    host.spend(u64::try_from(count).unwrap_or(u64::MAX))?;
    // All of them lie between two numbers of 64 bits, and there are as many as were paid for.
    Ok((0..i128::try_from(count).unwrap_or(0))
        .filter_map(|at| i64::try_from(start + at * step).ok())
        .collect())
}

fn seq(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (start, step, end) = match args.len() {
        1 => (1, None, args.int(0)?),
        2 => (args.int(0)?, None, args.int(1)?),
        3 => (args.int(0)?, Some(args.int(1)?), args.int(2)?),
        _ => return Ok("".into()),
    };
    let direction = if end < start { -1 } else { 1 };
    if direction < 0 && step.is_some_and(|step| step > 0) {
        return Ok("".into());
    }
    let ints = ints(host, start, end.wrapping_add(direction), step.unwrap_or(direction))?;
    let texts: Vec<_> = ints.iter().map(i64::to_string).collect();
    Ok(texts.join(" ").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sprig::testing::shown;

    #[test]
    fn calculates_as_sprig_does() {
        let (i, f) = (Value::Int, Value::Float);
        for (name, args, expected) in [
            ("add", vec![i(1), "2".into(), f(3.9)], "6"),
            ("add", vec![], "0"),
            ("add", vec![i(i64::MAX), i(1)], "-9223372036854775808"),
            ("add1", vec![Value::Nil], "1"),
            ("sub", vec![i(1), i(3)], "-2"),
            ("mul", vec![i(i64::MAX), i(2)], "-2"),
            ("mul", vec![i(3)], "3"),
            ("div", vec![i(-7), i(2)], "-3"),
            ("mod", vec![i(-7), i(2)], "-1"),
            ("div", vec![i(1), i(0)], "error: runtime error: integer divide by zero"),
            ("mod", vec![i(1), Value::Nil], "error: runtime error: integer divide by zero"),
            ("div", vec![i(i64::MIN), i(-1)], "-9223372036854775808"),
            ("mod", vec![i(i64::MIN), i(-1)], "0"),
            ("max", vec![i(1), "7".into(), i(3)], "7"),
            ("biggest", vec![i(-1)], "-1"),
            ("min", vec![i(1), i(-3)], "-3"),
            ("maxf", vec![f(1.5), i(2)], "2.0"),
            ("minf", vec![f(1.5), i(2)], "1.5"),
            ("maxf", vec![f(f64::NAN), i(2)], "NaN"),
            ("minf", vec![f(f64::NAN), f(f64::NEG_INFINITY)], "-inf"),
            ("floor", vec!["3.7".into()], "3.0"),
            ("ceil", vec![f(-3.2)], "-3.0"),
            ("round", vec![f(3.745), i(2)], "3.75"),
            ("round", vec![f(123.5555), i(3)], "123.556"),
            ("round", vec![f(123.5555), i(3), f(0.6)], "123.555"),
            ("round", vec![f(-1.2), i(0)], "-2.0"),
            ("round", vec![f(1234.0), i(-2)], "1200.0"),
            ("round", vec![f(1.0), i(i64::MAX)], "NaN"),
        ] {
            assert_eq!(shown(ALL, name, &args), expected, "{name} {args:?}");
        }
    }

    #[test]
    fn calculates_with_decimals() {
        let f = Value::Float;
        for (name, args, expected) in [
            ("addf", vec![f(0.1), f(0.2)], "0.3"),
            ("addf", vec![], "0.0"),
            ("add1f", vec!["0.1".into()], "1.1"),
            // Of two decimals that are equally near, Go takes the even one.
            ("addf", vec![f(914_413_226_125_178.2), f(0.3)], "914413226125178.5"),
            ("subf", vec![f(4.5), f(1.1), f(3.3)], "0.1"),
            ("mulf", vec![f(1.1), f(1.1)], "1.21"),
            ("mulf", vec![f(1e300), f(1e300)], "inf"),
            ("divf", vec![f(10.0), f(4.0)], "2.5"),
            ("divf", vec![f(1.0), f(3.0)], "0.3333333333333333"),
            ("divf", vec![f(2.0), f(3.0)], "0.6666666666666667"),
            ("divf", vec![f(-2.0), f(3.0)], "-0.6666666666666667"),
            ("divf", vec![f(1e-20), f(2.0)], "0.0"),
            ("divf", vec![f(1.0), f(0.0)], "error: decimal division by 0"),
            ("addf", vec![f(f64::NAN)], "error: Cannot create a Decimal from NaN"),
            ("addf", vec![f(f64::INFINITY)], "error: Cannot create a Decimal from +Inf"),
        ] {
            assert_eq!(shown(ALL, name, &args), expected, "{name} {args:?}");
        }
    }

    #[test]
    fn counts() {
        for (name, args, expected) in [
            ("until", &[3][..], "[0, 1, 2]"),
            ("until", &[-3], "[0, -1, -2]"),
            ("until", &[0], "[]"),
            ("untilStep", &[5, 0, -2], "[5, 3, 1]"),
            ("untilStep", &[0, 5, -2], "[]"),
            ("untilStep", &[0, 5, 0], "[]"),
            (
                "untilStep",
                &[i64::MIN, i64::MAX, i64::MAX],
                "[-9223372036854775808, -1, 9223372036854775806]",
            ),
            ("seq", &[], r#""""#),
            ("seq", &[5], r#""1 2 3 4 5""#),
            ("seq", &[-3], r#""1 0 -1 -2 -3""#),
            ("seq", &[0, 2], r#""0 1 2""#),
            ("seq", &[2, -2], r#""2 1 0 -1 -2""#),
            ("seq", &[0, 2, 10], r#""0 2 4 6 8 10""#),
            ("seq", &[0, -2, -5], r#""0 -2 -4""#),
            ("seq", &[5, 2, 1], r#""""#),
            ("seq", &[1, 0, 5], r#""""#),
            ("seq", &[1, 2, 3, 4], r#""""#),
            ("until", &[i64::MAX], "error: more than haversack allows: work"),
            ("seq", &[i64::MIN, i64::MAX - 1], "error: more than haversack allows: work"),
        ] {
            let args: Vec<_> = args.iter().copied().map(Value::Int).collect();
            assert_eq!(shown(ALL, name, &args), expected, "{name} {args:?}");
        }
    }
}
