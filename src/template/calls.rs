//! Calls functions, and says what went wrong when they fail.

use crate::limits;
use crate::template::builtins;
use crate::template::exec::{Call, State, Stop};
use crate::template::operand::{At, Given, Operand, wrong_argument};
use crate::template::{Args, Arity, Fault, Function, Node, Value, quote};

impl<'t> State<'t, '_> {
    /// A function and what it is given. `place` is what an error of the function is said to be at.
    pub(super) fn function(
        &mut self,
        word: &'t Node,
        name: &'t str,
        place: At<'t>,
        given: &Given<'_, 't>,
    ) -> Result<Operand, Stop> {
        self.at = At::Node(word);
        self.step(1)?;
        let (function, builtin) = self.find(name)?;
        self.check_count(name, function.arity, given)?;
        if builtin && matches!(name, "and" | "or") {
            return self.first(given, name == "or");
        }
        let arguments = if builtin && matches!(name, "len" | "call") {
            match self.special(name, place, given)? {
                Ok(arguments) => arguments,
                Err(fault) => {
                    self.begin_call(name, place, given);
                    return Err(self.call_failed(fault));
                }
            }
        } else {
            self.arguments(given)?
        };
        self.begin_call(name, place, given);
        // Whatever a function does with its texts, it reads them: the clock is looked at in time.
        let read: usize = arguments.iter().filter_map(Value::as_bytes).map(<[u8]>::len).sum();
        let paid = self.run.spend(read as u64 / limits::RENDER_BYTES_PER_STEP);
        match paid.and_then(|()| (function.run)(self, Args(&arguments))) {
            Ok(value) => Ok(Operand::plain(value)),
            Err(fault) => Err(self.call_failed(fault)),
        }
    }

    /// The function of a name, and whether it is Go's own. Functions that were handed in come first.
    fn find(&mut self, name: &str) -> Result<(Function, bool), Stop> {
        if let Some(function) = self.templates.functions().get(name) {
            return Ok((*function, false));
        }
        builtins::find(name)
            .map(|function| (*function, true))
            .ok_or_else(|| self.said(format!("{} is not a defined function", quote(name))))
    }

    fn check_count(&mut self, name: &str, arity: Arity, given: &Given<'_, '_>) -> Result<(), Stop> {
        let count = given.count();
        let Arity { min, max } = arity;
        let wrong = "wrong number of args for";
        match max {
            None if count < min => {
                let got = given.arguments().len();
                Err(self.said(format!("{wrong} {name}: want at least {min} got {got}")))
            }
            Some(max) if count < min || count > max => {
                let want = if count < min { min } else { max };
                Err(self.said(format!("{wrong} {name}: want {want} got {count}")))
            }
            _ => Ok(()),
        }
    }

    /// `and` and `or`: arguments are evaluated until one decides.
    fn first(&mut self, given: &Given<'_, 't>, decides: bool) -> Result<Operand, Stop> {
        let mut value = Operand::plain(Value::Nil);
        for node in given.arguments() {
            value = self.argument(given.dot, node)?;
            if value.value.truth() == decides {
                return Ok(value);
            }
        }
        match &given.last {
            Some(last) => Ok(Operand::plain(last.value.clone())),
            None => Ok(value),
        }
    }

    /// The arguments, what came through the pipeline last.
    pub(super) fn arguments(&mut self, given: &Given<'_, 't>) -> Result<Vec<Value>, Stop> {
        let mut arguments = Vec::with_capacity(given.count());
        for node in given.arguments() {
            arguments.push(self.argument(given.dot, node)?.value);
        }
        arguments.extend(given.last.as_ref().map(|last| last.value.clone()));
        Ok(arguments)
    }

    /// `len` and `call` know more of their argument than its value.
    fn special(
        &mut self,
        name: &str,
        place: At<'t>,
        given: &Given<'_, 't>,
    ) -> Result<Result<Vec<Value>, Fault>, Stop> {
        let mut operands = Vec::with_capacity(given.count());
        for node in given.arguments() {
            operands.push(self.argument(given.dot, node)?);
        }
        operands.extend(given.last.as_ref().map(|last| Operand::plain(last.value.clone())));
        let first = operands.first().cloned().unwrap_or(Operand::plain(Value::Nil));
        let words = match (&first.value, name) {
            (Value::Nil, "call") => "call of nil".to_owned(),
            (value, "call") => {
                let callee = match given.arguments().first() {
                    Some(node) => At::node(node).to_string(),
                    None => reflected(value),
                };
                format!("non-function {callee} of type {}", value.type_name())
            }
            (Value::Nil, _) if first.boxed => "len of nil pointer".to_owned(),
            (Value::Nil, _) => "reflect: call of reflect.Value.Type on zero Value".to_owned(),
            _ => return Ok(Ok(operands.into_iter().map(|operand| operand.value).collect())),
        };
        self.at = place;
        Ok(Err(Fault::said(words)))
    }

    /// Remembers what is called.
    pub(super) fn begin_call(&mut self, name: &'t str, place: At<'t>, given: &Given<'_, 't>) {
        let piped = given.last.as_ref().map(|last| last.from);
        self.doing = None;
        self.call = Some(Call { place, arguments: given.arguments(), piped, name });
    }

    /// The error of a call whose function failed.
    #[cold]
    pub(super) fn call_failed(&mut self, fault: Fault) -> Stop {
        let within = self.doing.take().unwrap_or_default();
        let Some(call) = self.call.take() else { return self.stop(String::new(), fault) };
        match fault {
            Fault::Argument { at, expected, got } => {
                let node = call.arguments.get(at);
                if let Some(stands) = node.or(call.arguments.last()) {
                    self.at = At::after(stands);
                }
                let fault = wrong_argument(node, expected, got);
                self.stop(String::new(), fault)
            }
            Fault::Bound(_) => {
                self.at = call.place;
                self.stop(String::new(), fault)
            }
            fault => {
                self.at = call.place;
                self.stop(format!("error calling {}: {within}", call.name), fault)
            }
        }
    }
}

/// What Go's `reflect.Value.String` gives.
fn reflected(value: &Value) -> String {
    match value.as_text() {
        Some(text) => text.to_owned(),
        None => format!("<{} Value>", value.type_name()),
    }
}
