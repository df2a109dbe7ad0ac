//! The body of a push: commands from memory, then a pack from wherever it is, in pieces.
//!
//! The last piece is held back until the reader has reported a clean end, because that is when its digest is proven:
//! a pack that turns out to be damaged never reaches the server as a whole.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use futures_util::stream;
use reqwest::Body;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::git::bundle_file::ObjectFormat;
use crate::limits;

/// Bytes of one piece.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces that are read ahead.
const PIECES_AHEAD: usize = 4;
/// A pack of version 2 without objects, and its SHA-1.
const EMPTY_PACK_SHA1: &[u8] =
    b"PACK\0\0\0\x02\0\0\0\0\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";

type Open = dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync;

/// A pack that can be read from its beginning as often as it takes.
#[derive(Clone)]
pub struct PackSource {
    open: Arc<Open>,
    size_bytes: Option<u64>,
}

impl PackSource {
    /// Takes a function that opens the pack, and its length in bytes when that is known. A reader that proves a digest
    /// has to do so before it reports the end.
    pub fn new<F>(size_bytes: Option<u64>, open: F) -> Self
    where
        F: Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync + 'static,
    {
        Self { open: Arc::new(open), size_bytes }
    }
}

/// How far the sending is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not begun, or waiting to begin again.
    Idle,
    /// Pieces are being taken.
    Sending,
    /// The server has it all.
    Sent,
}

struct State {
    stage: Stage,
    /// When the stage or the count changed last.
    since: Instant,
    /// Bytes of this try.
    bytes: u64,
    /// Bytes of the try that got furthest.
    bytes_most: u64,
    failure: Option<io::Error>,
}

/// A body that can be made anew for each try.
pub(super) struct Upload {
    head: Bytes,
    pack: Option<PackSource>,
    state: Arc<Mutex<State>>,
}

/// Looks at an upload from outside.
pub(super) struct Watch {
    state: Arc<Mutex<State>>,
    told: u64,
}

impl Upload {
    /// Puts the commands before the pack.
    pub(super) fn new(head: Vec<u8>, pack: Option<PackSource>) -> Self {
        let state = State {
            stage: Stage::Idle,
            since: Instant::now(),
            bytes: 0,
            bytes_most: 0,
            failure: None,
        };
        Self { head: head.into(), pack, state: Arc::new(Mutex::new(state)) }
    }

    /// Adds a pack without objects: a server waits for one whenever a ref is made or moved.
    pub(super) fn with_empty_pack(mut self, format: ObjectFormat) -> Self {
        let header = EMPTY_PACK_SHA1.get(..12).unwrap_or_default();
        let pack = match format {
            ObjectFormat::Sha1 => EMPTY_PACK_SHA1.to_vec(),
            ObjectFormat::Sha256 => {
                use sha2::Digest as _;
                [header, sha2::Sha256::digest(header).as_slice()].concat()
            }
        };
        self.head = [&self.head, pack.as_slice()].concat().into();
        self
    }

    /// The length of the body, when it is known.
    pub(super) fn size_bytes(&self) -> Option<u64> {
        let head = self.head.len() as u64;
        match &self.pack {
            Some(pack) => pack.size_bytes.map(|size| size + head),
            None => Some(head),
        }
    }

    /// The body. Nothing is opened before its first piece is asked for.
    pub(super) fn body(&self) -> Body {
        let (head, pack) = (self.head.clone(), self.pack.clone());
        let Some(pack) = pack else { return Body::from(head) };
        let begin = Begin { head, pack, state: Arc::clone(&self.state) };
        let pieces = stream::unfold(Pieces::Waiting(begin), |pieces| async {
            let mut from = match pieces {
                Pieces::Waiting(begin) => begin.start(),
                Pieces::Coming(from) => from,
            };
            from.recv().await.map(|piece| (piece, Pieces::Coming(from)))
        });
        Body::wrap_stream(pieces)
    }

    /// Looks at it from outside.
    pub(super) fn watch(&self) -> Watch {
        Watch { state: Arc::clone(&self.state), told: 0 }
    }

    /// Why the pack could not be read, if that is what went wrong.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failure.take()
    }
}

impl Watch {
    /// Bytes sent since it was asked last. What is sent again after a failure does not count twice.
    pub(super) fn fresh_bytes(&mut self) -> u64 {
        let most = self.state.lock().unwrap_or_else(PoisonError::into_inner).bytes_most;
        let fresh = most.saturating_sub(self.told);
        self.told += fresh;
        fresh
    }

