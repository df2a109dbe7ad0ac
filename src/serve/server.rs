//! The process side: one port, one folder, one lock on it, and which request goes to whom.

use std::fs::{self, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use axum::serve::ListenerExt;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::git::{Git, GitError};
use crate::limits;
use crate::net::{self, NetError};
use crate::oci::StoreError;
use crate::report::Report;
use crate::serve::access::{Users, Want, admit};
use crate::serve::answer::{Code, Refusal, blocking};
use crate::serve::git::{self, GitServer};
use crate::serve::registry::{self, Registry};
use crate::serve::shelf::Shelf;
use crate::serve::uploads::{Uploads, drain};
use crate::serve::{files, page, paths};

/// What is served, where, and to whom.
pub struct Options {
    /// Address to listen on; port 0 takes any free one.
    pub address: SocketAddr,
    /// The folder `DIR` with `blobs`, `registry`, `git` and `files` in it; made when it is missing.
    pub root: PathBuf,
    /// Who may write; `None` lets everybody. Reading is open to all.
    pub users: Option<Users>,
    /// The program that serves git.
    pub git: Git,
    /// What an OCI manifest may name without it being here.
    pub sparse: Sparse,
    /// Whether each request is noted as `METHOD path status`.
    pub log: bool,
}

/// What an OCI manifest may name without it being in its repository when it is pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sparse {
    /// Nothing.
    Nothing,
    /// An index may name OCI manifests: as one does that was carried for some of its platforms
    /// only.
    Platforms,
    /// OCI manifests may name blobs, too (distribution-spec allows a registry to take them).
    Anything,
}

/// Why the servers could not start, or what failed inside them.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The port could not be opened.
    #[error("the embedded servers")]
    Listen(#[source] NetError),
    /// Another process serves this folder.
    #[error("{} is served by another process", .0.display())]
    Busy(PathBuf),
    /// The file system refused.
    #[error("{}", .path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The blob store refused, or a blob in it is damaged.
    #[error("the blob store")]
    Store(#[source] StoreError),
    /// A file of the registry does not hold what was written into it.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
    /// Git failed.
    #[error("the git server")]
    Git(#[source] GitError),
    /// A worker thread ended without a result.
    #[error("a worker ended early")]
    Worker,
}

impl ServeError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// The error with its causes, on one line.
    pub(super) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

/// The servers at work. Dropping it stops them, without waiting.
pub struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    /// Held until the servers have ended.
    _lock: File,
}

struct House {
    root: PathBuf,
    registry: Registry,
    git: GitServer,
    users: Option<Users>,
    report: Report,
    log: bool,
}

/// Starts the servers. They answer when this returns.
pub async fn start(options: Options, report: Report) -> Result<Server, ServeError> {
    let Options { address, root, users, git, sparse, log } = options;
    let teller = report.clone();
    let opened = tokio::task::spawn_blocking(move || open(&root, git, teller));
    let (root, lock, shelf, git) = opened.await.map_err(|_| ServeError::Worker)??;
    let registry = Registry { shelf: Arc::new(shelf), uploads: Uploads::default(), sparse };
    let house = Arc::new(House { root, registry, git, users, report, log });
    let listener = net::listen(address).await.map_err(ServeError::Listen)?;
    let address = listener.local_addr().map_err(ServeError::io(Path::new("socket")))?;
    let listener = listener.tap_io(|connection| {
        // Only costs speed.
        let _ = connection.set_nodelay(true);
    });
    let (stop, stopped) = oneshot::channel();
    let router = Router::new().fallback(entry).with_state(house);
    let serving = axum::serve(listener, router).with_graceful_shutdown(async {
        // A sender that was dropped wants the same.
        let _ = stopped.await;
    });
    let task = tokio::spawn(async {
        // axum's servers never end in an error.
        let _ = serving.await;
    });
    Ok(Server { address, stop, task, _lock: lock })
}

fn open(
    root: &Path,
    git: Git,
    report: Report,
) -> Result<(PathBuf, File, Shelf, GitServer), ServeError> {
    let files = root.join("files");
    fs::create_dir_all(&files).map_err(ServeError::io(&files))?;
    let root = fs::canonicalize(root).map_err(ServeError::io(root))?;
    let path = root.join("serve.lock");
    let lock = File::create(&path).map_err(ServeError::io(&path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(ServeError::Busy(root)),
        Err(TryLockError::Error(source)) => return Err(ServeError::Io { path, source }),
    }
    let shelf = Shelf::open(&root)?;
    let git = GitServer::open(git, root.join("git"), report)?;
    Ok((root, lock, shelf, git))
}

impl Server {
    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, gives those under way a moment, and ends.
    pub async fn stop(self) {
        // The task may have ended already.
        let _ = self.stop.send(());
        let mut task = self.task;
        if tokio::time::timeout(limits::SERVE_STOP_TIME_MAX, &mut task).await.is_err() {
            task.abort();
        }
    }

    /// Serves until the process ends.
    pub async fn wait(self) {
        let _ = self.task.await;
    }
}

async fn entry(State(house): State<Arc<House>>, request: Request) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let outcome = house.answer(&path, request).await;
    let response = outcome.unwrap_or_else(|mut refusal| {
        if let Some(fault) = refusal.take_fault() {
            house.report.warn(format!("{method} {path}: {}", fault.chain()));
        }
        if path == "/v2" || path.starts_with("/v2/") {
            let mut response = refusal.into_json();
            registry::stamp(&mut response);
            response
        } else {
            refusal.into_text()
        }
    });
    if house.log {
        house.report.note(format!("{method} {path} {}", response.status().as_u16()));
    }
    response
}

impl House {
    async fn answer(&self, path: &str, request: Request) -> Result<Response, Refusal> {
        let path = paths::decode(path)
            .ok_or_else(|| Refusal::new(Code::BadRequest, "the URL is malformed"))?;
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let plain = if reads { Want::Read } else { Want::Write };
        if let Some(rest) = path.strip_prefix("/v2/").or((path == "/v2").then_some("")) {
            // Clients ask here whether to bring credentials, and bring none later when the answer
            // is 200.
            let want = if rest.is_empty() { Want::Write } else { plain };
            let request = self.admitted(want, request).await?;
            self.registry.answer(rest, request).await
        } else if let Some(rest) = path.strip_prefix("/git/") {
            let want = git::want(rest, request.uri().query());
            let request = self.admitted(want, request).await?;
            self.git.answer(rest, request).await
        } else if let Some(rest) = path.strip_prefix("/files/") {
            files::answer(&self.root.join("files"), rest, request).await
        } else if path == "/" && reads {
            self.page().await
        } else {
            Err(Refusal::new(Code::NotFound, "nothing here"))
        }
    }

    async fn admitted(&self, want: Want, request: Request) -> Result<Request, Refusal> {
        match admit(self.users.as_ref(), want, request.headers()) {
            Ok(()) => Ok(request),
            Err(refusal) => {
                let (parts, body) = request.into_parts();
                drain(body, &parts.headers).await;
                Err(refusal)
            }
        }
    }

    async fn page(&self) -> Result<Response, Refusal> {
        let shelf = Arc::clone(&self.registry.shelf);
        let repositories = blocking(move || shelf.catalog()).await?;
        Ok(page::answer(&repositories, &self.git.names()?))
    }
}
