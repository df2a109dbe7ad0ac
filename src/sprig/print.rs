//! Values as texts, the way Sprig's functions see them.

use std::borrow::Cow;
use std::rc::Rc;

use crate::template::{Element, Fault, Host, List, Value, sprint, sprintf};

/// Any value as a text (`strval`): texts as they are, everything else as `print` shows it. What is printed is counted: a list
/// of a few elements can print without end, because lists share what they hold.
pub(super) fn strval<'v>(host: &mut dyn Host, value: &'v Value) -> Result<Cow<'v, [u8]>, Fault> {
    if let Some(bytes) = value.as_bytes() {
        return Ok(Cow::Borrowed(bytes));
    }
    let printed = sprint(std::slice::from_ref(value)).into_bytes();
    host.spend(printed.len() as u64)?;
    Ok(Cow::Owned(printed))
}

/// Any value as a list of texts (`strslice`): nil is left out, and what is no list becomes one of one.
pub(super) fn strings<'v>(
    host: &mut dyn Host,
    value: &'v Value,
) -> Result<Vec<Cow<'v, [u8]>>, Fault> {
    match value {
        Value::List(list) => all(host, &list.items),
        other => all(host, std::slice::from_ref(other)),
    }
}

/// Values as texts; nil is left out.
pub(super) fn all<'v>(
    host: &mut dyn Host,
    values: &'v [Value],
) -> Result<Vec<Cow<'v, [u8]>>, Fault> {
    let mut texts = Vec::new();
    for value in values.iter().filter(|value| !value.is_nil()) {
        texts.push(strval(host, value)?);
    }
    Ok(texts)
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
