//! What a YAML scalar without quotes is: go-yaml's rules, which are YAML 1.1's with exceptions.

/// Which go-yaml: version 2 stands behind `toYaml` and `fromYaml`, version 3 behind `toYamlPretty`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    V2,
    V3,
}

/// What a scalar is found to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer beyond `i64`.
    Uint(u64),
    Float(f64),
    /// A date or a time; it stays the text that it is.
    Timestamp,
    Text,
}

/// Finds out what a text is. `timestamps`: whether dates count as something other than a text.
pub(super) fn resolve(text: &str, dialect: Dialect, timestamps: bool) -> Scalar {
    let Some(&first) = text.as_bytes().first() else { return Scalar::Null };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => {
            word(text, dialect)
        }
        b'.' => match word(text, dialect) {
            Scalar::Text => float(text, true).map_or(Scalar::Text, Scalar::Float),
            found => found,
        },
        b'0'..=b'9' | b'+' | b'-' => match word(text, dialect) {
            Scalar::Text if timestamps && is_timestamp(text) => Scalar::Timestamp,
            Scalar::Text => number(text, dialect),
            found => found,
        },
        _ => Scalar::Text,
    }
}

fn word(text: &str, dialect: Dialect) -> Scalar {
    match text {
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ if dialect == Dialect::V2 => old_bool(text).map_or(Scalar::Text, Scalar::Bool),
        _ => Scalar::Text,
    }
}

/// What was a boolean before YAML 1.2 said that it is none.
pub(super) fn old_bool(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Something that starts with a digit or a sign.
fn number(text: &str, dialect: Dialect) -> Scalar {
    let plain = text.replace('_', "");
    if let Some(found) = integer(&plain, 0) {
        return found;
    }
    if let Some(value) = float(&plain, false) {
        return Scalar::Float(value);
    }
    let old_octal = dialect == Dialect::V3;
    let found = match plain.as_bytes() {
        [b'0', b'b', ..] => integer(&plain[2..], 2),
        [b'-', b'0', b'b', ..] => negative(&plain[3..], 2),
        [b'0', b'o', ..] if old_octal => integer(&plain[2..], 8),
        [b'-', b'0', b'o', ..] if old_octal => negative(&plain[3..], 8),
        _ => None,
    };
    found.unwrap_or(Scalar::Text)
}

fn negative(digits: &str, base: u32) -> Option<Scalar> {
    if digits.starts_with(['+', '-']) {
        return None;
    }
    match integer(&format!("-{digits}"), base) {
        Some(Scalar::Int(value)) => Some(Scalar::Int(value)),
        _ => None,
    }
}

/// `strconv.ParseInt`, then `strconv.ParseUint`. Base 0: what the prefix says.
fn integer(text: &str, base: u32) -> Option<Scalar> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (Some(true), &text[1..]),
        b'+' => (Some(false), &text[1..]),
        _ => (None, text),
    };
    let size = magnitude(digits, base)?;
    match (sign, i64::try_from(size)) {
        (Some(true), Ok(value)) => Some(Scalar::Int(-value)),
        (Some(true), Err(_)) if size == i64::MIN.unsigned_abs() => Some(Scalar::Int(i64::MIN)),
        (_, Ok(value)) => Some(Scalar::Int(value)),
        (None, Err(_)) => Some(Scalar::Uint(size)),
        _ => None,
    }
}

fn magnitude(digits: &str, base: u32) -> Option<u64> {
    let bytes = digits.as_bytes();
    let (digits, base) = match (base, bytes) {
        (0, [b'0', b'b' | b'B', _, ..]) => (&bytes[2..], 2),
        (0, [b'0', b'o' | b'O', _, ..]) => (&bytes[2..], 8),
        (0, [b'0', b'x' | b'X', _, ..]) => (&bytes[2..], 16),
        (0, b"0") => return Some(0),
        (0, [b'0', rest @ ..]) => (rest, 8),
        (0, _) => (bytes, 10),
        (base, _) => (bytes, base),
    };
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| {
        let digit = char::from(*byte).to_digit(base)?;
        value.checked_mul(u64::from(base))?.checked_add(u64::from(digit))
    })
}

/// A decimal number in the form that go-yaml looks for. Beyond the range of `float64` it is none.
fn float(text: &str, underscores: bool) -> Option<f64> {
    let stripped;
    let text = if underscores && text.contains('_') {
        if !underscores_separate_digits(text) {
            return None;
        }
        stripped = text.replace('_', "");
        &stripped
    } else {
        text
    };
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let sound = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && all_digits(fraction),
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    let sound = sound
        && exponent.is_none_or(|exponent| {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !digits.is_empty() && all_digits(digits)
        });
    if !sound {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

fn underscores_separate_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |at: Option<&u8>| at.is_some_and(u8::is_ascii_digit);
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_').all(|(at, _)| {
        is_digit(at.checked_sub(1).and_then(|before| bytes.get(before)))
            && is_digit(bytes.get(at + 1))
    })
}

/// Whether go-yaml takes a text for a time: a date, or date and time in one of three forms.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 5 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    let year = bytes[..4].iter().fold(0, |year, digit| year * 10 + u32::from(digit - b'0'));
    let Some((month, rest)) = short_number(&bytes[5..]) else { return false };
    let [b'-', rest @ ..] = rest else { return false };
    let Some((day, rest)) = short_number(rest) else { return false };
    if day < 1 || !(1..=12).contains(&month) || day > days_in(month, year) {
        return false;
    }
    match rest {
        [] => true,
        [b'T' | b't', time @ ..] => after_clock(time).is_some_and(is_zone),
        [b' ', time @ ..] => after_clock(time.trim_ascii_start()).is_some_and(<[u8]>::is_empty),
        _ => false,
    }
}

fn days_in(month: u32, year: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A number of one or two digits, and what follows.
fn short_number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    match bytes {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Some((u32::from(tens - b'0') * 10 + u32::from(ones - b'0'), rest))
        }
        [ones @ b'0'..=b'9', rest @ ..] => Some((u32::from(ones - b'0'), rest)),
        _ => None,
    }
}

/// What follows `15:4:5.999`.
fn after_clock(bytes: &[u8]) -> Option<&[u8]> {
    let (hour, rest) = short_number(bytes)?;
    let (minute, rest) = short_number(rest.strip_prefix(b":")?)?;
    let (second, rest) = short_number(rest.strip_prefix(b":")?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(match rest {
        [b'.' | b',', fraction @ ..] if fraction.first().is_some_and(u8::is_ascii_digit) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            &fraction[digits..]
        }
        _ => rest,
    })
}

fn is_zone(bytes: &[u8]) -> bool {
    match bytes {
        [b'Z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            let two = |tens: &u8, ones: &u8| {
                let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
                digits.then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
            };
            two(h1, h2).is_some_and(|hours| hours <= 24)
                && two(m1, m2).is_some_and(|minutes| minutes <= 60)
        }
        _ => false,
    }
}
