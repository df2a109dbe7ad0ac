//! Go's durations: nanoseconds in 64 bits, written `1h2m3.5s`.

/// Nanoseconds of a second.
pub(super) const SECOND: i64 = 1_000_000_000;

/// `Duration.String`.
pub(super) fn print(duration: i64) -> String {
    let size = duration.unsigned_abs();
    let sign = if duration < 0 { "-" } else { "" };
    let (unit, name) = match size {
        0 => return "0s".into(),
        1..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => {
            let seconds = size / SECOND as u64;
            let rest = format!("{}s", with_fraction(size % (60 * SECOND as u64), SECOND as u64));
            return match (seconds / 3600, seconds / 60 % 60) {
                (0, 0) => format!("{sign}{rest}"),
                (0, minutes) => format!("{sign}{minutes}m{rest}"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{rest}"),
            };
        }
    };
    format!("{sign}{}{name}", with_fraction(size, unit))
}

/// A count of units, with what is left as a fraction without zeros at its end.
fn with_fraction(size: u64, unit: u64) -> String {
    let (whole, rest) = (size / unit, size % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let places = unit.ilog10() as usize;
    format!("{whole}.{}", format!("{rest:0places$}").trim_end_matches('0'))
}

/// `time.ParseDuration`, and its words for what is none.
pub(super) fn parse(text: &[u8]) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quoted(text));
    let (negative, mut rest) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix(b"+").unwrap_or(text)),
    };
    if rest == b"0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (whole, after) = leading_int(rest).ok_or_else(invalid)?;
        let mut read = after.len() < rest.len();
        let (mut fraction, mut scale) = (0, 1.0);
        rest = after;
        if let [b'.', after @ ..] = rest {
            (fraction, scale, rest) = leading_fraction(after);
            read |= rest.len() < after.len();
        }
        if !read {
            return Err(invalid());
        }
        let end = rest
            .iter()
            .position(|byte| *byte == b'.' || byte.is_ascii_digit())
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        rest = after;
        if name.is_empty() {
            return Err(format!("time: missing unit in duration {}", quoted(text)));
        }
        let unit = unit(name).ok_or_else(|| {
            format!("time: unknown unit {} in duration {}", quoted(name), quoted(text))
        })?;
        total = total.wrapping_add(part(whole, fraction, scale, unit).ok_or_else(invalid)?);
        if total > 1 << 63 {
            return Err(invalid());
        }
    }
    let size = total.cast_signed();
    if negative {
        return Ok(size.wrapping_neg());
    }
    if size < 0 { Err(invalid()) } else { Ok(size) }
}

/// So many nanoseconds: a number, its fraction, and a unit. `None` when they are too many.
#[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "as Go calculates")]
fn part(whole: u64, fraction: u64, scale: f64, unit: u64) -> Option<u64> {
    let size = whole.checked_mul(unit).filter(|size| *size <= 1 << 63)?;
    let size = size + (fraction as f64 * (unit as f64 / scale)) as u64;
    (size <= 1 << 63).then_some(size)
}

fn unit(name: &[u8]) -> Option<u64> {
    let second = SECOND.unsigned_abs();
    Some(match std::str::from_utf8(name).ok()? {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => second,
        "m" => 60 * second,
        "h" => 3600 * second,
        _ => return None,
    })
}

/// The digits at the start of a text as a number up to 2^63, and what follows them.
pub(super) fn leading_int(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    let mut rest = text;
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        if value > 1 << 63 {
            return None;
        }
        rest = after;
    }
    Some((value, rest))
}

/// The digits of a fraction and the power of ten below it; digits beyond 63 bits do not count.
fn leading_fraction(text: &[u8]) -> (u64, f64, &[u8]) {
    let (mut value, mut scale, mut full) = (0_u64, 1.0, false);
    let mut rest = text;
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        rest = after;
        full = full || value > ((1 << 63) - 1) / 10;
        let next = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        full = full || next > 1 << 63;
        if !full {
            value = next;
            scale *= 10.0;
        }
    }
    (value, scale, rest)
}

/// A text in quotes as package `time` writes it: every byte that is not plain ASCII as `\xNN`.
pub(super) fn quoted(text: &[u8]) -> String {
    let mut out = String::from("\"");
    for byte in text {
        match byte {
            ..b' ' | 0x80.. => out.push_str(&format!("\\x{byte:02x}")),
            b'"' | b'\\' => out.extend(['\\', char::from(*byte)]),
            _ => out.push(char::from(*byte)),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_durations_as_go_does() {
        for (text, expected) in TABLE {
            let outcome = parse(text.as_bytes()).map_or_else(|words| words, print);
            assert_eq!(outcome, *expected, "{text}");
        }
        assert_eq!(print(i64::MIN), "-2562047h47m16.854775808s");
    }

    const TABLE: &[(&str, &str)] = &[
        ("0", "0s"),
        ("", "time: invalid duration \"\""),
        ("-", "time: invalid duration \"-\""),
        ("1s", "1s"),
        ("1.5h", "1h30m0s"),
        ("-1h2m3.5s", "-1h2m3.5s"),
        ("100ms", "100ms"),
        ("1us", "1µs"),
        ("1µs", "1µs"),
        ("1μs", "1µs"),
        ("1ns", "1ns"),
        ("1.000000001s", "1.000000001s"),
        ("3000000h", "time: invalid duration \"3000000h\""),
        ("1", "time: missing unit in duration \"1\""),
        ("1x", "time: unknown unit \"x\" in duration \"1x\""),
        ("1h2", "time: missing unit in duration \"1h2\""),
        ("..s", "time: invalid duration \"..s\""),
        (".5s", "500ms"),
        ("1.s", "1s"),
        ("s", "time: invalid duration \"s\""),
        ("+5m", "5m0s"),
        ("9223372036854775807ns", "2562047h47m16.854775807s"),
        ("9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\""),
        ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
        ("1d", "time: unknown unit \"d\" in duration \"1d\""),
        ("1e3s", "time: unknown unit \"e\" in duration \"1e3s\""),
        ("1.99999999999999999999s", "2s"),
        ("0.000000001h", "3.6µs"),
        ("59.9995s", "59.9995s"),
        ("1h0.1ns", "1h0m0s"),
        ("\x01", "time: invalid duration \"\\x01\""),
        ("\"x", "time: invalid duration \"\\\"x\""),
    ];
}
