//! Cuts a YAML text into tokens, as go-yaml's scanner (libyaml's) does.
//!
//! Not every parser will do: charts were written against go-yaml, which knows YAML 1.1. What it takes for a line break, where
//! it lets a tab pass, what a `?` inside brackets means and which words it finds for a mistake are seen by templates, and
//! parsers for YAML 1.2 answer each of them in another way.

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::sprig::yaml_cursor::{Cursor, Mark};

/// The longest key, in characters, that is found without a `?` before it.
const SIMPLE_KEY_CHARS_MAX: usize = 1024;

/// What a token is.
#[derive(Debug)]
pub(super) enum Token<'a> {
    StreamEnd,
    VersionDirective(u8, u8),
    TagDirective { handle: String, prefix: String },
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'a str),
    Anchor(&'a str),
    Tag { handle: String, suffix: String },
    Scalar { text: Cow<'a, str>, plain: bool },
}

/// Something before which a `:` would make it a key.
#[derive(Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    required: bool,
    token: usize,
    mark: Mark,
}

/// The scanner. A token stays in the queue while it may turn out to start a key.
pub(super) struct Scanner<'a> {
    pub(super) cursor: Cursor<'a>,
    /// Column of the current block; -1 outside all.
    pub(super) indent: isize,
    pub(super) simple_key_allowed: bool,
    pub(super) flow_level: usize,
    indents: Vec<isize>,
    queue: VecDeque<(Token<'a>, Mark)>,
    /// Tokens that have left the queue.
    taken: usize,
    /// One for each level of brackets.
    simple_keys: Vec<SimpleKey>,
    /// Tokens at which a key may start, with the level of brackets.
    candidates: VecDeque<(usize, usize)>,
    ended: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            cursor: Cursor::new(text),
            indent: -1,
            simple_key_allowed: true,
            flow_level: 0,
            indents: Vec::new(),
            queue: VecDeque::new(),
            taken: 0,
            simple_keys: vec![SimpleKey::default()],
            candidates: VecDeque::new(),
            ended: false,
        }
    }

    /// The next token, which stays.
    pub(super) fn peek(&mut self) -> Result<&(Token<'a>, Mark), String> {
        while self.wants_more()? {
            self.fetch()?;
        }
        self.queue.front().ok_or_else(|| String::from("unexpected end of stream"))
    }

    /// Takes the next token.
    pub(super) fn take(&mut self) -> Result<(Token<'a>, Mark), String> {
        self.peek()?;
        self.taken += 1;
        self.queue.pop_front().ok_or_else(|| String::from("unexpected end of stream"))
    }

    /// An error at the place where the scanner stands.
    pub(super) fn error(&self, message: &str) -> String {
        match self.cursor.mark.line {
            0 => message.to_string(),
            line => format!("line {}: {message}", line + 1),
        }
    }

    fn wants_more(&mut self) -> Result<bool, String> {
        if self.queue.is_empty() {
            return Ok(!self.ended);
        }
        while self.candidates.front().is_some_and(|(token, _)| *token < self.taken) {
            self.candidates.pop_front();
        }
        let Some(&(token, level)) = self.candidates.front() else { return Ok(false) };
        let Some(key) = self.simple_keys.get(level) else { return Ok(false) };
        if token != self.taken || key.token != token {
            return Ok(false);
        }
        self.is_key_still_possible(level)
    }

    /// A key must be on one line and short.
    fn is_key_still_possible(&mut self, level: usize) -> Result<bool, String> {
        let here = self.cursor.mark;
        let Some(key) = self.simple_keys.get_mut(level) else { return Ok(false) };
        if !key.possible {
            return Ok(false);
        }
        if key.mark.line < here.line || key.mark.index + SIMPLE_KEY_CHARS_MAX < here.index {
            if key.required {
                return Err(self.error("could not find expected ':'"));
            }
            key.possible = false;
            return Ok(false);
        }
        Ok(true)
    }

    fn save_simple_key(&mut self) -> Result<(), String> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        let column = self.column();
        let required = self.flow_level == 0 && self.indent == column;
        let token = self.taken + self.queue.len();
        let key = SimpleKey { possible: true, required, token, mark: self.cursor.mark };
        self.remove_simple_key()?;
        if let Some(last) = self.simple_keys.last_mut() {
            *last = key;
        }
        self.candidates.push_back((token, self.simple_keys.len() - 1));
        Ok(())
    }

    fn remove_simple_key(&mut self) -> Result<(), String> {
        let Some(key) = self.simple_keys.last_mut() else { return Ok(()) };
        if key.possible && key.required {
            return Err(self.error("could not find expected ':'"));
        }
        key.possible = false;
        Ok(())
    }

    #[allow(clippy::cast_possible_wrap)] // a column fits: texts are shorter than isize::MAX
    fn column(&self) -> isize {
        self.cursor.mark.column as isize
    }

    /// Opens a block at a column, before the token of a number or at the end of the queue.
    fn roll_indent(&mut self, mark: Mark, before: Option<usize>, token: Token<'a>) {
        let column = isize::try_from(mark.column).unwrap_or(isize::MAX);
        if self.flow_level > 0 || self.indent >= column {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column;
        self.insert(before, token, mark);
    }

    /// Closes the blocks that are further right than a column.
    fn unroll_indent(&mut self, column: isize) {
        if self.flow_level > 0 {
            return;
        }
        while self.indent > column {
            self.queue.push_back((Token::BlockEnd, self.cursor.mark));
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn insert(&mut self, before: Option<usize>, token: Token<'a>, mark: Mark) {
        let end = self.queue.len();
        let place =
            before.and_then(|number| number.checked_sub(self.taken)).unwrap_or(end).min(end);
        self.queue.insert(place, (token, mark));
    }

    /// Reads one token, sometimes a few, into the queue.
    fn fetch(&mut self) -> Result<(), String> {
        self.skip_to_token();
        self.unroll_indent(self.column());
        if self.cursor.at_end() {
            return self.fetch_end();
        }
        let first = self.cursor.byte(0);
        if self.cursor.mark.column == 0 && first == b'%' {
            return self.fetch_directive();
        }
        if self.cursor.at_document_marker() {
            let token = if first == b'-' { Token::DocumentStart } else { Token::DocumentEnd };
            return self.fetch_document_marker(token);
        }
        let in_flow = self.flow_level > 0;
        let blank_follows = self.cursor.is_blank_or_end(1);
        match first {
            b'[' => self.fetch_flow_start(Token::FlowSequenceStart),
            b'{' => self.fetch_flow_start(Token::FlowMappingStart),
            b']' => self.fetch_flow_end(Token::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(Token::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if blank_follows => self.fetch_block_entry(),
            b'?' if in_flow || blank_follows => self.fetch_key(),
            b':' if in_flow || blank_follows => self.fetch_value(),
            b'*' | b'&' => self.fetch_anchor(first == b'*'),
            b'!' => self.fetch_tag(),
            b'|' | b'>' if !in_flow => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                self.fetch_scalar(|scanner| scanner.scan_block_scalar(first == b'|'))
            }
            b'\'' | b'"' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                self.fetch_scalar(|scanner| scanner.scan_quoted_scalar(first == b'\''))
            }
            b'-' | b'?' | b':' if !blank_follows => self.fetch_plain(),
            b'\t' | b' ' | b'-' | b'?' | b':' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => {
                Err(self.error("found character that cannot start any token"))
            }
            _ => self.fetch_plain(),
        }
    }

    fn fetch_plain(&mut self) -> Result<(), String> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        self.fetch_scalar(Self::scan_plain_scalar)
    }

    fn fetch_scalar(
        &mut self,
        scan: impl FnOnce(&mut Self) -> Result<Token<'a>, String>,
    ) -> Result<(), String> {
        let mark = self.cursor.mark;
        let token = scan(self)?;
        self.queue.push_back((token, mark));
        Ok(())
    }

    /// Goes over blanks, comments and empty lines.
    fn skip_to_token(&mut self) {
        loop {
            while self.cursor.byte(0) == b' '
                || (self.cursor.byte(0) == b'\t'
                    && (self.flow_level > 0 || !self.simple_key_allowed))
            {
                self.cursor.skip();
            }
            if self.cursor.byte(0) == b'#' {
                self.cursor.skip_to_break();
            }
            if !self.cursor.is_break(0) {
                return;
            }
            self.cursor.line_break();
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    fn fetch_end(&mut self) -> Result<(), String> {
        if self.cursor.mark.column != 0 {
            self.cursor.mark.column = 0;
            self.cursor.mark.line += 1;
        }
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.ended = true;
        self.queue.push_back((Token::StreamEnd, self.cursor.mark));
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<(), String> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.fetch_scalar(Self::scan_directive)
    }

    fn fetch_document_marker(&mut self, token: Token<'a>) -> Result<(), String> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.push_indicator(token, 3);
        Ok(())
    }

    /// Puts a token into the queue and goes over its characters.
    fn push_indicator(&mut self, token: Token<'a>, length: usize) {
        self.queue.push_back((token, self.cursor.mark));
        for _ in 0..length {
            self.cursor.skip();
        }
    }

    fn fetch_flow_start(&mut self, token: Token<'a>) -> Result<(), String> {
        self.save_simple_key()?;
        let number = self.taken + self.queue.len();
        self.simple_keys.push(SimpleKey { token: number, ..SimpleKey::default() });
        self.flow_level += 1;
        self.simple_key_allowed = true;
        self.push_indicator(token, 1);
        Ok(())
    }

    fn fetch_flow_end(&mut self, token: Token<'a>) -> Result<(), String> {
        self.remove_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            // In go-yaml this also forgets that an empty `{}` or `[]` could be a key.
            let last = self.simple_keys.pop().map(|key| key.token);
            self.candidates.retain(|(token, _)| Some(*token) != last);
        }
        self.simple_key_allowed = false;
        self.push_indicator(token, 1);
        Ok(())
    }

    fn fetch_flow_entry(&mut self) -> Result<(), String> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push_indicator(Token::FlowEntry, 1);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<(), String> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.error("block sequence entries are not allowed in this context"));
            }
            self.roll_indent(self.cursor.mark, None, Token::BlockSequenceStart);
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push_indicator(Token::BlockEntry, 1);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), String> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.error("mapping keys are not allowed in this context"));
            }
            self.roll_indent(self.cursor.mark, None, Token::BlockMappingStart);
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.push_indicator(Token::Key, 1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), String> {
        let level = self.simple_keys.len() - 1;
        if self.is_key_still_possible(level)? {
            let key = self.simple_keys[level];
            self.insert(Some(key.token), Token::Key, key.mark);
            self.roll_indent(key.mark, Some(key.token), Token::BlockMappingStart);
            self.simple_keys[level].possible = false;
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return Err(self.error("mapping values are not allowed in this context"));
                }
                self.roll_indent(self.cursor.mark, None, Token::BlockMappingStart);
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.push_indicator(Token::Value, 1);
        Ok(())
    }

    fn fetch_anchor(&mut self, alias: bool) -> Result<(), String> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        self.fetch_scalar(|scanner| scanner.scan_anchor(alias))
    }

    fn fetch_tag(&mut self) -> Result<(), String> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        self.fetch_scalar(Self::scan_tag)
    }
}
