//! Maps with reference semantics.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use crate::template::Value;
use crate::template::value::take_apart;

/// A map with texts as keys, in the order of the keys' bytes: the order in which Go prints and ranges over maps.
///
/// Held as `Rc<Map>`; whoever holds it sees every change. A cycle cannot be printed without end, because printing is bounded,
/// but it can be made (`set $d "self" $d`), as in Go.
pub struct Map {
    kind: MapKind,
    entries: RefCell<BTreeMap<Rc<str>, Value>>,
}

/// Go's type of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// `map[string]interface {}`.
    Any,
    /// `common.Values`: what `.Values` is.
    Values,
    /// `map[string]string`: a missing key is an empty text.
    Texts,
}

impl MapKind {
    /// Go's name of the type, `%T`.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Any => "map[string]interface {}",
            Self::Values => "common.Values",
            Self::Texts => "map[string]string",
        }
    }
}

impl Map {
    /// A map of a kind, from entries. Of equal keys the last one counts.
    pub fn of(kind: MapKind, entries: impl IntoIterator<Item = (Rc<str>, Value)>) -> Self {
        Self { kind, entries: RefCell::new(entries.into_iter().collect()) }
    }

    /// Its type.
    pub fn kind(&self) -> MapKind {
        self.kind
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.entries.borrow().get(key).cloned()
    }

    /// Whether there is such a key.
    pub fn has(&self, key: &str) -> bool {
        self.entries.borrow().contains_key(key)
    }

    /// Puts a value under a key, for everybody who holds this map.
    pub fn set(&self, key: impl Into<Rc<str>>, value: Value) {
        self.entries.borrow_mut().insert(key.into(), value);
    }

    /// Takes a key away, for everybody who holds this map.
    pub fn unset(&self, key: &str) -> Option<Value> {
        self.entries.borrow_mut().remove(key)
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// Its keys, in order, as they are now.
    pub fn keys(&self) -> Vec<Rc<str>> {
        self.entries.borrow().keys().cloned().collect()
    }

    /// Its entries, in order, as they are now. Cheap: values are shared.
    pub fn entries(&self) -> Vec<(Rc<str>, Value)> {
        self.entries.borrow().iter().map(|(key, value)| (Rc::clone(key), value.clone())).collect()
    }

    /// A look at the entries. Nothing may be set while the look lasts.
    pub fn look(&self) -> Ref<'_, BTreeMap<Rc<str>, Value>> {
        self.entries.borrow()
    }

    /// A copy that shares what its values hold.
    #[must_use]
    pub fn shallow_copy(&self) -> Self {
        Self::of(self.kind, self.entries())
    }
}

impl Map {
    /// Moves its values out, so that dropping it does not recurse.
    pub(super) fn give_up(mut self, values: &mut Vec<Value>) {
        values.extend(std::mem::take(self.entries.get_mut()).into_values());
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        let entries = std::mem::take(self.entries.get_mut());
        take_apart(entries.into_values().collect());
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries.borrow().iter()).finish()
    }
}
