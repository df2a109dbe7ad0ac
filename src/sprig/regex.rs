//! Sprig's functions for regular expressions, with Go's rules for what is found and what replaces it.

#![allow(clippy::unnecessary_wraps)] // one signature for all functions

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::limits;
use crate::sprig::pattern::{self, Pattern};
use crate::sprig::{print, runes};
use crate::template::{Args, Fault, Function, Host, Value};

/// The functions of this file.
pub(super) const ALL: &[Function] = &[
    Function::fixed("regexMatch", 2, |host, args| match searched(host, args, Tone::Error) {
        // A pattern that cannot be read matches nothing.
        Err(Fault::Said(_)) if args.bytes(1).is_ok() => Ok(false.into()),
        outcome => outcome.map(|(known, text)| known.regex.is_match(&text).into()),
    }),
    Function::fixed("mustRegexMatch", 2, |host, args| {
        let (known, text) = searched(host, args, Tone::Error)?;
        Ok(known.regex.is_match(&text).into())
    }),
    Function::fixed("regexFind", 2, |host, args| find(host, args, Tone::Panic)),
    Function::fixed("mustRegexFind", 2, |host, args| find(host, args, Tone::Error)),
    Function::fixed("regexFindAll", 3, |host, args| find_all(host, args, Tone::Panic)),
    Function::fixed("mustRegexFindAll", 3, |host, args| find_all(host, args, Tone::Error)),
    Function::fixed("regexReplaceAll", 3, |host, args| {
        replace_all(host, args, Tone::Panic, expand)
    }),
    Function::fixed("mustRegexReplaceAll", 3, |host, args| {
        replace_all(host, args, Tone::Error, expand)
    }),
    Function::fixed("regexReplaceAllLiteral", 3, |host, args| {
        replace_all(host, args, Tone::Panic, as_it_is)
    }),
    Function::fixed("mustRegexReplaceAllLiteral", 3, |host, args| {
        replace_all(host, args, Tone::Error, as_it_is)
    }),
    Function::fixed("regexSplit", 3, |host, args| split(host, args, Tone::Panic)),
    Function::fixed("mustRegexSplit", 3, |host, args| split(host, args, Tone::Error)),
    Function::fixed("regexQuoteMeta", 1, quote_meta),
];

/// How a function speaks of a pattern that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    /// `regexp.Compile`'s error.
    Error,
    /// `regexp.MustCompile`'s panic, which names the pattern.
    Panic,
}

/// A pattern that has been read.
struct Known {
    regex: regex::Regex,
    names: Vec<Option<String>>,
}

thread_local! {
    /// Patterns that have been read in this thread; charts use the same few again and again.
    static KNOWN: RefCell<HashMap<String, Result<Rc<Known>, String>>> = RefCell::default();
}

/// Reads the pattern in the first argument and the text in the second, and pays for one search.
fn searched<'a>(
    host: &mut dyn Host,
    args: Args<'a>,
    tone: Tone,
) -> Result<(Rc<Known>, std::borrow::Cow<'a, str>), Fault> {
    let (pattern, text) = (args.bytes(0)?, args.text(1)?);
    host.spend((pattern.len() as u64).saturating_mul(16).saturating_add(1))?;
    host.spend((text.len() as u64).saturating_mul(1 + pattern.len() as u64 / 16))?;
    match known(pattern) {
        Ok(known) => Ok((known, text)),
        Err(words) if tone == Tone::Error => Err(Fault::Said(words)),
        Err(words) => Err(Fault::said(format!("regexp: Compile({}): {words}", shown(pattern)))),
    }
}

fn known(pattern: &[u8]) -> Result<Rc<Known>, String> {
    let text = std::str::from_utf8(pattern).map_err(|error| {
        let rest = pattern.get(error.valid_up_to()..).unwrap_or_default();
        format!("error parsing regexp: invalid UTF-8: `{}`", String::from_utf8_lossy(rest))
    })?;
    KNOWN.with_borrow_mut(|all| {
        if let Some(known) = all.get(text) {
            return known.clone();
        }
        if all.len() >= limits::TEMPLATE_REGEXES_MAX {
            all.clear();
        }
        let known = compiled(text);
        all.insert(text.to_owned(), known.clone());
        known
    })
}

