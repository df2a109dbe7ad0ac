//! Values as texts, the way Sprig's functions see them.

use std::borrow::Cow;
use std::rc::Rc;

use crate::template::{Element, Fault, Host, List, Value, sprint, sprintf};

/// Any value as a text (`strval`): texts as they are, everything else as `print` shows it.
pub(super) fn strval(value: &Value) -> Cow<'_, [u8]> {
    match value.as_bytes() {
        Some(bytes) => Cow::Borrowed(bytes),
        None => Cow::Owned(sprint(std::slice::from_ref(value)).into_bytes()),
    }
}

/// Any value as a list of texts (`strslice`): nil is left out, and what is no list becomes one of one.
pub(super) fn strings(value: &Value) -> Vec<Cow<'_, [u8]>> {
    match value {
        Value::Nil => Vec::new(),
        Value::List(list) => list.items.iter().filter(|item| !item.is_nil()).map(strval).collect(),
        other => vec![strval(other)],
    }
}

/// A list of texts.
pub(super) fn list_of_texts<T: Into<Vec<u8>>>(items: impl IntoIterator<Item = T>) -> Value {
    let items = items.into_iter().map(|bytes| Value::from_bytes(bytes.into())).collect();
    Value::List(Rc::new(List { of: Element::Text, items }))
}

/// Texts joined; what comes out is counted first.
pub(super) fn join(
    host: &mut dyn Host,
    texts: &[Cow<'_, [u8]>],
    between: &[u8],
) -> Result<Value, Fault> {
    let bytes: usize = texts.iter().map(|text| text.len().saturating_add(between.len())).sum();
    host.spend(bytes as u64)?;
    Ok(Value::from_bytes(texts.join(between)))
}

/// Bytes in quotes, as Go writes them.
pub(super) fn quoted(bytes: &[u8]) -> String {
    sprintf("%q", &[Value::from_bytes(bytes.to_vec())])
}
