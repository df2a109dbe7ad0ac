//! Facts about Go's codecs, taken from Go itself; and a test that holds the codecs against many more of them.

use crate::sprig::yaml_write::write_yaml_pretty;
use crate::sprig::{read_json, read_toml, read_yaml, write_json, write_toml, write_yaml};

/// Operation, input, and what Go answers.
#[rustfmt::skip]
const FACTS: &[(&str, &str, Result<&str, &str>)] = &[
    ("wy", "{\"k\": \"yes\"}", Ok("k: \"yes\"\n")),
    ("wy", "{\"k\": \"~\"}", Ok("k: \"~\"\n")),
    ("wy", "{\"k\": \"0777\"}", Ok("k: \"0777\"\n")),
    ("wy", "{\"k\": \"0o17\"}", Ok("k: \"0o17\"\n")),
    ("wy", "{\"k\": \"1_000\"}", Ok("k: \"1_000\"\n")),
    ("wy", "{\"k\": \"12:30\"}", Ok("k: \"12:30\"\n")),
    ("wy", "{\"k\": \"2001-01-01\"}", Ok("k: \"2001-01-01\"\n")),
    ("wy", "{\"k\": \"1e3\"}", Ok("k: \"1e3\"\n")),
    ("wy", "{\"k\": \".5\"}", Ok("k: \".5\"\n")),
    ("wy", "{\"k\": \"1.\"}", Ok("k: \"1.\"\n")),
    ("wy", "{\"k\": \"0x1F\"}", Ok("k: \"0x1F\"\n")),
    ("wy", "{\"k\": \"<<\"}", Ok("k: <<\n")),
    ("wy", "{\"k\": \"=\"}", Ok("k: =\n")),
    ("wy", "{\"k\": \"- a\"}", Ok("k: '- a'\n")),
    ("wy", "{\"k\": \"a: b\"}", Ok("k: 'a: b'\n")),
    ("wy", "{\"k\": \"a #b\"}", Ok("k: 'a #b'\n")),
    ("wy", "{\"k\": \"#a\"}", Ok("k: '#a'\n")),
    ("wy", "{\"k\": \"a#b\"}", Ok("k: a#b\n")),
    ("wy", "{\"k\": \"a:b\"}", Ok("k: a:b\n")),
    ("wy", "{\"k\": \"@a\"}", Ok("k: '@a'\n")),
    ("wy", "{\"k\": \"it's: x\"}", Ok("k: 'it''s: x'\n")),
    ("wy", "{\"k\": \"a'b\"}", Ok("k: a'b\n")),
    ("wy", "{\"k\": \" a\"}", Ok("k: ' a'\n")),
    ("wy", "{\"k\": \"a\\n\"}", Ok("k: |\n  a\n")),
    ("wy", "{\"k\": \"a\\nb\"}", Ok("k: |-\n  a\n  b\n")),
    ("wy", "{\"k\": \"a\\n\\n\"}", Ok("k: |+\n  a\n\n")),
    ("wy", "{\"k\": \" a\\nb\"}", Ok("k: |2-\n   a\n  b\n")),
    ("wy", "{\"k\": \"a\\tb\"}", Ok("k: \"a\\tb\"\n")),
    ("wy", "{\"k\": \"a\\n\\tb\"}", Ok("k: \"a\\n\\tb\"\n")),
    ("wy", "{\"k\": \"é\"}", Ok("k: é\n")),
    ("wy", "{\"k\": \"😀\"}", Ok("k: \"\\U0001F600\"\n")),
    ("wy", "{\"k\": \"\\u0007\\u0000\"}", Ok("k: \"\\a\\0\"\n")),
    ("wy", "{\"k\": \"\u{feff}ab\"}", Ok("k: \"\\uFEFF\\x61\\x62\"\n")),
    ("wy", "{\"k\": \"a\u{2028}b\"}", Ok("k: 'a\u{2028}  b'\n")),
    ("wy", "{\"k\": \"a\u{85}b\"}", Ok("k: a b\n")),
    ("wy",
        "{\"k\": \"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusm\
        od tempor incididunt\"}",
        Ok("k: Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tem\
         por\n  incididunt\n")),
    ("wy",
        "{\"k\": \"'Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eius\
        mod tempor incididunt\"}",
        Ok("k: '''Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod \
         tempor\n  incididunt'\n")),
    ("wy",
        "{\"k\": \"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusm\
        od tempor incididunt\\t\"}",
        Ok("k: \"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod t\
         empor\n  incididunt\\t\"\n")),
    ("wy", "{\"k\": \"---\"}", Ok("k: '---'\n")),
    ("wy", "{\"k\": \"{{ x }}\"}", Ok("k: '{{ x }}'\n")),
    ("wy", "{\"k\": \"*a\"}", Ok("k: '*a'\n")),
    ("wy", "{\"k\": \"%a\"}", Ok("k: '%a'\n")),
    ("wy", "null", Ok("null\n")),
    ("wy", "\"a\\nb\"", Ok("|-\n  a\n  b\n")),
    ("wy", "[]", Ok("[]\n")),
    ("wy", "{}", Ok("{}\n")),
    ("wy",
        "[[1, [2]], {\"a\": [{\"b\": 1, \"c\": []}]}]",
        Ok("- - 1\n  - - 2\n- a:\n  - b: 1\n    c: []\n")),
    ("wy",
        "{\"a\\nb\": 1, \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
        xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\": [1], \"ye\
        s\": {\"y\": 1}}",
        Ok("? |-\n  a\n  b\n: 1\n? xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
         xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n: - \
         1\n\"yes\":\n  \"y\": 1\n")),
    ("wy",
        "{\"k10\": 1, \"k9\": 2, \"K\": 3, \"a_\": 4, \"a1\": 5, \"aB\": 6}",
        Ok("K: 3\na_: 4\na1: 5\naB: 6\nk9: 2\nk10: 1\n")),
    ("wy",
        "[1000000.0, 1e+20, 1e+21, 18446744073709551615, 1.5e-07, -0.0, 0.1, 1234567.5]",
        Ok("- 1000000\n- 1e+20\n- 1e+21\n- 1.8446744073709552e+19\n- 1.5e-07\n- 0\n- 0.1\n\
         - 1.2345675e+06\n")),
    ("wy", "{\"a\u{7f}\": 1}", Err("yaml: control characters are not allowed")),
    ("wp",
        "{\"a\": [1, [2, {\"b\": \"yes\"}]], \"c\": \"a\\tb\", \"k1a\": 1, \"k1\": 1, \"k1_\": 2}",
        Ok("a:\n  - 1\n  - - 2\n    - b: \"yes\"\nc: \"a\\tb\"\nk1: 1\nk1a: 1\nk1_: 2\n")),
    ("wp",
        "[1000000.0, \"y\", \"a\\n\\tb\", \"Lorem ipsum dolor sit amet, consectetur adip\
        iscing elit, sed do eiusmod tempor incididunt Lorem ipsum dolor sit amet, consec\
        tetur adipiscing elit, sed do eiusmod tempor incididunt\"]",
        Ok("- 1e+06\n- \"y\"\n- |-\n  a\n  \tb\n- Lorem ipsum dolor sit amet, consectetur \
         adipiscing elit, sed do eiusmod tempor incididunt Lorem ipsum dolor sit amet, c\
         onsectetur adipiscing elit, sed do eiusmod tempor incididunt\n")),
    ("ry",
        "a: yes\nb: 'yes'\nc: on\nd: ~\ne: null\nf: .inf_\n",
        Ok("{\"a\":true,\"b\":\"yes\",\"c\":true,\"d\":null,\"e\":null,\"f\":\".inf_\"}")),
    ("ry",
        "a: 0777\nb: 0o17\nc: 0b11\nd: 1_000\ne: 1e3\nf: 0x_1F\ng: 08\nh: 12:30\ni: 2001-01-01\n",
        Ok("{\"a\":511,\"b\":15,\"c\":3,\"d\":1000,\"e\":1000,\"f\":31,\"g\":8,\"h\":\"12:\
         30\",\"i\":\"2001-01-01\"}")),
    ("ry",
        "1: a\n1.50: b\ntrue: c\n0x10: d\n16777217.0: e\n",
        Ok("{\"1\":\"a\",\"1.5\":\"b\",\"1.6777216e+07\":\"e\",\"16\":\"d\",\"true\":\"c\"}")),
    ("ry", "a: 1\na: 2\n", Ok("{\"a\":2}")),
    ("ry",
        "x: &x {a: 1, b: 2}\ny:\n  a: 3\n  <<: *x\nz:\n  <<: [*x, {a: 9}]\n  c: *x\n",
        Ok("{\"true\":{\"a\":1,\"b\":2},\"x\":{\"a\":1,\"b\":2},\"z\":{\"a\":1,\"b\":2,\"c\
         \":{\"a\":1,\"b\":2}}}")),
    ("ry",
        "a: !!str 1\nb: !!int \"7\"\nc: !!float 1\nd: !!binary aGk=\ne: !x y\nf: !!set {}\n",
        Ok("{\"a\":\"1\",\"b\":7,\"c\":1,\"d\":\"hi\",\"e\":\"y\",\"f\":{}}")),
    ("ry", "--- 1\n--- 2\n", Ok("1")),
    ("ry", "", Ok("null")),
    ("ry", "# x\n", Ok("null")),
    ("ry",
        "a: |2-\n   x\n  y\nb: >\n  c\n  d\n\n  e\n",
        Ok("{\"a\":\" x\\ny\",\"b\":\"c d\\ne\\n\"}")),
    ("ry",
        "a: \"x\\u00e9\\\n  y\n  z\"\nb: 'it''s\n  c'\n",
        Ok("{\"a\":\"xéy z\",\"b\":\"it's c\"}")),
    ("ry",
        "[a, b: c, ? d : e, {f: , g}]",
        Ok("[\"a\",{\"b\":\"c\"},{\"d\":\"e\"},{\"f\":null,\"g\":null}]")),
    ("ry",
        "{a?b: 1}",
        Err("error converting YAML to JSON: yaml: did not find expected ',' or '}'")),
    ("ry",
        "~: x",
        Err("error converting YAML to JSON: unsupported map key of type: %!s(<nil>), key: <\
         nil>, value: \"x\"")),
    ("ry",
        "18446744073709551615: x",
        Err("error converting YAML to JSON: unsupported map key of type: uint64, key: 0xfff\
         fffffffffffff, value: \"x\"")),
    ("ry", "a: .nan", Err("error converting YAML to JSON: json: unsupported value: NaN")),
    ("ry", "a: [.inf]", Err("error converting YAML to JSON: json: unsupported value: +Inf")),
    ("ry",
        "{{ .Values.x }}: a\n",
        Err("error converting YAML to JSON: yaml: invalid map key: map[interface {}]interfa\
         ce {}{\".Values.x\":interface {}(nil)}")),
    ("ry",
        "a: {{ .Values.x }}\n",
        Err("error converting YAML to JSON: yaml: invalid map key: map[interface {}]interfa\
         ce {}{\".Values.x\":interface {}(nil)}")),
    ("ry",
        "a:\n\tb: 1\n",
        Err("error converting YAML to JSON: yaml: line 2: found character that cannot start \
         any token")),
    ("ry",
        "a: b: c\n",
        Err("error converting YAML to JSON: yaml: mapping values are not allowed in this context")),
    ("ry",
        "a: 'b\n",
        Err("error converting YAML to JSON: yaml: line 2: found unexpected end of stream")),
    ("ry",
        "\n\na: [1\nb: 2\n",
        Err("error converting YAML to JSON: yaml: line 3: did not find expected ',' or ']'")),
    ("ry", "a: *x\n", Err("error converting YAML to JSON: yaml: unknown anchor 'x' referenced")),
    ("ry",
        "a: &x [*x]\n",
        Err("error converting YAML to JSON: yaml: anchor 'x' value contains itself")),
    ("ry",
        "a: @b",
        Err("error converting YAML to JSON: yaml: found character that cannot start any token")),
    ("ry",
        "!!int x",
        Err("error converting YAML to JSON: yaml: cannot decode !!str `x` as a !!int")),
    ("ry",
        "<<: 1\n",
        Err("error converting YAML to JSON: yaml: map merge requires map or sequence of map\
         s as the value")),
    ("ry",
        "a: |\n\tb",
        Err("error converting YAML to JSON: yaml: line 2: found a tab character where an in\
         dentation space is expected")),
    ("ry", "\u{7}", Err("error converting YAML to JSON: yaml: control characters are not allowed")),
    ("ry",
        "%YAML 1.2\n---\na: 1\n",
        Err("error converting YAML to JSON: yaml: found incompatible YAML document")),
    ("ry",
        "? [a, 1]\n: b\n",
        Err("error converting YAML to JSON: yaml: invalid map key: []interface {}{\"a\", 1}")),
    ("ry",
        "- a\nb: c\n",
        Err("error converting YAML to JSON: yaml: line 1: did not find expected '-' indicator")),
    ("ry",
        "a: \"\\q\"",
        Err("error converting YAML to JSON: yaml: found unknown escape character")),
    ("ry",
        "!!binary ---",
        Err("error converting YAML to JSON: yaml: !!binary value contains invalid base64 data")),
    ("ry",
        "a\n  b: c\n",
        Err("error converting YAML to JSON: yaml: line 2: mapping values are not allowed in \
         this context")),
    ("ry", "&a", Ok("null")),
    ("ry", "- [}", Err("error converting YAML to JSON: yaml: did not find expected node content")),
    ("ry",
        "k: x\n  y: z\n",
        Err("error converting YAML to JSON: yaml: line 2: mapping values are not allowed in \
         this context")),
    ("rj",
        "{\"a\":[1,2.50,-0,1e21,1e-7,true,null],\"b\":\"\\ud83d\\ude00\\ud800<\\u2028\",\"b\":{}}",
        Ok("{\"a\":[1,2.5,-0,1e+21,1e-7,true,null],\"b\":{}}")),
    ("rj", "{\"a\":1,}", Err("invalid character '}' looking for beginning of object key string")),
    ("rj", "[1 2]", Err("invalid character '2' after array element")),
    ("rj", "{\"a\" 1}", Err("invalid character '1' after object key")),
    ("rj", "tru", Err("invalid character ' ' in literal true (expecting 'e')")),
    ("rj", "\"a", Err("unexpected end of JSON input")),
    ("rj", "\"\\q\"", Err("invalid character 'q' in string escape code")),
    ("rj", "01", Err("invalid character '1' after top-level value")),
    ("rj", "-", Err("invalid character ' ' in numeric literal")),
    ("rj", "1e999", Err("json: cannot unmarshal number 1e999 into Go value of type float64")),
    ("rj", "[1]x", Err("invalid character 'x' after top-level value")),
    ("rj", "{'a':1}", Err("invalid character '\\'' looking for beginning of object key string")),
    ("rj", "", Err("unexpected end of JSON input")),
    ("rj", "nulx", Err("invalid character 'x' in literal null (expecting 'l')")),
    ("rj", "\"\n\"", Err("invalid character '\\n' in string literal")),
    ("rj", "\"\\u12g4\"", Err("invalid character 'g' in \\u hexadecimal character escape")),
    ("rj", "é", Err("invalid character 'Ã' looking for beginning of value")),
    ("wj",
        "{\"a\": [{\"b\": []}, {\"c\": {}}], \"d\": \"<&>\u{2028}\\u0001\"}",
        Ok("{\n  \"a\": [\n    {\n      \"b\": []\n    },\n    {\n      \"c\": {}\n    }\n  \
         ],\n  \"d\": \"\\u003c\\u0026\\u003e\\u2028\\u0001\"\n}")),
    ("wr",
        "{\"a\": [{\"b\": []}, {\"c\": {}}], \"d\": \"<&>\u{2028}\\u0001\"}",
        Ok("{\"a\":[{\"b\":[]},{\"c\":{}}],\"d\":\"<&>\\u2028\\u0001\"}")),
    ("wt",
        "{\"z\": 1, \"a\": {\"b\": {\"c\": [1, 2.5, \"x\\\"y\\n\"]}, \"d\": null}, \"l\"\
        : [{\"x\": 1}, {\"y\": {\"z\": []}}], \"m\": [{\"x\": 1}, 2, {\"n\": null, \"o\"\
        : {}}], \"q k\": \"\", \"\": true, \"big\": 1e+21}",
        Ok("\"\" = true\nbig = 1e+21\nm = [{x = 1.0}, 2.0, {o = {}}]\n\"q k\" = \"\"\nz = \
         1.0\n\n[a]\n  [a.b]\n    c = [1.0, 2.5, \"x\\\"y\\n\"]\n\n[[l]]\n  x = 1.0\n\n[\
         [l]]\n  [l.y]\n    z = []\n")),
    ("wt", "{\"a\": [1, null]}", Err("toml: cannot encode array with nil element")),
    ("wt", "[{\"a\": 1}]", Err("toml: top-level values must be Go maps or structs")),
    ("wt", "\"x\"", Ok("\"x\"")),
    ("wt", "{}", Ok("")),
];

