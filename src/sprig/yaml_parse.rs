//! Builds the tree of the first document of a YAML text, as go-yaml does.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::limits;
use crate::sprig::yaml_cursor::{Mark, is_allowed};
use crate::sprig::yaml_scan::{Scanner, Token};

/// Number of a node in its [`Tree`].
pub(super) type NodeId = usize;

/// A node and the line it starts on, from 0.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) line: usize,
    pub(super) body: Body<'a>,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Body<'a> {
    /// `plain` is go-yaml's "implicit": no quotes, or the tag `!`.
    Scalar {
        tag: Option<String>,
        text: Cow<'a, str>,
        plain: bool,
    },
    Sequence(Vec<NodeId>),
    Mapping(Vec<(NodeId, NodeId)>),
    Alias {
        name: &'a str,
        target: NodeId,
    },
}

/// All nodes of a document.
pub(super) struct Tree<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) root: NodeId,
}

/// Reads the first document; none when there is none. Errors are go-yaml's, without its `yaml: `.
pub(super) fn parse(text: &str) -> Result<Option<Tree<'_>>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.chars().all(is_allowed) {
        return Err("control characters are not allowed".to_string());
    }
    let mut parser = Parser {
        scanner: Scanner::new(text),
        nodes: Vec::new(),
        anchors: HashMap::new(),
        tags: Vec::new(),
    };
    let root = parser.document()?;
    Ok(root.map(|root| Tree { nodes: parser.nodes, root }))
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    nodes: Vec<Node<'a>>,
    anchors: HashMap<&'a str, NodeId>,
    /// Handles and what they stand for.
    tags: Vec<(String, String)>,
}

