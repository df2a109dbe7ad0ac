//! Names in several styles: `snake_case`, `kebab-case`, `CamelCase`, by the rules of huandu/xstrings.

#![allow(clippy::unnecessary_wraps)] // one signature for all functions

use crate::sprig::runes;
use crate::sprig::words::letters;
use crate::template::{Args, Fault, Function, Host, Value};

/// The functions of this file.
pub(super) const ALL: &[Function] = &[
    Function::fixed("camelcase", 1, camelcase),
    Function::fixed("snakecase", 1, |_, args| lowercase(args, '_')),
    Function::fixed("kebabcase", 1, |_, args| lowercase(args, '-')),
];

/// What a run of letters is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// Cannot be read; also the end.
    Broken,
    /// Digits.
    Number,
    /// Starts with a capital.
    Capital,
    /// Letters without a capital.
    Small,
    /// Space, hyphens and underscores.
    Connector,
    /// Other punctuation.
    Mark,
    /// Anything else.
    Other,
}

fn connects(rune: char) -> bool {
    rune == '-' || rune == '_' || rune.is_whitespace()
}

fn camelcase(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let all = letters(args.bytes(0)?);
    let lead = all.iter().take_while(|rune| connects(**rune)).count();
    let mut out: String = all.iter().take(lead).collect();
    let mut rest = all.iter().copied().skip(lead);
    let Some(first) = rest.next() else {
        // Nothing but connectors: the last one is written twice, as the original does.
        out.extend(all.last());
        return Ok(out.into());
    };
    // Capitals that follow a capital at a word's start become small.
    let mut capitals = runes::UPPER.has(first);
    let mut held = runes::upper(first);
    for rune in rest {
        let before = std::mem::replace(&mut held, rune);
        if connects(rune) && connects(before) {
            out.push(before);
        } else if connects(before) {
            capitals = runes::UPPER.has(rune);
            held = runes::upper(rune);
        } else {
            if capitals {
                if runes::UPPER.has(rune) {
                    held = runes::lower(rune);
                } else {
                    capitals = false;
                }
            }
            out.push(before);
        }
    }
    out.push(held);
    Ok(out.into())
}

fn lowercase(args: Args<'_>, connector: char) -> Result<Value, Fault> {
    let all = letters(args.bytes(0)?);
    let mut style = Style { out: String::with_capacity(all.len()), connector };
    let (mut kind, mut word, mut rest) = next_word(&all);
    while !rest.is_empty() {
        if kind != Word::Connector {
            style.write(kind, word);
        }
        let (before, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match before {
            Word::Number => (kind, word, rest) = style.write_joined(kind, word, rest),
            Word::Connector => style.write(before, last),
            Word::Mark => {}
            _ if kind != Word::Number => style.connect(kind),
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind == Word::Small {
                    // Small letters follow: the number belongs to them, `http_2xx`.
                    style.out.push(connector);
                    style.write(Word::Number, number);
                    (kind, word, rest) = style.write_joined(kind, word, rest);
                } else {
                    // The number belongs to what stands before it, `bld4_floor`.
                    style.write(Word::Number, number);
                    style.connect(kind);
                }
            }
        }
    }
    style.write(kind, word);
    Ok(style.out.into())
}

type Step<'a> = (Word, &'a [char], &'a [char]);

/// What has been written, and what stands between words.
struct Style {
    out: String,
    connector: char,
}

impl Style {
    fn write(&mut self, kind: Word, word: &[char]) {
        let plain = !matches!(kind, Word::Capital | Word::Connector);
        self.out.extend(word.iter().map(|rune| match *rune {
            rune if plain => rune,
            rune if connects(rune) => self.connector,
            rune if runes::UPPER.has(rune) => runes::lower(rune),
            rune => rune,
        }));
    }

    /// Writes what stands between words, unless the next one brings it along.
    fn connect(&mut self, next: Word) {
        if !matches!(next, Word::Connector | Word::Mark) {
            self.out.push(self.connector);
        }
    }

    /// Writes small letters and numbers that follow a number as one word with it.
    fn write_joined<'a>(&mut self, kind: Word, word: &'a [char], rest: &'a [char]) -> Step<'a> {
        let mut step = (kind, word, rest);
        while matches!(step.0, Word::Small | Word::Number) {
            self.write(step.0, step.1);
            step = next_word(step.2);
        }
        if step.0 != Word::Broken {
            self.connect(step.0);
        }
        step
    }
}

/// A letter of an alphabet: any letter but the common CJK characters.
fn alphabetic(rune: char) -> bool {
    runes::LETTER.has(rune)
        && !matches!(rune, '\u{3400}'..='\u{4d85}' | '\u{4e00}'..='\u{9fcc}')
        && !matches!(rune, '\u{20000}'..='\u{2b81d}')
}

