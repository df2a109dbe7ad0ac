//! Parses what stands in one action: pipelines, commands and their words.
//!
//! The only place where the parser calls itself: for parentheses, bounded by [`TEMPLATE_PARENS_DEPTH_MAX`].

use std::rc::Rc;

use crate::limits::TEMPLATE_PARENS_DEPTH_MAX;
use crate::template::lex::{Token, TokenKind};
use crate::template::number::{read_char, read_complex, read_number};
use crate::template::parse::{Parser, position};
use crate::template::quote::quote;
use crate::template::{Command, Node, NodeKind, ParseError, Pipe};

impl<'a> Parser<'a> {
    /// A pipeline up to its end, which is consumed. `depth` is how many parentheses stand around it.
    pub(super) fn pipeline(
        &mut self,
        place: &str,
        end: TokenKind,
        depth: usize,
    ) -> Result<Pipe, ParseError> {
        let pos = position(&self.peek_past_space());
        let (variables, assigns) = self.declarations(place)?;
        let mut commands = Vec::new();
        loop {
            let token = self.next_past_space();
            if token.kind == end {
                break;
            }
            if !begins_word(token.kind) {
                return Err(self.unexpected(&token, place));
            }
            self.back_up();
            commands.push(self.command(depth)?);
        }
        if commands.is_empty() {
            return Err(self.error(format!("missing value for {place}")));
        }
        let dead = commands.iter().skip(1).position(|command| !can_be_called(command));
        if let Some(at) = dead {
            let stage = at + 2;
            return Err(self.error(format!("non executable command in pipeline stage {stage}")));
        }
        Ok(Pipe { pos, assigns, variables, commands })
    }

    /// The variables before `:=` or `=`, and whether it was `=`.
    fn declarations(&mut self, place: &str) -> Result<(Vec<Rc<str>>, bool), ParseError> {
        let mut variables = Vec::new();
        loop {
            let variable = self.peek_past_space();
            if variable.kind != TokenKind::Variable {
                return Ok((variables, false));
            }
            self.next();
            let after = self.peek();
            let next = self.peek_past_space();
            match next.kind {
                TokenKind::Assign | TokenKind::Declare => {
                    self.next_past_space();
                    self.declare(&mut variables, variable);
                    return Ok((variables, next.kind == TokenKind::Assign));
                }
                TokenKind::Char if next.text == "," => {
                    self.next_past_space();
                    self.declare(&mut variables, variable);
                    if place != "range" || variables.len() > 1 {
                        return Err(self.error(format!("too many declarations in {place}")));
                    }
                    let ahead = self.peek_past_space().kind;
                    if !can_follow_comma(ahead) {
                        return Err(self.error("range can only initialize variables"));
                    }
                }
                _ if after.kind == TokenKind::Space => {
                    self.back_up_with_two(variable, after);
                    return Ok((variables, false));
                }
                _ => {
                    self.back_up_with(variable);
                    return Ok((variables, false));
                }
            }
        }
    }

    fn declare(&mut self, variables: &mut Vec<Rc<str>>, token: Token<'a>) {
        let name: Rc<str> = token.text.into();
        variables.push(Rc::clone(&name));
        self.context.variables.push(name);
    }

    /// Words up to a pipe, which is consumed, or to an end, which is not.
    fn command(&mut self, depth: usize) -> Result<Command, ParseError> {
        let pos = position(&self.peek_past_space());
        let mut words = Vec::new();
        loop {
            self.peek_past_space();
            words.extend(self.operand(depth)?);
            let token = self.next();
            match token.kind {
                TokenKind::Space => continue,
                TokenKind::RightDelim | TokenKind::RightParen => self.back_up(),
                TokenKind::Pipe => {}
                _ => return Err(self.unexpected(&token, "operand")),
            }
            break;
        }
        if words.is_empty() {
            return Err(self.error("empty command"));
        }
        Ok(Command { pos, words })
    }

