//! Functions for YAML, JSON and TOML, with Helm's habits about errors.
//!
//! `toX` swallows an error and gives an empty text, `mustToX` fails; `fromX` gives a map or a list that holds the error.
//! `toToml` gives the error as its text, and `toRawJson` and `mustFromJson`, which Helm takes from Sprig, fail.

use crate::sprig::json::{lossy, write_json};
use crate::sprig::json_read::read_json;
use crate::sprig::toml::{read_toml, write_toml};
use crate::sprig::yaml_read::read_yaml;
use crate::sprig::yaml_write::{write_yaml, write_yaml_pretty};
use crate::template::{Args, Fault, Function, Host, Value};

/// All of them.
pub(super) const ALL: &[Function] = &[
    Function::fixed("toYaml", 1, to_yaml),
    Function::fixed("mustToYaml", 1, must_to_yaml),
    Function::fixed("toYamlPretty", 1, to_yaml_pretty),
    Function::fixed("fromYaml", 1, from_yaml),
    Function::fixed("fromYamlArray", 1, from_yaml_array),
    Function::fixed("toJson", 1, to_json),
    Function::fixed("mustToJson", 1, must_to_json),
    Function::fixed("toPrettyJson", 1, to_pretty_json),
    Function::fixed("mustToPrettyJson", 1, must_to_pretty_json),
    Function::fixed("toRawJson", 1, to_raw_json),
    Function::fixed("mustToRawJson", 1, to_raw_json),
    Function::fixed("fromJson", 1, from_json),
    Function::fixed("mustFromJson", 1, must_from_json),
    Function::fixed("fromJsonArray", 1, from_json_array),
    Function::fixed("toToml", 1, to_toml),
    Function::fixed("mustToToml", 1, must_to_toml),
    Function::fixed("fromToml", 1, from_toml),
];

const MAP: &str = "map[string]interface {}";
const LIST: &str = "[]interface {}";

/// What a codec wrote, paid for; empty when it could not.
fn swallow(host: &mut dyn Host, written: Result<String, String>) -> Result<Value, Fault> {
    written_out(host, Ok(written.unwrap_or_default()))
}

/// What a codec wrote, paid for.
fn written_out(host: &mut dyn Host, written: Result<String, String>) -> Result<Value, Fault> {
    let text = written.map_err(Fault::said)?;
    host.spend(text.len() as u64)?;
    Ok(Value::text(text))
}

/// The text to read, paid for.
fn source<'a>(host: &mut dyn Host, args: Args<'a>) -> Result<std::borrow::Cow<'a, str>, Fault> {
    let bytes = args.bytes(0)?;
    host.spend(bytes.len() as u64)?;
    Ok(lossy(bytes))
}

/// YAML without its last line break.
fn yaml(value: &Value) -> Result<String, String> {
    write_yaml(value).map(without_break)
}

fn without_break(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
    }
    text
}

fn to_yaml(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    swallow(host, yaml(args.any(0)))
}

fn must_to_yaml(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    written_out(host, yaml(args.any(0)))
}

fn to_yaml_pretty(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    swallow(host, write_yaml_pretty(args.any(0)).map(without_break))
}

fn from_yaml(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let read = checked_yaml(host, args)?
        .and_then(|value| as_map(value, "error unmarshaling JSON: while decoding JSON: "));
    Ok(read.unwrap_or_else(error_map))
}

fn from_yaml_array(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let read = checked_yaml(host, args)?
        .and_then(|value| as_list(value, "error unmarshaling JSON: while decoding JSON: "));
    Ok(read.unwrap_or_else(error_list))
}

/// Reads YAML, which must be UTF-8.
fn checked_yaml(host: &mut dyn Host, args: Args<'_>) -> Result<Result<Value, String>, Fault> {
    if let Value::Bytes(_) = args.any(0) {
        let words = "error converting YAML to JSON: yaml: invalid leading UTF-8 octet";
        return Ok(Err(words.to_string()));
    }
    Ok(read_yaml(&source(host, args)?))
}

fn to_json(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    swallow(host, write_json(args.any(0), None, true))
}

fn must_to_json(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    written_out(host, write_json(args.any(0), None, true))
}

fn to_pretty_json(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    swallow(host, write_json(args.any(0), Some("  "), true))
}