/// Takes the next word off.
fn next_word(all: &[char]) -> Step<'_> {
    let Some((first, after)) = all.split_first() else {
        return (Word::Broken, all, all);
    };
    let run =
        |wanted: &dyn Fn(char) -> bool| after.iter().take_while(|rune| wanted(**rune)).count() + 1;
    let small = |rune: char| alphabetic(rune) && !runes::UPPER.has(rune);
    let (kind, length) = match *first {
        char::REPLACEMENT_CHARACTER => (Word::Broken, 1),
        rune if connects(rune) => (Word::Connector, run(&connects)),
        rune if runes::PUNCTUATION.has(rune) => {
            (Word::Mark, run(&|rune| runes::PUNCTUATION.has(rune)))
        }
        rune if runes::UPPER.has(rune) => {
            let capitals = run(&|rune| runes::UPPER.has(rune));
            let length = match all.get(capitals) {
                // The last capital belongs to the word after: `HTTP` and `Status`.
                Some(next) if capitals > 1 && alphabetic(*next) => capitals - 1,
                _ if capitals > 1 => capitals,
                _ => run(&small),
            };
            (Word::Capital, length)
        }
        rune if alphabetic(rune) => (Word::Small, run(&small)),
        rune if runes::NUMBER.has(rune) => (Word::Number, run(&|rune| runes::NUMBER.has(rune))),
        _ => (Word::Other, run(&|rune| !known(rune))),
    };
    let (word, rest) = all.split_at(length.min(all.len()));
    (kind, word, rest)
}

/// Whether a rune belongs to a kind of word that has a name.
fn known(rune: char) -> bool {
    connects(rune) || alphabetic(rune) || runes::NUMBER.has(rune) || runes::PUNCTUATION.has(rune)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sprig::testing::call;

    #[test]
    fn writes_names_as_xstrings_does() {
        // name, snakecase, camelcase: taken from Sprig.
        for (name, snake, camel) in TABLE {
            let of = |function| call(ALL, function, &[(*name).into()]).unwrap();
            assert_eq!(of("snakecase").as_text(), Some(*snake), "{name}");
            assert_eq!(of("camelcase").as_text(), Some(*camel), "{name}");
            let kebab = of("kebabcase");
            assert_eq!(kebab.as_text().map(|kebab| kebab.replace('-', "_")), Some((*snake).into()));
        }
    }

    const TABLE: &[(&str, &str, &str)] = &[
        ("", "", ""),
        ("a", "a", "A"),
        ("_", "_", "__"),
        ("__", "__", "___"),
        ("_a", "_a", "_A"),
        ("FirstName", "first_name", "FirstName"),
        ("HTTPServer", "http_server", "Httpserver"),
        ("NoHTTPS", "no_https", "NoHTTPS"),
        ("GO_PATH", "go_path", "GoPath"),
        ("GO PATH", "go_path", "GoPath"),
        ("GO-PATH", "go_path", "GoPath"),
        ("http2xx", "http_2xx", "Http2xx"),
        ("HTTP20xOK", "http_20x_ok", "Http20xOK"),
        ("Duration2m3s", "duration_2m3s", "Duration2m3s"),
        ("Bld4Floor3rd", "bld4_floor_3rd", "Bld4Floor3rd"),
        ("some_words", "some_words", "SomeWords"),
        ("_complex__case_", "_complex__case_", "_Complex_Case_"),
        ("foo.bar-Baz", "foo.bar_baz", "Foo.barBaz"),
        ("a1", "a1", "A1"),
        ("1a", "1a", "1a"),
        ("1A", "1_a", "1A"),
        ("A1B2", "a1_b2", "A1B2"),
        ("abc123def456", "abc_123def456", "Abc123def456"),
        ("ABC123DEF", "abc123_def", "Abc123DEF"),
        ("x.y.Z", "x.y.z", "X.y.Z"),
        ("été2É", "été2_é", "Été2É"),
        ("日本Go", "日本_go", "日本Go"),
        ("K8sAPI", "k_8s_api", "K8sAPI"),
        ("my-app_v2.1", "my_app_v2.1", "MyAppV2.1"),
        ("argo-cd", "argo_cd", "ArgoCd"),
        ("EKSPodIdentity2", "eks_pod_identity2", "EkspodIdentity2"),
        ("3Com", "3_com", "3Com"),
        ("A", "a", "A"),
        ("aB", "a_b", "AB"),
        ("Ab", "ab", "Ab"),
        ("AB c", "ab_c", "AbC"),
        ("  x", "__x", "  X"),
        ("x--y", "x__y", "X-Y"),
        ("éÉ", "é_é", "ÉÉ"),
        ("ǅx", "ǅx", "Ǆx"),
        ("a=b", "a_=_b", "A=b"),
        ("$a+B", "$_a_+_b", "$a+B"),
    ];
}
