//! Blobs on their way into the store, as the packer sees them: opening one waits until it is there.
//!
//! So packing begins with the first blob and not after the last, and both use the machine at the same time.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::artifact::Digest;
use crate::bundle::BlobSource;
use crate::oci::{Opened, Store};

/// What is still on its way.
pub(super) struct Arrivals {
    store: Store,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    expected: BTreeSet<Digest>,
    given_up: bool,
}

impl Arrivals {
    /// Expects these blobs; all others are in the store.
    pub(super) fn new(store: Store, expected: BTreeSet<Digest>) -> Self {
        let state = Mutex::new(State { expected, given_up: false });
        Self { store, state, changed: Condvar::new() }
    }

    /// A blob is in the store.
    pub(super) fn arrived(&self, digest: &Digest) {
        self.state().expected.remove(digest);
        self.changed.notify_all();
    }

    /// What has not arrived will not: whoever waits for it is told.
    pub(super) fn give_up(&self) {
        self.state().given_up = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlobSource for Arrivals {
    fn open(&self, digest: &Digest, _: u64) -> io::Result<Opened> {
        let mut state = self.state();
        while state.expected.contains(digest) {
            if state.given_up {
                return Err(io::Error::other("it was not fetched"));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        self.store.open_blob(digest)
    }
}

/// Gives up when it is dropped, so that no packer waits for a fetch that was cancelled.
pub(super) struct Guard<'a>(pub(super) &'a Arrivals);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_waits_for_the_arrival_or_for_the_end_of_hope() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let store = Store::open(dir.path()).expect("store");
        let (here, late, never) = (Digest::of(b"here"), Digest::of(b"late"), Digest::of(b"never"));
        store.put(b"here").expect("put");
        let arrivals = Arrivals::new(store.clone(), [late, never].into());
        assert!(arrivals.open(&here, 4).is_ok());
        std::thread::scope(|scope| {
            let late = scope.spawn(|| arrivals.open(&late, 4).map(|_| ()));
            let never = scope.spawn(|| arrivals.open(&never, 5).map(|_| ()));
            store.put(b"late").expect("put");
            arrivals.arrived(&Digest::of(b"late"));
            late.join().expect("no panic").expect("arrived");
            drop(Guard(&arrivals));
            assert!(never.join().expect("no panic").is_err());
        });
    }
}
