//! `base`, `dir`, `clean`, `ext`, `isAbs` and their `os` twins, which are the same on Unix (Go's `path`, `path/filepath`).

use crate::template::{Args, Fault, Function, Host, Value};

pub(super) const ALL: &[Function] = &[
    Function::fixed("base", 1, base),
    Function::fixed("clean", 1, clean),
    Function::fixed("dir", 1, dir),
    Function::fixed("ext", 1, ext),
    Function::fixed("isAbs", 1, is_abs),
    Function::fixed("osBase", 1, base),
    Function::fixed("osClean", 1, clean),
    Function::fixed("osDir", 1, dir),
    Function::fixed("osExt", 1, ext),
    Function::fixed("osIsAbs", 1, is_abs),
];

fn base(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let path = args.bytes(0)?;
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    let last = path[..end].rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let name: &[u8] = match (path.is_empty(), last.is_empty()) {
        (true, _) => b".",
        (false, true) => b"/",
        (false, false) => last,
    };
    Ok(Value::from_bytes(name.to_vec()))
}

fn clean(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    Ok(Value::from_bytes(cleaned(args.bytes(0)?)))
}

fn dir(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let path = args.bytes(0)?;
    let end = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    Ok(Value::from_bytes(cleaned(&path[..end])))
}

fn ext(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let path = args.bytes(0)?;
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let ending = name.iter().rposition(|byte| *byte == b'.').map_or(&[][..], |at| &name[at..]);
    Ok(Value::from_bytes(ending.to_vec()))
}

fn is_abs(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    Ok(Value::Bool(args.bytes(0)?.starts_with(b"/")))
}

/// The shortest path that means the same, by the letter alone.
fn cleaned(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(last) if *last != b".." => {
                    parts.pop();
                }
                // Nothing is above the root.
                _ if rooted => {}
                _ => parts.push(part),
            },
            _ => parts.push(part),
        }
    }
    let path = parts.join(&b'/');
    match (rooted, path.is_empty()) {
        (true, _) => [b"/", path.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => path,
    }
}

#[cfg(test)]
mod tests {
    use crate::sprig::double::{run, shown};
    use crate::template::Value;

    #[test]
    fn cuts_paths_as_go_does() {
        for (name, path, wanted) in [
            ("base", "", "."),
            ("base", "/", "/"),
            ("base", "//", "/"),
            ("base", "a/b/", "b"),
            ("dir", "", "."),
            ("dir", "/", "/"),
            ("dir", "a", "."),
            ("dir", "a/b/", "a/b"),
            ("dir", "/a", "/"),
            ("dir", "../x", ".."),
            ("clean", "", "."),
            ("clean", "a//b/../c/.", "a/c"),
            ("clean", "/../a", "/a"),
            ("clean", "../../a/..", "../.."),
            ("clean", "a/../../b", "../b"),
            ("clean", "./a", "a"),
            ("clean", "/.", "/"),
            ("clean", "//a", "/a"),
            ("clean", "a/..", "."),
            ("ext", "a/b.tar.gz", ".gz"),
            ("ext", "a.b/c", ""),
            ("ext", ".", "."),
            ("isAbs", "/a", "true"),
            ("isAbs", "a", "false"),
            ("isAbs", "", "false"),
        ] {
            assert_eq!(shown(name, &[path.into()]), wanted, "{name} {path}");
            let twin = format!("os{}{}", name[..1].to_uppercase(), &name[1..]);
            assert_eq!(shown(&twin, &[path.into()]), wanted, "{twin} {path}");
        }
        let bytes = Value::from_bytes(vec![0xff, b'.', b'a']);
        assert_eq!(run("ext", &[bytes]).expect("ending").as_text(), Some(".a"));
    }
}
