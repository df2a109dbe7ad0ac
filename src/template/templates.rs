//! A set of named templates.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::limits;
use crate::template::exec::State;
use crate::template::operand::At;
use crate::template::output::Buffer;
use crate::template::{
    ExecError, Fault, Functions, Output, ParseError, Run, Tree, Value, builtins, parse, quote,
};

/// Name of the template that Helm makes all others of; `tpl` uses it for its texts.
pub(super) const ROOT: &str = "gotpl";

/// A set of named templates, and the functions that they may call.
pub struct Templates {
    functions: Functions,
    scope: Scope<'static>,
    texts: RefCell<Texts>,
}

/// Trees of the texts that `tpl` was given.
#[derive(Default)]
struct Texts {
    trees: HashMap<Rc<str>, Rc<[Rc<Tree>]>>,
    bytes: usize,
}

/// Templates by name, and those of the scope around.
pub(super) struct Scope<'p> {
    trees: HashMap<Rc<str>, Rc<Tree>>,
    around: Option<&'p Scope<'p>>,
}

impl Templates {
    /// No templates yet.
    pub fn new(functions: Functions) -> Self {
        let scope = Scope { trees: HashMap::new(), around: None };
        Self { functions, scope, texts: RefCell::default() }
    }

    /// Adds a template and all that it defines. A later one replaces an earlier one of the same name, unless it is empty.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), ParseError> {
        for tree in self.parse(name, text)? {
            self.scope.put(&Rc::new(tree));
        }
        Ok(())
    }

    /// Whether there is a template of this name.
    pub fn has(&self, name: &str) -> bool {
        self.scope.find(name).is_some()
    }

    /// Executes a template over a value.
    pub fn execute(&self, name: &str, data: &Value, run: &mut Run) -> Result<Output, ExecError> {
        let Some(tree) = self.scope.find(name) else { return Err(no_template(name)) };
        let mut out = Buffer::marked();
        let mut state = State {
            templates: self,
            scope: &self.scope,
            tree: &tree,
            run,
            out: &mut out,
            at: At::Nothing,
            variables: Vec::new(),
            call: None,
            doing: None,
            origin: None,
        };
        state.root_over(data.clone()).map_err(|stop| *stop)?;
        Ok(out.finish(&tree))
    }

    pub(super) fn functions(&self) -> &Functions {
        &self.functions
    }

    /// The trees of a text given to `tpl`: its own first.
    pub(super) fn parsed(&self, text: &str) -> Result<Rc<[Rc<Tree>]>, ParseError> {
        if let Some(trees) = self.texts.borrow().trees.get(text) {
            return Ok(Rc::clone(trees));
        }
        let trees: Rc<[Rc<Tree>]> = self.parse(ROOT, text)?.into_iter().map(Rc::new).collect();
        let mut texts = self.texts.borrow_mut();
        if texts.bytes.saturating_add(text.len()) > limits::RENDER_TPL_BYTES_MAX {
            *texts = Texts::default();
        }
        texts.bytes += text.len();
        texts.trees.insert(text.into(), Rc::clone(&trees));
        Ok(trees)
    }

    fn parse(&self, name: &str, text: &str) -> Result<Vec<Tree>, ParseError> {
        parse(name, text, &self.functions, &|name| builtins::find(name).is_some())
    }
}

impl<'p> Scope<'p> {
    /// An empty scope inside another one.
    pub(super) fn inside(around: &'p Scope<'p>) -> Self {
        Self { trees: HashMap::new(), around: Some(around) }
    }

    /// The template of a name.
    pub(super) fn find(&self, name: &str) -> Option<Rc<Tree>> {
        let mut scope = Some(self);
        while let Some(here) = scope {
            if let Some(tree) = here.trees.get(name) {
                return Some(Rc::clone(tree));
            }
            scope = here.around;
        }
        None
    }

    /// Puts a template in; an empty one does not replace another.
    pub(super) fn put(&mut self, tree: &Rc<Tree>) {
        if !tree.is_empty() || self.find(&tree.name).is_none() {
            self.put_always(tree);
        }
    }

    pub(super) fn put_always(&mut self, tree: &Rc<Tree>) {
        self.trees.insert(Rc::clone(&tree.name), Rc::clone(tree));
    }
}

fn no_template(name: &str) -> ExecError {
    let quoted = quote(name);
    ExecError {
        template: format!("no template {quoted} associated with template \"{ROOT}\""),
        line: 0,
        column: 0,
        executing: name.to_owned(),
        at: String::new(),
        doing: String::new(),
        cause: Fault::said(""),
    }
}
