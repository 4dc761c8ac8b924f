//! The members of one object, for records whose parts are read elsewhere.

use super::Json;
use crate::error::DecodeError;

/// Shows `each` member of a JSON object: its name, the text of its value, and where that text begins. Nothing may
/// follow the object; every value's grammar is checked, none is decoded.
///
/// ```
/// let mut seen = Vec::new();
/// device_codec::json_members(r#"{ "port": 7, "payload": { "a": [1] } }"#, |name, value, at| {
///     seen.push(format!("{name}@{at}={value}"));
///     true
/// })?;
/// assert_eq!(seen, ["port@10=7", r#"payload@24={ "a": [1] }"#]);
/// # Ok::<(), device_codec::DecodeError>(())
/// ```
///
/// # Errors
/// Where the text is no such object, or at the value for which `each` says `false`.
pub fn members<'a>(
    text: &'a str,
    mut each: impl FnMut(&str, &'a str, usize) -> bool,
) -> Result<(), DecodeError> {
    let mut json = Json::new(text.as_bytes());
    json.object(|json, name| {
        let from = json.at();
        json.skip()?;
        let value = text.get(from..json.at()).unwrap_or_default();
        let name = core::str::from_utf8(name).unwrap_or_default();
        if each(name, value, from) {
            Ok(())
        } else {
            Err(DecodeError::new(crate::error::ErrorCode::Value, from, ""))
        }
    })?;
    json.finish()
}
