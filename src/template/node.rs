//! The tree of a parsed template (Go's `text/template/parse`, `node.go`).

use std::rc::Rc;

/// Where a node begins in the text of its template: bytes from its start. Line and column are worked out when an error needs
/// them.
pub type Pos = u32;

/// A node and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub pos: Pos,
    /// What it is.
    pub kind: NodeKind,
}

/// What a node is. `Display` of a [`Node`] gives Go's own spelling, which error messages show between `<` and `>`.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// A list of nodes: the body of a template or of a branch.
    List(Vec<Node>),
    /// Text that is printed as it is.
    Text(Rc<str>),
    /// `{{ pipeline }}`.
    Action(Pipe),
    /// `{{ if }}`.
    If(Branch),
    /// `{{ range }}`.
    Range(Branch),
    /// `{{ with }}`.
    With(Branch),
    /// `{{ break }}`.
    Break,
    /// `{{ continue }}`.
    Continue,
    /// `{{ template "name" pipeline }}`; `block` is this and a definition.
    Template {
        /// Name of the template.
        name: Rc<str>,
        /// Its data.
        pipe: Option<Pipe>,
    },
    /// A pipeline in parentheses.
    Pipe(Box<Pipe>),
    /// `.`.
    Dot,
    /// `nil`.
    Nil,
    /// `.A.B`: the names, in order.
    Field(Vec<Rc<str>>),
    /// `$x.A.B`: the variable with its `$`, and then names.
    Variable(Vec<Rc<str>>),
    /// `(pipeline).A.B` and the like.
    Chain {
        /// What the fields are taken of.
        node: Box<Node>,
        /// The names, in order.
        fields: Vec<Rc<str>>,
    },
    /// Name of a function.
    Identifier(Rc<str>),
    /// `true`, `false`.
    Bool(bool),
    /// A number, or a character in single quotes.
    Number(NumberLiteral),
    /// A text in double quotes or backquotes.
    Quoted {
        /// As it is written, quotes included.
        quoted: Rc<str>,
        /// What it stands for.
        text: Rc<str>,
    },
}

/// A number as it is written, and every type that it fits.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberLiteral {
    /// As it is written.
    pub text: Rc<str>,
    /// As `int`, when it fits.
    pub int: Option<i64>,
    /// As `uint`, when it fits.
    pub uint: Option<u64>,
    /// As `float64`, when it fits.
    pub float: Option<f64>,
    /// Whether it is a complex number, which has no use in a template.
    pub complex: bool,
}

/// A pipeline: commands, each of which gets the outcome of the one before as its last argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipe {
    /// Where it begins.
    pub pos: Pos,
    /// Whether the variables are assigned to (`=`) and not declared (`:=`).
    pub assigns: bool,
    /// Variables, with their `$`; two only for `range`.
    pub variables: Vec<Rc<str>>,
    /// The commands; at least one.
    pub commands: Vec<Command>,
}

/// One command: its first word and its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Where it begins.
    pub pos: Pos,
    /// The words; at least one.
    pub words: Vec<Node>,
}

/// `if`, `range` and `with`.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// What decides.
    pub pipe: Pipe,
    /// What is done when it holds.
    pub list: Vec<Node>,
    /// What is done otherwise; `else if` is a list with one `if`.
    pub otherwise: Option<Vec<Node>>,
}
