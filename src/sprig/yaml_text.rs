//! Writes YAML scalars as go-yaml's emitter does: which style a text gets, and how it looks in it.

use crate::sprig::yaml_scalar::{Dialect, Scalar, old_bool, resolve};

/// Column from which version 2 breaks lines at spaces.
const LINE_WIDTH: usize = 80;

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// What is written so far, and what the emitter remembers of it.
pub(super) struct Page {
    pub(super) out: String,
    pub(super) dialect: Dialect,
    /// Characters on the current line.
    column: usize,
    /// Where blocks start; -1 outside all.
    pub(super) indent: isize,
    /// Whether the last thing written leaves room for the next.
    whitespace: bool,
    /// Whether nothing but indentation and `-`, `?` and `:` stand on this line.
    pub(super) indention: bool,
}

/// What a text allows.
#[allow(clippy::struct_excessive_bools)] // four independent facts
struct Traits {
    multiline: bool,
    plain: bool,
    single_quoted: bool,
    literal: bool,
}

impl Page {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            out: String::new(),
            dialect,
            column: 0,
            indent: -1,
            whitespace: true,
            indention: true,
        }
    }

    fn margin(&self) -> usize {
        usize::try_from(self.indent).unwrap_or(0)
    }

    fn put(&mut self, char: char) {
        self.out.push(char);
        self.column += 1;
    }

    /// Writes a piece without line breaks.
    fn put_all(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += if text.is_ascii() { text.len() } else { text.chars().count() };
    }

    /// Writes a line break of any kind.
    fn put_break(&mut self, char: char) {
        self.out.push(char);
        self.column = 0;
        self.indention = true;
    }

    /// Goes to the margin, on a new line unless this one has nothing yet.
    pub(super) fn start_line(&mut self) {
        let margin = self.margin();
        if !self.indention || self.column > margin || (self.column == margin && !self.whitespace) {
            self.put_break('\n');
        }
        while self.column < margin {
            self.put(' ');
        }
        self.whitespace = true;
        if self.dialect == Dialect::V2 {
            self.indention = true;
        }
    }

    /// Writes `-`, `:`, `{` and their like. `leading`: whether what follows may still count as the start of the line.
    pub(super) fn indicator(&mut self, text: &str, apart: bool, room: bool, leading: bool) {
        if apart && !self.whitespace {
            self.put(' ');
        }
        self.put_all(text);
        self.whitespace = room;
        self.indention = self.indention && leading;
    }

    /// Writes a tag.
    pub(super) fn tag(&mut self, tag: &str) {
        self.indicator(tag, true, false, false);
    }

    /// Writes something that needs no quotes: a number, a boolean, null.
    pub(super) fn word(&mut self, word: &str) {
        if !self.whitespace {
            self.put(' ');
        }
        self.put_all(word);
        self.whitespace = false;
        self.indention = false;
    }

    /// Writes a text. `key`: it must stay on one line.
    pub(super) fn text(&mut self, text: &str, style: Style, key: bool) {
        let outer = self.indent;
        self.indent = if outer < 0 { 2 } else { outer + 2 };
        match style {
            Style::Plain => self.plain(text, !key),
            Style::SingleQuoted => self.single_quoted(text, !key),
            Style::DoubleQuoted => self.double_quoted(text, !key),
            Style::Literal => self.literal(text),
        }
        self.indent = outer;
    }

    /// Whether a line is so long that it is broken at the next space.
    fn is_full(&self) -> bool {
        self.dialect == Dialect::V2 && self.column > LINE_WIDTH
    }

    fn plain(&mut self, text: &str, breaks: bool) {
        if !self.whitespace {
            self.put(' ');
        }
        let short = self.column + text.len() <= LINE_WIDTH;
        if short || !breaks || self.dialect == Dialect::V3 || !text.contains(' ') {
            self.put_all(text);
        } else {
            let mut after_space = false;
            let mut chars = text.chars().peekable();
            while let Some(char) = chars.next() {
                if char == ' ' {
                    if !after_space && self.is_full() && chars.peek() != Some(&' ') {
                        self.start_line();
                    } else {
                        self.put(char);
                    }
                    after_space = true;
                } else {
                    self.put(char);
                    self.indention = false;
                    after_space = false;
                }
            }
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn single_quoted(&mut self, text: &str, breaks: bool) {
        self.indicator("'", true, false, false);
        let (mut after_space, mut after_break) = (false, false);
        let mut chars = text.char_indices().peekable();
        while let Some((at, char)) = chars.next() {
            let next = chars.peek().map(|(_, next)| *next);
            if char == ' ' {
                let inside = at > 0 && next.is_some();
                if breaks && !after_space && inside && next != Some(' ') && self.is_full() {
                    self.start_line();
                } else {
                    self.put(char);
                }
                after_space = true;
            } else if is_break(char) {
                if !after_break && char == '\n' {
                    self.put_break('\n');
                }
                self.put_break(char);
                after_break = true;
            } else {
                if after_break {
                    self.start_line();
                }
                if char == '\'' {
                    self.put('\'');
                }
                self.put(char);
                self.indention = false;
                (after_space, after_break) = (false, false);
            }
        }
        self.indicator("'", false, false, false);
    }

    fn double_quoted(&mut self, text: &str, breaks: bool) {
        self.indicator("\"", true, false, false);
        // go-yaml looks for the byte order mark at the start of the text whatever character it is at.
        let escape_all = text.starts_with('\u{feff}');
        let mut after_space = false;
        let mut chars = text.char_indices().peekable();
        while let Some((at, char)) = chars.next() {
            let next = chars.peek().map(|(_, next)| *next);
            if escape_all || !is_printable(char) || is_break(char) || matches!(char, '"' | '\\') {
                self.escape(char);
                after_space = false;
            } else if char == ' ' {
                if breaks && !after_space && at > 0 && next.is_some() && self.is_full() {
                    self.start_line();
                    if next == Some(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(char);
                }
                after_space = true;
            } else {
                self.put(char);
                after_space = false;
            }
        }
        self.indicator("\"", false, false, false);
    }

    fn escape(&mut self, char: char) {
        let code = u32::from(char);
        let short = match code {
            0x00 => "\\0",
            0x07 => "\\a",
            0x08 => "\\b",
            0x09 => "\\t",
            0x0a => "\\n",
            0x0b => "\\v",
            0x0c => "\\f",
            0x0d => "\\r",
            0x1b => "\\e",
            0x22 => "\\\"",
            0x5c => "\\\\",
            0x85 => "\\N",
            0xa0 => "\\_",
            0x2028 => "\\L",
            0x2029 => "\\P",
            _ => "",
        };
        match code {
            _ if !short.is_empty() => self.put_all(short),
            0..=0xff => self.put_all(&format!("\\x{code:02X}")),
            0x100..=0xffff => self.put_all(&format!("\\u{code:04X}")),
            _ => self.put_all(&format!("\\U{code:08X}")),
        }
    }

    fn literal(&mut self, text: &str) {
        self.indicator("|", true, false, false);
        if text.starts_with(' ') || text.starts_with(is_break) {
            self.indicator("2", false, false, false);
        }
        let mut from_end = text.chars().rev();
        match (from_end.next().is_some_and(is_break), from_end.next()) {
            (false, _) => self.indicator("-", false, false, false),
            (true, None) => self.indicator("+", false, false, false),
            (true, Some(before)) if is_break(before) => self.indicator("+", false, false, false),
            _ => {}
        }
        self.put_break('\n');
        self.whitespace = true;
        let mut rest = text;
        while let Some(char) = rest.chars().next() {
            if is_break(char) {
                self.put_break(char);
                rest = &rest[char.len_utf8()..];
                continue;
            }
            let end = rest.find(is_break).unwrap_or(rest.len());
            self.start_line();
            self.put_all(&rest[..end]);
            self.indention = false;
            rest = &rest[end..];
        }
    }
}

/// The style that go-yaml gives a text, and whether it can be a key without `?`.
pub(super) fn choose(text: &str, dialect: Dialect, key: bool) -> (Style, bool) {
    let traits = analyze(text, dialect);
    let simple = key && !traits.multiline && text.len() <= 128;
    let mut style = if text.contains('\n') {
        Style::Literal
    } else if needs_no_quotes(text, dialect) {
        Style::Plain
    } else {
        Style::DoubleQuoted
    };
    if style == Style::Plain && !traits.plain {
        style = Style::SingleQuoted;
    }
    if style == Style::SingleQuoted && !traits.single_quoted {
        style = Style::DoubleQuoted;
    }
    if style == Style::Literal && !traits.literal {
        style = Style::DoubleQuoted;
    }
    (style, simple)
}

/// Whether a text reads back as a text without quotes.
fn needs_no_quotes(text: &str, dialect: Dialect) -> bool {
    resolve(text, dialect, true) == Scalar::Text
        && !is_base_60(text)
        && (dialect == Dialect::V2 || old_bool(text).is_none())
}

/// `12:30:45`, a number to YAML 1.1.
fn is_base_60(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let Some((first, rest)) = unsigned.split_once(':') else { return false };
    if !first.starts_with(|char: char| char.is_ascii_digit()) || !digits(first) {
        return false;
    }
    let (groups, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    digits(fraction)
        && groups
            .split(':')
            .all(|group| matches!(group.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']))
}

fn analyze(text: &str, dialect: Dialect) -> Traits {
    let mut indicators = text.starts_with("---") || text.starts_with("...");
    let (mut multiline, mut special, mut tabs) = (false, false, false);
    let (mut break_space, mut space_break) = (false, false);
    let (mut after_space, mut after_break, mut after_white) = (false, false, true);
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let white_follows = chars.peek().is_none_or(|(_, next)| matches!(next, ' ' | '\t'));
        indicators |= match char {
            '#' => after_white,
            ':' => white_follows,
            '?' | '-' => at == 0 && white_follows,
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
            | '`' => at == 0,
            _ => false,
        };
        if char == '\t' && dialect == Dialect::V3 {
            tabs = true;
        } else if !is_printable(char) {
            special = true;
        }
        let is_break = is_break(char);
        break_space |= char == ' ' && after_break;
        space_break |= is_break && after_space;
        multiline |= is_break;
        after_space = char == ' ';
        after_break = is_break;
        after_white = is_break || matches!(char, ' ' | '\t' | '\0');
    }
    let edge = |char: char| char == ' ' || is_break(char);
    let edges = text.starts_with(edge) || text.ends_with(edge);
    let quotable = !break_space && !space_break && !special && !tabs;
    Traits {
        multiline,
        plain: quotable && !edges && !multiline && !indicators,
        single_quoted: quotable,
        literal: !text.is_empty() && !text.ends_with(' ') && !space_break && !special,
    }
}

fn is_break(char: char) -> bool {
    matches!(char, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What needs no escape. Characters beyond the basic plane do, to go-yaml.
fn is_printable(char: char) -> bool {
    matches!(char, '\n' | ' '..='~' | '\u{a0}'..='\u{fffd}') && char != '\u{feff}'
}
