//! Executes trees: `text/template`'s `exec.go`, as Go 1.26 does it.
//!
//! A [`State`] is one template being executed: where it stands, its variables, where it writes. Templates nest by making another
//! one. `eval` evaluates pipelines, `calls` calls functions, `hosted` is what functions may ask for.

use std::rc::Rc;

use crate::limits;
use crate::template::operand::{At, Operand};
use crate::template::output::Buffer;
use crate::template::run::Trace;
use crate::template::templates::{Scope, Templates};
use crate::template::{
    Branch, Command, Element, ExecError, Fault, MapKind, Node, NodeKind, Pipe, Pos, Run, Tree,
    Value, print_value, quote, sprintf,
};

/// Why execution stopped. Boxed, because nearly everything returns it.
pub(super) type Stop = Box<ExecError>;

/// A template being executed.
pub(super) struct State<'t, 'm> {
    pub(super) templates: &'t Templates,
    pub(super) scope: &'t Scope<'t>,
    pub(super) tree: &'t Tree,
    pub(super) run: &'m mut Run,
    pub(super) out: &'m mut Buffer,
    pub(super) at: At<'t>,
    pub(super) variables: Vec<(&'t str, Operand)>,
    /// The call whose function runs.
    pub(super) call: Option<Call<'t>>,
    /// What `tpl` says before the error of the template that it ran.
    pub(super) doing: Option<String>,
    /// Where the text was given to `tpl`, inside one.
    pub(super) origin: Option<&'t Origin<'t>>,
}

/// Where a text was given to `tpl`, which has no file of its own.
#[derive(Clone, Copy)]
pub(super) struct Origin<'t> {
    pub(super) tree: &'t Tree,
    pub(super) pos: Pos,
}

/// A call, for those who ask what it was about.
#[derive(Clone, Copy)]
pub(super) struct Call<'t> {
    pub(super) place: At<'t>,
    pub(super) arguments: &'t [Node],
    /// What gave the last argument, when it came through the pipeline.
    pub(super) piped: Option<&'t Command>,
    pub(super) name: &'t str,
}

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

