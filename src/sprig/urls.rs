//! `urlParse` and `urlJoin`, by the rules of Go's `net/url`, which are not those of browsers.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::rc::Rc;

use crate::sprig::print;
use crate::template::{Args, Fault, Function, Host, Map, Value};

/// The functions of this file.
pub(super) const ALL: &[Function] =
    &[Function::fixed("urlParse", 1, url_parse), Function::fixed("urlJoin", 1, url_join)];

/// A URL in parts. The path is decoded; what it was before is a hint for writing.
#[derive(Default)]
struct Url {
    scheme: Vec<u8>,
    opaque: Vec<u8>,
    user: Option<User>,
    host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    fragment: Vec<u8>,
}

struct User {
    name: Vec<u8>,
    password: Option<Vec<u8>>,
}

/// Where a text stands in a URL, which decides what must be escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Host,
    HostZone,
    User,
    Fragment,
}

fn url_parse(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let whole = args.bytes(0)?;
    host.spend(whole.len() as u64)?;
    let url = parse(whole).map_err(|words| Fault::said(format!("unable to parse url: {words}")))?;
    let hostname = hostname(&url.host).to_vec();
    let user = url.user.as_ref().map(User::written).unwrap_or_default();
    Ok(Value::map([
        ("scheme", Value::from_bytes(url.scheme)),
        ("host", Value::from_bytes(url.host)),
        ("hostname", Value::from_bytes(hostname)),
        ("path", Value::from_bytes(url.path)),
        ("query", Value::from_bytes(url.query)),
        ("opaque", Value::from_bytes(url.opaque)),
        ("fragment", Value::from_bytes(url.fragment)),
        ("userinfo", Value::from_bytes(user)),
    ]))
}

fn url_join(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let parts = args.map(0)?;
    let userinfo = part(parts, "userinfo")?;
    let mut user = None;
    if !userinfo.is_empty() {
        let whole = [b"proto://", userinfo.as_slice(), b"@host"].concat();
        user = parse(&whole)
            .map_err(|words| Fault::said(format!("unable to parse userinfo in dict: {words}")))?
            .user;
    }
    let url = Url {
        scheme: part(parts, "scheme")?,
        opaque: part(parts, "opaque")?,
        user,
        host: part(parts, "host")?,
        path: part(parts, "path")?,
        query: part(parts, "query")?,
        fragment: part(parts, "fragment")?,
    };
    let written = url.written();
    host.spend(written.len() as u64)?;
    Ok(Value::from_bytes(written))
}

fn part(parts: &Rc<Map>, key: &str) -> Result<Vec<u8>, Fault> {
    match parts.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Nil) => {
            Err(Fault::said("runtime error: invalid memory address or nil pointer dereference"))
        }
        Some(value) => value.as_bytes().map(<[u8]>::to_vec).ok_or_else(|| {
            let kind = value.kind().name();
            Fault::said(format!(
                "unable to parse {key} key, must be of type string, but {kind} found"
            ))
        }),
    }
}

impl User {
    fn written(&self) -> Vec<u8> {
        let mut out = escape(&self.name, Place::User);
        if let Some(password) = &self.password {
            out.push(b':');
            out.extend(escape(password, Place::User));
        }
        out
    }
}

