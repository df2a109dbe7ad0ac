//! Functions that templates call, and what they may ask of the engine that runs them.

use std::collections::HashMap;
use std::fmt;

use crate::template::{Kind, Map, Value};

/// What a function may ask of the engine. Functions reach nothing else: no clock, no chance, no network.
pub trait Host {
    /// Executes a named template over data (`include`).
    fn include(&mut self, name: &str, data: &Value) -> Result<String, Fault>;
    /// Parses and executes a text as a template, with all named templates at hand (`tpl`).
    fn tpl(&mut self, text: &str, data: &Value) -> Result<String, Fault>;
    /// Something that the chart cannot do without is missing (`required`, `fail`). An error, or, when the person allowed
    /// placeholders or all demands are being collected, a text to go on with.
    fn demand(&mut self, message: &str) -> Result<Value, Fault>;
    /// Counts work and memory against the bounds of this run; about one unit a byte made or an element looked at. To be called
    /// before anything whose size is chosen by the template: `repeat`, `until`, `indent`.
    fn spend(&mut self, units: u64) -> Result<(), Fault>;
    /// The next number of a sequence that a seed decides: a lock must be reproducible.
    fn random(&mut self) -> u64;
    /// Seconds since 1970 that count as now; fixed for a run.
    fn now(&self) -> i64;
}

/// Why a function or a template stopped.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The function's own words: Go's `error`.
    Said(String),
    /// An argument is of a wrong type. The engine knows how it is written, and says where.
    Argument {
        /// Which one, from 0.
        at: usize,
        /// Go's name of the type that the function takes.
        expected: &'static str,
        /// Go's name of its type; `None` for no value.
        got: Option<&'static str>,
    },
    /// What `required` or `fail` said.
    Demand(String),
    /// A bound of [`crate::limits`] was reached. Nothing catches it.
    Bound(&'static str),
    /// A template that was included failed: its whole error.
    Template(Box<crate::template::ExecError>),
}

impl Fault {
    /// Go's words for a method that was called with another number of arguments than it takes.
    pub fn count(method: &str, want: usize, got: usize) -> Self {
        Self::said(format!("wrong number of args for {method}: want {want} got {got}"))
    }

    /// A function's own words.
    pub fn said(words: impl Into<String>) -> Self {
        Self::Said(words.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(words) | Self::Demand(words) => f.write_str(words),
            Self::Argument { expected, got: None, .. } => {
                write!(f, "invalid value; expected {expected}")
            }
            Self::Argument { expected, got: Some(got), .. } => {
                write!(f, "wrong type for value; expected {expected}; got {got}")
            }
            Self::Bound(what) => write!(f, "more than haversack allows: {what}"),
            Self::Template(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Fault {}

/// How many arguments a function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arity {
    /// At least.
    pub min: usize,
    /// At most; `None` for variadic functions.
    pub max: Option<usize>,
}

/// A function that templates can call. The engine checks the arity before it calls.
#[derive(Clone, Copy)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How many arguments it takes.
    pub arity: Arity,
    /// What it does.
    pub run: fn(&mut dyn Host, Args<'_>) -> Result<Value, Fault>,
}

impl Function {
    /// A function of exactly so many arguments.
    pub const fn fixed(
        name: &'static str,
        count: usize,
        run: fn(&mut dyn Host, Args<'_>) -> Result<Value, Fault>,
    ) -> Self {
        Self { name, arity: Arity { min: count, max: Some(count) }, run }
    }

    /// A function of at least so many arguments.
    pub const fn variadic(
        name: &'static str,
        min: usize,
        run: fn(&mut dyn Host, Args<'_>) -> Result<Value, Fault>,
    ) -> Self {
        Self { name, arity: Arity { min, max: None }, run }
    }
}

/// All functions of a set of templates, by name.
#[derive(Clone, Default)]
pub struct Functions(HashMap<&'static str, Function>);

impl Functions {
    /// Adds functions; a later one of the same name replaces the earlier one.
    #[must_use]
    pub fn with(mut self, functions: &[Function]) -> Self {
        self.0.extend(functions.iter().map(|function| (function.name, *function)));
        self
    }

    /// The function of a name.
    pub fn get(&self, name: &str) -> Option<&Function> {
        self.0.get(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.0.keys().copied().collect();
        names.sort_unstable();
        names
    }
}

/// The arguments of one call. The getters fail with the words that Go has for an argument of a wrong type.
#[derive(Clone, Copy)]
pub struct Args<'a>(pub &'a [Value]);

impl<'a> Args<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An argument of any type; nil when it is not there.
    pub fn any(&self, at: usize) -> &'a Value {
        self.0.get(at).unwrap_or(&Value::Nil)
    }

    /// An argument of type `string`, read as UTF-8; bytes that are none become U+FFFD.
    pub fn text(&self, at: usize) -> Result<std::borrow::Cow<'a, str>, Fault> {
        match self.any(at) {
            Value::Text(text) => Ok(std::borrow::Cow::Borrowed(text)),
            Value::Bytes(bytes) => Ok(String::from_utf8_lossy(bytes)),
            other => Err(wrong(at, other, "string")),
        }
    }

    /// An argument of type `string`, byte by byte.
    pub fn bytes(&self, at: usize) -> Result<&'a [u8], Fault> {
        let value = self.any(at);
        value.as_bytes().ok_or_else(|| wrong(at, value, "string"))
    }

    /// An argument of type `int`: any integer will do.
    pub fn int(&self, at: usize) -> Result<i64, Fault> {
        match self.any(at) {
            Value::Int(value) | Value::Int64(value) => Ok(*value),
            other => Err(wrong(at, other, "int")),
        }
    }

    /// An argument of type `map[string]interface {}`.
    pub fn map(&self, at: usize) -> Result<&'a std::rc::Rc<Map>, Fault> {
        let value = self.any(at);
        value.as_map().ok_or_else(|| wrong(at, value, "map[string]interface {}"))
    }

    /// An argument of type `bool`.
    pub fn bool(&self, at: usize) -> Result<bool, Fault> {
        match self.any(at) {
            Value::Bool(value) => Ok(*value),
            other => Err(wrong(at, other, "bool")),
        }
    }
}

/// An argument of a wrong type (`text/template.validateType`).
fn wrong(at: usize, value: &Value, expected: &'static str) -> Fault {
    let got = (value.kind() != Kind::Invalid).then(|| value.type_name());
    Fault::Argument { at, expected, got }
}
