//! A plain HTTP/1.1 client over one socket per request: what a person with `curl` would see.
//!
//! Knows nothing of redirects, TLS or authentication, so that nothing happens that a test did not
//! ask for.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::wire::{self, Head};

/// Longest silence of a server before a test gives up on it.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// One answer, read to its end.
#[derive(Debug)]
pub(crate) struct Response {
    /// The status code.
    pub(crate) status: u16,
    /// The header fields.
    pub(crate) headers: Vec<(String, String)>,
    /// The whole body.
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The first value of a header field.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The body as text, for messages and JSON.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The answer itself if its status is among `statuses`; otherwise the test ends.
    #[track_caller]
    pub(crate) fn expect(self, statuses: &[u16]) -> Self {
        assert!(
            statuses.contains(&self.status),
            "status {} instead of {statuses:?}: {}",
            self.status,
            self.text()
        );
        self
    }
}

/// Asks once and reads the whole answer; a broken connection ends the test.
#[track_caller]
pub(crate) fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    try_request(method, url, headers, body).unwrap_or_else(|e| panic!("{method} {url}: {e}"))
}

/// Asks with GET.
#[track_caller]
pub(crate) fn get(url: &str) -> Response {
    request("GET", url, &[], b"")
}

/// Asks once; a broken connection or a body cut short is the error.
pub(crate) fn try_request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let (host, path) = split(url);
    let mut stream = connect(&host)?;
    let mut head = Head { start: format!("{method} {path} HTTP/1.1"), headers: Vec::new() };
    head.set("Host", &host);
    head.set("Connection", "close");
    if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
        head.set("Content-Length", &body.len().to_string());
    }
    for (name, value) in headers {
        head.set(name, value);
    }
    head.write(&mut stream)?;
    // A server may answer and close before it has read everything: its answer counts.
    let sent = stream.write_all(body).and_then(|()| stream.flush());
    match read_answer(method, stream) {
        Ok(response) => Ok(response),
        Err(error) => Err(sent.err().unwrap_or(error)),
    }
}

/// Opens a connection on which no silence lasts for ever.
pub(crate) fn connect(host: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Splits `http://host:port/path?query` into host and path.
pub(crate) fn split(url: &str) -> (String, String) {
    let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("not plain HTTP: {url}"));
    match rest.find('/') {
        Some(at) => (rest[..at].to_owned(), rest[at..].to_owned()),
        None => (rest.to_owned(), "/".to_owned()),
    }
}

fn read_answer(method: &str, stream: TcpStream) -> io::Result<Response> {
    let mut input = BufReader::new(stream);
    loop {
        let head = wire::read_head(&mut input)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let body = wire::read_answer_body(&head, method, &mut input)?;
        let status = head.status();
        if status >= 200 {
            return Ok(Response { status, headers: head.headers, body });
        }
    }
}
