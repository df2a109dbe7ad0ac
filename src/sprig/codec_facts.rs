//! Facts about Go's codecs, taken from Go itself; and a test that holds the codecs against many more of them.

use crate::sprig::yaml_write::write_yaml_pretty;
use crate::sprig::{read_json, read_toml, read_yaml, write_json, write_toml, write_yaml};

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
    let Ok(path) = std::env::var("HAVERSACK_CODEC_FACTS") else { return };
    let only = std::env::var("HAVERSACK_CODEC_ONLY").unwrap_or_default();
    let facts = std::fs::read_to_string(path).unwrap();
    let (mut same, mut different) = (0, Vec::new());
    for line in facts.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let Ok(input) = String::from_utf8(bytes(fields[1])) else { continue };
        let expected = String::from_utf8_lossy(&bytes(fields[3])).into_owned();
        let expected = if fields[2] == "ok" { Ok(expected) } else { Err(expected) };
        if !only.is_empty() && only != fields[0] {
            continue;
        }
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
