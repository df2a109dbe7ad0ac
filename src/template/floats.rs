//! Floating-point numbers as Go writes them (`strconv.FormatFloat`).
//!
//! Rust's own formatting finds the shortest digits and rounds exactly, as Go's does; only the clothes differ: Go's exponents
//! have a sign and two digits, and `g` picks between two forms.

use std::fmt::Write;

/// Digits behind the point beyond which every `f64` is zeros.
const EXACT_DIGITS_MAX: usize = 1100;

/// Formats a number as `strconv.FormatFloat(value, verb, precision, 64)`. Verbs are `e`, `E`, `f`, `g`, `G`, `x`, `X` and `b`;
/// a precision below zero means as many digits as are needed to read the same number back. The caller bounds the precision:
/// so many bytes are made.
pub fn format_float(value: f64, verb: char, precision: i32) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let size = value.abs();
    let precision = usize::try_from(precision).ok();
    let text = match verb {
        'e' | 'E' => {
            let digits = Digits::of(size, precision.map(|digits| digits.saturating_add(1)));
            let behind = precision.unwrap_or(digits.count().saturating_sub(1));
            digits.with_exponent(behind, verb)
        }
        'f' => plain(size, precision),
        'g' | 'G' => shorter(size, verb, precision),
        'x' | 'X' => hexadecimal(size, verb, precision),
        'b' => binary(size),
        other => return format!("%{other}"),
    };
    format!("{sign}{text}")
}

/// Decimal digits without zeros at the end, and where the point stands: 12.5 is `125` and 2. Zero has no digits.
struct Digits {
    digits: String,
    point: i32,
}

impl Digits {
    /// The shortest digits that name the number, or so many of them as are asked for.
    fn of(size: f64, count: Option<usize>) -> Self {
        if size == 0.0 {
            return Self { digits: String::new(), point: 0 };
        }
        let text = match count {
            None => shortest(size),
            Some(count) => {
                let behind = count.saturating_sub(1).min(EXACT_DIGITS_MAX);
                format!("{size:.behind$e}")
            }
        };
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let mut digits = mantissa.replace('.', "");
        digits.truncate(digits.trim_end_matches('0').len());
        Self { digits, point: exponent.parse::<i32>().unwrap_or(0) + 1 }
    }

    fn count(&self) -> usize {
        self.digits.len()
    }

    /// `d.ddde+dd`, with so many digits behind the point.
    fn with_exponent(&self, behind: usize, letter: char) -> String {
        let mut out = String::with_capacity(behind.saturating_add(8));
        let mut digits = self.digits.chars();
        out.push(digits.next().unwrap_or('0'));
        if behind > 0 {
            out.push('.');
            out.extend(digits.chain(std::iter::repeat('0')).take(behind));
        }
        let exponent = if self.digits.is_empty() { 0 } else { self.point - 1 };
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "{letter}{sign}{:02}", exponent.unsigned_abs());
        out
    }

    /// `ddd.ddd`, with so many digits behind the point.
    fn without_exponent(&self, behind: usize) -> String {
        let zeros = || std::iter::repeat('0');
        let mut out = String::new();
        let whole = usize::try_from(self.point).unwrap_or(0);
        let mut digits = self.digits.chars();
        if whole == 0 {
            out.push('0');
        } else {
            out.extend(digits.by_ref().chain(zeros()).take(whole));
        }
        if behind > 0 {
            let gap = usize::try_from(self.point.saturating_neg()).unwrap_or(0);
            out.push('.');
            out.extend(zeros().take(gap).chain(digits).chain(zeros()).take(behind));
        }
        out
    }
}

/// The shortest digits that name the number. Of two that are equally near Go takes the even one, the standard library the
/// larger one: so the digits are rounded anew, which is exact and to even.
fn shortest(size: f64) -> String {
    let text = format!("{size:e}");
    let digits = text.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    let behind = digits.saturating_sub(1);
    let even = format!("{size:.behind$e}");
    if even.parse::<f64>().is_ok_and(|read| read.to_bits() == size.to_bits()) { even } else { text }
}

/// `f`.
fn plain(size: f64, precision: Option<usize>) -> String {
    let Some(precision) = precision else {
        let digits = Digits::of(size, None);
        let point = usize::try_from(digits.point).unwrap_or(0);
        let gap = usize::try_from(digits.point.saturating_neg()).unwrap_or(0);
        return digits.without_exponent(digits.count().saturating_sub(point) + gap);
    };
    let exact = precision.min(EXACT_DIGITS_MAX);
    let mut text = format!("{size:.exact$}");
    text.extend(std::iter::repeat_n('0', precision - exact));
    text
}

