//! Cuts the text of a template into tokens (Go's `text/template/parse`, `lex.go`).
//!
//! Trim markers and comments end here: the parser never sees them. One token is made at a time and none is kept, so the
//! memory that it takes does not grow with the text.

use crate::template::quote::quote;
use crate::template::unicode::{is_alphanumeric, is_printable};

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
const LEFT_COMMENT: &str = "/*";
const RIGHT_COMMENT: &str = "*/";
/// A trim marker and the space that belongs to it.
const MARKER_BYTES: usize = 2;
const DECIMAL: &str = "0123456789_";

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// The text cannot be cut any further; [`Lexer::failure`] says why.
    Error,
    Bool,
    /// A printable ASCII character with no meaning of its own, such as a comma.
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    End,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Dot,
    Nil,
    /// A word of the language: `if`, `end`.
    Keyword(Keyword),
}

/// A word of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    /// Bytes from the start of the text.
    pub(super) pos: usize,
    pub(super) text: &'a str,
    /// Line that it begins in, from 1.
    pub(super) line: usize,
}

impl Token<'_> {
    /// How errors show it.
    pub(super) fn shown(&self) -> String {
        match self.kind {
            TokenKind::End => "EOF".to_owned(),
            TokenKind::Keyword(_) | TokenKind::Dot | TokenKind::Nil => format!("<{}>", self.text),
            _ if self.text.len() > 10 => {
                let cut = self.text.char_indices().nth(10).map_or(self.text.len(), |(at, _)| at);
                format!("{}...", quote(&self.text[..cut]))
            }
            _ => quote(self.text),
        }
    }
}

/// The state of the cutting.
pub(super) struct Lexer<'a> {
    input: &'a str,
    pos: usize,
    start: usize,
    /// Newlines before `start`, and 1.
    line: usize,
    inside_action: bool,
    parens: usize,
    break_is_keyword: bool,
    continue_is_keyword: bool,
    failure: String,
}

impl<'a> Lexer<'a> {
    /// A lexer of a text. `break` and `continue` are ordinary names when there is a function of that name.
    pub(super) fn new(input: &'a str, break_is_keyword: bool, continue_is_keyword: bool) -> Self {
        Self {
            input,
            pos: 0,
            start: 0,
            line: 1,
            inside_action: false,
            parens: 0,
            break_is_keyword,
            continue_is_keyword,
            failure: String::new(),
        }
    }

    /// What the last token of kind [`TokenKind::Error`] was about.
    pub(super) fn failure(&self) -> &str {
        &self.failure
    }