    /// For how long nothing has happened, when that is too long.
    pub(super) fn silent_seconds(&self) -> Option<u64> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let silence_max = match state.stage {
            Stage::Idle => return None,
            Stage::Sending => limits::SILENCE_MAX,
            Stage::Sent => limits::GIT_UNPACK_TIME_MAX,
        };
        let silence = state.since.elapsed();
        (silence > silence_max).then_some(silence.as_secs())
    }

    /// Whether the pack could not be read.
    pub(super) fn failed(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failure.is_some()
    }
}

enum Pieces {
    Waiting(Begin),
    Coming(Receiver<io::Result<Bytes>>),
}

struct Begin {
    head: Bytes,
    pack: PackSource,
    state: Arc<Mutex<State>>,
}

impl Begin {
    fn start(self) -> Receiver<io::Result<Bytes>> {
        let (to, from) = channel(PIECES_AHEAD);
        // It ends by itself: with the pack, or when nobody takes pieces any more.
        drop(tokio::task::spawn_blocking(move || self.feed(&to)));
        from
    }

    fn feed(&self, to: &Sender<io::Result<Bytes>>) {
        self.enter(Stage::Sending);
        match self.copy(to) {
            Ok(true) => self.enter(Stage::Sent),
            Ok(false) => self.enter(Stage::Idle),
            Err(error) => {
                let said = io::Error::new(error.kind(), "the pack could not be read");
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.failure.get_or_insert(error);
                drop(state);
                let _ = to.blocking_send(Err(said));
            }
        }
    }

    /// True when all of it was taken; false when the other side has gone.
    fn copy(&self, to: &Sender<io::Result<Bytes>>) -> io::Result<bool> {
        let mut reader = (self.pack.open)()?;
        if !self.give(to, self.head.clone()) {
            return Ok(false);
        }
        let (mut held, mut read) = (None, 0);
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            let count = (&mut reader).take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
            if count == 0 {
                break;
            }
            read += count as u64;
            if let Some(before) = held.replace(Bytes::from(piece))
                && !self.give(to, before)
            {
                return Ok(false);
            }
        }
        if self.pack.size_bytes.is_some_and(|size| size != read) {
            let what = "the pack has another length than was said";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(held.is_none_or(|last| self.give(to, last)))
    }

    fn give(&self, to: &Sender<io::Result<Bytes>>, piece: Bytes) -> bool {
        let count = piece.len() as u64;
        if to.blocking_send(Ok(piece)).is_err() {
            return false;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.bytes += count;
        state.bytes_most = state.bytes_most.max(state.bytes);
        state.since = Instant::now();
        true
    }

    fn enter(&self, stage: Stage) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if stage == Stage::Sending {
            state.bytes = 0;
        }
        state.stage = stage;
        state.since = Instant::now();
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    fn pieces(pack: PackSource) -> (Vec<Bytes>, bool) {
        let upload = Upload::new(b"head".to_vec(), Some(pack.clone()));
        let (to, mut from) = channel(1000);
        let begin = Begin { head: upload.head.clone(), pack, state: Arc::clone(&upload.state) };
        begin.feed(&to);
        drop(to);
        let mut all = Vec::new();
        while let Some(piece) = from.blocking_recv() {
            all.extend(piece);
        }
        (all, upload.failure().is_some())
    }

    #[test]
    fn a_damaged_pack_is_never_sent_whole() {
        struct Damaged(usize);
        impl Read for Damaged {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if self.0 == 0 {
                    return Err(io::Error::other("wrong digest"));
                }
                let count = buffer.len().min(self.0);
                self.0 -= count;
                Ok(count)
            }
        }
        for size in [1, PIECE_BYTES, PIECE_BYTES * 3 + 1] {
            let damaged = PackSource::new(Some(size as u64), move || Ok(Box::new(Damaged(size))));
            let (sent, failed) = pieces(damaged);
            let sent: usize = sent.iter().map(Bytes::len).sum();
            assert!(failed && sent < size + 4, "{size}: {sent}");
        }
        let short = PackSource::new(Some(10), || Ok(Box::new(&b"123"[..])));
        assert!(pieces(short).1);
        let whole = PackSource::new(None, || Ok(Box::new(&b"123"[..])));
        assert_eq!(pieces(whole), (vec![Bytes::from("head"), Bytes::from("123")], false));
    }
}
