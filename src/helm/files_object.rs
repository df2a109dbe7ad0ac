//! `.Files`: what templates see of a chart's other files (Helm's `engine.files`).

use std::any::Any;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::helm::ChartFile;
use crate::helm::glob::Glob;
use crate::sprig;
use crate::template::{Fault, Host, Kind, Map, MapKind, Object, Value};

/// Steps that reading a pattern counts for, besides those for its length.
const GLOB_STEPS: u64 = 1000;

/// A chart's files, by their path below its folder.
#[derive(Debug)]
pub(super) struct Files(BTreeMap<Rc<str>, Arc<[u8]>>);

impl Files {
    /// The files of a chart. Of equal names the last one counts.
    pub(super) fn new(files: &[ChartFile]) -> Self {
        let entry = |file: &ChartFile| (Rc::clone(&file.name), Arc::clone(&file.bytes));
        Self(files.iter().map(entry).collect())
    }

    fn get(&self, name: &str) -> Value {
        self.0.get(name).map_or_else(|| Value::text(""), |bytes| content(bytes))
    }

    fn glob(&self, host: &mut dyn Host, pattern: &str) -> Result<Value, Fault> {
        host.spend(self.0.keys().map(|name| name.len() as u64 + 1).sum())?;
        host.spend(GLOB_STEPS + (pattern.len() as u64).saturating_mul(64))?;
        // Helm takes a pattern that is not sound for one that fits everything.
        let glob = Glob::files(pattern);
        let fits = |name: &str| glob.as_ref().is_none_or(|glob| glob.fits(name));
        let found = self.0.iter().filter(|(name, _)| fits(name));
        let found = found.map(|(name, bytes)| (Rc::clone(name), Arc::clone(bytes)));
        Ok(Value::Object(Rc::new(Self(found.collect()))))
    }

    fn lines(&self, host: &mut dyn Host, name: &str) -> Result<Value, Fault> {
        let Some(bytes) = self.0.get(name) else {
            return Ok(Value::texts(Vec::<String>::new()));
        };
        host.spend(bytes.len() as u64)?;
        if bytes.is_empty() {
            // Helm looks at the last byte without asking whether there is one.
            return Err(Fault::said("runtime error: index out of range [-1]"));
        }
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Ok(Value::texts(text.split('\n').map(str::to_owned)))
    }

    /// A YAML map from each file's name without its folders to its content.
    fn map(&self, host: &mut dyn Host, content: fn(&[u8]) -> Value) -> Result<Value, Fault> {
        let sizes = self.0.values().map(|bytes| bytes.len() as u64);
        host.spend(sizes.sum::<u64>().saturating_mul(2))?;
        let entries = self.0.iter().map(|(path, bytes)| {
            let name = path.rsplit('/').next().unwrap_or_default();
            (Rc::from(name), content(bytes))
        });
        let map = Value::Map(Rc::new(Map::of(MapKind::Texts, entries)));
        let text = sprig::write_yaml(&map).unwrap_or_default();
        Ok(Value::text(text.strip_suffix('\n').unwrap_or(&text)))
    }
}

fn content(bytes: &[u8]) -> Value {
    Value::from_bytes(bytes.to_vec())
}

/// The one text that a method takes.
fn name<'a>(method: &str, args: &'a [Value]) -> Result<std::borrow::Cow<'a, str>, Fault> {
    match args {
        [Value::Text(text)] => Ok(std::borrow::Cow::Borrowed(text)),
        [Value::Bytes(bytes)] => Ok(String::from_utf8_lossy(bytes)),
        [other] => Err(Fault::said(format!(
            "wrong type for value; expected string; got {}",
            other.type_name()
        ))),
        _ => Err(Fault::count(method, 1, args.len())),
    }
}

impl Object for Files {
    fn type_name(&self) -> &'static str {
        "engine.files"
    }

    fn kind(&self) -> Kind {
        Kind::Map
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.0.get(name).map(|bytes| content(bytes))
    }

    fn call(
        &self,
        host: &mut dyn Host,
        method: &str,
        args: &[Value],
    ) -> Option<Result<Value, Fault>> {
        Some(match method {
            "Get" | "GetBytes" => name(method, args).map(|name| self.get(&name)),
            "Glob" => name(method, args).and_then(|pattern| self.glob(host, &pattern)),
            "Lines" => name(method, args).and_then(|name| self.lines(host, &name)),
            "AsConfig" | "AsSecrets" if !args.is_empty() => {
                Err(Fault::count(method, 0, args.len()))
            }
            "AsConfig" => self.map(host, content),
            "AsSecrets" => self.map(host, |bytes| Value::text(STANDARD.encode(bytes))),
            _ => return None,
        })
    }

    fn print(&self) -> String {
        let file = |(name, bytes): (&Rc<str>, &Arc<[u8]>)| {
            let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
            format!("{name}:[{}]", numbers.join(" "))
        };
        format!("map[{}]", self.0.iter().map(file).collect::<Vec<_>>().join(" "))
    }

    fn truth(&self) -> bool {
        !self.0.is_empty()
    }

    fn entries(&self) -> Option<Vec<(Value, Value)>> {
        let entry =
            |(name, bytes): (&Rc<str>, &Arc<[u8]>)| (Value::Text(Rc::clone(name)), content(bytes));
        Some(self.0.iter().map(entry).collect())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
