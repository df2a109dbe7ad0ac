//! What Go makes of URLs, taken from Sprig itself.

use crate::sprig::testing::{call, shown};
use crate::sprig::urls::ALL;
use crate::template::Value;
use crate::template::print_value;

#[test]
fn reads_urls_and_writes_them_again_as_go_does() {
    for (whole, parts, joined) in TABLE {
        let outcome = call(ALL, "urlParse", &[(*whole).into()]);
        let (shown_parts, shown_url) = match outcome {
            Ok(map) => (print_value(&map).into_bytes(), shown(ALL, "urlJoin", &[map])),
            Err(fault) => (format!("error: {fault}").into_bytes(), String::new()),
        };
        assert_eq!(String::from_utf8_lossy(&shown_parts), *parts, "{whole}");
        assert_eq!(shown_url.trim_matches('"'), *joined, "{whole}");
    }
}

#[test]
fn minds_the_parts() {
    let join = |key: &str, value: Value| shown(ALL, "urlJoin", &[Value::map([(key, value)])]);
    assert_eq!(
        join("host", Value::Int(1)),
        "error: unable to parse host key, must be of type string, but int found"
    );
    assert_eq!(join("path", "a:b/c".into()), r#""./a:b/c""#);
    assert_eq!(join("host", "h".into()), r#""//h""#);
    assert_eq!(
        join("userinfo", "a b".into()),
        "error: unable to parse userinfo in dict: parse \"proto://a b@host\": net/url: invalid userinfo"
    );
}

/// URL, what `urlParse` prints, and what `urlJoin` makes of that.
const TABLE: &[(&str, &str, &str)] = &[
    (
        "http://admin:secret@server.com:8080/api?list=false#anchor",
        "map[fragment:anchor host:server.com:8080 hostname:server.com opaque: path:/api query:list=false scheme:http userinfo:admin:secret]",
        "http://admin:secret@server.com:8080/api?list=false#anchor",
    ),
    ("", "map[fragment: host: hostname: opaque: path: query: scheme: userinfo:]", ""),
    ("*", "map[fragment: host: hostname: opaque: path:* query: scheme: userinfo:]", "*"),
    ("/a b", "map[fragment: host: hostname: opaque: path:/a b query: scheme: userinfo:]", "/a%20b"),
    ("a:b", "map[fragment: host: hostname: opaque:b path: query: scheme:a userinfo:]", "a:b"),
    (
        "mailto:joe@x.com",
        "map[fragment: host: hostname: opaque:joe@x.com path: query: scheme:mailto userinfo:]",
        "mailto:joe@x.com",
    ),
    (
        "http://",
        "map[fragment: host: hostname: opaque: path: query: scheme:http userinfo:]",
        "http:",
    ),
    (
        "http:///p",
        "map[fragment: host: hostname: opaque: path:/p query: scheme:http userinfo:]",
        "http:///p",
    ),
    ("///p", "map[fragment: host: hostname: opaque: path:///p query: scheme: userinfo:]", "///p"),
    ("//h/p", "map[fragment: host:h hostname:h opaque: path:/p query: scheme: userinfo:]", "//h/p"),
    (
        "http://h",
        "map[fragment: host:h hostname:h opaque: path: query: scheme:http userinfo:]",
        "http://h",
    ),
    (
        "http://h?",
        "map[fragment: host:h hostname:h opaque: path: query: scheme:http userinfo:]",
        "http://h",
    ),
    (
        "http://h??",
        "map[fragment: host:h hostname:h opaque: path: query:? scheme:http userinfo:]",
        "http://h??",
    ),
    (
        "http://h/?a?b",
        "map[fragment: host:h hostname:h opaque: path:/ query:a?b scheme:http userinfo:]",
        "http://h/?a?b",
    ),
    (
        "http://h/%41%2f%zz",
        "error: unable to parse url: parse \"http://h/%41%2f%zz\": invalid URL escape \"%zz\"",
        "",
    ),
    (
        "http://h/%41%2fé",
        "map[fragment: host:h hostname:h opaque: path:/A/é query: scheme:http userinfo:]",
        "http://h/A/%C3%A9",
    ),
    (
        "http://é/",
        "map[fragment: host:é hostname:é opaque: path:/ query: scheme:http userinfo:]",
        "http://%C3%A9/",
    ),
    (
        "http://h:80",
        "map[fragment: host:h:80 hostname:h opaque: path: query: scheme:http userinfo:]",
        "http://h:80",
    ),
    (
        "http://h:",
        "map[fragment: host:h: hostname:h opaque: path: query: scheme:http userinfo:]",
        "http://h:",
    ),
    (
        "http://h:x",
        "error: unable to parse url: parse \"http://h:x\": invalid port \":x\" after host",
        "",
    ),
    (
        "http://a:1:2/",
        "error: unable to parse url: parse \"http://a:1:2/\": invalid port \":1:2\" after host",
        "",
    ),
    (
        "redis://a:1,b:2/",
        "map[fragment: host:a:1,b:2 hostname:a:1,b opaque: path:/ query: scheme:redis userinfo:]",
        "redis://a:1,b:2/",
    ),
    (
        "http://[::1]:80/",
        "map[fragment: host:[::1]:80 hostname:::1 opaque: path:/ query: scheme:http userinfo:]",
        "http://[::1]:80/",
    ),
    ("http://[::1", "error: unable to parse url: parse \"http://[::1\": missing ']' in host", ""),
    (
        "http://[fe80::1%25en0]/",
        "map[fragment: host:[fe80::1%en0] hostname:fe80::1%en0 opaque: path:/ query: scheme:http userinfo:]",
        "http://[fe80::1%25en0]/",
    ),
    (
        "http://[::1]x/",
        "error: unable to parse url: parse \"http://[::1]x/\": invalid port \"x\" after host",
        "",
    ),
    (
        "http://u@h",
        "map[fragment: host:h hostname:h opaque: path: query: scheme:http userinfo:u]",
        "http://u@h",
    ),
    (
        "http://u:p:q@h/",
        "map[fragment: host:h hostname:h opaque: path:/ query: scheme:http userinfo:u:p%3Aq]",
        "http://u:p%3Aq@h/",
    ),
    (
        "http://u%40:p%2F@h/",
        "map[fragment: host:h hostname:h opaque: path:/ query: scheme:http userinfo:u%40:p%2F]",
        "http://u%40:p%2F@h/",
    ),
    (
        "http://u v@h/",
        "error: unable to parse url: parse \"http://u v@h/\": net/url: invalid userinfo",
        "",
    ),
    (
        "http://h%41/",
        "error: unable to parse url: parse \"http://h%41/\": invalid URL escape \"%41\"",
        "",
    ),
    (
        "http://h%C3%A9/",
        "map[fragment: host:hé hostname:hé opaque: path:/ query: scheme:http userinfo:]",
        "http://h%C3%A9/",
    ),
    (
        "http://h h/",
        "error: unable to parse url: parse \"http://h h/\": invalid character \" \" in host name",
        "",
    ),
    (
        "a/b:c",
        "map[fragment: host: hostname: opaque: path:a/b:c query: scheme: userinfo:]",
        "a/b:c",
    ),
    (
        "1http://x",
        "error: unable to parse url: parse \"1http://x\": first path segment in URL cannot contain colon",
        "",
    ),
    (":x", "error: unable to parse url: parse \":x\": missing protocol scheme", ""),
    (
        "HTTP://X/y",
        "map[fragment: host:X hostname:X opaque: path:/y query: scheme:http userinfo:]",
        "http://X/y",
    ),
    (
        "http://h/#a b!'(%20)",
        "map[fragment:a b!'( ) host:h hostname:h opaque: path:/ query: scheme:http userinfo:]",
        "http://h/#a%20b!%27(%20)",
    ),
    (
        "http://h/p#%zz",
        "error: unable to parse url: parse \"http://h/p#%zz\": invalid URL escape \"%zz\"",
        "",
    ),
    (
        "http://h/\x7f",
        "error: unable to parse url: parse \"http://h/\\x7f\": net/url: invalid control character in URL",
        "",
    ),
    (
        "oci://reg.example.com/charts",
        "map[fragment: host:reg.example.com hostname:reg.example.com opaque: path:/charts query: scheme:oci userinfo:]",
        "oci://reg.example.com/charts",
    ),
    (
        "git@github.com:a/b.git",
        "error: unable to parse url: parse \"git@github.com:a/b.git\": first path segment in URL cannot contain colon",
        "",
    ),
    (
        "https://h/a%20b?x=1%202#f",
        "map[fragment:f host:h hostname:h opaque: path:/a b query:x=1%202 scheme:https userinfo:]",
        "https://h/a%20b?x=1%202#f",
    ),
    (
        "http://h/[x]!$&'()*+,;=:@",
        "map[fragment: host:h hostname:h opaque: path:/[x]!$&'()*+,;=:@ query: scheme:http userinfo:]",
        "http://h/%5Bx%5D%21$&%27%28%29%2A+,;=:@",
    ),
    (
        "registry.local:5000/img",
        "map[fragment: host: hostname: opaque:5000/img path: query: scheme:registry.local userinfo:]",
        "registry.local:5000/img",
    ),
    (
        "http://u@@h/",
        "map[fragment: host:h hostname:h opaque: path:/ query: scheme:http userinfo:u%40]",
        "http://u%40@h/",
    ),
    ("/", "map[fragment: host: hostname: opaque: path:/ query: scheme: userinfo:]", "/"),
    ("?q", "map[fragment: host: hostname: opaque: path: query:q scheme: userinfo:]", "?q"),
    ("#f", "map[fragment:f host: hostname: opaque: path: query: scheme: userinfo:]", "#f"),
    (
        "http:?q",
        "map[fragment: host: hostname: opaque: path: query:q scheme:http userinfo:]",
        "http:?q",
    ),
];
