//! Tokens that are content: plain, quoted and block scalars.

use std::borrow::Cow;

use crate::sprig::yaml_scan::{Scanner, Token};
use crate::sprig::yaml_scan_tag::hex;

/// The line breaks between two lines of a scalar.
#[derive(Default)]
struct Fold {
    /// What the first one stands for; nothing when there was none.
    first: &'static str,
    /// The further ones.
    more: String,
}

impl Fold {
    fn add(&mut self, seen: bool, line_break: &'static str) {
        if seen {
            self.more.push_str(line_break);
        } else {
            self.first = line_break;
        }
    }

    /// One break is a space, further ones are themselves.
    fn join(&mut self, text: &mut String) {
        match (self.first, self.more.is_empty()) {
            ("\n", true) => text.push(' '),
            ("\n", false) => text.push_str(&self.more),
            (first, _) => {
                text.push_str(first);
                text.push_str(&self.more);
            }
        }
        self.first = "";
        self.more.clear();
    }
}

impl<'a> Scanner<'a> {
    /// A scalar without quotes. On one line, which is the rule, it is borrowed from the text.
    pub(super) fn scan_plain_scalar(&mut self) -> Result<Token<'a>, String> {
        let indent = usize::try_from(self.indent + 1).unwrap_or(0);
        let mut folded = String::new();
        let mut fold = Fold::default();
        let (mut from, mut to) = (self.cursor.position(), self.cursor.position());
        let mut after_break = false;
        while !self.cursor.at_document_marker() && self.cursor.byte(0) != b'#' {
            while !self.cursor.is_blank_or_end(0) && !self.ends_plain() {
                if after_break {
                    folded.push_str(self.cursor.between(from, to));
                    fold.join(&mut folded);
                    from = self.cursor.position();
                    after_break = false;
                }
                self.cursor.skip();
                to = self.cursor.position();
            }
            if !self.cursor.is_blank(0) && !self.cursor.is_break(0) {
                break;
            }
            while self.cursor.is_blank(0) || self.cursor.is_break(0) {
                if self.cursor.is_break(0) {
                    fold.add(after_break, self.cursor.line_break());
                    after_break = true;
                    continue;
                }
                if after_break && self.cursor.mark.column < indent && self.cursor.byte(0) == b'\t' {
                    return Err(self.error("found a tab character that violates indentation"));
                }
                self.cursor.skip();
            }
            if self.flow_level == 0 && self.cursor.mark.column < indent {
                break;
            }
        }
        if after_break {
            self.simple_key_allowed = true;
        }
        let last = self.cursor.between(from, to);
        let text = if folded.is_empty() { Cow::Borrowed(last) } else { (folded + last).into() };
        Ok(Token::Scalar { text, plain: true })
    }

    fn ends_plain(&self) -> bool {
        match self.cursor.byte(0) {
            b':' => self.cursor.is_blank_or_end(1),
            b',' | b'?' | b'[' | b']' | b'{' | b'}' => self.flow_level > 0,
            _ => false,
        }
    }

    /// `'…'` and `"…"`.
    pub(super) fn scan_quoted_scalar(&mut self, single: bool) -> Result<Token<'a>, String> {
        let quote = if single { b'\'' } else { b'"' };
        self.cursor.skip();
        let mut text = String::new();
        let mut fold = Fold::default();
        loop {
            if self.cursor.at_document_marker() {
                return Err(self.error("found unexpected document indicator"));
            }
            if self.cursor.at_end() {
                return Err(self.error("found unexpected end of stream"));
            }
            let mut after_break = self.scan_quoted_word(single, quote, &mut text)?;
            if self.cursor.byte(0) == quote {
                break;
            }
            let blanks_from = self.cursor.position();
            let mut blanks_to = blanks_from;
            while self.cursor.is_blank(0) || self.cursor.is_break(0) {
                if self.cursor.is_break(0) {
                    fold.add(after_break, self.cursor.line_break());
                    after_break = true;
                    continue;
                }
                self.cursor.skip();
                blanks_to = self.cursor.position();
            }
            if after_break {
                fold.join(&mut text);
            } else {
                text.push_str(self.cursor.between(blanks_from, blanks_to));
            }
        }
        self.cursor.skip();
        Ok(Token::Scalar { text: text.into(), plain: false })
    }

    /// Reads up to the next blank, break or the closing quote. Says whether it ended with an escaped line break.
    fn scan_quoted_word(
        &mut self,
        single: bool,
        quote: u8,
        text: &mut String,
    ) -> Result<bool, String> {
        let mut from = self.cursor.position();
        while !self.cursor.is_blank_or_end(0) {
            let byte = self.cursor.byte(0);
            let special = byte == quote || (!single && byte == b'\\');
            if !special {
                self.cursor.skip();
                continue;
            }
            text.push_str(self.cursor.between(from, self.cursor.position()));
            if single && self.cursor.byte(1) == b'\'' {
                text.push('\'');
                self.cursor.skip();
                self.cursor.skip();
            } else if byte == quote {
                return Ok(false);
            } else if self.cursor.is_break(1) {
                self.cursor.skip();
                self.cursor.line_break();
                return Ok(true);
            } else {
                self.scan_escape(text)?;
            }
            from = self.cursor.position();
        }
        text.push_str(self.cursor.between(from, self.cursor.position()));
        Ok(false)
    }

    fn scan_escape(&mut self, text: &mut String) -> Result<(), String> {
        let (char, digits) = match self.cursor.byte(1) {
            b'0' => ('\0', 0),
            b'a' => ('\u{7}', 0),
            b'b' => ('\u{8}', 0),
            b't' | b'\t' => ('\t', 0),
            b'n' => ('\n', 0),
            b'v' => ('\u{b}', 0),
            b'f' => ('\u{c}', 0),
            b'r' => ('\r', 0),
            b'e' => ('\u{1b}', 0),
            b' ' => (' ', 0),
            b'"' => ('"', 0),
            b'\'' => ('\'', 0),
            b'\\' => ('\\', 0),
            b'N' => ('\u{85}', 0),
            b'_' => ('\u{a0}', 0),
            b'L' => ('\u{2028}', 0),
            b'P' => ('\u{2029}', 0),
            b'x' => ('\0', 2),
            b'u' => ('\0', 4),
            b'U' => ('\0', 8),
            _ => return Err(self.error("found unknown escape character")),
        };
        self.cursor.skip();
        self.cursor.skip();
        if digits == 0 {
            text.push(char);
            return Ok(());
        }
        let mut value: u32 = 0;
        for ahead in 0..digits {
            let Some(digit) = hex(self.cursor.byte(ahead)) else {
                return Err(self.error("did not find expected hexdecimal number"));
            };
            value = value << 4 | u32::from(digit);
        }
        let Some(char) = char::from_u32(value) else {
            return Err(self.error("found invalid Unicode character escape code"));
        };
        text.push(char);
        for _ in 0..digits {
            self.cursor.skip();
        }
        Ok(())
    }

    /// `|` and `>`.
    pub(super) fn scan_block_scalar(&mut self, literal: bool) -> Result<Token<'a>, String> {
        self.cursor.skip();
        let (chomping, increment) = self.scan_block_header()?;
        self.end_of_line()?;
        let mut indent = match increment {
            0 => 0,
            increment => usize::try_from(self.indent).unwrap_or(0) + increment,
        };
        let mut text = String::new();
        let mut fold = Fold::default();
        self.scan_block_breaks(&mut indent, &mut fold.more)?;
        let mut leading_blank = false;
        while self.cursor.mark.column == indent && !self.cursor.at_end() {
            let blank = self.cursor.is_blank(0);
            if !literal && !leading_blank && !blank && fold.first == "\n" {
                fold.join(&mut text);
            } else {
                text.push_str(fold.first);
                text.push_str(&fold.more);
                fold = Fold::default();
            }
            leading_blank = blank;
            text.push_str(self.cursor.skip_to_break());
            fold.first = self.cursor.line_break();
            self.scan_block_breaks(&mut indent, &mut fold.more)?;
        }
        if chomping != Some(false) {
            text.push_str(fold.first);
        }
        if chomping == Some(true) {
            text.push_str(&fold.more);
        }
        Ok(Token::Scalar { text: text.into(), plain: false })
    }

    /// The indicators behind `|` or `>`: whether to keep (`+`) or strip (`-`) the last breaks, and how deep the text is.
    fn scan_block_header(&mut self) -> Result<(Option<bool>, usize), String> {
        let mut chomping = None;
        let mut increment = 0;
        for _ in 0..2 {
            match self.cursor.byte(0) {
                sign @ (b'+' | b'-') if chomping.is_none() => chomping = Some(sign == b'+'),
                b'0' if increment == 0 => {
                    return Err(self.error("found an indentation indicator equal to 0"));
                }
                digit @ b'1'..=b'9' if increment == 0 => increment = usize::from(digit - b'0'),
                _ => break,
            }
            self.cursor.skip();
        }
        Ok((chomping, increment))
    }

    /// Goes over indentation and empty lines; finds out the indentation when it is still 0.
    fn scan_block_breaks(&mut self, indent: &mut usize, breaks: &mut String) -> Result<(), String> {
        let mut deepest = 0;
        loop {
            while (*indent == 0 || self.cursor.mark.column < *indent) && self.cursor.byte(0) == b' '
            {
                self.cursor.skip();
            }
            deepest = deepest.max(self.cursor.mark.column);
            if (*indent == 0 || self.cursor.mark.column < *indent) && self.cursor.byte(0) == b'\t' {
                let words = "found a tab character where an indentation space is expected";
                return Err(self.error(words));
            }
            if !self.cursor.is_break(0) {
                break;
            }
            breaks.push_str(self.cursor.line_break());
        }
        if *indent == 0 {
            *indent = deepest.max(usize::try_from(self.indent + 1).unwrap_or(0)).max(1);
        }
        Ok(())
    }
}
