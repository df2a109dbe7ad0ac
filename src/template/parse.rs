//! Parses the text of a template (Go's `text/template/parse`, `parse.go`): here the blocks, in `pipeline.rs` what stands in one
//! action.
//!
//! Errors have Go's words and Go's lines, and that decides much of the shape: Go reports the line of the token that was read
//! last, looks ahead by up to three tokens, and starts afresh for every `define` and `block` ([`Context`]). Unlike Go, blocks
//! are kept on a stack of our own, so that no text can exhaust the program's; [`TEMPLATE_BLOCKS_DEPTH_MAX`] bounds the tree.

use std::collections::HashMap;
use std::rc::Rc;

use crate::limits::TEMPLATE_BLOCKS_DEPTH_MAX;
use crate::template::lex::{Keyword, Lexer, Token, TokenKind};
use crate::template::quote::{quote, unquote};
use crate::template::{Branch, Functions, Node, NodeKind, ParseError, Pipe, Pos, Tree};

/// Parses a text. The tree of the text itself comes first, then what it defines, in order.
///
/// A name is a function when it is in `functions` or `builtins` says so. When the text is blank and defines a template of its
/// own name, that one is the first tree, as in Go.
pub fn parse(
    name: &str,
    text: &str,
    functions: &Functions,
    builtins: &dyn Fn(&str) -> bool,
) -> Result<Vec<Tree>, ParseError> {
    let known = |name: &str| functions.get(name).is_some() || builtins(name);
    parse_knowing(name, text, &known)
}

/// Parses a text whose functions are the names that `known` knows.
fn parse_knowing(
    name: &str,
    text: &str,
    known: &dyn Fn(&str) -> bool,
) -> Result<Vec<Tree>, ParseError> {
    let mut parser = Parser {
        lexer: Lexer::new(text, !known("break"), !known("continue")),
        known,
        name: name.into(),
        source: text.into(),
        context: Context::new(),
        open: Vec::new(),
        trees: Vec::new(),
        places: HashMap::new(),
    };
    if u32::try_from(text.len()).is_err() {
        return Err(parser.error("more than haversack allows: bytes of a template"));
    }
    parser.run()?;
    let mut trees = parser.trees;
    if let Some(main) = trees.iter().position(|tree| &*tree.name == name) {
        trees[..=main].rotate_right(1);
    }
    Ok(trees)
}

/// What Go keeps for each tree that it parses.
pub(super) struct Context<'a> {
    /// Tokens read ahead; the one read last is the first.
    pub(super) tokens: [Token<'a>; 3],
    pub(super) ahead: usize,
    /// Variables in scope.
    pub(super) variables: Vec<Rc<str>>,
    /// Line in which the action that is being read began; 0 when there is none.
    action_line: usize,
    range_depth: usize,
}

impl Context<'_> {
    fn new() -> Self {
        let none = Token { kind: TokenKind::End, pos: 0, text: "", line: 0 };
        Self {
            tokens: [none; 3],
            ahead: 0,
            variables: vec!["$".into()],
            action_line: 0,
            range_depth: 0,
        }
    }
}

/// The state of one parsing.
pub(super) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    pub(super) known: &'a dyn Fn(&str) -> bool,
    name: Rc<str>,
    source: Rc<str>,
    pub(super) context: Context<'a>,
    /// Blocks that wait for their end, the innermost last; the first is the text itself.
    open: Vec<Open<'a>>,
    trees: Vec<Tree>,
    places: HashMap<Rc<str>, usize>,
}

/// A block that waits for its end.
struct Open<'a> {
    opener: Opener<'a>,
    /// What was found in it so far.
    nodes: Vec<Node>,
}

enum Opener<'a> {
    /// The text itself.
    Text,
    Define {
        name: Rc<str>,
        outer: Context<'a>,
    },
    Block {
        pos: Pos,
        name: Rc<str>,
        pipe: Pipe,
        outer: Context<'a>,
    },
    Branch {
        keyword: Keyword,
        pipe: Pipe,
        /// How many variables were in scope before it.
        variables: usize,
        /// What stands before its `else`, once that was met.
        list: Option<Vec<Node>>,
        /// Whether it stands in an `else if`, so that the end of the one around it is its own.
        chained: bool,
    },
}

