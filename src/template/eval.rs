//! Evaluates pipelines, commands, words and fields.

use std::rc::Rc;

use crate::template::exec::{State, Stop};
use crate::template::operand::{At, Given, Last, Operand};
use crate::template::{
    Command, Kind, Map, MapKind, Node, NodeKind, NumberLiteral, Object, Pipe, Value, quote,
};

impl<'t> State<'t, '_> {
    /// The value of a pipeline; declares or assigns its variables. Never boxed.
    pub(super) fn pipeline(&mut self, dot: &Operand, pipe: &'t Pipe) -> Result<Value, Stop> {
        self.at = At::Pipe(pipe);
        self.enter()?;
        let value = self.commands(dot, pipe);
        self.run.leave();
        let value = value?;
        for name in &pipe.variables {
            let operand = Operand::plain(value.clone());
            if pipe.assigns {
                self.assign(name, operand)?;
            } else {
                self.variables.push((name, operand));
            }
        }
        Ok(value)
    }

    fn commands(&mut self, dot: &Operand, pipe: &'t Pipe) -> Result<Value, Stop> {
        let mut last = None;
        for command in &pipe.commands {
            let operand = self.command(dot, command, last)?;
            last = Some(Last { value: operand.value, from: command });
        }
        Ok(last.map_or(Value::Nil, |last| last.value))
    }

    /// Gives a variable that is declared another value.
    pub(super) fn assign(&mut self, name: &str, operand: Operand) -> Result<(), Stop> {
        match self.variables.iter_mut().rev().find(|variable| variable.0 == name) {
            Some(variable) => variable.1 = operand,
            None => return Err(self.said(format!("undefined variable: {name}"))),
        }
        Ok(())
    }

    fn variable(&mut self, name: &str) -> Result<Operand, Stop> {
        match self.variables.iter().rev().find(|variable| variable.0 == name) {
            Some(variable) => Ok(variable.1.clone()),
            None => Err(self.said(format!("undefined variable: {name}"))),
        }
    }

    fn command(
        &mut self,
        dot: &Operand,
        command: &'t Command,
        last: Option<Last<'t>>,
    ) -> Result<Operand, Stop> {
        let Some(first) = command.words.first() else {
            return Err(self.said("missing value for command"));
        };
        let given = &Given { dot, words: &command.words, last };
        match &first.kind {
            NodeKind::Field(names) => {
                self.at = At::Node(first);
                self.fields(dot.clone(), first, names, given)
            }
            NodeKind::Chain { node, fields } => self.chain(first, node, fields, given),
            NodeKind::Identifier(name) => self.function(first, name, At::Command(command), given),
            NodeKind::Variable(names) => self.variable_fields(first, names, given),
            NodeKind::Pipe(pipe) => {
                self.not_a_function(given)?;
                Ok(Operand::plain(self.pipeline(dot, pipe)?))
            }
            _ => {
                self.at = At::Node(first);
                self.not_a_function(given)?;
                self.word(dot, first)
            }
        }
    }

    fn not_a_function(&mut self, given: &Given<'_, 't>) -> Result<(), Stop> {
        match given.words.first() {
            Some(first) if given.has_arguments() => {
                let spelled = match &first.kind {
                    NodeKind::Pipe(pipe) => pipe.to_string(),
                    _ => first.to_string(),
                };
                Err(self.said(format!("can't give argument to non-function {spelled}")))
            }
            _ => Ok(()),
        }
    }

    /// A first word that is no call.
    fn word(&mut self, dot: &Operand, word: &'t Node) -> Result<Operand, Stop> {
        match &word.kind {
            NodeKind::Dot => Ok(dot.clone()),
            NodeKind::Nil => Err(self.said("nil is not a command")),
            NodeKind::Bool(value) => Ok(Operand::plain(Value::Bool(*value))),
            NodeKind::Number(number) => self.constant(number),
            NodeKind::Quoted { text, .. } => Ok(Operand::plain(Value::Text(Rc::clone(text)))),
            _ => {
                let spelled = quote(&word.to_string());
                Err(self.said(format!("can't evaluate command {spelled}")))
            }
        }
    }

    /// The value of an argument.
    pub(super) fn argument(&mut self, dot: &Operand, node: &'t Node) -> Result<Operand, Stop> {
        self.at = At::node(node);
        let nothing = &Given::nothing(dot);
        match &node.kind {
            NodeKind::Nil => Ok(Operand::plain(Value::Nil)),
            NodeKind::Field(names) => self.fields(dot.clone(), node, names, nothing),
            NodeKind::Variable(names) => self.variable_fields(node, names, nothing),
            NodeKind::Pipe(pipe) => Ok(Operand::plain(self.pipeline(dot, pipe)?)),
            NodeKind::Identifier(name) => self.function(node, name, At::Node(node), nothing),
            NodeKind::Chain { node: of, fields } => self.chain(node, of, fields, nothing),
            NodeKind::Dot | NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::Quoted { .. } => {
                self.word(dot, node)
            }
            _ => Err(self.said(format!("can't handle {node} for arg of type interface {{}}"))),
        }
    }

    /// A number whose type nothing but its spelling tells (`idealConstant`).
    fn constant(&mut self, number: &NumberLiteral) -> Result<Operand, Stop> {
        let text = &*number.text;
        let hexadecimal = (text.starts_with("0x") || text.starts_with("0X"))
            && text.len() > 2
            && !text.contains(['p', 'P']);
        let fraction =
            !hexadecimal && !text.starts_with('\'') && text.contains(['.', 'e', 'E', 'p', 'P']);
        let value = match (number.float, number.int) {
            _ if number.complex => {
                return Err(self.said(format!("haversack has no complex numbers: {text}")));
            }
            (Some(float), _) if fraction => Value::Float(float),
            (_, Some(int)) => Value::Int(int),
            _ if number.uint.is_some() => return Err(self.said(format!("{text} overflows int"))),
            _ => Value::Nil,
        };
        Ok(Operand::plain(value))
    }

    /// `(pipeline).A.B`.
    fn chain(
        &mut self,
        chain: &'t Node,
        of: &'t Node,
        names: &'t [Rc<str>],
        given: &Given<'_, 't>,
    ) -> Result<Operand, Stop> {
        self.at = At::Node(chain);
        if matches!(of.kind, NodeKind::Nil) {
            return Err(self.said(format!("indirection through explicit nil in {chain}")));
        }
        let receiver = self.argument(given.dot, of)?;
        self.fields(receiver, chain, names, given)
    }

    /// `$x.A.B`.
    fn variable_fields(
        &mut self,
        node: &'t Node,
        names: &'t [Rc<str>],
        given: &Given<'_, 't>,
    ) -> Result<Operand, Stop> {
        self.at = At::Node(node);
        let Some((name, fields)) = names.split_first() else {
            return Err(self.said("undefined variable: "));
        };
        let value = self.variable(name)?;
        if fields.is_empty() {
            self.not_a_function(given)?;
            return Ok(value);
        }
        self.fields(value, node, fields, given)
    }

    /// `.A.B`: the last one gets the arguments.
    fn fields(
        &mut self,
        receiver: Operand,
        node: &'t Node,
        names: &'t [Rc<str>],
        given: &Given<'_, 't>,
    ) -> Result<Operand, Stop> {
        let Some((last, names)) = names.split_last() else { return Ok(receiver) };
        let mut receiver = receiver;
        for name in names {
            receiver = self.field(&receiver, node, name, &Given::nothing(given.dot))?;
        }
        self.field(&receiver, node, last, given)
    }

    fn field(
        &mut self,
        receiver: &Operand,
        node: &'t Node,
        name: &'t str,
        given: &Given<'_, 't>,
    ) -> Result<Operand, Stop> {
        match &receiver.value {
            Value::Nil if receiver.boxed => {
                Err(self.said(format!("nil pointer evaluating interface {{}}.{name}")))
            }
            // No value at all has no fields either.
            Value::Nil => Ok(Operand::plain(Value::Nil)),
            Value::Map(_) if given.has_arguments() => {
                Err(self.said(format!("{name} is not a method but has arguments")))
            }
            Value::Map(map) => Ok(entry(map, name)),
            Value::Object(object) => {
                let object = Rc::clone(object);
                match self.member(&object, node, name, given)? {
                    Some(value) => Ok(Operand::plain(value)),
                    None => Err(self.no_field(receiver, name)),
                }
            }
            _ => Err(self.no_field(receiver, name)),
        }
    }

    fn no_field(&mut self, receiver: &Operand, name: &str) -> Stop {
        let of = receiver.type_name();
        self.said(format!("can't evaluate field {name} in type {of}"))
    }

    /// A method or a field of an object.
    fn member(
        &mut self,
        object: &Rc<dyn Object>,
        node: &'t Node,
        name: &'t str,
        given: &Given<'_, 't>,
    ) -> Result<Option<Value>, Stop> {
        let has_arguments = given.has_arguments();
        let at = self.at;
        let arguments = self.arguments(given)?;
        let place = At::Node(node);
        self.begin_call(name, place, given);
        match object.call(self, name, &arguments) {
            Some(Ok(value)) => return Ok(Some(value)),
            Some(Err(fault)) => return Err(self.call_failed(fault)),
            // Go asks whether there is such a method before it evaluates what it is given.
            None => (self.call, self.at) = (None, at),
        }
        let map = object.kind() == Kind::Map;
        match object.field(name) {
            None if !map => Ok(None),
            _ if has_arguments && map => {
                Err(self.said(format!("{name} is not a method but has arguments")))
            }
            _ if has_arguments => {
                Err(self.said(format!("{name} has arguments but cannot be invoked as function")))
            }
            value => Ok(Some(value.unwrap_or(Value::Nil))),
        }
    }
}

/// The value under a key, with `missingkey=zero`.
fn entry(map: &Map, name: &str) -> Operand {
    let value = map.get(name);
    match map.kind() {
        MapKind::Texts => Operand::plain(value.unwrap_or_else(|| Value::text(""))),
        MapKind::Any | MapKind::Values => Operand::boxed(value.unwrap_or(Value::Nil)),
    }
}
