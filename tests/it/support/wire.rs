//! HTTP/1.1 messages on a plain stream, as both the test client and the fault proxy read them.
//!
//! RFC 9112: start line, header fields, and a body framed by length, by chunks or by the end.

use std::fmt::Write as _;
use std::io::{self, BufRead, Read, Write};

/// No fixture is bigger; a body beyond it is a fault of the test.
const BODY_BYTES_MAX: u64 = 512 << 20;
/// A line of a head.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// The start line and the header fields of one message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    /// `GET /v2/ HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub(crate) start: String,
    /// Names as they came; compared without regard to case.
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    /// The n-th word of the start line, or nothing.
    pub(crate) fn word(&self, n: usize) -> &str {
        self.start.split(' ').nth(n).unwrap_or_default()
    }

    /// The status of an answer; 0 when there is none.
    pub(crate) fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or(0)
    }

    /// The first value of a field.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// Takes a field out.
    pub(crate) fn remove(&mut self, name: &str) {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// Puts a field in place of all others of its name.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// Writes the head with its closing empty line.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        out.write_all(text.as_bytes())
    }
}

/// Reads a head; nothing when the other side closed before the first byte.
pub(crate) fn read_head(input: &mut impl BufRead) -> io::Result<Option<Head>> {
    let Some(start) = read_line(input)? else { return Ok(None) };
    let mut head = Head { start, headers: Vec::new() };
    loop {
        let line = read_line(input)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if line.is_empty() {
            return Ok(Some(head));
        }
        let (name, value) = line.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
        head.headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
}

/// Reads the body that follows a request's head.
pub(crate) fn read_request_body(head: &Head, input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    if is_chunked(head) {
        return read_chunks(input);
    }
    match content_length(head)? {
        Some(len) => read_exactly(input, len),
        None => Ok(Vec::new()),
    }
}

/// Reads the body that follows an answer's head; `method` is what was asked.
pub(crate) fn read_answer_body(
    head: &Head,
    method: &str,
    input: &mut impl BufRead,
) -> io::Result<Vec<u8>> {
    let status = head.status();
    if method == "HEAD" || status < 200 || status == 204 || status == 304 {
        return Ok(Vec::new());
    }
    if is_chunked(head) {
        return read_chunks(input);
    }
    if let Some(len) = content_length(head)? {
        return read_exactly(input, len);
    }
    let mut body = Vec::new();
    input.take(BODY_BYTES_MAX).read_to_end(&mut body)?;
    Ok(body)
}

fn is_chunked(head: &Head) -> bool {
    head.header("transfer-encoding").is_some_and(|v| v.to_ascii_lowercase().contains("chunked"))
}

fn content_length(head: &Head) -> io::Result<Option<u64>> {
    head.header("content-length")
        .map(|v| v.parse().map_err(|_| io::ErrorKind::InvalidData.into()))
        .transpose()
}

fn read_exactly(input: &mut impl Read, len: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    input.take(len.min(BODY_BYTES_MAX)).read_to_end(&mut body)?;
    if body.len() as u64 == len { Ok(body) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn read_chunks(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(input)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
        if size == 0 {
            // The trailer: fields nobody here needs, then an empty line.
            while read_line(input)?.is_some_and(|line| !line.is_empty()) {}
            return Ok(body);
        }
        body.extend_from_slice(&read_exactly(input, size)?);
        read_line(input)?;
    }
}

fn read_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map(Some).map_err(|_| io::ErrorKind::InvalidData.into())
}

#[test]
fn chunks_are_joined_and_the_trailer_is_passed() {
    let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX: y\r\n\r\nnext";
    let mut input = text.as_bytes();
    let head = read_head(&mut input).unwrap().unwrap();
    assert_eq!(read_answer_body(&head, "GET", &mut input).unwrap(), b"abcde");
    assert_eq!(input, b"next");
}

#[test]
fn a_short_body_is_an_error() {
    let mut input = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc".as_bytes();
    let head = read_head(&mut input).unwrap().unwrap();
    let error = read_answer_body(&head, "GET", &mut input).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}
