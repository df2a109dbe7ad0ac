//! Stands in for `print` and `printf` until they are there; to be deleted with them.
#![allow(missing_docs)]

use crate::template::Value;

pub fn print_value(value: &Value) -> String {
    let list = |items: &[Value]| items.iter().map(print_value).collect::<Vec<_>>().join(" ");
    match value {
        Value::Nil => "<nil>".into(),
        Value::List(items) => format!("[{}]", list(&items.items)),
        Value::Map(map) => {
            let entries = map.entries().into_iter();
            let entries = entries.map(|(key, value)| format!("{key}:{}", print_value(&value)));
            format!("map[{}]", entries.collect::<Vec<_>>().join(" "))
        }
        Value::Text(text) => text.to_string(),
        Value::Float(float) => format!("{float}"),
        other => format!("{other:?}"),
    }
}

pub fn sprintf(format: &str, args: &[Value]) -> String {
    let mut out = String::new();
    let mut args = args.iter();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c == '%' {
            chars.next();
            out.push_str(&args.next().map(print_value).unwrap_or_default());
        } else {
            out.push(c);
        }
    }
    for arg in args {
        out.push_str(&format!("%!(EXTRA {}={})", arg.type_name(), print_value(arg)));
    }
    out
}
