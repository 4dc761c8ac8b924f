//! Where photos stand in a frame: listeners cut them out and store them apart.

use crate::context::Context;
use crate::error::DecodeError;
use crate::json::{Json, Kind, Scalar};
use crate::protocol::{Multipart, Protocol, vz_block_photos};

/// The shortest base64 that is taken for a photo, in bytes: a marker or a name is shorter.
const SHORTEST: usize = 64;

/// How a photo is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhotoForm {
    /// As it is.
    Binary,
    /// As base64.
    Base64,
}

/// A photo in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Photo {
    /// Where it begins, in bytes from the start of the payload.
    pub offset: usize,
    /// How many bytes it has there.
    pub len: usize,
    /// How it is written.
    pub form: PhotoForm,
}

/// Finds the photos of a frame, in the order of their offsets: strings of a JSON document that begin as a JPEG or PNG does in
/// base64, parts of a multipart body, what follows the text of a Vzenith TCP frame.
///
/// A frame that cannot be read gives the photos before the place where it breaks.
///
/// ```
/// use device_codec::{Context, PhotoForm, Protocol, photos};
/// let image = format!("/9j/{}", "A".repeat(100));
/// let frame = format!(r#"{{"AlarmInfoPlate":{{"imageFile":"{image}"}}}}"#);
/// let found = photos(Protocol::VzHttp, frame.as_bytes(), &Context::default());
/// assert_eq!((found[0].offset, found[0].len, found[0].form), (32, 104, PhotoForm::Base64));
/// ```
pub fn photos(protocol: Protocol, payload: &[u8], context: &Context<'_>) -> Vec<Photo> {
    let mut found = Vec::new();
    // Where a document breaks is the decoder's to tell.
    let _ = match (protocol, payload.trim_ascii_start().first()) {
        (Protocol::VzTcp, Some(b'V')) => {
            match payload.get(2) {
                Some(0) => behind_text(payload, &mut found),
                _ => vz_block_photos(payload, |offset, len| {
                    found.push(Photo { offset, len, form: PhotoForm::Binary });
                }),
            }
            Ok(())
        }
        (_, Some(b'{' | b'[')) => json(&mut Json::new(payload), 0, &mut found),
        _ => parts(payload, context, &mut found),
    };
    found
}

/// The body of a TCP frame behind its NUL: both photos in one piece.
fn behind_text(payload: &[u8], found: &mut Vec<Photo>) {
    let nul = payload.iter().skip(8).position(|b| *b == 0).map(|at| at + 9);
    if let Some(offset) = nul.filter(|at| *at < payload.len()) {
        found.push(Photo { offset, len: payload.len() - offset, form: PhotoForm::Binary });
    }
}

fn json(json: &mut Json<'_>, base: usize, found: &mut Vec<Photo>) -> Result<(), DecodeError> {
    match json.peek()? {
        Kind::Object => json.object(|inner, _| self::json(inner, base, found)),
        Kind::Array => json.array(|inner, _| self::json(inner, base, found)),
        _ => {
            if let Scalar::Text(text) = json.scalar()?
                && text.raw().len() >= SHORTEST
                && is_photo(text.raw())
            {
                found.push(Photo {
                    offset: base + text.at(),
                    len: text.raw().len(),
                    form: PhotoForm::Base64,
                });
            }
            Ok(())
        }
    }
}

/// The first bytes of a JPEG or PNG in base64, also with escaped slashes or in a data URL.
fn is_photo(text: &[u8]) -> bool {
    const STARTS: [&[u8]; 4] = [b"/9j/", b"\\/9j\\/", b"iVBORw0KGgo", b"data:image"];
    STARTS.iter().any(|start| text.starts_with(start))
}

fn parts(payload: &[u8], context: &Context<'_>, found: &mut Vec<Photo>) -> Result<(), DecodeError> {
    let Some(body) = Multipart::of(payload, context.content_type) else { return Ok(()) };
    body.each(|part| {
        if part.is_photo() && !part.body.is_empty() {
            found.push(Photo { offset: part.at, len: part.body.len(), form: PhotoForm::Binary });
        } else if let Some(b'{' | b'[') = part.body.trim_ascii_start().first() {
            json(&mut Json::new(part.body), part.at, found)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(protocol: Protocol, payload: &[u8]) -> Vec<Vec<u8>> {
        let found = photos(protocol, payload, &Context::default());
        found.iter().map(|photo| payload[photo.offset..photo.offset + photo.len].to_vec()).collect()
    }

    #[test]
    fn parts_strings_and_tails() {
        let body = b"--b\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8abc\r\n--b\r\n\r\n<a/>\r\n--b--";
        assert_eq!(cut(Protocol::HikvisionIsapi, body), [b"\xff\xd8abc".to_vec()]);
        assert_eq!(cut(Protocol::VzTcp, b"VZ\0\0\0\0\0\x07{}\0\xff\xd8\0\xff"), [b"\xff\xd8\0\xff".to_vec()]);
        assert!(cut(Protocol::VzTcp, b"VZ\0\0\0\0\0\x03{}\0").is_empty());
        let short = br#"{"image":"/9j/AAAA","name":"iVBORw0KGgo"}"#;
        assert!(cut(Protocol::Gat1400, short).is_empty());
    }

    #[test]
    fn photos_before_a_break_are_found() {
        let image = format!("iVBORw0KGgo{}", "A".repeat(64));
        let broken = format!(r#"[{{"Data":"{image}"}},"#);
        assert_eq!(cut(Protocol::Gat1400, broken.as_bytes()), [image.into_bytes()]);
    }
}
