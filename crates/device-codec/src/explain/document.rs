//! Text protocols for people: JSON, XML, multipart, forms and lines, by the looks of the bytes and not by what the
//! decoder makes of them, so that a document that it refuses is printed all the same.

use super::{Field, shown};
use crate::context::Context;
use crate::json::{Json, explain as json};
use crate::protocol::{Form, Multipart};
use crate::xml::{Event, Xml, XmlText};

/// Collects the fields of a document that begins at `base` in the payload.
pub(super) struct Document<'f> {
    fields: &'f mut Vec<Field>,
    base: usize,
}

impl<'f> Document<'f> {
    pub(super) fn new(fields: &'f mut Vec<Field>, base: usize) -> Self {
        Self { fields, base }
    }

    /// A whole payload or body; `false` where it breaks.
    pub(super) fn read<'a>(&mut self, bytes: &'a [u8], context: &Context<'a>, forms: bool) -> bool {
        let first = bytes.trim_ascii_start().first().copied();
        match first {
            Some(b'{' | b'[' | b'"') => self.json(Json::new(bytes)),
            Some(b'<') => self.xml(bytes),
            _ if bytes.starts_with(b"\xef\xbb\xbf<") => self.xml(bytes),
            _ if bytes.starts_with(b"\xef\xbb\xbf") => self.json(Json::new(bytes)),
            _ => match Multipart::of(bytes, context.content_type) {
                Some(parts) => self.parts(parts, context),
                None if forms => match Form::of(bytes, context) {
                    Some(form) => self.form(form),
                    None => self.json(Json::new(bytes)),
                },
                None => self.lines(bytes),
            },
        }
    }

    /// A JSON document, each value with its path.
    pub(super) fn json(&mut self, mut document: Json<'_>) -> bool {
        let from = self.fields.len();
        let whole = json::values(&mut document, self.fields).is_ok();
        for field in self.fields.iter_mut().skip(from) {
            field.offset += self.base;
            hide(field);
        }
        whole
    }

    /// An XML document, each element without elements inside with its path.
    fn xml(&mut self, bytes: &[u8]) -> bool {
        let mut xml = Xml::new(bytes);
        let mut path: Vec<String> = Vec::new();
        loop {
            match xml.next() {
                Ok(Some(Event::Open(name))) => path.push(String::from_utf8_lossy(name).into_owned()),
                Ok(Some(Event::Close)) => drop(path.pop()),
                Ok(Some(Event::Leaf(name, text))) => {
                    path.push(String::from_utf8_lossy(name).into_owned());
                    self.leaf(path.join("."), text, xml.at());
                    path.pop();
                }
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    /// An element from its text to its end.
    fn leaf(&mut self, name: String, text: XmlText<'_>, end: usize) {
        let offset = text.at();
        let len = end - offset;
        match text.decode() {
            Ok(text) => self.push(offset, len, name, text.as_str().to_owned()),
            Err(_) => self.push(offset, len, name, shown(text.raw())),
        }
    }

    fn parts<'a>(&mut self, parts: Multipart<'a>, context: &Context<'a>) -> bool {
        let base = self.base;
        let mut whole = true;
        let ended = parts.each(|part| {
            let name = String::from_utf8_lossy(part.name()).into_owned();
            let body = part.body.trim_ascii_start();
            if part.is_photo() {
                // The photos of a stream have no name.
                let name = if name.is_empty() { "photo".to_owned() } else { name };
                self.push(part.at, part.body.len(), name, format!("photo, {} bytes", part.body.len()));
            } else if matches!(body.first(), Some(b'{' | b'[' | b'<')) {
                self.base = base + part.at;
                whole &= self.read(part.body, context, false);
                self.base = base;
            } else if name.is_empty() {
                self.base = base + part.at;
                whole &= self.lines(part.body);
                self.base = base;
            } else {
                self.push(part.at, part.body.len(), name, shown(part.body.trim_ascii()));
            }
            Ok(())
        });
        whole && ended.is_ok()
    }

    fn form(&mut self, form: Form<'_>) -> bool {
        let ended = form.each(|field| {
            let value = field.text().map_or_else(|_| shown(field.value), |text| text.as_str().to_owned());
            let name = String::from_utf8_lossy(field.name).into_owned();
            self.push(field.at, field.value.len(), name, value);
            Ok(())
        });
        ended.is_ok()
    }

    /// `name=value` a line, or whatever else.
    fn lines(&mut self, bytes: &[u8]) -> bool {
        let mut offset = 0;
        for (index, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
            let text = line.trim_ascii();
            let lead = line.len() - line.trim_ascii_start().len();
            let equals = text.iter().position(|b| *b == b'=').filter(|at| {
                text.get(..*at).is_some_and(|name| {
                    !name.is_empty() && name.iter().all(|b| b.is_ascii_graphic() && !b"{};".contains(b))
                })
            });
            if let Some(equals) = equals {
                let (name, value) = text.split_at(equals);
                let name = String::from_utf8_lossy(name).into_owned();
                self.push(offset + lead, text.len(), name, shown(value.get(1..).unwrap_or_default()));
            } else if !text.is_empty() {
                self.push(offset + lead, text.len(), format!("line {}", index + 1), shown(text));
            }
            offset += line.len();
        }
        true
    }

    fn push(&mut self, offset: usize, len: usize, name: String, value: String) {
        let mut field =
            Field { offset: self.base + offset, len, name: name.into(), value, meaning: String::new() };
        hide(&mut field);
        self.fields.push(field);
    }
}

/// What a camera sends of its own users does not go to a screen.
fn hide(field: &mut Field) {
    const SECRET: [&str; 7] = ["user", "username", "account", "pass", "passwd", "pwd", "password"];
    let name = field.name.rsplit('.').next().unwrap_or_default();
    // `user_name` and `pass_wd` are Vzenith's spelling.
    let bare: String = name.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    if SECRET.iter().any(|secret| bare.eq_ignore_ascii_case(secret)) {
        field.value = "…".to_owned();
        field.meaning = "not shown".to_owned();
    }
}

/// Gives the names and marks around values to their fields, so that each byte of a document has one; what follows the
/// last value belongs to it where the document is whole.
pub(super) fn cover(bytes: &[u8], base: usize, whole: bool, fields: &mut [Field]) {
    fields.sort_by_key(|field| field.offset);
    let mut end = base;
    for field in fields.iter_mut() {
        let Some(skipped) = field.offset.checked_sub(end) else { continue };
        let lead = bytes.get(end - base..end - base + skipped).map_or(0, |between| {
            between.iter().take_while(|b| b.is_ascii_whitespace() || **b == b',').count()
        });
        field.len += skipped - lead;
        field.offset -= skipped - lead;
        end = field.offset + field.len;
    }
    let rest = bytes.get(end.saturating_sub(base)..).unwrap_or_default().trim_ascii_end().len();
    if let (true, Some(last)) = (whole, fields.last_mut()) {
        last.len += rest;
    }
}
