//! What a template wrote, and which line wrote it.

use std::rc::Rc;

use crate::template::{Pos, Tree};

/// What Go prints for a value that is not there, and Helm takes away again.
const NO_VALUE: &str = "<no value>";

/// What a template wrote.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// The text, without `<no value>`, as Helm gives it.
    pub text: String,
    marks: Vec<Mark>,
    /// Where the lines of the template begin, from the second line on.
    lines: Vec<usize>,
    /// Where the lines of the output end. Every line is asked for its origin, and files of megabytes are common.
    breaks: Vec<usize>,
}

/// From here on, a node wrote.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Where in the output.
    offset: usize,
    /// Where the node is in the template.
    pos: Pos,
    /// Whether lines of the output are lines of the template: true for text, false for what an action wrote.
    verbatim: bool,
}

impl Output {
    /// Line in the executed file that wrote this byte, from 1. What an included template wrote belongs to the line that
    /// includes it.
    pub fn line_of(&self, offset: usize) -> usize {
        let after = self.marks.partition_point(|mark| mark.offset <= offset);
        let Some(mark) = after.checked_sub(1).and_then(|at| self.marks.get(at)) else {
            return 1;
        };
        let line = 1 + self.lines.partition_point(|start| *start <= mark.pos as usize);
        if !mark.verbatim {
            return line;
        }
        let breaks_before = |offset: usize| self.breaks.partition_point(|at| *at < offset);
        line + breaks_before(offset.min(self.text.len())).saturating_sub(breaks_before(mark.offset))
    }
}

/// Where a template writes. Only what the executed file itself does is marked.
#[derive(Default)]
pub(super) struct Buffer {
    pub(super) text: String,
    marks: Option<Vec<Mark>>,
}

impl Buffer {
    /// A buffer that remembers lines.
    pub(super) fn marked() -> Self {
        Self { text: String::new(), marks: Some(Vec::new()) }
    }

    /// What follows is written by a node.
    pub(super) fn mark(&mut self, pos: Pos, verbatim: bool) {
        let offset = self.text.len();
        let Some(marks) = &mut self.marks else { return };
        // A mark under which nothing was written is of no use.
        if marks.last().is_some_and(|last| last.offset == offset) {
            marks.pop();
        }
        marks.push(Mark { offset, pos, verbatim });
    }

    /// Stops remembering lines, until [`Buffer::resume`].
    pub(super) fn pause(&mut self) -> Paused {
        Paused(self.marks.take())
    }

    pub(super) fn resume(&mut self, paused: Paused) {
        self.marks = paused.0;
    }

    /// The outcome of the file.
    pub(super) fn finish(self, tree: &Rc<Tree>) -> Output {
        let mut marks = self.marks.unwrap_or_default();
        let text = strip(self.text, &mut marks);
        let lines = line_breaks(&tree.source).map(|at| at + 1).collect();
        let breaks = line_breaks(&text).collect();
        Output { text, marks, lines, breaks }
    }
}

fn line_breaks(text: &str) -> impl Iterator<Item = usize> {
    text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at)
}

/// The marks of a buffer while something else writes into it.
pub(super) struct Paused(Option<Vec<Mark>>);

/// A text without `<no value>`.
pub(super) fn without_no_value(text: String) -> String {
    strip(text, &mut [])
}

fn strip(text: String, marks: &mut [Mark]) -> String {
    if !text.contains(NO_VALUE) {
        return text;
    }
    let mut kept = String::with_capacity(text.len());
    let mut marks = marks.iter_mut().peekable();
    let mut read = 0;
    for (at, gone) in text.match_indices(NO_VALUE) {
        // Marks up to the gap move back by what is gone so far; marks inside it move to where it was.
        while let Some(mark) = marks.next_if(|mark| mark.offset <= at) {
            mark.offset -= read - kept.len();
        }
        kept.push_str(&text[read..at]);
        read = at + gone.len();
        while let Some(mark) = marks.next_if(|mark| mark.offset < read) {
            mark.offset = kept.len();
        }
    }
    for mark in marks {
        mark.offset -= read - kept.len();
    }
    kept.push_str(&text[read..]);
    kept
}
