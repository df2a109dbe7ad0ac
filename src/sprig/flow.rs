//! `include`, `tpl`, `required`, `fail`, and what Helm answers without a cluster or a network: `lookup`, `getHostByName`.
//!
//! `env` and `expandenv` do not exist, as in Helm: a chart must not see the machine that it is rendered on.

use crate::template::{Args, Fault, Function, Host, Value};

pub(super) const ALL: &[Function] = &[
    Function::fixed("fail", 1, fail),
    Function::fixed("required", 2, required),
    Function::fixed("include", 2, |host, args| {
        host.include(&args.text(0)?, args.any(1)).map(Value::from)
    }),
    Function::fixed("tpl", 2, |host, args| host.tpl(&args.text(0)?, args.any(1)).map(Value::from)),
    Function::fixed("lookup", 4, lookup),
    Function::fixed("getHostByName", 1, |_, args| args.bytes(0).map(|_| Value::text(""))),
    Function::fixed("hello", 0, |_, _| Ok(Value::text("Hello!"))),
];

/// Demands, and says nothing where the run goes on: charts call it on a line of its own, where a text would break the document.
fn fail(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    host.demand(&args.text(0)?)?;
    Ok(Value::text(""))
}

/// A value that must be there: neither nil nor the empty text. `false`, `0` and empty lists are there.
fn required(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let message = args.text(0)?;
    let value = args.any(1);
    if value.is_nil() || value.as_bytes().is_some_and(<[u8]>::is_empty) {
        return host.demand(&message);
    }
    Ok(value.clone())
}

/// There is no cluster to ask: an empty map, as for `helm template`.
fn lookup(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    for at in 0..4 {
        args.bytes(at)?;
    }
    Ok(Value::map::<&str>([]))
}

#[cfg(test)]
mod tests {
    use crate::sprig::double::shown;
    use crate::template::Value;

    #[test]
    fn demands_what_is_nil_or_an_empty_text_and_nothing_else() {
        let required = |value: Value| shown("required", &["need x".into(), value]);
        assert_eq!(required(Value::Nil), "!need x");
        assert_eq!(required("".into()), "!need x");
        for value in [Value::Bool(false), Value::Int(0), Value::list(Vec::new()), " ".into()] {
            assert!(!required(value).starts_with('!'));
        }
        assert_eq!(shown("fail", &["boo".into()]), "!boo");
    }

    #[test]
    fn hands_templates_to_the_engine_and_asks_nobody_else() {
        assert_eq!(shown("include", &["a".into(), Value::Int(1)]), "<a 1>");
        assert_eq!(shown("tpl", &["a".into(), Value::Int(1)]), "[a 1]");
        assert_eq!(shown("hello", &[]), "Hello!");
        assert_eq!(shown("getHostByName", &["example.com".into()]), "");
        let lookup = |kind: Value| shown("lookup", &["v1".into(), kind, "".into(), "".into()]);
        assert_eq!(lookup("Secret".into()), "{}");
        assert_eq!(lookup(Value::Int(1)), "!wrong type for value; expected string; got int");
    }
}
