//! Readings as JSON.

use std::io::Write as _;

use parking_types::PlateReading;

use super::{DeviceTime, Fact, Reading, Value};
use crate::milli::Milli;
use crate::text::Hex;

/// Writes one object, member by member.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Object<'o> {
    fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    fn key(&mut self, name: &str) {
        if !core::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        string(self.out, name);
        self.out.push(b':');
    }

    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.key(name);
            string(self.out, value);
        }
    }

    fn bool(&mut self, name: &str, value: Option<bool>) {
        if let Some(value) = value {
            self.key(name);
            self.out.extend_from_slice(if value { b"true" } else { b"false" });
        }
    }

    fn int(&mut self, name: &str, value: Option<impl Into<i128>>) {
        if let Some(value) = value {
            self.key(name);
            self.out.extend_from_slice(itoa::Buffer::new().format(value.into()).as_bytes());
        }
    }

    fn milli(&mut self, name: &str, value: Option<Milli>) {
        if let Some(value) = value {
            self.key(name);
            milli(self.out, value);
        }
    }

    fn axes(&mut self, name: &str, value: Option<[i32; 3]>) {
        if let Some(value) = value {
            self.key(name);
            axes(self.out, value);
        }
    }

    fn rect(&mut self, name: &str, [left, top, right, bottom]: [i32; 4]) {
        self.key(name);
        // Writing into a vector cannot fail.
        let _ = write!(self.out, "[{left},{top},{right},{bottom}]");
    }

    fn close(self) {
        self.out.push(b'}');
    }
}

pub(super) fn reading(reading: &Reading<'_>, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.text("kind", Some(reading.kind.as_str()));
    object.bool("occupied", reading.occupied);
    vehicle(reading, &mut object);
    object.text("device", reading.device().as_deref());
    if let Some(time) = reading.device_time {
        object.key("device_time");
        device_time(object.out, time);
    }
    object.int("sequence", reading.sequence);
    object.text("record", reading.record().as_deref());
    object.text("ticket", reading.ticket().as_deref());
    object.text("tag", reading.tag().as_deref());
    object.bool("loop", reading.on_loop);
    condition(reading, &mut object);
    object.text("gate_state", reading.gate_state.map(|state| state.as_str()));
    object.bool("at_limit", reading.at_limit);
    object.bool("offline_upload", reading.offline_upload);
    object.bool("recalibrated", reading.recalibrated);
    object.int("berth_no", reading.berth_no);
    more(reading, &mut object);
    object.close();
}

fn vehicle(reading: &Reading<'_>, object: &mut Object<'_>) {
    match reading.plate {
        Some(PlateReading::Plate(plate)) => object.text("plate", Some(plate.as_str())),
        // Known to be none, which is not the same as not known.
        Some(PlateReading::Unplated) => {
            object.key("plate");
            object.out.extend_from_slice(b"null");
        }
        None => {}
    }
    object.text("plate_color", reading.plate_color.map(|color| color.as_str()));
    object.milli("plate_confidence", reading.plate_confidence);
    object.text("vehicle", reading.vehicle.map(|class| class.as_str()));
    object.text("vehicle_text", reading.vehicle_text().as_deref());
    object.text("direction", reading.direction.map(|direction| direction.as_str()));
}

fn condition(reading: &Reading<'_>, object: &mut Object<'_>) {
    object.milli("battery_v", reading.battery_v);
    object.milli("battery_pct", reading.battery_pct);
    object.bool("battery_low", reading.battery_low);
    object.milli("temperature_c", reading.temperature_c);
    object.milli("rssi_dbm", reading.rssi_dbm);
    object.milli("snr_db", reading.snr_db);
    object.axes("magnetic", reading.magnetic.map(|axes| axes.map(i32::from)));
    object.axes("baseline", reading.baseline.map(|axes| axes.map(i32::from)));
    if let Some(previous) = reading.previous {
        object.int("previous_state_min", Some(previous.minutes));
        object.int("previous_state_error_min", previous.error);
        object.bool("previous_state_overflow", previous.overflow);
    }
    object.int("vehicle_count", reading.vehicle_count);
    object.text("firmware", reading.firmware().as_deref());
    object.text("reset_cause", reading.reset_cause().as_deref());
}