fn compiled(text: &str) -> Result<Rc<Known>, String> {
    if text.len() > limits::TEMPLATE_REGEX_BYTES_MAX {
        return Err("error parsing regexp: expression too large".into());
    }
    let Pattern { text: translated, names } = pattern::translate(text)?;
    let regex = regex::RegexBuilder::new(&translated)
        .size_limit(limits::TEMPLATE_REGEX_PROGRAM_BYTES_MAX)
        .dfa_size_limit(limits::TEMPLATE_REGEX_PROGRAM_BYTES_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                format!("error parsing regexp: expression too large: `{text}`")
            }
            _ => format!("error parsing regexp: not understood: `{text}`"),
        })?;
    Ok(Rc::new(Known { regex, names }))
}

/// A pattern in backquotes when it can stand there, else in quotes (`regexp.quote`).
fn shown(pattern: &[u8]) -> String {
    let plain =
        |letter: char| letter == '\t' || letter >= ' ' && !"`\u{7f}\u{feff}".contains(letter);
    match std::str::from_utf8(pattern) {
        Ok(text) if text.chars().all(plain) => format!("`{text}`"),
        _ => print::quoted(pattern),
    }
}

/// What Go finds, in order, at most so many: an empty match right after another match does not count.
fn matches<'t>(
    host: &mut dyn Host,
    known: &Known,
    text: &'t str,
    most: i64,
) -> Result<Vec<regex::Captures<'t>>, Fault> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    let (mut at, mut end_before) = (0, None);
    while found.len() < most && at <= text.len() {
        host.spend(1 + known.names.len() as u64)?;
        let Some(captures) = known.regex.captures_at(text, at) else { break };
        let Some(whole) = captures.get(0) else { break };
        let (start, end) = (whole.start(), whole.end());
        let repeated = end == at && end_before == Some(start);
        at = if end == at { after(text, at) } else { end };
        end_before = Some(end);
        if !repeated {
            found.push(captures);
        }
    }
    Ok(found)
}

/// The place after the rune at a place, past the end at the end.
fn after(text: &str, at: usize) -> usize {
    let rune = text.get(at..).and_then(|rest| rest.chars().next());
    at + rune.map_or(1, char::len_utf8)
}

/// The text of a whole match and where it is.
fn whole<'t>(captures: &regex::Captures<'t>) -> (usize, usize, &'t str) {
    captures.get(0).map_or((0, 0, ""), |found| (found.start(), found.end(), found.as_str()))
}

fn find(host: &mut dyn Host, args: Args<'_>, tone: Tone) -> Result<Value, Fault> {
    let (known, text) = searched(host, args, tone)?;
    Ok(known.regex.find(&text).map_or("", |found| found.as_str()).into())
}

fn find_all(host: &mut dyn Host, args: Args<'_>, tone: Tone) -> Result<Value, Fault> {
    let most = args.int(2)?;
    let (known, text) = searched(host, args, tone)?;
    let found = matches(host, &known, &text, most)?;
    Ok(Value::texts(found.iter().map(|captures| whole(captures).2)))
}

