//! What a word of a pipeline stands for while it is evaluated, and where evaluation stands.

use std::fmt;

use crate::template::{Command, Fault, Node, NodeKind, Pipe, Pos, Value};

/// A value, and whether Go holds it as an `interface {}`.
///
/// What comes out of a `map[string]interface {}` or a `[]interface {}` does, until it has been through a pipeline. The difference
/// shows with nil alone: a field of a nil that Go holds as an interface is an error, a field of no value at all is no value.
#[derive(Clone)]
pub(super) struct Operand {
    pub(super) value: Value,
    pub(super) boxed: bool,
}

impl Operand {
    /// A value as itself.
    pub(super) fn plain(value: Value) -> Self {
        Self { value, boxed: false }
    }

    /// A value as an `interface {}`.
    pub(super) fn boxed(value: Value) -> Self {
        Self { value, boxed: true }
    }

    /// Go's name of the type that the place it came from has.
    pub(super) fn type_name(&self) -> &'static str {
        if self.boxed { "interface {}" } else { self.value.type_name() }
    }
}

/// What the command before gave, and that command.
pub(super) struct Last<'t> {
    pub(super) value: Value,
    pub(super) from: &'t Command,
}

/// What the first word of a command is given: its words, itself included, and what the command before gave.
pub(super) struct Given<'d, 't> {
    pub(super) dot: &'d Operand,
    pub(super) words: &'t [Node],
    pub(super) last: Option<Last<'t>>,
}

impl<'d, 't> Given<'d, 't> {
    /// A word that stands alone.
    pub(super) fn nothing(dot: &'d Operand) -> Self {
        Self { dot, words: &[], last: None }
    }

    /// The arguments.
    pub(super) fn arguments(&self) -> &'t [Node] {
        self.words.get(1..).unwrap_or_default()
    }

    /// Whether there is any argument.
    pub(super) fn has_arguments(&self) -> bool {
        self.words.len() > 1 || self.last.is_some()
    }

    /// How many arguments there are.
    pub(super) fn count(&self) -> usize {
        self.arguments().len() + usize::from(self.last.is_some())
    }
}

/// Where evaluation stands, for errors.
#[derive(Clone, Copy)]
pub(super) enum At<'t> {
    Nothing,
    Node(&'t Node),
    Pipe(&'t Pipe),
    Command(&'t Command),
}

impl<'t> At<'t> {
    /// At a node. Go has one node for a pipeline in parentheses.
    pub(super) fn node(node: &'t Node) -> Self {
        match &node.kind {
            NodeKind::Pipe(pipe) => Self::Pipe(pipe),
            _ => Self::Node(node),
        }
    }

    /// Where Go stands after it evaluated an argument: at its last word.
    pub(super) fn after(node: &'t Node) -> Self {
        let mut node = node;
        while let NodeKind::Pipe(pipe) = &node.kind {
            let Some(command) = pipe.commands.last() else { return Self::Pipe(pipe) };
            match (command.words.first(), command.words.last()) {
                (Some(first), Some(last)) if matches!(first.kind, NodeKind::Identifier(_)) => {
                    node = last;
                }
                (Some(first), _) => node = first,
                _ => return Self::Pipe(pipe),
            }
        }
        Self::Node(node)
    }

    /// Where it is in the text.
    pub(super) fn pos(&self) -> Pos {
        match self {
            Self::Nothing => 0,
            Self::Node(node) => node.pos,
            Self::Pipe(pipe) => pipe.pos,
            Self::Command(command) => command.pos,
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Node(node) => node.fmt(f),
            Self::Pipe(pipe) => pipe.fmt(f),
            Self::Command(command) => command.fmt(f),
        }
    }
}

/// The words for an argument of a wrong type, which depend on how it is written (`evalArg` and what it calls).
pub(super) fn wrong_argument(node: Option<&Node>, expected: &str, got: Option<&str>) -> Fault {
    let Some(node) = node else { return Fault::said(mismatch(expected, got)) };
    let noun = match expected {
        "string" | "bool" => Some(expected),
        "int" | "int64" => Some("integer"),
        "float64" => Some("float"),
        _ => None,
    };
    let words = match (&node.kind, noun) {
        (NodeKind::Nil, _) => format!("cannot assign nil to {expected}"),
        (NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::Quoted { .. }, Some(noun)) => {
            format!("expected {noun}; found {node}")
        }
        (NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::Quoted { .. }, None) => {
            format!("can't handle {node} for arg of type {expected}")
        }
        // Straight out of a map, nil is an interface that holds nothing.
        (NodeKind::Field(_) | NodeKind::Chain { .. }, _) => {
            mismatch(expected, Some(got.unwrap_or("interface {}")))
        }
        (NodeKind::Variable(names), _) if names.len() > 1 => {
            mismatch(expected, Some(got.unwrap_or("interface {}")))
        }
        _ => mismatch(expected, got),
    };
    Fault::said(words)
}

/// The words for a value of a wrong type (`validateType`).
fn mismatch(expected: &str, got: Option<&str>) -> String {
    match got {
        None => format!("invalid value; expected {expected}"),
        Some(got) => format!("wrong type for value; expected {expected}; got {got}"),
    }
}
