//! An engine for tests of functions: it renders nothing, counts what is spent, and draws numbers in order.

use crate::template::{Args, Fault, Function, Host, Value};

/// What tests hand to functions as their engine.
#[derive(Default)]
pub(super) struct Bench {
    /// What has been spent.
    pub(super) spent: u64,
    drawn: u64,
}

/// More than any test needs.
const SPENDABLE: u64 = 1_000_000;

impl Host for Bench {
    fn include(&mut self, name: &str, _: &Value) -> Result<String, Fault> {
        Err(Fault::said(format!("no template {name}")))
    }

    fn tpl(&mut self, text: &str, _: &Value) -> Result<String, Fault> {
        Ok(text.to_owned())
    }

    fn demand(&mut self, message: &str) -> Result<Value, Fault> {
        Err(Fault::Demand(message.to_owned()))
    }

    fn spend(&mut self, units: u64) -> Result<(), Fault> {
        self.spent = self.spent.saturating_add(units);
        if self.spent > SPENDABLE { Err(Fault::Bound("work")) } else { Ok(()) }
    }

    fn random(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    fn now(&self) -> i64 {
        1_700_000_000
    }
}

/// Calls the function of a name in a list of functions.
pub(super) fn call(all: &[Function], name: &str, args: &[Value]) -> Result<Value, Fault> {
    let function = all.iter().find(|function| function.name == name).expect(name);
    assert!(args.len() >= function.arity.min, "{name} takes more");
    assert!(function.arity.max.is_none_or(|max| args.len() <= max), "{name} takes less");
    (function.run)(&mut Bench::default(), Args(args))
}

/// What a call shows: `{:?}` of its value, or the words of its error.
pub(super) fn shown(all: &[Function], name: &str, args: &[Value]) -> String {
    match call(all, name, args) {
        Ok(value) => format!("{value:?}"),
        Err(fault) => format!("error: {fault}"),
    }
}
