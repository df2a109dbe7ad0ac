//! The git server: smart HTTP (gitprotocol-http(5)), protocols v0 and v2, over git's own server
//! programs.
//!
//! A repository is made by the first push to it, as Gitea does it: who asks for the refs of one
//! that is not there, in order to push, is told of an empty repository, and the `POST` makes it. A
//! fetch never makes anything.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use bytes::BytesMut;
use flate2::write::GzDecoder;
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::artifact::FileName;
use crate::git::{Git, GitError, Service, ServiceProcess, advertise, init_bare, run};
use crate::limits;
use crate::report::Report;
use crate::serve::ServeError;
use crate::serve::access::Want;
use crate::serve::answer::{Code, Refusal, header_text, with_body};
use crate::serve::durable::{self, Folders};
use crate::serve::head;
use crate::serve::paths::Query;
use crate::serve::shelf::names_in;

/// Largest slice of a compressed request that is undone at once; it grows at most a thousandfold.
const GZIP_SLICE_BYTES: usize = 4 << 10;

/// All repositories below one folder.
pub(super) struct GitServer {
    git: Git,
    root: PathBuf,
    folders: Folders,
    slots: Arc<Semaphore>,
    /// What is said to somebody who wants to push to a repository that is not there yet.
    nothing: OnceCell<Bytes>,
    report: Report,
}

/// What a URL below `/git/` names.
struct Route<'a> {
    owner: FileName,
    name: FileName,
    verb: &'a str,
}

impl<'a> Route<'a> {
    /// Reads `<owner>/<repo>[.git]/<verb>`.
    fn parse(rest: &'a str) -> Option<Self> {
        let mut parts = rest.splitn(3, '/');
        let (owner, name, verb) = (parts.next()?, parts.next()?, parts.next()?);
        let name = name.strip_suffix(".git").unwrap_or(name);
        let (owner, name) = (FileName::parse(owner).ok()?, FileName::parse(name).ok()?);
        Some(Self { owner, name, verb })
    }
}

/// What a request below `/git/` wants; it must be admitted before its body is read.
pub(super) fn want(rest: &str, query: Option<&str>) -> Want {
    let push = Service::ReceivePack.name();
    if rest.ends_with(push) || Query::parse(query).all("service").any(|service| service == push) {
        Want::Write
    } else {
        Want::Read
    }
}

impl GitServer {
    /// Opens the folder and throws away repositories that a crash left half made.
    pub(super) fn open(git: Git, root: PathBuf, report: Report) -> Result<Self, ServeError> {
        let folders = Folders::default();
        let unfinished = root.join("_new");
        if unfinished.is_dir() {
            fs::remove_dir_all(&unfinished).map_err(ServeError::io(&unfinished))?;
        }
        folders.make(&unfinished)?;
        let slots = Arc::new(Semaphore::new(limits::SERVE_GIT_PROCESSES_MAX));
        Ok(Self { git, root, folders, slots, nothing: OnceCell::new(), report })
    }

    /// Names of all repositories as `owner/name`.
    pub(super) fn names(&self) -> Result<Vec<String>, ServeError> {
        let mut names = Vec::new();
        for owner in names_in(&self.root)?.unwrap_or_default() {
            if owner.starts_with('_') {
                continue;
            }
            let repos = names_in(&self.root.join(&owner))?.unwrap_or_default();
            let repos = repos.iter().filter_map(|name| name.strip_suffix(".git"));
            names.extend(repos.map(|name| format!("{owner}/{name}")));
        }
        Ok(names)
    }

    /// Answers a request below `/git/`; `rest` is its decoded path after that.
    pub(super) async fn answer(&self, rest: &str, request: Request) -> Result<Response, Refusal> {
        let unknown = || Refusal::new(Code::NotFound, "no such repository");
        let route = Route::parse(rest).ok_or_else(unknown)?;
        let repo = self.root.join(route.owner.as_str()).join(format!("{}.git", route.name));
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        match (route.verb, Service::parse(route.verb)) {
            ("info/refs", _) if reads => {
                let query = Query::parse(request.uri().query());
                self.refs(&repo, &query, protocol_of(request.headers())).await
            }
            (_, Some(service)) if request.method() == Method::POST => {
                self.serve(service, repo, request).await
            }
            (_, Some(_)) | ("info/refs", _) => {
                Err(Refusal::new(Code::Unsupported, "this endpoint does not do that"))
            }
            _ => Err(unknown()),
        }
    }

