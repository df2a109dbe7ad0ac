//! Just enough DER (X.690) and PEM (RFC 7468) to write certificates and to look into keys.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// A value with its tag and length.
pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    let significant = length.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<_>>();
    match significant[..] {
        [] => out.push(0),
        [short @ 0..0x80] => out.push(short),
        _ => {
            out.push(0x80 | significant.len() as u8);
            out.extend_from_slice(&significant);
        }
    }
    out.extend_from_slice(content);
    out
}

/// A sequence of finished values.
pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SEQUENCE, &parts.concat())
}

/// A number that is not negative, from its bytes, highest first.
pub(super) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let bytes = &bytes[start..];
    match bytes.first() {
        Some(1..0x80) => tlv(INTEGER, bytes),
        _ => tlv(INTEGER, &[&[0], bytes].concat()),
    }
}

/// Whole bytes as a bit string.
pub(super) fn bits(content: &[u8]) -> Vec<u8> {
    tlv(BIT_STRING, &[&[0], content].concat())
}

/// Reads values one after another.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

/// One value.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// With tag and length.
    pub(super) whole: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The next value.
    pub(super) fn next(&mut self) -> Option<Item<'a>> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - rest.len())?;
        self.0 = rest;
        Some(Item { tag: *tag, content, whole })
    }

    /// The next value, when it has this tag; else nothing is read.
    pub(super) fn take(&mut self, tag: u8) -> Option<Item<'a>> {
        let before = *self;
        let item = self.next().filter(|item| item.tag == tag);
        if item.is_none() {
            *self = before;
        }
        item
    }

    /// What stands inside a sequence that comes next.
    pub(super) fn enter(&mut self) -> Option<Self> {
        self.take(SEQUENCE).map(|item| Self(item.content))
    }
}

/// A PEM block.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = more;
    }
    out + &format!("-----END {label}-----\n")
}

/// Label and content of the first PEM block of a text, whatever stands around it.
pub(super) fn read_pem(text: &str) -> Option<(&str, Vec<u8>)> {
    let mut lines = text.lines().map(str::trim_end);
    loop {
        let line = lines.by_ref().find_map(|line| line.strip_prefix("-----BEGIN "));
        let Some(label) = line?.strip_suffix("-----") else { continue };
        let end = format!("-----END {label}-----");
        let mut body = String::new();
        let mut ended = false;
        for line in lines.by_ref() {
            if line == end {
                ended = true;
                break;
            }
            // Headers such as `Proc-Type: 4,ENCRYPTED` stand before the content.
            if !line.contains(':') {
                body.push_str(line.trim());
            }
        }
        if !ended {
            return None;
        }
        if let Ok(der) = LENIENT.decode(body) {
            return Some((label, der));
        }
    }
}

/// Go's reading of base64: trailing bits may be anything.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Base64 as Go reads it, line ends passed over; the error is Go's.
pub(super) fn read_base64(text: &[u8]) -> Result<Vec<u8>, String> {
    let text: Vec<u8> = text.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    LENIENT.decode(&text).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) => at,
            _ => text.len() / 4 * 4,
        };
        format!("illegal base64 data at input byte {at}")
    })
}
