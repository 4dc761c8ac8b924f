//! A JSON document's values, each with its path and place, as far as the document can be read.

use super::{Json, Kind, Scalar};
use crate::error::DecodeError;
use crate::explain::Field;

/// The longest value printed whole, in bytes; photos in base64 are longer.
const SHOWN: usize = 96;

/// Adds each value of `payload` to `fields`.
pub(crate) fn fields(payload: &[u8], fields: &mut Vec<Field>) {
    let mut json = Json::new(payload);
    // The decoder's own error stands beside these fields; where it broke, the values end.
    let _ = value(&mut json, payload, &mut String::new(), fields);
}

fn value(
    json: &mut Json<'_>,
    payload: &[u8],
    path: &mut String,
    fields: &mut Vec<Field>,
) -> Result<(), DecodeError> {
    let depth = path.len();
    match json.peek()? {
        Kind::Object => json.object(|json, key| {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&String::from_utf8_lossy(key));
            let read = value(json, payload, path, fields);
            path.truncate(depth);
            read
        }),
        Kind::Array => json.array(|json, index| {
            path.push_str(&format!("[{index}]"));
            let read = value(json, payload, path, fields);
            path.truncate(depth);
            read
        }),
        Kind::String | Kind::Number | Kind::Bool | Kind::Null => {
            let offset = json.at();
            let shown = shown(json.scalar()?);
            let len = json.at().saturating_sub(offset);
            fields.push(Field {
                offset,
                len,
                name: path.clone().into(),
                value: shown,
                meaning: String::new(),
            });
            Ok(())
        }
    }
}

fn shown(value: Scalar<'_>) -> String {
    match value {
        Scalar::Text(text) => {
            let raw = text.raw();
            let head = raw.get(..SHOWN).unwrap_or(raw);
            let more = if raw.len() > SHOWN { format!("… ({} bytes)", raw.len()) } else { String::new() };
            format!("{}{more}", String::from_utf8_lossy(head))
        }
        Scalar::Number(number) => String::from_utf8_lossy(number.raw()).into_owned(),
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Null => "null".to_owned(),
        Scalar::Nested => String::new(),
    }
}