fn must_to_pretty_json(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    written_out(host, write_json(args.any(0), Some("  "), true))
}

fn to_raw_json(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    written_out(host, write_json(args.any(0), None, false))
}

fn from_json(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let read = read_json(&source(host, args)?).and_then(|value| as_map(value, ""));
    Ok(read.unwrap_or_else(error_map))
}

fn must_from_json(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    read_json(&source(host, args)?).map_err(Fault::said)
}

fn from_json_array(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let read = read_json(&source(host, args)?).and_then(|value| as_list(value, ""));
    Ok(read.unwrap_or_else(error_list))
}

fn to_toml(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    if args.any(0).is_nil() {
        return must_to_toml(host, args);
    }
    written_out(host, Ok(write_toml(args.any(0)).unwrap_or_else(|error| error)))
}

fn must_to_toml(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    written_out(host, write_toml(args.any(0)))
}

fn from_toml(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    Ok(read_toml(&source(host, args)?).unwrap_or_else(error_map))
}

/// A map; null is an empty one.
fn as_map(value: Value, prefix: &str) -> Result<Value, String> {
    match value {
        Value::Map(_) => Ok(value),
        Value::Nil => Ok(Value::map::<&str>([])),
        other => Err(mismatch(&other, prefix, MAP)),
    }
}

/// A list; null is an empty one.
fn as_list(value: Value, prefix: &str) -> Result<Value, String> {
    match value {
        Value::List(_) => Ok(value),
        Value::Nil => Ok(Value::list(Vec::new())),
        other => Err(mismatch(&other, prefix, LIST)),
    }
}

