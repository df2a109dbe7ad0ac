//! Numbers from anything, as spf13/cast 1.7 makes them: what cannot be read is 0.

#![allow(clippy::unnecessary_wraps)] // one signature for all functions

use crate::sprig::moment::Named;
use crate::sprig::print;
use crate::template::{Args, Fault, Function, Host, Value, parse_float, parse_int};

/// The functions of this file.
pub(super) const ALL: &[Function] = &[
    Function::fixed("atoi", 1, |_, args| Ok(Value::Int(decimal(args.bytes(0)?)))),
    Function::fixed("int", 1, |_, args| Ok(Value::Int(integer(args.any(0))))),
    Function::fixed("int64", 1, |_, args| Ok(Value::Int64(integer(args.any(0))))),
    Function::fixed("float64", 1, |_, args| Ok(Value::Float(float(args.any(0))))),
    Function::fixed("toDecimal", 1, to_decimal),
];

/// `cast.ToInt64`, which on 64 bits is `cast.ToInt` too.
pub(super) fn integer(value: &Value) -> i64 {
    match value {
        Value::Int(value) | Value::Int64(value) => *value,
        Value::Float(value) => truncated(*value),
        Value::Bool(value) => i64::from(*value),
        Value::Text(text) => parse_int(without_zero_fraction(text)).unwrap_or(0),
        other => other.as_object().and_then(Named::number).unwrap_or(0),
    }
}

/// `cast.ToFloat64`.
#[expect(clippy::cast_precision_loss, reason = "as Go converts")]
pub(super) fn float(value: &Value) -> f64 {
    match value {
        Value::Int(value) | Value::Int64(value) => *value as f64,
        Value::Float(value) => *value,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Text(text) => float_of_text(text).unwrap_or(0.0),
        other => other.as_object().and_then(Named::number).map_or(0.0, |number| number as f64),
    }
}

/// What x86-64 makes of a float: the smallest number for all that does not fit.
#[expect(clippy::cast_precision_loss, reason = "a power of two")]
fn truncated(value: f64) -> i64 {
    let bound = -(i64::MIN as f64);
    if value >= -bound && value < bound { value as i64 } else { i64::MIN }
}

/// An integer as digits of a base, without a sign of their own.
fn parse(digits: &str, base: u32, negative: bool) -> Option<i64> {
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, base).ok()?);
    i64::try_from(if negative { -value } else { value }).ok()
}

/// A text less `.000` at its end.
fn without_zero_fraction(text: &str) -> &str {
    match text.trim_end_matches('0') {
        whole if whole.len() < text.len() => whole.strip_suffix('.').unwrap_or(text),
        _ => text,
    }
}

/// `strconv.ParseFloat`: a number that fits, or a word for what is none.
fn float_of_text(text: &str) -> Option<f64> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    match unsigned.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY }),
        "nan" if unsigned.len() == text.len() => Some(f64::NAN),
        _ => parse_float(text),
    }
}

/// `strconv.Atoi`, whose outcome Sprig takes even when it does not fit: the nearest number.
fn decimal(text: &[u8]) -> i64 {
    let Ok(text) = std::str::from_utf8(text) else {
        return 0;
    };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return 0;
    }
    let out_of_range = if negative { i64::MIN } else { i64::MAX };
    parse(digits, 10, negative).unwrap_or(out_of_range)
}

/// Reads what is printed as an octal number, for file modes.
fn to_decimal(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let printed = print::strval(host, args.any(0))?;
    let text = std::str::from_utf8(&printed).unwrap_or_default();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    Ok(Value::Int64(parse(digits, 8, negative).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sprig::testing::shown;

    #[test]
    fn reads_texts_as_cast_does() {
        for (text, int, float) in TABLE {
            assert_eq!(shown(ALL, "int64", &[(*text).into()]), *int, "{text}");
            assert_eq!(shown(ALL, "float64", &[(*text).into()]), *float, "{text}");
        }
    }

    /// Text, `int64`, `float64` as Sprig gives them.
    const TABLE: &[(&str, &str, &str)] = &[
        ("", "0", "0.0"),
        ("5", "5", "5.0"),
        ("-5", "-5", "-5.0"),
        ("+5", "5", "5.0"),
        (" 5", "0", "0.0"),
        ("5 ", "0", "0.0"),
        ("5.0", "5", "5.0"),
        ("5.00", "5", "5.0"),
        ("5.50", "0", "5.5"),
        ("5.", "0", "5.0"),
        ("0.0", "0", "0.0"),
        (".0", "0", "0.0"),
        ("010", "8", "10.0"),
        ("0o10", "8", "0.0"),
        ("0x1F", "31", "0.0"),
        ("0X1f", "31", "0.0"),
        ("0b101", "5", "0.0"),
        ("-0x10", "-16", "0.0"),
        ("1_000", "1000", "1000.0"),
        ("0x_1", "1", "0.0"),
        ("_1", "0", "0.0"),
        ("1_", "0", "0.0"),
        ("0_7", "7", "7.0"),
        ("1__0", "0", "0.0"),
        ("9223372036854775807", "9223372036854775807", "9.223372036854776e18"),
        ("9223372036854775808", "0", "9.223372036854776e18"),
        ("-9223372036854775808", "-9223372036854775808", "-9.223372036854776e18"),
        ("1e3", "0", "1000.0"),
        ("1_000.5_5", "0", "1000.55"),
        ("0x1p-2", "0", "0.25"),
        ("0X1.8p1", "0", "3.0"),
        ("0x_1p4", "0", "16.0"),
        ("1.5", "0", "1.5"),
        ("-1.5", "0", "-1.5"),
        ("abc", "0", "0.0"),
        ("true", "0", "0.0"),
        ("inf", "0", "inf"),
        ("-Inf", "0", "-inf"),
        ("Infinity", "0", "inf"),
        ("nan", "0", "NaN"),
        ("+nan", "0", "0.0"),
        ("1e400", "0", "0.0"),
        ("1e-400", "0", "0.0"),
        ("0x", "0", "0.0"),
        ("0b2", "0", "0.0"),
        ("08", "0", "8.0"),
        ("+-5", "0", "0.0"),
        ("--5", "0", "0.0"),
        ("1.5e", "0", "0.0"),
        ("e5", "0", "0.0"),
        (".5", "0", "0.5"),
        (".", "0", "0.0"),
    ];

    #[test]
    fn reads_other_values() {
        for (value, int) in [
            (Value::Nil, "0"),
            (true.into(), "1"),
            (Value::Float(3.99), "3"),
            (Value::Float(-3.99), "-3"),
            (Value::Float(1e300), "-9223372036854775808"),
            (Value::Float(f64::NAN), "-9223372036854775808"),
            (Value::list(vec![]), "0"),
        ] {
            assert_eq!(shown(ALL, "int", &[value]), int);
        }
        for (text, expected) in [
            ("12", "12"),
            ("-012", "-12"),
            ("1.0", "0"),
            ("0x1", "0"),
            ("99999999999999999999", "9223372036854775807"),
            ("-99999999999999999999", "-9223372036854775808"),
            ("", "0"),
        ] {
            assert_eq!(shown(ALL, "atoi", &[text.into()]), expected, "{text}");
        }
        for (value, expected) in [
            (Value::Int(777), "511"),
            ("0644".into(), "420"),
            (Value::Float(644.0), "420"),
            ("8".into(), "0"),
            ("".into(), "0"),
            ("-7".into(), "-7"),
        ] {
            assert_eq!(
                shown(ALL, "toDecimal", std::slice::from_ref(&value)),
                expected,
                "{value:?}"
            );
        }
    }
}
