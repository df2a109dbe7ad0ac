//! The printing of one value under one verb (Go's `fmt`, `pp.printArg` and `format.go`): flags, widths, padding.
//!
//! Maps can hold themselves and lists can share their elements, so what is printed is bounded in depth and in bytes.

use crate::limits::{PRINT_BYTES_MAX, PRINT_DEPTH_MAX};
use crate::template::quote::{can_backquote, quote_bytes, quote_char};
use crate::template::unicode::is_printable;
use crate::template::{Element, Kind, List, Map, MapKind, Value, format_float};

/// What stands for a value that is nested too deep.
const TOO_DEEP: &str = "%!(TOODEEP)";

/// What stands between `%` and the verb.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // each is a flag that a person typed, and any may stand with any
pub(super) struct Flags {
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%#v`: Go's own syntax.
    pub(super) syntax: bool,
}

/// Prints values into a text that has a largest size.
#[derive(Default)]
pub(super) struct Printer {
    out: Vec<u8>,
    pub(super) flags: Flags,
}

impl Printer {
    /// What was printed. What is no UTF-8 becomes U+FFFD.
    pub(super) fn finish(self) -> String {
        String::from_utf8(self.out)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// Whether the text has its largest size: nothing more is taken.
    pub(super) fn is_full(&self) -> bool {
        self.out.len() >= PRINT_BYTES_MAX
    }

    /// Writes a text as it is.
    pub(super) fn write(&mut self, text: &str) {
        self.write_bytes(text.as_bytes());
    }

    fn write_bytes(&mut self, bytes: &[u8]) {
        let room = PRINT_BYTES_MAX.saturating_sub(self.out.len());
        self.out.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// Prints an operand.
    pub(super) fn print(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.pad(b"<nil>"),
            (_, 'T') => self.text(value.type_name().as_bytes()),
            // An address says nothing to anybody, and two runs must not differ.
            (Value::List(_) | Value::Map(_), 'p') => {
                self.write(if self.flags.sharp { "0" } else { "0x0" });
            }
            (Value::List(_) | Value::Map(_) | Value::Object(_), 'w') => self.bad_verb(value, verb),
            _ => self.print_nested(value, verb, 0),
        }
    }

    fn print_nested(&mut self, value: &Value, verb: char, depth: usize) {
        if depth > PRINT_DEPTH_MAX {
            return self.write(TOO_DEEP);
        }
        match value {
            Value::Nil if depth == 0 => self.bad_verb(value, verb),
            Value::Nil => self.write(if self.flags.syntax { "interface {}(nil)" } else { "<nil>" }),
            Value::Bool(yes) if matches!(verb, 't' | 'v') => {
                self.pad(if *yes { b"true" } else { b"false" });
            }
            Value::Int(number) | Value::Int64(number) => self.print_int(value, *number, verb),
            Value::Float(number) => self.print_float(value, *number, verb),
            Value::Text(text) => self.print_text(value, text.as_bytes(), verb),
            Value::Bytes(bytes) => self.print_text(value, bytes, verb),
            Value::List(list) => self.print_list(list, value.type_name(), verb, depth),
            Value::Map(map) => self.print_map(map, value.type_name(), verb, depth),
            Value::Object(object) if matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') => {
                self.print_text(value, object.print().as_bytes(), verb);
            }
            Value::Bool(_) | Value::Object(_) => self.bad_verb(value, verb),
        }
    }

    fn print_list(&mut self, list: &List, type_name: &str, verb: char, depth: usize) {
        let (open, between, close) = self.brackets(type_name, "[", "]");
        self.write(&open);
        for (at, item) in list.items.iter().enumerate() {
            if self.is_full() {
                return;
            }
            self.write(if at > 0 { between } else { "" });
            match (item, list.of) {
                (Value::Nil, Element::Text) => self.print_text(&"".into(), b"", verb),
                (Value::Nil, Element::Int) => self.print_int(&Value::Int(0), 0, verb),
                _ => self.print_nested(item, verb, depth + 1),
            }
        }
        self.write(close);
    }

    fn print_map(&mut self, map: &Map, type_name: &str, verb: char, depth: usize) {
        let (open, between, close) = self.brackets(type_name, "map[", "]");
        self.write(&open);
        for (at, (key, item)) in map.look().iter().enumerate() {
            if self.is_full() {
                return;
            }
            self.write(if at > 0 { between } else { "" });
            self.print_text(&Value::Text(key.clone()), key.as_bytes(), verb);
            self.write(":");
            match (item, map.kind()) {
                (Value::Nil, MapKind::Texts) => self.print_text(&"".into(), b"", verb),
                _ => self.print_nested(item, verb, depth + 1),
            }
        }
        self.write(close);
    }