fn mismatch(value: &Value, prefix: &str, wanted: &str) -> String {
    let found = match value {
        Value::Bool(_) => "bool",
        Value::Text(_) | Value::Bytes(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
        _ => "number",
    };
    format!("{prefix}json: cannot unmarshal {found} into Go value of type {wanted}")
}

fn error_map(error: String) -> Value {
    Value::map([("Error", Value::text(error))])
}

fn error_list(error: String) -> Value {
    Value::list(vec![Value::text(error)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;
    use crate::template::sprint;

    /// An engine that only counts.
    struct Counter(u64);

    impl Host for Counter {
        fn include(&mut self, _: &str, _: &Value) -> Result<String, Fault> {
            Err(Fault::said("no templates here"))
        }
        fn tpl(&mut self, _: &str, _: &Value) -> Result<String, Fault> {
            Err(Fault::said("no templates here"))
        }
        fn demand(&mut self, message: &str) -> Result<Value, Fault> {
            Err(Fault::Demand(message.to_string()))
        }
        fn spend(&mut self, units: u64) -> Result<(), Fault> {
            self.0 += units;
            Ok(())
        }
        fn random(&mut self) -> u64 {
            0
        }
        fn now(&self) -> i64 {
            0
        }
    }

    fn call(name: &str, value: &Value) -> Result<Value, String> {
        let function = ALL.iter().find(|function| function.name == name).unwrap();
        let args = std::slice::from_ref(value);
        (function.run)(&mut Counter(0), Args(args)).map_err(|fault| fault.to_string())
    }

    fn shown(name: &str, value: &Value) -> String {
        match call(name, value) {
            Ok(value) => sprint(&[value]),
            Err(error) => format!("failed: {error}"),
        }
    }

    #[test]
    fn treats_errors_as_helm_does() {
        let nan = Value::list(vec![Value::Float(f64::NAN)]);
        let no_toml = Value::list(vec![Value::Nil]);
        let yaml_array = "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array \
                          into Go value of type map[string]interface {}";
        let facts = [
            ("toYaml", nan.clone(), ""),
            (
                "mustToYaml",
                nan.clone(),
                "failed: error marshaling into JSON: json: unsupported value: NaN",
            ),
            ("toYamlPretty", nan.clone(), "- .nan"),
            ("toJson", nan.clone(), ""),
            ("mustToJson", nan.clone(), "failed: json: unsupported value: NaN"),
            ("toPrettyJson", nan.clone(), ""),
            ("toRawJson", nan.clone(), "failed: json: unsupported value: NaN"),
            ("toToml", no_toml.clone(), "toml: cannot encode array with nil element"),
            ("mustToToml", no_toml, "failed: toml: cannot encode array with nil element"),
            ("fromYaml", "[1]".into(), &format!("map[Error:{yaml_array}]")),
            ("fromYaml", "".into(), "map[]"),
            (
                "fromYaml",
                "a: b: c".into(),
                "map[Error:error converting YAML to JSON: yaml: \
                 mapping values are not allowed in this context]",
            ),
            (
                "fromYamlArray",
                "a: 1".into(),
                "[error unmarshaling JSON: while decoding JSON: json: \
                 cannot unmarshal object into Go value of type []interface {}]",
            ),
            ("fromYamlArray", "".into(), "[]"),
            ("fromJson", "null".into(), "map[]"),
            ("fromJson", "{".into(), "map[Error:unexpected end of JSON input]"),
            ("mustFromJson", "{".into(), "failed: unexpected end of JSON input"),
            ("mustFromJson", "[1]".into(), "[1]"),
            (
                "fromJsonArray",
                "1".into(),
                "[json: cannot unmarshal number into Go value of type []interface {}]",
            ),
            ("fromToml", "a = 1\nb = 1979-05-27".into(), "map[a:1 b:1979-05-27]"),
            ("toYaml", "a".into(), "a"),
            ("toYaml", Value::map([("a", Value::texts(["x"]))]), "a:\n- x"),
            ("toYaml", Value::Bytes([b'a', 0xff].as_slice().into()), "a\u{fffd}"),
            ("toYamlPretty", Value::map([("a", Value::texts(["x"]))]), "a:\n  - x"),
            ("toYamlPretty", Value::Bytes([b'a', 0xff].as_slice().into()), "!!binary Yf8="),
            ("toYaml", Value::Int(i64::MIN), "-9223372036854775808"),
        ];
        for (name, value, expected) in facts {
            assert_eq!(shown(name, &value), expected, "{name} {value:?}");
        }
    }

    #[test]
    fn counts_what_it_reads_and_writes() {
        let mut host = Counter(0);
        to_json(&mut host, Args(&["abc".into()])).unwrap();
        from_json(&mut host, Args(&["{}".into()])).unwrap();
        assert_eq!(host.0, 7);
    }

    #[test]
    fn survives_values_without_end() {
        let circle = Value::map([("a", Value::Nil)]);
        circle.as_map().unwrap().set("self", circle.clone());
        let mut wide = Value::list(vec!["x".into()]);
        for _ in 0..60 {
            wide = Value::list(vec![wide.clone(), wide]);
        }
        let wide = Value::map([("wide", wide)]);
        for value in [&circle, &wide] {
            assert_eq!(shown("toYaml", value), "");
            assert_eq!(shown("toYamlPretty", value), "");
            assert_eq!(shown("toJson", value), "");
            assert_eq!(shown("toPrettyJson", value), "");
            assert!(shown("mustToToml", value).starts_with("failed: toml: nested too deeply"));
        }
        circle.as_map().unwrap().unset("self");
    }

    #[test]
    fn survives_texts_that_nest_without_end() {
        let deep = |open: &str, close: &str, count: usize| {
            format!("{}1{}", open.repeat(count), close.repeat(count))
        };
        for count in [limits::YAML_DEPTH_MAX + 2, 100_000] {
            for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", ""), ("[? ", "]")] {
                let read = read_yaml(&deep(open, close, count)).unwrap_err();
                assert!(read.contains("max depth") || read.contains("':'"), "{open} {read}");
            }
            assert_eq!(read_json(&deep("[", "]", count)).unwrap_err(), "exceeded max depth");
            assert!(read_toml(&format!("a = {}", deep("[", "]", count))).is_err());
        }
        let fits = limits::YAML_DEPTH_MAX - 1;
        assert!(read_yaml(&deep("[", "]", fits)).is_ok());
        assert!(write_yaml(&read_yaml(&deep("{a: ", "}", fits)).unwrap()).is_ok());
        assert!(read_json(&deep("[", "]", fits)).is_ok());
    }

    #[test]
    fn survives_aliases_that_multiply() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..10 {
            let before = format!("*a{}, ", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
        }
        let error = read_yaml(&bomb).unwrap_err();
        assert_eq!(
            error,
            "error converting YAML to JSON: yaml: document contains excessive aliasing"
        );
    }
}
