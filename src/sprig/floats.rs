//! Floating-point numbers as Go's YAML and JSON print them.

use crate::template::format_float;

/// Integers below have no neighbour that could be meant instead.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The shortest digits that read back the same: `1e+06`, `0.5`, `+Inf`.
pub(super) fn general(value: f64) -> String {
    format_float(value, 'g', -1)
}

/// As `encoding/json` writes a number; none for what JSON has no number for.
#[allow(clippy::cast_possible_truncation)] // bounded before it is cast
pub(super) fn json(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let size = value.abs();
    if value.fract() == 0.0 && size < EXACT_MAX && (size > 0.0 || value.is_sign_positive()) {
        return Some((value as i64).to_string());
    }
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return Some(format_float(value, 'f', -1));
    }
    // JSON has an exponent of one digit without a zero before it, below zero.
    Some(format_float(value, 'e', -1).replace("e-0", "e-"))
}

/// The shortest digits that read back the same `float32`: what becomes of a number as a key.
#[allow(clippy::cast_possible_truncation)] // that is what is asked for
pub(super) fn key(value: f64) -> String {
    let narrow = value as f32;
    if value.is_nan() {
        return ".nan".to_string();
    }
    if narrow.is_infinite() {
        return if narrow > 0.0 { ".inf" } else { "-.inf" }.to_string();
    }
    // The shortest digits of a `float32` are few enough to be the shortest of the `float64` they name.
    let digits = format!("{narrow:e}").parse().unwrap_or(value);
    general(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_json_numbers() {
        let facts = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1e6, "1000000"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1e-6, "0.000001"),
            (9.99e-7, "9.99e-7"),
            (1e-10, "1e-10"),
            (3_620_346_155_935_189.0 / 4.0, "905086538983797.2"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
        ];
        for (value, expected) in facts {
            assert_eq!(json(value).as_deref(), Some(expected));
        }
        assert_eq!((json(f64::NAN), json(f64::INFINITY)), (None, None));
    }

    #[test]
    fn writes_numbers_as_keys() {
        let facts =
            [(1.5, "1.5"), (1e10, "1e+10"), (16_777_217.0, "1.6777216e+07"), (1e39, ".inf")];
        for (value, expected) in facts {
            assert_eq!(key(value), expected);
        }
    }
}
