//! Stand-ins until the real ones are there.
#![allow(missing_docs)]
use crate::template::Value;

pub fn print_value(value: &Value) -> String {
    format!("{value:?}")
}
pub fn sprintf(format: &str, args: &[Value]) -> String {
    format!("{format:?}{args:?}")
}