    /// `GET …/info/refs?service=`.
    async fn refs(
        &self,
        repo: &Path,
        query: &Query,
        protocol: Option<String>,
    ) -> Result<Response, Refusal> {
        let service = query.get("service").and_then(Service::parse).ok_or_else(|| {
            let message = "only smart HTTP is spoken here: name a service";
            Refusal::new(Code::BadRequest, message).status(StatusCode::FORBIDDEN)
        })?;
        let _slot = self.slot().await?;
        let refs = if exists(repo) {
            // A push that was cut off at the very end may have left it undone.
            head::settle(&self.git, repo, &self.report).await;
            let refs = advertise(&self.git, service, repo, protocol.as_deref()).await;
            refs.map_err(ServeError::Git)?.into()
        } else if service == Service::ReceivePack {
            self.nothing.get_or_try_init(|| self.describe_nothing()).await?.clone()
        } else {
            return Err(Refusal::new(Code::NotFound, "no such repository"));
        };
        Ok(answer(service, "advertisement", Body::from(refs)))
    }

    async fn describe_nothing(&self) -> Result<Bytes, ServeError> {
        let folder = self.root.join("_new");
        let shell = tempfile::tempdir_in(&folder).map_err(ServeError::io(&folder))?;
        let repo = shell.path().join("empty.git");
        init_bare(&self.git, &repo, "main").await.map_err(ServeError::Git)?;
        let refs = advertise(&self.git, Service::ReceivePack, &repo, None).await;
        Ok(refs.map_err(ServeError::Git)?.into())
    }

    /// Makes a repository aside and gives it its name, so that a half made one is never seen.
    async fn create(&self, repo: &Path) -> Result<(), Refusal> {
        let folder = self.root.join("_new");
        let shell = tempfile::tempdir_in(&folder).map_err(ServeError::io(&folder))?;
        let made = shell.path().join("made.git");
        init_bare(&self.git, &made, "main").await.map_err(ServeError::Git)?;
        self.folders.make(repo.parent().unwrap_or(repo))?;
        match fs::rename(&made, repo) {
            // Another push was faster: its repository is as good.
            Err(_) if exists(repo) => Ok(()),
            Err(error) => Err(ServeError::io(repo)(error).into()),
            Ok(()) => Ok(durable::sync_parent(repo)?),
        }
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let slots = Arc::clone(&self.slots);
        slots.acquire_owned().await.map_err(|_| ServeError::Worker.into())
    }

    /// `POST …/git-upload-pack` and `…/git-receive-pack`.
    async fn serve(
        &self,
        service: Service,
        repo: PathBuf,
        request: Request,
    ) -> Result<Response, Refusal> {
        let wrong = |message: &str| {
            Refusal::new(Code::BadRequest, message).status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        };
        let (parts, body) = request.into_parts();
        let headers = &parts.headers;
        let expected = format!("application/x-{}-request", service.name());
        if header_text(headers, "content-type") != Some(expected.as_str()) {
            return Err(wrong("this is not what a git client sends"));
        }
        let gzip = match header_text(headers, "content-encoding") {
            None | Some("identity") => false,
            Some("gzip" | "x-gzip") => true,
            Some(_) => return Err(wrong("content encodings other than gzip are not known here")),
        };
        let slot = self.slot().await?;
        if !exists(&repo) {
            if service == Service::UploadPack {
                return Err(Refusal::new(Code::NotFound, "no such repository"));
            }
            self.create(&repo).await?;
        }
        let protocol = protocol_of(headers);
        let process = run(&self.git, service, &repo, protocol.as_deref()).await;
        let ServiceProcess { stdin, stdout, child } = process.map_err(ServeError::Git)?;
        tokio::spawn(feed(body, gzip, stdin));
        let mut work = Work {
            stdout,
            child,
            buffer: BytesMut::new(),
            settle: (service == Service::ReceivePack)
                .then(|| (self.git.clone(), repo, self.report.clone())),
            _slot: slot,
        };
        // What fails at once can still be answered with a proper status.
        let Some(first) = work.next().await? else {
            work.end().await?;
            return Ok(answer(service, "result", Body::empty()));
        };
        let rest = stream::try_unfold(work, |mut work| async move {
            let broken = |_| std::io::Error::other("git broke off");
            Ok(work.next().await.map_err(broken)?.map(|piece| (piece, work)))
        });
        let pieces = stream::iter([Ok::<_, std::io::Error>(first)]).chain(rest);
        Ok(answer(service, "result", Body::from_stream(pieces)))
    }
}

