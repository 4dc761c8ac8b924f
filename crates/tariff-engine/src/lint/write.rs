//! Findings as JSON.

use parking_types::Instant;

use super::{Finding, Shown};

impl Finding {
    /// One JSON object: `severity`, `code`, `path`, `message`, and where a stay shows it `stay` and `total`; what that is
    /// compared with stands in `compared`. A stay is one as [`Stay::from_json`](crate::Stay::from_json) reads it.
    pub fn to_json(&self) -> String {
        let mut out = Vec::with_capacity(256);
        text(&mut out, "{\"severity\":", self.severity.as_str());
        text(&mut out, ",\"code\":", self.code.as_str());
        text(&mut out, ",\"path\":", &self.path);
        text(&mut out, ",\"message\":", &self.message);
        if let Some((first, others)) = self.stays.split_first() {
            out.push(b',');
            first.write(&mut out);
            if !others.is_empty() {
                out.extend_from_slice(b",\"compared\":[");
                for (index, other) in others.iter().enumerate() {
                    out.extend_from_slice(if index == 0 { b"{" } else { b",{" });
                    other.write(&mut out);
                    out.push(b'}');
                }
                out.push(b']');
            }
        }
        out.push(b'}');
        String::from_utf8(out).unwrap_or_default()
    }
}

impl Shown {
    /// `"stay":{…},"total":"…"`
    fn write(&self, out: &mut Vec<u8>) {
        let stay = &self.stay;
        let local = |at: Instant| at.at_offset(self.zone.offset_secs(at)).to_string();
        text(out, "\"stay\":{\"id\":", stay.id.as_deref().unwrap_or("lint"));
        text(out, ",\"entry\":", &local(stay.entry));
        text(out, ",\"exit\":", &local(stay.exit));
        if let Some(vehicle) = &stay.vehicle {
            text(out, ",\"vehicle\":", vehicle.as_str());
        }
        if let Some(color) = &stay.plate_color {
            text(out, ",\"plate_color\":", color.as_str());
        }
        for (index, (date, used)) in stay.used.iter().enumerate() {
            text(out, if index == 0 { ",\"used\":{" } else { "," }, &date.to_string());
            out.extend_from_slice(format!(":{{\"stays\":{}", used.stays).as_bytes());
            text(out, ",\"free\":", &used.free.to_string());
            text(out, ",\"charged\":", &used.charged.to_string());
            out.push(b'}');
        }
        if !stay.used.is_empty() {
            out.push(b'}');
        }
        text(out, "},\"total\":", &self.total.in_currency(self.currency).to_string());
    }
}

fn text(out: &mut Vec<u8>, before: &str, text: &str) {
    out.extend_from_slice(before.as_bytes());
    parking_types::append_json_string(out, text);
}