/// What stands before a node.
#[derive(Default)]
struct Properties<'a> {
    anchor: Option<&'a str>,
    tag: Option<String>,
    mark: Mark,
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Result<Option<NodeId>, String> {
        let explicit = match self.scanner.peek()?.0 {
            Token::StreamEnd => return Ok(None),
            Token::VersionDirective(..) | Token::TagDirective { .. } | Token::DocumentStart => true,
            _ => false,
        };
        self.directives()?;
        if explicit {
            let (token, mark) = self.scanner.peek()?;
            if !matches!(token, Token::DocumentStart) {
                return Err(problem("did not find expected <document start>", *mark, None));
            }
            self.scanner.take()?;
        }
        let (token, mark) = self.scanner.peek()?;
        let empty = matches!(
            token,
            Token::VersionDirective(..)
                | Token::TagDirective { .. }
                | Token::DocumentStart
                | Token::DocumentEnd
                | Token::StreamEnd
        );
        let mark = *mark;
        let root = if explicit && empty { self.empty(mark) } else { self.node(true, false, 0)? };
        // The document's end is looked for, as go-yaml does, and what is wrong there is said.
        self.scanner.peek()?;
        Ok(Some(root))
    }

    fn directives(&mut self) -> Result<(), String> {
        let mut version_seen = false;
        loop {
            let mark = self.scanner.peek()?.1;
            match &self.scanner.peek()?.0 {
                Token::VersionDirective(..) if version_seen => {
                    return Err(problem("found duplicate %YAML directive", mark, None));
                }
                Token::VersionDirective(1, 1) => version_seen = true,
                Token::VersionDirective(..) => {
                    return Err(problem("found incompatible YAML document", mark, None));
                }
                Token::TagDirective { handle, prefix } => {
                    if self.tags.iter().any(|(known, _)| known == handle) {
                        return Err(problem("found duplicate %TAG directive", mark, None));
                    }
                    self.tags.push((handle.clone(), prefix.clone()));
                }
                _ => break,
            }
            self.scanner.take()?;
        }
        for (handle, prefix) in [("!", "!"), ("!!", "tag:yaml.org,2002:")] {
            if !self.tags.iter().any(|(known, _)| known == handle) {
                self.tags.push((handle.to_string(), prefix.to_string()));
            }
        }
        Ok(())
    }

    fn add(&mut self, mark: Mark, body: Body<'a>) -> NodeId {
        self.nodes.push(Node { line: mark.line, body });
        self.nodes.len() - 1
    }

    fn empty(&mut self, mark: Mark) -> NodeId {
        self.add(mark, Body::Scalar { tag: None, text: Cow::Borrowed(""), plain: true })
    }

    fn anchored(&mut self, properties: &Properties<'a>, body: Body<'a>) -> NodeId {
        let id = self.add(properties.mark, body);
        if let Some(anchor) = properties.anchor {
            self.anchors.insert(anchor, id);
        }
        id
    }

    /// One node. `block`: blocks may start here. `indentless`: a list may start at the indentation of its key.
    fn node(&mut self, block: bool, indentless: bool, depth: usize) -> Result<NodeId, String> {
        if depth > limits::YAML_DEPTH_MAX {
            return Err(format!("exceeded max depth of {}", limits::YAML_DEPTH_MAX));
        }
        if let (Token::Alias(name), mark) = *self.scanner.peek()? {
            let Some(&target) = self.anchors.get(name) else {
                return Err(format!("unknown anchor '{name}' referenced"));
            };
            self.scanner.take()?;
            return Ok(self.add(mark, Body::Alias { name, target }));
        }
        let properties = self.properties()?;
        let (token, mark) = self.scanner.peek()?;
        let mark = *mark;
        match token {
            Token::BlockEntry if indentless => {
                let id = self.anchored(&properties, Body::Sequence(Vec::new()));
                let items = self.indentless_sequence(depth)?;
                Ok(self.fill(id, Body::Sequence(items)))
            }
            Token::Scalar { .. } => {
                let (Token::Scalar { text, plain }, _) = self.scanner.take()? else {
                    return Err("did not find expected node content".to_string());
                };
                let implicit = match properties.tag.as_deref() {
                    None => plain,
                    Some(tag) => tag == "!",
                };
                let tag = properties.tag.clone();
                Ok(self.anchored(&properties, Body::Scalar { tag, text, plain: implicit }))
            }
            Token::FlowSequenceStart => {
                let id = self.anchored(&properties, Body::Sequence(Vec::new()));
                let items = self.flow_sequence(depth)?;
                Ok(self.fill(id, Body::Sequence(items)))
            }
            Token::FlowMappingStart => {
                let id = self.anchored(&properties, Body::Mapping(Vec::new()));
                let entries = self.flow_mapping(depth)?;
                Ok(self.fill(id, Body::Mapping(entries)))
            }
            Token::BlockSequenceStart if block => {
                let id = self.anchored(&properties, Body::Sequence(Vec::new()));
                let items = self.block_sequence(depth)?;
                Ok(self.fill(id, Body::Sequence(items)))
            }
            Token::BlockMappingStart if block => {
                let id = self.anchored(&properties, Body::Mapping(Vec::new()));
                let entries = self.block_mapping(depth)?;
                Ok(self.fill(id, Body::Mapping(entries)))
            }
            _ if properties.anchor.is_some() || properties.tag.is_some() => {
                let tag = properties.tag.clone();
                let plain = tag.is_none();
                let text = Cow::Borrowed("");
                Ok(self.anchored(&properties, Body::Scalar { tag, text, plain }))
            }
            _ => Err(problem("did not find expected node content", mark, Some(properties.mark))),
        }
    }

    fn fill(&mut self, id: NodeId, body: Body<'a>) -> NodeId {
        if let Some(node) = self.nodes.get_mut(id) {
            node.body = body;
        }
        id
    }

    /// An anchor and a tag, in any order.
    fn properties(&mut self) -> Result<Properties<'a>, String> {
        let mut properties = Properties { mark: self.scanner.peek()?.1, ..Properties::default() };
        let mut tag = None;
        loop {
            match self.scanner.peek()?.0 {
                Token::Anchor(_) if properties.anchor.is_none() => {
                    if let (Token::Anchor(name), _) = self.scanner.take()? {
                        properties.anchor = Some(name);
                    }
                }
                Token::Tag { .. } if tag.is_none() => {
                    if let (Token::Tag { handle, suffix }, mark) = self.scanner.take()? {
                        tag = Some((handle, suffix, mark));
                    }
                }
                _ => break,
            }
        }
        if let Some((handle, suffix, mark)) = tag {
            properties.tag = Some(if handle.is_empty() {
                suffix
            } else {
                let known = self.tags.iter().find(|(known, _)| *known == handle);
                let Some((_, prefix)) = known else {
                    let start = Some(properties.mark);
                    return Err(problem("found undefined tag handle", mark, start));
                };
                format!("{prefix}{suffix}")
            });
        }
        Ok(properties)
    }

    fn block_sequence(&mut self, depth: usize) -> Result<Vec<NodeId>, String> {
        let (_, start) = self.scanner.take()?;
        let mut items = Vec::new();
        loop {
            match self.scanner.peek()? {
                (Token::BlockEntry, _) => self.scanner.take()?,
                (Token::BlockEnd, _) => {
                    self.scanner.take()?;
                    return Ok(items);
                }
                (_, mark) => {
                    let words = "did not find expected '-' indicator";
                    return Err(problem(words, *mark, Some(start)));
                }
            };
            let (token, mark) = self.scanner.peek()?;
            let mark = *mark;
            items.push(match token {
                Token::BlockEntry | Token::BlockEnd => self.empty(mark),
                _ => self.node(true, false, depth + 1)?,
            });
        }
    }

    fn indentless_sequence(&mut self, depth: usize) -> Result<Vec<NodeId>, String> {
        let mut items = Vec::new();
        while matches!(self.scanner.peek()?.0, Token::BlockEntry) {
            self.scanner.take()?;
            let (token, mark) = self.scanner.peek()?;
            let mark = *mark;
            items.push(match token {
                Token::BlockEntry | Token::Key | Token::Value | Token::BlockEnd => self.empty(mark),
                _ => self.node(true, false, depth + 1)?,
            });
        }
        Ok(items)
    }

    fn block_mapping(&mut self, depth: usize) -> Result<Vec<(NodeId, NodeId)>, String> {
        let (_, start) = self.scanner.take()?;
        let mut entries = Vec::new();
        loop {
            match self.scanner.peek()? {
                (Token::Key, _) => self.scanner.take()?,
                (Token::BlockEnd, _) => {
                    self.scanner.take()?;
                    return Ok(entries);
                }
                (_, mark) => {
                    return Err(problem("did not find expected key", *mark, Some(start)));
                }
            };
            let key = self.block_mapping_part(depth)?;
            let (token, mark) = self.scanner.peek()?;
            let mark = *mark;
            let value = if matches!(token, Token::Value) {
                self.scanner.take()?;
                self.block_mapping_part(depth)?
            } else {
                self.empty(mark)
            };
            entries.push((key, value));
        }
    }

    /// A key or a value, which may be missing.
    fn block_mapping_part(&mut self, depth: usize) -> Result<NodeId, String> {
        let (token, mark) = self.scanner.peek()?;
        let mark = *mark;
        match token {
            Token::Key | Token::Value | Token::BlockEnd => Ok(self.empty(mark)),
            _ => self.node(true, true, depth + 1),
        }
    }

    fn flow_sequence(&mut self, depth: usize) -> Result<Vec<NodeId>, String> {
        let (_, start) = self.scanner.take()?;
        let mut items = Vec::new();
        loop {
            if !items.is_empty() && !matches!(self.scanner.peek()?.0, Token::FlowSequenceEnd) {
                self.flow_entry("did not find expected ',' or ']'", start)?;
            }
            let (token, mark) = self.scanner.peek()?;
            let mark = *mark;
            match token {
                Token::FlowSequenceEnd => {
                    self.scanner.take()?;
                    return Ok(items);
                }
                Token::Key => {
                    self.scanner.take()?;
                    let id = self.add(mark, Body::Mapping(Vec::new()));
                    let entry = self.flow_pair(depth)?;
                    items.push(self.fill(id, Body::Mapping(vec![entry])));
                }
                _ => items.push(self.node(false, false, depth + 1)?),
            }
        }
    }

    fn flow_entry(&mut self, words: &str, start: Mark) -> Result<(), String> {
        let (token, mark) = self.scanner.peek()?;
        if !matches!(token, Token::FlowEntry) {
            return Err(problem(words, *mark, Some(start)));
        }
        self.scanner.take()?;
        Ok(())
    }

    /// `key: value` as an item of a list in brackets.
    fn flow_pair(&mut self, depth: usize) -> Result<(NodeId, NodeId), String> {
        let (token, mark) = self.scanner.peek()?;
        let mark = *mark;
        let key = match token {
            Token::Value | Token::FlowEntry | Token::FlowSequenceEnd => {
                // go-yaml takes this token, whatever it is.
                self.scanner.take()?;
                self.empty(mark)
            }
            _ => self.node(false, false, depth + 2)?,
        };
        let value = self.flow_value(true, depth + 1)?;
        Ok((key, value))
    }

    /// What follows a key in brackets: `: value`, `:`, or nothing.
    fn flow_value(&mut self, in_list: bool, depth: usize) -> Result<NodeId, String> {
        let (token, mark) = self.scanner.peek()?;
        let mark = *mark;
        if matches!(token, Token::Value) {
            self.scanner.take()?;
            let ends = match self.scanner.peek()?.0 {
                Token::FlowEntry => true,
                Token::FlowSequenceEnd => in_list,
                Token::FlowMappingEnd => !in_list,
                _ => false,
            };
            if !ends {
                return self.node(false, false, depth + 1);
            }
        }
        Ok(self.empty(mark))
    }

    fn flow_mapping(&mut self, depth: usize) -> Result<Vec<(NodeId, NodeId)>, String> {
        let (_, start) = self.scanner.take()?;
        let mut entries = Vec::new();
        loop {
            if !entries.is_empty() && !matches!(self.scanner.peek()?.0, Token::FlowMappingEnd) {
                self.flow_entry("did not find expected ',' or '}'", start)?;
            }
            let (token, mark) = self.scanner.peek()?;
            let mark = *mark;
            match token {
                Token::FlowMappingEnd => {
                    self.scanner.take()?;
                    return Ok(entries);
                }
                Token::Key => {
                    self.scanner.take()?;
                    let (token, mark) = self.scanner.peek()?;
                    let mark = *mark;
                    let key = match token {
                        Token::Value | Token::FlowEntry | Token::FlowMappingEnd => self.empty(mark),
                        _ => self.node(false, false, depth + 1)?,
                    };
                    let value = self.flow_value(false, depth)?;
                    entries.push((key, value));
                }
                _ => {
                    let key = self.node(false, false, depth + 1)?;
                    let value = self.empty(mark);
                    entries.push((key, value));
                }
            }
        }
    }
}

/// An error of go-yaml's parser, which counts lines from 0 and then forgets to add one.
fn problem(words: &str, mark: Mark, context: Option<Mark>) -> String {
    match (mark.line, context.map_or(0, |mark| mark.line)) {
        (0, 0) => words.to_string(),
        (0, line) | (line, _) => format!("line {line}: {words}"),
    }
}
