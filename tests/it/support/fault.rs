//! A proxy in front of a real server that fails by script, and keeps a log of every request.
//!
//! ```ignore
//! let proxy = FaultProxy::before(world.url());
//! proxy.rule(on("PUT", "/blobs/uploads/").nth(2).answer(429, &[("Retry-After", "1")], b""));
//! // … replay to proxy.url() …
//! assert_eq!(proxy.log().writes(), 0);
//! ```
//!
//! `Host` is passed on as it came, so that a server's absolute `Location` leads back here. Bodies
//! are held in memory. Plain HTTP only.

use std::io::{self, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::http::{connect, split};
use super::wire::{self, Head};

pub(crate) mod log;

use log::{Log, Seen};

/// What goes wrong.
#[derive(Clone, Debug)]
enum Fault {
    /// The server is not asked; this is the answer.
    Answer { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// Like `Answer` 401 with this challenge, unless the request brings this `Authorization`.
    Require { authorization: String, challenge: String },
    /// The request goes up cut after so many bytes of its body; then both sides are closed.
    CutRequest(usize),
    /// The answer comes down cut after so many bytes of its body.
    CutAnswer(usize),
    /// The server does the work, and the client never hears of it.
    LoseAnswer,
    /// One bit of the body on its way up is turned.
    FlipRequest(usize),
    /// One bit of the body on its way down is turned.
    FlipAnswer(usize),
    /// `Content-Length` of the answer is off by so much; the body stays as it is.
    Length(i64),
    /// A header field of the answer is replaced, or taken out.
    Header(String, Option<String>),
    /// Everything is right, but late.
    Delay(Duration),
}

/// Which requests, how often, and what then.
#[must_use]
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    method: String,
    part: String,
    window: Range<usize>,
    fault: Fault,
}

/// Starts a rule for a method (`*`: any) and a part of path and query (empty: any).
pub(crate) fn on(method: &str, part: &str) -> On {
    On { method: method.to_owned(), part: part.to_owned(), window: 0..usize::MAX }
}

/// The first half of a rule: which requests.
#[must_use]
#[derive(Clone, Debug)]
pub(crate) struct On {
    method: String,
    part: String,
    window: Range<usize>,
}

impl On {
    /// Only the n-th match, counted from 1.
    pub(crate) fn nth(mut self, n: usize) -> Self {
        self.window = n - 1..n;
        self
    }

    /// Only the first n matches.
    pub(crate) fn first(mut self, n: usize) -> Self {
        self.window = 0..n;
        self
    }

    /// Answers in the server's stead.
    pub(crate) fn answer(self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Rule {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        self.with(Fault::Answer { status, headers, body: body.to_vec() })
    }

    /// Answers 401 with `challenge` unless `Authorization` is exactly this.
    pub(crate) fn require(self, authorization: &str, challenge: &str) -> Rule {
        let (authorization, challenge) = (authorization.to_owned(), challenge.to_owned());
        self.with(Fault::Require { authorization, challenge })
    }

    /// Passes on so many bytes of the request's body, then closes both connections.
    pub(crate) fn cut_request(self, bytes: usize) -> Rule {
        self.with(Fault::CutRequest(bytes))
    }

    /// Passes back so many bytes of the answer's body, then closes the connection.
    pub(crate) fn cut_answer(self, bytes: usize) -> Rule {
        self.with(Fault::CutAnswer(bytes))
    }

    /// Lets the server do its work, then closes the connection without an answer.
    pub(crate) fn lose_answer(self) -> Rule {
        self.with(Fault::LoseAnswer)
    }

    /// Turns the lowest bit of one byte of the request's body (modulo its length).
    pub(crate) fn flip_request(self, at: usize) -> Rule {
        self.with(Fault::FlipRequest(at))
    }

    /// Turns the lowest bit of one byte of the answer's body (modulo its length).
    pub(crate) fn flip_answer(self, at: usize) -> Rule {
        self.with(Fault::FlipAnswer(at))
    }

    /// Adds `by` to the `Content-Length` of the answer.
    pub(crate) fn lie_about_length(self, by: i64) -> Rule {
        self.with(Fault::Length(by))
    }

    /// Replaces a header field of the answer.
    pub(crate) fn set_header(self, name: &str, value: &str) -> Rule {
        self.with(Fault::Header(name.to_owned(), Some(value.to_owned())))
    }

    /// Takes a header field out of the answer.
    pub(crate) fn drop_header(self, name: &str) -> Rule {
        self.with(Fault::Header(name.to_owned(), None))
    }

    /// Waits before the server is asked.
    pub(crate) fn delay(self, by: Duration) -> Rule {
        self.with(Fault::Delay(by))
    }

    fn with(self, fault: Fault) -> Rule {
        Rule { method: self.method, part: self.part, window: self.window, fault }
    }
}

/// The running proxy; it stops listening when dropped.
pub(crate) struct FaultProxy {
    address: String,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    /// Each rule with how many requests it has matched so far.
    rules: Mutex<Vec<(Rule, usize)>>,
    log: Mutex<Vec<Seen>>,
    down: AtomicBool,
    gone: AtomicBool,
}

impl FaultProxy {
    /// Starts in front of the server at `http://host:port`, with no faults.
    pub(crate) fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            upstream: split(upstream).0,
            rules: Mutex::default(),
            log: Mutex::default(),
            down: AtomicBool::new(false),
            gone: AtomicBool::new(false),
        });
        let worker = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if worker.gone.load(Ordering::SeqCst) {
                    return;
                }
                let worker = Arc::clone(&worker);
                // A connection that breaks is what this proxy is for.
                thread::spawn(move || drop(worker.serve(stream)));
            }
        });
        Self { address, shared }
    }

    /// Adds a rule. Of the rules that fit a request, the first whose turn it is wins.
    pub(crate) fn rule(&self, rule: Rule) {
        self.shared.rules.lock().unwrap().push((rule, 0));
    }

    /// Forgets all rules.
    pub(crate) fn heal(&self) {
        self.shared.rules.lock().unwrap().clear();
    }

    /// While down, every connection is closed at once.
    pub(crate) fn down(&self, down: bool) {
        self.shared.down.store(down, Ordering::SeqCst);
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.address.clone()
    }

    /// All requests so far, in order of arrival.
    pub(crate) fn log(&self) -> Log {
        Log(self.shared.log.lock().unwrap().clone())
    }

    /// Starts a new log and returns the old one.
    pub(crate) fn take_log(&self) -> Log {
        Log(std::mem::take(&mut self.shared.log.lock().unwrap()))
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.gone.store(true, Ordering::SeqCst);
        // Wakes the listener, so that its thread sees the flag.
        let _ = TcpStream::connect(&self.address);
    }
}

