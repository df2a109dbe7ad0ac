//! The text form of keys (RFC 7468), as far as it has to be cut up before it is parsed.

/// One `-----BEGIN X-----` … `-----END X-----` block.
pub(super) struct Block<'a> {
    /// The words after `BEGIN`.
    pub(super) label: &'a str,
    /// The whole block, both lines included.
    pub(super) text: &'a str,
}

impl Block<'_> {
    /// Whether it holds a private key of whatever kind.
    pub(super) fn is_private(&self) -> bool {
        self.label.ends_with("PRIVATE KEY")
    }
}

/// Finds all blocks. Text around them is allowed (RFC 7468 section 2), a block without its end is
/// left out.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find("-----BEGIN ") {
        let block = &rest[begin..];
        let Some((label, _)) = block["-----BEGIN ".len()..].split_once("-----") else { break };
        let last = format!("-----END {label}-----");
        let Some(end) = block.find(&last) else { break };
        let (text, after) = block.split_at(end + last.len());
        found.push(Block { label, text });
        rest = after;
    }
    found
}