impl Url {
    /// `URL.String`.
    fn written(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend_from_slice(&self.scheme);
            out.push(b':');
        }
        if self.opaque.is_empty() {
            self.write_authority_and_path(&mut out);
        } else {
            out.extend_from_slice(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push(b'?');
            out.extend_from_slice(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend(escape(&self.fragment, Place::Fragment));
        }
        out
    }

    fn write_authority_and_path(&self, out: &mut Vec<u8>) {
        let authority = !self.host.is_empty() || self.user.is_some();
        if authority || !self.scheme.is_empty() && !self.path.is_empty() {
            out.extend_from_slice(b"//");
        }
        if let Some(user) = &self.user {
            out.extend(user.written());
            out.push(b'@');
        }
        out.extend(escape(&self.host, Place::Host));
        let path = if self.path == b"*" { b"*".to_vec() } else { escape(&self.path, Place::Path) };
        if !path.is_empty() && !path.starts_with(b"/") && !self.host.is_empty() {
            out.push(b'/');
        }
        // A colon in the first segment would make a scheme of it.
        let first = path.split(|byte| *byte == b'/').next().unwrap_or_default();
        if out.is_empty() && first.contains(&b':') {
            out.extend_from_slice(b"./");
        }
        out.extend(path);
    }
}

/// `url.Parse`, and its words for what is no URL.
fn parse(whole: &[u8]) -> Result<Url, String> {
    let (before, fragment) = cut(whole, b'#').unwrap_or((whole, b""));
    let failed = |text: &[u8], words: String| format!("parse {}: {words}", print::quoted(text));
    let mut url = parse_before_fragment(before).map_err(|words| failed(before, words))?;
    url.fragment =
        unescape(fragment, Place::Fragment).map_err(|words| failed(whole, words))?.into_owned();
    Ok(url)
}

fn parse_before_fragment(whole: &[u8]) -> Result<Url, String> {
    if whole.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
        return Err("net/url: invalid control character in URL".into());
    }
    let mut url = Url::default();
    if whole == b"*" {
        url.path = whole.to_vec();
        return Ok(url);
    }
    // 1. The scheme.
    let (scheme, rest) = scheme(whole)?;
    url.scheme = scheme.to_ascii_lowercase();
    // 2. The query. A question mark alone leaves none.
    let (mut rest, query) = cut(rest, b'?').unwrap_or((rest, b""));
    url.query = query.to_vec();
    // 3. What has no slash: opaque after a scheme, else a path, in whose first segment a colon would look like a scheme.
    if !rest.starts_with(b"/") {
        if !url.scheme.is_empty() {
            url.opaque = rest.to_vec();
            return Ok(url);
        }
        let first = rest.split(|byte| *byte == b'/').next().unwrap_or_default();
        if first.contains(&b':') {
            return Err("first path segment in URL cannot contain colon".into());
        }
    }
    // 4. The authority.
    let has_authority = !url.scheme.is_empty() || !rest.starts_with(b"///");
    if let Some(after) = rest.strip_prefix(b"//").filter(|_| has_authority) {
        let end = after.iter().position(|byte| *byte == b'/').unwrap_or(after.len());
        let (authority, path) = after.split_at(end);
        (url.user, url.host) = parse_authority(&url.scheme, authority)?;
        rest = path;
    }
    // 5. The path.
    url.path = unescape(rest, Place::Path)?.into_owned();
    Ok(url)
}

fn scheme(whole: &[u8]) -> Result<(&[u8], &[u8]), String> {
    for (at, byte) in whole.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".into()),
            b':' => return Ok(cut(whole, b':').unwrap_or_default()),
            _ => break,
        }
    }
    Ok((b"", whole))
}

fn parse_authority(scheme: &[u8], authority: &[u8]) -> Result<(Option<User>, Vec<u8>), String> {
    let Some(at) = authority.iter().rposition(|byte| *byte == b'@') else {
        return Ok((None, parse_host(scheme, authority)?));
    };
    let (userinfo, host) = authority.split_at(at);
    let host = parse_host(scheme, host.get(1..).unwrap_or_default())?;
    let sound = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
    if !userinfo.iter().all(sound) {
        return Err("net/url: invalid userinfo".into());
    }
    let (name, password) = match cut(userinfo, b':') {
        Some((name, password)) => (name, Some(password)),
        None => (userinfo, None),
    };
    let name = unescape(name, Place::User)?.into_owned();
    let password = match password {
        Some(password) => Some(unescape(password, Place::User)?.into_owned()),
        None => None,
    };
    Ok((Some(User { name, password }), host))
}

fn parse_host(scheme: &[u8], host: &[u8]) -> Result<Vec<u8>, String> {
    match host.iter().rposition(|byte| *byte == b'[') {
        Some(0) => return parse_literal(host),
        Some(_) => return Err("invalid IP-literal".into()),
        None => {}
    }
    let mut colons = host.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
    if let Some(first) = colons.next() {
        // Only the web's schemes mind more than one colon; lists of hosts have several.
        let strict = matches!(scheme, b"http" | b"https");
        let at = if strict { first } else { colons.next_back().unwrap_or(first) };
        check_port(host.get(at..).unwrap_or_default())?;
    }
    Ok(unescape(host, Place::Host)?.into_owned())
}