/// One service at work for one client. Dropping it, because the client went away, kills the
/// program.
struct Work {
    stdout: ChildStdout,
    /// Killed when it is dropped before its end.
    child: Child,
    buffer: BytesMut,
    settle: Option<(Git, PathBuf, Report)>,
    _slot: OwnedSemaphorePermit,
}

impl Work {
    /// The next piece of the answer. After the last one HEAD is put right, before the client can go
    /// on.
    async fn next(&mut self) -> Result<Option<Bytes>, ServeError> {
        self.buffer.reserve(limits::SERVE_PIECE_BYTES / 8);
        let count = self.stdout.read_buf(&mut self.buffer).await;
        let count = count.map_err(ServeError::io(Path::new("git")))?;
        if count > 0 {
            return Ok(Some(self.buffer.split().freeze()));
        }
        if let Some((git, repo, report)) = self.settle.take() {
            head::settle(&git, &repo, &report).await;
        }
        Ok(None)
    }

    /// Whether a program that said nothing went well: the probe of four bytes is answered with
    /// nothing.
    async fn end(mut self) -> Result<(), ServeError> {
        let status = self.child.wait().await.map_err(ServeError::io(Path::new("git")))?;
        if status.success() {
            return Ok(());
        }
        let failed = GitError::Failed { what: "service".to_owned(), words: status.to_string() };
        Err(ServeError::Git(failed))
    }
}

/// Hands the body to git as fast as git takes it. What git no longer wants is still read, so that
/// the client gets to see the answer that says why.
async fn feed(body: Body, gzip: bool, stdin: ChildStdin) {
    let mut stream = body.into_data_stream();
    let mut sink = Some((stdin, gzip.then(|| GzDecoder::new(Vec::new()))));
    while let Ok(Some(Ok(piece))) = timeout(limits::SILENCE_MAX, stream.next()).await {
        if let Some((mut stdin, mut gunzip)) = sink.take()
            && pass(&mut stdin, gunzip.as_mut(), &piece).await.is_ok()
        {
            sink = Some((stdin, gunzip));
        }
    }
}

async fn pass(
    stdin: &mut ChildStdin,
    gunzip: Option<&mut GzDecoder<Vec<u8>>>,
    piece: &[u8],
) -> std::io::Result<()> {
    let Some(gunzip) = gunzip else { return stdin.write_all(piece).await };
    for slice in piece.chunks(GZIP_SLICE_BYTES) {
        gunzip.write_all(slice)?;
        gunzip.flush()?;
        let plain = std::mem::take(gunzip.get_mut());
        stdin.write_all(&plain).await?;
    }
    Ok(())
}

/// The request's `Git-Protocol`, unproven: the git room hands on what is sound in it.
fn protocol_of(headers: &HeaderMap) -> Option<String> {
    header_text(headers, "git-protocol").map(str::to_owned)
}

fn exists(repo: &Path) -> bool {
    repo.join("HEAD").is_file()
}

fn answer(service: Service, kind: &str, body: Body) -> Response {
    let media_type = format!("application/x-{}-{kind}", service.name());
    let headers = [
        (header::CONTENT_TYPE, media_type.as_str()),
        (header::CACHE_CONTROL, "no-cache, max-age=0, must-revalidate"),
        (header::EXPIRES, "Fri, 01 Jan 1980 00:00:00 GMT"),
        (header::PRAGMA, "no-cache"),
    ];
    with_body(StatusCode::OK, &headers, body)
}
