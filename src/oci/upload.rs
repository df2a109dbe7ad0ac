//! Blobs going out: one question, at best a mount, else one POST and one streamed PUT.
//!
//! 1. HEAD: what is there with the right size is not sent.
//! 2. Mount from another repository of the same registry, when the caller knows one (distribution-spec, "Mounting a
//!    blob"). 201 is done, 202 is an upload session that is used, anything else falls back.
//! 3. POST for a session, PUT of the whole blob to its `Location`. Registries that take chunks alone are named as such:
//!    chunked uploads are broken in more ways than this one.
//! 4. Whatever breaks, the next try asks HEAD first and opens a new session: a session that was cut is not trusted. The
//!    blob's reader is opened again, so a token that ends in the middle costs one repetition and nothing else.
//!
//! The last piece of a blob is held back until its reader has reported the end, that is, until its digest is proven:
//! damage on our side never becomes a complete upload.

use std::io::{self, Read};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Client, Url};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::artifact::{Digest, Repository, VerifyError};
use crate::limits;
use crate::net::{self, Answer, NetError, Tries, is_temporary};
use crate::oci::error::{OciError, Place};
use crate::oci::token::{Grant, Scopes};
use crate::oci::wire::{Registries, is_own};
use crate::report::Task;

/// How often progress is reported and stillness looked for.
const TICK: Duration = Duration::from_millis(200);

/// Opens the bytes of a blob, from the start, each time it is called.
pub type Open = Arc<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync>;

/// A blob to be sent.
#[derive(Clone)]
pub struct BlobPush {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Path of a repository in the same registry that has it already.
    pub mount_from: Option<String>,
    /// Its bytes. The reader proves the digest before it reports the end ([`crate::artifact::VerifyReader`]).
    pub open: Open,
}

/// How a blob came to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It was there.
    Already,
    /// The registry took it from another of its repositories.
    Mounted,
    /// It was sent.
    Sent,
}

/// Where a blob is to be put.
struct Session {
    url: Url,
    /// Still the registry itself, so that it may see our credentials.
    own: bool,
}

/// One blob on its way out.
struct Job<'a> {
    place: Box<Place>,
    scopes: Scopes,
    blob: &'a BlobPush,
    task: &'a Task,
    reported_bytes: u64,
}

impl Job<'_> {
    fn reached(&mut self, bytes: u64) {
        let bytes = bytes.min(self.blob.size_bytes);
        if bytes > self.reported_bytes {
            self.task.advance(bytes - self.reported_bytes);
            self.reported_bytes = bytes;
        }
    }
}

impl Registries {
    /// Brings a blob into a repository. The task advances by its size in all.
    pub async fn push_blob(
        &self,
        repository: &Repository,
        blob: &BlobPush,
        task: &Task,
    ) -> Result<Pushed, OciError> {
        let place = Place::new(repository, blob.digest);
        let scopes = Scopes::push(&place);
        let mut job = Job { place, scopes, blob, task, reported_bytes: 0 };
        if self.holds(&job.place, job.scopes.clone(), blob.size_bytes).await? {
            job.reached(blob.size_bytes);
            return Ok(Pushed::Already);
        }
        let mut session = None;
        if let Some(from) = blob.mount_from.as_deref().filter(|from| *from != repository.path()) {
            match self.mount(&job, from).await? {
                Mount::Done => {
                    job.reached(blob.size_bytes);
                    return Ok(Pushed::Mounted);
                }
                Mount::Session(opened) => session = Some(opened),
                Mount::No => {}
            }
        }
        self.send_blob(&mut job, session).await?;
        job.reached(blob.size_bytes);
        Ok(Pushed::Sent)
    }

    /// Sends the blob, and again while the failure may be cured by that.
    async fn send_blob(
        &self,
        job: &mut Job<'_>,
        mut session: Option<Session>,
    ) -> Result<(), OciError> {
        let mut tries = Tries::new();
        let mut renewals = 0;
        let mut last_chance = false;
        loop {
            let here = match session.take() {
                Some(session) => session,
                None => self.open_session(job).await?,
            };
            let grant =
                if here.own { self.access().grant(&job.place, &job.scopes).await? } else { None };
            let (error, asked) = match self.put_blob(job, &here, grant.as_ref()).await {
                Ok(answer) => {
                    let status = answer.status();
                    if matches!(status.as_u16(), 200 | 201 | 202 | 204) {
                        // Read to the end, so that the connection serves the next blob.
                        let _ = answer.bytes(limits::ANSWER_BYTES_MAX).await;
                        return Ok(());
                    }
                    if status.as_u16() == 401 && here.own && renewals < limits::TOKEN_RENEWALS_MAX {
                        renewals += 1;
                        if self.renew(job, &answer, grant.as_ref()).await? {
                            continue;
                        }
                    }
                    let asked = answer.retry_after();
                    // 404 and 416: the session is gone. 400: it or the bytes were garbled on the way.
                    let session_lost = matches!(status.as_u16(), 404 | 416);
                    let garbled = status.as_u16() == 400 && !last_chance;
                    last_chance |= garbled;
                    let error = self.put_failure(job, answer).await;
                    if !(is_temporary(status) || session_lost || garbled) {
                        return Err(error);
                    }
                    (error, asked)
                }
                Err(error @ OciError::Net { .. }) if is_curable(&error) => (error, None),
                Err(error) => return Err(error),
            };
            let Some(wait) = tries.next(asked) else { return Err(error) };
            let host = net::host_of(&here.url);
            self.network().rest(&host, asked, wait).await.map_err(OciError::net(&job.place))?;
            // The answer may have been lost after the registry had taken everything.
            if self.holds(&job.place, job.scopes.clone(), job.blob.size_bytes).await? {
                return Ok(());
            }
        }
    }

