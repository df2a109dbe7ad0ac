//! Events: how a room says what it is doing. Names no other room, prints nothing.
//!
//! Rooms are handed a [`Report`] and call it; only the command line has a face for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A new phase of the verb, such as "fetching 20 images".
    Phase(String),
    /// A task with a known or unknown number of bytes began.
    Begin {
        /// Which task, for the two events that follow.
        task: u64,
        /// What it is about, for people.
        what: String,
        /// Bytes to move, when known.
        size_bytes: Option<u64>,
    },
    /// Some bytes of a task are done.
    Advance {
        /// Which task.
        task: u64,
        /// How many bytes more.
        bytes: u64,
    },
    /// A task ended.
    End {
        /// Which task.
        task: u64,
    },
    /// A fact that a person may want to know.
    Note(String),
    /// Something that a person should look at.
    Warning(String),
    /// A durable step was finished. Fault tests stop the process at these.
    Checkpoint(&'static str),
}

/// `1 blob`, `2 blobs`: a number and its noun, as events and results say them.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Takes events. Must not block for long: it is called from the hot path.
pub trait Sink: Send + Sync {
    /// Takes one event.
    fn event(&self, event: Event);
}

/// The handle that rooms are given. Cheap to clone.
#[derive(Clone)]
pub struct Report {
    sink: Arc<dyn Sink>,
    next: Arc<AtomicU64>,
}

impl Report {
    /// Sends events to a sink.
    pub fn new(sink: Arc<dyn Sink>) -> Self {
        Self { sink, next: Arc::new(AtomicU64::new(1)) }
    }

    /// Sends events nowhere.
    pub fn silent() -> Self {
        struct Nowhere;
        impl Sink for Nowhere {
            fn event(&self, _: Event) {}
        }
        Self::new(Arc::new(Nowhere))
    }

    /// Says that a new phase begins.
    pub fn phase(&self, what: impl Into<String>) {
        self.sink.event(Event::Phase(what.into()));
    }

    /// Says a fact.
    pub fn note(&self, what: impl Into<String>) {
        self.sink.event(Event::Note(what.into()));
    }

    /// Says that something deserves a look.
    pub fn warn(&self, what: impl Into<String>) {
        self.sink.event(Event::Warning(what.into()));
    }

    /// Says that a durable step is done.
    pub fn checkpoint(&self, name: &'static str) {
        self.sink.event(Event::Checkpoint(name));
    }

    /// Begins a task; it ends when the returned value is dropped.
    pub fn task(&self, what: impl Into<String>, size_bytes: Option<u64>) -> Task {
        let task = self.next.fetch_add(1, Ordering::Relaxed);
        self.sink.event(Event::Begin { task, what: what.into(), size_bytes });
        Task { sink: Arc::clone(&self.sink), task }
    }
}

/// A task under way.
pub struct Task {
    sink: Arc<dyn Sink>,
    task: u64,
}

impl Task {
    /// Says that some more bytes are done.
    pub fn advance(&self, bytes: u64) {
        self.sink.event(Event::Advance { task: self.task, bytes });
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.sink.event(Event::End { task: self.task });
    }
}