impl<'t> State<'t, '_> {
    /// Executes the whole template.
    pub(super) fn root(&mut self, dot: &Operand) -> Result<(), Stop> {
        let tree = self.tree;
        self.list(dot, &tree.root).map(|_| ())
    }

    /// Executes a list of nodes.
    fn list(&mut self, dot: &Operand, nodes: &'t [Node]) -> Result<Flow, Stop> {
        self.enter()?;
        let mut outcome = Ok(Flow::Next);
        for node in nodes {
            outcome = self.walk(dot, node);
            if !matches!(outcome, Ok(Flow::Next)) {
                break;
            }
        }
        self.run.leave();
        outcome
    }

    fn walk(&mut self, dot: &Operand, node: &'t Node) -> Result<Flow, Stop> {
        self.at = At::Node(node);
        self.step(1)?;
        match &node.kind {
            NodeKind::Text(text) => {
                self.out.mark(node.pos, true);
                self.write(text)?;
            }
            NodeKind::Action(pipe) => {
                let value = self.pipeline(dot, pipe)?;
                if pipe.variables.is_empty() {
                    self.at = At::Node(node);
                    self.out.mark(node.pos, false);
                    self.print(&value)?;
                }
            }
            NodeKind::If(branch) => return self.branch(dot, branch, false),
            NodeKind::With(branch) => return self.branch(dot, branch, true),
            NodeKind::Range(branch) => return self.range(dot, branch),
            NodeKind::Template { name, pipe } => self.template(dot, node, name, pipe.as_ref())?,
            NodeKind::List(nodes) => return self.list(dot, nodes),
            NodeKind::Break => return Ok(Flow::Break),
            NodeKind::Continue => return Ok(Flow::Continue),
            _ => return Err(self.said(format!("unknown node: {node}"))),
        }
        Ok(Flow::Next)
    }

    /// `if` and `with`. Variables live to its end.
    fn branch(&mut self, dot: &Operand, branch: &'t Branch, with: bool) -> Result<Flow, Stop> {
        let mark = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let flow = match &branch.otherwise {
            _ if value.truth() && with => self.list(&Operand::plain(value), &branch.list),
            _ if value.truth() => self.list(dot, &branch.list),
            Some(otherwise) => self.list(dot, otherwise),
            None => Ok(Flow::Next),
        };
        self.variables.truncate(mark);
        flow
    }

    fn range(&mut self, dot: &Operand, branch: &'t Branch) -> Result<Flow, Stop> {
        let before = self.variables.len();
        let over = self.pipeline(dot, &branch.pipe)?;
        let mut laps = Laps { state: self, branch, any: false };
        if let Err(Some(stop)) = laps.all(&over) {
            return Err(stop);
        }
        let any = laps.any;
        let flow = match &branch.otherwise {
            Some(otherwise) if !any => self.list(dot, otherwise),
            _ => Ok(Flow::Next),
        };
        self.variables.truncate(before);
        flow
    }

    /// `{{ template }}`: writes into the same buffer.
    fn template(
        &mut self,
        dot: &Operand,
        node: &'t Node,
        name: &'t str,
        pipe: Option<&'t Pipe>,
    ) -> Result<(), Stop> {
        let Some(tree) = self.scope.find(name) else {
            let name = quote(name);
            return Err(self.said(format!("template {name} not defined")));
        };
        let value = match pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Value::Nil,
        };
        self.out.mark(node.pos, false);
        let paused = self.out.pause();
        let outcome = self.nested(self.scope, &tree).root_over(value);
        self.out.resume(paused);
        outcome
    }

    /// A template inside this one, that writes into the same buffer.
    fn nested<'s>(&'s mut self, scope: &'s Scope<'s>, tree: &'s Rc<Tree>) -> State<'s, 's>
    where
        't: 's,
    {
        State {
            templates: self.templates,
            scope,
            tree,
            run: self.run,
            out: self.out,
            at: At::Nothing,
            variables: Vec::new(),
            call: None,
            doing: None,
            origin: self.origin,
        }
    }

    /// Executes the whole template over a value, which is also `$`.
    pub(super) fn root_over(&mut self, value: Value) -> Result<(), Stop> {
        let dot = Operand::plain(value);
        self.variables.push(("$", dot.clone()));
        self.root(&dot)
    }

    /// Prints what an action gave.
    fn print(&mut self, value: &Value) -> Result<(), Stop> {
        match value {
            Value::Nil => self.write("<no value>"),
            Value::Text(text) => self.write(text),
            Value::Bytes(bytes) => self.write(&String::from_utf8_lossy(bytes)),
            other => self.write(&print_value(other)),
        }
    }

    fn write(&mut self, text: &str) -> Result<(), Stop> {
        self.run.write(text.len()).map_err(|fault| self.stop(String::new(), fault))?;
        self.out.text.push_str(text);
        Ok(())
    }

    /// One level deeper; `self.run.leave()` must follow.
    pub(super) fn enter(&mut self) -> Result<(), Stop> {
        self.run.enter().map_err(|fault| self.stop(String::new(), fault))
    }

    pub(super) fn step(&mut self, units: u64) -> Result<(), Stop> {
        self.run.spend(units).map_err(|fault| self.stop(String::new(), fault))
    }

    /// An error in Go's words, here.
    #[cold]
    pub(super) fn said(&mut self, words: impl Into<String>) -> Stop {
        self.stop(String::new(), Fault::said(words))
    }

    /// An error, here. A chain of errors grows only so far; a bound that was reached is told once.
    #[cold]
    pub(super) fn stop(&mut self, doing: String, cause: Fault) -> Stop {
        let cause = match cause {
            Fault::Template(inner) => {
                let trace = &self.run.trace;
                if matches!(inner.cause, Fault::Bound(_))
                    || trace.errors >= limits::RENDER_TRACE_MAX
                    || trace.bytes >= limits::RENDER_TRACE_BYTES_MAX
                {
                    return inner;
                }
                Fault::Template(inner)
            }
            fresh => {
                self.run.trace = Trace::default();
                fresh
            }
        };
        let at = self.at.to_string();
        self.run.trace.errors += 1;
        self.run.trace.bytes += doing.len() + at.len();
        let (line, column) = match self.at {
            At::Nothing => (0, 0),
            place => self.tree.line_column(place.pos()),
        };
        Box::new(ExecError {
            template: self.tree.file.to_string(),
            line,
            column,
            executing: self.tree.name.to_string(),
            at,
            doing,
            cause,
        })
    }
}

