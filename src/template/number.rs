//! Numbers as templates write them, and every type that each fits (Go's `NumberNode`).
//!
//! Go's literals: `0x1F`, `0b1`, `0o7`, `017`, `1_000`, `1e3`, `0x1p-2`, `'a'`, and complex ones, which only carry a flag.

use crate::template::NumberLiteral;
use crate::template::quote::{BadChar, quote, unquote_char};

/// Reads a number; the error is in Go's words.
pub(super) fn read_number(text: &str) -> Result<NumberLiteral, String> {
    if let Some(float) = text.strip_suffix('i').and_then(parse_float) {
        return Ok(complex(text, 0.0, float));
    }
    let unsigned = parse_uint(text);
    let int = parse_int(text);
    let uint = if int == Some(0) { Some(unsigned.unwrap_or(0)) } else { unsigned };
    #[allow(clippy::cast_precision_loss)] // as Go does it
    let float = int.map(|int| int as f64).or_else(|| uint.map(|uint| uint as f64));
    if float.is_some() {
        return Ok(NumberLiteral { text: text.into(), int, uint, float, complex: false });
    }
    match parse_float(text) {
        Some(_) if !text.contains(['.', 'e', 'E', 'p', 'P']) => {
            Err(format!("integer overflow: {}", quote(text)))
        }
        Some(float) => Ok(NumberLiteral {
            text: text.into(),
            int: exact_int(float),
            uint: exact_uint(float),
            float: Some(float),
            complex: false,
        }),
        None => Err(format!("illegal number syntax: {}", quote(text))),
    }
}

/// Reads a complex number such as `1+2i`.
pub(super) fn read_complex(text: &str) -> Result<NumberLiteral, String> {
    const SYNTAX: &str = "syntax error scanning complex number";
    let body = text.strip_suffix('i').ok_or(SYNTAX)?;
    let is_exponent = |at: usize| {
        let before = body[..at].chars().next_back();
        let hex = body.trim_start_matches(['+', '-']).to_ascii_lowercase().starts_with("0x");
        before.is_some_and(|c| matches!(c, 'p' | 'P') || (!hex && matches!(c, 'e' | 'E')))
    };
    let split = body
        .char_indices()
        .find(|(at, c)| *at > 0 && matches!(c, '+' | '-') && !is_exponent(*at))
        .map(|(at, _)| at)
        .ok_or(SYNTAX)?;
    let part = |part: &str| {
        parse_float(part)
            .ok_or_else(|| format!("strconv.ParseFloat: parsing {}: invalid syntax", quote(part)))
    };
    Ok(complex(text, part(&body[..split])?, part(&body[split..])?))
}

/// Reads a character in single quotes.
pub(super) fn read_char(text: &str) -> Result<NumberLiteral, String> {
    let code = unquote_char(text).map_err(|bad| match bad {
        BadChar::Syntax => "invalid syntax".to_owned(),
        BadChar::Malformed => format!("malformed character constant: {text}"),
    })?;
    Ok(NumberLiteral {
        text: text.into(),
        int: Some(i64::from(code)),
        uint: Some(u64::from(code)),
        float: Some(f64::from(code)),
        complex: false,
    })
}

/// A complex number is also a real one when it has no imaginary part.
fn complex(text: &str, real: f64, imaginary: f64) -> NumberLiteral {
    let float = (imaginary == 0.0).then_some(real);
    NumberLiteral {
        text: text.into(),
        int: float.and_then(exact_int),
        uint: float.and_then(exact_uint),
        float,
        complex: true,
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::float_cmp)]
fn exact_int(float: f64) -> Option<i64> {
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&float);
    (fits && float.trunc() == float).then_some(float as i64)
}

#[allow(clippy::cast_sign_loss, clippy::cast_precision_loss, clippy::float_cmp)]
fn exact_uint(float: f64) -> Option<u64> {
    let fits = (0.0..18_446_744_073_709_551_616.0).contains(&float);
    (fits && float.trunc() == float).then_some(float as u64)
}

/// `strconv.ParseInt` with base 0.
pub fn parse_int(text: &str) -> Option<i64> {
    if let Some(digits) = text.strip_prefix('-') {
        return 0_i64.checked_sub_unsigned(parse_uint(digits)?);
    }
    i64::try_from(parse_uint(text.strip_prefix('+').unwrap_or(text))?).ok()
}

