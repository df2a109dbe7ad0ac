//! Base64 and base32, with Go's words for what cannot be read: Sprig gives them as the outcome.

#![allow(clippy::unnecessary_wraps)] // one signature for all functions

use crate::template::{Args, Fault, Function, Host, Value};

/// The functions of this file.
pub(super) const ALL: &[Function] = &[
    Function::fixed("b64enc", 1, |host, args| encoded(host, args, BASE64, 6)),
    Function::fixed("b64dec", 1, |_, args| decoded(read_base64(args.bytes(0)?), 64)),
    Function::fixed("b32enc", 1, |host, args| encoded(host, args, BASE32, 5)),
    Function::fixed("b32dec", 1, |_, args| decoded(read_base32(args.bytes(0)?), 32)),
];

const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn encoded(
    host: &mut dyn Host,
    args: Args<'_>,
    alphabet: &[u8],
    bits: u32,
) -> Result<Value, Fault> {
    let whole = args.bytes(0)?;
    host.spend((whole.len() as u64).saturating_mul(2))?;
    // Each group of bytes becomes a group of letters: 3 to 4, or 5 to 8.
    let (bytes, letters) = if bits == 6 { (3, 4) } else { (5, 8) };
    let mut out = String::with_capacity(whole.len().div_ceil(bytes) * letters);
    for group in whole.chunks(bytes) {
        let mut value = 0_u64;
        for at in 0..bytes {
            value = value << 8 | u64::from(group.get(at).copied().unwrap_or(0));
        }
        let meaningful = (group.len() as u32 * 8).div_ceil(bits) as usize;
        for at in 0..letters {
            let index = value >> (bits as usize * (letters - 1 - at)) & ((1 << bits) - 1);
            let letter = alphabet.get(index as usize).copied().filter(|_| at < meaningful);
            out.push(char::from(letter.unwrap_or(b'=')));
        }
    }
    Ok(out.into())
}

/// The bytes, or where Go stops, in its words.
fn decoded(outcome: Result<Vec<u8>, usize>, base: u32) -> Result<Value, Fault> {
    Ok(outcome.map_or_else(
        |at| format!("illegal base{base} data at input byte {at}").into(),
        Value::from_bytes,
    ))
}

fn digit(alphabet: &[u8], letter: u8) -> Option<u32> {
    // Both alphabets are short.
    alphabet.iter().position(|known| *known == letter).map(|at| at as u32)
}

/// Reads base64 as `encoding/base64.StdEncoding` does: line ends do not count, padding does.
fn read_base64(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut count) = (0_u32, 0_usize);
    let mut at = 0;
    while let Some(letter) = text.get(at).copied() {
        at += 1;
        if matches!(letter, b'\r' | b'\n') {
            continue;
        }
        if letter == b'=' {
            let after = end_of_base64(text, at, count)?;
            let bytes = (group << (6 * (4 - count))).to_be_bytes();
            out.extend_from_slice(bytes.get(1..count).unwrap_or_default());
            return if after < text.len() { Err(after) } else { Ok(out) };
        }
        group = group << 6 | digit(BASE64, letter).ok_or(at - 1)?;
        count += 1;
        if count == 4 {
            out.extend_from_slice(group.to_be_bytes().get(1..).unwrap_or_default());
            (group, count) = (0, 0);
        }
    }
    if count > 0 { Err(at - count) } else { Ok(out) }
}