/// The laps of a `range`.
struct Laps<'s, 't, 'm> {
    state: &'s mut State<'t, 'm>,
    branch: &'t Branch,
    any: bool,
}

/// `Err(None)` is `break`.
type Lap = Result<(), Option<Stop>>;

impl Laps<'_, '_, '_> {
    /// Goes over everything in a value.
    fn all(&mut self, over: &Value) -> Lap {
        match over {
            Value::Nil => {}
            Value::Int(_) | Value::Int64(_) if self.branch.pipe.variables.len() > 1 => {
                return Err(Some(
                    self.refuse("can't use %v to iterate over more than one variable", over),
                ));
            }
            Value::Int(count) => {
                for number in 0..*count {
                    self.one(Value::Nil, &Operand::plain(Value::Int(number)))?;
                }
            }
            Value::Int64(count) => {
                for number in 0..*count {
                    self.one(Value::Nil, &Operand::plain(Value::Int64(number)))?;
                }
            }
            Value::List(list) => {
                let boxed = list.of == Element::Any;
                for (index, item) in (0..).zip(&list.items) {
                    self.one(Value::Int(index), &Operand { value: item.clone(), boxed })?;
                }
            }
            Value::Map(map) => {
                let boxed = map.kind() != MapKind::Texts;
                self.state.step(map.len() as u64)?;
                for (key, value) in map.entries() {
                    self.one(Value::Text(key), &Operand { value, boxed })?;
                }
            }
            other => return self.others(other),
        }
        Ok(())
    }

    fn others(&mut self, over: &Value) -> Lap {
        let entries = match over {
            Value::Object(object) => object.entries(),
            _ => None,
        };
        let Some(entries) = entries else {
            return Err(Some(self.refuse("range can't iterate over %v", over)));
        };
        self.state.step(entries.len() as u64)?;
        for (key, value) in entries {
            self.one(key, &Operand::plain(value))?;
        }
        Ok(())
    }

    fn refuse(&mut self, format: &str, over: &Value) -> Stop {
        self.state.said(sprintf(format, std::slice::from_ref(over)))
    }

    /// One lap. With one variable it is the element, with two the index comes first.
    fn one(&mut self, index: Value, element: &Operand) -> Lap {
        self.any = true;
        self.state.step(1)?;
        let pipe = &self.branch.pipe;
        if pipe.assigns {
            let (first, second) = match pipe.variables.len() {
                0 | 1 => (element.clone(), None),
                _ => (Operand::plain(index), Some(element.clone())),
            };
            for (name, value) in
                pipe.variables.iter().zip([Some(first), second].into_iter().flatten())
            {
                self.state.assign(name, value)?;
            }
        } else if !pipe.variables.is_empty() {
            // They are the topmost ones: the body's own are gone after each lap.
            let mut slots = self.state.variables.iter_mut().rev();
            if let Some(slot) = slots.next() {
                slot.1 = element.clone();
            }
            if let Some(slot) = slots.next().filter(|_| pipe.variables.len() > 1) {
                slot.1 = Operand::plain(index);
            }
        }
        let mark = self.state.variables.len();
        let flow = self.state.list(element, &self.branch.list);
        self.state.variables.truncate(mark);
        match flow? {
            Flow::Break => Err(None),
            Flow::Next | Flow::Continue => Ok(()),
        }
    }
}
