//! Floating point numbers as Go's `strconv` and `encoding/json` print them: the shortest digits that read back the same.

/// `strconv.FormatFloat(value, 'g', -1, 64)`: `1e+06`, `0.5`, `+Inf`.
pub(super) fn general(value: f64) -> String {
    odd(value).unwrap_or_else(|| layout(&format!("{value:e}"), false))
}

/// `strconv.FormatFloat(value, 'g', -1, 32)`.
#[allow(clippy::cast_possible_truncation)] // that is what is asked for
pub(super) fn general_32(value: f64) -> String {
    let value = value as f32;
    odd(f64::from(value)).unwrap_or_else(|| layout(&format!("{value:e}"), false))
}

/// As `encoding/json` writes a number; none for what JSON has no number for.
pub(super) fn json(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        return Some(layout(&format!("{value:e}"), true));
    }
    // Display of a float never uses an exponent, and prints the shortest digits too.
    Some(format!("{value}"))
}

/// Go's names of what is no number.
fn odd(value: f64) -> Option<String> {
    let name = match (value.is_nan(), value.is_infinite()) {
        (true, _) => "NaN",
        (_, true) if value > 0.0 => "+Inf",
        (_, true) => "-Inf",
        _ => return None,
    };
    Some(name.to_string())
}

/// Lays out digits that are given in Rust's form, `-1.25e-7`. JSON has the exponent without a leading zero.
fn layout(scientific: &str, json: bool) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    if json || !(-4..6).contains(&exponent) {
        return with_exponent(sign, mantissa, exponent, json);
    }
    let digits: String = mantissa.chars().filter(|char| *char != '.').collect();
    let point = usize::try_from(exponent + 1).unwrap_or(0);
    if exponent < 0 {
        let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or(0));
        return format!("{sign}0.{zeros}{digits}");
    }
    if digits.len() <= point {
        return format!("{sign}{digits}{}", "0".repeat(point - digits.len()));
    }
    let (whole, rest) = digits.split_at(point);
    format!("{sign}{whole}.{rest}")
}

fn with_exponent(sign: &str, mantissa: &str, exponent: i32, json: bool) -> String {
    let direction = if exponent < 0 { '-' } else { '+' };
    let size = exponent.unsigned_abs();
    if json && exponent < 0 {
        return format!("{sign}{mantissa}e{direction}{size}");
    }
    format!("{sign}{mantissa}e{direction}{size:02}")
}
