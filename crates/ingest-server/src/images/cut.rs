//! Photos cut out of payloads where they stand, and put back.

use std::ops::Range;

use device_codec::{Context, ImageCut, Protocol, decode};
use memchr::memmem;

use super::Hash;

/// A payload without its photos.
#[derive(Debug, Default)]
pub struct Cut<'p> {
    /// What goes into the log; empty with `photos`: the payload stays as it is.
    pub payload: Vec<u8>,
    /// What was cut out, in the order in which it stood.
    pub photos: Vec<Photo<'p>>,
}

/// A photo as it stood in a payload: a picture's bytes, or base64 of them.
#[derive(Clone, Copy, Debug)]
pub struct Photo<'p> {
    /// Where it began.
    pub offset: u64,
    /// Its bytes.
    pub bytes: &'p [u8],
}

/// A photo in a frame's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageRef {
    /// What it is found by.
    pub hash: Hash,
    /// Where it began in the payload as it was received.
    pub offset: u64,
    /// How long it was.
    pub bytes: u64,
}

/// How pictures begin: JPEG and PNG.
const PICTURES: [&[u8]; 2] = [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"];
/// The same in base64, where a slash may be written `\/` or, for addresses, `_`.
const TEXTS: [&[u8]; 4] = [b"/9j/", b"\\/9j\\/", b"_9j_", b"iVBORw0KGgo"];
/// What is shorter is no photo, or not worth a file.
const SHORTEST: usize = 512;

/// Cuts the photos out of a frame's payload. One that the decoder would read otherwise without them stays whole.
pub fn cut<'p>(protocol: Protocol, payload: &'p [u8], context: &Context<'_>) -> Cut<'p> {
    if payload.len() < SHORTEST {
        return Cut::default();
    }
    let ranges = photos(payload, context.content_type);
    let photos: Vec<Photo<'p>> = ranges
        .iter()
        .filter_map(|range| Some(Photo { offset: range.start as u64, bytes: payload.get(range.clone())? }))
        .collect();
    if photos.is_empty() {
        return Cut::default();
    }
    let cuts: Vec<ImageCut> = photos
        .iter()
        .map(|photo| ImageCut { offset: photo.offset, bytes: photo.bytes.len() as u64 })
        .collect();
    let mut rest = Vec::with_capacity(payload.len());
    let mut at = 0;
    for range in &ranges {
        rest.extend_from_slice(payload.get(at..range.start).unwrap_or_default());
        at = range.end;
    }
    rest.extend_from_slice(payload.get(at..).unwrap_or_default());
    let without = Context { images: &cuts, ..*context };
    if said(protocol, payload, context) == said(protocol, &rest, &without) {
        Cut { payload: rest, photos }
    } else {
        Cut::default()
    }
}

/// A payload as it was received.
pub fn put_back<'b>(payload: &[u8], photos: impl IntoIterator<Item = (u64, &'b [u8])>) -> Vec<u8> {
    let mut whole = Vec::new();
    let mut rest = payload;
    for (offset, photo) in photos {
        let before = usize::try_from(offset).unwrap_or(usize::MAX).saturating_sub(whole.len());
        let (head, tail) = rest.split_at_checked(before).unwrap_or((rest, &[]));
        whole.extend_from_slice(head);
        whole.extend_from_slice(photo);
        rest = tail;
    }
    whole.extend_from_slice(rest);
    whole
}

/// What a decoder makes of a payload; nothing of one that it refuses.
fn said(protocol: Protocol, payload: &[u8], context: &Context<'_>) -> Option<String> {
    let mut said = String::new();
    let read = decode(protocol, payload, context, &mut |reading| said.push_str(&format!("{reading:?}\n")));
    read.ok().map(|_| said)
}

/// Where photos stand, in order.
fn photos(payload: &[u8], content_type: Option<&str>) -> Vec<Range<usize>> {
    let part_end = content_type.and_then(boundary).map(|boundary| format!("\r\n--{boundary}").into_bytes());
    let mut found = Vec::new();
    let mut from = 0;
    while let Some((start, text)) = next(payload, from) {
        let rest = payload.get(start..).unwrap_or_default();
        let len = if text { text_len(rest) } else { picture_len(rest, part_end.as_deref()) };
        if len >= SHORTEST {
            found.push(start..start + len);
        }
        from = start + len.max(1);
    }
    found
}

/// The next place where a picture may begin, and whether it is base64.
fn next(payload: &[u8], from: usize) -> Option<(usize, bool)> {
    let rest = payload.get(from..)?;
    let starts = |marks: &'static [&'static [u8]], text: bool| {
        let fits = move |at: &usize| {
            let before = (from + at).checked_sub(1).and_then(|at| payload.get(at));
            // Within other base64 the letters of a beginning mean nothing.
            !text || before.is_none_or(|byte| !is_text(*byte))
        };
        let first = move |mark: &&'static [u8]| memmem::find_iter(rest, mark).find(fits);
        marks.iter().filter_map(first).min().map(|at| (from + at, text))
    };
    starts(&PICTURES, false).into_iter().chain(starts(&TEXTS, true)).min()
}

const fn is_text(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'.' | b'\\')
}

/// How far base64 goes, over the ends of its lines too.
fn text_len(rest: &[u8]) -> usize {
    let mut end = 0;
    loop {
        end += rest.iter().skip(end).take_while(|byte| is_text(**byte)).count();
        let blank = rest.iter().skip(end).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        // What begins with a dash is the boundary of a part.
        if blank == 0 || rest.get(end + blank).is_none_or(|byte| !is_text(*byte) || *byte == b'-') {
            return end;
        }
        end += blank;
    }
}

