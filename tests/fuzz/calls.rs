//! Every function of the templates, with arguments that functions dislike.

use haversack::sprig;
use haversack::template::{Demands, Map, MapKind, Value};

use crate::targets::{context, execute, on_render_stack};

/// Go's own functions; the others are asked of `sprig`.
const BUILTINS: &str =
    "and call eq ge gt html index js le len lt ne not or print printf println slice urlquery";
/// Most calls of one input.
const CALLS_MAX: usize = 64;
/// Bytes that make one call: two for the function, one for the number of arguments, one for each.
const CALL_BYTES: usize = 8;

/// Reads calls from bytes and runs each, alone and with its outcome handed on to the next.
pub(crate) fn calls(bytes: &[u8]) {
    on_render_stack(|| {
        let functions = sprig::functions();
        let mut names = functions.names();
        names.extend(BUILTINS.split(' '));
        let arguments = arguments();
        let context = context();
        if let Value::Map(map) = &context {
            arguments.iter().for_each(|(name, value)| map.set(*name, value.clone()));
        }
        let mut before = String::new();
        for call in bytes.chunks(CALL_BYTES).take(CALLS_MAX) {
            let byte = |at: usize| usize::from(call.get(at).copied().unwrap_or(0));
            let name = names[(byte(0) << 8 | byte(1)) % names.len()];
            let (min, max) = functions.get(name).map_or((1, 5), |function| {
                (function.arity.min, function.arity.max.unwrap_or(function.arity.min + 4))
            });
            let count = min + byte(2) % (max - min + 1);
            let mut text = name.to_owned();
            for at in 0..count {
                text.push_str(" $.");
                text.push_str(
                    arguments[byte(3 + at % 5).wrapping_mul(at / 5 + 1) % arguments.len()].0,
                );
            }
            execute(&format!("{{{{ {text} }}}}"), &context, Demands::Refuse);
            if !before.is_empty() {
                execute(&format!("{{{{ {before} | {text} }}}}"), &context, Demands::Placeholders);
            }
            before = text;
        }
        untie(&context);
    });
}

/// Takes the circles apart, so that nothing leaks.
fn untie(context: &Value) {
    if let Some(Value::Map(circle)) = context.as_map().and_then(|map| map.get("circle")) {
        circle.keys().iter().for_each(|key| drop(circle.unset(key)));
    }
}

/// Corners of each type.
fn arguments() -> Vec<(&'static str, Value)> {
    let ints = [
        ("zero", 0),
        ("one", 1),
        ("minus", -1),
        ("seven", 7),
        ("sixtyFour", 64),
        ("million", 1_000_000),
        ("billion", 1_000_000_000),
        ("longest", i64::MAX),
        ("shortest", i64::MIN),
        ("u32", 1 << 32),
    ];
    let floats = [
        ("half", 0.5),
        ("minusZero", -0.0),
        ("huge", 1e308),
        ("tiny", 5e-324),
        ("infinite", f64::INFINITY),
        ("nan", f64::NAN),
        ("beyond", 9_223_372_036_854_775_808.0),
    ];
    let texts = [
        ("blank", ""),
        ("letter", "a"),
        ("words", "one Two_three-four éß \u{1F600}\u{301}"),
        ("lines", "a: 1\nb:\n  - c\n\n# d\n"),
        ("digits", "9223372036854775808"),
        ("negative", "-9223372036854775808"),
        ("hexadecimal", "0x7fffffffffffffff"),
        ("exponent", "1e999999999"),
        ("version", "v1.2.3-rc.1+build"),
        ("versions", ">=1.2 <99999999999999999999.0 || ~1 || ^0.0.x - 4"),
        ("time", "2024-02-29T12:00:00Z"),
        ("layout", "Mon Jan _2 15:04:05.000 MST 2006 -07:00"),
        ("zone", "America/New_York"),
        ("span", "2562047h47m16.854775807s"),
        ("shortSpan", "-9223372036854775808ns"),
        ("url", "https://u:p@[::1%25e]:99999/a/../b?q=%zz#f"),
        ("path", "/a/b/../..//c.tar.gz/"),
        ("regex", "(a*)*(?P<n>b{1,999})|[[:alpha:]]$"),
        ("bigRegex", "((a{100}){100}){100}"),
        ("template", "${n}$1$0$$${"),
        ("format", "%*d %[9]v %!q %99999999d %.9999f %T %+v"),
        ("action", "{{ tpl $.action $ }}"),
        ("json", "{\"a\":[1,1e999,{\"b\":null}]}"),
        ("toml", "a = 1979-05-27\n[b.c]\nd = [1, 2]\n"),
        ("yaml", "a: &a [x, x]\nb: [*a, *a]\nc: {<<: {d: 1}}\n"),
        ("base64", "////AA=="),
        ("base32", "MFRGG==="),
        ("pem", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"),
        ("key", "12345678901234567890123456789012"),
        ("name", "circle"),
    ];
    let mut all: Vec<(&str, Value)> = Vec::new();
    all.extend(ints.map(|(name, value)| (name, Value::Int(value))));
    all.push(("wide", Value::Int64(i64::MIN)));
    all.extend(floats.map(|(name, value)| (name, Value::Float(value))));
    all.extend(texts.map(|(name, value)| (name, Value::text(value))));
    all.extend([("nothing", Value::Nil), ("yes", true.into()), ("no", false.into())]);
    all.push(("bytes", Value::from_bytes(vec![0xff, 0, b'a', 0xc3])));
    all.push(("long", Value::text("ab\n".repeat(20_000))));
    all.extend(nested());
    all
}

/// Maps and lists: empty, typed, deep, and one that holds itself.
fn nested() -> Vec<(&'static str, Value)> {
    let texts = Map::of(MapKind::Texts, [("_0".into(), "a".into())]);
    let values = Map::of(MapKind::Values, [("a".into(), Value::Nil)]);
    let circle = Value::map([("a", Value::Int(1))]);
    if let Value::Map(map) = &circle {
        map.set("self", circle.clone());
        map.set("list", Value::list(vec![circle.clone(), circle.clone()]));
    }
    let deep = (0..5000).fold(Value::Nil, |inner, _| Value::list(vec![inner]));
    let maps = (0..5000).fold(Value::Nil, |inner, _| Value::map([("a", inner)]));
    let wide = (0..60).fold(Value::Int(1), |inner, _| Value::list(vec![inner.clone(), inner]));
    let inner = Value::map([("b", Value::Int(1)), ("c", Value::list(Vec::new()))]);
    vec![
        ("noItems", Value::list(Vec::new())),
        ("items", Value::list(vec![Value::Int(3), "x".into(), Value::Nil, Value::Float(1.5)])),
        ("strings", Value::texts(["b", "a", ""])),
        ("noKeys", Value::map::<&str>([])),
        ("map", Value::map([("a", inner), ("n", Value::Nil)])),
        ("textMap", Value::Map(texts.into())),
        ("valuesMap", Value::Map(values.into())),
        ("circle", circle),
        ("deep", deep),
        ("deepMap", maps),
        ("bushy", wide),
    ]
}