    /// What opens, parts and closes a list or map.
    fn brackets(
        &self,
        type_name: &str,
        open: &'static str,
        close: &'static str,
    ) -> (String, &'static str, &'static str) {
        if self.flags.syntax {
            (format!("{type_name}{{"), ", ", "}")
        } else {
            (open.to_owned(), " ", close)
        }
    }

    /// `%!d(string=x)`: the verb does not fit the value.
    fn bad_verb(&mut self, value: &Value, verb: char) {
        self.write(&format!("%!{verb}("));
        match value {
            Value::Nil => self.write("<nil>"),
            Value::Object(object) => {
                self.write(&format!("{}={}", object.type_name(), object.print()));
            }
            _ => {
                self.write(value.type_name());
                self.write("=");
                self.print_nested(value, 'v', 0);
            }
        }
        self.write(")");
    }

    fn print_text(&mut self, value: &Value, bytes: &[u8], verb: char) {
        match verb {
            // What an object prints is no Go syntax of its type; it is shown all the same.
            'v' if self.flags.syntax && value.kind() == Kind::String => self.quoted(bytes),
            'v' | 's' => self.text(bytes),
            'x' => self.hexadecimal(bytes, false),
            'X' => self.hexadecimal(bytes, true),
            'q' => self.quoted(bytes),
            _ => self.bad_verb(value, verb),
        }
    }

    fn print_int(&mut self, value: &Value, number: i64, verb: char) {
        match verb {
            'v' | 'd' => self.integer(number, 10, verb),
            'b' => self.integer(number, 2, verb),
            'o' | 'O' => self.integer(number, 8, verb),
            'x' | 'X' => self.integer(number, 16, verb),
            'c' => {
                let mut buffer = [0; 4];
                let c = character(number);
                self.pad(c.encode_utf8(&mut buffer).as_bytes());
            }
            'q' => self.pad(quote_char(character(number), self.flags.plus).as_bytes()),
            'U' => self.code_point(number),
            _ => self.bad_verb(value, verb),
        }
    }

    fn print_float(&mut self, value: &Value, number: f64, verb: char) {
        match verb {
            'v' => self.float(number, 'g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => self.float(number, verb, None),
            'f' | 'e' | 'E' => self.float(number, verb, Some(6)),
            'F' => self.float(number, 'f', Some(6)),
            _ => self.bad_verb(value, verb),
        }
    }

    fn padding(&mut self, count: usize) {
        let byte = if self.flags.zero && !self.flags.minus { b'0' } else { b' ' };
        let room = PRINT_BYTES_MAX.saturating_sub(self.out.len());
        self.out.extend(std::iter::repeat_n(byte, count.min(room)));
    }

    /// Writes bytes, made as wide as the flags say; characters count, not bytes.
    fn pad(&mut self, bytes: &[u8]) {
        let Some(width) = self.flags.width.filter(|width| *width > 0) else {
            return self.write_bytes(bytes);
        };
        let missing = width.saturating_sub(char_ends(bytes).count());
        if self.flags.minus {
            self.write_bytes(bytes);
            self.padding(missing);
        } else {
            self.padding(missing);
            self.write_bytes(bytes);
        }
    }

    fn pad_with_spaces(&mut self, bytes: &[u8]) {
        let zero = std::mem::take(&mut self.flags.zero);
        self.pad(bytes);
        self.flags.zero = zero;
    }

    fn cut<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let Some(precision) = self.flags.precision else { return bytes };
        let end = match precision.checked_sub(1) {
            None => 0,
            Some(last) => char_ends(bytes).nth(last).unwrap_or(bytes.len()),
        };
        bytes.get(..end).unwrap_or(bytes)
    }

    fn text(&mut self, bytes: &[u8]) {
        let bytes = self.cut(bytes);
        self.pad(bytes);
    }

    fn quoted(&mut self, bytes: &[u8]) {
        let bytes = self.cut(bytes);
        if self.flags.sharp && can_backquote(bytes) {
            return self.pad(&[b"`", bytes, b"`"].concat());
        }
        self.pad(quote_bytes(bytes, self.flags.plus).as_bytes());
    }