/// How far a picture goes: to the end of its part, to the next picture, or to the end.
fn picture_len(rest: &[u8], part_end: Option<&[u8]>) -> usize {
    if let Some(end) = part_end.and_then(|end| memmem::find(rest, end)) {
        return end;
    }
    let next = memmem::find(rest, b"\xff\xd9\xff\xd8\xff").map(|at| at + 2);
    next.unwrap_or(rest.len())
}

/// The boundary of a multipart body.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let (_, rest) = content_type.split_once("boundary=")?;
    let boundary =
        rest.strip_prefix('"').map_or_else(|| rest.split(';').next(), |rest| rest.split('"').next());
    boundary.map(str::trim).filter(|boundary| !boundary.is_empty())
}

/// A picture's own bytes, where what was cut out is base64 of them.
pub fn picture(stored: &[u8]) -> Option<Vec<u8>> {
    if !TEXTS.iter().any(|mark| stored.starts_with(mark)) {
        return None;
    }
    let mut bytes = Vec::with_capacity(stored.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in stored {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => continue,
        };
        (bits, count) = ((bits << 6) | u32::from(value), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

/// The media type of a picture.
pub fn media(picture: &[u8]) -> &'static str {
    let known = PICTURES.iter().position(|mark| picture.starts_with(mark));
    known.and_then(|at| ["image/jpeg", "image/png"].get(at).copied()).unwrap_or("application/octet-stream")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn jpeg(len: usize) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0];
        bytes.extend((0..len).map(|n| (n * 37 % 251) as u8));
        bytes.extend([0xff, 0xd9]);
        bytes
    }

    pub(super) fn base64(bytes: &[u8]) -> String {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let letter = |value: u32| char::from(alphabet[(value & 63) as usize]);
        let group = |chunk: &[u8]| {
            let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            let mut text: String = [18, 12, 6, 0].map(|shift| letter(bits >> shift)).iter().collect();
            text.truncate(chunk.len() + 1);
            text + &"=".repeat(3 - chunk.len())
        };
        bytes.chunks(3).map(group).collect()
    }

    fn whole(cut: &Cut<'_>) -> Vec<u8> {
        put_back(&cut.payload, cut.photos.iter().map(|photo| (photo.offset, photo.bytes)))
    }

    fn push(image: &str, clip: &str) -> Vec<u8> {
        let plate = json!({"license": "粤B7K35Q", "colorType": 1, "type": 1, "confidence": 97, "plateid": 7,
            "imageFile": image, "imageFragmentFile": clip, "isoffline": 0});
        json!({"AlarmInfoPlate": {"serialno": "aaaaaaaa-11111111", "result": {"PlateResult": plate}}})
            .to_string()
            .into_bytes()
    }

    #[test]
    fn base64_in_json_is_cut_and_put_back() {
        let (image, clip) = (base64(&jpeg(4000)), base64(&jpeg(900)));
        for escaped in [false, true] {
            let write = |text: &str| if escaped { text.replace('/', "\\/") } else { text.to_owned() };
            let text = String::from_utf8(push("@1", "@2")).unwrap();
            let payload = text.replace("@1", &write(&image)).replace("@2", &write(&clip)).into_bytes();
            let cut = cut(Protocol::VzHttp, &payload, &Context::default());
            assert_eq!(cut.photos.len(), 2, "{escaped}");
            assert_eq!(cut.payload, push("", ""));
            assert_eq!(whole(&cut), payload);
            let pictures: Vec<_> = cut.photos.iter().filter_map(|photo| picture(photo.bytes)).collect();
            assert!(pictures.contains(&jpeg(4000)) && pictures.contains(&jpeg(900)));
        }
    }

    #[test]
    fn parts_of_a_body_are_cut() {
        let mut payload = b"--B\r\nContent-Disposition: form-data; name=\"anpr.xml\"\r\n\r\n<EventNotificationAlert>\
            <ANPR><licensePlate>A12345</licensePlate></ANPR></EventNotificationAlert>\r\n--B\r\n\
            Content-Disposition: form-data; name=\"detectionPicture.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n"
            .to_vec();
        payload.extend(jpeg(5000));
        payload.extend(b"\r\n--B--\r\n");
        let context = Context { content_type: Some("multipart/form-data; boundary=B"), ..Context::default() };
        let cut = cut(Protocol::HikvisionIsapi, &payload, &context);
        assert_eq!(cut.photos.len(), 1);
        assert_eq!(cut.photos[0].bytes, jpeg(5000));
        assert!(cut.payload.len() < 400);
        assert_eq!(whole(&cut), payload);
    }

    #[test]
    fn what_holds_no_photo_stays() {
        let small = push(&base64(&jpeg(50)), "");
        let text = push(&"A".repeat(5000), "");
        let within = push(&format!("AAAA/9j/{}", "A".repeat(5000)), "");
        for payload in [&small, &text, &within] {
            assert!(cut(Protocol::VzHttp, payload, &Context::default()).photos.is_empty());
        }
    }

    #[test]
    fn lines_of_base64_end_at_the_boundary() {
        let text = b"/9j/AAAA\r\nBBBB==\r\n--next";
        assert_eq!(text_len(text), 16);
        assert_eq!(text_len(b"/9j/AAAA\r\n"), 8);
        assert_eq!(boundary("multipart/mixed; boundary=\"a b\"; x=1"), Some("a b"));
        assert_eq!(boundary("multipart/mixed; boundary=ab; x=1"), Some("ab"));
        assert_eq!(boundary("text/plain"), None);
    }
}
