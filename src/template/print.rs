//! What `print` and `println` make of values, and what `{{ value }}` writes (Go's `fmt.Print` family).
//!
//! Texts are bounded by [`crate::limits::PRINT_BYTES_MAX`]: what would be longer is cut there.

use crate::template::printer::Printer;
use crate::template::{Kind, Value};

/// A value as a template writes it: nothing at all is `<no value>`.
pub fn print_value(value: &Value) -> String {
    if value.is_nil() { "<no value>".to_owned() } else { sprint(std::slice::from_ref(value)) }
}

/// Values one after the other, with a space between two of which neither is a text (`fmt.Sprint`).
pub fn sprint(values: &[Value]) -> String {
    let mut printer = Printer::default();
    let mut after_text = true;
    for value in values {
        let is_text = value.kind() == Kind::String;
        if !after_text && !is_text {
            printer.write(" ");
        }
        printer.print(value, 'v');
        after_text = is_text;
    }
    printer.finish()
}

/// Values with a space between any two, and a newline (`fmt.Sprintln`).
pub fn sprintln(values: &[Value]) -> String {
    let mut printer = Printer::default();
    for (at, value) in values.iter().enumerate() {
        printer.write(if at > 0 { " " } else { "" });
        printer.print(value, 'v');
    }
    printer.write("\n");
    printer.finish()
}