    async fn renew(
        &self,
        job: &mut Job<'_>,
        answer: &Answer,
        sent: Option<&Grant>,
    ) -> Result<bool, OciError> {
        let lines = answer.headers("www-authenticate");
        self.access().refused(&job.place, &mut job.scopes, (&lines, sent)).await
    }

    async fn mount(&self, job: &Job<'_>, from: &str) -> Result<Mount, OciError> {
        let digest = job.blob.digest.to_string();
        let mut url = self.url(&job.place, "blobs/uploads/")?;
        url.query_pairs_mut().append_pair("mount", &digest).append_pair("from", from);
        let make = |client: &Client| client.post(url.clone()).header(CONTENT_LENGTH, 0);
        let scopes = job.scopes.clone().and_pull(from);
        let answer = match self.ask(&job.place, scopes, &make).await {
            Ok((answer, _)) => answer,
            // The token service does not let us read the other repository: no mount, then.
            Err(OciError::Refused { .. }) => return Ok(Mount::No),
            Err(error) => return Err(error),
        };
        let outcome = match answer.status().as_u16() {
            201 => Mount::Done,
            202 => Mount::Session(self.session(job, &answer)?),
            _ => Mount::No,
        };
        let _ = answer.bytes(limits::ANSWER_BYTES_MAX).await;
        Ok(outcome)
    }

    async fn open_session(&self, job: &Job<'_>) -> Result<Session, OciError> {
        let url = self.url(&job.place, "blobs/uploads/")?;
        let make = |client: &Client| client.post(url.clone()).header(CONTENT_LENGTH, 0);
        let (answer, _) = self.ask(&job.place, job.scopes.clone(), &make).await?;
        if !matches!(answer.status().as_u16(), 200..=202) {
            return Err(self.put_failure(job, answer).await);
        }
        let session = self.session(job, &answer)?;
        let _ = answer.bytes(limits::ANSWER_BYTES_MAX).await;
        Ok(session)
    }

    /// Reads `Location`: absolute or relative, its query kept, `digest` added.
    fn session(&self, job: &Job<'_>, answer: &Answer) -> Result<Session, OciError> {
        let missing = || OciError::protocol(&job.place, "no Location for an upload");
        let location = answer.header("location").ok_or_else(missing)?;
        let mut url = answer.full_url().join(location).map_err(|_| missing())?;
        let origin = self.url(&job.place, "")?;
        // Behind a proxy that does not tell it so, a registry answers with the scheme (and port) it sees itself.
        if url.host_str() == origin.host_str() && url.scheme() != origin.scheme() {
            let (path, query) = (url.path().to_owned(), url.query().map(str::to_owned));
            url = origin.clone();
            url.set_path(&path);
            url.set_query(query.as_deref());
        }
        // A Location cannot bring credentials of its own.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        url.set_fragment(None);
        url.query_pairs_mut().append_pair("digest", &job.blob.digest.to_string());
        let own = is_own(&url, &origin);
        Ok(Session { url, own })
    }

