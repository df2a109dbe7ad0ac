//! Go's `text/template`, and the values that its templates see.
//!
//! The language that Helm charts and ApplicationSets are written in, as Go 1.26 speaks it: what Go prints, this prints; where
//! Go fails, this fails with Go's words. A pure engine: it opens nothing, knows no chart, and every loop, depth and length is
//! bounded, because templates are hostile input. Functions are handed in ([`Functions`]); `sprig` has the library, `helm`
//! joins both. It must never panic.
//!
//! ```text
//! text ─lex→ tokens ─parse→ Node tree ─execute(data, functions)→ text
//! ```

mod builtins;
mod calls;
mod compare;
mod error;
mod escape;
mod eval;
mod exec;
#[cfg(test)]
mod exec_tests;
mod floats;
mod host;
mod hosted;
mod lex;
mod map;
mod node;
mod node_text;
mod number;
mod operand;
mod output;
mod parse;
mod pipeline;
mod print;
mod printer;
mod printf;
mod quote;
mod run;
mod templates;
mod tree;
mod unicode;
mod value;

pub use error::{ExecError, ParseError};
pub use floats::format_float;
pub use host::{Args, Arity, Fault, Function, Functions, Host};
pub use map::{Map, MapKind};
pub use node::{Branch, Command, Node, NodeKind, NumberLiteral, Pipe, Pos};
pub use number::{parse_float, parse_int};
pub use output::Output;
pub use parse::parse;
pub use print::{print_value, sprint, sprintln};
pub use printf::sprintf;
pub use quote::{quote, unquote};
pub use run::{Demand, Demands, PLACEHOLDER, Run, RunOptions};
pub use templates::Templates;
pub use tree::Tree;
pub use value::{Element, Kind, List, Object, Value};
