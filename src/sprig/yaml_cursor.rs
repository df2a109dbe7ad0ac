//! A place in a YAML text, and what the characters there are to YAML 1.1.

/// A place: how many characters precede it, and where it is on the page. All count from 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    pub(super) index: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Walks a text character by character. Beyond the end it sees NUL, which the text itself cannot hold.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    pub(super) mark: Mark,
}

impl<'a> Cursor<'a> {
    /// Starts behind a byte order mark.
    pub(super) fn new(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { text, at: 0, mark: Mark::default() }
    }

    /// The byte some bytes ahead; 0 beyond the end.
    pub(super) fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    pub(super) fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Where it stands, in bytes.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The text between two positions that were taken before.
    pub(super) fn between(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or("")
    }

    /// Goes over one character that is no line break.
    pub(super) fn skip(&mut self) {
        self.at = (self.at + width(self.byte(0))).min(self.text.len());
        self.mark.index += 1;
        self.mark.column += 1;
    }

    /// Goes over what is left of the line; gives it.
    pub(super) fn skip_to_break(&mut self) -> &'a str {
        let from = self.at;
        while !self.is_break_or_end(0) {
            self.skip();
        }
        self.between(from, self.at)
    }

    /// Goes over one line break; gives what it stands for in a value.
    pub(super) fn line_break(&mut self) -> &'static str {
        let (bytes, chars, value) = match (self.byte(0), self.byte(1), self.byte(2)) {
            (b'\r', b'\n', _) => (2, 2, "\n"),
            (b'\r' | b'\n', _, _) => (1, 1, "\n"),
            (0xc2, 0x85, _) => (2, 1, "\n"),
            (0xe2, 0x80, 0xa8) => (3, 1, "\u{2028}"),
            (0xe2, 0x80, 0xa9) => (3, 1, "\u{2029}"),
            _ => return "",
        };
        self.at += bytes;
        self.mark.index += chars;
        self.mark.column = 0;
        self.mark.line += 1;
        value
    }

    pub(super) fn is_break(&self, ahead: usize) -> bool {
        match self.byte(ahead) {
            b'\r' | b'\n' => true,
            0xc2 => self.byte(ahead + 1) == 0x85,
            0xe2 => self.byte(ahead + 1) == 0x80 && matches!(self.byte(ahead + 2), 0xa8 | 0xa9),
            _ => false,
        }
    }

    pub(super) fn is_break_or_end(&self, ahead: usize) -> bool {
        self.byte(ahead) == 0 || self.is_break(ahead)
    }

    /// A space or a tab.
    pub(super) fn is_blank(&self, ahead: usize) -> bool {
        matches!(self.byte(ahead), b' ' | b'\t')
    }

    pub(super) fn is_blank_or_end(&self, ahead: usize) -> bool {
        self.is_blank(ahead) || self.is_break_or_end(ahead)
    }

    /// A letter, digit, `_` or `-`: what names are made of.
    pub(super) fn is_word(&self, ahead: usize) -> bool {
        matches!(self.byte(ahead), b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'-')
    }

    /// Goes over spaces and tabs.
    pub(super) fn skip_blanks(&mut self) {
        while self.is_blank(0) {
            self.skip();
        }
    }

    /// Goes over a name; gives it.
    pub(super) fn word(&mut self) -> &'a str {
        let from = self.at;
        while self.is_word(0) {
            self.skip();
        }
        self.between(from, self.at)
    }

    /// Whether a line starts here with `---` or `...`.
    pub(super) fn at_document_marker(&self) -> bool {
        self.mark.column == 0
            && matches!(
                [self.byte(0), self.byte(1), self.byte(2)],
                [b'-', b'-', b'-'] | [b'.', b'.', b'.']
            )
            && self.is_blank_or_end(3)
    }
}

/// Bytes of the character that starts with a byte.
fn width(first: u8) -> usize {
    match first {
        0..=0xbf => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    }
}

/// Whether YAML 1.1 allows a character in a text at all.
pub(super) fn is_allowed(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}')
        || char >= '\u{10000}'
}