    /// One PUT of the whole blob.
    async fn put_blob(
        &self,
        job: &mut Job<'_>,
        session: &Session,
        grant: Option<&Grant>,
    ) -> Result<Answer, OciError> {
        let size_bytes = job.blob.size_bytes;
        let feed = Feed::start(job.blob);
        let mut request = self
            .network()
            .upload_client()
            .put(session.url.clone())
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, size_bytes)
            .body(feed.body);
        if let Some(grant) = grant {
            request = grant.onto(request);
        }
        let mut sending = pin!(self.network().send_once(request));
        let mut tick = tokio::time::interval(TICK);
        let (mut handed_bytes, mut alive) = (0, None);
        let outcome = loop {
            tokio::select! {
                outcome = &mut sending => break outcome,
                _ = tick.tick() => {}
            }
            let now_bytes = feed.progress.load(Ordering::Relaxed);
            // Until the first piece is taken the request may wait for its turn.
            if now_bytes > handed_bytes || (size_bytes == 0 && alive.is_none()) {
                (handed_bytes, alive) = (now_bytes, Some(Instant::now()));
                job.reached(handed_bytes);
            }
            let patience = if handed_bytes < size_bytes {
                limits::SILENCE_MAX
            } else {
                limits::UPLOAD_ANSWER_TIME_MAX
            };
            if alive.is_some_and(|alive| alive.elapsed() > patience) {
                let (url, seconds) = (net::shown(&session.url), patience.as_secs());
                break Err(NetError::Silent { url, seconds });
            }
        };
        // A reader that failed breaks the connection too; it is the cause.
        let broken = feed.broken.lock().unwrap_or_else(PoisonError::into_inner).take();
        match broken {
            Some(source) => Err(OciError::Source { digest: job.blob.digest, source }),
            None => outcome.map_err(OciError::net(&job.place)),
        }
    }

    async fn put_failure(&self, job: &Job<'_>, answer: Answer) -> OciError {
        let error = self.failure_of(&job.place, &job.scopes, answer).await;
        match error {
            OciError::Server {
                place, status: status @ (405 | 411 | 413 | 501), message, ..
            } => {
                let size_bytes = job.blob.size_bytes;
                OciError::Monolithic { place, size_bytes, status, message }
            }
            error => error,
        }
    }
}

/// What came of a mount.
enum Mount {
    Done,
    Session(Session),
    No,
}

fn is_curable(error: &OciError) -> bool {
    matches!(error, OciError::Net { source, .. } if source.is_temporary())
}

/// A request body fed from a blocking reader.
struct Feed {
    body: Body,
    /// Bytes that the connection has taken.
    progress: Arc<AtomicU64>,
    /// Why the reader could not go on.
    broken: Arc<Mutex<Option<io::Error>>>,
}

impl Feed {
    fn start(blob: &BlobPush) -> Self {
        let (sender, mut receiver) = mpsc::channel(limits::TRANSFER_CHUNKS_MAX);
        let progress = Arc::new(AtomicU64::new(0));
        let broken = Arc::new(Mutex::new(None));
        let (slot, open, size_bytes) =
            (Arc::clone(&broken), Arc::clone(&blob.open), blob.size_bytes);
        spawn_blocking(move || {
            if let Err(error) = open().and_then(|reader| pump(reader, size_bytes, &sender)) {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                // Breaks the request, so that nobody takes the end of the stream for the end of the blob.
                let _ = sender.blocking_send(Err(io::Error::other("the blob cannot be read")));
            }
        });
        let taken = Arc::clone(&progress);
        let pieces = stream::poll_fn(move |context| {
            receiver.poll_recv(context).map(|piece: Option<io::Result<Bytes>>| {
                if let Some(Ok(piece)) = &piece {
                    taken.fetch_add(piece.len() as u64, Ordering::Relaxed);
                }
                piece
            })
        });
        Self { body: Body::wrap_stream(pieces), progress, broken }
    }
}

/// Reads a blob piece by piece, always one piece ahead of what it hands over.
fn pump(
    mut reader: Box<dyn Read + Send>,
    size_bytes: u64,
    sender: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    let mut total_bytes = 0;
    let mut held: Option<Bytes> = None;
    loop {
        let piece = fill(&mut reader)?;
        total_bytes += piece.len() as u64;
        if total_bytes > size_bytes {
            let error = VerifyError::Long { want: size_bytes };
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        let at_end = piece.is_empty();
        if at_end && total_bytes < size_bytes {
            let error = VerifyError::Short { want: size_bytes, got: total_bytes };
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        // Nobody listens any more: the request ended early and has its own answer.
        if let Some(held) = held.replace(piece)
            && sender.blocking_send(Ok(held)).is_err()
        {
            return Ok(());
        }
        if at_end {
            return Ok(());
        }
    }
}

/// A full piece, or what is left; empty at the end alone.
fn fill(reader: &mut dyn Read) -> io::Result<Bytes> {
    let mut piece = vec![0; limits::TRANSFER_CHUNK_BYTES];
    let mut filled = 0;
    while filled < piece.len() {
        match reader.read(&mut piece[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    piece.truncate(filled);
    Ok(Bytes::from(piece))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_can_be_moved_by_spawned_tasks() {
        fn spawnable<T: Send>(_: T) {}
        fn both(registries: &Registries, repository: &Repository, what: (&BlobPush, &Task)) {
            let (blob, task) = what;
            spawnable(registries.push_blob(repository, blob, task));
            spawnable(registries.tags(repository));
        }
        let _ = both;
    }
}
