//! The values that templates see: Go's, as far as charts can make them.
//!
//! Maps have reference semantics, as in Go: `set` on one is seen by everybody who holds it. Lists are never changed in place
//! by any function of Sprig, so they are shared and immutable.

use std::fmt;
use std::rc::Rc;

use crate::template::{Fault, Host, Map, MapKind};

/// A value.
#[derive(Clone)]
pub enum Value {
    /// Go's nil: a key that is not there, a null.
    Nil,
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `int64`: what arithmetic of Sprig gives.
    Int64(i64),
    /// `float64`: every number of a values file.
    Float(f64),
    /// `string` that is UTF-8, which nearly all are.
    Text(Rc<str>),
    /// `string` or `[]byte` that is not UTF-8: a file's content, the outcome of `b64dec`.
    Bytes(Rc<[u8]>),
    /// A slice.
    List(Rc<List>),
    /// A map with texts as keys.
    Map(Rc<Map>),
    /// Anything with methods: `.Files`, `.Capabilities.APIVersions`, a time, a semantic version.
    Object(Rc<dyn Object>),
}

/// A slice and the type of its elements.
#[derive(Clone, Debug)]
pub struct List {
    /// Type of the elements, for `typeOf` and for what a missing one is.
    pub of: Element,
    /// The elements.
    pub items: Vec<Value>,
}

/// Type of a slice's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `interface {}`.
    Any,
    /// `string`.
    Text,
    /// `int`.
    Int,
}

/// Go's kinds (`reflect.Kind`), by the names that `kindOf` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No value at all.
    Invalid,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `int64`.
    Int64,
    /// `float64`.
    Float64,
    /// `string`.
    String,
    /// `slice`.
    Slice,
    /// `map`.
    Map,
    /// `struct`.
    Struct,
    /// `ptr`.
    Ptr,
}

/// A value can nest deeper than any stack, so nested ones are taken apart one after the other.
impl Drop for List {
    fn drop(&mut self) {
        take_apart(std::mem::take(&mut self.items));
    }
}

/// Drops values without recursion.
pub(super) fn take_apart(mut values: Vec<Value>) {
    while let Some(value) = values.pop() {
        match value {
            Value::List(list) => {
                if let Some(mut list) = Rc::into_inner(list) {
                    values.append(&mut list.items);
                }
            }
            Value::Map(map) => {
                if let Some(map) = Rc::into_inner(map) {
                    map.give_up(&mut values);
                }
            }
            _ => {}
        }
    }
}

/// A value with methods or fields of its own.
pub trait Object: fmt::Debug {
    /// Go's name of the type, `%T`: `time.Time`, `engine.files`.
    fn type_name(&self) -> &'static str;
    /// Its kind.
    fn kind(&self) -> Kind;
    /// A field, or for a kind of map the value under a key; `None` when there is no such field or key.
    fn field(&self, name: &str) -> Option<Value>;
    /// Calls a method; `None` when there is no such method. A method without arguments is also called as a field.
    fn call(
        &self,
        host: &mut dyn Host,
        method: &str,
        args: &[Value],
    ) -> Option<Result<Value, Fault>>;
    /// What `print` shows.
    fn print(&self) -> String;
    /// Whether `if` takes it for true.
    fn truth(&self) -> bool {
        true
    }
    /// What `range` goes over, in order, when it is a kind of map or slice.
    fn entries(&self) -> Option<Vec<(Value, Value)>> {
        None
    }
    /// The concrete type, for functions that know it.
    fn as_any(&self) -> &dyn std::any::Any;
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// A text from bytes that may be no UTF-8.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::text(text),
            Err(error) => Self::Bytes(error.into_bytes().into()),
        }
    }

    /// `[]interface {}`.
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Rc::new(List { of: Element::Any, items }))
    }

    /// `[]string`.
    pub fn texts<T: Into<Rc<str>>>(items: impl IntoIterator<Item = T>) -> Self {
        let items = items.into_iter().map(Self::text).collect();
        Self::List(Rc::new(List { of: Element::Text, items }))
    }

    /// `map[string]interface {}`.
    pub fn map<K: Into<Rc<str>>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(Rc::new(Map::of(
            MapKind::Any,
            entries.into_iter().map(|(key, value)| (key.into(), value)),
        )))
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Nil => Kind::Invalid,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Int64(_) => Kind::Int64,
            Self::Float(_) => Kind::Float64,
            Self::Text(_) | Self::Bytes(_) => Kind::String,
            Self::List(_) => Kind::Slice,
            Self::Map(_) => Kind::Map,
            Self::Object(object) => object.kind(),
        }
    }

    /// Go's name of its type, `%T`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Float(_) => "float64",
            Self::Text(_) | Self::Bytes(_) => "string",
            Self::List(list) => match list.of {
                Element::Any => "[]interface {}",
                Element::Text => "[]string",
                Element::Int => "[]int",
            },
            Self::Map(map) => map.kind().type_name(),
            Self::Object(object) => object.type_name(),
        }
    }

    /// Whether `if` takes it for true (`text/template.IsTrue`).
    pub fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) | Self::Int64(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Object(object) => object.truth(),
        }
    }

    /// The text, when it is one that is UTF-8.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes of a text of either form.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The map, when it is one.
    pub fn as_map(&self) -> Option<&Rc<Map>> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The elements, when it is a slice.
    pub fn as_items(&self) -> Option<&[Self]> {
        match self {
            Self::List(list) => Some(&list.items),
            _ => None,
        }
    }

    /// The object of a given type, when it is one.
    pub fn as_object<T: 'static>(&self) -> Option<&T> {
        match self {
            Self::Object(object) => object.as_any().downcast_ref(),
            _ => None,
        }
    }

    /// Whether it is nil.
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }
}

impl Kind {
    /// The name that `kindOf` gives.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Float64 => "float64",
            Self::String => "string",
            Self::Slice => "slice",
            Self::Map => "map",
            Self::Struct => "struct",
            Self::Ptr => "ptr",
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => write!(f, "nil"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) | Self::Int64(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => write!(f, "{bytes:?}"),
            Self::List(list) => f.debug_list().entries(&list.items).finish(),
            Self::Map(map) => map.fmt(f),
            Self::Object(object) => object.fmt(f),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}
