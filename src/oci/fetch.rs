//! Blobs coming in: from a registry into the store, resumed where an earlier try was cut.
//!
//! The network is read on the runtime's threads, hashing and writing happen on a blocking one, with a short queue of
//! larger pieces between them: two downloads keep two cores busy, and each holds a megabyte or so.

use std::mem;

use bytes::Bytes;
use reqwest::Client;
use reqwest::header::RANGE;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::artifact::{Digest, Repository, VerifyError};
use crate::limits;
use crate::net::{Answer, Tries};
use crate::oci::error::{OciError, Place};
use crate::oci::store::{Partial, Store, StoreError};
use crate::oci::token::Scopes;
use crate::oci::wire::{Registries, is_own};
use crate::report::Task;

/// How one try ended.
enum Outcome {
    /// All announced bytes are there.
    Whole,
    /// The connection broke or the server had a bad moment; what is there stays good.
    Cut(Box<OciError>),
    /// What came cannot be right: begin again at zero, once.
    Wrong(Box<OciError>),
}

/// A blob on its way: what it is, and how far it was reported.
struct Job<'a> {
    place: Box<Place>,
    size_bytes: u64,
    task: &'a Task,
    reported_bytes: u64,
}

impl Job<'_> {
    /// Reports progress. After a fresh start nothing is reported until the old mark is passed.
    fn reached(&mut self, offset_bytes: u64) {
        if offset_bytes > self.reported_bytes {
            self.task.advance(offset_bytes - self.reported_bytes);
            self.reported_bytes = offset_bytes;
        }
    }

    fn damaged(&self, source: VerifyError) -> OciError {
        OciError::Damaged { place: self.place.clone(), source }
    }
}

