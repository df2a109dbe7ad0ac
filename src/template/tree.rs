//! A parsed template: its nodes, and the text that they came from.

use std::rc::Rc;

use crate::template::{Node, NodeKind, Pos};

/// A template that was parsed.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Its name, which a `define` may have given.
    pub name: Rc<str>,
    /// Name of the text that it came from.
    pub file: Rc<str>,
    /// That whole text.
    pub source: Rc<str>,
    /// Its nodes.
    pub root: Vec<Node>,
}

impl Tree {
    /// The line of a place in the text, from 1.
    pub fn line(&self, pos: Pos) -> usize {
        self.line_column(pos).0
    }

    /// The line of a place, from 1, and the bytes before it on that line, as Go's errors give them.
    pub fn line_column(&self, pos: Pos) -> (usize, usize) {
        let bytes = self.source.as_bytes();
        let before = &bytes[..bytes.len().min(pos as usize)];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count();
        (line, column)
    }

    /// Whether there is nothing in it but space and comments (Go's `IsEmptyTree`): such a definition replaces no other one.
    pub fn is_empty(&self) -> bool {
        is_blank(&self.root)
    }
}

fn is_blank(nodes: &[Node]) -> bool {
    nodes.iter().all(|node| match &node.kind {
        NodeKind::Text(text) => text.trim().is_empty(),
        NodeKind::List(nodes) => is_blank(nodes),
        _ => false,
    })
}