impl Shared {
    /// Serves one client connection, request after request.
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut client = stream.try_clone()?;
        let mut input = BufReader::new(stream);
        while let Some(mut head) = wire::read_head(&mut input)? {
            if self.down.load(Ordering::SeqCst) || self.gone.load(Ordering::SeqCst) {
                return client.shutdown(Shutdown::Both);
            }
            let fault = self.pick(&head);
            if head.header("expect").is_some() {
                client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
                head.remove("expect");
            }
            let body = wire::read_request_body(&head, &mut input)?;
            let mut seen = Seen::new(&head, body.len() as u64, fault.is_some());
            let slot = self.note(seen.clone());
            let answer = self.play(&head, body, fault.as_ref());
            if let Ok(Some((answer, _))) = &answer {
                seen.status = answer.status();
                self.log.lock().unwrap().get_mut(slot).into_iter().for_each(|s| *s = seen.clone());
            }
            let Ok(Some((mut answer, body))) = answer else {
                return client.shutdown(Shutdown::Both);
            };
            let (body, cut) = spoil(&mut answer, body, fault.as_ref());
            answer.write(&mut client)?;
            client.write_all(&body)?;
            if cut {
                return client.shutdown(Shutdown::Both);
            }
        }
        Ok(())
    }

    /// Counts the request against every rule it fits, and picks the fault whose turn it is.
    fn pick(&self, head: &Head) -> Option<Fault> {
        let (method, path) = (head.word(0), head.word(1));
        let mut picked = None;
        for (rule, matched) in self.rules.lock().unwrap().iter_mut() {
            if (rule.method == "*" || rule.method == method) && path.contains(&rule.part) {
                let turn = rule.window.contains(matched);
                *matched += 1;
                if let Fault::Require { authorization, .. } = &rule.fault
                    && head.header("authorization") == Some(authorization)
                {
                    continue;
                }
                if turn && picked.is_none() {
                    picked = Some(rule.fault.clone());
                }
            }
        }
        picked
    }

    fn note(&self, seen: Seen) -> usize {
        let mut log = self.log.lock().unwrap();
        log.push(seen);
        log.len() - 1
    }

    /// Gets the answer: from the script, or from the server. Nothing: the connection is cut.
    fn play(
        &self,
        head: &Head,
        mut body: Vec<u8>,
        fault: Option<&Fault>,
    ) -> io::Result<Option<(Head, Vec<u8>)>> {
        let length = body.len();
        match fault {
            Some(Fault::Answer { status, headers, body }) => {
                return Ok(Some((scripted(*status, headers), body.clone())));
            }
            Some(Fault::Require { challenge, .. }) => {
                let headers = [("WWW-Authenticate".to_owned(), challenge.clone())];
                return Ok(Some((scripted(401, &headers), Vec::new())));
            }
            Some(Fault::Delay(by)) => thread::sleep(*by),
            Some(Fault::FlipRequest(at)) => flip(&mut body, *at),
            Some(Fault::CutRequest(at)) => body.truncate(*at),
            _ => {}
        }
        let mut server = connect(&self.upstream)?;
        let mut up = head.clone();
        for name in ["transfer-encoding", "connection", "keep-alive"] {
            up.remove(name);
        }
        up.set("Connection", "close");
        if length > 0 || head.header("content-length").is_some() {
            up.set("Content-Length", &length.to_string());
        }
        up.write(&mut server)?;
        server.write_all(&body)?;
        if matches!(fault, Some(Fault::CutRequest(_))) {
            server.shutdown(Shutdown::Both)?;
            return Ok(None);
        }
        let mut input = BufReader::new(server);
        loop {
            let head = wire::read_head(&mut input)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let body = wire::read_answer_body(&head, up.word(0), &mut input)?;
            if head.status() >= 200 {
                let lost = matches!(fault, Some(Fault::LoseAnswer));
                return Ok((!lost).then_some((head, body)));
            }
        }
    }
}

