//! What `printf` makes of a format and values (Go's `fmt.Sprintf`), with every complaint that Go writes into the text.

use crate::template::Value;
use crate::template::printer::{Flags, Printer};

/// Largest width or precision that Go believes.
const NUMBER_MAX: i64 = 1_000_000;

/// Formats values as `fmt.Sprintf` does. The text is bounded by [`crate::limits::PRINT_BYTES_MAX`]: what would be longer is
/// cut there.
pub fn sprintf(format: &str, args: &[Value]) -> String {
    let mut writer =
        Writer { printer: Printer::default(), args, next: 0, reordered: false, index_fits: true };
    let mut rest = format;
    while let Some((before, directive)) = rest.split_once('%') {
        writer.printer.write(before);
        rest = writer.directive(directive);
        if writer.printer.is_full() {
            return writer.printer.finish();
        }
    }
    writer.printer.write(rest);
    writer.extra();
    writer.printer.finish()
}

struct Writer<'a> {
    printer: Printer,
    args: &'a [Value],
    /// The argument that the next verb takes.
    next: usize,
    /// Whether some directive chose its argument.
    reordered: bool,
    /// Whether all indexes of this directive are sound.
    index_fits: bool,
}

impl Writer<'_> {
    /// One directive without its `%`; gives back what follows it.
    fn directive<'f>(&mut self, text: &'f str) -> &'f str {
        self.index_fits = true;
        let mut flags = Flags::default();
        let rest = read_flags(text, &mut flags);
        let (rest, indexed) = self.index(rest);
        let (rest, indexed) = self.width(rest, indexed, &mut flags);
        let (rest, indexed) = self.precision(rest, indexed, &mut flags);
        let rest = if indexed { rest } else { self.index(rest).0 };
        let mut chars = rest.chars();
        let Some(verb) = chars.next() else {
            self.printer.write("%!(NOVERB)");
            return "";
        };
        self.printer.flags = flags;
        match self.args.get(self.next) {
            _ if verb == '%' => self.printer.write("%"),
            _ if !self.index_fits => self.printer.write(&format!("%!{verb}(BADINDEX)")),
            None => self.printer.write(&format!("%!{verb}(MISSING)")),
            Some(value) => {
                if matches!(verb, 'v' | 'w') {
                    self.printer.flags.syntax = flags.sharp;
                    self.printer.flags.sharp = false;
                    self.printer.flags.plus = false;
                }
                self.printer.print(value, verb);
                self.next += 1;
            }
        }
        chars.as_str()
    }

    fn width<'f>(&mut self, text: &'f str, indexed: bool, flags: &mut Flags) -> (&'f str, bool) {
        if let Some(rest) = text.strip_prefix('*') {
            let width = self.number_of_argument();
            if width.is_none() {
                self.printer.write("%!(BADWIDTH)");
            }
            if width.is_some_and(i64::is_negative) {
                flags.minus = true;
                flags.zero = false;
            }
            flags.width = width.and_then(|width| usize::try_from(width.unsigned_abs()).ok());
            return (rest, false);
        }
        let (width, rest) = read_number(text);
        flags.width = width;
        if indexed && width.is_some() {
            self.index_fits = false;
        }
        (rest, indexed)
    }

    fn precision<'f>(
        &mut self,
        text: &'f str,
        indexed: bool,
        flags: &mut Flags,
    ) -> (&'f str, bool) {
        let Some(rest) = text.strip_prefix('.').filter(|rest| !rest.is_empty()) else {
            return (text, indexed);
        };
        if indexed {
            self.index_fits = false;
        }
        let (rest, indexed) = self.index(rest);
        if let Some(rest) = rest.strip_prefix('*') {
            let precision = self.number_of_argument();
            flags.precision = precision.and_then(|precision| usize::try_from(precision).ok());
            if flags.precision.is_none() {
                self.printer.write("%!(BADPREC)");
            }
            return (rest, false);
        }
        let (precision, rest) = read_number(rest);
        flags.precision = Some(precision.unwrap_or(0));
        (rest, indexed)
    }

    /// The next argument as the number of a `*`, when it is one.
    fn number_of_argument(&mut self) -> Option<i64> {
        let value = self.args.get(self.next)?;
        self.next += 1;
        match value {
            Value::Int(number) | Value::Int64(number) => {
                Some(*number).filter(|number| number.unsigned_abs() <= NUMBER_MAX.unsigned_abs())
            }
            _ => None,
        }
    }

    /// `[2]` at the beginning of a text chooses the next argument. Says whether there was a number in brackets.
    fn index<'f>(&mut self, text: &'f str) -> (&'f str, bool) {
        let Some(inside) = text.strip_prefix('[') else { return (text, false) };
        self.reordered = true;
        let Some((number, rest)) = inside.split_once(']').filter(|_| text.len() > 2) else {
            self.index_fits = false;
            return (inside, false);
        };
        let (index, after) = read_number(number);
        let Some(index) = index.filter(|_| after.is_empty()) else {
            self.index_fits = false;
            return (rest, false);
        };
        match index.checked_sub(1).filter(|index| *index < self.args.len()) {
            Some(index) => self.next = index,
            None => self.index_fits = false,
        }
        (rest, true)
    }

    /// Complains about arguments that no directive took, when it is clear that none did.
    fn extra(&mut self) {
        if self.reordered || self.next >= self.args.len() {
            return;
        }
        self.printer.flags = Flags::default();
        self.printer.write("%!(EXTRA ");
        for (at, value) in self.args.iter().skip(self.next).enumerate() {
            self.printer.write(if at > 0 { ", " } else { "" });
            if !value.is_nil() {
                self.printer.write(value.type_name());
                self.printer.write("=");
            }
            self.printer.print(value, 'v');
        }
        self.printer.write(")");
    }
}

fn read_flags<'f>(text: &'f str, flags: &mut Flags) -> &'f str {
    let rest = text.trim_start_matches(['#', '0', '+', '-', ' ']);
    for flag in text[..text.len() - rest.len()].chars() {
        match flag {
            '#' => flags.sharp = true,
            '0' => flags.zero = true,
            '+' => flags.plus = true,
            '-' => flags.minus = true,
            _ => flags.space = true,
        }
    }
    rest
}

/// The number that a text begins with. After a number beyond belief nothing of the text is left, as in Go.
fn read_number(text: &str) -> (Option<usize>, &str) {
    let mut number = None;
    for (at, byte) in text.bytes().enumerate() {
        if !byte.is_ascii_digit() {
            return (number, &text[at..]);
        }
        let before = number.unwrap_or(0);
        if i64::try_from(before).is_ok_and(|before| before > NUMBER_MAX) {
            return (None, "");
        }
        number = Some(before * 10 + usize::from(byte - b'0'));
    }
    (number, "")
}

#[cfg(test)]
#[path = "printf_tests.rs"]
mod tests;