impl<'a> Parser<'a> {
    /// Parses all of the text.
    fn run(&mut self) -> Result<(), ParseError> {
        self.open.push(Open { opener: Opener::Text, nodes: Vec::new() });
        loop {
            let at_top = self.open.len() == 1;
            let token = self.peek_past_space();
            if token.kind == TokenKind::End {
                if !at_top {
                    return Err(self.error("unexpected EOF"));
                }
                let root = self.open.pop().map(|open| open.nodes).unwrap_or_default();
                return self.add(Rc::clone(&self.name), root);
            }
            if at_top && token.kind == TokenKind::LeftDelim {
                let delim = self.next();
                if self.next_past_space().kind == TokenKind::Keyword(Keyword::Define) {
                    self.define()?;
                    continue;
                }
                self.back_up_with(delim);
            }
            self.text_or_action()?;
        }
    }

    fn define(&mut self) -> Result<(), ParseError> {
        const WHERE: &str = "define clause";
        let outer = std::mem::replace(&mut self.context, Context::new());
        let token = self.next_past_space();
        let name = self.template_name(token, WHERE)?;
        self.expect_right_delim(WHERE)?;
        self.push(Opener::Define { name, outer })
    }

    fn text_or_action(&mut self) -> Result<(), ParseError> {
        let token = self.next_past_space();
        match token.kind {
            TokenKind::Text => {
                self.append(position(&token), NodeKind::Text(token.text.into()));
                Ok(())
            }
            TokenKind::LeftDelim => {
                self.context.action_line = token.line;
                self.action()
            }
            _ => Err(self.unexpected(&token, "input")),
        }
    }

    fn action(&mut self) -> Result<(), ParseError> {
        let token = self.next_past_space();
        let TokenKind::Keyword(keyword) = token.kind else { return self.plain_action() };
        match keyword {
            Keyword::Break | Keyword::Continue => self.leave_range(keyword, &token),
            Keyword::Else => self.otherwise(),
            Keyword::End => {
                self.expect_right_delim("end")?;
                self.close()
            }
            Keyword::If | Keyword::Range | Keyword::With => self.branch(keyword, false),
            Keyword::Template => self.template(),
            Keyword::Block => self.block(),
            Keyword::Define => self.plain_action(),
        }
    }

    fn plain_action(&mut self) -> Result<(), ParseError> {
        self.back_up();
        let pos = position(&self.peek());
        let pipe = self.pipeline("command", TokenKind::RightDelim, 0)?;
        self.append(pos, NodeKind::Action(pipe));
        Ok(())
    }

    fn leave_range(&mut self, keyword: Keyword, token: &Token<'a>) -> Result<(), ParseError> {
        let (written, kind) = match keyword {
            Keyword::Break => ("{{break}}", NodeKind::Break),
            _ => ("{{continue}}", NodeKind::Continue),
        };
        self.expect_right_delim(written)?;
        if self.context.range_depth == 0 {
            return Err(self.error(format!("{written} outside {{{{range}}}}")));
        }
        self.append(position(token), kind);
        Ok(())
    }

    fn template(&mut self) -> Result<(), ParseError> {
        const WHERE: &str = "template clause";
        let token = self.next_past_space();
        let name = self.template_name(token, WHERE)?;
        let mut pipe = None;
        if self.next_past_space().kind != TokenKind::RightDelim {
            self.back_up();
            pipe = Some(self.pipeline(WHERE, TokenKind::RightDelim, 0)?);
        }
        self.append(position(&token), NodeKind::Template { name, pipe });
        Ok(())
    }

    fn block(&mut self) -> Result<(), ParseError> {
        const WHERE: &str = "block clause";
        let token = self.next_past_space();
        let name = self.template_name(token, WHERE)?;
        let pipe = self.pipeline(WHERE, TokenKind::RightDelim, 0)?;
        let outer = std::mem::replace(&mut self.context, Context::new());
        self.push(Opener::Block { pos: position(&token), name, pipe, outer })
    }

