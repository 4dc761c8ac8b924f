//! JSON documents for people: each value with its path and offset, up to where the document breaks.

use super::{Json, Kind, Scalar};
use crate::{error::DecodeError, explain::Field};

/// The path of the value at this byte of a JSON document (`by.name`, `images[0].kind`), or of the first one after it:
/// what the offset of an error points at. `None` where the document cannot be read that far.
///
/// ```
/// assert_eq!(device_codec::json_path(br#"{"a":[{"b":1}]}"#, 11).as_deref(), Some("a[0].b"));
/// ```
pub fn path(payload: &[u8], offset: usize) -> Option<String> {
    let mut values = Vec::new();
    fields(payload, &mut values);
    values.into_iter().find(|value| value.offset >= offset).map(|value| value.name.into_owned())
}

/// Adds a field for each value without parts.
fn fields(payload: &[u8], fields: &mut Vec<Field>) {
    // Where it breaks is told by the decoder, which reads the same bytes.
    let _ = values(&mut Json::new(payload), fields);
}

/// The values of a document, up to where it breaks.
pub(crate) fn values(json: &mut Json<'_>, fields: &mut Vec<Field>) -> Result<(), DecodeError> {
    value(json, &mut String::new(), fields)?;
    json.finish()
}

fn value(json: &mut Json<'_>, path: &mut String, fields: &mut Vec<Field>) -> Result<(), DecodeError> {
    match json.peek()? {
        Kind::Object => json.object(|json, key| {
            let len = path.len();
            if len > 0 {
                path.push('.');
            }
            path.push_str(&String::from_utf8_lossy(key));
            let outcome = value(json, path, fields);
            path.truncate(len);
            outcome
        }),
        Kind::Array => json.array(|json, index| {
            let len = path.len();
            path.push_str(&format!("[{index}]"));
            let outcome = value(json, path, fields);
            path.truncate(len);
            outcome
        }),
        Kind::String | Kind::Number | Kind::Bool | Kind::Null => {
            let offset = json.at();
            let value = json.scalar()?;
            let name = if path.is_empty() { "value".into() } else { path.clone().into() };
            let (value, meaning) = shown(value);
            fields.push(Field { offset, len: json.at() - offset, name, value, meaning });
            Ok(())
        }
    }
}

/// A value as people read it; long texts are cut, and one that is no text in the charset says so.
fn shown(value: Scalar<'_>) -> (String, String) {
    const LONGEST: usize = 64;
    let text = match value {
        Scalar::Text(text) => text,
        Scalar::Number(number) => return (String::from_utf8_lossy(number.raw()).into_owned(), String::new()),
        Scalar::Bool(truth) => return (truth.to_string(), String::new()),
        Scalar::Null | Scalar::Nested => return ("null".into(), String::new()),
    };
    if text.raw().len() > LONGEST {
        let head = text.raw().get(..LONGEST).unwrap_or_default();
        return (format!("{}…", String::from_utf8_lossy(head)), format!("{} bytes", text.raw().len()));
    }
    match text.decode() {
        Ok(plain) => (plain.as_str().to_owned(), String::new()),
        Err(_) => (String::from_utf8_lossy(text.raw()).into_owned(), "no text in its charset".into()),
    }
}
