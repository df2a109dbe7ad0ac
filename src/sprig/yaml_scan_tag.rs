//! Tokens that are no content: directives, anchors, aliases and tags.

use crate::sprig::yaml_scan::{Scanner, Token};

impl<'a> Scanner<'a> {
    /// `%YAML 1.1`, `%TAG ! prefix`.
    pub(super) fn scan_directive(&mut self) -> Result<Token<'a>, String> {
        self.cursor.skip();
        let name = self.cursor.word();
        if name.is_empty() {
            return Err(self.error("could not find expected directive name"));
        }
        if !self.cursor.is_blank_or_end(0) {
            return Err(self.error("found unexpected non-alphabetical character"));
        }
        let token = match name {
            "YAML" => self.scan_version()?,
            "TAG" => self.scan_tag_directive()?,
            _ => return Err(self.error("found unknown directive name")),
        };
        self.end_of_line()?;
        Ok(token)
    }

    /// Only a comment may be left on the line.
    pub(super) fn end_of_line(&mut self) -> Result<(), String> {
        self.cursor.skip_blanks();
        if self.cursor.byte(0) == b'#' {
            self.cursor.skip_to_break();
        }
        if !self.cursor.is_break_or_end(0) {
            return Err(self.error("did not find expected comment or line break"));
        }
        self.cursor.line_break();
        Ok(())
    }

    fn scan_version(&mut self) -> Result<Token<'a>, String> {
        self.cursor.skip_blanks();
        let major = self.scan_version_number()?;
        if self.cursor.byte(0) != b'.' {
            return Err(self.error("did not find expected digit or '.' character"));
        }
        self.cursor.skip();
        let minor = self.scan_version_number()?;
        Ok(Token::VersionDirective(major, minor))
    }

    fn scan_version_number(&mut self) -> Result<u8, String> {
        let (mut number, mut length) = (0, 0);
        while self.cursor.byte(0).is_ascii_digit() {
            length += 1;
            if length > 2 {
                return Err(self.error("found extremely long version number"));
            }
            number = number * 10 + (self.cursor.byte(0) - b'0');
            self.cursor.skip();
        }
        if length == 0 {
            return Err(self.error("did not find expected version number"));
        }
        Ok(number)
    }

    fn scan_tag_directive(&mut self) -> Result<Token<'a>, String> {
        self.cursor.skip_blanks();
        let handle = self.scan_tag_handle(true)?;
        if !self.cursor.is_blank(0) {
            return Err(self.error("did not find expected whitespace"));
        }
        self.cursor.skip_blanks();
        let prefix = self.scan_tag_uri("")?;
        if !self.cursor.is_blank_or_end(0) {
            return Err(self.error("did not find expected whitespace or line break"));
        }
        Ok(Token::TagDirective { handle, prefix })
    }

    /// `&name` and `*name`.
    pub(super) fn scan_anchor(&mut self, alias: bool) -> Result<Token<'a>, String> {
        self.cursor.skip();
        let name = self.cursor.word();
        let ends = self.cursor.is_blank_or_end(0)
            || matches!(self.cursor.byte(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ends {
            return Err(self.error("did not find expected alphabetic or numeric character"));
        }
        Ok(if alias { Token::Alias(name) } else { Token::Anchor(name) })
    }

    /// `!<uri>`, `!handle!suffix`, `!suffix` and `!`.
    pub(super) fn scan_tag(&mut self) -> Result<Token<'a>, String> {
        let (mut handle, mut suffix);
        if self.cursor.byte(1) == b'<' {
            self.cursor.skip();
            self.cursor.skip();
            handle = String::new();
            suffix = self.scan_tag_uri("")?;
            if self.cursor.byte(0) != b'>' {
                return Err(self.error("did not find the expected '>'"));
            }
            self.cursor.skip();
        } else {
            handle = self.scan_tag_handle(false)?;
            if handle.len() > 1 && handle.ends_with('!') {
                suffix = self.scan_tag_uri("")?;
            } else {
                suffix = self.scan_tag_uri(&handle)?;
                handle = String::from("!");
                if suffix.is_empty() {
                    std::mem::swap(&mut handle, &mut suffix);
                }
            }
        }
        if !self.cursor.is_blank_or_end(0) {
            return Err(self.error("did not find expected whitespace or line break"));
        }
        Ok(Token::Tag { handle, suffix })
    }

    fn scan_tag_handle(&mut self, directive: bool) -> Result<String, String> {
        if self.cursor.byte(0) != b'!' {
            return Err(self.error("did not find expected '!'"));
        }
        self.cursor.skip();
        let mut handle = format!("!{}", self.cursor.word());
        if self.cursor.byte(0) == b'!' {
            self.cursor.skip();
            handle.push('!');
        } else if directive && handle != "!" {
            return Err(self.error("did not find expected '!'"));
        }
        Ok(handle)
    }

    /// The rest of a tag, after what was already read of it, whose `!` does not count.
    fn scan_tag_uri(&mut self, head: &str) -> Result<String, String> {
        let mut uri = head.get(1..).unwrap_or("").as_bytes().to_vec();
        let mut found = !head.is_empty();
        while self.cursor.is_word(0) || b";/?:@&=+$,.!~*'()[]%".contains(&self.cursor.byte(0)) {
            if self.cursor.byte(0) == b'%' {
                self.scan_uri_escape(&mut uri)?;
            } else {
                uri.push(self.cursor.byte(0));
                self.cursor.skip();
            }
            found = true;
        }
        if !found {
            return Err(self.error("did not find expected tag URI"));
        }
        Ok(String::from_utf8_lossy(&uri).into_owned())
    }

    /// `%C3%A9`: one character.
    fn scan_uri_escape(&mut self, uri: &mut Vec<u8>) -> Result<(), String> {
        let mut left = None;
        loop {
            let octet = match (self.cursor.byte(0), hex(self.cursor.byte(1))) {
                (b'%', Some(high)) => hex(self.cursor.byte(2)).map(|low| high << 4 | low),
                _ => None,
            };
            let Some(octet) = octet else {
                return Err(self.error("did not find URI escaped octet"));
            };
            let rest = match (left, octet) {
                (Some(rest), 0x80..=0xbf) => rest,
                (Some(_), _) => {
                    return Err(self.error("found an incorrect trailing UTF-8 octet"));
                }
                (None, 0..=0x7f) => 1,
                (None, 0xc0..=0xdf) => 2,
                (None, 0xe0..=0xef) => 3,
                (None, 0xf0..=0xf7) => 4,
                (None, _) => return Err(self.error("found an incorrect leading UTF-8 octet")),
            };
            uri.push(octet);
            for _ in 0..3 {
                self.cursor.skip();
            }
            if rest == 1 {
                return Ok(());
            }
            left = Some(rest - 1);
        }
    }
}

/// The value of a hexadecimal digit.
pub(super) fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