/// The facts that stand in `more` though they have a name.
fn in_more(fact: Fact) -> bool {
    matches!(fact, Fact::Direction | Fact::Command)
}

fn more(reading: &Reading<'_>, object: &mut Object<'_>) {
    let named = reading.started.is_some() || reading.proof.is_some() || reading.states(in_more);
    if !named && reading.more().next().is_none() {
        return;
    }
    object.key("more");
    let mut more = Object::open(object.out);
    more.int("boot", reading.boot());
    more.text("direction", reading.direction_code().as_deref());
    more.text("command", reading.command().as_deref());
    more.text("command_state", reading.proof.map(|proof| proof.as_str()));
    for (name, value) in reading.more() {
        match value {
            Value::Bool(value) => more.bool(name, Some(*value)),
            Value::Int(value) => more.int(name, Some(*value)),
            Value::Milli(value) => more.milli(name, Some(*value)),
            Value::Bytes(value) => more.text(name, Some(&Hex(value).to_string())),
            Value::Axes(value) => more.axes(name, Some(*value)),
            Value::Rect(value) => more.rect(name, *value),
            Value::Text(_) | Value::Id(_) | Value::Uuid(_) | Value::Version(_) | Value::Serial(..) => {
                more.text(name, value.text().as_deref());
            }
        }
    }
    more.close();
}

fn milli(out: &mut Vec<u8>, value: Milli) {
    // Writing into a vector cannot fail.
    let _ = write!(out, "{value}");
}

fn axes(out: &mut Vec<u8>, [x, y, z]: [i32; 3]) {
    let _ = write!(out, "[{x},{y},{z}]");
}

fn device_time(out: &mut Vec<u8>, time: DeviceTime) {
    let _ = match time {
        DeviceTime::Utc(at) => write!(out, "\"{at}\""),
        DeviceTime::Local(at) => match at.as_nanos().rem_euclid(1_000_000_000) {
            0 => write!(out, "\"{at}\""),
            nanos => {
                let digits = format!("{nanos:09}");
                write!(out, "\"{at}.{}\"", digits.trim_end_matches('0'))
            }
        },
    };
}

/// A JSON string, escaped as little as JSON asks for.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use parking_types::{Instant, Local, Plate, PlateReading};

    use super::*;
    use crate::reading::{Kind, Proof};

    #[test]
    fn a_reading_prints_what_it_states_and_nothing_else() {
        let mut reading = Reading::new(Kind::Plate);
        let print = |reading: &Reading<'_>| {
            let mut out = Vec::new();
            reading.write_json(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(print(&reading), r#"{"kind":"plate"}"#);
        reading.plate = Some(PlateReading::Plate(Plate::parse("粤B12345").unwrap()));
        reading.set(Fact::Device, Some("a\"b\u{1}"));
        reading.device_time = Some(DeviceTime::Local(Local::from_nanos(1_500_000_000)));
        reading.battery_v = Some(Milli::new(3344));
        reading.magnetic = Some([-1, 0, 1]);
        reading.proof = Some(Proof::Accepted);
        reading.put("raw", &[0xca_u8, 0xfe][..]);
        assert_eq!(
            print(&reading),
            r#"{"kind":"plate","plate":"粤B12345","device":"a\"b\u0001","device_time":"1970-01-01T00:00:01.5","battery_v":3.344,"magnetic":[-1,0,1],"more":{"command_state":"accepted","raw":"CAFE"}}"#
        );
        reading.device_time = Some(DeviceTime::Utc(Instant::EPOCH));
        reading.plate = Some(PlateReading::Unplated);
        let value: serde_json::Value = serde_json::from_str(&print(&reading)).unwrap();
        assert_eq!(value["device_time"], "1970-01-01T00:00:00Z");
        assert_eq!(value.get("plate"), Some(&serde_json::Value::Null));
    }
}