    /// A term and the fields that follow it; `None` when the next token begins none.
    fn operand(&mut self, depth: usize) -> Result<Option<Node>, ParseError> {
        let Some(term) = self.term(depth)? else { return Ok(None) };
        let first = self.peek();
        if first.kind != TokenKind::Field {
            return Ok(Some(term));
        }
        let mut fields: Vec<Rc<str>> = Vec::new();
        while self.peek().kind == TokenKind::Field {
            fields.push(field_name(&self.next()));
        }
        // As in Go, the place is that of the first field after the term.
        let pos = position(&first);
        let kind = match term.kind {
            NodeKind::Field(mut names) => {
                names.extend(fields);
                NodeKind::Field(names)
            }
            NodeKind::Variable(mut names) => {
                names.extend(fields);
                NodeKind::Variable(names)
            }
            NodeKind::Bool(_)
            | NodeKind::Quoted { .. }
            | NodeKind::Number(_)
            | NodeKind::Nil
            | NodeKind::Dot => {
                let term = quote(&term.to_string());
                return Err(self.error(format!("unexpected . after term {term}")));
            }
            _ => NodeKind::Chain { node: Box::new(term), fields },
        };
        Ok(Some(Node { pos, kind }))
    }

    /// A word without the fields that follow it; `None` when the next token is none.
    fn term(&mut self, depth: usize) -> Result<Option<Node>, ParseError> {
        let token = self.next_past_space();
        let mut pos = position(&token);
        let kind = match token.kind {
            TokenKind::Identifier => {
                if !(self.known)(token.text) {
                    let name = quote(token.text);
                    return Err(self.error(format!("function {name} not defined")));
                }
                NodeKind::Identifier(token.text.into())
            }
            TokenKind::Dot => NodeKind::Dot,
            TokenKind::Nil => NodeKind::Nil,
            TokenKind::Variable => self.variable(&token)?,
            TokenKind::Field => NodeKind::Field(vec![field_name(&token)]),
            TokenKind::Bool => NodeKind::Bool(token.text == "true"),
            TokenKind::CharConstant | TokenKind::Complex | TokenKind::Number => {
                let number = match token.kind {
                    TokenKind::CharConstant => read_char(token.text),
                    TokenKind::Complex => read_complex(token.text),
                    _ => read_number(token.text),
                };
                NodeKind::Number(number.map_err(|words| self.error(words))?)
            }
            TokenKind::String | TokenKind::RawString => {
                NodeKind::Quoted { quoted: token.text.into(), text: self.unquoted(token.text)? }
            }
            TokenKind::LeftParen => {
                let pipe = self.parenthesized(depth)?;
                pos = pipe.pos;
                NodeKind::Pipe(Box::new(pipe))
            }
            _ => {
                self.back_up();
                return Ok(None);
            }
        };
        Ok(Some(Node { pos, kind }))
    }

    fn parenthesized(&mut self, depth: usize) -> Result<Pipe, ParseError> {
        if depth >= TEMPLATE_PARENS_DEPTH_MAX {
            return Err(self.error("max expression depth exceeded"));
        }
        self.pipeline("parenthesized pipeline", TokenKind::RightParen, depth + 1)
    }

    fn variable(&mut self, token: &Token<'a>) -> Result<NodeKind, ParseError> {
        if !self.context.variables.iter().any(|name| &**name == token.text) {
            return Err(self.error(format!("undefined variable {}", quote(token.text))));
        }
        Ok(NodeKind::Variable(vec![token.text.into()]))
    }
}

/// Name of a field, without its dot.
fn field_name(token: &Token<'_>) -> Rc<str> {
    token.text.strip_prefix('.').unwrap_or(token.text).into()
}

/// Whether what comes after the comma of `range $a,` can be right.
fn can_follow_comma(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Variable | TokenKind::RightDelim | TokenKind::RightParen)
}

fn begins_word(kind: TokenKind) -> bool {
    use TokenKind as T;
    matches!(
        kind,
        T::Bool | T::CharConstant | T::Complex | T::Dot | T::Field | T::Identifier | T::Number
    ) || matches!(kind, T::Nil | T::RawString | T::String | T::Variable | T::LeftParen)
}

/// Whether a command can take the outcome of the one before it.
fn can_be_called(command: &Command) -> bool {
    !command.words.first().is_some_and(|word| {
        matches!(
            word.kind,
            NodeKind::Bool(_)
                | NodeKind::Dot
                | NodeKind::Nil
                | NodeKind::Number(_)
                | NodeKind::Quoted { .. }
        )
    })
}
