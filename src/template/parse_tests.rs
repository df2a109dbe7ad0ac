//! What Go 1.26.8 says of each text: taken from `text/template/parse` itself.

use std::io::{self, Write};
use std::path::Path;

use crate::limits::{TEMPLATE_BLOCKS_DEPTH_MAX, TEMPLATE_PARENS_DEPTH_MAX};
use crate::template::parse::parse_knowing;
use crate::template::{Node, NodeKind, ParseError, Tree};

const FUNCTIONS: [&str; 13] = [
    "print", "printf", "include", "len", "and", "or", "not", "eq", "index", "html", "foo", "bar",
    "default",
];

fn parsed(text: &str) -> Result<Vec<Tree>, ParseError> {
    parse_knowing("x", text, &|name| FUNCTIONS.contains(&name))
}

fn shown(nodes: &[Node]) -> String {
    nodes.iter().map(Node::to_string).collect()
}

/// Text, line of the error, error.
#[rustfmt::skip]
const REFUSED: [(&str, usize, &str); 163] = [
    ("{{end}}", 1, "unexpected {{end}}"),
    ("{{else}}", 1, "unexpected {{else}}"),
    ("{{else if .x}}", 1, "unexpected {{else}}"),
    ("{{if .x}}", 1, "unexpected EOF"),
    ("{{if}}{{end}}", 1, "missing value for if"),
    ("{{if .x}}{{else}}{{else}}{{end}}", 1, "expected end; found {{else}}"),
    ("{{range .x}}{{else if .y}}{{end}}", 1, "unexpected <if> in input"),
    ("{{with .x}}{{else if .y}}{{end}}{{end}}", 1, "unexpected <if> in input"),
    ("{{break}}", 1, "{{break}} outside {{range}}"),
    ("{{range .}}{{else}}{{break}}{{end}}", 1, "{{break}} outside {{range}}"),
    ("{{break 1}}", 1, r#"unexpected "1" in {{break}}"#),
    ("{{range .}}{{break 1}}{{end}}", 1, r#"unexpected "1" in {{break}}"#),
    (r#"z{{define "x"}}y{{end}}"#, 1, r#"template: multiple definition of template "x""#),
    (r#"{{define "a"}}{{else}}{{end}}"#, 1, "unexpected {{else}} in define clause"),
    ("{{define a}}{{end}}", 1, r#"unexpected "a" in define clause"#),
    (r#"{{define "a" .}}{{end}}"#, 1, "unexpected <.> in define clause"),
    (r#"{{if .}}{{define "a"}}{{end}}{{end}}"#, 1, "unexpected <define> in command"),
    (r#"{{define "a"}}{{define "b"}}{{end}}{{end}}"#, 1, "unexpected <define> in command"),
    (r#"{{block "a"}}x{{end}}"#, 1, "missing value for block clause"),
    ("{{block \"a\" .\n}}\nx{{else}}{{end}}", 2, "unexpected {{else}} in block clause"),
    ("{{template foo}}", 1, r#"unexpected "foo" in template clause"#),
    (r#"{{template "a\q"}}"#, 1, "invalid syntax"),
    (r#"{{"\400"}}"#, 1, "invalid syntax"),
    (r#"{{"\'"}}"#, 1, "invalid syntax"),
    ("{{'ab'}}", 1, "malformed character constant: 'ab'"),
    ("{{''}}", 1, "invalid syntax"),
    (r#"{{'\"'}}"#, 1, "invalid syntax"),
    ("{{'\n'}}", 1, "unterminated character constant"),
    ("{{\"a\n\"}}", 1, "unterminated quoted string"),
    ("{{`a", 1, "unterminated raw quoted string"),
    (r#"{{"a"#, 1, "unterminated quoted string"),
    ("{{'a", 1, "unterminated character constant"),
    ("{{", 1, "unclosed action"),
    ("{{ ", 1, "unclosed action"),
    ("{{.", 1, r#"illegal number syntax: ".""#),
    ("{{.x", 1, "unclosed action"),
    ("{{/* a", 1, "unclosed comment"),
    ("{{/* a */", 1, "comment ends before closing delimiter"),
    ("{{ /* a */}}", 1, r#"unexpected "/" in command"#),
    ("{{/* a */ }}", 1, "comment ends before closing delimiter"),
    ("{{3-}}", 1, r#"bad number syntax: "3-""#),
    ("{{.x-}}", 1, "bad character U+002D '-'"),
    ("{{foo | 1}}", 1, "non executable command in pipeline stage 2"),
    ("{{foo | nil}}", 1, "non executable command in pipeline stage 2"),
    ("{{foo | .}}", 1, "non executable command in pipeline stage 2"),
    (r#"{{foo | "a"}}"#, 1, "non executable command in pipeline stage 2"),
    ("{{foo | true}}", 1, "non executable command in pipeline stage 2"),
    ("{{|foo}}", 1, r#"unexpected "|" in command"#),
    ("{{foo||bar}}", 1, r#"unexpected "|" in command"#),
    ("{{zork}}", 1, r#"function "zork" not defined"#),
    ("{{$x}}", 1, r#"undefined variable "$x""#),
    ("{{if $x := 1}}{{$x}}{{end}}{{$x}}", 1, r#"undefined variable "$x""#),
    ("{{$x, $y := 1}}", 1, "too many declarations in command"),
    ("{{range $x, $y, $z := .}}{{end}}", 1, "too many declarations in range"),
    ("{{range $x, }}{{end}}", 1, "missing value for range"),
    ("{{range $x, 1}}{{end}}", 1, "range can only initialize variables"),
    ("{{range $x, $y}}{{end}}", 1, r#"undefined variable "$y""#),
    ("{{range ($x, $y := .)}}{{end}}", 1, "too many declarations in parenthesized pipeline"),
    ("{{$x.y := 1}}", 1, r#"undefined variable "$x""#),
    ("{{$x=1}}", 1, "bad character U+003D '='"),
    ("{{$x , 1}}", 1, "too many declarations in command"),
    ("{{$x 1}}", 1, r#"undefined variable "$x""#),
    ("{{$+}}", 1, "bad character U+002B '+'"),
    ("{{.+}}", 1, "bad character U+002B '+'"),
    ("{{..}}", 1, "unexpected <.> in operand"),
    ("{{..x}}", 1, r#"unexpected . after term ".""#),
    ("{{1.x}}", 1, r#"bad number syntax: "1.x""#),
    ("{{nil.x}}", 1, r#"unexpected . after term "nil""#),
    ("{{true.x}}", 1, r#"unexpected . after term "true""#),
    (r#"{{"a".x}}"#, 1, r#"unexpected . after term "\"a\"""#),
    ("{{()}}", 1, "missing value for parenthesized pipeline"),
    ("{{(}}", 1, "unclosed left paren"),
    ("{{)}}", 1, "unexpected right paren"),
    ("{{(1}}", 1, "unclosed left paren"),
    ("{{(1))}}", 1, "unexpected right paren"),
    ("{{foo:}}", 1, "expected :="),
    ("{{foo,bar}}", 1, r#"unexpected "," in operand"#),
    ("{{foo@}}", 1, "bad character U+0040 '@'"),
    ("{{@}}", 1, r#"unexpected "@" in command"#),
    ("{{→}}", 1, "unrecognized character in action: U+2192 '→'"),
    ("{{é}}", 1, r#"function "é" not defined"#),
    ("{{é→}}", 1, "bad character U+2192 '→'"),
    ("{{.é.x→}}", 1, "bad character U+2192 '→'"),
    ("{{x}}}}", 1, r#"function "x" not defined"#),
    ("{{ foo }", 1, r#"unexpected "}" in operand"#),
    ("{{foo}", 1, "bad character U+007D '}'"),
    ("{{1__0}}", 1, r#"illegal number syntax: "1__0""#),
    ("{{_1}}", 1, r#"function "_1" not defined"#),
    ("{{1_}}", 1, r#"illegal number syntax: "1_""#),
    ("{{089}}", 1, r#"integer overflow: "089""#),
    ("{{1e400}}", 1, r#"illegal number syntax: "1e400""#),
    ("{{-9223372036854775809}}", 1, r#"integer overflow: "-9223372036854775809""#),
    ("{{18446744073709551616}}", 1, r#"integer overflow: "18446744073709551616""#),
    ("{{0xFFFFFFFFFFFFFFFFFF}}", 1, r#"illegal number syntax: "0xFFFFFFFFFFFFFFFFFF""#),
    ("{{0x1p1024}}", 1, r#"illegal number syntax: "0x1p1024""#),
    ("{{0xp1}}", 1, r#"illegal number syntax: "0xp1""#),
    ("{{0x1.8}}", 1, r#"illegal number syntax: "0x1.8""#),
    ("{{0x1p}}", 1, r#"illegal number syntax: "0x1p""#),
    ("{{1._5}}", 1, r#"illegal number syntax: "1._5""#),
    ("{{1+2}}", 1, r#"bad number syntax: "1+2""#),
    ("{{1+2i3}}", 1, r#"bad number syntax: "1+2i3""#),
    ("{{0x1+2i}}", 1, r#"strconv.ParseFloat: parsing "0x1": invalid syntax"#),
    ("{{1a}}", 1, r#"bad number syntax: "1a""#),
    ("{{0b2}}", 1, r#"bad number syntax: "0b2""#),
    ("{{0o8}}", 1, r#"bad number syntax: "0o8""#),
    ("{{1e}}", 1, r#"illegal number syntax: "1e""#),
    ("{{1e+}}", 1, r#"illegal number syntax: "1e+""#),
    ("{{1.2.3}}", 1, r#"unexpected ".3" in operand"#),
    ("{{1-}}", 1, r#"bad number syntax: "1-""#),
    ("{{1-1}}", 1, r#"bad number syntax: "1-1""#),
    ("{{i}}", 1, r#"function "i" not defined"#),
    ("{{0x}}", 1, r#"illegal number syntax: "0x""#),
    ("{{0b}}", 1, r#"illegal number syntax: "0b""#),
    ("{{1e1000i}}", 1, r#"illegal number syntax: "1e1000i""#),
    ("{{if .x}}{{/* unclosed", 1, "unclosed comment"),
    ("{{if .x}}\n{{.y}}{{/* unclosed", 2, "unclosed comment"),
    ("{{if .x}}\n{{/* unclosed", 2, "unclosed comment in action started at x:1"),
    ("{{foo\n", 2, "unclosed action started at x:1"),
    ("{{foo\n\"abc", 2, "unterminated quoted string in action started at x:1"),
    ("{{foo\n(bar", 2, "unclosed action started at x:1"),
    ("{{foo\n(bar}}", 2, "unclosed left paren in action started at x:1"),
    ("{{else\n if .x}}", 2, "unexpected {{else}}"),
    ("{{if .x}}{{else\nif \"a\n}}{{end}}", 2, "unterminated quoted string"),
    ("{{if .x}}{{end}", 1, "bad character U+007D '}'"),
    ("{{end 1}}", 1, r#"unexpected "1" in end"#),
    ("{{if .x}}{{else 1}}{{end}}", 1, r#"unexpected "1" in else"#),
    (r#"{{template "averyverylongname"x}}"#, 1, r#"function "x" not defined"#),
    ("{{if averyverylongname}}", 1, r#"function "averyverylongname" not defined"#),
    ("{{template 世界世界世界世界世界世}}", 1, r#"unexpected "世界世界世界世界世界"... in template clause"#),
    ("{{continue}}", 1, "{{continue}} outside {{range}}"),
    ("{{with}}{{end}}", 1, "missing value for with"),
    ("{{range}}{{end}}", 1, "missing value for range"),
    ("{{template}}", 1, r#"unexpected "}}" in template clause"#),
    ("{{block}}", 1, r#"unexpected "}}" in block clause"#),
    ("{{define}}", 1, r#"unexpected "}}" in define clause"#),
    (r#"{{define "x"}}"#, 1, "unexpected EOF"),
    ("{{$if}}", 1, r#"undefined variable "$if""#),
    ("{{iff}}", 1, r#"function "iff" not defined"#),
    ("{{foo if}}", 1, "unexpected <if> in operand"),
    ("{{foo end}}", 1, "unexpected <end> in operand"),
    ("{{foo break}}", 1, "unexpected <break> in operand"),
    ("{{-/* a */-}}", 1, r#"illegal number syntax: "-""#),
    ("{{-  /* a */}}", 1, r#"unexpected "/" in command"#),
    ("{{- }}", 1, "missing value for command"),
    ("{{- -}}", 1, r#"illegal number syntax: "-""#),
    ("{{--}}", 1, r#"bad number syntax: "--""#),
    ("{{- - -}}", 1, r#"illegal number syntax: "-""#),
    (r#"{{foo "%d%s"}}{{zo%k}}"#, 1, "bad character U+0025 '%'"),
    (r"{{'\400'}}", 1, "invalid syntax"),
    (r"{{'\u12'}}", 1, "invalid syntax"),
    (r"{{'\ud800'}}", 1, "invalid syntax"),
    (r#"{{"\ud800"}}"#, 1, "invalid syntax"),
    (r#"{{"\U00110000"}}"#, 1, "invalid syntax"),
    ("{{`a`b}}", 1, r#"unexpected "b" in operand"#),
    (r#"{{"a"b}}"#, 1, r#"unexpected "b" in operand"#),
    (r#"{{"a""b"}}"#, 1, r#"unexpected "\"b\"" in operand"#),
    ("{{'a''b'}}", 1, r#"unexpected "'b'" in operand"#),
    ("{{foo(bar)}}", 1, r#"unexpected "(" in operand"#),
    ("{{foo (bar)(bar)}}", 1, r#"unexpected "(" in operand"#),
    ("{{foo (bar).x(bar)}}", 1, r#"unexpected "(" in operand"#),
    ("{{.x(bar)}}", 1, r#"unexpected "(" in operand"#),
    ("{{1(bar)}}", 1, r#"unexpected "(" in operand"#),
    ("{{foo 1,2}}", 1, r#"unexpected "," in operand"#),
];

/// Text, and how Go spells what it read.
#[rustfmt::skip]
const READ: [(&str, &str); 114] = [
    ("{{range .}}{{break}}{{continue}}{{end}}", "{{range .}}{{break}}{{continue}}{{end}}"),
    (r#"{{define "x"}}y{{end}}"#, "y"),
    (r#"{{template "a"}}"#, r#"{{template "a"}}"#),
    (r#"{{template "a" .}}"#, r#"{{template "a" .}}"#),
    ("{{template `a` .x | foo}}", r#"{{template "a" .x | foo}}"#),
    (r#"{{"\u00e9\U0001F600\a\b\f\v\\\""}}"#, r#"{{"\u00e9\U0001F600\a\b\f\v\\\""}}"#),
    (r"{{'\''}}", r"{{'\''}}"),
    ("{{'a'}}", "{{'a'}}"),
    (r"{{'\xff'}}", r"{{'\xff'}}"),
    ("{{'é'}}", "{{'é'}}"),
    (r#"{{'"'}}"#, r#"{{'"'}}"#),
    ("{{/* a */}}", ""),
    ("{{- /* a */ -}} x", "x"),
    ("x {{- /* a */ -}} y", "xy"),
    ("\n {{- .x -}}\n ", "{{.x}}"),
    ("{{-3}}", "{{-3}}"),
    ("{{- 3}}", "{{3}}"),
    ("{{3 -}}", "{{3}}"),
    ("{{.x\n-}}", "{{.x}}"),
    ("{{ .x -}} {{- .y}}", "{{.x}}{{.y}}"),
    ("{{ foo\n .x\n \t-}}\n", "{{foo .x}}"),
    ("{{foo .x | bar}}", "{{foo .x | bar}}"),
    ("{{1 | foo}}", "{{1 | foo}}"),
    ("{{foo | .x}}", "{{foo | .x}}"),
    ("{{foo | $}}", "{{foo | $}}"),
    ("{{foo | (bar)}}", "{{foo | (bar)}}"),
    ("{{foo|}}", "{{foo}}"),
    ("{{foo.bar.baz}}", "{{foo.bar.baz}}"),
    ("{{(foo .x).y.z}}", "{{(foo .x).y.z}}"),
    ("{{(foo .x) .y.z}}", "{{(foo .x) .y.z}}"),
    ("{{.x.y.z}}", "{{.x.y.z}}"),
    ("{{$.x.y}}", "{{$.x.y}}"),
    ("{{$x := 1}}{{$x}}", "{{$x := 1}}{{$x}}"),
    ("{{$x := $x}}", "{{$x := $x}}"),
    ("{{if $x := 1}}{{else}}{{$x}}{{end}}", "{{if $x := 1}}{{else}}{{$x}}{{end}}"),
    ("{{$x = 1}}", "{{$x = 1}}"),
    ("{{range $x, $y := .}}{{$x}}{{$y}}{{end}}", "{{range $x, $y := .}}{{$x}}{{$y}}{{end}}"),
    ("{{range $x = .}}{{end}}", "{{range $x = .}}{{end}}"),
    ("{{$x:=1}}", "{{$x := 1}}"),
    ("{{$ 1}}", "{{$ 1}}"),
    ("{{$}}", "{{$}}"),
    ("{{. .x}}", "{{. .x}}"),
    ("{{nil}}", "{{nil}}"),
    ("{{(nil)}}", "{{(nil)}}"),
    ("{{((1) (foo (bar 1 2)))}}", "{{((1) (foo (bar 1 2)))}}"),
    ("{{.世界}}", "{{.世界}}"),
    ("{{1_000}}", "{{1_000}}"),
    ("{{0x_1F}}", "{{0x_1F}}"),
    ("{{0x1f}}", "{{0x1f}}"),
    ("{{0X1F}}", "{{0X1F}}"),
    ("{{0b101}}", "{{0b101}}"),
    ("{{0o17}}", "{{0o17}}"),
    ("{{017}}", "{{017}}"),
    ("{{08.5}}", "{{08.5}}"),
    ("{{1e3}}", "{{1e3}}"),
    ("{{1E-3}}", "{{1E-3}}"),
    ("{{1.5}}", "{{1.5}}"),
    ("{{.5}}", "{{.5}}"),
    ("{{1.}}", "{{1.}}"),
    ("{{-.5}}", "{{-.5}}"),
    ("{{+1}}", "{{+1}}"),
    ("{{-0}}", "{{-0}}"),
    ("{{+0}}", "{{+0}}"),
    ("{{-0.0}}", "{{-0.0}}"),
    ("{{1e-400}}", "{{1e-400}}"),
    ("{{9223372036854775807}}", "{{9223372036854775807}}"),
    ("{{9223372036854775808}}", "{{9223372036854775808}}"),
    ("{{-9223372036854775808}}", "{{-9223372036854775808}}"),
    ("{{18446744073709551615}}", "{{18446744073709551615}}"),
    ("{{9223372036854775808.0}}", "{{9223372036854775808.0}}"),
    ("{{18446744073709551616.0}}", "{{18446744073709551616.0}}"),
    ("{{-9223372036854775808.0}}", "{{-9223372036854775808.0}}"),
    ("{{0x1p4}}", "{{0x1p4}}"),
    ("{{0x1.8p1}}", "{{0x1.8p1}}"),
    ("{{0x.8p1}}", "{{0x.8p1}}"),
    ("{{0x1.fffffffffffff8p0}}", "{{0x1.fffffffffffff8p0}}"),
    ("{{0x1.fffffffffffff7p0}}", "{{0x1.fffffffffffff7p0}}"),
    ("{{0x1.00000000000008p0}}", "{{0x1.00000000000008p0}}"),
    ("{{0x1p-1074}}", "{{0x1p-1074}}"),
    ("{{0x1p-1075}}", "{{0x1p-1075}}"),
    ("{{0x1.8p-1075}}", "{{0x1.8p-1075}}"),
    ("{{0x1p1023}}", "{{0x1p1023}}"),
    ("{{1_0.5}}", "{{1_0.5}}"),
    ("{{1_0e1_0}}", "{{1_0e1_0}}"),
    ("{{0x_1.8p1}}", "{{0x_1.8p1}}"),
    ("{{1i}}", "{{1i}}"),
    ("{{0i}}", "{{0i}}"),
    ("{{1.5i}}", "{{1.5i}}"),
    ("{{0x1p2i}}", "{{0x1p2i}}"),
    ("{{1+2i}}", "{{1+2i}}"),
    ("{{1+0i}}", "{{1+0i}}"),
    ("{{1.5-0i}}", "{{1.5-0i}}"),
    ("{{1e3+2e-1i}}", "{{1e3+2e-1i}}"),
    ("{{1_0+2i}}", "{{1_0+2i}}"),
    ("{{0x1p1+0x1p-1i}}", "{{0x1p1+0x1p-1i}}"),
    ("{{-1-0i}}", "{{-1-0i}}"),
    ("{{1 -}}", "{{1}}"),
    ("{{00}}", "{{00}}"),
    ("{{nil | foo}}", "{{nil | foo}}"),
    ("{{foo nil}}", "{{foo nil}}"),
    ("{{.nil}}", "{{.nil}}"),
    ("{{.if}}", "{{.if}}"),
    ("{{if .if}}{{end}}", "{{if .if}}{{end}}"),
    ("{{foo .x.y.z.w $.a.b (foo).c.d}}", "{{foo .x.y.z.w $.a.b (foo).c.d}}"),
    (r#"a {{"{{"}} b"#, r#"a {{"{{"}} b"#),
    (r#"{{"}}"}}"#, r#"{{"}}"}}"#),
    ("{{`}}`}}", "{{`}}`}}"),
    ("{{/*}}*/}}", ""),
    ("{{/**/}}", ""),
    ("}}", "}}"),
    ("{", "{"),
    ("", ""),
    (" ", " "),
    (r#"{{.x | printf "%s" | len}}"#, r#"{{.x | printf "%s" | len}}"#),
];

#[test]
fn errors_are_those_of_go() {
    for (text, line, message) in REFUSED {
        let error = parsed(text).expect_err(text);
        assert_eq!((error.line, error.message.as_str()), (line, message), "{text}");
        assert_eq!(error.template, "x");
    }
}

#[test]
fn trees_are_spelled_as_go_spells_them() {
    for (text, expected) in READ {
        let trees = parsed(text).expect(text);
        assert_eq!(shown(&trees[0].root), expected, "{text}");
    }
}

#[test]
fn definitions_follow_the_text_in_order() {
    let names = |text| -> Vec<String> {
        parsed(text).expect("sound").iter().map(|tree| tree.name.to_string()).collect()
    };
    assert_eq!(
        names(r#"{{define "b"}}1{{end}}{{block "a" .}}2{{end}}{{define "b"}} {{end}}"#),
        ["x", "b", "a"]
    );
    assert_eq!(names(r#"{{define "a"}}{{end}}{{define "x"}}own{{end}}"#), ["x", "a"]);
    let own = parsed(r#"{{define "x"}}own{{end}} {{/* blank */}}"#).expect("sound");
    assert_eq!(shown(&own[0].root), "own");
}

#[test]
fn only_space_and_comments_are_an_empty_tree() {
    for (text, empty) in [(" \n{{/* c */}}\t", true), ("", true), ("{{.}}", false), ("a", false)] {
        assert_eq!(parsed(text).expect("sound")[0].is_empty(), empty, "{text}");
    }
}

#[test]
fn places_are_lines_and_bytes() {
    let tree = &parsed("a\n é{{ .x.y | foo }}").expect("sound")[0];
    let NodeKind::Action(pipe) = &tree.root[1].kind else { panic!("an action") };
    assert_eq!(tree.line_column(tree.root[1].pos), (2, 6));
    assert_eq!(tree.line(tree.root[1].pos), 2);
    // Go places a field of several names at the second of them.
    assert_eq!(tree.line_column(pipe.commands[0].words[0].pos), (2, 8));
    assert_eq!(tree.line_column(u32::MAX).0, 2);
    assert_eq!(parsed("ab{{.}}").expect("sound")[0].line_column(4), (1, 4));
}

#[test]
fn break_is_a_name_when_a_function_has_it() {
    let known = |name: &str| name == "break";
    let trees = parse_knowing("x", "{{break 1}}", &known).expect("a call");
    assert_eq!(shown(&trees[0].root), "{{break 1}}");
}

#[test]
fn nesting_has_an_end() {
    let blocks = |deep| "{{if 1}}".repeat(deep) + &"{{end}}".repeat(deep);
    assert!(parsed(&blocks(TEMPLATE_BLOCKS_DEPTH_MAX)).is_ok());
    let error = parsed(&blocks(TEMPLATE_BLOCKS_DEPTH_MAX + 1)).expect_err("too deep");
    assert_eq!(error.message, "more than haversack allows: blocks in blocks");
    let chain = |long| "{{if 1}}".to_owned() + &"{{else if 1}}".repeat(long) + "{{end}}";
    assert!(parsed(&chain(TEMPLATE_BLOCKS_DEPTH_MAX - 1)).is_ok());
    assert!(parsed(&chain(1_000_000)).is_err());
    let parens = |deep| format!("{{{{{}1{}}}}}", "(".repeat(deep), ")".repeat(deep));
    let trees = parsed(&parens(TEMPLATE_PARENS_DEPTH_MAX)).expect("deep, but not too deep");
    assert_eq!(shown(&trees[0].root), parens(TEMPLATE_PARENS_DEPTH_MAX));
    let error = parsed(&parens(1_000_000)).expect_err("too deep");
    assert_eq!(error.message, "max expression depth exceeded");
}

#[test]
fn every_template_of_the_corpus_is_read() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/charts");
    if !corpus.is_dir() {
        let _ = writeln!(io::stderr(), "not run: no ../shared/corpus/charts");
        return;
    }
    let known = |name: &str| name != "break" && name != "continue";
    let mut count = 0;
    for entry in walkdir::WalkDir::new(corpus) {
        let entry = entry.expect("readable");
        let path = entry.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let is_template = path.components().any(|part| part.as_os_str() == "templates");
        if !is_template || !matches!(ending, "yaml" | "yml" | "tpl" | "txt") {
            continue;
        }
        let text = std::fs::read_to_string(path).expect("a text");
        let trees = parse_knowing(&path.to_string_lossy(), &text, &known);
        assert!(trees.is_ok(), "{:?}", trees.err());
        count += 1;
    }
    assert!(count > 100, "{count} templates");
}