    /// The bytes of a text in base 16.
    fn hexadecimal(&mut self, bytes: &[u8], upper: bool) {
        let length = self.flags.precision.map_or(bytes.len(), |digits| digits.min(bytes.len()));
        let prefix = match (self.flags.sharp, upper) {
            (false, _) => "",
            (true, false) => "0x",
            (true, true) => "0X",
        };
        let mut text = String::with_capacity(2 * length + prefix.len());
        for (at, byte) in bytes[..length].iter().enumerate() {
            if self.flags.space && at > 0 {
                text.push(' ');
            }
            if at == 0 || self.flags.space {
                text.push_str(prefix);
            }
            text.push_str(&if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        }
        self.pad(text.as_bytes());
    }

    fn integer(&mut self, number: i64, base: u32, verb: char) {
        let flags = self.flags;
        let size = number.unsigned_abs();
        let signed = number < 0 || flags.plus || flags.space;
        let digits_min = match flags.precision {
            Some(0) if size == 0 => {
                // Nothing but padding.
                let zero = std::mem::take(&mut self.flags.zero);
                self.padding(flags.width.unwrap_or(0));
                self.flags.zero = zero;
                return;
            }
            Some(precision) => precision,
            None if flags.zero && !flags.minus => {
                flags.width.map_or(0, |width| width.saturating_sub(usize::from(signed)))
            }
            None => 0,
        };
        let digits = match (base, verb) {
            (2, _) => format!("{size:b}"),
            (8, _) => format!("{size:o}"),
            (16, 'X') => format!("{size:X}"),
            (16, _) => format!("{size:x}"),
            _ => size.to_string(),
        };
        let zeros = "0".repeat(digits_min.saturating_sub(digits.len()));
        let leads_with_zero = !zeros.is_empty() || digits.starts_with('0');
        let prefix = match (base, verb) {
            (8, 'O') if flags.sharp && !leads_with_zero => "0o0",
            (8, 'O') => "0o",
            _ if !flags.sharp => "",
            (2, _) => "0b",
            (8, _) if !leads_with_zero => "0",
            (16, 'X') => "0X",
            (16, _) => "0x",
            _ => "",
        };
        let sign = match (number < 0, flags.plus, flags.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        self.pad_with_spaces(format!("{sign}{prefix}{zeros}{digits}").as_bytes());
    }

    /// `U+0078`, or `U+0078 'x'`.
    fn code_point(&mut self, number: i64) {
        let digits = self.flags.precision.unwrap_or(4).max(4);
        let bits = format!("{number:X}");
        let zeros = "0".repeat(digits.saturating_sub(bits.len()));
        let shown = u32::try_from(number).ok().and_then(char::from_u32);
        let quoted = match shown.filter(|c| self.flags.sharp && is_printable(*c)) {
            Some(c) => format!(" '{c}'"),
            None => String::new(),
        };
        self.pad_with_spaces(format!("U+{zeros}{bits}{quoted}").as_bytes());
    }

    fn float(&mut self, number: f64, verb: char, precision: Option<usize>) {
        let precision = self.flags.precision.or(precision);
        let places = precision.map_or(-1, |digits| i32::try_from(digits).unwrap_or(i32::MAX));
        let text = format_float(number, verb, places);
        let (negative, mut size) = match text.strip_prefix(['-', '+']) {
            Some(size) => (text.starts_with('-'), size.to_owned()),
            None => (false, text),
        };
        let sign = match (negative, self.flags.plus, self.flags.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            // Only an infinity has its sign in any case.
            _ if number.is_infinite() => "+",
            _ => "",
        };
        if !number.is_finite() {
            return self.pad_with_spaces(format!("{sign}{size}").as_bytes());
        }
        if self.flags.sharp && verb != 'b' {
            size = with_point(&size, verb, precision);
        }
        let missing = self.flags.width.unwrap_or(0).saturating_sub(size.len() + sign.len());
        if self.flags.zero && !self.flags.minus && !sign.is_empty() && missing > 0 {
            self.write(sign);
            self.padding(missing);
            return self.write(&size);
        }
        self.pad(format!("{sign}{size}").as_bytes());
    }
}

/// `%#g`: the point is always there, and so are the zeros behind it.
fn with_point(size: &str, verb: char, precision: Option<usize>) -> String {
    let letters: &[char] =
        if matches!(verb, 'x' | 'X') { &['p', 'P'] } else { &['e', 'E', 'p', 'P'] };
    let (number, tail) = size.split_at(size.find(letters).unwrap_or(size.len()));
    let wanted = if matches!(verb, 'g' | 'G' | 'x') { precision.unwrap_or(6) } else { 0 };
    let mut counted = number.chars().filter(|c| *c != '.').skip_while(|c| *c == '0').count();
    let mut out = number.to_owned();
    if !number.contains('.') {
        counted += usize::from(number == "0");
        out.push('.');
    }
    out.extend(std::iter::repeat_n('0', wanted.saturating_sub(counted)));
    out + tail
}

/// Where each character ends. Each byte that is no UTF-8 counts as one.
fn char_ends(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let widths = bytes.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid().chars().map(char::len_utf8);
        valid.chain(std::iter::repeat_n(1, chunk.invalid().len()))
    });
    widths.scan(0, |end, width| {
        *end += width;
        Some(*end)
    })
}

/// The character of a code point; U+FFFD when there is none.
fn character(number: i64) -> char {
    u32::try_from(number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}