type Replace = fn(&Known, &str, &regex::Captures<'_>, &mut String);

fn replace_all(
    host: &mut dyn Host,
    args: Args<'_>,
    tone: Tone,
    replace: Replace,
) -> Result<Value, Fault> {
    let replacement = args.text(2)?;
    let (known, text) = searched(host, args, tone)?;
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for captures in matches(host, &known, &text, -1)? {
        let (start, end, _) = whole(&captures);
        let before = out.len();
        out.push_str(text.get(copied..start).unwrap_or_default());
        replace(&known, &replacement, &captures, &mut out);
        host.spend((out.len() - before) as u64)?;
        copied = end;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Ok(out.into())
}

fn as_it_is(_: &Known, replacement: &str, _: &regex::Captures<'_>, out: &mut String) {
    out.push_str(replacement);
}

/// Puts what was matched in the place of `$1`, `${1}` and `$name` (`Regexp.Expand`).
fn expand(known: &Known, template: &str, captures: &regex::Captures<'_>, out: &mut String) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = group_name(rest) {
            out.push_str(group(known, captures, name));
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
}

/// The longest name at the start of a text, in braces or not, and what follows it.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('{');
    let part = inner.unwrap_or(text);
    let sound = |rune: char| rune == '_' || runes::LETTER.has(rune) || runes::DIGIT.has(rune);
    let end = part.find(|rune| !sound(rune)).unwrap_or(part.len());
    let (name, after) = part.split_at_checked(end).filter(|(name, _)| !name.is_empty())?;
    match inner {
        Some(_) => Some((name, after.strip_prefix('}')?)),
        None => Some((name, after)),
    }
}

/// What a group matched: by number, or the first one of a name that took part.
fn group<'t>(known: &Known, captures: &regex::Captures<'t>, name: &str) -> &'t str {
    let text = |at: usize| captures.get(at).map(|found| found.as_str());
    let numeric = name.bytes().all(|digit| digit.is_ascii_digit());
    if numeric && name.len() <= 9 && (name == "0" || !name.starts_with('0')) {
        return name.parse().ok().and_then(text).unwrap_or_default();
    }
    known
        .names
        .iter()
        .enumerate()
        .filter(|(_, known)| known.as_deref() == Some(name))
        .find_map(|(at, _)| text(at))
        .unwrap_or_default()
}

fn split(host: &mut dyn Host, args: Args<'_>, tone: Tone) -> Result<Value, Fault> {
    let most = args.int(2)?;
    let (known, text) = searched(host, args, tone)?;
    if most == 0 {
        return Ok(Value::texts::<&str>([]));
    }
    if text.is_empty() && !args.bytes(0)?.is_empty() {
        return Ok(Value::texts([""]));
    }
    let mut pieces: Vec<&str> = Vec::new();
    let (mut start, mut end) = (0, 0);
    for captures in matches(host, &known, &text, most)? {
        if usize::try_from(most).is_ok_and(|most| pieces.len() + 1 == most) {
            break;
        }
        let (found, after, _) = whole(&captures);
        end = found;
        // An empty match at the very start cuts nothing off.
        if after != 0 {
            pieces.push(text.get(start..end).unwrap_or_default());
        }
        start = after;
    }
    if end != text.len() {
        pieces.push(text.get(start..).unwrap_or_default());
    }
    Ok(Value::texts(pieces))
}

