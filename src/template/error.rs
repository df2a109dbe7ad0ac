//! Why a template cannot be parsed or executed, in Go's words.

use std::fmt;

use thiserror::Error;

use crate::template::{Fault, quote};

/// A template that is not sound (`text/template/parse`, `Tree.errorf`).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("template: {template}:{line}: {message}")]
pub struct ParseError {
    /// Name of the template.
    pub template: String,
    /// Line in its text, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// A template that failed while it was executed (`text/template`, `state.errorf`).
#[derive(Clone, Debug)]
pub struct ExecError {
    /// Name of the template's text: the file, for a template that is defined in one.
    pub template: String,
    /// Line in that text, from 1; 0 when no place is known.
    pub line: usize,
    /// Column in bytes, from 0 as Go counts.
    pub column: usize,
    /// Name of the template that was executed, which a `define` may have given.
    pub executing: String,
    /// The node that failed, as Go spells it.
    pub at: String,
    /// What Go says before the cause, `error calling include: `; empty when the message stands alone.
    pub doing: String,
    /// The cause. For a chain of includes: the error of the template that was included.
    pub cause: Fault,
}

impl ExecError {
    /// The innermost error of a chain of includes: where it really happened.
    pub fn innermost(&self) -> &Self {
        match &self.cause {
            Fault::Template(inner) => inner.innermost(),
            _ => self,
        }
    }
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template: ")?;
        if self.line == 0 {
            // Go has no cause for a template that is not there.
            return write!(f, "{}{}{}", self.template, self.doing, self.cause);
        }
        write!(f, "{}:{}:{}: ", self.template, self.line, self.column)?;
        write!(f, "executing {} at <{}>: ", quote(&self.executing), self.at)?;
        write!(f, "{}{}", self.doing, self.cause)
    }
}

impl std::error::Error for ExecError {}