/// Checks the padding, whose first sign has been read, and gives the place after it.
fn end_of_base64(text: &[u8], mut at: usize, count: usize) -> Result<usize, usize> {
    let past_line_ends = |mut at: usize| {
        while matches!(text.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        at
    };
    match count {
        0 | 1 => return Err(at - 1),
        2 => {
            at = past_line_ends(at);
            match text.get(at) {
                None => return Err(text.len()),
                Some(b'=') => at += 1,
                Some(_) => return Err(at - 1),
            }
        }
        _ => {}
    }
    Ok(past_line_ends(at))
}

/// Reads base32 as `encoding/base32.StdEncoding` does; places are counted without line ends.
fn read_base32(text: &[u8]) -> Result<Vec<u8>, usize> {
    let text: Vec<u8> =
        text.iter().copied().filter(|letter| !matches!(letter, b'\r' | b'\n')).collect();
    let mut out = Vec::with_capacity(text.len() / 8 * 5);
    let (mut group, mut count) = (0_u64, 0_usize);
    for (at, letter) in text.iter().copied().enumerate() {
        let left = text.len() - at - 1;
        if letter == b'=' && count >= 2 && left < 8 {
            if left + count < 7 {
                return Err(text.len());
            }
            for step in 0..7 - count {
                if text.get(at + 1 + step).is_some_and(|sign| *sign != b'=') {
                    return Err(at + step);
                }
            }
            if matches!(count, 3 | 6) {
                return Err(at);
            }
            push_base32(&mut out, group, count);
            return Ok(out);
        }
        group = group << 5 | u64::from(digit(BASE32, letter).ok_or(at)?);
        count += 1;
        if count == 8 {
            push_base32(&mut out, group, count);
            (group, count) = (0, 0);
        }
    }
    if count > 0 { Err(text.len() - count) } else { Ok(out) }
}

/// Appends the bytes that so many letters stand for.
fn push_base32(out: &mut Vec<u8>, group: u64, count: usize) {
    let bytes = (group << (5 * (8 - count))).to_be_bytes();
    out.extend_from_slice(bytes.get(3..3 + count * 5 / 8).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sprig::testing::call;

    #[test]
    fn encodes_and_decodes() {
        for (name, whole, expected) in TABLE {
            let outcome = call(ALL, name, &[(*whole).into()]).unwrap();
            assert_eq!(outcome.as_text(), Some(*expected), "{name} {whole:?}");
        }
        let outcome = call(ALL, "b64dec", &["/w==".into()]).unwrap();
        assert_eq!(outcome.as_bytes(), Some(&b"\xff"[..]));
    }

    /// Function, text, and what Sprig makes of it.
    const TABLE: &[(&str, &str, &str)] = &[
        ("b64enc", "", ""),
        ("b32enc", "", ""),
        ("b64enc", "f", "Zg=="),
        ("b32enc", "f", "MY======"),
        ("b64enc", "fo", "Zm8="),
        ("b32enc", "fo", "MZXQ===="),
        ("b64enc", "foo", "Zm9v"),
        ("b32enc", "foo", "MZXW6==="),
        ("b64enc", "foob", "Zm9vYg=="),
        ("b32enc", "foob", "MZXW6YQ="),
        ("b64enc", "fooba", "Zm9vYmE="),
        ("b32enc", "fooba", "MZXW6YTB"),
        ("b64enc", "foobar", "Zm9vYmFy"),
        ("b32enc", "foobar", "MZXW6YTBOI======"),
        ("b64dec", "", ""),
        ("b64dec", "Zg==", "f"),
        ("b64dec", "Zm8=", "fo"),
        ("b64dec", "Zm9v", "foo"),
        ("b64dec", "Zm9v\nYmFy\r\n", "foobar"),
        ("b64dec", "Z", "illegal base64 data at input byte 0"),
        ("b64dec", "Zg", "illegal base64 data at input byte 0"),
        ("b64dec", "Zg=", "illegal base64 data at input byte 3"),
        ("b64dec", "Zg=\n", "illegal base64 data at input byte 4"),
        ("b64dec", "Zg=\n=", "f"),
        ("b64dec", "Zg=x", "illegal base64 data at input byte 2"),
        ("b64dec", "Zm8", "illegal base64 data at input byte 0"),
        ("b64dec", "Zm8=x", "illegal base64 data at input byte 4"),
        ("b64dec", "Zm8=\nx", "illegal base64 data at input byte 5"),
        ("b64dec", "=", "illegal base64 data at input byte 0"),
        ("b64dec", "Z===", "illegal base64 data at input byte 1"),
        ("b64dec", "Zm9vZ", "illegal base64 data at input byte 4"),
        ("b64dec", "Zm9v Zg==", "illegal base64 data at input byte 4"),
        ("b64dec", "Zh==", "f"),
        ("b64dec", "Zm9v*", "illegal base64 data at input byte 4"),
        ("b64dec", "Zm9vYg==", "foob"),
        ("b64dec", " Zg==", "illegal base64 data at input byte 0"),
        ("b64dec", "Zg==Zg==", "illegal base64 data at input byte 4"),
        ("b32dec", "", ""),
        ("b32dec", "MY======", "f"),
        ("b32dec", "MZXQ====", "fo"),
        ("b32dec", "MZXW6===", "foo"),
        ("b32dec", "MZXW6YQ=", "foob"),
        ("b32dec", "MZXW6YTB", "fooba"),
        ("b32dec", "MZXW6YTBMY======", "foobaf"),
        ("b32dec", "MY", "illegal base32 data at input byte 0"),
        ("b32dec", "MY=", "illegal base32 data at input byte 3"),
        ("b32dec", "MY=====", "illegal base32 data at input byte 7"),
        ("b32dec", "MY=====x", "illegal base32 data at input byte 6"),
        ("b32dec", "MY==x===", "illegal base32 data at input byte 3"),
        ("b32dec", "MZX=====", "illegal base32 data at input byte 3"),
        ("b32dec", "MZXW6Y==", "illegal base32 data at input byte 6"),
        ("b32dec", "M=======", "illegal base32 data at input byte 1"),
        ("b32dec", "=", "illegal base32 data at input byte 0"),
        ("b32dec", "my======", "illegal base32 data at input byte 0"),
        ("b32dec", "MZXW\n6YTB\r\n", "fooba"),
        ("b32dec", "MZXW6YTB1", "illegal base32 data at input byte 8"),
        ("b32dec", "MY=======", "f"),
        ("b32dec", "MZXW6YTBM", "illegal base32 data at input byte 8"),
    ];
}
