//! Nodes as Go spells them (`String()` in `text/template/parse/node.go`): what errors show between `<` and `>`.
//!
//! A pipeline that declares is written with its variables, a branch with all that is in it. The parser bounds how deep nodes
//! stand in each other, and so how deep this goes.

use std::fmt::{self, Display};
use std::rc::Rc;

use crate::template::quote::quote;
use crate::template::{Branch, Command, Node, NodeKind, Pipe};

impl Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            NodeKind::List(nodes) => write_all(f, nodes),
            NodeKind::Text(text) => f.write_str(text),
            NodeKind::Action(pipe) => write!(f, "{{{{{pipe}}}}}"),
            NodeKind::If(branch) => write_branch(f, "if", branch),
            NodeKind::Range(branch) => write_branch(f, "range", branch),
            NodeKind::With(branch) => write_branch(f, "with", branch),
            NodeKind::Break => f.write_str("{{break}}"),
            NodeKind::Continue => f.write_str("{{continue}}"),
            NodeKind::Template { name, pipe } => {
                write!(f, "{{{{template {}", quote(name))?;
                if let Some(pipe) = pipe {
                    write!(f, " {pipe}")?;
                }
                f.write_str("}}")
            }
            NodeKind::Pipe(pipe) => pipe.fmt(f),
            NodeKind::Dot => f.write_str("."),
            NodeKind::Nil => f.write_str("nil"),
            NodeKind::Field(names) => write_fields(f, names),
            NodeKind::Variable(names) => f.write_str(&names.join(".")),
            NodeKind::Chain { node, fields } => {
                write_word(f, node)?;
                write_fields(f, fields)
            }
            NodeKind::Identifier(name) => f.write_str(name),
            NodeKind::Bool(value) => write!(f, "{value}"),
            NodeKind::Number(number) => f.write_str(&number.text),
            NodeKind::Quoted { quoted, .. } => f.write_str(quoted),
        }
    }
}

impl Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            let sign = if self.assigns { "=" } else { ":=" };
            write!(f, "{} {sign} ", self.variables.join(", "))?;
        }
        for (at, command) in self.commands.iter().enumerate() {
            f.write_str(if at > 0 { " | " } else { "" })?;
            command.fmt(f)?;
        }
        Ok(())
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, word) in self.words.iter().enumerate() {
            f.write_str(if at > 0 { " " } else { "" })?;
            write_word(f, word)?;
        }
        Ok(())
    }
}

/// A word of a command: a pipeline stands in parentheses.
fn write_word(f: &mut fmt::Formatter<'_>, node: &Node) -> fmt::Result {
    match &node.kind {
        NodeKind::Pipe(pipe) => write!(f, "({pipe})"),
        _ => node.fmt(f),
    }
}

fn write_all(f: &mut fmt::Formatter<'_>, nodes: &[Node]) -> fmt::Result {
    nodes.iter().try_for_each(|node| node.fmt(f))
}

fn write_fields(f: &mut fmt::Formatter<'_>, names: &[Rc<str>]) -> fmt::Result {
    names.iter().try_for_each(|name| write!(f, ".{name}"))
}

fn write_branch(f: &mut fmt::Formatter<'_>, word: &str, branch: &Branch) -> fmt::Result {
    write!(f, "{{{{{word} {}}}}}", branch.pipe)?;
    write_all(f, &branch.list)?;
    if let Some(otherwise) = &branch.otherwise {
        f.write_str("{{else}}")?;
        write_all(f, otherwise)?;
    }
    f.write_str("{{end}}")
}
