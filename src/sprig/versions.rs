//! `semver` and `semverCompare`: semantic versions as Masterminds/semver 3.5 reads them.

use std::any::Any;
use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use crate::sprig::constraint::Constraint;
use crate::template::{Args, Fault, Function, Host, Kind, Object, Value};

/// Longest version, as in Go.
const LENGTH_MAX: usize = 256;

pub(super) const ALL: &[Function] = &[
    Function::fixed("semver", 1, |_, args| {
        let version = Version::parse(&args.text(0)?).map_err(Fault::Said)?;
        Ok(VersionObject { version, pointer: true }.into_value())
    }),
    Function::fixed("semverCompare", 2, semver_compare),
];

fn semver_compare(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (range, version) = (args.text(0)?, args.text(1)?);
    let range = Constraint::parse(&range).map_err(Fault::Said)?;
    let version = Version::parse(&version).map_err(Fault::Said)?;
    Ok(Value::Bool(range.contains(&version)))
}

/// A semantic version.
#[derive(Clone, Debug, Default)]
pub(super) struct Version {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) patch: u64,
    pub(super) pre: String,
    metadata: String,
    original: String,
}

impl Version {
    /// Reads a version, with or without `v`, minor and patch; the error is Go's.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LENGTH_MAX {
            return Err(format!("version string is too long (max {LENGTH_MAX} bytes)"));
        }
        let invalid = || "invalid semantic version".to_owned();
        let rest = text.strip_prefix('v').unwrap_or(text);
        let (rest, metadata) = rest.split_once('+').map_or((rest, None), |(a, b)| (a, Some(b)));
        let (numbers, pre) = rest.split_once('-').map_or((rest, None), |(a, b)| (a, Some(b)));
        let numbers: Vec<&str> = numbers.split('.').collect();
        let digits = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let sound = numbers.len() <= 3
            && numbers.iter().all(digits)
            && pre.is_none_or(words)
            && metadata.is_none_or(words);
        if !sound {
            return Err(invalid());
        }
        let number = |at: usize| -> Result<u64, String> {
            let Some(part) = numbers.get(at) else { return Ok(0) };
            part.parse().map_err(|_| {
                let cause = format!("strconv.ParseUint: parsing {part:?}: value out of range");
                format!("error parsing version segment: {cause}")
            })
        };
        let (major, minor, patch) = (number(0)?, number(1)?, number(2)?);
        if let Some(pre) = pre {
            check_pre(pre)?;
        }
        let (pre, metadata) = (pre.unwrap_or(""), metadata.unwrap_or(""));
        Ok(Self {
            major,
            minor,
            patch,
            pre: pre.to_owned(),
            metadata: metadata.to_owned(),
            original: text.to_owned(),
        })
    }

    /// Precedence; build metadata does not count.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let numbers = |version: &Self| (version.major, version.minor, version.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| {
            match (self.pre.is_empty(), other.pre.is_empty()) {
                (false, false) => self.compare_pre(other),
                // A release stands above its pre-releases.
                (own, theirs) => own.cmp(&theirs),
            }
        })
    }

    /// Order of the pre-releases alone, word by word: numbers below texts, a missing word below all.
    pub(super) fn compare_pre(&self, other: &Self) -> Ordering {
        let (mut ours, mut theirs) = (self.pre.split('.'), other.pre.split('.'));
        loop {
            let (one, two) = match (ours.next(), theirs.next()) {
                (None, None) => return Ordering::Equal,
                (one, two) => (one.unwrap_or(""), two.unwrap_or("")),
            };
            // Go takes a number beyond 64 bits for a text.
            let order = match (one.parse::<u64>(), two.parse::<u64>()) {
                _ if one == two => Ordering::Equal,
                _ if one.is_empty() => Ordering::Less,
                _ if two.is_empty() => Ordering::Greater,
                (Ok(one), Ok(two)) => one.cmp(&two),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => one.cmp(two),
            };
            if order.is_ne() {
                return order;
            }
        }
    }

    /// The same version as if it had been written so.
    fn written(mut self, before: &Self) -> Self {
        let prefix = if before.original.starts_with('v') { "v" } else { "" };
        self.original = format!("{prefix}{self}");
        self
    }

    fn next(&self, part: &str) -> Result<Self, Fault> {
        let (name, number) = match part {
            "IncMajor" => ("major", self.major),
            "IncMinor" => ("minor", self.minor),
            _ if !self.pre.is_empty() => ("patch", self.patch.saturating_sub(1)),
            _ => ("patch", self.patch),
        };
        let Some(next) = number.checked_add(1) else {
            return Err(Fault::said(format!("{name} version increment would overflow uint64")));
        };
        let mut version = Self { major: self.major, ..Self::default() };
        match part {
            "IncMajor" => version.major = next,
            "IncMinor" => version.minor = next,
            // The release of a pre-release is the next patch.
            _ => {
                version.minor = self.minor;
                version.patch = if self.pre.is_empty() { next } else { self.patch };
            }
        }
        Ok(version.written(self))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

/// Whether a text is dotted words of letters, digits and hyphens.
fn words(text: &str) -> bool {
    text.split('.').all(|word| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

fn check_pre(pre: &str) -> Result<(), String> {
    for word in pre.split('.') {
        if !words(word) {
            return Err("invalid prerelease string".to_owned());
        }
        if word.len() > 1 && word.starts_with('0') && word.bytes().all(|b| b.is_ascii_digit()) {
            return Err("version segment starts with 0".to_owned());
        }
    }
    Ok(())
}

/// A version as templates see it: `*semver.Version`, or the plain struct that `IncMinor` gives, which has fewer methods.
#[derive(Debug)]
struct VersionObject {
    version: Version,
    pointer: bool,
}

impl VersionObject {
    fn into_value(self) -> Value {
        Value::Object(Rc::new(self))
    }

    fn plain(version: Version) -> Value {
        Self { version, pointer: false }.into_value()
    }

    /// Methods that take another version.
    fn compare(&self, method: &str, args: &[Value]) -> Option<Result<Value, Fault>> {
        let answer: fn(Ordering) -> Value = match method {
            "Compare" => |order| Value::Int(order as i64),
            "Equal" => |order| Value::Bool(order.is_eq()),
            "LessThan" => |order| Value::Bool(order.is_lt()),
            "LessThanEqual" => |order| Value::Bool(order.is_le()),
            "GreaterThan" => |order| Value::Bool(order.is_gt()),
            "GreaterThanEqual" => |order| Value::Bool(order.is_ge()),
            _ => return None,
        };
        Some(count(method, args, 1).and_then(|()| match args.first() {
            Some(Value::Nil) | None if method == "Equal" => Ok(Value::Bool(false)),
            Some(Value::Nil) | None => {
                Err(Fault::said("runtime error: invalid memory address or nil pointer dereference"))
            }
            Some(other) => match other.as_object::<Self>() {
                Some(Self { version, pointer: true }) => Ok(answer(self.version.compare(version))),
                _ => Err(Fault::said(format!(
                    "wrong type for value; expected *semver.Version; got {}",
                    other.type_name()
                ))),
            },
        }))
    }

    /// Methods that change a part.
    fn set(&self, method: &str, args: &[Value]) -> Option<Result<Value, Fault>> {
        let set = |text: &str| -> Result<Value, Fault> {
            let mut version = self.version.clone();
            if method == "SetMetadata" {
                if !text.is_empty() && !words(text) {
                    return Err(Fault::said("invalid metadata string"));
                }
                text.clone_into(&mut version.metadata);
            } else {
                if !text.is_empty() {
                    check_pre(text).map_err(Fault::Said)?;
                }
                text.clone_into(&mut version.pre);
            }
            Ok(Self::plain(version.written(&self.version)))
        };
        matches!(method, "SetMetadata" | "SetPrerelease")
            .then(|| count(method, args, 1).and_then(|()| set(&Args(args).text(0)?)))
    }
}

/// Go's words for a wrong count of arguments.
fn count(method: &str, args: &[Value], wanted: usize) -> Result<(), Fault> {
    if args.len() == wanted {
        return Ok(());
    }
    Err(Fault::count(method, wanted, args.len()))
}

impl Object for VersionObject {
    fn type_name(&self) -> &'static str {
        if self.pointer { "*semver.Version" } else { "semver.Version" }
    }

    fn kind(&self) -> Kind {
        if self.pointer { Kind::Ptr } else { Kind::Struct }
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn call(&self, _: &mut dyn Host, method: &str, args: &[Value]) -> Option<Result<Value, Fault>> {
        let version = &self.version;
        // Go has uint64 here, of which templates see nothing but the number.
        let number = |number: u64| Ok(Value::Int64(i64::try_from(number).unwrap_or(i64::MAX)));
        let simple = match method {
            "String" | "Value" => Ok(Value::text(version.to_string())),
            "Original" if self.pointer => Ok(Value::text(version.original.as_str())),
            "Major" => number(version.major),
            "Minor" => number(version.minor),
            "Patch" => number(version.patch),
            "Prerelease" => Ok(Value::text(version.pre.as_str())),
            "Metadata" => Ok(Value::text(version.metadata.as_str())),
            "IncMajor" | "IncMinor" | "IncPatch" => version.next(method).map(Self::plain),
            _ => {
                let compared = if self.pointer { self.compare(method, args) } else { None };
                return compared.or_else(|| self.set(method, args));
            }
        };
        Some(count(method, args, 0).and(simple))
    }

    fn print(&self) -> String {
        self.version.to_string()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use crate::sprig::double::{Double, run, shown};
    use crate::template::{Object, Value};

    fn version(text: &str) -> Value {
        run("semver", &[text.into()]).expect(text)
    }

    fn object(value: &Value) -> &dyn Object {
        let Value::Object(object) = value else { panic!("no object") };
        object.as_ref()
    }

    fn call(value: &Value, method: &str, args: &[Value]) -> String {
        match object(value).call(&mut Double::default(), method, args) {
            None => "none".to_owned(),
            Some(Err(fault)) => format!("!{fault}"),
            Some(Ok(Value::Object(object))) => format!("{} {}", object.type_name(), object.print()),
            Some(Ok(value)) => value.as_text().map_or_else(|| format!("{value:?}"), str::to_owned),
        }
    }

    #[test]
    fn shows_the_parts_of_a_version_as_go_does() {
        let v = version("v1.2.3-rc.1+b5");
        assert_eq!(
            (v.type_name(), object(&v).print().as_str()),
            ("*semver.Version", "1.2.3-rc.1+b5")
        );
        for (method, wanted) in [
            ("String", "1.2.3-rc.1+b5"),
            ("Original", "v1.2.3-rc.1+b5"),
            ("Major", "1"),
            ("Minor", "2"),
            ("Patch", "3"),
            ("Prerelease", "rc.1"),
            ("Metadata", "b5"),
            ("IncPatch", "semver.Version 1.2.3"),
            ("IncMinor", "semver.Version 1.3.0"),
            ("IncMajor", "semver.Version 2.0.0"),
            ("Foo", "none"),
            ("Compare", "!wrong number of args for Compare: want 1 got 0"),
        ] {
            assert_eq!(call(&v, method, &[]), wanted, "{method}");
        }
        assert_eq!(call(&version("1.2.3"), "IncPatch", &[]), "semver.Version 1.2.4");
        assert_eq!(call(&version("v1"), "String", &[]), "1.0.0");
        let most = version("18446744073709551615.0.0");
        let words = "!major version increment would overflow uint64";
        assert_eq!(call(&most, "IncMajor", &[]), words);
        let pre = version("0.0.18446744073709551615-a");
        assert_eq!(call(&pre, "IncPatch", &[]), "semver.Version 0.0.18446744073709551615");
    }

    #[test]
    fn compares_and_changes_versions_as_go_does() {
        let v = version("v1.2.3-rc.1+b5");
        for (method, other, wanted) in [
            ("Compare", "1.2.3", "-1"),
            ("Compare", "1.2.3-rc.0", "1"),
            ("Equal", "1.2.3-rc.1", "true"),
            ("LessThan", "1.2.3", "true"),
            ("LessThanEqual", "1.2.3", "true"),
            ("GreaterThan", "1.2.3-rc.0", "true"),
            ("GreaterThanEqual", "1.2.3", "false"),
        ] {
            assert_eq!(call(&v, method, &[version(other)]), wanted, "{method} {other}");
        }
        for (method, text, wanted) in [
            ("SetPrerelease", "x", "semver.Version 1.2.3-x+b5"),
            ("SetMetadata", "y", "semver.Version 1.2.3-rc.1+y"),
            ("SetPrerelease", "_", "!invalid prerelease string"),
            ("SetPrerelease", "01", "!version segment starts with 0"),
            ("SetMetadata", "a..b", "!invalid metadata string"),
            ("Compare", "1", "!wrong type for value; expected *semver.Version; got string"),
        ] {
            assert_eq!(call(&v, method, &[text.into()]), wanted, "{method} {text}");
        }
        // A plain struct has none of the methods of the pointer.
        let host = &mut Double::default();
        let plain = object(&v).call(host, "IncMinor", &[]).expect("method").expect("version");
        assert_eq!(call(&plain, "Original", &[]), "none");
        assert_eq!(call(&plain, "Compare", &[version("1")]), "none");
        assert_eq!(call(&plain, "Minor", &[]), "3");
    }

    #[test]
    fn orders_prereleases_as_masterminds_does() {
        let order = [
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
        ];
        for pair in order.windows(2) {
            let (low, high) = (version(pair[0]), version(pair[1]));
            assert_eq!(call(&low, "Compare", std::slice::from_ref(&high)), "-1", "{pair:?}");
            assert_eq!(call(&high, "Compare", &[low]), "1", "{pair:?}");
        }
    }

    #[test]
    fn refuses_versions_with_the_words_of_masterminds() {
        let (out_of_range, long) = ("99999999999999999999.1.2", "1".repeat(257));
        for (text, words) in [
            ("", "invalid semantic version"),
            ("1.2.3.4", "invalid semantic version"),
            ("latest", "invalid semantic version"),
            ("1.2.3-", "invalid semantic version"),
            ("1.2.3-a..b", "invalid semantic version"),
            ("1.2.3-01", "version segment starts with 0"),
            (
                out_of_range,
                "error parsing version segment: strconv.ParseUint: parsing \
                 \"99999999999999999999\": value out of range",
            ),
            (&long, "version string is too long (max 256 bytes)"),
        ] {
            assert_eq!(shown("semver", &[text.into()]), format!("!{words}"), "{text}");
        }
        assert_eq!(object(&version("1.02.3")).print(), "1.2.3");
        assert_eq!(shown("semverCompare", &["~1.2 >=1.2.5".into(), "v1.2.6".into()]), "true");
        let words = "!invalid semantic version";
        assert_eq!(shown("semverCompare", &["1".into(), "x".into()]), words);
    }
}