    fn branch(&mut self, keyword: Keyword, chained: bool) -> Result<(), ParseError> {
        let variables = self.context.variables.len();
        let pipe = self.pipeline(word(keyword), TokenKind::RightDelim, 0)?;
        if keyword == Keyword::Range {
            self.context.range_depth += 1;
        }
        self.push(Opener::Branch { keyword, pipe, variables, list: None, chained })
    }

    /// `{{else}}`, or the beginning of `{{else if`.
    fn otherwise(&mut self) -> Result<(), ParseError> {
        let ahead = self.peek_past_space().kind;
        let next = if let TokenKind::Keyword(next @ (Keyword::If | Keyword::With)) = ahead {
            Some(next)
        } else {
            self.expect_right_delim("else")?;
            None
        };
        self.context.action_line = 0;
        let Some(Open { opener, nodes }) = self.open.last_mut() else { return Ok(()) };
        match opener {
            Opener::Text => Err(self.error("unexpected {{else}}")),
            Opener::Define { .. } => Err(self.error("unexpected {{else}} in define clause")),
            Opener::Block { outer, .. } => {
                // Go's complaint comes from the template around the block.
                self.context = std::mem::replace(outer, Context::new());
                Err(self.error("unexpected {{else}} in block clause"))
            }
            Opener::Branch { list: Some(_), .. } => Err(self.error("expected end; found {{else}}")),
            Opener::Branch { keyword, list, .. } => {
                let keyword = *keyword;
                *list = Some(std::mem::take(nodes));
                if keyword == Keyword::Range {
                    self.context.range_depth -= 1;
                }
                if keyword == Keyword::Range || next != Some(keyword) {
                    return Ok(());
                }
                self.next_past_space();
                self.branch(keyword, true)
            }
        }
    }

    /// `{{end}}`: the innermost block is complete, and with an `else if` also the ones around it.
    fn close(&mut self) -> Result<(), ParseError> {
        self.context.action_line = 0;
        if self.open.len() == 1 {
            return Err(self.error("unexpected {{end}}"));
        }
        while let Some(Open { opener, nodes }) = self.open.pop() {
            match opener {
                Opener::Text => return Ok(()),
                Opener::Define { name, outer } => {
                    self.add(name, nodes)?;
                    self.context = outer;
                }
                Opener::Block { pos, name, pipe, outer } => {
                    self.add(Rc::clone(&name), nodes)?;
                    self.context = outer;
                    self.append(pos, NodeKind::Template { name, pipe: Some(pipe) });
                }
                Opener::Branch { keyword, pipe, variables, list, chained } => {
                    if keyword == Keyword::Range && list.is_none() {
                        self.context.range_depth -= 1;
                    }
                    self.context.variables.truncate(variables);
                    let (list, otherwise) = match list {
                        Some(list) => (list, Some(nodes)),
                        None => (nodes, None),
                    };
                    let pos = pipe.pos;
                    let branch = Branch { pipe, list, otherwise };
                    self.append(pos, branch_kind(keyword, branch));
                    if chained {
                        continue;
                    }
                }
            }
            break;
        }
        Ok(())
    }

    fn push(&mut self, opener: Opener<'a>) -> Result<(), ParseError> {
        if self.open.len() > TEMPLATE_BLOCKS_DEPTH_MAX {
            return Err(self.error("more than haversack allows: blocks in blocks"));
        }
        self.open.push(Open { opener, nodes: Vec::new() });
        Ok(())
    }

    /// Appends a node to the innermost block; the action that it came from is complete.
    fn append(&mut self, pos: Pos, kind: NodeKind) {
        if !matches!(kind, NodeKind::Text(_)) {
            self.context.action_line = 0;
        }
        if let Some(open) = self.open.last_mut() {
            open.nodes.push(Node { pos, kind });
        }
    }

