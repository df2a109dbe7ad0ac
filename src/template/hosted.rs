//! What functions may ask of the template that calls them.

use std::rc::Rc;

use crate::template::exec::{Origin, State};
use crate::template::operand::At;
use crate::template::output::{Buffer, without_no_value};
use crate::template::templates::{ROOT, Scope};
use crate::template::{Demand, Demands, Fault, Host, NodeKind, PLACEHOLDER, Tree, Value, quote};

impl Host for State<'_, '_> {
    fn include(&mut self, name: &str, data: &Value) -> Result<String, Fault> {
        let Some(tree) = self.scope.find(name) else {
            let quoted = quote(name);
            return Err(Fault::said(format!(
                "template: no template {quoted} associated with template \"{ROOT}\""
            )));
        };
        self.run.include(&tree.name)?;
        let outcome = self.apart((self.scope, &tree), data, self.origin);
        self.run.included(&tree.name);
        outcome
    }

    fn tpl(&mut self, text: &str, data: &Value) -> Result<String, Fault> {
        self.run.spend(text.len() as u64)?;
        if !text.contains("{{") {
            return Ok(without_no_value(text.to_owned()));
        }
        let trees = self.templates.parsed(text).map_err(|error| {
            let quoted = quote(text);
            Fault::said(format!("cannot parse template {quoted}: {error}"))
        })?;
        let Some(tree) = trees.first() else { return Ok(String::new()) };
        let mut scope = Scope::inside(self.scope);
        scope.put_always(tree);
        trees.iter().skip(1).for_each(|tree| scope.put(tree));
        // A text inside a text comes from where the outer one was given.
        let here = Origin { tree: self.tree, pos: self.call.map_or(0, |call| call.place.pos()) };
        let origin = self.origin.filter(|_| is_text(self.tree)).copied().unwrap_or(here);
        let outcome = self.apart((&scope, tree), data, Some(&origin));
        if matches!(outcome, Err(Fault::Template(_))) {
            let quoted = quote(text);
            self.doing = Some(format!("error during tpl function execution for {quoted}: "));
        }
        outcome.map(without_no_value)
    }

    fn demand(&mut self, message: &str) -> Result<Value, Fault> {
        if self.run.options().demands == Demands::Refuse {
            return Err(Fault::Demand(message.to_owned()));
        }
        let here = Origin { tree: self.tree, pos: self.call.map_or(0, |call| call.place.pos()) };
        let origin = self.origin.filter(|_| is_text(self.tree)).copied().unwrap_or(here);
        let demand = Demand {
            message: message.to_owned(),
            template: origin.tree.file.to_string(),
            line: origin.tree.line(origin.pos),
            at: self.demanded(),
        };
        self.run.note(demand)?;
        Ok(Value::text(PLACEHOLDER))
    }

    fn spend(&mut self, units: u64) -> Result<(), Fault> {
        self.run.make(units)
    }

    fn random(&mut self) -> u64 {
        self.run.random()
    }

    fn now(&self) -> i64 {
        self.run.options().now
    }
}

impl State<'_, '_> {
    /// Executes a template into a text of its own.
    fn apart<'s>(
        &'s mut self,
        (scope, tree): (&'s Scope<'s>, &'s Rc<Tree>),
        data: &Value,
        origin: Option<&'s Origin<'s>>,
    ) -> Result<String, Fault> {
        let mut out = Buffer::default();
        let mut state = State {
            templates: self.templates,
            scope,
            tree,
            run: self.run,
            out: &mut out,
            at: At::Nothing,
            variables: Vec::new(),
            call: None,
            doing: None,
            origin,
        };
        state.root_over(data.clone()).map_err(Fault::Template)?;
        Ok(out.text)
    }

    /// What the call asks for, as the template spells it: the value that `required` wants, else the whole call.
    fn demanded(&self) -> String {
        let Some(call) = self.call else { return String::new() };
        if call.name != "required" {
            return call.place.to_string();
        }
        if let Some(command) = call.piped {
            return command.to_string();
        }
        match call.arguments.last() {
            Some(node) => match &node.kind {
                NodeKind::Pipe(pipe) => pipe.to_string(),
                _ => node.to_string(),
            },
            None => call.place.to_string(),
        }
    }
}

/// Whether it is a text given to `tpl`, or defined in one.
fn is_text(tree: &Tree) -> bool {
    &*tree.file == ROOT
}