/// `strconv.ParseUint` with base 0.
fn parse_uint(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let prefix = |prefix: &str| lower.strip_prefix(prefix).filter(|digits| !digits.is_empty());
    let (digits, base) = if let Some(digits) = prefix("0b") {
        (digits, 2)
    } else if let Some(digits) = prefix("0o") {
        (digits, 8)
    } else if let Some(digits) = prefix("0x") {
        (digits, 16)
    } else if let Some(digits) = prefix("0") {
        (digits, 8)
    } else {
        (lower.as_str(), 10)
    };
    if text.is_empty() || !underscores_fit(&lower) {
        return None;
    }
    digits.chars().filter(|c| *c != '_').try_fold(0_u64, |number, c| {
        number.checked_mul(u64::from(base))?.checked_add(u64::from(c.to_digit(base)?))
    })
}

/// `strconv.ParseFloat`, without infinities: a number that is too large is none.
pub fn parse_float(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    if !underscores_fit(&lower) {
        return None;
    }
    let plain: String = lower.chars().filter(|c| *c != '_').collect();
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let float = if let Some(hex) = unsigned.strip_prefix("0x") {
        let sign = if plain.starts_with('-') { -1.0 } else { 1.0 };
        sign * parse_hex_float(hex)?
    } else if unsigned.starts_with(|c: char| c == '.' || c.is_ascii_digit()) {
        plain.parse::<f64>().ok()?
    } else {
        return None;
    };
    float.is_finite().then_some(float)
}

/// `1.8p3`: digits in base 16, and an exponent of 2 that must be there.
fn parse_hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse::<i64>().unwrap_or(i64::MAX).min(100_000);
    let mut exponent = if exponent.starts_with('-') { -size } else { size };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut bits: u64 = 0;
    let all = whole.chars().map(|c| (c, 0)).chain(fraction.chars().map(|c| (c, 4)));
    for (c, behind_point) in all {
        let digit = u64::from(c.to_digit(16)?);
        if bits >> 59 == 0 {
            bits = bits << 4 | digit;
            exponent = exponent.checked_sub(behind_point)?;
        } else {
            // What does not fit only says whether there was something: the lowest bit is far below what is kept.
            bits |= u64::from(digit != 0);
            exponent = exponent.checked_add(4 - behind_point)?;
        }
    }
    scale(bits, exponent)
}

/// `bits` × 2^`exponent`, rounded to even; `None` when it is too large.
fn scale(bits: u64, exponent: i64) -> Option<f64> {
    if bits == 0 {
        return Some(0.0);
    }
    let top = 63 - i64::from(bits.leading_zeros());
    // Weight of the lowest bit that a float of this size can hold.
    let lowest = (top + exponent - 52).max(-1074);
    let drop = lowest - exponent;
    let mut kept = match drop {
        64.. => 0,
        1..=63 => bits >> drop,
        _ => bits.checked_shl(u32::try_from(-drop).ok()?)?,
    };
    if (1..=64).contains(&drop) {
        let half = 1_u64 << (drop - 1);
        let lost = if drop == 64 { bits } else { bits & ((half << 1).wrapping_sub(1)) };
        if lost > half || (lost == half && kept & 1 == 1) {
            kept += 1;
        }
    }
    let (kept, lowest) = if kept >> 53 == 1 { (kept >> 1, lowest + 1) } else { (kept, lowest) };
    if kept >> 52 == 0 {
        return Some(f64::from_bits(kept));
    }
    let biased = u64::try_from(lowest + 1075).ok()?;
    (biased < 2047).then(|| f64::from_bits(biased << 52 | (kept & ((1 << 52) - 1))))
}

/// Whether every `_` stands between digits, or between a prefix and a digit.
fn underscores_fit(lower: &str) -> bool {
    if !lower.contains('_') {
        return true;
    }
    let text = lower.strip_prefix(['+', '-']).unwrap_or(lower);
    let prefixed = ["0b", "0o", "0x"].iter().any(|prefix| text.starts_with(prefix));
    let hex = text.starts_with("0x");
    let body = if prefixed { &text[2..] } else { text };
    let mut before = if prefixed { '0' } else { '^' };
    for c in body.chars() {
        let class = match c {
            '0'..='9' => '0',
            'a'..='f' if hex => '0',
            '_' => '_',
            _ => '!',
        };
        if (class == '_' && before != '0') || (class == '!' && before == '_') {
            return false;
        }
        before = class;
    }
    before != '_'
}