    /// The next token; at the end, that of the end again and again.
    pub(super) fn next_token(&mut self) -> Token<'a> {
        if self.inside_action { self.action() } else { self.text() }
    }

    fn rest(&self) -> &'a str {
        self.input.get(self.pos..).unwrap_or_default()
    }

    fn pending(&self) -> &'a str {
        self.input.get(self.start..self.pos).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, valid: &str) -> bool {
        let fits = self.peek().is_some_and(|c| valid.contains(c));
        if fits {
            self.next();
        }
        fits
    }

    fn accept_run(&mut self, valid: &str) {
        while self.accept(valid) {}
    }

    fn accept_while(&mut self, valid: fn(char) -> bool) {
        while self.peek().is_some_and(valid) {
            self.next();
        }
    }

    /// Passes over what is pending.
    fn ignore(&mut self) {
        self.line += self.pending().bytes().filter(|byte| *byte == b'\n').count();
        self.start = self.pos;
    }

    fn emit(&mut self, kind: TokenKind) -> Token<'a> {
        let token = Token { kind, pos: self.start, text: self.pending(), line: self.line };
        self.ignore();
        token
    }

    fn fail(&mut self, failure: impl Into<String>) -> Token<'a> {
        self.failure = failure.into();
        Token { kind: TokenKind::Error, pos: self.start, text: "", line: self.line }
    }

    /// Text up to the next action, comments left out.
    fn text(&mut self) -> Token<'a> {
        loop {
            let Some(length) = self.rest().find(LEFT) else {
                self.pos = self.input.len();
                let kind = if self.start < self.pos { TokenKind::Text } else { TokenKind::End };
                return self.emit(kind);
            };
            let delim = self.pos + length;
            let before = &self.input[self.pos..delim];
            let after = &self.input[delim + LEFT.len()..];
            let kept =
                if has_left_marker(after) { before.trim_end_matches(is_space) } else { before };
            self.pos += kept.len();
            let token = self.emit(TokenKind::Text);
            self.pos = delim;
            self.ignore();
            if !token.text.is_empty() {
                return token;
            }
            let marker = if has_left_marker(after) { MARKER_BYTES } else { 0 };
            if !after[marker..].starts_with(LEFT_COMMENT) {
                return self.left_delim(marker);
            }
            self.pos += LEFT.len() + marker;
            self.ignore();
            if let Err(failure) = self.comment() {
                return self.fail(failure);
            }
        }
    }

    fn left_delim(&mut self, marker: usize) -> Token<'a> {
        self.pos += LEFT.len();
        let token = self.emit(TokenKind::LeftDelim);
        self.inside_action = true;
        self.pos += marker;
        self.ignore();
        self.parens = 0;
        token
    }

    fn comment(&mut self) -> Result<(), &'static str> {
        let body = self.rest().get(LEFT_COMMENT.len()..).unwrap_or_default();
        let length = body.find(RIGHT_COMMENT).ok_or("unclosed comment")?;
        let end = self.pos + LEFT_COMMENT.len() + length + RIGHT_COMMENT.len();
        let trims =
            right_delim(&self.input[end..]).ok_or("comment ends before closing delimiter")?;
        self.pos = end + if trims { MARKER_BYTES } else { 0 } + RIGHT.len();
        if trims {
            self.pos += leading_spaces(self.rest());
        }
        self.ignore();
        Ok(())
    }

    fn right_delim(&mut self, trims: bool) -> Token<'a> {
        if trims {
            self.pos += MARKER_BYTES;
            self.ignore();
        }
        self.pos += RIGHT.len();
        let token = self.emit(TokenKind::RightDelim);
        if trims {
            self.pos += leading_spaces(self.rest());
            self.ignore();
        }
        self.inside_action = false;
        token
    }

    fn action(&mut self) -> Token<'a> {
        if let Some(trims) = right_delim(self.rest()) {
            if self.parens == 0 {
                return self.right_delim(trims);
            }
            return self.fail("unclosed left paren");
        }
        let Some(c) = self.peek() else { return self.fail("unclosed action") };
        match c {
            c if is_space(c) => return self.space(),
            '+' | '-' | '0'..='9' => return self.number(),
            '.' if self.dot_begins_number() => return self.number(),
            c if is_alphanumeric(c) => return self.identifier(),
            _ => {}
        }
        self.next();
        match c {
            '=' => self.emit(TokenKind::Assign),
            ':' if self.accept("=") => self.emit(TokenKind::Declare),
            ':' => self.fail("expected :="),
            '|' => self.emit(TokenKind::Pipe),
            '"' => self.quoted('"', TokenKind::String),
            '\'' => self.quoted('\'', TokenKind::CharConstant),
            '`' => self.raw_string(),
            '.' => self.field_or_variable(TokenKind::Field),
            '$' => self.field_or_variable(TokenKind::Variable),
            '(' => {
                self.parens += 1;
                self.emit(TokenKind::LeftParen)
            }
            ')' => self.right_paren(),
            ' '..='~' => self.emit(TokenKind::Char),
            c => self.fail(format!("unrecognized character in action: {}", code_point(c))),
        }
    }

    fn dot_begins_number(&self) -> bool {
        self.rest().as_bytes().get(1).is_none_or(u8::is_ascii_digit)
    }

    fn right_paren(&mut self) -> Token<'a> {
        match self.parens.checked_sub(1) {
            Some(parens) => {
                self.parens = parens;
                self.emit(TokenKind::RightParen)
            }
            None => self.fail("unexpected right paren"),
        }
    }

    /// A run of spaces; the last of them may belong to a trim marker.
    fn space(&mut self) -> Token<'a> {
        self.accept_while(is_space);
        let before_last = self.pos - 1;
        if right_delim(&self.input[before_last..]) == Some(true) {
            self.pos = before_last;
            if self.pos == self.start {
                return self.right_delim(true);
            }
        }
        self.emit(TokenKind::Space)
    }

    fn identifier(&mut self) -> Token<'a> {
        self.accept_while(is_alphanumeric);
        if let Some(c) = self.unterminated() {
            return self.fail(format!("bad character {}", code_point(c)));
        }
        let kind = match self.pending() {
            "true" | "false" => TokenKind::Bool,
            "nil" => TokenKind::Nil,
            "break" if !self.break_is_keyword => TokenKind::Identifier,
            "continue" if !self.continue_is_keyword => TokenKind::Identifier,
            word => keyword(word).map_or(TokenKind::Identifier, TokenKind::Keyword),
        };
        self.emit(kind)
    }

    /// `.Name` or `$name`, of which the first character is past. Alone they are the dot and `$`.
    fn field_or_variable(&mut self, kind: TokenKind) -> Token<'a> {
        if self.unterminated().is_none() {
            return self.emit(if kind == TokenKind::Field { TokenKind::Dot } else { kind });
        }
        self.accept_while(is_alphanumeric);
        match self.unterminated() {
            Some(c) => self.fail(format!("bad character {}", code_point(c))),
            None => self.emit(kind),
        }
    }

    /// The next character, when no identifier may end before it.
    fn unterminated(&self) -> Option<char> {
        let c = self.peek()?;
        let ends = is_space(c) || ".,|:)(".contains(c) || self.rest().starts_with(RIGHT);
        (!ends).then_some(c)
    }

    fn quoted(&mut self, quote: char, kind: TokenKind) -> Token<'a> {
        loop {
            let escaped = match self.next() {
                Some(c) if c == quote => return self.emit(kind),
                Some('\\') => self.next(),
                other => other,
            };
            if escaped.is_none_or(|c| c == '\n') {
                let what = if quote == '"' { "quoted string" } else { "character constant" };
                return self.fail(format!("unterminated {what}"));
            }
        }
    }

    fn raw_string(&mut self) -> Token<'a> {
        match self.rest().find('`') {
            Some(length) => {
                self.pos += length + 1;
                self.emit(TokenKind::RawString)
            }
            None => self.fail("unterminated raw quoted string"),
        }
    }

    /// A number, or something like one: the parser finds out.
    fn number(&mut self) -> Token<'a> {
        if !self.scan_number() {
            return self.bad_number();
        }
        if !self.peek().is_some_and(|c| c == '+' || c == '-') {
            return self.emit(TokenKind::Number);
        }
        if !self.scan_number() || !self.pending().ends_with('i') {
            return self.bad_number();
        }
        self.emit(TokenKind::Complex)
    }

    fn bad_number(&mut self) -> Token<'a> {
        self.fail(format!("bad number syntax: {}", quote(self.pending())))
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = DECIMAL;
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        let exponent = match digits.len() {
            11 => "eE",
            23 => "pP",
            _ => "",
        };
        if self.accept(exponent) {
            self.accept("+-");
            self.accept_run(DECIMAL);
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }
}

fn keyword(word: &str) -> Option<Keyword> {
    Some(match word {
        "block" => Keyword::Block,
        "break" => Keyword::Break,
        "continue" => Keyword::Continue,
        "define" => Keyword::Define,
        "else" => Keyword::Else,
        "end" => Keyword::End,
        "if" => Keyword::If,
        "range" => Keyword::Range,
        "template" => Keyword::Template,
        "with" => Keyword::With,
        _ => return None,
    })
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn leading_spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches(is_space).len()
}

fn has_left_marker(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|rest| rest.starts_with(is_space))
}

/// Whether the text begins with a right delimiter, and if so, whether that one trims.
fn right_delim(text: &str) -> Option<bool> {
    if text.starts_with(RIGHT) {
        return Some(false);
    }
    let after = text.strip_prefix(is_space)?.strip_prefix('-')?;
    after.starts_with(RIGHT).then_some(true)
}

/// A character as Go's `%#U` shows it.
pub(super) fn code_point(c: char) -> String {
    let code = u32::from(c);
    if is_printable(c) {
        return format!("U+{code:04X} '{c}'");
    }
    format!("U+{code:04X}")
}