#[test]
fn does_as_go_does() {
    for (operation, input, expected) in FACTS {
        let found = run(operation, input);
        let found = found.as_ref().map(String::as_str).map_err(String::as_str);
        assert_eq!(found, *expected, "{operation} {input:?}");
    }
}

/// Does what the line of a file of facts says.
fn run(operation: &str, input: &str) -> Result<String, String> {
    let json = |value| write_json(&value, None, true);
    match operation {
        "ry" => read_yaml(input).and_then(json),
        "ryy" => read_yaml(input).and_then(|value| write_yaml(&value)),
        "rj" => read_json(input).and_then(json),
        "rt" => read_toml(input).and_then(json),
        "wy" => read_json(input).and_then(|value| write_yaml(&value)),
        "wp" => read_json(input).and_then(|value| write_yaml_pretty(&value)),
        "wj" => read_json(input).and_then(|value| write_json(&value, Some("  "), true)),
        "wr" => read_json(input).and_then(|value| write_json(&value, None, false)),
        "wt" => read_json(input).and_then(|value| write_toml(&value)),
        _ => Err(format!("unknown operation {operation}")),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Each line of the file is an operation, its input, `ok` or `err`, and what Go answers; tabs between, texts in hexadecimal.
#[test]
fn agrees_with_a_file_of_facts() {
    let Some(path) = option_env!("HAVERSACK_CODEC_FACTS") else { return };
    let facts = std::fs::read_to_string(path).unwrap();
    let (mut same, mut different) = (0, Vec::new());
    for line in facts.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let Ok(input) = String::from_utf8(bytes(fields[1])) else { continue };
        let expected = String::from_utf8_lossy(&bytes(fields[3])).into_owned();
        let expected = if fields[2] == "ok" { Ok(expected) } else { Err(expected) };
        let found = run(fields[0], &input);
        if found == expected {
            same += 1;
        } else {
            let lenient = found.is_err() && expected.is_err();
            different.push((lenient, fields[0].to_string(), input, expected, found));
        }
    }
    different.sort_by_key(|(lenient, _, input, ..)| (*lenient, input.len()));
    let words = different.iter().filter(|(lenient, ..)| *lenient).count();
    let report: Vec<_> = different
        .iter()
        .take(60)
        .map(|(_, operation, input, expected, found)| {
            let cut = |text: String| text.chars().take(600).collect::<String>();
            cut(format!("{operation} {input:?}\n   go {expected:?}\n  ours {found:?}"))
        })
        .collect();
    assert!(
        different.is_empty(),
        "{same} same, {} different, of them {words} in the words of an error:\n{}",
        different.len(),
        report.join("\n")
    );
}
