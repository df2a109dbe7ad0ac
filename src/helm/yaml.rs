//! The one place where charts meet the YAML reader.

use crate::template::Value;

/// Reads YAML as Helm does.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! { strict_booleans: false };
    let json: serde_json::Value =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())?;
    Ok(value_of(&json))
}

/// Reads JSON as Go does.
pub(super) fn read_json(text: &str) -> Result<Value, String> {
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(value_of(&json))
}

fn value_of(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => Value::Float(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => Value::text(text.as_str()),
        serde_json::Value::Array(items) => Value::list(items.iter().map(value_of).collect()),
        serde_json::Value::Object(map) => {
            Value::map(map.iter().map(|(key, value)| (key.as_str(), value_of(value))))
        }
    }
}
