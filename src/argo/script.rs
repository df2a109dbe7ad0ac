//! Reads shell scripts just well enough to see what they download: commands, words, variables and loops over lists.
//!
//! Nothing is run. What a script computes (`$(…)`, arithmetic, input) stays as it is written.

use std::collections::BTreeMap;

use crate::limits;

/// One command.
pub(super) struct Command {
    /// Lines of the script above it.
    pub(super) line: u64,
    /// Its words.
    pub(super) words: Vec<Word>,
}

/// One word of a command.
pub(super) struct Word {
    /// As it is written, without quotes.
    pub(super) text: String,
    /// What it becomes: one value, or several in a loop.
    pub(super) values: Vec<String>,
}

/// Variables and their values; several in a loop.
pub(super) type Variables = BTreeMap<String, Vec<String>>;

/// The commands of a script, with the variables put in that are known from outside or set in it.
pub(super) fn commands(text: &str, outer: &Variables) -> Vec<Command> {
    let mut variables = outer.clone();
    let mut found = Vec::new();
    for (line, words) in split(text) {
        let expand = |word: &str, variables: &Variables| expand(word, variables);
        if let [first, name, "in", list @ ..] = refs(&words).as_slice()
            && *first == "for"
        {
            let values = list.iter().flat_map(|word| {
                let whole = expand(word, &variables);
                let parts = whole.iter().flat_map(|value| value.split_whitespace());
                parts.map(str::to_owned).collect::<Vec<_>>()
            });
            let values = values.take(limits::SCRIPT_URLS_MAX).collect();
            variables.insert((*name).to_owned(), values);
            continue;
        }
        for word in &words {
            if let Some((name, value)) = word.split_once('=').filter(|(name, _)| is_name(name)) {
                variables.insert(name.to_owned(), expand(value, &variables));
            } else if word != "export" && word != "local" && word != "readonly" {
                break;
            }
        }
        let words = words.into_iter().map(|text| {
            let values = expand(&text, &variables);
            Word { text, values }
        });
        found.push(Command { line, words: words.collect() });
        if found.len() >= limits::FACT_TEXTS_MAX * 50 {
            break;
        }
    }
    found
}

fn refs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Commands as words: cut at line ends and `;`, `|`, `&`, and the words that begin a block.
fn split(text: &str) -> Vec<(u64, Vec<String>)> {
    let mut found = Vec::new();
    let (mut words, mut word) = (Vec::new(), String::new());
    let (mut line, mut start, mut quote) = (0_u64, 0_u64, None);
    let mut chars = text.chars().peekable();
    let mut cut = |words: &mut Vec<String>, line: u64| {
        if !words.is_empty() {
            found.push((line, std::mem::take(words)));
        }
    };
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        if c == '\n' {
            line += 1;
        }
        match (quote, c) {
            (None, '\\') if next == Some('\n') => {
                chars.next();
                line += 1;
            }
            (None | Some('"'), '\\') => {
                if let Some(c) = chars.next() {
                    word.push(c);
                    line += u64::from(c == '\n');
                }
            }
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '#') if word.is_empty() => {
                while chars.peek().is_some_and(|c| *c != '\n') {
                    chars.next();
                }
            }
            (None, c) if c.is_whitespace() || matches!(c, ';' | '|' | '&' | '<' | '>' | '`') => {
                if !word.is_empty() {
                    if words.is_empty() {
                        start = line - u64::from(c == '\n');
                    }
                    let block =
                        words.is_empty() && matches!(&*word, "do" | "then" | "else" | "{" | "(");
                    let done = std::mem::take(&mut word);
                    if !block {
                        words.push(done);
                    }
                }
                if matches!(c, '\n' | ';' | '|' | '&' | '`') {
                    cut(&mut words, start);
                }
            }
            (_, c) => word.push(c),
        }
    }
    if !word.is_empty() {
        if words.is_empty() {
            start = line;
        }
        words.push(word);
    }
    cut(&mut words, start);
    found
}

/// Puts known variables into a word; every combination, up to a bound.
pub(super) fn expand(word: &str, variables: &Variables) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        values.iter_mut().for_each(|value| value.push_str(before));
        let (name, length) = variable(after);
        let puts = name.and_then(|name| variables.get(name)).filter(|puts| !puts.is_empty());
        let written = after.get(..length).unwrap_or(after);
        let own = [written.to_owned()];
        let puts = puts.map_or(&own[..], Vec::as_slice);
        let mut next = Vec::new();
        for value in &values {
            for put in puts {
                if next.len() < limits::SCRIPT_URLS_MAX && value.len() + put.len() < 8192 {
                    next.push(format!("{value}{put}"));
                }
            }
        }
        values = next;
        rest = after.get(length..).unwrap_or("");
    }
    values.iter_mut().for_each(|value| value.push_str(rest));
    values
}

/// The name of a variable at the start of a text, and how many bytes it is written with.
fn variable(text: &str) -> (Option<&str>, usize) {
    let rest = text.get(1..).unwrap_or("");
    if let Some(inner) = rest.strip_prefix('{') {
        let Some(end) = inner.find('}') else { return (None, 1) };
        let name = inner.get(..end).filter(|name| is_name(name));
        return (name, end + 3);
    }
    // Kubernetes puts `$(NAME)` in by itself.
    if let Some(inner) = rest.strip_prefix('(') {
        let Some(end) = inner.find(')') else { return (None, 1) };
        return (inner.get(..end).filter(|name| is_name(name)), end + 3);
    }
    let end = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    (rest.get(..end).filter(|name| is_name(name)), end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let outer = BTreeMap::from([("BASE".to_owned(), vec!["https://x.io".to_owned()])]);
        let shown = |command: Command| {
            let words: Vec<String> =
                command.words.iter().map(|word| word.values.join("|")).collect();
            format!("{}: {}", command.line, words.join(" "))
        };
        commands(text, &outer).into_iter().map(shown).collect()
    }

    #[test]
    fn variables_and_loops_are_put_in() {
        let text = "set -e # note\nV=1.2\nfor f in a b; do\n  curl -O \"$BASE/$V/${f}.yaml\" \\\n    -s && echo 'done $V'\ndone\n";
        assert_eq!(
            all(text),
            [
                "0: set -e",
                "1: V=1.2",
                "3: curl -O https://x.io/1.2/a.yaml|https://x.io/1.2/b.yaml -s",
                "4: echo done 1.2",
                "5: done",
            ]
        );
    }

    #[test]
    fn what_is_not_known_stays() {
        assert_eq!(all("curl $(date) ${X:-y} $Z $"), ["0: curl $(date) ${X:-y} $Z $"]);
        assert_eq!(all("'"), Vec::<String>::new());
        assert_eq!(all("\\"), Vec::<String>::new());
        assert_eq!(all("ä\"ß\\"), ["0: äß"]);
    }

    #[test]
    fn combinations_are_bounded() {
        let list: String = (0..600).map(|n| format!(" {n}")).collect();
        let text = format!("for a in{list}; do\nfor b in{list}; do\ncurl $a$b$a$b\n");
        let found = commands(&text, &BTreeMap::new());
        let values = &found[0].words[1].values;
        assert!(values.len() <= limits::SCRIPT_URLS_MAX, "{}", values.len());
    }
}