fn quote_meta(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let mut out = Vec::new();
    for byte in args.bytes(0)? {
        if br"\.+*?()|[]{}^$".contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    Ok(Value::from_bytes(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sprig::testing::{call, shown};

    #[test]
    fn finds_and_replaces_as_go_does() {
        for (name, args, expected) in TABLE {
            // A third argument that is a number is one.
            let value = |(at, arg): (usize, &&str)| match arg.parse() {
                Ok(number) if at == 2 => Value::Int(number),
                _ => Value::from(*arg),
            };
            let args: Vec<Value> = args.iter().enumerate().map(value).collect();
            let outcome = match call(ALL, name, &args) {
                Ok(Value::Text(text)) => text.to_string(),
                Ok(other) => format!("{other:?}"),
                Err(fault) => format!("error: {fault}"),
            };
            assert_eq!(outcome, *expected, "{name} {args:?}");
        }
    }

    /// Function, arguments, and what Sprig makes of them.
    const TABLE: &[(&str, &[&str], &str)] = &[
        ("regexMatch", &["^[a-z]+$", "abc"], "true"),
        ("regexMatch", &["^[a-z]+$", "ab1"], "false"),
        ("regexMatch", &["(a", "a"], "false"),
        ("regexMatch", &["^\\w+$", "é"], "false"),
        ("regexMatch", &["^\\d$", "٣"], "false"),
        ("regexMatch", &["a\\b", "aé"], "true"),
        ("regexMatch", &["^.$", "é"], "true"),
        ("regexMatch", &["a$", "a\n"], "false"),
        ("regexMatch", &["(?i)^É$", "é"], "true"),
        ("regexMatch", &["\\s", " "], "false"),
        ("regexMatch", &["\\s", "\u{b}"], "false"),
        ("regexMatch", &["[[:space:]]", "\u{b}"], "true"),
        ("regexMatch", &["^[^a]$", "\n"], "true"),
        ("regexMatch", &["^.$", "\n"], "false"),
        ("regexMatch", &["[a&&b]", "&"], "true"),
        ("regexMatch", &["^[[a]$", "["], "true"),
        ("regexMatch", &["^\\Qa.b\\E$", "a.b"], "true"),
        ("regexMatch", &["^\\<$", "<"], "true"),
        ("mustRegexMatch", &["(a", "a"], "error: error parsing regexp: missing closing ): `(a`"),
        ("mustRegexMatch", &["a", "a"], "true"),
        ("regexFind", &["[a-zA-Z][1-9]", "abcd1234"], "d1"),
        ("regexFind", &["a", "x"], ""),
        (
            "regexFind",
            &["a(b", "x"],
            "error: regexp: Compile(`a(b`): error parsing regexp: missing closing ): `a(b`",
        ),
        (
            "regexFind",
            &["a`(b", "x"],
            "error: regexp: Compile(\"a`(b\"): error parsing regexp: missing closing ): `a`(b`",
        ),
        ("mustRegexFind", &["a|ab", "ab"], "a"),
        ("regexFind", &["(?U)a+", "aaa"], "a"),
        ("regexFind", &["a+?", "aaa"], "a"),
        ("regexFind", &["(a|ab)(c|bcd)", "abcd"], "abcd"),
        ("regexFind", &["x{2,3}", "xxxx"], "xxx"),
        ("regexFind", &["x{,3}", "x{,3}"], "x{,3}"),
        ("regexFindAll", &["[2,4,6,8]", "123456789", "-1"], "[\"2\", \"4\", \"6\", \"8\"]"),
        ("regexFindAll", &["[2,4,6,8]", "123456789", "2"], "[\"2\", \"4\"]"),
        ("regexFindAll", &["a", "aaa", "0"], "[]"),
        ("regexFindAll", &["a*", "baac", "-1"], "[\"\", \"aa\", \"\"]"),
        ("regexFindAll", &["", "aé", "-1"], "[\"\", \"\", \"\"]"),
        ("regexFindAll", &["z", "a", "-1"], "[]"),
        (
            "regexFindAll",
            &["(a", "a", "-1"],
            "error: regexp: Compile(`(a`): error parsing regexp: missing closing ): `(a`",
        ),
        (
            "mustRegexFindAll",
            &["(a", "a", "-1"],
            "error: error parsing regexp: missing closing ): `(a`",
        ),
        ("regexFindAll", &["a*|b", "abaab", "-1"], "[\"a\", \"aa\", \"\"]"),
        ("regexFindAll", &["\\b", "ab cd", "-1"], "[\"\", \"\", \"\", \"\"]"),
        ("regexReplaceAll", &["a(x*)b", "-ab-axxb-", "${1}W"], "-W-xxW-"),
        ("regexReplaceAll", &["a(x*)b", "-ab-axxb-", "$1W"], "---"),
        ("regexReplaceAll", &["a(x*)b", "-ab-axxb-", "$1-$0-$$-$"], "--ab-$-$-xx-axxb-$-$-"),
        ("regexReplaceAll", &["(?P<n>a)|(?P<n>b)", "ab", "[$n]"], "[a][b]"),
        ("regexReplaceAll", &["(?P<n>a)", "ab", "${n}${n"], "a${nb"),
        ("regexReplaceAll", &["a*", "baac", "x"], "xbxcx"),
        ("regexReplaceAll", &["", "aé", "-"], "-a-é-"),
        ("regexReplaceAll", &["a", "aaa", "$01$10$é"], ""),
        ("regexReplaceAll", &["[^-A-Za-z0-9_.]", "a/b:c@d", "-"], "a-b-c-d"),
        ("regexReplaceAll", &["^\\s*|\\s*$", "  a b ", ""], "a b"),
        ("regexReplaceAll", &["(?m)^", "a\nb", "> "], "> a\n> b"),
        ("regexReplaceAll", &["\\W+", "a  é b", "_"], "a_b"),
        ("regexReplaceAll", &["b*$", "abb", "x"], "ax"),
        (
            "regexReplaceAll",
            &["(a", "a", ""],
            "error: regexp: Compile(`(a`): error parsing regexp: missing closing ): `(a`",
        ),
        ("regexReplaceAll", &["(.)(.)", "abcd", "$2${1}"], "badc"),
        ("regexReplaceAll", &["a|", "ab", "x"], "xbx"),
        (
            "mustRegexReplaceAll",
            &["(", "a", ""],
            "error: error parsing regexp: missing closing ): `(`",
        ),
        ("regexReplaceAllLiteral", &["a(x*)b", "-ab-axxb-", "${1}"], "-${1}-${1}-"),
        (
            "mustRegexReplaceAllLiteral",
            &["(", "a", ""],
            "error: error parsing regexp: missing closing ): `(`",
        ),
        (
            "regexReplaceAllLiteral",
            &["(", "a", ""],
            "error: regexp: Compile(`(`): error parsing regexp: missing closing ): `(`",
        ),
        ("regexSplit", &["z+", "pizza", "-1"], "[\"pi\", \"a\"]"),
        ("regexSplit", &["z+", "pizza", "1"], "[\"pizza\"]"),
        ("regexSplit", &["z+", "pizza", "0"], "[]"),
        ("regexSplit", &["z+", "pizza", "2"], "[\"pi\", \"a\"]"),
        ("regexSplit", &["", "abc", "-1"], "[\"a\", \"b\", \"c\"]"),
        ("regexSplit", &["", "abc", "2"], "[\"a\", \"bc\"]"),
        ("regexSplit", &["a", "", "-1"], "[\"\"]"),
        ("regexSplit", &["", "", "-1"], "[]"),
        ("regexSplit", &["a", "aba", "-1"], "[\"\", \"b\", \"\"]"),
        ("regexSplit", &["a*", "abaab", "-1"], "[\"\", \"b\", \"b\"]"),
        ("regexSplit", &[",", "a,b,c,", "3"], "[\"a\", \"b\", \"c,\"]"),
        (
            "regexSplit",
            &["(", "a", "-1"],
            "error: regexp: Compile(`(`): error parsing regexp: missing closing ): `(`",
        ),
        (
            "mustRegexSplit",
            &["(", "a", "-1"],
            "error: error parsing regexp: missing closing ): `(`",
        ),
        (
            "regexSplit",
            &["[.]", "registry.example.com/x", "-1"],
            "[\"registry\", \"example\", \"com/x\"]",
        ),
        ("regexSplit", &["a*", "baac", "2"], "[\"b\", \"c\"]"),
        (
            "regexQuoteMeta",
            &["1.2.3*[a]{b}(c)|^$+?\\-/é"],
            "1\\.2\\.3\\*\\[a\\]\\{b\\}\\(c\\)\\|\\^\\$\\+\\?\\\\-/é",
        ),
    ];

    #[test]
    fn bounds_patterns_and_outcomes() {
        let large = r"\pL{1000}".repeat(100);
        assert!(shown(ALL, "regexFind", &[large.into(), "".into()]).contains("too large"));
        let long = Value::from("a".repeat(3000));
        let args = ["a".into(), long.clone(), long];
        assert!(shown(ALL, "regexReplaceAll", &args).contains("work"));
        for number in 0..2 * limits::TEMPLATE_REGEXES_MAX {
            call(ALL, "regexFind", &[number.to_string().into(), "".into()]).unwrap();
        }
        assert!(KNOWN.with_borrow(HashMap::len) <= limits::TEMPLATE_REGEXES_MAX);
    }
}