/// Frames the answer by its length, damages it as the fault says, and says whether to cut it.
fn spoil(head: &mut Head, mut body: Vec<u8>, fault: Option<&Fault>) -> (Vec<u8>, bool) {
    let chunked = head.header("transfer-encoding").is_some();
    head.remove("transfer-encoding");
    head.remove("connection");
    if chunked || !body.is_empty() || head.header("content-length").is_none() {
        let bodiless = matches!(head.status(), 204 | 304);
        if !bodiless {
            head.set("Content-Length", &body.len().to_string());
        }
    }
    match fault {
        Some(Fault::CutAnswer(at)) => {
            body.truncate(*at);
            return (body, true);
        }
        Some(Fault::FlipAnswer(at)) => flip(&mut body, *at),
        Some(Fault::Length(by)) => {
            let length: i64 =
                head.header("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
            head.set("Content-Length", &(length + by).max(0).to_string());
            return (body, true);
        }
        Some(Fault::Header(name, Some(value))) => head.set(name, value),
        Some(Fault::Header(name, None)) => head.remove(name),
        _ => {}
    }
    (body, false)
}

fn scripted(status: u16, headers: &[(String, String)]) -> Head {
    Head { start: format!("HTTP/1.1 {status} Scripted"), headers: headers.to_vec() }
}

fn flip(body: &mut [u8], at: usize) {
    let length = body.len().max(1);
    if let Some(byte) = body.get_mut(at % length) {
        *byte ^= 1;
    }
}

#[cfg(test)]
mod tests;