/// `g`: with an exponent when it is below -4 or not below the precision.
fn shorter(size: f64, verb: char, precision: Option<usize>) -> String {
    let wanted = precision.map(|precision| precision.max(1));
    let digits = Digits::of(size, wanted);
    let count = digits.count();
    let mut precision = wanted.unwrap_or(count);
    let point = usize::try_from(digits.point).unwrap_or(0);
    let mut exponents_from = precision;
    if exponents_from > count && count >= point {
        exponents_from = count;
    }
    if wanted.is_none() {
        exponents_from = 6;
    }
    let exponent = digits.point - 1;
    if exponent < -4 || usize::try_from(exponent).is_ok_and(|exponent| exponent >= exponents_from) {
        let letter = if verb == 'g' { 'e' } else { 'E' };
        return digits.with_exponent(precision.min(count).saturating_sub(1), letter);
    }
    if i64::try_from(precision).is_ok_and(|precision| precision > i64::from(digits.point)) {
        precision = count;
    }
    let gap = usize::try_from(digits.point.saturating_neg()).unwrap_or(0);
    digits.without_exponent(precision.saturating_sub(point) + gap)
}

/// Mantissa and exponent of two of a number that is finite and not negative.
fn parts(size: f64) -> (u64, i32) {
    let bits = size.to_bits();
    let mantissa = bits & ((1 << 52) - 1);
    match i32::try_from(bits >> 52).unwrap_or(0) {
        0 => (mantissa, -1074),
        biased => (mantissa | 1 << 52, biased - 1075),
    }
}

/// `b`: mantissa and exponent of two, both in decimal.
fn binary(size: f64) -> String {
    let (mantissa, exponent) = parts(size);
    format!("{mantissa}p{exponent:+}")
}

/// `x`: `0x1.8p+01`.
fn hexadecimal(size: f64, verb: char, precision: Option<usize>) -> String {
    let (mantissa, exponent) = parts(size);
    let mut exponent = if mantissa == 0 { 0 } else { exponent + 52 };
    // The first digit goes to bit 60.
    let mut mantissa = mantissa << 8;
    while mantissa != 0 && mantissa >> 60 == 0 {
        mantissa <<= 1;
        exponent -= 1;
    }
    if let Some(digits) = precision.filter(|digits| *digits < 15) {
        let drop = 60 - 4 * digits;
        let lost = mantissa & ((1 << drop) - 1);
        let half = 1_u64 << (drop - 1);
        mantissa >>= drop;
        if lost > half || (lost == half && mantissa & 1 == 1) {
            mantissa += 1;
        }
        mantissa <<= drop;
        if mantissa >> 61 == 1 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let first = mantissa >> 60;
    let behind = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let behind: String = match precision {
        None => behind.trim_end_matches('0').to_owned(),
        Some(digits) => behind.chars().chain(std::iter::repeat('0')).take(digits).collect(),
    };
    let point = if behind.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    let text = format!("0x{first}{point}{behind}p{sign}{:02}", exponent.unsigned_abs());
    if verb == 'X' { text.to_ascii_uppercase() } else { text }
}

#[cfg(test)]
mod tests {
    use crate::template::format_float;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, verb, precision, expected) in [
            (1e6, 'g', -1, "1e+06"),
            (100_000.0, 'g', -1, "100000"),
            (1e-7, 'g', -1, "1e-07"),
            (1e21, 'f', -1, "1000000000000000000000"),
            (0.125, 'f', 2, "0.12"),
            (2.5, 'f', 0, "2"),
            (100.0, 'g', 10, "100"),
            (-0.0, 'g', -1, "-0"),
            (5e-324, 'e', -1, "5e-324"),
            (1.5, 'x', -1, "0x1.8p+00"),
            (1.0, 'b', -1, "4503599627370496p-52"),
            (f64::INFINITY, 'g', -1, "+Inf"),
            // Two texts are equally short and equally near: the even one.
            (571_570_690_192_349.0 / 8.0, 'e', -1, "7.144633627404362e+13"),
        ] {
            assert_eq!(format_float(value, verb, precision), expected);
        }
    }
}