impl Registries {
    /// Gets a blob into the store, unless it is there. The task advances by its size in all.
    #[expect(clippy::too_many_arguments, reason = "from where, what, and to where")]
    pub async fn fetch_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        size_bytes: u64,
        store: &Store,
        task: &Task,
    ) -> Result<(), OciError> {
        let place = Place::new(repository, digest);
        if size_bytes > limits::BLOB_BYTES_MAX {
            return Err(OciError::Large { place, bytes_max: limits::BLOB_BYTES_MAX });
        }
        let mut job = Job { place, size_bytes, task, reported_bytes: 0 };
        if store.has(digest, size_bytes) {
            job.reached(size_bytes);
            return Ok(());
        }
        let begin = || {
            let (store, digest) = (store.clone(), *digest);
            blocking(move || store.begin(&digest, size_bytes))
        };
        let mut partial = begin().await??;
        job.reached(partial.offset());
        let mut tries = Tries::new();
        let mut last_chance = false;
        loop {
            let before_bytes = partial.offset();
            let (back, outcome) = self.fetch_once(&mut job, partial).await?;
            partial = back;
            let outcome = match outcome {
                Outcome::Whole => match blocking(move || partial.finish()).await? {
                    Ok(()) => return Ok(()),
                    Err(StoreError::Damaged { source, .. }) => {
                        partial = begin().await??;
                        Outcome::Wrong(Box::new(job.damaged(source)))
                    }
                    Err(error) => return Err(error.into()),
                },
                other => other,
            };
            match outcome {
                Outcome::Wrong(error) if last_chance => return Err(*error),
                Outcome::Wrong(_) => {
                    last_chance = true;
                    partial.restart()?;
                }
                Outcome::Cut(error) => {
                    if partial.offset() >= before_bytes + limits::PROGRESS_BYTES_MIN {
                        tries = Tries::new();
                    }
                    let Some(wait) = tries.next(None) else { return Err(*error) };
                    let host = job.place.repository.host();
                    let rest = self.network().rest(host, None, wait);
                    rest.await.map_err(OciError::net(&job.place))?;
                }
                Outcome::Whole => {}
            }
        }
    }

    /// One request, and what it brings appended to what is there.
    async fn fetch_once(
        &self,
        job: &mut Job<'_>,
        mut partial: Partial,
    ) -> Result<(Partial, Outcome), OciError> {
        let offset_bytes = partial.offset();
        if offset_bytes == job.size_bytes {
            return Ok((partial, Outcome::Whole));
        }
        let url = self.url(&job.place, &format!("blobs/{}", job.place.reference))?;
        let make = |client: &Client| {
            let request = client.get(url.clone());
            if offset_bytes == 0 {
                request
            } else {
                request.header(RANGE, format!("bytes={offset_bytes}-"))
            }
        };
        let (answer, _) = self.ask(&job.place, Scopes::pull(&job.place), &make).await?;
        let status = answer.status().as_u16();
        match status {
            200 => {
                if let Some(got) = answer.length().filter(|got| *got != job.size_bytes) {
                    let error = job.damaged(other_size(job.size_bytes, got));
                    return Ok(wrong(partial, error));
                }
                // The whole blob again: this server knows no ranges.
                if offset_bytes > 0 {
                    partial.restart()?;
                }
            }
            206 => {
                let told = answer.header("content-range").and_then(content_range);
                if told.is_none_or(|(first, _)| first != offset_bytes) {
                    let what = "another range than asked for";
                    return Ok(wrong(partial, OciError::protocol(&job.place, what)));
                }
                if let Some((_, Some(total))) = told
                    && total != job.size_bytes
                {
                    let error = job.damaged(other_size(job.size_bytes, total));
                    return Ok(wrong(partial, error));
                }
            }
            416 if offset_bytes > 0 => {
                let source = VerifyError::Short { want: job.size_bytes, got: offset_bytes };
                let error = job.damaged(source);
                return Ok(wrong(partial, error));
            }
            _ => {
                let foreign = !is_own(answer.full_url(), &url);
                let scopes = Scopes::pull(&job.place);
                let error = self.failure_of(&job.place, &scopes, answer).await;
                // The signed URL of a storage service has run out: the registry gives a new one.
                return if foreign && matches!(status, 400 | 401 | 403) {
                    Ok((partial, Outcome::Cut(Box::new(error))))
                } else {
                    Err(error)
                };
            }
        }
        self.receive(job, partial, answer).await
    }

    /// Moves the body into the partial blob.
    async fn receive(
        &self,
        job: &mut Job<'_>,
        mut partial: Partial,
        mut answer: Answer,
    ) -> Result<(Partial, Outcome), OciError> {
        let mut done_bytes = partial.offset();
        let (sender, mut receiver) = mpsc::channel::<Vec<Bytes>>(limits::TRANSFER_CHUNKS_MAX);
        let writer = spawn_blocking(move || {
            while let Some(pieces) = receiver.blocking_recv() {
                for piece in pieces {
                    if let Err(error) = partial.write(&piece) {
                        return (partial, Err(error));
                    }
                }
            }
            (partial, Ok(()))
        });
        let mut batch = Vec::new();
        let mut batch_bytes = 0;
        let cut = loop {
            let piece = match answer.chunk().await {
                Ok(piece) => piece,
                Err(error) => break Some(error),
            };
            let Some(piece) = piece else { break None };
            batch_bytes += piece.len();
            batch.push(piece);
            if batch_bytes >= limits::TRANSFER_CHUNK_BYTES {
                done_bytes += batch_bytes as u64;
                batch_bytes = 0;
                // Closed means that the writer has given up; it says why below.
                if sender.send(mem::take(&mut batch)).await.is_err() {
                    break None;
                }
                job.reached(done_bytes.min(job.size_bytes));
            }
        };
        drop(answer);
        let _ = sender.send(batch).await;
        drop(sender);
        let (partial, written) = writer.await.map_err(|_| stopped())?;
        match written {
            Ok(()) => {}
            Err(StoreError::Damaged { source, .. }) => {
                let error = job.damaged(source);
                return Ok(wrong(partial, error));
            }
            Err(error) => return Err(error.into()),
        }
        job.reached(partial.offset());
        if partial.offset() == job.size_bytes {
            return Ok((partial, Outcome::Whole));
        }
        let short = VerifyError::Short { want: job.size_bytes, got: partial.offset() };
        let error = cut.map_or_else(|| job.damaged(short), OciError::net(&job.place));
        Ok((partial, Outcome::Cut(Box::new(error))))
    }
}

fn wrong(partial: Partial, error: OciError) -> (Partial, Outcome) {
    (partial, Outcome::Wrong(Box::new(error)))
}

fn other_size(want: u64, got: u64) -> VerifyError {
    if got < want { VerifyError::Short { want, got } } else { VerifyError::Long { want } }
}

/// First byte and total size of `Content-Range: bytes 5-9/10` (RFC 9110 section 14.4).
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    let first = range.split_once('-')?.0.trim().parse().ok()?;
    Some((first, total.trim().parse().ok()))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, OciError> {
    spawn_blocking(work).await.map_err(|_| stopped())
}

/// The runtime was shut down under a blob.
fn stopped() -> OciError {
    OciError::Store(StoreError::Io {
        path: "partial".into(),
        source: std::io::Error::new(std::io::ErrorKind::Interrupted, "stopped"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_content_ranges() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for bad in [
            "",
            "bytes",
            "bytes */10",
            "lines 1-2/3",
            "bytes -/",
            "bytes 9999999999999999999999-/1",
        ] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }
}
