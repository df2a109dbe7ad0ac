//! Files as bodies, whole or in part: read in large pieces, one at a time, as fast as the client
//! takes them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use axum::body::{Body, Bytes};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use futures_util::stream;

use crate::limits;
use crate::serve::ServeError;
use crate::serve::answer::{blocking, header_text, with_body};

/// Which bytes of a file a client wants (RFC 9110 section 14).
#[derive(Debug, PartialEq, Eq)]
enum Range {
    Whole,
    /// First byte, and how many.
    Part(u64, u64),
    Unsatisfiable,
}

impl Range {
    /// Several ranges at once and other units are ignored, as the RFC allows; one that is upside
    /// down is refused.
    fn parse(text: Option<&str>, size_bytes: u64) -> Self {
        let Some(spec) = text.and_then(|text| text.strip_prefix("bytes=")) else {
            return Self::Whole;
        };
        let Some((first, last)) = spec.trim().split_once('-') else { return Self::Whole };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(first) || !digits(last) || (first.is_empty() && last.is_empty()) {
            return Self::Whole;
        }
        // More digits than fit are more bytes than there are.
        let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
        let (start, end) = match (first, last) {
            ("", suffix) => (size_bytes.saturating_sub(number(suffix)), size_bytes),
            (first, "") => (number(first), size_bytes),
            (first, last) => (number(first), number(last).saturating_add(1).min(size_bytes)),
        };
        if start >= end { Self::Unsatisfiable } else { Self::Part(start, end - start) }
    }
}

/// Answers GET or HEAD with a file. `headers` are those that describe it.
pub(super) fn serve(
    (method, asked): (&Method, &HeaderMap),
    file: File,
    size_bytes: u64,
    headers: &[(HeaderName, &str)],
) -> Response {
    let mut range = header_text(asked, "range").filter(|_| method == Method::GET);
    if let Some(condition) = header_text(asked, "if-range") {
        let known = headers.iter().any(|(name, is)| name == header::ETAG && *is == condition);
        range = range.filter(|_| known);
    }
    let (status, start, length) = match Range::parse(range, size_bytes) {
        Range::Whole => (StatusCode::OK, 0, size_bytes),
        Range::Part(start, length) => (StatusCode::PARTIAL_CONTENT, start, length),
        Range::Unsatisfiable => {
            let total = format!("bytes */{size_bytes}");
            let headers = [(header::CONTENT_RANGE, total.as_str())];
            return with_body(StatusCode::RANGE_NOT_SATISFIABLE, &headers, Body::empty());
        }
    };
    let body = if method == Method::HEAD { Body::empty() } else { body(file, start, length) };
    let mut response = with_body(status, headers, body);
    let sent = response.headers_mut();
    sent.insert(header::CONTENT_LENGTH, length.into());
    sent.insert(header::ACCEPT_RANGES, header::HeaderValue::from_static("bytes"));
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {start}-{}/{size_bytes}", start + length - 1);
        if let Ok(value) = text.parse() {
            sent.insert(header::CONTENT_RANGE, value);
        }
    }
    response
}

/// A part of a file as a body. A file that ends early breaks the connection, so that nobody takes
/// it for whole.
fn body(file: File, start: u64, length: u64) -> Body {
    let pieces = stream::try_unfold((file, start, length), |(file, at, left)| async move {
        if left == 0 {
            return Ok::<_, io::Error>(None);
        }
        let read = move || read_piece(file, at, left).map_err(ServeError::io("blob".as_ref()));
        let (file, piece) =
            blocking(read).await.map_err(|_| io::Error::other("the file cannot be read"))?;
        let count = piece.len() as u64;
        Ok(Some((piece, (file, at + count, left - count))))
    });
    Body::from_stream(pieces)
}

fn read_piece(mut file: File, at: u64, left: u64) -> io::Result<(File, Bytes)> {
    let want = left.min(limits::SERVE_PIECE_BYTES as u64);
    file.seek(SeekFrom::Start(at))?;
    let mut piece = Vec::with_capacity(usize::try_from(want).unwrap_or_default());
    (&mut file).take(want).read_to_end(&mut piece)?;
    if piece.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((file, piece.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_one_range() {
        for (text, want) in [
            (None, Range::Whole),
            (Some("bytes=0-3"), Range::Part(0, 4)),
            (Some("bytes=4-"), Range::Part(4, 6)),
            (Some("bytes=-3"), Range::Part(7, 3)),
            (Some("bytes=-30"), Range::Part(0, 10)),
            (Some("bytes=8-99999999999999999999999"), Range::Part(8, 2)),
            (Some("bytes=10-"), Range::Unsatisfiable),
            (Some("bytes=5-0"), Range::Unsatisfiable),
            (Some("bytes=-0"), Range::Unsatisfiable),
            (Some("bytes=0-1,3-4"), Range::Whole),
            (Some("lines=0-1"), Range::Whole),
            (Some("bytes=-"), Range::Whole),
            (Some("bytes=a-b"), Range::Whole),
        ] {
            assert_eq!(Range::parse(text, 10), want, "{text:?}");
        }
        assert_eq!(Range::parse(Some("bytes=0-"), 0), Range::Unsatisfiable);
    }
}
