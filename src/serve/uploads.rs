//! Blobs on their way in (distribution-spec, "Pushing blobs"): sessions, pieces and the proof at
//! the end.
//!
//! A session lives in memory with the digest made so far; its bytes are in a file without a lasting
//! name. A piece that was cut short leaves the session whole: the client asks how far it got and
//! goes on from there.

use std::collections::HashMap;
use std::io::{Seek, SeekFrom, Write};
use std::ops::DerefMut;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::StreamExt;
use tempfile::NamedTempFile;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use crate::artifact::{Digest, Hasher};
use crate::limits;
use crate::serve::ServeError;
use crate::serve::answer::{Code, Refusal, blocking, empty, header_text};
use crate::serve::durable;
use crate::serve::paths::{Name, Query};
use crate::serve::registry::{CONTENT_DIGEST, Registry, digest_of};

const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// All sessions.
#[derive(Default)]
pub(super) struct Uploads(Mutex<HashMap<String, Arc<Session>>>);

struct Session {
    name: Name,
    slot: Arc<tokio::sync::Mutex<Incoming>>,
    touched: Mutex<Instant>,
}

impl Uploads {
    fn begin(&self, name: &Name, folder: PathBuf) -> Result<String, Refusal> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= limits::SERVE_UPLOADS_MAX {
            sessions.retain(|_, session| {
                let touched = session.touched.lock().unwrap_or_else(PoisonError::into_inner);
                touched.elapsed() < limits::SERVE_UPLOAD_IDLE_MAX
            });
        }
        if sessions.len() >= limits::SERVE_UPLOADS_MAX {
            let refusal = Refusal::new(Code::TooManyRequests, "too many uploads are under way");
            return Err(refusal.header(header::RETRY_AFTER, "10"));
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|_| Refusal::new(Code::Unknown, "no randomness for an upload session"))?;
        let id = format!("{:032x}", u128::from_be_bytes(random));
        let session = Session {
            name: name.clone(),
            slot: Arc::new(tokio::sync::Mutex::new(Incoming::new(folder))),
            touched: Mutex::new(Instant::now()),
        };
        sessions.insert(id.clone(), Arc::new(session));
        Ok(id)
    }

    /// Takes a session for one request; another request on it may have to end first.
    async fn take(&self, name: &Name, id: &str) -> Result<OwnedMutexGuard<Incoming>, Refusal> {
        let unknown = || Refusal::new(Code::UploadUnknown, format!("no upload {id} in {name}"));
        let session = {
            let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.get(id).filter(|session| session.name == *name).map(Arc::clone)
        }
        .ok_or_else(unknown)?;
        *session.touched.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let waiting = Arc::clone(&session.slot).lock_owned();
        let slot = timeout(limits::SERVE_UPLOAD_WAIT_MAX, waiting).await.map_err(|_| {
            Refusal::new(Code::TooManyRequests, format!("upload {id} is busy"))
                .header(header::RETRY_AFTER, "1")
        })?;
        if slot.closed { Err(unknown()) } else { Ok(slot) }
    }

    fn forget(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// A blob on its way in. Its file and its digest always agree on how many bytes there are.
struct Incoming {
    folder: PathBuf,
    file: Option<NamedTempFile>,
    hasher: Hasher,
    closed: bool,
}

impl Incoming {
    fn new(folder: PathBuf) -> Self {
        Self { folder, file: None, hasher: Hasher::new(), closed: false }
    }

    fn file(&mut self) -> Result<&mut NamedTempFile, ServeError> {
        if self.file.is_none() {
            self.file = Some(durable::temporary(&self.folder)?);
        }
        self.file.as_mut().ok_or(ServeError::Worker)
    }

    fn append(&mut self, pieces: &[Bytes]) -> Result<(), ServeError> {
        for piece in pieces {
            if let Err(source) = self.file()?.write_all(piece) {
                self.rewind(self.hasher.clone())?;
                return Err(ServeError::io(&self.folder)(source));
            }
            self.hasher.update(piece);
        }
        Ok(())
    }

    /// Goes back to an earlier state.
    fn rewind(&mut self, hasher: Hasher) -> Result<(), ServeError> {
        let size_bytes = hasher.size_bytes();
        let file = self.file()?.as_file_mut();
        let back = file.set_len(size_bytes).and_then(|()| file.seek(SeekFrom::Start(size_bytes)));
        // A file that cannot be cut no longer agrees with its digest.
        self.closed = back.is_err();
        self.hasher = hasher;
        back.map(|_| ()).map_err(ServeError::io(&self.folder))
    }
}

/// `Content-Range` of one piece: `first-last`, both inclusive, as distribution-spec has it.
struct Piece {
    first: u64,
    size_bytes: u64,
}

impl Piece {
    fn parse(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let Some(text) = header_text(headers, "content-range") else { return Ok(None) };
        let bare = text.trim_start_matches("bytes").trim_start_matches([' ', '=']);
        let bare = bare.split('/').next().unwrap_or_default();
        let piece = bare.split_once('-').and_then(|(first, last)| {
            let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
            let size_bytes = last.checked_sub(first)?.checked_add(1)?;
            Some(Self { first, size_bytes })
        });
        match piece {
            Some(piece) => Ok(Some(piece)),
            None => Err(Refusal::new(Code::UploadInvalid, "Content-Range is not first-last")),
        }
    }
}

impl Registry {
    /// `POST …/blobs/uploads/`: a session, a whole blob, or a mount.
    pub(super) async fn begin_upload(
        &self,
        name: &Name,
        query: &Query,
        body: Body,
    ) -> Result<Response, Refusal> {
        if let Some(digest) = query.get("digest") {
            let digest = digest_of(digest)?;
            let slot = Box::new(Incoming::new(self.shelf.uploads().to_owned()));
            let (slot, flow) = pump(slot, body, limits::BLOB_BYTES_MAX).await?;
            return self.finish(name, slot, flow, digest).await;
        }
        if let Some(algorithm) = query.get("digest-algorithm").filter(|name| *name != "sha256") {
            let message = format!("digest algorithm {algorithm:?} is not supported, sha256 is");
            return Err(Refusal::new(Code::DigestInvalid, message));
        }
        if let Some(digest) = query.get("mount").and_then(|text| Digest::parse(text).ok()) {
            let from = query.get("from").map(Name::parse);
            let (shelf, name) = (Arc::clone(&self.shelf), name.clone());
            let target = name.clone();
            let mounted = blocking(move || match from {
                // A name that is none holds nothing.
                Some(None) => Ok::<_, ServeError>(false),
                Some(Some(from)) => shelf.mount(&target, &digest, Some(&from)),
                None => shelf.mount(&target, &digest, None),
            });
            if mounted.await? {
                return Ok(created(&name, digest));
            }
        }
        let id = self.uploads.begin(name, self.shelf.uploads().to_owned())?;
        Ok(progress(StatusCode::ACCEPTED, name, &id, 0))
    }

    /// `GET …/blobs/uploads/<id>`: how far it got.
    pub(super) async fn upload_status(&self, name: &Name, id: &str) -> Result<Response, Refusal> {
        let slot = self.uploads.take(name, id).await?;
        Ok(progress(StatusCode::NO_CONTENT, name, id, slot.hasher.size_bytes()))
    }

    /// `PATCH …/blobs/uploads/<id>`: a piece.
    pub(super) async fn continue_upload(
        &self,
        (name, id): (&Name, &str),
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, Refusal> {
        let slot = self.uploads.take(name, id).await?;
        let slot = receive((name, id), slot, headers, body).await?;
        Ok(progress(StatusCode::ACCEPTED, name, id, slot.hasher.size_bytes()))
    }

    /// `PUT …/blobs/uploads/<id>?digest=`: perhaps a last piece, then the proof.
    pub(super) async fn finish_upload(
        &self,
        (name, id): (&Name, &str),
        query: &Query,
        (headers, body): (&HeaderMap, Body),
    ) -> Result<Response, Refusal> {
        let missing = || Refusal::new(Code::DigestInvalid, "the query has no digest");
        let digest = digest_of(query.get("digest").ok_or_else(missing)?)?;
        let slot = self.uploads.take(name, id).await?;
        let slot = receive((name, id), slot, headers, body).await?;
        let outcome = self.finish(name, slot, Flow::Whole, digest).await;
        self.uploads.forget(id);
        outcome
    }

    /// `DELETE …/blobs/uploads/<id>`: never mind.
    pub(super) async fn cancel_upload(&self, name: &Name, id: &str) -> Result<Response, Refusal> {
        let mut slot = self.uploads.take(name, id).await?;
        slot.closed = true;
        slot.file = None;
        self.uploads.forget(id);
        Ok(empty(StatusCode::NO_CONTENT, &[]))
    }

    async fn finish<S>(
        &self,
        name: &Name,
        slot: S,
        flow: Flow,
        want: Digest,
    ) -> Result<Response, Refusal>
    where
        S: DerefMut<Target = Incoming> + Send + 'static,
    {
        if flow == Flow::Over {
            return Err(too_large());
        }
        let (shelf, holder) = (Arc::clone(&self.shelf), name.clone());
        blocking(move || {
            let mut slot = slot;
            slot.closed = true;
            let got = slot.hasher.clone().finish();
            if got != want {
                slot.file = None;
                let message = format!("the blob has digest {got}, not {want}");
                return Err(Refusal::new(Code::DigestInvalid, message));
            }
            slot.file()?;
            let file = slot.file.take().ok_or(ServeError::Worker)?;
            shelf.keep_blob(&holder, &want, file).map_err(Refusal::from)
        })
        .await?;
        Ok(created(name, want))
    }
}

/// Takes the body of a PATCH or PUT into its session.
async fn receive(
    (name, id): (&Name, &str),
    slot: OwnedMutexGuard<Incoming>,
    headers: &HeaderMap,
    body: Body,
) -> Result<OwnedMutexGuard<Incoming>, Refusal> {
    let start = slot.hasher.clone();
    let out_of_order = || {
        let location = location(name, id);
        Refusal::new(Code::UploadInvalid, "this piece does not follow the one before")
            .status(StatusCode::RANGE_NOT_SATISFIABLE)
            .header(header::LOCATION, &location)
            .header(header::RANGE, &span(start.size_bytes()))
            .header(UPLOAD_ID, id)
    };
    let piece = Piece::parse(headers)?;
    let length = header_text(headers, "content-length").and_then(|text| text.parse::<u64>().ok());
    let Some(piece) = piece else {
        let left = limits::BLOB_BYTES_MAX.saturating_sub(start.size_bytes());
        let (slot, flow) = pump(slot, body, left).await?;
        return if flow == Flow::Over { Err(too_large()) } else { Ok(slot) };
    };
    let wrong_length = length.is_some_and(|length| length != piece.size_bytes);
    if piece.first != start.size_bytes() || wrong_length {
        drain(body, headers).await;
        return Err(out_of_order());
    }
    let (slot, flow) = pump(slot, body, piece.size_bytes).await?;
    let got_bytes = slot.hasher.size_bytes() - start.size_bytes();
    if flow == Flow::Over || got_bytes != piece.size_bytes {
        let before = start.clone();
        let mut slot = slot;
        blocking(move || slot.rewind(before)).await?;
        return Err(out_of_order());
    }
    Ok(slot)
}

/// How a body ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Whole,
    /// It was longer than it may be; the rest was not read.
    Over,
}

/// Writes a body to a blob: one piece is on its way to the disk while the next one comes from the
/// network.
///
/// When the client goes away the piece being written is still finished, by whoever holds the slot
/// then.
async fn pump<S>(slot: S, body: Body, bytes_max: u64) -> Result<(S, Flow), Refusal>
where
    S: DerefMut<Target = Incoming> + Send + 'static,
{
    let mut stream = body.into_data_stream();
    let mut left = bytes_max;
    let mut writing = tokio::spawn(async { Ok::<_, Refusal>(slot) });
    loop {
        let (pieces, end) = gather(&mut stream, &mut left).await;
        let slot = writing.await.map_err(|_| ServeError::Worker)??;
        writing = tokio::task::spawn_blocking(move || {
            let mut slot = slot;
            slot.append(&pieces)?;
            Ok(slot)
        });
        if let Some(end) = end {
            let slot = writing.await.map_err(|_| ServeError::Worker)??;
            return end.map(|flow| (slot, flow));
        }
    }
}

/// Collects about one piece from the network.
async fn gather(
    stream: &mut axum::body::BodyDataStream,
    left: &mut u64,
) -> (Vec<Bytes>, Option<Result<Flow, Refusal>>) {
    let mut pieces = Vec::new();
    let mut size_bytes = 0;
    while size_bytes < limits::SERVE_PIECE_BYTES {
        let end = match timeout(limits::SILENCE_MAX, stream.next()).await {
            Ok(Some(Ok(piece))) => match left.checked_sub(piece.len() as u64) {
                Some(rest) => {
                    *left = rest;
                    size_bytes += piece.len();
                    pieces.push(piece);
                    continue;
                }
                None => Ok(Flow::Over),
            },
            Ok(None) => Ok(Flow::Whole),
            Ok(Some(Err(_))) => Err(Refusal::new(Code::UploadInvalid, "the body was cut short")),
            Err(_) => Err(Refusal::new(Code::UploadInvalid, "the body stopped coming")
                .status(StatusCode::REQUEST_TIMEOUT)),
        };
        return (pieces, Some(end));
    }
    (pieces, None)
}

/// Reads a little more of a body that is refused, so that the client is still there to read the
/// answer.
pub(super) async fn drain(body: Body, headers: &HeaderMap) {
    // A client that waits for "100 Continue" would be told to go on.
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let mut left = 2 * limits::SERVE_MANIFEST_BYTES_MAX as u64;
    let mut stream = body.into_data_stream();
    let reading = async { while let (_, None) = gather(&mut stream, &mut left).await {} };
    let _ = timeout(limits::SERVE_STOP_TIME_MAX, reading).await;
}

fn too_large() -> Refusal {
    Refusal::new(Code::SizeInvalid, "the blob is larger than this registry takes")
}

fn location(name: &Name, id: &str) -> String {
    format!("/v2/{name}/blobs/uploads/{id}")
}

/// Bytes that are there. None at all is `0-0`, which old clients expect.
fn span(size_bytes: u64) -> String {
    format!("0-{}", size_bytes.saturating_sub(1))
}

fn progress(status: StatusCode, name: &Name, id: &str, size_bytes: u64) -> Response {
    let (location, span) = (location(name, id), span(size_bytes));
    let mut headers = vec![
        (header::LOCATION, location.as_str()),
        (header::RANGE, span.as_str()),
        (UPLOAD_ID, id),
    ];
    if status != StatusCode::NO_CONTENT {
        headers.push((header::CONTENT_LENGTH, "0"));
    }
    empty(status, &headers)
}

fn created(name: &Name, digest: Digest) -> Response {
    let (location, digest) = (format!("/v2/{name}/blobs/{digest}"), digest.to_string());
    let headers = [
        (header::LOCATION, location.as_str()),
        (CONTENT_DIGEST, digest.as_str()),
        (header::CONTENT_LENGTH, "0"),
    ];
    empty(StatusCode::CREATED, &headers)
}
