//! Floating point numbers as Go's `strconv` and `encoding/json` print them: the shortest digits that read back the same.

/// Integers up to here have no neighbour that could be meant instead.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// `strconv.FormatFloat(value, 'g', -1, 64)`: `1e+06`, `0.5`, `+Inf`.
pub(super) fn general(value: f64) -> String {
    odd(value).unwrap_or_else(|| layout(&shortest(value), -4..6, "0"))
}

/// `strconv.FormatFloat(value, 'g', -1, 32)`.
#[allow(clippy::cast_possible_truncation)] // that is what is asked for
pub(super) fn general_32(value: f64) -> String {
    let value = value as f32;
    odd(f64::from(value)).unwrap_or_else(|| layout(&shortest_32(value), -4..6, "0"))
}

/// As `encoding/json` writes a number; none for what JSON has no number for.
#[allow(clippy::cast_possible_truncation)] // bounded before it is cast
pub(super) fn json(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    if value.fract() == 0.0 && value.abs() < EXACT_MAX && (value != 0.0 || value.is_sign_positive())
    {
        return Some((value as i64).to_string());
    }
    Some(layout(&shortest(value), -6..21, ""))
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

/// The shortest digits, as `-1.25e-7`. Half-way between two of the same length, Go takes the even one and Rust the larger.
fn shortest(value: f64) -> String {
    let shortest = format!("{value:e}");
    let even = format!("{value:.*e}", fraction_digits(&shortest));
    if even != shortest && even.parse() == Ok(value) { even } else { shortest }
}

fn shortest_32(value: f32) -> String {
    let shortest = format!("{value:e}");
    let even = format!("{value:.*e}", fraction_digits(&shortest));
    if even != shortest && even.parse() == Ok(value) { even } else { shortest }
}

fn fraction_digits(scientific: &str) -> usize {
    let fraction = scientific.split_once('.').map_or("", |(_, rest)| rest);
    fraction.bytes().take_while(u8::is_ascii_digit).count()
}

/// Lays out digits. Exponents in the range are written out as zeros; negative ones of one digit are padded.
fn layout(scientific: &str, written_out: std::ops::Range<i32>, padding: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    if !written_out.contains(&exponent) {
        let size = exponent.unsigned_abs();
        return match (exponent < 0, size < 10) {
            (true, true) => format!("{sign}{mantissa}e-{padding}{size}"),
            (true, false) => format!("{sign}{mantissa}e-{size}"),
            (false, _) => format!("{sign}{mantissa}e+{size:02}"),
        };
    }
    let digits: String = mantissa.chars().filter(|char| *char != '.').collect();
    if exponent < 0 {
        let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or(0));
        return format!("{sign}0.{zeros}{digits}");
    }
    let point = usize::try_from(exponent + 1).unwrap_or(0);
    if digits.len() <= point {
        return format!("{sign}{digits}{}", "0".repeat(point - digits.len()));
    }
    let (whole, rest) = digits.split_at(point);
    format!("{sign}{whole}.{rest}")
}
