//! Escapes texts for HTML, JavaScript and URLs, as Go does.

/// For HTML.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            other => out.push(other),
        }
    }
    out
}

/// For a text in JavaScript.
pub(super) fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' | '\0'..=' ' if char != ' ' => escape_js(&mut out, char),
            other if other.is_ascii() || is_printable(other) => out.push(other),
            other => escape_js(&mut out, other),
        }
    }
    out
}

fn escape_js(out: &mut String, char: char) {
    out.push_str(&format!("\\u{:04X}", u32::from(char)));
}

/// Whether Go takes a character for printable; the few that the two disagree on are of no use in a template.
fn is_printable(char: char) -> bool {
    // Behind another character, so that only what cannot be printed is escaped and not what combines.
    let pair: String = ['a', char].iter().collect();
    !char.is_whitespace() && pair.escape_debug().count() == 2
}

/// For a query of a URL.
pub(super) fn urlquery(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{html, js, urlquery};

    #[test]
    fn escapes_as_go_does() {
        assert_eq!(html("<a b=\"c\">'&\0"), "&lt;a b=&#34;c&#34;&gt;&#39;&amp;\u{fffd}");
        assert_eq!(
            js("a<b>'\"\\\n&= é\u{200b}"),
            "a\\u003Cb\\u003E\\'\\\"\\\\\\u000A\\u0026\\u003D é\\u200B"
        );
        assert_eq!(urlquery("a b/ü?~"), "a+b%2F%C3%BC%3F~");
    }
}
