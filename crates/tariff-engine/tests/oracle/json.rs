//! JSON read strictly: duplicate names are an error.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// A whole number that fits; `None` for every other number.
    Number(Option<i64>),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(crate) fn read(bytes: &[u8]) -> Option<Json> {
        serde_json::from_slice(&shortened(bytes)).ok()
    }
}

/// The same text with shorter numbers: the parser below refuses what is beyond its floats, which JSON does not. Twenty-five
/// digits stay more than any whole number that is read, and an exponent keeps one digit.
fn shortened(bytes: &[u8]) -> Vec<u8> {
    let (mut kept, mut quoted, mut escaped) = (Vec::new(), false, false);
    let (mut digits, mut exponent) = (0, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        if !quoted && byte.is_ascii_digit() {
            digits += 1;
            if digits > if exponent { 1 } else { 25 } {
                continue;
            }
        } else {
            exponent = matches!(byte, b'e' | b'E') && digits > 0 || exponent && matches!(byte, b'+' | b'-');
            digits = 0;
        }
        kept.push(*byte);
    }
    kept
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E>(self, b: bool) -> Result<Json, E> {
        Ok(Json::Bool(b))
    }
    fn visit_i64<E>(self, n: i64) -> Result<Json, E> {
        Ok(Json::Number(Some(n)))
    }
    fn visit_u64<E>(self, n: u64) -> Result<Json, E> {
        Ok(Json::Number(i64::try_from(n).ok()))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number(None))
    }
    fn visit_str<E>(self, s: &str) -> Result<Json, E> {
        Ok(Json::Text(s.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Json>()? {
            if members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("a name twice"));
            }
            members.push((name, value));
        }
        Ok(Json::Object(members))
    }
}
