//! Stand-ins until the real ones are there.
#![allow(missing_docs)]
use crate::template::Value;

pub fn print_value(value: &Value) -> String {
    match value {
        Value::Nil => "<nil>".into(),
        Value::List(l) => {
            format!("[{}]", l.items.iter().map(print_value).collect::<Vec<_>>().join(" "))
        }
        Value::Map(m) => format!(
            "map[{}]",
            m.look()
                .iter()
                .map(|(k, v)| format!("{k}:{}", print_value(v)))
                .collect::<Vec<_>>()
                .join(" ")
        ),
        Value::Text(t) => t.to_string(),
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