fn check_port(port: &[u8]) -> Result<(), String> {
    if is_port(port) {
        return Ok(());
    }
    Err(format!("invalid port {} after host", print::quoted(port)))
}

/// Whether a text is nothing, or a colon and digits.
fn is_port(port: &[u8]) -> bool {
    match port.split_first() {
        None => true,
        Some((colon, digits)) => *colon == b':' && digits.iter().all(u8::is_ascii_digit),
    }
}

/// `[fe80::1%25en0]:80`.
fn parse_literal(host: &[u8]) -> Result<Vec<u8>, String> {
    let close = host
        .iter()
        .rposition(|byte| *byte == b']')
        .ok_or_else(|| "missing ']' in host".to_owned())?;
    let port = host.get(close + 1..).unwrap_or_default();
    check_port(port)?;
    let name = host.get(1..close).unwrap_or_default();
    let zone = name.windows(3).position(|part| part == b"%25");
    let (address, zone) = name.split_at(zone.unwrap_or(name.len()));
    let address = unescape(address, Place::Host)?;
    let zone = unescape(zone, Place::HostZone)?;
    let text = String::from_utf8_lossy(&address).into_owned();
    let shown = print::quoted(&[&address[..], &zone[..]].concat());
    if text.parse::<Ipv6Addr>().is_err() || &zone[..] == b"%" {
        let sound = text.parse::<std::net::Ipv4Addr>().is_ok() && zone.is_empty();
        return Err(if sound {
            "invalid IP-literal".into()
        } else {
            format!("invalid host: ParseAddr({shown}): unable to parse IP")
        });
    }
    Ok([b"[", &address[..], &zone[..], b"]", port].concat())
}

/// The host without a port and without brackets.
fn hostname(host: &[u8]) -> &[u8] {
    let colon = host.iter().rposition(|byte| *byte == b':');
    let name = match colon.map(|at| host.split_at(at)) {
        Some((name, port)) if is_port(port) => name,
        _ => host,
    };
    let inside = name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]"));
    inside.unwrap_or(name)
}

/// Whether a byte must be escaped in a place. Bytes beyond ASCII always must.
fn must_escape(byte: u8, place: Place) -> bool {
    let in_host = matches!(place, Place::Host | Place::HostZone);
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => false,
        b'!' | b'\'' | b'(' | b')' | b'*' | b'[' | b']' | b'<' | b'>' | b'"' if in_host => false,
        b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' => match place {
            Place::Path => byte == b'?',
            Place::User => b"@/?:".contains(&byte),
            Place::Fragment => false,
            Place::Host | Place::HostZone => b"/?@".contains(&byte),
        },
        b'!' | b'(' | b')' | b'*' => place != Place::Fragment,
        _ => true,
    }
}

fn escape(text: &[u8], place: Place) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if must_escape(*byte, place) {
            out.extend(format!("%{byte:02X}").into_bytes());
        } else {
            out.push(*byte);
        }
    }
    out
}

fn unescape(text: &[u8], place: Place) -> Result<Cow<'_, [u8]>, String> {
    let in_host = matches!(place, Place::Host | Place::HostZone);
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        if *byte != b'%' {
            if in_host && byte.is_ascii() && must_escape(*byte, place) {
                let shown = print::quoted(&[*byte]);
                return Err(format!("invalid character {shown} in host name"));
            }
            out.push(*byte);
            rest = after;
            continue;
        }
        let escape = rest.get(..3).unwrap_or(rest);
        let value = match escape {
            [_, high, low] => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        let value = value.filter(|value| match place {
            // In a host only what is beyond ASCII may be escaped, and the sign itself; a zone is freer.
            Place::Host => *value >= 0x80 || escape == b"%25",
            Place::HostZone => {
                escape == b"%25" || *value == b' ' || !must_escape(*value, Place::Host)
            }
            _ => true,
        });
        let Some(value) = value else {
            return Err(format!("invalid URL escape {}", print::quoted(escape)));
        };
        out.push(value);
        rest = rest.get(3..).unwrap_or_default();
    }
    Ok(Cow::Owned(out))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|digit| digit as u8)
}

/// What stands before and after the first of a byte.
fn cut(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(byte, text)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}
