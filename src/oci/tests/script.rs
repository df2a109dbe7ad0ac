//! A server that plays a script: ordered requests it expects, and what it answers to each.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::artifact::Repository;
use crate::net::{self, Network, Policy};
use crate::oci::auth::Keychain;
use crate::oci::wire::Registries;
use crate::report::{Report, Task};

/// One expected request and its answer.
#[derive(Clone, Default)]
pub(crate) struct Step {
    request: String,
    has: Vec<String>,
    lacks: Vec<String>,
    body: Option<Vec<u8>>,
    status: u16,
    headers: Vec<(String, String)>,
    answer: Vec<u8>,
    length: Option<usize>,
    broken_body: bool,
}

/// `GET /v2/a/b/tags/list`: expects a request line that starts so, and answers with this status.
pub(crate) fn on(request: &str, status: u16) -> Step {
    Step { request: request.to_owned(), status, ..Step::default() }
}

impl Step {
    /// The request's head must contain this, without regard to case.
    pub(crate) fn has(mut self, text: &str) -> Self {
        self.has.push(text.to_ascii_lowercase());
        self
    }

    /// The request's head must not contain this.
    pub(crate) fn lacks(mut self, text: &str) -> Self {
        self.lacks.push(text.to_ascii_lowercase());
        self
    }

    /// The request must have this body.
    pub(crate) fn takes(mut self, body: &[u8]) -> Self {
        self.body = Some(body.to_vec());
        self
    }

    /// Answers with a header; `{self}` stands for this server's host and port.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Answers with a body.
    pub(crate) fn gives(mut self, body: &[u8]) -> Self {
        self.answer = body.to_vec();
        self
    }

    /// Claims another length than the body has, and ends the connection after the body.
    pub(crate) fn claims(mut self, length: usize) -> Self {
        self.length = Some(length);
        self
    }

    /// Expects the request's body to break off.
    pub(crate) fn broken_body(mut self) -> Self {
        self.broken_body = true;
        self
    }
}

#[derive(Default)]
struct State {
    steps: VecDeque<Step>,
    complaints: Vec<String>,
}

/// The server.
pub(crate) struct Server {
    pub(crate) host: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// Starts it.
    pub(crate) async fn start(steps: Vec<Step>) -> Self {
        let listener = net::listen(([127, 0, 0, 1], 0).into()).await.expect("port");
        let host = listener.local_addr().expect("address").to_string();
        let state = Arc::new(Mutex::new(State { steps: steps.into(), complaints: Vec::new() }));
        let server = Self { host: host.clone(), state: Arc::clone(&state) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, host.clone(), Arc::clone(&state)));
            }
        });
        server
    }

    /// Adds steps, for scripts that name another server.
    pub(crate) fn then(&self, steps: Vec<Step>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).steps.extend(steps);
    }

    /// The repository `a/b` of this server.
    pub(crate) fn repository(&self) -> Repository {
        Repository::new(&self.host, "a/b").expect("sound")
    }

    /// Checks that the whole script was played and nothing else.
    pub(crate) fn done(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(state.complaints.is_empty(), "{:#?}", state.complaints);
        let left: Vec<&str> = state.steps.iter().map(|step| step.request.as_str()).collect();
        assert!(left.is_empty(), "never asked: {left:?}");
    }
}

async fn talk(mut stream: TcpStream, host: String, state: Arc<Mutex<State>>) -> io::Result<()> {
    let mut pending = Vec::new();
    loop {
        let Some(head) = read_head(&mut stream, &mut pending).await? else { return Ok(()) };
        let step = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let step = state.steps.pop_front().unwrap_or_else(|| on("nothing more", 418));
            let lower = head.to_ascii_lowercase();
            let line = head.lines().next().unwrap_or_default().to_owned();
            if !line.starts_with(&step.request) {
                state.complaints.push(format!("{line} instead of {}", step.request));
            }
            for text in step.has.iter().filter(|text| !lower.contains(*text)) {
                state.complaints.push(format!("{line}: without {text}: {lower}"));
            }
            for text in step.lacks.iter().filter(|text| lower.contains(*text)) {
                state.complaints.push(format!("{line}: with {text}"));
            }
            step
        };
        let body = read_body(&mut stream, &head, &mut pending).await;
        {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            match (body, &step.body) {
                (Err(_), _) if step.broken_body => return Ok(()),
                (Err(_), _) => state.complaints.push(format!("{}: body broke", step.request)),
                (Ok(_), _) if step.broken_body => {
                    state.complaints.push(format!("{}: body is whole", step.request));
                }
                (Ok(got), Some(want)) if got != *want => {
                    state.complaints.push(format!("{}: another body", step.request));
                }
                _ => {}
            }
        }
        let mut answer = format!("HTTP/1.1 {} X\r\n", step.status);
        let is_head = head.starts_with("HEAD ");
        if step.status != 204 && !(is_head && step.headers.iter().any(|h| h.0 == "content-length"))
        {
            let length = step.length.unwrap_or(step.answer.len());
            answer.push_str(&format!("content-length: {length}\r\n"));
        }
        for (name, value) in &step.headers {
            answer.push_str(&format!("{name}: {}\r\n", value.replace("{self}", &host)));
        }
        answer.push_str("\r\n");
        stream.write_all(answer.as_bytes()).await?;
        if !is_head {
            stream.write_all(&step.answer).await?;
        }
        stream.flush().await?;
        if step.length.is_some() {
            return stream.shutdown().await;
        }
    }
}

async fn read_head(stream: &mut TcpStream, pending: &mut Vec<u8>) -> io::Result<Option<String>> {
    loop {
        if let Some(end) = pending.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = pending.split_off(end + 4);
            let head = std::mem::replace(pending, rest);
            return Ok(Some(String::from_utf8_lossy(&head).into_owned()));
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await? {
            0 => return Ok(None),
            count => pending.extend_from_slice(&piece[..count]),
        }
    }
}

async fn read_body(
    stream: &mut TcpStream,
    head: &str,
    pending: &mut Vec<u8>,
) -> io::Result<Vec<u8>> {
    let length: usize = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or_default();
    while pending.len() < length {
        let mut piece = vec![0; 64 << 10];
        match stream.read(&mut piece).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => pending.extend_from_slice(&piece[..count]),
        }
    }
    let rest = pending.split_off(length);
    Ok(std::mem::replace(pending, rest))
}

/// A client that may ask this machine over plain HTTP.
pub(crate) fn client(keychain: Keychain) -> Registries {
    let policy = Policy { plain_http: ["127.0.0.1".to_owned()].into(), ..Policy::default() };
    Registries::new(Network::new(policy).expect("client"), keychain)
}

/// A task that nobody looks at.
pub(crate) fn task() -> Task {
    Report::silent().task("test", None)
}
