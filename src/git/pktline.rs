//! Packet lines: how git frames what it says (gitprotocol-common(5)).
//!
//! Four hex digits with the length of the whole line, themselves included, then its content. `0000` is a flush.

use bytes::{Buf, Bytes, BytesMut};

/// Most content of one line.
const CONTENT_BYTES_MAX: usize = 65516;

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// `0000`: the end of a part.
    Flush,
    /// A line with its content.
    Line(Bytes),
}

/// Why some bytes are no packet lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Odd(pub(super) &'static str);

/// Cuts packets out of bytes as they come in. Holds at most one incomplete packet and what was fed last.
#[derive(Default)]
pub(super) struct Decoder(BytesMut);

impl Decoder {
    /// Takes in more bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next packet, if it is there as a whole.
    pub(super) fn next(&mut self) -> Result<Option<Packet>, Odd> {
        let Some(digits) = self.0.first_chunk::<4>() else { return Ok(None) };
        let length = std::str::from_utf8(digits)
            .ok()
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| usize::from_str_radix(digits, 16).ok())
            .ok_or(Odd("a packet line without a length"))?;
        match length {
            0 => {
                self.0.advance(4);
                Ok(Some(Packet::Flush))
            }
            4.. if length - 4 > CONTENT_BYTES_MAX => Err(Odd("a packet line that is too long")),
            4.. if self.0.len() < length => Ok(None),
            4.. => {
                let mut line = self.0.split_to(length);
                line.advance(4);
                Ok(Some(Packet::Line(line.freeze())))
            }
            // 0001 and 0002 belong to protocol version 2, which was not asked for.
            _ => Err(Odd("a packet line of a protocol version that was not asked for")),
        }
    }

    /// Whether nothing is left over.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Adds one line. The caller keeps it within the bound: object ids, checked ref names and capabilities are.
pub(super) fn line(out: &mut Vec<u8>, content: &[u8]) {
    out.extend_from_slice(format!("{:04x}", content.len() + 4).as_bytes());
    out.extend_from_slice(content);
}

/// A flush packet.
pub(super) const FLUSH: &[u8] = b"0000";

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn cuts_packets_wherever_the_bytes_are_cut() {
        let mut bytes = Vec::new();
        line(&mut bytes, b"hello\n");
        bytes.extend_from_slice(FLUSH);
        line(&mut bytes, b"");
        let mut decoder = Decoder::default();
        let mut found = Vec::new();
        for byte in &bytes {
            decoder.feed(&[*byte]);
            found.extend(decoder.next().expect("sound"));
        }
        let lines = |text: &'static [u8]| Packet::Line(Bytes::from_static(text));
        assert_eq!(found, [lines(b"hello\n"), Packet::Flush, lines(b"")]);
        assert!(decoder.is_empty());
    }

    #[test]
    fn refuses_what_is_no_packet() {
        for text in ["zzzz", "+00a", "0001", "0003abc", "fff5", "<htm"] {
            let mut decoder = Decoder::default();
            decoder.feed(text.as_bytes());
            assert!(decoder.next().is_err(), "{text}");
        }
        let mut decoder = Decoder::default();
        decoder.feed(b"0010abc");
        assert_eq!(decoder.next(), Ok(None));
        assert!(!decoder.is_empty());
    }
}