    /// Adds a tree that is complete. Of two trees of one name at least one has to be empty.
    fn add(&mut self, name: Rc<str>, root: Vec<Node>) -> Result<(), ParseError> {
        let file = Rc::clone(&self.name);
        let tree = Tree { name: Rc::clone(&name), file, source: Rc::clone(&self.source), root };
        match self.places.get(&name) {
            None => {
                self.places.insert(name, self.trees.len());
                self.trees.push(tree);
            }
            Some(place) if self.trees[*place].is_empty() => self.trees[*place] = tree,
            Some(_) if tree.is_empty() => {}
            Some(_) => {
                let name = quote(&name);
                return Err(self.error(format!("template: multiple definition of template {name}")));
            }
        }
        Ok(())
    }

    fn template_name(&self, token: Token<'a>, place: &str) -> Result<Rc<str>, ParseError> {
        match token.kind {
            TokenKind::String | TokenKind::RawString => self.unquoted(token.text),
            _ => Err(self.unexpected(&token, place)),
        }
    }

    /// What a literal stands for. What is no UTF-8 becomes U+FFFD; who needs the bytes has the literal.
    pub(super) fn unquoted(&self, literal: &str) -> Result<Rc<str>, ParseError> {
        let bytes = unquote(literal).ok_or_else(|| self.error("invalid syntax"))?;
        Ok(String::from_utf8_lossy(&bytes).into())
    }

    fn expect_right_delim(&mut self, place: &str) -> Result<(), ParseError> {
        let token = self.next_past_space();
        if token.kind == TokenKind::RightDelim {
            return Ok(());
        }
        Err(self.unexpected(&token, place))
    }

    /// An error in the line of the token that was read last.
    pub(super) fn error(&self, message: impl Into<String>) -> ParseError {
        let line = self.context.tokens[0].line;
        ParseError { template: self.name.to_string(), line, message: message.into() }
    }

    /// An error about a token that has no place where it stands.
    pub(super) fn unexpected(&self, token: &Token<'_>, place: &str) -> ParseError {
        if token.kind != TokenKind::Error {
            return self.error(format!("unexpected {} in {place}", token.shown()));
        }
        let failure = self.lexer.failure();
        let began = self.context.action_line;
        if began == 0 || began == token.line {
            return self.error(failure);
        }
        let action = if failure.ends_with(" action") { "" } else { " in action" };
        self.error(format!("{failure}{action} started at {}:{began}", self.name))
    }
}

/// Reading ahead, as Go does it.
impl<'a> Parser<'a> {
    pub(super) fn next(&mut self) -> Token<'a> {
        if self.context.ahead > 0 {
            self.context.ahead -= 1;
        } else {
            self.context.tokens[0] = self.lexer.next_token();
        }
        self.context.tokens[self.context.ahead]
    }

    pub(super) fn peek(&mut self) -> Token<'a> {
        let token = self.next();
        self.back_up();
        token
    }

    pub(super) fn next_past_space(&mut self) -> Token<'a> {
        loop {
            let token = self.next();
            if token.kind != TokenKind::Space {
                return token;
            }
        }
    }

    pub(super) fn peek_past_space(&mut self) -> Token<'a> {
        let token = self.next_past_space();
        self.back_up();
        token
    }

    /// Puts the last token back.
    pub(super) fn back_up(&mut self) {
        self.context.ahead += 1;
    }

    /// Puts the last token back, and one before it.
    pub(super) fn back_up_with(&mut self, before: Token<'a>) {
        self.context.tokens[1] = before;
        self.context.ahead = 2;
    }

    /// Puts the last token back, and two before it.
    pub(super) fn back_up_with_two(&mut self, first: Token<'a>, second: Token<'a>) {
        self.context.tokens[1] = second;
        self.context.tokens[2] = first;
        self.context.ahead = 3;
    }
}

/// Where a token begins. Texts are shorter than 4 GiB: the parser looks before it begins.
pub(super) fn position(token: &Token<'_>) -> Pos {
    u32::try_from(token.pos).unwrap_or(u32::MAX)
}

fn word(keyword: Keyword) -> &'static str {
    match keyword {
        Keyword::Range => "range",
        Keyword::With => "with",
        _ => "if",
    }
}

fn branch_kind(keyword: Keyword, branch: Branch) -> NodeKind {
    match keyword {
        Keyword::Range => NodeKind::Range(branch),
        Keyword::With => NodeKind::With(branch),
        _ => NodeKind::If(branch),
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
