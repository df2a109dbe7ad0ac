//! A stand-in for the engine, for tests of functions: chance counts, time stands still, work is bounded.

use crate::template::{Args, Fault, Host, Value};

/// What it lets be spent: enough for every honest test.
const UNITS: u64 = 100_000_000;

/// The stand-in.
#[derive(Default)]
pub(super) struct Double {
    random: u64,
    spent: u64,
}

impl Host for Double {
    fn include(&mut self, name: &str, data: &Value) -> Result<String, Fault> {
        Ok(format!("<{name} {data:?}>"))
    }

    fn tpl(&mut self, text: &str, data: &Value) -> Result<String, Fault> {
        Ok(format!("[{text} {data:?}]"))
    }

    fn demand(&mut self, message: &str) -> Result<Value, Fault> {
        Err(Fault::Demand(message.to_owned()))
    }

    fn spend(&mut self, units: u64) -> Result<(), Fault> {
        self.spent = self.spent.saturating_add(units);
        if self.spent > UNITS { Err(Fault::Bound("work")) } else { Ok(()) }
    }

    fn random(&mut self) -> u64 {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let random = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let random = (random ^ random >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        random ^ random >> 31
    }

    fn now(&self) -> i64 {
        1_700_000_000
    }
}

impl Double {
    /// Calls a function by name.
    pub(super) fn run(&mut self, name: &str, args: &[Value]) -> Result<Value, Fault> {
        let functions = super::functions();
        let function = functions.get(name).expect(name);
        assert!(args.len() >= function.arity.min, "{name}: too few");
        assert!(function.arity.max.is_none_or(|max| args.len() <= max), "{name}: too many");
        (function.run)(self, Args(args))
    }
}

/// Calls a function by name.
pub(super) fn run(name: &str, args: &[Value]) -> Result<Value, Fault> {
    Double::default().run(name, args)
}

/// What a call gives, for comparison: a text as it is, anything else as Rust shows it, an error after `!`.
pub(super) fn shown(name: &str, args: &[Value]) -> String {
    match run(name, args) {
        Ok(value) => value.as_text().map_or_else(|| format!("{value:?}"), str::to_owned),
        Err(fault) => format!("!{fault}"),
    }
}
