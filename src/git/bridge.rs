//! For tests: the smallest HTTP around [`crate::git::run`], and servers that answer what a test tells them to.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Response, StatusCode};
use base64::Engine as _;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use crate::git::{Git, GitOptions, Service, advertise, run};
use crate::net::{Hosts, Network, Policy, listen};

/// A request as a server saw it: method, path with query, whether it brought the password, length of the body.
pub(super) type Seen = (String, String, bool, usize);

/// A server that runs as long as the test does.
pub(super) struct Server {
    pub(super) url: Url,
    pub(super) seen: Arc<Mutex<Vec<Seen>>>,
}

/// What a scripted server gives back for a request.
pub(super) type Script = dyn Fn(&Seen) -> (u16, &'static str, Vec<u8>) + Send + Sync;

impl Server {
    /// Serves the bare repositories below a folder to whoever brings `bob:secret`, or to all.
    pub(super) async fn git(root: &Path, needs_password: bool) -> Self {
        let root = root.to_owned();
        Self::start(move |seen: Seen, headers: HeaderMap, body: Vec<u8>| {
            let root = root.clone();
            async move {
                if needs_password && !seen.2 {
                    let refusal = Response::builder().status(401);
                    return refusal.header("WWW-Authenticate", "Basic realm=x").body(Body::empty());
                }
                answer(&root, &seen.1, &headers, body).await
            }
        })
        .await
    }

    /// Answers by a script.
    pub(super) async fn scripted(script: Box<Script>) -> Self {
        let script: Arc<Script> = Arc::from(script);
        Self::start(move |seen: Seen, _: HeaderMap, _: Vec<u8>| {
            let (status, kind, body) = script(&seen);
            async move {
                let answer = Response::builder().status(status).header("Content-Type", kind);
                let answer = answer.header("Location", kind);
                answer.body(Body::from(body))
            }
        })
        .await
    }

    async fn start<F, A>(handler: F) -> Self
    where
        F: Fn(Seen, HeaderMap, Vec<u8>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<Response<Body>, axum::http::Error>> + Send + 'static,
    {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let app = Router::new().fallback(move |request: Request| {
            let (handler, log) = (handler.clone(), Arc::clone(&log));
            async move {
                let (parts, body) = request.into_parts();
                let Ok(body) = to_bytes(body, 1 << 30).await else {
                    return Response::builder().status(400).body(Body::empty()).expect("response");
                };
                let password = base64::prelude::BASE64_STANDARD.encode("bob:secret");
                let given = parts.headers.get("authorization");
                let let_in = given.is_some_and(|given| given == &format!("Basic {password}"));
                let one = (parts.method.to_string(), parts.uri.to_string(), let_in, body.len());
                log.lock().expect("log").push(one.clone());
                handler(one, parts.headers, body.to_vec()).await.expect("response")
            }
        });
        let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.expect("port");
        let address = listener.local_addr().expect("address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url: Url::parse(&format!("http://{address}/")).expect("url"), seen }
    }

    pub(super) fn at(&self, path: &str) -> Url {
        self.url.join(path).expect("path")
    }

    /// A network that may talk to this server alone.
    pub(super) fn network(&self) -> Network {
        let hosts = BTreeSet::from([String::from("127.0.0.1")]);
        let policy =
            Policy { hosts: Hosts::Only(hosts.clone()), plain_http: hosts, ..Policy::default() };
        Network::new(policy).expect("network")
    }

    pub(super) fn requests(&self) -> Vec<Seen> {
        self.seen.lock().expect("log").clone()
    }
}

async fn answer(
    root: &Path,
    path: &str,
    headers: &HeaderMap,
    body: Vec<u8>,
) -> Result<Response<Body>, axum::http::Error> {
    let git = Git::new(GitOptions::default());
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let (repo, tail) = match path.strip_suffix("/info/refs") {
        Some(repo) => (repo, None),
        None => path.rsplit_once('/').map(|(repo, tail)| (repo, Some(tail))).expect("a slash"),
    };
    let repo = root.join(repo.trim_start_matches('/'));
    if !repo.join("HEAD").is_file() {
        return Response::builder().status(StatusCode::NOT_FOUND).body(Body::empty());
    }
    let name = tail.unwrap_or_else(|| query.trim_start_matches("service="));
    let service = Service::parse(name).expect("service");
    let kind = |what: &str| format!("application/x-{name}-{what}");
    let protocol = header("git-protocol");
    if tail.is_none() {
        let body = advertise(&git, service, &repo, protocol).await.expect("advertisement");
        let answer = Response::builder().header("Content-Type", kind("advertisement"));
        return answer.body(Body::from(body));
    }
    let mut plain = body;
    if header("content-encoding") == Some("gzip") {
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(plain.as_slice()).read_to_end(&mut out).expect("gzip");
        plain = out;
    }
    let mut process = run(&git, service, &repo, protocol).await.expect("git");
    let mut out = Vec::new();
    let write = async {
        let _ = process.stdin.write_all(&plain).await;
        drop(process.stdin);
    };
    let ((), read) = tokio::join!(write, process.stdout.read_to_end(&mut out));
    read.expect("output");
    process.child.wait().await.expect("end");
    Response::builder().header("Content-Type", kind("result")).body(Body::from(out))
}

/// A folder with repositories made by the plain `git` program.
pub(super) struct Yard(TempDir);

impl Yard {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("folder"))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn url(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Runs git and gives what it says.
    pub(super) fn git(&self, arguments: &str, input: &[u8]) -> String {
        let (said, success) = self.try_git(arguments, input);
        assert!(success, "git {arguments}: {said}");
        said
    }

    pub(super) fn try_git(&self, arguments: &str, input: &[u8]) -> (String, bool) {
        let given = self.path(".input");
        std::fs::write(&given, input).expect("input");
        let ended = Command::new("git")
            .args(["-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"])
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
            .args(arguments.split(' '))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .current_dir(self.0.path())
            .stdin(std::fs::File::open(&given).expect("input"))
            .output()
            .expect("git");
        let said = [ended.stdout, ended.stderr].concat();
        (String::from_utf8_lossy(&said).trim().to_owned(), ended.status.success())
    }

    /// A bare repository `name` with some commits on `main`, a branch `side`, an annotated tag `v1.0` on the way
    /// and a plain tag `v1.1`.
    pub(super) fn repo(&self, name: &str, commits: usize) {
        self.git(&format!("init --quiet --bare {name}"), b"");
        self.git(&format!("-C {name} fast-import --quiet --force"), &history(commits));
    }
}

/// A history for `git fast-import`: every commit changes one of 40 files.
pub(super) fn history(commits: usize) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut text = String::new();
    for n in 1..=commits {
        let branch = if n % 5 == 0 { "side" } else { "main" };
        let who = format!("T <t@example.com> {} +0000", 1_700_000_000 + n);
        let content: String =
            (0..60).fold(String::new(), |all, row| format!("{all}row {row} of {}\n", n * row));
        let _ = writeln!(
            text,
            "commit refs/heads/{branch}\nmark :{n}\ncommitter {who}\ndata 2\nc{}",
            n % 10
        );
        if n == 5 {
            let _ = writeln!(text, "from :1");
        }
        let file = format!("d{}/f{}.yaml", n % 4, n % 40);
        let _ = writeln!(text, "M 100644 inline {file}\ndata {}\n{content}", content.len());
        if n == commits / 2 + 1 {
            let _ = writeln!(text, "tag v1.0\nfrom :{n}\ntagger {who}\ndata 2\nt1");
            let _ = writeln!(text, "reset refs/tags/v1.1\nfrom :{n}\n");
        }
    }
    text.into_bytes()
}
